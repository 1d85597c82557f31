#pragma once

#include <QWidget>

#include "gui/views/session.h"

class QLabel;
class QLineEdit;
class QTableView;
class QTabWidget;

namespace overlaysim::itemmodels {
class FlowModel;
class LinkModel;
class TableModel;
class TableSorter;
}  // namespace overlaysim::itemmodels

namespace overlaysim::views {

/// The run's flows and links as tables that sort by any column. Enter on a flow follows its first packet, on a link
/// selects it.
class FlowTable : public QWidget {
  Q_OBJECT
 public:
  explicit FlowTable(Session& session, QWidget* parent = nullptr);

  int Rows() const;  ///< of the flows that are shown
  void ShowLinks();

 public slots:
  void Copy();  ///< the table that is shown, columns parted by tabs

 signals:
  void FilterRequested(const QString& condition);  ///< packets of the chosen flow

 private:
  struct Page {
    itemmodels::TableModel* model;
    itemmodels::TableSorter* sorter;
    QTableView* view;
  };
  Page AddPage(itemmodels::TableModel* model, const QString& title);
  void Load();
  void Follow(int flow);
  void SelectLink(int link);

  Session& m_session;
  itemmodels::FlowModel* m_flows;
  itemmodels::LinkModel* m_links;
  QTabWidget* m_tabs;
  QLineEdit* m_search;
  QLabel* m_message;
  Page m_flowPage, m_linkPage;
};

}  // namespace overlaysim::views
