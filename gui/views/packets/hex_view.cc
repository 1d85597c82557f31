#include "gui/views/packets/hex_view.h"

#include <QApplication>
#include <QClipboard>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <algorithm>
#include <utility>

#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr size_t kPerLine = 16;
constexpr int kMargin = 8;

QChar Printable(uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f ? QChar::fromLatin1(static_cast<char>(byte)) : QLatin1Char('.');
}

}  // namespace

HexView::HexView(QWidget* parent) : QAbstractScrollArea(parent) {
  setFont(FixedFont());
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(NoFrame);
  setAccessibleName(tr("Bytes of the packet"));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, viewport(), qOverload<>(&QWidget::update));
}

void HexView::Show(std::vector<uint8_t> bytes, uint32_t wireBytes) {
  m_bytes = std::move(bytes);
  m_wireBytes = wireBytes;
  m_offset = m_length = m_layerOffset = m_layerLength = 0;
  m_cursor = 0;
  verticalScrollBar()->setValue(0);
  FitScrollBars();
  viewport()->update();
}

void HexView::Mark(uint32_t offset, uint32_t length, uint32_t layerOffset, uint32_t layerLength) {
  m_offset = offset;
  m_length = length;
  m_layerOffset = layerOffset;
  m_layerLength = layerLength;
  if (length > 0) ScrollTo(offset);
  viewport()->update();
}

QString HexView::Text() const {
  QString text;
  for (size_t line = 0; line < m_bytes.size(); line += kPerLine) {
    text += QStringLiteral("%1: ").arg(line, 8, 16, QLatin1Char('0'));
    QString shown;
    for (size_t i = 0; i < kPerLine; ++i) {
      if (line + i >= m_bytes.size()) {
        text += QStringLiteral("   ");
        continue;
      }
      text += QStringLiteral("%1 ").arg(m_bytes[line + i], 2, 16, QLatin1Char('0'));
      shown += Printable(m_bytes[line + i]);
    }
    text += QLatin1Char(' ') + shown + QLatin1Char('\n');
  }
  return text;
}

qreal HexView::CellWidth() const { return QFontMetricsF(font()).horizontalAdvance(QLatin1Char('0')); }

int HexView::LineHeight() const { return QFontMetrics(font()).height() + 3; }

qreal HexView::HexLeft(size_t column) const {
  return kMargin + CellWidth() * (6 + 3 * static_cast<qreal>(column) + (column >= 8 ? 1 : 0)) -
         horizontalScrollBar()->value();
}

qreal HexView::TextLeft(size_t column) const {
  return kMargin + CellWidth() * (6 + 3 * kPerLine + 2 + static_cast<qreal>(column)) - horizontalScrollBar()->value();
}

void HexView::FitScrollBars() {
  const int lines =
      static_cast<int>((m_bytes.size() + kPerLine - 1) / kPerLine) + (m_wireBytes > m_bytes.size() ? 1 : 0);
  const int height = lines * LineHeight() + 2 * kMargin;
  verticalScrollBar()->setRange(0, std::max(0, height - viewport()->height()));
  verticalScrollBar()->setPageStep(viewport()->height());
  verticalScrollBar()->setSingleStep(LineHeight());
  const int width = static_cast<int>(CellWidth() * (6 + 3 * kPerLine + 2 + kPerLine)) + 2 * kMargin;
  horizontalScrollBar()->setRange(0, std::max(0, width - viewport()->width()));
  horizontalScrollBar()->setPageStep(viewport()->width());
}

void HexView::ScrollTo(uint32_t offset) {
  const int top = kMargin + static_cast<int>(offset / kPerLine) * LineHeight();
  QScrollBar* bar = verticalScrollBar();
  if (top < bar->value() + kMargin) bar->setValue(top - kMargin);
  const int bottom = top + LineHeight() + kMargin;
  if (bottom > bar->value() + viewport()->height()) bar->setValue(bottom - viewport()->height());
}

