#include "models/netdev/vxlan_helper.h"

#include <gtest/gtest.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4.h>
#include <ns3/node-container.h>
#include <ns3/packet.h>
#include <ns3/simple-net-device.h>
#include <ns3/simulator.h>
#include <ns3/uinteger.h>

#include <array>

#include "models/netdev/vxlan_header.h"
#include "models/netdev/vxlan_net_device.h"

namespace overlaysim {
namespace {

/// Nodes 192.0.2.1, .2 and .3.
class VxlanHelperTest : public testing::Test {
 protected:
  VxlanHelperTest() : m_nodes(3) {
    ns3::InternetStackHelper().Install(m_nodes);
    for (uint32_t i = 0; i < m_nodes.GetN(); ++i) {
      const auto device = ns3::CreateObject<ns3::SimpleNetDevice>();
      m_nodes.Get(i)->AddDevice(device);
      const auto ip = m_nodes.Get(i)->GetObject<ns3::Ipv4>();
      ip->AddAddress(ip->AddInterface(device),
                     ns3::Ipv4InterfaceAddress(ns3::Ipv4Address(0xc0000201 + i), ns3::Ipv4Mask("255.255.255.0")));
    }
  }
  ~VxlanHelperTest() override { ns3::Simulator::Destroy(); }

  static const VxlanNetDevice& Device(const ns3::NetDeviceContainer& devices, uint32_t i) {
    return *ns3::DynamicCast<VxlanNetDevice>(devices.Get(i));
  }

  ns3::NodeContainer m_nodes;
  VxlanHelper m_helper;
};

TEST_F(VxlanHelperTest, TakesLocalFromTheFirstDeviceOfEachNode) {
  const auto devices = m_helper.Install(m_nodes, 42);
  ASSERT_EQ(devices.GetN(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(Device(devices, i).Options().local, (Ipv4Address{0xc0000201 + i}));
    EXPECT_EQ(Device(devices, i).Options().vni, 42u);
    EXPECT_EQ(devices.Get(i)->GetNode(), m_nodes.Get(i));
  }
  EXPECT_NE(devices.Get(0)->GetAddress(), devices.Get(1)->GetAddress());
}

TEST_F(VxlanHelperTest, AttributesAreThoseOfLaterDevices) {
  m_helper.SetDeviceAttribute("DstPort", ns3::UintegerValue(4789));
  const auto devices = m_helper.Install(m_nodes.Get(0), 1, ns3::Ipv4Address("192.0.2.1"));
  EXPECT_EQ(Device(devices, 0).Options().dstPort, 4789);
  EXPECT_EQ(Device(devices, 0).Options().ageing, 300u);  // the kernel's default
}

TEST_F(VxlanHelperTest, FullMeshMakesEachDeviceAPeerOfAllOthers) {
  const auto devices = m_helper.Install(m_nodes, 42);
  VxlanHelper::FullMesh(devices);
  const auto fdb = Device(devices, 1).Fdb();
  ASSERT_EQ(fdb.size(), 1u);
  EXPECT_TRUE(fdb[0].mac.IsZero());
  ASSERT_EQ(fdb[0].remotes.size(), 2u);
  EXPECT_EQ(fdb[0].remotes[0].ip.ToString(), "192.0.2.1");
  EXPECT_EQ(fdb[0].remotes[1].ip.ToString(), "192.0.2.3");
}

TEST(VxlanHeader, KeepsItsBytes) {
  VxlanHeader header(0x123456);
  const auto packet = ns3::Create<ns3::Packet>();
  packet->AddHeader(header);
  std::array<uint8_t, 8> bytes{};
  packet->CopyData(bytes.data(), 8);
  EXPECT_EQ(bytes, (std::array<uint8_t, 8>{0x08, 0, 0, 0, 0x12, 0x34, 0x56, 0}));
  VxlanHeader read;
  EXPECT_EQ(packet->RemoveHeader(read), 8u);
  EXPECT_EQ(read.Vni(), 0x123456u);
}

}  // namespace
}  // namespace overlaysim
