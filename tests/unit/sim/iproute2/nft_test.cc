// All expected texts were printed by nft 1.0.6 for the same rules.

#include "sim/iproute2/nft.h"

#include <gtest/gtest.h>

#include "models/linux/namespace.h"
#include "sim/iproute2/command.h"

namespace overlaysim::iproute2 {

using Kind = kernel::Target::Kind;
using kernel::FilterFamily;

namespace {

constexpr const char* kRuleset = R"(#!/usr/sbin/nft -f
flush ruleset
define lan = { 10.0.0.0/8, 192.168.0.0/16 }
table inet fw {
  set blocked { type ipv4_addr; flags interval; elements = { 10.9.0.0/16, 1.2.3.4 } }
  set ports { type inet_service; elements = { 80, ssh } }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept comment "answers"
    ct state invalid drop
    iifname "lo" accept
    iif lo accept
    ip saddr @blocked counter drop
    ip saddr $lan tcp dport { 22, 80-90, 443 } accept
    ip saddr { 10.1.1.1 } accept
    ip saddr != 10.0.0.0/8 ip protocol icmp accept
    udp dport 8472 counter accept
    udp dport 5000-5010 udp sport 53 accept
    tcp dport @ports accept
    tcp dport http limit rate 10/second burst 5 packets accept
    limit rate over 5/minute drop
    limit rate 5/minute log prefix "hi " drop
    meta l4proto { tcp, udp } th dport 53 accept
    icmp type echo-request accept
    icmp type { echo-request, echo-reply } accept
    iifname { "eth0", "cni0" } oifname "flannel.1" accept
    iifname "veth*" accept
    meta mark 0x4000 accept
    meta mark & 0x4000 == 0x4000 accept
    ip protocol udp accept
    tcp flags syn accept
    tcp flags & (syn|ack) == syn accept
    ct status dnat accept
    fib daddr type local accept
    jump more
    reject
    reject with tcp reset
    reject with icmp type admin-prohibited
    reject with icmpx type port-unreachable
    meta nfproto ipv4 accept
    ip6 saddr fd00::/8 accept
    counter
  }
  chain mk { type filter hook prerouting priority mangle; meta mark set 0x10; ip daddr 10.0.0.0/8 meta mark set meta mark or 0x4000; }
  chain more { goto x2; }
  chain x2 { return; }
  chain forward { type filter hook forward priority 0; }
  chain fwd2 { type filter hook forward priority filter - 5; policy accept; }
  chain out { type filter hook output priority -300; notrack; }
}
table ip mynat {
  chain pre { type nat hook prerouting priority dstnat; tcp dport 80 dnat to 10.0.0.1:8080; udp dport 53 redirect to :5353; tcp dport 8000-8010 dnat to 10.0.0.1-10.0.0.9:80-90; }
  chain post { type nat hook postrouting priority srcnat; policy accept;
    oifname "eth0" masquerade
    oifname "eth0" masquerade random,fully-random
    ip saddr 10.0.0.0/8 snat to 1.2.3.4
  }
}
)";

constexpr const char* kListed = R"(table inet fw {
	set blocked {
		type ipv4_addr
		flags interval
		elements = { 1.2.3.4, 10.9.0.0/16 }
	}

	set ports {
		type inet_service
		elements = { 22, 80 }
	}

	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept comment "answers"
		ct state invalid drop
		iifname "lo" accept
		iif "lo" accept
		ip saddr @blocked counter packets 0 bytes 0 drop
		ip saddr { 10.0.0.0/8, 192.168.0.0/16 } tcp dport { 22, 80-90, 443 } accept
		ip saddr 10.1.1.1 accept
		ip saddr != 10.0.0.0/8 ip protocol icmp accept
		udp dport 8472 counter packets 0 bytes 0 accept
		udp dport 5000-5010 udp sport 53 accept
		tcp dport @ports accept
		tcp dport 80 limit rate 10/second accept
		limit rate over 5/minute drop
		limit rate 5/minute log prefix "hi " drop
		meta l4proto { tcp, udp } th dport 53 accept
		icmp type echo-request accept
		icmp type { echo-reply, echo-request } accept
		iifname { "eth0", "cni0" } oifname "flannel.1" accept
		iifname "veth*" accept
		meta mark 0x00004000 accept
		meta mark & 0x00004000 == 0x00004000 accept
		ip protocol udp accept
		tcp flags syn accept
		tcp flags syn / syn,ack accept
		ct status dnat accept
		fib daddr type local accept
		jump more
		reject
		meta l4proto tcp reject with tcp reset
		reject with icmp admin-prohibited
		reject
		meta nfproto ipv4 accept
		ip6 saddr fd00::/8 accept
		counter packets 0 bytes 0
	}

	chain mk {
		type filter hook prerouting priority mangle; policy accept;
		meta mark set 0x00000010
		ip daddr 10.0.0.0/8 meta mark set meta mark | 0x00004000
	}

	chain more {
		goto x2
	}

	chain x2 {
		return
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
	}

	chain fwd2 {
		type filter hook forward priority filter - 5; policy accept;
	}

	chain out {
		type filter hook output priority raw; policy accept;
		notrack
	}
}
table ip mynat {
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		tcp dport 80 dnat to 10.0.0.1:8080
		udp dport 53 redirect to :5353
		tcp dport 8000-8010 dnat to 10.0.0.1-10.0.0.9:80-90
	}

	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "eth0" masquerade
		oifname "eth0" masquerade random,fully-random
		ip saddr 10.0.0.0/8 snat to 1.2.3.4
	}
}
)";

