#include "sim/verify/command_policy.h"

#include <gtest/gtest.h>

#include "sim/iproute2/command.h"

namespace overlaysim::verify {
namespace {

bool IsPermitted(const std::string& line) {
  PermittedCommand out;
  std::string why;
  const bool permitted = Permit(iproute2::SplitCommand(line).value_or(std::vector<std::string>{}), out, why);
  EXPECT_EQ(permitted, why.empty()) << why;
  return permitted;
}

TEST(CommandPolicy, WhatChangesItsOwnNamespaceIsPermitted) {
  for (const char* line :
       {"ip link set eth0 down", "ip -d -j addr show", "ip route replace 10.0.0.0/8 via 10.1.1.1", "ip -br link",
        "bridge fdb replace 02:00:00:00:00:01 dev flannel.1 dst 10.0.0.1 self permanent", "ip neigh del 10.0.0.1 dev x",
        "ip link add flannel.1 type vxlan id 1 dev eth0 dstport 8472", "sysctl -w net.ipv4.ip_forward=0",
        "iptables -A FORWARD -p udp --dport 8472 -j DROP", "nft add rule ip t c udp dport 8472 drop",
        "ethtool -K eth0 tx off", "ping -c 3 10.0.0.1", "nstat -az", "nc -u -w 1 10.0.0.1 53",
        "traceroute -n 10.0.0.1"})
    EXPECT_TRUE(IsPermitted(line)) << line;
}

TEST(CommandPolicy, WhatCouldRunReadOrWriteElsewhereIsRefused) {
  for (const char* line : {"sh -c reboot",
                           "/bin/sh",
                           "ip netns exec node1 sh -c id",
                           "ip netns add x",
                           "ip netns del node1",
                           "ip -batch /etc/passwd",
                           "ip -b x",
                           "ip -force -batch x",
                           "ip vrf exec red sh",
                           "bridge -batch /etc/shadow",
                           "ip link set eth0 xdp object x.o",
                           "ip link add m type macvlan",
                           "ip route add 10.0.0.0/8 encap bpf in object x",
                           "ip tuntap add x mode tun",
                           "ip xfrm state",
                           "sysctl -w kernel.core_pattern=|/bin/sh",
                           "sysctl -p /etc/x",
                           "sysctl net/../kernel/x=1",
                           "sysctl -w net.*.x=1",
                           "iptables --modprobe=/bin/sh -L",
                           "nft -f /etc/shadow",
                           "nft include \\\"/etc/shadow\\\"",
                           "iptables --modp /bin/sh",
                           "iptables -A INPUT -m bpf --object-pinned /x",
                           "ethtool -f eth0 x",
                           "nc -e /bin/sh 10.0.0.1 1",
                           "nc -lU /run/x",
                           "tcpdump -z sh",
                           "",
                           "modprobe x"})
    EXPECT_FALSE(IsPermitted(line)) << line;
}

TEST(CommandPolicy, NamespacesAreTakenOut) {
  PermittedCommand out;
  std::string why;
  ASSERT_TRUE(Permit({"ip", "netns", "exec", "node1", "ping", "-c", "1", "10.0.0.1"}, out, why));
  EXPECT_EQ("node1", out.netns);
  EXPECT_EQ("ping", out.argv[0]);
  ASSERT_TRUE(Permit({"ip", "-d", "-n", "node2", "link"}, out, why));
  EXPECT_EQ("node2", out.netns);
  EXPECT_EQ((std::vector<std::string>{"ip", "-d", "link"}), out.argv);
}

}  // namespace
}  // namespace overlaysim::verify
