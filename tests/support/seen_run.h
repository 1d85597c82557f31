#pragma once

#include <fmt/format.h>

#include <sstream>
#include <string>

#include "models/host/audit.h"
#include "sim/iproute2/command.h"
#include "sim/run/recorder.h"
#include "sim/run/simulation.h"
#include "sim/trace/files.h"
#include "sim/trace/metrics.h"
#include "support/temporary_directory.h"

namespace overlaysim::test {

/// What anybody could see of a run at its end: metrics, tables and counters of every namespace.
struct SeenRun {
  std::string state;
  uint64_t repeated = 0;  ///< packets that took a short way through a kernel (host::FlowCache)
};

inline SeenRun SeeRun(const ClusterPlan& plan, bool takesShortcuts) {
  Simulation simulation(plan);
  simulation.Net().takesShortcuts = takesShortcuts;
  simulation.Run();
  SeenRun seen;
  seen.state = MetricsToJson(simulation.Metrics());
  seen.state += fmt::format("{}\n", fmt::join(host::FindUnaccounted(simulation.Net()), "\n"));
  for (size_t i = 0; i < simulation.Net().Count(); ++i) {
    if (i < plan.NetnsCount() && plan.Info(NetnsId(i)).isShared) continue;
    const std::string name = simulation.Net().Get(NetnsId(i)).Ns().Name();
    for (const char* command : {"ip -s -s link", "ip -s neigh", "bridge fdb", "nstat -az", "iptables-save -c",
                                "nft list ruleset", "conntrack -L"})
      seen.state +=
          fmt::format("--- {}: {}\n{}", name, command,
                      iproute2::RunCommand(simulation.Namespaces(), NetnsId(i), command, simulation.EndedAt()).out);
  }
  seen.repeated = simulation.Net().RepeatedPackets();
  return seen;
}

/// What a run has recorded.
struct RecordedRun {
  std::string trace;      ///< the bytes of trace.bin
  uint64_t repeated = 0;  ///< as in SeenRun
};

inline RecordedRun RecordRun(const ClusterPlan& plan, bool takesShortcuts) {
  const TemporaryDirectory directory;
  Simulation simulation(plan);
  simulation.Net().takesShortcuts = takesShortcuts;
  Recorder recorder(simulation, {.trace = directory / "trace.bin", .application = "test"});
  simulation.Run();
  std::string error = recorder.Finish();
  RecordedRun run;
  run.repeated = simulation.Net().RepeatedPackets();
  if (const auto bytes = ReadWholeFile(directory / "trace.bin", uint64_t{1} << 30, error)) run.trace = *bytes;
  return run;
}

/// The first line in which two texts differ, and the heading above it; "": none.
inline std::string FirstDifference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string heading, x, y;
  while (true) {
    const bool more = static_cast<bool>(std::getline(left, x));
    if (static_cast<bool>(std::getline(right, y)) != more) return heading + ": one is longer";
    if (!more) return {};
    if (x.rfind("--- ", 0) == 0) heading = x;
    if (x != y) return fmt::format("{}\n  one:     {}\n  another: {}", heading, x, y);
  }
}

}  // namespace overlaysim::test
