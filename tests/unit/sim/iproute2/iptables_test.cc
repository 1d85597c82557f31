// All expected texts were printed by iptables 1.8.9 (nf_tables) for the same rules.

#include "sim/iproute2/iptables.h"

#include <gtest/gtest.h>

#include "sim/iproute2/command.h"

namespace overlaysim::iproute2 {

using kernel::Hook;
using Kind = kernel::Target::Kind;

namespace {

class Iptables : public testing::Test {
 protected:
  CommandResult Run(const std::string& arguments) { return RunCommand(m_all, m_ns.Id(), "iptables " + arguments); }
  std::string Out(const std::string& arguments) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.err, "") << arguments;
    return result.out;
  }
  void Expect(const std::string& arguments, int exit, const std::string& err) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.err, err) << arguments;
    EXPECT_EQ(result.exit, exit) << arguments;
  }
  void AddRules() {
    for (const char* rule :
         {"-A INPUT -p udp --dport 8472 -j DROP", "-A INPUT -p udp --dport 8472 -j REJECT",
          "-A INPUT -p tcp --sport 1:5 --dport 80: -s 10.0.0.0/8 -d 1.2.3.4 -i eth0 -j REJECT --reject-with tcp-reset",
          "-A INPUT -p icmp --icmp-type echo-request -j DROP",
          "-A INPUT -p icmp --icmp-type 3 ! -s 10.0.0.0/8 -j ACCEPT",
          "-A INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT",
          "-A OUTPUT -o eth+ -m comment --comment \"hi there\" -j ACCEPT", "-I FORWARD -p 4 -j RETURN",
          "-A FORWARD -p 132", "-A FORWARD -i eth0 -j REJECT --reject-with icmp-admin-prohibited", "-P FORWARD DROP",
          "-I INPUT 2 -p udp -m udp --dport 53 -j ACCEPT"})
      Expect(rule, 0, "");
  }

  kernel::FilterChain& Chain(Hook hook) { return m_ns.netfilter.Builtin("filter", hook); }
  Kind Ask(kernel::FilterPacket packet) {
    kernel::FilterChain& input = Chain(Hook::Input);
    return kernel::Ruleset::Walk(*m_ns.netfilter.Tables().front(), input, packet).kind;
  }

  kernel::Machine m_machine;
  MachineNamespaces m_all{m_machine};
  kernel::Namespace& m_ns = m_machine.Add("a");
};

TEST_F(Iptables, RulesAsTheyWouldBeTyped) {
  AddRules();
  EXPECT_EQ(Out("-S"),
            "-P INPUT ACCEPT\n"
            "-P FORWARD DROP\n"
            "-P OUTPUT ACCEPT\n"
            "-A INPUT -p udp -m udp --dport 8472 -j DROP\n"
            "-A INPUT -p udp -m udp --dport 53 -j ACCEPT\n"
            "-A INPUT -p udp -m udp --dport 8472 -j REJECT --reject-with icmp-port-unreachable\n"
            "-A INPUT -s 10.0.0.0/8 -d 1.2.3.4/32 -i eth0 -p tcp -m tcp --sport 1:5 --dport 80:65535 -j REJECT "
            "--reject-with tcp-reset\n"
            "-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP\n"
            "-A INPUT ! -s 10.0.0.0/8 -p icmp -m icmp --icmp-type 3 -j ACCEPT\n"
            "-A INPUT -p icmp -m icmp --icmp-type 3/4 -j ACCEPT\n"
            "-A FORWARD -p ipencap -j RETURN\n"
            "-A FORWARD -p sctp\n"
            "-A FORWARD -i eth0 -j REJECT --reject-with icmp-admin-prohibited\n"
            "-A OUTPUT -o eth+ -m comment --comment \"hi there\" -j ACCEPT\n");
  EXPECT_EQ(Out("-S OUTPUT"), "-P OUTPUT ACCEPT\n-A OUTPUT -o eth+ -m comment --comment \"hi there\" -j ACCEPT\n");
}

