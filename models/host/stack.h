#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "models/host/network.h"
#include "models/host/reassembly.h"
#include "models/linux/ipv6_tables.h"
#include "models/linux/namespace.h"
#include "models/linux/programs.h"
#include "models/wire/flow_hash.h"
#include "models/wire/headers.h"

namespace overlaysim::host {

/// What a socket or the stack itself wants sent.
struct SendRequest {
  IpAddress source;       ///< none or zero: as the kernel selects
  IpAddress destination;  ///< its family is the packet's
  uint8_t protocol = 0;
  uint8_t ttl = 0;  ///< 0: net.ipv4.ip_default_ttl, the device's hop limit, 1 to an IPv6 group
  uint8_t tos = 0;  ///< or traffic class
  uint16_t sourcePort = 0, destinationPort = 0;  ///< of UDP and TCP: they choose among several next hops
  enum class Pmtu : uint8_t { Dont, Want, Do } pmtu = Pmtu::Dont;  ///< IP_MTU_DISCOVER
  int oif = 0;                                                     ///< 0: by routing
  uint32_t mark = 0;
  uint64_t cause = 0;  ///< journey that made us send this
  uint32_t flow = UINT32_MAX;
  std::span<const uint8_t> options;  ///< of the IPv4 header, a multiple of 4 bytes
  uint32_t socketHash = 0;           ///< hash of the sending TCP socket; 0: none
  bool connected = false;            ///< a connected socket numbers even its DF packets
  bool openChecksum = false;         ///< UDP: the checksum field holds the pseudo header's sum
  bool isSound = false;              ///< see wire::Frame
  uint64_t connection = 0;           ///< whose answer it is in connection tracking's eyes; see wire::Frame
  uint8_t connectionInfo = 0;
  bool anySource = false;     ///< the source need not be an address of ours (FLOWI_FLAG_ANYSRC)
  bool autoFlowLabel = true;  ///< IPV6_AUTOFLOWLABEL: a label from the flow's hash, where net.ipv6.auto_flowlabels lets
};

/// A received packet as its protocol sees it.
struct Received {
  const wire::Frame& frame;  ///< Data() is the IP header
  wire::Ipv4 ip;             ///< of an IPv4 packet
  const uint8_t* payload;    ///< behind the IP header and what extends it
  uint32_t payloadBytes;

  wire::Ipv6 Ip6() const { return {ip.p}; }
  bool IsV6() const { return ip.Version() == 6; }
  IpAddress Source() const { return IsV6() ? IpAddress(Ip6().Source()) : ip.Source(); }
  IpAddress Destination() const { return IsV6() ? IpAddress(Ip6().Destination()) : ip.Destination(); }
  uint8_t Ttl() const { return IsV6() ? Ip6().HopLimit() : ip.Ttl(); }
  uint8_t Tos() const { return IsV6() ? Ip6().TrafficClass() : ip.Tos(); }
};

struct UdpDatagram {
  IpAddress source, destination;
  uint16_t sourcePort, destinationPort;
  const uint8_t* data;
  uint32_t bytes;
  uint8_t ttl, tos;
  uint64_t journey;
  uint32_t flow;
  uint64_t cause = 0;  ///< journey that made its sender send it; 0: none
};

/// A bound UDP port: who takes its datagrams.
struct UdpSocketEnd {
  std::function<void(const UdpDatagram&)> handler;
  bool isOpen = true;
};

/// Which table row decided.
struct Row {
  kernel::Table table{};
  uint32_t id = 0;
};

class WireguardDevice;
struct IpsecWay;

/// The Linux network stack of one namespace: its tables (kernel::Namespace) and the packet path in kernel order, on
/// flat frames, from cable or socket to cable or socket. Inside a kernel a packet moves by calls; a cable is an event.
///
/// The functions are named for the kernel's steps and stand in the files device.cc, bridge.cc, arp.cc, ndisc.cc,
/// neighbour.cc, ipv4_input.cc, ipv4_output.cc, fragment.cc, netfilter.cc, icmp.cc, ipv6_input.cc, ipv6_output.cc,
/// ipv6_fragment.cc, icmpv6.cc, mld.cc, udp.cc, tcp.cc, vxlan.cc, geneve.cc, ipip.cc, programs.cc, wireguard.cc,
/// flanneld.cc, ipsec.cc.
class Stack {
 public:
  Stack(Network& network, std::unique_ptr<kernel::Namespace> ns, Backlog& backlog);
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  kernel::Namespace& Ns() { return *m_ns; }
  const kernel::Namespace& Ns() const { return *m_ns; }
  Network& Net() { return m_network; }
  const Network& Net() const { return m_network; }
  Backlog& KernelBacklog() { return m_backlog; }
  NetnsId Id() const { return m_ns->Id(); }

