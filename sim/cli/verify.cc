#include "sim/verify/verify.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "sim/cli/planned.h"

namespace overlaysim::cli {
namespace {

struct VerifyArguments {
  ScenarioArguments scenario;
  verify::VerifyOptions options;
};

int Verify(const VerifyArguments& arguments) {
  const auto loaded = Load(arguments.scenario);
  if (!loaded) return kUsage;
  if (loaded->plan->workloads.empty() && loaded->plan->events.empty())
    return Complain(kNothingRan, "the scenario has no traffic and no events: there is nothing to compare");
  const auto verdict = verify::Verify(*loaded->plan, arguments.options, [](const std::string& text) {
    fmt::print("{}", text);
    std::fflush(stdout);
  });
  switch (verdict) {
    case verify::VerifyVerdict::Alike:
      return kOk;
    case verify::VerifyVerdict::Different:
      return kFailed;
    case verify::VerifyVerdict::Refused:
      return kUsage;
    case verify::VerifyVerdict::NothingRan:
      return kNothingRan;
    case verify::VerifyVerdict::Failed:
      break;
  }
  return kInternal;
}

}  // namespace

void AddVerify(CLI::App& program, Action& run) {
  CLI::App* verb =
      AddVerb(program, "verify",
              "Run a scenario on this machine's own kernel too, in namespaces of its own, and compare "
              "every frame. Needs root.",
              {"verify scenarios/tutorial/two-nodes.json", "verify scenarios/behaviour/stale-fdb.json --everywhere"});
  auto arguments = std::make_shared<VerifyArguments>();
  arguments->scenario.AddTo(*verb);
  verb->add_flag("--everywhere", arguments->options.everywhere,
                 "compare at every device, not only where the scenario captures");
  verb->add_option("--show", arguments->options.shown, "how many differing frames to print of each device")
      ->capture_default_str();
  verb->callback([arguments, &run] { run = [arguments] { return Verify(*arguments); }; });
}

}  // namespace overlaysim::cli
