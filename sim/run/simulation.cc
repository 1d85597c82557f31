#include "sim/run/simulation.h"

#include <ns3/simulator.h>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

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
#include "sim/run/distribution/distribution.h"
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

/// Takes words to one other rank.
class RankMessenger final : public traffic::Messenger {
 public:
  RankMessenger(Distribution& distribution, uint32_t rank) : m_distribution(distribution), m_rank(rank) {}
  void Tell(const traffic::Word& word) override { m_distribution.Tell(m_rank, word); }

 private:
  Distribution& m_distribution;
  uint32_t m_rank;
};

struct Simulation::PlanSource : host::Network::Source {
  PlanSource(const ClusterPlan& p, const Distribution* d) : plan(p), distribution(d) {}
  size_t Count() const override { return plan.NetnsCount(); }
  uint32_t KernelOf(NetnsId id) const override { return plan.Info(id).kernel; }
  std::unique_ptr<kernel::Namespace> Make(NetnsId id) const override {
    if (distribution && !distribution->IsMine(id))
      throw std::runtime_error(
          fmt::format("{} is simulated by rank {}, and what is done here would have to look into it: "
                      "not supported yet among several ranks",
                      NameOf(id), distribution->RankOf(id)));
    return plan.Materialise(id);
  }
  std::string NameOf(NetnsId id) const override { return plan.Info(id).name; }
  Ipv4Address LoneAddress(NetnsId id) const override {
    const auto pod = plan.FindLonePod(id);
    return pod ? pod->address : Ipv4Address{};
  }
  const ClusterPlan& plan;
  const Distribution* distribution;
};

Simulation::Simulation(const ClusterPlan& plan, Distribution* distribution)
    : m_plan(plan),
      m_distribution(distribution),
      m_source(std::make_unique<PlanSource>(plan, distribution)),
      m_network(std::make_unique<host::Network>(*m_source, plan.seed)),
      m_namespaces(*m_network, [&plan](std::string_view name) { return plan.Find(name); }),
      m_flows(plan.workloads.size()) {
  engine::UseOrderedSimulator();
  plan.FollowClock(engine::internal::now);
  for (const CablePlan& cable : plan.cables)
    m_network->AddCable({cable.name, cable.rate, cable.delay, cable.queueBytes, cable.up},
                        {cable.a.netns, cable.a.ifindex}, {cable.b.netns, cable.b.ifindex});
  if (!m_distribution) return;
  m_distribution->Connect(*m_network);
  m_distribution->onWord = [this](const traffic::Word& word) {
    if (traffic::Flow* flow = m_flows.at(word.flow).get()) flow->Hear(word);
  };
  m_distribution->onAllEnded = [this](Nanoseconds at) { return EndAfter(at); };
  for (uint32_t rank = 0; rank < m_distribution->GetTransport().Ranks(); ++rank)
    m_messengers.push_back(std::make_unique<RankMessenger>(*m_distribution, rank));
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
    engine::Schedule(event.at, {at, 0, kEventSequence | i}, [this, i] { CarryOut(i); });
  }
  for (size_t i = 0; i < m_plan.workloads.size(); ++i) {
    const Workload& workload = m_plan.workloads[i];
    m_running += EndsHere(workload);
    if (IsMine(workload.from) || HasReceiverHere(workload))
      engine::Schedule(workload.start, {workload.from, 0, kWorkloadSequence | i}, [this, i] { StartWorkload(i); });
  }
  for (NetnsId id : m_plan.NodesWithAgentWrites()) {
    BeginPart(id.value);
    if (IsMine(id)) ScheduleAgent(id);
  }
  if (m_plan.duration.count == 0) m_lastEvent = std::max(m_lastEvent, m_plan.AgentsSettled());
  if (m_plan.duration.count > 0)
    StopAt(m_plan.duration);
  else if (m_plan.workloads.empty())
    StopAt(m_lastEvent + kEpilogue);
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
  if (m_distribution) {
    m_distribution->running = m_running;
    engine::SetPacer(m_distribution);
    ns3::Simulator::Run();
    engine::SetPacer(nullptr);
    m_endedAt = m_distribution->Settle();
    m_interrupted = m_distribution->WasInterrupted();
  } else {
    ns3::Simulator::Run();
    m_endedAt = engine::Now();
    m_interrupted = engine::WasInterrupted();
  }
  m_isEnding = true;
  m_network->EndRun();
  if (m_distribution) TakeAccount();
}

