#pragma once

#include "models/host/stack.h"
#include "models/traffic/flow.h"

namespace overlaysim::traffic {

/// Frames put on a device as they are, as an AF_PACKET socket does.
class Inject : public Flow {
 public:
  Inject(host::Stack& stack, int ifindex, std::vector<std::vector<uint8_t>> frames, uint32_t flow)
      : m_stack(stack), m_ifindex(ifindex), m_frames(std::move(frames)), m_flow(flow) {}
  void Start() override;

 private:
  host::Stack& m_stack;
  int m_ifindex;
  std::vector<std::vector<uint8_t>> m_frames;
  uint32_t m_flow;
};

}  // namespace overlaysim::traffic
