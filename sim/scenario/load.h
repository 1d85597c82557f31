#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/scenario/scenario.h"

namespace overlaysim::scenario {

struct LoadOptions {
  std::vector<std::string> set;  ///< --set: "underlay.spines=4", "traffic.0.count=5"; the value is JSON, else a string
  std::vector<std::string> var;  ///< --var: "load=60%"
  std::optional<std::string> text;  ///< stands for the content of the scenario's file, which need not be there
  /// Answers what could be read although there are errors, so that checks which need no more can go on.
  bool keepGoing = false;
};

/// Reads a scenario file with what it includes. All problems go to `diagnostics`; nullopt if there are errors
/// (with keepGoing: if nothing could be read).
std::optional<Scenario> LoadScenario(const std::string& path, const LoadOptions& options, Diagnostics& diagnostics);

/// The same for text in memory; `name` stands for the path in messages and is where relative paths start.
std::optional<Scenario> LoadScenarioText(std::string_view text, const std::string& name, const LoadOptions& options,
                                         Diagnostics& diagnostics);

/// Fills in the constant defaults that depend on a type (of CNI, of traffic), as reading a file does.
void FillDefaults(Scenario& scenario);

/// A scenario file that says what `scenario` says, without what would be the default anyway.
std::string ToJson(const Scenario& scenario);

/// The whole scenario as understood, defaults included, each value with its origin as a comment; can be read again.
std::string ResolvedText(const Scenario& scenario);

/// The JSON Schema (draft-07) of scenario files.
std::string SchemaText();

/// The reference part of docs/scenario-format.md (Markdown).
std::string ReferenceText();

}  // namespace overlaysim::scenario
