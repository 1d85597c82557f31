#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;
using test::Net;

constexpr uint32_t kUdpAt = 20, kMessageAt = 28;  // from the outer IPv4 header on
constexpr size_t kUdpChecksumAt = 14 + 26, kMessageInFrame = 14 + 28;

kernel::WireguardKey Key(uint8_t number) {
  kernel::WireguardKey key;
  key.bytes.fill(number);
  return key;
}

/// Two hosts with a router between them, 10.1.0.1 and 10.2.0.1 behind a wg0 of each.
class Wireguard : public ::testing::Test {
 protected:
  Wireguard() {
    Set("a", 1, "10.1.0.1/32", "10.2.0.0/16", "10.0.2.2");
    Set("b", 2, "10.2.0.1/32", "10.1.0.0/16", "10.0.1.2");
  }
  void Set(const char* name, uint8_t number, const char* address, const char* net, const char* endpoint) {
    kernel::Namespace& ns = world.At(name).Ns();
    kernel::Link& link = ns.AddLink({.name = "wg0", .kind = kernel::LinkKind::Wireguard, .mtu = 1420});
    link.wireguard = {.publicKey = Key(number), .listenPort = 51820};
    ns.SetTunnelPeer(link.ifindex, {.publicKey = Key(static_cast<uint8_t>(3 - number)),
                                    .endpoint = Ip(endpoint),
                                    .port = 51820,
                                    .allowedIps = {Net(net)}});
    ns.SetLinkUp(link.ifindex, true, {});
    ns.AddAddress({.ifindex = link.ifindex, .local = Net(address).address});
    ns.AddRoute({.dst = Net(net), .scope = kernel::kScopeLink, .nextHops = {{.ifindex = link.ifindex}}},
                kernel::Namespace::kCreate);
    world.Capture(name, "wg0");
  }
  int Ping(size_t bytes, SendRequest request = {}, const char* to = "10.2.0.1") {
    request.destination = Ip(to);
    const int error = world.At("a").SendIcmpEcho(request, 7, 1, Counting(bytes));
    world.Run(Milliseconds(100));
    return error;
  }
  /// UDP packets of port 51820 that left `name`, from their outer IPv4 header on.
  std::vector<std::vector<uint8_t>> Outer(const char* name, const char* device) {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames(name, device))
      if (seen.outgoing && seen.bytes.size() > 42 && seen.bytes[12] == 8 && seen.bytes[13] == 0 &&
          seen.bytes[23] == 17 && wire::Get16(&seen.bytes[36]) == 51820)
        out.emplace_back(seen.bytes.begin() + 14, seen.bytes.end());
    return out;
  }
  std::vector<size_t> Sizes(const char* name, const char* device) {
    std::vector<size_t> sizes;
    for (const auto& packet : Outer(name, device)) sizes.push_back(packet.size());
    return sizes;
  }
  /// The first frame with a message of that size that a has sent.
  std::vector<uint8_t> FrameOf(size_t messageBytes) {
    for (const auto& seen : world.Frames("a", "ea"))
      if (seen.outgoing && seen.bytes.size() == kMessageInFrame + messageBytes) return seen.bytes;
    ADD_FAILURE() << "no message of " << messageBytes << " bytes";
    return std::vector<uint8_t>(kMessageInFrame + messageBytes);
  }
  void SendAgain(const std::vector<uint8_t>& bytes, const std::vector<uint8_t>& content) {
    wire::FramePtr frame = wire::MakeFrame(bytes);
    auto sealed = std::make_shared<wire::Sealed>();
    sealed->content = content;
    frame->sealed = sealed;
    {
      Backlog::Guard guard(world.At("a").KernelBacklog());
      world.At("a").SendFrame(world.At("a").Ns().FindLink("ea")->ifindex, std::move(frame));
    }
    world.Run(Milliseconds(1));
  }
  kernel::Link& Link(const char* name) { return *world.At(name).Ns().FindLink("wg0"); }
  uint64_t Count(Verdict verdict) { return world.Ended(verdict); }

  test::RoutedWorld world;
};

