#include "gui/views/journey/packet_chooser.h"

#include <QDialogButtonBox>
#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/format.h"
#include "gui/views/packets/filter_bar.h"
#include "gui/views/packets/packet_delegate.h"

namespace overlaysim::views {

using itemmodels::PacketModel;

PacketChooser::PacketChooser(replay::Run& run, QWidget* parent) : QDialog(parent), m_model(new PacketModel(this)) {
  setWindowTitle(tr("Packet of %1").arg(QString::fromStdString(run.Plan().name)));
  auto* column = new QVBoxLayout(this);
  m_filter = new FilterBar(nullptr, this);
  m_filter->SetPlan([plan = &run.Plan()] { return plan; });
  column->addWidget(m_filter);
  m_table = new QTableView(this);
  m_table->setModel(m_model);
  m_table->setItemDelegate(new PacketDelegate(m_table));
  m_table->setAccessibleName(tr("Packets that were sent"));
  m_table->setSelectionBehavior(QTableView::SelectRows);
  m_table->setSelectionMode(QTableView::SingleSelection);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 6);
  m_table->horizontalHeader()->setStretchLastSection(true);
  const int digit = fontMetrics().horizontalAdvance(QLatin1Char('0'));
  for (const auto& [section, digits] : {std::pair<int, int>(PacketModel::Time, 14),
                                        {PacketModel::Source, 18},
                                        {PacketModel::Destination, 18},
                                        {PacketModel::ProtocolName, 9},
                                        {PacketModel::Length, 8}})
    m_table->horizontalHeader()->resizeSection(section, digits * digit + 10);
  for (const int section : {PacketModel::Number, PacketModel::Where, PacketModel::Step})
    m_table->setColumnHidden(section, true);
  column->addWidget(m_table, 1);
  m_counts = new QLabel(this);
  m_counts->setTextFormat(Qt::PlainText);
  column->addWidget(m_counts);
  auto* box = new QDialogButtonBox(QDialogButtonBox::Ok | QDialogButtonBox::Cancel, this);
  m_ok = box->button(QDialogButtonBox::Ok);
  m_ok->setText(tr("&Compare"));
  m_ok->setEnabled(false);
  column->addWidget(box);
  connect(box, &QDialogButtonBox::accepted, this, &QDialog::accept);
  connect(box, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(m_filter, &FilterBar::Applied, this, &PacketChooser::Look);
  connect(m_table, &QTableView::doubleClicked, this, [this] {
    if (Journey() != 0) accept();
  });
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this,
          [this] { m_ok->setEnabled(Journey() != 0); });
  const auto count = [this] {
    m_counts->setText(tr("%1 packets%2")
                          .arg(CountText(static_cast<uint64_t>(m_model->rowCount())),
                               m_model->IsFiltering() ? tr(", looking for more") : QString()));
    if (!m_table->currentIndex().isValid() && m_model->rowCount() > 0) m_table->selectRow(0);
  };
  connect(m_model, &PacketModel::Progressed, this, count);
  connect(m_model, &PacketModel::Finished, this, count);
  connect(m_model, &PacketModel::Failed, m_counts, &QLabel::setText);
  if (const QString error = m_model->SetRun(&run, replay::PacketSource::Trace); !error.isEmpty())
    m_counts->setText(error);
  else
    Look();
  resize(100 * digit, 30 * fontMetrics().height());
}

quint64 PacketChooser::Journey() const {
  return m_table->currentIndex().isValid() ? m_table->currentIndex().data(PacketModel::JourneyRole).toULongLong() : 0;
}

void PacketChooser::Look() {
  // Each packet once: where it was made.
  const QString own = m_filter->Text().trimmed();
  QString filter = QStringLiteral("sim.stage == Send && sim.packet == 0");
  if (!own.isEmpty()) filter += QStringLiteral(" && (%1)").arg(own);
  m_model->SetFilter(filter);
}

}  // namespace overlaysim::views
