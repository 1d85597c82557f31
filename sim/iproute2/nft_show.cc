// What `nft list` prints (src/rule.c, src/expression.c, src/statement.c of nftables 1.0.6).

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "sim/iproute2/iptables.h"
#include "sim/iproute2/nft.h"
#include "sim/iproute2/nft_words.h"

namespace overlaysim::iproute2 {

using kernel::FilterChain;
using kernel::FilterFamily;
using kernel::FilterRule;
using kernel::FilterSet;
using kernel::FilterTable;
using kernel::Hook;
using kernel::RejectWith;
using kernel::Target;
using kernel::ValueMatch;
using kernel::ValueSet;

namespace {

/// In state_xlate_print()'s order (libxt_conntrack.c).
constexpr std::pair<const char*, uint8_t> kXlateStates[] = {{"invalid", kernel::kStateInvalid},
                                                            {"new", kernel::kStateNew},
                                                            {"related", kernel::kStateRelated},
                                                            {"established", kernel::kStateEstablished},
                                                            {"untracked", kernel::kStateUntracked}};

constexpr int kPriorityReach = 10;  // so near to a priority with a name, it is said by it

constexpr std::pair<const char*, uint8_t> kIcmpTypes[] = {
    {"echo-reply", 0},         {"destination-unreachable", 3}, {"source-quench", 4},        {"redirect", 5},
    {"echo-request", 8},       {"router-advertisement", 9},    {"router-solicitation", 10}, {"time-exceeded", 11},
    {"parameter-problem", 12}, {"timestamp-request", 13},      {"timestamp-reply", 14},     {"info-request", 15},
    {"info-reply", 16},        {"address-mask-request", 17},   {"address-mask-reply", 18}};
constexpr std::pair<const char*, uint8_t> kIcmpCodes[] = {
    {"net-unreachable", 0}, {"host-unreachable", 1}, {"prot-unreachable", 2}, {"port-unreachable", 3},
    {"frag-needed", 4},     {"net-prohibited", 9},   {"host-prohibited", 10}, {"admin-prohibited", 13}};
constexpr std::pair<const char*, RejectWith> kRejects[] = {
    {"net-unreachable", RejectWith::NetUnreachable},       {"host-unreachable", RejectWith::HostUnreachable},
    {"prot-unreachable", RejectWith::ProtocolUnreachable}, {"port-unreachable", RejectWith::PortUnreachable},
    {"net-prohibited", RejectWith::NetProhibited},         {"host-prohibited", RejectWith::HostProhibited},
    {"admin-prohibited", RejectWith::AdminProhibited}};
constexpr std::pair<const char*, RejectWith> kIcmpxRejects[] = {{"no-route", RejectWith::NetUnreachable},
                                                                {"host-unreachable", RejectWith::HostUnreachable},
                                                                {"port-unreachable", RejectWith::PortUnreachable},
                                                                {"admin-prohibited", RejectWith::AdminProhibited}};
constexpr std::pair<const char*, uint8_t> kIcmp6Types[] = {
    {"destination-unreachable", 1},  {"packet-too-big", 2},         {"time-exceeded", 3},
    {"parameter-problem", 4},        {"echo-request", 128},         {"echo-reply", 129},
    {"mld-listener-query", 130},     {"mld-listener-report", 131},  {"mld-listener-done", 132},
    {"mld-listener-reduction", 132}, {"nd-router-solicit", 133},    {"nd-router-advert", 134},
    {"nd-neighbor-solicit", 135},    {"nd-neighbor-advert", 136},   {"nd-redirect", 137},
    {"router-renumbering", 138},     {"ind-neighbor-solicit", 141}, {"ind-neighbor-advert", 142},
    {"mld2-listener-report", 143}};
constexpr std::pair<const char*, uint8_t> kIcmp6Codes[] = {{"no-route", 0},         {"admin-prohibited", 1},
                                                           {"addr-unreachable", 3}, {"port-unreachable", 4},
                                                           {"policy-fail", 5},      {"reject-route", 6}};
constexpr std::pair<const char*, RejectWith> kIcmp6Rejects[] = {
    {"no-route", RejectWith::NetUnreachable},          {"admin-prohibited", RejectWith::AdminProhibited},
    {"addr-unreachable", RejectWith::HostUnreachable}, {"port-unreachable", RejectWith::PortUnreachable},
    {"policy-fail", RejectWith::PolicyFail},           {"reject-route", RejectWith::RejectRoute}};
const NftWords::Priority kPriorities[] = {{"raw", kernel::kPriorityRaw, {}},
                                          {"mangle", kernel::kPriorityMangle, {}},
                                          {"dstnat", kernel::kPriorityDstnat, Hook::Prerouting},
                                          {"filter", kernel::kPriorityFilter, {}},
                                          {"security", kernel::kPrioritySecurity, {}},
                                          {"srcnat", kernel::kPrioritySrcnat, Hook::Postrouting}};
constexpr const char* kHookNames[] = {"prerouting", "input", "forward", "output", "postrouting"};

template <typename Names, typename T>
const char* NameIn(const Names& names, T value) {
  for (const auto& [name, number] : names)
    if (number == value) return name;
  return nullptr;
}
template <typename T, typename Names>
std::optional<T> FindIn(const Names& names, std::string_view word) {
  for (const auto& [name, number] : names)
    if (word == name) return number;
  return std::nullopt;
}

std::string Dashed(uint64_t first, uint64_t last) {
  return first == last ? fmt::to_string(first) : fmt::format("{}-{}", first, last);
}
std::string Dashed(const ValueSet::Range& range) { return Dashed(range.first.low, range.last.low); }

std::string Address6Text(ValueSet::Range range) {
  const Ipv6Address first = range.first.ToIpv6(), last = range.last.ToIpv6();
  const uint8_t length = first.CommonPrefix(last);
  if (length == Ipv6Address::kBits) return first.ToString();
  const Ipv6Prefix prefix{first, length};
  const ValueSet::Range whole = kernel::RangeOf(prefix);
  return whole == range ? prefix.ToString() : first.ToString() + "-" + last.ToString();
}

std::string AddressText(ValueSet::Range range) {
  const Ipv4Address first{static_cast<uint32_t>(range.first.low)}, last{static_cast<uint32_t>(range.last.low)};
  for (uint8_t length = 0; length <= 32; ++length) {
    const Ipv4Prefix prefix{first, length};
    const auto size = (uint64_t{1} << (32 - length)) - 1;
    if (prefix.Canonical().address == first && range.first.low + size == range.last.low)
      return length == 32 ? first.ToString() : prefix.ToString();
  }
  return first.ToString() + "-" + last.ToString();
}

using NumberText = std::function<std::string(ValueSet::Range)>;

std::string ProtocolText(ValueSet::Range range) {
  return range.first == range.last ? IpProtocolName(static_cast<uint8_t>(range.first.low)) : Dashed(range);
}

NumberText TextOf(ValueMatch::Field field) {
  using Field = ValueMatch::Field;
  switch (field) {
    case Field::Source:
    case Field::Destination:
      return AddressText;
    case Field::Source6:
    case Field::Destination6:
      return Address6Text;
    case Field::IpProtocol:
    case Field::NextHeader:
    case Field::Protocol:
      return ProtocolText;
    case Field::IcmpType:
    case Field::IcmpCode:
    case Field::Icmp6Type:
    case Field::Icmp6Code:
      return [field](ValueSet::Range range) {
        const auto value = static_cast<uint8_t>(range.first.low);
        const char* name = field == Field::IcmpType    ? NameIn(kIcmpTypes, value)
                           : field == Field::IcmpCode  ? NameIn(kIcmpCodes, value)
                           : field == Field::Icmp6Type ? NameIn(kIcmp6Types, value)
                                                       : NameIn(kIcmp6Codes, value);
        return name && range.first == range.last ? name : Dashed(range);
      };
    default:
      return [](ValueSet::Range range) { return Dashed(range); };
  }
}

std::vector<std::string> Elements(const ValueSet& values, const NumberText& text) {
  std::vector<std::string> out;
  for (const ValueSet::Range& range : values.ranges) out.push_back(text(range));
  for (const std::string& name : values.names) out.push_back("\"" + name + "\"");
  return out;
}

std::string FieldName(const ValueMatch& m) {
  using Field = ValueMatch::Field;
  const std::string transport = m.protocol == 0 ? "th" : IpProtocolName(m.protocol);
  switch (m.field) {
    case Field::Source:
      return "ip saddr";
    case Field::Destination:
      return "ip daddr";
    case Field::Source6:
      return "ip6 saddr";
    case Field::Destination6:
      return "ip6 daddr";
    case Field::NextHeader:
      return "ip6 nexthdr";
    case Field::IpProtocol:
      return "ip protocol";
    case Field::Protocol:
      return "meta l4proto";
    case Field::SourcePort:
      return transport + " sport";
    case Field::DestinationPort:
      return transport + " dport";
    case Field::InDevice:
      return "iifname";
    case Field::OutDevice:
      return "oifname";
    case Field::InIndex:
      return "iif";
    case Field::OutIndex:
      return "oif";
    case Field::IcmpType:
      return "icmp type";
    case Field::IcmpCode:
      return "icmp code";
    case Field::Icmp6Type:
      return "icmpv6 type";
    case Field::Icmp6Code:
      return "icmpv6 code";
  }
  return {};
}

std::string FlagNames(uint8_t bits) {
  std::string out;
  for (const auto& [name, bit] : kTcpFlags) {
    if (!(bits & bit)) continue;
    out += out.empty() ? "" : ",";
    for (const char* c = name; *c; ++c) out += static_cast<char>(*c - 'A' + 'a');
  }
  return out;
}

std::string PortsText(const char* side, const std::string& transport, const std::optional<kernel::PortRange>& ports,
                      bool isNot) {
  return ports ? fmt::format(" {} {} {}{}", transport, side, isNot ? "!= " : "", Dashed(ports->first, ports->last))
               : "";
}

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string LogText(const std::string& prefix, const std::string& level) {
  return " log" + (prefix.empty() ? "" : fmt::format(" prefix \"{}\"", prefix)) +
         (level.empty() ? "" : " level " + level);
}

/// mark_tg_xlate() of libxt_MARK.c.
std::string MarkTargetText(const Target& t) {
  if (t.mark == 0) return fmt::format(" meta mark set mark and 0x{:x}", ~t.mask);
  if (t.mark == t.mask) return fmt::format(" meta mark set mark or 0x{:x}", t.mark);
  if (t.mask == 0) return fmt::format(" meta mark set mark xor 0x{:x}", t.mark);
  if (t.mask == UINT32_MAX) return fmt::format(" meta mark set 0x{:x}", t.mark);
  return fmt::format(" meta mark set mark and 0x{:x} xor 0x{:x}", ~t.mask, t.mark);
}

/// One statement, behind a blank. Those of iptables are said as xtables' translators do.
struct Said {
  const FilterRule& rule;
  bool stateless = false;

