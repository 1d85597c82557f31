#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>
#include <utility>

#include "models/linux/namespace.h"
#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"

namespace overlaysim::iproute2 {

using kernel::FilterRule;
using kernel::PortRange;
using kernel::RejectWith;
using kernel::Target;

const std::vector<std::pair<const char*, uint8_t>> kConnectionStates = {{"INVALID", kernel::kStateInvalid},
                                                                        {"NEW", kernel::kStateNew},
                                                                        {"RELATED", kernel::kStateRelated},
                                                                        {"ESTABLISHED", kernel::kStateEstablished},
                                                                        {"UNTRACKED", kernel::kStateUntracked},
                                                                        {"SNAT", kernel::kStateSnat},
                                                                        {"DNAT", kernel::kStateDnat}};
const std::vector<std::pair<const char*, uint8_t>> kTcpFlags = {{"FIN", 1}, {"SYN", 2},  {"RST", 4},
                                                                {"PSH", 8}, {"ACK", 16}, {"URG", 32}};
const std::vector<std::pair<const char*, uint8_t>> kAddressTypes = {
    {"UNICAST", 1},   {"LOCAL", 2},     {"BROADCAST", 3},   {"ANYCAST", 4},
    {"MULTICAST", 5}, {"BLACKHOLE", 6}, {"UNREACHABLE", 7}, {"PROHIBIT", 8}};

namespace {

constexpr std::pair<uint8_t, const char*> kProtocols[] = {
    {1, "icmp"}, {2, "igmp"}, {4, "ipencap"},    {6, "tcp"},     {17, "udp"},  {41, "ipv6"},  {47, "gre"},
    {50, "esp"}, {51, "ah"},  {58, "ipv6-icmp"}, {58, "icmpv6"}, {89, "ospf"}, {132, "sctp"}, {136, "udplite"},
};

struct IcmpName {
  const char* name;
  uint8_t type;
  int code;  ///< -1: any
};
/// The name that is printed comes before its other names.
constexpr IcmpName kIcmpNames[] = {
    {"echo-reply", 0, -1},
    {"pong", 0, -1},
    {"destination-unreachable", 3, -1},
    {"network-unreachable", 3, 0},
    {"host-unreachable", 3, 1},
    {"protocol-unreachable", 3, 2},
    {"port-unreachable", 3, 3},
    {"fragmentation-needed", 3, 4},
    {"source-route-failed", 3, 5},
    {"network-unknown", 3, 6},
    {"host-unknown", 3, 7},
    {"network-prohibited", 3, 9},
    {"host-prohibited", 3, 10},
    {"TOS-network-unreachable", 3, 11},
    {"TOS-host-unreachable", 3, 12},
    {"communication-prohibited", 3, 13},
    {"source-quench", 4, -1},
    {"redirect", 5, -1},
    {"echo-request", 8, -1},
    {"ping", 8, -1},
    {"router-advertisement", 9, -1},
    {"router-solicitation", 10, -1},
    {"time-exceeded", 11, -1},
    {"ttl-exceeded", 11, -1},
    {"ttl-zero-during-transit", 11, 0},
    {"ttl-zero-during-reassembly", 11, 1},
    {"parameter-problem", 12, -1},
    {"timestamp-request", 13, -1},
    {"timestamp-reply", 14, -1},
};

constexpr IcmpName kIcmp6Names[] = {
    {"destination-unreachable", 1, -1},
    {"no-route", 1, 0},
    {"communication-prohibited", 1, 1},
    {"beyond-scope", 1, 2},
    {"address-unreachable", 1, 3},
    {"port-unreachable", 1, 4},
    {"failed-policy", 1, 5},
    {"reject-route", 1, 6},
    {"packet-too-big", 2, -1},
    {"time-exceeded", 3, -1},
    {"ttl-exceeded", 3, -1},
    {"ttl-zero-during-transit", 3, 0},
    {"ttl-zero-during-reassembly", 3, 1},
    {"parameter-problem", 4, -1},
    {"bad-header", 4, 0},
    {"unknown-header-type", 4, 1},
    {"unknown-option", 4, 2},
    {"echo-request", 128, -1},
    {"ping", 128, -1},
    {"echo-reply", 129, -1},
    {"pong", 129, -1},
    {"router-solicitation", 133, -1},
    {"router-advertisement", 134, -1},
    {"neighbour-solicitation", 135, -1},
    {"neighbor-solicitation", 135, -1},
    {"neighbour-advertisement", 136, -1},
    {"neighbor-advertisement", 136, -1},
    {"redirect", 137, -1},
};
std::span<const IcmpName> IcmpNames(bool isV6) {
  return isV6 ? std::span<const IcmpName>(kIcmp6Names) : std::span<const IcmpName>(kIcmpNames);
}

struct RejectType {
  RejectWith with;
  const char* name;
  const char* alias;
};
constexpr RejectType kRejectTypes6[] = {
    {RejectWith::NetUnreachable, "icmp6-no-route", "no-route"},
    {RejectWith::AdminProhibited, "icmp6-adm-prohibited", "adm-prohibited"},
    {RejectWith::HostUnreachable, "icmp6-addr-unreachable", "addr-unreach"},
    {RejectWith::PortUnreachable, "icmp6-port-unreachable", "port-unreach"},
    {RejectWith::TcpReset, "tcp-reset", "tcp-reset"},
    {RejectWith::PolicyFail, "icmp6-policy-fail", "policy-fail"},
    {RejectWith::RejectRoute, "icmp6-reject-route", "reject-route"},
};

/// In the order of kernel::RejectWith.
constexpr std::pair<const char*, const char*> kRejectTypes[] = {
    {"icmp-net-unreachable", "net-unreach"},     {"icmp-host-unreachable", "host-unreach"},
    {"icmp-proto-unreachable", "proto-unreach"}, {"icmp-port-unreachable", "port-unreach"},
    {"icmp-net-prohibited", "net-prohib"},       {"icmp-host-prohibited", "host-prohib"},
    {"icmp-admin-prohibited", "admin-prohib"},   {"tcp-reset", "tcp-rst"},
};

/// /etc/services of Debian 12, as far as clusters meet them.
constexpr std::pair<const char*, uint16_t> kServices[] = {
    {"ftp", 21},           {"ssh", 22},    {"telnet", 23},       {"smtp", 25},    {"domain", 53},
    {"bootps", 67},        {"bootpc", 68}, {"tftp", 69},         {"http", 80},    {"sunrpc", 111},
    {"ntp", 123},          {"snmp", 161},  {"bgp", 179},         {"ldap", 389},   {"https", 443},
    {"isakmp", 500},       {"ldaps", 636}, {"openvpn", 1194},    {"nfs", 2049},   {"mysql", 3306},
    {"ipsec-nat-t", 4500}, {"mdns", 5353}, {"postgresql", 5432}, {"redis", 6379}, {"http-alt", 8080},
    {"tproxy", 8081},
};

std::string PortName(uint16_t port, bool numeric) { return numeric ? fmt::to_string(port) : ServiceName(port); }

std::string Ports(const PortRange& ports, bool numeric = true, char separator = ':') {
  if (ports.first == ports.last) return PortName(ports.first, numeric);
  return PortName(ports.first, numeric) + separator + PortName(ports.last, numeric);
}

std::string PortList(const std::vector<PortRange>& ports, bool numeric) {
  std::string out;
  for (const PortRange& range : ports) out += (out.empty() ? "" : ",") + Ports(range, numeric);
  return out;
}

std::string NamesOf(const std::vector<std::pair<const char*, uint8_t>>& names, uint8_t bits) {
  std::string out;
  for (const auto& [name, bit] : names)
    if (bits & bit) out += (out.empty() ? "" : ",") + std::string(name);
  return out.empty() ? "NONE" : out;
}

std::string TypeNames(uint16_t types) {
  std::string out;
  for (const auto& [name, number] : kAddressTypes)
    if (types >> number & 1) out += (out.empty() ? "" : ",") + std::string(name);
  return out;
}

std::string MarkText(uint32_t value, uint32_t mask) {
  return mask == UINT32_MAX ? fmt::format("0x{:x}", value) : fmt::format("0x{:x}/0x{:x}", value, mask);
}

std::string NatText(const kernel::NatRange& nat) {
  std::string out;
  if (!nat.low.IsZero()) {
    out = nat.low.ToString();
    if (nat.high != nat.low) out += "-" + nat.high.ToString();
    if (nat.ports && nat.low.IsV6()) out = "[" + out + "]";
  }
  if (nat.ports) out += ":" + Ports(*nat.ports, true, '-');
  return out;
}

std::string Quoted(const std::string& text) {
  return text.find_first_of(" \t'") == std::string::npos ? text : "\"" + text + "\"";
}

const char* Not(bool isNot) { return isNot ? "! " : ""; }

/// "5/min"
std::string RateText(const kernel::LimitMatch& m) {
  const char* unit = m.unit == Seconds(1)      ? "sec"
                     : m.unit == Seconds(60)   ? "min"
                     : m.unit == Seconds(3600) ? "hour"
                                               : "day";
  return fmt::format("{}/{}", m.rate, unit);
}

const char* OfPorts(kernel::MultiportMatch::Of of) {
  using Of = kernel::MultiportMatch::Of;
  return of == Of::Source ? "sports" : of == Of::Destination ? "dports" : "ports";
}

/// A match as it is typed, behind a blank.
struct Typed {
  std::string operator()(const kernel::AddressMatch& m) const {
    return fmt::format(" {}{} {}", Not(m.isNot), m.isDestination ? "-d" : "-s", m.any.front().ToString());
  }
  std::string operator()(const kernel::DeviceMatch& m) const {
    return fmt::format(" {}{} {}", Not(m.isNot), m.isOut ? "-o" : "-i", m.name);
  }
  std::string operator()(const kernel::ProtocolMatch& m) const {
    return fmt::format(" {}-p {}", Not(m.isNot), IpProtocolName(m.protocol));
  }
  std::string operator()(const kernel::TransportMatch& m) const {
    std::string out = " -m " + IpProtocolName(m.protocol);
    if (m.source) out += fmt::format(" {}--sport {}", Not(m.notSource), Ports(*m.source));
    if (m.destination) out += fmt::format(" {}--dport {}", Not(m.notDestination), Ports(*m.destination));
    if (m.flagMask != 0)
      out += fmt::format(" {}--tcp-flags {} {}", Not(m.notFlags), NamesOf(kTcpFlags, m.flagMask),
                         NamesOf(kTcpFlags, m.flags));
    return out;
  }
  std::string operator()(const kernel::MultiportMatch& m) const {
    return fmt::format(" -m multiport {}--{} {}", Not(m.isNot), OfPorts(m.of), PortList(m.any, true));
  }
  std::string operator()(const kernel::IcmpMatch& m) const {
    std::string type = m.type ? fmt::to_string(*m.type) : "any";
    if (m.code) type += fmt::format("/{}", *m.code);
    return fmt::format(" -m {} {}--{}-type {}", m.isV6 ? "icmp6" : "icmp", Not(m.isNot), m.isV6 ? "icmpv6" : "icmp",
                       type);
  }
  std::string operator()(const kernel::StateMatch& m) const {
    return fmt::format(" -m {} {}--{} {}", m.asState ? "state" : "conntrack", Not(m.isNot),
                       m.asState ? "state" : "ctstate", NamesOf(kConnectionStates, m.any));
  }
  std::string operator()(const kernel::MarkMatch& m) const {
    return fmt::format(" -m mark {}--mark {}", Not(m.isNot), MarkText(m.value, m.mask));
  }
  std::string operator()(const kernel::AddressTypeMatch& m) const {
    std::string out = " -m addrtype";
    if (m.source != 0) out += fmt::format(" {}--src-type {}", Not(m.notSource), TypeNames(m.source));
    if (m.destination != 0) out += fmt::format(" {}--dst-type {}", Not(m.notDestination), TypeNames(m.destination));
    return out;
  }
  static std::string Physdev(const kernel::PhysdevMatch& m) {
    std::string out;
    if (m.isIn) out += fmt::format(" {}--physdev-is-in", Not(m.notIsIn));
    if (!m.in.empty()) out += fmt::format(" {}--physdev-in {}", Not(m.notIn), m.in);
    if (m.isOut) out += fmt::format(" {}--physdev-is-out", Not(m.notIsOut));
    if (!m.out.empty()) out += fmt::format(" {}--physdev-out {}", Not(m.notOut), m.out);
    if (m.isBridged) out += fmt::format(" {}--physdev-is-bridged", Not(m.notIsBridged));
    return out;
  }
  std::string operator()(const kernel::PhysdevMatch& m) const { return " -m physdev" + Physdev(m); }
  std::string operator()(const kernel::Comment& m) const { return " -m comment --comment " + Quoted(m.text); }
  std::string operator()(const kernel::LimitMatch& m) const {
    return " -m limit --limit " + RateText(m) + (m.burst == 5 ? "" : fmt::format(" --limit-burst {}", m.burst));
  }
  template <typename M>
  std::string operator()(const M&) const {
    return {};  // nft's alone
  }
};

/// A match as `iptables -L` has it behind its columns, after a blank; the columns' own give nothing.
struct Listed {
  bool numeric = false;

