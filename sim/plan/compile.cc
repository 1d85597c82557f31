#include "sim/plan/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "sim/plan/cni/calico.h"
#include "sim/plan/compiled_plan.h"
#include "sim/plan/host_rules.h"
#include "sim/plan/ipv6.h"
#include "sim/plan/lab_plan.h"
#include "sim/plan/names.h"
#include "sim/plan/timeline.h"
#include "sim/plan/underlay/firewall.h"

namespace overlaysim {
namespace plan {
namespace {

std::vector<std::string> ImportPaths(const scenario::Scenario& scenario) {
  std::vector<std::string> paths;
  auto add = [&](const scenario::OptionalText& file) {
    if (!file) return;
    const std::string path = scenario.PathOf(*file);
    if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(path);
  };
  for (const scenario::Node& node : scenario.cluster.nodes) add(node.import);
  for (const scenario::Pod& pod : scenario.cluster.pods) add(pod.import);
  add(scenario.cluster.cni.import);
  return paths;
}

/// MACs of tunnel devices: given, imported, or made from the node's name. Two alike make one of the nodes unreachable.
void AssignVtepMacs(const Context& context, const Profile& profile, Cluster& cluster) {
  std::map<MacAddress, const NodeRow*> owners;
  for (NodeRow& node : cluster.nodes) {
    if (node.written->vtepMac) node.vtepMac = node.written->vtepMac->value;
    if (!node.vtepMac) node.vtepMac = profile.vtepMac(node.name);
    auto [it, isNew] = owners.emplace(*node.vtepMac, &node);
    if (!isNew)
      context.Error(node.written->vtepMac ? Where{.place = node.written->vtepMac->place} : node.where,
                    "nodes \"{}\" and \"{}\" have the same VTEP MAC {}", it->second->name, node.name,
                    node.vtepMac->ToString());
    if (cluster.HasIpv6() && !node.vtepMac6) node.vtepMac6 = profile.vtepMac(node.name + "-v6");
  }
}

void CheckMacs(const Context& context, const Cluster& cluster) {
  std::map<MacAddress, std::string> owners;
  auto take = [&](MacAddress mac, const std::string& owner, const Where& where) {
    if (mac.IsMulticast() || mac.IsZero())
      context.Error(where, "{} is not the MAC of a device", mac.ToString());
    else if (auto [it, isNew] = owners.emplace(mac, owner); !isNew)
      context.Error(where, "\"{}\" and \"{}\" have the same MAC {}", it->second, owner, mac.ToString());
  };
  for (const NodeRow& node : cluster.nodes)
    for (const Port& port : node.ports)
      take(port.mac, node.name, node.written->mac ? Where{.place = node.written->mac->place} : node.where);
  for (size_t p = 0; p < cluster.pods.rows.size(); ++p) {
    auto given = cluster.pods.givenMacs.find(PodId(p));
    if (given == cluster.pods.givenMacs.end()) continue;
    const scenario::Pod& written = *cluster.pods.groups[cluster.pods.GroupOf(PodId(p))].written;
    take(given->second, cluster.pods.FullName(PodId(p)), {.place = written.mac ? written.mac->place : written.place});
  }
}

void CheckMtus(const Context& context, const Cluster& cluster, const Profile& profile) {
  const uint32_t overheadBytes = LargestOverhead(profile);
  for (const NodeRow& node : cluster.nodes) {
    const uint32_t mtu = node.ports.front().mtu;
    if (mtu >= kMinIpv4MtuBytes + overheadBytes) continue;
    context.Error(node.written->mtu        ? Where{.place = node.written->mtu->place}
                  : node.written->link.mtu ? Where{.place = node.written->link.mtu->place}
                                           : Where{.place = context.scenario.underlay.hostLink.mtu.place},
                  "an MTU of {} is too small for node \"{}\": {} needs {} ({} of headers, and IPv4 needs {})", mtu,
                  node.name, profile.name, kMinIpv4MtuBytes + overheadBytes, overheadBytes, kMinIpv4MtuBytes);
    if (!node.written->mtu && !node.written->link.mtu) return;  // the same for all
  }
  // A device whose MTU is smaller has no IPv6, and the kernel refuses it addresses (RFC 8200, section 5).
  for (const NodeRow& node : cluster.nodes)
    if (const uint32_t least = kernel::kIpv6MinMtu + overheadBytes + (overheadBytes > 0 ? kIpv6ExtraBytes : 0);
        cluster.HasIpv6() && node.ports.front().mtu < least) {
      context.Error(node.where, "an MTU of {} is too small for node \"{}\": with IPv6, {} needs {}",
                    node.ports.front().mtu, node.name, profile.name, least);
      return;
    }
  for (const PodGroup& group : cluster.pods.groups)
    if (group.mtu && *group.mtu < kMinIpv4MtuBytes)
      context.Error(group.written->mtu->place, "an MTU of {} is too small: IPv4 needs {}", *group.mtu,
                    kMinIpv4MtuBytes);
}

std::shared_ptr<HostSettings> SettingsOf(const FirewallNames& names, const scenario::Node& written) {
  const scenario::Firewall& firewall = written.firewall;
  if (written.sysctl.empty() && !firewall.HasRules()) return nullptr;
  auto settings = std::make_shared<HostSettings>();
  for (const auto& [name, value] : written.sysctl) settings->sysctls.emplace_back(name, value.value);
  FirewallRules rules = CompileFirewall(names, firewall);
  settings->dropsByDefault = rules.dropsByDefault;
  settings->denied = rules.deny;
  if (rules.dropsByDefault) {
    const kernel::FilterRule own{.matches = {kernel::DeviceMatch{.name = "lo"}},
                                 .target = {.kind = kernel::Target::Kind::Accept}};
    settings->input = {{own}, {own}};
  }
  settings->input.Append(rules.allow);
  settings->forward.Append(rules.allow);
  return settings;
}

using SettingsByEntry = std::map<const scenario::Node*, std::shared_ptr<HostSettings>>;

/// Texts of rules are read, and tried out on the first node that has them.
void AddHostRules(const Context& context, const CompiledPlan& plan, const SettingsByEntry& settings) {
  std::set<const scenario::Node*> seen;
  const auto& nodes = plan.GetCluster().nodes;
  for (size_t n = 0; n < nodes.size(); ++n) {
    const scenario::Node* written = nodes[n].written;
    if (!written->firewall.HasTexts() || !seen.insert(written).second) continue;
    const auto ns = plan.Materialise(plan.NodeNetns(NodeId(n)));
    ns->netfilter.Replace({});
    ns->netfilter.Rebuild();
    settings.at(written)->rules = ReadHostRules(context, written->firewall, *ns);
  }
}

/// The kernel's own answer to each sysctl of the nodes' entries.
void CheckSysctls(const Context& context, const CompiledPlan& plan) {
  std::set<const scenario::Node*> seen;
  const auto& nodes = plan.GetCluster().nodes;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].written->sysctl.empty() || !seen.insert(nodes[n].written).second) continue;
    const auto ns = plan.Materialise(plan.NodeNetns(NodeId(n)));
    for (const auto& [key, value] : nodes[n].written->sysctl)
      if (const int error = ns->SetSysctl(key, value.value))
        context.Error(value.place, "sysctl {} = {}: {}", key, value.value,
                      error == ENOENT ? "there is no such setting" : "the kernel does not take this value");
  }
}

