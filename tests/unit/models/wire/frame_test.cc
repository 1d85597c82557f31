#include "models/wire/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace overlaysim::wire {
namespace {

std::vector<uint8_t> Counting(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}
std::vector<uint8_t> Bytes(const Frame& frame) { return {frame.Data(), frame.Data() + frame.Size()}; }

TEST(Frame, HoldsTheBytesItIsMadeOf) {
  EXPECT_EQ(Bytes(*MakeFrame(Counting(60))), Counting(60));
  EXPECT_EQ(MakeFrame(std::vector<uint8_t>{})->Size(), 0u);
}

TEST(Frame, PushAndPullMoveTheBeginAndLeaveTheRest) {
  FramePtr frame = MakeFrame(Counting(40));
  uint8_t* front = frame->Push(14);
  EXPECT_EQ(front, frame->Data());
  EXPECT_EQ(frame->Size(), 54u);
  std::fill(front, front + 14, uint8_t{0xee});
  EXPECT_EQ(frame->Data()[14], 0);
  frame->Pull(14);
  EXPECT_EQ(Bytes(*frame), Counting(40));
  frame->Pull(40);
  EXPECT_EQ(frame->Size(), 0u);
}

TEST(Frame, AppendAndTrimMoveTheEnd) {
  FramePtr frame = MakeFrame(Counting(10));
  *frame->Append(1) = 10;
  EXPECT_EQ(Bytes(*frame), Counting(11));
  frame->Trim(4);
  EXPECT_EQ(Bytes(*frame), Counting(4));
}

TEST(Frame, GrowsInFrontWhenManyTunnelsAreNested) {
  FramePtr frame = MakeFrame(Counting(1500));
  frame->journey = 5;
  for (int i = 0; i < 20; ++i) std::fill_n(frame->Push(50), 50, static_cast<uint8_t>(i));
  EXPECT_EQ(frame->Size(), 2500u);
  EXPECT_EQ(frame->Data()[0], 19);
  EXPECT_EQ(frame->Data()[999], 0);
  EXPECT_EQ(std::vector<uint8_t>(frame->Data() + 1000, frame->Data() + 2500), Counting(1500));
  EXPECT_EQ(frame->journey, 5u);
}

TEST(Frame, TakesTheLargestDatagramWithItsOuterHeaders) {
  FramePtr frame = MakeFrame(65535);
  frame->Push(14);
  frame->Push(50);
  EXPECT_EQ(frame->Size(), 65599u);
}

TEST(Frame, OfEachPoolClassIsWritableToItsEnd) {
  // The classes end at 512, 2048, 10240 and 66048 bytes, headroom included.
  for (uint32_t size : {319u, 320u, 321u, 1855u, 1856u, 1857u, 10047u, 10048u, 10049u, 65535u}) {
    FramePtr frame = MakeFrame(size);
    ASSERT_EQ(frame->Size(), size);
    std::fill_n(frame->Data(), size, uint8_t{0xab});
  }
}

TEST(Frame, ComesBackFromThePoolWithoutItsPast) {
  {
    FramePtr used = MakeFrame(100);
    used->journey = 7;
    used->hash = 9;
    used->mark = 1;
    used->ignoreDf = used->socketHash = true;
    used->maxFragment = 1400;
    used->flow = 3;
    used->iif = 2;
    used->type = PacketType::OtherHost;
    used->Push(10);
  }
  const FramePtr fresh = MakeFrame(100);
  EXPECT_EQ(fresh->Size(), 100u);
  EXPECT_EQ(fresh->journey, 0u);
  EXPECT_EQ(fresh->hash, 0u);
  EXPECT_EQ(fresh->mark, 0u);
  EXPECT_FALSE(fresh->ignoreDf || fresh->socketHash);
  EXPECT_EQ(fresh->maxFragment, 0);
  EXPECT_EQ(fresh->flow, UINT32_MAX);
  EXPECT_EQ(fresh->iif, 0);
  EXPECT_EQ(fresh->type, PacketType::Outgoing);
}

TEST(Frame, CloneHasTheBytesAndEveryMark) {
  FramePtr frame = MakeFrame(Counting(80));
  frame->journey = 1;
  frame->packet = 2;
  frame->cause = 3;
  frame->flow = 4;
  frame->hash = 5;
  frame->socketHash = true;
  frame->mark = 6;
  frame->iif = 7;
  frame->type = PacketType::Multicast;
  frame->ignoreDf = true;
  frame->maxFragment = 8;
  const FramePtr copy = CloneFrame(*frame);
  EXPECT_EQ(Bytes(*copy), Counting(80));
  EXPECT_NE(copy->Data(), frame->Data());
  EXPECT_EQ(
      std::tie(copy->journey, copy->packet, copy->cause, copy->flow, copy->hash, copy->socketHash, copy->mark),
      std::tie(frame->journey, frame->packet, frame->cause, frame->flow, frame->hash, frame->socketHash, frame->mark));
  EXPECT_EQ(std::tie(copy->iif, copy->type, copy->ignoreDf, copy->maxFragment),
            std::tie(frame->iif, frame->type, frame->ignoreDf, frame->maxFragment));
  frame->Data()[0] = 0xff;
  EXPECT_EQ(copy->Data()[0], 0);
}

TEST(FrameDeathTest, RefusesToPullMoreThanItHas) {
  FramePtr frame = MakeFrame(10);
  EXPECT_DEATH(frame->Pull(11), "pulling 11 bytes of 10");
  EXPECT_DEATH(frame->Trim(11), "trimming 10 bytes to 11");
}

}  // namespace
}  // namespace overlaysim::wire
