#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sim/scenario/value.h"

namespace overlaysim::scenario {

inline constexpr size_t kMaxFileBytes = size_t{64} << 20;  ///< 60,000 pods written out take some 10 MB
inline constexpr size_t kMaxDepth = 64;
inline constexpr size_t kMaxValues = 4'000'000;

using ReportError = std::function<void(Place place, std::string message)>;

/// Reads JSON with // and /* */ comments. Of broken syntax the first error is reported, of duplicate keys each; nullopt
/// if there was any.
std::optional<Value> ReadJson(std::string_view text, uint16_t source, const ReportError& report);

}  // namespace overlaysim::scenario
