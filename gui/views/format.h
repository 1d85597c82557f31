#pragma once

#include <QFont>
#include <QString>
#include <cstdint>

#include "sim/base/units.h"

namespace overlaysim::views {

/// A span or a point of time with three or four digits that matter: "0 s", "940 ns", "17.6 µs", "1.203 s".
QString TimeText(int64_t ns);
/// To the nanosecond, digits in groups: "1.203 417 096 s".
QString ExactTimeText(int64_t ns);
/// "148 B", "12,400 B": never rounded, for people who count headers.
QString BytesText(uint64_t bytes);
/// "10 Gbit/s".
QString RateText(double bitsPerSecond);
/// "1,204".
QString CountText(uint64_t count);
/// The system's font of fixed width, in the application's size.
QFont FixedFont();

}  // namespace overlaysim::views
