#include "models/netdev/vxlan_net_device.h"

#include <ns3/abort.h>
#include <ns3/boolean.h>
#include <ns3/enum.h>
#include <ns3/ethernet-header.h>
#include <ns3/ipv4-l3-protocol.h>
#include <ns3/ipv4-route.h>
#include <ns3/ipv4-routing-protocol.h>
#include <ns3/packet.h>
#include <ns3/simulator.h>
#include <ns3/socket.h>
#include <ns3/trace-source-accessor.h>
#include <ns3/udp-header.h>
#include <ns3/uinteger.h>

#include <algorithm>
#include <array>

#include "models/linux/vxlan.h"
#include "models/netdev/addresses.h"
#include "models/netdev/vxlan_header.h"
#include "models/netdev/vxlan_receiver.h"
#include "models/wire/checksum.h"
#include "models/wire/flow_hash.h"
#include "models/wire/headers.h"

namespace overlaysim {
namespace {

using kernel::VxlanOptions;

constexpr uint16_t kDefaultMtu = 1500;  // ether_setup(): of a device that knows no lower one
constexpr uint32_t kMaxInnerHeaderBytes = wire::kEthernetHeaderBytes + 40;  // and IPv6

class SoleChannel : public ns3::Channel {
 public:
  explicit SoleChannel(ns3::NetDevice* device) : m_device(device) {}
  size_t GetNDevices() const override { return 1; }
  ns3::Ptr<ns3::NetDevice> GetDevice(size_t) const override { return m_device; }

 private:
  ns3::NetDevice* m_device;  // it owns this channel
};

/// Bytes that take the place of the same number of bytes at the start of a packet, which cannot be edited in place.
class RawBytes : public ns3::Header {
 public:
  static ns3::TypeId GetTypeId() {
    static const ns3::TypeId id =
        ns3::TypeId("overlaysim::RawBytes").SetParent<ns3::Header>().SetGroupName("Overlaysim");
    return id;
  }
  RawBytes(const uint8_t* bytes, uint32_t size) : m_bytes(bytes), m_size(size) {}
  ns3::TypeId GetInstanceTypeId() const override { return GetTypeId(); }
  uint32_t GetSerializedSize() const override { return m_size; }
  void Serialize(ns3::Buffer::Iterator start) const override { start.Write(m_bytes, m_size); }
  uint32_t Deserialize(ns3::Buffer::Iterator) override { return m_size; }
  void Print(std::ostream&) const override {}

