#include "gui/itemmodels/outline_model.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

namespace overlaysim::itemmodels {
namespace {

using replay::Netns;
using replay::Role;
using replay::Topology;

constexpr uint32_t kNone = Topology::kNone;

QString Text(const std::string& text) { return QString::fromStdString(text); }

}  // namespace

quintptr OutlineModel::Pack(Node node) {
  static_assert(sizeof(quintptr) >= 8);
  return quintptr{static_cast<uint8_t>(node.kind)} << 60 | quintptr{node.device & 0xfffffff} << 32 | node.number;
}

OutlineModel::Node OutlineModel::Unpack(quintptr id) {
  return {static_cast<Kind>(id >> 60), static_cast<uint32_t>(id & 0xffffffff),
          static_cast<uint32_t>(id >> 32 & 0xfffffff)};
}

void OutlineModel::SetTopology(const Topology* topology) {
  beginResetModel();
  m_topology = topology;
  m_links = nullptr;
  m_groups.clear();
  m_groupOf.clear();
  m_rowOf.clear();
  if (topology) {
    m_groupOf.assign(topology->netns.size(), kNone);
    m_rowOf.assign(topology->netns.size(), 0);
    // What is above the racks first, then rack by rack, the switch before its nodes.
    std::unordered_map<uint32_t, size_t> groupOf;
    std::vector<bool> isHead(topology->netns.size(), false);
    for (const Netns& netns : topology->netns)
      if (netns.role == Role::Node)
        if (const uint32_t rack = topology->RackOf(netns.id); rack < isHead.size()) isHead[rack] = true;
    const auto add = [&](uint32_t head, uint32_t site) {
      const auto [found, isNew] = groupOf.emplace(head, m_groups.size());
      if (isNew) {
        m_groups.emplace_back();
        m_groups.back().head = head;
        if (head != kNone && head != site) {
          m_groupOf[head] = static_cast<uint32_t>(found->second);
          m_groups.back().sites.push_back(head);
        }
      }
      m_groupOf[site] = static_cast<uint32_t>(found->second);
      m_rowOf[site] = static_cast<uint32_t>(m_groups[found->second].sites.size());
      m_groups[found->second].sites.push_back(site);
    };
    const auto isPod = [&](const Netns& netns) {
      return netns.role == Role::Pod && topology->HostOf(netns.id) != netns.id;
    };
    for (const Netns& netns : topology->netns)
      if (netns.role != Role::Node && !isPod(netns) && !isHead[netns.id]) add(kNone, netns.id);
    for (const Netns& netns : topology->netns) {
      if (netns.role != Role::Node) continue;
      const uint32_t rack = topology->RackOf(netns.id);
      add(rack < topology->netns.size() && rack != netns.id ? rack : kNone, netns.id);
    }
    for (const Netns& netns : topology->netns) {
      if (isPod(netns)) continue;
      uint32_t row = 0;
      for (const uint32_t pod : topology->PodsOf(netns.id)) m_rowOf[pod] = row++;
    }
  }
  endResetModel();
}

void OutlineModel::SetTime(const replay::LinkHistory* links, int64_t timeNs) {
  const replay::LinkHistory* history = links ? links : m_links;
  const auto beginning = std::numeric_limits<int64_t>::min();  // as the plan has it
  const int64_t from = m_links ? m_timeNs : beginning, to = links ? timeNs : beginning;
  m_links = links;
  m_timeNs = timeNs;
  if (!m_topology || !history) return;
  for (const replay::CableEnd& end : history->MtuChangesBetween(from, to))
    if (const QModelIndex row = IndexOf(end.netns, end.ifindex); row.isValid())
      emit dataChanged(row.siblingAtColumn(1), row.siblingAtColumn(1), {Qt::DisplayRole, Qt::AccessibleTextRole});
}

std::vector<uint32_t> OutlineModel::ShownDevices(uint32_t netns) const {
  std::vector<uint32_t> places;
  const auto& devices = m_topology->netns[netns].devices;
  for (uint32_t i = 0; i < devices.size(); ++i)
    if (devices[i].name != "lo") places.push_back(i);
  return places;
}

QModelIndex OutlineModel::IndexOfNetns(uint32_t netns) const {
  if (!m_topology || netns >= m_topology->netns.size()) return {};
  if (m_groupOf[netns] != kNone) return createIndex(static_cast<int>(m_rowOf[netns]), 0, Pack({Kind::Site, netns, 0}));
  const uint32_t host = m_topology->HostOf(netns);
  if (host >= m_topology->netns.size() || m_groupOf[host] == kNone) return {};
  return createIndex(static_cast<int>(m_rowOf[netns]), 0, Pack({Kind::Pod, netns, 0}));
}

QModelIndex OutlineModel::IndexOf(uint32_t netns, uint32_t ifindex) const {
  const QModelIndex owner = IndexOfNetns(netns);
  if (!owner.isValid() || ifindex == 0) return owner;
  const std::vector<uint32_t> devices = ShownDevices(netns);
  for (size_t i = 0; i < devices.size(); ++i) {
    if (m_topology->netns[netns].devices[devices[i]].ifindex != ifindex) continue;
    const size_t pods = m_groupOf[netns] != kNone ? m_topology->PodsOf(netns).size() : 0;
    return createIndex(static_cast<int>(pods + i), 0, Pack({Kind::Device, netns, devices[i]}));
  }
  return {};
}

QModelIndex OutlineModel::index(int row, int column, const QModelIndex& parentIndex) const {
  if (!hasIndex(row, column, parentIndex)) return {};
  const Node up = NodeOf(parentIndex);
  const auto at = static_cast<size_t>(row);
  switch (up.kind) {
    case Kind::None:
      return createIndex(row, column, Pack({Kind::Group, static_cast<uint32_t>(row), 0}));
    case Kind::Group:
      return createIndex(row, column, Pack({Kind::Site, m_groups[up.number].sites[at], 0}));
    case Kind::Site: {
      const auto pods = m_topology->PodsOf(up.number);
      if (at < pods.size()) return createIndex(row, column, Pack({Kind::Pod, pods[at], 0}));
      return createIndex(row, column, Pack({Kind::Device, up.number, ShownDevices(up.number)[at - pods.size()]}));
    }
    case Kind::Pod:
      return createIndex(row, column, Pack({Kind::Device, up.number, ShownDevices(up.number)[at]}));
    case Kind::Device:
      break;
  }
  return {};
}

QModelIndex OutlineModel::parent(const QModelIndex& child) const {
  const Node node = NodeOf(child);
  switch (node.kind) {
    case Kind::None:
    case Kind::Group:
      return {};
    case Kind::Site: {
      const uint32_t group = m_groupOf[node.number];
      return createIndex(static_cast<int>(group), 0, Pack({Kind::Group, group, 0}));
    }
    case Kind::Pod:
      return IndexOfNetns(m_topology->HostOf(node.number));
    case Kind::Device:
      return IndexOfNetns(node.number);
  }
  return {};
}

int OutlineModel::rowCount(const QModelIndex& parentIndex) const {
  if (!m_topology || parentIndex.column() > 0) return 0;
  const Node node = NodeOf(parentIndex);
  switch (node.kind) {
    case Kind::None:
      return static_cast<int>(m_groups.size());
    case Kind::Group:
      return static_cast<int>(m_groups[node.number].sites.size());
    case Kind::Site:
      return static_cast<int>(m_topology->PodsOf(node.number).size() + ShownDevices(node.number).size());
    case Kind::Pod:
      return static_cast<int>(ShownDevices(node.number).size());
    case Kind::Device:
      return 0;
  }
  return 0;
}

int OutlineModel::columnCount(const QModelIndex&) const { return 2; }

std::optional<OutlineModel::Entry> OutlineModel::EntryAt(const QModelIndex& index) const {
  const Node node = NodeOf(index);
  switch (node.kind) {
    case Kind::None:
      return std::nullopt;
    case Kind::Group:
      return Entry{true, m_groups[node.number].head, 0};
    case Kind::Site:
    case Kind::Pod:
      return Entry{false, node.number, 0};
    case Kind::Device:
      return Entry{false, node.number, m_topology->netns[node.number].devices[node.device].ifindex};
  }
  return std::nullopt;
}

QVariant OutlineModel::data(const QModelIndex& index, int role) const {
  const Node node = NodeOf(index);
  if (!m_topology || node.kind == Kind::None) return {};
  QString name, about, what;
  switch (node.kind) {
    case Kind::None:
      return {};
    case Kind::Group: {
      const Group& group = m_groups[node.number];
      size_t nodes = 0;
      for (const uint32_t site : group.sites) nodes += m_topology->netns[site].role == Role::Node;
      const bool isRack = group.head != kNone;
      name = isRack                                     ? tr("Rack of %1").arg(Text(m_topology->netns[group.head].name))
             : nodes > 0 && nodes == group.sites.size() ? tr("Nodes without an uplink")
                                                        : tr("Above the racks");
      if (!isRack && m_groups.size() == 1) name = tr("Everything");
      about = nodes == 1 ? tr("1 node") : tr("%1 nodes").arg(nodes);
      if (nodes == 0) about = group.sites.size() == 1 ? tr("1 device") : tr("%1 devices").arg(group.sites.size());
      what = tr("rack");
      break;
    }
    case Kind::Site:
    case Kind::Pod: {
      const Netns& netns = m_topology->netns[node.number];
      name = Text(netns.name);
      if (node.kind == Kind::Pod) {
        what = tr("pod");
        about = netns.isShared ? tr("host network") : QString();
        for (const replay::Device& device : netns.devices)
          if (device.name != "lo" && !device.addresses.empty() && about.isEmpty())
            about = Text(device.addresses.front());
      } else {
        const size_t pods = m_topology->PodsOf(node.number).size();
        switch (netns.role) {
          case Role::Node:
            what = tr("node");
            break;
          case Role::Leaf:
            what = tr("leaf");
            break;
          case Role::Spine:
            what = tr("spine");
            break;
          case Role::Router:
            what = tr("router");
            break;
          case Role::External:
            what = tr("external host");
            break;
          default:
            what = tr("namespace");
        }
        about = netns.role == Role::Node ? (pods == 1 ? tr("1 pod") : tr("%1 pods").arg(pods)) : what;
      }
      break;
    }
    case Kind::Device: {
      const replay::Device& device = m_topology->netns[node.number].devices[node.device];
      name = Text(device.name);
      what = tr("device");
      QStringList words;
      for (const std::string& address : device.addresses) words << Text(address);
      const uint32_t mtu = m_links ? m_links->MtuAt(node.number, device, m_timeNs) : device.mtu;
      if (mtu > 0) words << tr("mtu %1").arg(mtu);
      about = words.join(QStringLiteral("  "));
      break;
    }
  }
  switch (role) {
    case Qt::DisplayRole:
      return index.column() == 0 ? name : about;
    case Qt::AccessibleTextRole:
      return index.column() == 0 ? QStringLiteral("%1, %2").arg(what, name) : about;
    case Qt::ToolTipRole:
      return about.isEmpty() || about == what ? QStringLiteral("%1 · %2").arg(name, what)
                                              : QStringLiteral("%1 · %2 · %3").arg(name, what, about);
    default:
      return {};
  }
}

QVariant OutlineModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  return section == 0 ? tr("Name") : tr("Holds");
}

}  // namespace overlaysim::itemmodels
