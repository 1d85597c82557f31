#include <fstream>

#include "planning.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

TEST(FlannelVxlan, RoutesAreThoseOfTheShippedManifest) {
  const Planned planned = PlanText(WithCluster(kTwoNodes));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n"
            "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Route("pod-a"),
            "default via 10.244.1.1 dev eth0 \n"
            "10.244.0.0/16 via 10.244.1.1 dev eth0 \n"
            "10.244.1.0/24 dev eth0 proto kernel scope link src 10.244.1.2 \n");
  EXPECT_EQ(planned.Mtu("node1", "flannel.1"), 1450u);  // 1500 - 50
  EXPECT_EQ(planned.Mtu("pod-a", "eth0"), 1450u);
}

TEST(FlannelVxlan, NeighbourLeadsToTheFdbEntryOfTheOtherNode) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": ["node1", {"name": "node2", "vtepMac": "02:00:00:00:04:02"}], "cni": {"type": "flannel"}, "pods": [])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Neigh("node1"), "10.244.2.0 dev flannel.1 lladdr 02:00:00:00:04:02 PERMANENT \n");
  EXPECT_EQ(planned.Fdb("node1", "flannel.1"), "02:00:00:00:04:02 dst 172.16.2.12 self permanent\n");
}

TEST(FlannelVxlan, LinksStandInTheOrderOfTheOracle) {
  const Planned planned = PlanText(WithCluster(kTwoNodes));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  std::string names;
  const auto node = planned->Materialise(planned->Find("node1"));
  for (const kernel::Link* link : node->Links()) names += link->name.substr(0, 4) + " ";
  EXPECT_EQ(names, "lo eth0 cni0 veth flan ");
  const auto pod = planned->Materialise(planned->Find("pod-a"));
  const kernel::Link* veth = node->GetLink(4);
  EXPECT_TRUE(veth->port.hairpin);
  EXPECT_EQ(veth->peerNetns, planned->Find("pod-a"));
  EXPECT_EQ(pod->GetLink(veth->peerIfindex)->peerIfindex, 4);
}

TEST(FlannelVxlan, DirectRoutingSkipsTunnelInsideSubnet) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "node1", "rack": "a"}, {"name": "node2", "rack": "a"}, {"name": "node3", "rack": "b"}],
         "cni": {"type": "flannel", "directRouting": true}, "pods": [])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.2.0/24 via 172.16.1.12 dev eth0 \n"
            "10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Neigh("node1").substr(0, 11), "10.244.3.0 ");  // none for node2
}

TEST(FlannelIpip, RoutesLeadViaTheNodesThroughTheTunnel) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "node1", "rack": "a"}, {"name": "node2", "rack": "a"}, {"name": "node3", "rack": "b"}],
         "cni": {"type": "flannel", "backend": "ipip", "directRouting": true}, "pods": [{"name": "p", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n"
            "10.244.2.0/24 via 172.16.1.12 dev eth0 \n"
            "10.244.3.0/24 via 172.16.2.13 dev flannel.ipip onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Mtu("node1", "flannel.ipip"), 1480u);  // 1500 - 20
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1480u);
  const auto node = planned->Materialise(planned->Find("node1"));
  EXPECT_EQ(node->FindLink("flannel.ipip")->ipip.local.ToString(), "172.16.1.11");
  EXPECT_TRUE(node->IsLocalAddress(*Ipv4Address::Parse("10.244.1.0")));
}

TEST(FlannelWireguard, OneRouteLeadsIntoTheDeviceAndPeersHaveThePodCidrs) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": [{"name": "node1", "rack": "a"}, {"name": "node2", "rack": "a"}, {"name": "node3", "rack": "b"}],
         "cni": {"type": "flannel", "backend": "wireguard"}, "pods": [{"name": "p", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.0.0/16 dev flannel-wg scope link \n"
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Mtu("node1", "flannel-wg"), 1420u);  // 1500 - 80
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1420u);
  const auto node = planned->Materialise(planned->Find("node1"));
  EXPECT_TRUE(node->IsLocalAddress(*Ipv4Address::Parse("10.244.1.0")));
  const kernel::Link& link = *node->FindLink("flannel-wg");
  EXPECT_EQ(link.wireguard.listenPort, 51820);
  const auto peers = node->TunnelPeers(link.ifindex);
  ASSERT_EQ(peers.size(), 2u);
  EXPECT_EQ(peers[1].endpoint.ToString(), "172.16.2.13");
  EXPECT_EQ(peers[1].port, 51820);
  EXPECT_EQ(peers[1].allowedIps, std::vector{*Ipv4Prefix::Parse("10.244.3.0/24")});
  const auto third = planned->Materialise(planned->Find("node3"));
  EXPECT_EQ(peers[1].publicKey, third->FindLink("flannel-wg")->wireguard.publicKey);
  kernel::TunnelPeer found;
  EXPECT_TRUE(node->FindTunnelPeer(link.ifindex, peers[1].publicKey, found));
  EXPECT_EQ(found, peers[1]);
  EXPECT_TRUE(node->FindTunnelPeer(link.ifindex, *Ipv4Address::Parse("10.244.2.9"), found));
  EXPECT_EQ(found, peers[0]);
  EXPECT_FALSE(node->FindTunnelPeer(link.ifindex, *Ipv4Address::Parse("10.244.1.9"), found));
}

