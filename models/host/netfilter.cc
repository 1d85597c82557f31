// Netfilter's hooks of the IPv4 and IPv6 paths: chains, connection tracking and NAT in the order of their priorities
// (net/netfilter/core.c, nf_conntrack_core.c, nf_nat_core.c, nf_nat_proto.c, nf_nat_masquerade.c, nf_nat_redirect.c,
// nf_reject_ipv4.c, nf_reject_ipv6.c, nf_conntrack_proto_icmpv6.c).

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "models/engine/engine.h"
#include "models/host/flow_cache.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Connection;
using kernel::Conntrack;
using kernel::Hook;
using kernel::HookStep;
using kernel::RejectWith;
using kernel::Table;
using kernel::Target;
using kernel::Tuple;

namespace {

constexpr uint8_t kLastIcmpType = 18;  // NR_ICMP_TYPES

/// How a packet belongs to its connection (enum ip_conntrack_info).
enum ConnectionInfo : uint8_t {
  kNotTracked,
  kEstablished,
  kRelated,
  kNew,
  kEstablishedReply,
  kRelatedReply,
  kUntracked
};

bool IsReply(uint8_t info) { return info == kEstablishedReply || info == kRelatedReply; }
bool IsRelated(uint8_t info) { return info == kRelated || info == kRelatedReply; }

Stage StageOf(Hook hook) {
  static constexpr Stage kStages[] = {Stage::FilterPrerouting, Stage::FilterInput, Stage::FilterForward,
                                      Stage::FilterOutput, Stage::FilterPostrouting};
  return kStages[static_cast<size_t>(hook)];
}

bool IsIcmpErrorType(uint8_t type) {
  return type == wire::kIcmpDestUnreach || type == 4 || type == wire::kIcmpRedirect ||
         type == wire::kIcmpTimeExceeded || type == wire::kIcmpParameterProblem;
}
/// The ICMP messages that have an id.
bool IsIcmpQuery(uint8_t type) { return type == 0 || type == 8 || (type >= 13 && type <= 18); }

bool HasPorts(uint8_t protocol) {
  return protocol == wire::kIpProtoTcp || protocol == wire::kIpProtoUdp || protocol == 132 || protocol == 136 ||
         protocol == 33;
}

bool IsIpv6(const wire::Frame& packet) { return packet.Data()[0] >> 4 == 6; }

/// A packet's addresses, and its transport header.
struct Transport {
  IpAddress source, destination;
  uint8_t protocol = 0;
  bool isThere = false;  ///< false: in another fragment, or the headers before it are cut short
  uint8_t* p = nullptr;
  uint32_t bytes = 0;

