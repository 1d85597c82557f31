#include "models/linux/fib.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "models/linux/namespace.h"
#include "sim/base/random.h"
#include "support/tables.h"

namespace overlaysim::kernel {
namespace {

using test::AddUpLink;
using test::Ip;
using test::Net;
using test::RouteVia;

TEST(FibTable, FindsTheLongestPrefixThatCovers) {
  FibTable table;
  uint32_t row = 0;
  for (const char* prefix : {"0.0.0.0/0", "10.0.0.0/8", "10.244.0.0/16", "10.244.1.0/24", "10.244.1.7/32"}) {
    Route route;
    route.dst = Net(prefix);
    route.rowId = ++row;
    table.Insert(route, false);
  }
  EXPECT_EQ(table.Find(Ip("10.244.1.7"))->dst.length, 32);
  EXPECT_EQ(table.Find(Ip("10.244.1.8"))->dst.length, 24);
  EXPECT_EQ(table.Find(Ip("10.244.2.8"))->dst.length, 16);
  EXPECT_EQ(table.Find(Ip("10.1.2.3"))->dst.length, 8);
  EXPECT_EQ(table.Find(Ip("192.168.0.1"))->dst.length, 0);
  table.Erase([](const Route& r) { return r.dst.length == 0; }, [](const Route&) {});
  EXPECT_EQ(table.Find(Ip("192.168.0.1")), nullptr);
  EXPECT_EQ(table.Size(), 4u);
}

TEST(FibTable, AgreesWithALinearSearch) {
  RandomStream random(11, "fib");
  FibTable table;
  std::vector<Ipv4Prefix> prefixes;
  for (uint32_t i = 0; i < 300; ++i) {
    Route route;
    route.dst =
        Ipv4Prefix{{static_cast<uint32_t>(random.Below(1 << 12)) << 20 | static_cast<uint32_t>(random.Below(1 << 20))},
                   static_cast<uint8_t>(random.Below(33))}
            .Canonical();
    route.rowId = i + 1;
    table.Insert(route, true);
    prefixes.push_back(route.dst);
  }
  for (int i = 0; i < 3000; ++i) {
    const Ipv4Address dst =
        i % 2 ? Ipv4Address{static_cast<uint32_t>(random.Next())}
              : Ipv4Address{prefixes[random.Below(300)].address.value | static_cast<uint32_t>(random.Below(256))};
    int best = -1;
    for (const Ipv4Prefix& p : prefixes)
      if (p.Contains(dst)) best = std::max<int>(best, p.length);
    const Route* found = table.Find(dst);
    ASSERT_EQ(found ? found->dst.length : -1, best) << dst.ToString();
  }
}

class Fib : public ::testing::Test {
 protected:
  Fib() {
    AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");  // ifindex 2
    AddUpLink(ns, {.name = "eth1"}, "10.0.1.1/24");  // ifindex 3
  }
  int Add(const char* dst, const char* via, uint32_t metric = 0, uint8_t tos = 0) {
    Route r = RouteVia(dst, via);
    r.metric = metric;
    r.tos = tos;
    return ns.AddRoute(r, Namespace::kCreate | Namespace::kExclusive, &why);
  }
  int AddType(const char* dst, RouteType type, uint32_t table = kTableMain) {
    Route r;
    r.dst = Net(dst);
    r.type = type;
    r.table = table;
    return ns.AddRoute(r, Namespace::kCreate | Namespace::kExclusive, &why);
  }
  RouteAnswer Ask(const char* dst, uint8_t tos = 0) { return ns.Lookup({.dst = Ip(dst), .tos = tos}); }