  static const char* Not(bool isNot) { return isNot ? "!= " : ""; }

  std::string operator()(const kernel::AddressMatch& m) const {
    const IpPrefix& prefix = m.any.front();
    return fmt::format(" {} {} {}{}", prefix.IsV6() ? "ip6" : "ip", m.isDestination ? "daddr" : "saddr", Not(m.isNot),
                       prefix.IsHost() ? prefix.address.ToString() : prefix.ToString());
  }
  std::string operator()(const kernel::DeviceMatch& m) const {
    std::string name = m.name;
    if (name.back() == '+') name.back() = '*';
    return fmt::format(" {} {}\"{}\"", m.isOut ? "oifname" : "iifname", Not(m.isNot), name);
  }
  std::string operator()(const kernel::ProtocolMatch& m) const {
    // What the ports say already is not said twice.
    const bool isImplied =
        !m.isNot && std::any_of(rule.matches.begin(), rule.matches.end(), [&](const kernel::Match& other) {
          const auto* transport = std::get_if<kernel::TransportMatch>(&other);
          return transport && transport->protocol == m.protocol;
        });
    return isImplied ? "" : fmt::format(" meta l4proto {}{}", Not(m.isNot), IpProtocolName(m.protocol));
  }
  std::string operator()(const kernel::TransportMatch& m) const {
    const std::string name = IpProtocolName(m.protocol);
    std::string out =
        PortsText("sport", name, m.source, m.notSource) + PortsText("dport", name, m.destination, m.notDestination);
    if (m.flagMask == 0) return out.empty() && !rule.byNft ? " meta l4proto " + name : out;
    if (rule.byNft && m.flags == m.flagMask && (m.flags & (m.flags - 1)) == 0)
      return out + " tcp flags " + FlagNames(m.flags);
    return out + fmt::format(" tcp flags {}{} / {}", m.notFlags ? "! " : "", m.flags == 0 ? "0x0" : FlagNames(m.flags),
                             FlagNames(m.flagMask));
  }
  std::string operator()(const kernel::MultiportMatch& m) const {
    std::string protocol = "th", ports;
    for (const kernel::Match& other : rule.matches)
      if (const auto* p = std::get_if<kernel::ProtocolMatch>(&other)) protocol = IpProtocolName(p->protocol);
    for (const kernel::PortRange& range : m.any) ports += (ports.empty() ? "" : ", ") + Dashed(range.first, range.last);
    if (m.any.size() > 1) ports = "{ " + ports + " }";
    const char* side = m.of == kernel::MultiportMatch::Of::Source ? "sport" : "dport";
    return fmt::format(" {} {} {}{}", protocol, side, Not(m.isNot), ports);
  }
  std::string operator()(const kernel::IcmpMatch& m) const {
    if (!m.type) return "";
    if (m.isV6) {  // icmp6_xlate(): it has no words for codes, nor numbers for types without a name
      const char* name = NameIn(kIcmp6Types, *m.type);
      if (m.code || !name) return " xt match icmp6";
      return fmt::format(" icmpv6 type {}{}", Not(m.isNot), name);
    }
    std::string out =
        fmt::format(" icmp type {}{}", Not(m.isNot), TextOf(ValueMatch::Field::IcmpType)({*m.type, *m.type}));
    if (m.code) out += fmt::format(" icmp code {}", *m.code);
    return out;
  }
  std::string operator()(const kernel::StateMatch& m) const {
    auto say = [&](const char* key, const auto& names) {
      std::string words;
      for (const auto& [name, bit] : names)
        if (m.any & bit) words += (words.empty() ? "" : ",") + std::string(name);
      return words.empty() ? "" : fmt::format(" ct {} {}{}", key, Not(m.isNot), words);
    };
    return (rule.byNft ? say("state", kNftStates) : say("state", kXlateStates)) + say("status", kNftStatus);
  }
  std::string operator()(const kernel::MarkMatch& m) const {
    if (m.mask == UINT32_MAX) return fmt::format(" meta mark {}0x{:08x}", Not(m.isNot), m.value);
    return fmt::format(" meta mark & 0x{:08x} {} 0x{:08x}", m.mask, m.isNot ? "!=" : "==", m.value);
  }
  std::string operator()(const kernel::AddressTypeMatch& m) const {
    auto say = [](const char* side, uint16_t types, bool isNot) {
      std::vector<std::string> words;
      for (const auto& [name, number] : kAddressTypes)
        if (types >> number & 1) words.push_back(LowerCase(name));
      if (words.empty()) return std::string();
      const std::string list = fmt::format("{}", fmt::join(words, ", "));
      return fmt::format(" fib {} type {}{}", side, Not(isNot), words.size() > 1 ? "{ " + list + " }" : list);
    };
    return say("saddr", m.source, m.notSource) + say("daddr", m.destination, m.notDestination);
  }
  std::string operator()(const kernel::PhysdevMatch&) const { return " "; }  // has no translation
  std::string operator()(const kernel::Comment&) const { return rule.byNft ? "" : " "; }
  std::string operator()(const kernel::LimitMatch& m) const {
    const char* unit = m.unit == Seconds(1)       ? "second"
                       : m.unit == Seconds(60)    ? "minute"
                       : m.unit == Seconds(3600)  ? "hour"
                       : m.unit == Seconds(86400) ? "day"
                                                  : "week";
    const char* over = m.isOver ? "over " : "";
    if (!m.ofBytes) {
      std::string out = fmt::format(" limit rate {}{}/{}", over, m.rate, unit);
      return m.burst == 5 ? out : out + fmt::format(" burst {} packets", m.burst);
    }
    auto bytes = [](uint64_t count) {
      const char* name = "bytes";
      for (const char* larger : {"kbytes", "mbytes"}) {
        if (count == 0 || count % 1024 != 0) break;
        count /= 1024;
        name = larger;
      }
      return fmt::format("{} {}", count, name);
    };
    std::string out = fmt::format(" limit rate {}{}/{}", over, bytes(m.rate), unit);
    return m.burst == 0 ? out : out + " burst " + bytes(m.burst);
  }
  std::string operator()(const ValueMatch& m) const {
    const std::string head = fmt::format(" {} {}", FieldName(m), Not(m.isNot));
    if (!m.set.empty()) return head + "@" + m.set;
    const std::vector<std::string> elements = Elements(m.values, TextOf(m.field));
    return head + (elements.size() == 1 ? elements[0] : fmt::format("{{ {} }}", fmt::join(elements, ", ")));
  }
  std::string operator()(const kernel::FamilyMatch& m) const {
    return fmt::format(" meta nfproto {}{}", Not(m.isNot), m.isV6 ? "ipv6" : "ipv4");
  }
  std::string operator()(const kernel::CountStatement&) const { return Counter(); }
  std::string operator()(const kernel::LogStatement& s) const { return LogText(s.prefix, s.level); }
  std::string operator()(const kernel::MarkStatement& s) const {
    if (s.mask == UINT32_MAX) return fmt::format(" meta mark set 0x{:08x}", s.mark);
    if (s.mask == s.mark) return fmt::format(" meta mark set meta mark | 0x{:08x}", s.mark);
    if (s.mask == 0) return fmt::format(" meta mark set meta mark ^ 0x{:08x}", s.mark);
    if (s.mark == 0) return fmt::format(" meta mark set meta mark & 0x{:08x}", ~s.mask);
    return fmt::format(" meta mark set meta mark & 0x{:08x} | 0x{:08x}", ~s.mask, s.mark);
  }
  std::string operator()(const kernel::NotrackStatement&) const { return " notrack"; }

