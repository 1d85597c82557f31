#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// Cilium with its own address management (cluster-pool): pods routed by eBPF, the nodes joined by an external vxlan or
/// geneve device, or by plain routes.
Flavour Cilium();

/// The settings of the scenario and of the cluster's own files in place of the defaults. False, with errors, if they do
/// not fit.
bool ResolveCilium(const Context& context, Profile& profile);

}  // namespace overlaysim::plan
