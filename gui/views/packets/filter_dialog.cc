#include "gui/views/packets/filter_dialog.h"

#include <QComboBox>
#include <QDialogButtonBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QPixmap>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "gui/replay/filter.h"
#include "gui/views/format.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

enum Column { kName, kFilter, kColour, kColumns };

QIcon Swatch(const QColor& colour) {
  QPixmap pixmap(14, 14);
  pixmap.fill(colour);
  return pixmap;
}

}  // namespace

FilterDialog::FilterDialog(FilterStore& store, QWidget* parent) : QDialog(parent), m_store(store) {
  setWindowTitle(tr("Filters and colours"));
  auto* column = new QVBoxLayout(this);
  auto* what =
      new QLabel(tr("A filter with a colour tints the rows that it lets through; the first that fits counts."));
  what->setWordWrap(true);
  column->addWidget(what);
  auto* row = new QHBoxLayout;
  m_table = new QTableWidget(0, kColumns, this);
  m_table->setHorizontalHeaderLabels({tr("Name"), tr("Filter"), tr("Colour")});
  m_table->setAccessibleName(tr("Filters with names"));
  m_table->verticalHeader()->hide();
  m_table->setSelectionBehavior(QTableWidget::SelectRows);
  m_table->setSelectionMode(QTableWidget::SingleSelection);
  m_table->horizontalHeader()->setSectionResizeMode(kFilter, QHeaderView::Stretch);
  const int digit = fontMetrics().horizontalAdvance(QLatin1Char('0'));
  m_table->horizontalHeader()->resizeSection(kName, 20 * digit);
  m_table->horizontalHeader()->resizeSection(kColour, 18 * digit);
  m_table->setTabKeyNavigation(false);
  row->addWidget(m_table, 1);
  auto* buttons = new QVBoxLayout;
  const auto button = [&](const QString& text, auto slot) {
    auto* made = new QPushButton(text, this);
    connect(made, &QPushButton::clicked, this, slot);
    buttons->addWidget(made);
  };
  button(tr("&Add"), qOverload<>(&FilterDialog::AddRow));
  button(tr("&Delete"), &FilterDialog::DeleteRow);
  button(tr("Move &up"), [this] { Move(-1); });
  button(tr("Move do&wn"), [this] { Move(1); });
  buttons->addStretch(1);
  row->addLayout(buttons);
  column->addLayout(row, 1);
  m_message = new QLabel(this);
  m_message->setTextFormat(Qt::PlainText);
  m_message->setWordWrap(true);
  m_message->hide();
  column->addWidget(m_message);
  auto* box = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  connect(box, &QDialogButtonBox::accepted, this, &FilterDialog::accept);
  connect(box, &QDialogButtonBox::rejected, this, &FilterDialog::reject);
  column->addWidget(box);
  for (const NamedFilter& filter : store.Filters()) AddRow(filter);
  if (m_table->rowCount() > 0) m_table->setCurrentCell(0, kName);
  connect(m_table, &QTableWidget::itemChanged, this, [this] {
    m_message->setText(Check());
    m_message->setVisible(!m_message->text().isEmpty());
  });
  resize(90 * digit, 26 * fontMetrics().height());
}

void FilterDialog::AddRow(const NamedFilter& filter) {
  const int row = m_table->rowCount();
  m_table->insertRow(row);
  m_table->setItem(row, kName, new QTableWidgetItem(filter.name));
  auto* text = new QTableWidgetItem(filter.text);
  text->setFont(FixedFont());
  m_table->setItem(row, kFilter, text);
  auto* colours = new QComboBox(m_table);
  colours->setAccessibleName(tr("Colour of %1").arg(filter.name));
  colours->addItem(tr("none"));
  for (const FilterStore::Colour& colour : FilterStore::Colours()) colours->addItem(Swatch(colour.colour), colour.name);
  colours->setCurrentIndex(filter.colour + 1);
  m_table->setCellWidget(row, kColour, colours);
}

void FilterDialog::AddRow() {
  AddRow({tr("new filter"), QStringLiteral("sim.drop"), -1});
  m_table->setCurrentCell(m_table->rowCount() - 1, kName);
  m_table->editItem(m_table->currentItem());
}

void FilterDialog::DeleteRow() {
  if (m_table->currentRow() >= 0) m_table->removeRow(m_table->currentRow());
}

void FilterDialog::Move(int by) {
  const int row = m_table->currentRow(), other = row + by;
  if (row < 0 || other < 0 || other >= m_table->rowCount()) return;
  const NamedFilter a = At(row), b = At(other);
  for (const auto& [to, filter] : {std::pair(row, b), std::pair(other, a)}) {
    m_table->item(to, kName)->setText(filter.name);
    m_table->item(to, kFilter)->setText(filter.text);
    qobject_cast<QComboBox*>(m_table->cellWidget(to, kColour))->setCurrentIndex(filter.colour + 1);
  }
  m_table->setCurrentCell(other, kName);
}

NamedFilter FilterDialog::At(int row) const {
  const auto* colours = qobject_cast<const QComboBox*>(m_table->cellWidget(row, kColour));
  return {m_table->item(row, kName)->text().trimmed(), m_table->item(row, kFilter)->text().trimmed(),
          colours->currentIndex() - 1};
}

QString FilterDialog::Check() const {
  for (int row = 0; row < m_table->rowCount(); ++row) {
    const NamedFilter filter = At(row);
    if (filter.name.isEmpty()) return tr("Row %1 has no name.").arg(row + 1);
    replay::FilterError error;
    if (filter.text.isEmpty()) return tr("%1 has no filter.").arg(filter.name);
    const auto compiled = replay::Filter::Compile(filter.text.toStdString(), error);
    if (!compiled) return tr("%1: %2").arg(filter.name, QString::fromStdString(error.message));
    if (filter.colour >= 0 && compiled->NeedsOrder())
      return tr("%1: tcp.stream, tcp.window_size and frame.time_delta are known while the whole list is searched only; "
                "such a filter has no colour.")
          .arg(filter.name);
  }
  return {};
}

void FilterDialog::accept() {
  const QString wrong = Check();
  m_message->setText(wrong);
  m_message->setVisible(!wrong.isEmpty());
  if (!wrong.isEmpty()) return;
  std::vector<NamedFilter> filters;
  for (int row = 0; row < m_table->rowCount(); ++row) filters.push_back(At(row));
  m_store.SetFilters(std::move(filters));
  QDialog::accept();
}

}  // namespace overlaysim::views
