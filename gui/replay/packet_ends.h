#pragma once

#include <cstdint>
#include <string>

#include "gui/replay/dissector.h"
#include "gui/replay/topology.h"

namespace overlaysim::replay {

/// Who sends a packet to whom, behind all tunnels.
struct PacketEnds {
  uint32_t from = Topology::kNone, to = Topology::kNone;  ///< namespaces; kNone: nobody that the plan knows
  std::string fromAddress, toAddress;                     ///< "10.244.1.2", of a frame without IP its MAC; "" not known
};

/// By the innermost header that names ends. Where the bytes are not known (`packet` null or empty), by the journey's maker
/// and the traffic that it belongs to.
PacketEnds EndsOf(const Topology& plan, const Dissection* packet, uint64_t journey, uint32_t flow);

/// "shop/cart#3": the third packet that shop/cart made; and back (0: it is no such name).
std::string JourneyName(const Topology& plan, uint64_t journey);
uint64_t JourneyNamed(const Topology& plan, std::string_view name);

}  // namespace overlaysim::replay
