#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/engine/engine.h"
#include "models/host/network.h"
#include "models/traffic/flow.h"
#include "models/traffic/halves.h"
#include "models/traffic/udp_flow.h"
#include "sim/plan/cluster_plan.h"
#include "sim/run/event_outcome.h"
#include "sim/run/live_namespaces.h"
#include "sim/trace/metrics.h"
#include "sim/trace/rank_order.h"

namespace overlaysim::traffic {
class TcpEdge;
struct RpcSettings;
struct TcpSettings;
}  // namespace overlaysim::traffic

namespace overlaysim {

class Distribution;

/// A plan that runs: namespaces and cables on ns-3's engine, traffic and timed events. One per process at a time,
/// because ns-3's Simulator is one per process.
class Simulation {
 public:
  /// `distribution` says what of it is simulated here; null: all.
  explicit Simulation(const ClusterPlan& plan, Distribution* distribution = nullptr);
  ~Simulation();

  host::Network& Net() { return *m_network; }
  const host::Network& Net() const { return *m_network; }
  const ClusterPlan& Plan() const { return m_plan; }
  /// Runs to the plan's duration, or until the traffic has ended.
  void Run();
  Nanoseconds EndedAt() const { return m_endedAt; }
  bool WasInterrupted() const { return m_interrupted; }

  /// What this process knows of the results, for another; and what another knows.
  std::vector<uint8_t> Results() const;
  void Absorb(std::span<const uint8_t> results);
  /// See host::FindUnaccounted(); with what others have told.
  std::vector<std::string> FindUnaccounted() const;
  /// Where what happens now stands among what happens on all ranks.
  RankOrder CurrentOrder() const;
  /// What another rank has told of a device.
  void NameElsewhere(const host::CableEnd& device, std::string_view name);
  /// "" while nothing has touched its namespace, on any rank.
  std::string DeviceName(const host::CableEnd& end) const;

  /// nullptr: it has not started.
  const traffic::Flow* FlowOf(FlowId id) const { return m_flows[id.value].get(); }
  std::vector<EventOutcome> Outcomes() const;
  RunMetrics Metrics() const;
  LiveNamespaces& Namespaces() { return m_namespaces; }

 private:
  struct PlanSource;
  bool IsMine(NetnsId id) const;
  void ScheduleAll();
  void ScheduleAgent(NetnsId id);
  void WriteNext(NetnsId id, std::shared_ptr<const std::vector<kernel::PeerChange>> changes, size_t next);
  void StartWorkload(size_t index);
  std::unique_ptr<traffic::Flow> MakeFlow(const Workload& workload);
  traffic::UdpSettings UdpSettingsOf(const Workload& workload) const;
  static traffic::RpcSettings RpcSettingsOf(const Workload& workload);
  std::unique_ptr<traffic::Flow> MakeReceivingHalf(const Workload& workload);
  traffic::TcpSettings TcpSettingsOf(const Workload& workload);
  traffic::Messenger& MessengerTo(NetnsId other);
  bool EndsHere(const Workload& workload) const;
  bool HasReceiverHere(const Workload& workload) const;
  const kernel::Namespace& NamedNamespace(NetnsId id);
  void Reconverge(uint32_t epoch);
  void BeginPart(uint64_t part);
  void StopAt(Nanoseconds time);
  std::optional<Nanoseconds> EndAfter(Nanoseconds lastEnded);
  traffic::TcpEdge& TcpEdgeOf(NetnsId id);
  void CarryOut(size_t event);
  void WorkloadEnded(const traffic::Flow& flow);

  const ClusterPlan& m_plan;
  Distribution* m_distribution;
  std::unique_ptr<PlanSource> m_source;
  std::unique_ptr<host::Network> m_network;
  LiveNamespaces m_namespaces;
  traffic::UdpSinks m_sinks;
  std::map<NetnsId, std::unique_ptr<traffic::TcpEdge>> m_tcpEdges;
  std::vector<std::unique_ptr<traffic::Flow>> m_flows;
  std::vector<std::pair<engine::Moment, EventOutcome>> m_outcomes;
  /// Frames, over cables between ranks.
  struct Crossed {
    uint64_t left = 0, entered = 0;
  };
  Crossed CrossedFrames() const;
  void TakeAccount();
  /// What the results of others say, and the accounts of all.
  struct Elsewhere {
    uint64_t events = 0;
    std::map<std::pair<uint32_t, int>, std::string> deviceNames;
    std::vector<std::string> unaccounted;
    Crossed crossed;
  };
  Elsewhere m_elsewhere;
  std::vector<std::unique_ptr<traffic::Messenger>> m_messengers;
  std::map<NetnsId, std::unique_ptr<kernel::Namespace>> m_asPlanned;  ///< that nothing has touched here, as they were
  uint64_t m_part = 0;                                                ///< of the event at that moment
  engine::Moment m_partBegan;
  bool m_isEnding = false;
  size_t m_running = 0;
  Nanoseconds m_lastEvent;
  Nanoseconds m_endedAt;
  bool m_interrupted = false;
};

}  // namespace overlaysim
