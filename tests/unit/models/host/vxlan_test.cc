#include <gtest/gtest.h>

#include "models/linux/vxlan.h"
#include "models/wire/checksum.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using test::Counting;
using test::Ip;
using test::Mac;

constexpr uint32_t kOuterBytes = 50;

class Vxlan : public ::testing::Test {
 protected:
  void Send(const SendRequest& given = {}, size_t bytes = 10) {
    SendRequest request = given;
    if (request.destination.IsZero()) request.destination = Ip("10.244.2.2");
    world.At("p11").SendUdp(request, 40000, 9000, Counting(bytes));
    world.Run(Milliseconds(100));
  }
  /// The tunnelled frames that left n1, outer Ethernet header first.
  std::vector<std::vector<uint8_t>> Tunnelled() {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames("n1", "eth0"))
      if (seen.outgoing && seen.bytes.size() > 42 && seen.bytes[23] == wire::kIpProtoUdp &&
          wire::Get16(&seen.bytes[36]) == 8472)
        out.push_back(seen.bytes);
    return out;
  }
  size_t Arrived() {
    size_t count = 0;
    for (const auto& seen : world.Frames("p21", "eth0"))
      count += !seen.outgoing && seen.bytes[12] == 8 && seen.bytes[13] == 0;
    return count;
  }
  kernel::Link& Device(const char* node) { return *world.At(node).Ns().FindLink("flannel.1"); }

  /// Sends to n2 what n1 would send for p11's packet of this inner TOS, with these outer fields and VXLAN words.
  struct Crafted {
    uint8_t outerTos = 0, innerTos = 0;
    uint32_t flags = 0x08000000, vniWord = 1 << 8;
    const char* innerSource = "02:00:00:00:04:01";
    uint16_t port = 8472;
  };
  void Inject(const Crafted& c) {
    std::vector<uint8_t> inner = test::Ipv4Frame("02:00:00:00:04:02", c.innerSource,
                                                 {.tos = c.innerTos,
                                                  .ttl = 63,
                                                  .protocol = wire::kIpProtoUdp,
                                                  .source = Ip("10.244.1.2"),
                                                  .destination = Ip("10.244.2.2")},
                                                 test::UdpBytes(40000, 9000, Counting(8)));
    std::vector<uint8_t> vxlan(8);
    wire::Put32(&vxlan[0], c.flags);
    wire::Put32(&vxlan[4], c.vniWord);
    vxlan.insert(vxlan.end(), inner.begin(), inner.end());
    world.SendFrame("r", "rack2",
                    test::Ipv4Frame("02:00:00:00:01:02", "02:00:00:00:02:02",
                                    {.tos = c.outerTos,
                                     .ttl = 63,
                                     .protocol = wire::kIpProtoUdp,
                                     .source = Ip("172.16.1.11"),
                                     .destination = Ip("172.16.2.12")},
                                    test::UdpBytes(50000, c.port, vxlan)));
    world.Run(Milliseconds(10));
  }
  test::FlannelWorld world;
};

TEST_F(Vxlan, PutsFiftyBytesAroundTheFrame) {
  world.Begin();
  Send();
  ASSERT_EQ(Tunnelled().size(), 1u);
  const auto frame = Tunnelled()[0];
  EXPECT_EQ(frame.size(), kOuterBytes + 14 + 20 + 8 + 10);
  const wire::Ipv4 outer{const_cast<uint8_t*>(&frame[14])};
  EXPECT_EQ(outer.Ttl(), 64);
  EXPECT_FALSE(outer.DontFragment());
  EXPECT_NE(outer.Identification(), 0);
  EXPECT_EQ(outer.Source(), Ip("172.16.1.11"));
  EXPECT_EQ(wire::Get16(&frame[40]) != 0, true);  // UDP checksum: on by default
  EXPECT_EQ(Arrived(), 1u);
  EXPECT_EQ(Device("n1").stats.txPackets, 1u);
  EXPECT_EQ(Device("n1").stats.txBytes, 20u + 8 + 10);  // counted from the network header (iptunnel_xmit())
  EXPECT_EQ(Device("n2").stats.rxPackets, 1u);
}

