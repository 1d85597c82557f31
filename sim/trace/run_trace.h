#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "sim/trace/trace_sink.h"
#include "sim/trace/trace_writer.h"

namespace overlaysim {

/// Writes what a run tells into trace.bin. Rows of later times wait for theirs: they are written before what is told
/// first at that time or after it.
class RunTrace final : public TraceSink {
 public:
  explicit RunTrace(const std::filesystem::path& path) : m_writer(path) {}

  void NameFlow(uint32_t flow, std::string_view name) { m_writer.NameFlow(flow, name); }
  void Append(const TraceRecord& record, const HeaderChange& change) override;
  void Append(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet);
  void NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) override;
  void NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) override;
  void TableRow(Nanoseconds now, const TableRowChange& change) override;

  /// The run has ended at that time. An error text, or "".
  std::string Finish(Nanoseconds endedAt);
  uint64_t RecordCount() const { return m_writer.RecordCount(); }

 private:
  void WriteRowsUntil(int64_t timeNs);

  struct LaterRow {
    TableRowChange change;
    std::string text;
  };
  TraceWriter m_writer;
  std::multimap<int64_t, LaterRow> m_later;  ///< by time, those of one time as they were told
};

}  // namespace overlaysim
