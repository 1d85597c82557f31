// IPv4 packets on their way out (net/ipv4/ip_output.c, route.c).

#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/wire/checksum.h"
#include "models/wire/flow_hash.h"

namespace overlaysim::host {

using kernel::Hook;
using kernel::RouteType;
using kernel::Snmp;
using kernel::Table;

namespace {

constexpr uint32_t kUdpChecksumOffset = 6;

}  // namespace

uint32_t Stack::MultipathHashOf(const wire::Frame& packet) const {
  wire::FlowKeys keys;
  if (!wire::DissectIpv4(packet.Data(), packet.Size(), keys)) return 0;
  return wire::MultipathHash(keys, m_ns->fibMultipathHashPolicy == 1, m_network.seed);
}

/// fib_result_prefsrc(): the route's, else an address of the device that suits the gateway.
Ipv4Address Stack::PreferredSource(const kernel::RouteAnswer& answer) const {
  if (!answer.route.prefSrc.IsZero()) return answer.route.prefSrc;
  return m_ns->SelectAddress(answer.nextHop.ifindex, answer.nextHop.gateway, answer.route.scope);
}

/// ip_route_output_key().
Stack::RouteOut Stack::RouteOutput(const SendRequest& request) {
  RouteOut out;
  const Ipv4Address source = request.source.V4(), destination = request.destination.V4();
  out.source = source;
  if (!source.IsZero() && !request.anySource && (source.IsMulticast() || !m_ns->IsLocalAddress(source))) {
    out.error = EINVAL;
    return out;
  }
  kernel::RouteQuery query{.dst = destination,
                           .src = source,
                           .oif = request.oif,
                           .tos = static_cast<uint8_t>(request.tos & 0x1c),
                           .mark = request.mark};
  query.flowHash = wire::MultipathHash(
      wire::FlowKeys{source, destination, request.protocol, request.sourcePort, request.destinationPort},
      m_ns->fibMultipathHashPolicy == 1, m_network.seed);
  if (destination.IsLimitedBroadcast() && request.oif != 0) {
    out.broadcast = true;
    out.answer.route.type = RouteType::Broadcast;
    out.answer.error = 0;
    out.answer.nextHop.ifindex = request.oif;
  } else {
    out.answer = m_ns->Lookup(query);
  }
  if (const kernel::Link* device = m_ns->GetLink(request.oif); device && out.answer.error != 0 && device->adminUp) {
    // No route leads there by the device that is asked for: then the destination is taken to be on its link.
    out.answer = {.error = 0};
    out.answer.route.scope = kernel::kScopeLink;
    out.answer.nextHop.ifindex = request.oif;
  }
  if (out.answer.error != 0) {
    out.error = out.answer.error;
    return out;
  }
  const kernel::Route& route = out.answer.route;
  out.broadcast |= route.type == RouteType::Broadcast;
  out.toLocal = route.type == RouteType::Local;
  if (out.source.IsZero()) {
    if (out.toLocal && route.prefSrc.IsZero())
      out.source = destination;
    else
      out.source = PreferredSource(out.answer);
  }
  if (m_ns->hasIpsec && !out.toLocal && !out.broadcast) {  // ip_route_output_flow()
    out.error = ApplyPolicy(out.source, destination, request.tos, request.mark, out);
    if (out.ipsec || out.error != 0) return out;
  }
  if (!out.toLocal && !out.broadcast)
    if (const auto it = m_redirects.find(destination.value);
        it != m_redirects.end() && engine::Now() < it->second.expires) {
      out.answer.nextHop.gateway = it->second.gateway;
      m_backlog.flows->Abandon();
    }
  if (out.toLocal) out.answer.nextHop = {{}, 1, 1, false};  // by loopback
  return out;
}

/// ipv4_mtu(): what was learnt, else the route's, else the device's.
uint32_t Stack::OutputMtu(const RouteOut& out, Ipv4Address destination) const {
  const kernel::Link* link = m_ns->GetLink(out.answer.nextHop.ifindex);
  uint32_t mtu = link ? link->mtu : 1500;
  if (out.answer.route.mtu != 0) mtu = std::min(mtu, out.answer.route.mtu);
  const uint32_t learnt = m_ns->LearntPmtu(destination, engine::Now());
  if (learnt != 0) m_backlog.flows->Abandon();
  return learnt != 0 && learnt < mtu ? learnt : mtu;
}

/// __ip_select_ident(): a counter per destination and protocol, as the kernel's hashed ones, that starts at a random
/// number and never gives 0.
uint16_t Stack::NewIdentification(Ipv4Address destination, uint8_t protocol) {
  const uint64_t key = uint64_t{destination.value} << 8 | protocol;
  auto [it, isNew] = m_identifications.try_emplace(key, uint16_t{0});
  if (isNew) it->second = static_cast<uint16_t>(RandomStream(m_network.seed, "ip-id/" + m_ns->Name(), key).Next());
  if (++it->second == 0) ++it->second;
  if (m_backlog.flows->IsWatching()) m_backlog.flows->Identified(it->second);
  return it->second;
}

int Stack::SendIpv4(const SendRequest& request, std::span<const uint8_t> payload, const RouteOut* routed,
                    uint64_t* journey) {
  Backlog::Guard guard(m_backlog);
  RouteOut own;
  if (!routed) {
    own = RouteOutput(request);
    if (own.error != 0) return own.error;
    routed = &own;
  }
  return Ipv4Append(request, *routed, payload, journey);
}

/// ip_append_data() and ip_push_pending_frames(): the datagram, in pieces if it is larger than the path takes.
int Stack::Ipv4Append(const SendRequest& request, const RouteOut& out, std::span<const uint8_t> payload,
                      uint64_t* journey) {
  const kernel::Link* link = m_ns->GetLink(out.answer.nextHop.ifindex);
  const Ipv4Address destination = request.destination.V4();
  const uint32_t pathMtu = OutputMtu(out, destination);
  const uint32_t header = wire::kIpv4HeaderBytes + static_cast<uint32_t>(request.options.size());
  const uint32_t total = header + static_cast<uint32_t>(payload.size());
  if (total > 0xffff) return EMSGSIZE;
  if (request.pmtu == SendRequest::Pmtu::Do && total > pathMtu) return EMSGSIZE;
  const bool df =
      request.pmtu == SendRequest::Pmtu::Do || (request.pmtu == SendRequest::Pmtu::Want && total <= pathMtu);
  wire::FramePtr packet = wire::MakeFrame(total);
  packet->flow = request.flow;
  StartJourney(*packet, request.cause);
  packet->mark = request.mark;
  packet->hash = request.socketHash;
  packet->socketHash = request.socketHash != 0;
  packet->connection = request.connection;
  packet->connectionInfo = request.connectionInfo;
  packet->ignoreDf = request.pmtu != SendRequest::Pmtu::Do;  // ip_sk_ignore_df()
  packet->isSound = request.isSound;
  const uint16_t id =
      df && !packet->ignoreDf && !request.connected ? uint16_t{0} : NewIdentification(destination, request.protocol);
  wire::WriteIpv4(packet->Data(), {.tos = request.tos,
                                   .totalBytes = static_cast<uint16_t>(total),
                                   .identification = id,
                                   .fragmentField = df ? wire::kIpDf : uint16_t{0},
                                   .ttl = request.ttl != 0 ? request.ttl : m_ns->defaultTtl,
                                   .protocol = request.protocol,
                                   .source = out.source,
                                   .destination = destination});
  if (!request.options.empty()) {
    packet->Data()[0] = static_cast<uint8_t>(4 << 4 | header / 4);
    std::memcpy(packet->Data() + wire::kIpv4HeaderBytes, request.options.data(), request.options.size());
    wire::Ipv4{packet->Data()}.FillChecksum();
  }
  if (!payload.empty()) std::memcpy(packet->Data() + header, payload.data(), payload.size());
  if (request.openChecksum) packet->LeaveChecksum(packet->Data() + header, kUdpChecksumOffset);
  if (journey) *journey = packet->journey;
  Trace(Stage::Send, Verdict::Continue, *packet, 0);
  Trace(Stage::RouteOutput, Verdict::Continue, *packet, link ? link->ifindex : 0,
        {Table::Route, out.answer.route.rowId});
  Count(Snmp::IpOutRequests);
  const int error = Ipv4LocalOut(std::move(packet), out);
  if (error != 0) Count(Snmp::IpOutDiscards);  // ip_send_skb()
  return error;
}

int Stack::SendPacket(wire::FramePtr packet, const RouteOut& routed) {
  packet->protocol = wire::kEtherTypeIpv4;
  packet->isSound = true;
  if (m_backlog.flows->Send(*this, packet)) return 0;
  Backlog::Guard guard(m_backlog);
  if (m_backlog.flows->IsWatching()) {
    m_backlog.flows->Touch(*this);
    if (m_ns->peers)  // was asked before: how long does the answer hold?
      m_ns->Lookup({.dst = wire::Ipv4{packet->Data()}.Destination(), .src = wire::Ipv4{packet->Data()}.Source()});
  }
  StartJourney(*packet, packet->cause);
  Trace(Stage::Send, Verdict::Continue, *packet, 0);
  Trace(Stage::RouteOutput, Verdict::Continue, *packet, routed.answer.nextHop.ifindex,
        {Table::Route, routed.answer.route.rowId});
  Count(Snmp::IpOutRequests);
  const int error = Ipv4LocalOut(std::move(packet), routed);
  m_backlog.flows->Pause();
  return error;
}

/// __ip_local_out(): the OUTPUT chain, then out.
int Stack::Ipv4LocalOut(wire::FramePtr packet, const RouteOut& out) {
  packet->protocol = wire::kEtherTypeIpv4;
  const RouteOut* route = &out;
  RouteOut changed;
  if (m_ns->netfilter.IsActive(Hook::Output)) {
    changed = out;
    route = &changed;
    const HookPlace place{.out = out.answer.nextHop.ifindex, .route = &changed};
    if (!WalkHook(Hook::Output, packet, place)) return changed.error != 0 ? changed.error : EPERM;
  }
  if (route->ipsec) return IpsecOutput(std::move(packet), *route);
  const uint32_t mtu = OutputMtu(*route, wire::Ipv4{packet->Data()}.Destination());
  wire::FramePtr own = route->broadcast ? Copy(*packet) : nullptr;
  const int error = Ipv4Output(std::move(packet), route->answer, mtu);
  if (kernel::Link* link = own ? m_ns->GetLink(route->answer.nextHop.ifindex) : nullptr) {
    // ip_mc_output(): the host hears its own broadcasts, past all taps
    own->type = wire::PacketType::Broadcast;
    own->iif = link->ifindex;
    Count(Snmp::IpInReceives);
    Count(Snmp::IpExtInBcastPkts);
    Ipv4Deliver(*link, std::move(own), true);
  }
  return error;
}

/// ip_output() and ip_fragment(): POSTROUTING, then whole or in fragments to the neighbour.
int Stack::Ipv4Output(wire::FramePtr packet, const kernel::RouteAnswer& answer, uint32_t mtu) {
  if (!PassesHook(Hook::Postrouting, packet,
                  {.in = packet->iif, .out = answer.nextHop.ifindex, .gateway = answer.nextHop.gateway}))
    return EPERM;
  if (packet->Size() <= mtu && packet->maxFragment == 0) return Ipv4FinishOutput(std::move(packet), answer);
  const wire::Ipv4 ip{packet->Data()};
  if (ip.DontFragment() && (!packet->ignoreDf || packet->maxFragment > mtu)) {
    Count(Snmp::IpFragFails);
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpFragNeeded, mtu);
    Finish(Stage::Fragment, Verdict::FragNeeded, std::move(packet), answer.nextHop.ifindex);
    return EMSGSIZE;
  }
  if (packet->Size() <= mtu && packet->Size() <= packet->maxFragment)
    return Ipv4FinishOutput(std::move(packet), answer);
  return Fragment(std::move(packet), mtu,
                  [&](wire::FramePtr piece) { return Ipv4FinishOutput(std::move(piece), answer); });
}

/// ip_finish_output2(): to the next hop's link address.
int Stack::Ipv4FinishOutput(wire::FramePtr packet, const kernel::RouteAnswer& answer) {
  kernel::Link* link = m_ns->GetLink(answer.nextHop.ifindex);
  if (!link) {
    Finish(Stage::NeighbourLookup, Verdict::DeviceGone, std::move(packet));
    return ENETDOWN;
  }
  Count(Snmp::IpOutTransmits);
  if (wire::Ipv4{packet->Data()}.Destination().IsMulticast())
    Count(Snmp::IpExtOutMcastPkts);
  else if (answer.route.type == RouteType::Broadcast)
    Count(Snmp::IpExtOutBcastPkts);
  const Ipv4Address nextHop =
      answer.nextHop.gateway.IsZero() ? wire::Ipv4{packet->Data()}.Destination() : answer.nextHop.gateway;
  return NeighbourOutput(*link, nextHop, std::move(packet));
}

}  // namespace overlaysim::host
