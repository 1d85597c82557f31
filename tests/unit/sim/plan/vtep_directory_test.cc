#include "sim/plan/vtep_directory.h"

#include <gtest/gtest.h>

namespace overlaysim::plan {
namespace {

Vtep NodeAt(uint32_t node, const char* cidr, const char* underlay, uint64_t mac) {
  const Ipv4Prefix prefix = *Ipv4Prefix::Parse(cidr);
  return {NodeId(node), {{prefix}}, prefix.address, *Ipv4Address::Parse(underlay), MacAddress::FromUint64(mac)};
}

TEST(VtepDirectory, FindsByEachKey) {
  VtepDirectory directory;
  const uint32_t version = directory.Publish(NodeAt(7, "10.244.1.0/24", "172.16.1.11", 0x020000000401));
  const uint32_t entry = directory.FindByPod({0x0af40105}, version);
  ASSERT_NE(entry, VtepDirectory::kNone);
  EXPECT_EQ(directory.Entries()[entry].vtep.node, NodeId(7u));
  EXPECT_EQ(directory.FindByTunnel({0x0af40100}, version), entry);
  EXPECT_EQ(directory.FindByMac(MacAddress::FromUint64(0x020000000401), version), entry);
  EXPECT_EQ(directory.FindByNode(NodeId(7u), version), entry);
  EXPECT_EQ(directory.FindByPod({0x0af40205}, version), VtepDirectory::kNone);
}

TEST(VtepDirectory, OlderVersionsKeepWhatTheySaw) {
  VtepDirectory directory;
  const uint32_t before = directory.Publish(NodeAt(1, "10.244.1.0/24", "172.16.1.11", 1));
  const uint32_t moved = directory.Publish(NodeAt(1, "10.244.1.0/24", "172.16.1.99", 2));
  const uint32_t gone = directory.Withdraw(NodeId(1u));
  auto underlayAt = [&](uint32_t version) {
    return directory.Entries()[directory.FindByPod({0x0af40101}, version)].vtep.underlay.ToString();
  };
  EXPECT_EQ(underlayAt(before), "172.16.1.11");
  EXPECT_EQ(underlayAt(moved), "172.16.1.99");
  EXPECT_EQ(directory.FindByPod({0x0af40101}, gone), VtepDirectory::kNone);
  EXPECT_EQ(directory.FindByMac(MacAddress::FromUint64(1), moved), VtepDirectory::kNone);
  EXPECT_NE(directory.FindByMac(MacAddress::FromUint64(1), before), VtepDirectory::kNone);
}

TEST(VtepDirectory, TheLongestCidrWins) {
  VtepDirectory directory;
  directory.Publish(NodeAt(1, "10.244.0.0/16", "172.16.1.11", 1));
  const uint32_t version = directory.Publish(NodeAt(2, "10.244.2.0/24", "172.16.2.12", 2));
  EXPECT_EQ(directory.Entries()[directory.FindByPod({0x0af40205}, version)].vtep.node, NodeId(2u));
  EXPECT_EQ(directory.Entries()[directory.FindByPod({0x0af40305}, version)].vtep.node, NodeId(1u));
}

TEST(VtepDirectory, NodeWithSeveralRangesIsFoundByEach) {
  VtepDirectory directory;
  Vtep lender = NodeAt(1, "10.244.1.0/26", "172.16.1.11", 1);
  lender.ranges.push_back({.cidr = *Ipv4Prefix::Parse("10.244.1.128/26")});
  Vtep borrower = NodeAt(2, "10.244.2.0/26", "172.16.2.12", 2);
  borrower.ranges.push_back({.cidr = *Ipv4Prefix::Parse("10.244.1.5/32"), .isBorrowed = true});
  directory.Publish(lender);
  const uint32_t version = directory.Publish(borrower);
  auto nodeOf = [&](const char* pod) {
    return directory.Entries()[directory.FindByPod(*Ipv4Address::Parse(pod), version)].vtep.node;
  };
  EXPECT_EQ(nodeOf("10.244.1.4"), NodeId(1u));
  EXPECT_EQ(nodeOf("10.244.1.130"), NodeId(1u));
  EXPECT_EQ(nodeOf("10.244.1.5"), NodeId(2u));
  std::vector<uint32_t> visited;
  directory.VisitByPod({0x0af40105}, version, [&](uint32_t entry, uint32_t range) {
    visited.push_back(directory.Entries()[entry].firstRange + range);
    return false;
  });
  EXPECT_EQ(visited, (std::vector<uint32_t>{3, 0}));  // the borrowed address, then the block around it
}

}  // namespace
}  // namespace overlaysim::plan
