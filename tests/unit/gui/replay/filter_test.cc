#include "gui/replay/filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "gui/replay/fields.h"
#include "support/small_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

constexpr uint16_t kPorts[] = {4789, 8472};

/// A tunnelled ping from shop/cart to shop/redis, as node1/eth0 sends it.
class FilterOfAPing : public testing::Test {
 protected:
  FilterOfAPing() {
    std::string error;
    m_plan = std::move(*Topology::FromJson(SmallRun::Plan(), error));
    const auto inner =
        SmallRun::WithEthernet(SmallRun::EchoPacket(false, 7, 63), "02:00:00:00:02:04", "02:00:00:00:01:04");
    auto frame = SmallRun::OuterHeaders(false, static_cast<uint32_t>(inner.size()));
    frame.insert(frame.end(), inner.begin(), inner.end());
    frame = SmallRun::WithEthernet(frame, "02:00:00:00:00:02", "02:00:00:00:01:02");
    m_frame = frame;
    m_packet = Dissect(frame, LinkLayer::Ethernet, static_cast<uint32_t>(frame.size()), kPorts);
    m_record.stage = Stage::Transmit;
    m_record.netns = SmallRun::kNode1;
    m_record.ifindex = SmallRun::kEth0;
    m_record.flow = 0;
    m_subject = {.plan = &m_plan,
                 .packet = &m_packet,
                 .record = &m_record,
                 .number = 12,
                 .timeNs = 1200300,
                 .bytes = 148,
                 .netns = SmallRun::kNode1,
                 .journey = SmallRun::Request(0),
                 .place = "node1/eth0",
                 .content = m_frame,
                 .sinceLastNs = 1000000,
                 .tcp = m_tcp};
  }
  bool Holds(std::string_view text) {
    FilterError error;
    const auto filter = Filter::Compile(text, error);
    EXPECT_TRUE(filter) << text << ": " << error.message;
    return filter && filter->Matches(m_subject);
  }
  Topology m_plan;
  std::vector<uint8_t> m_frame;
  const std::vector<TcpContext> m_tcp{{.stream = 3, .window = 131072}};  // of another packet than this one
  Dissection m_packet;
  TraceRecord m_record;
  FilterSubject m_subject;
};

TEST_F(FilterOfAPing, WhatIsTrueOfItHolds) {
  for (const char* text :
       {"", "ip", "vxlan", "!tcp", "not arp", "ip.src == 172.16.1.11", "ip.src == 10.244.1.2", "ip.addr == 10.244.2.0/24",
        "vxlan.vni == 1", "vxlan.vni == 0x1", "ip.addr eq 172.16.2.12 and udp.port == 8472", "ip.ttl < 64", "ip.ttl in {1..63}",
        "tcp || icmp", "icmp.seq == 7 && (arp or vxlan)", "frame.len > 147", "frame.len <= 148B", "eth.addr == 02:00:00:00:02:04",
        "k8s.src.ns == shop", "k8s.src.pod == \"shop/cart\"", "k8s.dst.pod == redis", "k8s.pod == cart", "k8s.node == node1",
        "k8s.src.node == node1", "k8s.dst.node == node2", "k8s.dst.pod matches \"^shop/re.*s$\"", "k8s.pod contains \"cart\"",
        "sim.stage == Transmit", "sim.stage in {Receive Transmit}", "sim.verdict == Continue", "!sim.drop",
        "sim.time >= 1.2ms && sim.time < 1.3ms", "sim.time == 1200300ns", "sim.flow == 0", "sim.flow contains ping",
        "sim.journey == \"shop/cart#1\"", "sim.place == node1/eth0", "sim.device == eth0", "frame.number == 12",
        "frame.protocols contains \"vxlan:eth\"", "ip.flags.df == true", "ip.src != 1.2.3.4", "vxlan.flag_i",
        "eth.src matches \"^02:00\"", "ip.dsfield.dscp == 0", "icmp.type == 8", "frame.time_relative < 1", "ip.frag_offset == 0",
        // parts
        "eth.src[0:3] == 02:00:00", "eth.src[-1] == 4", "eth.dst[:2] == 0200", "ip[9] == 11", "udp[2-3] == 21-18",
        "frame[12:2] == 08:00", "frame[0,12,13] == 02:08:00", "ip.dst[2:] == 02:02", "eth.src[0:3] matches \"^02:00\"",
        "k8s.src.pod[:4] == \"shop\"", "eth[12:2] in {08:06, 08:00}",
        // bits
        "ip.flags & 2", "ip.flags & 0x2 == 2", "!(ip.flags & 1)", "eth.src[0] & 02", "eth.src & ff:00:00", "ip.ttl & 1",
        "udp.port & 0xff == 0x18",
        // functions
        "len(eth.src) == 6", "len(udp) == 8", "count(ip.addr) == 4", "count(ip) in {2..3}", "upper(k8s.pod) == \"SHOP/CART\"",
        "lower(sim.stage) contains \"trans\"", "len(k8s.src.pod[5:]) == 4",
        // all bytes
        "frame", "frame contains 21:18", "frame contains \"E\"", "vxlan contains 08:00:00:00", "frame.cap_len == 148",
        // either
        "ip xor tcp", "tcp ^^ ip", "arp xor ip && tcp || ip", "frame.time_delta == 1ms", "frame.time_delta > 0.0009",
        "tcp.stream == 3", "tcp.window_size > 65535"})
    EXPECT_TRUE(Holds(text)) << text;
}