 private:
  const uint8_t* m_bytes;
  uint32_t m_size;
};

Nanoseconds Now() { return {ns3::Simulator::Now().GetNanoSeconds()}; }

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(VxlanNetDevice);

template <auto kField>
ns3::Ptr<const ns3::AttributeAccessor> VxlanNetDevice::UintegerOption() {
  return ns3::MakeUintegerAccessor(&VxlanNetDevice::SetOption<kField>, &VxlanNetDevice::GetOption<kField>);
}

template <auto kField>
ns3::Ptr<const ns3::AttributeAccessor> VxlanNetDevice::BooleanOption() {
  return ns3::MakeBooleanAccessor(&VxlanNetDevice::SetOption<kField>, &VxlanNetDevice::GetOption<kField>);
}

ns3::TypeId VxlanNetDevice::GetTypeId() {
  using Device = VxlanNetDevice;
  using ns3::BooleanValue, ns3::UintegerValue;
  // The kernel refuses to change these later ("Cannot change VNI").
  constexpr uint32_t kFixed = ns3::TypeId::ATTR_GET | ns3::TypeId::ATTR_CONSTRUCT;
  static const ns3::TypeId id =
      ns3::TypeId("overlaysim::VxlanNetDevice")
          .SetParent<ns3::NetDevice>()
          .SetGroupName("Overlaysim")
          .AddConstructor<Device>()
          .AddAttribute("Vni", "VXLAN network identifier (`id`).", kFixed, UintegerValue(0),
                        UintegerOption<&VxlanOptions::vni>(), ns3::MakeUintegerChecker<uint32_t>(0, (1u << 24) - 1))
          .AddAttribute("DstPort", "Outer UDP destination port, sent to and received on (`dstport`).", kFixed,
                        UintegerValue(8472), UintegerOption<&VxlanOptions::dstPort>(),
                        ns3::MakeUintegerChecker<uint16_t>(1))
          .AddAttribute("Remote", "Where frames go that no FDB entry covers (`remote`); zero: nowhere.", kFixed,
                        ns3::Ipv4AddressValue(ns3::Ipv4Address::GetZero()),
                        ns3::MakeIpv4AddressAccessor(&Device::SetRemote, &Device::GetRemote),
                        ns3::MakeIpv4AddressChecker())
          .AddAttribute("Local", "Outer source address (`local`); zero: as the route to the remote says.",
                        ns3::Ipv4AddressValue(ns3::Ipv4Address::GetZero()),
                        ns3::MakeIpv4AddressAccessor(&Device::SetLocal, &Device::GetLocal),
                        ns3::MakeIpv4AddressChecker())
          .AddAttribute(
              "SourcePortMin",
              "Lowest outer UDP source port (`srcport MIN MAX`). An empty range, as 0 0, stands for 32768 to 60999.",
              UintegerValue(0), UintegerOption<&VxlanOptions::srcPortLow>(), ns3::MakeUintegerChecker<uint16_t>())
          .AddAttribute("SourcePortMax", "The first port above the range.", UintegerValue(0),
                        UintegerOption<&VxlanOptions::srcPortHigh>(), ns3::MakeUintegerChecker<uint16_t>())
          .AddAttribute("Ttl", "Outer TTL (`ttl`); 0: the stack's default (`auto`).", UintegerValue(0),
                        UintegerOption<&VxlanOptions::ttl>(), ns3::MakeUintegerChecker<uint8_t>())
          .AddAttribute("TtlInherit", "Whether the outer TTL is the inner one (`ttl inherit`).", BooleanValue(false),
                        BooleanOption<&VxlanOptions::ttlInherit>(), ns3::MakeBooleanChecker())
          .AddAttribute("Tos", "Outer TOS but for its ECN bits (`tos`); 1: the inner one (`inherit`).",
                        UintegerValue(0), UintegerOption<&VxlanOptions::tos>(), ns3::MakeUintegerChecker<uint8_t>())
          .AddAttribute("Df", "Outer DF (`df`).", ns3::EnumValue(static_cast<int>(kernel::VxlanDf::Unset)),
                        ns3::MakeEnumAccessor(&Device::SetDf, &Device::GetDf),
                        ns3::MakeEnumChecker(static_cast<int>(kernel::VxlanDf::Unset), "unset",
                                             static_cast<int>(kernel::VxlanDf::Set), "set",
                                             static_cast<int>(kernel::VxlanDf::Inherit), "inherit"))
          .AddAttribute("Learning", "Whether received frames teach where their sources are (`learning`).",
                        BooleanValue(true), BooleanOption<&VxlanOptions::learning>(), ns3::MakeBooleanChecker())
          .AddAttribute("Ageing", "How long an unused learned entry stays, in whole seconds (`ageing`); 0: for ever.",
                        ns3::TimeValue(ns3::Seconds(300)),
                        ns3::MakeTimeAccessor(&Device::SetAgeing, &Device::GetAgeing),
                        ns3::MakeTimeChecker(ns3::Seconds(0)))
          .AddAttribute("MaxAddress", "How many FDB entries there may be (`maxaddress`); 0: any number.",
                        UintegerValue(0), UintegerOption<&VxlanOptions::maxAddress>(),
                        ns3::MakeUintegerChecker<uint32_t>())
          .AddAttribute("UdpChecksum",
                        "Whether the outer UDP header has a checksum (`udpcsum`). Without, a receiver on ns-3's UDP "
                        "takes the packet "
                        "only while the global ChecksumEnabled is off.",
                        BooleanValue(true), BooleanOption<&VxlanOptions::udpCsum>(), ns3::MakeBooleanChecker())
          .AddAttribute(
              "Mtu",
              "Largest packet above the Ethernet header. 0 when set: that of the device that has Local, less 50, or "
              "1500 without Local.",
              UintegerValue(0), ns3::MakeUintegerAccessor(&Device::SetMtu, &Device::GetMtu),
              ns3::MakeUintegerChecker<uint16_t>())
          .AddAttribute("HashSeed", "Key of the flow hash that chooses outer source ports (drawn at boot by Linux).",
                        UintegerValue(0), ns3::MakeUintegerAccessor(&Device::m_hashSeed),
                        ns3::MakeUintegerChecker<uint64_t>())
          .AddTraceSource("MacTx", "A frame from above, before the FDB is asked.",
                          ns3::MakeTraceSourceAccessor(&Device::m_macTx), "ns3::Packet::TracedCallback")
          .AddTraceSource("MacPromiscRx", "A frame from the tunnel.",
                          ns3::MakeTraceSourceAccessor(&Device::m_macPromiscRx), "ns3::Packet::TracedCallback")
          .AddTraceSource("MacRx", "A frame from the tunnel for this device, or for a group.",
                          ns3::MakeTraceSourceAccessor(&Device::m_macRx), "ns3::Packet::TracedCallback")
          .AddTraceSource("Sniffer", "Frames as tcpdump -p shows them: sent, and received for this device or a group.",
                          ns3::MakeTraceSourceAccessor(&Device::m_sniffer), "ns3::Packet::TracedCallback")
          .AddTraceSource("PromiscSniffer", "Frames as tcpdump shows them: all that are sent or received.",
                          ns3::MakeTraceSourceAccessor(&Device::m_promiscSniffer), "ns3::Packet::TracedCallback")
          .AddTraceSource("Encapsulated", "An outer UDP datagram, with the outer IPv4 source and destination.",
                          ns3::MakeTraceSourceAccessor(&Device::m_encapsulated),
                          "overlaysim::VxlanNetDevice::EncapsulatedCallback")
          .AddTraceSource("Decapsulated", "An inner frame that was accepted, and its outer IPv4 header.",
                          ns3::MakeTraceSourceAccessor(&Device::m_decapsulated),
                          "overlaysim::VxlanNetDevice::DecapsulatedCallback")
          .AddTraceSource("Drop", "A frame or packet that was dropped, and why.",
                          ns3::MakeTraceSourceAccessor(&Device::m_drop), "overlaysim::VxlanNetDevice::DropCallback");
  return id;
}

VxlanNetDevice::VxlanNetDevice()
    : m_channel(ns3::Create<SoleChannel>(this)),
      m_namespace(NetnsId{}, "ns-3 node"),
      m_link(m_namespace.AddLink({.name = "vxlan", .kind = kernel::LinkKind::Vxlan, .mtu = 0, .adminUp = true})) {}

void VxlanNetDevice::DoInitialize() {
  NS_ABORT_MSG_UNLESS(m_node, "a VXLAN device must be added to a node");
  VxlanReceiver::Of(m_node)->Attach(this);
  ns3::NetDevice::DoInitialize();
}

void VxlanNetDevice::DoDispose() {
  m_ageing.Cancel();
  m_receive.Nullify();
  m_promiscReceive.Nullify();
  m_node = nullptr;
  ns3::NetDevice::DoDispose();
}

int VxlanNetDevice::ChangeFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port, uint32_t vni,
                              uint8_t flags) {
  // As in iproute2's tables, the device's own port and VNI are not written down.
  const kernel::VxlanRemote to{.ip = FromNs3(remote),
                               .port = port == Options().dstPort ? uint16_t{0} : port,
                               .vni = vni == Options().vni ? 0 : vni};
  return m_namespace.AddVxlanFdb(m_link.ifindex, FromNs3(mac), to, true, flags, Now());
}

int VxlanNetDevice::AddFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port, uint32_t vni) {
  return ChangeFdb(mac, remote, port, vni, kernel::Namespace::kCreate | kernel::Namespace::kExclusive);
}

