#include "sim/run/distribution/distribution.h"

#include <fmt/format.h>

#include "forked_ranks.h"
#include "running.h"
#include "sim/base/random.h"
#include "sim/trace/capture_reader.h"
#include "sim/trace/trace_reader.h"

namespace overlaysim {
namespace {

/// What a scenario leaves when so many ranks run it together.
struct RanTogether {
  test::TemporaryDirectory directory;
  std::vector<int> exits;

  RanTogether(const std::string& text, uint32_t ranks) {
    const std::filesystem::path file = directory / "test.json";
    std::ofstream(file) << text;
    auto run = [&](engine::Transport* transport) {
      Diagnostics diagnostics;
      auto loaded = LoadPlan(file.string(), {}, diagnostics);
      if (!loaded) {
        fmt::print(stderr, "{}", diagnostics.Format());
        return 2;
      }
      RunRequest request;
      request.directory = directory / "run";
      request.ranks = transport;
      std::string error;
      const auto outcome = RunScenario(*loaded, request, error);
      if (!outcome) {
        fmt::print(stderr, "{}\n", error);
        return 2;
      }
      for (const std::string& broken : outcome->unaccounted) fmt::print(stderr, "{}\n", broken);
      return outcome->unaccounted.empty() ? 0 : 5;
    };
    if (ranks == 0) {  // a process of its own all the same, with a simulator that nothing has touched
      exits = test::RunForked(1, [&](engine::Transport&) { return run(nullptr); });
    } else {
      exits = test::RunForked(ranks, [&](engine::Transport& transport) { return run(&transport); });
    }
  }
  bool HasRun() const {
    return std::all_of(exits.begin(), exits.end(), [](int exit) { return exit == 0; });
  }
  std::string Bytes(std::string_view file) const {
    std::string why;
    const auto bytes = ReadWholeFile(directory / "run" / file, uint64_t{1} << 30, why);
    EXPECT_TRUE(bytes) << why;
    return bytes.value_or("");
  }
  RunManifest Manifest() const {
    std::string why;
    const auto run = OpenRunDirectory(directory / "run", why);
    EXPECT_TRUE(run) << why;
    return run ? run->manifest : RunManifest{};
  }
};

/// Holds what 1 to 4 ranks leave against what one process leaves.
void ExpectEqualRuns(const std::string& text, uint32_t mostRanks = 4) {
  const RanTogether alone(text, 0);
  ASSERT_TRUE(alone.HasRun());
  const RunManifest expected = alone.Manifest();
  EXPECT_TRUE(expected.complete);
  for (uint32_t ranks = 1; ranks <= mostRanks; ++ranks) {
    SCOPED_TRACE(fmt::format("{} ranks", ranks));
    const RanTogether together(text, ranks);
    ASSERT_TRUE(together.HasRun());
    EXPECT_EQ(together.Bytes(run_file::kMetrics), alone.Bytes(run_file::kMetrics));
    EXPECT_EQ(together.Bytes(run_file::kPlan), alone.Bytes(run_file::kPlan));
    EXPECT_TRUE(together.Bytes(run_file::kPackets) == alone.Bytes(run_file::kPackets)) << "packets.pcapng differs";
    EXPECT_TRUE(together.Bytes(run_file::kTrace) == alone.Bytes(run_file::kTrace)) << "trace.bin differs";
    RunManifest manifest = together.Manifest();
    EXPECT_EQ(manifest.resultDigest, expected.resultDigest);
    manifest.host = expected.host;
    EXPECT_EQ(manifest, expected);
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(together.directory / "run")) files += entry.exists();
    EXPECT_EQ(files, 5u);  // and no parts
  }
}

/// Four racks of two nodes with two pods each, two spines. Pods of node k: web(2k-1), web(2k).
std::string FourRacks(const std::string& rest, const std::string& cni = R"("type": "flannel")") {
  return R"({"format": 1, "cluster": {"nodes": [{"generate": 8, "name": "node{i}"}], "cni": {)" + cni +
         R"(}, "pods": [{"generate": 2, "per": "node", "name": "web{i}"}]},
       "underlay": {"type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2}, )" +
         rest + "}";
}

TEST(Distribution, DatagramsBetweenRacks) {
  ExpectEqualRuns(FourRacks(R"("traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 60},
      "packets": 20, "interval": "30us", "payload": "1400B"}],
      "capture": [{"on": "node1/eth0"}, {"on": "leaf2/swp3"}, {"on": "web5/eth0"}])"));
}

TEST(Distribution, PingsAndConnections) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "ping", "from": "web1", "to": "web16", "count": 5, "interval": "100ms"},
      {"type": "tcp", "from": "web2", "to": "web9", "up": "200000B", "down": "100000B"},
      {"type": "tcp", "from": "web13", "to": "web3", "up": "50000B", "down": "0B"},
      {"type": "command", "on": "web4", "command": "ping -c 2 -i 0.2 10.244.8.2"}],
      "capture": [{"on": "node1/eth0"}, {"on": "node5/eth0"}, {"on": "node8/flannel.1"}])"));
}

