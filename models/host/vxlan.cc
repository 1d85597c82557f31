// The vxlan device (drivers/net/vxlan/vxlan_core.c; net/ipv4/udp_tunnel_core.c, ip_tunnel_core.c).

#include "models/linux/vxlan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/wire/checksum.h"
#include "models/wire/flow_hash.h"

namespace overlaysim::host {

using kernel::Snmp;
using kernel::Table;

namespace {

constexpr Nanoseconds kVxlanScanInterval = Seconds(10);  // FDB_AGE_INTERVAL

/// NUD_CONNECTED
bool IsConnected(kernel::NudState state) {
  return state == kernel::NudState::Permanent || state == kernel::NudState::Reachable ||
         state == kernel::NudState::Noarp;
}

}  // namespace

/// vxlan_find_sock(), geneve_find_sock(): a device's socket is of one family.
const kernel::Link* Stack::VxlanSocket(uint16_t port, bool isV6) const {
  const kernel::Link* found = nullptr;
  m_ns->AnyLink([&](const kernel::Link& link) {
    const bool is =
        kernel::IsUdpTunnel(link.kind) && link.adminUp && link.vxlan.dstPort == port && link.vxlan.IsIpv6() == isV6;
    if (is) found = &link;
    return is;
  });
  return found;
}

/// vxlan_xmit().
void Stack::VxlanTransmit(kernel::Link& link, wire::FramePtr frame) {
  if (link.vxlan.external) return TransmitExternal(link, std::move(frame));
  if (link.vxlan.proxy && VxlanProxy(link, frame)) return;
  kernel::VxlanFdbEntry scratch;
  const kernel::VxlanFdbEntry* entry = kernel::FindVxlanDestination(*m_ns, link, wire::GetMac(frame->Data()), scratch);
  const bool shortCircuited = entry && entry->isRouter && link.vxlan.rsc && VxlanShortCircuit(link, *frame);
  if (shortCircuited) entry = kernel::FindVxlanDestination(*m_ns, link, wire::GetMac(frame->Data()), scratch);
  if (!entry || entry->remotes.empty()) {
    if (link.vxlan.l2miss && !wire::GetMac(frame->Data()).IsMulticast())
      Trace(Stage::VxlanFdbLookup, Verdict::L2Missed, *frame, link.ifindex);
    ++link.stats.txDropped;
    return Finish(Stage::VxlanFdbLookup, Verdict::VxlanNoFdb, std::move(frame), link.ifindex);
  }
  const std::vector<kernel::VxlanRemote> remotes = entry->remotes;
  Trace(Stage::VxlanFdbLookup, remotes.size() > 1 ? Verdict::Flooded : Verdict::Continue, *frame, link.ifindex,
        {Table::VxlanFdb, entry->rowId});
  // Copies go to all remotes but the first, which gets the frame itself at the end.
  for (size_t i = 1; i < remotes.size(); ++i) VxlanTransmitTo(link, Copy(*frame), remotes[i], shortCircuited);
  VxlanTransmitTo(link, std::move(frame), remotes[0], shortCircuited);
}

/// route_shortcircuit(): a frame to a router that is known by its entry goes straight to the destination of its IP
/// packet, if that has another address and is a neighbour on the device. Whether it does.
bool Stack::VxlanShortCircuit(const kernel::Link& link, wire::Frame& frame) {
  const wire::Ethernet ethernet{frame.Data()};
  const MacAddress router = ethernet.Destination();
  const kernel::InnerHeader inner = kernel::ReadInnerHeader(frame.Data(), frame.Size());
  if (router.IsMulticast() || !inner.isIp) return false;
  uint8_t* ip = frame.Data() + wire::kEthernetHeaderBytes;
  std::optional<MacAddress> neighbour;
  if (inner.isIpv4) {
    kernel::Neighbour scratch;
    const auto* entry = m_ns->FindNeighbour(link.ifindex, wire::Ipv4{ip}.Destination(), scratch);
    if (entry) neighbour = entry->mac;
  } else if (const auto* entry = m_ns->Ipv6().FindNeighbour(link.ifindex, wire::Ipv6{ip}.Destination())) {
    neighbour = entry->mac;
  }
  if (!neighbour && link.vxlan.l3miss) Trace(Stage::VxlanFdbLookup, Verdict::L3Missed, frame, link.ifindex);
  if (!neighbour || *neighbour == router) return false;
  ethernet.Write(*neighbour, router, ethernet.Type());
  return true;
}

/// vxlan_find_vni().
kernel::Link* Stack::FindVxlan(uint16_t port, uint32_t vni, bool isV6) {
  int found = 0;
  m_ns->AnyLink([&](const kernel::Link& link) {
    const bool is = link.kind == kernel::LinkKind::Vxlan && link.adminUp && link.vxlan.dstPort == port &&
                    (link.vxlan.external || link.vxlan.vni == vni) && link.vxlan.IsIpv6() == isV6;
    if (is) found = link.ifindex;
    return is;
  });
  return m_ns->GetLink(found);
}

/// vxlan_encap_bypass(): the frame is received on `to` without having been in a tunnel, as if it were for this host
/// whatever its address.
void Stack::VxlanBypass(kernel::Link& link, kernel::Link& to, wire::FramePtr frame) {
  ++link.stats.txPackets;
  link.stats.txBytes += frame->Size();
  ++to.stats.rxPackets;
  to.stats.rxBytes += frame->Size();
  m_backlog.Push({this, to.ifindex, std::move(frame), true});
}

/// The same of a frame that the device has not made itself: its sender is learnt as one of this host.
void Stack::VxlanBypassLearning(kernel::Link& link, kernel::Link& to, wire::FramePtr frame) {
  const IpAddress self = to.vxlan.IsIpv6() ? IpAddress(Ipv6Address::Loopback()) : IpAddress(Ipv4Address{0x7f000001});
  if (to.vxlan.learning && kernel::SnoopVxlan(*m_ns, to, wire::GetMac(frame->Data() + 6), self, engine::Now()) ==
                               kernel::VxlanSnoop::Accepted)
    VxlanArmAgeing(to.ifindex);
  VxlanBypass(link, to, std::move(frame));
}

/// vxlan_xmit_one(), geneve_xmit_skb(). An external device has it all from the frame's tunnel key.
void Stack::VxlanTransmitTo(kernel::Link& link, wire::FramePtr frame, const kernel::VxlanRemote& remote,
                            bool shortCircuited) {
  const kernel::VxlanOptions& options = link.vxlan;
  const wire::TunnelKey key = frame->tunnel;
  const kernel::InnerHeader inner = kernel::ReadInnerHeader(frame->Data(), frame->Size());
  if (inner.truncated) {  // skb_vlan_inet_prepare()
    ++link.stats.txDropped;
    return Finish(Stage::VxlanRoute, Verdict::VxlanInnerTooShort, std::move(frame), link.ifindex);
  }
  if (remote.ip.IsZero()) {
    if (shortCircuited) return VxlanBypassLearning(link, link, std::move(frame));
    ++link.stats.txDropped;
    return Finish(Stage::VxlanRoute, Verdict::VxlanNoRemote, std::move(frame), link.ifindex);
  }
  const uint16_t port = remote.port != 0 ? remote.port : options.dstPort;
  const uint32_t vni = remote.vni != 0 ? remote.vni : options.vni;
  if (frame->hash == 0) frame->hash = wire::FlowHash(frame->Data(), frame->Size(), m_network.seed);
  const uint16_t sourcePort = wire::OuterSourcePort(frame->hash, kernel::SourcePorts(*m_ns, options));
  const uint8_t tosSetting = options.tos == 1 ? inner.tos : options.tos;

  const bool isV6 = remote.ip.IsV6();
  SendRequest request{.source = options.local,
                      .destination = remote.ip,
                      .protocol = wire::kIpProtoUdp,
                      .tos = static_cast<uint8_t>(isV6 ? tosSetting : tosSetting & 0x1e),
                      .sourcePort = sourcePort,
                      .destinationPort = port,
                      .oif = remote.ifindex,
                      .mark = frame->mark};
  RouteOut out;
  RouteOut6 out6;
  if (isV6)
    out6 = RouteOutput6(request);
  else
    out = RouteOutput(request);
  const int error = isV6 ? out6.error : out.error;
  const bool toLocal = isV6 ? out6.toLocal : out.toLocal;
  const int outIfindex = isV6 ? out6.answer.nextHop.ifindex : out.answer.nextHop.ifindex;
  const Row route = isV6 ? Row{Table::Route6, out6.answer.route.rowId} : Row{Table::Route, out.answer.route.rowId};
  auto fail = [&](Verdict verdict, uint64_t kernel::LinkStats::*counter) {
    ++link.stats.txErrors;
    if (counter) ++(link.stats.*counter);
    Finish(Stage::VxlanRoute, verdict, std::move(frame), link.ifindex, route);
  };
  if (error != 0)
    return fail(Verdict::VxlanNoRoute, &kernel::LinkStats::txCarrierErrors);  // udp_tunnel_dst_lookup(): ENETUNREACH
  if (outIfindex == link.ifindex) return fail(Verdict::VxlanLoop, &kernel::LinkStats::collisions);
  Trace(Stage::VxlanRoute, Verdict::Continue, *frame, outIfindex, route);

  // encap_bypass_if_local(): the remote VTEP is on this host
  if (toLocal && options.localBypass && !options.external) {
    kernel::Link* to = FindVxlan(port, vni, isV6);
    if (!to) return fail(Verdict::VxlanUnknownVni, nullptr);
    return VxlanBypassLearning(link, *to, std::move(frame));
  }
  const uint32_t outerMtu =
      isV6 ? OutputMtu(out6, remote.ip.V6()) - wire::kVxlan6OverheadBytes
           : OutputMtu(out, remote.ip.V4()) - std::min(OutputMtu(out, remote.ip.V4()), wire::kVxlanOverheadBytes);
  if (wire::FramePtr answer = VxlanCheckPmtu(link, *frame, outerMtu)) {
    VxlanBypass(link, link, std::move(answer));
    return Finish(Stage::VxlanRoute, Verdict::FragNeeded, std::move(frame), link.ifindex);
  }

  const uint8_t tos = kernel::OuterTos(options.tos, inner.tos);
  const uint8_t routeTtl = isV6 ? static_cast<uint8_t>(m_ns->Ipv6().GetConf(outIfindex).hopLimit) : m_ns->defaultTtl;
  const uint8_t ttl =
      options.external ? key.ttl : kernel::OuterTtl(options, inner.ttl, routeTtl, remote.ip.IsMulticast());
  const uint32_t innerBytes =
      frame->Size() - wire::kEthernetHeaderBytes;  // iptunnel_xmit() counts from the network header
  if (link.kind == kernel::LinkKind::Geneve)
    wire::Geneve{frame->Push(wire::Geneve::kBytes)}.Write(vni);
  else
    wire::Vxlan{frame->Push(wire::kVxlanHeaderBytes)}.Write(vni);
  frame->encapsulated = frame->HasOpenChecksum();
  const uint32_t udpBytes = wire::kUdpHeaderBytes + frame->Size();
  uint8_t* udp = frame->Push(wire::kUdpHeaderBytes);
  wire::Put16(udp, sourcePort);
  wire::Put16(udp + 2, port);
  wire::Put16(udp + 4, udpBytes);
  wire::Put16(udp + 6, 0);
  const bool hasChecksum = options.external ? key.checksum : isV6 ? !options.udp6ZeroCsumTx : options.udpCsum;
  if (hasChecksum) {
    // udp_set_csum(), udp6_set_csum()
    const uint64_t pseudo = isV6 ? wire::PseudoHeaderSum(out6.source, remote.ip.V6(), wire::kIpProtoUdp, udpBytes)
                                 : wire::PseudoHeaderSum(out.source, remote.ip.V4(), wire::kIpProtoUdp, udpBytes);
    const kernel::Link* device = m_ns->GetLink(outIfindex);
    if (!frame->HasOpenChecksum() && device && device->txChecksum) {
      wire::Put16(udp + 6, static_cast<uint16_t>(~wire::ChecksumFold(pseudo)));
      frame->LeaveChecksum(udp, 6);
    } else {
      // lco_csum(): what an open inner checksum covers will add up to the inverse of what stands in its field
      const uint32_t summed = frame->HasOpenChecksum() ? static_cast<uint32_t>(frame->ChecksumStart() - udp) : udpBytes;
      uint64_t sum = wire::ChecksumAdd(udp, summed, pseudo);
      if (frame->HasOpenChecksum()) sum += static_cast<uint16_t>(~wire::Get16(frame->ChecksumField()));
      const uint16_t checksum = wire::ChecksumFold(sum);
      wire::Put16(udp + 6, checksum != 0 ? checksum : 0xffffu);
    }
  }
  const uint32_t outerBytes = isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes;
  uint8_t* ip = frame->Push(outerBytes);
  if (isV6) {
    wire::WriteIpv6(ip, {.trafficClass = tos,
                         .flowLabel = options.flowLabel,
                         .payloadBytes = static_cast<uint16_t>(udpBytes),
                         .nextHeader = wire::kIpProtoUdp,
                         .hopLimit = ttl,
                         .source = out6.source,
                         .destination = remote.ip.V6()});
  } else {
    const bool df = options.external ? key.dontFragment : kernel::OuterDf(options, inner.isIpv4, inner.dontFragment);
    wire::WriteIpv4(
        ip, {.tos = tos,
             .totalBytes = static_cast<uint16_t>(frame->Size()),
             .identification = NewIdentification(remote.ip.V4(), wire::kIpProtoUdp),  // iptunnel_xmit(): never 0
             .fragmentField = df ? wire::kIpDf : uint16_t{0},
             .ttl = ttl,
             .protocol = wire::kIpProtoUdp,
             .source = out.source,
             .destination = remote.ip.V4()});
  }
  // iptunnel_xmit(): the packet begins a new life as the host's own; only a socket's hash and the mark stay with it
  frame->ResetConnection();
  frame->tunnel = {};
  if (!frame->socketHash) frame->hash = 0;
  frame->ignoreDf = false;
  frame->maxFragment = 0;
  frame->type = wire::PacketType::Outgoing;
  frame->iif = 0;
  Trace(Stage::Encapsulate, Verdict::Continue, *frame, link.ifindex);
  Count(isV6 ? Snmp::Ip6OutRequests : Snmp::IpOutRequests);
  const int lost = isV6 ? Ipv6LocalOut(std::move(frame), out6) : Ipv4LocalOut(std::move(frame), out);
  if (lost != 0) {  // iptunnel_xmit_stats(): ip6tunnel_xmit() calls it an error
    if (isV6) {
      ++link.stats.txErrors;
      ++link.stats.txAbortedErrors;
    } else {
      ++link.stats.txDropped;
    }
    return;
  }
  ++link.stats.txPackets;
  link.stats.txBytes += innerBytes;
}

/// skb_dst_update_pmtu_no_confirm(): what the route of a tunnelled packet has learnt about the way outside.
void Stack::LearnInnerPmtu(const wire::Ipv4& inner, uint32_t mtu) {
  const RouteOut out = RouteOutput({.destination = inner.Destination(), .tos = inner.Tos()});
  if (out.error != 0 || mtu >= OutputMtu(out, inner.Destination())) return;
  const bool locked = mtu < m_ns->minPmtu;
  m_backlog.flows->Invalidate();
  m_ns->LearnPmtu(inner.Destination(), locked ? m_ns->minPmtu : mtu, engine::Now() + m_ns->pmtuExpires, locked);
}

/// skb_tunnel_check_pmtu(): a packet that is too large for the outer path lowers the MTU of the inner route; a bridge
/// port answers the sender itself. `mtu` is what the outer path leaves for the inner packet. Returns that answer; null:
/// the frame may go on.
wire::FramePtr Stack::VxlanCheckPmtu(kernel::Link& link, wire::Frame& frame, uint32_t mtu) {
  if (frame.Size() - wire::kEthernetHeaderBytes <= mtu) return nullptr;
  const kernel::InnerHeader inner = kernel::ReadInnerHeader(frame.Data(), frame.Size());
  if (inner.isIp && !inner.isIpv4) return VxlanCheckPmtu6(link, frame, mtu);
  if (!inner.isIpv4) return nullptr;
  const wire::Ipv4 ip{frame.Data() + wire::kEthernetHeaderBytes};
  if (link.master == 0) {
    LearnInnerPmtu(ip, mtu);
    return nullptr;
  }
  // iptunnel_pmtud_check_icmp() and iptunnel_pmtud_build_icmp()
  constexpr uint32_t kLeastMtu = 576;
  const uint32_t size = frame.Size() - wire::kEthernetHeaderBytes;
  if (mtu <= kLeastMtu || ip.FragmentField() != wire::kIpDf) return nullptr;
  if (ip.Source().IsZero() || ip.Source().IsMulticast() || ip.Source().IsLoopback() || ip.Source().IsLimitedBroadcast())
    return nullptr;
  if (ip.Protocol() == wire::kIpProtoIcmp) {
    const uint8_t type = ip.Payload()[0];
    if (type == wire::kIcmpDestUnreach || type == wire::kIcmpTimeExceeded || type == wire::kIcmpParameterProblem ||
        type == wire::kIcmpRedirect || type == 4)
      return nullptr;
  }
  const uint32_t quoted = std::min(size, 576 - wire::kIpv4HeaderBytes - wire::kIcmpHeaderBytes);
  const uint32_t total = wire::kIpv4HeaderBytes + wire::kIcmpHeaderBytes + quoted;
  wire::FramePtr answer = wire::MakeFrame(wire::kEthernetHeaderBytes + total);
  answer->flow = frame.flow;
  StartJourney(*answer, frame.journey);
  const wire::Ethernet to{frame.Data()};
  wire::Ethernet{answer->Data()}.Write(to.Source(), to.Destination(), wire::kEtherTypeIpv4);
  uint8_t* p = answer->Data() + wire::kEthernetHeaderBytes;
  wire::WriteIpv4(p, {.tos = 0,
                      .totalBytes = static_cast<uint16_t>(total),
                      .identification = 0,
                      .fragmentField = wire::kIpDf,
                      .ttl = ip.Ttl(),
                      .protocol = wire::kIpProtoIcmp,
                      .source = ip.Destination(),
                      .destination = ip.Source()});
  uint8_t* icmp = p + wire::kIpv4HeaderBytes;
  std::memset(icmp, 0, wire::kIcmpHeaderBytes);
  icmp[0] = wire::kIcmpDestUnreach;
  icmp[1] = wire::kIcmpFragNeeded;
  wire::Put16(icmp + 6, mtu);
  std::memcpy(icmp + wire::kIcmpHeaderBytes, ip.p, quoted);
  wire::Put16(icmp + 2, wire::Checksum(icmp, wire::kIcmpHeaderBytes + quoted));
  Trace(Stage::Send, Verdict::Continue, *answer, link.ifindex);
  return answer;
}

/// The same for an inner IPv6 packet: ip6_rt_update_pmtu(), iptunnel_pmtud_check_icmpv6() and
/// iptunnel_pmtud_build_icmpv6().
wire::FramePtr Stack::VxlanCheckPmtu6(kernel::Link& link, wire::Frame& frame, uint32_t mtu) {
  if (mtu < wire::kIpv6LeastMtu) return nullptr;
  const wire::Ipv6 ip{frame.Data() + wire::kEthernetHeaderBytes};
  const uint32_t size = frame.Size() - wire::kEthernetHeaderBytes;
  const Ipv6Address source = ip.Source(), destination = ip.Destination();
  if (link.master == 0) {
    const RouteOut6 out = RouteOutput6({.destination = destination, .tos = ip.TrafficClass()});
    if (out.error == 0 && !out.answer.route.mtuLocked && mtu < OutputMtu(out, destination))
      m_ns->Ipv6().LearnPmtu(destination, mtu, engine::Now() + m_ns->Ipv6().pmtuExpires);
    return nullptr;
  }
  if (source.IsZero() || source.IsMulticast() || source.IsLoopback()) return nullptr;
  const wire::Ipv6Upper upper = wire::FindIpv6Upper(ip.p, size);
  if (upper.offset == 0 || upper.laterFragment) return nullptr;
  if (upper.protocol == wire::kIpProtoIcmpv6) {
    if (upper.offset >= size) return nullptr;
    const uint8_t type = ip.p[upper.offset];
    if (type < wire::kIcmpv6Echo || type == wire::kIcmpv6Redirect) return nullptr;
  }
  const uint32_t quoted = std::min(size, wire::kIpv6LeastMtu - wire::kIpv6HeaderBytes - wire::kIcmpHeaderBytes);
  const uint32_t bytes = wire::kIcmpHeaderBytes + quoted;
  wire::FramePtr answer = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kIpv6HeaderBytes + bytes);
  answer->flow = frame.flow;
  StartJourney(*answer, frame.journey);
  const wire::Ethernet to{frame.Data()};
  wire::Ethernet{answer->Data()}.Write(to.Source(), to.Destination(), wire::kEtherTypeIpv6);
  uint8_t* p = answer->Data() + wire::kEthernetHeaderBytes;
  wire::WriteIpv6(p, {.payloadBytes = static_cast<uint16_t>(bytes),
                      .nextHeader = wire::kIpProtoIcmpv6,
                      .hopLimit = ip.HopLimit(),
                      .source = destination,
                      .destination = source});
  uint8_t* icmp = p + wire::kIpv6HeaderBytes;
  icmp[0] = wire::kIcmpv6PacketTooBig;
  icmp[1] = 0;
  wire::Put16(icmp + 2, 0);
  wire::Put32(icmp + 4, mtu);
  std::memcpy(icmp + wire::kIcmpHeaderBytes, ip.p, quoted);
  const uint64_t pseudo = wire::PseudoHeaderSum(destination, source, wire::kIpProtoIcmpv6, bytes);
  wire::Put16(icmp + 2, wire::ChecksumFold(wire::ChecksumAdd(icmp, bytes, pseudo)));
  Trace(Stage::Send, Verdict::Continue, *answer, link.ifindex);
  return answer;
}

