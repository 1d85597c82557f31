#include "gui/views/canvas/canvas_state.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

namespace overlaysim::views {
namespace {

using layout::Box;
using layout::kNone;
using layout::Point;
using replay::Netns;
using replay::Role;

constexpr size_t kMostInsides = 2000;  ///< that are kept
constexpr size_t kMostEdges = 4000;
constexpr double kPathInset = 0.12;  ///< of a box's width: where a packet's way goes through it, beside its texts

double Distance(Point a, Point b) { return std::hypot(a.x - b.x, a.y - b.y); }

double DistanceToSegment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
  const double t = length == 0 ? 0 : std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0);
  return Distance(p, {a.x + t * dx, a.y + t * dy});
}

using Ends = std::pair<uint32_t, uint32_t>;

void SortAndCut(std::vector<Edge>& edges) {
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
    return std::pair(a.count, a.packets) > std::pair(b.count, b.packets);
  });
  if (edges.size() > kMostEdges) edges.resize(kMostEdges);
}

std::vector<Edge> Edges(const std::map<Ends, Edge>& byEnds) {
  std::vector<Edge> edges;
  for (const auto& [ends, edge] : byEnds) edges.push_back(edge);
  SortAndCut(edges);
  return edges;
}

bool HasTunnel(const Netns& node) {
  return std::any_of(node.devices.begin(), node.devices.end(), [](const replay::Device& d) { return d.IsTunnel(); });
}

/// The VNI of the node's tunnels; none where they have several.
std::optional<uint32_t> OnlyVni(const Netns& node) {
  std::optional<uint32_t> only;
  for (const replay::Device& device : node.devices) {
    if (!device.vni) continue;
    if (only && only != device.vni) return std::nullopt;
    only = device.vni;
  }
  return only;
}

}  // namespace

Point Leg::At(double share) const {
  if (points.empty()) return {};
  double length = 0;
  for (size_t i = 1; i < points.size(); ++i) length += Distance(points[i - 1], points[i]);
  double left = std::clamp(share, 0.0, 1.0) * length;
  for (size_t i = 1; i < points.size(); ++i) {
    const double part = Distance(points[i - 1], points[i]);
    if (left <= part && part > 0)
      return {points[i - 1].x + (points[i].x - points[i - 1].x) * left / part,
              points[i - 1].y + (points[i].y - points[i - 1].y) * left / part};
    left -= part;
  }
  return points.back();
}

void CanvasState::SetTopology(const replay::Topology* topology, layout::CanvasChoices choices) {
  const Lens keptLens = lens;
  const Heat keptHeat = heat;
  const bool keptFocus = isFocused;
  *this = CanvasState();
  lens = keptLens;
  heat = keptHeat;
  isFocused = keptFocus;
  m_topology = topology;
  m_moved = std::move(choices.positions);
  m_shown = std::move(choices.shown);
  if (!topology) return;
  FindEdges();
  FindHidden();
  Relayout();
}

void CanvasState::SetFacts(std::shared_ptr<const RunFacts> known) {
  facts = std::move(known);
  if (!m_topology) return;
  FindEdges();
  FindFlowsBetweenSites();
}

void CanvasState::Relayout() {
  m_inside.clear();
  if (!m_topology) return;
  layout::Options options;
  options.isCollapsed = m_isCollapsed;
  options.isHidden = m_isSiteHidden;
  if (m_onlyRelated) {
    options.isHidden.resize(m_isUnrelated.size());
    for (size_t i = 0; i < m_isUnrelated.size(); ++i)
      if (m_isUnrelated[i]) options.isHidden[i] = true;
  }
  m_layout = layout::LayOut(*m_topology, m_moved, options);
  FindFlowsBetweenSites();
  FindLegs();
}

