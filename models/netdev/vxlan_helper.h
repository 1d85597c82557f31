#pragma once

#include <ns3/ipv4-address.h>
#include <ns3/net-device-container.h>
#include <ns3/node-container.h>
#include <ns3/object-factory.h>
#include <ns3/trace-helper.h>

#include <string>

namespace overlaysim {

/// Installs VXLAN devices on nodes with an internet stack, as CsmaHelper does cards. EnablePcap() captures the inner
/// frames.
class VxlanHelper : public ns3::PcapHelperForDevice {
 public:
  VxlanHelper();

  /// An attribute of the devices that are installed from now on.
  void SetDeviceAttribute(const std::string& name, const ns3::AttributeValue& value) { m_factory.Set(name, value); }

  /// `ip link add … type vxlan id VNI local LOCAL`, with a MAC address of its own.
  ns3::NetDeviceContainer Install(ns3::Ptr<ns3::Node> node, uint32_t vni, ns3::Ipv4Address local);
  /// The same on each node, with the first address of its first device as Local. Ends the program where there is none.
  ns3::NetDeviceContainer Install(const ns3::NodeContainer& nodes, uint32_t vni);

  /// Sends frames that `device` does not know better to `remote` as well (`bridge fdb append 00:00:00:00:00:00 … dst
  /// REMOTE`).
  static void AddPeer(ns3::Ptr<ns3::NetDevice> device, ns3::Ipv4Address remote);
  /// Makes each device a peer of all others. They need Local.
  static void FullMesh(const ns3::NetDeviceContainer& devices);

 private:
  void EnablePcapInternal(std::string prefix, ns3::Ptr<ns3::NetDevice> device, bool promiscuous,
                          bool explicitFilename) override;

  ns3::ObjectFactory m_factory;
};

}  // namespace overlaysim
