// The bridge (net/bridge/br_input.c, br_forward.c, br_device.c), without VLANs and STP.

#include <algorithm>
#include <array>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Table;

namespace {

constexpr uint64_t kLinkLocalGroups = 0x0180c2000000;  // to ...0f: not forwarded by bridges

/// nf_ip6_check_hbh_len() for the hop-by-hop options of an IPv6 packet of which `bytes` are there. A jumbo payload is
/// more than any frame here holds.
bool IsOptionsHeaderWhole(const uint8_t* ip, uint32_t bytes) {
  constexpr uint8_t kPad1 = 0, kJumbo = 194;
  if (bytes < wire::kIpv6HeaderBytes + 8) return false;
  const uint32_t end = wire::kIpv6HeaderBytes + (ip[wire::kIpv6HeaderBytes + 1] + 1u) * 8;
  if (bytes < end) return false;
  for (uint32_t at = wire::kIpv6HeaderBytes + 2; at < end;) {
    if (ip[at] == kPad1) {
      ++at;
      continue;
    }
    if (at + 2 > end || at + 2 + ip[at + 1] > end || ip[at] == kJumbo) return false;
    at += 2u + ip[at + 1];
  }
  return true;
}

}  // namespace

/// br_handle_frame() and br_handle_frame_finish().
void Stack::BridgeInput(kernel::Link& port, kernel::Link& bridge, wire::FramePtr frame) {
  const MacAddress destination = wire::GetMac(frame->Data());
  const MacAddress source = wire::GetMac(frame->Data() + 6);
  if (source.IsZero() || source.IsMulticast())
    return Finish(Stage::BridgeInput, Verdict::BridgeBadSource, std::move(frame), port.ifindex);
  if (!bridge.adminUp || port.port.disabled)
    return Finish(Stage::BridgeInput, Verdict::BridgePortState, std::move(frame), port.ifindex);
  if ((destination.ToUint64() & ~uint64_t{0xf}) == kLinkLocalGroups) {
    // 802.1D, 7.12.6. Without STP its address is one like others; pause frames end here; the rest is for the port
    // itself.
    const uint32_t last = destination.bytes[5];
    if (last == 1) return Finish(Stage::BridgeInput, Verdict::BridgeMacControl, std::move(frame), port.ifindex);
    if (last != 0 && !(bridge.bridge.groupFwdMask >> last & 1)) {
      if (port.port.learning) BridgeLearn(bridge, port, source);
      return PassUp(port, std::move(frame));
    }
  }
  if (m_ns->bridgeNfCallIptables && wire::Ethernet{frame->Data()}.Type() == wire::kEtherTypeIpv4 &&
      !BridgeValidateIpv4(*frame))
    return Finish(Stage::BridgeInput, Verdict::BridgeIpHeader, std::move(frame), port.ifindex);
  if (m_ns->bridgeNfCallIp6tables && wire::Ethernet{frame->Data()}.Type() == wire::kEtherTypeIpv6 &&
      !BridgeValidateIpv6(*frame))
    return Finish(Stage::BridgeInput, Verdict::BridgeIpHeader, std::move(frame), port.ifindex);
  if (destination == bridge.address) frame->type = wire::PacketType::Host;
  frame->maxFragment = 0;
  frame->ignoreDf = false;
  if (port.port.learning) BridgeLearn(bridge, port, source);
  if (!BridgePassesHook(kernel::Hook::Prerouting, frame, {.in = bridge.ifindex, .physicalIn = port.ifindex})) return;
  // tcpdump on the bridge makes it promiscuous: it then gets a copy of everything that is bridged.
  const bool promiscuous = bridge.promiscuity > 0;
  if (destination.IsMulticast()) {
    Trace(Stage::BridgeLookup, Verdict::Flooded, *frame, bridge.ifindex);
    BridgeFlood(bridge, &port, *frame);
    return BridgePassUp(bridge, std::move(frame));
  }
  const kernel::BridgeFdbEntry* entry = m_ns->FdbOfBridge(bridge.ifindex).Find(destination);
  if (!entry) {
    Trace(Stage::BridgeLookup, promiscuous ? Verdict::Flooded : Verdict::Continue, *frame, bridge.ifindex);
    if (!promiscuous) return BridgeFlood(bridge, &port, std::move(frame));
    BridgeFlood(bridge, &port, *frame);
    return BridgePassUp(bridge, std::move(frame));
  }
  Trace(Stage::BridgeLookup, Verdict::Continue, *frame, bridge.ifindex, {Table::BridgeFdb, entry->rowId});
  if (entry->isLocal) return BridgePassUp(bridge, std::move(frame));
  kernel::Link& to = *m_ns->GetLink(entry->port);
  if (BridgeMayDeliver(to, &port)) {
    wire::FramePtr copy = promiscuous ? Copy(*frame) : nullptr;
    BridgeForward(to, std::move(frame), &port);
    if (copy) BridgePassUp(bridge, std::move(copy));
  } else if (promiscuous) {
    BridgePassUp(bridge, std::move(frame));
  } else {
    Finish(Stage::BridgeForward, to.ifindex == port.ifindex ? Verdict::BridgeSamePort : Verdict::BridgePortBlocked,
           std::move(frame), to.ifindex);
  }
}

