#include "sim/plan/cni/flannel.h"

#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/rules.h"

namespace overlaysim::plan {
namespace {

/// handleSubnetEvents() of flannel's pkg/backend/vxlan/vxlan_network.go and pkg/backend/route_network.go. flanneld's
/// routes carry RTPROT_BOOT, its neighbours and FDB entries NUD_PERMANENT.
kernel::Route DirectRoute(const NodeView& self, const Vtep& peer, const PodRange& range) {
  return {.dst = range.cidr, .nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex}}};
}

PeerRows ReachHostGw(const Profile&, const NodeView& self, const Vtep& peer, const PodRange& range) {
  return {.route = DirectRoute(self, peer, range)};
}

PeerRows ReachVxlan(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  if (profile.directRouting && self.subnet.Contains(peer.underlay)) return {.route = DirectRoute(self, peer, range)};
  return ReachByVxlan(profile, self, peer, range);
}

/// The same functions: a route comes last, so that the kernel never has to ask for an address. AcquireLease() of
/// pkg/subnet/kube/kube.go looks for the node's pod CIDR each 3 s.
AgentHabits Habits() {
  const std::vector<Step> order = {Step::TunnelPeer, Step::Neighbour, Step::Fdb,   Step::Route,
                                   Step::Neighbour6, Step::Fdb6,      Step::Route6};
  return {.adds = order, .removes = order, .podCidrPoll = Seconds(3)};
}

kernel::Route6 DirectRoute6(const NodeView& self, const Vtep& peer) {
  return {.dst = peer.podCidr6,
          .metric = kernel::kIpv6UserRouteMetric,
          .nextHops = {{.gateway = peer.underlay6, .ifindex = self.underlayIfindex}}};
}

PeerRows6 ReachHostGw6(const Profile&, const NodeView& self, const Vtep& peer) {
  return {.route = DirectRoute6(self, peer)};
}

/// The same functions of vxlan_network.go for the v6 device, whose address is that of the node's IPv6 pod CIDR.
PeerRows6 ReachVxlan6(const Profile& profile, const NodeView& self, const Vtep& peer) {
  if (profile.directRouting && self.subnet6.Contains(peer.underlay6)) return {.route = DirectRoute6(self, peer)};
  return ReachByVxlan6(profile, self, peer);
}

/// pkg/backend/ipip/ipip.go: via the node itself, through the tunnel onlink.
PeerRows ReachIpip(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  kernel::Route route = DirectRoute(self, peer, range);
  if (!profile.directRouting || !self.subnet.Contains(peer.underlay)) {
    route.nextHops.front().ifindex = TunnelIfindex(profile, self, kernel::LinkKind::Ipip);
    route.nextHops.front().onlink = true;
  }
  return {.route = std::move(route)};
}

/// pkg/backend/wireguard/wireguard_network.go: a peer with the pod CIDR as allowed IPs; the one route is the device's.
PeerRows ReachWireguard(const Profile& profile, const NodeView&, const Vtep& peer, const PodRange&) {
  return {.tunnelPeer = WireguardPeerOf(profile, peer)};
}

constexpr uint32_t kIpsecReqid = 11;          // defaultReqID: pkg/backend/ipsec/ipsec_network.go
constexpr uint32_t kIpsecOverheadBytes = 77;  // ipsecOverhead, room for AES-CBC and SHA-256: the same file

/// pkg/backend/ipsec/handle_xfrm.go and handle_charon.go: policies for the two pod CIDRs, and the states that charon
/// makes for them. No route: packets take the default route as far as the policy.
PeerRows ReachIpsec(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  return {.tunnelPeer = kernel::TunnelPeer{.endpoint = peer.underlay,
                                           .port = profile.ipsec->udpPort,
                                           .allowedIps = {range.cidr},
                                           .ipsec = kernel::IpsecTunnel{.local = self.address,
                                                                        .localRange = self.podCidr,
                                                                        .spiIn = EspSpi(self.address, peer.node),
                                                                        .spiOut = EspSpi(peer.underlay, self.node),
                                                                        .reqid = kIpsecReqid,
                                                                        .keyBits = profile.ipsec->keyBits,
                                                                        .udpPort = profile.ipsec->udpPort}}};
}

/// pkg/backend/udp/udp_network_amd64.go: setRoute() of the proxy.
PeerRows ReachUdp(const Profile& profile, const NodeView&, const Vtep& peer, const PodRange& range) {
  const uint16_t port = profile.FindTunnel(kernel::LinkKind::Tun)->udpPort;
  return {.tunnelPeer = kernel::TunnelPeer{.endpoint = peer.underlay, .port = port, .allowedIps = {range.cidr}}};
}

}  // namespace

kernel::TunnelPeer WireguardPeerOf(const Profile& profile, const Vtep& peer) {
  const Tunnel& tunnel = *profile.FindTunnel(kernel::LinkKind::Wireguard);
  kernel::TunnelPeer out{.publicKey = peer.wireguardKey,
                         .presharedKey = tunnel.presharedKey,
                         .endpoint = peer.underlay,
                         .port = tunnel.wireguard.listenPort,
                         .persistentKeepalive = tunnel.persistentKeepalive};
  for (const PodRange& range : peer.ranges) out.allowedIps.push_back(range.cidr);
  return out;
}

PeerRows ReachByVxlan(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  const int ifindex = TunnelIfindex(profile, self, kernel::LinkKind::Vxlan);
  PeerRows rows;
  rows.route =
      kernel::Route{.dst = range.cidr, .nextHops = {{.gateway = peer.tunnel, .ifindex = ifindex, .onlink = true}}};
  rows.neighbour =
      kernel::Neighbour{.ip = peer.tunnel, .ifindex = ifindex, .mac = peer.mac, .state = kernel::NudState::Permanent};
  rows.fdb = kernel::VxlanFdbEntry{.mac = peer.mac, .isPermanent = true, .remotes = {{.ip = peer.underlay}}};
  return rows;
}

