#include "sim/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace/digest.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/record_codec.h"

namespace overlaysim {

using namespace trace_format;

namespace {

constexpr auto kLastOp = kernel::TableChange::Op::Delete;

bool ReadCounts(ByteCursor& in, uint64_t count, bool isWide, TraceCounts& counts) {
  if (count > in.Left() / (isWide ? kDirectoryCountBytes : kFooterCountBytes)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    DeviceVerdict key;
    key.netns = in.Get<uint32_t>();
    key.ifindex = in.Get<uint32_t>();
    const auto verdict = in.Get<uint32_t>();
    if (verdict >= static_cast<uint32_t>(Verdict::Count)) return false;
    key.verdict = static_cast<Verdict>(verdict);
    counts[key] += isWide ? in.Get<uint64_t>() : in.Get<uint32_t>();
  }
  return in.Ok();
}

bool ReadFooter(const ChunkInfo& chunk, std::span<const uint8_t> footer, TraceReader::Summary& summary) {
  ByteCursor in(footer);
  in.Bytes(kTimeRangeBytes);
  const auto counts = in.Get<uint32_t>();
  const auto journeys = in.Get<uint32_t>();
  if (!in.Ok() || journeys > chunk.count || !ReadCounts(in, counts, false, summary.counts)) return false;
  if (journeys > in.Left()) return false;  // each takes a byte at least
  summary.journeys.reserve(journeys);
  uint64_t journey = 0;
  for (uint32_t i = 0; i < journeys; ++i) summary.journeys.push_back(journey += in.Varint());
  return in.Ok() && in.Left() == 0 && std::is_sorted(summary.journeys.begin(), summary.journeys.end());
}

}  // namespace

TraceReader::TraceReader(std::unique_ptr<ByteSource> source, std::string name)
    : m_source(std::move(source)), m_name(std::move(name)) {}

std::optional<TraceReader> TraceReader::Open(const std::filesystem::path& path, std::string& error) {
  auto source = OpenFileSource(path, error);
  if (!source) return std::nullopt;
  return Open(std::move(source), path.string(), error);
}

std::optional<TraceReader> TraceReader::Open(std::unique_ptr<ByteSource> source, std::string name, std::string& error) {
  TraceReader reader(std::move(source), std::move(name));
  if (!reader.ReadHeader()) {
    error = reader.m_error;
    return std::nullopt;
  }
  reader.m_hasDirectory = reader.ReadDirectory();
  if (!reader.m_hasDirectory) reader.Scan();
  return reader;
}

bool TraceReader::Fail(uint64_t offset, std::string_view what) {
  m_error = fmt::format("{}: at byte {}: {}", m_name, offset, what);
  return false;
}

bool TraceReader::ReadHeader() {
  uint8_t header[kFileHeaderBytes];
  if (m_source->Size() < sizeof(header)) {
    m_error = fmt::format("{}: is cut off within its first {} bytes, or is no trace", m_name, sizeof(header));
    return false;
  }
  if (!m_source->ReadAt(0, header)) return Fail(0, "cannot be read");
  if (!std::equal(kMagic.begin(), kMagic.end(), header)) return Fail(0, "is no trace of overlaysim");
  const auto version = GetLe<uint32_t>(header + kMagic.size());
  if (version == 0 || version > kVersion)
    return Fail(kMagic.size(), fmt::format("has format version {}; this program reads up to {}", version, kVersion));
  return true;
}

bool TraceReader::ReadChunkHeader(uint64_t offset, ChunkInfo& chunk, uint32_t& payloadCrc, uint32_t& footerCrc) const {
  uint8_t header[kChunkHeaderBytes];
  if (!m_source->ReadAt(offset, header)) return false;
  ByteCursor in(header);
  const auto magic = in.Get<uint32_t>();
  const auto kind = in.Get<uint32_t>();
  chunk = {};
  chunk.offset = offset;
  chunk.kind = static_cast<ChunkKind>(kind);
  chunk.count = in.Get<uint32_t>();
  chunk.payloadBytes = in.Get<uint32_t>();
  chunk.footerBytes = in.Get<uint32_t>();
  payloadCrc = in.Get<uint32_t>();
  footerCrc = in.Get<uint32_t>();
  const auto headerCrc = in.Get<uint32_t>();
  return magic == kChunkMagic && kind >= 1 && kind <= 3 && headerCrc == Crc32(std::span(header).first<28>()) &&
         chunk.End() <= m_source->Size();
}

bool TraceReader::ReadPart(const ChunkInfo& chunk, bool footer, std::vector<uint8_t>& bytes) {
  ChunkInfo found;
  uint32_t payloadCrc = 0, footerCrc = 0;
  if (!ReadChunkHeader(chunk.offset, found, payloadCrc, footerCrc)) return Fail(chunk.offset, "no chunk stands here");
  const size_t size = footer ? found.footerBytes : found.payloadBytes;
  if (size > kMaxChunkBytes && found.kind != ChunkKind::Directory)
    return Fail(chunk.offset, fmt::format("a chunk of {} bytes; more than {} are not read", size, kMaxChunkBytes));
  const uint64_t at = chunk.offset + kChunkHeaderBytes + (footer ? found.payloadBytes : 0);
  bytes.resize(size);
  if (!m_source->ReadAt(at, bytes)) return Fail(at, "cannot be read");
  if (Crc32(bytes) != (footer ? footerCrc : payloadCrc)) return Fail(at, "the checksum does not match: damaged");
  return true;
}

bool TraceReader::ReadDirectory() {
  const uint64_t size = m_source->Size();
  if (size < kFileHeaderBytes + kChunkHeaderBytes + kTrailerBytes) return false;
  uint8_t trailer[kTrailerBytes];
  if (!m_source->ReadAt(size - kTrailerBytes, trailer) || !std::equal(kEndMagic.begin(), kEndMagic.end(), trailer + 8))
    return false;
  ChunkInfo directory;
  directory.offset = GetLe<uint64_t>(trailer);
  if (directory.offset < kFileHeaderBytes || directory.offset >= size) return false;
  uint32_t payloadCrc = 0, footerCrc = 0;
  std::vector<uint8_t> bytes;
  if (!ReadChunkHeader(directory.offset, directory, payloadCrc, footerCrc) || directory.kind != ChunkKind::Directory ||
      !ReadPart(directory, false, bytes)) {
    m_error.clear();
    return false;
  }
  ByteCursor in(bytes);
  if (directory.count > in.Left() / kDirectoryChunkBytes) return false;
  std::vector<ChunkInfo> records, tables;
  TraceCounts totals;
  uint64_t count = 0;
  uint64_t end = kFileHeaderBytes;
  for (uint32_t i = 0; i < directory.count; ++i) {
    ChunkInfo chunk;
    chunk.offset = in.Get<uint64_t>();
    chunk.kind = static_cast<ChunkKind>(in.Get<uint32_t>());
    chunk.count = in.Get<uint32_t>();
    chunk.payloadBytes = in.Get<uint32_t>();
    chunk.footerBytes = in.Get<uint32_t>();
    chunk.firstNs = in.Get<int64_t>();
    chunk.lastNs = in.Get<int64_t>();
    chunk.firstJourney = in.Get<uint64_t>();
    chunk.lastJourney = in.Get<uint64_t>();
    if (chunk.offset != end || chunk.End() > directory.offset) return false;
    end = chunk.End();
    if (chunk.kind == ChunkKind::Records) {
      count += chunk.count;
      records.push_back(chunk);
    } else if (chunk.kind == ChunkKind::Tables) {
      tables.push_back(chunk);
    } else {
      return false;
    }
  }
  if (end != directory.offset || in.Left() % kDirectoryCountBytes != 0 ||
      !ReadCounts(in, in.Left() / kDirectoryCountBytes, true, totals))
    return false;
  m_recordChunks = std::move(records);
  m_tableChunks = std::move(tables);
  m_totals = std::move(totals);
  m_records = count;
  return true;
}

bool TraceReader::ReadOn() {
  if (m_hasDirectory) return false;
  const size_t before = m_recordChunks.size() + m_tableChunks.size();
  m_source->Refresh();
  Scan();
  return m_recordChunks.size() + m_tableChunks.size() != before;
}

void TraceReader::Scan() {
  uint64_t offset = std::max<uint64_t>(m_scanned, kFileHeaderBytes);
  while (offset < m_source->Size()) {
    ChunkInfo chunk;
    uint32_t payloadCrc = 0, footerCrc = 0;
    std::vector<uint8_t> footer;
    if (!ReadChunkHeader(offset, chunk, payloadCrc, footerCrc) || chunk.kind == ChunkKind::Directory ||
        !ReadPart(chunk, true, footer))
      break;
    ByteCursor in(footer);
    chunk.firstNs = in.Get<int64_t>();
    chunk.lastNs = in.Get<int64_t>();
    if (!in.Ok()) break;
    if (chunk.kind == ChunkKind::Records) {
      Summary summary;
      if (!ReadFooter(chunk, footer, summary)) break;
      if (!summary.journeys.empty()) {
        chunk.firstJourney = summary.journeys.front();
        chunk.lastJourney = summary.journeys.back();
      }
      for (const auto& [key, count] : summary.counts) m_totals[key] += count;
      m_records += chunk.count;
      m_recordChunks.push_back(chunk);
    } else {
      m_tableChunks.push_back(chunk);
    }
    offset = chunk.End();
  }
  m_error.clear();
  m_scanned = offset;
  m_lostBytes = m_source->Size() - offset;
}

bool TraceReader::ReadSummary(const ChunkInfo& chunk, Summary& summary) {
  summary = {};
  std::vector<uint8_t> footer;
  if (!ReadPart(chunk, true, footer)) return false;
  return ReadFooter(chunk, footer, summary) || Fail(chunk.offset, "the chunk's footer is malformed");
}

std::optional<bool> TraceReader::HasJourney(const ChunkInfo& chunk, uint64_t journey) {
  if (journey < chunk.firstJourney || journey > chunk.lastJourney) return false;
  std::vector<uint8_t> footer;
  if (!ReadPart(chunk, true, footer)) return std::nullopt;
  ByteCursor in(footer);
  in.Bytes(kTimeRangeBytes);
  const uint64_t counts = in.Get<uint32_t>();
  const auto journeys = in.Get<uint32_t>();
  in.Bytes(counts * kFooterCountBytes);
  uint64_t listed = 0;
  for (uint32_t i = 0; i < journeys && in.Ok() && listed < journey; ++i) listed += in.Varint();
  if (in.Ok()) return journeys > 0 && listed == journey;
  Fail(chunk.offset, "the chunk's footer is malformed");
  return std::nullopt;
}

TraceReader::Outcome TraceReader::Visit(const ChunkInfo& chunk, const Visitor& visitor) {
  std::vector<uint8_t> payload;
  if (!ReadPart(chunk, false, payload)) return Outcome::Failed;
  ByteCursor in(payload);
  TraceRecord record;
  HeaderChange change;
  for (uint32_t i = 0; i < chunk.count; ++i) {
    const uint64_t at = chunk.offset + kChunkHeaderBytes + (payload.size() - in.Left());
    if (!ReadRecord(in, record, change)) {
      Fail(at, fmt::format("record {} of the chunk is malformed", i));
      return Outcome::Failed;
    }
    if (!visitor(record, change)) return Outcome::Stopped;
  }
  if (in.Left() == 0) return Outcome::Done;
  Fail(chunk.End() - chunk.footerBytes - in.Left(), "bytes behind the chunk's last record");
  return Outcome::Failed;
}

bool TraceReader::VisitChunk(const ChunkInfo& chunk, const Visitor& visitor) {
  return Visit(chunk, visitor) != Outcome::Failed;
}

bool TraceReader::VisitAll(const Visitor& visitor) {
  for (const ChunkInfo& chunk : m_recordChunks) {
    const Outcome outcome = Visit(chunk, visitor);
    if (outcome != Outcome::Done) return outcome == Outcome::Stopped;
  }
  return true;
}

bool TraceReader::VisitJourney(uint64_t journey, const Visitor& visitor) {
  const auto filter = [&](const TraceRecord& record, const HeaderChange& change) {
    return record.journey != journey || visitor(record, change);
  };
  for (const ChunkInfo& chunk : m_recordChunks) {
    const auto has = HasJourney(chunk, journey);
    if (!has) return false;
    if (!*has) continue;
    const Outcome outcome = Visit(chunk, filter);
    if (outcome != Outcome::Done) return outcome == Outcome::Stopped;
  }
  return true;
}

bool TraceReader::ReadTables(TableHistory& history) {
  history = {};
  for (const ChunkInfo& chunk : m_tableChunks)
    if (!ReadTableEntries(chunk, history)) return false;
  return true;
}

bool TraceReader::ReadTableEntries(const ChunkInfo& chunk, TableHistory& history) {
  std::vector<uint8_t> payload;
  if (!ReadPart(chunk, false, payload)) return false;
  ByteCursor in(payload);
  // Strings stand before what names them.
  const auto text = [&] {
    const auto id = in.Get<uint32_t>();
    return id <= history.m_texts.size() ? std::optional(id) : std::nullopt;
  };
  for (uint32_t i = 0; i < chunk.count; ++i) {
    const uint64_t at = chunk.offset + kChunkHeaderBytes + (payload.size() - in.Left());
    bool isGood = true;
    switch (static_cast<TableEntry>(in.Get<uint8_t>())) {
      case TableEntry::String: {
        const auto size = in.Get<uint32_t>();
        history.m_texts.emplace_back(in.Text(size));
        break;
      }
      case TableEntry::NetnsName: {
        const auto netns = in.Get<uint32_t>();
        const auto name = text();
        isGood = name.has_value();
        if (isGood) history.m_netnsNames[netns] = *name;
        break;
      }
      case TableEntry::DeviceName: {
        const uint64_t netns = in.Get<uint32_t>();
        const auto ifindex = in.Get<uint32_t>();
        const auto name = text();
        isGood = name.has_value();
        if (isGood) history.m_deviceNames[netns << 32 | ifindex] = *name;
        break;
      }
      case TableEntry::FlowName: {
        const auto flow = in.Get<uint32_t>();
        const auto name = text();
        isGood = name.has_value();
        if (isGood) history.m_flowNames[flow] = *name;
        break;
      }
      case TableEntry::Row: {
        TableHistory::Version version{};
        version.timeNs = in.Get<int64_t>();
        version.hiddenFrom = in.Get<uint32_t>();
        const auto directory = in.Get<uint32_t>();
        version.table = static_cast<kernel::Table>(in.Get<uint8_t>());
        version.op = static_cast<kernel::TableChange::Op>(in.Get<uint8_t>());
        const auto row = in.Get<uint32_t>();
        version.version = in.Get<uint32_t>();
        const auto line = text();
        isGood = line.has_value() && version.table <= kLastTable && version.op <= kLastOp;
        if (!isGood || !in.Ok()) break;
        version.text = *line;
        auto& rows = directory == 0 ? history.m_rows[version.hiddenFrom] : history.m_directories[directory];
        rows[row].push_back(version);
        ++history.m_changes;
        break;
      }
      case TableEntry::View: {
        TableHistory::View view{};
        view.timeNs = in.Get<int64_t>();
        const auto netns = in.Get<uint32_t>();
        view.directory = in.Get<uint32_t>();
        view.version = in.Get<uint32_t>();
        if (in.Ok()) history.m_views[netns].push_back(view);
        break;
      }
      default:
        isGood = false;
    }
    if (!isGood || !in.Ok()) return Fail(at, fmt::format("table entry {} of the chunk is malformed", i));
  }
  return in.Left() == 0 || Fail(chunk.End() - chunk.footerBytes - in.Left(), "bytes behind the chunk's last entry");
}

}  // namespace overlaysim