TEST_F(Iptables, RulesAsATable) {
  AddRules();
  EXPECT_EQ(
      Out("-L -n -v"),
      "Chain INPUT (policy ACCEPT 0 packets, 0 bytes)\n"
      " pkts bytes target     prot opt in     out     source               destination         \n"
      "    0     0 DROP       17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:8472\n"
      "    0     0 ACCEPT     17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:53\n"
      "    0     0 REJECT     17   --  *      *       0.0.0.0/0            0.0.0.0/0            udp dpt:8472 "
      "reject-with "
      "icmp-port-unreachable\n"
      "    0     0 REJECT     6    --  eth0   *       10.0.0.0/8           1.2.3.4              tcp spts:1:5 "
      "dpts:80:65535 "
      "reject-with tcp-reset\n"
      "    0     0 DROP       1    --  *      *       0.0.0.0/0            0.0.0.0/0            icmptype 8\n"
      "    0     0 ACCEPT     1    --  *      *      !10.0.0.0/8           0.0.0.0/0            icmptype 3\n"
      "    0     0 ACCEPT     1    --  *      *       0.0.0.0/0            0.0.0.0/0            icmptype 3 code 4\n"
      "\n"
      "Chain FORWARD (policy DROP 0 packets, 0 bytes)\n"
      " pkts bytes target     prot opt in     out     source               destination         \n"
      "    0     0 RETURN     4    --  *      *       0.0.0.0/0            0.0.0.0/0           \n"
      "    0     0            132  --  *      *       0.0.0.0/0            0.0.0.0/0           \n"
      "    0     0 REJECT     0    --  eth0   *       0.0.0.0/0            0.0.0.0/0            reject-with "
      "icmp-admin-prohibited\n"
      "\n"
      "Chain OUTPUT (policy ACCEPT 0 packets, 0 bytes)\n"
      " pkts bytes target     prot opt in     out     source               destination         \n"
      "    0     0 ACCEPT     0    --  *      eth+    0.0.0.0/0            0.0.0.0/0            /* hi there */\n");
  EXPECT_EQ(Out("-L FORWARD"),
            "Chain FORWARD (policy DROP)\n"
            "target     prot opt source               destination         \n"
            "RETURN     ipencap --  anywhere             anywhere            \n"
            "           sctp --  anywhere             anywhere            \n"
            "REJECT     all  --  anywhere             anywhere             reject-with icmp-admin-prohibited\n");
  EXPECT_EQ(Out("-nL OUTPUT --line-numbers"),
            "Chain OUTPUT (policy ACCEPT)\n"
            "num  target     prot opt source               destination         \n"
            "1    ACCEPT     0    --  0.0.0.0/0            0.0.0.0/0            /* hi there */\n");
  m_ns.netfilter.Builtin("filter", kernel::Hook::Output).packets = 1234567;
  EXPECT_EQ(Out("-vL OUTPUT").substr(0, 51), "Chain OUTPUT (policy ACCEPT 1235K packets, 0 bytes)");
}

TEST_F(Iptables, Refusals) {
  const std::string tail = "Try `iptables -h' or 'iptables --help' for more information.\n";
  const std::string head = "iptables v1.8.9 (nf_tables): ";
  Expect("-A INPUT -p udp --dport 8472 -j DROP", 0, "");
  Expect("-C INPUT -p udp --dport 8472 -j DROP", 0, "");
  Expect("-C INPUT -p udp --dport 8473 -j DROP", 1,
         "iptables: Bad rule (does a matching rule exist in that chain?).\n");
  Expect("-D INPUT -p udp --dport 8473 -j DROP", 1,
         "iptables: Bad rule (does a matching rule exist in that chain?).\n");
  Expect("-D NIX -j DROP", 1, "iptables: Bad rule (does a matching rule exist in that chain?).\n");
  Expect("-D INPUT 99", 1, "iptables: Index of deletion too big.\n");
  Expect("-A NIX -j DROP", 1, "iptables: No chain/target/match by that name.\n");
  Expect("-P FORWARD REJECT", 1, "iptables: Bad policy name. Run `dmesg' for more information.\n");
  Expect("-A INPUT -j NIX", 2, head + "Chain 'NIX' does not exist\n" + tail);
  Expect("-A INPUT --dport 5 -j DROP", 2, head + "unknown option \"--dport\"\n" + tail);
  Expect("-A INPUT -p foo -j DROP", 2, head + "unknown protocol \"foo\" specified\n" + tail);
  Expect("-A INPUT -p udp --dport foo -j DROP", 2, head + "Port \"foo\" does not resolve to anything.\n\n" + tail);
  Expect("-A INPUT -s foo -j DROP", 2, head + "host/network `foo' not found\n" + tail);
  Expect("-A INPUT -o eth0 -j DROP", 2, head + "Can't use -o with INPUT\n\n" + tail);
  Expect("-A OUTPUT -i eth0 -j DROP", 2, head + "Can't use -i with OUTPUT\n\n" + tail);
  Expect("-A INPUT -p tcp -j REJECT --reject-with frob", 2, head + "unknown reject type \"frob\"\n" + tail);
  Expect("-A INPUT -p udp -j REJECT --reject-with tcp-reset", 4,
         head + " RULE_APPEND failed (Invalid argument): rule in chain INPUT\n");
  Expect("-m frob", 2, head + "Couldn't load match `frob':No such file or directory\n\n" + tail);
  Expect("-t frob -L", 3,
         head + "table 'frob' does not exist\nPerhaps iptables or your kernel needs to be upgraded.\n");
  Expect("", 2, head + "no command specified\n" + tail);
  Expect("-A INPUT -p udp --dport 8472 -j DROP extra", 2, "Bad argument `extra'\n" + tail);
}

