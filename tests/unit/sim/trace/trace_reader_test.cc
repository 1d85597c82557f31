#include "sim/trace/trace_reader.h"

#include <gtest/gtest.h>

#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

TEST(TraceReader, ReadsBackWhatWasWritten) {
  const test::TemporaryDirectory directory;
  const auto written = WriteSmallTrace(directory / "t");
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  EXPECT_TRUE(reader->IsComplete());
  EXPECT_EQ(reader->RecordCount(), 3U);
  std::vector<KeptRecord> read;
  ASSERT_TRUE(reader->VisitAll(KeepIn(read))) << reader->Error();
  EXPECT_EQ(read, written);
  EXPECT_EQ(
      reader->Totals(),
      (TraceCounts{{{0, 5, Verdict::Continue}, 1}, {{3, 2, Verdict::Continue}, 1}, {{3, 2, Verdict::TtlExpired}, 1}}));
}

TEST(TraceReader, KnowsTheTimesAndJourneysOfAChunkWithoutReadingIt) {
  const test::TemporaryDirectory directory;
  WriteSmallTrace(directory / "t");
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  ASSERT_EQ(reader->RecordChunks().size(), 2U);
  const auto& first = reader->RecordChunks()[0];
  EXPECT_EQ(first.count, 2U);
  EXPECT_EQ(first.firstNs, 1000);
  EXPECT_EQ(first.lastNs, 2500);
  TraceReader::Summary summary;
  ASSERT_TRUE(reader->ReadSummary(first, summary)) << reader->Error();
  EXPECT_EQ(summary.journeys, (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(summary.counts.size(), 2U);
}

TEST(TraceReader, FollowsOneJourneyOverAllChunks) {
  const test::TemporaryDirectory directory;
  const auto written = WriteSmallTrace(directory / "t");
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  std::vector<KeptRecord> journey;
  ASSERT_TRUE(reader->VisitJourney(1, KeepIn(journey))) << reader->Error();
  EXPECT_EQ(journey, (std::vector<KeptRecord>{written[0], written[2]}));
  journey.clear();
  ASSERT_TRUE(reader->VisitJourney(99, KeepIn(journey)));
  EXPECT_TRUE(journey.empty());
}

TEST(TraceReader, StopsWhenTheVisitorHasSeenEnough) {
  const test::TemporaryDirectory directory;
  WriteSmallTrace(directory / "t");
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  int seen = 0;
  EXPECT_TRUE(reader->VisitAll([&](const TraceRecord&, const HeaderChange&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST(TraceReader, FindsEverythingAgainWithoutTheDirectory) {
  const test::TemporaryDirectory directory;
  const auto written = WriteSmallTrace(directory / "t", false);
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  EXPECT_FALSE(reader->IsComplete());
  EXPECT_EQ(reader->LostBytes(), 0U);
  std::vector<KeptRecord> read;
  ASSERT_TRUE(reader->VisitAll(KeepIn(read))) << reader->Error();
  EXPECT_EQ(read, written);
  EXPECT_EQ(reader->Totals().size(), 3U);
  read.clear();
  ASSERT_TRUE(reader->VisitJourney(2, KeepIn(read)));
  EXPECT_EQ(read.size(), 1U);
  TableHistory tables;
  ASSERT_TRUE(reader->ReadTables(tables)) << reader->Error();
  EXPECT_EQ(tables.PlaceName(3, 2), "pod-a/eth0");
}

// Every prefix of a trace opens and gives whole chunks, or says that it is no trace.
TEST(TraceReader, OpensATraceThatIsCutAnywhere) {
  const test::TemporaryDirectory directory;
  const auto written = WriteSmallTrace(directory / "t");
  const auto bytes = BytesOf(directory / "t");
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string error;
    auto reader = TraceReader::Open(MemorySource(std::span(bytes).first(size)), "cut", error);
    if (!reader) {
      EXPECT_LT(size, trace_format::kFileHeaderBytes);
      EXPECT_NE(error, "") << size;
      continue;
    }
    EXPECT_FALSE(reader->IsComplete()) << size;
    std::vector<KeptRecord> read;
    EXPECT_TRUE(reader->VisitAll(KeepIn(read))) << size << ": " << reader->Error();
    EXPECT_EQ(read.size(), reader->RecordCount());
    EXPECT_TRUE(std::equal(read.begin(), read.end(), written.begin()));
  }
}

// A flipped bit is noticed by a checksum or changes nothing that is read.
TEST(TraceReader, NoticesEveryDamagedByte) {
  const test::TemporaryDirectory directory;
  const auto written = WriteSmallTrace(directory / "t");
  const auto good = BytesOf(directory / "t");
  for (size_t at = 0; at < good.size(); ++at) {
    auto bytes = good;
    bytes[at] ^= 0x10;
    std::string error;
    auto reader = TraceReader::Open(MemorySource(bytes), "damaged", error);
    if (!reader) {
      EXPECT_LT(at, 12U);
      continue;
    }
    std::vector<KeptRecord> read;
    TableHistory tables;
    const bool isRead = reader->VisitAll(KeepIn(read)) && reader->ReadTables(tables);
    EXPECT_TRUE(read.size() <= written.size() && std::equal(read.begin(), read.end(), written.begin())) << at;
    if (!isRead) {
      EXPECT_NE(reader->Error().find("damaged: at byte "), std::string::npos) << reader->Error();
    }
  }
}

TEST(TraceReader, RefusesForeignAndNewerFiles) {
  const test::TemporaryDirectory directory;
  std::string error;
  EXPECT_FALSE(TraceReader::Open(directory / "missing", error));
  EXPECT_NE(error.find("No such file"), std::string::npos) << error;
  EXPECT_FALSE(TraceReader::Open(directory.Path(), error));
  EXPECT_NE(error.find("is a directory"), std::string::npos) << error;

  const std::vector<uint8_t> foreign(100, 'x');
  EXPECT_FALSE(TraceReader::Open(MemorySource(foreign), "notes.txt", error));
  EXPECT_EQ(error, "notes.txt: at byte 0: is no trace of overlaysim");

  WriteSmallTrace(directory / "t");
  auto bytes = BytesOf(directory / "t");
  bytes[8] = 9;
  EXPECT_FALSE(TraceReader::Open(MemorySource(bytes), "t", error));
  EXPECT_EQ(error, "t: at byte 8: has format version 9; this program reads up to 1");
}

TEST(TraceReader, ClosesChunksByNumberOfRecords) {
  const test::TemporaryDirectory directory;
  {
    TraceWriter writer(directory / "t");
    for (uint64_t i = 0; i < trace_format::kMaxChunkRecords + 10; ++i)
      writer.Append({.timeNs = static_cast<int64_t>(i), .journey = i / 4 + 1});
  }
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  ASSERT_EQ(reader->RecordChunks().size(), 2U);
  EXPECT_EQ(reader->RecordChunks()[1].count, 10U);
  EXPECT_EQ(reader->RecordChunks()[1].firstJourney, trace_format::kMaxChunkRecords / 4 + 1);
}

TEST(TraceReader, OfAnEmptyTraceHasNothing) {
  const test::TemporaryDirectory directory;
  TraceWriter(directory / "t").Finish();
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  EXPECT_TRUE(reader->IsComplete());
  EXPECT_EQ(reader->RecordCount(), 0U);
}

}  // namespace
}  // namespace overlaysim
