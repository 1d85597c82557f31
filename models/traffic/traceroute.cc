#include "models/traffic/traceroute.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "models/engine/engine.h"
#include "models/host/stack_inline.h"

namespace overlaysim::traffic {
namespace {

using Method = TracerouteSettings::Method;

constexpr uint16_t kFirstPort = 33434;
constexpr uint16_t kUdpPort = 53;
constexpr Nanoseconds kTimeoutSlack = Milliseconds(1);  // DEF_WAIT_PREC

/// The payload: '@' and what follows it, 64 bytes over and over.
std::vector<uint8_t> Pattern(uint32_t bytes) {
  std::vector<uint8_t> data(bytes);
  for (uint32_t i = 0; i < bytes; ++i) data[i] = static_cast<uint8_t>('@' + (i & 0x3f));
  return data;
}

/// ttl2hops(): how far away a sender is whose packets begin with 64, 128 or 255.
int HopsOf(uint8_t ttl) { return (ttl <= 64 ? 65 : ttl <= 128 ? 129 : 256) - ttl; }

std::string Ipv6ErrorText(const IcmpReport& report) {
  switch (report.type) {
    case wire::kIcmpv6TimeExceeded:
      if (report.code == 0) return {};
      break;
    case wire::kIcmpv6PacketTooBig:
      return fmt::format("!F-{}", report.info);
    case wire::kIcmpv6DestUnreach:
      if (report.code == wire::kIcmpv6PortUnreach) return {};
      return report.code == wire::kIcmpv6NoRoute           ? "!N"
             : report.code == wire::kIcmpv6AdminProhibited ? "!X"
             : report.code == 2 || report.code == 3        ? "!H"
                                                           : fmt::format("!<{}>", report.code);
    default:
      break;
  }
  return fmt::format("!<{}-{}>", report.type, report.code);
}

/// Whether a router on the way says that the hop limit was used up.
bool IsOnTheWay(const IcmpReport& report) {
  const uint8_t exceeded = report.from.IsV6() ? uint8_t{wire::kIcmpv6TimeExceeded} : uint8_t{wire::kIcmpTimeExceeded};
  return report.type == exceeded && report.code == 0;
}

/// What is printed behind the time; an answer of the destination itself is no error.
std::string ErrorText(const IcmpReport& report) {
  if (report.from.IsV6()) return Ipv6ErrorText(report);
  if (report.type == wire::kIcmpTimeExceeded && report.code == 0) return {};
  if (report.type != wire::kIcmpDestUnreach) return fmt::format("!<{}-{}>", report.type, report.code);
  switch (report.code) {
    case 0:
    case 6:
    case 8:
    case 11:
      return "!N";
    case 1:
    case 7:
    case 12:
      return "!H";
    case 9:
    case 10:
    case 13:
      return "!X";
    case 2:
      return "!P";
    case 3:
      return {};
    case 4:
      return fmt::format("!F-{}", report.info);
    case 5:
      return "!S";
    case 14:
      return "!V";
    case 15:
      return "!C";
    default:
      return fmt::format("!<{}>", report.code);
  }
}

}  // namespace

Traceroute::Traceroute(host::Stack& stack, const TracerouteSettings& settings)
    : m_stack(stack),
      m_settings(settings),
      m_probes(size_t{settings.maxHops} * settings.probesPerHop),
      m_begin(size_t{settings.firstHop - 1} * settings.probesPerHop),
      m_end(m_probes.size()),
      m_nextSequence(settings.port.value_or(settings.method == Method::Icmp  ? uint16_t{1}
                                            : settings.method == Method::Udp ? kUdpPort
                                                                             : kFirstPort)) {}

void Traceroute::Start() {
  if (m_settings.method == Method::Icmp) {
    const auto route =
        m_stack.FindPath({.source = m_settings.source, .destination = m_settings.destination, .oif = m_settings.oif});
    if (route.error != 0) return Fail("connect", route.error);
    m_icmp = m_stack.OpenRawIcmp([this](const host::Received& message) { ReceivedIcmp(message); });
  }
  m_result.output = fmt::format("traceroute to {} ({}), {} hops max, {} byte packets", m_settings.destinationText,
                                m_settings.destination.ToString(), m_settings.maxHops, m_settings.packetBytes);
  host::Backlog::Guard guard(m_stack.KernelBacklog());
  Run();
}

/// do_it(): prints what has come in order, keeps so many probes under way, and waits for the first that may expire.
void Traceroute::Run() {
  while (m_begin < m_end) {
    size_t underWay = 0;
    std::optional<Nanoseconds> next;
    const Nanoseconds now = engine::Now();
    for (size_t i = m_begin; i < m_end; ++i) {
      Probe& probe = m_probes[i];
      if (i == m_begin && !probe.isDone && probe.sent) {
        const Nanoseconds expires = *probe.sent + Timeout(i);
        if (expires > now) {
          next = expires;
        } else {
          probe.isDone = true;
          if (probe.socket) probe.socket->Close();
          CheckExpired(i);
        }
      }
      if (probe.isDone) {
        if (i == m_begin) {
          Print(i);
          ++m_begin;
        }
        if (probe.isFinal) m_end = (i / m_settings.probesPerHop + 1) * m_settings.probesPerHop;
        continue;
      }
      if (!probe.sent) {
        if (m_lastSent && *m_lastSent + m_settings.sendWait > now) {
          next = *m_lastSent + m_settings.sendWait;
          break;
        }
        if (!SendProbe(i)) return;
      }
      if (!next) next = *probe.sent + Timeout(i);
      if (++underWay >= m_settings.simultaneous) break;
    }
    if (next) return Wake(std::max(*next - now, Nanoseconds{0}));
  }
  m_result.output += "\n";
  Terminate();
}

void Traceroute::Wake(Nanoseconds delay) {
  m_stack.After(delay, [this, generation = ++m_generation] {
    if (generation == m_generation && !IsDone()) Run();
  });
}

bool Traceroute::SendProbe(size_t index) {
  Probe& probe = m_probes[index];
  const host::SendRequest request{
      .source = m_settings.source,
      .destination = m_settings.destination,
      .ttl = static_cast<uint8_t>(index / m_settings.probesPerHop + 1),
      .tos = m_settings.tos,
      .pmtu = m_settings.dontFragment ? host::SendRequest::Pmtu::Do : host::SendRequest::Pmtu::Dont,
      .oif = m_settings.oif,
      .flow = m_settings.flow};
  probe.sent = m_lastSent = engine::Now();
  probe.sequence = m_nextSequence;
  if (m_settings.method != Method::Udp) ++m_nextSequence;
  ++m_result.offeredPackets;
  const int error = m_settings.method == Method::Icmp ? SendIcmp(index, request) : SendUdp(index, request);
  if (IsDone()) return false;
  if (error == EMSGSIZE) {  // the socket's error queue tells the MTU
    probe.received = engine::Now();
    probe.error = fmt::format("!F-{}", m_stack.FindPath(request).mtu);
    probe.isFinal = true;
    if (probe.socket) probe.socket->Close();
    m_stack.After({0}, [this, index] {
      m_probes[index].isDone = true;
      Wake({0});
    });
  } else if (error != 0) {
    Fail("send", error);
    return false;
  }
  return true;
}

int Traceroute::SendUdp(size_t index, const host::SendRequest& request) {
  Probe& probe = m_probes[index];
  probe.socket = std::make_unique<UdpSocket>(
      m_stack, fmt::format("traceroute/{}/{}", m_settings.flow, index), request, uint16_t{0}, probe.sequence,
      UdpSocket::Handlers{
          [this, index](const host::UdpDatagram& datagram) { Answered(index, datagram.source, datagram.ttl); },
          [this, index](const IcmpReport& report) { Report(index, report); }});
  if (const int error = probe.socket->Open()) {
    Fail("connect", error);
    return 0;
  }
  const uint32_t headers = IpHeaderBytes() + wire::kUdpHeaderBytes;
  m_result.offeredBytes += m_settings.packetBytes - headers;
  return probe.socket->Send(Pattern(m_settings.packetBytes - headers));
}

/// An echo request whose header takes the first bytes of the pattern.
int Traceroute::SendIcmp(size_t index, const host::SendRequest& request) {
  const std::vector<uint8_t> message = Pattern(m_settings.packetBytes - IpHeaderBytes());
  m_result.offeredBytes += message.size() - wire::kIcmpHeaderBytes;
  return m_stack.SendIcmpEcho(request, m_settings.icmpId, m_probes[index].sequence,
                              std::span(message).subspan(wire::kIcmpHeaderBytes));
}

std::optional<size_t> Traceroute::FindSequence(uint16_t sequence) const {
  for (size_t i = m_begin; i < m_probes.size(); ++i)
    if (m_probes[i].sent && !m_probes[i].isDone && m_probes[i].sequence == sequence) return i;
  return std::nullopt;
}

void Traceroute::ReceivedIcmp(const host::Received& message) {
  if (message.IsV6() != IsV6()) return;
  const uint8_t request = IsV6() ? uint8_t{wire::kIcmpv6Echo} : uint8_t{wire::kIcmpEcho};
  const uint8_t reply = IsV6() ? uint8_t{wire::kIcmpv6EchoReply} : uint8_t{wire::kIcmpEchoReply};
  const uint8_t* icmp = message.payload;
  if (const auto report = ParseIcmpReport(message)) {
    const uint8_t* echo = report->transport;
    const uint8_t protocol = IsV6() ? uint8_t{wire::kIpProtoIcmpv6} : uint8_t{wire::kIpProtoIcmp};
    if (report->protocol != protocol || report->destination != m_settings.destination || echo[0] != request ||
        wire::Get16(echo + 4) != m_settings.icmpId)
      return;
    if (const auto index = FindSequence(wire::Get16(echo + 6))) Report(*index, *report);
  } else if (message.payloadBytes >= wire::kIcmpHeaderBytes && icmp[0] == reply &&
             message.Source() == m_settings.destination && wire::Get16(icmp + 4) == m_settings.icmpId) {
    if (const auto index = FindSequence(wire::Get16(icmp + 6))) Answered(*index, message.Source(), message.Ttl());
  }
}

void Traceroute::Report(size_t index, const IcmpReport& report) {
  Probe& probe = m_probes[index];
  probe.isFinal = !IsOnTheWay(report);
  probe.error = ErrorText(report);
  const bool isFinal = probe.isFinal;
  Answered(index, report.from, report.ttl);
  probe.isFinal = isFinal;
}

/// recv_reply().
void Traceroute::Answered(size_t index, const IpAddress& from, uint8_t ttl) {
  Probe& probe = m_probes[index];
  if (IsDone() || probe.isDone) return;
  probe.isDone = probe.isFinal = true;
  probe.from = from;
  probe.ttl = ttl;
  probe.received = engine::Now();
  if (probe.socket) probe.socket->Close();
  ++m_result.deliveredPackets;
  m_result.rttNs.Add((*probe.received - *probe.sent).count);
  Wake({0});
}

/// get_timeout(): after an answer of the same hop, or of one behind it, there is less to wait for.
Nanoseconds Traceroute::Timeout(size_t index) const {
  auto limit = [&](const Probe& other, int64_t thousandths) {
    const int64_t roundTrip = (*other.received - *other.sent + kTimeoutSlack).count;
    return std::min(Nanoseconds{roundTrip * thousandths / 1000}, m_settings.wait);
  };
  auto hasAnswer = [](const Probe& probe) { return probe.isDone && probe.received; };
  if (m_settings.hereThousandths > 0) {
    const size_t hop = index - index % m_settings.probesPerHop;
    for (size_t i = hop; i < hop + m_settings.probesPerHop; ++i)
      if (hasAnswer(m_probes[i])) return limit(m_probes[i], m_settings.hereThousandths);
  }
  if (m_settings.nearThousandths > 0)
    for (size_t i = index + 1; i < m_probes.size() && m_probes[i].sent; ++i)
      if (hasAnswer(m_probes[i])) return limit(m_probes[i], m_settings.nearThousandths);
  return m_settings.wait;
}

/// check_expired(): a host may have refused several probes and told of the last only; its refusal is then moved to the
/// first that expired.
void Traceroute::CheckExpired(size_t index) {
  const size_t hop = index - index % m_settings.probesPerHop;
  for (size_t i = hop; i < index; ++i)
    if (!m_probes[i].isDone || !m_probes[i].isFinal) return;
  size_t final = index + 1;
  while (final < m_probes.size() && m_probes[final].sent && !m_probes[final].isDone) ++final;
  if (final == m_probes.size() || !m_probes[final].sent || !m_probes[final].isFinal || m_probes[final].error.empty())
    return;
  if (!BelongsHere(index, final, index > hop || final < hop + m_settings.probesPerHop)) return;
  m_probes[index] = std::move(m_probes[final]);
  m_probes[final] = {};
  m_probes[final].sent = Nanoseconds{0};  // not to be sent again
}

bool Traceroute::BelongsHere(size_t index, size_t final, bool isHopFinal) const {
  const Probe& answer = m_probes[final];
  if (isHopFinal) return true;
  for (size_t i = index; i-- > 0;)
    if (m_probes[i].from && m_probes[i].from == answer.from) return true;
  // By its TTL, compared with the nearest router before it whose answer came a shorter way.
  int hops = HopsOf(answer.ttl);
  for (size_t i = index; i-- > 0;) {
    const Probe& router = m_probes[i];
    if (!router.isDone || router.isFinal || !router.from || HopsOf(router.ttl) >= hops) continue;
    hops += static_cast<int>(i / m_settings.probesPerHop + 1) - HopsOf(router.ttl);
    break;
  }
  return answer.ttl != 0 && hops <= static_cast<int>(index / m_settings.probesPerHop + 1);
}

std::string Traceroute::NameOf(const IpAddress& address) const {
  const std::string text = address.ToString();
  return m_settings.numeric ? text : fmt::format("{} ({})", text, text);  // nobody knows names of addresses here
}

/// print_probe().
void Traceroute::Print(size_t index) {
  const Probe& probe = m_probes[index];
  const size_t hop = index - index % m_settings.probesPerHop;
  if (index == hop) m_result.output += fmt::format("\n{:2} ", index / m_settings.probesPerHop + 1);
  if (!probe.from) {
    m_result.output += " *";
  } else {
    size_t before = index;
    while (before > hop && !m_probes[before - 1].from) --before;
    if (before == hop || m_probes[before - 1].from != probe.from) m_result.output += " " + NameOf(*probe.from);
  }
  if (probe.received) {
    const int64_t us = ((*probe.received - *probe.sent).count + 500) / 1000;
    m_result.output += fmt::format("  {}.{:03} ms", us / 1000, us % 1000);
  }
  if (!probe.error.empty()) m_result.output += " " + probe.error;
}

/// error(): perror() on a line of its own.
void Traceroute::Fail(const std::string& call, int error) {
  m_result.error = std::strerror(error);
  m_result.errorOutput = fmt::format("\n{}: {}\n", call, m_result.error);
  m_result.exit = 1;
  Terminate();
}

void Traceroute::Terminate() {
  Close();
  Done();
}

void Traceroute::Close() {
  if (m_icmp != 0) m_stack.CloseRawIcmp(m_icmp);
  m_icmp = 0;
  for (Probe& probe : m_probes)
    if (probe.socket) probe.socket->Close();
}

}  // namespace overlaysim::traffic
