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
        "{\"namespaces\":[{\"id\":99999999999999}]}",
        "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
    std::string error;
    EXPECT_FALSE(Topology::FromJson(text, error)) << text;
    EXPECT_TRUE(error.starts_with("no plan: ")) << error;
  }
}

constexpr const char* kPeers =
    R"({"namespaces":[{"id":0,"name":"n","role":"node","labels":{"zone":"a","app":"web"},"devices":[)"
    R"({"ifindex":3,"name":"vxlan7","kind":"vxlan","vni":7,"port":4789},{"ifindex":5,"name":"v"}]},)"
    R"({"id":1,"name":"p","role":"pod","labels":{"app":"web"},"devices":[)"
    R"({"ifindex":2,"name":"eth0","peer":{"netns":0,"ifindex":5}}]}]})";

TEST(Topology, BothEndsOfAVethKnowTheOther) {
  std::string error;
  const auto plan = Topology::FromJson(kPeers, error);
  ASSERT_TRUE(plan) << error;
  EXPECT_EQ(plan->netns[0].Find("v")->peer, (CableEnd{1, 2}));
  EXPECT_EQ(plan->netns[1].Find("eth0")->peer, (CableEnd{0, 5}));
  EXPECT_FALSE(plan->netns[0].Find("vxlan7")->peer);
  EXPECT_FALSE(Topology::FromJson(R"({"namespaces":[{"id":0,"name":"n","devices":[{"ifindex":1,"name":"v",)"
                                  R"("peer":{"netns":1,"ifindex":1}}]}]})",
                                  error))
      << "there is one namespace";
}

TEST(Topology, ACableIsAsItsLastEventLeavesIt) {
  std::string error;
  constexpr const char* kSlowed =
      R"({"namespaces":[{"id":0,"name":"a"},{"id":1,"name":"b"}],"cables":[{"name":"c","a":{"netns":0,"ifindex":2},)"
      R"("b":{"netns":1,"ifindex":2},"bitsPerSecond":1000,"delayNs":5,"queueBytes":9}],"events":[)"
      R"({"atNs":70,"text":"later","cable":0,"bitsPerSecond":10,"delayNs":6,"queueBytes":9},)"
      R"({"atNs":50,"text":"slow","cable":0,"bitsPerSecond":100,"delayNs":5,"queueBytes":9}]})";
  const auto plan = Topology::FromJson(kSlowed, error);
  ASSERT_TRUE(plan) << error;
  EXPECT_EQ(plan->SettingsAt(0, 49), (CableSettings{1000, 5, 9}));
  EXPECT_EQ(plan->SettingsAt(0, 50), (CableSettings{100, 5, 9}));
  EXPECT_EQ(plan->SettingsAt(0, 70), (CableSettings{10, 6, 9}));
  EXPECT_FALSE(Topology::FromJson(R"({"events":[{"atNs":1,"text":"e","cable":0}]})", error)) << "there is no cable";
}

TEST(Topology, KnowsTunnelsAndLabels) {
  std::string error;
  const auto plan = Topology::FromJson(kPeers, error);
  ASSERT_TRUE(plan) << error;
  const Device* tunnel = plan->netns[0].Find("vxlan7");
  EXPECT_TRUE(tunnel->IsTunnel());
  EXPECT_EQ(tunnel->vni, 7u);
  EXPECT_EQ(tunnel->port, 4789);
  EXPECT_FALSE(plan->netns[0].Find("v")->IsTunnel());
  ASSERT_EQ(plan->labels.size(), 2u) << "each once";
  EXPECT_EQ(plan->netns[0].labels, (std::vector<uint32_t>{0, 1}));
  ASSERT_EQ(plan->netns[1].labels, (std::vector<uint32_t>{1}));
  EXPECT_EQ(plan->labels[1].key + "=" + plan->labels[1].value, "app=web");
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