void CanvasState::FindHidden() {
  const size_t count = m_topology->netns.size();
  m_isCollapsed.assign(count, false);
  m_isSiteHidden.clear();
  m_isPodHidden.clear();
  m_hiddenPods = m_hiddenNodes = 0;
  m_groups.assign(m_shown.collapsed.namespaces.begin(), m_shown.collapsed.namespaces.end());
  const size_t namespaces = m_groups.size();
  m_groups.insert(m_groups.end(), m_shown.collapsed.labels.begin(), m_shown.collapsed.labels.end());
  m_groupOfNamespace.clear();
  for (uint32_t i = 0; i < namespaces; ++i) m_groupOfNamespace.emplace(m_groups[i], i);
  m_groupOfLabel.clear();
  std::vector<bool> isLabelHidden(m_topology->labels.size(), false);
  for (uint32_t i = 0; i < m_topology->labels.size(); ++i) {
    const std::string text = m_topology->labels[i].key + "=" + m_topology->labels[i].value;
    isLabelHidden[i] = m_shown.hidden.labels.count(text) > 0;
    if (m_shown.collapsed.labels.count(text) > 0)
      m_groupOfLabel.emplace(
          i, static_cast<uint32_t>(
                 std::find(m_groups.begin() + static_cast<std::ptrdiff_t>(namespaces), m_groups.end(), text) -
                 m_groups.begin()));
  }
  for (const std::string& rack : m_shown.collapsed.racks)
    if (const Netns* head = m_topology->Find(rack)) m_isCollapsed[head->id] = true;
  if (m_shown.hidden.IsEmpty()) return;
  m_isSiteHidden.assign(count, false);
  m_isPodHidden.assign(count, false);
  const auto hasHiddenLabel = [&](const Netns& netns) {
    return std::any_of(netns.labels.begin(), netns.labels.end(), [&](uint32_t label) { return isLabelHidden[label]; });
  };
  for (const std::string& rack : m_shown.hidden.racks)
    if (const Netns* head = m_topology->Find(rack)) m_isSiteHidden[head->id] = true;
  for (const Netns& netns : m_topology->netns) {
    if (netns.role != Role::Node) continue;
    const uint32_t rack = m_topology->RackOf(netns.id);
    if ((rack < count && m_isSiteHidden[rack]) || hasHiddenLabel(netns)) m_isSiteHidden[netns.id] = true;
    m_hiddenNodes += m_isSiteHidden[netns.id];
  }
  for (const Netns& netns : m_topology->netns) {
    if (netns.role != Role::Pod) continue;
    if (m_isSiteHidden[m_topology->HostOf(netns.id)]) m_isSiteHidden[netns.id] = true;
    m_isPodHidden[netns.id] = m_isSiteHidden[netns.id] || hasHiddenLabel(netns) ||
                              m_shown.hidden.namespaces.find(netns.PodNamespace()) != m_shown.hidden.namespaces.end();
    m_hiddenPods += m_isPodHidden[netns.id];
  }
}

uint32_t CanvasState::GroupOf(uint32_t pod) const {
  if (m_groups.empty()) return kNone;
  const Netns& netns = m_topology->netns[pod];
  if (const auto group = m_groupOfNamespace.find(netns.PodNamespace()); group != m_groupOfNamespace.end())
    return group->second;
  for (const uint32_t label : netns.labels)
    if (const auto group = m_groupOfLabel.find(label); group != m_groupOfLabel.end()) return group->second;
  return kNone;
}

std::vector<layout::PodCell> CanvasState::Cells(uint32_t node) const {
  std::vector<layout::PodCell> cells;
  std::unordered_map<uint32_t, size_t> cellOf;
  for (const uint32_t pod : m_topology->PodsOf(node)) {
    if (!IsPodShown(pod)) continue;
    const uint32_t group = GroupOf(pod);
    if (group == kNone) {
      cells.push_back({{pod}, {}});
      continue;
    }
    const auto [found, isNew] = cellOf.emplace(group, cells.size());
    if (isNew) cells.push_back({{}, m_groups[group]});
    cells[found->second].pods.push_back(pod);
  }
  return cells;
}

