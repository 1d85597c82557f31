#include "sim/plan/cni/cilium.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "models/linux/cilium.h"
#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/flannel.h"
#include "sim/plan/cni/given.h"
#include "sim/plan/cni/peer_view.h"
#include "sim/plan/cni/rules.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

constexpr uint8_t kRouteProtocol = kernel::kProtoKernel;  // pkg/datapath/linux/linux_defaults: RTProto
/// cilium_net and cilium_host, each the other's peer (pkg/datapath/loader/netlink.go, setupBaseDevice()).
constexpr int kNetDevice = 0, kHostDevice = 1;
constexpr uint16_t kWireguardPort = 51871;  // ListenPort: pkg/wireguard/types

/// Null: native routing. Of several tunnels it is the first.
const Tunnel* OverlayOf(const Profile& profile) {
  return !profile.tunnels.empty() && kernel::IsUdpTunnel(profile.tunnels.front().kind) ? &profile.tunnels.front()
                                                                                       : nullptr;
}

int HostIfindex(const NodeView& self) { return self.firstAgentIfindex + kHostDevice; }

/// createNodeRouteSpec() of pkg/datapath/linux/node.go.
kernel::Route NodeRoute(const NodeView& self, const Ipv4Prefix& cidr, uint32_t mtu) {
  return {.dst = cidr,
          .protocol = kRouteProtocol,
          .prefSrc = self.gateway,
          .mtu = mtu,
          .nextHops = {{.gateway = self.gateway, .ifindex = HostIfindex(self)}}};
}

/// updateNodeRoute(), updateDirectRoutes() of pkg/datapath/linux/node.go: a node that is not on the subnet gets no
/// direct route ("must be directly reachable").
std::optional<kernel::Route> RouteTo(const Profile& profile, const NodeView& self, const Vtep& peer,
                                     const PodRange& range) {
  if (OverlayOf(profile)) return NodeRoute(self, range.cidr, self.podMtu);
  if (!profile.directRouting || !self.subnet.Contains(peer.underlay)) return std::nullopt;
  return kernel::Route{.dst = range.cidr,
                       .protocol = kRouteProtocol,
                       .nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex}}};
}

/// updatePeer() of pkg/wireguard/agent/agent.go: the node's address; with native routing, its pods' too.
PeerRows Reach(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  PeerRows rows{.route = RouteTo(profile, self, peer, range)};
  if (profile.FindTunnel(kernel::LinkKind::Wireguard)) {
    rows.tunnelPeer = WireguardPeerOf(profile, peer);
    std::vector<Ipv4Prefix>& allowed = rows.tunnelPeer->allowedIps;
    if (OverlayOf(profile)) allowed.clear();
    allowed.push_back({peer.underlay, 32});
  }
  return rows;
}

void AddDevices(const Profile& profile, const NodeView& self, kernel::Namespace& node) {
  const int net = self.firstAgentIfindex + kNetDevice, host = HostIfindex(self);
  for (const auto& [ifindex, peer, name] : {std::tuple{net, host, "cilium_net"}, {host, net, "cilium_host"}})
    node.AddLink({.ifindex = ifindex,
                  .name = name,
                  .kind = kernel::LinkKind::Veth,
                  .address = MacFromName(node.Name() + "/" + name),
                  .addressSet = true,
                  .mtu = DeviceMtu(profile, self.outerMtu),
                  .noArp = true,
                  .peerNetns = node.Id(),
                  .peerIfindex = peer});
  for (const char* name : {"cilium_net", "cilium_host"}) {
    const std::string conf = fmt::format("net.ipv4.conf.{}.", name);
    for (const auto& [key, value] : {std::pair{"forwarding", "1"},
                                     {"rp_filter", "0"},
                                     {"accept_local", "1"},
                                     {"send_redirects", "0"}})  // enableForwarding()
      node.SetSysctl(conf + key, value);
  }
  for (int ifindex : {net, host}) node.SetLinkUp(ifindex, true, {});
  node.AddAddress({.ifindex = host, .local = self.gateway, .prefixLength = 32});
  node.AddRoute({.dst = {self.gateway, 32},
                 .scope = kernel::kScopeLink,
                 .protocol = kRouteProtocol,
                 .nextHops = {{.ifindex = host}}},
                kernel::Namespace::kCreate);
  node.AddRoute(NodeRoute(self, self.podCidr, 0), kernel::Namespace::kCreate);
}