  std::string operator()(const kernel::AddressMatch&) const { return {}; }
  std::string operator()(const kernel::DeviceMatch&) const { return {}; }
  std::string operator()(const kernel::ProtocolMatch&) const { return {}; }
  std::string operator()(const kernel::TransportMatch& m) const {
    std::string out = " " + IpProtocolName(m.protocol);
    auto ports = [&](const char* what, const std::optional<PortRange>& range, bool isNot) {
      if (range)
        out += fmt::format(" {}{}:{}{}", what, range->first == range->last ? "" : "s", isNot ? "!" : "",
                           Ports(*range, numeric));
    };
    ports("spt", m.source, m.notSource);
    ports("dpt", m.destination, m.notDestination);
    if (m.flagMask != 0)
      out += numeric ? fmt::format(" flags:{}0x{:02X}/0x{:02X}", m.notFlags ? "!" : "", m.flagMask, m.flags)
                     : fmt::format(" flags:{}{}/{}", m.notFlags ? "!" : "", NamesOf(kTcpFlags, m.flagMask),
                                   NamesOf(kTcpFlags, m.flags));
    return out;
  }
  std::string operator()(const kernel::MultiportMatch& m) const {
    return fmt::format(" multiport {} {}{}", OfPorts(m.of), m.isNot ? " !" : "", PortList(m.any, numeric));
  }
  std::string operator()(const kernel::IcmpMatch& m) const {
    const char* isNot = m.isNot ? "!" : "";
    if (!m.type) return fmt::format(" {}icmptype 255", isNot);
    if (!numeric)
      for (const IcmpName& n : IcmpNames(m.isV6))
        if (n.type == *m.type && (n.code < 0 ? !m.code : m.code == static_cast<uint8_t>(n.code)))
          return fmt::format(" {} {}{}", m.isV6 ? "ipv6-icmp" : "icmp", isNot, n.name);
    std::string text = m.isV6 ? fmt::format(" ipv6-icmp{}type {}", m.isNot ? " !" : "", *m.type)
                              : fmt::format(" {}icmptype {}", isNot, *m.type);
    if (m.code) text += fmt::format(" code {}", *m.code);
    return text;
  }
  std::string operator()(const kernel::StateMatch& m) const {
    return fmt::format(" {}{} {}", Not(m.isNot), m.asState ? "state" : "ctstate", NamesOf(kConnectionStates, m.any));
  }
  std::string operator()(const kernel::MarkMatch& m) const {
    return fmt::format(" mark match {}{}", Not(m.isNot), MarkText(m.value, m.mask));
  }
  std::string operator()(const kernel::AddressTypeMatch& m) const {
    std::string out = " ADDRTYPE match";
    if (m.source != 0) out += fmt::format(" src-type {}{}", m.notSource ? "!" : "", TypeNames(m.source));
    if (m.destination != 0) out += fmt::format(" dst-type {}{}", m.notDestination ? "!" : "", TypeNames(m.destination));
    return out;
  }
  std::string operator()(const kernel::PhysdevMatch& m) const { return " PHYSDEV match" + Typed::Physdev(m); }
  std::string operator()(const kernel::Comment& m) const { return fmt::format(" /* {} */", m.text); }
  std::string operator()(const kernel::LimitMatch& m) const {
    return fmt::format(" limit: avg {} burst {}", RateText(m), m.burst);
  }
  template <typename M>
  std::string operator()(const M&) const {
    return {};  // nft's alone
  }
};

std::string ListedTarget(const Target& t, bool numeric) {
  std::string random;
  if (t.nat.random) random += " random";
  if (t.nat.fullyRandom) random += " random-fully";
  if (t.nat.persistent) random += " persistent";
  switch (t.kind) {
    case Target::Kind::Reject:
      return std::string(" reject-with ") + RejectName(t);
    case Target::Kind::Mark:
      if (t.mark == 0) return fmt::format(" MARK and 0x{:x}", ~t.mask);
      if (t.mark == t.mask) return fmt::format(" MARK or 0x{:x}", t.mark);
      if (t.mask == 0) return fmt::format(" MARK xor 0x{:x}", t.mark);
      if (t.mask == UINT32_MAX) return fmt::format(" MARK set 0x{:x}", t.mark);
      return fmt::format(" MARK xset 0x{:x}/0x{:x}", t.mark, t.mask);
    case Target::Kind::Log: {
      const std::string prefix = t.prefix.empty() ? "" : fmt::format(" prefix \"{}\"", t.prefix);
      return (numeric ? " LOG flags 0 level 4" : " LOG level warn") + prefix;
    }
    case Target::Kind::Notrack:
      return t.asCt ? " CT notrack" : " NOTRACK";
    case Target::Kind::Masquerade:
      return (t.nat.ports ? " masq ports: " + Ports(*t.nat.ports, true, '-') : "") + random;
    case Target::Kind::Redirect:
      return (t.nat.ports ? " redir ports " + Ports(*t.nat.ports, true, '-') : "") + random;
    case Target::Kind::Snat:
    case Target::Kind::Dnat:
      return " to:" + NatText(t.nat) + random;
    default:
      return {};
  }
}

std::string TypedTarget(const Target& t) {
  std::string random;
  if (t.nat.random) random += " --random";
  if (t.nat.fullyRandom) random += " --random-fully";
  if (t.nat.persistent) random += " --persistent";
  switch (t.kind) {
    case Target::Kind::Reject:
      return std::string(" --reject-with ") + RejectName(t);
    case Target::Kind::Mark:
      return fmt::format(" --set-xmark 0x{:x}/0x{:x}", t.mark, t.mask);
    case Target::Kind::Log:
      return t.prefix.empty() ? "" : fmt::format(" --log-prefix \"{}\"", t.prefix);
    case Target::Kind::Notrack:
      return t.asCt ? " --notrack" : "";
    case Target::Kind::Masquerade:
    case Target::Kind::Redirect:
      return (t.nat.ports ? " --to-ports " + Ports(*t.nat.ports, true, '-') : "") + random;
    case Target::Kind::Snat:
      return " --to-source " + NatText(t.nat) + random;
    case Target::Kind::Dnat:
      return " --to-destination " + NatText(t.nat) + random;
    default:
      return {};
  }
}

/// xtables_print_num(): five digits, then in thousands.
std::string Count(uint64_t number, bool exact) {
  if (exact) return fmt::format("{:>8} ", number);
  if (number <= 99999) return fmt::format("{:>5} ", number);
  for (const char* unit : {"K", "M", "G"}) {
    number = (number + 500) / 1000;
    if (number <= 9999) return fmt::format("{:>4}{} ", number, unit);
  }
  return fmt::format("{:>4}T ", (number + 500) / 1000);
}

template <typename M>
const M* FindMatch(const FilterRule& rule, const std::function<bool(const M&)>& which) {
  for (const kernel::Match& match : rule.matches)
    if (const M* m = std::get_if<M>(&match); m && which(*m)) return m;
  return nullptr;
}

std::string HostOrPrefix(const IpPrefix& prefix) {
  return prefix.IsHost() ? prefix.address.ToString() : prefix.ToString();
}

std::string AddressColumn(const FilterRule& rule, bool isDestination, bool numeric, bool isV6) {
  const auto* m =
      FindMatch<kernel::AddressMatch>(rule, [&](const auto& a) { return a.isDestination == isDestination; });
  const bool isAny = !m || m->any.front().length == 0;
  return fmt::format("{}{:<19} ", m && m->isNot ? '!' : ' ',
                     !isAny     ? HostOrPrefix(m->any.front())
                     : !numeric ? "anywhere"
                     : isV6     ? "::/0"
                                : "0.0.0.0/0");
}

std::string DeviceColumn(const FilterRule& rule, bool isOut, bool numeric) {
  const auto* m = FindMatch<kernel::DeviceMatch>(rule, [&](const auto& d) { return d.isOut == isOut; });
  return fmt::format("{}{:<6}", m && m->isNot ? '!' : ' ', m ? m->name : numeric ? "*" : "any");
}

std::string RuleRow(const FilterRule& rule, const FilterListOptions& options, size_t number, bool isV6) {
  std::string out;
  if (options.lineNumbers) out += fmt::format("{:<4} ", number);
  if (options.verbose) {
    out += Count(rule.packets, options.exact);
    out += Count(rule.bytes, options.exact);
  }
  const auto* protocol = FindMatch<kernel::ProtocolMatch>(rule, [](const auto&) { return true; });
  out += fmt::format("{:<9} {}{:<4} -- ", FilterTargetName(rule.target), protocol && protocol->isNot ? '!' : ' ',
                     !protocol ? (options.numeric ? "0" : "all") : IpProtocolName(protocol->protocol, options.numeric));
  if (options.verbose)
    out += DeviceColumn(rule, false, options.numeric) + DeviceColumn(rule, true, options.numeric) + " ";
  out += AddressColumn(rule, false, options.numeric, isV6) + AddressColumn(rule, true, options.numeric, isV6);
  if (rule.target.kind == Target::Kind::Goto) out += "[goto] ";
  for (const kernel::Match& match : rule.matches) out += std::visit(Listed{options.numeric}, match);
  return out + ListedTarget(rule.target, options.numeric) + "\n";
}

size_t References(const kernel::FilterTable& table, const std::string& chain) {
  size_t count = 0;
  for (const auto& other : table.chains)
    for (const FilterRule& rule : other->rules) count += rule.target.chain == chain;
  return count;
}

}  // namespace

std::string FilterTargetName(const Target& target) {
  switch (target.kind) {
    case Target::Kind::None:
      return "";
    case Target::Kind::Accept:
      return "ACCEPT";
    case Target::Kind::Drop:
      return "DROP";
    case Target::Kind::Reject:
      return "REJECT";
    case Target::Kind::Return:
      return "RETURN";
    case Target::Kind::Jump:
    case Target::Kind::Goto:
      return target.chain;
    case Target::Kind::Mark:
      return "MARK";
    case Target::Kind::Masquerade:
      return "MASQUERADE";
    case Target::Kind::Snat:
      return "SNAT";
    case Target::Kind::Dnat:
      return "DNAT";
    case Target::Kind::Redirect:
      return "REDIRECT";
    case Target::Kind::Notrack:
      return "CT";
    case Target::Kind::Log:
      return "LOG";
  }
  return "";
}

std::string IpProtocolName(uint8_t protocol, bool numeric) {
  if (!numeric)
    for (const auto& [number, name] : kProtocols)
      if (number == protocol) return name;
  return fmt::to_string(protocol);
}

std::optional<uint8_t> ParseIpProtocol(const std::string& word) {
  if (word == "all") return uint8_t{0};
  for (const auto& [number, name] : kProtocols)
    if (word == name) return number;
  const auto number = ParseNumber(word, 255);
  return number ? std::optional(static_cast<uint8_t>(*number)) : std::nullopt;
}

std::optional<uint16_t> ParseService(const std::string& word) {
  for (const auto& [name, port] : kServices)
    if (word == name) return port;
  const auto number = ParseNumber(word, 65535);
  return number ? std::optional(static_cast<uint16_t>(*number)) : std::nullopt;
}

std::string ServiceName(uint16_t port) {
  for (const auto& [name, number] : kServices)
    if (number == port) return name;
  return fmt::to_string(port);
}

std::optional<kernel::IcmpMatch> ParseIcmpType(const std::string& word, bool isV6) {
  if (word == "any" && !isV6) return kernel::IcmpMatch{};
  for (const IcmpName& n : IcmpNames(isV6))
    if (word == n.name)
      return kernel::IcmpMatch{.isV6 = isV6,
                               .type = n.type,
                               .code = n.code < 0 ? std::nullopt : std::optional(static_cast<uint8_t>(n.code))};
  const size_t slash = word.find('/');
  const auto type = ParseNumber(word.substr(0, slash), 255);
  if (!type) return std::nullopt;
  kernel::IcmpMatch match{.isV6 = isV6, .type = static_cast<uint8_t>(*type)};
  if (slash == std::string::npos) return match;
  const auto code = ParseNumber(word.substr(slash + 1), 255);
  if (!code) return std::nullopt;
  match.code = static_cast<uint8_t>(*code);
  return match;
}

std::optional<RejectWith> ParseRejectType(const std::string& word, bool isV6) {
  if (isV6) {
    for (const RejectType& type : kRejectTypes6)
      if (word == type.name || word == type.alias) return type.with;
    return std::nullopt;
  }
  for (size_t i = 0; i < std::size(kRejectTypes); ++i)
    if (word == kRejectTypes[i].first || word == kRejectTypes[i].second) return static_cast<RejectWith>(i);
  return std::nullopt;
}

const char* RejectName(const Target& target) {
  if (!target.isIcmpv6) return kRejectTypes[static_cast<size_t>(target.rejectWith)].first;
  for (const RejectType& type : kRejectTypes6)
    if (type.with == target.rejectWith) return type.name;
  return "";
}

std::string FilterRuleLine(const std::string& chain, const FilterRule& rule, bool counters) {
  std::string line = "-A " + chain;
  for (const kernel::Match& match : rule.matches) line += std::visit(Typed{}, match);
  if (counters) line += fmt::format(" -c {} {}", rule.packets, rule.bytes);
  const Target& t = rule.target;
  if (t.kind == Target::Kind::Notrack)
    line += t.asCt ? " -j CT" : " -j NOTRACK";
  else if (t.kind != Target::Kind::None)
    line += fmt::format(" {} {}", t.kind == Target::Kind::Goto ? "-g" : "-j", FilterTargetName(t));
  return line + TypedTarget(t);
}

std::vector<kernel::FilterChain> ChainsInOrder(const kernel::Namespace& ns, std::string_view name,
                                               kernel::FilterFamily family) {
  std::vector<kernel::FilterChain> out;
  const kernel::FilterTable* table = ns.netfilter.Find(family, name);
  for (const kernel::BuiltinChain& builtin : kernel::BuiltinChains(name)) {
    const char* chainName = kernel::BuiltinName(builtin.hook);
    const kernel::FilterChain* chain = table ? table->Find(chainName) : nullptr;
    out.push_back(chain ? *chain : kernel::FilterChain{.name = chainName, .hook = builtin.hook});
  }
  const size_t count = out.size();
  if (table)
    for (const auto& chain : table->chains)
      if (!chain->hook) out.push_back(*chain);
  std::sort(out.begin() + static_cast<std::ptrdiff_t>(count), out.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

std::string FilterChainTable(const kernel::FilterTable& table, const kernel::FilterChain& chain,
                             const FilterListOptions& options, size_t only) {
  const bool isV6 = table.family == kernel::FilterFamily::Ip6;
  if (only != 0) return only <= chain.rules.size() ? RuleRow(chain.rules[only - 1], options, only, isV6) : "";
  std::string out = "Chain " + chain.name;
  if (!chain.hook) {
    out += fmt::format(" ({} references)\n", References(table, chain.name));
  } else {
    out += chain.drops ? " (policy DROP" : " (policy ACCEPT";
    if (options.verbose) {
      auto plain = [&](uint64_t n) {
        std::string text = Count(n, options.exact);
        return text.substr(text.find_first_not_of(' '));
      };
      out += fmt::format(" {}packets, {}bytes", plain(chain.packets), plain(chain.bytes));
    }
    out += ")\n";
  }
  if (options.lineNumbers) out += "num  ";
  if (options.verbose) out += options.exact ? "    pkts      bytes " : " pkts bytes ";
  out += "target     prot opt ";
  if (options.verbose) out += "in     out     ";
  out += "source               destination         \n";
  for (size_t i = 0; i < chain.rules.size(); ++i) out += RuleRow(chain.rules[i], options, i + 1, isV6);
  return out;
}

}  // namespace overlaysim::iproute2
