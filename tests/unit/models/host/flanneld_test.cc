#include <gtest/gtest.h>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;
using test::Net;

/// Two hosts with a router between them and a flannel0 each, 172.17.0.0/16 at a, 172.18.0.0/16 at b.
class Flanneld : public ::testing::Test {
 protected:
  Flanneld() {
    Set("a", "172.17.0.0/32", "10.0.1.2", "172.18.0.0/16", "10.0.2.2");
    Set("b", "172.18.0.0/32", "10.0.2.2", "172.17.0.0/16", "10.0.1.2");
  }
  void Set(const char* name, const char* address, const char* local, const char* net, const char* endpoint) {
    kernel::Namespace& ns = world.At(name).Ns();
    kernel::Link& link = ns.AddLink({.name = "flannel0", .kind = kernel::LinkKind::Tun, .mtu = 1472});
    link.tun = {.local = Ip(local), .port = 8285};
    ns.SetTunnelPeer(link.ifindex, {.endpoint = Ip(endpoint), .port = 8285, .allowedIps = {Net(net)}});
    ns.SetLinkUp(link.ifindex, true, {});
    ns.AddAddress({.ifindex = link.ifindex, .local = Net(address).address});
    ns.AddRoute({.dst = Net("172.16.0.0/12"), .nextHops = {{.ifindex = link.ifindex}}}, kernel::Namespace::kCreate);
    world.Capture(name, "flannel0");
  }
  void Send(const char* to, SendRequest request = {}, size_t bytes = 56) {
    request.destination = Ip(to);
    world.At("a").SendIcmpEcho(request, 7, 1, Counting(bytes));
    world.Run(Milliseconds(100));
  }
  uint64_t Count(Verdict verdict) { return world.Ended(verdict); }

  test::RoutedWorld world;
};

TEST_F(Flanneld, CarriesPacketsInUdpAndCountsTheTtlTwice) {
  Send("172.18.0.0");
  std::vector<uint8_t> outer;
  for (const auto& seen : world.Frames("a", "ea"))
    if (seen.outgoing && seen.bytes.size() == 14 + 28 + 84) outer.assign(seen.bytes.begin() + 14, seen.bytes.end());
  ASSERT_FALSE(outer.empty());
  const wire::Ipv4 ip{outer.data()}, inner{outer.data() + 28};
  EXPECT_EQ(ip.Source(), Ip("10.0.1.2"));
  EXPECT_EQ(ip.Destination(), Ip("10.0.2.2"));
  EXPECT_TRUE(ip.DontFragment());  // IP_PMTUDISC_WANT of an ordinary socket
  EXPECT_EQ(ip.Ttl(), 64);
  EXPECT_EQ(wire::Get16(&outer[20]), 8285);
  EXPECT_EQ(wire::Get16(&outer[22]), 8285);
  EXPECT_EQ(inner.Ttl(), 63);
  const auto& received = world.Frames("b", "flannel0");
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[0].bytes[8], 62);
  EXPECT_EQ(world.Frames("a", "flannel0").size(), 2u);  // and the answer
  const kernel::LinkStats& stats = world.At("a").Ns().FindLink("flannel0")->stats;
  EXPECT_EQ(stats.txBytes, 84u);
  EXPECT_EQ(stats.rxBytes, 84u);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(kernel::Snmp::UdpOutDatagrams), 1u);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(kernel::Snmp::UdpInDatagrams), 1u);
}

TEST_F(Flanneld, TtlThatEndsThereIsNotAnswered) {
  Send("172.18.0.0", {.ttl = 1});
  EXPECT_EQ(Count(Verdict::FlanneldTtlExpired), 1u);
  Send("172.18.0.0", {.ttl = 2});  // by the other one
  EXPECT_EQ(Count(Verdict::FlanneldTtlExpired), 2u);
  EXPECT_EQ(world.Frames("b", "flannel0").size(), 0u);
}

TEST_F(Flanneld, UnknownNodeIsNetUnreachableFromTheTunAddress) {
  world.At("a").SendUdp({.destination = Ip("172.29.0.1")}, 1000, 2000, Counting(20));
  world.Run(Milliseconds(100));
  const auto& seen = world.Frames("a", "flannel0");
  ASSERT_EQ(seen.size(), 2u);
  const std::vector<uint8_t>& answer = seen[1].bytes;
  ASSERT_EQ(answer.size(), 20u + 8 + 20 + 8);  // the offender's header and eight bytes
  const wire::Ipv4 ip{const_cast<uint8_t*>(answer.data())};
  EXPECT_EQ(ip.Source(), Ip("172.17.0.0"));
  EXPECT_EQ(ip.Ttl(), 8);
  EXPECT_EQ(answer[20], 3);
  EXPECT_EQ(answer[21], 0);
  Send("172.29.0.1");  // about ICMP flanneld says nothing
  EXPECT_EQ(world.Frames("a", "flannel0").size(), 3u);
  EXPECT_EQ(Count(Verdict::FlanneldNoRoute), 2u);
}

TEST_F(Flanneld, ShortDatagramIsDropped) {
  world.At("b").SendUdp({.destination = Ip("10.0.1.2")}, 9, 8285, Counting(19));
  world.Run(Milliseconds(100));
  EXPECT_EQ(Count(Verdict::FlanneldTooShort), 1u);
}

TEST_F(Flanneld, DeviceThatNobodyReadsDrops) {
  world.At("a").Ns().FindLink("flannel0")->tun = {};
  Send("172.18.0.0");
  EXPECT_EQ(Count(Verdict::TunNotOpened), 1u);
  EXPECT_EQ(world.At("a").Ns().FindLink("flannel0")->stats.txDropped, 1u);
}

}  // namespace
}  // namespace overlaysim::host
