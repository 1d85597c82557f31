#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace overlaysim::replay {

/// "384 ns", "17.648 us", "2.5 ms", "1.000012 s": exact to the nanosecond below a second, to the microsecond above.
std::string DurationText(int64_t ns);
/// "148 B", "1.4 KiB", "3.2 MiB".
std::string BytesText(uint64_t bytes);
/// "10 Gbps", "1.25 Mbps".
std::string RateText(uint64_t bitsPerSecond);
/// The word behind `key` in a line of iproute2: WordAfter("default via 10.0.0.1 dev eth0", "via") is "10.0.0.1"; "".
std::string_view WordAfter(std::string_view line, std::string_view key);

}  // namespace overlaysim::replay
