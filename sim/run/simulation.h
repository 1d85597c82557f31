#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/host/network.h"
#include "models/traffic/flow.h"
#include "models/traffic/udp_flow.h"
#include "sim/plan/cluster_plan.h"
#include "sim/run/event_outcome.h"
#include "sim/run/live_namespaces.h"
#include "sim/trace/metrics.h"

namespace overlaysim::traffic {
class TcpEdge;
}

namespace overlaysim {

/// A plan that runs: namespaces and cables on ns-3's engine, traffic and timed events. One per process at a time,
/// because ns-3's Simulator is one per process.
class Simulation {
 public:
  explicit Simulation(const ClusterPlan& plan);
  ~Simulation();

  host::Network& Net() { return *m_network; }
  const host::Network& Net() const { return *m_network; }
  const ClusterPlan& Plan() const { return m_plan; }
  /// Runs to the plan's duration, or until the traffic has ended.
  void Run();
  Nanoseconds EndedAt() const { return m_endedAt; }
  bool WasInterrupted() const { return m_interrupted; }

  /// nullptr: it has not started.
  const traffic::Flow* FlowOf(FlowId id) const { return m_flows[id.value].get(); }
  const std::vector<EventOutcome>& Outcomes() const { return m_outcomes; }
  RunMetrics Metrics() const;
  LiveNamespaces& Namespaces() { return m_namespaces; }

 private:
  struct PlanSource;
  void ScheduleAll();
  void ScheduleAgent(NetnsId id);
  void WriteNext(NetnsId id, std::shared_ptr<const std::vector<kernel::PeerChange>> changes, size_t next);
  void StartWorkload(size_t index);
  std::unique_ptr<traffic::Flow> MakeFlow(const Workload& workload);
  traffic::TcpEdge& TcpEdgeOf(NetnsId id);
  void CarryOut(const TimedEvent& event);
  void WorkloadEnded();

  const ClusterPlan& m_plan;
  std::unique_ptr<PlanSource> m_source;
  std::unique_ptr<host::Network> m_network;
  LiveNamespaces m_namespaces;
  traffic::UdpSinks m_sinks;
  std::map<NetnsId, std::unique_ptr<traffic::TcpEdge>> m_tcpEdges;
  std::vector<std::unique_ptr<traffic::Flow>> m_flows;
  std::vector<EventOutcome> m_outcomes;
  size_t m_running = 0;
  Nanoseconds m_lastEvent;
  Nanoseconds m_endedAt;
  bool m_interrupted = false;
};

}  // namespace overlaysim
