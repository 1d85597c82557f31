#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sim/iproute2/names.h"
#include "sim/iproute2/words.h"

namespace overlaysim::iproute2 {

using kernel::Namespace;
using kernel::NudState;

namespace {

constexpr int kAllStates = 0xff;

/// nud_state_a2n(): the states by name, or NUD_* bits as a number.
int ParseStates(const std::string& word) {
  if (word == "all") return kAllStates;
  for (int bit = 0; bit <= 0x80; bit = bit == 0 ? 1 : bit << 1) {
    std::string name = kernel::NudStateName(static_cast<NudState>(bit));
    for (char& c : name) c = static_cast<char>(c - 'A' + 'a');
    if (word == name) return bit;
  }
  if (const auto number = ParseNumber(word, kAllStates)) return static_cast<int>(*number);
  InvalidArgument(word, "nud state is bad");
}

/// ll_addr_a2n() refuses what does not begin with a number of one byte; the rest is the kernel's to refuse.
void CheckLinkAddress(const std::string& word) {
  for (size_t begin = 0; begin <= word.size();) {
    const size_t end = std::min(word.find(':', begin), word.size());
    unsigned value = 0;
    const auto [next, error] = std::from_chars(word.data() + begin, word.data() + end, value, 16);
    if (error != std::errc{} || value > 255)
      throw Failure{1, fmt::format("\"{}\" is invalid lladdr.\n", word.substr(begin, end - begin))};
    begin = end + 1;
  }
}

/// ipneigh_modify(). The words have been looked through: the address is of family A.
template <typename A>
void ModifyOf(Session& session, Words& words, uint8_t flags) {
  Namespace& ns = session.Ns();
  auto& tables = TablesOf<A>(ns);
  kernel::BasicNeighbour<A> entry;
  entry.state = NudState::Permanent;
  std::optional<std::string> address, linkAddress, device;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "lladdr") {
      linkAddress = words.Next();
    } else if (word == "nud") {
      entry.state = static_cast<NudState>(ParseStates(words.Next()));
    } else if (word == "proxy") {
      if (address) Duplicate("address", words.Next());
      address = words.Next();
      entry.proxy = true;
    } else if (word == "router") {
      entry.router = true;
    } else if (word == "extern_learn") {
      entry.externLearn = true;
    } else if (word == "dev") {
      device = words.Next();
    } else if (word == "managed" || word == "use" || word == "protocol") {
      NotSupported(fmt::format("the neighbour option \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      if (address) Garbage("to", word);
      address = word;
    }
  }
  if (!address || !device) throw Failure{255, "Device and destination are required arguments.\n"};
  if (session.show.family == Family::Any) ParseAddress(*address);  // refused as neither family's
  entry.ip = ParseAddressOf<A>(*address);
  entry.ifindex = RequireDevice(ns, *device).ifindex;
  if (entry.proxy) entry.state = NudState::None;
  if (linkAddress) {
    const auto mac = MacAddress::Parse(*linkAddress);
    if (!mac) {
      CheckLinkAddress(*linkAddress);
      CheckRtnetlink(session, EINVAL, "Invalid link address");
    }
    entry.mac = *mac;
  } else if (!entry.proxy && NudHasAddress(entry.state)) {
    const auto* there = tables.Neighbours().Find(entry.ifindex, entry.ip);
    if (!there || !NudHasAddress(there->state)) CheckRtnetlink(session, EINVAL, "No link layer address given");
  }
  entry.updated = entry.confirmed = entry.used = session.now;
  const bool isConnected =
      entry.state == NudState::Permanent || entry.state == NudState::Noarp || entry.state == NudState::Reachable;
  if (!isConnected)  // ___neigh_create(): long ago
    entry.confirmed = session.now - tables.Parms(entry.ifindex).baseReachableTime * 2;
  CheckRtnetlink(session, tables.SetNeighbour(entry, flags));
}

void Modify(Session& session, Words& words, uint8_t flags) {
  if (FamilyOf(session, words) == Family::Inet6) return ModifyOf<Ipv6Address>(session, words, flags);
  ModifyOf<Ipv4Address>(session, words, flags);
}

void Delete(Session& session, Words& words) {
  Namespace& ns = session.Ns();
  std::optional<std::string> address, device;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "dev") {
      device = words.Next();
    } else if (word == "lladdr" || word == "nud") {
      words.Next();  // does not select
    } else {
      if (word == "to" || word == "proxy") word = words.Next();
      if (address) Garbage("to", word);
      address = word;
    }
  }
  if (!address || !device) throw Failure{255, "Device and destination are required arguments.\n"};
  const IpAddress ip = ParseAddress(*address, session.show.family);
  const int ifindex = RequireDevice(ns, *device).ifindex;
  CheckRtnetlink(session,
                 ip.IsV6() ? ns.Ipv6().DeleteNeighbour(ifindex, ip.V6()) : ns.DeleteNeighbour(ifindex, ip.V4()));
}

