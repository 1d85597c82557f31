// Received IPv6 packets (net/ipv6/ip6_input.c, route.c, exthdrs.c; ip6_forward() of ip6_output.c). Inside the IP layer
// a frame's Data() is its IPv6 header.

#include <cerrno>

#include "models/engine/engine.h"
#include "models/host/stack.h"

namespace overlaysim::host {

using kernel::Hook;
using kernel::RouteType;
using kernel::Snmp;
using kernel::Table;

namespace {

constexpr uint32_t kNextHeaderAt = 6;  // in the IPv6 header

}  // namespace

/// ip6_rcv_core().
void Stack::Ipv6Receive(kernel::Link& link, wire::FramePtr frame) {
  auto drop = [&](Verdict verdict) { Finish(Stage::IpReceive, verdict, std::move(frame), link.ifindex); };
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  if (frame->type == wire::PacketType::OtherHost) {
    ++link.stats.rxOtherhost;
    return drop(Verdict::OtherHost);
  }
  Count(Snmp::Ip6InReceives);
  Count(Snmp::Ip6InOctets, frame->Size());
  if (!tables.IsEnabled(link.ifindex)) {
    Count(Snmp::Ip6InDiscards);
    return drop(Verdict::Ipv6Disabled);
  }
  auto headerError = [&](Verdict verdict) {
    Count(Snmp::Ip6InHdrErrors);
    drop(verdict);
  };
  frame->ignoreDf = false;
  frame->maxFragment = 0;
  if (frame->Size() < wire::kIpv6HeaderBytes) return headerError(Verdict::IpHeaderError);
  const wire::Ipv6 ip{frame->Data()};
  if (ip.Version() != 6) return headerError(Verdict::Ipv6BadVersion);
  static constexpr Snmp kEcnCounters[] = {Snmp::Ip6InNoECTPkts, Snmp::Ip6InECT1Pkts, Snmp::Ip6InECT0Pkts,
                                          Snmp::Ip6InCEPkts};
  Count(kEcnCounters[ip.TrafficClass() & 3]);
  const Ipv6Address source = ip.Source(), destination = ip.Destination();
  if (link.kind != kernel::LinkKind::Loopback) {
    if (source.IsLoopback() || destination.IsLoopback()) return headerError(Verdict::LoopbackAddress);
    if (destination.IsMulticast() && destination.MulticastScope() == 1) return headerError(Verdict::IpHeaderError);
  }
  if (destination.IsMulticast() && destination.MulticastScope() == 0) return headerError(Verdict::IpHeaderError);
  if (source.IsMulticast()) return headerError(Verdict::InvalidSource);
  const uint32_t total = wire::kIpv6HeaderBytes + ip.PayloadBytes();
  if (ip.PayloadBytes() != 0 || ip.NextHeader() != wire::kIpProtoHopByHop) {
    if (total > frame->Size()) {
      Count(Snmp::Ip6InTruncatedPkts);
      return drop(Verdict::IpTruncated);
    }
    frame->Trim(total);  // Ethernet padding
  }
  if (ip.NextHeader() == wire::kIpProtoHopByHop &&
      !Ipv6ParseOptions(link, frame, wire::kIpv6HeaderBytes, Stage::IpReceive))
    return;
  Trace(Stage::IpReceive, Verdict::Continue, *frame, link.ifindex);
  // What a bridge hands up has passed the hook at its port (ip_sabotage_in()).
  const bool wasBridged = link.kind == kernel::LinkKind::Bridge && m_ns->bridgeNfCallIp6tables;
  if (!wasBridged && !PassesHook6(Hook::Prerouting, frame, {.in = link.ifindex})) return;
  Ipv6RouteInput(link, std::move(frame));
}

/// ip6_parse_tlv() for the options header at `offset`, which is counted and ended if it is refused.
bool Stack::Ipv6ParseOptions(kernel::Link& link, wire::FramePtr& packet, uint32_t offset, Stage stage) {
  constexpr uint8_t kPad1 = 0, kPadN = 1;
  constexpr uint32_t kMostPadding = 7;
  const uint8_t* p = packet->Data();
  auto refuse = [&](Verdict verdict) {
    Count(Snmp::Ip6InHdrErrors);
    Finish(stage, verdict, std::move(packet), link.ifindex);
    return false;
  };
  if (packet->Size() < offset + 8) return refuse(Verdict::IpHeaderError);
  const uint32_t end = offset + (p[offset + 1] + 1u) * 8;
  if (packet->Size() < end) return refuse(Verdict::IpHeaderError);
  uint32_t padding = 0;
  for (uint32_t at = offset + 2; at < end;) {
    if (p[at] == kPad1) {
      if (++padding > kMostPadding) return refuse(Verdict::IpHeaderError);
      ++at;
      continue;
    }
    if (at + 2 > end || at + 2 + p[at + 1] > end) return refuse(Verdict::IpHeaderError);
    const uint32_t bytes = 2u + p[at + 1];
    if (p[at] == kPadN) {
      padding += bytes;
      if (padding > kMostPadding) return refuse(Verdict::IpHeaderError);
      for (uint32_t i = 2; i < bytes; ++i)
        if (p[at + i] != 0) return refuse(Verdict::IpHeaderError);
    } else {
      padding = 0;
      // ip6_tlvopt_unknown(): the two top bits say what to do; those of a router alert say to go on
      const uint8_t action = p[at] >> 6;
      if (action >= 2 && !(action == 3 && wire::Ipv6{packet->Data()}.Destination().IsMulticast()))
        Icmpv6Send(*packet, wire::kIcmpv6ParameterProblem, wire::kIcmpv6UnknownOption, at);
      if (action != 0) return refuse(Verdict::Ipv6UnknownOption);
    }
    at += bytes;
  }
  return true;
}

/// ip6_rcv_finish() and ip6_route_input().
void Stack::Ipv6RouteInput(kernel::Link& link, wire::FramePtr packet) {
  const wire::Ipv6 ip{packet->Data()};
  const Ipv6Address destination = ip.Destination();
  if (destination.IsMulticast()) {  // ip6_mc_input()
    Count(Snmp::Ip6InMcastPkts);
    Count(Snmp::Ip6InMcastOctets, packet->Size());
    if (!m_ns->Ipv6().IsMember(link.ifindex, destination))
      return Finish(Stage::RouteInput, Verdict::GroupNotJoined, std::move(packet), link.ifindex);
    Trace(Stage::RouteInput, Verdict::Continue, *packet, link.ifindex);
    return Ipv6Deliver(link, std::move(packet));
  }
  if (link.kind == kernel::LinkKind::Loopback) {  // was routed when it was sent
    Trace(Stage::RouteInput, Verdict::Continue, *packet, link.ifindex);
    return Ipv6Deliver(link, std::move(packet));
  }
  const kernel::Route6Answer answer = m_ns->Ipv6().Lookup({.dst = destination,
                                                           .src = ip.Source(),
                                                           .iif = link.ifindex,
                                                           .tos = ip.TrafficClass(),
                                                           .mark = packet->mark,
                                                           .flowHash = MultipathHashOf6(*packet)});
  if (answer.error != 0) return Ipv6Error(link, std::move(packet), answer);
  Trace(Stage::RouteInput, Verdict::Continue, *packet, link.ifindex, {Table::Route6, answer.route.rowId});
  if (answer.route.type == RouteType::Local || answer.route.type == RouteType::Anycast)
    return Ipv6Deliver(link, std::move(packet));
  Ipv6Forward(link, std::move(packet), answer);
}

/// ip6_pkt_drop(): a packet that has nowhere to go, forwarding or not.
void Stack::Ipv6Error(kernel::Link& link, wire::FramePtr packet, const kernel::Route6Answer& answer) {
  const Row row{Table::Route6, answer.route.rowId};
  auto end = [&](Verdict verdict) { Finish(Stage::RouteInput, verdict, std::move(packet), link.ifindex, row); };
  if (answer.error == EINVAL) return end(Verdict::RouteBlackhole);
  if (wire::Ipv6{packet->Data()}.Destination().IsZero()) {
    Count(Snmp::Ip6InAddrErrors);
    return end(Verdict::InvalidDestination);
  }
  Count(Snmp::Ip6InNoRoutes);
  const bool prohibited = answer.error == EACCES;
  Icmpv6Send(*packet, wire::kIcmpv6DestUnreach, prohibited ? wire::kIcmpv6AdminProhibited : wire::kIcmpv6NoRoute, 0);
  end(prohibited                     ? Verdict::RouteProhibit
      : answer.error == EHOSTUNREACH ? Verdict::RouteUnreachable
                                     : Verdict::NoRoute);
}

void Stack::Ipv6Problem(Stage stage, Verdict verdict, wire::FramePtr packet, uint8_t code, uint32_t offset) {
  Count(Snmp::Ip6InHdrErrors);
  Icmpv6Send(*packet, wire::kIcmpv6ParameterProblem, code, offset);
  const int iif = packet->iif;
  Finish(stage, verdict, std::move(packet), iif);
}

/// ip6_input(), ip6_input_finish() and ip6_protocol_deliver_rcu(): the INPUT chain, extension headers one after the
/// other, then the protocol.
void Stack::Ipv6Deliver(kernel::Link& link, wire::FramePtr packet) {
  if (!PassesHook6(Hook::Input, packet, {.in = link.ifindex})) return;
  uint32_t nextHeaderAt = kNextHeaderAt;
  uint32_t offset = wire::kIpv6HeaderBytes;
  for (bool isWhole = false;;) {
    const uint8_t* p = packet->Data();
    const uint8_t protocol = p[nextHeaderAt];
    auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
    auto skip = [&] {
      nextHeaderAt = offset;
      offset += (p[offset + 1] + 1u) * 8;
    };
    switch (protocol) {
      case wire::kIpProtoHopByHop:
        if (nextHeaderAt != kNextHeaderAt)
          break;  // only right behind the IPv6 header, where it was looked at on receipt
        skip();
        continue;
      case wire::kIpProtoDestinationOptions:
        if (!Ipv6ParseOptions(link, packet, offset, Stage::LocalDeliver)) return;
        skip();
        continue;
      case wire::kIpProtoRouting: {  // ipv6_rthdr_rcv(): only what is at its end
        if (packet->Size() < offset + 8 || packet->Size() < offset + (p[offset + 1] + 1u) * 8) {
          Count(Snmp::Ip6InHdrErrors);
          return done(Verdict::IpHeaderError);
        }
        if (wire::Ipv6{packet->Data()}.Destination().IsMulticast() || packet->type != wire::PacketType::Host) {
          Count(Snmp::Ip6InAddrErrors);
          return done(Verdict::Ipv6RoutingHeader);
        }
        if (p[offset + 3] != 0)
          return Ipv6Problem(Stage::LocalDeliver, Verdict::Ipv6RoutingHeader, std::move(packet),
                             wire::kIcmpv6HeaderField, offset + 2);
        skip();
        continue;
      }
      case wire::kIpProtoFragment: {
        if (isWhole)  // a fragment of a fragment
          return Ipv6Problem(Stage::Reassemble, Verdict::FragmentInvalid, std::move(packet), wire::kIcmpv6HeaderField,
                             offset);
        const bool atomic =
            packet->Size() >= offset + wire::kIpv6FragmentHeaderBytes && (wire::Get16(p + offset + 2) & 0xfff9) == 0;
        packet = Ipv6Reassemble(link, std::move(packet), offset, nextHeaderAt);
        if (!packet) return;
        isWhole = true;
        if (atomic) {
          nextHeaderAt = offset;
          offset += wire::kIpv6FragmentHeaderBytes;
        }
        continue;
      }
      default:
        break;
    }
    switch (protocol) {
      case wire::kIpProtoIcmpv6:
        Count(Snmp::Ip6InDelivers);
        return Icmpv6Receive(link, std::move(packet), offset);
      case wire::kIpProtoUdp:
        Count(Snmp::Ip6InDelivers);
        return UdpReceive(link, std::move(packet), offset, wire::Ipv6{packet->Data()}.Destination().IsMulticast());
      case wire::kIpProtoTcp:
        Count(Snmp::Ip6InDelivers);
        return TcpReceive(link, std::move(packet), offset);
      case wire::kIpProtoNone:
        Count(Snmp::Ip6InDelivers);
        return done(Verdict::Ipv6NothingFollows);
      default:
        Count(Snmp::Ip6InUnknownProtos);
        Icmpv6Send(*packet, wire::kIcmpv6ParameterProblem, wire::kIcmpv6UnknownNextHeader, nextHeaderAt);
        return done(Verdict::UnknownProtocol);
    }
  }
}

/// ip6_forward().
void Stack::Ipv6Forward(kernel::Link& link, wire::FramePtr packet, const kernel::Route6Answer& answer) {
  const Row row{Table::Route6, answer.route.rowId};
  auto drop = [&](Verdict verdict) { Finish(Stage::Forward, verdict, std::move(packet), link.ifindex, row); };
  auto addressError = [&](Verdict verdict) {
    Count(Snmp::Ip6InAddrErrors);
    drop(verdict);
  };
  if (!m_ns->Ipv6().allConf.forwarding) return addressError(Verdict::NotForwarding);
  if (packet->type != wire::PacketType::Host) return drop(Verdict::UnicastInLinkBroadcast);
  const wire::Ipv6 ip{packet->Data()};
  if (ip.HopLimit() <= 1) {
    Icmpv6Send(*packet, wire::kIcmpv6TimeExceeded, wire::kIcmpv6HopLimit, 0);
    Count(Snmp::Ip6InHdrErrors);
    return drop(Verdict::TtlExpired);
  }
  const Ipv6Address source = ip.Source();
  if (answer.nextHop.ifindex == link.ifindex) {
    const Ipv6Address target = answer.nextHop.gateway.IsZero() ? ip.Destination() : answer.nextHop.gateway;
    constexpr int64_t kBurstFactor = 6;  // XRLIM_BURST_FACTOR
    if (TokensOf(ip.Destination()).Take(engine::Now(), Seconds(1), kBurstFactor))
      NdiscSendRedirect(link, *packet, target);
  } else if (source.IsZero() || source.IsMulticast() || source.IsLoopback()) {
    return addressError(Verdict::InvalidSource);
  } else if (source.IsLinkLocal()) {
    Icmpv6Send(*packet, wire::kIcmpv6DestUnreach, wire::kIcmpv6NotNeighbour, 0);
    return addressError(Verdict::InvalidSource);
  }
  Count(Snmp::Ip6OutForwDatagrams);
  // ip6_dst_mtu_maybe_forward(): the device's MTU, unless the route's is locked; what was learnt comes at ip6_output().
  const uint32_t deviceMtu = answer.route.mtuLocked ? answer.route.mtu : m_ns->Ipv6().Mtu(answer.nextHop.ifindex);
  const uint32_t mtu = std::max(deviceMtu, wire::kIpv6LeastMtu);
  const bool tooBig =  // ip6_pkt_too_big()
      packet->maxFragment != 0 ? packet->maxFragment > mtu : packet->Size() > mtu && !packet->ignoreDf;
  if (tooBig) {
    Icmpv6Send(*packet, wire::kIcmpv6PacketTooBig, 0, mtu);
    Count(Snmp::Ip6InTooBigErrors);
    Count(Snmp::Ip6FragFails);
    return drop(Verdict::FragNeeded);
  }
  --ip.p[7];
  Trace(Stage::Forward, Verdict::Continue, *packet, link.ifindex, row);
  const uint32_t pathMtu = Ipv6PathMtu(answer, ip.Destination());
  if (!PassesHook6(Hook::Forward, packet, {.in = link.ifindex, .out = answer.nextHop.ifindex})) return;
  Ipv6Output(std::move(packet), answer, pathMtu);
}

}  // namespace overlaysim::host
