#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

Flavour FlannelVxlan();
Flavour FlannelHostGw();
Flavour FlannelIpip();
Flavour FlannelWireguard();
Flavour FlannelUdp();
Flavour FlannelIpsec();

/// flannel's VXLAN between the nodes, Calico's pods on them: addresses from the node's pod CIDR, cali* veths, no
/// bridge. Source: projectcalico/calico manifests/canal.yaml.
Flavour Canal();

/// The peer of a wireguard device that a node is: all of its pods' addresses, at the profile's port.
kernel::TunnelPeer WireguardPeerOf(const Profile& profile, const Vtep& peer);

/// Route via the peer's tunnel address (onlink), its permanent neighbour, and the FDB entry of that MAC.
PeerRows ReachByVxlan(const Profile& profile, const NodeView& self, const Vtep& peer, const PodRange& range);
/// The same for IPv6, where the tunnel's address is the first of the node's pod addresses.
PeerRows6 ReachByVxlan6(const Profile& profile, const NodeView& self, const Vtep& peer);

}  // namespace overlaysim::plan
