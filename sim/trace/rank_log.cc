#include "sim/trace/rank_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "sim/trace/little_endian.h"
#include "sim/trace/record_codec.h"

namespace overlaysim {

enum class RankLog::Item : uint8_t { Record = 1, Netns, Device, Row, Packet };

namespace {

constexpr size_t kBufferBytes = 1 << 20;
constexpr size_t kLengthBytes = 4;
constexpr uint32_t kMostItemBytes = 1 << 24;

}  // namespace

RankLog::RankLog(const std::filesystem::path& path, std::function<RankOrder()> now)
    : m_file(OutputFile::Create(path)), m_now(std::move(now)) {}

void RankLog::Begin(Item item) {
  const RankOrder order = m_now();
  m_begin = m_buffer.size();
  AppendLe<uint32_t>(m_buffer, 0);  // its length, once it is known
  AppendLe(m_buffer, order.timeNs);
  AppendLe(m_buffer, order.place);
  AppendLe(m_buffer, order.sequence);
  AppendLe(m_buffer, order.part);
  m_buffer.push_back(static_cast<uint8_t>(item));
}

void RankLog::End() {
  PutLe(&m_buffer[m_begin], static_cast<uint32_t>(m_buffer.size() - m_begin - kLengthBytes));
  if (m_buffer.size() < kBufferBytes) return;
  m_file.Write(m_buffer);
  m_buffer.clear();
}

void RankLog::PutText(std::string_view text) {
  AppendLe(m_buffer, static_cast<uint32_t>(text.size()));
  m_buffer.insert(m_buffer.end(), text.begin(), text.end());
}

void RankLog::Append(const TraceRecord& record, const HeaderChange& change) {
  Begin(Item::Record);
  const size_t at = m_buffer.size();
  m_buffer.resize(at + trace_format::kMaxRecordBytes);
  const uint8_t* end = PutRecord(&m_buffer[at], record, change);
  m_buffer.resize(static_cast<size_t>(end - m_buffer.data()));
  End();
}

void RankLog::NameNetns(Nanoseconds, uint32_t netns, std::string_view name) {
  Begin(Item::Netns);
  AppendLe(m_buffer, netns);
  PutText(name);
  End();
}

void RankLog::NameDevice(Nanoseconds, uint32_t netns, uint32_t ifindex, std::string_view name) {
  Begin(Item::Device);
  AppendLe(m_buffer, netns);
  AppendLe(m_buffer, ifindex);
  PutText(name);
  End();
}

void RankLog::TableRow(Nanoseconds, const TableRowChange& change) {
  Begin(Item::Row);
  AppendLe(m_buffer, change.timeNs);
  AppendLe(m_buffer, change.netns);
  AppendLe(m_buffer, change.directory);
  m_buffer.push_back(static_cast<uint8_t>(change.table));
  m_buffer.push_back(static_cast<uint8_t>(change.op));
  AppendLe(m_buffer, change.row);
  AppendLe(m_buffer, change.version);
  PutText(change.text);
  End();
}

void RankLog::NewPacket(uint64_t journey, uint32_t number) {
  Begin(Item::Packet);
  AppendLe(m_buffer, journey);
  AppendLe(m_buffer, number);
  End();
}

std::string RankLog::Finish() {
  m_file.Write(m_buffer);
  m_buffer.clear();
  m_file.Close();
  return m_file.Error();
}

/// Reads a log item by item.
class RankLogReader {
 public:
  explicit RankLogReader(const std::filesystem::path& path) : m_path(path), m_file(path, std::ios::binary) {}

