#include "models/traffic/tcp_edge.h"

#include <fmt/format.h>
#include <ns3/inet-socket-address.h>
#include <ns3/ipv4-l3-protocol.h>
#include <ns3/ipv4-route.h>
#include <ns3/ipv4-routing-protocol.h>
#include <ns3/mac48-address.h>
#include <ns3/object-vector.h>
#include <ns3/simulator.h>
#include <ns3/tcp-l4-protocol.h>
#include <ns3/tcp-socket-factory.h>
#include <ns3/tcp-socket.h>
#include <ns3/traffic-control-layer.h>
#include <ns3/udp-l4-protocol.h>
#include <ns3/uinteger.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "models/traffic/icmp_report.h"
#include "models/traffic/tcp_edge_socket.h"
#include "models/wire/checksum.h"
#include "sim/base/random.h"

namespace overlaysim::traffic {
namespace {

enum TcpFlags : uint8_t { kFin = 1, kSyn = 2, kPsh = 8, kAck = 16 };
constexpr uint8_t kOptionEnd = 0, kOptionNop = 1, kOptionMss = 2;
constexpr uint32_t kOptionMssBytes = 4;
constexpr uint16_t kDefaultMss = 536;  // RFC 1122, section 4.2.2.6: of a peer that names none

uint32_t TcpHeaderBytes(const uint8_t* tcp) { return (tcp[12] >> 4) * 4u; }

/// The MSS option of a SYN.
uint16_t ReadMss(const uint8_t* tcp) {
  const uint8_t* end = tcp + TcpHeaderBytes(tcp);
  for (const uint8_t* option = tcp + wire::kTcpHeaderBytes; option < end && *option != kOptionEnd;) {
    if (*option == kOptionNop) {
      ++option;
      continue;
    }
    if (option + 1 >= end || option[1] < 2 || option + option[1] > end) break;
    if (*option == kOptionMss && option[1] == kOptionMssBytes) return wire::Get16(option + 2);
    option += option[1];
  }
  return kDefaultMss;
}

void FillTcpChecksum(const TcpName& name, uint8_t* tcp, uint32_t bytes) {
  wire::Put16(tcp + 16, 0);
  const uint64_t pseudo = name.peer.IsV6()
                              ? wire::PseudoHeaderSum(name.local.V6(), name.peer.V6(), wire::kIpProtoTcp, bytes)
                              : wire::PseudoHeaderSum(name.local.V4(), name.peer.V4(), wire::kIpProtoTcp, bytes);
  wire::Put16(tcp + 16, wire::ChecksumFold(wire::ChecksumAdd(tcp, bytes, pseudo)));
}

/// Makes the node's TCP sockets with a segment size that fits, for stock applications too.
class EdgeSocketFactory final : public ns3::TcpSocketFactory {
 public:
  explicit EdgeSocketFactory(TcpEdge* edge) : m_edge(edge) {}
  ns3::Ptr<ns3::Socket> CreateSocket() override { return m_edge->CreateTcpSocket(); }

 private:
  TcpEdge* m_edge;
};

/// ns-3's TCP with our socket factory instead of its own.
class EdgeTcp final : public ns3::TcpL4Protocol {
 public:
  explicit EdgeTcp(TcpEdge* edge) : m_edge(edge) {}

 protected:
  void NotifyNewAggregate() override {
    auto node = GetObject<ns3::Node>();
    auto ipv4 = GetObject<ns3::Ipv4>();
    if (node && ipv4 && GetDownTarget().IsNull()) {
      SetNode(node);
      ipv4->Insert(this);
      SetDownTarget(ns3::MakeCallback(&ns3::Ipv4::Send, ipv4));
      node->AggregateObject(ns3::CreateObject<EdgeSocketFactory>(m_edge));  // calls this function once more
    }
    ns3::IpL4Protocol::NotifyNewAggregate();
  }

 private:
  TcpEdge* m_edge;
};

/// ns-3 asks for the broadcast address with each packet; its own device reads it from text each time.
class EdgeDevice final : public ns3::VirtualNetDevice {
 public:
  ns3::Address GetBroadcast() const override { return m_broadcast; }

