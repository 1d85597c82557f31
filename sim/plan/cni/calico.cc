#include "sim/plan/cni/calico.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/flannel.h"
#include "sim/plan/cni/given.h"
#include "sim/plan/cni/rules.h"
#include "sim/plan/cni/selector.h"
#include "sim/plan/ipv6.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

constexpr uint8_t kFelixProtocol = 80;         // VXLANDefaultProto: felix/dataplane/linux/dataplanedefs
constexpr uint8_t kBirdProtocol = 12;          // RTPROT_BIRD
constexpr uint16_t kWireguardPort = 51820;     // WireguardListeningPort: felix/config/config_params.go
constexpr uint32_t kWireguardTable = 1;        // the first of RouteTableRanges: felix/dataplane/driver.go
constexpr uint32_t kWireguardMark = 0x200000;  // the sixth bit of IptablesMarkMask 0xffff0000: the same

bool UsesVxlan(const Pool& pool) { return pool.vxlanMode != EncapMode::Never; }
bool UsesIpip(const Pool& pool) { return pool.ipipMode != EncapMode::Never; }

bool IsTunnelled(EncapMode mode, bool isSameSubnet) {
  return mode == EncapMode::Always || (mode == EncapMode::CrossSubnet && !isSameSubnet);
}

/// What BIRD writes: through tunl0 onlink, on the common subnet via the peer itself, else by the way to the peer, which
/// is the default route ("gateway recursive"). Source: confd/etc/calico/confd/templates/bird_ipam.cfg.template
/// (krt_tunnel), bird.cfg.template.
std::optional<kernel::Route> BirdRoute(const Profile& profile, const NodeView& self, const Vtep& peer,
                                       const PodRange& range) {
  if (!profile.bgp->Learns(self.node, peer.node)) return std::nullopt;
  const bool isSameSubnet = self.subnet.Contains(peer.underlay);
  kernel::Route route{.dst = range.cidr, .protocol = kBirdProtocol};
  if (IsTunnelled(profile.pools[range.pool].ipipMode, isSameSubnet))
    route.nextHops = {
        {.gateway = peer.underlay, .ifindex = TunnelIfindex(profile, self, kernel::LinkKind::Ipip), .onlink = true}};
  else if (isSameSubnet)
    route.nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex}};
  else
    route.nextHops = self.gateways;
  return route.nextHops.empty() ? std::nullopt : std::optional(std::move(route));
}

/// Every VTEP has its neighbour and FDB entry on every other node, also those that are reached without the tunnel.
/// Source: felix/dataplane/linux/vxlan_mgr.go, updateNeighborsAndAllowedSources() and tunneledRoute(); route_mgr.go,
/// noEncapRoute(): both kinds of routes are onlink.
PeerRows Reach(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  const Pool& pool = profile.pools[range.pool];
  PeerRows rows;
  if (profile.FindTunnel(kernel::LinkKind::Vxlan) && !peer.tunnel.IsZero())
    rows = ReachByVxlan(profile, self, peer, range);
  if (!UsesVxlan(pool)) {
    rows.route = BirdRoute(profile, self, peer, range);
  } else if (rows.route) {
    rows.route->protocol = kFelixProtocol;
    if (!IsTunnelled(pool.vxlanMode, self.subnet.Contains(peer.underlay)))
      rows.route->nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex, .onlink = true}};
  }
  if (const int wireguard = TunnelIfindex(profile, self, kernel::LinkKind::Wireguard); wireguard != 0) {
    // felix/wireguard/wireguard.go, updateRouteTableFromNodeUpdates()
    rows.policyRoute = kernel::Route{.dst = range.cidr,
                                     .scope = kernel::kScopeLink,
                                     .table = profile.policyTable,
                                     .nextHops = {{.ifindex = wireguard}}};
    rows.tunnelPeer = WireguardPeerOf(profile, peer);
  }
  return rows;
}

