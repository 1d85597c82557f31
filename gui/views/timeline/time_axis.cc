#include "gui/views/timeline/time_axis.h"

#include <fmt/format.h>

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QToolTip>
#include <QWheelEvent>
#include <algorithm>
#include <cmath>

#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr double kSide = 10;  ///< pixels beside the axis
constexpr double kMarkHeight = 16;
constexpr double kLeastSpanNs = 20;
constexpr size_t kMostBuckets = 200000;
constexpr double kPickPixels = 6;
constexpr size_t kFewChunks = 3;

}  // namespace

TimeAxis::TimeAxis(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
  setAccessibleName(tr("Time"));
  setAccessibleDescription(
      tr("The run's time. Left and Right move by a pixel, with Shift by ten; Home and End to the run's ends; plus and "
         "minus zoom; F shows the whole run."));
  connect(&session, &Session::RunChanged, this, [this] {
    m_further.clear();
    FindMarks();
    ShowAll();
  });
  connect(&session, &Session::TimeChanged, this, [this](qint64 ns) {
    const double time = static_cast<double>(ns);
    // The cursor stays in sight: a page further when it leaves it.
    const double span = m_to - m_from;
    if (time < m_from || time > m_to) SetRange(time - span * 0.1, time + span * 0.9);
    update();
  });
  connect(&session, &Session::FactsChanged, this, qOverload<>(&QWidget::update));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
  FindMarks();
  ShowAll();
}

double TimeAxis::EndNs() const {
  return m_session.Run() ? static_cast<double>(std::max<int64_t>(m_session.Run()->EndNs(), 1)) : 1;
}

double TimeAxis::XOf(double ns) const {
  return kSide + (ns - m_from) / (m_to - m_from) * std::max(width() - 2 * kSide, 1.0);
}

double TimeAxis::TimeAt(double x) const {
  return m_from + (x - kSide) / std::max(width() - 2 * kSide, 1.0) * (m_to - m_from);
}

void TimeAxis::SetRange(double fromNs, double toNs) {
  const double end = EndNs();
  const double span = std::clamp(toNs - fromNs, std::min(kLeastSpanNs, end), end);
  m_from = std::clamp(fromNs, 0.0, end - span);
  m_to = m_from + span;
  MeasureDensity();
  emit RangeChanged();
  update();
}

void TimeAxis::ShowAll() { SetRange(0, EndNs()); }

void TimeAxis::ZoomBy(double factor, double aroundNs) {
  const double span = (m_to - m_from) / factor;
  const double share = (aroundNs - m_from) / (m_to - m_from);
  SetRange(aroundNs - span * share, aroundNs + span * (1 - share));
}

void TimeAxis::AddMarks(std::vector<replay::Mark> marks) {
  m_further = std::move(marks);
  FindMarks();
  update();
}

void TimeAxis::FindMarks() {
  m_marks = m_further;
  if (m_session.Run())
    for (const replay::PlannedEvent& event : m_session.Run()->Plan().events)
      m_marks.push_back({replay::Mark::Kind::Event, event.atNs, event.text});
  if (m_session.Run() && m_session.Run()->Metrics())
    for (const ExpectationResult& expectation : m_session.Run()->Metrics()->expectations)
      if (!expectation.held)
        m_marks.push_back(
            {replay::Mark::Kind::FailedExpectation, m_session.Run()->EndNs(),
             fmt::format("{}: expected {}, found {}", expectation.text, expectation.expected, expectation.found)});
  std::stable_sort(m_marks.begin(), m_marks.end(),
                   [](const replay::Mark& a, const replay::Mark& b) { return a.timeNs < b.timeNs; });
}

