#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"

namespace overlaysim::verify {

/// One command as execve() takes it, and the namespace that it is given in.
struct PlanCommand {
  std::string netns;  ///< as `ip netns` knows it; "": outside of all
  std::vector<std::string> argv;

  /// As a person types it: "ip -n node1 link set eth0 up", "ip netns exec node1 sysctl -w ...", quoted for a shell.
  std::string ToShell() const;
};

/// Names under which namespaces of a plan are made with `ip netns add`: the plan's own where these are fit for a file's
/// name and a command line (letters, digits, '.', '_', '-'), else with '-' in place of what is not.
class NetnsNames {
 public:
  explicit NetnsNames(const ClusterPlan& plan);
  const std::string& Of(NetnsId id) const { return m_names[id.value]; }
  size_t Count() const { return m_names.size(); }
  /// A further namespace, that of breakable cables.
  const std::string& Cables() const { return m_cables; }

 private:
  std::vector<std::string> m_names;
  std::string m_cables;
};

/// Commands of ip, bridge, sysctl, iptables and nft that build what the plan has at time 0: namespaces, links with
/// their indexes, cables (as veth pairs), addresses, routes, rules, neighbours, FDBs, settings and packet filters. What
/// the kernel adds by itself (connected routes, local FDB entries) is left to it.
///
/// nullopt, with `error`, for what cannot be said in commands.
///
/// @param breakable  cables that are to be plugged and unplugged: a bridge in a namespace of their own stands between
///                   two veth pairs, so that both ends can lose their carrier while they are up (CableSwitch())
std::optional<std::vector<PlanCommand>> CommandsOf(const ClusterPlan& plan, std::string& error,
                                                   const std::set<CableId>& breakable = {});

/// Commands that plug or unplug a breakable cable.
std::vector<PlanCommand> CableSwitch(const NetnsNames& names, CableId cable, bool up);

/// The commands as a script for /bin/sh that ends at the first failure.
std::string ScriptOf(const ClusterPlan& plan, const std::vector<PlanCommand>& commands);

/// Commands that turn the routes of table main of a switch, router or outside host from one epoch's into another's.
std::vector<PlanCommand> RouteChanges(const ClusterPlan& plan, const NetnsNames& names, uint32_t from, uint32_t to);

}  // namespace overlaysim::verify
