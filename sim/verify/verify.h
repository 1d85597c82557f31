#pragma once

#include <functional>
#include <string>

#include "sim/plan/cluster_plan.h"

namespace overlaysim::verify {

struct VerifyOptions {
  bool everywhere = false;  ///< compare at every device, not only at the scenario's capture points
  size_t shown = 3;         ///< differences that are printed of each point
};

enum class VerifyVerdict {
  Alike,
  Different,
  Refused,     ///< the scenario is too large or has what a real kernel is not asked to do
  NothingRan,  ///< rights, programs or parts of the kernel are missing
  Failed,      ///< what should work did not: the lab could not be built
};

/// Carries out the plan in the simulator and on this machine's kernel, in namespaces of its own, and compares frames,
/// traffic and commands. `print` gets the report piece by piece, from another process too.
VerifyVerdict Verify(const ClusterPlan& plan, const VerifyOptions& options,
                     const std::function<void(const std::string&)>& print);

}  // namespace overlaysim::verify