void TimeAxis::MeasureDensity() {
  m_density.clear();
  if (!m_session.Run() || !m_session.Run()->HasTrace()) return;
  replay::Run& run = *m_session.Run();
  const auto pixels = static_cast<size_t>(std::max(width() - 2 * kSide, 1.0));
  const auto timeOf = [&](size_t pixel) {
    return m_from + static_cast<double>(pixel) / static_cast<double>(pixels) * (m_to - m_from);
  };
  m_density.assign(pixels, 0);
  size_t chunks = 0;
  for (const TraceReader::ChunkInfo& chunk : run.Trace()->RecordChunks())
    chunks += static_cast<double>(chunk.lastNs) >= m_from && static_cast<double>(chunk.firstNs) <= m_to;
  if (chunks <= kFewChunks) {
    // A span that few chunks cover is counted.
    uint64_t before = run.FirstAtOrAfter(static_cast<int64_t>(std::ceil(m_from)));
    for (size_t i = 0; i < pixels; ++i) {
      const bool isLast = i + 1 == pixels && m_to >= EndNs();
      const uint64_t next =
          isLast ? run.RecordCount() : run.FirstAtOrAfter(static_cast<int64_t>(std::ceil(timeOf(i + 1))));
      m_density[i] = next > before ? static_cast<double>(next - before) : 0;
      before = std::max(before, next);
    }
    return;
  }
  const double zoom = EndNs() / (m_to - m_from);
  const auto buckets = static_cast<size_t>(std::clamp(static_cast<double>(pixels) * zoom, 1.0, double{kMostBuckets}));
  const std::vector<double> all = run.Density(buckets);
  for (size_t i = 0; i < pixels; ++i) {
    const auto bucket = static_cast<size_t>((timeOf(i) + timeOf(i + 1)) / 2 / EndNs() * static_cast<double>(buckets));
    if (bucket < all.size()) m_density[i] = all[bucket];
  }
}

void TimeAxis::paintEvent(QPaintEvent*) {
  const Theme& theme = CurrentTheme();
  QPainter painter(this);
  painter.fillRect(rect(), theme.surface);
  const double tickHeight = QFontMetricsF(font()).height() + 4;
  const QRectF area(kSide, kMarkHeight, std::max(width() - 2 * kSide, 1.0), height() - kMarkHeight - tickHeight);
  painter.fillRect(area, theme.canvas);
  if (!m_session.Run()) {
    painter.setPen(theme.mutedText);
    painter.drawText(area, Qt::AlignCenter, tr("No run is open"));
    return;
  }
  painter.save();
  painter.setClipRect(QRectF(area.left(), 0, area.width(), height()).adjusted(-6, 0, 6, 0));
  PaintDensity(painter, area);
  PaintTicks(painter, area);
  PaintMarks(painter, area);
  // The cursor.
  const double x = XOf(static_cast<double>(m_session.Time()));
  painter.setRenderHint(QPainter::Antialiasing, true);
  painter.setPen(QPen(theme.accent, 2));
  painter.drawLine(QPointF(x, kMarkHeight - 4), QPointF(x, area.bottom()));
  QPainterPath handle;
  handle.moveTo(x, area.bottom() - 8);
  handle.lineTo(x - 6, area.bottom());
  handle.lineTo(x + 6, area.bottom());
  handle.closeSubpath();
  painter.fillPath(handle, theme.accent);
  if (m_drag == Drag::Range) {
    QColor fill = theme.accent;
    fill.setAlphaF(0.2f);
    painter.fillRect(QRectF(QPointF(m_pressedX, area.top()), QPointF(m_lastX, area.bottom())).normalized(), fill);
  }
  painter.restore();
  if (hasFocus()) {
    painter.setPen(QPen(theme.selection, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(rect().adjusted(1, 1, -1, -1));
  }
}

void TimeAxis::PaintDensity(QPainter& painter, const QRectF& area) const {
  const Theme& theme = CurrentTheme();
  const double most = m_density.empty() ? 0 : *std::max_element(m_density.begin(), m_density.end());
  if (most <= 0) return;
  painter.setRenderHint(QPainter::Antialiasing, false);
  QColor colour = theme.accent;
  colour.setAlphaF(0.55f);
  for (size_t i = 0; i < m_density.size(); ++i) {
    if (m_density[i] <= 0) continue;
    // The square root: a single event is seen beside a burst of thousands.
    const double height = std::max(2.0, std::sqrt(m_density[i] / most) * (area.height() - 4));
    painter.fillRect(QRectF(area.left() + static_cast<double>(i), area.bottom() - height, 2, height), colour);
  }
}

void TimeAxis::PaintTicks(QPainter& painter, const QRectF& area) const {
  const Theme& theme = CurrentTheme();
  const QFontMetricsF metrics(font());
  // 1, 2 or 5 times a power of ten, so far apart that texts have room.
  const double least = (m_to - m_from) / std::max(area.width() / 110, 1.0);
  double step = std::pow(10, std::floor(std::log10(std::max(least, 1.0))));
  for (const double times : {2.0, 5.0, 10.0})
    if (step < least) step = std::pow(10, std::floor(std::log10(least))) * times;
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (double time = std::ceil(m_from / step) * step; time <= m_to; time += step) {
    const double x = XOf(time);
    painter.setPen(QPen(theme.border, 1));
    painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom() + 3));
    const QString text = TimeText(static_cast<int64_t>(time));
    const double width = metrics.horizontalAdvance(text);
    const double left = std::clamp(x - width / 2, area.left(), std::max(area.left(), area.right() - width));
    painter.setPen(theme.mutedText);
    painter.drawText(QRectF(left, area.bottom() + 3, width + 2, metrics.height()), Qt::AlignLeft, text);
  }
}

