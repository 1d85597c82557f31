#include "sim/trace/trace_writer.h"

#include <gtest/gtest.h>

#include "sim/trace/digest.h"
#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

TEST(TraceWriter, WritesTheDocumentedBytes) {
  const test::TemporaryDirectory directory;
  {
    TraceWriter writer(directory / "trace.bin");
    writer.Append({.timeNs = 0x0102,
                   .journey = 5,
                   .cause = 4,
                   .packet = 6,
                   .flow = 7,
                   .netns = 8,
                   .ifindex = 9,
                   .sizeBytes = 98,
                   .row = 10,
                   .tableVersion = 11,
                   .stage = Stage::RouteOutput,
                   .verdict = Verdict::Continue,
                   .table = kernel::Table::Route},
                  {14, std::vector<uint8_t>{0x40}, std::vector<uint8_t>{0x3f}});
  }
  const auto bytes = BytesOf(directory / "trace.bin");
  const std::vector<uint8_t> fileHeader = {'O', 'V', 'S', 'T', 'R', 'A', 'C', 'E', 1, 0, 0, 0, 0, 0, 0, 0};
  const std::vector<uint8_t> payload = {2,  1, 0, 0, 0,    0,   0, 0, 5,  0, 0, 0, 0, 0, 0, 0,  // time, journey
                                        6,  0, 0, 0, 7,    0,   0, 0, 8,  0, 0, 0, 9, 0, 0, 0,
                                        98, 0, 0, 0, 10,   0,   0, 0, 11, 0, 0, 0,  // packet ... version
                                        1,  0, 2, 3,                                // stage, verdict, table, flags
                                        4,  0, 0, 0, 0,    0,   0, 0,               // cause
                                        14, 0, 1, 1, 0x40, 0x3f};                   // header change
  const std::vector<uint8_t> footer = {
      2, 1, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0,  // first and last time
      1, 0, 0, 0, 1, 0, 0, 0,                          // counts, journeys
      8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,  // netns, ifindex, verdict, count
      5};                                              // journey
  ASSERT_GT(bytes.size(), 16 + 32 + payload.size() + footer.size());
  const auto part = [&](size_t at, size_t size) {
    return std::vector<uint8_t>(bytes.begin() + static_cast<ptrdiff_t>(at),
                                bytes.begin() + static_cast<ptrdiff_t>(at + size));
  };
  EXPECT_EQ(part(0, 16), fileHeader);
  EXPECT_EQ(part(16, 16), (std::vector<uint8_t>{'C', 'H', 'N', 'K', 1, 0, 0, 0, 1, 0, 0, 0,
                                                static_cast<uint8_t>(payload.size()), 0, 0, 0}));
  EXPECT_EQ(part(48, payload.size()), payload);
  EXPECT_EQ(part(48 + payload.size(), footer.size()), footer);
}

TEST(TraceWriter, SameCallsGiveSameBytes) {
  const test::TemporaryDirectory directory;
  WriteSmallTrace(directory / "a");
  WriteSmallTrace(directory / "b");
  EXPECT_EQ(BytesOf(directory / "a"), BytesOf(directory / "b"));
}

TEST(TraceWriter, CutsHeadersAt255Bytes) {
  const test::TemporaryDirectory directory;
  const std::vector<uint8_t> big(300, 0xaa);
  TraceWriter(directory / "t").Append({.journey = 1}, {0, big, big});
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  ASSERT_TRUE(reader) << error;
  std::vector<KeptRecord> kept;
  ASSERT_TRUE(reader->VisitAll(KeepIn(kept))) << reader->Error();
  EXPECT_EQ(kept.at(0).before.size(), 255U);
  EXPECT_EQ(kept.at(0).after.size(), 255U);
}

TEST(TraceWriter, SaysWhyItCannotWrite) {
  const test::TemporaryDirectory directory;
  TraceWriter writer(directory / "no-such-directory/trace.bin");
  writer.Append({.journey = 1});
  writer.Finish();
  EXPECT_FALSE(writer.Ok());
  EXPECT_NE(writer.Error().find("no-such-directory/trace.bin: No such file or directory"), std::string::npos)
      << writer.Error();
}

TEST(TraceWriter, CountsWhatIsNotYetInTheFileToo) {
  const test::TemporaryDirectory directory;
  TraceWriter writer(directory / "t");
  writer.Append({.journey = 1, .netns = 1, .ifindex = 2, .verdict = Verdict::QueueFull});
  writer.Flush();
  writer.Append({.journey = 2, .netns = 1, .ifindex = 2, .verdict = Verdict::QueueFull});
  EXPECT_EQ(writer.Totals(), (TraceCounts{{{1, 2, Verdict::QueueFull}, 2}}));
  EXPECT_EQ(writer.RecordCount(), 2U);
}

}  // namespace
}  // namespace overlaysim
