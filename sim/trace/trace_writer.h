#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/flat_map.h"
#include "sim/trace/files.h"
#include "sim/trace/record.h"
#include "sim/trace/record_template.h"
#include "sim/trace/trace_counts.h"
#include "sim/trace/trace_format.h"
#include "sim/trace/trace_sink.h"

namespace overlaysim {

/// Writes trace.bin. Records go into chunks that are written whole, so that a run that is killed loses the last one at
/// most. Whatever is said of tables and names before a record stands before it in the file.
class TraceWriter {
 public:
  /// An unwritable file shows in Ok() and Error(); everything can be called all the same.
  explicit TraceWriter(const std::filesystem::path& path);
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;
  ~TraceWriter();  ///< Finish()

  void Append(const TraceRecord& record) { Append(record, {}); }
  void Append(const TraceRecord& record, const HeaderChange& change);
  /// The same as appending each of those records.
  void Append(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet);

  void NameNetns(uint32_t netns, std::string_view name);
  void NameDevice(uint32_t netns, uint32_t ifindex, std::string_view name);
  void NameFlow(uint32_t flow, std::string_view name);
  /// A row at the start (time 0) or a change of one. Rows that nobody's records name need not be told.
  void TableRow(const TableRowChange& change);
  /// From now on the namespace is shown the directory as it is at that version, but for rows that have it as `netns`.
  /// Its own row with the same id stands in a directory row's place, and its own Delete hides it.
  void ViewDirectory(int64_t timeNs, uint32_t netns, uint32_t directory, uint32_t version);

  void Flush();   ///< closes the open chunks: all that was appended is in the file
  void Finish();  ///< flushes, writes the directory and closes the file; nothing may be appended afterwards

  bool Ok() const { return m_file.Ok(); }
  const std::string& Error() const { return m_file.Error(); }
  uint64_t RecordCount() const { return m_records; }
  TraceCounts Totals() const;  ///< of all records so far

 private:
  uint32_t Intern(std::string_view text);
  void BeginTableEntry(trace_format::TableEntry type);
  void NoteTableTime(int64_t timeNs);
  void TableEntryDone();
  void WriteTables();
  void NoteRecords(int64_t timeNs, uint64_t journey, uint32_t count);
  void WriteRecords();
  void WriteChunk(trace_format::ChunkInfo chunk, std::span<const uint8_t> payload, std::span<const uint8_t> footer);

  OutputFile m_file;
  bool m_finished = false;
  uint64_t m_records = 0;
  std::vector<uint8_t> m_payload;  ///< of the open chunk of records; sized once
  size_t m_payloadBytes = 0;
  uint32_t m_chunkRecords = 0;
  int64_t m_firstNs = 0, m_lastNs = 0;
  std::vector<uint64_t> m_journeys;                                   ///< of the open chunk, with repetitions
  FlatMap<DeviceVerdict, uint64_t, DeviceVerdictHash> m_chunkCounts;  ///< without those of m_repeated
  std::vector<std::shared_ptr<RecordTemplate>> m_repeated;            ///< in the open chunk
  TraceCounts m_totals;                                               ///< of the chunks that are written
  std::vector<uint8_t> m_tables;
  uint32_t m_tableEntries = 0;
  int64_t m_tablesFirstNs = 0, m_tablesLastNs = 0;
  bool m_tablesTimed = false;
  std::unordered_map<std::string, uint32_t> m_strings;
  std::vector<trace_format::ChunkInfo> m_chunks;
};

}  // namespace overlaysim
