// ICMP (net/ipv4/icmp.c).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;

namespace {

constexpr uint32_t kMostErrorBytes = 576;  // RFC 1812: as much of the packet as fits
constexpr int64_t kBurstFactor = 6;        // XRLIM_BURST_FACTOR
constexpr uint8_t kLastIcmpType = 18;      // NR_ICMP_TYPES

bool IsIcmpError(uint8_t type) {  // icmp_pointers[type].error
  return type == wire::kIcmpDestUnreach || type == 4 || type == wire::kIcmpRedirect ||
         type == wire::kIcmpTimeExceeded || type == wire::kIcmpParameterProblem;
}

void CountOut(kernel::SnmpCounters& snmp, uint8_t type) {
  snmp.Add(Snmp::IcmpOutMsgs);
  switch (type) {
    case wire::kIcmpEchoReply:
      return snmp.Add(Snmp::IcmpOutEchoReps);
    case wire::kIcmpEcho:
      return snmp.Add(Snmp::IcmpOutEchos);
    case wire::kIcmpDestUnreach:
      return snmp.Add(Snmp::IcmpOutDestUnreachs);
    case wire::kIcmpTimeExceeded:
      return snmp.Add(Snmp::IcmpOutTimeExcds);
    case wire::kIcmpParameterProblem:
      return snmp.Add(Snmp::IcmpOutParmProbs);
    case wire::kIcmpRedirect:
      return snmp.Add(Snmp::IcmpOutRedirects);
    default:
      return;
  }
}

void CountIn(kernel::SnmpCounters& snmp, uint8_t type) {
  switch (type) {
    case wire::kIcmpEchoReply:
      return snmp.Add(Snmp::IcmpInEchoReps);
    case wire::kIcmpEcho:
      return snmp.Add(Snmp::IcmpInEchos);
    case wire::kIcmpDestUnreach:
      return snmp.Add(Snmp::IcmpInDestUnreachs);
    case 4:
      return snmp.Add(Snmp::IcmpInSrcQuenchs);
    case wire::kIcmpRedirect:
      return snmp.Add(Snmp::IcmpInRedirects);
    case wire::kIcmpTimeExceeded:
      return snmp.Add(Snmp::IcmpInTimeExcds);
    case wire::kIcmpParameterProblem:
      return snmp.Add(Snmp::IcmpInParmProbs);
    case 13:
      return snmp.Add(Snmp::IcmpInTimestamps);
    case 14:
      return snmp.Add(Snmp::IcmpInTimestampReps);
    case 17:
      return snmp.Add(Snmp::IcmpInAddrMasks);
    case 18:
      return snmp.Add(Snmp::IcmpInAddrMaskReps);
    default:
      return;
  }
}

}  // namespace

int Stack::OpenRawIcmp(IcmpHandler handler) {
  m_rawIcmp.emplace_back(++m_lastHandle, std::move(handler));
  return m_lastHandle;
}
void Stack::CloseRawIcmp(int handle) {
  std::erase_if(m_rawIcmp, [&](const auto& socket) { return socket.first == handle; });
}

int Stack::SendIcmpEcho(const SendRequest& given, uint16_t id, uint16_t sequence, std::span<const uint8_t> data,
                        uint64_t* journey) {
  SendRequest request = given;
  request.protocol = wire::kIpProtoIcmp;
  std::vector<uint8_t> message(wire::kIcmpHeaderBytes + data.size());
  message[0] = wire::kIcmpEcho;
  wire::Put16(&message[4], id);
  wire::Put16(&message[6], sequence);
  std::copy(data.begin(), data.end(), message.begin() + wire::kIcmpHeaderBytes);
  wire::Put16(&message[2], wire::Checksum(message.data(), message.size()));
  const int error = SendIpv4(request, message, nullptr, journey);
  if (error == 0) CountOut(m_ns->snmp, wire::kIcmpEcho);
  return error;
}

/// raw_local_deliver(). A socket may close itself, or another one, while it is told.
void Stack::DeliverRawIcmp(const Received& message) {
  std::vector<int> handles;
  for (const auto& [handle, handler] : m_rawIcmp) handles.push_back(handle);
  for (int handle : handles) {
    const auto socket =
        std::find_if(m_rawIcmp.begin(), m_rawIcmp.end(), [&](const auto& s) { return s.first == handle; });
    if (socket == m_rawIcmp.end()) continue;
    const IcmpHandler handler = socket->second;
    handler(message);
  }
}

