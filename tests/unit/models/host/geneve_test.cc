#include <gtest/gtest.h>

#include "models/linux/programs.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;

/// Two hosts with a router between them, and a geneve device on each: 10.9.0.1 and 10.9.0.2 on one virtual wire.
class Geneve : public ::testing::Test {
 protected:
  struct Ends {
    const char* name;
    const char* mac;
    const char* address;
    const char* remote;
  };
  static constexpr Ends kEnds[] = {{"a", "02:00:00:00:09:0a", "10.9.0.1", "10.0.2.2"},
                                   {"b", "02:00:00:00:09:0b", "10.9.0.2", "10.0.1.2"}};

  explicit Geneve(const std::function<void(kernel::VxlanOptions&)>& change = {}) {
    for (const Ends& end : kEnds) {
      kernel::Namespace& ns = world.At(end.name).Ns();
      kernel::Link link{.name = "gnv0", .kind = kernel::LinkKind::Geneve, .addressSet = true, .mtu = 1450};
      link.address = *MacAddress::Parse(end.mac);
      link.vxlan = kernel::VxlanOptions::Geneve();
      link.vxlan.vni = 5000;
      link.vxlan.remote = Ip(end.remote);
      if (change) change(link.vxlan);
      const int ifindex = ns.AddLink(std::move(link)).ifindex;
      ns.SetLinkUp(ifindex, true, {});
      ns.AddAddress({.ifindex = ifindex, .local = Ip(end.address), .prefixLength = 24});
      world.Capture(end.name, "gnv0");
    }
  }
  void Ping(size_t bytes, SendRequest request = {}) {
    request.destination = Ip("10.9.0.2");
    world.At("a").SendIcmpEcho(request, 7, 1, Counting(bytes));
    world.Run(Milliseconds(100));
  }
  /// UDP to port 6081 that left `name`, from the outer IPv4 header on; without what carries ARP.
  std::vector<std::vector<uint8_t>> Outer(const char* name, const char* device) {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames(name, device))
      if (seen.outgoing && seen.bytes.size() > 64 && wire::Get16(&seen.bytes[36]) == 6081 &&
          wire::Get16(&seen.bytes[62]) == wire::kEtherTypeIpv4)
        out.emplace_back(seen.bytes.begin() + 14, seen.bytes.end());
    return out;
  }
  /// Sends a datagram to b's port 6081, as if it came out of a's tunnel.
  void Inject(std::vector<uint8_t> geneve) {
    geneve.resize(geneve.size() + 60);
    world.At("a").SendUdp({.destination = Ip("10.0.2.2")}, 4000, 6081, geneve);
    world.Run(Milliseconds(100));
  }
  uint64_t Ended(Verdict verdict) { return world.Ended(verdict); }
  const kernel::LinkStats& Stats(const char* name) { return world.At(name).Ns().FindLink("gnv0")->stats; }

  test::RoutedWorld world;
};

TEST_F(Geneve, PutsIpv4UdpAndEightBytesBefore) {
  Ping(56);
  const auto there = Outer("a", "ea"), back = Outer("b", "eb");
  ASSERT_EQ(there.size(), 1u);
  ASSERT_EQ(back.size(), 1u);
  ASSERT_EQ(there[0].size(), 20u + 8 + 8 + 14 + 84);
  const wire::Ipv4 outer{const_cast<uint8_t*>(there[0].data())};
  EXPECT_EQ(outer.Source(), Ip("10.0.1.2"));
  EXPECT_EQ(outer.Destination(), Ip("10.0.2.2"));
  EXPECT_EQ(outer.Ttl(), 64);
  EXPECT_FALSE(outer.DontFragment());
  const uint8_t* udp = there[0].data() + 20;
  EXPECT_EQ(wire::Get16(udp + 6), 0);  // without `udpcsum`: 0, as geneve_nl2info() leaves TUNNEL_CSUM
  const std::vector<uint8_t> header(udp + 8, udp + 16);
  EXPECT_EQ(header, (std::vector<uint8_t>{0, 0, 0x65, 0x58, 0, 0x13, 0x88, 0}));  // 5000 = 0x1388
  EXPECT_EQ(wire::GetMac(udp + 16), *MacAddress::Parse("02:00:00:00:09:0b"));
}

TEST_F(Geneve, SourcePortIsTheFlowsAndMayBeAnyButZero) {
  for (uint16_t port = 1; port <= 200; ++port)
    world.At("a").SendUdp({.destination = Ip("10.9.0.2")}, port, 9, Counting(8));
  world.Run(Milliseconds(100));
  std::set<uint16_t> ports;
  for (const auto& packet : Outer("a", "ea")) ports.insert(wire::Get16(&packet[20]));
  EXPECT_GT(ports.size(), 150u);
  EXPECT_LT(*ports.begin(), 32768);  // geneve_xmit_skb(): 1 to 65535, not ip_local_port_range
}

