#include "sim/plan/cni/calico.h"

#include <algorithm>
#include <optional>

#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/flannel.h"
#include "sim/plan/cni/rules.h"
#include "sim/plan/cni/selector.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

constexpr uint8_t kFelixProtocol = 80;  // dataplane.VXLANDefaultProto: felix/dataplane/linux/dataplane_defs

bool IsInSubnet(const NodeView& self, const Vtep& peer) { return self.subnet.Contains(peer.underlay); }

/// Every VTEP has its neighbour and FDB entry on every other node, also those that are reached without the tunnel.
/// Source: felix/dataplane/linux/vxlan_mgr.go, updateNeighborsAndAllowedSources() and tunneledRoute(); route_mgr.go,
/// noEncapRoute(): both kinds of routes are onlink.
PeerRows Reach(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  const Pool& pool = profile.pools[range.pool];
  PeerRows rows = ReachByVxlan(profile, self, peer, range);
  rows.route->protocol = kFelixProtocol;
  if (pool.vxlanMode == EncapMode::CrossSubnet && IsInSubnet(self, peer))
    rows.route->nextHops = {{.gateway = peer.underlay, .ifindex = self.underlayIfindex, .onlink = true}};
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

/// The pools of the scenario, or one over all pods' addresses.
std::vector<Pool> PoolsOf(const Context& context) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  const scenario::Cni& cni = cluster.cni;
  Pool all{.cidr = cluster.podCIDR.value.Canonical()};
  if (cni.blockSize) all.blockSize = cni.blockSize->value;
  if (cni.ipipMode) all.ipipMode = cni.ipipMode->value;
  if (cni.vxlanMode) all.vxlanMode = cni.vxlanMode->value;
  if (cni.natOutgoing) all.natOutgoing = cni.natOutgoing->value;
  if (cni.pools.empty()) return {all};
  std::vector<Pool> pools;
  for (const scenario::CalicoPool& written : cni.pools) {
    Pool pool = all;
    pool.cidr = written.cidr.value;
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

Where PlaceOfPool(const Context& context, size_t number) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  return {.place = cluster.cni.pools.empty() ? cluster.podCIDR.place : cluster.cni.pools[number].cidr.place};
}

/// What Calico's own validation refuses (libcalico-go/lib/clientv3/ippool.go, validateAndSetDefaults()).
void CheckPools(const Context& context, const std::vector<Pool>& pools) {
  for (size_t i = 0; i < pools.size(); ++i) {
    const Pool& pool = pools[i];
    const Where where = PlaceOfPool(context, i);
    const std::string cidr = pool.cidr.ToString();
    if (pool.cidr != pool.cidr.Canonical())
      context.Error(where, "pool {} has host bits; meant is probably {}", cidr, pool.cidr.Canonical().ToString());
    if (pool.blockSize < pool.cidr.length)
      context.Error(where, "pool {} has no room for a block of /{}", cidr, pool.blockSize);
    if (pool.vxlanMode != EncapMode::Never && pool.ipipMode != EncapMode::Never)
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
  std::string out;
  auto add = [&](const std::string& mode) {
    if (out.find(mode) == std::string::npos) out += (out.empty() ? "" : " and ") + mode;
  };
  for (const Pool& pool : pools)
    if (pool.vxlanMode != EncapMode::Never) add("vxlan " + scenario::WordOf(pool.vxlanMode));
  return "calico " + out;
}

}  // namespace

bool ResolveCalico(const Context& context, Profile& profile) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  const size_t errorsBefore = context.diagnostics.ErrorCount();
  profile.pools = PoolsOf(context);
  CheckPools(context, profile.pools);
  for (size_t i = 0; i < profile.pools.size(); ++i)
    if (profile.pools[i].vxlanMode == EncapMode::Never)
      context.Error(PlaceOfPool(context, i), "pool {}: {} is not supported yet (supported: vxlanMode)",
                    profile.pools[i].cidr.ToString(),
                    profile.pools[i].ipipMode == EncapMode::Never ? "Calico without a tunnel" : "ipipMode");
  if (cni.wireguardEnabled && cni.wireguardEnabled->value)
    context.Error(cni.wireguardEnabled->place, "Calico's wireguardEnabled is not supported yet");
  profile.network = Covering(profile.pools);
  profile.name = NameOf(profile.pools);
  return context.diagnostics.ErrorCount() == errorsBefore;
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
      .blockProtocol = kFelixProtocol,
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
          .rules = FelixNatRules};
}

}  // namespace overlaysim::plan
