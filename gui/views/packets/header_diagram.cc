#include "gui/views/packets/header_diagram.h"

#include <QHelpEvent>
#include <QMouseEvent>
#include <QSvgGenerator>
#include <QToolTip>
#include <algorithm>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

constexpr qreal kLeastBit = 15, kMostBit = 34;  ///< width of a bit
constexpr qreal kMargin = 14;
constexpr uint32_t kMostRows = 10;  ///< of one header; longer ones end with a row that says so

QString ToQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

struct Placed {
  const replay::Field* field;
  uint32_t begin, end;  ///< bits of the header
};

/// The fields that fill the header without covering each other: of a field and its parts, the parts.
std::vector<Placed> PlaceFields(const replay::Layer& layer) {
  std::vector<Placed> all;
  for (const replay::Field& field : layer.fields) {
    if (field.length == 0 || field.offset < layer.offset || field.offset - layer.offset >= kMostRows * 4) continue;
    Placed placed{&field, (field.offset - layer.offset) * 8, 0};
    if (field.bits > 0) placed.begin += field.firstBit;
    placed.end = placed.begin + (field.bits > 0 ? field.bits : std::min<uint32_t>(field.length, 4096) * 8);
    all.push_back(placed);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Placed& a, const Placed& b) { return a.end - a.begin < b.end - b.begin; });
  std::vector<Placed> kept;
  for (const Placed& placed : all)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const Placed& other) { return placed.begin < other.end && other.begin < placed.end; }))
      kept.push_back(placed);
  std::sort(kept.begin(), kept.end(), [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
  return kept;
}

}  // namespace

HeaderDiagram::HeaderDiagram(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Header diagram"));
  setMouseTracking(false);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
}

void HeaderDiagram::Show(const replay::Dissection& dissection) {
  m_dissection = dissection;
  m_offset = m_length = 0;
  Lay();
  updateGeometry();
  update();
}

void HeaderDiagram::Mark(uint32_t offset, uint32_t length) {
  m_offset = offset;
  m_length = length;
  update();
}

void HeaderDiagram::Lay() {
  m_boxes.clear();
  m_titles.clear();
  m_bit = std::clamp((width() - 2 * kMargin) / 32, kLeastBit, kMostBit);
  const QFontMetricsF metrics(font());
  const qreal rowHeight = 2 * metrics.height() + 6;
  qreal y = kMargin + metrics.height() + 4;
  for (const replay::Layer& layer : m_dissection.layers) {
    m_titles.push_back(
        {QRectF(kMargin, y, 32 * m_bit, metrics.height() + 6),
         ToQString(layer.name) + (layer.summary.empty() ? QString() : QStringLiteral("   ") + ToQString(layer.summary)),
         layer.protocol});
    y += metrics.height() + 6;
    uint32_t rows = 0;
    for (const Placed& placed : PlaceFields(layer)) {
      const QString label = ToQString(placed.field->label);
      const QString name = label.section(QLatin1Char(':'), 0, 0);
      // The name stands in the widest part of a field that goes over several rows.
      uint32_t widest = 0, widestBegin = placed.begin;
      for (uint32_t bit = placed.begin; bit < placed.end; bit = (bit / 32 + 1) * 32) {
        const uint32_t width = std::min(placed.end, (bit / 32 + 1) * 32) - bit;
        if (width > widest) widest = width, widestBegin = bit;
      }
      for (uint32_t bit = placed.begin; bit < placed.end; bit = (bit / 32 + 1) * 32) {
        const uint32_t row = bit / 32;
        if (row >= kMostRows) break;
        rows = std::max(rows, row + 1);
        const uint32_t end = std::min(placed.end, (row + 1) * 32);
        const bool isNamed = bit == widestBegin;
        m_boxes.push_back({QRectF(kMargin + (bit % 32) * m_bit, y + row * rowHeight, (end - bit) * m_bit, rowHeight),
                           isNamed ? name : QString(), isNamed ? ToQString(placed.field->value) : QString(), label,
                           placed.field->offset, placed.field->length, placed.field->isSuspicious,
                           bit != placed.begin});
      }
    }
    y += rows * rowHeight + 8;
  }
  m_height = y + kMargin;
}

QSize HeaderDiagram::sizeHint() const {
  return {static_cast<int>(32 * m_bit + 2 * kMargin), static_cast<int>(std::max<qreal>(m_height, 60))};
}