void TimeAxis::PaintMarks(QPainter& painter, const QRectF& area) const {
  const Theme& theme = CurrentTheme();
  painter.setRenderHint(QPainter::Antialiasing, true);
  // Drops: a cross for each place of the axis where there is one.
  if (const auto& facts = m_session.Facts()) {
    const auto& drops = facts->activity.Drops();
    const auto begin = std::lower_bound(drops.begin(), drops.end(), m_from, [](const replay::DropEvent& d, double t) {
      return static_cast<double>(d.timeNs) < t;
    });
    double last = -100;
    painter.setPen(QPen(theme.bad, 2));
    for (auto drop = begin; drop != drops.end() && static_cast<double>(drop->timeNs) <= m_to;) {
      const double x = XOf(static_cast<double>(drop->timeNs));
      if (x - last >= 7) {
        last = x;
        painter.drawLine(QPointF(x - 3, 4), QPointF(x + 3, 10));
        painter.drawLine(QPointF(x - 3, 10), QPointF(x + 3, 4));
        painter.drawLine(QPointF(x, kMarkHeight), QPointF(x, kMarkHeight + 5));
      }
      // To the next pixel's: a million drops are as quick as the axis is wide.
      const auto next = static_cast<int64_t>(TimeAt(std::max(x + 1, last + 7)));
      drop = std::upper_bound(drop + 1, drops.end(), std::max(next, drop->timeNs),
                              [](int64_t t, const replay::DropEvent& d) { return t < d.timeNs; });
    }
  }
  for (const replay::Mark& mark : m_marks) {
    const double x = XOf(static_cast<double>(mark.timeNs));
    if (x < area.left() - 6 || x > area.right() + 6) continue;
    const bool isEvent = mark.kind == replay::Mark::Kind::Event;
    const QColor colour = isEvent ? theme.warning : theme.bad;
    QPainterPath path;
    if (isEvent) {  // a flag
      path.moveTo(x, 2);
      path.lineTo(x + 9, 5);
      path.lineTo(x, 8);
      path.closeSubpath();
    } else {  // an expectation that failed: a diamond
      path.moveTo(x, 1);
      path.lineTo(x + 6, 7);
      path.lineTo(x, 13);
      path.lineTo(x - 6, 7);
      path.closeSubpath();
    }
    painter.fillPath(path, colour);
    painter.setPen(QPen(colour, 1.5));
    painter.drawLine(QPointF(x, 2), QPointF(x, area.bottom()));
  }
}

QString TimeAxis::ToolTipAt(double x) const {
  QStringList lines{ExactTimeText(static_cast<int64_t>(TimeAt(x)))};
  constexpr int kMostLines = 8;
  for (const replay::Mark& mark : m_marks) {
    if (std::abs(XOf(static_cast<double>(mark.timeNs)) - x) > kPickPixels || lines.size() >= kMostLines) continue;
    lines << QStringLiteral("%1  %2").arg(TimeText(mark.timeNs), QString::fromStdString(mark.text));
  }
  if (const auto& facts = m_session.Facts()) {
    const auto& drops = facts->activity.Drops();
    const auto from = static_cast<int64_t>(TimeAt(x - kPickPixels)), to = static_cast<int64_t>(TimeAt(x + kPickPixels));
    const auto isBefore = [](const replay::DropEvent& d, int64_t t) { return d.timeNs < t; };
    const auto begin = std::lower_bound(drops.begin(), drops.end(), from, isBefore);
    const auto end = std::lower_bound(begin, drops.end(), to, isBefore);
    for (auto drop = begin; drop != end && lines.size() < kMostLines; ++drop)
      lines << tr("%1  dropped at %2: %3")
                   .arg(TimeText(drop->timeNs),
                        QString::fromStdString(m_session.Run()->PlaceName(drop->netns, drop->ifindex)),
                        QString::fromLatin1(VerdictName(drop->verdict)));
    if (end - begin > kMostLines) lines << tr("%1 drops").arg(CountText(static_cast<uint64_t>(end - begin)));
  }
  return QStringLiteral("<p style='white-space:pre'>") + lines.join(QLatin1Char('\n')).toHtmlEscaped() +
         QStringLiteral("</p>");
}

