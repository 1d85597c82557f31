#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gui/replay/capture_index.h"
#include "gui/replay/filter.h"
#include "gui/replay/packet_ends.h"
#include "gui/replay/run.h"

namespace overlaysim::replay {

/// One row of a packet list.
struct PacketRow {
  uint64_t number = 0;  ///< from 1
  int64_t timeNs = 0;
  std::string place;                ///< "node1/flannel.1"
  std::string source, destination;  ///< pods where the plan knows them, else addresses; "" where nothing is known
  std::string sourceAddress, destinationAddress;
  std::string protocol;  ///< Wireshark's Protocol column; "" when the bytes are not known
  std::string info;      ///< Wireshark's Info column
  uint32_t bytes = 0;    ///< of the whole packet
  uint64_t journey = 0;  ///< 0: not known
  std::string comment;   ///< of a captured frame
  Protocol innermost = Protocol::Data;
  bool isSuspicious = false;  ///< malformed, or a checksum is wrong
  // Of a record of the trace.
  bool isRecord = false;
  TraceRecord record;
};

/// The bytes of a row and how to take them apart.
struct PacketContent {
  std::vector<uint8_t> bytes;
  LinkLayer layer = LinkLayer::Ethernet;
  uint32_t wireBytes = 0;
  Dissection packet;
};

enum class PacketSource : uint8_t {
  Trace,   ///< a row a record: every step of every packet
  Capture  ///< a row a frame of packets.pcapng
};

/// All packets of a run as rows; what a row says is read when it is asked for. For one thread, as the run.
class PacketList {
 public:
  /// null and `error` when the run has no such file, or it is no capture.
  static std::unique_ptr<PacketList> Open(Run& run, PacketSource source, std::string& error);

  PacketSource Source() const { return m_capture ? PacketSource::Capture : PacketSource::Trace; }
  /// Of a capture the rows that are known so far: those of the trace are known at once.
  uint64_t Count() const;
  /// Looks for more rows of a capture, in so many bytes of the file; false: that was all.
  bool Continue(uint64_t bytes);
  void Refresh();  ///< the run is still being written
  double Progress() const { return m_capture ? m_capture->Progress() : 1; }

  /// False when the row cannot be read: damaged, or beyond Count().
  bool RowAt(uint64_t index, PacketRow& row);
  bool ContentAt(uint64_t index, PacketContent& content);
  /// False too for a row that cannot be read. `before`: what all rows before it were shown to, for
  /// Filter::NeedsOrder().
  bool Matches(const Filter& filter, uint64_t index, PacketsBefore* before = nullptr);
  uint64_t FirstAtOrAfter(int64_t timeNs);  ///< Count(): none
  Run& Of() { return m_run; }

 private:
  friend class FilterJob;
  explicit PacketList(Run& run) : m_run(run) {}
  LinkLayer LayerOfInterface(uint32_t interface) const;

  Run& m_run;
  std::optional<CaptureIndex> m_capture;
};

/// Looks for the rows that a filter lets through, in a thread and with a reader of its own. The thread ends by itself;
/// destroying the object cancels it and waits for it (milliseconds).
class FilterJob {
 public:
  /// `onNews` is called in the thread, when there is something to take, and once at the end.
  FilterJob(const Run& run, PacketSource source, Filter filter, std::function<void()> onNews);
  ~FilterJob();
  FilterJob(const FilterJob&) = delete;
  FilterJob& operator=(const FilterJob&) = delete;

  std::vector<uint64_t> TakeFound();  ///< indices of rows that were found since the last call, ascending
  double Progress() const { return m_progress; }
  bool IsDone() const { return m_isDone; }
  std::string Error();

 private:
  void Work();
  void SearchTrace();
  void SearchCapture();
  void Report(std::vector<uint64_t>& found, double progress);

  std::unique_ptr<Run> m_run;
  PacketSource m_source;
  Filter m_filter;
  std::function<void()> m_onNews;
  std::atomic<bool> m_isCancelled{false}, m_isDone{false};
  std::atomic<double> m_progress{0};
  std::mutex m_mutex;
  std::vector<uint64_t> m_found;
  std::string m_error;
  std::thread m_thread;
};

}  // namespace overlaysim::replay
