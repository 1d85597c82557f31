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
constexpr uint8_t kLastUnreachCode = 15;   // NR_ICMP_UNREACH
constexpr uint8_t kIcmpSourceQuench = 4;

bool IsIcmpError(uint8_t type) {  // icmp_pointers[type].error; unassigned types and router discovery count too
  return type <= kLastIcmpType && type != wire::kIcmpEchoReply && type != wire::kIcmpEcho &&
         type <= wire::kIcmpParameterProblem;
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
    case kIcmpSourceQuench:
      return snmp.Add(Snmp::IcmpInSrcQuenchs);
    case wire::kIcmpRedirect:
      return snmp.Add(Snmp::IcmpInRedirects);
    case wire::kIcmpTimeExceeded:
      return snmp.Add(Snmp::IcmpInTimeExcds);
    case wire::kIcmpParameterProblem:
      return snmp.Add(Snmp::IcmpInParmProbs);
    case wire::kIcmpTimestamp:
      return snmp.Add(Snmp::IcmpInTimestamps);
    case wire::kIcmpTimestampReply:
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
  const bool isV6 = given.destination.IsV6();
  std::vector<uint8_t> message(wire::kIcmpHeaderBytes + data.size());
  message[0] = isV6 ? uint8_t{wire::kIcmpv6Echo} : uint8_t{wire::kIcmpEcho};
  wire::Put16(&message[4], id);
  wire::Put16(&message[6], sequence);
  std::copy(data.begin(), data.end(), message.begin() + wire::kIcmpHeaderBytes);
  if (isV6) return SendIcmpv6(request, std::move(message), nullptr, journey);
  request.protocol = wire::kIpProtoIcmp;
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
void Stack::IcmpReceive(kernel::Link& link, wire::FramePtr packet, bool toGroup) {
  const wire::Ipv4 ip{packet->Data()};
  const Received message{*packet, ip, ip.Payload(), packet->Size() - ip.HeaderBytes()};
  Count(Snmp::IcmpInMsgs);
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  if (wire::Checksum(message.payload, message.payloadBytes) != 0) {
    Count(Snmp::IcmpInCsumErrors);
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpChecksum);
  }
  if (message.payloadBytes < wire::kIcmpHeaderBytes) {
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpTooShort);
  }
  const uint8_t type = message.payload[0];
  CountIn(m_ns->snmp, type);
  if (type == wire::kIcmpExtendedEcho || type == wire::kIcmpExtendedEchoReply)
    return done(Verdict::Consumed);  // icmp_echo_enable_probe is off
  if (type > kLastIcmpType) {
    Count(Snmp::IcmpInErrors);
    return done(Verdict::IcmpUnknownType);
  }
  if (toGroup) {
    const bool answered = (type == wire::kIcmpEcho || type == wire::kIcmpTimestamp) && !m_ns->icmpEchoIgnoreBroadcasts;
    const bool addressMask = type == 17 || type == 18;
    if (!answered && !addressMask) {
      Count(Snmp::IcmpInErrors);
      return done(Verdict::IcmpToGroup);
    }
  }
  const uint8_t* const begin = message.payload;
  switch (type) {
    case wire::kIcmpEcho:
      if (m_ns->icmpEchoIgnoreAll) return done(Verdict::IcmpEchoIgnored);
      IcmpReply(*packet, {begin, begin + message.payloadBytes});
      break;
    case wire::kIcmpTimestamp: {
      if (message.payloadBytes < wire::kIcmpHeaderBytes + 4) {
        Count(Snmp::IcmpInErrors);
        return done(Verdict::IcmpTooShort);
      }
      std::vector<uint8_t> answer(begin, begin + wire::kIcmpHeaderBytes + 4);
      answer.resize(wire::kIcmpHeaderBytes + 12);
      wire::Put32(&answer[12], TimeOfDay());
      wire::Put32(&answer[16], TimeOfDay());
      answer[0] = wire::kIcmpTimestampReply;
      answer[1] = 0;
      IcmpReply(*packet, std::move(answer));
      break;
    }
    case wire::kIcmpDestUnreach:
    case kIcmpSourceQuench:
    case wire::kIcmpRedirect:
    case wire::kIcmpTimeExceeded:
    case wire::kIcmpParameterProblem:
      return done(IcmpError(message));
    default:
      break;
  }
  done(Verdict::Consumed);
}

