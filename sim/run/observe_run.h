#pragma once

#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"
#include "sim/run/event_outcome.h"

namespace overlaysim {

/// What a run of a plan shows to those who look at its devices and at what its traffic came to. Nothing is written.
struct ObservedRun {
  struct Frame {
    Nanoseconds at;
    std::vector<uint8_t> bytes;
  };
  struct Flow {
    uint64_t deliveredPackets = 0, deliveredBytes = 0;
    std::string output;  ///< of a command: standard output, and standard error behind it
    int exit = 0;
  };
  std::vector<std::vector<Frame>> frames;  ///< by capture point of the plan, filters applied
  std::vector<Flow> flows;                 ///< by workload of the plan
  std::vector<EventOutcome> events;
  Nanoseconds endedAt;
  bool complete = false;  ///< not interrupted
};

/// The plan's filters must have been checked (CheckFilters()).
ObservedRun ObserveRun(const ClusterPlan& plan);

}  // namespace overlaysim
