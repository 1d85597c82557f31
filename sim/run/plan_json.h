#pragma once

#include "sim/plan/cluster_plan.h"
#include "sim/trace/files.h"

namespace overlaysim {

/// Writes plan.json: what every host has configured at the start and what will happen. The same plan always gives the
/// same bytes.
void WritePlan(const ClusterPlan& plan, OutputFile& file);

/// "node", "pod", "leaf": the role in files.
const char* RoleName(NetnsRole role);

}  // namespace overlaysim
