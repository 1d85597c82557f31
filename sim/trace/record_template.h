#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "sim/trace/record.h"
#include "sim/trace/trace_counts.h"

namespace overlaysim {

/// The records of a packet's steps, encoded once, to be written again for each packet that takes the same steps. What
/// is each packet's own is put in: time, journey, cause, and bytes of its headers, which come from an image of the
/// packet that whoever repeats the steps makes.
class RecordTemplate {
 public:
  RecordTemplate() = default;
  RecordTemplate(const RecordTemplate&) = delete;
  RecordTemplate& operator=(const RecordTemplate&) = delete;
  ~RecordTemplate();

  /// Bytes of a header change (those of `before`, then those of `after`) that come from the image.
  struct Varying {
    uint16_t at = 0;  ///< in the change
    uint16_t from = 0;
    uint16_t bytes = 0;
  };
  void Add(const TraceRecord& record, const HeaderChange& change, std::span<const Varying> varying);

  struct Packet {
    int64_t timeNs = 0;
    uint64_t journey = 0;
    uint64_t cause = 0;  ///< written where HasCause()
    const uint8_t* image = nullptr;
  };
  /// The records of that packet, Size() bytes; answers the place behind them.
  uint8_t* Put(uint8_t* at, const Packet& packet) const;

  size_t Size() const { return m_bytes.size(); }
  uint32_t Count() const { return static_cast<uint32_t>(m_starts.size()); }
  bool HasCause() const { return m_causeAt != 0; }
  const std::vector<std::pair<DeviceVerdict, uint32_t>>& Verdicts() const { return m_verdicts; }
  static uint64_t BytesInUse();  ///< of all templates

  uint32_t timesInChunk = 0;          ///< of TraceWriter: how often it stands in the open chunk
  std::vector<uint64_t*> raisedOnce;  ///< counters that each packet raises by one

 private:
  struct Patch {
    uint32_t at;
    uint16_t from, bytes;
  };
  std::vector<uint8_t> m_bytes;
  std::vector<uint32_t> m_starts;
  std::vector<Patch> m_patches;
  uint32_t m_causeAt = 0;
  std::vector<std::pair<DeviceVerdict, uint32_t>> m_verdicts;
};

}  // namespace overlaysim
