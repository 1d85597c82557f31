#include "gui/views/journey/bricks_widget.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <utility>

#include "gui/views/format.h"

namespace overlaysim::views {

BricksWidget::BricksWidget(QWidget* parent) : QWidget(parent) {
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("Headers"));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
}

void BricksWidget::Show(HeaderPicture picture) {
  m_picture = std::move(picture);
  setAccessibleDescription(TextOf(m_picture));
  updateGeometry();
  update();
}

QSize BricksWidget::sizeHint() const { return {700, static_cast<int>(PictureHeight(m_picture, font())) + 2}; }

QSize BricksWidget::minimumSizeHint() const { return {320, sizeHint().height()}; }

void BricksWidget::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  PaintPicture(painter, QRectF(rect()).adjusted(0, 0, -4, 0), m_picture, CurrentTheme(), font());
}

bool BricksWidget::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const BrickLayout layout = LayBricks(m_picture, QRectF(rect()).adjusted(0, 0, -4, 0), font());
  const auto find = [&](const std::vector<QRectF>& rects, const BrickRow& row) -> const Brick* {
    for (size_t i = 0; i < rects.size(); ++i)
      if (rects[i].contains(help->pos())) return &row.bricks[i];
    return nullptr;
  };
  const Brick* brick = find(layout.after, m_picture.after);
  if (!brick && !m_picture.isSame) brick = find(layout.before, m_picture.before);
  if (!brick) {
    QToolTip::hideText();
    event->ignore();
    return true;
  }
  QString text = brick->name + QStringLiteral(" · ") + BytesText(brick->bytes);
  if (!brick->summary.isEmpty()) text += QLatin1Char('\n') + brick->summary;
  for (const QString& field : brick->fields.mid(0, 24)) text += QStringLiteral("\n  ") + field;
  // Names come from a file: no rich text of theirs.
  QToolTip::showText(help->globalPos(), QStringLiteral("<p style=\"white-space:pre\">") + text.toHtmlEscaped(), this);
  return true;
}

}  // namespace overlaysim::views