/// The pod has a single address and sends everything to the node's internal address, with the MTU on the route:
/// plugins/cilium-cni/cmd/cmd.go, pkg/datapath/connector/veth.go.
void ConnectEndpoint(const Profile&, const PodAttachment& pod, kernel::Namespace* host, kernel::Namespace* inside) {
  if (host) {
    AddHostEnd(pod, pod.vethMac, *host);
    host->SetSysctl("net.ipv4.conf." + pod.vethName + ".rp_filter", "0");
    host->SetLinkUp(pod.vethIfindex, true, {});
  }
  if (inside) {
    AddPodEnd(pod, 32, *inside);
    inside->AddRoute({.dst = {pod.gateway, 32}, .scope = kernel::kScopeLink, .nextHops = {{.ifindex = pod.podIfindex}}},
                     kernel::Namespace::kCreate);
    inside->AddRoute({.dst = {}, .mtu = pod.mtu, .nextHops = {{.gateway = pod.gateway, .ifindex = pod.podIfindex}}},
                     kernel::Namespace::kCreate);
  }
}

/// Of one node: its own pods, and the directory of the others as far as its agent has written it.
class Maps final : public kernel::CiliumMaps {
 public:
  Maps(std::shared_ptr<const Overlay> overlay, const NodeParts& node)
      : m_agent(std::move(overlay), node.self.node), m_self(node.self.node) {
    for (const PodAttachment& pod : node.pods) {
      const Endpoint endpoint{.ifindex = pod.vethIfindex,
                              .mac = pod.podMac,
                              .nodeMac = pod.vethMac,
                              .address = pod.address,
                              .identity = kernel::kCiliumFirstPodIdentity + pod.group};
      m_byIfindex.emplace(pod.vethIfindex, &m_byAddress.emplace(pod.address, endpoint).first->second);
    }
    m_host.insert(node.addresses.begin(), node.addresses.end());
    m_host.insert(node.self.gateway);
  }

  const Endpoint* FindEndpoint(Ipv4Address address) const override {
    auto it = m_byAddress.find(address);
    return it == m_byAddress.end() ? nullptr : &it->second;
  }
  const Endpoint* EndpointBehind(int ifindex) const override {
    auto it = m_byIfindex.find(ifindex);
    return it == m_byIfindex.end() ? nullptr : it->second;
  }
  bool IsHost(Ipv4Address address) const override { return m_host.contains(address); }
  std::optional<Ipv4Address> FindNode(Ipv4Address address) const override {
    const uint32_t entry = m_agent.Directory().FindByPod(address, m_agent.Has(Step::Map));
    if (entry == VtepDirectory::kNone) return std::nullopt;
    const Vtep& peer = m_agent.VtepOf(entry);
    return peer.node == m_self ? std::nullopt : std::optional(peer.underlay);
  }

 private:
  AgentView m_agent;
  NodeId m_self;
  std::unordered_map<Ipv4Address, Endpoint> m_byAddress;
  std::unordered_map<int, const Endpoint*> m_byIfindex;
  std::unordered_set<Ipv4Address> m_host;
};

std::shared_ptr<const kernel::Programs> MakePrograms(std::shared_ptr<const Overlay> overlay, const NodeParts& parts,
                                                     const kernel::Namespace& node) {
  kernel::CiliumPrograms::Devices devices{.host = HostIfindex(parts.self)};
  devices.hostMac = node.GetLink(devices.host)->address;
  if (OverlayOf(overlay->profile)) {
    devices.overlay = parts.self.firstTunnelIfindex;
    devices.overlayMac = node.GetLink(devices.overlay)->address;
  }
  devices.wireguard = TunnelIfindex(overlay->profile, parts.self, kernel::LinkKind::Wireguard);
  return std::make_shared<kernel::CiliumPrograms>(std::make_shared<Maps>(std::move(overlay), parts), devices);
}