bool TimeAxis::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip || !m_session.Run()) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  QToolTip::showText(help->globalPos(), ToolTipAt(help->pos().x()), this);
  return true;
}

void TimeAxis::mousePressEvent(QMouseEvent* event) {
  if (!m_session.Run()) return;
  m_pressedX = m_lastX = event->position().x();
  if (event->button() == Qt::MiddleButton) {
    m_drag = Drag::Pan;
  } else if (event->button() == Qt::LeftButton) {
    m_drag = event->modifiers() & Qt::ShiftModifier ? Drag::Range : Drag::Cursor;
    if (m_drag == Drag::Cursor) {
      // On a mark, exactly its time.
      double time = TimeAt(m_pressedX);
      if (event->position().y() < kMarkHeight)
        for (const replay::Mark& mark : m_marks)
          if (std::abs(XOf(static_cast<double>(mark.timeNs)) - m_pressedX) <= kPickPixels)
            time = static_cast<double>(mark.timeNs);
      m_session.SetPlaying(false);
      m_session.SetTime(static_cast<qint64>(time));
    }
  }
}

void TimeAxis::mouseMoveEvent(QMouseEvent* event) {
  const double x = event->position().x();
  if (m_drag == Drag::Cursor) {
    m_session.SetTime(static_cast<qint64>(TimeAt(std::clamp(x, kSide, width() - kSide))));
  } else if (m_drag == Drag::Pan) {
    const double shift = TimeAt(m_lastX) - TimeAt(x);
    SetRange(m_from + shift, m_to + shift);
  } else if (m_drag == Drag::Range) {
    update();
  }
  m_lastX = x;
}

void TimeAxis::mouseReleaseEvent(QMouseEvent*) {
  const Drag drag = std::exchange(m_drag, Drag::None);
  if (drag == Drag::Range && std::abs(m_lastX - m_pressedX) > 4)
    SetRange(TimeAt(std::min(m_lastX, m_pressedX)), TimeAt(std::max(m_lastX, m_pressedX)));
  update();
}

void TimeAxis::mouseDoubleClickEvent(QMouseEvent*) { ShowAll(); }

void TimeAxis::wheelEvent(QWheelEvent* event) {
  const QPoint delta = event->angleDelta();
  if (std::abs(delta.x()) > std::abs(delta.y()) || event->modifiers() & Qt::ShiftModifier) {
    const double shift = -(delta.x() + delta.y()) / 1200.0 * (m_to - m_from);
    SetRange(m_from + shift, m_to + shift);
  } else {
    ZoomBy(std::pow(1.3, delta.y() / 120.0), TimeAt(event->position().x()));
  }
  event->accept();
}

void TimeAxis::keyPressEvent(QKeyEvent* event) {
  if (!m_session.Run() || event->modifiers() & (Qt::ControlModifier | Qt::AltModifier))
    return QWidget::keyPressEvent(event);
  const double pixel = (m_to - m_from) / std::max(width() - 2 * kSide, 1.0);
  const double step = std::max(1.0, pixel * (event->modifiers() & Qt::ShiftModifier ? 10 : 1));
  const double now = static_cast<double>(m_session.Time());
  switch (event->key()) {
    case Qt::Key_Left:
      m_session.SetTime(static_cast<qint64>(now - step));
      break;
    case Qt::Key_Right:
      m_session.SetTime(static_cast<qint64>(now + step));
      break;
    case Qt::Key_Home:
      m_session.SetTime(0);
      break;
    case Qt::Key_End:
      m_session.SetTime(m_session.Run()->EndNs());
      break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      ZoomBy(1.5, now);
      break;
    case Qt::Key_Minus:
      ZoomBy(1 / 1.5, now);
      break;
    case Qt::Key_F:
      ShowAll();
      break;
    default:
      QWidget::keyPressEvent(event);
  }
}

void TimeAxis::resizeEvent(QResizeEvent*) { MeasureDensity(); }
void TimeAxis::focusInEvent(QFocusEvent*) { update(); }
void TimeAxis::focusOutEvent(QFocusEvent*) { update(); }

}  // namespace overlaysim::views
