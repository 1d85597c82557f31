#include "models/traffic/tcp_transfer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "models/wire/checksum.h"
#include "support/two_pods.h"
#include "support/worlds.h"
#include "support/worlds6.h"

namespace overlaysim::traffic {
namespace {

using test::TwoPods;

constexpr uint8_t kSyn = 2, kRst = 4, kAck = 16;

/// A TCP segment as it left a namespace.
struct Segment {
  explicit Segment(const TwoPods::Seen& seen) : frame(seen) {}
  wire::Ipv4 Ip() const { return {const_cast<uint8_t*>(frame.bytes.data()) + wire::kEthernetHeaderBytes}; }
  const uint8_t* Tcp() const { return Ip().Payload(); }
  uint32_t TcpBytes() const { return Ip().TotalBytes() - Ip().HeaderBytes(); }
  uint8_t Flags() const { return Tcp()[13]; }
  uint32_t DataBytes() const { return TcpBytes() - (Tcp()[12] >> 4) * 4u; }
  bool HasRightChecksums() const {
    const uint64_t pseudo = wire::PseudoHeaderSum(Ip().Source(), Ip().Destination(), wire::kIpProtoTcp, TcpBytes());
    return wire::Checksum(Ip().p, Ip().HeaderBytes()) == 0 &&
           wire::ChecksumFold(wire::ChecksumAdd(Tcp(), TcpBytes(), pseudo)) == 0;
  }
  TwoPods::Seen frame;
};

std::vector<Segment> Segments(const TwoPods& pods) {
  std::vector<Segment> segments;
  for (const TwoPods::Seen& frame : pods.Sent())
    if (wire::Get16(&frame.bytes[12]) == wire::kEtherTypeIpv4 && frame.bytes[23] == wire::kIpProtoTcp)
      segments.emplace_back(frame);
  return segments;
}

TcpSettings Settings(uint64_t up, uint64_t down) {
  return {.destination = TwoPods::kAddressB,
          .sourcePort = 40001,
          .destinationPort = 9001,
          .up = up,
          .down = down,
          .flow = 0};
}

TEST(TcpTransfer, BothSidesGetEveryByteInOrder) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(3000, 12000));
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Client().received, 12000u);
  EXPECT_TRUE(transfer.Client().intact);
  EXPECT_EQ(transfer.Client().error, "");
  EXPECT_EQ(transfer.Server()->received, 3000u);
  EXPECT_TRUE(transfer.Server()->intact);
  EXPECT_EQ(transfer.Server()->error, "");
  EXPECT_GT(transfer.Throughput().count, 0);
  EXPECT_EQ(transfer.Result().deliveredBytes, 15000u);
}

TEST(TcpTransfer, PacketsHaveWhatLinuxPutsAroundASegment) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(3000, 12000));
  transfer.Start();
  pods.Run(Seconds(5));
  const std::vector<Segment> segments = Segments(pods);
  ASSERT_GE(segments.size(), 16u);  // 3-way handshake, 3 + 9 data, 2 FINs or more
  std::map<uint32_t, uint16_t> lastId;
  uint32_t largest = 0;
  for (const Segment& s : segments) {
    EXPECT_TRUE(s.HasRightChecksums());
    EXPECT_EQ(s.Ip().FragmentField(), wire::kIpDf);
    EXPECT_EQ(s.Ip().Ttl(), 64);
    EXPECT_EQ(s.Ip().Tos(), 0);
    largest = std::max<uint32_t>(largest, s.Ip().TotalBytes());
    if ((s.Flags() & (kSyn | kAck)) == (kSyn | kAck)) {
      EXPECT_EQ(s.Ip().Identification(), 0);  // no socket yet
      continue;
    }
    const uint32_t source = s.Ip().Source().value;
    const auto last = lastId.try_emplace(source, static_cast<uint16_t>(s.Ip().Identification() - 1)).first;
    EXPECT_EQ(s.Ip().Identification(), static_cast<uint16_t>(last->second + 1));
    last->second = s.Ip().Identification();
  }
  EXPECT_EQ(largest, 1450u);                 // full segments fill the MTU
  EXPECT_EQ(segments.back().Flags(), kAck);  // of the server's FIN: closed in order, without a RST
  EXPECT_EQ(segments[2].TcpBytes(), 32u);    // 20 + 12 of time stamps
}

