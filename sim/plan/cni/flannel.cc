#include "sim/plan/cni/flannel.h"

#include "sim/plan/cni/connect.h"

namespace overlaysim::plan {
namespace {

/// handleSubnetEvents() of flannel's pkg/backend/vxlan/vxlan_network.go and pkg/backend/route_network.go. flanneld's
/// routes carry RTPROT_BOOT, its neighbours and FDB entries NUD_PERMANENT.
kernel::Route DirectRoute(const NodeView& self, const Vtep& peer) {
  return {.dst = peer.podCidr, .nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex}}};
}

PeerRows ReachHostGw(const Profile&, const NodeView& self, const Vtep& peer) {
  return {.route = DirectRoute(self, peer)};
}

PeerRows ReachVxlan(const Profile& profile, const NodeView& self, const Vtep& peer) {
  if (profile.directRouting && self.subnet.Contains(peer.underlay)) return {.route = DirectRoute(self, peer)};
  return ReachByTunnel(self, peer);
}

}  // namespace

PeerRows ReachByTunnel(const NodeView& self, const Vtep& peer) {
  PeerRows rows;
  rows.route = kernel::Route{.dst = peer.podCidr,
                             .nextHops = {{.gateway = peer.tunnel, .ifindex = self.tunnelIfindex, .onlink = true}}};
  rows.neighbour = kernel::Neighbour{
      .ip = peer.tunnel, .ifindex = self.tunnelIfindex, .mac = peer.mac, .state = kernel::NudState::Permanent};
  rows.fdb = kernel::VxlanFdbEntry{.mac = peer.mac, .isPermanent = true, .remotes = {{.ip = peer.underlay}}};
  return rows;
}

Flavour FlannelVxlan() {
  Profile profile{
      .name = "flannel vxlan",
      .device = "flannel.1",                 // flannel.<VNI>: pkg/backend/vxlan/vxlan.go
      .bridge = "cni0",                      // flannel-io/cni-plugin flannel_linux.go
      .overheadBytes = kVxlanOverheadBytes,  // encapOverhead: pkg/backend/vxlan/vxlan_network.go
      .hasVtepAddress = true,
      .acceptForwarded = true,  // iptables-forward-rules, default true: main.go
  };
  profile.vxlan.vni = 1;           // defaultVNI: pkg/backend/vxlan/vxlan.go
  profile.vxlan.dstPort = 8472;    // Port 0: the kernel's own default, drivers/net/vxlan/vxlan_core.c
  profile.vxlan.learning = false;  // Learning false: Documentation/backends.md
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::Vxlan,
          .name = "flannel vxlan",
          .defaults = profile,
          .connectPod = ConnectToBridge,
          .reach = ReachVxlan};
}

Flavour FlannelHostGw() {
  return {.type = scenario::CniType::Flannel,
          .backend = scenario::FlannelBackend::HostGw,
          .name = "flannel host-gw",
          .defaults = {.name = "flannel host-gw", .bridge = "cni0", .acceptForwarded = true},
          .connectPod = ConnectToBridge,
          .reach = ReachHostGw};
}

}  // namespace overlaysim::plan
