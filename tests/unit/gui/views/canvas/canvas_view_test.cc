#include "gui/views/canvas/canvas_view.h"

#include <QDir>
#include <QFile>
#include <QImage>
#include <QMouseEvent>
#include <QTemporaryDir>
#include <QTreeWidget>
#include <QWheelEvent>

#include "gui/views/canvas/canvas_painter.h"
#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/canvas/outline_view.h"
#include "gui/views/canvas/show_panel.h"
#include "gui/views/theme.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

using test::SmallRun;

class CanvasViewTest : public test::SessionTest {
 protected:
  const QTemporaryDir m_config;

  CanvasViewTest() {
    ThemeSwitch::Instance().SetMotionReduced(true);
    qputenv("XDG_CONFIG_HOME", m_config.path().toLocal8Bit());  // tests run side by side
    m_view.resize(1000, 700);
    m_view.show();
  }

  static Place At(uint32_t netns, uint32_t ifindex = 0) {
    Place place;
    place.kind = ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
    place.netns = netns;
    place.ifindex = ifindex;
    return place;
  }
  CanvasSurface& Surface() { return m_view.Surface(); }
  QPoint PixelOf(const Place& place) {
    const auto box = m_view.State().BoxOf(place);
    EXPECT_TRUE(box);
    return box ? Surface().View().ToWindow(*box).center().toPoint() : QPoint();
  }
  void WaitForFacts() {
    QSignalSpy spy(&m_session, &Session::FactsChanged);
    while (m_session.IsReadingFacts()) ASSERT_TRUE(spy.wait(5000));
  }
  QImage Picture() {
    QImage image(Surface().size(), QImage::Format_RGB32);
    Surface().render(&image);
    return image;
  }

  CanvasView m_view{m_session};
};

TEST_F(CanvasViewTest, ZoomsFromTheClusterToTheInsideOfANodeAndBack) {
  Open();
  EXPECT_NE(DetailAt(Surface().View().scale), Detail::Tile);
  m_session.Select(At(SmallRun::kNode1));
  m_view.ZoomToSelection();
  EXPECT_EQ(DetailAt(Surface().View().scale), Detail::Inside);
  const QRectF node = Surface().View().ToWindow(*m_view.State().BoxOf(At(SmallRun::kNode1)));
  EXPECT_TRUE(QRectF(Surface().rect()).contains(node));
  m_view.Fit();
  EXPECT_TRUE(QRectF(Surface().rect()).contains(Surface().View().ToWindow(m_view.State().Layout().bounds)));
}

TEST_F(CanvasViewTest, APressSelectsWhatIsThere) {
  Open();
  m_session.Select(At(SmallRun::kNode1));
  m_view.ZoomToSelection();
  QTest::mouseClick(&Surface(), Qt::LeftButton, {}, PixelOf(At(SmallRun::kNode1, SmallRun::kFlannel)));
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kNode1, SmallRun::kFlannel));
  QTest::mouseClick(&Surface(), Qt::LeftButton, {}, PixelOf(At(SmallRun::kCart)));
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kCart));
}

TEST_F(CanvasViewTest, ACableIsSelectedByAPressBesideIt) {
  Open();
  const auto path = m_view.State().Layout().CablePath(0);
  const layout::Point middle{(path[0].x + path[1].x) / 2, (path[0].y + path[1].y) / 2};
  const QPoint at = Surface().View().ToWindow(middle).toPoint() + QPoint(2, 0);
  QTest::mouseClick(&Surface(), Qt::LeftButton, {}, at);
  EXPECT_EQ(m_session.Selected().kind, Place::Kind::Cable);
  EXPECT_EQ(m_session.Selected().cable, 0u);
}

TEST_F(CanvasViewTest, KeysMoveBetweenNeighboursIntoANodeAndOut) {
  Open();
  Surface().setFocus();
  m_session.Select(At(SmallRun::kNode1));
  QTest::keyClick(&Surface(), Qt::Key_Right);
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kNode2));
  QTest::keyClick(&Surface(), Qt::Key_Left);
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kNode1));
  QTest::keyClick(&Surface(), Qt::Key_Up);
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kRouter));
  m_session.Select(At(SmallRun::kNode1));
  const double before = Surface().View().scale;
  QTest::keyClick(&Surface(), Qt::Key_Return);
  EXPECT_GT(Surface().View().scale, before);
  QTest::keyClick(&Surface(), Qt::Key_Return);
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kCart));
  QTest::keyClick(&Surface(), Qt::Key_Escape);
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kNode1));
  QTest::keyClick(&Surface(), Qt::Key_F);
  EXPECT_NEAR(Surface().View().scale, before, before * 0.01);
}

