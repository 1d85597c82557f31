#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/import/imported_cluster.h"
#include "sim/scenario/scenario.h"

namespace overlaysim::import {

/// What an import took from the files, what it had to assume, and what it left out, for people.
struct ImportReport {
  std::vector<std::string> taken;
  std::vector<std::string> assumed;
  std::vector<std::string> ignored;

  /// "taken    …", one line each.
  std::string Format() const;
};

/// The scenario that these files describe: explicit nodes, pods and CNI settings; what no file says (the network
/// between the nodes) is assumed, and every assumption is in `report`. nullopt, with an error, where the simulator has
/// no model of what the cluster uses.
std::optional<scenario::Scenario> ToScenario(const ImportedCluster& cluster, ImportReport& report,
                                             Diagnostics& diagnostics);

/// The same as a scenario file.
std::optional<std::string> ToScenarioJson(const ImportedCluster& cluster, ImportReport& report,
                                          Diagnostics& diagnostics);

}  // namespace overlaysim::import
