#include "models/traffic/netcat.h"

#include <fmt/format.h>

#include <ns3/callback.h>
#include <ns3/simulator.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"
#include "models/traffic/services.h"

namespace overlaysim::traffic {
namespace {

constexpr std::array<uint8_t, 1> kUdpProbe{'X'};
constexpr uint32_t kUdpProbesAtOnce = 2;
constexpr Nanoseconds kBetweenProbes = Milliseconds(1);  // of those at once: the tool's way around its loop
constexpr Nanoseconds kUdpScan = Seconds(3);             // without -w; a probe each second

}  // namespace

void Netcat::Start() {
  m_result.exit = 1;
  const IpAddress& source = m_settings.source;
  const kernel::Namespace& ns = Host().Ns();
  if (!source.IsZero() && !(source.IsV6() ? ns.Ipv6().IsLocalAddress(source.V6()) : ns.IsLocalAddress(source.V4()))) {
    m_result.errorOutput =
        fmt::format("nc: {}{}\n", m_settings.listen ? "" : "bind failed: ", std::strerror(EADDRNOTAVAIL));
    return Done();
  }
  if (m_settings.listen)
    Listen();
  else
    ConnectNext();
}

void Netcat::ConnectNext() {
  if (m_at == m_settings.ports.size()) return Quit(m_result.exit);
  if (m_settings.udp) return ConnectUdp();
  ns3::Simulator::ScheduleWithContext(m_edge.Context(), ns3::Time(0), &Netcat::ConnectTcp, this);
}

/// What nc says with -v when a connection stands.
void Netcat::Succeeded() {
  m_result.exit = 0;
  if (!m_settings.verbose) return;
  const std::string address = m_settings.destination.ToString();
  const bool isNamed = !m_settings.numeric && m_settings.destinationText != address;
  m_result.errorOutput +=
      fmt::format("Connection to {}{} {} port [{}/{}] succeeded!\n", m_settings.destinationText,
                  isNamed ? fmt::format(" ({})", address) : std::string(), Port(), m_settings.udp ? "udp" : "tcp",
                  m_settings.numeric ? "*" : ServiceName(Port(), m_settings.udp));
}

void Netcat::Failed(const std::string& how) {
  if (!m_settings.verbose) return;
  const std::string address = m_settings.destination.ToString();
  const bool isNamed = !m_settings.numeric && m_settings.destinationText != address;
  m_result.errorOutput +=
      fmt::format("nc: connect to {}{} port {} ({}) {}\n", m_settings.destinationText,
                  isNamed ? fmt::format(" ({})", address) : std::string(), Port(), m_settings.udp ? "udp" : "tcp", how);
}

// --- TCP

void Netcat::ConnectTcp() {
  if (IsDone()) return;
  m_isConnected = false;
  m_ends.push_back(std::make_unique<TcpEnd>(m_edge, 0));
  TcpEnd& end = *m_ends.back();
  end.onEnded = [this, &end] { TcpEnded(end); };
  if (!m_settings.shutdownAtEof) end.onEof = [&end] { end.Write(); };  // nobody to talk to any more: it closes
  if (m_settings.timeout) end.SetTimeout(*m_settings.timeout);
  const ns3::Ptr<ns3::Socket> socket = m_edge.CreateTcpSocket();
  socket->SetConnectCallback(ns3::MakeCallback(&Netcat::Connected, this), ns3::MakeCallback(&TcpEnd::OnGaveUp, &end));
  end.Use(socket);
  ++m_result.offeredPackets;
  const int error =
      m_edge.Connect(socket, m_settings.source, m_settings.sourcePort, m_settings.destination, Port(), m_settings.flow);
  if (error != 0) end.Fail(std::strerror(error), true);
}

void Netcat::Connected(ns3::Ptr<ns3::Socket>) {
  m_isConnected = true;
  ++m_result.deliveredPackets;
  Succeeded();
  if (m_settings.scan) return m_ends.back()->Close();
  if (m_settings.shutdownAtEof) m_ends.back()->Write();
}

/// A listener's connection, or the client's, has come to its end.
void Netcat::TcpEnded(const TcpEnd& end) {
  m_result.deliveredBytes += end.result.received;
  if (m_settings.listen) {
    if (!m_settings.keepListening) Quit(0);
    return;
  }
  if (!m_isConnected) {
    m_result.error = end.result.error;
    Failed(end.TimedOut() ? fmt::format("timed out: {}", std::strerror(EINPROGRESS)) : "failed: " + m_result.error);
  } else if (!m_settings.scan) {
    return Quit(0);
  }
  ++m_at;
  ConnectNext();
}

void Netcat::Listen() {
  int error = 0;
  if (m_settings.udp) {
    error = Host().BindUdp(m_settings.source, Port(), [this](const host::UdpDatagram& datagram) { ReadUdp(datagram); });
  } else {
    error =
        m_edge.Accept(m_settings.source, Port(), kAnyFlow, [this](ns3::Ptr<ns3::Socket> socket) { Accepted(socket); });
  }
  if (error != 0) {
    m_result.errorOutput = fmt::format("nc: {}\n", std::strerror(error));
    return Done();
  }
  m_isListening = true;
  if (m_settings.verbose)
    m_result.errorOutput =
        fmt::format("{} on {} {}\n", m_settings.udp ? "Bound" : "Listening", m_settings.source.ToString(), Port());
}

void Netcat::StopListening() {
  if (m_isListening && m_settings.udp) Host().CloseUdp(m_settings.source, Port());
  if (m_isListening && !m_settings.udp) m_edge.StopAccepting(Port(), kAnyFlow);
  m_isListening = false;
}

void Netcat::ReceivedFrom(const IpAddress& address, uint16_t port) {
  ++m_result.deliveredPackets;
  if (m_settings.verbose)
    m_result.errorOutput += fmt::format("Connection received on {} {}\n", address.ToString(), port);
}

void Netcat::Accepted(ns3::Ptr<ns3::Socket> socket) {
  if (!m_settings.keepListening) StopListening();
  const TcpName name = m_edge.NameOf(*socket);
  ReceivedFrom(name.peer, name.peerPort);
  m_ends.push_back(std::make_unique<TcpEnd>(m_edge, 0));
  TcpEnd& end = *m_ends.back();
  end.onEnded = [this, &end] { TcpEnded(end); };
  if (!m_settings.shutdownAtEof) end.onEof = [&end] { end.Write(); };
  end.Use(socket);
  if (m_settings.timeout) end.SetTimeout(*m_settings.timeout);
  if (m_settings.shutdownAtEof) end.Write();
}

// --- UDP

void Netcat::ConnectUdp() {
  m_udpError = 0;
  m_udp = std::make_unique<UdpSocket>(Host(), fmt::format("nc/{}/{}", m_settings.flow, m_at),
                                      host::SendRequest{.source = m_settings.source,
                                                        .destination = m_settings.destination,
                                                        .pmtu = host::SendRequest::Pmtu::Want,
                                                        .flow = m_settings.flow},
                                      m_settings.sourcePort, Port(),
                                      UdpSocket::Handlers{[this](const host::UdpDatagram& datagram) {
                                                            m_result.deliveredBytes += datagram.bytes;
                                                            if (!m_settings.scan && m_isConnected) ArmIdle();
                                                          },
                                                          [this](const IcmpReport& report) {
                                                            const IcmpErrno known = ErrnoOf(report);
                                                            if (known.fatal) m_udpError = known.error;
                                                          }});
  m_isConnected = false;
  if (const int error = m_udp->Open()) {
    m_result.error = std::strerror(error);
    Failed("failed: " + m_result.error);
    ++m_at;
    return ConnectNext();
  }
  if (m_settings.scan || m_settings.verbose) return ProbeUdp(0);
  m_isConnected = true;
  m_result.exit = 0;
  ArmIdle();
}

/// udptest(): two datagrams, and one more each second; whoever has nobody there to take them refuses one in time.
void Netcat::ProbeUdp(uint32_t written) {
  if (IsDone()) return;
  const Nanoseconds scan = m_settings.timeout.value_or(kUdpScan);
  if (written == kUdpProbesAtOnce + scan.count / Seconds(1).count) {
    m_isConnected = true;
    ++m_result.deliveredPackets;
    Succeeded();
    if (!m_settings.scan) return ArmIdle();
  } else if (const int error = WriteUdpProbe()) {
    m_result.error = std::strerror(error);
    m_result.exit = 1;
  } else if (++written == kUdpProbesAtOnce + scan.count / Seconds(1).count) {
    return ProbeUdp(written);
  } else {
    return Host().After(written < kUdpProbesAtOnce ? kBetweenProbes : Seconds(1),
                        [this, written] { ProbeUdp(written); });
  }
  m_udp->Close();
  ++m_at;
  ConnectNext();
}

/// write(): 0, or what was to be told of the one before.
int Netcat::WriteUdpProbe() {
  if (m_udpError != 0) return std::exchange(m_udpError, 0);
  ++m_result.offeredPackets;
  m_result.offeredBytes += kUdpProbe.size();
  host::Backlog::Guard guard(Host().KernelBacklog());
  return m_udp->Send(kUdpProbe);
}

void Netcat::ReadUdp(const host::UdpDatagram& datagram) {
  if (IsDone()) return;
  if (m_peerPort == 0) {
    m_peer = datagram.source;
    m_peerPort = datagram.sourcePort;
    ReceivedFrom(m_peer, m_peerPort);
  }
  const bool isPeer = datagram.source == m_peer && datagram.sourcePort == m_peerPort;
  if (!isPeer && !m_settings.keepListening) return;
  m_result.deliveredBytes += datagram.bytes;
  m_isConnected = true;
  ArmIdle();
}

/// With -w it ends when nothing has come for so long.
void Netcat::ArmIdle() {
  if (!m_settings.timeout) return;
  Host().After(*m_settings.timeout, [this, generation = ++m_generation] {
    if (generation == m_generation && !IsDone()) Quit(0);
  });
}

void Netcat::Quit(int exit) {
  m_result.exit = exit;
  Terminate();
}

void Netcat::Terminate() {
  if (IsDone()) return;
  StopListening();
  if (m_udp) m_udp->Close();
  for (const auto& end : m_ends) {
    if (end->IsEnded()) continue;
    end->onEnded = nullptr;
    end->Close();
  }
  Done();
}

}  // namespace overlaysim::traffic
