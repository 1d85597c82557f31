// What is shown, byte for byte. All expected texts were printed by iproute2 6.1.0 and iptables 1.8.9 on Linux 6.18
// after the same commands (neighbours and FDB entries in our order).

#include "sim/iproute2/show.h"

#include <gtest/gtest.h>

#include "sim/iproute2/command.h"

namespace overlaysim::iproute2 {
namespace {

class Show : public testing::Test {
 protected:
  Show() {
    Run({"ip netns add a", "ip netns add b", "ip -n a link set lo up",
         "ip -n a link add eth0 address 02:00:00:00:01:01 type veth peer name to-n1 netns b address 02:00:00:00:07:0b",
         "ip -n a link set eth0 up", "ip -n b link set to-n1 up", "ip -n a addr add 10.0.0.1/24 dev eth0"});
  }

  void Run(std::initializer_list<std::string> lines) {
    for (const std::string& line : lines) EXPECT_EQ(RunCommand(m_all, {}, line, m_now).err, "") << line;
  }
  std::string Out(std::string_view line) {
    const CommandResult result = RunCommand(m_all, {}, line, m_now);
    EXPECT_EQ(result.err, "") << line;
    return result.out;
  }
  void AddRoutes() {
    Run({"ip -n a route add 10.1.0.0/16 via 10.0.0.2", "ip -n a route add 10.1.0.0/16 via 10.0.0.3 metric 100 mtu 1400",
         "ip -n a route append 10.1.0.0/16 via 10.0.0.4", "ip -n a route add 10.2.0.0/16 via 10.9.9.9 dev eth0 onlink",
         "ip -n a route add 10.4/16 src 10.0.0.1 dev eth0 mtu lock 1300 proto static scope link metric 7",
         "ip -n a route add 10.5.0.0/16 nexthop via 10.0.0.2 dev eth0 weight 2 nexthop via 10.0.0.3 weight 1",
         "ip -n a route add unreachable 10.6.0.0/16", "ip -n a route add prohibit 10.7.0.0/16 metric 5",
         "ip -n a route add blackhole 10.8.0.0/16 proto 80 table 100", "ip -n a route add throw 10.9.0.0/16 table 100",
         "ip -n a route add local 10.10.0.0/16 dev lo", "ip -n a route replace 10.1.0.0/16 via 10.0.0.7"});
  }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
  Nanoseconds m_now = Seconds(100);
};

TEST_F(Show, RoutesOfTheMainTable) {
  AddRoutes();
  EXPECT_EQ(Out("ip -n a route"),
            "10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1 \n"
            "10.1.0.0/16 via 10.0.0.7 dev eth0 \n"
            "10.1.0.0/16 via 10.0.0.4 dev eth0 \n"
            "10.1.0.0/16 via 10.0.0.3 dev eth0 metric 100 mtu 1400 \n"
            "10.2.0.0/16 via 10.9.9.9 dev eth0 onlink \n"
            "10.4.0.0/16 dev eth0 proto static scope link src 10.0.0.1 metric 7 mtu lock 1300 \n"
            "10.5.0.0/16 \n"
            "\tnexthop via 10.0.0.2 dev eth0 weight 2 \n"
            "\tnexthop via 10.0.0.3 dev eth0 weight 1 \n"
            "unreachable 10.6.0.0/16 \n"
            "prohibit 10.7.0.0/16 metric 5 \n");
}

TEST_F(Show, RoutesAsJson) {
  AddRoutes();
  EXPECT_EQ(Out("ip -n a -j route show 10.1.0.0/16"),
            "[{\"dst\":\"10.1.0.0/16\",\"gateway\":\"10.0.0.7\",\"dev\":\"eth0\",\"flags\":[]},"
            "{\"dst\":\"10.1.0.0/16\",\"gateway\":\"10.0.0.4\",\"dev\":\"eth0\",\"flags\":[]},"
            "{\"dst\":\"10.1.0.0/16\",\"gateway\":\"10.0.0.3\",\"dev\":\"eth0\",\"metric\":100,\"flags\":[],"
            "\"metrics\":[{\"mtu\":1400}]}]\n");
  EXPECT_EQ(Out("ip -n a -j route show 10.5.0.0/16"),
            "[{\"dst\":\"10.5.0.0/16\",\"flags\":[],\"nexthops\":["
            "{\"gateway\":\"10.0.0.2\",\"dev\":\"eth0\",\"weight\":2,\"flags\":[]},"
            "{\"gateway\":\"10.0.0.3\",\"dev\":\"eth0\",\"weight\":1,\"flags\":[]}]}]\n");
  EXPECT_EQ(Out("ip -n a -j route show table 100"),
            "[{\"type\":\"blackhole\",\"dst\":\"10.8.0.0/16\",\"protocol\":\"80\",\"flags\":[]},"
            "{\"type\":\"throw\",\"dst\":\"10.9.0.0/16\",\"flags\":[]}]\n");
  EXPECT_EQ(Out("ip -n b -j route"), "[]\n");
  EXPECT_EQ(Out("ip -n a -p -j route show scope link proto kernel"),
            "[ {\n"
            "        \"dst\": \"10.0.0.0/24\",\n"
            "        \"dev\": \"eth0\",\n"
            "        \"prefsrc\": \"10.0.0.1\",\n"
            "        \"flags\": [ ]\n"
            "    } ]\n");
}

TEST_F(Show, ASelectorLeavesOutItsColumn) {
  AddRoutes();
  EXPECT_EQ(Out("ip -n a route show dev eth0 via 10.0.0.3"), "10.1.0.0/16 metric 100 mtu 1400 \n");
  EXPECT_EQ(Out("ip -n a route show proto static"),
            "10.4.0.0/16 dev eth0 scope link src 10.0.0.1 metric 7 mtu lock 1300 \n");
  EXPECT_EQ(Out("ip -n a route show type unreachable"), "unreachable 10.6.0.0/16 \n");
  EXPECT_EQ(Out("ip -n a route show match 10.1.5.5 metric 100"), "10.1.0.0/16 via 10.0.0.3 dev eth0 mtu 1400 \n");
  EXPECT_EQ(Out("ip -n a route show root 10.6.0.0/15"), "unreachable 10.6.0.0/16 \nprohibit 10.7.0.0/16 metric 5 \n");
  EXPECT_EQ(Out("ip -n a route show table all root 10.8.0.0/14"),
            "blackhole 10.8.0.0/16 table 100 proto 80 \n"
            "throw 10.9.0.0/16 table 100 \n"
            "local 10.10.0.0/16 dev lo table local scope host \n");
  EXPECT_EQ(Out("ip -n a -d route show 10.2.0.0/16"),
            "unicast 10.2.0.0/16 via 10.9.9.9 dev eth0 proto boot scope global onlink \n");
}

TEST_F(Show, RouteGet) {
  Run({"ip -n a route add 10.4.0.0/16 dev eth0 mtu lock 1300", "ip -n a route add 10.9.0.0/16 via 10.0.0.2 table 100"});
  EXPECT_EQ(Out("ip -n a route get 10.0.0.7"), "10.0.0.7 dev eth0 src 10.0.0.1 uid 0 \n    cache \n");
  EXPECT_EQ(Out("ip -n a -j route get 10.0.0.7"),
            "[{\"dst\":\"10.0.0.7\",\"dev\":\"eth0\",\"prefsrc\":\"10.0.0.1\",\"flags\":[],\"uid\":0,\"cache\":[]}]\n");
  EXPECT_EQ(Out("ip -n a route get 10.0.0.1"), "local 10.0.0.1 dev lo src 10.0.0.1 uid 0 \n    cache <local> \n");
  EXPECT_EQ(Out("ip -n a route get 10.4.0.1 from 10.0.0.1"),
            "10.4.0.1 from 10.0.0.1 dev eth0 uid 0 \n    cache mtu lock 1300 \n");
  EXPECT_EQ(Out("ip -n a route get 10.0.0.255"),
            "broadcast 10.0.0.255 dev eth0 src 10.0.0.1 uid 0 \n    cache <local,brd> \n");
  Run({"ip -n a rule add to 10.9.0.0/16 table 100"});
  EXPECT_EQ(Out("ip -n a route get 10.9.0.1 mark 5"),
            "10.9.0.1 via 10.0.0.2 dev eth0 table 100 src 10.0.0.1 mark 5 uid 0 \n    cache \n");
  // with a rule of one's own, local and main are no longer one table
  EXPECT_EQ(Out("ip -n a route get 10.0.0.1"),
            "local 10.0.0.1 dev lo table local src 10.0.0.1 uid 0 \n    cache <local> \n");
  Run({"ip -n a link add d0 type veth peer name d1", "ip -n a link set d0 up", "ip -n a link set d1 up",
       "ip -n a addr add 10.77.0.1/24 dev d0", "ip netns exec a sysctl -qw net.ipv4.ip_forward=1"});
  EXPECT_EQ(Out("ip -n a route get 10.9.0.1 from 10.77.0.5 iif d0"),
            "10.9.0.1 from 10.77.0.5 via 10.0.0.2 dev eth0 table 100 \n    cache iif d0 \n");
  EXPECT_EQ(Out("ip -n a -j route get 10.9.0.1 from 10.77.0.5 iif d0"),
            "[{\"dst\":\"10.9.0.1\",\"from\":\"10.77.0.5\",\"gateway\":\"10.0.0.2\",\"dev\":\"eth0\",\"table\":\"100\","
            "\"flags\":[],"
            "\"cache\":[],\"iif\":\"d0\"}]\n");
}

TEST_F(Show, ALearntPathMtuIsShownWithItsAge) {
  Run({"ip -n a route add default via 10.0.0.9"});
  m_machine.Find("a")->LearnPmtu({0x08080808}, 1400, m_now + Seconds(595), false);
  EXPECT_EQ(Out("ip -n a route get 8.8.8.8"),
            "8.8.8.8 via 10.0.0.9 dev eth0 src 10.0.0.1 uid 0 \n    cache expires 595sec mtu 1400 \n");
  Run({"ip -n a route flush cache"});
  EXPECT_EQ(Out("ip -n a route get 8.8.8.8"), "8.8.8.8 via 10.0.0.9 dev eth0 src 10.0.0.1 uid 0 \n    cache \n");
}

TEST_F(Show, Rules) {
  EXPECT_EQ(Out("ip -n a rule"),
            "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n");
  Run({"ip -n a rule add from 10.0.0.0/8 table 100 pref 1000", "ip -n a rule add to 10.0.0.1 lookup 100",
       "ip -n a rule add fwmark 0x1 table 100", "ip -n a rule add fwmark 0x1/0xff table main",
       "ip -n a rule add iif eth0 unreachable", "ip -n a rule add oif nix blackhole",
       "ip -n a rule add not from 1.2.3.4 prohibit", "ip -n a rule add tos 0x10 table 7"});
  EXPECT_EQ(Out("ip -n a rule"),
            "0:\tfrom all lookup local\n"
            "993:\tfrom all tos 0x10 lookup 7\n"
            "994:\tnot from 1.2.3.4 prohibit\n"
            "995:\tfrom all oif nix [detached] blackhole\n"
            "996:\tfrom all iif eth0 unreachable\n"
            "997:\tfrom all fwmark 0x1/0xff lookup main\n"
            "998:\tfrom all fwmark 0x1 lookup 100\n"
            "999:\tfrom all to 10.0.0.1 lookup 100\n"
            "1000:\tfrom 10.0.0.0/8 lookup 100\n"
            "32766:\tfrom all lookup main\n"
            "32767:\tfrom all lookup default\n");
  EXPECT_EQ(Out("ip -n a -j rule show pref 997"),
            "[{\"priority\":997,\"src\":\"all\",\"fwmark\":\"0x1\",\"fwmask\":\"0xff\",\"table\":\"main\"}]\n");
  EXPECT_EQ(Out("ip -n a -j rule show pref 995"),
            "[{\"priority\":995,\"src\":\"all\",\"oif\":\"nix\",\"oif_detached\":null,\"action\":\"blackhole\"}]\n");
  EXPECT_EQ(Out("ip -n a -j rule show pref 1000"),
            "[{\"priority\":1000,\"src\":\"10.0.0.0\",\"srclen\":8,\"table\":\"100\"}]\n");
  Run({"ip -n a rule del table 100"});  // the first that has it
  EXPECT_EQ(Out("ip -n a rule show table 100"),
            "999:\tfrom all to 10.0.0.1 lookup 100\n1000:\tfrom 10.0.0.0/8 lookup 100\n");
  Run({"ip -n a rule flush"});
  EXPECT_EQ(Out("ip -n a rule"), "0:\tfrom all lookup local\n");
}

TEST_F(Show, Neighbours) {
  Run({"ip -n a neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0",
       "ip -n a neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev eth0 nud stale",
       "ip -n a neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud noarp",
       "ip -n a neigh add 10.0.0.12 dev eth0 nud failed",
       "ip -n a neigh add 10.0.0.15 dev eth0 lladdr 02:00:00:00:00:0f extern_learn",
       "ip -n a neigh add 10.0.0.16 dev eth0 lladdr 02:00:00:00:00:10 router",
       "ip -n a neigh add proxy 10.0.0.20 dev eth0"});
  EXPECT_EQ(Out("ip -n a neigh"),
            "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:07 PERMANENT \n"
            "10.0.0.8 dev eth0 lladdr 02:00:00:00:00:08 STALE \n"
            "10.0.0.12 dev eth0 FAILED \n"
            "10.0.0.15 dev eth0 lladdr 02:00:00:00:00:0f extern_learn PERMANENT \n"
            "10.0.0.16 dev eth0 lladdr 02:00:00:00:00:10 router PERMANENT \n");
  EXPECT_EQ(Out("ip -n a neigh show proxy"), "10.0.0.20 dev eth0 proxy \n");
  EXPECT_EQ(Out("ip -n a neigh show dev eth0 nud noarp to 10.0.0.8/31"), "10.0.0.9 lladdr 02:00:00:00:00:09 NOARP \n");
  EXPECT_EQ(Out("ip -n a neigh get 10.0.0.7 dev eth0"), "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:07 PERMANENT \n");
  EXPECT_EQ(Out("ip -n a -j neigh show 10.0.0.15"),
            "[{\"dst\":\"10.0.0.15\",\"dev\":\"eth0\",\"lladdr\":\"02:00:00:00:00:0f\",\"extern_learn\":null,"
            "\"state\":[\"PERMANENT\"]}]\n");
  m_now += Seconds(3);
  EXPECT_EQ(
      Out("ip -n a -s neigh show 10.0.0.8"),  // not confirmed for twice the base reachable time, 2 * 30 s, at the start
      "10.0.0.8 dev eth0 lladdr 02:00:00:00:00:08  used 3/63/3probes 0 STALE \n");
}

TEST_F(Show, VxlanForwardingEntries) {
  Run({"ip -n a link add vx1 type vxlan id 1 local 10.0.0.1 remote 10.0.0.9 dev eth0 dstport 4789 nolearning",
       "bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.4 self permanent",
       "bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.5 port 99 vni 5 via eth0 self permanent",
       "bridge -n a fdb add 02:00:00:00:04:05 dev vx1 dst 10.0.0.3 self static",
       "bridge -n a fdb add 02:00:00:00:04:06 dev vx1 dst 10.0.0.3 self dynamic",
       "bridge -n a fdb add 02:00:00:00:04:18 dev vx1 dst 10.0.0.3 extern_learn"});
  EXPECT_EQ(Out("bridge -n a fdb"),
            "33:33:00:00:00:01 dev eth0 self permanent\n"
            "01:00:5e:00:00:01 dev eth0 self permanent\n"
            "02:00:00:00:04:18 dev vx1 dst 10.0.0.3 self extern_learn permanent\n"
            "02:00:00:00:04:06 dev vx1 dst 10.0.0.3 self \n"
            "02:00:00:00:04:05 dev vx1 dst 10.0.0.3 self static\n"
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.9 via eth0 self permanent\n"
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.4 self permanent\n"
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.5 port 99 vni 5 via eth0 self permanent\n");
  EXPECT_EQ(Out("bridge -n a -j -s fdb show dev vx1 dynamic"),
            "[{\"mac\":\"02:00:00:00:04:06\",\"dst\":\"10.0.0.3\",\"used\":0,\"updated\":0,\"flags\":[\"self\"],"
            "\"state\":\"\"}]\n");
  Run({"ip -n a link set vx1 type vxlan remote 10.0.0.8"});
  EXPECT_EQ(Out("bridge -n a fdb get 00:00:00:00:00:00"),
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.4 self permanent\n"
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.5 port 99 vni 5 via eth0 self permanent\n"
            "00:00:00:00:00:00 dev vx1 dst 10.0.0.8 via eth0 self permanent\n");
}

TEST_F(Show, BridgeForwardingEntries) {
  Run({"ip -n a link add br0 address 02:00:00:00:03:01 type bridge", "ip -n a link set eth0 master br0",
       "ip -n a link set br0 up", "bridge -n a fdb add 02:00:00:00:06:01 dev eth0 master static",
       "bridge -n a fdb add 02:00:00:00:06:02 dev eth0 master",
       "bridge -n a fdb add 02:00:00:00:06:03 dev eth0 master dynamic",
       "bridge -n a fdb add 02:00:00:00:06:05 dev br0 self",
       "bridge -n a fdb add 02:00:00:00:06:07 dev eth0 master extern_learn"});
  EXPECT_EQ(Out("bridge -n a fdb show br br0"),
            "02:00:00:00:06:07 dev eth0 extern_learn master br0 \n"
            "02:00:00:00:06:03 dev eth0 master br0 \n"
            "02:00:00:00:06:02 dev eth0 master br0 permanent\n"
            "02:00:00:00:06:01 dev eth0 master br0 static\n"
            "02:00:00:00:01:01 dev eth0 master br0 permanent\n"
            "33:33:00:00:00:01 dev eth0 self permanent\n"
            "01:00:5e:00:00:01 dev eth0 self permanent\n"
            "33:33:00:00:00:01 dev br0 self permanent\n"
            "01:00:5e:00:00:6a dev br0 self permanent\n"  // mcast_snooping is on
            "33:33:00:00:00:6a dev br0 self permanent\n"
            "01:00:5e:00:00:01 dev br0 self permanent\n"
            "02:00:00:00:06:05 dev br0 master br0 permanent\n"
            "02:00:00:00:03:01 dev br0 master br0 permanent\n");
  m_now += Seconds(300);  // ageing_time 30000
  EXPECT_EQ(Out("bridge -n a fdb show brport eth0 state stale"), "02:00:00:00:06:03 master br0 stale\n");
}

TEST_F(Show, VxlanLinks) {
  Run(
      {"ip -n a link add vx2 address 02:00:00:00:04:02 type vxlan id 2 group 239.1.1.1 dev eth0 dstport 4789 ttl 5 tos "
       "inherit "
       "ageing 30 maxaddress 7 srcport 1000 2000 proxy rsc l2miss l3miss noudpcsum df set",
       "ip -n a link add vx3 address 02:00:00:00:04:03 type vxlan id 3 remote 172.16.1.2 dstport 4789 ttl inherit tos "
       "0x10 gbp "
       "df inherit",
       "ip -n a link add vx4 address 02:00:00:00:04:04 type vxlan external dstport 4790"});
  const std::string tail =
      "addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 tso_max_size {} "
      "tso_max_segs 65535 "
      "gro_max_size 65536 \n";
  auto withTso = [&](const char* size) { return std::string(tail).replace(tail.find("{}"), 2, size); };
  EXPECT_EQ(Out("ip -n a -d link show vx2"),
            "3: vx2: <BROADCAST,MULTICAST> mtu 1450 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n"
            "    link/ether 02:00:00:00:04:02 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n"
            "    vxlan id 2 group 239.1.1.1 dev eth0 srcport 1000 2000 dstport 4789 proxy rsc l2miss l3miss tos "
            "inherit ttl 5 df set "
            "ageing 30 maxaddr 7 noudpcsum noudp6zerocsumtx noudp6zerocsumrx " +
                withTso("524280"));
  EXPECT_EQ(
      Out("ip -n a -d link show vx3"),
      "4: vx3: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n"
      "    link/ether 02:00:00:00:04:03 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n"
      "    vxlan id 3 remote 172.16.1.2 srcport 0 0 dstport 4789 tos 0x10 ttl inherit df inherit ageing 300 udpcsum "
      "noudp6zerocsumtx noudp6zerocsumrx gbp " +
          withTso("65536"));
  EXPECT_EQ(Out("ip -n a -d link show vx4"),
            "5: vx4: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n"
            "    link/ether 02:00:00:00:04:04 brd ff:ff:ff:ff:ff:ff promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n"
            "    vxlan external id 0 srcport 0 0 dstport 4790 nolearning ttl auto ageing 300 udpcsum noudp6zerocsumtx "
            "noudp6zerocsumrx " +
                withTso("65536"));
}

TEST_F(Show, BridgePorts) {
  Run({"ip -n a link add br0 type bridge", "ip -n a link set eth0 master br0", "ip -n a link set br0 up",
       "ip -n a link set eth0 type bridge_slave hairpin on learning off isolated on cost 5 priority 7"});
  EXPECT_EQ(Out("bridge -n a -d link"),
            "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state forwarding priority 7 cost 5 \n"
            "    hairpin on guard off root_block off fastleave off learning off flood on mcast_flood on bcast_flood on "
            "mcast_router 1 "
            "mcast_to_unicast off neigh_suppress off vlan_tunnel off isolated on locked off \n");
  Run({"bridge -n a link set dev eth0 learning on flood off state disabled"});
  EXPECT_EQ(Out("bridge -n a -j link"),
            "[{\"ifindex\":2,\"link_index\":2,\"ifname\":\"eth0\",\"flags\":[\"BROADCAST\",\"MULTICAST\",\"UP\","
            "\"LOWER_UP\"],"
            "\"mtu\":1500,\"master\":\"br0\",\"state\":\"disabled\",\"priority\":7,\"cost\":5}]\n");
}

TEST_F(Show, LinkStatistics) {
  kernel::Link& link = *m_machine.Find("a")->FindLink("eth0");
  link.stats.txBytes = 90;
  link.stats.txPackets = 1;
  EXPECT_EQ(Out("ip -n a -s -s link show eth0"),
            "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default "
            "qlen 1000\n"
            "    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff link-netns b\n"
            "    RX:  bytes packets errors dropped  missed   mcast           \n"
            "             0       0      0       0       0       0 \n"
            "    RX errors:  length    crc   frame    fifo overrun\n"
            "                     0      0       0       0       0 \n"
            "    TX:  bytes packets errors dropped carrier collsns           \n"
            "            90       1      0       0       0       0 \n"
            "    TX errors: aborted   fifo  window heartbt transns\n"
            "                     0      0       0       0       2 \n");
  link.stats.rxBytes = 123456789012;  // 12 digits: the first column grows by 2
  const std::string wide = Out("ip -n a -s -o link show eth0");
  EXPECT_EQ(wide.substr(wide.find("    RX:")),
            "    RX:    bytes packets errors dropped  missed   mcast           \\"
            "    123456789012       0      0       0       0       0 \\"
            "    TX:    bytes packets errors dropped carrier collsns           \\"
            "              90       1      0       0       0       0 \n");
  const std::string json = Out("ip -n a -s -j link show lo");
  EXPECT_EQ(
      json.substr(json.find("\"stats64\"")),
      "\"stats64\":{\"rx\":{\"bytes\":0,\"packets\":0,\"errors\":0,\"dropped\":0,\"over_errors\":0,\"multicast\":0},"
      "\"tx\":{\"bytes\":0,\"packets\":0,\"errors\":0,\"dropped\":0,\"carrier_errors\":0,\"collisions\":0}}}]\n");
}

TEST_F(Show, Addresses) {
  Run({"ip -n a addr add 10.0.0.2/24 brd + dev eth0"});
  EXPECT_EQ(Out("ip -n a addr show dev eth0"),
            "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n"
            "    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff link-netns b\n"
            "    inet 10.0.0.1/24 scope global eth0\n"
            "       valid_lft forever preferred_lft forever\n"
            "    inet 10.0.0.2/24 brd 10.0.0.255 scope global secondary eth0\n"
            "       valid_lft forever preferred_lft forever\n");
  EXPECT_EQ(Out("ip -n a -o addr show secondary"),
            "2: eth0    inet 10.0.0.2/24 brd 10.0.0.255 scope global secondary eth0\\       valid_lft forever "
            "preferred_lft forever\n");
  EXPECT_EQ(Out("ip -n a -4 addr show eth0 primary"),
            "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000 "
            "link-netns b\n"
            "    inet 10.0.0.1/24 scope global eth0\n"
            "       valid_lft forever preferred_lft forever\n");
  EXPECT_EQ(
      Out("ip -n a -br -j addr show up scope host"),
      "[{\"ifname\":\"lo\",\"operstate\":\"UNKNOWN\",\"addr_info\":[{\"local\":\"127.0.0.1\",\"prefixlen\":8}]}]\n");
}

TEST_F(Show, APeerWithoutANameIsShownByItsNumber) {
  const kernel::Namespace& a = *m_machine.Find("a");
  EXPECT_EQ(LinkLine(a, *a.FindLink("eth0")),
            "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default "
            "qlen 1000 "
            "link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0");
}

TEST_F(Show, OneRowOnOneLineWithoutABlankAtItsEnd) {
  AddRoutes();
  Run({"ip -n a neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0",
       "ip -n a link add vx1 type vxlan id 1 dev eth0 dstport 4789",
       "bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.4",
       "bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.5"});
  const kernel::Namespace& a = *m_machine.Find("a");
  EXPECT_EQ(RouteLine(a, *a.FindTable(kernel::kTableMain)->Find({0x0a050001})),
            "10.5.0.0/16 nexthop via 10.0.0.2 dev eth0 weight 2 nexthop via 10.0.0.3 dev eth0 weight 1");
  EXPECT_EQ(RouteLine(a, *a.FindTable(100)->Find({0x0a080001})), "blackhole 10.8.0.0/16 table 100 proto 80");
  EXPECT_EQ(NeighLine(a, a.AllNeighbours().front()), "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:07 PERMANENT");
  EXPECT_EQ(
      VxlanFdbLine(a, 3, a.AllVxlanFdb(3).front()),
      "00:00:00:00:00:00 dev vx1 dst 10.0.0.4 self permanent; 00:00:00:00:00:00 dev vx1 dst 10.0.0.5 self permanent");
  EXPECT_EQ(RuleLine(a, a.Rules().back()), "32767: from all lookup default");
  EXPECT_EQ(AddressLine(a, a.Addresses().back()), "inet 10.0.0.1/24 scope global eth0");
  EXPECT_EQ(DeviceName(a, 99), "if99");
}

TEST_F(Show, Counters) {
  m_machine.Find("a")->snmp.Add(kernel::Snmp::IpOutNoRoutes, 8);
  EXPECT_EQ(Out("ip netns exec a nstat -a"), "#kernel\nIpOutNoRoutes                   8                  0.0\n");
  EXPECT_EQ(Out("ip netns exec a nstat -aj"), "{\"kernel\":{\"IpOutNoRoutes\":8}}\n");
  EXPECT_NE(Out("ip netns exec a nstat -az").find("\nIpInReceives                    0                  0.0\n"),
            std::string::npos);
}

}  // namespace
}  // namespace overlaysim::iproute2
