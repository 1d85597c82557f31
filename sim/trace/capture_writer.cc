#include "sim/trace/capture_writer.h"

#include <algorithm>

#include "sim/base/check.h"
#include "sim/trace/little_endian.h"
#include "sim/trace/pcap_format.h"

namespace overlaysim {

using namespace pcap_format;

namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kMaxOptionBytes = 65535;  // an option's length has 16 bits

}  // namespace

PcapngWriter::PcapngWriter(const std::filesystem::path& path, std::string_view application)
    : m_file(OutputFile::Create(path)) {
  m_buffer.reserve(kBufferBytes + kMaxSnapLength);
  const size_t begin = BeginBlock(kSectionHeader);
  AppendLe(m_buffer, kByteOrderMagic);
  AppendLe<uint16_t>(m_buffer, 1);  // major version
  AppendLe<uint16_t>(m_buffer, 0);  // minor version
  AppendLe<int64_t>(m_buffer, -1);  // section length: not given
  Option(kShbUserApplication, application);
  EndBlock(begin, true);
  Flush();
}

size_t PcapngWriter::BeginBlock(uint32_t type) {
  const size_t begin = m_buffer.size();
  AppendLe(m_buffer, type);
  AppendLe<uint32_t>(m_buffer, 0);  // the length, known at the end
  return begin;
}

void PcapngWriter::Option(uint16_t code, std::span<const uint8_t> value) {
  value = value.first(std::min(value.size(), kMaxOptionBytes));
  AppendLe(m_buffer, code);
  AppendLe(m_buffer, static_cast<uint16_t>(value.size()));
  m_buffer.insert(m_buffer.end(), value.begin(), value.end());
  m_buffer.resize(m_buffer.size() + PadTo4(value.size()) - value.size());
}

void PcapngWriter::Option(uint16_t code, std::string_view text) {
  Option(code, {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

void PcapngWriter::EndBlock(size_t begin, bool hasOptions) {
  if (hasOptions) AppendLe<uint32_t>(m_buffer, kOptEnd);  // code and length, both 0
  const auto length = static_cast<uint32_t>(m_buffer.size() - begin + 4);
  AppendLe(m_buffer, length);
  PutLe(m_buffer.data() + begin + 4, length);
}

uint32_t PcapngWriter::AddInterface(const CaptureInterface& interface) {
  const size_t begin = BeginBlock(kInterfaceDescription);
  AppendLe(m_buffer, static_cast<uint16_t>(interface.linkType));
  AppendLe<uint16_t>(m_buffer, 0);
  AppendLe(m_buffer, interface.snapLength);
  Option(kIfName, interface.name);
  if (!interface.description.empty()) Option(kIfDescription, interface.description);
  const uint8_t nanoseconds[] = {9};  // 10^-9 s
  Option(kIfTimestampResolution, nanoseconds);
  if (!interface.filter.empty()) Option(kIfFilter, std::string(1, '\0') + interface.filter);  // 0: a libpcap string
  EndBlock(begin, true);
  m_snapLengths.push_back(interface.snapLength);
  return static_cast<uint32_t>(m_snapLengths.size() - 1);
}

void PcapngWriter::Write(const CapturedFrame& frame) {
  OVERLAYSIM_CHECK(frame.interface < m_snapLengths.size(), "a frame of capture interface {}, of which there are {}",
                   frame.interface, m_snapLengths.size());
  const auto captured = frame.bytes.first(std::min<size_t>(frame.bytes.size(), m_snapLengths[frame.interface]));
  const auto time = static_cast<uint64_t>(frame.time.count);
  const size_t begin = BeginBlock(kEnhancedPacket);
  AppendLe(m_buffer, frame.interface);
  AppendLe(m_buffer, static_cast<uint32_t>(time >> 32));
  AppendLe(m_buffer, static_cast<uint32_t>(time));
  AppendLe(m_buffer, static_cast<uint32_t>(captured.size()));
  AppendLe(m_buffer, std::max(static_cast<uint32_t>(frame.bytes.size()), frame.wireBytes));
  m_buffer.insert(m_buffer.end(), captured.begin(), captured.end());
  m_buffer.resize(m_buffer.size() + PadTo4(captured.size()) - captured.size());
  const bool hasDirection = frame.direction != CaptureDirection::Unknown;
  if (hasDirection) {
    uint8_t flags[4];
    PutLe(flags, static_cast<uint32_t>(frame.direction));
    Option(kEpbFlags, flags);
  }
  if (!frame.comment.empty()) Option(kOptComment, frame.comment);
  EndBlock(begin, hasDirection || !frame.comment.empty());
  ++m_frames;
  if (m_buffer.size() >= kBufferBytes) Flush();
}

void PcapngWriter::Flush() {
  m_file.Write(m_buffer);
  m_buffer.clear();
}

void PcapngWriter::Finish() {
  Flush();
  m_file.Close();
}

PcapWriter::PcapWriter(const std::filesystem::path& path, uint32_t snapLength, LinkType linkType)
    : m_file(OutputFile::Create(path)), m_snapLength(snapLength) {
  AppendLe(m_buffer, kPcapNanoseconds);
  AppendLe<uint16_t>(m_buffer, 2);  // major version
  AppendLe<uint16_t>(m_buffer, 4);  // minor version
  AppendLe<uint64_t>(m_buffer, 0);  // time zone and accuracy, not used
  AppendLe(m_buffer, snapLength);
  AppendLe(m_buffer, static_cast<uint32_t>(linkType));
  Flush();
}

void PcapWriter::Write(Nanoseconds time, std::span<const uint8_t> bytes) {
  const auto captured = bytes.first(std::min<size_t>(bytes.size(), m_snapLength));
  AppendLe(m_buffer, static_cast<uint32_t>(time.count / Seconds(1).count));
  AppendLe(m_buffer, static_cast<uint32_t>(time.count % Seconds(1).count));
  AppendLe(m_buffer, static_cast<uint32_t>(captured.size()));
  AppendLe(m_buffer, static_cast<uint32_t>(bytes.size()));
  m_buffer.insert(m_buffer.end(), captured.begin(), captured.end());
  ++m_frames;
  if (m_buffer.size() >= kBufferBytes) Flush();
}

void PcapWriter::Flush() {
  m_file.Write(m_buffer);
  m_buffer.clear();
}

void PcapWriter::Finish() {
  Flush();
  m_file.Close();
}

}  // namespace overlaysim
