// Traffic of the types "rpc" and "bulk", and pairs by a matrix of racks, as they are planned.

#include <fstream>

#include "planning.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

const std::string kRacks =
    R"("nodes": [{"generate": 4, "name": "node{i}"}], "cni": {"type": "flannel"},
       "pods": [{"generate": 2, "per": "node", "name": "web{i}"}])";
/// web1 to web4 in one rack, web5 to web8 in the other.
const std::string kUnderlay = R"("underlay": {"type": "leaf-spine", "leaves": 2, "spines": 1, "nodesPerLeaf": 2}, )";

Planned WithTraffic(const std::string& traffic, const std::string& more = "") {
  return PlanText(WithCluster(kRacks, kUnderlay + "\"traffic\": [" + traffic + "]" + more));
}

TEST(PlanRpc, OneRequestAfterTheOther) {
  const Planned planned = WithTraffic(
      R"({"type": "rpc", "from": "web1", "to": "web5", "count": 7, "request": "200B", "reply": "4kB", "port": 80})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const Workload& w = planned->workloads.at(0);
  EXPECT_EQ(w.kind, WorkloadKind::Rpc);
  EXPECT_EQ(w.count, 7u);
  EXPECT_EQ(w.interval, Nanoseconds{});
  EXPECT_EQ(w.up, 200u);
  EXPECT_EQ(w.down, 4000u);
  EXPECT_EQ(w.destinationPort, 80);
  EXPECT_EQ(w.timeout, Seconds(1));
}

TEST(PlanRpc, ARateLastsAsLongAsIsSaid) {
  const std::string rpc = R"({"type": "rpc", "from": "web1", "to": "web5", "rate": "200/s", "per": "pair")";
  const Planned during = WithTraffic(rpc + R"(, "during": ["1s", "1.1s"]})");
  ASSERT_TRUE(during.plan) << during.diagnostics.Format();
  EXPECT_EQ(during->workloads[0].interval, Milliseconds(5));
  EXPECT_EQ(during->workloads[0].count, 20u);  // 1 s, 1.005 s, ... 1.095 s
  EXPECT_EQ(during->workloads[0].until, Milliseconds(1100));
  const Planned toTheEnd = WithTraffic(rpc + "}", R"(, "duration": "2s")");
  ASSERT_TRUE(toTheEnd.plan) << toTheEnd.diagnostics.Format();
  EXPECT_EQ(toTheEnd->workloads[0].count, 400u);
  EXPECT_NE(WithTraffic(rpc + "}").diagnostics.Format().find("\"duration\" is needed"), std::string::npos);
}

TEST(PlanRpc, RefusesMessagesOfSeveralDatagrams) {
  EXPECT_NE(WithTraffic(R"({"type": "rpc", "from": "web1", "to": "web5", "reply": "65508B"})")
                .diagnostics.Format()
                .find("a message of 65.508kB does not fit into a datagram (at most 65507B)"),
            std::string::npos);
}

TEST(PlanBulk, OneFlowOfEachPairUnlessMoreIsSaid) {
  const Planned planned =
      WithTraffic(R"({"type": "bulk", "from": "web1", "to": "web*", "sizes": "5kB", "start": "1s"})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->workloads.size(), 7u);  // not to itself
  for (const Workload& w : planned->workloads) {
    EXPECT_EQ(w.kind, WorkloadKind::Tcp);
    EXPECT_TRUE(w.isBulk);
    EXPECT_EQ(w.up, 5000u);
    EXPECT_EQ(w.start, Seconds(1));
  }
}

TEST(PlanBulk, ALoadIsAShareOfEachSendersCable) {
  // 2 senders of 40 % of 10 Gbps each, flows of 8 Mbit: 1,000 a second on average, 32 being the standard deviation.
  const Planned planned = WithTraffic(
      R"({"type": "bulk", "from": "web1", "to": "web5", "sizes": "1MB", "during": ["1s", "2s"],
          "load": {"of": "hostLink", "value": "40%"}},
         {"type": "bulk", "from": "web2", "to": "web6", "sizes": "1MB", "during": ["1s", "2s"],
          "load": {"of": "hostLink", "value": "40%"}})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NEAR(static_cast<double>(planned->workloads.size()), 1000, 100);
  for (const Workload& w : planned->workloads) {
    EXPECT_GE(w.start, Seconds(1));
    EXPECT_LT(w.start, Seconds(2));
  }
}

TEST(PlanBulk, ARateOfFlowsWithACountEndsWithTheCount) {
  const Planned planned = WithTraffic(
      R"({"type": "bulk", "from": "web*", "to": "web*", "pairs": {"random": 5}, "count": 200, "sizes": "websearch",
          "rate": "10000/s", "per": "total"})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->workloads.size(), 1000u);
  // 1,000 gaps of 100 us: 100 ms, the standard deviation being 3 ms
  EXPECT_NEAR(static_cast<double>(planned->workloads.back().start.count), 100e6, 10e6);
}

