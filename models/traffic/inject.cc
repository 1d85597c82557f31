#include "models/traffic/inject.h"

namespace overlaysim::traffic {

void Inject::Start() {
  host::Backlog::Guard guard(m_stack.KernelBacklog());
  for (const auto& bytes : m_frames) {
    wire::FramePtr frame = wire::MakeFrame(bytes);
    frame->flow = m_flow;
    ++m_result.offeredPackets;
    m_result.offeredBytes += bytes.size();
    m_stack.SendFrame(m_ifindex, std::move(frame));
  }
  Done();
}

}  // namespace overlaysim::traffic
