// Received IPv4 packets (net/ipv4/ip_input.c, route.c, fib_frontend.c, ip_forward.c). Inside the IP layer a frame's
// Data() is its IPv4 header.

#include <cerrno>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Hook;
using kernel::RouteType;
using kernel::Snmp;
using kernel::Table;

/// ip_rcv_core() and ip_rcv_finish().
void Stack::Ipv4Receive(kernel::Link& link, wire::FramePtr frame) {
  auto drop = [&](Stage stage, Verdict verdict) { Finish(stage, verdict, std::move(frame), link.ifindex); };
  if (frame->type == wire::PacketType::OtherHost) {
    ++link.stats.rxOtherhost;
    return drop(Stage::IpReceive, Verdict::OtherHost);
  }
  Count(Snmp::IpInReceives);
  auto headerError = [&](Verdict verdict, Snmp counter = Snmp::IpInHdrErrors) {
    Count(counter);
    drop(Stage::IpReceive, verdict);
  };
  if (frame->Size() < wire::kIpv4HeaderBytes) return headerError(Verdict::IpHeaderError);
  wire::Ipv4 ip{frame->Data()};
  if (ip.Version() != 4 || ip.HeaderBytes() < wire::kIpv4HeaderBytes) return headerError(Verdict::IpHeaderError);
  if (frame->Size() < ip.HeaderBytes()) return headerError(Verdict::IpHeaderError);
  if (wire::Checksum(ip.p, ip.HeaderBytes()) != 0) {
    Count(Snmp::IpExtInCsumErrors);
    return headerError(Verdict::IpChecksum);
  }
  const uint32_t total = ip.TotalBytes();
  if (frame->Size() < total) return headerError(Verdict::IpTruncated, Snmp::IpExtInTruncatedPkts);
  if (total < ip.HeaderBytes()) return headerError(Verdict::IpHeaderError);
  frame->Trim(total);  // Ethernet padding
  frame->ignoreDf = false;
  frame->maxFragment = 0;
  static constexpr Snmp kEcnCounters[] = {Snmp::IpExtInNoECTPkts, Snmp::IpExtInECT1Pkts, Snmp::IpExtInECT0Pkts,
                                          Snmp::IpExtInCEPkts};
  Count(kEcnCounters[ip.Tos() & 3]);
  Trace(Stage::IpReceive, Verdict::Continue, *frame, link.ifindex);
  // What a bridge hands up has passed the hook at its port (ip_sabotage_in()).
  const bool wasBridged = link.kind == kernel::LinkKind::Bridge && m_ns->bridgeNfCallIptables;
  if (!wasBridged && !PassesHook(Hook::Prerouting, frame, {.in = link.ifindex})) return;

  InputRoute route = RouteInput(link, *frame);
  const Row row{Table::Route, route.answer.route.rowId};
  if (route.verdict != Verdict::Continue) {
    if (route.verdict == Verdict::RpFilter) Count(Snmp::TcpExtIPReversePathFilter);
    if (route.error != 0) {
      if (PassesOptions(link, frame, route)) Ipv4Error(link, std::move(frame), route);
      return;
    }
    return Finish(Stage::RouteInput, route.verdict, std::move(frame), link.ifindex, row);
  }
  if (!PassesOptions(link, frame, route)) return;
  Trace(Stage::RouteInput, Verdict::Continue, *frame, link.ifindex, row);
  if (route.broadcast) Count(ip.Destination().IsMulticast() ? Snmp::IpExtInMcastPkts : Snmp::IpExtInBcastPkts);
  if (route.local) return Ipv4Deliver(link, std::move(frame), route.broadcast);
  Ipv4Forward(link, std::move(frame), route.answer);
}

/// ip_rcv_options(): malformed options are answered with a parameter problem, source routes are not followed
/// (net.ipv4.conf.all.accept_source_route is 0).
bool Stack::PassesOptions(kernel::Link& link, wire::FramePtr& packet, const InputRoute& route) {
  packet->options = {};
  if (wire::Ipv4{packet->Data()}.HeaderBytes() == wire::kIpv4HeaderBytes) return true;
  Verdict verdict = Verdict::Continue;
  if (const uint8_t fault = CompileOptions(link, *packet, route)) {
    IcmpSend(*packet, wire::kIcmpParameterProblem, 0, uint32_t{fault} << 24);
    Count(Snmp::IpInHdrErrors);
    verdict = Verdict::IpOptionsError;
  } else if (packet->options.sourceRoute != 0) {
    verdict = Verdict::SourceRouteRefused;
  }
  if (verdict == Verdict::Continue) return true;
  Finish(Stage::RouteInput, verdict, std::move(packet), link.ifindex);
  return false;
}

