#pragma once

#include "models/linux/fib.h"
#include "sim/base/addresses.h"

namespace overlaysim::plan {

// The IPv6 underlay is the IPv4 one once more: what has an IPv4 address there has an IPv6 one too, a prefix of 96 bits
// with the IPv4 address behind it (as RFC 6052, section 2.2, writes them). A subnet of /24 is one of /120, and
// routes are the same ones.

constexpr uint8_t kEmbeddingBits = 96;

Ipv6Address Embed(const Ipv6Prefix& prefix, Ipv4Address address);
/// 0.0.0.0/0 is ::/0.
Ipv6Prefix Embed(const Ipv6Prefix& prefix, const Ipv4Prefix& subnet);
kernel::Route6 Embed(const Ipv6Prefix& prefix, const kernel::Route& route);
/// The IPv4 address of such an IPv6 one.
Ipv4Address Embedded(const Ipv6Address& address);

/// `address` + `n`.
Ipv6Address Advance(Ipv6Address address, uint64_t n);
/// The n-th part of that length, from 0; `length` is at least that of the network.
Ipv6Prefix NthPart(const Ipv6Prefix& network, uint8_t length, uint64_t n);

}  // namespace overlaysim::plan