size_t CanvasState::CellCount(uint32_t node) const {
  if (m_groups.empty() && m_isPodHidden.empty()) return m_topology->PodsOf(node).size();
  return Cells(node).size();
}

void CanvasState::FindEdges() {
  const bool isTraced = facts && !facts->activity.IsWholeRun();
  std::map<Ends, Edge> flows;
  for (const replay::Workload& workload : m_topology->workloads) {
    if (!workload.from || !workload.to || *workload.from == *workload.to) continue;
    Edge& edge = flows.try_emplace({*workload.from, *workload.to}, Edge{*workload.from, *workload.to, 0}).first->second;
    ++edge.count;
  }
  // What nobody has planned is drawn too: answers to commands, ICMP errors, handshakes.
  if (isTraced) {
    for (const replay::SeenFlow& seen : facts->flows) {
      const auto planned = flows.find({seen.from, seen.to});
      if (planned != flows.end() && planned->second.count > 0)
        planned->second.packets += seen.packets;
      else if (const auto back = flows.find({seen.to, seen.from}); back == flows.end() || back->second.count == 0)
        flows.try_emplace({seen.from, seen.to}, Edge{seen.from, seen.to, 0}).first->second.packets += seen.packets;
    }
  }
  m_flows = Edges(flows);
  FindTunnels();
}

void CanvasState::FindTunnels() {
  std::map<std::pair<Ends, std::optional<uint32_t>>, Edge> tunnels;
  const auto at = [&](uint32_t a, uint32_t b, std::optional<uint32_t> vni) -> Edge& {
    const Ends ends{std::min(a, b), std::max(a, b)};
    return tunnels.try_emplace({ends, vni}, Edge{ends.first, ends.second, 0, vni}).first->second;
  };
  if (facts && !facts->activity.IsWholeRun()) {
    for (const replay::SeenTunnel& seen : facts->tunnels) {
      Edge& edge = at(seen.from, seen.to, seen.vni);
      edge.count = 1;
      edge.packets += seen.packets;
    }
  } else {
    // Without records: the nodes that traffic connects, if they have tunnels at all, or the plan does not say.
    const bool hasKinds = std::any_of(m_topology->netns.begin(), m_topology->netns.end(), HasTunnel);
    for (const replay::Workload& workload : m_topology->workloads) {
      if (!workload.from || !workload.to) continue;
      const uint32_t a = m_topology->HostOf(*workload.from), b = m_topology->HostOf(*workload.to);
      if (a == b) continue;
      const Netns &nodeA = m_topology->netns[a], &nodeB = m_topology->netns[b];
      if (nodeA.role != Role::Node || nodeB.role != Role::Node) continue;
      if (hasKinds && !(HasTunnel(nodeA) && HasTunnel(nodeB))) continue;
      ++at(a, b, OnlyVni(nodeA)).count;
    }
  }
  m_tunnels.clear();
  m_vnis.clear();
  for (const auto& [ends, edge] : tunnels) {
    m_tunnels.push_back(edge);
    if (edge.vni) ++m_vnis[*edge.vni];
  }
  SortAndCut(m_tunnels);
  for (const Netns& netns : m_topology->netns)
    if (netns.role != Role::Pod)
      for (const replay::Device& device : netns.devices)
        if (device.vni) m_vnis.try_emplace(*device.vni, 0);
}

void CanvasState::FindFlowsBetweenSites() {
  // They depend on what is collapsed.
  std::map<Ends, Edge> flows;
  for (const Edge& flow : m_flows) {
    if (!IsPodShown(flow.from) || !IsPodShown(flow.to)) continue;
    const uint32_t a = m_layout.siteOf[flow.from], b = m_layout.siteOf[flow.to];
    if (a == kNone || b == kNone || a == b) continue;
    const Ends ends{m_layout.sites[a].netns, m_layout.sites[b].netns};
    Edge& edge = flows.try_emplace(ends, Edge{ends.first, ends.second, 0}).first->second;
    edge.count += flow.count;
    edge.packets += flow.packets;
  }
  m_siteFlows = Edges(flows);
}