/// The same for the node's IPv6 block: through vxlan-v6.calico, on the common subnet via the peer itself, else what
/// BIRD writes.
PeerRows6 Reach6(const Profile& profile, const NodeView& self, const Vtep& peer) {
  const EncapMode mode = profile.pool6->vxlanMode;
  const bool isSameSubnet = self.subnet6.Contains(peer.underlay6);
  PeerRows6 rows;
  kernel::Route6 route{
      .dst = peer.podCidr6, .metric = kernel::kIpv6UserRouteMetric, .protocol = profile.pool6->protocol};
  if (mode != EncapMode::Never) {
    rows = ReachByVxlan6(profile, self, peer);
    if (IsTunnelled(mode, isSameSubnet))
      route.nextHops = rows.route->nextHops;
    else
      route.nextHops = {{.gateway = peer.underlay6, .ifindex = self.underlayIfindex, .onlink = true}};
    rows.route = std::move(route);
    return rows;
  }
  if (!profile.bgp->Learns(self.node, peer.node)) return rows;
  if (isSameSubnet)
    route.nextHops = {{.gateway = peer.underlay6, .ifindex = self.underlayIfindex}};
  else
    for (const kernel::NextHop& hop : self.gateways)
      route.nextHops.push_back({.gateway = Embed(Ipv6Prefix{self.address6, kEmbeddingBits}, hop.gateway),
                                .ifindex = hop.ifindex,
                                .weight = hop.weight});
  if (!route.nextHops.empty()) rows.route = std::move(route);
  return rows;
}

/// Felix's mtuIfacePattern: ^((en|wl|ww|sl|ib)[Pcopsvx].*|(eth|wlan|wwan).*) (felix/config/config_params.go).
bool CountsInMtu(std::string_view device) {
  for (std::string_view prefix : {"eth", "wlan", "wwan"})
    if (device.starts_with(prefix)) return true;
  if (device.size() < 3 || std::string_view("Pcopsvx").find(device[2]) == std::string_view::npos) return false;
  for (std::string_view prefix : {"en", "wl", "ww", "sl", "ib"})
    if (device.starts_with(prefix)) return true;
  return false;
}

EncapMode ModeOf(const std::string& word) {
  const std::vector<std::string>& words = scenario::WordsOf<EncapMode>().words;
  const auto found = std::find(words.begin(), words.end(), word);
  return found == words.end() ? EncapMode::Never : static_cast<EncapMode>(found - words.begin());
}

std::vector<Pool> ImportedPools(const import::CalicoConfig& imported) {
  std::vector<Pool> pools;
  for (const import::CalicoPool& pool : imported.pools)
    pools.push_back({.cidr = pool.cidr,
                     .blockSize = static_cast<uint8_t>(pool.blockSize.value),
                     .vxlanMode = ModeOf(pool.vxlanMode.value),
                     .ipipMode = ModeOf(pool.ipipMode.value),
                     .natOutgoing = pool.natOutgoing.value,
                     .nodeSelector = pool.nodeSelector.value,
                     .isDisabled = pool.disabled.value,
                     .where = {.origin = pool.origin}});
  return pools;
}

/// The pools of the scenario, those of the cluster's own files, or one over all pods' addresses.
std::vector<Pool> PoolsOf(const Context& context, const import::CalicoConfig* imported) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  const scenario::Cni& cni = cluster.cni;
  Pool all{.cidr = cluster.podCIDR.value.Canonical(), .where = {.place = cluster.podCIDR.place}};
  if (cni.blockSize) all.blockSize = cni.blockSize->value;
  if (cni.ipipMode) all.ipipMode = cni.ipipMode->value;
  if (cni.vxlanMode) all.vxlanMode = cni.vxlanMode->value;
  if (cni.natOutgoing) all.natOutgoing = cni.natOutgoing->value;
  if (cni.pools.empty() && imported && !imported->pools.empty()) return ImportedPools(*imported);
  if (cni.pools.empty()) return {all};
  std::vector<Pool> pools;
  for (const scenario::CalicoPool& written : cni.pools) {
    Pool pool = all;
    pool.cidr = written.cidr.value;
    pool.where = {.place = written.cidr.place};
    if (written.blockSize) pool.blockSize = written.blockSize->value;
    if (written.vxlanMode || written.ipipMode) {  // one of them given: the other is its own default, Never
      pool.vxlanMode = written.vxlanMode ? written.vxlanMode->value : EncapMode::Never;
      pool.ipipMode = written.ipipMode ? written.ipipMode->value : EncapMode::Never;
    }
    if (written.natOutgoing) pool.natOutgoing = written.natOutgoing->value;
    if (written.nodeSelector) pool.nodeSelector = written.nodeSelector->value;
    pool.isDisabled = written.disabled.value;
    pools.push_back(std::move(pool));
  }
  return pools;
}

