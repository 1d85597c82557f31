#include <fstream>

#include "planning.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

std::string Cluster(const std::string& cni, const std::string& more = "") {
  return WithCluster(
      R"("podCIDR": "10.0.0.0/16", "nodes": [{"name": "node1", "rack": "a"}, {"name": "node2", "rack": "a"},
                        {"name": "node3", "rack": "b"}], "cni": )" +
          cni + R"(, "pods": [{"name": "p", "node": "node1"}])",
      more);
}

TEST(CiliumTunnel, RoutesLeadToCiliumHostWithTheTunnelsMtu) {
  const Planned planned = PlanText(Cluster(R"({"type": "cilium"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.0.1.0/24 via 10.0.1.1 dev cilium_host proto kernel src 10.0.1.1 \n"
            "10.0.1.1 dev cilium_host proto kernel scope link \n"
            "10.0.2.0/24 via 10.0.1.1 dev cilium_host proto kernel src 10.0.1.1 mtu 1450 \n"
            "10.0.3.0/24 via 10.0.1.1 dev cilium_host proto kernel src 10.0.1.1 mtu 1450 \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Route("p"), "default via 10.0.1.1 dev eth0 mtu 1450 \n10.0.1.1 dev eth0 scope link \n");
  for (const char* device : {"cilium_net", "cilium_host", "cilium_vxlan"})
    EXPECT_EQ(planned.Mtu("node1", device), 1500u) << device;
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1500u);
}

TEST(CiliumTunnel, TheMtuGivenIsThatOfTheDevices) {
  const Planned planned =
      PlanText(Cluster(R"({"type": "cilium", "tunnelProtocol": "geneve", "port": 6082, "mtu": 1400})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Mtu("node1", "cilium_geneve"), 1400u);
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1400u);
  EXPECT_EQ(planned.Route("p"), "default via 10.0.1.1 dev eth0 mtu 1350 \n10.0.1.1 dev eth0 scope link \n");
  const auto node = planned->Materialise(planned->Find("node1"));
  EXPECT_EQ(node->FindLink("cilium_geneve")->vxlan.dstPort, 6082);
}

TEST(CiliumNative, OnlyNodesOfTheSubnetHaveRoutes) {
  const Planned planned = PlanText(Cluster(R"({"type": "cilium", "routingMode": "native"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.0.1.0/24 via 10.0.1.1 dev cilium_host proto kernel src 10.0.1.1 \n"
            "10.0.1.1 dev cilium_host proto kernel scope link \n"
            "10.0.2.0/24 via 172.16.1.12 dev eth0 proto kernel \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_FALSE(planned->Materialise(planned->Find("node1"))->FindLink("cilium_vxlan"));
  const Planned without =
      PlanText(Cluster(R"({"type": "cilium", "routingMode": "native", "autoDirectNodeRoutes": false})"));
  EXPECT_EQ(without.Route("node1").find("10.0.2.0/24"), std::string::npos);
}

// pkg/mtu/mtu.go: getRouteMTU() takes 80 for WireGuard and 50 for a tunnel inside of it; mtuReconciler() of
// pkg/wireguard/agent/agent.go takes 80 off the device.
TEST(CiliumWireguard, TheTunnelIsInsideAndPeersAreNodes) {
  const Planned planned = PlanText(Cluster(R"({"type": "cilium", "encryption": "wireguard"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.plan->cniName, "cilium vxlan with wireguard");
  EXPECT_EQ(planned.Mtu("node1", "cilium_vxlan"), 1500u);
  EXPECT_EQ(planned.Mtu("node1", "cilium_wg0"), 1420u);
  EXPECT_EQ(planned.Route("p"), "default via 10.0.1.1 dev eth0 mtu 1370 \n10.0.1.1 dev eth0 scope link \n");
  const auto node = planned->Materialise(planned->Find("node1"));
  const kernel::Link& device = *node->FindLink("cilium_wg0");
  EXPECT_EQ(device.wireguard.listenPort, 51871);
  EXPECT_EQ(device.wireguard.fwmark, 0x1e00u);
  kernel::TunnelPeer peer;
  ASSERT_TRUE(node->FindTunnelPeer(device.ifindex, *Ipv4Address::Parse("172.16.1.12"), peer));
  EXPECT_EQ(peer.allowedIps, (std::vector{*Ipv4Prefix::Parse("172.16.1.12/32")}));
  EXPECT_FALSE(node->FindTunnelPeer(device.ifindex, *Ipv4Address::Parse("10.0.2.5"), peer));
}

TEST(CiliumWireguard, WithNativeRoutingPeersHaveTheirPodsToo) {
  const Planned planned =
      PlanText(Cluster(R"({"type": "cilium", "routingMode": "native", "encryption": "wireguard"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.plan->cniName, "cilium native with wireguard");
  EXPECT_EQ(planned.Route("p"), "default via 10.0.1.1 dev eth0 mtu 1420 \n10.0.1.1 dev eth0 scope link \n");
  const auto node = planned->Materialise(planned->Find("node1"));
  EXPECT_FALSE(node->FindLink("cilium_vxlan"));
  kernel::TunnelPeer peer;
  ASSERT_TRUE(node->FindTunnelPeer(node->FindLink("cilium_wg0")->ifindex, *Ipv4Address::Parse("10.0.3.5"), peer));
  EXPECT_EQ(peer.allowedIps, (std::vector{*Ipv4Prefix::Parse("10.0.3.0/24"), *Ipv4Prefix::Parse("172.16.2.13/32")}));
}

TEST(CiliumWireguard, IpsecIsRefused) {
  const Planned planned = PlanText(Cluster(R"({"type": "cilium", "encryption": "ipsec"})"));
  EXPECT_FALSE(planned.plan);
  EXPECT_NE(
      planned.diagnostics.Format().find("Cilium's encryption with ipsec is not supported yet (supported: wireguard)"),
      std::string::npos)
      << planned.diagnostics.Format();
}

TEST(Cilium, TheNodesAddressIsTheLowestThatNoPodHas) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDR": "10.0.0.0/16", "nodes": ["node1"], "cni": {"type": "cilium"},
         "pods": [{"name": "a", "node": "node1", "address": "10.0.1.1"}, {"name": "b", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_TRUE(planned->Materialise(planned->Find("node1"))->IsLocalAddress(*Ipv4Address::Parse("10.0.1.2")));
  EXPECT_EQ(planned.Route("b"), "default via 10.0.1.2 dev eth0 mtu 1450 \n10.0.1.2 dev eth0 scope link \n");
  EXPECT_EQ(planned->Find("b"), planned->FindByAddress(*Ipv4Address::Parse("10.0.1.3")));
}

/// A scenario whose nodes and CNI settings come from a file with that text.
Planned Imported(const std::string& text) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "cluster.yaml") << text;
  std::ofstream(directory / "test.json")
      << R"({"format": 1, "cluster": {"nodes": [{"import": "cluster.yaml"}], "cni": {"type": "cilium", "import": "cluster.yaml"},
             "pods": [{"name": "p"}]}})";
  Planned out;
  const auto scenario = scenario::LoadScenario((directory / "test.json").string(), {}, out.diagnostics);
  if (scenario) out.plan = CompilePlan(*scenario, import::ImportFiles, out.diagnostics);
  return out;
}

const std::string kCiliumNodes = R"(apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: a}
spec:
  addresses: [{ip: 192.168.0.2, type: InternalIP}, {ip: 10.7.3.91, type: CiliumInternalIP}]
  ipam: {podCIDRs: [10.7.3.0/25]}
---
apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: b}
spec:
  addresses: [{ip: 192.168.0.3, type: InternalIP}, {ip: 10.7.3.200, type: CiliumInternalIP}]
  ipam: {podCIDRs: [10.7.3.128/25]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config}
)";

TEST(Cilium, ImportedNodesAndSettingsHold) {
  const Planned planned =
      Imported(kCiliumNodes + "data: {tunnel-protocol: geneve, mtu: \"1400\", cluster-pool-ipv4-cidr: 10.7.0.0/16}\n");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.plan->cniName, "cilium geneve");
  const std::string routes = planned.Route("a");
  EXPECT_NE(routes.find("10.7.3.0/25 via 10.7.3.91 dev cilium_host proto kernel src 10.7.3.91 \n"), std::string::npos)
      << routes;
  EXPECT_NE(routes.find("10.7.3.128/25 via 10.7.3.91 dev cilium_host proto kernel src 10.7.3.91 mtu 1350 \n"),
            std::string::npos)
      << routes;
}

TEST(Cilium, WhatIsNotSimulatedIsRefused) {
  const auto said = [](const std::string& data) {
    return Imported(kCiliumNodes + "data: " + data).diagnostics.Format();
  };
  EXPECT_NE(said("{enable-ipsec: \"true\"}\n").find("Cilium's encryption with ipsec is not supported yet"),
            std::string::npos);
  EXPECT_NE(said("{ipam: eni}\n").find("Cilium's ipam \"eni\" is not supported yet"), std::string::npos);
  const Planned fault =
      PlanText(Cluster(R"({"type": "cilium"})", R"("events": [{"at": "1s", "fault": "wrong-vni", "node": "node1"}])"));
  EXPECT_NE(fault.diagnostics.Format().find("faults of cilium vxlan's tunnel are not supported yet"), std::string::npos)
      << fault.diagnostics.Format();
}

TEST(Antrea, RoutesLeadViaTheVirtualMac) {
  const Planned planned = PlanText(Cluster(R"({"type": "antrea"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.0.1.0/24 dev antrea-gw0 proto kernel scope link src 10.0.1.1 \n"
            "10.0.2.0/24 via 10.0.2.1 dev antrea-gw0 onlink \n"
            "10.0.3.0/24 via 10.0.3.1 dev antrea-gw0 onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Neigh("node1"),
            "10.0.2.1 dev antrea-gw0 lladdr aa:bb:cc:dd:ee:ff PERMANENT \n"
            "10.0.3.1 dev antrea-gw0 lladdr aa:bb:cc:dd:ee:ff PERMANENT \n");
  EXPECT_EQ(planned.Mtu("node1", "antrea-gw0"), 1450u);
  EXPECT_EQ(planned.Mtu("node1", "genev_sys_6081"), 65000u);
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1450u);
}

TEST(Calico, ImportedBlocksAreTheirNodes) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "calico.yaml") << R"(apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: all}
spec: {cidr: 10.1.0.0/16, vxlanMode: Always}
---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: one}
spec: {cidr: 10.1.9.64/26, node: node1, state: confirmed, deleted: "false"}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: two}
spec: {cidr: 10.1.0.0/26, affinity: "host:node2"}
---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: gone}
spec: {cidr: 10.1.1.0/26, node: node9, state: confirmed}
)";
  std::ofstream(directory / "test.json")
      << R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "calico", "import": "calico.yaml"},
             "pods": [{"name": "p", "node": "node1"}]}})";
  Diagnostics diagnostics;
  const auto scenario = scenario::LoadScenario((directory / "test.json").string(), {}, diagnostics);
  ASSERT_TRUE(scenario) << diagnostics.Format();
  const auto plan = CompilePlan(*scenario, import::ImportFiles, diagnostics);
  ASSERT_TRUE(plan) << diagnostics.Format();
  const std::string routes = iproute2::RouteShow(*plan->Materialise(plan->Find("node1")));
  EXPECT_NE(routes.find("blackhole 10.1.9.64/26 proto 80"), std::string::npos) << routes;
  EXPECT_NE(routes.find("10.1.0.0/26 via 10.1.0.0 dev vxlan.calico proto 80 onlink"), std::string::npos) << routes;
  EXPECT_EQ(plan->Find("p"), plan->FindByAddress(*Ipv4Address::Parse("10.1.9.65")));  // .64 is the tunnel's
  EXPECT_NE(diagnostics.Format().find("block 10.1.1.0/26 is left out: there is no node \"node9\""), std::string::npos);
}

}  // namespace
}  // namespace overlaysim
