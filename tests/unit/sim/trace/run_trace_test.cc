#include "sim/trace/run_trace.h"

#include <gtest/gtest.h>

#include "sim/trace/files.h"
#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

constexpr TableRowChange RowAt(int64_t timeNs, uint32_t row, std::string_view text) {
  return {.timeNs = timeNs, .netns = 1, .table = kernel::Table::Route, .row = row, .text = text};
}

/// Bytes of a file.
std::string BytesOf(const std::filesystem::path& path) {
  std::string why;
  return ReadWholeFile(path, 1 << 20, why).value_or(why);
}

/// Rows that will come are written where those stand that are told when they come.
TEST(RunTrace, RowsOfLaterTimesWaitForThem) {
  test::TemporaryDirectory directory;
  {
    RunTrace known(directory / "known.bin");
    known.NameNetns({0}, 1, "node1");
    known.TableRow({0}, RowAt(20, 2, "second"));
    known.TableRow({0}, RowAt(10, 1, "first"));
    known.TableRow({0}, RowAt(90, 3, "after the end"));
    known.Append({.timeNs = 9, .journey = 1, .netns = 1}, {});
    known.Append({.timeNs = 25, .journey = 2, .netns = 1}, {});
    EXPECT_EQ(known.Finish({80}), "");
    EXPECT_EQ(known.RecordCount(), 2u);
  }
  {
    RunTrace told(directory / "told.bin");
    told.NameNetns({0}, 1, "node1");
    told.Append({.timeNs = 9, .journey = 1, .netns = 1}, {});
    told.TableRow({10}, RowAt(10, 1, "first"));
    told.TableRow({20}, RowAt(20, 2, "second"));
    told.Append({.timeNs = 25, .journey = 2, .netns = 1}, {});
    EXPECT_EQ(told.Finish({80}), "");
  }
  EXPECT_EQ(BytesOf(directory / "known.bin"), BytesOf(directory / "told.bin"));
}

}  // namespace
}  // namespace overlaysim