  bool IsV6() const { return source.IsV6(); }
  bool IsIcmp() const { return protocol == (IsV6() ? wire::kIpProtoIcmpv6 : wire::kIpProtoIcmp); }
  bool IsIcmpError() const { return IsIcmp() && (IsV6() ? p[0] < wire::kIcmpv6Echo : IsIcmpErrorType(p[0])); }
  bool ChecksumHolds(uint32_t length) const {
    const bool hasPseudoHeader = IsV6() || protocol == wire::kIpProtoTcp || protocol == wire::kIpProtoUdp;
    const uint64_t pseudo = hasPseudoHeader ? wire::PseudoHeaderSum(source, destination, protocol, length) : 0;
    return wire::ChecksumFold(wire::ChecksumAdd(p, length, pseudo)) == 0;
  }
};

/// Of an IPv4 or IPv6 packet of which `bytes` are there; nullopt: it is none.
std::optional<Transport> TransportOf(const uint8_t* packet, uint32_t bytes) {
  Transport out;
  if (bytes == 0) return std::nullopt;
  auto* data = const_cast<uint8_t*>(packet);
  uint32_t offset = 0;
  if (packet[0] >> 4 == 6) {
    if (bytes < wire::kIpv6HeaderBytes) return std::nullopt;
    const wire::Ipv6 ip{data};
    const wire::Ipv6Upper upper = wire::FindIpv6Upper(packet, bytes);
    out = {.source = ip.Source(), .destination = ip.Destination(), .protocol = upper.protocol};
    out.isThere = upper.offset != 0 && upper.offset <= bytes && !upper.laterFragment;
    offset = upper.offset;
  } else {
    const wire::Ipv4 ip{data};
    if (bytes < wire::kIpv4HeaderBytes || ip.Version() != 4 || ip.HeaderBytes() < wire::kIpv4HeaderBytes)
      return std::nullopt;
    offset = ip.HeaderBytes();
    out = {.source = ip.Source(), .destination = ip.Destination(), .protocol = ip.Protocol()};
    out.isThere = offset <= bytes && ip.OffsetBytes() == 0;
  }
  if (out.isThere) {
    out.p = data + offset;
    out.bytes = bytes - offset;
  }
  return out;
}

Transport TransportOf(const wire::Frame& packet) {
  return TransportOf(packet.Data(), packet.Size()).value_or(Transport{});
}

/// nullopt: it has none.
std::optional<Tuple> TupleOf(const Transport& t) {
  if (!t.isThere) return std::nullopt;
  Tuple tuple{.source = t.source, .destination = t.destination, .protocol = t.protocol};
  if (HasPorts(t.protocol)) {
    if (t.bytes < 4) return std::nullopt;
    tuple.sourcePort = wire::Get16(t.p);
    tuple.destinationPort = wire::Get16(t.p + 2);
  } else if (t.IsIcmp()) {
    if (t.bytes < wire::kIcmpHeaderBytes) return std::nullopt;
    tuple.sourcePort = wire::Get16(t.p + 4);
    tuple.destinationPort = wire::Get16(t.p);
  }
  return tuple;
}

/// noct_valid_new[] of nf_conntrack_proto_icmpv6.c: neighbour discovery and MLD are nobody's connection.
bool IsNeverTracked(const Transport& t) {
  if (t.protocol != wire::kIpProtoIcmpv6 || !t.IsV6()) return false;
  return (t.p[0] >= 130 && t.p[0] <= wire::kIcmpv6NeighbourAdvertisement) || t.p[0] == wire::kIcmpv6Mldv2Report;
}

/// What nf_conntrack_in() refuses to look at: packets cut short, and on arrival those with a wrong checksum.
bool IsTrackable(const Transport& t, bool checks) {
  if (t.IsIcmp())
    return t.bytes >= wire::kIcmpHeaderBytes && (!checks || t.ChecksumHolds(t.bytes)) &&
           (t.IsV6() || t.p[0] <= kLastIcmpType);
  switch (t.protocol) {
    case wire::kIpProtoUdp: {
      if (t.bytes < wire::kUdpHeaderBytes) return false;
      const wire::Udp udp{t.p};
      if (udp.Length() > t.bytes || udp.Length() < wire::kUdpHeaderBytes) return false;
      return !checks || udp.Checksum() == 0 || t.ChecksumHolds(udp.Length());
    }
    case wire::kIpProtoTcp: {
      if (t.bytes < wire::kTcpHeaderBytes) return false;
      const uint32_t header = (t.p[12] >> 4) * 4u;
      return header >= wire::kTcpHeaderBytes && header <= t.bytes && (!checks || t.ChecksumHolds(t.bytes));
    }
    default:
      return true;
  }
}

/// A checksum after an address under it changed.
uint16_t Updated(uint16_t checksum, const IpAddress& before, const IpAddress& after) {
  auto update = [&](uint16_t from, uint16_t to) { checksum = wire::ChecksumUpdate(checksum, from, to); };
  if (before.IsV6()) {
    const Ipv6Address from = before.V6(), to = after.V6();
    for (size_t i = 0; i < from.bytes.size(); i += 2) update(wire::Get16(&from.bytes[i]), wire::Get16(&to.bytes[i]));
    return checksum;
  }
  const uint32_t from = before.V4().value, to = after.V4().value;
  update(static_cast<uint16_t>(from >> 16), static_cast<uint16_t>(to >> 16));
  update(static_cast<uint16_t>(from), static_cast<uint16_t>(to));
  return checksum;
}

/// nf_nat_ipv4_manip_pkt() and nf_nat_ipv6_manip_pkt(): the source or destination of the packet becomes the tuple's.
/// False: too short. `openChecksum`: the transport checksum is the pseudo header's sum, for the network card to
/// complete.
bool Rewrite(uint8_t* packet, uint32_t bytes, const Tuple& tuple, bool isSource, bool openChecksum = false) {
  const auto found = TransportOf(packet, bytes);
  if (!found) return false;
  const Transport& t = *found;
  const IpAddress before = isSource ? t.source : t.destination;
  const IpAddress after = isSource ? tuple.source : tuple.destination;
  auto replacePort = [&](uint32_t checksumAt, bool mayBeZero) {
    uint8_t* portAt = t.p + (isSource ? 0 : 2);
    const uint16_t oldPort = wire::Get16(portAt);
    const uint16_t newPort = isSource ? tuple.sourcePort : tuple.destinationPort;
    wire::Put16(portAt, newPort);
    if (t.bytes < checksumAt + 2) return;
    uint16_t checksum = wire::Get16(t.p + checksumAt);
    if (openChecksum) {
      const auto inverted = static_cast<uint16_t>(~checksum);
      return wire::Put16(t.p + checksumAt, static_cast<uint16_t>(~Updated(inverted, before, after)));
    }
    if (mayBeZero && checksum == 0) return;
    checksum = wire::ChecksumUpdate(Updated(checksum, before, after), oldPort, newPort);
    wire::Put16(t.p + checksumAt, mayBeZero && checksum == 0 ? 0xffff : checksum);
  };
  if (t.isThere && t.protocol == wire::kIpProtoTcp) {
    if (t.bytes < 8) return false;
    replacePort(16, false);
  } else if (t.isThere && t.protocol == wire::kIpProtoUdp) {
    if (t.bytes < wire::kUdpHeaderBytes) return false;
    replacePort(6, true);
  } else if (t.isThere && t.IsIcmp()) {
    if (t.bytes < wire::kIcmpHeaderBytes) return false;
    uint16_t checksum = wire::Get16(t.p + 2);
    if (t.IsV6()) checksum = Updated(checksum, before, after);
    const bool hasId = t.IsV6() ? t.p[0] == wire::kIcmpv6Echo || t.p[0] == wire::kIcmpv6EchoReply : IsIcmpQuery(t.p[0]);
    if (hasId) {
      checksum = wire::ChecksumUpdate(checksum, wire::Get16(t.p + 4), tuple.sourcePort);
      wire::Put16(t.p + 4, tuple.sourcePort);
    }
    wire::Put16(t.p + 2, checksum);
  }
  if (t.IsV6()) {
    wire::PutIpv6(packet + (isSource ? 8 : 24), after.V6());
  } else {
    wire::Put16(packet + 10, Updated(wire::Get16(packet + 10), before, after));
    wire::Put32(packet + (isSource ? 12 : 16), after.V4().value);
  }
  return true;
}

/// nf_reject_verify_csum() and nf_ip_checksum(): about a packet that arrived damaged nothing is said.
bool MayReject(const Transport& t) {
  switch (t.protocol) {
    case wire::kIpProtoUdp:
      return t.bytes >= wire::kUdpHeaderBytes && (wire::Udp{t.p}.Checksum() == 0 || t.ChecksumHolds(t.bytes));
    case 33:   // DCCP
    case 47:   // GRE
    case 50:   // ESP
    case 51:   // AH
    case 132:  // SCTP
    case 136:  // UDP-Lite
      return true;
    default:
      return t.ChecksumHolds(t.bytes);
  }
}

uint8_t RejectCode(RejectWith with) {
  switch (with) {
    case RejectWith::NetUnreachable:
      return wire::kIcmpNetUnreach;
    case RejectWith::HostUnreachable:
      return wire::kIcmpHostUnreach;
    case RejectWith::ProtocolUnreachable:
      return wire::kIcmpProtUnreach;
    case RejectWith::NetProhibited:
      return wire::kIcmpNetAno;
    case RejectWith::HostProhibited:
      return wire::kIcmpHostAno;
    case RejectWith::AdminProhibited:
      return wire::kIcmpPktFiltered;
    default:
      return wire::kIcmpPortUnreach;
  }
}

/// Of ICMPv6's destination unreachable (RFC 4443, section 3.1; nft_icmpv6_code()).
uint8_t RejectCode6(RejectWith with) {
  switch (with) {
    case RejectWith::NetUnreachable:
      return wire::kIcmpv6NoRoute;
    case RejectWith::AdminProhibited:
      return wire::kIcmpv6AdminProhibited;
    case RejectWith::HostUnreachable:
      return wire::kIcmpv6AddressUnreach;
    case RejectWith::PolicyFail:
      return 5;
    case RejectWith::RejectRoute:
      return 6;
    default:
      return wire::kIcmpv6PortUnreach;
  }
}

/// Where the protocol number stands that names the fragment header.
uint32_t NextHeaderBefore(const wire::Frame& packet, const wire::Ipv6Upper& upper) {
  constexpr uint32_t kNextHeaderAt = 6;
  uint32_t at = kNextHeaderAt;
  for (uint32_t offset = wire::kIpv6HeaderBytes; offset < upper.fragmentOffset;
       offset += (packet.Data()[offset + 1] + 1u) * 8)
    at = offset;
  return at;
}

}  // namespace

