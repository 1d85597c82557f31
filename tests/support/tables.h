#pragma once

#include "models/linux/namespace.h"

namespace overlaysim::test {

inline Ipv4Address Ip(const char* text) { return *Ipv4Address::Parse(text); }
inline Ipv4Prefix Net(const char* text) { return *Ipv4Prefix::Parse(text); }
inline MacAddress Mac(const char* text) { return *MacAddress::Parse(text); }

/// A device, up, with the address ("10.0.0.1/24") if there is one. Returns its ifindex.
inline int AddUpLink(kernel::Namespace& ns, const kernel::Link& settings, const char* address = nullptr) {
  const int ifindex = ns.AddLink(settings).ifindex;
  ns.SetLinkUp(ifindex, true, {});
  if (address) {
    const Ipv4Prefix prefix = Net(address);
    ns.AddAddress({.ifindex = ifindex, .local = prefix.address, .prefixLength = prefix.length});
  }
  return ifindex;
}

inline kernel::Route RouteVia(const char* dst, const char* gateway, int ifindex = 0) {
  kernel::Route route;
  route.dst = Net(dst);
  route.nextHops = {{.gateway = Ip(gateway), .ifindex = ifindex}};
  return route;
}

/// A rule at the end of an iptables chain.
inline void AddRule(kernel::Namespace& ns, const char* table, kernel::Hook hook, std::vector<kernel::Match> matches,
                    kernel::Target target) {
  ns.netfilter.Builtin(table, hook).rules.push_back({.matches = std::move(matches), .target = std::move(target)});
  ns.netfilter.Rebuild();
}

}  // namespace overlaysim::test
