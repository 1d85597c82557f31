// A VXLAN tunnel in an ns-3 program of its own: stock nodes, internet stack and applications.
//
//   host 0 --csma-- router --csma-- host 1        underlay 172.16.1.0/24, 172.16.2.0/24
//      \________ VXLAN, VNI 42 _______/           overlay  10.244.0.0/24
//
// The device's attributes can be given as those of any ns-3 model: --overlaysim::VxlanNetDevice::Df=set
#include <ns3/boolean.h>
#include <ns3/command-line.h>
#include <ns3/config.h>
#include <ns3/csma-helper.h>
#include <ns3/internet-stack-helper.h>
#include <ns3/ipv4-address-helper.h>
#include <ns3/ipv4-global-routing-helper.h>
#include <ns3/simulator.h>
#include <ns3/string.h>
#include <ns3/udp-echo-helper.h>
#include <ns3/uinteger.h>

#include <iostream>

#include "models/netdev/vxlan_helper.h"
#include "models/netdev/vxlan_net_device.h"

using namespace ns3;

void OnReply(Ptr<const Packet> packet, const Address& from, const Address&) {
  std::cout << packet->GetSize() << " bytes from " << InetSocketAddress::ConvertFrom(from).GetIpv4() << "\n";
}

void OnDrop(Ptr<const Packet> packet, overlaysim::Verdict verdict) {
  std::cout << packet->GetSize() << " bytes dropped: " << overlaysim::VerdictCondition(verdict) << "\n";
}

int main(int argc, char** argv) {
  std::string size = "1000", pcap;
  CommandLine options(__FILE__);
  options.AddValue("size", "bytes of payload in each echo request", size);
  options.AddValue("pcap", "write captures to PREFIX-NODE-DEVICE.pcap", pcap);
  options.Parse(argc, argv);
  Config::SetGlobal("ChecksumEnabled", BooleanValue(true));  // of the stock stack: right checksums in the captures

  NodeContainer hosts(2), router(1);
  InternetStackHelper().Install(NodeContainer(hosts, router));
  CsmaHelper csma;
  Ipv4AddressHelper underlay("172.16.1.0", "255.255.255.0");
  for (uint32_t i = 0; i < hosts.GetN(); ++i, underlay.NewNetwork())
    underlay.Assign(csma.Install(NodeContainer(hosts.Get(i), router.Get(0))));

  overlaysim::VxlanHelper vxlan;
  vxlan.SetDeviceAttribute("DstPort", UintegerValue(4789));
  NetDeviceContainer devices = vxlan.Install(hosts, 42);
  overlaysim::VxlanHelper::FullMesh(devices);
  Ipv4InterfaceContainer overlay = Ipv4AddressHelper("10.244.0.0", "255.255.255.0").Assign(devices);
  Ipv4GlobalRoutingHelper::PopulateRoutingTables();

  UdpEchoServerHelper(7).Install(hosts.Get(1));
  UdpEchoClientHelper client(overlay.GetAddress(1), 7);
  client.SetAttribute("MaxPackets", UintegerValue(3));
  client.SetAttribute("PacketSize", StringValue(size));
  client.Install(hosts.Get(0)).Get(0)->TraceConnectWithoutContext("RxWithAddresses", MakeCallback(&OnReply));
  devices.Get(0)->TraceConnectWithoutContext("Drop", MakeCallback(&OnDrop));
  if (!pcap.empty()) csma.EnablePcap(pcap, hosts);
  if (!pcap.empty()) vxlan.EnablePcap(pcap, devices);
  Simulator::Run();

  const auto& stats = DynamicCast<overlaysim::VxlanNetDevice>(devices.Get(0))->Stats();
  std::cout << "vxlan: mtu " << devices.Get(0)->GetMtu() << ", TX " << stats.txPackets << " packets " << stats.txBytes
            << " bytes, RX " << stats.rxPackets << " packets " << stats.rxBytes << " bytes\n";
  Simulator::Destroy();
}
