#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/ids.h"
#include "sim/base/units.h"

namespace overlaysim {

/// Where one node's agent is.
struct AgentReport {
  NodeId node;
  NetnsId netns;                       ///< the node's
  std::optional<Nanoseconds> settled;  ///< when it had done all that there was for it; none: it has not yet
  uint64_t entries = 0;                ///< peers of which everything is in the node's tables
};

/// A change of the cluster, and when it was in force on the nodes that have learnt of it.
struct ChangeReport {
  std::string text;  ///< "node9 joins"
  Nanoseconds at;
  std::vector<Nanoseconds> inForce;  ///< one for each node, ascending
};

struct ControlPlaneReport {
  std::vector<AgentReport> agents;  ///< by node; empty: the plan has no agents
  std::vector<ChangeReport> changes;
};

}  // namespace overlaysim
