#pragma once

#include <functional>
#include <optional>

#include "sim/plan/cluster_plan.h"

namespace overlaysim {

/// Runs the plan without leaving anything behind, up to a time (left out: to its end), and shows a namespace as it is
/// then.
void ShowTablesAt(ClusterPlan& plan, std::optional<Nanoseconds> at, NetnsId id,
                  const std::function<void(const kernel::Namespace& ns, Nanoseconds now)>& show);

}  // namespace overlaysim
