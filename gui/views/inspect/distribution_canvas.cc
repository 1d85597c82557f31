#include "gui/views/inspect/distribution_canvas.h"

#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <cmath>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

struct Percentile {
  uint64_t numerator, denominator;
  const char* name;
};
constexpr Percentile kPercentiles[] = {{1, 2, "p50"}, {9, 10, "p90"}, {99, 100, "p99"}, {999, 1000, "p99.9"}};

}  // namespace

DistributionCanvas::DistributionCanvas(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Distribution"));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
}

void DistributionCanvas::Show(const Histogram& values, TimeSeries::Unit unit, const QString& name) {
  m_values = values;
  m_unit = unit;
  m_name = name;
  setAccessibleDescription(Text());
  setToolTip(Text());
  update();
}

void DistributionCanvas::SetShape(Shape shape) {
  m_shape = shape;
  update();
}

void DistributionCanvas::SetMessage(const QString& message) {
  m_message = message;
  update();
}

QString DistributionCanvas::ValueText(int64_t value) const {
  const auto whole = static_cast<uint64_t>(std::max<int64_t>(0, value));
  switch (m_unit) {
    case TimeSeries::Unit::Nanoseconds:
      return TimeText(value);
    case TimeSeries::Unit::Bytes:
      return BytesText(whole);
    default:
      return CountText(whole);
  }
}

QString DistributionCanvas::Text() const {
  if (m_values.Count() == 0) return tr("%1: no values").arg(m_name);
  QStringList words{tr("least %1").arg(ValueText(m_values.Min()))};
  for (const Percentile& p : kPercentiles)
    words << QStringLiteral("%1 %2").arg(QLatin1String(p.name),
                                         ValueText(m_values.Quantile(p.numerator, p.denominator)));
  words << tr("most %1").arg(ValueText(m_values.Max())) << tr("mean %1").arg(ValueText(m_values.Mean()));
  return tr("%1, %2 values: %3").arg(m_name, CountText(m_values.Count()), words.join(QStringLiteral(", ")));
}

double DistributionCanvas::ShareOf(int64_t value) const {
  const auto least = static_cast<double>(m_values.Min()), most = static_cast<double>(m_values.Max());
  const double floor = std::max(1.0, least), at = std::clamp(static_cast<double>(value), least, most);
  if (most <= least) return 0.5;
  if (most / floor <= 100) return (at - least) / (most - least);
  return std::log(std::max(at, floor) / floor) / std::log(most / floor);
}

int64_t DistributionCanvas::ValueAt(double share) const {
  const auto least = static_cast<double>(m_values.Min()), most = static_cast<double>(m_values.Max());
  const double floor = std::max(1.0, least);
  if (most <= least) return m_values.Min();
  return static_cast<int64_t>(most / floor <= 100 ? least + share * (most - least)
                                                  : floor * std::pow(most / floor, share));
}