int VxlanNetDevice::AppendFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port, uint32_t vni) {
  return ChangeFdb(mac, remote, port, vni, kernel::Namespace::kCreate | kernel::Namespace::kAppend);
}

int VxlanNetDevice::DeleteFdb(ns3::Mac48Address mac) {
  return m_namespace.DeleteVxlanFdb(m_link.ifindex, FromNs3(mac), nullptr);
}

void VxlanNetDevice::Age() {
  if (const auto next = kernel::AgeVxlanFdb(m_namespace, m_link, Now()))
    m_ageing = ns3::Simulator::Schedule(ns3::NanoSeconds((*next - Now()).count), &VxlanNetDevice::Age, this);
}

bool VxlanNetDevice::Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& destination, uint16_t protocol) {
  return SendFrom(packet, GetAddress(), destination, protocol);
}

/// What all copies of a frame have in common.
struct VxlanNetDevice::Outgoing {
  ns3::Ptr<const ns3::Packet> frame;
  kernel::InnerHeader inner;
  uint32_t hash = 0;
  uint64_t sum = 0;  ///< of the frame's bytes, for the outer UDP checksum
};

// vxlan_xmit()
bool VxlanNetDevice::SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& source, const ns3::Address& destination,
                              uint16_t protocol) {
  const auto frame = packet->Copy();
  ns3::EthernetHeader ethernet(false);
  ethernet.SetSource(ns3::Mac48Address::ConvertFrom(source));
  ethernet.SetDestination(ns3::Mac48Address::ConvertFrom(destination));
  ethernet.SetLengthType(protocol);
  frame->AddHeader(ethernet);
  m_macTx(frame);
  m_sniffer(frame);
  m_promiscSniffer(frame);

  kernel::VxlanFdbEntry scratch;
  const auto* entry = kernel::FindVxlanDestination(m_namespace, m_link, FromNs3(ethernet.GetDestination()), scratch);
  if (!entry) {
    ++m_link.stats.txDropped;
    m_drop(frame, Verdict::VxlanNoFdb);
    return false;
  }
  std::vector<uint8_t> bytes(frame->GetSize());
  frame->CopyData(bytes.data(), frame->GetSize());
  const Outgoing outgoing{.frame = frame,
                          .inner = kernel::ReadInnerHeader(bytes.data(), frame->GetSize()),
                          .hash = wire::FlowHash(bytes.data(), frame->GetSize(), m_hashSeed),
                          .sum = wire::ChecksumAdd(bytes.data(), bytes.size())};
  bool isSent = false;
  const auto remotes = entry->remotes;  // a copy: what is sent may come back at once and teach us
  for (const kernel::VxlanRemote& remote : remotes) {
    const Verdict verdict = Encapsulate(outgoing, remote);
    if (IsDrop(verdict)) m_drop(frame, verdict);
    isSent |= !IsDrop(verdict);
  }
  return isSent;
}

