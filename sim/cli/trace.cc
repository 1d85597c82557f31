#include <fmt/format.h>

#include <memory>

#include "sim/cli/one_ping.h"
#include "sim/run/path.h"

namespace overlaysim::cli {
namespace {

struct TraceArguments {
  OnePing ping;
  PathOptions path;
  bool json = false;
};

int Trace(const TraceArguments& arguments) {
  const auto loaded = arguments.ping.Load();
  if (!loaded) return kUsage;
  const PathReport report = FollowFirstFlow(*loaded->plan, arguments.path);
  if (arguments.json) {
    fmt::print("{}", PathJson(report));
    return kOk;
  }
  const Workload& ping = loaded->plan->workloads.front();
  if (!report.hops.empty()) fmt::print("{}", PathText(report));
  if (!report.error.empty())
    fmt::print("{}: nothing is sent to {}: {}\n", ping.fromName, ping.destination.ToString(), report.error);
  if (report.isAnswered)
    fmt::print("answered after {}{}\n", report.roundTrip.ToString(),
               arguments.path.reply ? "" : "   (--both shows the way back)");
  else if (report.error.empty())
    fmt::print("no answer{}\n", arguments.path.reply ? "" : "   (--both shows what came back)");
  return kOk;
}

}  // namespace

void AddTrace(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(program, "trace", "Follow one ping from A to B, with the line of each table that decides.",
                           {"trace scenarios/tutorial/two-nodes.json pod-a pod-b",
                            "trace scenarios/tutorial/firewall-closed.json pod-a pod-b --both",
                            "trace scenarios/tutorial/mtu.json pod-a pod-b -s 1472 -M do -o json"});
  auto arguments = std::make_shared<TraceArguments>();
  arguments->ping.AddTo(*verb, false);
  verb->add_flag("--both", arguments->path.reply, "also what comes back");
  verb->add_flag("--arp", arguments->path.arp, "also the ARP that it takes");
  AddFormat(*verb, arguments->json, "table");
  verb->callback([arguments, &run] { run = [arguments] { return Trace(*arguments); }; });
}

}  // namespace overlaysim::cli
