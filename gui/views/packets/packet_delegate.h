#pragma once

#include <QColor>
#include <QString>
#include <QStyledItemDelegate>
#include <utility>
#include <vector>

namespace overlaysim::views {

/// A row of the packet list: tinted by the first rule that fits, else by its innermost protocol; what was dropped or is
/// malformed has a sign before it.
class PacketDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  /// Of each of the model's rules; a tool tip says the name.
  void SetRules(std::vector<std::pair<QString, QColor>> rules) { m_rules = std::move(rules); }
  bool helpEvent(QHelpEvent* event, QAbstractItemView* view, const QStyleOptionViewItem& option,
                 const QModelIndex& index) override;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;

 private:
  const std::pair<QString, QColor>* RuleOf(const QModelIndex& index) const;

  std::vector<std::pair<QString, QColor>> m_rules;
};

}  // namespace overlaysim::views
