// IPsec as flannel uses it: ESP with AES-GCM in tunnel mode (net/xfrm/xfrm_policy.c, xfrm_output.c, xfrm_input.c,
// net/ipv4/esp4.c, xfrm4_input.c). What is encrypted is opaque (wire::Sealed); all that stands around it is the
// kernel's.

#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/linux/vxlan.h"
#include "models/wire/checksum.h"
#include "sim/base/random.h"

namespace overlaysim::host {

using kernel::Hook;
using kernel::IpsecActivity;
using kernel::IpsecTunnel;
using kernel::Snmp;
using kernel::Table;
using kernel::TunnelPeer;

/// A tunnel that policy has chosen (struct xfrm_dst), and the way to its other end.
struct IpsecWay {
  TunnelPeer peer;
  Stack::RouteOut outer;
  uint32_t mtu = 0;  ///< of packets that go in
};

namespace {

constexpr uint16_t kIkePort = 500;
constexpr uint8_t kKeepalive = 0xff;

/// What stands in for a state's key, or for the salt that its IVs are made with (crypto/seqiv.c).
uint64_t SecretOf(const char* what, Ipv4Address destination, uint32_t spi) {
  return RandomStream(0, what, uint64_t{destination.value} << 32 | spi).Next();
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- policy

/// xfrm_lookup() and xfrm_bundle_create(): `out` leads through the tunnel if a policy of direction "out" says so. The
/// MTU is that of its route then. Answers the errno of the way to the other end.
int Stack::ApplyPolicy(Ipv4Address source, Ipv4Address destination, uint8_t tos, uint32_t mark, RouteOut& out) {
  IpsecWay way;
  if (!m_ns->FindTunnelPeer(0, destination, way.peer) || !way.peer.ipsec->localRange.Contains(source)) return 0;
  m_backlog.flows->Abandon();
  const IpsecTunnel& tunnel = *way.peer.ipsec;
  way.outer = RouteOutput({.source = tunnel.local,
                           .destination = way.peer.endpoint,
                           .protocol = tunnel.udpPort != 0 ? uint8_t{wire::kIpProtoUdp} : uint8_t{wire::kIpProtoEsp},
                           .tos = static_cast<uint8_t>(tos & 0x1c),
                           .sourcePort = tunnel.udpPort,
                           .destinationPort = tunnel.udpPort,
                           .mark = mark});
  if (way.outer.error != 0) {
    Count(Snmp::XfrmOutBundleGenError);
    return way.outer.error;
  }
  way.mtu = kernel::IpsecMtu(tunnel, OutputMtu(way.outer, way.peer.endpoint));
  out.answer.nextHop = way.outer.answer.nextHop;
  out.answer.route.mtu = way.mtu;
  out.ipsec = std::make_shared<const IpsecWay>(std::move(way));
  return 0;
}

/// xfrm_policy_check() of directions "in" and "fwd": whether a packet came by the tunnel that its addresses belong to,
/// or by none if they belong to none.
Verdict Stack::CheckPolicy(wire::Frame& packet) {
  const wire::Ipv4 ip{packet.Data()};
  const uint32_t spi = packet.spi;
  packet.spi = 0;
  TunnelPeer peer;
  if (m_ns->FindTunnelPeer(0, ip.Source(), peer) && peer.ipsec->localRange.Contains(ip.Destination())) {
    if (spi == peer.ipsec->spiIn) return Verdict::Continue;
    Count(Snmp::XfrmInTmplMismatch);
    return Verdict::IpsecRequired;
  }
  if (spi == 0) return Verdict::Continue;
  Count(Snmp::XfrmInNoPols);
  return Verdict::IpsecNoPolicy;
}

// ---------------------------------------------------------------------------------------------------- out

/// xfrm4_output(), xfrm_output_one(), xfrm4_tunnel_encap_add() and esp_output().
int Stack::IpsecOutput(wire::FramePtr packet, const RouteOut& out) {
  const IpsecWay& way = *out.ipsec;
  const IpsecTunnel& tunnel = *way.peer.ipsec;
  const int device = out.answer.nextHop.ifindex;
  const Row row{Table::TunnelPeer, way.peer.rowId};
  if (!PassesHook(Hook::Postrouting, packet, {.in = packet->iif, .out = device, .gateway = out.answer.nextHop.gateway}))
    return EPERM;
  const wire::Ipv4 inner{packet->Data()};
  if (packet->Size() > way.mtu && inner.DontFragment() && !packet->ignoreDf) {  // xfrm4_tunnel_check_size()
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpFragNeeded, way.mtu);
    Count(Snmp::XfrmOutError);
    Finish(Stage::Fragment, Verdict::FragNeeded, std::move(packet), device, row);
    return EMSGSIZE;
  }
  Trace(Stage::TunnelRoute, Verdict::Continue, *packet, device, row);
  Trace(Stage::TunnelRoute, Verdict::Continue, *packet, device, {Table::Route, way.outer.answer.route.rowId});
  packet->CompleteChecksum();
  const uint32_t innerBytes = packet->Size();
  std::vector<uint8_t> content(packet->Data(), packet->Data() + innerBytes);
  const uint8_t tos = inner.Tos();
  const bool df = inner.DontFragment();

  IpsecActivity& activity = m_ns->ipsecActivity[{way.peer.endpoint, tunnel.spiOut}];
  ++activity.packets;
  activity.bytes += innerBytes + wire::kIpv4HeaderBytes;  // xfrm_output_one() counts with the outer header before it
  const uint32_t sequence = ++activity.outSequence;
  constexpr uint32_t kAlign = kernel::kEspAlignment;
  const uint32_t encryptedBytes = (innerBytes + kernel::kEspTrailerBytes + kAlign - 1) / kAlign * kAlign;
  const uint32_t sealBytes = encryptedBytes + kernel::kEspIcvBytes;
  wire::FramePtr message = wire::MakeFrameLike(*packet, kernel::kEspHeaderBytes + kernel::kEspIvBytes + sealBytes);
  uint8_t* esp = message->Data();
  wire::Put32(esp, tunnel.spiOut);
  wire::Put32(esp + 4, sequence);
  const uint64_t iv = SecretOf("esp-salt", way.peer.endpoint, tunnel.spiOut) ^ sequence;
  wire::Put32(esp + kernel::kEspHeaderBytes, static_cast<uint32_t>(iv >> 32));
  wire::Put32(esp + kernel::kEspHeaderBytes + 4, static_cast<uint32_t>(iv));
  wire::WriteSeal({esp + kernel::kEspHeaderBytes + kernel::kEspIvBytes, sealBytes},
                  SecretOf("esp-key", way.peer.endpoint, tunnel.spiOut), sequence, content);
  auto sealed = std::make_shared<wire::Sealed>();
  sealed->content = std::move(content);
  sealed->inner = packet->sealed;
  message->sealed = std::move(sealed);
  if (tunnel.udpPort != 0) {  // esp_output_udp_encap(): no checksum
    uint8_t* udp = message->Push(wire::kUdpHeaderBytes);
    wire::Put16(udp, tunnel.udpPort);
    wire::Put16(udp + 2, tunnel.udpPort);
    wire::Put16(udp + 4, message->Size());
    wire::Put16(udp + 6, 0);
  }
  const bool isNumbered = !df || message->ignoreDf;
  uint8_t* ip = message->Push(wire::kIpv4HeaderBytes);
  wire::WriteIpv4(
      ip, {.tos = static_cast<uint8_t>((tos & 3) == 3 ? (tos & ~3) | 2 : tos),  // INET_ECN_encapsulate(): CE as ECT(0)
           .totalBytes = static_cast<uint16_t>(message->Size()),
           .identification = isNumbered ? NewIdentification(way.peer.endpoint, wire::kIpProtoIpip) : uint16_t{0},
           .fragmentField = df ? wire::kIpDf : uint16_t{0},
           .ttl = m_ns->defaultTtl,
           .protocol = tunnel.udpPort != 0 ? uint8_t{wire::kIpProtoUdp} : uint8_t{wire::kIpProtoEsp},
           .source = tunnel.local,
           .destination = way.peer.endpoint});
  if (!message->socketHash) message->hash = 0;
  message->ResetConnection();
  message->maxFragment = 0;
  message->options = {};
  message->type = wire::PacketType::Outgoing;
  message->iif = 0;
  message->MarkRewritten();
  Trace(Stage::Encapsulate, Verdict::Continue, *message, device, row);
  Count(Snmp::IpOutRequests);
  return Ipv4LocalOut(std::move(message), way.outer);
}

// ---------------------------------------------------------------------------------------------------- in

/// xfrm_input() and esp_input(): `offset` is where ESP begins.
void Stack::EspReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset, bool isInUdp) {
  m_backlog.flows->Abandon();
  Row row;
  auto drop = [&](Verdict verdict, Snmp counter) {
    Count(counter);
    Finish(Stage::Decapsulate, verdict, std::move(packet), link.ifindex, row);
  };
  const std::span<const uint8_t> esp(packet->Data() + offset, packet->Size() - offset);
  if (esp.size() < kernel::kEspHeaderBytes) return drop(Verdict::EspHeaderCut, Snmp::XfrmInHdrError);
  const wire::Ipv4 outer{packet->Data()};
  const uint32_t spi = wire::Get32(esp.data()), sequence = wire::Get32(esp.data() + 4);
  TunnelPeer peer;
  if (!m_ns->FindIpsecPeer(spi, peer) || peer.ipsec->local != outer.Destination())
    return drop(Verdict::EspNoState, Snmp::XfrmInNoStates);
  row = {Table::TunnelPeer, peer.rowId};
  if ((peer.ipsec->udpPort != 0) != isInUdp) return drop(Verdict::EspMismatch, Snmp::XfrmInStateMismatch);
  IpsecActivity& activity = m_ns->ipsecActivity[{peer.ipsec->local, spi}];
  if (!activity.Accepts(sequence)) return drop(Verdict::EspReplayed, Snmp::XfrmInStateSeqError);
  const uint32_t headers = kernel::kEspHeaderBytes + kernel::kEspIvBytes;
  const std::shared_ptr<const wire::Sealed> sealed = packet->sealed;
  if (!sealed || esp.size() < headers ||
      !wire::IsSealOf(esp.subspan(headers), SecretOf("esp-key", peer.ipsec->local, spi), sequence, sealed->content))
    return drop(Verdict::EspNotAuthentic, Snmp::XfrmInStateProtoError);
  activity.Advance(sequence);
  ++activity.packets;
  activity.bytes += sealed->content.size();

  // xfrm4_remove_tunnel_encap(): the packet comes in once more by the same device, behind the same link header
  const uint32_t linkBytes = kernel::HasLinkHeader(link.kind) ? wire::kEthernetHeaderBytes : 0;
  wire::FramePtr inner = wire::MakeFrameLike(*packet, static_cast<uint32_t>(sealed->content.size()));
  std::copy(sealed->content.begin(), sealed->content.end(), inner->Data());
  inner->sealed = sealed->inner;
  const uint8_t tos = wire::Ipv4{inner->Data()}.Tos();
  if ((outer.Tos() & 3) == 3 && (tos & 3) != 0)  // ipip_ecn_decapsulate()
    kernel::WriteIpv4Tos(inner->Data(), static_cast<uint8_t>(tos | 3));
  inner->MarkRewritten();
  Trace(Stage::Decapsulate, Verdict::Continue, *inner, link.ifindex, row);
  if (linkBytes != 0) {
    const uint8_t* header = packet->Data() - linkBytes;
    std::memcpy(inner->Push(linkBytes), header, linkBytes);
  }
  inner->spi = spi;
  inner->ResetConnection();
  if (!inner->socketHash) inner->hash = 0;
  inner->ignoreDf = false;
  inner->maxFragment = 0;
  m_backlog.Push({this, link.ifindex, std::move(inner), true, m_network.servedArrival});  // gro_cells_receive()
}

/// xfrm4_udp_encap_rcv() of the sockets of charon, which nobody speaks IKE with here. False: it is not for them.
bool Stack::CharonReceive(kernel::Link& link, wire::FramePtr& packet, uint32_t udpOffset) {
  const wire::Udp udp{packet->Data() + udpOffset};
  const uint16_t port = udp.DestinationPort();
  if (port != kIkePort && port != wire::kNatTraversalPort) return false;
  Count(Snmp::UdpInDatagrams);
  const uint32_t offset = udpOffset + wire::kUdpHeaderBytes;
  const uint8_t* data = packet->Data() + offset;
  const uint32_t bytes = packet->Size() - offset;
  const bool isKeepalive = bytes == 1 && data[0] == kKeepalive;
  if (port == wire::kNatTraversalPort && !isKeepalive && bytes > kernel::kEspHeaderBytes && wire::Get32(data) != 0)
    EspReceive(link, std::move(packet), offset, true);
  else
    Finish(Stage::LocalDeliver, Verdict::Consumed, std::move(packet), link.ifindex);
  return true;
}

}  // namespace overlaysim::host