/// ip_route_input_slow().
Stack::InputRoute Stack::RouteInput(kernel::Link& link, const wire::Frame& packet) {
  InputRoute result;
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const Ipv4Address source = ip.Source(), destination = ip.Destination();
  const auto& conf = m_ns->GetConf(link.ifindex);
  auto fail = [&](Verdict verdict) { return result.verdict = verdict, result; };
  const uint8_t tos = static_cast<uint8_t>(ip.Tos() & 0x1c);  // IPTOS_RT_MASK
  if (link.kind == kernel::LinkKind::Loopback) {              // was routed when it was sent
    result.answer =
        m_ns->Lookup({.dst = destination, .src = source, .iif = link.ifindex, .tos = tos, .mark = packet.mark});
    result.local = true;
    result.broadcast = result.answer.route.type == RouteType::Broadcast;
    return result;
  }
  auto validated = [&] { return ValidateSource(link, source, destination, tos, packet.mark, packet.spi); };
  if (destination.IsMulticast()) {  // ip_mc_validate_source()
    if (!m_ns->HasJoined(link.ifindex, destination)) return fail(Verdict::GroupNotJoined);
    if (source.IsMulticast() || source.IsLimitedBroadcast()) return fail(Verdict::InvalidSource);
    if (source.IsLoopback() && !(conf.routeLocalnet || m_ns->allConf.routeLocalnet))
      return fail(Verdict::LoopbackAddress);
    if (source.IsZero()) {
      if (destination.value >> 8 != 0xe00000 && ip.Protocol() != wire::kIpProtoIgmp)
        return fail(Verdict::InvalidSource);
    } else if (Verdict v = validated(); v != Verdict::Continue) {
      return fail(v);
    }
    result.local = result.broadcast = true;
    return result;
  }
  if (source.IsMulticast() || source.IsLimitedBroadcast()) return fail(Verdict::InvalidSource);
  if (destination.IsLimitedBroadcast() || (source.IsZero() && destination.IsZero())) {
    if (!source.IsZero())
      if (Verdict v = validated(); v != Verdict::Continue) return fail(v);
    result.local = result.broadcast = true;
    return result;
  }
  if (source.IsZero()) return fail(Verdict::InvalidSource);
  if (destination.IsZero()) return fail(Verdict::InvalidDestination);
  if ((destination.IsLoopback() || source.IsLoopback()) && !(conf.routeLocalnet || m_ns->allConf.routeLocalnet))
    return fail(Verdict::LoopbackAddress);

  result.answer = m_ns->Lookup({.dst = destination,
                                .src = source,
                                .iif = link.ifindex,
                                .tos = tos,
                                .mark = packet.mark,
                                .flowHash = MultipathHashOf(packet)});
  const RouteType type = result.answer.route.type;
  if (result.answer.error != 0) {
    result.error = conf.forwarding ? result.answer.error : EHOSTUNREACH;
    switch (result.answer.error) {
      case EINVAL:
        return fail(Verdict::RouteBlackhole);
      case EACCES:
        return fail(Verdict::RouteProhibit);
      case EHOSTUNREACH:
        return fail(Verdict::RouteUnreachable);
      default:
        return fail(conf.forwarding ? Verdict::NoRoute : Verdict::NotForwarding);
    }
  }
  if (type == RouteType::Broadcast) {
    if (!source.IsZero())
      if (Verdict v = validated(); v != Verdict::Continue) return fail(v);
    result.local = result.broadcast = true;
    return result;
  }
  if (type == RouteType::Local) {
    if (Verdict v = validated(); v != Verdict::Continue) return fail(v);
    result.local = true;
    return result;
  }
  if (!conf.forwarding) {
    result.error = EHOSTUNREACH;
    return fail(Verdict::NotForwarding);
  }
  if (Verdict v = validated(); v != Verdict::Continue) return fail(v);
  return result;
}

/// fib_validate_source().
Verdict Stack::ValidateSource(const kernel::Link& link, Ipv4Address source, Ipv4Address destination, uint8_t tos,
                              uint32_t mark, uint32_t spi) {
  const uint8_t rpf = spi != 0 ? uint8_t{0} : m_ns->RpFilter(link.ifindex);
  const bool acceptLocal = m_ns->allConf.acceptLocal || m_ns->GetConf(link.ifindex).acceptLocal;
  const bool customRules = m_ns->Rules().size() > 3;
  if (rpf == 0 && !customRules) {
    if (!acceptLocal && m_ns->IsLocalAddress(source)) return Verdict::LocalSource;
    return Verdict::Continue;
  }
  // __fib_validate_source(): the way back to the source.
  const kernel::RouteAnswer back =
      m_ns->Lookup({.dst = source, .src = destination, .iif = 0, .tos = tos, .mark = mark});
  if (back.error == 0) {
    if (back.route.type != RouteType::Unicast && !(back.route.type == RouteType::Local && acceptLocal))
      return back.route.type == RouteType::Local ? Verdict::LocalSource : Verdict::InvalidSource;
    for (const kernel::NextHop& hop : back.route.nextHops)
      if (hop.ifindex == link.ifindex) return Verdict::Continue;
  } else if (rpf == 0) {
    return Verdict::Continue;
  }
  return rpf == 1 || (rpf == 2 && back.error != 0) ? Verdict::RpFilter : Verdict::Continue;
}

