#include "gui/views/journey/quiz_view.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QStyleOptionButton>
#include <QStylePainter>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/views/journey/bricks_widget.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kChoices = 4;

/// A button whose text goes on in the next line where there is no room: an answer may be a rule of iptables.
class AnswerButton : public QPushButton {
 public:
  explicit AnswerButton(QWidget* parent) : QPushButton(parent) {
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Minimum);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
  }
  bool hasHeightForWidth() const override { return true; }
  int heightForWidth(int width) const override {
    const QRect room(0, 0, std::max(40, width - 2 * kAcross), 10000);
    return fontMetrics().boundingRect(room, kFlags, text()).height() + 2 * kDown;
  }
  QSize sizeHint() const override { return {kWide, heightForWidth(kWide)}; }
  QSize minimumSizeHint() const override { return {120, heightForWidth(width())}; }

 protected:
  void paintEvent(QPaintEvent*) override {
    QStylePainter painter(this);
    QStyleOptionButton option;
    initStyleOption(&option);
    option.text.clear();
    painter.drawControl(QStyle::CE_PushButton, option);
    painter.setPen(palette().color(isEnabled() ? QPalette::Active : QPalette::Disabled, QPalette::ButtonText));
    painter.drawText(rect().adjusted(kAcross, kDown, -kAcross, -kDown), kFlags, text());
  }

 private:
  static constexpr int kAcross = 12, kDown = 7, kWide = 320;
  static constexpr int kFlags = Qt::AlignLeft | Qt::AlignVCenter | Qt::TextWordWrap | Qt::TextShowMnemonic;
};

}  // namespace

QuizView::QuizView(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setAccessibleName(tr("Quiz about the packet"));
  setFocusPolicy(Qt::StrongFocus);
  setBackgroundRole(QPalette::Base);
  setAutoFillBackground(true);
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(20, 16, 20, 16);
  column->setSpacing(10);
  const auto label = [&](double size, bool isBold) {
    auto* made = new QLabel(this);
    made->setTextFormat(Qt::PlainText);
    made->setWordWrap(true);
    QFont font = made->font();
    font.setPointSizeF(font.pointSizeF() * size);
    font.setBold(isBold);
    made->setFont(font);
    column->addWidget(made);
    return made;
  };
  m_progress = label(1, false);
  m_progress->setForegroundRole(QPalette::PlaceholderText);
  m_seen = label(1, false);
  m_bricks = new BricksWidget(this);
  column->addWidget(m_bricks);
  m_question = label(1.35, true);
  for (int i = 0; i < kChoices; ++i) {
    auto* button = new AnswerButton(this);
    connect(button, &QPushButton::clicked, this, [this, i] { Answer(i); });
    column->addWidget(button);
    m_buttons.push_back(button);
  }
  m_verdict = label(1.2, true);
  m_verdict->setForegroundRole(QPalette::WindowText);
  m_why = label(1.05, false);
  auto* end = new QHBoxLayout;
  m_next = new QPushButton(tr("Go on"), this);
  m_restart = new QPushButton(tr("Start again"), this);
  end->addWidget(m_next);
  end->addWidget(m_restart);
  end->addStretch(1);
  column->addLayout(end);
  column->addStretch(1);
  connect(m_next, &QPushButton::clicked, this, &QuizView::GoOn);
  connect(m_restart, &QPushButton::clicked, this, &QuizView::Restart);
  connect(&session, &Session::JourneyChanged, this, &QuizView::Restart);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &QuizView::Show);
  Restart();
}

void QuizView::Restart() {
  m_questions.clear();
  if (m_session.Journey()) m_questions = AskAbout(*m_session.Run(), *m_session.Journey());
  m_current = m_score = m_answered = 0;
  m_choice = -1;
  Show();
}

void QuizView::Answer(int choice) {
  if (m_choice >= 0 || m_current >= static_cast<int>(m_questions.size())) return;
  const Question& question = m_questions[static_cast<size_t>(m_current)];
  if (choice < 0 || choice >= question.answers.size()) return;
  m_choice = choice;
  ++m_answered;
  if (choice == question.right) ++m_score;
  m_session.SetStep(question.step);
  Show();
  m_next->setFocus();
}

void QuizView::GoOn() {
  if (m_choice < 0) return;
  ++m_current;
  m_choice = -1;
  Show();
  setFocus();
}

void QuizView::Show() {
  const Theme& theme = CurrentTheme();
  const int count = static_cast<int>(m_questions.size());
  const bool isOver = m_current >= count;
  const replay::Journey* journey = m_session.Journey();
  m_next->setVisible(!isOver && m_choice >= 0);
  m_restart->setVisible(isOver && count > 0);
  m_bricks->setVisible(!isOver);
  m_seen->setVisible(!isOver);
  m_verdict->setVisible(!isOver && m_choice >= 0);
  m_why->setVisible(!isOver && m_choice >= 0);
  m_progress->setText(
      count == 0 ? QString()
      : isOver   ? tr("%1 questions").arg(count)
               : tr("Question %1 of %2 · %3 of %4 right").arg(m_current + 1).arg(count).arg(m_score).arg(m_answered));
  for (QPushButton* button : m_buttons) button->hide();
  if (isOver || !journey) {
    m_question->setText(!journey     ? tr("Follow a packet; then this asks you what it does next.")
                        : count == 0 ? tr("There is nothing to ask about this packet.")
                                     : tr("%1 of %2 right.").arg(m_score).arg(count));
    return;
  }
  const Question& question = m_questions[static_cast<size_t>(m_current)];
  const replay::Hop& seen = journey->hops[static_cast<size_t>(m_choice < 0 ? question.lastSeen : question.step)];
  m_seen->setText(
      QStringLiteral("%1 · %2").arg(QString::fromStdString(seen.place), QString::fromStdString(seen.action)));
  m_bricks->Show(PictureOf(seen, m_session.Run()->VxlanPorts()));
  m_question->setText(question.text);
  for (int i = 0; i < question.answers.size(); ++i) {
    QPushButton* button = m_buttons[static_cast<size_t>(i)];
    const bool isRight = m_choice >= 0 && i == question.right, isWrong = m_choice == i && i != question.right;
    QString text = question.answers[i];
    text.replace(QLatin1Char('&'), QStringLiteral("&&"));
    button->setText(QStringLiteral("%1  %2%3")
                        .arg(i + 1)
                        .arg(isRight   ? QStringLiteral("✓ ")
                             : isWrong ? QStringLiteral("✗ ")
                                       : QString(),
                             text));
    button->setAccessibleName(question.answers[i]);
    button->setEnabled(m_choice < 0 || isRight || isWrong);
    QPalette palette = this->palette();
    if (isRight) palette.setColor(QPalette::ButtonText, theme.good);
    if (isWrong) palette.setColor(QPalette::ButtonText, theme.bad);
    button->setPalette(palette);
    button->show();
  }
  if (m_choice < 0) return;
  const bool isRight = m_choice == question.right;
  m_verdict->setText(isRight ? tr("✓ Right.") : tr("✗ No: %1").arg(question.answers[question.right]));
  QPalette palette = m_verdict->palette();
  palette.setColor(QPalette::WindowText, isRight ? theme.good : theme.bad);
  m_verdict->setPalette(palette);
  m_why->setText(question.explanation);
}

void QuizView::keyPressEvent(QKeyEvent* event) {
  if (event->key() >= Qt::Key_1 && event->key() < Qt::Key_1 + kChoices) return Answer(event->key() - Qt::Key_1);
  if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) return GoOn();
  QWidget::keyPressEvent(event);
}

}  // namespace overlaysim::views
