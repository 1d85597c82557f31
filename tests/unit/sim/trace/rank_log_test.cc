#include "sim/trace/rank_log.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"

namespace overlaysim {
namespace {

/// What a sink is told, as lines.
struct Told final : TraceSink {
  std::string lines;
  void Append(const TraceRecord& r, const HeaderChange& change) override {
    lines += fmt::format("{} record of journey {} packet {} after {}\n", r.timeNs, r.journey, r.packet,
                         fmt::join(change.after, " "));
  }
  void NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) override {
    lines += fmt::format("{} namespace {} {}\n", now.count, netns, name);
  }
  void NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) override {
    lines += fmt::format("{} device {} {} {}\n", now.count, netns, ifindex, name);
  }
  void TableRow(Nanoseconds now, const TableRowChange& c) override {
    lines += fmt::format("{} row {} {} of {} at {}: {}\n", now.count, static_cast<int>(c.table), c.row, c.netns,
                         c.timeNs, c.text);
  }
};

class RankLogs : public ::testing::Test {
 protected:
  RankLog& Log(size_t rank) {
    while (logs.size() <= rank) {
      paths.push_back(directory / fmt::format("{}.log", logs.size()));
      logs.push_back(std::make_unique<RankLog>(paths.back(), [this] { return now; }));
    }
    return *logs[rank];
  }
  void Record(size_t rank, RankOrder at, uint64_t journey, uint32_t packet) {
    now = at;
    Log(rank).Append({.timeNs = at.timeNs, .journey = journey, .packet = packet}, {0, {}, bytes});
  }
  std::string Merged() {
    for (const auto& log : logs) EXPECT_EQ(log->Finish(), "");
    Told told;
    error = MergeRankLogs(paths, told);
    return told.lines;
  }
  test::TemporaryDirectory directory;
  std::vector<std::unique_ptr<RankLog>> logs;
  std::vector<std::filesystem::path> paths;
  RankOrder now;
  std::vector<uint8_t> bytes{7, 8};
  std::string error;
};

TEST_F(RankLogs, AreToldByTimePlaceSequenceAndPart) {
  Record(1, {10, 2, 0, 0}, 3, 0);
  Record(1, {11, 0, 0, 1}, 5, 0);
  Record(0, {10, 1, 9, 0}, 2, 0);
  Record(0, {11, 0, 0, 0}, 4, 0);
  EXPECT_EQ(Merged(),
            "10 record of journey 2 packet 0 after 7 8\n"
            "10 record of journey 3 packet 0 after 7 8\n"
            "11 record of journey 4 packet 0 after 7 8\n"
            "11 record of journey 5 packet 0 after 7 8\n");
}

TEST_F(RankLogs, TellOfNamesAndRowsWhenTheyWereTold) {
  now = {5, 0, 0, 0};
  Log(0).NameNetns({5}, 1, "node1");
  Log(0).NameDevice({5}, 1, 2, "eth0");
  Log(0).TableRow({5},
                  {.timeNs = 9, .netns = 1, .table = kernel::Table::Neighbour, .row = 4, .text = "10.0.0.1 dev x"});
  EXPECT_EQ(Merged(), fmt::format("5 namespace 1 node1\n5 device 1 2 eth0\n5 row {} 4 of 1 at 9: 10.0.0.1 dev x\n",
                                  static_cast<int>(kernel::Table::Neighbour)));
}

/// Each rank numbers the copies that it makes; one process numbers those of a journey in the order of making.
TEST_F(RankLogs, NumberPacketsAsOneProcessDoes) {
  const auto copy = [&](size_t rank, RankOrder at, uint32_t number) {
    now = at;
    Log(rank).NewPacket(6, number);
  };
  copy(0, {1, 0, 0, 0}, 100);
  copy(1, {2, 0, 0, 0}, 200);
  copy(0, {3, 0, 0, 0}, 101);
  Record(1, {4, 0, 0, 0}, 6, 101);  // it has come over from the other rank
  Record(1, {5, 0, 0, 0}, 6, 200);
  Record(0, {6, 0, 0, 0}, 6, 100);
  EXPECT_EQ(Merged(),
            "4 record of journey 6 packet 3 after 7 8\n"
            "5 record of journey 6 packet 2 after 7 8\n"
            "6 record of journey 6 packet 1 after 7 8\n");
}

TEST_F(RankLogs, SayWhichOneIsDamaged) {
  Record(0, {1, 0, 0, 0}, 6, 9);  // a packet of which nobody has told
  Merged();
  EXPECT_EQ(error, paths[0].string() + " is damaged");
}

TEST_F(RankLogs, ThatAreCutShortAreDamaged) {
  Record(0, {1, 0, 0, 0}, 6, 0);
  EXPECT_EQ(Log(0).Finish(), "");
  std::filesystem::resize_file(paths[0], std::filesystem::file_size(paths[0]) - 1);
  Told told;
  EXPECT_EQ(MergeRankLogs(paths, told), paths[0].string() + " is damaged");
  EXPECT_EQ(told.lines, "");
}

}  // namespace
}  // namespace overlaysim