/// With `proxy` the device answers ARP requests and neighbour solicitations from the host's tables, and sends none on.
/// Whether the frame is one.
bool Stack::VxlanProxy(kernel::Link& link, wire::FramePtr& frame) {
  const uint16_t type = wire::Ethernet{frame->Data()}.Type();
  const uint8_t* ip = frame->Data() + wire::kEthernetHeaderBytes;
  const uint8_t* icmp = ip + wire::kIpv6HeaderBytes;
  const bool isSolicitation =
      type == wire::kEtherTypeIpv6 &&
      frame->Size() >= wire::kEthernetHeaderBytes + wire::kIpv6HeaderBytes + wire::NeighbourMessage::kBytes &&
      ip[6] == wire::kIpProtoIcmpv6 && icmp[0] == wire::kIcmpv6NeighbourSolicitation && icmp[1] == 0;
  if (type != wire::kEtherTypeArp && !isSolicitation) return false;
  if (wire::FramePtr answer = isSolicitation ? VxlanReduceNdisc(link, *frame) : VxlanReduceArp(link, *frame)) {
    Trace(Stage::Send, Verdict::Continue, *answer, link.ifindex);
    m_backlog.Push({this, link.ifindex, std::move(answer), true});  // netif_rx(), in nobody's counters
  }
  Finish(Stage::ArpProcess, Verdict::Consumed, std::move(frame), link.ifindex);
  return true;
}

