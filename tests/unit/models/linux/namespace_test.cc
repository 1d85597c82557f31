#include "models/linux/namespace.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/tables.h"

namespace overlaysim::kernel {
namespace {

using test::AddUpLink;
using test::Ip;
using test::Mac;
using test::Net;
using test::RouteVia;

/// "local 10.0.0.1/32 src 10.0.0.1", ... of one table.
std::vector<std::string> RouteList(const Namespace& ns, uint32_t table) {
  std::vector<std::string> out;
  for (const Route& r : ns.Routes(table)) {
    const char* type = r.type == RouteType::Local ? "local " : r.type == RouteType::Broadcast ? "broadcast " : "";
    out.push_back(type + r.dst.ToString() + (r.prefSrc.IsZero() ? "" : " src " + r.prefSrc.ToString()));
  }
  return out;
}
using Lines = std::vector<std::string>;

TEST(Addresses, BringConnectedLocalAndBroadcastRoutes) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  EXPECT_EQ(RouteList(ns, kTableMain), (Lines{"10.0.0.0/24 src 10.0.0.1"}));
  EXPECT_EQ(RouteList(ns, kTableLocal),
            (Lines{"local 10.0.0.1/32 src 10.0.0.1", "broadcast 10.0.0.255/32 src 10.0.0.1"}));
  EXPECT_TRUE(ns.IsLocalAddress(Ip("10.0.0.1")));
  EXPECT_EQ(ns.DeleteAddress(eth0, Net("10.0.0.1/25")), EADDRNOTAVAIL);
  EXPECT_EQ(ns.DeleteAddress(eth0, Net("10.0.0.1/24")), 0);
  EXPECT_TRUE(RouteList(ns, 0).empty());
  EXPECT_FALSE(ns.IsLocalAddress(Ip("10.0.0.1")));
}

TEST(Addresses, OfFlannelsKindHaveALocalRouteAlone) {
  Namespace ns(NetnsId(0), "n");
  AddUpLink(ns, {.name = "flannel.1"}, "10.244.1.0/32");
  EXPECT_EQ(RouteList(ns, 0), (Lines{"local 10.244.1.0/32 src 10.244.1.0"}));
}

TEST(Addresses, OfAPointToPointSubnetHaveNoBroadcast) {
  Namespace ns(NetnsId(0), "n");
  AddUpLink(ns, {.name = "eth0"}, "10.0.0.0/31");
  EXPECT_EQ(RouteList(ns, kTableLocal), (Lines{"local 10.0.0.0/32 src 10.0.0.0"}));
}

TEST(Addresses, ThatAreSecondaryNameTheirPrimaryAsSource) {
  // Linux 6.18: "local 10.0.0.2 proto kernel scope host src 10.0.0.1", and both go with the primary
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"});
  ns.AddAddress({.ifindex = eth0, .local = Ip("10.0.0.1"), .prefixLength = 24, .broadcast = Ip("10.0.0.127")});
  ns.AddAddress({.ifindex = eth0, .local = Ip("10.0.0.2"), .prefixLength = 24});
  EXPECT_EQ(ns.AddAddress({.ifindex = eth0, .local = Ip("10.0.0.2"), .prefixLength = 24}), EEXIST);
  EXPECT_TRUE(ns.Addresses()[1].secondary);
  EXPECT_EQ(RouteList(ns, kTableLocal),
            (Lines{"local 10.0.0.1/32 src 10.0.0.1", "local 10.0.0.2/32 src 10.0.0.1",
                   "broadcast 10.0.0.127/32 src 10.0.0.1", "broadcast 10.0.0.255/32 src 10.0.0.1"}));
  ns.DeleteAddress(eth0, Net("10.0.0.1/24"));
  EXPECT_TRUE(ns.Addresses().empty());
  EXPECT_TRUE(RouteList(ns, 0).empty());
}

TEST(Addresses, TakeRoutesWithTheirPreferredSourceAlong) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  AddUpLink(ns, {.name = "eth1"}, "10.0.1.1/24");
  Route route = RouteVia("20.0.0.0/8", "10.0.1.9");
  route.prefSrc = Ip("10.0.0.1");
  ASSERT_EQ(ns.AddRoute(route, Namespace::kCreate), 0);
  ns.DeleteAddress(eth0, Net("10.0.0.1/24"));
  EXPECT_EQ(RouteList(ns, kTableMain), (Lines{"10.0.1.0/24 src 10.0.1.1"}));
}

