#include "gui/views/inspect/flow_table.h"

#include <QClipboard>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QShortcut>
#include <QStyledItemDelegate>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/itemmodels/table_model.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

using itemmodels::TableModel;

constexpr uint64_t kRecordsSearched = 500000;  ///< for a flow's first packet, from its start on

/// Where something was lost the cell has a sign and the colour of losses.
class LossDelegate : public QStyledItemDelegate {
 public:
  using QStyledItemDelegate::QStyledItemDelegate;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
    QStyledItemDelegate::initStyleOption(option, index);
    if (!index.data(TableModel::IsAlarmingRole).toBool()) return;
    option->palette.setColor(QPalette::Text, CurrentTheme().bad);
    option->text.prepend(QStringLiteral("✗ "));
  }
};

}  // namespace

FlowTable::FlowTable(Session& session, QWidget* parent)
    : QWidget(parent),
      m_session(session),
      m_flows(new itemmodels::FlowModel(this)),
      m_links(new itemmodels::LinkModel(this)) {
  setAccessibleName(tr("Flows and links"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(6, 6, 6, 4);
  column->setSpacing(4);
  auto* bar = new QHBoxLayout;
  m_search = new QLineEdit(this);
  m_search->setPlaceholderText(tr("show rows with this text"));
  m_search->setClearButtonEnabled(true);
  m_search->setAccessibleName(tr("Show rows with this text"));
  auto* copy = new QToolButton(this);
  copy->setText(tr("Copy"));
  copy->setToolTip(tr("Copy the table, for a spreadsheet"));
  copy->setAutoRaise(true);
  bar->addWidget(m_search, 1);
  bar->addWidget(copy);
  column->addLayout(bar);
  m_tabs = new QTabWidget(this);
  m_tabs->setAccessibleName(tr("Flows or links"));
  m_tabs->setDocumentMode(true);
  column->addWidget(m_tabs, 1);
  m_flowPage = AddPage(m_flows, tr("Flows"));
  m_linkPage = AddPage(m_links, tr("Links"));
  m_linkPage.view->sortByColumn(itemmodels::LinkModel::Utilisation, Qt::DescendingOrder);
  m_message = new QLabel(this);
  m_message->setTextFormat(Qt::PlainText);
  m_message->setWordWrap(true);
  m_message->hide();
  column->addWidget(m_message);

  connect(copy, &QToolButton::clicked, this, &FlowTable::Copy);
  connect(m_search, &QLineEdit::textChanged, this, [this](const QString& text) {
    m_flowPage.sorter->setFilterFixedString(text);
    m_linkPage.sorter->setFilterFixedString(text);
  });
  connect(&session, &Session::RunAboutToChange, this, [this] {
    m_flows->SetMetrics(nullptr);
    m_links->SetMetrics(nullptr);
  });
  connect(&session, &Session::RunChanged, this, &FlowTable::Load);
  Load();
}

FlowTable::Page FlowTable::AddPage(TableModel* model, const QString& title) {
  auto* view = new QTableView(m_tabs);
  auto* sorter = new itemmodels::TableSorter(view);
  sorter->setSourceModel(model);
  view->setModel(sorter);
  view->setItemDelegate(new LossDelegate(view));
  view->setAccessibleName(title);
  view->setSortingEnabled(true);
  view->sortByColumn(0, Qt::AscendingOrder);
  view->setSelectionBehavior(QTableView::SelectRows);
  view->setSelectionMode(QTableView::SingleSelection);
  view->setShowGrid(false);
  view->setAlternatingRowColors(true);
  view->setWordWrap(false);
  view->setTabKeyNavigation(false);
  view->setFrameShape(QFrame::NoFrame);
  view->setContextMenuPolicy(Qt::CustomContextMenu);
  view->verticalHeader()->hide();
  view->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  view->verticalHeader()->setDefaultSectionSize(QFontMetrics(font()).height() + 8);
  view->horizontalHeader()->setHighlightSections(false);
  view->horizontalHeader()->setMinimumSectionSize(60);
  m_tabs->addTab(view, title);
  const bool isFlows = model == m_flows;
  const auto take = [this, view, isFlows] {
    const QModelIndex current = view->currentIndex();
    if (!current.isValid()) return;
    const int row = current.data(TableModel::RowRole).toInt();
    isFlows ? Follow(row) : SelectLink(row);
  };
  connect(view, &QTableView::doubleClicked, this, take);
  for (const Qt::Key key : {Qt::Key_Return, Qt::Key_Enter})
    connect(new QShortcut(key, view, nullptr, nullptr, Qt::WidgetShortcut), &QShortcut::activated, this, take);
  connect(view, &QTableView::customContextMenuRequested, this, [this, view, isFlows, take](const QPoint& at) {
    const QModelIndex index = view->indexAt(at);
    if (!index.isValid()) return;
    view->setCurrentIndex(index);
    QMenu menu(this);
    if (isFlows) {
      menu.addAction(tr("Follow its first packet\tEnter"), this, take);
      menu.addAction(tr("Show its packets"), this, [this, row = index.data(TableModel::RowRole).toInt()] {
        emit FilterRequested(QStringLiteral("sim.flow == %1").arg(row));
      });
    } else {
      menu.addAction(tr("Select the link\tEnter"), this, take);
    }
    menu.addAction(tr("Copy the table"), this, &FlowTable::Copy);
    menu.exec(view->viewport()->mapToGlobal(at));
  });
  return {model, sorter, view};
}

void FlowTable::Load() {
  replay::Run* run = m_session.Run();
  const RunMetrics* metrics = run ? run->Metrics() : nullptr;
  m_flows->SetMetrics(metrics);
  m_links->SetMetrics(metrics);
  for (const Page& page : {m_flowPage, m_linkPage})
    if (page.model->rowCount() < 2000) page.view->resizeColumnsToContents();
  m_message->setVisible(run && !metrics);
  m_message->setText(tr("This run has no metrics.json (yet)."));
}

int FlowTable::Rows() const { return m_flowPage.sorter->rowCount(); }

void FlowTable::ShowLinks() { m_tabs->setCurrentWidget(m_linkPage.view); }

void FlowTable::Copy() {
  const Page& page = m_tabs->currentWidget() == m_linkPage.view ? m_linkPage : m_flowPage;
  QGuiApplication::clipboard()->setText(page.model->AsText());
}

void FlowTable::Follow(int flow) {
  replay::Run* run = m_session.Run();
  if (!run || !run->HasTrace() || flow < 0) return;
  const auto& workloads = run->Plan().workloads;
  const int64_t start = static_cast<size_t>(flow) < workloads.size() ? workloads[static_cast<size_t>(flow)].startNs : 0;
  const uint64_t first = run->FirstAtOrAfter(start);
  const uint64_t end = std::min(run->RecordCount(), first + kRecordsSearched);
  for (uint64_t i = first; i < end; ++i) {
    const replay::StoredRecord* stored = run->RecordAt(i);
    if (!stored) break;
    if (stored->record.stage != Stage::Send || stored->record.flow != static_cast<uint32_t>(flow)) continue;
    m_session.Follow(stored->record.journey);
    return;
  }
  m_message->setText(tr("No packet of this flow is near its start in the trace."));
  m_message->show();
}

void FlowTable::SelectLink(int link) {
  replay::Run* run = m_session.Run();
  if (!run || !run->Metrics() || link < 0 || static_cast<size_t>(link) >= run->Metrics()->links.size()) return;
  const std::string& name = run->Metrics()->links[static_cast<size_t>(link)].name;
  const auto& cables = run->Plan().cables;
  const auto cable =
      std::find_if(cables.begin(), cables.end(), [&](const replay::Cable& one) { return one.name == name; });
  if (cable == cables.end()) return;
  Place place;
  place.kind = Place::Kind::Cable;
  place.cable = static_cast<uint32_t>(cable - cables.begin());
  m_session.Select(place);
}

}  // namespace overlaysim::views
