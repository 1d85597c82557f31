#include "gui/replay/packet_list.h"

#include <gtest/gtest.h>

#include <condition_variable>

#include "gui/replay/journey.h"
#include "support/opened_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

struct Opened : test::OpenedRun {
  using OpenedRun::OpenedRun;
  std::unique_ptr<PacketList> List(PacketSource source) {
    std::string error;
    auto list = PacketList::Open(*run, source, error);
    EXPECT_TRUE(list) << error;
    while (list->Continue(1000)) {
    }
    return list;
  }
};

/// The rows that a filter job finds, once it has ended.
std::vector<uint64_t> Find(const Run& run, PacketSource source, const char* text) {
  FilterError error;
  auto filter = Filter::Compile(text, error);
  EXPECT_TRUE(filter) << error.message;
  std::mutex mutex;
  std::condition_variable changed;
  bool hasNews = false;
  FilterJob job(run, source, std::move(*filter), [&] {
    const std::lock_guard lock(mutex);
    hasNews = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  while (!job.IsDone()) {
    changed.wait(lock, [&] { return hasNews; });
    hasNews = false;
  }
  EXPECT_EQ(job.Error(), "");
  return job.TakeFound();
}

TEST(PacketList, HasARowForEachCapturedFrame) {
  Opened opened;
  const auto list = opened.List(PacketSource::Capture);
  ASSERT_EQ(list->Count(), opened.small.Frames());
  PacketRow row;
  ASSERT_TRUE(list->RowAt(1, row));
  EXPECT_EQ(row.number, 2u);
  EXPECT_EQ(row.place, "node1/eth0");
  EXPECT_EQ(row.source, "shop/cart");
  EXPECT_EQ(row.destination, "shop/redis");
  EXPECT_EQ(row.sourceAddress, "10.244.1.2");
  EXPECT_EQ(row.protocol, "ICMP");
  EXPECT_EQ(row.info, "Echo (ping) request  id=0x0001, seq=1/256, ttl=63");
  EXPECT_EQ(row.bytes, 148u);
  EXPECT_EQ(row.journey, SmallRun::Request(0));
  EXPECT_FALSE(list->RowAt(list->Count(), row));
}

TEST(PacketList, HasARowForEachRecordOfTheTrace) {
  Opened opened;
  const auto list = opened.List(PacketSource::Trace);
  ASSERT_EQ(list->Count(), opened.small.Records());
  std::string error;
  for (const uint64_t id : {SmallRun::Request(1), SmallRun::Reply(2)})
    for (const Hop& hop : ReadJourney(*opened.run, id, error).hops) {
      PacketContent content;
      ASSERT_TRUE(list->ContentAt(hop.index, content));
      EXPECT_EQ(content.bytes, hop.after);
      EXPECT_EQ(content.layer, hop.afterLayer);
      PacketRow row;
      ASSERT_TRUE(list->RowAt(hop.index, row));
      EXPECT_TRUE(row.isRecord);
      EXPECT_EQ(row.place, hop.place);
      EXPECT_EQ(row.source, id == SmallRun::Reply(2) ? "shop/redis" : "shop/cart");
    }
}

TEST(PacketList, FindsRowsByTime) {
  Opened opened;
  for (const PacketSource source : {PacketSource::Trace, PacketSource::Capture}) {
    const auto list = opened.List(source);
    PacketRow row, before;
    const uint64_t at = list->FirstAtOrAfter(SmallRun::kIntervalNs);
    ASSERT_TRUE(list->RowAt(at, row) && list->RowAt(at - 1, before));
    EXPECT_EQ(row.timeNs, SmallRun::kIntervalNs);
    EXPECT_LT(before.timeNs, SmallRun::kIntervalNs);
    EXPECT_EQ(list->FirstAtOrAfter(INT64_MAX), list->Count());
  }
}

TEST(PacketList, SaysWhyThereIsNone) {
  Opened opened({.hasTrace = false, .hasCapture = false});
  for (const PacketSource source : {PacketSource::Trace, PacketSource::Capture}) {
    std::string error;
    EXPECT_FALSE(PacketList::Open(*opened.run, source, error));
    EXPECT_FALSE(error.empty());
  }
}

TEST(FilterJob, FindsTheSameRowsAsLookingAtEach) {
  Opened opened({.pings = 5, .hasDrop = true});
  for (const char* text : {"", "sim.drop", "k8s.src.pod == redis", "vxlan.vni == 1 && ip.ttl == 63",
                           "sim.stage == Forward", "icmp.seq in {2..3} && eth"}) {
    const auto list = opened.List(PacketSource::Trace);
    FilterError error;
    const auto filter = Filter::Compile(text, error);
    std::vector<uint64_t> expected;
    for (uint64_t i = 0; i < list->Count(); ++i) {
      PacketRow row;
      PacketContent content;
      ASSERT_TRUE(list->RowAt(i, row) && list->ContentAt(i, content));
      if (filter->Matches({.plan = &opened.run->Plan(),
                           .packet = &content.packet,
                           .record = &row.record,
                           .number = i + 1,
                           .timeNs = row.timeNs,
                           .bytes = row.bytes,
                           .netns = row.record.netns,
                           .journey = row.journey,
                           .place = row.place}))
        expected.push_back(i);
    }
    EXPECT_EQ(Find(*opened.run, PacketSource::Trace, text), expected) << text;
    EXPECT_FALSE(expected.empty()) << text;
  }
}

TEST(FilterJob, FindsCapturedFrames) {
  Opened opened;
  EXPECT_EQ(
      Find(*opened.run, PacketSource::Capture, "frame.interface_name == \"shop/redis/eth0\" && icmp.type == 8").size(),
      3u);
  EXPECT_EQ(Find(*opened.run, PacketSource::Capture, "vxlan").size(), 12u);  // 3 pings and 3 replies at two nodes
  EXPECT_EQ(Find(*opened.run, PacketSource::Capture, "k8s.node == node2").size(), 12u);
}

TEST(FilterJob, CanBeCancelled) {
  Opened opened({.pings = 200});
  FilterError error;
  auto filter = Filter::Compile("vxlan", error);
  const FilterJob job(*opened.run, PacketSource::Trace, std::move(*filter), [] {});
  EXPECT_LE(job.Progress(), 1);
}

TEST(Run, FollowsARunThatIsStillBeingWritten) {
  SmallRun small({.pings = 2, .isComplete = false});
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  EXPECT_FALSE(run->IsComplete());
  const auto capture = PacketList::Open(*run, PacketSource::Capture, error);
  ASSERT_TRUE(capture) << error;
  while (capture->Continue(1000)) {
  }
  const uint64_t records = run->RecordCount(), frames = capture->Count();
  EXPECT_EQ(records, small.Records());
  EXPECT_FALSE(run->Refresh());
  small.GoOn();
  EXPECT_TRUE(run->Refresh());
  EXPECT_EQ(run->RecordCount(), small.Records());
  EXPECT_GT(run->RecordCount(), records);
  EXPECT_EQ(run->RecordAt(records)->record.journey, SmallRun::Request(2));
  capture->Refresh();
  while (capture->Continue(1000)) {
  }
  EXPECT_EQ(capture->Count(), frames + 8);  // request and reply, at four places each
}

}  // namespace
