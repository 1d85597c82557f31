#include "models/traffic/ping.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"

namespace overlaysim::traffic {
namespace {

constexpr Nanoseconds kDefaultLinger = Seconds(10);  // MAXWAIT
constexpr uint32_t kMostPayload = 65507;             // what an IPv4 packet holds behind its own header and ICMP's
constexpr uint32_t kTimestampBytes = 16;             // struct timeval
constexpr uint8_t kOptionEnd = 0, kOptionNop = 1, kOptionRecordRoute = 7;
constexpr uint8_t kRecordRouteBytes = 39;  // all that fits: nine addresses
constexpr uint8_t kFirstPointer = 4;       // of the option, from 1: where the first address stands

__extension__ using Wide = __int128;

int64_t SquareRoot(Wide value) {  // llsqrt()
  if (value <= 0) return 0;
  Wide x = value, y = (x + 1) / 2;
  while (y < x) {
    x = y;
    y = (x + value / x) / 2;
  }
  return static_cast<int64_t>(x);
}

}  // namespace

std::string PingMilliseconds(int64_t us) {
  if (us >= 100000 - 50) return fmt::format("{}", (us + 500) / 1000);
  if (us >= 10000 - 5) return fmt::format("{}.{}", (us + 50) / 1000, (us + 50) % 1000 / 100);
  if (us >= 1000) return fmt::format("{}.{:02}", (us + 5) / 1000, (us + 5) % 1000 / 10);
  return fmt::format("{}.{:03}", us / 1000, us % 1000);
}

std::string DescribeIcmpError(uint8_t type, uint8_t code, uint32_t info) {
  if (type == wire::kIcmpDestUnreach) {
    switch (code) {
      case 0:
        return "Destination Net Unreachable";
      case 1:
        return "Destination Host Unreachable";
      case 2:
        return "Destination Protocol Unreachable";
      case 3:
        return "Destination Port Unreachable";
      case 4:
        return fmt::format("Frag needed and DF set (mtu = {})", info);
      case 5:
        return "Source Route Failed";
      case 6:
        return "Destination Net Unknown";
      case 7:
        return "Destination Host Unknown";
      case 8:
        return "Source Host Isolated";
      case 9:
        return "Destination Net Prohibited";
      case 10:
        return "Destination Host Prohibited";
      case 11:
        return "Destination Net Unreachable for Type of Service";
      case 12:
        return "Destination Host Unreachable for Type of Service";
      case 13:
        return "Packet filtered";
      case 14:
        return "Precedence Violation";
      case 15:
        return "Precedence Cutoff";
      default:
        return fmt::format("Dest Unreachable, Bad Code: {}", code);
    }
  }
  if (type == wire::kIcmpTimeExceeded) {
    if (code == 0) return "Time to live exceeded";
    if (code == 1) return "Frag reassembly time exceeded";
    return fmt::format("Time exceeded, Bad Code: {}", code);
  }
  if (type == wire::kIcmpParameterProblem) return fmt::format("Parameter problem: pointer = {}", info >> 24);
  return fmt::format("Bad ICMP type: {}", type);
}

std::string DescribeIcmpv6Error(uint8_t type, uint8_t code, uint32_t info) {
  switch (type) {
    case wire::kIcmpv6DestUnreach: {
      static constexpr const char* kCodes[] = {"No route", "Administratively prohibited",
                                               "Beyond scope of source address", "Address unreachable",
                                               "Port unreachable"};
      if (code < std::size(kCodes)) return fmt::format("Destination unreachable: {}", kCodes[code]);
      return fmt::format("Destination unreachable: Unknown code {}", code);
    }
    case wire::kIcmpv6PacketTooBig:
      return fmt::format("Packet too big: mtu={}", info);
    case wire::kIcmpv6TimeExceeded:
      if (code == wire::kIcmpv6HopLimit) return "Time exceeded: Hop limit";
      if (code == wire::kIcmpv6ReassemblyTime) return "Time exceeded: Defragmentation failure";
      return fmt::format("Time exceeded: code {}", code);
    case wire::kIcmpv6ParameterProblem: {
      static constexpr const char* kCodes[] = {"Wrong header field ", "Unknown header ", "Unknown option "};
      return fmt::format("Parameter problem: {}at {}",
                         code < std::size(kCodes) ? kCodes[code] : fmt::format("code {} ", code), info);
    }
    default:
      return fmt::format("unknown icmp type: {}", type);
  }
}

Ping::Ping(host::Stack& stack, const PingSettings& settings) : m_stack(stack), m_settings(settings) {}

Ping::~Ping() {
  if (m_socket != 0) m_stack.CloseRawIcmp(m_socket);
}

std::vector<uint8_t> Ping::Payload(Nanoseconds now) const {
  std::vector<uint8_t> data = CountingBytes(m_settings.payload);
  for (size_t i = 0; i < data.size() && !m_settings.pattern.empty(); ++i)
    data[i] = m_settings.pattern[i % m_settings.pattern.size()];
  if (!m_settings.ownPayload || m_settings.payload < kTimestampBytes) return data;
  const uint64_t parts[2] = {static_cast<uint64_t>(now.count / 1000000000),
                             static_cast<uint64_t>(now.count % 1000000000 / 1000)};
  for (size_t part = 0; part < 2; ++part)  // struct timeval of a little-endian machine
    for (size_t i = 0; i < 8; ++i) data[part * 8 + i] = static_cast<uint8_t>(parts[part] >> 8 * i);
  return data;
}

void Ping::Start() {
  m_start = m_last = engine::Now();
  m_socket = m_stack.OpenRawIcmp([this](const host::Received& message) { Received(message); });
  const auto probe =
      m_stack.FindPath({.source = m_settings.source, .destination = m_settings.destination, .oif = m_settings.oif});
  const bool isBound = !m_settings.source.IsZero() || m_settings.oif != 0;
  const std::string from =
      isBound ? fmt::format("from {} {}: ", probe.source.ToString(), m_settings.device) : std::string();
  std::string heading;
  if (!m_settings.pattern.empty() && !m_settings.quiet) {
    heading = "PATTERN: 0x";
    for (const uint8_t byte : m_settings.pattern) heading += fmt::format("{:02x}", byte);
    heading += '\n';
  }
  if (m_settings.recordRoute) {  // with the sender's own address, which ip_options_build() puts there
    m_options = {kOptionNop, kOptionRecordRoute, kRecordRouteBytes, kFirstPointer + 4};
    m_options.resize(1 + kRecordRouteBytes);
    if (probe.source.IsV4()) wire::PutIpv4(&m_options[4], probe.source.V4());
  }
  m_result.output += heading;
  m_result.output +=
      m_settings.destination.IsV6()
          ? fmt::format("PING {}({}) {}{} data bytes\n", m_settings.destinationText, m_settings.destination.ToString(),
                        from, m_settings.payload)
          : fmt::format("PING {} ({}) {}{}({}) bytes of data.\n", m_settings.destinationText,
                        m_settings.destination.ToString(), from, m_settings.payload,
                        m_settings.payload + wire::kIpv4HeaderBytes + m_options.size() + wire::kIcmpHeaderBytes);
  if (probe.error == 0 && probe.broadcast && !m_settings.allowBroadcast) {
    m_result.output = heading;
    m_result.errorOutput = "ping: Do you want to ping broadcast? Then -b. If not, check your local firewall rules\n";
    m_result.exit = 2;
    return Done();
  }
  if (probe.error != 0) {  // ping asks for its source address by connect() before it prints anything
    m_result.output = heading;
    m_result.error = std::strerror(probe.error);
    m_result.errorOutput = fmt::format("ping: connect: {}\n", m_result.error);
    m_result.exit = 2;
    ++m_result.offeredPackets;
    m_result.offeredBytes += m_settings.payload;
    return Done();
  }
  if (probe.broadcast && m_settings.warnOfBroadcast) m_result.errorOutput = "WARNING: pinging broadcast address\n";
  if (m_settings.deadline) m_stack.After(*m_settings.deadline, [this] { End(); });
  Pinger();
}

/// print_timestamp(): "[1700000000.123456] " with -D.
std::string Ping::TimePrefix() const {
  if (!m_settings.printTime) return {};
  const int64_t us = engine::Now().count / 1000;
  return fmt::format("[{}.{:06}] ", us / 1000000, us % 1000000);
}

void Ping::ArmWake(Nanoseconds delay) {
  m_stack.After(delay, [this, generation = ++m_wakeGeneration] {
    if (generation == m_wakeGeneration && !IsDone()) Wake();
  });
}

void Ping::Wake() {
  if (m_exitArmed || EnoughAnswers()) return End();
  Pinger();
}

bool Ping::EnoughAnswers() const { return m_settings.count != 0 && m_received + m_errors >= m_settings.count; }

/// pinger() and schedule_exit().
void Ping::Pinger() {
  if (m_settings.count != 0 && m_sent >= m_settings.count) {
    m_exitArmed = true;
    const Nanoseconds now = engine::Now();
    Nanoseconds wait = m_settings.linger.value_or(kDefaultLinger);
    if (m_received > 0) wait = std::max(Nanoseconds{2 * m_maxUs * 1000}, m_settings.interval);
    const Nanoseconds end = m_last + wait;
    return ArmWake(end > now ? end - now : Nanoseconds{0});
  }
  const Nanoseconds now = engine::Now();
  const uint16_t sequence = static_cast<uint16_t>(m_settings.firstSequence + m_sent);
  m_last = now;
  host::SendRequest request{.source = m_settings.source,
                            .destination = m_settings.destination,
                            .ttl = m_settings.ttl,
                            .tos = m_settings.tos,
                            .pmtu = m_settings.pmtu,
                            .oif = m_settings.oif,
                            .flow = m_settings.flow,
                            .options = m_options,
                            .autoFlowLabel = m_settings.autoFlowLabel};
  if (m_settings.reportOutstanding && m_sent > 0) {
    const auto previous = m_outstanding.find(static_cast<uint16_t>(sequence - 1));
    if (previous != m_outstanding.end() && !previous->second.answered)
      m_result.output += fmt::format("{}no answer yet for icmp_seq={}\n", TimePrefix(), previous->first);
  }
  m_outstanding[sequence] = {now};
  ++m_sent;
  ++m_result.offeredPackets;
  m_result.offeredBytes += m_settings.payload;
  if (m_settings.payload > kMostPayload) {  // refused, with nothing in the socket's error queue
    m_result.error = std::strerror(EMSGSIZE);
  } else if (int error = m_stack.SendIcmpEcho(request, m_settings.id, sequence, Payload(now))) {
    m_result.error = std::strerror(error);
    ++m_errors;
    if (error == EMSGSIZE) {
      m_result.errorOutput +=
          fmt::format("ping: local error: message too long, mtu={}\n", m_stack.FindPath(request).mtu);
    } else {
      m_result.errorOutput += fmt::format("ping: sendmsg: {}\n", m_result.error);
    }
  }
  if (IsDone()) return;
  if (m_settings.count != 0 && m_sent >= m_settings.count) return Pinger();  // the last one: now for the end
  ArmWake(m_settings.interval);
}

void Ping::Received(const host::Received& message) {
  if (IsDone() || message.payloadBytes < wire::kIcmpHeaderBytes) return;
  const bool isV6 = m_settings.destination.IsV6();
  if (message.IsV6() != isV6) return;
  if (const auto report = ParseIcmpReport(message)) return ReceivedError(*report);
  if (message.payload[0] != (isV6 ? uint8_t{wire::kIcmpv6EchoReply} : uint8_t{wire::kIcmpEchoReply}) ||
      wire::Get16(message.payload + 4) != m_settings.id)
    return;
  const uint16_t sequence = wire::Get16(message.payload + 6);
  auto sent = m_outstanding.find(sequence);
  if (sent == m_outstanding.end()) return;
  const Nanoseconds now = engine::Now();
  const Nanoseconds rtt = now - sent->second.at;
  const bool duplicate = sent->second.answered;
  sent->second.answered = true;
  m_last = now;
  const uint8_t* data = message.payload + wire::kIcmpHeaderBytes;
  const uint32_t bytes = message.payloadBytes - wire::kIcmpHeaderBytes;
  const std::vector<uint8_t> expected = Payload(sent->second.at);
  const bool intact = std::equal(expected.begin(), expected.end(), data, data + bytes);
  const Answer answer{sequence, message.Source(), message.Ttl(), bytes, intact, rtt};
  if (!m_firstAnswer) m_firstAnswer = answer;
  if (duplicate) {
    ++m_duplicates;
  } else {
    ++m_received;
    ++m_result.deliveredPackets;
    m_result.deliveredBytes += bytes;
    m_result.rttNs.Add(rtt.count);
    const int64_t us = rtt.count / 1000;
    m_minUs = std::min(m_minUs, us);
    m_maxUs = std::max(m_maxUs, us);
    m_sumUs += us;
    m_sumSquares += static_cast<Wide>(us) * us;
  }
  if (!m_settings.quiet)
    m_result.output +=
        fmt::format("{}{} bytes from {}: icmp_seq={} ttl={}{}{}\n", TimePrefix(), bytes + wire::kIcmpHeaderBytes,
                    answer.from.ToString(), sequence, answer.ttl,
                    bytes >= kTimestampBytes ? " time=" + PingMilliseconds(rtt.count / 1000) + " ms" : "",
                    (duplicate ? " (DUP!)" : "") + (isV6 ? "" : RecordedRoute(message.ip)));
  if (EnoughAnswers()) End();
}

/// pr_options() of what record route has brought: "" where the packet has no such option.
std::string Ping::RecordedRoute(const wire::Ipv4& ip) {
  const std::span<const uint8_t> options{ip.p + wire::kIpv4HeaderBytes, ip.HeaderBytes() - wire::kIpv4HeaderBytes};
  for (size_t at = 0; at < options.size() && options[at] != kOptionEnd;) {
    if (options[at] == kOptionNop) {
      ++at;
      continue;
    }
    if (at + 2 >= options.size() || options[at + 1] < 3 || at + options[at + 1] > options.size()) break;
    const size_t bytes = options[at + 1];
    if (options[at] != kOptionRecordRoute) {
      at += bytes;
      continue;
    }
    const size_t pointer = std::min<size_t>(options[at + 2], bytes + 1);
    if (pointer <= kFirstPointer) break;
    const auto route = options.subspan(at + 3, (pointer - kFirstPointer) / 4 * 4);
    if (std::equal(route.begin(), route.end(), m_lastRoute.begin(), m_lastRoute.end())) return "\t(same route)";
    m_lastRoute.assign(route.begin(), route.end());
    std::string text = "\nRR: ";
    for (size_t i = 0; i < route.size(); i += 4)
      text += fmt::format("{}\t{}", i == 0 ? "" : "\n", wire::GetIpv4(&route[i]).ToString());
    return text + '\n';
  }
  return {};
}

void Ping::ReceivedError(const IcmpReport& report) {
  const uint8_t* echo = report.transport;
  const bool isV6 = m_settings.destination.IsV6();
  if (report.protocol != (isV6 ? wire::kIpProtoIcmpv6 : wire::kIpProtoIcmp) ||
      report.destination != m_settings.destination)
    return;
  if (echo[0] != (isV6 ? uint8_t{wire::kIcmpv6Echo} : uint8_t{wire::kIcmpEcho}) ||
      wire::Get16(echo + 4) != m_settings.id)
    return;
  const uint16_t sequence = wire::Get16(echo + 6);
  const IcmpError error{sequence, report.from, report.ttl, report.type, report.code, report.info};
  if (!m_firstError) m_firstError = error;
  ++m_errors;
  if (!m_settings.quiet)
    m_result.output += fmt::format("{}From {} icmp_seq={} {}\n", TimePrefix(), error.from.ToString(), sequence,
                                   isV6 ? DescribeIcmpv6Error(error.type, error.code, error.info)
                                        : DescribeIcmpError(error.type, error.code, error.info));
  if (EnoughAnswers()) End();
}

void Ping::Terminate() {
  ++m_wakeGeneration;
  if (m_socket != 0) m_stack.CloseRawIcmp(m_socket);
  m_socket = 0;
  Done();
}

/// finish().
void Ping::End() {
  if (IsDone()) return;
  m_result.output += fmt::format("\n--- {} ping statistics ---\n", m_settings.destinationText);
  m_result.output += fmt::format("{} packets transmitted, {} received", m_sent, m_received);
  if (m_duplicates > 0) m_result.output += fmt::format(", +{} duplicates", m_duplicates);
  if (m_errors > 0) m_result.output += fmt::format(", +{} errors", m_errors);
  if (m_sent > 0) {
    // %g of the share lost, as C prints it
    const uint64_t lost = m_sent - std::min(m_sent, m_received);
    m_result.output +=
        fmt::format(", {:g}% packet loss, time {}ms", 100.0 * static_cast<double>(lost) / static_cast<double>(m_sent),
                    (m_last - m_start).count / 1000000);
  }
  m_result.output += "\n";
  if (m_received > 0 && m_settings.payload >= kTimestampBytes) {
    const int64_t total = static_cast<int64_t>(m_received + m_duplicates);
    const int64_t mean = m_sumUs / total;
    const int64_t deviation = SquareRoot(m_sumSquares / total - static_cast<Wide>(mean) * mean);
    auto ms = [](int64_t us) { return fmt::format("{}.{:03}", us / 1000, us % 1000); };
    m_result.output +=
        fmt::format("rtt min/avg/max/mdev = {}/{}/{}/{} ms", ms(m_minUs), ms(mean), ms(m_maxUs), ms(deviation));
  }
  m_result.output += "\n";
  if (m_received == 0 || (m_settings.deadline && m_received < m_settings.count)) m_result.exit = 1;
  Terminate();
}

}  // namespace overlaysim::traffic