TEST(TcpTransfer, SynNamesTheMss) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(1, 1));
  transfer.Start();
  pods.Run(Seconds(5));
  const std::vector<Segment> segments = Segments(pods);
  for (size_t i : {0u, 1u}) {
    ASSERT_TRUE(segments[i].Flags() & kSyn);
    EXPECT_EQ(segments[i].Tcp()[20], 2);
    EXPECT_EQ(segments[i].Tcp()[21], 4);
    EXPECT_EQ(wire::Get16(segments[i].Tcp() + 22), 1410);  // 1450 - 20 - 20
    EXPECT_EQ(segments[i].TcpBytes(), 40u);                // as Linux's: MSS, SACK, time stamps, window scale
  }
}

TEST(TcpTransfer, ClosedPortRefusesAtOnce) {
  TwoPods pods({});
  TcpEdge a(pods.A());
  TcpTransfer transfer(a, nullptr, Settings(10, 0));
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Client().error, "Connection refused");
  EXPECT_EQ(transfer.Server(), nullptr);
  const std::vector<Segment> segments = Segments(pods);
  ASSERT_EQ(segments.size(), 2u);  // SYN and RST, and nothing after it
  EXPECT_EQ(segments[1].Flags(), kRst | kAck);
  EXPECT_EQ(segments[1].Ip().Identification(), 0);
  EXPECT_NE(segments[0].Ip().Identification(), 0);
  EXPECT_EQ(pods.network->verdicts[static_cast<size_t>(Verdict::TcpNoSocket)], 1u);
}

TEST(TcpTransfer, PortIsClosedWhereAnotherIsOpen) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpSettings other = Settings(10, 0);
  other.destinationPort = 9;
  other.sourcePort = 40002;
  TcpTransfer open(a, &b, Settings(10, 10)), closed(a, nullptr, other);
  open.Start();
  closed.Start();
  pods.Run(Seconds(5));
  EXPECT_EQ(open.Client().error, "");
  EXPECT_EQ(closed.Client().error, "Connection refused");
}

TEST(TcpTransfer, DownAloneAndUpAloneEnd) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpSettings second = Settings(7, 0);
  second.sourcePort = 40002;
  second.flow = 1;
  TcpTransfer down(a, &b, Settings(0, 300000)), up(a, &b, second);
  down.Start();
  up.Start();
  pods.Run(Seconds(5));
  EXPECT_TRUE(down.IsDone());
  EXPECT_EQ(down.Client().received, 300000u);
  EXPECT_TRUE(down.Client().intact);
  EXPECT_TRUE(up.IsDone());
  EXPECT_EQ(up.Server()->received, 7u);
}

TEST(TcpTransfer, PodsOfOneNodeHaveARoundTripOfTwoEdges) {
  TwoPods pods({.veth = true});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(3000, 3000));
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_EQ(transfer.Client().received, 3000u);
  EXPECT_TRUE(transfer.Client().intact);
  ASSERT_TRUE(transfer.ConnectedAt());
  EXPECT_EQ(transfer.ConnectedAt()->count, 2 * kEdgeDelay.count);
}

