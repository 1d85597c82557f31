#include "gui/app/event_dialog.h"

#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include "sim/base/units.h"

namespace overlaysim::app {
namespace {

std::optional<int64_t> ReadTime(const QString& text) {
  const auto time = Nanoseconds::Parse(text.trimmed().toStdString());
  return time ? std::optional(time->count) : std::nullopt;
}

}  // namespace

EventDialog::EventDialog(const document::EventWish& wish, const QString& title, const QString& question,
                         QWidget* parent)
    : QDialog(parent), m_wish(wish) {
  setWindowTitle(title);
  m_at = new QLineEdit(QString::fromStdString(Nanoseconds{wish.atNs}.ToString()), this);
  m_for = new QLineEdit(wish.forNs ? QString::fromStdString(Nanoseconds{*wish.forNs}.ToString()) : QString(), this);
  m_for->setPlaceholderText(tr("until the end"));
  auto* form = new QFormLayout(this);
  auto* what = new QLabel(title, this);
  QFont bold = what->font();
  bold.setBold(true);
  what->setFont(bold);
  form->addRow(what);
  if (!question.isEmpty()) {
    m_value = new QLineEdit(QString::fromStdString(wish.value), this);
    form->addRow(question, m_value);
  }
  form->addRow(tr("&At"), m_at);
  if (wish.kind != document::EventWish::Kind::Exec)
    form->addRow(tr("&For"), m_for);
  else
    m_for->hide();
  m_problem = new QLabel(this);
  m_problem->setWordWrap(true);
  form->addRow(m_problem);
  auto* note = new QLabel(
      tr("It becomes an event of the scenario, and a new run begins. What has been run stays as it is."), this);
  note->setWordWrap(true);
  form->addRow(note);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  m_ok = buttons->button(QDialogButtonBox::Ok);
  m_ok->setText(tr("Add and run"));
  form->addRow(buttons);
  connect(buttons, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  for (QLineEdit* edit : {m_at, m_for, m_value})
    if (edit) connect(edit, &QLineEdit::textChanged, this, &EventDialog::Check);
  (m_value ? m_value : m_at)->setFocus();
  Check();
}

void EventDialog::Check() {
  QString problem;
  const auto at = ReadTime(m_at->text());
  const bool hasEnd = !m_for->text().trimmed().isEmpty();
  const auto lasts = hasEnd ? ReadTime(m_for->text()) : std::nullopt;
  if (!at || *at < 0)
    problem = tr("“At” needs a time with its unit, for example 1.5s or 300ms.");
  else if (hasEnd && (!lasts || *lasts <= 0))
    problem = tr("“For” needs a time with its unit, or nothing.");
  else if (m_value && m_value->text().trimmed().isEmpty())
    problem = tr("A value is needed.");
  m_ok->setEnabled(problem.isEmpty());
  m_problem->setText(problem);
  m_problem->setVisible(!problem.isEmpty());
  if (!problem.isEmpty()) return;
  m_wish.atNs = *at;
  m_wish.forNs = lasts;
  if (m_value) m_wish.value = m_value->text().trimmed().toStdString();
}

}  // namespace overlaysim::app