TEST_F(Geneve, DropsOtherVersionsVnisSendersAndProtocols) {
  Ping(56);  // resolves addresses
  Inject({0x40, 0, 0x65, 0x58, 0, 0x13, 0x88, 0});
  EXPECT_EQ(Ended(Verdict::GeneveBadVersion), 1u);
  Inject({0, 0, 0x65, 0x58, 0, 0x13, 0x89, 0});
  EXPECT_EQ(Ended(Verdict::GeneveNoDevice), 1u);
  Inject({0, 0, 0x08, 0x00, 0, 0x13, 0x88, 0});
  EXPECT_EQ(Ended(Verdict::GeneveBadProtocol), 1u);
  EXPECT_EQ(Stats("b").rxDropped, 1u);
  Inject({0x01, 0x40, 0x65, 0x58, 0, 0x13, 0x88, 0, 0, 0, 0, 0});
  EXPECT_EQ(Ended(Verdict::GeneveCritical), 1u);
  EXPECT_EQ(Stats("b").rxErrors, 1u);
  EXPECT_EQ(Stats("b").rxFrameErrors, 1u);
  world.At("b").Ns().FindLink("gnv0")->vxlan.remote = Ip("10.0.1.3");
  Inject({0, 0, 0x65, 0x58, 0, 0x13, 0x88, 0});
  EXPECT_EQ(Ended(Verdict::GeneveNoDevice), 2u);
}

TEST_F(Geneve, SkipsOptionsThatAreNotCritical) {
  Ping(56);
  std::vector<uint8_t> frame = {0x01, 0, 0x65, 0x58, 0, 0x13, 0x88, 0, 0x01, 0x02, 0x03, 0x00};
  for (uint8_t byte : {2, 0, 0, 0, 9, 0x0b, 2, 0, 0, 0, 9, 0x77, 0x88, 0xb5}) frame.push_back(byte);
  const uint64_t before = Stats("b").rxPackets;
  Inject(frame);
  EXPECT_EQ(Stats("b").rxPackets, before + 1);
  EXPECT_EQ(Stats("b").rxErrors, 0u);
}

class GeneveWithOptions : public Geneve {
 protected:
  GeneveWithOptions()
      : Geneve([](kernel::VxlanOptions& o) {
          o.ttl = 9;
          o.tos = 1;
          o.df = kernel::VxlanDf::Set;
          o.udpCsum = true;
          o.dstPort = 6082;
        }) {}
};

TEST_F(GeneveWithOptions, OuterHeaderFollowsThem) {
  Ping(56, {.tos = 0xb8});
  for (const auto& seen : world.Frames("a", "ea")) {
    if (!seen.outgoing || seen.bytes.size() < 64 || wire::Get16(&seen.bytes[36]) != 6082 ||
        wire::Get16(&seen.bytes[62]) != wire::kEtherTypeIpv4)
      continue;
    const wire::Ipv4 outer{const_cast<uint8_t*>(seen.bytes.data()) + 14};
    EXPECT_EQ(outer.Ttl(), 9);
    EXPECT_EQ(outer.Tos(), 0xb8);
    EXPECT_TRUE(outer.DontFragment());
    EXPECT_NE(wire::Get16(&seen.bytes[40]), 0);
    return;
  }
  FAIL() << "nothing to port 6082";
}

/// Sends all that leaves a's external device to 10.0.2.2 with VNI 77, and notes what comes in on b's.
class Keys : public kernel::Programs {
 public:
  kernel::ProgramResult Run(kernel::ProgramHook hook, const kernel::Link& link, wire::Frame& frame) const override {
    if (link.name != "gnv0") return {};
    if (hook == kernel::ProgramHook::Egress && !withKey) return {};
    if (hook == kernel::ProgramHook::Egress)
      frame.tunnel = {.remote = to, .id = 77, .ttl = 33, .dontFragment = true};
    else
      seen = frame.tunnel;
    return {};
  }
  Ipv4Address to;
  bool withKey = true;
  mutable wire::TunnelKey seen;
};

class ExternalGeneve : public Geneve {
 protected:
  ExternalGeneve()
      : Geneve([](kernel::VxlanOptions& o) {
          o.external = true;
          o.vni = 0;
          o.remote = {};
        }) {
    for (auto [name, to, keys] : {std::tuple{"a", "10.0.2.2", &atA}, {"b", "10.0.1.2", &atB}}) {
      *keys = std::make_shared<Keys>();
      (*keys)->to = Ip(to);
      world.At(name).Ns().programs = *keys;
    }
  }
  std::shared_ptr<Keys> atA, atB;
};

TEST_F(ExternalGeneve, GoesWhereTheKeySaysAndTellsWhereItCameFrom) {
  Ping(56);
  const auto there = Outer("a", "ea");
  ASSERT_EQ(there.size(), 1u);
  const wire::Ipv4 outer{const_cast<uint8_t*>(there[0].data())};
  EXPECT_EQ(outer.Destination(), Ip("10.0.2.2"));
  EXPECT_EQ(outer.Ttl(), 33);
  EXPECT_TRUE(outer.DontFragment());
  EXPECT_EQ(wire::Get32(&there[0][32]) >> 8, 77u);
  EXPECT_EQ(atB->seen.remote, Ip("10.0.1.2"));
  EXPECT_EQ(atB->seen.id, 77u);
}

TEST_F(ExternalGeneve, DropsWhatHasNoKey) {
  atA->withKey = false;
  Ping(56);
  EXPECT_TRUE(Outer("a", "ea").empty());
  EXPECT_GT(Ended(Verdict::TunnelNoKey), 0u);
  EXPECT_EQ(Stats("a").txDropped, Ended(Verdict::TunnelNoKey));
}

}  // namespace
}  // namespace overlaysim::host
