#include "gui/views/journey/journey_view.h"

#include <QClipboard>
#include <QLabel>
#include <QPlainTextEdit>
#include <algorithm>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/journey/compare_view.h"
#include "gui/views/journey/hop_list.h"
#include "gui/views/journey/journey_html.h"
#include "gui/views/journey/ladder_view.h"
#include "gui/views/journey/packet_chooser.h"
#include "gui/views/journey/quiz.h"
#include "gui/views/journey/quiz_view.h"
#include "gui/views/packets/filter_bar.h"
#include "support/gui/application.h"

namespace overlaysim::views {
namespace {

using JourneyViews = test::SessionTest;

TEST_F(JourneyViews, KeysWalkOverTheKeyStepsOnly) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  view.resize(900, 600);
  view.show();
  view.activateWindow();
  ASSERT_TRUE(QTest::qWaitForWindowActive(&view));
  const int first = m_session.Step();
  QTest::keyClick(&view, Qt::Key_Right);
  EXPECT_GT(m_session.Step(), first);
  EXPECT_TRUE(m_session.CurrentHop()->isKey);
  QTest::keyClick(&view, Qt::Key_Comma);
  EXPECT_EQ(m_session.Step(), first);
  QTest::keyClick(&view, Qt::Key_End);
  const int last = m_session.Step();
  QTest::keyClick(&view, Qt::Key_Period);
  EXPECT_EQ(m_session.Step(), last);
  QTest::keyClick(&view, Qt::Key_Home);
  EXPECT_EQ(m_session.Step(), first);
}

TEST_F(JourneyViews, EveryStepIsShownWhenAskedFor) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  const auto* list = view.findChild<HopList*>();
  const int before = list->model()->rowCount();
  view.ShowEveryStep(true);
  EXPECT_EQ(list->model()->rowCount(), static_cast<int>(m_session.Journey()->hops.size()));
  EXPECT_LT(before, list->model()->rowCount());
}

TEST_F(JourneyViews, AStepThatTheListLeavesOutStandsInItWhileItIsTheChosenOne) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  const auto* list = view.findChild<HopList*>();
  const int before = list->model()->rowCount();
  const auto& hops = m_session.Journey()->hops;
  const auto quiet = std::find_if(hops.begin(), hops.end(), [](const replay::Hop& hop) { return !hop.isKey; });
  ASSERT_NE(quiet, hops.end());
  const int step = static_cast<int>(quiet - hops.begin());
  m_session.SetStep(step);
  EXPECT_EQ(list->model()->rowCount(), before + 1);
  EXPECT_TRUE(list->currentIndex().data().toString().startsWith(QStringLiteral("step %1:").arg(step + 1)));
  const int after = list->Neighbour(1);
  EXPECT_GT(after, step);
  m_session.SetStep(after);
  EXPECT_EQ(list->model()->rowCount(), before);
  EXPECT_TRUE(list->currentIndex().data().toString().startsWith(QStringLiteral("step %1:").arg(after + 1)));
}

TEST_F(JourneyViews, TheTableStandsWithItsMatchingLineMarked) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  view.show();
  m_session.SetStep(StepAt(Stage::VxlanFdbLookup));
  const auto* table = view.findChild<QPlainTextEdit*>();
  EXPECT_TRUE(table->isVisibleTo(&view));
  QString marked;
  for (const QString& line : table->toPlainText().split(QLatin1Char('\n')))
    if (line.startsWith(QStringLiteral("▶ "))) marked = line.mid(2);
  EXPECT_EQ(marked.toStdString(), m_session.CurrentHop()->line);
}

TEST_F(JourneyViews, SurvivesTheEndOfTheJourneyAndOfTheRun) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  LadderView ladder(m_session);
  CompareView compare(m_session);
  QuizView quiz(m_session);
  view.show();
  m_session.StopFollowing();
  view.StepForward();
  view.CopyStep();
  m_session.Close();
  EXPECT_TRUE(ladder.Shown().rows.empty());
  EXPECT_TRUE(quiz.Questions().empty());
  EXPECT_EQ(compare.Model().rowCount(), 0);
}

TEST_F(JourneyViews, CopiesTheJourneyAsText) {
  Open();
  FollowFirst();
  JourneyView view(m_session);
  view.CopyJourney();
  const QString text = QGuiApplication::clipboard()->text();
  EXPECT_TRUE(text.contains(QString::fromStdString(m_session.Journey()->title)));
  EXPECT_TRUE(text.contains(QStringLiteral("VXLAN")));
}

TEST_F(JourneyViews, PageEscapesWhatTheRunSays) {
  Open();
  FollowFirst();
  replay::Journey journey = *m_session.Journey();
  journey.title = "<script>alert(1)</script>";
  journey.hops[0].place = "<img src=x onerror=alert(2)>\"'&%1%2";
  journey.hops[0].why = "</section><b>";
  journey.hops[0].action = "\"><i>";
  const QString page = JourneyHtml(*m_session.Run(), journey);
  EXPECT_FALSE(page.contains(QStringLiteral("<script>alert")));
  EXPECT_FALSE(page.contains(QStringLiteral("<img")));
  EXPECT_FALSE(page.contains(QStringLiteral("</section><b>")));
  EXPECT_TRUE(page.contains(QStringLiteral("&lt;img src=x onerror=alert(2)&gt;&quot;'&amp;%1%2")));
  EXPECT_EQ(page.count(QStringLiteral("<section ")), static_cast<qsizetype>(journey.hops.size()));
  EXPECT_FALSE(page.contains(QStringLiteral("http:"))) << "it needs nothing from elsewhere";
}

