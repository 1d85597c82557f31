#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/ids.h"
#include "sim/plan/cluster_plan.h"
#include "sim/plan/context.h"
#include "sim/plan/pod_table.h"
#include "sim/plan/underlay/port.h"
#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

// More than Kubernetes' own limits (5,000 nodes, 150,000 pods), and still what a machine holds.
inline constexpr size_t kMaxNodes = 20'000;
inline constexpr size_t kMaxPods = 1'000'000;

/// A Kubernetes node with everything that does not depend on the underlay; address and ports are filled in by it.
/// Rules of the filter table for both families.
struct FamilyRules {
  std::vector<kernel::FilterRule> ip, ip6;

  bool IsEmpty() const { return ip.empty() && ip6.empty(); }
  void Append(const FamilyRules& more) {
    ip.insert(ip.end(), more.ip.begin(), more.ip.end());
    ip6.insert(ip6.end(), more.ip6.begin(), more.ip6.end());
  }
};

struct NodeRow {
  std::string name;
  Where where;
  const scenario::Node* written = nullptr;  ///< its entry in the scenario; valid while the plan is compiled
  std::string rack, zone;                   ///< "": not given
  Labels labels;
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

struct Cluster {
  std::vector<NodeRow> nodes;
  PodTable pods;
  std::vector<Labels> labelSets;         ///< each that a pod has, once for those that were written together
  std::vector<uint32_t> labelSetOfPod;   ///< by PodId, from 1; 0, and of pods behind its end: none
  Ipv4Prefix network;                    ///< all pods' addresses
  Ipv6Prefix network6;                   ///< their IPv6 addresses; length 0: there is no IPv6
  uint8_t podCidr6Length = 64;           ///< one node's part of it
  uint8_t firstPod6 = 2;                 ///< where in it the pods' addresses begin
  Ipv6Prefix underlay6;                  ///< see ipv6.h
  std::optional<uint8_t> podCidrLength;  ///< as the cluster's own files say

  bool HasIpv6() const { return network6.length > 0; }
  /// Of a pod with its own namespace, by its place on its node; zero without IPv6.
  Ipv6Address PodAddress6(PodId pod) const;
  const Labels* LabelsOf(PodId pod) const;  ///< null: none
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
/// Pods without a namespace of their own have their node's address.
void GiveHostNetworkAddresses(Cluster& cluster);
/// Gives out pod addresses in the nodes' pod CIDRs and checks those given. The node itself has the first address of its
/// CIDR, or, `gatewayIsAnyAddress`, the lowest that is given to no pod.
void AssignPodAddresses(const Context& context, Cluster& cluster, bool gatewayIsAnyAddress);

}  // namespace overlaysim::plan
