// The geneve device (drivers/net/geneve.c), and tunnel devices that are told with each frame where to send it
// (`external`). What goes out is the same work as for vxlan: VxlanTransmitTo().

#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/linux/vxlan.h"

namespace overlaysim::host {

/// geneve_xmit().
void Stack::GeneveTransmit(kernel::Link& link, wire::FramePtr frame) {
  if (link.vxlan.external) return TransmitExternal(link, std::move(frame));
  VxlanTransmitTo(link, std::move(frame), {.ip = link.vxlan.remote}, {});
}

/// vxlan_xmit() with VXLAN_F_COLLECT_METADATA, geneve_xmit() with collect_md.
void Stack::TransmitExternal(kernel::Link& link, wire::FramePtr frame) {
  const wire::TunnelKey& key = frame->tunnel;
  if (key.remote.IsZero()) {
    if (link.kind == kernel::LinkKind::Geneve) ++link.stats.txDropped;
    return Finish(Stage::VxlanRoute, Verdict::TunnelNoKey, std::move(frame), link.ifindex);
  }
  VxlanTransmitTo(link, std::move(frame), {.ip = key.remote, .vni = key.id}, {});
}

/// geneve_lookup(): a device that is not external takes only what its remote has sent.
kernel::Link* Stack::FindGeneve(uint16_t port, uint32_t vni, const IpAddress& from) {
  for (const kernel::Link* link : m_ns->Links())
    if (link->kind == kernel::LinkKind::Geneve && link->adminUp && link->vxlan.dstPort == port &&
        (link->vxlan.external || (link->vxlan.vni == vni && link->vxlan.remote == from)))
      return m_ns->GetLink(link->ifindex);
  return nullptr;
}

/// geneve_udp_encap_recv() and geneve_rx(): `udpOffset` is where the outer UDP header begins.
void Stack::GeneveReceive(kernel::Link& in, wire::FramePtr packet, uint32_t udpOffset) {
  const Received outer{*packet, {packet->Data()}, packet->Data() + udpOffset, packet->Size() - udpOffset};
  const IpAddress from = outer.Source();
  const uint8_t outerTos = outer.Tos();
  kernel::Link* link = nullptr;
  auto drop = [&](Verdict verdict) {
    Finish(Stage::Decapsulate, verdict, std::move(packet), link ? link->ifindex : in.ifindex);
  };
  const uint32_t offset = udpOffset + wire::kUdpHeaderBytes;
  if (packet->Size() < offset + wire::Geneve::kBytes) return drop(Verdict::GeneveTooShort);
  const wire::Geneve header{packet->Data() + offset};
  if (header.Version() != 0) return drop(Verdict::GeneveBadVersion);
  link = FindGeneve(wire::Udp{packet->Data() + udpOffset}.DestinationPort(), header.Vni(), from);
  if (!link) return drop(Verdict::GeneveNoDevice);
  const uint32_t outerBytes = offset + wire::Geneve::kBytes + header.OptionBytes();
  if (header.Protocol() != wire::Geneve::kProtocolEthernet ||
      packet->Size() < outerBytes + wire::kEthernetHeaderBytes) {
    ++link->stats.rxDropped;
    return drop(Verdict::GeneveBadProtocol);
  }
  if (link->vxlan.external) {
    packet->tunnel = {.remote = from.IsV4() ? from.V4() : Ipv4Address{}, .id = header.Vni()};
  } else if (header.IsCritical()) {
    ++link->stats.rxErrors;
    ++link->stats.rxFrameErrors;
    return drop(Verdict::GeneveCritical);
  }
  packet->Pull(outerBytes);
  packet->encapsulated = false;
  packet->ResetConnection();  // skb_scrub_packet()
  packet->protocol = wire::Ethernet{packet->Data()}.Type();
  if (wire::GetMac(packet->Data() + 6) == link->address) {
    ++link->stats.rxErrors;
    return drop(Verdict::GeneveLocalMac);
  }
  TunnelReceive(*link, std::move(packet), outerTos);
}

}  // namespace overlaysim::host
