// `ip xfrm`: the text of policies was printed by iproute2 6.1.0 on Linux 6.18, that of states is after ip/ipxfrm.c,
// since that kernel has no ESP.

#include <gtest/gtest.h>

#include "sim/iproute2/command.h"
#include "sim/iproute2/show.h"

namespace overlaysim::iproute2 {
namespace {

class XfrmText : public testing::Test {
 protected:
  XfrmText() { EXPECT_EQ(RunCommand(m_all, {}, "ip netns add a", {}).err, ""); }
  CommandResult Run(const std::string& line) { return RunCommand(m_all, {}, "ip netns exec a " + line, Seconds(1)); }
  kernel::Namespace& Ns() { return *m_machine.Find("a"); }
  kernel::TunnelPeer Peer(uint16_t udpPort = 0) const {
    return {.endpoint = *Ipv4Address::Parse("192.168.10.3"),
            .allowedIps = {*Ipv4Prefix::Parse("10.244.1.0/24")},
            .ipsec = kernel::IpsecTunnel{.local = *Ipv4Address::Parse("192.168.10.2"),
                                         .localRange = *Ipv4Prefix::Parse("10.244.0.0/24"),
                                         .spiIn = 0xc0000001,
                                         .spiOut = 0xc0000002,
                                         .reqid = 11,
                                         .udpPort = udpPort}};
  }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
};

TEST_F(XfrmText, PoliciesOfOnePeer) {
  EXPECT_EQ(Run("ip xfrm policy").out, "");
  Ns().SetTunnelPeer(0, Peer());
  EXPECT_EQ(Run("ip xfrm policy list").out,
            "src 10.244.1.0/24 dst 10.244.0.0/24 \n"
            "\tdir fwd priority 0 ptype main \n"
            "\ttmpl src 192.168.10.3 dst 192.168.10.2\n"
            "\t\tproto esp reqid 11 mode tunnel\n"
            "src 10.244.1.0/24 dst 10.244.0.0/24 \n"
            "\tdir in priority 0 ptype main \n"
            "\ttmpl src 192.168.10.3 dst 192.168.10.2\n"
            "\t\tproto esp reqid 11 mode tunnel\n"
            "src 10.244.0.0/24 dst 10.244.1.0/24 \n"
            "\tdir out priority 0 ptype main \n"
            "\ttmpl src 192.168.10.2 dst 192.168.10.3\n"
            "\t\tproto esp reqid 11 mode tunnel\n");
}

TEST_F(XfrmText, StatesTellWhatWasSentAndHasCome) {
  Ns().SetTunnelPeer(0, Peer(4500));
  Ns().ipsecActivity[{*Ipv4Address::Parse("192.168.10.3"), 0xc0000002}] = {.outSequence = 26};
  Ns().ipsecActivity[{*Ipv4Address::Parse("192.168.10.2"), 0xc0000001}] = {.sequence = 2, .seen = 3};
  EXPECT_EQ(Run("ip xfrm state").out,
            "src 192.168.10.2 dst 192.168.10.3\n"
            "\tproto esp spi 0xc0000002 reqid 11 mode tunnel\n"
            "\treplay-window 0 flag af-unspec\n"
            "\taead rfc4106(gcm(aes)) <<Keys hidden>> 128\n"
            "\tencap type espinudp sport 4500 dport 4500 addr 0.0.0.0\n"
            "\tanti-replay context: seq 0x0, oseq 0x1a, bitmap 0x00000000\n"
            "src 192.168.10.3 dst 192.168.10.2\n"
            "\tproto esp spi 0xc0000001 reqid 11 mode tunnel\n"
            "\treplay-window 32 flag af-unspec\n"
            "\taead rfc4106(gcm(aes)) <<Keys hidden>> 128\n"
            "\tencap type espinudp sport 4500 dport 4500 addr 0.0.0.0\n"
            "\tanti-replay context: seq 0x2, oseq 0x0, bitmap 0x00000003\n");
  EXPECT_EQ(Run("ip xfrm sa list nokeys").out, Run("ip xfrm state").out);
}

TEST_F(XfrmText, PeersGoByTheirEndpoint) {
  kernel::TunnelPeer other = Peer();
  other.endpoint = *Ipv4Address::Parse("192.168.10.4");
  other.allowedIps = {*Ipv4Prefix::Parse("10.244.2.0/24")};
  Ns().SetTunnelPeer(0, Peer());
  Ns().SetTunnelPeer(0, other);
  EXPECT_EQ(Ns().DeleteTunnelPeer(0, other), 0);
  ASSERT_EQ(Ns().TunnelPeers(0).size(), 1u);
  EXPECT_EQ(IpsecLine(Ns().TunnelPeers(0)[0]),
            "esp tunnel endpoint 192.168.10.3 local 192.168.10.2 src 10.244.0.0/24 dst 10.244.1.0/24 reqid 11 "
            "aes128gcm16 spi in 0xc0000001 out 0xc0000002");
}

TEST_F(XfrmText, CountersStandInAFileOfTheirOwn) {
  Ns().snmp.Add(kernel::Snmp::XfrmInNoStates, 3);
  const std::string text = Run("cat /proc/net/xfrm_stat").out;
  EXPECT_EQ(text.substr(0, text.find('\n', 27) + 1), "XfrmInError             \t0\nXfrmInBufferError       \t0\n");
  EXPECT_NE(text.find("XfrmInNoStates          \t3\n"), std::string::npos);
  EXPECT_EQ(Run("nstat -az").out.find("Xfrm"), std::string::npos);
}

TEST_F(XfrmText, WhatIsNotSupportedIsSaid) {
  EXPECT_EQ(Run("ip xfrm").err,
            "Usage: ip xfrm XFRM-OBJECT { COMMAND | help }\nwhere  XFRM-OBJECT := state | policy | monitor\n");
  EXPECT_EQ(Run("ip xfrm").exit, 255);
  EXPECT_NE(Run("ip xfrm monitor").err.find("not supported yet"), std::string::npos);
  EXPECT_NE(Run("ip xfrm policy flush").err.find("not supported yet"), std::string::npos);
  EXPECT_NE(Run("cat /etc/hosts").err.find("not supported yet"), std::string::npos);
}

}  // namespace
}  // namespace overlaysim::iproute2