TEST(Addresses, TakeAllOfTheirDeviceAlongWithTheLastOne) {  // fib_disable_ip()
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  ns.AddAddress({.ifindex = eth0, .local = Ip("10.0.2.1"), .prefixLength = 24});
  ASSERT_EQ(ns.AddRoute(RouteVia("20.0.0.0/8", "10.0.0.9"), Namespace::kCreate), 0);
  ns.SetNeighbour(
      {.ip = Ip("10.0.0.9"), .ifindex = eth0, .mac = Mac("02:00:00:00:00:09"), .state = NudState::Permanent},
      Namespace::kCreate);
  ns.DeleteAddress(eth0, Net("10.0.0.1/24"));
  EXPECT_EQ(RouteList(ns, kTableMain).size(), 2u);  // 10.0.2.0/24 and 20.0.0.0/8
  EXPECT_EQ(ns.AllNeighbours().size(), 1u);
  ns.DeleteAddress(eth0, Net("10.0.2.1/24"));
  EXPECT_TRUE(RouteList(ns, kTableMain).empty());
  EXPECT_TRUE(ns.AllNeighbours().empty());
}

TEST(Links, TakeTheirRoutesAndNeighboursAlongWhenTheyGoDown) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  ASSERT_EQ(ns.AddRoute(RouteVia("20.0.0.0/8", "10.0.0.9"), Namespace::kCreate), 0);
  ns.SetNeighbour(
      {.ip = Ip("10.0.0.9"), .ifindex = eth0, .mac = Mac("02:00:00:00:00:09"), .state = NudState::Permanent},
      Namespace::kCreate);
  ns.SetLinkUp(eth0, false, {});
  EXPECT_TRUE(RouteList(ns, kTableMain).empty());
  EXPECT_EQ(ns.Neighbours().Size(), 0u);
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.0.0.1")}).route.type,
            RouteType::Local);  // a host's address outlives its link's state
  ns.SetLinkUp(eth0, true, {});
  EXPECT_EQ(RouteList(ns, kTableMain),
            (Lines{"10.0.0.0/24 src 10.0.0.1"}));  // what was added by hand does not come back
}

TEST(Links, AreDeletedWithEverythingOnThem) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  ASSERT_EQ(ns.AddRoute(RouteVia("20.0.0.0/8", "10.0.0.9"), Namespace::kCreate), 0);
  EXPECT_EQ(ns.DeleteLink(eth0), 0);
  EXPECT_EQ(ns.DeleteLink(eth0), ENODEV);
  EXPECT_EQ(ns.DeleteLink(1), EOPNOTSUPP);
  EXPECT_TRUE(ns.Addresses().empty());
  EXPECT_TRUE(ns.Routes(0).empty());
  EXPECT_EQ(ns.GetLink(eth0), nullptr);
  EXPECT_EQ(ns.AddLink({.name = "eth0"}).ifindex, eth0 + 1);  // an ifindex is not used twice
}

TEST(Links, KeepTheirMtuInBounds) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0", .mtu = 1500});
  EXPECT_EQ(ns.SetLinkMtu(eth0, 67), EINVAL);
  EXPECT_EQ(ns.SetLinkMtu(eth0, 9000), 0);
  const int vxlan = AddUpLink(ns, {.name = "vx", .kind = LinkKind::Vxlan, .vxlan = {.lowerIfindex = eth0}});
  EXPECT_EQ(ns.SetLinkMtu(vxlan, 8951), EINVAL);
  EXPECT_EQ(ns.SetLinkMtu(vxlan, 8950), 0);  // 9000 - 50
  EXPECT_EQ(ns.SetLinkMtu(77, 1500), ENODEV);
}

