#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/plan/names.h"
#include "sim/plan/timeline.h"
#include "sim/scenario/enums.h"

namespace overlaysim::plan {
namespace {

using scenario::Event;
using scenario::FaultKind;

class EventPlanner {
 public:
  EventPlanner(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, CompiledPlan* cluster)
      : m_context(context), m_finder(finder), m_plan(plan), m_cluster(cluster) {}

  void Plan(const Event& event) {
    if (event.exec) return PlanExec(event);
    if (event.fault) return PlanFault(event);
    if (event.fail) return PlanFailure(event);
    if (event.set) PlanChange(event);
  }

  void Finish() {
    if (m_cluster) PlanEpochs();
    PlanSettings();
    std::stable_sort(m_plan.events.begin(), m_plan.events.end(),
                     [](const TimedEvent& a, const TimedEvent& b) { return a.at < b.at; });
  }

 private:
  void PlanExec(const Event& event) {
    TimedEvent timed{
        .kind = TimedEvent::Kind::Exec, .at = event.at.value, .command = event.exec->value, .text = event.exec->value};
    if (event.on) {
      const auto on = m_finder.FindOne(*event.on, false);
      if (!on) return;
      timed.on = on->netns;
      timed.text += " on " + on->name;
      WriteOut(on->netns);
    } else if (m_cluster) {
      m_context.Error(event.place, "\"exec\" needs \"on\": the node or pod where the command is typed");
      return;
    }
    m_plan.events.push_back(std::move(timed));
  }

  /// Commands may change any row of the node's tables, so they are its own.
  void WriteOut(NetnsId netns) {
    if (!m_cluster) return;
    const NetnsInfo info = m_plan.Info(netns);
    if (info.role == NetnsRole::Node) m_cluster->nodesWithOwnTables.insert(info.node);
  }

  void PlanFailure(const Event& event) {
    const std::vector<CableId> cables = CablesOf(*event.fail);
    for (CableId cable : cables) {
      const std::string& name = m_plan.cables[cable.value].name;
      m_plan.events.push_back(
          {.kind = TimedEvent::Kind::CableDown, .at = event.at.value, .cable = cable, .text = name + " fails"});
      m_changes.push_back({event.at.value, cable, true});
      if (!event.lasts) continue;
      const Nanoseconds end = event.at.value + event.lasts->value;
      m_plan.events.push_back(
          {.kind = TimedEvent::Kind::CableUp, .at = end, .cable = cable, .text = name + " is back"});
      m_changes.push_back({end, cable, false});
    }
  }

  void PlanChange(const Event& event) {
    const scenario::LinkOverride& to = event.set->to;
    if (!to.rate && !to.delay && !to.mtu && !to.queue)
      return m_context.Error(event.place,
                             "\"set\" changes nothing; say what: \"rate\", \"delay\", \"mtu\" or \"queue\"");
    const std::optional<Nanoseconds> end =
        event.lasts ? std::optional(event.at.value + event.lasts->value) : std::nullopt;
    for (CableId cable : CablesOf(event.set->target)) {
      m_settings[cable.value].push_back({event.at.value, end, &to});
      if (to.mtu) WriteOut(m_plan.cables[cable.value].a.netns), WriteOut(m_plan.cables[cable.value].b.netns);
    }
  }

  /// Where changes of a cable overlap, the one that began last holds, and what it does not say is as before.
  void PlanSettings() {
    for (auto& [cable, changes] : m_settings) {
      std::stable_sort(changes.begin(), changes.end(), [](const Setting& a, const Setting& b) { return a.at < b.at; });
      std::set<Nanoseconds> times;
      for (const Setting& change : changes) {
        times.insert(change.at);
        if (change.end) times.insert(*change.end);
      }
      for (Nanoseconds at : times) PlanSettingsAt(CableId(cable), at, changes);
    }
  }

  struct Setting {
    Nanoseconds at;
    std::optional<Nanoseconds> end;
    const scenario::LinkOverride* to;
    bool HoldsAt(Nanoseconds time) const { return !(time < at) && !(end && !(time < *end)); }
    bool BeginsOrEndsAt(Nanoseconds time) const { return at == time || end == time; }
  };

