#include <gtest/gtest.h>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;

/// Two hosts with a router between them, and the nets 10.1.0.0/16 and 10.2.0.0/16 behind a tunl0 of each, as Calico
/// sets it up: no ends of its own, routes via the other host, TTL inherited, no path MTU discovery of its own.
class Ipip : public ::testing::Test {
 protected:
  explicit Ipip(kernel::IpipOptions options = {.pmtuDiscovery = false}) {
    for (auto [name, address, net, gateway] :
         {std::tuple{"a", "10.1.0.1/32", "10.2.0.0/16", "10.0.2.2"}, {"b", "10.2.0.1/32", "10.1.0.0/16", "10.0.1.2"}}) {
      kernel::Namespace& ns = world.At(name).Ns();
      kernel::Link& link = ns.AddLink({.name = "tunl0", .kind = kernel::LinkKind::Ipip, .mtu = 1480});
      link.ipip = options;
      ns.SetLinkUp(link.ifindex, true, {});
      ns.AddAddress({.ifindex = link.ifindex, .local = Ip(std::string(address).substr(0, 8).c_str())});
      world.AddRoute(ns, net, gateway, "tunl0", true);
      world.Capture(name, "tunl0");
    }
  }
  void Ping(size_t bytes, SendRequest request = {}) {
    request.destination = Ip("10.2.0.1");
    world.At("a").SendIcmpEcho(request, 7, 1, Counting(bytes));
    world.Run(Milliseconds(100));
  }
  /// Packets with an outer header of protocol 4 that left `name`, from their outer IPv4 header on.
  std::vector<std::vector<uint8_t>> Outer(const char* name, const char* device) {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames(name, device))
      if (seen.outgoing && seen.bytes.size() > 34 && seen.bytes[12] == 8 && seen.bytes[13] == 0 && seen.bytes[23] == 4)
        out.emplace_back(seen.bytes.begin() + 14, seen.bytes.end());
    return out;
  }
  const kernel::LinkStats& Stats(const char* name) { return world.At(name).Ns().FindLink("tunl0")->stats; }

  test::RoutedWorld world;
};

TEST_F(Ipip, PutsOneIpv4HeaderBefore) {
  Ping(56);
  const auto there = Outer("a", "ea"), back = Outer("b", "eb");
  ASSERT_EQ(there.size(), 1u);
  ASSERT_EQ(back.size(), 1u);
  ASSERT_EQ(there[0].size(), 104u);  // 20 + 20 + 8 + 56
  const wire::Ipv4 outer{const_cast<uint8_t*>(there[0].data())};
  EXPECT_EQ(outer.Source(), Ip("10.0.1.2"));
  EXPECT_EQ(outer.Destination(), Ip("10.0.2.2"));
  EXPECT_EQ(outer.Protocol(), 4);
  EXPECT_EQ(outer.Ttl(), 64);
  EXPECT_EQ(outer.FragmentField(), 0);
  EXPECT_NE(wire::Get16(&there[0][4]), 0);  // iptunnel_xmit() numbers every packet
  const wire::Ipv4 inner{const_cast<uint8_t*>(there[0].data()) + 20};
  EXPECT_EQ(inner.Source(), Ip("10.1.0.1"));
  EXPECT_EQ(inner.Destination(), Ip("10.2.0.1"));
  EXPECT_EQ(Stats("a").txPackets, 1u);
  EXPECT_EQ(Stats("a").txBytes, 84u);  // the inner packet
  EXPECT_EQ(Stats("a").rxPackets, 1u);
  EXPECT_EQ(Stats("a").rxBytes, 84u);
}

TEST_F(Ipip, FramesOfTheDeviceBeginWithTheirIpHeader) {
  Ping(56);
  const auto& seen = world.Frames("a", "tunl0");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].bytes.size(), 84u);
  EXPECT_EQ(seen[0].bytes[0], 0x45);
  EXPECT_EQ(seen[1].bytes[0], 0x45);
}

TEST_F(Ipip, OuterHeaderTakesTtlTosAndDfFromTheInner) {
  Ping(56, {.ttl = 9, .tos = 0x2a, .pmtu = SendRequest::Pmtu::Do});
  const auto there = Outer("a", "ea");
  ASSERT_EQ(there.size(), 1u);
  const wire::Ipv4 outer{const_cast<uint8_t*>(there[0].data())};
  EXPECT_EQ(outer.Ttl(), 9);
  EXPECT_EQ(outer.FragmentField(), wire::kIpDf);
  EXPECT_EQ(outer.Tos(), 0x02);  // only ECN goes out; DSCP would need `tos inherit`
}

