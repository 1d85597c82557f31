// UDP (net/ipv4/udp.c, net/ipv6/udp.c).

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/host/stack.h"
#include "models/host/wireguard.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;

namespace {

struct UdpCounters {
  Snmp inDatagrams, noPorts, inErrors, inCsumErrors, outDatagrams, ignoredMulti;
};
constexpr UdpCounters kUdp4 = {Snmp::UdpInDatagrams,  Snmp::UdpNoPorts,      Snmp::UdpInErrors,
                               Snmp::UdpInCsumErrors, Snmp::UdpOutDatagrams, Snmp::UdpIgnoredMulti};
constexpr UdpCounters kUdp6 = {Snmp::Udp6InDatagrams,  Snmp::Udp6NoPorts,      Snmp::Udp6InErrors,
                               Snmp::Udp6InCsumErrors, Snmp::Udp6OutDatagrams, Snmp::Udp6IgnoredMulti};

uint64_t PseudoHeader(const IpAddress& source, const IpAddress& destination, uint32_t length) {
  return destination.IsV6() ? wire::PseudoHeaderSum(source.V6(), destination.V6(), wire::kIpProtoUdp, length)
                            : wire::PseudoHeaderSum(source.V4(), destination.V4(), wire::kIpProtoUdp, length);
}

/// The sum of a datagram that should come to 0, or its checksum when that field is zero.
uint16_t UdpChecksum(const IpAddress& source, const IpAddress& destination, const uint8_t* udp, uint32_t length) {
  return wire::ChecksumFold(wire::ChecksumAdd(udp, length, PseudoHeader(source, destination, length)));
}

}  // namespace

int Stack::BindUdp(const IpAddress& address, uint16_t port, UdpHandler handler) {
  if (!address.IsV6() && (WireguardSocket(port) || FlanneldSocket(address.IsV4() ? address.V4() : Ipv4Address{}, port)))
    return EADDRINUSE;
  if ((!address.IsV6() && VxlanSocket(port, false)) || (!address.IsV4() && VxlanSocket(port, true))) return EADDRINUSE;
  auto& socket = m_udp[{port, address}];
  if (socket) return EADDRINUSE;
  socket = std::make_shared<UdpSocketEnd>(UdpSocketEnd{std::move(handler)});
  m_backlog.flows->Invalidate();
  return 0;
}
void Stack::CloseUdp(const IpAddress& address, uint16_t port) {
  auto socket = m_udp.find({port, address});
  if (socket == m_udp.end()) return;
  socket->second->isOpen = false;
  m_udp.erase(socket);
}

int Stack::SendUdp(const SendRequest& request, uint16_t sourcePort, uint16_t destinationPort,
                   std::span<const uint8_t> data, RepeatedUdp& repeated, uint64_t* journey) {
  FlowCache& flows = *m_backlog.flows;
  if (flows.SendUdp(*this, repeated.slot, data, request, journey)) {
    if (repeated.closedSenders != m_closedUdpSenders) m_udpSenders.insert(sourcePort);
    repeated.closedSenders = m_closedUdpSenders;
    return 0;
  }
  flows.Settle();
  repeated.closedSenders = m_closedUdpSenders;
  flows.WatchUdp(*this, repeated.slot, data);
  if (flows.IsWatching()) flows.Touch(*this);
  const int error = SendUdp(request, sourcePort, destinationPort, data, journey);
  flows.Pause();
  return error;
}

int Stack::SendUdp(const SendRequest& given, uint16_t sourcePort, uint16_t destinationPort,
                   std::span<const uint8_t> data, uint64_t* journey) {
  SendRequest request = given;
  request.protocol = wire::kIpProtoUdp;
  request.sourcePort = sourcePort;
  request.destinationPort = destinationPort;
  if (data.size() + wire::kUdpHeaderBytes > 0xffff) return EMSGSIZE;
  const bool isV6 = request.destination.IsV6();
  RouteOut out;
  RouteOut6 out6;
  if (isV6)
    out6 = RouteOutput6(request);
  else
    out = RouteOutput(request);
  if (!isV6 && out.error == ENETUNREACH) Count(Snmp::IpOutNoRoutes);
  if (const int error = isV6 ? out6.error : out.error) return error;
  const IpAddress source = isV6 ? IpAddress(out6.source) : IpAddress(out.source);
  const uint32_t length = wire::kUdpHeaderBytes + static_cast<uint32_t>(data.size());
  const wire::FramePtr buffer = wire::MakeFrame(length);  // from the pool: so much of the heap's makes malloc tidy up
  const std::span<uint8_t> datagram(buffer->Data(), length);
  wire::Put16(&datagram[0], sourcePort);
  wire::Put16(&datagram[2], destinationPort);
  wire::Put16(&datagram[4], length);
  wire::Put16(&datagram[6], 0);
  std::copy(data.begin(), data.end(), datagram.begin() + wire::kUdpHeaderBytes);
  // __ip_append_data(): a device that offloads checksums gets them open, if the datagram goes in one piece
  const kernel::Link* device = m_ns->GetLink(isV6 ? out6.answer.nextHop.ifindex : out.answer.nextHop.ifindex);
  const uint32_t mtu = isV6 ? OutputMtu(out6, request.destination.V6()) : OutputMtu(out, request.destination.V4());
  const uint32_t ipHeader = isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes;
  request.openChecksum = device && device->txChecksum && ipHeader + length <= mtu;
  if (request.openChecksum) {
    const uint64_t pseudo = PseudoHeader(source, request.destination, length);
    wire::Put16(&datagram[6], static_cast<uint16_t>(~wire::ChecksumFold(pseudo)));
  } else {
    const uint16_t checksum = UdpChecksum(source, request.destination, datagram.data(), length);
    wire::Put16(&datagram[6], checksum != 0 ? checksum : 0xffffu);
  }
  m_udpSenders.insert(sourcePort);
  request.isSound = true;
  const int error = isV6 ? SendIpv6(request, datagram, &out6, journey) : SendIpv4(request, datagram, &out, journey);
  if (error == 0) Count((isV6 ? kUdp6 : kUdp4).outDatagrams);
  return error;
}

