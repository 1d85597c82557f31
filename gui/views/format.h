#pragma once

#include <QFont>
#include <QString>
#include <cstdint>

#include "gui/replay/topology.h"

namespace overlaysim::views {

/// A span or a point of time as the replay library says it: "0 ns", "940 ns", "17.648 us".
QString TimeText(int64_t ns);
/// To the nanosecond, digits in groups: "1.203 417 096 s".
QString ExactTimeText(int64_t ns);
/// "148 B", "12,400 B": never rounded, for people who count headers.
QString BytesText(uint64_t bytes);
/// "10 Gbit/s".
QString RateText(uint64_t bitsPerSecond);
/// "1,204".
QString CountText(uint64_t count);
/// "node", "pod", "leaf switch", ...
QString RoleText(replay::Role role);
/// The system's font of fixed width, in the application's size.
QFont FixedFont();

}  // namespace overlaysim::views