TEST_F(Iptables, ARuleIsDeletedByItsTextOrItsNumber) {
  AddRules();
  Expect("-D INPUT -p udp --dport 8472 -j REJECT", 0, "");  // icmp-port-unreachable is meant
  Expect("-D INPUT 1", 0, "");
  EXPECT_EQ(Chain(Hook::Input).rules.size(), 5u);  // of 7
  Expect("-F INPUT", 0, "");
  EXPECT_TRUE(Chain(Hook::Input).rules.empty());
  EXPECT_EQ(Chain(Hook::Forward).rules.size(), 3u);
  EXPECT_TRUE(Chain(Hook::Forward).drops);  // -F keeps the policy
}

TEST_F(Iptables, NegatedMatchesDecide) {
  Expect("-A INPUT ! -i eth0 -p udp ! --dport 53 -j DROP", 0, "");
  Expect("-A INPUT -p icmp ! --icmp-type 3/4 -j DROP", 0, "");
  EXPECT_EQ(Out("-S INPUT"),
            "-P INPUT ACCEPT\n-A INPUT ! -i eth0 -p udp -m udp ! --dport 53 -j DROP\n"
            "-A INPUT -p icmp -m icmp ! --icmp-type 3/4 -j DROP\n");
  const std::string eth0 = "eth0", eth1 = "eth1";
  kernel::FilterPacket packet{.protocol = 17, .hasPorts = true, .destinationPort = 8472, .inDevice = &eth1};
  EXPECT_EQ(Ask(packet), Kind::Drop);
  packet.inDevice = &eth0;
  EXPECT_EQ(Ask(packet), Kind::Accept);
  packet.inDevice = &eth1;
  packet.destinationPort = 53;
  EXPECT_EQ(Ask(packet), Kind::Accept);
  kernel::FilterPacket icmp{.protocol = 1, .hasIcmp = true, .icmpType = 3, .icmpCode = 4, .inDevice = &eth0};
  EXPECT_EQ(Ask(icmp), Kind::Accept);
  icmp.icmpCode = 1;
  EXPECT_EQ(Ask(icmp), Kind::Drop);
}

TEST_F(Iptables, ARuleWithoutATargetOnlyCounts) {
  Expect("-A INPUT -p udp", 0, "");
  Expect("-A INPUT -j DROP", 0, "");
  const kernel::FilterPacket packet{.protocol = 17, .bytes = 100};
  EXPECT_EQ(Ask(packet), Kind::Drop);
  EXPECT_EQ(Chain(Hook::Input).rules[0].packets, 1u);
  EXPECT_EQ(Chain(Hook::Input).rules[0].bytes, 100u);
}

TEST_F(Iptables, ChangesAreTold) {
  std::vector<std::string> told;
  m_ns.onChange = [&](const kernel::TableChange& change) {
    ASSERT_EQ(change.table, kernel::Table::Filter);
    told.push_back((change.op == kernel::TableChange::Op::Add ? "+ " : "- ") +
                   FilterRuleLine("INPUT", *static_cast<const kernel::FilterRule*>(change.row)));
  };
  Expect("-A INPUT -p udp --dport 8472 -j DROP", 0, "");
  Expect("-F", 0, "");
  EXPECT_EQ(told, (std::vector<std::string>{"+ -A INPUT -p udp -m udp --dport 8472 -j DROP",
                                            "- -A INPUT -p udp -m udp --dport 8472 -j DROP"}));
}

