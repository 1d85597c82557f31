#include "gui/replay/topology.h"

#include <gtest/gtest.h>

#include "gui/replay/finder.h"
#include "support/small_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

Topology Small() {
  std::string error;
  auto plan = Topology::FromJson(SmallRun::Plan(), error);
  EXPECT_TRUE(plan) << error;
  return std::move(*plan);
}

TEST(Topology, KnowsWhoIsWhereAndCabledToWhat) {
  const Topology plan = Small();
  EXPECT_EQ(plan.understood, "flannel vxlan, VNI 1, UDP 8472 · 2 nodes, 2 pods");
  ASSERT_EQ(plan.netns.size(), 5u);
  ASSERT_TRUE(plan.Find("shop/cart"));
  EXPECT_EQ(plan.Find("shop/cart")->PodNamespace(), "shop");
  EXPECT_EQ(plan.HostOf(SmallRun::kCart), SmallRun::kNode1);
  ASSERT_EQ(plan.PodsOf(SmallRun::kNode2).size(), 1u);
  EXPECT_EQ(plan.PodsOf(SmallRun::kNode2)[0], SmallRun::kRedis);
  EXPECT_EQ(plan.RackOf(SmallRun::kNode1), SmallRun::kRouter);
  EXPECT_EQ(plan.CablesOf(SmallRun::kRouter).size(), 2u);
  EXPECT_EQ(plan.CableAt({SmallRun::kNode2, SmallRun::kEth0}), 1u);
  EXPECT_EQ(plan.CableAt({SmallRun::kNode2, SmallRun::kCni0}), Topology::kNone);
  EXPECT_EQ(plan.OwnerOf("10.244.2.2"), SmallRun::kRedis);
  EXPECT_EQ(plan.OwnerOf("127.0.0.1"), Topology::kNone);
  EXPECT_EQ(plan.netns[SmallRun::kNode1].Find("flannel.1")->mtu, 1450u);
  EXPECT_EQ(plan.netns[SmallRun::kNode1].Find(5)->master, "cni0");
}

TEST(Topology, RefusesWhatItsIdsDoNotFit) {
  for (const char* text :
       {"", "[]", "{", "3", "null", "{\"namespaces\":[{\"id\":1,\"name\":\"a\"}]}",
        "{\"cables\":[{\"name\":\"c\",\"a\":{\"netns\":0,\"ifindex\":1},\"b\":{\"netns\":9,\"ifindex\":1}}]}",
        "{\"workloads\":[{\"id\":0,\"from\":4}]}", "{\"namespaces\":[{\"id\":-1}]}", "{\"namespaces\":[{\"id\":0.5}]}",
        "{\"namespaces\":[{\"id\":99999999999999}]}", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    std::string error;
    EXPECT_FALSE(Topology::FromJson(text, error)) << text;
    EXPECT_TRUE(error.starts_with("no plan: ")) << error;
  }
}

TEST(Topology, PassesOverWhatItDoesNotKnow) {
  std::string error;
  const auto plan = Topology::FromJson(
      R"({"new":{"deep":[{"id":7}]},"namespaces":[{"id":0,"name":"a","role":"balloon","labels":{"id":3}}]})", error);
  ASSERT_TRUE(plan) << error;
  EXPECT_EQ(plan->netns[0].role, Role::Unknown);
  EXPECT_TRUE(plan->netns[0].isShared);
}

TEST(Topology, SurvivesEveryCut) {
  const std::string whole = SmallRun::Plan();
  for (size_t size = 0; size + 2 < whole.size(); size += 7) {
    std::string error;
    EXPECT_FALSE(Topology::FromJson(std::string_view(whole).substr(0, size), error)) << size;
  }
}

TEST(Finder, PutsWhatIsMeantFirst) {
  const Topology plan = Small();
  const Finder finder(plan);
  const auto texts = [&](std::string_view query) {
    std::vector<std::string> found;
    for (const Found& f : finder.Find(query, 10)) found.push_back(f.text);
    return found;
  };
  EXPECT_EQ(texts("NODE1"), (std::vector<std::string>{"node1", "node1-router"}));
  EXPECT_EQ(texts("cart"), (std::vector<std::string>{"shop/cart", "ping shop/cart -> shop/redis"}));
  EXPECT_EQ(texts("shop redis").front(), "shop/redis");
  EXPECT_EQ(texts("02:00:00:00:04:02"), std::vector<std::string>{"02:00:00:00:04:02"});
  EXPECT_EQ(texts("172.16.2.12"), std::vector<std::string>{"172.16.2.12"});
  EXPECT_EQ(finder.Find("172.16.2.12", 1)[0].detail, "node2/eth0");
  EXPECT_TRUE(texts("   ").empty());
  EXPECT_TRUE(texts("zebra").empty());
}

}  // namespace
