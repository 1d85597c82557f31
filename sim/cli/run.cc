#include <fmt/format.h>

#include <memory>

#include "sim/cli/planned.h"
#include "sim/cli/ranks.h"
#include "sim/run/summary.h"

namespace overlaysim::cli {
namespace {

struct RunArguments {
  ScenarioArguments scenario;
  std::string out;
  bool noTrace = false, noCapture = false, exact = false, progress = false;
  bool json = false;
};

/// Of several processes one speaks.
std::optional<LoadedPlan> LoadQuietly(const ScenarioArguments& arguments) {
  Diagnostics ignored;
  return LoadPlan(arguments.path, arguments.load, ignored);
}

int RunAs(const RunArguments& arguments, engine::Transport* ranks) {
  const bool speaks = !ranks || ranks->Rank() == 0;
  auto loaded = speaks ? Load(arguments.scenario) : LoadQuietly(arguments.scenario);
  if (!loaded) return kUsage;
  const ClusterPlan& plan = *loaded->plan;
  if (plan.workloads.empty() && plan.events.empty() && plan.expectations.empty())
    return !speaks ? kNothingRan
                   : Complain(kNothingRan,
                              "the scenario has no traffic, no events and no expectations: there is nothing to run");
  RunRequest request;
  request.ranks = ranks;
  if (!arguments.out.empty()) request.directory = arguments.out;
  request.writeTrace = !arguments.noTrace;
  request.writeCaptures = !arguments.noCapture;
  request.takesShortcuts = !arguments.exact;
  if (!arguments.json && speaks)
    request.onBegin = [&plan] {
      fmt::print("{}", UnderstoodLine(plan));
      std::fflush(stdout);
    };
  if (speaks) request.progress = arguments.progress ? ProgressLines() : TerminalProgress();
  std::string error;
  std::optional<RunOutcome> outcome;
  {
    InterruptGuard guard;
    outcome = RunScenario(*loaded, request, error);
  }
  if (!speaks) return !outcome ? kUsage : outcome->complete ? kOk : kInterrupted;
  EndTerminalProgress();
  if (!outcome) return Complain(kUsage, error);
  fmt::print("{}", arguments.json ? SummaryJson(plan, *outcome) : SummaryText(plan, *outcome));
  if (!outcome->unaccounted.empty())
    return Complain(kInternal, fmt::format("internal error: {}\nPlease report this with the scenario.",
                                           fmt::join(outcome->unaccounted, "; ")));
  if (!outcome->complete) return kInterrupted;
  return outcome->AllHeld() ? kOk : kFailed;
}

int Run(const RunArguments& arguments) {
  const auto ranks = JoinRanks();
  if (!ranks) return kNothingRan;
  try {
    return RunAs(arguments, ranks->get());
  } catch (const engine::RankLost& lost) {
    return Complain(kInternal, lost.what());
  }
}

}  // namespace

void AddRun(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(
      program, "run", "Run a scenario, packet by packet, and leave a run directory.",
      {"run scenarios/tutorial/two-nodes.json", "run staging.json --set underlay.spines=4 --out runs/four-spines",
       "run large.json --no-trace -o json | jq .delivered"});
  auto arguments = std::make_shared<RunArguments>();
  arguments->scenario.AddTo(*verb);
  verb->add_option("--out", arguments->out, "the run directory (default: one under runs/, named for the inputs)")
      ->type_name("DIR");
  verb->add_flag("--no-trace", arguments->noTrace,
                 "do not write trace.bin: faster, and no look at single packets later");
  verb->add_flag("--no-capture", arguments->noCapture, "write no frames into packets.pcapng");
  verb->add_flag("--exact", arguments->exact,
                 "send each packet the whole way, although flow caches change no result: slower");
  verb->add_flag("--progress", arguments->progress,
                 "tell a program how far the run is: lines of JSON on standard error");
  AddFormat(*verb, arguments->json, "text");
  verb->callback([arguments, &run] { run = [arguments] { return Run(*arguments); }; });
}

}  // namespace overlaysim::cli