  // --- devices
  /// A frame comes in on that device: from its cable, its veth peer, a tunnel. To be called inside a Backlog::Guard.
  void Receive(int ifindex, wire::FramePtr frame);
  /// The device itself has made that frame, or has it from another device of this host: it is for this host.
  void Reinject(int ifindex, wire::FramePtr frame);
  /// A frame goes out of that device, Ethernet header in place. As all functions on the way out: 0, or the errno that a
  /// sending socket would be told of.
  int Transmit(int ifindex, wire::FramePtr frame);
  void CarrierChanged(int ifindex, bool carrier);
  /// Network::CountUnheard() of this namespace.
  bool ArpCountUnheard(int ifindex, const ArpQuestion& question);
  /// Frames of that device are shown to the observer; a captured device is promiscuous, as under tcpdump.
  void SetCaptured(int ifindex, bool captured);
  bool IsCaptured(int ifindex) const {
    return static_cast<size_t>(ifindex) < m_captured.size() && m_captured[static_cast<size_t>(ifindex)];
  }

  // --- sockets. Functions that send answer 0 or a positive errno, as sendto() would.
  using UdpHandler = std::function<void(const UdpDatagram&)>;
  using IcmpHandler =
      std::function<void(const Received&)>;  ///< sees every ICMP and ICMPv6 message for this host, as raw sockets
  using ProtocolHandler = std::function<bool(const Received&)>;  ///< false: not mine
  /// Bound to an address (zero: any of its family; none: any at all) and a port; 0 or EADDRINUSE.
  int BindUdp(const IpAddress& address, uint16_t port, UdpHandler handler);
  void CloseUdp(const IpAddress& address, uint16_t port);
  /// The socket that sent from that port is closed: ICMP errors about its datagrams find nobody any more.
  /// Of a socket that only sends, before it does. False: another one has that port.
  bool OpenUdpSender(uint16_t port) { return m_udpSenders.insert(port).second; }
  void CloseUdpSender(uint16_t port) {
    if (m_udpSenders.erase(port) > 0) ++m_closedUdpSenders;
  }
  int OpenRawIcmp(IcmpHandler handler);  ///< returns a handle for CloseRawIcmp
  void CloseRawIcmp(int handle);
  /// What speaks TCP for this namespace; without one every segment is answered with RST.
  void SetTcp(ProtocolHandler handler) { m_tcp = std::move(handler); }
  /// Asked for datagrams to a port that nobody has bound.
  void SetUdp(ProtocolHandler handler) { m_udpElsewhere = std::move(handler); }

  struct RouteOut {
    int error = 0;
    Ipv4Address source;
    kernel::RouteAnswer answer;
    bool toLocal = false;
    bool broadcast = false;
    std::shared_ptr<const IpsecWay> ipsec;  ///< the tunnel that policy sends it through; null: none
  };
  RouteOut RouteOutput(const SendRequest& request);
  uint32_t OutputMtu(const RouteOut& out, Ipv4Address destination) const;  ///< with what was learnt
  struct RouteOut6 {
    int error = 0;
    Ipv6Address source;
    kernel::Route6Answer answer;
    bool toLocal = false;
  };
  RouteOut6 RouteOutput6(const SendRequest& request);
  uint32_t OutputMtu(const RouteOut6& out, const Ipv6Address& destination) const;
  /// Of either family: 0 or a positive errno, the source address and the MTU towards that destination.
  struct PathOut {
    int error = 0;
    IpAddress source;
    uint32_t mtu = 0;
    bool broadcast = false;
  };
  PathOut FindPath(const SendRequest& request);
  /// Sends `payload` (transport header first, its checksum filled in for the source that is told), in fragments if need
  /// be. The frame's journey is returned through `journey`.
  int SendIpv4(const SendRequest& request, std::span<const uint8_t> payload, const RouteOut* routed = nullptr,
               uint64_t* journey = nullptr);
  /// The same over IPv6.
  int SendIpv6(const SendRequest& request, std::span<const uint8_t> payload, const RouteOut6* routed = nullptr,
               uint64_t* journey = nullptr);
  int SendUdp(const SendRequest& request, uint16_t sourcePort, uint16_t destinationPort, std::span<const uint8_t> data,
              uint64_t* journey = nullptr);
  /// What a socket keeps that sends the same datagram again and again.
  struct RepeatedUdp {
    FlowCache::Slot slot;
    uint32_t closedSenders = 0;
  };
  /// The same for the next of a row of datagrams that differ in nothing; `data` stays where it is. Inside a guard.
  int SendUdp(const SendRequest& request, uint16_t sourcePort, uint16_t destinationPort, std::span<const uint8_t> data,
              RepeatedUdp& repeated, uint64_t* journey = nullptr);
  void Forget(RepeatedUdp& repeated) { m_backlog.flows->Drop(repeated.slot); }
  int SendIcmpEcho(const SendRequest& request, uint16_t id, uint16_t sequence, std::span<const uint8_t> data,
                   uint64_t* journey = nullptr);
  /// An IPv4 packet made by someone else (ns-3's TCP): header and payload as they are, identification and DF ours.
  int SendPacket(wire::FramePtr packet, const RouteOut& routed);
  /// The same over IPv6: hop limit and flow label are ours.
  int SendPacket(wire::FramePtr packet, const RouteOut6& routed);
  uint16_t NewIdentification(Ipv4Address destination, uint8_t protocol);

