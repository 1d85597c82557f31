// The neighbour state machine (net/core/neighbour.c).

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::NudState;
using kernel::Table;
using kernel::TableChange;

namespace {

// What the kernel counts for a queued packet is skb->truesize: the buffer, rounded up, and the sk_buff itself.
uint32_t TrueSize(const wire::Frame& frame) { return ((frame.Size() + 14 + 511) / 512) * 512 + 768; }

bool IsConnected(NudState s) { return s == NudState::Permanent || s == NudState::Noarp || s == NudState::Reachable; }

}  // namespace

kernel::Neighbour& Stack::NeighbourCreate(int ifindex, Ipv4Address ip) {
  kernel::Neighbour entry{.ip = ip, .ifindex = ifindex};
  entry.updated = entry.used = entry.confirmed = engine::Now();
  entry.rowId = m_ns->NextRowId();
  kernel::Neighbour& made = m_ns->Neighbours().Insert(entry);
  m_ns->NeighbourChanged(made, TableChange::Op::Add);
  return made;
}

/// __neigh_event_send() of an entry without address: from now on it is being asked for. False: it has one, or is
/// being asked for already.
bool Stack::NeighbourBegin(kernel::Neighbour& entry) {
  if (entry.state != NudState::None && entry.state != NudState::Failed) return false;
  const auto& parms = m_ns->Parms(entry.ifindex);
  entry.probes = parms.ucastSolicit;
  entry.state = NudState::Incomplete;
  entry.updated = engine::Now();
  m_ns->NeighbourChanged(entry, TableChange::Op::Change);
  NeighbourArm(entry, parms.retransTime);
  return true;
}

/// ip_finish_output2() with neigh_resolve_output(): `packet` starts at its IPv4 header.
int Stack::NeighbourOutput(kernel::Link& link, Ipv4Address nextHop, wire::FramePtr packet) {
  if (!kernel::HasLinkHeader(link.kind)) {  // neigh_direct_output()
    packet->gateway = nextHop;
    return Transmit(link.ifindex, std::move(packet));
  }
  const Ipv4Address destination = wire::Ipv4{packet->Data()}.Destination();
  if (link.kind == kernel::LinkKind::Loopback || link.noArp) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex);
    return NeighbourSend(link, MacAddress{}, std::move(packet));
  }
  // arp_constructor(): group and broadcast addresses are mapped, not asked for.
  if (nextHop.IsMulticast() || destination.IsMulticast()) {
    const uint32_t group = (nextHop.IsMulticast() ? nextHop : destination).value & 0x7fffff;
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex);
    return NeighbourSend(link, MacAddress::FromUint64(0x01005e000000 | group), std::move(packet));
  }
  const auto& addresses = m_ns->Addresses();
  const bool broadcast =
      nextHop.IsLimitedBroadcast() || std::any_of(addresses.begin(), addresses.end(), [&](const kernel::Address& a) {
        return a.ifindex == link.ifindex &&
               ((a.prefixLength < 31 && a.Subnet().Broadcast() == nextHop) || a.broadcast == nextHop);
      });
  if (broadcast) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex);
    return NeighbourSend(link, MacAddress::Broadcast(), std::move(packet));
  }

  kernel::Neighbour* entry = m_ns->Neighbours().Find(link.ifindex, nextHop);
  if (!entry) {
    kernel::Neighbour shared;
    if (m_ns->peers && m_ns->peers->FindNeighbour(link.ifindex, nextHop, shared)) {
      Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex, {Table::Neighbour, shared.rowId});
      return NeighbourSend(link, shared.mac, std::move(packet));
    }
    entry = &NeighbourCreate(link.ifindex, nextHop);
  }
  // __neigh_event_send()
  const Nanoseconds now = engine::Now();
  entry->used = now;
  const bool probe = NeighbourBegin(*entry);
  if (entry->state == NudState::Stale) {
    entry->state = NudState::Delay;
    entry->updated = now;
    m_ns->NeighbourChanged(*entry, TableChange::Op::Change);
    NeighbourArm(*entry, m_ns->Parms(link.ifindex).delayFirstProbeTime);
  }
  const Row row{Table::Neighbour, entry->rowId};
  if (entry->state != NudState::Incomplete) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex, row);
    return NeighbourSend(link, entry->mac, std::move(packet));
  }
  Trace(Stage::NeighbourWait, Verdict::Continue, *packet, link.ifindex, row);
  NeighbourQueue& queue = m_neighbourQueues[{link.ifindex, nextHop.value}];
  const uint32_t limit = m_ns->Parms(link.ifindex).unresQlenBytes;
  const uint32_t size = TrueSize(*packet);
  while (!queue.frames.empty() && queue.bytes + size > limit) {
    wire::FramePtr oldest = std::move(queue.frames.front());
    queue.frames.pop_front();
    queue.bytes -= TrueSize(*oldest);
    Finish(Stage::NeighbourWait, Verdict::NeighbourQueueFull, std::move(oldest), link.ifindex, row);
  }
  queue.bytes += size;
  queue.frames.push_back(std::move(packet));
  if (probe) NeighbourSolicit(*entry);
  return 0;
}

