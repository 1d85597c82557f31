// The IPv6 packets of tests/data/packets, each as a Linux 6.18 kernel sent it in the same place.

#include <gtest/gtest.h>

#include <cerrno>

#include "models/wire/checksum.h"
#include "support/golden.h"
#include "support/worlds.h"
#include "support/worlds6.h"

namespace overlaysim::host {
namespace {

using kernel::Snmp;
using test::Counting;
using test::ExpectGolden;
using test::Ip6;
using test::RoutedWorld6;

class GoldenPackets6 : public ::testing::Test {
 protected:
  /// From a socket without flow labels, as the kernel's packets were sent.
  void SendUdp(size_t bytes, SendRequest request = {}) {
    if (request.destination.IsNone()) request.destination = Ip6("fd00:2::2");
    request.autoFlowLabel = false;
    world.At("a").SendUdp(request, 40000, 9, Counting(bytes));
    world.Run(Seconds(4));
  }
  uint64_t CountOf(const char* at, Snmp counter) { return world.At(at).Ns().snmp.Get(counter); }
  RoutedWorld6 world{1400};
};

TEST_F(GoldenPackets6, SolicitationAndEcho) {
  world.At("a").SendIcmpEcho({.destination = Ip6("fd00:2::2"), .autoFlowLabel = false}, 0x101, 1, Counting(16));
  world.Run(Seconds(1));
  for (const char* name : {"ndisc-solicitation", "ndisc-advertisement", "icmpv6-echo-request", "icmpv6-echo-reply"})
    ExpectGolden(world.Frames("a", "ea"), name);
  EXPECT_EQ(CountOf("a", Snmp::Icmp6InEchoReplies), 1u);
  EXPECT_EQ(CountOf("r", Snmp::Ip6OutForwDatagrams), 2u);
}

TEST_F(GoldenPackets6, PortUnreachable) {
  SendUdp(600);
  ExpectGolden(world.Frames("a", "ea"), "icmpv6-port-unreachable");
  EXPECT_EQ(CountOf("b", Snmp::Udp6NoPorts), 1u);
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 1u);
}

TEST_F(GoldenPackets6, HopLimitExceeded) {
  SendUdp(32, {.ttl = 1, .tos = 0x10});
  ExpectGolden(world.Frames("a", "ea"), "icmpv6-hop-limit");
  EXPECT_EQ(CountOf("r", Snmp::Ip6InHdrErrors), 1u);
  EXPECT_EQ(world.Ended(Verdict::TtlExpired), 1u);
}

TEST_F(GoldenPackets6, PacketTooBig) {
  SendUdp(1400, {.pmtu = SendRequest::Pmtu::Do});
  ExpectGolden(world.Frames("a", "ea"), "icmpv6-packet-too-big");
  EXPECT_EQ(world.At("a").Ns().Ipv6().LearntPmtu(Ip6("fd00:2::2"), engine::Now()), 1400u);
  // It has learnt: the next one does not leave.
  EXPECT_EQ(
      world.At("a").SendUdp({.destination = Ip6("fd00:2::2"), .pmtu = SendRequest::Pmtu::Do}, 40000, 9, Counting(1400)),
      EMSGSIZE);
}

TEST_F(GoldenPackets6, FragmentsOfASenderThatKnowsThePath) {
  world.At("a").Ns().Ipv6().LearnPmtu(Ip6("fd00:2::2"), 1400, Seconds(600));
  SendUdp(3000);
  ExpectGolden(world.Frames("b", "eb"), "ipv6-fragment-first");
  ExpectGolden(world.Frames("b", "eb"), "ipv6-fragment-last");
  EXPECT_EQ(CountOf("a", Snmp::Ip6FragCreates), 3u);  // ((1400 - 40) / 8 * 8 - 8) = 1352 of 3008 bytes each
  EXPECT_EQ(CountOf("b", Snmp::Ip6ReasmOKs), 1u);
}

TEST_F(GoldenPackets6, NoRouteAndAddressUnreachable) {
  SendUdp(32, {.destination = Ip6("fd99::1")});
  ExpectGolden(world.Frames("a", "ea"), "icmpv6-no-route");
  SendUdp(32, {.destination = Ip6("fd00:2::99")});
  ExpectGolden(world.Frames("a", "ea"), "icmpv6-address-unreachable");
  EXPECT_EQ(world.Ended(Verdict::NeighbourFailed), 1u);
}

}  // namespace
}  // namespace overlaysim::host