/// pkg/datapath/iptables/iptables.go: installMasqueradeRules(), and the accepting rules of CILIUM_FORWARD.
std::string Rules(const Profile& profile, const Ipv4Prefix& podCidr) {
  std::string out =
      "*filter\n:CILIUM_FORWARD - [0:0]\n"
      "-A FORWARD -m comment --comment \"cilium-feeder: CILIUM_FORWARD\" -j CILIUM_FORWARD\n"
      "-A CILIUM_FORWARD -o cilium_host -m comment --comment \"cilium: any->cluster on cilium_host forward accept\" -j "
      "ACCEPT\n"
      "-A CILIUM_FORWARD -i cilium_host -m comment --comment \"cilium: cluster->any on cilium_host forward accept "
      "(nodeport)\" -j ACCEPT\n"
      "-A CILIUM_FORWARD -i lxc+ -m comment --comment \"cilium: cluster->any on lxc+ forward accept\" -j ACCEPT\n"
      "-A CILIUM_FORWARD -i cilium_net -m comment --comment \"cilium: cluster->any on cilium_net forward accept "
      "(nodeport)\" -j ACCEPT\n"
      "COMMIT\n";
  if (!profile.masquerades) return out;
  // Tunnelled: all but the node's own pods. Native: all but ipv4-native-routing-cidr.
  const Ipv4Prefix excluded = OverlayOf(profile) ? podCidr : profile.nativeNetwork.value_or(profile.network);
  out += fmt::format(
      "*nat\n:CILIUM_POST_nat - [0:0]\n"
      "-A POSTROUTING -m comment --comment \"cilium-feeder: CILIUM_POST_nat\" -j CILIUM_POST_nat\n"
      "-A CILIUM_POST_nat -s {} ! -d {} ! -o cilium_+ -m comment --comment \"cilium masquerade non-cluster\" -j "
      "MASQUERADE\nCOMMIT\n",
      podCidr.ToString(), excluded.ToString());
  return out;
}

std::string LxcName(std::string_view nameSpace, std::string_view pod) {
  return fmt::format("lxc{:012x}", HashName(fmt::format("{}/{}", nameSpace, pod)) >> 16);
}

/// As Given(), of a word that the cluster's file has as text.
template <typename E>
std::optional<E> GivenWord(const scenario::Optional<E>& written, const import::Setting<std::string>* imported) {
  if ((!written || written->place.source == 0) && imported && imported->IsGiven()) {
    const std::vector<std::string>& words = scenario::WordsOf<E>().words;
    return static_cast<E>(std::find(words.begin(), words.end(), imported->value) - words.begin());
  }
  return written ? std::optional<E>(written->value) : std::nullopt;
}

Tunnel OverlayDevice(scenario::TunnelProtocol protocol) {
  const bool isGeneve = protocol == scenario::TunnelProtocol::Geneve;
  Tunnel tunnel{.device = isGeneve ? "cilium_geneve" : "cilium_vxlan",  // pkg/defaults: GeneveDevice, VxlanDevice
                .kind = isGeneve ? kernel::LinkKind::Geneve : kernel::LinkKind::Vxlan,
                .vxlan = isGeneve ? kernel::VxlanOptions::Geneve() : kernel::VxlanOptions{},
                .overheadBytes = kVxlanOverheadBytes};  // TunnelOverhead: pkg/mtu/mtu.go
  tunnel.vxlan.external = true;                         // FlowBased: pkg/datapath/loader/netlink.go
  tunnel.vxlan.learning = false;
  return tunnel;  // ports 8472 and 6081, the kernel's own: pkg/defaults, TunnelPortVXLAN, TunnelPortGeneve
}

/// Around the overlay's packets, or around the pods' own: pkg/wireguard/agent/agent.go, init() and mtuReconciler().
Tunnel WireguardDevice() {
  return {.device = "cilium_wg0",  // IfaceName: pkg/wireguard/types
          .kind = kernel::LinkKind::Wireguard,
          .wireguard = {.listenPort = kWireguardPort, .fwmark = kernel::kCiliumWireguardMark},
          .isAroundOthers = true,
          .overheadBytes = kernel::kWireguardHeaderBytes};  // WireguardOverhead 80: pkg/mtu/mtu.go
}

