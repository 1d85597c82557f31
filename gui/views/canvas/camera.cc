#include "gui/views/canvas/camera.h"

#include <cmath>

namespace overlaysim::views {

Camera Camera::Towards(const Camera& other, double share, QSizeF window) const {
  Camera camera;
  camera.scale = scale * std::pow(other.scale / scale, share);
  // The middle moves by what the zoom has gained, so that a far target is approached while it is small.
  const double gained = std::abs(other.scale - scale) < 1e-9 * scale
                            ? share
                            : (1 / scale - 1 / camera.scale) / (1 / scale - 1 / other.scale);
  const QPointF half(window.width() / 2, window.height() / 2);
  const QPointF from = origin + half / scale, to = other.origin + half / other.scale;
  camera.origin = from + (to - from) * gained - half / camera.scale;
  return camera;
}

}  // namespace overlaysim::views
