#pragma once

#include <QAbstractListModel>
#include <QListView>
#include <QStyledItemDelegate>
#include <vector>

#include "gui/views/session.h"

namespace overlaysim::views {

/// The steps of the session's journey: all of them, or those that a first reading needs.
class HopListModel : public QAbstractListModel {
  Q_OBJECT
 public:
  enum Role { StepRole = Qt::UserRole, PlaceRole, ActionRole, LineRole, TimeRole, SizeRole, IsDropRole, IsKeyRole };
  explicit HopListModel(QObject* parent = nullptr) : QAbstractListModel(parent) {}
  void Show(const replay::Journey* journey, bool everyStep);  ///< the journey must live until the next call
  int rowCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  int RowOf(int step) const;  ///< of the last shown step up to it; -1: none
  int StepAt(int row) const { return m_steps[static_cast<size_t>(row)]; }
  /// Shows that step too, instead of the one that was asked for before; -1: none. For one that the list leaves out.
  void ShowAlso(int step);

 private:
  const replay::Journey* m_journey = nullptr;
  std::vector<int> m_steps;
  int m_also = -1;  ///< among them, and would not be shown otherwise
};

/// Two lines a step: where and when, what was done and by which line.
class HopDelegate : public QStyledItemDelegate {
  Q_OBJECT
 public:
  using QStyledItemDelegate::QStyledItemDelegate;
  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

class HopList : public QListView {
  Q_OBJECT
 public:
  explicit HopList(Session& session, QWidget* parent = nullptr);
  bool ShowsEveryStep() const { return m_everyStep; }
  void ShowEveryStep(bool everyStep);
  /// The shown step after (+1) or before (-1) the session's; -1: none.
  int Neighbour(int direction) const;
  int FirstStep() const;
  int LastStep() const;

 private:
  void Reload();
  void FollowStep();

  Session& m_session;
  HopListModel* m_model;
  bool m_everyStep = false;
};

}  // namespace overlaysim::views
