#include "gui/views/journey/ladder_view.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QScrollBar>
#include <QSvgGenerator>
#include <QToolTip>
#include <algorithm>
#include <map>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

constexpr int kTimeWidth = 104;
constexpr qreal kLeastGap = 158;
constexpr int kMostPixels = 16384;

QString DeviceOf(const replay::Hop& hop) {
  const QString place = QString::fromStdString(hop.place);
  const qsizetype slash = hop.record.ifindex == 0 ? -1 : place.lastIndexOf(QLatin1Char('/'));
  return slash < 0 ? QString() : place.mid(slash + 1);
}

}  // namespace

Ladder Ladder::Of(replay::Run& run, const replay::Journey& journey, bool everyStep) {
  Ladder ladder;
  const replay::Topology& plan = run.Plan();
  const auto hostOf = [&](uint32_t netns) { return netns < plan.netns.size() ? plan.HostOf(netns) : netns; };
  std::vector<uint32_t> hosts;
  for (const replay::Hop& hop : journey.hops) {
    const uint32_t netns = hop.record.netns;
    if (std::any_of(ladder.lanes.begin(), ladder.lanes.end(), [&](const Lane& lane) { return lane.netns == netns; }))
      continue;
    const uint32_t host = hostOf(netns);
    ladder.lanes.push_back(
        {netns, host, QString::fromStdString(run.PlaceName(netns, 0)), QString::fromStdString(run.PlaceName(host, 0))});
    if (std::find(hosts.begin(), hosts.end(), host) == hosts.end()) hosts.push_back(host);
  }
  std::stable_sort(ladder.lanes.begin(), ladder.lanes.end(), [&](const Lane& a, const Lane& b) {
    return std::find(hosts.begin(), hosts.end(), a.host) < std::find(hosts.begin(), hosts.end(), b.host);
  });
  std::map<uint32_t, int> laneOf;
  for (size_t i = 0; i < ladder.lanes.size(); ++i) laneOf[ladder.lanes[i].netns] = static_cast<int>(i);

  struct Last {
    int lane;
    int64_t timeNs;
    uint32_t bytes;
  };
  std::map<uint32_t, Last> last;  // by packet of the journey; a new one comes from where the whole was
  int64_t shownNs = -1;
  for (size_t i = 0; i < journey.hops.size(); ++i) {
    const replay::Hop& hop = journey.hops[i];
    const int lane = laneOf.at(hop.record.netns);
    const auto known = last.find(hop.record.packet);
    const auto parent = known != last.end() ? known : last.find(0);
    if (parent != last.end() && parent->second.lane != lane) {
      Row way;
      way.step = static_cast<int>(i);
      way.lane = lane;
      way.from = parent->second.lane;
      const int64_t spent = hop.record.timeNs - parent->second.timeNs;
      way.label = BytesText(hop.beforeBytes != 0 ? hop.beforeBytes : hop.record.sizeBytes);
      if (spent > 0) way.label += QStringLiteral(", ") + TimeText(spent);
      way.timeNs = hop.record.timeNs;
      way.isOtherPacket = hop.record.packet != 0;
      ladder.rows.push_back(std::move(way));
    }
    last[hop.record.packet] = {lane, hop.record.timeNs, hop.afterBytes};
    if (!everyStep && !hop.isKey) continue;
    Row row;
    row.step = static_cast<int>(i);
    row.lane = row.from = lane;
    const QString device = DeviceOf(hop);
    row.label = device.isEmpty() ? QString::fromStdString(hop.action)
                                 : QStringLiteral("%1: %2").arg(device, QString::fromStdString(hop.action));
    row.timeNs = hop.record.timeNs;
    row.isDrop = IsDrop(hop.record.verdict);
    row.isOtherPacket = hop.record.packet != 0;
    row.showsTime = row.timeNs != shownNs;
    shownNs = row.timeNs;
    ladder.rows.push_back(std::move(row));
  }
  return ladder;
}

LadderView::LadderView(Session& session, QWidget* parent) : QAbstractScrollArea(parent), m_session(session) {
  setAccessibleName(tr("Sequence chart of the packet"));
  setFocusPolicy(Qt::StrongFocus);
  setFrameShape(NoFrame);
  connect(&session, &Session::JourneyChanged, this, &LadderView::Reload);
  connect(&session, &Session::StepChanged, this, &LadderView::FollowStep);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, viewport(), qOverload<>(&QWidget::update));
  Reload();
}

void LadderView::ShowEveryStep(bool everyStep) {
  m_everyStep = everyStep;
  Reload();
}