TEST_F(Vxlan, KeepsOneSourcePortForAFlow) {
  world.Begin();
  for (int i = 0; i < 3; ++i) Send();
  std::set<uint16_t> ports;
  for (const auto& frame : Tunnelled()) ports.insert(wire::Get16(&frame[34]));
  EXPECT_EQ(ports.size(), 1u);
}

TEST_F(Vxlan, TakesTtlTosDfPortsAndChecksumFromItsOptions) {
  auto& options = world.Vxlan("n1");
  options.ttl = 9;
  options.tos = 1;  // inherit
  options.df = kernel::VxlanDf::Set;
  options.srcPortLow = 100;
  options.srcPortHigh = 101;
  options.udpCsum = false;
  world.Begin();
  Send({.tos = 0xb8});
  const auto frame = Tunnelled().at(0);
  const wire::Ipv4 outer{const_cast<uint8_t*>(&frame[14])};
  EXPECT_EQ(outer.Ttl(), 9);
  EXPECT_EQ(outer.Tos(), 0xb8);
  EXPECT_TRUE(outer.DontFragment());
  EXPECT_EQ(wire::Get16(&frame[34]), 100);
  EXPECT_EQ(wire::Get16(&frame[40]), 0);
}

TEST_F(Vxlan, InheritsDfAndTtl) {
  world.Vxlan("n1").df = kernel::VxlanDf::Inherit;
  world.Vxlan("n1").ttlInherit = true;
  world.Begin();
  Send({.ttl = 30});
  Send({.ttl = 30, .pmtu = SendRequest::Pmtu::Do});
  const auto frames = Tunnelled();
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0][22], 29);  // one less: n1 has routed it
  EXPECT_FALSE(wire::Ipv4{const_cast<uint8_t*>(&frames[0][14])}.DontFragment());
  EXPECT_TRUE(wire::Ipv4{const_cast<uint8_t*>(&frames[1][14])}.DontFragment());
}

TEST_F(Vxlan, FragmentsTheOuterPacketWhenItIsTooLongForTheUnderlay) {
  world.Node("n1").FindLink("flannel.1")->mtu = 1500;
  world.Node("n1").FindLink("cni0")->mtu = 1500;
  world.Node("n1").FindLink("veth11")->mtu = 1500;
  world.Begin();
  world.At("p11").Ns().FindLink("eth0")->mtu = 1500;
  Send({}, 1472);  // inner packet 1500, outer 1550
  EXPECT_EQ(world.At("n1").Ns().snmp.Get(kernel::Snmp::IpFragCreates), 2u);
  EXPECT_EQ(world.At("n2").Ns().snmp.Get(kernel::Snmp::IpReasmOKs), 1u);
}

TEST_F(Vxlan, CountsWhatTheUnderlayRefusesAsDropped) {  // iptunnel_xmit_stats()
  for (const char* device : {"flannel.1", "cni0", "veth11"}) world.Node("n1").FindLink(device)->mtu = 1500;
  world.Vxlan("n1").df = kernel::VxlanDf::Set;
  world.Begin();
  world.At("p11").Ns().FindLink("eth0")->mtu = 1500;
  Send({}, 1472);  // inner packet 1500, outer 1550 with DF over 1500
  EXPECT_TRUE(Tunnelled().empty());
  EXPECT_EQ(Device("n1").stats.txDropped, 1u);
  EXPECT_EQ(Device("n1").stats.txPackets, 0u);
  EXPECT_EQ(world.At("n1").Ns().snmp.Get(kernel::Snmp::IpForwDatagrams), 1u);
}

TEST_F(Vxlan, DropsAFrameThatNoEntryKnows) {
  world.Begin();
  world.At("n1").Ns().DeleteVxlanFdb(Device("n1").ifindex, Mac("02:00:00:00:04:02"), nullptr);
  Send();
  EXPECT_TRUE(Tunnelled().empty());
  EXPECT_EQ(world.Ended(Verdict::VxlanNoFdb), 1u);
  EXPECT_EQ(Device("n1").stats.txDropped, 1u);
}

