#include <gtest/gtest.h>

#include <QAbstractScrollArea>
#include <QApplication>
#include <QDir>
#include <QFile>
#include <QFontMetrics>
#include <QImage>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QThreadPool>
#include <algorithm>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/editor/scenario_editor.h"
#include "gui/views/inspect/node_inspector.h"
#include "gui/views/journey/journey_html.h"
#include "gui/views/packets/packets_view.h"
#include "window_fixture.h"

namespace overlaysim::app {
namespace {

TEST_F(Window, AFirstStartFollowsTheFirstPacket) {
  window.OpenWelcome();
  ASSERT_TRUE(RunIsShown());
  const replay::Journey* journey = window.GetSession().Journey();
  ASSERT_NE(journey, nullptr);
  EXPECT_NE(journey->title.find("pod-a"), std::string::npos) << journey->title;
  EXPECT_EQ(Message(), QString());
}

TEST_F(Window, APacketIsFollowedToItsEnd) {
  OpenTutorial("two-nodes.json");
  views::Session& session = window.GetSession();
  ASSERT_NE(session.Journey(), nullptr);
  bool wasEncapsulated = false, wasDecapsulated = false;
  for (int last = -2; last != session.Step(); session.NextStep()) {
    last = session.Step();
    const replay::Hop* hop = session.CurrentHop();
    ASSERT_NE(hop, nullptr);
    EXPECT_FALSE(hop->why.empty());
    EXPECT_EQ(session.Time(), hop->record.timeNs);
    if (hop->record.stage == Stage::Encapsulate) wasEncapsulated = true;
    if (hop->record.stage == Stage::Decapsulate) wasDecapsulated = true;
    QApplication::processEvents();
  }
  EXPECT_TRUE(wasEncapsulated);
  EXPECT_TRUE(wasDecapsulated);
  EXPECT_EQ(FateOf(session.CurrentHop()->record.verdict), Fate::Arrived);
  session.PreviousStep();
  EXPECT_LT(session.Step(), static_cast<int>(session.Journey()->hops.size()) - 1);
}

TEST_F(Window, EveryLevelOfTheCanvasIsDrawn) {
  OpenTutorial("leaf-spine.json");
  QWidget& surface = window.Canvas().Surface();
  window.Canvas().Fit();
  QImage last;
  for (int i = 0; i < 12; ++i) {
    QTest::keyClick(&window.Canvas().Surface(), Qt::Key_Plus);
    QTest::qWait(20);
    const QImage now = surface.grab().toImage();
    EXPECT_FALSE(now.isNull());
    last = now;
  }
  QTest::keyClick(&window.Canvas().Surface(), Qt::Key_F);
  for (const auto lens : {views::Lens::Overlay, views::Lens::Flows, views::Lens::Underlay}) {
    window.Canvas().SetLens(lens);
    EXPECT_FALSE(window.Canvas().grab().isNull());
  }
}

TEST_F(Window, TimeStaysWithinTheRun) {
  OpenTutorial("two-nodes.json");
  views::Session& session = window.GetSession();
  session.SetTime(-5);
  EXPECT_EQ(session.Time(), 0);
  session.SetTime(INT64_MAX);
  EXPECT_EQ(session.Time(), session.Run()->EndNs());
}

TEST_F(Window, ABrokenCableIsAnEventOfTheScenarioAndANewRun) {
  OpenTutorial("two-nodes.json");
  const QString before = window.Editor().Text();
  const QString firstRun = QString::fromStdString(window.GetSession().Run()->Directory().path.string());
  const uint64_t recordsBefore = window.GetSession().Run()->RecordCount();
  window.Do({.atNs = 500'000'000, .a = "node1", .b = "leaf1"});
  ASSERT_TRUE(RunIsShown());
  EXPECT_TRUE(window.Editor().Text().contains(QLatin1String(R"("fail": { "link": ["node1", "leaf1"] })")));
  EXPECT_NE(QString::fromStdString(window.GetSession().Run()->Directory().path.string()), firstRun);
  EXPECT_TRUE(QFile::exists(firstRun + QStringLiteral("/manifest.json")));  // the past stays
  EXPECT_EQ(window.GetSession().Time(), 500'000'000);
  EXPECT_NE(window.GetSession().Run()->RecordCount(), recordsBefore);
  window.Editor().Code().undo();
  EXPECT_EQ(window.Editor().Text(), before);
}

TEST_F(Window, EveryMenuEntryOfAPlaceRuns) {
  OpenTutorial("two-nodes.json");
  const replay::Topology& plan = window.GetSession().Run()->Plan();
  std::vector<PlaceEvent> events;
  for (const char* name : {"node1", "pod-a"}) {
    const auto more = EventsFor(plan, {.kind = views::Place::Kind::Netns, .netns = plan.Find(name)->id}, 1'500'000'000);
    events.insert(events.end(), more.begin(), more.end());
  }
  const auto cable = EventsFor(plan, {.kind = views::Place::Kind::Cable, .cable = 0}, 1'500'000'000);
  events.insert(events.end(), cable.begin(), cable.end());
  EXPECT_GE(events.size(), 10u);
  const QString text = window.Editor().Text();
  for (const PlaceEvent& event : events) {
    window.Editor().New(window.Editor().Path(), text);
    window.Do(event.wish);
    EXPECT_TRUE(RunIsShown()) << event.words.toStdString() << Message().toStdString();
  }
}

TEST_F(Window, ABrokenScenarioIsAnsweredInTheWindow) {
  window.Editor().New(QDir::temp().filePath(QStringLiteral("broken.json")),
                      QStringLiteral("{ \"format\": 1, \"trafic\": [] }"));
  window.Run();
  EXPECT_FALSE(RunIsShown());
  EXPECT_TRUE(Message().contains(QLatin1String("trafic"))) << Message().toStdString();
  EXPECT_EQ(window.GetSession().Run(), nullptr);
  QSignalSpy checked(&window.Editor(), &views::ScenarioEditor::Checked);
  if (window.Editor().Problems().isEmpty()) {
    ASSERT_TRUE(checked.wait(kPatienceMs));
  }
  EXPECT_TRUE(window.Editor().HasErrors());
}

TEST_F(Window, WhatIsNoRunDirectoryIsAnsweredInTheWindow) {
  const QTemporaryDir empty;
  window.Open(empty.path());
  EXPECT_NE(Message(), QString());
  EXPECT_EQ(window.GetSession().Run(), nullptr);
  window.Open(QStringLiteral("/nowhere/at-all.json"));
  EXPECT_TRUE(Message().contains(QLatin1String("at-all.json")));
}

TEST_F(Window, PacketsAreFiltered) {
  OpenTutorial("two-nodes.json");
  auto* packets = window.findChild<views::PacketsView*>();
  ASSERT_NE(packets, nullptr);
  ASSERT_TRUE(window.ShowView(QStringLiteral("packets")));
  const int all = packets->Model()->rowCount();
  packets->ApplyFilter(QStringLiteral("vxlan && icmp.type == 8"));
  EXPECT_TRUE(QTest::qWaitFor([&] { return packets->Model()->rowCount() > 0 && packets->Model()->rowCount() < all; },
                              kPatienceMs));
  EXPECT_LT(packets->Model()->rowCount(), all);
}

TEST_F(Window, ListFieldsAndBytesHaveRoomOnASmallScreen) {
  OpenTutorial("two-nodes.json");
  ASSERT_TRUE(window.ShowView(QStringLiteral("packets")));
  QApplication::processEvents();
  // Two rows of a list below its header, four fields, four lines of bytes: at 1,280 x 800, nothing moved by hand.
  const int line = QFontMetrics(window.font()).height();
  struct Room {
    const char* name;
    int lines;
  };
  for (const Room& room : {Room{"Packets", 3}, {"Headers and fields", 4}, {"Bytes of the packet", 4}}) {
    const auto views = window.findChildren<QAbstractScrollArea*>();
    const auto view = std::ranges::find_if(views, [&](const auto* each) {
      return each->accessibleName() == QLatin1String(room.name) && each->isVisible();
    });
    ASSERT_NE(view, views.end()) << room.name;
    EXPECT_GE((*view)->height(), room.lines * line) << room.name;
  }
}

TEST_F(Window, ANodesTablesAreThoseOfTheChosenTime) {
  OpenTutorial("two-nodes.json");
  auto* inspector = window.findChild<views::NodeInspector*>();
  ASSERT_NE(inspector, nullptr);
  ASSERT_TRUE(window.ShowView(QStringLiteral("inspect")));
  views::Session& session = window.GetSession();
  session.Select({.kind = views::Place::Kind::Netns, .netns = session.Run()->Plan().Find("node1")->id});
  ASSERT_TRUE(inspector->ShowTab(QStringLiteral("ip route")));
  EXPECT_TRUE(inspector->CurrentText().contains(QLatin1String("10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink")))
      << inspector->CurrentText().toStdString();
  ASSERT_TRUE(inspector->ShowTab(QStringLiteral("ip neigh")));
  const QString before = inspector->CurrentText();
  session.SetTime(session.Run()->EndNs());
  EXPECT_NE(inspector->CurrentText(), before);
}

TEST_F(Window, TablesThatTheTraceDoesNotTellOfYetAreNotSaidToBeEmpty) {
  OpenTutorial("imported.json");
  auto* inspector = window.findChild<views::NodeInspector*>();
  window.ShowView(QStringLiteral("inspect"));
  views::Session& session = window.GetSession();
  session.Select({.kind = views::Place::Kind::Netns, .netns = session.Run()->Plan().Find("cp-1")->id});
  ASSERT_TRUE(inspector->ShowTab(QStringLiteral("ip route")));
  session.SetTime(0);
  EXPECT_TRUE(inspector->CurrentText().contains(QLatin1String("the trace tells of the tables from")))
      << inspector->CurrentText().toStdString();
  session.SetTime(session.Run()->EndNs());
  EXPECT_TRUE(inspector->CurrentText().contains(QLatin1String("dev flannel.1 onlink")))
      << inspector->CurrentText().toStdString();
}

TEST_F(Window, AJourneyIsAPageOfItsOwn) {
  OpenTutorial("two-nodes.json");
  const QTemporaryDir directory;
  const QString path = directory.filePath(QStringLiteral("journey.html"));
  EXPECT_EQ(views::ExportJourneyHtml(*window.GetSession().Run(), *window.GetSession().Journey(), path), QString());
  QFile file(path);
  ASSERT_TRUE(file.open(QIODevice::ReadOnly));
  EXPECT_TRUE(file.readAll().contains("flannel.1"));
}

TEST_F(Window, APictureOfTheNetworkInEachFormat) {
  OpenTutorial("two-nodes.json");
  const QTemporaryDir directory;
  for (const char* name : {"network.svg", "network.png", "network.pdf"}) {
    const QString path = directory.filePath(QLatin1String(name));
    EXPECT_EQ(window.Canvas().ExportPicture(path), QString());
    EXPECT_GT(QFileInfo(path).size(), 1000) << name;
  }
}

TEST_F(Window, LightAndDark) {
  OpenTutorial("two-nodes.json");
  const auto lightness = [this](bool isDark) {
    window.UseTheme(isDark);
    QApplication::processEvents();
    return window.grab().toImage().pixelColor(5, 5).lightness();
  };
  EXPECT_LT(lightness(true), lightness(false));
}

}  // namespace
}  // namespace overlaysim::app

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  const QTemporaryDir settings;
  qputenv("XDG_CONFIG_HOME", settings.path().toLocal8Bit());
  QApplication application(argc, argv);
  QApplication::setOrganizationName(QStringLiteral("overlaysim-test"));
  QApplication::setStyle(QStringLiteral("Fusion"));
  const int result = RUN_ALL_TESTS();
  QThreadPool::globalInstance()->waitForDone();
  return result;
}
