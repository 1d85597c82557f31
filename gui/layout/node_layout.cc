#include "gui/layout/node_layout.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace overlaysim::layout {
namespace {

using replay::Device;
using replay::Netns;
using replay::Topology;

// Heights as shares of the box's.
constexpr double kMargin = 0.035;
constexpr double kTitle = 0.13;
constexpr double kDevicesTop = 0.17, kDevicesHeight = 0.13;
constexpr double kRoutingTop = 0.36, kRoutingHeight = 0.035;
constexpr double kBridgeTop = 0.46, kBridgeHeight = 0.09;
constexpr double kPodsTop = 0.60;
constexpr double kTabShare = 0.26;  ///< of a pod's cell: its veth's two ends

bool IsLoopback(const Device& device) { return device.name == "lo"; }

/// Kernels name the pod's side of things thus where a plan does not say which veth is whose.
bool LooksLikePodPort(const Device& device) {
  for (const std::string_view prefix : {"veth", "cali", "lxc"})
    if (device.name.starts_with(prefix)) return true;
  return false;
}

class Inside {
 public:
  Inside(const Topology& topology, uint32_t id, const Box& box, const std::vector<PodCell>& cells)
      : m_topology(topology), m_netns(topology.netns[id]), m_box(box), m_pods(topology.PodsOf(id)), m_cells(cells) {}

  NodeInside Run() {
    const double margin = kMargin * m_box.height;
    m_out.title = {m_box.x + margin, m_box.y + margin / 2, m_box.width - 2 * margin, kTitle * m_box.height};
    Sort();
    const bool hasPods = !m_pods.empty();
    const bool isNode = m_netns.role == replay::Role::Node || hasPods;
    if (isNode) {
      PlaceRow(m_upper, kDevicesTop, kDevicesHeight);
      PlaceRouting();
      PlaceRow(m_bridges, kBridgeTop, kBridgeHeight);
      PlacePods();
    } else {
      PlaceSwitch();
    }
    WireUpper();
    return std::move(m_out);
  }

 private:
  void Sort() {
    std::unordered_set<std::string_view> masters;
    for (const Device& device : m_netns.devices) {
      masters.insert(device.master);
      m_knowsPeers = m_knowsPeers || device.peer;
    }
    for (const Device& device : m_netns.devices) {
      if (IsLoopback(device)) continue;
      const bool isBridge = masters.count(device.name) > 0;
      if (m_topology.CableAt({m_netns.id, device.ifindex}) != Topology::kNone)
        m_upper.push_back(&device), m_kinds.push_back(DeviceBox::Kind::Uplink);
      else if (isBridge || device.kind == "bridge" || device.kind == "openvswitch" || device.name.starts_with("cni") ||
               device.name.starts_with("br"))
        m_bridges.push_back(&device);
      else if (IsPodPort(device))
        NotePort(device);
      else
        m_others.push_back(&device);
    }
    for (const Device* device : m_others) m_upper.push_back(device), m_kinds.push_back(DeviceBox::Kind::Other);
  }

  bool IsPodPort(const Device& device) const {
    if (m_pods.empty()) return false;
    if (!m_knowsPeers) return LooksLikePodPort(device);
    return device.peer && device.peer->netns != m_netns.id && m_topology.HostOf(device.peer->netns) == m_netns.id;
  }

  void NotePort(const Device& device) {
    m_ports.push_back(&device);
    if (device.peer) m_portOf.try_emplace(device.peer->netns, &device);
  }

  /// The node's end of the pod's veth; of a plan that does not say which, the next one.
  const Device* PortOf(const Netns& pod, size_t& next) const {
    if (pod.isShared) return nullptr;
    if (!m_knowsPeers) return next < m_ports.size() ? m_ports[next++] : nullptr;
    const auto port = m_portOf.find(pod.id);
    return port == m_portOf.end() ? nullptr : port->second;
  }

  /// The pod's device at the other end, else its first.
  static const Device* EthOf(const Netns& pod, const Device* port) {
    const Device* first = nullptr;
    for (const Device& device : pod.devices) {
      if (IsLoopback(device)) continue;
      if (port && port->peer && port->peer->ifindex == device.ifindex) return &device;
      if (!first) first = &device;
    }
    return first;
  }

  DeviceBox::Kind KindOf(const Device* device) const {
    const auto at = std::find(m_upper.begin(), m_upper.end(), device);
    return at == m_upper.end() ? DeviceBox::Kind::Bridge : m_kinds[static_cast<size_t>(at - m_upper.begin())];
  }

