// Netfilter's hooks of the IPv4 path: chains, connection tracking and NAT in the order of their priorities
// (net/netfilter/core.c, nf_conntrack_core.c, nf_nat_core.c, nf_nat_proto.c, nf_nat_masquerade.c).

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

/// The tuple of an IPv4 packet of which `bytes` are there; nullopt: it has none.
std::optional<Tuple> TupleOf(const uint8_t* packet, uint32_t bytes) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet)};
  if (bytes < wire::kIpv4HeaderBytes || ip.Version() != 4 || ip.HeaderBytes() < wire::kIpv4HeaderBytes ||
      bytes < ip.HeaderBytes() || ip.OffsetBytes() != 0)
    return std::nullopt;
  Tuple tuple{.source = ip.Source(), .destination = ip.Destination(), .protocol = ip.Protocol()};
  const uint8_t* payload = ip.Payload();
  const uint32_t payloadBytes = bytes - ip.HeaderBytes();
  if (HasPorts(tuple.protocol)) {
    if (payloadBytes < 4) return std::nullopt;
    tuple.sourcePort = wire::Get16(payload);
    tuple.destinationPort = wire::Get16(payload + 2);
  } else if (tuple.protocol == wire::kIpProtoIcmp) {
    if (payloadBytes < wire::kIcmpHeaderBytes) return std::nullopt;
    tuple.sourcePort = wire::Get16(payload + 4);
    tuple.destinationPort = wire::Get16(payload);
  }
  return tuple;
}

bool TransportChecksumHolds(const wire::Ipv4& ip, uint32_t bytes) {
  return wire::ChecksumFold(wire::ChecksumAdd(
             ip.Payload(), bytes, wire::PseudoHeaderSum(ip.Source(), ip.Destination(), ip.Protocol(), bytes))) == 0;
}

/// What nf_conntrack_in() refuses to look at: packets cut short, and on arrival those with a wrong checksum.
bool IsTrackable(const wire::Ipv4& ip, uint32_t bytes, bool checks) {
  const uint8_t* payload = ip.Payload();
  switch (ip.Protocol()) {
    case wire::kIpProtoIcmp:
      return bytes >= wire::kIcmpHeaderBytes && (!checks || wire::Checksum(payload, bytes) == 0) &&
             payload[0] <= kLastIcmpType;
    case wire::kIpProtoUdp: {
      if (bytes < wire::kUdpHeaderBytes) return false;
      const wire::Udp udp{const_cast<uint8_t*>(payload)};
      if (udp.Length() > bytes || udp.Length() < wire::kUdpHeaderBytes) return false;
      return !checks || udp.Checksum() == 0 || TransportChecksumHolds(ip, udp.Length());
    }
    case wire::kIpProtoTcp: {
      if (bytes < wire::kTcpHeaderBytes) return false;
      const uint32_t header = (payload[12] >> 4) * 4u;
      return header >= wire::kTcpHeaderBytes && header <= bytes && (!checks || TransportChecksumHolds(ip, bytes));
    }
    default:
      return true;
  }
}

/// A checksum after an address under it changed.
uint16_t Updated(uint16_t checksum, Ipv4Address before, Ipv4Address after) {
  checksum = wire::ChecksumUpdate(checksum, static_cast<uint16_t>(before.value >> 16),
                                  static_cast<uint16_t>(after.value >> 16));
  return wire::ChecksumUpdate(checksum, static_cast<uint16_t>(before.value), static_cast<uint16_t>(after.value));
}

