#include "sim/trace/capture_merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include "sim/trace/little_endian.h"
#include "sim/trace/pcap_format.h"

namespace overlaysim {
namespace {

constexpr size_t kOrderBytes = 32;
constexpr size_t kBufferBytes = 1 << 20;
constexpr uint32_t kMostBlockBytes = 1 << 24;

/// Reads a part block by block.
class PartReader {
 public:
  explicit PartReader(const CapturePart& part)
      : m_path(part.packets), m_packets(part.packets, std::ios::binary), m_order(part.order, std::ios::binary) {}

  /// The next block is `block`; false: there is none, or see Error().
  bool Next() {
    block.resize(8);
    if (!m_packets.read(reinterpret_cast<char*>(block.data()), 8)) {
      if (m_packets.gcount() != 0 || !m_packets.eof()) return Fail("is cut short");
      return false;
    }
    const auto bytes = GetLe<uint32_t>(&block[4]);
    if (bytes < 12 || bytes > kMostBlockBytes || bytes % 4 != 0) return Fail("is damaged");
    block.resize(bytes);
    if (!m_packets.read(reinterpret_cast<char*>(&block[8]), bytes - 8)) return Fail("is cut short");
    if (!IsFrame()) return true;
    std::array<uint8_t, kOrderBytes> raw;
    if (!m_order.read(reinterpret_cast<char*>(raw.data()), raw.size())) return Fail("has frames without an order");
    order = {GetLe<int64_t>(&raw[0]), GetLe<uint64_t>(&raw[8]), GetLe<uint64_t>(&raw[16]), GetLe<uint64_t>(&raw[24])};
    return true;
  }
  bool IsFrame() const { return GetLe<uint32_t>(block.data()) == pcap_format::kEnhancedPacket; }
  const std::string& Error() const { return m_error; }

  std::vector<uint8_t> block;
  RankOrder order;  ///< of a frame

 private:
  bool Fail(const char* why) {
    m_error = fmt::format("{} {}", m_path.string(), why);
    return false;
  }
  std::filesystem::path m_path;
  std::ifstream m_packets, m_order;
  std::string m_error;
};

}  // namespace

void CaptureOrderWriter::Write(const RankOrder& order) {
  AppendLe(m_buffer, order.timeNs);
  AppendLe(m_buffer, order.place);
  AppendLe(m_buffer, order.sequence);
  AppendLe(m_buffer, order.part);
  if (m_buffer.size() >= kBufferBytes) Flush();
}

void CaptureOrderWriter::Flush() {
  m_file.Write(m_buffer);
  m_buffer.clear();
}

std::string MergeCaptures(const std::vector<CapturePart>& parts, const std::filesystem::path& to) {
  OutputFile out = OutputFile::Create(to);
  std::vector<uint8_t> buffer;
  std::vector<std::unique_ptr<PartReader>> readers;
  auto copy = [&](const std::vector<uint8_t>& block) {
    buffer.insert(buffer.end(), block.begin(), block.end());
    if (buffer.size() < kBufferBytes) return;
    out.Write(buffer);
    buffer.clear();
  };
  for (const CapturePart& part : parts) {
    // Those with a frame in sight; what precedes a part's first frame is the same in all.
    auto reader = std::make_unique<PartReader>(part);
    bool hasMore = reader->Next();
    for (; hasMore && !reader->IsFrame(); hasMore = reader->Next())
      if (&part == &parts.front()) copy(reader->block);
    if (!reader->Error().empty()) return reader->Error();
    if (hasMore) readers.push_back(std::move(reader));
  }
  while (!readers.empty()) {
    // The order within a part is that in which things have happened, and stays: what an event makes for its own instant
    // comes after it, wherever it stands among others.
    const auto first = std::min_element(readers.begin(), readers.end(),
                                        [](const auto& a, const auto& b) { return a->order < b->order; });
    copy((*first)->block);
    if ((*first)->Next()) continue;
    if (!(*first)->Error().empty()) return (*first)->Error();
    readers.erase(first);
  }
  out.Write(buffer);
  out.Close();
  return out.Error();
}

}  // namespace overlaysim