TEST(TcpTransfer, RecoversFromAQueueThatIsTooShort) {
  TwoPods pods({.cable = {.rate = {100000000}, .delay = Milliseconds(2), .queueBytes = 10000}});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(2000000, 500000));
  transfer.Start();
  pods.Run(Seconds(60));
  EXPECT_GT(pods.network->verdicts[static_cast<size_t>(Verdict::QueueFull)], 0u);
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Server()->received, 2000000u);
  EXPECT_TRUE(transfer.Server()->intact);
  EXPECT_EQ(transfer.Client().received, 500000u);
  EXPECT_TRUE(transfer.Client().intact);
  for (const Segment& s : Segments(pods)) ASSERT_LE(s.Ip().TotalBytes(), 1450u);
}

/// What arrives there at that moment is lost: the device is down for an instant, without the kernel's noticing.
void Lose(TwoPods& pods, NetnsId where, Nanoseconds at) {
  kernel::Link* link = pods.network->Get(where).Ns().GetLink(TwoPods::kEth0);
  ns3::Simulator::Schedule(ns3::NanoSeconds(at.count - 1), [link] { link->adminUp = false; });
  ns3::Simulator::Schedule(ns3::NanoSeconds(at.count + 1), [link] { link->adminUp = true; });
}

TEST(TcpTransfer, LossOfAnySegmentIsMadeGood) {
  // A clean run says when each segment arrives; then each in turn is lost.
  std::vector<TwoPods::Seen> arrivals;
  {
    TwoPods pods({});
    TcpEdge a(pods.A()), b(pods.B());
    TcpTransfer transfer(a, &b, Settings(3000, 12000));
    transfer.Start();
    pods.Run(Seconds(5));
    for (const TwoPods::Seen& frame : pods.frames)
      if (!frame.outgoing && frame.bytes[13] == 0 && frame.bytes[23] == wire::kIpProtoTcp) arrivals.push_back(frame);
  }
  ASSERT_GE(arrivals.size(), 16u);
  for (const TwoPods::Seen& lost : arrivals) {
    TwoPods pods({});
    TcpEdge a(pods.A()), b(pods.B());
    TcpTransfer transfer(a, &b, Settings(3000, 12000));
    Lose(pods, lost.netns, lost.at);
    transfer.Start();
    pods.Run(Seconds(60));
    SCOPED_TRACE(fmt::format("lost at {} by {}", lost.at.ToString(), lost.netns.value));
    EXPECT_EQ(pods.network->verdicts[static_cast<size_t>(Verdict::LinkDown)], 1u);
    EXPECT_TRUE(transfer.IsDone());
    EXPECT_EQ(transfer.Client().received, 12000u);
    EXPECT_TRUE(transfer.Client().intact);
    EXPECT_EQ(transfer.Server()->received, 3000u);
    EXPECT_EQ(transfer.Result().error, "");
  }
}

TEST(TcpTransfer, SizesSegmentsByTheSmallerEnd) {
  TwoPods pods({});
  pods.B().Ns().SetLinkMtu(TwoPods::kEth0, 1300);
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(20000, 20000));
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_TRUE(transfer.Server()->intact);
  EXPECT_EQ(transfer.Server()->received, 20000u);
  EXPECT_EQ(transfer.Client().received, 20000u);
  for (const Segment& s : Segments(pods)) EXPECT_LE(s.Ip().TotalBytes(), 1300u);  // B's SYN-ACK says 1260
}

TEST(TcpTransfer, CutsSegmentsToAPathMtuLearntOnTheWay) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(200000, 0));
  const Nanoseconds learnt = Microseconds(100);
  ns3::Simulator::Schedule(ns3::NanoSeconds(learnt.count),
                           [&pods] { pods.A().Ns().LearnPmtu(TwoPods::kAddressB, 1000, Seconds(600), false); });
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_EQ(transfer.Server()->received, 200000u);
  EXPECT_TRUE(transfer.Server()->intact);
  uint32_t before = 0, after = 0;
  for (const Segment& s : Segments(pods)) {
    uint32_t& largest = s.frame.at < learnt ? before : after;
    largest = std::max<uint32_t>(largest, s.Ip().TotalBytes());
    EXPECT_TRUE(s.HasRightChecksums());
  }
  EXPECT_EQ(before, 1450u);
  EXPECT_EQ(after, 1000u);
}

