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

/// Requests over UDP, one datagram each, and a server that answers each at once with one datagram. A reply that is not
/// there in time is lost; nothing is sent again.
class RpcFlow : public Flow, private UdpSinks::Taker {
 public:
  /// `to` is null where nobody listens.
  RpcFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const RpcSettings& settings);
  void Start() override;
  void Terminate() override { Close(); }

 private:
  struct Call {
    uint64_t request, reply;  ///< journeys; reply 0: not answered yet
    Nanoseconds at;
  };

  void SendNext();
  bool IsLast() const;
  void WatchOldest();
  void Ended();
  void Take(const host::UdpDatagram& datagram) override;  ///< the server
  void Answer(uint64_t request, const IpAddress& from, const IpAddress& to, uint16_t toPort);
  void TakeReply(const host::UdpDatagram& datagram);
  void Close();

  host::Stack& m_from;
  host::Stack* m_to;
  UdpSinks& m_sinks;
  RpcSettings m_settings;
  std::span<const uint8_t> m_request, m_reply;
  host::Stack::RepeatedUdp m_repeatedRequest, m_repeatedReply;
  uint16_t m_port = 0;           ///< the client's
  std::vector<Call> m_underWay;  ///< as they were sent
  bool m_isOpen = false, m_sentAll = false, m_isWatched = false;
};

}  // namespace overlaysim::traffic
