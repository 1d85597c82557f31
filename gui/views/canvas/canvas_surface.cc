#include "gui/views/canvas/canvas_surface.h"

#include <QApplication>
#include <QContextMenuEvent>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <QWheelEvent>
#include <cmath>

#include "gui/views/canvas/canvas_painter.h"
#include "gui/views/canvas/place_text.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

using layout::Box;
using layout::kNone;
using layout::Point;

constexpr double kFitMargin = 36;
constexpr int kLegendHeight = 40;  ///< below what is fitted, on canvases that have the room
constexpr double kStepFactor = 1.4;
constexpr int kFlightMs = 250;
constexpr double kPickPixels = 6;

/// Everything in sight, and the legend beside it.
Camera FitAbove(const Box& box, QSizeF window) {
  const bool hasRoom = window.height() > 400;
  return Camera::Fit(box, hasRoom ? window - QSizeF(0, kLegendHeight) : window, kFitMargin);
}

Place OfNetns(uint32_t netns) {
  Place place;
  place.kind = Place::Kind::Netns;
  place.netns = netns;
  return place;
}

}  // namespace

CanvasSurface::CanvasSurface(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
  setFocusPolicy(Qt::StrongFocus);
  setMouseTracking(true);
  setAttribute(Qt::WA_OpaquePaintEvent);
  setAccessibleName(tr("Canvas"));
  setAccessibleDescription(
      tr("The network as a drawing. Arrow keys select what is beside the selection, Enter goes into it, Escape out of "
         "it, F shows everything. The outline has the same as a tree."));
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, qOverload<>(&QWidget::update));
  m_flight.setDuration(kFlightMs);
  m_flight.setStartValue(0.0);
  m_flight.setEndValue(1.0);
  m_flight.setEasingCurve(QEasingCurve::InOutCubic);
  connect(&m_flight, &QVariantAnimation::valueChanged, this, [this](const QVariant& value) {
    m_camera = m_from.Towards(m_to, value.toDouble(), size());
    emit ViewChanged();
    update();
  });
}

double CanvasSurface::MinScale() const {
  return std::min(Camera::Fit(m_state.Layout().bounds, size(), kFitMargin).scale * 0.5, 0.5);
}

void CanvasSurface::SetView(const Camera& camera) {
  m_flight.stop();
  m_camera = camera;
  m_wasFitted = false;
  emit ViewChanged();
  update();
}

void CanvasSurface::FlyTo(const Camera& camera) {
  if (ThemeSwitch::Instance().IsMotionReduced() || !isVisible()) return SetView(camera);
  m_flight.stop();
  m_from = m_camera;
  m_to = camera;
  m_wasFitted = false;
  m_flight.start();
}

void CanvasSurface::FlyTo(const Box& box, double margin) { FlyTo(Camera::Fit(box, size(), margin)); }

void CanvasSurface::Fit() {
  if (!m_state.Topology()) return;
  FlyTo(FitAbove(m_state.Layout().bounds, size()));
  m_wasFitted = true;
}

void CanvasSurface::ShowAll() {
  SetView(FitAbove(m_state.Layout().bounds, size()));
  m_wasFitted = true;
}

void CanvasSurface::ZoomIn() {
  FlyTo(m_camera.ZoomedAt(QPointF(width() / 2.0, height() / 2.0), kStepFactor, MinScale()));
}

void CanvasSurface::ZoomOut() {
  FlyTo(m_camera.ZoomedAt(QPointF(width() / 2.0, height() / 2.0), 1 / kStepFactor, MinScale()));
}

void CanvasSurface::ZoomToSelection() {
  const auto box = m_state.BoxOf(m_state.selected);
  if (!box) return;
  FlyTo(*box, std::min(width(), height()) * 0.12);
}

