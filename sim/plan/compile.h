#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/import/imported_cluster.h"
#include "sim/plan/cluster_plan.h"
#include "sim/scenario/scenario.h"

namespace overlaysim {

/// Reads the cluster's own files that a scenario names; import::ImportFiles in programs.
using ClusterLoader = std::function<import::ImportedCluster(const std::vector<std::string>& paths, Diagnostics&)>;

/// Works out what every host has configured and what will happen. The scenario has its constant defaults filled in, as
/// LoadScenario and FillDefaults leave it. All mistakes of the author go to `diagnostics`; null if
/// there is any. `load` is called at most once, and only if the scenario imports something.
std::unique_ptr<ClusterPlan> CompilePlan(const scenario::Scenario& scenario, const ClusterLoader& load,
                                         Diagnostics& diagnostics);

}  // namespace overlaysim
