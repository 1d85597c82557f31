#include <stdexcept>

#include "planning.h"

namespace overlaysim {
namespace {

std::string Pairs(const ClusterPlan& plan) {
  std::string out;
  for (const Workload& w : plan.workloads) out += w.fromName + ">" + w.toName + " ";
  return out;
}

const std::string kShop =
    R"("nodes": ["node1", "node2"], "cni": {"type": "flannel"},
       "pods": [{"generate": 2, "per": "total", "name": "cart{i}", "namespace": "shop", "node": "node1"},
                {"generate": 2, "per": "total", "name": "redis{i}", "namespace": "shop", "node": "node2"}])";

TEST(PlanTraffic, PingKnowsAddressesAndPings) {
  const Planned planned =
      PlanText(WithCluster(kTwoNodes, R"("traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 5}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->workloads.size(), 1u);
  const Workload& w = planned->workloads[0];
  EXPECT_EQ(w.kind, WorkloadKind::Ping);
  EXPECT_EQ(w.from, planned->Find("pod-a"));
  EXPECT_EQ(w.destination.ToString(), "10.244.2.2");
  EXPECT_EQ(w.count, 5u);
  EXPECT_EQ(w.payload, 56u);
  EXPECT_TRUE(w.want);
}

TEST(PlanTraffic, PatternsMakePairs) {
  auto planned = [](const std::string& pairs) {
    Planned out = PlanText(WithCluster(
        kShop, R"("traffic": [{"type": "udp", "from": "shop/cart*", "to": "shop/redis*", "pairs": )" + pairs + "}]"));
    if (!out.plan) throw std::runtime_error(out.diagnostics.Format());
    return out;
  };
  EXPECT_EQ(Pairs(*planned("\"all\"").plan),
            "shop/cart1>shop/redis1 shop/cart1>shop/redis2 shop/cart2>shop/redis1 shop/cart2>shop/redis2 ");
  EXPECT_EQ(Pairs(*planned("\"in-order\"").plan), "shop/cart1>shop/redis1 shop/cart2>shop/redis2 ");
  EXPECT_EQ(planned("\"random\"").plan->workloads.size(), 2u);
  EXPECT_EQ(planned("{\"random\": 7}").plan->workloads.size(), 7u);
  EXPECT_EQ(Pairs(*planned("{\"random\": 7}").plan), Pairs(*planned("{\"random\": 7}").plan));
}

TEST(PlanTraffic, NobodySendsToItself) {
  const Planned planned = PlanText(WithCluster(
      kShop, R"("traffic": [{"type": "udp", "from": "shop/cart*", "to": "shop/cart*", "pairs": {"random": 50}}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->workloads.size(), 50u);
  for (const Workload& w : planned->workloads) EXPECT_NE(w.from, w.to);
}

TEST(PlanTraffic, RatesBecomeIntervals) {
  auto interval = [](const std::string& rate) {
    const Planned planned = PlanText(WithCluster(
        kShop,
        R"("traffic": [{"type": "udp", "from": "shop/cart*", "to": "shop/redis*", "packets": 1, )" + rate + "}]"));
    EXPECT_TRUE(planned.plan) << planned.diagnostics.Format();
    return planned.plan ? planned->workloads[0].interval.ToString() : "";
  };
  EXPECT_EQ(interval(R"("rate": "1000/s", "per": "pair")"), "1ms");
  EXPECT_EQ(interval(R"("rate": "1000/s", "per": "source")"), "2ms");                   // two pairs share a source's
  EXPECT_EQ(interval(R"("rate": "1000/s", "per": "total")"), "4ms");                    // four pairs share it
  EXPECT_EQ(interval(R"("rate": "8Mbps", "per": "pair", "payload": "1000B")"), "1ms");  // 8000 bit
}

TEST(PlanTraffic, FlowsStartAtRandomDistances) {
  const Planned planned = PlanText(WithCluster(
      kShop, R"("traffic": [{"type": "udp", "from": "shop/cart*", "to": "shop/redis*", "pairs": {"random": 2000},
                             "start": {"poisson": "1000/s", "per": "total"}}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const int64_t last = planned->workloads.back().start.count;
  EXPECT_NEAR(static_cast<double>(last), 2e9, 0.23e9);  // 2000 at 1000/s; five standard deviations: 5 * sqrt(2000) ms
}

TEST(PlanCaptures, NamesInFiltersBecomeAddresses) {
  const Planned planned = PlanText(WithCluster(
      kTwoNodes,
      R"x("capture": [{"on": "node*/eth0", "filter": "host node2 and (udp port 8472 or not src host pod-a)"}])x"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->captures.size(), 2u);
  EXPECT_EQ(planned->captures[0].filter, "host 172.16.2.12 and (udp port 8472 or not src host 10.244.1.2)");
}

TEST(PlanCaptures, WithoutAWordAllNodesAndThePodsInTrafficAreRecorded) {
  const Planned planned =
      PlanText(WithCluster(kTwoNodes, R"("traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  std::string points;
  for (const CapturePoint& c : planned->captures) points += planned->Info(c.netns).name + "/" + c.device + " ";
  EXPECT_EQ(points, "node1/eth0 node1/flannel.1 node2/eth0 node2/flannel.1 pod-a/eth0 pod-b/eth0 ");
}

TEST(PlanEvents, FaultsBecomeTheCommandsThatMakeThem) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": ["node1", {"name": "node2", "vtepMac": "02:00:00:00:04:02"}], "cni": {"type": "flannel"}, "pods": [])",
      R"("events": [{"at": "4s", "fault": "stale-fdb", "node": "node1", "peer": "node2", "for": "1s"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->events.size(), 2u);
  EXPECT_EQ(planned->events[0].command,
            "bridge fdb replace 02:00:00:00:04:02 dev flannel.1 dst 172.16.2.254 self permanent");
  EXPECT_EQ(planned->events[1].command,
            "bridge fdb replace 02:00:00:00:04:02 dev flannel.1 dst 172.16.2.12 self permanent");
  EXPECT_EQ(planned->events[1].at, Seconds(5));
}

TEST(PlanExpectations, ReachSendsProbes) {
  const Planned planned = PlanText(WithCluster(
      kShop, R"("expect": [{"reach": {"from": "shop/cart*", "to": "shop/redis1", "tcp": 6379}, "deadline": "50ms"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->expectations.size(), 1u);
  const Expectation& e = planned->expectations[0];
  EXPECT_EQ(e.text, "reach shop/cart* -> shop/redis1, tcp 6379");
  ASSERT_EQ(e.flows.size(), 2u);
  const Workload& probe = planned->workloads[e.flows[1].value];
  EXPECT_TRUE(probe.isProbe);
  EXPECT_EQ(probe.kind, WorkloadKind::Tcp);
  EXPECT_EQ(probe.destinationPort, 6379);
  EXPECT_EQ(probe.timeout, Milliseconds(50));
}

TEST(PlanExpectations, LossIsJudgedByTheTrafficBetweenTheTwo) {
  const Planned planned =
      PlanText(WithCluster(kShop, R"("traffic": [{"type": "udp", "from": "shop/cart*", "to": "shop/redis*"}],
                "expect": [{"loss": {"from": "shop/cart1", "to": "shop/redis*"}, "max": "1%"}, {"drops": {"on": "node1"}, "max": 0}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->expectations[0].flows.size(), 2u);
  EXPECT_EQ(planned->expectations[0].share.max, 10000);
  EXPECT_TRUE(planned->expectations[1].number.Holds(0));
  EXPECT_FALSE(planned->expectations[1].number.Holds(1));
}

TEST(PlanLab, NamespacesAreThoseOfTheCommands) {
  const Planned planned = PlanText(R"({"format": 1, "lab": {"netns": ["a", "b"], "setup": [
      "ip -n a link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 netns b address 02:00:00:00:00:02",
      "ip -n a addr add 10.0.0.1/24 dev eth0", "ip -n a link set eth0 up",
      "ip -n b addr add 10.0.0.2/24 dev eth0", "ip -n b link set eth0 up"]},
      "traffic": [{"type": "echo", "from": "a", "to": "b"}], "capture": [{"on": "b/eth0"}]})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->NetnsCount(), 2u);
  EXPECT_EQ(planned->Info(planned->Find("b")).kernel, planned->Info(planned->Find("a")).kernel);
  EXPECT_EQ(planned.Route("a"), "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 \n");
  EXPECT_EQ(planned->workloads[0].destination.ToString(), "10.0.0.2");
  EXPECT_EQ(planned->FindByAddress(*Ipv4Address::Parse("10.0.0.2")), planned->Find("b"));
  EXPECT_EQ(planned->captures.size(), 1u);
}

TEST(PlanLab, FailingCommandIsReportedWithTheKernelsWords) {
  const Planned planned = PlanText(R"({"format": 1, "lab": {"netns": ["a"], "setup": ["ip -n a link set eth7 up"]}})");
  EXPECT_FALSE(planned.plan);
  EXPECT_NE(planned.diagnostics.Format().find("Cannot find device \"eth7\""), std::string::npos)
      << planned.diagnostics.Format();
}

}  // namespace
}  // namespace overlaysim
