#include "sim/plan/recorded_packets.h"

#include <fmt/format.h>

#include <vector>

#include "sim/base/random.h"
#include "sim/plan/timeline.h"

namespace overlaysim {

bool RecordedPackets::Has(uint64_t journey, uint32_t flow) const {
  if (!ofFlows.empty() && (flow >= ofFlows.size() || !ofFlows[flow])) return false;
  return oneOf == 1 || RandomStream(seed, "recorded", journey).Below(oneOf) == 0;
}

namespace plan {

void PlanRecorded(const Context& context, const EndpointFinder& finder, ClusterPlan& plan) {
  if (!context.scenario.trace) return;
  const scenario::TraceSelection& written = *context.scenario.trace;
  RecordedPackets& recorded = plan.recorded;
  recorded.seed = plan.seed;
  recorded.oneOf = written.sample.value;
  if (written.sample.value > 1) recorded.text = fmt::format("one packet of {}", written.sample.value);
  const auto restrict = [&](const scenario::OptionalText& ends, const char* word, NetnsId Workload::*end) {
    if (!ends) return;
    recorded.text += fmt::format("{}{} {}", recorded.text.empty() ? "packets of traffic " : " ", word, ends->value);
    std::vector<bool> isOne(plan.NetnsCount());
    for (const Endpoint& endpoint : finder.Find(*ends, false)) isOne[endpoint.netns.value] = true;
    recorded.ofFlows.resize(plan.workloads.size(), true);
    for (const Workload& workload : plan.workloads) {
      const NetnsId at = workload.*end;
      if (at.IsNone() || !isOne[at.value]) recorded.ofFlows[workload.id.value] = false;
    }
  };
  restrict(written.from, "from", &Workload::from);
  restrict(written.to, "to", &Workload::to);
}

}  // namespace plan
}  // namespace overlaysim