TEST_F(CanvasViewTest, TheWheelZoomsAtTheCursorAndADragMovesTheCanvas) {
  Open();
  const QPointF at(200, 150);
  const layout::Point under = Surface().View().ToCanvas(at);
  QWheelEvent wheel(at, Surface().mapToGlobal(at), {}, QPoint(0, 240), Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                    false);
  QApplication::sendEvent(&Surface(), &wheel);
  EXPECT_NEAR(Surface().View().ToCanvas(at).x, under.x, 1e-6);
  EXPECT_NEAR(Surface().View().ToCanvas(at).y, under.y, 1e-6);
  QTest::mousePress(&Surface(), Qt::LeftButton, {}, QPoint(300, 300));
  const auto moveTo = [&](QPoint to) {
    QMouseEvent move(QEvent::MouseMove, to, Surface().mapToGlobal(to), Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&Surface(), &move);
  };
  const QPointF origin = Surface().View().origin;
  moveTo(QPoint(340, 300));
  QTest::mouseRelease(&Surface(), Qt::LeftButton, {}, QPoint(340, 300));
  EXPECT_NEAR(Surface().View().origin.x(), origin.x() - 40 / Surface().View().scale, 1e-6);
  EXPECT_EQ(m_session.Selected().kind, Place::Kind::None);
}

TEST_F(CanvasViewTest, ANodeThatWasDraggedStaysThereWhenTheRunIsOpenedAgain) {
  Open();
  Surface().SetArranging(true);
  const QPoint from = PixelOf(At(SmallRun::kNode1));
  QTest::mousePress(&Surface(), Qt::LeftButton, {}, from);
  const QPoint to = from + QPoint(60, 25);
  QMouseEvent move(QEvent::MouseMove, to, Surface().mapToGlobal(to), Qt::NoButton, Qt::LeftButton, Qt::NoModifier);
  QApplication::sendEvent(&Surface(), &move);
  QTest::mouseRelease(&Surface(), Qt::LeftButton, {}, to);
  const auto moved = m_view.State().Moved();
  ASSERT_EQ(moved.count("node1"), 1u);
  m_session.Reload();
  EXPECT_EQ(m_view.State().Moved().at("node1"), moved.at("node1"));
}

TEST_F(CanvasViewTest, EveryLensAndLevelDrawsSomethingElse) {
  Open();
  WaitForFacts();
  FollowFirst();
  std::vector<QImage> pictures;
  for (const Lens lens : {Lens::Underlay, Lens::Overlay, Lens::Flows}) {
    m_view.SetLens(lens);
    pictures.push_back(Picture());
  }
  m_session.Select(At(SmallRun::kNode1));
  m_view.ZoomToSelection();
  pictures.push_back(Picture());
  ThemeSwitch::Instance().Use(Theme::Dark());
  pictures.push_back(Picture());
  ThemeSwitch::Instance().Use(Theme::Light());
  for (size_t i = 0; i < pictures.size(); ++i)
    for (size_t j = i + 1; j < pictures.size(); ++j) EXPECT_NE(pictures[i], pictures[j]) << i << " and " << j;
}

TEST_F(CanvasViewTest, TheFollowedPacketStandsWhereItsStepIs) {
  Open();
  FollowFirst();
  ASSERT_TRUE(m_session.Journey());
  const auto& hops = m_session.Journey()->hops;
  for (int step = 0; step < static_cast<int>(hops.size()); ++step) {
    m_session.SetStep(step);
    const auto packet = m_view.State().PacketAt();
    ASSERT_TRUE(packet) << step;
    const uint32_t site = m_view.State().Layout().siteOf[hops[static_cast<size_t>(step)].record.netns];
    EXPECT_TRUE(m_view.State().Layout().sites[site].box.Grown(1).Contains(*packet)) << step;
  }
}

