#pragma once

#include <span>
#include <vector>

#include "models/traffic/udp_flow.h"

namespace overlaysim::traffic {

struct RpcSettings {
  IpAddress destination;
  uint16_t destinationPort = 0;
  uint64_t count = 1;
  Nanoseconds interval;  ///< between the beginnings of two requests; 0: each begins when the one before has ended
  std::optional<Nanoseconds> until;  ///< none begins then or later
  uint32_t request = 0, reply = 0;   ///< bytes
  Nanoseconds wait = Seconds(1);     ///< for each reply
  uint32_t flow = UINT32_MAX;
};

/// The server: answers each request at once with one datagram.
class RpcServer : private UdpSinks::Taker {
 public:
  RpcServer(host::Stack& stack, UdpSinks& sinks, const RpcSettings& settings);
  bool Open();  ///< false: the port is taken
  void Close();

 private:
  void Take(const host::UdpDatagram& datagram) override;
  void Answer(uint64_t request, const IpAddress& from, const IpAddress& to, uint16_t toPort);

  host::Stack& m_stack;
  UdpSinks& m_sinks;
  uint16_t m_port;
  uint32_t m_flow;
  std::span<const uint8_t> m_reply;
  host::Stack::RepeatedUdp m_repeated;
  bool m_isOpen = false;
};

/// Requests over UDP, one datagram each, and the server that answers them. A reply that is not there in time is lost;
/// nothing is sent again.
class RpcFlow : public Flow {
 public:
  /// `to` is null where nobody listens.
  RpcFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const RpcSettings& settings);
  /// The client's half; somebody else has the server, a RemoteRpcServer, and closes it when told to.
  RpcFlow(host::Stack& from, Messenger& server, UdpSinks& sinks, const RpcSettings& settings);
  void Start() override;
  void Terminate() override { Close(); }

 private:
  struct Call {
    uint64_t request;  ///< journey
    Nanoseconds at;
  };

  void SendNext();
  bool IsLast() const;
  void WatchOldest();
  void Ended();
  void TakeReply(const host::UdpDatagram& datagram);
  void Close();

  host::Stack& m_from;
  RpcSettings m_settings;
  std::optional<RpcServer> m_server;
  Messenger* m_messenger = nullptr;  ///< to a server elsewhere
  std::span<const uint8_t> m_request;
  host::Stack::RepeatedUdp m_repeated;
  uint16_t m_port = 0;           ///< the client's
  std::vector<Call> m_underWay;  ///< as they were sent
  bool m_sentAll = false, m_isWatched = false;
};

/// The server's half of an RpcFlow whose client is somewhere else.
class RemoteRpcServer : public Flow {
 public:
  RemoteRpcServer(host::Stack& to, UdpSinks& sinks, const RpcSettings& settings) : m_server(to, sinks, settings) {}
  void Start() override;
  void Hear(const Word& word) override;

 private:
  RpcServer m_server;
};

}  // namespace overlaysim::traffic
