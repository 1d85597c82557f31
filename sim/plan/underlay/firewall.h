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

  struct Places {
    bool areAnywhere = false;
    std::vector<Ipv4Prefix> ip;
    std::vector<Ipv6Prefix> ip6;  ///< empty in a cluster without IPv6
  };
  /// nullopt, with an error, for a word that means nothing.
  std::optional<Places> Resolve(const scenario::OptionalText& word) const;
};

struct Fabric;
FirewallNames NamesOf(const Context& context, const Cluster& cluster, const Fabric& fabric);

/// A firewall's rules in the order in which they are looked at. There is no connection tracking: answers are let
/// through by the mirrored rule, and always ICMP's errors and, of IPv6, neighbour discovery and MLD (RFC 4890).
struct FirewallRules {
  FamilyRules deny, allow;
  bool dropsByDefault = false;
};
FirewallRules CompileFirewall(const FirewallNames& names, const scenario::Firewall& firewall);

}  // namespace overlaysim::plan
