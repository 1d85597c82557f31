#pragma once

#include <compare>
#include <cstdint>
#include <map>

#include "sim/trace/record.h"

namespace overlaysim {

/// What records are counted by, in chunk footers and over a whole run.
struct DeviceVerdict {
  uint32_t netns = 0;
  uint32_t ifindex = 0;  ///< 0: records that belong to no device
  Verdict verdict = Verdict::Continue;

  auto operator<=>(const DeviceVerdict&) const = default;
};

struct DeviceVerdictHash {
  size_t operator()(const DeviceVerdict& k) const noexcept {
    const uint64_t key = (uint64_t{k.netns} << 24 ^ k.ifindex) << 8 | static_cast<uint8_t>(k.verdict);
    return key * 0x9e3779b97f4a7c15ULL >> 24;
  }
};

using TraceCounts = std::map<DeviceVerdict, uint64_t>;

}  // namespace overlaysim
