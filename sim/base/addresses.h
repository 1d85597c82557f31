#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace overlaysim {

/// An IPv4 address; `value` is in host byte order (10.0.0.1 is 0x0a000001), so that addresses sort as people count.
struct Ipv4Address {
  static constexpr uint8_t kBits = 32;
  uint32_t value = 0;

  constexpr auto operator<=>(const Ipv4Address&) const = default;
  constexpr bool IsZero() const { return value == 0; }
  constexpr bool IsMulticast() const { return value >> 28 == 14; }
  constexpr bool IsLoopback() const { return value >> 24 == 127; }
  constexpr bool IsLimitedBroadcast() const { return value == 0xffffffff; }
  /// The address with all bits behind the first `length` cleared.
  constexpr Ipv4Address Masked(uint8_t length) const {
    return {length == 0 ? 0 : value & ~uint32_t{0} << (kBits - length)};
  }
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
  static constexpr uint8_t kBits = 128;
  std::array<uint8_t, 16> bytes{};

  constexpr auto operator<=>(const Ipv6Address&) const = default;
  constexpr bool IsZero() const { return *this == Ipv6Address{}; }
  constexpr bool IsLoopback() const { return *this == Loopback(); }
  constexpr bool IsMulticast() const { return bytes[0] == 0xff; }                        ///< ff00::/8
  constexpr bool IsLinkLocal() const { return bytes[0] == 0xfe && bytes[1] >> 6 == 2; }  ///< fe80::/10
  constexpr bool IsSiteLocal() const { return bytes[0] == 0xfe && bytes[1] >> 6 == 3; }  ///< fec0::/10
  constexpr bool IsUniqueLocal() const { return (bytes[0] & 0xfe) == 0xfc; }             ///< fc00::/7
  constexpr bool IsLinkLocalMulticast() const { return IsMulticast() && MulticastScope() == 2; }
  constexpr uint8_t MulticastScope() const { return bytes[1] & 0x0f; }  ///< 1 interface, 2 link, 5 site, 14 global
  constexpr bool IsV4Mapped() const {                                   ///< ::ffff:0:0/96
    return Masked(96) == Ipv6Address{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};
  }
  /// The address with all bits behind the first `length` cleared.
  constexpr Ipv6Address Masked(uint8_t length) const {
    Ipv6Address out;
    for (size_t i = 0; i < 16; ++i) {
      const int bits = static_cast<int>(length) - static_cast<int>(8 * i);
      if (bits > 0) out.bytes[i] = bits >= 8 ? bytes[i] : static_cast<uint8_t>(bytes[i] & 0xff00 >> bits);
    }
    return out;
  }
  /// How many leading bits two addresses share (ipv6_addr_diff()).
  constexpr uint8_t CommonPrefix(const Ipv6Address& other) const {
    for (size_t i = 0; i < 16; ++i)
      if (const int differing = bytes[i] ^ other.bytes[i]; differing != 0)
        return static_cast<uint8_t>(8 * i + static_cast<size_t>(__builtin_clz(static_cast<unsigned>(differing)) - 24));
    return kBits;
  }

  static constexpr Ipv6Address Loopback() { return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}; }
  /// A link-local group: AllNodes is ff02::1, AllRouters ff02::2, AllMldv2Routers ff02::16.
  static constexpr Ipv6Address LinkGroup(uint8_t last) {
    return {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}};
  }
  static constexpr Ipv6Address AllNodes() { return LinkGroup(1); }
  static constexpr Ipv6Address AllRouters() { return LinkGroup(2); }
  static constexpr Ipv6Address AllMldv2Routers() { return LinkGroup(0x16); }
  /// ff02::1:ffXX:XXXX of a unicast address (RFC 4291, 2.7.1).
  constexpr Ipv6Address SolicitedNode() const {
    return {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes[13], bytes[14], bytes[15]}};
  }
  static std::optional<Ipv6Address> Parse(std::string_view text);
  std::string ToString() const;  ///< as RFC 5952 and inet_ntop() have it: "fd00::1", "::ffff:10.0.0.1"
};

/// An IPv6 prefix in canonical form (host bits zero) unless made by hand.
struct Ipv6Prefix {
  Ipv6Address address;
  uint8_t length = 0;

  constexpr auto operator<=>(const Ipv6Prefix&) const = default;
  constexpr bool Contains(const Ipv6Address& a) const { return a.Masked(length) == address.Masked(length); }
  constexpr bool Contains(const Ipv6Prefix& p) const { return p.length >= length && Contains(p.address); }
  constexpr bool Overlaps(const Ipv6Prefix& p) const { return Contains(p) || p.Contains(*this); }
  /// "fd00::/64"; a bare address is a /128. nullopt when malformed; host bits are kept as written.
  static std::optional<Ipv6Prefix> Parse(std::string_view text);
  constexpr Ipv6Prefix Canonical() const { return {address.Masked(length), length}; }
  std::string ToString() const;  ///< always with the length
};

/// The prefix type of an address type.
template <typename A>
using PrefixOf = std::conditional_t<std::is_same_v<A, Ipv4Address>, Ipv4Prefix, Ipv6Prefix>;

