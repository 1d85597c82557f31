#include "gui/views/canvas/canvas_painter.h"

#include <QApplication>
#include <QFontMetricsF>
#include <QLineF>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <utility>

#include "gui/views/format.h"

namespace overlaysim::views {
namespace {

using layout::Box;
using layout::DeviceBox;
using layout::kNone;
using layout::Point;
using replay::Activity;
using replay::Role;

constexpr double kNodeUnits = 160;
constexpr double kBoxPixels = 26, kPodsPixels = 64, kInsideOfFewPixels = 120,
                 kInsidePixels = 230;  ///< of a node's width
constexpr size_t kMostLabels = 300;
constexpr double kSmallestText = 9;  ///< pixels high
constexpr size_t kMostMovingLinks = 100;
constexpr size_t kMostEdgesDrawn = 400;
constexpr size_t kMostNamedLines = 24;  // tunnels or flows
constexpr int kHeatSteps = 24;
constexpr double kPlainPixels = 24;  ///< lower boxes have square corners

enum Priority {
  kOfCable = 1,
  kOfPod = 2,
  kOfDevice = 3,
  kOfNode = 4,
  kOfRack = 6,
  kOfCore = 7,
  kOfHovered = 8,
  kOfSelected = 9
};

QString Text(const std::string& text) { return QString::fromStdString(text); }
QString Text(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

QString Tr(const char* text) { return QCoreApplication::translate("overlaysim::views::Canvas", text); }

/// "web12" of "shop/web12".
std::string_view WithoutNamespace(std::string_view name) {
  const size_t slash = name.find('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

QPointF Along(const QPolygonF& line, double share) {
  double length = 0;
  for (qsizetype i = 1; i < line.size(); ++i) length += QLineF(line[i - 1], line[i]).length();
  double left = share * length;
  for (qsizetype i = 1; i < line.size(); ++i) {
    const QLineF part(line[i - 1], line[i]);
    if (left <= part.length() && part.length() > 0) return part.pointAt(left / part.length());
    left -= part.length();
  }
  return line.isEmpty() ? QPointF() : line.last();
}

}  // namespace

/// Whether a line runs through a box.
bool IsCrossed(const QRectF& box, const QLineF& line) {
  if (box.contains(line.p1()) || box.contains(line.p2())) return true;
  const QPointF corners[] = {box.topLeft(), box.topRight(), box.bottomRight(), box.bottomLeft()};
  for (size_t i = 0; i < 4; ++i)
    if (line.intersects(QLineF(corners[i], corners[(i + 1) % 4])) == QLineF::BoundedIntersection) return true;
  return false;
}

Detail DetailAt(double scale) {
  const double width = scale * kNodeUnits;
  return width < kBoxPixels      ? Detail::Tile
         : width < kPodsPixels   ? Detail::Box
         : width < kInsidePixels ? Detail::Pods
                                 : Detail::Inside;
}

bool IsInsideDrawn(const CanvasState& state, uint32_t site, double scale) {
  const double width = scale * kNodeUnits;
  if (width >= kInsidePixels) return true;
  constexpr size_t kFewPods = 8;
  return width >= kInsideOfFewPixels && state.Topology()->PodsOf(state.Layout().sites[site].netns).size() <= kFewPods;
}

QString HeatName(Heat heat) {
  switch (heat) {
    case Heat::None:
      return Tr("Plain");
    case Heat::Utilisation:
      return Tr("Utilisation");
    case Heat::Drops:
      return Tr("Drops");
    case Heat::Queue:
      return Tr("Queue");
  }
  return {};
}

QString LensName(Lens lens) {
  switch (lens) {
    case Lens::Underlay:
      return Tr("Underlay");
    case Lens::Overlay:
      return Tr("Overlay");
    case Lens::Flows:
      return Tr("Flows");
  }
  return {};
}

CanvasPainter::CanvasPainter(QPainter& painter, const CanvasState& state, const Camera& camera, QSizeF window,
                             const Theme& theme)
    : m_painter(painter),
      m_state(state),
      m_camera(camera),
      m_window(QPointF(0, 0), window),
      m_theme(theme),
      m_seen(camera.ToCanvas(m_window)),
      m_detail(DetailAt(camera.scale)),
      m_font(QApplication::font()) {
  // Sizes in pixels: a picture in a file has the same proportions as the screen.
  const double size = QFontInfo(m_font).pixelSize();
  m_font.setPixelSize(static_cast<int>(std::max(size, kSmallestText)));
  m_bold = m_font;
  m_bold.setWeight(QFont::DemiBold);
  m_small = m_font;
  m_small.setPixelSize(static_cast<int>(std::max(std::round(size * 0.8), kSmallestText)));
  m_line = QFontMetricsF(m_font).height();
  m_smallLine = QFontMetricsF(m_small).height();
}

void CanvasPainter::Paint() {
  m_painter.save();
  m_painter.setClipRect(m_window);
  m_painter.fillRect(m_window, m_theme.canvas);
  if (!m_state.Topology()) {
    PaintNothing();
  } else {
    PaintRacks();
    PaintCables();
    PaintSites();
    PaintEdges();
    PaintPath();
    if (m_state.isPlaying) PaintTraffic();
    PaintFocus();
    PaintLabels();
    PaintLegend();
    PaintPacket();
  }
  m_painter.restore();
}

void CanvasPainter::PaintNothing() {
  m_painter.setFont(m_font);
  m_painter.setPen(m_theme.mutedText);
  m_painter.drawText(m_window, Qt::AlignCenter, Tr("No run is open"));
}

QColor CanvasPainter::Mixed(const QColor& a, const QColor& b, double share) const {
  const auto mix = [share](float x, float y) { return static_cast<float>(x + (y - x) * share); };
  return QColor::fromRgbF(mix(a.redF(), b.redF()), mix(a.greenF(), b.greenF()), mix(a.blueF(), b.blueF()));
}

void CanvasPainter::PaintBox(const QRectF& box, const QColor& fill, const QColor& border, double radius,
                             Qt::PenStyle style) {
  const bool isPlain = box.height() < kPlainPixels || radius == 0;
  if (isPlain && style == Qt::SolidLine) {
    // Thousands of small ones: two fills cost a twentieth of a smoothed path.
    const QRect whole(QPoint(qRound(box.left()), qRound(box.top())),
                      QPoint(qRound(box.right()) - 1, qRound(box.bottom()) - 1));
    m_painter.fillRect(whole, border);
    if (whole.width() > 2 && whole.height() > 2) m_painter.fillRect(whole.adjusted(1, 1, -1, -1), fill);
    return;
  }
  m_painter.setRenderHint(QPainter::Antialiasing, !isPlain);
  m_painter.setBrush(fill);
  m_painter.setPen(QPen(border, 1, style));
  if (isPlain)
    m_painter.drawRect(box);
  else
    m_painter.drawRoundedRect(box, radius, radius);
}

void CanvasPainter::AddLabel(Label label) {
  if (label.box.height() < kSmallestText || !IsOnScreen(label.box)) return;
  m_labels.push_back(std::move(label));
}

// --- racks

void CanvasPainter::PaintRacks() {
  const auto& layout = m_state.Layout();
  m_painter.setRenderHint(QPainter::Antialiasing, false);
  m_painter.setBrush(m_theme.surface);
  m_painter.setPen(QPen(m_theme.border, 1));
  for (const layout::Rack& rack : layout.racks) {
    if (!IsSeen(rack.box)) continue;
    const QRectF box = m_camera.ToWindow(rack.box);
    m_painter.drawRect(box);
    if (m_detail != Detail::Tile || rack.name.empty()) continue;
    // Far away the switch's own box is too small for its name: the rack's top says it.
    const QRectF top(box.x(), box.y(), box.width(), std::max(m_camera.scale * 110, m_smallLine));
    if (box.width() > 30 && box.height() > 2 * m_smallLine)
      AddLabel(
          {top.adjusted(2, 0, -2, 0), Text(rack.name), kOfRack, Qt::AlignCenter, m_theme.text, false, true, false});
  }
}

// --- cables

void CanvasPainter::PaintCables() {
  const auto& layout = m_state.Layout();
  const auto& topology = *m_state.Topology();
  const bool isDimmed = m_state.lens != Lens::Underlay;
  // By colour and width, so that pens change seldom: the quiet first, the hot on top.
  std::array<std::vector<QLineF>, kHeatSteps + 1> lines;
  std::vector<uint32_t> down;
  size_t slanted = 0;
  for (uint32_t i = 0; i < topology.cables.size(); ++i) {
    const auto path = layout.CablePath(i);
    if (path.empty() || !IsSeen(layout.cableBounds[i])) continue;
    const bool isInRack = path.size() > 3 && layout.sites[layout.siteOf[topology.cables[i].a.netns]].rack ==
                                                 layout.sites[layout.siteOf[topology.cables[i].b.netns]].rack;
    if (isInRack && m_detail == Detail::Tile) continue;
    if (!m_state.IsCableUp(i)) {
      down.push_back(i);
      continue;
    }
    const double heat = isDimmed ? -1 : m_state.HeatOf(i);
    auto& group = lines[heat < 0 ? 0 : 1 + static_cast<size_t>(std::clamp(heat, 0.0, 1.0) * (kHeatSteps - 1))];
    QPointF last = m_camera.ToWindow(path[0]);
    for (size_t p = 1; p < path.size(); ++p) {
      const QPointF next = m_camera.ToWindow(path[p]);
      const QRectF around = QRectF(last, next).normalized().adjusted(-8, -8, 8, 8);
      if (IsOnScreen(around)) {
        group.emplace_back(last, next);
        slanted += last.x() != next.x() && last.y() != next.y();
      }
      last = next;
    }
  }
  // Slanted lines are smoothed while there are few: a thousand of them cost more than they show.
  m_painter.setRenderHint(QPainter::Antialiasing, slanted < 400);
  const double base = m_detail == Detail::Tile ? 1.0 : m_detail == Detail::Inside ? 2.0 : 1.4;
  for (size_t group = 0; group < lines.size(); ++group) {
    if (lines[group].empty()) continue;
    const double heat = group == 0 ? 0 : static_cast<double>(group - 1) / (kHeatSteps - 1);
    QColor colour = group == 0 ? m_theme.link : m_theme.Heat(heat);
    // What is quiet stands back, so that what is busy is seen among thousands.
    if (m_state.heat != Heat::None) colour = Mixed(colour, m_theme.canvas, 0.5 * std::max(0.0, 1 - 3 * heat));
    if (isDimmed) colour = Mixed(m_theme.link, m_theme.canvas, 0.65);
    QPen pen(colour, base + (m_detail == Detail::Tile ? 2.5 : 5) * heat);
    pen.setCapStyle(Qt::SquareCap);
    if (slanted >= 400 && heat < 0.3) pen.setWidth(0);
    m_painter.setPen(pen);
    m_painter.drawLines(lines[group].data(), static_cast<int>(lines[group].size()));
  }
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  for (const uint32_t cable : down) {
    QPolygonF line;
    for (const Point& p : layout.CablePath(cable)) line << m_camera.ToWindow(p);
    m_painter.setPen(QPen(m_theme.linkDown, 1.6, Qt::DashLine));
    m_painter.drawPolyline(line);
    const QPointF middle = Along(line, 0.5);
    m_painter.setPen(QPen(m_theme.linkDown, 2.4));
    m_painter.drawLine(middle + QPointF(-5, -5), middle + QPointF(5, 5));
    m_painter.drawLine(middle + QPointF(-5, 5), middle + QPointF(5, -5));
  }
  for (const Place* place : {&m_state.hovered, &m_state.selected}) {
    if (place->kind != Place::Kind::Cable || place->cable >= topology.cables.size()) continue;
    QPolygonF line;
    for (const Point& p : layout.CablePath(place->cable)) line << m_camera.ToWindow(p);
    if (line.isEmpty()) continue;
    const bool isSelected = place == &m_state.selected;
    m_painter.setPen(QPen(isSelected ? m_theme.selection : m_theme.accent, isSelected ? 4 : 2));
    m_painter.drawPolyline(line);
    AddCableLabel(place->cable);
  }
}

void CanvasPainter::AddCableLabel(uint32_t cable) {
  const auto& c = m_state.Topology()->cables[cable];
  QPolygonF line;
  for (const Point& p : m_state.Layout().CablePath(cable)) line << m_camera.ToWindow(p);
  QString text = Text(c.name);
  if (!m_state.IsCableUp(cable)) text += Tr("  down");
  const auto* there = m_state.Sample(cable, Activity::Direction::AToB);
  const auto* back = m_state.Sample(cable, Activity::Direction::BToA);
  const auto share = [&](const replay::LinkSample* sample) {
    return QString::number(sample ? m_state.facts->activity.Utilisation(cable, *sample) * 100 : 0, 'f', 1) +
           QStringLiteral(" %");
  };
  if (there || back) text += QStringLiteral("  → %1  ← %2").arg(share(there), share(back));
  const QPointF at = Along(line, 0.5);
  const double width = QFontMetricsF(m_font).horizontalAdvance(text) + 12;
  // Of a cable at the canvas's edge the label is moved into sight.
  const double left =
      std::clamp(at.x() - width / 2, m_window.left() + 2, std::max(m_window.left() + 2, m_window.right() - width - 2));
  AddLabel({QRectF(left, at.y() - m_line / 2 - 1, width, m_line + 2), text, kOfSelected, Qt::AlignCenter, m_theme.text,
            false, false, true});
}

// --- nodes, switches, routers

void CanvasPainter::PaintSites() {
  const auto& layout = m_state.Layout();
  m_painter.setRenderHint(QPainter::Antialiasing, false);
  if (m_detail == Detail::Tile) {
    // Thousands: one fill each, coloured by the node's cable.
    for (const layout::Site& site : layout.sites) {
      if (site.rack == kNone || site.isHead || !IsSeen(site.box)) continue;
      const auto& netns = m_state.Topology()->netns[site.netns];
      double heat = -1;
      bool isUp = true;
      for (const uint32_t cable : m_state.Topology()->CablesOf(site.netns)) {
        heat = std::max(heat, m_state.HeatOf(cable));
        isUp = isUp && m_state.IsCableUp(cable);
      }
      const QRectF box = m_camera.ToWindow(site.box);
      m_painter.fillRect(box, !isUp      ? m_theme.linkDown
                              : heat < 0 ? Mixed(m_theme.ColourOf(netns.role), m_theme.border, 0.35)
                                         : m_theme.Heat(heat));
    }
    for (uint32_t i = 0; i < layout.sites.size(); ++i)
      if ((layout.sites[i].rack == kNone || layout.sites[i].isHead) && IsSeen(layout.sites[i].box)) PaintSite(i);
    return;
  }
  for (const layout::Rack& rack : layout.racks) {
    if (!IsSeen(rack.box)) continue;
    if (rack.head != kNone && IsSeen(layout.sites[rack.head].box)) PaintSite(rack.head);
    for (const uint32_t site : rack.sites)
      if (IsSeen(layout.sites[site].box)) PaintSite(site);
  }
  for (uint32_t i = 0; i < layout.sites.size(); ++i)
    if (layout.sites[i].rack == kNone && IsSeen(layout.sites[i].box)) PaintSite(i);
}

void CanvasPainter::PaintSite(uint32_t index) {
  const layout::Site& site = m_state.Layout().sites[index];
  const auto& topology = *m_state.Topology();
  const auto& netns = topology.netns[site.netns];
  const QRectF box = m_camera.ToWindow(site.box);
  const QColor fill = m_theme.ColourOf(netns.role);
  const bool isSmall = box.width() < 24;
  if (isSmall)
    m_painter.fillRect(box, fill);
  else
    PaintBox(box, fill, Mixed(fill, m_theme.text, 0.35), box.width() < 90 ? 0 : 4);
  const bool isSwitch = site.rack == kNone || site.isHead;
  const bool hasInside = IsInsideDrawn(m_state, index, m_camera.scale);
  const std::span<const uint32_t> pods = topology.PodsOf(site.netns);
  const uint32_t collapsed = site.isHead ? m_state.Layout().racks[site.rack].collapsedNodes : 0;
  if (hasInside) {
    PaintInside(index);
  } else if (m_detail == Detail::Pods && !isSwitch) {
    PaintPodDots(index);
  }
  // The name: in the title while there is something below it, else in the middle.
  Label label;
  label.text = Text(netns.name);
  label.priority = isSwitch ? kOfCore : kOfNode;
  label.colour = m_theme.text;
  label.isBold = true;
  label.alignment = Qt::AlignCenter;
  label.ground = fill;
  const bool hasTitle = hasInside || (m_detail == Detail::Pods && !isSwitch && !pods.empty());
  label.box = hasTitle ? QRectF(box.x() + 4, box.y() + 1, box.width() - 8, std::max(box.height() * 0.15, 0.0)) : box;
  if (hasTitle && label.box.height() < m_line) {
    label.isSmall = true;
    label.isBold = false;
    label.box.setHeight(std::max(label.box.height(), m_smallLine));
  }
  if (isSwitch && m_detail == Detail::Tile && box.height() < m_smallLine) {
    // Beside a core switch there is room; a rack's says its rack.
    if (site.rack != kNone) return;
    label.isSmall = true;
    label.isBold = false;
    const double width = QFontMetricsF(m_small).horizontalAdvance(label.text) + 4;
    label.box = QRectF(box.center().x() - width / 2, box.top() - m_smallLine, width, m_smallLine);
    label.floats = true;
  } else if (label.box.height() < m_line || label.box.width() < 60) {
    label.isSmall = true;
    label.isBold = false;
  }
  if (!label.floats && label.box.width() < 22) return;
  if (collapsed > 0) {
    label.text += Tr(" · %1 nodes").arg(collapsed);
  }
  AddLabel(label);
  if (hasTitle && hasInside && label.box.height() >= m_line && box.width() > 320) {
    Label count;
    count.box = label.box.adjusted(4, 0, -4, 0);
    count.alignment = Qt::AlignRight | Qt::AlignVCenter;
    count.colour = m_theme.mutedText;
    count.isSmall = true;
    count.priority = kOfNode;
    if (!pods.empty()) count.text = pods.size() == 1 ? Tr("1 pod") : Tr("%1 pods").arg(pods.size());
    AddLabel(count);
  }
  if (m_state.facts && box.width() >= kBoxPixels && !m_state.facts->activity.Drops().empty()) {
    uint32_t drops = m_state.facts->activity.DropsAt(site.netns, m_state.timeNs);
    if (drops > 0) {
      const QString text = QStringLiteral("✕ %1").arg(drops);
      const double width = QFontMetricsF(m_small).horizontalAdvance(text) + 8;
      const QRectF badge(box.right() - width + 4, box.top() - 6, width, m_smallLine + 2);
      m_painter.setPen(Qt::NoPen);
      m_painter.setBrush(m_theme.bad);
      m_painter.drawRoundedRect(badge, 3, 3);
      AddLabel({badge, text, kOfCore, Qt::AlignCenter, m_theme.TextOn(m_theme.bad), false, true, false});
    }
  }
}

void CanvasPainter::PaintPodDots(uint32_t index) {
  const layout::Site& site = m_state.Layout().sites[index];
  const size_t cells = m_state.CellCount(site.netns);
  if (cells == 0) return;
  const layout::PodGrid grid = layout::PodGridOf(cells, site.box);
  const QRectF area = m_camera.ToWindow(grid.area);
  const double width = area.width() / static_cast<double>(grid.columns),
               height = area.height() / static_cast<double>(grid.rows);
  m_painter.setRenderHint(QPainter::Antialiasing, false);
  if (width < 3 || height < 3) {
    m_painter.fillRect(area, Mixed(m_theme.ColourOf(Role::Node), m_theme.pod, 0.6));
    return;
  }
  const double w = std::max(std::floor(width * 0.8), 2.0), h = std::max(std::floor(height * 0.8), 2.0);
  for (size_t i = 0; i < cells; ++i)
    m_painter.fillRect(QRectF(area.x() + width * static_cast<double>(i % grid.columns) + (width - w) / 2,
                              area.y() + height * static_cast<double>(i / grid.columns) + (height - h) / 2, w, h),
                       m_theme.pod);
}

// --- inside

void CanvasPainter::PaintInside(uint32_t index) {
  const layout::Site& site = m_state.Layout().sites[index];
  const auto& netns = m_state.Topology()->netns[site.netns];
  const layout::NodeInside& inside = m_state.Inside(index);
  const bool isNode = netns.role == Role::Node;
  if (!inside.routing.IsEmpty()) {
    const QRectF bar = m_camera.ToWindow(inside.routing);
    m_painter.setPen(Qt::NoPen);
    const QColor ground = Mixed(m_theme.ColourOf(netns.role), m_theme.text, 0.22);
    m_painter.setBrush(ground);
    m_painter.drawRoundedRect(bar, 2, 2);
    if (bar.height() >= kSmallestText + 2)
      AddLabel({bar, Tr("routes"), kOfDevice, Qt::AlignCenter, m_theme.text, false, true, false, ground});
  }
  m_painter.setRenderHint(QPainter::Antialiasing, false);
  std::vector<QLineF> lines;
  for (const layout::Wire& wire : inside.wires)
    for (size_t i = 1; i < wire.points.size(); ++i)
      lines.emplace_back(m_camera.ToWindow(wire.points[i - 1]), m_camera.ToWindow(wire.points[i]));
  m_painter.setPen(QPen(m_theme.link, m_camera.scale > 4 ? 2 : 1));
  m_painter.drawLines(lines.data(), static_cast<int>(lines.size()));
  for (const DeviceBox& device : inside.devices)
    if (IsSeen(device.box)) PaintDevice(device, isNode);
  for (const layout::PodBox& pod : inside.pods)
    if (IsSeen(pod.box)) PaintPod(pod);
}

void CanvasPainter::PaintDevice(const DeviceBox& device, bool isNode) {
  const auto& netns = m_state.Topology()->netns[device.netns];
  const replay::Device* info = netns.Find(device.ifindex);
  if (!info) return;
  const QRectF box = m_camera.ToWindow(device.box);
  QColor fill = m_theme.raised;
  Qt::PenStyle style = Qt::SolidLine;
  switch (device.kind) {
    case DeviceBox::Kind::Uplink:
      fill = Mixed(m_theme.surface, m_theme.link, 0.25);
      break;
    case DeviceBox::Kind::Bridge:
      fill = Mixed(m_theme.surface, m_theme.accent, 0.25);
      break;
    case DeviceBox::Kind::Other:
      if (isNode && (info->IsTunnel() || info->kind.empty())) {
        fill = Mixed(m_theme.surface, m_theme.tunnel, 0.35);
        style = Qt::DashLine;
      }
      break;
    case DeviceBox::Kind::PodPort:
    case DeviceBox::Kind::PodEth:
      fill = m_theme.raised;
      break;
  }
  PaintBox(box, fill, Mixed(fill, m_theme.text, 0.45), 3, style);
  // As many lines as there is room for: name, addresses, MTU.
  QStringList texts{Text(info->name)};
  const QString mtu = Tr("mtu %1").arg(m_state.MtuOf(device.netns, *info));
  for (const std::string& address : info->addresses) texts << Text(address);
  if (info->mtu > 0) texts << mtu;
  if (info->vni) texts << Tr("vni %1").arg(*info->vni);
  // The half of an address says nothing.
  const QFontMetricsF small(m_small);
  const auto isTooWide = [&](const QString& text) { return small.horizontalAdvance(text) > box.width() - 4; };
  texts.erase(std::remove_if(texts.begin() + 1, texts.end(), isTooWide), texts.end());
  const auto room = static_cast<qsizetype>(box.height() / (m_smallLine * 0.98));
  if (room < 1 || box.width() < 24) return;
  if (room < texts.size()) {
    // On one line, if it is wide enough; else what stands first.
    const QString joined = texts.join(QStringLiteral("  "));
    if (small.horizontalAdvance(joined) <= box.width() - 6)
      texts = {joined};
    else
      texts = texts.mid(0, room);
  }
  const double line = std::min(m_smallLine * 1.15, box.height() / static_cast<double>(texts.size()));
  double y = box.center().y() - line * static_cast<double>(texts.size()) / 2;
  for (qsizetype i = 0; i < texts.size(); ++i, y += line) {
    Label label;
    label.box = QRectF(box.x() + 2, y, box.width() - 4, line);
    label.text = texts[i];
    label.priority = kOfDevice;
    label.colour = i == 0 ? m_theme.text : m_theme.mutedText;
    label.isSmall = true;
    label.ground = fill;
    AddLabel(label);
  }
}

void CanvasPainter::PaintPod(const layout::PodBox& pod) {
  const auto& netns = m_state.Topology()->netns[pod.netns];
  const QRectF box = m_camera.ToWindow(pod.box);
  if (!pod.members.empty()) {
    const QColor ground = Mixed(m_theme.surface, m_theme.pod, 0.35);
    // Two edges, as a pile has them.
    PaintBox(box.adjusted(3, 3, 0, 0), ground, Mixed(m_theme.pod, m_theme.text, 0.4), 5);
    PaintBox(box.adjusted(0, 0, -3, -3), ground, Mixed(m_theme.pod, m_theme.text, 0.4), 5);
    if (box.height() < m_smallLine || box.width() < 26) return;
    const QString count = pod.members.size() == 1 ? Tr("1 pod") : Tr("%1 pods").arg(pod.members.size());
    const bool isTall = box.height() >= 2 * m_smallLine + 3;
    const QRectF texts = box.adjusted(3, 0, -6, -3);
    Label label;
    label.priority = kOfPod;
    label.colour = m_theme.text;
    label.isSmall = true;
    label.ground = ground;
    label.text = isTall ? Text(pod.group) : Text(pod.group) + QStringLiteral(" · ") + count;
    label.box = isTall ? QRectF(texts.x(), texts.center().y() - m_smallLine, texts.width(), m_smallLine) : texts;
    AddLabel(label);
    if (!isTall) return;
    label.text = count;
    label.colour = m_theme.mutedText;
    label.box.translate(0, m_smallLine);
    AddLabel(label);
    return;
  }
  const QColor fill = Mixed(m_theme.surface, m_theme.pod, pod.isHostNetwork ? 0.2 : 0.55);
  PaintBox(box, fill, Mixed(m_theme.pod, m_theme.text, 0.4), 5, pod.isHostNetwork ? Qt::DashLine : Qt::SolidLine);
  if (box.height() < m_smallLine || box.width() < 26) return;
  std::vector<std::pair<QString, bool>> texts;  // and whether it is the name
  const bool isTall = box.height() >= 2 * m_smallLine;
  const QString full = Text(netns.name);
  const QFontMetricsF small(m_small);
  const auto fits = [&](const QString& text) { return small.horizontalAdvance(text) <= box.width() - 6; };
  texts.emplace_back(fits(full) ? full : Text(WithoutNamespace(netns.name)), true);
  if (isTall) {
    if (pod.isHostNetwork) texts.emplace_back(Tr("host network"), false);
    for (const replay::Device& device : netns.devices) {
      if (device.name == "lo") continue;
      for (const std::string& address : device.addresses)
        if (const QString text = Text(std::string_view(address).substr(0, address.find('/'))); fits(text))
          texts.emplace_back(text, false);
    }
  }
  const auto room = static_cast<size_t>(box.height() / m_smallLine);
  if (texts.size() > room) texts.resize(std::max<size_t>(room, 1));
  double y = box.center().y() - m_smallLine * static_cast<double>(texts.size()) / 2;
  for (const auto& [text, isName] : texts) {
    Label label;
    label.box = QRectF(box.x() + 3, y, box.width() - 6, m_smallLine);
    label.text = text;
    label.priority = kOfPod;
    label.colour = isName ? m_theme.text : m_theme.mutedText;
    label.isSmall = true;
    label.ground = fill;
    AddLabel(label);
    y += m_smallLine;
  }
}

// --- tunnels and flows

uint32_t CanvasPainter::ClosedSiteOf(uint32_t netns) const {
  if (netns >= m_state.Layout().siteOf.size()) return kNone;
  const uint32_t site = m_state.Layout().siteOf[netns];
  return site == kNone || IsInsideDrawn(m_state, site, m_camera.scale) ? kNone : site;
}

void CanvasPainter::PaintEdges() {
  if (m_state.lens == Lens::Overlay) PaintTunnels();
  if (m_state.lens == Lens::Flows) PaintFlows();
}

void CanvasPainter::PaintTunnels() {
  const auto& topology = *m_state.Topology();
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  m_painter.setBrush(Qt::NoBrush);
  // At a node's tunnel device while that can be seen.
  const auto anchor = [&](uint32_t node, std::optional<uint32_t> vni) -> std::optional<QPointF> {
    const uint32_t site = m_state.Layout().siteOf[node];
    if (site == kNone) return std::nullopt;
    const layout::Site& at = m_state.Layout().sites[site];
    const DeviceBox* found = nullptr;
    if (IsInsideDrawn(m_state, site, m_camera.scale) && at.netns == node && IsSeen(at.box))
      for (const DeviceBox& device : m_state.Inside(site).devices) {
        if (device.kind != DeviceBox::Kind::Other || device.netns != node) continue;
        const replay::Device* info = topology.netns[node].Find(device.ifindex);
        const bool isTunnel = info && (info->IsTunnel() || info->kind.empty());
        if (isTunnel && (!found || info->vni == vni)) found = &device;
        if (isTunnel && info->vni == vni) break;
      }
    return m_camera.ToWindow(found ? found->box : at.box).center();
  };
  size_t drawn = 0;
  std::vector<Label> names;
  const auto draw = [&](const Edge& edge, bool isStrong) {
    if (drawn >= kMostEdgesDrawn || edge.from >= topology.netns.size() || edge.to >= topology.netns.size()) return;
    if (edge.vni && m_state.GetShown().hiddenVnis.count(*edge.vni) > 0) return;
    const auto a = anchor(edge.from, edge.vni), b = anchor(edge.to, edge.vni);
    if (!a || !b || *a == *b) return;
    const QPainterPath curve = CurveBetween(*a, *b, m_window);
    if (!IsOnScreen(curve.boundingRect().adjusted(-4, -4, 4, 4))) return;
    ++drawn;
    QColor colour = m_theme.tunnel;
    if (!isStrong) colour.setAlphaF(0.75f);
    const double many = std::log2(static_cast<double>(std::max<uint64_t>({edge.count, edge.packets / 16, 1})));
    m_painter.strokePath(curve, QPen(colour, isStrong ? 3 : 1.4 + std::min(3.0, many * 0.5), Qt::DashLine));
    m_painter.setPen(Qt::NoPen);
    m_painter.setBrush(m_theme.tunnel);
    for (const QPointF end : {*a, *b}) m_painter.drawEllipse(end, 3.5, 3.5);
    m_painter.setBrush(Qt::NoBrush);
    QStringList words;
    if (edge.vni) words << Tr("VNI %1").arg(*edge.vni);
    if (edge.packets > 0) words << (edge.packets == 1 ? Tr("1 packet") : Tr("%1 packets").arg(CountText(edge.packets)));
    if (words.isEmpty()) return;
    const QString text = words.join(QStringLiteral(" · "));
    const double width = QFontMetricsF(m_small).horizontalAdvance(text) + 8;
    const QPointF middle = curve.pointAtPercent(0.5);
    if (QLineF(*a, *b).length() > width + 24)
      names.push_back({QRectF(middle.x() - width / 2, middle.y() - m_smallLine / 2, width, m_smallLine), text, kOfCable,
                       Qt::AlignCenter, m_theme.text, false, true, true});
  };
  for (const Edge& edge : m_state.TunnelsOfSelection()) draw(edge, true);
  NameLines(std::exchange(names, {}));
  for (const Edge& edge : m_state.Tunnels()) draw(edge, false);
  NameLines(std::move(names));
}

void CanvasPainter::NameLines(std::vector<Label> names) {
  // Of a hundred lines one cannot tell which name is whose.
  if (names.size() > kMostNamedLines) return;
  for (Label& name : names) AddLabel(std::move(name));
}

void CanvasPainter::PaintFlows() {
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  const bool isDeep = m_detail >= Detail::Pods && m_state.Flows().size() <= kMostEdgesDrawn;
  const std::vector<Edge>& edges = isDeep ? m_state.Flows() : m_state.FlowsBetweenSites();
  size_t drawn = 0;
  std::vector<Label> names;
  for (const Edge& edge : edges) {
    if (drawn >= kMostEdgesDrawn) break;
    if (isDeep && (!m_state.IsPodShown(edge.from) || !m_state.IsPodShown(edge.to))) continue;
    const auto from = m_state.BoxOfNetns(edge.from), to = m_state.BoxOfNetns(edge.to);
    if (!from || !to) continue;
    const QPointF a = m_camera.ToWindow(*from).center(), b = m_camera.ToWindow(*to).center();
    if (QLineF(a, b).length() < 4) continue;
    const QPainterPath curve = CurveBetween(a, b, m_window);
    if (!IsOnScreen(curve.boundingRect().adjusted(-4, -4, 4, 4))) continue;
    ++drawn;
    QColor colour = m_theme.flow;
    colour.setAlphaF(0.8f);
    const double width = edge.count == 0 ? 1 : 1.4 + std::min(4.0, std::log2(edge.count));
    // What nobody has planned is thin and dotted.
    m_painter.strokePath(curve, QPen(colour, width, edge.count == 0 ? Qt::DotLine : Qt::SolidLine));
    // The arrow is on the way, where it does not cover what the flow leads to.
    const QPointF at = curve.pointAtPercent(0.62);
    const QLineF tangent(curve.pointAtPercent(0.60), curve.pointAtPercent(0.64));
    if (tangent.length() == 0) continue;
    const QPointF along = QPointF(tangent.dx(), tangent.dy()) / tangent.length(), across(-along.y(), along.x());
    const double size = 4 + width;
    QPainterPath arrow(at + along * size);
    arrow.lineTo(at - along * size + across * size * 0.7);
    arrow.lineTo(at - along * size - across * size * 0.7);
    arrow.closeSubpath();
    m_painter.fillPath(arrow, m_theme.flow);
    QStringList words;
    if (edge.count > 1) words << Tr("%1 flows").arg(edge.count);
    if (edge.packets > 0) words << (edge.packets == 1 ? Tr("1 packet") : Tr("%1 packets").arg(CountText(edge.packets)));
    if (words.isEmpty()) continue;
    const QString text = words.join(QStringLiteral(" · "));
    const double w = QFontMetricsF(m_small).horizontalAdvance(text) + 8;
    names.push_back({QRectF(at.x() - w / 2, at.y() - m_smallLine - 6, w, m_smallLine), text, kOfCable, Qt::AlignCenter,
                     m_theme.text, false, true, true});
  }
  NameLines(std::move(names));
}

// --- what moves

void CanvasPainter::PaintPath() {
  if (m_state.Legs().empty()) return;
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  m_painter.setBrush(Qt::NoBrush);
  QPainterPath done, ahead;
  // Of a box whose inside is not drawn, the edge says that the packet comes by.
  std::unordered_map<uint32_t, bool> passed;
  const auto isInside = [this](uint32_t site, Point a, Point b) {
    if (site == kNone) return false;
    const Box box = m_state.Layout().sites[site].box.Grown(1);
    return box.Contains(a) && box.Contains(b);
  };
  for (size_t i = 0; i < m_state.Legs().size(); ++i) {
    const Leg& leg = m_state.Legs()[i];
    const bool isDone = static_cast<int>(i) <= m_state.step;
    const uint32_t from = ClosedSiteOf(leg.from), to = ClosedSiteOf(leg.to);
    if (to != kNone) passed.emplace(to, isDone);  // the first time that it comes counts
    QPainterPath& path = isDone ? done : ahead;
    for (size_t p = 1; p < leg.points.size(); ++p) {
      const Point &a = leg.points[p - 1], &b = leg.points[p];
      if (isInside(from, a, b) || isInside(to, a, b)) continue;
      const QPointF begin = m_camera.ToWindow(a);
      const QPointF end = m_camera.ToWindow(b);
      if (path.isEmpty() || path.currentPosition() != begin) path.moveTo(begin);
      path.lineTo(end);
      m_way.emplace_back(begin, end);
    }
  }
  const double width = m_detail == Detail::Tile ? 2.5 : 4;
  for (const layout::Site& site : m_state.Layout().sites) {
    const auto found = passed.find(static_cast<uint32_t>(&site - m_state.Layout().sites.data()));
    if (found == passed.end() || !IsSeen(site.box)) continue;
    m_painter.setPen(QPen(m_theme.accent, width * 0.6, found->second ? Qt::SolidLine : Qt::DotLine));
    const double radius = site.box.width * m_camera.scale < 90 ? 0 : 4;
    m_painter.drawRoundedRect(m_camera.ToWindow(site.box), radius, radius);
  }
  QPen halo(m_theme.canvas, width + 3);
  halo.setJoinStyle(Qt::RoundJoin);
  halo.setCapStyle(Qt::RoundCap);
  QPen pen(m_theme.accent, width);
  pen.setJoinStyle(Qt::RoundJoin);
  pen.setCapStyle(Qt::RoundCap);
  m_painter.strokePath(done, halo);
  m_painter.strokePath(done, pen);
  pen.setStyle(Qt::DotLine);
  pen.setWidthF(width * 0.7);
  m_painter.strokePath(ahead, pen);
}

void CanvasPainter::PaintTraffic() {
  if (!m_state.facts || m_detail == Detail::Tile || m_state.lens != Lens::Underlay) return;
  const auto& layout = m_state.Layout();
  struct Moving {
    uint32_t cable;
    bool isForward;
    double utilisation;
  };
  std::vector<Moving> moving;
  for (uint32_t i = 0; i < layout.cableBounds.size(); ++i) {
    if (layout.CablePath(i).empty() || !IsSeen(layout.cableBounds[i]) || !m_state.IsCableUp(i)) continue;
    for (const bool isForward : {true, false})
      if (const auto* sample = m_state.Sample(i, isForward ? Activity::Direction::AToB : Activity::Direction::BToA))
        if (sample->frames > 0) moving.push_back({i, isForward, m_state.facts->activity.Utilisation(i, *sample)});
  }
  std::stable_sort(moving.begin(), moving.end(),
                   [](const Moving& a, const Moving& b) { return a.utilisation > b.utilisation; });
  if (moving.size() > kMostMovingLinks) moving.resize(kMostMovingLinks);
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  m_painter.setPen(QPen(m_theme.canvas, 1));
  m_painter.setBrush(m_theme.accent);
  for (const Moving& m : moving) {
    QPolygonF line;
    for (const Point& p : layout.CablePath(m.cable)) line << m_camera.ToWindow(p);
    if (!m.isForward) std::reverse(line.begin(), line.end());
    double length = 0;
    for (qsizetype i = 1; i < line.size(); ++i) length += QLineF(line[i - 1], line[i]).length();
    if (length < 12) continue;
    // The busier, the closer they follow each other; all move at one speed.
    const double gap = 70 - 50 * std::sqrt(m.utilisation);
    const double first = std::fmod(m_state.phase * 60, gap);
    for (double at = first; at < length; at += gap) m_painter.drawEllipse(Along(line, at / length), 2.6, 2.6);
  }
}

void CanvasPainter::PaintPacket() {
  const auto at = m_state.PacketAt();
  if (!at || !m_state.Journey()) return;
  const replay::Hop& hop = m_state.Journey()->hops[static_cast<size_t>(m_state.step)];
  QPointF p = m_camera.ToWindow(*at);
  // A box that is closed shows its name; the packet stands at its lower edge.
  const uint32_t closed = m_detail == Detail::Tile ? kNone : ClosedSiteOf(hop.record.netns);
  if (closed != kNone && m_state.Layout().sites[closed].box.Contains(*at)) {
    const QRectF box = m_camera.ToWindow(m_state.Layout().sites[closed].box);
    p = {box.center().x(), box.bottom()};
  }
  if (!IsOnScreen(QRectF(p, QSizeF(1, 1)).adjusted(-60, -60, 60, 60))) return;
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  if (m_state.pulse >= 0) {
    QColor ring = m_theme.accent;
    ring.setAlphaF(static_cast<float>(std::clamp(1 - m_state.pulse, 0.0, 1.0)));
    m_painter.setBrush(Qt::NoBrush);
    m_painter.setPen(QPen(ring, 3));
    m_painter.drawEllipse(p, 8 + 26 * m_state.pulse, 8 + 26 * m_state.pulse);
  }
  const bool isDrop = IsDrop(hop.record.verdict);
  m_painter.setPen(QPen(m_theme.canvas, 2));
  m_painter.setBrush(isDrop ? m_theme.bad : m_theme.accent);
  m_painter.drawEllipse(p, 7, 7);
  if (isDrop) {
    m_painter.setPen(QPen(m_theme.TextOn(m_theme.bad), 2));
    m_painter.drawLine(p + QPointF(-3, -3), p + QPointF(3, 3));
    m_painter.drawLine(p + QPointF(-3, 3), p + QPointF(3, -3));
  }
  PaintBricks(p);
}

QRectF CanvasPainter::PlaceBeside(QPointF at, QSizeF size) const {
  constexpr double kAway = 14, kEdge = 4, kFarthest = 56, kStep = 4;
  const double w = size.width(), h = size.height();
  // Above, below, at the sides; then farther off, and along the sides. The second figure is what the distance costs.
  std::vector<std::pair<QPointF, double>> places{
      {{-w / 2, -kAway - h}, 0}, {{-w / 2, kAway}, 0}, {{kAway, -h / 2}, 0},     {{-kAway - w, -h / 2}, 0},
      {{kAway, -kAway - h}, 0},  {{kAway, kAway}, 0},  {{-kAway - w, kAway}, 0}, {{-kAway - w, -kAway - h}, 0}};
  for (double more = kStep; kAway + more <= kFarthest; more += kStep) {
    for (const double y : {-kAway - more - h, kAway + more}) places.emplace_back(QPointF(-w / 2, y), more);
    for (const double x : {kAway, -kAway - w})
      for (const double y : {-h / 2 - more, -h / 2 + more}) places.emplace_back(QPointF(x, y), more);
  }
  std::vector<std::pair<QRectF, double>> texts{{m_legend, 4}};  // near by, and how much hiding one costs
  const QRectF near = QRectF(at, QSizeF()).adjusted(-w - 60, -h - 60, w + 60, h + 60);
  for (const Label& label : m_labels) {
    if (!label.box.intersects(near)) continue;
    QRectF written = label.box;
    const QFontMetricsF metrics(FontOf(label));
    written.setSize({std::min(written.width(), metrics.horizontalAdvance(label.text)),
                     std::min(written.height(), metrics.height())});
    written.moveCenter(label.box.center());
    if (label.alignment & Qt::AlignRight) written.moveRight(label.box.right());
    texts.emplace_back(written, label.priority >= kOfNode ? 4 : 1);
  }
  // Where it hides least of what is written, inside the window whatever the packet's place.
  QRectF best;
  double least = std::numeric_limits<double>::max();
  for (const auto& [offset, distance] : places) {
    QRectF place(at + offset, size);
    place.moveLeft(std::clamp(place.left(), kEdge, std::max(kEdge, m_window.width() - w - kEdge)));
    place.moveTop(std::clamp(place.top(), kEdge, std::max(kEdge, m_window.height() - h - kEdge)));
    double hidden = distance + (place.contains(at) ? w * h : 0);
    for (const auto& [written, cost] : texts) {
      const QRectF covered = written.intersected(place.adjusted(-2, -2, 2, 2));
      hidden += covered.isEmpty() ? 0 : covered.width() * covered.height() * cost;
    }
    if (hidden >= least) continue;
    least = hidden;
    best = place;
  }
  return best;
}

void CanvasPainter::PaintBricks(QPointF at) {
  const replay::Hop& hop = m_state.Journey()->hops[static_cast<size_t>(m_state.step)];
  std::vector<replay::Layer> layers;
  if (!hop.after.empty())
    layers = replay::Dissect(hop.after, hop.afterLayer, hop.afterBytes, m_state.vxlanPorts).layers;
  const QFontMetricsF metrics(m_small);
  const double height = m_smallLine + 4;
  double width = 0;
  std::vector<std::pair<QString, double>> bricks;
  for (const replay::Layer& layer : layers) {
    const QString name = Text(layer.name);
    bricks.emplace_back(name, metrics.horizontalAdvance(name) + 10);
    width += bricks.back().second;
  }
  const QString size = BytesText(hop.afterBytes);
  const double sizeWidth = metrics.horizontalAdvance(size) + 10;
  width += sizeWidth;
  const QRectF all = PlaceBeside(at, {width, height});
  m_painter.setFont(m_small);
  m_painter.setPen(QPen(m_theme.canvas, 1));
  m_painter.setBrush(m_theme.surface);
  m_painter.drawRoundedRect(all.adjusted(-2, -2, 2, 2), 3, 3);
  double x = all.left();
  for (size_t i = 0; i < bricks.size(); ++i) {
    const QColor colour = m_theme.ColourOf(layers[i].protocol);
    const QRectF brick(x, all.top(), bricks[i].second - 1, height);
    m_painter.setPen(Qt::NoPen);
    m_painter.setBrush(colour);
    m_painter.drawRoundedRect(brick, 2, 2);
    m_painter.setPen(m_theme.TextOn(colour));
    m_painter.drawText(brick, Qt::AlignCenter, bricks[i].first);
    x += bricks[i].second;
  }
  m_painter.setPen(m_theme.text);
  m_painter.drawText(QRectF(x, all.top(), sizeWidth, height), Qt::AlignCenter, size);
}

// --- marks, texts, legend

void CanvasPainter::PaintFocus() {
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  m_painter.setBrush(Qt::NoBrush);
  for (const Place* place : {&m_state.hovered, &m_state.selected}) {
    if (place->kind == Place::Kind::Cable || place->kind == Place::Kind::None) continue;
    const bool isSelected = place == &m_state.selected;
    if (!isSelected && *place == m_state.selected) continue;
    // Of what is too small to be told apart, the node that it is in.
    auto box = m_state.BoxOf(*place);
    if (!box) continue;
    const uint32_t site = m_state.Layout().siteOf[place->netns];
    if (site != kNone && !IsInsideDrawn(m_state, site, m_camera.scale)) {
      box = m_state.Layout().sites[site].box;
    }
    QRectF r = m_camera.ToWindow(*box);
    if (!IsOnScreen(r)) continue;
    const double least = isSelected ? 10 : 0;
    if (r.width() < least) r.adjust(-(least - r.width()) / 2, 0, (least - r.width()) / 2, 0);
    if (r.height() < least) r.adjust(0, -(least - r.height()) / 2, 0, (least - r.height()) / 2);
    if (isSelected) {
      m_painter.setPen(QPen(m_theme.selection, m_state.isFocused ? 3 : 2));
      m_painter.drawRoundedRect(r.adjusted(-3, -3, 3, 3), 5, 5);
      if (m_state.isFocused) {
        m_painter.setPen(QPen(m_theme.selection, 1, Qt::DotLine));
        m_painter.drawRoundedRect(r.adjusted(-6, -6, 6, 6), 7, 7);
      }
    } else {
      m_painter.setPen(QPen(m_theme.accent, 1.5));
      m_painter.drawRoundedRect(r.adjusted(-2, -2, 2, 2), 4, 4);
    }
  }
}

void CanvasPainter::PaintLabels() {
  std::stable_sort(m_labels.begin(), m_labels.end(),
                   [](const Label& a, const Label& b) { return a.priority > b.priority; });
  if (m_labels.size() > kMostLabels) m_labels.resize(kMostLabels);
  const QFontMetricsF font(m_font), bold(m_bold), small(m_small);
  const auto metricsOf = [&](const Label& label) -> const QFontMetricsF& {
    const QFont& wanted = FontOf(label);
    return &wanted == &m_small ? small : &wanted == &m_bold ? bold : font;
  };
  std::vector<QRectF> taken;  // where words stand
  const auto draw = [&](const Label& label, const QString& text) {
    m_painter.setFont(FontOf(label));
    m_painter.setPen(label.colour);
    m_painter.drawText(label.box, static_cast<int>(label.alignment) | Qt::TextSingleLine, text);
  };
  for (const Label& label : m_labels) {
    if (label.text.isEmpty() || label.floats) continue;
    const QFontMetricsF& metrics = metricsOf(label);
    // Numbered names differ in their ends.
    const auto elide = label.text.back().isDigit() ? Qt::ElideLeft : Qt::ElideMiddle;
    const QString text = metrics.elidedText(label.text, elide, label.box.width());
    // Of "node148", "n…8" says nothing.
    if (text.size() * 5 < label.text.size() * 3) continue;
    taken.push_back(metrics.boundingRect(label.box, static_cast<int>(label.alignment) | Qt::TextSingleLine, text));
    const QRectF words = taken.back().adjusted(-3, 0, 3, 0);
    if (label.ground.isValid() &&
        std::any_of(m_way.begin(), m_way.end(), [&](const QLineF& line) { return IsCrossed(words, line); }))
      m_painter.fillRect(words, label.ground);
    draw(label, text);
  }
  for (Label& label : m_labels) {
    if (label.text.isEmpty() || !label.floats) continue;
    const bool isOfALine = label.priority == kOfCable;
    const auto place = FreePlaceFor(label.box, taken, isOfALine ? m_window : QRectF());
    if (!place) continue;
    label.box = *place;
    taken.push_back(label.box);
    m_painter.setPen(Qt::NoPen);
    QColor ground = m_theme.canvas;
    ground.setAlphaF(0.88f);
    m_painter.setBrush(ground);
    m_painter.drawRoundedRect(label.box, 3, 3);
    draw(label, label.text);
  }
}

void CanvasPainter::PaintLegend() {
  if (m_window.width() < 420 || m_window.height() < 220) return;
  const QFontMetricsF metrics(m_small);
  QStringList words;
  bool hasScale = false;
  if (m_state.lens == Lens::Overlay) {
    const bool isTraced = m_state.facts && !m_state.facts->activity.IsWholeRun();
    words << (isTraced ? Tr("tunnels that packets took") : Tr("tunnels that traffic needs"));
    if (!m_state.TunnelsOfSelection().empty()) words << Tr("thick: the selected node's");
  } else if (m_state.lens == Lens::Flows) {
    words << Tr("flows, from → to");
  } else if (m_state.heat == Heat::None || !m_state.facts) {
    words << Tr("cables");
  } else {
    hasScale = true;
    switch (m_state.heat) {
      case Heat::Utilisation:
        words << Tr("utilisation") << QStringLiteral("0") << QStringLiteral("25 %") << QStringLiteral("100 %");
        break;
      case Heat::Drops:
        words << Tr("drops") << QStringLiteral("1") << QString() << QString::number(m_state.HeatScaleEnd());
        break;
      default:
        words << Tr("queue") << QStringLiteral("0") << QString()
              << BytesText(static_cast<uint64_t>(m_state.HeatScaleEnd()));
        break;
    }
    const auto& activity = m_state.facts->activity;
    words[0] += activity.IsWholeRun() ? Tr(", whole run") : Tr(", over %1").arg(TimeText(activity.SlotNs()));
  }
  const double pad = 8, bar = hasScale ? 150 : 34;
  const bool hasSecondLine = !hasScale && words.size() > 1;
  const double second = hasSecondLine ? metrics.horizontalAdvance(words[1]) : 0;
  const double width = std::max({metrics.horizontalAdvance(words[0]), second, bar}) + 2 * pad;
  const double height = pad * 1.5 + m_smallLine + 12 + (hasScale || hasSecondLine ? m_smallLine : 0);
  // In a corner where it covers nothing, if there is one; the minimap has the last.
  QRectF box(10, m_window.height() - height - 10, width, height);
  for (const QPointF corner : {box.topLeft(), QPointF(10, 10), QPointF(m_window.width() - width - 10, 10)}) {
    const layout::Box covered = m_camera.ToCanvas(QRectF(corner, box.size()));
    const auto isCovered = [&](const auto& thing) { return thing.box.Intersects(covered); };
    const auto& sites = m_state.Layout().sites;
    const auto& racks = m_state.Layout().racks;
    if (std::any_of(sites.begin(), sites.end(), isCovered) || std::any_of(racks.begin(), racks.end(), isCovered))
      continue;
    box.moveTopLeft(corner);
    break;
  }
  m_legend = box;
  m_painter.setRenderHint(QPainter::Antialiasing, true);
  QColor ground = m_theme.surface;
  ground.setAlphaF(0.94f);
  m_painter.setBrush(ground);
  m_painter.setPen(QPen(m_theme.border, 1));
  m_painter.drawRoundedRect(box, 4, 4);
  m_painter.setFont(m_small);
  m_painter.setPen(m_theme.text);
  m_painter.drawText(QRectF(box.x() + pad, box.y() + 4, width - 2 * pad, m_smallLine), Qt::AlignLeft, words[0]);
  double y = box.y() + 4 + m_smallLine + 8;
  if (hasSecondLine) {
    m_painter.drawText(QRectF(box.x() + pad, box.y() + 4 + m_smallLine, width - 2 * pad, m_smallLine), Qt::AlignLeft,
                       words[1]);
    y += m_smallLine;
  }
  if (!hasScale) {
    const QColor colour = m_state.lens == Lens::Overlay ? m_theme.tunnel
                          : m_state.lens == Lens::Flows ? m_theme.flow
                                                        : m_theme.link;
    m_painter.setPen(QPen(colour, 2, m_state.lens == Lens::Overlay ? Qt::DashLine : Qt::SolidLine));
    m_painter.drawLine(QPointF(box.x() + pad, y), QPointF(box.x() + pad + bar, y));
    return;
  }
  // Colour and width together, as on the cables.
  constexpr int kParts = 30;
  for (int i = 0; i < kParts; ++i) {
    const double share = static_cast<double>(i) / (kParts - 1), w = 1.4 + 5 * share;
    m_painter.fillRect(QRectF(box.x() + pad + bar * i / kParts, y - w / 2, bar / kParts + 0.5, w), m_theme.Heat(share));
  }
  m_painter.setPen(m_theme.mutedText);
  const QRectF under(box.x() + pad, y + 6, bar, m_smallLine);
  m_painter.drawText(under, Qt::AlignLeft, words[1]);
  m_painter.drawText(under, Qt::AlignHCenter, words[2]);
  m_painter.drawText(under, Qt::AlignRight, words[3]);
}

std::optional<QRectF> FreePlaceFor(const QRectF& box, const std::vector<QRectF>& taken, const QRectF& window) {
  const double up = box.height(), aside = box.width() / 2 + 8;
  for (const QPointF by : {QPointF(0, 0), QPointF(0, -up), QPointF(0, up + 12), QPointF(aside, 0), QPointF(-aside, 0),
                           QPointF(aside, up), QPointF(-aside, up)}) {
    const QRectF place = box.translated(by);
    if (!by.isNull() && !window.contains(place)) continue;
    if (std::none_of(taken.begin(), taken.end(), [&](const QRectF& r) { return r.intersects(place); })) return place;
  }
  return std::nullopt;
}

QPainterPath CurveBetween(QPointF a, QPointF b, const QRectF& window) {
  const QLineF line(a, b);
  const QPointF normal = line.length() > 0 ? QPointF(line.dy(), -line.dx()) / line.length() : QPointF();
  const bool isInSight = window.contains(a) && window.contains(b);
  constexpr double kEdge = 6;
  const QRectF room = window.adjusted(kEdge, kEdge, -kEdge, -kEdge).united(QRectF(a, b).normalized());
  for (double bow = std::min(line.length() * 0.29, 256.0);; bow *= 0.8) {
    QPainterPath path(a);
    path.quadTo((a + b) / 2 + normal * bow, b);
    if (bow < 1 || !isInSight || room.contains(path.boundingRect())) return path;
  }
}

}  // namespace overlaysim::views