TEST_F(Ipip, LargePacketWithDfIsAnsweredBySender) {
  kernel::Namespace& a = world.At("a").Ns();
  a.SetLinkMtu(a.FindLink("tunl0")->ifindex, 1500);
  Ping(1472 - 8, {.pmtu = SendRequest::Pmtu::Do});  // 20 + 8 + 1464 = 1492: more than 1500 - 20
  EXPECT_TRUE(Outer("a", "ea").empty());
  EXPECT_EQ(world.Ended(Verdict::FragNeeded), 1u);
  EXPECT_EQ(Stats("a").txErrors, 1u);
  EXPECT_EQ(a.LearntPmtu(Ip("10.2.0.1"), Milliseconds(1)), 1480u);
}

TEST_F(Ipip, LargePacketWithoutDfIsFragmentedOutside) {
  for (const char* name : {"a", "b"}) {
    kernel::Namespace& ns = world.At(name).Ns();
    ns.SetLinkMtu(ns.FindLink("tunl0")->ifindex, 1500);
  }
  Ping(1464);
  EXPECT_EQ(Outer("a", "ea").size(), 2u);
  EXPECT_EQ(Stats("b").rxPackets, 1u);
  EXPECT_EQ(Stats("a").rxPackets, 1u);  // the answer
}

TEST_F(Ipip, PacketForNoDeviceIsAnsweredWithPortUnreachable) {
  world.At("b").Ns().FindLink("tunl0")->ipip.remote = Ip("10.9.9.9");
  Ping(56);
  EXPECT_EQ(world.Ended(Verdict::TunnelNoDevice), 1u);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(kernel::Snmp::IcmpInDestUnreachs), 1u);
}

TEST_F(Ipip, WithoutTheModuleTheProtocolIsUnknown) {
  kernel::Namespace& b = world.At("b").Ns();
  b.DeleteLink(b.FindLink("tunl0")->ifindex);
  Ping(56);
  EXPECT_EQ(world.Ended(Verdict::UnknownProtocol), 1u);
  EXPECT_EQ(b.snmp.Get(kernel::Snmp::IpInUnknownProtos), 1u);
}

TEST_F(Ipip, NoRouteToTheOtherEndIsACarrierError) {
  kernel::Namespace& a = world.At("a").Ns();
  a.FindLink("tunl0")->ipip.remote = Ip("172.31.0.1");
  a.FlushRoutes([](const kernel::Route& route) { return route.dst.length == 0; });
  Ping(56);
  EXPECT_EQ(world.Ended(Verdict::TunnelNoRoute), 1u);
  EXPECT_EQ(Stats("a").txCarrierErrors, 1u);
}

TEST_F(Ipip, RouteBackIntoTheDeviceIsALoop) {
  world.At("a").Ns().FindLink("tunl0")->ipip.remote = Ip("10.2.9.9");
  Ping(56);
  EXPECT_EQ(world.Ended(Verdict::TunnelLoop), 1u);
  EXPECT_EQ(Stats("a").collisions, 1u);
}

TEST_F(Ipip, CongestionMarkOutsideReachesACapablePacketAndDropsAnother) {
  for (auto [innerTos, arrives] : {std::pair{uint8_t{2}, true}, {uint8_t{0}, false}}) {
    std::vector<uint8_t> inner = test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                                 {.tos = innerTos,
                                                  .ttl = 64,
                                                  .protocol = wire::kIpProtoUdp,
                                                  .source = Ip("10.1.0.1"),
                                                  .destination = Ip("10.2.0.1")},
                                                 test::UdpBytes(1, 2, Counting(4)));
    inner.erase(inner.begin(), inner.begin() + 14);
    world.SendFrame("a", "ea",
                    test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                    {.tos = 3,
                                     .ttl = 64,
                                     .protocol = wire::kIpProtoIpip,
                                     .source = Ip("10.0.1.2"),
                                     .destination = Ip("10.0.2.2")},
                                    inner));
    world.Run(Milliseconds(10));
    EXPECT_EQ(Stats("b").rxFrameErrors, arrives ? 0u : 1u);
  }
  EXPECT_EQ(world.Ended(Verdict::EcnMalformed), 1u);
  ASSERT_FALSE(world.Frames("b", "tunl0").empty());
  EXPECT_EQ(world.Frames("b", "tunl0")[0].bytes[1], 3);  // ECT(0) became CE
}

}  // namespace
}  // namespace overlaysim::host