void CanvasSurface::GoOut() {
  if (!m_state.Topology()) return;
  const Place& at = m_state.selected;
  const auto& layout = m_state.Layout();
  if (at.kind == Place::Kind::Netns || at.kind == Place::Kind::Device) {
    const uint32_t site = at.netns < layout.siteOf.size() ? layout.siteOf[at.netns] : kNone;
    if (site != kNone) {
      const layout::Site& s = layout.sites[site];
      if (at.kind == Place::Kind::Device || s.netns != at.netns) {
        Select(OfNetns(s.netns));
        return FlyTo(s.box, kFitMargin);
      }
      const bool isInside = DetailAt(m_camera.scale) == Detail::Inside;
      if (s.rack != kNone && isInside && layout.racks.size() > 1) return FlyTo(layout.racks[s.rack].box, kFitMargin);
      if (!m_wasFitted) return Fit();
    }
  }
  if (at.kind != Place::Kind::None && m_wasFitted) Select({});
  Fit();
}

void CanvasSurface::SetArranging(bool on) {
  m_isArranging = on;
  setCursor(on ? Qt::SizeAllCursor : Qt::ArrowCursor);
}

void CanvasSurface::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  CanvasPainter(painter, m_state, m_camera, size(), CurrentTheme()).Paint();
  if (m_drag == Drag::Marquee) {
    QColor fill = CurrentTheme().accent;
    fill.setAlphaF(0.12f);
    painter.setBrush(fill);
    painter.setPen(QPen(CurrentTheme().accent, 1, Qt::DashLine));
    painter.drawRect(m_marquee);
  }
}

void CanvasSurface::resizeEvent(QResizeEvent*) {
  if (m_wasFitted && m_state.Topology()) {
    m_flight.stop();
    m_camera = FitAbove(m_state.Layout().bounds, size());
  }
  emit ViewChanged();
}

// --- mouse

Place CanvasSurface::PlaceUnder(QPointF at) const {
  const Point p = m_camera.ToCanvas(at);
  const uint32_t site = m_state.Layout().SiteAt(p);
  const bool isDeep = site != kNone && IsInsideDrawn(m_state, site, m_camera.scale);
  return m_state.PlaceAt(p, isDeep, kPickPixels / m_camera.scale);
}

void CanvasSurface::wheelEvent(QWheelEvent* event) {
  if (!m_state.Topology()) return;
  const QPoint pixels = event->pixelDelta();
  const bool isPan = !pixels.isNull() && !(event->modifiers() & Qt::ControlModifier);
  if (isPan) {  // a touch pad
    Camera camera = m_camera;
    camera.origin -= QPointF(pixels) / m_camera.scale;
    SetView(camera);
  } else {
    const double steps = (pixels.isNull() ? event->angleDelta().y() : pixels.y() * 4) / 120.0;
    SetView(m_camera.ZoomedAt(event->position(), std::pow(1.25, steps), MinScale()));
  }
  event->accept();
}

void CanvasSurface::mousePressEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton && event->button() != Qt::MiddleButton) return;
  m_pressed = m_last = event->position();
  m_drag = Drag::Pending;
  m_draggedSite = kNone;
  if (event->button() == Qt::LeftButton && (event->modifiers() & Qt::ShiftModifier)) {
    m_drag = Drag::Marquee;
    m_marquee = QRectF(m_pressed, QSizeF());
  } else if (event->button() == Qt::LeftButton && m_isArranging) {
    m_draggedSite = m_state.Layout().SiteAt(m_camera.ToCanvas(m_pressed));
    if (m_draggedSite != kNone) {
      const Box& box = m_state.Layout().sites[m_draggedSite].box;
      const Point at = m_camera.ToCanvas(m_pressed);
      m_grabbed = {at.x - box.x, at.y - box.y};
    }
  }
}

void CanvasSurface::mouseMoveEvent(QMouseEvent* event) {
  const QPointF at = event->position();
  if (m_drag == Drag::None) {
    const Place under = PlaceUnder(at);
    if (!(under == m_state.hovered)) {
      m_state.hovered = under;
      update();
    }
    return;
  }
  if (m_drag == Drag::Pending && (at - m_pressed).manhattanLength() >= QApplication::startDragDistance())
    m_drag = m_draggedSite != kNone ? Drag::Node : Drag::Pan;
  if (m_drag == Drag::Pan) {
    Camera camera = m_camera;
    camera.origin -= (at - m_last) / m_camera.scale;
    SetView(camera);
  } else if (m_drag == Drag::Node) {
    const Point to = m_camera.ToCanvas(at);
    m_state.MoveSite(m_draggedSite, {to.x - m_grabbed.x, to.y - m_grabbed.y});
    update();
  } else if (m_drag == Drag::Marquee) {
    m_marquee = QRectF(m_pressed, at).normalized();
    update();
  }
  m_last = at;
}

