// Sizes and rules are those of net/xfrm and net/ipv4/esp4.c: the kernel of the captures has no ESP. What policy does
// with packets that come in the clear was measured on it (XfrmInTmplMismatch rises, and nobody is told).

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using kernel::Snmp;
using test::Counting;
using test::Ip;
using test::Net;

constexpr size_t kEspAt = 14 + 20;

/// Two hosts with a router between them, 10.1.0.1 and 10.2.0.1 behind them, and ESP between 10.1.0.0/24
/// and 10.2.0.0/24.
class Ipsec : public ::testing::Test {
 protected:
  explicit Ipsec(uint16_t udpPort = 0) {
    Set("a", "10.1.0.1/24", "10.2.0.0/24", "10.0.1.2", "10.0.2.2", 0xc0000001, 0xc0000002, udpPort);
    Set("b", "10.2.0.1/24", "10.1.0.0/24", "10.0.2.2", "10.0.1.2", 0xc0000002, 0xc0000001, udpPort);
  }
  void Set(const char* name, const char* address, const char* range, const char* local, const char* endpoint,
           uint32_t spiIn, uint32_t spiOut, uint16_t udpPort) {
    kernel::Namespace& ns = world.At(name).Ns();
    kernel::Link& link = ns.AddLink({.name = "pods", .kind = kernel::LinkKind::Dummy});
    ns.SetLinkUp(link.ifindex, true, {});
    ns.AddAddress({.ifindex = link.ifindex, .local = Net(address).address, .prefixLength = 24});
    ns.SetTunnelPeer(0, {.endpoint = Ip(endpoint),
                         .port = udpPort,
                         .allowedIps = {Net(range)},
                         .ipsec = kernel::IpsecTunnel{.local = Ip(local),
                                                      .localRange = Net(address).Canonical(),
                                                      .spiIn = spiIn,
                                                      .spiOut = spiOut,
                                                      .reqid = 11,
                                                      .udpPort = udpPort}});
  }
  int Ping(size_t bytes, SendRequest request = {}, const char* from = "10.1.0.1") {
    request.source = Ip(from);
    request.destination = Ip("10.2.0.1");
    const int error = world.At("a").SendIcmpEcho(request, 7, 1, Counting(bytes));
    world.Run(Milliseconds(100));
    return error;
  }
  /// IPv4 packets that were seen at a device, link header first.
  std::vector<std::vector<uint8_t>> Seen(const char* name, const char* device, bool isOutgoing) {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames(name, device))
      if (seen.outgoing == isOutgoing && seen.bytes[12] == 8 && seen.bytes[13] == 0) out.push_back(seen.bytes);
    return out;
  }
  /// Sends the first ESP of a's again, as it was or changed.
  void SendAgain(const std::function<void(std::vector<uint8_t>&)>& change, bool isWhole = true) {
    std::vector<uint8_t> bytes = Seen("a", "ea", true).at(0);
    const std::vector<uint8_t> inner = Seen("b", "eb", false).at(1);
    change(bytes);
    wire::FramePtr frame = wire::MakeFrame(bytes);
    wire::Ipv4{frame->Data() + 14}.FillChecksum();
    auto sealed = std::make_shared<wire::Sealed>();
    sealed->content.assign(inner.begin() + 14, inner.end());
    if (isWhole) frame->sealed = sealed;
    {
      Backlog::Guard guard(world.At("a").KernelBacklog());
      world.At("a").SendFrame(world.At("a").Ns().FindLink("ea")->ifindex, std::move(frame));
    }
    world.Run(Milliseconds(1));
  }
  uint64_t Count(const char* name, Snmp counter) { return world.At(name).Ns().snmp.Get(counter); }

  test::RoutedWorld world;
};

// 84 bytes of ping, with padding length and next header 86, padded to 88: 20 + 8 + 8 + 88 + 16.
TEST_F(Ipsec, WrapsThePacketInEsp) {
  EXPECT_EQ(Ping(56, {.tos = 0xb8 | 3}), 0);
  const auto sent = Seen("a", "ea", true);
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_EQ(sent[0].size(), 14u + 140);
  const wire::Ipv4 ip{const_cast<uint8_t*>(sent[0].data()) + 14};
  EXPECT_EQ(ip.Protocol(), 50);
  EXPECT_EQ(ip.Source(), Ip("10.0.1.2"));
  EXPECT_EQ(ip.Destination(), Ip("10.0.2.2"));
  EXPECT_EQ(ip.Ttl(), 64);
  EXPECT_EQ(ip.Tos(), 0xb8 | 2);  // CE inside is ECT(0) outside
  EXPECT_FALSE(ip.DontFragment());
  EXPECT_EQ(wire::Get32(&sent[0][kEspAt]), 0xc0000002u);
  EXPECT_EQ(wire::Get32(&sent[0][kEspAt + 4]), 1u);
  EXPECT_EQ(std::string(sent[0].begin() + kEspAt + 16, sent[0].begin() + kEspAt + 32), "opaque payload. ");
  EXPECT_EQ(Count("a", Snmp::IcmpInEchoReps), 1u);
  Ping(56);
  const auto second = Seen("a", "ea", true).at(1);
  EXPECT_EQ(wire::Get32(&second[kEspAt + 4]), 2u);
  // crypto/seqiv.c: the sequence number under a salt that stays
  EXPECT_EQ(wire::Get32(&sent[0][kEspAt + 12]) ^ wire::Get32(&second[kEspAt + 12]), 1u ^ 2u);
  EXPECT_EQ(wire::Get32(&sent[0][kEspAt + 8]), wire::Get32(&second[kEspAt + 8]));
}

