#include "gui/replay/activity.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "models/wire/headers.h"

namespace overlaysim::replay {
namespace {

constexpr size_t kMostSlots = 4096;
constexpr size_t kMostSamples = 2'000'000;  ///< of all cables together: about 50 MB

uint64_t WireBytes(uint32_t frameBytes) {
  return uint64_t{std::max(frameBytes, wire::kMinimumWireFrameBytes)} + wire::kWireOverheadBytes;
}

/// Nanoseconds that so many bytes take; 0 on a cable that is infinitely fast.
double TimeFor(uint64_t bytes, uint64_t bitsPerSecond) {
  return bitsPerSecond == 0 ? 0 : static_cast<double>(bytes) * 8e9 / static_cast<double>(bitsPerSecond);
}

template <typename T>
void AddUpTo(T& sum, uint64_t more) {
  sum = static_cast<T>(std::min<uint64_t>(std::numeric_limits<T>::max(), uint64_t{sum} + more));
}

}  // namespace

Activity::Activity(const Topology& topology, int64_t endNs, size_t slots)
    : m_slots(slots), m_samples(topology.cables.size() * 2), m_totals(topology.cables.size() * 2) {
  m_slotNs = std::max<int64_t>(endNs, 0) / static_cast<int64_t>(slots) + 1;
  for (const Cable& cable : topology.cables) m_rates.push_back(cable.bitsPerSecond);
  for (const PlannedEvent& event : topology.events)
    if (event.cable) m_rateChanges[*event.cable].push_back({event.atNs, event.becomes.bitsPerSecond});
}

uint64_t Activity::RateAt(uint32_t cable, int64_t timeNs) const {
  uint64_t rate = m_rates[cable];
  if (const auto changes = m_rateChanges.find(cable); changes != m_rateChanges.end())
    for (const RateChange& change : changes->second)
      if (change.timeNs <= timeNs) rate = change.bitsPerSecond;
  return rate;
}

uint32_t Activity::SlotOf(int64_t timeNs) const {
  return static_cast<uint32_t>(std::clamp<int64_t>(timeNs / m_slotNs, 0, static_cast<int64_t>(m_slots) - 1));
}

LinkSample& Activity::Sample(size_t direction, int64_t timeNs) {
  std::vector<LinkSample>& samples = m_samples[direction];
  const uint32_t slot = SlotOf(timeNs);
  if (!samples.empty() && samples.back().slot == slot) return samples.back();
  if (!samples.empty() && samples.back().slot > slot) {  // a trace that is out of order
    const auto at = std::lower_bound(samples.begin(), samples.end(), slot,
                                     [](const LinkSample& sample, uint32_t s) { return sample.slot < s; });
    if (at->slot == slot) return *at;
    LinkSample fresh;
    fresh.slot = slot;
    return *samples.insert(at, fresh);
  }
  samples.emplace_back();
  samples.back().slot = slot;
  return samples.back();
}

void Activity::Note(const TraceRecord& record, uint64_t index, const Topology& topology, std::vector<Cursor>& cursors) {
  const bool isDrop = IsDrop(record.verdict);
  if (isDrop) {
    ++m_dropCount;
    if (m_drops.size() < kMaxDrops)
      m_drops.push_back({record.timeNs, index, record.netns, record.ifindex, record.verdict});
  }
  if (record.stage != Stage::Transmit && !isDrop) return;
  const CableEnd end{record.netns, record.ifindex};
  const uint32_t cable = topology.CableAt(end);
  if (cable == Topology::kNone) return;
  const size_t direction = 2 * size_t{cable} + (topology.cables[cable].a == end ? 0 : 1);
  LinkSample& sample = Sample(direction, record.timeNs);
  LinkSample& total = m_totals[direction];
  if (isDrop) {
    AddUpTo(sample.drops, 1);
    AddUpTo(total.drops, 1);
    return;
  }
  const uint64_t bytes = WireBytes(record.sizeBytes), rate = RateAt(cable, record.timeNs);
  Cursor& cursor = cursors[direction];
  const int64_t waitNs = std::max<int64_t>(cursor.busyUntilNs - record.timeNs, 0);
  const double queued = static_cast<double>(waitNs) * static_cast<double>(rate) / 8e9;
  const auto queueBytes = static_cast<uint32_t>(std::min(queued, 4e9));
  const double takes = std::min(TimeFor(bytes, rate), 1e15);
  cursor.busyUntilNs = std::max(cursor.busyUntilNs, record.timeNs) + static_cast<int64_t>(takes);
  for (LinkSample* to : {&sample, &total}) {
    AddUpTo(to->frames, 1);
    AddUpTo(to->wireBytes, bytes);
    to->maxQueueBytes = std::max(to->maxQueueBytes, queueBytes);
  }
}

void Activity::Close() {
  for (const std::vector<LinkSample>& samples : m_samples) {
    for (const LinkSample& sample : samples) {
      m_mostDrops = std::max(m_mostDrops, sample.drops);
      m_longestQueue = std::max(m_longestQueue, sample.maxQueueBytes);
    }
  }
  std::stable_sort(m_drops.begin(), m_drops.end(),
                   [](const DropEvent& a, const DropEvent& b) { return a.timeNs < b.timeNs; });
}

std::optional<Activity> Activity::Read(TraceReader& trace, const Topology& topology, int64_t endNs,
                                       const Progress& progress, std::string& error, SeenTraffic* seen) {
  const size_t directions = std::max<size_t>(topology.cables.size() * 2, 1);
  // One slot says "the whole run": a trace has two at least.
  Activity activity(topology, endNs, std::clamp<size_t>(kMostSamples / directions, 64, kMostSlots));
  std::vector<Cursor> cursors(topology.cables.size() * 2);
  uint64_t index = 0;
  size_t chunksDone = 0;
  for (const TraceReader::ChunkInfo& chunk : trace.RecordChunks()) {
    if (!progress(static_cast<double>(chunksDone++) / static_cast<double>(trace.RecordChunks().size())))
      return std::nullopt;
    const bool isGood = trace.VisitChunk(chunk, [&](const TraceRecord& record, const HeaderChange& change) {
      activity.Note(record, index++, topology, cursors);
      if (seen) seen->Note(record, change);
      return true;
    });
    if (!isGood) {
      error = trace.Error();
      return std::nullopt;
    }
  }
  activity.Close();
  return activity;
}

Activity Activity::OfWholeRun(const RunMetrics& metrics, const Topology& topology, int64_t endNs) {
  Activity activity(topology, endNs, 1);
  std::unordered_map<std::string, size_t> directionOf;
  const auto name = [&](const CableEnd& end) {
    if (end.netns >= topology.netns.size()) return std::string();
    const Netns& netns = topology.netns[end.netns];
    const Device* device = netns.Find(end.ifindex);
    return device ? netns.name + "/" + device->name : std::string();
  };
  for (size_t i = 0; i < topology.cables.size(); ++i) {
    directionOf.emplace(name(topology.cables[i].a), 2 * i);
    directionOf.emplace(name(topology.cables[i].b), 2 * i + 1);
  }
  for (const LinkMetrics& link : metrics.links) {
    const auto found = directionOf.find(link.from);
    if (found == directionOf.end() || (link.frames == 0 && link.droppedFrames == 0)) continue;
    LinkSample& sample = activity.Sample(found->second, 0);
    AddUpTo(sample.frames, link.frames);
    AddUpTo(sample.drops, link.droppedFrames);
    AddUpTo(sample.wireBytes, link.bytes);
    sample.maxQueueBytes = static_cast<uint32_t>(std::clamp<int64_t>(link.maxQueueBytes, 0, 0xffffffff));
    activity.m_totals[found->second] = sample;
  }
  activity.m_dropCount = metrics.verdicts.Drops();
  activity.Close();
  return activity;
}

const LinkSample* Activity::At(uint32_t cable, Direction direction, int64_t timeNs) const {
  const size_t at = 2 * size_t{cable} + static_cast<size_t>(direction);
  if (at >= m_samples.size()) return nullptr;
  const std::vector<LinkSample>& samples = m_samples[at];
  const uint32_t slot = SlotOf(timeNs);
  const auto found = std::lower_bound(samples.begin(), samples.end(), slot,
                                      [](const LinkSample& sample, uint32_t s) { return sample.slot < s; });
  return found != samples.end() && found->slot == slot ? &*found : nullptr;
}

const LinkSample& Activity::Total(uint32_t cable, Direction direction) const {
  return m_totals[2 * size_t{cable} + static_cast<size_t>(direction)];
}

double Activity::Utilisation(uint32_t cable, const LinkSample& sample) const {
  if (cable >= m_rates.size()) return 0;
  // Of a span in which the rate changes, the one at its end.
  const uint64_t rate = RateAt(cable, (int64_t{sample.slot} + 1) * m_slotNs - 1);
  return std::min(TimeFor(sample.wireBytes, rate) / static_cast<double>(m_slotNs), 1.0);
}

uint32_t Activity::DropsAt(uint32_t netns, int64_t timeNs) const {
  const int64_t begin = int64_t{SlotOf(timeNs)} * m_slotNs;
  auto at = std::lower_bound(m_drops.begin(), m_drops.end(), begin,
                             [](const DropEvent& drop, int64_t t) { return drop.timeNs < t; });
  uint32_t count = 0;
  for (; at != m_drops.end() && at->timeNs < begin + m_slotNs; ++at) count += at->netns == netns;
  return count;
}

}  // namespace overlaysim::replay