TEST(TcpTransfer, UnresolvedNeighbourIsNoRouteToHost) {
  TwoPods pods({});
  TcpEdge a(pods.A());
  TcpSettings settings = Settings(10, 0);
  settings.destination = Ipv4Address{0x0a000063};  // 10.0.0.99: on the link, and nobody
  TcpTransfer transfer(a, nullptr, settings);
  transfer.Start();
  pods.Run(Seconds(10));
  EXPECT_EQ(transfer.Client().error, "No route to host");
}

TEST(TcpTransfer, WithoutARouteTheNetworkIsUnreachable) {
  TwoPods pods({});
  TcpEdge a(pods.A());
  TcpSettings settings = Settings(10, 0);
  settings.destination = Ipv4Address{0x0b000001};
  TcpTransfer transfer(a, nullptr, settings);
  transfer.Start();
  pods.Run(Seconds(1));
  EXPECT_EQ(transfer.Client().error, "Network is unreachable");
  EXPECT_TRUE(transfer.IsDone());
}

TEST(TcpTransfer, TimesOutWhereNothingAnswers) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  kernel::Neighbour nobody;
  nobody.ifindex = TwoPods::kEth0;
  nobody.ip = {0x0a000063};
  nobody.mac = MacAddress::FromUint64(0x02ffffffffff);
  nobody.state = kernel::NudState::Permanent;
  ASSERT_EQ(pods.A().Ns().SetNeighbour(nobody, kernel::Namespace::kCreate), 0);
  TcpSettings settings = Settings(10, 10);
  settings.destination = Ipv4Address{0x0a000063};
  settings.timeout = Seconds(4);
  TcpTransfer transfer(a, &b, settings);
  transfer.Start();
  pods.Run(Seconds(10));
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Client().error, "timed out");
  EXPECT_EQ(transfer.Server()->error, "timed out");
}

TEST(TcpTransfer, GivenSourceAddressIsUsed) {
  TwoPods pods({});
  pods.A().Ns().AddAddress({.ifindex = TwoPods::kEth0, .local = {0x0a000005}, .prefixLength = 24, .secondary = true});
  TcpEdge a(pods.A()), b(pods.B());
  TcpSettings settings = Settings(10, 10), foreign = Settings(10, 10);
  settings.source = Ipv4Address{0x0a000005};
  foreign.source = Ipv4Address{0x0a000006};
  foreign.sourcePort = 40002;
  TcpTransfer transfer(a, &b, settings), impossible(a, nullptr, foreign);
  transfer.Start();
  impossible.Start();
  pods.Run(Seconds(5));
  EXPECT_EQ(transfer.Client().received, 10u);
  EXPECT_EQ(Segments(pods).front().Ip().Source().value, 0x0a000005u);
  EXPECT_EQ(impossible.Client().error, "Cannot assign requested address");
}

TEST(TcpTransfer, SourcePortCanBeUsedAgainTowardsAnotherPeerOnly) {
  TwoPods pods({.veth = true});
  TcpEdge a(pods.A()), b(pods.B());
  TcpSettings other = Settings(10, 10);
  other.destinationPort = 9002;
  TcpTransfer first(a, &b, Settings(10, 10)), toOtherPort(a, &b, other), again(a, &b, Settings(10, 10));
  first.Start();
  pods.Run(Seconds(1));
  toOtherPort.Start();
  pods.Run(Seconds(2));
  again.Start();  // the first is in TIME_WAIT
  pods.Run(Seconds(3));
  EXPECT_EQ(first.Client().received, 10u);
  EXPECT_EQ(toOtherPort.Client().received, 10u);
  EXPECT_EQ(again.Client().error, "Cannot assign requested address");
}

