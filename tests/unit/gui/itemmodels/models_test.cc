#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QCoreApplication>
#include <QSignalSpy>
#include <QTest>

#include "gui/itemmodels/field_tree_model.h"
#include "gui/itemmodels/packet_model.h"
#include "gui/itemmodels/search_model.h"
#include "gui/itemmodels/table_model.h"
#include "support/small_run.h"

using namespace overlaysim;
using namespace overlaysim::itemmodels;
using overlaysim::test::SmallRun;

namespace {

constexpr auto kFatal = QAbstractItemModelTester::FailureReportingMode::Fatal;
constexpr uint16_t kPorts[] = {8472};

class Models : public testing::Test {
 protected:
  explicit Models(const test::SmallRunOptions& options = {.pings = 4, .hasDrop = true}) : m_small(options) {
    std::string error;
    m_run = replay::Run::Open(m_small.Path(), error);
    EXPECT_TRUE(m_run) << error;
  }
  static QString TextAt(const QAbstractItemModel& model, int row, int column) {
    return model.index(row, column).data().toString();
  }
  static bool WaitFor(QSignalSpy& spy) { return !spy.isEmpty() || spy.wait(5000); }

  int m_argc = 1;
  char m_name[5] = "test";
  char* m_argv[2] = {m_name, nullptr};
  QCoreApplication m_application{m_argc, m_argv};
  SmallRun m_small;
  std::unique_ptr<replay::Run> m_run;
};

TEST_F(Models, PacketsShowEveryRecordOfTheTrace) {
  PacketModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  ASSERT_EQ(model.SetRun(m_run.get(), replay::PacketSource::Trace), QString());
  EXPECT_EQ(model.rowCount(), static_cast<int>(m_small.Records()));
  EXPECT_EQ(TextAt(model, 0, PacketModel::Number), QStringLiteral("1"));
  EXPECT_EQ(TextAt(model, 0, PacketModel::Time), QStringLiteral("0.000000000"));
  EXPECT_EQ(TextAt(model, 0, PacketModel::Where), QStringLiteral("shop/cart"));
  EXPECT_EQ(TextAt(model, 0, PacketModel::Destination), QStringLiteral("shop/redis"));
  EXPECT_EQ(TextAt(model, 0, PacketModel::Step), QStringLiteral("Send"));
  EXPECT_EQ(TextAt(model, 0, PacketModel::ProtocolName), QStringLiteral("ICMP"));
  const int last = model.rowCount() - 1;
  EXPECT_EQ(TextAt(model, last, PacketModel::Step), QStringLiteral("Forward: TtlExpired"));
  EXPECT_TRUE(model.index(last, 0).data(PacketModel::IsDropRole).toBool());
  EXPECT_EQ(model.index(last, 0).data(PacketModel::JourneyRole).toULongLong(), SmallRun::Request(4));
  EXPECT_EQ(model.RowOfRecord(5), 5);
  replay::PacketContent content;
  ASSERT_TRUE(model.Content(0, content));
  EXPECT_EQ(content.bytes, SmallRun::EchoPacket(false, 1, 64));
}

TEST_F(Models, PacketsShowTheCapturedFrames) {
  PacketModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  QSignalSpy finished(&model, &PacketModel::Finished);
  ASSERT_EQ(model.SetRun(m_run.get(), replay::PacketSource::Capture), QString());
  ASSERT_TRUE(WaitFor(finished));
  EXPECT_EQ(model.rowCount(), static_cast<int>(m_small.Frames()));
  EXPECT_EQ(TextAt(model, 1, PacketModel::Where), QStringLiteral("node1/eth0"));
  EXPECT_EQ(TextAt(model, 1, PacketModel::Length), QStringLiteral("148"));
}

TEST_F(Models, FilteredRowsAppearAsTheyAreFound) {
  PacketModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.SetRun(m_run.get(), replay::PacketSource::Trace);
  const int all = model.rowCount();
  QSignalSpy finished(&model, &PacketModel::Finished);
  ASSERT_EQ(model.SetFilter(QStringLiteral("sim.stage == Encapsulate")), QString());
  ASSERT_TRUE(WaitFor(finished));
  EXPECT_EQ(model.rowCount(), 9);  // 4 pings, their replies, and the one that is lost later on
  EXPECT_EQ(TextAt(model, 0, PacketModel::Step), QStringLiteral("Encapsulate"));
  EXPECT_EQ(model.RowOf(model.IndexAt(3)), 3);
  EXPECT_FALSE(model.IsFiltering());
  replay::FilterError error;
  EXPECT_NE(model.SetFilter(QStringLiteral("ip.sorc == 1"), &error), QString());
  EXPECT_EQ(error.length, 7u);
  EXPECT_EQ(model.rowCount(), 9);  // a mistake leaves the rows as they are
  EXPECT_EQ(model.SetFilter({}), QString());
  EXPECT_EQ(model.rowCount(), all);
}

TEST_F(Models, EveryCellsFilterLetsItsOwnRowThrough) {
  PacketModel model, filtered;
  for (const auto source : {replay::PacketSource::Trace, replay::PacketSource::Capture}) {
    QSignalSpy read(&model, &PacketModel::Finished), readToo(&filtered, &PacketModel::Finished);
    model.SetRun(m_run.get(), source);
    filtered.SetRun(m_run.get(), source);
    ASSERT_TRUE(source == replay::PacketSource::Trace || (WaitFor(read) && WaitFor(readToo)));
    for (int column = 0; column < PacketModel::ColumnCount; ++column) {
      const QString filter = model.index(7, column).data(PacketModel::FilterRole).toString();
      if (filter.isEmpty()) continue;
      QSignalSpy finished(&filtered, &PacketModel::Finished);
      ASSERT_EQ(filtered.SetFilter(filter), QString()) << filter.toStdString();
      ASSERT_TRUE(WaitFor(finished));
      EXPECT_EQ(filtered.IndexAt(filtered.RowOf(7)), 7u) << filter.toStdString();
    }
  }
}

TEST_F(Models, PacketsWithoutARunAreNone) {
  PacketModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  EXPECT_EQ(model.SetRun(nullptr, replay::PacketSource::Trace), QString());
  EXPECT_EQ(model.rowCount(), 0);
  EXPECT_EQ(model.SetFilter(QStringLiteral("ip")), QString());
  EXPECT_EQ(model.FirstAtOrAfter(0), -1);
}

TEST_F(Models, FieldsAndBytesAreLinkedBothWays) {
  const auto inner = SmallRun::WithEthernet(SmallRun::EchoPacket(false, 1, 63), "02:00:00:00:02:04", "02:00:00:00:01:04");
  auto frame = SmallRun::OuterHeaders(false, 98);
  frame.insert(frame.end(), inner.begin(), inner.end());
  FieldTreeModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.SetPacket(replay::Dissect(frame, replay::LinkLayer::Ip, 134, kPorts));
  EXPECT_EQ(model.rowCount(), 7);  // IPv4, UDP, VXLAN, Ethernet, IPv4, ICMP, data
  const QModelIndex vni = model.AtOffset(32 + 1);  // IPv4 20, UDP 8, flags and policy 4; the VNI's second byte
  EXPECT_EQ(vni.data(FieldTreeModel::NameRole).toString(), QStringLiteral("vxlan.vni"));
  EXPECT_EQ(vni.data(FieldTreeModel::FilterRole).toString(), QStringLiteral("vxlan.vni == 1"));
  EXPECT_EQ(vni.data(FieldTreeModel::OffsetRole).toUInt(), 32u);
  EXPECT_EQ(vni.data(FieldTreeModel::LengthRole).toUInt(), 3u);
  EXPECT_EQ(vni.parent().data().toString(), QStringLiteral("VXLAN: VNI 1"));
  EXPECT_EQ(model.Find(QStringLiteral("ip.flags.df")).parent().data(FieldTreeModel::NameRole).toString(), QStringLiteral("ip.flags"));
  for (uint32_t offset = 0; offset < frame.size(); ++offset) {
    const QModelIndex index = model.AtOffset(offset);
    ASSERT_TRUE(index.isValid()) << offset;
    const uint32_t begin = index.data(FieldTreeModel::OffsetRole).toUInt();
    EXPECT_GE(offset, begin);
    EXPECT_LT(offset, begin + index.data(FieldTreeModel::LengthRole).toUInt());
  }
  EXPECT_FALSE(model.AtOffset(static_cast<uint32_t>(frame.size())).isValid());
}

TEST_F(Models, FlowsAndLinksSortByNumbers) {
  FlowModel flows;
  LinkModel links;
  const QAbstractItemModelTester flowTester(&flows, kFatal), linkTester(&links, kFatal);
  flows.SetMetrics(m_run->Metrics());
  links.SetMetrics(m_run->Metrics());
  ASSERT_EQ(flows.rowCount(), 1);
  EXPECT_EQ(TextAt(flows, 0, FlowModel::Offered), QStringLiteral("5"));
  EXPECT_EQ(TextAt(flows, 0, FlowModel::LostShare), QStringLiteral("20.0 %"));
  EXPECT_TRUE(flows.index(0, FlowModel::Lost).data(TableModel::IsAlarmingRole).toBool());
  EXPECT_EQ(TextAt(flows, 0, FlowModel::LatencyP50), QStringLiteral("–"));
  ASSERT_EQ(links.rowCount(), 4);
  EXPECT_EQ(TextAt(links, 0, LinkModel::Rate), QStringLiteral("10 Gbps"));
  TableSorter sorter;
  sorter.setSourceModel(&links);
  sorter.sort(LinkModel::From, Qt::DescendingOrder);
  EXPECT_EQ(TextAt(sorter, 0, LinkModel::From), QStringLiteral("router/eth2"));
  sorter.setFilterFixedString(QStringLiteral("NODE2/"));
  EXPECT_EQ(sorter.rowCount(), 2);
  EXPECT_TRUE(flows.AsText().startsWith(QStringLiteral("Traffic\tFrom\tTo\t")));
  flows.SetMetrics(nullptr);
  EXPECT_EQ(flows.rowCount(), 0);
}

TEST_F(Models, SearchFindsNamesAddressesAndMacs) {
  SearchModel model;
  const QAbstractItemModelTester tester(&model, kFatal);
  model.SetPlan(&m_run->Plan());
  model.Search(QStringLiteral("red"));
  ASSERT_GE(model.rowCount(), 1);
  EXPECT_EQ(TextAt(model, 0, 0), QStringLiteral("shop/redis"));
  EXPECT_EQ(model.index(0).data(SearchModel::DetailRole).toString(), QStringLiteral("pod on node2"));
  model.Search(QStringLiteral("10.244.2.2"));
  ASSERT_EQ(model.rowCount(), 1);
  EXPECT_EQ(model.FoundAt(0).netns, SmallRun::kRedis);
  model.Search(QStringLiteral("nothing like it"));
  EXPECT_EQ(model.rowCount(), 0);
}

}  // namespace
