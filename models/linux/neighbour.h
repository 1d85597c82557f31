#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "models/linux/table_change.h"
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

/// One line of `ip neigh`; A is the address type of its family.
template <typename A>
struct BasicNeighbour {
  A ip;
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

/// net.ipv4.neigh.DEV.* and net.ipv6.neigh.DEV.* (net/ipv4/arp.c, arp_tbl.parms; net/ipv6/ndisc.c, nd_tbl.parms).
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

/// The neighbour table of one family in a namespace: (device, address) -> entry.
template <typename A>
class BasicNeighbourTable {
 public:
  using Neighbour = BasicNeighbour<A>;

  Neighbour* Find(int ifindex, const A& ip);
  const Neighbour* Find(int ifindex, const A& ip) const;
  Neighbour& Insert(const Neighbour& entry);  ///< must not be there yet
  void Erase(int ifindex, const A& ip);
  std::vector<const Neighbour*> Sorted() const;  ///< by device, then address
  size_t Size() const { return m_entries.size(); }

 private:
  struct Key {
    int ifindex;
    A ip;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    size_t operator()(const Key& key) const noexcept {
      return std::hash<A>{}(key.ip) ^ static_cast<size_t>(static_cast<uint32_t>(key.ifindex)) * 0x9e3779b97f4a7c15ULL;
    }
  };
  std::unordered_map<Key, Neighbour, Hash> m_entries;
};

using Neighbour = BasicNeighbour<Ipv4Address>;
using Neighbour6 = BasicNeighbour<Ipv6Address>;
using NeighbourTable = BasicNeighbourTable<Ipv4Address>;
using NeighbourTable6 = BasicNeighbourTable<Ipv6Address>;

extern template class BasicNeighbourTable<Ipv4Address>;
extern template class BasicNeighbourTable<Ipv6Address>;

}  // namespace overlaysim::kernel
