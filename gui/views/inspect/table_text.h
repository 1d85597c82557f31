#pragma once

#include <QString>
#include <QStringList>
#include <cstdint>
#include <optional>
#include <vector>

#include "gui/replay/run.h"

namespace overlaysim::views {

/// A line of a table, and how it differs from another time.
struct TableLine {
  enum class Change : uint8_t { Same, Added, Removed, Changed };
  QString text;
  Change change = Change::Same;
  QString was;  ///< of changed lines
};

/// What one command shows of a namespace: `ip route` is two tables (IPv4 and IPv6), `bridge fdb` those of bridges and
/// of VXLAN devices.
struct TableCommand {
  QString name;  ///< "ip route"
  std::vector<kernel::Table> tables;
};
const std::vector<TableCommand>& TableCommands();

/// The lines at that time; with `since`, those that differ from then are marked and lines that went are there too.
std::vector<TableLine> LinesAt(const TableHistory& history, const TableCommand& command, uint32_t netns, int64_t timeNs,
                               std::optional<int64_t> since);
/// As one text; `withSigns` puts "+ ", "− ", "≠ " or two blanks before each line, without them lines that went are left
/// out.
QString TextOf(const std::vector<TableLine>& lines, bool withSigns);

/// How often each verdict was given at each device of the namespace up to that time. nullopt: the trace is damaged.
std::optional<TraceCounts> CountersAt(replay::Run& run, uint32_t netns, int64_t timeNs);

}  // namespace overlaysim::views