void HeaderDiagram::Paint(QPainter& painter, const Theme& theme) const {
  const QFontMetricsF metrics(font());
  painter.setFont(font());
  if (m_boxes.empty()) {
    painter.setPen(theme.mutedText);
    painter.drawText(QRectF(kMargin, kMargin, 32 * m_bit, metrics.height()), Qt::AlignLeft,
                     tr("the headers of this packet are not recorded"));
    return;
  }
  QFont small = font();
  small.setPointSizeF(small.pointSizeF() * 0.82);
  painter.setFont(small);
  painter.setPen(theme.mutedText);
  for (int bit = 0; bit < 32; ++bit)
    if (bit % 8 == 0 || bit % 8 == 7)
      painter.drawText(QRectF(kMargin + bit * m_bit, kMargin, m_bit, metrics.height()), Qt::AlignCenter,
                       QString::number(bit));
  painter.setFont(font());
  for (const Title& title : m_titles) {
    const QColor fill = theme.ColourOf(title.protocol);
    painter.fillRect(title.rect, fill);
    painter.setPen(theme.TextOn(fill));
    painter.drawText(title.rect.adjusted(6, 0, -6, 0), Qt::AlignVCenter | Qt::AlignLeft,
                     metrics.elidedText(title.text, Qt::ElideRight, title.rect.width() - 12));
  }
  for (const Box& box : m_boxes) {
    const bool isMarked = m_length > 0 && box.offset < m_offset + m_length && m_offset < box.offset + box.length;
    painter.setPen(QPen(box.isSuspicious ? theme.bad : theme.border, box.isSuspicious ? 2 : 1));
    painter.setBrush(isMarked ? theme.accent : theme.surface);
    painter.drawRect(box.rect);
    const QColor ink = isMarked ? theme.TextOn(theme.accent) : theme.text;
    const QRectF inner = box.rect.adjusted(3, 2, -3, -2);
    const QFontMetricsF smallMetrics(small);
    painter.setFont(small);
    painter.setPen(isMarked ? ink : theme.mutedText);
    const bool hasName = smallMetrics.horizontalAdvance(box.name.left(3)) <= inner.width();
    if (hasName)
      painter.drawText(QRectF(inner.left(), inner.top(), inner.width(), inner.height() / 2), Qt::AlignCenter,
                       smallMetrics.elidedText(box.name, Qt::ElideRight, inner.width()));
    painter.setFont(font());
    painter.setPen(ink);
    const QRectF value = hasName ? QRectF(inner.left(), inner.center().y(), inner.width(), inner.height() / 2) : inner;
    painter.drawText(value, Qt::AlignCenter,
                     metrics.elidedText((box.isSuspicious ? QStringLiteral("⚠ ") : QString()) + box.value,
                                        Qt::ElideRight, inner.width() + 2));
  }
}

QSize HeaderDiagram::minimumSizeHint() const {
  return {static_cast<int>(32 * kLeastBit + 2 * kMargin), sizeHint().height()};
}

void HeaderDiagram::resizeEvent(QResizeEvent*) { Lay(); }

void HeaderDiagram::paintEvent(QPaintEvent* event) {
  QPainter painter(this);
  painter.fillRect(event->rect(), CurrentTheme().canvas);
  Paint(painter, CurrentTheme());
}

const HeaderDiagram::Box* HeaderDiagram::BoxAt(const QPointF& at) const {
  for (const Box& box : m_boxes)
    if (box.rect.contains(at)) return &box;
  return nullptr;
}

void HeaderDiagram::mousePressEvent(QMouseEvent* event) {
  if (const Box* box = BoxAt(event->position())) emit FieldChosen(box->offset, box->length);
}

bool HeaderDiagram::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  if (const Box* box = BoxAt(help->pos()))
    QToolTip::showText(help->globalPos(), QStringLiteral("<p>%1</p>").arg(box->label.toHtmlEscaped()), this);
  else
    QToolTip::hideText();
  return true;
}

QString HeaderDiagram::Save(const QString& path) {
  const QSize size = sizeHint();
  if (path.endsWith(QLatin1String(".svg"), Qt::CaseInsensitive)) {
    QSvgGenerator generator;
    generator.setFileName(path);
    generator.setSize(size);
    generator.setViewBox(QRect(QPoint(), size));
    generator.setTitle(tr("Header diagram"));
    QPainter painter;
    if (!painter.begin(&generator)) return tr("%1 cannot be written").arg(path);
    painter.fillRect(QRect(QPoint(), size), CurrentTheme().canvas);
    Paint(painter, CurrentTheme());
    return painter.end() ? QString() : tr("%1 cannot be written").arg(path);
  }
  QImage image(size * 2, QImage::Format_ARGB32_Premultiplied);
  image.setDevicePixelRatio(2);
  image.fill(CurrentTheme().canvas);
  QPainter painter(&image);
  Paint(painter, CurrentTheme());
  painter.end();
  return image.save(path) ? QString() : tr("%1 cannot be written").arg(path);
}

}  // namespace overlaysim::views
