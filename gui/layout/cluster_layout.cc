#include "gui/layout/cluster_layout.h"

#include <cmath>

namespace overlaysim::layout {
namespace {

using replay::Netns;
using replay::Role;
using replay::Topology;

constexpr double kNodeWidth = 160, kNodeHeight = 120;
constexpr double kSwitchWidth = 200, kSwitchHeight = 64;
constexpr double kRackPadding = 28;
constexpr double kBusHeight = 44;  ///< below a rack's switch, where its cables spread
constexpr double kRowGap = 36;     ///< between rows of nodes
constexpr double kMinGutter = 28;  ///< between columns of nodes
constexpr double kGutterLane = 4;  ///< room for one cable in it
constexpr double kRackGap = 56;
constexpr double kCoreGap = 80;
constexpr double kUplinkOfNode = 0.0914;  ///< where a cable comes down to eth0, beside its name

bool HasNodes(const Topology& topology) {
  return std::any_of(topology.netns.begin(), topology.netns.end(), [](const Netns& n) { return n.role == Role::Node; });
}

/// Where the line from the box's centre towards `to` leaves the box.
Point EdgeTowards(const Box& box, Point to) {
  const Point c = box.Centre();
  const double dx = to.x - c.x, dy = to.y - c.y;
  if (dx == 0 && dy == 0) return c;
  const double byX = dx == 0 ? 1e300 : box.width / 2 / std::abs(dx);
  const double byY = dy == 0 ? 1e300 : box.height / 2 / std::abs(dy);
  const double t = std::min({byX, byY, 1.0});
  return {c.x + dx * t, c.y + dy * t};
}

class Layouter {
 public:
  Layouter(const Topology& topology, const Positions& moved, const Options& options)
      : m_topology(topology), m_moved(moved), m_options(options) {}

  ClusterLayout Run() {
    m_out.siteOf.assign(m_topology.netns.size(), kNone);
    if (HasNodes(m_topology)) {
      MakeRacks();
      MakeCore();
      PlaceRacks();
      PlaceCore();
    } else {
      PlaceLab();
    }
    Move();
    GivePodsTheirSites();
    for (const Site& site : m_out.sites) m_out.bounds = m_out.bounds.United(site.box);
    for (const Rack& rack : m_out.racks) m_out.bounds = m_out.bounds.United(rack.box);
    LayCables();
    return std::move(m_out);
  }

 private:
  bool IsHidden(uint32_t netns) const { return netns < m_options.isHidden.size() && m_options.isHidden[netns]; }
  bool IsCollapsed(uint32_t head) const { return head < m_options.isCollapsed.size() && m_options.isCollapsed[head]; }

  uint32_t AddSite(uint32_t netns, uint32_t rack, bool isHead) {
    Site site;
    site.netns = netns;
    site.rack = rack;
    site.isHead = isHead;
    const bool isNode = rack != kNone && !isHead;
    site.box.width = isNode ? kNodeWidth : kSwitchWidth;
    site.box.height = isNode ? kNodeHeight : kSwitchHeight;
    m_out.sites.push_back(site);
    return m_out.siteOf[netns] = static_cast<uint32_t>(m_out.sites.size() - 1);
  }

  void MakeRacks() {
    std::unordered_map<uint32_t, uint32_t> rackOfHead;
    for (const Netns& node : m_topology.netns) {
      if (node.role != Role::Node || IsHidden(node.id)) continue;
      uint32_t head = m_topology.RackOf(node.id);
      if (head >= m_topology.netns.size() || m_topology.netns[head].role == Role::Node || IsHidden(head)) head = kNone;
      const auto [found, isNew] = rackOfHead.emplace(head, static_cast<uint32_t>(m_out.racks.size()));
      if (isNew) {
        Rack rack;
        if (head != kNone) {
          rack.head = AddSite(head, found->second, true);
          rack.name = m_topology.netns[head].name;
        }
        m_out.racks.push_back(std::move(rack));
      }
      Rack& rack = m_out.racks[found->second];
      if (head != kNone && IsCollapsed(head)) {
        ++rack.collapsedNodes;
        m_out.siteOf[node.id] = rack.head;
      } else {
        const uint32_t site = AddSite(node.id, found->second, false);
        m_out.sites[site].slot = static_cast<uint32_t>(rack.sites.size());
        rack.sites.push_back(site);
      }
    }
  }

