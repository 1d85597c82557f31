#pragma once

#include <QWidget>

namespace overlaysim::views {

class CanvasSurface;

/// The whole canvas in a corner, and what part of it is seen; a press or drag goes there. Hidden while all is seen.
class Minimap : public QWidget {
  Q_OBJECT
 public:
  explicit Minimap(CanvasSurface& surface);
  void Update();  ///< the view or the layout has changed

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;

 private:
  void GoTo(QPointF at);

  CanvasSurface& m_surface;
};

}  // namespace overlaysim::views
