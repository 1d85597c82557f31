#include "gui/views/inspect/counters_at.h"

namespace overlaysim::views {

std::optional<TraceCounts> CountersAt(replay::Run& run, uint32_t netns, int64_t timeNs) {
  TraceReader* trace = run.Trace();
  if (!trace) return std::nullopt;
  TraceCounts counts;
  const auto take = [&](const TraceCounts& all) {
    for (auto i = all.lower_bound(DeviceVerdict{.netns = netns}); i != all.end() && i->first.netns == netns; ++i)
      counts[i->first] += i->second;
  };
  if (timeNs >= run.EndNs()) {
    take(trace->Totals());
    return counts;
  }
  TraceReader::Summary summary;
  for (const TraceReader::ChunkInfo& chunk : trace->RecordChunks()) {
    if (chunk.firstNs > timeNs) break;
    if (chunk.lastNs <= timeNs) {
      if (!trace->ReadSummary(chunk, summary)) return std::nullopt;
      take(summary.counts);
      continue;
    }
    const bool isRead = trace->VisitChunk(chunk, [&](const TraceRecord& record, const HeaderChange&) {
      if (record.timeNs > timeNs) return false;
      if (record.netns == netns)
        ++counts[{.netns = record.netns, .ifindex = record.ifindex, .verdict = record.verdict}];
      return true;
    });
    if (!isRead) return std::nullopt;
  }
  return counts;
}

}  // namespace overlaysim::views