TEST(Distribution, FaultsOfCablesTablesAndRules) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 40}, "packets": 100, "interval": "200us"},
      {"type": "ping", "from": "web1", "to": "web16", "count": 4, "interval": "5ms"},
      {"type": "tcp", "from": "web2", "to": "web12", "up": "300000B", "down": "30000B"}],
      "events": [{"at": "3ms", "fail": {"link": ["leaf1", "spine1"]}, "for": "6ms"},
        {"at": "5ms", "set": {"link": ["leaf2", "spine2"], "delay": "3us", "rate": "1Gbps"}},
        {"at": "7ms", "exec": "ip neigh flush dev flannel.1", "on": "node3"},
        {"at": "12ms", "exec": "iptables -I FORWARD -p udp -j DROP", "on": "node5"},
        {"at": "13ms", "exec": "ip link set flannel.1 down", "on": "node7"}],
      "capture": [{"on": "node1/eth0"}, {"on": "node5/flannel.1"}, {"on": "spine1/swp2"}, {"on": "web12/eth0"}])"));
}

TEST(Distribution, WhatNobodyTakesAndWhatCannotBeSent) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "udp", "from": "web1", "to": "web16", "packets": 5, "interval": "100us", "payload": "3000B", "df": "do"},
      {"type": "udp", "from": "web2", "to": "10.99.0.1", "packets": 3, "interval": "1ms"},
      {"type": "tcp", "from": "web3", "to": "web15", "up": "1000B", "down": "1000B"},
      {"type": "udp", "from": "web4", "to": "web14", "packets": 30, "interval": "1ms"}],
      "events": [{"at": "0s", "exec": "iptables -I FORWARD -p tcp -j REJECT", "on": "node8"},
                 {"at": "10ms", "exec": "ip link set eth0 down", "on": "node7"}])"),
                  2);
}

TEST(Distribution, EndsWhenItIsToldTo) {
  const std::string rest = R"("duration": "5ms", "traffic": [
      {"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 30}, "packets": 1000, "interval": "50us"},
      {"type": "tcp", "from": "web1", "to": "web16", "up": "30000000B", "down": "0B"}])";
  ExpectEqualRuns(FourRacks(rest), 3);
}

TEST(Distribution, OtherOverlays) {
  for (const char* cni :
       {R"("type": "calico")", R"("type": "cilium")", R"("type": "cilium", "encryption": "wireguard")",
        R"("type": "flannel", "backend": "wireguard")", R"("type": "flannel", "backend": "ipsec")"}) {
    SCOPED_TRACE(cni);
    ExpectEqualRuns(FourRacks(R"("traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 30},
        "packets": 10, "interval": "100us", "payload": "1400B"}], "capture": [{"on": "node2/eth0"}, {"on": "spine2/swp1"}])",
                              cni),
                    2);
  }
}

TEST(Distribution, RandomTrafficAndFaults) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomStream draw(seed, "distribution");
    auto number = [&](uint64_t least, uint64_t most) { return least + draw.Below(most - least + 1); };
    std::vector<std::string> traffic, events;
    for (int i = 0; i < 12; ++i) {
      const uint64_t from = number(1, 16), to = (from + number(0, 14)) % 16 + 1;  // another
      const std::string ends =
          fmt::format(R"("from": "web{}", "to": "web{}", "start": "{}us")", from, to, number(0, 3000));
      switch (draw.Below(3)) {
        case 0:
          traffic.push_back(fmt::format(R"({{"type": "udp", {}, "packets": {}, "interval": "{}us", "payload": "{}B"}})",
                                        ends, number(1, 200), number(1, 300), number(10, 3000)));
          break;
        case 1:
          traffic.push_back(
              fmt::format(R"({{"type": "ping", {}, "count": {}, "interval": "3ms"}})", ends, number(1, 5)));
          break;
        default:
          traffic.push_back(fmt::format(R"({{"type": "tcp", {}, "up": "{}B", "down": "{}B"}})", ends, number(1, 200000),
                                        number(1, 200000)));
      }
    }
    for (int i = 0; i < 4; ++i) {
      const std::string link = fmt::format(R"("link": ["leaf{}", "spine{}"])", number(1, 4), number(1, 2));
      events.push_back(draw.Below(2) ? fmt::format(R"({{"at": "{}us", "fail": {{{}}}, "for": "{}us"}})",
                                                   4000 * i + number(1, 999), link, number(1, 2000))
                                     : fmt::format(R"({{"at": "{}us", "set": {{{}, "delay": "{}us"}}}})",
                                                   4000 * i + number(1, 999), link, number(1, 40)));
    }
    ExpectEqualRuns(FourRacks(fmt::format(R"("traffic": [{}], "events": [{}], "capture": [{{"on": "node{}/eth0"}},
                                             {{"on": "spine{}/swp{}"}}])",
                                          fmt::join(traffic, ",\n"), fmt::join(events, ",\n"), number(1, 8),
                                          number(1, 2), number(1, 4))));
  }
}

