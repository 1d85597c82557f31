#include "models/traffic/icmp_report.h"

#include <array>
#include <cerrno>

namespace overlaysim::traffic {

namespace {

constexpr uint32_t kQuotedTransportBytes = 8;

std::optional<IcmpReport> ParseIcmpv6Report(const host::Received& message) {
  const uint8_t* data = message.payload;
  if (data[0] >= wire::kIcmpv6Echo) return std::nullopt;  // RFC 4443: errors have the lower half of the types
  const uint32_t quotedBytes = message.payloadBytes - wire::kIcmpHeaderBytes;
  if (quotedBytes < wire::kIpv6HeaderBytes) return std::nullopt;
  uint8_t* const quoted = const_cast<uint8_t*>(data) + wire::kIcmpHeaderBytes;
  const wire::Ipv6Upper upper = wire::FindIpv6Upper(quoted, quotedBytes);
  if (upper.offset == 0 || upper.laterFragment || upper.offset + kQuotedTransportBytes > quotedBytes)
    return std::nullopt;
  const wire::Ipv6 inner{quoted};
  return IcmpReport{message.Source(),
                    message.Ttl(),
                    data[0],
                    data[1],
                    wire::Get32(data + 4),
                    inner.Source(),
                    inner.Destination(),
                    upper.protocol,
                    quoted + upper.offset};
}

}  // namespace

std::optional<IcmpReport> ParseIcmpReport(const host::Received& message) {
  if (message.payloadBytes < wire::kIcmpHeaderBytes) return std::nullopt;
  if (message.IsV6()) return ParseIcmpv6Report(message);
  const uint8_t* data = message.payload;
  if (message.payloadBytes < wire::kIcmpHeaderBytes + wire::kIpv4HeaderBytes) return std::nullopt;
  const uint8_t type = data[0];
  if (type != wire::kIcmpDestUnreach && type != wire::kIcmpTimeExceeded && type != wire::kIcmpParameterProblem)
    return std::nullopt;
  const wire::Ipv4 inner{const_cast<uint8_t*>(data + wire::kIcmpHeaderBytes)};
  if (message.payloadBytes < wire::kIcmpHeaderBytes + inner.HeaderBytes() + kQuotedTransportBytes) return std::nullopt;
  const uint32_t word = wire::Get32(data + 4);
  return IcmpReport{message.ip.Source(),
                    message.ip.Ttl(),
                    type,
                    data[1],
                    type == wire::kIcmpDestUnreach ? word & 0xffff : word,
                    inner.Source(),
                    inner.Destination(),
                    inner.Protocol(),
                    inner.Payload()};
}

namespace {

IcmpErrno ErrnoOfUnreachable(uint8_t code) {
  constexpr std::array<IcmpErrno, 16> kErrnos{{{ENETUNREACH, false},
                                               {EHOSTUNREACH, false},
                                               {ENOPROTOOPT, true},
                                               {ECONNREFUSED, true},
                                               {0, false},  // fragmentation needed: path MTU discovery's
                                               {EOPNOTSUPP, false},
                                               {ENETUNREACH, true},
                                               {EHOSTDOWN, true},
                                               {ENONET, true},
                                               {ENETUNREACH, true},
                                               {EHOSTUNREACH, true},
                                               {ENETUNREACH, false},
                                               {EHOSTUNREACH, false},
                                               {EHOSTUNREACH, true},
                                               {EHOSTUNREACH, true},
                                               {EHOSTUNREACH, true}}};
  return code < kErrnos.size() ? kErrnos[code] : IcmpErrno{};
}

IcmpErrno ErrnoOfIcmpv6(uint8_t type, uint8_t code) {
  constexpr std::array<IcmpErrno, 7> kUnreachable{{{ENETUNREACH, false},
                                                   {EACCES, true},
                                                   {EHOSTUNREACH, false},
                                                   {EHOSTUNREACH, false},
                                                   {ECONNREFUSED, true},
                                                   {EACCES, true},
                                                   {EACCES, true}}};
  switch (type) {
    case wire::kIcmpv6DestUnreach:
      return code < kUnreachable.size() ? kUnreachable[code] : IcmpErrno{EPROTO, true};
    case wire::kIcmpv6PacketTooBig:
      return {};  // path MTU discovery's
    case wire::kIcmpv6TimeExceeded:
      return {EHOSTUNREACH, false};
    default:
      return {EPROTO, type == wire::kIcmpv6ParameterProblem};
  }
}

}  // namespace

IcmpErrno ErrnoOf(const IcmpReport& report) {
  if (report.from.IsV6()) return ErrnoOfIcmpv6(report.type, report.code);
  switch (report.type) {
    case wire::kIcmpDestUnreach:
      return ErrnoOfUnreachable(report.code);
    case wire::kIcmpTimeExceeded:
      return {EHOSTUNREACH, false};
    default:
      return {EPROTO, true};
  }
}

}  // namespace overlaysim::traffic
