#pragma once

#include <QScrollArea>
#include <QString>
#include <map>

#include "gui/views/session.h"

class QLabel;
class QPlainTextEdit;
class QPushButton;

namespace overlaysim::views {

class BricksWidget;
class MtuBar;

/// The current step of the followed packet, large: where, why, headers before and after, MTU, the table with the line
/// that decided, and the packets that it came from and led to.
class StepDetail : public QScrollArea {
  Q_OBJECT
 public:
  explicit StepDetail(Session& session, QWidget* parent = nullptr);

 private:
  void Refresh();
  void RefreshTable(const replay::Hop& hop);
  void RefreshRelations();
  QString TitleOf(uint64_t journey, bool fromCause);  ///< a sentence with a link
  void FitTable();

  Session& m_session;
  QLabel *m_number, *m_place, *m_action, *m_times, *m_why, *m_device, *m_tableName, *m_relations;
  BricksWidget* m_bricks;
  MtuBar* m_mtu;
  QPlainTextEdit* m_table;
  QPushButton* m_wholeTable;
  bool m_showsWholeTable = false;
  std::map<std::pair<uint64_t, bool>, QString> m_sentences;  ///< of the journeys beside this one
};

}  // namespace overlaysim::views
