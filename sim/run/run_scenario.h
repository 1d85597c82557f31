#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/run/event_outcome.h"
#include "sim/run/judge.h"
#include "sim/scenario/load.h"
#include "sim/trace/run_directory.h"

namespace overlaysim {

namespace engine {
class Transport;
}

/// A scenario with all that it reads, planned.
struct LoadedPlan {
  std::unique_ptr<ClusterPlan> plan;
  std::string scenarioPath;
  std::optional<std::string> text;    ///< of the scenario, where it does not come from its file
  std::vector<std::string> sources;   ///< files and settings of the scenario
  std::vector<std::string> imported;  ///< the cluster's own files, and others that the scenario names
};

/// Reads and plans; nullopt with errors in `diagnostics`. `edit` may change what the author wrote before it is planned.
std::optional<LoadedPlan> LoadPlan(const std::string& path, const scenario::LoadOptions& options,
                                   Diagnostics& diagnostics, const std::function<void(scenario::Scenario&)>& edit = {});

/// How far a run is; told now and then.
struct RunProgress {
  Nanoseconds simulated;
  Nanoseconds expectedEnd;  ///< zero: not known
  uint64_t events = 0;
};

struct RunRequest {
  std::filesystem::path root = "runs";
  std::optional<std::filesystem::path> directory;
  bool writeTrace = true;
  bool writeCaptures = true;
  bool takesShortcuts = true;  ///< see host::Network
  /// The processes that run this together, of which all call RunScenario(); null: this one alone. Rank 0 writes the run
  /// directory and judges.
  engine::Transport* ranks = nullptr;
  std::function<void()> onBegin;  ///< all that can be wrong with the input and the output is known
  std::function<void(const RunProgress&)> progress;
};

/// What a person would have seen of one line of traffic.
struct FlowOutput {
  FlowId flow;
  std::string prompt;  ///< "kubectl exec pod-a -- ping -c 3 10.244.2.2"
  std::string output, errorOutput;
  int exit = 0;
};

/// What a run came to.
struct RunOutcome {
  std::filesystem::path directory;
  bool complete = false;  ///< ended by itself
  RunMetrics metrics;
  std::vector<FlowOutput> outputs;  ///< of the first kMaxOutputs that said something
  size_t outputsLeftOut = 0;
  std::vector<EventOutcome> events;
  std::vector<Judgement> judgements;
  VerdictCounts losses;
  std::map<FlowAccount::Crossing, uint64_t> crossings;
  uint64_t fragmented = 0;
  uint64_t frames = 0, records = 0;
  std::vector<std::string> unaccounted;  ///< see host::FindUnaccounted(); not empty: we have lost packets
  static constexpr size_t kMaxOutputs = 10;

  bool AllHeld() const;
};

/// Runs the plan and leaves a run directory. nullopt and `error` when a file cannot be written or a capture filter is
/// wrong.
std::optional<RunOutcome> RunScenario(LoadedPlan& loaded, const RunRequest& request, std::string& error);

/// Why a capture filter of the plan is none; "": all are right.
std::string CheckFilters(const ClusterPlan& plan);

struct CaptureOutcome {
  uint64_t frames = 0;
  bool complete = false;
};
/// Runs the plan and writes its captures into one file, and nothing else.
std::optional<CaptureOutcome> RunCapture(const ClusterPlan& plan, const std::filesystem::path& file,
                                         const std::function<void(const RunProgress&)>& progress, std::string& error);

/// Ends the run that is under way before its next event, with readable files. May be called from a signal handler.
void InterruptRun();

}  // namespace overlaysim