kernel::FilterPacket Stack::DescribePacket(const wire::Frame& packet, const HookPlace& place) {
  const Transport t = TransportOf(packet);
  const kernel::Link* in = m_ns->GetLink(place.in);
  const kernel::Link* out = m_ns->GetLink(place.out);
  kernel::FilterPacket what{.ns = m_ns.get(), .source = t.source, .destination = t.destination, .protocol = t.protocol};
  if (t.IsV6()) what.nextHeader = wire::Ipv6{const_cast<uint8_t*>(packet.Data())}.NextHeader();
  what.inDevice = in ? &in->name : nullptr;
  what.outDevice = out ? &out->name : nullptr;
  const kernel::Link* physicalIn = m_ns->GetLink(place.physicalIn);
  const kernel::Link* physicalOut = m_ns->GetLink(place.physicalOut);
  what.physicalIn = physicalIn ? &physicalIn->name : nullptr;
  what.physicalOut = physicalOut ? &physicalOut->name : nullptr;
  what.isBridged = physicalOut != nullptr;
  what.bytes = packet.Size();
  what.mark = packet.mark;
  what.now = engine::Now();
  if (t.isThere) {
    if (HasPorts(t.protocol) && t.bytes >= 4) {
      what.hasPorts = true;
      what.sourcePort = wire::Get16(t.p);
      what.destinationPort = wire::Get16(t.p + 2);
      if (t.protocol == wire::kIpProtoTcp && t.bytes > 13) what.tcpFlags = t.p[13];
    }
    if (t.IsIcmp() && t.bytes >= 2) {
      what.hasIcmp = true;
      what.icmpType = t.p[0];
      what.icmpCode = t.p[1];
    }
  }
  if (packet.connectionInfo == kUntracked) {
    what.state = kernel::kStateUntracked;
  } else if (const Connection* connection = packet.connection != 0 ? m_ns->conntrack.Get(packet.connection) : nullptr) {
    what.state = IsRelated(packet.connectionInfo) ? kernel::kStateRelated
                 : packet.connectionInfo == kNew  ? kernel::kStateNew
                                                  : kernel::kStateEstablished;
    if (connection->sourceNat) what.state |= kernel::kStateSnat;
    if (connection->destinationNat) what.state |= kernel::kStateDnat;
  }
  return what;
}

