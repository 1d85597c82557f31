#include "gui/replay/run.h"

#include <gtest/gtest.h>

#include "support/small_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

TEST(Run, OpensARunDirectory) {
  const SmallRun small;
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  EXPECT_EQ(run->Plan().name, "small");
  EXPECT_EQ(run->RecordCount(), small.Records());
  EXPECT_TRUE(run->Warnings().empty());
  EXPECT_TRUE(run->Metrics());
  EXPECT_EQ(run->EndNs(), 2 * SmallRun::kIntervalNs + 4 * 1100);  // the last reply crosses four cables of 1.1 us
}

TEST(Run, FindsRecordsByNumberAndByTime) {
  const SmallRun small;
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  const StoredRecord* first = run->RecordAt(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->record.stage, Stage::Send);
  EXPECT_EQ(first->record.journey, SmallRun::Request(0));
  EXPECT_EQ(run->FirstAtOrAfter(0), 0u);
  const uint64_t second = run->FirstAtOrAfter(SmallRun::kIntervalNs);
  ASSERT_TRUE(run->RecordAt(second));
  EXPECT_EQ(run->RecordAt(second)->record.journey, SmallRun::Request(1));
  EXPECT_EQ(run->FirstAtOrAfter(run->EndNs() + 1), run->RecordCount());
  EXPECT_FALSE(run->RecordAt(run->RecordCount()));
  EXPECT_FALSE(run->Error().empty());
}

TEST(Run, CountsEveryRecordInTheDensity) {
  const SmallRun small;
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  for (const size_t buckets : {1, 7, 1000}) {
    double sum = 0;
    for (const double count : run->Density(buckets)) sum += count;
    EXPECT_NEAR(sum, static_cast<double>(small.Records()), 1e-6) << buckets;
  }
}

TEST(Run, OpensARunWithoutTraceAndSaysSo) {
  const SmallRun small({.hasTrace = false});
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  EXPECT_FALSE(run->HasTrace());
  EXPECT_EQ(run->RecordCount(), 0u);
  ASSERT_EQ(run->Warnings().size(), 1u);
  EXPECT_FALSE(run->Tables());
}

TEST(Run, RefusesWhatIsNoRun) {
  const test::TemporaryDirectory scratch;
  std::string error;
  EXPECT_FALSE(Run::Open(scratch.Path(), error));
  EXPECT_FALSE(error.empty());
}

}  // namespace
