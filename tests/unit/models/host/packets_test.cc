// The packets of tests/data/packets, each as a Linux 6.18 kernel sent it: what our stack sends in the same place is the
// same but for what the kernel draws at random (".." in the files).

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "support/golden.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::ExpectGolden;
using test::FlannelWorld;
using test::Golden;
using test::Ip;
using test::RoutedWorld;

class GoldenPackets : public ::testing::Test {
 protected:
  void SendUdp(size_t bytes, SendRequest request = {}) {
    if (request.destination.IsZero()) request.destination = Ip("10.0.2.2");
    world.At("a").SendUdp(request, 40000, 9, Counting(bytes));
    world.Run(Seconds(4));
  }
  RoutedWorld world{1400};
};

TEST_F(GoldenPackets, ArpAndEcho) {
  world.At("a").SendIcmpEcho({.destination = Ip("10.0.2.2"), .pmtu = SendRequest::Pmtu::Want}, 0x101, 1, Counting(16));
  world.Run(Seconds(1));
  ExpectGolden(world.Frames("a", "ea"), "arp-request");
  ExpectGolden(world.Frames("a", "ea"), "arp-reply");
  ExpectGolden(world.Frames("a", "ea"), "echo-request");
  ExpectGolden(world.Frames("a", "ea"), "echo-reply");
}

TEST_F(GoldenPackets, PortUnreachable) {
  SendUdp(600);
  ExpectGolden(world.Frames("a", "ea"), "icmp-port-unreachable");
  EXPECT_EQ(world.At("b").Ns().snmp.Get(kernel::Snmp::UdpNoPorts), 1u);
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 1u);
}

TEST_F(GoldenPackets, TtlExceeded) {
  SendUdp(32, {.ttl = 1, .tos = 0x10});
  ExpectGolden(world.Frames("a", "ea"), "icmp-ttl-exceeded");
  EXPECT_EQ(world.Ended(Verdict::TtlExpired), 1u);
}

TEST_F(GoldenPackets, FragmentationNeeded) {
  SendUdp(1400, {.pmtu = SendRequest::Pmtu::Do});
  ExpectGolden(world.Frames("a", "ea"), "icmp-frag-needed");
  EXPECT_EQ(world.Ended(Verdict::FragNeeded), 1u);
  // It has learnt: the next one does not leave.
  EXPECT_EQ(
      world.At("a").SendUdp({.destination = Ip("10.0.2.2"), .pmtu = SendRequest::Pmtu::Do}, 40000, 9, Counting(1400)),
      EMSGSIZE);
  EXPECT_EQ(world.At("a").Ns().LearntPmtu(Ip("10.0.2.2"), engine::Now()), 1400u);
}

TEST_F(GoldenPackets, FragmentsOfASenderThatKnowsThePath) {
  world.At("a").Ns().LearnPmtu(Ip("10.0.2.2"), 1400, Seconds(600), false);
  SendUdp(3000);
  ExpectGolden(world.Frames("b", "eb"), "fragment-first");
  ExpectGolden(world.Frames("b", "eb"), "fragment-last");
  EXPECT_EQ(world.At("b").Ns().snmp.Get(kernel::Snmp::IpReasmOKs), 1u);
}

TEST_F(GoldenPackets, NetAndHostUnreachable) {
  SendUdp(32, {.destination = Ip("99.0.0.1")});
  ExpectGolden(world.Frames("a", "ea"), "icmp-net-unreachable");
  SendUdp(32, {.destination = Ip("10.0.2.99")});
  ExpectGolden(world.Frames("a", "ea"), "icmp-host-unreachable");
}

TEST_F(GoldenPackets, ResetOfAClosedPort) {
  std::vector<uint8_t> syn(20);
  const std::string golden = Golden("tcp-syn");
  for (size_t i = 0; i < 20; ++i) syn[i] = static_cast<uint8_t>(std::stoi(golden.substr(2 * (34 + i), 2), nullptr, 16));
  world.At("a").SendIpv4({.destination = Ip("10.0.2.2"), .protocol = wire::kIpProtoTcp}, syn);
  world.Run(Seconds(1));
  ExpectGolden(world.Frames("b", "eb"), "tcp-rst");
}

TEST(GoldenOverlay, EchoThroughVxlan) {
  FlannelWorld world;
  world.Begin();
  world.At("p11").SendIcmpEcho({.destination = Ip("10.244.2.2")}, 0x101, 1, Counting(56));
  world.Run(Seconds(1));
  ExpectGolden(world.Frames("n1", "flannel.1"), "flannel-echo-request");
  ExpectGolden(world.Frames("n1", "eth0"), "vxlan-echo-request");
  ExpectGolden(world.Frames("n1", "eth0"), "vxlan-echo-reply");
  // From net.ipv4.ip_local_port_range, the same in both directions: the hash is symmetric, and one seed serves all
  // nodes.
  std::vector<uint16_t> ports;
  for (const auto& seen : world.Frames("n1", "eth0"))
    if (seen.bytes.size() == 148) ports.push_back(wire::Get16(&seen.bytes[34]));
  ASSERT_EQ(ports.size(), 2u);
  EXPECT_EQ(ports[0], ports[1]);
  EXPECT_GE(ports[0], 32768);
  EXPECT_LT(ports[0], 60999);
}

TEST(GoldenOverlay, IsWhatTheOraclesKernelSent) {
  std::ifstream file(std::string(OVERLAYSIM_SOURCE_DIR) + "/../shared/oracle/public/01-flannel/expect.json");
  if (!file) GTEST_SKIP() << "the kernel's captures are not here";
  std::stringstream expected;
  expected << file.rdbuf();
  const std::string text = expected.str();
  for (const char* name : {"flannel-echo-request", "vxlan-echo-request", "vxlan-echo-reply"}) {
    const std::string golden = Golden(name);
    // There the 56 bytes of payload are written as a count.
    EXPECT_NE(text.find(golden.substr(0, golden.size() - 2 * 56) + "+count(56)"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace overlaysim::host