TEST(PlanBulk, TheSameSeedDrawsTheSame) {
  const std::string bulk =
      R"({"type": "bulk", "from": "web*", "to": "web*", "pairs": "random", "sizes": "websearch", "during": ["0s", "1ms"],
          "rate": "100000/s", "per": "total"})";
  const Planned a = WithTraffic(bulk), b = WithTraffic(bulk), c = WithTraffic(bulk, R"(, "seed": 2)");
  ASSERT_TRUE(a.plan && b.plan && c.plan) << a.diagnostics.Format();
  auto sizes = [](const Planned& p) {
    std::vector<uint64_t> out;
    for (const Workload& w : p->workloads) out.push_back(w.up);
    return out;
  };
  EXPECT_EQ(sizes(a), sizes(b));
  EXPECT_NE(sizes(a), sizes(c));
}

struct Matrix {
  test::TemporaryDirectory directory;
  Planned Plan(const std::string& lines) const {
    std::ofstream(directory / "racks.csv") << "src_tor,dst_tor,probability\n" << lines;
    return WithTraffic(R"({"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 4000, "by": ")" +
                       (directory / "racks.csv").string() + "\"}}");
  }
};

/// 1: web1 to web4; 2: web5 to web8.
int RackOf(const std::string& pod) { return pod.back() <= '4' ? 1 : 2; }

TEST(PlanPairs, FollowAMatrixOfRacks) {
  const Matrix matrix;
  // 17 of 20 within the second rack, 3 from it to the first; racks are counted, whatever their numbers.
  const Planned planned = matrix.Plan("40,40,0.17\n40,7,3e-2\n");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  ASSERT_EQ(planned->workloads.size(), 4000u);
  int within = 0;
  for (const Workload& w : planned->workloads) {
    EXPECT_EQ(RackOf(w.fromName), 2);
    EXPECT_NE(w.fromName, w.toName);
    within += RackOf(w.toName) == 2;
  }
  EXPECT_NEAR(within, 3400, 100);  // the standard deviation being 23
  const Planned named = matrix.Plan("leaf1,leaf2,1\n");
  ASSERT_TRUE(named.plan) << named.diagnostics.Format();
  for (const Workload& w : named->workloads) EXPECT_EQ(RackOf(w.fromName) * 10 + RackOf(w.toName), 12);
}

TEST(PlanPairs, SayWhatIsWrongWithAMatrix) {
  const Matrix matrix;
  EXPECT_NE(matrix.Plan("0,1,1\n2,1,1\n").diagnostics.Format().find("has 3 racks, and the cluster has 2"),
            std::string::npos);
  EXPECT_NE(matrix.Plan("leaf1,leaf9,1\n").diagnostics.Format().find("\"leaf9\" is no switch"), std::string::npos);
  EXPECT_NE(matrix.Plan("0,1,much\n").diagnostics.Format().find("\"much\" is no number"), std::string::npos);
  EXPECT_NE(matrix.Plan("0,1,0\n").diagnostics.Format().find("none of \"from\" sends"), std::string::npos);
}

}  // namespace
}  // namespace overlaysim
