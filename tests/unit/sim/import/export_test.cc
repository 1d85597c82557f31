#include "sim/import/export.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/import/reader.h"
#include "sim/scenario/load.h"

namespace overlaysim::import {
namespace {

std::string Fixture(const std::string& name) {
  return std::string(OVERLAYSIM_SOURCE_DIR "/tests/data/clusters/") + name;
}

struct Exported {
  std::optional<scenario::Scenario> scenario;
  ImportReport report;
  Diagnostics diagnostics;
};

Exported Export(const ImportedCluster& cluster) {
  Exported out;
  out.scenario = ToScenario(cluster, out.report, out.diagnostics);
  return out;
}
Exported ExportFixtures(const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back(Fixture(name));
  Diagnostics diagnostics;
  return Export(ImportFiles(paths, diagnostics));
}
Exported ExportText(std::string_view text) {
  Diagnostics diagnostics;
  return Export(ImportText("x", text, diagnostics));
}

TEST(ExportScenario, SaysWhatTheFilesSay) {
  const Exported out = ExportFixtures({"nodes.json", "pods.yaml", "kube-flannel.yml"});
  ASSERT_TRUE(out.scenario) << out.diagnostics.Format();
  const scenario::Cluster& cluster = out.scenario->cluster;
  ASSERT_EQ(cluster.nodes.size(), 2u);
  EXPECT_EQ(cluster.nodes[0].name->value, "oak");
  EXPECT_EQ(cluster.nodes[0].address->value.ToString(), "192.168.10.11/24");
  EXPECT_EQ(cluster.nodes[0].podCIDR->value.ToString(), "10.50.1.0/24");
  EXPECT_EQ(cluster.nodes[0].vtepMac->value.ToString(), "0a:00:00:00:00:01");
  EXPECT_EQ(cluster.nodes[0].zone->value, "north");
  EXPECT_EQ(cluster.nodes[0].rack->value, "r1");     // the label of all nodes of its segment
  EXPECT_EQ(cluster.nodes[1].rack->value, "south");  // no rack label there, but a zone
  ASSERT_EQ(cluster.pods.size(), 3u);                // the one that has ended is left out
  EXPECT_EQ(cluster.pods[0].ns.value, "shop");
  EXPECT_EQ(cluster.pods[0].node->value, "oak");
  EXPECT_EQ(cluster.pods[0].address->value.ToString(), "10.50.1.5");
  EXPECT_TRUE(cluster.pods[1].hostNetwork.value);
  EXPECT_FALSE(cluster.pods[1].address);
  EXPECT_EQ(cluster.podCIDR->ToString(), "10.50.0.0/16");
  EXPECT_EQ(cluster.cni.vni->value, 7u);
  EXPECT_EQ(cluster.cni.port->value, 4790u);
  EXPECT_TRUE(cluster.cni.directRouting->value);
}

TEST(ExportScenario, TheReportNamesWhatWasTakenAssumedAndIgnored) {
  const Exported out = ExportFixtures({"nodes.json", "pods.yaml", "kube-flannel.yml"});
  EXPECT_EQ(out.report.taken.size(), 3u);
  EXPECT_EQ(out.report.taken[0], "2 nodes: 2 pod CIDRs, 2 VTEP MACs, 2 zone labels");
  EXPECT_EQ(out.report.taken[1], "3 pods, 1 of them in their node's network");
  EXPECT_NE(out.report.Format().find("assumed  "), std::string::npos);
  EXPECT_NE(out.report.Format().find(
                "every cable 10Gbps, 1us, MTU 1500: no file of a cluster says what its network is made of"),
            std::string::npos);
  EXPECT_NE(out.report.Format().find("1 pod that have ended"), std::string::npos);
  EXPECT_NE(out.report.Format().find("other objects: 1 DaemonSet (apps/v1), 1 Namespace, 1 Service"),
            std::string::npos);
}

TEST(ExportScenario, WhatIsWrittenIsReadAgain) {
  Diagnostics diagnostics;
  const ImportedCluster imported =
      ImportFiles({Fixture("nodes.json"), Fixture("pods.yaml"), Fixture("kube-flannel.yml")}, diagnostics);
  ImportReport report;
  const std::string json = ToScenarioJson(imported, report, diagnostics).value();
  const auto again = scenario::LoadScenarioText(json, "again.json", {}, diagnostics);
  ASSERT_TRUE(again) << diagnostics.Format();
  EXPECT_EQ(scenario::ToJson(*again), json);
}

TEST(ExportScenario, NodesOnOneSegmentAreAFlatNetwork) {
  const Exported out = ExportText(R"([
    {"kind": "Node", "metadata": {"name": "a"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.1.2.3"}]}},
    {"kind": "Node", "metadata": {"name": "b"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.1.2.4"}]}}])");
  ASSERT_TRUE(out.scenario);
  EXPECT_EQ(out.scenario->underlay.type.value, scenario::UnderlayType::Flat);
  EXPECT_EQ(out.scenario->cluster.nodes[1].address->value.ToString(), "10.1.2.4/24");
  EXPECT_FALSE(out.scenario->cluster.nodes[1].rack);
}

TEST(ExportScenario, TheUnderlayStaysOffThePods) {
  const Exported out = ExportText(R"({"Network": "172.16.0.0/16", "Backend": {"Type": "vxlan"}})");
  ASSERT_TRUE(out.scenario);
  EXPECT_EQ(out.scenario->underlay.network->ToString(), "192.168.0.0/16");
}

TEST(ExportScenario, PodsAloneNameTheirNodes) {
  const Exported out = ExportText(R"([
    {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"nodeName": "a"}, "status": {"podIP": "10.9.1.5", "hostIP": "10.1.2.3"}},
    {"kind": "Pod", "metadata": {"name": "q"}, "spec": {"nodeName": "b"}, "status": {"podIP": "10.9.2.5", "hostIP": "10.1.2.4"}}])");
  ASSERT_TRUE(out.scenario);
  const auto& nodes = out.scenario->cluster.nodes;
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[1].name->value, "b");
  EXPECT_EQ(nodes[1].address->value.ToString(), "10.1.2.4/24");
  EXPECT_EQ(nodes[1].podCIDR->value.ToString(), "10.9.2.0/24");
}

TEST(ExportScenario, AnnotationsTellTheBackendWhereNoFileDoes) {
  const Exported out = ExportFixtures({"nodes.json"});
  ASSERT_TRUE(out.scenario);
  EXPECT_EQ(out.scenario->cluster.cni.backend->value, scenario::FlannelBackend::Vxlan);
  EXPECT_EQ(out.scenario->cluster.cni.vni->value, 7u);
}

TEST(ExportScenario, CalicosTunnelAddressesTellItsMode) {
  const Exported out = ExportText(R"({"kind": "Node", "metadata": {"name": "a", "annotations": {
    "projectcalico.org/IPv4Address": "172.20.1.5/20", "projectcalico.org/IPv4VXLANTunnelAddr": "10.9.0.1"}}})");
  ASSERT_TRUE(out.scenario);
  EXPECT_EQ(out.scenario->cluster.cni.type.value, scenario::CniType::Calico);
  EXPECT_EQ(out.scenario->cluster.cni.vxlanMode->value, scenario::EncapMode::Always);
  EXPECT_EQ(out.scenario->cluster.nodes[0].address->value.ToString(), "172.20.1.5/20");
}

TEST(ExportScenario, ABackendWithoutAModelIsRefused) {
  const Exported out = ExportText(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "alloc"}})");
  EXPECT_FALSE(out.scenario);
  EXPECT_EQ(out.diagnostics.All().front().message, "flannel's backend \"alloc\" is not supported yet");
}

}  // namespace
}  // namespace overlaysim::import