TEST_F(Vxlan, SendsUnknownFramesToAllRemotesTheFirstOneLast) {
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const int vxlan = Device("n1").ifindex;
  ns.DeleteVxlanFdb(vxlan, Mac("02:00:00:00:04:02"), nullptr);
  for (const char* remote : {"172.16.2.12", "172.16.2.13", "172.16.2.14"})
    ns.AddVxlanFdb(vxlan, MacAddress{}, {.ip = Ip(remote)}, true,
                   kernel::Namespace::kCreate | kernel::Namespace::kAppend, {});
  Send();
  std::vector<std::string> remotes;
  for (const auto& frame : Tunnelled()) remotes.push_back(wire::GetIpv4(&frame[30]).ToString());
  EXPECT_EQ(remotes, (std::vector<std::string>{"172.16.2.13", "172.16.2.14", "172.16.2.12"}));
}

TEST_F(Vxlan, DropsWhatHasNoRouteOrLeadsIntoItself) {
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const kernel::Route all{.dst = test::Net("0.0.0.0/0"), .scope = kernel::kScopeNowhere, .protocol = 0};
  ASSERT_EQ(ns.DeleteRoute(all), 0);
  Send();
  EXPECT_EQ(world.Ended(Verdict::VxlanNoRoute), 1u);
  EXPECT_EQ(Device("n1").stats.txCarrierErrors, 1u);
  world.AddRoute(ns, "172.16.2.0/24", "10.244.2.0", "flannel.1", true);
  Send();
  EXPECT_EQ(world.Ended(Verdict::VxlanLoop), 1u);
  EXPECT_EQ(Device("n1").stats.collisions, 1u);
}

TEST_F(Vxlan, EndsTunnelsThatLeadIntoEachOther) {
  auto& ns = world.Node("n1");
  for (int i : {1, 2}) {  // vx1's remote is behind vx2, and vx2's behind vx1
    const std::string name = "vx" + std::to_string(i);
    const std::string own = "10.9." + std::to_string(i) + ".1/24", remote = "10.9." + std::to_string(3 - i) + ".2";
    const int vx = test::AddUpLink(ns,
                                   {.name = name,
                                    .kind = kernel::LinkKind::Vxlan,
                                    .address = Mac("02:00:00:00:00:01"),
                                    .vxlan = {.vni = static_cast<uint32_t>(i)}},
                                   own.c_str());
    ns.AddVxlanFdb(vx, MacAddress{}, {.ip = Ip(remote.c_str())}, true, kernel::Namespace::kCreate, {});
    ns.SetNeighbour({.ip = Ip(("10.9." + std::to_string(i) + ".2").c_str()),
                     .ifindex = vx,
                     .mac = Mac("02:00:00:00:00:02"),
                     .state = kernel::NudState::Permanent},
                    kernel::Namespace::kCreate);
  }
  world.Begin();
  world.At("n1").SendUdp({.destination = Ip("10.9.1.2")}, 1, 2, Counting(10));
  world.Run(Milliseconds(1));
  EXPECT_EQ(world.Ended(Verdict::VxlanLoop), 1u);
}

TEST_F(Vxlan, ChecksWhatItReceives) {
  world.Begin();
  struct Case {
    const char* what;
    Crafted crafted;
    Verdict verdict;
  };
  const Case cases[] = {
      {"another VNI", {.vniWord = 2 << 8}, Verdict::VxlanUnknownVni},
      {"no I flag", {.flags = 0}, Verdict::VxlanNoVniFlag},
      {"a reserved flag", {.flags = 0x88000000}, Verdict::VxlanReservedBits},
      {"the first reserved field", {.flags = 0x08000001}, Verdict::VxlanReservedBits},
      {"the second reserved field", {.vniWord = 1 << 8 | 1}, Verdict::VxlanReservedBits},
      {"its own MAC", {.innerSource = "02:00:00:00:04:02"}, Verdict::VxlanLocalMac},
      {"another port", {.port = 4789}, Verdict::UdpNoSocket},
  };
  for (const Case& c : cases) {
    const uint64_t before = world.Ended(c.verdict);
    Inject(c.crafted);
    EXPECT_EQ(world.Ended(c.verdict) - before, 1u) << c.what;
  }
  EXPECT_EQ(Arrived(), 0u);
  EXPECT_EQ(Device("n2").stats.rxFrameErrors, 3u);
  Inject({});
  EXPECT_EQ(Arrived(), 1u);
}