class Bridge : public ::testing::Test {
 protected:
  int AddPort(const char* name, const char* mac, uint32_t mtu = 1500) {
    const int port = AddUpLink(ns, {.name = name, .kind = LinkKind::Veth, .address = Mac(mac), .mtu = mtu});
    EXPECT_EQ(ns.SetLinkMaster(port, br), 0);
    return port;
  }
  const BridgeFdbEntry* Fdb(const char* mac) { return ns.FindBridgeFdb(br)->Find(Mac(mac)); }

  Namespace ns{NetnsId(0), "n"};
  int br = AddUpLink(ns, {.name = "br0", .kind = LinkKind::Bridge, .address = Mac("0e:00:00:00:00:01")});
};

TEST_F(Bridge, TakesTheLowestPortsAddressUnlessItWasGivenOne) {
  AddPort("v1", "02:00:00:00:00:05");
  EXPECT_EQ(ns.GetLink(br)->address, Mac("02:00:00:00:00:05"));
  const int low = AddPort("v2", "02:00:00:00:00:03");
  EXPECT_EQ(ns.GetLink(br)->address, Mac("02:00:00:00:00:03"));
  ns.SetLinkMaster(low, 0);
  EXPECT_EQ(ns.GetLink(br)->address, Mac("02:00:00:00:00:05"));
  ns.SetLinkAddress(br, Mac("02:00:00:00:00:99"));
  AddPort("v3", "02:00:00:00:00:01");
  EXPECT_EQ(ns.GetLink(br)->address, Mac("02:00:00:00:00:99"));
}

TEST_F(Bridge, HasNoAddressWhenItsLastPortHasGone) {  // `ip link` on Linux 6.18: 00:00:00:00:00:00
  const int port = AddPort("v1", "02:00:00:00:00:05", 1400);
  ns.SetLinkMaster(port, 0);
  EXPECT_TRUE(ns.GetLink(br)->address.IsZero());
  EXPECT_EQ(ns.GetLink(br)->mtu, 1500u);
}

TEST_F(Bridge, FollowsItsSmallestPortsMtuUnlessItWasGivenOneAndTells) {
  uint32_t told = 0;
  ns.onChange = [&](const TableChange& c) {
    if (c.table == Table::Link && static_cast<const Link*>(c.row)->ifindex == br)
      told = static_cast<const Link*>(c.row)->mtu;
  };
  AddPort("v1", "02:00:00:00:00:05", 1450);
  EXPECT_EQ(ns.GetLink(br)->mtu, 1450u);
  const int small = AddPort("v2", "02:00:00:00:00:06", 1400);
  EXPECT_EQ(ns.GetLink(br)->mtu, 1400u);
  EXPECT_EQ(told, 1400u);
  ns.SetLinkMtu(small, 1300);
  EXPECT_EQ(ns.GetLink(br)->mtu, 1300u);
  ns.SetLinkMtu(br, 1200);
  ns.SetLinkMtu(small, 1250);
  EXPECT_EQ(ns.GetLink(br)->mtu, 1200u);
}

TEST_F(Bridge, HasLocalEntriesForItselfAndItsPorts) {
  ns.SetLinkAddress(br, Mac("02:00:00:00:00:99"));
  const int port = AddPort("v1", "02:00:00:00:00:05");
  EXPECT_EQ(Fdb("02:00:00:00:00:99")->port, br);
  EXPECT_EQ(Fdb("02:00:00:00:00:05")->port, port);
  EXPECT_TRUE(Fdb("02:00:00:00:00:05")->isLocal);
  ns.SetLinkAddress(port, Mac("02:00:00:00:00:06"));
  EXPECT_EQ(Fdb("02:00:00:00:00:05"), nullptr);
  EXPECT_TRUE(Fdb("02:00:00:00:00:06")->isLocal);
  ns.AddBridgeFdb(port, Mac("02:00:00:00:00:77"), false, true, Namespace::kCreate, {});
  ns.SetLinkMaster(port, 0);
  EXPECT_EQ(Fdb("02:00:00:00:00:06"), nullptr);
  EXPECT_EQ(Fdb("02:00:00:00:00:77"), nullptr);
}

