#pragma once

#include <cstddef>
#include <cstdint>

/// The numbers of pcapng and pcap files that writer and reader share.
/// Source: draft-ietf-opsawg-pcapng; draft-ietf-opsawg-pcap.
namespace overlaysim::pcap_format {

inline constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
inline constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
inline constexpr uint32_t kInterfaceDescription = 1;
inline constexpr uint32_t kSimplePacket = 3;
inline constexpr uint32_t kEnhancedPacket = 6;

enum Option : uint16_t {
  kOptEnd = 0,
  kOptComment = 1,
  kShbUserApplication = 4,
  kIfName = 2,
  kIfDescription = 3,
  kIfTimestampResolution = 9,
  kIfFilter = 11,
  kEpbFlags = 2,
};

inline constexpr uint32_t kPcapMicroseconds = 0xa1b2c3d4;
inline constexpr uint32_t kPcapNanoseconds = 0xa1b23c4d;
inline constexpr size_t kPcapHeaderBytes = 24;
inline constexpr size_t kPcapRecordBytes = 16;

constexpr size_t PadTo4(size_t bytes) { return (bytes + 3) & ~size_t{3}; }

}  // namespace overlaysim::pcap_format
