#pragma once

#include <string>

#include "sim/plan/cluster_plan.h"

namespace overlaysim {

/// plan.json: what every host has configured at the start and what will happen. The same plan always gives the same
/// bytes.
std::string PlanToJson(const ClusterPlan& plan);

/// "node", "pod", "leaf": the role in files.
const char* RoleName(NetnsRole role);

}  // namespace overlaysim
