#include "gui/replay/state.h"
#include "gui/views/inspect/command_palette.h"
#include "gui/views/inspect/counters_at.h"
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
  const auto counts = CountersAt(*m_session.Run(), SmallRun::kNode1, m_session.Run()->EndNs());
  ASSERT_TRUE(counts);
  uint64_t sum = 0, expected = 0;
  for (const auto& [key, count] : *counts) sum += count;
  for (const auto& [key, count] : m_session.Run()->Trace()->Totals())
    if (key.netns == SmallRun::kNode1) expected += count;
  EXPECT_EQ(sum, expected);
  const auto before = CountersAt(*m_session.Run(), SmallRun::kNode1, -1);
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
