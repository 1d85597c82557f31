// What is hidden and collapsed by keyboard; motion; and what a machine without Wireshark still shows.

#include <QAction>
#include <QFile>
#include <QMenuBar>
#include <QProcess>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QTabWidget>
#include <QTableView>
#include <QTemporaryDir>
#include <QTimerEvent>
#include <QTreeWidget>
#include <algorithm>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/canvas/show_panel.h"
#include "gui/views/journey/journey_html.h"
#include "gui/views/packets/packets_view.h"
#include "gui/views/theme.h"
#include "support/small_run.h"
#include "window_fixture.h"

namespace overlaysim::app {
namespace {

using test::SmallRun;

class Places : public Window {
 protected:
  bool SaysSomewhere(const QString& text) const {
    const auto labels = window.findChildren<QLabel*>();
    return std::any_of(labels.begin(), labels.end(),
                       [&](const QLabel* label) { return label->isVisible() && label->text().contains(text); });
  }
  /// Presses the key on that line of Show > List.
  void PressOn(const QString& line, Qt::KeyboardModifiers modifiers) {
    window.Canvas().SetListShown(true);
    QTreeWidget& tree = window.findChild<views::ShowPanel*>()->Tree();
    const auto found = tree.findItems(line, Qt::MatchExactly | Qt::MatchRecursive);
    ASSERT_FALSE(found.isEmpty()) << line.toStdString();
    tree.setCurrentItem(found.first());
    QTest::keyClick(&tree, Qt::Key_Space, modifiers);
  }
};

TEST_F(Places, NamespacesRacksAndLabelsAreHiddenAndCollapsedByKeyboard) {
  OpenTutorial("leaf-spine.json");
  const views::CanvasState& state = window.Canvas().Surface().State();
  for (const char* line : {"shop", "leaf2", "node3"}) {
    PressOn(QLatin1String(line), {});
    EXPECT_GT(state.HiddenPods(), 0u) << line;
    EXPECT_TRUE(SaysSomewhere(QStringLiteral("Hidden:"))) << line;
    PressOn(QLatin1String(line), {});
    EXPECT_EQ(state.HiddenPods(), 0u) << line;
  }
  for (const char* line : {"shop", "leaf1"}) {
    PressOn(QLatin1String(line), Qt::ShiftModifier);
    EXPECT_TRUE(SaysSomewhere(QStringLiteral("As one:"))) << line;
  }
  // The packet goes its whole way through boxes that are closed.
  views::Session& session = window.GetSession();
  ASSERT_NE(session.Journey(), nullptr);
  for (int step = 0; step < static_cast<int>(session.Journey()->hops.size()); ++step) {
    session.SetStep(step);
    const auto at = state.PacketAt();
    EXPECT_TRUE(at.has_value()) << "step " << step;
  }
  EXPECT_FALSE(window.grab().isNull());
  window.Canvas().SetShown({});
  EXPECT_FALSE(SaysSomewhere(QStringLiteral("As one:")));
}

/// Whether an animation of Qt is under way within the time.
bool Moves(int milliseconds) {
  struct Counter : QObject {
    bool hasMoved = false;
    bool eventFilter(QObject* object, QEvent* event) override {
      hasMoved |= event->type() == QEvent::Timer && object->inherits("QDefaultAnimationDriver");
      return false;
    }
  } counter;
  qApp->installEventFilter(&counter);
  QTest::qWait(milliseconds);
  return counter.hasMoved;
}

TEST_F(Places, ReducedMotionLetsNothingMoveByItself) {
  OpenTutorial("two-nodes.json");
  window.Canvas().ZoomToSelection();
  EXPECT_TRUE(Moves(300));
  QAction* reduce = nullptr;
  for (QAction* action : window.findChildren<QAction*>())
    if (action->text().remove(u'&') == QLatin1String("Reduce motion")) reduce = action;
  ASSERT_NE(reduce, nullptr);
  while (Moves(200)) {
  }
  reduce->trigger();
  window.GetSession().NextStep();
  window.Canvas().ZoomToSelection();
  window.Canvas().Fit();
  EXPECT_FALSE(Moves(300));
  reduce->trigger();
  EXPECT_FALSE(views::ThemeSwitch::Instance().IsMotionReduced());
}

TEST_F(Places, WithoutWiresharkEverythingElseIsThere) {
  const SmallRun run;
  const QTemporaryDir nothing;
  const QByteArray path = qgetenv("PATH");
  qputenv("PATH", nothing.path().toLocal8Bit());
  window.Open(QString::fromStdString(run.Path().string()));
  window.ShowView(QStringLiteral("packets"));
  auto* packets = window.findChild<views::PacketsView*>();
  window.GetSession().Follow(SmallRun::Request(0));
  QTabWidget* tabs = nullptr;
  int page = -1;
  for (QTabWidget* candidate : packets->findChildren<QTabWidget*>())
    for (int i = 0; i < candidate->count(); ++i)
      if (candidate->tabText(i) == QLatin1String("Wireshark's view")) tabs = candidate, page = i;
  ASSERT_NE(tabs, nullptr);
  packets->findChild<QTableView*>()->selectRow(1);
  tabs->setCurrentIndex(page);
  const auto words = tabs->widget(page)->findChildren<QLabel*>();
  EXPECT_TRUE(std::any_of(words.begin(), words.end(), [](const QLabel* label) {
    return label->text().contains(QLatin1String("sharkd is not installed; on Debian: apt install"));
  }));
  packets->OpenInWireshark();
  EXPECT_TRUE(SaysSomewhere(QStringLiteral("Wireshark is not installed; on Debian: apt install")));
  packets->ApplyFilter(QStringLiteral("vxlan"));
  EXPECT_TRUE(QTest::qWaitFor([&] { return !packets->Model()->IsFiltering(); }, kPatienceMs));
  EXPECT_GT(packets->Model()->rowCount(), 0);
  EXPECT_EQ(Message(), QString());
  qputenv("PATH", path);
}

class JourneyPage : public Places {
 protected:
  /// Exports the tutorial's first journey.
  QString Export(const QString& path) {
    OpenTutorial("two-nodes.json");
    EXPECT_EQ(views::ExportJourneyHtml(*window.GetSession().Run(), *window.GetSession().Journey(), path), QString());
    QFile file(path);
    EXPECT_TRUE(file.open(QIODevice::ReadOnly));
    return QString::fromUtf8(file.readAll());
  }
  const QTemporaryDir m_directory;
};

TEST_F(JourneyPage, NeedsNothingFromElsewhere) {
  const QString page = Export(m_directory.filePath(QStringLiteral("journey.html")));
  for (const char* text :
       {"http:", "https:", "file:", "src=", "@import", "url(", "<link", "<img", "<iframe", "fetch(", "XMLHttpRequest"})
    EXPECT_FALSE(page.contains(QLatin1String(text))) << text;
  const QRegularExpression href(QStringLiteral("href=\"([^\"]*)\""));
  for (auto at = href.globalMatch(page); at.hasNext();) EXPECT_TRUE(at.next().captured(1).startsWith(u'#'));
  EXPECT_TRUE(page.contains(QStringLiteral("default-src 'none'")));
}

TEST_F(JourneyPage, GoesOnAndBackInABrowserWithoutANetwork) {
  const QString chromium = QStandardPaths::findExecutable(QStringLiteral("chromium"));
  if (chromium.isEmpty()) GTEST_SKIP() << "chromium is not installed";
  const QString path = m_directory.filePath(QStringLiteral("journey.html"));
  QString page = Export(path);
  // Presses the page's own buttons, then tells where that has led.
  page.replace(
      QStringLiteral("</body>"),
      QStringLiteral("<script>var told=[];function tell(){told.push(document.querySelector("
                     "'section.now .muted').textContent.trim())}tell();"
                     "['next','next','back'].forEach(function(id){document.getElementById(id).click();tell()});"
                     "document.title='told: '+told.join(' | ')</script></body>"));
  QFile file(path);
  ASSERT_TRUE(file.open(QIODevice::WriteOnly | QIODevice::Truncate));
  file.write(page.toUtf8());
  file.close();
  QProcess browser;
  browser.setProcessChannelMode(QProcess::SeparateChannels);
  browser.start(chromium, {QStringLiteral("--headless"), QStringLiteral("--no-sandbox"),
                           QStringLiteral("--disable-gpu"), QStringLiteral("--host-resolver-rules=MAP * ~NOTFOUND"),
                           QStringLiteral("--user-data-dir=") + m_directory.filePath(QStringLiteral("profile")),
                           QStringLiteral("--dump-dom"), QStringLiteral("file://") + path});
  ASSERT_TRUE(browser.waitForFinished(kPatienceMs)) << browser.errorString().toStdString();
  const QString dom = QString::fromUtf8(browser.readAllStandardOutput());
  const auto told = QRegularExpression(QStringLiteral("<title>told: ([^<]*)</title>")).match(dom).captured(1);
  const QStringList places = told.split(QStringLiteral(" | "));
  ASSERT_EQ(places.size(), 4) << dom.left(300).toStdString();
  EXPECT_NE(places[0], places[1]);
  EXPECT_NE(places[1], places[2]);
  EXPECT_EQ(places[1], places[3]);
}

}  // namespace
}  // namespace overlaysim::app