TEST_F(CanvasViewTest, BetweenTwoStepsThePacketIsOnItsCable) {
  Open();
  FollowFirst();
  for (const Leg& leg : m_view.State().Legs()) {
    if (leg.cable == layout::kNone || leg.endNs <= leg.beginNs + 1) continue;
    m_session.SetTime((leg.beginNs + leg.endNs) / 2);
    const auto packet = m_view.State().PacketAt();
    ASSERT_TRUE(packet);
    EXPECT_TRUE(m_view.State().Layout().cableBounds[leg.cable].Grown(200).Contains(*packet));
    EXPECT_EQ(m_view.State().Layout().SiteAt(*packet), layout::kNone);
    return;
  }
  FAIL() << "no step leads over a cable";
}

TEST_F(CanvasViewTest, ThePacketStandsAtTheEdgeOfAClosedBox) {
  Open();
  FollowFirst();
  m_view.Fit();
  // From far away nothing of a node's inside is drawn; the packet must not seem to stand beside the node.
  for (int i = 0; i < 12; ++i) QTest::keyClick(&Surface(), Qt::Key_Minus);
  QApplication::processEvents();
  const CanvasState& state = m_view.State();
  for (int step = 0; step < static_cast<int>(m_session.Journey()->hops.size()); ++step) {
    m_session.SetStep(step);
    QApplication::processEvents();
    const auto packet = state.PacketAt();
    ASSERT_TRUE(packet) << step;
    const uint32_t netns = m_session.Journey()->hops[static_cast<size_t>(step)].record.netns;
    const layout::Box& box = state.Layout().sites[state.Layout().siteOf[netns]].box;
    EXPECT_TRUE(box.Grown(1).Contains(*packet)) << step;
    EXPECT_FALSE(Picture().isNull());
  }
}

TEST_F(CanvasViewTest, ACurveBetweenTwoPlacesInSightStaysInTheWindow) {
  const QRectF window(0, 0, 800, 600);
  // Beside every edge, in both directions: the bow of one of the two would leave the window there.
  for (const auto& [a, b] : {std::pair(QPointF(20, 8), QPointF(780, 8)),
                             {QPointF(20, 592), QPointF(780, 592)},
                             {QPointF(8, 20), QPointF(8, 580)},
                             {QPointF(792, 20), QPointF(792, 580)}}) {
    for (const auto& [from, to] : {std::pair(a, b), std::pair(b, a)}) {
      const QPainterPath curve = CurveBetween(from, to, window);
      EXPECT_TRUE(window.contains(curve.boundingRect())) << from.x() << " " << from.y();
      EXPECT_EQ(curve.currentPosition(), to);
    }
  }
  // One that begins out of sight keeps its full bow: it is cut by the window anyway.
  EXPECT_FALSE(window.contains(CurveBetween({-500, 8}, {780, 8}, window).boundingRect()));
}

TEST_F(CanvasViewTest, ALabelOfALineGivesWayToNames) {
  const QRectF window(0, 0, 800, 600), box(100, 100, 60, 14), name(90, 95, 80, 12);
  EXPECT_EQ(FreePlaceFor(box, {}, window), box);
  // The name leaves the row above free: it ends where that row does.
  EXPECT_EQ(FreePlaceFor(box, {name.translated(0, 8)}, window), box.translated(0, -14));
  EXPECT_EQ(FreePlaceFor(box, {name, box.translated(0, -14)}, window), box.translated(0, 26));
  EXPECT_EQ(FreePlaceFor(box, {name}, QRectF()), std::nullopt);  // a name stays where it is
  EXPECT_EQ(FreePlaceFor(box, {window}, window), std::nullopt);
  // Nothing moves out of the window.
  EXPECT_EQ(FreePlaceFor({100, 5, 60, 14}, {QRectF(90, 0, 80, 12)}, window), QRectF(100, 31, 60, 14));
}

TEST_F(CanvasViewTest, OnlyTheRelatedIsShownOnRequest) {
  Open();
  m_session.Select(At(SmallRun::kNode1));
  const size_t all = m_view.State().Layout().sites.size();
  m_view.SetOnlyRelated(true);
  EXPECT_LE(m_view.State().Layout().sites.size(), all);
  EXPECT_NE(m_view.State().Layout().siteOf[SmallRun::kNode1], layout::kNone);
  m_view.SetOnlyRelated(false);
  EXPECT_EQ(m_view.State().Layout().sites.size(), all);
}

