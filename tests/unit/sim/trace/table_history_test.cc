#include "sim/trace/table_history.h"

#include <gtest/gtest.h>

#include <functional>

#include "trace_file_helpers.h"

namespace overlaysim {
namespace {

using Op = kernel::TableChange::Op;
using kernel::Table;

constexpr uint32_t kDirectoryRow = 0x80000001;

TableHistory HistoryOf(const std::function<void(TraceWriter&)>& write) {
  const test::TemporaryDirectory directory;
  {
    TraceWriter writer(directory / "t");
    write(writer);
  }
  std::string error;
  auto reader = TraceReader::Open(directory / "t", error);
  TableHistory history;
  EXPECT_TRUE(reader && reader->ReadTables(history)) << error;
  return history;
}

std::vector<std::string> Lines(const std::vector<TableRow>& rows) {
  std::vector<std::string> lines;
  for (const TableRow& row : rows) lines.emplace_back(row.text);
  return lines;
}

TEST(TableHistory, RebuildsATableAtAnyTime) {
  const auto history = HistoryOf([](TraceWriter& w) {
    w.TableRow({.netns = 1, .table = Table::Route, .row = 1, .version = 1, .text = "default via 172.16.1.1 dev eth0"});
    w.TableRow(
        {.netns = 1, .table = Table::Neighbour, .row = 2, .version = 2, .text = "172.16.1.1 dev eth0 INCOMPLETE"});
    w.TableRow({.timeNs = 50,
                .netns = 1,
                .table = Table::Neighbour,
                .op = Op::Change,
                .row = 2,
                .version = 3,
                .text = "172.16.1.1 dev eth0 lladdr 02:00:00:00:02:01 REACHABLE"});
    w.TableRow({.timeNs = 90, .netns = 1, .table = Table::Route, .op = Op::Delete, .row = 1, .version = 4});
  });
  EXPECT_EQ(Lines(history.RowsAt(1, 0)),
            (std::vector<std::string>{"default via 172.16.1.1 dev eth0", "172.16.1.1 dev eth0 INCOMPLETE"}));
  EXPECT_EQ(Lines(history.RowsAt(1, Table::Neighbour, 50)),
            (std::vector<std::string>{"172.16.1.1 dev eth0 lladdr 02:00:00:00:02:01 REACHABLE"}));
  EXPECT_TRUE(history.RowsAt(1, Table::Route, 90).empty());
  EXPECT_TRUE(history.RowsAt(2, 90).empty());
  EXPECT_EQ(history.ChangeCount(), 4U);
}

TEST(TableHistory, TellsTheLineThatDecidedAsItWasThen) {
  const auto history = HistoryOf([](TraceWriter& w) {
    w.TableRow({.netns = 1, .table = Table::Route, .row = 1, .version = 1, .text = "old"});
    w.TableRow(
        {.timeNs = 50, .netns = 1, .table = Table::Route, .op = Op::Change, .row = 1, .version = 5, .text = "new"});
  });
  EXPECT_EQ(history.LineOf({.timeNs = 50, .netns = 1, .row = 1, .tableVersion = 4}), "old");
  EXPECT_EQ(history.LineOf({.timeNs = 50, .netns = 1, .row = 1, .tableVersion = 5}), "new");
  EXPECT_EQ(history.LineOf({.timeNs = 50, .netns = 1, .row = 0}), "");
  EXPECT_EQ(history.LineOf({.timeNs = 50, .netns = 1, .row = 9, .tableVersion = 5}), "");
}

TEST(TableHistory, ShowsASharedDirectoryAsFarAsANamespaceHasAppliedIt) {
  const auto history = HistoryOf([](TraceWriter& w) {
    w.TableRow(
        {.netns = 2, .directory = 1, .table = Table::Route, .row = kDirectoryRow, .version = 1, .text = "to node2"});
    w.TableRow({.netns = 3,
                .directory = 1,
                .table = Table::Route,
                .row = kDirectoryRow + 1,
                .version = 2,
                .text = "to node3"});
    w.ViewDirectory(0, 1, 1, 1);
    w.ViewDirectory(0, 2, 1, 2);
    w.ViewDirectory(70, 1, 1, 2);
  });
  EXPECT_EQ(Lines(history.RowsAt(1, 69)), (std::vector<std::string>{"to node2"}));
  EXPECT_EQ(Lines(history.RowsAt(1, 70)), (std::vector<std::string>{"to node2", "to node3"}));
  EXPECT_EQ(Lines(history.RowsAt(2, 70)), (std::vector<std::string>{"to node3"})) << "no route to oneself";
  EXPECT_EQ(history.LineOf({.timeNs = 80, .netns = 1, .row = kDirectoryRow + 1, .tableVersion = 3}), "to node3");
  EXPECT_EQ(history.LineOf({.timeNs = 10, .netns = 1, .row = kDirectoryRow + 1, .tableVersion = 3}), "");
}

TEST(TableHistory, LetsANamespacesOwnRowStandInForADirectorys) {
  const auto history = HistoryOf([](TraceWriter& w) {
    w.TableRow(
        {.netns = 2, .directory = 1, .table = Table::VxlanFdb, .row = kDirectoryRow, .version = 1, .text = "right"});
    w.ViewDirectory(0, 1, 1, 1);
    w.TableRow(
        {.timeNs = 40, .netns = 1, .table = Table::VxlanFdb, .row = kDirectoryRow, .version = 8, .text = "stale"});
    w.TableRow(
        {.timeNs = 60, .netns = 1, .table = Table::VxlanFdb, .op = Op::Delete, .row = kDirectoryRow, .version = 9});
  });
  EXPECT_EQ(Lines(history.RowsAt(1, 39)), (std::vector<std::string>{"right"}));
  EXPECT_EQ(Lines(history.RowsAt(1, 40)), (std::vector<std::string>{"stale"}));
  EXPECT_TRUE(history.RowsAt(1, 60).empty());
  EXPECT_EQ(history.LineOf({.timeNs = 39, .netns = 1, .row = kDirectoryRow, .tableVersion = 7}), "right");
  EXPECT_EQ(history.LineOf({.timeNs = 41, .netns = 1, .row = kDirectoryRow, .tableVersion = 8}), "stale");
}

TEST(TableHistory, NamesPlaces) {
  const auto history = HistoryOf([](TraceWriter& w) {
    w.NameNetns(1, "node1");
    w.NameDevice(1, 2, "eth0");
    w.NameDevice(1, 2, "ens3");  // renamed: the last name counts
    w.NameFlow(0, "ping pod-a pod-b");
  });
  EXPECT_EQ(history.PlaceName(1, 2), "node1/ens3");
  EXPECT_EQ(history.PlaceName(1, 0), "node1");
  EXPECT_EQ(history.PlaceName(1, 9), "node1/if9");
  EXPECT_EQ(history.PlaceName(7, 1), "netns7/if1");
  EXPECT_EQ(history.FlowName(0), "ping pod-a pod-b");
  EXPECT_EQ(history.FlowName(1), "");
}

}  // namespace
}  // namespace overlaysim
