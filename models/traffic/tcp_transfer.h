#pragma once

#include <ns3/event-id.h>
#include <ns3/tcp-header.h>
#include <ns3/tcp-socket-base.h>

#include <memory>
#include <optional>

#include "models/traffic/flow.h"
#include "models/traffic/tcp_edge.h"

namespace overlaysim::traffic {

struct TcpSettings {
  IpAddress source;  ///< none or zero: as the kernel selects it
  IpAddress destination;
  uint16_t sourcePort = 0;  ///< 0: ephemeral
  uint16_t destinationPort = 0;
  uint64_t up = 0, down = 0;  ///< bytes, counting from 0
  uint8_t tos = 0;
  std::optional<Nanoseconds>
      timeout;  ///< as Python's settimeout(): longest wait in connect(), accept(), send(), recv()
  uint32_t flow = UINT32_MAX;
};

/// What one end of a transfer came to.
struct TcpEndResult {
  uint64_t received = 0;  ///< bytes
  bool intact = true;     ///< they were the ones that should come
  std::string error;      ///< in strerror()'s words, or "timed out"; "": none
  Nanoseconds lastByteAt;
};

/// One end of a connection: writes so many counting bytes, half-closes, and reads to the end of what the peer writes.
class TcpEnd {
 public:
  TcpEnd(TcpEdge& edge, uint64_t bytesToSend) : m_edge(edge), m_toSend(bytesToSend) {}
  ~TcpEnd();
  TcpEnd(const TcpEnd&) = delete;
  TcpEnd& operator=(const TcpEnd&) = delete;

  void Use(ns3::Ptr<ns3::Socket> socket);
  void Write();
  void SetTimeout(Nanoseconds timeout);
  /// Ends with that error, if it has not ended. `quietly`: without a segment to the peer.
  void Fail(const std::string& error, bool quietly);
  void Close() { Fail({}, false); }  ///< as when the process ends: no more is written, and what comes is not read
  void OnGaveUp(ns3::Ptr<ns3::Socket> socket);  ///< ns-3 does: nothing was acknowledged for too long
  bool IsEnded() const { return m_ended; }
  bool TimedOut() const;  ///< by SetTimeout(), not by the kernel

  TcpEndResult result;
  std::function<void()> onEof;    ///< the peer has written all it will
  std::function<void()> onEnded;  ///< all is written and read, or an error has ended it

 private:
  void Eof();
  void End();
  void CheckTimeout();
  void FailLater(int error);
  void OnReadable(ns3::Ptr<ns3::Socket> socket);
  void OnWritable(ns3::Ptr<ns3::Socket> socket, uint32_t bytes);
  void OnClosed(ns3::Ptr<ns3::Socket> socket);
  void OnSegment(ns3::Ptr<const ns3::Packet> packet, const ns3::TcpHeader& header,
                 ns3::Ptr<const ns3::TcpSocketBase> socket);
  void OnState(ns3::TcpSocket::TcpStates_t before, ns3::TcpSocket::TcpStates_t now);
  void OnIcmp(ns3::Ipv4Address from, uint8_t ttl, uint8_t type, uint8_t code, uint32_t info);

  TcpEdge& m_edge;
  ns3::Ptr<ns3::Socket> m_socket;
  uint64_t m_toSend = 0, m_sent = 0;
  bool m_isWriting = false, m_wroteAll = false, m_sawEof = false, m_isFailing = false, m_ended = false;
  std::vector<uint8_t> m_readBuffer;
  ns3::TcpSocket::TcpStates_t m_state = ns3::TcpSocket::CLOSED;
  Nanoseconds m_timeout, m_lastProgress;
  ns3::EventId m_timer, m_later;
};

/// The server of a transfer: reads to the end, writes so many bytes and closes.
class TcpServer {
 public:
  TcpServer(TcpEdge& edge, const TcpSettings& settings);
  ~TcpServer();
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  void Start();
  TcpEnd& End() { return m_end; }
  const TcpEnd& End() const { return m_end; }
  /// Its client has failed, and it does not time out itself.
  void GiveUp();

 private:
  void Listen();

  TcpEdge& m_edge;
  TcpSettings m_settings;
  TcpEnd m_end;
};

/// One connection: the client writes `up` bytes, half-closes, and reads; the server reads to the end, writes `down`
/// bytes and closes.
class TcpTransfer : public Flow {
 public:
  /// `to` is null where nobody listens.
  TcpTransfer(TcpEdge& from, TcpEdge* to, const TcpSettings& settings);
  /// The client's half; somebody else has the server, a RemoteTcpServer.
  TcpTransfer(TcpEdge& from, Messenger& server, const TcpSettings& settings);
  void Start() override;
  void Hear(const Word& word) override;

  const TcpEndResult& Client() const { return m_client.result; }
  const TcpEndResult* Server() const { return m_server ? &m_server->End().result : nullptr; }
  const std::optional<Nanoseconds>& ConnectedAt() const { return m_connectedAt; }
  /// From the call of connect() to the last byte; 0 unless all came.
  BitsPerSecond Throughput() const;

 private:
  void Connect();
  void OnConnected(ns3::Ptr<ns3::Socket> socket);
  void Ended();
  void Finish(const TcpEndResult* server);
  void Report();

  TcpEdge& m_from;
  TcpSettings m_settings;
  TcpEnd m_client;
  std::optional<TcpServer> m_server;      ///< where somebody listens in this process
  Messenger* m_messenger = nullptr;       ///< to a server elsewhere
  std::optional<Word> m_remote;           ///< what it has come to
  std::optional<Nanoseconds> m_gaveUpAt;  ///< it was told that the client has failed
  Nanoseconds m_startedAt, m_clientEndedAt, m_endedAt;
  std::optional<Nanoseconds> m_connectedAt;
};

/// The server of a TcpTransfer whose client is somewhere else. Never done itself: its client is.
class RemoteTcpServer : public Flow {
 public:
  RemoteTcpServer(TcpEdge& edge, Messenger& client, const TcpSettings& settings);
  void Start() override { m_server.Start(); }
  void Hear(const Word&) override { m_server.GiveUp(); }

 private:
  TcpServer m_server;
};

}  // namespace overlaysim::traffic