  /// What is neither node nor pod nor a rack's switch: levels by the number of cables to the nearest of those.
  void MakeCore() {
    std::vector<uint32_t> level(m_topology.netns.size(), kNone), queue;
    for (const Rack& rack : m_out.racks)
      if (rack.head != kNone) queue.push_back(m_out.sites[rack.head].netns);
    for (const uint32_t head : queue) level[head] = 0;
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const uint32_t cable : m_topology.CablesOf(queue[i])) {
        const replay::Cable& c = m_topology.cables[cable];
        const uint32_t other = c.a.netns == queue[i] ? c.b.netns : c.a.netns;
        if (level[other] != kNone || !IsCore(other)) continue;
        level[other] = level[queue[i]] + 1;
        queue.push_back(other);
      }
    }
    for (const Netns& netns : m_topology.netns) {
      if (!IsCore(netns.id) || m_out.siteOf[netns.id] != kNone) continue;
      const size_t row = level[netns.id] == kNone ? 0 : level[netns.id] - 1;
      if (m_core.size() <= row) m_core.resize(row + 1);
      m_core[row].push_back(AddSite(netns.id, kNone, false));
    }
  }

  bool IsCore(uint32_t id) const {
    const Role role = m_topology.netns[id].role;
    return role != Role::Node && role != Role::Pod && !IsHidden(id) && !m_topology.netns[id].isShared;
  }