int Stack::NeighbourSend(kernel::Link& link, const MacAddress& to, wire::FramePtr packet) {
  wire::Ethernet{packet->Push(wire::kEthernetHeaderBytes)}.Write(to, link.address, wire::kEtherTypeIpv4);
  return Transmit(link.ifindex, std::move(packet));
}

Stack::NeighbourQueue* Stack::FindNeighbourQueue(int ifindex, Ipv4Address ip) {
  auto it = m_neighbourQueues.find({ifindex, ip.value});
  return it == m_neighbourQueues.end() ? nullptr : &it->second;
}

/// neigh_probe() and arp_solicit().
void Stack::NeighbourSolicit(kernel::Neighbour& entry) {
  kernel::Link& link = *m_ns->GetLink(entry.ifindex);
  const NeighbourQueue* queue = FindNeighbourQueue(entry.ifindex, entry.ip);
  const wire::Frame* waiting = queue && !queue->frames.empty() ? queue->frames.back().get() : nullptr;
  const uint8_t announce = std::max(m_ns->allConf.arpAnnounce, m_ns->GetConf(entry.ifindex).arpAnnounce);
  Ipv4Address source;
  if (waiting && announce < 2) {
    const Ipv4Address from = wire::Ipv4{const_cast<uint8_t*>(waiting->Data())}.Source();
    bool usable = m_ns->IsLocalAddress(from);
    if (usable && announce == 1)  // only if it is in a subnet of the device that has the target
      usable = std::any_of(m_ns->Addresses().begin(), m_ns->Addresses().end(), [&](const kernel::Address& a) {
        return a.ifindex == entry.ifindex && a.Subnet().Contains(from) && a.Subnet().Contains(entry.ip);
      });
    if (usable) source = from;
  }
  if (source.IsZero()) source = m_ns->SelectAddress(entry.ifindex, entry.ip, kernel::kScopeLink);
  const bool unicast = entry.probes < m_ns->Parms(entry.ifindex).ucastSolicit;
  ++entry.probes;
  const uint64_t cause = waiting ? waiting->journey : 0;
  if (unicast && !kernel::NudHasAddress(entry.state)) return;
  ArpSend(wire::kArpRequest, link, entry.ip, source, unicast ? entry.mac : MacAddress::Broadcast(), MacAddress{},
          cause);
}

void Stack::NeighbourArm(kernel::Neighbour& entry, Nanoseconds delay) {
  const uint32_t generation = ++entry.timerGeneration;
  After(delay, [this, ifindex = entry.ifindex, ip = entry.ip, rowId = entry.rowId, generation] {
    const kernel::Neighbour* there = m_ns->Neighbours().Find(ifindex, ip);
    if (there && there->rowId == rowId) NeighbourTimer(ifindex, ip, generation);
  });
}

