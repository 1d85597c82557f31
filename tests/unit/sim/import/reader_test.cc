#include "sim/import/reader.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace overlaysim::import {
namespace {

std::string Fixture(const std::string& name) {
  return std::string(OVERLAYSIM_SOURCE_DIR "/tests/data/clusters/") + name;
}

/// The messages without the lines that they show.
std::string Messages(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& d : diagnostics.All()) {
    constexpr std::string_view kWords[] = {"error", "warning", "note"};
    out += fmt::format("{}:{}:{}: {}: {}\n", std::filesystem::path(d.place.file).filename().string(), d.place.line,
                       d.place.column, kWords[static_cast<size_t>(d.severity)], d.message);
  }
  return out;
}

/// The first message about a text.
std::string MessageOf(std::string_view text) {
  Diagnostics diagnostics;
  ImportText("input", text, diagnostics);
  const std::string all = Messages(diagnostics);
  return all.substr(0, all.find('\n'));
}

TEST(ImportNodes, TakesWhatKubectlPrintedAsJson) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportFiles({Fixture("nodes.json")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_EQ(cluster.nodes.size(), 2u);
  const Node& oak = cluster.nodes[0];
  EXPECT_EQ(oak.name, "oak");
  EXPECT_EQ(oak.origin.line, 4u);
  EXPECT_EQ(oak.uid, "00000000-0000-4000-8000-000000000001");
  ASSERT_EQ(oak.internalIps.size(), 1u);
  EXPECT_EQ(oak.internalIps[0].ToString(), "192.168.10.11");
  EXPECT_EQ(oak.internalIpsV6.at(0).ToString(), "fd00::11");
  EXPECT_EQ(oak.externalIps.at(0).ToString(), "203.0.113.11");
  EXPECT_EQ(oak.hostname, "oak");
  ASSERT_EQ(oak.podCidrs.size(), 2u);
  EXPECT_EQ(oak.podCidrs[1].ToString(), "fd50:0:0:1::/64");
  EXPECT_EQ(oak.PodCidr()->ToString(), "10.50.1.0/24");
  EXPECT_EQ(oak.zone, "north");
  EXPECT_EQ(oak.region, "forest");
  EXPECT_EQ(oak.rack, "r1");
  EXPECT_EQ(oak.roles, std::vector<std::string_view>{"control-plane"});
  EXPECT_EQ(oak.flannel.backendType, "vxlan");
  EXPECT_EQ(oak.flannel.vni, 7u);
  EXPECT_EQ(oak.flannel.vtepMac->ToString(), "0a:00:00:00:00:01");
  EXPECT_EQ(oak.flannel.publicIp->ToString(), "192.168.10.11");
  EXPECT_TRUE(oak.flannel.kubeSubnetManager);
  EXPECT_EQ(cluster.nodes[1].zone, "south");  // the label of Kubernetes before 1.17
}

TEST(ImportPods, TakesYamlWithListsAndDocumentsAndCountsTheRest) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportFiles({Fixture("pods.yaml")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_EQ(cluster.pods.size(), 4u);
  const Pod& cart = cluster.pods[0];
  EXPECT_EQ(cart.nameSpace, "shop");
  EXPECT_EQ(cart.nodeName, "oak");
  EXPECT_EQ(cart.ip->ToString(), "10.50.1.5");
  EXPECT_EQ(cart.ipV6->ToString(), "fd50:0:0:1::5");
  EXPECT_EQ(cart.hostIp->ToString(), "192.168.10.11");
  EXPECT_EQ(FindLabel(*cart.labels, "app"), "cart");
  EXPECT_EQ(cart.phase, PodPhase::Running);
  EXPECT_TRUE(cluster.pods[1].hostNetwork);
  EXPECT_FALSE(cluster.pods[2].IsPlaced());  // it has ended
  EXPECT_EQ(cluster.pods[3].name, "redis-0");
  EXPECT_EQ(cluster.files[0].skippedKinds, (std::map<std::string, size_t>{{"Service", 1}}));
}

TEST(ImportPods, PodsOfOneWorkloadShareTheirLabels) {
  Diagnostics diagnostics;
  const auto cluster = ImportText("p", R"({"items": [
      {"kind": "Pod", "metadata": {"name": "a", "labels": {"x": "1", "y": "2"}}},
      {"kind": "Pod", "metadata": {"name": "b", "labels": {"y": "2", "x": "1"}}}]})",
                                  diagnostics);
  ASSERT_EQ(cluster.pods.size(), 2u);
  EXPECT_EQ(cluster.pods[0].labels, cluster.pods[1].labels);
  EXPECT_EQ(cluster.pods[0].nameSpace, "default");
}

