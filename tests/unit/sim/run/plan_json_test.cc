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
