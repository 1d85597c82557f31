#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/plan/cluster_plan.h"

namespace overlaysim {

/// Which rank of a distributed run has which namespaces. A rack is never divided: its switch, nodes and pods are on one
/// rank.
struct Partition {
  /// What one rank holds.
  struct Part {
    uint32_t racks = 0, nodes = 0, pods = 0, switches = 0;  ///< switches and routers
    uint32_t cutCables = 0;                                 ///< with one end here
    double work = 0;                                        ///< expected passes of packets through kernels here
    double crossings = 0;                                   ///< expected frames that leave over cut cables
  };
  std::vector<Part> parts;       ///< by rank
  std::vector<uint32_t> rankOf;  ///< by NetnsId
  uint32_t cutCables = 0;
  /// The shortest time that a frame takes over a cut cable, whatever timed events make of it: how far a rank may go
  /// ahead of the others. Zero: no cable is cut.
  Nanoseconds lookahead;

  uint32_t Ranks() const { return static_cast<uint32_t>(parts.size()); }
  uint32_t RankOf(NetnsId id) const { return rankOf[id.value]; }
  double Work() const;  ///< of all
};

/// Divides a plan among so many ranks, balanced by the traffic that it says it will have; the same for the same plan.
/// nullopt, with the reason for its author, where that cannot be.
std::optional<Partition> DividePlan(const ClusterPlan& plan, uint32_t ranks, std::string& error);

/// What a distributed run is expected to cost. The model and where its constants come from: docs/distributed.md.
struct CostModel {
  double passSeconds = 4e-6;        ///< CPU of one packet's pass through one kernel
  double crossingSeconds = 0.5e-6;  ///< of a frame that changes ranks, on both together
  double windowSeconds = 2.0e-6;    ///< of an exchange between two ranks; log2(ranks) times that between more

  /// Windows in which all ranks wait for each other.
  double Windows(const ClusterPlan& plan, const Partition& partition) const;
  double SecondsAlone(const Partition& partition) const;
  double SecondsTogether(const ClusterPlan& plan, const Partition& partition) const;
  double SpeedUp(const ClusterPlan& plan, const Partition& partition) const;
  /// Memory of one rank, in bytes.
  double Memory(const ClusterPlan& plan, const Partition& partition, uint32_t rank) const;
};

}  // namespace overlaysim
