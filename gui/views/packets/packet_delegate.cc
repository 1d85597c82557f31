#include "gui/views/packets/packet_delegate.h"

#include <QAbstractItemView>
#include <QHelpEvent>
#include <QToolTip>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

using itemmodels::PacketModel;

const std::pair<QString, QColor>* PacketDelegate::RuleOf(const QModelIndex& index) const {
  const int rule = m_rules.empty() ? -1 : index.data(PacketModel::RuleRole).toInt();
  return rule >= 0 && static_cast<size_t>(rule) < m_rules.size() ? &m_rules[static_cast<size_t>(rule)] : nullptr;
}

bool PacketDelegate::helpEvent(QHelpEvent* event, QAbstractItemView* view, const QStyleOptionViewItem& option,
                               const QModelIndex& index) {
  const auto* rule = event->type() == QEvent::ToolTip ? RuleOf(index) : nullptr;
  if (!rule) return QStyledItemDelegate::helpEvent(event, view, option, index);
  const QString own = index.data(Qt::ToolTipRole).toString();
  const QString coloured = tr("coloured by %1").arg(rule->first);
  QToolTip::showText(event->globalPos(), own.isEmpty() ? coloured : own + QLatin1Char('\n') + coloured, view);
  return true;
}

void PacketDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  if (index.column() < PacketModel::Info) option->textElideMode = Qt::ElideMiddle;  // both ends of a name tell it
  const Theme& theme = CurrentTheme();
  QColor tint = theme.ColourOf(static_cast<replay::Protocol>(index.data(PacketModel::ProtocolRole).toInt()));
  tint.setAlphaF(theme.isDark ? 0.14f : 0.12f);
  if (index.column() == PacketModel::ProtocolName) tint.setAlphaF(0.45f);
  if (const auto* rule = RuleOf(index)) {
    tint = rule->second;
    tint.setAlphaF(theme.isDark ? 0.42f : 0.38f);
  }
  option->backgroundBrush = tint;
  const bool isDrop = index.data(PacketModel::IsDropRole).toBool();
  const bool isSuspicious = index.data(PacketModel::IsSuspiciousRole).toBool();
  if (!isDrop && !isSuspicious) return;
  option->palette.setColor(QPalette::Text, isDrop ? theme.bad : theme.warning);
  if (isDrop) option->font.setBold(true);
  const int signedColumn = isDrop ? PacketModel::Step : PacketModel::ProtocolName;
  if (index.column() == signedColumn) option->text.prepend(isDrop ? QStringLiteral("✗ ") : QStringLiteral("⚠ "));
}

}  // namespace overlaysim::views