TEST(TcpTransfer, EphemeralPortsAreOfTheNamespacesRangeAndDiffer) {
  TwoPods pods({});
  TcpEdge a(pods.A()), b(pods.B());
  std::vector<std::unique_ptr<TcpTransfer>> transfers;
  for (uint32_t i = 0; i < 5; ++i) {
    TcpSettings settings = Settings(10, 10);
    settings.sourcePort = 0;
    settings.flow = i;
    transfers.push_back(std::make_unique<TcpTransfer>(a, &b, settings));
    transfers.back()->Start();
  }
  pods.Run(Seconds(5));
  std::set<uint16_t> ports;
  for (const Segment& s : Segments(pods))
    if (s.Flags() == kSyn) ports.insert(wire::Get16(s.Tcp()));
  EXPECT_EQ(ports.size(), 5u);
  EXPECT_GE(*ports.begin(), 32768);
  EXPECT_LE(*ports.rbegin(), 60999);
  for (const auto& transfer : transfers) EXPECT_EQ(transfer->Client().received, 10u);
}

TEST(TcpTransfer, TalksToItselfByLoopback) {
  TwoPods pods({});
  TcpEdge a(pods.A());
  TcpSettings settings = Settings(200000, 200000);
  settings.destination = TwoPods::kAddressA;
  TcpTransfer transfer(a, &a, settings);
  transfer.Start();
  pods.Run(Seconds(5));
  EXPECT_EQ(transfer.Client().received, 200000u);
  EXPECT_TRUE(transfer.Server()->intact);
  EXPECT_TRUE(pods.frames.empty());  // nothing on eth0
}

std::vector<TwoPods::Seen> FramesOfARun(uint64_t seed) {
  TwoPods pods({.cable = {.rate = {100000000}, .queueBytes = 20000}, .seed = seed});
  TcpEdge a(pods.A()), b(pods.B());
  TcpTransfer transfer(a, &b, Settings(300000, 300000));
  transfer.Start();
  pods.Run(Seconds(20));
  EXPECT_TRUE(transfer.IsDone());
  return pods.frames;
}

TEST(TcpTransfer, SameSeedSameFrames) {
  const auto first = FramesOfARun(7), second = FramesOfARun(7), other = FramesOfARun(8);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].at.count, second[i].at.count);
    ASSERT_EQ(first[i].bytes, second[i].bytes);
  }
  EXPECT_NE(first.at(4).bytes, other.at(4).bytes);  // the SYN, after ARP both ways, with another identification
}

/// Segments over IPv6 as they left the client's device.
std::vector<std::vector<uint8_t>> Sent6(test::RoutedWorld6& world) {
  std::vector<std::vector<uint8_t>> out;
  for (const test::World::Seen& frame : world.Frames("a", "ea"))
    if (frame.outgoing && wire::Get16(&frame.bytes[12]) == wire::kEtherTypeIpv6 && frame.bytes[20] == wire::kIpProtoTcp)
      out.emplace_back(frame.bytes.begin() + wire::kEthernetHeaderBytes, frame.bytes.end());
  return out;
}

TcpSettings Settings6(const char* destination) {
  return {.destination = test::Ip6(destination), .destinationPort = 9001, .up = 3000, .down = 12000, .flow = 0};
}

