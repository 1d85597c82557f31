#include "sim/scenario/load.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sim/scenario/enums.h"
#include "support/temporary_directory.h"

namespace overlaysim::scenario {
namespace {

constexpr char kTwoNodes[] = R"({
  "cluster": {
    "nodes": ["node1", "node2"],
    "pods": [{ "name": "pod-a", "node": "node1" }, { "name": "pod-b", "node": "node3" }]
  },
  "traffic": [{ "type": "ping", "from": "pod-a", "to": "pod-b" }]
})";

Scenario Read(std::string_view text, const LoadOptions& options = {}) {
  Diagnostics diagnostics;
  auto scenario = LoadScenarioText(text, "test.json", options, diagnostics);
  EXPECT_TRUE(scenario.has_value()) << diagnostics.Format();
  return scenario.value_or(Scenario{});
}

/// The messages, without places.
std::vector<std::string> Problems(std::string_view text, const LoadOptions& options = {}) {
  Diagnostics diagnostics;
  EXPECT_FALSE(LoadScenarioText(text, "test.json", options, diagnostics).has_value());
  std::vector<std::string> messages;
  for (const Diagnostic& d : diagnostics.All()) messages.push_back(d.message);
  return messages;
}

/// Writes a file into the folder; answers its path.
std::string Write(const test::TemporaryDirectory& folder, const std::string& name, const std::string& text) {
  const auto path = folder / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path) << text;
  return path;
}

TEST(ScenarioDefaults, LeftOutSettingsAreTheShippedFlannelManifests) {
  const Scenario s = Read(kTwoNodes);
  EXPECT_EQ(*s.cluster.cni.type, CniType::Flannel);
  EXPECT_EQ(s.cluster.cni.backend, FlannelBackend::Vxlan);
  EXPECT_EQ(s.cluster.cni.vni, 1u);
  EXPECT_EQ(s.cluster.cni.port, uint16_t{8472});
  EXPECT_EQ(s.cluster.podCIDR->ToString(), "10.244.0.0/16");
  EXPECT_EQ(*s.cluster.nodeCIDRMaskSize, 24);
}

TEST(ScenarioDefaults, LeftOutUnderlayIsARouterWithFastCables) {
  const Scenario s = Read(kTwoNodes);
  EXPECT_EQ(*s.underlay.type, UnderlayType::Router);
  EXPECT_EQ(*s.underlay.hostLink.rate, BitsPerSecond{10'000'000'000});
  EXPECT_EQ(*s.underlay.hostLink.delay, Microseconds(1));
  EXPECT_EQ(*s.underlay.hostLink.mtu, 1500u);
  EXPECT_EQ(*s.seed, 1u);
  EXPECT_FALSE(s.duration);
}

TEST(ScenarioDefaults, DependOnTheTypeOfTraffic) {
  const Scenario s = Read(R"({ "cluster": { "nodes": ["a"] }, "traffic": [
      { "type": "ping", "from": "a", "to": "b" }, { "type": "udp", "from": "a", "to": "b" },
      { "type": "ping", "from": "a", "to": "b", "during": ["0s", "9s"] } ] })");
  EXPECT_EQ(s.traffic[0].payload, Bytes{56});  // ping(8)
  EXPECT_EQ(s.traffic[0].count, uint64_t{3});
  EXPECT_EQ(s.traffic[1].payload, Bytes{1000});
  EXPECT_EQ(s.traffic[1].packets, uint64_t{1});
  EXPECT_FALSE(s.traffic[1].count);
  EXPECT_FALSE(s.traffic[2].count) << "during stands in place of a count";
}

TEST(ScenarioDefaults, PortAndVniAreThoseOfTheProduct) {
  const auto port = [](const std::string& cni) {
    return Read(R"({ "cluster": { "nodes": ["a"], "cni": { "type": )" + cni + "} } }").cluster.cni.port;
  };
  EXPECT_EQ(port(R"("calico")"), uint16_t{4789});
  EXPECT_EQ(port(R"("vxlan")"), uint16_t{4789});
  EXPECT_EQ(port(R"("canal")"), uint16_t{8472});
  EXPECT_FALSE(port(R"("flannel", "backend": "udp")")) << "8472 is the vxlan backend's";
}

TEST(ScenarioDefaults, AnImportedManifestIsNotOverruled) {
  const Scenario s =
      Read(R"({ "cluster": { "nodes": ["a"], "cni": { "type": "flannel", "import": "f.yml", "vni": 7 } } })");
  EXPECT_EQ(s.cluster.cni.vni, 7u);
  EXPECT_FALSE(s.cluster.cni.port);
  EXPECT_FALSE(s.cluster.cni.backend);
}

