// ICMPv6 (net/ipv6/icmp.c).

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;

namespace {

constexpr int64_t kBurstFactor = 6;  // XRLIM_BURST_FACTOR
// As much of the packet as fits into what every link carries (RFC 4443, section 2.4 c).
constexpr uint32_t kMostQuotedBytes = wire::kIpv6LeastMtu - wire::kIpv6HeaderBytes - wire::kIcmpHeaderBytes;

struct TypeCounters {
  uint8_t type;
  Snmp in, out;
};
constexpr TypeCounters kTypeCounters[] = {
    {wire::kIcmpv6DestUnreach, Snmp::Icmp6InDestUnreachs, Snmp::Icmp6OutDestUnreachs},
    {wire::kIcmpv6PacketTooBig, Snmp::Icmp6InPktTooBigs, Snmp::Icmp6OutPktTooBigs},
    {wire::kIcmpv6TimeExceeded, Snmp::Icmp6InTimeExcds, Snmp::Icmp6OutTimeExcds},
    {wire::kIcmpv6ParameterProblem, Snmp::Icmp6InParmProblems, Snmp::Icmp6OutParmProblems},
    {wire::kIcmpv6Echo, Snmp::Icmp6InEchos, Snmp::Icmp6OutEchos},
    {wire::kIcmpv6EchoReply, Snmp::Icmp6InEchoReplies, Snmp::Icmp6OutEchoReplies},
    {130, Snmp::Icmp6InGroupMembQueries, Snmp::Icmp6OutGroupMembQueries},
    {131, Snmp::Icmp6InGroupMembResponses, Snmp::Icmp6OutGroupMembResponses},
    {132, Snmp::Icmp6InGroupMembReductions, Snmp::Icmp6OutGroupMembReductions},
    {wire::kIcmpv6RouterSolicitation, Snmp::Icmp6InRouterSolicits, Snmp::Icmp6OutRouterSolicits},
    {wire::kIcmpv6RouterAdvertisement, Snmp::Icmp6InRouterAdvertisements, Snmp::Icmp6OutRouterAdvertisements},
    {wire::kIcmpv6NeighbourSolicitation, Snmp::Icmp6InNeighborSolicits, Snmp::Icmp6OutNeighborSolicits},
    {wire::kIcmpv6NeighbourAdvertisement, Snmp::Icmp6InNeighborAdvertisements, Snmp::Icmp6OutNeighborAdvertisements},
    {wire::kIcmpv6Redirect, Snmp::Icmp6InRedirects, Snmp::Icmp6OutRedirects},
    {wire::kIcmpv6Mldv2Report, Snmp::Icmp6InMLDv2Reports, Snmp::Icmp6OutMLDv2Reports},
};

bool IsError(uint8_t type) { return type < wire::kIcmpv6Echo; }

/// is_ineligible(): no error about an error, nor about what may be one.
bool MayBeError(const wire::Frame& packet) {
  const wire::Ipv6Upper upper = wire::FindIpv6Upper(packet.Data(), packet.Size());
  if (upper.offset == 0 || upper.protocol != wire::kIpProtoIcmpv6) return false;
  if (upper.laterFragment) return false;
  return upper.offset >= packet.Size() || IsError(packet.Data()[upper.offset]);
}

/// Whether a number is in a list as /proc prints a bitmap: "0-1,3-127".
bool IsListed(const std::string& list, unsigned number) {
  for (const char* at = list.c_str(); *at != '\0';) {
    char* end = nullptr;
    const unsigned long first = std::strtoul(at, &end, 10);
    if (end == at) return false;
    const unsigned long last = *end == '-' ? std::strtoul(end + 1, &end, 10) : first;
    if (number >= first && number <= last) return true;
    at = *end == ',' ? end + 1 : end;
  }
  return false;
}

/// icmp6_dev(): the device that a message came in by; of one that came by loopback, the one that has the address.
int ArrivalDevice(const kernel::Namespace& ns, const Received& message) {
  constexpr int kLoopback = 1;
  if (message.frame.iif != kLoopback) return message.frame.iif;
  const kernel::Address6* own = ns.Ipv6().FindAddress(0, message.Ip6().Destination());
  return own ? own->ifindex : 0;
}

}  // namespace

void Stack::CountIcmpv6Out(uint8_t type) {
  Count(Snmp::Icmp6OutMsgs);
  for (const TypeCounters& c : kTypeCounters)
    if (c.type == type) Count(c.out);
}

