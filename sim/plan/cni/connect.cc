#include "sim/plan/cni/connect.h"

#include <fmt/format.h>

namespace overlaysim::plan {

kernel::Link& AddHostEnd(const PodAttachment& pod, MacAddress mac, kernel::Namespace& host) {
  return host.AddLink({.ifindex = pod.vethIfindex,
                       .name = pod.vethName,
                       .kind = kernel::LinkKind::Veth,
                       .address = mac,
                       .addressSet = true,
                       .mtu = pod.deviceMtu,
                       .peerNetns = pod.podNetns,
                       .peerIfindex = pod.podIfindex});
}

void AddPodEnd(const PodAttachment& pod, uint8_t prefixLength, kernel::Namespace& inside) {
  kernel::Link& eth0 = inside.AddLink({.ifindex = pod.podIfindex,
                                       .name = "eth0",
                                       .kind = kernel::LinkKind::Veth,
                                       .address = pod.podMac,
                                       .addressSet = true,
                                       .mtu = pod.deviceMtu,
                                       .peerNetns = pod.nodeNetns,
                                       .peerIfindex = pod.vethIfindex});
  inside.SetLinkUp(eth0.ifindex, true, {});
  inside.AddAddress({.ifindex = eth0.ifindex, .local = pod.address, .prefixLength = prefixLength});
}

void ConnectToBridge(const Profile& profile, const PodAttachment& pod, kernel::Namespace* host,
                     kernel::Namespace* inside) {
  if (host) {
    kernel::Link& veth = AddHostEnd(pod, pod.vethMac, *host);
    host->SetLinkMaster(veth.ifindex, pod.bridgeIfindex);
    veth.port.hairpin = true;
    host->SetLinkUp(veth.ifindex, true, {});
  }
  if (inside) {
    AddPodEnd(pod, pod.prefixLength, *inside);
    const kernel::NextHop gateway{.gateway = pod.gateway, .ifindex = pod.podIfindex};
    inside->AddRoute({.dst = {}, .nextHops = {gateway}}, kernel::Namespace::kCreate);
    if (profile.network.length < pod.prefixLength)
      inside->AddRoute({.dst = profile.network, .nextHops = {gateway}}, kernel::Namespace::kCreate);
    if (pod.address6.IsZero()) return;
    kernel::Ipv6Tables& ipv6 = inside->Ipv6();
    ipv6.AddAddress({.ifindex = pod.podIfindex, .local = pod.address6, .prefixLength = pod.prefixLength6});
    const kernel::NextHop6 gateway6{.gateway = pod.gateway6, .ifindex = pod.podIfindex};
    ipv6.AddRoute({.dst = {}, .nextHops = {gateway6}}, kernel::Namespace::kCreate);
    if (profile.network6.length < pod.prefixLength6)
      ipv6.AddRoute({.dst = profile.network6, .nextHops = {gateway6}}, kernel::Namespace::kCreate);
  }
}

void ConnectByProxyArp(const Profile&, const PodAttachment& pod, kernel::Namespace* host, kernel::Namespace* inside) {
  constexpr Ipv4Address kGateway{0xa9fe0101};                                     // 169.254.1.1
  const Ipv6Address gateway6 = *Ipv6Address::Parse("fe80::ecee:eeff:feee:eeee");  // the host's end's, by its MAC
  const bool hasIpv6 = !pod.address6.IsZero();
  if (host) {
    AddHostEnd(pod, MacAddress::FromUint64(0xeeeeeeeeeeee), *host);
    const std::string conf = "net.ipv4.conf." + pod.vethName + ".";
    host->SetSysctl("net.ipv4.neigh." + pod.vethName + ".proxy_delay", "0");
    for (const char* key : {"proxy_arp", "forwarding", "route_localnet", "rp_filter"}) host->SetSysctl(conf + key, "1");
    host->SetLinkUp(pod.vethIfindex, true, {});
    host->AddRoute({.dst = {pod.address, 32}, .scope = kernel::kScopeLink, .nextHops = {{.ifindex = pod.vethIfindex}}},
                   kernel::Namespace::kCreate);
    if (!hasIpv6) return;
    for (const auto& [key, value] : {std::pair{"proxy_ndp", "1"}, {"forwarding", "1"}, {"accept_ra", "0"}})
      host->SetSysctl(fmt::format("net.ipv6.conf.{}.{}", pod.vethName, key), value);
    host->Ipv6().AddRoute({.dst = {pod.address6, Ipv6Address::kBits}, .nextHops = {{.ifindex = pod.vethIfindex}}},
                          kernel::Namespace::kCreate);
  }
  if (inside) {
    AddPodEnd(pod, 32, *inside);
    inside->AddRoute({.dst = {kGateway, 32}, .scope = kernel::kScopeLink, .nextHops = {{.ifindex = pod.podIfindex}}},
                     kernel::Namespace::kCreate);
    inside->AddRoute({.dst = {}, .nextHops = {{.gateway = kGateway, .ifindex = pod.podIfindex}}},
                     kernel::Namespace::kCreate);
    if (!hasIpv6) return;
    inside->Ipv6().AddAddress({.ifindex = pod.podIfindex, .local = pod.address6, .prefixLength = Ipv6Address::kBits});
    inside->Ipv6().AddRoute({.dst = {}, .nextHops = {{.gateway = gateway6, .ifindex = pod.podIfindex}}},
                            kernel::Namespace::kCreate);
  }
}

}  // namespace overlaysim::plan
