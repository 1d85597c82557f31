#include "models/wire/checksum.h"

#include <bit>
#include <cstring>

namespace overlaysim::wire {

uint64_t ChecksumAdd(const uint8_t* data, size_t size, uint64_t sum) {
  // Words are added in the machine's byte order and the total is swapped once: the sum is independent of it (RFC 1071,
  // 2B).
  uint64_t raw = 0;
  while (size >= 32) {
    uint32_t w[8];
    std::memcpy(w, data, 32);
    raw += uint64_t{w[0]} + w[1] + w[2] + w[3] + w[4] + w[5] + w[6] + w[7];
    data += 32;
    size -= 32;
  }
  while (size >= 2) {
    uint16_t w;
    std::memcpy(&w, data, 2);
    raw += w;
    data += 2;
    size -= 2;
  }
  if (size == 1) {
    const uint8_t pair[2] = {*data, 0};
    uint16_t w;
    std::memcpy(&w, pair, 2);
    raw += w;
  }
  while (raw >> 16) raw = (raw & 0xffff) + (raw >> 16);
  if constexpr (std::endian::native == std::endian::little) raw = (raw >> 8 | raw << 8) & 0xffff;
  return sum + raw;
}

uint16_t ChecksumFold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

uint64_t PseudoHeaderSum(Ipv4Address source, Ipv4Address destination, uint8_t protocol, uint32_t length) {
  return uint64_t{source.value >> 16} + (source.value & 0xffff) + (destination.value >> 16) +
         (destination.value & 0xffff) + protocol + (length >> 16) + (length & 0xffff);
}

uint64_t PseudoHeaderSum(const Ipv6Address& source, const Ipv6Address& destination, uint8_t protocol, uint32_t length) {
  const uint64_t addresses = ChecksumAdd(source.bytes.data(), 16, ChecksumAdd(destination.bytes.data(), 16));
  return addresses + protocol + (length >> 16) + (length & 0xffff);
}

uint16_t ChecksumUpdate(uint16_t checksum, uint16_t before, uint16_t after) {
  return ChecksumFold(uint64_t{static_cast<uint16_t>(~checksum)} + static_cast<uint16_t>(~before) + after);
}

uint64_t PseudoHeaderSum(const IpAddress& source, const IpAddress& destination, uint8_t protocol, uint32_t length) {
  return destination.IsV6() ? PseudoHeaderSum(source.V6(), destination.V6(), protocol, length)
                            : PseudoHeaderSum(source.V4(), destination.V4(), protocol, length);
}

}  // namespace overlaysim::wire