int Stack::SendIcmpv6(const SendRequest& given, std::vector<uint8_t> message, const RouteOut6* routed,
                      uint64_t* journey) {
  SendRequest request = given;
  request.protocol = wire::kIpProtoIcmpv6;
  request.sourcePort = static_cast<uint16_t>(message[0] << 8 | message[1]);  // fl6_icmp_type and fl6_icmp_code
  RouteOut6 own;
  if (!routed) {
    own = RouteOutput6(request);
    if (own.error != 0) return own.error;
    routed = &own;
  }
  wire::Put16(&message[2], 0);
  const uint64_t pseudo = wire::PseudoHeaderSum(routed->source, request.destination.V6(), wire::kIpProtoIcmpv6,
                                                static_cast<uint32_t>(message.size()));
  wire::Put16(&message[2], wire::ChecksumFold(wire::ChecksumAdd(message.data(), message.size(), pseudo)));
  const uint8_t type = message[0];
  const int error = SendIpv6(request, message, routed, journey);
  if (error == 0) CountIcmpv6Out(type);
  return error;
}

/// icmpv6_rcv(): `offset` is where the ICMPv6 header begins.
void Stack::Icmpv6Receive(kernel::Link& link, wire::FramePtr packet, uint32_t offset) {
  const wire::Ipv6 ip{packet->Data()};
  const Received message{*packet, {ip.p}, ip.p + offset, packet->Size() - offset};
  Count(Snmp::Icmp6InMsgs);
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  auto error = [&](Verdict verdict) {
    Count(Snmp::Icmp6InErrors);
    done(verdict);
  };
  const uint64_t pseudo =
      wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoIcmpv6, message.payloadBytes);
  if (wire::ChecksumFold(wire::ChecksumAdd(message.payload, message.payloadBytes, pseudo)) != 0) {
    Count(Snmp::Icmp6InCsumErrors);
    return error(Verdict::IcmpChecksum);
  }
  if (message.payloadBytes < wire::kIcmpHeaderBytes) return error(Verdict::IcmpTooShort);
  DeliverRawIcmp(message);
  const uint8_t type = message.payload[0];
  for (const TypeCounters& c : kTypeCounters)
    if (c.type == type) Count(c.in);
  if (type == wire::kIcmpv6Echo) return done(Icmpv6Reply(message));
  if (type == wire::kIcmpv6EchoReply) return done(Verdict::Consumed);  // the raw sockets have had it
  if (type >= wire::kIcmpv6RouterSolicitation && type <= wire::kIcmpv6Redirect)
    return done(NdiscReceive(link, message));
  if (!IsError(type)) return done(Verdict::IcmpUnknownType);
  const Verdict verdict = Icmpv6Notify(message);
  if (IsDrop(verdict)) return error(verdict);
  done(verdict);
}

/// icmpv6_notify(): an error goes to what sent the packet that it quotes; a path MTU is learnt from whoever tells it.
Verdict Stack::Icmpv6Notify(const Received& message) {
  const uint8_t* quoted = message.payload + wire::kIcmpHeaderBytes;
  const uint32_t bytes = message.payloadBytes - wire::kIcmpHeaderBytes;
  if (bytes < wire::kIpv6HeaderBytes) return Verdict::IcmpQuoteTooShort;
  const wire::Ipv6Upper upper = wire::FindIpv6Upper(quoted, bytes);
  if (upper.offset == 0 || upper.offset + 8 > bytes) return Verdict::IcmpQuoteTooShort;
  if (message.payload[0] != wire::kIcmpv6PacketTooBig) return Verdict::Consumed;
  // __ip6_rt_update_pmtu()
  const uint32_t mtu = wire::Get32(message.payload + 4);
  const wire::Ipv6 inner{const_cast<uint8_t*>(quoted)};
  const Ipv6Address to = inner.Destination();
  const RouteOut6 out = RouteOutput6({.destination = to, .tos = inner.TrafficClass()});
  if (out.error == 0 && !out.answer.route.mtuLocked && mtu >= wire::kIpv6LeastMtu && mtu < OutputMtu(out, to))
    m_ns->Ipv6().LearnPmtu(to, mtu, engine::Now() + m_ns->Ipv6().pmtuExpires);
  return Verdict::Consumed;
}

