#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "models/traffic/icmp_report.h"

namespace overlaysim::traffic {

/// udp_lib_get_port(): the first port of net.ipv4.ip_local_port_range, from a random one on, that `take` takes; 0: none.
/// `name` and `index` choose the random one.
uint16_t TakeLocalPort(host::Stack& stack, std::string_view name, uint64_t index,
                       const std::function<bool(uint16_t)>& take);

/// A connected UDP socket, with what IP_RECVERR tells it.
class UdpSocket {
 public:
  struct Handlers {
    std::function<void(const host::UdpDatagram&)> datagram;
    std::function<void(const IcmpReport&)> error;
  };
  /// `name` chooses the port where `sourcePort` is 0: one of net.ipv4.ip_local_port_range.
  UdpSocket(host::Stack& stack, const std::string& name, const host::SendRequest& request, uint16_t sourcePort,
            uint16_t destinationPort, Handlers handlers);
  ~UdpSocket() { Close(); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  /// connect(): 0 or a positive errno.
  int Open();
  int Send(std::span<const uint8_t> data);
  void Close();
  bool IsOpen() const { return m_isOpen; }

 private:
  int Bind();

  host::Stack& m_stack;
  std::string m_name;
  host::SendRequest m_request;
  uint16_t m_sourcePort, m_destinationPort;
  Handlers m_handlers;
  int m_icmp = 0;
  bool m_isOpen = false;
};

}  // namespace overlaysim::traffic
