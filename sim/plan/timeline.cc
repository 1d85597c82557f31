#include "sim/plan/timeline.h"

namespace overlaysim::plan {

void PlanTimeline(const Context& context, ClusterPlan& plan, CompiledPlan* cluster) {
  const EndpointFinder finder(context, plan, cluster);
  PlanAgents(context, plan, cluster);
  PlanTraffic(context, finder, plan, cluster);
  PlanEvents(context, finder, plan, cluster);
  PlanExpectations(context, finder, plan);
  PlanRecorded(context, finder, plan);
  DelayUntilPodsAreReady(context, plan, cluster);
  PlanCaptures(context, finder, plan, cluster);
}

}  // namespace overlaysim::plan
