#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/plan/context.h"

namespace overlaysim::plan {

/// A topology that commands build: all its namespaces run on one kernel.
class LabPlan final : public ClusterPlan {
 public:
  /// Null, with errors, if a command fails.
  static std::unique_ptr<LabPlan> Build(const Context& context);

  size_t NetnsCount() const override { return m_machine.Size(); }
  NetnsInfo Info(NetnsId id) const override;
  std::unique_ptr<kernel::Namespace> Materialise(NetnsId id) const override;
  NetnsId Find(std::string_view name) const override;
  NetnsId FindByAddress(const IpAddress& ip) const override;
  std::vector<kernel::Route> UnderlayRoutes(NetnsId, uint32_t) const override { return {}; }

 private:
  kernel::Machine m_machine;  ///< after the commands
  std::vector<std::string> m_netns;
  std::vector<std::string> m_commands;  ///< carried out again for each namespace that is handed out: labs are small
};

}  // namespace overlaysim::plan
