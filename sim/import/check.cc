#include "sim/import/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace overlaysim::import {

namespace {

constexpr size_t kMaxOfAKind = 20;  ///< a mistake made 60,000 times is shown this often

class Checker {
 public:
  Checker(const ImportedCluster& cluster, Diagnostics& diagnostics) : m_cluster(cluster), m_diagnostics(diagnostics) {
    for (const Node& node : cluster.nodes) m_nodes.emplace(node.name, &node);
  }

  void Check() {
    CheckPodCidrs();
    CheckNodeAddresses();
    CheckVteps();
    CheckPodNodes();
    CheckPodAddresses();
    for (const auto& [kind, count] : m_counts) {
      if (count <= kMaxOfAKind) continue;
      m_diagnostics.Note({}, fmt::format("{} more {}", count - kMaxOfAKind, kind));
    }
  }

 private:
  void Report(Severity severity, const Origin& origin, const char* kind, std::string message) {
    if (++m_counts[kind] > kMaxOfAKind) return;
    if (severity == Severity::Error) {
      m_diagnostics.Error(m_cluster.PlaceOf(origin), std::move(message));
    } else {
      m_diagnostics.Warning(m_cluster.PlaceOf(origin), std::move(message));
    }
  }

  void CheckPodCidrs() {
    struct Entry {
      IpPrefix cidr;
      const Node* node;
    };
    std::vector<Entry> entries;
    for (const Node& node : m_cluster.nodes) {
      if (node.podCidrs.empty()) {
        Report(Severity::Warning, node.origin, "nodes without a pod CIDR",
               fmt::format("node \"{}\" has no usable pod CIDR", node.name));
      }
      for (const IpPrefix& cidr : node.podCidrs) {
        entries.push_back({cidr, &node});
        CheckInsideNetwork(cidr, node);
      }
    }
    // In order of address, an outer prefix stands before the ones inside it; compare with the last that reaches
    // furthest.
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.cidr < b.cidr; });
    const Entry* outer = nullptr;
    for (const Entry& entry : entries) {
      if (outer && outer->cidr.Overlaps(entry.cidr)) {
        Report(Severity::Error, entry.node->origin, "overlapping pod CIDRs",
               outer->node == entry.node
                   ? fmt::format("node \"{}\" has the pod CIDRs {} and {}, which overlap", entry.node->name,
                                 outer->cidr.ToString(), entry.cidr.ToString())
                   : fmt::format("the pod CIDR {} of node \"{}\" overlaps {} of node \"{}\"", entry.cidr.ToString(),
                                 entry.node->name, outer->cidr.ToString(), outer->node->name));
      } else {
        outer = &entry;
      }
    }
  }

  void CheckInsideNetwork(const IpPrefix& cidr, const Node& node) {
    if (!m_cluster.flannel || !cidr.v4) return;
    const auto& network = m_cluster.flannel->network;
    if (!network.value || network.value->Contains(*cidr.v4)) return;
    Report(
        Severity::Warning, node.origin, "pod CIDRs outside flannel's Network",
        fmt::format("the pod CIDR {} of node \"{}\" lies outside flannel's Network {}; flanneld does not start there",
                    cidr.ToString(), node.name, network.value->ToString()));
  }

  template <typename Address>
  void CheckUniqueNodeAddress(std::map<Address, const Node*>& owners, const Address& address, const Node& node) {
    auto [owner, isNew] = owners.emplace(address, &node);
    if (isNew || owner->second == &node) return;
    Report(Severity::Error, node.origin, "node addresses held twice",
           fmt::format("node \"{}\" has the address {}, and so has node \"{}\"", node.name, address.ToString(),
                       owner->second->name));
  }

  void CheckNodeAddresses() {
    std::map<Ipv4Address, const Node*> v4;
    std::map<Ipv6Address, const Node*> v6;
    for (const Node& node : m_cluster.nodes) {
      for (const Ipv4Address& ip : node.internalIps) CheckUniqueNodeAddress(v4, ip, node);
      for (const Ipv6Address& ip : node.internalIpsV6) CheckUniqueNodeAddress(v6, ip, node);
      if (!node.UnderlayAddress() && node.internalIpsV6.empty()) {
        Report(Severity::Warning, node.origin, "nodes without an address",
               fmt::format("node \"{}\" has no InternalIP", node.name));
      }
    }
  }

  void CheckVteps() {
    std::map<MacAddress, const Node*> macs;
    std::map<Ipv4Address, const Node*> publicIps;
    for (const Node& node : m_cluster.nodes) {
      if (node.flannel.vtepMac) {
        auto [owner, isNew] = macs.emplace(*node.flannel.vtepMac, &node);
        if (!isNew) {
          Report(Severity::Warning, node.origin, "VtepMACs on two nodes",
                 fmt::format(
                     "node \"{}\" has the VtepMAC {} of node \"{}\": a cloned machine? One of the two is not reachable",
                     node.name, node.flannel.vtepMac->ToString(), owner->second->name));
        }
      }
      if (node.flannel.publicIp) {
        auto [owner, isNew] = publicIps.emplace(*node.flannel.publicIp, &node);
        if (!isNew) {
          Report(Severity::Warning, node.origin, "public-ips on two nodes",
                 fmt::format("node \"{}\" has flannel's public-ip {} of node \"{}\": was the wrong interface chosen?",
                             node.name, node.flannel.publicIp->ToString(), owner->second->name));
        }
      }
    }
  }

  void CheckPodNodes() {
    if (m_cluster.nodes.empty()) return;  // pods alone: there is nothing to hold them against
    std::vector<std::string> names;
    for (const Node& node : m_cluster.nodes) names.emplace_back(node.name);
    constexpr size_t kListed = 5;
    for (const Pod& pod : m_cluster.pods) {
      if (!pod.IsPlaced() || m_nodes.contains(pod.nodeName)) continue;
      const std::string known = names.size() <= kListed ? JoinNames(names) : fmt::format("{} others", names.size());
      const std::string guess = names.size() <= 100 ? DidYouMean(pod.nodeName, names) : std::string();
      Report(Severity::Error, pod.origin, "pods on unknown nodes",
             fmt::format("pod \"{}/{}\" is placed on \"{}\", and there is no such node ({}){}", pod.nameSpace, pod.name,
                         pod.nodeName, known, guess.empty() ? "" : fmt::format("; did you mean \"{}\"?", guess)));
    }
  }

  void CheckPodAddresses() {
    std::unordered_map<Ipv4Address, const Pod*> owners;
    for (const Pod& pod : m_cluster.pods) {
      if (!pod.IsPlaced() || pod.hostNetwork || !pod.ip) continue;
      auto [owner, isNew] = owners.emplace(*pod.ip, &pod);
      if (!isNew) {
        Report(Severity::Error, pod.origin, "pod addresses held twice",
               fmt::format("pod \"{}/{}\" has the address {}, and so has \"{}/{}\"", pod.nameSpace, pod.name,
                           pod.ip->ToString(), owner->second->nameSpace, owner->second->name));
      }
      auto node = m_nodes.find(pod.nodeName);
      const auto cidr = node == m_nodes.end() ? std::nullopt : node->second->PodCidr();
      if (cidr && !cidr->Contains(*pod.ip)) {
        Report(Severity::Warning, pod.origin, "pods outside their node's pod CIDR",
               fmt::format("pod \"{}/{}\" has the address {}, outside the pod CIDR {} of its node \"{}\"",
                           pod.nameSpace, pod.name, pod.ip->ToString(), cidr->ToString(), pod.nodeName));
      }
    }
  }

  const ImportedCluster& m_cluster;
  Diagnostics& m_diagnostics;
  std::unordered_map<std::string_view, const Node*> m_nodes;
  std::map<std::string, size_t> m_counts;
};

}  // namespace

void CheckCluster(const ImportedCluster& cluster, Diagnostics& diagnostics) { Checker(cluster, diagnostics).Check(); }

}  // namespace overlaysim::import
