#include "gui/views/editor/scenario_editor.h"

#include <QCoreApplication>
#include <QFile>
#include <QFileInfo>
#include <QLabel>
#include <QListWidget>
#include <QPointer>
#include <QSaveFile>
#include <QSplitter>
#include <QTextDocument>
#include <QThreadPool>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/document/check_scenario.h"

namespace overlaysim::views {
namespace {

constexpr int kQuietMs = 250;
constexpr qint64 kMaxFileBytes = qint64{64} << 20;

QVector<Problem> ProblemsOf(const std::string& path, const document::ScenarioCheck& check) {
  QVector<Problem> problems;
  for (const Diagnostic& diagnostic : check.problems) {
    Problem problem;
    problem.severity = diagnostic.severity;
    problem.line = static_cast<int>(diagnostic.place.line);
    problem.column = static_cast<int>(diagnostic.place.column);
    problem.length = static_cast<int>(diagnostic.place.length);
    if (diagnostic.place.file != path) problem.file = QString::fromStdString(diagnostic.place.file);
    problem.message = QString::fromStdString(diagnostic.message);
    problems.append(problem);
  }
  return problems;
}

}  // namespace

ScenarioEditor::ScenarioEditor(QWidget* parent) : QWidget(parent) {
  m_code = new CodeEdit(this);
  m_list = new QListWidget(this);
  m_list->setAccessibleName(tr("Problems of the scenario"));
  m_list->setWordWrap(true);
  m_state = new QLabel(this);
  m_state->setTextInteractionFlags(Qt::TextSelectableByMouse);
  m_state->setWordWrap(true);
  m_state->setMargin(4);
  auto* splitter = new QSplitter(Qt::Vertical, this);
  splitter->addWidget(m_code);
  splitter->addWidget(m_list);
  splitter->setStretchFactor(0, 1);
  const int line = m_list->fontMetrics().height() + 4;
  m_list->setMinimumHeight(line);
  splitter->setSizes({8 * line, 2 * line});
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  layout->setSpacing(0);
  layout->addWidget(splitter, 1);
  layout->addWidget(m_state);
  m_list->hide();
  m_soon = new QTimer(this);
  m_soon->setSingleShot(true);
  m_soon->setInterval(kQuietMs);
  connect(m_soon, &QTimer::timeout, this, &ScenarioEditor::Check);
  connect(m_code->document(), &QTextDocument::contentsChange, this, [this](int, int removed, int added) {
    if (removed == 0 && added == 0) return;
    ++m_revision;
    m_soon->start();
    emit Changed();
  });
  connect(m_code->document(), &QTextDocument::modificationChanged, this, [this] { emit Changed(); });
  connect(m_list, &QListWidget::itemActivated, this, [this](QListWidgetItem* item) {
    const Problem& problem = m_problems[m_list->row(item)];
    if (problem.file.isEmpty() && problem.line > 0) m_code->GoTo(problem.line, problem.column);
  });
  connect(m_list, &QListWidget::itemClicked, m_list, &QListWidget::itemActivated);
}

ScenarioEditor::~ScenarioEditor() = default;

QString ScenarioEditor::Open(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return tr("%1 cannot be read: %2").arg(path, file.errorString());
  if (file.size() > kMaxFileBytes) return tr("%1 is larger than 64 MiB").arg(path);
  const QByteArray bytes = file.readAll();
  m_path = QFileInfo(path).absoluteFilePath();
  m_code->setPlainText(QString::fromUtf8(bytes));
  m_code->document()->setModified(false);
  Check();
  emit Changed();
  return {};
}

void ScenarioEditor::New(const QString& path, const QString& text) {
  m_path = QFileInfo(path).absoluteFilePath();
  m_code->setPlainText(text);
  m_code->document()->setModified(true);
  Check();
  emit Changed();
}

QString ScenarioEditor::Save() { return SaveAs(m_path); }

QString ScenarioEditor::SaveAs(const QString& path) {
  QSaveFile file(path);
  if (!file.open(QIODevice::WriteOnly)) return tr("%1 cannot be written: %2").arg(path, file.errorString());
  file.write(Text().toUtf8());
  if (!file.commit()) return tr("%1 cannot be written: %2").arg(path, file.errorString());
  m_path = QFileInfo(path).absoluteFilePath();
  m_code->document()->setModified(false);
  emit Changed();
  return {};
}

QString ScenarioEditor::Text() const { return m_code->toPlainText(); }
bool ScenarioEditor::IsModified() const { return m_code->document()->isModified(); }

bool ScenarioEditor::HasErrors() const {
  return std::any_of(m_problems.begin(), m_problems.end(),
                     [](const Problem& problem) { return problem.severity == Severity::Error; });
}

void ScenarioEditor::Apply(const document::TextEdit& edit) {
  const QByteArray text = Text().toUtf8();
  const auto position = [&](size_t byte) {
    return static_cast<int>(QString::fromUtf8(text.left(static_cast<qsizetype>(byte))).size());
  };
  QTextCursor cursor(m_code->document());
  cursor.beginEditBlock();
  cursor.setPosition(position(edit.offset));
  cursor.setPosition(position(edit.offset + edit.length), QTextCursor::KeepAnchor);
  cursor.insertText(QString::fromStdString(edit.text));
  cursor.endEditBlock();
  // What has been put in is seen from its line's beginning on.
  cursor.movePosition(QTextCursor::StartOfBlock);
  m_code->setTextCursor(cursor);
  m_code->centerCursor();
}

void ScenarioEditor::Check() {
  m_soon->stop();
  const QPointer<ScenarioEditor> self(this);
  QThreadPool::globalInstance()->start([self, revision = m_revision, path = m_path.toStdString(),
                                        text = Text().toStdString()] {
    const document::ScenarioCheck check = document::CheckScenario(path, text);
    QMetaObject::invokeMethod(
        QCoreApplication::instance(),
        [self, revision, problems = ProblemsOf(path, check), understood = QString::fromStdString(check.understood)] {
          if (self) self->ShowProblems(problems, understood, revision);
        },
        Qt::QueuedConnection);
  });
}

void ScenarioEditor::ShowProblems(const QVector<Problem>& problems, const QString& understood, quint64 revision) {
  if (revision != m_revision) return;  // the text has changed since; another answer is on its way
  m_problems = problems;
  m_code->ShowProblems(problems);
  m_list->clear();
  int errors = 0;
  for (const Problem& problem : problems) {
    const bool isError = problem.severity == Severity::Error;
    errors += isError;
    const QString sign = isError                                 ? QStringLiteral("✕")
                         : problem.severity == Severity::Warning ? QStringLiteral("!")
                                                                 : QStringLiteral("i");
    const QString where = problem.line > 0 ? tr("line %1").arg(problem.line) : QString();
    const QString file = problem.file.isEmpty() ? QString() : QFileInfo(problem.file).fileName() + QLatin1Char(' ');
    m_list->addItem(QStringLiteral("%1  %2%3  %4").arg(sign, file, where, problem.message));
  }
  m_list->setVisible(!problems.isEmpty());
  m_state->setText(errors == 0 ? understood : errors == 1 ? tr("1 error") : tr("%1 errors").arg(errors));
  emit Checked();
}

}  // namespace overlaysim::views