TEST_F(Bridge, ForgetsWhatAPortThatGoesDownHadLearnt) {
  const int port = AddPort("v1", "02:00:00:00:00:05");
  ns.AddBridgeFdb(port, Mac("02:00:00:00:00:71"), false, false, Namespace::kCreate, {});
  ns.AddBridgeFdb(port, Mac("02:00:00:00:00:72"), false, true, Namespace::kCreate, {});
  ns.SetLinkUp(port, false, {});
  EXPECT_EQ(Fdb("02:00:00:00:00:71"), nullptr);
  EXPECT_NE(Fdb("02:00:00:00:00:72"), nullptr);
  EXPECT_NE(Fdb("02:00:00:00:00:05"), nullptr);
}

TEST_F(Bridge, NumbersItsPortsFromTheLowestFreeNumber) {
  const int a = AddPort("v1", "02:00:00:00:00:05"), b = AddPort("v2", "02:00:00:00:00:06");
  ns.SetLinkMaster(a, 0);
  const int c = AddPort("v3", "02:00:00:00:00:07");
  EXPECT_EQ(ns.GetLink(c)->port.portNo, 1);
  EXPECT_EQ(ns.GetLink(b)->port.portNo, 2);
  EXPECT_EQ(ns.BridgePorts(br), (std::vector<int>{c, b}));
}

TEST_F(Bridge, AnswersFdbCommandsWithTheKernelsErrno) {
  const int port = AddPort("v1", "02:00:00:00:00:05");
  const MacAddress mac = Mac("02:00:00:00:00:77");
  EXPECT_EQ(ns.AddBridgeFdb(port, mac, false, true, Namespace::kReplace, {}), ENOENT);
  EXPECT_EQ(ns.AddBridgeFdb(port, mac, false, true, Namespace::kCreate | Namespace::kExclusive, {}), 0);
  EXPECT_EQ(ns.AddBridgeFdb(port, mac, false, true, Namespace::kCreate | Namespace::kExclusive, {}), EEXIST);
  EXPECT_EQ(ns.AddBridgeFdb(1, mac, false, true, Namespace::kCreate, {}), EOPNOTSUPP);
  EXPECT_EQ(ns.DeleteBridgeFdb(br, mac), ENOENT);
  EXPECT_EQ(ns.DeleteBridgeFdb(port, mac), 0);
  EXPECT_EQ(ns.SetLinkMaster(port, 1), EOPNOTSUPP);
  EXPECT_EQ(ns.SetLinkMaster(br, br), ELOOP);
}

class VxlanTable : public ::testing::Test {
 protected:
  int Add(const char* mac, const char* ip, uint8_t flags, bool permanent = true) {
    return ns.AddVxlanFdb(vx, Mac(mac), {.ip = Ip(ip)}, permanent, flags, {});
  }
  int Delete(const char* mac, const char* ip) {
    const VxlanRemote remote{.ip = Ip(ip)};
    return ns.DeleteVxlanFdb(vx, Mac(mac), &remote);
  }
  std::vector<std::string> Remotes(const char* mac) {
    std::vector<std::string> out;
    if (const VxlanFdbEntry* e = ns.FindVxlanFdb(vx)->Find(Mac(mac)))
      for (const VxlanRemote& r : e->remotes) out.push_back(r.ip.ToString());
    return out;
  }
  static constexpr uint8_t kAdd = Namespace::kCreate | Namespace::kExclusive,
                           kAppend = Namespace::kCreate | Namespace::kAppend,
                           kReplace = Namespace::kCreate | Namespace::kReplace;
  static constexpr const char* kUnicast = "02:00:00:00:00:0b";
  static constexpr const char* kZero = "00:00:00:00:00:00";

