// Forwarding, fragments, ICMP limits, filters and sockets.

#include <gtest/gtest.h>

#include "models/wire/checksum.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using kernel::Snmp;
using test::Counting;
using test::Ip;
using test::Net;
using test::RoutedWorld;

class IpPath : public ::testing::Test {
 protected:
  uint64_t Counter(const char* host, Snmp counter) { return world.At(host).Ns().snmp.Get(counter); }
  int Send(const char* destination, uint16_t port, SendRequest request = {}, size_t bytes = 32) {
    request.destination = Ip(destination);
    return world.At("a").SendUdp(request, 40000, port, Counting(bytes));
  }
  /// How many ICMP errors a gets for so many datagrams, one each `gap`.
  size_t ErrorsFor(int count, Nanoseconds gap, const char* destination, SendRequest request = {}) {
    size_t errors = 0;
    const int socket = world.At("a").OpenRawIcmp([&](const Received&) { ++errors; });
    for (int i = 0; i < count; ++i) {
      Send(destination, 9, request);
      world.Run(gap);
    }
    world.At("a").CloseRawIcmp(socket);
    return errors;
  }
  RoutedWorld world;
};

// --- ICMP limits; the numbers are those of Linux 6.18 in the same topology

TEST_F(IpPath, AnswersSixErrorsAtOnceThenOneASecond) {
  EXPECT_EQ(ErrorsFor(12, Milliseconds(20), "10.0.2.2", {.ttl = 1}), 6u);
  EXPECT_EQ(Counter("r", Snmp::IcmpOutRateLimitHost), 6u);
  world.Run(Seconds(1));
  EXPECT_EQ(ErrorsFor(3, Milliseconds(20), "10.0.2.2", {.ttl = 1}), 1u);
  world.Run(Seconds(60));
  EXPECT_EQ(ErrorsFor(12, Milliseconds(20), "10.0.2.2"), 6u);  // port unreachable, from b
}

TEST_F(IpPath, AnswersTwoPacketsOfABurstWithoutARoute) {  // ip_error() and icmp_send() take from the same tokens
  EXPECT_EQ(ErrorsFor(12, Milliseconds(20), "99.0.0.1"), 2u);
  EXPECT_EQ(Counter("r", Snmp::IpExtInNoRoutes), 12u);
  world.Run(Seconds(60));
  EXPECT_EQ(ErrorsFor(9, Seconds(1), "99.0.0.1"), 4u);
  world.Run(Seconds(60));
  EXPECT_EQ(ErrorsFor(4, Seconds(2), "99.0.0.1"), 4u);
}

TEST_F(IpPath, DoesNotLimitFragmentationNeededNorEchoReplies) {
  world.At("r").Ns().SetLinkMtu(3, 1000);
  EXPECT_EQ(ErrorsFor(1, Milliseconds(1), "10.0.2.2", {.ttl = 1}), 1u);
  size_t errors = 0;
  world.At("a").OpenRawIcmp([&](const Received&) { ++errors; });
  for (int i = 0; i < 20; ++i)
    world.SendFrame("a", "ea",
                    test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                    {.fragmentField = wire::kIpDf,
                                     .protocol = wire::kIpProtoUdp,
                                     .source = Ip("10.0.1.2"),
                                     .destination = Ip("10.0.2.2")},
                                    test::UdpBytes(1, 2, Counting(1100))));
  world.Run(Milliseconds(100));
  EXPECT_EQ(errors, 20u);
  EXPECT_EQ(Counter("r", Snmp::IpForwDatagrams), 20u);  // counted before their size is looked at
  for (int i = 0; i < 20; ++i)
    world.At("a").SendIcmpEcho({.destination = Ip("10.0.2.2")}, 1, static_cast<uint16_t>(i), {});
  world.Run(Milliseconds(100));
  EXPECT_EQ(errors, 40u);
}

TEST_F(IpPath, LimitsAllErrorsTogether) {
  world.At("r").Ns().icmpMsgsPerSec = 10;
  world.At("r").Ns().icmpMsgsBurst = 4;
  EXPECT_EQ(ErrorsFor(6, Milliseconds(1), "10.0.2.2", {.ttl = 1}), 4u);
  EXPECT_EQ(Counter("r", Snmp::IcmpOutRateLimitGlobal), 2u);
}