  void PlanSettingsAt(CableId id, Nanoseconds at, const std::vector<Setting>& changes) {
    const CablePlan& cable = m_plan.cables[id.value];
    TimedEvent event{.kind = TimedEvent::Kind::CableChange,
                     .at = at,
                     .cable = id,
                     .becomes = {cable.rate, cable.delay, cable.queueBytes},
                     .text = cable.name + ":"};
    std::optional<uint32_t> mtu;
    bool isCable = false, isMtu = false;
    for (const Setting& change : changes) {
      if (change.BeginsOrEndsAt(at)) {
        isCable |= change.to->rate || change.to->delay || change.to->queue;
        isMtu |= change.to->mtu.has_value();
      }
      if (!change.HoldsAt(at)) continue;
      if (change.to->rate) event.becomes.rate = change.to->rate->value;
      if (change.to->delay) event.becomes.delay = change.to->delay->value;
      if (change.to->queue) event.becomes.queueBytes = change.to->queue->value.count;
      if (change.to->mtu) mtu = change.to->mtu->value;
    }
    if (isCable) {
      event.text += fmt::format(" rate {}, delay {}, queue {}", event.becomes.rate.ToString(),
                                event.becomes.delay.ToString(), Bytes{event.becomes.queueBytes}.ToString());
      m_plan.events.push_back(std::move(event));
    }
    if (!isMtu) return;
    for (const CablePlan::End& end : {cable.a, cable.b}) {
      const auto netns = m_plan.Materialise(end.netns);
      const kernel::Link* link = netns->GetLink(end.ifindex);
      const std::string command = fmt::format("ip link set dev {} mtu {}", link->name, mtu.value_or(link->mtu));
      m_plan.events.push_back({.kind = TimedEvent::Kind::Exec,
                               .at = at,
                               .on = end.netns,
                               .command = command,
                               .text = command + " on " + m_plan.Info(end.netns).name});
    }
  }

  std::vector<CableId> CablesOf(const scenario::LinkTarget& target) {
    std::vector<CableId> out;
    std::optional<Endpoint> a, b;
    scenario::Place place;
    if (target.link) {
      place = (*target.link)[0].place;
      a = m_finder.FindOne((*target.link)[0], false);
      b = m_finder.FindOne((*target.link)[1], false);
      if (!a || !b) return out;
    } else if (target.node) {
      place = target.node->place;
      a = m_finder.FindOne(*target.node, false);
      if (!a) return out;
    }
    for (size_t c = 0; c < m_plan.cables.size() && a; ++c) {
      const CablePlan& cable = m_plan.cables[c];
      const bool atA = cable.a.netns == a->netns || cable.b.netns == a->netns;
      const bool atB = !b || cable.a.netns == b->netns || cable.b.netns == b->netns;
      if (atA && atB) out.push_back(CableId(c));
    }
    if (out.empty()) {
      if (b)
        m_context.Error(place, "there is no cable between \"{}\" and \"{}\"", a->name, b->name);
      else
        m_context.Error(place, "no cable ends there");
    }
    return out;
  }

  /// After each change of a cable the devices beside it know `detectFailure` later, and all use new routes `reroute`
  /// after that.
  void PlanEpochs() {
    std::stable_sort(m_changes.begin(), m_changes.end(), [](const Change& x, const Change& y) { return x.at < y.at; });
    const scenario::Underlay& underlay = m_context.scenario.underlay;
    DownCables down(m_plan.cables.size(), false);
    for (size_t i = 0; i < m_changes.size(); ++i) {
      down[m_changes[i].cable.value] = m_changes[i].down;
      if (i + 1 < m_changes.size() && m_changes[i + 1].at == m_changes[i].at) continue;
      m_cluster->epochs.push_back(down);
      m_plan.events.push_back({.kind = TimedEvent::Kind::RoutesReconverge,
                               .at = m_changes[i].at + underlay.detectFailure.value + underlay.reroute.value,
                               .epoch = static_cast<uint32_t>(m_cluster->epochs.size() - 1),
                               .text = "the underlay's routes are recomputed"});
    }
  }

  void PlanFault(const Event& event);