TEST(TcpTransferIpv6, BothSidesGetEveryByteInPacketsLikeLinuxs) {
  test::RoutedWorld6 world;
  TcpEdge a(world.At("a")), b(world.At("b"));
  TcpTransfer transfer(a, &b, Settings6("fd00:2::2"));
  transfer.Start();
  world.Run(Seconds(5));
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Client().error, "");
  EXPECT_EQ(transfer.Client().received, 12000u);
  EXPECT_TRUE(transfer.Client().intact);
  EXPECT_EQ(transfer.Server()->received, 3000u);
  EXPECT_TRUE(transfer.Server()->intact);
  auto segments = Sent6(world);
  ASSERT_GE(segments.size(), 6u);  // SYN, ACK, 3 with data, FIN
  const wire::Ipv6 syn{segments.front().data()};
  EXPECT_EQ(wire::Get16(syn.Payload() + 22), 1440);  // the MSS: 1500 - 40 - 20
  EXPECT_NE(syn.FlowLabel(), 0u);                    // net.ipv6.auto_flowlabels
  uint32_t largest = 0;
  for (std::vector<uint8_t>& bytes : segments) {
    const wire::Ipv6 ip{bytes.data()};
    const uint32_t length = ip.PayloadBytes();
    const uint64_t pseudo = wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoTcp, length);
    EXPECT_EQ(wire::ChecksumFold(wire::ChecksumAdd(ip.Payload(), length, pseudo)), 0);
    EXPECT_EQ(ip.HopLimit(), 64);
    EXPECT_EQ(ip.FlowLabel(), syn.FlowLabel());
    largest = std::max<uint32_t>(largest, wire::kIpv6HeaderBytes + length);
  }
  EXPECT_EQ(largest, 1500u);
}

TEST(TcpTransferIpv6, FollowsASmallerMtuOnTheWay) {
  test::RoutedWorld6 world(1400);  // beyond the router
  TcpEdge a(world.At("a")), b(world.At("b"));
  TcpSettings settings = Settings6("fd00:2::2");
  settings.up = 20000;
  TcpTransfer transfer(a, &b, settings);
  transfer.Start();
  world.Run(Seconds(5));
  EXPECT_EQ(transfer.Server()->received, 20000u);
  EXPECT_TRUE(transfer.Server()->intact);
  for (const auto& bytes : Sent6(world)) EXPECT_LE(bytes.size(), 1400u);  // the server's SYN-ACK says 1340
}

TEST(TcpTransferIpv6, WhatIsTooBigForThePathIsSentAgainAtOnce) {
  test::RoutedWorld6 world(1400);
  TcpEdge a(world.At("a")), b(world.At("b"));
  world.At("b").Ns().SetLinkMtu(world.At("b").Ns().FindLink("eb")->ifindex, 1500);  // its MSS does not tell
  TcpTransfer transfer(a, &b, Settings6("fd00:2::2"));
  transfer.Start();
  world.Run(Milliseconds(100));  // not after ns-3's first timeout of a second
  EXPECT_TRUE(transfer.IsDone());
  EXPECT_EQ(transfer.Server()->received, 3000u);
  EXPECT_TRUE(transfer.Server()->intact);
  EXPECT_GT(world.Ended(Verdict::FragNeeded), 0u);
}

TEST(TcpTransferIpv6, ClosedPortAndMissingRouteAreTold) {
  test::RoutedWorld6 world;
  TcpEdge a(world.At("a"));
  TcpTransfer closed(a, nullptr, Settings6("fd00:2::2")), nowhere(a, nullptr, Settings6("fd00:9::1"));
  closed.Start();
  nowhere.Start();
  world.Run(Seconds(5));
  EXPECT_EQ(closed.Client().error, "Connection refused");
  EXPECT_EQ(nowhere.Client().error, "Network is unreachable");  // the router's "no route", by icmpv6_err_convert()
}

TEST(TcpTransferIpv6, SocketOfTheOtherFamilyDoesNotListen) {
  test::RoutedWorld6 world;
  TcpEdge a(world.At("a")), b(world.At("b"));
  b.Accept(Ipv4Address{}, 9001, kAnyFlow, [](ns3::Ptr<ns3::Socket>) { FAIL(); });
  TcpTransfer transfer(a, nullptr, Settings6("fd00:2::2"));
  transfer.Start();
  world.Run(Seconds(5));
  EXPECT_EQ(transfer.Client().error, "Connection refused");
}

}  // namespace
}  // namespace overlaysim::traffic
