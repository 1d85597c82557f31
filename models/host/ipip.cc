// The ipip device: an IPv4 packet in an IPv4 packet, RFC 2003 (net/ipv4/ipip.c, ip_tunnel.c, ip_tunnel_core.c). What
// such a device sends and receives has no link header.

#include <cerrno>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/linux/vxlan.h"

namespace overlaysim::host {

using kernel::Snmp;
using kernel::Table;

/// ip_tunnel_xmit(). A device without a remote sends to the next hop of the inner packet's route.
int Stack::IpipTransmit(kernel::Link& link, wire::FramePtr packet) {
  if (packet->protocol != wire::kEtherTypeIpv4) {  // ipip_tunnel_xmit()
    ++link.stats.txErrors;
    Finish(Stage::TunnelRoute, Verdict::UnknownEthertype, std::move(packet), link.ifindex);
    return 0;
  }
  const kernel::IpipOptions& options = link.ipip;
  const wire::Ipv4 inner{packet->Data()};
  const Ipv4Address remote = !options.remote.IsZero() ? options.remote : packet->gateway;
  const uint8_t tosSetting = options.tos == 1 ? inner.Tos() : options.tos;
  const RouteOut out = RouteOutput({.source = options.local,
                                    .destination = remote,
                                    .protocol = wire::kIpProtoIpip,
                                    .tos = static_cast<uint8_t>(tosSetting & 0x1c),
                                    .oif = options.lowerIfindex,
                                    .mark = packet->mark});
  auto fail = [&](Verdict verdict, uint64_t kernel::LinkStats::*counter) {
    ++link.stats.txErrors;
    if (counter) ++(link.stats.*counter);
    Finish(Stage::TunnelRoute, verdict, std::move(packet), link.ifindex, {Table::Route, out.answer.route.rowId});
    return 0;  // NETDEV_TX_OK
  };
  if (out.error != 0) return fail(Verdict::TunnelNoRoute, &kernel::LinkStats::txCarrierErrors);
  if (out.answer.nextHop.ifindex == link.ifindex) return fail(Verdict::TunnelLoop, &kernel::LinkStats::collisions);
  Trace(Stage::TunnelRoute, Verdict::Continue, *packet, out.answer.nextHop.ifindex,
        {Table::Route, out.answer.route.rowId});

  // tnl_update_pmtu(): with DF outside, what the way there takes less the outer header; else what the inner route
  // takes.
  const bool df = options.pmtuDiscovery || (!packet->ignoreDf && inner.DontFragment());
  const uint32_t outerMtu = OutputMtu(out, remote);
  const uint32_t mtu = df ? outerMtu - std::min(outerMtu, wire::kIpv4HeaderBytes) : link.mtu;
  LearnInnerPmtu(inner, mtu);
  if (inner.DontFragment() && mtu < packet->Size()) {
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpFragNeeded, mtu);
    return fail(Verdict::FragNeeded, nullptr);
  }

  const uint8_t tos = kernel::OuterTos(options.tos, inner.Tos());
  const uint8_t ttl = options.ttl != 0 ? options.ttl : inner.Ttl();  // 0: inherit
  const uint32_t innerBytes = packet->Size();
  uint8_t* ip = packet->Push(wire::kIpv4HeaderBytes);
  wire::WriteIpv4(ip, {.tos = tos,
                       .totalBytes = static_cast<uint16_t>(packet->Size()),
                       .identification = NewIdentification(remote, wire::kIpProtoIpip),
                       .fragmentField = df ? wire::kIpDf : uint16_t{0},
                       .ttl = ttl,
                       .protocol = wire::kIpProtoIpip,
                       .source = out.source,
                       .destination = remote});
  if (!packet->socketHash) packet->hash = 0;
  packet->ignoreDf = false;
  packet->maxFragment = 0;
  packet->type = wire::PacketType::Outgoing;
  packet->iif = 0;
  Trace(Stage::Encapsulate, Verdict::Continue, *packet, link.ifindex);
  Count(Snmp::IpOutRequests);
  if (Ipv4LocalOut(std::move(packet), out) != 0) {  // iptunnel_xmit_stats()
    ++link.stats.txDropped;
    return 0;
  }
  ++link.stats.txPackets;
  link.stats.txBytes += innerBytes;
  return 0;
}

/// ip_tunnel_lookup(): the device with both ends of the packet, with its sender, with its destination, with neither.
kernel::Link* Stack::IpipFind(Ipv4Address from, Ipv4Address to) {
  kernel::Link* best = nullptr;
  int bestRank = 0;
  for (const kernel::Link* link : m_ns->Links()) {
    if (link->kind != kernel::LinkKind::Ipip || !link->adminUp) continue;
    const bool hasRemote = !link->ipip.remote.IsZero(), hasLocal = !link->ipip.local.IsZero();
    if ((hasRemote && link->ipip.remote != from) || (hasLocal && link->ipip.local != to)) continue;
    const int rank = 1 + 2 * hasRemote + hasLocal;
    if (rank <= bestRank) continue;
    bestRank = rank;
    best = m_ns->GetLink(link->ifindex);
  }
  return best;
}

/// ipip_rcv() and ip_tunnel_rcv(). False: no device takes it.
bool Stack::IpipReceive(wire::FramePtr& packet) {
  const wire::Ipv4 outer{packet->Data()};
  kernel::Link* link = IpipFind(outer.Source(), outer.Destination());
  if (!link) return false;
  auto drop = [&](Verdict verdict, uint64_t kernel::LinkStats::*counter) {
    ++link->stats.rxErrors;
    ++(link->stats.*counter);
    Finish(Stage::Decapsulate, verdict, std::move(packet), link->ifindex);
    return true;
  };
  const uint32_t headerBytes = outer.HeaderBytes();
  if (packet->Size() < headerBytes + wire::kIpv4HeaderBytes)
    return drop(Verdict::TunnelInnerTooShort, &kernel::LinkStats::rxLengthErrors);
  const uint8_t outerTos = outer.Tos();
  packet->Pull(headerBytes);
  const wire::Ipv4 inner{packet->Data()};
  const kernel::EcnDecapsulation ecn = kernel::DecapsulateEcn(outerTos, inner.Tos());
  if (ecn.drop) return drop(Verdict::EcnMalformed, &kernel::LinkStats::rxFrameErrors);
  if (ecn.tos != inner.Tos()) kernel::WriteIpv4Tos(packet->Data(), ecn.tos);
  Trace(Stage::Decapsulate, Verdict::Continue, *packet, link->ifindex);
  if (!packet->socketHash) packet->hash = 0;
  packet->ignoreDf = false;
  packet->maxFragment = 0;
  m_backlog.Push({this, link->ifindex, std::move(packet), false, m_network.servedArrival});  // gro_cells_receive()
  return true;
}

}  // namespace overlaysim::host
