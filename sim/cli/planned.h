#pragma once

#include <functional>
#include <optional>

#include "sim/cli/verbs.h"
#include "sim/run/run_scenario.h"

namespace overlaysim::cli {

/// Reads and plans the scenario. On standard error: all problems, or what its author should know. nullopt after errors.
std::optional<LoadedPlan> Load(const ScenarioArguments& arguments,
                               const std::function<void(scenario::Scenario&)>& edit = {});

/// The namespace of that name; none, with a message that suggests others, when there is none.
NetnsId FindNamespace(const ClusterPlan& plan, const std::string& name);

/// While it lives, Ctrl+C and SIGTERM end the run that is under way with readable files.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
};

/// Shows how far a run is, on a terminal only.
std::function<void(const RunProgress&)> TerminalProgress();
/// Tells a program how far a run is, five times a second on standard error: {"simulatedNs":1000,"expectedEndNs":2000,
/// "events":17}, one line each; expectedEndNs is 0 where it is not known.
std::function<void(const RunProgress&)> ProgressLines();
/// Clears what TerminalProgress() has shown.
void EndTerminalProgress();

}  // namespace overlaysim::cli
