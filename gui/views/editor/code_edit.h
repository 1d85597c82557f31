#pragma once

#include <QPlainTextEdit>
#include <QVector>

#include "sim/base/diagnostics.h"

class QCompleter;
class QStandardItemModel;

namespace overlaysim::views {

/// What is wrong at a place of the text, or worth knowing there.
struct Problem {
  Severity severity = Severity::Error;
  int line = 0;    ///< from 1; 0: the file as a whole
  int column = 0;  ///< from 1, in bytes of UTF-8
  int length = 0;  ///< bytes; 0: to the word's end
  QString file;    ///< "" when it is this very text
  QString message;
};

/// A text field for scenarios: line numbers, colours for JSON, problems underlined and marked beside their line,
/// completion from the table of fields (Ctrl+Space, and after a quotation mark).
class CodeEdit : public QPlainTextEdit {
  Q_OBJECT
 public:
  explicit CodeEdit(QWidget* parent = nullptr);

  void ShowProblems(const QVector<Problem>& problems);
  void GoTo(int line, int column);
  int GutterWidth() const;
  void PaintGutter(QPaintEvent* event);
  /// Lets the table of fields say what may stand at the cursor.
  void Complete();

 protected:
  void resizeEvent(QResizeEvent* event) override;
  void keyPressEvent(QKeyEvent* event) override;
  bool viewportEvent(QEvent* event) override;

 private:
  void Insert(const QModelIndex& completion);
  void LayOutGutter();
  void Highlight();
  QTextCursor CursorOf(const Problem& problem) const;

  QWidget* m_gutter;
  QCompleter* m_completer;
  QStandardItemModel* m_completions;
  int m_completeFrom = 0;  ///< position where the completed word begins
  QVector<Problem> m_problems;
};

}  // namespace overlaysim::views
