#include "models/linux/ipv6_tables.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "models/linux/namespace.h"

namespace overlaysim::kernel {
namespace {

Ipv6Address Ip6(const char* text) { return Ipv6Address::Parse(text).value(); }
Ipv6Prefix Net6(const char* text) { return Ipv6Prefix::Parse(text).value(); }
using Lines = std::vector<std::string>;

/// A namespace with IPv6 on, without duplicate address detection, and with eth0 and eth1 up.
class Ipv6 : public testing::Test {
 protected:
  Ipv6() {
    ns.SetSysctl("net.ipv6.conf.all.disable_ipv6", "0");
    ns.SetSysctl("net.ipv6.conf.default.accept_dad", "0");
    ns.SetLinkUp(1, true, {});
    eth0 = AddUp("eth0", 0x020000000101);
    eth1 = AddUp("eth1", 0x020000000102);
  }
  int AddUp(const char* name, uint64_t mac) {
    const int ifindex = ns.AddLink({.name = name, .address = MacAddress::FromUint64(mac)}).ifindex;
    ns.SetLinkUp(ifindex, true, {});
    return ifindex;
  }
  int Add(int ifindex, const char* prefix) {
    const Ipv6Prefix p = Net6(prefix);
    return tables.AddAddress({.ifindex = ifindex, .local = p.address, .prefixLength = p.length, .noDad = true});
  }
  int Route(const char* dst, const char* gateway, int ifindex, uint8_t flags = Namespace::kCreate,
            uint32_t metric = 0) {
    Route6 r;
    r.dst = Net6(dst);
    r.metric = metric;
    r.nextHops = {{.gateway = gateway ? Ip6(gateway) : Ipv6Address{}, .ifindex = ifindex}};
    why.clear();
    return tables.AddRoute(r, flags, &why);
  }
  /// "local fd00::1/128 eth0", ... of one table
  Lines RouteList(uint32_t table) const {
    Lines out;
    for (const Route6& r : tables.Routes(table)) {
      std::string line = r.type == RouteType::Local       ? "local "
                         : r.type == RouteType::Anycast   ? "anycast "
                         : r.type == RouteType::Multicast ? "multicast "
                                                          : "";
      line += r.dst.ToString();
      for (const NextHop6& h : r.nextHops)
        line += (h.gateway.IsZero() ? "" : " via " + h.gateway.ToString()) + " " + ns.GetLink(h.ifindex)->name;
      out.push_back(line);
    }
    return out;
  }
  Lines AddressList(int ifindex) const {
    Lines out;
    for (const Address6& a : tables.Addresses())
      if (a.ifindex == ifindex) out.push_back(a.local.ToString());
    return out;
  }