TEST(ImportFlannel, TakesTheManifestsConfigMap) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportFiles({Fixture("kube-flannel.yml")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_TRUE(cluster.flannel);
  EXPECT_EQ(cluster.flannel->network.value->ToString(), "10.50.0.0/16");
  EXPECT_EQ(cluster.flannel->network.origin.line, 25u);  // in the manifest, not in the text inside it
  EXPECT_EQ(cluster.flannel->network.origin.column, 18u);
  EXPECT_EQ(cluster.flannel->backendType.value, "vxlan");
  EXPECT_EQ(cluster.flannel->vni.value, 7u);
  EXPECT_EQ(cluster.flannel->port.value, 4790u);
  EXPECT_TRUE(cluster.flannel->directRouting.value);
  ASSERT_TRUE(cluster.cni);
  ASSERT_EQ(cluster.cni->plugins.size(), 2u);
  EXPECT_EQ(cluster.cni->plugins[0].type, "flannel");
  EXPECT_EQ(cluster.cni->plugins[0].hairpinMode, true);
  EXPECT_EQ(cluster.cni->plugins[0].mtu, 1400u);
  EXPECT_EQ(cluster.files[0].skippedKinds,
            (std::map<std::string, size_t>{{"DaemonSet (apps/v1)", 1}, {"Namespace", 1}}));
}

TEST(ImportFlannel, SaysThatAPastedConfigMapLostItsIndentation) {
  Diagnostics diagnostics;
  ImportFiles({Fixture("pasted-configmap.yml")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics),
            "pasted-configmap.yml:5:1: error: this looks like a ConfigMap whose indentation was lost when it was "
            "pasted (data, "
            "net-conf.json and its lines all start in column 1); copy the raw file\n");
}

TEST(ImportFlannel, SaysSoOfABlockAlone) {
  EXPECT_EQ(MessageOf("kind: ConfigMap\ndata:\n  net-conf.json: |\n  {\n  \"Network\": \"10.0.0.0/8\"\n  }\n"),
            "input:4:1: error: this looks like a ConfigMap whose indentation was lost when it was pasted (the lines of "
            "net-conf.json do not stand further right than their key); copy the raw file");
}

TEST(ImportFlannel, SaysSoOfOtherObjects) {
  EXPECT_EQ(MessageOf("apiVersion: v1\nkind: Node\nmetadata:\nname: oak\nspec:\npodCIDR: 10.0.1.0/24\n"),
            "input:3:1: error: this looks like a Kubernetes object whose indentation was lost when it was pasted "
            "(metadata and "
            "what belongs into it start in column 1); copy the raw file");
}

TEST(ImportFlannel, AnEmptyParentIsNoLostIndentation) {
  Diagnostics diagnostics;
  const auto cluster =
      ImportText("n", "kind: Node\nmetadata:\n  name: oak\nspec:\nstatus:\napiVersion: v1\n", diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  EXPECT_EQ(cluster.nodes.size(), 1u);
}

TEST(ImportFlannel, ReadsTheConfigMapThatKubectlPrintsAsJson) {
  Diagnostics diagnostics;
  const auto cluster =
      ImportText("cm", R"({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-flannel-cfg"},
    "data": {"net-conf.json": "{\n  \"Network\": \"10.9.0.0/16\",\n  \"Backend\": {\"Type\": \"host-gw\"}\n}\n"}})",
                 diagnostics);
  ASSERT_TRUE(cluster.flannel);
  EXPECT_EQ(cluster.flannel->backendType.value, "host-gw");
  EXPECT_EQ(cluster.flannel->network.origin.line, 2u);
}

TEST(ImportFlannel, PointsIntoTheTextInsideAManifest) {
  EXPECT_EQ(
      MessageOf("kind: ConfigMap\ndata:\n  net-conf.json: |\n    {\n      \"Network\": \"10.0.0.0/8\",,\n    }\n"),
      "input:5:31: error: net-conf.json: this is not valid JSON: unexpected ','; expected string literal");
}

