#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/trace/capture_writer.h"

namespace overlaysim {

/// A frame as a capture file has it.
struct ReadFrame {
  uint32_t interface = 0;
  Nanoseconds time;
  uint32_t originalLength = 0;  ///< bytes on the wire
  std::vector<uint8_t> bytes;   ///< what was captured of it
  CaptureDirection direction = CaptureDirection::Unknown;
  std::string comment;
};

/// The content of a pcapng or pcap file of any byte order and time resolution, in the order of the file.
struct CaptureFile {
  std::string application;                   ///< shb_userappl of the last section
  std::vector<CaptureInterface> interfaces;  ///< of all sections; a classic file has one without a name
  std::vector<ReadFrame> frames;
  /// Why reading ended before the end of the file: cut off (a run was killed) or malformed; "" when it did not.
  std::string damage;
};

/// Reads it all, up to the first damage; nullopt and `error` when it is no capture file or cannot be read.
std::optional<CaptureFile> ReadCapture(const std::filesystem::path& path, std::string& error);
std::optional<CaptureFile> ReadCapture(std::span<const uint8_t> bytes, std::string& error);

}  // namespace overlaysim
