// Devices: what a link does with a frame that it is given to send, and where a received frame goes (net/core/dev.c).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/host/wireguard.h"

namespace overlaysim::host {

namespace {

/// eth_type_trans() of net/ethernet/eth.c.
wire::PacketType TypeOf(const kernel::Link& link, const wire::Frame& frame) {
  const MacAddress destination = wire::GetMac(frame.Data());
  if (destination.IsBroadcast()) return wire::PacketType::Broadcast;
  if (destination.IsMulticast()) return wire::PacketType::Multicast;
  return destination == link.address ? wire::PacketType::Host : wire::PacketType::OtherHost;
}

constexpr int kMostTransmits = 8;  // XMIT_RECURSION_LIMIT
constexpr Nanoseconds kLinkwatchDelay = Seconds(1);

constexpr uint16_t kLeastEtherType = 0x0600;  // ETH_P_802_3_MIN: anything less is the length of an LLC frame
constexpr uint32_t kVlanTagBytes = 4;
constexpr uint32_t kTaggedHeaderBytes = wire::kEthernetHeaderBytes + kVlanTagBytes;

bool IsVlan(const wire::Frame& frame) {
  const uint16_t type = wire::Get16(frame.Data() + 2 * sizeof(MacAddress));
  return type == wire::kEtherTypeVlan || type == wire::kEtherTypeServiceVlan;
}

/// validate_xmit_skb(): whether the device takes the frame with its checksum open. A bridge offers nothing for
/// tunnelled packets (hw_enc_features).
bool OffloadsChecksum(const kernel::Link& link, const wire::Frame& frame) {
  return link.txChecksum && !(frame.encapsulated && link.kind == kernel::LinkKind::Bridge);
}

/// is_skb_forwardable() of net/core/dev.c: a device takes no frame longer than its MTU, link header and a VLAN tag.
bool IsForwardable(const kernel::Link& link, const wire::Frame& frame) {
  return link.adminUp && frame.Size() <= link.mtu + kTaggedHeaderBytes;
}

/// skb->protocol of a frame: the EtherType, behind a VLAN tag (eth_type_trans(), skb_vlan_untag()).
uint16_t ProtocolOf(const wire::Frame& frame) {
  if (frame.Size() < wire::kEthernetHeaderBytes) return 0;
  if (!IsVlan(frame)) return wire::Get16(frame.Data() + 2 * sizeof(MacAddress));
  return frame.Size() < kTaggedHeaderBytes ? uint16_t{0} : wire::Get16(frame.Data() + wire::kEthernetHeaderBytes + 2);
}

}  // namespace

void Stack::SetCaptured(int ifindex, bool captured) {
  const size_t at = static_cast<size_t>(ifindex);
  if (m_captured.size() <= at) m_captured.resize(at + 1);
  if (m_captured[at] == captured) return;
  m_captured[at] = captured;
  if (kernel::Link* link = m_ns->GetLink(ifindex)) link->promiscuity += captured ? 1 : -1;
}

void Stack::CarrierChanged(int ifindex, bool carrier) { m_ns->SetCarrier(ifindex, carrier); }

int Stack::Transmit(int ifindex, wire::FramePtr frame) {
  kernel::Link* link = m_ns->GetLink(ifindex);
  Watch(link);
  auto lost = [&](Verdict verdict) {
    Finish(Stage::Transmit, verdict, std::move(frame), ifindex);
    return ENETDOWN;
  };
  if (!link) return lost(Verdict::DeviceGone);
  if (!link->adminUp) {
    ++link->stats.txDropped;
    return lost(Verdict::LinkDown);
  }
  if (IsDeactivated(*link)) {  // noop_enqueue(): the sender is not told
    ++link->stats.txDropped;
    Finish(Stage::Transmit, Verdict::LinkDown, std::move(frame), ifindex);
    return 0;
  }
  if (!PassesProgram(kernel::ProgramHook::Egress, *link, frame)) return 0;
  if (frame->HasOpenChecksum() && !OffloadsChecksum(*link, *frame)) frame->CompleteChecksum();
  if (IsCaptured(ifindex)) m_network.observer->OnFrame(*this, *link, *frame, true);
  if (m_transmitDepth > kMostTransmits) return lost(Verdict::VxlanLoop);
  struct Depth {
    explicit Depth(int& d) : depth(++d) {}
    ~Depth() { --depth; }
    int& depth;
  } guard(m_transmitDepth);
  switch (link->kind) {
    case kernel::LinkKind::Physical:
      TransmitPhysical(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Veth:
      return TransmitVeth(*link, std::move(frame));
    case kernel::LinkKind::Bridge:
      BridgeTransmit(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Vxlan:
      VxlanTransmit(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Geneve:
      GeneveTransmit(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Openvswitch:
      OpenvswitchTransmit(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Ipip:
      return IpipTransmit(*link, std::move(frame));
    case kernel::LinkKind::Wireguard:
      return Wireguard(ifindex).Transmit(std::move(frame));
    case kernel::LinkKind::Tun:
      return TunTransmit(*link, std::move(frame));
    case kernel::LinkKind::Loopback:
      TransmitLoopback(*link, std::move(frame));
      return 0;
    case kernel::LinkKind::Dummy:
      ++link->stats.txPackets;
      link->stats.txBytes += frame->Size();
      Finish(Stage::Transmit, Verdict::Consumed, std::move(frame), ifindex);
      return 0;
  }
  return 0;
}

/// dev_deactivate(): without carrier a device's queue takes nothing. A bridge has none when its ports are down; when
/// they have merely lost theirs, it hears of it up to a second later (linkwatch), until when it finds no port to send
/// to.
bool Stack::IsDeactivated(const kernel::Link& link) const {
  if (link.kind == kernel::LinkKind::Veth) return !link.carrier;
  if (link.kind != kernel::LinkKind::Bridge) return false;
  bool hasPorts = false;
  const bool isUp = m_ns->AnyLink([&](const kernel::Link& port) {
    hasPorts |= port.master == link.ifindex;
    return port.master == link.ifindex && port.adminUp;
  });
  return hasPorts && !isUp;
}

/// A bridge that has lost its last running port forgets its neighbours, when linkwatch tells it.
void Stack::LinkTableChanged(const kernel::Link& port) {
  if (port.kind == kernel::LinkKind::Vxlan) {
    VxlanScansFollow(port);
    IgmpFollow();
  }
  const kernel::Link* bridge = port.master != 0 ? m_ns->GetLink(port.master) : nullptr;
  if (!bridge || !bridge->adminUp || m_ns->IsRunning(*bridge) || m_ns->IsRunning(port)) return;
  After(port.adminUp ? kLinkwatchDelay : Nanoseconds{0}, [this, ifindex = bridge->ifindex] {
    const kernel::Link* there = m_ns->GetLink(ifindex);
    if (there && !m_ns->IsRunning(*there)) m_ns->ForgetNeighboursWithoutCarrier(ifindex);
  });
}

/// Tells the flow cache whose counters are about to change.
void Stack::Watch(kernel::Link* link) {
  FlowCache& flows = *m_backlog.flows;
  if (!flows.IsWatching()) return;
  flows.Touch(*this);
  if (!link || IsCaptured(link->ifindex)) return flows.Abandon();
  flows.Touch(*link);
}

void Stack::SendFrame(int ifindex, wire::FramePtr frame) {
  frame->protocol = ProtocolOf(*frame);
  StartJourney(*frame, 0);
  Trace(Stage::Send, Verdict::Continue, *frame, ifindex);
  Transmit(ifindex, std::move(frame));
}

int Stack::OpenPacket(int ifindex, uint16_t etherType, PacketHandler handler) {
  m_packetSockets.push_back({++m_lastHandle, ifindex, etherType, std::move(handler)});
  return m_lastHandle;
}
void Stack::ClosePacket(int handle) {
  std::erase_if(m_packetSockets, [&](const PacketSocket& socket) { return socket.handle == handle; });
}

/// deliver_ptype_list_skb(). A socket may close itself, or another one, while it is told.
void Stack::DeliverPacketSockets(const kernel::Link& link, const wire::Frame& frame) {
  const uint16_t etherType = wire::Ethernet{const_cast<uint8_t*>(frame.Data())}.Type();
  const std::vector<PacketSocket> sockets = m_packetSockets;
  for (const PacketSocket& socket : sockets)
    if (socket.ifindex == link.ifindex && socket.etherType == etherType) socket.handler(frame);
}

void Stack::TransmitPhysical(kernel::Link& link, wire::FramePtr frame) {
  const Network::CableAt at = m_network.FindCable(Id(), link.ifindex);
  const Verdict verdict = !at.cable || !link.carrier ? Verdict::LinkDown : at.cable->Admit(at.side, frame->Size());
  if (verdict != Verdict::Continue) {
    ++link.stats.txDropped;
    return Finish(Stage::Transmit, verdict, std::move(frame), link.ifindex);
  }
  ++link.stats.txPackets;
  link.stats.txBytes += frame->Size();
  Trace(Stage::Transmit, Verdict::Continue, *frame, link.ifindex);
  frame->CompleteChecksum();  // by the network card
  frame->ResetConnection();
  frame->mark = 0;
  if (m_backlog.flows->IsWatching()) m_backlog.flows->SentOn(*at.cable, at.side, *frame);
  at.cable->Send(at.side, std::move(frame));
}

/// veth_xmit() of drivers/net/veth.c.
int Stack::TransmitVeth(kernel::Link& link, wire::FramePtr frame) {
  Stack* peer = link.peerNetns.IsNone() ? nullptr : &m_network.Get(link.peerNetns);
  kernel::Link* to = peer ? peer->m_ns->GetLink(link.peerIfindex) : nullptr;
  if (!to || !IsForwardable(*to, *frame)) {
    ++link.stats.txDropped;
    if (to) ++to->stats.rxDropped;  // ____dev_forward_skb()
    const Verdict why = !to || !to->adminUp ? Verdict::LinkDown : Verdict::ExceedsDeviceMtu;
    Finish(Stage::Transmit, why, std::move(frame), link.ifindex);
    return ENOBUFS;  // net_xmit_errno(NET_XMIT_DROP)
  }
  ++link.stats.txPackets;
  link.stats.txBytes += frame->Size();
  Trace(Stage::Transmit, Verdict::Continue, *frame, link.ifindex);
  // skb_scrub_packet()
  frame->ResetConnection();
  if (peer != this) frame->mark = 0;
  m_backlog.Push({peer, to->ifindex, std::move(frame)});
  return 0;
}

void Stack::TransmitLoopback(kernel::Link& link, wire::FramePtr frame) {
  ++link.stats.txPackets;
  link.stats.txBytes += frame->Size();
  Trace(Stage::Transmit, Verdict::Continue, *frame, link.ifindex);
  m_backlog.Push({this, link.ifindex, std::move(frame)});
}

void Stack::Receive(int ifindex, wire::FramePtr frame) {
  kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link) return Refuse(Stage::Receive, Verdict::DeviceGone, std::move(frame), ifindex);
  Watch(link);
  if (!link->adminUp) {
    ++link->stats.rxDropped;
    return Refuse(Stage::Receive, Verdict::LinkDown, std::move(frame), ifindex);
  }
  ++link->stats.rxPackets;
  link->stats.rxBytes += frame->Size();
  const bool hasHeader = kernel::HasLinkHeader(link->kind);
  if (hasHeader && frame->Size() < wire::kEthernetHeaderBytes)
    return Finish(Stage::Receive, Verdict::FrameTooShort, std::move(frame), ifindex);
  frame->type = hasHeader ? TypeOf(*link, *frame) : wire::PacketType::Host;
  frame->protocol = hasHeader ? ProtocolOf(*frame) : uint16_t{wire::kEtherTypeIpv4};
  NetifReceive(*link, std::move(frame));
}

/// netif_rx() of a driver that counts for itself.
void Stack::Reinject(int ifindex, wire::FramePtr frame) {
  kernel::Link* link = m_ns->GetLink(ifindex);
  if (!link) return Finish(Stage::Receive, Verdict::DeviceGone, std::move(frame), ifindex);
  frame->type = wire::PacketType::Host;
  frame->protocol = ProtocolOf(*frame);
  NetifReceive(*link, std::move(frame));
}

/// __netif_receive_skb_core(): taps, then the bridge if the device is its port, then the protocol.
void Stack::NetifReceive(kernel::Link& link, wire::FramePtr frame) {
  if (!kernel::HasLinkHeader(link.kind)) {
    frame->iif = link.ifindex;
    if (IsCaptured(link.ifindex)) m_network.observer->OnFrame(*this, link, *frame, false);
    Trace(Stage::Receive, Verdict::Continue, *frame, link.ifindex);
    return Ipv4Receive(link, std::move(frame));
  }
  frame->iif = link.ifindex;
  if (IsVlan(*frame) && frame->Size() < kTaggedHeaderBytes + 2)  // skb_vlan_untag(), before any tap
    return Finish(Stage::Receive, Verdict::FrameTooShort, std::move(frame), link.ifindex);
  if (IsCaptured(link.ifindex)) m_network.observer->OnFrame(*this, link, *frame, false);
  Trace(Stage::Receive, Verdict::Continue, *frame, link.ifindex);
  const bool isJudged = link.kind == kernel::LinkKind::Openvswitch;  // by the switch that hands it to the host
  if (!isJudged && !PassesProgram(kernel::ProgramHook::Ingress, link, frame)) return;
  if (link.master != 0) return BridgeInput(link, *m_ns->GetLink(link.master), std::move(frame));
  PassUp(link, std::move(frame));
}

/// The rest of __netif_receive_skb_core(): the frame is for a protocol of this host.
void Stack::PassUp(kernel::Link& link, wire::FramePtr frame) {
  const bool wasTagged = IsVlan(*frame);
  while (IsVlan(*frame) && frame->Size() >= kTaggedHeaderBytes) {
    // No VLAN devices here, so tags of priority alone (VID 0) are ignored, any other makes it another host's.
    const bool another = wire::Get16(frame->Data() + wire::kEthernetHeaderBytes) & 0xfff;
    std::memmove(frame->Data() + kVlanTagBytes, frame->Data(), 2 * sizeof(MacAddress));
    frame->Pull(kVlanTagBytes);
    if (!another) continue;
    frame->type = wire::PacketType::OtherHost;
    break;
  }
  if (!m_packetSockets.empty()) DeliverPacketSockets(link, *frame);
  frame->protocol = wire::Ethernet{frame->Data()}.Type();
  switch (frame->protocol) {
    case wire::kEtherTypeIpv4:
      frame->Pull(wire::kEthernetHeaderBytes);
      return Ipv4Receive(link, std::move(frame));
    case wire::kEtherTypeArp:
      return ArpReceive(link, std::move(frame));
    case wire::kEtherTypeIpv6:
      frame->Pull(wire::kEthernetHeaderBytes);
      return Ipv6Receive(link, std::move(frame));
    default:
      // Else a tap has taken it (of a tagged frame it gets a copy), or the LLC protocol, which is there for the sake of
      // bridges.
      if ((wasTagged || !IsCaptured(link.ifindex)) && frame->protocol >= kLeastEtherType) ++link.stats.rxDropped;
      return Finish(Stage::Receive, Verdict::UnknownEthertype, std::move(frame), link.ifindex);
  }
}

}  // namespace overlaysim::host
