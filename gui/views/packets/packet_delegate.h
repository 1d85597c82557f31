#pragma once

#include <QStyledItemDelegate>

namespace overlaysim::views {

/// A row of the packet list: tinted by its innermost protocol; what was dropped or is malformed has a sign before it.
class PacketDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;
};

}  // namespace overlaysim::views
