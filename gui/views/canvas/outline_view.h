#pragma once

#include <QTreeView>

#include "gui/views/session.h"

namespace overlaysim::itemmodels {
class OutlineModel;
}

namespace overlaysim::views {

/// The canvas as a tree, for the keyboard and for screen readers: what is selected here is selected there.
class OutlineView : public QTreeView {
  Q_OBJECT
 public:
  explicit OutlineView(Session& session, QWidget* parent = nullptr);
  QSize sizeHint() const override { return {360, 480}; }  // names and addresses beside each other

 signals:
  void Activated(const overlaysim::views::Place& place);  ///< Enter or a double click: go there

 private:
  Place PlaceOf(const QModelIndex& index) const;
  void ShowSelection();

  Session& m_session;
  itemmodels::OutlineModel* m_model;
  std::shared_ptr<const RunFacts> m_facts;  ///< whose MTUs the model shows
  bool m_isFollowing = false;               ///< the session's selection is being shown: not to be told back
};

}  // namespace overlaysim::views
