#include "sim/plan/ipv6.h"

namespace overlaysim::plan {

Ipv6Address Embed(const Ipv6Prefix& prefix, Ipv4Address address) {
  Ipv6Address out = prefix.address;
  for (size_t i = 0; i < 4; ++i) out.bytes[12 + i] = static_cast<uint8_t>(address.value >> (24 - 8 * i));
  return out;
}

Ipv6Prefix Embed(const Ipv6Prefix& prefix, const Ipv4Prefix& subnet) {
  if (subnet.length == 0) return {};
  return {Embed(prefix, subnet.address), static_cast<uint8_t>(kEmbeddingBits + subnet.length)};
}

kernel::Route6 Embed(const Ipv6Prefix& prefix, const kernel::Route& route) {
  kernel::Route6 out{.dst = Embed(prefix, route.dst), .type = route.type, .protocol = route.protocol};
  for (const kernel::NextHop& hop : route.nextHops)
    out.nextHops.push_back({.gateway = hop.gateway.IsZero() ? Ipv6Address{} : Embed(prefix, hop.gateway),
                            .ifindex = hop.ifindex,
                            .weight = hop.weight,
                            .onlink = hop.onlink});
  return out;
}

Ipv4Address Embedded(const Ipv6Address& address) {
  Ipv4Address out;
  for (size_t i = 12; i < 16; ++i) out.value = out.value << 8 | address.bytes[i];
  return out;
}

Ipv6Address Advance(Ipv6Address address, uint64_t n) {
  for (size_t i = 16; i-- > 0 && n != 0; n >>= 8) {
    const uint64_t sum = address.bytes[i] + (n & 0xff);
    address.bytes[i] = static_cast<uint8_t>(sum);
    n += sum & 0x100;  // the carry
  }
  return address;
}

Ipv6Prefix NthPart(const Ipv6Prefix& network, uint8_t length, uint64_t n) {
  Ipv6Prefix out{network.address, length};
  for (size_t bit = length; bit-- > network.length && n != 0; n >>= 1)
    if (n & 1) out.address.bytes[bit / 8] = static_cast<uint8_t>(out.address.bytes[bit / 8] | 0x80 >> bit % 8);
  return out;
}

}  // namespace overlaysim::plan
