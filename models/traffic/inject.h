#pragma once

#include "models/host/stack.h"
#include "models/traffic/udp_flow.h"

namespace overlaysim::traffic {

/// Frames put on a device as they are, as an AF_PACKET socket does; and a UDP socket that one of them may reach.
class Inject : public Flow {
 public:
  struct Listener {
    host::Stack* on = nullptr;  ///< null: nobody listens
    IpAddress address;          ///< none: any
    uint16_t port = 0;
    Nanoseconds wait;
    Messenger* elsewhere = nullptr;  ///< to a RemoteInject that listens
    uint32_t flow = 0;               ///< of what it is told
  };
  Inject(host::Stack& stack, int ifindex, std::vector<std::vector<uint8_t>> frames, const Listener& listener)
      : m_stack(stack), m_ifindex(ifindex), m_frames(std::move(frames)), m_listener(listener) {}
  void Start() override;
  const std::optional<UdpFlow::Arrival>& FirstArrival() const { return m_firstArrival; }

 private:
  host::Stack& m_stack;
  int m_ifindex;
  std::vector<std::vector<uint8_t>> m_frames;
  void Close();
  Listener m_listener;
  std::optional<UdpFlow::Arrival> m_firstArrival;
};

/// The socket of an Inject whose sender is somewhere else.
class RemoteInject : public Flow {
 public:
  RemoteInject(NetnsId from, const Inject::Listener& listener) : m_from(from), m_listener(listener) {}
  void Start() override;
  void Hear(const Word& word) override;

 private:
  void Close();

  NetnsId m_from;
  Inject::Listener m_listener;
};

}  // namespace overlaysim::traffic
