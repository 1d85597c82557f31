#include "models/netdev/vxlan_net_device.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <ns3/boolean.h>
#include <ns3/bridge-helper.h>
#include <ns3/config.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4-l3-protocol.h>
#include <ns3/ipv4-routing-table-entry.h>
#include <ns3/ipv4-static-routing-helper.h>
#include <ns3/packet.h>
#include <ns3/simple-channel.h>
#include <ns3/simple-net-device.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/uinteger.h>

#include <cerrno>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "models/netdev/addresses.h"
#include "models/netdev/vxlan_receiver.h"
#include "models/wire/checksum.h"
#include "models/wire/headers.h"

namespace overlaysim {
namespace {

using Octets = std::vector<uint8_t>;

Octets BytesOf(ns3::Ptr<const ns3::Packet> packet) {
  Octets bytes(packet->GetSize());
  packet->CopyData(bytes.data(), packet->GetSize());
  return bytes;
}

std::string Hex(const Octets& bytes) {
  std::string text;
  for (uint8_t b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

Octets FromHex(std::string_view text) {
  Octets bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  return bytes;
}

/// A frame of the kernel's capture of case 01 "basic" at n1.eth0, from the outer IPv4 header on; the inner packet is an
/// echo request of 84 bytes. What the kernel draws at random (IPv4 ids, source port) is masked by "..", with the
/// checksums over it.
constexpr std::string_view kKernelOuter =
    "45000086....00004011....ac10010bac10020c"  // 172.16.1.11 > 172.16.2.12, 134 bytes, TTL 64, no DF
    "....21180072...."                          // port 8472, 114 bytes
    "0800000000000100";                         // VNI 1
constexpr std::string_view kInnerEthernet =
    "020000000402020000000401"
    "0800";
constexpr std::string_view kInnerHeaders =
    "45000054000000003f0162be0af401020af40202"  // 10.244.1.2 > 10.244.2.2, TTL 63; id 0
    "0800ffea01010001";                         // echo request 1 of id 257
constexpr const char* kLocalMac = "02:00:00:00:04:01";
constexpr const char* kRemoteMac = "02:00:00:00:04:02";
const ns3::Ipv4Address kLocal("172.16.1.11"), kRemote("172.16.2.12"), kOtherRemote("172.16.3.13");

Octets InnerPacket() {
  Octets packet = FromHex(kInnerHeaders);
  for (uint8_t i = 0; i < 56; ++i) packet.push_back(i);  // "+count(56)"
  return packet;
}

/// Whether the bytes start with a pattern of hex digits, where a dot stands for any digit.
testing::AssertionResult StartsWith(const Octets& bytes, std::string_view pattern) {
  const std::string text = Hex(bytes);
  for (size_t i = 0; i < pattern.size(); ++i)
    if (i >= text.size() || (pattern[i] != '.' && pattern[i] != text[i]))
      return testing::AssertionFailure() << text << " is not like " << pattern << " at digit " << i;
  return testing::AssertionSuccess();
}

struct Dropped {
  Octets bytes;
  Verdict verdict;
};

/// A host 172.16.1.11 with a VXLAN device, on a cable whose other end is the test.
class VxlanNetDeviceTest : public testing::Test {
 protected:
  VxlanNetDeviceTest() {
    ns3::Config::SetGlobal("ChecksumEnabled", ns3::BooleanValue(true));
    ns3::InternetStackHelper().Install(m_host);
    for (const auto& device : {m_eth0, m_test}) {
      device->SetAttribute("PointToPointMode", ns3::BooleanValue(true));  // without ARP
      device->SetAddress(ns3::Mac48Address::Allocate());
      device->SetChannel(m_cable);
      device->SetMtu(1500);
    }
    m_host->AddDevice(m_eth0);
    m_testNode->AddDevice(m_test);
    m_test->SetReceiveCallback([this](auto, ns3::Ptr<const ns3::Packet> packet, uint16_t, const ns3::Address&) {
      m_outer.push_back(BytesOf(packet));
      return true;
    });
    const auto ip = m_host->GetObject<ns3::Ipv4>();
    m_interface = ip->AddInterface(m_eth0);
    ip->AddAddress(m_interface, ns3::Ipv4InterfaceAddress(kLocal, ns3::Ipv4Mask("255.255.255.0")));
    ip->SetUp(m_interface);
    ns3::Ipv4StaticRoutingHelper().GetStaticRouting(ip)->SetDefaultRoute("172.16.1.1", m_interface);
  }
  ~VxlanNetDeviceTest() override { ns3::Simulator::Destroy(); }

  ns3::Ptr<VxlanNetDevice> AddVxlan(uint32_t vni = 1) {
    const auto device = ns3::CreateObjectWithAttributes<VxlanNetDevice>("Vni", ns3::UintegerValue(vni), "Local",
                                                                        ns3::Ipv4AddressValue(kLocal));
    device->SetAddress(ns3::Mac48Address(kLocalMac));
    m_host->AddDevice(device);
    device->TraceConnectWithoutContext("Drop", ns3::Callback<void, ns3::Ptr<const ns3::Packet>, Verdict>(
                                                   [this](ns3::Ptr<const ns3::Packet> packet, Verdict verdict) {
                                                     m_drops.push_back({BytesOf(packet), verdict});
                                                   }));
    device->SetPromiscReceiveCallback(
        [this](auto, ns3::Ptr<const ns3::Packet> packet, uint16_t, const ns3::Address&, const ns3::Address&, auto) {
          m_inner.push_back(BytesOf(packet));
          return true;
        });
    Advance();
    return device;
  }

  /// What is scheduled by now and soon; ageing stays ahead.
  void Advance(ns3::Time span = ns3::MilliSeconds(1)) {
    ns3::Simulator::Stop(span);
    ns3::Simulator::Run();
  }

  bool Send(ns3::Ptr<VxlanNetDevice> device, const Octets& packet, const char* destination = kRemoteMac,
            uint16_t type = wire::kEtherTypeIpv4) {
    const bool isSent = device->Send(ns3::Create<ns3::Packet>(packet.data(), static_cast<uint32_t>(packet.size())),
                                     ns3::Mac48Address(destination), type);
    Advance();
    return isSent;
  }

  /// Sends an outer packet with these bytes behind the UDP header to the host.
  void Receive(const Octets& payload, uint8_t tos = 0, ns3::Ipv4Address from = kRemote) {
    Octets packet(wire::kIpv4HeaderBytes + wire::kUdpHeaderBytes);
    packet.insert(packet.end(), payload.begin(), payload.end());
    const auto size = static_cast<uint16_t>(packet.size());
    wire::WriteIpv4(packet.data(), {.tos = tos,
                                    .totalBytes = size,
                                    .protocol = wire::kIpProtoUdp,
                                    .source = FromNs3(from),
                                    .destination = FromNs3(kLocal)});
    uint8_t* udp = packet.data() + wire::kIpv4HeaderBytes;
    const uint32_t udpBytes = size - wire::kIpv4HeaderBytes;
    wire::Put16(udp, 40000);
    wire::Put16(udp + 2, 8472);
    wire::Put16(udp + 4, udpBytes);
    wire::Put16(udp + 6, 0);
    const uint64_t pseudo = wire::PseudoHeaderSum(FromNs3(from), FromNs3(kLocal), wire::kIpProtoUdp, udpBytes);
    wire::Put16(udp + 6, wire::ChecksumFold(wire::ChecksumAdd(udp, udpBytes, pseudo)));
    m_test->Send(ns3::Create<ns3::Packet>(packet.data(), size), m_eth0->GetAddress(), wire::kEtherTypeIpv4);
    Advance();
  }

  /// A VXLAN header, an Ethernet header from kRemoteMac to kLocalMac, and the inner packet.
  static Octets Tunnelled(std::string_view vxlan, const Octets& packet,
                          std::string_view ethernet = "0200000004010200000004020800") {
    Octets bytes = FromHex(vxlan);
    const Octets frame = FromHex(ethernet);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    return bytes;
  }

  std::optional<Verdict> LastVerdict() const {
    return m_drops.empty() ? std::nullopt : std::optional(m_drops.back().verdict);
  }

  ns3::Ptr<ns3::Node> m_host = ns3::CreateObject<ns3::Node>(), m_testNode = ns3::CreateObject<ns3::Node>();
  ns3::Ptr<ns3::SimpleChannel> m_cable = ns3::CreateObject<ns3::SimpleChannel>();
  ns3::Ptr<ns3::SimpleNetDevice> m_eth0 = ns3::CreateObject<ns3::SimpleNetDevice>(),
                                 m_test = ns3::CreateObject<ns3::SimpleNetDevice>();
  uint32_t m_interface = 0;
  std::vector<Octets> m_outer;  ///< IPv4 packets that left the host
  std::vector<Octets> m_inner;  ///< packets that the device handed up, without Ethernet header
  std::vector<Dropped> m_drops;
};

constexpr std::string_view kVni1 = "0800000000000100";

TEST_F(VxlanNetDeviceTest, EncapsulatesAsTheKernelDoes) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  ASSERT_TRUE(Send(device, InnerPacket()));
  ASSERT_EQ(m_outer.size(), 1u);
  EXPECT_TRUE(StartsWith(m_outer[0], std::string(kKernelOuter) + std::string(kInnerEthernet) + Hex(InnerPacket())));
  EXPECT_EQ(m_outer[0].size(), 134u);
}

TEST_F(VxlanNetDeviceTest, OuterChecksumsAreRightEvenWhenStockOnesAreOff) {
  ns3::Config::SetGlobal("ChecksumEnabled", ns3::BooleanValue(false));
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  for (uint8_t last : {0, 1}) {  // an even and an odd number of bytes
    Octets packet = InnerPacket();
    packet.resize(packet.size() + last, 0x5a);
    Send(device, packet);
    const Octets& outer = m_outer.back();
    const uint32_t udpBytes = static_cast<uint32_t>(outer.size()) - wire::kIpv4HeaderBytes;
    const uint64_t pseudo = wire::PseudoHeaderSum(FromNs3(kLocal), FromNs3(kRemote), wire::kIpProtoUdp, udpBytes);
    EXPECT_NE(wire::Get16(outer.data() + 26), 0);
    EXPECT_EQ(wire::ChecksumFold(wire::ChecksumAdd(outer.data() + wire::kIpv4HeaderBytes, udpBytes, pseudo)), 0);
  }
}

TEST_F(VxlanNetDeviceTest, UdpChecksumOffLeavesZero) {
  const auto device = AddVxlan();
  device->SetAttribute("UdpChecksum", ns3::BooleanValue(false));
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  Send(device, InnerPacket());
  ASSERT_EQ(m_outer.size(), 1u);
  EXPECT_EQ(wire::Get16(m_outer[0].data() + 26), 0);
}

TEST_F(VxlanNetDeviceTest, FlowsKeepTheirSourcePortWithinTheRange) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  device->SetAttribute("SourcePortMin", ns3::UintegerValue(50000));
  device->SetAttribute("SourcePortMax", ns3::UintegerValue(50010));
  std::set<uint16_t> ports;
  for (uint8_t host = 1; host <= 50; ++host) {
    Octets packet = InnerPacket();
    packet[15] = host;  // 10.244.1.HOST
    Send(device, packet);
    Send(device, packet);
    const size_t n = m_outer.size();
    const uint16_t port = wire::Get16(m_outer[n - 1].data() + 20);
    EXPECT_EQ(port, wire::Get16(m_outer[n - 2].data() + 20));
    ports.insert(port);
  }
  EXPECT_GE(*ports.begin(), 50000);
  EXPECT_LT(*ports.rbegin(), 50010);  // half-open, as udp_flow_src_port() has it
  EXPECT_GT(ports.size(), 5u);        // 50 flows on 10 ports
}

TEST_F(VxlanNetDeviceTest, PortAndVniOfAnEntryGoBeforeTheDevices) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote, 4789, 77);
  Send(device, InnerPacket());
  ASSERT_EQ(m_outer.size(), 1u);
  EXPECT_EQ(wire::Get16(m_outer[0].data() + 22), 4789);
  EXPECT_EQ(wire::Vxlan{m_outer[0].data() + 28}.Vni(), 77u);
}

