// Traffic of the types "rpc" and "bulk" in a run.

#include <filesystem>

#include "running.h"
#include "support/seen_run.h"

namespace overlaysim {
namespace {

TEST(RpcRun, TakesAsLongAsAPingOfTheSameSize) {
  // UDP's header is as long as ICMP's.
  const Ran ran(TwoNodes(R"("traffic": [
    {"type": "ping", "from": "pod-a", "to": "pod-b", "count": 5, "interval": "10ms", "payload": "200B"},
    {"type": "rpc", "from": "pod-a", "to": "pod-b", "start": "1s", "count": 5, "request": "200B", "reply": "200B"}])"));
  const FlowMetrics &ping = ran.outcome->metrics.flows[0], &rpc = ran.outcome->metrics.flows[1];
  EXPECT_EQ(rpc.offeredPackets, 5u);
  EXPECT_EQ(rpc.offeredBytes, 1000u);
  EXPECT_EQ(rpc.deliveredPackets, 5u);
  EXPECT_EQ(rpc.deliveredBytes, 1000u);
  EXPECT_EQ(rpc.rttNs.Min(), ping.rttNs.Min());
  EXPECT_EQ(rpc.rttNs.Max(), rpc.rttNs.Min());  // the addresses are known
}

TEST(RpcRun, AnswersOfManyPairsDoNotMix) {
  const Ran ran(TwoNodes(R"("traffic": [
    {"type": "rpc", "from": "pod-*", "to": "pod-*", "count": 50, "request": "3000B", "reply": "9000B", "name": "a"},
    {"type": "rpc", "from": "pod-a", "to": "pod-b", "count": 10, "reply": "1B", "port": 5002}])"));
  for (const FlowMetrics& flow : ran.outcome->metrics.flows) {
    EXPECT_EQ(flow.deliveredPackets, flow.offeredPackets) << flow.name;
    EXPECT_EQ(flow.deliveredBytes, flow.deliveredPackets * (flow.name == "a" ? 9000u : 1u)) << flow.name;
  }
}

TEST(RpcRun, ARequestWithoutReplyIsGivenUp) {
  // Nobody has 10.244.1.9: three requests, each given up after 100 ms, one after the other.
  const Ran ran(
      TwoNodes(R"("traffic": [{"type": "rpc", "from": "pod-a", "to": "10.244.1.9", "count": 3, "wait": "100ms"}],
    "expect": [{"loss": {"from": "pod-a", "to": "10.244.1.9"}, "is": "100%"}])"));
  EXPECT_EQ(ran.outcome->metrics.flows[0].offeredPackets, 3u);
  EXPECT_EQ(ran.outcome->metrics.flows[0].deliveredPackets, 0u);
  EXPECT_TRUE(ran.outcome->judgements[0].held) << ran.outcome->judgements[0].found;
  EXPECT_GE(ran.outcome->metrics.simulated, Milliseconds(300));
  EXPECT_LT(ran.outcome->metrics.simulated, Milliseconds(400));
}

TEST(RpcRun, ARateSendsWithoutWaiting) {
  const Ran ran(TwoNodes(R"("traffic": [{"type": "rpc", "from": "pod-a", "to": "pod-b", "rate": "1000/s", "per": "pair",
    "during": ["0s", "100ms"]}], "expect": [{"rtt": {"from": "pod-a", "to": "pod-b"}, "p99": {"below": "1ms"}}])"));
  EXPECT_EQ(ran.outcome->metrics.flows[0].offeredPackets, 100u);
  EXPECT_EQ(ran.outcome->metrics.flows[0].deliveredPackets, 100u);
  EXPECT_TRUE(ran.outcome->judgements[0].held) << ran.outcome->judgements[0].found;
}

TEST(RpcRun, OneAfterTheOtherUntilATime) {
  const Ran ran(TwoNodes(R"("traffic": [{"type": "rpc", "from": "pod-a", "to": "pod-b", "during": ["0s", "10ms"]}])"));
  const FlowMetrics& flow = ran.outcome->metrics.flows[0];
  EXPECT_EQ(flow.deliveredPackets, flow.offeredPackets);
  EXPECT_GT(flow.offeredPackets, 200u);  // a round trip takes less than 50 us
  EXPECT_LT(ran.outcome->metrics.simulated, Milliseconds(30));
}

TEST(RpcRun, FlowCachesChangeNothing) {
  const Ran ran(TwoNodes(R"("traffic": [
    {"type": "rpc", "from": "pod-*", "to": "pod-*", "count": 300, "request": "200B", "reply": "1kB"}])"));
  const test::SeenRun with = test::SeeRun(ran.Plan(), true), without = test::SeeRun(ran.Plan(), false);
  EXPECT_EQ(test::FirstDifference(with.state, without.state), "");
  EXPECT_GT(with.repeated, 1000u);
}

TEST(BulkRun, TellsHowLongTransfersTake) {
  // 1 MB takes at least 0.8 ms on a cable of 10 Gbps.
  const Ran ran(TwoNodes(R"("traffic": [{"type": "bulk", "from": "pod-a", "to": "pod-b", "sizes": "1MB", "count": 3}],
    "expect": [{"completion": {"from": "pod-a", "to": "pod-b"}, "all": {"above": "800us", "below": "1s"}},
               {"completion": {"from": "pod-a", "to": "pod-b"}, "p50": {"below": "800us"}}])"));
  ASSERT_EQ(ran.outcome->metrics.flows.size(), 3u);
  for (const FlowMetrics& flow : ran.outcome->metrics.flows) {
    EXPECT_EQ(flow.deliveredBytes, 1'000'000u);
    ASSERT_TRUE(flow.completion);
    EXPECT_GT(*flow.completion, Microseconds(800));
  }
  EXPECT_TRUE(ran.outcome->judgements[0].held) << ran.outcome->judgements[0].found;
  EXPECT_FALSE(ran.outcome->judgements[1].held);
  EXPECT_EQ(ran.outcome->metrics.Completion().Count(), 3u);
  EXPECT_TRUE(ran.outcome->outputs.empty());
  std::string error;
  EXPECT_EQ(MetricsFromJson(ran.Bytes(run_file::kMetrics), error), ran.outcome->metrics) << error;
}

TEST(BulkRun, TheManifestNamesTheFilesThatDecide) {
  test::TemporaryDirectory files;
  std::ofstream(files / "sizes.csv") << "size_bytes,cdf\n5000,1\n";
  std::ofstream(files / "racks.csv") << "src_tor,dst_tor,probability\nleaf1,leaf2,1\n";
  const Ran ran(
      TwoNodes(R"("traffic": [{"type": "bulk", "from": "pod-*", "to": "pod-*", "pairs": {"random": 3, "by": ")" +
               (files / "racks.csv").string() + R"("}, "sizes": ")" + (files / "sizes.csv").string() + "\"}]"));
  std::string error;
  const auto opened = OpenRunDirectory(ran.outcome->directory, error);
  ASSERT_TRUE(opened) << error;
  std::vector<std::string> names;
  for (const RunInput& input : opened->manifest.inputs)
    names.push_back(std::filesystem::path(input.name).filename().string());
  EXPECT_EQ(names, (std::vector<std::string>{"test.json", "sizes.csv", "racks.csv"}));
}

TEST(BulkRun, SaysWhatWasNotCompleted) {
  const Ran ran(TwoNodes(R"("traffic": [{"type": "bulk", "from": "pod-a", "to": "pod-b", "sizes": "10MB"}],
    "duration": "1ms", "expect": [{"completion": {"from": "pod-a", "to": "pod-b"}, "all": {"below": "1s"}}])"));
  EXPECT_FALSE(ran.outcome->judgements[0].held);
  EXPECT_EQ(ran.outcome->judgements[0].found, "nothing was completed; 1 of 1 were not completed");
}

}  // namespace
}  // namespace overlaysim
