#include "gui/views/canvas/outline_view.h"

#include <QHeaderView>
#include <utility>

#include "gui/itemmodels/outline_model.h"

namespace overlaysim::views {

OutlineView::OutlineView(Session& session, QWidget* parent)
    : QTreeView(parent), m_session(session), m_model(new itemmodels::OutlineModel(this)) {
  setModel(m_model);
  setUniformRowHeights(true);
  setAccessibleName(tr("Outline of the network"));
  setSelectionBehavior(QAbstractItemView::SelectRows);
  header()->setStretchLastSection(false);
  // Names are whole, of those in sight; what they hold has the rest.
  header()->setSectionResizeMode(0, QHeaderView::ResizeToContents);
  header()->setResizeContentsPrecision(0);
  header()->setSectionResizeMode(1, QHeaderView::Stretch);
  connect(&session, &Session::RunAboutToChange, this, [this] { m_model->SetTopology(nullptr); });
  const auto showTime = [this] {
    // The model looks at the old ones until it has the new.
    const auto before = std::exchange(m_facts, m_session.Facts());
    m_model->SetTime(m_facts ? &m_facts->links : nullptr, m_session.Time());
  };
  connect(&session, &Session::TimeChanged, this, showTime);
  connect(&session, &Session::FactsChanged, this, showTime);
  const auto show = [this, showTime] {
    m_model->SetTopology(m_session.Run() ? &m_session.Run()->Plan() : nullptr);
    showTime();
    constexpr int kFewGroups = 12;
    if (m_model->rowCount() <= kFewGroups) expandToDepth(0);
    ShowSelection();
  };
  connect(&session, &Session::RunChanged, this, show);
  connect(&session, &Session::SelectionChanged, this, &OutlineView::ShowSelection);
  connect(selectionModel(), &QItemSelectionModel::currentChanged, this, [this](const QModelIndex& index) {
    if (!m_isFollowing && index.isValid()) m_session.Select(PlaceOf(index));
  });
  connect(this, &QTreeView::activated, this, [this](const QModelIndex& index) { emit Activated(PlaceOf(index)); });
  show();
}

Place OutlineView::PlaceOf(const QModelIndex& index) const {
  Place place;
  const auto entry = m_model->EntryAt(index);
  if (!entry || entry->netns == replay::Topology::kNone) return place;
  place.kind = entry->ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
  place.netns = entry->netns;
  place.ifindex = entry->ifindex;
  return place;
}

void OutlineView::ShowSelection() {
  const Place& place = m_session.Selected();
  if (place == PlaceOf(currentIndex())) return;
  m_isFollowing = true;
  const bool isInTree = place.kind == Place::Kind::Netns || place.kind == Place::Kind::Device;
  const QModelIndex index = isInTree ? m_model->IndexOf(place.netns, place.ifindex) : QModelIndex();
  setCurrentIndex(index);
  if (index.isValid())
    scrollTo(index);
  else
    clearSelection();
  m_isFollowing = false;
}

}  // namespace overlaysim::views
