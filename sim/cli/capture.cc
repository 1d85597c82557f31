#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "sim/cli/planned.h"

namespace overlaysim::cli {
namespace {

struct CaptureArguments {
  ScenarioArguments scenario;
  std::vector<std::string> on, filter;
  std::string file;
};

int Capture(const CaptureArguments& arguments) {
  const bool toOutput = arguments.file.empty() || arguments.file == "-";
  if (toOutput && isatty(STDOUT_FILENO))
    return Complain(kUsage, "say where to write: -w FILE.pcapng, or pipe it into a reader: | tcpdump -r -");
  const auto loaded = Load(arguments.scenario, [&](scenario::Scenario& s) {
    s.capture.clear();
    s.expect.clear();
    for (const std::string& on : arguments.on) {
      scenario::Capture capture;
      capture.on = scenario::Text(on);
      capture.filter = scenario::Text(fmt::format("{}", fmt::join(arguments.filter, " ")));
      s.capture.push_back(std::move(capture));
    }
  });
  if (!loaded) return kUsage;
  std::string error;
  std::optional<CaptureOutcome> outcome;
  {
    InterruptGuard guard;
    outcome = RunCapture(*loaded->plan, toOutput ? "/dev/stdout" : arguments.file, TerminalProgress(), error);
  }
  EndTerminalProgress();
  if (!outcome) return Complain(kUsage, error);
  fmt::print(stderr, "{} frame{} captured{}\n", outcome->frames, outcome->frames == 1 ? "" : "s",
             outcome->complete ? "" : " until the run was interrupted");
  return outcome->complete ? kOk : kInterrupted;
}

}  // namespace

void AddCapture(CLI::App& program, Action& run) {
  CLI::App* verb =
      AddVerb(program, "capture", "Run a scenario and write only what tcpdump would have seen on some devices.",
              {"capture scenarios/tutorial/two-nodes.json --on node1/eth0 -w node1.pcapng",
               "capture scenarios/tutorial/two-nodes.json --on node1/eth0 'udp port 8472' | tcpdump -r -",
               "capture scenarios/tutorial/two-nodes.json --on 'node*/flannel.1' -w tunnels.pcapng host pod-b"});
  auto arguments = std::make_shared<CaptureArguments>();
  arguments->scenario.AddTo(*verb);
  verb->add_option("--on", arguments->on, "a device: node1/eth0, pod-a/eth0, node*/flannel.1 (may be given again)")
      ->required()
      ->allow_extra_args(false)
      ->type_name("DEVICE");
  verb->add_option("-w,--write", arguments->file, "the file (default: standard output)")->type_name("FILE.pcapng");
  verb->add_option("FILTER", arguments->filter, "tcpdump's words; names of pods and nodes are allowed");
  verb->callback([arguments, &run] { run = [arguments] { return Capture(*arguments); }; });
}

}  // namespace overlaysim::cli