void CanvasState::SetShown(layout::Shown shown) {
  if (shown == m_shown) return;
  m_shown = std::move(shown);
  if (!m_topology) return;
  FindHidden();
  Relayout();
}

void CanvasState::SetRackCollapsed(uint32_t head, bool collapsed) {
  if (head >= m_isCollapsed.size() || m_isCollapsed[head] == collapsed) return;
  layout::Shown shown = m_shown;
  if (collapsed)
    shown.collapsed.racks.insert(m_topology->netns[head].name);
  else
    shown.collapsed.racks.erase(m_topology->netns[head].name);
  SetShown(std::move(shown));
}

void CanvasState::CollapseAll(bool collapsed) {
  layout::Shown shown = m_shown;
  shown.collapsed.racks.clear();
  if (collapsed)
    for (const layout::Rack& rack : m_layout.racks)
      if (rack.head != kNone) shown.collapsed.racks.insert(m_topology->netns[m_layout.sites[rack.head].netns].name);
  SetShown(std::move(shown));
}

void CanvasState::SetOnlyRelated(bool only) {
  if (!m_topology) return;
  m_onlyRelated = only;
  if (only) {
    std::vector<uint32_t> wanted;
    const auto want = [&](uint32_t netns) {
      if (netns < m_topology->netns.size()) wanted.push_back(m_topology->HostOf(netns));
    };
    uint32_t self = kNone;
    if (selected.kind == Place::Kind::Netns || selected.kind == Place::Kind::Device) {
      self = selected.netns;
      want(self);
    } else if (selected.kind == Place::Kind::Cable && selected.cable < m_topology->cables.size()) {
      want(m_topology->cables[selected.cable].a.netns);
      want(m_topology->cables[selected.cable].b.netns);
    }
    if (self < m_topology->netns.size()) {
      const bool isPod = m_topology->netns[self].role == Role::Pod;
      for (const replay::Workload& workload : m_topology->workloads) {
        if (!workload.from || !workload.to) continue;
        const auto isMine = [&](uint32_t id) { return isPod ? id == self : m_topology->HostOf(id) == self; };
        if (isMine(*workload.from)) want(*workload.to);
        if (isMine(*workload.to)) want(*workload.from);
      }
      for (const uint32_t cable : m_topology->CablesOf(self)) {
        want(m_topology->cables[cable].a.netns);
        want(m_topology->cables[cable].b.netns);
      }
    }
    if (m_journey)
      for (const replay::Hop& hop : m_journey->hops) want(hop.record.netns);
    m_isUnrelated.assign(m_topology->netns.size(), true);
    // The way up: a node's switch, and the core above it, which is small.
    for (const uint32_t netns : wanted) {
      m_isUnrelated[netns] = false;
      const uint32_t rack = m_topology->RackOf(netns);
      if (rack < m_isUnrelated.size()) m_isUnrelated[rack] = false;
    }
    for (const Netns& netns : m_topology->netns) {
      if (netns.role == Role::Spine || netns.role == Role::Router) m_isUnrelated[netns.id] = false;
      if (netns.role == Role::Pod) m_isUnrelated[netns.id] = m_isUnrelated[m_topology->HostOf(netns.id)];
    }
  }
  Relayout();
}

void CanvasState::MoveSite(uint32_t site, Point to) {
  m_moved[m_topology->netns[m_layout.sites[site].netns].name] = to;
  Relayout();
}

void CanvasState::ForgetPositions() {
  m_moved.clear();
  Relayout();
}