/// The header of a tunnel's datagram over IPv4, which the message begins with from now on (udp_set_csum()).
void Stack::PushUdp(wire::Frame& message, const SendRequest& request, const RouteOut& out) {
  uint8_t* udp = message.Push(wire::kUdpHeaderBytes);
  const uint32_t length = message.Size();
  wire::Put16(udp, request.sourcePort);
  wire::Put16(udp + 2, request.destinationPort);
  wire::Put16(udp + 4, length);
  wire::Put16(udp + 6, 0);
  const kernel::Link* device = m_ns->GetLink(out.answer.nextHop.ifindex);
  if (device && device->txChecksum) {
    const uint64_t pseudo = PseudoHeader(out.source, request.destination, length);
    wire::Put16(udp + 6, static_cast<uint16_t>(~wire::ChecksumFold(pseudo)));
    message.LeaveChecksum(udp, 6);
  } else {
    const uint16_t checksum = UdpChecksum(out.source, request.destination, udp, length);
    wire::Put16(udp + 6, checksum != 0 ? checksum : 0xffffu);
  }
}

/// __udp4_lib_err(): whether an ICMP error about a datagram of ours is somebody's business. `quoted` is the datagram's
/// IPv4 header; at least eight bytes follow it.
bool Stack::UdpHasSender(const wire::Ipv4& quoted, uint32_t bytes) const {
  const wire::Udp udp{quoted.Payload()};
  const uint16_t port = udp.SourcePort();
  if (WireguardSocket(port) || FlanneldSocket(quoted.Source(), port)) return true;
  if (m_udpElsewhere || m_udpSenders.count(port) || FindUdpSocket(quoted.Source(), port)) return true;
  // vxlan_err_lookup(): one that a vxlan device of ours has sent, if the VXLAN header is quoted too
  if (bytes < quoted.HeaderBytes() + wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes) return false;
  const wire::Vxlan vxlan{udp.p + wire::kUdpHeaderBytes};
  const auto links = m_ns->Links();
  return (vxlan.FlagsWord() & wire::Vxlan::kFlagVni) &&
         std::any_of(links.begin(), links.end(), [&](const kernel::Link* link) {
           return link->kind == kernel::LinkKind::Vxlan && link->adminUp &&
                  link->vxlan.dstPort == udp.DestinationPort() &&
                  (link->vxlan.external || link->vxlan.vni == vxlan.VniWord() >> 8);
         });
}

/// __udp4_lib_lookup() and __udp6_lib_lookup(): the socket of that very address before one of any address.
std::shared_ptr<UdpSocketEnd> Stack::FindUdpSocket(const IpAddress& destination, uint16_t port) const {
  const IpAddress any = destination.IsV6() ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{});
  for (const IpAddress& bound : {destination, any, IpAddress{}})
    if (auto socket = m_udp.find({port, bound}); socket != m_udp.end()) return socket->second;
  return nullptr;
}