TEST_F(IpPath, SendsNoErrorAboutAnErrorOrWhatMayBeOne) {
  for (uint8_t type : {3, 4, 5, 11, 12, 19, 200}) {
    std::vector<uint8_t> message(8);
    message[0] = type;
    wire::Put16(&message[2], wire::Checksum(message.data(), 8));
    world.At("a").SendIpv4({.destination = Ip("99.0.0.1"), .protocol = wire::kIpProtoIcmp}, message);
  }
  world.At("a").SendIpv4({.destination = Ip("99.0.0.1"), .protocol = wire::kIpProtoIcmp}, {});
  world.Run(Milliseconds(10));
  EXPECT_EQ(Counter("r", Snmp::IcmpOutMsgs), 0u);
}

TEST_F(IpPath, AnswersRouteTypesAsTheKernelDoes) {
  struct Case {
    const char* net;
    kernel::RouteType type;
    int code;
  };
  for (const Case& c :
       {Case{"50.0.0.0/8", kernel::RouteType::Unreachable, 1}, Case{"51.0.0.0/8", kernel::RouteType::Prohibit, 13},
        Case{"52.0.0.0/8", kernel::RouteType::Blackhole, -1}}) {
    kernel::Route route;
    route.dst = Net(c.net);
    route.type = c.type;
    world.At("r").Ns().AddRoute(route, kernel::Namespace::kCreate);
    int code = -1;
    const int socket = world.At("a").OpenRawIcmp([&](const Received& m) { code = m.payload[1]; });
    Send((std::string(c.net, 2) + ".0.0.1").c_str(), 9);
    world.Run(Seconds(10));
    EXPECT_EQ(code, c.code) << c.net;
    world.At("a").CloseRawIcmp(socket);
  }
}

// --- sockets

TEST_F(IpPath, LetsARawSocketCloseItselfAndOthersWhileItHears) {
  auto& a = world.At("a");
  int first = 0, second = 0, heard = 0;
  const std::string large(100, 'x');  // makes the handler own memory
  first = a.OpenRawIcmp([&, large](const Received&) {
    a.CloseRawIcmp(first);
    a.CloseRawIcmp(second);
    heard += large.size() == 100;
  });
  second = a.OpenRawIcmp([&](const Received&) { ++heard; });
  a.SendIcmpEcho({.destination = Ip("10.0.2.2")}, 1, 1, {});
  world.Run(Milliseconds(10));
  EXPECT_EQ(heard, 1);
}

TEST_F(IpPath, DeliversADatagramToTheMostSpecificSocket) {
  std::string got;
  auto& b = world.At("b");
  EXPECT_EQ(b.BindUdp({}, 9000, [&](const UdpDatagram&) { got += "any "; }), 0);
  EXPECT_EQ(b.BindUdp({}, 9000, {}), EADDRINUSE);
  Send("10.0.2.2", 9000);
  world.Run(Milliseconds(10));
  b.BindUdp(Ip("10.0.2.2"), 9000,
            [&](const UdpDatagram& d) { got += d.source.ToString() + ":" + std::to_string(d.bytes); });
  Send("10.0.2.2", 9000);
  world.Run(Milliseconds(10));
  EXPECT_EQ(got, "any 10.0.1.2:32");
  EXPECT_EQ(world.Ended(Verdict::Delivered), 2u);
}

TEST_F(IpPath, KeepsSilentAboutBroadcastsNobodyWants) {
  world.SendFrame(
      "r", "rb",
      test::Ipv4Frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:02",
                      {.protocol = wire::kIpProtoUdp, .source = Ip("10.0.2.1"), .destination = Ip("10.0.2.255")},
                      test::UdpBytes(1, 2, {})));
  world.Run(Milliseconds(10));
  EXPECT_EQ(Counter("b", Snmp::IpExtInBcastPkts), 1u);
  EXPECT_EQ(Counter("b", Snmp::UdpIgnoredMulti), 1u);
  EXPECT_EQ(Counter("b", Snmp::UdpNoPorts), 0u);
  EXPECT_EQ(Counter("b", Snmp::IcmpOutMsgs), 0u);
}

// --- filters