TEST_F(Ipsec, DecryptedPacketComesInByTheSameDeviceUncounted) {
  Ping(56);
  const auto received = Seen("b", "eb", false);
  ASSERT_EQ(received.size(), 2u);
  EXPECT_EQ(received[1].size(), 14u + 84);
  EXPECT_TRUE(std::equal(received[0].begin(), received[0].begin() + 14, received[1].begin()));
  EXPECT_EQ(received[1][14 + 9], wire::kIpProtoIcmp);
  EXPECT_EQ(Seen("b", "eb", true).size(), 1u);                                  // the answer in ESP alone
  EXPECT_EQ(world.At("b").Ns().FindLink("eb")->stats.rxBytes, 42u + 14 + 140);  // ARP's answer, and ESP
}

TEST_F(Ipsec, OnlyTheRangesOfThePolicyAreWrapped) {
  Ping(56, {}, "10.0.1.2");  // b's policy wants nothing of this source, so it answers in the clear
  EXPECT_EQ(Seen("a", "ea", true).at(0)[14 + 9], wire::kIpProtoIcmp);
  EXPECT_EQ(world.At("a").Ns().snmp.Get(Snmp::XfrmOutError), 0u);
}

// 1500 - 20 - 8 - 8 - 16 is a multiple of 4 already; 2 bytes of it are the trailer's.
TEST_F(Ipsec, MtuLeavesRoomForHeadersAndTrailer) {
  const kernel::IpsecTunnel plain, inUdp{.udpPort = 4500};
  EXPECT_EQ(kernel::IpsecMtu(plain, 1500), 1446u);
  EXPECT_EQ(kernel::IpsecMtu(plain, 1499), 1442u);
  EXPECT_EQ(kernel::IpsecMtu(inUdp, 1500), 1438u);
  EXPECT_EQ(kernel::IpsecMtu(plain, 20), 0u);
  EXPECT_EQ(Ping(1446 - 28, {.pmtu = SendRequest::Pmtu::Do}), 0);
  EXPECT_EQ(Seen("a", "ea", true).at(0).size(), 14u + 1500);
  EXPECT_TRUE(wire::Ipv4{Seen("a", "ea", true)[0].data() + 14}.DontFragment());
  EXPECT_EQ(Ping(1447 - 28, {.pmtu = SendRequest::Pmtu::Do}), EMSGSIZE);
  EXPECT_EQ(Ping(1447 - 28), 0);  // two fragments, each in ESP of its own
  EXPECT_EQ(Seen("a", "ea", true).size(), 3u);
}

TEST_F(Ipsec, ReplaysAndForgeriesAreCountedUnderTheirNames) {
  Ping(56);
  SendAgain([](auto&) {});
  EXPECT_EQ(Count("b", Snmp::XfrmInStateSeqError), 1u);
  EXPECT_EQ(world.Ended(Verdict::EspReplayed), 1u);
  SendAgain([](auto& bytes) { bytes[kEspAt + 7] = 9; });  // another number than the one that was sealed
  EXPECT_EQ(Count("b", Snmp::XfrmInStateProtoError), 1u);
  SendAgain([](auto& bytes) { bytes[kEspAt + 7] = 9; }, false);
  EXPECT_EQ(Count("b", Snmp::XfrmInStateProtoError), 2u);
  EXPECT_EQ(world.Ended(Verdict::EspNotAuthentic), 2u);
  SendAgain([](auto& bytes) { bytes[kEspAt + 3] = 9; });
  EXPECT_EQ(Count("b", Snmp::XfrmInNoStates), 1u);
  EXPECT_EQ(world.Ended(Verdict::EspNoState), 1u);
  SendAgain([](auto& bytes) {
    bytes.resize(kEspAt + 7);
    wire::Put16(&bytes[16], 27);
  });
  EXPECT_EQ(Count("b", Snmp::XfrmInHdrError), 1u);
  EXPECT_EQ(world.Ended(Verdict::EspHeaderCut), 1u);
}

