#include "sim/run/recorder.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "running.h"
#include "sim/iproute2/show.h"
#include "sim/trace/capture_reader.h"
#include "sim/trace/trace_reader.h"

namespace overlaysim {
namespace {

struct ReadTrace {
  TableHistory history;
  std::vector<TraceRecord> records;

  explicit ReadTrace(const Ran& ran) {
    std::string error;
    auto reader = TraceReader::Open(ran.outcome->directory / run_file::kTrace, error);
    if (!reader) throw std::runtime_error(error);
    EXPECT_TRUE(reader->ReadTables(history)) << reader->Error();
    EXPECT_TRUE(reader->VisitAll([&](const TraceRecord& record, const HeaderChange&) {
      records.push_back(record);
      return true;
    })) << reader->Error();
  }
  /// The lines that decided at that stage in that namespace, in order, each once.
  std::vector<std::string> Lines(std::string_view netns, Stage stage) const {
    std::vector<std::string> lines;
    for (const TraceRecord& r : records) {
      if (r.stage != stage || r.row == 0 || history.NetnsName(r.netns) != netns) continue;
      const std::string line(history.LineOf(r));
      if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
    }
    return lines;
  }
};

CaptureFile Packets(const Ran& ran) {
  std::string error;
  auto capture = ReadCapture(ran.outcome->directory / run_file::kPackets, error);
  EXPECT_TRUE(capture) << error;
  return capture.value_or(CaptureFile{});
}

TEST(Recorder, EachRecordNamesTheLineThatIproute2Prints) {
  const Ran ran(TwoNodes(kThreePings));
  const ReadTrace trace(ran);
  EXPECT_EQ(trace.Lines("pod-a", Stage::RouteOutput),
            std::vector<std::string>{"10.244.0.0/16 via 10.244.1.1 dev eth0"});
  EXPECT_EQ(trace.Lines("node1", Stage::VxlanFdbLookup).size(), 1u);
  const auto node1 = ran.Plan().Materialise(ran.Plan().Find("node1"));
  const std::string fdb = iproute2::FdbShow(*node1);
  EXPECT_NE(fdb.find(trace.Lines("node1", Stage::VxlanFdbLookup).front() + "\n"), std::string::npos);
  for (const TraceRecord& record : trace.records) {
    EXPECT_EQ(record.row == 0, trace.history.LineOf(record).empty()) << StageName(record.stage);
  }
}

TEST(Recorder, TablesCanBeRebuiltAsTheyWereAtAnyTime) {
  const Ran ran(TwoNodes(kThreePings + R"(, "events": [
    {"at": "500ms", "exec": "ip route del 10.244.2.0/24", "on": "node1"},
    {"at": "1500ms", "exec": "ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink", "on": "node1"}])"));
  const ReadTrace trace(ran);
  const auto hasRoute = [&](int64_t at) {
    const auto rows = trace.history.RowsAt(ran.Plan().Find("node1").value, kernel::Table::Route, at);
    return std::any_of(rows.begin(), rows.end(),
                       [](const TableRow& row) { return row.text.rfind("10.244.2.0/24 ", 0) == 0; });
  };
  EXPECT_TRUE(hasRoute(0));
  EXPECT_FALSE(hasRoute(Milliseconds(600).count));
  EXPECT_TRUE(hasRoute(Milliseconds(1600).count));
}

TEST(Recorder, LinksAndRoutesOfOneNumberStayApart) {
  const Ran ran(TwoNodes(kThreePings));
  const ReadTrace trace(ran);
  const uint32_t node1 = ran.Plan().Find("node1").value;
  const auto ns = ran.Plan().Materialise(NetnsId(node1));
  EXPECT_EQ(trace.history.RowsAt(node1, kernel::Table::Link, 0).size(), ns->Links().size());
  EXPECT_EQ(trace.history.RowsAt(node1, kernel::Table::Address, 0).size(), ns->Addresses().size());
  EXPECT_EQ(trace.history.RowsAt(node1, kernel::Table::Route, 0).size(), ns->Routes(0).size());
}

TEST(Recorder, OfManyPeersOnlyTheRowsThatDecideAreWritten) {
  const Ran ran(R"({"format": 1, "cluster": {"nodes": [{"generate": 300, "name": "node{i}"}], "podCIDR": "10.0.0.0/11",
    "cni": {"type": "flannel"}, "pods": [{"generate": 1, "per": "node", "name": "web{i}"}]},
    "traffic": [{"type": "ping", "from": "web1", "to": "web300", "count": 1}]})");
  const ReadTrace trace(ran);
  const uint32_t node1 = ran.Plan().Find("node1").value;
  EXPECT_EQ(trace.history.RowsAt(node1, kernel::Table::VxlanFdb, 0).size(), 1u);
  EXPECT_EQ(trace.Lines("node1", Stage::VxlanFdbLookup).size(), 1u);
  EXPECT_NE(trace.Lines("node1", Stage::VxlanFdbLookup).front().find(" dev flannel.1 dst "), std::string::npos);
  EXPECT_NE(trace.Lines("node1", Stage::RouteInput).front().find(" dev flannel.1 onlink"), std::string::npos);
}

