#include "sim/trace/run_trace.h"

#include <utility>

namespace overlaysim {

void RunTrace::WriteRowsUntil(int64_t timeNs) {
  while (!m_later.empty() && m_later.begin()->first <= timeNs) {
    LaterRow row = std::move(m_later.begin()->second);
    m_later.erase(m_later.begin());
    row.change.text = row.text;
    m_writer.TableRow(row.change);
  }
}

void RunTrace::Append(const TraceRecord& record, const HeaderChange& change) {
  if (!m_later.empty()) WriteRowsUntil(record.timeNs);
  m_writer.Append(record, change);
}

void RunTrace::Append(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet) {
  if (!m_later.empty()) WriteRowsUntil(packet.timeNs);
  m_writer.Append(records, packet);
}

void RunTrace::NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) {
  WriteRowsUntil(now.count);
  m_writer.NameNetns(netns, name);
}

void RunTrace::NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) {
  WriteRowsUntil(now.count);
  m_writer.NameDevice(netns, ifindex, name);
}

void RunTrace::TableRow(Nanoseconds now, const TableRowChange& change) {
  if (change.timeNs > now.count) {
    m_later.emplace(change.timeNs, LaterRow{change, std::string(change.text)});
    return;
  }
  WriteRowsUntil(now.count);
  m_writer.TableRow(change);
}

std::string RunTrace::Finish(Nanoseconds endedAt) {
  WriteRowsUntil(endedAt.count);
  m_writer.Finish();
  return m_writer.Error();
}

}  // namespace overlaysim