// flannel's rules, as iptables 1.8.9 (nf_tables) takes and shows them
TEST_F(Iptables, NatWithAChainOfItsOwn) {
  for (const char* rule :
       {"-t nat -N FLANNEL-POSTRTG",
        "-t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment \"flanneld masq\" -j RETURN",
        "-t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment \"flanneld masq\" "
        "-j MASQUERADE --random-fully",
        "-t nat -A POSTROUTING -m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG",
        "-t nat -A POSTROUTING -p tcp -j SNAT --to-source 1.2.3.4-1.2.3.9:1000-2000 --random",
        "-t nat -A POSTROUTING -p tcp -j MASQUERADE --to-ports 1000-2000",
        "-t nat -A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.1.1:8080",
        "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 99", "-t nat -A OUTPUT -p tcp -j REDIRECT"})
    Expect(rule, 0, "");
  EXPECT_EQ(Out("-t nat -S"),
            "-P PREROUTING ACCEPT\n-P INPUT ACCEPT\n-P OUTPUT ACCEPT\n-P POSTROUTING ACCEPT\n-N FLANNEL-POSTRTG\n"
            "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.1.1:8080\n"
            "-A PREROUTING -p tcp -j REDIRECT --to-ports 99\n"
            "-A OUTPUT -p tcp -j REDIRECT\n"
            "-A POSTROUTING -m comment --comment \"flanneld masq\" -j FLANNEL-POSTRTG\n"
            "-A POSTROUTING -p tcp -j SNAT --to-source 1.2.3.4-1.2.3.9:1000-2000 --random\n"
            "-A POSTROUTING -p tcp -j MASQUERADE --to-ports 1000-2000\n"
            "-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment \"flanneld masq\" -j RETURN\n"
            "-A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -m comment --comment \"flanneld masq\" -j MASQUERADE "
            "--random-fully\n");
  EXPECT_EQ(
      Out("-t nat -L FLANNEL-POSTRTG -n -v"),
      "Chain FLANNEL-POSTRTG (1 references)\n"
      " pkts bytes target     prot opt in     out     source               destination         \n"
      "    0     0 RETURN     0    --  *      *       0.0.0.0/0            0.0.0.0/0            mark match "
      "0x4000/0x4000 /* flanneld masq */\n"
      "    0     0 MASQUERADE  0    --  *      *       10.244.0.0/16       !224.0.0.0/4          /* flanneld masq */ "
      "random-fully\n");
  EXPECT_EQ(Out("-t nat -L PREROUTING -n"),
            "Chain PREROUTING (policy ACCEPT)\n"
            "target     prot opt source               destination         \n"
            "DNAT       6    --  0.0.0.0/0            0.0.0.0/0            tcp dpt:80 to:10.1.1.1:8080\n"
            "REDIRECT   6    --  0.0.0.0/0            0.0.0.0/0            redir ports 99\n");
}

TEST_F(Iptables, MatchesAndTargetsOfClusters) {
  for (const char* rule :
       {"-N ZZ", "-A ZZ -p tcp -m comment --comment x -m tcp --dport 80 -j ACCEPT",
        "-A ZZ -p tcp -m comment --comment x --dport 80 -m conntrack --ctstate NEW --sport 5 -j ACCEPT",
        "-A ZZ -p tcp --syn -j DROP", "-A ZZ -p tcp ! --tcp-flags SYN,RST ACK -j DROP",
        "-A ZZ -p tcp -m multiport ! --sports 80,443,8000:8080 -j ACCEPT",
        "-A ZZ -m state --state NEW,INVALID -j ACCEPT", "-A ZZ -m conntrack ! --ctstate NEW,UNTRACKED,DNAT -j ACCEPT",
        "-A ZZ -m addrtype ! --src-type LOCAL,BROADCAST --dst-type LOCAL -j ACCEPT",
        "-A ZZ -m mark ! --mark 10/0xff -j ACCEPT",
        "-A ZZ -m physdev --physdev-in veth1 --physdev-is-bridged -j ACCEPT",
        "-A ZZ -j LOG --log-prefix \"hello there \"", "-A ZZ -j MARK --set-mark 5", "-A FORWARD -g ZZ",
        "-A FORWARD -s 10.0.0.1,10.0.0.2 -j ZZ"})
    Expect(rule, 0, "");
  EXPECT_EQ(Out("-S ZZ"),
            "-N ZZ\n-A ZZ -p tcp -m comment --comment x -m tcp --dport 80 -j ACCEPT\n"
            "-A ZZ -p tcp -m comment --comment x -m tcp --sport 5 --dport 80 -m conntrack --ctstate NEW -j ACCEPT\n"
            "-A ZZ -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j DROP\n"
            "-A ZZ -p tcp -m tcp ! --tcp-flags SYN,RST ACK -j DROP\n"
            "-A ZZ -p tcp -m multiport ! --sports 80,443,8000:8080 -j ACCEPT\n"
            "-A ZZ -m state --state INVALID,NEW -j ACCEPT\n"
            "-A ZZ -m conntrack ! --ctstate NEW,UNTRACKED,DNAT -j ACCEPT\n"
            "-A ZZ -m addrtype ! --src-type LOCAL,BROADCAST --dst-type LOCAL -j ACCEPT\n"
            "-A ZZ -m mark ! --mark 0xa/0xff -j ACCEPT\n"
            "-A ZZ -m physdev --physdev-in veth1 --physdev-is-bridged -j ACCEPT\n"
            "-A ZZ -j LOG --log-prefix \"hello there \"\n"
            "-A ZZ -j MARK --set-xmark 0x5/0xffffffff\n");
  EXPECT_EQ(Out("-L FORWARD -n"),
            "Chain FORWARD (policy ACCEPT)\n"
            "target     prot opt source               destination         \n"
            "ZZ         0    --  0.0.0.0/0            0.0.0.0/0           [goto] \n"
            "ZZ         0    --  10.0.0.1             0.0.0.0/0           \n"
            "ZZ         0    --  10.0.0.2             0.0.0.0/0           \n");
}

