// What Linux does with odd packets: IPv4 options, ICMP of all kinds, groups, VLAN tags, unfinished checksums. The bytes
// and counters are those of Linux 6.18 in the same place.

#include <gtest/gtest.h>

#include "models/wire/checksum.h"
#include "support/worlds.h"

namespace overlaysim::host {
namespace {

using kernel::Snmp;
using test::Counting;
using test::FlannelWorld;
using test::Ip;
using test::Ipv4Frame;
using test::RoutedWorld;
using test::UdpBytes;
using test::World;
using Bytes = std::vector<uint8_t>;

class OddPackets : public ::testing::Test {
 protected:
  uint64_t Counter(const char* host, Snmp counter) { return world.At(host).Ns().snmp.Get(counter); }
  /// From a, by its router r, with these options (a multiple of 4 bytes).
  void Send(const Bytes& options, const char* to, uint8_t protocol, const Bytes& payload, uint8_t ttl = 64) {
    Bytes rest = options;
    rest.insert(rest.end(), payload.begin(), payload.end());
    Bytes frame = Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                            {.ttl = ttl, .protocol = protocol, .source = Ip("10.0.1.2"), .destination = Ip(to)}, rest);
    frame[14] = static_cast<uint8_t>(4 << 4 | (5 + options.size() / 4));
    wire::Ipv4{&frame[14]}.FillChecksum();
    world.SendFrame("a", "ea", frame);
    world.Run(Milliseconds(10));
  }
  static Bytes Icmp(uint8_t type, uint8_t code, const Bytes& rest) {
    Bytes message = {type, code, 0, 0};
    message.insert(message.end(), rest.begin(), rest.end());
    wire::Put16(&message[2], wire::Checksum(message.data(), message.size()));
    return message;
  }
  static Bytes Echo() { return Icmp(wire::kIcmpEcho, 0, {0, 9, 0, 1, 'x'}); }
  /// Options of the last IPv4 packet seen there.
  Bytes LastOptions(const char* host, const char* device) {
    const Bytes& frame = world.Frames(host, device).back().bytes;
    return {frame.begin() + 34, frame.begin() + 14 + (frame[14] & 15) * 4};
  }
  /// The parameter problem that a got for such options: how far into the header it points. 0: none.
  int FaultOf(const Bytes& options) {
    int pointer = 0;
    const int socket = world.At("a").OpenRawIcmp([&](const Received& m) {
      if (m.payload[0] == wire::kIcmpParameterProblem) pointer = m.payload[4];
    });
    Send(options, "10.0.2.2", wire::kIpProtoUdp, UdpBytes(1, 2, {}));
    world.At("a").CloseRawIcmp(socket);
    world.Run(Seconds(2));  // for the rate limit
    return pointer;
  }
  RoutedWorld world;
};

const Bytes kRecordRoute3 = {7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

TEST_F(OddPackets, UdpLiteChecksWhatItsLengthFieldCovers) {  // RFC 3828
  Bytes datagram = UdpBytes(1, 2, Counting(20));
  auto sign = [&](uint32_t coverage, uint32_t summed) {
    wire::Put16(&datagram[4], coverage);
    wire::Put16(&datagram[6], 0);
    const uint64_t pseudo = wire::PseudoHeaderSum(Ip("10.0.1.2"), Ip("10.0.2.2"), wire::kIpProtoUdpLite, 28);
    wire::Put16(&datagram[6], wire::ChecksumFold(wire::ChecksumAdd(datagram.data(), summed, pseudo)));
    Send({}, "10.0.2.2", wire::kIpProtoUdpLite, datagram);
  };
  for (uint32_t coverage : {0u, 8u, 28u}) sign(coverage, coverage == 0 ? 28 : coverage);
  EXPECT_EQ(Counter("b", Snmp::UdpLiteNoPorts), 3u);
  EXPECT_EQ(Counter("b", Snmp::IcmpOutDestUnreachs), 3u);
  EXPECT_EQ(world.Ended(Verdict::UdpNoSocket), 3u);
  sign(8, 28);  // covers less than was summed
  sign(7, 28);  // not even its header
  wire::Put16(&datagram[6], 0);
  Send({}, "10.0.2.2", wire::kIpProtoUdpLite, datagram);  // a checksum is a must
  EXPECT_EQ(Counter("b", Snmp::UdpLiteInCsumErrors), 3u);
  sign(29, 28);
  EXPECT_EQ(Counter("b", Snmp::UdpLiteInErrors), 4u);
  EXPECT_EQ(world.Ended(Verdict::UdpTooShort), 1u);
}

TEST_F(OddPackets, RoutersRecordWhereTheySendFromAndHostsWhereTheyAreMet) {
  Send(kRecordRoute3, "10.0.2.2", wire::kIpProtoUdp, UdpBytes(1, 2, {}));
  ASSERT_FALSE(world.Frames("b", "eb").empty());
  // The last frame seen by a is b's port unreachable: it echoes the route so far, and b has added itself twice, as
  // receiver and as sender.
  EXPECT_EQ(LastOptions("a", "ea"), (Bytes{7, 15, 16, 10, 0, 2, 1, 10, 0, 2, 2, 10, 0, 2, 2, 0}));
  EXPECT_EQ(Counter("b", Snmp::UdpNoPorts), 1u);
}

TEST_F(OddPackets, AnEchoReplyRecordsBothWays) {
  Send(kRecordRoute3, "10.0.1.1", wire::kIpProtoIcmp, Echo());
  EXPECT_EQ(LastOptions("a", "ea"), (Bytes{7, 15, 12, 10, 0, 1, 1, 10, 0, 1, 1, 0, 0, 0, 0, 0}));
}

TEST_F(OddPackets, NothingIsRecordedWhereThereIsNoRoom) {
  Send({7, 7, 8, 1, 2, 3, 4, 0}, "10.0.1.1", wire::kIpProtoIcmp, Echo());
  EXPECT_EQ(LastOptions("a", "ea"), (Bytes{7, 7, 8, 1, 2, 3, 4, 0}));
}

TEST_F(OddPackets, TellsWhereOptionsAreAtFault) {
  EXPECT_EQ(FaultOf({1, 1, 1, 0}), 0);
  EXPECT_EQ(FaultOf({0x63, 4, 0, 0}), 0);                // unknown, but well-formed
  EXPECT_EQ(FaultOf({0x63, 0, 0, 0}), 20);               // length 0
  EXPECT_EQ(FaultOf({0x63, 32, 0, 0}), 20);              // beyond the header
  EXPECT_EQ(FaultOf({1, 1, 1, 0x63}), 23);               // no length
  EXPECT_EQ(FaultOf({7, 7, 2, 0, 0, 0, 0, 0}), 22);      // its pointer points before the route
  EXPECT_EQ(FaultOf({7, 3, 4, 7, 3, 4, 0, 0}), 23);      // twice
  EXPECT_EQ(FaultOf({0x86, 8, 0, 0, 0, 1, 0, 0}), 0);    // CIPSO of an unknown domain: the error has it too
  EXPECT_EQ(Counter("a", Snmp::IpInHdrErrors), 1u);      // .. so that nobody takes it
  EXPECT_EQ(FaultOf({68, 8, 9, 0xf0, 0, 0, 0, 1}), 23);  // timestamp overflow is at its end
  EXPECT_EQ(Counter("r", Snmp::IpInHdrErrors), 7u);
}

TEST_F(OddPackets, SourceRoutesAreNotFollowed) {
  Send({0x83, 7, 4, 10, 0, 2, 2, 0}, "10.0.1.1", wire::kIpProtoUdp, UdpBytes(1, 2, {}));
  EXPECT_EQ(world.Ended(Verdict::SourceRouteRefused), 1u);
  EXPECT_EQ(Counter("r", Snmp::IcmpOutMsgs), 0u);
}

TEST_F(OddPackets, LaterFragmentsCarryOnlyCopiedOptions) {
  world.At("r").Ns().SetLinkMtu(3, 576);
  Bytes options = {0x94, 4, 0, 1, 7, 7, 8, 1, 2, 3, 4, 0};  // router alert is copied, record route is not
  Send(options, "10.0.2.2", wire::kIpProtoUdp, UdpBytes(1, 2, Counting(800)));
  std::vector<Bytes> seen;
  for (const auto& frame : world.Frames("b", "eb"))
    if (wire::Get16(&frame.bytes[12]) == wire::kEtherTypeIpv4 && !frame.outgoing)
      seen.emplace_back(frame.bytes.begin() + 34, frame.bytes.begin() + 46);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0], options);
  EXPECT_EQ(seen[1], (Bytes{0x94, 4, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0}));
}