/// icmp_rcv().
void Stack::IcmpReceive(kernel::Link& link, wire::FramePtr packet) {
  const wire::Ipv4 ip{packet->Data()};
  const Received message{*packet, ip, ip.Payload(), packet->Size() - ip.HeaderBytes()};
  Count(Snmp::IcmpInMsgs);
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  if (message.payloadBytes < wire::kIcmpHeaderBytes) {
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpTooShort);
  }
  if (wire::Checksum(message.payload, message.payloadBytes) != 0) {
    Count(Snmp::IcmpInCsumErrors);
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpChecksum);
  }
  const uint8_t type = message.payload[0], code = message.payload[1];
  CountIn(m_ns->snmp, type);
  if (type > kLastIcmpType) {
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpUnknownType);
  }
  const bool group = packet->type == wire::PacketType::Broadcast || packet->type == wire::PacketType::Multicast ||
                     ip.Destination().IsMulticast() || ip.Destination().IsLimitedBroadcast();
  if (type == wire::kIcmpEcho) {
    if (m_ns->icmpEchoIgnoreAll || group) return done(Verdict::IcmpEchoIgnored);  // icmp_echo_ignore_broadcasts is on
    IcmpReply(*packet);
    return done(Verdict::Consumed);
  }
  if (type == wire::kIcmpDestUnreach && code == wire::kIcmpFragNeeded)
    IcmpPmtu(message, wire::Get16(message.payload + 6));
  done(Verdict::Consumed);
}

/// ipv4_update_pmtu() for the packet that an error quotes, from whoever sent it: the socket's own setting is checked
/// there.
void Stack::IcmpPmtu(const Received& message, uint32_t mtu) {
  const uint8_t* quoted = message.payload + wire::kIcmpHeaderBytes;
  if (message.payloadBytes < wire::kIcmpHeaderBytes + wire::kIpv4HeaderBytes + 8) return;
  const wire::Ipv4 inner{const_cast<uint8_t*>(quoted)};
  if (inner.Version() != 4) return;
  const RouteOut out = RouteOutput({.destination = inner.Destination(), .tos = inner.Tos()});
  if (out.error != 0 || out.answer.route.mtuLocked) return;
  const uint32_t before = OutputMtu(out, inner.Destination());
  if (mtu == 0 || mtu >= before) return;
  const bool locked = mtu < m_ns->minPmtu;
  m_ns->LearnPmtu(inner.Destination(), locked ? std::min(before, m_ns->minPmtu) : mtu,
                  engine::Now() + m_ns->pmtuExpires, locked);
}

/// icmp_reply(): an echo answered in kind.
void Stack::IcmpReply(const wire::Frame& packet) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  SendRequest request{.destination = ip.Source(),
                      .protocol = wire::kIpProtoIcmp,
                      .tos = ip.Tos(),
                      .mark = 0,
                      .cause = packet.journey,
                      .flow = packet.flow};
  request.source = ip.Destination();
  const RouteOut out = RouteOutput(request);
  if (out.error != 0 || !IcmpAllowed(ip.Source(), wire::kIcmpEchoReply, 0, out)) return;
  std::vector<uint8_t> message(packet.Data() + ip.HeaderBytes(), packet.Data() + packet.Size());
  message[0] = wire::kIcmpEchoReply;
  wire::Put16(&message[2], 0);
  wire::Put16(&message[2], wire::Checksum(message.data(), message.size()));
  if (SendIpv4(request, message, &out) == 0) CountOut(m_ns->snmp, wire::kIcmpEchoReply);
}

Stack::PeerTokens& Stack::TokensOf(Ipv4Address peer) {
  return m_peers.try_emplace(peer.value, PeerTokens{Seconds(60), engine::Now()})
      .first->second;  // full, see inet_getpeer()
}

bool Stack::PeerTokens::Take(Nanoseconds now, Nanoseconds cost, int64_t burst) {
  tokens = std::min(tokens + (now - last), cost * burst);
  last = now;
  if (tokens < cost) return false;
  tokens = tokens - cost;
  return true;
}

/// ip_error() has a limit of its own (ip_rt_error_cost, ip_rt_error_burst) on the tokens from which icmp_send() takes
/// again: of a burst of packets without a route the first two are answered.
bool Stack::RouteErrorAllowed(Ipv4Address to) {
  constexpr int64_t kErrorBurst = 5;
  return TokensOf(to).Take(engine::Now(), Seconds(1), kErrorBurst);
}

