#include "sim/base/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace overlaysim {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};

/// Parses "<decimal><unit>" exactly, without floating point. The value may have a fraction as long as the result is a
/// whole number of base units.
template <size_t N>
std::optional<int64_t> ParseQuantity(std::string_view text, const std::array<Unit, N>& units) {
  size_t i = 0;
  __extension__ __int128 whole = 0;
  int64_t fraction = 0, scale = 1;
  bool digits = false;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, digits = true) {
    whole = whole * 10 + (text[i] - '0');
    if (whole > INT64_MAX) return std::nullopt;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (i == text.size() || text[i] < '0' || text[i] > '9') return std::nullopt;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, digits = true) {
      if (scale > 100000000000) return std::nullopt;
      fraction = fraction * 10 + (text[i] - '0');
      scale *= 10;
    }
  }
  if (!digits) return std::nullopt;
  while (i < text.size() && text[i] == ' ') ++i;
  for (const Unit& unit : units) {
    if (text.substr(i) != unit.name) continue;
    __extension__ __int128 part = static_cast<__int128>(fraction) * unit.factor;
    if (part % scale != 0) return std::nullopt;
    __extension__ __int128 value = whole * unit.factor + part / scale;
    if (value > INT64_MAX) return std::nullopt;
    return static_cast<int64_t>(value);
  }
  return std::nullopt;
}

/// Prints `count` in the largest of the units in which it is short and exact.
template <size_t N>
std::string PrintQuantity(int64_t count, const std::array<Unit, N>& units, std::string_view zero) {
  if (count == 0) return std::string(zero);
  const uint64_t magnitude = count < 0 ? 0 - static_cast<uint64_t>(count) : static_cast<uint64_t>(count);
  for (const Unit& unit : units) {
    const uint64_t factor = static_cast<uint64_t>(unit.factor);
    if (magnitude < factor) continue;
    uint64_t rest = magnitude % factor;
    std::string fraction;
    for (int digit = 0; rest != 0 && digit < 3; ++digit) {
      rest *= 10;
      fraction += static_cast<char>('0' + rest / factor);
      rest %= factor;
    }
    if (rest != 0) continue;  // not exact in three decimals: a smaller unit will be
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fmt::format("{}{}{}{}{}", count < 0 ? "-" : "", magnitude / factor, fraction.empty() ? "" : ".", fraction,
                       unit.name);
  }
  return fmt::format("{}{}", count, units.back().name);
}

constexpr std::array<Unit, 6> kTimeUnits = {
    {{"h", 3600000000000}, {"m", 60000000000}, {"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}}};
constexpr std::array<Unit, 4> kTimePrinted = {{{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}}};
constexpr std::array<Unit, 17> kRateUnits = {{{"Tbps", 1000000000000},
                                              {"Gbps", 1000000000},
                                              {"Mbps", 1000000},
                                              {"kbps", 1000},
                                              {"Kbps", 1000},
                                              {"bps", 1},
                                              {"Gbit/s", 1000000000},
                                              {"Mbit/s", 1000000},
                                              {"kbit/s", 1000},
                                              {"bit/s", 1},
                                              {"Gb/s", 1000000000},
                                              {"Mb/s", 1000000},
                                              {"Gbit", 1000000000},
                                              {"Mbit", 1000000},
                                              {"kbit", 1000},
                                              {"GBps", 8000000000},
                                              {"MBps", 8000000}}};
constexpr std::array<Unit, 5> kRatePrinted = {
    {{"Tbps", 1000000000000}, {"Gbps", 1000000000}, {"Mbps", 1000000}, {"kbps", 1000}, {"bps", 1}}};
constexpr std::array<Unit, 9> kByteUnits = {{{"TiB", int64_t{1} << 40},
                                             {"GiB", 1 << 30},
                                             {"MiB", 1 << 20},
                                             {"KiB", 1024},
                                             {"TB", 1000000000000},
                                             {"GB", 1000000000},
                                             {"MB", 1000000},
                                             {"kB", 1000},
                                             {"B", 1}}};
constexpr std::array<Unit, 4> kBytesPrinted = {{{"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000}, {"B", 1}}};
constexpr std::array<Unit, 1> kCount = {{{"", 1000}}};

}  // namespace

std::optional<Nanoseconds> Nanoseconds::Parse(std::string_view text) {
  auto v = ParseQuantity(text, kTimeUnits);
  return v ? std::optional(Nanoseconds{*v}) : std::nullopt;
}
std::string Nanoseconds::ToString() const { return PrintQuantity(count, kTimePrinted, "0s"); }

std::optional<BitsPerSecond> BitsPerSecond::Parse(std::string_view text) {
  auto v = ParseQuantity(text, kRateUnits);
  return v ? std::optional(BitsPerSecond{*v}) : std::nullopt;
}
std::string BitsPerSecond::ToString() const { return PrintQuantity(count, kRatePrinted, "0bps"); }

std::optional<Bytes> Bytes::Parse(std::string_view text) {
  auto v = ParseQuantity(text, kByteUnits);
  return v ? std::optional(Bytes{*v}) : std::nullopt;
}
std::string Bytes::ToString() const { return PrintQuantity(count, kBytesPrinted, "0B"); }

std::optional<PerSecond> PerSecond::Parse(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto value = ParseQuantity(text.substr(0, slash), kCount);
  if (!value) return std::nullopt;
  std::string_view per = text.substr(slash + 1);
  if (per == "s") return PerSecond{*value};
  if (per == "ms" && *value <= INT64_MAX / 1000) return PerSecond{*value * 1000};
  if (per == "min" && *value % 60 == 0) return PerSecond{*value / 60};
  return std::nullopt;
}
std::string PerSecond::ToString() const {
  if (milliCount % 1000 == 0) return fmt::format("{}/s", milliCount / 1000);
  std::string fraction = fmt::format("{:03}", milliCount % 1000);
  while (fraction.back() == '0') fraction.pop_back();
  return fmt::format("{}.{}/s", milliCount / 1000, fraction);
}

}  // namespace overlaysim
