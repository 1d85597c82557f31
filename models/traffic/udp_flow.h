#pragma once

#include <boost/container/small_vector.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>

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
  /// By flow, in ascending order; most ports serve one.
  using Port = boost::container::small_vector<std::pair<uint32_t, Taker*>, 2>;
  static Port::iterator Find(Port& port, uint32_t flow);
  std::map<std::pair<NetnsId, uint16_t>, std::unique_ptr<Port>> m_ports;
};

/// The receiving half: counts what comes, and closes when all that was sent has come.
class UdpReceiver : private UdpSinks::Taker {
 public:
  struct Arrival {
    IpAddress from;
    uint16_t fromPort;
    uint32_t bytes;
    bool intact;
    uint8_t ttl, tos;
  };
  /// Counts into `result`.
  UdpReceiver(host::Stack& stack, UdpSinks& sinks, uint16_t port, uint32_t flow, FlowResult& result)
      : m_stack(stack), m_sinks(sinks), m_port(port), m_flow(flow), m_result(result) {}
  bool Open();  ///< false: the port is taken
  void Expect(uint64_t journey, Nanoseconds sentAt) { m_underWay.push_back({journey, sentAt}); }
  void ExpectNoMore() { m_isLastSent = true; }
  bool IsOpen() const { return m_isOpen; }
  bool IsWaiting() const { return m_isOpen && !m_underWay.empty(); }
  void Close();
  Nanoseconds LastTaken() const { return m_lastTaken; }
  const std::optional<Arrival>& FirstArrival() const { return m_firstArrival; }
  static Arrival ArrivalOf(const host::UdpDatagram& datagram);
  std::function<void()> onClosed;  ///< for good: no more will be sent

 private:
  void Take(const host::UdpDatagram& datagram) override;

  host::Stack& m_stack;
  UdpSinks& m_sinks;
  uint16_t m_port;
  uint32_t m_flow;
  FlowResult& m_result;
  struct Sent {
    uint64_t journey;
    Nanoseconds at;
  };
  boost::container::small_vector<Sent, 2> m_underWay;  ///< as they were sent
  std::optional<Arrival> m_firstArrival;
  Nanoseconds m_lastTaken;
  bool m_isOpen = false, m_isLastSent = false;
};

/// Datagrams from one namespace to another, at a fixed distance from each other.
class UdpFlow : public Flow {
 public:
  using Arrival = UdpReceiver::Arrival;
  /// `to` is null where nobody listens.
  UdpFlow(host::Stack& from, host::Stack* to, UdpSinks& sinks, const UdpSettings& settings);
  /// The sending half; somebody else has the receiver, a RemoteUdpFlow, and is done when it is.
  UdpFlow(host::Stack& from, Messenger& receiver, UdpSinks& sinks, const UdpSettings& settings);
  void Start() override;
  const std::optional<Arrival>& FirstArrival() const {
    static const std::optional<Arrival> kNone;
    return m_receiver ? m_receiver->FirstArrival() : kNone;
  }

 private:
  void SendNext();
  void EndSending();
  void Close();

  host::Stack& m_from;
  UdpSettings m_settings;
  std::span<const uint8_t> m_payload;
  host::Stack::RepeatedUdp m_repeated;
  std::optional<UdpReceiver> m_receiver;
  Messenger* m_messenger = nullptr;  ///< to a receiver elsewhere
  bool m_sentAll = false;
};

/// The receiving half of a UdpFlow whose sender is somewhere else.
class RemoteUdpFlow : public Flow {
 public:
  RemoteUdpFlow(NetnsId from, host::Stack& to, UdpSinks& sinks, const UdpSettings& settings)
      : m_from(from), m_to(to), m_receiver(to, sinks, settings.destinationPort, settings.flow, m_result) {}
  void Start() override;
  void Hear(const Word& word) override;

 private:
  NetnsId m_from;
  host::Stack& m_to;
  UdpReceiver m_receiver;
};

}  // namespace overlaysim::traffic
