#include "gui/views/journey/mtu_bar.h"

#include <QCoreApplication>
#include <QFontMetricsF>
#include <QPainter>
#include <algorithm>

#include "gui/views/format.h"

namespace overlaysim::views {

MtuBudget MtuBudget::Of(const replay::Hop& hop, const HeaderPicture& picture) {
  MtuBudget budget;
  if (hop.mtu == 0) return budget;
  budget.mtu = hop.mtu;
  budget.device = QString::fromStdString(hop.place);
  // A tunnel device's MTU is for what goes into it; its headers come out of the MTU of the device beneath.
  const bool isTunnel = hop.record.stage == Stage::Encapsulate;
  const BrickRow& row = isTunnel ? picture.before : picture.after;
  const uint32_t used = NetworkBytes(row);
  budget.overhead = std::min(TunnelOverhead(row), used);
  if (isTunnel) budget.beneath = NetworkBytes(picture.after) - std::min(used, NetworkBytes(picture.after));
  budget.carried = used - budget.overhead;
  budget.left = used < hop.mtu ? hop.mtu - used : 0;
  budget.excess = used > hop.mtu ? used - hop.mtu : 0;
  return budget;
}

QString MtuBudget::Text() const {
  const auto Tr = [](const char* text) { return QCoreApplication::translate("MtuBar", text); };
  if (mtu == 0) return {};
  QString text = Tr("MTU %1 of %2: %3 used").arg(CountText(mtu), device, BytesText(overhead + carried));
  if (overhead > 0) text += Tr(", %1 of them by the tunnel").arg(BytesText(overhead));
  text += excess > 0 ? Tr(", %1 too many").arg(BytesText(excess)) : Tr(", %1 left").arg(BytesText(left));
  if (beneath > 0) text += Tr("; the tunnel takes %1 of the MTU beneath").arg(BytesText(beneath));
  return text;
}

void PaintMtuBar(QPainter& painter, const QRectF& area, const MtuBudget& budget, const Theme& theme,
                 const QFont& font) {
  painter.save();
  painter.setRenderHint(QPainter::Antialiasing);
  const QFontMetricsF metrics(font);
  painter.setFont(font);
  painter.setPen(budget.excess > 0 ? theme.bad : theme.text);
  painter.drawText(QRectF(area.left(), area.top(), area.width(), metrics.height()), Qt::AlignLeft | Qt::AlignVCenter,
                   metrics.elidedText(budget.Text(), Qt::ElideRight, area.width()));
  const QRectF bar(area.left() + 0.5, area.top() + metrics.height() + 4.5, area.width() - 1, 12);
  const double whole = std::max(1.0, static_cast<double>(budget.overhead) + budget.carried + budget.left);
  const auto part = [&](double from, double bytes) {
    return QRectF(bar.left() + bar.width() * from / whole, bar.top(), bar.width() * bytes / whole, bar.height());
  };
  painter.setPen(QPen(theme.border, 1));
  painter.setBrush(theme.surface);
  painter.drawRect(bar);
  const QRectF overhead = part(0, budget.overhead);
  painter.fillRect(overhead, theme.tunnel);
  painter.setPen(Qt::NoPen);
  painter.setBrush(QBrush(theme.surface, Qt::BDiagPattern));
  painter.drawRect(overhead);
  painter.fillRect(part(budget.overhead, budget.carried), theme.accent);
  if (budget.excess > 0) {
    const QRectF over = part(budget.mtu, budget.excess);
    painter.fillRect(over, theme.bad);
    painter.setBrush(QBrush(theme.surface, Qt::DiagCrossPattern));
    painter.drawRect(over);
    painter.setPen(QPen(theme.text, 2));
    painter.drawLine(QPointF(over.left(), bar.top() - 3), QPointF(over.left(), bar.bottom() + 3));
  }
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme.border, 1));
  painter.drawRect(bar);
  painter.restore();
}

MtuBar::MtuBar(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("MTU budget"));
}

void MtuBar::Show(const MtuBudget& budget) {
  m_budget = budget;
  setVisible(budget.mtu != 0);
  setAccessibleDescription(budget.Text());
  setToolTip(budget.Text());
  update();
}

QSize MtuBar::sizeHint() const { return {400, QFontMetrics(font()).height() + 22}; }

void MtuBar::paintEvent(QPaintEvent*) {
  if (m_budget.mtu == 0) return;
  QPainter painter(this);
  PaintMtuBar(painter, rect(), m_budget, CurrentTheme(), font());
}

}  // namespace overlaysim::views