  /// Told of each change of the namespace's tables, before packets see it.
  void SetTableListener(std::function<void(const kernel::TableChange&)> listener) {
    m_onwardChange = std::move(listener);
  }

  /// A frame of someone who talks to a device directly (AF_PACKET), Ethernet header first.
  void SendFrame(int ifindex, wire::FramePtr frame);
  /// An AF_PACKET socket: sees what comes in on that device with that type, Ethernet header first, unless the device is
  /// a port of a bridge. Returns a handle for ClosePacket.
  using PacketHandler = std::function<void(const wire::Frame&)>;
  int OpenPacket(int ifindex, uint16_t etherType, PacketHandler handler);
  void ClosePacket(int handle);

  /// A frame that was on its way to that device ends, because the device does not take it or the way has ended.
  void Refuse(Stage stage, Verdict verdict, wire::FramePtr frame, int ifindex);

  // --- accounts
  /// Ends what waits for a neighbour or for fragments, see Network::EndRun().
  void EndRun();
  /// Packets that were made here: sent, copied, cut from a larger one, put together from fragments.
  uint64_t MadePackets() const { return m_madePackets; }
  uint64_t EndedPackets() const { return m_endedPackets; }  ///< here, with whatever verdict
  /// Frames on their way to that device which it never received.
  uint64_t RefusedFrames(int ifindex) const;
  /// Whether the next packet that it makes will belong to the sample of those that are recorded.
  bool SamplesNext(uint32_t flow, uint64_t cause) const {
    return m_network.samplesRecords &&
           m_network.observer->IsSampled((uint64_t{Id().value} + 1) << 32 | (m_journeys + 1), flow, cause);
  }
  uint64_t NewJourney() { return (uint64_t{Id().value} + 1) << 32 | ++m_journeys; }
  uint64_t NextSequence() { return ++m_sequence; }
  /// A timer of this namespace: runs inside a Backlog::Guard.
  template <typename F>
  void After(Nanoseconds delay, F&& f);
  /// The same inside a quiet guard; `touches`: see engine::EventOrder.
  template <typename F>
  void AfterQuietly(Nanoseconds delay, std::array<const void*, 2> touches, F&& f);

 private:
  friend class WireguardDevice;
  friend class FlowCache;
  bool Tracing(const wire::Frame& frame) const { return m_network.observeRecords || frame.isRecorded; }
  void Trace(Stage stage, Verdict verdict, const wire::Frame& frame, int ifindex, Row row = {});
  /// Ends a frame: counts the verdict, and records it.
  void Finish(Stage stage, Verdict verdict, wire::FramePtr frame, int ifindex = 0, Row row = {});
  void Count(kernel::Snmp counter, uint64_t n = 1) { m_ns->snmp.Add(counter, n); }
  void CountEnd(Verdict verdict);
  wire::FramePtr Copy(const wire::Frame& frame);  ///< a copy with a packet number of its own
  /// A packet that comes of `of` (its fragment, its whole): its marks, a packet number of its own, `size` bytes that
  /// are not initialised.
  wire::FramePtr Derive(const wire::Frame& of, uint32_t size);
  void StartJourney(wire::Frame& frame, uint64_t cause);