TEST_F(IpPath, TellsTheSenderWhatItsOwnFilterRefuses) {
  kernel::Namespace& a = world.At("a").Ns();
  test::AddRule(a, "filter", kernel::Hook::Output, {kernel::ProtocolMatch{17}}, {.kind = kernel::Target::Kind::Drop});
  EXPECT_EQ(Send("10.0.2.2", 9), EPERM);  // sendto: Operation not permitted
  a.netfilter.Builtin("filter", kernel::Hook::Output).rules[0].target.kind = kernel::Target::Kind::Reject;
  EXPECT_EQ(Send("10.0.2.2", 9), EPERM);
  EXPECT_EQ(Counter("a", Snmp::UdpOutDatagrams), 0u);
}

class Rejected : public IpPath {
 protected:
  /// What a gets for that TCP segment, which r's FORWARD chain rejects with tcp-reset: its TCP header, or nothing.
  std::vector<uint8_t> Answer(std::vector<uint8_t> tcp, bool rightChecksum = true) {
    world.At("r").Ns().netfilter.Builtin("filter", kernel::Hook::Forward).rules = {};
    test::AddRule(world.At("r").Ns(), "filter", kernel::Hook::Forward, {kernel::ProtocolMatch{6}},
                  {.kind = kernel::Target::Kind::Reject, .rejectWith = kernel::RejectWith::TcpReset});
    if (rightChecksum && tcp.size() >= 20)
      wire::Put16(&tcp[16],
                  wire::ChecksumFold(wire::ChecksumAdd(
                      tcp.data(), tcp.size(),
                      wire::PseudoHeaderSum(Ip("10.0.1.2"), Ip("10.0.2.2"), 6, static_cast<uint32_t>(tcp.size())))));
    world.At("a").SendIpv4({.destination = Ip("10.0.2.2"), .protocol = 6, .tos = 0x10}, tcp);
    world.Run(Milliseconds(10));
    const auto& last = world.Frames("a", "ea").back();
    if (last.outgoing || last.bytes[23] != 6) return {};
    return {last.bytes.begin() + 14, last.bytes.end()};
  }
  static std::vector<uint8_t> Syn() {
    std::vector<uint8_t> tcp(20);
    wire::Put16(&tcp[0], 40000);
    wire::Put16(&tcp[2], 81);
    wire::Put32(&tcp[4], 1000);
    tcp[12] = 5 << 4;
    tcp[13] = 2;
    return tcp;
  }
};

TEST_F(Rejected, ByTcpResetOfARouterIsAnsweredInTheReceiversName) {
  // 4500 0028 0000 4000 4006 .... 0a000202 0a000102, flags RST|ACK, as nf_send_reset() of Linux 6.18: TOS 0, TTL 64,
  // DF, id 0
  const auto answer = Answer(Syn());
  ASSERT_EQ(answer.size(), 40u);
  EXPECT_EQ(std::vector<uint8_t>(answer.begin(), answer.begin() + 10),
            (std::vector<uint8_t>{0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6}));
  EXPECT_EQ(wire::GetIpv4(&answer[12]), Ip("10.0.2.2"));
  EXPECT_EQ(wire::Get16(&answer[20]), 81);
  EXPECT_EQ(wire::Get32(&answer[28]), 1001u);
  EXPECT_EQ(answer[33], 0x14);
  EXPECT_EQ(world.Ended(Verdict::FilterReject), 1u);
}

TEST_F(Rejected, ByTcpResetGetsNoAnswerWhenCutShortOrDamaged) {
  EXPECT_TRUE(Answer({1, 2, 3, 4}).empty());
  EXPECT_TRUE(Answer(Syn(), false).empty());
  EXPECT_EQ(world.Ended(Verdict::FilterReject), 2u);
}

// --- forwarding

