#include "gui/itemmodels/outline_model.h"

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include "sim/trace/trace_reader.h"
#include "sim/trace/trace_writer.h"
#include "support/gui/topologies.h"
#include "support/temporary_directory.h"

namespace overlaysim::itemmodels {
namespace {

TEST(OutlineModel, HoldsRacksNodesPodsAndDevices) {
  const replay::Topology topology = test::LeafSpine({.racks = 2, .nodesPerRack = 2, .podsPerNode = 2, .spines = 1});
  OutlineModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.SetTopology(&topology);
  ASSERT_EQ(model.rowCount(), 3);  // what is above the racks, and two racks
  const QModelIndex rack = model.index(1, 0);
  EXPECT_EQ(rack.data().toString(), QStringLiteral("Rack of leaf1"));
  ASSERT_EQ(model.rowCount(rack), 3);  // its switch and two nodes
  const QModelIndex node = model.index(1, 0, rack);
  EXPECT_EQ(node.data().toString(), QStringLiteral("node1"));
  EXPECT_EQ(node.data(Qt::AccessibleTextRole).toString(), QStringLiteral("node, node1"));
  EXPECT_EQ(model.rowCount(node), 2 + 5);  // pods; eth0, cni0, flannel.1 and a veth for each pod
  EXPECT_EQ(model.index(0, 0, model.index(0, 0, node)).data().toString(), QStringLiteral("eth0"));
}

TEST(OutlineModel, FindsEveryNamespaceAndDeviceThatItShows) {
  const replay::Topology topology = test::LeafSpine({.racks = 3, .nodesPerRack = 2, .podsPerNode = 2, .spines = 2});
  OutlineModel model;
  model.SetTopology(&topology);
  for (const replay::Netns& netns : topology.netns) {
    const QModelIndex index = model.IndexOf(netns.id, 0);
    ASSERT_TRUE(index.isValid()) << netns.name;
    EXPECT_EQ(index.data().toString().toStdString(), netns.name);
    EXPECT_EQ(model.index(index.row(), 0, index.parent()), index);
    for (const replay::Device& device : netns.devices) {
      const QModelIndex at = model.IndexOf(netns.id, device.ifindex);
      EXPECT_EQ(at.isValid(), device.name != "lo");
      if (!at.isValid()) continue;
      EXPECT_EQ(model.EntryAt(at)->ifindex, device.ifindex);
      EXPECT_EQ(model.index(at.row(), 0, at.parent()), at);
    }
  }
  EXPECT_FALSE(model.IndexOf(100000, 0).isValid());
}

TEST(OutlineModel, SaysTheMtuOfTheChosenTime) {
  const replay::Topology lab = test::Lab({"a", "b"}, {{0, 1}});
  const test::TemporaryDirectory folder;
  {
    TraceWriter writer(folder / "trace.bin");
    TableRowChange change;
    change.table = kernel::Table::Link;
    change.row = 1;
    change.timeNs = 300;
    change.text = "2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc noqueue";
    writer.TableRow(change);
  }
  std::string error;
  auto trace = TraceReader::Open(folder / "trace.bin", error);
  ASSERT_TRUE(trace) << error;
  TableHistory tables;
  ASSERT_TRUE(trace->ReadTables(tables));
  const replay::LinkHistory links(lab, &tables);
  OutlineModel model;
  model.SetTopology(&lab);
  const QModelIndex about = model.IndexOf(0, 2).siblingAtColumn(1);
  ASSERT_TRUE(about.data().toString().endsWith(QStringLiteral("mtu 1500"))) << about.data().toString().toStdString();
  QSignalSpy changed(&model, &QAbstractItemModel::dataChanged);
  model.SetTime(&links, 299);
  EXPECT_EQ(changed.count(), 0);
  model.SetTime(&links, 300);
  EXPECT_EQ(changed.count(), 1);
  EXPECT_TRUE(about.data().toString().endsWith(QStringLiteral("mtu 1400"))) << about.data().toString().toStdString();
  model.SetTime(nullptr, 300);
  EXPECT_EQ(changed.count(), 2) << "as the plan has it again";
}

TEST(OutlineModel, IsEmptyWithoutATopology) {
  const replay::Topology lab = test::Lab({"a", "b"}, {{0, 1}});
  OutlineModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.SetTopology(&lab);
  EXPECT_EQ(model.rowCount(), 1);
  EXPECT_EQ(model.rowCount(model.index(0, 0)), 2);
  model.SetTopology(nullptr);
  EXPECT_EQ(model.rowCount(), 0);
}

}  // namespace
}  // namespace overlaysim::itemmodels
