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

}  // namespace
}  // namespace overlaysim::iproute2
