#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "models/wire/frame.h"
#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::host {

/// The fragments of one datagram (include/net/inet_frag.h, struct inet_frag_queue), sorted by offset.
struct ReassemblyQueue {
  struct Piece {
    uint32_t begin, end;   ///< of the payload, bytes
    bool continues;        ///< came when the piece before it was the last: one run with it
    wire::FramePtr frame;  ///< Data() is its IP header
  };
  std::vector<Piece> pieces;
  uint32_t totalBytes = 0;  ///< of the payload; as far as is known until the last fragment has come
  bool hasLast = false;
  uint8_t ecnSeen = 0;  ///< bit n: a fragment had ECN n
  uint32_t gotBytes = 0;
  uint16_t maxFragmentBytes = 0;               ///< largest fragment, with header
  uint16_t maxDfBytes = 0;                     ///< largest fragment that had DF
  uint32_t headerBytes = 0, nextHeaderAt = 0;  ///< IPv6: what the first fragment has before its fragment header
  uint32_t timerGeneration = 0;
  int iif = 0;

  enum class Place : uint8_t { Free, Duplicate, Overlap };
  Place Fit(uint32_t begin, uint32_t end) const;
};

/// Who puts fragments together (enum ip_defrag_users): each has queues of its own.
enum class ReassemblyUser : uint8_t { LocalDeliver, TrackIn, TrackOut };

/// Whose fragments belong together.
struct ReassemblyKey {
  IpAddress source, destination;
  uint32_t identification = 0;
  uint8_t protocol = 0;  ///< IPv4 alone
  int ifindex = 0;       ///< of link-local and multicast IPv6
  ReassemblyUser user = ReassemblyUser::LocalDeliver;
  auto operator<=>(const ReassemblyKey&) const = default;
};

struct ReassemblyTable {
  std::map<ReassemblyKey, ReassemblyQueue> queues;
  uint32_t generation = 0;
};

}  // namespace overlaysim::host
