#include "models/wire/headers.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "models/wire/checksum.h"

namespace overlaysim::wire {
namespace {

TEST(Headers, VxlanOverIpv4AddsFiftyBytes) { EXPECT_EQ(kVxlanOverheadBytes, 14u + 20 + 8 + 8); }

TEST(Bytes, AreBigEndianAtAnyAlignment) {
  std::array<uint8_t, 7> bytes{};
  Put32(&bytes[1], 0x01020304);
  EXPECT_EQ(bytes, (std::array<uint8_t, 7>{0, 1, 2, 3, 4, 0, 0}));
  EXPECT_EQ(Get32(&bytes[1]), 0x01020304u);
  EXPECT_EQ(Get16(&bytes[3]), 0x0304);
  Put32(&bytes[0], 0xfffefdfc);
  EXPECT_EQ(Get32(&bytes[0]), 0xfffefdfcu);
}

TEST(Ipv4Header, IsWrittenAsRfc791HasIt) {
  std::array<uint8_t, 20> p{};
  WriteIpv4(p.data(), {.tos = 0,
                       .totalBytes = 0x73,
                       .identification = 0,
                       .fragmentField = kIpDf,
                       .ttl = 64,
                       .protocol = kIpProtoUdp,
                       .source = {0xc0a80001},
                       .destination = {0xc0a800c7}});
  EXPECT_EQ(p, (std::array<uint8_t, 20>{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                        0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7}));
  const Ipv4 ip{p.data()};
  EXPECT_EQ(ip.Version(), 4);
  EXPECT_EQ(ip.HeaderBytes(), 20u);
  EXPECT_TRUE(ip.DontFragment());
  EXPECT_FALSE(ip.IsFragment());
  EXPECT_EQ(ip.Payload(), p.data() + 20);
}

TEST(Ipv4Header, CountsTheTtlDownWithARightChecksum) {
  for (int ttl = 1; ttl < 256; ++ttl)
    for (uint16_t id : {0x0000, 0x7fff, 0xffff}) {
      std::array<uint8_t, 20> p{};
      WriteIpv4(p.data(), {.totalBytes = 20, .identification = id, .ttl = static_cast<uint8_t>(ttl)});
      Ipv4{p.data()}.DecrementTtl();
      ASSERT_EQ(p[8], ttl - 1);
      ASSERT_EQ(Checksum(p.data(), 20), 0) << "TTL " << ttl << ", id " << id;
    }
}

TEST(Ipv4Header, TellsFragments) {
  std::array<uint8_t, 20> p{};
  WriteIpv4(p.data(), {.fragmentField = kIpMf | 185});
  const Ipv4 ip{p.data()};
  EXPECT_TRUE(ip.IsFragment());
  EXPECT_TRUE(ip.MoreFragments());
  EXPECT_EQ(ip.OffsetBytes(), 185u * 8);
  Put16(&p[6], 185);
  EXPECT_TRUE(ip.IsFragment());
  EXPECT_FALSE(ip.MoreFragments());
}

TEST(ArpPacket, IsWrittenAsRfc826HasIt) {
  std::array<uint8_t, kArpBytes> p{};
  const Arp arp{p.data()};
  arp.Write(kArpReply, MacAddress::FromUint64(0x020000000001), {0x0a000101}, MacAddress::FromUint64(0x02000000000a),
            {0x0a000102});
  EXPECT_EQ(p, (std::array<uint8_t, kArpBytes>{0,  1, 8, 0, 6, 4, 0, 2, 2, 0,  0,  0, 0, 1,
                                               10, 0, 1, 1, 2, 0, 0, 0, 0, 10, 10, 0, 1, 2}));
  EXPECT_TRUE(arp.IsIpv4OverEthernet());
  EXPECT_EQ(arp.SenderIp().ToString(), "10.0.1.1");
  EXPECT_EQ(arp.TargetMac().ToString(), "02:00:00:00:00:0a");
  p[4] = 8;
  EXPECT_FALSE(arp.IsIpv4OverEthernet());
}

TEST(VxlanHeader, PutsTheVniInTheUpper24Bits) {
  std::array<uint8_t, 8> p{};
  Vxlan{p.data()}.Write(0xabcdef);
  EXPECT_EQ(p, (std::array<uint8_t, 8>{0x08, 0, 0, 0, 0xab, 0xcd, 0xef, 0}));
  EXPECT_EQ(Vxlan{p.data()}.Vni(), 0xabcdefu);
}

TEST(Headers, VxlanOverIpv6AddsSeventyBytes) { EXPECT_EQ(kVxlan6OverheadBytes, 14u + 40 + 8 + 8); }

TEST(Ipv6Header, IsWrittenAsRfc8200HasIt) {
  std::array<uint8_t, 40> p{};
  const Ipv6Address from = *Ipv6Address::Parse("fd00::1"), to = *Ipv6Address::Parse("fd00::2");
  WriteIpv6(p.data(), {.trafficClass = 0xb8,
                       .flowLabel = 0x12345,
                       .payloadBytes = 64,
                       .nextHeader = kIpProtoIcmpv6,
                       .hopLimit = 63,
                       .source = from,
                       .destination = to});
  EXPECT_EQ(Get32(p.data()), 0x6b812345u);  // version 6, traffic class b8, label 12345
  const Ipv6 ip{p.data()};
  EXPECT_EQ(ip.Version(), 6);
  EXPECT_EQ(ip.TrafficClass(), 0xb8);
  EXPECT_EQ(ip.FlowLabel(), 0x12345u);
  EXPECT_EQ(ip.PayloadBytes(), 64);
  EXPECT_EQ(ip.NextHeader(), kIpProtoIcmpv6);
  EXPECT_EQ(ip.HopLimit(), 63);
  EXPECT_EQ(ip.Source(), from);
  EXPECT_EQ(ip.Destination(), to);
}

TEST(Ipv6Header, IsFollowedToWhatStandsBehindItsExtensions) {
  std::vector<uint8_t> p(40);
  WriteIpv6(p.data(), {.payloadBytes = 32, .nextHeader = kIpProtoHopByHop});
  const auto add = [&](std::initializer_list<uint8_t> bytes) { p.insert(p.end(), bytes); };
  add({kIpProtoFragment, 0, 1, 4, 0, 0, 0, 0});  // hop-by-hop options
  add({kIpProtoUdp, 0, 0, 1, 0, 0, 0, 9});       // the first fragment
  add({0x9c, 0x40, 0x23, 0x28, 0, 8, 0, 0});     // UDP
  Ipv6Upper upper = FindIpv6Upper(p.data(), static_cast<uint32_t>(p.size()));
  EXPECT_EQ(upper.protocol, kIpProtoUdp);
  EXPECT_EQ(upper.offset, 56u);
  EXPECT_EQ(upper.fragmentOffset, 48u);
  EXPECT_FALSE(upper.laterFragment);
  Ipv6Fragment{&p[48]}.Write(kIpProtoUdp, 1376, false, 9);
  upper = FindIpv6Upper(p.data(), static_cast<uint32_t>(p.size()));
  EXPECT_TRUE(upper.laterFragment);
  EXPECT_EQ(Ipv6Fragment{&p[48]}.OffsetBytes(), 1376u);
  EXPECT_EQ(FindIpv6Upper(p.data(), 44).offset, 0u);  // cut inside the options
}

}  // namespace
}  // namespace overlaysim::wire