TEST_F(OddPackets, ErrorsAboutNobodysPacketsCount) {
  Bytes quoted = Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                           {.protocol = wire::kIpProtoUdp, .source = Ip("10.0.1.1"), .destination = Ip("10.0.1.2")},
                           UdpBytes(40000, 9, {}));
  quoted.erase(quoted.begin(), quoted.begin() + 14);
  auto error = [&](uint8_t type, uint8_t code, const Bytes& quote) {
    Bytes rest(4);
    rest.insert(rest.end(), quote.begin(), quote.end());
    Send({}, "10.0.1.1", wire::kIpProtoIcmp, Icmp(type, code, rest));
    return Counter("r", Snmp::IcmpInErrors);
  };
  EXPECT_EQ(error(3, 1, quoted), 1u);
  EXPECT_EQ(error(3, 77, quoted), 1u);  // an unknown code is passed over
  EXPECT_EQ(error(11, 1, quoted), 1u);  // so is reassembly time
  EXPECT_EQ(error(11, 0, quoted), 2u);
  EXPECT_EQ(error(3, 1, Bytes(quoted.begin(), quoted.begin() + 10)), 3u);
  EXPECT_EQ(world.Ended(Verdict::IcmpErrorMalformed), 1u);
  // While the socket that sent it is open the error is its business.
  world.At("r").SendUdp({.destination = Ip("10.0.1.2")}, 40000, 9, {});
  EXPECT_EQ(error(3, 1, quoted), 3u);
  world.At("r").CloseUdpSender(40000);
  EXPECT_EQ(error(3, 1, quoted), 4u);
}

