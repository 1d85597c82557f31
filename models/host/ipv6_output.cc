// IPv6 packets on their way out (net/ipv6/ip6_output.c, route.c).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"

namespace overlaysim::host {

using kernel::Hook;
using kernel::RouteType;
using kernel::Snmp;
using kernel::Table;

uint32_t Stack::MultipathHashOf6(const wire::Frame& packet) const {
  wire::FlowKeys6 keys;
  if (!wire::DissectIpv6(packet.Data(), packet.Size(), keys)) return 0;
  const wire::Ipv6Upper upper = wire::FindIpv6Upper(packet.Data(), packet.Size());
  // ip6_multipath_l3_keys(): an error goes the way of the packet that it quotes
  if (upper.protocol == wire::kIpProtoIcmpv6 && upper.offset != 0 && !upper.laterFragment &&
      packet.Size() >= upper.offset + wire::kIcmpHeaderBytes + wire::kIpv6HeaderBytes &&
      packet.Data()[upper.offset] < wire::kIcmpv6Echo) {
    wire::FlowKeys6 quoted;
    const uint32_t at = upper.offset + wire::kIcmpHeaderBytes;
    if (wire::DissectIpv6(packet.Data() + at, packet.Size() - at, quoted)) {
      keys = quoted;
      std::swap(keys.source, keys.destination);
    }
  }
  return wire::MultipathHash(keys, m_ns->Ipv6().fibMultipathHashPolicy == 1, m_network.seed);
}

/// What struct flowi6 says of a request: of ICMPv6 type and code stand in sourcePort.
wire::FlowKeys6 Stack::FlowOf(const SendRequest& request, const Ipv6Address& source) const {
  return {source, request.destination.V6(), request.protocol, request.sourcePort, request.destinationPort};
}

/// ip6_dst_lookup_flow().
Stack::RouteOut6 Stack::RouteOutput6(const SendRequest& request) {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  RouteOut6 out;
  const Ipv6Address destination = request.destination.V6();
  out.source = request.source.V6();
  if (!out.source.IsZero() && !request.anySource && !tables.IsLocalAddress(out.source) &&
      !tables.IsAnycastAddress(out.source)) {
    out.error = EINVAL;
    return out;
  }
  out.answer = tables.Lookup({.dst = destination,
                              .src = out.source,
                              .oif = request.oif,
                              .tos = request.tos,
                              .mark = request.mark,
                              .flowHash = wire::MultipathHash(FlowOf(request, out.source),
                                                              tables.fibMultipathHashPolicy == 1, m_network.seed)});
  if (out.answer.error != 0) {
    if (out.answer.error == ENETUNREACH) Count(Snmp::Ip6OutNoRoutes);
    out.error = out.answer.error;
    return out;
  }
  out.toLocal = out.answer.route.type == RouteType::Local || out.answer.route.type == RouteType::Anycast;
  if (out.source.IsZero()) out.source = tables.SourceFor(out.answer, destination);
  if (out.toLocal) out.answer.nextHop = {{}, 1, 1, false};  // by loopback
  return out;
}

uint32_t Stack::OutputMtu(const RouteOut6& out, const Ipv6Address& destination) const {
  return Ipv6PathMtu(out.answer, destination);
}

/// ip6_mtu(): what was learnt, else the route's, else the device's.
uint32_t Stack::Ipv6PathMtu(const kernel::Route6Answer& answer, const Ipv6Address& destination) const {
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  if (answer.nextHop.ifindex == 1) return m_ns->GetLink(1)->mtu;
  const uint32_t learnt = tables.LearntPmtu(destination, engine::Now());
  if (learnt != 0) return learnt;
  return answer.route.mtu != 0 ? answer.route.mtu : tables.Mtu(answer.nextHop.ifindex);
}

Stack::PathOut Stack::FindPath(const SendRequest& request) {
  if (request.destination.IsV6()) {
    const RouteOut6 out = RouteOutput6(request);
    return {out.error, out.source, out.error == 0 ? OutputMtu(out, request.destination.V6()) : 0};
  }
  const RouteOut out = RouteOutput(request);
  return {out.error, out.source, out.error == 0 ? OutputMtu(out, request.destination.V4()) : 0, out.broadcast};
}

/// ip6_append_data() and ip6_push_pending_frames(): the datagram, in pieces if it is larger than the path takes.
int Stack::SendIpv6(const SendRequest& request, std::span<const uint8_t> payload, const RouteOut6* routed,
                    uint64_t* journey) {
  Backlog::Guard guard(m_backlog);
  RouteOut6 own;
  if (!routed) {
    own = RouteOutput6(request);
    if (own.error != 0) return own.error;
    routed = &own;
  }
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  const Ipv6Address destination = request.destination.V6();
  const int ifindex = routed->answer.nextHop.ifindex;
  const uint32_t total = wire::kIpv6HeaderBytes + static_cast<uint32_t>(payload.size());
  if (payload.size() > 0xffff) return EMSGSIZE;
  if (request.pmtu == SendRequest::Pmtu::Do && total > OutputMtu(*routed, destination)) return EMSGSIZE;
  wire::FramePtr packet = wire::MakeFrame(total);
  packet->flow = request.flow;
  StartJourney(*packet, request.cause);
  packet->mark = request.mark;
  packet->connection = request.connection;
  packet->connectionInfo = request.connectionInfo;
  packet->hash = request.socketHash;
  packet->ignoreDf = request.pmtu != SendRequest::Pmtu::Do;  // ip6_sk_ignore_df()
  uint32_t label = 0;
  if (request.autoFlowLabel && tables.autoFlowlabels != 0) {  // ip6_make_flowlabel()
    if (packet->hash == 0) packet->hash = wire::FlowHashOfSender(FlowOf(request, routed->source), m_network.seed);
    label = wire::FlowLabelOf(packet->hash, tables.flowlabelStateRanges);
  }
  packet->socketHash = packet->hash != 0;
  // A socket's hop limit is for unicast (IPV6_UNICAST_HOPS); IPV6_MULTICAST_HOPS is 1.
  const uint8_t hopLimit = destination.IsMulticast() ? uint8_t{1}
                           : request.ttl != 0        ? request.ttl
                                                     : static_cast<uint8_t>(tables.GetConf(ifindex).hopLimit);
  wire::WriteIpv6(packet->Data(), {.trafficClass = request.tos,
                                   .flowLabel = label,
                                   .payloadBytes = static_cast<uint16_t>(payload.size()),
                                   .nextHeader = request.protocol,
                                   .hopLimit = hopLimit,
                                   .source = routed->source,
                                   .destination = destination});
  if (!payload.empty()) std::memcpy(packet->Data() + wire::kIpv6HeaderBytes, payload.data(), payload.size());
  constexpr uint32_t kUdpChecksumOffset = 6;
  if (request.openChecksum) packet->LeaveChecksum(packet->Data() + wire::kIpv6HeaderBytes, kUdpChecksumOffset);
  if (journey) *journey = packet->journey;
  Trace(Stage::Send, Verdict::Continue, *packet, 0);
  Trace(Stage::RouteOutput, Verdict::Continue, *packet, ifindex, {Table::Route6, routed->answer.route.rowId});
  Count(Snmp::Ip6OutRequests);
  if (destination.IsMulticast() && !routed->toLocal && tables.IsMember(ifindex, destination)) {
    // dev_loopback_xmit(): what a socket sends to a group that its host has joined comes back
    wire::FramePtr copy = Copy(*packet);
    copy->protocol = wire::kEtherTypeIpv6;
    copy->type = wire::PacketType::Host;
    copy->iif = ifindex;
    After({}, [this, ifindex, looped = std::move(copy)]() mutable {
      if (kernel::Link* link = m_ns->GetLink(ifindex)) Ipv6Receive(*link, std::move(looped));
    });
  }
  return Ipv6LocalOut(std::move(packet), *routed);
}

int Stack::SendPacket(wire::FramePtr packet, const RouteOut6& routed) {
  Backlog::Guard guard(m_backlog);
  StartJourney(*packet, packet->cause);
  const kernel::Ipv6Tables& tables = m_ns->Ipv6();
  uint8_t* ip = packet->Data();
  ip[7] = static_cast<uint8_t>(tables.GetConf(routed.answer.nextHop.ifindex).hopLimit);
  if (tables.autoFlowlabels != 0) {
    constexpr uint32_t kLabelMask = 0xfffff;
    wire::Put32(ip, (wire::Get32(ip) & ~kLabelMask) | wire::FlowLabelOf(packet->hash, tables.flowlabelStateRanges));
  }
  Trace(Stage::Send, Verdict::Continue, *packet, 0);
  Trace(Stage::RouteOutput, Verdict::Continue, *packet, routed.answer.nextHop.ifindex,
        {Table::Route6, routed.answer.route.rowId});
  Count(Snmp::Ip6OutRequests);
  return Ipv6LocalOut(std::move(packet), routed);
}

/// __ip6_local_out(): the OUTPUT chain, then out. Answers a positive errno when the packet is lost at once.
int Stack::Ipv6LocalOut(wire::FramePtr packet, const RouteOut6& out) {
  packet->protocol = wire::kEtherTypeIpv6;
  const RouteOut6* route = &out;
  RouteOut6 changed;
  if (m_ns->netfilter.IsActive(Hook::Output, true)) {
    changed = out;
    route = &changed;
    const HookPlace place{.out = out.answer.nextHop.ifindex, .route6 = &changed};
    if (!WalkHook(Hook::Output, packet, place)) return changed.error != 0 ? changed.error : EPERM;
  }
  const Ipv6Address destination = wire::Ipv6{packet->Data()}.Destination();
  const uint32_t mtu = OutputMtu(*route, destination);
  return Ipv6Output(std::move(packet), route->answer, mtu);
}

/// ip6_output() and ip6_finish_output(): POSTROUTING, then whole or in fragments to the neighbour.
int Stack::Ipv6Output(wire::FramePtr packet, const kernel::Route6Answer& answer, uint32_t mtu) {
  const int ifindex = answer.nextHop.ifindex;
  if (!m_ns->Ipv6().IsEnabled(ifindex)) {
    Count(Snmp::Ip6OutDiscards);
    Finish(Stage::NeighbourLookup, Verdict::Ipv6Disabled, std::move(packet), ifindex);
    return 0;
  }
  if (!PassesHook6(Hook::Postrouting, packet, {.in = packet->iif, .out = ifindex})) return EPERM;
  if (packet->Size() <= mtu && (packet->maxFragment == 0 || packet->Size() <= packet->maxFragment))
    return Ipv6FinishOutput(std::move(packet), answer);
  // ip6_fragment(): only what this host's own sockets have sent, and no larger than it came
  if ((!packet->ignoreDf && packet->Size() > mtu) || packet->maxFragment > mtu) {
    Icmpv6Send(*packet, wire::kIcmpv6PacketTooBig, 0, mtu);
    Count(Snmp::Ip6FragFails);
    Finish(Stage::Fragment, Verdict::FragNeeded, std::move(packet), ifindex);
    return EMSGSIZE;
  }
  if (packet->maxFragment != 0) mtu = std::max<uint32_t>(packet->maxFragment, wire::kIpv6LeastMtu);
  return Ipv6Fragment(std::move(packet), mtu,
                      [&](wire::FramePtr piece) { return Ipv6FinishOutput(std::move(piece), answer); });
}

/// ip6_finish_output2(): to the next hop's link address.
int Stack::Ipv6FinishOutput(wire::FramePtr packet, const kernel::Route6Answer& answer) {
  kernel::Link* link = m_ns->GetLink(answer.nextHop.ifindex);
  if (!link) {
    Finish(Stage::NeighbourLookup, Verdict::DeviceGone, std::move(packet));
    return ENETDOWN;
  }
  const Ipv6Address destination = wire::Ipv6{packet->Data()}.Destination();
  Count(Snmp::Ip6OutTransmits);
  Count(Snmp::Ip6OutOctets, packet->Size());
  if (destination.IsMulticast()) {
    Count(Snmp::Ip6OutMcastPkts);
    Count(Snmp::Ip6OutMcastOctets, packet->Size());
  }
  const Ipv6Address& gateway = answer.nextHop.gateway;
  return NeighbourOutput(*link, gateway.IsZero() ? destination : gateway, std::move(packet));
}

}  // namespace overlaysim::host
