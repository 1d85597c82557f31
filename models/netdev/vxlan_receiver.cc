#include "models/netdev/vxlan_receiver.h"

#include <ns3/abort.h>
#include <ns3/ipv4-end-point.h>
#include <ns3/packet.h>
#include <ns3/trace-source-accessor.h>
#include <ns3/udp-l4-protocol.h>

#include "models/linux/vxlan.h"
#include "models/netdev/vxlan_header.h"
#include "models/netdev/vxlan_net_device.h"

namespace overlaysim {

NS_OBJECT_ENSURE_REGISTERED(VxlanReceiver);

ns3::TypeId VxlanReceiver::GetTypeId() {
  static const ns3::TypeId id = ns3::TypeId("overlaysim::VxlanReceiver")
                                    .SetParent<ns3::Object>()
                                    .SetGroupName("Overlaysim")
                                    .AddConstructor<VxlanReceiver>()
                                    .AddTraceSource("Drop", "A packet to a VXLAN port that no device took, and why.",
                                                    ns3::MakeTraceSourceAccessor(&VxlanReceiver::m_drop),
                                                    "overlaysim::VxlanReceiver::DropCallback");
  return id;
}

ns3::Ptr<VxlanReceiver> VxlanReceiver::Of(ns3::Ptr<ns3::Node> node) {
  auto receiver = node->GetObject<VxlanReceiver>();
  if (!receiver) {
    receiver = ns3::CreateObject<VxlanReceiver>();
    node->AggregateObject(receiver);
  }
  return receiver;
}

void VxlanReceiver::Attach(ns3::Ptr<VxlanNetDevice> device) {
  const kernel::VxlanOptions& options = device->Options();
  const uint32_t nodeId = device->GetNode()->GetId();
  const auto [port, isNew] = m_ports.try_emplace(options.dstPort);
  if (isNew) {
    const auto udp = device->GetNode()->GetObject<ns3::UdpL4Protocol>();
    NS_ABORT_MSG_UNLESS(udp, "node " << nodeId << ": a VXLAN device needs the internet stack");
    ns3::Ipv4EndPoint* endPoint = udp->Allocate(nullptr, options.dstPort);
    NS_ABORT_MSG_UNLESS(endPoint, "node " << nodeId << ": UDP port " << options.dstPort << " is taken");
    endPoint->SetRxCallback(ns3::MakeCallback(&VxlanReceiver::Receive, this, options.dstPort));
  }
  const bool isFree = port->second.try_emplace(options.vni, device).second;
  NS_ABORT_MSG_UNLESS(isFree, "node " << nodeId << ": a VXLAN device with VNI " << options.vni << " on UDP port "
                                      << options.dstPort << " exists already");
}

void VxlanReceiver::DoDispose() {
  m_ports.clear();
  ns3::Object::DoDispose();
}

// vxlan_rcv(), as far as no device is known.
void VxlanReceiver::Receive(uint16_t port, ns3::Ptr<ns3::Packet> packet, ns3::Ipv4Header outer, uint16_t,
                            ns3::Ptr<ns3::Ipv4Interface>) {
  if (packet->GetSize() < wire::kVxlanHeaderBytes) return m_drop(packet, Verdict::VxlanTooShort);
  VxlanHeader header;
  packet->PeekHeader(header);
  const auto fault = kernel::CheckVxlanHeader(header.FlagsWord(), header.VniWord());
  if (fault == kernel::VxlanHeaderFault::NoVniFlag) return m_drop(packet, Verdict::VxlanNoVniFlag);
  const DevicesByVni& devices = m_ports.at(port);
  const auto device = devices.find(header.Vni());
  if (device == devices.end()) return m_drop(packet, Verdict::VxlanUnknownVni);
  device->second->Decapsulate(packet, outer);
}

}  // namespace overlaysim
