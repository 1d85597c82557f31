#include <fstream>
#include <sstream>

#include "planning.h"
#include "sim/iproute2/iptables.h"

namespace overlaysim {
namespace {

/// Three nodes, two of them in one rack, as the oracle's case 03 has them, with the pods' addresses from there.
std::string CrossSubnet(const std::string& mode) {
  return WithCluster(R"("podCIDR": "192.168.0.0/16", "cni": {"type": "calico", "vxlanMode": ")" + mode + R"("},
       "nodes": [{"name": "n1", "rack": "1"}, {"name": "n2", "rack": "1"}, {"name": "n3", "rack": "2"}],
       "pods": [{"name": "p11", "node": "n1", "address": "192.168.10.2"},
                {"name": "p21", "node": "n2", "address": "192.168.20.66"},
                {"name": "p31", "node": "n3", "address": "192.168.30.130"}])");
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The lines of table main in a file of the oracle's `state`, where tables stand one after the other.
std::string MainRoutes(const std::string& file) {
  std::ifstream in(file);
  std::string line, out;
  while (std::getline(in, line) && line != "$ ip route show table all") {
  }
  while (std::getline(in, line) && !line.empty())
    if (line.find("table local") == std::string::npos) out += line + "\n";
  return out;
}

TEST(CalicoVxlan, EveryBlockHasARouteThroughTheTunnel) {
  const Planned planned = PlanText(CrossSubnet("Always"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("n1"),
            "default via 172.16.1.1 dev eth0 \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n"
            "blackhole 192.168.10.0/26 proto 80 \n"
            "192.168.10.2 dev cali5588e5bcb77 scope link \n"  // SHA-1("default.p11") = 5588e5bcb77...
            "192.168.20.64/26 via 192.168.20.64 dev vxlan.calico proto 80 onlink \n"
            "192.168.30.128/26 via 192.168.30.128 dev vxlan.calico proto 80 onlink \n");
  EXPECT_EQ(planned.Route("p11"), "default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n");
  EXPECT_EQ(planned.Mtu("n1", "vxlan.calico"), 1450u);  // 1500 - 50
  EXPECT_EQ(planned.Mtu("p11", "eth0"), 1450u);
}

TEST(CalicoVxlan, TunnelDeviceHasTheNodesMacAndTheFirstAddressOfItsBlock) {
  const Planned planned = PlanText(CrossSubnet("Always"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("n1"));
  const kernel::Link* tunnel = node->FindLink("vxlan.calico");
  ASSERT_TRUE(tunnel);
  EXPECT_EQ(tunnel->address.ToString(), "66:40:b3:ea:b6:3f");  // 66 and SHA-1("n1") = 40b3eab63f...
  EXPECT_EQ(tunnel->vxlan.vni, 4096u);
  EXPECT_EQ(tunnel->vxlan.dstPort, 4789);
  EXPECT_FALSE(tunnel->vxlan.learning);
  EXPECT_TRUE(node->IsLocalAddress(*Ipv4Address::Parse("192.168.10.0")));
  EXPECT_EQ(planned.plan->FindByAddress(*Ipv4Address::Parse("192.168.10.0")), planned.plan->Find("n1"));
  EXPECT_EQ(planned.plan->FindByAddress(*Ipv4Address::Parse("192.168.20.66")), planned.plan->Find("p21"));
}

TEST(CalicoVxlan, NodeAnswersForTheGatewayOfItsPods) {
  const Planned planned = PlanText(CrossSubnet("Always"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("n1"));
  EXPECT_EQ(node->FindLink("cali5588e5bcb77")->address.ToString(), "ee:ee:ee:ee:ee:ee");
  for (const char* key : {"proxy_arp", "forwarding", "route_localnet", "rp_filter"})
    EXPECT_EQ(node->GetSysctl(std::string("net.ipv4.conf.cali5588e5bcb77.") + key), "1") << key;
  EXPECT_EQ(node->GetSysctl("net.ipv4.neigh.cali5588e5bcb77.proxy_delay"), "0");
}

TEST(CalicoCrossSubnet, RoutesAreThoseOfTheOraclesKernel) {
  const std::string file =
      OVERLAYSIM_SOURCE_DIR "/../shared/oracle/public/03-cross-subnet/state/calico-crosssubnet/n1.txt";
  if (!std::ifstream(file)) GTEST_SKIP() << "the kernel's tables are not here";
  const Planned planned = PlanText(CrossSubnet("CrossSubnet"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(Replaced(planned.Route("n1"), "cali5588e5bcb77", "cali11"), MainRoutes(file));
}

TEST(CalicoCrossSubnet, VtepsOfTheSameSubnetAreKnownAllTheSame) {
  const Planned planned = PlanText(CrossSubnet("CrossSubnet"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("n1").find("192.168.20.64/26 via 172.16.1.12 dev eth0 proto 80 onlink"), std::string::npos);
  EXPECT_EQ(planned.Neigh("n1"),
            "192.168.20.64 dev vxlan.calico lladdr 66:40:24:34:76:fc PERMANENT \n"  // SHA-1("n2") = 40243476fc...
            "192.168.30.128 dev vxlan.calico lladdr 66:26:c2:ce:28:d0 PERMANENT \n");
  EXPECT_EQ(planned.Fdb("n1", "vxlan.calico"),
            "66:26:c2:ce:28:d0 dst 172.16.2.13 self permanent\n"
            "66:40:24:34:76:fc dst 172.16.1.12 self permanent\n");
}

TEST(CalicoIpam, NodeTakesASecondBlockWhenTheFirstIsFull) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDR": "10.0.0.0/24", "nodes": ["a", "b"], "cni": {"type": "calico", "blockSize": 30},
         "pods": [{"generate": 5, "per": "node"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  // On each node the tunnel and three pods fill a block of four; the two other pods are in its next one.
  const std::string routes = planned.Route("a");
  for (const char* line : {"blackhole 10.0.0.0/30 proto 80", "blackhole 10.0.0.8/30 proto 80",
                           "10.0.0.4/30 via 10.0.0.4 dev vxlan.calico proto 80 onlink",
                           "10.0.0.12/30 via 10.0.0.4 dev vxlan.calico proto 80 onlink"})
    EXPECT_NE(routes.find(line), std::string::npos) << line << "\n" << routes;
}

TEST(CalicoIpam, AddressIsBorrowedWhenNoBlockIsLeft) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDR": "10.0.0.0/29", "nodes": ["a", "b", "c"], "cni": {"type": "calico", "blockSize": 30},
         "pods": [{"name": "p", "node": "c"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  // a and b have the two blocks; c's tunnel and pod have single addresses of a's, known everywhere by a /32.
  EXPECT_EQ(planned.Route("b"),
            "default via 172.16.2.1 dev eth0 \n"
            "10.0.0.0/30 via 10.0.0.0 dev vxlan.calico proto 80 onlink \n"
            "10.0.0.1 via 10.0.0.1 dev vxlan.calico proto 80 onlink \n"
            "10.0.0.2 via 10.0.0.1 dev vxlan.calico proto 80 onlink \n"
            "blackhole 10.0.0.4/30 proto 80 \n"
            "172.16.2.0/24 dev eth0 proto kernel scope link src 172.16.2.12 \n");
  EXPECT_NE(planned.Route("a").find("10.0.0.2 via 10.0.0.1 dev vxlan.calico"), std::string::npos);
  EXPECT_EQ(planned.Route("c").find("blackhole"), std::string::npos);
  EXPECT_EQ(planned.plan->FindByAddress(*Ipv4Address::Parse("10.0.0.2")), planned.plan->Find("p"));
}

TEST(CalicoIpam, GivenAddressInAnothersBlockIsBorrowed) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDR": "10.0.0.0/16", "nodes": ["a", "b"], "cni": {"type": "calico"},
         "pods": [{"name": "p", "node": "a", "address": "10.0.5.1"}, {"name": "q", "node": "b", "address": "10.0.5.2"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("a").find("blackhole 10.0.5.0/26"), std::string::npos);
  EXPECT_NE(planned.Route("a").find("10.0.5.2 via 10.0.0.0 dev vxlan.calico proto 80 onlink"), std::string::npos);
}

TEST(CalicoPools, EachHasItsModeAndItsNodes) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "a", "rack": "1", "labels": {"zone": "east"}}, {"name": "b", "rack": "1", "labels": {"zone": "west"}},
                   {"name": "c", "rack": "1", "labels": {"zone": "west"}}],
         "cni": {"type": "calico", "pools": [
           {"cidr": "10.1.0.0/16", "nodeSelector": "zone == 'east'"},
           {"cidr": "10.2.0.0/16", "vxlanMode": "CrossSubnet", "nodeSelector": "zone in {'west', 'south'}"},
           {"cidr": "10.3.0.0/16", "disabled": true}]},
         "pods": [{"generate": 1, "per": "node"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("c").find("10.1.0.0/26 via 10.1.0.0 dev vxlan.calico proto 80 onlink"), std::string::npos);
  EXPECT_NE(planned.Route("c").find("10.2.0.0/26 via 172.16.1.12 dev eth0 proto 80 onlink"), std::string::npos);
  EXPECT_EQ(planned.Route("c").find("10.3."), std::string::npos);
  EXPECT_EQ(planned.plan->understood,
            "calico vxlan Always and vxlan CrossSubnet, VNI 4096, UDP 4789 · 3 nodes, 3 pods");
}

TEST(CalicoPools, MistakesAreNamedWithTheirPool) {
  const auto said = [](const std::string& pools) {
    return PlanText(
               WithCluster(R"("nodes": ["a"], "pods": ["p"], "cni": {"type": "calico", "pools": [)" + pools + "]}"))
        .diagnostics.Format();
  };
  EXPECT_NE(said(R"({"cidr": "10.1.0.0/16"}, {"cidr": "10.1.2.0/24"})").find("overlaps pool 10.1.0.0/16"),
            std::string::npos);
  EXPECT_NE(said(R"({"cidr": "10.1.0.0/27"})").find("no room for a block of /26"), std::string::npos);
  EXPECT_NE(said(R"({"cidr": "10.1.0.0/16", "vxlanMode": "Always", "ipipMode": "Always"})").find("one of them"),
            std::string::npos);
  EXPECT_NE(said(R"({"cidr": "10.1.0.0/16", "nodeSelector": "zone = 'x'"})").find("is no selector"), std::string::npos);
  EXPECT_NE(said(R"x({"cidr": "10.1.0.0/16", "nodeSelector": "has(gpu)"})x").find("no pool has an address"),
            std::string::npos);
}

TEST(CalicoImport, PoolsAndSettingsOfTheClustersOwnFiles) {
  const std::string path = testing::TempDir() + "overlaysim-calico.yaml";
  std::ofstream(path) << R"x(apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: east}
spec: {cidr: 10.1.0.0/16, vxlanMode: Always, nodeSelector: "kubernetes.io/hostname == 'a'"}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: west}
spec: {cidr: 10.2.0.0/16, ipipMode: CrossSubnet, nodeSelector: "!(kubernetes.io/hostname == 'a')"}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {vxlanPort: 8472}
)x";
  const Planned planned = PlanText(WithCluster(R"("nodes": ["a", "b"], "pods": [{"generate": 1, "per": "node"}],
       "cni": {"type": "calico", "import": ")" +
                                               path + "\"}"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.plan->understood, "calico vxlan Always and ipip CrossSubnet, VNI 4096, UDP 8472 · 2 nodes, 2 pods");
  EXPECT_NE(planned.Route("a").find("10.2.0.0/26 via 172.16.2.12 dev tunl0 proto bird onlink"), std::string::npos);
  EXPECT_NE(planned.Route("b").find("blackhole 10.2.0.0/26 proto bird"), std::string::npos);
}

TEST(CalicoMtu, SmallestMatchingInterfaceCounts) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "a", "mtu": 9000, "interfaces": [{"name": "eth1", "to": "leaf1", "mtu": 1400}]},
                   {"name": "b", "mtu": 9000, "interfaces": [{"name": "storage", "to": "leaf1", "mtu": 1400}]}],
         "cni": {"type": "calico"}, "pods": [])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Mtu("a", "vxlan.calico"), 1350u);  // eth1 counts: 1400 - 50
  EXPECT_EQ(planned.Mtu("b", "vxlan.calico"), 8950u);  // "storage" does not match Felix's pattern
}

TEST(CalicoWireguard, ARuleLeadsIntoTableOneBeforeAllOthers) {
  const Planned planned = PlanText(
      R"({"format": 1, "cluster": {"podCIDR": "10.1.0.0/16", "nodes": ["a", "b"],
          "cni": {"type": "calico", "vxlanMode": "Never", "wireguardEnabled": true},
          "pods": [{"name": "p", "node": "a"}, {"name": "q", "node": "b"}]}})");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("a"));
  EXPECT_EQ(iproute2::RuleShow(*node),
            "0:\tfrom all lookup local\n99:\tnot from all fwmark 0x200000/0x200000 lookup 1\n"
            "32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n");
  EXPECT_EQ(iproute2::RouteShow(*node, {.table = 1}),
            "throw 10.1.0.0/26 \n10.1.0.64/26 dev wireguard.cali scope link \n");
  const kernel::Link& link = *node->FindLink("wireguard.cali");
  EXPECT_EQ(link.mtu, 1440u);  // 1500 - 60
  EXPECT_EQ(link.wireguard.fwmark, 0x200000u);
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1440u);
  const kernel::RouteQuery inner{.dst = *Ipv4Address::Parse("10.1.0.65")};
  EXPECT_EQ(node->Lookup(inner).nextHop.ifindex, link.ifindex);
  kernel::RouteQuery outer = inner;
  outer.mark = 0x200000;
  EXPECT_EQ(node->Lookup(outer).nextHop.ifindex, node->FindLink("eth0")->ifindex);
}

/// Three nodes, two of them in one rack, with an IPv6 pool and one pod each.
Planned DualStack(const std::string& cni, const std::string& more = R"({"name": "p3", "node": "n3"})") {
  return PlanText(WithCluster(
      R"("podCIDR": "192.168.0.0/16", "podCIDRIPv6": "fd00:10:244::/56", "cni": {"type": "calico")" + cni + R"(},
       "nodes": [{"name": "n1", "rack": "1"}, {"name": "n2", "rack": "1"}, {"name": "n3", "rack": "2"}],
       "pods": [{"name": "p1", "node": "n1"}, {"name": "p2", "node": "n2"}, )" +
      more + "]"));
}

std::string Routes6(const Planned& planned, const char* name) {
  const auto ns = planned->Materialise(planned->Find(name));
  return iproute2::RouteShow(*ns, {.family = iproute2::Family::Inet6});
}

TEST(CalicoDualStack, EachNodeHasAnIpv6BlockBehindItsOwnTunnel) {
  const Planned planned = DualStack("");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string routes = Routes6(planned, "n1");
  for (const char* line : {"fd00:10:244::/122 dev lo proto 80 metric 1024",  // its own block
                           "fd00:10:244::1 dev cali",                        // its pod
                           "fd00:10:244::40/122 via fd00:10:244::40 dev vxlan-v6.calico proto 80 metric 1024 onlink",
                           "fd00:10:244::80/122 via fd00:10:244::80 dev vxlan-v6.calico proto 80 metric 1024 onlink"})
    EXPECT_NE(routes.find(line), std::string::npos) << line << "\nin\n" << routes;
  const auto node = planned->Materialise(planned->Find("n1"));
  const kernel::Link& device = *node->FindLink("vxlan-v6.calico");
  EXPECT_EQ(device.vxlan.vni, 4096u);
  EXPECT_EQ(device.vxlan.dstPort, 4789);
  EXPECT_EQ(device.mtu, 1430u) << "1500 less 70: determineMTU()";
  EXPECT_EQ(device.address.ToString(), "66:46:32:55:72:28") << "66, and SHA-1 of n1-v6";
  EXPECT_EQ(planned.Mtu("n1", "vxlan.calico"), 1450u);
  EXPECT_EQ(planned.Mtu("p1", "eth0"), 1430u) << "the least";
  EXPECT_TRUE(node->Ipv6().FindAddress(device.ifindex, *Ipv6Address::Parse("fd00:10:244::")));
}

TEST(CalicoDualStack, ThePodsGatewayIsTheLinkLocalAddressOfTheHostsEnd) {
  const Planned planned = DualStack("");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(Routes6(planned, "p1"),
            "fd00:10:244::1 dev eth0 proto kernel metric 256 pref medium\n"
            "fe80::/64 dev eth0 proto kernel metric 256 pref medium\n"
            "default via fe80::ecee:eeff:feee:eeee dev eth0 metric 1024 pref medium\n");
  const auto node = planned->Materialise(planned->Find("n1"));
  const kernel::Link* veth = nullptr;
  for (const kernel::Link* link : node->Links())
    if (link->name.starts_with("cali")) veth = link;
  ASSERT_TRUE(veth);
  EXPECT_EQ(node->Ipv6().LinkLocalAddress(veth->ifindex)->ToString(), "fe80::ecee:eeff:feee:eeee");
  EXPECT_EQ(*node->GetSysctl("net.ipv6.conf." + veth->name + ".proxy_ndp"), "1");
  EXPECT_EQ(*node->GetSysctl("net.ipv6.conf." + veth->name + ".accept_ra"), "0");
}

TEST(CalicoDualStack, CrossSubnetTakesTheTunnelOnlyToAnotherSubnet) {
  const Planned planned = DualStack(R"(, "vxlanMode": "Always", "vxlanModeIPv6": "CrossSubnet")");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string routes = Routes6(planned, "n1");
  EXPECT_NE(routes.find("fd00:10:244::40/122 via fd00:16::ac10:10c dev eth0 proto 80 metric 1024 onlink"),
            std::string::npos)
      << routes;
  EXPECT_NE(routes.find("fd00:10:244::80/122 via fd00:10:244::80 dev vxlan-v6.calico"), std::string::npos) << routes;
}

TEST(CalicoDualStack, WithoutATunnelBgpBringsTheRoutes) {
  const Planned planned = DualStack(R"(, "ipipMode": "Always", "blockSizeIPv6": 120)");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string routes = Routes6(planned, "n1");
  for (const char* line : {"fd00:10:244::/120 dev lo proto bird metric 1024", "fd00:10:244:: dev cali",
                           "fd00:10:244::100/120 via fd00:16::ac10:10c dev eth0 proto bird metric 1024",
                           "fd00:10:244::200/120 via fd00:16::ac10:101 dev eth0 proto bird metric 1024"})
    EXPECT_NE(routes.find(line), std::string::npos) << line << "\nin\n" << routes;
  EXPECT_FALSE(planned->Materialise(planned->Find("n1"))->FindLink("vxlan-v6.calico"));
}

TEST(CalicoDualStack, NatOutgoingOfIpv6MasqueradesWhatLeavesThePool) {
  const Planned planned = DualStack(R"(, "natOutgoingIPv6": true)");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("n1"));
  const kernel::FilterTable* nat = node->netfilter.Find(kernel::FilterFamily::Ip6, "nat");
  ASSERT_TRUE(nat);
  std::string rules;
  for (const kernel::FilterRule& rule : nat->Find("cali-nat-outgoing")->rules)
    rules += iproute2::FilterRuleLine("cali-nat-outgoing", rule) + "\n";
  EXPECT_EQ(rules,
            "-A cali-nat-outgoing -d fd00:10:244::/56 -j RETURN\n"
            "-A cali-nat-outgoing -s fd00:10:244::/56 -j MASQUERADE --random-fully\n");
  const Planned without = DualStack("");
  ASSERT_TRUE(without.plan) << without.diagnostics.Format();
  EXPECT_FALSE(without->Materialise(without->Find("n1"))->netfilter.Find(kernel::FilterFamily::Ip6, "nat"));
}

TEST(CalicoDualStack, WhatIsNotSupportedIsSaid) {
  const Planned full =
      DualStack(R"(, "blockSizeIPv6": 126)", R"({"name": "q{i}", "generate": 4, "per": "node", "node": "n3"})");
  EXPECT_FALSE(full.plan);
  EXPECT_NE(full.diagnostics.Format().find("node \"n3\" needs 5 IPv6 addresses, and a block of /126 has 4"),
            std::string::npos)
      << full.diagnostics.Format();
}

TEST(CanalDualStack, PodsHaveFlannelsAddressesAndCalicosGateway) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDRIPv6": "fd00:10:244::/56", "nodes": ["node1", "node2"], "cni": {"type": "canal"},
       "pods": [{"name": "p", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(Routes6(planned, "p").find("default via fe80::ecee:eeff:feee:eeee dev eth0"), std::string::npos);
  const std::string routes = Routes6(planned, "node1");
  EXPECT_NE(routes.find("fd00:10:244:2::/64 via fd00:10:244:2:: dev flannel-v6.1"), std::string::npos) << routes;
  EXPECT_NE(routes.find("fd00:10:244:1::2 dev cali"), std::string::npos) << routes;
}

}  // namespace
}  // namespace overlaysim
