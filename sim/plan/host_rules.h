#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/plan/compiled_plan.h"
#include "sim/plan/context.h"

namespace overlaysim::plan {

/// Where a text of rules is wrong.
struct HostRulesProblem {
  size_t line = 0, column = 0, length = 1;  ///< from 1
  std::string text;
};

/// Lets a text take effect: all of it, or as much as its program does when it finds a mistake.
std::optional<HostRulesProblem> CarryHostRules(kernel::Namespace& ns, const HostRules& rules);

/// The texts of a node's firewall, from the scenario or from the files that it names, tried out on `ns`. Mistakes go to
/// the context's diagnostics, with their place.
std::vector<HostRules> ReadHostRules(const Context& context, const scenario::Firewall& firewall, kernel::Namespace& ns);

}  // namespace overlaysim::plan
