#include "models/traffic/rpc_flow.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "models/traffic/udp_socket.h"

namespace overlaysim::traffic {

// ------------------------------------------------------------------------------------------------ answering

RpcServer::RpcServer(host::Stack& stack, UdpSinks& sinks, const RpcSettings& settings)
    : m_stack(stack),
      m_sinks(sinks),
      m_port(settings.destinationPort),
      m_flow(settings.flow),
      m_reply(SharedCountingBytes(settings.reply)) {}

bool RpcServer::Open() { return m_isOpen = m_sinks.Open(m_stack, m_port, m_flow, *this); }

void RpcServer::Close() {
  if (m_isOpen) m_sinks.Close(m_stack, m_port, m_flow);
  m_isOpen = false;
  m_stack.Forget(m_repeated);
}

/// Its process answers when it runs, not in the softirq that brings the request.
void RpcServer::Take(const host::UdpDatagram& datagram) {
  m_stack.AfterQuietly({}, {this},
                       [this, request = datagram.journey, from = datagram.destination, to = datagram.source,
                        port = datagram.sourcePort] { Answer(request, from, to, port); });
}

void RpcServer::Answer(uint64_t request, const IpAddress& from, const IpAddress& to, uint16_t toPort) {
  const host::SendRequest answer{
      .source = from, .destination = to, .pmtu = host::SendRequest::Pmtu::Want, .cause = request, .flow = m_flow};
  host::Backlog::Guard guard(m_stack.KernelBacklog(), host::Backlog::Guard::kQuiet);
  m_stack.SendUdp(answer, m_port, toPort, m_reply, m_repeated);
}

void RemoteRpcServer::Start() {
  if (!m_server.Open()) m_result.error = std::strerror(EADDRINUSE);
}

void RemoteRpcServer::Hear(const Word&) { m_server.Close(); }

// ------------------------------------------------------------------------------------------------ asking

RpcFlow::RpcFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const RpcSettings& settings)
    : m_from(from), m_settings(settings), m_request(SharedCountingBytes(settings.request)) {
  if (to) m_server.emplace(*to, sinks, settings);
}

RpcFlow::RpcFlow(host::Stack& from, Messenger& server, UdpSinks& sinks, const RpcSettings& settings)
    : RpcFlow(from, nullptr, sinks, settings) {
  m_messenger = &server;
}

void RpcFlow::Start() {
  m_port = TakeLocalPort(m_from, "flow", m_settings.flow, [this](uint16_t port) {
    return m_from.BindUdp({}, port, [this](const host::UdpDatagram& datagram) { TakeReply(datagram); }) == 0;
  });
  if (m_server && !m_server->Open()) m_result.error = std::strerror(EADDRINUSE);
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
    if (const int error = m_from.SendUdp(request, m_port, m_settings.destinationPort, m_request, m_repeated, &journey))
      m_result.error = std::strerror(error);
    m_underWay.push_back({journey, engine::Now()});
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

void RpcFlow::TakeReply(const host::UdpDatagram& datagram) {
  const auto call =
      std::find_if(m_underWay.begin(), m_underWay.end(), [&](const Call& c) { return c.request == datagram.cause; });
  if (call == m_underWay.end()) return;
  ++m_result.deliveredPackets;
  m_result.deliveredBytes += datagram.bytes;
  m_result.rttNs.Add((engine::Now() - call->at).count);
  m_underWay.erase(call);
  Ended();
}

void RpcFlow::Close() {
  if (IsDone()) return;
  if (m_server) m_server->Close();
  if (m_messenger)
    m_messenger->Tell({.kind = Word::Kind::NoMoreRequests, .flow = m_settings.flow, .at = engine::Now()});
  // Not in the middle of what the socket is told
  m_from.AfterQuietly({}, {this}, [this] { m_from.CloseUdp({}, m_port); });
  m_from.Forget(m_repeated);
  Done();
}

}  // namespace overlaysim::traffic
