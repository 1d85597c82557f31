#include "planning.h"
#include "sim/plan/compiled_plan.h"

namespace overlaysim {
namespace {

const std::string kFourNodes =
    R"("nodes": [{"generate": 4, "name": "node{i}"}], "cni": {"type": "flannel"}, "pods": [])";

TEST(Underlay, RouterHasOneRackPerNodeUnlessToldOtherwise) {
  const Planned planned = PlanText(WithCluster(kTwoNodes));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("router"),
            "172.16.1.0/24 dev eth1 proto kernel scope link src 172.16.1.1 \n"
            "172.16.2.0/24 dev eth2 proto kernel scope link src 172.16.2.1 \n");
  std::vector<std::string> cables;
  for (const CablePlan& cable : planned->cables) cables.push_back(cable.name);
  EXPECT_EQ(cables, (std::vector<std::string>{"node1-leaf1", "leaf1-router", "node2-leaf2", "leaf2-router"}));
}

TEST(Underlay, LeafSpineSpreadsOverAllSpines) {
  const Planned planned =
      PlanText(WithCluster(kFourNodes, R"("underlay": {"type": "leaf-spine", "spines": 2, "nodesPerLeaf": 2})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  // leaf1: br0, two node ports, two spines by /31s numbered from the end of 172.16.0.0/12; the spine has the lower
  // address.
  EXPECT_EQ(planned.Route("leaf1"),
            "172.16.1.0/24 dev br0 proto kernel scope link src 172.16.1.1 \n"
            "172.16.2.0/24 proto static \n"
            "\tnexthop via 172.31.255.254 dev swp3 weight 1 \n"
            "\tnexthop via 172.31.255.252 dev swp4 weight 1 \n"
            "172.31.255.252/31 dev swp4 proto kernel scope link src 172.31.255.253 \n"
            "172.31.255.254/31 dev swp3 proto kernel scope link src 172.31.255.255 \n");
  EXPECT_EQ(planned->Materialise(planned->Find("leaf1"))->fibMultipathHashPolicy, 1);
  EXPECT_EQ(planned.Route("spine2").substr(0, 54), "172.16.1.0/24 via 172.31.255.253 dev swp1 proto static");
}

TEST(Underlay, FailedLinkLeavesTheRoutesOfItsEpoch) {
  const Planned planned = PlanText(WithCluster(kTwoNodes,
                                               R"("underlay": {"type": "leaf-spine", "spines": 2},
         "events": [{"at": "1s", "fail": {"link": ["leaf1", "spine1"]}, "for": "2s"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  std::string timeline;
  for (const TimedEvent& e : planned->events) timeline += e.at.ToString() + " " + e.text + "\n";
  EXPECT_EQ(timeline,
            "1s leaf1-spine1 fails\n"
            "1.25s the underlay's routes are recomputed\n"  // 50 ms until it is detected, 200 ms until all are rerouted
            "3s leaf1-spine1 is back\n"
            "3.25s the underlay's routes are recomputed\n");
  const NetnsId leaf = planned->Find("leaf1");
  EXPECT_EQ(planned->UnderlayRoutes(leaf, 0)[0].nextHops.size(), 2u);
  EXPECT_EQ(planned->UnderlayRoutes(leaf, 1)[0].nextHops.size(), 1u);
  EXPECT_EQ(planned->UnderlayRoutes(leaf, 2)[0].nextHops.size(), 2u);
  // leaf2 must not use spine1 towards leaf1 either.
  const auto routes = planned->UnderlayRoutes(planned->Find("leaf2"), 1);
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0].nextHops.size(), 1u);
}

TEST(Underlay, ChangedCablesGoBackToWhatTheyWere) {
  const Planned planned = PlanText(WithCluster(kTwoNodes,
                                               R"("underlay": {"type": "leaf-spine", "spines": 1},
         "events": [{"at": "1s", "set": {"link": ["leaf1", "spine1"], "rate": "1Gbps"}, "for": "4s"},
                    {"at": "2s", "set": {"link": ["leaf1", "spine1"], "delay": "1ms", "mtu": 1400}, "for": "1s"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  std::string timeline;
  for (const TimedEvent& e : planned->events) timeline += e.at.ToString() + " " + e.text + "\n";
  EXPECT_EQ(timeline,
            "1s leaf1-spine1: rate 1Gbps, delay 1us, queue 1MB\n"
            "2s leaf1-spine1: rate 1Gbps, delay 1ms, queue 1MB\n"
            "2s ip link set dev swp2 mtu 1400 on leaf1\n"
            "2s ip link set dev swp1 mtu 1400 on spine1\n"
            "3s leaf1-spine1: rate 1Gbps, delay 1us, queue 1MB\n"
            "3s ip link set dev swp2 mtu 1500 on leaf1\n"
            "3s ip link set dev swp1 mtu 1500 on spine1\n"
            "5s leaf1-spine1: rate 10Gbps, delay 1us, queue 1MB\n");
}

TEST(Underlay, FatTreeHasAsManyWaysAsCores) {
  const Planned planned =
      PlanText(WithCluster(R"("nodes": [{"generate": 16, "name": "node{i}"}], "cni": {"type": "flannel"}, "pods": [])",
                           R"("underlay": {"type": "fat-tree", "k": 4})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  // 4 cores, 8 aggregation and 8 edge switches; 16 host cables, 16 in the pods, 16 to the cores.
  EXPECT_EQ(planned->NetnsCount(), 4u + 8 + 8 + 16);
  EXPECT_EQ(planned->cables.size(), 48u);
  const auto routes = planned->UnderlayRoutes(planned->Find("leaf1"), 0);
  ASSERT_EQ(routes.size(), 7u);
  for (const kernel::Route& route : routes)
    EXPECT_EQ(route.nextHops.size(), 2u);  // both aggregation switches of its pod
}

TEST(Underlay, FlatHasNoRouter) {
  const Planned planned = PlanText(WithCluster(kTwoNodes, R"("underlay": {"type": "flat"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n"
            "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
}

TEST(Underlay, GivenAddressesMakeTheSubnets) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "a", "address": "192.168.7.5/25"}, {"name": "b", "address": "192.168.7.6/25"}, {"name": "c", "address": "10.9.9.9"}],
         "cni": {"type": "flannel"}, "pods": [])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("router"),
            "10.9.9.0/24 dev eth2 proto kernel scope link src 10.9.9.1 \n"
            "192.168.7.0/25 dev eth1 proto kernel scope link src 192.168.7.1 \n");
  EXPECT_TRUE(planned->FindByAddress(*Ipv4Address::Parse("192.168.7.6")) == planned->Find("b"));
}

TEST(Underlay, DualHomedNodeIsReachedOverBothLeaves) {
  const Planned planned =
      PlanText(WithCluster(kTwoNodes, R"("underlay": {"type": "leaf-spine", "spines": 1, "uplinks": 2})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1").substr(0, 93),
            "default \n"
            "\tnexthop via 172.16.1.1 dev eth0 weight 1 \n"
            "\tnexthop via 172.16.2.1 dev eth1 weight 1");
  const auto routes = planned->UnderlayRoutes(planned->Find("spine1"), 0);
  bool found = false;
  for (const kernel::Route& route : routes)
    if (route.dst == *Ipv4Prefix::Parse("172.16.1.11/32")) {
      found = true;
      EXPECT_EQ(route.nextHops.size(), 2u);
    }
  EXPECT_TRUE(found);
}

TEST(Underlay, ExternalNetworkHangsOnTheGateway) {
  const Planned planned = PlanText(
      WithCluster(kTwoNodes, R"("underlay": {"external": {"network": "203.0.113.0/24", "hosts": [{"name": "client"}]}},
                    "traffic": [{"type": "ping", "from": "node1", "to": "client"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("client"),
            "default via 203.0.113.1 dev eth0 \n"
            "203.0.113.0/24 dev eth0 proto kernel scope link src 203.0.113.11 \n");
  EXPECT_EQ(planned->workloads[0].destination.ToString(), "203.0.113.11");
}

TEST(Underlay, ZonesAddTheirDelay) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "a", "zone": "z1"}, {"name": "b", "zone": "z2"}], "cni": {"type": "flannel"}, "pods": [])",
      R"("underlay": {"type": "explicit", "routers": [{"name": "r1", "zone": "z1"}, {"name": "r2", "zone": "z2"}],
         "links": [{"between": ["a", "r1"]}, {"between": ["r1", "r2"]}, {"between": ["r2", "b"]}],
         "zoneDelays": [{"between": ["z1", "z2"], "delay": "500us"}]})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->cables[0].delay.count, 1000);
  EXPECT_EQ(planned->cables[1].delay.count, 501000);  // 1 us and 500 us
  EXPECT_EQ(planned.Route("r1").substr(0, 52), "172.16.1.0/24 dev eth1 proto kernel scope link src 1");
}

TEST(Underlay, FirewallBecomesForwardRules) {
  const Planned planned = PlanText(WithCluster(kTwoNodes, R"("underlay": {"allow": [{"to": "nodes", "udp": 8472}]})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto router = planned->Materialise(planned->Find("router"));
  const kernel::FilterTable& table = *router->netfilter.Find(kernel::FilterFamily::Ip, "filter");
  kernel::FilterChain& forward = *table.Find("FORWARD");
  EXPECT_TRUE(forward.drops);
  const auto node1 = *Ipv4Address::Parse("172.16.1.11"), node2 = *Ipv4Address::Parse("172.16.2.12");
  auto verdict = [&](uint8_t protocol, uint16_t port) {
    kernel::FilterPacket packet{.source = node1,
                                .destination = node2,
                                .protocol = protocol,
                                .hasPorts = true,
                                .sourcePort = 40000,
                                .destinationPort = port};
    return kernel::Ruleset::Walk(table, forward, packet).kind;
  };
  EXPECT_EQ(verdict(17, 8472), kernel::Target::Kind::Accept);
  EXPECT_EQ(verdict(17, 4789), kernel::Target::Kind::Drop);
  EXPECT_EQ(verdict(6, 8472), kernel::Target::Kind::Drop);
  EXPECT_FALSE(router->netfilter.Find(kernel::FilterFamily::Ip6, "filter"));  // a cluster without IPv6
}

TEST(Underlay, FirewallOfADualStackClusterIsThatOfBothFamilies) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDRIPv6": "fd00:10:244::/56", "nodes": ["node1", "node2"], "cni": {"type": "flannel"}, "pods": [])",
      R"("underlay": {"type": "router", "allow": [{"to": "nodes", "udp": 8472}, {"from": "10.0.0.0/8", "icmp": true},
                                  {"from": "fd00:77::/32", "icmp": true}]})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto router = planned->Materialise(planned->Find("router"));
  const kernel::FilterTable& table = *router->netfilter.Find(kernel::FilterFamily::Ip6, "filter");
  kernel::FilterChain& forward = *table.Find("FORWARD");
  EXPECT_TRUE(forward.drops);
  auto verdict = [&](const char* source, uint8_t protocol, uint16_t port, uint8_t icmpType = 0) {
    kernel::FilterPacket packet{.source = *Ipv6Address::Parse(source),
                                .destination = *Ipv6Address::Parse("fd00:16::ac10:20c"),  // 172.16.2.12
                                .protocol = protocol,
                                .hasPorts = protocol != 58,
                                .sourcePort = 40000,
                                .destinationPort = port,
                                .hasIcmp = protocol == 58,
                                .icmpType = icmpType};
    return kernel::Ruleset::Walk(table, forward, packet).kind;
  };
  EXPECT_EQ(verdict("fd00:16::ac10:10b", 17, 8472), kernel::Target::Kind::Accept);
  EXPECT_EQ(verdict("fd00:16::ac10:10b", 17, 4789), kernel::Target::Kind::Drop);
  EXPECT_EQ(verdict("fd00:16::ac10:10b", 58, 0, 128), kernel::Target::Kind::Drop);
  EXPECT_EQ(verdict("fd00:77::1", 58, 0, 128), kernel::Target::Kind::Accept);
  EXPECT_EQ(verdict("fd00:16::ac10:10b", 58, 0, 2), kernel::Target::Kind::Accept);    // packet too big
  EXPECT_EQ(verdict("fd00:16::ac10:10b", 58, 0, 135), kernel::Target::Kind::Accept);  // neighbour solicitation
}

}  // namespace
}  // namespace overlaysim
