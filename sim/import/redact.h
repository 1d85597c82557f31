#pragma once

#include "sim/import/imported_cluster.h"

namespace overlaysim::import {

/// The same cluster without what says whose it is. Names become node1, pod1, ns1, zone1, … in the order in which they
/// first stand; label keys other than Kubernetes' own become label1, …; MAC addresses 02:00:00:…; keys are cut out.
/// Addresses keep their relations and nothing else: two that shared N leading bits share N afterwards, their order
/// stays, and so do the last 8 bits of IPv4 (16 of IPv6); the rest is made of constants. The same input gives the same
/// output.
ImportedCluster Redact(const ImportedCluster& cluster);

}  // namespace overlaysim::import