TEST_F(Vxlan, CombinesEcnAsRfc6040Says) {
  world.Begin();
  // Figure 4 of RFC 6040: by inner (rows: Not-ECT, ECT(1), ECT(0), CE as the field's values go) and outer; -1: dropped
  constexpr int kResult[4][4] = {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};
  for (uint8_t inner = 0; inner < 4; ++inner)
    for (uint8_t outer = 0; outer < 4; ++outer) {
      const size_t before = Arrived();
      Inject({.outerTos = outer, .innerTos = static_cast<uint8_t>(0xb8 | inner)});
      const int expected = kResult[inner][outer];
      ASSERT_EQ(Arrived() - before, expected < 0 ? 0u : 1u) << int{inner} << " in " << int{outer};
      if (expected < 0) continue;
      std::vector<uint8_t> last;
      for (const auto& seen : world.Frames("p21", "eth0"))
        if (!seen.outgoing && seen.bytes[12] == 8 && seen.bytes[13] == 0) last = seen.bytes;
      EXPECT_EQ(last[15], 0xb8 | expected) << int{inner} << " in " << int{outer};
      EXPECT_EQ(wire::Checksum(&last[14], 20), 0);
    }
  EXPECT_EQ(world.Ended(Verdict::EcnMalformed), 1u);
}

TEST(VxlanEcn, PutsCeOutsideAsEct0) {
  for (auto [inner, outer] : {std::pair{0, 0}, {1, 1}, {2, 2}, {3, 2}})
    EXPECT_EQ(kernel::OuterTos(0, static_cast<uint8_t>(inner)), outer);
  EXPECT_EQ(kernel::OuterTos(1, 0xb9), 0xb9);     // inherit
  EXPECT_EQ(kernel::OuterTos(0x20, 0xbb), 0x22);  // a fixed DSCP
}

TEST_F(Vxlan, LearnsFollowsAndForgetsRemotes) {
  world.Vxlan("n2").learning = true;
  world.Begin();
  auto& ns = world.At("n2").Ns();
  const int vxlan = Device("n2").ifindex;
  kernel::VxlanFdbEntry scratch;
  Inject({.innerSource = "02:00:00:00:99:01"});
  const auto* entry = ns.LookupVxlanFdb(vxlan, Mac("02:00:00:00:99:01"), scratch);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->remotes.front().ip, Ip("172.16.1.11"));
  world.Run(Seconds(301));  // ageing 300
  EXPECT_EQ(ns.LookupVxlanFdb(vxlan, Mac("02:00:00:00:99:01"), scratch), nullptr);
  Inject({.innerSource = "00:00:00:00:00:00"});
  Inject({.innerSource = "03:00:00:00:00:01"});
  EXPECT_EQ(world.Ended(Verdict::VxlanBadSource), 2u);
  ns.AddVxlanFdb(vxlan, Mac("02:00:00:00:99:02"), {.ip = Ip("9.9.9.9")}, true, kernel::Namespace::kCreate, {});
  Inject({.innerSource = "02:00:00:00:99:02"});
  EXPECT_EQ(world.Ended(Verdict::VxlanEntryExists), 1u);
}

TEST_F(Vxlan, ForgetsAnOldEntryAtTheNextScanOfItsTable) {  // FDB_AGE_INTERVAL: ten seconds
  world.Vxlan("n2").learning = true;
  world.Vxlan("n2").ageing = 2;
  world.Begin();
  auto& ns = world.At("n2").Ns();
  const int vxlan = Device("n2").ifindex;
  auto isKnown = [&] {
    kernel::VxlanFdbEntry scratch;
    return ns.LookupVxlanFdb(vxlan, Mac("02:00:00:00:99:01"), scratch) != nullptr;
  };
  Inject({.innerSource = "02:00:00:00:99:01"});
  world.Run(Seconds(9));
  EXPECT_TRUE(isKnown());  // old since 2 s
  world.Run(Seconds(1));
  EXPECT_FALSE(isKnown());
  // Heard of at 11 s, it is too old at 13 s. The device goes down and up at 16 s: nothing is left to scan for.
  world.Run(Seconds(1));
  Inject({.innerSource = "02:00:00:00:99:01"});
  world.Run(Seconds(5));
  EXPECT_TRUE(isKnown());
  ns.SetLinkUp(vxlan, false, {});
  EXPECT_FALSE(isKnown());
  ns.SetLinkUp(vxlan, true, {});
  Inject({.innerSource = "02:00:00:00:99:01"});
  world.Run(Seconds(9));
  EXPECT_TRUE(isKnown());  // the next scan is ten seconds after the device went up
  world.Run(Seconds(1));
  EXPECT_FALSE(isKnown());
}

