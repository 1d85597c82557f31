#include "sim/trace/record.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace overlaysim {
namespace {

TEST(Verdicts, EachHasANameOfItsOwnAndACondition) {
  std::set<std::string> names;
  for (size_t i = 0; i < static_cast<size_t>(Verdict::Count); ++i) {
    const auto verdict = static_cast<Verdict>(i);
    EXPECT_TRUE(names.insert(VerdictName(verdict)).second) << VerdictName(verdict);
    EXPECT_NE(std::string(VerdictCondition(verdict)), "") << VerdictName(verdict);
    EXPECT_EQ(FindVerdict(VerdictName(verdict)), verdict);
  }
  EXPECT_EQ(FindVerdict("ttlexpired"), std::nullopt);
}

TEST(Verdicts, FatesTellDropsFromArrivals) {
  EXPECT_TRUE(IsDrop(Verdict::TtlExpired));
  EXPECT_FALSE(IsDrop(Verdict::Delivered));
  EXPECT_FALSE(IsDrop(Verdict::Unfinished));
  EXPECT_FALSE(IsFinal(FateOf(Verdict::Continue)));
  EXPECT_TRUE(IsFinal(FateOf(Verdict::Fragmented)));
}

TEST(Verdicts, BeyondTheLastAreNamedAsUnknown) {
  EXPECT_STREQ(VerdictName(Verdict::Count), "?");
  EXPECT_STREQ(StageName(static_cast<Stage>(255)), "?");
}

// The reasons and functions are those that the kernel gave in ../shared/oracle/public (expect.json, "drops").
TEST(KernelDrop, NamesLinuxReasonAndFunction) {
  EXPECT_EQ(KernelDrop(Stage::Forward, Verdict::TtlExpired), "IP_INHDR at ip_forward");
  EXPECT_EQ(KernelDrop(Stage::VxlanFdbLookup, Verdict::VxlanNoFdb), "NO_TX_TARGET at vxlan_xmit");
  EXPECT_EQ(KernelDrop(Stage::VxlanRoute, Verdict::VxlanLoop), "IP_OUTNOROUTES at vxlan_xmit_one");
  EXPECT_EQ(KernelDrop(Stage::Decapsulate, Verdict::VxlanFrameTooShort), "NOMEM at vxlan_rcv");
  EXPECT_EQ(KernelDrop(Stage::RouteInput, Verdict::NoRoute), "IP_INNOROUTES at ip_error");
}

TEST(KernelDrop, DependsOnTheStageWhereLinuxDoes) {
  EXPECT_EQ(KernelDrop(Stage::Forward, Verdict::FragNeeded), "PKT_TOO_BIG at ip_forward");
  EXPECT_EQ(KernelDrop(Stage::Fragment, Verdict::FragNeeded), "NOT_SPECIFIED at ip_fragment.constprop.0");
  EXPECT_EQ(KernelDrop(Stage::LocalDeliver, Verdict::UdpChecksum), "UDP_CSUM at __udp4_lib_rcv");
  EXPECT_EQ(KernelDrop(Stage::Decapsulate, Verdict::UdpChecksum), "UDP_CSUM at udp_queue_rcv_one_skb");
}

TEST(KernelDrop, IsThatOfTheOtherFamilysFunctions) {
  EXPECT_EQ(KernelDrop(Stage::Forward, Verdict::TtlExpired, true), "IP_INHDR at ip6_forward");
  EXPECT_EQ(KernelDrop(Stage::NeighbourWait, Verdict::NeighbourFailed, true), "NOT_SPECIFIED at neigh_invalidate");
  EXPECT_EQ(KernelDrop(Stage::IpReceive, Verdict::InvalidSource, true), "IP_INHDR at ip6_rcv_core");
  EXPECT_EQ(KernelDrop(Stage::Forward, Verdict::InvalidSource, true), "IP_INADDRERRORS at ip6_forward");
  EXPECT_EQ(KernelDrop(Stage::VxlanFdbLookup, Verdict::VxlanNoFdb, true), "NO_TX_TARGET at vxlan_xmit");
}

TEST(KernelDrop, IsSilentWhereLinuxHasNoPacketYet) {
  EXPECT_EQ(KernelDrop(Stage::RouteOutput, Verdict::NoRoute), "");
  EXPECT_EQ(KernelDrop(Stage::Transmit, Verdict::UnderlayAcl), "");
  EXPECT_EQ(KernelDrop(Stage::LocalDeliver, Verdict::Delivered), "");
}

}  // namespace
}  // namespace overlaysim