bool Simulation::IsMine(NetnsId id) const { return !m_distribution || m_distribution->IsMine(id); }

/// Of a line of traffic whose sender is on another rank.
bool Simulation::HasReceiverHere(const Workload& w) const {
  const bool hasReceiver = w.kind == WorkloadKind::Udp || w.kind == WorkloadKind::Rpc ||
                           w.kind == WorkloadKind::Inject || w.kind == WorkloadKind::Tcp;
  return hasReceiver && !IsMine(w.from) && !w.to.IsNone() && IsMine(w.to);
}

/// Whether this rank will know when it has ended: a datagram's receiver does, and the client of a connection.
bool Simulation::EndsHere(const Workload& w) const {
  const bool endsAtReceiver = (w.kind == WorkloadKind::Udp || w.kind == WorkloadKind::Inject) && !w.to.IsNone();
  return IsMine(endsAtReceiver ? w.to : w.from);
}

void Simulation::StopAt(Nanoseconds time) {
  const bool isCountedHere = !m_distribution || m_distribution->GetTransport().Rank() == 0;
  engine::StopAt(time, isCountedHere);
}

void Simulation::StartWorkload(size_t index) {
  const Workload& workload = m_plan.workloads[index];
  const bool isSender = IsMine(workload.from);
  if (!isSender) engine::DontCount();
  BeginPart(isSender ? 0 : 1);  // a single process makes the sender's end, then the receiver's
  host::Stack& stack = m_network->Get(isSender ? workload.from : workload.to);
  host::Backlog::Guard guard(stack.KernelBacklog());
  m_flows[index] = isSender ? MakeFlow(workload) : MakeReceivingHalf(workload);
  m_flows[index]->onDone = [this, flow = m_flows[index].get()] { WorkloadEnded(*flow); };
  if (isSender) BeginPart(2);
  m_flows[index]->Start();
}

void Simulation::WorkloadEnded(const traffic::Flow& flow) {
  OVERLAYSIM_CHECK(m_running > 0, "a line of traffic ended twice");
  --m_running;
  if (m_distribution) {
    m_distribution->running = m_running;
    m_distribution->lastEnded = std::max(m_distribution->lastEnded, flow.DoneAt());
  } else if (m_running == 0) {
    EndAfter(flow.DoneAt());
  }
}

/// All lines of traffic have ended, the last at that time.
std::optional<Nanoseconds> Simulation::EndAfter(Nanoseconds lastEnded) {
  if (m_plan.duration.count > 0 || m_plan.workloads.empty()) return std::nullopt;
  const Nanoseconds end = std::max(lastEnded, m_lastEvent) + kEpilogue;
  StopAt(end);
  return end;
}

traffic::UdpSettings Simulation::UdpSettingsOf(const Workload& w) const {
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
  return s;
}

traffic::RpcSettings Simulation::RpcSettingsOf(const Workload& w) {
  return {.destination = w.destination,
          .destinationPort = w.destinationPort,
          .count = w.count,
          .interval = w.interval,
          .until = w.until,
          .request = static_cast<uint32_t>(w.up),
          .reply = static_cast<uint32_t>(w.down),
          .wait = w.timeout.value_or(kListenAfterLast),
          .flow = w.id.value};
}

traffic::TcpSettings Simulation::TcpSettingsOf(const Workload& w) {
  traffic::TcpSettings s{.source = w.source, .destination = w.destination};
  s.sourcePort = w.sourcePort;
  s.destinationPort = w.destinationPort;
  s.up = w.up;
  s.down = w.down;
  s.tos = w.tos;
  s.timeout = w.timeout;
  s.flow = w.id.value;
  return s;
}

/// To the rank that has the other end.
traffic::Messenger& Simulation::MessengerTo(NetnsId other) { return *m_messengers[m_distribution->RankOf(other)]; }

