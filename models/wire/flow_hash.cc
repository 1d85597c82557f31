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

/// Walks a frame's headers as __skb_flow_dissect() does with the keys of skb_get_hash(): into IP in IP, GRE and PPPoE,
/// behind VLAN tags, and no further than fragments, IPv6 flow labels and what it does not know.
class Dissector {
 public:
  Dissector(const uint8_t* frame, uint32_t size) : m_frame(frame), m_size(size) {
    if (size < kEthernetHeaderBytes) return;
    m_type = Get16(frame + 12);
    m_at = kEthernetHeaderBytes;
    // A tagged frame's network header is set behind its tags while its protocol still is that of the tag, so that what
    // follows is read as one more tag.
    while (IsVlan(Get16(frame + m_at - 2)) && Has(kVlanTagBytes)) m_at += kVlanTagBytes;
    for (int headers = 0; headers < kMostHeaders && Network(); ++headers) {
    }
  }

  uint32_t Hash(uint64_t seed) {
    if (m_extra != 0) seed = Mix(seed, m_extra);
    if (m_addresses == Addresses::V6) {
      m_v6.protocol = m_protocol;
      m_v6.sourcePort = m_ports.first;
      m_v6.destinationPort = m_ports.second;
      MakeSymmetric(m_v6);
      return HashKeys(m_v6, seed);
    }
    if (m_addresses == Addresses::V4) {
      m_v4.protocol = m_protocol;
      m_v4.sourcePort = m_ports.first;
      m_v4.destinationPort = m_ports.second;
      MakeSymmetric(m_v4);
      return HashKeys(m_v4, seed);
    }
    return HashKeys(FlowKeys{{}, {}, 0, m_type, 0}, seed);
  }

 private:
  enum class Addresses : uint8_t { None, V4, V6 };
  static constexpr int kMostHeaders = 15;  // MAX_FLOW_DISSECT_HDRS
  static constexpr uint32_t kVlanTagBytes = 4, kPppoeBytes = 8;
  static constexpr uint16_t kPppoeSession = 0x8864, kTransparentEthernet = 0x6558;

  static bool IsVlan(uint16_t type) { return type == kEtherTypeVlan || type == kEtherTypeServiceVlan; }
  bool Has(uint32_t bytes) const { return m_size >= m_at && m_size - m_at >= bytes; }

  /// One network header and what it carries; true: another network header, of m_type, follows.
  bool Network() {
    const uint8_t* const p = m_frame + m_at;
    if (IsVlan(m_type) && Has(kVlanTagBytes)) {
      m_extra = Mix(m_extra, uint64_t{m_type} << 16 | Get16(p));
      m_type = Get16(p + 2);
      m_at += kVlanTagBytes;
      return true;
    }
    if (m_type == kEtherTypeIpv4 && Has(kIpv4HeaderBytes)) {
      const Ipv4 ip{const_cast<uint8_t*>(p)};
      if (ip.HeaderBytes() < kIpv4HeaderBytes) return false;
      m_addresses = Addresses::V4;
      m_v4 = {ip.Source(), ip.Destination(), 0, 0, 0};
      m_protocol = ip.Protocol();
      m_at += ip.HeaderBytes();
      return !ip.IsFragment() && Transport();
    }
    if (m_type == kEtherTypeIpv6 && Has(kIpv6HeaderBytes)) {
      const Ipv6 ip{const_cast<uint8_t*>(p)};
      m_addresses = Addresses::V6;
      m_v6 = {ip.Source(), ip.Destination(), 0, 0, 0, ip.FlowLabel()};
      m_protocol = ip.NextHeader();
      m_at += kIpv6HeaderBytes;
      return m_v6.flowLabel == 0 && Transport();  // FLOW_DISSECTOR_F_STOP_AT_FLOW_LABEL
    }
    if (m_type == kPppoeSession && Has(kPppoeBytes) && Get16(p) == 0x1100) {
      const uint16_t ppp = Get16(p + 6);
      m_at += kPppoeBytes;
      if (ppp == 0x21)
        m_type = kEtherTypeIpv4;
      else if (ppp == 0x57)
        m_type = kEtherTypeIpv6;
      else
        return false;
      return true;
    }
    return false;
  }

  /// What follows an IP header; true: another network header, of m_type.
  bool Transport() {
    while (m_addresses == Addresses::V6 && (m_protocol == kIpProtoHopByHop || m_protocol == kIpProtoRouting ||
                                            m_protocol == kIpProtoDestinationOptions)) {
      if (!Has(2)) return false;
      m_protocol = m_frame[m_at];
      m_at += (m_frame[m_at + 1] + 1u) * 8;
    }
    switch (m_protocol) {
      case kIpProtoFragment:
        if (m_addresses == Addresses::V6 && Has(kIpv6FragmentHeaderBytes)) m_protocol = m_frame[m_at];
        return false;
      case kIpProtoIpip:
        m_type = kEtherTypeIpv4;
        return true;
      case kIpProtoIpv6:
        m_type = kEtherTypeIpv6;
        return true;
      case kIpProtoGre:
        return Gre();
      case kIpProtoTcp:
      case kIpProtoUdp:
      case kIpProtoDccp:
      case kIpProtoEsp:
      case kIpProtoSctp:
      case kIpProtoUdpLite:
        return ReadPorts(0);
      case kIpProtoAh:
        return ReadPorts(4);
      default:
        return false;
    }
  }

  bool ReadPorts(uint32_t offset) {  // of ESP and AH: the SPI
    if (Has(offset + 4)) m_ports = {Get16(m_frame + m_at + offset), Get16(m_frame + m_at + offset + 2)};
    return false;
  }

  bool Gre() {
    constexpr uint16_t kChecksum = 0x8000, kRouting = 0x4000, kKey = 0x2000, kSequence = 0x1000, kVersion = 7;
    if (!Has(4)) return false;
    const uint16_t flags = Get16(m_frame + m_at);
    if ((flags & (kRouting | kVersion)) != 0) return false;
    m_type = Get16(m_frame + m_at + 2);
    m_at += 4 + (flags & kChecksum ? 4 : 0);
    if (flags & kKey) {
      if (!Has(4)) return false;
      m_extra = Mix(m_extra, Get32(m_frame + m_at));
      m_at += 4;
    }
    m_at += flags & kSequence ? 4 : 0;
    if (m_type == kTransparentEthernet) {
      if (!Has(kEthernetHeaderBytes)) return false;
      m_type = Get16(m_frame + m_at + 12);
      m_at += kEthernetHeaderBytes;
    }
    return true;
  }

  const uint8_t* m_frame;
  uint32_t m_size, m_at = 0;
  uint16_t m_type = 0;
  uint64_t m_extra = 0;  ///< of tags and keys
  Addresses m_addresses = Addresses::None;
  FlowKeys m_v4;
  FlowKeys6 m_v6;
  uint8_t m_protocol = 0;
  std::pair<uint16_t, uint16_t> m_ports{0, 0};
};

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

uint32_t FlowHash(const uint8_t* frame, uint32_t size, uint64_t seed) { return Dissector(frame, size).Hash(seed); }

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