  Namespace ns{NetnsId(0), "n"};
  int vx = AddUpLink(ns, {.name = "vx", .kind = LinkKind::Vxlan, .vxlan = {.vni = 5, .maxAddress = 3}});
};

TEST_F(VxlanTable, AnswersAsBridgeFdbOnLinuxDoes) {
  EXPECT_EQ(Add(kUnicast, "10.1.1.1", kAdd), 0);
  EXPECT_EQ(Add(kUnicast, "10.1.1.2", kAdd), EEXIST);
  EXPECT_EQ(Add(kUnicast, "10.1.1.2", kAppend), 0);  // without effect: one remote for one station
  EXPECT_EQ(Remotes(kUnicast), (Lines{"10.1.1.1"}));
  EXPECT_EQ(Add(kUnicast, "10.1.1.9", kReplace), 0);
  EXPECT_EQ(Remotes(kUnicast), (Lines{"10.1.1.9"}));
  EXPECT_EQ(Delete("02:00:00:00:00:ff", "10.1.1.1"), ENOENT);
  EXPECT_EQ(Delete(kUnicast, "10.1.1.77"), 0);  // rc=0 on Linux 6.18, and nothing is deleted
  EXPECT_EQ(Remotes(kUnicast), (Lines{"10.1.1.9"}));
  EXPECT_EQ(Delete(kUnicast, "10.1.1.9"), 0);
  EXPECT_TRUE(Remotes(kUnicast).empty());
}

TEST_F(VxlanTable, KeepsSeveralRemotesForAllAndForGroups) {
  EXPECT_EQ(Add(kZero, "10.1.1.1", kReplace), EOPNOTSUPP);
  EXPECT_EQ(Add(kZero, "10.1.1.1", kAppend), 0);
  EXPECT_EQ(Add(kZero, "10.1.1.2", kAppend), 0);
  EXPECT_EQ(Add(kZero, "10.1.1.2", kAppend), 0);
  EXPECT_EQ(Add(kZero, "10.1.1.3", kReplace), EOPNOTSUPP);
  EXPECT_EQ(Remotes(kZero), (Lines{"10.1.1.1", "10.1.1.2"}));
  EXPECT_EQ(Delete(kZero, "10.1.1.1"), 0);
  EXPECT_EQ(Remotes(kZero), (Lines{"10.1.1.2"}));
}

TEST_F(VxlanTable, DoesNotTellTheDevicesOwnPortAndVniFromNone) {
  ns.AddVxlanFdb(vx, Mac(kZero), {.ip = Ip("10.1.1.1"), .port = 8472, .vni = 5}, true, kAppend, {});
  EXPECT_EQ(Add(kZero, "10.1.1.1", kAppend), 0);
  EXPECT_EQ(Remotes(kZero), (Lines{"10.1.1.1"}));
  EXPECT_EQ(ns.FindVxlanFdb(vx)->Find(Mac(kZero))->remotes.front(), (VxlanRemote{.ip = Ip("10.1.1.1")}));
}

TEST_F(VxlanTable, RefreshesAnEntryThatIsChangedOnly) {  // bridge -s fdb show: "used 2/2", then "used 2/0"
  Add(kUnicast, "10.1.1.1", kAdd, false);
  const VxlanFdbEntry& entry = *ns.FindVxlanFdb(vx)->Find(Mac(kUnicast));
  ns.AddVxlanFdb(vx, Mac(kUnicast), {.ip = Ip("10.1.1.1")}, false, kReplace, Seconds(2));
  EXPECT_EQ(entry.updated, Seconds(0));
  ns.AddVxlanFdb(vx, Mac(kUnicast), {.ip = Ip("10.1.1.2")}, false, kReplace, Seconds(4));
  EXPECT_EQ(entry.updated, Seconds(4));
}

