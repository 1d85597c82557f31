#include "models/traffic/inject.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/host/stack_inline.h"

namespace overlaysim::traffic {

void Inject::Start() {
  if (m_listener.on) {
    const int error = m_listener.on->BindUdp(m_listener.address, m_listener.port, [this](const host::UdpDatagram& d) {
      m_firstArrival = UdpReceiver::ArrivalOf(d);
      ++m_result.deliveredPackets;
      m_result.deliveredBytes += d.bytes;
      Close();
    });
    if (error != 0) {
      m_result.error = std::strerror(error);
      m_listener.on = nullptr;
    }
  }
  for (const auto& bytes : m_frames) {
    ++m_result.offeredPackets;
    m_result.offeredBytes += bytes.size();
    // An event each: one send() has run its course inside the kernel before the next.
    m_stack.After({}, [this, &bytes] { m_stack.SendFrame(m_ifindex, wire::MakeFrame(bytes)); });
  }
  if (m_listener.elsewhere)
    return m_listener.elsewhere->Tell({.kind = Word::Kind::LastSent,
                                       .flow = m_listener.flow,
                                       .at = engine::Now(),
                                       .number = m_stack.NextSequence(),
                                       .then = engine::Now() + m_listener.wait});
  if (!m_listener.on) return Done();
  m_stack.After(m_listener.wait, [this] { Close(); });
}

void Inject::Close() {
  if (IsDone()) return;
  m_listener.on->CloseUdp(m_listener.address, m_listener.port);
  Done();
}

void RemoteInject::Start() {
  const int error = m_listener.on->BindUdp(m_listener.address, m_listener.port, [this](const host::UdpDatagram& d) {
    ++m_result.deliveredPackets;
    m_result.deliveredBytes += d.bytes;
    Close();
  });
  if (error == 0) return;
  m_result.error = std::strerror(error);
  Done();
}

void RemoteInject::Hear(const Word& word) {
  if (!m_result.error.empty()) return;
  engine::Schedule(std::max(word.then - engine::Now(), Nanoseconds{}), {m_from, 0, word.number}, [this] {
    host::Backlog::Guard guard(m_listener.on->KernelBacklog());
    Close();
  });
}

void RemoteInject::Close() {
  if (IsDone()) return;
  m_listener.on->CloseUdp(m_listener.address, m_listener.port);
  Done();
}

}  // namespace overlaysim::traffic
