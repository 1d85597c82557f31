#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/trace/capture_reader.h"
#include "sim/trace/files.h"

namespace overlaysim::replay {

/// Where the frames of a pcapng file are. The file is walked over once, in slices, and frames are read when somebody asks:
/// memory is 8 bytes a frame, whatever the frames hold.
class CaptureIndex {
 public:
  /// nullopt and `error` when it is no pcapng file.
  static std::optional<CaptureIndex> Open(const std::filesystem::path& path, std::string& error);
  static std::optional<CaptureIndex> Open(std::unique_ptr<ByteSource> source, std::string& error);

  /// Walks over so many bytes more, or to the end of the file. False: there is nothing more.
  bool Continue(uint64_t bytes);
  void Refresh() { m_source->Refresh(); }  ///< the file is still being written: Continue() goes on where it stopped
  uint64_t Count() const { return m_frames.size(); }
  double Progress() const;  ///< 0 to 1
  /// Why reading ended before the end of the file; "" when it did not.
  const std::string& Damage() const { return m_damage; }

  const std::vector<CaptureInterface>& Interfaces() const { return m_interfaces; }
  /// False when the frame cannot be read.
  bool Read(uint64_t number, ReadFrame& frame) const;

 private:
  struct Section {
    bool isSwapped = false;
    uint32_t firstInterface = 0;
  };
  struct Place {
    uint64_t offset : 48, section : 16;
  };

  explicit CaptureIndex(std::unique_ptr<ByteSource> source) : m_source(std::move(source)) {}
  bool Block();
  bool ReadBlock(uint64_t offset, std::vector<uint8_t>& bytes, bool isSwapped) const;

  std::unique_ptr<ByteSource> m_source;
  uint64_t m_at = 0;
  std::string m_damage;
  std::vector<Section> m_sections;
  std::vector<CaptureInterface> m_interfaces;
  std::vector<uint8_t> m_resolutions;  ///< if_tsresol by interface
  std::vector<Place> m_frames;
};

}  // namespace overlaysim::replay
