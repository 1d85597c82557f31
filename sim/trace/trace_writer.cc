#include "sim/trace/trace_writer.h"

#include <algorithm>

#include "sim/base/check.h"
#include "sim/trace/digest.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/record_codec.h"
#include "sim/trace/trace_format.h"

namespace overlaysim {

using namespace trace_format;

TraceWriter::TraceWriter(const std::filesystem::path& path) : m_file(OutputFile::Create(path)) {
  m_payload.resize(kChunkBytes + kMaxRecordBytes);
  m_journeys.reserve(kMaxChunkRecords);
  std::vector<uint8_t> header(kMagic.begin(), kMagic.end());
  AppendLe<uint32_t>(header, kVersion);
  AppendLe<uint32_t>(header, 0);
  m_file.Write(header);
}

TraceWriter::~TraceWriter() { Finish(); }

void TraceWriter::Append(const TraceRecord& record, const HeaderChange& change) {
  OVERLAYSIM_CHECK(!m_finished, "a record at {} ns after the trace was finished", record.timeNs);
  const uint8_t* end = PutRecord(m_payload.data() + m_payloadBytes, record, change);
  m_payloadBytes = static_cast<size_t>(end - m_payload.data());
  ++m_chunkCounts[{record.netns, record.ifindex, record.verdict}];
  NoteRecords(record.timeNs, record.journey, 1);
  if (m_chunkRecords == kMaxChunkRecords || m_payloadBytes >= kChunkBytes) WriteRecords();
}

void TraceWriter::Append(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet) {
  OVERLAYSIM_CHECK(!m_finished, "records at {} ns after the trace was finished", packet.timeNs);
  if (m_chunkRecords + records->Count() >= kMaxChunkRecords || m_payloadBytes + records->Size() >= kChunkBytes) {
    std::vector<uint8_t> bytes(records->Size());  // the chunk ends among them, or with them
    records->Put(bytes.data(), packet);
    ByteCursor in(bytes);
    TraceRecord record;
    HeaderChange change;
    while (in.Left() > 0 && ReadRecord(in, record, change)) Append(record, change);
    return;
  }
  records->Put(m_payload.data() + m_payloadBytes, packet);
  m_payloadBytes += records->Size();
  if (records->timesInChunk++ == 0) m_repeated.push_back(records);
  NoteRecords(packet.timeNs, packet.journey, records->Count());
}

void TraceWriter::NoteRecords(int64_t timeNs, uint64_t journey, uint32_t count) {
  m_firstNs = m_chunkRecords == 0 ? timeNs : std::min(m_firstNs, timeNs);
  m_lastNs = m_chunkRecords == 0 ? timeNs : std::max(m_lastNs, timeNs);
  if (m_journeys.empty() || m_journeys.back() != journey) m_journeys.push_back(journey);
  m_chunkRecords += count;
  m_records += count;
}

void TraceWriter::BeginTableEntry(TableEntry type) {
  OVERLAYSIM_CHECK(!m_finished, "a table entry of type {} after the trace was finished", static_cast<int>(type));
  m_tables.push_back(static_cast<uint8_t>(type));
  ++m_tableEntries;
}

void TraceWriter::TableEntryDone() {
  if (m_tables.size() >= kChunkBytes) WriteTables();
}

uint32_t TraceWriter::Intern(std::string_view text) {
  if (text.empty()) return 0;
  text = text.substr(0, kMaxTextBytes);
  const auto [it, isNew] = m_strings.try_emplace(std::string(text), static_cast<uint32_t>(m_strings.size() + 1));
  if (isNew) {
    BeginTableEntry(TableEntry::String);
    AppendLe(m_tables, static_cast<uint32_t>(text.size()));
    m_tables.insert(m_tables.end(), text.begin(), text.end());
  }
  return it->second;
}

void TraceWriter::NameNetns(uint32_t netns, std::string_view name) {
  const uint32_t text = Intern(name);
  BeginTableEntry(TableEntry::NetnsName);
  AppendLe(m_tables, netns);
  AppendLe(m_tables, text);
  TableEntryDone();
}

void TraceWriter::NameDevice(uint32_t netns, uint32_t ifindex, std::string_view name) {
  const uint32_t text = Intern(name);
  BeginTableEntry(TableEntry::DeviceName);
  AppendLe(m_tables, netns);
  AppendLe(m_tables, ifindex);
  AppendLe(m_tables, text);
  TableEntryDone();
}

void TraceWriter::NameFlow(uint32_t flow, std::string_view name) {
  const uint32_t text = Intern(name);
  BeginTableEntry(TableEntry::FlowName);
  AppendLe(m_tables, flow);
  AppendLe(m_tables, text);
  TableEntryDone();
}

void TraceWriter::NoteTableTime(int64_t timeNs) {
  m_tablesFirstNs = m_tablesTimed ? std::min(m_tablesFirstNs, timeNs) : timeNs;
  m_tablesLastNs = m_tablesTimed ? std::max(m_tablesLastNs, timeNs) : timeNs;
  m_tablesTimed = true;
}

void TraceWriter::TableRow(const TableRowChange& change) {
  const uint32_t text = Intern(change.text);
  BeginTableEntry(TableEntry::Row);
  AppendLe(m_tables, change.timeNs);
  AppendLe(m_tables, change.netns);
  AppendLe(m_tables, change.directory);
  m_tables.push_back(static_cast<uint8_t>(change.table));
  m_tables.push_back(static_cast<uint8_t>(change.op));
  AppendLe(m_tables, change.row);
  AppendLe(m_tables, change.version);
  AppendLe(m_tables, text);
  NoteTableTime(change.timeNs);
  TableEntryDone();
}

void TraceWriter::ViewDirectory(int64_t timeNs, uint32_t netns, uint32_t directory, uint32_t version) {
  OVERLAYSIM_CHECK(directory != 0, "namespace {} is shown directory 0, which means none", netns);
  BeginTableEntry(TableEntry::View);
  AppendLe(m_tables, timeNs);
  AppendLe(m_tables, netns);
  AppendLe(m_tables, directory);
  AppendLe(m_tables, version);
  NoteTableTime(timeNs);
  TableEntryDone();
}

void TraceWriter::WriteTables() {
  if (m_tableEntries == 0) return;
  std::vector<uint8_t> footer;
  AppendLe(footer, m_tablesFirstNs);
  AppendLe(footer, m_tablesLastNs);
  ChunkInfo chunk;
  chunk.kind = ChunkKind::Tables;
  chunk.count = m_tableEntries;
  chunk.firstNs = m_tablesFirstNs;
  chunk.lastNs = m_tablesLastNs;
  WriteChunk(chunk, m_tables, footer);
  m_tables.clear();
  m_tableEntries = 0;
  m_tablesFirstNs = m_tablesLastNs = 0;
  m_tablesTimed = false;
}

void TraceWriter::WriteRecords() {
  WriteTables();
  if (m_chunkRecords == 0) return;
  std::sort(m_journeys.begin(), m_journeys.end());
  m_journeys.erase(std::unique(m_journeys.begin(), m_journeys.end()), m_journeys.end());
  for (const auto& records : m_repeated) {
    for (const auto& [key, count] : records->Verdicts()) m_chunkCounts[key] += uint64_t{count} * records->timesInChunk;
    records->timesInChunk = 0;
  }
  m_repeated.clear();
  std::vector<std::pair<DeviceVerdict, uint64_t>> counts = m_chunkCounts.Items();
  std::sort(counts.begin(), counts.end());

  std::vector<uint8_t> footer;
  footer.reserve(kTimeRangeBytes + 8 + counts.size() * kFooterCountBytes + m_journeys.size() * 2);
  AppendLe(footer, m_firstNs);
  AppendLe(footer, m_lastNs);
  AppendLe(footer, static_cast<uint32_t>(counts.size()));
  AppendLe(footer, static_cast<uint32_t>(m_journeys.size()));
  for (const auto& [key, count] : counts) {
    AppendLe(footer, key.netns);
    AppendLe(footer, key.ifindex);
    AppendLe(footer, static_cast<uint32_t>(key.verdict));
    AppendLe(footer, static_cast<uint32_t>(count));
    m_totals[key] += count;
  }
  uint64_t last = 0;
  for (const uint64_t journey : m_journeys) {
    AppendVarint(footer, journey - last);
    last = journey;
  }
  ChunkInfo chunk;
  chunk.count = m_chunkRecords;
  chunk.firstNs = m_firstNs;
  chunk.lastNs = m_lastNs;
  chunk.firstJourney = m_journeys.front();
  chunk.lastJourney = m_journeys.back();
  WriteChunk(chunk, std::span(m_payload).first(m_payloadBytes), footer);
  m_payloadBytes = 0;
  m_chunkRecords = 0;
  m_journeys.clear();
  m_chunkCounts.Clear();
}

void TraceWriter::WriteChunk(ChunkInfo chunk, std::span<const uint8_t> payload, std::span<const uint8_t> footer) {
  chunk.offset = m_file.Size();
  chunk.payloadBytes = static_cast<uint32_t>(payload.size());
  chunk.footerBytes = static_cast<uint32_t>(footer.size());
  std::vector<uint8_t> header;
  header.reserve(kChunkHeaderBytes);
  AppendLe(header, kChunkMagic);
  AppendLe(header, static_cast<uint32_t>(chunk.kind));
  AppendLe(header, chunk.count);
  AppendLe(header, chunk.payloadBytes);
  AppendLe(header, chunk.footerBytes);
  AppendLe(header, Crc32(payload));
  AppendLe(header, Crc32(footer));
  AppendLe(header, Crc32(header));
  m_file.Write(header);
  m_file.Write(payload);
  m_file.Write(footer);
  m_chunks.push_back(chunk);
}

void TraceWriter::Flush() { WriteRecords(); }

TraceCounts TraceWriter::Totals() const {
  TraceCounts totals = m_totals;
  for (const auto& [key, count] : m_chunkCounts.Items()) totals[key] += count;
  for (const auto& records : m_repeated)
    for (const auto& [key, count] : records->Verdicts()) totals[key] += uint64_t{count} * records->timesInChunk;
  return totals;
}

void TraceWriter::Finish() {
  if (m_finished) return;
  Flush();
  m_finished = true;
  const uint64_t offset = m_file.Size();
  std::vector<uint8_t> directory;
  directory.reserve(m_chunks.size() * kDirectoryChunkBytes + m_totals.size() * kDirectoryCountBytes);
  for (const ChunkInfo& chunk : m_chunks) {
    AppendLe(directory, chunk.offset);
    AppendLe(directory, static_cast<uint32_t>(chunk.kind));
    AppendLe(directory, chunk.count);
    AppendLe(directory, chunk.payloadBytes);
    AppendLe(directory, chunk.footerBytes);
    AppendLe(directory, chunk.firstNs);
    AppendLe(directory, chunk.lastNs);
    AppendLe(directory, chunk.firstJourney);
    AppendLe(directory, chunk.lastJourney);
  }
  for (const auto& [key, count] : m_totals) {
    AppendLe(directory, key.netns);
    AppendLe(directory, key.ifindex);
    AppendLe(directory, static_cast<uint32_t>(key.verdict));
    AppendLe(directory, count);
  }
  ChunkInfo chunk;
  chunk.kind = ChunkKind::Directory;
  chunk.count = static_cast<uint32_t>(m_chunks.size());
  WriteChunk(chunk, directory, {});
  std::vector<uint8_t> trailer;
  AppendLe(trailer, offset);
  trailer.insert(trailer.end(), kEndMagic.begin(), kEndMagic.end());
  m_file.Write(trailer);
  m_file.Close();
}

}  // namespace overlaysim
