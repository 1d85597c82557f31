#pragma once

#include "sim/plan/endpoints.h"

namespace overlaysim::plan {

/// Everything that happens: fills in workloads, events, captures and expectations of the plan. `cluster` is the same
/// plan, or null for a lab.
void PlanTimeline(const Context& context, ClusterPlan& plan, CompiledPlan* cluster);

// Its parts.
void PlanTraffic(const Context& context, const EndpointFinder& finder, ClusterPlan& plan);
void PlanEvents(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, CompiledPlan* cluster);
void PlanCaptures(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster);
void PlanExpectations(const Context& context, const EndpointFinder& finder, ClusterPlan& plan);

}  // namespace overlaysim::plan