/// A neighbour on the bridge's own side answers for itself: its entry has the remote 0.0.0.0.
bool Stack::VxlanIsBridgeLocal(const kernel::Link& link, const MacAddress& mac) const {
  kernel::VxlanFdbEntry scratch;
  const kernel::VxlanFdbEntry* entry = m_ns->LookupVxlanFdb(link.ifindex, mac, scratch);
  return entry && !entry->remotes.empty() && entry->remotes.front().ip.IsZero();
}

/// arp_reduce().
wire::FramePtr Stack::VxlanReduceArp(kernel::Link& link, const wire::Frame& frame) {
  if (link.noArp) return nullptr;
  if (frame.Size() < wire::kEthernetHeaderBytes + wire::kArpBytes) {
    ++link.stats.txDropped;
    return nullptr;
  }
  const wire::Arp arp{const_cast<uint8_t*>(frame.Data()) + wire::kEthernetHeaderBytes};
  const Ipv4Address target = arp.TargetIp();
  if (!arp.IsIpv4OverEthernet() || arp.Operation() != wire::kArpRequest || target.IsLoopback() || target.IsMulticast())
    return nullptr;
  kernel::Neighbour scratch;
  const kernel::Neighbour* entry = m_ns->FindNeighbour(link.ifindex, target, scratch);
  if (!entry && link.vxlan.l3miss) Trace(Stage::ArpProcess, Verdict::L3Missed, frame, link.ifindex);
  if (!entry || !IsConnected(entry->state) || VxlanIsBridgeLocal(link, entry->mac)) return nullptr;
  wire::FramePtr reply = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kArpBytes);
  StartJourney(*reply, frame.journey);
  wire::Ethernet{reply->Data()}.Write(arp.SenderMac(), entry->mac, wire::kEtherTypeArp);
  wire::Arp{reply->Data() + wire::kEthernetHeaderBytes}.Write(wire::kArpReply, entry->mac, target, arp.SenderMac(),
                                                              arp.SenderIp());
  return reply;
}

