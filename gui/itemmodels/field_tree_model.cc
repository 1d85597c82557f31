#include "gui/itemmodels/field_tree_model.h"

#include <utility>

#include "gui/replay/fields.h"

namespace overlaysim::itemmodels {
namespace {

QString Text(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

QString FilterOf(const replay::Layer& layer, const replay::Field* field) {
  if (!field) return Text(layer.filterName);
  const replay::FieldInfo* known = replay::FindField(field->name);
  if (!known || field->value.empty() || known->kind == replay::FieldKind::Protocol) return Text(field->name);
  const bool needsQuotes = known->kind == replay::FieldKind::Text || known->kind == replay::FieldKind::Bytes;
  return QStringLiteral("%1 == %2").arg(Text(field->name), needsQuotes ? QStringLiteral("\"%1\"").arg(Text(field->value)) : Text(field->value));
}

}  // namespace

void FieldTreeModel::SetPacket(replay::Dissection packet) {
  beginResetModel();
  m_packet = std::move(packet);
  m_nodes.clear();
  m_top.clear();
  const auto add = [&](Node node) {
    std::vector<int>& siblings = node.parent < 0 ? m_top : m_nodes[static_cast<size_t>(node.parent)].children;
    node.row = static_cast<int>(siblings.size());
    siblings.push_back(static_cast<int>(m_nodes.size()));
    m_nodes.push_back(std::move(node));
    return static_cast<int>(m_nodes.size()) - 1;
  };
  for (size_t l = 0; l < m_packet.layers.size(); ++l) {
    std::vector<int> above{add({-1, 0, static_cast<int>(l), -1, {}})};  // by depth
    const auto& fields = m_packet.layers[l].fields;
    for (size_t f = 0; f < fields.size(); ++f) {
      above.resize(std::min<size_t>(above.size(), fields[f].depth + size_t{1}));
      above.push_back(add({above.back(), 0, static_cast<int>(l), static_cast<int>(f), {}}));
    }
  }
  endResetModel();
}

const FieldTreeModel::Node* FieldTreeModel::NodeOf(const QModelIndex& index) const {
  return index.isValid() ? &m_nodes[static_cast<size_t>(index.internalId())] : nullptr;
}

const replay::Field* FieldTreeModel::FieldOf(const Node& node) const {
  return node.field < 0 ? nullptr
                        : &m_packet.layers[static_cast<size_t>(node.layer)].fields[static_cast<size_t>(node.field)];
}

QModelIndex FieldTreeModel::IndexOf(int node) const {
  return createIndex(m_nodes[static_cast<size_t>(node)].row, 0, static_cast<quintptr>(node));
}

QModelIndex FieldTreeModel::AtOffset(uint32_t offset) const {
  int best = -1;
  uint64_t bestLength = UINT64_MAX;
  for (size_t n = 0; n < m_nodes.size(); ++n) {
    const replay::Field* field = FieldOf(m_nodes[n]);
    const replay::Layer& layer = m_packet.layers[static_cast<size_t>(m_nodes[n].layer)];
    const uint64_t begin = field ? field->offset : layer.offset, length = field ? field->length : layer.length;
    // Of those with as many bytes the outermost: a byte's bits are its parts.
    if (offset < begin || offset >= begin + length || length >= bestLength) continue;
    best = static_cast<int>(n);
    bestLength = length;
  }
  return best < 0 ? QModelIndex() : IndexOf(best);
}

QModelIndex FieldTreeModel::Find(const QString& fieldName) const {
  const std::string name = fieldName.toStdString();
  for (size_t n = 0; n < m_nodes.size(); ++n) {
    const replay::Field* field = FieldOf(m_nodes[n]);
    if (field && field->name == name) return IndexOf(static_cast<int>(n));
  }
  return {};
}

QModelIndex FieldTreeModel::index(int row, int column, const QModelIndex& parent) const {
  const Node* above = NodeOf(parent);
  const std::vector<int>& siblings = above ? above->children : m_top;
  if (column != 0 || row < 0 || static_cast<size_t>(row) >= siblings.size() || parent.column() > 0) return {};
  return IndexOf(siblings[static_cast<size_t>(row)]);
}

QModelIndex FieldTreeModel::parent(const QModelIndex& child) const {
  const Node* node = NodeOf(child);
  return node && node->parent >= 0 ? IndexOf(node->parent) : QModelIndex();
}

int FieldTreeModel::rowCount(const QModelIndex& parent) const {
  if (parent.column() > 0) return 0;
  const Node* node = NodeOf(parent);
  return static_cast<int>((node ? node->children : m_top).size());
}

int FieldTreeModel::columnCount(const QModelIndex& /*parent*/) const { return 1; }

QVariant FieldTreeModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Node& node = *NodeOf(index);
  const replay::Layer& layer = m_packet.layers[static_cast<size_t>(node.layer)];
  const replay::Field* field = FieldOf(node);
  switch (role) {
    case Qt::DisplayRole: {
      if (field) return QString::fromStdString(field->label);
      const QString name = layer.isQuoted ? tr("%1 (quoted)").arg(Text(layer.name)) : Text(layer.name);
      return layer.summary.empty() ? name : QStringLiteral("%1: %2").arg(name, QString::fromStdString(layer.summary));
    }
    case Qt::ToolTipRole:
      if (const replay::FieldInfo* known = replay::FindField(field ? field->name : layer.filterName))
        return QStringLiteral("%1: %2").arg(Text(known->name), Text(known->meaning));
      return {};
    case OffsetRole:
      return field ? field->offset : layer.offset;
    case LengthRole:
      return field ? field->length : layer.length;
    case FirstBitRole:
      return field ? int{field->firstBit} : 0;
    case BitsRole:
      return field ? int{field->bits} : 0;
    case NameRole:
      return Text(field ? field->name : layer.filterName);
    case ValueRole:
      return field ? QString::fromStdString(field->value) : QString();
    case FilterRole:
      return FilterOf(layer, field);
    case IsSuspiciousRole:
      return field ? field->isSuspicious : layer.protocol == replay::Protocol::Malformed;
    case ProtocolRole:
      return static_cast<int>(layer.protocol);
    case IsHeaderRole:
      return field == nullptr;
    case TunnelDepthRole:
      return int{layer.tunnelDepth};
    default:
      return {};
  }
}

}  // namespace overlaysim::itemmodels
