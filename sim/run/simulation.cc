#include "sim/run/simulation.h"

#include <ns3/simulator.h>

#include <algorithm>

#include "models/engine/engine.h"
#include "models/host/stack.h"
#include "models/host/stack_inline.h"
#include "models/traffic/inject.h"
#include "models/traffic/ping.h"
#include "models/traffic/rpc_flow.h"
#include "models/traffic/tcp_edge.h"
#include "models/traffic/tcp_transfer.h"
#include "sim/base/check.h"
#include "sim/iproute2/command.h"
#include "sim/run/typed_command.h"

namespace overlaysim {
namespace {

// Among the events of one instant in a namespace: its own timers first, then what its agent writes, then what is done
// to it, then what begins there.
constexpr uint64_t kAgentSequence = uint64_t{1} << 60;
constexpr uint64_t kEventSequence = uint64_t{1} << 61;
constexpr uint64_t kWorkloadSequence = uint64_t{1} << 62;
/// How long a run goes on after the last line of traffic has ended: copies of frames that nobody waits for still
/// arrive.
constexpr Nanoseconds kEpilogue = Milliseconds(10);
/// How long a UDP receiver waits for the last datagrams where the plan does not say.
constexpr Nanoseconds kListenAfterLast = Seconds(1);

/// By which a name is known in IPv6: the first address that means something everywhere; zero: there is none.
Ipv6Address GlobalAddress6(const kernel::Namespace& ns) {
  const std::vector<kernel::Address6>& all = ns.Ipv6().Addresses();
  const auto global =
      std::find_if(all.begin(), all.end(), [](const auto& a) { return a.Scope() == kernel::kScopeGlobal; });
  return global == all.end() ? Ipv6Address{} : global->local;
}

host::SendRequest::Pmtu PmtuOf(const Workload& w) {
  using Pmtu = host::SendRequest::Pmtu;
  return w.df ? Pmtu::Do : w.want ? Pmtu::Want : Pmtu::Dont;
}

}  // namespace

struct Simulation::PlanSource : host::Network::Source {
  explicit PlanSource(const ClusterPlan& p) : plan(p) {}
  size_t Count() const override { return plan.NetnsCount(); }
  uint32_t KernelOf(NetnsId id) const override { return plan.Info(id).kernel; }
  std::unique_ptr<kernel::Namespace> Make(NetnsId id) const override { return plan.Materialise(id); }
  std::string NameOf(NetnsId id) const override { return plan.Info(id).name; }
  Ipv4Address LoneAddress(NetnsId id) const override {
    const auto pod = plan.FindLonePod(id);
    return pod ? pod->address : Ipv4Address{};
  }
  const ClusterPlan& plan;
};

Simulation::Simulation(const ClusterPlan& plan)
    : m_plan(plan),
      m_source(std::make_unique<PlanSource>(plan)),
      m_network(std::make_unique<host::Network>(*m_source, plan.seed)),
      m_namespaces(*m_network, [&plan](std::string_view name) { return plan.Find(name); }),
      m_flows(plan.workloads.size()) {
  engine::UseOrderedSimulator();
  plan.FollowClock(engine::internal::now);
  for (const CablePlan& cable : plan.cables)
    m_network->AddCable({cable.name, cable.rate, cable.delay, cable.queueBytes, cable.up},
                        {cable.a.netns, cable.a.ifindex}, {cable.b.netns, cable.b.ifindex});
}

Simulation::~Simulation() {
  m_flows.clear();
  m_tcpEdges.clear();
  ns3::Simulator::Destroy();
}

void Simulation::ScheduleAll() {
  for (size_t i = 0; i < m_plan.events.size(); ++i) {
    const TimedEvent& event = m_plan.events[i];
    m_lastEvent = std::max(m_lastEvent, event.at);
    const NetnsId at = event.on.IsNone() ? NetnsId(0) : event.on;
    engine::Schedule(event.at, {at, 0, kEventSequence | i}, [this, &event] { CarryOut(event); });
  }
  for (NetnsId id : m_plan.NodesWithAgentWrites()) ScheduleAgent(id);
  m_running = m_plan.workloads.size();
  for (size_t i = 0; i < m_plan.workloads.size(); ++i)
    engine::Schedule(m_plan.workloads[i].start, {m_plan.workloads[i].from, 0, kWorkloadSequence | i},
                     [this, i] { StartWorkload(i); });
  if (m_plan.duration.count == 0) m_lastEvent = std::max(m_lastEvent, m_plan.AgentsSettled());
  if (m_plan.duration.count > 0)
    ns3::Simulator::Stop(ns3::NanoSeconds(m_plan.duration.count));
  else if (m_running == 0)
    ns3::Simulator::Stop(ns3::NanoSeconds((m_lastEvent + kEpilogue).count));
}

/// The agent of a node whose tables are its own writes there, one operation after the other.
void Simulation::ScheduleAgent(NetnsId id) {
  auto changes = std::make_shared<const std::vector<kernel::PeerChange>>(m_plan.AgentWrites(id, engine::Now()));
  m_network->Get(id);  // with what is there now
  WriteNext(id, std::move(changes), 0);
}

void Simulation::WriteNext(NetnsId id, std::shared_ptr<const std::vector<kernel::PeerChange>> changes, size_t next) {
  if (next == changes->size()) return;
  const Nanoseconds at = (*changes)[next].at;
  engine::Schedule(at - engine::Now(), {id, 0, kAgentSequence},
                   [this, id, changes = std::move(changes), next]() mutable {
                     host::Stack& stack = m_network->Get(id);
                     host::Backlog::Guard guard(stack.KernelBacklog());
                     size_t done = next;
                     for (; done < changes->size() && (*changes)[done].at <= engine::Now(); ++done)
                       kernel::Write(stack.Ns(), (*changes)[done]);
                     WriteNext(id, std::move(changes), done);
                   });
}

void Simulation::Run() {
  ScheduleAll();
  ns3::Simulator::Run();
  m_endedAt = engine::Now();
  m_network->EndRun();
  m_interrupted = engine::WasInterrupted();
}

void Simulation::StartWorkload(size_t index) {
  const Workload& workload = m_plan.workloads[index];
  host::Stack& stack = m_network->Get(workload.from);
  host::Backlog::Guard guard(stack.KernelBacklog());
  m_flows[index] = MakeFlow(workload);
  m_flows[index]->onDone = [this] { WorkloadEnded(); };
  m_flows[index]->Start();
}

void Simulation::WorkloadEnded() {
  OVERLAYSIM_CHECK(m_running > 0, "a line of traffic ended twice");
  if (--m_running > 0 || m_plan.duration.count > 0) return;
  const Nanoseconds now = engine::Now();
  const Nanoseconds end = std::max(now, m_lastEvent) + kEpilogue;
  ns3::Simulator::Stop(ns3::NanoSeconds((end - now).count));
}

std::unique_ptr<traffic::Flow> Simulation::MakeFlow(const Workload& w) {
  host::Stack& from = m_network->Get(w.from);
  const uint16_t icmpId = w.icmpId.value_or(static_cast<uint16_t>(w.id.value + 1));
  switch (w.kind) {
    case WorkloadKind::Ping: {
      traffic::PingSettings s{.destinationText = w.destination.ToString(), .destination = w.destination};
      s.autoFlowLabel = w.autoFlowLabel;
      s.source = w.source;
      s.count = w.count;
      s.interval = w.interval;
      s.linger = w.timeout;
      s.payload = w.payload;
      s.ttl = w.ttl;
      s.tos = w.tos;
      s.pmtu = PmtuOf(w);
      s.id = icmpId;
      s.firstSequence = w.icmpFirstSeq;
      s.ownPayload = w.pingPayload;
      s.flow = w.id.value;
      return std::make_unique<traffic::Ping>(from, s);
    }
    case WorkloadKind::Udp: {
      traffic::UdpSettings s{.source = w.source, .destination = w.destination};
      s.autoFlowLabel = w.autoFlowLabel;
      s.sourcePort = w.sourcePort;
      s.destinationPort = w.destinationPort;
      s.count = w.count;
      s.interval = w.interval;
      s.payload = w.payload;
      s.ttl = w.ttl;
      s.tos = w.tos;
      s.pmtu = PmtuOf(w);
      s.wait = w.timeout.value_or(kListenAfterLast);
      s.flow = w.id.value;
      return std::make_unique<traffic::UdpFlow>(from, w.to.IsNone() ? nullptr : &m_network->Get(w.to), m_sinks, s);
    }
    case WorkloadKind::Rpc: {
      const traffic::RpcSettings s{.destination = w.destination,
                                   .destinationPort = w.destinationPort,
                                   .count = w.count,
                                   .interval = w.interval,
                                   .until = w.until,
                                   .request = static_cast<uint32_t>(w.up),
                                   .reply = static_cast<uint32_t>(w.down),
                                   .wait = w.timeout.value_or(kListenAfterLast),
                                   .flow = w.id.value};
      return std::make_unique<traffic::RpcFlow>(from, w.to.IsNone() ? nullptr : &m_network->Get(w.to), m_sinks, s);
    }
    case WorkloadKind::Inject: {
      const traffic::Inject::Listener listener{w.to.IsNone() ? nullptr : &m_network->Get(w.to), w.listenAddress,
                                               w.listenPort, w.timeout.value_or(kListenAfterLast)};
      return std::make_unique<traffic::Inject>(from, w.injectIfindex, w.frames, listener);
    }
    case WorkloadKind::Command:
      return MakeTypedCommand({.stack = from,
                               .processId = icmpId,
                               .flow = w.id.value,
                               .resolve =
                                   [this](std::string_view name) {
                                     const NetnsId id = m_plan.Find(name);
                                     if (id.IsNone()) return Ipv4Address{};
                                     return m_network->Get(id).Ns().SelectAddress(0, {}, kernel::kScopeGlobal);
                                   },
                               .tcp = [this, at = w.from]() -> traffic::TcpEdge& { return TcpEdgeOf(at); },
                               .resolve6 =
                                   [this](std::string_view name) {
                                     const NetnsId id = m_plan.Find(name);
                                     return id.IsNone() ? Ipv6Address{} : GlobalAddress6(m_network->Get(id).Ns());
                                   }},
                              m_namespaces, w.command);
    case WorkloadKind::Tcp: {
      traffic::TcpSettings s{.source = w.source, .destination = w.destination};
      s.sourcePort = w.sourcePort;
      s.destinationPort = w.destinationPort;
      s.up = w.up;
      s.down = w.down;
      s.tos = w.tos;
      s.timeout = w.timeout;
      s.flow = w.id.value;
      return std::make_unique<traffic::TcpTransfer>(TcpEdgeOf(w.from), w.to.IsNone() ? nullptr : &TcpEdgeOf(w.to), s);
    }
  }
  OVERLAYSIM_CHECK(false, "no model for the traffic {}", w.name);
}

traffic::TcpEdge& Simulation::TcpEdgeOf(NetnsId id) {
  auto& edge = m_tcpEdges[id];
  if (!edge) edge = std::make_unique<traffic::TcpEdge>(m_network->Get(id));
  return *edge;
}

void Simulation::CarryOut(const TimedEvent& event) {
  m_network->SettleFlows();
  m_network->ForgetFlows();
  switch (event.kind) {
    case TimedEvent::Kind::Notice:
      m_outcomes.push_back({engine::Now(), event.text, 0, "", ""});
      return;
    case TimedEvent::Kind::Exec: {
      const NetnsId at = event.on.IsNone() ? NetnsId(0) : event.on;
      host::Backlog::Guard guard(m_network->Get(at).KernelBacklog());
      iproute2::CommandResult result = iproute2::RunCommand(m_namespaces, event.on, event.command, engine::Now());
      m_outcomes.push_back({engine::Now(), event.text, result.exit, result.out, result.err});
      return;
    }
    case TimedEvent::Kind::CableDown:
    case TimedEvent::Kind::CableUp:
      m_network->GetCable(event.cable).SetUp(event.kind == TimedEvent::Kind::CableUp);
      m_outcomes.push_back({engine::Now(), event.text, 0, "", ""});
      return;
    case TimedEvent::Kind::CableChange:
      m_network->GetCable(event.cable)
          .Change({.rate = event.becomes.rate, .delay = event.becomes.delay, .queueBytes = event.becomes.queueBytes});
      m_outcomes.push_back({engine::Now(), event.text, 0, "", ""});
      return;
    case TimedEvent::Kind::RoutesReconverge:
      for (size_t i = 0; i < m_network->Count(); ++i) {
        const NetnsRole role = m_plan.Info(NetnsId(i)).role;
        if (role == NetnsRole::Pod || role == NetnsRole::Lab || role == NetnsRole::Node) continue;
        kernel::Namespace& ns = m_network->Get(NetnsId(i)).Ns();
        // What a routing daemon wrote goes, and what it knows now comes; routes that both have stay as they are.
        std::vector<kernel::Route> wanted = m_plan.UnderlayRoutes(NetnsId(i), event.epoch);
        ns.FlushRoutes([&](const kernel::Route& r) {
          if (r.protocol == kernel::kProtoKernel || r.table != kernel::kTableMain) return false;
          return std::none_of(wanted.begin(), wanted.end(), [&](const kernel::Route& w) {
            return w.dst == r.dst && w.metric == r.metric && w.nextHops == r.nextHops && w.type == r.type;
          });
        });
        for (kernel::Route& route : wanted)
          ns.AddRoute(route, kernel::Namespace::kCreate | kernel::Namespace::kExclusive);
        const std::vector<kernel::Route6> wanted6 = m_plan.UnderlayRoutes6(NetnsId(i), event.epoch);
        if (wanted6.empty()) continue;
        ns.Ipv6().FlushRoutes([&](const kernel::Route6& r) {
          if (r.protocol == kernel::kProtoKernel || r.table != kernel::kTableMain) return false;
          return std::none_of(wanted6.begin(), wanted6.end(), [&](const kernel::Route6& w) {
            return w.dst == r.dst && w.nextHops == r.nextHops && w.type == r.type;
          });
        });
        for (const kernel::Route6& route : wanted6)
          ns.Ipv6().AddRoute(route, kernel::Namespace::kCreate | kernel::Namespace::kExclusive);
      }
      m_outcomes.push_back({engine::Now(), event.text, 0, "", ""});
      return;
  }
}

RunMetrics Simulation::Metrics() const {
  RunMetrics metrics;
  metrics.simulated = m_endedAt;
  metrics.events = engine::EventCount();
  for (size_t i = 0; i < m_network->verdicts.size(); ++i)
    metrics.verdicts.Add(static_cast<Verdict>(i), m_network->verdicts[i]);
  for (const auto& cable : m_network->Cables()) {
    for (int side = 0; side < 2; ++side) {
      const auto& direction = cable->GetDirection(side);
      auto name = [&](const host::CableEnd& end) {
        const host::Stack* stack = m_network->FindMade(end.netns);
        const kernel::Link* link = stack ? stack->Ns().GetLink(end.ifindex) : nullptr;
        return m_network->NameOf(end.netns) + (link ? "/" + link->name : "");
      };
      LinkMetrics m;
      m.name = cable->Settings().name;
      m.from = name(cable->End(side));
      m.to = name(cable->End(1 - side));
      m.rate = cable->Settings().rate;
      m.frames = direction.frames;
      m.bytes = direction.wireBytes;
      m.droppedFrames = direction.dropped;
      m.busy = m.rate.TimeFor(static_cast<int64_t>(direction.wireBytes));
      m.maxQueueBytes = direction.maxQueueBytes;
      metrics.links.push_back(std::move(m));
    }
  }
  for (size_t i = 0; i < m_flows.size(); ++i) {
    const Workload& w = m_plan.workloads[i];
    FlowMetrics f;
    f.name = w.name;
    f.from = w.fromName;
    f.to = w.toName;
    if (m_flows[i]) {
      const traffic::FlowResult& r = m_flows[i]->Result();
      f.offeredPackets = r.offeredPackets;
      f.offeredBytes = r.offeredBytes;
      f.deliveredPackets = r.deliveredPackets;
      f.deliveredBytes = r.deliveredBytes;
      f.latencyNs = r.latencyNs;
      f.rttNs = r.rttNs;
      f.completion = r.completion;
    }
    metrics.flows.push_back(std::move(f));
  }
  const ControlPlaneReport report = m_plan.ReportAgents(m_endedAt);
  for (const AgentReport& agent : report.agents)
    metrics.agents.push_back({m_plan.Info(agent.netns).name, agent.settled, agent.entries});
  for (const ChangeReport& change : report.changes) {
    ChangeMetrics m{.text = change.text, .at = change.at, .nodes = change.inForce.size()};
    if (m.nodes > 0) {
      m.first = change.inForce.front();
      m.median = change.inForce[(m.nodes - 1) / 2];
      m.last = change.inForce.back();
    }
    metrics.changes.push_back(std::move(m));
  }
  return metrics;
}

}  // namespace overlaysim
