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

std::vector<Edge> Counted(const std::map<std::pair<uint32_t, uint32_t>, uint32_t>& counts) {
  std::vector<Edge> edges;
  for (const auto& [ends, count] : counts) edges.push_back({ends.first, ends.second, count});
  std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.count > b.count; });
  if (edges.size() > kMostEdges) edges.resize(kMostEdges);
  return edges;
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

void CanvasState::SetTopology(const replay::Topology* topology, layout::Positions moved) {
  const Lens keptLens = lens;
  const Heat keptHeat = heat;
  const bool keptFocus = isFocused;
  *this = CanvasState();
  lens = keptLens;
  heat = keptHeat;
  isFocused = keptFocus;
  m_topology = topology;
  m_moved = std::move(moved);
  if (!topology) return;
  m_isCollapsed.assign(topology->netns.size(), false);
  m_isHidden.assign(topology->netns.size(), false);
  for (const Netns& netns : topology->netns)
    if (netns.role == Role::Pod) ++m_podNamespaces[std::string(netns.PodNamespace())];
  FindEdges();
  Relayout();
}

void CanvasState::Relayout() {
  m_inside.clear();
  if (!m_topology) return;
  layout::Options options;
  options.isCollapsed = m_isCollapsed;
  if (m_onlyRelated) options.isHidden = m_isHidden;
  m_layout = layout::LayOut(*m_topology, m_moved, options);
  // Flows between sites depend on what is collapsed.
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> counts;
  for (const Edge& flow : m_flows) {
    const uint32_t a = m_layout.siteOf[flow.from], b = m_layout.siteOf[flow.to];
    if (a != kNone && b != kNone && a != b) counts[{m_layout.sites[a].netns, m_layout.sites[b].netns}] += flow.count;
  }
  m_siteFlows = Counted(counts);
  FindLegs();
}

void CanvasState::FindEdges() {
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> flows, tunnels;
  for (const replay::Workload& workload : m_topology->workloads) {
    if (!workload.from || !workload.to || *workload.from == *workload.to) continue;
    ++flows[{*workload.from, *workload.to}];
    const uint32_t a = m_topology->HostOf(*workload.from), b = m_topology->HostOf(*workload.to);
    const auto isNode = [&](uint32_t id) { return id != kNone && m_topology->netns[id].role == Role::Node; };
    if (a != b && isNode(a) && isNode(b)) ++tunnels[{std::min(a, b), std::max(a, b)}];
  }
  m_flows = Counted(flows);
  m_tunnels = Counted(tunnels);
}

void CanvasState::SetNamespaceHidden(const std::string& podNamespace, bool hidden) {
  if (hidden)
    m_hiddenNamespaces.insert(podNamespace);
  else
    m_hiddenNamespaces.erase(podNamespace);
}

bool CanvasState::IsNamespaceHidden(std::string_view podNamespace) const {
  return m_hiddenNamespaces.find(podNamespace) != m_hiddenNamespaces.end();
}

bool CanvasState::IsPodShown(uint32_t pod) const {
  return m_hiddenNamespaces.empty() || !IsNamespaceHidden(m_topology->netns[pod].PodNamespace());
}

void CanvasState::SetRackCollapsed(uint32_t head, bool collapsed) {
  if (head >= m_isCollapsed.size() || m_isCollapsed[head] == collapsed) return;
  m_isCollapsed[head] = collapsed;
  Relayout();
}

void CanvasState::CollapseAll(bool collapsed) {
  for (const layout::Rack& rack : m_layout.racks)
    if (rack.head != kNone) m_isCollapsed[m_layout.sites[rack.head].netns] = collapsed;
  Relayout();
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
    m_isHidden.assign(m_topology->netns.size(), true);
    // The way up: a node's switch, and the core above it, which is small.
    for (const uint32_t netns : wanted) {
      m_isHidden[netns] = false;
      const uint32_t rack = m_topology->RackOf(netns);
      if (rack < m_isHidden.size()) m_isHidden[rack] = false;
    }
    for (const Netns& netns : m_topology->netns) {
      if (netns.role == Role::Spine || netns.role == Role::Router) m_isHidden[netns.id] = false;
      if (netns.role == Role::Pod) m_isHidden[netns.id] = m_isHidden[m_topology->HostOf(netns.id)];
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
  return m_inside.emplace(site, layout::LayOutInside(*m_topology, s.netns, s.box)).first->second;
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
      return device ? device->box : BoxOfNetns(place.netns);
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
      if (pod.box.Contains(p) && IsPodShown(pod.netns)) place.netns = pod.netns;
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