bool Stack::WalkHook(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  const bool isV6 = IsIpv6(*packet);
  for (const HookStep& step : m_ns->netfilter.Steps(hook, isV6)) {
    bool passes = true;
    switch (step.kind) {
      case HookStep::Kind::Defragment:
        passes = Defragment(hook, packet, place);
        break;
      case HookStep::Kind::Chain:
        passes = WalkChain(hook, step, packet, place);
        break;
      case HookStep::Kind::Track:
        passes = TrackConnection(hook, packet, place);
        break;
      case HookStep::Kind::Translate:
        passes = Translate(hook, packet, place);
        break;
      case HookStep::Kind::Confirm:
        passes = ConfirmConnection(packet, place);
        break;
    }
    if (!passes) return false;
  }
  return true;
}

/// ipv4_conntrack_defrag() and ipv6_defrag(). False: the rest of the datagram is yet to come.
bool Stack::Defragment(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  const wire::Frame* const came = packet.get();
  const ReassemblyUser user = hook == Hook::Output ? ReassemblyUser::TrackOut : ReassemblyUser::TrackIn;
  if (IsIpv6(*packet)) {
    const wire::Ipv6Upper upper = wire::FindIpv6Upper(packet->Data(), packet->Size());
    kernel::Link* link = m_ns->GetLink(place.in);
    if (upper.fragmentOffset == 0 || !link) return true;
    const uint32_t nextHeaderAt = NextHeaderBefore(*packet, upper);
    packet = Ipv6Reassemble(*link, std::move(packet), upper.fragmentOffset, nextHeaderAt, user);
  } else {
    if (!wire::Ipv4{packet->Data()}.IsFragment()) return true;
    packet = Reassemble(std::move(packet), user);
  }
  if (packet && packet.get() != came) packet->ignoreDf = true;
  return packet != nullptr;
}