TEST_F(VxlanNetDeviceTest, UnknownDestinationWithoutAnAllZeroEntryIsDropped) {
  const auto device = AddVxlan();
  EXPECT_FALSE(Send(device, InnerPacket()));
  EXPECT_EQ(LastVerdict(), Verdict::VxlanNoFdb);
  EXPECT_EQ(m_drops.back().bytes.size(), 98u);  // the frame: 14 + 84
  EXPECT_EQ(device->Stats().txDropped, 1u);
  EXPECT_TRUE(m_outer.empty());
}

TEST_F(VxlanNetDeviceTest, AllZeroEntryGivesEachRemoteACopy) {
  const auto device = AddVxlan();
  const ns3::Mac48Address all("00:00:00:00:00:00");
  EXPECT_EQ(device->AppendFdb(all, kRemote), 0);
  EXPECT_EQ(device->AppendFdb(all, kOtherRemote), 0);
  Send(device, InnerPacket(), "ff:ff:ff:ff:ff:ff");
  ASSERT_EQ(m_outer.size(), 2u);
  EXPECT_EQ(wire::Ipv4{m_outer[0].data()}.Destination(), FromNs3(kRemote));
  EXPECT_EQ(wire::Ipv4{m_outer[1].data()}.Destination(), FromNs3(kOtherRemote));
  EXPECT_EQ(Octets(m_outer[0].begin() + 28, m_outer[0].end()), Octets(m_outer[1].begin() + 28, m_outer[1].end()));
  EXPECT_EQ(device->Stats().txPackets, 2u);  // each copy counts
  EXPECT_EQ(device->Stats().txBytes, 168u);  // 2 * 84, without Ethernet headers
}

