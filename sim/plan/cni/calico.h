#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// Calico with its own address management: routed pods, a block of addresses at a time for each node, and the tunnel
/// that the pool of an address asks for.
Flavour Calico();

/// The settings of the scenario and of the cluster's own files in place of the defaults: pools, tunnels, MTU. False,
/// with errors, if they do not fit.
bool ResolveCalico(const Context& context, Profile& profile);

/// Which nodes have a BGP session, and so whose routes; after all nodes have their addresses.
void ResolveBgp(const Context& context, const Cluster& cluster, Profile& profile);

/// Gives out blocks, the addresses of tunnel devices and those of pods, as Calico's IPAM does: a node takes addresses
/// from its blocks, then claims a new block, and borrows single addresses from other nodes' blocks when there is none
/// left. Source: libcalico-go/lib/ipam/ipam.go, AutoAssign().
void AssignFromPools(const Context& context, const Profile& profile, Cluster& cluster);

}  // namespace overlaysim::plan
