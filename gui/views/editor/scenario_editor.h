#pragma once

#include <QString>
#include <QVector>
#include <QWidget>

#include "gui/document/scenario_edit.h"
#include "gui/views/editor/code_edit.h"

class QLabel;
class QListWidget;
class QTimer;

namespace overlaysim::views {

/// A scenario's text with its problems: checked by the very code that plans it, a moment after each change. Everything
/// that changes the text, by hand or by a click elsewhere, is one step of undo.
class ScenarioEditor : public QWidget {
  Q_OBJECT
 public:
  explicit ScenarioEditor(QWidget* parent = nullptr);
  ~ScenarioEditor() override;

  /// "" or why the file cannot be read.
  QString Open(const QString& path);
  void New(const QString& path, const QString& text);  ///< not saved yet
  /// "" or why not.
  QString Save();
  QString SaveAs(const QString& path);

  QString Path() const { return m_path; }
  QString Text() const;
  bool IsModified() const;
  const QVector<Problem>& Problems() const { return m_problems; }
  bool HasErrors() const;
  CodeEdit& Code() { return *m_code; }

 public slots:
  /// As if it had been typed.
  void Apply(const overlaysim::document::TextEdit& edit);
  void Check();  ///< now, in the background

 signals:
  void Changed();
  void Checked();  ///< Problems() are those of the text

 private:
  void ShowProblems(const QVector<Problem>& problems, const QString& understood, quint64 revision);

  QString m_path;
  CodeEdit* m_code;
  QListWidget* m_list;
  QLabel* m_state;
  QTimer* m_soon;
  QVector<Problem> m_problems;
  quint64 m_revision = 0;
};

}  // namespace overlaysim::views
