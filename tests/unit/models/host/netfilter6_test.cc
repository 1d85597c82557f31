// Netfilter's hooks of the IPv6 path. r stands between a (fd00:1::2) and b (fd00:2::2). What is expected here was seen
// on Linux 6.18 with the same rules of ip6tables.

#include <gtest/gtest.h>

#include "models/wire/checksum.h"
#include "support/worlds.h"
#include "support/worlds6.h"

namespace overlaysim::host {
namespace {

using kernel::FilterFamily;
using kernel::Hook;
using kernel::Target;
using Kind = kernel::Target::Kind;
using test::Counting;
using test::Ip6;

class Netfilter6 : public ::testing::Test {
 protected:
  kernel::Namespace& Ns(const char* host) { return world.At(host).Ns(); }
  kernel::FilterChain& Chain(const char* host, const char* table, Hook hook) {
    return Ns(host).netfilter.Builtin(table, hook, FilterFamily::Ip6);
  }
  void Rule(const char* host, const char* table, Hook hook, std::vector<kernel::Match> matches, Target target) {
    Chain(host, table, hook).rules.push_back({.matches = std::move(matches), .target = std::move(target)});
    Ns(host).netfilter.Rebuild();
  }
  static kernel::Match From(const char* prefix) { return kernel::AddressMatch{.any = {*Ipv6Prefix::Parse(prefix)}}; }
  void Masquerade() { Rule("r", "nat", Hook::Postrouting, {From("fd00:1::/64")}, {.kind = Kind::Masquerade}); }
  int Send(const char* from, const char* destination, uint16_t port, size_t bytes = 32) {
    return world.At(from).SendUdp({.destination = Ip6(destination)}, 40000, port, Counting(bytes));
  }
  /// The last ICMPv6 error that `host` has got: "code from".
  void ListenForErrors(const char* host) {
    world.At(host).OpenRawIcmp([this](const Received& message) {
      if (message.payload[0] != wire::kIcmpv6DestUnreach) return;
      const uint64_t pseudo =
          wire::PseudoHeaderSum(message.Source(), message.Destination(), wire::kIpProtoIcmpv6, message.payloadBytes);
      EXPECT_EQ(wire::ChecksumFold(wire::ChecksumAdd(message.payload, message.payloadBytes, pseudo)), 0);
      error = std::to_string(message.payload[1]) + " " + message.Source().ToString();
      quoted.assign(message.payload + 8, message.payload + message.payloadBytes);
    });
  }
  test::RoutedWorld6 world;
  std::string error;
  std::vector<uint8_t> quoted;
};

TEST_F(Netfilter6, MasqueradesOutAndTranslatesTheAnswerBack) {
  Masquerade();
  std::string seenBy, answeredBy;
  world.At("b").BindUdp(Ipv6Address{}, 53, [&](const UdpDatagram& d) {
    seenBy = d.source.ToString();
    world.At("b").SendUdp({.destination = d.source}, 53, d.sourcePort, Counting(8));
  });
  world.At("a").BindUdp(Ipv6Address{}, 40000, [&](const UdpDatagram& d) { answeredBy = d.source.ToString(); });
  Send("a", "fd00:2::2", 53);
  world.Run(Milliseconds(50));
  EXPECT_EQ(seenBy, "fd00:2::1");
  EXPECT_EQ(answeredBy, "fd00:2::2");
  const auto connections = Ns("r").conntrack.All({});
  ASSERT_EQ(connections.size(), 1u);  // neighbour discovery is not tracked
  EXPECT_TRUE(connections[0]->seenReply);
  EXPECT_EQ(connections[0]->reply.destination, IpAddress(Ip6("fd00:2::1")));
}

TEST_F(Netfilter6, TranslatesAPingAndItsChecksums) {
  Masquerade();
  int answers = 0;
  world.At("a").OpenRawIcmp([&](const Received& m) { answers += m.payload[0] == wire::kIcmpv6EchoReply; });
  world.At("a").SendIcmpEcho({.destination = Ip6("fd00:2::2")}, 7, 1, Counting(56));
  world.Run(Milliseconds(50));
  EXPECT_EQ(answers, 1);
}

TEST_F(Netfilter6, TranslatesAnErrorAndThePacketInIt) {
  Masquerade();
  ListenForErrors("a");
  Send("a", "fd00:2::2", 9);  // nobody listens
  world.Run(Milliseconds(50));
  EXPECT_EQ(error, "4 fd00:2::2");
  ASSERT_GE(quoted.size(), 48u);
  EXPECT_EQ(wire::GetIpv6(&quoted[8]), Ip6("fd00:1::2"));
  const uint64_t pseudo = wire::PseudoHeaderSum(Ip6("fd00:1::2"), Ip6("fd00:2::2"), wire::kIpProtoUdp, 40);
  EXPECT_EQ(wire::ChecksumFold(wire::ChecksumAdd(&quoted[40], 40, pseudo)), 0);
}

TEST_F(Netfilter6, SendsNewConnectionsElsewhere) {
  Rule("r", "nat", Hook::Prerouting,
       {kernel::ProtocolMatch{17}, kernel::TransportMatch{.protocol = 17, .destination = kernel::PortRange{80, 80}}},
       {.kind = Kind::Dnat,
        .nat = {.low = Ip6("fd00:2::2"), .high = Ip6("fd00:2::2"), .ports = kernel::PortRange{8080, 8080}}});
  uint16_t port = 0;
  std::string answeredBy;
  world.At("b").BindUdp(Ipv6Address{}, 8080, [&](const UdpDatagram& d) {
    port = d.destinationPort;
    world.At("b").SendUdp({.destination = d.source}, 8080, d.sourcePort, Counting(8));
  });
  world.At("a").BindUdp(Ipv6Address{}, 40000, [&](const UdpDatagram& d) { answeredBy = d.source.ToString(); });
  Send("a", "fd00:1::1", 80);
  world.Run(Milliseconds(50));
  EXPECT_EQ(port, 8080);
  EXPECT_EQ(answeredBy, "fd00:1::1");
}

TEST_F(Netfilter6, RedirectsToAnAddressOfTheDevice) {
  Rule("r", "nat", Hook::Prerouting, {kernel::ProtocolMatch{17}}, {.kind = Kind::Redirect});
  bool got = false;
  world.At("r").BindUdp(Ip6("fd00:1::1"), 81, [&](const UdpDatagram&) { got = true; });
  Send("a", "fd00:2::2", 81);
  world.Run(Milliseconds(50));
  EXPECT_TRUE(got);
}

TEST_F(Netfilter6, RoutesItsOwnPacketAnewThatItSendsElsewhere) {
  Rule("a", "nat", Hook::Output, {kernel::ProtocolMatch{17}},
       {.kind = Kind::Dnat, .nat = {.low = Ip6("fd00:2::2"), .high = Ip6("fd00:2::2")}});
  EXPECT_EQ(Send("a", "fd00:1::77", 9), 0);
  world.Run(Milliseconds(50));
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 1u);
}

TEST_F(Netfilter6, RejectsWithTheCodeThatIsAskedFor) {
  using kernel::RejectWith;
  const std::pair<RejectWith, const char*> codes[] = {
      {RejectWith::NetUnreachable, "0"},  {RejectWith::AdminProhibited, "1"}, {RejectWith::HostUnreachable, "3"},
      {RejectWith::PortUnreachable, "4"}, {RejectWith::PolicyFail, "5"},      {RejectWith::RejectRoute, "6"}};
  ListenForErrors("a");
  Rule("r", "filter", Hook::Forward, {kernel::ProtocolMatch{17}}, {.kind = Kind::Reject, .isIcmpv6 = true});
  for (const auto& [with, code] : codes) {
    Chain("r", "filter", Hook::Forward).rules[0].target.rejectWith = with;
    error.clear();
    Send("a", "fd00:2::2", 9);
    world.Run(Seconds(2));
    EXPECT_EQ(error, std::string(code) + " fd00:1::1");
  }
  EXPECT_EQ(world.Ended(Verdict::FilterReject), 6u);
}

TEST_F(Netfilter6, AnErrorAboutATrackedPacketIsRelated) {
  Rule("r", "filter", Hook::Forward, {kernel::ProtocolMatch{17}}, {.kind = Kind::Reject, .isIcmpv6 = true});
  Rule("r", "filter", Hook::Output, {kernel::StateMatch{kernel::kStateRelated}}, {.kind = Kind::Accept});
  Send("a", "fd00:2::2", 9);
  world.Run(Milliseconds(50));
  EXPECT_EQ(Chain("r", "filter", Hook::Output).rules[0].packets, 1u);
}

TEST_F(Netfilter6, LeavesNeighbourDiscoveryUntracked) {
  Rule("r", "filter", Hook::Input, {kernel::StateMatch{kernel::kStateUntracked}}, {});
  Rule("r", "filter", Hook::Input, {kernel::StateMatch{kernel::kStateInvalid | kernel::kStateNew}}, {});
  Send("a", "fd00:2::2", 9);
  world.Run(Milliseconds(50));
  const auto& rules = Chain("r", "filter", Hook::Input).rules;
  EXPECT_GE(rules[0].packets, 1u);  // the solicitation for r's address
  EXPECT_EQ(rules[1].packets, 0u);
}

TEST_F(Netfilter6, TracksADatagramInFragmentsAsOneAndSendsItOnInFragments) {
  Masquerade();
  std::string seenBy;
  size_t bytes = 0;
  world.At("b").BindUdp(Ipv6Address{}, 53, [&](const UdpDatagram& d) {
    seenBy = d.source.ToString();
    bytes = d.bytes;
  });
  Send("a", "fd00:2::2", 53, 4000);
  world.Run(Milliseconds(50));
  EXPECT_EQ(seenBy, "fd00:2::1");
  EXPECT_EQ(bytes, 4000u);
  EXPECT_EQ(Ns("r").snmp.Get(kernel::Snmp::Ip6ReasmReqds), 0u);  // nf_ct_frag6_gather() counts nothing
}

TEST_F(Netfilter6, WhateverArrivesIsTrackedTranslatedOrLeftAlone) {
  Masquerade();
  Rule("r", "nat", Hook::Prerouting, {kernel::ProtocolMatch{17}},
       {.kind = Kind::Dnat, .nat = {.low = Ip6("fd00:2::2"), .high = Ip6("fd00:2::2")}});
  Rule("r", "filter", Hook::Forward, {kernel::ProtocolMatch{58}, kernel::StateMatch{kernel::kStateInvalid}},
       {.kind = Kind::Reject, .isIcmpv6 = true});
  constexpr uint8_t kProtocols[] = {0, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132};
  constexpr int kFrames = 4000;
  RandomStream random(7, "netfilter6", 0);
  for (int i = 0; i < kFrames; ++i) {
    const size_t payload = random.Next() % 120;
    std::vector<uint8_t> frame(54 + payload);
    wire::Ethernet{frame.data()}.Write(test::Mac("02:00:00:00:00:01"), test::Mac("02:00:00:00:00:0a"),
                                       wire::kEtherTypeIpv6);
    for (size_t at = 54; at < frame.size(); ++at)  // small numbers are headers and lengths that fit
      frame[at] = static_cast<uint8_t>(random.Next() % 3 == 0 ? random.Next() : kProtocols[random.Next() % 11] % 4);
    if (payload > 0 && random.Next() % 2 == 0) frame[54] = kProtocols[random.Next() % 11];
    wire::WriteIpv6(frame.data() + 14, {.payloadBytes = static_cast<uint16_t>(payload),
                                        .nextHeader = kProtocols[random.Next() % 11],
                                        .hopLimit = 64,
                                        .source = Ip6("fd00:1::2"),
                                        .destination = Ip6(random.Next() % 4 == 0 ? "fd00:1::1" : "fd00:2::2")});
    world.SendFrame("a", "ea", frame);
    if (i % 100 == 0) world.Run(Milliseconds(10));
  }
  world.Run(Seconds(100));
  EXPECT_GT(Ns("r").conntrack.statistics.invalid, 0u);
}

TEST_F(Netfilter6, RulesOfOneFamilyDoNotSeeTheOther) {
  Rule("r", "filter", Hook::Forward, {}, {.kind = Kind::Drop});
  test::RoutedWorld four;
  four.At("r").Ns().netfilter.Builtin("filter", Hook::Forward, FilterFamily::Ip6).drops = true;
  four.At("r").Ns().netfilter.Rebuild();
  bool got = false;
  four.At("b").BindUdp({}, 53, [&](const UdpDatagram&) { got = true; });
  four.At("a").SendUdp({.destination = test::Ip("10.0.2.2")}, 40000, 53, Counting(8));
  four.Run(Milliseconds(50));
  EXPECT_TRUE(got);
  Send("a", "fd00:2::2", 53);
  world.Run(Milliseconds(50));
  EXPECT_EQ(world.Ended(Verdict::FilterDrop), 1u);
}

TEST_F(Netfilter6, ATableOfInetSeesBothAndRejectsEachInItsWords) {
  kernel::FilterTable& table = Ns("r").netfilter.Add(FilterFamily::Inet, "t");
  kernel::FilterChain& chain = table.Add({.name = "f", .hook = Hook::Forward});
  chain.rules.push_back({.target = {.kind = Kind::Reject}, .byNft = true});  // reject with icmp: IPv4's alone
  chain.rules.push_back(
      {.target = {.kind = Kind::Reject, .rejectWith = kernel::RejectWith::AdminProhibited, .asIcmpx = true},
       .byNft = true});
  Ns("r").netfilter.Rebuild();
  ListenForErrors("a");
  Send("a", "fd00:2::2", 9);
  world.Run(Milliseconds(50));
  EXPECT_EQ(error, "1 fd00:1::1");
}

}  // namespace
}  // namespace overlaysim::host
