#pragma once

#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/verify/plan_commands.h"

namespace overlaysim::verify {

/// What this machine lacks to carry out these commands and the plan's own: root's rights, programs. Each is a line with
/// what helps.
std::vector<std::string> MissingOnThisMachine(const ClusterPlan& plan, const std::vector<PlanCommand>& commands);

/// What its kernel lacks: kinds of devices, bridge netfilter. To be asked inside RunIsolated().
std::vector<std::string> MissingInKernel(const ClusterPlan& plan);

/// "6.18.44"
std::string KernelRelease();

/// What is known to differ between that kernel and the one that the models follow; empty for that one and later ones.
std::vector<std::string> KnownDifferences(const std::string& release);

}  // namespace overlaysim::verify