// vxlan_xmit_one()
Verdict VxlanNetDevice::Encapsulate(const Outgoing& outgoing, const kernel::VxlanRemote& remote) {
  const VxlanOptions& options = m_link.vxlan;
  const ns3::Ipv4Address to = ToNs3(remote.ip.V4());
  const auto datagram = outgoing.frame->Copy();

  const auto ip = m_node->GetObject<ns3::Ipv4L3Protocol>();
  ns3::Ipv4Header flow;
  flow.SetSource(GetLocal());
  flow.SetDestination(to);
  flow.SetProtocol(wire::kIpProtoUdp);
  ns3::Socket::SocketErrno error = ns3::Socket::ERROR_NOTERROR;
  const auto route = ip ? ip->GetRoutingProtocol()->RouteOutput(datagram, flow, nullptr, error) : nullptr;
  if (!route) {
    ++m_link.stats.txCarrierErrors;
    ++m_link.stats.txErrors;
    return Verdict::VxlanNoRoute;
  }
  if (route->GetOutputDevice() == this) {
    ++m_link.stats.collisions;
    ++m_link.stats.txErrors;
    return Verdict::VxlanLoop;
  }
  const ns3::Ipv4Address from = options.local.IsZero() ? route->GetSource() : GetLocal();
  const bool dontFragment = kernel::OuterDf(options, outgoing.inner.isIpv4, outgoing.inner.dontFragment);
  const uint8_t tos = kernel::OuterTos(options.tos, outgoing.inner.tos);
  ns3::UintegerValue defaultTtl;
  ip->GetAttribute("DefaultTtl", defaultTtl);
  const uint8_t ttl =
      kernel::OuterTtl(options, outgoing.inner.ttl, static_cast<uint8_t>(defaultTtl.Get()), remote.ip.IsMulticast());

  const VxlanHeader vxlan(remote.vni != 0 ? remote.vni : options.vni);
  datagram->AddHeader(vxlan);
  const uint32_t size = datagram->GetSize() + wire::kUdpHeaderBytes;
  ns3::UdpHeader udp;
  udp.SetSourcePort(wire::OuterSourcePort(outgoing.hash, kernel::SourcePorts(m_namespace, options)));
  udp.SetDestinationPort(remote.port != 0 ? remote.port : options.dstPort);
  if (options.udpCsum) {  // ns-3 would fill it in only with the global ChecksumEnabled
    std::array<uint8_t, wire::kUdpHeaderBytes + wire::kVxlanHeaderBytes> head{};
    wire::Put16(head.data(), udp.GetSourcePort());
    wire::Put16(head.data() + 2, udp.GetDestinationPort());
    wire::Put16(head.data() + 4, size);
    wire::Put32(head.data() + 8, vxlan.FlagsWord());
    wire::Put32(head.data() + 12, vxlan.VniWord());
    const uint64_t pseudo = wire::PseudoHeaderSum(FromNs3(from), remote.ip.V4(), wire::kIpProtoUdp, size);
    const uint16_t checksum = wire::ChecksumFold(wire::ChecksumAdd(head.data(), head.size(), pseudo) + outgoing.sum);
    // RFC 768: zero stands for none. ns-3 writes a forced checksum low byte first.
    udp.ForceChecksum(checksum != 0 ? static_cast<uint16_t>(checksum << 8 | checksum >> 8) : 0xffff);
  }
  datagram->AddHeader(udp);

  // ns-3's IPv4 fragments whatever DF says.
  if (dontFragment && size + wire::kIpv4HeaderBytes > route->GetOutputDevice()->GetMtu()) {
    ++m_link.stats.txDropped;
    return Verdict::FragNeeded;
  }
  m_encapsulated(datagram, from, to);
  ++m_link.stats.txPackets;
  m_link.stats.txBytes += outgoing.frame->GetSize() - wire::kEthernetHeaderBytes;
  if (dontFragment) {  // Ipv4L3Protocol::Send() knows no DF
    ns3::Ipv4Header header = flow;
    header.SetSource(from);
    header.SetTos(tos);
    header.SetTtl(ttl);
    header.SetDontFragment();
    header.SetPayloadSize(static_cast<uint16_t>(size));
    ip->SendWithHeader(datagram, header, route);
  } else {  // fragments need identifications, and those are the stack's to give
    ns3::SocketIpTosTag tosTag;
    tosTag.SetTos(tos);
    datagram->ReplacePacketTag(tosTag);
    ns3::SocketIpTtlTag ttlTag;
    ttlTag.SetTtl(ttl);
    datagram->ReplacePacketTag(ttlTag);
    ip->Send(datagram, from, to, wire::kIpProtoUdp, route);
  }
  return Verdict::Continue;
}