bool CanvasState::IsCableUp(uint32_t cable) const {
  return facts ? facts->links.IsUp(cable, timeNs) : m_topology->cables[cable].up;
}

uint32_t CanvasState::MtuOf(uint32_t netns, const replay::Device& device) const {
  return facts ? facts->links.MtuAt(netns, device, timeNs) : device.mtu;
}

const replay::LinkSample* CanvasState::Sample(uint32_t cable, replay::Activity::Direction direction) const {
  return facts ? facts->activity.At(cable, direction, timeNs) : nullptr;
}

double CanvasState::Utilisation(uint32_t cable) const {
  double most = 0;
  for (const auto direction : {replay::Activity::Direction::AToB, replay::Activity::Direction::BToA})
    if (const replay::LinkSample* sample = Sample(cable, direction))
      most = std::max(most, facts->activity.Utilisation(cable, *sample));
  return most;
}

double CanvasState::HeatOf(uint32_t cable) const {
  if (!facts || heat == Heat::None) return -1;
  double most = -1;
  for (const auto direction : {replay::Activity::Direction::AToB, replay::Activity::Direction::BToA}) {
    const replay::LinkSample* sample = Sample(cable, direction);
    if (!sample) continue;
    double value = 0;
    switch (heat) {
      case Heat::None:
        break;
      case Heat::Utilisation:
        // Half the scale for the first tenth: most links of most runs are quiet.
        value = std::sqrt(facts->activity.Utilisation(cable, *sample));
        break;
      case Heat::Drops:
        if (sample->drops == 0) continue;
        value = 0.3 + 0.7 * sample->drops / std::max(HeatScaleEnd(), 1.0);
        break;
      case Heat::Queue:
        if (sample->maxQueueBytes == 0) continue;
        value = 0.1 + 0.9 * sample->maxQueueBytes / std::max(HeatScaleEnd(), 1.0);
        break;
    }
    most = std::max(most, value);
  }
  return most;
}

double CanvasState::HeatScaleEnd() const {
  if (!facts) return 0;
  switch (heat) {
    case Heat::Drops:
      return facts->activity.MostDrops();
    case Heat::Queue:
      return facts->activity.LongestQueue();
    default:
      return 1;
  }
}

const layout::NodeInside& CanvasState::Inside(uint32_t site) const {
  const auto found = m_inside.find(site);
  if (found != m_inside.end()) return found->second;
  if (m_inside.size() >= kMostInsides) m_inside.clear();
  const layout::Site& s = m_layout.sites[site];
  return m_inside.emplace(site, layout::LayOutInside(*m_topology, s.netns, s.box, Cells(s.netns))).first->second;
}

std::optional<Box> CanvasState::BoxOfNetns(uint32_t netns) const {
  if (!m_topology || netns >= m_layout.siteOf.size()) return std::nullopt;
  const uint32_t site = m_layout.siteOf[netns];
  if (site == kNone) return std::nullopt;
  if (m_layout.sites[site].netns != netns)
    if (const layout::PodBox* pod = Inside(site).FindPod(netns)) return pod->box;
  return m_layout.sites[site].box;
}

std::optional<Box> CanvasState::BoxOf(const Place& place) const {
  switch (place.kind) {
    case Place::Kind::None:
      return std::nullopt;
    case Place::Kind::Netns:
      return BoxOfNetns(place.netns);
    case Place::Kind::Device: {
      if (!m_topology || place.netns >= m_layout.siteOf.size() || m_layout.siteOf[place.netns] == kNone)
        return std::nullopt;
      const layout::DeviceBox* device = Inside(m_layout.siteOf[place.netns]).Find(place.netns, place.ifindex);
      if (device) return device->box;
      // The end of a veth whose pod is shown with others: where those are.
      const replay::Device* plan = m_topology->netns[place.netns].Find(place.ifindex);
      const bool leadsToPod = plan && plan->peer && m_topology->HostOf(plan->peer->netns) == place.netns;
      return BoxOfNetns(leadsToPod ? plan->peer->netns : place.netns);
    }
    case Place::Kind::Cable:
      if (!m_topology || place.cable >= m_layout.cableBounds.size() || m_layout.CablePath(place.cable).empty())
        return std::nullopt;
      return m_layout.cableBounds[place.cable];
  }
  return std::nullopt;
}

