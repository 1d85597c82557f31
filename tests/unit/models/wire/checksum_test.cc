#include "models/wire/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "sim/base/random.h"

namespace overlaysim::wire {
namespace {

/// The sum written as RFC 1071 section 4.1 has it, byte by byte.
uint16_t Plain(const std::vector<uint8_t>& data) {
  uint32_t sum = 0;
  for (size_t i = 0; i < data.size(); ++i) sum += i % 2 == 0 ? data[i] << 8 : data[i];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

TEST(Checksum, AddsTheExampleOfRfc1071) {
  // RFC 1071, section 3: 0001 + f203 + f4f5 + f6f7 = 2ddf0, folded ddf2
  const uint8_t data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(Checksum(data, sizeof data), 0xffff - 0xddf2);
}

TEST(Checksum, TakesAnOddLastByteAsTheHighHalfOfAWord) {
  const uint8_t data[] = {0x12, 0x34, 0x56};
  EXPECT_EQ(Checksum(data, 3), 0xffff - (0x1234 + 0x5600));
  EXPECT_EQ(Checksum(data, 1), 0xffff - 0x1200);
  EXPECT_EQ(Checksum(data, 0), 0xffff);
}

TEST(Checksum, AgreesWithThePlainSumForEverySizeAndOffset) {
  RandomStream random(7, "checksum");
  std::vector<uint8_t> data(200);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.Next());
  for (size_t offset : {0u, 1u, 3u})
    for (size_t size = 0; size + offset <= data.size(); ++size) {
      const std::vector<uint8_t> part(data.begin() + static_cast<std::ptrdiff_t>(offset),
                                      data.begin() + static_cast<std::ptrdiff_t>(offset + size));
      ASSERT_EQ(Checksum(data.data() + offset, size), Plain(part)) << size << " bytes at " << offset;
    }
}

TEST(Checksum, DoesNotOverflowOnTheLargestDatagram) {
  const std::vector<uint8_t> ones(65535, 0xff);
  // 32767 words of ffff are zero in ones' complement; the odd byte is ff00
  EXPECT_EQ(Checksum(ones.data(), ones.size()), 0x00ff);
}

TEST(Checksum, OfPartsThatBeginAtEvenOffsetsMayBeAdded) {
  const std::vector<uint8_t> data = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(ChecksumFold(ChecksumAdd(data.data() + 4, 5, ChecksumAdd(data.data(), 4))), Plain(data));
}

TEST(Checksum, OverDataWithItsChecksumInPlaceIsZero) {
  // UDP of 115 bytes from 192.168.0.1 to 192.168.0.199; its words but b861 add up to 479e, and ~479e is b861
  const uint8_t header[] = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                            0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_EQ(Checksum(header, sizeof header), 0);
}

TEST(PseudoHeader, IsAddressesProtocolAndLength) {
  // c0a8 + 0001 + c0a8 + 00c7 + 0011 + 000a
  EXPECT_EQ(PseudoHeaderSum(Ipv4Address{0xc0a80001}, {0xc0a800c7}, 17, 10), 0xc0a8u + 1 + 0xc0a8 + 0xc7 + 17 + 10);
}

TEST(ChecksumUpdate, GivesTheExampleOfRfc1624) {
  // RFC 1624, section 4: HC = dd2f, m = 5555, m' = 3285 give 0000, where equation 2 gives ffff
  EXPECT_EQ(ChecksumUpdate(0xdd2f, 0x5555, 0x3285), 0x0000);
}

TEST(ChecksumUpdate, AgreesWithAFullSum) {
  RandomStream random(3, "update");
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> data(20);
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.Next());
    const uint16_t before = static_cast<uint16_t>(data[8] << 8 | data[9]);
    const uint16_t old = Checksum(data.data(), data.size());
    data[8] = static_cast<uint8_t>(random.Next());
    const uint16_t after = static_cast<uint16_t>(data[8] << 8 | data[9]);
    ASSERT_EQ(ChecksumUpdate(old, before, after), Checksum(data.data(), data.size()));
  }
}

TEST(PseudoHeaderSum, OfIpv6CountsAddressesLengthAndProtocol) {
  // ICMPv6 of RFC 8200's pseudo header by hand: fd00::1 + ff02::2 = fd00 + 1 + ff02 + 2, and 8 + 58.
  EXPECT_EQ(ChecksumFold(PseudoHeaderSum(*Ipv6Address::Parse("fd00::1"), *Ipv6Address::Parse("ff02::2"), 58, 8)),
            ChecksumFold(uint64_t{0xfd00} + 1 + 0xff02 + 2 + 8 + 58));
}

}  // namespace
}  // namespace overlaysim::wire
