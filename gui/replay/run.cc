#include "gui/replay/run.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace/files.h"
#include "sim/trace/packet_heads.h"

namespace overlaysim::replay {
namespace {

namespace fs = std::filesystem;

constexpr size_t kChunksKept = 6;  // some 8 MiB each
constexpr uint64_t kMaxMetricsBytes = uint64_t{1} << 30;
constexpr uint16_t kIanaVxlanPort = 4789, kLinuxVxlanPort = 8472;

/// Those that the kernel knows without being told, and those of the plan's devices.
std::vector<uint16_t> VxlanPortsOf(const Topology& plan) {
  std::vector<uint16_t> ports{kIanaVxlanPort, kLinuxVxlanPort};
  for (const Netns& netns : plan.netns)
    for (const Device& device : netns.devices)
      if (device.kind == "vxlan" && device.port != 0 &&
          std::find(ports.begin(), ports.end(), device.port) == ports.end())
        ports.push_back(device.port);
  return ports;
}

}  // namespace

std::unique_ptr<Run> Run::Open(const fs::path& directory, std::string& error) {
  auto opened = OpenRunDirectory(directory, error);
  if (!opened) return nullptr;
  if (!opened->Has(run_file::kPlan)) {
    error = fmt::format("{}: the run has no {}: nothing is known of its nodes and pods", directory.string(),
                        run_file::kPlan);
    return nullptr;
  }
  auto plan = Topology::Read(opened->File(run_file::kPlan), error);
  if (!plan) return nullptr;
  std::unique_ptr<Run> run(new Run);
  run->m_directory = std::move(*opened);
  run->m_plan = std::make_shared<const Topology>(std::move(*plan));
  run->m_vxlanPorts = VxlanPortsOf(*run->m_plan);
  run->OpenRest();
  return run;
}

std::unique_ptr<Run> Run::OpenAgain() const {
  std::unique_ptr<Run> run(new Run);
  run->m_directory = m_directory;
  run->m_plan = m_plan;
  run->m_vxlanPorts = m_vxlanPorts;
  run->OpenRest();
  return run;
}

bool Run::Refresh() {
  if (IsComplete()) return false;
  std::string why;
  // A directory that was made anew has another plan: that is another run, to be opened as such.
  auto opened = OpenRunDirectory(m_directory.path, why);
  if (!opened || opened->manifest.inputDigest != m_directory.manifest.inputDigest) return false;
  const bool hasEnded = opened->manifest.complete;
  const uint64_t before = RecordCount();
  m_directory = std::move(*opened);
  if (hasEnded || !m_trace) {
    m_warnings.clear();
    OpenRest();
  } else {
    m_trace->ReadOn();
    IndexChunks();
  }
  if (RecordCount() != before) m_tables.reset();
  return hasEnded || RecordCount() != before;
}

void Run::OpenRest() {
  std::string why;
  m_cache.clear();
  const RunManifest& manifest = m_directory.manifest;
  if (!manifest.complete)
    m_warnings.push_back("The run has not ended yet, or was interrupted: what it has written so far is shown.");
  if (m_directory.Has(run_file::kMetrics)) {
    const auto text = ReadWholeFile(m_directory.File(run_file::kMetrics), kMaxMetricsBytes, why);
    if (text) m_metrics = MetricsFromJson(*text, why);
    if (!m_metrics && manifest.complete) m_warnings.push_back(fmt::format("The counters cannot be shown: {}", why));
  }
  if (m_directory.Has(run_file::kTrace)) {
    m_trace = TraceReader::Open(m_directory.File(run_file::kTrace), why);
    if (!m_trace)
      m_warnings.push_back(fmt::format("The packets cannot be shown: {}", why));
    else if (manifest.complete && !m_trace->IsComplete())
      m_warnings.push_back(
          fmt::format("The trace is damaged: its last {} bytes cannot be read.", m_trace->LostBytes()));
  } else {
    m_warnings.push_back("The run has no trace: it was made with --no-trace, or another program made it.");
  }
  IndexChunks();
}

void Run::IndexChunks() {
  m_chunkBegin.assign(1, 0);
  m_endNs = std::max<int64_t>(0, m_directory.manifest.simulated.count);
  if (m_metrics) m_endNs = std::max(m_endNs, m_metrics->simulated.count);
  if (!m_trace) return;
  for (const TraceReader::ChunkInfo& chunk : m_trace->RecordChunks()) {
    m_chunkBegin.push_back(m_chunkBegin.back() + chunk.count);
    m_endNs = std::max(m_endNs, chunk.lastNs);
  }
}

uint64_t Run::RecordCount() const { return m_chunkBegin.back(); }

Run::Chunk* Run::ReadChunk(size_t number) {
  const auto known =
      std::find_if(m_cache.begin(), m_cache.end(), [&](const Chunk& chunk) { return chunk.number == number; });
  if (known != m_cache.end()) {
    m_cache.splice(m_cache.begin(), m_cache, known);
    return &m_cache.front();
  }
  const TraceReader::ChunkInfo info = m_trace->RecordChunks()[number];
  Chunk chunk{number, {}, {}, {}};
  chunk.records.reserve(std::min<size_t>(info.count, info.payloadBytes / trace_format::kRecordBytes));
  const bool isGood = m_trace->VisitChunk(info, [&](const TraceRecord& record, const HeaderChange& change) {
    chunk.records.push_back({record,
                             change.offset,
                             {change.before.begin(), change.before.end()},
                             {change.after.begin(), change.after.end()}});
    return true;
  });
  if (!isGood) {
    m_error = m_trace->Error();
    return nullptr;
  }
  m_cache.push_front(std::move(chunk));
  if (m_cache.size() > kChunksKept) m_cache.pop_back();
  return &m_cache.front();
}

const StoredRecord* Run::RecordAt(uint64_t index) {
  if (index >= RecordCount()) {
    m_error = fmt::format("The trace has {} records, and no number {}.", RecordCount(), index + 1);
    return nullptr;
  }
  const size_t number = ChunkOf(index);
  const Chunk* chunk = ReadChunk(number);
  const size_t at = static_cast<size_t>(index - m_chunkBegin[number]);
  return chunk && at < chunk->records.size() ? &chunk->records[at] : nullptr;
}

size_t Run::ChunkOf(uint64_t index) const {
  const auto next = std::upper_bound(m_chunkBegin.begin(), m_chunkBegin.end(), index);
  return static_cast<size_t>(next - m_chunkBegin.begin()) - 1;
}

void Run::PutHeadsTogether(Chunk& chunk) {
  PacketHeads heads;
  if (chunk.number > 0)  // many packets were made shortly before
    m_trace->VisitChunk(m_trace->RecordChunks()[chunk.number - 1],
                        [&](const TraceRecord& record, const HeaderChange& change) {
                          heads.Apply(record, change);
                          heads.ForgetEnded(record);
                          return true;
                        });
  chunk.headBegin.reserve(chunk.records.size() + 1);
  for (const StoredRecord& stored : chunk.records) {
    const auto head = heads.Apply(stored.record, {stored.changeOffset, stored.before, stored.after}).after;
    chunk.headBegin.push_back(static_cast<uint32_t>(chunk.heads.size()));
    chunk.heads.insert(chunk.heads.end(), head.begin(), head.end());
    heads.ForgetEnded(stored.record);
  }
  chunk.headBegin.push_back(static_cast<uint32_t>(chunk.heads.size()));
}

std::span<const uint8_t> Run::HeadAt(uint64_t index) {
  if (!RecordAt(index)) return {};
  const size_t number = ChunkOf(index);
  Chunk& chunk = *ReadChunk(number);
  if (chunk.headBegin.empty()) PutHeadsTogether(chunk);
  const auto at = static_cast<size_t>(index - m_chunkBegin[number]);
  return std::span<const uint8_t>(chunk.heads)
      .subspan(chunk.headBegin[at], chunk.headBegin[at + 1] - chunk.headBegin[at]);
}

uint64_t Run::FirstAtOrAfter(int64_t timeNs) {
  if (!m_trace) return 0;
  const auto& chunks = m_trace->RecordChunks();
  const auto chunk = std::lower_bound(chunks.begin(), chunks.end(), timeNs,
                                      [](const TraceReader::ChunkInfo& c, int64_t time) { return c.lastNs < time; });
  if (chunk == chunks.end()) return RecordCount();
  const auto number = static_cast<size_t>(chunk - chunks.begin());
  const Chunk* read = ReadChunk(number);
  if (!read) return m_chunkBegin[number];
  const auto record =
      std::lower_bound(read->records.begin(), read->records.end(), timeNs,
                       [](const StoredRecord& stored, int64_t time) { return stored.record.timeNs < time; });
  return m_chunkBegin[number] + static_cast<uint64_t>(record - read->records.begin());
}

const TableHistory* Run::Tables() {
  if (m_tables) return &*m_tables;
  if (!m_trace) {
    m_error = "The run has no trace that could be read.";
    return nullptr;
  }
  if (!m_tablesFailed) {
    TableHistory history;
    if (m_trace->ReadTables(history)) {
      m_tables = std::move(history);
      return &*m_tables;
    }
    m_tablesFailed = true;
    m_tablesError = m_trace->Error();
  }
  m_error = m_tablesError;
  return nullptr;
}

std::string Run::PlaceName(uint32_t netns, uint32_t ifindex) {
  const Netns* ns = netns < m_plan->netns.size() ? &m_plan->netns[netns] : nullptr;
  const Device* device = ns ? ns->Find(ifindex) : nullptr;
  if (ns && ifindex == 0) return ns->name;
  if (device) return fmt::format("{}/{}", ns->name, device->name);
  const TableHistory* tables = Tables();  // a device that was made during the run
  if (tables && !tables->DeviceName(netns, ifindex).empty()) return tables->PlaceName(netns, ifindex);
  const std::string name = ns ? ns->name : fmt::format("netns{}", netns);
  return ifindex == 0 ? name : fmt::format("{}/if{}", name, ifindex);
}

std::vector<double> Run::Density(size_t buckets) const {
  std::vector<double> density(buckets, 0);
  if (!m_trace || buckets == 0) return density;
  const double width = std::max(1.0, static_cast<double>(m_endNs) / static_cast<double>(buckets));
  const auto bucketOf = [&](double time) {
    return static_cast<size_t>(std::clamp(time / width, 0.0, static_cast<double>(buckets - 1)));
  };
  for (const TraceReader::ChunkInfo& chunk : m_trace->RecordChunks()) {
    const auto first = static_cast<double>(chunk.firstNs), last = static_cast<double>(chunk.lastNs);
    const size_t from = bucketOf(first), to = bucketOf(std::max(first, last));
    if (from >= to || !(last > first)) {
      density[from] += chunk.count;
      continue;
    }
    for (size_t i = from; i <= to; ++i) {
      const double begin = std::max(first, static_cast<double>(i) * width);
      const double end = i + 1 == buckets ? last : std::min(last, static_cast<double>(i + 1) * width);
      density[i] += chunk.count * std::max(0.0, end - begin) / (last - first);
    }
  }
  return density;
}

}  // namespace overlaysim::replay