Place CanvasState::PlaceAt(Point p, bool deep, double tolerance) const {
  Place place;
  if (!m_topology) return place;
  const uint32_t site = m_layout.SiteAt(p);
  if (site != kNone) {
    place.kind = Place::Kind::Netns;
    place.netns = m_layout.sites[site].netns;
    if (!deep) return place;
    const layout::NodeInside& inside = Inside(site);
    for (const layout::DeviceBox& device : inside.devices) {
      if (!device.box.Contains(p)) continue;
      place.kind = Place::Kind::Device;
      place.netns = device.netns;
      place.ifindex = device.ifindex;
      return place;
    }
    for (const layout::PodBox& pod : inside.pods)
      if (pod.box.Contains(p) && pod.members.empty()) place.netns = pod.netns;
    return place;
  }
  double nearest = tolerance;
  for (uint32_t i = 0; i < m_layout.cableBounds.size(); ++i) {
    if (!m_layout.cableBounds[i].Grown(tolerance).Contains(p)) continue;
    const auto path = m_layout.CablePath(i);
    for (size_t j = 1; j < path.size(); ++j) {
      const double distance = DistanceToSegment(p, path[j - 1], path[j]);
      if (distance >= nearest) continue;
      nearest = distance;
      place.kind = Place::Kind::Cable;
      place.cable = i;
    }
  }
  return place;
}

void CanvasState::SetJourney(const replay::Journey* journey) {
  m_journey = journey;
  step = -1;
  stepShare = 1;
  pulse = -1;
  FindLegs();
}

void CanvasState::FindLegs() {
  m_legs.clear();
  m_isCableOnPath.clear();
  if (!m_topology || !m_journey) return;
  m_isCableOnPath.assign(m_topology->cables.size(), false);
  const size_t known = m_topology->netns.size();
  std::unordered_map<uint32_t, size_t> lastOfPacket, lastAt;
  for (size_t i = 0; i < m_journey->hops.size(); ++i) {
    const TraceRecord& record = m_journey->hops[i].record;
    Leg leg;
    leg.beginNs = leg.endNs = record.timeNs;
    if (record.netns >= known || m_layout.siteOf[record.netns] == kNone) {
      m_legs.push_back(std::move(leg));
      continue;
    }
    leg.from = leg.to = record.netns;
    // A copy or fragment goes on from where its original was last seen in that namespace.
    std::optional<size_t> before;
    if (const auto same = lastOfPacket.find(record.packet); same != lastOfPacket.end())
      before = same->second;
    else if (const auto there = lastAt.find(record.netns); there != lastAt.end())
      before = there->second;
    if (!before) {
      const Box box = DeviceOrNetnsBox(record.netns, record.ifindex);
      leg.points.push_back({box.x + kPathInset * box.width, box.Centre().y});
    } else {
      const TraceRecord& from = m_journey->hops[*before].record;
      leg.beginNs = from.timeNs;
      leg.from = from.netns;
      leg.points.push_back(m_legs[*before].points.back());
      const uint32_t cable = m_topology->CableAt({from.netns, from.ifindex});
      if (cable != kNone && from.netns != record.netns) {
        const replay::Cable& c = m_topology->cables[cable];
        const bool isForward = c.a == replay::CableEnd{from.netns, from.ifindex};
        if ((isForward ? c.b : c.a).netns == record.netns) {
          const auto path = m_layout.CablePath(cable);
          leg.cable = cable;
          m_isCableOnPath[cable] = true;
          std::vector<Point> way(path.begin(), path.end());
          if (!isForward) std::reverse(way.begin(), way.end());
          if (!way.empty()) Bend(leg.points, way.front(), true);
          leg.points.insert(leg.points.end(), way.begin(), way.end());
        }
      }
      GoTo(leg.points, record.netns, record.ifindex);
    }
    m_legs.push_back(std::move(leg));
    lastOfPacket[record.packet] = i;
    lastAt[record.netns] = i;
  }
}

