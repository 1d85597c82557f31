#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace overlaysim {

/// A time or a span of simulated time. Integer, so that every machine counts alike.
struct Nanoseconds {
  int64_t count = 0;

  constexpr auto operator<=>(const Nanoseconds&) const = default;
  constexpr Nanoseconds operator+(Nanoseconds o) const { return {count + o.count}; }
  constexpr Nanoseconds operator-(Nanoseconds o) const { return {count - o.count}; }
  constexpr Nanoseconds& operator+=(Nanoseconds o) { return count += o.count, *this; }
  constexpr Nanoseconds operator*(int64_t n) const { return {count * n}; }
  /// "250us", "1.5s", "3ms", "2m", "1h"; nullopt when malformed, without a unit, or beyond 292 years.
  static std::optional<Nanoseconds> Parse(std::string_view text);
  std::string ToString() const;  ///< shortest exact form: "1.5s", "250us", "0s"
};
constexpr Nanoseconds Microseconds(int64_t n) { return {n * 1000}; }
constexpr Nanoseconds Milliseconds(int64_t n) { return {n * 1000000}; }
constexpr Nanoseconds Seconds(int64_t n) { return {n * 1000000000}; }

struct BitsPerSecond {
  int64_t count = 0;

  constexpr auto operator<=>(const BitsPerSecond&) const = default;
  /// "10Gbps", "100Mbps", "2.5Gbps", "64kbps", "800bps" ("Gbit/s" and "Gbit" too); nullopt when malformed or unitless.
  static std::optional<BitsPerSecond> Parse(std::string_view text);
  std::string ToString() const;
  /// Time on the wire of that many bytes, rounded up; a rate of 0 means infinitely fast.
  constexpr Nanoseconds TimeFor(int64_t bytes) const {
    if (count == 0) return {0};
    __extension__ using Wide = __int128;
    return {static_cast<int64_t>((static_cast<Wide>(bytes) * 8 * 1000000000 + count - 1) / count)};
  }
};

struct Bytes {
  int64_t count = 0;

  constexpr auto operator<=>(const Bytes&) const = default;
  /// "300B", "4KiB", "1MB"; nullopt when malformed or unitless.
  static std::optional<Bytes> Parse(std::string_view text);
  std::string ToString() const;
};

/// Events per second, kept as the span between two of them would not divide evenly: count per `per`.
struct PerSecond {
  int64_t milliCount = 0;  ///< thousandths of an event per second

  constexpr auto operator<=>(const PerSecond&) const = default;
  static std::optional<PerSecond> Parse(std::string_view text);  ///< "200/s", "1.5/s", "3/ms", "60/min"
  std::string ToString() const;
};

}  // namespace overlaysim