  Namespace ns{NetnsId(0), "n"};
  Ipv6Tables& tables = ns.Ipv6();
  int eth0 = 0, eth1 = 0;
  std::string why;
};

TEST(Ipv6Switch, IsOffUntilTurnedOn) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = ns.AddLink({.name = "eth0"}).ifindex;
  ns.SetLinkUp(eth0, true, {});
  EXPECT_TRUE(ns.Ipv6().Addresses().empty());
  EXPECT_EQ(ns.Ipv6().AddAddress({.ifindex = eth0, .local = Ip6("fd00::1")}), EACCES);
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.eth0.disable_ipv6", "0"), 0);
  EXPECT_EQ(ns.Ipv6().Addresses().size(), 1u);  // link-local
}

TEST_F(Ipv6, LinkUpBringsLinkLocalAddressAndRoutes) {
  EXPECT_EQ(AddressList(1), (Lines{"::1"}));
  EXPECT_EQ(AddressList(eth0), (Lines{"fe80::ff:fe00:101"}));  // EUI-64 of 02:00:00:00:01:01
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fe80::/64 eth0", "fe80::/64 eth1"}));
  EXPECT_EQ(RouteList(kTableLocal),
            (Lines{"local ::1/128 lo", "local fe80::ff:fe00:101/128 eth0", "local fe80::ff:fe00:102/128 eth1",
                   "multicast ff00::/8 eth0", "multicast ff00::/8 eth1"}));
}

TEST_F(Ipv6, LinkWithoutCarrierHasNoLinkLocalAddress) {
  const int veth = ns.AddLink({.name = "veth0", .kind = LinkKind::Veth, .carrier = false}).ifindex;
  ns.SetLinkUp(veth, true, {});
  EXPECT_TRUE(AddressList(veth).empty());
  EXPECT_FALSE(tables.IsReady(veth));
  ns.SetCarrier(veth, true);
  EXPECT_EQ(AddressList(veth).size(), 1u);
  EXPECT_TRUE(tables.IsReady(veth));
}

TEST_F(Ipv6, AddressesStandByScopeAndThenNewestFirst) {
  EXPECT_EQ(Add(eth0, "fd00::1/64"), 0);
  EXPECT_EQ(Add(eth0, "fd00::2/64"), 0);
  EXPECT_EQ(AddressList(eth0), (Lines{"fd00::2", "fd00::1", "fe80::ff:fe00:101"}));
  EXPECT_EQ(Add(eth0, "fd00::1/48"), EEXIST);  // an address is there once, whatever its length
  EXPECT_EQ(tables.DeleteAddress(eth0, Net6("fd00::1/48")), EADDRNOTAVAIL);
}

TEST_F(Ipv6, PrefixRouteStaysWhileAnAddressOfTheSubnetIsThere) {
  Add(eth0, "fd00::1/64");
  Add(eth0, "fd00::2/64");
  tables.DeleteAddress(eth0, Net6("fd00::1/64"));
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fd00::/64 eth0", "fe80::/64 eth0", "fe80::/64 eth1"}));
  tables.DeleteAddress(eth0, Net6("fd00::2/64"));
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fe80::/64 eth0", "fe80::/64 eth1"}));
}

TEST_F(Ipv6, LinkDownTakesAddressesAndRoutesAlong) {
  Add(eth0, "fd00::1/64");
  ASSERT_EQ(Route("fd00:2::/64", "fd00::9", eth0), 0);
  ns.SetLinkUp(eth0, false, {});
  EXPECT_TRUE(AddressList(eth0).empty());
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fe80::/64 eth1"}));
  for (const Ipv6Tables::Group& group : tables.Groups(eth0)) EXPECT_FALSE(group.isLoaded);
}

TEST_F(Ipv6, AddressGivenWhileDownGetsItsPrefixRouteWhenUp) {
  ns.SetLinkUp(eth0, false, {});
  EXPECT_EQ(Add(eth0, "fd00::1/64"), 0);
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fe80::/64 eth1"}));
  ns.SetLinkUp(eth0, true, {});
  EXPECT_EQ(RouteList(kTableMain), (Lines{"fd00::/64 eth0", "fe80::/64 eth1", "fe80::/64 eth0"}));
}

TEST_F(Ipv6, MtuBelow1280EndsIpv6) {
  Add(eth0, "fd00::1/64");
  ns.SetLinkMtu(eth0, 1279);
  EXPECT_TRUE(AddressList(eth0).empty());
  EXPECT_EQ(Add(eth0, "fd00::1/64"), EINVAL);
  EXPECT_EQ(Route("fd00:2::/64", nullptr, eth0), ENODEV);
  ns.SetLinkMtu(eth0, 1280);
  EXPECT_EQ(AddressList(eth0), (Lines{"fe80::ff:fe00:101"}));
  EXPECT_EQ(tables.Mtu(eth0), 1280u);
}

TEST_F(Ipv6, RouterJoinsItsGroupAndAnswersToSubnets) {
  Add(eth0, "fd00::1/64");
  EXPECT_FALSE(tables.IsMember(eth0, Ipv6Address::AllRouters()));
  ns.SetSysctl("net.ipv6.conf.all.forwarding", "1");
  EXPECT_TRUE(tables.IsMember(eth0, Ipv6Address::AllRouters()));
  EXPECT_TRUE(tables.IsAnycastAddress(Ip6("fd00::")));
  EXPECT_TRUE(tables.IsAnycastAddress(Ip6("fe80::"), eth1));
  EXPECT_TRUE(tables.IsMember(eth0, Ip6("ff02::1:ff00:0")));  // solicited-node of fd00:: and fe80::
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00::")}).route.type, RouteType::Anycast);
  ns.SetSysctl("net.ipv6.conf.eth0.forwarding", "0");
  EXPECT_FALSE(tables.IsAnycastAddress(Ip6("fd00::")));
  EXPECT_FALSE(tables.IsMember(eth0, Ip6("ff02::1:ff00:0")));
  EXPECT_TRUE(tables.IsAnycastAddress(Ip6("fe80::")));  // eth1's
}

TEST_F(Ipv6, GroupsOfAddressesAreCounted) {
  Add(eth0, "fd00::1/64");
  Add(eth0, "fd00:1::1/64");  // the same last 24 bits
  EXPECT_TRUE(tables.IsMember(eth0, Ip6("ff02::1:ff00:1")));
  tables.DeleteAddress(eth0, Net6("fd00::1/64"));
  EXPECT_TRUE(tables.IsMember(eth0, Ip6("ff02::1:ff00:1")));
  tables.DeleteAddress(eth0, Net6("fd00:1::1/64"));
  EXPECT_FALSE(tables.IsMember(eth0, Ip6("ff02::1:ff00:1")));
}

TEST_F(Ipv6, TentativeAddressIsNotUsedBeforeDetectionEnds) {
  std::vector<Ipv6Address> probed;
  tables.onEvent = [&](const Ipv6Event& e) {
    if (e.kind == Ipv6Event::Kind::DadStart) probed.push_back(e.address);
  };
  ns.SetSysctl("net.ipv6.conf.eth0.accept_dad", "1");
  ASSERT_EQ(tables.AddAddress({.ifindex = eth0, .local = Ip6("fd00::1"), .prefixLength = 64}), 0);
  EXPECT_EQ(probed, std::vector{Ip6("fd00::1")});
  EXPECT_FALSE(tables.IsLocalAddress(Ip6("fd00::1")));
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("fd00::2")), Ip6("fe80::ff:fe00:101"));
  EXPECT_EQ(tables.EndDad(eth0, Ip6("fd00::1"), false), 0);
  EXPECT_TRUE(tables.IsLocalAddress(Ip6("fd00::1")));
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00::1")}).route.type, RouteType::Local);
  EXPECT_EQ(tables.EndDad(eth0, Ip6("fd00::7"), false), EADDRNOTAVAIL);
}

