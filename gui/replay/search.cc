#include "gui/replay/search.h"

#include <algorithm>
#include <vector>

namespace overlaysim::replay {
namespace {

/// @param isPromising  whether a chunk with such counts may hold one
template <typename Promising, typename IsIt>
std::optional<uint64_t> Find(Run& run, uint64_t from, bool forward, const KeepSearching& keep, Promising&& isPromising,
                             IsIt&& isIt) {
  TraceReader* trace = run.Trace();
  if (!trace) return std::nullopt;
  const std::vector<TraceReader::ChunkInfo>& chunks = trace->RecordChunks();
  std::vector<uint64_t> begins{0};
  for (const TraceReader::ChunkInfo& chunk : chunks) begins.push_back(begins.back() + chunk.count);
  const auto after = std::upper_bound(begins.begin(), begins.end(), from);
  auto chunk = std::min(static_cast<int64_t>(after - begins.begin()) - 1, static_cast<int64_t>(chunks.size()) - 1);
  for (; chunk >= 0 && chunk < static_cast<int64_t>(chunks.size()); chunk += forward ? 1 : -1) {
    if (keep && !keep()) return std::nullopt;
    const auto at = static_cast<size_t>(chunk);
    TraceReader::Summary summary;
    if (!trace->ReadSummary(chunks[at], summary) || !isPromising(summary.counts)) continue;
    const uint64_t begin = begins[at], end = begins[at + 1];
    if (forward) {
      for (uint64_t i = std::max(begin, from); i < end; ++i) {
        const StoredRecord* stored = run.RecordAt(i);
        if (!stored) return std::nullopt;
        if (isIt(stored->record)) return i;
      }
    } else {
      for (uint64_t i = std::min(end, from); i-- > begin;) {
        const StoredRecord* stored = run.RecordAt(i);
        if (!stored) return std::nullopt;
        if (isIt(stored->record)) return i;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> FindRecordAt(Run& run, uint64_t from, bool forward, uint32_t netns, uint32_t ifindex,
                                     const KeepSearching& keep) {
  const auto isThere = [&](uint32_t n, uint32_t i) { return n == netns && (ifindex == 0 || i == ifindex); };
  return Find(
      run, from, forward, keep,
      [&](const TraceCounts& counts) {
        return std::any_of(counts.begin(), counts.end(),
                           [&](const auto& count) { return isThere(count.first.netns, count.first.ifindex); });
      },
      [&](const TraceRecord& record) { return isThere(record.netns, record.ifindex); });
}

std::optional<uint64_t> FindDrop(Run& run, uint64_t from, bool forward, const KeepSearching& keep) {
  return Find(
      run, from, forward, keep,
      [&](const TraceCounts& counts) {
        return std::any_of(counts.begin(), counts.end(),
                           [&](const auto& count) { return IsDrop(count.first.verdict); });
      },
      [&](const TraceRecord& record) { return IsDrop(record.verdict); });
}

}  // namespace overlaysim::replay