TEST_F(Iptables, RefusalsOfChainsAndTargets) {
  const std::string tail = "Try `iptables -h' or 'iptables --help' for more information.\n";
  const std::string head = "iptables v1.8.9 (nf_tables): ";
  Expect("-N ZZ", 0, "");
  Expect("-N ZZ", 1, "iptables: Chain already exists.\n");
  Expect("-N ACCEPT", 2, head + "chain name may not clash with target name\n" + tail);
  Expect("-A FORWARD -g ZZ", 0, "");
  Expect("-X ZZ", 4, head + " CHAIN_DEL failed (Device or resource busy): chain ZZ\n");
  Expect("-X NIX", 1, "iptables: No chain/target/match by that name.\n");
  Expect("-A ZZ -j ZZ", 4, head + " RULE_APPEND failed (Too many links): rule in chain ZZ\n");
  Expect("-N MM", 0, "");
  Expect("-E ZZ MM", 1, "iptables: File exists.\n");
  Expect("-E NIX CC", 1, "iptables: No chain/target/match by that name.\n");
  Expect(
      "-t nat -P POSTROUTING DROP", 2,
      head + "\nThe \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.\n\n\n" + tail);
  Expect("-t nat -A PREROUTING -j MASQUERADE", 4,
         head + " RULE_APPEND failed (Invalid argument): rule in chain PREROUTING\n");
  Expect("-t nat -A POSTROUTING -j SNAT", 2, head + "SNAT: option \"--to-source\" must be specified\n\n" + tail);
  Expect("-t nat -A POSTROUTING -j SNAT --to-source 1.2.3.4:80", 2,
         head + "Need TCP, UDP, SCTP or DCCP with port specification\n" + tail);
  Expect("-A FORWARD -m conntrack --ctstate FOO -j ACCEPT", 2, head + "Bad ctstate \"FOO\"\n" + tail);
  Expect("-A FORWARD -m conntrack -j ACCEPT", 2, head + "conntrack: At least one option is required\n" + tail);
  Expect("-A FORWARD -m addrtype --dst-type FOO", 2, head + "addrtype: bad type \"FOO\"\n" + tail);
  Expect("-A FORWARD -p icmp -m icmp -j ACCEPT", 2, head + "icmp: option \"--icmp-type\" must be specified\n\n" + tail);
  Expect("-A FORWARD -m mark --mark zz", 2,
         head + "mark: bad integer value for option \"--mark\", or out of range.\n\n" + tail);
  Expect("-A FORWARD -j ACCEPT -j DROP", 2, head + "multiple -j flags not allowed\n" + tail);
  Expect("-A FORWARD -m multiport --ports 80", 2,
         head + "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'\n" + tail);
  Expect("-A FORWARD -m statistic --mode nth", 1, "the match \"statistic\" is not supported yet\n");
}

