#include "sim/plan/underlay/firewall.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "sim/plan/ipv6.h"
#include "sim/plan/names.h"
#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {

using kernel::Target;

namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpv6 = 58;

/// /etc/protocols, as far as overlays use them.
constexpr std::array<std::pair<std::string_view, uint8_t>, 10> kProtocols = {{{"icmp", 1},
                                                                              {"igmp", 2},
                                                                              {"ipip", 4},
                                                                              {"tcp", 6},
                                                                              {"udp", 17},
                                                                              {"gre", 47},
                                                                              {"esp", 50},
                                                                              {"ah", 51},
                                                                              {"icmpv6", 58},
                                                                              {"sctp", 132}}};

std::optional<uint8_t> ProtocolNumber(std::string_view word) {
  for (const auto& [name, number] : kProtocols)
    if (name == word) return number;
  unsigned number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || number > 255) return std::nullopt;
  return static_cast<uint8_t>(number);
}

/// Neighbouring prefixes that make up a shorter one are joined, so that 125 racks of /24 are few rules.
std::vector<Ipv4Prefix> Aggregate(std::vector<Ipv4Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end());
  std::vector<Ipv4Prefix> out;
  for (const Ipv4Prefix& prefix : prefixes) {
    if (!out.empty() && out.back().Contains(prefix)) continue;
    out.push_back(prefix);
    while (out.size() > 1) {
      const Ipv4Prefix& a = out[out.size() - 2];
      const Ipv4Prefix joined = Ipv4Prefix{a.address, static_cast<uint8_t>(a.length - 1)}.Canonical();
      if (a.length != out.back().length || joined.address != a.address || !joined.Contains(out.back())) break;
      out.pop_back();
      out.back() = joined;
    }
  }
  return out;
}

kernel::FilterRule RuleOf(const std::optional<IpPrefix>& source, const std::optional<IpPrefix>& destination,
                          std::optional<uint8_t> protocol, const std::optional<kernel::PortRange>& ports,
                          bool portsOfSource, Target::Kind target) {
  kernel::FilterRule rule{.target = {.kind = target}};
  if (source) rule.matches.push_back(kernel::AddressMatch{.any = {*source}});
  if (destination) rule.matches.push_back(kernel::AddressMatch{.isDestination = true, .any = {*destination}});
  if (protocol) rule.matches.push_back(kernel::ProtocolMatch{*protocol});
  if (ports) {
    kernel::TransportMatch transport{.protocol = *protocol};
    (portsOfSource ? transport.source : transport.destination) = ports;
    rule.matches.push_back(transport);
  }
  return rule;
}

}  // namespace

std::optional<FirewallNames::Places> FirewallNames::Resolve(const scenario::OptionalText& word) const {
  Places out;
  out.areAnywhere = !word;
  if (!word) return out;
  const std::string& text = word->value;
  // Underlay addresses of IPv6 have those of IPv4 in them.
  auto addUnderlay = [&](const Ipv4Prefix& prefix) {
    out.ip.push_back(prefix);
    if (!cluster.HasIpv6()) return;
    out.ip6.push_back(prefix.length == Ipv4Address::kBits
                          ? Ipv6Prefix{Embed(cluster.underlay6, prefix.address), Ipv6Address::kBits}
                          : Embed(cluster.underlay6, prefix));
  };
  if (text == "nodes") {
    for (const Ipv4Prefix& subnet : nodeSubnets) addUnderlay(subnet);
    return out;
  }
  if (text == "pods") {
    out.ip.push_back(cluster.network);
    if (cluster.HasIpv6()) out.ip6.push_back(cluster.network6);
    return out;
  }
  if (text == "external" && externalNetwork) {
    addUnderlay(*externalNetwork);
    return out;
  }
  if (auto prefix = Ipv4Prefix::Parse(text)) {
    out.ip.push_back(prefix->Canonical());
    return out;
  }
  if (auto prefix = Ipv6Prefix::Parse(text)) {
    out.ip6.push_back(prefix->Canonical());
    return out;
  }
  std::vector<std::string> known = {"nodes", "pods", "external"};
  auto consider = [&](const std::string& name, Ipv4Address ip) {
    if (IsPattern(text) ? MatchesPattern(text, name) : text == name) addUnderlay({ip, Ipv4Address::kBits});
  };
  for (const NodeRow& node : cluster.nodes) {
    consider(node.name, node.Address());
    known.push_back(node.name);
  }
  for (const auto& [name, ip] : externals) consider(name, ip);
  auto addPod = [&](PodId pod) {
    out.ip.push_back({cluster.pods.rows[pod.value].ip, Ipv4Address::kBits});
    if (const Ipv6Address own = cluster.PodAddress6(pod); !own.IsZero()) out.ip6.push_back({own, Ipv6Address::kBits});
  };
  if (const PodId pod = cluster.pods.Find(text))
    addPod(pod);
  else if (IsPattern(text))
    for (size_t p = 0; p < cluster.pods.rows.size(); ++p)
      if (MatchesPattern(text, cluster.pods.FullName(PodId(p))) || MatchesPattern(text, cluster.pods.NameOf(PodId(p))))
        addPod(PodId(p));
  if (out.ip.empty()) {
    context.Error(word->place, "\"{}\" is no node, pod, external host or prefix{}", text, Suggestion(text, known));
    return std::nullopt;
  }
  out.ip = Aggregate(std::move(out.ip));
  return out;
}