/// br_validate_ipv4() of bridge netfilter: what is no IPv4 packet goes no further, and padding is cut off.
bool Stack::BridgeValidateIpv4(wire::Frame& frame) {
  const uint32_t held = frame.Size() - wire::kEthernetHeaderBytes;
  const wire::Ipv4 ip{frame.Data() + wire::kEthernetHeaderBytes};
  if (held < wire::kIpv4HeaderBytes || ip.HeaderBytes() < wire::kIpv4HeaderBytes || ip.Version() != 4 ||
      held < ip.HeaderBytes()) {
    Count(kernel::Snmp::IpInHdrErrors);
    return false;
  }
  if (wire::Checksum(ip.p, ip.HeaderBytes()) != 0) {
    Count(kernel::Snmp::IpExtInCsumErrors);
    Count(kernel::Snmp::IpInHdrErrors);
    return false;
  }
  if (held < ip.TotalBytes()) {
    Count(kernel::Snmp::IpExtInTruncatedPkts);
    return false;
  }
  if (ip.TotalBytes() < ip.HeaderBytes()) {
    Count(kernel::Snmp::IpInHdrErrors);
    return false;
  }
  frame.Trim(wire::kEthernetHeaderBytes + ip.TotalBytes());
  return true;
}

/// br_validate_ipv6() of bridge netfilter.
bool Stack::BridgeValidateIpv6(wire::Frame& frame) {
  const uint32_t held = frame.Size() - wire::kEthernetHeaderBytes;
  const wire::Ipv6 ip{frame.Data() + wire::kEthernetHeaderBytes};
  if (held < wire::kIpv6HeaderBytes || ip.Version() != 6) {
    Count(kernel::Snmp::Ip6InHdrErrors);
    return false;
  }
  const uint32_t total = wire::kIpv6HeaderBytes + ip.PayloadBytes();
  if (ip.NextHeader() == wire::kIpProtoHopByHop && !IsOptionsHeaderWhole(ip.p, held)) return false;
  if (held < total) {
    Count(kernel::Snmp::Ip6InTruncatedPkts);
    return false;
  }
  frame.Trim(wire::kEthernetHeaderBytes + total);
  return true;
}

/// br_fdb_update(): where that address was last seen.
void Stack::BridgeLearn(kernel::Link& bridge, kernel::Link& port, MacAddress source) {
  if (bridge.bridge.ageingTime == 0) return;  // whoever sets that wants frames flooded
  kernel::BridgeFdb& fdb = m_ns->FdbOfBridge(bridge.ifindex);
  const Nanoseconds now = engine::Now();
  if (kernel::BridgeFdbEntry* entry = fdb.Find(source)) {
    if (entry->isLocal) return;  // our own address as source: a loop
    const bool moved = entry->port != port.ifindex && !entry->isStatic;
    if (m_backlog.flows->IsWatching()) m_backlog.flows->Stamp(entry->updated);
    entry->updated = now;
    if (!moved) return;
    entry->port = port.ifindex;
    return m_ns->FdbChanged(Table::BridgeFdb, kernel::TableChange::Op::Change, entry, entry->rowId, bridge.ifindex);
  }
  kernel::BridgeFdbEntry fresh{.mac = source, .port = port.ifindex, .updated = now, .rowId = m_ns->NextRowId()};
  m_ns->FdbChanged(Table::BridgeFdb, kernel::TableChange::Op::Add, &fdb.Insert(fresh), fresh.rowId, bridge.ifindex);
  // br_fdb_cleanup(): it goes when nothing has been heard of it for the ageing time.
  struct Ageing {
    static void Arm(Stack& stack, int bridgeIndex, MacAddress mac, Nanoseconds delay) {
      stack.After(delay, [&stack, bridgeIndex, mac] {
        kernel::Namespace& ns = stack.Ns();
        const kernel::Link* link = ns.GetLink(bridgeIndex);
        kernel::BridgeFdbEntry* e = link ? ns.FdbOfBridge(bridgeIndex).Find(mac) : nullptr;
        if (!e || e->isLocal || e->isStatic) return;
        const Nanoseconds due = e->updated + Milliseconds(int64_t{link->bridge.ageingTime} * 10);
        if (due > engine::Now()) return Arm(stack, bridgeIndex, mac, due - engine::Now());
        ns.FdbChanged(Table::BridgeFdb, kernel::TableChange::Op::Delete, e, e->rowId, bridgeIndex);
        ns.FdbOfBridge(bridgeIndex).Erase(mac);
      });
    }
  };
  Ageing::Arm(*this, bridge.ifindex, source, Milliseconds(int64_t{bridge.bridge.ageingTime} * 10));
}