void DistributionCanvas::Paint(QPainter& painter, const QRectF& area, const Theme& theme) const {
  const QFontMetricsF metrics(font());
  painter.setFont(font());
  painter.fillRect(area, theme.surface);
  const QRectF plot = area.adjusted(metrics.horizontalAdvance(QStringLiteral("000,000,000")) + 10,
                                    2 * metrics.height() + 14, -14, -metrics.height() - 10);
  painter.setPen(theme.text);
  QStringList percentiles;
  for (const Percentile& p : kPercentiles)
    percentiles << QStringLiteral("%1 %2").arg(QLatin1String(p.name),
                                               ValueText(m_values.Quantile(p.numerator, p.denominator)));
  const QString aside = !m_message.isEmpty()    ? m_message
                        : m_values.Count() == 0 ? QString()
                                                : percentiles.join(QStringLiteral(" · "));
  const QRectF line(area.x() + 10, area.y() + 4, area.width() - 20, metrics.height());
  painter.drawText(line, Qt::AlignLeft,
                   metrics.elidedText(m_name, Qt::ElideRight, line.width() - metrics.horizontalAdvance(aside) - 12));
  painter.setPen(theme.mutedText);
  painter.drawText(line, Qt::AlignRight, metrics.elidedText(aside, Qt::ElideRight, line.width()));
  if (plot.width() < 20 || plot.height() < 20) return;
  const std::vector<Histogram::Bucket> buckets = m_values.Buckets();
  if (buckets.empty()) {
    painter.setPen(theme.mutedText);
    painter.drawText(plot, Qt::AlignCenter, tr("no values"));
    return;
  }
  const auto xOf = [&](int64_t value) { return plot.left() + plot.width() * ShareOf(value); };
  double top = 1;
  std::vector<uint64_t> bars;
  const double wide = m_values.Max() > m_values.Min() ? 8 : plot.width() / 5;
  if (m_shape == Shape::Bars) {
    const auto count = static_cast<size_t>(std::max(1.0, plot.width() / wide));
    bars.assign(count, 0);
    for (const Histogram::Bucket& bucket : buckets) {
      const double share = ShareOf(bucket.lowest + (bucket.highest - bucket.lowest) / 2);
      bars[std::min(count - 1, static_cast<size_t>(share * static_cast<double>(count)))] += bucket.count;
    }
    top = 4 * std::ceil(static_cast<double>(*std::max_element(bars.begin(), bars.end())) / 4);  // whole quarters
  }
  const auto yOf = [&](double value) { return plot.bottom() - plot.height() * value / top; };
  for (int quarter = 0; quarter <= 4; ++quarter) {
    const double value = top * quarter / 4;
    painter.setPen(QPen(theme.border, quarter == 0 ? 1 : 0.5));
    painter.drawLine(QPointF(plot.left(), yOf(value)), QPointF(plot.right(), yOf(value)));
    painter.setPen(theme.mutedText);
    painter.drawText(
        QRectF(area.left(), yOf(value) - metrics.height() / 2, plot.left() - area.left() - 6, metrics.height()),
        Qt::AlignRight | Qt::AlignVCenter,
        m_shape == Shape::Bars ? CountText(static_cast<uint64_t>(std::llround(value)))
                               : QStringLiteral("%1 %").arg(quarter * 25));
  }
  const int ticks = std::max(1, static_cast<int>(plot.width() / 130));
  for (int i = 0; i <= ticks && (m_values.Max() > m_values.Min() || i == 0); ++i) {
    const int64_t value = ValueAt(static_cast<double>(i) / ticks);
    QRectF label(0, plot.bottom() + 4, 128, metrics.height());
    label.moveCenter(QPointF(xOf(value), label.center().y()));
    if (label.left() < area.left()) label.moveLeft(area.left());
    if (label.right() > area.right()) label.moveRight(area.right());
    painter.setPen(theme.mutedText);
    painter.drawText(label, Qt::AlignCenter, ValueText(value));
  }
  if (m_shape == Shape::Bars) {
    for (size_t i = 0; i < bars.size(); ++i) {
      if (bars[i] == 0) continue;
      const double width = plot.width() / static_cast<double>(bars.size());
      const double x = plot.left() + width * static_cast<double>(i), y = yOf(static_cast<double>(bars[i]));
      painter.fillRect(QRectF(x + 0.5, y, std::max(1.0, width - 1), plot.bottom() - y), theme.accent);
    }
  } else {
    painter.setRenderHint(QPainter::Antialiasing);
    QPainterPath path(QPointF(plot.left(), plot.bottom()));
    uint64_t sum = 0;
    for (const Histogram::Bucket& bucket : buckets) {
      const double x = xOf(bucket.highest);
      path.lineTo(x, path.currentPosition().y());
      sum += bucket.count;
      path.lineTo(x, yOf(static_cast<double>(sum) / static_cast<double>(m_values.Count())));
    }
    path.lineTo(plot.right(), plot.top());
    painter.strokePath(path, QPen(theme.accent, 1.8));
  }
  // Percentiles: those whose names would meet share one.
  struct Mark {
    double x;
    QString names;
  };
  std::vector<Mark> marks;
  for (const Percentile& p : kPercentiles) {
    const double x = xOf(m_values.Quantile(p.numerator, p.denominator));
    const QString name = QLatin1String(p.name);
    const QString together = marks.empty() ? name : marks.back().names + QStringLiteral(", ") + name;
    if (!marks.empty() && x - marks.back().x < metrics.horizontalAdvance(together) + 6)
      marks.back().names = together;
    else
      marks.push_back({x, name});
    painter.setPen(QPen(theme.warning, 1, Qt::DashLine));
    painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()));
  }
  painter.setPen(theme.text);
  for (const Mark& mark : marks) {
    const double width = metrics.horizontalAdvance(mark.names) + 6;
    const double left = std::clamp(mark.x - width / 2, plot.left(), std::max(plot.left(), area.right() - width - 2));
    painter.drawText(QRectF(left, plot.top() - metrics.height() - 3, width, metrics.height()), Qt::AlignCenter,
                     mark.names);
  }
}

void DistributionCanvas::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  Paint(painter, rect(), CurrentTheme());
  if (hasFocus()) {
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(CurrentTheme().selection, 1));
    painter.drawRect(rect().adjusted(0, 0, -1, -1));
  }
}

}  // namespace overlaysim::views
