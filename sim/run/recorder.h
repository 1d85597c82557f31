#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "models/host/network.h"
#include "sim/base/flat_map.h"
#include "sim/run/flow_account.h"
#include "sim/trace/capture_filter.h"
#include "sim/trace/capture_merge.h"
#include "sim/trace/capture_writer.h"
#include "sim/trace/rank_log.h"
#include "sim/trace/run_trace.h"

namespace overlaysim {

inline LinkType LinkTypeOf(const CapturePoint& point) {
  return point.hasLinkHeader ? LinkType::Ethernet : LinkType::RawIp;
}

class Simulation;

/// Tells the trace of the plan's lines of traffic.
void NameFlows(const ClusterPlan& plan, RunTrace& trace);

/// One of several ranks: what it tells is put together with what the others tell when the run has ended.
struct RankFiles {
  uint32_t rank = 0;
  std::filesystem::path order;  ///< of its frames among those of other ranks
  std::filesystem::path log;    ///< "": records are not wanted; else what MergeRankLogs() reads
};

struct RecorderOptions {
  std::filesystem::path trace;    ///< "": no trace.bin
  std::filesystem::path packets;  ///< "": no packets.pcapng
  std::string application;        ///< shb_userappl
  bool account = false;  ///< keep Account() even without a trace; of several ranks, it is for who puts them together
  std::optional<RankFiles> ranks;
};

/// Writes down what passes in a simulation: its records and tables into trace.bin, the frames of captured devices into
/// packets.pcapng. To be made before the simulation runs.
class Recorder final : public host::Observer {
 public:
  /// The plan's filters have been checked (CheckFilters()).
  Recorder(Simulation& simulation, const RecorderOptions& options);
  ~Recorder() override;

  void OnRecord(const TraceRecord& record, const HeaderChange& change, bool isOfSample) override;
  void OnFrame(const host::Stack& stack, const kernel::Link& link, const wire::Frame& frame, bool outgoing) override;
  uint32_t NextPacket(uint64_t journey) override;
  /// Ranks log their records one by one, and a flow whose journeys are followed is looked at record by record.
  bool TakesRepeated() const override;
  uint64_t* CounterOf(const TraceRecord& record, const HeaderChange& change) override {
    return m_account.CrossingOf(record, change);
  }
  void OnRepeated(const std::shared_ptr<RecordTemplate>& records, const RecordTemplate::Packet& packet) override;
  bool IsSampled(uint64_t journey, uint32_t flow, uint64_t cause) override;

  const FlowAccount& Account() const { return m_account; }
  FlowAccount& Account() { return m_account; }
  /// Closes the files. An error text, or "".
  std::string Finish();
  uint64_t RecordCount() const { return m_trace ? m_trace->RecordCount() : 0; }
  uint64_t FrameCount() const { return m_packetFile ? m_packetFile->FrameCount() : 0; }

 private:
  struct Capture {
    const CapturePoint* point;
    uint32_t interface;
    CaptureFilter filter;
  };

  void AddCaptures();
  void OnMade(host::Stack& stack);
  void TellOf(host::Stack& stack);
  void OnTableChange(host::Stack& stack, const kernel::TableChange& change);
  void BeginCaptures(host::Stack& stack, const kernel::Link& link);
  void WriteTables(host::Stack& stack);
  void NameDevice(const kernel::Namespace& ns, const kernel::Link& link);
  uint32_t RowIdOf(const kernel::Namespace& ns, const kernel::TableChange& change);
  void WriteRow(const kernel::Namespace& ns, const kernel::TableChange& change);
  void WriteRow(const kernel::Namespace& ns, const kernel::TableChange& change, Nanoseconds at);
  void WritePeerChange(const kernel::Namespace& ns, const kernel::PeerChange& change);
  void WriteRule(const kernel::Namespace& ns, const kernel::FilterTable& table, const kernel::FilterChain& chain,
                 const kernel::FilterRule& rule);
  void WriteNamedRow(const TraceRecord& record);
  bool IsNews(NetnsId netns, uint32_t row) { return m_known.TryEmplace(uint64_t{netns.value} << 32 | row).second; }
  void FlushNowAndThen();
  std::string Comment(const host::Stack& stack, const wire::Frame& frame);
  const std::string& NameOf(Ipv4Address address);
  const std::string& NameOf(NetnsId netns);

  Simulation& m_simulation;
  std::unique_ptr<RunTrace> m_trace;
  std::unique_ptr<RankLog> m_log;
  std::vector<TraceSink*> m_sinks;  ///< those of the two that are there
  uint32_t m_firstPacket = 0;       ///< before the first packet number that this rank gives
  std::unique_ptr<PcapngWriter> m_packetFile;
  std::unique_ptr<CaptureOrderWriter> m_order;  ///< of its frames; null: nobody asks
  std::unordered_map<NetnsId, std::vector<Capture>> m_captures;
  FlowAccount m_account;
  std::unordered_map<uint64_t, uint32_t> m_packets;  ///< highest number given, by journey
  std::optional<bool>
      m_hasManyPeers;  ///< as the first namespace with peers has; counting those of each would cost too much
  FlatMap<uint64_t, bool> m_known;  ///< rows of peers and filters that the trace has, by namespace and row
  std::unordered_map<uint32_t, std::unordered_map<std::string, uint32_t>>
      m_rowIds;                               ///< of links, addresses and sysctls, by namespace
  std::unordered_set<uint16_t> m_vxlanPorts;  ///< UDP ports behind which a frame begins
  std::unordered_map<uint32_t, std::string> m_namesByAddress;
  std::unordered_map<uint32_t, std::string> m_namesById;
  std::unordered_set<uint64_t> m_sampled;  ///< journeys whose records are wanted, of a trace that has a sample
  std::unordered_set<uint32_t> m_told;     ///< namespaces of which such a trace has told
  uint64_t m_sinceFlush = 0;               ///< frames
};

}  // namespace overlaysim
