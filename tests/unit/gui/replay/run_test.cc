#include "gui/replay/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "support/small_run.h"

using namespace overlaysim;
using namespace overlaysim::replay;
using overlaysim::test::SmallRun;

namespace {

/// Writes other bytes into a file of a run whose digest nobody checks.
void Overwrite(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
}

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

TEST(Run, TakesAPortForVxlansOnlyWhereADeviceOfThatKindHasIt) {
  for (const bool isVxlan : {true, false}) {
    const SmallRun small({.isComplete = false});
    std::string plan = SmallRun::Plan();
    const std::string_view old = R"("kind":"vxlan","vni":1,"port":8472)";
    plan.replace(plan.find(old), old.size(),
                 isVxlan ? R"("kind":"vxlan","vni":1,"port":5000)" : R"("kind":"wireguard","port":5000)");
    Overwrite(small.File(run_file::kPlan), plan);
    std::string error;
    const auto run = Run::Open(small.Path(), error);
    ASSERT_TRUE(run) << error;
    const auto ports = run->VxlanPorts();
    EXPECT_EQ(std::find(ports.begin(), ports.end(), 5000) != ports.end(), isVxlan);
  }
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

TEST(Run, SaysWhatIsDamagedAndShowsTheRest) {
  const SmallRun small({.isComplete = false, .hasMetrics = false});
  for (const char* content : {"", "OVSTRACE", "no trace at all, but a text"}) {
    Overwrite(small.File(run_file::kTrace), content);
    std::string error;
    const auto run = Run::Open(small.Path(), error);
    ASSERT_TRUE(run) << error;
    EXPECT_FALSE(run->HasTrace());
    EXPECT_EQ(run->RecordCount(), 0u);
    EXPECT_EQ(run->Warnings().size(), 2u);  // that it has not ended, and that there are no packets
    EXPECT_FALSE(run->RecordAt(0));
    EXPECT_TRUE(run->HeadAt(0).empty());
    EXPECT_FALSE(run->Tables());
    EXPECT_FALSE(run->Error().empty());
  }
}

TEST(Run, ReadsATraceUpToWhereItIsCut) {
  const SmallRun small({.pings = 2, .isComplete = false});
  std::ifstream in(small.File(run_file::kTrace), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (size_t size = 16; size < whole.size(); size += 97) {
    Overwrite(small.File(run_file::kTrace), std::string_view(whole).substr(0, size));
    std::string error;
    const auto run = Run::Open(small.Path(), error);
    ASSERT_TRUE(run) << error;
    for (uint64_t i = 0; i < run->RecordCount(); ++i) EXPECT_TRUE(run->RecordAt(i)) << run->Error();
    run->FirstAtOrAfter(0);
    run->Density(10);
  }
}

TEST(Run, RefusesAPlanThatIsNone) {
  const SmallRun small({.isComplete = false});
  Overwrite(small.File(run_file::kPlan), "{\"namespaces\": 3");
  std::string error;
  EXPECT_FALSE(Run::Open(small.Path(), error));
  EXPECT_NE(error.find("plan.json"), std::string::npos) << error;
}

TEST(Run, RefusesWhatIsNoRun) {
  const test::TemporaryDirectory scratch;
  std::string error;
  EXPECT_FALSE(Run::Open(scratch.Path(), error));
  EXPECT_FALSE(error.empty());
}

}  // namespace
