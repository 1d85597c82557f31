#include "models/traffic/netcat.h"

#include <fmt/format.h>

#include <climits>

#include "models/traffic/services.h"
#include "sim/run/typed/tools.h"
#include "sim/run/typed/usage.h"

namespace overlaysim::typed {
namespace {

/// strtonum(3) of BSD: the number, or the words for why not.
struct Strtonum {
  int64_t value = 0;
  const char* error = nullptr;
};
Strtonum ParseNumber(const std::string& text, int64_t low, int64_t high) {
  const auto value = ParseInteger(text);
  if (!value) return {0, "invalid"};
  if (*value < low) return {0, "too small"};
  if (*value > high) return {0, "too large"};
  return {*value, nullptr};
}

/// build_ports(): "80", "http" or "80-82"; an error text otherwise.
std::string ParsePorts(const std::string& text, bool udp, std::vector<uint16_t>& ports) {
  std::string error;
  auto parse = [&](const std::string& port) {
    if (const auto known = traffic::ServicePort(port, udp)) return *known;
    const Strtonum number = ParseNumber(port, 1, UINT16_MAX);
    if (number.error && error.empty()) error = fmt::format("nc: port number {}: {}\n", number.error, port);
    return static_cast<uint16_t>(number.value);
  };
  const size_t dash = text.find('-');
  const bool isRange = dash != std::string::npos && !traffic::ServicePort(text, udp);
  uint32_t low = parse(isRange ? text.substr(0, dash) : text);
  uint32_t high = isRange ? parse(text.substr(dash + 1)) : low;
  if (low > high) std::swap(low, high);
  for (uint32_t port = low; error.empty() && port <= high; ++port) ports.push_back(static_cast<uint16_t>(port));
  return error;
}

}  // namespace

FlowPtr MakeNetcat(const Shell& shell, const std::vector<std::string>& words) {
  traffic::NetcatSettings s;
  s.flow = shell.flow;
  std::optional<std::string> localPort, source;
  bool isIpv4 = false, isIpv6 = false;
  const std::string usage(kNetcatUsage);
  Options options(words, "46bCDdFhI:i:klM:m:NnO:P:p:q:rSs:T:tUuV:vW:w:X:x:Zz");
  while (const char option = options.Next()) {
    const std::string& value = options.Value();
    switch (option) {
      case '?':
        return Answer(1, fmt::format("nc: {}\n{}", options.Error(), usage));
      case 'h':
        return Answer(0, std::string(kNetcatVersion) + usage + std::string(kNetcatSummary));
      case '4':
        isIpv4 = true;
        isIpv6 = false;
        break;
      case '6':
        isIpv6 = true;
        isIpv4 = false;
        break;
      case 'd':  // there is nothing to read anyway
        break;
      case 'k':
        s.keepListening = true;
        break;
      case 'l':
        s.listen = true;
        break;
      case 'N':
        s.shutdownAtEof = true;
        break;
      case 'n':
        s.numeric = true;
        break;
      case 'p':
        localPort = value;
        break;
      case 's':
        source = value;
        break;
      case 'u':
        s.udp = true;
        break;
      case 'v':
        s.verbose = true;
        break;
      case 'w': {
        const Strtonum seconds = ParseNumber(value, 0, INT_MAX / 1000);
        if (seconds.error) return Answer(1, fmt::format("nc: timeout {}: {}\n", seconds.error, value));
        s.timeout = Seconds(seconds.value);
        break;
      }
      case 'z':
        s.scan = true;
        break;
      default:
        return Answer(1, fmt::format("nc: -{} is not supported yet\n", option));
    }
  }

  const std::vector<std::string>& operands = options.Operands();
  std::string port = localPort.value_or("");
  std::optional<std::string> host;
  if (operands.empty()) {
    if (!s.listen) return Answer(1, usage);
  } else if (operands.size() == 1) {
    if (!s.listen) return Answer(1, "nc: missing port number\n");
    if (localPort || source) return Answer(1, usage);
    port = operands[0];
  } else {
    host = operands[0];
    port = operands[1];
  }
  if (s.listen && s.scan) return Answer(1, "nc: cannot use -z and -l\n");
  if (!s.listen && s.keepListening) return Answer(1, "nc: must use -l with -k\n");
  if (port.empty()) return Answer(1, "nc: missing port number\n");
  if (s.listen && !source) source = host;

  auto resolve = [&](const std::string& text, IpAddress& address) -> std::string {
    const auto numeric = IpAddress::Parse(text);
    const char* why = s.numeric ? "Name or service not known" : kNoName;
    if (numeric && ((isIpv4 && numeric->IsV6()) || (isIpv6 && numeric->IsV4())))
      why = "Address family for hostname not supported";
    else if (numeric)
      return address = *numeric, std::string();
    else if (!s.numeric && isIpv6)
      address = shell.Address6Of(text);
    else if (!s.numeric)
      address = shell.AddressOf(text);
    if (!address.IsZero()) return {};
    return fmt::format("nc: getaddrinfo for host \"{}\" port {}: {}\n", text, port, why);
  };
  if (isIpv6) s.source = Ipv6Address{};
  if (source)
    if (const std::string error = resolve(*source, s.source); !error.empty()) return Answer(1, error);
  if (s.listen) {
    const auto known = traffic::ServicePort(port, s.udp);
    const auto number = ParseInteger(port);
    if (!known && !number)
      return Answer(1, fmt::format("nc: getaddrinfo: {}\n", "Servname not supported for ai_socktype"));
    s.ports = {known ? *known : static_cast<uint16_t>(*number)};  // a number that is too large wraps
    return std::make_unique<traffic::Netcat>(shell.tcp(), s);
  }
  if (localPort)
    if (const auto number = ParseInteger(*localPort)) s.sourcePort = static_cast<uint16_t>(*number);
  if (const std::string error = ParsePorts(port, s.udp, s.ports); !error.empty()) return Answer(1, error);
  s.destinationText = *host;
  if (const std::string error = resolve(*host, s.destination); !error.empty()) return Answer(1, error);
  return std::make_unique<traffic::Netcat>(shell.tcp(), s);
}

}  // namespace overlaysim::typed
