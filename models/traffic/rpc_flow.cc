#include "models/traffic/rpc_flow.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "models/traffic/udp_socket.h"

namespace overlaysim::traffic {

RpcFlow::RpcFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const RpcSettings& settings)
    : m_from(from),
      m_to(to),
      m_sinks(sinks),
      m_settings(settings),
      m_request(SharedCountingBytes(settings.request)),
      m_reply(SharedCountingBytes(settings.reply)) {}

void RpcFlow::Start() {
  m_port = TakeLocalPort(m_from, "flow", m_settings.flow, [this](uint16_t port) {
    return m_from.BindUdp({}, port, [this](const host::UdpDatagram& datagram) { TakeReply(datagram); }) == 0;
  });
  if (m_to) m_isOpen = m_sinks.Open(*m_to, m_settings.destinationPort, m_settings.flow, *this);
  if (m_to && !m_isOpen) m_result.error = std::strerror(EADDRINUSE);
  SendNext();
}

/// Whether another request follows the one that is being sent.
bool RpcFlow::IsLast() const {
  if (m_result.offeredPackets >= m_settings.count) return true;
  return m_settings.interval.count > 0 && m_settings.until && *m_settings.until <= engine::Now() + m_settings.interval;
}

void RpcFlow::SendNext() {
  if (IsDone()) return;
  if (m_settings.until && *m_settings.until <= engine::Now()) {
    m_sentAll = true;
    if (m_underWay.empty()) Close();
    return;
  }
  ++m_result.offeredPackets;
  m_result.offeredBytes += m_settings.request;
  m_sentAll = IsLast();
  {
    uint64_t journey = 0;
    // so that the journey is known before it can arrive
    host::Backlog::Guard guard(m_from.KernelBacklog(), host::Backlog::Guard::kQuiet);
    const host::SendRequest request{
        .destination = m_settings.destination, .pmtu = host::SendRequest::Pmtu::Want, .flow = m_settings.flow};
    if (const int error =
            m_from.SendUdp(request, m_port, m_settings.destinationPort, m_request, m_repeatedRequest, &journey))
      m_result.error = std::strerror(error);
    m_underWay.push_back({journey, 0, engine::Now()});
  }
  WatchOldest();
  if (m_settings.interval.count > 0 && !m_sentAll)
    m_from.AfterQuietly(m_settings.interval, {this}, [this] { SendNext(); });
}

/// Gives up requests that have waited too long.
void RpcFlow::WatchOldest() {
  if (m_isWatched || m_underWay.empty()) return;
  m_isWatched = true;
  m_from.AfterQuietly(m_underWay.front().at + m_settings.wait - engine::Now(), {this}, [this] {
    m_isWatched = false;
    while (!m_underWay.empty() && m_underWay.front().at + m_settings.wait <= engine::Now()) {
      m_underWay.erase(m_underWay.begin());
      Ended();
    }
    WatchOldest();
  });
}

/// A request has its reply, or will not get one.
void RpcFlow::Ended() {
  if (IsDone()) return;
  if (m_sentAll && m_underWay.empty()) return Close();
  if (m_settings.interval.count == 0) m_from.AfterQuietly({}, {this}, [this] { SendNext(); });
}

/// The server's process answers when it runs, not in the softirq that brings the request.
void RpcFlow::Take(const host::UdpDatagram& datagram) {
  m_to->AfterQuietly({}, {this},
                     [this, request = datagram.journey, from = datagram.destination, to = datagram.source,
                      port = datagram.sourcePort] { Answer(request, from, to, port); });
}

void RpcFlow::Answer(uint64_t request, const IpAddress& from, const IpAddress& to, uint16_t toPort) {
  const host::SendRequest answer{.source = from,
                                 .destination = to,
                                 .pmtu = host::SendRequest::Pmtu::Want,
                                 .cause = request,
                                 .flow = m_settings.flow};
  uint64_t journey = 0;
  host::Backlog::Guard guard(m_to->KernelBacklog(), host::Backlog::Guard::kQuiet);
  if (m_to->SendUdp(answer, m_settings.destinationPort, toPort, m_reply, m_repeatedReply, &journey) != 0) return;
  const auto call =
      std::find_if(m_underWay.begin(), m_underWay.end(), [&](const Call& c) { return c.request == request; });
  if (call != m_underWay.end()) call->reply = journey;
}

void RpcFlow::TakeReply(const host::UdpDatagram& datagram) {
  const auto call = std::find_if(m_underWay.begin(), m_underWay.end(),
                                 [&](const Call& c) { return c.reply != 0 && c.reply == datagram.journey; });
  if (call == m_underWay.end()) return;
  ++m_result.deliveredPackets;
  m_result.deliveredBytes += datagram.bytes;
  m_result.rttNs.Add((engine::Now() - call->at).count);
  m_underWay.erase(call);
  Ended();
}

void RpcFlow::Close() {
  if (IsDone()) return;
  if (m_isOpen) m_sinks.Close(*m_to, m_settings.destinationPort, m_settings.flow);
  m_isOpen = false;
  // Not in the middle of what the socket is told
  m_from.AfterQuietly({}, {this}, [this] { m_from.CloseUdp({}, m_port); });
  m_from.Forget(m_repeatedRequest);
  if (m_to) m_to->Forget(m_repeatedReply);
  Done();
}

}  // namespace overlaysim::traffic
