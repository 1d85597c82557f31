#include "sim/base/addresses.h"

#include <gtest/gtest.h>

#include <string>

namespace overlaysim {
namespace {

Ipv6Address V6(const char* text) { return Ipv6Address::Parse(text).value(); }

TEST(Ipv6Address, PrintsTheCanonicalText) {
  // RFC 5952, section 4: leading zeros go, the longest run of zeros (the first of equals, never a single one) shrinks,
  // letters are lower case, IPv4-mapped addresses end in a dotted quad.
  EXPECT_EQ(V6("2001:0DB8:0000:0000:0001:0000:0000:0001").ToString(), "2001:db8::1:0:0:1");
  EXPECT_EQ(V6("2001:db8:0:1:1:1:1:1").ToString(), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(V6("1:0:0:2:0:0:0:3").ToString(), "1:0:0:2::3");
  EXPECT_EQ(V6("0:0:0:0:0:0:0:0").ToString(), "::");
  EXPECT_EQ(V6("::ffff:a00:1").ToString(), "::ffff:10.0.0.1");
}

TEST(Ipv6Address, RefusesWhatIsNoAddress) {
  for (const char* text : {"", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1%eth0", "10.0.0.1"})
    EXPECT_FALSE(Ipv6Address::Parse(text)) << text;
  EXPECT_FALSE(Ipv6Address::Parse(std::string_view("::1\0x", 5)));
}

TEST(Ipv6Address, KnowsItsKind) {
  EXPECT_TRUE(V6("fe80::1").IsLinkLocal());
  EXPECT_TRUE(V6("febf::1").IsLinkLocal());  // fe80::/10
  EXPECT_FALSE(V6("fec0::1").IsLinkLocal());
  EXPECT_TRUE(V6("fd00::1").IsUniqueLocal());
  EXPECT_TRUE(V6("ff02::1").IsLinkLocalMulticast());
  EXPECT_EQ(V6("ff0e::1").MulticastScope(), 14);
  EXPECT_TRUE(V6("::1").IsLoopback());
  EXPECT_TRUE(V6("::ffff:10.0.0.1").IsV4Mapped());
}

TEST(Ipv6Address, DerivesGroupsAndLinkLocalAddresses) {
  EXPECT_EQ(V6("fd00:16:1::12ab:cdef").SolicitedNode(), V6("ff02::1:ffab:cdef"));
  EXPECT_EQ(LinkLocalFromMac(MacAddress::Parse("02:00:00:00:01:0a").value()), V6("fe80::ff:fe00:10a"));
  EXPECT_EQ(MulticastMac(V6("ff02::1:ffab:cdef")).ToString(), "33:33:ff:ab:cd:ef");
}

TEST(Ipv6Address, CountsLeadingBitsInCommon) {
  EXPECT_EQ(V6("fd00::").CommonPrefix(V6("fd00::1")), 127);
  EXPECT_EQ(V6("fd00::").CommonPrefix(V6("fc00::")), 7);
  EXPECT_EQ(V6("fd00::").CommonPrefix(V6("fd00::")), 128);
}

TEST(Ipv6Prefix, ContainsByItsLength) {
  const auto prefix = Ipv6Prefix::Parse("fd00:10:244::/46").value();  // 0x244 = 0b10'0100'0100: two bits are free
  EXPECT_TRUE(prefix.Contains(V6("fd00:10:247:ffff::1")));
  EXPECT_FALSE(prefix.Contains(V6("fd00:10:248::")));
  EXPECT_TRUE(Ipv6Prefix{}.Contains(V6("::1")));
  EXPECT_EQ(Ipv6Prefix::Parse("fd00::1:2:3:4/64")->Canonical().ToString(), "fd00::/64");
  EXPECT_EQ(Ipv6Prefix::Parse("fd00::1")->length, 128);
  for (const char* text : {"fd00::/129", "fd00::/", "fd00::/-1", "10.0.0.0/8", "fd00::/0064"})
    EXPECT_FALSE(Ipv6Prefix::Parse(text)) << text;
}

TEST(IpAddress, HoldsEitherFamilyOrNone) {
  const IpAddress none, v4 = Ipv4Address{0x0a000001}, v6 = V6("fd00::1");
  EXPECT_TRUE(none.IsNone() && none.IsZero());
  EXPECT_EQ(none.ToString(), "");
  EXPECT_EQ(v4.V4(), Ipv4Address{0x0a000001});
  EXPECT_TRUE(v4.V6().IsZero());
  EXPECT_EQ(v6.V6(), V6("fd00::1"));
  EXPECT_TRUE(v6.V4().IsZero());
  EXPECT_TRUE(none < v4 && v4 < v6);
  EXPECT_EQ(IpAddress::Parse("10.0.0.1"), v4);
  EXPECT_EQ(IpAddress::Parse("fd00::1"), v6);
  EXPECT_FALSE(IpAddress::Parse("node-1"));
  EXPECT_NE(IpAddress(Ipv4Address{}), IpAddress(Ipv6Address{}));
}

}  // namespace
}  // namespace overlaysim
