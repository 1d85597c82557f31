#include "sim/trace/capture_filter.h"

#include <gtest/gtest.h>
#include <netdb.h>

#include <map>

#include "packets.h"

// These take the place of the C library's for the whole program, libpcap included.
namespace {
int g_lookups = 0;
}
extern "C" {
int getaddrinfo(const char* node, const char* service, const addrinfo*, addrinfo**) {
  // A literal address is read without asking anybody.
  if (node && !service && overlaysim::Ipv6Address::Parse(node)) return EAI_FAIL;
  ++g_lookups;
  ADD_FAILURE() << "getaddrinfo(" << (node ? node : "-") << ", " << (service ? service : "-") << ")";
  return EAI_FAIL;
}
netent* getnetbyname(const char* name) {
  ++g_lookups;
  ADD_FAILURE() << "getnetbyname(" << name << ")";
  return nullptr;
}
protoent* getprotobyname(const char* name) {
  ++g_lookups;
  ADD_FAILURE() << "getprotobyname(" << name << ")";
  return nullptr;
}
}

namespace overlaysim {
namespace {

std::optional<Ipv4Address> Resolve(std::string_view name) {
  static const std::map<std::string, Ipv4Address, std::less<>> kNames = {
      {"pod-a", kPodA},  {"pod-b", kPodB}, {"shop/cart-1", {0x0af40103}}, {"node1", kNode1},
      {"node2", kNode2}, {"tcp", kPodA},   {"node1.example.com", kNode1}, {"0day", kPodB}};
  const auto it = kNames.find(name);
  return it == kNames.end() ? std::nullopt : std::optional(it->second);
}

std::string Resolved(std::string_view expression) {
  FilterError error;
  const auto text = ResolveFilterNames(expression, Resolve, error);
  return text ? *text : "error: " + error.ToString();
}

TEST(ResolveFilterNames, PutsAddressesInPlaceOfNames) {
  EXPECT_EQ(Resolved("host pod-a"), "host 10.244.1.2");
  EXPECT_EQ(Resolved("pod-a"), "10.244.1.2");
  EXPECT_EQ(Resolved("src pod-a and dst host node1.example.com"), "src 10.244.1.2 and dst host 172.16.1.11");
  EXPECT_EQ(Resolved("host (pod-a or shop/cart-1)"), "host (10.244.1.2 or 10.244.1.3)");
  EXPECT_EQ(Resolved("net pod-a"), "net 10.244.1.2");
  EXPECT_EQ(Resolved("not host 0day&&icmp"), "not host 10.244.2.2&&icmp");
  EXPECT_EQ(Resolved("ether proto 0x0800 and host pod-a"), "ether proto 0x0800 and host 10.244.1.2");
}

TEST(ResolveFilterNames, TakesABackslashedKeywordAsAName) {
  EXPECT_EQ(Resolved("host \\tcp"), "host 10.244.1.2");
  EXPECT_EQ(Resolved("host \\shop/cart-1"), "host 10.244.1.3");
}

TEST(ResolveFilterNames, LeavesAllElseAsItIs) {
  for (const char* expression :
       {"", "udp port 8472", "udp[8:4] & 0x08000000 != 0", "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
        "net 10.244.0.0/16 and not arp", "ether host 02:00:00:00:04:02", "ether src 02-00-00-00-04-02", "ip6 host ::1",
        "net fe80::/64", "portrange 6000-6008", "port 80 or 443", "ip[0]&0xf!=5", "len<=128",
        "icmp[icmptype]==icmp-echo", "ip proto 17", "vlan 7 and (less 100||greater 1000)", "net 10.1", "ip[2:2]-20>8 ",
        "tcp[12]/4 > 5"})
    EXPECT_EQ(Resolved(expression), expression);
}

TEST(ResolveFilterNames, TurnsProtocolNamesIntoNumbers) {
  EXPECT_EQ(Resolved("ip proto \\udp"), "ip proto 17");
  EXPECT_EQ(Resolved("ip proto ospf"), "ip proto 89");
  EXPECT_EQ(Resolved("ether proto \\arp"), "ether proto 2054");
  EXPECT_EQ(Resolved("ip proto nonsense"),
            "error: column 10: \"nonsense\" is no IP protocol known here; give its number");
}

TEST(ResolveFilterNames, RefusesWhatWouldBeLookedUpWithItsPlace) {
  EXPECT_EQ(Resolved("udp and host pod-x"),
            "error: column 14: no pod or node is named \"pod-x\" (names are asked for nowhere else)");
  EXPECT_EQ(Resolved("port domain"),
            "error: column 6: \"domain\": give the port's number; service names are not looked up");
  EXPECT_EQ(Resolved("port 53 or domain"),
            "error: column 12: \"domain\": give the port's number; service names are not looked up");
  EXPECT_EQ(
      Resolved("ether host pod-a"),
      "error: column 12: \"pod-a\": a MAC address is expected after \"ether\"; pods and nodes are known by their IP "
      "addresses");
  EXPECT_EQ(Resolved("tcp[syn] != 0"), "error: column 5: \"syn\" is no field or flag of a header");
  EXPECT_EQ(Resolved("gateway pod-a").substr(0, 17), "error: column 1: ");
  EXPECT_EQ(Resolved("host a:b"), "error: column 6: \"a:b\" is neither a MAC nor an IPv6 address");
  EXPECT_EQ(Resolved("host 'pod-a'"), "error: column 6: ''' has no meaning in a filter");
  EXPECT_EQ(Resolved("host p\xc3\xb6"
                     "d"),
            "error: column 6: no pod or node is named \"p\" (names are asked for nowhere else)");
  EXPECT_EQ(Resolved("host \\"), "error: column 6: a backslash stands before a name that is also a keyword");
}

CaptureFilter Compiled(std::string_view expression) {
  FilterError error;
  auto filter = CaptureFilter::Compile(expression, error);
  if (!filter) throw std::runtime_error(error.ToString());
  return std::move(*filter);
}

std::string CompileError(std::string_view expression) {
  FilterError error;
  return CaptureFilter::Compile(expression, error) ? "accepted" : error.ToString();
}

TEST(CaptureFilter, MatchesAsTcpdumpDoes) {
  EXPECT_TRUE(Compiled("").Matches(Ping()));
  EXPECT_TRUE(Compiled("  ").Matches(Ping()));
  EXPECT_TRUE(Compiled("udp port 8472").Matches(VxlanPing()));
  EXPECT_FALSE(Compiled("udp port 8472").Matches(Ping()));
  EXPECT_TRUE(Compiled("icmp and src 10.244.1.2").Matches(Ping()));
  EXPECT_FALSE(Compiled("icmp and src 10.244.2.2").Matches(Ping()));
  EXPECT_TRUE(Compiled("net 10.244").Matches(Ping()));
  EXPECT_TRUE(Compiled("tcp[tcpflags] & tcp-syn != 0").Matches(TcpSyn()));
  EXPECT_TRUE(Compiled("greater 148").Matches(VxlanPing()));
  EXPECT_FALSE(Compiled("greater 149").Matches(VxlanPing()));
  EXPECT_TRUE(Compiled("portrange 8000-9000").Matches(VxlanPing()));
  EXPECT_TRUE(Compiled("ether host 02:00:00:00:05:01").Matches(Ping()));
  EXPECT_TRUE(Compiled("ip proto \\icmp").Matches(Ping()));
  EXPECT_FALSE(Compiled("host 10.244.1.2").Matches(std::vector<uint8_t>(10)));
}

TEST(CaptureFilter, TellsWhatLibpcapRefuses) {
  EXPECT_EQ(CompileError("udp port"), "\"udp port\": can't parse filter expression: syntax error");
  EXPECT_NE(CompileError("port 99999").find("99999"), std::string::npos);
  EXPECT_NE(CompileError("host pod-a").find("no pod or node is named"), std::string::npos) << "names come resolved";
}

// libpcap's compiler is cubic: a filter of 16 KiB, found by this test, kept it busy for longer than anyone would wait.
TEST(CaptureFilter, RefusesWhatIsTooLongOrTooDeep) {
  EXPECT_EQ(CompileError(std::string(20000, ' ')), "the filter has 20000 characters; 2048 are accepted");
  EXPECT_NE(CompileError(std::string(2000, '(')), "accepted");
  std::string many = "port 1";
  for (int i = 2; i < 200; ++i) many += " or " + std::to_string(i);
  EXPECT_EQ(CompileError(many), "accepted");
}

// Every word that we let through is one to libpcap too: alone or in an expression, it never becomes a name to look up.
TEST(CaptureFilter, NeverAsksANameService) {
  g_lookups = 0;
  for (const char* word : {"dst",
                           "src",
                           "and",
                           "or",
                           "not",
                           "host",
                           "net",
                           "mask",
                           "port",
                           "portrange",
                           "proto",
                           "protochain",
                           "ether",
                           "link",
                           "ip",
                           "ip6",
                           "arp",
                           "rarp",
                           "tcp",
                           "udp",
                           "sctp",
                           "icmp",
                           "icmp6",
                           "igmp",
                           "igrp",
                           "pim",
                           "vrrp",
                           "carp",
                           "ah",
                           "esp",
                           "stp",
                           "ipx",
                           "less",
                           "greater",
                           "broadcast",
                           "multicast",
                           "len",
                           "length",
                           "vlan",
                           "mpls",
                           "pppoed",
                           "pppoes",
                           "geneve",
                           "tcpflags",
                           "tcp-fin",
                           "tcp-syn",
                           "tcp-rst",
                           "tcp-push",
                           "tcp-ack",
                           "tcp-urg",
                           "tcp-ece",
                           "tcp-cwr",
                           "icmptype",
                           "icmpcode",
                           "icmp-echoreply",
                           "icmp-unreach",
                           "icmp-sourcequench",
                           "icmp-redirect",
                           "icmp-echo",
                           "icmp-routeradvert",
                           "icmp-routersolicit",
                           "icmp-timxceed",
                           "icmp-paramprob",
                           "icmp-tstamp",
                           "icmp-tstampreply",
                           "icmp-ireq",
                           "icmp-ireqreply",
                           "icmp-maskreq",
                           "icmp-maskreply",
                           "icmp6type",
                           "icmp6code",
                           "icmp6-destinationunreach",
                           "icmp6-packettoobig",
                           "icmp6-timeexceeded",
                           "icmp6-parameterproblem",
                           "icmp6-echo",
                           "icmp6-echoreply",
                           "icmp6-routersolicit",
                           "icmp6-routeradvert",
                           "icmp6-neighborsolicit",
                           "icmp6-neighboradvert",
                           "icmp6-redirect"})
    for (const std::string& expression :
         {std::string(word), "host " + std::string(word), "tcp[0] == " + std::string(word), "port " + std::string(word),
          "ip proto " + std::string(word)})
      CompileError(expression);
  for (const char* expression :
       {"10.244.1.2", "port 80 or 443", "ip6 host ::1", "udp portrange 1-9", "ether proto \\ip", "proto 6",
        "net 10.0.0.0 mask 255.0.0.0", "ip proto ospf", "host node9", "port http", "net mynet", "ether host alice",
        "ip proto nope", "ip[len-4] = 1"})
    CompileError(expression);
  EXPECT_EQ(g_lookups, 0);
}

}  // namespace
}  // namespace overlaysim
