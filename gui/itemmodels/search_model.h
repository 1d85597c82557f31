#pragma once

#include <QAbstractListModel>
#include <memory>
#include <vector>

#include "gui/replay/finder.h"

namespace overlaysim::itemmodels {

/// What the command palette lists while a name, an address or a MAC is typed.
class SearchModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role {
    DetailRole = Qt::UserRole,  ///< QString: "pod on node1"
    KindRole,                   ///< int of replay::Found::Kind
    KindNameRole                ///< QString: "Pod"
  };
  static constexpr size_t kMost = 50;
  using QAbstractListModel::QAbstractListModel;

  /// Null: nothing to find. The plan must live until the next call.
  void SetPlan(const replay::Topology* plan);
  void Search(const QString& text);
  const replay::Found& FoundAt(int row) const { return m_found[static_cast<size_t>(row)]; }

  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

 private:
  const replay::Topology* m_plan = nullptr;
  std::unique_ptr<replay::Finder> m_finder;  ///< made when something is looked for
  std::vector<replay::Found> m_found;
};

}  // namespace overlaysim::itemmodels
