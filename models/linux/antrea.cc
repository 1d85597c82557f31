#include "models/linux/antrea.h"

#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

wire::Ipv4 Ipv4Of(wire::Frame& frame) { return {frame.Data() + wire::kEthernetHeaderBytes}; }

bool DecrementTtl(wire::Frame& frame) {
  if (Ipv4Of(frame).Ttl() <= 1) return false;
  Ipv4Of(frame).DecrementTtl();
  return true;
}

}  // namespace

const AntreaFlows::Port* AntreaPrograms::FindPort(MacAddress mac) const {
  return mac == m_flows->Gateway().mac ? &m_flows->Gateway() : m_flows->FindPod(mac);
}

ProgramResult AntreaPrograms::SendTo(const AntreaFlows::Port& port) const {
  return port.ifindex == m_flows->Gateway().ifindex ? ProgramResult::Hands(port.ifindex)
                                                    : ProgramResult::Sends(port.ifindex);
}

/// Classifier and SpoofGuard.
ProgramResult AntreaPrograms::Run(ProgramHook hook, const Link& link, wire::Frame& frame) const {
  if (hook == ProgramHook::Egress) return {};
  const AntreaFlows::Port* pod = m_flows->PodBehind(link.ifindex);
  if (!pod && link.ifindex != m_flows->Gateway().ifindex && link.ifindex != m_tunnelIfindex) return {};
  const From from = pod ? From::Pod : link.ifindex == m_tunnelIfindex ? From::Tunnel : From::Gateway;
  const uint16_t type = wire::Ethernet{frame.Data()}.Type();
  const uint32_t bytes = frame.Size() - wire::kEthernetHeaderBytes;
  const bool isArp = type == wire::kEtherTypeArp && bytes >= wire::kArpBytes;
  const bool isIpv4 = type == wire::kEtherTypeIpv4 && bytes >= wire::kIpv4HeaderBytes;
  if (!isArp && !isIpv4) return ProgramResult::Drops(pod ? ProgramDrop::OvsSpoofed : ProgramDrop::OvsNoFlow);
  if (pod) {
    const wire::Arp arp{frame.Data() + wire::kEthernetHeaderBytes};
    const MacAddress mac = isArp ? arp.SenderMac() : wire::Ethernet{frame.Data()}.Source();
    const Ipv4Address address = isArp ? arp.SenderIp() : Ipv4Of(frame).Source();
    if (mac != pod->mac || address != pod->address) return ProgramResult::Drops(ProgramDrop::OvsSpoofed);
  }
  return isArp ? Arp(link.ifindex, from, frame) : Ipv4(from, frame);
}

/// ARPResponder: for the gateways of other nodes; all else as a switch does (NORMAL), but not into the tunnel.
ProgramResult AntreaPrograms::Arp(int in, From from, wire::Frame& frame) const {
  if (from == From::Tunnel) return ProgramResult::Drops(ProgramDrop::OvsNoFlow);
  const wire::Ethernet ethernet{frame.Data()};
  const wire::Arp arp{frame.Data() + wire::kEthernetHeaderBytes};
  if (arp.Operation() == wire::kArpRequest && m_flows->IsPeerGateway(arp.TargetIp())) {
    const MacAddress asker = arp.SenderMac(), answer = MacAddress::FromUint64(kAntreaVirtualMac);
    const Ipv4Address askerIp = arp.SenderIp(), target = arp.TargetIp();
    ethernet.Write(asker, answer, wire::kEtherTypeArp);
    arp.Write(wire::kArpReply, answer, target, asker, askerIp);
    return from == From::Gateway ? ProgramResult::Hands(in) : ProgramResult::Sends(in);
  }
  if (const AntreaFlows::Port* port = FindPort(ethernet.Destination())) return SendTo(*port);
  ProgramResult flood{.action = ProgramResult::Action::Redirect};
  if (from != From::Gateway) flood.outputs.push_back({.ifindex = m_flows->Gateway().ifindex, .isReceived = true});
  for (const AntreaFlows::Port& port : m_flows->Pods())
    if (port.ifindex != in) flood.outputs.push_back({.ifindex = port.ifindex});
  return flood.outputs.empty() ? ProgramResult::Drops(ProgramDrop::OvsNoFlow) : flood;
}

/// L3Forwarding: what goes to another node has the virtual MAC as its destination, what comes from one gets the pod's.
/// L3DecTTL: each is a hop, except that the host has counted down what it sends. L2ForwardingCalc: the rest by MAC.
ProgramResult AntreaPrograms::Ipv4(From from, wire::Frame& frame) const {
  const Ipv4Address destination = Ipv4Of(frame).Destination();
  const MacAddress gatewayMac = m_flows->Gateway().mac;
  const wire::Ethernet ethernet{frame.Data()};
  const auto node = m_flows->FindNode(destination);
  if (node && from != From::Tunnel) {
    if (from == From::Pod && !DecrementTtl(frame)) return ProgramResult::Drops(ProgramDrop::OvsTtlExpired);
    ethernet.Write(MacAddress::FromUint64(kAntreaVirtualMac), gatewayMac, wire::kEtherTypeIpv4);
    return ProgramResult::Sends(m_tunnelIfindex, {.remote = *node, .dontFragment = true});  // df_default, csum=false
  }
  if (from == From::Tunnel) {
    const AntreaFlows::Port* port =
        destination == m_flows->Gateway().address ? &m_flows->Gateway() : m_flows->FindPod(destination);
    if (!port || ethernet.Destination() != MacAddress::FromUint64(kAntreaVirtualMac))
      return ProgramResult::Drops(ProgramDrop::OvsNoFlow);
    if (!DecrementTtl(frame)) return ProgramResult::Drops(ProgramDrop::OvsTtlExpired);
    const MacAddress source = port == &m_flows->Gateway() ? ethernet.Source() : gatewayMac;
    ethernet.Write(port->mac, source, wire::kEtherTypeIpv4);
    return SendTo(*port);
  }
  const AntreaFlows::Port* port = FindPort(ethernet.Destination());
  return port ? SendTo(*port) : ProgramResult::Drops(ProgramDrop::OvsNoFlow);
}

}  // namespace overlaysim::kernel