  Namespace ns{NetnsId(0), "n"};
  std::string why;
};

TEST_F(Fib, TakesTheLowestMetricAmongEqualPrefixes) {
  EXPECT_EQ(Add("20.0.0.0/8", "10.0.0.9", 100), 0);
  EXPECT_EQ(Add("20.0.0.0/8", "10.0.1.9", 50), 0);
  EXPECT_EQ(Add("20.0.0.0/8", "10.0.0.8", 50), EEXIST);
  EXPECT_EQ(Ask("20.1.1.1").nextHop.gateway, Ip("10.0.1.9"));
}

TEST_F(Fib, TakesTheRouteOfThePacketsTosBeforeTheOneForAll) {
  EXPECT_EQ(Add("20.0.0.0/8", "10.0.0.9"), 0);
  EXPECT_EQ(Add("20.0.0.0/8", "10.0.1.9", 0, 0x10), 0);
  EXPECT_EQ(Ask("20.1.1.1", 0x10).nextHop.gateway, Ip("10.0.1.9"));
  EXPECT_EQ(Ask("20.1.1.1", 0x08).nextHop.gateway, Ip("10.0.0.9"));
}

TEST_F(Fib, AnswersTypesWithTheirErrno) {
  AddType("20.0.0.0/8", RouteType::Blackhole);
  AddType("21.0.0.0/8", RouteType::Unreachable);
  AddType("22.0.0.0/8", RouteType::Prohibit);
  EXPECT_EQ(Ask("20.1.1.1").error, EINVAL);        // ip route get: Invalid argument
  EXPECT_EQ(Ask("21.1.1.1").error, EHOSTUNREACH);  // No route to host
  EXPECT_EQ(Ask("22.1.1.1").error, EACCES);        // Permission denied
  EXPECT_EQ(Ask("23.1.1.1").error, ENETUNREACH);   // Network is unreachable
}

TEST_F(Fib, GoesOnWithTheNextRuleAfterThrow) {
  ASSERT_EQ(ns.AddRule({.preference = 100, .table = 7}), 0);
  ASSERT_EQ(AddType("20.1.0.0/16", RouteType::Throw, 7), 0);
  Route other = RouteVia("20.0.0.0/8", "10.0.1.9");
  other.table = 7;
  ASSERT_EQ(ns.AddRoute(other, Namespace::kCreate), 0);
  ASSERT_EQ(Add("20.0.0.0/8", "10.0.0.9"), 0);
  EXPECT_EQ(Ask("20.1.1.1").nextHop.gateway, Ip("10.0.0.9"));
  EXPECT_EQ(Ask("20.2.1.1").nextHop.gateway, Ip("10.0.1.9"));
}

TEST_F(Fib, ObeysRulesByMarkSourceAndInversion) {
  Route other = RouteVia("0.0.0.0/0", "10.0.1.9");
  other.table = 7;
  ASSERT_EQ(ns.AddRoute(other, Namespace::kCreate), 0);
  ASSERT_EQ(Add("0.0.0.0/0", "10.0.0.9"), 0);
  ASSERT_EQ(ns.AddRule({.preference = 100, .fwmark = 0x10, .fwmask = 0xf0, .table = 7}), 0);
  ASSERT_EQ(ns.AddRule({.preference = 101, .from = Net("172.16.0.0/12"), .inverted = true, .table = 7}), 0);
  EXPECT_EQ(ns.Lookup({.dst = Ip("1.1.1.1"), .src = Ip("172.16.0.1"), .mark = 0x1f}).nextHop.gateway, Ip("10.0.1.9"));
  EXPECT_EQ(ns.Lookup({.dst = Ip("1.1.1.1"), .src = Ip("172.16.0.1"), .mark = 0x2f}).nextHop.gateway, Ip("10.0.0.9"));
  EXPECT_EQ(ns.Lookup({.dst = Ip("1.1.1.1"), .src = Ip("9.9.9.9")}).nextHop.gateway, Ip("10.0.1.9"));
}

TEST_F(Fib, DividesFlowsByWeight) {
  Route r;
  r.dst = Net("20.0.0.0/8");
  r.nextHops = {{.gateway = Ip("10.0.0.9"), .weight = 3}, {.gateway = Ip("10.0.1.9"), .weight = 1}};
  ASSERT_EQ(ns.AddRoute(r, Namespace::kCreate), 0);
  int first = 0;
  for (uint32_t i = 0; i < 4096; ++i)
    first += ns.Lookup({.dst = Ip("20.1.1.1"), .flowHash = i << 20}).nextHop.gateway == Ip("10.0.0.9");
  EXPECT_EQ(first, 3072);  // 3/4 of an even spread
}

TEST_F(Fib, LeavesOutNextHopsOfDevicesThatAreDown) {
  Route r;
  r.dst = Net("20.0.0.0/8");
  r.nextHops = {{.gateway = Ip("10.0.0.9")}, {.gateway = Ip("10.0.1.9")}};
  ASSERT_EQ(ns.AddRoute(r, Namespace::kCreate), 0);
  ns.GetLink(2)->adminUp = false;
  for (uint32_t hash : {0u, 0x80000000u, 0xffffffffu})
    EXPECT_EQ(ns.Lookup({.dst = Ip("20.1.1.1"), .flowHash = hash}).nextHop.gateway, Ip("10.0.1.9"));
}

TEST_F(Fib, GoesOnUsingNextHopsWithoutCarrier) {
  // `ip route` shows them as "linkdown"; Linux 6.18 sent 3 of 9 destinations there (ignore_routes_with_linkdown is 0)
  Route r;
  r.dst = Net("20.0.0.0/8");
  r.nextHops = {{.gateway = Ip("10.0.0.9")}, {.gateway = Ip("10.0.1.9")}};
  ASSERT_EQ(ns.AddRoute(r, Namespace::kCreate), 0);
  ns.SetCarrier(3, false);
  EXPECT_EQ(ns.Lookup({.dst = Ip("20.1.1.1"), .flowHash = 0}).nextHop.gateway, Ip("10.0.0.9"));
  EXPECT_EQ(ns.Lookup({.dst = Ip("20.1.1.1"), .flowHash = 0xffffffff}).nextHop.gateway, Ip("10.0.1.9"));
}

TEST_F(Fib, RefusesNextHopsAsTheKernelDoes) {
  struct Case {
    Route route;
    int error;
    const char* message;
  };
  Route onlink = RouteVia("20.0.0.0/8", "10.0.0.1", 2);
  onlink.nextHops[0].onlink = true;
  Route badSource = RouteVia("20.0.0.0/8", "10.0.0.9");
  badSource.prefSrc = Ip("1.2.3.4");
  Route blackhole = RouteVia("20.0.0.0/8", "10.0.0.9");
  blackhole.type = RouteType::Blackhole;
  Route noDevice;
  noDevice.dst = Net("20.0.0.0/8");
  noDevice.nextHops = {{.ifindex = 99}};
  const Case cases[] = {
      {RouteVia("20.0.0.0/8", "10.7.0.1"), ENETUNREACH, "Nexthop has invalid gateway."},
      {RouteVia("20.0.0.0/8", "10.0.0.9", 3), ENETUNREACH, "Nexthop has invalid gateway."},
      {RouteVia("20.0.0.0/8", "10.0.0.255"), EINVAL, "Nexthop has invalid gateway."},
      {onlink, EINVAL, "Nexthop has invalid gateway."},
      {badSource, EINVAL, "Invalid prefsrc address."},
      {blackhole, EINVAL, "Gateway, device and multipath can not be specified for this route type."},
      {noDevice, ENODEV, "No such device"},
  };
  for (const Case& c : cases) {
    why.clear();
    EXPECT_EQ(ns.AddRoute(c.route, Namespace::kCreate, &why), c.error) << c.message;
    EXPECT_EQ(why, c.message);
  }
}

TEST_F(Fib, RefusesNextHopsOnDevicesThatAreDown) {
  const int down = ns.AddLink({.name = "eth2"}).ifindex;
  Route direct;
  direct.dst = Net("20.0.0.0/8");
  direct.nextHops = {{.ifindex = down}};
  EXPECT_EQ(ns.AddRoute(direct, Namespace::kCreate, &why), ENETDOWN);
  EXPECT_EQ(why, "Device for nexthop is not up.");
  Route onlink = RouteVia("20.0.0.0/8", "10.0.0.9", down);
  onlink.nextHops[0].onlink = true;
  EXPECT_EQ(ns.AddRoute(onlink, Namespace::kCreate, &why), ENETDOWN);
  EXPECT_EQ(why, "Nexthop device is not up.");
}

TEST_F(Fib, TakesAnyGatewayThatIsNotOurselvesWithOnlink) {
  Route route = RouteVia("20.0.0.0/8", "10.77.0.1", 2);
  EXPECT_EQ(ns.AddRoute(route, Namespace::kCreate), ENETUNREACH);
  route.nextHops[0].onlink = true;
  EXPECT_EQ(ns.AddRoute(route, Namespace::kCreate), 0);
  EXPECT_EQ(Ask("20.0.0.1").nextHop.gateway, Ip("10.77.0.1"));
}

TEST_F(Fib, AddReplaceChangeAppendAndDeleteAsIpRouteDoes) {
  const Route route = RouteVia("20.0.0.0/8", "10.0.0.9");
  const Route other = RouteVia("20.0.0.0/8", "10.0.1.9");
  EXPECT_EQ(ns.AddRoute(route, Namespace::kReplace), ENOENT);  // change: there is none
  EXPECT_EQ(ns.AddRoute(route, Namespace::kCreate | Namespace::kExclusive), 0);
  EXPECT_EQ(ns.AddRoute(other, Namespace::kCreate | Namespace::kExclusive), EEXIST);
  EXPECT_EQ(ns.AddRoute(other, Namespace::kCreate | Namespace::kAppend), 0);
  EXPECT_EQ(Ask("20.1.1.1").nextHop.gateway, Ip("10.0.0.9"));
  EXPECT_EQ(ns.DeleteRoute(RouteVia("20.0.0.0/8", "10.0.0.9")), 0);
  EXPECT_EQ(Ask("20.1.1.1").nextHop.gateway, Ip("10.0.1.9"));
  EXPECT_EQ(ns.AddRoute(route, Namespace::kCreate | Namespace::kReplace), 0);
  EXPECT_EQ(Ask("20.1.1.1").nextHop.gateway, Ip("10.0.0.9"));
  EXPECT_EQ(ns.DeleteRoute(RouteVia("20.0.0.0/8", "10.0.1.9")), ESRCH);
  EXPECT_EQ(ns.DeleteRoute(route), 0);
  EXPECT_EQ(ns.DeleteRoute(route), ESRCH);
}

}  // namespace
}  // namespace overlaysim::kernel
