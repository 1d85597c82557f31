#pragma once

#include "support/world.h"

namespace overlaysim::test {

inline Ipv6Address Ip6(const char* text) { return *Ipv6Address::Parse(text); }

/// A namespace that speaks IPv6 without duplicate address detection.
inline void EnableIpv6(kernel::Namespace& ns, bool forwarding = false) {
  for (const char* name : {"net.ipv6.conf.default.accept_dad", "net.ipv6.conf.all.accept_dad"}) ns.SetSysctl(name, "0");
  for (const char* name : {"net.ipv6.conf.default.disable_ipv6", "net.ipv6.conf.all.disable_ipv6"})
    ns.SetSysctl(name, "0");
  if (forwarding) ns.SetSysctl("net.ipv6.conf.all.forwarding", "1");
}

inline void AddAddress6(kernel::Namespace& ns, const char* device, const char* address) {
  const Ipv6Prefix prefix = *Ipv6Prefix::Parse(address);
  const int error = ns.Ipv6().AddAddress(
      {.ifindex = ns.FindLink(device)->ifindex, .local = prefix.address, .prefixLength = prefix.length, .noDad = true});
  OVERLAYSIM_CHECK(error == 0, "{}: {}", address, error);
}

inline void AddRoute6(kernel::Namespace& ns, const char* dst, const char* via, const char* device) {
  kernel::Route6 route{.dst = *Ipv6Prefix::Parse(dst)};
  route.nextHops.push_back({.gateway = Ip6(via), .ifindex = ns.FindLink(device)->ifindex});
  const int error = ns.Ipv6().AddRoute(route, kernel::Namespace::kCreate | kernel::Namespace::kExclusive);
  OVERLAYSIM_CHECK(error == 0, "{}: {}", dst, error);
}

/// RoutedWorld with IPv6 alone: a (fd00:1::2), router r, b (fd00:2::2); the second network may have a smaller MTU.
class RoutedWorld6 : public World {
 public:
  explicit RoutedWorld6(uint32_t farMtu = 1500) {
    auto& a = Add("a");
    auto& r = Add("r");
    auto& b = Add("b");
    for (kernel::Namespace* ns : {&a, &r, &b}) EnableIpv6(*ns, ns == &r);
    AddUpLink(a, {.name = "ea", .address = Mac("02:00:00:00:00:0a")});
    AddUpLink(r, {.name = "ra", .address = Mac("02:00:00:00:00:01")});
    AddUpLink(r, {.name = "rb", .address = Mac("02:00:00:00:00:02"), .mtu = farMtu});
    AddUpLink(b, {.name = "eb", .address = Mac("02:00:00:00:00:0b"), .mtu = farMtu});
    AddAddress6(a, "ea", "fd00:1::2/64");
    AddAddress6(r, "ra", "fd00:1::1/64");
    AddAddress6(r, "rb", "fd00:2::1/64");
    AddAddress6(b, "eb", "fd00:2::2/64");
    AddRoute6(a, "::/0", "fd00:1::1", "ea");
    AddRoute6(b, "::/0", "fd00:2::1", "eb");
    Start();
    Connect("a", "ea", "r", "ra");
    Connect("r", "rb", "b", "eb");
    for (auto [name, device] : {std::pair{"a", "ea"}, {"r", "ra"}, {"r", "rb"}, {"b", "eb"}}) Capture(name, device);
  }
};

}  // namespace overlaysim::test
