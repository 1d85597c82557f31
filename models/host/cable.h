#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/wire/frame.h"
#include "sim/base/ids.h"
#include "sim/base/units.h"
#include "sim/trace/record.h"

namespace overlaysim::host {

class Network;
class Stack;

struct CableEnd {
  NetnsId netns;
  int ifindex = 0;
};

struct CableSettings {
  std::string name;
  BitsPerSecond rate{10000000000};
  Nanoseconds delay = Microseconds(1);
  int64_t queueBytes = 1000000;  ///< per direction
  bool up = true;
};

/// A frame on a cable that ends in what another process simulates.
struct Crossing {
  CableId cable;
  int side = 0;  ///< of the sender
  Nanoseconds arrival;
  uint64_t sequence = 0;  ///< of the direction
  uint32_t cuts = 0;      ///< how often the cable had failed when it was sent
  wire::FramePtr frame;
};

/// Takes such frames to where they arrive.
class Boundary {
 public:
  virtual ~Boundary() = default;
  virtual void Leave(Crossing crossing) = 0;
};

/// A full-duplex cable. Each direction is a FIFO drop-tail queue, a serializer and the light's way, at the cost of one
/// event a frame: departure = max(arrival, last departure) + size / rate gives the same times and the same drops as
/// separate queue, transmit and receive events.
class Cable {
 public:
  struct Direction {
    uint64_t frames = 0;        ///< put on the wire
    uint64_t wireBytes = 0;     ///< with preamble, FCS, gap and padding
    uint64_t dropped = 0;       ///< QueueFull
    int64_t maxQueueBytes = 0;  ///< deepest the queue was
    Nanoseconds busyUntil;      ///< last departure
    uint64_t sequence = 0;
    wire::FrameList underway;  ///< sent and not arrived, in that order
    /// What was sent before Change() keeps its times: until when the queue drains at which rate, oldest first.
    struct Slope {
      Nanoseconds until;
      BitsPerSecond rate;
    };
    std::vector<Slope> before;
    Nanoseconds notBefore;         ///< no frame overtakes those: the last one's arrival
    Boundary* boundary = nullptr;  ///< who takes the frames on; null: they arrive in this process
  };

  Cable(Network& network, CableId id, const CableSettings& settings, CableEnd a, CableEnd b);

  /// Whether a frame of that size may be sent now from the end `side` (0: a, 1: b): Continue, or why not (then it is
  /// counted).
  Verdict Admit(int side, uint32_t bytes);
  /// What waits in front of such a frame, if there is room for it; nothing is counted.
  std::optional<int64_t> RoomFor(int side, uint32_t bytes) const;
  /// Sends a frame for which there is room.
  void Send(int side, wire::FramePtr frame, int64_t waiting);
  /// Sends a frame that has just been admitted.
  void Send(int side, wire::FramePtr frame);
  void SetUp(bool up);
  /// The end of that side is simulated by somebody else: what is sent to it leaves, and what it sends enters.
  void EndsElsewhere(int side, Boundary& boundary) {
    m_isElsewhere[static_cast<size_t>(side)] = true;
    m_directions[static_cast<size_t>(1 - side)].boundary = &boundary;
  }
  bool IsElsewhere(int side) const { return m_isElsewhere[static_cast<size_t>(side)]; }
  /// A frame that another process has sent.
  void Enter(Crossing crossing);
  /// What another process has counted of the direction from that side.
  void SetCounts(int side, uint64_t frames, uint64_t wireBytes, uint64_t dropped, int64_t maxQueueBytes);
  /// Another rate, delay and queue from now on, for what is sent from now on; `settings` says nothing of `up`.
  void Change(const CableSettings& settings);
  /// Ends what is still on its way, see Network::EndRun().
  void EndRun();

  CableId Id() const { return m_id; }
  const CableSettings& Settings() const { return m_settings; }
  const Direction& GetDirection(int side) const { return m_directions[static_cast<size_t>(side)]; }
  const CableEnd& End(int side) const { return m_ends[static_cast<size_t>(side)]; }

 private:
  void Arrive(int side, uint32_t cuts);
  int64_t WaitingBytes(const Direction& direction) const;
  Nanoseconds TimeFor(int64_t wireBytes);

  Network& m_network;
  std::array<CableEnd, 2> m_ends;
  std::array<Stack*, 2> m_stacks{};  ///< of the ends, once something has arrived there
  std::array<bool, 2> m_isElsewhere{};
  uint32_t m_cuts = 0;  ///< how often it failed: frames sent before a failure do not arrive
  CableSettings m_settings;
  std::array<Direction, 2> m_directions;
  int64_t m_lastWireBytes = -1;  ///< a frame of that size takes m_lastTime
  Nanoseconds m_lastTime;
  CableId m_id;
};

}  // namespace overlaysim::host