TEST_F(Ipv6, SourceFollowsRfc6724) {
  Add(eth0, "fd00:1::1/64");
  Add(eth0, "2001:db8::1/64");
  Add(eth1, "fd00:2::1/64");
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("fd00:1::1")), Ip6("fd00:1::1"));        // rule 1: the same
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("fe80::9")), Ip6("fe80::ff:fe00:101"));  // rule 2: scope
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("ff02::1")), Ip6("fe80::ff:fe00:101"));
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("fd00:2::9")), Ip6("fd00:1::1"));  // rule 5: of the outgoing device
  EXPECT_EQ(tables.SelectSource(eth0, Ip6("2600::1")), Ip6("2001:db8::1"));  // rule 6: label 1, not 5
  EXPECT_EQ(tables.SelectSource(0, Ip6("fd00:2::9")), Ip6("fd00:2::1"));     // rule 8: longest prefix
}

TEST_F(Ipv6, RoutesOfOneMetricByGatewayBecomeOneWithManyHops) {
  Add(eth0, "fd00::1/64");
  ASSERT_EQ(Route("fd00:2::/64", "fd00::2", 0, Namespace::kCreate | Namespace::kExclusive), 0);
  EXPECT_EQ(Route("fd00:2::/64", "fd00::3", 0, Namespace::kCreate | Namespace::kExclusive), EEXIST);
  EXPECT_EQ(Route("fd00:2::/64", "fd00::2", 0, Namespace::kCreate | Namespace::kAppend), EEXIST);
  EXPECT_EQ(Route("fd00:2::/64", "fd00::3", 0, Namespace::kCreate | Namespace::kAppend), 0);
  EXPECT_EQ(Route("fd00:2::/64", nullptr, eth1, Namespace::kCreate | Namespace::kAppend), 0);  // stands by itself
  EXPECT_EQ(RouteList(kTableMain)[1], "fd00:2::/64 via fd00::2 eth0 via fd00::3 eth0");
  EXPECT_EQ(RouteList(kTableMain)[2], "fd00:2::/64 eth1");
  Route6 pattern;
  pattern.dst = Net6("fd00:2::/64");
  pattern.protocol = kProtoUnspec;
  pattern.nextHops = {{.gateway = Ip6("fd00::2")}};
  EXPECT_EQ(tables.DeleteRoute(pattern), 0);
  EXPECT_EQ(RouteList(kTableMain)[1], "fd00:2::/64 via fd00::3 eth0");
  EXPECT_EQ(Route("fd00:2::/64", "fd00::9", 0, Namespace::kReplace), 0);
  EXPECT_EQ(RouteList(kTableMain)[1], "fd00:2::/64 via fd00::9 eth0");
  EXPECT_EQ(Route("fd00:3::/64", "fd00::9", 0, Namespace::kReplace), ENOENT);
}

TEST_F(Ipv6, HopsAreChosenByHash) {
  Add(eth0, "fd00::1/64");
  Route6 r;
  r.dst = Net6("fd00:2::/64");
  r.nextHops = {{.gateway = Ip6("fd00::2"), .weight = 3}, {.gateway = Ip6("fd00::3"), .weight = 1}};
  ASSERT_EQ(tables.AddRoute(r, Namespace::kCreate), 0);
  // Three quarters of the hash space are the first hop's.
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00:2::1"), .flowHash = 0xbfffffff}).nextHop.gateway, Ip6("fd00::2"));
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00:2::1"), .flowHash = 0xc0000000}).nextHop.gateway, Ip6("fd00::3"));
}

