#include "sim/trace/capture_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace/files.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/pcap_format.h"

namespace overlaysim {

using namespace pcap_format;

namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;

/// A cursor for files of either byte order.
class OrderedCursor {
 public:
  OrderedCursor(std::span<const uint8_t> bytes, bool isSwapped) : m_in(bytes), m_isSwapped(isSwapped) {}
  uint16_t U16() {
    const auto v = m_in.Get<uint16_t>();
    return m_isSwapped ? __builtin_bswap16(v) : v;
  }
  uint32_t U32() {
    const auto v = m_in.Get<uint32_t>();
    return m_isSwapped ? __builtin_bswap32(v) : v;
  }
  std::span<const uint8_t> Bytes(size_t count) { return m_in.Bytes(count); }
  bool Ok() const { return m_in.Ok(); }
  size_t Left() const { return m_in.Left(); }

 private:
  ByteCursor m_in;
  bool m_isSwapped;
};

std::string TextOf(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

/// if_tsresol: units per second as a power of ten, or of two with the top bit set.
Nanoseconds TimeOf(uint64_t units, uint8_t resolution) {
  __extension__ using Wide = unsigned __int128;
  const unsigned exponent = resolution & 0x7f;
  if (resolution & 0x80) {
    if (exponent > 63) return {0};
    return {static_cast<int64_t>(static_cast<Wide>(units) * 1000000000 >> exponent)};
  }
  for (unsigned i = exponent; i < 9; ++i) units *= 10;
  for (unsigned i = 9; i < std::min(exponent, 29U); ++i) units /= 10;
  return {static_cast<int64_t>(units)};
}

class PcapngParser {
 public:
  PcapngParser(std::span<const uint8_t> bytes, CaptureFile& file) : m_bytes(bytes), m_file(file) {}

  void Parse() {
    while (m_at < m_bytes.size() && m_file.damage.empty())
      if (!Block()) m_file.damage = fmt::format("at byte {}: a block that is cut off or malformed", m_at);
  }

 private:
  bool Block() {
    const auto rest = m_bytes.subspan(m_at);
    OrderedCursor head(rest, m_isSwapped);
    uint32_t type = head.U32();
    if (type == kSectionHeader) {  // reads the same in both orders; what follows it says which one
      if (rest.size() < 12) return false;
      const auto magic = GetLe<uint32_t>(rest.data() + 8);
      m_isSwapped = magic == __builtin_bswap32(kByteOrderMagic);
      if (!m_isSwapped && magic != kByteOrderMagic) return false;
      head = OrderedCursor(rest, m_isSwapped);
      type = head.U32();
    }
    const uint32_t length = head.U32();
    if (!head.Ok() || length < 12 || length % 4 != 0 || length > rest.size()) return false;
    OrderedCursor body(rest.subspan(8, length - 12), m_isSwapped);
    bool isGood = true;
    if (type == kSectionHeader) {
      m_firstInterface = static_cast<uint32_t>(m_file.interfaces.size());
      m_resolutions.resize(m_firstInterface);
      body.Bytes(16);
      isGood = Options(body, [&](uint16_t code, std::span<const uint8_t> value) {
        if (code == kShbUserApplication) m_file.application = TextOf(value);
      });
    } else if (type == kInterfaceDescription) {
      isGood = Interface(body);
    } else if (type == kEnhancedPacket) {
      isGood = Packet(body);
    } else if (type == kSimplePacket) {
      isGood = SimplePacket(body);
    }
    m_at += length;
    return isGood;
  }

  template <typename Visitor>
  bool Options(OrderedCursor& in, Visitor&& visitor) {
    while (in.Ok() && in.Left() >= 4) {
      const uint16_t code = in.U16();
      const uint16_t length = in.U16();
      if (code == kOptEnd) break;
      const auto value = in.Bytes(length);
      in.Bytes(PadTo4(length) - length);
      if (in.Ok()) visitor(code, value);
    }
    return in.Ok();
  }

  bool Interface(OrderedCursor& in) {
    CaptureInterface interface;
    uint8_t resolution = 6;
    interface.linkType = static_cast<LinkType>(in.U16());
    in.U16();
    interface.snapLength = in.U32();
    const bool isGood = Options(in, [&](uint16_t code, std::span<const uint8_t> value) {
      if (code == kIfName) interface.name = TextOf(value);
      if (code == kIfDescription) interface.description = TextOf(value);
      if (code == kIfTimestampResolution && value.size() == 1) resolution = value[0];
      if (code == kIfFilter && !value.empty() && value[0] == 0) interface.filter = TextOf(value.subspan(1));
    });
    if (!isGood) return false;
    m_file.interfaces.push_back(std::move(interface));
    m_resolutions.push_back(resolution);
    return true;
  }

  bool Packet(OrderedCursor& in) {
    ReadFrame frame;
    const uint32_t interface = in.U32();
    const uint64_t high = in.U32();
    const uint64_t units = high << 32 | in.U32();
    const uint32_t captured = in.U32();
    frame.originalLength = in.U32();
    const auto bytes = in.Bytes(captured);
    in.Bytes(PadTo4(captured) - captured);
    if (!in.Ok() || interface >= m_file.interfaces.size() - m_firstInterface) return false;
    frame.interface = m_firstInterface + interface;
    frame.time = TimeOf(units, m_resolutions[frame.interface]);
    frame.bytes.assign(bytes.begin(), bytes.end());
    const bool isGood = Options(in, [&](uint16_t code, std::span<const uint8_t> value) {
      if (code == kOptComment) frame.comment = TextOf(value);
      if (code == kEpbFlags && value.size() == 4)
        frame.direction = static_cast<CaptureDirection>(OrderedCursor(value, m_isSwapped).U32() & 3);
    });
    if (isGood) m_file.frames.push_back(std::move(frame));
    return isGood;
  }

  /// Belongs to the section's first interface and has no time.
  bool SimplePacket(OrderedCursor& in) {
    if (m_firstInterface >= m_file.interfaces.size()) return false;
    ReadFrame frame;
    frame.interface = m_firstInterface;
    frame.originalLength = in.U32();
    const uint32_t snapLength = m_file.interfaces[m_firstInterface].snapLength;
    const auto bytes = in.Bytes(snapLength == 0 ? frame.originalLength : std::min(frame.originalLength, snapLength));
    if (!in.Ok()) return false;
    frame.bytes.assign(bytes.begin(), bytes.end());
    m_file.frames.push_back(std::move(frame));
    return true;
  }

  std::span<const uint8_t> m_bytes;
  CaptureFile& m_file;
  size_t m_at = 0;
  bool m_isSwapped = false;
  uint32_t m_firstInterface = 0;       ///< of the section
  std::vector<uint8_t> m_resolutions;  ///< by interface
};

void ParsePcap(std::span<const uint8_t> bytes, bool isSwapped, bool isNano, CaptureFile& file) {
  OrderedCursor in(bytes, isSwapped);
  in.Bytes(16);
  CaptureInterface interface;
  interface.snapLength = in.U32();
  interface.linkType = static_cast<LinkType>(in.U32() & 0xffff);
  file.interfaces.push_back(interface);
  while (in.Left() > 0) {
    const size_t at = bytes.size() - in.Left();
    ReadFrame frame;
    const int64_t seconds = in.U32();
    const int64_t fraction = in.U32();
    const uint32_t captured = in.U32();
    frame.originalLength = in.U32();
    const auto data = in.Bytes(captured);
    if (!in.Ok()) {
      file.damage = fmt::format("at byte {}: a frame that is cut off", at);
      return;
    }
    frame.time = Seconds(seconds) + Nanoseconds{isNano ? fraction : fraction * 1000};
    frame.bytes.assign(data.begin(), data.end());
    file.frames.push_back(std::move(frame));
  }
}

}  // namespace

std::optional<CaptureFile> ReadCapture(std::span<const uint8_t> bytes, std::string& error) {
  CaptureFile file;
  const uint32_t magic = bytes.size() >= 4 ? GetLe<uint32_t>(bytes.data()) : 0;
  if (magic == kSectionHeader && bytes.size() >= 12) {
    PcapngParser(bytes, file).Parse();
    return file;
  }
  for (const uint32_t known : {kPcapMicroseconds, kPcapNanoseconds})
    for (const bool isSwapped : {false, true})
      if (magic == (isSwapped ? __builtin_bswap32(known) : known) && bytes.size() >= kPcapHeaderBytes) {
        ParsePcap(bytes, isSwapped, known == kPcapNanoseconds, file);
        return file;
      }
  error = "is neither a pcapng nor a pcap file, or is cut off within its header";
  return std::nullopt;
}

std::optional<CaptureFile> ReadCapture(const std::filesystem::path& path, std::string& error) {
  const auto text = ReadWholeFile(path, kMaxFileBytes, error);
  if (!text) return std::nullopt;
  auto file = ReadCapture({reinterpret_cast<const uint8_t*>(text->data()), text->size()}, error);
  if (!file) error = fmt::format("{}: {}", path.string(), error);
  return file;
}

}  // namespace overlaysim