// 148 and 92 bytes of handshake; 84 bytes of ping are padded to 96, with header 16 and tag 16 they are 128.
TEST_F(Wireguard, HandshakesThenSendsWhatWaited) {
  EXPECT_EQ(Ping(56), 0);
  EXPECT_EQ(Sizes("a", "ea"), (std::vector<size_t>{28 + 148, 28 + 128}));
  EXPECT_EQ(Sizes("b", "eb"), (std::vector<size_t>{28 + 92, 28 + 128}));
  const auto there = Outer("a", "ea");
  const wire::Ipv4 handshake{const_cast<uint8_t*>(there[0].data())}, data{const_cast<uint8_t*>(there[1].data())};
  EXPECT_EQ(handshake.Tos(), 0x88);
  EXPECT_EQ(handshake.Ttl(), 64);
  EXPECT_FALSE(handshake.DontFragment());
  EXPECT_EQ(there[0][kMessageAt], 1);
  EXPECT_EQ(data.Tos(), 0);
  EXPECT_EQ(wire::Get16(&there[1][kUdpAt]), 51820);
  EXPECT_EQ(wire::Get32(&there[1][kMessageAt]), 0x04000000u);  // type 4, little endian
  const auto back = Outer("b", "eb");
  EXPECT_EQ(std::vector(there[1].begin() + kMessageAt + 4, there[1].begin() + kMessageAt + 8),
            std::vector(back[0].begin() + kMessageAt + 4, back[0].begin() + kMessageAt + 8));  // b's index
  EXPECT_EQ(std::string(there[1].begin() + 44, there[1].begin() + 60), "opaque payload. ");
  ASSERT_EQ(world.Frames("a", "wg0").size(), 2u);
  EXPECT_EQ(world.Frames("a", "wg0")[1].bytes.size(), 84u);
}

// iptunnel_xmit() counts from the inner header on, update_rx_stats() the whole message.
TEST_F(Wireguard, CountsAsTheKernelDoes) {
  Ping(56);
  EXPECT_EQ(Link("a").stats.txPackets, 2u);
  EXPECT_EQ(Link("a").stats.txBytes, 148u + 96 + 16);
  EXPECT_EQ(Link("a").stats.rxPackets, 2u);
  EXPECT_EQ(Link("a").stats.rxBytes, 92u + 16 + 96 + 16);
  const kernel::WireguardActivity& activity = world.At("a").Ns().ActivityOf(Link("a").ifindex)[Key(2)];
  EXPECT_EQ(activity.txBytes, 148u + 128);
  EXPECT_EQ(activity.rxBytes, 92u + 128);
  EXPECT_TRUE(activity.lastHandshake);
}

TEST_F(Wireguard, PadsToSixteenButNotAboveTheMtu) {
  Ping(1420 - 28);  // 1420: a multiple of 16 would be 1424
  EXPECT_EQ(Sizes("a", "ea").back(), 28u + 32 + 1420);
  Ping(1300 - 28);
  EXPECT_EQ(Sizes("a", "ea").back(), 28u + 32 + 1312);
}

TEST_F(Wireguard, OuterEcnFollowsTheInner) {
  Ping(56, {.tos = 0xb9});
  EXPECT_EQ(wire::Ipv4{Outer("a", "ea").back().data()}.Tos(), 0x01);
  Ping(56, {.tos = 0xbb});  // CE goes out as ECT(0)
  EXPECT_EQ(wire::Ipv4{Outer("a", "ea").back().data()}.Tos(), 0x02);
}

TEST_F(Wireguard, NoPeerIsToldToTheSender) {
  kernel::Namespace& a = world.At("a").Ns();
  a.AddRoute({.dst = Net("10.9.0.0/16"), .nextHops = {{.ifindex = Link("a").ifindex}}}, kernel::Namespace::kCreate);
  EXPECT_EQ(Ping(56, {}, "10.9.0.1"), ENOKEY);
  EXPECT_EQ(Link("a").stats.txErrors, 1u);
  EXPECT_EQ(Count(Verdict::WireguardNoPeer), 1u);
  EXPECT_EQ(a.snmp.Get(kernel::Snmp::IcmpOutDestUnreachs), 1u);
}