/// icmp_global_allow() and inet_peer_xrlim_allow(): token buckets for all and for each receiver.
bool Stack::IcmpAllowed(Ipv4Address to, uint8_t type, uint8_t code, const RouteOut& out) {
  if (type > kLastIcmpType || (type == wire::kIcmpDestUnreach && code == wire::kIcmpFragNeeded)) return true;
  if (!(m_ns->icmpRateMask >> type & 1) || out.toLocal) return true;
  const Nanoseconds now = engine::Now();
  // Global: icmp_msgs_per_sec, refilled when 20 ms have passed, at most icmp_msgs_burst.
  if (!m_icmpGlobalStarted || now - m_icmpGlobalStamp >= Milliseconds(20)) {
    const int64_t delta = m_icmpGlobalStarted ? std::min(now - m_icmpGlobalStamp, Seconds(1)).count : Seconds(1).count;
    const int64_t more = m_ns->icmpMsgsPerSec * delta / Seconds(1).count;
    if (more > 0) {
      m_icmpGlobalStamp = now;
      m_icmpGlobalCredit = static_cast<uint32_t>(std::min<int64_t>(m_icmpGlobalCredit + more, m_ns->icmpMsgsBurst));
    }
    m_icmpGlobalStarted = true;
  }
  if (m_icmpGlobalCredit == 0) {
    Count(Snmp::IcmpOutRateLimitGlobal);
    return false;
  }
  // Per receiver: one each icmp_ratelimit ms, six at once after a pause.
  const Nanoseconds limit = Milliseconds(m_ns->icmpRateLimitMs);
  if (limit.count > 0 && !TokensOf(to).Take(now, limit, kBurstFactor)) {
    Count(Snmp::IcmpOutRateLimitHost);
    return false;
  }
  --m_icmpGlobalCredit;
  return true;
}

/// icmp_send(): an error about `packet`, which starts at its IPv4 header.
void Stack::IcmpSend(const wire::Frame& packet, uint8_t type, uint8_t code, uint32_t info) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  if (packet.Size() < wire::kIpv4HeaderBytes) return;
  if (packet.type != wire::PacketType::Host && packet.type != wire::PacketType::Outgoing) return;
  if (ip.OffsetBytes() != 0) return;
  if (ip.Source().IsZero() || ip.Source().IsMulticast() || ip.Source().IsLimitedBroadcast()) return;
  if (ip.Destination().IsMulticast() || ip.Destination().IsLimitedBroadcast()) return;
  if (ip.Protocol() == wire::kIpProtoIcmp && IsIcmpError(type) &&
      (packet.Size() <= ip.HeaderBytes() || ip.Payload()[0] > kLastIcmpType || IsIcmpError(ip.Payload()[0])))
    return;  // never an error about an error (RFC 1122), nor about what may be one
  SendRequest request{
      .destination = ip.Source(), .protocol = wire::kIpProtoIcmp, .cause = packet.journey, .flow = packet.flow};
  // IPTOS_PREC_INTERNETCONTROL for errors
  request.tos = static_cast<uint8_t>((ip.Tos() & 0x1e) | 0xc0);
  if (m_ns->IsLocalAddress(ip.Destination()))
    request.source = ip.Destination();
  else if (m_ns->icmpErrorsUseInboundIfaddr && packet.iif != 0)
    request.source = m_ns->SelectAddress(packet.iif, ip.Source(), kernel::kScopeLink);
  const RouteOut out = RouteOutput(request);
  if (out.error != 0 || !IcmpAllowed(ip.Source(), type, code, out)) return;
  uint32_t room = std::min(OutputMtu(out, request.destination), kMostErrorBytes);
  room -= wire::kIpv4HeaderBytes + wire::kIcmpHeaderBytes;
  const uint32_t quoted = std::min(packet.Size(), room);
  std::vector<uint8_t> message(wire::kIcmpHeaderBytes + quoted);
  message[0] = type;
  message[1] = code;
  wire::Put32(&message[4], info);
  std::memcpy(&message[wire::kIcmpHeaderBytes], packet.Data(), quoted);
  wire::Put16(&message[2], wire::Checksum(message.data(), message.size()));
  if (SendIpv4(request, message, &out) == 0) CountOut(m_ns->snmp, type);
}

}  // namespace overlaysim::host