/// ip_error(): a packet that has nowhere to go.
void Stack::Ipv4Error(kernel::Link& link, wire::FramePtr packet, const InputRoute& route) {
  const Row row{Table::Route, route.answer.route.rowId};
  const Verdict verdict = route.verdict;
  if (!m_ns->Forwarding(link.ifindex)) {
    Count(Snmp::IpInAddrErrors);
    return Finish(Stage::RouteInput, verdict, std::move(packet), link.ifindex, row);
  }
  auto answer = [&](uint8_t code) {
    if (RouteErrorAllowed(wire::Ipv4{packet->Data()}.Source())) IcmpSend(*packet, wire::kIcmpDestUnreach, code, 0);
  };
  switch (route.error) {
    case EHOSTUNREACH:
      answer(wire::kIcmpHostUnreach);
      break;
    case ENETUNREACH:
      Count(Snmp::IpExtInNoRoutes);
      answer(wire::kIcmpNetUnreach);
      break;
    case EACCES:
      answer(wire::kIcmpPktFiltered);
      break;
    default:
      break;  // blackhole: in silence
  }
  Finish(Stage::RouteInput, verdict, std::move(packet), link.ifindex, row);
}

/// ip_local_deliver().
void Stack::Ipv4Deliver(kernel::Link& link, wire::FramePtr packet, bool broadcast) {
  if (wire::Ipv4{packet->Data()}.IsFragment()) {
    packet = Reassemble(std::move(packet), ReassemblyUser::LocalDeliver);
    if (!packet) return;
  }
  if (!PassesHook(Hook::Input, packet, {.in = link.ifindex})) return;
  const wire::Ipv4 ip{packet->Data()};
  if (m_ns->hasIpsec && ip.Protocol() != wire::kIpProtoEsp)
    if (const Verdict verdict = CheckPolicy(*packet); verdict != Verdict::Continue) {
      Count(Snmp::IpInDelivers);
      if (ip.Protocol() == wire::kIpProtoUdp) Count(Snmp::UdpInErrors);
      return Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex);
    }
  const Received received{*packet, ip, ip.Payload(), packet->Size() - ip.HeaderBytes()};
  switch (ip.Protocol()) {
    case wire::kIpProtoIcmp:
      Count(Snmp::IpInDelivers);
      DeliverRawIcmp(received);
      return IcmpReceive(link, std::move(packet), broadcast);
    case wire::kIpProtoUdp:
      Count(Snmp::IpInDelivers);
      return UdpReceive(link, std::move(packet), ip.HeaderBytes(), broadcast);
    case wire::kIpProtoTcp:
      Count(Snmp::IpInDelivers);
      return TcpReceive(link, std::move(packet), ip.HeaderBytes());
    case wire::kIpProtoUdpLite:
      Count(Snmp::IpInDelivers);
      return UdpLiteReceive(link, std::move(packet), ip.HeaderBytes());
    case wire::kIpProtoIgmp:  // igmp_rcv(): nobody here routes groups
      Count(Snmp::IpInDelivers);
      return Finish(Stage::LocalDeliver, Verdict::Consumed, std::move(packet), link.ifindex);
    case wire::kIpProtoIpip:
      if (m_ns->HasLinkOf(kernel::LinkKind::Ipip)) {  // else the module is not loaded
        Count(Snmp::IpInDelivers);
        if (IpipReceive(packet)) return;
        IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpPortUnreach, 0);  // tunnel4_rcv()
        return Finish(Stage::Decapsulate, Verdict::TunnelNoDevice, std::move(packet), link.ifindex);
      }
      [[fallthrough]];
    case wire::kIpProtoEsp:
      if (m_ns->hasIpsec && ip.Protocol() == wire::kIpProtoEsp) {  // else the module is not loaded
        Count(Snmp::IpInDelivers);
        return EspReceive(link, std::move(packet), ip.HeaderBytes(), false);
      }
      [[fallthrough]];
    default:
      Count(Snmp::IpInUnknownProtos);
      IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpProtUnreach, 0);
      return Finish(Stage::LocalDeliver, Verdict::UnknownProtocol, std::move(packet), link.ifindex);
  }
}

