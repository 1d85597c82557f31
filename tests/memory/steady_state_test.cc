// A run in a steady state takes no more memory, however long it lasts.

#include <gtest/gtest.h>
#include <malloc.h>

#include <fstream>

#include "models/engine/engine.h"
#include "sim/run/run_scenario.h"
#include "sim/run/simulation.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

// What a state that still changes may cost: a histogram's next slot, a queue's new maximum.
constexpr int64_t kAllowedBytes = 64 << 10;
constexpr int64_t kFlows = 16;

int64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

/// By how much the heap grows between a quarter of the run and its last packets. Each flow sends a packet of 600 bytes
/// in 100 us.
int64_t GrowthOver(int64_t packetsPerFlow, bool takesShortcuts) {
  test::TemporaryDirectory directory;
  const std::string path = (directory / "long.json").string();
  std::ofstream(path) << R"({"format": 1,
    "underlay": {"type": "leaf-spine", "leaves": 2, "spines": 2, "nodesPerLeaf": 2},
    "cluster": {"nodes": [{"generate": 4}], "cni": {"type": "flannel"},
                "pods": [{"generate": 4, "per": "node", "name": "web{i}"}]},
    "traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": )"
                      << kFlows << R"(}, "packets": )" << packetsPerFlow
                      << R"(, "interval": "100us", "payload": "600B"}]})";
  Diagnostics diagnostics;
  const auto loaded = LoadPlan(path, {}, diagnostics);
  EXPECT_TRUE(loaded) << diagnostics.Format();
  if (!loaded) return 0;
  Simulation simulation(*loaded->plan);
  simulation.Net().takesShortcuts = takesShortcuts;
  const Nanoseconds length = Microseconds(100 * packetsPerFlow);
  int64_t early = 0, late = 0;
  auto measureAt = [](Nanoseconds when, int64_t& heap) {
    engine::Schedule(when, {NetnsId(0), 0, UINT64_MAX}, [&heap] { heap = HeapBytes(); });
  };
  measureAt({length.count / 4}, early);
  measureAt({length.count - length.count / 100}, late);
  simulation.Run();
  EXPECT_EQ(simulation.Metrics().DeliveredPackets(), static_cast<uint64_t>(kFlows * packetsPerFlow));
  return late - early;
}

TEST(SteadyState, TakesNoMemoryOverTwoMillionPackets) { EXPECT_LT(GrowthOver(125'000, true), kAllowedBytes); }

TEST(SteadyState, TakesNoMemoryOnTheWholePath) { EXPECT_LT(GrowthOver(12'500, false), kAllowedBytes); }

}  // namespace
}  // namespace overlaysim
