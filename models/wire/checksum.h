#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/base/addresses.h"

namespace overlaysim::wire {

/// The ones' complement sum of the bytes as 16-bit words (RFC 1071), not folded and not inverted; an odd last byte
/// counts as the high half of a word. Sums may be added when each starts at an even offset.
uint64_t ChecksumAdd(const uint8_t* data, size_t size, uint64_t sum = 0);

/// Folds a sum to 16 bits and inverts it: what stands in a header.
uint16_t ChecksumFold(uint64_t sum);

/// The pseudo header of UDP and TCP over IPv4 (RFC 768): addresses, protocol and length.
uint64_t PseudoHeaderSum(Ipv4Address source, Ipv4Address destination, uint8_t protocol, uint32_t length);
/// The pseudo header of everything over IPv6, ICMPv6 too (RFC 8200, section 8.1).
uint64_t PseudoHeaderSum(const Ipv6Address& source, const Ipv6Address& destination, uint8_t protocol, uint32_t length);
/// Of two addresses of one family.
uint64_t PseudoHeaderSum(const IpAddress& source, const IpAddress& destination, uint8_t protocol, uint32_t length);

/// Checksum of an IPv4 header, ICMP message or the like; over data with its right checksum in place it gives 0.
inline uint16_t Checksum(const uint8_t* data, size_t size) { return ChecksumFold(ChecksumAdd(data, size)); }

/// The checksum after a 16-bit word under it changed from `before` to `after` (RFC 1624, equation 3).
uint16_t ChecksumUpdate(uint16_t checksum, uint16_t before, uint16_t after);

}  // namespace overlaysim::wire