/// __udp4_lib_rcv() and __udp6_lib_rcv(): `offset` is where the UDP header begins.
void Stack::UdpReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset, bool toGroup) {
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  const Received message{*packet, {packet->Data()}, packet->Data() + offset, packet->Size() - offset};
  const bool isV6 = message.IsV6();
  const UdpCounters& counters = isV6 ? kUdp6 : kUdp4;
  const wire::Udp udp{packet->Data() + offset};
  const uint32_t held = message.payloadBytes;
  if (held < wire::kUdpHeaderBytes) {
    Count(counters.inErrors);
    return done(Verdict::UdpHeaderCut);
  }
  const uint32_t length = isV6 && udp.Length() == 0 ? held : udp.Length();
  if (length < wire::kUdpHeaderBytes || length > held) {
    Count(counters.inErrors);
    return done(Verdict::UdpTooShort);
  }
  packet->Trim(offset + length);
  const IpAddress source = message.Source(), destination = message.Destination();
  const bool hasChecksum = udp.Checksum() != 0;
  const bool rightChecksum = !hasChecksum || packet->isSound ||
                             packet->HasOpenChecksum() ||  // not damaged: it has not left this host
                             UdpChecksum(source, destination, udp.p, length) == 0;
  auto checksumError = [&](Verdict verdict) {
    Count(counters.inCsumErrors);
    Count(counters.inErrors);
    done(verdict);
  };
  const kernel::Link* vxlan = VxlanSocket(udp.DestinationPort(), isV6);
  const std::shared_ptr<UdpSocketEnd> socket = vxlan ? nullptr : FindUdpSocket(destination, udp.DestinationPort());
  // RFC 8200: over IPv6 a datagram has a checksum, unless the socket does without (udp_get_no_check6_rx()).
  if (isV6 && !hasChecksum && !(vxlan && vxlan->vxlan.udp6ZeroCsumRx))
    return checksumError(vxlan || socket ? Verdict::UdpChecksum : Verdict::UdpNoSocket);
  if (vxlan) {
    if (!rightChecksum) return checksumError(Verdict::UdpChecksum);
    Count(counters.inDatagrams);
    return vxlan->kind == kernel::LinkKind::Geneve ? GeneveReceive(link, std::move(packet), offset)
                                                   : VxlanReceive(link, std::move(packet), offset);
  }
  const kernel::Link* wireguard = isV6 ? nullptr : WireguardSocket(udp.DestinationPort());
  const kernel::Link* flanneld = isV6 ? nullptr : FlanneldSocket(destination.V4(), udp.DestinationPort());
  if (wireguard || flanneld) {
    if (!rightChecksum) return checksumError(Verdict::UdpChecksum);
    Count(counters.inDatagrams);
    if (wireguard) return Wireguard(wireguard->ifindex).Receive(link.ifindex, std::move(packet), offset);
    return FlanneldReceive(*m_ns->GetLink(flanneld->ifindex), std::move(packet), offset);
  }
  if (m_ns->hasIpsec && !isV6 && !socket && rightChecksum && CharonReceive(link, packet, offset)) return;
  if (!socket) {
    if (!rightChecksum) return checksumError(Verdict::UdpChecksum);
    if (m_udpElsewhere && m_udpElsewhere({*packet, message.ip, udp.p, length})) {
      Count(counters.inDatagrams);
      return done(Verdict::Delivered);
    }
    if (toGroup) {  // __udp4_lib_mcast_deliver()
      Count(counters.ignoredMulti);
      return done(Verdict::UdpGroupIgnored);
    }
    Count(counters.noPorts);
    if (isV6)
      Icmpv6Send(*packet, wire::kIcmpv6DestUnreach, wire::kIcmpv6PortUnreach, 0);
    else
      IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpPortUnreach, 0);
    return done(Verdict::UdpNoSocket);
  }
  if (!rightChecksum) return checksumError(Verdict::UdpChecksum);
  Count(counters.inDatagrams);
  const UdpDatagram datagram{source,
                             destination,
                             udp.SourcePort(),
                             udp.DestinationPort(),
                             udp.p + wire::kUdpHeaderBytes,
                             length - wire::kUdpHeaderBytes,
                             message.Ttl(),
                             message.Tos(),
                             packet->journey,
                             packet->flow,
                             packet->cause};
  Trace(Stage::LocalDeliver, Verdict::Delivered, *packet, link.ifindex);
  CountEnd(Verdict::Delivered);
  FlowCache& flows = *m_backlog.flows;
  if (flows.IsWatching()) flows.DeliveredUdp(*this, socket, datagram, *packet);
  flows.Pause();
  socket->handler(datagram);
  flows.Resume();
}

/// udplite_rcv(): a checksum is a must and covers what the length field says; nothing here has a socket of it.
void Stack::UdpLiteReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset) {
  const Received message{*packet, {packet->Data()}, packet->Data() + offset, packet->Size() - offset};
  auto fail = [&](Snmp counter, Verdict verdict) {
    Count(counter);
    Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex);
  };
  const uint32_t held = message.payloadBytes;
  if (held < wire::kUdpHeaderBytes) return fail(Snmp::UdpLiteInErrors, Verdict::UdpHeaderCut);
  const wire::Udp udp{packet->Data() + offset};
  if (udp.Length() > held) return fail(Snmp::UdpLiteInErrors, Verdict::UdpTooShort);
  const uint32_t coverage = udp.Length() == 0 ? held : udp.Length();
  const uint64_t pseudo =
      wire::PseudoHeaderSum(message.ip.Source(), message.ip.Destination(), wire::kIpProtoUdpLite, held);
  if (udp.Checksum() == 0 || coverage < wire::kUdpHeaderBytes ||
      wire::ChecksumFold(wire::ChecksumAdd(udp.p, coverage, pseudo)) != 0) {
    Count(Snmp::UdpLiteInErrors);
    return fail(Snmp::UdpLiteInCsumErrors, Verdict::UdpChecksum);
  }
  IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpPortUnreach, 0);
  fail(Snmp::UdpLiteNoPorts, Verdict::UdpNoSocket);
}

}  // namespace overlaysim::host
