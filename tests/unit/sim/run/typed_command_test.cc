#include "sim/run/typed_command.h"

#include <gtest/gtest.h>

#include <map>

#include "models/traffic/arping.h"
#include "models/traffic/tcp_edge.h"
#include "support/two_pods.h"

// What is expected was printed by the tools of Debian 12 on Linux 6.18, on two namespaces joined by a veth pair; times
// are the simulation's.

namespace overlaysim {
namespace {

using test::TwoPods;

/// Two pods, and what is typed in them.
class Typing {
 public:
  explicit Typing(const TwoPods::Options& options = {}) : pods(options) {}

  /// Begins at once, in the pod that is called a or b.
  const traffic::Flow& Begin(char pod, const std::string& line) {
    host::Stack& stack = pod == 'a' ? pods.A() : pods.B();
    const typed::Shell shell{
        .stack = stack,
        .processId = 77,
        .flow = m_flows,
        .resolve = [](std::string_view name) { return name == "pod-b" ? TwoPods::kAddressB : Ipv4Address{}; },
        .tcp = [this, pod, &stack]() -> traffic::TcpEdge& {
          auto& edge = m_edges[pod];
          if (!edge) edge = std::make_unique<traffic::TcpEdge>(stack);
          return *edge;
        }};
    ++m_flows;
    commands.push_back(MakeTypedCommand(shell, m_all, line));
    host::Backlog::Guard guard(stack.KernelBacklog());
    commands.back()->Start();
    return *commands.back();
  }
  /// Exit code, then what is seen: standard output before standard error.
  std::string Type(const std::string& line, Nanoseconds until = Seconds(30)) {
    const traffic::Flow& command = Begin('a', line);
    pods.Run(until);
    return TextOf(command);
  }
  static std::string TextOf(const traffic::Flow& command) {
    if (!command.IsDone()) return "still running";
    const traffic::FlowResult& result = command.Result();
    return std::to_string(result.exit) + "\n" + result.output + result.errorOutput;
  }

  TwoPods pods;

 private:
  kernel::Machine m_machine;
  iproute2::MachineNamespaces m_all{m_machine};
  std::map<char, std::unique_ptr<traffic::TcpEdge>> m_edges;
  uint32_t m_flows = 0;