TEST(Distribution, AgentsThatLearnMeanwhile) {
  ExpectEqualRuns(FourRacks(R"("controlPlane": {"start": {"from": "0s", "to": "20ms"},
      "watchLatency": {"from": "1ms", "to": "5ms"}},
      "traffic": [{"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 20}, "packets": 40,
      "interval": "1ms"}], "capture": [{"on": "node1/eth0"}])"),
                  3);
}

/// Nothing of what is expected can be known by one rank alone: ends of flows, ways, losses and answers in time.
TEST(Distribution, JudgesWhatAllHaveSeen) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "ping", "from": "web1", "to": "web16", "count": 20, "interval": "1ms"},
      {"type": "udp", "from": "web2", "to": "web12", "packets": 200, "interval": "100us", "payload": "3000B"},
      {"type": "tcp", "from": "web3", "to": "web15", "up": "100000B", "down": "0B"}],
      "events": [{"at": "5ms", "exec": "ip link set flannel.1 down", "on": "node8"},
                 {"at": "10ms", "exec": "ip link set flannel.1 up", "on": "node8"},
                 {"at": "12ms", "exec": "iptables -I FORWARD -p icmp -j DROP", "on": "node8"}],
      "expect": [{"reach": {"from": "web1", "to": "web9"}}, {"notReach": {"from": "web4", "to": "web16"}},
                 {"loss": {"from": "web1", "to": "web16"}, "below": "90%", "during": ["0s", "5ms"]},
                 {"drops": {"verdict": "FilterDrop", "on": "node8"}, "min": 1},
                 {"path": {"from": "web2", "to": "web12"}, "through": ["node1", "node6"]},
                 {"mtu": {"from": "web1", "to": "web9"}, "is": 1450}],
      "capture": [{"on": "node8/eth0"}])"),
                  3);
}

TEST(Distribution, RequestsAndReplies) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "rpc", "from": "web*", "to": "web*", "pairs": {"random": 30}, "count": 20, "rate": "3000/s",
       "per": "pair", "request": "300B", "reply": "3000B"},
      {"type": "rpc", "from": "web1", "to": "web16", "count": 5}],
      "events": [{"at": "1ms", "exec": "iptables -I FORWARD -p udp -j DROP", "on": "node5"}],
      "expect": [{"loss": {"from": "web1", "to": "web16"}, "max": "0%"}], "capture": [{"on": "node8/eth0"}])"));
}

TEST(Distribution, ASampleOfPackets) {
  ExpectEqualRuns(FourRacks(R"("traffic": [
      {"type": "udp", "from": "web*", "to": "web*", "pairs": {"random": 40}, "packets": 20, "interval": "30us",
       "payload": "2000B"},
      {"type": "ping", "from": "web1", "to": "web16", "count": 20, "interval": "1ms"}],
      "trace": {"sample": 5}, "capture": [{"on": "node8/eth0"}])"),
                  2);
}

TEST(Distribution, SaysWhatItCannotDoYet) {
  const RanTogether judged(FourRacks(R"("traffic": [{"type": "ping", "from": "web1", "to": "web9", "count": 1}],
      "trace": {"sample": 5}, "expect": [{"reach": {"from": "web1", "to": "web9"}}])"),
                           2);
  EXPECT_EQ(judged.exits, (std::vector<int>{2, 2}));
  const RanTogether many(FourRacks(R"("traffic": [{"type": "ping", "from": "web1", "to": "web9", "count": 1}])"), 5);
  EXPECT_EQ(many.exits, (std::vector<int>{2, 2, 2, 2, 2}));
}

TEST(Distribution, ARankThatEndsTakesTheOthersWithIt) {
  const std::string text = FourRacks(R"("traffic": [{"type": "udp", "from": "web1", "to": "web9", "packets": 100000,
      "interval": "10us"}], "capture": [{"on": "node1/eth0"}])");
  test::TemporaryDirectory directory;
  const std::filesystem::path file = directory / "test.json";
  std::ofstream(file) << text;
  const std::vector<int> exits = test::RunForked(2, [&](engine::Transport& transport) {
    Diagnostics diagnostics;
    auto loaded = LoadPlan(file.string(), {}, diagnostics);
    RunRequest request;
    request.directory = directory / "run";
    request.ranks = &transport;
    if (transport.Rank() == 1) {
      transport.Share("");  // errors
      transport.Share("");  // the directory
      _exit(9);
    }
    std::string error;
    RunScenario(*loaded, request, error);
    return 0;
  });
  EXPECT_EQ(exits, (std::vector<int>{4, 9}));
  std::string why;
  const auto run = OpenRunDirectory(directory / "run", why);
  ASSERT_TRUE(run) << why;
  EXPECT_FALSE(run->manifest.complete);
  const auto captured = ReadCapture(directory / "run" / "packets.rank0.pcapng", why);
  ASSERT_TRUE(captured) << why;
  EXPECT_EQ(captured->damage, "");
  const auto trace = TraceReader::Open(directory / "run" / "trace.rank0.bin", why);
  EXPECT_TRUE(trace) << why;
}

}  // namespace
}  // namespace overlaysim