void CanvasSurface::mouseReleaseEvent(QMouseEvent* event) {
  const Drag drag = std::exchange(m_drag, Drag::None);
  if (drag == Drag::Pending && event->button() == Qt::LeftButton) {
    Select(PlaceUnder(event->position()));
  } else if (drag == Drag::Marquee) {
    if (m_marquee.width() > 8 && m_marquee.height() > 8)
      FlyTo(m_camera.ToCanvas(m_marquee), 0);
    else
      update();
  } else if (drag == Drag::Node) {
    emit Arranged();
  }
}

void CanvasSurface::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() != Qt::LeftButton) return;
  Select(PlaceUnder(event->position()));
  if (m_state.selected.kind == Place::Kind::None)
    Fit();
  else
    ZoomToSelection();
}

void CanvasSurface::leaveEvent(QEvent*) {
  m_state.hovered = {};
  update();
}

void CanvasSurface::contextMenuEvent(QContextMenuEvent* event) {
  Place place = m_state.selected;
  QPoint at = event->globalPos();
  if (event->reason() == QContextMenuEvent::Mouse) {
    place = PlaceUnder(event->pos());
    Select(place);
  } else if (const auto box = m_state.BoxOf(place)) {
    at = mapToGlobal(m_camera.ToWindow(*box).center().toPoint());
  }
  emit MenuRequested(place, at);
}

bool CanvasSurface::event(QEvent* event) {
  if (event->type() != QEvent::ToolTip) return QWidget::event(event);
  const auto* help = static_cast<QHelpEvent*>(event);
  const QString text = ToolTipOf(PlaceUnder(help->pos()));
  if (text.isEmpty())
    QToolTip::hideText();
  else
    QToolTip::showText(help->globalPos(), text, this);
  return true;
}

QString CanvasSurface::ToolTipOf(const Place& place) const {
  return m_state.Topology() ? PlaceToolTip(m_state, place) : QString();
}

// --- selection and keys

void CanvasSurface::Select(const Place& place) { m_session.Select(place); }

void CanvasSurface::focusInEvent(QFocusEvent* event) {
  m_state.isFocused = event->reason() != Qt::MouseFocusReason;
  update();
}

void CanvasSurface::focusOutEvent(QFocusEvent*) {
  m_state.isFocused = false;
  update();
}

std::vector<std::pair<Place, Box>> CanvasSurface::Neighbours() const {
  std::vector<std::pair<Place, Box>> places;
  const auto& layout = m_state.Layout();
  const Place& at = m_state.selected;
  if (at.kind != Place::Kind::None && at.kind != Place::Kind::Cable && at.netns < layout.siteOf.size()) {
    const uint32_t site = layout.siteOf[at.netns];
    const bool isInside = site != kNone && IsInsideDrawn(m_state, site, m_camera.scale) &&
                          (at.kind == Place::Kind::Device || layout.sites[site].netns != at.netns);
    if (isInside) {
      const layout::NodeInside& inside = m_state.Inside(site);
      for (const layout::DeviceBox& device : inside.devices) {
        Place place = OfNetns(device.netns);
        place.kind = Place::Kind::Device;
        place.ifindex = device.ifindex;
        places.emplace_back(place, device.box);
      }
      for (const layout::PodBox& pod : inside.pods)
        if (m_state.IsPodShown(pod.netns)) places.emplace_back(OfNetns(pod.netns), pod.box);
      return places;
    }
  }
  for (const layout::Site& site : layout.sites) places.emplace_back(OfNetns(site.netns), site.box);
  return places;
}

