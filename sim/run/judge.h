#pragma once

#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/run/flow_account.h"

namespace overlaysim {

class Simulation;

/// Whether an expectation held, and what was found.
struct Judgement {
  std::string text;      ///< "reach pod-a -> pod-b, udp 53"
  std::string expected;  ///< "an answer to each", "p99 below 300us"
  std::string found;
  SourcePlace place;
  bool held = false;
};

/// Has the account keep what the plan's expectations ask for; before the run.
void PrepareJudging(const ClusterPlan& plan, FlowAccount& account);

/// Holds the plan's expectations against what has happened; those on MTUs hold `mtus` (MeasureMtus()).
std::vector<Judgement> Judge(const Simulation& simulation, const FlowAccount& account,
                             const std::vector<int64_t>& mtus);

/// For each expectation of an MTU, in order, the largest IPv4 packet in bytes that gets from one end to the other and
/// back undivided; 0: none does. Tried on the cluster as it is at the start, in simulations of their own: no other may
/// exist.
std::vector<int64_t> MeasureMtus(ClusterPlan& plan);

}  // namespace overlaysim
