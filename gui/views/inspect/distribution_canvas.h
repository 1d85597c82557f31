#pragma once

#include <QWidget>

#include "gui/views/inspect/counter_scan.h"
#include "gui/views/theme.h"

namespace overlaysim::views {

/// How values are distributed: as bars, or as the share that is not above each value, with the percentiles that people
/// speak of. The axis is logarithmic where values differ by more than a hundredfold.
class DistributionCanvas : public QWidget {
  Q_OBJECT
 public:
  enum class Shape : uint8_t { Bars, Cumulative };
  explicit DistributionCanvas(QWidget* parent = nullptr);

  void Show(const Histogram& values, TimeSeries::Unit unit, const QString& name);
  void SetShape(Shape shape);
  void SetMessage(const QString& message);
  /// "1,204 values: least 64 B, p50 118 B, p90 ..."
  QString Text() const;
  void Paint(QPainter& painter, const QRectF& area, const Theme& theme) const;
  QSize sizeHint() const override { return {420, 200}; }
  QSize minimumSizeHint() const override { return {200, 120}; }

 protected:
  void paintEvent(QPaintEvent*) override;

 private:
  QString ValueText(int64_t value) const;
  double ShareOf(int64_t value) const;  ///< of the axis, 0 to 1
  int64_t ValueAt(double share) const;

  Histogram m_values;
  TimeSeries::Unit m_unit = TimeSeries::Unit::Count;
  Shape m_shape = Shape::Bars;
  QString m_name, m_message;
};

}  // namespace overlaysim::views
