#pragma once

#include <QString>
#include <QStringList>
#include <vector>

#include "gui/replay/journey.h"
#include "gui/replay/run.h"

namespace overlaysim::views {

/// The command that shows the table on a real machine: "ip route", "bridge fdb show".
QString CommandOf(kernel::Table table);

/// The table that a step asked, as it was at that time.
struct TableContext {
  QString prompt;  ///< "worker-a# ip route"
  QStringList lines;
  int match = -1;  ///< index of the line that decided; -1: none did
};
/// Empty prompt: the step asked no table, or the trace does not have it.
TableContext ContextOf(replay::Run& run, const replay::Hop& hop);
/// At most `around` lines before and after the match; `skippedBefore` and `skippedAfter` say how many are left out.
TableContext Surroundings(const TableContext& whole, int around, int& skippedBefore, int& skippedAfter);

/// "node worker-a · eth0, MTU 1500, 22:e6:..., 10.10.1.21/24": what the step's place is.
QString DeviceText(const replay::Run& run, const replay::Hop& hop);
/// A step or a journey as text for an issue report.
QString TextOf(replay::Run& run, const replay::Hop& hop, int number, int count);
QString TextOf(replay::Run& run, const replay::Journey& journey, bool everyStep);

/// How the cause's and consequence's relation to this journey is said: "this is the answer to", "this made it ask for".
QString RelationText(const replay::Journey& cause, const replay::Journey& consequence, bool fromCause);

}  // namespace overlaysim::views