/// br_pass_frame_up(): the frame is for this host, as received on the bridge.
void Stack::BridgePassUp(kernel::Link& bridge, wire::FramePtr frame) {
  Watch(&bridge);
  ++bridge.stats.rxPackets;
  bridge.stats.rxBytes += frame->Size();
  if (frame->type == wire::PacketType::Multicast) ++bridge.stats.multicast;
  NetifReceive(bridge, std::move(frame));
}

/// should_deliver().
bool Stack::BridgeMayDeliver(const kernel::Link& to, const kernel::Link* from) const {
  if (!to.adminUp || !to.carrier || to.master == 0 || to.port.disabled) return false;  // br_port_carrier_check()
  if (!from) return true;
  return (to.port.hairpin || to.ifindex != from->ifindex) && !(to.port.isolated && from->port.isolated);
}

/// __br_forward(), with br_nf_forward() and br_nf_post_routing() of br_netfilter.
void Stack::BridgeForward(kernel::Link& to, wire::FramePtr frame, const kernel::Link* from) {
  Trace(Stage::BridgeForward, Verdict::Continue, *frame, to.ifindex);
  if (from) {
    const HookPlace place{.in = to.master, .out = to.master, .physicalIn = from->ifindex, .physicalOut = to.ifindex};
    if (!BridgePassesHook(kernel::Hook::Forward, frame, place)) return;
    if (!BridgePassesHook(kernel::Hook::Postrouting, frame, place)) return;
    if (frame->maxFragment != 0 && frame->Size() > to.mtu + wire::kEthernetHeaderBytes) {  // br_nf_ip_fragment()
      std::array<uint8_t, wire::kEthernetHeaderBytes> ethernet;
      std::copy_n(frame->Data(), ethernet.size(), ethernet.begin());
      frame->Pull(wire::kEthernetHeaderBytes);
      auto output = [&](wire::FramePtr piece) {
        std::copy(ethernet.begin(), ethernet.end(), piece->Push(wire::kEthernetHeaderBytes));
        BridgeSend(to, std::move(piece));
        return 0;
      };
      if (frame->Data()[0] >> 4 == 6) {
        const uint32_t largest = std::min<uint32_t>(frame->maxFragment, to.mtu);
        Ipv6Fragment(std::move(frame), largest, output);
      } else {
        Fragment(std::move(frame), to.mtu, output);
      }
      return;
    }
  }
  BridgeSend(to, std::move(frame));
}

/// br_dev_queue_push_xmit().
void Stack::BridgeSend(kernel::Link& to, wire::FramePtr frame) {
  if (frame->Size() > to.mtu + wire::kEthernetHeaderBytes + 4)  // is_skb_forwardable()
    return Finish(Stage::BridgeForward, Verdict::ExceedsDeviceMtu, std::move(frame), to.ifindex);
  Transmit(to.ifindex, std::move(frame));
}

