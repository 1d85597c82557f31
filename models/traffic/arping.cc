#include "models/traffic/arping.h"

#include <fmt/format.h>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"

namespace overlaysim::traffic {
namespace {

/// print_hex(): in capital letters.
std::string Hexadecimal(const MacAddress& mac) {
  std::string text = mac.ToString();
  for (char& c : text)
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

}  // namespace

std::string ArpingMilliseconds(Nanoseconds time) {
  const int64_t us = (time.count + 500) / 1000;
  const int64_t ms = (us + 500) / 1000;
  return fmt::format("{}.{:03}ms", ms, us - (ms * 1000 - 500));
}

void Arping::Start() {
  const kernel::Link& link = *m_stack.Ns().GetLink(m_settings.ifindex);
  m_own = link.address;
  m_socket = m_stack.OpenPacket(m_settings.ifindex, wire::kEtherTypeArp,
                                [this](const wire::Frame& frame) { Received(frame); });
  if (!m_settings.quiet)
    m_result.output = fmt::format("ARPING {} from {} {}\n", m_settings.destination.ToString(),
                                  m_settings.source.ToString(), link.name);
  const Nanoseconds now = engine::Now();
  m_nextTick = now + m_settings.interval;
  m_stack.After(m_settings.interval, [this] { Tick(); });
  if (m_settings.timeout)
    m_stack.After(*m_settings.timeout, [this] {
      if (m_nextTick == engine::Now()) Tick();  // the event loop looks at this timer first
      End();
    });
  host::Backlog::Guard guard(m_stack.KernelBacklog());
  Send();
}

void Arping::Send() {
  wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kArpBytes);
  wire::Ethernet{frame->Data()}.Write(m_to, m_own, wire::kEtherTypeArp);
  wire::Arp{frame->Data() + wire::kEthernetHeaderBytes}.Write(
      m_settings.advertise ? wire::kArpReply : wire::kArpRequest, m_own, m_settings.source,
      m_settings.advertise ? m_own : m_to, m_settings.destination);
  frame->flow = m_settings.flow;
  m_lastSent = engine::Now();
  ++m_sent;
  if (m_to.IsBroadcast()) ++m_sentBroadcast;
  ++m_result.offeredPackets;
  m_result.offeredBytes += wire::kArpBytes;
  if (m_stack.Ns().GetLink(m_settings.ifindex)) m_stack.SendFrame(m_settings.ifindex, std::move(frame));
}

void Arping::Tick() {
  if (IsDone()) return;
  if (m_settings.count != 0 && ++m_ticks > m_settings.count) return End();
  m_nextTick = engine::Now() + m_settings.interval;
  m_stack.After(m_settings.interval, [this] { Tick(); });
  Send();
}

/// recv_pack().
void Arping::Received(const wire::Frame& frame) {
  if (IsDone() || frame.type == wire::PacketType::OtherHost) return;
  if (frame.Size() < wire::kEthernetHeaderBytes + wire::kArpBytes) return;
  const wire::Arp arp{const_cast<uint8_t*>(frame.Data()) + wire::kEthernetHeaderBytes};
  const bool isRequest = arp.Operation() == wire::kArpRequest;
  if (!arp.IsIpv4OverEthernet() || (!isRequest && arp.Operation() != wire::kArpReply)) return;
  const bool isForUs = arp.TargetIp() == m_settings.source;
  if (arp.SenderIp() != m_settings.destination) return;
  if (!m_settings.duplicate && (!isForUs || arp.TargetMac() != m_own)) return;
  if (m_settings.duplicate && (arp.SenderMac() == m_own || (!m_settings.source.IsZero() && !isForUs))) return;
  const bool isUnicast = frame.type == wire::PacketType::Host;
  if (!m_settings.quiet) {
    m_result.output +=
        fmt::format("{} {} from {} [{}] ", isUnicast ? "Unicast" : "Broadcast", isRequest ? "request" : "reply",
                    arp.SenderIp().ToString(), Hexadecimal(arp.SenderMac()));
    if (!isForUs) m_result.output += fmt::format("for {} ", arp.TargetIp().ToString());
    if (arp.TargetMac() != m_own)
      m_result.output += fmt::format("{}[{}]", isForUs ? "for " : "", Hexadecimal(arp.TargetMac()));
    m_result.output += fmt::format(" {}\n", ArpingMilliseconds(engine::Now() - m_lastSent));
  }
  ++m_received;
  ++m_result.deliveredPackets;
  m_result.deliveredBytes += wire::kArpBytes;
  m_result.rttNs.Add((engine::Now() - m_lastSent).count);
  if (m_settings.timeout && m_received == m_settings.count) return End();
  if (!isUnicast) ++m_receivedBroadcast;
  if (isRequest) ++m_receivedRequests;
  if (m_settings.quitOnReply || (m_settings.count == 0 && m_received == m_sent)) return End();
  if (!m_settings.broadcastOnly) m_to = arp.SenderMac();
}

/// finish().
void Arping::End() {
  if (IsDone()) return;
  if (!m_settings.quiet) {
    m_result.output +=
        fmt::format("Sent {} probes ({} broadcast(s))\nReceived {} response(s)", m_sent, m_sentBroadcast, m_received);
    if (m_receivedBroadcast > 0 || m_receivedRequests > 0) {
      m_result.output += " (";
      if (m_receivedRequests > 0) m_result.output += fmt::format("{} request(s)", m_receivedRequests);
      if (m_receivedBroadcast > 0)
        m_result.output += fmt::format("{}{} broadcast(s)", m_receivedRequests > 0 ? ", " : "", m_receivedBroadcast);
      m_result.output += ")";
    }
    m_result.output += "\n";
  }
  if (m_settings.duplicate)
    m_result.exit = m_received > 0;
  else if (!m_settings.unsolicited && m_settings.timeout && m_settings.count > 0 && !m_settings.quitOnReply)
    m_result.exit = m_received < m_settings.count;
  else
    m_result.exit = !m_settings.unsolicited && m_received == 0;
  Terminate();
}

void Arping::Terminate() {
  Close();
  Done();
}

void Arping::Close() {
  if (m_socket != 0) m_stack.ClosePacket(m_socket);
  m_socket = 0;
}

}  // namespace overlaysim::traffic
