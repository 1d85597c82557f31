#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sim/plan/cluster.h"
#include "sim/plan/cluster_plan.h"
#include "sim/plan/cni/peer_view.h"
#include "sim/plan/cni/rules.h"
#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {

/// Rules in the words of a program: what `iptables-restore`, `ip6tables-restore` or `nft -f` reads.
struct HostRules {
  enum class Language : uint8_t { Iptables, Ip6tables, Nft } language = Language::Iptables;
  std::string text;
};

/// What only some nodes have.
struct HostSettings {
  std::vector<std::pair<std::string, std::string>> sysctls;
  std::vector<HostRules> rules;  ///< in force before the CNI's agent comes
  FamilyRules denied;            ///< come first, before the rules of the CNI's agent
  FamilyRules input, forward;
  bool dropsByDefault = false;
};

/// The plan of a cluster. Namespaces are numbered: switches and routers, nodes, pods (node by node; those with
/// their node's network have none), external hosts.
class CompiledPlan final : public ClusterPlan {
 public:
  CompiledPlan(Cluster cluster, Fabric fabric, std::shared_ptr<Overlay> overlay);

  size_t NetnsCount() const override { return m_firstExternal + m_fabric.externals.size(); }
  NetnsInfo Info(NetnsId id) const override;
  std::unique_ptr<kernel::Namespace> Materialise(NetnsId id) const override;
  NetnsId Find(std::string_view name) const override;
  NetnsId FindByAddress(const IpAddress& ip) const override;
  std::optional<LonePod> FindLonePod(NetnsId id) const override;
  const Labels* FindLabels(NetnsId id) const override;
  std::vector<kernel::Route> UnderlayRoutes(NetnsId id, uint32_t epoch) const override;
  std::vector<kernel::Route6> UnderlayRoutes6(NetnsId id, uint32_t epoch) const override;
  bool HasAgents() const override { return m_overlay->agents != nullptr; }
  void FollowClock(const int64_t& nowNs) const override { m_overlay->now = &nowNs; }
  std::vector<NetnsId> NodesWithAgentWrites() const override;
  std::vector<kernel::PeerChange> AgentWrites(NetnsId id, Nanoseconds after) const override;
  Nanoseconds AgentsSettled() const override;
  ControlPlaneReport ReportAgents(Nanoseconds at) const override;

  NetnsId DeviceNetns(uint32_t device) const { return NetnsId(device); }
  NetnsId NodeNetns(NodeId node) const { return NetnsId(m_firstNode + node.value); }
  /// Of a pod with its node's network: the node's.
  NetnsId PodNetns(PodId pod) const;
  NetnsId ExternalNetns(uint32_t host) const { return NetnsId(m_firstExternal + host); }
  const Cluster& GetCluster() const { return m_cluster; }
  const Fabric& GetFabric() const { return m_fabric; }
  const Profile& GetProfile() const { return m_overlay->profile; }
  const Flavour& GetFlavour() const { return *m_overlay->flavour; }
  Ipv4Address AddressOf(NetnsId id) const;   ///< where others send to; zero: a switch without one
  Ipv6Address Address6Of(NetnsId id) const;  ///< zero: none
  uint32_t PodMtu(PodId pod) const;
  MacAddress PodMac(PodId pod) const;
  NodeView ViewOf(NodeId node) const;
  NodeParts PartsOf(NodeId node) const;
  /// What `node` knows to reach `peer`, with the route to its first range.
  PeerRows RowsTowards(NodeId node, NodeId peer) const;
  std::vector<kernel::Route> RoutesTowards(NodeId node, NodeId peer) const;
  /// As `ip route add` takes a route of that node.
  std::string RouteWords(NodeId node, const kernel::Route& route) const;
  /// A change of what the API server says of a node.
  struct NodeChange {
    NodeId node;
    bool isWithdrawal = false;
    Nanoseconds at;
    uint32_t group = 0;  ///< as ControlPlane::Change
  };
  /// Who is in the directory when, in place of all nodes always: the first `initial` of the changes hold at time 0.
  void UseAgents(const std::vector<NodeChange>& changes, size_t initial, ControlPlane::Settings settings,
                 std::vector<ControlPlane::Node> nodes, std::vector<ControlPlane::Outage> outages,
                 std::vector<ControlPlane::Group> groups);
  /// When the pods of the node can start; kNever: never.
  Nanoseconds PodsReadyAt(NodeId node) const;
  /// An address of the node's subnet that nobody has.
  Ipv4Address UnusedAddressNear(NodeId node) const;
  /// Commands that delete the node's tunnel device and make it again, with the entries of its peers or without.
  std::vector<std::string> TunnelCommands(NodeId node, uint32_t vni, bool withPeers) const;

