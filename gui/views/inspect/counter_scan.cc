#include "gui/views/inspect/counter_scan.h"

#include <algorithm>
#include <utility>

namespace overlaysim::views {

double TimeSeries::ValueAt(size_t slot) const {
  const double sum = sums[slot] * scale;
  return isRate ? sum * 1e9 / static_cast<double>(slotNs) : sum;
}

CounterScan::CounterScan(QObject* parent) : QObject(parent) {
  m_timer.setSingleShot(true);
  m_timer.setInterval(0);
  connect(&m_timer, &QTimer::timeout, this, &CounterScan::ReadNext);
}

void CounterScan::Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor) {
  Cancel();
  m_series = std::move(series);
  m_visitor = std::move(visitor);
  const int64_t end = run ? run->EndNs() : 0;
  for (TimeSeries& one : m_series) {
    one.beginNs = 0;
    one.slotNs = std::max<int64_t>(1, end / static_cast<int64_t>(kSlots) + 1);
    one.sums.assign(static_cast<size_t>(end / one.slotNs) + 1, 0);
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
  if (m_next < chunks.size()) {
    int64_t timeNs = 0;
    const Add add = [&](size_t series, double amount) {
      TimeSeries& one = m_series[series];
      const int64_t slot = timeNs < 0 ? 0 : timeNs / one.slotNs;
      one.sums[std::min(static_cast<size_t>(slot), one.sums.size() - 1)] += amount;
    };
    const bool isRead = m_run->Trace()->VisitChunk(chunks[m_next], [&](const TraceRecord& record, const HeaderChange&) {
      timeNs = record.timeNs;
      m_visitor(record, add);
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