class Nft : public testing::Test {
 protected:
  std::string Carry(const std::string& text) {
    NftOutput output;
    const auto problem = CarryNft(m_ns, text, output);
    if (problem) return std::to_string(problem->line) + ":" + std::to_string(problem->column) + ": " + problem->text;
    return output.out;
  }
  CommandResult Run(const std::string& arguments) { return RunCommand(m_all, m_ns.Id(), "nft " + arguments); }
  Kind Ask(const std::string& chain, kernel::FilterPacket packet) {
    const kernel::FilterTable& table = *m_ns.netfilter.Tables().front();
    return kernel::Ruleset::Walk(table, *table.Find(chain), packet).kind;
  }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
  kernel::Namespace& m_ns = m_machine.Add("a");
};

TEST_F(Nft, ListsARulesetAsTheRealOneDoes) {
  EXPECT_EQ(Carry(kRuleset), "");
  EXPECT_EQ(Run("list ruleset").out, kListed);
}

TEST_F(Nft, WhatItListsItReads) {
  ASSERT_EQ(Carry(kRuleset), "");
  EXPECT_EQ(Carry(std::string("flush ruleset\n") + kListed), "");
  EXPECT_EQ(Carry("list ruleset"), kListed);
}

TEST_F(Nft, ListsRulesOfIptablesInItsOwnWords) {
  for (const char* rule :
       {"-A FORWARD -m comment --comment 'flanneld forward' -j ACCEPT",
        "-t nat -A POSTROUTING -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment 'x y' -j MASQUERADE "
        "--random-fully",
        "-t nat -A POSTROUTING -m mark --mark 0x4000/0x4000 -j RETURN", "-A INPUT -p tcp -m tcp --dport 80 -j REJECT",
        "-A INPUT -p udp -m multiport --dports 53,80:90 -m conntrack --ctstate NEW,ESTABLISHED -j DROP",
        "-A INPUT -p icmp --icmp-type 8 -i eth0 -j DROP", "-A INPUT -p icmp ! -i eth+ -j LOG --log-prefix 'a b'",
        "-A INPUT -p tcp --syn -j REJECT --reject-with tcp-reset",
        "-A INPUT -m limit --limit 5/min --limit-burst 3 -j ACCEPT",
        "-A INPUT -s 10.1.0.0/16 ! -i eth0 -j MARK --set-xmark 0x4000/0x4000",
        "-t nat -A PREROUTING -d 10.96.0.1 -p tcp -m tcp --dport 443 -j DNAT --to-destination 172.16.0.2:6443",
        "-A FORWARD -p udp -m udp --sport 53 --dport 1024: -j DROP", "-A FORWARD -m addrtype --dst-type LOCAL -j DROP",
        "-A FORWARD -p tcp -j DROP"})
    EXPECT_EQ(RunCommand(m_all, m_ns.Id(), std::string("iptables ") + rule).err, "") << rule;
  EXPECT_EQ(Carry("list ruleset"), R"(table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		 counter packets 0 bytes 0 accept
		udp sport 53 udp dport 1024-65535 counter packets 0 bytes 0 drop
		fib daddr type local counter packets 0 bytes 0 drop
		meta l4proto tcp counter packets 0 bytes 0 drop
	}

	chain INPUT {
		type filter hook input priority filter; policy accept;
		tcp dport 80 counter packets 0 bytes 0 reject
		meta l4proto udp udp dport { 53, 80-90 } ct state new,established counter packets 0 bytes 0 drop
		iifname "eth0" meta l4proto icmp icmp type echo-request counter packets 0 bytes 0 drop
		iifname != "eth*" meta l4proto icmp counter packets 0 bytes 0 log prefix "a b"
		tcp flags syn / fin,syn,rst,ack counter packets 0 bytes 0 reject with tcp reset
		limit rate 5/minute burst 3 packets counter packets 0 bytes 0 accept
		iifname != "eth0" ip saddr 10.1.0.0/16 counter packets 0 bytes 0 meta mark set mark or 0x4000
	}
}
table ip nat {
	chain POSTROUTING {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4  counter packets 0 bytes 0 masquerade fully-random
		meta mark & 0x00004000 == 0x00004000 counter packets 0 bytes 0 return
	}

	chain PREROUTING {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr 10.96.0.1 tcp dport 443 counter packets 0 bytes 0 dnat to 172.16.0.2:6443
	}
}
)");
}

