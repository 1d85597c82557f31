#pragma once

#include <QObject>
#include <QTimer>
#include <cstdint>
#include <functional>
#include <vector>

#include "gui/replay/run.h"
#include "sim/trace/histogram.h"

namespace overlaysim::views {

/// A quantity over a run's time: its sum, or the greatest value, in each of equal spans.
struct TimeSeries {
  QString name;
  int64_t beginNs = 0, slotNs = 1;
  std::vector<double> sums;
  bool isRate = true;  ///< shown per second; else as it is in each span
  double scale = 1;    ///< shown value of one unit: 8 of bytes for bits
  enum class Unit : uint8_t { Count, Bits, Bytes, Share, Nanoseconds } unit = Unit::Count;

  double ValueAt(size_t slot) const;  ///< as it is shown
  int64_t EndNs() const { return beginNs + slotNs * static_cast<int64_t>(sums.size()); }
};

/// Reads the trace for a few quantities, a chunk at a time between the window's events, so that nothing waits for it.
/// It ends when the run changes or another scan begins.
class CounterScan : public QObject {
  Q_OBJECT
 public:
  /// What a record tells: takes it at the record's time.
  class Sink {
   public:
    void Add(size_t series, double amount);
    void Most(size_t series, double value);  ///< the greatest of a span counts
    void Sample(int64_t value) { m_values.Add(value); }

   private:
    friend class CounterScan;
    Sink(std::vector<TimeSeries>& series, Histogram& values) : m_series(series), m_values(values) {}
    double* SlotOf(size_t series);  ///< null: outside of what is looked at

    std::vector<TimeSeries>& m_series;
    Histogram& m_values;
    int64_t m_timeNs = 0;
  };
  using Visitor = std::function<void(const TraceRecord& record, Sink& to)>;
  static constexpr size_t kSlots = 1 << 14;

  explicit CounterScan(QObject* parent = nullptr);
  /// Of [fromNs, toNs); chunks outside are not read.
  void Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor, int64_t fromNs, int64_t toNs);
  /// Of the whole run.
  void Begin(replay::Run* run, std::vector<TimeSeries> series, Visitor visitor);
  void Cancel();
  bool IsRunning() const { return m_run != nullptr; }
  const std::vector<TimeSeries>& Series() const { return m_series; }
  const Histogram& Values() const { return m_values; }  ///< of all samples

 signals:
  void Progress(double share);  ///< 0 to 1; Series() is what was read so far
  void Finished();

 private:
  void ReadNext();

  replay::Run* m_run = nullptr;  ///< null: nothing is read
  std::vector<TimeSeries> m_series;
  Histogram m_values;
  Visitor m_visitor;
  int64_t m_fromNs = 0, m_toNs = 0;
  size_t m_next = 0;  ///< chunk
  QTimer m_timer;
};

}  // namespace overlaysim::views
