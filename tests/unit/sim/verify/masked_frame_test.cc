#include "sim/verify/masked_frame.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "sim/verify/compare.h"
#include "sim/verify/report.h"

namespace overlaysim::verify {
namespace {

const FrameKnowledge kKnown{{8472}, {7}};

struct Outer {
  uint16_t id = 0x1234, sourcePort = 40000;
  uint8_t ttl = 63;
};

/// An echo request with eight bytes of payload, in VXLAN.
std::vector<uint8_t> EchoInVxlan(const Outer& outer, uint16_t echoId = 7, uint16_t sequence = 1) {
  std::vector<uint8_t> echo(16);
  echo[0] = wire::kIcmpEcho;
  wire::Put16(&echo[4], echoId);
  wire::Put16(&echo[6], sequence);
  wire::Put16(&echo[2], wire::Checksum(echo.data(), echo.size()));
  auto ethernet = [](std::vector<uint8_t>& to) {
    to.resize(to.size() + 14);
    wire::Put16(&to[to.size() - 2], wire::kEtherTypeIpv4);
  };
  auto ipv4 = [](std::vector<uint8_t>& to, const wire::Ipv4Fields& fields) {
    to.resize(to.size() + 20);
    wire::WriteIpv4(&to[to.size() - 20], fields);
  };
  std::vector<uint8_t> inner;
  ethernet(inner);
  ipv4(inner, {.totalBytes = 36, .ttl = 64, .protocol = wire::kIpProtoIcmp, .source = {1}, .destination = {2}});
  inner.insert(inner.end(), echo.begin(), echo.end());
  std::vector<uint8_t> frame;
  ethernet(frame);
  ipv4(frame, {.totalBytes = static_cast<uint16_t>(20 + 16 + inner.size()),
               .identification = outer.id,
               .ttl = outer.ttl,
               .protocol = wire::kIpProtoUdp,
               .source = {3},
               .destination = {4}});
  frame.resize(frame.size() + 16);
  uint8_t* udp = &frame[frame.size() - 16];
  wire::Put16(udp, outer.sourcePort);
  wire::Put16(udp + 2, 8472);
  wire::Put16(udp + 4, static_cast<uint16_t>(16 + inner.size()));
  wire::Vxlan{udp + 8}.Write(1);
  frame.insert(frame.end(), inner.begin(), inner.end());
  return frame;
}

std::vector<uint8_t> Arp(uint16_t operation, Ipv4Address sender, Ipv4Address target) {
  std::vector<uint8_t> frame(14 + 28);
  wire::Ethernet{frame.data()}.Write({}, {}, wire::kEtherTypeArp);
  wire::Arp{&frame[14]}.Write(operation, {}, sender, {}, target);
  return frame;
}

std::string ValueOf(const MaskedFrame& frame, const std::string& layer, const std::string& name) {
  for (const FrameField& field : frame.fields)
    if (field.layer == layer && field.name == name) return field.value;
  return "none";
}

TEST(MaskedFrame, DoesNotSeeWhatTheKernelDraws) {
  const MaskedFrame a = MaskFrame(EchoInVxlan({}), kKnown);
  const MaskedFrame b = MaskFrame(EchoInVxlan({.id = 0x4321, .sourcePort = 50000}), kKnown);
  EXPECT_EQ(a.key, b.key);
  EXPECT_NE(a.drawn, b.drawn);
  EXPECT_EQ("*", ValueOf(a, "udp", "sport"));
  EXPECT_EQ("zero", ValueOf(a, "udp", "checksum"));
}

TEST(MaskedFrame, SeesAllElse) {
  const std::string key = MaskFrame(EchoInVxlan({}), kKnown).key;
  EXPECT_NE(key, MaskFrame(EchoInVxlan({.ttl = 62}), kKnown).key);
  EXPECT_NE(key, MaskFrame(EchoInVxlan({.id = 0}), kKnown).key);  // 0 is not drawn
  auto wrong = EchoInVxlan({});
  wrong[24] ^= 1;  // the outer header's checksum is masked with its id: whether it is right is not
  EXPECT_NE(key, MaskFrame(wrong, kKnown).key);
  wrong = EchoInVxlan({});
  wrong.back() ^= 1;
  EXPECT_NE(key, MaskFrame(wrong, kKnown).key);
}

TEST(MaskedFrame, EchoIdsOfProgramsAreDrawn) {
  EXPECT_EQ("7", ValueOf(MaskFrame(EchoInVxlan({}, 7), kKnown), "icmp", "id"));
  EXPECT_EQ("*", ValueOf(MaskFrame(EchoInVxlan({}, 300), kKnown), "icmp", "id"));
}

TEST(MaskedFrame, BothDirectionsAreOneConversation) {
  EXPECT_EQ(MaskFrame(Arp(1, {1}, {2}), kKnown).conversation, MaskFrame(Arp(2, {2}, {1}), kKnown).conversation);
  EXPECT_NE(MaskFrame(Arp(1, {1}, {2}), kKnown).conversation, MaskFrame(Arp(1, {1}, {3}), kKnown).conversation);
}

TEST(MaskedFrame, AnythingCanBeDecoded) {
  const std::vector<uint8_t> whole = EchoInVxlan({});
  for (size_t size = 0; size <= whole.size(); ++size)
    for (int version : {0, 4, 6}) {
      std::vector<uint8_t> frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      if (version == 6 && size > 14) {
        wire::Put16(&frame[12], wire::kEtherTypeIpv6);
        frame[14] = 0x60;
      }
      EXPECT_EQ(size, MaskFrame(frame, kKnown).bytes);
    }
}

// ------------------------------------------------------------------------------------------------ comparison

constexpr Nanoseconds kEnd = Seconds(10);

PointComparison Compare(const std::vector<SeenFrame>& a, const std::vector<SeenFrame>& b) {
  return FrameComparison(kKnown, kEnd).Compare("node1/eth0", a, b);
}
SeenFrame Echo(uint16_t sequence, Nanoseconds at = Seconds(1), uint16_t port = 40000) {
  return {at, EchoInVxlan({.sourcePort = port}, 7, sequence)};
}

TEST(FrameComparison, SameTrafficIsAlike) {
  const PointComparison c = Compare({Echo(1), Echo(2)}, {Echo(1, Seconds(1), 50000), Echo(2, Seconds(1), 50000)});
  EXPECT_EQ(2u, c.alike);
  EXPECT_TRUE(c.differences.empty());
}

TEST(FrameComparison, APortThatChangesWithinAFlowIsADifference) {
  const PointComparison c = Compare({Echo(1), Echo(2)}, {Echo(1, Seconds(1), 50000), Echo(2, Seconds(1), 50001)});
  EXPECT_EQ(1u, c.alike);
  ASSERT_EQ(1u, c.differences.size());
  EXPECT_TRUE(c.differences[0].drawnDiffers);
}

TEST(FrameComparison, FlowsOfOthersMayDrawTheSamePort) {
  auto between = [](uint32_t destination, uint16_t port) {
    std::vector<uint8_t> frame = EchoInVxlan({.sourcePort = port});
    wire::Ipv4Fields inner{.totalBytes = 36, .ttl = 64, .protocol = wire::kIpProtoIcmp, .source = {1}};
    inner.destination = {destination};
    wire::WriteIpv4(&frame[14 + 20 + 16 + 14], inner);
    return SeenFrame{Seconds(1), std::move(frame)};
  };
  const std::vector<SeenFrame> ours{between(2, 40000), between(3, 40001)};
  EXPECT_EQ(2u, Compare(ours, {between(2, 50000), between(3, 50000)}).alike);
  EXPECT_EQ(1u, Compare({Echo(1), Echo(2, Seconds(1), 40001)}, {Echo(1), Echo(2)}).alike);  // of one pair: not so
}

TEST(FrameComparison, ACounterOfIdentificationsPassesZero) {
  auto counted = [](uint16_t id, uint16_t sequence) {
    return SeenFrame{Seconds(1), EchoInVxlan({.id = id}, 7, sequence)};
  };
  const std::vector<SeenFrame> ours{counted(10, 1), counted(11, 2), counted(12, 3)};
  EXPECT_EQ(3u, Compare(ours, {counted(0xffff, 1), counted(0, 2), counted(1, 3)}).alike);
  EXPECT_EQ(0u, Compare(ours, {counted(0, 1), counted(0, 2), counted(0, 3)}).alike);  // nobody counts
}

TEST(FrameComparison, AMissingFrameIsShownWhereItShouldBe) {
  const PointComparison c = Compare({Echo(1), Echo(2), Echo(3)}, {Echo(1), Echo(3)});
  EXPECT_EQ(2u, c.alike);
  ASSERT_EQ(1u, c.differences.size());
  EXPECT_FALSE(c.differences[0].real);
  EXPECT_EQ(2u, c.differences[0].simulated->number);
}

TEST(FrameComparison, FramesMayChangePlacesOnlyNearby) {
  EXPECT_EQ(2u, Compare({Echo(1), Echo(2)}, {Echo(2), Echo(1)}).alike);
  EXPECT_EQ(1u, Compare({Echo(1, Seconds(1)), Echo(2, Seconds(2))}, {Echo(2, Seconds(1)), Echo(1, Seconds(2))}).alike);
}

TEST(FrameComparison, ConversationsInterleaveFreely) {
  const SeenFrame arp{Seconds(5), Arp(1, {1}, {2})};
  EXPECT_EQ(3u, Compare({Echo(1), arp, Echo(2)}, {Echo(1), Echo(2), arp}).alike);
}

TEST(FrameComparison, WhichNeighbourAsksFirstIsTiming) {
  const PointComparison c = Compare({{Seconds(1), Arp(1, {1}, {2})}, {Seconds(1), Arp(2, {2}, {1})}},
                                    {{Seconds(1), Arp(1, {2}, {1})}, {Seconds(1), Arp(2, {1}, {2})}});
  EXPECT_EQ(2u, c.alike);
  EXPECT_EQ(2u, c.turned);
  EXPECT_EQ(1u, Compare({{Seconds(1), Arp(1, {1}, {2})}}, {{Seconds(1), Arp(2, {2}, {1})}}).differences.size());
}

TEST(FrameComparison, TheEndCutsOffWhatIsStillToCome) {
  EXPECT_TRUE(Compare({Echo(1, kEnd - Milliseconds(10))}, {}).differences.empty());
  EXPECT_TRUE(Compare({}, {Echo(1, kEnd + Milliseconds(10))}).differences.empty());
  EXPECT_EQ(1u, Compare({Echo(1, kEnd - Seconds(1))}, {}).differences.size());
}

// ------------------------------------------------------------------------------------------------ report

TEST(VerifyReport, MarksTheFirstFieldThatDiffers) {
  const PointComparison c = Compare({{Seconds(1), EchoInVxlan({.ttl = 63})}}, {{Seconds(1), EchoInVxlan({.ttl = 62})}});
  ASSERT_EQ(1u, c.differences.size());
  const std::string text = SideBySide(c.point, c.differences[0]);
  const size_t marked = text.find("<- first difference");
  ASSERT_NE(std::string::npos, marked) << text;
  const std::string line = text.substr(text.rfind('\n', marked) + 1, marked - text.rfind('\n', marked));
  EXPECT_EQ(0u, line.find("* ipv4 ttl"));
  EXPECT_NE(std::string::npos, line.find("63"));
  EXPECT_NE(std::string::npos, line.find("62"));
  EXPECT_EQ(std::string::npos, text.find("first difference", marked + 5));
}

TEST(VerifyReport, OutputsAreComparedWithoutTimes) {
  EXPECT_EQ(ComparableOutput("64 bytes: icmp_seq=1 ttl=62 time=0.034 ms\n1 received, time 2003ms\nrtt min = 1/2 ms\n"),
            ComparableOutput("64 bytes: icmp_seq=1 ttl=62 time=12.1 ms\n1 received, time 2ms\nrtt min = 9/9 ms\n"));
  EXPECT_NE(ComparableOutput("ttl=62"), ComparableOutput("ttl=63"));
}

}  // namespace
}  // namespace overlaysim::verify
