#include "gui/views/inspect/plot_canvas.h"

#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>
#include <utility>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

constexpr Qt::PenStyle kStyles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};

QString ValueText(const TimeSeries& series, double value) {
  const auto whole = static_cast<uint64_t>(std::llround(std::max(0.0, value)));
  switch (series.unit) {
    case TimeSeries::Unit::Bits:
      return RateText(whole);
    case TimeSeries::Unit::Bytes:
      return BytesText(whole);
    case TimeSeries::Unit::Share:
      return QStringLiteral("%1 %").arg(value * 100, 0, 'g', 3);
    case TimeSeries::Unit::Nanoseconds:
      return TimeText(static_cast<int64_t>(value));
    case TimeSeries::Unit::Count:
      break;
  }
  const QString count = value >= 1000 ? CountText(whole) : QString::number(value, 'g', 3);
  return series.isRate ? count + QStringLiteral("/s") : count;
}

/// The next of 1, 2, 5, 10, 20, ... that is not below.
double NiceStep(double least) {
  if (!(least > 0)) return 1;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= least * 0.999999) return factor * power;
  return 10 * power;
}

}  // namespace

PlotCanvas::PlotCanvas(QWidget* parent) : QWidget(parent) {
  setFocusPolicy(Qt::StrongFocus);
  setAccessibleName(tr("Plot over time"));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
}

int64_t PlotCanvas::End() const { return m_series.empty() || m_series[0].sums.empty() ? 1 : m_series[0].EndNs(); }

void PlotCanvas::Show(std::vector<TimeSeries> series) {
  const int64_t before = End();
  m_series = std::move(series);
  m_detail.clear();
  if (End() != before || m_to > End()) ShowAll();
  QStringList peaks;
  for (const TimeSeries& one : m_series) {
    double least = 0, greatest = 0;
    if (Extremes(one, 0, End(), least, greatest)) peaks << tr("%1: at most %2").arg(one.name, ValueText(one, greatest));
  }
  setAccessibleDescription(peaks.join(QStringLiteral("; ")));
  update();
}

void PlotCanvas::ShowDetail(std::vector<TimeSeries> series) {
  m_detail = std::move(series);
  update();
}

const std::vector<TimeSeries>& PlotCanvas::InSight() const {
  const bool isCovered = m_detail.size() == m_series.size() && !m_detail.empty() && m_detail[0].beginNs <= m_from &&
                         m_detail[0].EndNs() >= m_to;
  return isCovered ? m_detail : m_series;
}

void PlotCanvas::SetRange(int64_t fromNs, int64_t toNs) {
  m_from = fromNs;
  m_to = toNs;
  update();
  emit RangeChanged(m_from, m_to);
}

void PlotCanvas::SetCursor(int64_t timeNs) {
  m_cursor = timeNs;
  update();
}

void PlotCanvas::SetMessage(const QString& message) {
  m_message = message;
  update();
}

void PlotCanvas::ShowAll() { SetRange(0, std::max<int64_t>(1, End())); }

void PlotCanvas::Zoom(double factor, int64_t aroundNs) {
  const auto span = static_cast<double>(m_to - m_from);
  const double wanted = std::clamp(span * factor, 10.0, static_cast<double>(End()));
  const double share = static_cast<double>(aroundNs - m_from) / span;
  const double from = static_cast<double>(aroundNs) - share * wanted;
  const auto begin = static_cast<int64_t>(std::clamp(from, 0.0, std::max(0.0, static_cast<double>(End()) - wanted)));
  SetRange(begin, begin + std::max<int64_t>(1, static_cast<int64_t>(wanted)));
}

void PlotCanvas::Pan(int64_t byNs) {
  const int64_t span = m_to - m_from;
  const int64_t from = std::clamp<int64_t>(m_from + byNs, 0, std::max<int64_t>(0, End() - span));
  SetRange(from, from + span);
}

bool PlotCanvas::Extremes(const TimeSeries& series, int64_t fromNs, int64_t toNs, double& least, double& greatest) {
  const auto slotOf = [&](int64_t ns) {
    return static_cast<size_t>(std::max<int64_t>(0, ns - series.beginNs) / series.slotNs);
  };
  const size_t first = slotOf(fromNs), last = std::min(series.sums.size(), slotOf(toNs - 1) + 1);
  if (first >= last) return false;
  const auto [low, high] = std::minmax_element(series.sums.begin() + static_cast<ptrdiff_t>(first),
                                               series.sums.begin() + static_cast<ptrdiff_t>(last));
  least = series.ValueAt(static_cast<size_t>(low - series.sums.begin()));
  greatest = series.ValueAt(static_cast<size_t>(high - series.sums.begin()));
  return true;
}