/// icmpv6_echo_reply().
Verdict Stack::Icmpv6Reply(const Received& message) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const wire::Ipv6 ip = message.Ip6();
  const Ipv6Address to = ip.Source(), asked = ip.Destination();
  if (tables.icmpEchoIgnoreAll) return Verdict::IcmpEchoIgnored;
  if (asked.IsMulticast() && tables.icmpEchoIgnoreMulticast) return Verdict::IcmpEchoIgnored;
  const bool anycast = tables.IsAnycastAddress(asked);
  if (anycast && tables.icmpEchoIgnoreAnycast) return Verdict::IcmpEchoIgnored;
  SendRequest request{.destination = to,
                      .protocol = wire::kIpProtoIcmpv6,
                      .tos = ip.TrafficClass(),
                      .oif = to.IsLinkLocal() ? ArrivalDevice(*m_ns, message) : 0,
                      .cause = message.frame.journey,
                      .flow = message.frame.flow};
  if (!asked.IsMulticast() && !anycast) request.source = asked;
  const RouteOut6 out = RouteOutput6(request);
  if (out.error != 0 || !Icmpv6Allowed(wire::kIcmpv6EchoReply, to, out)) return Verdict::Consumed;
  std::vector<uint8_t> reply(message.payload, message.payload + message.payloadBytes);
  reply[0] = wire::kIcmpv6EchoReply;
  SendIcmpv6(request, std::move(reply), &out);
  return Verdict::Consumed;
}

/// icmpv6_mask_allow(), icmpv6_global_allow() and icmpv6_xrlim_allow(): errors but packet-too-big are limited for all
/// and for each receiver, who gets the more the wider the prefix of the route to him is.
bool Stack::Icmpv6Allowed(uint8_t type, const Ipv6Address& to, const RouteOut6& out) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  if (!IsListed(tables.icmpRateMask, type)) return true;
  if (!IcmpGlobalAllowed()) return false;
  if (out.error != 0) {
    Count(Snmp::Icmp6OutRateLimitHost);
    return false;
  }
  if (!out.toLocal && tables.icmpRateLimitMs != 0) {
    Nanoseconds cost = Milliseconds(tables.icmpRateLimitMs);
    const uint8_t length = out.answer.route.dst.length;
    cost.count >>= (Ipv6Address::kBits - length) >> 5;
    if (!TokensOf(to).Take(engine::Now(), cost, kBurstFactor)) {
      Count(Snmp::Icmp6OutRateLimitHost);
      return false;
    }
  }
  --m_icmpGlobalCredit;
  return true;
}

/// icmp6_send(): an error about `packet`, which starts at its IPv6 header.
void Stack::Icmpv6Send(const wire::Frame& packet, uint8_t type, uint8_t code, uint32_t info) {
  if (packet.Size() < wire::kIpv6HeaderBytes) return;
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const wire::Ipv6 ip{const_cast<uint8_t*>(packet.Data())};
  const Ipv6Address to = ip.Source(), asked = ip.Destination();
  const bool forHost = packet.type == wire::PacketType::Host || packet.type == wire::PacketType::Outgoing;
  const bool toGroup = asked.IsMulticast() || !forHost;
  const bool evenToGroups = type == wire::kIcmpv6PacketTooBig ||
                            (type == wire::kIcmpv6ParameterProblem && code == wire::kIcmpv6UnknownOption &&
                             info < packet.Size() && packet.Data()[info] >> 6 == 2);
  if (toGroup && !evenToGroups) return;
  if (to.IsZero() || to.IsMulticast() || MayBeError(packet)) return;
  SendRequest request{.destination = to,
                      .protocol = wire::kIpProtoIcmpv6,
                      .oif = to.IsLinkLocal() ? packet.iif : 0,
                      .cause = packet.journey,
                      .flow = packet.flow,
                      .connection = packet.connection,
                      .connectionInfo = AnswerInfo(packet)};
  request.sourcePort = static_cast<uint16_t>(type << 8 | code);
  if (!toGroup && (tables.IsLocalAddress(asked) || tables.IsAnycastAddress(asked))) request.source = asked;
  const RouteOut6 out = RouteOutput6(request);
  if (!Icmpv6Allowed(type, to, out) || out.error != 0) return;
  const uint32_t quoted = std::min(packet.Size(), kMostQuotedBytes);
  std::vector<uint8_t> message(wire::kIcmpHeaderBytes + quoted);
  message[0] = type;
  message[1] = code;
  wire::Put32(&message[4], info);
  std::memcpy(&message[wire::kIcmpHeaderBytes], packet.Data(), quoted);
  SendIcmpv6(request, std::move(message), &out);
}

}  // namespace overlaysim::host
