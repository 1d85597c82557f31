// Frames sent = delivered + dropped by verdict + in flight, in all, in each kernel and on each device
// (models/host/audit.h), and each packet from its first record to its one end.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "models/host/audit.h"
#include "sim/run/run_scenario.h"
#include "sim/run/simulation.h"
#include "support/packet_fates.h"
#include "support/shipped_scenarios.h"

namespace overlaysim {
namespace {

class Conservation : public testing::TestWithParam<std::string> {};

TEST_P(Conservation, HoldsForEachPacketDeviceAndKernel) {
  Diagnostics diagnostics;
  auto loaded = LoadPlan(OVERLAYSIM_SOURCE_DIR "/scenarios/" + GetParam(), {}, diagnostics);
  ASSERT_TRUE(loaded) << diagnostics.Format();
  Simulation simulation(*loaded->plan);
  test::PacketFates fates(simulation.Net());
  simulation.Run();
  EXPECT_EQ(fmt::format("{}", fmt::join(host::FindUnaccounted(simulation.Net()), "\n")), "");
  EXPECT_EQ(fmt::format("{}", fmt::join(fates.Problems(), "\n")), "");
  EXPECT_GT(fates.PacketCount(), 0u);
  for (size_t v = 0; v < simulation.Net().verdicts.size(); ++v)
    EXPECT_EQ(fates.EndsWith(static_cast<Verdict>(v)), simulation.Net().verdicts[v])
        << VerdictName(static_cast<Verdict>(v));
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Conservation, testing::ValuesIn(test::ShippedScenarios()), test::NameOfScenario);

}  // namespace
}  // namespace overlaysim
