#pragma once

#include <cstdint>
#include <string>

#include "sim/base/units.h"

namespace overlaysim::traffic {

/// What one half of a line of traffic tells the other, where the two ends are simulated by different processes. It is
/// heard when the processes next meet: before any packet sent at that time can arrive.
struct Word {
  enum class Kind : uint8_t {
    Sent,            ///< a datagram: `number` is its journey
    LastSent,        ///< no more will come; who waits for some closes `then`, as event `number` of the sender
    ServerEnded,     ///< of TCP: `number` bytes have come, `isIntact`, `error`
    GiveUp,          ///< of TCP: the client has failed
    NoMoreRequests,  ///< of requests and replies: the client has closed
  };
  Kind kind = Kind::Sent;
  uint32_t flow = 0;
  Nanoseconds at;
  uint64_t number = 0;
  Nanoseconds then;  ///< LastSent: see there; ServerEnded: when its last byte had come
  bool isIntact = true;
  std::string error;
};

/// Takes words to the other half.
class Messenger {
 public:
  virtual ~Messenger() = default;
  virtual void Tell(const Word& word) = 0;
};

}  // namespace overlaysim::traffic