/// neigh_reduce() and vxlan_na_create().
wire::FramePtr Stack::VxlanReduceNdisc(const kernel::Link& link, const wire::Frame& frame) {
  using Message = wire::NeighbourMessage;
  constexpr uint32_t kHeaders = wire::kEthernetHeaderBytes + wire::kIpv6HeaderBytes;
  constexpr uint32_t kOptionBytes = Message::kOptionBytes;
  uint8_t* const request = const_cast<uint8_t*>(frame.Data());
  const wire::Ipv6 ip{request + wire::kEthernetHeaderBytes};
  const Ipv6Address target = Message{request + kHeaders}.Target();
  if (ip.Destination().IsLoopback() || target.IsMulticast()) return nullptr;
  const kernel::Neighbour6* entry = m_ns->Ipv6().FindNeighbour(link.ifindex, target);
  if (!entry && link.vxlan.l3miss) Trace(Stage::ArpProcess, Verdict::L3Missed, frame, link.ifindex);
  if (!entry || !IsConnected(entry->state) || VxlanIsBridgeLocal(link, entry->mac)) return nullptr;
  MacAddress to = wire::Ethernet{request}.Source();
  const uint8_t* const end = request + frame.Size();
  for (const uint8_t* option = request + kHeaders + Message::kBytes; option + kOptionBytes <= end;
       option += option[1] * kOptionBytes) {
    if (option[1] == 0) return nullptr;
    if (option[0] != Message::kSourceLinkAddress) continue;
    to = wire::GetMac(option + 2);
    break;
  }
  constexpr uint32_t kBytes = Message::kBytes + kOptionBytes;
  wire::FramePtr reply = wire::MakeFrame(kHeaders + kBytes);
  StartJourney(*reply, frame.journey);
  wire::Ethernet{reply->Data()}.Write(to, entry->mac, wire::kEtherTypeIpv6);
  wire::WriteIpv6(reply->Data() + wire::kEthernetHeaderBytes,
                  {.trafficClass = static_cast<uint8_t>(ip.TrafficClass() & 0xf0),
                   .payloadBytes = kBytes,
                   .nextHeader = wire::kIpProtoIcmpv6,
                   .hopLimit = wire::kNdiscHopLimit,
                   .source = target,
                   .destination = ip.Source()});
  kernel::VxlanFdbEntry scratch;
  const kernel::VxlanFdbEntry* station = m_ns->LookupVxlanFdb(link.ifindex, entry->mac, scratch);
  uint8_t* icmp = reply->Data() + kHeaders;
  std::memset(icmp, 0, kBytes);
  icmp[0] = wire::kIcmpv6NeighbourAdvertisement;
  icmp[4] = static_cast<uint8_t>(Message::kSolicited | Message::kOverride |
                                 (station && station->isRouter ? Message::kRouter : 0));
  wire::PutIpv6(icmp + 8, target);
  icmp[Message::kBytes] = Message::kTargetLinkAddress;
  icmp[Message::kBytes + 1] = 1;
  wire::PutMac(icmp + Message::kBytes + 2, entry->mac);
  const uint64_t pseudo = wire::PseudoHeaderSum(target, ip.Source(), wire::kIpProtoIcmpv6, kBytes);
  wire::Put16(icmp + 2, wire::ChecksumFold(wire::ChecksumAdd(icmp, kBytes, pseudo)));
  return reply;
}

