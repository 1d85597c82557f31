// Agents that write in time what they learn of other nodes: what packets, tables, metrics and the trace see of it.

#include <algorithm>
#include <tuple>

#include "running.h"
#include "sim/iproute2/show.h"
#include "sim/run/tables_at.h"
#include "sim/trace/trace_reader.h"
#include "support/seen_run.h"

namespace overlaysim {
namespace {

/// node3 joins at 1 s; its lease is there at once, the others hear of it at 1.01 s and write for 150 us.
std::string Joins(const std::string& more, const std::string& cni = R"({"type": "flannel"})") {
  return R"({"format": 1, "cluster": {"nodes": [{"generate": 3}], "cni": )" + cni + R"(,
    "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}, {"name": "pod-c", "node": "node3"}]},
    "controlPlane": {"setup": "0s", "podCIDRLatency": "0s"}, "events": [{"at": "1s", "join": "node3"})" +
         more + "}";
}
const std::string kDatagrams = R"(], "traffic": [{"type": "udp", "from": "pod-a", "to": "pod-c", "start": "1.0095s",
    "packets": 20, "interval": "50us", "payload": "100B"}])";

TEST(ControlPlaneRun, APacketFindsWhatIsWrittenByThen) {
  // Sent at 1.0095 s + i * 50 us; the route is there at 1.01015 s, which is i = 13.
  const Ran ran(Joins(kDatagrams));
  EXPECT_EQ(ran.outcome->metrics.flows[0].deliveredPackets, 20u - 13u);
}

TEST(ControlPlaneRun, FlowCachesNotice) {
  for (const char* cni :
       {R"({"type": "flannel"})", R"({"type": "flannel", "backend": "host-gw"})", R"({"type": "calico"})",
        R"({"type": "cilium"})", R"({"type": "antrea"})", R"({"type": "cilium", "encryption": "wireguard"})",
        R"({"type": "cilium", "routingMode": "native", "encryption": "wireguard"})"}) {
    const std::string text = Joins(R"(, {"at": "1.1s", "leave": "node3"}, {"at": "1.2s", "join": "node3"}], "traffic": [
      {"type": "udp", "from": "pod-a", "to": "pod-c", "start": "0.9s", "packets": 5000, "interval": "100us"},
      {"type": "udp", "from": "pod-a", "to": "pod-b", "start": "0.9s", "packets": 5000, "interval": "100us"}])",
                                   cni);
    test::TemporaryDirectory directory;
    std::ofstream(directory / "test.json") << text;
    Diagnostics diagnostics;
    const auto loaded = LoadPlan((directory / "test.json").string(), {}, diagnostics);
    ASSERT_TRUE(loaded) << diagnostics.Format();
    const test::SeenRun with = test::SeeRun(*loaded->plan, true), without = test::SeeRun(*loaded->plan, false);
    EXPECT_EQ(test::FirstDifference(with.state, without.state), "") << cni;
    EXPECT_EQ(without.repeated, 0u);
  }
}

TEST(ControlPlaneRun, ShowsTablesAsTheyAreAtATime) {
  Ran ran(Joins(kDatagrams));
  auto routeAt = [&](Nanoseconds at) {
    std::string text;
    ShowTablesAt(*ran.loaded->plan, at, ran.Plan().Find("node1"),
                 [&](const kernel::Namespace& ns, Nanoseconds) { text = iproute2::RouteShow(ns); });
    return text.find("10.244.3.0/24") != std::string::npos;
  };
  EXPECT_FALSE(routeAt(Milliseconds(1010) + Microseconds(149)));
  EXPECT_TRUE(routeAt(Milliseconds(1010) + Microseconds(150)));
}

TEST(ControlPlaneRun, TheTraceTellsOfEachRowWhenItComes) {
  const Ran ran(Joins(kDatagrams));
  std::string error;
  auto trace = TraceReader::Open(ran.outcome->directory / std::string(run_file::kTrace), error);
  ASSERT_TRUE(trace) << error;
  TableHistory history;
  ASSERT_TRUE(trace->ReadTables(history));
  const uint32_t node1 = ran.Plan().Find("node1").value;
  // Rows of node3's: 10.244.3.0 is its tunnel's address, 172.16.3.11 its own
  auto rowsAt = [&](kernel::Table table, int64_t operations, int64_t early, std::string_view word) {
    const int64_t at = (Milliseconds(1010) + Microseconds(50) * operations).count - early;
    const auto rows = history.RowsAt(node1, table, at);
    return std::count_if(rows.begin(), rows.end(),
                         [&](const TableRow& row) { return row.text.find(word) != std::string_view::npos; });
  };
  for (const auto& [table, operations, word] : {std::tuple{kernel::Table::Neighbour, 1, "10.244.3.0 "},
                                                {kernel::Table::VxlanFdb, 2, "172.16.3."},
                                                {kernel::Table::Route, 3, "10.244.3.0/24"}}) {
    EXPECT_EQ(rowsAt(table, operations, 1, word), 0) << word;
    EXPECT_EQ(rowsAt(table, operations, 0, word), 1) << word;
  }
}

