#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/base/ids.h"

namespace overlaysim {

/// The namespace that made the first packet of a journey (host::Stack::NewJourney()).
inline NetnsId JourneyMaker(uint64_t journey) { return NetnsId(static_cast<uint32_t>(journey >> 32) - 1); }

/// "pod-a#3": the third packet that pod-a made.
inline std::string JourneyName(uint64_t journey, std::string_view maker) {
  return fmt::format("{}#{}", maker, static_cast<uint32_t>(journey));
}

}  // namespace overlaysim