scenario::Encryption EncryptionOf(const Context& context, const import::CiliumConfig* imported) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  std::string word = cni.encryption ? scenario::WordOf(cni.encryption->value) : "none";
  Where where = cni.encryption ? Where{.place = cni.encryption->place} : Where{};
  if (imported && imported->encryption.IsGiven() && (!cni.encryption || cni.encryption->place.source == 0)) {
    word = imported->encryption.value;
    where = {.origin = imported->encryption.origin};
  }
  if (word != "none" && word != "wireguard")
    context.Error(where, "Cilium's encryption with {} is not supported yet (supported: wireguard)", word);
  return word == "wireguard" ? scenario::Encryption::Wireguard : scenario::Encryption::None;
}

}  // namespace

bool ResolveCilium(const Context& context, Profile& profile) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  const scenario::Cni& cni = cluster.cni;
  const import::CiliumConfig* imported =
      context.imported && context.imported->cilium ? &*context.imported->cilium : nullptr;
  const size_t errorsBefore = context.diagnostics.ErrorCount();
  if (imported) {
    const std::string& ipam = imported->ipamMode.value;
    if (ipam != "cluster-pool" && ipam != "kubernetes")
      context.Error({.origin = imported->ipamMode.origin}, "Cilium's ipam \"{}\" is not supported yet", ipam);
    if (cluster.podCIDR.place.source == 0 && imported->clusterPool.IsGiven())
      profile.network = *imported->clusterPool.value;
    if (imported->clusterPoolMaskSize.IsGiven())
      profile.podCidrLength = static_cast<uint8_t>(imported->clusterPoolMaskSize.value);
    profile.masquerades = imported->masquerade.value;
    if (imported->nativeRoutingCidr.value) profile.nativeNetwork = imported->nativeRoutingCidr.value;
  }
  const auto mode = GivenWord(cni.routingMode, imported ? &imported->routingMode : nullptr);
  const auto protocol = GivenWord(cni.tunnelProtocol, imported ? &imported->tunnelProtocol : nullptr)
                            .value_or(scenario::TunnelProtocol::Vxlan);
  if (mode == scenario::RoutingMode::Native) {
    profile.name = "cilium native";
    profile.tunnels.clear();
    profile.directRouting =
        Given(cni.autoDirectNodeRoutes, imported ? &imported->autoDirectNodeRoutes : nullptr).value_or(true);
  } else {
    profile.name = "cilium " + scenario::WordOf(protocol);
    profile.tunnels = {OverlayDevice(protocol)};
    if (const auto port = Given(cni.port, imported ? &imported->tunnelPort : nullptr); port && *port != 0)
      profile.tunnels.front().vxlan.dstPort = *port;
  }
  if (EncryptionOf(context, imported) == scenario::Encryption::Wireguard) {
    profile.tunnels.push_back(WireguardDevice());
    profile.name += " with wireguard";
  }
  if (imported && imported->mtu.value != 0) profile.mtu = imported->mtu.value;
  return context.diagnostics.ErrorCount() == errorsBefore;
}

Flavour Cilium() {
  return {.type = scenario::CniType::Cilium,
          .backend = {},
          .name = "cilium",
          .defaults = {.name = "cilium",
                       .tunnels = {OverlayDevice(scenario::TunnelProtocol::Vxlan)},
                       .acceptForwarded = true,
                       .masquerades = true,  // enable-ipv4-masquerade
                       .mtuOnRoutes = true,  // pkg/mtu/mtu.go: DeviceMTU, RouteMTU
                       .gatewayIsAnyAddress = true,
                       .agentDevices = 2,
                       .vethName = LxcName},
          .connectPod = ConnectEndpoint,
          .reach = Reach,
          .rules = Rules,
          .addDevices = AddDevices,
          .programs = MakePrograms,
          // nodeUpdate() of pkg/datapath/linux/node.go; the entry of the ipcache comes first (pkg/node/manager)
          .habits = {.adds = {Step::Map, Step::TunnelPeer, Step::Route},
                     .removes = {Step::Route, Step::TunnelPeer, Step::Map}}};
}

}  // namespace overlaysim::plan