TEST(ControlPlaneRun, CommandsChangeWhatTheAgentHasWritten) {
  // The route is taken away by hand at 1.45 s, and comes back with the list of the next process, which starts at 2 s.
  const Ran ran(Joins(R"(, {"at": "1.45s", "exec": "ip route del 10.244.3.0/24", "on": "node1"},
      {"at": "2s", "restart": "node1"}], "traffic": [
      {"type": "udp", "from": "pod-a", "to": "pod-c", "start": "1.2s", "packets": 10, "interval": "100ms"}])"));
  EXPECT_EQ(ran.outcome->metrics.flows[0].deliveredPackets, 3u + 1u);  // 1.2 to 1.4 s; and 2.1 s
}

TEST(ControlPlaneRun, MetricsSayWhenAgentsWereDone) {
  const Ran ran(Joins(kDatagrams));
  const RunMetrics& metrics = ran.outcome->metrics;
  ASSERT_EQ(metrics.agents.size(), 3u);
  EXPECT_EQ(metrics.AgentEntries(), 6u);  // each has the other two
  EXPECT_EQ(metrics.agents[0].settled, Milliseconds(1010) + Microseconds(150));
  EXPECT_EQ(metrics.agents[2].settled,
            Milliseconds(1010) + Microseconds(300));  // its list comes 10 ms after it is asked for
  ASSERT_EQ(metrics.changes.size(), 1u);
  EXPECT_EQ(metrics.changes[0].text, "node3 joins");
  EXPECT_EQ(metrics.changes[0].nodes, 2u);
  EXPECT_EQ(metrics.changes[0].last, Milliseconds(1010) + Microseconds(150));
  std::string error;
  EXPECT_EQ(MetricsFromJson(ran.Bytes(run_file::kMetrics), error), metrics) << error;
}

TEST(ControlPlaneRun, JudgesConvergence) {
  auto judge = [](const std::string& expectation) {
    const Ran ran(Joins(kDatagrams + R"(, "expect": [)" + expectation + "]"));
    return ran.outcome->judgements.front();
  };
  EXPECT_TRUE(judge(R"({"converged": "*", "before": "1.0104s"})").held);
  EXPECT_FALSE(judge(R"({"converged": "*", "before": "1.0103s"})").held);  // node3 at exactly that
  EXPECT_TRUE(judge(R"({"reach": {"from": "pod-a", "to": "pod-c"}, "at": "1.0104s"})").held);
  EXPECT_FALSE(judge(R"({"reach": {"from": "pod-a", "to": "pod-c"}, "at": "1.01s"})").held);
}

TEST(ControlPlaneRun, EndsWhenTheLastAgentIsDoneWhereNothingElseGoesOn) {
  const Ran ran(R"({"format": 1, "cluster": {"nodes": [{"generate": 20}], "cni": {"type": "flannel"}},
      "controlPlane": {"start": "0s", "setup": "1s"}})");
  // All publish at 1 s; each hears it at 1.01 s and writes 19 * 3 operations.
  EXPECT_EQ(ran.outcome->metrics.AgentEntries(), 20u * 19u);
  for (const AgentMetrics& agent : ran.outcome->metrics.agents)
    EXPECT_EQ(agent.settled, Milliseconds(1010) + Microseconds(50) * (19 * 3)) << agent.node;
}

TEST(ControlPlaneRun, ScenarioOfANodeThatJoins) {
  Diagnostics diagnostics;
  auto loaded = LoadPlan(OVERLAYSIM_SOURCE_DIR "/scenarios/behaviour/node-join.json", {}, diagnostics);
  ASSERT_TRUE(loaded) << diagnostics.Format();
  test::TemporaryDirectory directory;
  RunRequest request;
  request.directory = directory / "run";
  std::string error;
  const auto outcome = RunScenario(*loaded, request, error);
  ASSERT_TRUE(outcome) << error;
  for (const Judgement& j : outcome->judgements) EXPECT_TRUE(j.held) << j.text << ": " << j.found;
  // 40 requests, each 250 ms from 0 s on: those at 6.25 s to 8 s are answered
  EXPECT_EQ(outcome->metrics.flows[0].deliveredPackets, 8u);
}

}  // namespace
}  // namespace overlaysim