TEST(ScenarioPlaces, NameReferencesKnowWhereTheyStand) {
  const Scenario s = Read(kTwoNodes);
  const SourcePlace place = s.PlaceOf(s.cluster.pods[1].node->place);
  EXPECT_EQ(place.file, "test.json");
  EXPECT_EQ(place.line, 4u);
  EXPECT_EQ(place.column, 79u);
  EXPECT_EQ(place.length, 7u);  // "node3" and its quotes
}

TEST(ScenarioPlaces, ImportedFilesAreRelativeToTheirScenario) {
  Diagnostics diagnostics;
  const auto s =
      LoadScenarioText(R"({ "cluster": { "nodes": [{ "import": "../nodes.json" }] } })", "a/b/c.json", {}, diagnostics);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->PathOf(*s->cluster.nodes[0].import), "a/nodes.json");
}

TEST(ScenarioVariables, WholeStringKeepsTheTypeAndPartsAreText) {
  const Scenario s = Read(R"({ "vars": { "n": 3, "g": 25 }, "seed": "${n}",
      "underlay": { "hostLink": { "rate": "${g}Gbps" } }, "cluster": { "nodes": ["node${n}"] } })",
                          {{}, {"n=4"}});
  EXPECT_EQ(*s.seed, 4u);
  EXPECT_EQ(*s.underlay.hostLink.rate, BitsPerSecond{25'000'000'000});
  EXPECT_EQ(**s.cluster.nodes[0].name, "node4");
}

TEST(ScenarioVariables, DollarDollarIsADollar) {
  const Scenario s = Read(R"({ "vars": { "x": "y" }, "cluster": { "nodes": ["a"] }, "description": "$${x} is ${x}" })");
  EXPECT_EQ(*s.description, "${x} is y");
  EXPECT_EQ(*Read(ToJson(s)).description, "${x} is y");
}

TEST(ScenarioVariables, UnknownOnesAreAnErrorWithASuggestion) {
  EXPECT_EQ(Problems(R"({ "vars": { "load": "40%" }, "cluster": { "nodes": ["a"] } })", {{}, {"lod=60%"}}),
            std::vector<std::string>{R"(there is no variable "lod"; did you mean "load"? (known: load))"});
}

TEST(ScenarioSet, ReplacesAddsAndCountsListsFromZero) {
  const Scenario s = Read(kTwoNodes, {{"underlay.type=leaf-spine", "underlay.spines=4", "traffic[0].count=9",
                                       R"(cluster.nodes=["a","b","c"])", "cluster.pods.1.node=c"},
                                      {}});
  EXPECT_EQ(*s.underlay.type, UnderlayType::LeafSpine);
  EXPECT_EQ(*s.underlay.spines, 4u);
  EXPECT_EQ(s.traffic[0].count, uint64_t{9});
  EXPECT_EQ(s.cluster.nodes.size(), 3u);
  EXPECT_EQ(**s.cluster.pods[1].node, "c");
}

TEST(ScenarioSet, MistakesNameTheSetting) {
  Diagnostics diagnostics;
  EXPECT_FALSE(LoadScenarioText(kTwoNodes, "test.json", {{"underlay.type=leafspine", "traffic.5.count=1", "seed"}, {}},
                                diagnostics));
  const std::string text = diagnostics.Format();
  EXPECT_NE(
      text.find(
          "--set underlay.type=leafspine: error: unknown underlay type \"leafspine\"; did you mean \"leaf-spine\"?"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("--set traffic.5.count=1: error: \"traffic\" is a list of 1"), std::string::npos) << text;
  EXPECT_NE(text.find("--set seed: error: say --set path.to.key=value"), std::string::npos) << text;
}

TEST(ScenarioInclude, TheIncludingFileWinsKeyByKey) {
  const test::TemporaryDirectory folder;
  Write(folder, "lib/base.json", R"({ "seed": 5, "cluster": { "nodes": ["a", "b"], "podCIDR": "10.8.0.0/16" } })");
  const std::string path =
      Write(folder, "main.json", R"({ "include": ["lib/base.json"], "cluster": { "nodes": ["c"] } })");
  Diagnostics diagnostics;
  const auto s = LoadScenario(path, {}, diagnostics);
  ASSERT_TRUE(s) << diagnostics.Format();
  EXPECT_EQ(s->name, "main");
  EXPECT_EQ(*s->seed, 5u);
  EXPECT_EQ(s->cluster.podCIDR->ToString(), "10.8.0.0/16");
  ASSERT_EQ(s->cluster.nodes.size(), 1u);
  EXPECT_EQ(**s->cluster.nodes[0].name, "c");
}

TEST(ScenarioInclude, CirclesAreRefused) {
  const test::TemporaryDirectory folder;
  Write(folder, "a.json", R"({ "include": ["b.json"] })");
  const std::string path = Write(folder, "b.json", R"({ "include": ["a.json"] })");
  Diagnostics diagnostics;
  EXPECT_FALSE(LoadScenario(path, {}, diagnostics));
  ASSERT_EQ(diagnostics.ErrorCount(), 1u);
  EXPECT_NE(diagnostics.All()[0].message.find("b.json includes itself"), std::string::npos);
  EXPECT_NE(diagnostics.All()[0].place.file.find("a.json"), std::string::npos) << "where the circle closes";
}

TEST(ScenarioFiles, WhatIsNotAReadableFileIsSaid) {
  const test::TemporaryDirectory folder;
  const std::string path = Write(folder, "x.json", "{}");
  Diagnostics diagnostics;
  EXPECT_FALSE(LoadScenario(std::filesystem::path(path).parent_path(), {}, diagnostics));
  EXPECT_FALSE(LoadScenario(path + ".none", {}, diagnostics));
  ASSERT_EQ(diagnostics.ErrorCount(), 2u);
  EXPECT_EQ(diagnostics.All()[0].message, "this is a directory; a scenario is a JSON file");
  EXPECT_EQ(diagnostics.All()[1].message, "No such file or directory");
}

TEST(ScenarioResolve, NamesTheOriginOfEachValue) {
  const Scenario s = Read(R"({ "vars": { "seed": 7 }, "seed": "${seed}",
  "cluster": { "nodes": ["a"] } })",
                          {{"underlay.hostLink.mtu=9000"}, {"seed=8"}});
  const std::string text = ResolvedText(s);
  const auto lineOf = [&](const std::string& key) {
    const size_t at = text.find("\"" + key + "\": ");
    return text.substr(at, text.find('\n', at) - at);
  };
  EXPECT_TRUE(lineOf("seed").starts_with("\"seed\": 8,")) << lineOf("seed");
  EXPECT_TRUE(lineOf("seed").ends_with("// test.json:1, --var seed=8")) << lineOf("seed");
  EXPECT_TRUE(lineOf("mtu").ends_with("// --set underlay.hostLink.mtu=9000")) << lineOf("mtu");
  EXPECT_TRUE(lineOf("vni").ends_with("// default")) << lineOf("vni");
  EXPECT_TRUE(lineOf("nodes").ends_with("// test.json:2")) << lineOf("nodes");
  EXPECT_NE(text.find("// \"duration\": when the traffic has ended"), std::string::npos);
}

