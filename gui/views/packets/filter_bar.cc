#include "gui/views/packets/filter_bar.h"

#include <QAbstractItemView>
#include <QCompleter>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QStandardItemModel>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/views/format.h"
#include "gui/views/packets/filter_store.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

QString MenuText(QString text) { return text.replace(QLatin1Char('&'), QStringLiteral("&&")); }

}  // namespace

FilterBar::FilterBar(FilterStore* store, QWidget* parent) : QWidget(parent), m_store(store) {
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(0, 0, 0, 0);
  column->setSpacing(2);
  auto* row = new QHBoxLayout;
  row->setSpacing(4);
  m_sign = new QLabel(this);
  m_sign->setMinimumWidth(QFontMetrics(font()).horizontalAdvance(QStringLiteral("✗")) + 4);
  m_sign->setAlignment(Qt::AlignCenter);
  m_edit = new QLineEdit(this);
  m_edit->setFont(FixedFont());
  m_edit->setClearButtonEnabled(true);
  m_edit->setAccessibleName(tr("Filter"));
  m_edit->setPlaceholderText(
      tr("filter, for example: ip.addr == 10.244.0.0/16 && vxlan    or    k8s.src.pod == \"cart\" && sim.drop"));
  m_edit->installEventFilter(this);
  m_past = new QToolButton(this);
  m_past->setText(tr("Kept ▾"));
  m_past->setToolTip(tr("Filters with names, and those that were used before (Alt+Down)"));
  m_past->setAccessibleName(tr("Kept filters"));
  m_past->setVisible(store != nullptr);
  m_past->setAutoRaise(true);
  auto* apply = new QToolButton(this);
  apply->setText(tr("Apply"));
  apply->setToolTip(tr("Show only packets that this holds for (Enter)"));
  apply->setAutoRaise(true);
  row->addWidget(m_sign);
  row->addWidget(m_edit, 1);
  row->addWidget(apply);
  row->addWidget(m_past);
  column->addLayout(row);
  m_message = new QLabel(this);
  m_message->setTextFormat(Qt::PlainText);
  m_message->setWordWrap(true);
  m_message->hide();
  column->addWidget(m_message);

  m_completions = new QStandardItemModel(this);
  m_completer = new QCompleter(m_completions, this);
  m_completer->setCompletionMode(QCompleter::UnfilteredPopupCompletion);
  m_completer->setWidget(m_edit);
  m_completer->setMaxVisibleItems(12);
  connect(m_completer, qOverload<const QModelIndex&>(&QCompleter::activated), this, &FilterBar::Insert);
  connect(m_edit, &QLineEdit::textChanged, this, &FilterBar::Check);
  connect(m_edit, &QLineEdit::textEdited, this, &FilterBar::Complete);
  connect(m_edit, &QLineEdit::returnPressed, this, &FilterBar::Apply);
  connect(apply, &QToolButton::clicked, this, &FilterBar::Apply);
  connect(m_past, &QToolButton::clicked, this, &FilterBar::ShowKept);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, this, &FilterBar::Check);
  setFocusProxy(m_edit);
  Check();
}

QString FilterBar::Text() const { return m_edit->text(); }

QString FilterBar::Message() const { return m_isValid ? QString() : m_message->text(); }

void FilterBar::SetText(const QString& text) { m_edit->setText(text); }

void FilterBar::Focus() {
  m_edit->setFocus();
  m_edit->selectAll();
}

void FilterBar::Check() {
  const Theme& theme = CurrentTheme();
  const std::string text = Text().toStdString();
  replay::FilterError error;
  m_isValid = replay::Filter::Compile(text, error).has_value();
  const bool isEmpty = Text().trimmed().isEmpty();
  m_sign->setText(isEmpty ? QString() : m_isValid ? QStringLiteral("✓") : QStringLiteral("✗"));
  QPalette signs = m_sign->palette();
  signs.setColor(QPalette::WindowText, m_isValid ? theme.good : theme.bad);
  m_sign->setPalette(signs);
  QPalette palette = this->palette();
  QColor base = theme.surface;
  if (!isEmpty) {
    const QColor tint = m_isValid ? theme.good : theme.bad;
    const auto mix = [](int a, int b) { return (a * 6 + b) / 7; };
    base = QColor(mix(base.red(), tint.red()), mix(base.green(), tint.green()), mix(base.blue(), tint.blue()));
  }
  palette.setColor(QPalette::Base, base);
  m_edit->setPalette(palette);
  if (!m_isValid) {
    // Columns of people: characters, counted from 1.
    const qsizetype column =
        QString::fromUtf8(text.data(), static_cast<qsizetype>(std::min(error.column, text.size()))).size() + 1;
    m_message->setText(tr("column %1: %2").arg(column).arg(QString::fromStdString(error.message)));
    m_message->setPalette(signs);
  }
  m_message->setVisible(!m_isValid);
  m_edit->setAccessibleDescription(m_isValid ? QString() : m_message->text());
}

