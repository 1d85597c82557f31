#pragma once

#include <cstdint>
#include <optional>

#include "gui/replay/run.h"

namespace overlaysim::views {

/// How often each verdict was given at each device of the namespace up to that time. nullopt: there is no trace, or it
/// is damaged.
std::optional<TraceCounts> CountersAt(replay::Run& run, uint32_t netns, int64_t timeNs);

}  // namespace overlaysim::views