 private:
  ns3::Address m_broadcast = ns3::Mac48Address::GetBroadcast();
};

}  // namespace

/// ns-3's way to our routing: everything goes out by the one device, with the source address that the namespace
/// selects, and whatever was handed in is for this node.
class EdgeRouting final : public ns3::Ipv4RoutingProtocol {
 public:
  explicit EdgeRouting(TcpEdge* edge) : m_edge(edge) {}

  ns3::Ptr<ns3::Ipv4Route> RouteOutput(ns3::Ptr<ns3::Packet>, const ns3::Ipv4Header& header, ns3::Ptr<ns3::NetDevice>,
                                       ns3::Socket::SocketErrno& error) override {
    IpAddress source;
    if (header.GetSource().IsInitialized()) source = m_edge->FromNs3(header.GetSource());
    if (source.IsZero()) source = m_edge->SelectSource(m_edge->FromNs3(header.GetDestination()));
    if (source.IsZero()) {
      error = ns3::Socket::ERROR_NOROUTETOHOST;
      return nullptr;
    }
    error = ns3::Socket::ERROR_NOTERROR;
    auto route = ns3::Create<ns3::Ipv4Route>();
    route->SetSource(m_edge->ToNs3(source));
    route->SetDestination(header.GetDestination());
    route->SetGateway(header.GetDestination());
    route->SetOutputDevice(m_edge->m_device);
    return route;
  }
  bool RouteInput(ns3::Ptr<const ns3::Packet> packet, const ns3::Ipv4Header& header,
                  ns3::Ptr<const ns3::NetDevice> device, UnicastForwardCallback, MulticastForwardCallback,
                  LocalDeliverCallback deliver, ErrorCallback) override {
    const int interface = m_edge->m_node->GetObject<ns3::Ipv4>()->GetInterfaceForDevice(device);
    deliver(packet, header, static_cast<uint32_t>(interface));
    return true;
  }
  void NotifyInterfaceUp(uint32_t) override {}
  void NotifyInterfaceDown(uint32_t) override {}
  void NotifyAddAddress(uint32_t, ns3::Ipv4InterfaceAddress) override {}
  void NotifyRemoveAddress(uint32_t, ns3::Ipv4InterfaceAddress) override {}
  void SetIpv4(ns3::Ptr<ns3::Ipv4>) override {}
  void PrintRoutingTable(ns3::Ptr<ns3::OutputStreamWrapper>, ns3::Time::Unit) const override {}

