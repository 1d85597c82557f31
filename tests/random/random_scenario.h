#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/base/units.h"
#include "sim/plan/cluster_plan.h"
#include "tests/random/random_frames.h"

namespace overlaysim::random {

/// A small network, what is done to it, and frames that are put on its devices: all drawn from one seed.
struct RandomScenario {
  struct Injection {
    Nanoseconds at;
    std::string on;  ///< "node1/eth0"
    Bytes frame;
  };
  std::string network;               ///< members of the scenario file
  std::vector<std::string> events;   ///< each an event of the scenario file
  std::vector<std::string> traffic;  ///< each a line of traffic, besides the injections
  std::vector<Injection> injections;

  /// As a scenario file.
  std::string Text() const;
};

enum class Kind : uint8_t { Cluster, Lab };

/// Throws std::runtime_error, with the reasons and the scenario, when it cannot be planned.
std::unique_ptr<ClusterPlan> PlanOf(const RandomScenario& scenario);

/// What the seed stands for. `samples`: whole frames to vary. Throws as PlanOf() does.
RandomScenario DrawScenario(Kind kind, uint64_t seed, const std::vector<Bytes>& samples);

/// Two nodes of flannel, and frames of the seed that the real kernel can be given as well: one after the other, none
/// longer than its device takes. Nothing is masqueraded, as the kernel draws the ports.
RandomScenario DrawForKernel(uint64_t seed, const std::vector<Bytes>& samples);

/// The frames of tests/data/packets; what a kernel draws at random ("..") is zero.
std::vector<Bytes> SampleFrames();

}  // namespace overlaysim::random