TEST_F(VxlanNetDeviceTest, RemoteIsTheFirstAllZeroEntry) {
  const auto device = ns3::CreateObjectWithAttributes<VxlanNetDevice>("Remote", ns3::Ipv4AddressValue(kRemote));
  ASSERT_EQ(device->Fdb().size(), 1u);
  EXPECT_TRUE(device->Fdb()[0].mac.IsZero());
  EXPECT_TRUE(device->Fdb()[0].isPermanent);
  EXPECT_EQ(device->Fdb()[0].remotes, std::vector<kernel::VxlanRemote>{{.ip = FromNs3(kRemote)}});
}

TEST_F(VxlanNetDeviceTest, AddFdbAnswersAsTheKernelDoes) {
  const auto device = AddVxlan();
  device->SetAttribute("MaxAddress", ns3::UintegerValue(1));
  EXPECT_EQ(device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote), 0);
  EXPECT_EQ(device->AddFdb(ns3::Mac48Address(kRemoteMac), kOtherRemote), EEXIST);
  EXPECT_EQ(device->AddFdb(ns3::Mac48Address("02:00:00:00:04:03"), kOtherRemote), ENOSPC);
  EXPECT_EQ(device->DeleteFdb(ns3::Mac48Address(kRemoteMac)), 0);
  EXPECT_EQ(device->DeleteFdb(ns3::Mac48Address(kRemoteMac)), ENOENT);
}