  std::vector<std::shared_ptr<const HostSettings>> hostSettings;  ///< by node; null: none
  std::unordered_set<NodeId>
      nodesWithOwnTables;              ///< their peers' rows are written out, because something will change them
  std::vector<DownCables> epochs{{}};  ///< by epoch of UnderlayRoutes

 private:
  struct NodeLinks {  ///< ifindexes
    int bridge = 0, firstVeth = 0, firstTunnel = 0, firstAgent = 0;
  };
  NodeLinks LinksOf(NodeId node) const;
  std::string DeviceName(NodeId node, int ifindex) const;  ///< of a port or a tunnel
  bool HasBridge(NodeId node) const {
    const Profile& profile = m_overlay->profile;
    return !profile.bridge.empty() && (profile.isBridged || m_cluster.pods.CountOn(node) > 0);
  }
  uint8_t PodPrefixLength(NodeId node) const;
  uint32_t DeviceMtuOf(PodId pod) const;
  uint32_t OuterMtu(NodeId node) const;
  uint32_t MtuOf(NodeId node, const Tunnel& tunnel) const {
    return TunnelMtu(m_overlay->profile, tunnel, OuterMtu(node));
  }
  uint32_t MtuOfPodsOn(NodeId node) const { return plan::PodMtu(m_overlay->profile, OuterMtu(node)); }
  int VethIfindex(PodId pod) const;  ///< of the node's end
  PodAttachment AttachmentOf(PodId pod) const;
  void AddTunnel(kernel::Namespace& ns, NodeId node, size_t number) const;
  void AddPort(kernel::Namespace& ns, const Port& port, int ifindex, int master) const;
  /// An address of the underlay, and what goes with it in IPv6.
  void AddUnderlayAddress(kernel::Namespace& ns, int ifindex, const Ipv4Prefix& address) const;
  void AddUnderlayRoute(kernel::Namespace& ns, const kernel::Route& route) const;
  std::unique_ptr<kernel::Namespace> NewNamespace(NetnsId id, const std::string& netnsName) const;
  void FillCables();
  void Publish();
  Vtep VtepOf(NodeId node) const;
  ControlPlane::Work WorkFor(const Vtep& peer) const;
  std::unique_ptr<kernel::Namespace> MakeDevice(NetnsId id, const Device& device) const;
  std::unique_ptr<kernel::Namespace> MakeNode(NetnsId id, NodeId node) const;
  std::unique_ptr<kernel::Namespace> MakePod(NetnsId id, PodId pod) const;
  std::unique_ptr<kernel::Namespace> MakeExternal(NetnsId id, const ExternalHostRow& host) const;

  Cluster m_cluster;
  Fabric m_fabric;
  std::shared_ptr<Overlay> m_overlay;
  NodeRules m_rules;
  uint32_t m_firstNode, m_firstPod, m_firstExternal;
  NetnsId FindByPodAddress(const IpAddress& ip) const;
  std::unordered_map<Ipv4Address, NetnsId> m_underlayAddresses;
};

}  // namespace overlaysim::plan