TEST_F(Wireguard, UnknownEndpointIsToldToTheSender) {
  kernel::Namespace& a = world.At("a").Ns();
  a.SetTunnelPeer(Link("a").ifindex, {.publicKey = Key(2), .allowedIps = {Net("10.2.0.0/16")}});
  EXPECT_EQ(Ping(56), EDESTADDRREQ);
  EXPECT_EQ(Count(Verdict::WireguardNoEndpoint), 1u);
}

TEST_F(Wireguard, EndpointIsLearntFromThePeer) {
  kernel::Namespace& b = world.At("b").Ns();
  b.SetTunnelPeer(Link("b").ifindex, {.publicKey = Key(1), .allowedIps = {Net("10.1.0.0/16")}});
  Ping(56);
  EXPECT_EQ(b.ActivityOf(Link("b").ifindex)[Key(1)].endpoint, Ip("10.0.1.2"));
  EXPECT_EQ(world.Frames("a", "wg0").size(), 2u);
}

TEST_F(Wireguard, SourceThatIsNotAllowedIsCounted) {
  kernel::Namespace& b = world.At("b").Ns();
  b.SetTunnelPeer(Link("b").ifindex,
                  {.publicKey = Key(1), .endpoint = Ip("10.0.1.2"), .port = 51820, .allowedIps = {Net("10.7.0.0/16")}});
  Ping(56);
  EXPECT_EQ(Link("b").stats.rxErrors, 1u);
  EXPECT_EQ(Link("b").stats.rxFrameErrors, 1u);
  EXPECT_EQ(Count(Verdict::WireguardForbiddenSource), 1u);
}

// The frames of a's first ping are sent again, with what they carry.
TEST_F(Wireguard, DamagedAndRepeatedPacketsAreRefused) {
  Ping(56);
  std::vector<uint8_t> data = FrameOf(128), initiation = FrameOf(148);
  std::vector<uint8_t> content = world.Frames("a", "wg0")[0].bytes;
  content.resize(96);  // the padding
  SendAgain(data, content);
  EXPECT_EQ(world.Ended(Verdict::WireguardReplayed), 1u);
  std::vector<uint8_t> hello(40);  // the sender's key, and a timestamp: 0
  std::fill_n(hello.begin(), 32, uint8_t{1});
  SendAgain(initiation, hello);
  EXPECT_EQ(world.Ended(Verdict::WireguardReplayed), 2u);

  SendAgain(data, {});  // as a stranger sends it: nothing tells what it holds
  EXPECT_EQ(world.Ended(Verdict::WireguardNotAuthentic), 1u);
  data[kUdpChecksumAt] = data[kUdpChecksumAt + 1] = 0;
  data.back() ^= 1;
  SendAgain(data, content);
  EXPECT_EQ(world.Ended(Verdict::WireguardNotAuthentic), 2u);
  data.back() ^= 1;
  data[kMessageInFrame + 4] ^= 1;  // the receiver's index
  SendAgain(data, content);
  EXPECT_EQ(world.Ended(Verdict::WireguardNoSession), 1u);
  data[kMessageInFrame] = 9;  // the type
  SendAgain(data, content);
  EXPECT_EQ(world.Ended(Verdict::WireguardMalformed), 1u);
  EXPECT_EQ(world.Frames("b", "wg0").size(), 2u);
}

TEST_F(Wireguard, UnansweredHandshakeIsRepeatedThenGivenUp) {
  world.At("b").Ns().SetLinkUp(Link("b").ifindex, false, {});
  Ping(56);
  world.Run(Seconds(11));
  EXPECT_EQ(Sizes("a", "ea"), (std::vector<size_t>{176, 176, 176}));  // at 0, 5 and 10 s, a little late
  world.Run(Seconds(140));
  EXPECT_EQ(Sizes("a", "ea").size(), 20u);  // the first one, and MAX_TIMER_HANDSHAKES + 1 more
  EXPECT_EQ(Count(Verdict::WireguardGivenUp), 1u);
  EXPECT_EQ(Link("a").stats.txDropped, 1u);
}

