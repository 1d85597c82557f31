// host::FlowCache changes no result: the same scenario with and without it comes to the same packets, tables and
// counters, and to the same trace.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "sim/run/run_scenario.h"
#include "support/seen_run.h"
#include "support/shipped_scenarios.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

/// How many packets were repeated, at least: without records, or with them.
uint64_t ExpectTheSame(const std::string& path) {
  Diagnostics diagnostics;
  const auto loaded = LoadPlan(path, {}, diagnostics);
  EXPECT_TRUE(loaded) << diagnostics.Format();
  if (!loaded) return 0;
  const test::SeenRun with = test::SeeRun(*loaded->plan, true), without = test::SeeRun(*loaded->plan, false);
  EXPECT_EQ(test::FirstDifference(with.state, without.state), "");
  EXPECT_EQ(without.repeated, 0u);
  const test::RecordedRun cached = test::RecordRun(*loaded->plan, true), whole = test::RecordRun(*loaded->plan, false);
  EXPECT_GT(whole.trace.size(), 0u);
  EXPECT_TRUE(cached.trace == whole.trace) << cached.trace.size() << " and " << whole.trace.size() << " bytes";
  return std::min(with.repeated, cached.repeated);
}

uint64_t ExpectTheSameOf(const std::string& text) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "test.json") << text;
  return ExpectTheSame((directory / "test.json").string());
}

class FlowCacheOf : public testing::TestWithParam<std::string> {};

TEST_P(FlowCacheOf, ChangesNoResult) { ExpectTheSame(OVERLAYSIM_SOURCE_DIR "/scenarios/" + GetParam()); }

INSTANTIATE_TEST_SUITE_P(Scenarios, FlowCacheOf, testing::ValuesIn(test::ShippedScenarios()), test::NameOfScenario);

/// Two racks with two nodes of three pods each.
std::string Cluster(const std::string& cni, const std::string& more) {
  return R"({"format": 1, "underlay": {"type": "leaf-spine", "leaves": 2, "spines": 2, "nodesPerLeaf": 2},
    "cluster": {"nodes": [{"generate": 4}], "cni": )" +
         cni + R"(, "pods": [{"generate": 3, "per": "node", "name": "web{i}"}]}, )" + more + "}";
}
const std::string kFlannel = R"({"type": "flannel"})";
const std::string kDatagrams =
    R"({"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 30}, "packets": 50, "payload": "700B"})";

TEST(FlowCache, RepeatsMostDatagramsOfAFlow) {
  // Each of the 30 flows of 50 meets five kernels at most; all but the first few packets are repeated in each.
  EXPECT_GT(ExpectTheSameOf(Cluster(kFlannel, R"("traffic": [)" + kDatagrams + "]")), 30u * 40u * 3u);
}

// Nearly all pods have neighbours by the time when questions about others come by; some of them know
// another by a wrong address, have more addresses, or answer for others. The second questions come more than a second after the first: only then
// does a host take another address for one that it knows (locktime).
TEST(FlowCache, CountsQuestionsForOthersAsWhoHearsThem) {
  ExpectTheSameOf(
      R"({"format": 1, "cluster": {"nodes": [{"generate": 2}], "cni": {"type": "flannel"},
            "pods": [{"generate": 40, "per": "node", "name": "web{i}"}]},
          "traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 120}, "packets": 2,
                       "interval": "1500ms"},
                      {"type": "udp", "from": "web2", "to": "web50", "packets": 2, "interval": "1500ms"}],
          "events": [
            {"at": "1ms", "exec": "sysctl -w net.ipv4.conf.eth0.proxy_arp=1 net.ipv4.conf.eth0.forwarding=1", "on": "web3"},
            {"at": "1ms", "exec": "ip route add local 10.244.1.0/28 dev lo", "on": "web5"},
            {"at": "1ms", "exec": "ip neigh replace 10.244.1.3 lladdr 02:00:00:00:00:77 dev eth0 nud stale", "on": "web7"},
            {"at": "2ms", "exec": "ip addr add 10.244.1.99/32 dev eth0", "on": "web8"},
            {"at": "200ms", "exec": "ip link set eth0 arp off", "on": "web9"},
            {"at": "1400ms", "exec": "ip neigh flush all", "on": "node1"},
            {"at": "1450ms", "exec": "ip neigh flush all", "on": "web2"}]})");
}

TEST(FlowCache, RepeatsUnderEachFlavour) {
  for (const char* cni : {R"({"type": "flannel", "backend": "host-gw"})",
                          R"({"type": "flannel", "backend": "vxlan", "directRouting": true})",
                          R"({"type": "calico", "vxlanMode": "Always"})", R"({"type": "vxlan"})"})
    EXPECT_GT(ExpectTheSameOf(Cluster(cni, R"("traffic": [)" + kDatagrams + "]")), 1000u) << cni;
}

// Each packet has a number of its own on the wire.
TEST(FlowCache, LeavesWhatIsEncryptedAlone) {
  for (const char* cni :
       {R"({"type": "flannel", "backend": "wireguard"})", R"({"type": "flannel", "backend": "ipsec"})",
        R"({"type": "flannel", "backend": "ipsec", "udpEncap": true})"})
    ExpectTheSameOf(Cluster(cni, R"("traffic": [)" + kDatagrams + "]"));
}

TEST(FlowCache, RepeatsSegmentsOfTcp) {
  EXPECT_GT(ExpectTheSameOf(
                Cluster(kFlannel, R"("traffic": [{"type": "tcp", "from": "web1", "to": "web12", "up": "500kB"}])")),
            500u);
}

TEST(FlowCache, FollowsWhatIsDoneMeanwhile) {
  ExpectTheSameOf(Cluster(kFlannel, R"("traffic": [)" + kDatagrams + R"(], "events": [
    {"at": "10ms", "fail": {"link": ["leaf1", "spine1"]}},
    {"at": "15ms", "exec": "iptables -I FORWARD -s 10.244.0.0/24 -j DROP", "on": "node1"},
    {"at": "20ms", "exec": "ip link set flannel.1 down", "on": "node2"},
    {"at": "30ms", "exec": "ip link set flannel.1 up", "on": "node2"},
    {"at": "35ms", "exec": "ip link set eth0 mtu 600", "on": "node3"},
    {"at": "40ms", "exec": "iptables -F FORWARD", "on": "node1"}])"));
}

TEST(FlowCache, LearnsAnewWhereOneKernelHasChanged) {
  // 100 datagrams through five kernels. At 20 ms another flow makes the receiver's node learn an address: what comes
  // there is learnt anew, from frames that the sender's node repeats. A few packets in each kernel take the whole path.
  EXPECT_GT(ExpectTheSameOf(Cluster(kFlannel, R"("traffic": [
      {"type": "udp", "from": "web1", "to": "web12", "packets": 100, "payload": "700B"},
      {"type": "udp", "from": "web4", "to": "web11", "packets": 1, "start": "20ms"}])")),
            5u * 100u - 50u);
}

TEST(FlowCache, LeavesFullQueuesToTheWholePath) {
  ExpectTheSameOf(
      R"({"format": 1, "underlay": {"type": "leaf-spine", "leaves": 2, "spines": 1, "nodesPerLeaf": 2,
            "hostLink": {"rate": "10Mbps", "queue": "3kB"}},
          "cluster": {"nodes": [{"generate": 4}], "cni": {"type": "flannel"},
                      "pods": [{"generate": 3, "per": "node", "name": "web{i}"}]},
          "traffic": [)" +
      kDatagrams + "]}");
}

}  // namespace
}  // namespace overlaysim