/// An address of either family, or none. Sorts none, IPv4, IPv6.
class IpAddress {
 public:
  constexpr IpAddress() = default;
  constexpr IpAddress(Ipv4Address a) : m_family(Family::V4) {  // NOLINT(google-explicit-constructor)
    for (size_t i = 0; i < 4; ++i) m_bytes[i] = static_cast<uint8_t>(a.value >> (24 - 8 * i));
  }
  constexpr IpAddress(const Ipv6Address& a)  // NOLINT(google-explicit-constructor)
      : m_family(Family::V6), m_bytes(a.bytes) {}

  constexpr auto operator<=>(const IpAddress&) const = default;
  constexpr bool IsV4() const { return m_family == Family::V4; }
  constexpr bool IsV6() const { return m_family == Family::V6; }
  constexpr bool IsNone() const { return m_family == Family::None; }
  constexpr bool IsZero() const { return m_bytes == std::array<uint8_t, 16>{}; }  ///< none, 0.0.0.0 or ::
  constexpr bool IsMulticast() const { return IsV6() ? V6().IsMulticast() : V4().IsMulticast(); }
  constexpr Ipv4Address V4() const {  ///< zero unless IsV4()
    if (!IsV4()) return {};
    return {uint32_t{m_bytes[0]} << 24 | uint32_t{m_bytes[1]} << 16 | uint32_t{m_bytes[2]} << 8 | m_bytes[3]};
  }
  constexpr Ipv6Address V6() const { return IsV6() ? Ipv6Address{m_bytes} : Ipv6Address{}; }  ///< zero unless IsV6()

  static std::optional<IpAddress> Parse(std::string_view text);  ///< dotted quad, or IPv6 text
  std::string ToString() const;                                  ///< "" for none

 private:
  enum class Family : uint8_t { None, V4, V6 };
  Family m_family = Family::None;
  std::array<uint8_t, 16> m_bytes{};  ///< IPv4: the first four
};

/// A prefix of either family, in canonical form unless made by hand.
struct IpPrefix {
  IpAddress address;
  uint8_t length = 0;

  constexpr IpPrefix() = default;
  constexpr IpPrefix(const Ipv4Prefix& p)
      : address(p.address), length(p.length) {}  // NOLINT(google-explicit-constructor)
  constexpr IpPrefix(const Ipv6Prefix& p)
      : address(p.address), length(p.length) {}  // NOLINT(google-explicit-constructor)
  constexpr bool operator==(const IpPrefix&) const = default;
  constexpr bool IsV6() const { return address.IsV6(); }
  constexpr bool IsHost() const { return length == (IsV6() ? Ipv6Address::kBits : Ipv4Address::kBits); }
  /// False for an address of the other family.
  constexpr bool Contains(const IpAddress& a) const {
    if (a.IsV6() != IsV6()) return false;
    return IsV6() ? Ipv6Prefix{address.V6(), length}.Contains(a.V6())
                  : Ipv4Prefix{address.V4(), length}.Contains(a.V4());
  }
  std::string ToString() const {  ///< always with the length
    return IsV6() ? Ipv6Prefix{address.V6(), length}.ToString() : Ipv4Prefix{address.V4(), length}.ToString();
  }
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

/// The modified EUI-64 link-local address of a device (RFC 4291, appendix A).
constexpr Ipv6Address LinkLocalFromMac(const MacAddress& m) {
  return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(m.bytes[0] ^ 2), m.bytes[1], m.bytes[2], 0xff, 0xfe,
           m.bytes[3], m.bytes[4], m.bytes[5]}};
}
/// 33:33 and the last four bytes of a group (RFC 2464, section 7).
constexpr MacAddress MulticastMac(const Ipv6Address& group) {
  return {{0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]}};
}

}  // namespace overlaysim

template <>
struct std::hash<overlaysim::Ipv4Address> {
  size_t operator()(const overlaysim::Ipv4Address& a) const noexcept { return a.value * 0x9e3779b97f4a7c15ULL >> 20; }
};
template <>
struct std::hash<overlaysim::Ipv4Prefix> {
  size_t operator()(const overlaysim::Ipv4Prefix& p) const noexcept {
    return uint64_t{p.length} << 32 | p.address.value;
  }
};
template <>
struct std::hash<overlaysim::Ipv6Address> {
  size_t operator()(const overlaysim::Ipv6Address& a) const noexcept {
    uint64_t high = 0, low = 0;
    for (size_t i = 0; i < 8; ++i) {
      high = high << 8 | a.bytes[i];
      low = low << 8 | a.bytes[i + 8];
    }
    return (high * 0x9e3779b97f4a7c15ULL ^ low) * 0x9e3779b97f4a7c15ULL >> 16;
  }
};
template <>
struct std::hash<overlaysim::Ipv6Prefix> {
  size_t operator()(const overlaysim::Ipv6Prefix& p) const noexcept {
    return std::hash<overlaysim::Ipv6Address>{}(p.address) ^ p.length;
  }
};
template <>
struct std::hash<overlaysim::IpAddress> {
  size_t operator()(const overlaysim::IpAddress& a) const noexcept {
    return a.IsV6() ? std::hash<overlaysim::Ipv6Address>{}(a.V6()) : std::hash<overlaysim::Ipv4Address>{}(a.V4());
  }
};
template <>
struct std::hash<overlaysim::MacAddress> {
  size_t operator()(const overlaysim::MacAddress& m) const noexcept {
    return m.ToUint64() * 0x9e3779b97f4a7c15ULL >> 16;
  }
};
