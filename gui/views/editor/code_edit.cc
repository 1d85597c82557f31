#include "gui/views/editor/code_edit.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QRegularExpression>
#include <QScrollBar>
#include <QStandardItemModel>
#include <QSyntaxHighlighter>
#include <QTextBlock>
#include <QToolTip>

#include "gui/document/completion.h"
#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr int kInsertRole = Qt::UserRole + 1;
constexpr int kInComment = 1;  // a block's state

class JsonColours : public QSyntaxHighlighter {
 public:
  explicit JsonColours(QTextDocument* document) : QSyntaxHighlighter(document) {}

 protected:
  void highlightBlock(const QString& text) override {
    const Theme& theme = CurrentTheme();
    QTextCharFormat comment, key, string, number;
    comment.setForeground(theme.mutedText);
    comment.setFontItalic(true);
    key.setForeground(theme.accent);
    string.setForeground(theme.good);
    number.setForeground(theme.warning);
    qsizetype at = 0;
    if (previousBlockState() == kInComment) at = EndComment(text, 0, comment);
    while (at < text.size()) {
      const QChar c = text[at];
      if (c == u'/' && text.mid(at, 2) == QLatin1String("/*")) {
        at = EndComment(text, at, comment);
      } else if (c == u'/' && text.mid(at, 2) == QLatin1String("//")) {
        setFormat(static_cast<int>(at), static_cast<int>(text.size() - at), comment);
        return;
      } else if (c == u'"') {
        qsizetype end = at + 1;
        while (end < text.size() && text[end] != u'"') end += text[end] == u'\\' ? 2 : 1;
        end = std::min(end + 1, text.size());
        qsizetype next = end;
        while (next < text.size() && text[next].isSpace()) ++next;
        const bool isKey = next < text.size() && text[next] == u':';
        setFormat(static_cast<int>(at), static_cast<int>(end - at), isKey ? key : string);
        at = end;
      } else if (c.isLetterOrNumber() || c == u'-') {
        qsizetype end = at;
        while (end < text.size() && (text[end].isLetterOrNumber() || text[end] == u'.' || text[end] == u'-')) ++end;
        setFormat(static_cast<int>(at), static_cast<int>(end - at), number);
        at = end;
      } else {
        ++at;
      }
    }
  }

 private:
  qsizetype EndComment(const QString& text, qsizetype at, const QTextCharFormat& format) {
    const qsizetype found = text.indexOf(QLatin1String("*/"), at);
    const qsizetype end = found < 0 ? text.size() : found + 2;
    setFormat(static_cast<int>(at), static_cast<int>(end - at), format);
    if (found < 0) setCurrentBlockState(kInComment);
    return end;
  }
};

class Gutter : public QWidget {
 public:
  explicit Gutter(CodeEdit* edit) : QWidget(edit), m_edit(edit) {}
  QSize sizeHint() const override { return {m_edit->GutterWidth(), 0}; }

 protected:
  void paintEvent(QPaintEvent* event) override { m_edit->PaintGutter(event); }

 private:
  CodeEdit* m_edit;
};

QColor ColourOf(Severity severity) {
  const Theme& theme = CurrentTheme();
  return severity == Severity::Error ? theme.bad : severity == Severity::Warning ? theme.warning : theme.accent;
}

}  // namespace

CodeEdit::CodeEdit(QWidget* parent)
    : QPlainTextEdit(parent), m_gutter(new Gutter(this)), m_completions(new QStandardItemModel(this)) {
  setFont(FixedFont());
  setLineWrapMode(QPlainTextEdit::NoWrap);
  setTabStopDistance(2 * fontMetrics().horizontalAdvance(u' '));
  setTabChangesFocus(true);  // lines are indented as they begin; Tab is the way out
  setAccessibleName(tr("Scenario text"));
  auto* colours = new JsonColours(document());
  m_completer = new QCompleter(m_completions, this);
  m_completer->setWidget(this);
  m_completer->setCompletionMode(QCompleter::PopupCompletion);
  m_completer->setFilterMode(Qt::MatchContains);
  m_completer->setCaseSensitivity(Qt::CaseInsensitive);
  connect(m_completer, QOverload<const QModelIndex&>::of(&QCompleter::activated), this, &CodeEdit::Insert);
  connect(this, &QPlainTextEdit::blockCountChanged, this, &CodeEdit::LayOutGutter);
  connect(this, &QPlainTextEdit::updateRequest, this, [this](const QRect& rect, int dy) {
    if (dy != 0)
      m_gutter->scroll(0, dy);
    else
      m_gutter->update(0, rect.y(), m_gutter->width(), rect.height());
  });
  connect(this, &QPlainTextEdit::cursorPositionChanged, this, &CodeEdit::Highlight);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, [this, colours] {
    colours->rehighlight();
    Highlight();
  });
  LayOutGutter();
  Highlight();
}