TEST_F(FilterOfAPing, WhatIsNotTrueOfItDoesNot) {
  for (const char* text :
       {"arp", "!ip", "ip.src == 10.244.2.2", "ip.addr == 192.168.0.0/16", "vxlan.vni == 2", "ip.src != 10.244.1.2",
        "tcp.port != 80",  // there is no port to be another
        "ip.ttl > 64", "ip.ttl in {1..10, 70}", "k8s.src.ns == default", "sim.drop", "sim.verdict == TtlExpired",
        "sim.time < 1ms", "icmp && tcp", "ipv6.addr == fd00::/8", "k8s.pod == car", "frame.comment",
        "k8s.pod contains \"CART\"", "eth.src[0:3] == 02:00:01", "eth.src[5:2] == 02:00", "ip[40] == 0", "udp[8] == 08",
        "ip.flags & 1", "tcp.flags & 2", "eth.src[0] & 1", "len(eth.src) > 6", "count(tcp) == 0", "ip xor udp",
        "frame contains \"nothing of this\"", "frame contains 01:02:03:01", "ip.version & 3", "tcp.stream == 0"})
    EXPECT_FALSE(Holds(text)) << text;
}

TEST_F(FilterOfAPing, AndBindsCloserThanOr) {
  EXPECT_TRUE(Holds("ip || tcp && arp"));
  EXPECT_FALSE(Holds("(ip || tcp) && arp"));
  EXPECT_TRUE(Holds("!tcp && ip"));
  EXPECT_FALSE(Holds("!(tcp || ip)"));
}

TEST_F(FilterOfAPing, LivesWithoutBytes) {
  m_subject.packet = nullptr;
  EXPECT_FALSE(Holds("ip"));
  EXPECT_TRUE(Holds("k8s.src.pod == cart"));  // the packet's maker, by its journey
  EXPECT_TRUE(Holds("k8s.dst.pod == redis"));
  EXPECT_TRUE(Holds("sim.stage == Transmit"));
}

struct Wrong {
  const char* text;
  size_t column;
  const char* says;
};

