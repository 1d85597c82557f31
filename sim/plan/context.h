#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/import/imported_cluster.h"
#include "sim/scenario/scenario.h"

namespace overlaysim::plan {

/// Where something of the plan stands: in the scenario, or in one of the cluster's own files.
struct Where {
  scenario::Place place;
  import::Origin origin;
};

/// What all steps of the compiler need.
struct Context {
  const scenario::Scenario& scenario;
  Diagnostics& diagnostics;
  const import::ImportedCluster* imported = nullptr;  ///< null: the scenario imports nothing

  SourcePlace PlaceOf(const Where& where) const {
    return imported && where.origin.IsGiven() ? imported->PlaceOf(where.origin) : scenario.PlaceOf(where.place);
  }
  template <typename... Args>
  void Error(const Where& where, fmt::format_string<Args...> format, Args&&... args) const {
    diagnostics.Error(PlaceOf(where), fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void Error(const scenario::Place& place, fmt::format_string<Args...> format, Args&&... args) const {
    diagnostics.Error(scenario.PlaceOf(place), fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void Note(const Where& where, fmt::format_string<Args...> format, Args&&... args) const {
    diagnostics.Note(PlaceOf(where), fmt::format(format, std::forward<Args>(args)...));
  }
};

/// `; did you mean "x"?`, or the accepted names where there are few, or nothing: the end of a message about an unknown
/// name.
std::string Suggestion(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace overlaysim::plan
