#pragma once

#include <QWidget>
#include <vector>

#include "gui/views/inspect/counter_scan.h"
#include "gui/views/session.h"

class QComboBox;
class QLabel;
class QStackedWidget;

namespace overlaysim::views {

class DistributionCanvas;
class PlotCanvas;

/// Any counter of the selected place: frames, bytes, drops, time on the way, and each verdict that was given there.
/// Over the whole run, in finer spans where one zooms in, and as a distribution.
class PlotView : public QWidget {
  Q_OBJECT
 public:
  explicit PlotView(Session& session, QWidget* parent = nullptr);

  const std::vector<TimeSeries>& Series() const { return m_scan.Series(); }
  bool IsReading() const { return m_scan.IsRunning(); }
  enum class Shape : uint8_t { OverTime, Histogram, Cumulative };
  void Choose(int counter);  ///< index in the list of counters
  void Choose(Shape shape);
  const DistributionCanvas& Distribution() const { return *m_distribution; }

 protected:
  void showEvent(QShowEvent*) override;

 private:
  struct Counter {
    enum class Kind : uint8_t { FramesSent, BitsSent, FramesReceived, Drops, Latency, Verdict } kind;
    Verdict verdict = Verdict::Continue;
    bool operator==(const Counter&) const = default;
  };
  /// What is drawn of it: its sum over time, or how its single values are distributed.
  static QString NameOf(const Counter& counter, Shape shape);
  void FollowSelection();
  void Scan();
  void ScanDetail();
  void ShowDistribution();
  TimeSeries SeriesOf(const Counter& counter) const;
  CounterScan::Visitor VisitorOf(const Counter& counter) const;

  Session& m_session;
  CounterScan m_scan, m_detailScan;
  QTimer m_settled;  ///< when zooming has come to rest, finer spans are read
  std::vector<Counter> m_counters;
  Shape m_drawn = Shape::OverTime;
  Place m_place;
  bool m_isStale = true;
  QComboBox *m_choice, *m_shape;
  QLabel* m_title;
  QStackedWidget* m_stack;
  PlotCanvas* m_canvas;
  DistributionCanvas* m_distribution;
};

}  // namespace overlaysim::views
