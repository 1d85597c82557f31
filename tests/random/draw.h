#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/base/random.h"

namespace overlaysim::random {

/// Choices drawn from one seed.
class Draw {
 public:
  Draw(uint64_t seed, std::string_view name) : m_stream(seed, name) {}

  uint64_t Below(uint64_t bound) { return m_stream.Below(bound); }
  uint64_t Between(uint64_t least, uint64_t most) { return least + Below(most - least + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  uint8_t Byte() { return static_cast<uint8_t>(m_stream.Next()); }
  uint16_t Word() { return static_cast<uint16_t>(m_stream.Next()); }
  template <class T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }
  const char* Of(std::initializer_list<const char*> choices) { return choices.begin()[Below(choices.size())]; }
  uint32_t Of(std::initializer_list<uint32_t> choices) { return choices.begin()[Below(choices.size())]; }

 private:
  RandomStream m_stream;
};

}  // namespace overlaysim::random
