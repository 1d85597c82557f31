#include "sim/plan/cni/antrea.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "models/linux/antrea.h"
#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/peer_view.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

int GatewayIfindex(const NodeView& self) { return self.firstAgentIfindex; }

/// AddRoutes() of pkg/agent/route/route_linux.go.
PeerRows Reach(const Profile&, const NodeView& self, const Vtep& peer, const PodRange& range) {
  const int ifindex = GatewayIfindex(self);
  return {.route = kernel::Route{.dst = range.cidr,
                                 .nextHops = {{.gateway = peer.tunnel, .ifindex = ifindex, .onlink = true}}},
          .neighbour = kernel::Neighbour{.ip = peer.tunnel,
                                         .ifindex = ifindex,
                                         .mac = MacAddress::FromUint64(kernel::kAntreaVirtualMac),
                                         .state = kernel::NudState::Permanent}};
}

/// setupGatewayInterface() of pkg/agent/agent.go.
void AddDevices(const Profile& profile, const NodeView& self, kernel::Namespace& node) {
  const int ifindex = GatewayIfindex(self);
  node.AddLink({.ifindex = ifindex,
                .name = "antrea-gw0",
                .kind = kernel::LinkKind::Openvswitch,
                .address = MacFromName(node.Name() + "/antrea-gw0"),
                .addressSet = true,
                .mtu = PodMtu(profile, self.outerMtu)});
  node.SetLinkUp(ifindex, true, {});
  node.AddAddress({.ifindex = ifindex, .local = self.gateway, .prefixLength = self.podCidr.length});
}

/// pkg/agent/cniserver/interface_configuration_linux.go; addresses by host-local.
void ConnectToSwitch(const Profile&, const PodAttachment& pod, kernel::Namespace* host, kernel::Namespace* inside) {
  if (host) {
    AddHostEnd(pod, pod.vethMac, *host);
    host->SetLinkUp(pod.vethIfindex, true, {});
  }
  if (inside) {
    AddPodEnd(pod, pod.prefixLength, *inside);
    inside->AddRoute({.dst = {}, .nextHops = {{.gateway = pod.gateway, .ifindex = pod.podIfindex}}},
                     kernel::Namespace::kCreate);
  }
}

class Flows final : public kernel::AntreaFlows {
 public:
  Flows(std::shared_ptr<const Overlay> overlay, const NodeParts& node, MacAddress gatewayMac)
      : m_agent(std::move(overlay), node.self.node),
        m_self(node.self.node),
        m_gateway{GatewayIfindex(node.self), gatewayMac, node.self.gateway} {
    for (const PodAttachment& pod : node.pods) m_pods.push_back({pod.vethIfindex, pod.podMac, pod.address});
    for (size_t i = 0; i < m_pods.size(); ++i) {
      m_byAddress.emplace(m_pods[i].address, i);
      m_byMac.emplace(m_pods[i].mac, i);
      m_byIfindex.emplace(m_pods[i].ifindex, i);
    }
  }

  const Port& Gateway() const override { return m_gateway; }
  const std::vector<Port>& Pods() const override { return m_pods; }
  const Port* FindPod(Ipv4Address address) const override { return Find(m_byAddress, address); }
  const Port* FindPod(MacAddress mac) const override { return Find(m_byMac, mac); }
  const Port* PodBehind(int ifindex) const override { return Find(m_byIfindex, ifindex); }
  std::optional<Ipv4Address> FindNode(Ipv4Address address) const override {
    return Underlay(m_agent.Directory().FindByPod(address, m_agent.Has(Step::Map)));
  }
  bool IsPeerGateway(Ipv4Address address) const override {
    return Underlay(m_agent.Directory().FindByTunnel(address, m_agent.Has(Step::Map))).has_value();
  }

 private:
  template <typename Key>
  const Port* Find(const std::unordered_map<Key, size_t>& index, const Key& key) const {
    auto it = index.find(key);
    return it == index.end() ? nullptr : &m_pods[it->second];
  }
  std::optional<Ipv4Address> Underlay(uint32_t entry) const {
    if (entry == VtepDirectory::kNone) return std::nullopt;
    const Vtep& peer = m_agent.VtepOf(entry);
    return peer.node == m_self ? std::nullopt : std::optional(peer.underlay);
  }

  AgentView m_agent;
  NodeId m_self;
  Port m_gateway;
  std::vector<Port> m_pods;
  std::unordered_map<Ipv4Address, size_t> m_byAddress;
  std::unordered_map<MacAddress, size_t> m_byMac;
  std::unordered_map<int, size_t> m_byIfindex;
};

