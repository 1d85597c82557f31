#include "models/traffic/udp_socket.h"

#include <fmt/format.h>

#include <cerrno>

#include "models/host/stack_inline.h"
#include "sim/base/random.h"

namespace overlaysim::traffic {

uint16_t TakeLocalPort(host::Stack& stack, std::string_view name, uint64_t index,
                       const std::function<bool(uint16_t)>& take) {
  const kernel::Namespace& ns = stack.Ns();
  const uint64_t ports = uint64_t{ns.localPortHigh} - ns.localPortLow + 1;
  RandomStream random(stack.Net().seed, fmt::format("udp-port/{}/{}", ns.Name(), name), index);
  const uint64_t first = random.Below(ports);
  for (uint64_t i = 0; i < ports; ++i) {
    const auto port = static_cast<uint16_t>(ns.localPortLow + (first + i) % ports);
    if (take(port)) return port;
  }
  return 0;
}

UdpSocket::UdpSocket(host::Stack& stack, const std::string& name, const host::SendRequest& request, uint16_t sourcePort,
                     uint16_t destinationPort, Handlers handlers)
    : m_stack(stack),
      m_name(name),
      m_request(request),
      m_sourcePort(sourcePort),
      m_destinationPort(destinationPort),
      m_handlers(std::move(handlers)) {
  m_request.connected = true;
}

/// udp_lib_get_port(): the port that was asked for, or a free one from a random one on.
int UdpSocket::Bind() {
  auto handler = [this](const host::UdpDatagram& datagram) {
    if (datagram.source == m_request.destination && datagram.sourcePort == m_destinationPort)
      m_handlers.datagram(datagram);
  };
  if (m_sourcePort != 0) return m_stack.BindUdp({}, m_sourcePort, handler);
  m_sourcePort =
      TakeLocalPort(m_stack, m_name, 0, [&](uint16_t port) { return m_stack.BindUdp({}, port, handler) == 0; });
  return m_sourcePort != 0 ? 0 : EAGAIN;
}

int UdpSocket::Open() {
  host::SendRequest request = m_request;
  request.protocol = wire::kIpProtoUdp;
  request.destinationPort = m_destinationPort;
  const host::Stack::RouteOut out = m_stack.RouteOutput(request);
  if (out.error != 0) {
    if (out.error == ENETUNREACH) m_stack.Ns().snmp.Add(kernel::Snmp::IpOutNoRoutes);
    return out.error;
  }
  if (const int error = Bind()) return error;
  m_isOpen = true;
  m_icmp = m_stack.OpenRawIcmp([this](const host::Received& message) {
    const auto report = ParseIcmpReport(message);
    if (report && report->protocol == wire::kIpProtoUdp && report->destination == m_request.destination &&
        wire::Get16(report->transport) == m_sourcePort && wire::Get16(report->transport + 2) == m_destinationPort)
      m_handlers.error(*report);
  });
  return 0;
}

int UdpSocket::Send(std::span<const uint8_t> data) {
  return m_stack.SendUdp(m_request, m_sourcePort, m_destinationPort, data);
}

void UdpSocket::Close() {
  if (!m_isOpen) return;
  m_isOpen = false;
  m_stack.CloseRawIcmp(m_icmp);
  m_stack.CloseUdp({}, m_sourcePort);
  // The process hears of an error, and closes, when ICMP is done with it.
  m_stack.After({}, [&stack = m_stack, port = m_sourcePort] { stack.CloseUdpSender(port); });
}

}  // namespace overlaysim::traffic
