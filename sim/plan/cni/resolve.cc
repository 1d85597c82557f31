#include <algorithm>
#include <vector>

#include "sim/plan/cni/antrea.h"
#include "sim/plan/cni/calico.h"
#include "sim/plan/cni/cilium.h"
#include "sim/plan/cni/given.h"
#include "sim/plan/cni/profile.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

using scenario::CniType;
using scenario::FlannelBackend;

std::string NotSupported(const std::string& what) {
  std::string names;
  for (const Flavour& flavour : Flavours()) names += (names.empty() ? "" : ", ") + std::string(flavour.name);
  return what + " is not supported yet (supported: " + names + ")";
}

/// flannel reads its backend's type from net-conf.json, where a missing Backend is udp (pkg/subnet/config.go).
std::optional<FlannelBackend> BackendOf(const Context& context, const scenario::Cni& cni) {
  const import::FlannelConfig* conf =
      context.imported && context.imported->flannel ? &*context.imported->flannel : nullptr;
  if (!conf || (cni.backend && cni.backend->place.source != 0))
    return cni.backend ? cni.backend->value : FlannelBackend::Vxlan;
  const std::vector<std::string>& words = scenario::WordsOf<FlannelBackend>().words;
  for (size_t i = 0; i < words.size(); ++i)
    if (conf->backendType.value == words[i]) return static_cast<FlannelBackend>(i);
  const import::Origin origin = conf->backendType.IsGiven() ? conf->backendType.origin : conf->origin;
  context.Error({.origin = origin}, "{}", NotSupported("flannel's backend \"" + conf->backendType.value + "\""));
  return std::nullopt;
}

void TakeVxlanSettings(const scenario::Cni& cni, const import::FlannelConfig* conf, Profile& profile) {
  kernel::VxlanOptions& vxlan = profile.tunnels.front().vxlan;
  if (auto vni = Given(cni.vni, conf ? &conf->vni : nullptr)) vxlan.vni = *vni;
  if (auto port = Given(cni.port, conf ? &conf->port : nullptr); port && *port != 0) vxlan.dstPort = *port;
  if (auto learning = Given(cni.learning, conf ? &conf->learning : nullptr)) vxlan.learning = *learning;
  if (cni.df) vxlan.df = static_cast<kernel::VxlanDf>(cni.df->value);
  if (cni.ttl) {
    vxlan.ttl = cni.ttl->value.value;
    vxlan.ttlInherit = cni.ttl->value.inherit;
  }
  if (cni.tos) vxlan.tos = cni.tos->value.inherit ? 1 : cni.tos->value.value;
  if (cni.udpChecksum) vxlan.udpCsum = cni.udpChecksum->value;
  if (cni.sourcePorts && !cni.sourcePorts->value.ranges.empty()) {
    vxlan.srcPortLow = cni.sourcePorts->value.ranges.front().first;
    vxlan.srcPortHigh = cni.sourcePorts->value.ranges.front().last;
  }
  if (cni.ageing) vxlan.ageing = static_cast<uint32_t>(cni.ageing->value.count / Seconds(1).count);
}

/// PSK of net-conf.json; nullopt, with an error: it is no key.
std::optional<kernel::WireguardKey> PresharedKeyOf(const Context& context, const import::FlannelConfig& conf) {
  if (conf.psk.value.empty()) return kernel::WireguardKey{};
  const auto key = kernel::WireguardKey::Parse(conf.psk.value);
  if (!key) context.Error({.origin = conf.psk.origin}, "PSK is no WireGuard key: it needs 44 characters of base64");
  return key;
}

/// pkg/backend/wireguard/wireguard.go, RegisterNetwork().
void TakeWireguardSettings(const Context& context, const import::FlannelConfig* conf, Tunnel& tunnel) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  if (auto port = Given(cni.port, conf ? &conf->listenPort : nullptr); port && *port != 0)
    tunnel.wireguard.listenPort = *port;
  if (!conf) return;
  tunnel.persistentKeepalive = static_cast<uint16_t>(conf->persistentKeepaliveInterval.value);
  if (const auto key = PresharedKeyOf(context, *conf)) tunnel.presharedKey = *key;
}

