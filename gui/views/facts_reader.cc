#include "gui/views/facts_reader.h"

#include <QMetaObject>
#include <string>
#include <utility>

#include "sim/trace/trace_reader.h"

namespace overlaysim::views {

void FactsReader::Start(const std::filesystem::path& trace, const replay::Topology& topology, int64_t endNs) {
  Cancel();
  m_cancel = false;
  m_isReading = true;
  const int generation = ++m_generation;
  m_thread = std::thread([this, trace, &topology, endNs, generation] {
    const auto post = [&](auto&& act) {
      QMetaObject::invokeMethod(
          this,
          [this, generation, act = std::forward<decltype(act)>(act)] {
            if (generation == m_generation) act();
          },
          Qt::QueuedConnection);
    };
    std::string error;
    auto reader = TraceReader::Open(trace, error);
    std::optional<replay::Activity> activity;
    TableHistory tables;
    replay::SeenTraffic seen(topology);
    if (reader && !reader->ReadTables(tables)) error = reader->Error();
    if (reader && error.empty()) {
      int percent = 0;
      activity = replay::Activity::Read(
          *reader, topology, endNs,
          [&](double done) {
            if (const int now = static_cast<int>(done * 100); now != percent) {
              percent = now;
              post([this, now] { emit Progressed(now); });
            }
            return !m_cancel;
          },
          error, &seen);
    }
    if (activity) {
      auto facts = std::make_shared<const RunFacts>(
          RunFacts{std::move(*activity), replay::LinkHistory(topology, &tables), seen.Tunnels(), seen.Flows()});
      post([this, facts] {
        Join();
        emit Finished(facts);
      });
    } else if (!m_cancel) {
      post([this, text = QString::fromStdString(error)] {
        Join();
        emit Failed(text);
      });
    }
  });
}

void FactsReader::Cancel() {
  m_cancel = true;
  ++m_generation;
  Join();
}

void FactsReader::Join() {
  if (m_thread.joinable()) m_thread.join();
  m_isReading = false;
}

}  // namespace overlaysim::views
