#pragma once

#include <QDialog>
#include <optional>

#include "gui/document/scenario_edit.h"

class QLabel;
class QLineEdit;
class QPushButton;

namespace overlaysim::app {

/// Asks for the time, the duration and the value of an event that a click has begun.
class EventDialog : public QDialog {
  Q_OBJECT
 public:
  /// @param question what the value is, "" when there is none to ask for: "New rate"
  EventDialog(const document::EventWish& wish, const QString& title, const QString& question,
              QWidget* parent = nullptr);

  document::EventWish Wish() const { return m_wish; }

 private:
  void Check();

  document::EventWish m_wish;
  QLineEdit *m_at, *m_for, *m_value = nullptr;
  QLabel* m_problem;
  QPushButton* m_ok;
};

}  // namespace overlaysim::app