namespace {

/// The protocols and ports that a rule names; none: all.
using Match = std::pair<std::optional<uint8_t>, std::optional<kernel::PortRange>>;

/// The rules of one family; none where the author's places have no address in it.
template <typename Prefix>
void AddRules(const FirewallNames::Places& from, const FirewallNames::Places& to, const std::vector<Prefix>& fromThere,
              const std::vector<Prefix>& toThere, const std::vector<Match>& matches, Target::Kind target,
              std::vector<kernel::FilterRule>& rules) {
  std::vector<std::optional<IpPrefix>> sources(fromThere.begin(), fromThere.end());
  std::vector<std::optional<IpPrefix>> destinations(toThere.begin(), toThere.end());
  if (from.areAnywhere) sources.push_back(std::nullopt);
  if (to.areAnywhere) destinations.push_back(std::nullopt);
  for (const auto& source : sources)
    for (const auto& destination : destinations)
      for (const auto& [protocol, ports] : matches) {
        rules.push_back(RuleOf(source, destination, protocol, ports, false, target));
        if (target == Target::Kind::Accept)  // the answers
          rules.push_back(RuleOf(destination, source, protocol, ports, true, target));
      }
}

void AllowIcmp(bool isV6, std::initializer_list<uint8_t> types, std::vector<kernel::FilterRule>& rules) {
  for (uint8_t type : types)
    rules.push_back(
        {.matches = {kernel::ProtocolMatch{isV6 ? kIcmpv6 : kIcmp}, kernel::IcmpMatch{.isV6 = isV6, .type = type}},
         .target = {.kind = Target::Kind::Accept}});
}

}  // namespace

FirewallRules CompileFirewall(const FirewallNames& names, const scenario::Firewall& firewall) {
  FirewallRules out;
  const bool hasIpv6 = names.cluster.HasIpv6();
  auto compile = [&](const scenario::FirewallRule& written, Target::Kind target, FamilyRules& rules) {
    const auto from = names.Resolve(written.from);
    const auto to = names.Resolve(written.to);
    if (!from || !to) return;
    std::vector<Match> matches;
    for (const auto& [ports, protocol] : {std::pair{&written.udp, kUdp}, std::pair{&written.tcp, kTcp}})
      if (*ports)
        for (const scenario::Ports::Range& range : (*ports)->value.ranges)
          matches.push_back({protocol, kernel::PortRange{range.first, range.last}});
    if (written.icmp && written.icmp->value) matches.push_back({kIcmp, std::nullopt});
    if (written.protocol) {
      const auto number = ProtocolNumber(written.protocol->value);
      if (number)
        matches.push_back({*number, std::nullopt});
      else
        names.context.Error(written.protocol->place, "unknown protocol \"{}\"; give its number",
                            written.protocol->value);
    }
    if (matches.empty()) matches.push_back({});
    AddRules(*from, *to, from->ip, to->ip, matches, target, rules.ip);
    if (!hasIpv6) return;
    for (Match& match : matches)
      if (match.first == kIcmp) match.first = kIcmpv6;
    AddRules(*from, *to, from->ip6, to->ip6, matches, target, rules.ip6);
  };
  for (const scenario::FirewallRule& rule : firewall.deny) compile(rule, Target::Kind::Drop, out.deny);
  if (!firewall.allow.empty()) {
    out.dropsByDefault = true;
    AllowIcmp(false, {3, 11, 12}, out.allow.ip);  // unreachable, time exceeded, parameter problem: what is RELATED
    if (hasIpv6) {
      AllowIcmp(true, {1, 2, 3, 4}, out.allow.ip6);                              // errors
      AllowIcmp(true, {130, 131, 132, 133, 134, 135, 136, 143}, out.allow.ip6);  // MLD, neighbour discovery
    }
    for (const scenario::FirewallRule& rule : firewall.allow) compile(rule, Target::Kind::Accept, out.allow);
  }
  return out;
}

void ApplyFirewall(const Context& context, const Cluster& cluster, Fabric& fabric) {
  const scenario::Firewall& firewall = context.scenario.underlay.firewall;
  if (firewall.allow.empty() && firewall.deny.empty()) return;
  const FirewallRules rules = CompileFirewall(NamesOf(context, cluster, fabric), firewall);
  for (Device& device : fabric.devices) {
    const bool besideHosts = std::any_of(device.ports.begin(), device.ports.end(),
                                         [&](const Port& p) { return fabric.segments[p.segment].hasHosts; });
    if (!besideHosts) continue;
    device.forward = rules.deny;
    device.forward.Append(rules.allow);
    device.dropsByDefault = rules.dropsByDefault;
  }
}

FirewallNames NamesOf(const Context& context, const Cluster& cluster, const Fabric& fabric) {
  FirewallNames names{.context = context, .cluster = cluster};
  std::vector<Ipv4Prefix> subnets;
  for (const NodeRow& node : cluster.nodes)
    for (const Port& port : node.ports) subnets.push_back(fabric.segments[port.segment].subnet);
  names.nodeSubnets = Aggregate(std::move(subnets));
  for (const ExternalHostRow& host : fabric.externals)
    names.externals.emplace_back(host.name, host.port.address.address);
  if (context.scenario.underlay.external)
    names.externalNetwork = context.scenario.underlay.external->network.value.Canonical();
  return names;
}

}  // namespace overlaysim::plan
