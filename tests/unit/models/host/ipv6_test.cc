// What an IPv6 stack does with what is odd, as Linux 6.18 was seen to do.

#include <gtest/gtest.h>

#include <algorithm>

#include "models/wire/checksum.h"
#include "support/worlds.h"
#include "support/worlds6.h"

namespace overlaysim::host {
namespace {

using kernel::Snmp;
using test::Counting;
using test::Ip;
using test::Ip6;
using test::Mac;
using test::RoutedWorld6;
using test::World;

constexpr const char* kRouterMac = "02:00:00:00:00:01";
constexpr const char* kHostMac = "02:00:00:00:00:0a";

/// An Ethernet frame with an IPv6 packet.
std::vector<uint8_t> Frame6(const char* to, const char* from, wire::Ipv6Fields fields,
                            const std::vector<uint8_t>& payload) {
  std::vector<uint8_t> frame(54);
  wire::Ethernet{frame.data()}.Write(Mac(to), Mac(from), wire::kEtherTypeIpv6);
  fields.payloadBytes = static_cast<uint16_t>(payload.size());
  wire::WriteIpv6(frame.data() + 14, fields);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

std::vector<uint8_t> Icmpv6Bytes(const char* source, const char* destination, std::vector<uint8_t> message) {
  const uint64_t pseudo =
      wire::PseudoHeaderSum(Ip6(source), Ip6(destination), wire::kIpProtoIcmpv6, static_cast<uint32_t>(message.size()));
  wire::Put16(&message[2], wire::ChecksumFold(wire::ChecksumAdd(message.data(), message.size(), pseudo)));
  return message;
}

std::vector<uint8_t> Solicitation(const char* target) {
  std::vector<uint8_t> message(24);
  message[0] = wire::kIcmpv6NeighbourSolicitation;
  wire::PutIpv6(&message[8], Ip6(target));
  message.insert(message.end(), {1, 1, 2, 0, 0, 0, 0, 0x0a});
  return message;
}

std::vector<uint8_t> FragmentBytes(uint32_t offset, bool more, uint32_t id, size_t bytes) {
  std::vector<uint8_t> out(8 + bytes);
  wire::Ipv6Fragment{out.data()}.Write(wire::kIpProtoUdp, offset, more, id);
  return out;
}

class Ipv6 : public ::testing::Test {
 protected:
  void FromHost(const wire::Ipv6Fields& fields, const std::vector<uint8_t>& payload, const char* to = kRouterMac) {
    world.SendFrame("a", "ea", Frame6(to, kHostMac, fields, payload));
    world.Run(Seconds(1));
  }
  uint64_t CountOf(const char* at, Snmp counter) { return world.At(at).Ns().snmp.Get(counter); }
  bool Saw(const char* at, const char* device, uint8_t icmpType) {
    const auto& frames = world.Frames(at, device);
    return std::any_of(frames.begin(), frames.end(), [&](const World::Seen& f) {
      return f.bytes.size() > 54 && f.bytes[20] == wire::kIpProtoIcmpv6 && f.bytes[54] == icmpType;
    });
  }
  RoutedWorld6 world;
};

TEST_F(Ipv6, DeviceWithoutItDiscards) {
  world.Run(Milliseconds(1));  // groups have been reported
  world.At("r").Ns().SetSysctl("net.ipv6.conf.ra.disable_ipv6", "1");
  FromHost({.nextHeader = wire::kIpProtoUdp, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:2::2")},
           std::vector<uint8_t>(8));
  EXPECT_EQ(world.Ended(Verdict::Ipv6Disabled), 1u);
  EXPECT_EQ(CountOf("r", Snmp::Ip6InDiscards), 1u);
}

TEST_F(Ipv6, SolicitationFromAfarIsIgnored) {
  // RFC 4861, 7.1.1: a hop limit below 255 tells that a router was between.
  const auto message = Icmpv6Bytes("fd00:1::2", "ff02::1:ff00:1", Solicitation("fd00:1::1"));
  wire::Ipv6Fields fields{.nextHeader = wire::kIpProtoIcmpv6,
                          .hopLimit = 254,
                          .source = Ip6("fd00:1::2"),
                          .destination = Ip6("ff02::1:ff00:1")};
  FromHost(fields, message, "33:33:ff:00:00:01");
  EXPECT_EQ(world.Ended(Verdict::NdiscHopLimit), 1u);
  EXPECT_FALSE(Saw("a", "ea", wire::kIcmpv6NeighbourAdvertisement));
  fields.hopLimit = 255;
  FromHost(fields, message, "33:33:ff:00:00:01");
  EXPECT_TRUE(Saw("a", "ea", wire::kIcmpv6NeighbourAdvertisement));
  const kernel::Neighbour6* learnt =
      world.At("r").Ns().Ipv6().FindNeighbour(world.At("r").Ns().FindLink("ra")->ifindex, Ip6("fd00:1::2"));
  ASSERT_TRUE(learnt);
  EXPECT_EQ(learnt->mac, Mac(kHostMac));
}

TEST_F(Ipv6, SolicitationForSomeoneElseOfTheSameGroupIsIgnored) {
  FromHost({.nextHeader = wire::kIpProtoIcmpv6,
            .hopLimit = 255,
            .source = Ip6("fd00:1::2"),
            .destination = Ip6("ff02::1:ff00:1")},
           Icmpv6Bytes("fd00:1::2", "ff02::1:ff00:1", Solicitation("fd00:1::99:1")), "33:33:ff:00:00:01");
  EXPECT_EQ(world.Ended(Verdict::NdiscOtherTarget), 1u);
}

TEST_F(Ipv6, GroupThatNobodyHasJoinedIsIgnored) {
  world.Run(Milliseconds(1));  // reports of groups go to ff02::16, which nobody has joined either
  const uint64_t before = world.Ended(Verdict::GroupNotJoined);
  FromHost({.nextHeader = wire::kIpProtoUdp, .source = Ip6("fd00:1::2"), .destination = Ip6("ff02::77")},
           std::vector<uint8_t>(8), "33:33:00:00:00:77");
  EXPECT_EQ(world.Ended(Verdict::GroupNotJoined), before + 1);
}

TEST_F(Ipv6, DatagramNeedsAChecksum) {
  // RFC 8200, 8.1; counted as a checksum error even where nobody listens.
  FromHost({.nextHeader = wire::kIpProtoUdp, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:1::1")},
           test::UdpBytes(40000, 9, Counting(4)));
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 1u);
  EXPECT_EQ(CountOf("r", Snmp::Udp6InCsumErrors), 1u);
  EXPECT_EQ(CountOf("r", Snmp::Udp6NoPorts), 0u);
  EXPECT_FALSE(Saw("a", "ea", wire::kIcmpv6DestUnreach));
}

TEST_F(Ipv6, UnknownNextHeaderIsAParameterProblem) {
  FromHost({.nextHeader = 253, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:1::1")}, Counting(16));
  EXPECT_EQ(CountOf("r", Snmp::Ip6InUnknownProtos), 1u);
  EXPECT_TRUE(Saw("a", "ea", wire::kIcmpv6ParameterProblem));
}

TEST_F(Ipv6, UnknownOptionDoesWhatItsTopBitsSay) {
  std::vector<uint8_t> options = {wire::kIpProtoNone, 0, 0x3e, 4, 0, 0, 0, 0};  // 00: skip
  const wire::Ipv6Fields fields{
      .nextHeader = wire::kIpProtoHopByHop, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:1::1")};
  FromHost(fields, options);
  EXPECT_EQ(world.Ended(Verdict::Ipv6NothingFollows), 1u);
  options[2] = 0x7e;  // 01: drop
  FromHost(fields, options);
  EXPECT_EQ(world.Ended(Verdict::Ipv6UnknownOption), 1u);
  EXPECT_FALSE(Saw("a", "ea", wire::kIcmpv6ParameterProblem));
  options[2] = 0xbe;  // 10: drop and tell
  FromHost(fields, options);
  EXPECT_TRUE(Saw("a", "ea", wire::kIcmpv6ParameterProblem));
  EXPECT_EQ(CountOf("r", Snmp::Ip6InHdrErrors), 2u);
}

TEST_F(Ipv6, FragmentsOverlapNever) {
  const wire::Ipv6Fields fields{
      .nextHeader = wire::kIpProtoFragment, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:1::1")};
  FromHost(fields, FragmentBytes(0, true, 1, 48));
  FromHost(fields, FragmentBytes(40, false, 1, 24));
  EXPECT_EQ(CountOf("r", Snmp::Ip6ReasmFails), 1u);
  EXPECT_EQ(world.Ended(Verdict::FragmentInvalid), 1u);
  EXPECT_EQ(world.Ended(Verdict::FragmentAbandoned), 1u);
}

TEST_F(Ipv6, FragmentOfOddSizeIsAParameterProblem) {
  FromHost({.nextHeader = wire::kIpProtoFragment, .source = Ip6("fd00:1::2"), .destination = Ip6("fd00:1::1")},
           FragmentBytes(0, true, 2, 44));
  EXPECT_TRUE(Saw("a", "ea", wire::kIcmpv6ParameterProblem));
  EXPECT_EQ(CountOf("r", Snmp::Ip6InHdrErrors), 1u);
}

TEST_F(Ipv6, ErrorsToOneReceiverAreLimitedByTheWidthOfItsRoute) {
  // net.ipv6.icmp.ratelimit 1000 ms, a quarter of it towards a /64, six at once: of ten at once six are answered.
  world.At("r").Ns().SetSysctl("net.ipv6.icmp.ratelimit", "1000");
  for (int i = 0; i < 10; ++i) world.At("a").SendUdp({.destination = Ip6("fd99::1")}, 40000, 9, Counting(8));
  world.Run(Milliseconds(100));
  EXPECT_EQ(CountOf("r", Snmp::Icmp6OutDestUnreachs), 6u);
  EXPECT_EQ(CountOf("r", Snmp::Icmp6OutRateLimitHost), 4u);
}

TEST_F(Ipv6, HopLimitOfASocketIsForUnicast) {
  // IPV6_UNICAST_HOPS; IPV6_MULTICAST_HOPS is 1.
  world.At("a").SendUdp({.destination = Ip6("ff02::1"), .ttl = 9}, 40000, 9, Counting(8));
  world.Run(Milliseconds(100));
  const auto& frames = world.Frames("a", "ea");
  const auto sent =
      std::find_if(frames.begin(), frames.end(), [](const World::Seen& f) { return f.bytes[20] == wire::kIpProtoUdp; });
  ASSERT_NE(sent, frames.end());
  EXPECT_EQ(sent->bytes[21], 1);
}

TEST_F(Ipv6, LabelComesFromTheFlowUnlessTheSocketWantsNone) {
  const auto labelOf = [&](bool autoFlowLabel) {
    world.At("a").SendUdp({.destination = Ip6("fd00:1::1"), .autoFlowLabel = autoFlowLabel}, 40000, 9, Counting(8));
    world.Run(Milliseconds(100));
    for (auto it = world.Frames("a", "ea").rbegin(); it != world.Frames("a", "ea").rend(); ++it)
      if (it->outgoing && it->bytes[20] == wire::kIpProtoUdp) return wire::Get32(&it->bytes[14]) & 0xfffff;
    return uint32_t{0xffffffff};
  };
  EXPECT_EQ(labelOf(false), 0u);
  const uint32_t label = labelOf(true);
  EXPECT_NE(label, 0u);
  EXPECT_EQ(labelOf(true), label);
}

TEST_F(Ipv6, GroupsAreReportedWhenTheStackComesToLife) {
  world.Run(Milliseconds(10));
  const auto& frames = world.Frames("r", "ra");
  const auto report = std::find_if(frames.begin(), frames.end(), [](const World::Seen& f) {
    return f.outgoing && f.bytes.size() > 62 && f.bytes[20] == wire::kIpProtoHopByHop && f.bytes[62] == 143;
  });
  ASSERT_NE(report, frames.end());
  EXPECT_EQ(wire::GetMac(report->bytes.data()), Mac("33:33:00:00:00:16"));
  const wire::Ipv6 ip{const_cast<uint8_t*>(&report->bytes[14])};
  EXPECT_EQ(ip.Source(), Ip6("fe80::ff:fe00:1"));
  EXPECT_EQ(ip.HopLimit(), 1);
  EXPECT_GE(wire::Get16(&report->bytes[68]), 2);  // solicited-node groups of two addresses, all routers
}

TEST_F(Ipv6, DuplicateAddressIsNotUsed) {
  // a takes fd00:1::1, which the router has.
  kernel::Namespace& a = world.At("a").Ns();
  a.SetSysctl("net.ipv6.conf.ea.accept_dad", "1");
  ASSERT_EQ(a.Ipv6().AddAddress({.ifindex = a.FindLink("ea")->ifindex, .local = Ip6("fd00:1::1"), .prefixLength = 64}),
            0);
  EXPECT_FALSE(a.Ipv6().IsLocalAddress(Ip6("fd00:1::1")));
  world.Run(Seconds(3));
  EXPECT_FALSE(a.Ipv6().IsLocalAddress(Ip6("fd00:1::1")));
  const kernel::Address6* address = a.Ipv6().FindAddress(0, Ip6("fd00:1::1"));
  ASSERT_TRUE(address);
  EXPECT_TRUE(address->dadFailed);
}

/// Two hosts on a cable with IPv6, and a VXLAN device with IPv4 inside on each.
class Vxlan6World : public World {
 public:
  Vxlan6World() {
    for (const auto& [name, last] : {std::pair{"a", 1}, {"b", 2}}) {
      auto& ns = Add(name);
      test::EnableIpv6(ns);
      const std::string address = "fd00::" + std::to_string(last);
      test::AddUpLink(ns, {.name = "eth0", .address = MacAddress::FromUint64(0x020000000000 + uint64_t(last))});
      test::AddAddress6(ns, "eth0", (address + "/64").c_str());
      test::AddUpLink(ns,
                      {.name = "vx",
                       .kind = kernel::LinkKind::Vxlan,
                       .address = MacAddress::FromUint64(0x020000000400 + uint64_t(last)),
                       .mtu = 1430,
                       .vxlan = {.vni = 7, .local = Ip6(address.c_str()), .dstPort = 4789, .learning = false}},
                      ("10.9.0." + std::to_string(last) + "/24").c_str());
      const int other = 3 - last;
      ns.AddVxlanFdb(ns.FindLink("vx")->ifindex, {}, {.ip = Ip6(("fd00::" + std::to_string(other)).c_str())}, true,
                     kernel::Namespace::kCreate, {});
    }
  }
  void Begin() {
    Start();
    Connect("a", "eth0", "b", "eth0");
    Capture("a", "eth0");
  }
  kernel::VxlanOptions& Vxlan(const char* name) { return At(name).Ns().FindLink("vx")->vxlan; }
  uint64_t Replies() { return At("a").Ns().snmp.Get(Snmp::IcmpInEchoReps); }
  void Ping(uint8_t tos = 0, size_t bytes = 56) {
    At("a").SendIcmpEcho({.destination = Ip("10.9.0.2"), .tos = tos, .pmtu = SendRequest::Pmtu::Dont}, 1, 1,
                         Counting(bytes));
    Run(Seconds(1));
  }
};

TEST(VxlanOverIpv6, HasTheOuterHeaderOfItsFamily) {
  Vxlan6World world;
  world.Begin();
  world.Vxlan("a").flowLabel = 0x12345;
  world.Vxlan("a").ttl = 9;
  world.Ping(0xb9);
  EXPECT_EQ(world.Replies(), 1u);
  const auto& frames = world.Frames("a", "eth0");
  const auto outer = std::find_if(frames.begin(), frames.end(), [](const World::Seen& f) {
    return f.outgoing && f.bytes[20] == wire::kIpProtoUdp && f.bytes.size() == 98 + 70;
  });
  ASSERT_NE(outer, frames.end());
  const wire::Ipv6 ip{const_cast<uint8_t*>(&outer->bytes[14])};
  EXPECT_EQ(ip.FlowLabel(), 0x12345u);
  EXPECT_EQ(ip.HopLimit(), 9);
  EXPECT_EQ(ip.TrafficClass(), 1);  // ECN of the inner packet alone
  EXPECT_NE(wire::Get16(&outer->bytes[60]), 0);
}

TEST(VxlanOverIpv6, ZeroChecksumIsRefusedUnlessTheReceiverDoesWithout) {
  Vxlan6World world;
  world.Begin();
  world.Vxlan("a").udp6ZeroCsumTx = true;
  world.Ping();
  EXPECT_EQ(world.Replies(), 0u);
  EXPECT_GE(world.At("b").Ns().snmp.Get(Snmp::Udp6InCsumErrors), 1u);
  world.Run(Seconds(5));  // ARP has failed
  world.Vxlan("b").udp6ZeroCsumRx = true;
  world.Ping();
  EXPECT_EQ(world.Replies(), 1u);
}

TEST(VxlanOverIpv6, OuterPacketsAreNeverCut) {
  Vxlan6World world;
  world.Begin();
  world.At("a").Ns().SetLinkMtu(world.At("a").Ns().FindLink("vx")->ifindex, 1500);
  world.Ping();
  ASSERT_EQ(world.Replies(), 1u);
  world.Ping(0, 1472);  // 1500 + 70 > 1500
  EXPECT_EQ(world.Replies(), 1u);
  const auto& stats = world.At("a").Ns().FindLink("vx")->stats;
  EXPECT_EQ(stats.txErrors, 1u);
  EXPECT_EQ(stats.txAbortedErrors, 1u);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(Snmp::Ip6FragFails), 1u);
  // The inner route has learnt: the next ping goes in pieces.
  EXPECT_EQ(world.At("a").Ns().LearntPmtu(Ip("10.9.0.2"), engine::Now()), 1430u);
}

}  // namespace
}  // namespace overlaysim::host