/// Whether the way back to a sender is its own network on that device (fib_validate_source() > 0).
bool Stack::IsOnLink(const kernel::Link& link, Ipv4Address sender) const {
  const kernel::RouteAnswer back = m_ns->Lookup({.dst = sender, .iif = 1});
  return back.error == 0 && back.route.type == RouteType::Unicast && back.nextHop.ifindex == link.ifindex &&
         back.nextHop.gateway.IsZero();
}

/// ip_rt_send_redirect(): at most nine that are ignored, each after twice the time of the one before.
void Stack::RedirectSender(const wire::Frame& packet, const kernel::Link& link, const kernel::RouteAnswer& answer) {
  constexpr Nanoseconds kLoad = Milliseconds(20), kSilence = Milliseconds(20 << 10);
  constexpr uint32_t kMost = 9;
  if (!m_ns->allConf.sendRedirects && !m_ns->GetConf(link.ifindex).sendRedirects) return;
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  PeerTokens& peer = TokensOf(ip.Source());
  const Nanoseconds now = engine::Now();
  if (now > peer.last + kSilence || peer.isNew) {
    peer.tokens = {};
    peer.redirects = 0;
  }
  peer.isNew = false;
  if (peer.redirects >= kMost) {
    peer.last = now;
    return;
  }
  if (peer.redirects != 0 && now <= peer.last + kLoad * (int64_t{1} << peer.redirects)) return;
  const Ipv4Address gateway = answer.nextHop.gateway.IsZero() ? ip.Destination() : answer.nextHop.gateway;
  peer.last = now;
  ++peer.redirects;
  IcmpSend(packet, wire::kIcmpRedirect, 1, gateway.value);
}

/// ip_forward().
void Stack::Ipv4Forward(kernel::Link& link, wire::FramePtr packet, const kernel::RouteAnswer& routed) {
  const Row row{Table::Route, routed.route.rowId};
  if (packet->type != wire::PacketType::Host)
    return Finish(Stage::Forward, Verdict::UnicastInLinkBroadcast, std::move(packet), link.ifindex, row);
  const bool wasDecrypted = packet->spi != 0;
  if (m_ns->hasIpsec)
    if (const Verdict verdict = CheckPolicy(*packet); verdict != Verdict::Continue)
      return Finish(Stage::Forward, verdict, std::move(packet), link.ifindex, row);
  wire::Ipv4 ip{packet->Data()};
  if (ip.Ttl() <= 1) {
    Count(Snmp::IpInHdrErrors);
    IcmpSend(*packet, wire::kIcmpTimeExceeded, 0, 0);
    return Finish(Stage::Forward, Verdict::TtlExpired, std::move(packet), link.ifindex, row);
  }
  RouteOut way{.answer = routed};
  if (m_ns->hasIpsec && ApplyPolicy(ip.Source(), ip.Destination(), ip.Tos(), packet->mark, way) != 0)
    return Finish(Stage::Forward, Verdict::IpsecNoRoute, std::move(packet), link.ifindex, row);
  const kernel::RouteAnswer& answer = way.answer;
  Count(Snmp::IpForwDatagrams);
  // __mkroute_input(): back out of the device that it came in on, from a sender that is on that network
  const bool mayRedirect = routed.nextHop.ifindex == link.ifindex && !wasDecrypted &&
                           packet->options.sourceRoute == 0 && IsOnLink(link, ip.Source());
  // ip_dst_mtu_maybe_forward(): the route's own MTU, else the device's; what was learnt only if ip_forward_use_pmtu
  // says so.
  const kernel::Link* out = m_ns->GetLink(answer.nextHop.ifindex);
  uint32_t mtu = answer.route.mtu != 0 ? answer.route.mtu : out->mtu;
  if (m_ns->ipForwardUsePmtu || answer.route.mtuLocked)
    if (uint32_t learnt = m_ns->LearntPmtu(ip.Destination(), engine::Now())) {
      mtu = std::min(mtu, learnt);
      m_backlog.flows->Abandon();
    }
  if (packet->Size() > mtu && ip.DontFragment() && (!packet->ignoreDf || packet->maxFragment > mtu)) {
    Count(Snmp::IpFragFails);
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpFragNeeded, mtu);
    return Finish(Stage::Forward, Verdict::FragNeeded, std::move(packet), link.ifindex, row);
  }
  ip.DecrementTtl();
  Trace(Stage::Forward, Verdict::Continue, *packet, link.ifindex, row);
  if (mayRedirect) RedirectSender(*packet, *out, routed);
  if (!PassesHook(Hook::Forward, packet, {.in = link.ifindex, .out = out->ifindex})) return;
  if (packet->options.bytes != 0) ForwardOptions(*packet, answer);
  if (way.ipsec)
    IpsecOutput(std::move(packet), way);
  else
    Ipv4Output(std::move(packet), answer, mtu);
}

}  // namespace overlaysim::host