void HexView::paintEvent(QPaintEvent* event) {
  const Theme& theme = CurrentTheme();
  QPainter painter(viewport());
  painter.fillRect(event->rect(), theme.surface);
  painter.setFont(font());
  if (m_bytes.empty()) {
    painter.setPen(theme.mutedText);
    painter.drawText(viewport()->rect().adjusted(kMargin, kMargin, -kMargin, -kMargin), Qt::AlignLeft | Qt::AlignTop,
                     m_wireBytes == 0 ? tr("no packet") : tr("%1, not recorded").arg(BytesText(m_wireBytes)));
    return;
  }
  const int height = LineHeight();
  const auto first = static_cast<size_t>(std::max(0, (verticalScrollBar()->value() - kMargin) / height));
  const size_t last = first + static_cast<size_t>(viewport()->height() / height) + 2;
  const auto isIn = [](size_t i, uint32_t offset, uint32_t length) { return i >= offset && i - offset < length; };
  for (size_t line = first; line <= last && line * kPerLine < m_bytes.size(); ++line) {
    const qreal top = kMargin + static_cast<qreal>(line) * height - verticalScrollBar()->value();
    painter.setPen(theme.mutedText);
    painter.drawText(QRectF(kMargin - horizontalScrollBar()->value(), top, CellWidth() * 5, height), Qt::AlignVCenter,
                     QStringLiteral("%1").arg(line * kPerLine, 4, 16, QLatin1Char('0')));
    for (size_t column = 0; column < kPerLine; ++column) {
      const size_t i = line * kPerLine + column;
      if (i >= m_bytes.size()) break;
      const QRectF hex(HexLeft(column) - CellWidth() / 2, top, CellWidth() * 3, height);
      const QRectF text(TextLeft(column), top, CellWidth(), height);
      const bool isMarked = isIn(i, m_offset, m_length);
      if (isMarked || isIn(i, m_layerOffset, m_layerLength)) {
        QColor tint = theme.accent;
        if (!isMarked) tint.setAlphaF(0.18f);
        painter.fillRect(hex, tint);
        painter.fillRect(text, tint);
      }
      painter.setPen(isMarked ? theme.TextOn(theme.accent) : theme.text);
      painter.drawText(hex, Qt::AlignCenter, QStringLiteral("%1").arg(m_bytes[i], 2, 16, QLatin1Char('0')));
      if (!isMarked && Printable(m_bytes[i]) == QLatin1Char('.')) painter.setPen(theme.mutedText);
      painter.drawText(text, Qt::AlignCenter, Printable(m_bytes[i]));
      if (hasFocus() && static_cast<int>(i) == m_cursor) {
        painter.setPen(QPen(theme.selection, 1));
        painter.drawRect(hex.adjusted(1, 1, -2, -2));
      }
    }
  }
  if (m_wireBytes > m_bytes.size()) {
    const auto lines = static_cast<qreal>((m_bytes.size() + kPerLine - 1) / kPerLine);
    painter.setPen(theme.mutedText);
    painter.drawText(
        QRectF(HexLeft(0), kMargin + lines * height - verticalScrollBar()->value(), viewport()->width(), height),
        Qt::AlignVCenter, tr("%1 more, not recorded").arg(BytesText(m_wireBytes - m_bytes.size())));
  }
}

void HexView::resizeEvent(QResizeEvent*) { FitScrollBars(); }

int HexView::ByteAt(const QPoint& position) const {
  const int y = position.y() + verticalScrollBar()->value() - kMargin;
  if (y < 0) return -1;
  for (size_t column = 0; column < kPerLine; ++column) {
    const qreal hex = HexLeft(column) - CellWidth() / 2, text = TextLeft(column);
    const bool isHere = (position.x() >= hex && position.x() < hex + 3 * CellWidth()) ||
                        (position.x() >= text && position.x() < text + CellWidth());
    if (!isHere) continue;
    const size_t i = static_cast<size_t>(y / LineHeight()) * kPerLine + column;
    return i < m_bytes.size() ? static_cast<int>(i) : -1;
  }
  return -1;
}

void HexView::Choose(int offset) {
  if (m_bytes.empty()) return;
  m_cursor = std::clamp(offset, 0, static_cast<int>(m_bytes.size()) - 1);
  ScrollTo(static_cast<uint32_t>(m_cursor));
  viewport()->update();
  emit ByteChosen(static_cast<quint32>(m_cursor));
}

void HexView::mousePressEvent(QMouseEvent* event) {
  if (const int i = ByteAt(event->pos()); i >= 0) Choose(i);
}

void HexView::keyPressEvent(QKeyEvent* event) {
  if (event->matches(QKeySequence::Copy)) return QApplication::clipboard()->setText(Text());
  switch (event->key()) {
    case Qt::Key_Left:
      return Choose(m_cursor - 1);
    case Qt::Key_Right:
      return Choose(m_cursor + 1);
    case Qt::Key_Up:
      return Choose(m_cursor - static_cast<int>(kPerLine));
    case Qt::Key_Down:
      return Choose(m_cursor + static_cast<int>(kPerLine));
    case Qt::Key_Home:
      return Choose(0);
    case Qt::Key_End:
      return Choose(static_cast<int>(m_bytes.size()) - 1);
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

bool HexView::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut) viewport()->update();
  return QAbstractScrollArea::viewportEvent(event);
}

}  // namespace overlaysim::views
