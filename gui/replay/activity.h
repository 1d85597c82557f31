#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "gui/replay/seen_traffic.h"
#include "gui/replay/topology.h"
#include "sim/trace/metrics.h"
#include "sim/trace/trace_reader.h"

namespace overlaysim::replay {

/// What happened on one direction of a cable in one span of time.
struct LinkSample {
  uint32_t slot = 0;  ///< which span
  uint32_t frames = 0;
  uint32_t drops = 0;          ///< that the device was given and did not send
  uint32_t maxQueueBytes = 0;  ///< the most that waited for the cable
  uint64_t wireBytes = 0;      ///< with preamble, FCS, gap and padding, as the cable's rate counts them
};

/// A packet that was lost.
struct DropEvent {
  int64_t timeNs = 0;
  uint64_t index = 0;  ///< of the record in the trace
  uint32_t netns = 0, ifindex = 0;
  Verdict verdict = Verdict::Continue;
};

/// How busy each cable was, and what was dropped, over time. Made once from the whole trace; then only read, from any
/// thread.
class Activity {
 public:
  enum class Direction : uint8_t { AToB, BToA };
  /// Told how far it is, 0 to 1; false ends the reading.
  using Progress = std::function<bool(double done)>;
  static constexpr size_t kMaxDrops = 1'000'000;  ///< that are kept one by one

  /// `seen` is told every record.
  /// nullopt when Progress ended it or the trace is damaged (then `error` says where; what came before the damage is
  /// not shown, since half a picture would look like a whole one).
  static std::optional<Activity> Read(TraceReader& trace, const Topology& topology, int64_t endNs,
                                      const Progress& progress, std::string& error, SeenTraffic* seen = nullptr);
  /// One span that is the whole run, from metrics.json: what can be said without a trace, or before it is read.
  static Activity OfWholeRun(const RunMetrics& metrics, const Topology& topology, int64_t endNs);

  int64_t SlotNs() const { return m_slotNs; }
  size_t SlotCount() const { return m_slots; }
  bool IsWholeRun() const { return m_slots == 1; }
  /// The span that the time is in; null: nothing was sent or dropped in it.
  const LinkSample* At(uint32_t cable, Direction direction, int64_t timeNs) const;
  /// All of the run.
  const LinkSample& Total(uint32_t cable, Direction direction) const;
  /// Share of the span in which the cable was sending; 0 for one that is infinitely fast.
  double Utilisation(uint32_t cable, const LinkSample& sample) const;
  /// The busiest slot of the whole run, over all cables: what a scale ends at.
  uint32_t MostDrops() const { return m_mostDrops; }
  uint32_t LongestQueue() const { return m_longestQueue; }

  const std::vector<DropEvent>& Drops() const { return m_drops; }  ///< in the order of time
  uint64_t DropCount() const { return m_dropCount; }               ///< of all, kept or not
  uint32_t DropsAt(uint32_t netns, int64_t timeNs) const;          ///< in that namespace, in the span of that time

 private:
  struct Cursor {  ///< of one direction while it is read
    int64_t busyUntilNs = 0;
  };
  Activity(const Topology& topology, int64_t endNs, size_t slots);
  void Note(const TraceRecord& record, uint64_t index, const Topology& topology, std::vector<Cursor>& cursors);
  uint64_t RateAt(uint32_t cable, int64_t timeNs) const;
  LinkSample& Sample(size_t direction, int64_t timeNs);
  uint32_t SlotOf(int64_t timeNs) const;
  void Close();

  size_t m_slots = 1;
  int64_t m_slotNs = 1;
  std::vector<std::vector<LinkSample>> m_samples;  ///< by 2 * cable + direction, ascending
  std::vector<LinkSample> m_totals;                ///< likewise
  struct RateChange {
    int64_t timeNs;
    uint64_t bitsPerSecond;
  };
  std::vector<uint64_t> m_rates;                                        ///< by cable, when the run begins
  std::unordered_map<uint32_t, std::vector<RateChange>> m_rateChanges;  ///< by cable, in the order of time
  std::vector<DropEvent> m_drops;
  uint64_t m_dropCount = 0;
  uint32_t m_mostDrops = 0, m_longestQueue = 0;
};

}  // namespace overlaysim::replay
