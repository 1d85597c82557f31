#include <fmt/format.h>

#include <utility>

#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"

namespace overlaysim::iproute2 {

using kernel::FilterRule;
using kernel::FilterTarget;

namespace {

constexpr std::pair<uint8_t, const char*> kProtocols[] = {
    {1, "icmp"}, {2, "igmp"}, {4, "ipencap"},    {6, "tcp"},   {17, "udp"},   {41, "ipv6"},     {47, "gre"},
    {50, "esp"}, {51, "ah"},  {58, "ipv6-icmp"}, {89, "ospf"}, {132, "sctp"}, {136, "udplite"},
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

constexpr std::pair<const char*, const char*> kRejectTypes[] = {
    {"icmp-net-unreachable", "net-unreach"},
    {"icmp-host-unreachable", "host-unreach"},
    {"icmp-proto-unreachable", "proto-unreach"},
    {"icmp-port-unreachable", "port-unreach"},
    {"icmp-net-prohibited", "net-prohib"},
    {"icmp-host-prohibited", "host-prohib"},
    {"tcp-reset", "tcp-rst"},
    {"icmp-admin-prohibited", "admin-prohib"},
};
constexpr const char* kDefaultReject = "icmp-port-unreachable";

std::string ProtocolName(uint8_t protocol, bool numeric) {
  if (!numeric)
    for (const auto& [number, name] : kProtocols)
      if (number == protocol) return name;
  return fmt::to_string(protocol);
}

/// The name of the match that has the ports or the ICMP type.
std::string MatchName(const FilterRule& rule) { return ProtocolName(rule.protocol.value_or(0), false); }

std::string Ports(const std::pair<uint16_t, uint16_t>& ports) {
  if (ports.first == ports.second) return fmt::to_string(ports.first);
  return fmt::format("{}:{}", ports.first, ports.second);
}

std::string RejectWith(const FilterRule& rule) { return rule.rejectWith.empty() ? kDefaultReject : rule.rejectWith; }

std::string Quoted(const std::string& text) {
  return text.find_first_of(" \t'") == std::string::npos ? text : "\"" + text + "\"";
}

std::string IcmpText(const FilterRule& rule, bool numeric) {
  if (!numeric)
    for (const IcmpName& n : kIcmpNames)
      if (n.type == *rule.icmpType && (n.code < 0 ? !rule.icmpCode : rule.icmpCode == static_cast<uint8_t>(n.code)))
        return fmt::format(" icmp {}{}", rule.notIcmpType ? "!" : "", n.name);
  std::string text = fmt::format(" {}icmptype {}", rule.notIcmpType ? "!" : "", *rule.icmpType);
  if (rule.icmpCode) text += fmt::format(" code {}", *rule.icmpCode);
  return text;
}

/// What stands behind the columns of `iptables -L`.
std::string MatchText(const FilterRule& rule, bool numeric) {
  std::string text;
  if (rule.sourcePorts || rule.destinationPorts) text += " " + MatchName(rule);
  auto ports = [&](const char* what, const std::optional<std::pair<uint16_t, uint16_t>>& range, bool isNot) {
    if (range)
      text +=
          fmt::format(" {}{}:{}{}", what, range->first == range->second ? "" : "s", isNot ? "!" : "", Ports(*range));
  };
  ports("spt", rule.sourcePorts, rule.notSourcePorts);
  ports("dpt", rule.destinationPorts, rule.notDestinationPorts);
  if (rule.icmpType) text += IcmpText(rule, numeric);
  if (!rule.comment.empty()) text += fmt::format(" /* {} */", rule.comment);
  if (rule.target == FilterTarget::Reject) text += " reject-with " + RejectWith(rule);
  return text;
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

std::string Network(const std::optional<Ipv4Prefix>& prefix, bool numeric) {
  if (!prefix || prefix->length == 0) return numeric ? "0.0.0.0/0" : "anywhere";
  return PrefixText(*prefix);
}

std::string Device(const std::string& device, bool numeric) {
  return device.empty() ? (numeric ? "*" : "any") : device;
}

}  // namespace

const char* FilterTargetName(FilterTarget target) {
  switch (target) {
    case FilterTarget::Accept:
      return "ACCEPT";
    case FilterTarget::Drop:
      return "DROP";
    case FilterTarget::Reject:
      return "REJECT";
    case FilterTarget::Return:
      return "RETURN";
    case FilterTarget::Continue:
      break;
  }
  return "";
}

std::optional<uint8_t> ParseIpProtocol(const std::string& word) {
  if (word == "all") return uint8_t{0};
  for (const auto& [number, name] : kProtocols)
    if (word == name) return number;
  const auto number = ParseNumber(word, 255);
  return number ? std::optional(static_cast<uint8_t>(*number)) : std::nullopt;
}

std::optional<IcmpMatch> ParseIcmpType(const std::string& word) {
  for (const IcmpName& n : kIcmpNames)
    if (word == n.name)
      return IcmpMatch{n.type, n.code < 0 ? std::nullopt : std::optional(static_cast<uint8_t>(n.code))};
  const size_t slash = word.find('/');
  const auto type = ParseNumber(word.substr(0, slash), 255);
  if (!type) return std::nullopt;
  IcmpMatch match{static_cast<uint8_t>(*type), std::nullopt};
  if (slash == std::string::npos) return match;
  const auto code = ParseNumber(word.substr(slash + 1), 255);
  if (!code) return std::nullopt;
  match.code = static_cast<uint8_t>(*code);
  return match;
}

std::string RejectType(const std::string& word) {
  for (const auto& [name, shortName] : kRejectTypes)
    if (word == name || word == shortName) return name;
  return "";
}

std::string FilterRuleLine(const std::string& chain, const FilterRule& rule) {
  std::string line = "-A " + chain;
  auto add = [&](bool isNot, const char* option, const std::string& value) {
    line += fmt::format(" {}{} {}", isNot ? "! " : "", option, value);
  };
  if (rule.source) add(rule.notSource, "-s", rule.source->ToString());
  if (rule.destination) add(rule.notDestination, "-d", rule.destination->ToString());
  if (!rule.inDevice.empty()) add(rule.notInDevice, "-i", rule.inDevice);
  if (!rule.outDevice.empty()) add(rule.notOutDevice, "-o", rule.outDevice);
  if (rule.protocol) add(rule.notProtocol, "-p", ProtocolName(*rule.protocol, false));
  if (rule.sourcePorts || rule.destinationPorts || rule.icmpType) add(false, "-m", MatchName(rule));
  if (rule.sourcePorts) add(rule.notSourcePorts, "--sport", Ports(*rule.sourcePorts));
  if (rule.destinationPorts) add(rule.notDestinationPorts, "--dport", Ports(*rule.destinationPorts));
  if (rule.icmpType)
    add(rule.notIcmpType, "--icmp-type",
        rule.icmpCode ? fmt::format("{}/{}", *rule.icmpType, *rule.icmpCode) : fmt::to_string(*rule.icmpType));
  if (!rule.comment.empty()) line += " -m comment --comment " + Quoted(rule.comment);
  if (rule.target != FilterTarget::Continue) add(false, "-j", FilterTargetName(rule.target));
  if (rule.target == FilterTarget::Reject) line += " --reject-with " + RejectWith(rule);
  return line;
}

std::string FilterChainTable(const std::string& chain, const kernel::FilterChainState& state,
                             const FilterListOptions& options) {
  std::string out = fmt::format("Chain {} (policy {}", chain, FilterTargetName(state.policy));
  if (options.verbose) {
    auto plain = [&](uint64_t n) {
      std::string text = Count(n, options.exact);
      return text.substr(text.find_first_not_of(' '));
    };
    out += fmt::format(" {}packets, {}bytes", plain(state.packets), plain(state.bytes));
  }
  out += ")\n";
  if (options.lineNumbers) out += "num  ";
  if (options.verbose) out += options.exact ? "    pkts      bytes " : " pkts bytes ";
  out += "target     prot opt ";
  if (options.verbose) out += "in     out     ";
  out += "source               destination         \n";
  int number = 0;
  for (const FilterRule& rule : state.rules) {
    if (options.lineNumbers) out += fmt::format("{:<4} ", ++number);
    if (options.verbose) {
      out += Count(rule.packets, options.exact);
      out += Count(rule.bytes, options.exact);
    }
    const bool anyProtocol = !rule.protocol || *rule.protocol == 0;
    out += fmt::format("{:<9} {}{:<4} -- ", FilterTargetName(rule.target), rule.notProtocol ? '!' : ' ',
                       anyProtocol ? (options.numeric ? "0" : "all") : ProtocolName(*rule.protocol, options.numeric));
    if (options.verbose)
      out += fmt::format("{}{:<6}{}{:<6} ", rule.notInDevice ? '!' : ' ', Device(rule.inDevice, options.numeric),
                         rule.notOutDevice ? '!' : ' ', Device(rule.outDevice, options.numeric));
    out += fmt::format("{}{:<19} {}{:<19} {}\n", rule.notSource ? '!' : ' ', Network(rule.source, options.numeric),
                       rule.notDestination ? '!' : ' ', Network(rule.destination, options.numeric),
                       MatchText(rule, options.numeric));
  }
  return out;
}

}  // namespace overlaysim::iproute2
