#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "models/linux/fib.h"

namespace overlaysim::kernel {

// What the rules and routes of both families have in common (net/core/fib_rules.c, the multipath choice).

/// Two rules that cannot be there at once.
template <typename A>
bool IsSameRule(const BasicRule<A>& a, const BasicRule<A>& b) {
  return std::tie(a.preference, a.from, a.to, a.iif, a.oif, a.fwmark, a.fwmask, a.table, a.action, a.tos, a.inverted) ==
         std::tie(b.preference, b.from, b.to, b.iif, b.oif, b.fwmark, b.fwmask, b.table, b.action, b.tos, b.inverted);
}

/// Whether `rule` has all that a pattern to delete names.
template <typename A>
bool HasAllOf(const BasicRule<A>& rule, const BasicRule<A>& pattern) {
  if (pattern.preference != 0 && rule.preference != pattern.preference) return false;
  if (pattern.from.length > 0 && rule.from != pattern.from) return false;
  if (pattern.to.length > 0 && rule.to != pattern.to) return false;
  if (!pattern.iif.empty() && rule.iif != pattern.iif) return false;
  if (!pattern.oif.empty() && rule.oif != pattern.oif) return false;
  if (pattern.fwmask != 0 && (rule.fwmark != pattern.fwmark || rule.fwmask != pattern.fwmask)) return false;
  if (pattern.table != 0 && rule.table != pattern.table) return false;
  if (pattern.action != RouteType::Unicast && rule.action != pattern.action) return false;
  return (pattern.tos == 0 || rule.tos == pattern.tos) && (!pattern.inverted || rule.inverted);
}

/// fib_rule_match(). `isNamed(name, ifindex)` tells whether the device has that name.
template <typename A, typename IsNamed>
bool Selects(const BasicRule<A>& rule, const BasicRouteQuery<A>& query, IsNamed&& isNamed) {
  constexpr int kLoopback = 1;  // what this host sends comes in from lo
  const bool matches = (rule.from.length == 0 || rule.from.Contains(query.src)) &&
                       (rule.to.length == 0 || rule.to.Contains(query.dst)) &&
                       (rule.iif.empty() || isNamed(rule.iif, query.iif != 0 ? query.iif : kLoopback)) &&
                       (rule.oif.empty() || isNamed(rule.oif, query.oif)) &&
                       ((query.mark ^ rule.fwmark) & rule.fwmask) == 0 && (rule.tos == 0 || rule.tos == query.tos);
  return matches != rule.inverted;
}

/// fib_select_multipath(), fib6_select_path(): the hash space of 31 bits is divided by weight among the usable hops.
template <typename A, typename IsUsable>
BasicNextHop<A> SelectNextHop(const BasicRoute<A>& route, uint32_t flowHash, IsUsable&& isUsable) {
  uint64_t total = 0;
  std::vector<const BasicNextHop<A>*> hops;
  for (const BasicNextHop<A>& hop : route.nextHops) {
    if (!isUsable(hop)) continue;
    hops.push_back(&hop);
    total += hop.weight;
  }
  const uint64_t at = static_cast<uint64_t>(flowHash >> 1) * total;
  uint64_t bound = 0;
  for (const BasicNextHop<A>* hop : hops) {
    bound += hop->weight;
    if (at < bound << 31) return *hop;
  }
  return hops.empty() ? BasicNextHop<A>{} : *hops.back();
}

}  // namespace overlaysim::kernel
