#include "sim/base/random.h"

#include <bit>

namespace overlaysim {
namespace {

constexpr uint64_t Mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
  return z ^ z >> 31;
}

/// log2(1 + i/256) in units of 2^-32, by repeated squaring with integers.
struct Log2Table {
  uint64_t at[257];
  constexpr Log2Table() : at{} {
    for (int i = 0; i <= 256; ++i) {
      uint64_t x = (uint64_t{256} + static_cast<uint64_t>(i)) << 23;  // 1.0 is 2^31
      uint64_t bits = 0;
      uint64_t whole = 0;
      if (x >= uint64_t{1} << 32) {
        whole = 1;
        x >>= 1;
      }
      for (int b = 0; b < 32; ++b) {
        x = (x * x) >> 31;
        bits <<= 1;
        if (x >= uint64_t{1} << 32) {
          bits |= 1;
          x >>= 1;
        }
      }
      at[i] = (whole << 32) + bits;
    }
  }
};
constexpr Log2Table kLog2;

}  // namespace

RandomStream::RandomStream(uint64_t seed, std::string_view name, uint64_t index) : m_state(Mix(seed + 1)) {
  for (char c : name) m_state = Mix(m_state ^ static_cast<uint8_t>(c)) + 0x9e3779b97f4a7c15ULL;
  m_state = Mix(m_state ^ Mix(index + 0x632be59bd9b4e019ULL));
}

uint64_t RandomStream::Next() { return Mix(m_state += 0x9e3779b97f4a7c15ULL); }

uint64_t RandomStream::Below(uint64_t bound) {
  if (bound < 2) return 0;
  const uint64_t limit = -bound % bound;  // 2^64 mod bound: values below it would be drawn too often
  uint64_t x = Next();
  while (x < limit) x = Next();
  return x % bound;
}

int64_t RandomStream::Exponential(int64_t mean) {
  // -ln(u) with u = (x + 1) / 2^64: ln 2 * (64 - log2(x + 1)), log2 from its exponent and an interpolated table.
  const uint64_t x = Next() | 1;
  const int exponent = 63 - std::countl_zero(x);
  const uint64_t mantissa = exponent >= 32 ? x >> (exponent - 32) : x << (32 - exponent);  // 1.f with 32 bits of f
  const uint64_t f = mantissa & 0xffffffff;
  const uint64_t index = f >> 24;
  const uint64_t part = f & 0xffffff;
  const uint64_t log2 = (static_cast<uint64_t>(exponent) << 32) + kLog2.at[index] +
                        ((kLog2.at[index + 1] - kLog2.at[index]) * part >> 24);
  const uint64_t minus = (uint64_t{64} << 32) - log2;  // -log2(u), 32 fractional bits
  __extension__ using Wide = unsigned __int128;
  const uint64_t ln = static_cast<uint64_t>(static_cast<Wide>(minus) * 2977044472u >> 32);  // times ln 2 * 2^32
  return static_cast<int64_t>(static_cast<Wide>(ln) * static_cast<uint64_t>(mean) >> 32);
}

}  // namespace overlaysim
