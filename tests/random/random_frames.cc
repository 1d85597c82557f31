#include "tests/random/random_frames.h"

#include <algorithm>
#include <cstring>

#include "models/wire/checksum.h"
#include "models/wire/headers.h"

namespace overlaysim::random {
namespace {

constexpr int kMostTunnels = 3;  ///< frames inside frames

void Append(Bytes& to, const Bytes& more) { to.insert(to.end(), more.begin(), more.end()); }

/// An IPv4 header that fits what follows it in the frame.
void RefreshIpv4(Bytes& frame) {
  if (frame.size() < wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes) return;
  wire::Put16(&frame[wire::kEthernetHeaderBytes + 2], static_cast<uint32_t>(frame.size() - wire::kEthernetHeaderBytes));
  wire::Ipv4 ip{&frame[wire::kEthernetHeaderBytes]};
  if (ip.HeaderBytes() == wire::kIpv4HeaderBytes) ip.FillChecksum();
}

}  // namespace

MacAddress FrameMaker::Mac() {
  if (m_draw.OneIn(12)) return MacAddress::Broadcast();
  if (m_draw.OneIn(20)) return MacAddress::FromUint64(0x01005e000000 | m_draw.Below(1 << 23));
  if (m_draw.OneIn(20)) return MacAddress{};
  if (m_draw.OneIn(15)) return MacAddress::FromUint64(0x020000000000 | m_draw.Word());
  return m_draw.Of(m_around.devices).mac;
}

Ipv4Address FrameMaker::Address() {
  if (m_draw.OneIn(25))
    return Ipv4Address{m_draw.Of({0u, 0xffffffffu, 0x7f000001u, 0xe0000001u, 0xe00000fbu, 0xf0000001u, 0x0a0000ffu})};
  if (m_draw.OneIn(10)) return Ipv4Address{m_draw.Of(m_around.addresses).value ^ m_draw.Byte()};
  if (m_draw.OneIn(30)) return Ipv4Address{static_cast<uint32_t>(m_draw.Below(uint64_t{1} << 32))};
  return m_draw.Of(m_around.addresses);
}

Bytes FrameMaker::Noise(size_t size) {
  Bytes bytes(size);
  for (uint8_t& b : bytes) b = m_draw.Byte();
  return bytes;
}

Bytes FrameMaker::WithEthernet(uint16_t type, const Bytes& payload) {
  Bytes frame(wire::kEthernetHeaderBytes);
  const MacAddress to = Mac();
  wire::Ethernet{frame.data()}.Write(to, Mac(), type);
  Append(frame, payload);
  return frame;
}

/// A transport header with its payload; for UDP to a VXLAN port, a frame in it.
Bytes FrameMaker::Transport(uint8_t protocol, Ipv4Address from, Ipv4Address to, int depth) {
  const size_t data = m_draw.OneIn(4) ? m_draw.Between(0, 4000) : m_draw.Between(0, 100);
  Bytes out;
  switch (protocol) {
    case wire::kIpProtoIcmp:
      out = Noise(wire::kIcmpHeaderBytes);
      out[0] = m_draw.OneIn(3) ? m_draw.Byte() % 20 : wire::kIcmpEcho;
      out[1] = m_draw.OneIn(3) ? m_draw.Byte() % 16 : uint8_t{0};
      if (out[0] == wire::kIcmpDestUnreach || out[0] == wire::kIcmpTimeExceeded)
        Append(out, depth < kMostTunnels ? Ipv4Packet(depth + 1) : Noise(data));
      else
        Append(out, Noise(data));
      wire::Put16(&out[2], 0);
      wire::Put16(&out[2], wire::Checksum(out.data(), out.size()));
      return out;
    case wire::kIpProtoUdp: {
      const bool isTunnel = !m_around.vxlanPorts.empty() && depth < kMostTunnels && !m_draw.OneIn(3);
      out.resize(wire::kUdpHeaderBytes);
      wire::Put16(&out[0], m_draw.Word());
      wire::Put16(&out[2], isTunnel ? m_draw.Of(m_around.vxlanPorts) : m_draw.Word());
      if (isTunnel) {
        Bytes vxlan(wire::kVxlanHeaderBytes);
        wire::Vxlan{vxlan.data()}.Write(m_draw.OneIn(8) ? m_draw.Word() : m_draw.Of(m_around.vnis));
        if (m_draw.OneIn(10)) vxlan[m_draw.Below(vxlan.size())] ^= static_cast<uint8_t>(1 << m_draw.Below(8));
        Append(out, vxlan);
        Append(out, Whole(depth + 1));
      } else {
        Append(out, Noise(data));
      }
      const uint32_t length = static_cast<uint32_t>(out.size());
      wire::Put16(&out[4], length);
      if (!m_draw.OneIn(3))
        wire::Put16(&out[6], wire::ChecksumFold(wire::ChecksumAdd(out.data(), length,
                                                                  wire::PseudoHeaderSum(from, to, protocol, length))));
      return out;
    }
    case wire::kIpProtoTcp: {
      out = Noise(wire::kTcpHeaderBytes + data % 60);
      out[12] = static_cast<uint8_t>((m_draw.OneIn(5) ? m_draw.Below(16) : 5) << 4);
      wire::Put16(&out[16], 0);
      const uint32_t length = static_cast<uint32_t>(out.size());
      wire::Put16(&out[16], wire::ChecksumFold(wire::ChecksumAdd(out.data(), length,
                                                                 wire::PseudoHeaderSum(from, to, protocol, length))));
      return out;
    }
    default:
      return Noise(data);
  }
}

Bytes FrameMaker::Ipv4Packet(int depth) {
  static const std::vector<uint8_t> kProtocols = {wire::kIpProtoIcmp, wire::kIpProtoUdp, wire::kIpProtoUdp,
                                                  wire::kIpProtoUdp, wire::kIpProtoTcp};
  const uint8_t protocol = m_draw.OneIn(15) ? m_draw.Byte() : m_draw.Of(kProtocols);
  const Ipv4Address from = Address(), to = Address();
  const Bytes payload = Transport(protocol, from, to, depth);
  const uint32_t options = m_draw.OneIn(15) ? static_cast<uint32_t>(4 * m_draw.Between(1, 10)) : 0;
  Bytes packet(wire::kIpv4HeaderBytes + options);
  wire::WriteIpv4(packet.data(), {.tos = m_draw.OneIn(2) ? uint8_t{0} : m_draw.Byte(),
                                  .totalBytes = static_cast<uint16_t>(packet.size() + payload.size()),
                                  .identification = static_cast<uint16_t>(m_draw.Below(8)),
                                  .fragmentField = m_draw.OneIn(3) ? wire::kIpDf : uint16_t{0},
                                  .ttl = m_draw.OneIn(6) ? static_cast<uint8_t>(m_draw.Below(4)) : uint8_t{64},
                                  .protocol = protocol,
                                  .source = from,
                                  .destination = to});
  if (options > 0) {
    for (size_t i = wire::kIpv4HeaderBytes; i < packet.size(); ++i) packet[i] = m_draw.Byte();
    packet[0] = static_cast<uint8_t>(4 << 4 | packet.size() / 4);
    wire::Put16(&packet[10], 0);
    wire::Put16(&packet[10], wire::Checksum(packet.data(), packet.size()));
  }
  Append(packet, payload);
  return packet;
}

Bytes FrameMaker::Arp() {
  Bytes arp(wire::kArpBytes);
  const uint16_t operation = m_draw.OneIn(10) ? m_draw.Byte() : static_cast<uint16_t>(m_draw.Between(1, 2));
  const MacAddress sender = Mac(), target = m_draw.OneIn(2) ? MacAddress{} : Mac();
  const Ipv4Address from = m_draw.OneIn(8) ? Ipv4Address{} : Address(), to = m_draw.OneIn(6) ? from : Address();
  wire::Arp{arp.data()}.Write(operation, sender, from, target, to);
  Append(arp, Noise(m_draw.OneIn(2) ? 18 : 0));
  return WithEthernet(wire::kEtherTypeArp, arp);
}

Bytes FrameMaker::Ipv6() {
  Bytes packet = Noise(wire::kIpv6HeaderBytes + m_draw.Below(120));
  packet[0] = 6 << 4;
  wire::Put16(&packet[4], static_cast<uint32_t>(packet.size() - wire::kIpv6HeaderBytes));
  static const std::vector<uint8_t> kNext = {0, 6, 17, 43, 44, 58, 58, 58, 60};
  packet[6] = m_draw.Of(kNext);
  for (size_t at : {8, 24}) {  // link-local or to a group
    packet[at] = m_draw.OneIn(2) ? 0xfe : 0xff;
    packet[at + 1] = packet[at] == 0xfe ? 0x80 : 0x02;
    std::fill_n(packet.begin() + static_cast<ptrdiff_t>(at) + 2, 6, uint8_t{0});
  }
  return WithEthernet(0x86dd, packet);
}

/// A frame that a kernel has sent, between devices of this network.
Bytes FrameMaker::Sample() {
  Bytes frame = m_draw.Of(m_samples);
  const MacAddress to = Mac();
  wire::Ethernet ethernet{frame.data()};
  ethernet.Write(to, Mac(), ethernet.Type());
  if (ethernet.Type() == wire::kEtherTypeIpv4 && !m_draw.OneIn(3)) {
    wire::PutIpv4(&frame[26], Address());
    wire::PutIpv4(&frame[30], Address());
    RefreshIpv4(frame);
  }
  return frame;
}

Bytes FrameMaker::Whole(int depth) {
  switch (m_draw.Below(12)) {
    case 0:
    case 1:
      return Arp();
    case 2:
      return Ipv6();
    case 3:
    case 4:
      return Sample();
    case 5:
      return WithEthernet(m_draw.OneIn(2) ? uint16_t{0x8100} : m_draw.Word(), Noise(m_draw.Below(200)));
    default:
      return WithEthernet(wire::kEtherTypeIpv4, Ipv4Packet(depth));
  }
}

std::vector<Bytes> FrameMaker::Fragments(const Bytes& frame) {
  const uint32_t headers = wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes;
  std::vector<Bytes> pieces;
  const size_t payload = frame.size() - headers;
  for (size_t at = 0; at < payload;) {
    const size_t bytes = std::min(payload - at, static_cast<size_t>(8 * m_draw.Between(1, 150)));
    Bytes piece(frame.begin(), frame.begin() + headers);
    piece.insert(piece.end(), frame.begin() + static_cast<ptrdiff_t>(headers + at),
                 frame.begin() + static_cast<ptrdiff_t>(headers + at + bytes));
    const bool more = at + bytes < payload;
    wire::Put16(&piece[wire::kEthernetHeaderBytes + 6], (more ? wire::kIpMf : 0u) | static_cast<uint32_t>(at / 8));
    RefreshIpv4(piece);
    pieces.push_back(std::move(piece));
    // sometimes the next one begins too early, or too late
    at += bytes;
    if (more && m_draw.OneIn(25)) at -= std::min<size_t>(at, 8);
    if (more && m_draw.OneIn(25)) at += 8;
  }
  for (size_t i = pieces.size(); i > 1; --i)
    if (m_draw.OneIn(2)) std::swap(pieces[i - 1], pieces[m_draw.Below(i)]);
  if (m_draw.OneIn(4) && !pieces.empty())
    pieces.erase(pieces.begin() + static_cast<ptrdiff_t>(m_draw.Below(pieces.size())));
  if (m_draw.OneIn(5) && !pieces.empty()) pieces.push_back(m_draw.Of(std::vector<Bytes>(pieces)));
  return pieces;
}

/// Some bits, the length, a field: anything that a broken sender or an attacker may do.
void FrameMaker::Damage(Bytes& frame) {
  for (uint64_t n = m_draw.Between(1, 3); n > 0 && !frame.empty(); --n) {
    const size_t ipv4 = wire::kEthernetHeaderBytes;
    switch (m_draw.Below(6)) {
      case 0:
        frame.resize(m_draw.Below(frame.size() + 1));
        break;
      case 1:
        Append(frame, Noise(m_draw.Below(64)));
        break;
      case 2:
        frame[m_draw.Below(frame.size())] ^= static_cast<uint8_t>(1 << m_draw.Below(8));
        break;
      case 3:
        frame[m_draw.Below(std::min<size_t>(frame.size(), 64))] = m_draw.Byte();
        break;
      case 4:  // a field of the IPv4 header, with a checksum that is right
        if (frame.size() >= ipv4 + wire::kIpv4HeaderBytes) {
          frame[ipv4 + m_draw.Below(wire::kIpv4HeaderBytes)] = m_draw.Byte();
          const size_t header = std::min<size_t>((frame[ipv4] & 15u) * 4u, frame.size() - ipv4);
          wire::Put16(&frame[ipv4 + 10], 0);
          if (header >= wire::kIpv4HeaderBytes) wire::Put16(&frame[ipv4 + 10], wire::Checksum(&frame[ipv4], header));
        }
        break;
      default:  // a length in the middle
        if (frame.size() >= 40) wire::Put16(&frame[38], m_draw.Word());
    }
  }
}

std::vector<Bytes> FrameMaker::Make() {
  Bytes frame = m_draw.OneIn(40) ? Noise(m_draw.Below(80)) : Whole(0);
  const bool isPlainIpv4 = frame.size() > wire::kEthernetHeaderBytes + wire::kIpv4HeaderBytes &&
                           wire::Get16(&frame[12]) == wire::kEtherTypeIpv4 && frame[14] == 0x45;
  if (isPlainIpv4 && m_draw.OneIn(4)) return Fragments(frame);
  if (m_draw.OneIn(3)) Damage(frame);
  if (frame.size() < wire::kEthernetHeaderBytes) frame.resize(wire::kEthernetHeaderBytes);  // AF_PACKET sends no less
  return {frame};
}

}  // namespace overlaysim::random
