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