TEST_F(Vxlan, HandsFramesForItsOwnHostOverAsForThisHostWhateverTheirAddress) {  // encap_bypass_if_local()
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const int vxlan = Device("n1").ifindex;
  ASSERT_EQ(ns.AddVxlanFdb(vxlan, Mac("02:00:00:00:04:02"), {.ip = Ip("172.16.1.11")}, true,
                           kernel::Namespace::kCreate | kernel::Namespace::kReplace, {}),
            0);
  Send();
  // Routed into the tunnel again and again: with TTL 63 first, for the last time with TTL 1.
  EXPECT_EQ(Device("n1").stats.txPackets, 63u);
  EXPECT_EQ(Device("n1").stats.rxPackets, 63u);
  EXPECT_EQ(world.Ended(Verdict::TtlExpired), 1u);
  EXPECT_TRUE(Tunnelled().empty());
}

TEST_F(Vxlan, FindsNoDeviceOfThatVniOnItsOwnHost) {
  world.Begin();
  auto& ns = world.At("n1").Ns();
  ASSERT_EQ(ns.AddVxlanFdb(Device("n1").ifindex, Mac("02:00:00:00:04:02"), {.ip = Ip("172.16.1.11"), .vni = 9}, true,
                           kernel::Namespace::kCreate | kernel::Namespace::kReplace, {}),
            0);
  Send();
  EXPECT_EQ(world.Ended(Verdict::VxlanUnknownVni), 1u);
  EXPECT_EQ(Device("n1").stats.txErrors, 1u);
}

TEST_F(Vxlan, TakesARemoteByADeviceWithoutRouteToBeOnItsLink) {
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const int bridge = ns.FindLink("cni0")->ifindex;
  ASSERT_EQ(ns.AddVxlanFdb(Device("n1").ifindex, Mac("02:00:00:00:04:02"), {.ip = Ip("172.16.2.12"), .ifindex = bridge},
                           true, kernel::Namespace::kCreate | kernel::Namespace::kReplace, {}),
            0);
  Send();
  EXPECT_NE(ns.Neighbours().Find(bridge, Ip("172.16.2.12")), nullptr);  // asked for there
}

TEST_F(Vxlan, AnswersArpAsAProxy) {
  world.Vxlan("n1").proxy = true;
  world.Begin();
  auto& ns = world.At("n1").Ns();
  ns.DeleteNeighbour(Device("n1").ifindex, Ip("10.244.2.0"));
  ns.SetNeighbour({.ip = Ip("10.244.2.5"),
                   .ifindex = Device("n1").ifindex,
                   .mac = Mac("02:00:00:00:04:02"),
                   .state = kernel::NudState::Permanent},
                  kernel::Namespace::kCreate);
  std::vector<uint8_t> question(42);
  wire::Ethernet{question.data()}.Write(MacAddress::Broadcast(), Mac("02:00:00:00:04:01"), wire::kEtherTypeArp);
  wire::Arp{question.data() + 14}.Write(wire::kArpRequest, Mac("02:00:00:00:04:01"), Ip("10.244.1.0"), {},
                                        Ip("10.244.2.5"));
  world.SendFrame("n1", "flannel.1", question);
  world.Run(Milliseconds(1));
  const auto& frames = world.Frames("n1", "flannel.1");
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_FALSE(frames[1].outgoing);
  EXPECT_EQ(wire::Arp{const_cast<uint8_t*>(&frames[1].bytes[14])}.SenderMac(), Mac("02:00:00:00:04:02"));
  EXPECT_TRUE(Tunnelled().empty());
  EXPECT_EQ(Device("n1").stats.rxPackets, 0u);  // netif_rx(): the answer is in no counter
  question.resize(30);
  world.SendFrame("n1", "flannel.1", question);
  world.Run(Milliseconds(1));
  EXPECT_TRUE(Tunnelled().empty());
  EXPECT_EQ(Device("n1").stats.txDropped, 1u);
}

