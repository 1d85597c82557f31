#include "models/wire/headers.h"

#include "models/wire/checksum.h"

namespace overlaysim::wire {

void Ipv4::FillChecksum() const {
  Put16(p + 10, 0);
  Put16(p + 10, Checksum(p, HeaderBytes()));
}

void Ipv4::DecrementTtl() const {
  const uint16_t before = Get16(p + 8);
  --p[8];
  Put16(p + 10, ChecksumUpdate(Get16(p + 10), before, Get16(p + 8)));
}

void WriteIpv4(uint8_t* p, const Ipv4Fields& f) {
  p[0] = 0x45;
  p[1] = f.tos;
  Put16(p + 2, f.totalBytes);
  Put16(p + 4, f.identification);
  Put16(p + 6, f.fragmentField);
  p[8] = f.ttl;
  p[9] = f.protocol;
  PutIpv4(p + 12, f.source);
  PutIpv4(p + 16, f.destination);
  Ipv4{p}.FillChecksum();
}

void WriteIpv6(uint8_t* p, const Ipv6Fields& f) {
  Put32(p, 6u << 28 | uint32_t{f.trafficClass} << 20 | (f.flowLabel & 0xfffff));
  Put16(p + 4, f.payloadBytes);
  p[6] = f.nextHeader;
  p[7] = f.hopLimit;
  PutIpv6(p + 8, f.source);
  PutIpv6(p + 24, f.destination);
}

Ipv6Upper FindIpv6Upper(const uint8_t* ip, uint32_t size) {
  Ipv6Upper upper;
  if (size < kIpv6HeaderBytes) return upper;
  upper.protocol = ip[6];
  for (uint32_t at = kIpv6HeaderBytes; at <= size;) {
    const uint8_t* header = ip + at;
    const bool options = upper.protocol == kIpProtoHopByHop || upper.protocol == kIpProtoRouting ||
                         upper.protocol == kIpProtoDestinationOptions;
    if (!options && upper.protocol != kIpProtoFragment) return upper.offset = at, upper;
    if (size - at < 8) return upper;
    upper.protocol = header[0];
    if (options) {
      at += (header[1] + 1u) * 8;
      continue;
    }
    upper.fragmentOffset = at;
    at += kIpv6FragmentHeaderBytes;
    if (Ipv6Fragment{const_cast<uint8_t*>(header)}.OffsetBytes() != 0) {
      upper.laterFragment = true;
      return upper.offset = at, upper;
    }
  }
  return upper;
}

void Arp::Write(uint16_t operation, const MacAddress& senderMac, Ipv4Address senderIp, const MacAddress& targetMac,
                Ipv4Address targetIp) const {
  Put16(p, 1);
  Put16(p + 2, kEtherTypeIpv4);
  p[4] = 6;
  p[5] = 4;
  Put16(p + 6, operation);
  PutMac(p + 8, senderMac);
  PutIpv4(p + 14, senderIp);
  PutMac(p + 18, targetMac);
  PutIpv4(p + 24, targetIp);
}

}  // namespace overlaysim::wire
