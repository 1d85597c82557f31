#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace overlaysim {

/// Of which packets trace.bin has the steps; with them go those that they cause: ARP, answers, ICMP errors.
struct RecordedPackets {
  uint64_t seed = 1;
  uint32_t oneOf = 1;         ///< one packet of so many, drawn by the number of its journey
  std::vector<bool> ofFlows;  ///< by FlowId: those of these lines of traffic alone; empty: of all, and what is nobody's
  std::string text;           ///< how a person says it

  bool IsAll() const { return oneOf == 1 && ofFlows.empty(); }
  /// Whether a packet is drawn.
  bool Has(uint64_t journey, uint32_t flow) const;
};

}  // namespace overlaysim
