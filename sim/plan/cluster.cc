#include "sim/plan/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "sim/plan/ipv6.h"
#include "sim/plan/names.h"

namespace overlaysim::plan {

namespace {

constexpr uint8_t kMaxPodCidr6Length = 126;  // a gateway and two pods

}  // namespace

// ------------------------------------------------------------------------------------------------ tables

const Labels* Cluster::LabelsOf(PodId pod) const {
  const uint32_t set = pod.value < labelSetOfPod.size() ? labelSetOfPod[pod.value] : 0;
  return set == 0 ? nullptr : &labelSets[set - 1];
}

NodeId Cluster::FindNode(std::string_view name) const {
  auto it = nodeByName.find(std::string(name));
  return it == nodeByName.end() ? NodeId() : it->second;
}

Ipv6Address Cluster::PodAddress6(PodId pod) const {
  const PodRow& row = pods.rows[pod.value];
  const Ipv6Prefix& cidr = nodes[row.node.value].podCidr6;
  if (cidr.length == 0 || pods.IsOnHostNetwork(pod)) return {};
  return Advance(cidr.address, firstPod6 + pods.OrdinalOf(pod));
}

std::vector<std::string> Cluster::NodeNames() const {
  std::vector<std::string> names;
  for (const NodeRow& node : nodes) names.push_back(node.name);
  return names;
}

namespace {

// ------------------------------------------------------------------------------------------------ imports

bool IsFrom(const Context& context, const import::Origin& origin, const std::string& path) {
  return origin.file < context.imported->files.size() && context.imported->files[origin.file].path == path;
}

const std::string* LabelOf(const scenario::Node& node, const scenario::OptionalText& key) {
  if (!key) return nullptr;
  auto it = node.labels.find(key->value);
  return it == node.labels.end() ? nullptr : &it->second.value;
}

void TakeWritten(const Context& context, const scenario::Node& written, NodeRow& row) {
  row.written = &written;
  if (written.rack)
    row.rack = written.rack->value;
  else if (const std::string* label = LabelOf(written, context.scenario.underlay.rackBy))
    row.rack = *label;
  if (written.zone) row.zone = written.zone->value;
  row.labels.emplace("kubernetes.io/hostname", row.name);
  for (const auto& [key, value] : written.labels) row.labels.insert_or_assign(key, value.value);
}

NodeRow FromImport(const Context& context, const scenario::Node& written, const import::Node& node) {
  NodeRow row{.name = std::string(node.name), .where = {.origin = node.origin}};
  for (const import::Label& label : node.labels) row.labels.emplace(label.key, label.value);
  TakeWritten(context, written, row);
  if (row.rack.empty() && context.scenario.underlay.rackBy)
    row.rack = import::FindLabel(node.labels, context.scenario.underlay.rackBy->value);
  if (row.rack.empty()) row.rack = node.rack;
  if (row.zone.empty()) row.zone = node.zone;
  if (auto address = node.UnderlayAddress()) row.given = Ipv4Prefix{*address, 32};
  row.givenPodCidr = node.PodCidr();
  for (const import::IpPrefix& cidr : node.podCidrs)
    if (cidr.v6 && !row.givenPodCidr6) row.givenPodCidr6 = Ipv6Prefix{cidr.v6->address, cidr.v6->length};
  row.vtepMac6 = node.flannel.vtepMacV6;
  row.givenGateway = node.ciliumInternalIp;
  row.vtepMac = node.flannel.vtepMac ? node.flannel.vtepMac : node.calico.vxlanTunnelMac;
  return row;
}

}  // namespace

// ------------------------------------------------------------------------------------------------ nodes

void ResolveNodes(const Context& context, Cluster& cluster) {
  auto add = [&](NodeRow row) {
    auto [it, isNew] = cluster.nodeByName.emplace(row.name, NodeId(cluster.nodes.size()));
    if (!isNew) return context.Error(row.where, "there are two nodes named \"{}\"", row.name);
    cluster.nodes.push_back(std::move(row));
  };
  for (const scenario::Node& written : context.scenario.cluster.nodes) {
    if (written.import) {
      if (!context.imported) continue;
      const std::string path = context.scenario.PathOf(*written.import);
      size_t taken = 0;
      for (const import::Node& node : context.imported->nodes)
        if (IsFrom(context, node.origin, path)) {
          add(FromImport(context, written, node));
          ++taken;
        }
      if (taken == 0) context.Error(written.import->place, "{} has no nodes", written.import->value);
      continue;
    }
    const uint64_t count = written.generate ? written.generate->value : 1;
    if (cluster.nodes.size() + count > kMaxNodes) {
      context.Error(written.generate ? written.generate->place : written.place, "more than {} nodes", kMaxNodes);
      return;
    }
    for (uint64_t i = 1; i <= count; ++i) {
      NodeRow row{.where = {.place = written.name ? written.name->place : written.place}};
      if (written.generate)
        row.name = GeneratedName(written.name ? written.name->value : "node{i}", i);
      else if (written.name)
        row.name = written.name->value;
      TakeWritten(context, written, row);
      if (count == 1) {
        if (written.address) row.given = written.address->value;
        if (written.podCIDR) row.givenPodCidr = written.podCIDR->value;
        if (written.podCIDRIPv6) row.givenPodCidr6 = written.podCIDRIPv6->value;
        if (written.vtepMac) row.vtepMac = written.vtepMac->value;
      } else if (written.address || written.podCIDR || written.vtepMac || written.mac) {
        context.Error(written.place, "one address, podCIDR, mac or vtepMac cannot be that of {} nodes", count);
        return;
      }
      for (const auto& address : written.addresses) row.moreAddresses.push_back(address.value);
      add(std::move(row));
    }
  }
  if (cluster.nodes.empty() && !context.diagnostics.HasErrors())
    context.Error(scenario::Place{}, "the cluster has no nodes");
}

void AssignPodCidrs(const Context& context, Cluster& cluster) {
  const scenario::Cluster& written = context.scenario.cluster;
  const bool isWritten = written.nodeCIDRMaskSize.place.source != 0;
  const uint8_t length = written.cni.subnetLen                 ? written.cni.subnetLen->value
                         : cluster.podCidrLength && !isWritten ? *cluster.podCidrLength
                                                               : written.nodeCIDRMaskSize.value;
  auto whereOf = [](const NodeRow& node) {
    return node.written->podCIDR ? Where{.place = node.written->podCIDR->place} : node.where;
  };
  std::vector<std::pair<Ipv4Prefix, const NodeRow*>> given;
  for (NodeRow& node : cluster.nodes) {
    if (!node.givenPodCidr) continue;
    node.podCidr = node.givenPodCidr->Canonical();
    if (node.podCidr != *node.givenPodCidr)
      context.Error(whereOf(node), "podCIDR {} has host bits; meant is probably {}", node.givenPodCidr->ToString(),
                    node.podCidr.ToString());
    else if (node.podCidr.length > 30)
      context.Error(whereOf(node), "podCIDR {} of node \"{}\" has no room for a gateway and a pod",
                    node.podCidr.ToString(), node.name);
    else if (!cluster.network.Contains(node.podCidr))
      context.Error(whereOf(node), "podCIDR {} of node \"{}\" is outside of the cluster's {}", node.podCidr.ToString(),
                    node.name, cluster.network.ToString());
    given.emplace_back(node.podCidr, &node);
  }
  std::stable_sort(given.begin(), given.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < given.size(); ++i)
    if (given[i - 1].first.Overlaps(given[i].first))
      context.Error(whereOf(*given[i].second), "podCIDR {} of node \"{}\" overlaps {} of node \"{}\"",
                    given[i].first.ToString(), given[i].second->name, given[i - 1].first.ToString(),
                    given[i - 1].second->name);
  if (given.size() == cluster.nodes.size()) return;

  const scenario::Place place =
      written.nodeCIDRMaskSize.place.source != 0 ? written.nodeCIDRMaskSize.place : written.podCIDR.place;
  if (length < cluster.network.length || length > 30) {
    context.Error(place, "pod CIDRs of /{} do not fit into {}", length, cluster.network.ToString());
    return;
  }
  // Node N gets the N-th prefix, so that node1 has 10.244.1.0/24; the 0-th comes last.
  const uint64_t prefixes = uint64_t{1} << (length - cluster.network.length);
  const uint64_t size = uint64_t{1} << (32 - length);
  std::set<uint64_t> taken;
  for (const auto& [cidr, node] : given) {
    if (!cluster.network.Contains(cidr)) continue;
    const uint64_t first = (cidr.address.value - cluster.network.address.value) / size;
    for (uint64_t n = first; n <= (cidr.Broadcast().value - cluster.network.address.value) / size; ++n) taken.insert(n);
  }
  size_t missing = 0;
  uint64_t cursor = 0;
  uint64_t number = 0;
  for (NodeRow& node : cluster.nodes) {
    ++number;
    if (node.givenPodCidr) continue;
    uint64_t at = number % prefixes;
    if (number > prefixes || taken.contains(at)) {
      while (cursor < prefixes && taken.contains((cursor + 1) % prefixes)) ++cursor;
      if (cursor == prefixes) {
        ++missing;
        continue;
      }
      at = (cursor + 1) % prefixes;
    }
    taken.insert(at);
    node.podCidr = {{static_cast<uint32_t>(cluster.network.address.value + at * size)}, length};
  }
  if (missing > 0)
    context.Error(place, "{} has room for {} pod CIDRs of /{}, and the cluster has {} nodes",
                  cluster.network.ToString(), prefixes, length, cluster.nodes.size());
}

/// As AssignPodCidrs(): node N gets the N-th prefix.
void AssignPodCidrs6(const Context& context, Cluster& cluster) {
  const scenario::Cluster& written = context.scenario.cluster;
  const Ipv6Prefix& network = cluster.network6;
  auto whereOf = [](const NodeRow& node) {
    return node.written->podCIDRIPv6 ? Where{.place = node.written->podCIDRIPv6->place} : node.where;
  };
  std::vector<std::pair<Ipv6Prefix, const NodeRow*>> given;
  for (NodeRow& node : cluster.nodes) {
    if (!node.givenPodCidr6) continue;
    node.podCidr6 = node.givenPodCidr6->Canonical();
    given.emplace_back(node.podCidr6, &node);
    if (node.podCidr6.length > kMaxPodCidr6Length)
      context.Error(whereOf(node), "podCIDR {} of node \"{}\" has no room for a gateway and a pod",
                    node.podCidr6.ToString(), node.name);
    else if (!network.Contains(node.podCidr6))
      context.Error(whereOf(node), "podCIDR {} of node \"{}\" is outside of the cluster's {}", node.podCidr6.ToString(),
                    node.name, network.ToString());
  }
  std::stable_sort(given.begin(), given.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 1; i < given.size(); ++i)
    if (given[i - 1].first.Overlaps(given[i].first))
      context.Error(whereOf(*given[i].second), "podCIDR {} of node \"{}\" overlaps {} of node \"{}\"",
                    given[i].first.ToString(), given[i].second->name, given[i - 1].first.ToString(),
                    given[i - 1].second->name);
  if (given.size() == cluster.nodes.size()) return;

  const uint8_t length = cluster.podCidr6Length;
  const scenario::Place place = written.nodeCIDRMaskSizeIPv6.place.source != 0 ? written.nodeCIDRMaskSizeIPv6.place
                                : written.podCIDRIPv6                          ? written.podCIDRIPv6->place
                                                                               : scenario::Place{};
  if (length < network.length || length > kMaxPodCidr6Length) {
    context.Error(place, "pod CIDRs of /{} do not fit into {}", length, network.ToString());
    return;
  }
  constexpr uint8_t kCountedBits = 32;  // more than there can be nodes
  const uint64_t prefixes =
      uint64_t{1} << std::min<uint8_t>(static_cast<uint8_t>(length - network.length), kCountedBits);
  uint64_t next = 1, used = 0;
  for (NodeRow& node : cluster.nodes) {
    if (node.givenPodCidr6) continue;
    auto isGiven = [&](const auto& entry) { return entry.first.Overlaps(node.podCidr6); };
    do node.podCidr6 = NthPart(network, length, next++ % prefixes);
    while (++used <= prefixes && std::any_of(given.begin(), given.end(), isGiven));
    if (used <= prefixes) continue;
    context.Error(place, "{} has room for {} pod CIDRs of /{}, and the cluster has {} nodes", network.ToString(),
                  prefixes, length, cluster.nodes.size());
    return;
  }
}

// ------------------------------------------------------------------------------------------------ pods

namespace {

class PodResolver {
 public:
  PodResolver(const Context& context, Cluster& cluster) : m_context(context), m_cluster(cluster) {}

