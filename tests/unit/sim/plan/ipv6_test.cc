#include "sim/plan/ipv6.h"

#include <gtest/gtest.h>

namespace overlaysim::plan {
namespace {

Ipv6Prefix Prefix(const char* text) { return *Ipv6Prefix::Parse(text); }

TEST(Ipv6Underlay, HasTheIpv4AddressBehindItsPrefix) {
  const Ipv6Prefix prefix = Prefix("fd00:16::/96");
  EXPECT_EQ(Embed(prefix, *Ipv4Address::Parse("172.16.1.11")).ToString(), "fd00:16::ac10:10b");
  EXPECT_EQ(Embedded(Embed(prefix, *Ipv4Address::Parse("172.16.1.11"))).ToString(), "172.16.1.11");
  EXPECT_EQ(Embed(prefix, *Ipv4Prefix::Parse("172.16.1.0/24")), Prefix("fd00:16::ac10:100/120"));
  EXPECT_EQ(Embed(prefix, Ipv4Prefix{}), Prefix("::/0"));
}

TEST(Ipv6Underlay, RoutesAreThoseOfIpv4) {
  const kernel::Route route{.dst = *Ipv4Prefix::Parse("172.16.2.0/24"),
                            .nextHops = {{.gateway = *Ipv4Address::Parse("172.16.1.1"), .ifindex = 2}, {.ifindex = 3}}};
  const kernel::Route6 out = Embed(Prefix("fd00:16::/96"), route);
  ASSERT_EQ(out.nextHops.size(), 2u);
  EXPECT_EQ(out.nextHops[0].gateway.ToString(), "fd00:16::ac10:101");
  EXPECT_TRUE(out.nextHops[1].gateway.IsZero());
  EXPECT_EQ(out.nextHops[1].ifindex, 3);
}

TEST(Ipv6Numbers, CountAcrossBytes) {
  EXPECT_EQ(Advance(*Ipv6Address::Parse("fd00::ffff"), 1).ToString(), "fd00::1:0");
  EXPECT_EQ(Advance(*Ipv6Address::Parse("fd00::1:fffe"), 0x10003).ToString(), "fd00::3:1");
  EXPECT_EQ(NthPart(Prefix("fd00:10:244::/56"), 64, 3), Prefix("fd00:10:244:3::/64"));
  EXPECT_EQ(NthPart(Prefix("fd00:10:244::/48"), 64, 0x123), Prefix("fd00:10:244:123::/64"));
  EXPECT_EQ(NthPart(Prefix("fd00::/120"), 126, 5), Prefix("fd00::14/126"));
}

}  // namespace
}  // namespace overlaysim::plan
