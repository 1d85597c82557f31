#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

/// One entry of a bridge's table: `MAC dev PORT master BRIDGE ...`.
struct BridgeFdbEntry {
  MacAddress mac;
  int port = 0;           ///< ifindex of the port; the bridge itself for its own address
  bool isLocal = false;   ///< an address of this host ("permanent"): frames to it go up
  bool isStatic = false;  ///< never ages ("static")
  bool externLearn = false;
  Nanoseconds updated;  ///< last seen as a source
  uint32_t rowId = 0;
};

/// A bridge's forwarding database (net/bridge/br_fdb.c), without VLANs.
class BridgeFdb {
 public:
  BridgeFdbEntry* Find(MacAddress mac);
  const BridgeFdbEntry* Find(MacAddress mac) const;
  BridgeFdbEntry& Insert(const BridgeFdbEntry& entry);
  bool Erase(MacAddress mac);
  std::vector<const BridgeFdbEntry*> Sorted() const;  ///< by port, the newest first, as the kernel lists them
  template <typename Predicate>
  void EraseIf(Predicate&& p) {
    std::erase_if(m_entries, [&](const auto& e) { return p(e.second); });
  }

 private:
  std::unordered_map<MacAddress, BridgeFdbEntry> m_entries;
};

/// Where a VXLAN FDB entry sends to: `dst IP [port P] [vni V] [via DEV]`.
struct VxlanRemote {
  IpAddress ip;
  uint16_t port = 0;  ///< 0: the device's
  uint32_t vni = 0;   ///< 0: the device's
  int ifindex = 0;    ///< 0: by routing
  bool operator==(const VxlanRemote&) const = default;
};

/// One entry of a vxlan device's table: `MAC dev DEV dst IP self ...`.
struct VxlanFdbEntry {
  MacAddress mac;
  bool isPermanent = false;
  bool isStatic = false;  ///< NUD_NOARP: never ages
  bool externLearn = false;
  bool isRouter = false;  ///< with `rsc`, what is sent to it goes to the destination's own neighbour entry instead
  Nanoseconds updated;
  std::vector<VxlanRemote> remotes;  ///< several: one copy to each (head-end replication)
  uint32_t rowId = 0;
  bool operator==(const VxlanFdbEntry&) const = default;
};

class VxlanFdb {
 public:
  VxlanFdbEntry* Find(MacAddress mac);
  const VxlanFdbEntry* Find(MacAddress mac) const;
  VxlanFdbEntry& Insert(const VxlanFdbEntry& entry);
  bool Erase(MacAddress mac);
  std::vector<const VxlanFdbEntry*> Sorted() const;  ///< the newest first
  size_t Size() const { return m_entries.size(); }
  template <typename Predicate>
  void EraseIf(Predicate&& p) {
    std::erase_if(m_entries, [&](const auto& e) { return p(e.second); });
  }

 private:
  std::unordered_map<MacAddress, VxlanFdbEntry> m_entries;
};

}  // namespace overlaysim::kernel
