#include "sim/plan/cni/vxlan.h"

#include "sim/plan/cni/connect.h"
#include "sim/plan/cni/flannel.h"

namespace overlaysim::plan {
namespace {

PeerRows Reach(const Profile& profile, const NodeView& self, const Vtep& peer) {
  // Bridged: no routes; which pod is where is learnt, or written per pod (PeerView).
  return profile.isBridged ? PeerRows{} : ReachByTunnel(self, peer);
}

}  // namespace

Flavour GenericVxlan() {
  Profile profile{
      .name = "vxlan",
      .device = "vxlan0",
      .bridge = "cni0",
      .overheadBytes = kVxlanOverheadBytes,
  };
  profile.vxlan.vni = 1;
  profile.vxlan.dstPort = 4789;    // IANA: RFC 7348 section 8.1
  profile.vxlan.learning = false;  // all entries are written
  return {.type = scenario::CniType::Vxlan,
          .backend = {},
          .name = "vxlan",
          .defaults = profile,
          .connectPod = ConnectToBridge,
          .reach = Reach};
}

}  // namespace overlaysim::plan
