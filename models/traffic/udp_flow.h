#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/host/stack.h"
#include "models/traffic/flow.h"

namespace overlaysim::traffic {

struct UdpSettings {
  IpAddress source;  ///< none: by routing
  IpAddress destination;
  uint16_t sourcePort = 0;  ///< 0: an ephemeral one
  uint16_t destinationPort = 0;
  uint64_t count = 1;
  Nanoseconds interval;
  uint32_t payload = 0;  ///< bytes
  uint8_t ttl = 0, tos = 0;
  host::SendRequest::Pmtu pmtu = host::SendRequest::Pmtu::Want;
  Nanoseconds wait = Seconds(1);  ///< how long after the last one the receiver listens
  uint32_t flow = UINT32_MAX;
  bool autoFlowLabel = true;  ///< IPV6_AUTOFLOWLABEL
};

/// Takes the datagrams of many flows on one port of one namespace; the socket is open while one of them is.
class UdpSinks {
 public:
  /// Who takes the datagrams of one flow.
  class Taker {
   public:
    virtual ~Taker() = default;
    virtual void Take(const host::UdpDatagram& datagram) = 0;
  };
  UdpSinks() = default;
  UdpSinks(const UdpSinks&) = delete;
  UdpSinks& operator=(const UdpSinks&) = delete;
  /// False: the port is taken by something else.
  bool Open(host::Stack& stack, uint16_t port, uint32_t flow, Taker& taker);
  void Close(host::Stack& stack, uint16_t port, uint32_t flow);

 private:
  /// By flow, in ascending order.
  using Port = std::vector<std::pair<uint32_t, Taker*>>;
  static Port::iterator Find(Port& port, uint32_t flow);
  std::map<std::pair<NetnsId, uint16_t>, std::unique_ptr<Port>> m_ports;
};

/// Datagrams from one namespace to another, at a fixed distance from each other.
class UdpFlow : public Flow, private UdpSinks::Taker {
 public:
  struct Arrival {
    IpAddress from;
    uint16_t fromPort;
    uint32_t bytes;
    bool intact;
    uint8_t ttl, tos;
  };
  /// `to` is null where nobody listens.
  UdpFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const UdpSettings& settings);
  void Start() override;
  const std::optional<Arrival>& FirstArrival() const { return m_firstArrival; }
  static Arrival ArrivalOf(const host::UdpDatagram& datagram);

 private:
  void SendNext();
  void Take(const host::UdpDatagram& datagram) override;
  void Close();

  host::Stack& m_from;
  host::Stack* m_to;
  UdpSinks& m_sinks;
  UdpSettings m_settings;
  std::span<const uint8_t> m_payload;
  host::Stack::RepeatedUdp m_repeated;
  struct Sent {
    uint64_t journey;
    Nanoseconds at;
  };
  std::vector<Sent> m_underWay;  ///< as they were sent
  std::optional<Arrival> m_firstArrival;
  bool m_open = false, m_sentAll = false;
};

}  // namespace overlaysim::traffic
