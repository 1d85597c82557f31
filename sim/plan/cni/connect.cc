#include "sim/plan/cni/connect.h"

namespace overlaysim::plan {

void ConnectToBridge(const Profile& profile, const PodAttachment& pod, kernel::Namespace* host,
                     kernel::Namespace* inside) {
  if (host) {
    kernel::Link& veth = host->AddLink({.ifindex = pod.vethIfindex,
                                        .name = pod.vethName,
                                        .kind = kernel::LinkKind::Veth,
                                        .address = pod.vethMac,
                                        .addressSet = true,
                                        .mtu = pod.mtu,
                                        .peerNetns = pod.podNetns,
                                        .peerIfindex = pod.podIfindex});
    host->SetLinkMaster(veth.ifindex, pod.bridgeIfindex);
    veth.port.hairpin = true;
    host->SetLinkUp(veth.ifindex, true, {});
  }
  if (inside) {
    kernel::Link& eth0 = inside->AddLink({.ifindex = pod.podIfindex,
                                          .name = "eth0",
                                          .kind = kernel::LinkKind::Veth,
                                          .address = pod.podMac,
                                          .addressSet = true,
                                          .mtu = pod.mtu,
                                          .peerNetns = pod.nodeNetns,
                                          .peerIfindex = pod.vethIfindex});
    inside->SetLinkUp(eth0.ifindex, true, {});
    inside->AddAddress({.ifindex = eth0.ifindex, .local = pod.address, .prefixLength = pod.prefixLength});
    const kernel::NextHop gateway{.gateway = pod.gateway, .ifindex = eth0.ifindex};
    inside->AddRoute({.dst = {}, .nextHops = {gateway}}, kernel::Namespace::kCreate);
    if (profile.network.length < pod.prefixLength)
      inside->AddRoute({.dst = profile.network, .nextHops = {gateway}}, kernel::Namespace::kCreate);
  }
}

}  // namespace overlaysim::plan
