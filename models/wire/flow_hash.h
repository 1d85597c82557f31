#pragma once

#include <cstdint>

#include "sim/base/addresses.h"

namespace overlaysim::wire {

/// What a hash of an IPv4 packet looks at. Ports are zero for fragments and for protocols without.
struct FlowKeys {
  Ipv4Address source, destination;
  uint8_t protocol = 0;
  uint16_t sourcePort = 0, destinationPort = 0;
};

/// Reads the keys from an IPv4 packet of `size` bytes; false if it is not one.
bool DissectIpv4(const uint8_t* ip, uint32_t size, FlowKeys& keys);

/// What a hash of an IPv6 packet looks at. A flow label stands for the ports.
struct FlowKeys6 {
  Ipv6Address source, destination;
  uint8_t protocol = 0;
  uint16_t sourcePort = 0, destinationPort = 0;  ///< of a flow without label; zero for fragments
  uint32_t flowLabel = 0;
};
bool DissectIpv6(const uint8_t* ip, uint32_t size, FlowKeys6& keys);

/// Hash of a packet that this host is about to send, from its route's flow (skb_get_hash_flowi6()): it stays with the
/// packet as a socket's does, and is not what FlowHash() makes of the same packet. ICMPv6's type and code stand where
/// ports do.
uint32_t FlowHashOfSender(FlowKeys6 keys, uint64_t seed);

/// ip6_make_flowlabel(): the label that a sender's hash gives; with net.ipv6.flowlabel_state_ranges it has a flag.
constexpr uint32_t FlowLabelOf(uint32_t hash, bool stateRanges) {
  return ((hash << 16 | hash >> 16) & 0xfffff) | (stateRanges ? 0x80000u : 0u);
}

/// Flow hash of a frame (Ethernet header first), never 0. Both directions of a flow have the same one; fragments, all
/// of them, are hashed without ports. Linux keys its hash with a random number at boot (net/core/flow_dissector.c,
/// flow_hash_from_keys(),
/// __flow_hash_consistentify()); ours is keyed by `seed`.
uint32_t FlowHash(const uint8_t* frame, uint32_t size, uint64_t seed);

/// Hash for choosing among next hops: of addresses alone (fib_multipath_hash_policy 0) or of the 5-tuple (policy 1 and
/// switches). Not symmetric (net/ipv4/route.c, fib_multipath_hash()).
uint32_t MultipathHash(const FlowKeys& keys, bool withPorts, uint64_t seed);
/// The same for IPv6 (rt6_multipath_hash()): policy 0 takes flow label and protocol besides the addresses.
uint32_t MultipathHash(const FlowKeys6& keys, bool withPorts, uint64_t seed);

/// The half-open range from which outer source ports are taken.
struct PortRange {
  uint16_t low = 32768, high = 60999;
};

/// Outer UDP source port for a tunnelled frame. It carries the inner flow's entropy, so that underlay routers hashing
/// the outer 5-tuple can spread tunnelled flows; frames of one flow always get the same port. Source: RFC 7348 section
/// 5; Linux include/net/udp.h, udp_flow_src_port().
uint16_t OuterSourcePort(uint32_t flowHash, PortRange ports);

}  // namespace overlaysim::wire
