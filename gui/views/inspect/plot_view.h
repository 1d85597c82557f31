#pragma once

#include <QWidget>
#include <vector>

#include "gui/views/inspect/counter_scan.h"
#include "gui/views/session.h"

class QComboBox;
class QLabel;

namespace overlaysim::views {

class PlotCanvas;

/// Any counter of the selected place over the whole run: frames, bytes, drops, and each verdict that was given there.
class PlotView : public QWidget {
  Q_OBJECT
 public:
  explicit PlotView(Session& session, QWidget* parent = nullptr);

  const std::vector<TimeSeries>& Series() const { return m_scan.Series(); }
  bool IsReading() const { return m_scan.IsRunning(); }
  void Choose(int counter);  ///< index in the list of counters

 protected:
  void showEvent(QShowEvent*) override;

 private:
  struct Counter {
    enum class Kind : uint8_t { FramesSent, BitsSent, FramesReceived, Drops, Verdict } kind;
    Verdict verdict = Verdict::Continue;
  };
  void FollowSelection();
  void Scan();

  Session& m_session;
  CounterScan m_scan;
  std::vector<Counter> m_counters;
  Place m_place;
  bool m_isStale = true;
  QComboBox* m_choice;
  QLabel* m_title;
  PlotCanvas* m_canvas;
};

}  // namespace overlaysim::views
