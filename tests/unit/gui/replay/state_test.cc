#include "gui/replay/state.h"

#include <gtest/gtest.h>

#include "gui/replay/run.h"
#include "support/small_run.h"
#include "sim/trace/trace_reader.h"

using namespace overlaysim;
using namespace overlaysim::replay;

namespace {

class State : public testing::Test {
 protected:
  State() {
    {
      TraceWriter writer(m_scratch / "trace.bin");
      const auto row = [&](int64_t timeNs, uint32_t id, kernel::TableChange::Op op, const char* text) {
        writer.TableRow({.timeNs = timeNs, .netns = 1, .table = kernel::Table::Neighbour, .op = op, .row = id,
                         .version = ++m_version, .text = text});
      };
      using Op = kernel::TableChange::Op;
      row(0, 1, Op::Add, "10.0.0.1 dev eth0 INCOMPLETE");
      row(0, 2, Op::Add, "10.0.0.2 dev eth0 STALE");
      row(10, 1, Op::Change, "10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE");
      row(20, 2, Op::Delete, "");
      row(30, 3, Op::Add, "10.0.0.3 dev eth0 INCOMPLETE");
    }
    std::string error;
    EXPECT_TRUE(TraceReader::Open(m_scratch / "trace.bin", error)->ReadTables(m_tables));
  }
  std::string Text(int64_t timeNs, std::optional<int64_t> since) {
    return StateText(StateAt(m_tables, 1, StateTable::Neighbour, timeNs, since), since.has_value());
  }
  test::TemporaryDirectory m_scratch;
  uint32_t m_version = 0;
  TableHistory m_tables;
};

TEST_F(State, ShowsATableAsItWas) {
  EXPECT_EQ(Text(0, std::nullopt), "10.0.0.1 dev eth0 INCOMPLETE\n10.0.0.2 dev eth0 STALE\n");
  EXPECT_EQ(Text(25, std::nullopt), "10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n");
}

TEST_F(State, MarksWhatHasChangedSince) {
  EXPECT_EQ(Text(30, 0),
            "~ 10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n"
            "- 10.0.0.2 dev eth0 STALE\n"
            "+ 10.0.0.3 dev eth0 INCOMPLETE\n");
  EXPECT_EQ(Text(10, 10), "  10.0.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n  10.0.0.2 dev eth0 STALE\n");
}

TEST_F(State, OfAnUnknownNamespaceThereIsNothing) {
  EXPECT_TRUE(StateAt(m_tables, 77, StateTable::Route, 0).empty());
}

}  // namespace
