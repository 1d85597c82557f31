#include "models/traffic/udp_flow.h"

#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"

namespace overlaysim::traffic {

bool UdpSinks::Open(host::Stack& stack, uint16_t port, uint32_t flow, Handler handler) {
  const std::pair key{stack.Id(), port};
  auto it = m_sinks.find(key);
  if (it == m_sinks.end()) {
    const int error = stack.BindUdp({}, port, [this, key](const host::UdpDatagram& datagram) {
      auto sinks = m_sinks.find(key);
      if (sinks == m_sinks.end()) return;
      auto sink = sinks->second.find(datagram.flow);
      if (sink == sinks->second.end()) return;
      const Handler call = sink->second;  // a copy: it may close itself
      call(datagram);
    });
    if (error != 0) return false;
    it = m_sinks.try_emplace(key).first;
  }
  it->second[flow] = std::move(handler);
  return true;
}

void UdpSinks::Close(host::Stack& stack, uint16_t port, uint32_t flow) {
  auto it = m_sinks.find({stack.Id(), port});
  if (it == m_sinks.end()) return;
  it->second.erase(flow);
  if (!it->second.empty()) return;
  m_sinks.erase(it);
  stack.CloseUdp({}, port);
}

UdpFlow::UdpFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const UdpSettings& settings)
    : m_from(from), m_to(to), m_sinks(sinks), m_settings(settings), m_payload(CountingBytes(settings.payload)) {}

void UdpFlow::Start() {
  if (m_to)
    m_open = m_sinks.Open(*m_to, m_settings.destinationPort, m_settings.flow,
                          [this](const host::UdpDatagram& datagram) { Received(datagram); });
  if (m_to && !m_open) m_result.error = std::strerror(EADDRINUSE);
  SendNext();
}

void UdpFlow::SendNext() {
  ++m_result.offeredPackets;
  m_result.offeredBytes += m_settings.payload;
  const host::SendRequest request{.source = m_settings.source,
                                  .destination = m_settings.destination,
                                  .ttl = m_settings.ttl,
                                  .tos = m_settings.tos,
                                  .pmtu = m_settings.pmtu,
                                  .flow = m_settings.flow,
                                  .autoFlowLabel = m_settings.autoFlowLabel};
  const bool last = m_result.offeredPackets >= m_settings.count;
  m_sentAll = last;
  {
    uint64_t journey = 0;
    host::Backlog::Guard guard(m_from.KernelBacklog());  // so that the journey is known before it can arrive
    if (int error = m_from.SendUdp(request, m_settings.sourcePort, m_settings.destinationPort, m_payload, &journey)) {
      m_result.error = std::strerror(error);
    } else if (m_open) {
      m_underWay.emplace(journey, engine::Now());
    }
  }
  // It closes once what it has sent is on its way, and errors that come at once have found it.
  if (last) m_from.After({}, [this] { m_from.CloseUdpSender(m_settings.sourcePort); });
  if (IsDone()) return;
  if (!last) return m_from.After(m_settings.interval, [this] { SendNext(); });
  if (!m_open || m_underWay.empty()) return Close();
  m_from.After(m_settings.wait, [this] { Close(); });
}

void UdpFlow::Received(const host::UdpDatagram& datagram) {
  if (!m_firstArrival) m_firstArrival = ArrivalOf(datagram);
  ++m_result.deliveredPackets;
  m_result.deliveredBytes += datagram.bytes;
  if (auto it = m_underWay.find(datagram.journey); it != m_underWay.end()) {
    m_result.latencyNs.Add((engine::Now() - it->second).count);
    m_underWay.erase(it);
  }
  if (m_sentAll && m_underWay.empty()) Close();
}

UdpFlow::Arrival UdpFlow::ArrivalOf(const host::UdpDatagram& d) {
  return {d.source, d.sourcePort, d.bytes, IsCountingBytes(d.data, d.bytes), d.ttl, d.tos};
}

void UdpFlow::Close() {
  if (m_open) m_sinks.Close(*m_to, m_settings.destinationPort, m_settings.flow);
  m_open = false;
  if (m_sentAll) Done();
}

}  // namespace overlaysim::traffic