// ipsec_network.go: no device and no route; 1500 - 77 bytes for the pods, and 8 more for UDP.
TEST(FlannelIpsec, PoliciesJoinThePodCidrsAndNoRouteLeadsThere) {
  const std::string nodes = R"("nodes": [{"name": "node1", "rack": "a"}, {"name": "node2", "rack": "b"}],)";
  const std::string pods = R"("pods": [{"name": "p", "node": "node1"}])";
  const Planned planned = PlanText(WithCluster(nodes + R"("cni": {"type": "flannel", "backend": "ipsec"},)" + pods));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Mtu("node1", "cni0"), 1423u);
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1423u);
  const auto one = planned->Materialise(planned->Find("node1")), two = planned->Materialise(planned->Find("node2"));
  EXPECT_TRUE(one->hasIpsec);
  const auto peers = one->TunnelPeers(0), back = two->TunnelPeers(0);
  ASSERT_EQ(peers.size(), 1u);
  ASSERT_EQ(back.size(), 1u);
  ASSERT_TRUE(peers[0].ipsec && back[0].ipsec);
  EXPECT_EQ(peers[0].endpoint.ToString(), "172.16.2.12");
  EXPECT_EQ(peers[0].allowedIps, std::vector{*Ipv4Prefix::Parse("10.244.2.0/24")});
  EXPECT_EQ(peers[0].ipsec->localRange, *Ipv4Prefix::Parse("10.244.1.0/24"));
  EXPECT_EQ(peers[0].ipsec->local.ToString(), "172.16.1.11");
  EXPECT_EQ(peers[0].ipsec->reqid, 11u);
  EXPECT_EQ(peers[0].ipsec->spiIn >> 28, 0xcu);
  EXPECT_EQ(peers[0].ipsec->spiIn, back[0].ipsec->spiOut);
  EXPECT_EQ(peers[0].ipsec->spiOut, back[0].ipsec->spiIn);
  kernel::TunnelPeer found;
  EXPECT_TRUE(one->FindIpsecPeer(peers[0].ipsec->spiIn, found));
  EXPECT_EQ(found, peers[0]);
  EXPECT_FALSE(one->FindIpsecPeer(peers[0].ipsec->spiIn ^ 1, found));
  const Planned inUdp =
      PlanText(WithCluster(nodes + R"("cni": {"type": "flannel", "backend": "ipsec", "udpEncap": true},)" + pods));
  EXPECT_EQ(inUdp.Mtu("p", "eth0"), 1415u);
  EXPECT_EQ(inUdp->Materialise(inUdp->Find("node1"))->TunnelPeers(0).at(0).ipsec->udpPort, 4500);
}

/// Two nodes whose flannel reads a net-conf.json with that Backend.
Planned WithBackend(const std::string& backend) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "net-conf.json") << R"({"Network": "10.244.0.0/16", "Backend": )" + backend + "}";
  std::ofstream(directory / "test.json")
      << R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel", "import": "net-conf.json"},
             "pods": [{"name": "p"}]}})";
  Planned out;
  const auto scenario = scenario::LoadScenario((directory / "test.json").string(), {}, out.diagnostics);
  if (scenario) out.plan = CompilePlan(*scenario, import::ImportFiles, out.diagnostics);
  return out;
}