TEST_F(Iptables, LimitsAreSaidInTheLongestUnit) {
  for (const char* rule : {"--limit 5/min --limit-burst 3 -j ACCEPT", "--limit 10/sec -j ACCEPT", "--limit 3/day", "",
                           "--limit 60/minute", "--limit 7"})
    Expect(std::string("-A INPUT -m limit ") + rule, 0, "");
  EXPECT_EQ(Out("-S INPUT"),
            "-P INPUT ACCEPT\n"
            "-A INPUT -m limit --limit 5/min --limit-burst 3 -j ACCEPT\n"
            "-A INPUT -m limit --limit 10/sec -j ACCEPT\n"
            "-A INPUT -m limit --limit 3/day\n"
            "-A INPUT -m limit --limit 3/hour\n"
            "-A INPUT -m limit --limit 1/sec\n"
            "-A INPUT -m limit --limit 7/sec\n");
  EXPECT_NE(Out("-nL INPUT").find("0.0.0.0/0            limit: avg 5/min burst 3\n"), std::string::npos);
  const std::string head = "iptables v1.8.9 (nf_tables): ",
                    tail = "Try `iptables -h' or 'iptables --help' for more information.\n";
  Expect("-A INPUT -m limit --limit 20000/sec", 2, head + "Rate too fast \"20000/sec\"\n" + tail);
  Expect("-A INPUT -m limit --limit 5/fortnight", 2, head + "bad rate \"5/fortnight\"'\n" + tail);
  Expect("-A INPUT -m limit ! --limit 5/sec", 2, head + "limit: option \"--limit\" cannot be inverted.\n\n" + tail);
}

// nft_limit.c: 10/s costs 100 ms a packet; a burst of 3 is 300 ms at first.
TEST_F(Iptables, ALimitPassesItsBurstAndThenItsRate) {
  Expect("-A INPUT -m limit --limit 10/sec --limit-burst 3 -j DROP", 0, "");
  auto at = [&](int64_t ms) { return Ask({.bytes = 100, .now = Milliseconds(ms)}); };
  EXPECT_EQ(at(1000), Kind::Drop);
  EXPECT_EQ(at(1000), Kind::Drop);
  EXPECT_EQ(at(1000), Kind::Drop);
  EXPECT_EQ(at(1000), Kind::Accept);
  EXPECT_EQ(at(1099), Kind::Accept);
  EXPECT_EQ(at(1100), Kind::Drop);
  EXPECT_EQ(at(1150), Kind::Accept);
  EXPECT_EQ(at(1200), Kind::Drop);
}

TEST_F(Iptables, SavedRulesAreReadBack) {
  const std::string text =
      "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [5:6]\n:OUTPUT ACCEPT [0:0]\n:MINE - [0:0]\n"
      "[7:8] -A FORWARD -j MINE\n[0:0] -A MINE -p udp -m udp --dport 53 -j ACCEPT\nCOMMIT\n"
      "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
      "[0:0] -A POSTROUTING -j MASQUERADE\nCOMMIT\n";
  EXPECT_FALSE(IptablesRestore(m_ns, text, true));
  std::string saved = IptablesSave(m_ns, "", true, "now"), plain;
  for (size_t begin = 0; begin < saved.size();) {
    const size_t end = saved.find('\n', begin) + 1;
    if (saved[begin] != '#') plain += saved.substr(begin, end - begin);
    begin = end;
  }
  EXPECT_EQ(plain, text);
  EXPECT_TRUE(m_ns.netfilter.Tracks());
}

TEST_F(Iptables, ATableThatCannotBeReadStaysAsItWas) {
  Expect("-A FORWARD -j DROP", 0, "");
  auto problem = IptablesRestore(m_ns, "*filter\n-A FORWARD -j ACCEPT\n-A NIX -j ACCEPT\nCOMMIT\n", true);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->line, 3u);
  EXPECT_EQ(problem->text, "No chain/target/match by that name");
  EXPECT_EQ(Out("-S FORWARD"), "-P FORWARD ACCEPT\n-A FORWARD -j DROP\n");
  EXPECT_EQ(IptablesRestore(m_ns, "*foo\n", true)->text, "table name 'foo' invalid");
  EXPECT_EQ(IptablesRestore(m_ns, "*nat\n", true)->text, "COMMIT expected");
  EXPECT_EQ(IptablesRestore(m_ns, "*nat\n-A POSTROUTING --foo\nCOMMIT\n", true)->text, "unknown option \"--foo\"");
}

}  // namespace
}  // namespace overlaysim::iproute2