/// What Calico's own validation refuses (libcalico-go/lib/clientv3/ippool.go, validateAndSetDefaults()).
void CheckPools(const Context& context, const std::vector<Pool>& pools) {
  for (size_t i = 0; i < pools.size(); ++i) {
    const Pool& pool = pools[i];
    const Where& where = pool.where;
    const std::string cidr = pool.cidr.ToString();
    if (pool.cidr != pool.cidr.Canonical())
      context.Error(where, "pool {} has host bits; meant is probably {}", cidr, pool.cidr.Canonical().ToString());
    if (pool.blockSize < pool.cidr.length)
      context.Error(where, "pool {} has no room for a block of /{}", cidr, pool.blockSize);
    if (UsesVxlan(pool) && UsesIpip(pool))
      context.Error(where, "pool {} has both vxlanMode and ipipMode: one of them must be Never", cidr);
    for (size_t j = 0; j < i; ++j)
      if (pools[j].cidr.Overlaps(pool.cidr))
        context.Error(where, "pool {} overlaps pool {}", cidr, pools[j].cidr.ToString());
    if (std::string error; !Selector::Parse(pool.nodeSelector, error))
      context.Error(where, "pool {}: \"{}\" is no selector: {}", cidr, pool.nodeSelector, error);
  }
}

Ipv4Prefix Covering(const std::vector<Pool>& pools) {
  Ipv4Prefix out = pools.front().cidr;
  for (const Pool& pool : pools)
    while (!out.Contains(pool.cidr)) out = Ipv4Prefix{out.address, static_cast<uint8_t>(out.length - 1)}.Canonical();
  return out;
}

/// "calico vxlan Always", with the modes of all pools.
std::string NameOf(const std::vector<Pool>& pools) {
  std::vector<std::string> modes;
  for (const Pool& pool : pools) {
    std::string mode = "BGP";
    if (UsesVxlan(pool)) mode = "vxlan " + scenario::WordOf(pool.vxlanMode);
    if (UsesIpip(pool)) mode = "ipip " + scenario::WordOf(pool.ipipMode);
    if (std::find(modes.begin(), modes.end(), mode) == modes.end()) modes.push_back(mode);
  }
  return fmt::format("calico {}", fmt::join(modes, " and "));
}

/// A BGPPeer, of the scenario or of the cluster's own files.
struct Peering {
  Where where;
  std::string node, nodeSelector;  ///< this side; both "": all nodes
  std::optional<std::string> peerSelector;
  std::optional<Ipv4Address> peerIp;
};

std::vector<Peering> PeeringsOf(const Context& context, const import::CalicoConfig* imported) {
  std::vector<Peering> peerings;
  for (const scenario::BgpPeer& written : context.scenario.cluster.cni.bgpPeers) {
    Peering& peering = peerings.emplace_back();
    for (const scenario::OptionalText* text : {&written.peerSelector, &written.nodeSelector, &written.node})
      if (*text) peering.where.place = (*text)->place;
    if (written.node) peering.node = written.node->value;
    if (written.nodeSelector) peering.nodeSelector = written.nodeSelector->value;
    if (written.peerSelector) peering.peerSelector = written.peerSelector->value;
    if (written.peerIP) {
      peering.peerIp = written.peerIP->value;
      peering.where.place = written.peerIP->place;
    }
  }
  if (!peerings.empty() || !imported) return peerings;
  for (const import::CalicoBgpPeer& peer : imported->bgpPeers) {
    Peering& peering = peerings.emplace_back();
    peering.where.origin = peer.origin;
    peering.node = peer.node.value;
    peering.nodeSelector = peer.nodeSelector.value;
    if (peer.peerSelector.IsGiven()) peering.peerSelector = peer.peerSelector.value;
    peering.peerIp = peer.peerIp.value;
  }
  return peerings;
}

/// The nodes that a selector takes; one that is no selector is reported.
std::vector<size_t> Selected(const Context& context, const Cluster& cluster, const Where& where,
                             const std::string& text) {
  std::string error;
  const auto selector = Selector::Parse(text, error);
  std::vector<size_t> nodes;
  if (!selector)
    context.Error(where, "\"{}\" is no selector: {}", text, error);
  else
    for (size_t n = 0; n < cluster.nodes.size(); ++n)
      if (selector->Matches(cluster.nodes[n].labels)) nodes.push_back(n);
  return nodes;
}

