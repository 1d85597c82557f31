#include "gui/document/scenario_edit.h"

#include <gtest/gtest.h>

#include "gui/document/check_scenario.h"
#include "gui/document/json_outline.h"

namespace overlaysim::document {
namespace {

constexpr std::string_view kScenario = R"({
  "format": 1,
  "cluster": {
    "nodes": ["node1", "node2"],
    "pods": [
      { "name": "pod-a", "node": "node1" },
      { "name": "pod-b", "node": "node2" }
    ]
  }
}
)";

std::string After(std::string_view text, const std::optional<TextEdit>& edit) {
  return edit ? Applied(text, *edit) : "no edit";
}

TEST(ScenarioEdit, ANewListBecomesTheLastMember) {
  EXPECT_EQ(After(kScenario, AppendItem(kScenario, {"events"}, R"({ "at": "1s" })")), R"({
  "format": 1,
  "cluster": {
    "nodes": ["node1", "node2"],
    "pods": [
      { "name": "pod-a", "node": "node1" },
      { "name": "pod-b", "node": "node2" }
    ]
  },
  "events": [
    { "at": "1s" }
  ]
}
)");
}

TEST(ScenarioEdit, AnItemStandsAsTheOthersStand) {
  EXPECT_NE(
      After(kScenario, AppendItem(kScenario, {"cluster", "nodes"}, "\"node3\"")).find(R"(["node1", "node2", "node3"])"),
      std::string::npos);
  EXPECT_NE(After(kScenario, AppendItem(kScenario, {"cluster", "pods"}, R"({ "name": "c" })"))
                .find("\"node2\" },\n      { \"name\": \"c\" }\n    ]"),
            std::string::npos);
  EXPECT_EQ(After(R"({ "events": [] })", AppendItem(R"({ "events": [] })", {"events"}, "1")),
            "{ \"events\": [\n  1\n] }");
}

TEST(ScenarioEdit, RemovesByNameWhereverItStands) {
  EXPECT_NE(After(kScenario, RemoveNamed(kScenario, {"cluster", "nodes"}, "node1")).find(R"(["node2"])"),
            std::string::npos);
  EXPECT_NE(After(kScenario, RemoveNamed(kScenario, {"cluster", "pods"}, "pod-b")).find("\"node1\" }\n    ]"),
            std::string::npos);
  EXPECT_EQ(RemoveNamed(kScenario, {"cluster", "pods"}, "pod-c"), std::nullopt);
}

TEST(ScenarioEdit, RemovesCablesAndTrafficByTheirEnds) {
  const std::string_view text = R"({"underlay": {"links": [{ "between": ["a", "b"] }, { "between": ["b", "c"] }]},)"
                                R"( "traffic": [{ "type": "ping", "from": "p", "to": "q" }]})";
  EXPECT_NE(After(text, RemoveLink(text, "c", "b")).find(R"("links": [{ "between": ["a", "b"] }])"), std::string::npos)
      << "in either order";
  EXPECT_EQ(RemoveLink(text, "a", "c"), std::nullopt);
  EXPECT_NE(After(text, RemoveTraffic(text, "p", "q")).find(R"("traffic": [])"), std::string::npos);
  EXPECT_EQ(RemoveTraffic(text, "q", "p"), std::nullopt) << "traffic has a direction";
}

TEST(ScenarioEdit, EachKindOfTrafficIsOneThatThePlanTakes) {
  const std::string_view text = R"({ "format": 1, "cluster": { "nodes": ["a", "b"], "pods": [
    { "name": "p", "node": "a" }, { "name": "q", "node": "b" }] } })";
  for (const TrafficKind kind :
       {TrafficKind::Ping, TrafficKind::Udp, TrafficKind::Tcp, TrafficKind::Rpc, TrafficKind::Bulk}) {
    const std::string after = After(text, AppendItem(text, {"traffic"}, TrafficJson(kind, "p", "q")));
    const ScenarioCheck check = CheckScenario("x.json", after);
    EXPECT_TRUE(check.problems.empty()) << after << (check.problems.empty() ? "" : check.problems[0].message);
  }
}

TEST(ScenarioEdit, KeepsCommentsAndRefusesWhatIsNoJson) {
  const std::string_view text = "{ // two\n  \"a\": [1, /* , ] */ 2]\n}";
  EXPECT_EQ(After(text, AppendItem(text, {"a"}, "3")), "{ // two\n  \"a\": [1, /* , ] */ 2, 3]\n}");
  for (const char* broken : {"", "{", "{\"a\": }", "{\"a\": [1}", "{\"a\": 1} x", "/* {}", "{\"a\""})
    EXPECT_EQ(AppendItem(broken, {"a"}, "1"), std::nullopt) << broken;
  EXPECT_EQ(AppendItem("{\"a\": 1}", {"a"}, "1"), std::nullopt);
  EXPECT_EQ(OutlineOf(std::string(100, '[')), std::nullopt);
}

TEST(ScenarioEdit, EventsInTheScenariosWords) {
  EXPECT_EQ(EventJson({.atNs = 1'500'000'000, .forNs = 1'000'000'000, .a = "leaf1", .b = "spine2"}),
            R"({ "at": "1.5s", "fail": { "link": ["leaf1", "spine2"] }, "for": "1s" })");
  EXPECT_EQ(EventJson({.kind = EventWish::Kind::SetMtu, .a = "node1", .value = "1400"}),
            R"({ "at": "0s", "set": { "node": "node1", "mtu": 1400 } })");
  EXPECT_EQ(EventJson({.kind = EventWish::Kind::Exec, .a = "node2", .value = BlockPortCommand("INPUT", "udp", 8472)}),
            R"({ "at": "0s", "exec": "iptables -I INPUT -p udp --dport 8472 -j DROP", "on": "node2" })");
}

}  // namespace
}  // namespace overlaysim::document