TEST_F(Nft, RulesDecideAsTheyAreWritten) {
  ASSERT_EQ(Carry("table inet fw {\n"
                  " set blocked { type ipv4_addr; flags interval; elements = { 10.9.0.0/16, 1.2.3.4 } }\n"
                  " chain input { type filter hook input priority 0; policy drop;\n"
                  "  ip saddr @blocked counter drop\n"
                  "  udp dport { 53, 8472, 5000-5010 } accept\n"
                  "  iifname \"cni*\" tcp dport 22 jump ssh\n"
                  "  ip6 saddr fd00::/8 accept\n"
                  " }\n"
                  " chain ssh { tcp flags & (syn | ack) == syn reject with tcp reset\n accept; }\n"
                  "}\n"),
            "");
  auto packet = [](uint32_t source, uint8_t protocol, uint16_t port) {
    return kernel::FilterPacket{
        .source = Ipv4Address{source}, .protocol = protocol, .hasPorts = true, .destinationPort = port};
  };
  EXPECT_EQ(Ask("input", packet(0x0a000001, 17, 53)), Kind::Accept);
  EXPECT_EQ(Ask("input", packet(0x0a000001, 17, 5005)), Kind::Accept);
  EXPECT_EQ(Ask("input", packet(0x0a000001, 17, 5011)), Kind::Drop);
  EXPECT_EQ(Ask("input", packet(0x0a000001, 6, 53)), Kind::Drop);
  EXPECT_EQ(Ask("input", packet(0x0a090001, 17, 53)), Kind::Drop);
  EXPECT_EQ(Ask("input", packet(0x01020304, 17, 53)), Kind::Drop);
  EXPECT_NE(Carry("list chain inet fw input").find("ip saddr @blocked counter packets 2 bytes 0 drop"),
            std::string::npos);
  const std::string device = "cni0";
  kernel::FilterPacket ssh = packet(0x0a000001, 6, 22);
  EXPECT_EQ(Ask("input", ssh), Kind::Drop);
  ssh.inDevice = &device;
  EXPECT_EQ(Ask("input", ssh), Kind::Accept);
  ssh.tcpFlags = 2;  // SYN
  EXPECT_EQ(Ask("input", ssh), Kind::Reject);
  EXPECT_EQ(Carry("add element inet fw blocked { 10.0.0.1 }"), "");
  EXPECT_EQ(Ask("input", packet(0x0a000001, 17, 53)), Kind::Drop);
}

TEST_F(Nft, ALimitThatIsOverHoldsForWhatIsTooMuch) {
  ASSERT_EQ(Carry("table ip t { chain c { type filter hook input priority 0; limit rate over 1/second burst 2 packets "
                  "drop; }\n}"),
            "");
  EXPECT_EQ(Ask("c", {.now = Seconds(1)}), Kind::Accept);
  EXPECT_EQ(Ask("c", {.now = Seconds(1)}), Kind::Accept);
  EXPECT_EQ(Ask("c", {.now = Seconds(1)}), Kind::Drop);
  EXPECT_EQ(Ask("c", {.now = Seconds(2)}), Kind::Accept);
}

TEST_F(Nft, AWrongTextChangesNothingAndSaysWhere) {
  ASSERT_EQ(Carry("table ip t { chain c { type filter hook input priority 0; accept; }\n}"), "");
  const std::string before = Carry("list ruleset");
  EXPECT_EQ(Carry("flush ruleset\ntable ip t {\n chain c {\n  ip saddr 10.0.0.300 accept\n }\n}\n"),
            "4:12: Could not resolve hostname: Name or service not known");
  EXPECT_EQ(Carry("table ip t {\n chain c {\n  tcp dprt 5 accept\n }\n}\n"),
            "3:7: syntax error, unexpected string: tcp has sport and dport and flags");
  EXPECT_EQ(Carry("add rule ip t c tcp dport 99999 drop"), "1:27: Service out of range");
  EXPECT_EQ(Carry("add rule ip t c accept drop"), "1:24: Statement after terminal statement has no effect");
  EXPECT_EQ(Carry("add rule ip t c ip saddr . tcp dport @x drop"), "1:26: a concatenation is not supported yet");
  EXPECT_EQ(Carry("add rule ip t c jump nix"), "1:22: Could not process rule: No such file or directory");
  EXPECT_EQ(Carry("list ruleset"), before);
}

TEST_F(Nft, TypedCommandsAreRefusedInItsWords) {
  EXPECT_EQ(Run("add table ip t").err, "");
  EXPECT_EQ(Run("add chain ip t c '{ type filter hook input priority 0; policy drop; }'").err, "");
  EXPECT_EQ(Run("list tables").out, "table ip t\n");
  const CommandResult result = Run("add rule ip t nix accept");
  EXPECT_EQ(result.exit, 1);
  EXPECT_EQ(result.err,
            "Error: Could not process rule: No such file or directory\nadd rule ip t nix accept\n              ^^^\n");
  EXPECT_EQ(Run("delete table ip t").err, "");
  EXPECT_EQ(Run("list ruleset").out, "");
  EXPECT_EQ(Run("").err, "nft: no command specified\n");
}

}  // namespace
}  // namespace overlaysim::iproute2
