#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// Antrea in mode encap: pods on Open vSwitch's br-int, the nodes joined by Geneve or VXLAN.
Flavour Antrea();

/// The settings of the scenario in place of the defaults.
void ResolveAntrea(const Context& context, Profile& profile);

}  // namespace overlaysim::plan
