// The neighbour state machine of both families (net/core/neighbour.c).

#include <algorithm>
#include <bit>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::NudState;
using kernel::Table;
using kernel::TableChange;

namespace {

/// What the kernel counts for a queued packet is skb->truesize: the sk_buff and the buffer that __alloc_skb() has made
/// for it, with room for the link's header (ip_append_data()), whole cache lines and the skb_shared_info at its end.
uint32_t TrueSize(const wire::Frame& frame) {
  constexpr uint32_t kSkBuff = 256, kSharedInfo = 320, kLinkHeaderRoom = 16, kCacheLine = 64;
  constexpr uint32_t kSmallHead = 576, kLeastBlock = 1024;  // skb_small_head_cache; else kmalloc()'s powers of two
  const uint32_t data = frame.Size() + kLinkHeaderRoom + 15;
  const uint32_t wanted = (data + kCacheLine - 1) / kCacheLine * kCacheLine + kSharedInfo;
  return kSkBuff + (wanted <= kSmallHead ? kSmallHead : std::max(kLeastBlock, std::bit_ceil(wanted)));
}

bool IsConnected(NudState s) { return s == NudState::Permanent || s == NudState::Noarp || s == NudState::Reachable; }

template <typename A>
constexpr bool kIsV4 = std::is_same_v<A, Ipv4Address>;

/// What has the neighbours of a family.
template <typename A>
auto& TablesOf(kernel::Namespace& ns) {
  if constexpr (kIsV4<A>)
    return ns;
  else
    return ns.Ipv6();
}

template <typename A>
constexpr Table kTable = kIsV4<A> ? Table::Neighbour : Table::Neighbour6;

/// arp_constructor(): group and broadcast addresses are mapped, not asked for.
std::optional<MacAddress> MappedAddress(const kernel::Namespace& ns, int ifindex, Ipv4Address nextHop,
                                        Ipv4Address destination) {
  if (nextHop.IsMulticast() || destination.IsMulticast()) {
    const uint32_t group = (nextHop.IsMulticast() ? nextHop : destination).value & 0x7fffff;
    return MacAddress::FromUint64(0x01005e000000 | group);
  }
  const auto& addresses = ns.Addresses();
  const bool broadcast =
      nextHop.IsLimitedBroadcast() || std::any_of(addresses.begin(), addresses.end(), [&](const kernel::Address& a) {
        return a.ifindex == ifindex &&
               ((a.prefixLength < 31 && a.Subnet().Broadcast() == nextHop) || a.broadcast == nextHop);
      });
  return broadcast ? std::optional(MacAddress::Broadcast()) : std::nullopt;
}
std::optional<MacAddress> MappedAddress(const kernel::Namespace&, int, const Ipv6Address& nextHop,
                                        const Ipv6Address& destination) {  // ndisc_constructor()
  if (nextHop.IsMulticast()) return MulticastMac(nextHop);
  return destination.IsMulticast() ? std::optional(MulticastMac(destination)) : std::nullopt;
}

template <typename A>
A DestinationOf(const wire::Frame& packet) {
  uint8_t* p = const_cast<uint8_t*>(packet.Data());
  if constexpr (kIsV4<A>)
    return wire::Ipv4{p}.Destination();
  else
    return wire::Ipv6{p}.Destination();
}

bool FindPeer(const kernel::PeerTables& peers, int ifindex, Ipv4Address ip, kernel::Neighbour& out) {
  return peers.FindNeighbour(ifindex, ip, out);
}
bool FindPeer(const kernel::PeerTables& peers, int ifindex, const Ipv6Address& ip, kernel::Neighbour6& out) {
  return peers.FindNeighbour6(ifindex, ip, out);
}

}  // namespace

template <typename A>
kernel::BasicNeighbour<A>& Stack::NeighbourCreate(int ifindex, const A& ip) {
  kernel::BasicNeighbour<A> entry{.ip = ip, .ifindex = ifindex};
  entry.updated = entry.used = entry.confirmed = engine::Now();
  entry.rowId = m_ns->NextRowId();
  auto& tables = TablesOf<A>(*m_ns);
  kernel::BasicNeighbour<A>& made = tables.Neighbours().Insert(entry);
  tables.NeighbourChanged(made, TableChange::Op::Add);
  return made;
}

/// __neigh_event_send() of an entry without address: from now on it is being asked for. False: it has one, or is
/// being asked for already.
template <typename A>
bool Stack::NeighbourBegin(kernel::BasicNeighbour<A>& entry) {
  if (entry.state != NudState::None && entry.state != NudState::Failed) return false;
  auto& tables = TablesOf<A>(*m_ns);
  const auto& parms = tables.Parms(entry.ifindex);
  entry.probes = parms.ucastSolicit;
  entry.state = NudState::Incomplete;
  entry.updated = engine::Now();
  tables.NeighbourChanged(entry, TableChange::Op::Change);
  NeighbourArm(entry, parms.retransTime);
  return true;
}

