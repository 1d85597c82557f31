// UDP (net/ipv4/udp.c), and TCP as far as it is ours: whoever speaks it, a segment that nobody takes is answered with
// RST.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;

int Stack::BindUdp(Ipv4Address address, uint16_t port, UdpHandler handler) {
  if (VxlanIsSocket(port)) return EADDRINUSE;
  const bool isNew = m_udp.try_emplace({port, address.value}, std::move(handler)).second;
  return isNew ? 0 : EADDRINUSE;
}
void Stack::CloseUdp(Ipv4Address address, uint16_t port) { m_udp.erase({port, address.value}); }

int Stack::SendUdp(const SendRequest& given, uint16_t sourcePort, uint16_t destinationPort,
                   std::span<const uint8_t> data, uint64_t* journey) {
  SendRequest request = given;
  request.protocol = wire::kIpProtoUdp;
  request.sourcePort = sourcePort;
  request.destinationPort = destinationPort;
  if (data.size() + wire::kUdpHeaderBytes > 0xffff) return EMSGSIZE;
  const RouteOut out = RouteOutput(request);
  if (out.error != 0) {
    if (out.error == ENETUNREACH) Count(Snmp::IpOutNoRoutes);
    return out.error;
  }
  std::vector<uint8_t> datagram(wire::kUdpHeaderBytes + data.size());
  const uint32_t length = static_cast<uint32_t>(datagram.size());
  wire::Put16(&datagram[0], sourcePort);
  wire::Put16(&datagram[2], destinationPort);
  wire::Put16(&datagram[4], length);
  std::copy(data.begin(), data.end(), datagram.begin() + wire::kUdpHeaderBytes);
  const uint64_t pseudo = wire::PseudoHeaderSum(out.source, request.destination, wire::kIpProtoUdp, length);
  // __ip_append_data(): a device that offloads checksums gets them open, if the datagram goes in one piece
  const kernel::Link* device = m_ns->GetLink(out.answer.nextHop.ifindex);
  request.openChecksum = device && device->txChecksum &&
                         wire::kIpv4HeaderBytes + length <= OutputMtu(out, request.destination);
  if (request.openChecksum) {
    wire::Put16(&datagram[6], static_cast<uint16_t>(~wire::ChecksumFold(pseudo)));
  } else {
    const uint16_t checksum = wire::ChecksumFold(wire::ChecksumAdd(datagram.data(), datagram.size(), pseudo));
    wire::Put16(&datagram[6], checksum != 0 ? checksum : 0xffffu);
  }
  m_udpSenders.insert(sourcePort);
  const int error = SendIpv4(request, datagram, &out, journey);
  if (error == 0) Count(Snmp::UdpOutDatagrams);
  return error;
}

/// __udp4_lib_err(): whether an ICMP error about a datagram of ours is somebody's business. `quoted` is the datagram's
/// IPv4 header; at least eight bytes follow it.
bool Stack::UdpHasSender(const wire::Ipv4& quoted, uint32_t bytes) const {
  const wire::Udp udp{quoted.Payload()};
  const uint16_t port = udp.SourcePort();
  if (m_udpElsewhere || m_udpSenders.count(port) || m_udp.count({port, quoted.Source().value}) || m_udp.count({port, 0}))
    return true;
  // vxlan_err_lookup(): one that a vxlan device of ours has sent, if the VXLAN header is quoted too
  if (bytes < quoted.HeaderBytes() + wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes) return false;
  const wire::Vxlan vxlan{udp.p + wire::kUdpHeaderBytes};
  const auto links = m_ns->Links();
  return (vxlan.FlagsWord() & wire::Vxlan::kFlagVni) &&
         std::any_of(links.begin(), links.end(), [&](const kernel::Link* link) {
           return link->kind == kernel::LinkKind::Vxlan && link->adminUp &&
                  link->vxlan.dstPort == udp.DestinationPort() && link->vxlan.vni == vxlan.VniWord() >> 8;
         });
}

