#pragma once

#include <string>

#include "sim/run/run_scenario.h"

namespace overlaysim {

/// What a person wants to know at the end of a run.
std::string SummaryText(const ClusterPlan& plan, const RunOutcome& outcome);
/// The same facts for a program.
std::string SummaryJson(const ClusterPlan& plan, const RunOutcome& outcome);

/// The first line: what was understood.
std::string UnderstoodLine(const ClusterPlan& plan);

}  // namespace overlaysim
