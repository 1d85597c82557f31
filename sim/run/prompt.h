#pragma once

#include <string>

#include "sim/plan/workload.h"

namespace overlaysim {

/// How a person would have made that traffic: "kubectl exec pod-a -- ping -c 3 10.244.2.2", "node1$ ip route".
std::string PromptOf(const Workload& workload, bool isPod);

}  // namespace overlaysim