  // device.cc
  void Watch(kernel::Link* link);
  void TransmitPhysical(kernel::Link& link, wire::FramePtr frame);
  int TransmitVeth(kernel::Link& link, wire::FramePtr frame);
  bool IsDeactivated(const kernel::Link& link) const;
  void LinkTableChanged(const kernel::Link& port);
  void TransmitLoopback(kernel::Link& link, wire::FramePtr frame);
  void NetifReceive(kernel::Link& link, wire::FramePtr frame);
  void PassUp(kernel::Link& link, wire::FramePtr frame);
  void DeliverPacketSockets(const kernel::Link& link, const wire::Frame& frame);

  /// Where a packet meets a hook.
  struct HookPlace {
    int in = 0, out = 0;
    int physicalIn = 0, physicalOut = 0;  ///< ports, of a bridged packet
    Ipv4Address gateway;                  ///< of IPv4's Postrouting
    // Of Output: changed when the packet is given another destination or mark.
    RouteOut* route = nullptr;
    RouteOut6* route6 = nullptr;
  };

  // bridge.cc
  void BridgeInput(kernel::Link& port, kernel::Link& bridge, wire::FramePtr frame);
  bool BridgeValidateIpv4(wire::Frame& frame);
  bool BridgeValidateIpv6(wire::Frame& frame);
  void BridgeTransmit(kernel::Link& bridge, wire::FramePtr frame);
  void BridgePassUp(kernel::Link& bridge, wire::FramePtr frame);
  bool BridgeMayDeliver(const kernel::Link& to, const kernel::Link* from) const;
  /// `from`: the port that it came in by; null: the host itself sends it.
  void BridgeForward(kernel::Link& to, wire::FramePtr frame, const kernel::Link* from = nullptr);
  void BridgeSend(kernel::Link& to, wire::FramePtr frame);
  bool BridgePassesHook(kernel::Hook hook, wire::FramePtr& frame, const HookPlace& place);
  std::vector<kernel::Link*> BridgeFloodPorts(const kernel::Link& bridge, const kernel::Link* from,
                                              const MacAddress& destination);
  void BridgeFlood(kernel::Link& bridge, const kernel::Link* from, const wire::Frame& frame);
  void BridgeFlood(kernel::Link& bridge, const kernel::Link* from, wire::FramePtr frame);
  std::optional<ArpQuestion> MayBeUnheard(const wire::Frame& frame) const;
  bool FloodUnheard(kernel::Link& to, const ArpQuestion& question);
  void BridgeLearn(kernel::Link& bridge, kernel::Link& port, MacAddress source);

  // arp.cc
  void ArpReceive(kernel::Link& link, wire::FramePtr frame);
  void ArpSend(uint16_t operation, kernel::Link& link, Ipv4Address targetIp, Ipv4Address senderIp,
               const MacAddress& ethernetTo, const MacAddress& targetMac, uint64_t cause);

  void ArpSolicit(kernel::Link& link, const kernel::Neighbour& entry, const wire::Frame* waiting, bool unicast);

  // neighbour.cc: one machine for both families
  struct NeighbourQueue {
    std::deque<wire::FramePtr> frames;  ///< IP packets that wait for the address
    uint32_t bytes = 0;
  };
  /// What neigh_update() is told.
  struct NeighbourNews {
    std::optional<MacAddress> mac;  ///< none: what is known stays
    kernel::NudState state = kernel::NudState::Stale;
    bool override = false;       ///< another address replaces the one that is known
    bool weakOverride = false;   ///< without `override`, another address makes a reachable entry stale
    std::optional<bool> router;  ///< the neighbour says of itself that it is one
  };
  template <typename A>
  int NeighbourOutput(kernel::Link& link, const A& nextHop, wire::FramePtr packet);
  int NeighbourSend(kernel::Link& link, const MacAddress& to, wire::FramePtr packet);
  template <typename A>
  bool NeighbourBegin(kernel::BasicNeighbour<A>& entry);
  template <typename A>
  void NeighbourProbe(kernel::BasicNeighbour<A>& entry);
  template <typename A>
  void NeighbourTimer(kernel::BasicNeighbour<A>& entry);
  template <typename A>
  void NeighbourArm(kernel::BasicNeighbour<A>& entry, Nanoseconds delay);
  template <typename A>
  void NeighbourInvalidate(const kernel::BasicNeighbour<A>& entry);
  template <typename A>
  void NeighbourLearn(kernel::BasicNeighbour<A>& entry, const NeighbourNews& news);
  template <typename A>
  kernel::BasicNeighbour<A>& NeighbourCreate(int ifindex, const A& ip);
  template <typename A>
  void NeighbourTableChanged(const kernel::TableChange& change);
  template <typename A>
  void FlushNeighbourQueue(int ifindex, const A& ip, bool resolved);

