#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sim/trace/files.h"
#include "sim/trace/rank_order.h"

namespace overlaysim {

/// The order of a file's frames, in a file beside it.
class CaptureOrderWriter {
 public:
  explicit CaptureOrderWriter(const std::filesystem::path& path) : m_file(OutputFile::Create(path)) {}
  void Write(const RankOrder& order);
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