TEST_F(Ipv6, GatewaysAreCheckedAsByTheKernel) {
  Add(eth0, "fd00::1/64");
  EXPECT_EQ(Route("fd00:2::/64", "fd00:77::1", 0), EHOSTUNREACH);
  EXPECT_EQ(Route("fd00:2::/64", "fe80::1", 0), EINVAL);
  EXPECT_EQ(why, "Egress device not specified");
  EXPECT_EQ(Route("fd00:2::/64", "fd00::1", eth0), EINVAL);
  EXPECT_EQ(why, "Gateway can not be a local address");
  EXPECT_EQ(Route("fd00:2::/64", "ff02::1", eth0), EINVAL);
  EXPECT_EQ(why, "Invalid gateway address");
  ns.SetLinkUp(eth1, false, {});
  EXPECT_EQ(Route("fd00:2::/64", nullptr, eth1), ENETDOWN);
  EXPECT_EQ(why, "Nexthop device is not up");
}

TEST_F(Ipv6, LookupTellsWhyThereIsNoWay) {
  for (auto [type, error] : {std::pair(RouteType::Unreachable, EHOSTUNREACH),
                             {RouteType::Blackhole, EINVAL},
                             {RouteType::Prohibit, EACCES},
                             {RouteType::Throw, ENETUNREACH}}) {
    Route6 r;
    r.dst = Net6("fd00:5::/64");
    r.type = type;
    ASSERT_EQ(tables.AddRoute(r, Namespace::kCreate | Namespace::kReplace), 0);
    EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00:5::1")}).error, error);
  }
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00:6::1")}).error, ENETUNREACH);
}

TEST_F(Ipv6, LinkLocalDestinationsStayOnTheirLink) {
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fe80::9"), .oif = eth1}).nextHop.ifindex, eth1);
  EXPECT_EQ(tables.Lookup({.dst = Ip6("ff02::1"), .oif = eth1}).nextHop.ifindex, eth1);
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fe80::ff:fe00:102"), .iif = eth0}).nextHop.ifindex, eth0);  // another's there
}

TEST_F(Ipv6, RulesComeBeforeMain) {
  Add(eth0, "fd00::1/64");
  Rule6 rule;
  rule.to = Net6("fd00::/64");
  rule.action = RouteType::Prohibit;
  ASSERT_EQ(tables.AddRule(rule), 0);
  EXPECT_EQ(tables.Rules()[1].preference, 32765u);
  EXPECT_EQ(tables.AddRule(rule), 0);  // its preference is another
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00::9")}).error, EACCES);
  EXPECT_EQ(tables.Lookup({.dst = Ip6("fd00::1")}).error, 0);  // table local is asked first
}

TEST_F(Ipv6, LearntPmtuExpires) {
  tables.LearnPmtu(Ip6("fd00::9"), 1400, Seconds(600));
  EXPECT_EQ(tables.LearntPmtu(Ip6("fd00::9"), Seconds(599)), 1400u);
  EXPECT_EQ(tables.LearntPmtu(Ip6("fd00::9"), Seconds(600)), 0u);
}

TEST_F(Ipv6, SettingsOfAllAreForDevicesToCome) {
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.all.forwarding", "1"), 0);
  EXPECT_EQ(ns.GetSysctl("net.ipv6.conf.eth0.forwarding"), "1");
  EXPECT_TRUE(tables.Forwarding(AddUp("eth2", 0x020000000103)));
  EXPECT_EQ(ns.GetSysctl("net.ipv6.neigh.eth0.retrans_time_ms"), "1000");
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.nope.mtu", "1400"), ENOENT);
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.eth0.mtu", "1501"), EINVAL);  // more than the device's
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.eth0.mtu", "1279"), EINVAL);
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.eth0.hop_limit", "300"), EINVAL);
  EXPECT_EQ(ns.GetSysctl("net.ipv6.conf.eth0.temp_valid_lft"), "604800");
  EXPECT_EQ(ns.SetSysctl("net.ipv6.conf.eth0.temp_valid_lft", "60"), 0);
  EXPECT_EQ(ns.GetSysctl("net.ipv6.conf.eth0.temp_valid_lft"), "60");
}

TEST_F(Ipv6, NeighboursGoWithTheirLink) {
  Neighbour6 n{.ip = Ip6("fe80::9"), .ifindex = eth0, .state = NudState::Permanent};
  EXPECT_EQ(tables.SetNeighbour(n, Namespace::kReplace), ENOENT);
  EXPECT_EQ(tables.SetNeighbour(n, Namespace::kCreate | Namespace::kExclusive), 0);
  EXPECT_EQ(tables.SetNeighbour(n, Namespace::kCreate | Namespace::kExclusive), EEXIST);
  ns.SetLinkUp(eth0, false, {});
  EXPECT_EQ(tables.FindNeighbour(eth0, n.ip), nullptr);
}

}  // namespace
}  // namespace overlaysim::kernel