 private:
  TcpEdge* m_edge;
};

TcpEdge::TcpEdge(host::Stack& stack) : m_stack(stack), m_node(ns3::CreateObject<ns3::Node>()) {
  m_device = ns3::CreateObject<EdgeDevice>();
  m_device->SetNeedsArp(false);
  m_device->SetIsPointToPoint(true);
  m_device->SetMtu(UINT16_MAX);  // what is too large for a real device is cut by us
  m_device->SetSendCallback(ns3::MakeCallback(+[](TcpEdge* edge, ns3::Ptr<ns3::Packet> packet, const ns3::Address&,
                                                  const ns3::Address&, uint16_t) {
                              wire::FramePtr frame = wire::MakeFrame(packet->GetSize());
                              packet->CopyData(frame->Data(), packet->GetSize());
                              edge->Send(std::move(frame));
                              return true;
                            }).Bind(this));
  engine::NameContext(m_node->GetId(), m_stack.Id());
  m_node->AddDevice(m_device);
  m_node->AggregateObject(ns3::CreateObject<ns3::TrafficControlLayer>());
  auto ipv4 = ns3::CreateObject<ns3::Ipv4L3Protocol>();
  ipv4->SetAttribute("DefaultTtl", ns3::UintegerValue(m_stack.Ns().defaultTtl));
  m_node->AggregateObject(ipv4);
  ipv4->SetRoutingProtocol(ns3::CreateObject<EdgeRouting>(this));
  ipv4->SetUp(ipv4->AddInterface(m_device));
  m_tcp = ns3::CreateObject<EdgeTcp>(this);
  m_node->AggregateObject(m_tcp);
  m_stack.SetTcp([this](const host::Received& segment) { return TakeTcp(segment); });
  m_icmp = m_stack.OpenRawIcmp([this](const host::Received& message) { TakeIcmp(message); });
}

TcpEdge::~TcpEdge() {
  m_stack.SetTcp(nullptr);
  m_stack.SetUdp(nullptr);
  m_stack.CloseRawIcmp(m_icmp);
}

ns3::Ptr<ns3::Node> TcpEdge::Node() {
  if (!m_udp) {
    m_udp = ns3::CreateObject<ns3::UdpL4Protocol>();
    m_node->AggregateObject(m_udp);
    m_stack.SetUdp([this](const host::Received& datagram) { return TakeUdp(datagram); });
  }
  return m_node;
}

// --- names

ns3::Ipv4Address TcpEdge::ToNs3(const IpAddress& address) {
  if (!address.IsV6()) return ns3::Ipv4Address(address.V4().value);
  if (address.IsZero()) return ns3::Ipv4Address::GetAny();
  const auto [it, isNew] = m_numbers.try_emplace(address.V6(), static_cast<uint32_t>(m_ipv6.size()) + 1);
  if (isNew) m_ipv6.push_back(address.V6());
  return ns3::Ipv4Address(it->second);
}

IpAddress TcpEdge::FromNs3(ns3::Ipv4Address address) const {
  const uint32_t number = address.Get();
  if (number == 0 || number > m_ipv6.size()) return Ipv4Address{number};
  return m_ipv6[number - 1];
}

TcpName TcpEdge::NameOf(const ns3::Socket& socket) const {
  TcpName name{Ipv4Address{}, 0, Ipv4Address{}, 0};
  ns3::Address address;
  if (socket.GetSockName(address) == 0 && ns3::InetSocketAddress::IsMatchingType(address)) {
    const auto inet = ns3::InetSocketAddress::ConvertFrom(address);
    name.local = FromNs3(inet.GetIpv4());
    name.localPort = inet.GetPort();
  }
  if (socket.GetPeerName(address) == 0 && ns3::InetSocketAddress::IsMatchingType(address)) {
    const auto inet = ns3::InetSocketAddress::ConvertFrom(address);
    name.peer = FromNs3(inet.GetIpv4());
    name.peerPort = inet.GetPort();
  }
  return name;
}

// --- sockets

uint32_t TcpEdge::SmallestMtu() const {
  uint32_t smallest = UINT16_MAX;
  for (const kernel::Link* link : m_stack.Ns().Links())
    if (link->adminUp && link->kind != kernel::LinkKind::Loopback) smallest = std::min(smallest, link->mtu);
  return smallest;
}

ns3::Ptr<ns3::Socket> TcpEdge::CreateTcpSocket() {
  auto segmentBytes = [this](const ns3::Address& peer) {
    const bool isV6 = FromNs3(ns3::InetSocketAddress::ConvertFrom(peer).GetIpv4()).IsV6();
    return SmallestMtu() - SegmentOverheadBytes(isV6);
  };
  const ns3::Ptr<ns3::Socket> socket = TcpEdgeSocket::Create(m_node, m_tcp, segmentBytes);
  socket->SetAttribute("SegmentSize", ns3::UintegerValue(SmallestMtu() - SegmentOverheadBytes(false)));
  return socket;
}

IpAddress TcpEdge::SelectSource(const IpAddress& destination) {
  const host::Stack::PathOut out =
      m_stack.FindPath({.source = m_boundSource, .destination = destination, .protocol = wire::kIpProtoTcp});
  return out.error == 0 ? out.source : IpAddress{};
}

/// A port of net.ipv4.ip_local_port_range: as __inet_hash_connect(), one of the lower end's parity, from a random one
/// on.
uint16_t TcpEdge::EphemeralPort(const IpAddress& source, const IpAddress& destination, uint16_t destinationPort) {
  const kernel::Namespace& ns = m_stack.Ns();
  const uint64_t steps = (ns.localPortHigh - ns.localPortLow) / 2u + 1u;
  const std::string peer = destination.IsV6() ? "/" + destination.ToString() : "";
  RandomStream random(m_stack.Net().seed, "tcp-port/" + ns.Name() + peer,
                      uint64_t{destination.V4().value} << 16 | destinationPort);
  const uint64_t first = random.Below(steps);
  for (uint64_t i = 0; i < steps; ++i) {
    const auto port = static_cast<uint16_t>(ns.localPortLow + 2 * ((first + i) % steps));
    if (!IsConnected({source, port, destination, destinationPort})) return port;
  }
  return 0;
}

int TcpEdge::Connect(ns3::Ptr<ns3::Socket> socket, const IpAddress& source, uint16_t sourcePort,
                     const IpAddress& destination, uint16_t destinationPort, uint32_t flow) {
  const kernel::Namespace& ns = m_stack.Ns();
  const bool isV6 = destination.IsV6();
  if (!source.IsZero() && !(isV6 ? ns.Ipv6().IsLocalAddress(source.V6()) : ns.IsLocalAddress(source.V4())))
    return EADDRNOTAVAIL;
  const host::Stack::PathOut out =
      m_stack.FindPath({.source = source, .destination = destination, .protocol = wire::kIpProtoTcp});
  if (out.error != 0) {
    if (out.error == ENETUNREACH && !isV6) m_stack.Ns().snmp.Add(kernel::Snmp::IpOutNoRoutes);
    return out.error;
  }
  TcpName name{out.source, sourcePort, destination, destinationPort};
  if (sourcePort == 0) name.localPort = EphemeralPort(out.source, destination, destinationPort);
  if (name.localPort == 0 || IsConnected(name)) return EADDRNOTAVAIL;

  const uint32_t mtu = std::min<uint32_t>(out.mtu, UINT16_MAX);
  socket->SetAttribute("SegmentSize", ns3::UintegerValue(mtu - SegmentOverheadBytes(isV6)));
  if (socket->Bind(ns3::InetSocketAddress(name.localPort)) != 0) return EADDRINUSE;
  Connection& connection = GetConnection(name);
  connection.socket = socket;
  connection.flow = flow;
  connection.abandoned = false;
  m_boundSource = out.source;
  const int error = socket->Connect(ns3::InetSocketAddress(ToNs3(destination), destinationPort));
  m_boundSource = {};
  return error == 0 ? 0 : EHOSTUNREACH;
}

void TcpEdge::Abandon(ns3::Ptr<ns3::Socket> socket) {
  const TcpName name = NameOf(*socket);
  if (name.peerPort != 0) GetConnection(name).abandoned = true;
  socket->Close();
}

int TcpEdge::Accept(const IpAddress& local, uint16_t port, uint32_t flow, AcceptHandler handler) {
  Listener& listener = m_listeners[port];
  if (!listener.socket) {
    ns3::Ptr<ns3::Socket> socket = CreateTcpSocket();
    if (socket->Bind(ns3::InetSocketAddress(port)) != 0 || socket->Listen() != 0) {
      m_listeners.erase(port);
      return EADDRINUSE;
    }
    listener.socket = socket;
    socket->SetAcceptCallback(ns3::MakeNullCallback<bool, ns3::Ptr<ns3::Socket>, const ns3::Address&>(),
                              ns3::MakeCallback(&TcpEdge::Accepted, this));
  }
  listener.waiting[flow] = {local, std::move(handler)};
  return 0;
}

/// Whether what waits on that port waits there too: a socket of the other family's does not.
bool TcpEdge::Listens(const TcpName& name) const {
  const auto listener = m_listeners.find(name.localPort);
  if (listener == m_listeners.end()) return true;  // an ns-3 application's socket
  const auto& waiting = listener->second.waiting;
  return std::any_of(waiting.begin(), waiting.end(), [&](const auto& entry) {
    const IpAddress& local = entry.second.local;
    return local.IsV6() == name.local.IsV6() && (local.IsZero() || local == name.local);
  });
}

void TcpEdge::Accepted(ns3::Ptr<ns3::Socket> socket, const ns3::Address&) {
  const TcpName name = NameOf(*socket);
  Connection& connection = GetConnection(name);
  connection.socket = socket;
  const auto listener = m_listeners.find(name.localPort);
  if (listener == m_listeners.end()) return;
  const auto& handlers = listener->second.waiting;
  auto waiting = handlers.find(connection.flow);
  if (waiting == handlers.end()) waiting = handlers.find(kAnyFlow);
  if (waiting == handlers.end()) {
    socket->Close();
    return;
  }
  const AcceptHandler handler = waiting->second.handler;
  if (waiting->first != kAnyFlow) StopAccepting(name.localPort, connection.flow);
  handler(socket);
}

void TcpEdge::StopAccepting(uint16_t port, uint32_t flow) {
  const auto listener = m_listeners.find(port);
  if (listener == m_listeners.end()) return;
  listener->second.waiting.erase(flow);
  if (!listener->second.waiting.empty()) return;
  listener->second.socket->Close();
  m_listeners.erase(listener);
}

TcpEdge::Connection& TcpEdge::GetConnection(const TcpName& name) {
  if (const auto it = m_connections.find(name); it != m_connections.end()) return it->second;
  if (m_connections.size() >= m_forgetAt) ForgetEnded();
  Connection& connection = m_connections[name];
  RandomStream random(m_stack.Net().seed, fmt::format("tcp/{}/{}:{}/{}:{}", m_stack.Ns().Name(), name.local.ToString(),
                                                      name.localPort, name.peer.ToString(), name.peerPort));
  connection.hash = std::max<uint32_t>(static_cast<uint32_t>(random.Next()), 1);
  connection.nextId = static_cast<uint16_t>(random.Next());
  return connection;
}

bool TcpEdge::IsConnected(const TcpName& name) const {
  const auto it = m_connections.find(name);
  // ns-3 takes a socket's name away when it is closed.
  return it != m_connections.end() && it->second.socket && NameOf(*it->second.socket) == name;
}

void TcpEdge::ForgetEnded() {
  std::erase_if(m_connections, [this](const auto& entry) { return !IsConnected(entry.first); });
  m_forgetAt = 2 * m_connections.size() + 64;
}

/// ns-3's demultiplexing, which it keeps to itself: a connection's socket before one that listens.
ns3::Ptr<ns3::Socket> TcpEdge::FindSocket(const ns3::Object& protocol, const TcpName& name) const {
  ns3::ObjectVectorValue sockets;
  protocol.GetAttribute("SocketList", sockets);
  ns3::Ptr<ns3::Socket> bound;
  for (auto it = sockets.Begin(); it != sockets.End(); ++it) {
    auto socket = ns3::DynamicCast<ns3::Socket>(it->second);
    const TcpName its = NameOf(*socket);
    if (its == name) return socket;
    const bool isBound = its.localPort == name.localPort && (its.local.IsZero() || its.local == name.local);
    if (isBound && its.peerPort == 0) bound = socket;
  }
  return bound;
}

// --- in

bool TcpEdge::TakeTcp(const host::Received& segment) {
  const uint8_t* tcp = segment.payload;
  const TcpName name{segment.Destination(), wire::Get16(tcp + 2), segment.Source(), wire::Get16(tcp)};
  if (!IsConnected(name)) {
    const ns3::Ptr<ns3::Socket> socket = FindSocket(*m_tcp, name);
    if (!socket) return false;
    const bool isTheirs = NameOf(*socket) == name;
    if (!isTheirs && !Listens(name)) return false;
    Connection& connection = GetConnection(name);
    connection.flow = segment.frame.flow;
    if (isTheirs) connection.socket = socket;
  }
  if (tcp[13] & kSyn) GetConnection(name).peerMss = ReadMss(tcp);
  Deliver(segment, wire::kIpProtoTcp, name);
  return true;
}

bool TcpEdge::TakeUdp(const host::Received& datagram) {
  if (datagram.IsV6()) return false;  // ns-3's applications know IPv4
  const TcpName name{datagram.Destination(), wire::Get16(datagram.payload + 2), datagram.Source(),
                     wire::Get16(datagram.payload)};
  if (!FindSocket(*m_udp, name)) return false;
  Deliver(datagram, wire::kIpProtoUdp, name);
  return true;
}

/// tcp_v4_err(), tcp_v6_err(): ns-3's TCP hands the error to the socket's IcmpCallback, if it has one; as the message's
/// second word the errno that it means.
void TcpEdge::TakeIcmp(const host::Received& message) {
  const std::optional<IcmpReport> report = ParseIcmpReport(message);
  if (!report || report->protocol != wire::kIpProtoTcp) return;
  const int error = ErrnoOf(*report).error;
  if (error == 0) {
    const TcpName name{report->source, wire::Get16(report->transport), report->destination,
                       wire::Get16(report->transport + 2)};
    ns3::Simulator::ScheduleWithContext(Context(), ns3::NanoSeconds(kEdgeDelay.count), &TcpEdge::FollowMtu, this, name);
    return;
  }
  std::array<uint8_t, 8> begin;
  std::copy_n(report->transport, begin.size(), begin.begin());
  ns3::Simulator::ScheduleWithContext(
      Context(), ns3::NanoSeconds(kEdgeDelay.count),
      [this, begin, from = ToNs3(report->from), ttl = report->ttl, type = report->type, code = report->code, error,
       source = ToNs3(report->source), destination = ToNs3(report->destination)] {
        m_tcp->ReceiveIcmp(from, ttl, type, code, static_cast<uint32_t>(error), source, destination, begin.data());
      });
}

/// tcp_v4_mtu_reduced(), tcp_v6_mtu_reduced(): the stack has learnt a path MTU meanwhile.
void TcpEdge::FollowMtu(const TcpName& name) {
  if (!IsConnected(name)) return;
  Connection& connection = GetConnection(name);
  const host::Stack::PathOut out =
      m_stack.FindPath({.source = name.local, .destination = name.peer, .protocol = wire::kIpProtoTcp});
  if (out.error != 0 || out.mtu >= connection.mtu) return;
  connection.mtu = out.mtu;
  const uint32_t segmentBytes = out.mtu - SegmentOverheadBytes(name.peer.IsV6());
  if (const auto socket = ns3::DynamicCast<TcpEdgeSocket>(connection.socket)) socket->ReduceSegments(segmentBytes);
}

void TcpEdge::Deliver(const host::Received& received, uint8_t protocol, const TcpName& name) {
  auto packet = ns3::Create<ns3::Packet>(received.payload, received.payloadBytes);
  ns3::Ipv4Header header;
  header.SetSource(ToNs3(name.peer));
  header.SetDestination(ToNs3(name.local));
  header.SetProtocol(protocol);
  header.SetTtl(received.Ttl());
  header.SetTos(received.Tos());
  header.SetPayloadSize(static_cast<uint16_t>(received.payloadBytes));
  if (ns3::Node::ChecksumEnabled()) header.EnableChecksum();
  packet->AddHeader(header);
  ns3::Simulator::ScheduleWithContext(Context(), ns3::NanoSeconds(kEdgeDelay.count),
                                      [this, packet, name, isUdp = protocol == wire::kIpProtoUdp,
                                       journey = received.frame.journey, flow = received.frame.flow] {
                                        if (isUdp && !FindSocket(*m_udp, name))
                                          return;  // closed meanwhile; ns-3 would look for an ICMP to answer with
                                        m_cause = journey;
                                        m_flow = flow;
                                        m_device->Receive(packet, ns3::Ipv4L3Protocol::PROT_NUMBER,
                                                          m_device->GetBroadcast(), m_device->GetAddress(),
                                                          ns3::NetDevice::PACKET_HOST);
                                        m_cause = 0;
                                        m_flow = UINT32_MAX;
                                      });
}

// --- out

/// In an event of the namespace's own, so that the order among the packets of an instant does not hang on ns-3's node
/// numbers.
void TcpEdge::Send(wire::FramePtr packet) {
  packet->cause = m_cause;
  packet->flow = m_flow;
  m_stack.After({0}, [this, packet = std::move(packet)]() mutable {
    if (wire::Ipv4{packet->Data()}.Protocol() == wire::kIpProtoTcp)
      SendTcp(std::move(packet));
    else
      SendOther(*packet);
  });
}

/// __tcp_transmit_skb(), __ip_queue_xmit() and inet6_csk_xmit(). What comes from ns-3 is always IPv4.
void TcpEdge::SendTcp(wire::FramePtr packet) {
  const wire::Ipv4 ip{packet->Data()};
  uint8_t* tcp = ip.Payload();
  const TcpName name{FromNs3(ns3::Ipv4Address(ip.Source().value)), wire::Get16(tcp),
                     FromNs3(ns3::Ipv4Address(ip.Destination().value)), wire::Get16(tcp + 2)};
  Connection& connection = GetConnection(name);
  if (connection.abandoned) return;
  const bool isV6 = name.peer.IsV6();
  const host::SendRequest request{.source = name.local,
                                  .destination = name.peer,
                                  .protocol = wire::kIpProtoTcp,
                                  .tos = ip.Tos(),
                                  .sourcePort = name.localPort,
                                  .destinationPort = name.peerPort};
  host::Stack::RouteOut out;
  host::Stack::RouteOut6 out6;
  if (isV6)
    out6 = m_stack.RouteOutput6(request);
  else
    out = m_stack.RouteOutput(request);
  if ((isV6 ? out6.error : out.error) != 0) return;
  const uint32_t mtu = isV6 ? m_stack.OutputMtu(out6, name.peer.V6()) : m_stack.OutputMtu(out, name.peer.V4());

  connection.mtu = mtu;
  // tcp_advertise_mss(): by the MTU of the path as far as it is known
  if (tcp[13] & kSyn) packet = WithMss(*packet, std::min<uint32_t>(mtu, UINT16_MAX) - TcpFixedBytes(isV6));
  const uint32_t headerBytes = TcpHeaderBytes(wire::Ipv4{packet->Data()}.Payload());
  const uint32_t dataBytes = packet->Size() - wire::kIpv4HeaderBytes - headerBytes;
  // Both count the data and the options, without the fixed headers.
  const uint32_t pathMss = mtu - TcpFixedBytes(isV6);
  const uint32_t atMost = std::min<uint32_t>(pathMss, connection.peerMss) + wire::kTcpHeaderBytes - headerBytes;
  uint32_t sent = 0;
  do {
    const uint32_t bytes = std::min(atMost, dataBytes - sent);
    wire::FramePtr segment = CutSegment(connection, name, *packet, sent, bytes);
    m_stack.Ns().snmp.Add(kernel::Snmp::TcpOutSegs);
    if (isV6)
      m_stack.SendPacket(std::move(segment), out6);
    else
      m_stack.SendPacket(std::move(segment), out);
    sent += bytes;
  } while (sent < dataBytes);
}

/// A SYN with the option that ns-3 leaves out.
wire::FramePtr TcpEdge::WithMss(const wire::Frame& syn, uint32_t mss) {
  const uint32_t fixedBytes = TcpFixedBytes(false);
  wire::FramePtr packet = wire::MakeFrameLike(syn, syn.Size() + kOptionMssBytes);
  std::memcpy(packet->Data(), syn.Data(), fixedBytes);
  uint8_t* option = packet->Data() + fixedBytes;
  option[0] = kOptionMss;
  option[1] = kOptionMssBytes;
  wire::Put16(option + 2, mss);
  std::memcpy(option + kOptionMssBytes, syn.Data() + fixedBytes, syn.Size() - fixedBytes);
  uint8_t* dataOffset = packet->Data() + wire::kIpv4HeaderBytes + 12;
  *dataOffset = static_cast<uint8_t>(*dataOffset + (1 << 4));
  return packet;
}

/// One piece of a segment: its headers, and `bytes` of its data from `offset` on (tcp_gso_segment()).
wire::FramePtr TcpEdge::CutSegment(Connection& connection, const TcpName& name, const wire::Frame& whole,
                                   uint32_t offset, uint32_t bytes) {
  const wire::Ipv4 wholeIp{const_cast<uint8_t*>(whole.Data())};
  const uint8_t* wholeTcp = wholeIp.Payload();
  const uint32_t headerBytes = TcpHeaderBytes(wholeTcp), tcpBytes = headerBytes + bytes;
  const bool isLast = wire::kIpv4HeaderBytes + headerBytes + offset + bytes == whole.Size();
  const bool isV6 = name.peer.IsV6();
  const uint32_t ipBytes = isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes;
  wire::FramePtr packet = wire::MakeFrameLike(whole, ipBytes + tcpBytes);
  uint8_t* tcp = packet->Data() + ipBytes;
  std::memcpy(tcp, wholeTcp, headerBytes);
  std::memcpy(tcp + headerBytes, wholeTcp + headerBytes + offset, bytes);

  wire::Put32(tcp + 4, wire::Get32(tcp + 4) + offset);
  if (!isLast) tcp[13] = static_cast<uint8_t>(tcp[13] & ~(kFin | kPsh));
  // A SYN-ACK has no socket behind it yet that could number its packets (ip_build_and_send_pkt()).
  const bool isSynAck = (tcp[13] & (kSyn | kAck)) == (kSyn | kAck);
  if (isV6) {
    wire::WriteIpv6(packet->Data(), {.trafficClass = wholeIp.Tos(),
                                     .payloadBytes = static_cast<uint16_t>(tcpBytes),
                                     .nextHeader = wire::kIpProtoTcp,
                                     .source = name.local.V6(),
                                     .destination = name.peer.V6()});
  } else {
    wire::WriteIpv4(packet->Data(), {.tos = wholeIp.Tos(),
                                     .totalBytes = static_cast<uint16_t>(packet->Size()),
                                     .identification = isSynAck ? uint16_t{0} : connection.nextId++,
                                     .fragmentField = wire::kIpDf,
                                     .ttl = wholeIp.Ttl(),
                                     .protocol = wire::kIpProtoTcp,
                                     .source = wholeIp.Source(),
                                     .destination = wholeIp.Destination()});
  }
  FillTcpChecksum(name, tcp, tcpBytes);
  packet->flow = connection.flow;
  packet->hash = connection.hash;
  packet->socketHash = true;
  return packet;
}

/// What applications send that is not TCP, as a kernel's socket with default options would: cut if need be, and DF as
/// IP_PMTUDISC_WANT has it.
void TcpEdge::SendOther(const wire::Frame& packet) {
  const wire::Ipv4 ip{const_cast<uint8_t*>(packet.Data())};
  const std::span<uint8_t> payload(ip.Payload(), packet.Size() - ip.HeaderBytes());
  if (ip.Protocol() == wire::kIpProtoUdp) {
    m_stack.Ns().snmp.Add(kernel::Snmp::UdpOutDatagrams);
    wire::Put16(&payload[6], 0);
    const uint64_t pseudo =
        wire::PseudoHeaderSum(ip.Source(), ip.Destination(), wire::kIpProtoUdp, static_cast<uint32_t>(payload.size()));
    const uint16_t checksum = wire::ChecksumFold(wire::ChecksumAdd(payload.data(), payload.size(), pseudo));
    wire::Put16(&payload[6], checksum != 0 ? checksum : UINT16_MAX);
  }
  m_stack.SendIpv4({.source = ip.Source(),
                    .destination = ip.Destination(),
                    .protocol = ip.Protocol(),
                    .ttl = ip.Ttl(),
                    .tos = ip.Tos(),
                    .pmtu = host::SendRequest::Pmtu::Want,
                    .cause = packet.cause,
                    .flow = packet.flow},
                   payload);
}

}  // namespace overlaysim::traffic
