#pragma once

#include <QTimer>
#include <QWidget>
#include <optional>
#include <vector>

#include "gui/replay/state.h"
#include "gui/views/inspect/counter_sums.h"
#include "gui/views/session.h"

class QCheckBox;
class QComboBox;
class QLabel;
class QPlainTextEdit;
class QTabWidget;

namespace overlaysim::views {

/// A node, pod, switch or router at the session's time, as `ip` and `bridge` show it, with what has changed since
/// another time. Follows the session's selection while it is a namespace or a device.
class NodeInspector : public QWidget {
  Q_OBJECT
 public:
  explicit NodeInspector(Session& session, QWidget* parent = nullptr);

  /// Marks what differs from that time; nullopt: nothing is marked.
  void CompareWith(std::optional<int64_t> timeNs);
  std::optional<uint32_t> Shown() const { return m_netns; }
  bool ShowTab(const QString& name);  ///< "ip route"; false: there is none
  QString CurrentText() const;        ///< of the tab that is shown

 public slots:
  void CopyTab();  ///< as the command would print it, without signs

 protected:
  void showEvent(QShowEvent*) override;

 private:
  struct Tab {
    int table;  ///< of replay::StateTable; -1: the overview; -2: counters
    QPlainTextEdit* edit;
    QString plain;  ///< as the command would print it, without signs
  };
  void FollowSelection();
  void Refresh();
  void ChooseTabs();
  void RefreshTab(Tab& tab);
  QString Overview() const;
  QString Counters();

  Session& m_session;
  std::optional<uint32_t> m_netns, m_tabsOf;  ///< m_tabsOf: whose tables the tabs were chosen for
  std::optional<int64_t> m_since;
  QLabel *m_title, *m_subtitle;
  QComboBox* m_compare;
  QTabWidget* m_tabs;
  std::vector<Tab> m_contents;
  bool m_isStale = true;
  std::optional<CounterSums> m_sums;  ///< of m_sumsOf
  std::optional<uint32_t> m_sumsOf;
  QTimer m_counting;  ///< reads the sums a few chunks at a time
};

}  // namespace overlaysim::views