TEST_F(CanvasViewTest, PodsOfAHiddenNamespaceAreNotShown) {
  Open();
  EXPECT_TRUE(m_view.State().IsPodShown(SmallRun::kCart));
  layout::Shown shown;
  shown.hidden.namespaces = {"shop"};
  m_view.SetShown(shown);
  EXPECT_FALSE(m_view.State().IsPodShown(SmallRun::kCart));
  EXPECT_EQ(m_view.State().HiddenPods(), 2u);
  EXPECT_EQ(ShownSentence(m_view.State()), QStringLiteral("Hidden: namespace shop (2 pods)"));
  m_view.SetShown({});
  EXPECT_EQ(ShownSentence(m_view.State()), QString());
}

TEST_F(CanvasViewTest, ALabelHidesItsPodsAndNodes) {
  Open();
  layout::Shown shown;
  shown.hidden.labels = {"app=shop/cart", "zone=z2"};
  m_view.SetShown(shown);
  const CanvasState& state = m_view.State();
  EXPECT_FALSE(state.IsPodShown(SmallRun::kCart));
  EXPECT_FALSE(state.IsPodShown(SmallRun::kRedis)) << "its node is hidden";
  EXPECT_EQ(state.Layout().siteOf[SmallRun::kNode2], layout::kNone);
  EXPECT_EQ(state.CellCount(SmallRun::kNode1), 0u);
  EXPECT_EQ(state.HiddenNodes(), 1u);
  EXPECT_FALSE(Picture().isNull());
  // It is kept for the scenario, and opened with it.
  m_session.Reload();
  EXPECT_EQ(m_view.State().GetShown(), shown);
  m_view.SetShown({});
  EXPECT_TRUE(state.IsPodShown(SmallRun::kCart));
  EXPECT_NE(state.Layout().siteOf[SmallRun::kNode2], layout::kNone);
}

TEST_F(CanvasViewTest, PodsOfACollapsedNamespaceAreOneBox) {
  Open();
  layout::Shown shown;
  shown.collapsed.namespaces = {"shop"};
  m_view.SetShown(shown);
  const CanvasState& state = m_view.State();
  const auto& inside = state.Inside(state.Layout().siteOf[SmallRun::kNode1]);
  ASSERT_EQ(inside.pods.size(), 1u);
  EXPECT_EQ(inside.pods[0].group, "shop");
  EXPECT_EQ(inside.pods[0].members, (std::vector<uint32_t>{SmallRun::kCart}));
  EXPECT_EQ(inside.Find(SmallRun::kCart, 2), nullptr) << "its own device is in the box";
  EXPECT_EQ(state.BoxOf(At(SmallRun::kCart, 2)), inside.pods[0].box);
  EXPECT_EQ(state.BoxOf(At(SmallRun::kNode1, SmallRun::kVeth)), inside.pods[0].box) << "the veth leads there";
  m_view.SetShown({});
}

TEST_F(CanvasViewTest, AHiddenRackTakesItsNodesWithIt) {
  Open();
  layout::Shown shown;
  shown.hidden.racks = {"router"};
  m_view.SetShown(shown);
  EXPECT_TRUE(m_view.State().Layout().sites.empty());
  EXPECT_EQ(ShownSentence(m_view.State()), QStringLiteral("Hidden: rack router (2 nodes, 2 pods)"));
  EXPECT_FALSE(Picture().isNull());
  m_view.SetShown({});
}

TEST_F(CanvasViewTest, TunnelsAreThoseThatPacketsTookWithTheirVni) {
  Open();
  WaitForFacts();
  m_view.SetLens(Lens::Overlay);
  const std::vector<Edge>& tunnels = m_view.State().Tunnels();
  ASSERT_EQ(tunnels.size(), 1u);
  EXPECT_EQ(tunnels[0].vni, 1u);
  EXPECT_EQ(tunnels[0].packets, 6u) << "three pings and their replies";
  const QImage with = Picture();
  layout::Shown shown;
  shown.hiddenVnis = {1};
  m_view.SetShown(shown);
  EXPECT_NE(Picture(), with);
  EXPECT_EQ(ShownSentence(m_view.State()), QStringLiteral("Hidden: VNI 1"));
  m_view.SetShown({});
}

TEST_F(CanvasViewTest, FlowsSayHowManyPacketsArrived) {
  Open();
  WaitForFacts();
  const std::vector<Edge>& flows = m_view.State().Flows();
  ASSERT_EQ(flows.size(), 1u) << "replies belong to it";
  EXPECT_EQ(flows[0].count, 1u);
  EXPECT_EQ(flows[0].packets, 3u);
}

