#pragma once

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "gui/replay/topology.h"
#include "sim/trace/metrics.h"
#include "sim/trace/run_directory.h"
#include "sim/trace/trace_reader.h"

namespace overlaysim::replay {

/// A record with the header bytes that stand beside it in the trace.
struct StoredRecord {
  TraceRecord record;
  uint16_t changeOffset = 0;
  std::vector<uint8_t> before, after;
};

/// What is marked on the time axis, besides drops.
struct Mark {
  enum class Kind : uint8_t { Event, FailedExpectation };
  Kind kind;
  int64_t timeNs;
  std::string text;
};

/// A run directory that is open for looking at. Opening reads what is small: manifest, plan, metrics and the trace's
/// directory; records come chunk by chunk when somebody asks, the last few stay in memory. For one thread; open another
/// for work in the background.
class Run {
 public:
  /// null and `error` (a sentence for people) when the directory is missing, foreign, newer or damaged beyond reading.
  static std::unique_ptr<Run> Open(const std::filesystem::path& directory, std::string& error);

  /// The same run once more, for another thread; the plan is shared.
  std::unique_ptr<Run> OpenAgain() const;
  /// Of a run that is still being written: what has come since. True when there is more than before, or the run has
  /// ended. Indices of records stay what they are; what Tables() has given is gone.
  bool Refresh();
  bool IsComplete() const { return m_directory.manifest.complete; }

  const OpenedRun& Directory() const { return m_directory; }
  const Topology& Plan() const { return *m_plan; }
  const RunMetrics* Metrics() const { return m_metrics ? &*m_metrics : nullptr; }  ///< null: the run has none (yet)
  bool HasTrace() const { return m_trace.has_value(); }
  /// What is missing or damaged but does not keep from looking: one sentence each.
  const std::vector<std::string>& Warnings() const { return m_warnings; }

  int64_t EndNs() const { return m_endNs; }
  uint64_t RecordCount() const;
  /// Record by its place in the trace, from 0; null when it cannot be read. Lives until the next call for another
  /// chunk.
  const StoredRecord* RecordAt(uint64_t index);
  /// The packet's first bytes after that record, as far as the trace tells them not much before it: empty for a packet
  /// that was made more than a chunk (65,536 records) earlier. Lives until the next call for another chunk.
  std::span<const uint8_t> HeadAt(uint64_t index);
  uint64_t FirstAtOrAfter(int64_t timeNs);  ///< index of the first record at or after that time; RecordCount(): none
  /// Tables over time; read when first asked for. null and Error() when the trace is damaged or there is none.
  const TableHistory* Tables();
  std::string PlaceName(uint32_t netns, uint32_t ifindex);
  const std::string& Error() const { return m_error; }

  /// Records per bucket of [0, EndNs()], estimated inside a chunk: `buckets` numbers.
  std::vector<double> Density(size_t buckets) const;
  /// UDP ports behind which a VXLAN header stands in this run.
  std::span<const uint16_t> VxlanPorts() const { return m_vxlanPorts; }

  TraceReader* Trace() { return m_trace ? &*m_trace : nullptr; }

 private:
  struct Chunk {
    size_t number;
    std::vector<StoredRecord> records;
    std::vector<uint8_t> heads;       ///< of all records, one after the other
    std::vector<uint32_t> headBegin;  ///< where each record's begins, and the end of all; empty: not put together yet
  };

  Run() = default;
  void OpenRest();  ///< metrics and trace
  void IndexChunks();
  Chunk* ReadChunk(size_t number);
  size_t ChunkOf(uint64_t index) const;
  void PutHeadsTogether(Chunk& chunk);

  OpenedRun m_directory;
  std::shared_ptr<const Topology> m_plan;
  std::optional<RunMetrics> m_metrics;
  std::optional<TraceReader> m_trace;
  std::optional<TableHistory> m_tables;
  std::vector<std::string> m_warnings;
  bool m_tablesFailed = false;
  std::string m_error, m_tablesError;
  int64_t m_endNs = 0;
  std::vector<uint16_t> m_vxlanPorts;
  std::vector<uint64_t> m_chunkBegin;  ///< index of each chunk's first record, and the count of all at the end
  std::list<Chunk> m_cache;            ///< last used first
};

}  // namespace overlaysim::replay
