#pragma once

#include <cstdint>
#include <string_view>

namespace overlaysim {

/// A named stream of random numbers: the same seed and name give the same numbers on every machine, whatever other
/// streams draw. SplitMix64 (Steele, Lea, Flood 2014); integers only, nothing goes through libm.
class RandomStream {
 public:
  RandomStream(uint64_t seed, std::string_view name, uint64_t index = 0);

  uint64_t Next();                 ///< 64 bits
  uint64_t Below(uint64_t bound);  ///< 0 .. bound-1, without bias; bound 0 gives 0
  /// Exponentially distributed with this mean, by an integer table of -ln(u) (16 fractional bits, error below 1e-4).
  int64_t Exponential(int64_t mean);

 private:
  uint64_t m_state;
};

}  // namespace overlaysim
