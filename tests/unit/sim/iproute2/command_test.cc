// What the tools say and how they end. All expected texts were printed by iproute2 6.1.0, procps 4.0.2, ethtool 6.1 and
// iptables 1.8.9 on Linux 6.18 for the same commands in the same order.

#include "sim/iproute2/command.h"

#include <gtest/gtest.h>

namespace overlaysim::iproute2 {
namespace {

/// Two namespaces, a and b, with a veth between them: a's eth0 10.0.0.1/24 and b's to-n1; both up.
class Commands : public testing::Test {
 protected:
  Commands() {
    for (const char* line :
         {"ip netns add a", "ip netns add b", "ip -n a link set lo up",
          "ip -n a link add eth0 address 02:00:00:00:01:01 type veth peer name to-n1 netns b address 02:00:00:00:07:0b",
          "ip -n a link set eth0 up", "ip -n b link set to-n1 up", "ip -n a addr add 10.0.0.1/24 dev eth0"})
      EXPECT_EQ(Run(line).err, "") << line;
  }

  CommandResult Run(std::string_view line) { return RunCommand(m_all, {}, line, m_now); }
  std::string Out(std::string_view line) {
    const CommandResult result = Run(line);
    EXPECT_EQ(result.err, "") << line;
    return result.out;
  }
  void Expect(std::string_view line, int exit, std::string_view err) {
    const CommandResult result = Run(line);
    EXPECT_EQ(result.err, err) << line;
    EXPECT_EQ(result.exit, exit) << line;
  }
  void Accept(std::string_view line) { Expect(line, 0, ""); }
  kernel::Namespace& Ns(std::string_view name) { return *m_machine.Find(name); }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
  Nanoseconds m_now = Seconds(100);
};

TEST_F(Commands, UnknownWordsAreAnsweredAsTheToolsDo) {
  Expect("ip foo", 1, "Object \"foo\" is unknown, try \"ip help\".\n");
  Expect("ip -frob link", 255, "Option \"-frob\" is unknown, try \"ip -help\".\n");
  Expect("bridge -frob link", 255, "Option \"-frob\" is unknown, try \"bridge help\".\n");
  Expect("bridge frob", 255, "Object \"frob\" is unknown, try \"bridge help\".\n");
  Expect("bridge -n a fdb frob", 255, "Command \"frob\" is unknown, try \"bridge fdb help\".\n");
  for (const char* object : {"link", "route", "neigh", "rule"})
    Expect(std::string("ip -n a ") + object + " frob", 255,
           std::string("Command \"frob\" is unknown, try \"ip ") + object + " help\".\n");
  Expect("ip -n a addr frob", 255, "Command \"frob\" is unknown, try \"ip address help\".\n");
  Expect("ip -n a link set eth0 frob", 255, "Error: either \"dev\" is duplicate, or \"frob\" is a garbage.\n");
  Expect("ip -n a addr add 10.0.2.5/24 dev eth0 frob", 255,
         "Error: either \"local\" is duplicate, or \"frob\" is a garbage.\n");
  Expect("ip -n a route add 10.3.0.0/16 frob", 255, "Error: either \"to\" is duplicate, or \"frob\" is a garbage.\n");
  Expect("ip -n a neigh add 1.2.3.4 dev eth0 frob", 255,
         "Error: either \"to\" is duplicate, or \"frob\" is a garbage.\n");
  Expect("ip -n a rule add frob", 255, "Error: argument \"frob\" is wrong: Failed to parse rule type\n");
  Expect("ip -n a link set eth0 mtu", 255, "Command line is not complete. Try option \"help\"\n");
  Expect("frob", 127, "frob: command not found\n");
  Expect("ip netns exec a frob", 1, "exec of \"frob\" failed: No such file or directory\n");
}

TEST_F(Commands, NamespacesAreAddedEnteredAndDeleted) {
  Expect("ip netns add a", 1, "Cannot create namespace file \"/run/netns/a\": File exists\n");
  Expect("ip netns del nix", 1, "Cannot remove namespace file \"/run/netns/nix\": No such file or directory\n");
  Expect("ip -n nix link", 255, "Cannot open network namespace \"nix\": No such file or directory\n");
  Expect("ip netns exec nix ip link", 255, "Cannot open network namespace \"nix\": No such file or directory\n");
  Expect("ip netns add", 1, "No netns name specified\n");
  Expect("ip netns exec a", 1, "No command specified\n");
  Expect("ip netns add a/b", 255, "Invalid netns name \"a/b\"\n");
  EXPECT_EQ(Out("ip netns"), "b\na\n");
  EXPECT_EQ(Out("ip -j netns list"), "[{\"name\":\"b\"},{\"name\":\"a\"}]\n");
  EXPECT_EQ(Out("ip netns exec a ip -br addr"),
            "lo               UNKNOWN        127.0.0.1/8 \n"
            "eth0@if2         UP             10.0.0.1/24 \n");
  Accept("ip netns del b");  // takes its end of the veth along, and so the other end
  EXPECT_EQ(Out("ip -n a -br link"), "lo               UNKNOWN        00:00:00:00:00:00 <LOOPBACK,UP,LOWER_UP> \n");
  Accept("ip netns add b");
}

TEST_F(Commands, WithoutANamespaceOnlyNamedOnesCanBeReached) {
  EXPECT_EQ(Run("ip link").exit, 1);
  EXPECT_EQ(RunCommand(m_all, Ns("a").Id(), "ip -br addr show eth0").out,
            "eth0@if2         UP             10.0.0.1/24 \n");
}

TEST_F(Commands, LinkErrors) {
  Expect("ip -n a link add eth0 type bridge", 2, "RTNETLINK answers: File exists\n");
  Expect("ip -n a link add xx type foo", 2, "Error: Unknown device type.\n");
  Expect("ip -n a link add xx", 1, "Not enough information: \"type\" argument is required\n");
  Expect("ip -n a link set", 255, "Not enough information: \"dev\" argument is required.\n");
  Expect("ip -n a link set nix up", 1, "Cannot find device \"nix\"\n");
  Expect("ip -n a link show nix", 1, "Device \"nix\" does not exist.\n");
  Expect("ip -n a link set eth0 master nix", 255, "Error: argument \"nix\" is wrong: Device does not exist\n\n");
  Expect("ip -n a link set eth0 mtu foo", 255, "Error: argument \"foo\" is wrong: Invalid \"mtu\" value\n\n");
  Expect("ip -n a link set eth0 mtu 67", 2, "Error: mtu less than device minimum.\n");
  Expect("ip -n a link set eth0 mtu -5", 2, "Error: mtu less than device minimum.\n");
  Expect("ip -n a link set eth0 mtu 65536", 2, "Error: mtu greater than device maximum.\n");
  Expect("ip -n a link set eth0 address 01:00:00:00:01:0a", 2, "RTNETLINK answers: Cannot assign requested address\n");
  Expect("ip -n a link set eth0 address 02:00:00:00:01", 1, "Invalid address length 5 - must be 6 bytes\n");
  Expect("ip -n a link set eth0 name lo", 2, "RTNETLINK answers: File exists\n");
  Expect("ip -n a link set eth0 name 0123456789012345", 255,
         "Error: argument \"0123456789012345\" is wrong: \"name\" not a valid ifname\n");
  Expect("ip -n a link set eth0 netns nix", 255, "Error: argument \"nix\" is wrong: Invalid \"netns\" value\n\n");
  Expect("ip -n a link set eth0 promisc maybe", 1,
         "Error: argument of \"promisc\" must be \"on\" or \"off\", not \"maybe\"\n");
  Expect("ip -n a link set eth0 type bridge_slave hairpin on", 2, "RTNETLINK answers: Operation not supported\n");
  Expect("ip -n a link set eth0 type bridge_slave hairpin maybe", 1,
         "Error: argument of \"hairpin\" must be one of \"off\", \"on\", not \"maybe\"\n");
  Expect("ip -n a link set lo netns b", 2, "Error: The interface netns is immutable.\n");
  Expect("ip -n a link del lo", 2, "RTNETLINK answers: Operation not supported\n");
  Expect("ip -n a link del nix", 1, "Cannot find device \"nix\"\n");
  Expect("ip -n a link add va type veth peer name vb netns nix", 255,
         "Error: argument \"nix\" is wrong: Invalid \"netns\" value\n\n");
  Expect("ip -n a link add e0x type veth peer name e0y type foo", 255,
         "Error: duplicate \"type\": \"foo\" is the second value.\n");
  Expect("ip -n a link add v type veth frob", 1,
         "Usage: ip link <options> type veth [peer <options>]\nTo get <options> type 'ip link add help'\n");
  Expect("ip -n a link add up0 up type veth peer name up1 up", 2,
         "RTNETLINK answers: Transport endpoint is not connected\n");
}

TEST_F(Commands, VxlanErrors) {
  const std::string add = "ip -n a link add ";
  Accept(add + "vx1 type vxlan id 1 local 10.0.0.1 dev eth0 dstport 4789 nolearning");
  Expect(add + "vx1 type vxlan id 1 local 10.0.0.1 dev eth0 dstport 4789", 2, "RTNETLINK answers: File exists\n");
  Expect(add + "vx2 type vxlan id 1 local 10.0.0.1 dev eth0 dstport 4789", 2,
         "Error: A VXLAN device with the specified VNI already exists.\n");
  Expect(add + "vx2 type vxlan id 5 external dstport 4790", 1, "vxlan: both 'external' and vni cannot be specified\n");
  Expect(add + "vx2 type vxlan local 10.0.0.1", 1, "vxlan: missing virtual network identifier\n");
  Expect(add + "vx2 type vxlan id 99999999", 255, "Error: argument \"99999999\" is wrong: invalid id\n");
  Expect(add + "vx2 type vxlan id 6 group 239.1.1.1", 1, "vxlan: 'group' requires 'dev' to be specified\n");
  Expect(add + "vx2 type vxlan id 6 dev nix", 255, "Cannot find device \"nix\"\n");
  Expect(add + "vx2 type vxlan id 6 remote foo", 1, "Error: any valid address is expected rather than \"foo\".\n");
  Expect(add + "vx2 type vxlan vni 9 dstport 4789 ttl 300", 255,
         "Error: argument \"300\" is wrong: TTL must be <= 255\n");
  Expect(add + "vx2 mtu 70000 type vxlan id 8 dstport 4789", 2, "Error: MTU must be between 68 and 65535.\n");
  Expect(add + "vx2 type vxlan id 6", 0,
         "vxlan: destination port not specified\n"
         "Will use Linux kernel default (non-standard value)\n"
         "Use 'dstport 4789' to get the IANA assigned value\n"
         "Use 'dstport 0' to get default and quiet this message\n");
  EXPECT_EQ(Ns("a").FindLink("vx2")->vxlan.dstPort, 8472);
  Expect("ip -n a link set vx1 type vxlan id 9", 2, "Error: Cannot change VNI.\n");
}

TEST_F(Commands, GeneveErrors) {
  const std::string add = "ip -n a link add g0 type geneve ";
  Expect(add + "id 5", 1, "geneve: remote link partner not specified\n");
  Expect(add + "external id 5", 1, "geneve: both 'external' and vni cannot be specified\n");
  Expect(add + "id 20000000 remote 1.2.3.4", 255, "Error: argument \"20000000\" is wrong: invalid id\n");
  Expect(add + "id 5 remote foo", 1, "Error: any valid address is expected rather than \"foo\".\n");
  Expect(add + "id 5 remote 1.2.3.4 ttl 300", 255, "Error: argument \"300\" is wrong: TTL must be <= 255\n");
  Expect(add + "id 5 remote 239.1.1.1", 255, "Error: argument \"239.1.1.1\" is wrong: invalid remote address\n");
  Expect(add + "id 5 remote 1.2.3.4 dstport zz", 255, "Error: argument \"zz\" is wrong: dstport\n");
}

// Without the module at hand: by ip/iplink_geneve.c of iproute2 6.1.0 and geneve_fill_info(), geneve_link_config() and
// geneve_configure() of drivers/net/geneve.c.
TEST_F(Commands, GeneveDevicesAreShownAsTheirDriverTells) {
  Accept("ip -n a link add g0 type geneve id 10 remote 10.0.0.2");
  EXPECT_NE(Out("ip -n a -d link show g0")
                .find("geneve id 10 remote 10.0.0.2 ttl auto dstport 6081 noudpcsum "
                      "udp6zerocsumrx"),
            std::string::npos);
  EXPECT_NE(Out("ip -n a -d link show g0").find("mtu 1450 "), std::string::npos);  // eth0's 1500 less 20 + 8 + 8 + 14
  EXPECT_NE(Out("ip -n a -d link show g0").find("minmtu 68 maxmtu 65485"), std::string::npos);
  Expect("ip -n a link add g1 type geneve id 10 remote 10.0.0.2", 2, "RTNETLINK answers: Device or resource busy\n");
  Accept("ip -n a link set g0 type geneve ttl inherit tos 0x10 df set");
  EXPECT_NE(Out("ip -n a -d link show g0").find("ttl inherit tos 0x10 df set dstport 6081"), std::string::npos);
  Expect("ip -n a link add g2 type geneve external", 2,
         "Error: There can be only one externally controlled device on a destination port.\n");
  Accept("ip -n b link add g2 type geneve external");
  EXPECT_NE(Out("ip -n b -d link show g2").find("geneve external id 0 ttl auto dstport 6081 udp6zerocsumrx"),
            std::string::npos);
  EXPECT_NE(Out("ip -n b -d link show g2").find("mtu 65465 "), std::string::npos);
}

TEST_F(Commands, VxlanMtuFollowsItsLowerDevice) {
  Accept("ip -n a link add vx1 type vxlan id 1 dev eth0 dstport 4789");
  EXPECT_EQ(Ns("a").FindLink("vx1")->mtu, 1450u);  // 1500 - 50
  Accept("ip -n a link add vx2 mtu 1500 type vxlan id 2 dev eth0 dstport 4789");
  EXPECT_EQ(Ns("a").FindLink("vx2")->mtu, 1450u);  // cut without a word
  Accept("ip -n a link add vx3 mtu 9000 type vxlan id 3 dstport 4789");
  EXPECT_EQ(Ns("a").FindLink("vx3")->mtu, 9000u);  // no lower device, no limit
  Expect("ip -n a link set vx1 mtu 1451", 2, "RTNETLINK answers: Invalid argument\n");
  Accept("ip -n a link set eth0 mtu 1400");
  EXPECT_EQ(Ns("a").FindLink("vx1")->mtu, 1450u);  // stays
}

TEST_F(Commands, ABridgeMadeWithAnMtuStillFollowsItsPorts) {
  Accept("ip -n a link add br0 mtu 1450 type bridge");
  Accept("ip -n a link set eth0 mtu 1350");
  Accept("ip -n a link set eth0 master br0");
  EXPECT_EQ(Ns("a").FindLink("br0")->mtu, 1350u);
  Accept("ip -n a link set br0 mtu 1300");
  Accept("ip -n a link set eth0 mtu 1200");
  EXPECT_EQ(Ns("a").FindLink("br0")->mtu, 1300u);  // by hand: BROPT_MTU_SET_BY_USER
}

TEST_F(Commands, DeletingAVethTakesTheOtherEnd) {
  Accept("ip -n a link add vx1 type vxlan id 1 dev eth0 dstport 4789");
  Accept("ip -n a link del eth0");
  EXPECT_EQ(Out("ip -n b -br link"), "lo               DOWN           00:00:00:00:00:00 <LOOPBACK> \n");
  EXPECT_EQ(Ns("a").FindLink("vx1"), nullptr);  // lost its lower device
}

TEST_F(Commands, AVethHasCarrierWhileBothEndsAreUp) {
  Accept("ip -n b link set to-n1 down");
  EXPECT_EQ(Out("ip -n a link show eth0"),
            "2: eth0@if2: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN mode DEFAULT group "
            "default qlen "
            "1000\n    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff link-netns b\n");
  Accept("ip -n a route add 10.77.0.0/16 dev eth0");
  EXPECT_EQ(Out("ip -n a route show 10.77.0.0/16"), "10.77.0.0/16 dev eth0 scope link linkdown \n");
  Accept("ip -n b link set to-n1 up");
  EXPECT_EQ(Out("ip -n a route show 10.77.0.0/16"), "10.77.0.0/16 dev eth0 scope link \n");
}

TEST_F(Commands, AnEndThatMovesKnowsItsPeer) {
  Accept("ip -n a link set eth0 netns b");
  EXPECT_EQ(Out("ip -n b link show to-n1"),
            "2: to-n1@eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 qdisc noqueue state LOWERLAYERDOWN "
            "mode DEFAULT "
            "group default qlen 1000\n    link/ether 02:00:00:00:07:0b brd ff:ff:ff:ff:ff:ff\n");
  EXPECT_EQ(Out("ip -n b link show eth0"),
            "3: eth0@to-n1: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n"
            "    link/ether 02:00:00:00:01:01 brd ff:ff:ff:ff:ff:ff\n");
  EXPECT_EQ(Out("ip -n a route"), "");
}

TEST_F(Commands, AnAddressThatNobodyGaveIsAlwaysTheSame) {
  Accept("ip -n a link add br0 type bridge");
  const MacAddress mac = Ns("a").FindLink("br0")->address;
  EXPECT_EQ(mac, MadeUpMac("a", "br0"));
  EXPECT_NE(mac, MadeUpMac("b", "br0"));
  EXPECT_EQ(mac.bytes[0] & 0x03, 0x02);  // unicast, locally administered
}

TEST_F(Commands, ABridgeHasCarrierWhileAPortHas) {
  const std::string up = "br0              UP             02:00:00:00:03:01 <BROADCAST,MULTICAST,UP,LOWER_UP> \n";
  const std::string down = "br0              DOWN           02:00:00:00:03:01 <NO-CARRIER,BROADCAST,MULTICAST,UP> \n";
  Accept("ip -n a link add br0 address 02:00:00:00:03:01 type bridge");
  Accept("ip -n a link set br0 up");
  EXPECT_EQ(Out("ip -n a -br link show br0"), down);
  Accept("ip -n a link set eth0 master br0");
  EXPECT_EQ(Out("ip -n a -br link show br0"), up);
  Accept("ip -n a link set eth0 nomaster");
  EXPECT_EQ(Out("ip -n a -br link show br0"), down);
}

TEST_F(Commands, AddressErrors) {
  Expect("ip -n a addr add 10.0.0.1/24 dev eth0", 2, "Error: ipv4: Address already assigned.\n");
  Expect("ip -n a addr add 10.0.0.5/24 dev nix", 1, "Cannot find device \"nix\"\n");
  Expect("ip -n a addr add 10.0.0.5/33 dev eth0", 1,
         "Error: any valid prefix is expected rather than \"10.0.0.5/33\".\n");
  Expect("ip -n a addr add foo dev eth0", 1, "Error: any valid prefix is expected rather than \"foo\".\n");
  Expect("ip -n a addr add 10.0.0.5/24", 1, "Not enough information: \"dev\" argument is required.\n");
  Expect("ip -n a addr add 10.0.0.5/24 dev eth0 scope host", 2, "Error: ipv4: Invalid scope value.\n");
  Expect("ip -n a addr del 10.0.0.9/24 dev eth0", 2, "Error: ipv4: Address not found.\n");
  Expect("ip -n a addr flush", 1, "Flush requires arguments.\n");
  Expect("ip -n a addr del 10.0.0.1 dev eth0", 0,
         "Warning: Executing wildcard deletion to stay compatible with old scripts.\n"
         "         Explicitly specify the prefix length (10.0.0.1/32) to avoid this warning.\n"
         "         This special behaviour is likely to disappear in further releases,\n"
         "         fix your scripts!\n");
  Expect("ip -n a addr add 2001::1/64 dev eth0 nodad", 2, "Error: ipv6: IPv6 is disabled on this device.\n");
}

TEST_F(Commands, RouteErrors) {
  const std::string add = "ip -n a route add ";
  Accept(add + "10.1.0.0/16 via 10.0.0.2");
  Expect(add + "10.1.0.0/16 via 10.0.0.2", 2, "RTNETLINK answers: File exists\n");
  Expect(add + "10.2.0.0/16 via 10.9.9.9", 2, "Error: Nexthop has invalid gateway.\n");
  Accept(add + "10.2.0.0/16 via 10.9.9.9 dev eth0 onlink");
  Accept(add + "10.11.0.0/16 via 10.0.0.1");  // an address of its own is a gateway, too
  Expect(add + "10.3.0.0/16 dev nix", 1, "Cannot find device \"nix\"\n");
  Expect(add + "10.3.0.0/16 via foo", 1, "Error: inet address is expected rather than \"foo\".\n");
  Expect(add + "foo via 10.0.0.2", 1, "Error: any valid prefix is expected rather than \"foo\".\n");
  Expect(add + "10.3.0.1/16 via 10.0.0.2", 2, "Error: Invalid prefix for given prefix length.\n");
  Expect(add + "10.3.0.0/16", 2, "RTNETLINK answers: No such device\n");
  Expect(add + "10.3.0.0/16 src 9.9.9.9 dev eth0", 2, "Error: Invalid prefsrc address.\n");
  Expect(add + "10.3.0.0/16 nexthop via 10.0.0.2 nexthop via 10.0.9.3", 2, "Error: Nexthop has invalid gateway.\n");
  Expect(add + "10.3.0.0/16 nexthop frob", 255, "Error: \"nexthop\" or end of line is expected instead of \"frob\"\n");
  Expect(add + "10.3.0.0/16 nexthop via 10.0.0.2 weight 300", 255,
         "Error: argument \"300\" is wrong: \"weight\" is invalid\n\n");
  Expect(add + "10.3.0.0/16 via 10.0.0.2 via 10.0.0.3", 255,
         "Error: argument \"via\" is wrong: use nexthop syntax to specify multiple via\n\n");
  Expect(add + "10.3.0.0/16 via 10.0.0.2 metric foo", 255,
         "Error: argument \"foo\" is wrong: \"metric\" value is invalid\n\n");
  Expect(add + "10.3.0.0/16 via 10.0.0.2 table foo", 255,
         "Error: argument \"foo\" is wrong: \"table\" value is invalid\n\n");
  Expect(add + "10.3.0.0/16 via 10.0.0.2 proto foo", 255,
         "Error: argument \"foo\" is wrong: \"protocol\" value is invalid\n\n");
  Expect(add + "10.3.0.0/16 via 10.0.0.2 scope foo", 255,
         "Error: argument \"foo\" is wrong: invalid \"scope\" value\n\n");
  Expect(add + "3.0.0.0/8 via 10.0.0.9 scope link", 2, "Error: Nexthop has invalid gateway.\n");
  Expect(add + "blackhole 5.0.0.0/8 dev eth0", 2,
         "Error: Gateway, device and multipath can not be specified for this route type.\n");
  Expect("ip -n a route del 10.99.0.0/16", 2, "RTNETLINK answers: No such process\n");
  Expect("ip -n a route change 10.98.0.0/16 via 10.0.0.2", 2, "RTNETLINK answers: No such file or directory\n");
  Expect("ip -n a route flush", 1, "\"ip route flush\" requires arguments.\n");
  Expect("ip -n a route show table 100", 2, "Error: ipv4: FIB table does not exist.\nDump terminated\n");
  Expect("ip -n a route get", 1, "need at least a destination address\n");
  Expect("ip -n a route get 11.0.0.1", 2, "RTNETLINK answers: Network is unreachable\n");
  Accept(add + "unreachable 10.6.0.0/16");
  Expect("ip -n a route get 10.6.0.1", 2, "RTNETLINK answers: No route to host\n");
  Accept(add + "prohibit 10.7.0.0/16");
  Expect("ip -n a route get 10.7.0.1", 2, "RTNETLINK answers: Permission denied\n");
  Accept("ip -n a link set eth0 down");
  Expect(add + "10.77.0.0/16 dev eth0", 2, "Error: Device for nexthop is not up.\n");
}

TEST_F(Commands, ADeviceThatGoesDownTakesAllRoutesButThoseOfHostScope) {
  Accept("ip -n a route add 2.0.0.0/8 dev eth0 scope host");
  Accept("ip -n a route add 3.0.0.0/8 dev eth0");
  Accept("ip -n a link set eth0 down");
  EXPECT_EQ(Out("ip -n a route show table all dev eth0"),
            "2.0.0.0/8 scope host \nlocal 10.0.0.1 table local proto kernel scope host src 10.0.0.1 \n");
}

TEST_F(Commands, RuleErrors) {
  Accept("ip -n a rule add from 10.0.0.0/8 table 100 pref 1000");
  Expect("ip -n a rule add from 10.0.0.0/8 table 100 pref 1000", 2, "RTNETLINK answers: File exists\n");
  Expect("ip -n a rule del pref 77", 2, "RTNETLINK answers: No such file or directory\n");
  Expect("ip -n a rule add", 1, "\"ip rule add\" requires arguments.\n");
  Expect("ip -n a rule add table foo", 255, "Error: argument \"foo\" is wrong: invalid table ID\n\n");
  Expect("ip -n a rule add pref foo", 255, "Error: argument \"foo\" is wrong: preference value is invalid\n\n");
  Expect("ip -n a rule add fwmark foo", 255, "Error: argument \"foo\" is wrong: fwmark value is invalid\n\n");
  Expect("ip -n a rule add iif 0123456789012345 table 5", 255,
         "Error: argument \"0123456789012345\" is wrong: \"iif\"/\"dev\" not a valid ifname\n");
}

TEST_F(Commands, NeighbourErrors) {
  const std::string add = "ip -n a neigh add ";
  Accept(add + "10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0");
  Expect(add + "10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0", 2, "RTNETLINK answers: File exists\n");
  Expect(add + "10.0.0.11 dev eth0", 2, "Error: No link layer address given.\n");
  Expect(add + "10.0.0.8 lladdr 02:00:00:00:00:07 dev nix", 1, "Cannot find device \"nix\"\n");
  Expect(add + "10.0.0.8 lladdr 02:00:00:00:00:07", 255, "Device and destination are required arguments.\n");
  Expect(add + "foo lladdr 02:00:00:00:00:07 dev eth0", 1,
         "Error: any valid address is expected rather than \"foo\".\n");
  Expect(add + "10.0.0.8 lladdr foo dev eth0", 2, "Error: Invalid link address.\n");
  Expect(add + "10.0.0.8 lladdr 02:00:00:00:00:07 dev eth0 nud foo", 255,
         "Error: argument \"foo\" is wrong: nud state is bad\n");
  Expect("ip -n a neigh change 10.0.0.77 lladdr 02:00:00:00:00:07 dev eth0", 2,
         "RTNETLINK answers: No such file or directory\n");
  Accept("ip -n a neigh change 10.0.0.7 nud failed dev eth0");
  Expect("ip -n a neigh replace 10.0.0.7 dev eth0 nud permanent", 2, "Error: No link layer address given.\n");
  Expect("ip -n a neigh del 10.0.0.78 dev eth0", 2, "RTNETLINK answers: No such file or directory\n");
  Expect("ip -n a neigh flush", 1, "Flush requires arguments.\n");
}

TEST_F(Commands, FlushingNeighboursKeepsThePermanentOnes) {
  Accept("ip -n a neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev eth0");
  Accept("ip -n a neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev eth0 nud reachable");
  Accept("ip -n a neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev eth0 extern_learn");
  Accept("ip -n a neigh flush dev eth0");
  EXPECT_EQ(Out("ip -n a neigh"), "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:07 PERMANENT \n");
  Accept("ip -n a neigh flush dev eth0 nud permanent");
  EXPECT_EQ(Out("ip -n a neigh"), "");
}

TEST_F(Commands, ChangeOfVxlanOptions) {  // the texts are Linux 6.18's
  Accept("ip -n a link add vx1 type vxlan id 1 local 10.0.0.1 remote 10.0.0.3 dev eth0 dstport 4789");
  const std::string set = "ip -n a link set vx1 type vxlan ";
  for (const char* may : {"id 1", "nolearning", "ttl 7", "tos inherit", "df set", "ageing 10", "local 10.0.0.1"})
    Accept(set + may);
  EXPECT_NE(Out("ip -n a -d link show vx1").find("dstport 4789 nolearning tos inherit ttl 7 df set ageing 10 udpcsum"),
            std::string::npos);
  const std::pair<const char*, const char*> refused[] = {
      {"id 2", "Cannot change VNI"},
      {"dstport 4789", "Cannot change port"},
      {"srcport 1 2", "Cannot change port range"},
      {"noproxy", "vxlan: cannot change PROXY flag"},
      {"l2miss", "vxlan: cannot change L2MISS flag"},
      {"udpcsum", "Cannot change UDP_CSUM flag"},
      {"ttl inherit", "vxlan: cannot change TTL_INHERIT flag"},
      {"maxaddress 3", "Cannot change limit"},
      {"gbp", "vxlan: cannot change GBP flag"},
      {"external", "vxlan: cannot change COLLECT_METADATA flag"},
      {"flowlabel 5", "Label attribute only applies to IPv6 VXLAN devices"}};
  for (const auto& [option, why] : refused) Expect(set + option, 2, std::string("Error: ") + why + ".\n");
  Expect(set + "group 239.1.1.1", 1, "vxlan: 'group' requires 'dev' to be specified\n");
  Accept("bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.4");
  Accept(set + "remote 10.0.0.5");
  EXPECT_EQ(Out("bridge -n a fdb show dev vx1"),
            "00:00:00:00:00:00 dst 10.0.0.4 self permanent\n"
            "00:00:00:00:00:00 dst 10.0.0.5 via eth0 self permanent\n");
}

TEST_F(Commands, FdbErrors) {
  Accept("ip -n a link add vx1 type vxlan id 1 local 10.0.0.1 dev eth0 dstport 4789 nolearning");
  const std::string add = "bridge -n a fdb add ";
  Accept(add + "02:00:00:00:04:02 dev vx1 dst 10.0.0.3 self permanent");
  Expect(add + "02:00:00:00:04:02 dev vx1 dst 10.0.0.4 self permanent", 255, "RTNETLINK answers: File exists\n");
  Expect(add + "02:00:00:00:04:08 dev vx1", 255, "RTNETLINK answers: Invalid argument\n");
  Expect(add + "02:00:00:00:04:09 dev vx1 dst foo", 1, "Error: any valid address is expected rather than \"foo\".\n");
  Expect(add + "02:00:00:00:04:09 dev nix dst 1.2.3.4", 255, "Cannot find device \"nix\"\n");
  Expect(add + "foo dev vx1 dst 1.2.3.4", 255, "Invalid mac address foo\n");
  Expect(add + "02:00:00:00:04:09 dst 1.2.3.4", 255, "Device and address are required arguments.\n");
  Expect(add + "02:00:00:00:04:09 dev vx1 dst 1.2.3.4 frob", 255,
         "Error: either \"to\" is duplicate, or \"frob\" is a garbage.\n");
  Expect(add + "02:00:00:00:06:06 dev eth0 master", 255, "RTNETLINK answers: Operation not supported\n");
  // Linux 6.18 takes a remote that the entry does not have without a word, and leaves the entry.
  Accept("bridge -n a fdb del 02:00:00:00:04:02 dev vx1 dst 1.1.1.1");
  Accept("bridge -n a fdb del 02:00:00:00:04:02 dev vx1");
  Expect("bridge -n a fdb del 02:00:00:00:04:02 dev vx1", 255, "RTNETLINK answers: No such file or directory\n");
  Expect(add + "02:00:00:00:04:09 dev vx1 dst 1.2.3.4 port 70000", 255,
         "Error: argument \"70000\" is wrong: invalid port\n\n");
  Expect(add + "02:00:00:00:04:09 dev vx1 dst 1.2.3.4 vni 16777216", 255,
         "Error: argument \"16777216\" is wrong: invalid VNI\n\n");
  Accept("bridge -n a fdb append 00:00:00:00:00:00 dev vx1 dst 10.0.0.3");
  Expect("bridge -n a fdb replace 00:00:00:00:00:00 dev vx1 dst 10.0.0.4", 255,
         "Error: Cannot replace non-unicast fdb entries.\n");
  Expect("bridge -n a fdb replace 01:00:5e:00:00:05 dev vx1 dst 10.0.0.4", 255,
         "RTNETLINK answers: Operation not supported\n");
  Accept(add + "02:00:00:00:04:10 dev vx1 dst 10.0.0.3 port 4789 vni 1 router");
  EXPECT_EQ(Out("bridge -n a fdb show dev vx1"),
            "02:00:00:00:04:10 dst 10.0.0.3 self router permanent\n"
            "00:00:00:00:00:00 dst 10.0.0.3 self permanent\n");
  Accept("bridge -n a fdb flush dev vx1");
  EXPECT_EQ(Out("bridge -n a fdb show dev vx1"), "");
  Expect("bridge -n a fdb show dev nix", 255, "Cannot find device \"nix\"\n");
  Expect("bridge -n a fdb show br nix", 255, "Cannot find bridge device \"nix\"\n");
  Expect("bridge -n a link set dev nix hairpin off", 255, "Cannot find bridge device \"nix\"\n");
  Expect("bridge -n a link set dev eth0 hairpin off", 255, "RTNETLINK answers: Operation not supported\n");
}

TEST_F(Commands, SettingsAreReadAndWritten) {
  const std::string in = "ip netns exec a ";
  EXPECT_EQ(Out(in + "sysctl -w net.ipv4.ip_forward=1"), "net.ipv4.ip_forward = 1\n");
  EXPECT_TRUE(Ns("a").ipForward);
  EXPECT_EQ(Out(in + "sysctl -n net.ipv4.ip_forward"), "1\n");
  EXPECT_EQ(Out(in + "sysctl -w net/ipv4/ip_forward=0"), "net.ipv4.ip_forward = 0\n");
  EXPECT_EQ(Out(in + "sysctl -w \"net.ipv4.ip_forward = 1\""), "net.ipv4.ip_forward = 1\n");
  EXPECT_EQ(Out(in + "sysctl -qw net.ipv4.ip_forward=1"), "");
  EXPECT_EQ(Out(in + "sysctl net.ipv4.ip_local_port_range"), "net.ipv4.ip_local_port_range = 32768\t60999\n");
  EXPECT_EQ(Out(in + "sysctl -w net.ipv6.conf.all.disable_ipv6=1"), "net.ipv6.conf.all.disable_ipv6 = 1\n");
  Expect(in + "sysctl net.ipv4.conf.nix.rp_filter", 1,
         "sysctl: cannot stat /proc/sys/net/ipv4/conf/nix/rp_filter: No such file or directory\n");
  Expect(in + "sysctl -w net.ipv4.ip_forward=foo", 1,
         "sysctl: setting key \"net.ipv4.ip_forward\": Invalid argument\n");
  Expect(in + "sysctl -w net.ipv4.ip_default_ttl=300", 1,
         "sysctl: setting key \"net.ipv4.ip_default_ttl\": Invalid argument\n");
  Expect(in + "sysctl -w net.ipv4.ip_forward", 1, "sysctl: command line(0): invalid syntax, continuing...\n");
  Accept(in + "ethtool -K eth0 tx off rx off sg off tso off gso off gro off");
  EXPECT_FALSE(Ns("a").FindLink("eth0")->txChecksum);
  Expect(in + "ethtool -K nix tx off", 92,
         "netlink error: no device matches name (offset 24)\nnetlink error: No such device\n");
  Expect(in + "ethtool -K eth0 frob off", 92,
         "netlink error: bit name not found (offset 56)\nnetlink error: Operation not supported\n");
  Expect(in + "ethtool -K eth0 tx", 1,
         "ethtool (-K): flag '(null)' for parameter '(null)' is not followed by 'on' or 'off'\n");
}

TEST_F(Commands, WordsAreSplitLikeAShellDoes) {
  EXPECT_EQ(SplitCommand("a 'b c'  \"d \\\" e\" f\\ g \"\""),
            (std::vector<std::string>{"a", "b c", "d \" e", "f g", ""}));
  EXPECT_EQ(SplitCommand("a 'b"), std::nullopt);
  EXPECT_TRUE(IsKnownCommand("ip netns exec a /sbin/sysctl -a"));
  EXPECT_FALSE(IsKnownCommand("ip netns exec a ping 10.0.0.1"));
  EXPECT_FALSE(IsKnownCommand(""));
}

}  // namespace
}  // namespace overlaysim::iproute2