/// nft_do_chain() for one base chain.
bool Stack::WalkChain(Hook hook, const HookStep& step, wire::FramePtr& packet, const HookPlace& place) {
  kernel::FilterPacket what = DescribePacket(*packet, place);
  what.counted = m_backlog.flows->Counted();
  const kernel::FilterVerdict verdict = kernel::Ruleset::Walk(*step.table, *step.chain, what);
  if (what.metLimit) m_backlog.flows->Abandon();
  const bool newMark = packet->mark != what.mark;
  packet->mark = what.mark;
  if (what.untracked && packet->connectionInfo == kNotTracked) packet->connectionInfo = kUntracked;
  const Stage stage = StageOf(hook);
  const Row row{Table::Filter, verdict.rule ? verdict.rule->rowId : 0};
  const int ifindex = place.in != 0 ? place.in : place.out;
  if (verdict.kind == Target::Kind::Drop)
    return Finish(stage, Verdict::FilterDrop, std::move(packet), ifindex, row), false;
  if (verdict.kind == Target::Kind::Reject) {
    Reject(*packet, verdict.rule->target.rejectWith);
    return Finish(stage, Verdict::FilterReject, std::move(packet), ifindex, row), false;
  }
  Trace(stage, Verdict::Continue, *packet, ifindex, row);
  // ipt_mangle_out(): what decides the route has changed
  if (hook == Hook::Output && step.chain->type == kernel::ChainType::Reroute && newMark)
    return Reroute(hook, packet, place);
  return true;
}

void Stack::Reject(const wire::Frame& packet, RejectWith with) {
  const Transport t = TransportOf(packet);
  if (!t.isThere) return;
  if (with != RejectWith::TcpReset) {
    if (!packet.HasOpenChecksum() && !MayReject(t)) return;
    if (t.IsV6())
      Icmpv6Send(packet, wire::kIcmpv6DestUnreach, RejectCode6(with), 0);
    else
      IcmpSend(packet, wire::kIcmpDestUnreach, RejectCode(with), 0);
    return;
  }
  // nf_send_reset(): not about a segment cut short or damaged
  if (t.protocol == wire::kIpProtoTcp && t.bytes >= wire::kTcpHeaderBytes &&
      (packet.HasOpenChecksum() || t.ChecksumHolds(t.bytes)))
    TcpReset({packet, {const_cast<uint8_t*>(packet.Data())}, t.p, t.bytes}, 0, AnswerInfo(packet));
}

uint8_t Stack::AnswerInfo(const wire::Frame& packet) {
  if (packet.connection == 0) return kNotTracked;
  return IsReply(packet.connectionInfo) ? kRelated : kRelatedReply;
}

/// ip_route_me_harder() and ip6_route_me_harder().
bool Stack::Reroute(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  auto lost = [&] {
    Finish(StageOf(hook), Verdict::NetfilterNoRoute, std::move(packet), place.out);
    return false;
  };
  if (IsIpv6(*packet)) {
    const wire::Ipv6 ip{packet->Data()};
    const Ipv6Address destination = ip.Destination();
    RouteOut6 route = RouteOutput6({.source = ip.Source(),
                                    .destination = destination,
                                    .protocol = ip.NextHeader(),
                                    .tos = ip.TrafficClass(),
                                    .oif = destination.IsMulticast() || destination.IsLinkLocal() ? place.out : 0,
                                    .mark = packet->mark,
                                    .anySource = true});
    *place.route6 = route;
    return route.error == 0 || lost();
  }
  const wire::Ipv4 ip{packet->Data()};
  RouteOut route = RouteOutput({.source = ip.Source(),
                                .destination = ip.Destination(),
                                .protocol = ip.Protocol(),
                                .tos = ip.Tos(),
                                .mark = packet->mark,
                                .anySource = true});
  const int error = route.error;
  *place.route = std::move(route);
  return error == 0 || lost();
}

