#pragma once

#include <ns3/ipv4-header.h>
#include <ns3/ipv4-interface.h>
#include <ns3/node.h>
#include <ns3/object.h>
#include <ns3/traced-callback.h>

#include <map>

#include "sim/trace/record.h"

namespace overlaysim {

class VxlanNetDevice;

/// Receives for all VXLAN devices of a node, one UDP end point a port, and tells them apart by VNI (struct vxlan_sock).
/// It is aggregated to the node, so that what no device took can be traced as
/// /NodeList/*/$overlaysim::VxlanReceiver/Drop.
class VxlanReceiver : public ns3::Object {
 public:
  static ns3::TypeId GetTypeId();

  /// The node's, made when first asked for.
  static ns3::Ptr<VxlanReceiver> Of(ns3::Ptr<ns3::Node> node);

  /// Gives the device what comes for its DstPort and Vni. Ends the program when another device has both already, when
  /// the port is another program's, or when the node has no UDP.
  void Attach(ns3::Ptr<VxlanNetDevice> device);

  /// Signature of the trace source Drop: the bytes behind the outer UDP header, and why.
  using DropCallback = void (*)(ns3::Ptr<const ns3::Packet>, Verdict);

 protected:
  void DoDispose() override;

 private:
  void Receive(uint16_t port, ns3::Ptr<ns3::Packet> packet, ns3::Ipv4Header outer, uint16_t sourcePort,
               ns3::Ptr<ns3::Ipv4Interface> interface);

  using DevicesByVni = std::map<uint32_t, ns3::Ptr<VxlanNetDevice>>;
  std::map<uint16_t, DevicesByVni> m_ports;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, Verdict> m_drop;
};

}  // namespace overlaysim
