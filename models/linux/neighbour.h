#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

/// Neighbour states (include/uapi/linux/neighbour.h, NUD_*).
enum class NudState : uint8_t {
  None = 0,
  Incomplete = 0x01,
  Reachable = 0x02,
  Stale = 0x04,
  Delay = 0x08,
  Probe = 0x10,
  Failed = 0x20,
  Noarp = 0x40,
  Permanent = 0x80
};
constexpr bool NudHasAddress(NudState s) {  // NUD_VALID
  return static_cast<uint8_t>(s) & (0x80 | 0x40 | 0x02 | 0x10 | 0x04 | 0x08);
}
const char* NudStateName(NudState state);  ///< "REACHABLE", ...

/// One line of `ip neigh`.
struct Neighbour {
  Ipv4Address ip;
  int ifindex = 0;
  MacAddress mac;
  NudState state = NudState::None;
  bool proxy = false;
  bool externLearn = false;
  bool router = false;
  uint8_t probes = 0;            ///< sent since the state was entered
  Nanoseconds updated;           ///< last change of state or address
  Nanoseconds confirmed;         ///< last proof that it is reachable
  Nanoseconds used;              ///< last packet sent through it
  uint32_t timerGeneration = 0;  ///< a timer that was set for another generation is void
  uint32_t rowId = 0;
};

/// net.ipv4.neigh.DEV.* (net/ipv4/arp.c, arp_tbl.parms).
struct NeighbourParms {
  uint8_t mcastSolicit = 3;
  uint8_t ucastSolicit = 3;
  uint8_t appSolicit = 0;
  Nanoseconds retransTime = Seconds(1);
  Nanoseconds baseReachableTime = Seconds(30);
  Nanoseconds delayFirstProbeTime = Seconds(5);
  Nanoseconds gcStaleTime = Seconds(60);
  Nanoseconds proxyDelay = Milliseconds(800);
  uint32_t unresQlenBytes = 212992;  ///< queue behind an unresolved neighbour
};

/// The IPv4 neighbour table of a namespace: (device, address) -> entry, in order of creation.
class NeighbourTable {
 public:
  Neighbour* Find(int ifindex, Ipv4Address ip);
  const Neighbour* Find(int ifindex, Ipv4Address ip) const;
  Neighbour& Insert(const Neighbour& entry);  ///< must not be there yet
  void Erase(int ifindex, Ipv4Address ip);
  std::vector<const Neighbour*> Sorted() const;  ///< by device, then address
  size_t Size() const { return m_entries.size(); }

 private:
  static uint64_t Key(int ifindex, Ipv4Address ip) {
    return static_cast<uint64_t>(static_cast<uint32_t>(ifindex)) << 32 | ip.value;
  }
  std::unordered_map<uint64_t, Neighbour> m_entries;
};

}  // namespace overlaysim::kernel
