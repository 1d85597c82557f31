#include "sim/import/redact.h"

#include <gtest/gtest.h>

#include "sim/import/check.h"
#include "sim/import/export.h"
#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

std::string Fixture(const std::string& name) {
  return std::string(OVERLAYSIM_SOURCE_DIR "/tests/data/clusters/") + name;
}

ImportedCluster RedactedFixture() {
  Diagnostics diagnostics;
  const ImportedCluster cluster =
      ImportFiles({Fixture("nodes.json"), Fixture("pods.yaml"), Fixture("kube-flannel.yml")}, diagnostics);
  return Redact(cluster);
}

unsigned SharedBits(Ipv4Address a, Ipv4Address b) {
  return a == b ? 32 : static_cast<unsigned>(__builtin_clz(a.value ^ b.value));
}

TEST(Redact, TheSameNameIsReplacedAlikeEverywhere) {
  const ImportedCluster cluster = RedactedFixture();
  EXPECT_EQ(cluster.nodes[0].name, "node1");
  EXPECT_EQ(cluster.nodes[0].hostname, "node1");
  EXPECT_EQ(FindLabel(cluster.nodes[0].labels, "kubernetes.io/hostname"), "node1");
  EXPECT_EQ(FindLabel(cluster.nodes[0].labels, "topology.kubernetes.io/zone"), cluster.nodes[0].zone);
  EXPECT_EQ(cluster.nodes[0].zone, "zone1");
  EXPECT_EQ(cluster.nodes[1].zone, "zone2");
  EXPECT_EQ(cluster.pods[0].nodeName, "node1");
  EXPECT_EQ(cluster.pods[0].nameSpace, cluster.pods[3].nameSpace);
  EXPECT_EQ(cluster.nodes[0].roles, std::vector<std::string_view>{"control-plane"});
}

TEST(Redact, AddressesKeepTheirRelations) {
  Diagnostics diagnostics;
  const ImportedCluster before =
      ImportFiles({Fixture("nodes.json"), Fixture("pods.yaml"), Fixture("kube-flannel.yml")}, diagnostics);
  const ImportedCluster after = RedactedFixture();
  EXPECT_EQ(SharedBits(before.nodes[0].internalIps[0], before.nodes[1].internalIps[0]),
            SharedBits(after.nodes[0].internalIps[0], after.nodes[1].internalIps[0]));
  EXPECT_EQ(SharedBits(*before.pods[0].ip, *before.pods[3].ip), SharedBits(*after.pods[0].ip, *after.pods[3].ip));
  EXPECT_TRUE(after.nodes[0].PodCidr()->Contains(*after.pods[0].ip));
  EXPECT_TRUE(after.flannel->network.value->Contains(*after.nodes[0].PodCidr()));
  EXPECT_EQ(*after.pods[0].hostIp, after.nodes[0].internalIps[0]);
  EXPECT_EQ(*after.nodes[0].flannel.publicIp, after.nodes[0].internalIps[0]);
  EXPECT_EQ(*after.nodes[0].PodCidr(), after.nodes[0].PodCidr()->Canonical());
  EXPECT_NE(after.nodes[0].internalIps[0], before.nodes[0].internalIps[0]);
  Diagnostics found;
  CheckCluster(after, found);
  EXPECT_TRUE(found.All().empty()) << found.Format();
}

TEST(Redact, NothingOfTheOldNamesIsLeft) {
  const ImportedCluster cluster = RedactedFixture();
  ImportReport report;
  Diagnostics diagnostics;
  const std::string json = ToScenarioJson(cluster, report, diagnostics).value() + report.Format();
  for (const char* word : {"oak", "elm", "cart", "redis", "shop", "north", "forest", "192.168", "10.50", "203.0.113",
                           "0a:00", "example.org", "nodes.json"}) {
    EXPECT_EQ(json.find(word), std::string::npos) << word << "\n" << json;
  }
}

TEST(Redact, TheSameInputGivesTheSameOutput) {
  ImportReport report;
  Diagnostics diagnostics;
  EXPECT_EQ(ToScenarioJson(RedactedFixture(), report, diagnostics),
            ToScenarioJson(RedactedFixture(), report, diagnostics));
}

}  // namespace
}  // namespace overlaysim::import
