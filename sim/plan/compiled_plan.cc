#include "sim/plan/compiled_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/wire/headers.h"
#include "sim/base/check.h"
#include "sim/plan/cni/connect.h"
#include "sim/plan/host_rules.h"
#include "sim/plan/ipv6.h"
#include "sim/plan/names.h"

namespace overlaysim::plan {
namespace {

constexpr int kFirstIfindex = 2;           // 1 is lo
constexpr uint32_t kTunQueueLength = 500;  // TUN_READQ_SIZE

/// A bridge with an address of its own choice, as the CNI's bridge plugin makes it.
void AddBridge(kernel::Namespace& ns, int ifindex, const std::string& name, MacAddress mac, uint32_t mtu) {
  ns.AddLink({.ifindex = ifindex,
              .name = name,
              .kind = kernel::LinkKind::Bridge,
              .address = mac,
              .addressSet = true,
              .mtu = mtu});
  ns.SetLinkUp(ifindex, true, {});
}

std::vector<kernel::NextHop> GatewaysOf(const NodeRow& node) {
  std::vector<kernel::NextHop> hops;
  for (size_t p = 0; p < node.ports.size(); ++p)
    if (!node.ports[p].gateway.IsZero())
      hops.push_back({.gateway = node.ports[p].gateway, .ifindex = kFirstIfindex + static_cast<int>(p)});
  return hops;
}

/// felix/wireguard/wireguard.go, addRouteRule(): what is not encrypted yet looks into the table first, where the node's
/// own ranges are thrown back.
void AddPolicyTable(kernel::Namespace& ns, const NodeRow& node, const Profile& profile) {
  constexpr uint32_t kRulePriority = 99;  // WireguardRoutingRulePriority: felix/config/config_params.go
  const uint32_t mark = profile.FindTunnel(kernel::LinkKind::Wireguard)->wireguard.fwmark;
  ns.AddRule(
      {.preference = kRulePriority, .fwmark = mark, .fwmask = mark, .inverted = true, .table = profile.policyTable});
  for (const PodRange& range : node.ranges)
    ns.AddRoute({.dst = range.cidr, .type = kernel::RouteType::Throw, .table = profile.policyTable},
                kernel::Namespace::kCreate);
}

void AppendRules(kernel::Namespace& ns, kernel::Hook hook, kernel::FilterFamily family,
                 const std::vector<kernel::FilterRule>& rules, bool dropsByDefault) {
  if (rules.empty() && !dropsByDefault) return;
  kernel::FilterChain& chain = ns.netfilter.Builtin("filter", hook, family);
  for (const kernel::FilterRule& rule : rules) {
    chain.rules.push_back(rule);
    chain.rules.back().rowId = ns.NextRowId();
  }
  if (dropsByDefault) chain.drops = chain.countsPolicy = true;
  ns.netfilter.Rebuild();
}

void AppendRules(kernel::Namespace& ns, kernel::Hook hook, const FamilyRules& rules, bool dropsByDefault,
                 bool hasIpv6) {
  AppendRules(ns, hook, kernel::FilterFamily::Ip, rules.ip, dropsByDefault);
  if (hasIpv6) AppendRules(ns, hook, kernel::FilterFamily::Ip6, rules.ip6, dropsByDefault);
}

}  // namespace

CompiledPlan::CompiledPlan(Cluster cluster, Fabric fabric, std::shared_ptr<Overlay> overlay)
    : m_cluster(std::move(cluster)),
      m_fabric(std::move(fabric)),
      m_overlay(std::move(overlay)),
      m_rules(m_overlay->profile, m_overlay->flavour->rules, m_overlay->flavour->rules6),
      m_firstNode(static_cast<uint32_t>(m_fabric.devices.size())),
      m_firstPod(m_firstNode + static_cast<uint32_t>(m_cluster.nodes.size())),
      m_firstExternal(m_firstPod + static_cast<uint32_t>(m_cluster.pods.OwnCount())) {
  FillCables();
  Publish();
}

void CompiledPlan::FillCables() {
  for (size_t c = 0; c < m_fabric.cables.size(); ++c) {
    auto fill = [&](const CableEnd& from, CablePlan::End& to) {
      switch (from.kind) {
        case CableEnd::Kind::Device:
          to = {DeviceNetns(from.owner), m_fabric.devices[from.owner].PortIfindex(from.port)};
          return;
        case CableEnd::Kind::Node:
          to = {NodeNetns(NodeId(from.owner)), kFirstIfindex + static_cast<int>(from.port)};
          return;
        case CableEnd::Kind::External:
          to = {ExternalNetns(from.owner), kFirstIfindex};
          return;
      }
    };
    fill(m_fabric.ends[c][0], m_fabric.cables[c].a);
    fill(m_fabric.ends[c][1], m_fabric.cables[c].b);
  }
  cables = std::move(m_fabric.cables);
  for (uint32_t d = 0; d < m_fabric.devices.size(); ++d) {
    for (const Bridge& bridge : m_fabric.devices[d].bridges)
      if (bridge.address.length > 0) m_underlayAddresses.emplace(bridge.address.address, DeviceNetns(d));
    for (const Port& port : m_fabric.devices[d].ports)
      if (port.address.length > 0) m_underlayAddresses.emplace(port.address.address, DeviceNetns(d));
  }
  for (size_t n = 0; n < m_cluster.nodes.size(); ++n) {
    for (const Port& port : m_cluster.nodes[n].ports)
      m_underlayAddresses.emplace(port.address.address, NodeNetns(NodeId(n)));
    for (const Ipv4Prefix& more : m_cluster.nodes[n].moreAddresses)
      m_underlayAddresses.emplace(more.address, NodeNetns(NodeId(n)));
  }
  for (uint32_t h = 0; h < m_fabric.externals.size(); ++h)
    m_underlayAddresses.emplace(m_fabric.externals[h].port.address.address, ExternalNetns(h));
}

Vtep CompiledPlan::VtepOf(NodeId id) const {
  const Profile& profile = m_overlay->profile;
  const NodeRow& node = m_cluster.nodes[id.value];
  return {.node = id,
          .ranges = node.ranges,
          .tunnel = profile.hasVtepAddress     ? node.TunnelAddress(0)
                    : profile.routesViaGateway ? node.Gateway()
                                               : node.Address(),
          .underlay = node.Address(),
          .mac = *node.vtepMac,
          .wireguardKey = profile.FindTunnel(kernel::LinkKind::Wireguard) ? WireguardKeyFromName(node.name)
                                                                          : kernel::WireguardKey{},
          .podCidr6 = node.podCidr6,
          .underlay6 = Address6Of(NodeNetns(id)),
          .mac6 = node.vtepMac6.value_or(MacAddress{})};
}

void CompiledPlan::Publish() {
  const Profile& profile = m_overlay->profile;
  for (size_t n = 0; n < m_cluster.nodes.size(); ++n) m_overlay->directory.Publish(VtepOf(NodeId(n)));
  if (!profile.isBridged || profile.tunnels.front().vxlan.learning) return;
  uint32_t number = 0;
  for (size_t p = 0; p < m_cluster.pods.rows.size(); ++p)
    if (!m_cluster.pods.IsOnHostNetwork(PodId(p)))
      m_overlay->stations.emplace(AttachmentOf(PodId(p)).podMac, Station{m_cluster.pods.rows[p].node, number++});
  for (size_t n = 0; n < m_cluster.nodes.size(); ++n)
    m_overlay->stations.emplace(MacFromName(m_cluster.nodes[n].name + "/" + profile.bridge),
                                Station{NodeId(n), number++});
}

// ------------------------------------------------------------------------------------------------ agents

/// What the flavour's rows are for a node on the peer's subnet, and for one that is not.
ControlPlane::Work CompiledPlan::WorkFor(const Vtep& peer) const {
  const Flavour& flavour = *m_overlay->flavour;
  const Profile& profile = m_overlay->profile;
  NodeView near = ViewOf(peer.node);
  near.node = NodeId();
  NodeView far = near;
  far.subnet = {Ipv4Address{}, 32};
  far.subnet6 = {Ipv6Address{}, Ipv6Address::kBits};
  auto stepsOf = [&](const NodeView& self) {
    uint16_t steps = flavour.programs ? BitOf(Step::Map) : uint16_t{0};
    auto add = [&](Step step, bool isThere) {
      if (isThere) steps = static_cast<uint16_t>(steps | BitOf(step));
    };
    for (const PodRange& range : peer.ranges) {
      const PeerRows rows = flavour.reach(profile, self, peer, range);
      add(Step::Neighbour, rows.neighbour.has_value());
      add(Step::Fdb, rows.fdb.has_value());
      add(Step::Route, rows.route.has_value());
      add(Step::PolicyRoute, rows.policyRoute.has_value());
      add(Step::TunnelPeer, rows.tunnelPeer.has_value());
    }
    if (peer.podCidr6.length > 0 && flavour.reach6) {
      const PeerRows6 rows = flavour.reach6(profile, self, peer);
      add(Step::Neighbour6, rows.neighbour.has_value());
      add(Step::Fdb6, rows.fdb.has_value());
      add(Step::Route6, rows.route.has_value());
    }
    return steps;
  };
  return {stepsOf(near), stepsOf(far), static_cast<uint16_t>(peer.ranges.size())};
}

void CompiledPlan::UseAgents(const std::vector<NodeChange>& changes, size_t initial, ControlPlane::Settings settings,
                             std::vector<ControlPlane::Node> nodes, std::vector<ControlPlane::Outage> outages,
                             std::vector<ControlPlane::Group> groups) {
  VtepDirectory& directory = m_overlay->directory;
  directory = {};
  std::vector<ControlPlane::Change> log;
  std::vector<ControlPlane::Work> works;
  for (const NodeChange& change : changes) {
    ControlPlane::Change entry{.isWithdrawal = change.isWithdrawal, .at = change.at, .group = change.group};
    if (change.isWithdrawal) {
      entry.entry = directory.FindByNode(change.node, directory.Version());
      directory.Withdraw(change.node);
    } else {
      entry.entry = static_cast<uint32_t>(directory.Entries().size());
      directory.Publish(VtepOf(change.node));
      works.push_back(WorkFor(directory.Entries().back().vtep));
    }
    log.push_back(entry);
  }
  for (size_t n = 0; n < nodes.size(); ++n) nodes[n].subnet = ViewOf(NodeId(n)).subnet;
  m_overlay->agents = std::make_shared<const ControlPlane>(std::move(settings), directory, std::move(nodes),
                                                           std::move(log), std::move(works), std::move(outages),
                                                           std::move(groups), static_cast<uint32_t>(initial));
}

Nanoseconds CompiledPlan::PodsReadyAt(NodeId node) const {
  return m_overlay->agents ? m_overlay->agents->ReadyAt(node) : Nanoseconds{};
}

std::vector<NetnsId> CompiledPlan::NodesWithAgentWrites() const {
  std::vector<NetnsId> out;
  if (HasAgents())
    for (NodeId node : nodesWithOwnTables) out.push_back(NodeNetns(node));
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<kernel::PeerChange> CompiledPlan::AgentWrites(NetnsId id, Nanoseconds after) const {
  return PeerView(m_overlay, ViewOf(Info(id).node)).WritesAfter(after);
}

Nanoseconds CompiledPlan::AgentsSettled() const { return HasAgents() ? m_overlay->agents->SettledAt() : Nanoseconds{}; }

ControlPlaneReport CompiledPlan::ReportAgents(Nanoseconds at) const {
  if (!HasAgents()) return {};
  ControlPlaneReport report = m_overlay->agents->Report(at);
  for (AgentReport& agent : report.agents) agent.netns = NodeNetns(agent.node);
  return report;
}

// ------------------------------------------------------------------------------------------------ both families

/// IPv6 is on in dual-stack clusters only. Duplicate address detection is off: it has ended before a run begins.
std::unique_ptr<kernel::Namespace> CompiledPlan::NewNamespace(NetnsId id, const std::string& netnsName) const {
  auto ns = std::make_unique<kernel::Namespace>(id, netnsName);
  if (m_cluster.HasIpv6())
    for (const char* key : {"accept_dad", "disable_ipv6"})
      for (const char* scope : {"default", "all"}) ns->SetSysctl(fmt::format("net.ipv6.conf.{}.{}", scope, key), "0");
  ns->SetLinkUp(1, true, {});
  return ns;
}

/// Adds a device of a cable with its address and brings it up.
void CompiledPlan::AddPort(kernel::Namespace& ns, const Port& port, int ifindex, int master) const {
  ns.AddLink({.ifindex = ifindex,
              .name = port.name,
              .kind = kernel::LinkKind::Physical,
              .address = port.mac,
              .addressSet = true,
              .mtu = port.mtu});
  if (master != 0) ns.SetLinkMaster(ifindex, master);
  ns.SetLinkUp(ifindex, true, {});
  if (master == 0 && port.address.length > 0) AddUnderlayAddress(ns, ifindex, port.address);
}

void CompiledPlan::AddUnderlayAddress(kernel::Namespace& ns, int ifindex, const Ipv4Prefix& address) const {
  ns.AddAddress({.ifindex = ifindex, .local = address.address, .prefixLength = address.length});
  if (!m_cluster.HasIpv6() || address.length == 0) return;
  const Ipv6Prefix address6 = Embed(m_cluster.underlay6, address);
  ns.Ipv6().AddAddress({.ifindex = ifindex, .local = address6.address, .prefixLength = address6.length});
}

void CompiledPlan::AddUnderlayRoute(kernel::Namespace& ns, const kernel::Route& route) const {
  ns.AddRoute(route, kernel::Namespace::kCreate);
  if (m_cluster.HasIpv6()) ns.Ipv6().AddRoute(Embed(m_cluster.underlay6, route), kernel::Namespace::kCreate);
}

// ------------------------------------------------------------------------------------------------ names and addresses

NetnsId CompiledPlan::PodNetns(PodId pod) const {
  const PodTable& pods = m_cluster.pods;
  return pods.IsOnHostNetwork(pod) ? NodeNetns(pods.rows[pod.value].node) : NetnsId(m_firstPod + pods.OwnPosition(pod));
}

NetnsInfo CompiledPlan::Info(NetnsId id) const {
  NetnsInfo info{.id = id, .kernel = id.value};
  if (id.value < m_firstNode) {
    info.name = m_fabric.devices[id.value].name;
    info.role = m_fabric.devices[id.value].role;
  } else if (id.value < m_firstPod) {
    info.node = NodeId(id.value - m_firstNode);
    info.name = m_cluster.nodes[info.node.value].name;
    info.role = NetnsRole::Node;
  } else if (id.value < m_firstExternal) {
    info.pod = m_cluster.pods.OwnAt(id.value - m_firstPod);
    info.node = m_cluster.pods.rows[info.pod.value].node;
    info.name = m_cluster.pods.DisplayName(info.pod);
    info.role = NetnsRole::Pod;
    info.isShared = m_cluster.pods.IsOnHostNetwork(info.pod);
    info.kernel = NodeNetns(info.node).value;
  } else {
    info.name = m_fabric.externals[id.value - m_firstExternal].name;
    info.role = NetnsRole::External;
  }
  return info;
}

NetnsId CompiledPlan::Find(std::string_view wanted) const {
  if (const NodeId node = m_cluster.FindNode(wanted)) return NodeNetns(node);
  if (const PodId pod = m_cluster.pods.Find(wanted)) return PodNetns(pod);
  if (const auto device = m_fabric.FindDevice(wanted)) return DeviceNetns(*device);
  for (uint32_t h = 0; h < m_fabric.externals.size(); ++h)
    if (m_fabric.externals[h].name == wanted) return ExternalNetns(h);
  return {};
}

NetnsId CompiledPlan::FindByAddress(const IpAddress& ip) const {
  const bool isEmbedded = m_cluster.HasIpv6() && m_cluster.underlay6.Contains(ip.V6());
  if (ip.IsV4() || isEmbedded)
    if (auto it = m_underlayAddresses.find(isEmbedded ? Embedded(ip.V6()) : ip.V4()); it != m_underlayAddresses.end())
      return it->second;
  return FindByPodAddress(ip);
}

NetnsId CompiledPlan::FindByPodAddress(const IpAddress& ip) const {
  const VtepDirectory& directory = m_overlay->directory;
  const uint32_t entry = ip.IsV6() ? directory.FindByPod6(ip.V6(), VtepDirectory::Ever)
                                   : directory.FindByPod(ip.V4(), VtepDirectory::Ever);
  if (entry == VtepDirectory::kNone) return {};
  const NodeId node = directory.Entries()[entry].vtep.node;
  const NodeRow& row = m_cluster.nodes[node.value];
  const IpAddress gateway = ip.IsV6() ? IpAddress(Advance(row.podCidr6.address, 1)) : IpAddress(row.Gateway());
  if ((HasBridge(node) || m_overlay->profile.agentDevices > 0) && ip == gateway) return NodeNetns(node);
  const bool isTunnel =
      ip.IsV6()
          ? m_overlay->profile.FindTunnel(kernel::LinkKind::Vxlan, true) && ip == row.podCidr6.address
          : std::find(row.tunnelAddresses.begin(), row.tunnelAddresses.end(), ip.V4()) != row.tunnelAddresses.end();
  if (isTunnel) return NodeNetns(node);
  for (size_t i = 0; i < m_cluster.pods.CountOn(node); ++i) {
    const PodId pod = m_cluster.pods.OnNode(node, i);
    if (ip.IsV6() ? m_cluster.PodAddress6(pod) == ip.V6() : m_cluster.pods.rows[pod.value].ip == ip.V4())
      return PodNetns(pod);
  }
  return {};
}

Ipv6Address CompiledPlan::Address6Of(NetnsId id) const {
  if (!m_cluster.HasIpv6()) return {};
  if (id.value >= m_firstPod && id.value < m_firstExternal)
    return m_cluster.PodAddress6(m_cluster.pods.OwnAt(id.value - m_firstPod));
  const Ipv4Address address = AddressOf(id);
  return address.IsZero() ? Ipv6Address{} : Embed(m_cluster.underlay6, address);
}

std::optional<LonePod> CompiledPlan::FindLonePod(NetnsId id) const {
  if (id.value < m_firstPod || id.value >= m_firstExternal) return std::nullopt;
  const PodId pod = m_cluster.pods.OwnAt(id.value - m_firstPod);
  const PodRow& row = m_cluster.pods.rows[pod.value];
  if (m_overlay->flavour->connectPod != ConnectToBridge) return std::nullopt;
  return LonePod{.ifindex = kFirstIfindex,
                 .mac = PodMac(pod),
                 .mtu = PodMtu(pod),
                 .address = row.ip,
                 .prefixLength = PodPrefixLength(row.node),
                 .address6 = m_cluster.PodAddress6(pod),
                 .prefixLength6 = m_cluster.nodes[row.node.value].podCidr6.length,
                 .peerNetns = NodeNetns(row.node),
                 .peerIfindex = VethIfindex(pod)};
}

const Labels* CompiledPlan::FindLabels(NetnsId id) const {
  if (id.value < m_firstNode || id.value >= m_firstExternal) return nullptr;
  if (id.value >= m_firstPod) return m_cluster.LabelsOf(m_cluster.pods.OwnAt(id.value - m_firstPod));
  const Labels& labels = m_cluster.nodes[id.value - m_firstNode].labels;
  return labels.empty() ? nullptr : &labels;
}

Ipv4Address CompiledPlan::AddressOf(NetnsId id) const {
  if (id.value < m_firstNode) {
    const Device& device = m_fabric.devices[id.value];
    for (const Bridge& bridge : device.bridges)
      if (bridge.address.length > 0) return bridge.address.address;
    for (const Port& port : device.ports)
      if (port.address.length > 0) return port.address.address;
    return {};
  }
  if (id.value < m_firstPod) return m_cluster.nodes[id.value - m_firstNode].Address();
  if (id.value < m_firstExternal) return m_cluster.pods.rows[m_cluster.pods.OwnAt(id.value - m_firstPod).value].ip;
  return m_fabric.externals[id.value - m_firstExternal].port.address.address;
}

// ------------------------------------------------------------------------------------------------ one namespace

std::unique_ptr<kernel::Namespace> CompiledPlan::Materialise(NetnsId id) const {
  OVERLAYSIM_CHECK(id.value < NetnsCount(), "there is no namespace {}", id.value);
  if (id.value < m_firstNode) return MakeDevice(id, m_fabric.devices[id.value]);
  if (id.value < m_firstPod) return MakeNode(id, NodeId(id.value - m_firstNode));
  if (id.value < m_firstExternal) return MakePod(id, m_cluster.pods.OwnAt(id.value - m_firstPod));
  return MakeExternal(id, m_fabric.externals[id.value - m_firstExternal]);
}

std::unique_ptr<kernel::Namespace> CompiledPlan::MakeDevice(NetnsId id, const Device& device) const {
  auto ns = NewNamespace(id, device.name);
  for (size_t b = 0; b < device.bridges.size(); ++b)
    AddBridge(*ns, device.BridgeIfindex(b), device.bridges[b].name, device.bridges[b].mac, device.bridges[b].mtu);
  for (size_t p = 0; p < device.ports.size(); ++p) {
    const Port& port = device.ports[p];
    AddPort(*ns, port, device.PortIfindex(p),
            port.bridge < 0 ? 0 : device.BridgeIfindex(static_cast<size_t>(port.bridge)));
  }
  if (device.routes) {
    for (size_t b = 0; b < device.bridges.size(); ++b)
      AddUnderlayAddress(*ns, device.BridgeIfindex(b), device.bridges[b].address);
    ns->SetSysctl("net.ipv4.ip_forward", "1");
    ns->SetSysctl("net.ipv4.fib_multipath_hash_policy", "1");  // by the 5-tuple, as switches do
    if (m_cluster.HasIpv6()) {
      ns->SetSysctl("net.ipv6.conf.all.forwarding", "1");
      ns->SetSysctl("net.ipv6.fib_multipath_hash_policy", "1");
    }
    for (const kernel::Route& route : UnderlayRoutes(id, 0)) AddUnderlayRoute(*ns, route);
  }
  AppendRules(*ns, kernel::Hook::Forward, device.forward, device.dropsByDefault, m_cluster.HasIpv6());
  if (!device.forward.IsEmpty() && !device.bridges.empty())
    for (const char* program : {"iptables", "ip6tables"})
      ns->SetSysctl(fmt::format("net.bridge.bridge-nf-call-{}", program), "1");
  return ns;
}

std::vector<kernel::Route> CompiledPlan::UnderlayRoutes(NetnsId id, uint32_t epoch) const {
  if (id.value >= m_firstExternal) {
    const Port& port = m_fabric.externals[id.value - m_firstExternal].port;
    if (port.gateway.IsZero()) return {};
    return {{.dst = {}, .nextHops = {{.gateway = port.gateway, .ifindex = kFirstIfindex}}}};
  }
  if (id.value >= m_firstNode || !m_fabric.devices[id.value].routes) return {};
  return RoutesOf(m_fabric, m_cluster, id.value, epochs.at(epoch));
}

std::vector<kernel::Route6> CompiledPlan::UnderlayRoutes6(NetnsId id, uint32_t epoch) const {
  std::vector<kernel::Route6> out;
  if (!m_cluster.HasIpv6()) return out;
  for (const kernel::Route& route : UnderlayRoutes(id, epoch)) out.push_back(Embed(m_cluster.underlay6, route));
  return out;
}

CompiledPlan::NodeLinks CompiledPlan::LinksOf(NodeId node) const {
  // As a node of the oracle's lab has them: eth0, cni0, the veths, flannel.1; with Calico eth0, vxlan.calico, the
  // veths; with Cilium eth0, cilium_net, cilium_host, cilium_vxlan, the veths.
  const int afterPorts = kFirstIfindex + static_cast<int>(m_cluster.nodes[node.value].ports.size());
  const Profile& profile = m_overlay->profile;
  const int pods = static_cast<int>(m_cluster.pods.CountOn(node));
  if (profile.bridge.empty()) {
    const int firstTunnel = afterPorts + profile.agentDevices;
    return {.firstVeth = firstTunnel + static_cast<int>(profile.tunnels.size()),
            .firstTunnel = firstTunnel,
            .firstAgent = afterPorts};
  }
  if (!HasBridge(node)) return {.firstTunnel = afterPorts};
  return {.bridge = afterPorts, .firstVeth = afterPorts + 1, .firstTunnel = afterPorts + 1 + pods};
}

std::string CompiledPlan::DeviceName(NodeId node, int ifindex) const {
  const std::vector<Port>& ports = m_cluster.nodes[node.value].ports;
  const size_t port = static_cast<size_t>(ifindex - kFirstIfindex);
  if (port < ports.size()) return ports[port].name;
  return m_overlay->profile.tunnels.at(static_cast<size_t>(ifindex - LinksOf(node).firstTunnel)).device;
}

NodeView CompiledPlan::ViewOf(NodeId node) const {
  const Port& port = m_cluster.nodes[node.value].ports.front();
  NodeView view{.node = node,
                .address = port.address.address,
                .subnet = port.address.Canonical(),
                .underlayIfindex = kFirstIfindex,
                .gateways = GatewaysOf(m_cluster.nodes[node.value]),
                .firstTunnelIfindex = LinksOf(node).firstTunnel,
                .firstAgentIfindex = LinksOf(node).firstAgent,
                .podCidr = m_cluster.nodes[node.value].podCidr,
                .gateway = m_cluster.nodes[node.value].Gateway(),
                .outerMtu = OuterMtu(node),
                .podMtu = MtuOfPodsOn(node)};
  if (m_cluster.HasIpv6()) {
    view.address6 = Address6Of(NodeNetns(node));
    view.subnet6 = Embed(m_cluster.underlay6, view.subnet);
  }
  return view;
}

NodeParts CompiledPlan::PartsOf(NodeId node) const {
  NodeParts parts{.self = ViewOf(node)};
  for (const Port& port : m_cluster.nodes[node.value].ports) parts.addresses.push_back(port.address.address);
  for (const Ipv4Prefix& more : m_cluster.nodes[node.value].moreAddresses) parts.addresses.push_back(more.address);
  for (size_t i = 0; i < m_cluster.pods.CountOn(node); ++i)
    parts.pods.push_back(AttachmentOf(m_cluster.pods.OnNode(node, i)));
  return parts;
}

uint32_t CompiledPlan::OuterMtu(NodeId node) const {
  const std::vector<Port>& ports = m_cluster.nodes[node.value].ports;
  uint32_t mtu = ports.front().mtu;
  if (m_overlay->profile.countsInMtu)
    for (const Port& port : ports)
      if (m_overlay->profile.countsInMtu(port.name)) mtu = std::min(mtu, port.mtu);
  return mtu;
}

uint32_t CompiledPlan::PodMtu(PodId pod) const {
  return m_cluster.pods.groups[m_cluster.pods.GroupOf(pod)].mtu.value_or(
      MtuOfPodsOn(m_cluster.pods.rows[pod.value].node));
}

uint32_t CompiledPlan::DeviceMtuOf(PodId pod) const {
  if (!m_overlay->profile.mtuOnRoutes || m_cluster.pods.groups[m_cluster.pods.GroupOf(pod)].mtu) return PodMtu(pod);
  return DeviceMtu(m_overlay->profile, OuterMtu(m_cluster.pods.rows[pod.value].node));
}

uint8_t CompiledPlan::PodPrefixLength(NodeId node) const {
  return m_overlay->profile.isBridged ? m_overlay->profile.network.length : m_cluster.nodes[node.value].podCidr.length;
}

MacAddress CompiledPlan::PodMac(PodId pod) const {
  const auto given = m_cluster.pods.givenMacs.find(pod);
  return given != m_cluster.pods.givenMacs.end() ? given->second : MacFromName(m_cluster.pods.FullName(pod) + "/eth0");
}

int CompiledPlan::VethIfindex(PodId pod) const {
  return LinksOf(m_cluster.pods.rows[pod.value].node).firstVeth + static_cast<int>(m_cluster.pods.OrdinalOf(pod));
}

PodAttachment CompiledPlan::AttachmentOf(PodId pod) const {
  const PodRow& row = m_cluster.pods.rows[pod.value];
  const NodeLinks links = LinksOf(row.node);
  const Profile& profile = m_overlay->profile;
  PodAttachment at{.vethName = profile.vethName(m_cluster.pods.NamespaceOf(pod), m_cluster.pods.NameOf(pod)),
                   .address = row.ip,
                   .gateway = m_cluster.nodes[row.node.value].Gateway(),
                   .prefixLength = PodPrefixLength(row.node),
                   .mtu = PodMtu(pod),
                   .deviceMtu = DeviceMtuOf(pod),
                   .podMac = PodMac(pod),
                   .group = m_cluster.pods.GroupOf(pod),
                   .nodeNetns = NodeNetns(row.node),
                   .podNetns = PodNetns(pod),
                   .vethIfindex = VethIfindex(pod),
                   .podIfindex = kFirstIfindex,
                   .bridgeIfindex = links.bridge};
  at.vethMac = MacFromName(m_cluster.nodes[row.node.value].name + "/" + at.vethName);
  if (const Ipv6Prefix& cidr6 = m_cluster.nodes[row.node.value].podCidr6; cidr6.length > 0) {
    at.address6 = m_cluster.PodAddress6(pod);
    at.gateway6 = Advance(cidr6.address, 1);
    at.prefixLength6 = cidr6.length;
  }
  return at;
}

void CompiledPlan::AddTunnel(kernel::Namespace& ns, NodeId nodeId, size_t number) const {
  const NodeRow& node = m_cluster.nodes[nodeId.value];
  const Profile& profile = m_overlay->profile;
  const NodeLinks links = LinksOf(nodeId);
  const Tunnel& tunnel = profile.tunnels[number];
  const int ifindex = links.firstTunnel + static_cast<int>(number);
  kernel::Link link{.ifindex = ifindex,
                    .name = tunnel.device,
                    .kind = tunnel.kind,
                    .mtuSet = true,
                    .mtu = tunnel.deviceMtu.value_or(MtuOf(nodeId, tunnel))};
  if (kernel::IsUdpTunnel(tunnel.kind)) {
    link.address = tunnel.isV6 ? *node.vtepMac6 : *node.vtepMac;
    link.addressSet = true;
    link.vxlan = tunnel.vxlan;
  }
  if (tunnel.kind == kernel::LinkKind::Vxlan && !tunnel.vxlan.external) {
    if (tunnel.isV6)
      link.vxlan.local = Address6Of(NodeNetns(nodeId));
    else
      link.vxlan.local = node.Address();
    link.vxlan.lowerIfindex = kFirstIfindex;
    // vxlan_config_apply() of drivers/net/vxlan/vxlan_core.c cuts what is asked for to what the lower device carries.
    const uint32_t headerBytes = wire::kVxlanOverheadBytes + (tunnel.isV6 ? kIpv6ExtraBytes : 0);
    link.mtu = std::min(link.mtu, node.ports.front().mtu - headerBytes);
  } else if (tunnel.kind == kernel::LinkKind::Wireguard) {
    link.wireguard = tunnel.wireguard;
    link.wireguard.publicKey = WireguardKeyFromName(node.name);
    link.minMtu = 0;
    link.maxMtu = kernel::kWireguardMaxMtu;
  } else if (tunnel.kind == kernel::LinkKind::Tun) {
    link.txQueueLen = kTunQueueLength;
    link.tun = {.local = node.Address(), .port = tunnel.udpPort};
  } else if (tunnel.kind == kernel::LinkKind::Ipip) {
    link.ipip = tunnel.ipip;
    if (tunnel.isBoundToNode)
      link.ipip.local = node.Address();
    else
      link.minMtu = link.maxMtu = 0;  // any: the module's own device, ip_tunnel_init_net()
  }
  ns.AddLink(std::move(link));
  if (profile.isBridged) ns.SetLinkMaster(ifindex, links.bridge);
  ns.SetLinkUp(ifindex, true, {});
  if (const Ipv4Address address = node.TunnelAddress(number); !address.IsZero())
    ns.AddAddress({.ifindex = ifindex, .local = address, .prefixLength = 32});
  if (tunnel.takesNetwork)
    ns.AddRoute({.dst = profile.network,
                 .scope = tunnel.kind == kernel::LinkKind::Wireguard ? kernel::kScopeLink : kernel::kScopeGlobal,
                 .nextHops = {{.ifindex = ifindex}}},
                kernel::Namespace::kCreate);
  if (!tunnel.isV6) return;
  if (tunnel.refusesRouters) ns.SetSysctl(fmt::format("net.ipv6.conf.{}.accept_ra", tunnel.device), "0");
  ns.Ipv6().AddAddress({.ifindex = ifindex, .local = node.podCidr6.address, .prefixLength = Ipv6Address::kBits});
}

std::unique_ptr<kernel::Namespace> CompiledPlan::MakeNode(NetnsId id, NodeId nodeId) const {
  const NodeRow& node = m_cluster.nodes[nodeId.value];
  const Profile& profile = m_overlay->profile;
  const NodeLinks links = LinksOf(nodeId);
  auto ns = NewNamespace(id, node.name);

  for (size_t p = 0; p < node.ports.size(); ++p) AddPort(*ns, node.ports[p], kFirstIfindex + static_cast<int>(p), 0);
  for (const Ipv4Prefix& more : node.moreAddresses) AddUnderlayAddress(*ns, kFirstIfindex, more);
  if (std::vector<kernel::NextHop> gateways = GatewaysOf(node); !gateways.empty())
    AddUnderlayRoute(*ns, {.dst = {}, .nextHops = std::move(gateways)});
  ns->SetSysctl("net.ipv4.ip_forward", "1");
  if (m_cluster.HasIpv6()) ns->SetSysctl("net.ipv6.conf.all.forwarding", "1");
  if (node.ports.size() > 1) {
    ns->SetSysctl("net.ipv4.fib_multipath_hash_policy", "1");
    if (m_cluster.HasIpv6()) ns->SetSysctl("net.ipv6.fib_multipath_hash_policy", "1");
  }

  if (HasBridge(nodeId)) {
    AddBridge(*ns, links.bridge, profile.bridge, MacFromName(node.name + "/" + profile.bridge), MtuOfPodsOn(nodeId));
  }
  if (m_overlay->flavour->addDevices) m_overlay->flavour->addDevices(profile, ViewOf(nodeId), *ns);
  for (size_t i = 0; i < m_cluster.pods.CountOn(nodeId); ++i)
    m_overlay->flavour->connectPod(profile, AttachmentOf(m_cluster.pods.OnNode(nodeId, i)), ns.get(), nullptr);
  if (HasBridge(nodeId)) {
    ns->AddAddress({.ifindex = links.bridge, .local = node.Gateway(), .prefixLength = PodPrefixLength(nodeId)});
    if (const Ipv6Prefix& cidr6 = node.podCidr6; cidr6.length > 0)
      ns->Ipv6().AddAddress(
          {.ifindex = links.bridge, .local = Advance(cidr6.address, 1), .prefixLength = cidr6.length});
  }
  for (size_t t = 0; t < profile.tunnels.size(); ++t) AddTunnel(*ns, nodeId, t);
  if (profile.policyTable != 0) AddPolicyTable(*ns, node, profile);
  if (!profile.pools.empty())
    for (const PodRange& range : node.ranges)
      if (!range.isBorrowed)
        ns->AddRoute(
            {.dst = range.cidr, .type = kernel::RouteType::Blackhole, .protocol = profile.pools[range.pool].protocol},
            kernel::Namespace::kCreate);
  if (profile.pool6 && node.podCidr6.length > 0)
    ns->Ipv6().AddRoute(
        {.dst = node.podCidr6, .type = kernel::RouteType::Blackhole, .protocol = profile.pool6->protocol},
        kernel::Namespace::kCreate);

  ns->hasIpsec = profile.ipsec.has_value();
  auto view = std::make_shared<PeerView>(m_overlay, ViewOf(nodeId));
  if (nodesWithOwnTables.contains(nodeId))
    view->CopyInto(*ns);
  else
    ns->peers = std::move(view);

  if (m_overlay->flavour->programs) ns->programs = m_overlay->flavour->programs(m_overlay, PartsOf(nodeId), *ns);

  const HostSettings none;
  const bool hasSettings = nodeId.value < hostSettings.size() && hostSettings[nodeId.value];
  const HostSettings& settings = hasSettings ? *hostSettings[nodeId.value] : none;
  for (const HostRules& rules : settings.rules) {
    const auto problem = CarryHostRules(*ns, rules);
    OVERLAYSIM_CHECK(!problem, "{}: {}", node.name, problem->text);  // SettingsOf() has tried them
  }
  const bool hasIpv6 = m_cluster.HasIpv6();
  for (kernel::Hook hook : {kernel::Hook::Input, kernel::Hook::Forward})
    AppendRules(*ns, hook, settings.denied, false, hasIpv6);
  m_rules.AddTo(*ns, node.podCidr, node.podCidr6);
  if (hasSettings) {
    for (const auto& [key, value] : settings.sysctls) ns->SetSysctl(key, value);
    AppendRules(*ns, kernel::Hook::Input, settings.input, settings.dropsByDefault, hasIpv6);
    AppendRules(*ns, kernel::Hook::Forward, settings.forward, settings.dropsByDefault, hasIpv6);
  }
  return ns;
}

std::unique_ptr<kernel::Namespace> CompiledPlan::MakePod(NetnsId id, PodId pod) const {
  auto ns = NewNamespace(id, m_cluster.pods.DisplayName(pod));
  m_overlay->flavour->connectPod(m_overlay->profile, AttachmentOf(pod), nullptr, ns.get());
  return ns;
}

std::unique_ptr<kernel::Namespace> CompiledPlan::MakeExternal(NetnsId id, const ExternalHostRow& host) const {
  auto ns = NewNamespace(id, host.name);
  AddPort(*ns, host.port, kFirstIfindex, 0);
  for (const kernel::Route& route : UnderlayRoutes(id, 0)) AddUnderlayRoute(*ns, route);
  return ns;
}

}  // namespace overlaysim::plan