/// vxlan_rcv(): `udpOffset` is where the outer UDP header begins.
void Stack::VxlanReceive(kernel::Link& in, wire::FramePtr packet, uint32_t udpOffset) {
  const Received outer{*packet, {packet->Data()}, packet->Data() + udpOffset, packet->Size() - udpOffset};
  const bool isV6 = outer.IsV6();
  const IpAddress from = outer.Source();
  const uint8_t outerTos = outer.Tos();
  const uint16_t port = wire::Udp{packet->Data() + udpOffset}.DestinationPort();
  kernel::Link* link = nullptr;
  auto drop = [&](Verdict verdict) {
    Finish(Stage::Decapsulate, verdict, std::move(packet), link ? link->ifindex : in.ifindex);
  };
  const uint32_t vxlanOffset = udpOffset + wire::kUdpHeaderBytes;
  if (packet->Size() < vxlanOffset + wire::kVxlanHeaderBytes) return drop(Verdict::VxlanTooShort);
  const wire::Vxlan header{packet->Data() + vxlanOffset};
  const uint32_t flags = header.FlagsWord(), vniWord = header.VniWord();
  if (!(flags & wire::Vxlan::kFlagVni)) return drop(Verdict::VxlanNoVniFlag);
  link = FindVxlan(port, vniWord >> 8, isV6);
  if (!link) return drop(Verdict::VxlanUnknownVni);
  if (kernel::CheckVxlanHeader(flags, vniWord) == kernel::VxlanHeaderFault::ReservedBits) {
    ++link->stats.rxErrors;
    ++link->stats.rxFrameErrors;
    return drop(Verdict::VxlanReservedBits);
  }
  const uint32_t outerBytes = vxlanOffset + wire::kVxlanHeaderBytes;
  if (packet->Size() < outerBytes + wire::kEthernetHeaderBytes) return drop(Verdict::VxlanFrameTooShort);
  packet->Pull(outerBytes);
  packet->encapsulated = false;
  packet->ResetConnection();  // skb_scrub_packet()
  packet->protocol = wire::Ethernet{packet->Data()}.Type();
  if (link->vxlan.external && !isV6) packet->tunnel = {.remote = from.V4(), .id = vniWord >> 8};
  if (wire::GetMac(packet->Data() + 6) == link->address) return drop(Verdict::VxlanLocalMac);
  if (link->vxlan.learning) {
    const MacAddress source = wire::GetMac(packet->Data() + 6);
    switch (kernel::SnoopVxlan(*m_ns, *link, source, from, engine::Now())) {
      case kernel::VxlanSnoop::Accepted:
        VxlanArmAgeing(link->ifindex);
        break;
      case kernel::VxlanSnoop::InvalidSource:
        return drop(Verdict::VxlanBadSource);
      case kernel::VxlanSnoop::EntryExists:
        return drop(Verdict::VxlanEntryExists);
    }
  }
  TunnelReceive(*link, std::move(packet), outerTos);
}

