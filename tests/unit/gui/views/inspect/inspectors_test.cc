#include <QComboBox>

#include "gui/replay/state.h"
#include "gui/views/inspect/command_palette.h"
#include "gui/views/inspect/counter_sums.h"
#include "gui/views/inspect/distribution_canvas.h"
#include "gui/views/inspect/flow_table.h"
#include "gui/views/inspect/link_inspector.h"
#include "gui/views/inspect/node_inspector.h"
#include "gui/views/inspect/plot_canvas.h"
#include "gui/views/inspect/plot_view.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

using test::SmallRun;

class Inspectors : public test::SessionTest {
 protected:
  void SelectNetns(uint32_t netns) {
    Place place;
    place.kind = Place::Kind::Netns;
    place.netns = netns;
    m_session.Select(place);
  }
  void SelectDevice(uint32_t netns, uint32_t ifindex) {
    Place place;
    place.kind = Place::Kind::Device;
    place.netns = netns;
    place.ifindex = ifindex;
    m_session.Select(place);
  }
};

TEST_F(Inspectors, NodeShowsItsRoutesAsIpDoes) {
  Open();
  NodeInspector inspector(m_session);
  inspector.show();
  SelectNetns(SmallRun::kNode1);
  ASSERT_TRUE(inspector.ShowTab(QStringLiteral("ip route")));
  const auto lines = replay::StateAt(*m_session.Run()->Tables(), SmallRun::kNode1, replay::StateTable::Route, 0);
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(inspector.CurrentText().trimmed().toStdString() + "\n", replay::StateText(lines));
}

TEST_F(Inspectors, OverviewNamesThePods) {
  Open();
  NodeInspector inspector(m_session);
  inspector.show();
  SelectNetns(SmallRun::kNode1);
  ASSERT_TRUE(inspector.ShowTab(QStringLiteral("overview")));
  EXPECT_TRUE(inspector.CurrentText().contains(QStringLiteral("shop/cart")));
  ASSERT_TRUE(inspector.ShowTab(QStringLiteral("counters")));
  EXPECT_TRUE(inspector.CurrentText().contains(QStringLiteral("flannel.1")));
}

TEST_F(Inspectors, CountersAtTheEndAreTheTracesTotals) {
  Open();
  replay::Run& run = *m_session.Run();
  CounterSums sums(run, SmallRun::kNode1);
  const auto counts = sums.At(run.EndNs());
  ASSERT_TRUE(counts);
  uint64_t sum = 0, expected = 0;
  for (const auto& [key, count] : *counts) sum += count;
  for (const auto& [key, count] : run.Trace()->Totals())
    if (key.netns == SmallRun::kNode1) expected += count;
  EXPECT_EQ(sum, expected);
}

TEST_F(Inspectors, CountersAtATimeAreThoseOfTheRecordsUpToIt) {
  Open();
  replay::Run& run = *m_session.Run();
  CounterSums sums(run, SmallRun::kNode1);
  const int64_t timeNs = SmallRun::kIntervalNs;
  EXPECT_FALSE(sums.At(timeNs)) << "nothing has been read";
  while (sums.ReadMore(1)) {
  }
  EXPECT_EQ(sums.Progress(), 1);
  const auto counts = sums.At(timeNs);
  ASSERT_TRUE(counts);
  uint64_t sum = 0, expected = 0;
  for (const auto& [key, count] : *counts) sum += count;
  for (uint64_t i = 0; i < run.RecordCount(); ++i) {
    const TraceRecord& record = run.RecordAt(i)->record;
    expected += record.netns == SmallRun::kNode1 && record.timeNs <= timeNs;
  }
  EXPECT_GT(expected, 0u);
  EXPECT_EQ(sum, expected);
  const auto before = sums.At(-1);
  ASSERT_TRUE(before);
  EXPECT_TRUE(before->empty());
}

TEST_F(Inspectors, LinkFollowsADeviceToItsCable) {
  Open();
  LinkInspector inspector(m_session);
  inspector.show();
  SelectDevice(SmallRun::kNode1, SmallRun::kEth0);
  ASSERT_TRUE(inspector.Shown());
  EXPECT_TRUE(inspector.Text().contains(QStringLiteral("rate")));
  SelectDevice(SmallRun::kNode1, SmallRun::kCni0);  // has none: the last one stays
  EXPECT_TRUE(inspector.Shown());
}

TEST_F(Inspectors, LinkIsPlottedFromWhatTheSessionKnows) {
  Open();
  LinkInspector inspector(m_session);
  inspector.show();
  SelectDevice(SmallRun::kNode1, SmallRun::kEth0);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !m_session.IsReadingFacts(); }, 20000));
  const auto* canvas = inspector.findChild<PlotCanvas*>();
  EXPECT_TRUE(canvas->accessibleDescription().contains(QStringLiteral("node1/eth0 sends")))
      << canvas->accessibleDescription().toStdString();
}

TEST_F(Inspectors, PlotAddsUpToTheFramesSent) {
  Open();
  PlotView plot(m_session);
  plot.show();
  SelectDevice(SmallRun::kNode1, SmallRun::kEth0);
  plot.Choose(1);  // frames sent
  ASSERT_TRUE(QTest::qWaitFor([&] { return !plot.IsReading(); }));
  double sum = 0;
  for (const double value : plot.Series().at(0).sums) sum += value;
  uint64_t sent = 0;
  for (uint64_t i = 0; i < m_session.Run()->RecordCount(); ++i) {
    const TraceRecord& record = m_session.Run()->RecordAt(i)->record;
    sent += record.netns == SmallRun::kNode1 && record.ifindex == SmallRun::kEth0 && record.stage == Stage::Transmit
                ? 1
                : 0;
  }
  EXPECT_GT(sent, 0u);
  EXPECT_EQ(sum, static_cast<double>(sent));
}