void VxlanNetDevice::Decapsulate(ns3::Ptr<ns3::Packet> packet, const ns3::Ipv4Header& outer) {
  const Verdict verdict = CheckReceived(packet, outer);
  if (IsDrop(verdict)) return m_drop(packet, verdict);
  ++m_link.stats.rxPackets;
  m_link.stats.rxBytes += packet->GetSize() - wire::kEthernetHeaderBytes;
  m_decapsulated(packet, outer);
  Deliver(packet);
}

// vxlan_rcv(), from where the device is known. The packet becomes the inner frame.
Verdict VxlanNetDevice::CheckReceived(ns3::Ptr<ns3::Packet> packet, const ns3::Ipv4Header& outer) {
  kernel::LinkStats& stats = m_link.stats;
  VxlanHeader header;
  packet->PeekHeader(header);
  if (kernel::CheckVxlanHeader(header.FlagsWord(), header.VniWord()) != kernel::VxlanHeaderFault::None) {
    ++stats.rxFrameErrors;
    ++stats.rxErrors;
    return Verdict::VxlanReservedBits;
  }
  packet->RemoveHeader(header);
  if (packet->GetSize() < wire::kEthernetHeaderBytes) return Verdict::VxlanFrameTooShort;
  std::array<uint8_t, kMaxInnerHeaderBytes> head{};
  const uint32_t headBytes = packet->CopyData(head.data(), kMaxInnerHeaderBytes);

  const MacAddress source = wire::Ethernet{head.data()}.Source();
  if (source == m_link.address) return Verdict::VxlanLocalMac;
  if (m_link.vxlan.learning) {
    switch (kernel::SnoopVxlan(m_namespace, m_link, source, FromNs3(outer.GetSource()), Now())) {
      case kernel::VxlanSnoop::InvalidSource:
        return Verdict::VxlanBadSource;
      case kernel::VxlanSnoop::EntryExists:
        return Verdict::VxlanEntryExists;
      case kernel::VxlanSnoop::Accepted:
        if (!m_ageing.IsRunning()) Age();
    }
  }
  const auto inner = kernel::ReadInnerHeader(head.data(), headBytes);
  if (inner.truncated) {
    ++stats.rxLengthErrors;
    ++stats.rxErrors;
    return Verdict::VxlanInnerTooShort;
  }
  if (!inner.isIp) return Verdict::Continue;
  const auto ecn = kernel::DecapsulateEcn(outer.GetTos(), inner.tos);
  if (ecn.drop) {
    ++stats.rxFrameErrors;
    ++stats.rxErrors;
    return Verdict::EcnMalformed;
  }
  if (ecn.tos != inner.tos) {
    kernel::WriteInnerTos(head.data(), ecn.tos);
    packet->RemoveAtStart(headBytes);
    packet->AddHeader(RawBytes(head.data(), headBytes));
  }
  return Verdict::Continue;
}

