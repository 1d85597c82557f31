#include "sim/run/path.h"

#include <algorithm>

#include "running.h"

namespace overlaysim {
namespace {

PathReport Follow(const std::string& text, const PathOptions& options = {}) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "test.json") << text;
  Diagnostics diagnostics;
  const auto loaded = LoadPlan((directory / "test.json").string(), {}, diagnostics);
  EXPECT_TRUE(loaded) << diagnostics.Format();
  return FollowFirstFlow(*loaded->plan, options);
}

/// "where table" of each hop.
std::vector<std::string> Steps(const PathReport& report) {
  std::vector<std::string> steps;
  for (const Hop& hop : report.hops) steps.push_back(hop.netns + " " + hop.table);
  return steps;
}

const Hop* Find(const PathReport& report, std::string_view netns, std::string_view table) {
  auto it = std::find_if(report.hops.begin(), report.hops.end(),
                         [&](const Hop& hop) { return hop.netns == netns && hop.table == table; });
  return it == report.hops.end() ? nullptr : &*it;
}

TEST(Path, FollowsThePingThroughEveryTableThatDecides) {
  const PathReport report = Follow(TwoNodes(kThreePings));
  EXPECT_TRUE(report.isAnswered);
  EXPECT_EQ(
      Steps(report),
      (std::vector<std::string>{
          "pod-a route",  "pod-a neigh",       "pod-a neigh",                                // waits for ARP, then goes
          "node1 bridge", "node1 route",       "node1 filter", "node1 neigh",  "node1 fdb",  // into the tunnel
          "node1 route",  "node1 encapsulate", "node1 neigh",  "node1 neigh",  "leaf1 bridge",      "router route",
          "router neigh", "router neigh",      "leaf2 bridge", "node2 route",  "node2 decapsulate", "node2 route",
          "node2 filter", "node2 neigh",       "node2 neigh",  "node2 bridge", "pod-b route",       "pod-b deliver"}));
  EXPECT_EQ(report.hops.front().line, "10.244.0.0/16 via 10.244.1.1 dev eth0");
  EXPECT_EQ(report.hops.front().frameBytes, 98u);  // 56 + 8 ICMP + 20 IPv4 + 14 Ethernet
  const Hop* encapsulate = Find(report, "node1", "encapsulate");
  ASSERT_TRUE(encapsulate);
  EXPECT_EQ(encapsulate->frameBytes, 148u);  // 98 + 50
  EXPECT_NE(encapsulate->text.find(" → 172.16.2.12:8472, VNI 1"), std::string::npos);
  EXPECT_EQ(Find(report, "node1", "route")->ttl, 63);
  EXPECT_EQ(report.hops.back().frameBytes, 98u);
}

TEST(Path, EndsWithTheVerdictAndItsCondition) {
  const PathReport report =
      Follow(TwoNodes(kThreePings + R"(, "underlay": {"allow": [{"to": "nodes", "icmp": true}]})"));
  EXPECT_FALSE(report.isAnswered);
  EXPECT_EQ(report.hops.back().table, "drop");
  EXPECT_EQ(report.hops.back().netns, "leaf1");
  EXPECT_EQ(report.hops.back().verdict, Verdict::FilterDrop);
}

TEST(Path, ADropNamesTheLineThatMatched) {
  const PathReport report = Follow(
      TwoNodes(kThreePings +
               R"(, "events": [{"at": "0s", "exec": "iptables -I FORWARD -d 10.244.2.2 -j REJECT", "on": "node1"}])"));
  EXPECT_EQ(report.hops.back().table, "drop");
  EXPECT_EQ(report.hops.back().line, "-A FORWARD -d 10.244.2.2/32 -j REJECT --reject-with icmp-port-unreachable");
}

TEST(Path, NatTellsTheRuleAndWhatItChanges) {
  for (const bool isV6 : {false, true}) {
    const std::string client = isV6 ? "fd00:16::cb00:710b" : "203.0.113.11";
    const PathReport report = Follow(
        R"({"format": 1, "underlay": {"type": "router", "external": {"hosts": ["client"]}},
            "cluster": {"podCIDRIPv6": "fd00:10:244::/56", "nodes": ["node1"], "cni": {"type": "flannel"},
                        "pods": [{"name": "p", "node": "node1"}]},
            "traffic": [{"type": "ping", "from": "p", "to": ")" +
            client + R"(", "count": 1}]})",
        {.reply = true});
    EXPECT_TRUE(report.isAnswered);
    std::vector<std::string> nat;
    for (const Hop& hop : report.hops)
      if (hop.table == "nat") nat.push_back(hop.text.empty() ? hop.line : hop.text);
    const std::string pod = isV6 ? "fd00:10:244:1::2" : "10.244.1.2";
    const std::string node = isV6 ? "fd00:16::ac10:10b" : "172.16.1.11";
    ASSERT_EQ(nat.size(), 3u);
    EXPECT_NE(nat[0].find("-j MASQUERADE --random-fully"), std::string::npos) << nat[0];
    EXPECT_EQ(nat[1], "source " + pod + " → " + node);
    EXPECT_EQ(nat[2], "destination " + node + " → " + pod);
  }
}

TEST(Path, ShowsTheWayBackAndArpWhenAsked) {
  const PathReport both = Follow(TwoNodes(kThreePings), {.reply = true});
  EXPECT_EQ(both.hops.back().netns, "pod-a");
  EXPECT_EQ(both.hops.back().table, "deliver");
  EXPECT_FALSE(Find(both, "pod-a", "arp"));
  const PathReport arp = Follow(TwoNodes(kThreePings), {.arp = true});
  EXPECT_TRUE(Find(arp, "node1", "arp"));
  // A journey's hops stand together.
  std::vector<std::string> journeys;
  for (const Hop& hop : arp.hops)
    if (journeys.empty() || journeys.back() != hop.journey) journeys.push_back(hop.journey);
  std::vector<std::string> once = journeys;
  std::sort(once.begin(), once.end());
  EXPECT_EQ(std::unique(once.begin(), once.end()), once.end());
}

TEST(Path, ACutPacketIsToldOfBeforeItsFragments) {
  const PathReport report = Follow(
      TwoNodes(R"("traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 1, "payload": "1472B"}])"));
  const auto cut =
      std::find_if(report.hops.begin(), report.hops.end(), [](const Hop& h) { return h.table == "fragment"; });
  ASSERT_NE(cut, report.hops.end());
  EXPECT_TRUE(std::all_of(report.hops.begin(), cut, [](const Hop& h) { return h.packet == 0; }));
  EXPECT_EQ((cut + 1)->packet, 1u);
}

TEST(Path, SaysWhyNothingWasSent) {
  const PathReport report =
      Follow(TwoNodes(R"("traffic": [{"type": "ping", "from": "leaf1", "to": "pod-b", "count": 1}])"));
  EXPECT_TRUE(report.hops.empty());
  EXPECT_EQ(report.error, "Network is unreachable");
}

TEST(Path, TheTableHasAColumnForEachQuestion) {
  const std::string text = PathText(Follow(TwoNodes(kThreePings)));
  EXPECT_EQ(text.substr(0, text.find('\n')).find(" hop  where"), 0u);
  EXPECT_NE(text.find("   1  pod-a/eth0       route        10.244.0.0/16 via 10.244.1.1 dev eth0"), std::string::npos)
      << text;
}

}  // namespace
}  // namespace overlaysim
