#include "sim/run/plan_json.h"

#include <nlohmann/json.hpp>

#include "running.h"

namespace overlaysim {
namespace {

TEST(PlanJson, HasNamespacesWithTheirDevicesCablesAndTraffic) {
  const Ran ran(TwoNodes(kThreePings));
  const auto json = nlohmann::json::parse(ran.Bytes(run_file::kPlan));
  const auto& node1 = json.at("namespaces").at(ran.Plan().Find("node1").value);
  EXPECT_EQ(node1.at("name"), "node1");
  EXPECT_EQ(node1.at("role"), "node");
  EXPECT_EQ(node1.at("devices").at(1).at("addresses").at(0), "172.16.1.11/24");
  const auto& podA = json.at("namespaces").at(ran.Plan().Find("pod-a").value);
  EXPECT_EQ(podA.at("kernel"), node1.at("kernel"));
  EXPECT_EQ(podA.at("devices").at(1).at("mtu"), 1450);
  EXPECT_EQ(json.at("cables").at(0).at("name"), "node1-leaf1");
  EXPECT_EQ(json.at("workloads").at(0).at("destination"), "10.244.2.2");
}

TEST(PlanJson, SaysWhereAVethLeadsOnceAndWhatATunnelIs) {
  const Ran ran(TwoNodes(kThreePings));
  const auto json = nlohmann::json::parse(ran.Bytes(run_file::kPlan));
  const uint32_t node = ran.Plan().Find("node1").value;
  size_t veths = 0;
  for (const auto& device : json.at("namespaces").at(node).at("devices")) {
    EXPECT_FALSE(device.contains("peer")) << "the pod's end says it: " << device.dump();
    EXPECT_EQ(device.value("kind", ""), device.at("name") == "cni0"        ? "bridge"
                                        : device.at("name") == "flannel.1" ? "vxlan"
                                                                           : "");
    EXPECT_EQ(device.contains("vni"), device.at("name") == "flannel.1");
    if (device.at("name") == "flannel.1") {
      EXPECT_EQ(device.at("vni"), 1);
      EXPECT_EQ(device.at("port"), 8472);
    }
    const auto peer = nlohmann::json{{"netns", node}, {"ifindex", device.at("ifindex")}};
    veths += json.at("namespaces").at(ran.Plan().Find("pod-a").value).at("devices").at(1).at("peer") == peer;
  }
  EXPECT_EQ(veths, 1u) << "pod-a's eth0 leads to one device of node1";
}

TEST(PlanJson, PeersOfPodsThatAreNotMadeAreThoseOfTheirNamespace) {
  const Ran ran(TwoNodes(kThreePings));
  for (uint32_t i = 0; i < ran.Plan().NetnsCount(); ++i) {
    const auto pod = ran.Plan().FindLonePod(NetnsId(i));
    if (!pod) continue;
    const auto made = ran.Plan().Materialise(NetnsId(i));
    const kernel::Link* eth0 = made->FindLink("eth0");
    ASSERT_TRUE(eth0);
    EXPECT_EQ(pod->ifindex, eth0->ifindex);
    EXPECT_EQ(pod->peerNetns, eth0->peerNetns);
    EXPECT_EQ(pod->peerIfindex, eth0->peerIfindex);
  }
}

TEST(PlanJson, LabelsStandWhereTheyAreGiven) {
  const Ran ran(R"({"format": 1, "cluster": {"cni": {"type": "flannel"},
    "nodes": [{"name": "node1", "labels": {"zone": "a\"b"}}, "node2"],
    "pods": [{"name": "pod-a", "node": "node1", "labels": {"app": "web", "tier": "front"}},
             {"name": "pod-b", "node": "node2"}]},
    "traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 1}]})");
  const auto json = nlohmann::json::parse(ran.Bytes(run_file::kPlan));
  const auto of = [&](const char* name) { return json.at("namespaces").at(ran.Plan().Find(name).value); };
  EXPECT_EQ(of("node1").at("labels"), (nlohmann::json{{"kubernetes.io/hostname", "node1"}, {"zone", "a\"b"}}));
  EXPECT_EQ(of("pod-a").at("labels"), (nlohmann::json{{"app", "web"}, {"tier", "front"}}));
  EXPECT_FALSE(of("pod-b").contains("labels"));
  EXPECT_FALSE(of("leaf1").contains("labels"));
}

TEST(PlanJson, APodInItsNodesNetworkHasNoDevices) {
  const Ran ran(R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel"},
    "pods": [{"name": "pod-a", "node": "node1"}, {"name": "proxy", "node": "node2", "hostNetwork": true}]},
    "traffic": [{"type": "ping", "from": "pod-a", "to": "proxy", "count": 1}]})");
  const auto json = nlohmann::json::parse(ran.Bytes(run_file::kPlan));
  for (const auto& ns : json.at("namespaces")) EXPECT_NE(ns.contains("devices"), ns.at("name") == "proxy");
  EXPECT_EQ(ran.outcome->metrics.DeliveredPackets(), 1u);
}

TEST(PlanJson, DualStackPodsHaveBothAddresses) {
  const Ran ran(R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "podCIDRIPv6": "fd00:244::/48",
    "cni": {"type": "flannel"}, "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}]},
    "traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 1}]})");
  const auto json = nlohmann::json::parse(ran.Bytes(run_file::kPlan));
  const auto& podA = json.at("namespaces").at(ran.Plan().Find("pod-a").value);
  const auto& addresses = podA.at("devices").at(1).at("addresses");
  ASSERT_EQ(addresses.size(), 2u) << addresses.dump();
  EXPECT_EQ(addresses.at(0), "10.244.1.2/24");
  EXPECT_EQ(addresses.at(1).get<std::string>().substr(0, 8), "fd00:244");
}

}  // namespace
}  // namespace overlaysim
