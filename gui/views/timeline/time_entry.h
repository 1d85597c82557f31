#pragma once

#include <QString>
#include <cstdint>
#include <optional>

namespace overlaysim::views {

/// What a person types for a time, in the words of scenarios ("1.2s", "17.6us") or of this window ("1.203 417 096 s",
/// "17.6 µs").
std::optional<int64_t> ParseTime(const QString& text);

}  // namespace overlaysim::views