  // ipv4_input.cc
  void Ipv4Receive(kernel::Link& link, wire::FramePtr frame);
  struct InputRoute {
    Verdict verdict = Verdict::Continue;
    int error = 0;  ///< errno of ip_error(), with verdict != Continue
    bool local = false;
    bool broadcast = false;
    kernel::RouteAnswer answer;
  };
  InputRoute RouteInput(kernel::Link& link, const wire::Frame& packet);
  Verdict ValidateSource(const kernel::Link& link, Ipv4Address source, Ipv4Address destination, uint8_t tos,
                         uint32_t mark, uint32_t spi);
  bool PassesOptions(kernel::Link& link, wire::FramePtr& packet, const InputRoute& route);
  void Ipv4Deliver(kernel::Link& link, wire::FramePtr packet, bool broadcast);
  void Ipv4Forward(kernel::Link& link, wire::FramePtr packet, const kernel::RouteAnswer& answer);
  bool IsOnLink(const kernel::Link& link, Ipv4Address sender) const;
  void RedirectSender(const wire::Frame& packet, const kernel::Link& link, const kernel::RouteAnswer& answer);
  void Ipv4Error(kernel::Link& link, wire::FramePtr packet, const InputRoute& route);

  // ipv4_output.cc
  int Ipv4LocalOut(wire::FramePtr packet, const RouteOut& out);
  int Ipv4Output(wire::FramePtr packet, const kernel::RouteAnswer& answer, uint32_t mtu);
  int Ipv4FinishOutput(wire::FramePtr packet, const kernel::RouteAnswer& answer);
  int Ipv4Append(const SendRequest& request, const RouteOut& out, std::span<const uint8_t> payload, uint64_t* journey);
  uint32_t MultipathHashOf(const wire::Frame& packet) const;
  Ipv4Address PreferredSource(const kernel::RouteAnswer& answer) const;

  // netfilter.cc
  /// nf_hook(): false: the packet has ended there.
  bool PassesHook(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place) {
    return !m_ns->netfilter.IsActive(hook) || WalkHook(hook, packet, place);
  }
  bool PassesHook6(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place) {
    return !m_ns->netfilter.IsActive(hook, true) || WalkHook(hook, packet, place);
  }
  bool WalkHook(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place);
  bool Defragment(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place);
  bool WalkChain(kernel::Hook hook, const kernel::HookStep& step, wire::FramePtr& packet, const HookPlace& place);
  kernel::FilterPacket DescribePacket(const wire::Frame& packet, const HookPlace& place);
  void Reject(const wire::Frame& packet, kernel::RejectWith with);
  static uint8_t AnswerInfo(const wire::Frame& packet);  ///< connectionInfo of an answer to it (nf_conntrack_attach())
  bool Reroute(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place);
  bool TrackConnection(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place);
  void TrackError(wire::Frame& packet);
  bool Translate(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place);
  bool BindConnection(kernel::Hook hook, wire::FramePtr& packet, const HookPlace& place,
                      kernel::Connection& connection);
  IpAddress MasqueradeAddress(const HookPlace& place, const IpAddress& destination) const;
  IpAddress RedirectAddress(kernel::Hook hook, const HookPlace& place, const IpAddress& destination) const;
  bool TranslateError(kernel::Hook hook, wire::Frame& packet, const kernel::Connection& connection);
  bool ConfirmConnection(wire::FramePtr& packet, const HookPlace& place);

  // fragment.cc
  int Fragment(wire::FramePtr packet, uint32_t mtu, const std::function<int(wire::FramePtr)>& output);
  /// The whole datagram, or null while parts are missing.
  wire::FramePtr Reassemble(wire::FramePtr fragment, ReassemblyUser user);

  // ip_options.cc
  Ipv4Address SpecificDestination(const kernel::Link& link, const wire::Frame& packet, const InputRoute& route);
  uint8_t CompileOptions(const kernel::Link& link, wire::Frame& packet, const InputRoute& route);
  void ForwardOptions(wire::Frame& packet, const kernel::RouteAnswer& answer);
  std::optional<std::vector<uint8_t>> EchoOptions(const wire::Frame& packet, Ipv4Address source) const;
  static void ClearUncopiedOptions(uint8_t* ip);
  static uint32_t TimeOfDay();  ///< of ICMP and IPv4 timestamps: milliseconds since midnight; a run begins at midnight

