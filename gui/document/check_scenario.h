#pragma once

#include <string>
#include <vector>

#include "sim/base/diagnostics.h"

namespace overlaysim::document {

struct ScenarioCheck {
  std::vector<Diagnostic> problems;
  std::string understood;  ///< "flannel vxlan, VNI 1, UDP 8472 · 3 nodes, 4 pods"; "" when it cannot be planned
};

/// Reads and plans the text as if it stood in that file: what `overlaysim validate` says.
ScenarioCheck CheckScenario(const std::string& path, std::string text);

}  // namespace overlaysim::document
