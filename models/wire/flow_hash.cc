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
  FlowKeys k;
  if (size < kEthernetHeaderBytes || Get16(frame + 12) != kEtherTypeIpv4 ||
      !DissectIpv4(frame + kEthernetHeaderBytes, size - kEthernetHeaderBytes, k))
    return HashKeys({{}, {}, 0, size >= kEthernetHeaderBytes ? Get16(frame + 12) : uint16_t{0}, 0}, seed);
  if (k.destination < k.source) std::swap(k.source, k.destination);
  if (k.destinationPort < k.sourcePort) std::swap(k.sourcePort, k.destinationPort);
  return HashKeys(k, seed);
}

uint32_t MultipathHash(const FlowKeys& keys, bool withPorts, uint64_t seed) {
  if (withPorts) return HashKeys(keys, seed ^ 0x6d756c7469706174ULL);
  return HashKeys({keys.source, keys.destination, 0, 0, 0}, seed ^ 0x6d756c7469706174ULL);
}

uint16_t OuterSourcePort(uint32_t flowHash, PortRange ports) {
  const uint32_t hash = flowHash ^ flowHash << 16;
  return static_cast<uint16_t>((uint64_t{hash} * (ports.high - ports.low) >> 32) + ports.low);
}

}  // namespace overlaysim::wire
