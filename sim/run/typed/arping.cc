#include "models/traffic/arping.h"

#include <fmt/format.h>

#include <climits>
#include <cstring>

#include "sim/run/typed/tools.h"
#include "sim/run/typed/usage.h"

namespace overlaysim::typed {
namespace {

constexpr char kVersion[] =
    "arping from iputils 20221126\n"
    "libcap: yes, IDN: yes, NLS: no, error.h: yes, getrandom(): yes, __fpending(): yes\n";

/// The address that a UDP socket bound to the device (SO_BINDTODEVICE, SO_DONTROUTE) would send from: gateways do not
/// count.
Ipv4Address SourceOn(host::Stack& stack, int ifindex, Ipv4Address destination) {
  const auto route = stack.RouteOutput({.destination = destination, .oif = ifindex});
  const bool isOnLink = route.error == 0 && !route.toLocal && route.answer.nextHop.gateway.IsZero();
  return isOnLink ? route.source : stack.Ns().SelectAddress(ifindex, {}, kernel::kScopeLink);
}

}  // namespace

FlowPtr MakeArping(const Shell& shell, const std::vector<std::string>& words) {
  kernel::Namespace& ns = shell.stack.Ns();
  traffic::ArpingSettings s;
  s.flow = shell.flow;
  std::string device;
  std::optional<std::string> source;
  auto usage = [](const std::string& what) { return Answer(2, what + std::string(kArpingUsage)); };
  Options options(words, "h?bfDUAqc:w:i:s:I:V");
  while (const char option = options.Next()) {
    const std::string& value = options.Value();
    Number number;
    switch (option) {
      case '?':
        return usage(options.Error().empty() ? "" : fmt::format("arping: {}\n", options.Error()));
      case 'h':
        return usage({});
      case 'V':
        return Answer(0, {}, kVersion);
      case 'b':
        s.broadcastOnly = true;
        break;
      case 'f':
        s.quitOnReply = true;
        break;
      case 'q':
        s.quiet = true;
        break;
      case 'D':
        s.duplicate = true;
        break;
      case 'A':
        s.advertise = true;
        [[fallthrough]];
      case 'U':
        s.unsolicited = true;
        break;
      case 'c':
        number = ParseInRange("arping", value, 1, INT_MAX);
        s.count = static_cast<uint64_t>(number.value);
        break;
      case 'w':
        number = ParseInRange("arping", value, 0, INT_MAX);
        if (number.value > 0) s.timeout = Seconds(number.value);
        break;
      case 'i':
        number = ParseInRange("arping", value, 0, INT_MAX);
        s.interval = Seconds(number.value);
        break;
      case 'I':
        device = value;
        break;
      default:  // 's'
        source = value;
    }
    if (!number.error.empty()) return Answer(1, number.error);
  }
  if (options.Operands().size() != 1) return usage({});
  const std::string& destination = options.Operands().front();

  s.destination = shell.AddressOf(destination);
  const kernel::Link* link = ns.FindLink(device);
  if (device.empty() && !s.destination.IsZero()) {
    const auto route = shell.stack.RouteOutput({.destination = s.destination});
    if (route.error != 0) return Answer(1, "arping: NETLINK_ROUTE unexpected iov element\n");
    link = ns.GetLink(route.answer.nextHop.ifindex);
  } else if (s.destination.IsZero()) {
    return Answer(2, fmt::format("arping: {}: {}\n", destination, kNoName));
  }
  if (!link) return Answer(2, fmt::format("arping: Device {} not available.\n", device));
  auto unusable = [&](const char* why, int exit) {
    return Answer(exit, {}, s.quiet ? std::string() : fmt::format("Interface \"{}\" is {}\n", link->name, why));
  };
  if (!link->adminUp) return unusable("down", 2);
  if (link->noArp || link->kind == kernel::LinkKind::Loopback) return unusable("not ARPable", s.duplicate ? 0 : 2);
  s.ifindex = link->ifindex;
  if (source) {
    s.source = shell.AddressOf(*source);
    if (s.source.IsZero()) return Answer(2, fmt::format("arping: {}: {}\n", *source, kNoName));
  } else if (s.unsolicited && !s.duplicate) {
    s.source = s.destination;
  }
  if (!s.source.IsZero()) {
    if (!ns.IsLocalAddress(s.source)) return Answer(2, "arping: bind: Cannot assign requested address\n");
  } else if (!s.duplicate) {
    s.source = SourceOn(shell.stack, s.ifindex, s.destination);
  }
  if (s.count == 0 && !s.timeout && !s.quitOnReply)
    return Answer(2, "arping: in a simulation a count is needed: -c COUNT (or -w SECONDS)\n");
  return std::make_unique<traffic::Arping>(shell.stack, s);
}

}  // namespace overlaysim::typed
