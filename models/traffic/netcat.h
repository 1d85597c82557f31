#pragma once

#include <memory>

#include "models/traffic/tcp_transfer.h"
#include "models/traffic/udp_socket.h"

namespace overlaysim::traffic {

/// nc(1)'s options.
struct NetcatSettings {
  std::string destinationText;
  IpAddress destination;
  std::vector<uint16_t> ports;         ///< of the destination, or the one to listen on
  IpAddress source = Ipv4Address{};    ///< -s; zero: by routing, or any of its family to listen on
  uint16_t sourcePort = 0;             ///< -p; 0: ephemeral
  bool udp = false;                    ///< -u
  bool listen = false;                 ///< -l
  bool keepListening = false;          ///< -k
  bool scan = false;                   ///< -z
  bool verbose = false;                ///< -v
  bool numeric = false;                ///< -n
  bool shutdownAtEof = false;          ///< -N
  std::optional<Nanoseconds> timeout;  ///< -w
  uint32_t flow = UINT32_MAX;
};

/// nc(1) of netcat-openbsd 1.219 with nothing on its standard input: what it sends, when it ends, and what it prints,
/// to the letter. What it receives is counted, not printed.
class Netcat : public Flow {
 public:
  Netcat(TcpEdge& edge, const NetcatSettings& settings) : m_edge(edge), m_settings(settings) {}
  ~Netcat() override { StopListening(); }
  void Start() override;
  void Terminate() override;

 private:
  void ConnectNext();
  void ConnectTcp();
  void Connected(ns3::Ptr<ns3::Socket> socket);
  void TcpEnded(const TcpEnd& end);
  void ConnectUdp();
  void ProbeUdp(uint32_t written);
  int WriteUdpProbe();
  void ReadUdp(const host::UdpDatagram& datagram);
  void ArmIdle();
  void Listen();
  void StopListening();
  void Accepted(ns3::Ptr<ns3::Socket> socket);
  void ReceivedFrom(const IpAddress& address, uint16_t port);
  void Succeeded();
  void Failed(const std::string& how);
  void Quit(int exit);
  uint16_t Port() const { return m_settings.ports[m_at]; }
  host::Stack& Host() { return m_edge.Host(); }

  TcpEdge& m_edge;
  NetcatSettings m_settings;
  size_t m_at = 0;  ///< which port
  std::vector<std::unique_ptr<TcpEnd>> m_ends;
  bool m_isConnected = false, m_isListening = false;
  std::unique_ptr<UdpSocket> m_udp;
  int m_udpError = 0;  ///< that the next write will be told
  IpAddress m_peer;    ///< of a listener: whose datagrams it takes
  uint16_t m_peerPort = 0;
  uint64_t m_generation = 0;
};

}  // namespace overlaysim::traffic
