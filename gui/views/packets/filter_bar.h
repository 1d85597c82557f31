#pragma once

#include <QWidget>
#include <functional>

#include "gui/replay/filter.h"

class QCompleter;
class QLabel;
class QLineEdit;
class QStandardItemModel;
class QToolButton;

namespace overlaysim::views {

class FilterStore;

/// Where a display filter is typed: with completion, a sign and a sentence that say whether it holds together, and the
/// filters that were used before.
class FilterBar : public QWidget {
  Q_OBJECT
 public:
  enum class How : uint8_t { Replace, And, Or, AndNot };
  /// @param store  of names and of what was used before; null: none is kept
  explicit FilterBar(FilterStore* store, QWidget* parent = nullptr);

  /// Names of pods, nodes and places are completed from the plan that this gives; null: none.
  void SetPlan(std::function<const replay::Topology*()> plan) { m_plan = std::move(plan); }
  QString Text() const;
  bool IsValid() const { return m_isValid; }
  QString Message() const;  ///< what is wrong with it, and at which column; ""

 public slots:
  void SetText(const QString& text);
  void Apply();  ///< does nothing while the filter is wrong
  void Add(const QString& condition, overlaysim::views::FilterBar::How how);
  void Clear();
  void Focus();
  void SaveAs(const QString& name);  ///< gives the filter that stands there a name

 signals:
  void Applied(const QString& text);
  void ManageRequested();

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void Check();
  void Complete();
  void Insert(const QModelIndex& completion);
  void ShowKept();

  FilterStore* m_store;
  std::function<const replay::Topology*()> m_plan;
  QLineEdit* m_edit;
  QLabel *m_sign, *m_message;
  QToolButton* m_past;
  QCompleter* m_completer;
  QStandardItemModel* m_completions;
  replay::Completions m_found;
  bool m_isValid = true;
};

}  // namespace overlaysim::views
