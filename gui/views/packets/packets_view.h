#pragma once

#include <QWidget>

#include "gui/views/session.h"

class QComboBox;
class QLabel;
class QProgressBar;
class QPushButton;
class QTableView;

namespace overlaysim::itemmodels {
class PacketModel;
}

namespace overlaysim::views {

class FilterBar;
class FilterStore;
class PacketDelegate;
class PacketPanes;

/// The packets of a run: list, filter, tree, bytes. Enter follows the packet of the row.
class PacketsView : public QWidget {
  Q_OBJECT
 public:
  explicit PacketsView(Session& session, QWidget* parent = nullptr);

  itemmodels::PacketModel* Model() const { return m_model; }
  FilterBar* Filter() const { return m_filter; }
  FilterStore* Filters() const { return m_filters; }
  PacketPanes* Panes() const { return m_panes; }
  QTableView* Table() const { return m_table; }
  /// The rows that are shown as one pcapng file, those without bytes left out. "" or why not; `written` counts.
  QString SaveRows(const QString& path, uint64_t& written);

 public slots:
  void ShowTrace();
  void ShowCapture();
  void ApplyFilter(const QString& text);
  void FollowCurrent();
  void ManageFilters();
  void SaveAs();  ///< asks for a file
  void OpenInWireshark();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  /// As a focus proxy, but Tab comes to what stands before it, too.
  void focusInEvent(QFocusEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void RunChanged();
  void LoadSource();
  void RowChosen();
  void FollowStep();
  void ShowMenu(const QPoint& at);
  void ShowCounts();
  void UseRules();
  void FitColumns();  ///< to what they show, until somebody drags one

  Session& m_session;
  itemmodels::PacketModel* m_model;
  QComboBox* m_source;
  FilterStore* m_filters;
  FilterBar* m_filter;
  PacketDelegate* m_rows;
  QTableView* m_table;
  PacketPanes* m_panes;
  QLabel* m_counts;
  QProgressBar* m_progress;
  QPushButton* m_stop;
  bool m_isFitting = false, m_hasOwnColumns = false;
  bool m_isMoving = false;  ///< the row changes because the session did
};

}  // namespace overlaysim::views
