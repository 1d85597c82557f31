#pragma once

#include <QDialog>
#include <vector>

#include "gui/views/packets/filter_store.h"

class QLabel;
class QTableWidget;

namespace overlaysim::views {

/// Filters with names, to change: names, texts, colours and order. Nothing is kept before OK.
class FilterDialog : public QDialog {
  Q_OBJECT
 public:
  explicit FilterDialog(FilterStore& store, QWidget* parent = nullptr);

  QTableWidget& Table() { return *m_table; }
  void accept() override;  ///< stays open while a filter is wrong

 public slots:
  void AddRow();
  void DeleteRow();

 private:
  void AddRow(const NamedFilter& filter);
  void Move(int by);
  NamedFilter At(int row) const;
  /// Says what is wrong with the first row that is; "" when all hold together.
  QString Check() const;

  FilterStore& m_store;
  QTableWidget* m_table;
  QLabel* m_message;
};

}  // namespace overlaysim::views