TEST_F(IpPath, ForwardsOnlyWhereItMayAndWhatWasForIt) {
  world.At("r").Ns().SetSysctl("net.ipv4.ip_forward", "0");
  Send("10.0.2.2", 9);
  world.Run(Milliseconds(10));
  EXPECT_EQ(world.Ended(Verdict::NotForwarding), 1u);
  world.At("r").Ns().SetSysctl("net.ipv4.ip_forward", "1");
  const wire::Ipv4Fields fields{.protocol = wire::kIpProtoUdp, .source = Ip("10.0.1.2"), .destination = Ip("10.0.2.2")};
  world.SendFrame("a", "ea",
                  test::Ipv4Frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0a", fields, test::UdpBytes(1, 2, {})));
  world.SendFrame("a", "ea",
                  test::Ipv4Frame("02:00:00:00:00:99", "02:00:00:00:00:0a", fields, test::UdpBytes(1, 2, {})));
  world.Run(Milliseconds(10));
  EXPECT_EQ(world.Ended(Verdict::UnicastInLinkBroadcast), 1u);
  EXPECT_EQ(world.Ended(Verdict::OtherHost), 1u);
}

TEST_F(IpPath, DropsImpossibleHeaders) {
  struct Case {
    const char* what;
    size_t at;
    uint8_t value;
    Verdict verdict;
  };
  for (const Case& c :
       {Case{"version", 14, 0x65, Verdict::IpHeaderError}, Case{"header length", 14, 0x44, Verdict::IpHeaderError},
        Case{"checksum", 22, 63, Verdict::IpChecksum}}) {
    auto frame = test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                 {.protocol = 17, .source = Ip("10.0.1.2"), .destination = Ip("10.0.2.2")},
                                 test::UdpBytes(1, 2, {}));
    frame[c.at] = c.value;
    const uint64_t before = world.Ended(c.verdict);
    world.SendFrame("a", "ea", frame);
    world.Run(Milliseconds(1));
    EXPECT_EQ(world.Ended(c.verdict) - before, 1u) << c.what;
  }
  auto cut = test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                             {.protocol = 17, .source = Ip("10.0.1.2"), .destination = Ip("10.0.2.2")}, Counting(40));
  cut.resize(50);
  world.SendFrame("a", "ea", cut);
  for (const char* source : {"224.0.0.1", "0.0.0.0", "127.0.0.1", "10.0.1.1"})
    world.SendFrame("a", "ea",
                    test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                    {.protocol = 17, .source = Ip(source), .destination = Ip("10.0.2.2")},
                                    test::UdpBytes(1, 2, {})));
  world.Run(Milliseconds(1));
  EXPECT_EQ(world.Ended(Verdict::IpTruncated), 1u);
  EXPECT_EQ(world.Ended(Verdict::InvalidSource), 2u);
  EXPECT_EQ(world.Ended(Verdict::LoopbackAddress), 1u);
  EXPECT_EQ(world.Ended(Verdict::LocalSource), 1u);
}

TEST_F(IpPath, FiltersByTheWayBack) {
  world.At("r").Ns().SetSysctl("net.ipv4.conf.ra.rp_filter", "1");
  world.SendFrame("a", "ea",
                  test::Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                                  {.protocol = 17, .source = Ip("10.0.2.77"), .destination = Ip("10.0.2.2")},
                                  test::UdpBytes(1, 2, {})));
  world.Run(Milliseconds(1));
  EXPECT_EQ(world.Ended(Verdict::RpFilter), 1u);
  EXPECT_EQ(Counter("r", Snmp::TcpExtIPReversePathFilter), 1u);
}

// --- fragments. Each case was sent to Linux 6.18 too; the counters are its own.

class Fragments : public IpPath {
 protected:
  Fragments() {
    world.At("b").BindUdp({}, 5000, [this](const UdpDatagram& d) {
      ++got;
      intact &= std::equal(d.data, d.data + d.bytes, datagram.begin() + 8, datagram.end());
      tos = d.tos;
    });
  }
  void Piece(uint16_t id, uint32_t offset, uint32_t bytes, bool more, uint8_t ecn = 0) {
    const std::vector<uint8_t> data(datagram.begin() + offset, datagram.begin() + offset + bytes);
    world.SendFrame("r", "rb",
                    test::Ipv4Frame("02:00:00:00:00:0b", "02:00:00:00:00:02",
                                    {.tos = ecn,
                                     .identification = id,
                                     .fragmentField = static_cast<uint16_t>(offset / 8 | (more ? wire::kIpMf : 0)),
                                     .protocol = wire::kIpProtoUdp,
                                     .source = Ip("10.0.1.2"),
                                     .destination = Ip("10.0.2.2")},
                                    data));
    world.Run(Milliseconds(1));
  }
  std::vector<uint8_t> datagram = test::UdpBytes(1000, 5000, Counting(32));  // 40 bytes
  int got = 0;
  bool intact = true;
  uint8_t tos = 0;
};