  void Import(const scenario::Pod& written) {
    const std::string path = m_context.scenario.PathOf(*written.import);
    std::unordered_map<std::string_view, uint32_t> groupOf;
    std::unordered_map<const import::Labels*, uint32_t> labelsOf;
    for (const import::Pod& pod : m_context.imported->pods) {
      if (!IsFrom(m_context, pod.origin, path) || !pod.IsPlaced()) continue;
      auto [it, isNew] = groupOf.emplace(pod.nameSpace, 0);
      if (isNew) it->second = Group(std::string(pod.nameSpace), written);
      const Where where{.origin = pod.origin};
      const NodeId node = m_cluster.FindNode(pod.nodeName);
      if (!node) {
        UnknownNode(where, pod.name, pod.nodeName);
        continue;
      }
      const NodeRow& host = m_cluster.nodes[node.value];
      if (!pod.hostNetwork && pod.ip && host.podCidr.length > 0 && !host.podCidr.Contains(*pod.ip)) {
        m_context.diagnostics.Warning(
            m_context.PlaceOf(where),
            fmt::format("pod \"{}\" is left out: its address {} is not in podCIDR {} of its node \"{}\"", pod.name,
                        pod.ip->ToString(), host.podCidr.ToString(), host.name));
        continue;
      }
      PodRow& row = m_cluster.pods.Add(pod.name, it->second, pod.hostNetwork, node);
      const auto [labels, areNew] = labelsOf.emplace(pod.labels.get(), 0);
      if (areNew) labels->second = KeepLabels(LabelsOf(written, pod.labels.get()));
      GiveLabels(labels->second, 1);
      if (pod.ip) row.ip = *pod.ip;
    }
  }

