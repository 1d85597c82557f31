#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/ids.h"
#include "sim/plan/context.h"
#include "sim/plan/underlay/port.h"
#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

// More than Kubernetes' own limits (5,000 nodes, 150,000 pods), and still what a machine holds.
inline constexpr size_t kMaxNodes = 20'000;
inline constexpr size_t kMaxPods = 1'000'000;

/// A Kubernetes node with everything that does not depend on the underlay; address and ports are filled in by it.
struct NodeRow {
  std::string name;
  Where where;
  const scenario::Node* written = nullptr;  ///< its entry in the scenario; valid while the plan is compiled
  std::string rack, zone;                   ///< "": not given
  std::map<std::string, std::string, std::less<>> labels;
  std::optional<Ipv4Prefix> given;     ///< the address that the author or the cluster gives; /32: the rack's length
  std::optional<MacAddress> vtepMac;   ///< given
  std::optional<MacAddress> vtepMac6;  ///< of the tunnel device for IPv6
  std::optional<Ipv4Prefix> givenPodCidr;
  Ipv4Prefix podCidr;  ///< length 0: its pods' addresses come from pools
  std::optional<Ipv6Prefix> givenPodCidr6;
  Ipv6Prefix podCidr6;  ///< length 0: its pods have no IPv6
  std::optional<Ipv4Address> givenGateway;
  std::vector<PodRange> ranges;  ///< all addresses of its pods: the pod CIDR, or blocks and borrowed addresses
  std::vector<Ipv4Address> tunnelAddresses;  ///< of its tunnel devices in their order; fewer: the others have none
  std::vector<Port> ports;                   ///< eth0, eth1, …
  std::vector<Ipv4Prefix> moreAddresses;     ///< on eth0

  Ipv4Address TunnelAddress(size_t tunnel) const {
    return tunnel < tunnelAddresses.size() ? tunnelAddresses[tunnel] : Ipv4Address{};
  }
  /// The node's own address among its pods'; with a pod CIDR.
  Ipv4Address Gateway() const { return givenGateway.value_or(Ipv4Address{podCidr.address.value + 1}); }
  Ipv4Address Address() const { return ports.empty() ? Ipv4Address{} : ports.front().address.address; }
};

/// What pods that are written together share.
struct PodGroup {
  std::string nameSpace;
  const scenario::Pod* written = nullptr;  ///< valid while the plan is compiled
  std::optional<uint32_t> mtu;
};

/// A pod is a row of a table, because there may be a hundred thousand.
struct PodRow {
  uint32_t nameAt = 0;  ///< in PodTable::names
  uint16_t nameLength = 0;
  bool hostNetwork = false;
  uint32_t group = 0;
  NodeId node;
  Ipv4Address ip;
};

class PodTable {
 public:
  PodTable() = default;
  PodTable(PodTable&&) = default;
  PodTable& operator=(PodTable&&) = default;

  std::vector<PodGroup> groups;
  std::vector<PodRow> rows;
  std::unordered_map<PodId, MacAddress> givenMacs;

  PodId Add(std::string_view name, uint32_t group);
  std::string_view NameOf(PodId pod) const;
  const std::string& NamespaceOf(PodId pod) const { return groups[rows[pod.value].group].nameSpace; }
  std::string FullName(PodId pod) const;  ///< "ns/name"
  /// As people write it: without the namespace where that is "default".
  std::string DisplayName(PodId pod) const;

  /// Makes the indexes; call once all rows are there and know their node. Answers those whose name an earlier one has.
  std::vector<PodId> Index(size_t nodeCount);
  size_t CountOn(NodeId node) const { return m_first[node.value + 1] - m_first[node.value]; }
  PodId OnNode(NodeId node, size_t ordinal) const { return m_byNode[m_first[node.value] + ordinal]; }
  size_t OrdinalOf(PodId pod) const {
    return m_ordinal[pod.value];
  }  ///< among the pods with their own namespace on its node
  /// Pods with a namespace of their own, numbered node by node.
  size_t OwnCount() const { return m_byNode.size(); }
  PodId OwnAt(size_t position) const { return m_byNode[position]; }
  size_t OwnPosition(PodId pod) const { return m_first[rows[pod.value].node.value] + m_ordinal[pod.value]; }
  /// By "ns/name", or by name alone where only one pod has it; none otherwise.
  PodId Find(std::string_view name) const;

 private:
  std::vector<char> m_names;      ///< keeps its place when the table is moved, as a short string does not
  std::vector<uint32_t> m_first;  ///< index into m_byNode of each node's first pod
  std::vector<PodId> m_byNode;    ///< without hostNetwork pods
  std::vector<uint32_t> m_ordinal;
  std::unordered_map<std::string, PodId> m_byFullName;
  std::unordered_map<std::string_view, PodId> m_byName;  ///< none: several
};

struct Cluster {
  std::vector<NodeRow> nodes;
  PodTable pods;
  Ipv4Prefix network;                    ///< all pods' addresses
  Ipv6Prefix network6;                   ///< their IPv6 addresses; length 0: there is no IPv6
  uint8_t podCidr6Length = 64;           ///< one node's part of it
  Ipv6Prefix underlay6;                  ///< see ipv6.h
  std::optional<uint8_t> podCidrLength;  ///< as the cluster's own files say

  bool HasIpv6() const { return network6.length > 0; }
  /// Of a pod with its own namespace, by its place on its node; zero without IPv6.
  Ipv6Address PodAddress6(PodId pod) const;
  NodeId FindNode(std::string_view name) const;
  std::vector<std::string> NodeNames() const;
  std::unordered_map<std::string, NodeId> nodeByName;
};

/// Nodes and pods of the scenario and of the files that it imports, with pod CIDRs and pod addresses given out.
/// `network` is set before (see cni/profile.h); a node's CIDR before its pods. Problems go to the context's
/// diagnostics.
void ResolveNodes(const Context& context, Cluster& cluster);
void AssignPodCidrs(const Context& context, Cluster& cluster);
void AssignPodCidrs6(const Context& context, Cluster& cluster);
void ResolvePods(const Context& context, Cluster& cluster);
/// Gives out pod addresses in the nodes' pod CIDRs and checks those given. The node itself has the first address of its
/// CIDR, or, `gatewayIsAnyAddress`, the lowest that is given to no pod.
void AssignPodAddresses(const Context& context, Cluster& cluster, bool gatewayIsAnyAddress);

}  // namespace overlaysim::plan