  // icmp.cc
  void DeliverRawIcmp(const Received& message);
  void IcmpReceive(kernel::Link& link, wire::FramePtr packet, bool toGroup);
  void IcmpReply(const wire::Frame& request, std::vector<uint8_t> message);
  void IcmpSend(const wire::Frame& packet, uint8_t type, uint8_t code, uint32_t info);
  bool RouteErrorAllowed(Ipv4Address to);
  bool IcmpAllowed(Ipv4Address to, uint8_t type, uint8_t code, const RouteOut& out);
  Verdict IcmpError(const Received& message);
  void FollowRedirect(const Received& message, const wire::Ipv4& quoted);
  void IcmpPmtu(const Received& message, uint32_t mtu);

  // geneve.cc
  void GeneveTransmit(kernel::Link& link, wire::FramePtr frame);
  void TransmitExternal(kernel::Link& link, wire::FramePtr frame);
  kernel::Link* FindGeneve(uint16_t port, uint32_t vni, const IpAddress& from);  ///< nullptr: no such device is up
  void GeneveReceive(kernel::Link& in, wire::FramePtr packet, uint32_t udpOffset);

  // programs.cc
  /// False: the program has taken the frame.
  bool PassesProgram(kernel::ProgramHook hook, const kernel::Link& link, wire::FramePtr& frame) {
    return !m_ns->programs || RunProgram(hook, link, frame);
  }
  bool RunProgram(kernel::ProgramHook hook, const kernel::Link& link, wire::FramePtr& frame);
  void SendOn(wire::FramePtr frame, const kernel::ProgramResult::Output& output);
  void OpenvswitchTransmit(kernel::Link& link, wire::FramePtr frame);

  // ipip.cc
  int IpipTransmit(kernel::Link& link, wire::FramePtr packet);
  kernel::Link* IpipFind(Ipv4Address from, Ipv4Address to);
  bool IpipReceive(wire::FramePtr& packet);

  // wireguard.cc
  WireguardDevice& Wireguard(int ifindex);
  void WireguardChanged(const kernel::Link& link, bool isThere);
  void StartWireguard();
  const kernel::Link* WireguardSocket(uint16_t port) const;  ///< a device that has that UDP port open, if any

  // flanneld.cc
  int TunTransmit(kernel::Link& link, wire::FramePtr packet);
  const kernel::Link* FlanneldSocket(Ipv4Address to, uint16_t port) const;
  void FlanneldReceive(kernel::Link& link, wire::FramePtr packet, uint32_t udpOffset);
  void FlanneldUnreachable(const kernel::Link& link, const wire::Frame& packet);

  // ipsec.cc
  int ApplyPolicy(Ipv4Address source, Ipv4Address destination, uint8_t tos, uint32_t mark, RouteOut& out);
  Verdict CheckPolicy(wire::Frame& packet);
  int IpsecOutput(wire::FramePtr packet, const RouteOut& out);
  void EspReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset, bool isInUdp);
  bool CharonReceive(kernel::Link& link, wire::FramePtr& packet, uint32_t udpOffset);

  // ipv6_input.cc
  void Ipv6Receive(kernel::Link& link, wire::FramePtr frame);
  bool Ipv6ParseOptions(kernel::Link& link, wire::FramePtr& packet, uint32_t offset, Stage stage);
  void Ipv6RouteInput(kernel::Link& link, wire::FramePtr packet);
  void Ipv6Deliver(kernel::Link& link, wire::FramePtr packet);
  void Ipv6Forward(kernel::Link& link, wire::FramePtr packet, const kernel::Route6Answer& answer);
  void Ipv6Error(kernel::Link& link, wire::FramePtr packet, const kernel::Route6Answer& answer);
  /// icmpv6_param_prob() with the drop.
  void Ipv6Problem(Stage stage, Verdict verdict, wire::FramePtr packet, uint8_t code, uint32_t offset);

  // ipv6_output.cc
  int Ipv6LocalOut(wire::FramePtr packet, const RouteOut6& out);
  int Ipv6Output(wire::FramePtr packet, const kernel::Route6Answer& answer, uint32_t mtu);
  int Ipv6FinishOutput(wire::FramePtr packet, const kernel::Route6Answer& answer);
  uint32_t Ipv6PathMtu(const kernel::Route6Answer& answer, const Ipv6Address& destination) const;
  uint32_t MultipathHashOf6(const wire::Frame& packet) const;
  wire::FlowKeys6 FlowOf(const SendRequest& request, const Ipv6Address& source) const;