/// nf_nat_ipv4_manip_pkt(): the source or destination of the packet becomes the tuple's. False: too short.
/// `openChecksum`: the transport checksum is the pseudo header's sum, for the network card to complete.
bool Rewrite(uint8_t* packet, uint32_t bytes, const Tuple& tuple, bool isSource, bool openChecksum = false) {
  const wire::Ipv4 ip{packet};
  const uint32_t header = ip.HeaderBytes();
  const Ipv4Address before = isSource ? ip.Source() : ip.Destination();
  const Ipv4Address after = isSource ? tuple.source : tuple.destination;
  uint8_t* transport = packet + header;
  const uint32_t left = bytes - header;
  auto replacePort = [&](uint32_t checksumAt, bool mayBeZero) {
    uint8_t* portAt = transport + (isSource ? 0 : 2);
    const uint16_t oldPort = wire::Get16(portAt);
    const uint16_t newPort = isSource ? tuple.sourcePort : tuple.destinationPort;
    wire::Put16(portAt, newPort);
    if (left < checksumAt + 2) return;
    uint16_t checksum = wire::Get16(transport + checksumAt);
    if (openChecksum) {
      const auto inverted = static_cast<uint16_t>(~checksum);
      return wire::Put16(transport + checksumAt, static_cast<uint16_t>(~Updated(inverted, before, after)));
    }
    if (mayBeZero && checksum == 0) return;
    checksum = wire::ChecksumUpdate(Updated(checksum, before, after), oldPort, newPort);
    wire::Put16(transport + checksumAt, mayBeZero && checksum == 0 ? 0xffff : checksum);
  };
  switch (ip.Protocol()) {
    case wire::kIpProtoTcp:
      if (left < 8) return false;
      replacePort(16, false);
      break;
    case wire::kIpProtoUdp:
      if (left < wire::kUdpHeaderBytes) return false;
      replacePort(6, true);
      break;
    case wire::kIpProtoIcmp:
      if (left < wire::kIcmpHeaderBytes) return false;
      if (IsIcmpQuery(transport[0])) {
        const uint16_t oldId = wire::Get16(transport + 4);
        wire::Put16(transport + 2, wire::ChecksumUpdate(wire::Get16(transport + 2), oldId, tuple.sourcePort));
        wire::Put16(transport + 4, tuple.sourcePort);
      }
      break;
    default:
      break;
  }
  wire::Put16(packet + 10, Updated(wire::Get16(packet + 10), before, after));
  wire::Put32(packet + (isSource ? 12 : 16), after.value);
  return true;
}

