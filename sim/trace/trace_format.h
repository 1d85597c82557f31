#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// The numbers of trace.bin that its writer and its reader share; docs/run-directory.md writes the bytes down.
namespace overlaysim::trace_format {

inline constexpr std::string_view kMagic = "OVSTRACE";
inline constexpr std::string_view kEndMagic = "OVSTREND";
/// Raised by every change, new stages and verdicts included. A reader reads its own version and the older ones.
inline constexpr uint32_t kVersion = 1;

inline constexpr size_t kFileHeaderBytes = 16;       // magic 8, version 4, reserved 4
inline constexpr size_t kChunkHeaderBytes = 32;      // magic, kind, count, payload bytes, footer bytes, three CRCs
inline constexpr size_t kTrailerBytes = 16;          // offset of the directory 8, magic 8
inline constexpr uint32_t kChunkMagic = 0x4b4e4843;  // "CHNK"

enum class ChunkKind : uint32_t { Records = 1, Tables = 2, Directory = 3 };

/// What the directory keeps of a chunk.
struct ChunkInfo {
  uint64_t offset = 0;
  ChunkKind kind = ChunkKind::Records;
  uint32_t count = 0;  ///< of records, of table entries, or of the chunks that a directory lists
  uint32_t payloadBytes = 0, footerBytes = 0;
  int64_t firstNs = 0, lastNs = 0;
  uint64_t firstJourney = 0, lastJourney = 0;  ///< the smallest and the largest

  uint64_t End() const { return offset + kChunkHeaderBytes + payloadBytes + footerBytes; }
};

inline constexpr size_t kRecordBytes = 48;  // without what the flags announce
enum RecordFlags : uint8_t { kHasCause = 1, kHasHeaderChange = 2 };
inline constexpr size_t kMaxRecordBytes = kRecordBytes + 8 + 4 + 2 * 255;

inline constexpr size_t kTimeRangeBytes = 16;    // first and last time: both kinds of footer begin with it
inline constexpr size_t kFooterCountBytes = 16;  // netns, ifindex, verdict, count
inline constexpr size_t kDirectoryChunkBytes = 56;
inline constexpr size_t kDirectoryCountBytes = 20;  // as in a footer, with a 64-bit count

/// A chunk is closed when it has that many records or that many bytes, whichever comes first.
inline constexpr uint32_t kMaxChunkRecords = 65536;
inline constexpr size_t kChunkBytes = size_t{4} << 20;
/// What a reader is ready to hold in memory of one chunk; a directory may be larger.
inline constexpr size_t kMaxChunkBytes = size_t{64} << 20;
inline constexpr size_t kMaxTextBytes = size_t{1} << 20;

enum class TableEntry : uint8_t { String = 1, NetnsName = 2, DeviceName = 3, FlowName = 4, Row = 5, View = 6 };

}  // namespace overlaysim::trace_format
