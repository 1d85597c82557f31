#pragma once

#include "sim/import/imported_cluster.h"

namespace overlaysim::import {

/// What no real cluster can be, or what would be simulated wrongly, each with its place. Errors: overlapping pod CIDRs,
/// an address held by two nodes or two living pods, pods on unknown nodes. Warnings: pods outside their node's pod
/// CIDR, nodes without one, pod CIDRs outside flannel's Network, one VtepMAC on two nodes (a cloned machine).
void CheckCluster(const ImportedCluster& cluster, Diagnostics& diagnostics);

}  // namespace overlaysim::import