  void PlaceRow(const std::vector<const Device*>& row, double top, double height) {
    if (row.empty()) return;
    const double margin = kMargin * m_box.height, n = static_cast<double>(row.size());
    const double room = m_box.width - 2 * margin;
    const bool isBridges = &row == &m_bridges;
    // The cable comes down at a quarter of the width: eth0 stands under it. Bridges are as wide as their pods.
    const double cell = isBridges ? room / n : std::min(room / n, 0.46 * m_box.width);
    const double gap = isBridges && row.size() == 1 ? 0 : std::min(cell * 0.1, margin);
    for (size_t i = 0; i < row.size(); ++i) {
      DeviceBox device;
      device.kind = isBridges ? DeviceBox::Kind::Bridge : KindOf(row[i]);
      device.netns = m_netns.id;
      device.ifindex = row[i]->ifindex;
      device.box = {m_box.x + margin + cell * static_cast<double>(i) + gap / 2, m_box.y + top * m_box.height,
                    cell - gap, height * m_box.height};
      m_out.devices.push_back(device);
    }
  }

  void PlaceRouting() {
    const double margin = kMargin * m_box.height;
    m_out.routing = {m_box.x + margin, m_box.y + kRoutingTop * m_box.height, m_box.width - 2 * margin,
                     kRoutingHeight * m_box.height};
  }

  void PlacePods() {
    const PodGrid grid = PodGridOf(m_cells.size(), m_box);
    m_out.podArea = grid.area;
    size_t next = 0;
    for (size_t i = 0; i < m_cells.size(); ++i) {
      const Box cell = grid.Cell(i);
      PodBox box;
      box.netns = m_cells[i].pods.front();
      box.box = cell;
      if (!m_cells[i].group.empty()) {
        box.members = m_cells[i].pods;
        box.group = m_cells[i].group;
        if (const Device* veth = PortOf(m_topology.netns[box.netns], next)) WirePod(*veth, grid, i, cell, 0);
        m_out.pods.push_back(std::move(box));
        continue;
      }
      const Netns& pod = m_topology.netns[box.netns];
      box.isHostNetwork = pod.isShared;
      const Device* veth = PortOf(pod, next);
      const Device* eth = EthOf(pod, veth);
      if (eth && veth) {
        const double tab = cell.height * kTabShare;
        box.box = {cell.x, cell.y + tab * 2, cell.width, cell.height - tab * 2};
        m_out.devices.push_back({DeviceBox::Kind::PodPort,
                                 m_netns.id,
                                 veth->ifindex,
                                 {cell.x + cell.width * 0.06, cell.y, cell.width * 0.88, tab * 0.86}});
        m_out.devices.push_back({DeviceBox::Kind::PodEth,
                                 pod.id,
                                 eth->ifindex,
                                 {cell.x + cell.width * 0.06, cell.y + tab * 1.14, cell.width * 0.88, tab * 0.86}});
        WirePod(*veth, grid, i, cell, tab);
      }
      m_out.pods.push_back(std::move(box));
    }
  }

  /// From the bridge (or, with none, from routing) down the gutter beside the column to the veth, and on to the pod.
  /// @param tab  height of the veth's ends; 0: the pod is shown with others, without them
  void WirePod(const Device& veth, const PodGrid& grid, size_t index, const Box& cell, double tab) {
    const DeviceBox* bridge = Named(veth.master);
    const Box& from = bridge ? bridge->box : m_out.routing;
    Wire wire;
    wire.netns = m_netns.id;
    wire.ifindex = veth.ifindex;
    const double y = tab == 0 ? cell.Centre().y : cell.y + tab * 0.43;
    if (index < grid.columns) {
      const double x = std::clamp(cell.Centre().x, from.x, from.Right());
      wire.points = {{x, from.Bottom()}, {x, cell.y}};
    } else {
      const double gutter = grid.area.width / static_cast<double>(grid.columns) - cell.width;
      const double x = cell.x - gutter * 0.5;
      wire.points = {{std::max(x, from.x), from.Bottom()},
                     {std::max(x, from.x), y},
                     {cell.x + cell.width * (tab == 0 ? 0 : 0.06), y}};
    }
    m_out.wires.push_back(std::move(wire));
    if (tab == 0) return;
    const double x = cell.Centre().x;
    m_out.wires.push_back({{{x, cell.y + tab * 0.86}, {x, cell.y + tab * 1.14}}, m_netns.id, veth.ifindex});
  }

  /// A switch has ports and what they are joined to.
  void PlaceSwitch() {
    const bool bridges = !m_bridges.empty();
    const double margin = kMargin * m_box.height;
    const double top = 0.24;
    if (bridges)
      PlaceRow(m_bridges, 0.44, 0.16);
    else
      m_out.routing = {m_box.x + margin, m_box.y + 0.5 * m_box.height, m_box.width - 2 * margin, 0.05 * m_box.height};
    // Ports are where their cables are: a leaf's to nodes below, all others' to the racks below.
    const auto isBelow = [&](const Device* port) {
      const uint32_t cable = m_topology.CableAt({m_netns.id, port->ifindex});
      if (cable == Topology::kNone) return false;
      const replay::Cable& c = m_topology.cables[cable];
      const uint32_t other = c.a.netns == m_netns.id ? c.b.netns : c.a.netns;
      if (other >= m_topology.netns.size()) return false;
      const auto rank = [](replay::Role role) {
        return role == replay::Role::Node ? 0 : role == replay::Role::Leaf ? 1 : 2;
      };
      return rank(m_topology.netns[other].role) < rank(m_netns.role);
    };
    std::vector<const Device*> rows[2];
    for (const Device* port : m_upper) rows[isBelow(port)].push_back(port);
    const double tops[2] = {bridges ? top - 0.02 : top, 0.68};
    for (int row = 0; row < 2; ++row) {
      const double room = m_box.width - 2 * margin, count = static_cast<double>(rows[row].size());
      const double cell = std::min(room / std::max(count, 1.0), 0.34 * m_box.width);
      double x = m_box.x + margin + (room - cell * count) / 2;
      for (const Device* port : rows[row]) {
        m_out.devices.push_back(
            {KindOf(port),
             m_netns.id,
             port->ifindex,
             {x + cell * 0.04, m_box.y + tops[row] * m_box.height, cell * 0.92, 0.16 * m_box.height}});
        x += cell;
      }
    }
  }