 public:
  std::vector<typed::FlowPtr> commands;  // last: they use the rest to their end
};

std::string Typed(const std::string& line) {
  Typing typing;
  return typing.Type(line);
}
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n', text.find('\n') + 1)); }

TEST(TypedCommand, UnknownProgramIsNotFound) {
  EXPECT_EQ(Typed("curl http://10.0.0.2").substr(0, 30), "127\ncurl: command not found (t");
}

TEST(TypedCommand, TimeoutEndsWhatRunsOn) {
  Typing typing;
  EXPECT_EQ(typing.Type("timeout 1 nc -n -l -v -p 8080"), "124\nListening on 0.0.0.0 8080\n");
  EXPECT_EQ(Typed("timeout x nc -h"),
            "125\ntimeout: invalid time interval ‘x’\nTry 'timeout --help' for more information.\n");
  EXPECT_EQ(Typed("timeout 1 nosuchcmd"),
            "127\ntimeout: failed to run command ‘nosuchcmd’: No such file or directory\n");
  EXPECT_EQ(FirstLine(Typed("timeout 3 ping -c 1 10.0.0.2")), "0\nPING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.");
}

TEST(TypedPing, SaysWhatIsWrongAsIputilsDoes) {
  EXPECT_EQ(Typed("ping -z 10.0.0.2").substr(0, 37), "2\nping: invalid option -- 'z'\n\nUsage\n");
  EXPECT_EQ(FirstLine(Typed("ping -c 1 -s")), "2\nping: option requires an argument -- 's'");
  EXPECT_EQ(Typed("ping -c x 10.0.0.2"), "1\nping: invalid argument: 'x'\n");
  EXPECT_EQ(Typed("ping -c 1 -t 256 10.0.0.2"), "1\nping: invalid argument: '256': out of range: 0 <= value <= 255\n");
  EXPECT_EQ(Typed("ping -c 1"), "1\nping: usage error: Destination address required\n");
  EXPECT_EQ(Typed("ping -c 1 nosuch.invalid"), "2\nping: nosuch.invalid: Temporary failure in name resolution\n");
  EXPECT_EQ(Typed("ping -c 1 192.0.2.1"), "2\nping: connect: Network is unreachable\n");
}

TEST(TypedPing, PayloadThatNoPacketHoldsIsLostWithoutAWord) {
  EXPECT_EQ(Typed("ping -c 1 -W 1 -s 70000 10.0.0.2"),
            "1\nPING 10.0.0.2 (10.0.0.2) 70000(70028) bytes of data.\n\n--- 10.0.0.2 ping statistics ---\n"
            "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n");
}

TEST(TypedPing, ShowsTheRouteThatItsPacketsHaveRecorded) {
  const std::string text = Typed("ping -n -c 2 -i 0.2 -R 10.0.0.2");
  const size_t first = text.find(" ms\n"), second = text.find(" ms\t");
  ASSERT_TRUE(first != std::string::npos && second != std::string::npos) << text;
  EXPECT_EQ(text.substr(0, text.find('\n', 2)), "0\nPING 10.0.0.2 (10.0.0.2) 56(124) bytes of data.");
  EXPECT_EQ(text.substr(first, text.find("64 bytes", first) - first),
            " ms\nRR: \t10.0.0.1\n\t10.0.0.2\n\t10.0.0.2\n\t10.0.0.1\n\n");
  EXPECT_EQ(text.substr(second, text.find("---", second) - second), " ms\t(same route)\n\n");
}

TEST(TypedPing, FillsWithAPattern) {
  EXPECT_EQ(Typed("ping -n -c 1 -s 8 -p abc 10.0.0.2"),
            "0\nPATTERN: 0xab0c\nPING 10.0.0.2 (10.0.0.2) 8(36) bytes of data.\n"
            "16 bytes from 10.0.0.2: icmp_seq=1 ttl=64\n\n--- 10.0.0.2 ping statistics ---\n"
            "1 packets transmitted, 1 received, 0% packet loss, time 0ms\n\n");
  EXPECT_EQ(Typed("ping -n -c 1 -p xy 10.0.0.2"), "2\nping: patterns must be specified as hex digits: xy\n");
  EXPECT_EQ(FirstLine(Typed("ping -n -c 1 -p ff 10.9.9.9")), "2\nPATTERN: 0xff");
}

TEST(TypedTraceroute, DestinationAnswersThreeProbesOfTheFirstHop) {
  const std::string text = Typed("traceroute -n 10.0.0.2");
  EXPECT_EQ(FirstLine(text), "0\ntraceroute to 10.0.0.2 (10.0.0.2), 30 hops max, 60 byte packets");
  EXPECT_EQ(text.substr(text.find(" 1 "), 14), " 1  10.0.0.2  ");
  EXPECT_EQ(text.substr(text.size() - 4), " ms\n");
}

TEST(TypedTraceroute, ProbesAreSixteenDatagramsToRisingPorts) {
  Typing typing;
  typing.Type("traceroute -n -q 1 10.0.0.2");
  std::vector<uint16_t> ports;
  std::vector<uint8_t> ttls;
  for (const TwoPods::Seen& frame : typing.pods.Sent()) {
    if (frame.netns.value != 0 || frame.bytes[13] != 0) continue;
    const wire::Ipv4 ip{const_cast<uint8_t*>(&frame.bytes[wire::kEthernetHeaderBytes])};
    ASSERT_EQ(ip.TotalBytes(), 60);
    ports.push_back(wire::Get16(ip.Payload() + 2));
    ttls.push_back(ip.Ttl());
    EXPECT_EQ(ip.Payload()[wire::kUdpHeaderBytes], '@');
  }
  ASSERT_EQ(ports.size(), 16u);
  EXPECT_EQ(ports.front(), 33434);
  EXPECT_EQ(ports.back(), 33449);
  EXPECT_EQ(ttls.back(), 16);
  // Six errors pass the receiver's rate limit. The first finds its socket and ends the command; the others find theirs
  // closed.
  EXPECT_EQ(typing.pods.A().Ns().snmp.Get(kernel::Snmp::IcmpInErrors), 5u);
}

TEST(TypedTraceroute, EchoRequestsWithIcmp) {
  Typing typing;
  const std::string text = typing.Type("traceroute -I -n -q 1 10.0.0.2 100");
  EXPECT_EQ(FirstLine(text), "0\ntraceroute to 10.0.0.2 (10.0.0.2), 30 hops max, 100 byte packets");
  EXPECT_NE(text.find("\n 1  10.0.0.2  "), std::string::npos) << text;
}

/// The neighbour is given up after 3 s only.
TEST(TypedTraceroute, StarsWhereNobodyAnswersInTime) {
  EXPECT_EQ(Typed("traceroute -n -q 2 -w 1 -m 2 10.0.0.9"),
            "0\ntraceroute to 10.0.0.9 (10.0.0.9), 2 hops max, 60 byte packets\n 1  * *\n 2  * *\n");
}

/// Address resolution gives up after three requests, one a second: the host's own kernel says so.
TEST(TypedTraceroute, UnreachableNeighbourEndsIt) {
  EXPECT_EQ(Typed("traceroute -n -q 2 10.0.0.9"),
            "0\ntraceroute to 10.0.0.9 (10.0.0.9), 30 hops max, 60 byte packets\n"
            " 1  10.0.0.1  3000.000 ms !H  3000.000 ms !H\n");
}

TEST(TypedTraceroute, TooLargeToSendWhole) {
  EXPECT_EQ(Typed("traceroute -n -F -m 2 10.0.0.2 2000"),
            "0\ntraceroute to 10.0.0.2 (10.0.0.2), 2 hops max, 2000 byte packets\n"
            " 1  *  0.000 ms !F-1450 *  0.000 ms !F-1450 *  0.000 ms !F-1450\n");
}

TEST(TypedTraceroute, SaysWhatIsWrongAsDebiansDoes) {
  EXPECT_EQ(FirstLine(Typed("traceroute")), "0\nUsage:");
  EXPECT_EQ(Typed("traceroute -y 1.2.3.4"), "2\nBad option `-y' (argc 1)\n");
  EXPECT_EQ(Typed("traceroute --foo 1.2.3.4"), "2\nBad option `--foo' (argc 1)\n");
  EXPECT_EQ(Typed("traceroute -n -q"), "2\nOption `-q' (argc 2) requires an argument: `-q nqueries'\n");
  EXPECT_EQ(Typed("traceroute -nq1 -w1 10.0.0.2"), "2\nOption `-q' (argc 1) requires an argument: `-q nqueries'\n");
  EXPECT_EQ(Typed("traceroute -q x 1.2.3.4"), "2\nCannot handle `-q' option with arg `x' (argc 2)\n");
  EXPECT_EQ(Typed("traceroute -q 11 1.2.3.4"), "2\nno more than 10 probes per hop\n");
  EXPECT_EQ(Typed("traceroute -m 0 1.2.3.4"), "2\nfirst hop out of range\n");
  EXPECT_EQ(Typed("traceroute -m 300 1.2.3.4"), "2\nmax hops cannot be more than 255\n");
  EXPECT_EQ(Typed("traceroute -n"), "2\nSpecify \"host\" missing argument.\n");
  EXPECT_EQ(Typed("traceroute -n 10.0.0.2 x"),
            "2\nCannot handle \"packetlen\" cmdline arg `x' on position 2 (argc 3)\n");
  EXPECT_EQ(Typed("traceroute -n 10.0.0.2 10 20"), "2\nExtra arg `20' (position 3, argc 4)\n");
  EXPECT_EQ(Typed("traceroute nosuch.invalid"),
            "2\nnosuch.invalid: Temporary failure in name resolution\n"
            "Cannot handle \"host\" cmdline arg `nosuch.invalid' on position 1 (argc 1)\n");
  EXPECT_EQ(Typed("traceroute -n 192.0.2.1"),
            "1\ntraceroute to 192.0.2.1 (192.0.2.1), 30 hops max, 60 byte packets\n"
            "connect: Network is unreachable\n");
  EXPECT_EQ(Typed("traceroute -I -n 192.0.2.1"), "1\n\nconnect: Network is unreachable\n");
  EXPECT_EQ(Typed("traceroute -s 1.2.3.4 -n 10.0.0.2"),
            "1\ntraceroute to 10.0.0.2 (10.0.0.2), 30 hops max, 60 byte packets\n"
            "bind: Cannot assign requested address\n");
}

TEST(TypedNetcat, ScansWithoutAndWithAListener) {
  Typing typing;
  typing.Begin('b', "nc -n -l -k -p 8080");
  typing.Begin('a', "nc -v -z -w 1 pod-b 8080");
  typing.Begin('a', "nc -n -v -z -w 1 10.0.0.2 8079-8081");
  typing.pods.Run(Seconds(5));
  EXPECT_EQ(Typing::TextOf(*typing.commands[0]), "still running");
  EXPECT_EQ(Typing::TextOf(*typing.commands[1]),
            "0\nConnection to pod-b (10.0.0.2) 8080 port [tcp/http-alt] succeeded!\n");
  EXPECT_EQ(Typing::TextOf(*typing.commands[2]),
            "0\nnc: connect to 10.0.0.2 port 8079 (tcp) failed: Connection refused\n"
            "Connection to 10.0.0.2 8080 port [tcp/*] succeeded!\n"
            "nc: connect to 10.0.0.2 port 8081 (tcp) failed: Connection refused\n");
}

TEST(TypedNetcat, ListenerEndsWithItsClient) {
  Typing typing;
  const traffic::Flow& listener = typing.Begin('b', "nc -n -l -v 99");
  typing.Begin('a', "nc -n -v -N -p 4000 10.0.0.2 99");
  typing.pods.Run(Seconds(5));
  EXPECT_EQ(Typing::TextOf(listener), "0\nListening on 0.0.0.0 99\nConnection received on 10.0.0.1 4000\n");
  EXPECT_EQ(Typing::TextOf(*typing.commands[1]), "0\nConnection to 10.0.0.2 99 port [tcp/*] succeeded!\n");
}

TEST(TypedNetcat, SaysWhyThereIsNoConnection) {
  EXPECT_EQ(Typed("nc -n -v -z -w 1 10.0.0.2 80"),
            "1\nnc: connect to 10.0.0.2 port 80 (tcp) failed: Connection refused\n");
  EXPECT_EQ(Typed("nc -n -z -w 1 10.0.0.2 80"), "1\n");
  EXPECT_EQ(Typed("nc -n -v -z -w 1 10.0.0.9 80"),
            "1\nnc: connect to 10.0.0.9 port 80 (tcp) timed out: Operation now in progress\n");
  EXPECT_EQ(Typed("nc -n -v -z 10.0.0.9 80"), "1\nnc: connect to 10.0.0.9 port 80 (tcp) failed: No route to host\n");
  EXPECT_EQ(Typed("nc -n -v -z 192.0.2.1 80"),
            "1\nnc: connect to 192.0.2.1 port 80 (tcp) failed: Network is unreachable\n");
}

/// Two datagrams at once, and one after each second that it may take: a refusal ends it.
TEST(TypedNetcat, UdpIsThereUnlessItIsRefused) {
  EXPECT_EQ(Typed("nc -n -v -z -u -w 1 10.0.0.2 80"), "1\n");
  Typing typing;
  typing.Begin('b', "nc -n -u -l -v -p 8081");
  EXPECT_EQ(typing.Type("nc -n -v -z -u -w 1 10.0.0.2 8081"),
            "0\nConnection to 10.0.0.2 8081 port [udp/*] succeeded!\n");
  EXPECT_EQ(typing.commands[0]->Result().deliveredBytes, 3u);
  EXPECT_EQ(typing.commands[0]->Result().errorOutput.substr(0, 54),
            "Bound on 0.0.0.0 8081\nConnection received on 10.0.0.1 ");
}

TEST(TypedNetcat, SaysWhatIsWrongAsOpenBsdsDoes) {
  EXPECT_EQ(FirstLine(Typed("nc -n")).substr(0, 12), "1\nusage: nc ");
  EXPECT_EQ(Typed("nc -n 10.0.0.2"), "1\nnc: missing port number\n");
  EXPECT_EQ(FirstLine(Typed("nc -y 10.0.0.2 80")), "1\nnc: invalid option -- 'y'");
  EXPECT_EQ(Typed("nc -w x 10.0.0.2 80"), "1\nnc: timeout invalid: x\n");
  EXPECT_EQ(Typed("nc -w -1 10.0.0.2 80"), "1\nnc: timeout too small: -1\n");
  EXPECT_EQ(Typed("nc -z 10.0.0.2 x"), "1\nnc: port number invalid: x\n");
  EXPECT_EQ(Typed("nc -z 10.0.0.2 70000"), "1\nnc: port number too large: 70000\n");
  EXPECT_EQ(Typed("nc -z -l 80"), "1\nnc: cannot use -z and -l\n");
  EXPECT_EQ(Typed("nc -n -z host 80"), "1\nnc: getaddrinfo for host \"host\" port 80: Name or service not known\n");
  EXPECT_EQ(Typed("nc -z nosuch.invalid 80"),
            "1\nnc: getaddrinfo for host \"nosuch.invalid\" port 80: Temporary failure in name resolution\n");
  EXPECT_EQ(Typed("nc -n -s 1.2.3.4 -z 10.0.0.2 80"), "1\nnc: bind failed: Cannot assign requested address\n");
}

/// Twice 1 ms, and the half millisecond that the tool adds of its own.
TEST(TypedArping, UnicastAfterTheFirstReply) {
  Typing typing({.cable = {.delay = Milliseconds(1)}});
  const std::string text = typing.Type("arping -c 2 -I eth0 10.0.0.2");
  EXPECT_EQ(FirstLine(text), "0\nARPING 10.0.0.2 from 10.0.0.1 eth0");
  EXPECT_NE(text.find("\nUnicast reply from 10.0.0.2 [02:00:00:00:00:02]  2.5"), std::string::npos) << text;
  EXPECT_NE(text.find("ms\nSent 2 probes (1 broadcast(s))\nReceived 2 response(s)\n"), std::string::npos) << text;
}

TEST(TypedArping, WithoutAnswer) {
  EXPECT_EQ(Typed("arping -c 2 -w 1 -I eth0 10.0.0.9"),
            "1\nARPING 10.0.0.9 from 10.0.0.1 eth0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n");
  EXPECT_EQ(Typed("arping -D -w 1 -I eth0 10.0.0.9"),
            "0\nARPING 10.0.0.9 from 0.0.0.0 eth0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n");
  EXPECT_EQ(Typed("arping -U -c 2 -I eth0 10.0.0.1"),
            "0\nARPING 10.0.0.1 from 10.0.0.1 eth0\nSent 2 probes (2 broadcast(s))\nReceived 0 response(s)\n");
}

TEST(TypedArping, DuplicateAddressFails) {
  const std::string text = Typed("arping -D -c 1 -w 1 -I eth0 10.0.0.2");
  EXPECT_EQ(FirstLine(text), "1\nARPING 10.0.0.2 from 0.0.0.0 eth0");
  EXPECT_NE(text.find("Sent 1 probes (1 broadcast(s))\nReceived 1 response(s)\n"), std::string::npos) << text;
  EXPECT_EQ(Typed("arping -q -D -c 1 -w 1 -I eth0 10.0.0.2"), "1\n");
}

/// print: (us + 500) / 1000 milliseconds, and what is left of them from half a millisecond below.
TEST(TypedArping, TimesAreHalfAMillisecondTooLong) {
  EXPECT_EQ(traffic::ArpingMilliseconds(Microseconds(135)), "0.635ms");
  EXPECT_EQ(traffic::ArpingMilliseconds(Microseconds(1866)), "2.366ms");
}

TEST(TypedArping, SaysWhatIsWrongAsIputilsDoes) {
  EXPECT_EQ(FirstLine(Typed("arping")), "2\n");
  EXPECT_EQ(Typed("arping -z 10.0.0.2").substr(0, 41), "2\narping: invalid option -- 'z'\n\nUsage:\n ");
  EXPECT_EQ(Typed("arping -c x -I eth0 10.0.0.2"), "1\narping: invalid argument: 'x'\n");
  EXPECT_EQ(Typed("arping -c 0 -I eth0 10.0.0.2"),
            "1\narping: invalid argument: '0': out of range: 1 <= value <= 2147483647\n");
  EXPECT_EQ(Typed("arping -c 1 -I ethX 10.0.0.2"), "2\narping: Device ethX not available.\n");
  EXPECT_EQ(Typed("arping -c 1 -I lo 10.0.0.2"), "2\nInterface \"lo\" is not ARPable\n");
  EXPECT_EQ(Typed("arping -D -c 1 -I lo 10.0.0.2"), "0\nInterface \"lo\" is not ARPable\n");
  EXPECT_EQ(Typed("arping -c 1 -s 10.0.0.7 -I eth0 10.0.0.2"), "2\narping: bind: Cannot assign requested address\n");
  EXPECT_EQ(Typed("arping -c 1 -I eth0 nosuch.invalid"),
            "2\narping: nosuch.invalid: Temporary failure in name resolution\n");
  EXPECT_EQ(Typed("arping -c 1 192.0.2.1"), "1\narping: NETLINK_ROUTE unexpected iov element\n");
}

}  // namespace
}  // namespace overlaysim
