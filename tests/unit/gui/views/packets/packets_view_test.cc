#include "gui/views/packets/packets_view.h"

#include <QFile>
#include <QLabel>
#include <QTableView>
#include <QTableWidget>
#include <QTreeView>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/packets/filter_bar.h"
#include "gui/views/packets/filter_dialog.h"
#include "gui/views/packets/filter_store.h"
#include "gui/views/packets/hex_view.h"
#include "gui/views/packets/packet_panes.h"
#include "sim/trace/capture_reader.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

using itemmodels::PacketModel;

class Packets : public test::SessionTest {
 protected:
  void Wait(PacketsView& view) {
    ASSERT_TRUE(QTest::qWaitFor([&] { return !view.Model()->IsFiltering(); }, 20000));
  }
};

TEST_F(Packets, EnterFollowsThePacketOfTheRow) {
  Open();
  PacketsView view(m_session);
  view.show();
  view.Table()->setCurrentIndex(view.Model()->index(3, 0));
  EXPECT_EQ(m_session.Journey(), nullptr);
  QTest::keyClick(view.Table(), Qt::Key_Return);
  if (!m_session.Journey()) view.FollowCurrent();  // a shortcut needs an active window
  ASSERT_NE(m_session.Journey(), nullptr);
  EXPECT_EQ(m_session.CurrentHop()->index, 3u);
}

TEST_F(Packets, RowMovesAlongWithTheFollowedPacket) {
  Open();
  PacketsView view(m_session);
  view.show();
  FollowFirst();
  m_session.SetStep(StepAt(Stage::Encapsulate));
  EXPECT_EQ(view.Model()->IndexAt(view.Table()->currentIndex().row()), m_session.CurrentHop()->index);
}

TEST_F(Packets, ColumnsUpToWhatHappenedAreSeenInANarrowWindow) {
  Open();
  PacketsView view(m_session);
  view.resize(780, 260);
  view.show();
  ASSERT_TRUE(QTest::qWaitForWindowExposed(&view));
  QApplication::processEvents();
  const QTableView& table = *view.Table();
  EXPECT_LE(table.columnViewportPosition(PacketModel::Step) + table.columnWidth(PacketModel::Step),
            table.viewport()->width());
  for (const int section : {PacketModel::Number, PacketModel::Time, PacketModel::Length, PacketModel::Step}) {
    const QString text = view.Model()->index(0, section).data().toString();
    EXPECT_GE(table.columnWidth(section), table.fontMetrics().horizontalAdvance(text)) << text.toStdString();
  }
}

TEST_F(Packets, FilterKeepsWhatMatches) {
  Open();
  PacketsView view(m_session);
  view.show();
  const int all = view.Model()->rowCount();
  view.ApplyFilter(QStringLiteral("sim.stage == Encapsulate"));
  Wait(view);
  EXPECT_GT(view.Model()->rowCount(), 0);
  EXPECT_LT(view.Model()->rowCount(), all);
  view.Filter()->Clear();
  EXPECT_EQ(view.Model()->rowCount(), all);
}

TEST_F(Packets, WrongFilterSaysWhereAndChangesNothing) {
  Open();
  PacketsView view(m_session);
  const int all = view.Model()->rowCount();
  view.ApplyFilter(QStringLiteral("ip.sorc == 10.0.0.1"));
  EXPECT_FALSE(view.Filter()->IsValid());
  EXPECT_TRUE(view.Filter()->Message().contains(QStringLiteral("column 1"))) << view.Filter()->Message().toStdString();
  EXPECT_EQ(view.Model()->rowCount(), all);
}

TEST_F(Packets, FiltersCombine) {
  test::Application();
  FilterStore store;
  FilterBar bar(&store);
  QSignalSpy applied(&bar, &FilterBar::Applied);
  bar.Add(QStringLiteral("arp"), FilterBar::How::Replace);
  bar.Add(QStringLiteral("ip.ttl == 64"), FilterBar::How::Or);
  EXPECT_EQ(bar.Text(), QStringLiteral("(arp) || (ip.ttl == 64)"));
  bar.Add(QStringLiteral("vxlan"), FilterBar::How::AndNot);
  EXPECT_EQ(bar.Text(), QStringLiteral("((arp) || (ip.ttl == 64)) && !(vxlan)"));
  EXPECT_EQ(applied.count(), 3);
  EXPECT_TRUE(bar.IsValid());
  ASSERT_GE(store.History().size(), 3);
  EXPECT_EQ(store.History().first(), bar.Text()) << "the last one first";
  EXPECT_EQ(FilterStore().History(), store.History()) << "kept in the settings";
}