  struct Change {
    Nanoseconds at;
    CableId cable;
    bool down;
  };
  const Context& m_context;
  const EndpointFinder& m_finder;
  ClusterPlan& m_plan;
  CompiledPlan* m_cluster;
  std::vector<Change> m_changes;
  std::map<size_t, std::vector<Setting>> m_settings;  ///< by cable
};

/// A fault is what an administrator or a broken agent would type: commands that do it and, where it lasts, those that
/// undo it.
void EventPlanner::PlanFault(const Event& event) {
  if (!m_cluster || !event.node) {
    m_context.Error(event.place, "a fault needs a \"node\" of a cluster");
    return;
  }
  const auto on = m_finder.FindOne(*event.node, false);
  if (!on) return;
  const NetnsInfo info = m_plan.Info(on->netns);
  const Profile& profile = m_cluster->GetProfile();
  const Tunnel* tunnel = profile.FindTunnel(kernel::LinkKind::Vxlan);
  if (info.role != NetnsRole::Node || !tunnel) {
    m_context.Error(event.node->place, "\"{}\" has no VXLAN device", on->name);
    return;
  }
  if (tunnel->vxlan.external) {
    m_context.Error(event.place, "faults of {}'s tunnel are not supported yet", profile.name);
    return;
  }
  const FaultKind fault = event.fault->value;
  const bool needsPeer = fault == FaultKind::StaleFdb || fault == FaultKind::MissingFdb ||
                         fault == FaultKind::MissingNeighbour || fault == FaultKind::MissingRoute;
  std::optional<Endpoint> peer;
  NodeId peerNode;
  if (needsPeer) {
    if (!event.peer) {
      m_context.Error(event.place, "the fault \"{}\" needs \"peer\": the node whose entry it is",
                      scenario::WordOf(fault));
      return;
    }
    peer = m_finder.FindOne(*event.peer, false);
    if (!peer) return;
    peerNode = m_plan.Info(peer->netns).node;
    if (m_plan.Info(peer->netns).role != NetnsRole::Node || peerNode == info.node) {
      m_context.Error(event.peer->place, "\"{}\" is not another node", peer->name);
      return;
    }
  }
  const std::string& dev = tunnel->device;
  std::vector<std::string> commands, repair;
  PeerRows rows;
  if (needsPeer) {
    rows = m_cluster->RowsTowards(info.node, peerNode);
    const bool hasRow = fault == FaultKind::MissingRoute       ? rows.route.has_value()
                        : fault == FaultKind::MissingNeighbour ? rows.neighbour.has_value()
                                                               : rows.fdb.has_value();
    if (!hasRow) {
      m_context.Error(event.fault->place, "\"{}\" has no such entry for \"{}\"", on->name, peer->name);
      return;
    }
  }
  const auto fdbCommand = [&](const char* verb, IpAddress dst) {
    return fmt::format("bridge fdb {} {} dev {} dst {} self permanent", verb, rows.fdb->mac.ToString(), dev,
                       dst.ToString());
  };
  switch (fault) {
    case FaultKind::StaleFdb:  // the address that the node had before: one of its subnet that nobody has now
      commands = {fdbCommand("replace", m_cluster->UnusedAddressNear(peerNode))};
      repair = {fdbCommand("replace", rows.fdb->remotes.front().ip)};
      break;
    case FaultKind::MissingFdb:
      commands = {fmt::format("bridge fdb del {} dev {} dst {} self", rows.fdb->mac.ToString(), dev,
                              rows.fdb->remotes.front().ip.ToString())};
      repair = {fdbCommand("add", rows.fdb->remotes.front().ip)};
      break;
    case FaultKind::MissingNeighbour:
      commands = {fmt::format("ip neigh del {} dev {}", rows.neighbour->ip.ToString(), dev)};
      repair = {fmt::format("ip neigh replace {} lladdr {} dev {} nud permanent", rows.neighbour->ip.ToString(),
                            rows.neighbour->mac.ToString(), dev)};
      break;
    case FaultKind::MissingRoute:
      for (const kernel::Route& route : m_cluster->RoutesTowards(info.node, peerNode)) {
        commands.push_back(fmt::format("ip route del {}", route.dst.ToString()));
        repair.push_back("ip route replace " + m_cluster->RouteWords(info.node, route));
      }
      break;
    case FaultKind::WrongVtepMac:
      commands = {fmt::format("ip link set {} address {}", dev, MacFromName(on->name + "/another vtep").ToString())};
      repair = {fmt::format("ip link set {} address {}", dev,
                            m_cluster->GetCluster().nodes[info.node.value].vtepMac->ToString())};
      break;
    case FaultKind::DeviceDown:
      commands = {fmt::format("ip link set {} down", dev)};
      repair = m_cluster->TunnelCommands(info.node, tunnel->vxlan.vni, true);
      break;
    case FaultKind::WrongVni:
      commands = m_cluster->TunnelCommands(info.node, tunnel->vxlan.vni + 1, true);
      repair = m_cluster->TunnelCommands(info.node, tunnel->vxlan.vni, true);
      break;
    case FaultKind::DeviceRecreated:  // flanneld makes the device again and does not replay its peers
      commands = m_cluster->TunnelCommands(info.node, tunnel->vxlan.vni, false);
      repair = m_cluster->TunnelCommands(info.node, tunnel->vxlan.vni, true);
      break;
  }
  WriteOut(on->netns);
  auto emit = [&](Nanoseconds at, const std::vector<std::string>& all) {
    for (const std::string& command : all)
      m_plan.events.push_back({.kind = TimedEvent::Kind::Exec,
                               .at = at,
                               .on = on->netns,
                               .command = command,
                               .text = fmt::format("{} on {}: {}", scenario::WordOf(fault), on->name, command)});
  };
  emit(event.at.value, commands);
  if (event.lasts) emit(event.at.value + event.lasts->value, repair);
}

}  // namespace

void PlanEvents(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, CompiledPlan* cluster) {
  EventPlanner planner(context, finder, plan, cluster);
  for (const Event& event : context.scenario.events) planner.Plan(event);
  planner.Finish();
}

}  // namespace overlaysim::plan