/// nf_reject_verify_csum() and nf_ip_checksum(): about a packet that arrived damaged nothing is said.
bool MayReject(const wire::Ipv4& ip, uint32_t bytes) {
  switch (ip.Protocol()) {
    case wire::kIpProtoUdp:
      return bytes >= wire::kUdpHeaderBytes &&
             (wire::Udp{ip.Payload()}.Checksum() == 0 || TransportChecksumHolds(ip, bytes));
    case wire::kIpProtoTcp:
      return TransportChecksumHolds(ip, bytes);
    case 33:   // DCCP
    case 47:   // GRE
    case 50:   // ESP
    case 51:   // AH
    case 132:  // SCTP
    case 136:  // UDP-Lite
      return true;
    default:
      return wire::Checksum(ip.Payload(), bytes) == 0;
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

}  // namespace

kernel::FilterPacket Stack::DescribePacket(const wire::Frame& packet, const HookPlace& place) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const kernel::Link* in = m_ns->GetLink(place.in);
  const kernel::Link* out = m_ns->GetLink(place.out);
  kernel::FilterPacket what{
      .ns = m_ns.get(), .source = ip.Source(), .destination = ip.Destination(), .protocol = ip.Protocol()};
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
  const uint8_t* payload = ip.Payload();
  const uint32_t payloadBytes = packet.Size() - std::min(packet.Size(), ip.HeaderBytes());
  if (ip.OffsetBytes() == 0) {
    if (HasPorts(what.protocol) && payloadBytes >= 4) {
      what.hasPorts = true;
      what.sourcePort = wire::Get16(payload);
      what.destinationPort = wire::Get16(payload + 2);
      if (what.protocol == wire::kIpProtoTcp && payloadBytes > 13) what.tcpFlags = payload[13];
    }
    if (what.protocol == wire::kIpProtoIcmp && payloadBytes >= 2) {
      what.hasIcmp = true;
      what.icmpType = payload[0];
      what.icmpCode = payload[1];
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
  for (const HookStep& step : m_ns->netfilter.Steps(hook)) {
    bool passes = true;
    switch (step.kind) {
      case HookStep::Kind::Defragment:
        if (wire::Ipv4{packet->Data()}.IsFragment()) {
          packet =
              Reassemble(std::move(packet), hook == Hook::Output ? ReassemblyUser::TrackOut : ReassemblyUser::TrackIn);
          if (packet) packet->ignoreDf = true;
          passes = packet != nullptr;
        }
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
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  if (ip.OffsetBytes() != 0) return;
  const uint32_t bytes = packet.Size() - ip.HeaderBytes();
  if (with != RejectWith::TcpReset) {
    if (packet.HasOpenChecksum() || MayReject(ip, bytes)) IcmpSend(packet, wire::kIcmpDestUnreach, RejectCode(with), 0);
    return;
  }
  // nf_send_reset(): not about a segment cut short or damaged
  if (ip.Protocol() == wire::kIpProtoTcp && bytes >= wire::kTcpHeaderBytes &&
      (packet.HasOpenChecksum() || TransportChecksumHolds(ip, bytes)))
    TcpReset({packet, ip, ip.Payload(), bytes}, 0, AnswerInfo(packet));
}

uint8_t Stack::AnswerInfo(const wire::Frame& packet) {
  if (packet.connection == 0) return kNotTracked;
  return IsReply(packet.connectionInfo) ? kRelated : kRelatedReply;
}

/// ip_route_me_harder().
bool Stack::Reroute(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  const wire::Ipv4 ip{packet->Data()};
  RouteOut route = RouteOutput({.source = ip.Source(),
                                .destination = ip.Destination(),
                                .protocol = ip.Protocol(),
                                .tos = ip.Tos(),
                                .mark = packet->mark,
                                .anySource = true});
  const int error = route.error;
  *place.route = std::move(route);
  if (error == 0) return true;
  Finish(StageOf(hook), Verdict::NetfilterNoRoute, std::move(packet), place.out);
  return false;
}

/// nf_conntrack_in().
bool Stack::TrackConnection(Hook hook, wire::FramePtr& packet, const HookPlace& place) {
  if (packet->connectionInfo != kNotTracked) return true;  // seen before (loopback), or not to be tracked
  Conntrack& table = m_ns->conntrack;
  const Nanoseconds now = engine::Now();
  const wire::Ipv4 ip{packet->Data()};
  const uint32_t bytes = packet->Size() - ip.HeaderBytes();
  auto invalid = [&] {
    ++table.statistics.invalid;
    Trace(Stage::Conntrack, Verdict::Continue, *packet, place.in);
    return true;
  };
  if (ip.OffsetBytes() != 0) return true;
  const bool checks =
      hook == Hook::Prerouting && table.settings.checksum && !packet->isSound && !packet->HasOpenChecksum();
  if (!IsTrackable(ip, bytes, checks)) return invalid();
  if (ip.Protocol() == wire::kIpProtoIcmp && IsIcmpErrorType(ip.Payload()[0])) {
    TrackError(*packet);
    return packet->connection != 0 ? true : invalid();
  }
  kernel::TrackedPacket what;
  const auto tuple = TupleOf(packet->Data(), packet->Size());
  if (!tuple) return invalid();
  what.tuple = *tuple;
  if (tuple->protocol == wire::kIpProtoTcp) what.tcpFlags = ip.Payload()[13];
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
  const wire::Ipv4 ip{packet.Data()};
  const uint32_t header = ip.HeaderBytes() + wire::kIcmpHeaderBytes;
  const auto quoted = TupleOf(packet.Data() + header, packet.Size() - header);
  const auto inverse = quoted ? kernel::InverseOf(*quoted) : std::nullopt;
  if (!inverse) return;
  const Conntrack::Found found = m_ns->conntrack.Find(*inverse, engine::Now());
  if (!found.connection || found.connection->Of(found.isReply).destination != ip.Destination()) return;
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
  if (IsRelated(packet->connectionInfo) && wire::Ipv4{packet->Data()}.Protocol() == wire::kIpProtoIcmp)
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
  const wire::Ipv4 ip{packet->Data()};
  const Ipv4Address destination = ip.Destination();
  const uint16_t port = wire::Get16(ip.Payload() + 2);
  if (!target || !Rewrite(packet->Data(), packet->Size(), *target, isSource, packet->HasOpenChecksum())) return drop();
  Trace(Stage::Translate, Verdict::Continue, *packet, place.in != 0 ? place.in : place.out);
  if (hook != Hook::Output) return true;
  packet->hash = 0;
  const bool moved =
      destination != ip.Destination() || (ip.Protocol() != wire::kIpProtoIcmp && port != wire::Get16(ip.Payload() + 2));
  return !moved || Reroute(hook, packet, place);  // nf_nat_ipv4_local_fn()
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
  for (const HookStep& step : m_ns->netfilter.NatChains(hook)) {
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
        range.low = range.high = m_ns->SelectAddress(
            place.out, place.gateway.IsZero() ? what.destination : place.gateway, kernel::kScopeGlobal);
        if (range.low.IsZero()) return drop(Verdict::NatDropped, row);
        connection.masqueradeIfindex = place.out;
        break;
      case Target::Kind::Redirect:
        range.low = range.high =
            hook == Hook::Output ? Ipv4Address{0x7f000001} : m_ns->SelectAddress(place.in, {}, kernel::kScopeHost);
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
  const Ipv4Address same = isSource ? connection.reply.destination : connection.reply.source;
  table.Bind(connection, isSource, {.low = same, .high = same}, random, now);
  return true;
}

/// nf_nat_icmp_reply_translation(): an ICMP error, and the packet that it quotes.
bool Stack::TranslateError(Hook hook, wire::Frame& packet, const Connection& connection) {
  const bool isSource = hook == Hook::Postrouting || hook == Hook::Input;
  const bool isReply = IsReply(packet.connectionInfo);
  const wire::Ipv4 ip{packet.Data()};
  uint8_t* icmp = ip.Payload();
  const uint32_t bytes = packet.Size() - ip.HeaderBytes();
  if (bytes < wire::kIcmpHeaderBytes + wire::kIpv4HeaderBytes || wire::Checksum(icmp, bytes) != 0) return false;
  if (icmp[0] == wire::kIcmpRedirect && (connection.sourceNat || connection.destinationNat)) return false;
  if (!(isSource != isReply ? connection.sourceNat : connection.destinationNat)) return true;
  const Tuple& other = connection.Of(!isReply);
  if (!Rewrite(icmp + wire::kIcmpHeaderBytes, bytes - wire::kIcmpHeaderBytes, other, !isSource)) return false;
  wire::Put16(icmp + 2, 0);
  wire::Put16(icmp + 2, wire::Checksum(icmp, bytes));
  const Tuple outer{.source = other.destination, .destination = other.source, .protocol = wire::kIpProtoIcmp};
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

/// br_netfilter: bridged IPv4 meets the hooks of the IP layer, with the bridge as its device
/// (net/bridge/br_netfilter_hooks.c). False: the frame has ended, or waits for the rest of its datagram.
bool Stack::BridgePassesHook(Hook hook, wire::FramePtr& frame, const HookPlace& place) {
  if (!m_ns->bridgeNfCallIptables || !m_ns->netfilter.IsActive(hook)) return true;
  if (frame->Size() < wire::kEthernetHeaderBytes || wire::Ethernet{frame->Data()}.Type() != wire::kEtherTypeIpv4)
    return true;
  std::array<uint8_t, wire::kEthernetHeaderBytes> ethernet;
  std::copy_n(frame->Data(), ethernet.size(), ethernet.begin());
  frame->Pull(wire::kEthernetHeaderBytes);
  if (!WalkHook(hook, frame, place)) return false;
  std::copy(ethernet.begin(), ethernet.end(), frame->Push(wire::kEthernetHeaderBytes));
  return true;
}

}  // namespace overlaysim::host