void LadderView::Reload() {
  m_ladder = m_session.Journey() ? Ladder::Of(*m_session.Run(), *m_session.Journey(), m_everyStep) : Ladder{};
  FitScrollBars();
  FollowStep();
}

int LadderView::RowHeight() const { return QFontMetrics(font()).height() + 10; }
int LadderView::HeadHeight() const { return 2 * QFontMetrics(font()).height() + 26; }
int LadderView::FullHeight() const { return HeadHeight() + static_cast<int>(m_ladder.rows.size()) * RowHeight() + 12; }

qreal LadderView::LaneGap(int width) const {
  const auto lanes = static_cast<qreal>(std::max<size_t>(1, m_ladder.lanes.size()));
  return std::max(kLeastGap, (width - kTimeWidth) / lanes);
}

qreal LadderView::LaneX(int lane, int width) const { return kTimeWidth + LaneGap(width) * (lane + 0.5); }

int LadderView::FullWidth(int width) const {
  return kTimeWidth + static_cast<int>(LaneGap(width) * static_cast<qreal>(m_ladder.lanes.size()));
}

void LadderView::FitScrollBars() {
  const QSize size = viewport()->size();
  verticalScrollBar()->setRange(0, std::max(0, FullHeight() - size.height()));
  verticalScrollBar()->setPageStep(size.height());
  verticalScrollBar()->setSingleStep(RowHeight());
  horizontalScrollBar()->setRange(0, std::max(0, FullWidth(size.width()) - size.width()));
  horizontalScrollBar()->setPageStep(size.width());
  horizontalScrollBar()->setSingleStep(40);
}

void LadderView::FollowStep() {
  for (size_t i = 0; i < m_ladder.rows.size(); ++i) {
    const Ladder::Row& row = m_ladder.rows[i];
    if (row.step != m_session.Step() || row.from != row.lane) continue;
    const int top = static_cast<int>(i) * RowHeight();
    QScrollBar* bar = verticalScrollBar();
    if (top < bar->value()) bar->setValue(top - RowHeight());
    const int room = viewport()->height() - HeadHeight() - 2 * RowHeight();
    if (top > bar->value() + room) bar->setValue(top - room);
    const int x = static_cast<int>(LaneX(row.lane, viewport()->width()));
    QScrollBar* across = horizontalScrollBar();
    if (x - 60 < across->value() || x + 120 > across->value() + viewport()->width())
      across->setValue(x - viewport()->width() / 2);
    break;
  }
  viewport()->update();
}

void LadderView::PaintHead(QPainter& painter, int width, const Theme& theme) const {
  const QFontMetricsF metrics(font());
  QFont bold = font();
  bold.setBold(true);
  const QFontMetricsF boldMetrics(bold);
  const qreal gap = LaneGap(width);
  painter.fillRect(QRectF(0, 0, FullWidth(width), HeadHeight()), theme.surface);
  painter.setFont(font());
  painter.setPen(theme.mutedText);
  painter.drawText(QRectF(8, HeadHeight() - metrics.height() - 8, kTimeWidth - 12, metrics.height()),
                   Qt::AlignLeft | Qt::AlignVCenter, tr("since start"));
  for (size_t first = 0; first < m_ladder.lanes.size();) {
    size_t end = first + 1;
    while (end < m_ladder.lanes.size() && m_ladder.lanes[end].host == m_ladder.lanes[first].host) ++end;
    const QRectF box(kTimeWidth + gap * static_cast<qreal>(first) + 4, 4, gap * static_cast<qreal>(end - first) - 8,
                     HeadHeight() - 8);
    painter.setPen(QPen(theme.border, 1));
    painter.setBrush(theme.raised);
    painter.drawRoundedRect(box, 5, 5);
    const bool isGroup = end - first > 1 || m_ladder.lanes[first].host != m_ladder.lanes[first].netns;
    if (isGroup) {
      painter.setFont(font());
      painter.setPen(theme.mutedText);
      painter.drawText(
          box.adjusted(8, 4, -8, 0), Qt::AlignTop | Qt::AlignHCenter,
          metrics.elidedText(tr("machine %1").arg(m_ladder.lanes[first].hostName), Qt::ElideMiddle, box.width() - 16));
    }
    painter.setFont(bold);
    painter.setPen(theme.text);
    for (size_t i = first; i < end; ++i) {
      const QRectF name(kTimeWidth + gap * static_cast<qreal>(i) + 8,
                        isGroup ? box.top() + metrics.height() + 6 : box.top(), gap - 16,
                        isGroup ? boldMetrics.height() : box.height());
      painter.drawText(name, Qt::AlignCenter,
                       boldMetrics.elidedText(m_ladder.lanes[i].name, Qt::ElideMiddle, name.width()));
    }
    first = end;
  }
}

