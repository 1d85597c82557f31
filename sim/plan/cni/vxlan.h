#pragma once

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// An overlay that no product names: a VXLAN device per node and a route per peer, or (mode bridged) the device as a
/// port of the pods' bridge.
Flavour GenericVxlan();

}  // namespace overlaysim::plan