TEST_F(JourneyViews, LadderGroupsLifelinesByMachineAndDrawsEachCrossing) {
  Open();
  FollowFirst();
  const Ladder ladder = Ladder::Of(*m_session.Run(), *m_session.Journey(), true);
  ASSERT_EQ(ladder.lanes.size(), 5u);  // cart, node1, router, node2, redis
  EXPECT_EQ(ladder.lanes[0].host, ladder.lanes[1].host);
  EXPECT_EQ(ladder.lanes[3].host, ladder.lanes[4].host);
  int crossings = 0;
  for (const Ladder::Row& row : ladder.rows) crossings += row.from != row.lane ? 1 : 0;
  EXPECT_EQ(crossings, 4);
}

TEST_F(JourneyViews, ClickInTheLadderGoesToThatStep) {
  Open();
  FollowFirst();
  LadderView view(m_session);
  view.resize(1200, 700);
  view.show();
  for (int y = 100; y < 400; y += 40) {
    const int row = view.RowAt({300, y});
    if (row < 0) continue;
    QTest::mouseClick(view.viewport(), Qt::LeftButton, {}, {300, y});
    EXPECT_EQ(m_session.Step(), view.Shown().rows[static_cast<size_t>(view.RowAt({300, y}))].step);
    break;
  }
}

TEST_F(JourneyViews, AJourneyBesideItselfDiffersNowhere) {
  Open();
  FollowFirst();
  const replay::Topology& plan = m_session.Run()->Plan();
  for (const ComparedStep& step : AlignJourneys(plan, *m_session.Journey(), plan, *m_session.Journey()))
    EXPECT_EQ(step.left, step.right);
}

TEST_F(JourneyViews, StepsThatOnlyOneHasStandAlone) {
  Open();
  FollowFirst();
  const replay::Topology& plan = m_session.Run()->Plan();
  replay::Journey shorter = *m_session.Journey();
  const int encapsulation = StepAt(Stage::Encapsulate);
  shorter.hops.erase(shorter.hops.begin() + encapsulation);
  int alone = 0;
  for (const ComparedStep& step : AlignJourneys(plan, *m_session.Journey(), plan, shorter)) {
    if (step.right >= 0) continue;
    ++alone;
    EXPECT_EQ(step.left, encapsulation);
  }
  EXPECT_EQ(alone, 1);
}

TEST_F(JourneyViews, ComparesWithAnotherRunDirectory) {
  Open();
  FollowFirst();
  const test::SmallRun other;
  CompareView view(m_session);
  EXPECT_EQ(view.OpenOther(other.Path()), QString());
  ASSERT_NE(view.Other(), nullptr);
  EXPECT_GT(view.Model().rowCount(), 5);
  EXPECT_FALSE(view.OpenOther("/nonexistent").isEmpty());
}

TEST_F(JourneyViews, ComparesWithTheSamePacketOfTheOtherRun) {
  Open();
  m_session.Follow(test::SmallRun::Request(1));
  const test::SmallRun other;
  CompareView view(m_session);
  EXPECT_EQ(view.OpenOther(other.Path()), QString());
  ASSERT_NE(view.Other(), nullptr);
  EXPECT_EQ(view.Other()->id, test::SmallRun::Request(1)) << "request and reply are of one traffic: the third of it";
}

TEST_F(JourneyViews, ThePacketToCompareWithIsFoundByAFilter) {
  Open();
  PacketChooser chooser(*m_session.Run());
  const auto wait = [&] { return QTest::qWaitFor([&] { return !chooser.Model().IsFiltering(); }, 20000); };
  ASSERT_TRUE(wait());
  EXPECT_EQ(chooser.Model().rowCount(), 6) << "three requests and their replies";
  EXPECT_EQ(chooser.Journey(), test::SmallRun::Request(0));
  chooser.Filter().SetText(QStringLiteral("icmp.type == 0"));
  chooser.Filter().Apply();
  ASSERT_TRUE(wait());
  EXPECT_EQ(chooser.Model().rowCount(), 3);
}

TEST_F(JourneyViews, QuizAsksTheSameEachTimeAndKnowsTheAnswers) {
  Open();
  FollowFirst();
  const auto questions = AskAbout(*m_session.Run(), *m_session.Journey());
  const auto again = AskAbout(*m_session.Run(), *m_session.Journey());
  ASSERT_FALSE(questions.empty());
  ASSERT_EQ(questions.size(), again.size());
  bool asksForTunnel = false;
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    EXPECT_EQ(question.answers, again[i].answers);
    ASSERT_GE(question.answers.size(), 2);
    ASSERT_LT(question.right, question.answers.size());
    EXPECT_EQ(question.answers.count(question.answers[question.right]), 1);
    EXPECT_LT(question.lastSeen, question.step);
    asksForTunnel |= question.kind == Question::Kind::OuterDestination;
    if (question.kind == Question::Kind::DecidingLine) {
      EXPECT_EQ(question.answers[question.right].toStdString(),
                m_session.Journey()->hops[static_cast<size_t>(question.step)].line);
    }
  }
  EXPECT_TRUE(asksForTunnel);
}

TEST_F(JourneyViews, QuizKeepsScore) {
  Open();
  FollowFirst();
  QuizView quiz(m_session);
  ASSERT_GE(quiz.Questions().size(), 2u);
  quiz.Answer(quiz.Questions()[0].right);
  EXPECT_EQ(quiz.Score(), 1);
  quiz.Answer(0);  // a second answer to the same question does not count
  EXPECT_EQ(quiz.Answered(), 1);
  quiz.GoOn();
  quiz.Answer(quiz.Questions()[1].right == 0 ? 1 : 0);
  EXPECT_EQ(quiz.Score(), 1);
  EXPECT_EQ(quiz.Answered(), 2);
}

}  // namespace
}  // namespace overlaysim::views
