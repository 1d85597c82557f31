#pragma once

#include <CLI/CLI.hpp>

#include <optional>
#include <string>

#include "sim/cli/planned.h"

namespace overlaysim::cli {

/// A scenario with one ping in place of its traffic, expectations and captures. Its timed events stay.
struct OnePing {
  ScenarioArguments scenario;
  std::string from, to;
  uint64_t count = 1;
  std::string interval, start;
  std::optional<uint32_t> payload;
  std::optional<uint32_t> ttl;
  std::string df;

  /// SCENARIO A B and the options of ping(8).
  void AddTo(CLI::App& verb, bool severalPackets);
  std::optional<LoadedPlan> Load() const;
};

}  // namespace overlaysim::cli
