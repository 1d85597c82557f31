#include "models/traffic/udp_flow.h"

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "models/traffic/udp_socket.h"

namespace overlaysim::traffic {

UdpSinks::Port::iterator UdpSinks::Find(Port& port, uint32_t flow) {
  return std::lower_bound(port.begin(), port.end(), flow, [](const auto& sink, uint32_t f) { return sink.first < f; });
}

bool UdpSinks::Open(host::Stack& stack, uint16_t port, uint32_t flow, Taker& taker) {
  auto [it, isNew] = m_ports.try_emplace({stack.Id(), port});
  if (isNew) {
    it->second = std::make_unique<Port>();
    const int error = stack.BindUdp({}, port, [sinks = it->second.get()](const host::UdpDatagram& datagram) {
      const auto sink = Find(*sinks, datagram.flow);
      if (sink != sinks->end() && sink->first == datagram.flow) sink->second->Take(datagram);  // it may close itself
    });
    if (error != 0) return m_ports.erase(it), false;
  }
  Port& sinks = *it->second;
  const auto at = Find(sinks, flow);
  if (at != sinks.end() && at->first == flow)
    at->second = &taker;
  else
    sinks.emplace(at, flow, &taker);
  return true;
}

void UdpSinks::Close(host::Stack& stack, uint16_t port, uint32_t flow) {
  auto it = m_ports.find({stack.Id(), port});
  if (it == m_ports.end()) return;
  Port& sinks = *it->second;
  if (const auto at = Find(sinks, flow); at != sinks.end() && at->first == flow) sinks.erase(at);
  if (!sinks.empty()) return;
  stack.CloseUdp({}, port);
  m_ports.erase(it);
}

// ------------------------------------------------------------------------------------------------ receiving

bool UdpReceiver::Open() {
  m_isOpen = m_sinks.Open(m_stack, m_port, m_flow, *this);
  if (!m_isOpen) m_result.error = std::strerror(EADDRINUSE);
  return m_isOpen;
}

void UdpReceiver::Take(const host::UdpDatagram& datagram) {
  if (!m_firstArrival) m_firstArrival = ArrivalOf(datagram);
  ++m_result.deliveredPackets;
  m_result.deliveredBytes += datagram.bytes;
  const auto it = std::find_if(m_underWay.begin(), m_underWay.end(),
                               [&](const Sent& sent) { return sent.journey == datagram.journey; });
  if (it != m_underWay.end()) {
    m_lastTaken = engine::Now();
    m_result.latencyNs.Add((m_lastTaken - it->at).count);
    m_underWay.erase(it);
  }
  if (m_isLastSent && m_underWay.empty()) Close();
}

UdpReceiver::Arrival UdpReceiver::ArrivalOf(const host::UdpDatagram& d) {
  return {d.source, d.sourcePort, d.bytes, IsCountingBytes(d.data, d.bytes), d.ttl, d.tos};
}

void UdpReceiver::Close() {
  if (m_isOpen) m_sinks.Close(m_stack, m_port, m_flow);
  m_isOpen = false;
  if (m_isLastSent && onClosed) onClosed();
}

void RemoteUdpFlow::Start() {
  m_receiver.onClosed = [this] { Done(); };
  m_receiver.Open();
}

void RemoteUdpFlow::Hear(const Word& word) {
  if (word.kind == Word::Kind::Sent) {
    if (m_receiver.IsOpen()) m_receiver.Expect(word.number, word.at);
    return;
  }
  m_receiver.ExpectNoMore();
  const bool isWaiting = m_receiver.IsWaiting();
  const Nanoseconds lastTaken = m_receiver.LastTaken();
  // The sender's timer, if anybody was waiting when it sent the last one.
  if (isWaiting || lastTaken > word.at)
    engine::Schedule(std::max(word.then - engine::Now(), Nanoseconds{}), {m_from, 0, word.number}, [this] {
      host::Backlog::Guard guard(m_to.KernelBacklog());
      m_receiver.Close();
    });
  if (isWaiting) return;
  m_receiver.onClosed = nullptr;
  m_receiver.Close();
  DoneAt(std::max(word.at, lastTaken));
}

// ------------------------------------------------------------------------------------------------ sending

UdpFlow::UdpFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const UdpSettings& settings)
    : m_from(from), m_settings(settings), m_payload(SharedCountingBytes(settings.payload)) {
  if (to) m_receiver.emplace(*to, sinks, settings.destinationPort, settings.flow, m_result);
}

UdpFlow::UdpFlow(host::Stack& from, Messenger& receiver, UdpSinks& sinks, const UdpSettings& settings)
    : UdpFlow(from, nullptr, sinks, settings) {
  m_messenger = &receiver;
}

void UdpFlow::Start() {
  if (m_settings.sourcePort == 0)
    m_settings.sourcePort =
        TakeLocalPort(m_from, "flow", m_settings.flow, [this](uint16_t port) { return m_from.OpenUdpSender(port); });
  if (m_receiver) {
    m_receiver->onClosed = [this] { Close(); };
    m_receiver->Open();
  }
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
  if (last && m_receiver) m_receiver->ExpectNoMore();
  {
    uint64_t journey = 0;
    // so that the journey is known before it can arrive
    host::Backlog::Guard guard(m_from.KernelBacklog(), host::Backlog::Guard::kQuiet);
    if (int error = m_from.SendUdp(request, m_settings.sourcePort, m_settings.destinationPort, m_payload, m_repeated,
                                   &journey)) {
      m_result.error = std::strerror(error);
    } else if (m_receiver && m_receiver->IsOpen()) {
      m_receiver->Expect(journey, engine::Now());
    } else if (m_messenger) {
      m_messenger->Tell({.kind = Word::Kind::Sent, .flow = m_settings.flow, .at = engine::Now(), .number = journey});
    }
  }
  // It closes once what it has sent is on its way, and errors that come at once have found it.
  if (last) m_from.AfterQuietly({}, {this}, [this] { m_from.CloseUdpSender(m_settings.sourcePort); });
  if (IsDone()) return;
  if (!last) return m_from.AfterQuietly(m_settings.interval, {this, m_repeated.slot.get()}, [this] { SendNext(); });
  EndSending();
}

void UdpFlow::EndSending() {
  if (m_messenger) {
    m_messenger->Tell({.kind = Word::Kind::LastSent,
                       .flow = m_settings.flow,
                       .at = engine::Now(),
                       .number = m_from.NextSequence(),
                       .then = engine::Now() + m_settings.wait});
    return m_from.Forget(m_repeated);
  }
  if (!m_receiver || !m_receiver->IsWaiting()) return Close();
  m_from.After(m_settings.wait, [this] { m_receiver->Close(); });
}

void UdpFlow::Close() {
  if (m_receiver && m_receiver->IsOpen()) return m_receiver->Close();  // comes back here
  if (!m_sentAll) return;
  m_from.Forget(m_repeated);
  Done();
}

}  // namespace overlaysim::traffic
