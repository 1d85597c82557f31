#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/wire/checksum.h"
#include "models/wire/headers.h"
#include "support/golden_frame.h"
#include "support/world.h"

namespace overlaysim::test {

/// Right checksums of IPv4 or IPv6 and of what is inside, as far as the packet is whole.
inline bool HasRightChecksums(const uint8_t* p, uint32_t size) {
  if (p[0] >> 4 == 6) {
    const wire::Ipv6 ip6{const_cast<uint8_t*>(p)};
    if (ip6.NextHeader() == wire::kIpProtoFragment) return true;
    const uint64_t sum = wire::PseudoHeaderSum(ip6.Source(), ip6.Destination(), ip6.NextHeader(), ip6.PayloadBytes());
    return wire::ChecksumFold(wire::ChecksumAdd(ip6.Payload(), ip6.PayloadBytes(), sum)) == 0;
  }
  const wire::Ipv4 ip{const_cast<uint8_t*>(p)};
  if (wire::Checksum(p, 20) != 0) return false;
  if (ip.IsFragment()) return true;
  const uint32_t length = size - 20;
  const uint64_t pseudo = wire::PseudoHeaderSum(ip.Source(), ip.Destination(), ip.Protocol(), length);
  switch (ip.Protocol()) {
    case wire::kIpProtoIcmp:
      return wire::Checksum(ip.Payload(), length) == 0;
    case wire::kIpProtoUdp:
      if (wire::Get16(ip.Payload() + 6) == 0) return true;
      [[fallthrough]];
    case wire::kIpProtoTcp:
      return wire::ChecksumFold(wire::ChecksumAdd(ip.Payload(), length, pseudo)) == 0;
    default:
      return false;
  }
}

/// The n-th of the frames that has the golden's length, or all of them as text if there is none.
inline void ExpectGolden(const std::vector<World::Seen>& frames, const std::string& name) {
  const std::string golden = Golden(name);
  std::string others;
  for (const auto& seen : frames) {
    const std::string masked = Masked(seen.bytes, golden);
    if (masked == golden) {
      if (wire::Get16(&seen.bytes[12]) != wire::kEtherTypeArp) {
        EXPECT_TRUE(HasRightChecksums(&seen.bytes[14], static_cast<uint32_t>(seen.bytes.size()) - 14)) << name;
      }
      return;
    }
    if (masked.size() == golden.size()) others += masked + "\n";
  }
  FAIL() << name << " is not among " << frames.size() << " frames; wanted\n"
         << golden << "\nof that length there are\n"
         << others;
}

}  // namespace overlaysim::test