  void WireUpper() {
    const size_t count = m_out.devices.size();
    for (size_t i = 0; i < count; ++i) {
      const DeviceBox& device = m_out.devices[i];
      if (device.netns != m_netns.id || device.kind == DeviceBox::Kind::PodPort) continue;
      const Device* info = m_netns.Find(device.ifindex);
      const DeviceBox* bridge = info ? Named(info->master) : nullptr;
      if (device.kind == DeviceBox::Kind::Bridge && m_out.routing.IsEmpty()) continue;
      const Box& to = bridge ? bridge->box : m_out.routing;
      if (to.IsEmpty()) continue;
      const double x = std::clamp(device.box.Centre().x, to.x, to.Right());
      if (device.box.Bottom() <= to.y)
        m_out.wires.push_back({{{x, device.box.Bottom()}, {x, to.y}}, m_netns.id, device.ifindex});
      else
        m_out.wires.push_back({{{x, to.Bottom()}, {x, device.box.y}}, m_netns.id, device.ifindex});
    }
  }

  const DeviceBox* Named(const std::string& device) const {
    if (device.empty()) return nullptr;
    const Device* info = m_netns.Find(device);
    return info ? m_out.Find(m_netns.id, info->ifindex) : nullptr;
  }

  const Topology& m_topology;
  const Netns& m_netns;
  const Box m_box;
  std::span<const uint32_t> m_pods;
  const std::vector<PodCell>& m_cells;
  NodeInside m_out;
  bool m_knowsPeers = false;                             ///< the plan says where veths lead to
  std::unordered_map<uint32_t, const Device*> m_portOf;  ///< by pod
  std::vector<const Device*> m_upper, m_others, m_bridges, m_ports;
  std::vector<DeviceBox::Kind> m_kinds;  ///< of m_upper
};

}  // namespace

const DeviceBox* NodeInside::Find(uint32_t netns, uint32_t ifindex) const {
  for (const DeviceBox& device : devices)
    if (device.netns == netns && device.ifindex == ifindex) return &device;
  return nullptr;
}

const PodBox* NodeInside::FindPod(uint32_t netns) const {
  for (const PodBox& pod : pods)
    if (pod.netns == netns || std::find(pod.members.begin(), pod.members.end(), netns) != pod.members.end())
      return &pod;
  return nullptr;
}

NodeInside LayOutInside(const Topology& topology, uint32_t netns, const Box& box, const std::vector<PodCell>& pods) {
  return Inside(topology, netns, box, pods).Run();
}

NodeInside LayOutInside(const Topology& topology, uint32_t netns, const Box& box) {
  std::vector<PodCell> cells;
  for (const uint32_t pod : topology.PodsOf(netns)) cells.push_back({{pod}, {}});
  return LayOutInside(topology, netns, box, cells);
}

Box PodGrid::Cell(size_t index) const {
  const double width = area.width / static_cast<double>(columns), height = area.height / static_cast<double>(rows);
  const double gapX = width * 0.14, gapY = height * 0.10;
  return {area.x + width * static_cast<double>(index % columns) + gapX / 2,
          area.y + height * static_cast<double>(index / columns) + gapY / 2, width - gapX, height - gapY};
}

PodGrid PodGridOf(size_t pods, const Box& box) {
  PodGrid grid;
  const double margin = kMargin * box.height;
  grid.area = {box.x + margin, box.y + kPodsTop * box.height, box.width - 2 * margin,
               (1 - kPodsTop) * box.height - margin};
  if (pods == 0) return grid;
  const double n = static_cast<double>(pods);
  // Cells somewhat wider than high.
  grid.columns = std::clamp<size_t>(
      static_cast<size_t>(std::ceil(std::sqrt(n * grid.area.width / grid.area.height / 1.5))), 1, pods);
  grid.rows = (pods + grid.columns - 1) / grid.columns;
  // One or two pods do not fill the whole width.
  const double widest = grid.area.height / static_cast<double>(grid.rows) * 2.2;
  const double width = std::min(grid.area.width, widest * static_cast<double>(grid.columns));
  grid.area.x += (grid.area.width - width) / 2;
  grid.area.width = width;
  return grid;
}

}  // namespace overlaysim::layout
