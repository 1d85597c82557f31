#pragma once

#include <vector>

#include "models/linux/netfilter.h"
#include "sim/plan/cluster.h"

namespace overlaysim::plan {

/// What the words of a firewall rule stand for.
struct FirewallNames {
  const Context& context;
  const Cluster& cluster;
  std::vector<Ipv4Prefix> nodeSubnets;
  std::vector<std::pair<std::string, Ipv4Address>> externals;
  std::optional<Ipv4Prefix> externalNetwork;

  /// nullopt, with an error, for a word that means nothing; an empty list: anywhere.
  std::optional<std::vector<Ipv4Prefix>> Resolve(const scenario::OptionalText& word) const;
};

struct Fabric;
FirewallNames NamesOf(const Context& context, const Cluster& cluster, const Fabric& fabric);

/// A firewall's rules in the order in which they are looked at. There is no connection tracking: answers are let
/// through by the mirrored rule, and ICMP's errors always.
struct FirewallRules {
  std::vector<kernel::FilterRule> deny, allow;
  bool dropsByDefault = false;
};
FirewallRules CompileFirewall(const FirewallNames& names, const scenario::Firewall& firewall);

}  // namespace overlaysim::plan
