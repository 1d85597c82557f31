// A run that is still written while the window shows it; and a window in which nothing moves.

#include <QCheckBox>
#include <QTimerEvent>
#include <algorithm>
#include <utility>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/canvas/canvas_view.h"
#include "gui/views/packets/packets_view.h"
#include "support/small_run.h"
#include "window_fixture.h"

namespace overlaysim::app {
namespace {

using test::SmallRun;

/// Counts what would keep a processor awake.
class TimerEvents : public QObject {
 public:
  TimerEvents() { qApp->installEventFilter(this); }
  int count = 0;

 protected:
  bool eventFilter(QObject*, QEvent* event) override {
    if (event->type() == QEvent::Timer || event->type() == QEvent::Paint) ++count;
    return false;
  }
};

class LiveRun : public Window {
 protected:
  QCheckBox* Live() const {
    for (QCheckBox* box : window.findChildren<QCheckBox*>())
      if (box->text() == QLatin1String("Live")) return box;
    return nullptr;
  }
  bool HasText(const QString& text) const {
    const auto labels = window.findChildren<QLabel*>();
    return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) { return label->text().contains(text); });
  }
  size_t DropMarks() { return window.GetSession().Facts() ? window.GetSession().Facts()->activity.Drops().size() : 0; }
  /// Timers and pictures in so many milliseconds of which nothing is asked.
  int EventsWhileIdle(int milliseconds) {
    EXPECT_TRUE(QTest::qWaitFor([this] { return !window.GetSession().IsReadingFacts(); }, kPatienceMs));
    TimerEvents events;
    for (int i = 0; i < 20; ++i) {  // what has been asked for comes to rest
      if (std::exchange(events.count, 0) == 0 && i > 0) break;
      QTest::qWait(150);
    }
    events.count = 0;
    QTest::qWait(milliseconds);
    return events.count;
  }
};

TEST_F(LiveRun, GrowsInTheWindowUntilItEnds) {
  QApplication::setCursorFlashTime(0);
  SmallRun run({.pings = 2, .isComplete = false});
  window.Open(QString::fromStdString(run.Path().string()));
  views::Session& session = window.GetSession();
  ASSERT_NE(session.Run(), nullptr);
  auto* packets = window.findChild<views::PacketsView*>();
  window.ShowView(QStringLiteral("packets"));
  session.Follow(SmallRun::Request(0));
  const uint64_t records = session.Run()->RecordCount();
  const int64_t end = session.Run()->EndNs();
  EXPECT_EQ(packets->Model()->rowCount(), static_cast<int>(records));
  ASSERT_NE(Live(), nullptr);
  EXPECT_TRUE(Live()->isVisible());
  Live()->click();

  run.GoOn();
  run.GoOn(true);
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.Run()->RecordCount() == run.Records(); }, kPatienceMs));
  EXPECT_GT(session.Run()->RecordCount(), records);
  EXPECT_GT(session.Run()->EndNs(), end);
  EXPECT_EQ(session.Time(), session.Run()->EndNs());
  EXPECT_TRUE(
      QTest::qWaitFor([&] { return packets->Model()->rowCount() == static_cast<int>(run.Records()); }, kPatienceMs));
  EXPECT_TRUE(QTest::qWaitFor([&] { return DropMarks() == 1; }, kPatienceMs));
  EXPECT_NE(session.Journey(), nullptr);  // who is followed, is followed still
  EXPECT_TRUE(Live()->isChecked());

  run.End();
  ASSERT_TRUE(QTest::qWaitFor([&] { return session.Run()->IsComplete(); }, kPatienceMs));
  EXPECT_TRUE(QTest::qWaitFor([&] { return !Live()->isChecked(); }, kPatienceMs));
  EXPECT_FALSE(Live()->isVisible());
  EXPECT_EQ(EventsWhileIdle(1500), 0);
}

TEST_F(LiveRun, IsLeftAloneWhileItDoesNotGrow) {
  SmallRun run({.pings = 2, .isComplete = false});
  window.Open(QString::fromStdString(run.Path().string()));
  Live()->click();
  QSignalSpy changed(&window.GetSession(), &views::Session::RunChanged);
  QTest::qWait(2500);
  EXPECT_EQ(changed.count(), 0);
  EXPECT_FALSE(window.GetSession().HasNews());
  run.GoOn();
  EXPECT_TRUE(changed.wait(kPatienceMs));
}

TEST_F(LiveRun, NothingMovesWhileNobodyActs) {
  QApplication::setCursorFlashTime(0);
  OpenTutorial("two-nodes.json");
  for (const QString& view : window.ViewNames()) {
    window.ShowView(view);
    EXPECT_EQ(EventsWhileIdle(200), 0) << view.toStdString();
  }
}

}  // namespace
}  // namespace overlaysim::app
