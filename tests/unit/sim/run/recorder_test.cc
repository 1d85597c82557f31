#include "sim/run/recorder.h"

#include <algorithm>
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

}  // namespace
}  // namespace overlaysim
