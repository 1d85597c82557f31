#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace overlaysim {

/// An IPv4 address; `value` is in host byte order (10.0.0.1 is 0x0a000001), so that addresses sort as people count.
struct Ipv4Address {
  uint32_t value = 0;

  constexpr auto operator<=>(const Ipv4Address&) const = default;
  constexpr bool IsZero() const { return value == 0; }
  constexpr bool IsMulticast() const { return value >> 28 == 14; }
  constexpr bool IsLoopback() const { return value >> 24 == 127; }
  constexpr bool IsLimitedBroadcast() const { return value == 0xffffffff; }
  static std::optional<Ipv4Address> Parse(std::string_view text);  ///< dotted quad only; nullopt if it is not one
  std::string ToString() const;
};

/// An IPv4 prefix in canonical form (host bits zero) unless made by hand.
struct Ipv4Prefix {
  Ipv4Address address;
  uint8_t length = 0;

  constexpr auto operator<=>(const Ipv4Prefix&) const = default;
  static constexpr uint32_t MaskOf(uint8_t length) { return length == 0 ? 0 : ~uint32_t{0} << (32 - length); }
  constexpr uint32_t Mask() const { return MaskOf(length); }
  constexpr bool Contains(Ipv4Address a) const { return ((a.value ^ address.value) & Mask()) == 0; }
  constexpr bool Contains(const Ipv4Prefix& p) const { return p.length >= length && Contains(p.address); }
  constexpr bool Overlaps(const Ipv4Prefix& p) const { return Contains(p) || p.Contains(*this); }
  constexpr Ipv4Address Broadcast() const { return {address.value | ~Mask()}; }
  constexpr uint64_t Size() const { return uint64_t{1} << (32 - length); }
  /// "10.0.0.0/8"; a bare address is a /32. nullopt when malformed; host bits are kept as written.
  static std::optional<Ipv4Prefix> Parse(std::string_view text);
  constexpr Ipv4Prefix Canonical() const { return {{address.value & Mask()}, length}; }
  std::string ToString() const;  ///< always with the length
};

/// An IPv6 address in network byte order.
struct Ipv6Address {
  std::array<uint8_t, 16> bytes{};

  constexpr auto operator<=>(const Ipv6Address&) const = default;
  static std::optional<Ipv6Address> Parse(std::string_view text);
  std::string ToString() const;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  constexpr auto operator<=>(const MacAddress&) const = default;
  constexpr bool IsZero() const { return *this == MacAddress{}; }
  constexpr bool IsMulticast() const { return bytes[0] & 1; }  ///< broadcast included
  constexpr bool IsBroadcast() const { return *this == Broadcast(); }
  static constexpr MacAddress Broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }
  static constexpr MacAddress FromUint64(uint64_t v) {
    MacAddress m;
    for (int i = 5; i >= 0; --i, v >>= 8) m.bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(v);
    return m;
  }
  constexpr uint64_t ToUint64() const {
    uint64_t v = 0;
    for (uint8_t b : bytes) v = v << 8 | b;
    return v;
  }
  static std::optional<MacAddress> Parse(std::string_view text);  ///< six hex pairs with ':' or '-'
  std::string ToString() const;                                   ///< lower case with ':'
};

}  // namespace overlaysim

template <>
struct std::hash<overlaysim::Ipv4Address> {
  size_t operator()(const overlaysim::Ipv4Address& a) const noexcept { return a.value * 0x9e3779b97f4a7c15ULL >> 20; }
};
template <>
struct std::hash<overlaysim::MacAddress> {
  size_t operator()(const overlaysim::MacAddress& m) const noexcept {
    return m.ToUint64() * 0x9e3779b97f4a7c15ULL >> 16;
  }
};