/// icmp_unreach() and icmp_redirect(): an error finds the socket whose packet it quotes, or counts as one.
Verdict Stack::IcmpError(const Received& message) {
  const uint8_t type = message.payload[0], code = message.payload[1];
  const uint32_t quotedBytes = message.payloadBytes - wire::kIcmpHeaderBytes;
  const wire::Ipv4 quoted{const_cast<uint8_t*>(message.payload) + wire::kIcmpHeaderBytes};
  const bool isCut = quotedBytes < wire::kIpv4HeaderBytes;
  if (isCut || quoted.HeaderBytes() < wire::kIpv4HeaderBytes) {
    Count(Snmp::IcmpInErrors);
    return isCut ? Verdict::IcmpErrorMalformed : Verdict::IpHeaderError;
  }
  if (type == wire::kIcmpDestUnreach && code > kLastUnreachCode) return Verdict::Consumed;
  if (type == wire::kIcmpTimeExceeded && code == 1) return Verdict::Consumed;  // reassembly: no socket is told
  if (quotedBytes < quoted.HeaderBytes() + 8) {                                // icmp_socket_deliver()
    Count(Snmp::IcmpInErrors);
    return Verdict::Consumed;
  }
  if (type == wire::kIcmpDestUnreach && code == wire::kIcmpFragNeeded)
    IcmpPmtu(message, wire::Get16(message.payload + 6));
  const bool nobodys = (quoted.Protocol() == wire::kIpProtoUdp && !UdpHasSender(quoted, quotedBytes)) ||
                       (quoted.Protocol() == wire::kIpProtoTcp && !m_tcp);
  if (nobodys)
    Count(Snmp::IcmpInErrors);
  else if (type == wire::kIcmpRedirect)
    FollowRedirect(message, quoted);
  return Verdict::Consumed;
}

/// __ip_do_redirect(): believed from the router that the packet went to. One that has to be asked for its address first
/// is taken when it is named again.
void Stack::FollowRedirect(const Received& message, const wire::Ipv4& quoted) {
  constexpr Nanoseconds kExpires = Seconds(300);  // net.ipv4.route.gc_timeout
  const Ipv4Address gateway{wire::Get32(message.payload + 4)}, destination = quoted.Destination();
  if (message.payload[1] > 3) return;
  const RouteOut out = RouteOutput({.destination = destination, .tos = quoted.Tos()});
  if (out.error != 0 || out.toLocal) return;
  const int ifindex = out.answer.nextHop.ifindex;
  const auto& conf = m_ns->GetConf(ifindex);
  const bool accepts = conf.forwarding ? conf.acceptRedirects && m_ns->allConf.acceptRedirects
                                       : conf.acceptRedirects || m_ns->allConf.acceptRedirects;
  const Ipv4Address old = out.answer.nextHop.gateway;
  if (!accepts || old.IsZero() || old != message.ip.Source() || gateway == old || gateway.IsZero() ||
      gateway.IsMulticast() || gateway.IsLimitedBroadcast())
    return;
  const kernel::RouteAnswer way = m_ns->Lookup({.dst = gateway});
  if (way.error != 0 || way.route.type != kernel::RouteType::Unicast) return;
  kernel::Neighbour* entry = m_ns->Neighbours().Find(ifindex, gateway);
  if (!entry) entry = &NeighbourCreate(ifindex, gateway);
  if (!kernel::NudHasAddress(entry->state)) {
    if (NeighbourBegin(*entry)) NeighbourProbe(*entry);
    return;
  }
  m_redirects[destination.value] = {gateway, engine::Now() + kExpires};
  m_backlog.flows->Invalidate();
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
  m_backlog.flows->Invalidate();
  m_ns->LearnPmtu(inner.Destination(), locked ? std::min(before, m_ns->minPmtu) : mtu,
                  engine::Now() + m_ns->pmtuExpires, locked);
}