  void Write(const scenario::Pod& written) {
    const uint32_t group = Group(written.ns.value, written);
    std::vector<NodeId> nodes;
    if (!written.node) {
      for (size_t n = 0; n < m_cluster.nodes.size(); ++n) nodes.push_back(NodeId(n));
    } else if (IsPattern(written.node->value)) {
      for (size_t n = 0; n < m_cluster.nodes.size(); ++n)
        if (MatchesPattern(written.node->value, m_cluster.nodes[n].name)) nodes.push_back(NodeId(n));
    } else if (NodeId node = m_cluster.FindNode(written.node->value)) {
      nodes.push_back(node);
    }
    if (nodes.empty()) {
      if (written.node)
        UnknownNode({.place = written.node->place}, written.name ? written.name->value : "pod", written.node->value);
      return;
    }
    const bool isPerNode = written.generate && written.per && written.per->value == scenario::PodsPer::Node;
    const uint64_t count = !written.generate ? 1 : written.generate->value * (isPerNode ? nodes.size() : 1);
    if (m_cluster.pods.rows.size() + count > kMaxPods) {
      m_context.Error(written.generate->place, "more than {} pods", kMaxPods);
      return;
    }
    if (written.generate && count > 1 && (written.address || written.mac)) {
      m_context.Error(written.place, "one address or mac cannot be that of {} pods", count);
      return;
    }
    const uint64_t perNode = isPerNode ? written.generate->value : 1;
    std::vector<NodeId> places;
    // Without a node of their own, pods of one entry go round; pods of several entries continue where the last one
    // ended.
    for (uint64_t i = 0; i < count; ++i)
      places.push_back(isPerNode ? nodes[i / perNode] : nodes[(written.node ? i : m_spread++) % nodes.size()]);
    PodTable& pods = m_cluster.pods;
    const std::string name = written.name ? written.name->value : written.generate ? "pod{i}" : "";
    if (written.generate && name.find("{node}") == std::string::npos) {
      pods.Generate(name, group, written.hostNetwork.value, places);
    } else {
      for (uint64_t i = 0; i < count; ++i)
        pods.Add(written.generate ? GeneratedName(name, i + 1, m_cluster.nodes[places[i].value].name) : name, group,
                 written.hostNetwork.value, places[i]);
    }
    if (count == 0) return;
    GiveLabels(KeepLabels(LabelsOf(written, nullptr)), count);
    if (written.address) pods.rows.back().ip = written.address->value;
    if (written.mac) pods.givenMacs[PodId(pods.rows.size() - 1)] = written.mac->value;
  }

