#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.h"
#include "sim/verify/masked_frame.h"

namespace overlaysim::verify {

/// A frame on a device, and when it was there since the traffic began.
struct SeenFrame {
  Nanoseconds at;
  std::vector<uint8_t> bytes;
};

/// A frame that only one side has, or two that stand at the same place and are not alike.
struct FrameDifference {
  struct Side {
    MaskedFrame frame;
    Nanoseconds at;
    size_t number = 0;  ///< at this point, from 1
  };
  std::optional<Side> simulated, real;
  bool drawnDiffers = false;  ///< alike but for a masked number that does not go with the one seen before
};

struct PointComparison {
  std::string point;  ///< "node1/eth0"
  size_t alike = 0;
  size_t turned = 0;   ///< of these, ARP's that the other of two neighbours has sent
  size_t leftOut = 0;  ///< of TCP, of timers, or cut off by the end
  std::vector<FrameDifference> differences;
};

/// Compares what two runs have shown, point by point. Frames of one conversation are compared in order; conversations
/// interleave as timing has it, and so may frames that changed places within kShuffle. Which of two neighbours asks
/// first for the other's address is a matter of timing too, where flows begin at one instant. A frame that only one
/// side has is no difference in the last kEdge of the run: the other may be about to send it.
class FrameComparison {
 public:
  FrameComparison(FrameKnowledge knowledge, Nanoseconds end) : m_knowledge(std::move(knowledge)), m_end(end) {}
  PointComparison Compare(const std::string& point, const std::vector<SeenFrame>& simulated,
                          const std::vector<SeenFrame>& real);

  static constexpr Nanoseconds kShuffle = Milliseconds(50);
  static constexpr Nanoseconds kEdge = Milliseconds(150);

 private:
  using Side = FrameDifference::Side;
  std::map<std::string, std::vector<Side>> Conversations(const std::vector<SeenFrame>& frames, size_t& leftOut) const;
  /// One number for one flow on both sides. Flows between others may have drawn the same one: there are but 28,232
  /// ports.
  bool DrawnMatch(const MaskedFrame& simulated, const MaskedFrame& real);
  void CompareConversation(std::vector<Side> simulated, std::vector<Side> real, PointComparison& out);
  void AddLeftOver(std::optional<Side> simulated, std::optional<Side> real, PointComparison& out) const;
  bool IsAtEdge(const Side& side) const { return m_end < side.at + kEdge; }

  FrameKnowledge m_knowledge;
  Nanoseconds m_end;                          ///< of the simulated run
  std::map<uint32_t, uint32_t> m_drawnThere;  ///< the simulator's numbers so far, and what the kernel drew for each
  std::map<std::pair<uint32_t, std::string>, uint32_t> m_drawnBack;  ///< back, of those who talk with each other
};

}  // namespace overlaysim::verify
