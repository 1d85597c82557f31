#include "sim/plan/compiled_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/wire/headers.h"
#include "sim/base/check.h"
#include "sim/plan/cni/rules.h"
#include "sim/plan/names.h"

namespace overlaysim::plan {
namespace {

constexpr int kFirstIfindex = 2;           // 1 is lo
constexpr uint32_t kTunQueueLength = 500;  // TUN_READQ_SIZE

std::unique_ptr<kernel::Namespace> NewNamespace(NetnsId id, const std::string& name) {
  auto ns = std::make_unique<kernel::Namespace>(id, name);
  ns->SetLinkUp(1, true, {});
  return ns;
}

/// Adds a device of a cable with its address and brings it up.
void AddPort(kernel::Namespace& ns, const Port& port, int ifindex, int master) {
  ns.AddLink({.ifindex = ifindex,
              .name = port.name,
              .kind = kernel::LinkKind::Physical,
              .address = port.mac,
              .addressSet = true,
              .mtu = port.mtu});
  if (master != 0) ns.SetLinkMaster(ifindex, master);
  ns.SetLinkUp(ifindex, true, {});
  if (master == 0 && port.address.length > 0)
    ns.AddAddress({.ifindex = ifindex, .local = port.address.address, .prefixLength = port.address.length});
}

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

void AddDefaultRoute(kernel::Namespace& ns, std::vector<kernel::NextHop> hops) {
  if (!hops.empty()) ns.AddRoute({.dst = {}, .nextHops = std::move(hops)}, kernel::Namespace::kCreate);
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

void AppendRules(kernel::Namespace& ns, kernel::Hook hook, const std::vector<kernel::FilterRule>& rules,
                 bool dropsByDefault) {
  if (rules.empty() && !dropsByDefault) return;
  kernel::FilterChain& chain = ns.netfilter.Builtin("filter", hook);
  for (const kernel::FilterRule& rule : rules) {
    chain.rules.push_back(rule);
    chain.rules.back().rowId = ns.NextRowId();
  }
  if (dropsByDefault) chain.drops = chain.countsPolicy = true;
  ns.netfilter.Rebuild();
}

}  // namespace

CompiledPlan::CompiledPlan(Cluster cluster, Fabric fabric, std::shared_ptr<Overlay> overlay)
    : m_cluster(std::move(cluster)),
      m_fabric(std::move(fabric)),
      m_overlay(std::move(overlay)),
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

void CompiledPlan::Publish() {
  const Profile& profile = m_overlay->profile;
  for (size_t n = 0; n < m_cluster.nodes.size(); ++n) {
    const NodeRow& node = m_cluster.nodes[n];
    m_overlay->directory.Publish({.node = NodeId(n),
                                  .ranges = node.ranges,
                                  .tunnel = profile.hasVtepAddress ? node.TunnelAddress(0) : node.Address(),
                                  .underlay = node.Address(),
                                  .mac = *node.vtepMac,
                                  .wireguardKey = profile.FindTunnel(kernel::LinkKind::Wireguard)
                                                      ? WireguardKeyFromName(node.name)
                                                      : kernel::WireguardKey{}});
  }
  if (!profile.isBridged || profile.tunnels.front().vxlan.learning) return;
  uint32_t number = 0;
  for (size_t p = 0; p < m_cluster.pods.rows.size(); ++p)
    if (!m_cluster.pods.rows[p].hostNetwork)
      m_overlay->stations.emplace(AttachmentOf(PodId(p)).podMac, Station{m_cluster.pods.rows[p].node, number++});
  for (size_t n = 0; n < m_cluster.nodes.size(); ++n)
    m_overlay->stations.emplace(MacFromName(m_cluster.nodes[n].name + "/" + profile.bridge),
                                Station{NodeId(n), number++});
}

// ------------------------------------------------------------------------------------------------ names and addresses

NetnsId CompiledPlan::PodNetns(PodId pod) const {
  const PodRow& row = m_cluster.pods.rows[pod.value];
  return row.hostNetwork ? NodeNetns(row.node) : NetnsId(m_firstPod + m_cluster.pods.OwnPosition(pod));
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
    info.isShared = m_cluster.pods.rows[info.pod.value].hostNetwork;
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

NetnsId CompiledPlan::FindByAddress(Ipv4Address ip) const {
  if (auto it = m_underlayAddresses.find(ip); it != m_underlayAddresses.end()) return it->second;
  const VtepDirectory& directory = m_overlay->directory;
  const uint32_t entry = directory.FindByPod(ip, directory.Version());
  if (entry == VtepDirectory::kNone) return {};
  const NodeId node = directory.Entries()[entry].vtep.node;
  const NodeRow& row = m_cluster.nodes[node.value];
  if (HasBridge(node) && ip.value == row.podCidr.address.value + 1) return NodeNetns(node);
  if (std::find(row.tunnelAddresses.begin(), row.tunnelAddresses.end(), ip) != row.tunnelAddresses.end())
    return NodeNetns(node);
  for (size_t i = 0; i < m_cluster.pods.CountOn(node); ++i) {
    const PodId pod = m_cluster.pods.OnNode(node, i);
    if (m_cluster.pods.rows[pod.value].ip == ip) return PodNetns(pod);
  }
  return {};
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
    for (size_t b = 0; b < device.bridges.size(); ++b) {
      const Ipv4Prefix& address = device.bridges[b].address;
      ns->AddAddress({.ifindex = device.BridgeIfindex(b), .local = address.address, .prefixLength = address.length});
    }
    ns->SetSysctl("net.ipv4.ip_forward", "1");
    ns->SetSysctl("net.ipv4.fib_multipath_hash_policy", "1");  // by the 5-tuple, as switches do
    for (const kernel::Route& route : UnderlayRoutes(id, 0)) ns->AddRoute(route, kernel::Namespace::kCreate);
  }
  AppendRules(*ns, kernel::Hook::Forward, device.forward, device.dropsByDefault);
  if (!device.forward.empty() && !device.bridges.empty()) ns->SetSysctl("net.bridge.bridge-nf-call-iptables", "1");
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

CompiledPlan::NodeLinks CompiledPlan::LinksOf(NodeId node) const {
  // As a node of the oracle's lab has them: eth0, cni0, the veths, flannel.1; with Calico eth0, vxlan.calico, the
  // veths.
  const int afterPorts = kFirstIfindex + static_cast<int>(m_cluster.nodes[node.value].ports.size());
  const Profile& profile = m_overlay->profile;
  const int pods = static_cast<int>(m_cluster.pods.CountOn(node));
  if (profile.bridge.empty())
    return {.firstVeth = afterPorts + static_cast<int>(profile.tunnels.size()), .firstTunnel = afterPorts};
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
  return {.node = node,
          .address = port.address.address,
          .subnet = port.address.Canonical(),
          .underlayIfindex = kFirstIfindex,
          .gateways = GatewaysOf(m_cluster.nodes[node.value]),
          .firstTunnelIfindex = LinksOf(node).firstTunnel};
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
  const PodRow& row = m_cluster.pods.rows[pod.value];
  return m_cluster.pods.groups[row.group].mtu.value_or(MtuOfPodsOn(row.node));
}

uint8_t CompiledPlan::PodPrefixLength(NodeId node) const {
  return m_overlay->profile.isBridged ? m_overlay->profile.network.length : m_cluster.nodes[node.value].podCidr.length;
}

PodAttachment CompiledPlan::AttachmentOf(PodId pod) const {
  const PodRow& row = m_cluster.pods.rows[pod.value];
  const NodeLinks links = LinksOf(row.node);
  const std::string fullName = m_cluster.pods.FullName(pod);
  auto given = m_cluster.pods.givenMacs.find(pod);
  const Profile& profile = m_overlay->profile;
  PodAttachment at{.vethName = profile.vethName(m_cluster.pods.NamespaceOf(pod), m_cluster.pods.NameOf(pod)),
                   .address = row.ip,
                   .gateway = {m_cluster.nodes[row.node.value].podCidr.address.value + 1},
                   .prefixLength = PodPrefixLength(row.node),
                   .mtu = PodMtu(pod),
                   .podMac = given != m_cluster.pods.givenMacs.end() ? given->second : MacFromName(fullName + "/eth0"),
                   .nodeNetns = NodeNetns(row.node),
                   .podNetns = PodNetns(pod),
                   .vethIfindex = links.firstVeth + static_cast<int>(m_cluster.pods.OrdinalOf(pod)),
                   .podIfindex = kFirstIfindex,
                   .bridgeIfindex = links.bridge};
  at.vethMac = MacFromName(m_cluster.nodes[row.node.value].name + "/" + at.vethName);
  return at;
}

void CompiledPlan::AddTunnel(kernel::Namespace& ns, NodeId nodeId, size_t number) const {
  const NodeRow& node = m_cluster.nodes[nodeId.value];
  const Profile& profile = m_overlay->profile;
  const NodeLinks links = LinksOf(nodeId);
  const Tunnel& tunnel = profile.tunnels[number];
  const int ifindex = links.firstTunnel + static_cast<int>(number);
  kernel::Link link{
      .ifindex = ifindex, .name = tunnel.device, .kind = tunnel.kind, .mtuSet = true, .mtu = MtuOf(nodeId, tunnel)};
  if (tunnel.kind == kernel::LinkKind::Vxlan) {
    link.address = *node.vtepMac;
    link.addressSet = true;
    link.vxlan = tunnel.vxlan;
    link.vxlan.local = node.Address();
    link.vxlan.lowerIfindex = kFirstIfindex;
    // vxlan_config_apply() of drivers/net/vxlan/vxlan_core.c cuts what is asked for to what the lower device carries.
    link.mtu = std::min(link.mtu, node.ports.front().mtu - wire::kVxlanOverheadBytes);
  } else if (tunnel.kind == kernel::LinkKind::Wireguard) {
    link.wireguard = tunnel.wireguard;
    link.wireguard.publicKey = WireguardKeyFromName(node.name);
    link.minMtu = 0;
    link.maxMtu = kernel::kWireguardMaxMtu;
  } else if (tunnel.kind == kernel::LinkKind::Tun) {
    link.txQueueLen = kTunQueueLength;
    link.tun = {.local = node.Address(), .port = tunnel.udpPort};
  } else {
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
}

std::unique_ptr<kernel::Namespace> CompiledPlan::MakeNode(NetnsId id, NodeId nodeId) const {
  const NodeRow& node = m_cluster.nodes[nodeId.value];
  const Profile& profile = m_overlay->profile;
  const NodeLinks links = LinksOf(nodeId);
  auto ns = NewNamespace(id, node.name);

  for (size_t p = 0; p < node.ports.size(); ++p) AddPort(*ns, node.ports[p], kFirstIfindex + static_cast<int>(p), 0);
  for (const Ipv4Prefix& more : node.moreAddresses)
    ns->AddAddress({.ifindex = kFirstIfindex, .local = more.address, .prefixLength = more.length});
  AddDefaultRoute(*ns, GatewaysOf(node));
  ns->SetSysctl("net.ipv4.ip_forward", "1");
  if (node.ports.size() > 1) ns->SetSysctl("net.ipv4.fib_multipath_hash_policy", "1");

  if (HasBridge(nodeId)) {
    AddBridge(*ns, links.bridge, profile.bridge, MacFromName(node.name + "/" + profile.bridge), MtuOfPodsOn(nodeId));
  }
  for (size_t i = 0; i < m_cluster.pods.CountOn(nodeId); ++i)
    m_overlay->flavour->connectPod(profile, AttachmentOf(m_cluster.pods.OnNode(nodeId, i)), ns.get(), nullptr);
  if (HasBridge(nodeId)) {
    ns->AddAddress(
        {.ifindex = links.bridge, .local = {node.podCidr.address.value + 1}, .prefixLength = PodPrefixLength(nodeId)});
  }
  for (size_t t = 0; t < profile.tunnels.size(); ++t) AddTunnel(*ns, nodeId, t);
  if (profile.policyTable != 0) AddPolicyTable(*ns, node, profile);
  if (!profile.pools.empty())
    for (const PodRange& range : node.ranges)
      if (!range.isBorrowed)
        ns->AddRoute(
            {.dst = range.cidr, .type = kernel::RouteType::Blackhole, .protocol = profile.pools[range.pool].protocol},
            kernel::Namespace::kCreate);

  auto view = std::make_shared<PeerView>(m_overlay, ViewOf(nodeId));
  if (nodesWithOwnTables.contains(nodeId))
    view->CopyInto(*ns);
  else
    ns->peers = std::move(view);

  const HostSettings none;
  const bool hasSettings = nodeId.value < hostSettings.size() && hostSettings[nodeId.value];
  const HostSettings& settings = hasSettings ? *hostSettings[nodeId.value] : none;
  for (kernel::Hook hook : {kernel::Hook::Input, kernel::Hook::Forward}) AppendRules(*ns, hook, settings.denied, false);
  if (m_overlay->flavour->rules) AddRules(*ns, m_overlay->flavour->rules(profile, node.podCidr));
  if (hasSettings) {
    for (const auto& [key, value] : settings.sysctls) ns->SetSysctl(key, value);
    AppendRules(*ns, kernel::Hook::Input, settings.input, settings.dropsByDefault);
    AppendRules(*ns, kernel::Hook::Forward, settings.forward, settings.dropsByDefault);
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
  for (const kernel::Route& route : UnderlayRoutes(id, 0)) ns->AddRoute(route, kernel::Namespace::kCreate);
  return ns;
}

}  // namespace overlaysim::plan
