#include "gui/replay/capture_index.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace/little_endian.h"
#include "sim/trace/pcap_format.h"

namespace overlaysim::replay {

using namespace pcap_format;

namespace {

constexpr uint32_t kMaxBlockBytes = 1 << 20;
constexpr size_t kMaxSections = 1000, kMaxInterfaces = 1 << 20;

uint32_t Word(const uint8_t* at, bool isSwapped) {
  const auto value = GetLe<uint32_t>(at);
  return isSwapped ? __builtin_bswap32(value) : value;
}
uint16_t HalfWord(const uint8_t* at, bool isSwapped) {
  const auto value = GetLe<uint16_t>(at);
  return isSwapped ? __builtin_bswap16(value) : value;
}

std::string TextOf(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

/// The options from `at` to the end of a block without its trailing length.
template <typename Visitor>
void VisitOptions(std::span<const uint8_t> block, size_t at, bool isSwapped, Visitor&& visitor) {
  while (at + 4 <= block.size()) {
    const uint16_t code = HalfWord(block.data() + at, isSwapped), length = HalfWord(block.data() + at + 2, isSwapped);
    at += 4;
    if (code == kOptEnd || length > block.size() - at) return;
    visitor(code, block.subspan(at, length));
    at += PadTo4(length);
  }
}

/// Units of 10^-n or 2^-n seconds.
Nanoseconds TimeOf(uint64_t units, uint8_t resolution) {
  __extension__ using Wide = unsigned __int128;
  const unsigned exponent = resolution & 0x7f;
  if (resolution & 0x80) return {exponent > 63 ? 0 : static_cast<int64_t>(static_cast<Wide>(units) * 1000000000 >> exponent)};
  for (unsigned i = exponent; i < 9; ++i) units *= 10;
  for (unsigned i = 9; i < std::min(exponent, 29U); ++i) units /= 10;
  return {static_cast<int64_t>(units)};
}

}  // namespace

std::optional<CaptureIndex> CaptureIndex::Open(const std::filesystem::path& path, std::string& error) {
  auto source = OpenFileSource(path, error);
  if (!source) return std::nullopt;
  auto index = Open(std::move(source), error);
  if (!index) error = fmt::format("{}: {}", path.string(), error);
  return index;
}

std::optional<CaptureIndex> CaptureIndex::Open(std::unique_ptr<ByteSource> source, std::string& error) {
  CaptureIndex index(std::move(source));
  if (!index.Block() || index.m_sections.empty()) {
    error = "is no pcapng file";
    return std::nullopt;
  }
  return index;
}

double CaptureIndex::Progress() const {
  const uint64_t size = m_source->Size();
  return size == 0 ? 1 : static_cast<double>(m_at) / static_cast<double>(size);
}

bool CaptureIndex::Continue(uint64_t bytes) {
  const uint64_t until = m_at + std::min(bytes, m_source->Size() - std::min(m_at, m_source->Size()));
  m_damage.clear();
  while (m_at < until)
    if (!Block()) {
      m_damage = fmt::format("at byte {}: a block that is cut off or malformed", m_at);
      return false;
    }
  return m_at < m_source->Size();
}

bool CaptureIndex::ReadBlock(uint64_t offset, std::vector<uint8_t>& bytes, bool isSwapped) const {
  uint8_t head[8];
  if (!m_source->ReadAt(offset, head)) return false;
  const uint32_t length = Word(head + 4, isSwapped);
  if (length < 12 || length > kMaxBlockBytes) return false;
  bytes.resize(length - 4);  // without the length at the end
  return m_source->ReadAt(offset, bytes);
}

bool CaptureIndex::Block() {
  uint8_t head[12];
  if (!m_source->ReadAt(m_at, head)) return false;
  bool isSwapped = !m_sections.empty() && m_sections.back().isSwapped;
  const uint32_t type = Word(head, isSwapped);
  if (type == kSectionHeader) {  // reads the same in both orders; what follows it says which one
    const auto magic = GetLe<uint32_t>(head + 8);
    isSwapped = magic == __builtin_bswap32(kByteOrderMagic);
    if ((!isSwapped && magic != kByteOrderMagic) || m_sections.size() == kMaxSections) return false;
    m_sections.push_back({isSwapped, static_cast<uint32_t>(m_interfaces.size())});
  } else if (m_sections.empty()) {
    return false;
  }
  const uint32_t length = Word(head + 4, isSwapped);
  if (length < 12 || length % 4 != 0 || length > m_source->Size() - m_at) return false;
  if (type == kInterfaceDescription) {
    std::vector<uint8_t> block;
    if (!ReadBlock(m_at, block, isSwapped) || block.size() < 16 || m_interfaces.size() == kMaxInterfaces) return false;
    CaptureInterface interface;
    uint8_t resolution = 6;
    interface.linkType = static_cast<LinkType>(HalfWord(block.data() + 8, isSwapped));
    interface.snapLength = Word(block.data() + 12, isSwapped);
    VisitOptions(block, 16, isSwapped, [&](uint16_t code, std::span<const uint8_t> value) {
      if (code == kIfName) interface.name = TextOf(value);
      if (code == kIfTimestampResolution && value.size() == 1) resolution = value[0];
    });
    m_interfaces.push_back(std::move(interface));
    m_resolutions.push_back(resolution);
  } else if (type == kEnhancedPacket) {
    m_frames.push_back({m_at, m_sections.size() - 1});
  }
  m_at += length;
  return true;
}

bool CaptureIndex::Read(uint64_t number, ReadFrame& frame) const {
  if (number >= m_frames.size()) return false;
  const Section& section = m_sections[m_frames[number].section];
  std::vector<uint8_t> block;
  if (!ReadBlock(m_frames[number].offset, block, section.isSwapped) || block.size() < 28) return false;
  const auto word = [&](size_t at) { return Word(block.data() + at, section.isSwapped); };
  const uint32_t captured = word(20);
  const uint64_t interface = uint64_t{section.firstInterface} + word(8);
  if (interface >= m_interfaces.size() || captured > block.size() - 28) return false;
  frame = {};
  frame.interface = static_cast<uint32_t>(interface);
  frame.time = TimeOf(uint64_t{word(12)} << 32 | word(16), m_resolutions[interface]);
  frame.originalLength = word(24);
  frame.bytes.assign(block.begin() + 28, block.begin() + 28 + captured);
  VisitOptions(block, 28 + PadTo4(captured), section.isSwapped, [&](uint16_t code, std::span<const uint8_t> value) {
    if (code == kOptComment) frame.comment = TextOf(value);
    if (code == kEpbFlags && value.size() == 4)
      frame.direction = static_cast<CaptureDirection>(Word(value.data(), section.isSwapped) & 3);
  });
  return true;
}

}  // namespace overlaysim::replay
