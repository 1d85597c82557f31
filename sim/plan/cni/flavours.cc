#include <algorithm>

#include "sim/plan/cni/flannel.h"
#include "sim/plan/cni/profile.h"
#include "sim/plan/cni/vxlan.h"

namespace overlaysim::plan {

const std::vector<Flavour>& Flavours() {
  static const std::vector<Flavour> flavours = {FlannelVxlan(), FlannelHostGw(), GenericVxlan()};
  return flavours;
}

uint32_t OverlayMtu(const Profile& profile, uint32_t outerMtu) {
  return profile.mtu ? *profile.mtu : outerMtu - std::min(outerMtu, profile.overheadBytes);
}

}  // namespace overlaysim::plan