/// pkg/backend/ipsec/ipsec.go, RegisterNetwork(), and ipsec_network.go, MTU().
void TakeIpsecSettings(const Context& context, const import::FlannelConfig* conf, Ipsec& ipsec) {
  constexpr uint16_t kNatTraversalPort = 4500;
  constexpr uint32_t kUdpEncapOverheadBytes = 8;
  constexpr size_t kMinPasswordLength = 96;
  constexpr std::pair<std::string_view, uint32_t> kProposals[] = {
      {"aes128gcm16", 128}, {"aes192gcm16", 192}, {"aes256gcm16", 256}};
  if (Given(context.scenario.cluster.cni.udpEncap, conf ? &conf->udpEncap : nullptr).value_or(false)) {
    ipsec.udpPort = kNatTraversalPort;
    ipsec.overheadBytes += kUdpEncapOverheadBytes;
  }
  if (!conf) return;
  if (conf->psk.value.size() < kMinPasswordLength)
    context.Error({.origin = conf->psk.IsGiven() ? conf->psk.origin : conf->origin},
                  "the PSK is too short: flannel's ipsec backend wants {} characters", kMinPasswordLength);
  const std::string& proposal = conf->espProposal.value;
  const auto known = std::find_if(std::begin(kProposals), std::end(kProposals),
                                  [&](const auto& p) { return proposal.substr(0, proposal.find('-')) == p.first; });
  if (known == std::end(kProposals))
    context.Error({.origin = conf->espProposal.origin},
                  "the ESPProposal \"{}\" is not supported yet (supported: those that begin with aes128gcm16, "
                  "aes192gcm16 or aes256gcm16)",
                  proposal);
  else
    ipsec.keyBits = known->second;
}

/// The smallest prefix that holds all pod CIDRs of the cluster's own nodes.
std::optional<Ipv4Prefix> Covering(const import::ImportedCluster& cluster) {
  std::optional<Ipv4Prefix> out;
  for (const import::Node& node : cluster.nodes) {
    const auto cidr = node.PodCidr();
    if (!cidr) continue;
    if (!out) out = cidr;
    while (!out->Contains(*cidr)) out = Ipv4Prefix{out->address, static_cast<uint8_t>(out->length - 1)}.Canonical();
  }
  return out;
}

Ipv4Prefix NetworkOf(const Context& context, const import::FlannelConfig* conf) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  if (cluster.cni.network) return cluster.cni.network->value;
  if (cluster.cni.subnet) return cluster.cni.subnet->value;
  if (conf && conf->network.value) return *conf->network.value;
  if (cluster.podCIDR.place.source == 0 && context.imported)
    if (auto covering = Covering(*context.imported); covering && !cluster.podCIDR.value.Contains(*covering))
      return *covering;
  return cluster.podCIDR.value;
}

/// The pods' IPv6, if there is to be any: flannel's EnableIPv6 and IPv6Network, or what the scenario says.
void TakeIpv6(const Context& context, const import::FlannelConfig* conf, const Flavour& flavour, Profile& profile) {
  const scenario::Cluster& cluster = context.scenario.cluster;
  const bool isImported = conf && conf->enableIpv6.value && conf->ipv6Network.value;
  if (!cluster.podCIDRIPv6 && !isImported) return;
  const Where where =
      cluster.podCIDRIPv6 ? Where{.place = cluster.podCIDRIPv6->place} : Where{.origin = conf->ipv6Network.origin};
  if (!flavour.reach6) {
    std::string names;
    for (const Flavour& other : Flavours())
      if (other.reach6) names += (names.empty() ? "" : ", ") + std::string(other.name);
    return context.Error(where, "IPv6 with CNI {} is not supported yet (supported: {})", flavour.name, names);
  }
  profile.network6 = cluster.podCIDRIPv6
                         ? cluster.podCIDRIPv6->value
                         : Ipv6Prefix{conf->ipv6Network.value->address, conf->ipv6Network.value->length};
  profile.podCidr6Length = cluster.nodeCIDRMaskSizeIPv6.value;
  if (cluster.nodeCIDRMaskSizeIPv6.place.source == 0 && isImported && conf->ipv6SubnetLen.IsGiven())
    profile.podCidr6Length = static_cast<uint8_t>(conf->ipv6SubnetLen.value);
  if (profile.network6.length == 0) context.Error(where, "the pods' IPv6 addresses cannot be all that there are");
  if (const Tunnel* vxlan = profile.FindTunnel(kernel::LinkKind::Vxlan)) {
    Tunnel tunnel = *vxlan;
    tunnel.device = "flannel-v6." + std::to_string(tunnel.vxlan.vni);  // pkg/backend/vxlan/vxlan.go
    tunnel.isV6 = true;
    tunnel.refusesRouters = true;  // pkg/backend/vxlan/device.go
    profile.tunnels.push_back(std::move(tunnel));
  }
}

}  // namespace

