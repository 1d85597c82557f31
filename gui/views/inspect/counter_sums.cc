#include "gui/views/inspect/counter_sums.h"

#include <algorithm>

namespace overlaysim::views {

void CounterSums::Take(const TraceCounts& all, TraceCounts& counts) const {
  for (auto i = all.lower_bound(DeviceVerdict{.netns = m_netns}); i != all.end() && i->first.netns == m_netns; ++i)
    counts[i->first] += i->second;
}

bool CounterSums::ReadMore(size_t chunks) {
  TraceReader* trace = m_run.Trace();
  if (!trace || m_isDamaged) return false;
  const auto& all = trace->RecordChunks();
  if (m_before.empty()) m_before.emplace_back();
  for (; chunks > 0 && m_before.size() <= all.size(); --chunks) {
    TraceReader::Summary summary;
    m_isDamaged = !trace->ReadSummary(all[m_before.size() - 1], summary);
    if (m_isDamaged) return false;
    TraceCounts sum = m_before.back();
    Take(summary.counts, sum);
    m_before.push_back(std::move(sum));
  }
  return m_before.size() <= all.size();
}

double CounterSums::Progress() const {
  const TraceReader* trace = m_run.Trace();
  const size_t chunks = trace ? trace->RecordChunks().size() : 0;
  return chunks == 0 ? 1 : static_cast<double>(std::max<size_t>(m_before.size(), 1) - 1) / static_cast<double>(chunks);
}

bool CounterSums::CanTell(int64_t timeNs) const {
  const TraceReader* trace = m_run.Trace();
  if (!trace || timeNs >= m_run.EndNs()) return true;
  const auto& chunks = trace->RecordChunks();
  // Chunks behind the one that the time is in do not matter.
  return m_before.size() > chunks.size() || (!m_before.empty() && chunks[m_before.size() - 1].lastNs > timeNs);
}

std::optional<TraceCounts> CounterSums::At(int64_t timeNs) {
  TraceReader* trace = m_run.Trace();
  if (!trace || m_isDamaged) return std::nullopt;
  TraceCounts counts;
  if (timeNs >= m_run.EndNs()) {
    Take(trace->Totals(), counts);
    return counts;
  }
  if (!CanTell(timeNs)) return std::nullopt;
  const auto& chunks = trace->RecordChunks();
  size_t chunk = 0;
  while (chunk < chunks.size() && chunks[chunk].lastNs <= timeNs) ++chunk;
  if (chunk >= m_before.size()) return std::nullopt;  // a trace that is out of order
  counts = m_before[chunk];
  for (; chunk < chunks.size() && chunks[chunk].firstNs <= timeNs; ++chunk) {
    const bool isRead = trace->VisitChunk(chunks[chunk], [&](const TraceRecord& record, const HeaderChange&) {
      if (record.timeNs > timeNs) return false;
      if (record.netns == m_netns)
        ++counts[{.netns = record.netns, .ifindex = record.ifindex, .verdict = record.verdict}];
      return true;
    });
    if (!isRead) return std::nullopt;
  }
  return counts;
}

}  // namespace overlaysim::views