/// The ports that take a flooded frame from `from` (nullptr: the host itself), the newest first as the kernel's list
/// has them.
std::vector<kernel::Link*> Stack::BridgeFloodPorts(const kernel::Link& bridge, const kernel::Link* from,
                                                   const MacAddress& destination) {
  std::vector<int> ports = m_ns->BridgePorts(bridge.ifindex);
  std::vector<kernel::Link*> targets;
  for (auto it = ports.rbegin(); it != ports.rend(); ++it) {
    kernel::Link& port = *m_ns->GetLink(*it);
    if (from) {  // a frame of the host itself goes to all ports
      if (destination.IsBroadcast()   ? !port.port.bcastFlood
          : destination.IsMulticast() ? !port.port.mcastFlood
                                      : !port.port.flood)
        continue;
    }
    if (BridgeMayDeliver(port, from)) targets.push_back(&port);
  }
  return targets;
}

/// br_flood() of a frame that goes on elsewhere too: a copy to each port that takes it.
void Stack::BridgeFlood(kernel::Link& bridge, const kernel::Link* from, const wire::Frame& frame) {
  const auto question = MayBeUnheard(frame);
  for (kernel::Link* to : BridgeFloodPorts(bridge, from, wire::GetMac(frame.Data())))
    if (!question || !FloodUnheard(*to, *question)) BridgeForward(*to, Copy(frame), from);
}

/// Set: a question of which copies may be counted without being made.
std::optional<ArpQuestion> Stack::MayBeUnheard(const wire::Frame& frame) const {
  if (!m_network.takesShortcuts || Tracing(frame)) return std::nullopt;
  return ArpQuestion::In(frame);
}

/// A flooded question that concerns nobody behind a port: what its copy would have come to. False: it may concern
/// somebody.
bool Stack::FloodUnheard(kernel::Link& to, const ArpQuestion& question) {
  if (to.kind != kernel::LinkKind::Veth || to.peerNetns.IsNone() || IsCaptured(to.ifindex) || m_ns->programs ||
      question.frameBytes > to.mtu + wire::kEthernetHeaderBytes ||
      !m_network.CountUnheard(to.peerNetns, to.peerIfindex, question))
    return false;
  m_backlog.flows->Abandon();
  m_backlog.CountServed();
  ++m_madePackets;
  ++to.stats.txPackets;
  to.stats.txBytes += question.frameBytes;
  CountEnd(Verdict::Consumed);
  return true;
}

/// br_flood(): a copy to each port that takes it, the frame itself to the last of them.
void Stack::BridgeFlood(kernel::Link& bridge, const kernel::Link* from, wire::FramePtr frame) {
  std::vector<kernel::Link*> targets = BridgeFloodPorts(bridge, from, wire::GetMac(frame->Data()));
  if (targets.empty()) return Finish(Stage::BridgeForward, Verdict::BridgeNoPort, std::move(frame), bridge.ifindex);
  if (const auto question = MayBeUnheard(*frame))
    std::erase_if(targets, [&](kernel::Link* to) { return FloodUnheard(*to, *question); });
  if (targets.empty()) {  // the last of them was the frame itself
    --m_madePackets;
    return;
  }
  for (size_t i = 0; i + 1 < targets.size(); ++i) BridgeForward(*targets[i], Copy(*frame), from);
  BridgeForward(*targets.back(), std::move(frame), from);
}

/// br_dev_xmit(): the host itself sends through its bridge.
void Stack::BridgeTransmit(kernel::Link& bridge, wire::FramePtr frame) {
  ++bridge.stats.txPackets;
  bridge.stats.txBytes += frame->Size();
  const MacAddress destination = wire::GetMac(frame->Data());
  const kernel::BridgeFdbEntry* entry =
      destination.IsMulticast() ? nullptr : m_ns->FdbOfBridge(bridge.ifindex).Find(destination);
  if (!entry) {
    Trace(Stage::BridgeLookup, destination.IsMulticast() ? Verdict::Flooded : Verdict::Continue, *frame,
          bridge.ifindex);
    return BridgeFlood(bridge, nullptr, std::move(frame));
  }
  Trace(Stage::BridgeLookup, Verdict::Continue, *frame, bridge.ifindex, {Table::BridgeFdb, entry->rowId});
  kernel::Link* to = m_ns->GetLink(entry->port);
  if (!to || !BridgeMayDeliver(*to, nullptr))
    return Finish(Stage::BridgeForward, Verdict::BridgePortBlocked, std::move(frame), bridge.ifindex);
  BridgeForward(*to, std::move(frame));
}

}  // namespace overlaysim::host
