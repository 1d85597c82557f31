#pragma once

#include <QPointF>
#include <QRectF>
#include <QSizeF>
#include <algorithm>

#include "gui/layout/geometry.h"

namespace overlaysim::views {

/// Which part of the canvas is seen: pixels a unit, and the canvas point at the window's top left corner.
struct Camera {
  static constexpr double kMaxScale = 60;

  double scale = 1;
  QPointF origin;

  QPointF ToWindow(layout::Point p) const { return {(p.x - origin.x()) * scale, (p.y - origin.y()) * scale}; }
  QRectF ToWindow(const layout::Box& box) const {
    return {ToWindow(layout::Point{box.x, box.y}), QSizeF(box.width * scale, box.height * scale)};
  }
  layout::Point ToCanvas(QPointF p) const { return {p.x() / scale + origin.x(), p.y() / scale + origin.y()}; }
  layout::Box ToCanvas(const QRectF& r) const {
    const layout::Point corner = ToCanvas(r.topLeft());
    return {corner.x, corner.y, r.width() / scale, r.height() / scale};
  }

  /// The camera that shows all of the box in the middle of the window, with a margin in pixels around it.
  static Camera Fit(const layout::Box& box, QSizeF window, double margin) {
    Camera camera;
    const double width = std::max(window.width() - 2 * margin, 1.0),
                 height = std::max(window.height() - 2 * margin, 1.0);
    camera.scale = std::min({width / std::max(box.width, 1e-6), height / std::max(box.height, 1e-6), kMaxScale});
    camera.origin = {box.Centre().x - window.width() / 2 / camera.scale,
                     box.Centre().y - window.height() / 2 / camera.scale};
    return camera;
  }
  /// The same with the canvas point under `at` staying where it is.
  Camera ZoomedAt(QPointF at, double factor, double minScale) const {
    Camera camera;
    const layout::Point fixed = ToCanvas(at);
    camera.scale = std::clamp(scale * factor, minScale, kMaxScale);
    camera.origin = {fixed.x - at.x() / camera.scale, fixed.y - at.y() / camera.scale};
    return camera;
  }
  /// On the way from this one to another: `share` 0 to 1. Zooms evenly and keeps what is common in sight.
  Camera Towards(const Camera& other, double share, QSizeF window) const;
};

}  // namespace overlaysim::views
