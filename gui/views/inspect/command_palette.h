#pragma once

#include <QDialog>
#include <functional>
#include <vector>

#include "gui/views/session.h"

class QLabel;
class QLineEdit;
class QListView;
class QStandardItemModel;

namespace overlaysim::itemmodels {
class SearchModel;
}

namespace overlaysim::views {

/// Ctrl+K: pods, nodes, addresses, MACs, flows, links and the window's actions by a few letters of their names. Enter
/// goes there.
class CommandPalette : public QDialog {
  Q_OBJECT
 public:
  explicit CommandPalette(Session& session, QWidget* parent = nullptr);

  /// An action of the window; its name should say what it does.
  void AddAction(const QString& name, std::function<void()> action);
  void Open();  ///< empty and in front
  void Search(const QString& text);
  int Count() const;
  void Take(int row);

 signals:
  void FlowChosen(quint32 flow);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  struct Action {
    QString name;
    std::function<void()> run;
  };
  void GoTo(int found);

  Session& m_session;
  itemmodels::SearchModel* m_search;
  QStandardItemModel* m_shown;
  QLineEdit* m_edit;
  QListView* m_list;
  QLabel* m_hint;
  std::vector<Action> m_actions;
  std::vector<size_t> m_shownActions;  ///< the first rows of the list
};

}  // namespace overlaysim::views
