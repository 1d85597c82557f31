#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace overlaysim::oracle {

/// One step of a case: what was done, in the captures' own words.
struct Step {
  std::string name;
  std::string op;
  std::string what;               ///< the step's `do`, as JSON text
  std::optional<size_t> traffic;  ///< index into Scenario::traffic; none: what was done stands in the changes
  Nanoseconds begin, end;
  std::optional<std::vector<std::string>> watched;  ///< namespaces whose counters are asked for; none: drops neither
  std::vector<std::string> asked;                   ///< the names of what the result holds
};

/// One scenario of a case as something that overlaysim can run.
struct CaseScenario {
  std::string name;
  std::vector<std::string> captured;  ///< "n1.eth0"
  std::vector<Step> steps;
  scenario::Scenario scenario;
  bool ipv6 = false;    ///< IPv6 is on, whose timers are at work
  bool offload = true;  ///< the devices may leave segmentation to others; false: `ethtool -K` has said no
  std::string error;    ///< why it cannot be carried out; "": it can
};

/// Reads CASE_DIR/expect.json: of each scenario the set-up, the changes, the capture points and what each step does,
/// and for what answers it asks, but nothing of what the kernel answered. An error text goes to `error`.
std::optional<std::vector<CaseScenario>> ReadCase(const std::string& directory, std::string& error);

}  // namespace overlaysim::oracle
