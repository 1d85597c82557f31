#include "sim/run/run_scenario.h"

#include "running.h"
#include "sim/trace/capture_reader.h"
#include "sim/trace/trace_reader.h"
#include "support/tshark.h"

namespace overlaysim {
namespace {

TEST(RunScenario, SameInputsLeaveTheSameBytes) {
  const Ran first(TwoNodes(kThreePings)), second(TwoNodes(kThreePings));
  for (const auto file : {run_file::kPlan, run_file::kMetrics, run_file::kTrace, run_file::kPackets})
    EXPECT_EQ(first.Bytes(file), second.Bytes(file)) << file;
}

TEST(RunScenario, LeavesADirectoryThatItsReadersOpen) {
  const Ran ran(TwoNodes(kThreePings));
  std::string error;
  const auto opened = OpenRunDirectory(ran.outcome->directory, error);
  ASSERT_TRUE(opened) << error;
  EXPECT_TRUE(opened->manifest.complete);
  EXPECT_EQ(opened->manifest.inputs.at(0).name, "test.json");
  auto trace = TraceReader::Open(opened->File(run_file::kTrace), error);
  ASSERT_TRUE(trace) << error;
  EXPECT_TRUE(trace->IsComplete());
  EXPECT_EQ(trace->RecordCount(), ran.outcome->records);
  const auto metrics = MetricsFromJson(ran.Bytes(run_file::kMetrics), error);
  ASSERT_TRUE(metrics) << error;
  EXPECT_EQ(*metrics, ran.outcome->metrics);
  const auto capture = ReadCapture(opened->File(run_file::kPackets), error);
  ASSERT_TRUE(capture) << error;
  EXPECT_EQ(capture->frames.size(), ran.outcome->frames);
}

TEST(RunScenario, SaysThatTheInputWasAnotherWhenTheTraceIsLeftOut) {
  const Ran with(TwoNodes(kThreePings)), without(TwoNodes(kThreePings), false);
  std::string error;
  const auto a = OpenRunDirectory(with.outcome->directory, error),
             b = OpenRunDirectory(without.outcome->directory, error);
  ASSERT_TRUE(a && b) << error;
  EXPECT_NE(a->manifest.inputDigest, b->manifest.inputDigest);
  EXPECT_FALSE(b->Has(run_file::kTrace));
  EXPECT_EQ(with.Bytes(run_file::kPackets), without.Bytes(run_file::kPackets));
}

TEST(RunScenario, RefusesABadFilterBeforeAnythingIsWritten) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "test.json") << TwoNodes(kThreePings +
                                                     R"(, "capture": [{"on": "node1/eth0", "filter": "udp prot 1"}])");
  Diagnostics diagnostics;
  auto loaded = LoadPlan((directory / "test.json").string(), {}, diagnostics);
  ASSERT_TRUE(loaded) << diagnostics.Format();
  RunRequest request;
  request.directory = directory / "run";
  std::string error;
  EXPECT_FALSE(RunScenario(*loaded, request, error));
  EXPECT_NE(error.find("node1/eth0"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(directory / "run"));
}

/// Every tutorial's capture, as Wireshark reads it.
class TutorialCaptures : public testing::TestWithParam<const char*> {};

TEST_P(TutorialCaptures, HaveNoMalformedAndNoBadChecksumPacket) {
  if (!test::HasTshark()) GTEST_SKIP() << "tshark is not installed";
  const Ran ran(Ran::Shipped{}, GetParam());
  const test::TsharkReport report = test::RunTshark(ran.outcome->directory / run_file::kPackets);
  EXPECT_EQ(report.exitCode, 0) << report.messages;
  EXPECT_EQ(report.packets.size(), ran.outcome->frames);
  EXPECT_GT(report.packets.size(), 0u);
  EXPECT_EQ(report.Malformed(), 0u);
  EXPECT_EQ(report.BadChecksums(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, TutorialCaptures,
                         testing::Values("two-nodes", "three-nodes-vxlan0", "three-nodes-flannel",
                                         "three-nodes-bridged", "imported", "leaf-spine", "link-failure",
                                         "firewall-closed", "mtu", "calico-vxlan", "calico-cross-subnet", "calico-ipip",
                                         "calico-route-reflector", "canal", "flannel-ipip", "flannel-wireguard",
                                         "flannel-udp", "flannel-ipsec", "calico-wireguard", "calico-dual-stack",
                                         "cilium-vxlan", "cilium-geneve", "cilium-native", "cilium-wireguard",
                                         "antrea-geneve"));

}  // namespace
}  // namespace overlaysim