QRectF PlotCanvas::PlotArea(const QRectF& area) const {
  const QFontMetricsF metrics(font());
  return area.adjusted(metrics.horizontalAdvance(QStringLiteral("000.00 Mbps")) + 10, metrics.height() + 10, -14,
                       -metrics.height() - 10);
}

void PlotCanvas::Paint(QPainter& painter, const QRectF& area, const Theme& theme) const {
  const QRectF plot = PlotArea(area);
  const QFontMetricsF metrics(font());
  painter.setFont(font());
  painter.fillRect(area, theme.surface);
  const std::vector<TimeSeries>& shown = InSight();
  if (shown.empty() || plot.width() < 20 || plot.height() < 20) return;
  double top = 0;
  for (const TimeSeries& one : shown) {
    double least = 0, greatest = 0;
    if (Extremes(one, m_from, m_to, least, greatest)) top = std::max(top, greatest);
  }
  const TimeSeries::Unit unit = shown[0].unit;
  if (top <= 0) top = unit == TimeSeries::Unit::Share ? 0.01 : 1;
  // Bits and bytes are whole: no two lines of the axis say the same.
  const double leastStep = unit == TimeSeries::Unit::Bits || unit == TimeSeries::Unit::Bytes ? 1 : 0;
  const double step =
      std::max(leastStep, NiceStep(top / std::max(1.0, std::floor(plot.height() / (metrics.height() * 2.2)))));
  top = std::ceil(top / step) * step;
  const auto yOf = [&](double value) { return plot.bottom() - plot.height() * value / top; };
  for (double value = 0; value <= top * 1.0001; value += step) {
    painter.setPen(QPen(theme.border, value == 0 ? 1 : 0.5));
    painter.drawLine(QPointF(plot.left(), yOf(value)), QPointF(plot.right(), yOf(value)));
    painter.setPen(theme.mutedText);
    painter.drawText(
        QRectF(area.left(), yOf(value) - metrics.height() / 2, plot.left() - area.left() - 6, metrics.height()),
        Qt::AlignRight | Qt::AlignVCenter, value == 0 ? QStringLiteral("0") : ValueText(shown[0], value));
  }
  const auto span = static_cast<double>(m_to - m_from);
  const auto xOf = [&](int64_t ns) { return plot.left() + plot.width() * static_cast<double>(ns - m_from) / span; };
  const double tick = std::max(1.0, NiceStep(span / std::max(1.0, std::floor(plot.width() / 110))));
  for (double at = std::ceil(static_cast<double>(m_from) / tick) * tick; at <= static_cast<double>(m_to); at += tick) {
    const auto ns = static_cast<int64_t>(at);
    painter.setPen(QPen(theme.border, 0.5));
    painter.drawLine(QPointF(xOf(ns), plot.bottom()), QPointF(xOf(ns), plot.bottom() + 4));
    painter.setPen(theme.mutedText);
    QRectF label(0, plot.bottom() + 4, 128, metrics.height());
    label.moveCenter(QPointF(xOf(ns), label.center().y()));
    if (label.left() < area.left()) label.moveLeft(area.left());
    if (label.right() > area.right()) label.moveRight(area.right());
    painter.drawText(label, Qt::AlignCenter, TimeText(ns));
  }
  const QColor colours[] = {theme.accent, theme.warning, theme.bad, theme.good};
  painter.save();
  painter.setClipRect(plot.adjusted(0, -2, 0, 2));
  painter.setRenderHint(QPainter::Antialiasing);
  for (size_t i = 0; i < shown.size(); ++i) {
    QPainterPath upper;
    bool isBegun = false;
    const auto columns = static_cast<int>(plot.width());
    for (int column = 0; column < columns; ++column) {
      const int64_t from = m_from + static_cast<int64_t>(span * column / columns);
      const int64_t to = std::max(from + 1, m_from + static_cast<int64_t>(span * (column + 1) / columns));
      double least = 0, greatest = 0;
      if (!Extremes(shown[i], from, to, least, greatest)) continue;
      const qreal x = plot.left() + column;
      if (greatest > least) {
        painter.setPen(QPen(colours[i % 4], 1));
        painter.drawLine(QPointF(x, yOf(least)), QPointF(x, yOf(greatest)));
      }
      isBegun ? upper.lineTo(x, yOf(greatest)) : upper.moveTo(x, yOf(greatest));
      isBegun = true;
    }
    painter.setPen(QPen(colours[i % 4], 1.6, kStyles[i % 4]));
    painter.setBrush(Qt::NoBrush);
    painter.drawPath(upper);
  }
  if (m_cursor >= m_from && m_cursor <= m_to) {
    painter.setPen(QPen(theme.selection, 1, Qt::DashLine));
    painter.drawLine(QPointF(xOf(m_cursor), plot.top()), QPointF(xOf(m_cursor), plot.bottom()));
  }
  painter.restore();
  qreal x = plot.left();
  for (size_t i = 0; i < shown.size(); ++i) {
    painter.setPen(QPen(colours[i % 4], 2, kStyles[i % 4]));
    const qreal y = area.top() + 5 + metrics.height() / 2;
    painter.drawLine(QPointF(x, y), QPointF(x + 26, y));
    painter.setPen(theme.text);
    const qreal room = std::max<qreal>(40, (plot.right() - plot.left()) / static_cast<qreal>(shown.size()) - 44);
    const QString name = metrics.elidedText(shown[i].name, Qt::ElideRight, room);
    painter.drawText(QPointF(x + 32, y + metrics.ascent() / 2 - 1), name);
    x += 32 + metrics.horizontalAdvance(name) + 18;
  }
  if (!m_message.isEmpty()) {
    painter.setPen(theme.mutedText);
    painter.drawText(plot.adjusted(6, 4, -6, 0), Qt::AlignTop | Qt::AlignRight, m_message);
  }
}

