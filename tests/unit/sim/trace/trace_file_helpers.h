#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "sim/trace/trace_reader.h"
#include "sim/trace/trace_writer.h"
#include "support/temporary_directory.h"

namespace overlaysim {

/// A record and its header bytes, kept beyond the visit.
struct KeptRecord {
  TraceRecord record;
  uint16_t offset = 0;
  std::vector<uint8_t> before, after;
  bool operator==(const KeptRecord&) const = default;
};

inline TraceReader::Visitor KeepIn(std::vector<KeptRecord>& kept) {
  return [&kept](const TraceRecord& record, const HeaderChange& change) {
    kept.push_back({record,
                    change.offset,
                    {change.before.begin(), change.before.end()},
                    {change.after.begin(), change.after.end()}});
    return true;
  };
}

inline std::vector<uint8_t> BytesOf(const std::filesystem::path& path) {
  std::string error;
  const auto text = ReadWholeFile(path, uint64_t{1} << 30, error);
  return text ? std::vector<uint8_t>(text->begin(), text->end()) : std::vector<uint8_t>();
}

/// Three records of two journeys, the second with a cause, a deciding row and changed headers, in two chunks.
inline std::vector<KeptRecord> WriteSmallTrace(const std::filesystem::path& path, bool finish = true) {
  std::vector<KeptRecord> records(3);
  records[0].record = {.timeNs = 1000, .journey = 1, .flow = 0, .netns = 3, .ifindex = 2, .sizeBytes = 98};
  records[1].record = {.timeNs = 2500,
                       .journey = 2,
                       .cause = 1,
                       .packet = 1,
                       .netns = 0,
                       .ifindex = 5,
                       .sizeBytes = 148,
                       .row = 7,
                       .tableVersion = 12,
                       .stage = Stage::Encapsulate,
                       .table = kernel::Table::VxlanFdb};
  records[1].offset = 14;
  records[1].before = {1, 2};
  records[1].after = {3, 4, 5};
  records[2].record = {.timeNs = 3000,
                       .journey = 1,
                       .netns = 3,
                       .ifindex = 2,
                       .sizeBytes = 98,
                       .stage = Stage::Forward,
                       .verdict = Verdict::TtlExpired};
  {
    TraceWriter writer(path);
    writer.NameNetns(3, "pod-a");
    writer.NameDevice(3, 2, "eth0");
    writer.TableRow({.timeNs = 0,
                     .netns = 0,
                     .table = kernel::Table::VxlanFdb,
                     .row = 7,
                     .version = 12,
                     .text = "02:00:00:00:04:02 dst 172.16.2.12 self permanent"});
    for (size_t i = 0; i < records.size(); ++i) {
      writer.Append(records[i].record, {records[i].offset, records[i].before, records[i].after});
      if (i == 1) writer.Flush();
    }
    writer.Finish();
  }
  if (!finish) {  // as a kill leaves it: without directory and trailer
    std::string error;
    const auto reader = TraceReader::Open(path, error);
    std::filesystem::resize_file(path, reader->RecordChunks().back().End());
  }
  return records;
}

}  // namespace overlaysim