PeerRows6 ReachByVxlan6(const Profile& profile, const NodeView& self, const Vtep& peer) {
  const int ifindex = TunnelIfindex(profile, self, kernel::LinkKind::Vxlan, true);
  const Ipv6Address& tunnel = peer.podCidr6.address;
  PeerRows6 rows;
  rows.route = kernel::Route6{.dst = peer.podCidr6,
                              .metric = kernel::kIpv6UserRouteMetric,
                              .nextHops = {{.gateway = tunnel, .ifindex = ifindex, .onlink = true}}};
  rows.neighbour =
      kernel::Neighbour6{.ip = tunnel, .ifindex = ifindex, .mac = peer.mac6, .state = kernel::NudState::Permanent};
  rows.fdb = kernel::VxlanFdbEntry{.mac = peer.mac6, .isPermanent = true, .remotes = {{.ip = peer.underlay6}}};
  return rows;
}

Flavour FlannelVxlan() {
  Profile profile{
      .name = "flannel vxlan",
      .tunnels = {{.device = "flannel.1",                   // flannel.<VNI>: pkg/backend/vxlan/vxlan.go
                   .overheadBytes = kVxlanOverheadBytes}},  // encapOverhead: pkg/backend/vxlan/vxlan_network.go
      .bridge = "cni0",                                     // flannel-io/cni-plugin flannel_linux.go
      .hasVtepAddress = true,
      .acceptForwarded = true,  // iptables-forward-rules, default true: main.go
      .masquerades = true,      // --ip-masq: Documentation/kube-flannel.yml
  };
  kernel::VxlanOptions& vxlan = profile.tunnels.front().vxlan;
  vxlan.vni = 1;           // defaultVNI: pkg/backend/vxlan/vxlan.go
  vxlan.dstPort = 8472;    // Port 0: the kernel's own default, drivers/net/vxlan/vxlan_core.c
  vxlan.learning = false;  // Learning false: Documentation/backends.md
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Vxlan,
          .name = "flannel vxlan",
          .defaults = profile,
          .connectPod = ConnectToBridge,
          .reach = ReachVxlan,
          .reach6 = ReachVxlan6,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

Flavour FlannelIpip() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Ipip,
          .name = "flannel ipip",
          .defaults = {.name = "flannel ipip",
                       .tunnels = {{.device = "flannel.ipip",  // pkg/backend/ipip/ipip.go, tunnelName
                                    .kind = kernel::LinkKind::Ipip,
                                    .ipip = {.pmtuDiscovery = false, .anyProtocol = true},
                                    .isBoundToNode = true,
                                    .overheadBytes = kIpipOverheadBytes}},
                       .bridge = "cni0",
                       .hasVtepAddress = true,
                       .acceptForwarded = true,
                       .masquerades = true},
          .connectPod = ConnectToBridge,
          .reach = ReachIpip,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

Flavour FlannelWireguard() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Wireguard,
          .name = "flannel wireguard",
          .defaults = {.name = "flannel wireguard",
                       .tunnels = {{.device = "flannel-wg",  // pkg/backend/wireguard/wireguard.go, with Mode separate
                                    .kind = kernel::LinkKind::Wireguard,
                                    .wireguard = {.listenPort = 51820},
                                    .takesNetwork = true,                              // device.go, upAndAddRoute()
                                    .overheadBytes = kernel::kWireguardHeaderBytes}},  // device.go: overhead 80
                       .bridge = "cni0",
                       .hasVtepAddress = true,
                       .acceptForwarded = true,
                       .masquerades = true},
          .connectPod = ConnectToBridge,
          .reach = ReachWireguard,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

Flavour FlannelUdp() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Udp,
          .name = "flannel udp",
          .defaults = {.name = "flannel udp",
                       .tunnels = {{.device = "flannel0",  // pkg/backend/udp/udp_network_amd64.go: "flannel%d"
                                    .kind = kernel::LinkKind::Tun,
                                    .udpPort = 8285,  // defaultPort: pkg/backend/udp/udp_amd64.go
                                    .takesNetwork = true,
                                    .overheadBytes = kUdpOverheadBytes}},  // encapOverhead
                       .bridge = "cni0",
                       .hasVtepAddress = true,
                       .acceptForwarded = true,
                       .masquerades = true},
          .connectPod = ConnectToBridge,
          .reach = ReachUdp,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

Flavour FlannelIpsec() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Ipsec,
          .name = "flannel ipsec",
          .defaults = {.name = "flannel ipsec",
                       .ipsec = Ipsec{.overheadBytes = kIpsecOverheadBytes},
                       .bridge = "cni0",
                       .acceptForwarded = true,
                       .masquerades = true},
          .connectPod = ConnectToBridge,
          .reach = ReachIpsec,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

Flavour Canal() {
  Flavour flavour = FlannelVxlan();
  flavour.type = scenario::CniType::Canal;
  flavour.name = "canal";
  flavour.defaults.name = "canal";
  flavour.defaults.bridge.clear();
  flavour.defaults.vethName = CalicoVethName;
  flavour.connectPod = ConnectByProxyArp;
  return flavour;
}

Flavour FlannelHostGw() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::HostGw,
          .name = "flannel host-gw",
          .defaults = {.name = "flannel host-gw", .bridge = "cni0", .acceptForwarded = true, .masquerades = true},
          .connectPod = ConnectToBridge,
          .reach = ReachHostGw,
          .reach6 = ReachHostGw6,
          .rules = FlannelRules,
          .rules6 = FlannelRules6,
          .habits = Habits()};
}

}  // namespace overlaysim::plan
