#include "sim/base/addresses.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>

namespace overlaysim {

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  uint32_t value = 0;
  const char* p = text.data();
  const char* end = p + text.size();
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (p == end || *p++ != '.')) return std::nullopt;
    unsigned octet = 0;
    auto [next, error] = std::from_chars(p, end, octet);
    if (error != std::errc{} || octet > 255 || next - p > 3) return std::nullopt;
    p = next;
    value = value << 8 | octet;
  }
  if (p != end) return std::nullopt;
  return Ipv4Address{value};
}

std::string Ipv4Address::ToString() const {
  return fmt::format("{}.{}.{}.{}", value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255);
}

namespace {

/// "ADDRESS/LENGTH" or a bare address, which is a prefix of all its bits.
template <typename A>
std::optional<PrefixOf<A>> ParsePrefixOf(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = A::Parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return PrefixOf<A>{*address, A::kBits};
  unsigned length = 0;
  const std::string_view rest = text.substr(slash + 1);
  const auto [next, error] = std::from_chars(rest.data(), rest.data() + rest.size(), length);
  if (error != std::errc{} || next != rest.data() + rest.size() || length > A::kBits ||
      rest.size() > (A::kBits == 32 ? 2 : 3))
    return std::nullopt;
  return PrefixOf<A>{*address, static_cast<uint8_t>(length)};
}

}  // namespace

std::optional<Ipv4Prefix> Ipv4Prefix::Parse(std::string_view text) { return ParsePrefixOf<Ipv4Address>(text); }
std::string Ipv4Prefix::ToString() const { return fmt::format("{}/{}", address.ToString(), length); }

std::optional<Ipv6Prefix> Ipv6Prefix::Parse(std::string_view text) { return ParsePrefixOf<Ipv6Address>(text); }
std::string Ipv6Prefix::ToString() const { return fmt::format("{}/{}", address.ToString(), length); }

std::optional<Ipv6Address> Ipv6Address::Parse(std::string_view text) {
  Ipv6Address a;
  if (text.size() > 45 || text.find('\0') != text.npos ||
      inet_pton(AF_INET6, std::string(text).c_str(), a.bytes.data()) != 1)
    return std::nullopt;
  return a;
}

std::string Ipv6Address::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (const auto v4 = Ipv4Address::Parse(text)) return *v4;
  if (const auto v6 = Ipv6Address::Parse(text)) return *v6;
  return std::nullopt;
}

std::string IpAddress::ToString() const { return IsV6() ? V6().ToString() : IsV4() ? V4().ToString() : ""; }

std::optional<MacAddress> MacAddress::Parse(std::string_view text) {
  if (text.size() != 17) return std::nullopt;
  MacAddress m;
  for (size_t i = 0; i < 6; ++i) {
    const char* p = text.data() + 3 * i;
    if (i > 0 && p[-1] != ':' && p[-1] != '-') return std::nullopt;
    auto [next, error] = std::from_chars(p, p + 2, m.bytes[i], 16);
    if (error != std::errc{} || next != p + 2) return std::nullopt;
  }
  return m;
}

std::string MacAddress::ToString() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4],
                     bytes[5]);
}

}  // namespace overlaysim