TEST_F(CanvasViewTest, TheListHidesAndCollapsesByKeys) {
  Open();
  m_view.SetListShown(true);
  QTreeWidget& tree = m_view.List().Tree();
  ASSERT_GE(tree.topLevelItemCount(), 1);
  EXPECT_EQ(tree.topLevelItem(0)->text(0), QStringLiteral("Namespaces"));
  const auto shop = [&] { return tree.topLevelItem(0)->child(0); };
  EXPECT_EQ(shop()->text(0), QStringLiteral("shop"));
  tree.setCurrentItem(shop());
  QTest::keyClick(&tree, Qt::Key_Space);
  EXPECT_FALSE(m_view.State().IsPodShown(SmallRun::kCart));
  EXPECT_EQ(tree.currentItem(), shop()) << "the place in the list stays";
  QTest::keyClick(&tree, Qt::Key_Space);
  EXPECT_TRUE(m_view.State().IsPodShown(SmallRun::kCart));
  QTest::keyClick(&tree, Qt::Key_Space, Qt::ShiftModifier);
  EXPECT_EQ(m_view.State().GetShown().collapsed.namespaces.count("shop"), 1u);
  QTest::keyClick(&tree, Qt::Key_Space, Qt::ShiftModifier);
  EXPECT_EQ(m_view.State().GetShown(), layout::Shown());
  QTest::keyClick(&tree, Qt::Key_Escape);
  EXPECT_FALSE(m_view.List().isVisible());
}

TEST_F(CanvasViewTest, PicturesAreWrittenAsPngSvgAndPdf) {
  Open();
  const test::TemporaryDirectory folder;
  for (const char* name : {"a.png", "a.svg", "a.pdf"}) {
    const QString path = QString::fromStdString((folder / name).string());
    EXPECT_EQ(m_view.ExportPicture(path), QString()) << name;
    QFile file(path);
    ASSERT_TRUE(file.open(QIODevice::ReadOnly));
    EXPECT_GT(file.size(), 1000) << name;
  }
  QFile svg(QString::fromStdString((folder / "a.svg").string()));
  ASSERT_TRUE(svg.open(QIODevice::ReadOnly));
  EXPECT_TRUE(svg.readAll().contains("node1"));
  EXPECT_NE(m_view.ExportPicture(QString::fromStdString((folder / "a.gif").string())), QString());
  EXPECT_NE(m_view.ExportPicture(QStringLiteral("/nowhere/at/all.png")), QString());
}

TEST_F(CanvasViewTest, FramesOfAFilmAreNumbered) {
  Open();
  const test::TemporaryDirectory folder;
  const QString path = QString::fromStdString((folder / "film").string());
  // 100 us at 50 us a second, 2 pictures a second: at 0, 25, 50, 75 and 100 us.
  EXPECT_EQ(m_view.ExportFrames(path, 0, 100'000, 2, 50'000), QString());
  EXPECT_EQ(QDir(path).entryList(QDir::Files),
            (QStringList{QStringLiteral("frame-000001.png"), QStringLiteral("frame-000002.png"),
                         QStringLiteral("frame-000003.png"), QStringLiteral("frame-000004.png"),
                         QStringLiteral("frame-000005.png")}));
  EXPECT_NE(m_view.ExportFrames(path, 10, 0, 2, 50'000), QString());
}

TEST_F(CanvasViewTest, WithoutARunThereIsNothingToPressOrDraw) {
  QTest::mouseClick(&Surface(), Qt::LeftButton, {}, QPoint(100, 100));
  for (const auto key : {Qt::Key_F, Qt::Key_Plus, Qt::Key_Return, Qt::Key_Escape, Qt::Key_Down})
    QTest::keyClick(&Surface(), key);
  EXPECT_FALSE(Picture().isNull());
  Open();
  m_session.Close();
  EXPECT_EQ(m_view.State().Topology(), nullptr);
  EXPECT_FALSE(Picture().isNull());
}

TEST_F(CanvasViewTest, TheOutlineSelectsAndIsSelected) {
  OutlineView outline(m_session);
  Open();
  m_session.Select(At(SmallRun::kNode1, SmallRun::kEth0));
  EXPECT_EQ(outline.currentIndex().data().toString(), QStringLiteral("eth0"));
  EXPECT_EQ(outline.currentIndex().parent().data().toString(), QStringLiteral("node1"));
  outline.setCurrentIndex(outline.currentIndex().parent());
  EXPECT_EQ(m_session.Selected(), At(SmallRun::kNode1));
}

}  // namespace
}  // namespace overlaysim::views
