#pragma once

#include <QAbstractItemModel>
#include <optional>
#include <vector>

#include "gui/replay/link_history.h"
#include "gui/replay/topology.h"

namespace overlaysim::itemmodels {

/// The network as a tree: racks and what stands above them, nodes and switches, their pods and devices, the pods'
/// devices. What the canvas draws is all in it, for people who do not see the canvas or would rather read.
class OutlineModel : public QAbstractItemModel {
  Q_OBJECT
 public:
  using QAbstractItemModel::QAbstractItemModel;

  /// Null: empty. The topology must live until the next call.
  void SetTopology(const replay::Topology* topology);
  /// MTUs are those of that time. Null: the plan's. The history must live until the next call, or SetTopology().
  void SetTime(const replay::LinkHistory* links, int64_t timeNs);

  /// What a row is: a rack's heading is its switch with isHeading.
  struct Entry {
    bool isHeading = false;
    uint32_t netns = replay::Topology::kNone;
    uint32_t ifindex = 0;  ///< of a device; 0: the namespace itself
  };
  std::optional<Entry> EntryAt(const QModelIndex& index) const;
  /// Invalid when it is not in the tree (lo, a namespace that does not exist).
  QModelIndex IndexOf(uint32_t netns, uint32_t ifindex) const;

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  enum class Kind : uint8_t { None, Group, Site, Pod, Device };
  struct Node {
    Kind kind = Kind::None;
    uint32_t number = 0;  ///< of a group, or NetnsId
    uint32_t device = 0;  ///< place in the namespace's devices
  };
  static quintptr Pack(Node node);
  static Node Unpack(quintptr id);
  Node NodeOf(const QModelIndex& index) const { return index.isValid() ? Unpack(index.internalId()) : Node(); }
  std::vector<uint32_t> ShownDevices(uint32_t netns) const;  ///< places; without lo
  QModelIndex IndexOfNetns(uint32_t netns) const;

  struct Group {
    uint32_t head = replay::Topology::kNone;  ///< its switch; kNone: what stands above the racks
    std::vector<uint32_t> sites;
  };
  const replay::Topology* m_topology = nullptr;
  const replay::LinkHistory* m_links = nullptr;
  int64_t m_timeNs = 0;
  std::vector<Group> m_groups;
  std::vector<uint32_t> m_groupOf, m_rowOf;  ///< by NetnsId: of a site, or a pod's row below its site
};

}  // namespace overlaysim::itemmodels
