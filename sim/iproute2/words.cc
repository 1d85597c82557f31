#include "sim/iproute2/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/iproute2/names.h"

namespace overlaysim::iproute2 {

kernel::Namespace& Session::Ns() const {
  if (!current) throw Failure{1, "No current namespace; name one with \"ip -n NAME\" or \"ip netns exec NAME\".\n"};
  return *current;
}

std::string Words::Next() {
  if (Done()) throw Failure{255, "Command line is not complete. Try option \"help\"\n"};
  return m_words[m_at++];
}

bool Words::Take(std::string_view word) {
  if (Done() || Peek() != word) return false;
  ++m_at;
  return true;
}

bool Words::TakeAbbreviated(std::initializer_list<std::string_view> words) {
  if (Done()) return false;
  for (std::string_view word : words)
    if (Abbreviates(Peek(), word)) return ++m_at, true;
  return false;
}

std::vector<std::string> Words::Rest() {
  std::vector<std::string> rest(m_words.begin() + static_cast<std::ptrdiff_t>(m_at), m_words.end());
  m_at = m_words.size();
  return rest;
}

std::vector<std::string> Words::Left() const {
  return {m_words.begin() + static_cast<std::ptrdiff_t>(m_at), m_words.end()};
}

bool Abbreviates(std::string_view word, std::string_view full) {
  return !word.empty() && full.substr(0, word.size()) == word;
}

void InvalidArgument(std::string_view word, std::string_view message) {
  throw Failure{255, fmt::format("Error: argument \"{}\" is wrong: {}\n", word, message)};
}
void Garbage(std::string_view after, std::string_view word) {
  throw Failure{255, fmt::format("Error: either \"{}\" is duplicate, or \"{}\" is a garbage.\n", after, word)};
}
void Duplicate(std::string_view key, std::string_view word) {
  throw Failure{255, fmt::format("Error: duplicate \"{}\": \"{}\" is the second value.\n", key, word)};
}
void NoDevice(std::string_view name, int exit) {
  throw Failure{exit, fmt::format("Cannot find device \"{}\"\n", name)};
}
void NotSupported(std::string_view what) { throw Failure{1, fmt::format("{} is not supported yet\n", what)}; }

void CheckRtnetlink(const Session& session, int error, const std::string& why) {
  if (error == 0) return;
  if (why.empty()) throw Failure{session.rtnetlinkExit, fmt::format("RTNETLINK answers: {}\n", std::strerror(error))};
  throw Failure{session.rtnetlinkExit, fmt::format("Error: {}{}\n", why, why.back() == '.' ? "" : ".")};
}

namespace {

/// get_addr_ipv4(): up to four numbers with dots; those left out are 0.
std::optional<Ipv4Address> ParseDotted(std::string_view text) {
  uint32_t value = 0;
  int parts = 0;
  for (;;) {
    const size_t dot = text.find('.');
    const auto part = ParseNumber(text.substr(0, dot), 255);
    if (!part || parts == 4) return std::nullopt;
    value |= static_cast<uint32_t>(*part) << (24 - 8 * parts++);
    if (dot == std::string_view::npos) return Ipv4Address{value};
    text.remove_prefix(dot + 1);
  }
}

bool IsDefault(std::string_view word) { return word == "default" || word == "any" || word == "all"; }

const char* Expected(Family family) {
  return family == Family::Any ? "any valid" : family == Family::Inet ? "inet" : "inet6";
}

std::optional<Ipv4Prefix> ParsePrefix4(std::string_view word) {
  const size_t slash = word.find('/');
  const auto address = ParseDotted(word.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return Ipv4Prefix{*address, 32};
  const std::string_view text = word.substr(slash + 1);
  std::optional<uint64_t> length = ParseNumber(text, 32);
  if (const auto mask = length ? std::nullopt : ParseDotted(text))  // a netmask with no holes
    for (uint8_t bits = 0; bits <= 32; ++bits)
      if (Ipv4Prefix::MaskOf(bits) == mask->value) length = bits;
  return length ? std::optional(Ipv4Prefix{*address, static_cast<uint8_t>(*length)}) : std::nullopt;
}

std::optional<Ipv6Prefix> ParsePrefix6(std::string_view word) {
  const size_t slash = word.find('/');
  const auto address = Ipv6Address::Parse(word.substr(0, slash));
  const auto length = slash == std::string_view::npos ? 128 : ParseNumber(word.substr(slash + 1), 128);
  if (!address || !length) return std::nullopt;
  return Ipv6Prefix{*address, static_cast<uint8_t>(*length)};
}

}  // namespace

AnyPrefix ParsePrefix(const std::string& word, Family family) {
  if (IsDefault(word)) return family == Family::Inet6 ? AnyPrefix(Ipv6Prefix{}) : AnyPrefix(Ipv4Prefix{});
  if (family != Family::Inet6)
    if (const auto prefix = ParsePrefix4(word)) return *prefix;
  if (family != Family::Inet)
    if (const auto prefix = ParsePrefix6(word)) return *prefix;
  throw Failure{1, fmt::format("Error: {} prefix is expected rather than \"{}\".\n", Expected(family), word)};
}

IpAddress ParseAddress(const std::string& word, Family family) {
  if (IsDefault(word)) return family == Family::Inet6 ? IpAddress(Ipv6Address{}) : IpAddress(Ipv4Address{});
  if (family != Family::Inet6)
    if (const auto address = ParseDotted(word)) return *address;
  if (family != Family::Inet)
    if (const auto address = Ipv6Address::Parse(word)) return *address;
  throw Failure{1, fmt::format("Error: {} address is expected rather than \"{}\".\n", Expected(family), word)};
}

Family FamilyOf(const Session& session, const Words& words) {
  if (session.show.family != Family::Any) return session.show.family;
  bool isName = false;  // what follows `dev` is no address
  for (const std::string& word : words.Left()) {
    if (!isName && ParsePrefix6(word)) return Family::Inet6;
    if (!isName && word.find('.') != std::string::npos && ParsePrefix4(word)) return Family::Inet;
    isName = word == "dev" || word == "oif" || word == "iif";
  }
  return Family::Any;
}

uint64_t ParseNumberOr(const std::string& word, uint64_t max, std::string_view message) {
  const auto number = ParseNumber(word, max);
  if (!number) InvalidArgument(word, message);
  return *number;
}

MacAddress ParseLinkAddress(const std::string& word) {
  if (const auto mac = MacAddress::Parse(word)) return *mac;
  const auto bytes = std::count(word.begin(), word.end(), ':') + 1;
  if (bytes != 6) throw Failure{1, fmt::format("Invalid address length {} - must be 6 bytes\n", bytes)};
  throw Failure{1, fmt::format("\"{}\" is invalid lladdr.\n", word)};
}

bool ParseOnOff(std::string_view key, const std::string& word) {
  if (word == "on") return true;
  if (word == "off") return false;
  throw Failure{1, fmt::format("Error: argument of \"{}\" must be \"on\" or \"off\", not \"{}\"\n", key, word)};
}

const kernel::Link& RequireDevice(const kernel::Namespace& ns, const std::string& name, int exit) {
  const kernel::Link* link = ns.FindLink(name);
  if (!link) NoDevice(name, exit);
  return *link;
}

bool IsValidLinkName(std::string_view name) {
  return !name.empty() && name.size() < 16 && name != "." && name != ".." &&
         name.find_first_of("/ \t\n") == std::string_view::npos;
}

}  // namespace overlaysim::iproute2
