#include "sim/plan/underlay/firewall.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "sim/plan/names.h"
#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {

using kernel::Target;

namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17;

/// /etc/protocols, as far as overlays use them.
constexpr std::array<std::pair<std::string_view, uint8_t>, 9> kProtocols = {{{"icmp", 1},
                                                                             {"igmp", 2},
                                                                             {"ipip", 4},
                                                                             {"tcp", 6},
                                                                             {"udp", 17},
                                                                             {"gre", 47},
                                                                             {"esp", 50},
                                                                             {"ah", 51},
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

kernel::FilterRule RuleOf(const std::optional<Ipv4Prefix>& source, const std::optional<Ipv4Prefix>& destination,
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

std::optional<std::vector<Ipv4Prefix>> FirewallNames::Resolve(const scenario::OptionalText& word) const {
  std::vector<Ipv4Prefix> out;
  if (!word) return out;
  const std::string& text = word->value;
  if (text == "nodes") return nodeSubnets;
  if (text == "pods") return std::vector{cluster.network};
  if (text == "external" && externalNetwork) return std::vector{*externalNetwork};
  if (auto prefix = Ipv4Prefix::Parse(text)) return std::vector{prefix->Canonical()};
  std::vector<std::string> known = {"nodes", "pods", "external"};
  auto consider = [&](const std::string& name, Ipv4Address ip) {
    if (IsPattern(text) ? MatchesPattern(text, name) : text == name) out.push_back({ip, 32});
  };
  for (const NodeRow& node : cluster.nodes) {
    consider(node.name, node.Address());
    known.push_back(node.name);
  }
  for (const auto& [name, ip] : externals) consider(name, ip);
  if (const PodId pod = cluster.pods.Find(text))
    out.push_back({cluster.pods.rows[pod.value].ip, 32});
  else if (IsPattern(text))
    for (size_t p = 0; p < cluster.pods.rows.size(); ++p)
      if (MatchesPattern(text, cluster.pods.FullName(PodId(p))) || MatchesPattern(text, cluster.pods.NameOf(PodId(p))))
        out.push_back({cluster.pods.rows[p].ip, 32});
  if (out.empty()) {
    context.Error(word->place, "\"{}\" is no node, pod, external host or prefix{}", text, Suggestion(text, known));
    return std::nullopt;
  }
  return Aggregate(std::move(out));
}

FirewallRules CompileFirewall(const FirewallNames& names, const scenario::Firewall& firewall) {
  FirewallRules out;
  auto compile = [&](const scenario::FirewallRule& written, Target::Kind target,
                     std::vector<kernel::FilterRule>& rules) {
    const auto from = names.Resolve(written.from);
    const auto to = names.Resolve(written.to);
    if (!from || !to) return;
    std::vector<std::optional<Ipv4Prefix>> sources(from->begin(), from->end()), destinations(to->begin(), to->end());
    if (sources.empty()) sources.push_back(std::nullopt);
    if (destinations.empty()) destinations.push_back(std::nullopt);
    std::vector<std::pair<std::optional<uint8_t>, std::optional<kernel::PortRange>>> matches;
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
    for (const auto& source : sources)
      for (const auto& destination : destinations)
        for (const auto& [protocol, ports] : matches) {
          rules.push_back(RuleOf(source, destination, protocol, ports, false, target));
          if (target == Target::Kind::Accept)  // the answers
            rules.push_back(RuleOf(destination, source, protocol, ports, true, target));
        }
  };
  for (const scenario::FirewallRule& rule : firewall.deny) compile(rule, Target::Kind::Drop, out.deny);
  if (!firewall.allow.empty()) {
    out.dropsByDefault = true;
    for (uint8_t error : {3, 11, 12})  // unreachable, time exceeded, parameter problem: what conntrack calls RELATED
      out.allow.push_back({.matches = {kernel::ProtocolMatch{kIcmp}, kernel::IcmpMatch{.type = error}},
                           .target = {.kind = Target::Kind::Accept}});
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
    device.forward.insert(device.forward.end(), rules.allow.begin(), rules.allow.end());
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