TEST(Filter, MistakesAreToldWithTheirPlaceAndWhatWouldBeRight) {
  for (const Wrong& wrong : std::initializer_list<Wrong>{
           {"ip.sorc == 10.0.0.1", 0, "did you mean"},
           {"ip.scr == 10.0.0.1", 0, "ip.src"},
           {"ip && vxlan.vnj == 1", 6, "vxlan.vni"},
           {"ip.src = 10.0.0.1", 7, "say == instead of ="},
           {"ip & tcp", 3, "say && instead of &"},
           {"tcp.flags &", 10, "the bits are a number"},
           {"tcp.flags & x", 12, "say 0x02"},
           {"k8s.pod & 1", 8, "numbers and bytes only"},
           {"len(ip) & 1 == 1", 8, "numbers and bytes only"},
           {"ip && ip.ttl[0:1] == 40", 12, "ip.ttl & 0x01"},
           {"ip && sim.time[0:1] == 40", 14, "is not cut"},
           {"eth.src[0:3 == 02:00:00", 7, "not closed"},
           {"eth.src[a] == 02", 7, "no part of a field"},
           {"eth.src[] == 02", 7, "no part of a field"},
           {"eth.src[0:0] == 02", 7, "no part of a field"},
           {"eth.sorc[0:3] == 02:00:00", 0, "eth.src"},
           {"eth.src[0:3] == 0g", 16, "say 08:00"},
           {"frame == 08:00", 0, "name it alone"},
           {"frame matches \"GET\"", 6, "contains"},
           {"len(eth.src)", 0, "compared"},
           {"len eth.src > 3", 0, "is a function"},
           {"len(eth.src > 3", 0, "not closed"},
           {"len() > 3", 4, "a field is expected"},
           {"upper(ip.src) == \"A\"", 6, "takes texts"},
           {"len(sim.time) > 3", 4, "no length"},
           {"count(ip.adr) > 2", 6, "ip.addr"},
           {"tcp.analysis.retransmission", 0, "tcp.seq_raw"},
           {"tcp.seq == 1", 0, "tcp.seq_raw"},
           {"ip xor", 6, "missing"},
           {"ip.src ==", 9, "a value is missing"},
           {"ip.src == 10.0.0", 10, "10.244.0.0/16"},
           {"ip.src == 10.0.0.0/33", 10, "no value of ip.src"},
           {"(ip", 0, "not closed"},
           {"ip)", 2, "cannot stand here"},
           {"ip tcp", 3, "&&"},
           {"sim.time > 1.2", 11, "has no unit"},
           {"sim.stage == Encapsulat", 13, "Encapsulate"},
           {"sim.verdict == \"TtlExpird\"", 15, "TtlExpired"},
           {"ip.ttl in 5", 10, "braces"},
           {"ip.ttl in {}", 10, "empty"},
           {"ip.ttl in {5", 10, "not closed"},
           {"k8s.pod == \"cart", 11, "quotation mark"},
           {"k8s.pod matches \"(\"", 16, "regular expression"},
           {"vxlan == 1", 0, "name it alone"},
           {"!", 1, "missing"},
           {"ip.flags.df == 2", 15, "1 or 0"}}) {
    FilterError error;
    EXPECT_FALSE(Filter::Compile(wrong.text, error)) << wrong.text;
    EXPECT_EQ(error.column, wrong.column) << wrong.text << ": " << error.message;
    EXPECT_NE(error.message.find(wrong.says), std::string::npos) << wrong.text << ": " << error.message;
  }
}

TEST(Filter, KnowsWhetherItNeedsTheBytes) {
  FilterError error;
  EXPECT_FALSE(Filter::Compile("sim.time > 1s && sim.drop && k8s.node == a && frame.len > 3", error)->NeedsPacket());
  EXPECT_TRUE(Filter::Compile("sim.drop && ip", error)->NeedsPacket());
  EXPECT_TRUE(Filter::Compile("k8s.src.pod == a", error)->NeedsPacket());
  EXPECT_TRUE(Filter::Compile("frame contains 08:00", error)->NeedsPacket());
  EXPECT_FALSE(Filter::Compile("tcp.flags & 2", error)->NeedsOrder());
  EXPECT_TRUE(Filter::Compile("ip && tcp.stream == 1", error)->NeedsOrder());
  EXPECT_TRUE(Filter::Compile("frame.time_delta > 1ms", error)->NeedsOrder());
}

