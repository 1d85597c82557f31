#include "models/wire/frame_codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "sim/base/random.h"

namespace overlaysim::wire {
namespace {

std::vector<uint8_t> Counting(size_t bytes) {
  std::vector<uint8_t> out(bytes);
  std::iota(out.begin(), out.end(), uint8_t{0});
  return out;
}

std::vector<uint8_t> Encode(const Frame& frame, std::span<const uint8_t> known = {}) {
  std::vector<uint8_t> bytes;
  ByteWriter writer(bytes);
  EncodeFrame(frame, known, writer);
  return bytes;
}

FramePtr Decode(std::span<const uint8_t> bytes, std::span<const uint8_t> known = {}) {
  ByteReader reader(bytes);
  FramePtr frame = DecodeFrame(reader, known);
  EXPECT_TRUE(!frame || reader.Left() == 0);
  return frame;
}

std::vector<uint8_t> BytesOf(const Frame& frame) { return {frame.Data(), frame.Data() + frame.LinearBytes()}; }

/// A frame with every mark that crosses a cable.
FramePtr Marked() {
  FramePtr frame = MakeFrame(Counting(9014));
  frame->journey = 0x100000007;
  frame->cause = 0x200000001;
  frame->packet = 3;
  frame->flow = 17;
  frame->hash = 0xabcdef01;
  frame->socketHash = true;
  frame->gateway = {0x0a000001};
  frame->protocol = 0x800;
  frame->iif = 4;
  frame->type = PacketType::OtherHost;
  frame->ignoreDf = true;
  frame->isSound = true;
  frame->maxFragment = 1480;
  frame->encapsulated = true;
  frame->options = {8, 20, 0, 24, 0, true, false, true, true};
  frame->tunnel = {{0x0a000002}, 42, 63, true, true};
  auto inner = std::make_shared<Sealed>(Sealed{Counting(40), nullptr});
  frame->sealed = std::make_shared<Sealed>(Sealed{Counting(200), inner});
  frame->seenHead = std::make_unique<SeenHead>();
  frame->seenHead->packet = 3;
  frame->seenHead->begin = frame->Begin() + 14;
  frame->seenHead->size = 20;
  std::memset(frame->seenHead->bytes.data(), 0x55, 20);
  return frame;
}

TEST(FrameCodec, EveryMarkAndByteComesThrough) {
  const FramePtr sent = Marked();
  const FramePtr got = Decode(Encode(*sent));
  ASSERT_TRUE(got);
  EXPECT_EQ(BytesOf(*got), BytesOf(*sent));
  EXPECT_EQ(got->journey, sent->journey);
  EXPECT_EQ(got->cause, sent->cause);
  EXPECT_EQ(got->packet, sent->packet);
  EXPECT_EQ(got->flow, sent->flow);
  EXPECT_EQ(got->hash, sent->hash);
  EXPECT_TRUE(got->socketHash);
  EXPECT_EQ(got->gateway, sent->gateway);
  EXPECT_EQ(got->protocol, sent->protocol);
  EXPECT_EQ(got->iif, sent->iif);
  EXPECT_EQ(got->type, sent->type);
  EXPECT_TRUE(got->ignoreDf);
  EXPECT_TRUE(got->isSound);
  EXPECT_EQ(got->maxFragment, sent->maxFragment);
  EXPECT_TRUE(got->encapsulated);
  EXPECT_EQ(std::memcmp(&got->options, &sent->options, sizeof sent->options), 0);
  EXPECT_EQ(got->tunnel.remote, sent->tunnel.remote);
  EXPECT_EQ(got->tunnel.id, sent->tunnel.id);
  EXPECT_EQ(got->tunnel.ttl, sent->tunnel.ttl);
  EXPECT_TRUE(got->tunnel.checksum && got->tunnel.dontFragment);
  ASSERT_TRUE(got->sealed && got->sealed->inner);
  EXPECT_EQ(got->sealed->content, sent->sealed->content);
  EXPECT_EQ(got->sealed->inner->content, sent->sealed->inner->content);
  EXPECT_FALSE(got->sealed->inner->inner);
  ASSERT_TRUE(got->seenHead);
  EXPECT_EQ(got->seenHead->begin, got->Begin() + 14);  // where it was, seen from the frame's begin
  EXPECT_EQ(got->seenHead->Bytes().size(), 20u);
  EXPECT_EQ(got->seenHead->bytes[19], 0x55);
}

TEST(FrameCodec, WhatBelongsToTheSendersKernelStaysThere) {
  const FramePtr frame = MakeFrame(Counting(60));
  frame->connection = 5;
  frame->connectionInfo = 2;
  frame->mark = 9;
  int entry = 0;
  frame->trail = &entry;
  frame->origin = 4;
  const FramePtr got = Decode(Encode(*frame));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->connection, 0u);
  EXPECT_EQ(got->connectionInfo, 0u);
  EXPECT_EQ(got->mark, 0u);
  EXPECT_EQ(got->trail, nullptr);
  EXPECT_EQ(got->origin, 0u);
}

TEST(FrameCodec, APayloadThatBothEndsHaveIsNamed) {
  const std::vector<uint8_t> here = Counting(2000), there = Counting(2000);
  FramePtr frame = MakeFrame(Counting(64));
  frame->SetTail(std::span(here).subspan(100, 1400));
  const std::vector<uint8_t> bytes = Encode(*frame, here);
  EXPECT_LT(bytes.size(), 200u);
  const FramePtr got = Decode(bytes, there);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->Size(), 1464u);
  EXPECT_EQ(got->Tail(), there.data() + 100);
}

TEST(FrameCodec, APayloadThatOnlyTheSenderHasIsSent) {
  const std::vector<uint8_t> own = Counting(1400), known = Counting(10);
  FramePtr frame = MakeFrame(Counting(64));
  frame->SetTail(own);
  const FramePtr got = Decode(Encode(*frame, known), known);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->LinearBytes(), 1464u);
  EXPECT_EQ(std::memcmp(got->Data() + 64, own.data(), own.size()), 0);
}

TEST(FrameCodec, CutBytesAreNoFrame) {
  const std::vector<uint8_t> bytes = Encode(*Marked());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(Decode(std::span(bytes).first(size))) << size << " of " << bytes.size();
}

TEST(FrameCodec, DamagedBytesAreNoFrameOrAFrame) {
  const std::vector<uint8_t> good = Encode(*Marked());
  RandomStream random(1, "damage");
  size_t frames = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> bytes = good;
    // The marks in front and behind: nearly all of the rest is payload.
    const size_t at = random.Below(2) ? random.Below(64) : 9070 + random.Below(bytes.size() - 9070);
    bytes[at] = static_cast<uint8_t>(random.Next());
    ByteReader reader(bytes);
    frames += DecodeFrame(reader, {}) != nullptr;
  }
  EXPECT_GT(frames, 0u);
  EXPECT_LT(frames, 20000u);
}

}  // namespace
}  // namespace overlaysim::wire