void LadderView::PaintRows(QPainter& painter, int width, int firstRow, int lastRow, const Theme& theme) const {
  const QFontMetricsF metrics(font());
  const qreal gap = LaneGap(width);
  const int height = RowHeight();
  const int end = std::min(lastRow + 1, static_cast<int>(m_ladder.rows.size()));
  for (size_t lane = 0; lane < m_ladder.lanes.size(); ++lane) {
    painter.setPen(QPen(theme.border, 1, Qt::DashLine));
    const qreal x = LaneX(static_cast<int>(lane), width);
    painter.drawLine(QPointF(x, HeadHeight() + firstRow * height), QPointF(x, HeadHeight() + end * height));
  }
  const int64_t startNs =
      m_session.Journey() && !m_session.Journey()->hops.empty() ? m_session.Journey()->hops.front().record.timeNs : 0;
  painter.setFont(font());
  for (int i = firstRow; i < end; ++i) {
    const Ladder::Row& row = m_ladder.rows[static_cast<size_t>(i)];
    const QRectF line(0, HeadHeight() + i * height, FullWidth(width), height);
    const qreal y = line.center().y(), x = LaneX(row.lane, width);
    const bool isCurrent = row.step == m_session.Step();
    if (isCurrent) {
      QColor tint = theme.accent;
      tint.setAlphaF(theme.isDark ? 0.25f : 0.14f);
      painter.fillRect(line, tint);
      if (row.from == row.lane) painter.fillRect(QRectF(0, line.top(), 4, height), theme.accent);
    }
    if (row.showsTime) {
      painter.setPen(theme.mutedText);
      painter.drawText(QRectF(8, line.top(), kTimeWidth - 12, height), Qt::AlignLeft | Qt::AlignVCenter,
                       TimeText(row.timeNs - startNs));
    }
    if (row.from != row.lane) {
      const qreal from = LaneX(row.from, width), to = x, way = to > from ? 1 : -1;
      painter.setPen(
          QPen(isCurrent ? theme.selection : theme.accent, 2, row.isOtherPacket ? Qt::DashLine : Qt::SolidLine));
      painter.drawLine(QPointF(from, y + 6), QPointF(to - way * 2, y + 6));
      painter.setPen(Qt::NoPen);
      painter.setBrush(isCurrent ? theme.selection : theme.accent);
      const QPointF head[] = {QPointF(to, y + 6), QPointF(to - way * 9, y + 2), QPointF(to - way * 9, y + 10)};
      painter.drawPolygon(head, 3);
      const qreal middle = (from + to) / 2, room = std::abs(to - from) - 12;
      const QString text = metrics.elidedText(row.label, Qt::ElideRight, room);
      QRectF label(0, 0, metrics.horizontalAdvance(text) + 8, metrics.height());
      label.moveCenter(QPointF(middle, y - 4));
      painter.fillRect(label, isCurrent ? Qt::transparent : theme.surface);
      painter.setPen(theme.text);
      painter.drawText(label, Qt::AlignCenter, text);
      continue;
    }
    painter.setPen(QPen(row.isDrop ? theme.bad : theme.accent, 2));
    painter.setBrush(isCurrent ? theme.accent : theme.surface);
    if (row.isDrop) {
      painter.drawLine(QPointF(x - 5, y - 5), QPointF(x + 5, y + 5));
      painter.drawLine(QPointF(x - 5, y + 5), QPointF(x + 5, y - 5));
    } else {
      painter.drawEllipse(QPointF(x, y), 4.5, 4.5);
    }
    // To the right of its lifeline, over the next one's if it must be; at the end to the left.
    const QString text = metrics.elidedText(row.label, Qt::ElideRight, 2 * gap - 30);
    QRectF label(x + 10, y - metrics.height() / 2, metrics.horizontalAdvance(text) + 4, metrics.height());
    if (label.right() > FullWidth(width) - 4) label.moveRight(x - 10);
    painter.fillRect(label, isCurrent ? Qt::transparent : theme.surface);
    painter.setPen(row.isDrop ? theme.bad : theme.text);
    painter.drawText(label, Qt::AlignVCenter | Qt::AlignHCenter, text);
  }
}