/// The misses among the records, and where.
std::vector<Verdict> Misses(const test::FlannelWorld& world) {
  std::vector<Verdict> out;
  for (const auto& [where, record] : world.records)
    if (record.verdict == Verdict::L2Missed || record.verdict == Verdict::L3Missed) out.push_back(record.verdict);
  return out;
}

TEST_F(Vxlan, TellsOfAnAddressThatItsFdbDoesNotHave) {  // vxlan_fdb_miss()
  world.Vxlan("n1").l2miss = true;
  world.Begin();
  std::vector<uint8_t> frame(60);
  for (const char* to : {"02:00:00:00:04:77", "ff:ff:ff:ff:ff:ff"}) {  // of a group's frame nothing is told
    wire::Ethernet{frame.data()}.Write(Mac(to), Mac("02:00:00:00:04:01"), 0x88b5);
    world.SendFrame("n1", "flannel.1", frame);
  }
  world.Run(Milliseconds(1));
  EXPECT_EQ(Misses(world), std::vector{Verdict::L2Missed});
  EXPECT_EQ(world.Ended(Verdict::VxlanNoFdb), 2u);
}

TEST_F(Vxlan, TellsAsAProxyOfANeighbourThatNobodyKnows) {  // arp_reduce(): not of one that is being asked for
  world.Vxlan("n1").proxy = world.Vxlan("n1").l3miss = true;
  world.Begin();
  world.At("n1").Ns().SetNeighbour({.ip = Ip("10.244.2.6"),
                                    .ifindex = Device("n1").ifindex,
                                    .mac = Mac("02:00:00:00:04:02"),
                                    .state = kernel::NudState::Stale},
                                   kernel::Namespace::kCreate);
  std::vector<uint8_t> question(42);
  for (const char* target : {"10.244.2.5", "10.244.2.6"}) {
    wire::Ethernet{question.data()}.Write(MacAddress::Broadcast(), Mac("02:00:00:00:04:01"), wire::kEtherTypeArp);
    wire::Arp{question.data() + 14}.Write(wire::kArpRequest, Mac("02:00:00:00:04:01"), Ip("10.244.1.0"), {},
                                          Ip(target));
    world.SendFrame("n1", "flannel.1", question);
  }
  world.Run(Milliseconds(1));
  EXPECT_EQ(Misses(world), std::vector{Verdict::L3Missed});
  EXPECT_TRUE(Tunnelled().empty());
}

