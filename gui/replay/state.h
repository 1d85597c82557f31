#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/trace/table_history.h"

namespace overlaysim::replay {

/// What a namespace has configured, as a person asks for it.
enum class StateTable : uint8_t { Link, Address, Route, Neighbour, Fdb, Filter, Rule, Tunnel, Sysctl, Count };

/// "ip route": what shows the like on a real host; "sysctl".
std::string_view StateCommand(StateTable table);

struct StateLine {
  enum class Change : uint8_t { Same, Added, Changed, Removed };
  kernel::Table table{};
  uint32_t row = 0;
  Change change = Change::Same;  ///< against the other time
  std::string_view text;         ///< belongs to the TableHistory; of a removed line what it was
  std::string_view before;       ///< of a changed line
};

/// The lines of a table at a time, in iproute2's words. With `since` (an earlier or later time) lines say how they differ from
/// then, and removed ones stand where they stood.
std::vector<StateLine> StateAt(const TableHistory& tables, uint32_t netns, StateTable table, int64_t timeNs,
                               std::optional<int64_t> since = std::nullopt);

/// The lines as text to copy; with `marked` two columns in front: "+ ", "- ", "~ ", "  ".
std::string StateText(const std::vector<StateLine>& lines, bool marked = false);

}  // namespace overlaysim::replay