void FilterBar::Complete() {
  const std::string text = Text().toStdString();
  const auto cursor = static_cast<size_t>(Text().left(m_edit->cursorPosition()).toUtf8().size());
  m_found = replay::CompleteFilter(text, cursor, m_plan ? m_plan() : nullptr);
  m_completions->clear();
  for (const replay::Completion& completion : m_found.found) {
    QString shown = QString::fromStdString(completion.text);
    if (!completion.meaning.empty())
      shown = shown.leftJustified(28) + QStringLiteral("  ") + QString::fromStdString(completion.meaning);
    m_completions->appendRow(new QStandardItem(shown));
  }
  const bool isWhole = m_found.found.size() == 1 && text.substr(m_found.begin, m_found.length) == m_found.found[0].text;
  if (m_found.found.empty() || isWhole || m_found.length == 0) {
    m_completer->popup()->hide();
    return;
  }
  m_completer->popup()->setFont(FixedFont());
  m_completer->complete();
}

void FilterBar::Insert(const QModelIndex& completion) {
  if (completion.row() < 0 || static_cast<size_t>(completion.row()) >= m_found.found.size()) return;
  std::string text = Text().toStdString();
  if (m_found.begin + m_found.length > text.size()) return;
  const std::string& put = m_found.found[static_cast<size_t>(completion.row())].text;
  text.replace(m_found.begin, m_found.length, put);
  m_edit->setText(QString::fromStdString(text));
  m_edit->setCursorPosition(
      static_cast<int>(QString::fromStdString(text.substr(0, m_found.begin + put.size())).size()));
}

void FilterBar::Apply() {
  if (!m_isValid) return;
  if (const QString text = Text().trimmed(); m_store && !text.isEmpty()) m_store->Remember(text);
  emit Applied(Text().trimmed());
}

void FilterBar::Add(const QString& condition, How how) {
  const QString before = Text().trimmed();
  if (how == How::Replace || (before.isEmpty() && how != How::AndNot)) {
    SetText(condition);
  } else if (how == How::AndNot) {
    SetText(before.isEmpty() ? QStringLiteral("!(%1)").arg(condition)
                             : QStringLiteral("(") + before + QStringLiteral(") && !(") + condition + QLatin1Char(')'));
  } else {
    SetText(QStringLiteral("(") + before + (how == How::And ? QStringLiteral(") && (") : QStringLiteral(") || (")) +
            condition + QLatin1Char(')'));
  }
  Apply();
}

void FilterBar::Clear() {
  SetText({});
  Apply();
}

void FilterBar::SaveAs(const QString& name) {
  const QString text = Text().trimmed();
  if (!m_store || !m_isValid || text.isEmpty() || name.trimmed().isEmpty()) return;
  NamedFilter filter{name.trimmed(), text, -1};
  for (const NamedFilter& kept : m_store->Filters())
    if (kept.name == filter.name) filter.colour = kept.colour;
  m_store->Save(filter);
}

void FilterBar::ShowKept() {
  if (!m_store) return;
  QMenu menu(this);
  const auto add = [&](const QString& shown, const QString& text) {
    return menu.addAction(MenuText(shown), this, [this, text] {
      SetText(text);
      Apply();
    });
  };
  for (const NamedFilter& filter : m_store->Filters()) {
    QAction* action = add(QStringLiteral("%1:  %2").arg(filter.name, filter.text), filter.text);
    if (filter.colour < 0) continue;
    QPixmap swatch(12, 12);
    swatch.fill(FilterStore::Colours()[static_cast<size_t>(filter.colour)].colour);
    action->setIcon(swatch);
  }
  menu.addSeparator();
  QAction* save = menu.addAction(tr("Keep this filter under a name…"), this, [this] {
    bool isGiven = false;
    const QString name = QInputDialog::getText(this, tr("Keep this filter"), tr("&Name of %1").arg(Text().trimmed()),
                                               QLineEdit::Normal, {}, &isGiven);
    if (isGiven) SaveAs(name);
  });
  save->setEnabled(m_isValid && !Text().trimmed().isEmpty());
  menu.addAction(tr("Names and colours…"), this, &FilterBar::ManageRequested);
  menu.addSection(tr("Used before"));
  for (const QString& text : m_store->History()) add(text, text);
  if (m_store->History().isEmpty()) menu.addAction(tr("none yet"))->setEnabled(false);
  menu.exec(m_past->mapToGlobal(m_past->rect().bottomLeft()));
}

bool FilterBar::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_edit && event->type() == QEvent::KeyPress) {
    const auto* key = static_cast<QKeyEvent*>(event);
    if (key->key() == Qt::Key_Down && key->modifiers() == Qt::AltModifier) {
      ShowKept();
      return true;
    }
    if (key->key() == Qt::Key_Escape && !m_completer->popup()->isVisible() && !Text().isEmpty()) {
      Clear();
      return true;
    }
  }
  return QWidget::eventFilter(watched, event);
}

}  // namespace overlaysim::views
