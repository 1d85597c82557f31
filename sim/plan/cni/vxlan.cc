#include "sim/plan/cni/vxlan.h"

#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/flannel.h"

namespace overlaysim::plan {
namespace {

PeerRows Reach(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range) {
  // Bridged: no routes; which pod is where is learnt, or written per pod (PeerView).
  return profile.isBridged ? PeerRows{} : ReachByVxlan(profile, self, peer, range);
}

}  // namespace

Flavour GenericVxlan() {
  Profile profile{
      .name = "vxlan",
      .tunnels = {{.device = "vxlan0", .overheadBytes = kVxlanOverheadBytes}},
      .bridge = "cni0",
  };
  kernel::VxlanOptions& vxlan = profile.tunnels.front().vxlan;
  vxlan.vni = 1;
  vxlan.dstPort = 4789;    // IANA: RFC 7348 section 8.1
  vxlan.learning = false;  // all entries are written
  return {.type = scenario::CniType::Vxlan,
          .backend = {},
          .name = "vxlan",
          .defaults = profile,
          .connectPod = ConnectToBridge,
          .reach = Reach};
}

}  // namespace overlaysim::plan