TEST_F(Inspectors, ADistributionHasTheSizesOfTheFrames) {
  Open();
  PlotView plot(m_session);
  plot.show();
  SelectDevice(SmallRun::kNode1, SmallRun::kEth0);
  plot.Choose(0);  // bits sent
  plot.Choose(PlotView::Shape::Cumulative);
  EXPECT_EQ(plot.findChild<QComboBox*>()->currentText(), QStringLiteral("size of frames sent"));
  ASSERT_TRUE(QTest::qWaitFor([&] { return !plot.IsReading(); }));
  // A ping in a tunnel: 84 + 14 + 36 + 14 bytes on eth0.
  EXPECT_TRUE(plot.Distribution().Text().contains(QStringLiteral("p50 148 B")))
      << plot.Distribution().Text().toStdString();
  EXPECT_FALSE(plot.grab().isNull());
}

TEST_F(Inspectors, TimeOnTheWayIsFromTheSenderToTheReceiver) {
  Open();
  PlotView plot(m_session);
  plot.show();
  SelectDevice(SmallRun::kRedis, 2);
  plot.Choose(4);
  plot.Choose(PlotView::Shape::Histogram);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !plot.IsReading(); }));
  // Two cables of 1,100 ns.
  EXPECT_TRUE(plot.Distribution().Text().contains(QStringLiteral("3 values: least 2.2 us")))
      << plot.Distribution().Text().toStdString();
  EXPECT_FALSE(plot.grab().isNull());
}

TEST_F(Inspectors, ZoomingInReadsFinerSpans) {
  Open();
  CounterScan coarse, fine;
  const auto count = [](const TraceRecord&, CounterScan::Sink& to) { to.Add(0, 1); };
  coarse.Begin(m_session.Run(), {TimeSeries()}, count);
  fine.Begin(m_session.Run(), {TimeSeries()}, count, 0, 1000);
  ASSERT_TRUE(QTest::qWaitFor([&] { return !coarse.IsRunning() && !fine.IsRunning(); }));
  EXPECT_EQ(fine.Series()[0].slotNs, 1);
  EXPECT_EQ(fine.Series()[0].EndNs(), 1000);
  double early = 0;
  for (uint64_t i = 0; i < m_session.Run()->RecordCount(); ++i)
    early += m_session.Run()->RecordAt(i)->record.timeNs < 1000;
  double sum = 0;
  for (const double value : fine.Series()[0].sums) sum += value;
  EXPECT_EQ(sum, early) << "what is later is not in it";
  EXPECT_GT(coarse.Series()[0].slotNs, 1);
}

TEST_F(Inspectors, PaletteGoesToWhatIsChosen) {
  Open();
  CommandPalette palette(m_session);
  palette.Search(QStringLiteral("cart"));
  ASSERT_GT(palette.Count(), 0);
  palette.Take(0);
  EXPECT_EQ(m_session.Selected().kind, Place::Kind::Netns);
  EXPECT_EQ(m_session.Selected().netns, SmallRun::kCart);
}

TEST_F(Inspectors, PaletteRunsActionsOfTheWindow) {
  Open();
  CommandPalette palette(m_session);
  bool isDone = false;
  palette.AddAction(QStringLiteral("Fit the whole cluster"), [&] { isDone = true; });
  palette.Search(QStringLiteral("fit whole"));
  ASSERT_EQ(palette.Count(), 1);
  palette.Take(0);
  EXPECT_TRUE(isDone);
}

TEST_F(Inspectors, FlowsAreListedAndSorted) {
  Open();
  FlowTable table(m_session);
  EXPECT_EQ(table.Rows(), static_cast<int>(m_session.Run()->Metrics()->flows.size()));
  m_session.Close();
  EXPECT_EQ(table.Rows(), 0);
}

TEST_F(Inspectors, HiddenPlotReadsNothing) {
  Open();
  PlotView plot(m_session);
  SelectDevice(SmallRun::kNode1, SmallRun::kEth0);
  EXPECT_FALSE(plot.IsReading());
}

TEST(PlotCanvas, KeepsPeaksWhenManySpansFallOnOnePixel) {
  TimeSeries series;
  series.isRate = false;
  series.slotNs = 10;
  series.sums.assign(1000, 1);
  series.sums[500] = 9;
  double least = 0, greatest = 0;
  ASSERT_TRUE(PlotCanvas::Extremes(series, 0, 10000, least, greatest));
  EXPECT_EQ(least, 1);
  EXPECT_EQ(greatest, 9);
  ASSERT_TRUE(PlotCanvas::Extremes(series, 0, 5000, least, greatest));
  EXPECT_EQ(greatest, 1);
  EXPECT_FALSE(PlotCanvas::Extremes(series, 10000, 20000, least, greatest));
}

TEST(PlotCanvas, ZoomStaysInsideTheRun) {
  test::Application();
  PlotCanvas canvas;
  TimeSeries series;
  series.slotNs = 10;
  series.sums.assign(1000, 1);
  canvas.Show({series});
  canvas.Zoom(0.1, 9900);
  EXPECT_GE(canvas.From(), 0);
  EXPECT_LE(canvas.To(), 10000);
  canvas.Zoom(100, 5000);
  EXPECT_EQ(canvas.From(), 0);
  EXPECT_EQ(canvas.To(), 10000);
}

}  // namespace
}  // namespace overlaysim::views