TEST(Recorder, ARuleThatWasAddedUnderWayIsKnown) {
  const Ran ran(TwoNodes(kThreePings + R"(, "events": [
    {"at": "500ms", "exec": "iptables -I FORWARD -d 10.244.2.0/24 -j DROP", "on": "node1"}])"));
  const ReadTrace trace(ran);
  EXPECT_EQ(
      trace.Lines("node1", Stage::FilterForward),
      (std::vector<std::string>{"-A FLANNEL-FWD -s 10.244.0.0/16 -m comment --comment \"flanneld forward\" -j ACCEPT",
                                "-A FORWARD -d 10.244.2.0/24 -j DROP"}));
  EXPECT_EQ(ran.outcome->losses.Get(Verdict::FilterDrop), 2u);
}

TEST(Recorder, CapturesNameDevicesPodsAndJourneys) {
  const Ran ran(TwoNodes(kThreePings +
                         R"(, "capture": [{"on": "node1/eth0", "filter": "udp port 8472"}, {"on": "pod-b/eth0"}])"));
  const CaptureFile capture = Packets(ran);
  ASSERT_EQ(capture.interfaces.size(), 2u);
  EXPECT_EQ(capture.interfaces[0].name, "node1/eth0");
  EXPECT_EQ(capture.interfaces[0].filter, "udp port 8472");
  EXPECT_EQ(capture.interfaces[1].name, "pod-b/eth0");
  size_t tunnelled = 0;
  for (const ReadFrame& frame : capture.frames) {
    if (frame.interface != 0) continue;
    EXPECT_EQ(frame.bytes.size(), 148u);  // 98 + 50
    ++tunnelled;
  }
  EXPECT_EQ(tunnelled, 6u);  // 3 requests, 3 replies
  EXPECT_EQ(capture.frames.front().comment, "pod-a → pod-b, pod-a#1");
  EXPECT_EQ(capture.frames.front().direction, CaptureDirection::Outbound);
}

TEST(Recorder, ADeviceThatIsMadeLaterIsCaptured) {
  const Ran ran(TwoNodes(kThreePings + R"(, "capture": [{"on": "node1/flannel.1"}], "events": [
    {"at": "500ms", "exec": "ip link del flannel.1", "on": "node1"},
    {"at": "600ms", "exec": "ip link add flannel.1 type vxlan id 1 dev eth0 local 172.16.1.11 dstport 8472 nolearning", "on": "node1"},
    {"at": "601ms", "exec": "ip link set flannel.1 up", "on": "node1"},
    {"at": "602ms", "exec": "ip route add 10.244.2.0/24 dev flannel.1", "on": "node1"}])"));
  const CaptureFile capture = Packets(ran);
  EXPECT_EQ(capture.interfaces.size(), 1u);
  const bool later = std::any_of(capture.frames.begin(), capture.frames.end(),
                                 [](const ReadFrame& frame) { return frame.time > Milliseconds(700); });
  EXPECT_TRUE(later);
}

TEST(Recorder, CopiesForThoseWhomTheyDoNotConcernAreNoLoss) {
  // tcpdump on cni0 makes it promiscuous: it gets a copy of all that is bridged between pods, and drops it as
  // OtherHost.
  const Ran ran(R"({"format": 1, "cluster": {"nodes": ["node1"], "cni": {"type": "flannel"},
    "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node1"}]},
    "traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 3}], "capture": [{"on": "node1/cni0"}]})");
  EXPECT_GT(ran.outcome->metrics.verdicts.Get(Verdict::OtherHost), 0u);
  EXPECT_EQ(ran.outcome->losses.Drops(), 0u);
}

