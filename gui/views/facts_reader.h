#pragma once

#include <QObject>
#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "gui/replay/activity.h"
#include "gui/replay/link_history.h"
#include "gui/replay/seen_traffic.h"

namespace overlaysim::views {

/// What a whole trace says about a run's cables and drops.
struct RunFacts {
  replay::Activity activity;
  replay::LinkHistory links;
  std::vector<replay::SeenTunnel> tunnels = {};  ///< of a trace
  std::vector<replay::SeenFlow> flows = {};
};

/// Reads a run's whole trace in a thread of its own, to know what each cable did and when it was up.
class FactsReader : public QObject {
  Q_OBJECT
 public:
  using QObject::QObject;
  ~FactsReader() override { Cancel(); }

  /// Ends what is under way. The topology must live until Cancel() or one of the signals.
  void Start(const std::filesystem::path& trace, const replay::Topology& topology, int64_t endNs);
  void Cancel();
  bool IsReading() const { return m_isReading; }

 signals:
  void Progressed(int percent);
  void Finished(std::shared_ptr<const overlaysim::views::RunFacts> facts);
  void Failed(const QString& sentence);

 private:
  void Join();

  std::thread m_thread;
  std::atomic<bool> m_cancel{false};
  bool m_isReading = false;
  int m_generation = 0;  ///< what a cancelled thread has still posted is told by its number
};

}  // namespace overlaysim::views
