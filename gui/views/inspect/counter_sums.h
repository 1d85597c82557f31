#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gui/replay/run.h"

namespace overlaysim::views {

/// How often each verdict was given at each device of a namespace up to any time. The footers of the trace's chunks are
/// read once, a few at a time, so that a question costs one chunk however long the trace is.
class CounterSums {
 public:
  CounterSums(replay::Run& run, uint32_t netns) : m_run(run), m_netns(netns) {}

  /// Reads so many chunks' footers; false: there are no more, or the trace is damaged.
  bool ReadMore(size_t chunks);
  double Progress() const;             ///< 0 to 1
  bool CanTell(int64_t timeNs) const;  ///< what was read is enough for that time
  /// nullopt: there is no trace, it is damaged, or CanTell() is false.
  std::optional<TraceCounts> At(int64_t timeNs);

 private:
  void Take(const TraceCounts& all, TraceCounts& counts) const;

  replay::Run& m_run;
  uint32_t m_netns;
  bool m_isDamaged = false;
  std::vector<TraceCounts> m_before;  ///< by chunk: what all those before it have counted
};

}  // namespace overlaysim::views
