#include "models/traffic/flow.h"

#include <cstring>

namespace overlaysim::traffic {

std::vector<uint8_t> CountingBytes(uint32_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint32_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

std::span<const uint8_t> SharedCountingBytes(uint32_t count) {
  static const std::vector<uint8_t> kBytes = CountingBytes(UINT16_MAX);
  return std::span(kBytes).first(count);
}

bool IsCountingBytes(const uint8_t* data, uint32_t bytes) {
  return bytes <= UINT16_MAX && std::memcmp(data, SharedCountingBytes(bytes).data(), bytes) == 0;
}

}  // namespace overlaysim::traffic
