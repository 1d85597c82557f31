#pragma once

#include <QObject>
#include <QTimer>
#include <cstdint>
#include <functional>
#include <vector>

#include "gui/replay/run.h"

namespace overlaysim::views {

/// A quantity over a run's time: its sum in each of equal spans.
struct TimeSeries {
  QString name;
  int64_t beginNs = 0, slotNs = 1;
  std::vector<double> sums;
  bool isRate = true;  ///< shown per second; else as it is in each span
  double scale = 1;    ///< shown value of one unit: 8 of bytes for bits
  enum class Unit : uint8_t { Count, Bits, Bytes, Share } unit = Unit::Count;

  double ValueAt(size_t slot) const;  ///< as it is shown
};

/// Reads the whole trace for a few quantities, a chunk at a time between the window's events, so that nothing waits for
/// it. It ends when the run changes or another scan begins.
class CounterScan : public QObject {
  Q_OBJECT
 public:
  /// What a record adds to which series: calls `add(series, amount)`.
  using Add = std::function<void(size_t series, double amount)>;
  using Visitor = std::function<void(const TraceRecord& record, const Add& add)>;
  static constexpr size_t kSlots = 1 << 14;

  explicit CounterScan(QObject* parent = nullptr);
  void Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor);
  void Cancel();
  bool IsRunning() const { return m_run != nullptr; }
  const std::vector<TimeSeries>& Series() const { return m_series; }

 signals:
  void Progress(double share);  ///< 0 to 1; Series() is what was read so far
  void Finished();

 private:
  void ReadNext();

  replay::Run* m_run = nullptr;  ///< null: nothing is read
  std::vector<TimeSeries> m_series;
  Visitor m_visitor;
  size_t m_next = 0;  ///< chunk
  QTimer m_timer;
};

}  // namespace overlaysim::views
