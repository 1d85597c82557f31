#include "models/traffic/flow.h"

namespace overlaysim::traffic {

std::vector<uint8_t> CountingBytes(uint32_t count) {
  std::vector<uint8_t> bytes(count);
  for (uint32_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

bool IsCountingBytes(const uint8_t* data, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; ++i)
    if (data[i] != static_cast<uint8_t>(i)) return false;
  return true;
}

}  // namespace overlaysim::traffic