Box CanvasState::DeviceOrNetnsBox(uint32_t netns, uint32_t ifindex) const {
  Place place;
  place.kind = ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
  place.netns = netns;
  place.ifindex = ifindex;
  Box box = BoxOf(place).value_or(Box());
  // A pod's own way goes on straight below its device.
  const uint32_t site = m_layout.siteOf[netns];
  if (ifindex == 0 && site != kNone && m_layout.sites[site].netns != netns)
    for (const layout::DeviceBox& device : Inside(site).devices)
      if (device.netns == netns) box.x = device.box.x, box.width = device.box.width;
  return box;
}

void CanvasState::Bend(std::vector<Point>& way, Point to, bool verticalLast) {
  const Point from = way.back();
  if (from.x != to.x && from.y != to.y) way.push_back(verticalLast ? Point{to.x, from.y} : Point{from.x, to.y});
  way.push_back(to);
}

void CanvasState::GoTo(std::vector<Point>& way, uint32_t netns, uint32_t ifindex) const {
  const Box box = DeviceOrNetnsBox(netns, ifindex);
  const Point from = way.back();
  const double left = box.x + kPathInset * box.width, right = box.Right() - kPathInset * box.width;
  // Beside the texts, which are in the middle.
  const bool isAbove = from.x >= left && from.x <= right && std::abs(from.x - box.Centre().x) > box.width * 0.2;
  const Point to{isAbove ? from.x : left, box.Centre().y};
  if (box.Contains(from) && way.size() == 1) return way.push_back(from);
  const uint32_t site = m_layout.siteOf[netns];
  const Box& routing = Inside(site).routing;
  const bool isInside = m_layout.sites[site].box.Grown(1).Contains(from);
  if (from.x == to.x || !isInside) {
    Bend(way, to, true);
  } else if (!routing.IsEmpty() && std::min(from.y, to.y) < routing.y + 1 && !m_layout.sites[site].isHead) {
    // From one device to another by way of routing.
    way.push_back({from.x, routing.Centre().y});
    way.push_back({to.x, routing.Centre().y});
    way.push_back(to);
  } else {
    const double middle = (from.y + to.y) / 2;
    if (from.y != to.y) {
      way.push_back({from.x, middle});
      way.push_back({to.x, middle});
    }
    way.push_back(to);
  }
}

int CanvasState::LegAt(int64_t time) const {
  int found = -1;
  for (size_t i = 0; i < m_legs.size(); ++i)
    if (!m_legs[i].points.empty() && m_legs[i].beginNs < time && time < m_legs[i].endNs) found = static_cast<int>(i);
  return found;
}

std::optional<Point> CanvasState::PacketAt() const {
  if (step < 0 || static_cast<size_t>(step) >= m_legs.size() || m_legs[static_cast<size_t>(step)].points.empty())
    return std::nullopt;
  const Leg& leg = m_legs[static_cast<size_t>(step)];
  if (stepShare < 1) return leg.At(stepShare);
  if (timeNs != leg.endNs) {
    // Between two steps: on the cable that it is on at that time.
    if (const int under = LegAt(timeNs); under >= 0) {
      const Leg& moving = m_legs[static_cast<size_t>(under)];
      return moving.At(static_cast<double>(timeNs - moving.beginNs) /
                       static_cast<double>(moving.endNs - moving.beginNs));
    }
  }
  return leg.points.back();
}

}  // namespace overlaysim::views