/// icmp_reply(): `message` is the answer to a request, its checksum not yet in place; an echo's type becomes the
/// reply's.
void Stack::IcmpReply(const wire::Frame& packet, std::vector<uint8_t> message) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  if (message[0] == wire::kIcmpEcho) message[0] = wire::kIcmpEchoReply;
  SendRequest request{.destination = ip.Source(),
                      .protocol = wire::kIpProtoIcmp,
                      .tos = ip.Tos(),
                      .mark = 0,
                      .cause = packet.journey,
                      .flow = packet.flow};
  // A group or broadcast address is not one to answer from (fib_compute_spec_dst()).
  if (m_ns->IsLocalAddress(ip.Destination())) request.source = ip.Destination();
  const RouteOut out = RouteOutput(request);
  if (out.error != 0 || !IcmpAllowed(ip.Source(), wire::kIcmpEchoReply, 0, out)) return;
  const auto options = EchoOptions(packet, out.source);
  if (!options) return;
  request.options = *options;
  wire::Put16(&message[2], 0);
  const uint16_t checksum = wire::Checksum(message.data(), message.size());
  wire::Put16(&message[2], checksum == 0xffff ? 0 : checksum);  // the kernel's sum of nothing but zeros is -0
  if (SendIpv4(request, message, &out) == 0) CountOut(m_ns->snmp, wire::kIcmpEchoReply);  // whatever it answers
}

Stack::PeerTokens& Stack::TokensOf(const IpAddress& peer) {
  return m_peers.try_emplace(peer, PeerTokens{Seconds(60), engine::Now()}).first->second;  // full, see inet_getpeer()
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

/// icmp_global_allow(): a token bucket for all, of both families: icmp_msgs_per_sec, refilled when 20 ms have passed,
/// at most icmp_msgs_burst. Whoever sends takes from m_icmpGlobalCredit.
bool Stack::IcmpGlobalAllowed() {
  const Nanoseconds now = engine::Now();
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
  return true;
}

/// icmpv4_global_allow() and icmpv4_xrlim_allow(): a token bucket for all and one for each receiver.
bool Stack::IcmpAllowed(Ipv4Address to, uint8_t type, uint8_t code, const RouteOut& out) {
  if (type > kLastIcmpType || (type == wire::kIcmpDestUnreach && code == wire::kIcmpFragNeeded)) return true;
  if (!(m_ns->icmpRateMask >> type & 1) || out.toLocal) return true;
  if (!IcmpGlobalAllowed()) return false;
  // Per receiver: one each icmp_ratelimit ms, six at once after a pause.
  const Nanoseconds limit = Milliseconds(m_ns->icmpRateLimitMs);
  if (limit.count > 0 && !TokensOf(to).Take(engine::Now(), limit, kBurstFactor)) {
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
  SendRequest request{.destination = ip.Source(),
                      .protocol = wire::kIpProtoIcmp,
                      .cause = packet.journey,
                      .flow = packet.flow,
                      .connection = packet.connection,
                      .connectionInfo = AnswerInfo(packet)};
  // IPTOS_PREC_INTERNETCONTROL for errors
  request.tos = static_cast<uint8_t>((ip.Tos() & 0x1e) | 0xc0);
  if (m_ns->IsLocalAddress(ip.Destination()))
    request.source = ip.Destination();
  else if (m_ns->icmpErrorsUseInboundIfaddr && packet.iif != 0)
    request.source = m_ns->SelectAddress(packet.iif, ip.Source(), kernel::kScopeLink);
  const RouteOut out = RouteOutput(request);
  if (out.error != 0) return;
  const auto options = EchoOptions(packet, out.source);
  if (!options || !IcmpAllowed(ip.Source(), type, code, out)) return;
  request.options = *options;
  uint32_t room = std::min(OutputMtu(out, ip.Source()), kMostErrorBytes);
  room -= wire::kIpv4HeaderBytes + static_cast<uint32_t>(options->size()) + wire::kIcmpHeaderBytes;
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
