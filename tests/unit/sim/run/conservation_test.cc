// Frames sent = delivered + dropped by verdict + in flight, in all, in each kernel and on each device
// (models/host/audit.h), and each packet from its first record to its one end.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "models/host/audit.h"
#include "sim/run/run_scenario.h"
#include "sim/run/simulation.h"
#include "support/packet_fates.h"

namespace overlaysim {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> ShippedScenarios() {
  std::vector<std::string> found;
  const fs::path root = OVERLAYSIM_SOURCE_DIR "/scenarios";
  for (const char* folder : {"tutorial", "behaviour"})
    for (const auto& entry : fs::directory_iterator(root / folder))
      if (entry.path().extension() == ".json") found.push_back(entry.path().lexically_relative(root).generic_string());
  std::sort(found.begin(), found.end());
  return found;
}

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

INSTANTIATE_TEST_SUITE_P(Scenarios, Conservation, testing::ValuesIn(ShippedScenarios()), [](const auto& param) {
  std::string name = param.param.substr(0, param.param.rfind('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

}  // namespace
}  // namespace overlaysim