 private:
  uint32_t Group(std::string nameSpace, const scenario::Pod& written) {
    m_cluster.pods.groups.push_back({.nameSpace = std::move(nameSpace),
                                     .written = &written,
                                     .mtu = written.mtu ? std::optional(written.mtu->value) : std::nullopt});
    return static_cast<uint32_t>(m_cluster.pods.groups.size() - 1);
  }

  /// Those of the imported pod, and before them those that the scenario gives.
  static Labels LabelsOf(const scenario::Pod& written, const import::Labels* imported) {
    Labels labels;
    for (const auto& [key, value] : written.labels) labels.emplace(key, value.value);
    if (imported)
      for (const import::Label& label : *imported) labels.emplace(label.key, label.value);
    return labels;
  }

  uint32_t KeepLabels(Labels labels) {
    if (labels.empty()) return 0;
    m_cluster.labelSets.push_back(std::move(labels));
    return static_cast<uint32_t>(m_cluster.labelSets.size());
  }

  /// To the last pods.
  void GiveLabels(uint32_t set, uint64_t count) {
    if (set == 0) return;
    m_cluster.labelSetOfPod.resize(m_cluster.pods.rows.size(), 0);
    std::fill(m_cluster.labelSetOfPod.end() - static_cast<std::ptrdiff_t>(count), m_cluster.labelSetOfPod.end(), set);
  }