  bool Next() {  ///< false: there is none, or see Error()
    uint8_t length[kLengthBytes];
    if (!m_file.read(reinterpret_cast<char*>(length), kLengthBytes)) {
      if (m_file.gcount() != 0 || !m_file.eof()) return Fail();
      return false;
    }
    const auto bytes = GetLe<uint32_t>(length);
    if (bytes > kMostItemBytes) return Fail();
    m_item.resize(bytes);
    if (!m_file.read(reinterpret_cast<char*>(m_item.data()), bytes)) return Fail();
    ByteCursor in(m_item);
    order.timeNs = in.Get<int64_t>();
    order.place = in.Get<uint64_t>();
    order.sequence = in.Get<uint64_t>();
    order.part = in.Get<uint64_t>();
    return in.Ok() || Fail();
  }

  using Packets = std::map<std::pair<uint64_t, uint32_t>, uint32_t>;
  /// `numbers` is what the ranks' numbers of packets stand for, `last` the highest of each journey.
  bool Tell(TraceSink& sink, Packets& numbers, std::map<uint64_t, uint32_t>& last) {
    ByteCursor in(m_item);
    in.Bytes(sizeof(RankOrder));
    const Nanoseconds now{order.timeNs};
    switch (static_cast<RankLog::Item>(in.Get<uint8_t>())) {
      case RankLog::Item::Record: {
        TraceRecord record;
        HeaderChange change;
        if (!ReadRecord(in, record, change)) return Fail();
        if (record.packet != 0) {
          const auto number = numbers.find({record.journey, record.packet});
          if (number == numbers.end()) return Fail();
          record.packet = number->second;
        }
        sink.Append(record, change);
        break;
      }
      case RankLog::Item::Netns: {
        const auto netns = in.Get<uint32_t>();
        sink.NameNetns(now, netns, in.Text(in.Get<uint32_t>()));
        break;
      }
      case RankLog::Item::Device: {
        const auto netns = in.Get<uint32_t>(), ifindex = in.Get<uint32_t>();
        sink.NameDevice(now, netns, ifindex, in.Text(in.Get<uint32_t>()));
        break;
      }
      case RankLog::Item::Row: {
        TableRowChange change;
        change.timeNs = in.Get<int64_t>();
        change.netns = in.Get<uint32_t>();
        change.directory = in.Get<uint32_t>();
        change.table = static_cast<kernel::Table>(in.Get<uint8_t>());
        change.op = static_cast<kernel::TableChange::Op>(in.Get<uint8_t>());
        change.row = in.Get<uint32_t>();
        change.version = in.Get<uint32_t>();
        change.text = in.Text(in.Get<uint32_t>());
        sink.TableRow(now, change);
        break;
      }
      case RankLog::Item::Packet: {
        const auto journey = in.Get<uint64_t>();
        numbers[{journey, in.Get<uint32_t>()}] = ++last[journey];
        break;
      }
      default:
        return Fail();
    }
    return in.Ok() || Fail();
  }

  const std::string& Error() const { return m_error; }
  RankOrder order;

 private:
  bool Fail() {
    m_error = fmt::format("{} is damaged", m_path.string());
    return false;
  }
  std::filesystem::path m_path;
  std::ifstream m_file;
  std::vector<uint8_t> m_item;
  std::string m_error;
};

std::string MergeRankLogs(const std::vector<std::filesystem::path>& logs, TraceSink& sink) {
  std::vector<std::unique_ptr<RankLogReader>> readers;
  for (const std::filesystem::path& log : logs) {
    auto reader = std::make_unique<RankLogReader>(log);
    if (reader->Next())
      readers.push_back(std::move(reader));
    else if (!reader->Error().empty())
      return reader->Error();
  }
  RankLogReader::Packets numbers;
  std::map<uint64_t, uint32_t> last;
  while (!readers.empty()) {
    // As in MergeCaptures(): the order within a log is that in which things have happened, and stays.
    const auto first = std::min_element(readers.begin(), readers.end(),
                                        [](const auto& a, const auto& b) { return a->order < b->order; });
    if (!(*first)->Tell(sink, numbers, last)) return (*first)->Error();
    if ((*first)->Next()) continue;
    if (!(*first)->Error().empty()) return (*first)->Error();
    readers.erase(first);
  }
  return {};
}

}  // namespace overlaysim