/// A random filter of a few conditions.
std::string DrawFilter(std::mt19937& random, int depth) {
  static const char* kConditions[] = {"ip",
                                      "tcp",
                                      "ip.ttl == 63",
                                      "ip.ttl > 63",
                                      "ip.src != 10.244.1.2",
                                      "udp.port in {8472, 4789}",
                                      "sim.stage == Receive",
                                      "k8s.pod contains \"cart\"",
                                      "sim.time < 1ms"};
  const auto draw = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  if (depth == 0 || draw(3) == 0) return kConditions[draw(std::size(kConditions))];
  switch (draw(3)) {
    case 0:
      return "!(" + DrawFilter(random, depth - 1) + ")";
    case 1:
      return "(" + DrawFilter(random, depth - 1) + ") && (" + DrawFilter(random, depth - 1) + ")";
    default:
      return "(" + DrawFilter(random, depth - 1) + ") || (" + DrawFilter(random, depth - 1) + ")";
  }
}

TEST_F(FilterOfAPing, FollowsTheLawsOfLogic) {
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::string a = DrawFilter(random, 3), b = DrawFilter(random, 3);
    EXPECT_EQ(Holds("!(" + a + ")"), !Holds(a)) << a;
    EXPECT_EQ(Holds(fmt::format("({}) && ({})", a, b)), Holds(a) && Holds(b));
    EXPECT_EQ(Holds(fmt::format("({}) or ({})", a, b)), Holds(a) || Holds(b));
    EXPECT_EQ(Holds(fmt::format("({}) xor ({})", a, b)), Holds(a) != Holds(b));
    EXPECT_EQ(Holds(fmt::format("not (({}) and ({}))", a, b)), Holds(fmt::format("!({}) || !({})", a, b)));
  }
}

TEST_F(FilterOfAPing, AnyTextIsAFilterOrAMistakeWithinIt) {
  static const char* kWords[] = {"ip",  "ip.src", "==", "!=", "10.0.0.1", "(", ")", "{", "}", "\"", "&&", "||", "!",  "not",
                                 "in", "tcp.port", "80", "..", ",", "1.2s", "matches", "sim.time", "<", "k8s.pod", "=", "\\", "&", "len(", "eth.src[", "]", "0:3", "xor", "frame", "-1", ":", "02"};
  std::mt19937 random(11);
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (unsigned words = random() % 8; words > 0; --words)
      text += std::string(kWords[random() % std::size(kWords)]) + (random() % 3 ? " " : "");
    FilterError error;
    if (const auto filter = Filter::Compile(text, error)) {
      filter->Matches(m_subject);
    } else {
      EXPECT_FALSE(error.message.empty()) << text;
      EXPECT_LE(error.column + error.length, text.size()) << text << ": " << error.message;
    }
    CompleteFilter(text, random() % (text.size() + 1), &m_plan);
  }
}

TEST_F(FilterOfAPing, CompletesNamesOperatorsAndValues) {
  const auto texts = [&](std::string_view text) {
    std::vector<std::string> found;
    for (const Completion& c : CompleteFilter(text, text.size(), &m_plan).found) found.push_back(c.text);
    return found;
  };
  const auto has = [](const std::vector<std::string>& texts_, std::string_view text) {
    return std::find(texts_.begin(), texts_.end(), text) != texts_.end();
  };
  EXPECT_EQ(texts("vxlan.v"), std::vector<std::string>{"vxlan.vni"});
  EXPECT_TRUE(has(texts("ip && k8s.s"), "k8s.src.pod"));
  EXPECT_TRUE(has(texts("ip.src "), "=="));
  EXPECT_TRUE(has(texts("sim.stage == "), "Encapsulate"));
  EXPECT_EQ(texts("sim.stage == Encap"), std::vector<std::string>{"Encapsulate"});
  EXPECT_EQ(texts("k8s.src.pod == car"), std::vector<std::string>{"\"shop/cart\""});
  EXPECT_EQ(texts("k8s.dst.ns == \""), std::vector<std::string>{"\"shop\""});
  const Completions completions = CompleteFilter("ip && vxlan.v", 13, &m_plan);
  EXPECT_EQ(completions.begin, 6u);
  EXPECT_EQ(completions.length, 7u);
}

}  // namespace