TEST_F(Fragments, AreJoinedInAnyOrder) {
  Piece(1, 0, 16, true);
  Piece(1, 16, 24, false);
  Piece(2, 16, 24, false);
  Piece(2, 8, 8, true);
  Piece(2, 0, 8, true);
  EXPECT_EQ(got, 2);
  EXPECT_TRUE(intact);
  EXPECT_EQ(Counter("b", Snmp::IpReasmReqds), 5u);
  EXPECT_EQ(Counter("b", Snmp::IpReasmOKs), 2u);
}

TEST_F(Fragments, OfSeveralDatagramsDoNotMix) {
  Piece(1, 0, 16, true);
  Piece(2, 16, 24, false);
  EXPECT_EQ(got, 0);
  Piece(2, 0, 16, true);
  Piece(1, 16, 24, false);
  EXPECT_EQ(got, 2);
}

TEST_F(Fragments, ThatCameBeforeAreIgnored) {
  Piece(2, 0, 8, true);
  Piece(2, 8, 8, true);
  Piece(2, 0, 16, true);  // inside the run of the first two
  Piece(2, 16, 24, false);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(world.Ended(Verdict::DuplicateFragment), 1u);
  EXPECT_EQ(Counter("b", Snmp::IpReasmFails), 0u);
}

TEST_F(Fragments, ThatOverlapEndTheDatagram) {
  Piece(3, 0, 16, true);
  Piece(3, 8, 16, true);
  Piece(3, 16, 24, false);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(Counter("b", Snmp::IpReasmFails), 1u);
  EXPECT_EQ(Counter("b", Snmp::IpExtReasmOverlaps), 1u);
}

TEST_F(Fragments, ThatCoverTwoRunsOverlap) {
  Piece(11, 8, 8, true);
  Piece(11, 0, 8, true);
  Piece(11, 0, 16, true);
  Piece(11, 16, 24, false);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(Counter("b", Snmp::IpExtReasmOverlaps), 1u);
}

TEST_F(Fragments, AreCutToAMultipleOfEight) {
  Piece(4, 0, 13, true);
  Piece(4, 8, 32, false);
  EXPECT_EQ(got, 1);
  EXPECT_TRUE(intact);
}

TEST_F(Fragments, BeyondTheEndOrEmptyEndTheDatagram) {
  Piece(7, 0, 16, true);
  Piece(7, 16, 8, false);
  EXPECT_EQ(got, 0);  // the UDP header says 40 bytes
  Piece(8, 16, 8, false);
  Piece(8, 24, 8, true);
  EXPECT_EQ(Counter("b", Snmp::IpReasmFails), 1u);
  Piece(9, 0, 16, true);
  Piece(9, 16, 0, true);
  Piece(9, 16, 24, false);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(Counter("b", Snmp::IpReasmFails), 2u);
}

TEST_F(Fragments, CombineTheirEcn) {
  Piece(5, 0, 16, true, 3);
  Piece(5, 16, 24, false, 0);
  EXPECT_EQ(got, 0);
  EXPECT_EQ(Counter("b", Snmp::IpReasmFails), 1u);
  Piece(6, 0, 16, true, 2);
  Piece(6, 16, 24, false, 3);
  EXPECT_EQ(got, 1);
  EXPECT_EQ(tos, 3);
}

TEST_F(Fragments, ExpireAfterThirtySecondsAndTheSenderIsToldIfTheFirstHadCome) {
  Piece(1, 0, 16, true);
  Piece(2, 16, 24, false);
  world.Run(Milliseconds(29990));
  EXPECT_EQ(world.Ended(Verdict::ReassemblyTimeout), 0u);
  world.Run(Milliseconds(20));
  EXPECT_EQ(world.Ended(Verdict::ReassemblyTimeout), 2u);
  EXPECT_EQ(Counter("b", Snmp::IpReasmTimeout), 2u);
  EXPECT_EQ(Counter("b", Snmp::IcmpOutTimeExcds), 1u);
  Piece(1, 16, 24, false);
  EXPECT_EQ(got, 0);
}

}  // namespace
}  // namespace overlaysim::host
