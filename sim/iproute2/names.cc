#include "sim/iproute2/names.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

namespace overlaysim::iproute2 {
namespace {

using kernel::RouteType;

constexpr std::pair<RouteType, const char*> kTypes[] = {
    {RouteType::Unicast, "unicast"},     {RouteType::Local, "local"},         {RouteType::Broadcast, "broadcast"},
    {RouteType::Multicast, "multicast"}, {RouteType::Blackhole, "blackhole"}, {RouteType::Unreachable, "unreachable"},
    {RouteType::Prohibit, "prohibit"},   {RouteType::Throw, "throw"},         {RouteType::Anycast, "anycast"},
};

struct Named {
  uint32_t number;
  const char* name;
};

constexpr Named kProtocols[] = {
    {0, "unspec"},      {1, "redirect"}, {2, "kernel"}, {3, "boot"},      {4, "static"}, {8, "gated"}, {9, "ra"},
    {10, "mrt"},        {11, "zebra"},   {12, "bird"},  {13, "dnrouted"}, {14, "xorp"},  {15, "ntk"},  {16, "dhcp"},
    {18, "keepalived"}, {42, "babel"},   {186, "bgp"},  {187, "isis"},    {188, "ospf"}, {189, "rip"}, {192, "eigrp"},
};
constexpr Named kScopes[] = {{0, "global"}, {255, "nowhere"}, {254, "host"}, {253, "link"}, {200, "site"}};
constexpr Named kTables[] = {{0, "unspec"}, {253, "default"}, {254, "main"}, {255, "local"}};

template <size_t N>
std::string NameOf(const Named (&names)[N], uint32_t number) {
  for (const Named& n : names)
    if (n.number == number) return n.name;
  return std::to_string(number);
}

template <size_t N>
std::optional<uint32_t> NumberOf(const Named (&names)[N], std::string_view word, uint64_t max) {
  for (const Named& n : names)
    if (word == n.name) return n.number;
  if (auto number = ParseNumber(word, max)) return static_cast<uint32_t>(*number);
  return std::nullopt;
}

}  // namespace

const char* RouteTypeName(RouteType type) {
  for (const auto& [t, name] : kTypes)
    if (t == type) return name;
  return "unicast";
}

std::optional<RouteType> ParseRouteType(std::string_view word) {
  for (const auto& [type, name] : kTypes)
    if (word == name) return type;
  return std::nullopt;
}

std::string ProtocolName(uint8_t protocol) { return NameOf(kProtocols, protocol); }
std::optional<uint8_t> ParseProtocol(std::string_view word) {
  auto number = NumberOf(kProtocols, word, 255);
  return number ? std::optional(static_cast<uint8_t>(*number)) : std::nullopt;
}

std::string ScopeName(uint8_t scope) { return NameOf(kScopes, scope); }
std::optional<uint8_t> ParseScope(std::string_view word) {
  auto number = NumberOf(kScopes, word, 255);
  return number ? std::optional(static_cast<uint8_t>(*number)) : std::nullopt;
}

std::string TableName(uint32_t table) { return NameOf(kTables, table); }
std::optional<uint32_t> ParseTable(std::string_view word) { return NumberOf(kTables, word, 0xffffffff); }

std::optional<uint64_t> ParseNumber(std::string_view word, uint64_t max) {
  int base = 10;
  if (word.size() > 1 && word[0] == '0') {
    const bool hex = word[1] == 'x' || word[1] == 'X';
    base = hex ? 16 : 8;
    word.remove_prefix(hex ? 2 : 1);
  }
  uint64_t value = 0;
  auto [next, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc{} || next != word.data() + word.size() || value > max) return std::nullopt;
  return value;
}

namespace {

template <typename Prefix>
std::string TextOf(const Prefix& prefix) {
  if (prefix.length == 0 && prefix.address.IsZero()) return "default";
  return prefix.length == prefix.address.kBits ? prefix.address.ToString() : prefix.ToString();
}

}  // namespace

std::string PrefixText(const Ipv4Prefix& prefix) { return TextOf(prefix); }
std::string PrefixText(const Ipv6Prefix& prefix) { return TextOf(prefix); }

}  // namespace overlaysim::iproute2