TEST(ScenarioInMemory, ALabIsPrintedAsAReadableFile) {
  Scenario s;
  s.description = "a lab";
  s.lab.emplace();
  s.lab->netns = {"n1"};
  s.lab->setup = {"ip -n n1 link set lo up"};
  Traffic echo;
  echo.type = TrafficType::Echo;
  echo.from = "n1";
  echo.to = "10.244.2.2";
  echo.df = Df::Dont;
  echo.start.value.at = Milliseconds(200);
  s.traffic.push_back(echo);
  Event change;
  change.at = Milliseconds(69);
  change.exec = "ip -n n1 link del x";
  s.events.push_back(change);
  Capture capture;
  capture.on = "n1/eth0";
  s.capture.push_back(capture);
  FillDefaults(s);
  EXPECT_EQ(s.traffic[0].count, uint64_t{1});
  EXPECT_EQ(ToJson(s), R"({
  "format": 1,
  "description": "a lab",
  "lab": { "netns": ["n1"], "setup": ["ip -n n1 link set lo up"] },
  "traffic": [{ "type": "echo", "from": "n1", "to": "10.244.2.2", "start": "200ms", "df": "dont" }],
  "events": [{ "at": "69ms", "exec": "ip -n n1 link del x" }],
  "capture": ["n1/eth0"]
}
)");
  EXPECT_EQ(ToJson(Read(ToJson(s))), ToJson(s));
}

TEST(ScenarioTable, EveryCniTypeIsReadByItsName) {
  for (const std::string& type : WordsOf<CniType>().words) {
    const Scenario s = Read(R"({ "cluster": { "nodes": ["a"], "cni": { "type": ")" + type + R"(" } } })");
    EXPECT_EQ(WordOf(*s.cluster.cni.type), type);
  }
}

TEST(Percents, AreExact) {
  EXPECT_EQ(Percent::Parse("0.0001%")->millionths, 1);
  EXPECT_EQ(Percent::Parse("40%")->millionths, 400'000);
  EXPECT_EQ(Percent{125'000}.ToString(), "12.5%");
  EXPECT_FALSE(Percent::Parse("40"));
  EXPECT_FALSE(Percent::Parse("-1%"));
  EXPECT_FALSE(Percent::Parse("%"));
}

}  // namespace
}  // namespace overlaysim::scenario
