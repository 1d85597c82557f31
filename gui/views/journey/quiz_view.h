#pragma once

#include <QWidget>
#include <vector>

#include "gui/views/journey/quiz.h"
#include "gui/views/session.h"

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace overlaysim::views {

class BricksWidget;

/// Asks what the followed packet does next, keeps score and explains. Keys 1 to 4 answer, Enter goes on.
class QuizView : public QWidget {
  Q_OBJECT
 public:
  explicit QuizView(Session& session, QWidget* parent = nullptr);

  const std::vector<Question>& Questions() const { return m_questions; }
  int Current() const { return m_current; }
  int Score() const { return m_score; }
  int Answered() const { return m_answered; }

 public slots:
  void Restart();
  void Answer(int choice);
  void GoOn();

 protected:
  void keyPressEvent(QKeyEvent* event) override;

 private:
  void Show();

  Session& m_session;
  std::vector<Question> m_questions;
  int m_current = 0, m_score = 0, m_answered = 0;
  int m_choice = -1;  ///< -1: not answered yet
  QLabel *m_progress, *m_seen, *m_question, *m_verdict, *m_why;
  BricksWidget* m_bricks;
  std::vector<QPushButton*> m_buttons;
  QPushButton *m_next, *m_restart;
};

}  // namespace overlaysim::views
