// `wg show` and the link text of wireguard and TUN devices, after wireguard-tools' src/show.c and wg_setup(): the
// kernel of the captures has no wireguard module. The TUN device's text was printed by iproute2 6.1.0 on Linux 6.18.

#include <gtest/gtest.h>

#include "sim/iproute2/command.h"
#include "sim/iproute2/show.h"

namespace overlaysim::iproute2 {
namespace {

class WireguardText : public testing::Test {
 protected:
  WireguardText() {
    EXPECT_EQ(Run("ip netns add a").err, "");
    EXPECT_EQ(Run("ip -n a link add wg0 type wireguard").err, "");
  }
  CommandResult Run(std::string_view line) { return RunCommand(m_all, {}, line, Seconds(100)); }
  kernel::Namespace& Ns() { return *m_machine.Find("a"); }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
};

TEST_F(WireguardText, LinkHasNoAddressAndNoQueue) {
  EXPECT_EQ(Run("ip -n a -d link show wg0").out,
            "2: wg0: <POINTOPOINT,NOARP> mtu 1420 qdisc noop state DOWN mode DEFAULT group default qlen 1000\n"
            "    link/none  promiscuity 0  allmulti 0 minmtu 0 maxmtu 2147483552 \n"
            "    wireguard addrgenmode eui64 numtxqueues 1 numrxqueues 1 gso_max_size 65536 gso_max_segs 65535 "
            "tso_max_size 524280 tso_max_segs 65535 gro_max_size 65536 \n");
  EXPECT_EQ(Run("ip -n a link set wg0 up").err, "");
  EXPECT_EQ(Run("ip -n a link show wg0").out,
            "2: wg0: <POINTOPOINT,NOARP,UP,LOWER_UP> mtu 1420 qdisc noqueue state UNKNOWN mode DEFAULT group default "
            "qlen 1000\n    link/none \n");
}

TEST_F(WireguardText, TunDeviceThatAProcessHasOpen) {
  Ns().AddLink({.name = "flannel0", .kind = kernel::LinkKind::Tun, .mtu = 1472, .txQueueLen = 500});
  EXPECT_EQ(Run("ip -n a -d link show flannel0").out,
            "3: flannel0: <POINTOPOINT,MULTICAST,NOARP> mtu 1472 qdisc noop state DOWN mode DEFAULT group default "
            "qlen 500\n    link/none  promiscuity 0  allmulti 0 minmtu 68 maxmtu 65535 \n"
            "    tun type tun pi off vnet_hdr off persist off addrgenmode eui64 numtxqueues 1 numrxqueues 1 "
            "gso_max_size 65536 gso_max_segs 65535 tso_max_size 65536 tso_max_segs 65535 gro_max_size 65536 \n");
}

TEST_F(WireguardText, WgShowTellsPeersTheLatestHandshakeFirst) {
  kernel::Link& link = *Ns().FindLink("wg0");
  EXPECT_EQ(Run("ip netns exec a wg").out, "interface: wg0\n");
  const auto key = [](uint8_t number) {
    kernel::WireguardKey made;
    made.bytes.fill(number);
    return made;
  };
  link.wireguard = {.publicKey = key(1), .listenPort = 51820, .fwmark = 0xca6c};
  Ns().SetTunnelPeer(link.ifindex, {.publicKey = key(2)});
  Ns().SetTunnelPeer(link.ifindex,
                     {.publicKey = key(3),
                      .presharedKey = key(9),
                      .endpoint = *Ipv4Address::Parse("192.0.2.1"),
                      .port = 51820,
                      .persistentKeepalive = 25,
                      .allowedIps = {*Ipv4Prefix::Parse("10.2.0.0/16"), *Ipv4Prefix::Parse("10.3.0.1/32")}});
  Ns().ActivityOf(link.ifindex)[key(3)] = {.rxBytes = 1190, .txBytes = 92, .lastHandshake = Seconds(37)};
  EXPECT_EQ(Run("ip netns exec a wg show wg0").out,
            "interface: wg0\n"
            "  public key: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
            "  private key: (hidden)\n"
            "  listening port: 51820\n"
            "  fwmark: 0xca6c\n"
            "\n"
            "peer: AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n"
            "  preshared key: (hidden)\n"
            "  endpoint: 192.0.2.1:51820\n"
            "  allowed ips: 10.2.0.0/16, 10.3.0.1/32\n"
            "  latest handshake: 1 minute, 3 seconds ago\n"
            "  transfer: 1.16 KiB received, 92 B sent\n"
            "  persistent keepalive: every 25 seconds\n"
            "\n"
            "peer: AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
            "  allowed ips: (none)\n");
}

TEST_F(WireguardText, AnAddressIsOfOnePeerOnly) {
  kernel::Link& link = *Ns().FindLink("wg0");
  kernel::WireguardKey one, two;
  one.bytes[0] = 1;
  two.bytes[0] = 2;
  const std::vector<Ipv4Prefix> range = {*Ipv4Prefix::Parse("10.2.0.0/16")};
  Ns().SetTunnelPeer(link.ifindex, {.publicKey = one, .allowedIps = range});
  Ns().SetTunnelPeer(link.ifindex, {.publicKey = two, .allowedIps = range});
  kernel::TunnelPeer found;
  ASSERT_TRUE(Ns().FindTunnelPeer(link.ifindex, *Ipv4Address::Parse("10.2.3.4"), found));
  EXPECT_EQ(found.publicKey, two);
  EXPECT_EQ(Ns().DeleteTunnelPeer(link.ifindex, {.publicKey = two}), 0);
  EXPECT_FALSE(Ns().FindTunnelPeer(link.ifindex, *Ipv4Address::Parse("10.2.3.4"), found));
}

TEST_F(WireguardText, ErrorsOfWg) {
  EXPECT_EQ(Run("ip netns exec a wg show nosuch").err, "Unable to access interface: No such device\n");
  EXPECT_EQ(Run("ip netns exec a wg show lo").err, "Unable to access interface: Operation not supported\n");
}

}  // namespace
}  // namespace overlaysim::iproute2
