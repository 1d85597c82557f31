#include "sim/plan/control_plane.h"

#include "planning.h"

namespace overlaysim {
namespace {

using plan::ControlPlane;
using plan::Step;
using plan::Vtep;
using plan::VtepDirectory;

const std::vector<Step> kFlannel = {Step::Neighbour, Step::Fdb, Step::Route};
constexpr uint16_t kThreeSteps = plan::BitOf(Step::Neighbour) | plan::BitOf(Step::Fdb) | plan::BitOf(Step::Route);
constexpr Nanoseconds kOperation = Microseconds(50);

/// Nodes "a", "b", ... that publish one after the other.
struct Agents {
  VtepDirectory directory;
  std::vector<ControlPlane::Node> nodes;
  std::vector<ControlPlane::Change> changes;
  std::vector<ControlPlane::Work> works;
  std::vector<ControlPlane::Outage> outages;
  uint32_t initial = 0;
  plan::TimeRange latency{Milliseconds(10), Milliseconds(10)};

  explicit Agents(size_t count) {
    for (size_t n = 0; n < count; ++n) nodes.push_back({std::string(1, static_cast<char>('a' + n)), {}, {}});
  }
  uint32_t Publish(uint32_t node, Nanoseconds at) {
    Vtep vtep{.node = NodeId(node), .ranges = {{.cidr = {{0x0af40000u + (node << 8)}, 24}}}};
    directory.Publish(vtep);
    const auto entry = static_cast<uint32_t>(directory.Entries().size() - 1);
    changes.push_back({.entry = entry, .at = at});
    works.push_back({kThreeSteps, kThreeSteps, 1});
    return entry;
  }
  void Withdraw(uint32_t node, Nanoseconds at) {
    const uint32_t entry = directory.FindByNode(NodeId(node), directory.Version());
    directory.Withdraw(NodeId(node));
    changes.push_back({.entry = entry, .isWithdrawal = true, .at = at});
  }
  /// All of `count` nodes are there, and their agents have been running.
  void BeginConverged(uint32_t count) {
    for (uint32_t n = 0; n < count; ++n) {
      Publish(n, {-1});
      nodes[n].runs = {{.start = {-1}, .ready = {-1}, .isOld = true}};
    }
    initial = count;
  }
  ControlPlane Build() const {
    return ControlPlane({.seed = 1,
                         .watchLatency = latency,
                         .operation = kOperation,
                         .habits = {.adds = kFlannel, .removes = kFlannel, .podCidrPoll = {}}},
                        directory, nodes, changes, works, outages, {}, initial);
  }
};

Nanoseconds At(int64_t ms, int64_t operations) { return Milliseconds(ms) + kOperation * operations; }

std::vector<std::pair<Nanoseconds, bool>> RouteOf(const ControlPlane& plane, uint32_t agent, uint32_t entry) {
  return plane.Transitions(NodeId(agent), entry, Step::Route, 0);
}
using Moments = std::vector<std::pair<Nanoseconds, bool>>;

TEST(ControlPlane, HasEverythingAtTheBeginningWhereAgentsHaveBeenRunning) {
  Agents agents(2);
  agents.BeginConverged(2);
  const ControlPlane plane = agents.Build();
  EXPECT_TRUE(plane.InForce(NodeId(0u), 1, Step::Route, 0, {}).holds);
  EXPECT_EQ(plane.InForce(NodeId(0u), 1, Step::Route, 0, {}).until, plan::kNever);
  EXPECT_EQ(plane.SettledAt(), Nanoseconds{});
}

TEST(ControlPlane, WritesOneOperationAfterTheOther) {
  Agents agents(2);
  agents.BeginConverged(1);
  const uint32_t b = agents.Publish(1, Milliseconds(100));
  agents.nodes[1].runs = {{.start = Milliseconds(50), .ready = Milliseconds(100)}};
  const ControlPlane plane = agents.Build();
  // heard 10 ms after it was published; neighbour, FDB entry and route take 50 us each
  for (const auto& [step, done] : {std::pair{Step::Neighbour, 1}, {Step::Fdb, 2}, {Step::Route, 3}})
    EXPECT_EQ(plane.Transitions(NodeId(0u), b, step, 0), (Moments{{At(110, done), true}}));
  const auto before = plane.InForce(NodeId(0u), b, Step::Route, 0, At(110, 3) - Nanoseconds{1});
  EXPECT_FALSE(before.holds);
  EXPECT_EQ(before.until, At(110, 3));
  EXPECT_TRUE(plane.InForce(NodeId(0u), b, Step::Route, 0, At(110, 3)).holds);
}

TEST(ControlPlane, ListsByNameOnceTheLeaseIsThere) {
  Agents agents(4);
  agents.BeginConverged(3);
  std::swap(agents.nodes[0].name, agents.nodes[2].name);  // c, b, a
  agents.Publish(3, Milliseconds(500));
  agents.nodes[3].runs = {{.start = Milliseconds(200), .ready = Milliseconds(500)}};
  const ControlPlane plane = agents.Build();
  // node 2 is "a", 1 is "b", 0 is "c": three operations each, from 500 ms on
  EXPECT_EQ(RouteOf(plane, 3, 2), (Moments{{At(500, 3), true}}));
  EXPECT_EQ(RouteOf(plane, 3, 1), (Moments{{At(500, 6), true}}));
  EXPECT_EQ(RouteOf(plane, 3, 0), (Moments{{At(500, 9), true}}));
  EXPECT_EQ(plane.ReadyAt(NodeId(3u)), Milliseconds(500));
}

TEST(ControlPlane, TakesChangesThatComeFasterThanItWritesInTurn) {
  Agents agents(5);
  agents.BeginConverged(1);
  for (uint32_t n = 1; n < 5; ++n) {
    agents.Publish(n, Milliseconds(100) + Microseconds(10 * n));
    agents.nodes[n].runs = {{.start = Milliseconds(50), .ready = Milliseconds(100)}};
  }
  const ControlPlane plane = agents.Build();
  for (uint32_t n = 1; n < 5; ++n)  // the first is heard at 110.01 ms
    EXPECT_EQ(RouteOf(plane, 0, n), (Moments{{Milliseconds(110) + Microseconds(10) + kOperation * (3 * n), true}}));
  const ControlPlaneReport report = plane.Report(Seconds(1));
  EXPECT_EQ(report.agents[0].settled, Milliseconds(110) + Microseconds(10) + kOperation * 12);
  EXPECT_EQ(report.agents[0].entries, 4u);
  // the one in the middle of it
  EXPECT_EQ(plane.Report(At(110, 4)).agents[0].entries, 1u);
  EXPECT_FALSE(plane.Report(At(110, 4)).agents[0].settled);
}

TEST(ControlPlane, TakesAwayInItsOwnOrder) {
  Agents agents(2);
  agents.BeginConverged(2);
  agents.Withdraw(1, Milliseconds(300));
  const ControlPlane plane = agents.Build();
  EXPECT_EQ(plane.Transitions(NodeId(0u), 1, Step::Neighbour, 0), (Moments{{{-1}, true}, {At(310, 1), false}}));
  EXPECT_EQ(RouteOf(plane, 0, 1), (Moments{{{-1}, true}, {At(310, 3), false}}));
}

TEST(ControlPlane, AnAgentThatIsAwayMissesWhatIsTakenAwayForGood) {
  Agents agents(3);
  agents.BeginConverged(2);
  agents.nodes[0].runs[0].end = Milliseconds(200);
  agents.nodes[0].runs.push_back({.start = Milliseconds(600), .ready = Milliseconds(700)});
  agents.Withdraw(1, Milliseconds(300));
  const uint32_t c = agents.Publish(2, Milliseconds(400));
  agents.nodes[2].runs = {{.start = Milliseconds(300), .ready = Milliseconds(400)}};
  const ControlPlane plane = agents.Build();
  EXPECT_EQ(RouteOf(plane, 0, 1), (Moments{{{-1}, true}}));          // its tables stay as they were
  EXPECT_EQ(RouteOf(plane, 0, c), (Moments{{At(700, 3), true}}));    // listed at 600 ms, written from 700 ms on
  EXPECT_EQ(plane.Report(Milliseconds(500)).agents[0].entries, 1u);  // b, which is gone
  EXPECT_FALSE(plane.Report(Milliseconds(500)).agents[0].settled);   // it does not run
  EXPECT_EQ(plane.Report(Seconds(1)).agents[0].entries, 2u);
}

TEST(ControlPlane, AnAgentThatStopsLeavesHalfOfItsWork) {
  Agents agents(2);
  agents.BeginConverged(1);
  agents.nodes[0].runs[0].end = At(110, 2);
  agents.Publish(1, Milliseconds(100));
  agents.nodes[1].runs = {{.start = Milliseconds(50), .ready = Milliseconds(100)}};
  const ControlPlane plane = agents.Build();
  EXPECT_TRUE(plane.InForce(NodeId(0u), 1, Step::Fdb, 0, Seconds(9)).holds);
  EXPECT_FALSE(plane.InForce(NodeId(0u), 1, Step::Route, 0, Seconds(9)).holds);
}

TEST(ControlPlane, NobodyHearsAnythingBeforeItsWatchIsBack) {
  Agents agents(2);
  agents.BeginConverged(1);
  agents.outages = {{Milliseconds(95), Milliseconds(105)}};
  agents.Publish(1, Milliseconds(105));
  agents.nodes[1].runs = {{.start = Milliseconds(50), .ready = Milliseconds(105)}};
  const ControlPlane plane = agents.Build();
  // The watch ends at 95 ms and is tried again 0.8 s to 1.6 s later.
  const Moments route = RouteOf(plane, 0, 1);
  ASSERT_EQ(route.size(), 1u);
  EXPECT_GE(route[0].first, At(95 + 800, 3));
  EXPECT_LT(route[0].first, At(95 + 1600, 3));
}

TEST(ControlPlane, DrawnLatenciesKeepTheOrderOfChanges) {
  Agents agents(9);
  agents.latency = {Milliseconds(1), Milliseconds(100)};
  agents.BeginConverged(1);
  for (uint32_t n = 1; n < 9; ++n) {
    agents.Publish(n, Milliseconds(100 + n));
    agents.nodes[n].runs = {{.start = Milliseconds(50), .ready = Milliseconds(100 + n)}};
  }
  const ControlPlane plane = agents.Build();
  Nanoseconds last;
  for (uint32_t n = 1; n < 9; ++n) {
    const Moments route = RouteOf(plane, 0, n);
    ASSERT_EQ(route.size(), 1u);
    EXPECT_GE(route[0].first, Milliseconds(101 + n) + kOperation * 3);
    EXPECT_GE(route[0].first, last + kOperation * 3);
    last = route[0].first;
  }
  EXPECT_EQ(plane.Report(Seconds(1)).agents[0].settled, last);
}

// ------------------------------------------------------------------------------------------------ from scenarios

std::string Errors(const std::string& more) { return PlanText(WithCluster(kTwoNodes, more)).diagnostics.Format(); }

TEST(PlanAgents, WithoutAControlPlaneAllIsInForce) {
  const Planned planned = PlanText(WithCluster(kTwoNodes));
  EXPECT_FALSE(planned->HasAgents());
  EXPECT_NE(planned.Route("node1").find("10.244.2.0/24"), std::string::npos);
}

TEST(PlanAgents, TablesAreAsTheyAreAtTheClocksTime) {
  const Planned planned =
      PlanText(WithCluster(kTwoNodes, R"("controlPlane": {}, "events": [{"at": "1s", "join": "node2"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  int64_t now = 0;
  planned->FollowClock(now);
  auto hasRoute = [&] { return planned.Route("node1").find("10.244.2.0/24") != std::string::npos; };
  EXPECT_FALSE(hasRoute());
  // joins at 1 s, finds its pod CIDR at the second look at 4 s, has its lease at 5 s; heard 10 ms later, 3 operations
  now = (Seconds(5) + Milliseconds(10) + Microseconds(150)).count - 1;
  EXPECT_FALSE(hasRoute());
  EXPECT_NE(planned.Fdb("node1", "flannel.1"), "");
  ++now;
  EXPECT_TRUE(hasRoute());
}

TEST(PlanAgents, OperationsAreTheFlavours) {
  struct Case {
    const char* cni;
    int operations;  ///< until the route is there
  };
  for (const Case& c : {Case{R"({"type": "flannel"})", 3},
                        {R"({"type": "flannel", "backend": "host-gw"})", 1},
                        {R"({"type": "calico"})", 3},
                        {R"({"type": "cilium"})", 2},
                        {R"({"type": "antrea"})", 2},
                        {R"({"type": "canal"})", 3}}) {
    const Planned planned = PlanText(WithCluster(
        R"("nodes": ["node1", "node2"], "pods": [{"name": "a", "node": "node1"}, {"name": "b", "node": "node2"}], "cni": )" +
            std::string(c.cni),
        R"("controlPlane": {"setup": "0s", "podCIDRLatency": "0s"}, "events": [{"at": "1s", "join": "node2"}])"));
    ASSERT_TRUE(planned.plan) << c.cni << planned.diagnostics.Format();
    int64_t now = 0;
    planned->FollowClock(now);
    const std::string before = planned.Route("node1");
    now = (Milliseconds(1010) + kOperation * c.operations).count - 1;
    EXPECT_EQ(planned.Route("node1"), before) << c.cni;
    ++now;
    EXPECT_NE(planned.Route("node1"), before) << c.cni;
  }
}

TEST(PlanAgents, PodsOfANodeThatIsNotThereYetSendLater) {
  const Planned planned = PlanText(WithCluster(kTwoNodes, R"("events": [{"at": "1s", "join": "node2"}],
        "traffic": [{"type": "ping", "from": "pod-b", "to": "pod-a"}, {"type": "ping", "from": "pod-a", "to": "pod-b"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->workloads[0].start, Seconds(5));
  EXPECT_EQ(planned->workloads[1].start, Nanoseconds{});
}

TEST(PlanAgents, SaysWhatCannotBe) {
  EXPECT_NE(Errors(R"("events": [{"at": "1s", "leave": "node2"}, {"at": "2s", "leave": "node2"}])")
                .find("\"node2\" is not in the cluster then"),
            std::string::npos);
  EXPECT_NE(Errors(R"("events": [{"at": "1s", "join": "node3"}])").find("\"node3\" is no node; did you mean"),
            std::string::npos);
  EXPECT_NE(Errors(R"("events": [{"at": "1s", "apiServer": "away"}])").find("needs \"for\""), std::string::npos);
  EXPECT_NE(Errors(R"("controlPlane": {"watchLatency": {"from": "2ms", "to": "1ms"}})").find("is shorter than"),
            std::string::npos);
  EXPECT_NE(Errors(R"("expect": [{"converged": "*"}])").find("\"converged\" needs \"controlPlane\""),
            std::string::npos);
  EXPECT_NE(PlanText(WithCluster(R"("nodes": ["node1"], "cni": {"type": "calico", "ipipMode": "Always",
                                    "vxlanMode": "Never"})",
                                 R"("controlPlane": {})"))
                .diagnostics.Format()
                .find("is not supported yet"),
            std::string::npos);
}

}  // namespace
}  // namespace overlaysim
