#include "gui/itemmodels/search_model.h"

namespace overlaysim::itemmodels {

void SearchModel::SetPlan(const replay::Topology* plan) {
  beginResetModel();
  m_plan = plan;
  m_finder.reset();
  m_found.clear();
  endResetModel();
}

void SearchModel::Search(const QString& text) {
  if (m_plan && !m_finder) m_finder = std::make_unique<replay::Finder>(*m_plan);
  beginResetModel();
  m_found = m_finder ? m_finder->Find(text.toStdString(), kMost) : std::vector<replay::Found>();
  endResetModel();
}

int SearchModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_found.size());
}

QVariant SearchModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const replay::Found& found = FoundAt(index.row());
  switch (role) {
    case Qt::DisplayRole:
      return QString::fromStdString(found.text);
    case Qt::AccessibleTextRole:
      return QStringLiteral("%1, %2").arg(QString::fromStdString(found.text), QString::fromStdString(found.detail));
    case DetailRole:
    case Qt::ToolTipRole:
      return QString::fromStdString(found.detail);
    case KindRole:
      return static_cast<int>(found.kind);
    case KindNameRole:
      switch (found.kind) {
        case replay::Found::Kind::Node:
          return tr("Node");
        case replay::Found::Kind::Pod:
          return tr("Pod");
        case replay::Found::Kind::Switch:
          return tr("Switch");
        case replay::Found::Kind::Flow:
          return tr("Traffic");
        case replay::Found::Kind::Cable:
          return tr("Cable");
        case replay::Found::Kind::Address:
          return tr("Address");
        case replay::Found::Kind::Mac:
          return tr("MAC");
      }
      return {};
    default:
      return {};
  }
}

}  // namespace overlaysim::itemmodels
