// flannel's udp backend: a TUN device and the process that has it open, flanneld, which sends what it reads to the
// flanneld of another node (drivers/net/tun.c; flannel's pkg/backend/udp/proxy_amd64.c).

#include <algorithm>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;
using kernel::Table;

namespace {

constexpr uint8_t kUnreachableTtl = 8;
constexpr uint32_t kQuotedBytes = 8;  // of the payload

}  // namespace

/// tun_net_xmit(), then tun_to_udp() of the proxy.
int Stack::TunTransmit(kernel::Link& link, wire::FramePtr packet) {
  auto end = [&](Verdict verdict, Row row = {}) {
    Finish(Stage::TunnelRoute, verdict, std::move(packet), link.ifindex, row);
    return 0;
  };
  if (link.tun.port == 0) {
    ++link.stats.txDropped;
    return end(Verdict::TunNotOpened);
  }
  packet->CompleteChecksum();
  ++link.stats.txPackets;
  link.stats.txBytes += packet->Size();
  if (packet->protocol != wire::kEtherTypeIpv4) return end(Verdict::UnknownEthertype);
  wire::Ipv4 inner{packet->Data()};
  kernel::TunnelPeer peer;
  if (!m_ns->FindTunnelPeer(link.ifindex, inner.Destination(), peer)) {
    FlanneldUnreachable(link, *packet);
    return end(Verdict::FlanneldNoRoute);
  }
  const Row peerRow{Table::TunnelPeer, peer.rowId};
  Trace(Stage::TunnelRoute, Verdict::Continue, *packet, link.ifindex, peerRow);
  if (inner.Ttl() <= 1) return end(Verdict::FlanneldTtlExpired, peerRow);
  inner.DecrementTtl();

  // sendto(): of a socket that sets nothing, so with path MTU discovery as far as it goes (IP_PMTUDISC_WANT)
  const SendRequest request{.source = link.tun.local,
                            .destination = peer.endpoint,
                            .protocol = wire::kIpProtoUdp,
                            .sourcePort = link.tun.port,
                            .destinationPort = peer.port};
  const RouteOut out = RouteOutput(request);
  const Row row{Table::Route, out.answer.route.rowId};
  if (out.error != 0) return end(Verdict::TunnelNoRoute, row);
  Trace(Stage::TunnelRoute, Verdict::Continue, *packet, out.answer.nextHop.ifindex, row);
  packet->ResetConnection();
  packet->mark = 0;
  PushUdp(*packet, request, out);
  uint8_t* ip = packet->Push(wire::kIpv4HeaderBytes);
  const bool fits = packet->Size() <= OutputMtu(out, peer.endpoint);
  wire::WriteIpv4(ip, {.totalBytes = static_cast<uint16_t>(packet->Size()),
                       .identification = NewIdentification(peer.endpoint, wire::kIpProtoUdp),
                       .fragmentField = fits ? wire::kIpDf : uint16_t{0},
                       .ttl = m_ns->defaultTtl,
                       .protocol = wire::kIpProtoUdp,
                       .source = out.source,
                       .destination = peer.endpoint});
  if (!packet->socketHash) packet->hash = 0;
  packet->ignoreDf = true;
  packet->maxFragment = 0;
  packet->type = wire::PacketType::Outgoing;
  packet->iif = 0;
  Trace(Stage::Encapsulate, Verdict::Continue, *packet, link.ifindex, peerRow);
  Count(Snmp::IpOutRequests);
  if (Ipv4LocalOut(std::move(packet), out) != 0)
    Count(Snmp::IpOutDiscards);
  else
    Count(Snmp::UdpOutDatagrams);
  return 0;
}

/// send_net_unreachable() of the proxy: written into the TUN device.
void Stack::FlanneldUnreachable(const kernel::Link& link, const wire::Frame& packet) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const uint32_t quoted = ip.HeaderBytes() + kQuotedBytes;
  if (ip.Protocol() == wire::kIpProtoIcmp || ip.OffsetBytes() != 0) return;
  const auto& addresses = m_ns->Addresses();
  const auto own = std::find_if(addresses.begin(), addresses.end(),
                                [&](const kernel::Address& a) { return a.ifindex == link.ifindex; });
  wire::FramePtr answer = wire::MakeFrame(wire::kIpv4HeaderBytes + wire::kIcmpHeaderBytes + quoted);
  std::memset(answer->Data(), 0, answer->Size());
  StartJourney(*answer, packet.journey);
  wire::WriteIpv4(answer->Data(), {.totalBytes = static_cast<uint16_t>(answer->Size()),
                                   .ttl = kUnreachableTtl,
                                   .protocol = wire::kIpProtoIcmp,
                                   .source = own == addresses.end() ? Ipv4Address{} : own->local,
                                   .destination = ip.Source()});
  uint8_t* icmp = answer->Data() + wire::kIpv4HeaderBytes;
  icmp[0] = wire::kIcmpDestUnreach;
  icmp[1] = wire::kIcmpNetUnreach;
  std::memcpy(icmp + wire::kIcmpHeaderBytes, packet.Data(), std::min(quoted, packet.Size()));
  wire::Put16(icmp + 2, wire::Checksum(icmp, wire::kIcmpHeaderBytes + quoted));
  Trace(Stage::Send, Verdict::Continue, *answer, 0);
  m_backlog.Push({this, link.ifindex, std::move(answer)});
}

const kernel::Link* Stack::FlanneldSocket(Ipv4Address to, uint16_t port) const {
  const kernel::Link* found = nullptr;
  m_ns->AnyLink([&](const kernel::Link& link) {
    const bool is = link.kind == kernel::LinkKind::Tun && link.tun.port == port && port != 0 &&
                    (link.tun.local == to || to.IsZero());
    if (is) found = &link;
    return is;
  });
  return found;
}

/// udp_to_tun() of the proxy, whose buffer is as large as the device's MTU.
void Stack::FlanneldReceive(kernel::Link& link, wire::FramePtr packet, uint32_t udpOffset) {
  auto end = [&](Verdict verdict) { Finish(Stage::Decapsulate, verdict, std::move(packet), link.ifindex); };
  const uint32_t outerBytes = udpOffset + wire::kUdpHeaderBytes;
  if (packet->Size() < outerBytes + wire::kIpv4HeaderBytes) return end(Verdict::FlanneldTooShort);
  packet->Pull(outerBytes);
  if (packet->Size() > link.mtu) packet->Trim(link.mtu);
  wire::Ipv4 inner{packet->Data()};
  if (inner.Ttl() <= 1) return end(Verdict::FlanneldTtlExpired);
  inner.DecrementTtl();
  Trace(Stage::Decapsulate, Verdict::Continue, *packet, link.ifindex);
  packet->ResetConnection();
  packet->mark = 0;
  packet->hash = 0;
  packet->socketHash = false;
  packet->ignoreDf = false;
  packet->maxFragment = 0;
  m_backlog.Push({this, link.ifindex, std::move(packet)});  // tun_get_user()
}

}  // namespace overlaysim::host
