#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gui/replay/topology.h"
#include "sim/trace/table_history.h"

namespace overlaysim::replay {

/// What a line of `ip link` begins with: "2: swp1: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 ...".
struct LinkLine {
  uint32_t ifindex = 0;
  bool isUp = false;  ///< by hand and by its carrier
  uint32_t mtu = 0;   ///< 0: the line does not say it

  static LinkLine Parse(std::string_view line);
};

/// What changes of devices and cables: as the plan has it when the run begins, and then as the devices' `ip link` lines
/// show it. A cable is up while both its ends are.
class LinkHistory {
 public:
  LinkHistory() = default;
  /// @param tables  null: the plan alone
  LinkHistory(const Topology& topology, const TableHistory* tables);

  bool IsUp(uint32_t cable, int64_t timeNs) const;
  uint32_t MtuAt(uint32_t netns, const Device& device, int64_t timeNs) const;
  /// Devices whose MTU has changed after the one time and up to the other, in either order; ascending.
  std::vector<CableEnd> MtuChangesBetween(int64_t a, int64_t b) const;
  /// Times at which any cable changed, ascending.
  const std::vector<int64_t>& Changes() const { return m_times; }

 private:
  struct Change {
    int64_t timeNs;
    bool isUp;
  };
  void NoteMtu(const Netns& netns, const LinkLine& line, int64_t timeNs);

  struct MtuChange {
    int64_t timeNs;
    uint32_t mtu;
  };
  std::vector<std::vector<Change>> m_changes;                   ///< by cable; the first at the run's beginning
  std::unordered_map<uint64_t, std::vector<MtuChange>> m_mtus;  ///< by namespace and ifindex; only what differs
  std::vector<int64_t> m_times;
};

}  // namespace overlaysim::replay