TEST_F(OddPackets, RedirectsAreFollowedByHostsFromTheirRouterAlone) {
  // r sends what is for 10.0.9.0/24 back to 10.0.1.9, and says so; a takes that once it knows the address.
  World::AddRoute(world.At("r").Ns(), "10.0.9.0/24", "10.0.1.9", "ra");
  auto& a = world.At("a").Ns();
  a.SetNeighbour(
      {.ip = Ip("10.0.1.9"), .ifindex = 2, .mac = test::Mac("02:00:00:00:00:09"), .state = kernel::NudState::Permanent},
      kernel::Namespace::kCreate);
  auto sentTo = [&] {
    world.At("a").SendIcmpEcho({.destination = Ip("10.0.9.1")}, 1, 1, {});
    world.Run(Milliseconds(10));
    for (auto seen = world.Frames("a", "ea").rbegin(); seen != world.Frames("a", "ea").rend(); ++seen)
      if (seen->outgoing && wire::Get16(&seen->bytes[12]) == wire::kEtherTypeIpv4) return wire::GetMac(&seen->bytes[0]);
    return MacAddress{};
  };
  EXPECT_EQ(sentTo(), test::Mac("02:00:00:00:00:01"));
  EXPECT_EQ(Counter("r", Snmp::IcmpOutRedirects), 1u);
  EXPECT_EQ(sentTo(), test::Mac("02:00:00:00:00:09"));
  a.SetSysctl("net.ipv4.ip_forward", "1");  // a router believes nobody
  EXPECT_EQ(a.GetSysctl("net.ipv4.conf.all.accept_redirects"), "0");
}

TEST_F(OddPackets, IcmpToGroupsIsAnErrorUnlessAllowed) {
  auto toAll = [&](const Bytes& message) {
    Bytes frame =
        Ipv4Frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:0a",
                  {.protocol = wire::kIpProtoIcmp, .source = Ip("10.0.1.2"), .destination = Ip("10.0.1.255")}, message);
    world.SendFrame("a", "ea", frame);
    world.Run(Milliseconds(10));
  };
  toAll(Echo());
  EXPECT_EQ(world.Ended(Verdict::IcmpToGroup), 1u);
  EXPECT_EQ(Counter("r", Snmp::IcmpInErrors), 1u);
  world.At("r").Ns().SetSysctl("net.ipv4.icmp_echo_ignore_broadcasts", "0");
  toAll(Echo());
  EXPECT_EQ(Counter("r", Snmp::IcmpOutEchoReps), 1u);
}

