#pragma once

#include <QStringList>
#include <QWidget>
#include <functional>

#include "gui/replay/filter.h"

class QCompleter;
class QLabel;
class QLineEdit;
class QStandardItemModel;
class QToolButton;

namespace overlaysim::views {

/// Where a display filter is typed: with completion, a sign and a sentence that say whether it holds together, and the
/// filters that were used before.
class FilterBar : public QWidget {
  Q_OBJECT
 public:
  enum class How : uint8_t { Replace, And, Or, AndNot };
  explicit FilterBar(QWidget* parent = nullptr);

  /// Names of pods, nodes and places are completed from the plan that this gives; null: none.
  void SetPlan(std::function<const replay::Topology*()> plan) { m_plan = std::move(plan); }
  QString Text() const;
  bool IsValid() const { return m_isValid; }
  QString Message() const;  ///< what is wrong with it, and at which column; ""
  const QStringList& History() const { return m_history; }

 public slots:
  void SetText(const QString& text);
  void Apply();  ///< does nothing while the filter is wrong
  void Add(const QString& condition, overlaysim::views::FilterBar::How how);
  void Clear();
  void Focus();

 signals:
  void Applied(const QString& text);

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void Check();
  void Complete();
  void Insert(const QModelIndex& completion);
  void ShowHistory();

  std::function<const replay::Topology*()> m_plan;
  QLineEdit* m_edit;
  QLabel *m_sign, *m_message;
  QToolButton* m_past;
  QCompleter* m_completer;
  QStandardItemModel* m_completions;
  replay::Completions m_found;
  QStringList m_history;
  bool m_isValid = true;
};

}  // namespace overlaysim::views
