#include "sim/run/distribution/rank_parts.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "sim/run/recorder.h"
#include "sim/run/simulation.h"
#include "sim/trace/run_directory.h"

namespace overlaysim {

namespace fs = std::filesystem;

RankParts::RankParts(const fs::path& directory, uint32_t rank)
    : trace(directory / fmt::format("trace.rank{}.bin", rank)),
      packets(directory / fmt::format("packets.rank{}.pcapng", rank)),
      order(directory / fmt::format("packets.rank{}.order", rank)),
      log(directory / fmt::format("trace.rank{}.log", rank)) {}

namespace {

/// Where what all ranks tell goes when it is put together.
class Together final : public TraceSink {
 public:
  /// `trace` may be null.
  Together(Simulation& simulation, RunTrace* trace, FlowAccount& account)
      : m_simulation(simulation), m_trace(trace), m_account(account) {}
  void Append(const TraceRecord& record, const HeaderChange& change) override {
    if (m_trace) m_trace->Append(record, change);
    m_account.Add(record, change);
  }
  void NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) override {
    if (m_trace) m_trace->NameNetns(now, netns, name);
  }
  void NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) override {
    if (m_trace) m_trace->NameDevice(now, netns, ifindex, name);
    const NetnsId at(netns);
    if (!m_simulation.Net().FindMade(at)) m_simulation.NameElsewhere({at, static_cast<int>(ifindex)}, name);
  }
  void TableRow(Nanoseconds now, const TableRowChange& change) override {
    if (m_trace) m_trace->TableRow(now, change);
  }

 private:
  Simulation& m_simulation;
  RunTrace* m_trace;
  FlowAccount& m_account;
};

}  // namespace

std::string MergeParts(const fs::path& directory, uint32_t ranks, const RecorderOptions& mine, Simulation& simulation,
                       FlowAccount& account, uint64_t& records) {
  std::vector<CapturePart> captures;
  std::vector<fs::path> logs, all;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    const RankParts parts(directory, rank);
    captures.push_back({parts.packets, parts.order});
    logs.push_back(parts.log);
    all.insert(all.end(), {parts.trace, parts.packets, parts.order, parts.log});
  }
  if (std::string error = MergeCaptures(captures, directory / run_file::kPackets); !error.empty()) return error;
  if (!mine.ranks->log.empty()) {
    std::optional<RunTrace> trace;
    if (!mine.trace.empty()) {
      trace.emplace(directory / run_file::kTrace);
      NameFlows(simulation.Plan(), *trace);
    }
    Together together(simulation, trace ? &*trace : nullptr, account);
    std::string error = MergeRankLogs(logs, together);
    if (trace) {
      std::string why = trace->Finish(simulation.EndedAt());
      if (error.empty()) error = std::move(why);
      records = trace->RecordCount();
    }
    if (!error.empty()) return error;
  }
  std::error_code ignored;
  for (const fs::path& part : all) fs::remove(part, ignored);
  return {};
}

}  // namespace overlaysim