TEST_F(OddPackets, TimestampsAreAnsweredWithTheTimeOfTheRun) {
  world.Run(Seconds(2));
  Send({}, "10.0.1.1", wire::kIpProtoIcmp, Icmp(13, 0, {0, 1, 0, 1, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Bytes& answer = world.Frames("a", "ea").back().bytes;
  ASSERT_EQ(answer.size(), 34u + 20u);
  EXPECT_EQ(answer[34], wire::kIcmpTimestampReply);
  EXPECT_EQ(wire::Get32(&answer[42]), 0x01020304u);  // as it came
  EXPECT_EQ(wire::Get32(&answer[46]), 2000u);
}

TEST_F(OddPackets, AnEchoOfNothingButZerosIsAnsweredWithAWrongChecksum) {  // the kernel's sum of it is -0
  Send({}, "10.0.1.1", wire::kIpProtoIcmp, Icmp(8, 0, {0, 0, 0, 0}));
  EXPECT_EQ(Counter("a", Snmp::IcmpInCsumErrors), 1u);
}

TEST_F(OddPackets, GroupsThatNobodyHasJoinedAreNotReceived) {
  for (const char* group : {"224.0.0.1", "224.1.1.1"}) {
    world.SendFrame("a", "ea",
                    Ipv4Frame("01:00:5e:00:00:01", "02:00:00:00:00:0a",
                              {.protocol = wire::kIpProtoUdp, .source = Ip("10.0.1.2"), .destination = Ip(group)},
                              UdpBytes(1, 2, {})));
    world.Run(Milliseconds(1));
  }
  EXPECT_EQ(world.Ended(Verdict::UdpGroupIgnored), 1u);
  EXPECT_EQ(world.Ended(Verdict::GroupNotJoined), 1u);
}

TEST_F(OddPackets, PriorityTagsAreTakenOffAsManyAsThereAre) {
  const Bytes plain =
      Ipv4Frame("02:00:00:00:00:01", "02:00:00:00:00:0a",
                {.protocol = wire::kIpProtoIcmp, .source = Ip("10.0.1.2"), .destination = Ip("10.0.1.1")}, Echo());
  auto tagged = [&](const Bytes& tags) {
    Bytes frame = plain;
    frame.insert(frame.begin() + 12, tags.begin(), tags.end());
    world.SendFrame("a", "ea", frame);
    world.Run(Milliseconds(1));
    return Counter("r", Snmp::IcmpOutEchoReps);
  };
  EXPECT_EQ(tagged({0x81, 0, 0, 0}), 1u);
  EXPECT_EQ(tagged({0x88, 0xa8, 0, 0}), 2u);
  EXPECT_EQ(tagged({0x81, 0, 0, 0, 0x81, 0, 0, 0}), 3u);
  EXPECT_EQ(tagged({0x81, 0, 0, 7}), 3u);
}

TEST(OddFrames, BridgeNetfilterLooksAtHeadersAndCutsPaddingOff) {
  FlannelWorld world;
  world.Begin();
  auto send = [&](Bytes frame) {
    world.SendFrame("p11", "eth0", frame);
    world.Run(Milliseconds(10));
  };
  Bytes frame = Ipv4Frame("02:00:00:00:03:01", "02:00:00:00:05:11",
                          {.protocol = wire::kIpProtoIcmp, .source = Ip("10.244.1.2"), .destination = Ip("10.244.1.1")},
                          {8, 0, 0xf7, 0xff, 0, 0, 0, 0});
  Bytes padded = frame;
  padded.resize(frame.size() + 10);
  send(padded);
  EXPECT_EQ(world.Frames("n1", "cni0").front().bytes.size(), frame.size());
  frame[24] ^= 0x55;  // the header checksum
  send(frame);
  EXPECT_EQ(world.Ended(Verdict::BridgeIpHeader), 1u);
  EXPECT_EQ(world.At("n1").Ns().snmp.Get(Snmp::IpInHdrErrors), 1u);
  world.At("n1").Ns().SetSysctl("net.bridge.bridge-nf-call-iptables", "0");
  send(frame);
  EXPECT_EQ(world.Ended(Verdict::IpChecksum), 1u);
}

TEST(OddFrames, BridgeNetfilterLooksAtIpv6HeadersToo) {
  FlannelWorld world;
  world.Begin();
  auto send = [&](uint32_t payloadBytes, Bytes options) {
    Bytes frame(54);
    wire::Ethernet{frame.data()}.Write(test::Mac("02:00:00:00:05:12"), test::Mac("02:00:00:00:05:11"),
                                       wire::kEtherTypeIpv6);
    wire::WriteIpv6(frame.data() + 14, {.payloadBytes = static_cast<uint16_t>(payloadBytes),
                                        .nextHeader = wire::kIpProtoHopByHop,
                                        .hopLimit = 64,
                                        .source = *Ipv6Address::Parse("fd00::1"),
                                        .destination = *Ipv6Address::Parse("fd00::2")});
    frame.insert(frame.end(), options.begin(), options.end());
    frame.resize(frame.size() + 8);  // padding
    world.SendFrame("p11", "eth0", frame);
    world.Run(Milliseconds(10));
    const auto& seen = world.Frames("p12", "eth0");
    return seen.empty() || seen.back().bytes[12] != 0x86 ? 0 : seen.back().bytes.size();
  };
  EXPECT_EQ(send(8, {59, 0, 1, 4, 0, 0, 0, 0}), 62u);  // PadN fills the header
  EXPECT_EQ(world.Ended(Verdict::BridgeIpHeader), 0u);
  send(8, {59, 0, 1, 9, 0, 0, 0, 0});  // an option longer than its header
  EXPECT_EQ(world.Ended(Verdict::BridgeIpHeader), 1u);
  send(100, {59, 0, 1, 4, 0, 0, 0, 0});  // cut short
  EXPECT_EQ(world.Ended(Verdict::BridgeIpHeader), 2u);
  EXPECT_EQ(world.At("n1").Ns().snmp.Get(Snmp::Ip6InTruncatedPkts), 1u);
  world.At("n1").Ns().SetSysctl("net.bridge.bridge-nf-call-ip6tables", "0");
  EXPECT_EQ(send(100, {59, 0, 1, 4, 0, 0, 0, 0}), 70u);
}

TEST(OddFrames, AnOffloadedChecksumIsFinishedByTheFirstDeviceThatDoesNotOffload) {
  FlannelWorld world;
  world.Begin();
  auto offload = [&](const char* host, const char* device) { world.At(host).Ns().FindLink(device)->txChecksum = true; };
  offload("p11", "eth0");
  offload("n1", "flannel.1");
  bool delivered = false;
  world.At("p21").BindUdp({}, 9000, [&](const UdpDatagram&) { delivered = true; });
  world.At("p11").SendUdp({.destination = Ip("10.244.2.2")}, 40000, 9000, Counting(100));
  world.Run(Seconds(1));
  auto checksumOk = [&](const char* host, const char* device, size_t innerAt) {
    for (const auto& seen : world.Frames(host, device)) {
      if (seen.bytes.size() != innerAt + 20 + 108) continue;
      const wire::Ipv4 ip{const_cast<uint8_t*>(&seen.bytes[innerAt])};
      const uint64_t pseudo = wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoUdp, 108);
      return wire::ChecksumFold(wire::ChecksumAdd(ip.Payload(), 108, pseudo)) == 0;
    }
    ADD_FAILURE() << "no datagram at " << host << "." << device;
    return false;
  };
  EXPECT_FALSE(checksumOk("p11", "eth0", 14));
  EXPECT_FALSE(checksumOk("n1", "flannel.1", 14));
  EXPECT_TRUE(checksumOk("n1", "eth0", 64));  // the underlay device finishes the inner one
  EXPECT_TRUE(checksumOk("n2", "flannel.1", 14));
  EXPECT_TRUE(delivered);
  EXPECT_EQ(world.At("n2").Ns().snmp.Get(Snmp::UdpInCsumErrors), 0u);  // the outer one was right all the same
}

}  // namespace
}  // namespace overlaysim::host