TEST_F(Vxlan, AnswersSolicitationsAsAProxy) {  // neigh_reduce(), vxlan_na_create()
  world.Vxlan("n1").proxy = true;
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const Ipv6Address target = *Ipv6Address::Parse("fd00::2"), asker = *Ipv6Address::Parse("fd00::1");
  ns.Ipv6().SetNeighbour({.ip = target,
                          .ifindex = Device("n1").ifindex,
                          .mac = Mac("02:00:00:00:04:02"),
                          .state = kernel::NudState::Permanent},
                         kernel::Namespace::kCreate);
  std::vector<uint8_t> question(14 + 40 + 32);
  wire::Ethernet{question.data()}.Write(Mac("33:33:ff:00:00:02"), Mac("02:00:00:00:05:11"), wire::kEtherTypeIpv6);
  wire::WriteIpv6(&question[14], {.payloadBytes = 32,
                                  .nextHeader = wire::kIpProtoIcmpv6,
                                  .hopLimit = 255,
                                  .source = asker,
                                  .destination = target.SolicitedNode()});
  question[54] = wire::kIcmpv6NeighbourSolicitation;
  wire::PutIpv6(&question[62], target);
  question[78] = wire::NeighbourMessage::kSourceLinkAddress;
  question[79] = 1;
  wire::PutMac(&question[80], Mac("02:00:00:00:05:12"));  // rather than the frame's sender
  world.SendFrame("n1", "flannel.1", question);
  world.Run(Milliseconds(1));
  const auto& frames = world.Frames("n1", "flannel.1");
  ASSERT_EQ(frames.size(), 2u);
  uint8_t* answer = const_cast<uint8_t*>(frames[1].bytes.data());
  ASSERT_EQ(frames[1].bytes.size(), 14u + 40 + 32);
  EXPECT_EQ(wire::Ethernet{answer}.Destination(), Mac("02:00:00:00:05:12"));
  EXPECT_EQ(wire::Ethernet{answer}.Source(), Mac("02:00:00:00:04:02"));
  EXPECT_EQ(wire::Ipv6{answer + 14}.Source(), target);
  EXPECT_EQ(wire::Ipv6{answer + 14}.Destination(), asker);
  EXPECT_EQ(answer[54], wire::kIcmpv6NeighbourAdvertisement);
  EXPECT_EQ(wire::NeighbourMessage{answer + 54}.Flags(),
            wire::NeighbourMessage::kSolicited | wire::NeighbourMessage::kOverride);
  EXPECT_EQ(wire::GetMac(answer + 80), Mac("02:00:00:00:04:02"));
  const uint64_t pseudo = wire::PseudoHeaderSum(target, asker, wire::kIpProtoIcmpv6, 32);
  EXPECT_EQ(wire::ChecksumFold(wire::ChecksumAdd(answer + 54, 32, pseudo)), 0);
  EXPECT_TRUE(Tunnelled().empty());
}

TEST_F(Vxlan, ShortCircuitsWhatGoesToARouter) {  // route_shortcircuit()
  world.Vxlan("n1").rsc = true;
  world.Begin();
  auto& ns = world.At("n1").Ns();
  const int vxlan = Device("n1").ifindex;
  auto setNeighbour = [&](const char* ip, const char* mac) {
    ns.SetNeighbour({.ip = Ip(ip), .ifindex = vxlan, .mac = Mac(mac), .state = kernel::NudState::Permanent},
                    kernel::Namespace::kCreate | kernel::Namespace::kReplace);
  };
  setNeighbour("10.244.2.0", "02:00:00:00:77:77");
  kernel::VxlanFdbEntry router{
      .mac = Mac("02:00:00:00:77:77"), .isPermanent = true, .isRouter = true, .remotes = {{.ip = Ip("172.16.2.12")}}};
  ns.AddVxlanFdb(vxlan, router, kernel::Namespace::kCreate, {});
  Send();
  setNeighbour("10.244.2.2", "02:00:00:00:04:02");
  Send();
  const auto frames = Tunnelled();
  ASSERT_EQ(frames.size(), 2u);
  auto inner = [&](size_t i) { return wire::Ethernet{const_cast<uint8_t*>(&frames[i][kOuterBytes])}; };
  EXPECT_EQ(inner(0).Destination(), Mac("02:00:00:00:77:77"));  // the destination is no neighbour
  EXPECT_EQ(inner(0).Source(), Mac("02:00:00:00:04:01"));
  EXPECT_EQ(inner(1).Destination(), Mac("02:00:00:00:04:02"));
  EXPECT_EQ(inner(1).Source(), Mac("02:00:00:00:77:77"));
  EXPECT_EQ(Arrived(), 1u);
  // One that is on the bridge's own side comes back.
  router = {.mac = Mac("02:00:00:00:04:02"), .isPermanent = true, .remotes = {{.ip = Ip("0.0.0.0")}}};
  ns.AddVxlanFdb(vxlan, router, kernel::Namespace::kCreate | kernel::Namespace::kReplace, {});
  const uint64_t before = Device("n1").stats.rxPackets;
  world.At("p11").SendUdp({.destination = Ip("10.244.2.2"), .ttl = 2}, 40000, 9000, Counting(1));
  world.Run(Milliseconds(10));
  EXPECT_EQ(Device("n1").stats.rxPackets, before + 1);
  EXPECT_EQ(Tunnelled().size(), 2u);
}