/// ip_finish_output2() and ip6_finish_output2() with neigh_resolve_output(): `packet` starts at its IP header.
template <typename A>
int Stack::NeighbourOutput(kernel::Link& link, const A& nextHop, wire::FramePtr packet) {
  if (!kernel::HasLinkHeader(link.kind)) {  // neigh_direct_output()
    if constexpr (kIsV4<A>) packet->gateway = nextHop;
    return Transmit(link.ifindex, std::move(packet));
  }
  if (link.kind == kernel::LinkKind::Loopback || link.noArp) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex);
    return NeighbourSend(link, MacAddress{}, std::move(packet));
  }
  if (const auto mapped = MappedAddress(*m_ns, link.ifindex, nextHop, DestinationOf<A>(*packet))) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex);
    return NeighbourSend(link, *mapped, std::move(packet));
  }

  auto& tables = TablesOf<A>(*m_ns);
  kernel::BasicNeighbour<A>* entry = tables.Neighbours().Find(link.ifindex, nextHop);
  // One that is being asked for, or has not answered, is replaced by what the agent writes.
  if (!entry || !kernel::NudHasAddress(entry->state)) {
    kernel::BasicNeighbour<A> shared;
    if (m_ns->peers && FindPeer(*m_ns->peers, link.ifindex, nextHop, shared)) {
      Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex, {kTable<A>, shared.rowId});
      return NeighbourSend(link, shared.mac, std::move(packet));
    }
    if (!entry) entry = &NeighbourCreate(link.ifindex, nextHop);
  }
  // __neigh_event_send()
  const Nanoseconds now = engine::Now();
  if (m_backlog.flows->IsWatching()) m_backlog.flows->Stamp(entry->used);
  entry->used = now;
  const bool probe = NeighbourBegin(*entry);
  if (entry->state == NudState::Stale) {
    entry->state = NudState::Delay;
    entry->updated = now;
    tables.NeighbourChanged(*entry, TableChange::Op::Change);
    NeighbourArm(*entry, tables.Parms(link.ifindex).delayFirstProbeTime);
  }
  const Row row{kTable<A>, entry->rowId};
  if (entry->state != NudState::Incomplete) {
    Trace(Stage::NeighbourLookup, Verdict::Continue, *packet, link.ifindex, row);
    return NeighbourSend(link, entry->mac, std::move(packet));
  }
  Trace(Stage::NeighbourWait, Verdict::Continue, *packet, link.ifindex, row);
  NeighbourQueue& queue = m_neighbourQueues[{link.ifindex, nextHop}];
  const uint32_t limit = tables.Parms(link.ifindex).unresQlenBytes;
  const uint32_t size = TrueSize(*packet);
  while (!queue.frames.empty() && queue.bytes + size > limit) {
    wire::FramePtr oldest = std::move(queue.frames.front());
    queue.frames.pop_front();
    queue.bytes -= TrueSize(*oldest);
    Finish(Stage::NeighbourWait, Verdict::NeighbourQueueFull, std::move(oldest), link.ifindex, row);
  }
  queue.bytes += size;
  queue.frames.push_back(std::move(packet));
  if (probe) NeighbourProbe(*entry);
  return 0;
}

int Stack::NeighbourSend(kernel::Link& link, const MacAddress& to, wire::FramePtr packet) {
  const uint16_t type = packet->protocol;
  wire::Ethernet{packet->Push(wire::kEthernetHeaderBytes)}.Write(to, link.address, type);
  return Transmit(link.ifindex, std::move(packet));
}

/// neigh_probe(): the newest packet that waits tells ARP and neighbour discovery what source to ask from.
template <typename A>
void Stack::NeighbourProbe(kernel::BasicNeighbour<A>& entry) {
  kernel::Link& link = *m_ns->GetLink(entry.ifindex);
  auto queue = m_neighbourQueues.find({entry.ifindex, entry.ip});
  const wire::Frame* waiting =
      queue != m_neighbourQueues.end() && !queue->second.frames.empty() ? queue->second.frames.back().get() : nullptr;
  const bool unicast = entry.probes < TablesOf<A>(*m_ns).Parms(entry.ifindex).ucastSolicit;
  ++entry.probes;
  if (unicast && !kernel::NudHasAddress(entry.state)) return;
  if constexpr (kIsV4<A>)
    ArpSolicit(link, entry, waiting, unicast);
  else
    NdiscSolicit(link, entry, waiting, unicast);
}

template <typename A>
void Stack::NeighbourArm(kernel::BasicNeighbour<A>& entry, Nanoseconds delay) {
  const uint32_t generation = ++entry.timerGeneration;
  After(delay, [this, ifindex = entry.ifindex, ip = entry.ip, rowId = entry.rowId, generation] {
    auto* there = TablesOf<A>(*m_ns).Neighbours().Find(ifindex, ip);
    if (there && there->rowId == rowId && there->timerGeneration == generation) NeighbourTimer(*there);
  });
}