TEST_F(Ipsec, PolicyWantsEspOfThePeersAddresses) {
  const std::vector<uint8_t> echo = {8, 0, 0xf7, 0xf8, 0, 7, 0, 0};
  for (const auto& [from, protocol] :
       {std::pair{"10.1.0.9", wire::kIpProtoIcmp}, {"10.1.0.9", wire::kIpProtoUdp}, {"10.9.0.9", wire::kIpProtoIcmp}}) {
    wire::FramePtr frame = wire::MakeFrame(
        test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                        {.ttl = 64, .protocol = protocol, .source = Ip(from), .destination = Ip("10.2.0.1")}, echo));
    Backlog::Guard guard(world.At("a").KernelBacklog());
    world.At("a").SendFrame(world.At("a").Ns().FindLink("ea")->ifindex, std::move(frame));
  }
  kernel::Namespace& router = world.At("r").Ns();
  test::World::AddRoute(router, "10.2.0.0/24", "10.0.2.2", "rb");
  world.Run(Milliseconds(10));
  EXPECT_EQ(Count("b", Snmp::XfrmInTmplMismatch), 2u);  // of the third nobody wants anything
  EXPECT_EQ(world.Ended(Verdict::IpsecRequired), 2u);
  EXPECT_EQ(Count("b", Snmp::IpInDelivers), 4u);  // and that the router knows no way for the answer
  EXPECT_EQ(Count("b", Snmp::UdpInErrors), 1u);
  EXPECT_EQ(Count("b", Snmp::IcmpInEchos), 1u);
}

TEST_F(Ipsec, WithoutItTheProtocolIsUnknown) {
  world.At("b").Ns().hasIpsec = false;
  Ping(56);
  EXPECT_EQ(Count("b", Snmp::IpInUnknownProtos), 1u);
  EXPECT_EQ(world.Ended(Verdict::UnknownProtocol), 1u);
}

TEST_F(Ipsec, OutwardStateHasLostItsRoute) {
  world.At("a").Ns().DeleteRoute({.dst = Net("0.0.0.0/0")});
  test::World::AddRoute(world.At("a").Ns(), "10.2.0.0/24", "10.0.1.1", "ea");
  EXPECT_EQ(Ping(56), ENETUNREACH);
  EXPECT_EQ(Count("a", Snmp::XfrmOutBundleGenError), 1u);
}

class IpsecInUdp : public Ipsec {
 protected:
  IpsecInUdp() : Ipsec(4500) {}
};

TEST_F(IpsecInUdp, HasUdpWithoutChecksumBeforeEsp) {
  Ping(56);
  const auto sent = Seen("a", "ea", true);
  ASSERT_EQ(sent.size(), 1u);
  ASSERT_EQ(sent[0].size(), 14u + 148);
  EXPECT_EQ(sent[0][14 + 9], wire::kIpProtoUdp);
  EXPECT_EQ(wire::Get16(&sent[0][34]), 4500);
  EXPECT_EQ(wire::Get16(&sent[0][36]), 4500);
  EXPECT_EQ(wire::Get16(&sent[0][38]), 128);
  EXPECT_EQ(wire::Get16(&sent[0][40]), 0);
  EXPECT_EQ(wire::Get32(&sent[0][42]), 0xc0000002u);
  EXPECT_EQ(Count("a", Snmp::IcmpInEchoReps), 1u);
  EXPECT_EQ(Count("b", Snmp::UdpInDatagrams), 1u);
}

TEST_F(IpsecInUdp, BareEspDoesNotFitItsState) {
  Ping(56);
  SendAgain([](auto& bytes) {
    bytes.erase(bytes.begin() + 34, bytes.begin() + 42);
    bytes[14 + 9] = wire::kIpProtoEsp;
    wire::Put16(&bytes[16], 140);
  });
  EXPECT_EQ(Count("b", Snmp::XfrmInStateMismatch), 1u);
  EXPECT_EQ(world.Ended(Verdict::EspMismatch), 1u);
}

// charon has both of IKE's ports; its keepalive is one byte 0xff.
TEST_F(IpsecInUdp, IkeIsHeardAndNotAnswered) {
  for (const uint16_t port : {uint16_t{500}, uint16_t{4500}})
    for (const std::vector<uint8_t>& data : {std::vector<uint8_t>{0xff}, std::vector<uint8_t>(40)})
      EXPECT_EQ(world.At("a").SendUdp({.destination = Ip("10.0.2.2")}, 500, port, data), 0);
  world.Run(Milliseconds(10));
  EXPECT_EQ(Count("b", Snmp::UdpInDatagrams), 4u);
  EXPECT_EQ(Count("b", Snmp::IcmpOutDestUnreachs), 0u);
}

// xfrm_replay_check(): numbers from 1 on, each once, the last 32 in any order.
TEST(IpsecActivity, WindowIsThirtyTwoPacketsWide) {
  kernel::IpsecActivity activity;
  EXPECT_FALSE(activity.Accepts(0));
  activity.Advance(40);
  EXPECT_FALSE(activity.Accepts(40));
  EXPECT_TRUE(activity.Accepts(9));
  EXPECT_FALSE(activity.Accepts(8));
  activity.Advance(9);
  EXPECT_EQ(activity.seen, 0x80000001u);
  EXPECT_FALSE(activity.Accepts(9));
  activity.Advance(41);
  EXPECT_EQ(activity.seen, 3u);
  activity.Advance(100);
  EXPECT_EQ(activity.seen, 1u);
  EXPECT_EQ(activity.sequence, 100u);
}

}  // namespace
}  // namespace overlaysim::host