/// __udp4_lib_rcv().
void Stack::UdpReceive(kernel::Link& link, wire::FramePtr packet, bool broadcast) {
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  const wire::Ipv4 ip{packet->Data()};
  const uint32_t offset = ip.HeaderBytes();
  const uint32_t held = packet->Size() - offset;
  const wire::Udp udp{packet->Data() + offset};
  if (held < wire::kUdpHeaderBytes) {
    Count(Snmp::UdpInErrors);
    return done(Verdict::UdpHeaderCut);
  }
  if (udp.Length() < wire::kUdpHeaderBytes || udp.Length() > held) {
    Count(Snmp::UdpInErrors);
    return done(Verdict::UdpTooShort);
  }
  packet->Trim(offset + udp.Length());
  const uint32_t length = udp.Length();
  const bool rightChecksum =
      udp.Checksum() == 0 || packet->HasOpenChecksum() ||  // what has not left this host cannot be damaged
      wire::ChecksumFold(wire::ChecksumAdd(
          udp.p, length, wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoUdp, length))) == 0;
  auto checksumError = [&] {
    Count(Snmp::UdpInCsumErrors);
    Count(Snmp::UdpInErrors);
    done(Verdict::UdpChecksum);
  };
  if (VxlanIsSocket(udp.DestinationPort())) {
    if (!rightChecksum) return checksumError();
    return VxlanReceive(link, std::move(packet), offset);
  }
  auto socket = m_udp.find({udp.DestinationPort(), ip.Destination().value});
  if (socket == m_udp.end()) socket = m_udp.find({udp.DestinationPort(), 0});
  if (socket == m_udp.end()) {
    if (!rightChecksum) return checksumError();
    if (m_udpElsewhere && m_udpElsewhere({*packet, ip, udp.p, length})) {
      Count(Snmp::UdpInDatagrams);
      return done(Verdict::Delivered);
    }
    if (broadcast) {  // __udp4_lib_mcast_deliver()
      Count(Snmp::UdpIgnoredMulti);
      return done(Verdict::UdpGroupIgnored);
    }
    Count(Snmp::UdpNoPorts);
    IcmpSend(*packet, wire::kIcmpDestUnreach, wire::kIcmpPortUnreach, 0);
    return done(Verdict::UdpNoSocket);
  }
  if (!rightChecksum) return checksumError();
  Count(Snmp::UdpInDatagrams);
  const UdpDatagram datagram{ip.Source(),
                             ip.Destination(),
                             udp.SourcePort(),
                             udp.DestinationPort(),
                             udp.p + wire::kUdpHeaderBytes,
                             length - wire::kUdpHeaderBytes,
                             ip.Ttl(),
                             ip.Tos(),
                             packet->journey,
                             packet->flow};
  const UdpHandler handler = socket->second;  // a copy: the handler may close the socket
  Trace(Stage::LocalDeliver, Verdict::Delivered, *packet, link.ifindex);
  ++m_network.verdicts[static_cast<size_t>(Verdict::Delivered)];
  handler(datagram);
}

/// tcp_v4_rcv() up to the socket.
void Stack::TcpReceive(kernel::Link& link, wire::FramePtr packet) {
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  const wire::Ipv4 ip{packet->Data()};
  const Received segment{*packet, ip, ip.Payload(), packet->Size() - ip.HeaderBytes()};
  Count(Snmp::TcpInSegs);
  if (segment.payloadBytes < wire::kTcpHeaderBytes || (segment.payload[12] >> 4) * 4u < wire::kTcpHeaderBytes ||
      (segment.payload[12] >> 4) * 4u > segment.payloadBytes) {
    Count(Snmp::TcpInErrs);
    return done(Verdict::TcpTooShort);
  }
  if (wire::ChecksumFold(wire::ChecksumAdd(
          segment.payload, segment.payloadBytes,
          wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoTcp, segment.payloadBytes))) != 0) {
    Count(Snmp::TcpInCsumErrors);
    Count(Snmp::TcpInErrs);
    return done(Verdict::TcpChecksum);
  }
  if (m_tcp && m_tcp(segment)) return done(Verdict::Delivered);
  TcpReset(*packet, ip.Tos());
  done(Verdict::TcpNoSocket);
}

/// tcp_v4_send_reset() and ip_send_unicast_reply(); nf_send_reset() of a router does the same in the receiver's name.
void Stack::TcpReset(const wire::Frame& packet, uint8_t tos, uint8_t connectionInfo) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const uint8_t* tcp = ip.Payload();
  const uint32_t bytes = packet.Size() - ip.HeaderBytes();
  constexpr uint8_t kFin = 1, kSyn = 2, kRst = 4, kAck = 16;
  const uint8_t flags = tcp[13];
  if (flags & kRst) return;
  const uint32_t dataOffset = (tcp[12] >> 4) * 4u;
  uint8_t reset[wire::kTcpHeaderBytes] = {};
  wire::Put16(reset, wire::Get16(tcp + 2));
  wire::Put16(reset + 2, wire::Get16(tcp));
  reset[12] = 5 << 4;
  reset[13] = kRst;
  if (flags & kAck) {
    wire::Put32(reset + 4, wire::Get32(tcp + 8));
  } else {
    reset[13] |= kAck;
    wire::Put32(reset + 8, wire::Get32(tcp + 4) + (flags & kSyn ? 1 : 0) + (flags & kFin ? 1 : 0) + bytes - dataOffset);
  }
  const uint64_t pseudo =
      wire::PseudoHeaderSum(ip.Destination(), ip.Source(), wire::kIpProtoTcp, wire::kTcpHeaderBytes);
  wire::Put16(reset + 16, wire::ChecksumFold(wire::ChecksumAdd(reset, sizeof reset, pseudo)));
  SendRequest request{.source = ip.Destination(),
                      .destination = ip.Source(),
                      .protocol = wire::kIpProtoTcp,
                      .tos = tos,
                      .sourcePort = wire::Get16(reset),
                      .destinationPort = wire::Get16(reset + 2),
                      .pmtu = SendRequest::Pmtu::Do,
                      .cause = packet.journey,
                      .flow = packet.flow,
                      .connection = connectionInfo != 0 ? packet.connection : 0,
                      .connectionInfo = connectionInfo,
                      .anySource = true};
  Count(Snmp::TcpOutRsts);
  Count(Snmp::TcpOutSegs);
  SendIpv4(request, reset);
}

}  // namespace overlaysim::host
