#include "sim/plan/cni/bgp.h"

#include <gtest/gtest.h>

#include "planning.h"

namespace overlaysim {
namespace {

using plan::BgpReach;
using plan::BgpSpeaker;

/// "01 02": which speaker (second) has whose routes (first), but for its own.
std::string Learnt(const BgpReach& reach, uint32_t count) {
  std::string out;
  for (uint32_t origin = 0; origin < count; ++origin)
    for (uint32_t self = 0; self < count; ++self)
      if (self != origin && reach.Learns(NodeId(self), NodeId(origin)))
        out += (out.empty() ? "" : " ") + std::to_string(origin) + std::to_string(self);
  return out;
}

TEST(BgpReach, FullMeshTellsEverybody) {
  EXPECT_EQ(Learnt(BgpReach({{}, {}, {}}, true, {}), 3), "01 02 10 12 20 21");
  EXPECT_EQ(Learnt(BgpReach({{}, {}, {}}, false, {}), 3), "");
}

TEST(BgpReach, WhatIsLearntInsideTheAsIsNotPassedOn) {
  EXPECT_EQ(Learnt(BgpReach({{}, {}, {}}, false, {{0, 1}, {1, 2}}), 3), "01 10 12 21");
}

TEST(BgpReach, ReflectorPassesOnToItsClients) {
  EXPECT_EQ(Learnt(BgpReach({{}, {"1.1.1.1"}, {}}, false, {{0, 1}, {1, 2}}), 3), "01 02 10 12 20 21");
}

TEST(BgpReach, ReflectorsAreNotPartOfTheMesh) {
  // 0 and 1 are meshed; the reflector 2 has no session without a peering of its own.
  EXPECT_EQ(Learnt(BgpReach({{}, {}, {"1.1.1.1"}}, true, {}), 3), "01 10");
}

TEST(BgpReach, ReflectorsOfOneClusterDoNotReflectToEachOther) {
  // Clients 0 and 3 each have one of the two reflectors, 1 and 2, of one cluster: a packet's origin beyond the other
  // reflector stays unknown, as the cluster list says that it has been here.
  const BgpReach same({{}, {"1.1.1.1"}, {"1.1.1.1"}, {}}, false, {{0, 1}, {1, 2}, {2, 3}});
  EXPECT_FALSE(same.Learns(NodeId(3u), NodeId(0u)));
  // With clusters of their own the reflectors are each other's clients.
  const BgpReach two({{}, {"1.1.1.1"}, {"2.2.2.2"}, {}}, false, {{0, 1}, {1, 2}, {2, 3}});
  EXPECT_TRUE(two.Learns(NodeId(3u), NodeId(0u)));
}

std::string Cluster(const std::string& cni, const std::string& labels = "") {
  return WithCluster(R"("podCIDR": "10.244.0.0/16", "cni": {"type": "calico", )" + cni + R"(},
       "nodes": [{"name": "n1", "rack": "1"}, {"name": "n2", "rack": "1"}, {"name": "n3", "rack": "2")" +
                     labels + R"(}],
       "pods": [{"name": "a", "node": "n1"}, {"name": "b", "node": "n2"}, {"name": "c", "node": "n3"}])");
}

TEST(CalicoBgp, RoutesLeadViaTheNodeOrTheWayToIt) {
  const Planned planned = PlanText(Cluster(R"("vxlanMode": "Never")"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("n1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.0.0 dev cali" +
                planned.Route("n1").substr(planned.Route("n1").find("dev cali") + 8, 11) +
                " scope link \n"
                "blackhole 10.244.0.0/26 proto bird \n"
                "10.244.0.64/26 via 172.16.1.12 dev eth0 proto bird \n"
                "10.244.0.128/26 via 172.16.1.1 dev eth0 proto bird \n"  // the router: it must know the block itself
                "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Neigh("n1"), "");
  EXPECT_EQ(planned.Mtu("a", "eth0"), 1500u);
  EXPECT_EQ(planned.plan->understood, "calico BGP · 3 nodes, 3 pods");
}

TEST(CalicoBgp, WithoutMeshAndPeersNobodyKnowsTheOthers) {
  const Planned planned = PlanText(Cluster(R"("vxlanMode": "Never", "nodeToNodeMeshEnabled": false)"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("n1").find("10.244.0.64/26"), std::string::npos);
}

TEST(CalicoBgp, RouteReflectorLeavesTheNextHopAlone) {
  const Planned planned = PlanText(
      Cluster(R"("vxlanMode": "Never", "nodeToNodeMeshEnabled": false, "bgpPeers": [{"peerSelector": "rr == 'yes'"}])",
              R"(, "labels": {"rr": "yes"}, "routeReflectorClusterID": "244.0.0.1")"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("n1").find("10.244.0.64/26 via 172.16.1.12 dev eth0 proto bird"), std::string::npos);
  EXPECT_NE(planned.Route("n3").find("10.244.0.64/26 via 172.16.2.1 dev eth0 proto bird"), std::string::npos);
}

TEST(CalicoIpip, RoutesLeadThroughTunl0) {
  const Planned planned = PlanText(Cluster(R"("ipipMode": "Always")"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string routes = planned.Route("n1");
  EXPECT_NE(routes.find("10.244.0.64/26 via 172.16.1.12 dev tunl0 proto bird onlink"), std::string::npos) << routes;
  EXPECT_NE(routes.find("10.244.0.128/26 via 172.16.2.13 dev tunl0 proto bird onlink"), std::string::npos) << routes;
  EXPECT_NE(routes.find("blackhole 10.244.0.0/26 proto bird"), std::string::npos) << routes;
  EXPECT_EQ(planned.Mtu("n1", "tunl0"), 1480u);  // 1500 - 20
  EXPECT_EQ(planned.Mtu("a", "eth0"), 1480u);
  const auto node = planned->Materialise(planned->Find("n1"));
  iproute2::ShowOptions options;
  options.details = true;
  // As `ip -d link show tunl0` of a node with Calico's IPIP has it (Linux 5.15), but for what newer tools add.
  EXPECT_NE(iproute2::LinkShow(*node, {.ifindex = node->FindLink("tunl0")->ifindex}, options)
                .find("tunl0@NONE: <NOARP,UP,LOWER_UP> mtu 1480 qdisc noqueue state UNKNOWN mode DEFAULT group default "
                      "qlen 1000\n    link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0  allmulti 0 minmtu 0 maxmtu 0 \n    "
                      "ipip any remote any local any ttl inherit nopmtudisc "),
            std::string::npos);
}

TEST(CalicoIpip, CrossSubnetTunnelsOnlyBeyondTheRouter) {
  const Planned planned = PlanText(Cluster(R"("ipipMode": "CrossSubnet")"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("n1").find("10.244.0.64/26 via 172.16.1.12 dev eth0 proto bird"), std::string::npos);
  EXPECT_NE(planned.Route("n1").find("10.244.0.128/26 via 172.16.2.13 dev tunl0 proto bird onlink"), std::string::npos);
}

TEST(CalicoPools, VxlanAndIpipStandSideBySide) {
  const Planned planned = PlanText(Cluster(
      R"("pools": [{"cidr": "10.1.0.0/16", "vxlanMode": "Always", "nodeSelector": "kubernetes.io/hostname == 'n1'"},
                   {"cidr": "10.2.0.0/16", "ipipMode": "Always", "nodeSelector": "kubernetes.io/hostname != 'n1'"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("n1").find("10.2.0.0/26 via 172.16.1.12 dev tunl0 proto bird onlink"), std::string::npos);
  EXPECT_EQ(planned.Mtu("a", "eth0"), 1450u);  // the tunnel that leaves least decides for all pods
  EXPECT_EQ(planned.Mtu("n1", "tunl0"), 1480u);
}

}  // namespace
}  // namespace overlaysim
