#pragma once

#include <QDialog>

#include "gui/replay/run.h"

class QLabel;
class QPushButton;
class QTableView;

namespace overlaysim::itemmodels {
class PacketModel;
}

namespace overlaysim::views {

class FilterBar;

/// Chooses one packet of a run, of all that were sent: by a filter, which looks through the whole trace.
class PacketChooser : public QDialog {
  Q_OBJECT
 public:
  /// @param run  must outlive the dialog
  explicit PacketChooser(replay::Run& run, QWidget* parent = nullptr);

  quint64 Journey() const;  ///< of the chosen row; 0: none
  itemmodels::PacketModel& Model() { return *m_model; }
  FilterBar& Filter() { return *m_filter; }

 private:
  void Look();

  itemmodels::PacketModel* m_model;
  FilterBar* m_filter;
  QTableView* m_table;
  QLabel* m_counts;
  QPushButton* m_ok;
};

}  // namespace overlaysim::views