/// neigh_timer_handler(). Reachable time is base_reachable_time itself, where Linux draws it from half to one and a
/// half of it.
template <typename A>
void Stack::NeighbourTimer(kernel::BasicNeighbour<A>& entry) {
  auto& tables = TablesOf<A>(*m_ns);
  const auto& parms = tables.Parms(entry.ifindex);
  const Nanoseconds now = engine::Now();
  auto enter = [&](NudState state) {
    entry.state = state;
    entry.updated = now;
    tables.NeighbourChanged(entry, TableChange::Op::Change);
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
    return NeighbourInvalidate(entry);
  }
  NeighbourArm(entry, parms.retransTime);
  NeighbourProbe(entry);
}

/// neigh_invalidate() with arp_error_report() and ndisc_error_report(): who waits is told that the host cannot be
/// reached.
template <typename A>
void Stack::NeighbourInvalidate(const kernel::BasicNeighbour<A>& entry) {
  auto it = m_neighbourQueues.find({entry.ifindex, entry.ip});
  if (it == m_neighbourQueues.end()) return;
  NeighbourQueue queue = std::move(it->second);
  m_neighbourQueues.erase(it);
  const Row row{kTable<A>, entry.rowId};
  const int ifindex = entry.ifindex;
  for (wire::FramePtr& packet : queue.frames) {
    if constexpr (kIsV4<A>)
      IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpHostUnreach, 0);
    else
      Icmpv6Send(*packet, wire::kIcmpv6DestUnreach, wire::kIcmpv6AddressUnreach, 0);
    Finish(Stage::NeighbourWait, Verdict::NeighbourFailed, std::move(packet), ifindex, row);
  }
}

/// neigh_update() for what an ARP packet or a neighbour message says.
template <typename A>
void Stack::NeighbourLearn(kernel::BasicNeighbour<A>& entry, const NeighbourNews& news) {
  auto& tables = TablesOf<A>(*m_ns);
  const NudState old = entry.state;
  if (old == NudState::Noarp || old == NudState::Permanent) return;
  if (!news.mac && !kernel::NudHasAddress(old)) return;
  const Nanoseconds now = engine::Now();
  NudState state = news.state;
  MacAddress address = news.mac.value_or(entry.mac);
  bool router = entry.router;
  if (news.router) router = *news.router;
  if (IsConnected(state)) entry.confirmed = now;
  if (kernel::NudHasAddress(old)) {
    if (address != entry.mac && !news.override) {
      router = entry.router;
      if (!news.weakOverride || !IsConnected(old)) return;
      address = entry.mac;
      state = NudState::Stale;
    } else if (address == entry.mac && state == NudState::Stale) {
      state = old;
    }
  }
  const bool moved = address != entry.mac, becameRouter = router != entry.router;
  if (state == old && !moved && !becameRouter) return;
  entry.router = router;
  if (state != old || moved) entry.updated = now;
  entry.mac = address;
  if (moved && !IsConnected(state)) entry.confirmed = now - tables.Parms(entry.ifindex).baseReachableTime * 2;
  if (state != old) {
    ++entry.timerGeneration;  // neigh_del_timer()
    entry.state = state;
    if (state == NudState::Reachable) NeighbourArm(entry, tables.Parms(entry.ifindex).baseReachableTime);
  }
  tables.NeighbourChanged(entry, TableChange::Op::Change);  // what waits for the address goes out now
}

/// What waits behind an entry goes: out, now that the address is known, or away.
template <typename A>
void Stack::FlushNeighbourQueue(int ifindex, const A& ip, bool resolved) {
  auto it = m_neighbourQueues.find({ifindex, ip});
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

/// An entry has changed, by ARP or discovery or by someone who edits the table (`ip neigh`, a link going down).
template <typename A>
void Stack::NeighbourTableChanged(const TableChange& change) {
  const auto& entry = *static_cast<const kernel::BasicNeighbour<A>*>(change.row);
  const bool resolved = change.op != TableChange::Op::Delete && kernel::NudHasAddress(entry.state);
  if (resolved || change.op == TableChange::Op::Delete) FlushNeighbourQueue(entry.ifindex, A{entry.ip}, resolved);
}

template int Stack::NeighbourOutput(kernel::Link&, const Ipv4Address&, wire::FramePtr);
template int Stack::NeighbourOutput(kernel::Link&, const Ipv6Address&, wire::FramePtr);
template bool Stack::NeighbourBegin(kernel::Neighbour&);
template void Stack::NeighbourProbe(kernel::Neighbour&);
template void Stack::NeighbourLearn(kernel::Neighbour&, const NeighbourNews&);
template void Stack::NeighbourLearn(kernel::Neighbour6&, const NeighbourNews&);
template kernel::Neighbour& Stack::NeighbourCreate(int, const Ipv4Address&);
template kernel::Neighbour6& Stack::NeighbourCreate(int, const Ipv6Address&);
template void Stack::NeighbourTableChanged<Ipv4Address>(const TableChange&);
template void Stack::NeighbourTableChanged<Ipv6Address>(const TableChange&);

}  // namespace overlaysim::host