std::string Plural(size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string Understood(const Profile& profile, const Cluster& cluster) {
  std::string out = profile.name;
  const Tunnel* overlay = profile.FindTunnel(kernel::LinkKind::Vxlan);
  if (!overlay) overlay = profile.FindTunnel(kernel::LinkKind::Geneve);
  if (overlay && !overlay->vxlan.external) out += fmt::format(", VNI {}", overlay->vxlan.vni);
  if (overlay) out += fmt::format(", UDP {}", overlay->vxlan.dstPort);
  if (const Tunnel* tunnel = profile.FindTunnel(kernel::LinkKind::Wireguard))
    out += fmt::format(", UDP {}", tunnel->wireguard.listenPort);
  if (const Tunnel* tunnel = profile.FindTunnel(kernel::LinkKind::Tun)) out += fmt::format(", UDP {}", tunnel->udpPort);
  if (profile.ipsec) out += profile.ipsec->udpPort != 0 ? fmt::format(", UDP {}", profile.ipsec->udpPort) : ", ESP";
  if (cluster.HasIpv6()) out += ", dual-stack";
  return fmt::format("{} · {}, {}", out, Plural(cluster.nodes.size(), "node"), Plural(cluster.pods.rows.size(), "pod"));
}

void TakeUnderlay6(const Context& context, Cluster& cluster) {
  const auto& prefix = context.scenario.underlay.ipv6Prefix;
  cluster.underlay6 = prefix.value;
  if (prefix.value.length != kEmbeddingBits)
    context.Error(prefix.place, "the underlay's IPv6 prefix has {} bits: an IPv4 address comes behind it",
                  kEmbeddingBits);
  if (cluster.HasIpv6() && cluster.network6.Overlaps(prefix.value))
    context.Error(prefix.place, "the underlay's {} overlaps the pods' {}", prefix.value.ToString(),
                  cluster.network6.ToString());
}

std::unique_ptr<ClusterPlan> CompileCluster(const Context& context) {
  Cluster cluster;
  auto cni = ResolveCni(context);
  if (cni) {
    cluster.network = cni->profile.network;
    cluster.network6 = cni->profile.network6;
    cluster.podCidr6Length = cni->profile.podCidr6Length;
    TakeUnderlay6(context, cluster);
    cluster.podCidrLength = cni->profile.podCidrLength;
  }
  ResolveNodes(context, cluster);
  if (!cni) return nullptr;
  Profile& profile = cni->profile;
  if (profile.pools.empty()) AssignPodCidrs(context, cluster);
  if (cluster.HasIpv6() && !profile.pool6) AssignPodCidrs6(context, cluster);
  ResolvePods(context, cluster);
  AssignVtepMacs(context, profile, cluster);
  if (context.diagnostics.HasErrors()) return nullptr;
  auto fabric = BuildFabric(context, cluster);
  if (!fabric) return nullptr;
  if (profile.pools.empty()) {
    AssignPodAddresses(context, cluster, profile.gatewayIsAnyAddress);
    if (profile.hasVtepAddress)
      for (NodeRow& node : cluster.nodes) node.tunnelAddresses = {node.podCidr.address};
  } else {
    AssignFromPools(context, profile, cluster);
    ResolveBgp(context, cluster, profile);
  }
  CheckMacs(context, cluster);
  CheckMtus(context, cluster, profile);
  ApplyFirewall(context, cluster, *fabric);
  const FirewallNames names = NamesOf(context, cluster, *fabric);
  std::vector<std::shared_ptr<const HostSettings>> settings;
  SettingsByEntry byEntry;
  for (const NodeRow& node : cluster.nodes) {
    auto [it, isNew] = byEntry.emplace(node.written, nullptr);
    if (isNew) it->second = SettingsOf(names, *node.written);
    settings.push_back(it->second);
  }
  if (const auto& external = context.scenario.underlay.external; external && external->masquerade.value)
    context.Note({.place = external->masquerade.place},
                 "the gateway does not masquerade yet: outside hosts see the nodes' own addresses");
  if (context.diagnostics.HasErrors()) return nullptr;

  auto overlay = std::make_shared<Overlay>();
  overlay->profile = profile;
  overlay->flavour = cni->flavour;
  std::string understood = Understood(profile, cluster);
  auto plan = std::make_unique<CompiledPlan>(std::move(cluster), std::move(*fabric), std::move(overlay));
  plan->hostSettings = std::move(settings);
  plan->understood = std::move(understood);
  plan->cniName = plan->GetProfile().name;
  AddHostRules(context, *plan, byEntry);
  if (context.diagnostics.HasErrors()) return nullptr;
  CheckSysctls(context, *plan);
  PlanTimeline(context, *plan, plan.get());
  return plan;
}

std::unique_ptr<ClusterPlan> CompileLab(const Context& context) {
  auto plan = LabPlan::Build(context);
  if (plan) PlanTimeline(context, *plan, nullptr);
  return plan;
}

}  // namespace
}  // namespace plan

std::unique_ptr<ClusterPlan> CompilePlan(const scenario::Scenario& scenario, const ClusterLoader& load,
                                         Diagnostics& diagnostics) {
  import::ImportedCluster imported;
  plan::Context context{scenario, diagnostics};
  if (const auto paths = plan::ImportPaths(scenario); !paths.empty()) {
    imported = load(paths, diagnostics);
    context.imported = &imported;
  }
  auto plan = scenario.lab ? plan::CompileLab(context) : plan::CompileCluster(context);
  if (!plan || diagnostics.HasErrors()) return nullptr;
  plan->name = scenario.name;
  plan->description = scenario.description.value;
  plan->seed = scenario.seed.value;
  if (scenario.duration) plan->duration = scenario.duration->value;
  return plan;
}

}  // namespace overlaysim
