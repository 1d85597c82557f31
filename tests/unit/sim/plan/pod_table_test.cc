#include "sim/plan/pod_table.h"

#include <gtest/gtest.h>

namespace overlaysim::plan {
namespace {

const std::vector<NodeId> kTwoNodes = {NodeId(0), NodeId(1)};

/// Namespace "shop": redis-0, then web1 to web4 in turn on two nodes; "default": web2.
PodTable Pods() {
  PodTable pods;
  pods.groups = {{.nameSpace = "shop"}, {.nameSpace = "default"}};
  pods.Add("redis-0", 0, false, NodeId(1));
  pods.Generate("web{i}", 0, false, {NodeId(0), NodeId(1), NodeId(0), NodeId(1)});
  pods.Add("web2", 1, false, NodeId(0));
  EXPECT_TRUE(pods.Index(2).empty());
  return pods;
}

TEST(PodTable, NamesWhatWasWrittenAndWhatIsGenerated) {
  const PodTable pods = Pods();
  EXPECT_EQ("redis-0", pods.NameOf(PodId(0)));
  EXPECT_EQ("shop/web4", pods.FullName(PodId(4)));
  EXPECT_EQ("web2", pods.DisplayName(PodId(5)));
}

TEST(PodTable, FindsAGeneratedPodByItsNumber) {
  const PodTable pods = Pods();
  EXPECT_EQ(PodId(3), pods.Find("shop/web3"));
  EXPECT_EQ(PodId(3), pods.Find("web3"));
  for (const char* none : {"web5", "web0", "web03", "web", "web3x", "shop/redis-1", "other/web3", "default/web3", ""})
    EXPECT_FALSE(pods.Find(none)) << none;
}

TEST(PodTable, ANameOfSeveralNamespacesNeedsItsNamespace) {
  const PodTable pods = Pods();
  EXPECT_FALSE(pods.Find("web2"));
  EXPECT_EQ(PodId(2), pods.Find("shop/web2"));
  EXPECT_EQ(PodId(5), pods.Find("default/web2"));
}

TEST(PodTable, FindsNumbersWithLeadingZerosAndBesideOtherDigits) {
  PodTable pods;
  pods.groups = {{.nameSpace = "default"}};
  pods.Generate("v2-{i:03d}", 0, false, std::vector<NodeId>(12, NodeId(0)));
  pods.Generate("x{i}0", 0, false, std::vector<NodeId>(12, NodeId(0)));
  EXPECT_TRUE(pods.Index(1).empty());
  EXPECT_EQ(PodId(11), pods.Find("v2-012"));
  EXPECT_FALSE(pods.Find("v2-12"));
  EXPECT_EQ(PodId(12 + 9), pods.Find("x100"));
}

TEST(PodTable, SaysWhichPodsHaveANameThatIsTaken) {
  PodTable pods;
  pods.groups = {{.nameSpace = "shop"}, {.nameSpace = "shop"}};
  pods.Add("web2", 0, false, NodeId(0));
  pods.Generate("web{i}", 1, false, kTwoNodes);
  EXPECT_EQ(std::vector{PodId(2)}, pods.Index(2));
}

TEST(PodTable, CountsTheOwnPodsOfEachNode) {
  PodTable pods;
  pods.groups = {{.nameSpace = "kube-system"}};
  pods.Generate("proxy{i}", 0, true, kTwoNodes);
  pods.Generate("dns{i}", 0, false, {NodeId(1), NodeId(0), NodeId(1)});
  pods.Index(2);
  EXPECT_TRUE(pods.IsOnHostNetwork(PodId(1)));
  EXPECT_EQ(3u, pods.OwnCount());
  EXPECT_EQ(1u, pods.CountOn(NodeId(0)));
  EXPECT_EQ(PodId(4), pods.OnNode(NodeId(1), 1));
  EXPECT_EQ(1u, pods.OrdinalOf(PodId(4)));
  EXPECT_EQ(2u, pods.OwnPosition(PodId(4)));
  EXPECT_EQ(PodId(4), pods.OwnAt(2));
}

}  // namespace
}  // namespace overlaysim::plan