int CodeEdit::GutterWidth() const {
  const int digits = static_cast<int>(QString::number(std::max(1, blockCount())).size());
  return fontMetrics().horizontalAdvance(u'9') * (std::max(digits, 2) + 2) + 6;
}

void CodeEdit::LayOutGutter() {
  setViewportMargins(GutterWidth(), 0, 0, 0);
  const QRect area = contentsRect();
  m_gutter->setGeometry(area.left(), area.top(), GutterWidth(), area.height());
}

void CodeEdit::resizeEvent(QResizeEvent* event) {
  QPlainTextEdit::resizeEvent(event);
  LayOutGutter();
}

void CodeEdit::PaintGutter(QPaintEvent* event) {
  const Theme& theme = CurrentTheme();
  QPainter painter(m_gutter);
  painter.fillRect(event->rect(), theme.raised);
  painter.setFont(font());
  QTextBlock block = firstVisibleBlock();
  QRectF area = blockBoundingGeometry(block).translated(contentOffset());
  for (; block.isValid() && area.top() <= event->rect().bottom(); block = block.next()) {
    area = blockBoundingGeometry(block).translated(contentOffset());
    if (!block.isVisible() || area.bottom() < event->rect().top()) continue;
    const int line = block.blockNumber() + 1;
    const auto problem = std::find_if(m_problems.begin(), m_problems.end(),
                                      [line](const Problem& p) { return p.line == line && p.file.isEmpty(); });
    if (problem != m_problems.end()) {
      painter.setPen(ColourOf(problem->severity));
      painter.drawText(QRectF(3, area.top(), 14, area.height()), Qt::AlignLeft | Qt::AlignVCenter,
                       problem->severity == Severity::Error ? QStringLiteral("✕") : QStringLiteral("!"));
    }
    painter.setPen(line == textCursor().blockNumber() + 1 ? theme.text : theme.mutedText);
    painter.drawText(QRectF(0, area.top(), m_gutter->width() - 6, area.height()), Qt::AlignRight | Qt::AlignVCenter,
                     QString::number(line));
  }
}

QTextCursor CodeEdit::CursorOf(const Problem& problem) const {
  const QTextBlock block = document()->findBlockByNumber(std::max(problem.line, 1) - 1);
  if (!block.isValid()) return QTextCursor(document()->lastBlock());
  const QByteArray bytes = block.text().toUtf8();
  const auto position = [&](int byte) { return static_cast<int>(QString::fromUtf8(bytes.left(byte)).size()); };
  const int first = position(std::max(problem.column, 1) - 1);
  const int length = problem.length > 0 ? position(problem.column - 1 + problem.length) - first : 0;
  QTextCursor cursor(block);
  cursor.setPosition(block.position() + std::min(first, block.length() - 1));
  if (length > 0)
    cursor.setPosition(block.position() + std::min(first + length, block.length() - 1), QTextCursor::KeepAnchor);
  else
    cursor.movePosition(QTextCursor::EndOfWord, QTextCursor::KeepAnchor);
  return cursor;
}

void CodeEdit::ShowProblems(const QVector<Problem>& problems) {
  m_problems = problems;
  Highlight();
  m_gutter->update();
}

void CodeEdit::Highlight() {
  QList<QTextEdit::ExtraSelection> selections;
  QTextEdit::ExtraSelection line;
  line.format.setBackground(CurrentTheme().raised);
  line.format.setProperty(QTextFormat::FullWidthSelection, true);
  line.cursor = textCursor();
  line.cursor.clearSelection();
  selections.append(line);
  for (const Problem& problem : m_problems) {
    if (problem.line == 0 || !problem.file.isEmpty()) continue;
    QTextEdit::ExtraSelection mark;
    mark.cursor = CursorOf(problem);
    mark.format.setUnderlineStyle(QTextCharFormat::WaveUnderline);
    mark.format.setUnderlineColor(ColourOf(problem.severity));
    selections.append(mark);
  }
  setExtraSelections(selections);
}

