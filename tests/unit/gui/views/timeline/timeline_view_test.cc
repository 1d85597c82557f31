#include "gui/views/timeline/timeline_view.h"

#include <QLineEdit>

#include "gui/views/timeline/time_axis.h"
#include "gui/views/timeline/time_entry.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

class TimelineViewTest : public test::SessionTest {
 protected:
  TimelineViewTest() {
    m_view.resize(900, 140);
    m_view.show();
  }
  TimelineView m_view{m_session};
};

TEST(TimeEntry, TakesTheWordsOfScenariosAndOfTheWindow) {
  EXPECT_EQ(ParseTime(QStringLiteral("1.2s")), 1'200'000'000);
  EXPECT_EQ(ParseTime(QStringLiteral("17.6us")), 17'600);
  EXPECT_EQ(ParseTime(QString::fromUtf8("17.6 µs")), 17'600);
  EXPECT_EQ(ParseTime(QStringLiteral("1.203 417 096 s")), 1'203'417'096);
  for (const char* wrong : {"", "soon", "1.2", "-1s", "1e9s", "99999999999h"})
    EXPECT_EQ(ParseTime(QString::fromLatin1(wrong)), std::nullopt) << wrong;
}

TEST_F(TimelineViewTest, StepsGoFromRecordToRecordAndBack) {
  Open();
  m_view.NextEvent();
  ASSERT_TRUE(m_session.CurrentHop());
  EXPECT_EQ(m_session.CurrentHop()->index, 0u);
  m_view.NextEvent();
  EXPECT_EQ(m_session.CurrentHop()->index, 1u);
  m_view.PreviousEvent();
  EXPECT_EQ(m_session.CurrentHop()->index, 0u);
  QSignalSpy messages(&m_view, &TimelineView::Message);
  m_view.PreviousEvent();
  EXPECT_EQ(messages.size(), 1);
}

TEST_F(TimelineViewTest, TheNextDropIsTheNextRecordWhosePacketIsLost) {
  Open({.hasDrop = true});
  m_view.NextDrop();
  ASSERT_TRUE(m_session.CurrentHop());
  EXPECT_TRUE(IsDrop(m_session.CurrentHop()->record.verdict));
  QSignalSpy messages(&m_view, &TimelineView::Message);
  m_view.NextDrop();
  EXPECT_EQ(messages.size(), 1);
}

TEST_F(TimelineViewTest, EventsHereAreThoseOfTheSelectedPlace) {
  Open();
  Place router;
  router.kind = Place::Kind::Netns;
  router.netns = test::SmallRun::kRouter;
  m_session.Select(router);
  m_view.NextEventHere();
  ASSERT_TRUE(m_session.CurrentHop());
  EXPECT_EQ(m_session.CurrentHop()->record.netns, test::SmallRun::kRouter);
  const uint64_t first = m_session.CurrentHop()->index;
  EXPECT_EQ(m_session.Selected(), router);
  m_view.NextEventHere();
  EXPECT_GT(m_session.CurrentHop()->index, first);
  m_view.PreviousEventHere();
  EXPECT_EQ(m_session.CurrentHop()->index, first);
}

TEST_F(TimelineViewTest, ATypedTimeIsGoneTo) {
  Open();
  auto* entry = m_view.findChild<QLineEdit*>();
  ASSERT_TRUE(entry);
  m_view.EnterTime();
  entry->setText(QStringLiteral("5us"));
  QTest::keyClick(entry, Qt::Key_Return);
  EXPECT_EQ(m_session.Time(), 5000);
  entry->setText(QStringLiteral("later"));
  QTest::keyClick(entry, Qt::Key_Return);
  EXPECT_EQ(m_session.Time(), 5000);
}

TEST_F(TimelineViewTest, PlayingMovesTheTimeAndEndsAtTheEnd) {
  Open();
  for (int i = 0; i < 12; ++i) m_view.Faster();
  QSignalSpy playing(&m_session, &Session::PlayingChanged);
  m_view.TogglePlay();
  EXPECT_TRUE(m_session.IsPlaying());
  m_session.SetTime(m_session.Run()->EndNs() - 1);
  while (m_session.IsPlaying()) ASSERT_TRUE(playing.wait(5000));
  EXPECT_EQ(m_session.Time(), m_session.Run()->EndNs());
}

TEST_F(TimelineViewTest, TheAxisZoomsAroundATimeAndStaysWithinTheRun) {
  Open();
  TimeAxis& axis = m_view.Axis();
  const double end = static_cast<double>(m_session.Run()->EndNs());
  EXPECT_EQ(axis.ToNs(), end);
  axis.ZoomBy(10, end / 2);
  EXPECT_NEAR(axis.ToNs() - axis.FromNs(), end / 10, 1);
  EXPECT_LT(axis.FromNs(), end / 2);
  EXPECT_GT(axis.ToNs(), end / 2);
  axis.SetRange(-1e18, 1e18);
  EXPECT_EQ(axis.FromNs(), 0);
  EXPECT_EQ(axis.ToNs(), end);
  axis.ZoomBy(1e30, 0);
  EXPECT_GT(axis.ToNs(), axis.FromNs());
}

TEST_F(TimelineViewTest, KeysMoveTheCursor) {
  Open();
  TimeAxis& axis = m_view.Axis();
  QTest::keyClick(&axis, Qt::Key_End);
  EXPECT_EQ(m_session.Time(), m_session.Run()->EndNs());
  QTest::keyClick(&axis, Qt::Key_Home);
  EXPECT_EQ(m_session.Time(), 0);
  QTest::keyClick(&axis, Qt::Key_Right);
  EXPECT_GT(m_session.Time(), 0);
  QTest::mouseClick(&axis, Qt::LeftButton, {}, QPoint(axis.width() / 2, axis.height() / 2));
  EXPECT_NEAR(static_cast<double>(m_session.Time()), static_cast<double>(m_session.Run()->EndNs()) / 2,
              static_cast<double>(m_session.Run()->EndNs()) / 100);
}

TEST_F(TimelineViewTest, WithoutARunNothingCanBePlayed) {
  m_view.TogglePlay();
  m_view.NextEvent();
  m_view.NextDrop();
  m_view.NextEventHere();
  EXPECT_FALSE(m_session.IsPlaying());
  EXPECT_FALSE(m_view.grab().isNull());
}

}  // namespace
}  // namespace overlaysim::views
