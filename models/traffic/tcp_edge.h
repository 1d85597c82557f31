#pragma once

#include <ns3/node.h>
#include <ns3/packet.h>
#include <ns3/socket.h>
#include <ns3/virtual-net-device.h>

#include <functional>
#include <map>
#include <vector>

#include "models/host/stack.h"

namespace ns3 {
class TcpL4Protocol;
class UdpL4Protocol;
}  // namespace ns3

namespace overlaysim::traffic {

/// From our stack into ns-3's. Nothing else takes time inside a kernel: without it two pods of one node would have a
/// round trip of 0, which no TCP can measure.
inline constexpr Nanoseconds kEdgeDelay = Microseconds(1);

/// The headers before a TCP segment's options and data.
constexpr uint32_t TcpFixedBytes(bool isV6) {
  return (isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes) + wire::kTcpHeaderBytes;
}
/// What precedes the data of a full segment: IP, TCP, and the time stamp option padded to 12 bytes.
constexpr uint32_t SegmentOverheadBytes(bool isV6) { return TcpFixedBytes(isV6) + 12; }

/// Stands for connections of whatever flow.
inline constexpr uint32_t kAnyFlow = UINT32_MAX;

/// The two ends of a connection as the namespace sees them.
struct TcpName {
  IpAddress local;
  uint16_t localPort = 0;
  IpAddress peer;
  uint16_t peerPort = 0;
  auto operator<=>(const TcpName&) const = default;
};

/// Where a namespace's Linux stack hands over to ns-3: an ns3::Node with ns-3's TCP (and UDP, once somebody asks for
/// the node) on a device without ARP. Routing, source addresses, identification, DF, checksums and the answer to
/// segments that nobody wants stay with host::Stack; what ns-3's TCP leaves to others is done here: the MSS option of
/// SYNs, cutting segments that are larger than the peer or the path takes, and IPv6: inside ns-3 each IPv6 address goes
/// by an IPv4 one of 0.0.0.0/8, which no host has. See docs/models/tcp-edge.md.
///
/// Has to live as long as events run. Does not own the Stack.
class TcpEdge {
 public:
  explicit TcpEdge(host::Stack& stack);
  ~TcpEdge();
  TcpEdge(const TcpEdge&) = delete;
  TcpEdge& operator=(const TcpEdge&) = delete;

  host::Stack& Host() { return m_stack; }
  /// For stock applications: install them on it, with addresses of the namespace.
  ns3::Ptr<ns3::Node> Node();
  uint32_t Context() const { return m_node->GetId(); }  ///< for ns3::Simulator::ScheduleWithContext()

  /// A socket whose segments fit the smallest device of the namespace.
  ns3::Ptr<ns3::Socket> CreateTcpSocket();
  /// connect(): with the source address (zero: as the kernel selects it) and port (0: ephemeral) given. Segments are
  /// sized for the route. 0 or a positive errno. To be called in the node's context.
  int Connect(ns3::Ptr<ns3::Socket> socket, const IpAddress& source, uint16_t sourcePort, const IpAddress& destination,
              uint16_t destinationPort, uint32_t flow);
  /// Closes without a word to the peer, as the kernel does with a connection that an ICMP error has ended.
  void Abandon(ns3::Ptr<ns3::Socket> socket);
  TcpName NameOf(const ns3::Socket& socket) const;  ///< zeros where it has no name

  using AcceptHandler = std::function<void(ns3::Ptr<ns3::Socket>)>;
  /// Waits at that address (zero: any of its family) for the connection of that flow, or with kAnyFlow for all that
  /// nobody else waits for. Several flows may wait on a port; it is closed when none does any more. 0 or EADDRINUSE.
  int Accept(const IpAddress& local, uint16_t port, uint32_t flow, AcceptHandler handler);
  void StopAccepting(uint16_t port, uint32_t flow);

 private:
  friend class EdgeRouting;
  /// What Linux keeps in the socket and ns-3 does not.
  struct Connection {
    ns3::Ptr<ns3::Socket> socket;   ///< once known
    uint32_t hash = 0;              ///< sk_txhash
    uint16_t nextId = 0;            ///< inet_id
    uint16_t peerMss = UINT16_MAX;  ///< from its SYN, once that has come
    uint32_t mtu = UINT32_MAX;      ///< of the path, as of the last segment
    uint32_t flow = UINT32_MAX;
    bool abandoned = false;
  };
  struct Waiting {
    IpAddress local;
    AcceptHandler handler;
  };
  struct Listener {
    ns3::Ptr<ns3::Socket> socket;
    std::map<uint32_t, Waiting> waiting;  ///< by flow
  };

  ns3::Ipv4Address ToNs3(const IpAddress& address);
  IpAddress FromNs3(ns3::Ipv4Address address) const;
  Connection& GetConnection(const TcpName& name);
  bool IsConnected(const TcpName& name) const;
  void ForgetEnded();
  ns3::Ptr<ns3::Socket> FindSocket(const ns3::Object& protocol, const TcpName& name) const;
  bool Listens(const TcpName& name) const;
  uint16_t EphemeralPort(const IpAddress& source, const IpAddress& destination, uint16_t destinationPort);
  uint32_t SmallestMtu() const;

  bool TakeTcp(const host::Received& segment);
  bool TakeUdp(const host::Received& datagram);
  void TakeIcmp(const host::Received& message);
  void FollowMtu(const TcpName& name);
  void Deliver(const host::Received& packet, uint8_t protocol, const TcpName& name);
  void Send(wire::FramePtr packet);
  void SendTcp(wire::FramePtr packet);
  static wire::FramePtr WithMss(const wire::Frame& syn, uint32_t mss);
  wire::FramePtr CutSegment(Connection& connection, const TcpName& name, const wire::Frame& whole, uint32_t offset,
                            uint32_t bytes);
  void SendOther(const wire::Frame& packet);

  void Accepted(ns3::Ptr<ns3::Socket> socket, const ns3::Address& peer);
  IpAddress SelectSource(const IpAddress& destination);

  host::Stack& m_stack;
  ns3::Ptr<ns3::Node> m_node;
  ns3::Ptr<ns3::VirtualNetDevice> m_device;
  ns3::Ptr<ns3::TcpL4Protocol> m_tcp;
  ns3::Ptr<ns3::UdpL4Protocol> m_udp;  ///< null until Node() is asked for
  int m_icmp = 0;
  std::map<TcpName, Connection> m_connections;
  size_t m_forgetAt = 64;
  std::map<uint16_t, Listener> m_listeners;
  std::vector<Ipv6Address> m_ipv6;            ///< by the number that each goes by in ns-3, from 1
  std::map<Ipv6Address, uint32_t> m_numbers;  ///< the other way round
  IpAddress m_boundSource;                    ///< of the socket that is being connected
  uint64_t m_cause = 0;                       ///< journey and flow of the packet that ns-3 is being handed
  uint32_t m_flow = UINT32_MAX;
};

}  // namespace overlaysim::traffic