  std::string Counter() const {
    return stateless ? " counter" : fmt::format(" counter packets {} bytes {}", rule.packets, rule.bytes);
  }
};

std::string NatText(const FilterTable& table, const Target& target) {
  const kernel::NatRange& nat = target.nat;
  std::string out;
  if (!nat.low.IsZero()) {
    out = nat.low.ToString();
    if (nat.high != nat.low) out += "-" + nat.high.ToString();
    if (nat.ports && nat.low.IsV6()) out = "[" + out + "]";
    const char* family = table.family != FilterFamily::Inet ? "" : nat.low.IsV6() ? " ip6" : " ip";
    out = fmt::format("{} to {}", family, out);
  }
  if (nat.ports) out += (out.empty() ? " to :" : ":") + Dashed(nat.ports->first, nat.ports->last);
  std::string flags;
  for (const auto& [isSet, name] :
       {std::pair{nat.random, "random"}, {nat.fullyRandom, "fully-random"}, {nat.persistent, "persistent"}})
    if (isSet) flags += (flags.empty() ? " " : ",") + std::string(name);
  return out + flags;
}

std::string RejectText(const FilterTable& table, const Target& target, bool byNft) {
  if (target.rejectWith == RejectWith::TcpReset) return " reject with tcp reset";
  const bool isUsual = target.rejectWith == RejectWith::PortUnreachable;
  if (isUsual && target.asIcmpx == (table.family == FilterFamily::Inet)) return " reject";
  if (target.isIcmpv6)
    return fmt::format(" reject with icmpv6 {}{}", byNft ? "" : "type ", NameIn(kIcmp6Rejects, target.rejectWith));
  return target.asIcmpx ? fmt::format(" reject with icmpx {}", NameIn(kIcmpxRejects, target.rejectWith))
                        : fmt::format(" reject with icmp {}", NameIn(kRejects, target.rejectWith));
}

std::string TargetText(const FilterTable& table, const Target& target, bool byNft) {
  switch (target.kind) {
    case Target::Kind::None:
      return "";
    case Target::Kind::Accept:
      return " accept";
    case Target::Kind::Drop:
      return " drop";
    case Target::Kind::Reject:
      return RejectText(table, target, byNft);
    case Target::Kind::Return:
      return " return";
    case Target::Kind::Jump:
      return " jump " + target.chain;
    case Target::Kind::Goto:
      return " goto " + target.chain;
    case Target::Kind::Mark:
      return MarkTargetText(target);
    case Target::Kind::Masquerade:
      return " masquerade" + NatText(table, target);
    case Target::Kind::Snat:
      return " snat" + NatText(table, target);
    case Target::Kind::Dnat:
      return " dnat" + NatText(table, target);
    case Target::Kind::Redirect:
      return " redirect" + NatText(table, target);
    case Target::Kind::Notrack:
      return " notrack";
    case Target::Kind::Log:
      return LogText(target.prefix, "");
  }
  return "";
}

std::string RuleText(const FilterTable& table, const FilterRule& rule, bool stateless) {
  const Said said{rule, stateless};
  std::string out, comment;
  auto isDevice = [](const kernel::Match& m) { return std::holds_alternative<kernel::DeviceMatch>(m); };
  for (const kernel::Match& match : rule.matches)
    if (isDevice(match)) out += std::visit(said, match);  // iptables-nft puts them first
  for (const kernel::Match& match : rule.matches) {
    if (!isDevice(match)) out += std::visit(said, match);
    if (const auto* c = std::get_if<kernel::Comment>(&match); c && rule.byNft)
      comment = fmt::format(" comment \"{}\"", c->text);
  }
  if (!rule.byNft) out += said.Counter();
  out += TargetText(table, rule.target, rule.byNft) + comment;
  return out.empty() ? out : out.substr(1);
}

}  // namespace

std::optional<uint8_t> NftWords::IcmpType(std::string_view word) { return FindIn<uint8_t>(kIcmpTypes, word); }
std::optional<uint8_t> NftWords::IcmpCode(std::string_view word) { return FindIn<uint8_t>(kIcmpCodes, word); }
std::optional<uint8_t> NftWords::Icmp6Type(std::string_view word) { return FindIn<uint8_t>(kIcmp6Types, word); }
std::optional<uint8_t> NftWords::Icmp6Code(std::string_view word) { return FindIn<uint8_t>(kIcmp6Codes, word); }
std::optional<RejectWith> NftWords::Reject(std::string_view word, std::string_view protocol) {
  if (protocol == "icmpv6") return FindIn<RejectWith>(kIcmp6Rejects, word);
  return protocol == "icmpx" ? FindIn<RejectWith>(kIcmpxRejects, word) : FindIn<RejectWith>(kRejects, word);
}
const NftWords::Priority* NftWords::FindPriority(std::string_view word) {
  for (const Priority& priority : kPriorities)
    if (word == priority.name) return &priority;
  return nullptr;
}

const char* NftFamilyName(FilterFamily family) {
  static constexpr const char* kNames[] = {"ip", "ip6", "inet", "bridge"};
  return kNames[static_cast<size_t>(family)];
}

std::string NftHookText(const FilterChain& chain) {
  if (!chain.hook) return {};
  const char* type = chain.type == kernel::ChainType::Nat       ? "nat"
                     : chain.type == kernel::ChainType::Reroute ? "route"
                                                                : "filter";
  std::string priority = fmt::to_string(chain.priority);
  for (const NftWords::Priority& p : kPriorities) {
    const int distance = chain.priority - p.value;
    if (std::abs(distance) > kPriorityReach || (p.onlyAt && *p.onlyAt != *chain.hook)) continue;
    priority = p.name;
    if (distance != 0) priority += fmt::format(" {} {}", distance > 0 ? '+' : '-', std::abs(distance));
    break;
  }
  return fmt::format("type {} hook {} priority {}; policy {};", type, kHookNames[static_cast<size_t>(*chain.hook)],
                     priority, chain.drops ? "drop" : "accept");
}

bool IsOfIptables(const FilterTable& table) {
  if (table.family != FilterFamily::Ip && table.family != FilterFamily::Ip6) return false;
  if (!table.sets.empty()) return false;
  const auto builtin = kernel::BuiltinChains(table.name);
  return !builtin.empty() && std::all_of(table.chains.begin(), table.chains.end(), [&](const auto& chain) {
    const bool isKnown = !chain->hook || std::any_of(builtin.begin(), builtin.end(), [&](const auto& b) {
      return chain->name == kernel::BuiltinName(b.hook);
    });
    return isKnown &&
           std::none_of(chain->rules.begin(), chain->rules.end(), [](const FilterRule& r) { return r.byNft; });
  });
}

bool HasXtables(const FilterTable& table) {
  for (const auto& chain : table.chains)
    for (const FilterRule& rule : chain->rules) {
      if (rule.byNft) continue;
      switch (rule.target.kind) {
        case Target::Kind::None:
        case Target::Kind::Accept:
        case Target::Kind::Drop:
        case Target::Kind::Return:
        case Target::Kind::Jump:
        case Target::Kind::Goto:
          break;
        default:
          return true;
      }
      for (const kernel::Match& m : rule.matches)
        if (std::holds_alternative<kernel::MultiportMatch>(m) || std::holds_alternative<kernel::IcmpMatch>(m) ||
            std::holds_alternative<kernel::StateMatch>(m) || std::holds_alternative<kernel::AddressTypeMatch>(m) ||
            std::holds_alternative<kernel::PhysdevMatch>(m) || std::holds_alternative<kernel::Comment>(m))
          return true;
    }
  return false;
}

std::string NftRuleText(const FilterTable& table, const FilterRule& rule) { return RuleText(table, rule, false); }

std::string NftChainText(const FilterTable& table, const FilterChain& chain, const NftListOptions& options) {
  std::string out = fmt::format("\tchain {} {{\n", chain.name);
  if (const std::string hook = NftHookText(chain); !hook.empty()) out += "\t\t" + hook + "\n";
  for (const FilterRule& rule : chain.rules) out += "\t\t" + RuleText(table, rule, options.stateless) + "\n";
  return out + "\t}\n";
}

std::string NftSetText(const FilterSet& set, const NftListOptions& options) {
  static constexpr const char* kTypes[] = {"ipv4_addr", "ipv6_addr", "inet_service", "inet_proto", "ifname"};
  std::string out = fmt::format("\tset {} {{\n\t\ttype {}\n", set.name, kTypes[static_cast<size_t>(set.type)]);
  if (set.hasIntervals) out += "\t\tflags interval\n";
  if (set.merges) out += "\t\tauto-merge\n";
  NumberText text = [](ValueSet::Range range) { return Dashed(range); };
  if (set.type == FilterSet::Type::Address) text = AddressText;
  if (set.type == FilterSet::Type::Address6) text = Address6Text;
  if (set.type == FilterSet::Type::Protocol) text = ProtocolText;
  const std::vector<std::string> elements = Elements(set.values, text);
  if (!elements.empty() && !options.terse) {
    // calculate_delim()
    using Type = FilterSet::Type;
    const bool isWide = set.type == Type::DeviceName || set.type == Type::Address6;
    const size_t perLine = isWide ? 1 : set.type == Type::Address ? 2 : 5;
    out += "\t\telements = { ";
    for (size_t i = 0; i < elements.size(); ++i)
      out += (i == 0 ? "" : i % perLine == 0 ? ",\n\t\t\t     " : ", ") + elements[i];
    out += " }\n";
  }
  return out + "\t}\n";
}

std::string NftTableText(const FilterTable& table, const NftListOptions& options) {
  std::string out;
  out += fmt::format("table {} {} {{\n", NftFamilyName(table.family), table.name);
  std::string body;
  for (const FilterSet& set : table.sets) body += (body.empty() ? "" : "\n") + NftSetText(set, options);
  for (const auto& chain : table.chains) body += (body.empty() ? "" : "\n") + NftChainText(table, *chain, options);
  return out + body + "}\n";
}

}  // namespace overlaysim::iproute2
