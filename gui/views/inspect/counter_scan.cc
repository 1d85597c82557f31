#include "gui/views/inspect/counter_scan.h"

#include <algorithm>
#include <utility>

namespace overlaysim::views {

double TimeSeries::ValueAt(size_t slot) const {
  const double sum = sums[slot] * scale;
  return isRate ? sum * 1e9 / static_cast<double>(slotNs) : sum;
}

double* CounterScan::Sink::SlotOf(size_t series) {
  TimeSeries& one = m_series[series];
  if (m_timeNs < one.beginNs) return nullptr;
  const auto slot = static_cast<size_t>((m_timeNs - one.beginNs) / one.slotNs);
  return slot < one.sums.size() ? &one.sums[slot] : nullptr;
}

void CounterScan::Sink::Add(size_t series, double amount) {
  if (double* slot = SlotOf(series)) *slot += amount;
}

void CounterScan::Sink::Most(size_t series, double value) {
  if (double* slot = SlotOf(series)) *slot = std::max(*slot, value);
}

CounterScan::CounterScan(QObject* parent) : QObject(parent) {
  m_timer.setSingleShot(true);
  m_timer.setInterval(0);
  connect(&m_timer, &QTimer::timeout, this, &CounterScan::ReadNext);
}

void CounterScan::Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor) {
  Begin(run, std::move(series), std::move(visitor), 0, run ? run->EndNs() + 1 : 1);
}

void CounterScan::Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor, int64_t fromNs,
                        int64_t toNs) {
  Cancel();
  m_series = std::move(series);
  m_visitor = std::move(visitor);
  m_values = Histogram();
  m_fromNs = fromNs;
  m_toNs = std::max(toNs, fromNs + 1);
  const int64_t span = m_toNs - m_fromNs;
  for (TimeSeries& one : m_series) {
    one.beginNs = m_fromNs;
    one.slotNs = std::max<int64_t>(1, (span - 1) / static_cast<int64_t>(kSlots) + 1);
    one.sums.assign(static_cast<size_t>((span - 1) / one.slotNs) + 1, 0);
  }
  if (!run || !run->Trace() || m_series.empty()) {
    emit Finished();
    return;
  }
  m_run = run;
  m_next = 0;
  m_timer.start();
}

void CounterScan::Cancel() {
  m_timer.stop();
  m_run = nullptr;
}

void CounterScan::ReadNext() {
  const auto& chunks = m_run->Trace()->RecordChunks();
  const auto isOutside = [&](const TraceReader::ChunkInfo& chunk) {
    return chunk.lastNs < m_fromNs || chunk.firstNs >= m_toNs;
  };
  while (m_next < chunks.size() && isOutside(chunks[m_next])) ++m_next;
  if (m_next < chunks.size()) {
    Sink sink(m_series, m_values);
    const bool isRead = m_run->Trace()->VisitChunk(chunks[m_next], [&](const TraceRecord& record, const HeaderChange&) {
      sink.m_timeNs = record.timeNs;
      m_visitor(record, sink);
      return true;
    });
    m_next = isRead ? m_next + 1 : chunks.size();
    emit Progress(static_cast<double>(m_next) / static_cast<double>(chunks.size()));
  }
  if (!m_run) return;  // a slot of Progress() has ended it
  if (m_next >= chunks.size()) {
    m_run = nullptr;
    emit Finished();
    return;
  }
  m_timer.start();
}

}  // namespace overlaysim::views
