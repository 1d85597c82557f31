#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "models/wire/checksum.h"
#include "sim/base/addresses.h"

namespace overlaysim {

using Packet = std::vector<uint8_t>;

inline void Put16(Packet& p, size_t at, uint32_t value) {
  p.at(at) = static_cast<uint8_t>(value >> 8);
  p.at(at + 1) = static_cast<uint8_t>(value);
}

inline Packet Joined(std::initializer_list<Packet> parts) {
  Packet whole;
  for (const Packet& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}

inline Packet Ethernet(uint8_t to, uint8_t from, uint16_t type) {
  Packet p = {2, 0, 0, 0, 5, to, 2, 0, 0, 0, 5, from, 0, 0};
  Put16(p, 12, type);
  return p;
}

inline Packet Ipv4(Ipv4Address source, Ipv4Address destination, uint8_t protocol, size_t payload) {
  Packet p = {0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  Put16(p, 2, static_cast<uint32_t>(20 + payload));
  Put16(p, 12, source.value >> 16);
  Put16(p, 14, source.value);
  Put16(p, 16, destination.value >> 16);
  Put16(p, 18, destination.value);
  Put16(p, 10, wire::Checksum(p.data(), p.size()));
  return p;
}

inline constexpr Ipv4Address kPodA{0x0af40102};   // 10.244.1.2
inline constexpr Ipv4Address kPodB{0x0af40202};   // 10.244.2.2
inline constexpr Ipv4Address kNode1{0xac10010b};  // 172.16.1.11
inline constexpr Ipv4Address kNode2{0xac10020c};  // 172.16.2.12

/// An echo request of 98 bytes from pod-a to pod-b, as ping sends it.
inline Packet Ping() {
  Packet icmp = {8, 0, 0, 0, 0, 1, 0, 1};
  for (uint8_t i = 0; i < 56; ++i) icmp.push_back(i);
  Put16(icmp, 2, wire::Checksum(icmp.data(), icmp.size()));
  return Joined({Ethernet(2, 1, 0x0800), Ipv4(kPodA, kPodB, 1, icmp.size()), icmp});
}

inline void SetUdpChecksum(Packet& frame) {
  Put16(frame, 40, 0);
  const auto length = static_cast<uint32_t>(frame.size() - 34);
  Put16(frame, 40,
        wire::ChecksumFold(
            wire::ChecksumAdd(frame.data() + 34, length, wire::PseudoHeaderSum(kNode1, kNode2, 17, length))));
}

/// The ping in VXLAN (VNI 1) from node1 to node2: 148 bytes.
inline Packet VxlanPing() {
  const Packet inner = Ping();
  Packet udp = {0xac, 0xb4, 0x21, 0x18, 0, 0, 0, 0};  // 44212 -> 8472
  Put16(udp, 4, static_cast<uint32_t>(8 + 8 + inner.size()));
  Packet frame = Joined(
      {Ethernet(12, 11, 0x0800), Ipv4(kNode1, kNode2, 17, 16 + inner.size()), udp, {8, 0, 0, 0, 0, 0, 1, 0}, inner});
  SetUdpChecksum(frame);
  return frame;
}

/// Makes the outer headers of a VXLAN frame that was cut fit its size again.
inline void SetOuterLengths(Packet& frame) {
  Put16(frame, 16, static_cast<uint32_t>(frame.size() - 14));
  Put16(frame, 24, 0);
  Put16(frame, 24, wire::Checksum(frame.data() + 14, 20));
  Put16(frame, 38, static_cast<uint32_t>(frame.size() - 34));
  SetUdpChecksum(frame);
}

/// A SYN from pod-a to port 80 of pod-b: 54 bytes.
inline Packet TcpSyn() {
  Packet tcp = {0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0};
  Put16(tcp, 16,
        wire::ChecksumFold(wire::ChecksumAdd(tcp.data(), tcp.size(), wire::PseudoHeaderSum(kPodA, kPodB, 6, 20))));
  return Joined({Ethernet(2, 1, 0x0800), Ipv4(kPodA, kPodB, 6, tcp.size()), tcp});
}

}  // namespace overlaysim
