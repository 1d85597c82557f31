#include "sim/run/tables_at.h"

#include "models/host/stack.h"
#include "sim/run/simulation.h"

namespace overlaysim {

void ShowTablesAt(ClusterPlan& plan, std::optional<Nanoseconds> at, NetnsId id,
                  const std::function<void(const kernel::Namespace& ns, Nanoseconds now)>& show) {
  if (at) plan.duration = *at;
  Simulation simulation(plan);
  simulation.Run();
  show(simulation.Net().Get(id).Ns(), simulation.EndedAt());
}

}  // namespace overlaysim
