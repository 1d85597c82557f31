#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "sim/trace/record.h"

namespace overlaysim {

/// Whether the packet has its Ethernet header in front at that record, and in its size, on a device that knows such
/// headers.
bool HasEthernetHeader(const TraceRecord& record);

/// Puts together, record after record, what the trace says of each packet's first bytes.
class PacketHeads {
 public:
  struct Heads {
    std::span<const uint8_t> before, after;  ///< this record; empty: not known. They live until the next call
    bool isFirst = false;                    ///< the first record of its packet: there is no before
    bool fits = true;  ///< the change says that it replaces what the packet had there; else nothing is known any more
  };
  /// Records in the order of the trace; of those of one journey at least.
  Heads Apply(const TraceRecord& record, const HeaderChange& change);
  /// Drops what is known of the record's packet if that is its end: for reading long traces.
  void ForgetEnded(const TraceRecord& record) {
    const Fate fate = FateOf(record.verdict);
    if (fate == Fate::Arrived || fate == Fate::Dropped || fate == Fate::Unended)
      m_heads.erase({record.journey, record.packet});
  }

 private:
  struct Head {
    bool isWhole = true;  ///< no record's change has missed what it was to change
    std::vector<uint8_t> bytes;
  };
  std::map<std::pair<uint64_t, uint32_t>, Head> m_heads;  ///< by journey and packet
  std::vector<uint8_t> m_before;
};

}  // namespace overlaysim