void CodeEdit::GoTo(int line, int column) {
  QTextCursor cursor = CursorOf({.line = line, .column = column});
  cursor.setPosition(cursor.anchor());
  setTextCursor(cursor);
  centerCursor();
  setFocus();
}

bool CodeEdit::viewportEvent(QEvent* event) {
  if (event->type() == QEvent::ToolTip) {
    const auto* help = static_cast<QHelpEvent*>(event);
    const int position = cursorForPosition(help->pos()).position();
    for (const Problem& problem : m_problems) {
      const QTextCursor cursor = CursorOf(problem);
      if (!problem.file.isEmpty() || position < cursor.selectionStart() || position > cursor.selectionEnd()) continue;
      QToolTip::showText(help->globalPos(), problem.message, this);
      return true;
    }
    QToolTip::hideText();
    return true;
  }
  return QPlainTextEdit::viewportEvent(event);
}

void CodeEdit::keyPressEvent(QKeyEvent* event) {
  if (m_completer->popup()->isVisible()) {
    switch (event->key()) {
      case Qt::Key_Enter:
      case Qt::Key_Return:
      case Qt::Key_Tab:
      case Qt::Key_Escape:
      case Qt::Key_Backtab:
        event->ignore();
        return;
      default:
        break;
    }
  }
  if (event->key() == Qt::Key_Space && event->modifiers() == Qt::ControlModifier) return Complete();
  if ((event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) && event->modifiers() == Qt::NoModifier) {
    const QString line = textCursor().block().text();
    const auto indent = std::find_if(line.begin(), line.end(), [](QChar c) { return !c.isSpace(); }) - line.begin();
    QString next = QLatin1Char('\n') + line.left(indent);
    const QString before = line.left(textCursor().positionInBlock()).trimmed();
    if (before.endsWith(u'{') || before.endsWith(u'[')) next += QLatin1String("  ");
    textCursor().insertText(next);
    ensureCursorVisible();
    return;
  }
  QPlainTextEdit::keyPressEvent(event);
  if (event->text() == QLatin1String("\"") || m_completer->popup()->isVisible()) Complete();
}

void CodeEdit::Complete() {
  const QString all = toPlainText();
  const int cursor = textCursor().position();
  const QByteArray text = all.toUtf8();
  const size_t at = static_cast<size_t>(all.left(cursor).toUtf8().size());
  const document::CompletionList list = document::CompleteAt({text.constData(), static_cast<size_t>(text.size())}, at);
  m_completeFrom = static_cast<int>(QString::fromUtf8(text.left(static_cast<qsizetype>(list.from))).size());
  m_completions->clear();
  for (const document::Completion& completion : list.items) {
    auto* item = new QStandardItem(QString::fromStdString(completion.label));
    item->setToolTip(QString::fromStdString(completion.description));
    item->setData(QString::fromStdString(completion.text), kInsertRole);
    m_completions->appendRow(item);
  }
  QString typed = all.mid(m_completeFrom, cursor - m_completeFrom);
  typed.remove(u'"');
  m_completer->setCompletionPrefix(typed);
  if (m_completer->completionCount() == 0) {
    m_completer->popup()->hide();
    return;
  }
  QRect where = cursorRect();
  where.translate(viewport()->x(), 0);
  where.setWidth(m_completer->popup()->sizeHintForColumn(0) +
                 m_completer->popup()->verticalScrollBar()->sizeHint().width() + 24);
  m_completer->complete(where);
  m_completer->popup()->setCurrentIndex(m_completer->completionModel()->index(0, 0));
}

void CodeEdit::Insert(const QModelIndex& completion) {
  QTextCursor cursor = textCursor();
  const int end = cursor.position();
  cursor.setPosition(m_completeFrom);
  cursor.setPosition(end, QTextCursor::KeepAnchor);
  if (const QString rest = cursor.block().text().mid(end - cursor.block().position()); rest.startsWith(u'"'))
    cursor.movePosition(QTextCursor::NextCharacter, QTextCursor::KeepAnchor);
  cursor.insertText(completion.data(kInsertRole).toString());
  setTextCursor(cursor);
}

}  // namespace overlaysim::views
