// Connection tracking and NAT on the packet path. r stands between a (10.0.1.2) and b (10.0.2.2).

#include <gtest/gtest.h>

#include "models/wire/checksum.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using kernel::Hook;
using kernel::Snmp;
using kernel::Target;
using Kind = kernel::Target::Kind;
using test::AddRule;
using test::Counting;
using test::Ip;
using test::Net;

class Netfilter : public ::testing::Test {
 protected:
  explicit Netfilter(uint32_t farMtu = 1500) : world(farMtu) {}
  kernel::Namespace& Ns(const char* host) { return world.At(host).Ns(); }
  void Masquerade() {
    AddRule(Ns("r"), "nat", Hook::Postrouting, {kernel::AddressMatch{.any = {Net("10.0.1.0/24")}}},
            {.kind = Kind::Masquerade});
  }
  int Send(const char* from, const char* destination, uint16_t port, size_t bytes = 32, SendRequest request = {}) {
    request.destination = Ip(destination);
    return world.At(from).SendUdp(request, 40000, port, Counting(bytes));
  }
  /// The addresses of the last packet on that device, "source destination".
  std::string Last(const char* host, const char* device) {
    const auto& bytes = world.Frames(host, device).back().bytes;
    return wire::GetIpv4(&bytes[26]).ToString() + " " + wire::GetIpv4(&bytes[30]).ToString();
  }
  uint64_t Verdicts(Verdict verdict) { return world.Ended(verdict); }
  test::RoutedWorld world;
};

TEST_F(Netfilter, MasqueradesOutAndTranslatesTheAnswerBack) {
  Masquerade();
  std::string seenBy;
  world.At("b").BindUdp({}, 53, [&](const UdpDatagram& d) {
    seenBy = d.source.ToString();
    world.At("b").SendUdp({.destination = d.source}, 53, d.sourcePort, Counting(8));
  });
  std::string answeredBy;
  world.At("a").BindUdp({}, 40000, [&](const UdpDatagram& d) { answeredBy = d.source.ToString(); });
  Send("a", "10.0.2.2", 53);
  world.Run(Milliseconds(50));
  EXPECT_EQ(seenBy, "10.0.2.1");
  EXPECT_EQ(answeredBy, "10.0.2.2");
  const auto connections = Ns("r").conntrack.All({});
  ASSERT_EQ(connections.size(), 1u);
  EXPECT_TRUE(connections[0]->seenReply);
  EXPECT_EQ(connections[0]->reply.destinationPort, 40000);  // the same port: it was free
}

TEST_F(Netfilter, TranslatesAnErrorAndThePacketInIt) {
  Masquerade();
  std::vector<uint8_t> quoted;
  Ipv4Address from;
  world.At("a").OpenRawIcmp([&](const Received& message) {
    from = message.ip.Source();
    EXPECT_EQ(wire::Checksum(message.payload, message.payloadBytes), 0);
    quoted.assign(message.payload + 8, message.payload + message.payloadBytes);
  });
  Send("a", "10.0.2.2", 9);  // nobody listens
  world.Run(Milliseconds(50));
  EXPECT_EQ(from, Ip("10.0.2.2"));
  ASSERT_GE(quoted.size(), 28u);
  EXPECT_EQ(wire::GetIpv4(&quoted[12]), Ip("10.0.1.2"));
  EXPECT_EQ(wire::Checksum(quoted.data(), 20), 0);
  EXPECT_EQ(wire::Get16(&quoted[20]), 40000);
}

TEST_F(Netfilter, GivesTheSecondSocketAnotherPort) {
  Masquerade();
  AddRule(Ns("r"), "nat", Hook::Postrouting, {kernel::ProtocolMatch{17}}, {.kind = Kind::Masquerade});
  world.At("r").SendUdp({.destination = Ip("10.0.2.2")}, 40000, 53, Counting(8));
  Send("a", "10.0.2.2", 53);
  world.Run(Milliseconds(50));
  const auto connections = Ns("r").conntrack.All({});
  ASSERT_EQ(connections.size(), 2u);
  EXPECT_EQ(connections[0]->reply.destinationPort, 40000);
  EXPECT_NE(connections[1]->reply.destinationPort, 40000);
}

TEST_F(Netfilter, SendsNewConnectionsElsewhere) {
  AddRule(Ns("r"), "nat", Hook::Prerouting,
          {kernel::ProtocolMatch{17}, kernel::TransportMatch{.protocol = 17, .destination = kernel::PortRange{80, 80}}},
          {.kind = Kind::Dnat,
           .nat = {.low = Ip("10.0.2.2"), .high = Ip("10.0.2.2"), .ports = kernel::PortRange{8080, 8080}}});
  uint16_t port = 0;
  world.At("b").BindUdp({}, 8080, [&](const UdpDatagram& d) {
    port = d.destinationPort;
    world.At("b").SendUdp({.destination = d.source}, 8080, d.sourcePort, Counting(8));
  });
  std::string answeredBy;
  world.At("a").BindUdp({}, 40000, [&](const UdpDatagram& d) { answeredBy = d.source.ToString(); });
  Send("a", "10.0.1.1", 80);
  world.Run(Milliseconds(50));
  EXPECT_EQ(port, 8080);
  EXPECT_EQ(answeredBy, "10.0.1.1");
}

