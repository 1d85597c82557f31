#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/trace/files.h"
#include "sim/trace/record.h"
#include "sim/trace/table_history.h"
#include "sim/trace/trace_counts.h"
#include "sim/trace/trace_format.h"

namespace overlaysim {

/// Reads trace.bin, whoever wrote it: no length or number in it is trusted. Opening reads the directory at its end;
/// where that is missing (the run was killed) the chunks are found by walking over their headers and footers. Functions
/// that can meet damage answer false, and Error() says what and where.
class TraceReader {
 public:
  using ChunkInfo = trace_format::ChunkInfo;
  /// Called for each record in the order of the file; `change` lives until it returns. False ends the reading.
  using Visitor = std::function<bool(const TraceRecord& record, const HeaderChange& change)>;
  struct Summary {
    TraceCounts counts;
    std::vector<uint64_t> journeys;  ///< ascending
  };

  static std::optional<TraceReader> Open(const std::filesystem::path& path, std::string& error);
  /// `name` stands in the error messages.
  static std::optional<TraceReader> Open(std::unique_ptr<ByteSource> source, std::string name, std::string& error);

  /// Looks for chunks that a writer has added since: of a file without a directory only. True when there are more.
  bool ReadOn();
  bool IsComplete() const { return m_lostBytes == 0 && m_hasDirectory; }  ///< the writer finished it
  uint64_t LostBytes() const { return m_lostBytes; }                      ///< at the end, that are no whole chunk
  uint64_t RecordCount() const { return m_records; }
  const TraceCounts& Totals() const { return m_totals; }
  const std::vector<ChunkInfo>& RecordChunks() const { return m_recordChunks; }

  bool ReadSummary(const ChunkInfo& chunk, Summary& summary);
  /// Whether the chunk has records of that journey; nullopt: its index cannot be read. Faster than ReadSummary().
  std::optional<bool> HasJourney(const ChunkInfo& chunk, uint64_t journey);
  bool VisitChunk(const ChunkInfo& chunk, const Visitor& visitor);
  bool VisitAll(const Visitor& visitor);
  /// The records of one journey; only chunks whose index has it are read.
  bool VisitJourney(uint64_t journey, const Visitor& visitor);
  bool ReadTables(TableHistory& history);
  const std::string& Error() const { return m_error; }

 private:
  enum class Outcome { Done, Stopped, Failed };
  TraceReader(std::unique_ptr<ByteSource> source, std::string name);
  bool Fail(uint64_t offset, std::string_view what);
  bool ReadHeader();
  bool ReadDirectory();
  void Scan();  ///< from m_scanned on
  bool ReadChunkHeader(uint64_t offset, ChunkInfo& chunk, uint32_t& payloadCrc, uint32_t& footerCrc) const;
  /// Payload (footer = false) or footer of the chunk, checked.
  bool ReadPart(const ChunkInfo& chunk, bool footer, std::vector<uint8_t>& bytes);
  Outcome Visit(const ChunkInfo& chunk, const Visitor& visitor);
  bool ReadTableEntries(const ChunkInfo& chunk, TableHistory& history);

  std::unique_ptr<ByteSource> m_source;
  std::string m_name;
  std::string m_error;
  std::vector<ChunkInfo> m_recordChunks, m_tableChunks;
  TraceCounts m_totals;
  uint64_t m_records = 0;
  uint64_t m_lostBytes = 0;
  uint64_t m_scanned = 0;  ///< where the next chunk would begin, in a file without a directory
  bool m_hasDirectory = false;
};

}  // namespace overlaysim