/// A leaf-spine with two nodes in each rack and lines of traffic of every kind.
std::string MixedTraffic(const std::string& rest) {
  return R"({"format": 1, "cluster": {"nodes": [{"generate": 4, "name": "node{i}"}], "cni": {"type": "flannel"},
      "pods": [{"generate": 2, "per": "node", "name": "web{i}"}]},
      "underlay": {"type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2},
      "traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 20}, "packets": 30, "interval": "50us",
                   "payload": "2000B"},
                  {"type": "ping", "from": "web1", "to": "web8", "count": 20, "interval": "1ms"},
                  {"type": "tcp", "from": "web2", "to": "web7", "up": "100000B"}])" +
         rest + "}";
}

/// The records of those journeys.
std::vector<TraceRecord> RecordsOf(const std::vector<TraceRecord>& all, const std::set<uint64_t>& journeys) {
  std::vector<TraceRecord> out;
  std::copy_if(all.begin(), all.end(), std::back_inserter(out),
               [&](const TraceRecord& r) { return journeys.contains(r.journey); });
  return out;
}

std::set<uint64_t> JourneysOf(const std::vector<TraceRecord>& records) {
  std::set<uint64_t> journeys;
  for (const TraceRecord& r : records) journeys.insert(r.journey);
  return journeys;
}

/// A sample changes what is recorded, and nothing else: its packets are told of as in a whole trace, with what they
/// cause, and every record finds the row that decided.
TEST(Recorder, ASampleIsPartOfTheWhole) {
  const Ran whole(MixedTraffic("")), sampled(MixedTraffic(R"(, "trace": {"sample": 10})"));
  const ReadTrace all(whole), some(sampled);
  const std::set<uint64_t> journeys = JourneysOf(some.records);
  const std::vector<TraceRecord> expected = RecordsOf(all.records, journeys);
  EXPECT_EQ(some.records, expected);
  // 600 datagrams, 20 requests and some hundred segments, of which a tenth is drawn
  EXPECT_GT(journeys.size(), JourneysOf(all.records).size() / 20);
  EXPECT_LT(journeys.size(), JourneysOf(all.records).size() / 4);
  for (const TraceRecord& r : all.records) {
    const bool isCaused = r.cause != 0 && journeys.contains(r.cause);
    EXPECT_TRUE(!isCaused || journeys.contains(r.journey)) << r.journey;
  }
  for (const TraceRecord& r : some.records)
    EXPECT_EQ(some.history.LineOf(r), all.history.LineOf(r)) << StageName(r.stage);
  EXPECT_EQ(sampled.Bytes(run_file::kMetrics), whole.Bytes(run_file::kMetrics));
}

TEST(Recorder, ASampleWithExpectationsIsTheSame) {
  const std::string trace = R"(, "trace": {"sample": 10})";
  const Ran alone(MixedTraffic(trace));
  const Ran judged(MixedTraffic(trace + R"(, "expect": [{"loss": {"from": "web1", "to": "web8"}, "is": "0%"}])"));
  EXPECT_TRUE(judged.outcome->AllHeld());
  EXPECT_EQ(ReadTrace(judged).records, ReadTrace(alone).records);
}

TEST(Recorder, ATraceOfSomeEndsHasTheirTrafficAndWhatItCauses) {
  const Ran ran(MixedTraffic(R"(, "trace": {"from": "web1", "to": "web8"})"));
  const ReadTrace trace(ran);
  const auto isPing = [&](uint32_t flow) { return ran.Plan().workloads.at(flow).kind == WorkloadKind::Ping; };
  size_t requests = 0, answers = 0, others = 0;
  for (const TraceRecord& r : trace.records) {
    if (r.stage != Stage::Send) continue;
    const bool isOwn = r.flow < ran.Plan().workloads.size() && isPing(r.flow);
    (!isOwn ? others : r.cause == 0 ? requests : answers) += 1;
    EXPECT_TRUE(isOwn || r.cause != 0);
  }
  EXPECT_EQ(requests, 20u);
  EXPECT_EQ(answers, 20u);
  EXPECT_GT(others, 0u);  // ARP on the way
}

}  // namespace
}  // namespace overlaysim