// eth_type_trans() and netif_receive_skb()
void VxlanNetDevice::Deliver(ns3::Ptr<ns3::Packet> frame) {
  const auto sniffed = frame->Copy();
  ns3::EthernetHeader ethernet(false);
  frame->RemoveHeader(ethernet);
  const ns3::Mac48Address destination = ethernet.GetDestination();
  const PacketType type = destination == ns3::Mac48Address::GetBroadcast() ? PACKET_BROADCAST
                          : destination.IsGroup()                          ? PACKET_MULTICAST
                          : FromNs3(destination) == m_link.address         ? PACKET_HOST
                                                                           : PACKET_OTHERHOST;
  const uint16_t protocol = ethernet.GetLengthType();
  m_macPromiscRx(sniffed);
  m_promiscSniffer(sniffed);
  if (!m_promiscReceive.IsNull())
    m_promiscReceive(this, frame->Copy(), protocol, ethernet.GetSource(), destination, type);
  if (type == PACKET_OTHERHOST) return;
  m_macRx(sniffed);
  m_sniffer(sniffed);
  if (!m_receive.IsNull()) m_receive(this, frame, protocol, ethernet.GetSource());
}

void VxlanNetDevice::SetAddress(ns3::Address address) {
  m_link.address = FromNs3(ns3::Mac48Address::ConvertFrom(address));
}
ns3::Address VxlanNetDevice::GetAddress() const { return ToNs3(m_link.address); }
ns3::Address VxlanNetDevice::GetBroadcast() const { return ns3::Mac48Address::GetBroadcast(); }
ns3::Address VxlanNetDevice::GetMulticast(ns3::Ipv4Address group) const {
  return ns3::Mac48Address::GetMulticast(group);
}
ns3::Address VxlanNetDevice::GetMulticast(ns3::Ipv6Address group) const {
  return ns3::Mac48Address::GetMulticast(group);
}

bool VxlanNetDevice::SetMtu(const uint16_t mtu) {
  m_link.mtu = mtu;
  return true;
}

uint16_t VxlanNetDevice::GetMtu() const {
  if (m_link.mtu != 0) return static_cast<uint16_t>(m_link.mtu);
  const auto ip = m_node ? m_node->GetObject<ns3::Ipv4>() : nullptr;
  const int32_t lower = ip ? ip->GetInterfaceForAddress(GetLocal()) : -1;
  if (lower < 0) return kDefaultMtu;
  return static_cast<uint16_t>(ip->GetMtu(static_cast<uint32_t>(lower)) - wire::kVxlanOverheadBytes);
}

ns3::Ipv4Address VxlanNetDevice::GetLocal() const { return ToNs3(m_link.vxlan.local.V4()); }
void VxlanNetDevice::SetLocal(ns3::Ipv4Address local) { m_link.vxlan.local = FromNs3(local); }
ns3::Ipv4Address VxlanNetDevice::GetRemote() const { return ToNs3(m_link.vxlan.remote.V4()); }
void VxlanNetDevice::SetRemote(ns3::Ipv4Address remote) {
  NS_ABORT_MSG_IF(remote.IsMulticast(), "Remote " << remote << ": multicast groups are not supported yet");
  m_link.vxlan.remote = FromNs3(remote);
  if (!m_link.vxlan.remote.IsZero()) AppendFdb(ToNs3(MacAddress{}), remote);
}
int VxlanNetDevice::GetDf() const { return static_cast<int>(m_link.vxlan.df); }
void VxlanNetDevice::SetDf(int df) { m_link.vxlan.df = static_cast<kernel::VxlanDf>(df); }
ns3::Time VxlanNetDevice::GetAgeing() const { return ns3::Seconds(m_link.vxlan.ageing); }
void VxlanNetDevice::SetAgeing(ns3::Time ageing) {
  m_link.vxlan.ageing = static_cast<uint32_t>(ageing.GetSeconds());
  Age();
}

}  // namespace overlaysim
