#include "models/wire/flow_hash.h"

#include <utility>

#include "models/wire/headers.h"

namespace overlaysim::wire {
namespace {

uint64_t Mix(uint64_t h, uint64_t v) {
  h ^= v;
  h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
  h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
  return h ^ h >> 33;
}

uint32_t HashKeys(const FlowKeys& k, uint64_t seed) {
  uint64_t h = Mix(seed ^ 0x9e3779b97f4a7c15ULL, uint64_t{k.source.value} << 32 | k.destination.value);
  h = Mix(h, uint64_t{k.protocol} << 32 | uint64_t{k.sourcePort} << 16 | k.destinationPort);
  const uint32_t hash = static_cast<uint32_t>(h >> 32);
  return hash != 0 ? hash : 1;
}

uint32_t HashKeys(const FlowKeys6& k, uint64_t seed) {
  uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL;
  for (const Ipv6Address* a : {&k.source, &k.destination})
    for (const size_t half : {size_t{0}, size_t{8}})
      h = Mix(h, uint64_t{Get32(&a->bytes[half])} << 32 | Get32(&a->bytes[half + 4]));
  h = Mix(h,
          uint64_t{k.flowLabel} << 40 | uint64_t{k.protocol} << 32 | uint64_t{k.sourcePort} << 16 | k.destinationPort);
  const uint32_t hash = static_cast<uint32_t>(h >> 32);
  return hash != 0 ? hash : 1;
}

/// __flow_hash_consistentify().
template <typename Keys>
void MakeSymmetric(Keys& k) {
  if (k.destination < k.source) std::swap(k.source, k.destination);
  if (k.destinationPort < k.sourcePort) std::swap(k.sourcePort, k.destinationPort);
}

// The kernel's keys of a sender's flow say nothing of the network protocol, and those of next hops are another set.
constexpr uint64_t kSenderSalt = 0x666c6f776936ULL, kMultipathSalt = 0x6d756c7469706174ULL;

}  // namespace

bool DissectIpv4(const uint8_t* ip, uint32_t size, FlowKeys& keys) {
  if (size < kIpv4HeaderBytes) return false;
  const Ipv4 h{const_cast<uint8_t*>(ip)};
  if (h.Version() != 4 || h.HeaderBytes() < kIpv4HeaderBytes) return false;
  keys = {h.Source(), h.Destination(), h.Protocol(), 0, 0};
  const bool hasPorts = keys.protocol == kIpProtoUdp || keys.protocol == kIpProtoTcp;
  if (hasPorts && !h.IsFragment() && size >= h.HeaderBytes() + 4) {
    keys.sourcePort = Get16(h.Payload());
    keys.destinationPort = Get16(h.Payload() + 2);
  }
  return true;
}

uint32_t FlowHash(const uint8_t* frame, uint32_t size, uint64_t seed) {
  const uint16_t type = size >= kEthernetHeaderBytes ? Get16(frame + 12) : uint16_t{0};
  const uint8_t* ip = frame + kEthernetHeaderBytes;
  if (FlowKeys k; type == kEtherTypeIpv4 && DissectIpv4(ip, size - kEthernetHeaderBytes, k)) {
    MakeSymmetric(k);
    return HashKeys(k, seed);
  }
  if (FlowKeys6 k; type == kEtherTypeIpv6 && DissectIpv6(ip, size - kEthernetHeaderBytes, k)) {
    MakeSymmetric(k);
    return HashKeys(k, seed);
  }
  return HashKeys(FlowKeys{{}, {}, 0, type, 0}, seed);
}

bool DissectIpv6(const uint8_t* ip, uint32_t size, FlowKeys6& keys) {
  if (size < kIpv6HeaderBytes) return false;
  const Ipv6 h{const_cast<uint8_t*>(ip)};
  if (h.Version() != 6) return false;
  keys = {h.Source(), h.Destination(), h.NextHeader(), 0, 0, h.FlowLabel()};
  if (keys.flowLabel != 0) return true;  // FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL
  const Ipv6Upper upper = FindIpv6Upper(ip, size);
  keys.protocol = upper.protocol;
  const bool hasPorts = keys.protocol == kIpProtoUdp || keys.protocol == kIpProtoTcp;
  if (hasPorts && upper.fragmentOffset == 0 && upper.offset != 0 && size >= upper.offset + 4) {
    keys.sourcePort = Get16(ip + upper.offset);
    keys.destinationPort = Get16(ip + upper.offset + 2);
  }
  return true;
}

uint32_t FlowHashOfSender(FlowKeys6 keys, uint64_t seed) {
  MakeSymmetric(keys);
  return HashKeys(keys, seed ^ kSenderSalt);
}

uint32_t MultipathHash(const FlowKeys& keys, bool withPorts, uint64_t seed) {
  if (withPorts) return HashKeys(keys, seed ^ kMultipathSalt);
  return HashKeys(FlowKeys{keys.source, keys.destination, 0, 0, 0}, seed ^ kMultipathSalt);
}

uint32_t MultipathHash(const FlowKeys6& keys, bool withPorts, uint64_t seed) {
  FlowKeys6 k = keys;
  if (withPorts)
    k.flowLabel = 0;
  else
    k.sourcePort = k.destinationPort = 0;
  return HashKeys(k, seed ^ kMultipathSalt);
}

uint16_t OuterSourcePort(uint32_t flowHash, PortRange ports) {
  const uint32_t hash = flowHash ^ flowHash << 16;
  return static_cast<uint16_t>((uint64_t{hash} * (ports.high - ports.low) >> 32) + ports.low);
}

}  // namespace overlaysim::wire