  // ipv6_fragment.cc
  int Ipv6Fragment(wire::FramePtr packet, uint32_t mtu, const std::function<int(wire::FramePtr)>& output);
  /// What follows a fragment header at `offset`: the packet itself without it, the whole datagram, or null while parts
  /// are missing. Connection tracking lets pass what it can make nothing of.
  wire::FramePtr Ipv6Reassemble(kernel::Link& link, wire::FramePtr fragment, uint32_t offset, uint32_t nextHeaderAt,
                                ReassemblyUser user = ReassemblyUser::LocalDeliver);

  // icmpv6.cc
  void Icmpv6Receive(kernel::Link& link, wire::FramePtr packet, uint32_t offset);
  Verdict Icmpv6Reply(const Received& request);
  void Icmpv6Send(const wire::Frame& packet, uint8_t type, uint8_t code, uint32_t info);
  bool Icmpv6Allowed(uint8_t type, const Ipv6Address& to, const RouteOut6& out);
  Verdict Icmpv6Notify(const Received& message);
  void CountIcmpv6Out(uint8_t type);
  int SendIcmpv6(const SendRequest& request, std::vector<uint8_t> message, const RouteOut6* routed = nullptr,
                 uint64_t* journey = nullptr);
  bool IcmpGlobalAllowed();

  // ndisc.cc
  Verdict NdiscReceive(kernel::Link& link, const Received& message);
  Verdict NdiscSolicitation(kernel::Link& link, const Received& message, const std::optional<MacAddress>& sender);
  Verdict NdiscAdvertisement(kernel::Link& link, const Received& message, const std::optional<MacAddress>& target);
  void NdiscSolicit(kernel::Link& link, const kernel::Neighbour6& entry, const wire::Frame* waiting, bool unicast);
  void NdiscSend(kernel::Link& link, const Ipv6Address& source, const Ipv6Address& destination,
                 std::vector<uint8_t> message, uint64_t cause);
  void NdiscSendSolicitation(kernel::Link& link, const Ipv6Address& target, const Ipv6Address& source,
                             const Ipv6Address& destination, uint64_t cause, std::span<const uint8_t> nonce = {});
  void NdiscSendAdvertisement(kernel::Link& link, const Ipv6Address& target, const Ipv6Address& destination,
                              uint8_t flags, bool withAddress, uint64_t cause);
  void NdiscSendRedirect(kernel::Link& link, const wire::Frame& packet, const Ipv6Address& target);
  void Ipv6Happened(const kernel::Ipv6Event& event);
  void StartIpv6();
  void DetectDuplicates(int ifindex, const Ipv6Address& address, int32_t probes);

  // mld.cc
  void MldChanged(int ifindex, const Ipv6Address& group, bool joined, uint32_t times = 0);  ///< 0: mld_qrv
  void MldTimer(int ifindex);

  // igmp.cc
  std::set<std::pair<int, Ipv4Address>> IgmpGroups() const;
  void IgmpFollow();
  void IgmpChanged(int ifindex, Ipv4Address group, bool joined);
  void IgmpTimer(int ifindex);