TEST_F(VxlanTable, TakesTheStateOfAGroupsReplacementThatItRefuses) {
  EXPECT_EQ(Add(kZero, "10.1.1.1", kAppend, false), 0);
  EXPECT_EQ(Add(kZero, "10.1.1.2", kReplace, true), EOPNOTSUPP);
  EXPECT_TRUE(ns.FindVxlanFdb(vx)->Find(Mac(kZero))->isPermanent);
}

TEST_F(VxlanTable, IsFullAtItsMaximumOfAddresses) {
  for (const char* mac : {"02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"})
    EXPECT_EQ(Add(mac, "10.1.1.1", kAdd), 0);
  EXPECT_EQ(Add("02:00:00:00:00:04", "10.1.1.1", kAdd), ENOSPC);
}

TEST_F(VxlanTable, ForgetsWhatIsNotPermanentWhenTheDeviceGoesDown) {
  Add(kUnicast, "10.1.1.1", kAdd);
  Add("02:00:00:00:00:0c", "10.1.1.1", kAdd, false);
  Add("02:00:00:00:00:0d", "10.1.1.1", kAdd, false);
  ns.FdbOfVxlan(vx).Find(Mac("02:00:00:00:00:0d"))->isStatic = true;
  ns.SetLinkUp(vx, false, {});
  EXPECT_FALSE(Remotes(kUnicast).empty());
  EXPECT_TRUE(Remotes("02:00:00:00:00:0c").empty());
  EXPECT_FALSE(Remotes("02:00:00:00:00:0d").empty());
}

TEST(Neighbours, AreSetFoundAndDeletedAsIpNeighDoes) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  const Neighbour entry{
      .ip = Ip("10.0.0.2"), .ifindex = eth0, .mac = Mac("02:00:00:00:00:02"), .state = NudState::Permanent};
  EXPECT_EQ(ns.SetNeighbour(entry, Namespace::kReplace), ENOENT);
  EXPECT_EQ(ns.SetNeighbour(entry, Namespace::kCreate | Namespace::kExclusive), 0);
  EXPECT_EQ(ns.SetNeighbour(entry, Namespace::kCreate | Namespace::kExclusive), EEXIST);
  Neighbour scratch;
  const uint32_t row = ns.FindNeighbour(eth0, Ip("10.0.0.2"), scratch)->rowId;
  Neighbour changed = entry;
  changed.mac = {};
  changed.state = NudState::Stale;
  EXPECT_EQ(ns.SetNeighbour(changed, Namespace::kCreate | Namespace::kReplace), 0);
  EXPECT_EQ(ns.FindNeighbour(eth0, Ip("10.0.0.2"), scratch)->mac, entry.mac);  // no lladdr given: the old one stays
  EXPECT_EQ(ns.FindNeighbour(eth0, Ip("10.0.0.2"), scratch)->rowId, row);
  EXPECT_EQ(ns.DeleteNeighbour(eth0, Ip("10.0.0.3")), ENOENT);
  EXPECT_EQ(ns.DeleteNeighbour(eth0, Ip("10.0.0.2")), 0);
  EXPECT_EQ(ns.SetNeighbour({.ip = Ip("10.0.0.2"), .ifindex = 99}, Namespace::kCreate), ENODEV);
}

TEST(SelectAddress, PrefersTheSubnetOfTheDestinationThenTheFirst) {
  Namespace ns(NetnsId(0), "n");
  const int eth0 = AddUpLink(ns, {.name = "eth0"}, "10.0.0.1/24");
  ns.AddAddress({.ifindex = eth0, .local = Ip("10.0.5.1"), .prefixLength = 24});
  const int bare = AddUpLink(ns, {.name = "eth1"});
  EXPECT_EQ(ns.SelectAddress(eth0, Ip("10.0.5.9"), kScopeGlobal), Ip("10.0.5.1"));
  EXPECT_EQ(ns.SelectAddress(eth0, Ip("99.0.0.1"), kScopeGlobal), Ip("10.0.0.1"));
  EXPECT_EQ(ns.SelectAddress(bare, Ip("99.0.0.1"), kScopeGlobal), Ip("10.0.0.1"));  // another device's
}

