#include "models/host/seen_head.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "sim/trace/packet_heads.h"

namespace overlaysim::host {
namespace {

using Bytes = std::vector<uint8_t>;

class SeenHeads : public ::testing::Test {
 protected:
  /// Records the frame as Stack::Trace does and holds what a reader puts together against the frame itself.
  HeaderChange Record(const wire::Frame& frame) {
    TraceRecord record;
    record.packet = frame.packet;
    record.sizeBytes = frame.Size();
    const HeaderChange change = FindHeadChange(frame);
    const auto heads = m_heads.Apply(record, change);
    EXPECT_TRUE(heads.fits);
    EXPECT_LE(heads.after.size(), frame.Size());
    EXPECT_GE(heads.after.size(), std::min(frame.Size(), 32u));
    EXPECT_TRUE(std::equal(heads.after.begin(), heads.after.end(), frame.Data()));
    m_before.assign(change.before.begin(), change.before.end());
    m_after.assign(change.after.begin(), change.after.end());
    RememberHead(frame);
    return {change.offset, m_before, m_after};
  }

  static wire::FramePtr Numbers(uint32_t size) {
    wire::FramePtr frame = wire::MakeFrame(size);
    std::iota(frame->Data(), frame->Data() + size, uint8_t{1});
    return frame;
  }

  PacketHeads m_heads;
  Bytes m_before, m_after;
};

TEST_F(SeenHeads, FirstRecordHasTheWholeBeginning) {
  const auto frame = Numbers(2000);
  const HeaderChange change = Record(*frame);
  EXPECT_TRUE(change.before.empty());
  EXPECT_EQ(change.after.size(), 128u);
  EXPECT_TRUE(Record(*frame).IsEmpty());
}

TEST_F(SeenHeads, PushedPulledAndRewritten) {
  const auto frame = Numbers(100);
  Record(*frame);
  std::memset(frame->Push(14), 0xee, 14);
  EXPECT_EQ(Record(*frame).after.size(), 14u);
  frame->Pull(14);
  EXPECT_EQ(Record(*frame).before.size(), 14u);
  frame->Data()[8] = 99;
  const HeaderChange change = Record(*frame);
  EXPECT_EQ(change.offset, 8);
  EXPECT_EQ(Bytes(change.after.begin(), change.after.end()), Bytes{99});
}

TEST_F(SeenHeads, PulledAndRewrittenBehind) {
  const auto frame = Numbers(100);
  Record(*frame);
  frame->Pull(50);
  frame->Data()[1] = 0;
  const HeaderChange change = Record(*frame);
  EXPECT_EQ(change.before.size(), 52u);
  EXPECT_EQ(change.after.size(), 2u);
}

TEST_F(SeenHeads, MoreThanWasInSightIsPulled) {
  const auto frame = Numbers(1000);
  Record(*frame);
  frame->Pull(500);
  EXPECT_EQ(Record(*frame).before.size(), 128u);
}

TEST_F(SeenHeads, HeadroomThatRunsOutMovesTheFrame) {
  const auto frame = Numbers(100);
  Record(*frame);
  std::memset(frame->Push(wire::Frame::kHeadroom - 50), 0xee, wire::Frame::kHeadroom - 50);
  Record(*frame);
  std::memset(frame->Push(100), 0xdd, 100);
  EXPECT_EQ(Record(*frame).after.size(), 100u);
}

TEST_F(SeenHeads, OtherBytesInAFrameOfItsOwn) {
  const auto frame = Numbers(100);
  Record(*frame);
  const auto sealed = wire::MakeFrameLike(*frame, 60);
  std::memset(sealed->Data(), 0xcc, 60);
  const HeaderChange change = Record(*sealed);
  EXPECT_EQ(change.before.size(), 60u);  // what stood behind is known to be gone by the packet's size
  EXPECT_EQ(change.after.size(), 60u);
}

TEST_F(SeenHeads, ACopyHasABeginningOfItsOwn) {
  const auto frame = Numbers(100);
  Record(*frame);
  const auto copy = wire::CloneFrame(*frame);
  copy->packet = 1;
  EXPECT_EQ(Record(*copy).after.size(), 100u);
}

}  // namespace
}  // namespace overlaysim::host