TEST_F(Vxlan, DropsWhatHasNoRemote) {
  world.Begin();
  auto& ns = world.At("n1").Ns();
  ns.AddVxlanFdb(Device("n1").ifindex, Mac("02:00:00:00:04:02"), {.ip = Ip("0.0.0.0")}, true,
                 kernel::Namespace::kCreate | kernel::Namespace::kReplace, {});
  Send();
  EXPECT_EQ(world.Ended(Verdict::VxlanNoRemote), 1u);
  EXPECT_EQ(Device("n1").stats.txDropped, 1u);
}

TEST_F(Vxlan, ReportsItsGroupWhenItGoesDownAndUp) {  // IGMP version 3, each change twice
  auto& node = world.Node("n1");
  world.Vxlan("n1").remote = Ip("239.1.1.1");
  world.Vxlan("n1").lowerIfindex = node.FindLink("eth0")->ifindex;
  world.Begin();
  auto reports = [&] {
    std::vector<std::vector<uint8_t>> out;
    for (const auto& seen : world.Frames("n1", "eth0"))
      if (seen.outgoing && seen.bytes.size() > 34 && seen.bytes[23] == wire::kIpProtoIgmp) out.push_back(seen.bytes);
    return out;
  };
  world.Run(Seconds(3));
  EXPECT_TRUE(reports().empty());
  world.At("n1").Ns().SetLinkUp(Device("n1").ifindex, false, {});
  world.Run(Seconds(3));
  ASSERT_EQ(reports().size(), 2u);
  const std::vector<uint8_t> report = reports()[0];
  ASSERT_EQ(report.size(), 14u + 24 + 16);  // as captured: 172.16.1.11 > 224.0.0.22, ttl 1, tos 0xc0, DF, router alert
  const wire::Ipv4 ip{const_cast<uint8_t*>(&report[14])};
  EXPECT_EQ(wire::GetMac(&report[0]), Mac("01:00:5e:00:00:16"));
  EXPECT_EQ(ip.HeaderBytes(), 24u);
  EXPECT_EQ(ip.Ttl(), 1);
  EXPECT_EQ(ip.Tos(), 0xc0);
  EXPECT_TRUE(ip.DontFragment());
  EXPECT_EQ(ip.Source(), Ip("172.16.1.11"));
  EXPECT_EQ(wire::Checksum(&report[14], 24), 0);
  EXPECT_EQ(wire::Checksum(&report[38], 16), 0);
  EXPECT_EQ(report[46], 3);  // change to include, of no sources: left
  EXPECT_EQ(wire::Get32(&report[50]), Ip("239.1.1.1").value);
  world.At("n1").Ns().SetLinkUp(Device("n1").ifindex, true, {});
  world.Run(Seconds(3));
  ASSERT_EQ(reports().size(), 4u);
  EXPECT_EQ(reports()[2][46], 4);  // change to exclude: joined
}

TEST_F(Vxlan, HasItsPortWhileADeviceOfItIsUp) {
  world.Begin();
  EXPECT_EQ(world.At("n2").BindUdp({}, 8472, {}), EADDRINUSE);
  world.At("n2").Ns().SetLinkUp(Device("n2").ifindex, false, {});
  Inject({});
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 1u);
}

TEST_F(Vxlan, SpreadsFlowsOverTheHostsUplinksByTheOuterPort) {
  auto& ns = world.Node("n1");
  ns.SetSysctl("net.ipv4.fib_multipath_hash_policy", "1");
  world.AddEth(ns, "eth1", "02:00:00:00:01:91", "172.16.3.11/24");
  kernel::Route both;
  both.dst = test::Net("172.16.2.0/24");
  both.nextHops = {{.gateway = Ip("172.16.1.1")}, {.gateway = Ip("172.16.3.1")}};
  ASSERT_EQ(ns.AddRoute(both, kernel::Namespace::kCreate), 0);
  world.Begin();
  for (uint16_t port = 0; port < 64; ++port)
    world.At("p11").SendUdp({.destination = Ip("10.244.2.2")}, static_cast<uint16_t>(40000 + port), 9000, Counting(1));
  world.Run(Milliseconds(10));
  EXPECT_GT(Tunnelled().size(), 16u);  // an even choice gives 32 of 64; four standard deviations are 16
  EXPECT_LT(Tunnelled().size(), 48u);
}

}  // namespace
}  // namespace overlaysim::host