void PlotCanvas::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  Paint(painter, rect(), CurrentTheme());
  if (hasFocus()) {
    painter.setPen(QPen(CurrentTheme().selection, 1, Qt::DotLine));
    painter.drawRect(rect().adjusted(0, 0, -1, -1));
  }
}

int64_t PlotCanvas::TimeAt(qreal x) const {
  const QRectF plot = PlotArea(rect());
  const double share = std::clamp((x - plot.left()) / std::max<qreal>(1, plot.width()), 0.0, 1.0);
  return m_from + static_cast<int64_t>(share * static_cast<double>(m_to - m_from));
}

void PlotCanvas::wheelEvent(QWheelEvent* event) {
  Zoom(std::pow(0.999, event->angleDelta().y()), TimeAt(event->position().x()));
  event->accept();
}

void PlotCanvas::mousePressEvent(QMouseEvent* event) {
  m_pressedAt = event->position();
  m_pressedFrom = m_from;
  m_isDragged = false;
}

void PlotCanvas::mouseMoveEvent(QMouseEvent* event) {
  const qreal moved = event->position().x() - m_pressedAt.x();
  if (std::abs(moved) > 4) m_isDragged = true;
  if (!m_isDragged) return;
  const double perPixel = static_cast<double>(m_to - m_from) / std::max<qreal>(1, PlotArea(rect()).width());
  Pan(m_pressedFrom - static_cast<int64_t>(moved * perPixel) - m_from);
}

void PlotCanvas::mouseReleaseEvent(QMouseEvent* event) {
  if (!m_isDragged) emit TimeChosen(TimeAt(event->position().x()));
}

void PlotCanvas::mouseDoubleClickEvent(QMouseEvent*) { ShowAll(); }

void PlotCanvas::keyPressEvent(QKeyEvent* event) {
  const int64_t tenth = std::max<int64_t>(1, (m_to - m_from) / 10);
  switch (event->key()) {
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return Zoom(0.5, std::clamp(m_cursor, m_from, m_to));
    case Qt::Key_Minus:
      return Zoom(2, std::clamp(m_cursor, m_from, m_to));
    case Qt::Key_0:
      return ShowAll();
    case Qt::Key_Left:
      return Pan(-tenth);
    case Qt::Key_Right:
      return Pan(tenth);
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace overlaysim::views
