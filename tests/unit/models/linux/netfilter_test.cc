#include "models/linux/netfilter.h"

#include <gtest/gtest.h>

#include "support/tables.h"

namespace overlaysim::kernel {
namespace {

using test::Ip;
using test::Net;
using Kind = Target::Kind;

class FilterChainTest : public ::testing::Test {
 protected:
  FilterVerdict Walk(FilterPacket packet) {
    packet.inDevice = &in;
    packet.outDevice = &out;
    const FilterVerdict verdict = Ruleset::Walk(table, chain, packet);
    markAfter = packet.mark;
    return verdict;
  }
  Kind Ask(const FilterPacket& packet) { return Walk(packet).kind; }
  void Add(std::vector<Match> matches, Target target) {
    chain.rules.push_back({.matches = std::move(matches), .target = std::move(target)});
  }
  FilterPacket Udp(uint16_t destinationPort) const {
    return {.source = Ip("10.0.0.1"),
            .destination = Ip("10.0.1.1"),
            .protocol = 17,
            .hasPorts = true,
            .sourcePort = 1000,
            .destinationPort = destinationPort,
            .bytes = 100};
  }
  FilterTable table;
  FilterChain& chain = table.Add({.name = "FORWARD", .hook = Hook::Forward});
  std::string in = "cni0", out = "flannel.1";
  uint32_t markAfter = 0;
};

TransportMatch DestinationPort(uint16_t first, uint16_t last) {
  return {.protocol = 17, .destination = PortRange{first, last}};
}

TEST_F(FilterChainTest, TakesTheFirstRuleThatMatches) {
  Add({DestinationPort(53, 53)}, {.kind = Kind::Accept});
  Add({ProtocolMatch{17}}, {.kind = Kind::Drop});
  EXPECT_EQ(Ask(Udp(53)), Kind::Accept);
  EXPECT_EQ(Ask(Udp(54)), Kind::Drop);
  EXPECT_EQ(chain.rules[0].packets, 1u);
  EXPECT_EQ(chain.rules[1].bytes, 100u);
}

TEST_F(FilterChainTest, FallsBackToThePolicyAndCountsThereOnceItWasSet) {
  EXPECT_EQ(Ask(Udp(53)), Kind::Accept);
  EXPECT_EQ(chain.packets, 0u);
  chain.drops = chain.countsPolicy = true;
  Add({ProtocolMatch{6}}, {.kind = Kind::Accept});
  EXPECT_EQ(Ask(Udp(53)), Kind::Drop);
  EXPECT_EQ(chain.packets, 1u);
  EXPECT_EQ(chain.bytes, 100u);
}

TEST_F(FilterChainTest, ReturnsFromABuiltInChainToItsPolicy) {
  chain.drops = true;
  Add({}, {.kind = Kind::Return});
  Add({}, {.kind = Kind::Accept});
  EXPECT_EQ(Ask(Udp(53)), Kind::Drop);
}

TEST_F(FilterChainTest, OnlyCountsWithoutATarget) {
  Add({}, {});
  Add({}, {.kind = Kind::Log});
  Add({}, {.kind = Kind::Drop});
  EXPECT_EQ(Ask(Udp(53)), Kind::Drop);
  EXPECT_EQ(chain.rules[0].packets, 1u);
  EXPECT_EQ(chain.rules[1].packets, 1u);
}

TEST_F(FilterChainTest, ComesBackFromAJumpButNotFromAGoto) {
  FilterChain& other = table.Add({.name = "OTHER"});
  other.rules = {{.matches = {DestinationPort(53, 53)}, .target = {.kind = Kind::Return}},
                 {.matches = {DestinationPort(54, 54)}, .target = {.kind = Kind::Accept}}};
  Add({}, {.kind = Kind::Jump, .chain = "OTHER"});
  Add({}, {.kind = Kind::Drop});
  EXPECT_EQ(Ask(Udp(53)), Kind::Drop);
  EXPECT_EQ(Ask(Udp(54)), Kind::Accept);
  EXPECT_EQ(Ask(Udp(55)), Kind::Drop);
  chain.rules[0].target.kind = Kind::Goto;
  EXPECT_EQ(Ask(Udp(53)), Kind::Accept);  // the policy
  EXPECT_EQ(Ask(Udp(55)), Kind::Accept);
  EXPECT_EQ(chain.rules[1].packets, 2u);
}

TEST_F(FilterChainTest, SetsMarksThatLaterRulesSee) {
  Add({}, {.kind = Kind::Mark, .mark = 0x4000, .mask = 0x4000});
  Add({MarkMatch{.value = 0x4000, .mask = 0x4000}}, {.kind = Kind::Drop});
  FilterPacket packet = Udp(53);
  packet.mark = 0x8001;
  EXPECT_EQ(Ask(packet), Kind::Drop);
  EXPECT_EQ(markAfter, 0xc001u);
}

TEST_F(FilterChainTest, MatchesEachFieldAndItsNegation) {
  struct Case {
    const char* what;
    Match match;
    bool matches;
  };
  const Case cases[] = {
      {"source", AddressMatch{false, {Net("10.0.0.0/24")}}, true},
      {"! source", AddressMatch{false, {Net("10.0.0.0/24")}, true}, false},
      {"destination", AddressMatch{true, {Net("10.0.0.0/24")}}, false},
      {"! destination", AddressMatch{true, {Net("10.0.0.0/24")}, true}, true},
      {"one of several", AddressMatch{true, {Net("10.0.0.0/24"), Net("10.0.1.1/32")}}, true},
      {"in", DeviceMatch{false, "cni0"}, true},
      {"! in", DeviceMatch{false, "cni0", true}, false},
      {"in by prefix", DeviceMatch{false, "cn+"}, true},
      {"in by any", DeviceMatch{false, "+"}, true},
      {"in longer than the name", DeviceMatch{false, "cni0x+"}, false},
      {"out", DeviceMatch{true, "eth0"}, false},
      {"! out", DeviceMatch{true, "eth0", true}, true},
      {"protocol", ProtocolMatch{17}, true},
      {"! protocol", ProtocolMatch{17, true}, false},
      {"dports", DestinationPort(50, 60), true},
      {"! dports", TransportMatch{.protocol = 17, .destination = PortRange{50, 60}, .notDestination = true}, false},
      {"sports", TransportMatch{.protocol = 17, .source = PortRange{1001, 65535}}, false},
      {"! sports", TransportMatch{.protocol = 17, .source = PortRange{1001, 65535}, .notSource = true}, true},
      {"ports of another protocol", TransportMatch{.protocol = 6, .destination = PortRange{53, 53}}, false},
      {"several ports", MultiportMatch{.any = {{1, 5}, {53, 53}}}, true},
      {"several source ports", MultiportMatch{MultiportMatch::Of::Source, {{53, 53}}}, false},
      {"either port", MultiportMatch{MultiportMatch::Of::Either, {{1000, 1000}}}, true},
      {"! either port", MultiportMatch{MultiportMatch::Of::Either, {{1000, 1000}}, true}, false},
      {"icmp type of UDP", IcmpMatch{.type = 8}, false},
      {"! icmp type of UDP", IcmpMatch{.type = 8, .isNot = true}, false},
      {"no state", StateMatch{kStateInvalid}, true},
      {"! no state", StateMatch{kStateInvalid, true}, false},
      {"mark", MarkMatch{.value = 1}, false},
      {"not bridged", PhysdevMatch{.isBridged = true}, false},
      {"! bridged", PhysdevMatch{.isBridged = true, .notIsBridged = true}, true},
      {"comment", Comment{"why"}, true},
  };
  for (const Case& c : cases) {
    chain.rules = {{.matches = {c.match}, .target = {.kind = Kind::Drop}}};
    EXPECT_EQ(Ask(Udp(53)) == Kind::Drop, c.matches) << c.what;
  }
}

TEST_F(FilterChainTest, MatchesIcmpByTypeAndCode) {
  const FilterPacket fragNeeded{.protocol = 1, .hasIcmp = true, .icmpType = 3, .icmpCode = 4};
  auto ask = [&](IcmpMatch match) {
    chain.rules = {{.matches = {match}, .target = {.kind = Kind::Drop}}};
    return Ask(fragNeeded) == Kind::Drop;
  };
  EXPECT_FALSE(ask({.type = 3, .code = 1}));
  EXPECT_TRUE(ask({.type = 3, .code = 4}));
  EXPECT_FALSE(ask({.type = 3, .code = 4, .isNot = true}));
  EXPECT_TRUE(ask({.type = 3}));
  EXPECT_TRUE(ask({}));
}

TEST_F(FilterChainTest, MatchesTcpFlagsUnderTheirMask) {
  FilterPacket syn{.protocol = 6, .hasPorts = true, .tcpFlags = 0x02};
  Add({TransportMatch{.protocol = 6, .flagMask = 0x17, .flags = 0x02}}, {.kind = Kind::Drop});
  EXPECT_EQ(Ask(syn), Kind::Drop);
  syn.tcpFlags = 0x12;
  EXPECT_EQ(Ask(syn), Kind::Accept);
}

TEST_F(FilterChainTest, NeverMatchesPortsOfLaterFragments) {
  FilterPacket fragment = Udp(0);
  fragment.hasPorts = false;
  Add({DestinationPort(0, 65535)}, {.kind = Kind::Drop});
  Add({TransportMatch{.protocol = 17, .destination = PortRange{}, .notDestination = true}}, {.kind = Kind::Drop});
  EXPECT_EQ(Ask(fragment), Kind::Accept);
}

TEST_F(FilterChainTest, AsksTheFibForTheTypeOfAnAddress) {
  Namespace ns(NetnsId(0), "a");
  test::AddUpLink(ns, {.name = "eth0", .kind = LinkKind::Dummy}, "10.0.1.1/24");
  Add({AddressTypeMatch{.destination = 1 << 2}}, {.kind = Kind::Drop});  // LOCAL
  FilterPacket packet = Udp(53);
  packet.ns = &ns;
  EXPECT_EQ(Ask(packet), Kind::Drop);
  packet.destination = Ip("10.0.1.2");
  EXPECT_EQ(Ask(packet), Kind::Accept);
}

TEST(Ruleset, IsActiveOnlyWhereChainsOrConnectionTrackingAre) {
  Ruleset rules;
  rules.Rebuild();
  EXPECT_FALSE(rules.IsActive(Hook::Output));
  rules.Builtin("filter", Hook::Output).drops = true;
  rules.Rebuild();
  EXPECT_TRUE(rules.IsActive(Hook::Output));
  EXPECT_FALSE(rules.IsActive(Hook::Prerouting));
  EXPECT_FALSE(rules.Tracks());
  rules.Builtin("filter", Hook::Output).rules.push_back({.matches = {StateMatch{kStateNew}}});
  rules.Rebuild();
  EXPECT_TRUE(rules.Tracks());
  EXPECT_TRUE(rules.IsActive(Hook::Prerouting));
}

TEST(Ruleset, OrdersTheStepsOfAHookByPriority) {
  Ruleset rules;
  rules.Builtin("filter", Hook::Output).rules.push_back({.matches = {StateMatch{kStateNew}}});
  rules.Builtin("nat", Hook::Output);
  rules.Builtin("mangle", Hook::Output);
  rules.Builtin("raw", Hook::Output);
  rules.Rebuild();
  std::vector<int> priorities;
  for (const HookStep& step : rules.Steps(Hook::Output)) priorities.push_back(step.priority);
  EXPECT_EQ(priorities, (std::vector{kPriorityDefrag, kPriorityRaw, kPriorityConntrack, kPriorityMangle,
                                     kPriorityDstnat, kPriorityFilter}));
}

}  // namespace
}  // namespace overlaysim::kernel
