#include "models/linux/netfilter.h"

#include <gtest/gtest.h>

#include "support/tables.h"

namespace overlaysim::kernel {
namespace {

using test::Ip;
using test::Net;

class FilterChainTest : public ::testing::Test {
 protected:
  FilterTarget Ask(FilterPacket packet) {
    packet.inDevice = &in;
    packet.outDevice = &out;
    return filter.Decide(FilterChain::Forward, packet).target;
  }
  void Add(const FilterRule& rule) { filter.forward.rules.push_back(rule); }
  FilterPacket Udp(uint16_t destinationPort) const {
    return {.source = Ip("10.0.0.1"),
            .destination = Ip("10.0.1.1"),
            .protocol = 17,
            .hasPorts = true,
            .sourcePort = 1000,
            .destinationPort = destinationPort,
            .bytes = 100};
  }
  Filter filter;
  std::string in = "cni0", out = "flannel.1";
};

TEST_F(FilterChainTest, TakesTheFirstRuleThatMatches) {
  Add({.destinationPorts = {{53, 53}}, .target = FilterTarget::Accept});
  Add({.protocol = 17, .target = FilterTarget::Drop});
  EXPECT_EQ(Ask(Udp(53)), FilterTarget::Accept);
  EXPECT_EQ(Ask(Udp(54)), FilterTarget::Drop);
  EXPECT_EQ(filter.forward.rules[0].packets, 1u);
  EXPECT_EQ(filter.forward.rules[1].bytes, 100u);
}

TEST_F(FilterChainTest, FallsBackToThePolicyAndCountsThere) {
  filter.forward.policy = FilterTarget::Drop;
  Add({.protocol = 6, .target = FilterTarget::Accept});
  EXPECT_EQ(Ask(Udp(53)), FilterTarget::Drop);
  EXPECT_EQ(filter.forward.packets, 1u);
  EXPECT_EQ(filter.forward.bytes, 100u);
}

TEST_F(FilterChainTest, ReturnsFromABuiltInChainToItsPolicy) {
  filter.forward.policy = FilterTarget::Drop;
  Add({.target = FilterTarget::Return});
  Add({.target = FilterTarget::Accept});
  EXPECT_EQ(Ask(Udp(53)), FilterTarget::Drop);
}

TEST_F(FilterChainTest, OnlyCountsWithoutATarget) {
  Add({.target = FilterTarget::Continue});
  Add({.target = FilterTarget::Drop});
  EXPECT_EQ(Ask(Udp(53)), FilterTarget::Drop);
  EXPECT_EQ(filter.forward.rules[0].packets, 1u);
}

TEST_F(FilterChainTest, MatchesEachFieldAndItsNegation) {
  struct Case {
    const char* what;
    FilterRule rule;
    bool matches;
  };
  const Case cases[] = {
      {"source", {.source = Net("10.0.0.0/24")}, true},
      {"! source", {.source = Net("10.0.0.0/24"), .notSource = true}, false},
      {"destination", {.destination = Net("10.0.0.0/24")}, false},
      {"! destination", {.destination = Net("10.0.0.0/24"), .notDestination = true}, true},
      {"in", {.inDevice = "cni0"}, true},
      {"! in", {.inDevice = "cni0", .notInDevice = true}, false},
      {"in by prefix", {.inDevice = "cn+"}, true},
      {"in by any", {.inDevice = "+"}, true},
      {"in longer than the name", {.inDevice = "cni0x+"}, false},
      {"out", {.outDevice = "eth0"}, false},
      {"! out", {.outDevice = "eth0", .notOutDevice = true}, true},
      {"protocol", {.protocol = 17}, true},
      {"! protocol", {.protocol = 17, .notProtocol = true}, false},
      {"dports", {.destinationPorts = {{50, 60}}}, true},
      {"! dports", {.destinationPorts = {{50, 60}}, .notDestinationPorts = true}, false},
      {"sports", {.sourcePorts = {{1001, 65535}}}, false},
      {"! sports", {.sourcePorts = {{1001, 65535}}, .notSourcePorts = true}, true},
      {"icmp type of UDP", {.icmpType = 8}, false},
      {"! icmp type of UDP", {.icmpType = 8, .notIcmpType = true}, false},
  };
  for (const Case& c : cases) {
    filter.forward = {.policy = FilterTarget::Accept, .rules = {c.rule}};
    filter.forward.rules[0].target = FilterTarget::Drop;
    EXPECT_EQ(Ask(Udp(53)) == FilterTarget::Drop, c.matches) << c.what;
  }
}

TEST_F(FilterChainTest, MatchesIcmpByTypeAndCode) {
  const FilterPacket fragNeeded{.protocol = 1, .icmpType = 3, .icmpCode = 4};
  Add({.icmpType = 3, .icmpCode = 1, .target = FilterTarget::Drop});
  EXPECT_EQ(Ask(fragNeeded), FilterTarget::Accept);
  filter.forward.rules[0].icmpCode = 4;
  EXPECT_EQ(Ask(fragNeeded), FilterTarget::Drop);
  filter.forward.rules[0].notIcmpType = true;
  EXPECT_EQ(Ask(fragNeeded), FilterTarget::Accept);
}

TEST_F(FilterChainTest, NeverMatchesPortsOfLaterFragments) {
  FilterPacket fragment = Udp(0);
  fragment.hasPorts = false;
  Add({.destinationPorts = {{0, 65535}}, .target = FilterTarget::Drop});
  EXPECT_EQ(Ask(fragment), FilterTarget::Accept);
  filter.forward.rules[0].notDestinationPorts = true;
  EXPECT_EQ(Ask(fragment), FilterTarget::Accept);
}

TEST(Filter, IsEmptyOnlyWithoutRulesAndWithOpenPolicies) {
  Filter filter;
  EXPECT_TRUE(filter.Empty());
  filter.output.policy = FilterTarget::Drop;
  EXPECT_FALSE(filter.Empty());
  filter.output.policy = FilterTarget::Accept;
  filter.input.rules.emplace_back();
  EXPECT_FALSE(filter.Empty());
}

}  // namespace
}  // namespace overlaysim::kernel
