#include <fmt/format.h>

#include <memory>

#include "sim/cli/one_ping.h"
#include "sim/run/simulation.h"

namespace overlaysim::cli {
namespace {

int PingOnce(const OnePing& ping) {
  const auto loaded = ping.Load();
  if (!loaded) return kUsage;
  Simulation simulation(*loaded->plan);
  {
    InterruptGuard guard;
    simulation.Run();
  }
  const traffic::Flow* flow = simulation.FlowOf(FlowId(0));
  if (!flow) return kInterrupted;
  fmt::print("{}", flow->Result().output);
  fmt::print(stderr, "{}", flow->Result().errorOutput);
  if (simulation.WasInterrupted()) return kInterrupted;
  return flow->Result().deliveredPackets > 0 ? kOk : kFailed;
}

}  // namespace

void AddPing(CLI::App& program, Action& run) {
  CLI::App* verb = AddVerb(program, "ping", "Ping from A to B, with the output of ping(8). Exit code 1: no answer.",
                           {"ping scenarios/tutorial/two-nodes.json pod-a pod-b",
                            "ping scenarios/tutorial/two-nodes.json pod-a 10.244.2.2 -c 5 -i 0.2",
                            "ping scenarios/tutorial/mtu.json pod-a pod-b -s 1472 -M do"});
  auto ping = std::make_shared<OnePing>();
  ping->count = 3;
  ping->AddTo(*verb, true);
  verb->callback([ping, &run] { run = [ping] { return PingOnce(*ping); }; });
}

}  // namespace overlaysim::cli