TEST_F(VxlanNetDeviceTest, NoRouteToTheRemoteIsACarrierError) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  const auto routing = ns3::Ipv4StaticRoutingHelper().GetStaticRouting(m_host->GetObject<ns3::Ipv4>());
  for (uint32_t i = routing->GetNRoutes(); i-- > 0;)
    if (routing->GetRoute(i).IsDefault()) routing->RemoveRoute(i);
  EXPECT_FALSE(Send(device, InnerPacket()));
  EXPECT_EQ(LastVerdict(), Verdict::VxlanNoRoute);
  EXPECT_EQ(device->Stats().txCarrierErrors, 1u);
  EXPECT_EQ(device->Stats().txErrors, 1u);
}

TEST_F(VxlanNetDeviceTest, RemoteBehindTheDeviceItselfIsALoop) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), ns3::Ipv4Address("10.244.0.2"));
  const auto ip = m_host->GetObject<ns3::Ipv4>();
  const uint32_t interface = ip->AddInterface(device);
  ip->AddAddress(interface, ns3::Ipv4InterfaceAddress("10.244.0.1", "255.255.255.0"));
  ip->SetUp(interface);
  EXPECT_FALSE(Send(device, InnerPacket()));
  EXPECT_EQ(LastVerdict(), Verdict::VxlanLoop);
  EXPECT_EQ(device->Stats().collisions, 1u);
}

