#include "gui/replay/text.h"

#include <fmt/format.h>

#include <algorithm>

namespace overlaysim::replay {
namespace {

/// `value` / `unit` with so many digits behind the point, and none that are zeros at the end.
std::string Fraction(uint64_t value, uint64_t unit, unsigned digits) {
  uint64_t scale = 1;
  for (unsigned i = 0; i < digits; ++i) scale *= 10;
  __extension__ using Wide = unsigned __int128;
  const uint64_t rest = static_cast<uint64_t>(static_cast<Wide>(value % unit) * scale / unit);
  std::string text = fmt::format("{}", value / unit);
  if (rest == 0) return text;
  std::string tail = fmt::format("{:0{}}", rest, digits);
  tail.erase(tail.find_last_not_of('0') + 1);
  return text + "." + tail;
}

}  // namespace

std::string DurationText(int64_t ns) {
  if (ns < 0) return "-" + DurationText(ns == INT64_MIN ? INT64_MAX : -ns);
  const auto value = static_cast<uint64_t>(ns);
  if (value < 1000) return fmt::format("{} ns", value);
  if (value < 1000000) return Fraction(value, 1000, 3) + " us";
  if (value < 1000000000) return Fraction(value, 1000000, 6) + " ms";
  return Fraction(value, 1000000000, 6) + " s";
}

std::string BytesText(uint64_t bytes) {
  if (bytes < 10240) return fmt::format("{} B", bytes);
  if (bytes < uint64_t{10} << 20) return Fraction(bytes, 1024, 1) + " KiB";
  if (bytes < uint64_t{10} << 30) return Fraction(bytes, uint64_t{1} << 20, 1) + " MiB";
  return Fraction(bytes, uint64_t{1} << 30, 1) + " GiB";
}

std::string RateText(uint64_t bitsPerSecond) {
  if (bitsPerSecond < 1000) return fmt::format("{} bps", bitsPerSecond);
  if (bitsPerSecond < 1000000) return Fraction(bitsPerSecond, 1000, 2) + " kbps";
  if (bitsPerSecond < 1000000000) return Fraction(bitsPerSecond, 1000000, 2) + " Mbps";
  return Fraction(bitsPerSecond, 1000000000, 2) + " Gbps";
}

std::string_view WordAfter(std::string_view line, std::string_view key) {
  for (size_t at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
    const size_t begin = at + key.size();
    if ((at != 0 && line[at - 1] != ' ') || begin >= line.size() || line[begin] != ' ') continue;
    const auto rest = line.substr(begin + 1);
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

}  // namespace overlaysim::replay