void LadderView::paintEvent(QPaintEvent* event) {
  const Theme& theme = CurrentTheme();
  QPainter painter(viewport());
  painter.setRenderHint(QPainter::Antialiasing);
  painter.fillRect(event->rect(), theme.surface);
  if (m_ladder.rows.empty()) {
    painter.setPen(theme.mutedText);
    painter.drawText(viewport()->rect(), Qt::AlignCenter, tr("No packet is followed."));
    return;
  }
  const int width = viewport()->width(), scrolled = verticalScrollBar()->value();
  painter.translate(-horizontalScrollBar()->value(), -scrolled);
  const int first = std::max(0, scrolled / RowHeight() - 1);
  PaintRows(painter, width, first, first + viewport()->height() / RowHeight() + 2, theme);
  painter.translate(0, scrolled);
  PaintHead(painter, width, theme);
}

void LadderView::resizeEvent(QResizeEvent*) {
  FitScrollBars();
  FollowStep();
}

int LadderView::RowAt(const QPoint& position) const {
  if (position.y() < HeadHeight()) return -1;
  const int row = (position.y() + verticalScrollBar()->value() - HeadHeight()) / RowHeight();
  return row < static_cast<int>(m_ladder.rows.size()) ? row : -1;
}

void LadderView::mousePressEvent(QMouseEvent* event) {
  if (const int row = RowAt(event->pos()); row >= 0) m_session.SetStep(m_ladder.rows[static_cast<size_t>(row)].step);
}

void LadderView::MoveBy(int direction) {
  const int step = m_session.Step();
  int best = -1;
  for (const Ladder::Row& row : m_ladder.rows) {
    if (row.from != row.lane) continue;
    if (direction > 0 && row.step > step && (best < 0 || row.step < best)) best = row.step;
    if (direction < 0 && row.step < step && row.step > best) best = row.step;
  }
  if (best >= 0) m_session.SetStep(best);
}

void LadderView::keyPressEvent(QKeyEvent* event) {
  switch (event->key()) {
    case Qt::Key_Down:
    case Qt::Key_Right:
    case Qt::Key_Period:
      return MoveBy(1);
    case Qt::Key_Up:
    case Qt::Key_Left:
    case Qt::Key_Comma:
      return MoveBy(-1);
    case Qt::Key_Home:
      if (!m_ladder.rows.empty()) m_session.SetStep(m_ladder.rows.front().step);
      return;
    case Qt::Key_End:
      if (!m_ladder.rows.empty()) m_session.SetStep(m_ladder.rows.back().step);
      return;
    default:
      QAbstractScrollArea::keyPressEvent(event);
  }
}

bool LadderView::viewportEvent(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QAbstractScrollArea::viewportEvent(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const int row = RowAt(help->pos());
  const replay::Journey* journey = m_session.Journey();
  if (row < 0 || !journey) {
    QToolTip::hideText();
    return true;
  }
  const replay::Hop& hop = journey->hops[static_cast<size_t>(m_ladder.rows[static_cast<size_t>(row)].step)];
  const QString text = QString::fromStdString(hop.place) + QStringLiteral(" · ") + QString::fromStdString(hop.action) +
                       QLatin1Char('\n') + QString::fromStdString(hop.why);
  QToolTip::showText(help->globalPos(),
                     QStringLiteral("<p style=\"white-space:pre-wrap\">%1</p>").arg(text.toHtmlEscaped()), this);
  return true;
}

QString LadderView::Save(const QString& path) {
  const int width = std::max(900, FullWidth(0));
  const int height = std::min(FullHeight(), kMostPixels);
  const auto paint = [&](QPainter& painter) {
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(QRect(0, 0, width, height), CurrentTheme().surface);
    PaintRows(painter, width, 0, height / RowHeight(), CurrentTheme());
    PaintHead(painter, width, CurrentTheme());
  };
  if (path.endsWith(QLatin1String(".svg"), Qt::CaseInsensitive)) {
    QSvgGenerator generator;
    generator.setFileName(path);
    generator.setSize({width, height});
    generator.setViewBox(QRect(0, 0, width, height));
    QPainter painter;
    if (!painter.begin(&generator)) return tr("%1 cannot be written").arg(path);
    paint(painter);
    return painter.end() ? QString() : tr("%1 cannot be written").arg(path);
  }
  QImage image(width, height, QImage::Format_ARGB32_Premultiplied);
  QPainter painter(&image);
  paint(painter);
  painter.end();
  return image.save(path) ? QString() : tr("%1 cannot be written").arg(path);
}

}  // namespace overlaysim::views
