#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

Flavour FlannelVxlan();
Flavour FlannelHostGw();

/// Route via the peer's tunnel address (onlink), its permanent neighbour, and the FDB entry of that MAC.
PeerRows ReachByVxlan(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range);

}  // namespace overlaysim::plan