  void UnknownNode(const Where& where, std::string_view pod, std::string_view node) {
    m_context.Error(where, "pod \"{}\" is placed on \"{}\", and there is no such node{}", pod, node,
                    Suggestion(node, m_cluster.NodeNames()));
  }

  const Context& m_context;
  Cluster& m_cluster;
  size_t m_spread = 0;
};

}  // namespace

void ResolvePods(const Context& context, Cluster& cluster) {
  PodResolver resolver(context, cluster);
  for (const scenario::Pod& written : context.scenario.cluster.pods) {
    if (!written.import)
      resolver.Write(written);
    else if (context.imported)
      resolver.Import(written);
  }
  for (PodId pod : cluster.pods.Index(cluster.nodes.size())) {
    const scenario::Pod& written = *cluster.pods.groups[cluster.pods.GroupOf(pod)].written;
    context.Error(written.name ? written.name->place : written.place,
                  "there are two pods named \"{}\" in namespace \"{}\"", cluster.pods.NameOf(pod),
                  cluster.pods.NamespaceOf(pod));
  }
}

void CheckRoom6(const Context& context, const Cluster& cluster) {
  for (size_t n = 0; n < cluster.nodes.size(); ++n) {
    const NodeRow& node = cluster.nodes[n];
    const size_t count = cluster.pods.CountOn(NodeId(n));
    const int hostBits = Ipv6Address::kBits - node.podCidr6.length;
    if (node.podCidr6.length == 0 || hostBits >= 32 || count + 2 <= uint64_t{1} << hostBits) continue;
    context.Error(node.written->podCIDRIPv6 ? Where{.place = node.written->podCIDRIPv6->place} : node.where,
                  "podCIDR {} of node \"{}\" has no room for {} pods", node.podCidr6.ToString(), node.name, count);
  }
}

void GiveHostNetworkAddresses(Cluster& cluster) {
  for (size_t p = 0; p < cluster.pods.rows.size(); ++p) {
    PodRow& row = cluster.pods.rows[p];
    if (cluster.pods.IsOnHostNetwork(PodId(p))) row.ip = cluster.nodes[row.node.value].Address();
  }
}

/// host-local's way: the lowest free address, from the second on; the first is the gateway's.
void AssignPodAddresses(const Context& context, Cluster& cluster, bool gatewayIsAnyAddress) {
  CheckRoom6(context, cluster);
  PodTable& pods = cluster.pods;
  GiveHostNetworkAddresses(cluster);
  for (size_t n = 0; n < cluster.nodes.size(); ++n) {
    NodeRow& node = cluster.nodes[n];
    const Ipv4Prefix& cidr = node.podCidr;
    node.ranges = {{.cidr = cidr}};
    const size_t count = pods.CountOn(NodeId(n));
    if (gatewayIsAnyAddress && !node.givenGateway) {
      std::set<uint32_t> given;
      for (size_t i = 0; i < count; ++i) given.insert(pods.rows[pods.OnNode(NodeId(n), i).value].ip.value);
      Ipv4Address lowest{cidr.address.value + 1};
      while (given.contains(lowest.value)) ++lowest.value;
      node.givenGateway = lowest;
    }
    const uint32_t gateway = node.Gateway().value;
    std::unordered_map<uint32_t, PodId> taken;
    for (size_t i = 0; i < count; ++i) {
      const PodId pod = pods.OnNode(NodeId(n), i);
      const PodRow& row = pods.rows[pod.value];
      if (row.ip.IsZero()) continue;
      const scenario::Pod& written = *pods.groups[pods.GroupOf(pod)].written;
      const Where where{.place = written.address ? written.address->place : written.place};
      if (!cidr.Contains(row.ip))
        context.Error(where, "pod \"{}\" has the address {}, which is not in podCIDR {} of its node \"{}\"",
                      pods.NameOf(pod), row.ip.ToString(), cidr.ToString(), node.name);
      else if (row.ip.value == gateway || row.ip == cidr.address || row.ip == cidr.Broadcast())
        context.Error(where, "pod \"{}\" cannot have {}: it is the {} of podCIDR {}", pods.NameOf(pod),
                      row.ip.ToString(),
                      row.ip.value == gateway  ? "gateway"
                      : row.ip == cidr.address ? "network address"
                                               : "broadcast address",
                      cidr.ToString());
      else if (auto [it, isNew] = taken.emplace(row.ip.value, pod); !isNew)
        context.Error(where, "pods \"{}\" and \"{}\" have the same address {}", pods.NameOf(it->second),
                      pods.NameOf(pod), row.ip.ToString());
    }
    uint32_t next = cidr.address.value;
    for (size_t i = 0; i < count; ++i) {
      const PodId pod = pods.OnNode(NodeId(n), i);
      PodRow& row = pods.rows[pod.value];
      if (!row.ip.IsZero()) continue;
      do ++next;
      while (next == gateway || taken.contains(next));
      if (next >= cidr.Broadcast().value) {
        context.Error(node.written->podCIDR ? Where{.place = node.written->podCIDR->place} : node.where,
                      "podCIDR {} of node \"{}\" has room for {} pods, and {} are placed there", cidr.ToString(),
                      node.name, cidr.Size() - 3, count);
        break;
      }
      row.ip = {next};
    }
  }
}

}  // namespace overlaysim::plan