std::optional<CniPlan> ResolveCni(const Context& context) {
  const scenario::Cni& cni = context.scenario.cluster.cni;
  const CniType type = cni.type.value;
  const bool isFlannel = type == CniType::Flannel || type == CniType::Canal;
  const import::FlannelConfig* conf =
      isFlannel && context.imported && context.imported->flannel ? &*context.imported->flannel : nullptr;
  FlannelBackend backend{};
  if (isFlannel) {
    const auto found = BackendOf(context, cni);
    if (!found) return std::nullopt;
    backend = *found;
  }
  CniPlan plan;
  for (const Flavour& flavour : Flavours())
    if (flavour.type == type && flavour.backend == backend) plan.flavour = &flavour;
  if (!plan.flavour) {
    std::string name = scenario::WordOf(type);
    if (isFlannel) name += " with backend \"" + scenario::WordOf(backend) + "\"";
    context.Error(cni.backend && cni.backend->place.source != 0 ? cni.backend->place : cni.type.place, "{}",
                  NotSupported("CNI " + name));
    return std::nullopt;
  }

  Profile& profile = plan.profile = plan.flavour->defaults;
  profile.network = NetworkOf(context, conf).Canonical();
  if (type == CniType::Cilium) {
    if (!ResolveCilium(context, profile)) return std::nullopt;
  } else if (type == CniType::Antrea) {
    ResolveAntrea(context, profile);
  } else if (profile.FindTunnel(kernel::LinkKind::Vxlan)) {
    TakeVxlanSettings(cni, conf, profile);
    Tunnel& tunnel = profile.tunnels.front();
    if (isFlannel) tunnel.device = "flannel." + std::to_string(tunnel.vxlan.vni);
    if (cni.device) tunnel.device = cni.device->value;
  }
  if (backend == FlannelBackend::Wireguard && isFlannel) TakeWireguardSettings(context, conf, profile.tunnels.front());
  if (backend == FlannelBackend::Udp && isFlannel)
    if (auto port = Given(cni.port, conf ? &conf->port : nullptr); port && *port != 0)
      profile.tunnels.front().udpPort = *port;
  if (profile.ipsec) TakeIpsecSettings(context, conf, *profile.ipsec);
  if (conf && !conf->enableIpv4.value)
    context.Error({.origin = conf->enableIpv4.origin}, "a cluster without IPv4 is not supported yet");
  if (type != CniType::Calico) TakeIpv6(context, conf, *plan.flavour, profile);
  if (auto direct = Given(cni.directRouting, conf ? &conf->directRouting : nullptr)) profile.directRouting = *direct;
  if (cni.ipMasq) profile.masquerades = cni.ipMasq->value;
  if (cni.mtu)
    profile.mtu = cni.mtu->value;
  else if (conf && conf->mtu.IsGiven() && conf->mtu.value > 0)  // flannel's key is the outer device's MTU
    profile.mtu = PodMtu(profile, conf->mtu.value);
  if (type == CniType::Calico && !ResolveCalico(context, profile)) return std::nullopt;
  if (type == CniType::Vxlan) {
    profile.isBridged = cni.mode && cni.mode->value == scenario::VxlanFlavour::Bridged;
    profile.hasVtepAddress = !profile.isBridged && cni.nextHop && cni.nextHop->value == scenario::NextHop::Vtep;
    profile.name = profile.isBridged ? "vxlan bridged" : "vxlan routed";
  }
  if (profile.mtu && *profile.mtu < kMinIpv4MtuBytes)
    context.Error(cni.mtu ? Where{.place = cni.mtu->place} : Where{.origin = conf->mtu.origin},
                  "an MTU of {} is too small: IPv4 needs {}", *profile.mtu, kMinIpv4MtuBytes);
  return plan;
}

}  // namespace overlaysim::plan
