#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

Flavour FlannelVxlan();
Flavour FlannelHostGw();
Flavour FlannelIpip();

/// flannel's VXLAN between the nodes, Calico's pods on them: addresses from the node's pod CIDR, cali* veths, no
/// bridge. Source: projectcalico/calico manifests/canal.yaml.
Flavour Canal();

/// Route via the peer's tunnel address (onlink), its permanent neighbour, and the FDB entry of that MAC.
PeerRows ReachByVxlan(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range);

}  // namespace overlaysim::plan
