#pragma once

#include <QAbstractItemModel>
#include <optional>
#include <vector>

#include "gui/replay/dissector.h"

namespace overlaysim::itemmodels {

/// A packet taken apart: headers, their fields, the fields' parts. Linked with its bytes both ways.
class FieldTreeModel : public QAbstractItemModel {
  Q_OBJECT
 public:
  enum Role {
    OffsetRole = Qt::UserRole,  ///< uint: first byte
    LengthRole,                 ///< uint: bytes; 0: the field has none of its own
    FirstBitRole,               ///< of a bit field; see replay::Field
    BitsRole,                   ///< 0: whole bytes
    NameRole,                   ///< QString: Wireshark's field name
    ValueRole,                  ///< QString
    FilterRole,                 ///< QString: the filter for packets that have this, "ip.ttl == 63"
    IsSuspiciousRole,
    ProtocolRole,  ///< int of replay::Protocol, of the header that it belongs to
    IsHeaderRole,
    TunnelDepthRole
  };
  using QAbstractItemModel::QAbstractItemModel;

  void SetPacket(replay::Dissection packet);
  const replay::Dissection& Packet() const { return m_packet; }
  /// The smallest thing that has the byte; invalid: nothing has.
  QModelIndex AtOffset(uint32_t offset) const;
  /// The field of that name, counted from the outermost header; invalid: none.
  QModelIndex Find(const QString& fieldName) const;

  QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  QModelIndex parent(const QModelIndex& child) const override;
  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role = Qt::DisplayRole) const override;

 private:
  struct Node {
    int parent = -1, row = 0;
    int layer = 0, field = -1;  ///< field -1: the header itself
    std::vector<int> children;
  };
  const Node* NodeOf(const QModelIndex& index) const;
  const replay::Field* FieldOf(const Node& node) const;
  QModelIndex IndexOf(int node) const;

  replay::Dissection m_packet;
  std::vector<Node> m_nodes;
  std::vector<int> m_top;
};

}  // namespace overlaysim::itemmodels