/// neigh_timer_handler(). Reachable time is base_reachable_time itself, where Linux draws it from half to one and a
/// half of it.
void Stack::NeighbourTimer(int ifindex, Ipv4Address ip, uint32_t generation) {
  kernel::Neighbour& entry = *m_ns->Neighbours().Find(ifindex, ip);
  if (entry.timerGeneration != generation) return;
  const auto& parms = m_ns->Parms(ifindex);
  const Nanoseconds now = engine::Now();
  auto enter = [&](NudState state) {
    entry.state = state;
    entry.updated = now;
    m_ns->NeighbourChanged(entry, TableChange::Op::Change);
  };
  switch (entry.state) {
    case NudState::Reachable:
      if (now < entry.confirmed + parms.baseReachableTime)
        return NeighbourArm(entry, entry.confirmed + parms.baseReachableTime - now);
      if (now <= entry.used + parms.delayFirstProbeTime) {
        enter(NudState::Delay);
        return NeighbourArm(entry, parms.delayFirstProbeTime);
      }
      return enter(NudState::Stale);
    case NudState::Delay:
      if (now <= entry.confirmed + parms.delayFirstProbeTime) {
        enter(NudState::Reachable);
        return NeighbourArm(entry, entry.confirmed + parms.baseReachableTime - now);
      }
      entry.probes = 0;
      enter(NudState::Probe);
      break;
    case NudState::Probe:
    case NudState::Incomplete:
      break;
    default:
      return;
  }
  const uint32_t most =
      parms.ucastSolicit + parms.appSolicit + (entry.state == NudState::Probe ? 0u : uint32_t{parms.mcastSolicit});
  if (entry.probes >= most) {
    enter(NudState::Failed);
    return NeighbourInvalidate(ifindex, ip);
  }
  NeighbourArm(entry, parms.retransTime);
  NeighbourSolicit(entry);
}

/// neigh_invalidate() and arp_error_report(): who waits is told that the host cannot be reached.
void Stack::NeighbourInvalidate(int ifindex, Ipv4Address ip) {
  auto it = m_neighbourQueues.find({ifindex, ip.value});
  if (it == m_neighbourQueues.end()) return;
  NeighbourQueue queue = std::move(it->second);
  m_neighbourQueues.erase(it);
  const kernel::Neighbour* entry = m_ns->Neighbours().Find(ifindex, ip);
  const Row row{Table::Neighbour, entry ? entry->rowId : 0};
  for (wire::FramePtr& packet : queue.frames) {
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpHostUnreach, 0);
    Finish(Stage::NeighbourWait, Verdict::NeighbourFailed, std::move(packet), ifindex, row);
  }
}

/// neigh_update() for what an ARP packet says.
void Stack::NeighbourLearn(kernel::Neighbour& entry, const MacAddress& mac, NudState wanted, bool override) {
  const NudState old = entry.state;
  if (old == NudState::Noarp || old == NudState::Permanent) return;
  const Nanoseconds now = engine::Now();
  NudState state = wanted;
  MacAddress address = mac;
  if (IsConnected(state)) entry.confirmed = now;
  if (kernel::NudHasAddress(old)) {
    if (address != entry.mac && !override) return;
    if (address == entry.mac && state == NudState::Stale) state = old;
  }
  const bool moved = address != entry.mac;
  if (state == old && !moved) return;
  entry.updated = now;
  entry.mac = address;
  if (moved && !IsConnected(state)) entry.confirmed = now - m_ns->Parms(entry.ifindex).baseReachableTime * 2;
  if (state != old) {
    ++entry.timerGeneration;  // neigh_del_timer()
    entry.state = state;
    if (state == NudState::Reachable) NeighbourArm(entry, m_ns->Parms(entry.ifindex).baseReachableTime);
  }
  m_ns->NeighbourChanged(entry, TableChange::Op::Change);  // what waits for the address goes out now
}

/// What waits behind an entry goes: out, now that the address is known, or away.
void Stack::FlushNeighbourQueue(int ifindex, Ipv4Address ip, bool resolved) {
  auto it = m_neighbourQueues.find({ifindex, ip.value});
  if (it == m_neighbourQueues.end()) return;
  NeighbourQueue queue = std::move(it->second);
  m_neighbourQueues.erase(it);
  kernel::Link* link = m_ns->GetLink(ifindex);
  for (wire::FramePtr& packet : queue.frames) {
    if (resolved && link)
      NeighbourOutput(*link, ip, std::move(packet));
    else
      Finish(Stage::NeighbourWait, Verdict::NeighbourDeleted, std::move(packet), ifindex);
  }
}

/// An entry has changed, by ARP or by someone who edits the table (`ip neigh`, a link going down).
void Stack::NeighbourTableChanged(const TableChange& change) {
  const auto& entry = *static_cast<const kernel::Neighbour*>(change.row);
  const bool resolved = change.op != TableChange::Op::Delete && kernel::NudHasAddress(entry.state);
  if (resolved || change.op == TableChange::Op::Delete) FlushNeighbourQueue(entry.ifindex, entry.ip, resolved);
}

}  // namespace overlaysim::host
