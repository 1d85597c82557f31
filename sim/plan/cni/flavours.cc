#include <algorithm>

#include "sim/plan/cni/antrea.h"
#include "sim/plan/cni/calico.h"
#include "sim/plan/cni/cilium.h"
#include "sim/plan/cni/flannel.h"
#include "sim/plan/cni/profile.h"
#include "sim/plan/cni/vxlan.h"

namespace overlaysim::plan {

const std::vector<Flavour>& Flavours() {
  static const std::vector<Flavour> flavours = {FlannelVxlan(), FlannelHostGw(), FlannelIpip(), FlannelWireguard(),
                                                FlannelUdp(),   FlannelIpsec(),  Canal(),       Calico(),
                                                Cilium(),       Antrea(),        GenericVxlan()};
  return flavours;
}

const Tunnel* Profile::FindTunnel(kernel::LinkKind kind, bool isV6) const {
  auto it =
      std::find_if(tunnels.begin(), tunnels.end(), [&](const Tunnel& t) { return t.kind == kind && t.isV6 == isV6; });
  return it == tunnels.end() ? nullptr : &*it;
}

int TunnelIfindex(const Profile& profile, const NodeView& self, kernel::LinkKind kind, bool isV6) {
  const Tunnel* tunnel = profile.FindTunnel(kind, isV6);
  return tunnel ? self.firstTunnelIfindex + static_cast<int>(tunnel - profile.tunnels.data()) : 0;
}

uint32_t DeviceMtu(const Profile& profile, uint32_t outerMtu) { return profile.mtu.value_or(outerMtu); }

uint32_t TunnelMtu(const Profile& profile, const Tunnel& tunnel, uint32_t outerMtu) {
  if (profile.mtuOnRoutes) return DeviceMtu(profile, outerMtu) - (tunnel.isAroundOthers ? tunnel.overheadBytes : 0);
  if (tunnel.mtu) return *tunnel.mtu;
  return profile.mtu ? *profile.mtu : outerMtu - std::min(outerMtu, tunnel.overheadBytes);
}

uint32_t PodMtu(const Profile& profile, uint32_t outerMtu) {
  if (profile.mtuOnRoutes) {
    const uint32_t mtu = DeviceMtu(profile, outerMtu);
    return mtu - std::min(mtu, LargestOverhead(profile));
  }
  if (profile.mtu) return *profile.mtu;
  uint32_t mtu = outerMtu;
  for (const Tunnel& tunnel : profile.tunnels) mtu = std::min(mtu, TunnelMtu(profile, tunnel, outerMtu));
  if (profile.ipsec) mtu -= std::min(mtu, profile.ipsec->overheadBytes);
  return mtu;
}

uint32_t LargestOverhead(const Profile& profile) {
  uint32_t bytes = profile.ipsec ? profile.ipsec->overheadBytes : 0;
  for (const Tunnel& tunnel : profile.tunnels)
    if (!tunnel.isAroundOthers) bytes = std::max(bytes, tunnel.overheadBytes);
  for (const Tunnel& tunnel : profile.tunnels)
    if (tunnel.isAroundOthers) bytes += tunnel.overheadBytes;
  return bytes;
}

}  // namespace overlaysim::plan
