#include "gui/replay/activity.h"

#include <gtest/gtest.h>

#include "sim/trace/trace_writer.h"
#include "support/gui/topologies.h"
#include "support/temporary_directory.h"

namespace overlaysim::replay {
namespace {

/// a - b, 10 Gbit/s; a's eth0 is its ifindex 2, as is b's.
class ActivityTest : public testing::Test {
 protected:
  void Append(int64_t timeNs, uint32_t netns, uint32_t bytes, Verdict verdict = Verdict::Continue) {
    TraceRecord record;
    record.timeNs = timeNs;
    record.journey = ++m_journey;
    record.netns = netns;
    record.ifindex = 2;
    record.sizeBytes = bytes;
    record.stage = Stage::Transmit;
    record.verdict = verdict;
    m_writer.Append(record);
  }

  std::optional<Activity> Read(int64_t endNs) {
    m_writer.Finish();
    std::string error;
    auto trace = TraceReader::Open(m_folder / "trace.bin", error);
    EXPECT_TRUE(trace) << error;
    return Activity::Read(
        *trace, m_topology, endNs, [this](double) { return !m_cancel; }, error);
  }

  test::TemporaryDirectory m_folder;
  TraceWriter m_writer{m_folder / "trace.bin"};
  Topology m_topology = test::Lab({"a", "b"}, {{0, 1}});
  uint64_t m_journey = 0;
  bool m_cancel = false;
};

TEST_F(ActivityTest, CountsFramesAndWireBytesOfEachDirectionInItsSlot) {
  Append(100, 0, 1000);
  Append(1'000'000, 1, 42);
  const auto activity = Read(2'000'000);
  ASSERT_TRUE(activity);
  const LinkSample* there = activity->At(0, Activity::Direction::AToB, 0);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->frames, 1u);
  EXPECT_EQ(there->wireBytes, 1024u);  // 1000 and 24 of preamble, FCS and gap
  EXPECT_EQ(activity->At(0, Activity::Direction::AToB, 1'000'000), nullptr);
  const LinkSample* back = activity->At(0, Activity::Direction::BToA, 1'000'000);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->wireBytes, 84u);  // padded to 60, and 24
  EXPECT_EQ(activity->Total(0, Activity::Direction::AToB).frames, 1u);
}

TEST_F(ActivityTest, FramesThatComeFasterThanTheCableAreQueued) {
  for (int i = 0; i < 3; ++i) Append(0, 0, 1226);  // 1250 on the wire: 1 us each at 10 Gbit/s
  const auto activity = Read(1'000'000);
  ASSERT_TRUE(activity);
  EXPECT_EQ(activity->At(0, Activity::Direction::AToB, 0)->maxQueueBytes, 2500u);
  EXPECT_EQ(activity->LongestQueue(), 2500u);
}

TEST_F(ActivityTest, DropsAreCountedAndListedInTheOrderOfTime) {
  Append(10, 0, 100, Verdict::QueueFull);
  Append(700'000, 1, 100, Verdict::LinkDown);
  const auto activity = Read(1'000'000);
  ASSERT_TRUE(activity);
  EXPECT_EQ(activity->At(0, Activity::Direction::AToB, 0)->drops, 1u);
  EXPECT_EQ(activity->At(0, Activity::Direction::AToB, 0)->frames, 0u);
  ASSERT_EQ(activity->Drops().size(), 2u);
  EXPECT_EQ(activity->Drops()[1].verdict, Verdict::LinkDown);
  EXPECT_EQ(activity->Drops()[1].index, 1u);
  EXPECT_EQ(activity->DropsAt(1, 700'000), 1u);
  EXPECT_EQ(activity->DropsAt(0, 700'000), 0u);
}

TEST_F(ActivityTest, UtilisationIsTheShareOfTheSlotThatTheCableIsSending) {
  Append(0, 0, 1226);  // 1 us
  const auto activity = Read(1'000'000);
  ASSERT_TRUE(activity);
  const LinkSample* sample = activity->At(0, Activity::Direction::AToB, 0);
  EXPECT_DOUBLE_EQ(activity->Utilisation(0, *sample), std::min(1.0, 1000.0 / static_cast<double>(activity->SlotNs())));
}

TEST_F(ActivityTest, ReadingEndsWhenItIsCancelled) {
  Append(0, 0, 100);
  m_cancel = true;
  EXPECT_FALSE(Read(1000));
}

TEST_F(ActivityTest, WithoutATraceTheMetricsSayWhatTheWholeRunCameTo) {
  RunMetrics metrics;
  LinkMetrics link;
  link.from = "b/eth0";
  link.to = "a/eth0";
  link.frames = 5;
  link.bytes = 625;  // 0.5 us at 10 Gbit/s
  metrics.links.push_back(link);
  link.from = "somebody/else";
  metrics.links.push_back(link);
  const Activity activity = Activity::OfWholeRun(metrics, m_topology, 999);
  EXPECT_TRUE(activity.IsWholeRun());
  EXPECT_EQ(activity.At(0, Activity::Direction::AToB, 0), nullptr);
  const LinkSample* sample = activity.At(0, Activity::Direction::BToA, 500);
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->frames, 5u);
  EXPECT_DOUBLE_EQ(activity.Utilisation(0, *sample), 0.5);
}

}  // namespace
}  // namespace overlaysim::replay