TEST(Sysctl, ReadsBackWhatItWasTold) {
  Namespace ns(NetnsId(0), "n");
  const int dotted = AddUpLink(ns, {.name = "flannel.1"});
  EXPECT_EQ(ns.GetSysctl("net.ipv4.ip_forward"), "0");
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_forward", "1"), 0);
  EXPECT_TRUE(ns.Forwarding(dotted));
  EXPECT_TRUE(ns.Forwarding(AddUpLink(ns, {.name = "later"})));
  EXPECT_EQ(ns.SetSysctl("net/ipv4/conf/flannel.1/rp_filter", "2"), 0);
  EXPECT_EQ(ns.RpFilter(dotted), 2);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.neigh.flannel.1.base_reachable_time_ms", "1500"), 0);
  EXPECT_EQ(ns.Parms(dotted).baseReachableTime, Milliseconds(1500));
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_local_port_range", "1024 2048"), 0);
  EXPECT_EQ(ns.GetSysctl("net.ipv4.ip_local_port_range"), "1024\t2048");
  EXPECT_EQ(ns.SetSysctl("net.core.somaxconn", "99"), 0);  // not modelled: kept
  EXPECT_EQ(ns.GetSysctl("net.core.somaxconn"), "99");
}

TEST(Sysctl, RefusesWhatTheKernelRefuses) {
  Namespace ns(NetnsId(0), "n");
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_default_ttl", "0"), EINVAL);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_default_ttl", "256"), EINVAL);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_default_ttl", "many"), EINVAL);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.ip_local_port_range", "2048 1024"), EINVAL);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.conf.eth9.rp_filter", "1"), ENOENT);
  EXPECT_EQ(ns.SetSysctl("net.ipv4.conf.lo.no_such_thing", "1"), ENOENT);
  EXPECT_EQ(ns.GetSysctl("net.ipv4.conf.eth9.rp_filter"), std::nullopt);
}

/// One remote node of flannel's kind: 10.244.2.0/24 behind VTEP 172.16.2.12.
class OnePeer : public PeerTables {
 public:
  explicit OnePeer(int vxlan) : m_vxlan(vxlan) {}
  bool FindRoute(uint32_t table, Ipv4Address dst, Route& out) const override {
    if (table != kTableMain || !Net("10.244.2.0/24").Contains(dst)) return false;
    out = Routes().front();
    return true;
  }
  bool FindNeighbour(int ifindex, Ipv4Address ip, Neighbour& out) const override {
    if (ifindex != m_vxlan || ip != Ip("10.244.2.0")) return false;
    out = Neighbours().front();
    return true;
  }
  bool FindVxlanFdb(int ifindex, MacAddress mac, VxlanFdbEntry& out) const override {
    if (ifindex != m_vxlan || mac != Mac("02:00:00:00:04:02")) return false;
    out = VxlanFdbEntries(ifindex).front();
    return true;
  }
  std::vector<Route> Routes() const override {
    Route route = RouteVia("10.244.2.0/24", "10.244.2.0", m_vxlan);
    route.nextHops.front().onlink = true;
    route.rowId = kSharedRow;
    return {route};
  }
  std::vector<Neighbour> Neighbours() const override {
    return {{.ip = Ip("10.244.2.0"),
             .ifindex = m_vxlan,
             .mac = Mac("02:00:00:00:04:02"),
             .state = NudState::Permanent,
             .rowId = kSharedRow + 1}};
  }
  std::vector<VxlanFdbEntry> VxlanFdbEntries(int ifindex) const override {
    if (ifindex != m_vxlan) return {};
    return {{.mac = Mac("02:00:00:00:04:02"),
             .isPermanent = true,
             .remotes = {{.ip = Ip("172.16.2.12")}},
             .rowId = kSharedRow + 2}};
  }
  static constexpr uint32_t kSharedRow = 0x80000001;

