#pragma once

#include <QWidget>
#include <vector>

#include "gui/replay/run.h"
#include "gui/views/session.h"

namespace overlaysim::views {

/// The run's time from left to right: how many packet events there are, what was planned, what was dropped, and the
/// cursor. Zooms down to nanoseconds.
class TimeAxis : public QWidget {
  Q_OBJECT
 public:
  explicit TimeAxis(Session& session, QWidget* parent = nullptr);

  double FromNs() const { return m_from; }
  double ToNs() const { return m_to; }
  void SetRange(double fromNs, double toNs);  ///< kept within the run
  void ShowAll();
  void ZoomBy(double factor, double aroundNs);
  const std::vector<replay::Mark>& Marks() const { return m_marks; }
  /// Further marks, such as expectations that failed.
  void AddMarks(std::vector<replay::Mark> marks);

  QSize sizeHint() const override { return {600, 84}; }
  QSize minimumSizeHint() const override { return {200, 84}; }

 signals:
  void RangeChanged();

 protected:
  void paintEvent(QPaintEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void wheelEvent(QWheelEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  void resizeEvent(QResizeEvent* event) override;
  void focusInEvent(QFocusEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  bool event(QEvent* event) override;

 private:
  enum class Drag : uint8_t { None, Cursor, Pan, Range };
  double EndNs() const;
  double XOf(double ns) const;
  double TimeAt(double x) const;
  void FindMarks();
  void MeasureDensity();
  void PaintDensity(QPainter& painter, const QRectF& area) const;
  void PaintTicks(QPainter& painter, const QRectF& area) const;
  void PaintMarks(QPainter& painter, const QRectF& area) const;
  QString ToolTipAt(double x) const;

  Session& m_session;
  double m_from = 0, m_to = 1;
  std::vector<replay::Mark> m_marks;  ///< planned events and such; drops are the session's facts
  std::vector<replay::Mark> m_further;
  std::vector<double> m_density;  ///< one number a pixel of the range
  Drag m_drag = Drag::None;
  double m_pressedX = 0, m_lastX = 0;
};

}  // namespace overlaysim::views