std::shared_ptr<const kernel::Programs> MakePrograms(std::shared_ptr<const Overlay> overlay, const NodeParts& parts,
                                                     const kernel::Namespace& node) {
  const MacAddress mac = node.GetLink(GatewayIfindex(parts.self))->address;
  return std::make_shared<kernel::AntreaPrograms>(std::make_shared<Flows>(std::move(overlay), parts, mac),
                                                  parts.self.firstTunnelIfindex);
}

/// restoreIptablesData() of pkg/agent/route/route_linux.go. The agent asks the ipset ANTREA-POD-IP, all pod CIDRs.
std::string Rules(const Profile& profile, const Ipv4Prefix& podCidr) {
  return fmt::format(
      "*filter\n:ANTREA-FORWARD - [0:0]\n"
      "-A FORWARD -m comment --comment \"Antrea: jump to Antrea forwarding rules\" -j ANTREA-FORWARD\n"
      "-A ANTREA-FORWARD -i antrea-gw0 -m comment --comment \"Antrea: accept packets from local Pods\" -j ACCEPT\n"
      "-A ANTREA-FORWARD -o antrea-gw0 -m comment --comment \"Antrea: accept packets to local Pods\" -j ACCEPT\n"
      "COMMIT\n"
      "*nat\n:ANTREA-POSTROUTING - [0:0]\n"
      "-A POSTROUTING -m comment --comment \"Antrea: jump to Antrea postrouting rules\" -j ANTREA-POSTROUTING\n"
      "-A ANTREA-POSTROUTING -s {} ! -d {} ! -o antrea-gw0 -m comment --comment \"Antrea: masquerade Pod to external "
      "packets\" -j MASQUERADE\nCOMMIT\n",
      podCidr.ToString(), profile.network.ToString());
}

/// GenerateContainerInterfaceName() of pkg/agent/util/net.go: at most 8 characters of the pod's name and 6 of a hash,
/// which here is of namespace and name, there of the container's ID too.
std::string InterfaceName(std::string_view nameSpace, std::string_view pod) {
  constexpr size_t kNameChars = 8;
  const uint64_t hash = HashName(fmt::format("{}/{}", nameSpace, pod));
  return fmt::format("{}-{:06x}", pod.substr(0, kNameChars), hash & 0xffffff);
}

/// The device that Open vSwitch makes for the port antrea-tun0 (vport_add(): genev_sys_PORT, vxlan_sys_PORT).
Tunnel SwitchTunnel(scenario::TunnelProtocol protocol, std::optional<uint16_t> port) {
  const bool isGeneve = protocol == scenario::TunnelProtocol::Geneve;
  Tunnel tunnel{.kind = isGeneve ? kernel::LinkKind::Geneve : kernel::LinkKind::Vxlan,
                .vxlan = isGeneve ? kernel::VxlanOptions::Geneve() : kernel::VxlanOptions{},
                .overheadBytes = kVxlanOverheadBytes,  // geneveOverhead, vxlanOverhead: pkg/agent/config/node_config.go
                .deviceMtu = 65000};                   // dpif_netlink_rtnl_create()
  tunnel.vxlan.external = true;
  tunnel.vxlan.learning = false;
  tunnel.vxlan.udp6ZeroCsumRx = true;
  tunnel.vxlan.dstPort = port.value_or(isGeneve ? 6081 : 4789);
  tunnel.device = fmt::format("{}_sys_{}", isGeneve ? "genev" : "vxlan", tunnel.vxlan.dstPort);
  return tunnel;
}

}  // namespace

void ResolveAntrea(const Context& context, Profile& profile) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  const auto protocol = cni.tunnelProtocol ? cni.tunnelProtocol->value : scenario::TunnelProtocol::Geneve;
  profile.name = "antrea " + scenario::WordOf(protocol);
  profile.tunnels = {SwitchTunnel(protocol, cni.port ? std::optional(cni.port->value) : std::nullopt)};
}

Flavour Antrea() {
  return {.type = scenario::CniType::Antrea,
          .backend = {},
          .name = "antrea",
          .defaults = {.name = "antrea",
                       .tunnels = {SwitchTunnel(scenario::TunnelProtocol::Geneve, std::nullopt)},
                       .acceptForwarded = true,
                       .masquerades = true,
                       .routesViaGateway = true,
                       .agentDevices = 1,
                       .vethName = InterfaceName},
          .connectPod = ConnectToSwitch,
          .reach = Reach,
          .rules = Rules,
          .addDevices = AddDevices,
          .programs = MakePrograms,
          // addNodeRoute(), deleteNodeRoute() of pkg/agent/controller/noderoute/node_route_controller.go
          .habits = {.adds = {Step::Map, Step::Route, Step::Neighbour},
                     .removes = {Step::Route, Step::Neighbour, Step::Map}}};
}

}  // namespace overlaysim::plan
