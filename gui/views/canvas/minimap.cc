#include "gui/views/canvas/minimap.h"

#include <QMouseEvent>
#include <QPainter>

#include "gui/views/canvas/canvas_surface.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr double kMargin = 6;
constexpr int kWidth = 180, kHeight = 120, kFromEdge = 10;
constexpr size_t kMostSites = 400;  ///< that are drawn one by one; of more, the racks

Camera CameraOf(const CanvasSurface& surface, QSizeF window) {
  return Camera::Fit(surface.State().Layout().bounds, window, kMargin);
}

}  // namespace

Minimap::Minimap(CanvasSurface& surface) : QWidget(&surface), m_surface(surface) {
  setFixedSize(kWidth, kHeight);
  setCursor(Qt::PointingHandCursor);
  setAccessibleName(tr("Overview of the canvas"));
  setToolTip(tr("Overview: press to go there"));
  connect(&surface, &CanvasSurface::ViewChanged, this, &Minimap::Update);
  hide();
}

void Minimap::Update() {
  const bool hasRoom = m_surface.width() > 3 * kWidth && m_surface.height() > 3 * kHeight;
  bool isAllSeen = true;
  if (m_surface.State().Topology()) {
    const QRectF bounds = m_surface.View().ToWindow(m_surface.State().Layout().bounds);
    isAllSeen = QRectF(m_surface.rect()).adjusted(-2, -2, 2, 2).contains(bounds);
  }
  setVisible(hasRoom && !isAllSeen);
  if (!isVisible()) return;
  move(m_surface.width() - kWidth - kFromEdge, m_surface.height() - kHeight - kFromEdge);
  update();
}

void Minimap::paintEvent(QPaintEvent*) {
  const Theme& theme = CurrentTheme();
  QPainter painter(this);
  QColor ground = theme.surface;
  painter.setPen(QPen(theme.border, 1));
  painter.setBrush(ground);
  painter.drawRect(rect().adjusted(0, 0, -1, -1));
  const CanvasState& state = m_surface.State();
  if (!state.Topology()) return;
  const auto& layout = state.Layout();
  const Camera camera = CameraOf(m_surface, size());
  const bool each = layout.sites.size() <= kMostSites;
  for (const layout::Rack& rack : layout.racks)
    painter.fillRect(camera.ToWindow(rack.box), each ? theme.raised : theme.link);
  for (const layout::Site& site : layout.sites)
    if (each || site.rack == layout::kNone)
      painter.fillRect(camera.ToWindow(site.box), site.rack == layout::kNone || site.isHead ? theme.link : theme.pod);
  if (const auto packet = state.PacketAt()) {
    painter.setRenderHint(QPainter::Antialiasing, true);
    painter.setBrush(theme.accent);
    painter.setPen(Qt::NoPen);
    painter.drawEllipse(camera.ToWindow(*packet), 3, 3);
    painter.setRenderHint(QPainter::Antialiasing, false);
  }
  const QRectF seen = camera.ToWindow(m_surface.View().ToCanvas(QRectF(m_surface.rect())));
  QColor fill = theme.accent;
  fill.setAlphaF(0.10f);
  painter.setBrush(fill);
  painter.setPen(QPen(theme.accent, 1.5));
  painter.drawRect(seen.intersected(QRectF(rect()).adjusted(1, 1, -2, -2)));
}

void Minimap::GoTo(QPointF at) {
  const layout::Point middle = CameraOf(m_surface, size()).ToCanvas(at);
  Camera camera = m_surface.View();
  camera.origin = {middle.x - m_surface.width() / 2.0 / camera.scale,
                   middle.y - m_surface.height() / 2.0 / camera.scale};
  m_surface.SetView(camera);
}

void Minimap::mousePressEvent(QMouseEvent* event) { GoTo(event->position()); }

void Minimap::mouseMoveEvent(QMouseEvent* event) {
  if (event->buttons() & Qt::LeftButton) GoTo(event->position());
}

}  // namespace overlaysim::views