  // udp.cc
  void PushUdp(wire::Frame& message, const SendRequest& request, const RouteOut& out);
  bool UdpHasSender(const wire::Ipv4& quoted, uint32_t bytes) const;
  void UdpReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset, bool broadcast);
  void UdpLiteReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset);
  std::shared_ptr<UdpSocketEnd> FindUdpSocket(const IpAddress& destination, uint16_t port) const;

  // tcp.cc
  void TcpReceive(kernel::Link& link, wire::FramePtr packet, uint32_t offset);
  void TcpReset(const Received& segment, uint8_t tos, uint8_t connectionInfo = 0);

  // vxlan.cc
  void VxlanTransmit(kernel::Link& link, wire::FramePtr frame);
  void VxlanTransmitTo(kernel::Link& link, wire::FramePtr frame, const kernel::VxlanRemote& remote,
                       bool shortCircuited);
  bool VxlanShortCircuit(const kernel::Link& link, wire::Frame& frame);
  const kernel::Link* VxlanSocket(uint16_t port, bool isV6) const;  ///< a device that has that UDP port open, if any
  kernel::Link* FindVxlan(uint16_t port, uint32_t vni, bool isV6);  ///< nullptr: no such device is up
  void VxlanReceive(kernel::Link& in, wire::FramePtr packet, uint32_t udpOffset);
  void VxlanBypass(kernel::Link& link, kernel::Link& to, wire::FramePtr frame);
  void VxlanBypassLearning(kernel::Link& link, kernel::Link& to, wire::FramePtr frame);
  /// The rest of vxlan_rcv() and geneve_rx(): the frame is without its outer headers.
  void TunnelReceive(kernel::Link& link, wire::FramePtr frame, uint8_t outerTos);
  void VxlanArmAgeing(int ifindex);
  void VxlanScanAfter(int ifindex, Nanoseconds delay);
  void VxlanScansFollow(const kernel::Link& link);
  bool VxlanProxy(kernel::Link& link, wire::FramePtr& frame);
  bool VxlanIsBridgeLocal(const kernel::Link& link, const MacAddress& mac) const;
  wire::FramePtr VxlanReduceArp(kernel::Link& link, const wire::Frame& frame);
  wire::FramePtr VxlanReduceNdisc(const kernel::Link& link, const wire::Frame& frame);
  void LearnInnerPmtu(const wire::Ipv4& inner, uint32_t mtu);
  wire::FramePtr VxlanCheckPmtu(kernel::Link& link, wire::Frame& frame, uint32_t mtu);
  wire::FramePtr VxlanCheckPmtu6(kernel::Link& link, wire::Frame& frame, uint32_t mtu);

  Network& m_network;
  std::unique_ptr<kernel::Namespace> m_ns;
  Backlog& m_backlog;
  std::vector<bool> m_captured;
  uint32_t m_journeys = 0;
  uint64_t m_sequence = 0;
  uint64_t m_madePackets = 0, m_endedPackets = 0;
  std::map<int, uint64_t> m_refusedFrames;  ///< by device
  std::map<std::pair<int, IpAddress>, NeighbourQueue> m_neighbourQueues;
  std::map<std::pair<uint16_t, IpAddress>, std::shared_ptr<UdpSocketEnd>> m_udp;  ///< by port, address
  std::set<uint16_t> m_udpSenders;                                                ///< ports of sockets that have sent
  uint32_t m_closedUdpSenders = 0;
  std::vector<std::pair<int, IcmpHandler>> m_rawIcmp;
  struct PacketSocket {
    int handle, ifindex;
    uint16_t etherType;
    PacketHandler handler;
  };
  std::vector<PacketSocket> m_packetSockets;
  int m_lastHandle = 0;
  int m_transmitDepth = 0;  ///< dev_xmit_recursion()
  ProtocolHandler m_tcp, m_udpElsewhere;
  ReassemblyTable m_reassembly;
  std::map<uint64_t, uint16_t> m_identifications;  ///< by destination and protocol: the next one
  struct PeerTokens {
    Nanoseconds tokens, last;
    uint32_t redirects = 0;
    bool isNew = true;  ///< as if it had been silent for a minute
    bool Take(Nanoseconds now, Nanoseconds cost, int64_t burst);
  };
  PeerTokens& TokensOf(const IpAddress& peer);
  std::map<IpAddress, PeerTokens> m_peers;  ///< struct inet_peer
  /// Groups of a device whose joining or leaving is still to be reported, and how often.
  struct MldPending {
    Ipv6Address group;
    bool joined;
    uint32_t left;
  };
  std::map<int, std::vector<MldPending>> m_mldPending;
  struct IgmpPending {
    Ipv4Address group;
    bool joined;
    uint32_t left;
  };
  std::map<int, std::vector<IgmpPending>> m_igmpPending;
  std::set<std::pair<int, Ipv4Address>> m_igmpGroups;  ///< joined, by device
  uint32_t m_fragmentId = 0;                           ///< of the last IPv6 datagram that was cut
  Nanoseconds m_icmpGlobalStamp;
  uint32_t m_icmpGlobalCredit = 0;
  bool m_icmpGlobalStarted = false;
  struct Redirect {
    Ipv4Address gateway;
    Nanoseconds expires;
  };
  std::map<uint32_t, Redirect> m_redirects;  ///< by destination: the router that another has named
  RandomStream m_natPorts;
  std::map<int, std::unique_ptr<WireguardDevice>> m_wireguard;  ///< by ifindex; never taken out, for their timers
  /// The scans of a vxlan device's table for learnt entries that are too old: none is made while there are none.
  struct VxlanAgeing {
    Nanoseconds last;         ///< scan, or when the device went up
    uint32_t generation = 0;  ///< counts its ups and downs
    bool isArmed = false;
    bool isUp = true;
  };
  std::map<int, VxlanAgeing> m_vxlanAgeing;
  std::function<void(const kernel::TableChange&)> m_onwardChange;
};

}  // namespace overlaysim::host