std::unique_ptr<traffic::Flow> Simulation::MakeReceivingHalf(const Workload& w) {
  host::Stack& to = m_network->Get(w.to);
  if (w.kind == WorkloadKind::Udp)
    return std::make_unique<traffic::RemoteUdpFlow>(w.from, to, m_sinks, UdpSettingsOf(w));
  if (w.kind == WorkloadKind::Rpc) return std::make_unique<traffic::RemoteRpcServer>(to, m_sinks, RpcSettingsOf(w));
  if (w.kind == WorkloadKind::Inject)
    return std::make_unique<traffic::RemoteInject>(w.from,
                                                   traffic::Inject::Listener{&to, w.listenAddress, w.listenPort});
  return std::make_unique<traffic::RemoteTcpServer>(TcpEdgeOf(w.to), MessengerTo(w.from), TcpSettingsOf(w));
}

/// What a name of the plan has of addresses: as it is now, or where nothing has touched it, and on another rank, as it
/// was at first.
const kernel::Namespace& Simulation::NamedNamespace(NetnsId id) {
  if (const host::Stack* made = m_network->FindMade(id)) return made->Ns();
  auto& ns = m_asPlanned[id];
  if (!ns) ns = m_plan.Materialise(id);
  return *ns;
}

std::unique_ptr<traffic::Flow> Simulation::MakeFlow(const Workload& w) {
  host::Stack& from = m_network->Get(w.from);
  const bool isElsewhere = !w.to.IsNone() && !IsMine(w.to);
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
      const traffic::UdpSettings s = UdpSettingsOf(w);
      if (isElsewhere) return std::make_unique<traffic::UdpFlow>(from, MessengerTo(w.to), m_sinks, s);
      return std::make_unique<traffic::UdpFlow>(from, w.to.IsNone() ? nullptr : &m_network->Get(w.to), m_sinks, s);
    }
    case WorkloadKind::Rpc: {
      const traffic::RpcSettings s = RpcSettingsOf(w);
      if (isElsewhere) return std::make_unique<traffic::RpcFlow>(from, MessengerTo(w.to), m_sinks, s);
      return std::make_unique<traffic::RpcFlow>(from, w.to.IsNone() ? nullptr : &m_network->Get(w.to), m_sinks, s);
    }
    case WorkloadKind::Inject: {
      const traffic::Inject::Listener listener{w.to.IsNone() || isElsewhere ? nullptr : &m_network->Get(w.to),
                                               w.listenAddress,
                                               w.listenPort,
                                               w.timeout.value_or(kListenAfterLast),
                                               isElsewhere ? &MessengerTo(w.to) : nullptr,
                                               w.id.value};
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
                                     return NamedNamespace(id).SelectAddress(0, {}, kernel::kScopeGlobal);
                                   },
                               .tcp = [this, at = w.from]() -> traffic::TcpEdge& { return TcpEdgeOf(at); },
                               .resolve6 =
                                   [this](std::string_view name) {
                                     const NetnsId id = m_plan.Find(name);
                                     return id.IsNone() ? Ipv6Address{} : GlobalAddress6(NamedNamespace(id));
                                   }},
                              m_namespaces, w.command);
    case WorkloadKind::Tcp: {
      const traffic::TcpSettings s = TcpSettingsOf(w);
      if (isElsewhere) return std::make_unique<traffic::TcpTransfer>(TcpEdgeOf(w.from), MessengerTo(w.to), s);
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

void Simulation::CarryOut(size_t index) {
  const TimedEvent& event = m_plan.events[index];
  const NetnsId at = event.on.IsNone() ? NetnsId(0) : event.on;
  if (!IsMine(at)) engine::DontCount();
  m_network->SettleFlows();
  m_network->ForgetFlows();
  EventOutcome outcome{engine::Now(), event.text, 0, "", ""};
  switch (event.kind) {
    case TimedEvent::Kind::Notice:
      break;
    case TimedEvent::Kind::Exec: {
      if (!IsMine(at)) return;
      host::Backlog::Guard guard(m_network->Get(at).KernelBacklog());
      iproute2::CommandResult result = iproute2::RunCommand(m_namespaces, event.on, event.command, engine::Now());
      outcome = {engine::Now(), event.text, result.exit, result.out, result.err};
      break;
    }
    case TimedEvent::Kind::CableDown:
    case TimedEvent::Kind::CableUp: {
      host::Cable& cable = m_network->GetCable(event.cable);
      BeginPart(cable.IsElsewhere(0) ? 1 : 0);  // its ends hear of it one after the other
      cable.SetUp(event.kind == TimedEvent::Kind::CableUp);
      break;
    }
    case TimedEvent::Kind::CableChange:
      m_network->GetCable(event.cable)
          .Change({.rate = event.becomes.rate, .delay = event.becomes.delay, .queueBytes = event.becomes.queueBytes});
      break;
    case TimedEvent::Kind::RoutesReconverge:
      Reconverge(event.epoch);
      break;
  }
  if (IsMine(at)) m_outcomes.push_back({engine::CurrentMoment(), std::move(outcome)});
}

/// What routing daemons know now comes into the tables of switches and routers, and what they wrote before goes; routes
/// that both have stay as they are.
void Simulation::Reconverge(uint32_t epoch) {
  for (size_t i = 0; i < m_network->Count(); ++i) {
    const NetnsRole role = m_plan.Info(NetnsId(i)).role;
    if (role == NetnsRole::Pod || role == NetnsRole::Lab || role == NetnsRole::Node || !IsMine(NetnsId(i))) continue;
    BeginPart(i);
    kernel::Namespace& ns = m_network->Get(NetnsId(i)).Ns();
    std::vector<kernel::Route> wanted = m_plan.UnderlayRoutes(NetnsId(i), epoch);
    ns.FlushRoutes([&](const kernel::Route& r) {
      if (r.protocol == kernel::kProtoKernel || r.table != kernel::kTableMain) return false;
      return std::none_of(wanted.begin(), wanted.end(), [&](const kernel::Route& w) {
        return w.dst == r.dst && w.metric == r.metric && w.nextHops == r.nextHops && w.type == r.type;
      });
    });
    for (kernel::Route& route : wanted) ns.AddRoute(route, kernel::Namespace::kCreate | kernel::Namespace::kExclusive);
    const std::vector<kernel::Route6> wanted6 = m_plan.UnderlayRoutes6(NetnsId(i), epoch);
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
}

std::vector<EventOutcome> Simulation::Outcomes() const {
  std::vector<EventOutcome> out;
  for (const auto& [moment, outcome] : m_outcomes) out.push_back(outcome);
  return out;
}

RankOrder Simulation::CurrentOrder() const {
  if (m_isEnding) return {m_endedAt.count, UINT64_MAX, UINT64_MAX, m_network->endedPart};
  const engine::Moment moment = engine::CurrentMoment();
  return {moment.time.count, moment.place, moment.sequence, moment == m_partBegan ? m_part : 0};
}

/// What happens from now on at this moment is that part of an event, of which other ranks carry out others.
void Simulation::BeginPart(uint64_t part) {
  m_part = part;
  m_partBegan = engine::CurrentMoment();
}

void Simulation::NameElsewhere(const host::CableEnd& device, std::string_view name) {
  m_elsewhere.deviceNames[{device.netns.value, device.ifindex}] = name;
}

std::string Simulation::DeviceName(const host::CableEnd& end) const {
  if (const auto told = m_elsewhere.deviceNames.find({end.netns.value, end.ifindex});
      told != m_elsewhere.deviceNames.end())
    return told->second;
  const host::Stack* stack = m_network->FindMade(end.netns);
  const kernel::Link* link = stack ? stack->Ns().GetLink(end.ifindex) : nullptr;
  return link ? link->name : "";
}

RunMetrics Simulation::Metrics() const {
  RunMetrics metrics;
  metrics.simulated = m_endedAt;
  metrics.events = engine::EventCount() + m_elsewhere.events;
  for (size_t i = 0; i < m_network->verdicts.size(); ++i)
    metrics.verdicts.Add(static_cast<Verdict>(i), m_network->verdicts[i]);
  for (const auto& cable : m_network->Cables()) {
    for (int side = 0; side < 2; ++side) {
      const auto& direction = cable->GetDirection(side);
      auto name = [&](const host::CableEnd& end) {
        const std::string device = DeviceName(end);
        return m_network->NameOf(end.netns) + (device.empty() ? "" : "/" + device);
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
