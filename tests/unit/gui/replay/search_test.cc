#include "gui/replay/search.h"

#include <gtest/gtest.h>

#include "gui/replay/link_history.h"
#include "support/gui/topologies.h"
#include "support/small_run.h"

namespace overlaysim::replay {
namespace {

TEST(Search, FindsTheSameRecordsAsLookingAtEachForwardAndBack) {
  const test::SmallRun small({.hasDrop = true});
  std::string error;
  const auto run = Run::Open(small.Path(), error);
  ASSERT_TRUE(run) << error;
  const uint64_t count = run->RecordCount();
  for (uint64_t from = 0; from <= count; ++from) {
    std::optional<uint64_t> next, last, drop;
    for (uint64_t i = 0; i < count; ++i) {
      const TraceRecord record = run->RecordAt(i)->record;
      if (record.netns == test::SmallRun::kRouter && i >= from && !next) next = i;
      if (record.netns == test::SmallRun::kRouter && i < from) last = i;
      if (IsDrop(record.verdict) && i >= from && !drop) drop = i;
    }
    EXPECT_EQ(FindRecordAt(*run, from, true, test::SmallRun::kRouter, 0), next) << from;
    EXPECT_EQ(FindRecordAt(*run, from, false, test::SmallRun::kRouter, 0), last) << from;
    EXPECT_EQ(FindDrop(*run, from, true), drop) << from;
  }
  EXPECT_EQ(FindRecordAt(*run, 0, true, 12345, 0), std::nullopt);
  EXPECT_EQ(FindRecordAt(*run, 0, true, test::SmallRun::kRouter, 0, [] { return false; }), std::nullopt);
}

TEST(LinkHistory, ACableIsDownWhileOneOfItsEndsIs) {
  const Topology topology = test::Lab({"a", "b"}, {{0, 1}});
  const test::TemporaryDirectory folder;
  {
    TraceWriter writer(folder / "trace.bin");
    TableRowChange change;
    change.table = kernel::Table::Link;
    change.row = 1;
    change.text = "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500";
    writer.TableRow(change);
    change.timeNs = 100;
    change.version = 1;
    change.op = kernel::TableChange::Op::Change;
    change.text = "2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500";
    writer.TableRow(change);
    change.timeNs = 300;
    change.version = 2;
    change.text = "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue";
    writer.TableRow(change);
  }
  std::string error;
  auto trace = TraceReader::Open(folder / "trace.bin", error);
  ASSERT_TRUE(trace) << error;
  TableHistory tables;
  ASSERT_TRUE(trace->ReadTables(tables));
  const LinkHistory links(topology, &tables);
  EXPECT_TRUE(links.IsUp(0, 99));
  EXPECT_FALSE(links.IsUp(0, 100));
  EXPECT_FALSE(links.IsUp(0, 299));
  EXPECT_TRUE(links.IsUp(0, 300));
  EXPECT_EQ(links.Changes(), (std::vector<int64_t>{100, 300}));
  const Device& eth0 = *topology.netns[0].Find(2);
  EXPECT_EQ(links.MtuAt(0, eth0, 299), 1500u) << "as the plan has it";
  EXPECT_EQ(links.MtuAt(0, eth0, 300), 1400u);
  EXPECT_EQ(links.MtuAt(1, eth0, 300), 1500u) << "the other namespace's";
  EXPECT_EQ(links.MtuChangesBetween(0, 300), (std::vector<CableEnd>{{0, 2}}));
  EXPECT_EQ(links.MtuChangesBetween(300, 0), (std::vector<CableEnd>{{0, 2}}));
  EXPECT_TRUE(links.MtuChangesBetween(300, 400).empty());
  EXPECT_TRUE(LinkHistory(topology, nullptr).IsUp(0, 200));
  EXPECT_TRUE(LinkHistory().IsUp(7, 0));
}

}  // namespace
}  // namespace overlaysim::replay