NeighFilter ParseFilter(Session& session, Words& words) {
  NeighFilter filter;
  filter.family = session.show.family;
  bool hasState = false;
  while (!words.Done()) {
    std::string word = words.Next();
    if (word == "dev") {
      filter.ifindex = RequireDevice(session.Ns(), words.Next()).ifindex;
    } else if (word == "unused") {
      continue;  // we keep no references to entries
    } else if (word == "nud") {
      const int states = ParseStates(words.Next());
      filter.states = hasState ? filter.states | states : states;
      hasState = true;
    } else if (word == "proxy") {
      filter.proxies = true;
    } else if (word == "master" || word == "vrf" || word == "nomaster" || word == "protocol") {
      NotSupported(fmt::format("\"ip neigh show\" with \"{}\"", word));
    } else {
      if (word == "to") word = words.Next();
      filter.to = ParsePrefix(word, session.show.family);
    }
  }
  return filter;
}

void Flush(Session& session, Words& words) {
  if (words.Done()) throw Failure{1, "Flush requires arguments.\n"};
  NeighFilter filter = ParseFilter(session, words);
  if (filter.states < 0)  // permanent entries stay unless they are asked for
    filter.states = kAllStates & ~static_cast<int>(NudState::Permanent) & ~static_cast<int>(NudState::Noarp);
  auto isMeant = [&](const auto& n) { return filter.Accepts(n); };
  if (filter.family != Family::Inet6) session.Ns().FlushNeighbours(isMeant);
  if (filter.family != Family::Inet) session.Ns().Ipv6().FlushNeighbours(isMeant);
}

void Get(Session& session, Words& words) {
  NeighFilter filter = ParseFilter(session, words);
  if (!filter.to || filter.ifindex == 0) throw Failure{255, "Device and address are required arguments.\n"};
  const Namespace& ns = session.Ns();
  auto print = [&](const auto* found) {
    if (!found) CheckRtnetlink(session, ENOENT, "Neighbour entry not found");
    session.result.out += NeighLine(ns, *found) + " \n";
  };
  kernel::Neighbour scratch;
  kernel::Neighbour6 scratch6;
  if (const auto* v6 = std::get_if<Ipv6Prefix>(&*filter.to))
    print(ns.Ipv6().FindNeighbour(filter.ifindex, v6->address, scratch6));
  else
    print(ns.FindNeighbour(filter.ifindex, std::get<Ipv4Prefix>(*filter.to).address, scratch));
}

}  // namespace

void IpNeighbour(Session& session, Words& words) {
  if (words.TakeAbbreviated({"add"})) return Modify(session, words, Namespace::kCreate | Namespace::kExclusive);
  if (words.TakeAbbreviated({"change", "chg"})) return Modify(session, words, Namespace::kReplace);
  if (words.TakeAbbreviated({"replace"})) return Modify(session, words, Namespace::kCreate | Namespace::kReplace);
  if (words.TakeAbbreviated({"delete"})) return Delete(session, words);
  if (words.TakeAbbreviated({"get"})) return Get(session, words);
  if (words.TakeAbbreviated({"flush"})) return Flush(session, words);
  if (!words.Done() && !words.TakeAbbreviated({"show", "lst", "list"}))
    throw Failure{255, fmt::format("Command \"{}\" is unknown, try \"ip neigh help\".\n", words.Peek())};
  const NeighFilter filter = ParseFilter(session, words);
  session.result.out += NeighShow(session.Ns(), filter, session.show);
}

}  // namespace overlaysim::iproute2