TEST_F(Packets, NamedFiltersAreKeptAndColourTheirRows) {
  Open();
  PacketsView view(m_session);
  view.show();
  view.Filter()->SetText(QStringLiteral("sim.stage == Encapsulate"));
  view.Filter()->SaveAs(QStringLiteral("into the tunnel"));
  ASSERT_EQ(view.Filters()->Filters().size(), 1u);
  const auto rule = [&](int row) { return view.Model()->index(row, 0).data(PacketModel::RuleRole).toInt(); };
  EXPECT_EQ(rule(0), -1) << "it has no colour yet";
  std::vector<NamedFilter> filters = view.Filters()->Filters();
  filters[0].colour = 2;
  filters.insert(filters.begin(), {QStringLiteral("first"), QStringLiteral("frame.number == 1"), 0});
  view.Filters()->SetFilters(filters);
  EXPECT_EQ(rule(0), 0);
  EXPECT_EQ(rule(1), -1);
  FollowFirst();
  EXPECT_EQ(rule(static_cast<int>(m_session.Journey()->hops[static_cast<size_t>(StepAt(Stage::Encapsulate))].index)),
            1);
  EXPECT_EQ(FilterStore().Filters(), filters) << "kept in the settings";
  view.Filters()->SetFilters({{QStringLiteral("wrong"), QStringLiteral("ip.sorc == 1"), 1}});
  EXPECT_TRUE(view.Filters()->Filters().empty());
}

TEST_F(Packets, TheDialogOfFiltersChangesNothingBeforeAllHoldTogether) {
  FilterStore store;
  store.SetFilters(
      {{QStringLiteral("a"), QStringLiteral("arp"), 1}, {QStringLiteral("b"), QStringLiteral("icmp"), -1}});
  FilterDialog dialog(store);
  dialog.Table().item(0, 1)->setText(QStringLiteral("arp =="));
  dialog.accept();
  EXPECT_EQ(store.Filters()[0].text, QStringLiteral("arp"));
  dialog.Table().item(0, 1)->setText(QStringLiteral("!arp"));
  dialog.Table().setCurrentCell(1, 0);
  dialog.DeleteRow();
  dialog.accept();
  ASSERT_EQ(store.Filters().size(), 1u);
  EXPECT_EQ(store.Filters()[0], (NamedFilter{QStringLiteral("a"), QStringLiteral("!arp"), 1}));
  store.SetFilters({});
}

TEST_F(Packets, ByteAndFieldAreLinkedBothWays) {
  Open();
  PacketsView view(m_session);
  view.show();
  FollowFirst();
  m_session.SetStep(StepAt(Stage::Encapsulate));
  view.Panes()->Choose(8, 1);  // the outer header's TTL
  EXPECT_EQ(view.Panes()->Bytes()->MarkedOffset(), 8u);
  EXPECT_EQ(view.Panes()->Bytes()->MarkedLength(), 1u);
  const QModelIndex field = view.Panes()->Tree()->currentIndex();
  ASSERT_TRUE(field.isValid());
  EXPECT_TRUE(field.data().toString().contains(QStringLiteral("64"))) << field.data().toString().toStdString();
  view.Panes()->Tree()->setCurrentIndex(field.siblingAtRow(0));
  EXPECT_EQ(view.Panes()->Bytes()->MarkedOffset(), 0u);
}

TEST_F(Packets, WhatIsShownIsSavedAsPcapng) {
  Open();
  PacketsView view(m_session);
  view.ApplyFilter(QStringLiteral("sim.stage == Encapsulate"));
  Wait(view);
  const test::TemporaryDirectory directory;
  const auto path = directory / "saved.pcapng";
  uint64_t written = 0;
  EXPECT_EQ(view.SaveRows(QString::fromStdString(path.string()), written), QString());
  EXPECT_EQ(written, static_cast<uint64_t>(view.Model()->rowCount()));
  std::string error;
  const auto capture = ReadCapture(path, error);
  ASSERT_TRUE(capture) << error;
  ASSERT_EQ(capture->frames.size(), written);
  EXPECT_EQ(capture->damage, "");
  for (const ReadFrame& frame : capture->frames) EXPECT_GE(frame.originalLength, frame.bytes.size());
}

TEST_F(Packets, CapturedFramesAreListedToo) {
  Open();
  PacketsView view(m_session);
  view.ShowCapture();
  ASSERT_TRUE(
      QTest::qWaitFor([&] { return static_cast<uint64_t>(view.Model()->rowCount()) == m_run->Frames(); }, 20000));
  m_session.Close();
  EXPECT_EQ(view.Model()->rowCount(), 0);
}

}  // namespace
}  // namespace overlaysim::views
