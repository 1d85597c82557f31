#pragma once

#include <QWidget>
#include <vector>

#include "gui/views/inspect/counter_scan.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// Series over time. Where several spans fall on one pixel their least and greatest values are drawn, so that no peak
/// is lost. The wheel zooms at the pointer, dragging pans, a click chooses a time; keys + − 0 and the arrows do the
/// same.
class PlotCanvas : public QWidget {
  Q_OBJECT
 public:
  explicit PlotCanvas(QWidget* parent = nullptr);

  void Show(std::vector<TimeSeries> series);
  /// The same series in finer spans, of a part of the time: drawn while no more than that part is in sight.
  void ShowDetail(std::vector<TimeSeries> series);
  void SetCursor(int64_t timeNs);
  void SetMessage(const QString& message);  ///< shown in a corner: what is still being read
  int64_t From() const { return m_from; }
  int64_t To() const { return m_to; }
  void Zoom(double factor, int64_t aroundNs);  ///< below 1: closer
  void ShowAll();
  void Paint(QPainter& painter, const QRectF& area, const Theme& theme) const;
  QSize sizeHint() const override { return {420, 200}; }
  QSize minimumSizeHint() const override { return {200, 120}; }

  /// Of the spans of [from, to): the least and the greatest value; false: there are none.
  static bool Extremes(const TimeSeries& series, int64_t fromNs, int64_t toNs, double& least, double& greatest);

 signals:
  void TimeChosen(qint64 ns);
  void RangeChanged(qint64 fromNs, qint64 toNs);

 protected:
  void paintEvent(QPaintEvent*) override;
  void wheelEvent(QWheelEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;

 private:
  QRectF PlotArea(const QRectF& area) const;
  int64_t TimeAt(qreal x) const;
  void Pan(int64_t byNs);
  int64_t End() const;
  void SetRange(int64_t fromNs, int64_t toNs);
  const std::vector<TimeSeries>& InSight() const;

  std::vector<TimeSeries> m_series, m_detail;
  int64_t m_from = 0, m_to = 1, m_cursor = 0;
  QString m_message;
  QPointF m_pressedAt;
  int64_t m_pressedFrom = 0;
  bool m_isDragged = false;
};

}  // namespace overlaysim::views
