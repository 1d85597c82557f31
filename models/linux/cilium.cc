#include "models/linux/cilium.h"

#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

constexpr uint16_t kLeastEtherType = 0x600;  // ETH_P_802_3_MIN: below it is a length

std::optional<wire::Ipv4> Ipv4Of(wire::Frame& frame) {
  if (frame.Size() < wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes) return std::nullopt;
  return wire::Ipv4{frame.Data() + wire::kEthernetHeaderBytes};
}

/// ipv4_l3(): one hop. False: the TTL has expired, of which the sender is not told.
bool CrossesHop(wire::Frame& frame, const std::optional<MacAddress>& source, const MacAddress& destination) {
  const wire::Ipv4 ip{frame.Data() + wire::kEthernetHeaderBytes};
  if (ip.Ttl() <= 1) return false;
  ip.DecrementTtl();
  if (source) wire::PutMac(frame.Data() + sizeof(MacAddress), *source);
  wire::PutMac(frame.Data(), destination);
  return true;
}

/// arp_validate(), arp_respond(): the request becomes its own answer.
bool AnswerArp(wire::Frame& frame, const MacAddress& mac, Ipv4Address unanswered) {
  if (frame.Size() < wire::kEthernetHeaderBytes + wire::kArpBytes) return false;
  const wire::Ethernet ethernet{frame.Data()};
  const wire::Arp arp{frame.Data() + wire::kEthernetHeaderBytes};
  if (!arp.IsIpv4OverEthernet() || arp.Operation() != wire::kArpRequest || arp.TargetIp() == unanswered) return false;
  if (!ethernet.Destination().IsBroadcast() && ethernet.Destination() != mac) return false;
  const MacAddress asker = ethernet.Source();
  const Ipv4Address askerIp = arp.SenderIp(), target = arp.TargetIp();
  ethernet.Write(asker, mac, wire::kEtherTypeArp);
  arp.Write(wire::kArpReply, mac, target, asker, askerIp);
  return true;
}

}  // namespace

ProgramResult CiliumPrograms::Run(ProgramHook hook, const Link& link, wire::Frame& frame) const {
  if (hook == ProgramHook::Egress) {
    if (link.ifindex == m_devices.host) return FromHost(frame);
    if (link.ifindex == m_devices.overlay) return ToOverlay(frame);
    return link.kind == LinkKind::Physical && m_devices.wireguard != 0 ? ToNetwork(frame) : ProgramResult{};
  }
  if (link.ifindex == m_devices.overlay) return FromOverlay(frame);
  if (const CiliumMaps::Endpoint* sender = m_maps->EndpointBehind(link.ifindex))
    return FromContainer(link, *sender, frame);
  return {};
}

/// local_delivery(), the policy program of the receiver, redirect_ep().
ProgramResult CiliumPrograms::DeliverLocally(const CiliumMaps::Endpoint& receiver, wire::Frame& frame) const {
  if (!CrossesHop(frame, receiver.nodeMac, receiver.mac)) return ProgramResult::Drops(ProgramDrop::CiliumTtlExceeded);
  return ProgramResult::Sends(receiver.ifindex);
}

/// __encap_with_nodeid4(), ctx_set_encap_info4(): no outer checksum (BPF_F_ZERO_CSUM_TX), TTL 64 (IPDEFTTL), no DF.
ProgramResult CiliumPrograms::Encapsulate(Ipv4Address node, uint32_t identity) const {
  const uint32_t vni = identity == kCiliumHostIdentity ? kCiliumRemoteNodeIdentity : identity;
  return ProgramResult::Sends(m_devices.overlay, {.remote = node, .id = vni});
}

/// cil_from_container(), handle_ipv4_from_lxc() of bpf/bpf_lxc.c.
ProgramResult CiliumPrograms::FromContainer(const Link& link, const CiliumMaps::Endpoint& sender,
                                            wire::Frame& frame) const {
  const uint16_t type = wire::Ethernet{frame.Data()}.Type();
  if (type < kLeastEtherType) return ProgramResult::Drops(ProgramDrop::CiliumUnsupportedL2);
  if (type == wire::kEtherTypeArp)
    return AnswerArp(frame, link.address, sender.address) ? ProgramResult::Sends(link.ifindex) : ProgramResult{};
  if (type != wire::kEtherTypeIpv4) return ProgramResult::Drops(ProgramDrop::CiliumUnknownL3);
  const auto ip = Ipv4Of(frame);
  if (!ip) return ProgramResult::Drops(ProgramDrop::CiliumInvalid);
  if (ip->Source() != sender.address) return ProgramResult::Drops(ProgramDrop::CiliumInvalidSource);
  const Ipv4Address destination = ip->Destination();
  if (!m_maps->IsHost(destination)) {
    if (const CiliumMaps::Endpoint* receiver = m_maps->FindEndpoint(destination))
      return DeliverLocally(*receiver, frame);
    if (const auto node = m_maps->FindNode(destination); node && m_devices.overlay != 0)
      return Encapsulate(*node, sender.identity);
  }
  // pass_to_stack
  return CrossesHop(frame, std::nullopt, link.address) ? ProgramResult{}
                                                       : ProgramResult::Drops(ProgramDrop::CiliumTtlExceeded);
}

