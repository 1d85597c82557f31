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

void RefuseIpv6(std::string_view word) {
  if (word.find(':') != std::string_view::npos) NotSupported("IPv6");
}

}  // namespace

Ipv4Prefix ParsePrefix(const std::string& word, std::string_view expected) {
  if (word == "default" || word == "any" || word == "all") return {};
  RefuseIpv6(word);
  const size_t slash = word.find('/');
  const auto address = ParseDotted(std::string_view(word).substr(0, slash));
  std::optional<uint64_t> length = 32;
  if (slash != std::string::npos) {
    const std::string_view text = std::string_view(word).substr(slash + 1);
    length = ParseNumber(text, 32);
    if (const auto mask = length ? std::nullopt : ParseDotted(text))  // a netmask with no holes
      for (uint8_t bits = 0; bits <= 32; ++bits)
        if (Ipv4Prefix::MaskOf(bits) == mask->value) length = bits;
  }
  if (!address || !length)
    throw Failure{1, fmt::format("Error: {} prefix is expected rather than \"{}\".\n", expected, word)};
  return {*address, static_cast<uint8_t>(*length)};
}

Ipv4Address ParseAddress(const std::string& word, std::string_view expected) {
  RefuseIpv6(word);
  if (word == "default" || word == "any" || word == "all") return {};
  const auto address = ParseDotted(word);
  if (!address) throw Failure{1, fmt::format("Error: {} address is expected rather than \"{}\".\n", expected, word)};
  return *address;
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
