#pragma once

#include <ns3/channel.h>
#include <ns3/event-id.h>
#include <ns3/ipv4-address.h>
#include <ns3/ipv4-header.h>
#include <ns3/mac48-address.h>
#include <ns3/net-device.h>
#include <ns3/node.h>
#include <ns3/nstime.h>
#include <ns3/traced-callback.h>

#include <type_traits>
#include <utility>
#include <vector>

#include "models/linux/link.h"
#include "models/linux/namespace.h"
#include "sim/trace/record.h"

namespace overlaysim {

/// Linux's vxlan device for any ns-3 node with an IPv4 stack: to the stack above an Ethernet card, below it UDP over
/// that same node's stack. Attributes have iproute2's names and the kernel's defaults. Decisions and tables are those
/// of models/linux. What it leaves out stands in docs/models/vxlan-net-device.md. VxlanHelper installs it.
class VxlanNetDevice : public ns3::NetDevice {
 public:
  static ns3::TypeId GetTypeId();
  VxlanNetDevice();

  /// `bridge fdb add|append MAC dev DEV dst REMOTE [port PORT] [vni VNI]`; 0: the device's port or VNI. The all-zero
  /// MAC stands for all unknown, broadcast and multicast ones; it and multicast MACs may have several remotes, and each
  /// gets a copy (head-end replication). Returns 0 or errno: EEXIST (add), ENOSPC (MaxAddress).
  int AddFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port = 0, uint32_t vni = 0);
  int AppendFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port = 0, uint32_t vni = 0);
  int DeleteFdb(ns3::Mac48Address mac);  ///< with all its remotes; ENOENT if there is none
  std::vector<kernel::VxlanFdbEntry> Fdb() const { return m_namespace.AllVxlanFdb(m_link.ifindex); }  ///< by MAC

  const kernel::VxlanOptions& Options() const { return m_link.vxlan; }
  const kernel::LinkStats& Stats() const { return m_link.stats; }  ///< `ip -s link`; bytes without Ethernet header

  /// Takes what came to DstPort for Vni: VXLAN header first, the outer IPv4 header beside it.
  void Decapsulate(ns3::Ptr<ns3::Packet> packet, const ns3::Ipv4Header& outer);

  /// Signatures of the trace sources. Drop: the frame, or on reception what was left of the packet when it was dropped.
  using DropCallback = void (*)(ns3::Ptr<const ns3::Packet>, Verdict);
  /// Encapsulated: the outer UDP datagram, with the outer IPv4 source and destination.
  using EncapsulatedCallback = void (*)(ns3::Ptr<const ns3::Packet>, ns3::Ipv4Address, ns3::Ipv4Address);
  /// Decapsulated: the inner frame, and the outer IPv4 header.
  using DecapsulatedCallback = void (*)(ns3::Ptr<const ns3::Packet>, const ns3::Ipv4Header&);

  // ns3::NetDevice
  void SetIfIndex(const uint32_t index) override { m_ifIndex = index; }
  uint32_t GetIfIndex() const override { return m_ifIndex; }
  /// A channel with this device alone, so that global routing sees a network that ends here. One with all VTEPs on it
  /// would look like the shortest way through the underlay, and packets would be tunnelled in themselves.
  ns3::Ptr<ns3::Channel> GetChannel() const override { return m_channel; }
  void SetAddress(ns3::Address address) override;
  ns3::Address GetAddress() const override;
  bool SetMtu(const uint16_t mtu) override;
  uint16_t GetMtu() const override;
  bool IsLinkUp() const override { return true; }
  void AddLinkChangeCallback(ns3::Callback<void>) override {}  // the link never changes
  bool IsBroadcast() const override { return true; }
  ns3::Address GetBroadcast() const override;
  bool IsMulticast() const override { return true; }
  ns3::Address GetMulticast(ns3::Ipv4Address group) const override;
  ns3::Address GetMulticast(ns3::Ipv6Address group) const override;
  bool IsBridge() const override { return false; }
  bool IsPointToPoint() const override { return false; }
  bool Send(ns3::Ptr<ns3::Packet> packet, const ns3::Address& destination, uint16_t protocol) override;
  bool SendFrom(ns3::Ptr<ns3::Packet> packet, const ns3::Address& source, const ns3::Address& destination,
                uint16_t protocol) override;
  ns3::Ptr<ns3::Node> GetNode() const override { return m_node; }
  void SetNode(ns3::Ptr<ns3::Node> node) override { m_node = node; }
  bool NeedsArp() const override { return true; }
  void SetReceiveCallback(ReceiveCallback callback) override { m_receive = callback; }
  void SetPromiscReceiveCallback(PromiscReceiveCallback callback) override { m_promiscReceive = callback; }
  bool SupportsSendFrom() const override { return true; }

 protected:
  void DoInitialize() override;
  void DoDispose() override;

 private:
  // Attributes that are fields of the kernel's options.
  template <auto kField>
  using OptionType = std::remove_reference_t<decltype(std::declval<kernel::VxlanOptions&>().*kField)>;
  template <auto kField>
  OptionType<kField> GetOption() const {
    return m_link.vxlan.*kField;
  }
  template <auto kField>
  void SetOption(OptionType<kField> value) {
    m_link.vxlan.*kField = value;
  }
  template <auto kField>
  static ns3::Ptr<const ns3::AttributeAccessor> UintegerOption();
  template <auto kField>
  static ns3::Ptr<const ns3::AttributeAccessor> BooleanOption();
  ns3::Ipv4Address GetLocal() const;
  void SetLocal(ns3::Ipv4Address local);
  ns3::Ipv4Address GetRemote() const;
  void SetRemote(ns3::Ipv4Address remote);
  int GetDf() const;
  void SetDf(int df);
  ns3::Time GetAgeing() const;
  void SetAgeing(ns3::Time ageing);

  int ChangeFdb(ns3::Mac48Address mac, ns3::Ipv4Address remote, uint16_t port, uint32_t vni, uint8_t flags);
  void Age();
  struct Outgoing;
  Verdict Encapsulate(const Outgoing& outgoing, const kernel::VxlanRemote& remote);
  Verdict CheckReceived(ns3::Ptr<ns3::Packet> packet, const ns3::Ipv4Header& outer);
  void Deliver(ns3::Ptr<ns3::Packet> frame);

  ns3::Ptr<ns3::Node> m_node;
  ns3::Ptr<ns3::Channel> m_channel;
  uint32_t m_ifIndex = 0;
  uint64_t m_hashSeed = 0;
  kernel::Namespace m_namespace;  ///< holds this one link and its FDB
  kernel::Link& m_link;           ///< mtu 0: as the device that has Local says
  ns3::EventId m_ageing;
  ReceiveCallback m_receive;
  PromiscReceiveCallback m_promiscReceive;

  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>> m_macTx, m_macPromiscRx, m_macRx, m_sniffer, m_promiscSniffer;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, ns3::Ipv4Address, ns3::Ipv4Address> m_encapsulated;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, const ns3::Ipv4Header&> m_decapsulated;
  ns3::TracedCallback<ns3::Ptr<const ns3::Packet>, Verdict> m_drop;
};

}  // namespace overlaysim