bool CanvasSurface::SelectTowards(QPointF direction) {
  const auto places = Neighbours();
  if (places.empty()) return false;
  const auto here = m_state.BoxOf(m_state.selected);
  const Point from = here ? here->Centre() : m_camera.ToCanvas(QPointF(width() / 2.0, height() / 2.0));
  const std::pair<Place, Box>* best = nullptr;
  double least = 1e300;
  for (const auto& candidate : places) {
    const Point to = candidate.second.Centre();
    const double dx = to.x - from.x, dy = to.y - from.y;
    const double along = dx * direction.x() + dy * direction.y();
    const double across = std::abs(dx * direction.y()) + std::abs(dy * direction.x());
    // Without a selection, the nearest; else what lies that way, straight ahead before aside.
    const double cost = here ? (along > 1e-6 ? along + 2.5 * across : 1e300) : std::hypot(dx, dy);
    if (cost < least && !(candidate.first == m_state.selected)) {
      least = cost;
      best = &candidate;
    }
  }
  if (!best) return false;
  const auto chosen = *best;
  Select(chosen.first);
  KeepInView(chosen.second);
  return true;
}

void CanvasSurface::KeepInView(const Box& box) {
  const QRectF seen = m_camera.ToWindow(box);
  const QRectF window = QRectF(rect()).adjusted(20, 20, -20, -20);
  if (window.contains(seen.center())) return;
  Camera camera = m_camera;
  camera.origin = {box.Centre().x - width() / 2.0 / camera.scale, box.Centre().y - height() / 2.0 / camera.scale};
  FlyTo(camera);
}

bool CanvasSurface::focusNextPrevChild(bool next) {
  // Tab goes through what is on the canvas in reading order, and leaves it at its end.
  const auto places = Neighbours();
  const auto at = std::find_if(places.begin(), places.end(),
                               [&](const auto& candidate) { return candidate.first == m_state.selected; });
  if (!hasFocus() || places.empty() || at == places.end()) return QWidget::focusNextPrevChild(next);
  if (next ? std::next(at) == places.end() : at == places.begin()) return QWidget::focusNextPrevChild(next);
  const auto chosen = next ? *std::next(at) : *std::prev(at);
  Select(chosen.first);
  KeepInView(chosen.second);
  return true;
}

void CanvasSurface::keyPressEvent(QKeyEvent* event) {
  if (!m_state.Topology()) return QWidget::keyPressEvent(event);
  const bool hasModifier = event->modifiers() & (Qt::ControlModifier | Qt::AltModifier);
  if (hasModifier) return QWidget::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Left:
      SelectTowards({-1, 0});
      break;
    case Qt::Key_Right:
      SelectTowards({1, 0});
      break;
    case Qt::Key_Up:
      SelectTowards({0, -1});
      break;
    case Qt::Key_Down:
      SelectTowards({0, 1});
      break;
    case Qt::Key_Return:
    case Qt::Key_Enter: {
      // Into the node; and in it, to its first pod or device.
      const Place& at = m_state.selected;
      const auto& layout = m_state.Layout();
      const uint32_t site =
          at.kind == Place::Kind::Netns && at.netns < layout.siteOf.size() ? layout.siteOf[at.netns] : kNone;
      const bool isSite = site != kNone && layout.sites[site].netns == at.netns;
      const QRectF box = isSite ? m_camera.ToWindow(layout.sites[site].box) : QRectF();
      const bool isLarge = box.width() > width() * 0.5 || box.height() > height() * 0.5;
      if (isSite && isLarge && IsInsideDrawn(m_state, site, m_camera.scale)) {
        const layout::NodeInside& inside = m_state.Inside(site);
        if (!inside.pods.empty()) Select(OfNetns(inside.pods.front().netns));
      } else {
        ZoomToSelection();
      }
      break;
    }
    case Qt::Key_Escape:
      GoOut();
      break;
    case Qt::Key_F:
      Fit();
      break;
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      ZoomIn();
      break;
    case Qt::Key_Minus:
      ZoomOut();
      break;
    default:
      QWidget::keyPressEvent(event);
  }
}

}  // namespace overlaysim::views
