#include "sim/trace/packet_heads.h"

#include <gtest/gtest.h>

namespace overlaysim {
namespace {

using Bytes = std::vector<uint8_t>;

TraceRecord Record(uint32_t packet, uint32_t sizeBytes) {
  TraceRecord record;
  record.journey = 7;
  record.packet = packet;
  record.sizeBytes = sizeBytes;
  return record;
}

Bytes After(const PacketHeads::Heads& heads) { return {heads.after.begin(), heads.after.end()}; }
Bytes Before(const PacketHeads::Heads& heads) { return {heads.before.begin(), heads.before.end()}; }

TEST(PacketHeads, HeadersGoOnAndOffInFront) {
  PacketHeads heads;
  const Bytes first{1, 2, 3}, outer{9, 8};
  EXPECT_TRUE(heads.Apply(Record(0, 3), {0, {}, first}).isFirst);
  const auto pushed = heads.Apply(Record(0, 5), {0, {}, outer});
  EXPECT_EQ(Before(pushed), (Bytes{1, 2, 3}));
  EXPECT_EQ(After(pushed), (Bytes{9, 8, 1, 2, 3}));
  const auto pulled = heads.Apply(Record(0, 3), {0, outer, {}});
  EXPECT_EQ(After(pulled), (Bytes{1, 2, 3}));
  EXPECT_TRUE(pulled.fits);
}

TEST(PacketHeads, PacketsOfAJourneyAreTheirOwn) {
  PacketHeads heads;
  const Bytes whole{1, 2, 3}, fragment{1, 5};
  heads.Apply(Record(0, 3), {0, {}, whole});
  EXPECT_EQ(After(heads.Apply(Record(1, 2), {0, {}, fragment})), fragment);
  EXPECT_EQ(After(heads.Apply(Record(0, 3), {})), whole);
}

TEST(PacketHeads, AChangeThatDoesNotFitLeavesNothingKnown) {
  PacketHeads heads;
  const Bytes first{1, 2, 3}, foreign{4}, other{5};
  heads.Apply(Record(0, 3), {0, {}, first});
  EXPECT_FALSE(heads.Apply(Record(0, 3), {1, foreign, other}).fits);
  EXPECT_EQ(After(heads.Apply(Record(0, 3), {0, {}, first})), Bytes{});
  PacketHeads beyond;
  beyond.Apply(Record(0, 3), {0, {}, first});
  EXPECT_FALSE(beyond.Apply(Record(0, 3), {4, {}, other}).fits);
}

TEST(PacketHeads, WhatIsCutOffBehindIsGone) {
  PacketHeads heads;
  const Bytes first{1, 2, 3};
  heads.Apply(Record(0, 3), {0, {}, first});
  EXPECT_EQ(After(heads.Apply(Record(0, 2), {})), (Bytes{1, 2}));
}

}  // namespace
}  // namespace overlaysim
