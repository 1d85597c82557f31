#pragma once

#include <cstdint>
#include <vector>

#include "gui/replay/topology.h"
#include "sim/trace/table_history.h"

namespace overlaysim::replay {

/// When each cable was up: as the plan has it when the run begins, and then as the devices at its ends show it
/// (NO-CARRIER, or no UP, in their `ip link` line).
class LinkHistory {
 public:
  LinkHistory() = default;
  /// @param tables  null: the plan alone
  LinkHistory(const Topology& topology, const TableHistory* tables);

  bool IsUp(uint32_t cable, int64_t timeNs) const;
  /// Times at which any cable changed, ascending.
  const std::vector<int64_t>& Changes() const { return m_times; }

 private:
  struct Change {
    int64_t timeNs;
    bool isUp;
  };
  std::vector<std::vector<Change>> m_changes;  ///< by cable; the first at the run's beginning
  std::vector<int64_t> m_times;
};

}  // namespace overlaysim::replay
