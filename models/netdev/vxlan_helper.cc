#include "models/netdev/vxlan_helper.h"

#include <ns3/abort.h>
#include <ns3/ipv4.h>
#include <ns3/mac48-address.h>
#include <ns3/node.h>
#include <ns3/uinteger.h>

#include "models/netdev/addresses.h"
#include "models/netdev/vxlan_net_device.h"

namespace overlaysim {
namespace {

ns3::Ptr<VxlanNetDevice> AsVxlan(ns3::Ptr<ns3::NetDevice> device) {
  auto vxlan = ns3::DynamicCast<VxlanNetDevice>(device);
  NS_ABORT_MSG_UNLESS(vxlan, "not a VXLAN device");
  return vxlan;
}

}  // namespace

VxlanHelper::VxlanHelper() { m_factory.SetTypeId(VxlanNetDevice::GetTypeId()); }

ns3::NetDeviceContainer VxlanHelper::Install(ns3::Ptr<ns3::Node> node, uint32_t vni, ns3::Ipv4Address local) {
  m_factory.Set("Vni", ns3::UintegerValue(vni));
  m_factory.Set("Local", ns3::Ipv4AddressValue(local));
  const auto device = m_factory.Create<VxlanNetDevice>();
  device->SetAddress(ns3::Mac48Address::Allocate());
  node->AddDevice(device);
  return ns3::NetDeviceContainer(device);
}

ns3::NetDeviceContainer VxlanHelper::Install(const ns3::NodeContainer& nodes, uint32_t vni) {
  ns3::NetDeviceContainer devices;
  for (auto node = nodes.Begin(); node != nodes.End(); ++node) {
    const auto ip = (*node)->GetObject<ns3::Ipv4>();
    constexpr uint32_t kFirstDevice = 1;  // 0 is the loopback
    NS_ABORT_MSG_UNLESS(ip && ip->GetNInterfaces() > kFirstDevice && ip->GetNAddresses(kFirstDevice) > 0,
                        "node " << (*node)->GetId() << ": no address to use as Local");
    devices.Add(Install(*node, vni, ip->GetAddress(kFirstDevice, 0).GetLocal()));
  }
  return devices;
}

void VxlanHelper::AddPeer(ns3::Ptr<ns3::NetDevice> device, ns3::Ipv4Address remote) {
  AsVxlan(device)->AppendFdb(ToNs3(MacAddress{}), remote);
}

void VxlanHelper::FullMesh(const ns3::NetDeviceContainer& devices) {
  for (auto device = devices.Begin(); device != devices.End(); ++device)
    for (auto peer = devices.Begin(); peer != devices.End(); ++peer)
      if (peer != device) AddPeer(*device, ToNs3(AsVxlan(*peer)->Options().local.V4()));
}

void VxlanHelper::EnablePcapInternal(std::string prefix, ns3::Ptr<ns3::NetDevice> device, bool promiscuous,
                                     bool explicitFilename) {
  const auto vxlan = ns3::DynamicCast<VxlanNetDevice>(device);
  if (!vxlan) return;  // EnablePcapAll() offers every device of every node
  ns3::PcapHelper pcap;
  const std::string name = explicitFilename ? prefix : pcap.GetFilenameFromDevice(prefix, device);
  const auto file = pcap.CreateFile(name, std::ios::out, ns3::PcapHelper::DLT_EN10MB);
  pcap.HookDefaultSink<VxlanNetDevice>(vxlan, promiscuous ? "PromiscSniffer" : "Sniffer", file);
}

}  // namespace overlaysim