TEST(FlannelIpsec, ReadsItsKeysFromNetConf) {
  const std::string psk = std::string(96, 'k');
  const Planned planned = WithBackend(R"({"Type": "ipsec", "UDPEncap": true, "ESPProposal": "aes256gcm16-sha384-ecp384",
                                          "PSK": ")" +
                                      psk + "\"}");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto peers = planned->Materialise(planned->Find("node1"))->TunnelPeers(0);
  ASSERT_EQ(peers.size(), 1u);
  EXPECT_EQ(peers[0].ipsec->udpPort, 4500);
  EXPECT_EQ(peers[0].ipsec->keyBits, 256u);
  const auto said = [](const std::string& backend) { return WithBackend(backend).diagnostics.Format(); };
  EXPECT_NE(said(R"({"Type": "ipsec", "PSK": "short"})").find("the PSK is too short"), std::string::npos);
  EXPECT_NE(said(R"({"Type": "ipsec"})").find("flannel's ipsec backend wants 96 characters"), std::string::npos);
  EXPECT_NE(said(R"({"Type": "ipsec", "ESPProposal": "aes256-sha256", "PSK": ")" + psk + "\"}")
                .find("the ESPProposal \"aes256-sha256\" is not supported yet"),
            std::string::npos);
}

TEST(FlannelUdp, OneRouteLeadsIntoTheTunDevice) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": ["node1", "node2"], "cni": {"type": "flannel", "backend": "udp", "port": 9000},
         "pods": [{"name": "p", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_NE(planned.Route("node1").find("10.244.0.0/16 dev flannel0 \n"), std::string::npos) << planned.Route("node1");
  EXPECT_EQ(planned.Mtu("node1", "flannel0"), 1472u);  // 1500 - 28
  EXPECT_EQ(planned.Mtu("p", "eth0"), 1472u);
  const auto node = planned->Materialise(planned->Find("node1"));
  EXPECT_EQ(node->FindLink("flannel0")->tun.port, 9000);
  kernel::TunnelPeer found;
  ASSERT_TRUE(node->FindTunnelPeer(node->FindLink("flannel0")->ifindex, *Ipv4Address::Parse("10.244.2.9"), found));
  EXPECT_EQ(found.port, 9000);
}

TEST(Canal, HasFlannelsTunnelAndCalicosPods) {
  const Planned planned = PlanText(WithCluster(
      R"("nodes": ["node1", "node2"], "cni": {"type": "canal"}, "pods": [{"name": "pod-a", "node": "node1"}])"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "default via 172.16.1.1 dev eth0 \n"
            "10.244.1.2 dev cali5e1c4d6c68c scope link \n"  // SHA-1("default.pod-a") = 5e1c4d6c68c...
            "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
  EXPECT_EQ(planned.Route("pod-a"), "default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n");
  EXPECT_EQ(planned.Mtu("pod-a", "eth0"), 1450u);
  EXPECT_FALSE(planned->Materialise(planned->Find("node1"))->FindLink("cni0"));
}

TEST(FlannelHostGw, RoutesLeadViaTheNodes) {
  const Planned planned = PlanText(
      WithCluster(R"("nodes": ["node1", "node2"], "cni": {"type": "flannel", "backend": "host-gw"}, "pods": [])",
                  R"("underlay": {"type": "flat"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned.Route("node1"),
            "10.244.2.0/24 via 172.16.1.12 dev eth0 \n"
            "172.16.1.0/24 dev eth0 proto kernel scope link src 172.16.1.11 \n");
}

TEST(FlannelVxlan, RowsWrittenOutAreThoseOfTheView) {
  const std::string exec = R"("events": [{"at": "1s", "exec": "ip neigh flush dev flannel.1", "on": "node1"}])";
  const Planned shared = PlanText(WithCluster(kTwoNodes));
  const Planned own = PlanText(WithCluster(kTwoNodes, exec));
  ASSERT_TRUE(shared.plan && own.plan) << own.diagnostics.Format();
  EXPECT_FALSE(own->Materialise(own->Find("node1"))->peers);
  EXPECT_TRUE(own->Materialise(own->Find("node2"))->peers);
  EXPECT_EQ(own.Route("node1"), shared.Route("node1"));
  EXPECT_EQ(own.Neigh("node1"), shared.Neigh("node1"));
  EXPECT_EQ(own.Fdb("node1", "flannel.1"), shared.Fdb("node1", "flannel.1"));
}

TEST(FlannelDualStack, HasATunnelOfItsOwnFromIpv6ToIpv6) {
  const Planned planned = PlanText(WithCluster(R"("podCIDRIPv6": "fd00:10:244::/56", )" + std::string(kTwoNodes)));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("node1"));
  const kernel::Link* tunnel = node->FindLink("flannel-v6.1");
  ASSERT_TRUE(tunnel);
  EXPECT_EQ(tunnel->vxlan.local.ToString(), "fd00:16::ac10:10b");  // behind the /96: 172.16.1.11
  EXPECT_EQ(tunnel->mtu, 1430u);                                   // asked for 1450, cut by the kernel to 1500 - 70
  const std::string routes = iproute2::RouteShow(*node, {.family = iproute2::Family::Inet6});
  EXPECT_NE(routes.find("fd00:10:244:2::/64 via fd00:10:244:2:: dev flannel-v6.1 metric 1024 onlink pref medium\n"),
            std::string::npos)
      << routes;
  EXPECT_NE(routes.find("fd00:10:244:1::/64 dev cni0 proto kernel metric 256 pref medium\n"), std::string::npos)
      << routes;
  kernel::Neighbour6 neighbour;
  const Ipv6Address peer = *Ipv6Address::Parse("fd00:10:244:2::");
  ASSERT_TRUE(node->Ipv6().FindNeighbour(tunnel->ifindex, peer, neighbour));
  kernel::VxlanFdbEntry scratch;
  const kernel::VxlanFdbEntry* fdb = node->LookupVxlanFdb(tunnel->ifindex, neighbour.mac, scratch);
  ASSERT_TRUE(fdb);
  EXPECT_EQ(fdb->remotes.front().ip.ToString(), "fd00:16::ac10:20c");  // 172.16.2.12
  const auto pod = planned->Materialise(planned->Find("pod-a"));
  EXPECT_TRUE(pod->Ipv6().IsLocalAddress(*Ipv6Address::Parse("fd00:10:244:1::2")));
  for (const char* address : {"fd00:10:244:1::2", "fd00:10:244:1::1", "fd00:10:244:1::", "fd00:16::ac10:10b"})
    EXPECT_EQ(planned->FindByAddress(*IpAddress::Parse(address)),
              planned->Find(std::string_view(address) == "fd00:10:244:1::2" ? "pod-a" : "node1"))
        << address;
}

TEST(FlannelDualStack, RowsWrittenOutAreThoseOfTheView) {
  const std::string cluster = R"("podCIDRIPv6": "fd00:10:244::/56", )" + std::string(kTwoNodes);
  const Planned shared = PlanText(WithCluster(cluster));
  const Planned own = PlanText(
      WithCluster(cluster, R"("events": [{"at": "1s", "exec": "ip neigh flush dev flannel.1", "on": "node1"}])"));
  ASSERT_TRUE(shared.plan && own.plan) << own.diagnostics.Format();
  const auto a = shared->Materialise(shared->Find("node1")), b = own->Materialise(own->Find("node1"));
  EXPECT_TRUE(a->peers);
  EXPECT_FALSE(b->peers);
  const iproute2::RouteFilter ipv6{.family = iproute2::Family::Inet6};
  EXPECT_EQ(iproute2::RouteShow(*a, ipv6), iproute2::RouteShow(*b, ipv6));
  EXPECT_EQ(iproute2::NeighShow(*a), iproute2::NeighShow(*b));
  EXPECT_EQ(shared.Fdb("node1", "flannel-v6.1"), own.Fdb("node1", "flannel-v6.1"));
}

TEST(FlannelDualStack, HostGwNeedsNoTunnel) {
  const Planned planned = PlanText(WithCluster(R"("podCIDRIPv6": "fd00:10:244::/56", "nodes": ["node1", "node2"],
                     "cni": {"type": "flannel", "backend": "host-gw"}, "pods": [])",
                                               R"("underlay": {"type": "flat"})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const auto node = planned->Materialise(planned->Find("node1"));
  const std::string routes = iproute2::RouteShow(*node, {.family = iproute2::Family::Inet6});
  EXPECT_NE(routes.find("fd00:10:244:2::/64 via fd00:16::ac10:10c dev eth0 metric 1024 pref medium\n"),
            std::string::npos)
      << routes;
}

TEST(FlannelDualStack, OtherFlavoursSayThatTheyHaveNoneYet) {
  const Planned planned = PlanText(
      WithCluster(R"("podCIDRIPv6": "fd00:10:244::/56", "nodes": ["node1"], "cni": {"type": "cilium"}, "pods": [])"));
  EXPECT_FALSE(planned.plan);
  EXPECT_NE(planned.diagnostics.Format().find("IPv6 with CNI cilium is not supported yet (supported: flannel vxlan, "
                                              "flannel host-gw, canal, calico)"),
            std::string::npos)
      << planned.diagnostics.Format();
}

}  // namespace
}  // namespace overlaysim
