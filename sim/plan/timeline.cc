#include "sim/plan/timeline.h"

namespace overlaysim::plan {

void PlanTimeline(const Context& context, ClusterPlan& plan, CompiledPlan* cluster) {
  const EndpointFinder finder(context, plan, cluster);
  PlanTraffic(context, finder, plan);
  PlanEvents(context, finder, plan, cluster);
  PlanExpectations(context, finder, plan);
  PlanCaptures(context, finder, plan, cluster);
}

}  // namespace overlaysim::plan
