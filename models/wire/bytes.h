#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "sim/base/addresses.h"

namespace overlaysim::wire {

// Numbers on the wire are big-endian and not aligned.
inline uint16_t Get16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
inline uint32_t Get32(const uint8_t* p) {
  return uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
}
inline void Put16(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
inline void Put32(uint8_t* p, uint32_t v) {
  Put16(p, v >> 16);
  Put16(p + 2, v);
}
inline MacAddress GetMac(const uint8_t* p) {
  MacAddress m;
  std::memcpy(m.bytes.data(), p, 6);
  return m;
}
inline void PutMac(uint8_t* p, const MacAddress& m) { std::memcpy(p, m.bytes.data(), 6); }
inline Ipv4Address GetIpv4(const uint8_t* p) { return {Get32(p)}; }
inline void PutIpv4(uint8_t* p, Ipv4Address a) { Put32(p, a.value); }
inline Ipv6Address GetIpv6(const uint8_t* p) {
  Ipv6Address a;
  std::memcpy(a.bytes.data(), p, 16);
  return a;
}
inline void PutIpv6(uint8_t* p, const Ipv6Address& a) { std::memcpy(p, a.bytes.data(), 16); }

}  // namespace overlaysim::wire