 private:
  int m_vxlan;
};

class Peers : public ::testing::Test {
 protected:
  Peers() {
    AddUpLink(ns, {.name = "eth0"}, "172.16.1.11/24");
    ns.AddRoute(RouteVia("0.0.0.0/0", "172.16.1.1"), Namespace::kCreate);
    vx = AddUpLink(ns, {.name = "flannel.1", .kind = LinkKind::Vxlan}, "10.244.1.0/32");
    ns.peers = std::make_shared<OnePeer>(vx);
  }
  Namespace ns{NetnsId(0), "n"};
  int vx = 0;
};

TEST_F(Peers, AreFoundAmongTheNamespacesOwnRows) {
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.7")}).route.rowId, OnePeer::kSharedRow);
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.7")}).nextHop.gateway, Ip("10.244.2.0"));
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.3.7")}).nextHop.gateway, Ip("172.16.1.1"));
  Neighbour neighbour;
  EXPECT_EQ(ns.FindNeighbour(vx, Ip("10.244.2.0"), neighbour)->mac, Mac("02:00:00:00:04:02"));
  VxlanFdbEntry entry;
  EXPECT_EQ(ns.LookupVxlanFdb(vx, Mac("02:00:00:00:04:02"), entry)->remotes.front().ip, Ip("172.16.2.12"));
}

TEST_F(Peers, GiveWayToTheNamespacesOwnRows) {
  ASSERT_EQ(ns.AddRoute(RouteVia("10.244.2.128/25", "172.16.1.1"), Namespace::kCreate), 0);
  ASSERT_EQ(ns.AddRoute(RouteVia("10.244.0.0/16", "172.16.1.1"), Namespace::kCreate), 0);
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.200")}).nextHop.gateway, Ip("172.16.1.1"));  // longer
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.7")}).nextHop.gateway, Ip("10.244.2.0"));    // shorter
  ASSERT_EQ(ns.AddRoute(RouteVia("10.244.2.0/24", "172.16.1.1"), Namespace::kCreate), 0);
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.7")}).nextHop.gateway, Ip("172.16.1.1"));  // as long
  ns.AddVxlanFdb(vx, Mac("02:00:00:00:04:02"), {.ip = Ip("9.9.9.9")}, true, Namespace::kCreate, {});
  VxlanFdbEntry entry;
  EXPECT_EQ(ns.LookupVxlanFdb(vx, Mac("02:00:00:00:04:02"), entry)->remotes.front().ip, Ip("9.9.9.9"));
  EXPECT_EQ(ns.AllVxlanFdb(vx).size(), 1u);
}

TEST_F(Peers, AreListedInOrderWithTheRest) {
  const auto routes = RouteList(ns, kTableMain);
  EXPECT_EQ(routes, (Lines{"0.0.0.0/0", "10.244.2.0/24", "172.16.1.0/24 src 172.16.1.11"}));
  ns.SetNeighbour({.ip = Ip("10.244.1.9"), .ifindex = vx, .state = NudState::Permanent}, Namespace::kCreate);
  const auto neighbours = ns.AllNeighbours();
  ASSERT_EQ(neighbours.size(), 2u);
  EXPECT_EQ(neighbours[0].ip, Ip("10.244.1.9"));
}

TEST_F(Peers, AreNotUsedWhileTheirDeviceIsDown) {
  ns.SetLinkUp(vx, false, {});
  EXPECT_EQ(ns.Lookup({.dst = Ip("10.244.2.7")}).nextHop.gateway, Ip("172.16.1.1"));
}

}  // namespace
}  // namespace overlaysim::kernel