void Stack::TunnelReceive(kernel::Link& link, wire::FramePtr frame, uint8_t outerTos) {
  auto drop = [&](Verdict verdict, uint64_t kernel::LinkStats::*counter) {
    ++link.stats.rxErrors;
    ++(link.stats.*counter);
    Finish(Stage::Decapsulate, verdict, std::move(frame), link.ifindex);
  };
  const kernel::InnerHeader inner = kernel::ReadInnerHeader(frame->Data(), frame->Size());
  if (inner.truncated) return drop(Verdict::VxlanInnerTooShort, &kernel::LinkStats::rxLengthErrors);
  if (inner.isIp) {  // RFC 6040
    const kernel::EcnDecapsulation ecn = kernel::DecapsulateEcn(outerTos, inner.tos);
    if (ecn.drop) return drop(Verdict::EcnMalformed, &kernel::LinkStats::rxFrameErrors);
    if (ecn.tos != inner.tos) kernel::WriteInnerTos(frame->Data(), ecn.tos);
  }
  Trace(Stage::Decapsulate, Verdict::Continue, *frame, link.ifindex);
  frame->hash = frame->socketHash ? frame->hash : 0;
  frame->ignoreDf = false;
  frame->maxFragment = 0;
  m_backlog.Push({this, link.ifindex, std::move(frame), false, m_network.servedArrival});  // gro_cells_receive()
}