/// cil_from_host(), handle_ipv4_cont() of bpf/bpf_host.c: what the host itself sends to pods, and what it forwards to
/// them.
ProgramResult CiliumPrograms::FromHost(wire::Frame& frame) const {
  if (wire::Ethernet{frame.Data()}.Type() != wire::kEtherTypeIpv4) return {};
  const auto ip = Ipv4Of(frame);
  if (!ip) return ProgramResult::Drops(ProgramDrop::CiliumInvalid);
  if (const CiliumMaps::Endpoint* receiver = m_maps->FindEndpoint(ip->Destination()))
    return DeliverLocally(*receiver, frame);
  const auto node = m_maps->FindNode(ip->Destination());
  if (!node || m_devices.overlay == 0) return ProgramResult::Drops(ProgramDrop::CiliumUnroutable);
  const bool isOwn = frame.iif == 0;  // inherit_identity_from_host(): the mark that netfilter puts on the host's own
  const CiliumMaps::Endpoint* sender = m_maps->FindEndpoint(ip->Source());
  return Encapsulate(*node, isOwn ? kCiliumHostIdentity : sender ? sender->identity : kCiliumWorldIdentity);
}

/// cil_from_overlay(), handle_ipv4() of bpf/bpf_overlay.c, ipv4_host_delivery().
ProgramResult CiliumPrograms::FromOverlay(wire::Frame& frame) const {
  const uint16_t type = wire::Ethernet{frame.Data()}.Type();
  if (type == wire::kEtherTypeIpv6) return ProgramResult::Drops(ProgramDrop::CiliumUnknownL3);
  if (type != wire::kEtherTypeIpv4) return {};
  const auto ip = Ipv4Of(frame);
  if (!ip) return ProgramResult::Drops(ProgramDrop::CiliumInvalid);
  if (frame.tunnel.remote.IsZero()) return ProgramResult::Drops(ProgramDrop::CiliumNoTunnelKey);
  if (frame.tunnel.id == kCiliumHostIdentity) return ProgramResult::Drops(ProgramDrop::CiliumInvalidIdentity);
  if (const CiliumMaps::Endpoint* receiver = m_maps->FindEndpoint(ip->Destination()))
    return DeliverLocally(*receiver, frame);
  return CrossesHop(frame, m_devices.overlayMac, m_devices.hostMac)
             ? ProgramResult::Hands(m_devices.host)
             : ProgramResult::Drops(ProgramDrop::CiliumTtlExceeded);
}

/// cil_to_overlay(), set_identity_mark(): the tunnel's own packets are known by their mark.
ProgramResult CiliumPrograms::ToOverlay(wire::Frame& frame) const {
  frame.mark = (frame.tunnel.id & 0xffff) << 16 | (frame.tunnel.id & 0xff0000) >> 16 | kCiliumOverlayMark;
  return {};
}

/// cil_to_netdev() of bpf/bpf_host.c, wg_maybe_redirect_to_encrypt() of bpf/lib/wireguard.h, without node encryption:
/// encrypted is whatever goes through the tunnel, or, with native routing, what pods send to pods of other nodes.
ProgramResult CiliumPrograms::ToNetwork(wire::Frame& frame) const {
  if ((frame.mark & kCiliumWireguardMark) == kCiliumWireguardMark) return {};
  if (m_devices.overlay != 0 && (frame.mark & kCiliumMarkMask) == kCiliumOverlayMark)
    return ProgramResult::Sends(m_devices.wireguard);
  if (wire::Ethernet{frame.Data()}.Type() != wire::kEtherTypeIpv4) return {};
  const auto ip = Ipv4Of(frame);
  if (!ip) return ProgramResult::Drops(ProgramDrop::CiliumInvalid);
  const bool isFromPod = m_maps->FindEndpoint(ip->Source()) || m_maps->FindNode(ip->Source());
  return isFromPod && m_maps->FindNode(ip->Destination()) ? ProgramResult::Sends(m_devices.wireguard) : ProgramResult{};
}

}  // namespace overlaysim::kernel
