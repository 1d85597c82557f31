#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/diagnostics.h"
#include "sim/base/ids.h"
#include "sim/base/units.h"

namespace overlaysim {

/// Bounds that must all hold. below and above are strict.
struct Bounds {
  std::optional<int64_t> below, above, max, min, is;
  std::optional<std::pair<int64_t, int64_t>> between;  ///< inclusive

  bool IsEmpty() const { return !below && !above && !max && !min && !is && !between; }
  bool Holds(int64_t value) const {
    return (!below || value < *below) && (!above || value > *above) && (!max || value <= *max) &&
           (!min || value >= *min) && (!is || value == *is) &&
           (!between || (value >= between->first && value <= between->second));
  }
};

/// Percentiles of a time that can be bounded.
enum class RttFigure : uint8_t { P50, P90, P99, P999, Mean, All };

/// What must be true of a run, with everything resolved. Judged by what happened to `flows`.
struct Expectation {
  enum class Kind : uint8_t {
    Reach,       ///< every flow is answered (Udp: delivered; Tcp: connected), within `deadline` if it is set
    NotReach,    ///< none is
    Loss,        ///< `share`: millionths of the packets of `flows` that were not delivered or answered
    Rtt,         ///< `rtt`: nanoseconds, over all answers of `flows`
    Completion,  ///< `rtt`: nanoseconds, over the transfers of `flows`, which must all have been completed
    Path,        ///< each journey of `flows` passes `through` in this order and none of `avoids`
    Mtu,         ///< `number`: the largest packet, in bytes, that passes undivided from `from` to `to`
    Drops,       ///< `number`: packets with this verdict, at these devices
    Converged,   ///< the agents of `nodes` have done all that there is for them, by `deadline` if it is set
  } kind = Kind::Reach;
  std::string text;  ///< "reach shop/cart-* -> shop/redis-*, tcp 6379"
  SourcePlace place;
  std::vector<FlowId> flows;   ///< workloads of the scenario, or probes made for this expectation
  NetnsId from, to;            ///< Mtu
  std::vector<NetnsId> nodes;  ///< Converged
  Bounds share, number;
  std::vector<std::pair<RttFigure, Bounds>> rtt;
  /// Path: at each step any of these namespaces.
  std::vector<std::vector<NetnsId>> through, avoids;
  std::string verdict;  ///< Drops: its name; "": any
  struct Device {
    NetnsId netns;
    std::string device;  ///< "": all
  };
  std::vector<Device> on;  ///< Drops; empty: everywhere
  std::optional<Nanoseconds> deadline;
  std::optional<std::array<Nanoseconds, 2>> during;
};

}  // namespace overlaysim
