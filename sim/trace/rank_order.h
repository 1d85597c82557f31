#pragma once

#include <compare>
#include <cstdint>

namespace overlaysim {

/// Where something that a process has written down stands among what others have, which simulate the rest of the same
/// network.
struct RankOrder {
  int64_t timeNs = 0;
  uint64_t place = 0, sequence = 0;  ///< of the event in which it happened
  uint64_t part = 0;                 ///< of an event that several processes have a part in
  auto operator<=>(const RankOrder&) const = default;
};

}  // namespace overlaysim
