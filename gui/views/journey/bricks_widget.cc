#include "gui/views/journey/bricks_widget.h"

#include <QHelpEvent>
#include <QPainter>
#include <QToolTip>
#include <cmath>
#include <utility>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

constexpr int kWidth = 700, kMargin = 4;

}  // namespace

BricksWidget::BricksWidget(QWidget* parent) : QWidget(parent) {
  QSizePolicy policy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  policy.setHeightForWidth(true);
  setSizePolicy(policy);
  setAccessibleName(tr("Headers"));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
}

void BricksWidget::Show(HeaderPicture picture) {
  m_picture = std::move(picture);
  setAccessibleDescription(TextOf(m_picture));
  updateGeometry();
  update();
}

int BricksWidget::heightForWidth(int width) const {
  return static_cast<int>(std::ceil(PictureHeight(m_picture, width - kMargin, font()))) + 2;
}

QSize BricksWidget::sizeHint() const { return {kWidth, heightForWidth(kWidth)}; }

QSize BricksWidget::minimumSizeHint() const { return {320, heightForWidth(kWidth)}; }

void BricksWidget::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  PaintPicture(painter, QRectF(rect()).adjusted(0, 0, -kMargin, 0), m_picture, CurrentTheme(), font());
}

bool BricksWidget::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const BrickLayout layout = LayBricks(m_picture, QRectF(rect()).adjusted(0, 0, -kMargin, 0), font());
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
