#include "gui/views/packets/packet_delegate.h"

#include "gui/itemmodels/packet_model.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

using itemmodels::PacketModel;

void PacketDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  const Theme& theme = CurrentTheme();
  QColor tint = theme.ColourOf(static_cast<replay::Protocol>(index.data(PacketModel::ProtocolRole).toInt()));
  tint.setAlphaF(theme.isDark ? 0.14f : 0.12f);
  if (index.column() == PacketModel::ProtocolName) tint.setAlphaF(0.45f);
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
