#include "models/traffic/ping.h"

#include <fmt/format.h>

#include <charconv>
#include <climits>

#include "sim/run/typed/tools.h"
#include "sim/run/typed/usage.h"

namespace overlaysim::typed {
namespace {

constexpr char kVersion[] =
    "ping from iputils 20221126\n"
    "libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n";
constexpr Nanoseconds kLeastInterval = Milliseconds(10);  // MININTERVAL

/// parsetos(): decimal, or hexadecimal behind 0x. None: not 0 to 255.
std::optional<uint8_t> ParseTos(std::string_view text) {
  const bool isHex = text.substr(0, 2) == "0x" || text.substr(0, 2) == "0X";
  if (isHex) text.remove_prefix(2);
  unsigned value = 0;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value, isHex ? 16 : 10);
  if (error != std::errc{} || next != text.data() + text.size() || value > UINT8_MAX) return std::nullopt;
  return static_cast<uint8_t>(value);
}

std::optional<host::SendRequest::Pmtu> ParsePmtu(std::string_view text) {
  using Pmtu = host::SendRequest::Pmtu;
  if (text == "do") return Pmtu::Do;
  if (text == "want") return Pmtu::Want;
  if (text == "dont") return Pmtu::Dont;
  return std::nullopt;
}

/// fill(): up to 16 bytes in hexadecimal, as sscanf("%2x%2x...") takes them. None: something else stands there.
std::optional<std::vector<uint8_t>> ParsePattern(std::string_view text) {
  constexpr size_t kMostBytes = 16;
  if (text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) return std::nullopt;
  std::vector<uint8_t> pattern;
  for (size_t at = 0; at < text.size() && pattern.size() < kMostBytes; at += 2) {
    const std::string_view digits = text.substr(at, 2);
    std::from_chars(digits.data(), digits.data() + digits.size(), pattern.emplace_back(), 16);
  }
  return pattern;
}

}  // namespace

FlowPtr MakePing(const Shell& shell, const std::vector<std::string>& words) {
  traffic::PingSettings s;
  s.id = shell.processId;
  s.allowBroadcast = false;
  s.flow = shell.flow;
  bool isIpv6 = false;
  auto usage = [](const std::string& what) { return Answer(2, what + std::string(kPingUsage)); };
  Options options(words, "46aABbc:CdDe:fF:hi:I:l:Lm:M:nN:Op:qQ:Rs:S:t:T:UvVw:W:");
  while (const char option = options.Next()) {
    const std::string& value = options.Value();
    Number number;
    switch (option) {
      case '?':
        return usage(fmt::format("ping: {}\n", options.Error()));
      case 'h':
        return usage({});
      case 'V':
        return Answer(0, {}, kVersion);
      case 'n':
      case '4':
        break;
      case '6':
        isIpv6 = true;
        break;
      case 'q':
        s.quiet = true;
        break;
      case 'O':
        s.reportOutstanding = true;
        break;
      case 'D':
        s.printTime = true;
        break;
      case 'R':
        s.recordRoute = true;
        break;
      case 'p':
        if (const auto pattern = ParsePattern(value))
          s.pattern = *pattern;
        else
          return Answer(2, fmt::format("ping: patterns must be specified as hex digits: {}\n", value));
        break;
      case 'b':
        s.allowBroadcast = s.warnOfBroadcast = true;
        break;
      case 'c':
        number = ParseInRange("ping", value, 1, INT64_MAX);
        s.count = static_cast<uint64_t>(number.value);
        break;
      case 'i':
        if (const auto time = ParseSeconds(value))
          s.interval = std::max(*time, kLeastInterval);
        else
          number.error = fmt::format("ping: invalid argument: '{}'\n", value);
        break;
      case 'W':
        if (const auto time = ParseSeconds(value))
          s.linger = *time;
        else
          number.error = fmt::format("ping: invalid argument: '{}'\n", value);
        break;
      case 'w':
        number = ParseInRange("ping", value, 0, INT_MAX);
        s.deadline = Seconds(number.value);
        break;
      case 's':
        number = ParseInRange("ping", value, 0, INT_MAX);
        s.payload = static_cast<uint32_t>(number.value);
        break;
      case 't':
        number = ParseInRange("ping", value, 0, UINT8_MAX);
        if (number.error.empty() && number.value == 0)
          return Answer(2, "ping: cannot set unicast time-to-live: Invalid argument\n");
        s.ttl = static_cast<uint8_t>(number.value);
        break;
      case 'Q':
        if (const auto tos = ParseTos(value))
          s.tos = *tos;
        else
          return Answer(2, fmt::format("ping: the decimal value of TOS bits must be in range 0-255: {}\n", value));
        break;
      case 'M':
        if (const auto pmtu = ParsePmtu(value))
          s.pmtu = *pmtu;
        else
          return Answer(2, fmt::format("ping: invalid -M argument: {}\n", value));
        break;
      case 'I':
        if (const auto address = IpAddress::Parse(value)) {
          const bool isOwn = address->IsV6() ? shell.stack.Ns().Ipv6().IsLocalAddress(address->V6())
                                             : shell.stack.Ns().IsLocalAddress(address->V4());
          if (!isOwn) return Answer(2, "ping: bind: Cannot assign requested address\n");
          s.source = *address;
        } else if (const kernel::Link* link = shell.stack.Ns().FindLink(value)) {
          s.device = value;
          s.oif = link->ifindex;
        } else {
          return Answer(2, fmt::format("ping: SO_BINDTODEVICE {}: No such device\n", value));
        }
        break;
      default:
        return Answer(2, fmt::format("ping: -{} is not supported yet\n", option));
    }
    if (!number.error.empty()) return Answer(1, number.error);
  }
  if (options.Operands().empty()) return Answer(1, "ping: usage error: Destination address required\n");
  if (options.Operands().size() > 1) return Answer(2, "ping: routes given by addresses are not supported yet\n");
  s.destinationText = options.Operands().front();
  if (isIpv6 && Ipv4Address::Parse(s.destinationText))
    return Answer(2, fmt::format("ping: {}: Address family for hostname not supported\n", s.destinationText));
  if (isIpv6 || Ipv6Address::Parse(s.destinationText))
    s.destination = shell.Address6Of(s.destinationText);
  else
    s.destination = shell.AddressOf(s.destinationText);
  if (s.recordRoute && s.destination.IsV6()) return Answer(2, "ping: -R is not supported yet over IPv6\n");
  if (s.destination.IsZero()) return Answer(2, fmt::format("ping: {}: {}\n", s.destinationText, kNoName));
  if (s.count == 0 && !s.deadline)
    return Answer(2, "ping: in a simulation a count is needed: -c COUNT (or -w SECONDS)\n");
  return std::make_unique<traffic::Ping>(shell.stack, s);
}

}  // namespace overlaysim::typed
