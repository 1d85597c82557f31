#include <fmt/format.h>

#include <algorithm>

#include "sim/base/random.h"
#include "sim/plan/names.h"
#include "sim/plan/timeline.h"

namespace overlaysim::plan {
namespace {

using scenario::Event;

bool IsOfAgents(const Event& e) { return e.join || e.leave || e.stop || e.restart || e.apiServer; }

/// Turns the events of nodes and agents into what each agent process lives through, and what the API server tells when.
class AgentPlanner {
 public:
  AgentPlanner(const Context& context, ClusterPlan& plan, CompiledPlan& cluster)
      : m_context(context),
        m_plan(plan),
        m_cluster(cluster),
        m_written(context.scenario.controlPlane.value_or(scenario::ControlPlane{})),
        m_nodes(cluster.GetCluster().nodes.size()) {}

  void Plan() {
    if (!IsSupported()) return;
    ControlPlane::Settings settings{.seed = m_context.scenario.seed.value,
                                    .watchLatency = RangeOf(m_written.watchLatency),
                                    .operation = m_written.operation.value,
                                    .habits = m_cluster.GetFlavour().habits};
    m_podCidrLatency = RangeOf(m_written.podCIDRLatency);
    if (m_written.start) m_start = RangeOf(*m_written.start);
    ReadEvents();
    for (size_t n = 0; n < m_nodes.size(); ++n) Live(NodeId(n));
    if (m_context.diagnostics.HasErrors()) return;

    std::vector<CompiledPlan::NodeChange> changes;
    std::vector<ControlPlane::Node> nodes;
    for (size_t n = 0; n < m_nodes.size(); ++n) {
      changes.insert(changes.end(), m_nodes[n].changes.begin(), m_nodes[n].changes.end());
      nodes.push_back({.name = m_cluster.GetCluster().nodes[n].name, .runs = std::move(m_nodes[n].runs), .subnet = {}});
    }
    std::stable_sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
    const auto initial = std::find_if(changes.begin(), changes.end(), [](const auto& c) { return c.at.count >= 0; });
    m_cluster.UseAgents(changes, static_cast<size_t>(initial - changes.begin()), std::move(settings), std::move(nodes),
                        std::move(m_outages), std::move(m_groups));
  }

 private:
  static constexpr Nanoseconds kBefore{-1};  ///< of what is there at time 0

  struct Action {
    const Event* event;
    uint32_t group;  ///< as ControlPlane::Change
  };
  struct Life {
    std::vector<Action> actions;  ///< by time
    std::vector<ControlPlane::Run> runs;
    std::vector<CompiledPlan::NodeChange> changes;
  };

  bool IsSupported() {
    const scenario::Place place = m_written.place;
    const Profile& profile = m_cluster.GetProfile();
    const bool hasBgp = std::any_of(profile.pools.begin(), profile.pools.end(),
                                    [](const Pool& pool) { return pool.vxlanMode == EncapMode::Never; }) ||
                        (profile.pool6 && profile.pool6->vxlanMode == EncapMode::Never);
    if (m_cluster.GetFlavour().habits.adds.empty())
      m_context.Error(place, "the control plane of {} is not supported yet", profile.name);
    else if (hasBgp)
      m_context.Error(place, "a control plane with routes that BGP brings is not supported yet");
    return !m_context.diagnostics.HasErrors();
  }

  TimeRange RangeOf(const scenario::DelayRange& written) {
    const TimeRange range{written.from.value, written.to ? written.to->value : written.from.value};
    if (range.to < range.from)
      m_context.Error(written.to->place, "the longest time, {}, is shorter than the shortest, {}", range.to.ToString(),
                      range.from.ToString());
    return range;
  }

  void Announce(Nanoseconds at, std::string text) {
    m_plan.events.push_back({.kind = TimedEvent::Kind::Notice, .at = at, .text = std::move(text)});
  }

  std::vector<NodeId> NodesOf(const scenario::Text& text) {
    const Cluster& cluster = m_cluster.GetCluster();
    std::vector<NodeId> out;
    if (const NodeId node = cluster.FindNode(text.value))
      out.push_back(node);
    else if (IsPattern(text.value))
      for (size_t n = 0; n < cluster.nodes.size(); ++n)
        if (MatchesPattern(text.value, cluster.nodes[n].name)) out.push_back(NodeId(n));
    if (out.empty())
      m_context.Error(text.place, "\"{}\" is no node{}", text.value, Suggestion(text.value, cluster.NodeNames()));
    return out;
  }

  void ReadEvents() {
    std::vector<const Event*> events;
    for (const Event& event : m_context.scenario.events)
      if (IsOfAgents(event)) events.push_back(&event);
    std::stable_sort(events.begin(), events.end(),
                     [](const Event* a, const Event* b) { return a->at.value < b->at.value; });
    for (const Event* event : events) {
      if (event->apiServer) {
        TakeOutage(*event);
        continue;
      }
      const scenario::Text& who = event->join    ? *event->join
                                  : event->leave ? *event->leave
                                  : event->stop  ? *event->stop
                                                 : *event->restart;
      const std::vector<NodeId> nodes = NodesOf(who);
      std::string text = who.value;
      if (nodes.size() > 1) text += fmt::format(" ({} nodes)", nodes.size());
      text += event->join    ? (nodes.size() > 1 ? " join" : " joins")
              : event->leave ? (nodes.size() > 1 ? " leave" : " leaves")
              : event->stop  ? ": the agent stops"
                             : ": the agent is restarted";
      uint32_t group = 0;
      if (event->join || event->leave) {
        m_groups.push_back({text, event->at.value});
        group = static_cast<uint32_t>(m_groups.size());
      }
      Announce(event->at.value, std::move(text));
      if (event->stop && event->lasts)
        Announce(event->at.value + event->lasts->value, who.value + ": the agent starts");
      for (NodeId node : nodes) m_nodes[node.value].actions.push_back({event, group});
    }
  }