  static size_t ColumnsOfRack(size_t nodes) {
    if (nodes <= 4) return std::max<size_t>(nodes, 1);
    return static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(nodes) * 1.4)));
  }

  static double Gutter(size_t rows) { return std::clamp(kMinGutter, static_cast<double>(rows) * kGutterLane, 80.0); }

  /// Nodes and switch relative to the rack's corner.
  void ArrangeRack(Rack& rack) {
    const size_t columns = ColumnsOfRack(rack.sites.size());
    const size_t rows = (rack.sites.size() + columns - 1) / columns;
    const double gutter = Gutter(rows);
    double width = rack.sites.empty() ? 0 : static_cast<double>(columns) * (kNodeWidth + gutter) - gutter;
    // From the second row on cables come down on the left of each column.
    const double leftGutter = rows > 1 ? gutter : 0;
    width = std::max(width + leftGutter, kSwitchWidth);
    double y = kRackPadding;
    if (rack.head != kNone) {
      Box& head = m_out.sites[rack.head].box;
      head.x = kRackPadding + (width - head.width) / 2;
      head.y = y;
      y += head.height + (rack.sites.empty() ? 0 : kBusHeight);
    }
    for (size_t i = 0; i < rack.sites.size(); ++i) {
      Box& box = m_out.sites[rack.sites[i]].box;
      // Fewer nodes than the switch is wide stand in its middle.
      const double used = static_cast<double>(columns) * (kNodeWidth + gutter) - gutter + leftGutter;
      box.x = kRackPadding + (width - used) / 2 + leftGutter + static_cast<double>(i % columns) * (kNodeWidth + gutter);
      box.y = y + static_cast<double>(i / columns) * (kNodeHeight + kRowGap);
    }
    if (rows > 0) y += static_cast<double>(rows) * (kNodeHeight + kRowGap) - kRowGap;
    rack.box.width = width + 2 * kRackPadding;
    rack.box.height = y + kRackPadding;
  }

  void PlaceRacks() {
    double widest = 0, highest = 0;
    for (Rack& rack : m_out.racks) {
      ArrangeRack(rack);
      widest = std::max(widest, rack.box.width);
      highest = std::max(highest, rack.box.height);
    }
    const size_t count = m_out.racks.size();
    if (count == 0) return;
    const double n = static_cast<double>(count);
    size_t columns = count;
    const double oneRow = n * (widest + kRackGap) / (highest + 300);
    if (count > 8 || oneRow > 2.4 * m_options.aspect)
      columns = std::clamp<size_t>(static_cast<size_t>(std::lround(
                                       std::sqrt(n * m_options.aspect * (highest + kRackGap) / (widest + kRackGap)))),
                                   1, count);
    m_rackColumns = columns;
    m_rackRows = (count + columns - 1) / columns;
    std::vector<double> columnWidth(columns, 0), rowHeight(m_rackRows, 0);
    m_corridorLines.assign(columns, 0);
    for (size_t i = 0; i < count; ++i) {
      const Rack& rack = m_out.racks[i];
      columnWidth[i % columns] = std::max(columnWidth[i % columns], rack.box.width);
      rowHeight[i / columns] = std::max(rowHeight[i / columns], rack.box.height);
      if (rack.head != kNone) m_corridorLines[i % columns] += Uplinks(rack.head);
    }
    m_corridorX.assign(columns, 0);
    m_corridorWidth.assign(columns, 0);
    std::vector<double> columnX(columns, 0), rowY(m_rackRows, 0);
    double x = 0, y = 0;
    for (size_t c = 0; c < columns; ++c) {
      if (m_rackRows > 1) {
        m_corridorX[c] = x;
        m_corridorWidth[c] = std::clamp(static_cast<double>(m_corridorLines[c]) * 5.0, kRackGap, 240.0);
        x += m_corridorWidth[c];
      }
      columnX[c] = x;
      x += columnWidth[c] + kRackGap;
    }
    for (size_t r = 0; r < m_rackRows; ++r) {
      rowY[r] = y;
      y += rowHeight[r] + kRackGap;
    }
    m_racksWidth = x - kRackGap;
    for (size_t i = 0; i < count; ++i) {
      Rack& rack = m_out.racks[i];
      // Racks of a row stand in the middle of their columns and on one line.
      Shift(rack, columnX[i % columns] + (columnWidth[i % columns] - rack.box.width) / 2, rowY[i / columns]);
    }
  }

  size_t Uplinks(uint32_t site) const {
    size_t count = 0;
    const uint32_t netns = m_out.sites[site].netns;
    for (const uint32_t cable : m_topology.CablesOf(netns)) {
      const replay::Cable& c = m_topology.cables[cable];
      const uint32_t other = m_out.siteOf[c.a.netns == netns ? c.b.netns : c.a.netns];
      if (other != kNone && m_out.sites[other].rack == kNone) ++count;
    }
    return count;
  }

  void Shift(Rack& rack, double dx, double dy) {
    rack.box.x += dx;
    rack.box.y += dy;
    const auto shift = [&](uint32_t site) {
      m_out.sites[site].box.x += dx;
      m_out.sites[site].box.y += dy;
    };
    if (rack.head != kNone) shift(rack.head);
    for (const uint32_t site : rack.sites) shift(site);
  }

  void PlaceCore() {
    const double fan = std::clamp(m_racksWidth * 0.1, 140.0, 900.0);
    const double room = std::max(m_racksWidth, 6 * (kSwitchWidth + kCoreGap));
    const size_t perRow = std::max<size_t>(4, static_cast<size_t>(room / (kSwitchWidth + kCoreGap / 2)));
    double bottom = -fan;
    for (const std::vector<uint32_t>& level : m_core) {
      for (size_t begin = 0; begin < level.size(); begin += perRow) {
        const size_t count = std::min(perRow, level.size() - begin);
        // Spread out over the racks, but not so far that they look lost.
        const double step = std::clamp(m_racksWidth * 0.7 / static_cast<double>(count), kSwitchWidth + kCoreGap / 2,
                                       kSwitchWidth + 6 * kCoreGap);
        const double left = m_racksWidth / 2 - step * static_cast<double>(count) / 2 + (step - kSwitchWidth) / 2;
        for (size_t i = 0; i < count; ++i) {
          Box& box = m_out.sites[level[begin + i]].box;
          box.x = left + step * static_cast<double>(i);
          box.y = bottom - box.height;
        }
        bottom -= kSwitchHeight + kCoreGap;
      }
      bottom -= kCoreGap;
    }
    m_fan = fan;
  }

  /// A lab has no roles: columns by distance from one end of the longest way that two searches find.
  void PlaceLab() {
    std::vector<uint32_t> column(m_topology.netns.size(), kNone);
    double top = 0;
    for (const Netns& netns : m_topology.netns) {
      if (column[netns.id] != kNone || IsHidden(netns.id)) continue;
      const std::vector<uint32_t> found = Search(netns.id, column);
      for (const uint32_t id : found) column[id] = kNone;
      const std::vector<uint32_t> part = Search(found.back(), column);
      std::vector<std::vector<uint32_t>> columns(column[part.back()] + 1);
      for (const uint32_t id : part) columns[column[id]].push_back(id);
      size_t tallest = 0;
      for (const auto& ids : columns) tallest = std::max(tallest, ids.size());
      const double height = static_cast<double>(tallest) * (kNodeHeight + kRackGap);
      for (size_t c = 0; c < columns.size(); ++c) {
        const double offset = (height - static_cast<double>(columns[c].size()) * (kNodeHeight + kRackGap)) / 2;
        for (size_t i = 0; i < columns[c].size(); ++i) {
          Box& box = m_out.sites[AddSite(columns[c][i], kNone, false)].box;
          box.width = kNodeWidth;
          box.height = kNodeHeight;
          box.x = static_cast<double>(c) * (kNodeWidth + 2 * kCoreGap);
          box.y = top + offset + static_cast<double>(i) * (kNodeHeight + kRackGap);
        }
      }
      if (columns.size() == 1 && columns[0].size() == 1)
        m_lone.push_back(m_out.siteOf[columns[0][0]]);
      else
        top += height;
    }
    // Those that hang on nothing become a grid.
    const auto columns = static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(m_lone.size()) * 1.4)));
    for (size_t i = 0; i < m_lone.size(); ++i) {
      Box& box = m_out.sites[m_lone[i]].box;
      box.x = static_cast<double>(i % columns) * (kNodeWidth + kRackGap);
      box.y = top + static_cast<double>(i / columns) * (kNodeHeight + kRackGap);
    }
  }

  /// The connected namespaces in order of their distance, which goes to `distance`.
  std::vector<uint32_t> Search(uint32_t from, std::vector<uint32_t>& distance) const {
    std::vector<uint32_t> queue{from};
    distance[from] = 0;
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const uint32_t cable : m_topology.CablesOf(queue[i])) {
        const replay::Cable& c = m_topology.cables[cable];
        const uint32_t other = c.a.netns == queue[i] ? c.b.netns : c.a.netns;
        if (distance[other] != kNone || IsHidden(other)) continue;
        distance[other] = distance[queue[i]] + 1;
        queue.push_back(other);
      }
    }
    return queue;
  }

  void Move() {
    m_isMoved.assign(m_out.sites.size(), false);
    if (m_moved.empty()) return;
    const auto find = [&](uint32_t site) {
      const auto found = m_moved.find(m_topology.netns[m_out.sites[site].netns].name);
      return found == m_moved.end() ? nullptr : &found->second;
    };
    for (Rack& rack : m_out.racks) {
      if (rack.head == kNone) continue;
      const Point* to = find(rack.head);
      if (!to) continue;
      const Box& head = m_out.sites[rack.head].box;
      Shift(rack, to->x - head.x, to->y - head.y);
      m_isMoved[rack.head] = true;
    }
    for (uint32_t i = 0; i < m_out.sites.size(); ++i) {
      if (m_out.sites[i].isHead) continue;
      const Point* to = find(i);
      if (!to) continue;
      m_out.sites[i].box.x = to->x;
      m_out.sites[i].box.y = to->y;
      m_isMoved[i] = true;
      if (m_out.sites[i].rack != kNone) {
        Box& rack = m_out.racks[m_out.sites[i].rack].box;
        rack = rack.United(m_out.sites[i].box.Grown(kRackPadding));
      }
    }
  }

  void GivePodsTheirSites() {
    for (const Netns& netns : m_topology.netns) {
      if (m_out.siteOf[netns.id] != kNone || IsHidden(netns.id)) continue;
      const uint32_t host = m_topology.HostOf(netns.id);
      if (host < m_out.siteOf.size()) m_out.siteOf[netns.id] = m_out.siteOf[host];
    }
  }

  void LayCables() {
    const size_t count = m_topology.cables.size();
    m_out.cableBegin.assign(count + 1, 0);
    m_out.cableBounds.assign(count, {});
    CountEnds();
    for (size_t i = 0; i < count; ++i) {
      m_out.cableBegin[i] = static_cast<uint32_t>(m_out.cablePoints.size());
      LayCable(m_topology.cables[i]);
      double left = 1e300, top = 1e300, right = -1e300, bottom = -1e300;
      for (size_t p = m_out.cableBegin[i]; p < m_out.cablePoints.size(); ++p) {
        const Point& at = m_out.cablePoints[p];
        left = std::min(left, at.x), right = std::max(right, at.x);
        top = std::min(top, at.y), bottom = std::max(bottom, at.y);
      }
      if (m_out.cablePoints.size() > m_out.cableBegin[i])
        m_out.cableBounds[i] = Box{left, top, right - left, bottom - top}.Grown(1);
    }
    m_out.cableBegin[count] = static_cast<uint32_t>(m_out.cablePoints.size());
  }

  /// How many cables end at each site's top, and at its bottom: they are spread over the edge.
  void CountEnds() {
    m_above.assign(m_out.sites.size(), {});
    m_below.assign(m_out.sites.size(), {});
    for (const replay::Cable& cable : m_topology.cables) {
      const uint32_t a = m_out.siteOf[cable.a.netns], b = m_out.siteOf[cable.b.netns];
      if (a == kNone || b == kNone || a == b) continue;
      const bool aIsUpper = IsUpper(a, b);
      ++m_below[aIsUpper ? a : b].count;
      ++m_above[aIsUpper ? b : a].count;
    }
  }

  bool IsUpper(uint32_t a, uint32_t b) const { return m_out.sites[a].box.y < m_out.sites[b].box.y; }

  void LayCable(const replay::Cable& cable) {
    const uint32_t a = m_out.siteOf[cable.a.netns], b = m_out.siteOf[cable.b.netns];
    if (a == kNone || b == kNone || a == b) return;
    const uint32_t upper = IsUpper(a, b) ? a : b, lower = upper == a ? b : a;
    const size_t begin = m_out.cablePoints.size();
    const Site &u = m_out.sites[upper], &l = m_out.sites[lower];
    const double below = m_below[upper].Next(), above = m_above[lower].Next();
    if (m_isMoved[upper] || m_isMoved[lower])
      Straight(u.box, l.box);
    else if (u.isHead && !l.isHead && u.rack == l.rack)
      InRack(m_out.racks[u.rack], u, l);
    else if (u.rack == kNone && l.isHead)
      ToRack(u, l, below, above);
    else if (u.rack == kNone && l.rack == kNone && u.box.y + u.box.height <= l.box.y && !m_out.racks.empty())
      m_out.cablePoints.insert(m_out.cablePoints.end(), {{u.box.x + u.box.width * below, u.box.Bottom()},
                                                         {l.box.x + l.box.width * above, l.box.y}});
    else
      Straight(u.box, l.box);
    if (upper != a)
      std::reverse(m_out.cablePoints.begin() + static_cast<std::ptrdiff_t>(begin), m_out.cablePoints.end());
  }

  void Straight(const Box& from, const Box& to) {
    m_out.cablePoints.push_back(EdgeTowards(from, to.Centre()));
    m_out.cablePoints.push_back(EdgeTowards(to, from.Centre()));
  }

  /// From the switch's bottom along the bus, through the gutter beside the node's column, to eth0 on the node's top.
  void InRack(const Rack& rack, const Site& head, const Site& node) {
    const size_t index = node.slot;
    const size_t columns = ColumnsOfRack(rack.sites.size());
    const size_t row = index / columns, rows = (rack.sites.size() + columns - 1) / columns;
    const double share = (static_cast<double>(index) + 1) / (static_cast<double>(rack.sites.size()) + 1);
    const double x = head.box.x + head.box.width * share;
    const double eth0 = node.box.x + node.box.width * kUplinkOfNode;
    auto& points = m_out.cablePoints;
    points.push_back({x, head.box.Bottom()});
    // Each has a lane of the bus: those to nodes further out run higher, so that none crosses another's drop.
    const double centre = head.box.Centre().x;
    const double reach = std::abs(eth0 - centre) / std::max(rack.box.width / 2, 1.0);
    const double bus = head.box.Bottom() + kBusHeight * (0.8 - 0.6 * std::min(reach, 1.0));
    points.push_back({x, bus});
    if (row == 0) {
      points.push_back({eth0, bus});
    } else {
      const double gutter = Gutter(rows);
      const double lane = node.box.x - gutter + gutter * static_cast<double>(row) / static_cast<double>(rows);
      const double above = node.box.y - kRowGap / 2;
      points.push_back({lane, bus});
      points.push_back({lane, above});
      points.push_back({eth0, above});
    }
    points.push_back({eth0, node.box.y});
  }

  void ToRack(const Site& core, const Site& head, double below, double above) {
    auto& points = m_out.cablePoints;
    points.push_back({core.box.x + core.box.width * below, core.box.Bottom()});
    if (m_rackRows > 1) {
      const size_t column = head.rack % m_rackColumns;
      const double lines = static_cast<double>(m_corridorLines[column]) + 1;
      const double x =
          m_corridorX[column] + m_corridorWidth[column] * static_cast<double>(++m_corridorUsed[column]) / lines;
      const double y = head.box.y + head.box.height * above;
      points.push_back({x, -std::min(m_fan * 0.25, 60.0)});
      points.push_back({x, y});
      points.push_back({head.box.x, y});
    } else {
      points.push_back({head.box.x + head.box.width * above, head.box.y});
    }
  }

  struct Ends {
    size_t count = 0, used = 0;
    /// The share of the edge at which the next one ends.
    double Next() { return static_cast<double>(++used) / static_cast<double>(count + 1); }
  };

  const Topology& m_topology;
  const Positions& m_moved;
  const Options& m_options;
  ClusterLayout m_out;
  std::vector<std::vector<uint32_t>> m_core;  ///< sites by level, the lowest first
  std::vector<uint32_t> m_lone;
  std::vector<bool> m_isMoved;
  std::vector<Ends> m_above, m_below;
  size_t m_rackColumns = 1, m_rackRows = 1;
  std::vector<size_t> m_corridorLines;
  std::unordered_map<size_t, size_t> m_corridorUsed;
  std::vector<double> m_corridorX, m_corridorWidth;
  double m_racksWidth = 0, m_fan = 0;
};

}  // namespace

uint32_t ClusterLayout::SiteAt(Point p) const {
  for (size_t i = sites.size(); i-- > 0;)
    if (sites[i].box.Contains(p)) return static_cast<uint32_t>(i);
  return kNone;
}

uint32_t ClusterLayout::RackAt(Point p) const {
  for (size_t i = racks.size(); i-- > 0;)
    if (racks[i].box.Contains(p)) return static_cast<uint32_t>(i);
  return kNone;
}

ClusterLayout LayOut(const replay::Topology& topology, const Positions& moved, const Options& options) {
  return Layouter(topology, moved, options).Run();
}

}  // namespace overlaysim::layout
