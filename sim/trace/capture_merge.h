#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/trace/files.h"

namespace overlaysim {

/// Where a captured frame stands among those that other processes have captured.
struct CaptureOrder {
  int64_t timeNs = 0;
  uint64_t place = 0, sequence = 0;  ///< of the event in which it was captured
  uint64_t part = 0;                 ///< of an event that several processes have a part in
  auto operator<=>(const CaptureOrder&) const = default;
};

/// The order of a file's frames, in a file beside it.
class CaptureOrderWriter {
 public:
  explicit CaptureOrderWriter(const std::filesystem::path& path) : m_file(OutputFile::Create(path)) {}
  void Write(const CaptureOrder& order);
  void Flush();
  const std::string& Error() const { return m_file.Error(); }

 private:
  OutputFile m_file;
  std::vector<uint8_t> m_buffer;
};

/// One process's part of a capture: a file of PcapngWriter with all interfaces of the whole, and the order of its
/// frames.
struct CapturePart {
  std::filesystem::path packets, order;
};

/// Puts the parts together to what one process would have written: byte for byte. An error, or "".
std::string MergeCaptures(const std::vector<CapturePart>& parts, const std::filesystem::path& to);

}  // namespace overlaysim
