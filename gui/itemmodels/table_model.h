#pragma once

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <functional>
#include <vector>

#include "sim/trace/metrics.h"

namespace overlaysim::itemmodels {

/// Rows of numbers with units, sorted by the numbers and not by their texts: flows, links.
class TableModel : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Role {
    SortRole = Qt::UserRole,  ///< a number, or a text in text columns
    RowRole,                  ///< int: place in the run's list, whatever the sorting
    IsAlarmingRole            ///< something was lost here
  };
  struct Cell {
    QString text;
    QVariant sort;
    bool isAlarming = false;
  };
  struct Column {
    QString title, meaning;
    bool isNumber = true;
    std::function<Cell(int row)> cell;
  };
  using QAbstractTableModel::QAbstractTableModel;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;
  /// All cells as text, columns parted by tabs, with a line of titles.
  QString AsText() const;

 protected:
  void Show(int rows, std::vector<Column> columns);

 private:
  int m_rows = 0;
  std::vector<Column> m_columns;
};

/// The run's lines of traffic, from metrics.json.
class FlowModel : public TableModel {
  Q_OBJECT
 public:
  enum ColumnNumber { Name, From, To, Offered, Delivered, Lost, LostShare, Bytes, LatencyP50, LatencyP99, LatencyMax, RttP50, RttP99 };
  explicit FlowModel(QObject* parent = nullptr) : TableModel(parent) {}
  void SetMetrics(const RunMetrics* metrics);  ///< null: none; must live until the next call
};

/// Each direction of each cable, from metrics.json.
class LinkModel : public TableModel {
  Q_OBJECT
 public:
  enum ColumnNumber { Name, From, To, Rate, Utilisation, Frames, Bytes, Dropped, DroppedBytes, MaxQueue };
  explicit LinkModel(QObject* parent = nullptr) : TableModel(parent) {}
  void SetMetrics(const RunMetrics* metrics);  ///< null: none; must live until the next call
};

/// Sorts by TableModel::SortRole and shows the rows of which any column has the text.
class TableSorter : public QSortFilterProxyModel {
  Q_OBJECT
 public:
  explicit TableSorter(QObject* parent = nullptr);
};

}  // namespace overlaysim::itemmodels