TEST_F(Wireguard, OldestOfTooManyWaitingPacketsGoes) {
  world.At("b").Ns().SetLinkUp(Link("b").ifindex, false, {});
  for (int i = 0; i < 130; ++i) world.At("a").SendIcmpEcho({.destination = Ip("10.2.0.1")}, 7, 1, Counting(8));
  EXPECT_EQ(Count(Verdict::WireguardQueueFull), 1u);  // 128 and the one that is added
}

// Who has received data and has nothing to say sends an empty packet of 32 bytes after ten seconds.
TEST_F(Wireguard, KeepaliveAnswersDataThatNobodyAnswers) {
  Ping(56);
  const size_t before = Sizes("a", "ea").size();
  world.Run(Seconds(9));
  EXPECT_EQ(Sizes("a", "ea").size(), before);
  world.Run(Seconds(2));
  ASSERT_EQ(Sizes("a", "ea").size(), before + 1);
  EXPECT_EQ(Sizes("a", "ea").back(), 28u + 32);
}

TEST_F(Wireguard, InitiatorRenewsTheSessionAfterTwoMinutes) {
  Ping(56);
  world.Run(Seconds(119));
  Ping(56);
  const auto initiations = [&] {
    const auto sizes = Sizes("a", "ea");
    return std::count(sizes.begin(), sizes.end(), 28u + 148);
  };
  EXPECT_EQ(initiations(), 1);
  world.Run(Seconds(2));
  Ping(56);
  EXPECT_EQ(initiations(), 2);
}

TEST_F(Wireguard, PersistentKeepaliveNeedsNoTraffic) {
  kernel::Namespace& a = world.At("a").Ns();
  a.SetLinkUp(Link("a").ifindex, false, {});
  a.SetTunnelPeer(Link("a").ifindex, {.publicKey = Key(2),
                                      .endpoint = Ip("10.0.2.2"),
                                      .port = 51820,
                                      .persistentKeepalive = 25,
                                      .allowedIps = {Net("10.2.0.0/16")}});
  a.AddRoute({.dst = Net("10.2.0.0/16"), .nextHops = {{.ifindex = Link("a").ifindex}}}, kernel::Namespace::kCreate);
  a.SetLinkUp(Link("a").ifindex, true, {});
  world.Run(Seconds(1));
  EXPECT_EQ(Sizes("a", "ea"), (std::vector<size_t>{28 + 148, 28 + 32}));
  world.Run(Seconds(26));
  EXPECT_EQ(Sizes("a", "ea"), (std::vector<size_t>{28 + 148, 28 + 32, 28 + 32}));
}

TEST_F(Wireguard, LargePacketIsCutOutsideAndStillOpens) {
  kernel::Namespace& a = world.At("a").Ns();
  a.SetLinkMtu(Link("a").ifindex, 1500);
  world.At("b").Ns().SetLinkMtu(Link("b").ifindex, 1500);
  Ping(1472);  // 1500 + 60 do not fit into 1500
  EXPECT_EQ(world.Frames("b", "wg0").size(), 2u);
  EXPECT_EQ(world.Frames("b", "wg0")[0].bytes.size(), 1500u);
}

TEST(WireguardKey, IsReadAndWrittenAsBase64) {
  const auto key = kernel::WireguardKey::Parse("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->bytes[0], 0xc5);
  EXPECT_EQ(key->bytes[31], 0x38);
  EXPECT_EQ(key->ToString(), "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
  EXPECT_FALSE(kernel::WireguardKey::Parse("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg"));
  EXPECT_FALSE(kernel::WireguardKey::Parse("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D?="));
}

}  // namespace
}  // namespace overlaysim::host
