#pragma once

#include <QElapsedTimer>
#include <QVariantAnimation>
#include <QWidget>

#include "gui/views/canvas/camera.h"
#include "gui/views/canvas/canvas_state.h"

namespace overlaysim::views {

/// The drawing itself and what mouse and keys do to it. One widget paints everything: items of a QGraphicsScene cost
/// three times as much where thousands are in sight.
class CanvasSurface : public QWidget {
  Q_OBJECT
 public:
  CanvasSurface(Session& session, QWidget* parent = nullptr);

  CanvasState& State() { return m_state; }
  const CanvasState& State() const { return m_state; }
  const Camera& View() const { return m_camera; }
  void SetView(const Camera& camera);
  /// Moves there in a quarter of a second, or at once where motion is reduced.
  void FlyTo(const Camera& camera);
  void FlyTo(const layout::Box& box, double margin);
  void ShowAll();  ///< as Fit(), at once

  bool IsArranging() const { return m_isArranging; }
  void SetArranging(bool on);  ///< dragging a node moves it, not the canvas

  QSize sizeHint() const override { return {900, 600}; }
  QSize minimumSizeHint() const override { return {240, 160}; }

 public slots:
  void Fit();
  void ZoomIn();
  void ZoomOut();
  void ZoomToSelection();
  void GoOut();  ///< to what the selection is in

 signals:
  void ViewChanged();
  void Arranged();  ///< somebody has moved a node
  void MenuRequested(const overlaysim::views::Place& place, const QPoint& globalPosition);

 protected:
  void paintEvent(QPaintEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void leaveEvent(QEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void contextMenuEvent(QContextMenuEvent* event) override;
  bool event(QEvent* event) override;
  bool focusNextPrevChild(bool next) override;

 private:
  enum class Drag : uint8_t { None, Pending, Pan, Marquee, Node };
  Place PlaceUnder(QPointF at) const;
  double MinScale() const;
  void Select(const Place& place);
  /// What arrows and Tab go through: the pods and devices of a node whose inside is seen, else nodes and switches.
  std::vector<std::pair<Place, layout::Box>> Neighbours() const;
  bool SelectTowards(QPointF direction);
  void KeepInView(const layout::Box& box);
  QString ToolTipOf(const Place& place) const;

  Session& m_session;
  CanvasState m_state;
  Camera m_camera;
  bool m_wasFitted = true;  ///< nobody has zoomed or moved since: stays fitted when the window's size changes
  Drag m_drag = Drag::None;
  QPointF m_pressed, m_last;
  layout::Point m_grabbed;  ///< of the dragged node's box
  uint32_t m_draggedSite = layout::kNone;
  QRectF m_marquee;
  bool m_isArranging = false;
  QVariantAnimation m_flight;
  Camera m_from, m_to;
};

}  // namespace overlaysim::views