/// The nodes on this side.
std::vector<size_t> Speakers(const Context& context, const Cluster& cluster, const Peering& peering) {
  if (peering.node.empty()) return Selected(context, cluster, peering.where, peering.nodeSelector);
  if (const NodeId node = cluster.FindNode(peering.node)) return {node.value};
  context.Error(peering.where, "there is no node \"{}\"{}", peering.node,
                Suggestion(peering.node, cluster.NodeNames()));
  return {};
}

/// The nodes on the other side.
std::vector<size_t> Peers(const Context& context, const Cluster& cluster, const Peering& peering) {
  if (peering.peerSelector) return Selected(context, cluster, peering.where, *peering.peerSelector);
  if (!peering.peerIp) return {};
  for (size_t n = 0; n < cluster.nodes.size(); ++n)
    if (cluster.nodes[n].Address() == *peering.peerIp) return {n};
  context.Note(peering.where, "{} is no node: BGP with others is not simulated yet", peering.peerIp->ToString());
  return {};
}

const import::CalicoConfig* ImportedCalico(const Context& context) {
  return context.imported && context.imported->calico ? &*context.imported->calico : nullptr;
}

/// The pods' IPv6: of the scenario, or the IPv6 IPPool of the cluster's own files. `vxlan`: the device for IPv4, which
/// the one for IPv6 is like.
void TakeIpv6Pool(const Context& context, const import::CalicoConfig* imported, Tunnel vxlan, Profile& profile) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  const scenario::Cni& cni = cluster.cni;
  const import::CalicoIpv6Pool* pool =
      imported && imported->pool6 && !cluster.podCIDRIPv6 ? &*imported->pool6 : nullptr;
  if (!cluster.podCIDRIPv6 && !pool) return;
  const Where where = pool ? Where{.origin = pool->origin} : Where{.place = cluster.podCIDRIPv6->place};
  profile.network6 = pool ? pool->cidr : cluster.podCIDRIPv6->value;
  if (const auto blockSize = Given(cni.blockSizeIPv6, pool ? &pool->blockSize : nullptr))
    profile.podCidr6Length = static_cast<uint8_t>(*blockSize);
  Ipv6Pool& taken = profile.pool6.emplace();
  taken.vxlanMode = cni.vxlanModeIPv6 ? cni.vxlanModeIPv6->value
                    : pool            ? ModeOf(pool->vxlanMode.value)
                                      : profile.pools.front().vxlanMode;
  taken.protocol = taken.vxlanMode == EncapMode::Never ? kBirdProtocol : kFelixProtocol;
  if (profile.network6 != profile.network6.Canonical())
    context.Error(where, "pool {} has host bits; meant is probably {}", profile.network6.ToString(),
                  profile.network6.Canonical().ToString());
  if (profile.podCidr6Length < profile.network6.length)
    context.Error(where, "pool {} has no room for a block of /{}", profile.network6.ToString(), profile.podCidr6Length);
  taken.natOutgoing = cni.natOutgoingIPv6 ? cni.natOutgoingIPv6->value : pool && pool->natOutgoing.value;
  if (taken.vxlanMode == EncapMode::Never) return;
  vxlan.device = "vxlan-v6.calico";  // felix/dataplane/linux/dataplanedefs, VXLANIfaceNameV6
  vxlan.isV6 = true;
  vxlan.overheadBytes += kIpv6ExtraBytes;  // determineMTU() of int_dataplane.go
  vxlan.mtu.reset();                       // vxlanMTU is IPv4's
  profile.tunnels.push_back(std::move(vxlan));
}

}  // namespace