TEST(ImportFlannel, RefusesTwoConfigurationsThatDiffer) {
  Diagnostics diagnostics;
  const std::string one =
      "kind: ConfigMap\ndata:\n  net-conf.json: '{\"Network\": \"10.1.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}'\n";
  const std::string other =
      "kind: ConfigMap\ndata:\n  net-conf.json: '{\"Network\": \"10.2.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}'\n";
  ImportText("m", one + "---\n" + one, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ImportText("m", one + "---\n" + other, diagnostics);
  EXPECT_EQ(Messages(diagnostics),
            "m:7:18: error: a second net-conf.json, which says other things than the one at m:3 (Network "
            "10.1.0.0/16, Backend vxlan there, Network 10.2.0.0/16, Backend vxlan here)\n");
}

TEST(Import, ToldTogetherFilesCompleteEachOther) {
  Diagnostics diagnostics;
  const ImportedCluster cluster =
      ImportFiles({Fixture("nodes.json"), Fixture("pods-wide.txt"), Fixture("pods.yaml")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  EXPECT_EQ(cluster.nodes.size(), 2u);
  EXPECT_EQ(cluster.pods.size(), 6u);  // four of the text, three of them in YAML too, one in YAML alone, one waiting
  EXPECT_EQ(FindLabel(*cluster.pods[1].labels, "app"), "cart");  // the YAML says more than the text
}

TEST(Import, OneObjectTwiceIsTakenOnce) {
  const std::string node =
      R"({"kind": "Node", "metadata": {"name": "oak", "uid": "u1"}, "spec": {"podCIDR": "10.0.1.0/24"}})";
  EXPECT_EQ(MessageOf("[" + node + ",\n" + node + "]"),
            "input:2:1: note: node \"oak\" stands at input:1 already; it is taken once");
}

TEST(Import, TwoObjectsOfOneNameComeFromTwoClusters) {
  EXPECT_EQ(MessageOf(R"([{"kind": "Node", "metadata": {"name": "oak", "uid": "u1"}},
{"kind": "Node", "metadata": {"name": "oak", "uid": "u2"}}])"),
            "input:2:1: error: node \"oak\" stands at input:1 already, with another uid: are these files from two "
            "clusters, or "
            "from two times?");
  EXPECT_EQ(MessageOf(R"([{"kind": "Pod", "metadata": {"name": "a", "uid": "u1"}},
{"kind": "Pod", "metadata": {"name": "a", "uid": "u2"}}])"),
            "input:2:1: error: pod \"default/a\" stands at input:1 already, with another uid: are these files from two "
            "clusters, or "
            "from two times?");
}

TEST(Import, KindsAreToldFromListsLinksAndFields) {
  Diagnostics diagnostics;
  const auto cluster = ImportText("dump", R"(
    {"kind": "NodeList", "items": [{"metadata": {"name": "a"}}]}
    [{"metadata": {"name": "b", "selfLink": "/api/v1/nodes/b"}}, {"metadata": {"name": "s", "selfLink": "/api/v1/namespaces/x/services/s"}}]
    {"metadata": {"name": "c"}, "status": {"nodeInfo": {"kernelVersion": "6"}}}
    {"metadata": {"name": "p"}, "spec": {"containers": []}}
    {"kind": "List", "items": [{"kind": "List", "items": [{"kind": "Node", "metadata": {"name": "d"}}]}]})",
                                  diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_EQ(cluster.nodes.size(), 4u);
  EXPECT_EQ(cluster.nodes[3].name, "d");
  EXPECT_EQ(cluster.pods.size(), 1u);
}

TEST(Import, OtherApisNodesAreNoNodes) {
  EXPECT_EQ(MessageOf("apiVersion: example.org/v3\nkind: Node\nmetadata:\n  name: a\n"),
            "input:0:0: warning: nothing of this file is of use here: 1 Node (example.org/v3)");
}

TEST(Import, MaskedValuesAreLeftOutAndWrongOnesRefused) {
  EXPECT_EQ(MessageOf(R"({"kind": "Node", "metadata": {"name": "a"}, "spec": {"podCIDR": "***HIDDEN***/25"}})"),
            "input:1:65: warning: this pod CIDR, \"***HIDDEN***/25\", is masked or a placeholder; it is not used");
  EXPECT_EQ(MessageOf(R"({"kind": "Node", "metadata": {"name": "a"}, "spec": {"podCIDR": "10.0.0.0/33"}})"),
            "input:1:65: error: \"10.0.0.0/33\" is no pod CIDR");
  EXPECT_EQ(MessageOf(R"({"kind": "Node", "metadata": {"name": "a"}, "spec": {"podCIDRs": [{}]}})"),
            "input:1:67: error: this is an object, not a pod CIDR");
}

TEST(Import, SaysWhatIsWrongWithFilesThatCannotBeRead) {
  auto errorOf = [](const std::string& path) {
    Diagnostics diagnostics;
    ImportFiles({path}, diagnostics);
    return diagnostics.All().empty() ? std::string() : diagnostics.All().front().message;
  };
  EXPECT_EQ(errorOf(Fixture("no-such-file.json")), "there is no such file");
  EXPECT_EQ(errorOf(Fixture("")), "this is a directory; name the files in it");
  EXPECT_EQ(errorOf("/dev/null"), "this file is empty");
  EXPECT_EQ(MessageOf(" \n"), "input:0:0: error: this file is empty");
  EXPECT_EQ(MessageOf("# only this\n---\n"),
            "input:1:1: error: this is neither JSON nor YAML of Kubernetes objects, nor a table "
            "that kubectl printed, nor a net-conf.json");
  EXPECT_EQ(MessageOf("{\"a\": 1}"),
            "input:0:0: error: this is neither JSON nor YAML of Kubernetes objects, nor a table that "
            "kubectl printed, nor a net-conf.json");
  EXPECT_EQ(MessageOf("{\"kind\": \"List\", \"items\": []}"), "input:0:0: warning: this list has no objects");
  EXPECT_EQ(MessageOf(std::string_view("PK\0\3", 4)),
            "input:0:0: error: this is a binary file; JSON, YAML or text is read");
  EXPECT_EQ(MessageOf("[{\"kind\": \"Node\", \"metadata\": {}}]"), "input:1:2: error: this Node has no metadata.name");
  EXPECT_EQ(MessageOf("[{\"kind\": \"Service\"}, 7]"), "input:1:23: error: this is no object, as its neighbours are");
}

TEST(ImportTable, ColumnsAreFoundByTheHead) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportFiles({Fixture("nodes.json"), Fixture("pods-wide.txt")}, diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_EQ(cluster.pods.size(), 5u);
  EXPECT_EQ(cluster.pods[0].nameSpace, "kube-system");
  EXPECT_EQ(cluster.pods[0].ip->ToString(), "192.168.20.12");
  EXPECT_TRUE(cluster.pods[0].hostNetwork);  // its node's address
  EXPECT_EQ(cluster.pods[1].nodeName, "oak");
  EXPECT_FALSE(cluster.pods[1].hostNetwork);
  EXPECT_EQ(cluster.pods[2].phase, PodPhase::Unknown);  // CrashLoopBackOff, but placed
  EXPECT_TRUE(cluster.pods[2].IsPlaced());
  EXPECT_EQ(cluster.pods[3].phase, PodPhase::Succeeded);
  EXPECT_EQ(cluster.pods[4].nodeName, "");
  EXPECT_FALSE(cluster.pods[4].ip);
}

TEST(ImportTable, SqueezedColumnsAreReadFromBothEnds) {
  Diagnostics diagnostics;
  const auto cluster = ImportText("t",
                                  "NAMESPACE NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES\n"
                                  "shop cart-1 1/1 Running 3 (5h ago) 2d 10.50.1.5 oak <none> <none>\n"
                                  "shop cart-2 0/1 Init Error 0 2d 10.50.1.6 oak <none> <none>\n",
                                  diagnostics);
  EXPECT_EQ(Messages(diagnostics), "");
  ASSERT_EQ(cluster.pods.size(), 2u);
  EXPECT_EQ(cluster.pods[0].phase, PodPhase::Running);
  EXPECT_EQ(cluster.pods[0].ip->ToString(), "10.50.1.5");
  EXPECT_EQ(cluster.pods[1].nodeName, "oak");
}

TEST(ImportTable, WithoutNodesASharedAddressIsTheNodes) {
  Diagnostics diagnostics;
  const auto cluster = ImportText("t",
                                  "NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE   IP          NODE\n"
                                  "sys         a      1/1     Running   0          2d    172.16.0.4   oak\n"
                                  "sys         b      1/1     Running   0          2d    172.16.0.4   oak\n"
                                  "sys         c      1/1     Running   0          2d    10.0.0.4     oak\n",
                                  diagnostics);
  ASSERT_EQ(cluster.pods.size(), 3u);
  EXPECT_TRUE(cluster.pods[0].hostNetwork);
  EXPECT_EQ(cluster.pods[1].hostIp->ToString(), "172.16.0.4");
  EXPECT_FALSE(cluster.pods[2].hostNetwork);
}

TEST(ImportTable, SaysWhatToPrintInstead) {
  EXPECT_EQ(MessageOf("NAME   READY   STATUS    RESTARTS   AGE\na      1/1     Running   0          2d\n"),
            "input:1:1: error: this table has no columns IP and NODE; print it with `kubectl get pods -A -o wide`");
  EXPECT_EQ(MessageOf("NAME   STATUS   ROLES    AGE   VERSION\noak    Ready    <none>   2d    v1.30.0\n"),
            "input:1:1: error: this table is not of pods; other objects are read from `kubectl get … -o json` or -o "
            "yaml (as text, "
            "nodes lack their pod CIDRs)");
  EXPECT_EQ(MessageOf("NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE   IP     NODE\nsys         a      1/1\n"),
            "input:2:1: error: this line has other columns than the head of the table (8)");
  EXPECT_EQ(MessageOf("NAMESPACE   NAME   READY   STATUS    RESTARTS   AGE   IP     NODE\n"
                      "sys         a      1/1     Running   0          2d    10.1   oak\n"),
            "input:2:55: error: \"10.1\" is no IP address");
}

}  // namespace
}  // namespace overlaysim::import
