#include "sim/plan/distribution/partition.h"

#include <fmt/format.h>

#include <set>

#include "../planning.h"

namespace overlaysim {
namespace {

/// Racks of two nodes, each node with two pods: node1 has web1 and web2.
Planned Racks(int racks, const std::string& rest = {}) {
  return PlanText(fmt::format(
      R"({{"format": 1, "cluster": {{"nodes": [{{"generate": {}, "name": "node{{i}}"}}], "cni": {{"type": "flannel"}},
        "pods": [{{"generate": 2, "per": "node", "name": "web{{i}}"}}]}},
        "underlay": {{"type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2}}{}}})",
      2 * racks, rest.empty() ? "" : ", " + rest));
}

std::string ErrorOf(const ClusterPlan& plan, uint32_t ranks) {
  std::string error;
  EXPECT_FALSE(DividePlan(plan, ranks, error));
  return error;
}

Partition Divide(const ClusterPlan& plan, uint32_t ranks) {
  std::string error;
  auto partition = DividePlan(plan, ranks, error);
  EXPECT_TRUE(partition) << error;
  return partition.value_or(Partition{});
}

uint32_t RankOf(const Planned& planned, const Partition& partition, const std::string& name) {
  return partition.RankOf(planned->Find(name));
}

TEST(Partition, ARackIsNeverDividedAndSpinesAreSpread) {
  const Planned planned = Racks(4);
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const Partition partition = Divide(*planned.plan, 2);
  for (int leaf = 1; leaf <= 4; ++leaf) {
    const uint32_t rank = RankOf(planned, partition, fmt::format("leaf{}", leaf));
    for (int node = 2 * leaf - 1; node <= 2 * leaf; ++node) {
      EXPECT_EQ(RankOf(planned, partition, fmt::format("node{}", node)), rank);
      EXPECT_EQ(RankOf(planned, partition, fmt::format("web{}", 2 * node)), rank);
    }
  }
  EXPECT_NE(RankOf(planned, partition, "spine1"), RankOf(planned, partition, "spine2"));
  for (const Partition::Part& part : partition.parts) {
    EXPECT_EQ(part.racks, 2u);
    EXPECT_EQ(part.nodes, 4u);
    EXPECT_EQ(part.pods, 8u);
    EXPECT_EQ(part.switches, 3u);
    EXPECT_EQ(part.cutCables, 4u);  // its two leaves to the other's spine, and the other's leaves to its own
  }
  EXPECT_EQ(partition.cutCables, 4u);
}

TEST(Partition, ABusyRackHasARankForItself) {
  const Planned planned = Racks(3, R"("traffic": [
      {"type": "udp", "from": "web1", "to": "web3", "packets": 1000, "interval": "1us"},
      {"type": "udp", "from": "web5", "to": "web9", "packets": 10, "interval": "1us"}])");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const Partition partition = Divide(*planned.plan, 2);
  EXPECT_NE(RankOf(planned, partition, "leaf1"), RankOf(planned, partition, "leaf2"));
  EXPECT_EQ(RankOf(planned, partition, "leaf2"), RankOf(planned, partition, "leaf3"));
  // node, leaf, node; node, leaf, spine, leaf, node
  EXPECT_DOUBLE_EQ(partition.Work(), 1000 * 3 + 10 * 5);
}

TEST(Partition, KeepsTogetherWhatAFatTreeKeepsTogether) {
  // k = 4: four pods of two leaves with two nodes each, and of two aggregation switches.
  const Planned planned = PlanText(R"({"format": 1, "cluster": {"nodes": [{"generate": 16, "name": "node{i}"}],
      "cni": {"type": "flannel"}, "pods": [{"generate": 1, "per": "node", "name": "web{i}"}]},
      "underlay": {"type": "fat-tree", "k": 4},
      "traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": "all", "packets": 1, "interval": "1us"}]})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const Partition partition = Divide(*planned.plan, 4);
  std::set<uint32_t> ranks;
  for (int pod = 0; pod < 4; ++pod) {
    const uint32_t rank = RankOf(planned, partition, fmt::format("leaf{}", 2 * pod + 1));
    ranks.insert(rank);
    EXPECT_EQ(RankOf(planned, partition, fmt::format("leaf{}", 2 * pod + 2)), rank);
    EXPECT_EQ(RankOf(planned, partition, fmt::format("agg{}", 2 * pod + 1)), rank);
    EXPECT_EQ(RankOf(planned, partition, fmt::format("agg{}", 2 * pod + 2)), rank);
  }
  EXPECT_EQ(ranks.size(), 4u);
}

TEST(Partition, LooksAheadAsFarAsTheShortestCutCableWillBe) {
  const Planned planned = Racks(2, R"("traffic": [], "events": [
      {"at": "1ms", "set": {"link": ["leaf1", "spine1"], "delay": "700ns"}}])");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  Partition partition = Divide(*planned.plan, 2);
  // Half of the cables between leaves and spines are cut; that one only if its ends are on different ranks.
  const bool isCut = RankOf(planned, partition, "leaf1") != RankOf(planned, partition, "spine1");
  EXPECT_EQ(partition.lookahead, isCut ? Nanoseconds{700} : Microseconds(1));
}

TEST(Partition, SaysHowManyRanksThereCanBe) {
  const Planned planned = Racks(3);
  EXPECT_EQ(ErrorOf(*planned.plan, 4), "the cluster has 3 racks: at most 3 ranks, not 4");
  EXPECT_EQ(ErrorOf(*planned.plan, 0), "a run has at least one rank");
  const Planned flat = PlanText(WithCluster(kTwoNodes, R"("underlay": {"type": "flat"})"));
  ASSERT_TRUE(flat.plan) << flat.diagnostics.Format();
  EXPECT_EQ(ErrorOf(*flat.plan, 2),
            "the cluster cannot be divided among 2 ranks: no two of its nodes are in different racks (behind switches "
            "of their own)");
  EXPECT_EQ(Divide(*flat.plan, 1).cutCables, 0u);
}

TEST(Partition, RefusesACutCableWithoutDelay) {
  const Planned planned = Racks(2, R"("events": [{"at": "1ms", "set": {"link": ["leaf1", "spine1"], "delay": "0s"}},
                                                 {"at": "1ms", "set": {"link": ["leaf2", "spine1"], "delay": "0s"}}])");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string error = ErrorOf(*planned.plan, 2);
  EXPECT_NE(error.find("-spine1 has no delay"), std::string::npos) << error;
}

TEST(CostModel, MoreRanksHelpUntilTheyOnlyWait) {
  const Planned busy = Racks(4, R"("traffic": [{"type": "udp", "from": "web*", "to": "web*", "packets": 1000,
      "interval": "10us", "pairs": {"random": 100}}])");
  ASSERT_TRUE(busy.plan) << busy.diagnostics.Format();
  const CostModel model;
  EXPECT_DOUBLE_EQ(model.SpeedUp(*busy.plan, Divide(*busy.plan, 1)), 1);
  EXPECT_GT(model.SpeedUp(*busy.plan, Divide(*busy.plan, 2)), 1.3);
  const Planned idle = Racks(4, R"("traffic": [{"type": "udp", "from": "web1", "to": "web15",
      "packets": 1000, "interval": "1ms"}])");
  EXPECT_LT(model.SpeedUp(*idle.plan, Divide(*idle.plan, 4)), 1);
}

}  // namespace
}  // namespace overlaysim