// --- outer TTL, TOS, DF

struct OuterCase {
  const char* name;
  const char* attribute;
  const char* value;
  uint8_t innerTos, innerTtl;
  bool innerDf;
  uint8_t tos, ttl;
  bool df;
};

void PrintTo(const OuterCase& c, std::ostream* os) { *os << c.name; }

class VxlanOuterHeader : public VxlanNetDeviceTest, public testing::WithParamInterface<OuterCase> {};

TEST_P(VxlanOuterHeader, Follows) {
  const OuterCase& c = GetParam();
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  device->SetAttribute(c.attribute, ns3::StringValue(c.value));
  Octets packet = InnerPacket();
  packet[1] = c.innerTos;
  packet[6] = c.innerDf ? 0x40 : 0;
  packet[8] = c.innerTtl;
  Send(device, packet);
  ASSERT_EQ(m_outer.size(), 1u);
  const wire::Ipv4 outer{m_outer[0].data()};
  EXPECT_EQ(outer.Tos(), c.tos);
  EXPECT_EQ(outer.Ttl(), c.ttl);
  EXPECT_EQ(outer.DontFragment(), c.df);
}

INSTANTIATE_TEST_SUITE_P(Attribute, VxlanOuterHeader,
                         testing::Values(OuterCase{"TtlAuto", "Ttl", "0", 0, 9, false, 0, 64, false},
                                         OuterCase{"TtlGiven", "Ttl", "7", 0, 9, false, 0, 7, false},
                                         OuterCase{"TtlInherit", "TtlInherit", "true", 0, 9, false, 0, 9, false},
                                         OuterCase{"TosGiven", "Tos", "184", 0, 9, false, 184, 64, false},
                                         OuterCase{"TosGivenKeepsInnerEcn", "Tos", "184", 0x02, 9, false, 186, 64,
                                                   false},
                                         OuterCase{"TosInherit", "Tos", "1", 0x28, 9, false, 0x28, 64, false},
                                         OuterCase{"InnerCeBecomesEct0", "Tos", "0", 0x03, 9, false, 0x02, 64, false},
                                         OuterCase{"DfUnset", "Df", "unset", 0, 9, true, 0, 64, false},
                                         OuterCase{"DfSet", "Df", "set", 0, 9, false, 0, 64, true},
                                         OuterCase{"DfInheritSet", "Df", "inherit", 0, 9, true, 0, 64, true},
                                         OuterCase{"DfInheritUnset", "Df", "inherit", 0, 9, false, 0, 64, false}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_F(VxlanNetDeviceTest, ArpWithInheritedTtlTakesTheStacks) {
  const auto device = AddVxlan();
  device->SetAttribute("TtlInherit", ns3::BooleanValue(true));
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  Send(device, Octets(wire::kArpBytes), kRemoteMac, wire::kEtherTypeArp);
  ASSERT_EQ(m_outer.size(), 1u);
  EXPECT_EQ(wire::Ipv4{m_outer[0].data()}.Ttl(), 64);
}

TEST_F(VxlanNetDeviceTest, WithoutDfTheOuterPacketIsFragmented) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  Octets packet = InnerPacket();
  packet.resize(1451);  // 1451 + 50 - 14 is one byte more than the MTU of 1500 carries above Ethernet
  EXPECT_TRUE(Send(device, packet));
  ASSERT_EQ(m_outer.size(), 2u);
  EXPECT_TRUE(wire::Ipv4{m_outer[0].data()}.MoreFragments());
  EXPECT_GT(wire::Ipv4{m_outer[1].data()}.OffsetBytes(), 0u);
}

TEST_F(VxlanNetDeviceTest, WithDfAnOuterPacketAboveTheMtuIsDropped) {
  const auto device = AddVxlan();
  device->SetAttribute("Df", ns3::StringValue("set"));
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  Octets packet = InnerPacket();
  packet.resize(1450);
  EXPECT_TRUE(Send(device, packet));  // 14 + 8 + 8 + 20 + 1450 = 1500
  packet.resize(1451);
  EXPECT_FALSE(Send(device, packet));
  EXPECT_EQ(LastVerdict(), Verdict::FragNeeded);
  EXPECT_EQ(device->Stats().txDropped, 1u);
  EXPECT_EQ(m_outer.size(), 1u);
}

TEST_F(VxlanNetDeviceTest, MtuIsTheLowerDevicesLessTheOverhead) {
  const auto device = AddVxlan();
  EXPECT_EQ(device->GetMtu(), 1450);  // 1500 - 50
  m_eth0->SetMtu(9000);
  EXPECT_EQ(device->GetMtu(), 8950);
  device->SetMtu(1400);
  EXPECT_EQ(device->GetMtu(), 1400);
}

// --- reception

TEST_F(VxlanNetDeviceTest, DecapsulatesForItsVni) {
  const auto device = AddVxlan();
  Receive(Tunnelled(kVni1, InnerPacket()));
  ASSERT_EQ(m_inner.size(), 1u);
  EXPECT_EQ(m_inner[0], InnerPacket());
  EXPECT_EQ(device->Stats().rxPackets, 1u);
  EXPECT_EQ(device->Stats().rxBytes, 84u);
}

TEST_F(VxlanNetDeviceTest, DevicesOfOnePortAreToldApartByVni) {
  const auto one = AddVxlan(1), two = AddVxlan(2);
  Receive(Tunnelled("0800000000000200", InnerPacket()));
  EXPECT_EQ(one->Stats().rxPackets, 0u);
  EXPECT_EQ(two->Stats().rxPackets, 1u);
}

TEST_F(VxlanNetDeviceTest, WhatNoDeviceTakesIsDroppedByTheReceiver) {
  AddVxlan();
  std::vector<Verdict> verdicts;
  VxlanReceiver::Of(m_host)->TraceConnectWithoutContext(
      "Drop", ns3::Callback<void, ns3::Ptr<const ns3::Packet>, Verdict>(
                  [&](ns3::Ptr<const ns3::Packet>, Verdict verdict) { verdicts.push_back(verdict); }));
  Receive(Tunnelled("0800000000000900", InnerPacket()));  // VNI 9
  Receive(Tunnelled("0000000000000100", InnerPacket()));  // without the I flag
  Receive(FromHex("08000000000001"));                     // 7 bytes
  EXPECT_EQ(verdicts, (std::vector{Verdict::VxlanUnknownVni, Verdict::VxlanNoVniFlag, Verdict::VxlanTooShort}));
  EXPECT_TRUE(m_inner.empty());
}

struct ReceiveCase {
  const char* name;
  const char* vxlan;
  const char* ethernet;
  const char* packet;
  uint8_t tos;
  Verdict verdict;
  uint64_t rxErrors;
};

void PrintTo(const ReceiveCase& c, std::ostream* os) { *os << c.name; }

class VxlanReceive : public VxlanNetDeviceTest, public testing::WithParamInterface<ReceiveCase> {};

TEST_P(VxlanReceive, Drops) {
  const ReceiveCase& c = GetParam();
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address("02:00:00:00:04:03"), kOtherRemote);
  Receive(Tunnelled(c.vxlan, FromHex(c.packet), c.ethernet), c.tos);
  ASSERT_TRUE(LastVerdict());
  EXPECT_STREQ(VerdictName(*LastVerdict()), VerdictName(c.verdict));
  EXPECT_EQ(device->Stats().rxErrors, c.rxErrors);
  EXPECT_EQ(device->Stats().rxPackets, 0u);
  EXPECT_TRUE(m_inner.empty());
}