/// nf_conntrack_in().
bool Stack::TrackConnection(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  if (packet->connectionInfo != kNotTracked) return true;  // seen before (loopback), or not to be tracked
  Conntrack& table = m_ns->conntrack;
  const Nanoseconds now = engine::Now();
  const Transport t = TransportOf(*packet);
  auto invalid = [&] {
    ++table.statistics.invalid;
    Trace(Stage::Conntrack, Verdict::Continue, *packet, place.in);
    return true;
  };
  if (!t.isThere) return true;
  const bool checks =
      hook == Hook::Prerouting && table.settings.checksum && !packet->isSound && !packet->HasOpenChecksum();
  if (!IsTrackable(t, checks)) return invalid();
  if (IsNeverTracked(t)) {
    packet->connectionInfo = kUntracked;
    return true;
  }
  if (t.IsIcmpError()) {
    TrackError(*packet);
    return packet->connection != 0 ? true : invalid();
  }
  kernel::TrackedPacket what;
  const auto tuple = TupleOf(t);
  if (!tuple) return invalid();
  what.tuple = *tuple;
  if (tuple->protocol == wire::kIpProtoTcp) what.tcpFlags = t.p[13];
  while (true) {
    Conntrack::Found found = table.Find(*tuple, now);
    if (!found.connection) {
      const auto reply = kernel::InverseOf(*tuple);
      if (!reply) return invalid();
      found.connection = table.Create(*tuple, *reply, now);
      if (!found.connection) {
        Finish(Stage::Conntrack, Verdict::ConntrackFull, std::move(packet), place.in);
        return false;
      }
    }
    const uint64_t id = found.connection->id;
    const bool isNew = !found.isReply && !found.connection->seenReply;
    const bool isKnown = found.connection->confirmed;
    const auto shown = [c = found.connection] { return std::tuple(c->seenReply, c->assured, c->tcp); };
    const auto before = shown();
    const Conntrack::Judgement judgement = table.Handle(*found.connection, found.isReply, what, now);
    if (judgement == Conntrack::Judgement::Repeat) continue;
    if (judgement == Conntrack::Judgement::Invalid) {
      table.ForgetUnconfirmed(id);
      return invalid();
    }
    packet->connection = id;
    packet->connectionInfo = found.isReply ? kEstablishedReply : isNew ? kNew : kEstablished;
    if (found.isReply && !found.connection->seenReply) {
      found.connection->seenReply = true;
      found.connection->Changed();
    }
    if (m_backlog.flows->IsWatching()) m_backlog.flows->Refreshed(*found.connection, isKnown && before == shown(), now);
    return true;
  }
}

/// nf_conntrack_inet_error(): an ICMP error belongs to the connection of the packet that it quotes.
void Stack::TrackError(wire::Frame& packet) {
  const Transport t = TransportOf(packet);
  const auto quoted = TransportOf(t.p + wire::kIcmpHeaderBytes, t.bytes - wire::kIcmpHeaderBytes);
  const auto tuple = quoted && quoted->IsV6() == t.IsV6() ? TupleOf(*quoted) : std::nullopt;
  const auto inverse = tuple ? kernel::InverseOf(*tuple) : std::nullopt;
  if (!inverse) return;
  const Conntrack::Found found = m_ns->conntrack.Find(*inverse, engine::Now());
  if (!found.connection || found.connection->Of(found.isReply).destination != t.destination) return;
  packet.connection = found.connection->id;
  packet.connectionInfo = found.isReply ? kRelatedReply : kRelated;
}