  void TakeOutage(const Event& event) {
    const Nanoseconds from = event.at.value;
    if (!event.lasts) return m_context.Error(event.place, "an API server that is away needs \"for\": how long");
    const Nanoseconds to = from + event.lasts->value;
    if (!m_outages.empty() && from <= m_outages.back().to)
      return m_context.Error(event.place, "the API server is away already");
    Announce(from, "the API server is away");
    Announce(to, "the API server is back");
    m_outages.push_back({from, to});
  }

  /// When something is written that somebody wants to write at that time.
  Nanoseconds WrittenAt(Nanoseconds at) const {
    for (const ControlPlane::Outage& outage : m_outages)
      if (outage.from <= at && at < outage.to) at = outage.to;
    return at;
  }

  void Live(NodeId id) {
    Life& life = m_nodes[id.value];
    bool isThere = life.actions.empty() || !life.actions.front().event->join;
    if (isThere && m_start) {
      RandomStream stream(m_context.scenario.seed.value, "controlPlane/start", id.value);
      Start(id, m_start->Draw(stream), {});
      Publish(id, 0);
    } else if (isThere) {
      life.runs.push_back({.start = kBefore, .ready = kBefore, .isOld = true});
      life.changes.push_back({.node = id, .at = kBefore});
    }
    for (const Action& action : life.actions) {
      const Event& event = *action.event;
      const Nanoseconds at = event.at.value;
      const std::string& name = m_cluster.GetCluster().nodes[id.value].name;
      // Of several nodes, those that are not there have no agent.
      if (!isThere && (event.stop || event.restart) && IsPattern((event.stop ? *event.stop : *event.restart).value))
        continue;
      if (static_cast<bool>(event.join) == isThere)
        return m_context.Error(event.place, "\"{}\" is {} the cluster then", name, isThere ? "already in" : "not in");
      if (event.leave) {
        if (!IsPublished(life, at))
          life.changes.pop_back();
        else
          life.changes.push_back({.node = id, .isWithdrawal = true, .at = WrittenAt(at), .group = action.group});
        isThere = false;
        continue;
      }
      if (!life.runs.empty()) life.runs.back().end = std::min(life.runs.back().end, at);
      if (event.join) {
        RandomStream stream(m_context.scenario.seed.value, "controlPlane/podCIDR", id.value);
        Start(id, at, WrittenAt(at + m_podCidrLatency.Draw(stream)));
        Publish(id, action.group);
        isThere = true;
        continue;
      }
      if (event.stop && !event.lasts) {
        if (!IsPublished(life, at)) life.changes.pop_back();
        continue;
      }
      Start(id, event.stop ? at + event.lasts->value : at, {});
      if (!IsPublished(life, at)) {  // the next process does it
        const uint32_t group = life.changes.back().group;
        life.changes.pop_back();
        Publish(id, group);
      }
    }
  }

  /// Whether the node's last lease was there by then.
  static bool IsPublished(const Life& life, Nanoseconds at) {
    return life.changes.empty() || life.changes.back().isWithdrawal || life.changes.back().at <= at;
  }

  /// A process that starts at a time; its node's pod CIDR is there from `podCidrAt` on.
  void Start(NodeId id, Nanoseconds at, Nanoseconds podCidrAt) {
    const Nanoseconds poll = m_cluster.GetFlavour().habits.podCidrPoll;
    Nanoseconds found = std::max(at, podCidrAt);
    if (poll.count > 0) found = at + poll * (((found - at).count + poll.count - 1) / poll.count);
    m_nodes[id.value].runs.push_back({.start = at, .ready = WrittenAt(found + m_written.setup.value)});
  }

  void Publish(NodeId id, uint32_t group) {
    Life& life = m_nodes[id.value];
    life.changes.push_back({.node = id, .at = life.runs.back().ready, .group = group});
  }

  const Context& m_context;
  ClusterPlan& m_plan;
  CompiledPlan& m_cluster;
  const scenario::ControlPlane m_written;
  TimeRange m_podCidrLatency;
  std::optional<TimeRange> m_start;
  std::vector<Life> m_nodes;
  std::vector<ControlPlane::Outage> m_outages;
  std::vector<ControlPlane::Group> m_groups;
};

}  // namespace

void PlanAgents(const Context& context, ClusterPlan& plan, CompiledPlan* cluster) {
  const auto& events = context.scenario.events;
  const auto first = std::find_if(events.begin(), events.end(), IsOfAgents);
  if (!context.scenario.controlPlane && first == events.end()) return;
  if (!cluster)
    context.Error(first != events.end() ? first->place : context.scenario.controlPlane->place,
                  "a lab has no control plane");
  else
    AgentPlanner(context, plan, *cluster).Plan();
}

void DelayUntilPodsAreReady(const Context& context, ClusterPlan& plan, const CompiledPlan* cluster) {
  if (!cluster || !cluster->HasAgents()) return;
  for (Workload& workload : plan.workloads) {
    const NetnsInfo info = cluster->Info(workload.from);
    if (info.role != NetnsRole::Pod) continue;
    const Nanoseconds ready = cluster->PodsReadyAt(info.node);
    if (ready == kNever)
      return context.Error(scenario::Place{},
                           "{} sends, and the agent of its node never gets as far as to let it start",
                           workload.fromName);
    workload.start = std::max(workload.start, ready);
  }
}

}  // namespace overlaysim::plan