/// vxlan_cleanup(): the table is scanned ten seconds after the device went up and after the scan before; sooner only
/// for what that scan has found to be due by then.
void Stack::VxlanArmAgeing(int ifindex) {
  VxlanAgeing& ageing = m_vxlanAgeing[ifindex];
  if (ageing.isArmed) return;
  ageing.isArmed = true;
  const int64_t missed = (engine::Now() - ageing.last).count / kVxlanScanInterval.count;
  ageing.last += kVxlanScanInterval * missed;
  VxlanScanAfter(ifindex, ageing.last + kVxlanScanInterval - engine::Now());
}

void Stack::VxlanScanAfter(int ifindex, Nanoseconds delay) {
  After(delay, [this, ifindex, generation = m_vxlanAgeing[ifindex].generation] {
    const kernel::Link* link = m_ns->GetLink(ifindex);
    VxlanAgeing& ageing = m_vxlanAgeing[ifindex];
    if (!link || ageing.generation != generation) return;
    ageing.last = engine::Now();
    const auto next = kernel::AgeVxlanFdb(*m_ns, *link, engine::Now());
    ageing.isArmed = next.has_value();
    if (next) VxlanScanAfter(ifindex, std::min(*next - engine::Now(), kVxlanScanInterval));
  });
}

/// vxlan_open() and vxlan_stop() start and stop the scans.
void Stack::VxlanScansFollow(const kernel::Link& link) {
  VxlanAgeing& ageing = m_vxlanAgeing[link.ifindex];
  if (ageing.isUp == link.adminUp) return;
  ageing = {.last = engine::Now(), .generation = ageing.generation + 1, .isUp = link.adminUp};
}

}  // namespace overlaysim::host
