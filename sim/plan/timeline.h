#pragma once

#include "sim/plan/endpoints.h"

namespace overlaysim::plan {

/// Everything that happens: fills in workloads, events, captures and expectations of the plan. `cluster` is the same
/// plan, or null for a lab.
void PlanTimeline(const Context& context, ClusterPlan& plan, CompiledPlan* cluster);

// Its parts.
void PlanTraffic(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster);
/// What the CNI's agents do when; nothing, and all is in force always, unless the scenario wants it otherwise.
void PlanAgents(const Context& context, ClusterPlan& plan, CompiledPlan* cluster);
/// A pod does not run before its node's agent lets it.
void DelayUntilPodsAreReady(const Context& context, ClusterPlan& plan, const CompiledPlan* cluster);
void PlanEvents(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, CompiledPlan* cluster);
void PlanCaptures(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster);
/// After the traffic, that of expectations included.
void PlanRecorded(const Context& context, const EndpointFinder& finder, ClusterPlan& plan);
void PlanExpectations(const Context& context, const EndpointFinder& finder, ClusterPlan& plan);

}  // namespace overlaysim::plan