constexpr const char* kEthernet = "0200000004010200000004020800";
constexpr const char* kPlain = "45000014000000003f0162fe0af401020af40202";
INSTANTIATE_TEST_SUITE_P(
    Frame, VxlanReceive,
    testing::Values(
        ReceiveCase{"ReservedFlag", "0c00000000000100", kEthernet, kPlain, 0, Verdict::VxlanReservedBits, 1},
        ReceiveCase{"ReservedByte", "0800000000000101", kEthernet, kPlain, 0, Verdict::VxlanReservedBits, 1},
        ReceiveCase{"NoEthernetHeader", "0800000000000100", "02000000040102000000040208", "", 0,
                    Verdict::VxlanFrameTooShort, 0},
        ReceiveCase{"OwnSource", "0800000000000100", "0200000004030200000004010800", kPlain, 0, Verdict::VxlanLocalMac,
                    0},
        ReceiveCase{"GroupSource", "0800000000000100", "0200000004010300000004020800", kPlain, 0,
                    Verdict::VxlanBadSource, 0},
        ReceiveCase{"ZeroSource", "0800000000000100", "0200000004010000000000000800", kPlain, 0,
                    Verdict::VxlanBadSource, 0},
        ReceiveCase{"StaticElsewhere", "0800000000000100", "0200000004010200000004030800", kPlain, 0,
                    Verdict::VxlanEntryExists, 0},
        ReceiveCase{"InnerCut", "0800000000000100", kEthernet, "45000014", 0, Verdict::VxlanInnerTooShort, 1},
        ReceiveCase{"CeOnNotEct", "0800000000000100", kEthernet, kPlain, 3, Verdict::EcnMalformed, 1}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(VxlanNetDeviceTest, OuterCeMarksAnEcnCapableInnerPacket) {
  AddVxlan();
  Octets packet = InnerPacket();
  packet[1] = 0x02;
  wire::Ipv4{packet.data()}.FillChecksum();
  Receive(Tunnelled(kVni1, packet), 0x03);
  ASSERT_EQ(m_inner.size(), 1u);
  EXPECT_EQ(m_inner[0][1], 0x03);
  EXPECT_EQ(wire::Checksum(m_inner[0].data(), wire::kIpv4HeaderBytes), 0);
  EXPECT_EQ(Octets(m_inner[0].begin() + 20, m_inner[0].end()), Octets(packet.begin() + 20, packet.end()));
}

TEST_F(VxlanNetDeviceTest, OuterCeMarksAnInnerIpv6Packet) {
  AddVxlan();
  Octets packet(40);
  packet[0] = 0x60;
  packet[1] = 0x25;  // traffic class 2 (ECT(0)), then the flow label's first digit
  Receive(Tunnelled(kVni1, packet, "02000000040102000000040286dd"), 0x03);
  ASSERT_EQ(m_inner.size(), 1u);
  EXPECT_EQ(m_inner[0][0], 0x60);
  EXPECT_EQ(m_inner[0][1], 0x35);
}

// --- learning

TEST_F(VxlanNetDeviceTest, LearnsWhereASourceIsAndFollowsIt) {
  const auto device = AddVxlan();
  Receive(Tunnelled(kVni1, InnerPacket()));
  ASSERT_EQ(device->Fdb().size(), 1u);
  EXPECT_EQ(device->Fdb()[0].mac, FromNs3(ns3::Mac48Address(kRemoteMac)));
  EXPECT_EQ(device->Fdb()[0].remotes.front().ip, FromNs3(kRemote));
  Receive(Tunnelled(kVni1, InnerPacket()), 0, kOtherRemote);
  ASSERT_EQ(device->Fdb().size(), 1u);
  EXPECT_EQ(device->Fdb()[0].remotes.front().ip, FromNs3(kOtherRemote));
  Send(device, InnerPacket());
  ASSERT_EQ(m_outer.size(), 1u);
  EXPECT_EQ(wire::Ipv4{m_outer[0].data()}.Destination(), FromNs3(kOtherRemote));
}

TEST_F(VxlanNetDeviceTest, LearnedEntriesAgeFromTheirLastUse) {
  const auto device = AddVxlan();
  device->SetAttribute("Ageing", ns3::TimeValue(ns3::Seconds(10)));
  device->AddFdb(ns3::Mac48Address("02:00:00:00:04:03"), kOtherRemote);
  Receive(Tunnelled(kVni1, InnerPacket()));
  Advance(ns3::Seconds(8));
  Receive(Tunnelled(kVni1, InnerPacket()));  // refreshed
  Advance(ns3::Seconds(8));
  EXPECT_EQ(device->Fdb().size(), 2u);
  Advance(ns3::Seconds(2));
  ASSERT_EQ(device->Fdb().size(), 1u);
  EXPECT_TRUE(device->Fdb()[0].isPermanent);
}

TEST_F(VxlanNetDeviceTest, AFullTableLearnsNothingButTheFramePasses) {
  const auto device = AddVxlan();
  device->SetAttribute("MaxAddress", ns3::UintegerValue(1));
  device->AddFdb(ns3::Mac48Address("02:00:00:00:04:03"), kOtherRemote);
  Receive(Tunnelled(kVni1, InnerPacket()));
  EXPECT_EQ(device->Fdb().size(), 1u);
  EXPECT_EQ(m_inner.size(), 1u);
}

TEST_F(VxlanNetDeviceTest, LearnsNothingWithLearningOff) {
  const auto device = AddVxlan();
  device->SetAttribute("Learning", ns3::BooleanValue(false));
  Receive(Tunnelled(kVni1, InnerPacket()));
  EXPECT_TRUE(device->Fdb().empty());
  EXPECT_EQ(m_inner.size(), 1u);
}

// --- as an ns-3 device

TEST_F(VxlanNetDeviceTest, TracesShowTheFrameAndItsOuterDatagram) {
  const auto device = AddVxlan();
  device->AddFdb(ns3::Mac48Address(kRemoteMac), kRemote);
  Octets sniffed, datagram;
  ns3::Ipv4Address to;
  device->TraceConnectWithoutContext("PromiscSniffer",
                                     ns3::Callback<void, ns3::Ptr<const ns3::Packet>>(
                                         [&](ns3::Ptr<const ns3::Packet> packet) { sniffed = BytesOf(packet); }));
  device->TraceConnectWithoutContext(
      "Encapsulated", ns3::Callback<void, ns3::Ptr<const ns3::Packet>, ns3::Ipv4Address, ns3::Ipv4Address>(
                          [&](ns3::Ptr<const ns3::Packet> packet, ns3::Ipv4Address, ns3::Ipv4Address destination) {
                            datagram = BytesOf(packet);
                            to = destination;
                          }));
  Send(device, InnerPacket());
  EXPECT_TRUE(StartsWith(sniffed, std::string(kInnerEthernet) + Hex(InnerPacket())));
  EXPECT_EQ(datagram.size(), sniffed.size() + 16);  // UDP and VXLAN
  EXPECT_EQ(to, kRemote);
}

TEST_F(VxlanNetDeviceTest, IsAPortOfAnNs3Bridge) {
  const auto device = AddVxlan();
  device->AppendFdb(ns3::Mac48Address("00:00:00:00:00:00"), kRemote);
  const auto pod = ns3::CreateObject<ns3::Node>();
  const auto cable = ns3::CreateObject<ns3::SimpleChannel>();
  const auto port = ns3::CreateObject<ns3::SimpleNetDevice>(), podEth0 = ns3::CreateObject<ns3::SimpleNetDevice>();
  for (const auto& end : {port, podEth0}) {
    end->SetAddress(ns3::Mac48Address::Allocate());
    end->SetChannel(cable);
  }
  m_host->AddDevice(port);
  pod->AddDevice(podEth0);
  Octets received;
  podEth0->SetReceiveCallback([&](auto, ns3::Ptr<const ns3::Packet> packet, uint16_t, const ns3::Address&) {
    received = BytesOf(packet);
    return true;
  });
  ns3::NetDeviceContainer ports(device);
  ports.Add(port);
  ns3::BridgeHelper().Install(m_host, ports);

  const Octets packet = InnerPacket();
  podEth0->Send(ns3::Create<ns3::Packet>(packet.data(), static_cast<uint32_t>(packet.size())),
                ns3::Mac48Address(kRemoteMac), wire::kEtherTypeIpv4);
  Advance();
  ASSERT_EQ(m_outer.size(), 1u);  // the pod's own frame, source MAC included, is what is tunnelled
  Octets source(6);
  ns3::Mac48Address::ConvertFrom(podEth0->GetAddress()).CopyTo(source.data());
  EXPECT_EQ(Octets(m_outer[0].begin() + 42, m_outer[0].begin() + 48), source);

  Receive(Tunnelled(kVni1, packet, Hex(source) + "0200000004020800"));
  EXPECT_EQ(received, packet);
}

TEST_F(VxlanNetDeviceTest, TwoDevicesWithOneVniOnOnePortEndTheProgram) {
  AddVxlan(1);
  EXPECT_DEATH(AddVxlan(1), "VXLAN device with VNI 1 on UDP port 8472 exists already");
}

}  // namespace
}  // namespace overlaysim