/// nf_nat_inet_fn(): binds a new connection, and translates a packet of one that is translated.
bool Stack::Translate(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  Conntrack& table = m_ns->conntrack;
  Connection* connection = packet->connection != 0 ? table.Get(packet->connection) : nullptr;
  if (!connection) return true;
  const bool isSource = hook == Hook::Postrouting || hook == Hook::Input;
  const bool isReply = IsReply(packet->connectionInfo);
  auto drop = [&] {
    Finish(Stage::Translate, Verdict::NatDropped, std::move(packet), place.in != 0 ? place.in : place.out);
    return false;
  };
  if (IsRelated(packet->connectionInfo) && TransportOf(*packet).IsIcmp())
    return TranslateError(hook, *packet, *connection) || drop();
  const bool isOpen = packet->connectionInfo == kNew || IsRelated(packet->connectionInfo);
  if (isOpen && !(isSource ? connection->sourceDone : connection->destinationDone)) {
    if (!BindConnection(hook, packet, place, *connection)) return false;
  } else if (hook == Hook::Postrouting && !isReply && connection->masqueradeIfindex != 0 &&
             connection->masqueradeIfindex != place.out) {
    table.Forget(connection->id);  // nf_nat_oif_changed(): its address does not belong to this device
    return drop();
  }
  // nf_nat_packet()
  const bool applies = isSource != isReply ? connection->sourceNat : connection->destinationNat;
  if (!applies) return true;
  m_backlog.flows->Abandon();
  const auto target = kernel::InverseOf(connection->Of(!isReply));
  const std::optional<Tuple> before = TupleOf(TransportOf(*packet));
  if (!target || !Rewrite(packet->Data(), packet->Size(), *target, isSource, packet->HasOpenChecksum())) return drop();
  Trace(Stage::Translate, Verdict::Continue, *packet, place.in != 0 ? place.in : place.out);
  if (hook != Hook::Output) return true;
  packet->hash = 0;
  const Transport after = TransportOf(*packet);  // nf_nat_ipv4_local_fn(), nf_nat_ipv6_local_fn()
  const bool moved = before && (before->destination != after.destination ||
                                (!after.IsIcmp() && before->destinationPort != TupleOf(after)->destinationPort));
  return !moved || Reroute(hook, packet, place);
}

/// The chains of type nat for the first packet of a connection; without their word it keeps its addresses, and its port
/// if that is free (nf_nat_alloc_null_binding()).
bool Stack::BindConnection(Hook hook, wire::FramePtr& packet, const HookPlace& place, Connection& connection) {
  Conntrack& table = m_ns->conntrack;
  const bool isSource = hook == Hook::Postrouting || hook == Hook::Input;
  const Nanoseconds now = engine::Now();
  const auto random = [this] { return static_cast<uint16_t>(m_natPorts.Next()); };
  const int ifindex = place.in != 0 ? place.in : place.out;
  auto drop = [&](Verdict verdict, Row row) {
    Finish(StageOf(hook), verdict, std::move(packet), ifindex, row);
    return false;
  };
  const bool isV6 = connection.original.source.IsV6();
  for (const HookStep& step : m_ns->netfilter.NatChains(hook, isV6)) {
    kernel::FilterPacket what = DescribePacket(*packet, place);
    const kernel::FilterVerdict verdict = kernel::Ruleset::Walk(*step.table, *step.chain, what);
    packet->mark = what.mark;
    const Row row{Table::Filter, verdict.rule ? verdict.rule->rowId : 0};
    if (verdict.kind == Target::Kind::Drop) return drop(Verdict::FilterDrop, row);
    Trace(StageOf(hook), Verdict::Continue, *packet, ifindex, row);
    if (!verdict.rule) continue;
    kernel::NatRange range = verdict.rule->target.nat;
    switch (verdict.kind) {
      case Target::Kind::Masquerade:
        if (what.source.IsZero()) continue;
        range.low = range.high = MasqueradeAddress(place, what.destination);
        if (range.low.IsZero()) return drop(Verdict::NatDropped, row);
        connection.masqueradeIfindex = place.out;
        break;
      case Target::Kind::Redirect:
        range.low = range.high = RedirectAddress(hook, place, what.destination);
        if (range.low.IsZero()) return drop(Verdict::NatDropped, row);
        break;
      case Target::Kind::Snat:
      case Target::Kind::Dnat:
        break;
      default:
        continue;
    }
    table.Bind(connection, isSource, range, random, now);
    return true;
  }
  const IpAddress same = isSource ? connection.reply.destination : connection.reply.source;
  table.Bind(connection, isSource, {.low = same, .high = same}, random, now);
  return true;
}

/// nf_nat_masquerade_ipv4() and nf_nat_masquerade_ipv6(). Zero: the device has none.
IpAddress Stack::MasqueradeAddress(const HookPlace& place, const IpAddress& destination) const {
  if (destination.IsV6()) return m_ns->Ipv6().SelectSource(place.out, destination.V6());
  return m_ns->SelectAddress(place.out, place.gateway.IsZero() ? destination.V4() : place.gateway,
                             kernel::kScopeGlobal);
}

