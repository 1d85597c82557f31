#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"
#include "sim/trace/files.h"

namespace overlaysim {

/// pcap's link types (www.tcpdump.org/linktypes.html).
enum class LinkType : uint16_t { Ethernet = 1, RawIp = 101 };

inline constexpr uint32_t kMaxSnapLength = 262144;  ///< tcpdump's default and libpcap's largest for Ethernet

/// One captured device: an interface block of a pcapng file.
struct CaptureInterface {
  std::string name;         ///< "node1/eth0"
  std::string description;  ///< "": none
  std::string filter;       ///< the tcpdump expression in force; "": none
  uint32_t snapLength = kMaxSnapLength;
  LinkType linkType = LinkType::Ethernet;
};

enum class CaptureDirection : uint8_t { Unknown = 0, Inbound = 1, Outbound = 2 };

/// One captured frame.
struct CapturedFrame {
  uint32_t interface = 0;
  Nanoseconds time;
  std::span<const uint8_t> bytes;  ///< the whole frame; the writer cuts it at the interface's snap length
  CaptureDirection direction = CaptureDirection::Unknown;
  std::string_view comment;  ///< "": none
  uint32_t wireBytes = 0;  ///< of a frame of which `bytes` are only the beginning; 0: they are all
};

/// Writes one pcapng file (IETF draft-ietf-opsawg-pcapng): one section, little-endian, nanosecond stamps. The bytes
/// depend on what is written alone. Whole blocks reach the file, so a run that is killed loses what was buffered since
/// the last Flush().
class PcapngWriter {
 public:
  /// `application` becomes shb_userappl, e.g. "overlaysim 0.1.0".
  PcapngWriter(const std::filesystem::path& path, std::string_view application);
  PcapngWriter(const PcapngWriter&) = delete;
  PcapngWriter& operator=(const PcapngWriter&) = delete;
  ~PcapngWriter() { Finish(); }

  /// At any time before the interface's first frame. Returns its number, from 0.
  uint32_t AddInterface(const CaptureInterface& interface);
  void Write(const CapturedFrame& frame);
  void Flush();
  void Finish();

  bool Ok() const { return m_file.Ok(); }
  const std::string& Error() const { return m_file.Error(); }
  uint64_t FrameCount() const { return m_frames; }

 private:
  size_t BeginBlock(uint32_t type);
  void Option(uint16_t code, std::span<const uint8_t> value);
  void Option(uint16_t code, std::string_view text);
  void EndBlock(size_t begin, bool hasOptions);

  OutputFile m_file;
  std::vector<uint8_t> m_buffer;
  std::vector<uint32_t> m_snapLengths;  ///< by interface
  uint64_t m_frames = 0;
};

/// Writes one classic pcap file with nanosecond stamps: one device, no names, no comments.
class PcapWriter {
 public:
  explicit PcapWriter(const std::filesystem::path& path, uint32_t snapLength = kMaxSnapLength,
                      LinkType linkType = LinkType::Ethernet);
  PcapWriter(const PcapWriter&) = delete;
  PcapWriter& operator=(const PcapWriter&) = delete;
  ~PcapWriter() { Finish(); }

  void Write(Nanoseconds time, std::span<const uint8_t> bytes);
  void Flush();
  void Finish();

  bool Ok() const { return m_file.Ok(); }
  const std::string& Error() const { return m_file.Error(); }
  uint64_t FrameCount() const { return m_frames; }

 private:
  OutputFile m_file;
  std::vector<uint8_t> m_buffer;
  uint32_t m_snapLength;
  uint64_t m_frames = 0;
};

}  // namespace overlaysim
