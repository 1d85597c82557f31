// TCP as far as it is ours: whoever speaks it, a segment that nobody takes is answered with RST (net/ipv4/tcp_ipv4.c,
// net/ipv6/tcp_ipv6.c).

#include "models/host/stack.h"
#include "models/wire/checksum.h"

namespace overlaysim::host {

using kernel::Snmp;

/// tcp_v4_rcv() and tcp_v6_rcv() up to the socket: `offset` is where the TCP header begins.
void Stack::TcpReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset) {
  auto done = [&](Verdict verdict) { Finish(Stage::LocalDeliver, verdict, std::move(packet), link.ifindex); };
  const Received segment{*packet, {packet->Data()}, packet->Data() + offset, packet->Size() - offset};
  Count(Snmp::TcpInSegs);
  if (segment.payloadBytes < wire::kTcpHeaderBytes || (segment.payload[12] >> 4) * 4u < wire::kTcpHeaderBytes ||
      (segment.payload[12] >> 4) * 4u > segment.payloadBytes) {
    Count(Snmp::TcpInErrs);
    return done(Verdict::TcpTooShort);
  }
  const uint64_t pseudo =
      wire::PseudoHeaderSum(segment.Source(), segment.Destination(), wire::kIpProtoTcp, segment.payloadBytes);
  if (wire::ChecksumFold(wire::ChecksumAdd(segment.payload, segment.payloadBytes, pseudo)) != 0) {
    Count(Snmp::TcpInCsumErrors);
    Count(Snmp::TcpInErrs);
    return done(Verdict::TcpChecksum);
  }
  FlowCache& flows = *m_backlog.flows;
  flows.Pause();
  const bool isTaken = m_tcp && m_tcp(segment);
  flows.Resume();
  if (isTaken) {
    if (flows.IsWatching()) flows.DeliveredTcp(*this, *packet);
    return done(Verdict::Delivered);
  }
  constexpr uint8_t kEcnMask = 3;
  TcpReset(segment, static_cast<uint8_t>(segment.IsV6() ? segment.Tos() & ~kEcnMask : segment.Tos()));
  done(Verdict::TcpNoSocket);
}

/// tcp_v4_send_reset() and ip_send_unicast_reply(); nf_send_reset() and nf_send_reset6() of a router do the same in the
/// receiver's name.
void Stack::TcpReset(const Received& segment, uint8_t tos, uint8_t connectionInfo) {
  const uint8_t* tcp = segment.payload;
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
    wire::Put32(reset + 8, wire::Get32(tcp + 4) + (flags & kSyn ? 1 : 0) + (flags & kFin ? 1 : 0) +
                               segment.payloadBytes - dataOffset);
  }
  const uint64_t pseudo =
      wire::PseudoHeaderSum(segment.Destination(), segment.Source(), wire::kIpProtoTcp, wire::kTcpHeaderBytes);
  wire::Put16(reset + 16, wire::ChecksumFold(wire::ChecksumAdd(reset, sizeof reset, pseudo)));
  SendRequest request{.source = segment.Destination(),
                      .destination = segment.Source(),
                      .protocol = wire::kIpProtoTcp,
                      .tos = tos,
                      .sourcePort = wire::Get16(reset),
                      .destinationPort = wire::Get16(reset + 2),
                      .pmtu = SendRequest::Pmtu::Do,
                      .cause = segment.frame.journey,
                      .flow = segment.frame.flow,
                      .connection = connectionInfo != 0 ? segment.frame.connection : 0,
                      .connectionInfo = connectionInfo,
                      .anySource = true};
  Count(Snmp::TcpOutRsts);
  Count(Snmp::TcpOutSegs);
  if (segment.IsV6())
    SendIpv6(request, reset);
  else
    SendIpv4(request, reset);
}

}  // namespace overlaysim::host