/// nf_nat_redirect_ipv4() and nf_nat_redirect_ipv6(). Zero: the device has none.
IpAddress Stack::RedirectAddress(Hook hook, const HookPlace& place, const IpAddress& destination) const {
  if (!destination.IsV6())
    return hook == Hook::Output ? Ipv4Address{0x7f000001} : m_ns->SelectAddress(place.in, {}, kernel::kScopeHost);
  if (hook == Hook::Output) return Ipv6Address::Loopback();
  const bool isLinkLocal = destination.V6().IsLinkLocal();
  for (const kernel::Address6& own : m_ns->Ipv6().Addresses())  // nf_nat_redirect_ipv6_usable()
    if (own.ifindex == place.in && !own.tentative && own.local.IsLinkLocal() == isLinkLocal) return own.local;
  return Ipv6Address{};
}

/// nf_nat_icmp_reply_translation() and nf_nat_icmpv6_reply_translation(): an ICMP error, and the packet that it quotes.
bool Stack::TranslateError(Hook hook, wire::Frame& packet, const Connection& connection) {
  const bool isSource = hook == Hook::Postrouting || hook == Hook::Input;
  const bool isReply = IsReply(packet.connectionInfo);
  const Transport t = TransportOf(packet);
  uint8_t* icmp = t.p;
  const uint32_t quotedHeader = t.IsV6() ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes;
  if (t.bytes < wire::kIcmpHeaderBytes + quotedHeader || !t.ChecksumHolds(t.bytes)) return false;
  const bool isRedirect = t.IsV6() ? icmp[0] == wire::kIcmpv6Redirect : icmp[0] == wire::kIcmpRedirect;
  if (isRedirect && (connection.sourceNat || connection.destinationNat)) return false;
  if (!(isSource != isReply ? connection.sourceNat : connection.destinationNat)) return true;
  const Tuple& other = connection.Of(!isReply);
  if (!Rewrite(icmp + wire::kIcmpHeaderBytes, t.bytes - wire::kIcmpHeaderBytes, other, !isSource)) return false;
  const uint64_t pseudo = t.IsV6() ? wire::PseudoHeaderSum(t.source, t.destination, wire::kIpProtoIcmpv6, t.bytes) : 0;
  wire::Put16(icmp + 2, 0);
  wire::Put16(icmp + 2, wire::ChecksumFold(wire::ChecksumAdd(icmp, t.bytes, pseudo)));
  const Tuple outer{.source = other.destination, .destination = other.source, .protocol = t.protocol};
  Rewrite(packet.Data(), packet.Size(), outer, isSource);
  Trace(Stage::Translate, Verdict::Continue, packet, 0);
  return true;
}

/// nf_conntrack_confirm().
bool Stack::ConfirmConnection(wire::FramePtr& packet, const HookPlace& place) {
  Conntrack& table = m_ns->conntrack;
  Connection* connection = packet->connection != 0 ? table.Get(packet->connection) : nullptr;
  if (!connection || connection->confirmed || IsReply(packet->connectionInfo)) return true;
  if (connection->dying) {
    table.Forget(connection->id);
    return true;
  }
  if (table.Confirm(*connection, engine::Now())) return true;
  Finish(Stage::Conntrack, Verdict::ConntrackClash, std::move(packet), place.in != 0 ? place.in : place.out);
  return false;
}

/// br_netfilter: bridged IPv4 and IPv6 meet the hooks of the IP layer, with the bridge as their device
/// (net/bridge/br_netfilter_hooks.c, br_netfilter_ipv6.c). False: the frame has ended, or waits for the rest of its
/// datagram.
bool Stack::BridgePassesHook(Hook hook, wire::FramePtr& frame, const HookPlace& place) {
  if (frame->Size() < wire::kEthernetHeaderBytes) return true;
  const uint16_t type = wire::Ethernet{frame->Data()}.Type();
  const bool isV6 = type == wire::kEtherTypeIpv6;
  if (!isV6 && type != wire::kEtherTypeIpv4) return true;
  const bool isCalled = isV6 ? m_ns->bridgeNfCallIp6tables : m_ns->bridgeNfCallIptables;
  if (!isCalled || !m_ns->netfilter.IsActive(hook, isV6)) return true;
  std::array<uint8_t, wire::kEthernetHeaderBytes> ethernet;
  std::copy_n(frame->Data(), ethernet.size(), ethernet.begin());
  frame->Pull(wire::kEthernetHeaderBytes);
  if (!WalkHook(hook, frame, place)) return false;
  std::copy(ethernet.begin(), ethernet.end(), frame->Push(wire::kEthernetHeaderBytes));
  return true;
}

}  // namespace overlaysim::host