TEST_F(Netfilter, RoutesItsOwnPacketAnewThatItSendsElsewhere) {
  AddRule(Ns("a"), "nat", Hook::Output, {kernel::ProtocolMatch{17}},
          {.kind = Kind::Dnat, .nat = {.low = Ip("10.0.2.2"), .high = Ip("10.0.2.2")}});
  EXPECT_EQ(Send("a", "10.0.1.77", 9), 0);
  world.Run(Milliseconds(50));
  EXPECT_EQ(Verdicts(Verdict::UdpNoSocket), 1u);
}

TEST_F(Netfilter, LetsAnswersThroughByTheirState) {
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::StateMatch{kernel::kStateEstablished | kernel::kStateRelated}},
          {.kind = Kind::Accept});
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::DeviceMatch{.name = "ra"}}, {.kind = Kind::Accept});
  AddRule(Ns("r"), "filter", Hook::Forward, {}, {.kind = Kind::Drop});
  size_t answers = 0;
  world.At("a").OpenRawIcmp([&](const Received&) { ++answers; });
  world.At("a").SendIcmpEcho({.destination = Ip("10.0.2.2")}, 1, 1, {});
  Send("a", "10.0.2.2", 9);  // its error is related
  world.Run(Milliseconds(50));
  EXPECT_EQ(answers, 2u);
  Send("b", "10.0.1.2", 9);
  world.Run(Milliseconds(50));
  EXPECT_EQ(Verdicts(Verdict::FilterDrop), 1u);
}

TEST_F(Netfilter, ReassemblesBeforeItLooksAndFragmentsAsItCame) {
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::StateMatch{kernel::kStateInvalid}}, {.kind = Kind::Drop});
  size_t got = 0;
  world.At("b").BindUdp({}, 53, [&](const UdpDatagram& d) { got = d.bytes; });
  Send("a", "10.0.2.2", 53, 4000);
  world.Run(Milliseconds(50));
  EXPECT_EQ(got, 4000u);
  EXPECT_EQ(Ns("r").snmp.Get(Snmp::IpReasmOKs), 1u);
  EXPECT_EQ(Ns("r").snmp.Get(Snmp::IpFragCreates), 3u);
}

TEST_F(Netfilter, DropsWhatItHasNoRoomFor) {
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::StateMatch{kernel::kStateNew}}, {.kind = Kind::Accept});
  Ns("r").conntrack.settings.max = 1;
  Send("a", "10.0.2.2", 9);
  world.Run(Milliseconds(50));
  world.At("a").SendUdp({.destination = Ip("10.0.2.2")}, 40001, 9, Counting(8));
  world.Run(Milliseconds(50));
  EXPECT_EQ(Verdicts(Verdict::ConntrackFull), 1u);
}

TEST_F(Netfilter, DoesNotTrackWhatRawExempts) {
  AddRule(Ns("r"), "raw", Hook::Prerouting, {}, {.kind = Kind::Notrack});
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::StateMatch{kernel::kStateUntracked}}, {.kind = Kind::Drop});
  Send("a", "10.0.2.2", 9);
  world.Run(Milliseconds(50));
  EXPECT_EQ(Verdicts(Verdict::FilterDrop), 1u);
  EXPECT_EQ(Ns("r").conntrack.Count(), 0u);
}

TEST_F(Netfilter, ForgetsTheConnectionOfADroppedPacket) {
  AddRule(Ns("r"), "filter", Hook::Forward, {kernel::StateMatch{kernel::kStateNew}}, {.kind = Kind::Drop});
  Send("a", "10.0.2.2", 9);
  world.Run(Milliseconds(50));
  EXPECT_EQ(Verdicts(Verdict::FilterDrop), 1u);
  EXPECT_EQ(Ns("r").conntrack.Count(), 0u);
}

TEST_F(Netfilter, MarksDecideTheRoute) {
  kernel::Namespace& a = Ns("a");
  AddRule(a, "mangle", Hook::Output, {kernel::ProtocolMatch{17}}, {.kind = Kind::Mark, .mark = 5});
  kernel::Route blackhole{.dst = Net("0.0.0.0/0"), .type = kernel::RouteType::Blackhole, .table = 100};
  a.AddRoute(blackhole, kernel::Namespace::kCreate);
  a.AddRule({.preference = 100, .fwmark = 5, .fwmask = 0xffffffff, .table = 100});
  EXPECT_EQ(Send("a", "10.0.2.2", 9), EINVAL);
  EXPECT_EQ(Verdicts(Verdict::NetfilterNoRoute), 1u);
}

}  // namespace
}  // namespace overlaysim::host
