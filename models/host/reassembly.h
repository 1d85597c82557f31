#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/wire/frame.h"
#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::host {

/// The fragments of one datagram (net/ipv4/ip_fragment.c, struct ipq), sorted by offset.
struct ReassemblyQueue {
  struct Piece {
    uint32_t begin, end;  ///< of the payload, bytes
    wire::FramePtr frame; ///< Data() is its IPv4 header
  };
  std::vector<Piece> pieces;
  uint32_t totalBytes = 0;   ///< of the payload; 0: the last fragment has not come
  uint32_t gotBytes = 0;
  uint16_t maxFragmentBytes = 0;  ///< largest fragment, with header
  uint16_t maxDfBytes = 0;        ///< largest fragment that had DF
  uint32_t timerGeneration = 0;
  int iif = 0;
};

/// By source, destination, identification and protocol.
struct ReassemblyKey {
  uint32_t source, destination;
  uint16_t identification;
  uint8_t protocol;
  auto operator<=>(const ReassemblyKey&) const = default;
};

struct ReassemblyTable {
  std::map<ReassemblyKey, ReassemblyQueue> queues;
  uint32_t generation = 0;
};

}  // namespace overlaysim::host