bool ResolveCalico(const Context& context, Profile& profile) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  const size_t errorsBefore = context.diagnostics.ErrorCount();
  const import::CalicoConfig* imported = ImportedCalico(context);
  profile.pools = PoolsOf(context, imported);
  CheckPools(context, profile.pools);
  Tunnel& vxlan = profile.tunnels.front();
  if (auto vni = Given(cni.vni, imported ? &imported->vxlanVni : nullptr)) vxlan.vxlan.vni = *vni;
  if (auto port = Given(cni.port, imported ? &imported->vxlanPort : nullptr)) vxlan.vxlan.dstPort = *port;
  if (imported && imported->vxlanMtu.value != 0) vxlan.mtu = imported->vxlanMtu.value;
  const Tunnel likeIpv4 = vxlan;
  for (Pool& pool : profile.pools) pool.protocol = UsesVxlan(pool) ? kFelixProtocol : kBirdProtocol;
  if (std::none_of(profile.pools.begin(), profile.pools.end(), UsesVxlan)) {
    profile.tunnels.clear();
    profile.hasVtepAddress = false;
  }
  if (std::any_of(profile.pools.begin(), profile.pools.end(), UsesIpip))
    profile.tunnels.push_back(
        {.device = "tunl0",  // felix/dataplane/linux/ipip_mgr.go: the module's own device
         .kind = kernel::LinkKind::Ipip,
         .ipip = {.pmtuDiscovery = false, .anyProtocol = true},
         .overheadBytes = kIpipOverheadBytes,
         .mtu = imported && imported->ipipMtu.value != 0 ? std::optional(imported->ipipMtu.value) : std::nullopt});
  profile.network = Covering(profile.pools);
  profile.name = NameOf(profile.pools);
  if (Given(cni.wireguardEnabled, imported ? &imported->wireguardEnabled : nullptr).value_or(false)) {
    profile.tunnels.push_back({.device = "wireguard.cali",  // WireguardInterfaceName: felix/config/config_params.go
                               .kind = kernel::LinkKind::Wireguard,
                               .wireguard = {.listenPort = kWireguardPort, .fwmark = kWireguardMark},
                               .overheadBytes = kWireguardOverheadBytes});  // determineMTU() of int_dataplane.go
    profile.policyTable = kWireguardTable;
    profile.name += " with wireguard";
  }
  TakeIpv6Pool(context, imported, likeIpv4, profile);
  return context.diagnostics.ErrorCount() == errorsBefore;
}

void ResolveBgp(const Context& context, const Cluster& cluster, Profile& profile) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  const import::CalicoConfig* imported = ImportedCalico(context);
  std::vector<BgpSpeaker> speakers(cluster.nodes.size());
  for (size_t n = 0; n < speakers.size(); ++n)
    if (const auto& id = cluster.nodes[n].written->routeReflectorClusterID) {
      speakers[n].clusterId = id->value;
    } else if (imported) {
      auto reflector = imported->routeReflectors.find(cluster.nodes[n].name);
      if (reflector != imported->routeReflectors.end()) speakers[n].clusterId = reflector->second.value;
    }
  std::vector<std::pair<size_t, size_t>> sessions;
  for (const Peering& peering : PeeringsOf(context, imported))
    for (size_t peer : Peers(context, cluster, peering))
      for (size_t speaker : Speakers(context, cluster, peering)) sessions.emplace_back(speaker, peer);
  const bool fullMesh =
      Given(cni.nodeToNodeMeshEnabled, imported ? &imported->nodeToNodeMeshEnabled : nullptr).value_or(true);
  profile.bgp = std::make_shared<const BgpReach>(speakers, fullMesh, sessions);
}

Flavour Calico() {
  Profile profile{
      .name = "calico",
      .tunnels = {{.device = "vxlan.calico",                // felix/dataplane/linux/dataplane_defs
                   .overheadBytes = kVxlanOverheadBytes}},  // felix/dataplane/linux/int_dataplane.go, determineMTU
      .hasVtepAddress = true,
      .countsInMtu = CountsInMtu,
      .vethName = CalicoVethName,
      .vtepMac = CalicoVtepMac,
  };
  kernel::VxlanOptions& vxlan = profile.tunnels.front().vxlan;
  vxlan.vni = 4096;        // vxlanVNI: felix/config/config_params.go
  vxlan.dstPort = 4789;    // vxlanPort: the same
  vxlan.learning = false;  // felix/dataplane/linux/vxlan_mgr.go, configureVXLANDevice()
  return {.type = scenario::CniType::Calico,
          .backend = {},
          .name = "calico",
          .defaults = profile,
          .connectPod = ConnectByProxyArp,
          .reach = Reach,
          .reach6 = Reach6,
          .rules = FelixNatRules,
          .rules6 = FelixNatRules6,
          // vxlanManager and routeManager are completed before routeTables are applied:
          // felix/dataplane/linux/int_dataplane.go
          .habits = {.adds = {Step::TunnelPeer, Step::Neighbour, Step::Fdb, Step::Neighbour6, Step::Fdb6, Step::Route,
                              Step::PolicyRoute, Step::Route6},
                     .removes = {Step::Route, Step::PolicyRoute, Step::Route6, Step::Neighbour, Step::Fdb,
                                 Step::Neighbour6, Step::Fdb6, Step::TunnelPeer}}};
}

}  // namespace overlaysim::plan
