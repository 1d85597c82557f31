#include "gui/views/packets/packets_view.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QFocusEvent>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QProcess>
#include <QProgressBar>
#include <QProgressDialog>
#include <QPushButton>
#include <QShortcut>
#include <QSplitter>
#include <QStandardPaths>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <numeric>

#include "gui/itemmodels/packet_model.h"
#include "gui/views/format.h"
#include "gui/views/packets/filter_bar.h"
#include "gui/views/packets/filter_dialog.h"
#include "gui/views/packets/filter_store.h"
#include "gui/views/packets/packet_delegate.h"
#include "gui/views/packets/packet_panes.h"
#include "gui/views/theme.h"
#include "sim/trace/capture_writer.h"

namespace overlaysim::views {

using itemmodels::PacketModel;

namespace {

constexpr int kRowsBetweenLooks = 2000;  ///< while rows are saved, between looks at the Cancel button

QString MenuText(QString text) { return text.replace(QLatin1Char('&'), QStringLiteral("&&")); }

}  // namespace

PacketsView::PacketsView(Session& session, QWidget* parent)
    : QWidget(parent), m_session(session), m_model(new PacketModel(this)) {
  setAccessibleName(tr("Packets"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(6, 6, 6, 4);
  column->setSpacing(4);
  auto* bar = new QHBoxLayout;
  m_source = new QComboBox(this);
  m_source->setAccessibleName(tr("What is listed"));
  m_source->addItem(tr("Every step (trace)"));
  m_source->addItem(tr("Captured frames"));
  m_filters = new FilterStore(this);
  m_filter = new FilterBar(m_filters, this);
  m_filter->SetPlan(
      [this]() -> const replay::Topology* { return m_session.Run() ? &m_session.Run()->Plan() : nullptr; });
  bar->addWidget(m_source, 0, Qt::AlignTop);
  bar->addWidget(m_filter, 1);
  const auto button = [&](const QString& text, const QString& tip, auto slot) {
    auto* made = new QToolButton(this);
    made->setText(text);
    made->setToolTip(tip);
    made->setAutoRaise(true);
    connect(made, &QToolButton::clicked, this, slot);
    bar->addWidget(made, 0, Qt::AlignTop);
  };
  button(tr("Save…"), tr("Save the packets that are shown as pcapng"), &PacketsView::SaveAs);
  button(tr("Wireshark"), tr("Open the packets that are shown in Wireshark"), &PacketsView::OpenInWireshark);
  column->addLayout(bar);

  auto* splitter = new QSplitter(Qt::Vertical, this);
  m_table = new QTableView(splitter);
  m_table->setModel(m_model);
  m_rows = new PacketDelegate(m_table);
  m_table->setItemDelegate(m_rows);
  m_table->setAccessibleName(tr("Packets"));
  m_table->setSelectionBehavior(QTableView::SelectRows);
  m_table->setSelectionMode(QTableView::SingleSelection);
  m_table->setShowGrid(false);
  m_table->setWordWrap(false);
  m_table->setTabKeyNavigation(false);
  m_table->setContextMenuPolicy(Qt::CustomContextMenu);
  m_table->setVerticalScrollMode(QTableView::ScrollPerItem);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
  m_table->verticalHeader()->setDefaultSectionSize(QFontMetrics(font()).height() + 6);
  QHeaderView* header = m_table->horizontalHeader();
  header->setStretchLastSection(true);
  header->setHighlightSections(false);
  header->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  header->setSectionsMovable(true);
  header->setTextElideMode(Qt::ElideRight);
  connect(header, &QHeaderView::sectionResized, this, [this](int section) {
    const bool isByHand = QApplication::mouseButtons() != Qt::NoButton;
    if (isByHand && !m_isFitting && section != PacketModel::Info) m_hasOwnColumns = true;
  });
  m_table->viewport()->installEventFilter(this);
  m_panes = new PacketPanes(splitter);
  splitter->addWidget(m_table);
  splitter->addWidget(m_panes);
  splitter->setSizes({400, 320});
  splitter->setChildrenCollapsible(false);
  column->addWidget(splitter, 1);

  auto* end = new QHBoxLayout;
  m_counts = new QLabel(this);
  m_counts->setTextFormat(Qt::PlainText);
  m_progress = new QProgressBar(this);
  m_progress->setMaximumWidth(180);
  m_progress->setMaximumHeight(QFontMetrics(font()).height() + 2);
  m_progress->hide();
  m_stop = new QPushButton(tr("Stop"), this);
  m_stop->hide();
  end->addWidget(m_counts, 1);
  end->addWidget(m_progress);
  end->addWidget(m_stop);
  column->addLayout(end);

  connect(m_source, &QComboBox::activated, this, &PacketsView::LoadSource);
  connect(m_filter, &FilterBar::Applied, this, [this](const QString& text) {
    const QString error = m_model->SetFilter(text);
    m_counts->setText(error);
    m_progress->setVisible(m_model->IsFiltering());
    m_stop->setVisible(m_model->IsFiltering());
    if (error.isEmpty()) ShowCounts();
    m_panes->ShowNothing();
  });
  connect(m_filter, &FilterBar::ManageRequested, this, &PacketsView::ManageFilters);
  connect(m_filters, &FilterStore::Changed, this, &PacketsView::UseRules);
  connect(m_model, &PacketModel::Progressed, this, [this](int percent) {
    m_progress->setValue(percent);
    m_progress->setVisible(percent < 100);
    ShowCounts();
  });
  connect(m_model, &PacketModel::Finished, this, [this] {
    FitColumns();
    m_progress->hide();
    m_stop->hide();
    ShowCounts();
    FollowStep();
  });
  connect(m_model, &PacketModel::Failed, m_counts, &QLabel::setText);
  connect(m_stop, &QPushButton::clicked, m_model, &PacketModel::StopFiltering);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &PacketsView::RowChosen);
  connect(m_table, &QTableView::doubleClicked, this, &PacketsView::FollowCurrent);
  connect(m_table, &QTableView::customContextMenuRequested, this, &PacketsView::ShowMenu);
  connect(m_panes, &PacketPanes::FilterRequested, this,
          [this](const QString& condition) { m_filter->Add(condition, FilterBar::How::Replace); });
  for (const Qt::Key key : {Qt::Key_Return, Qt::Key_Enter})
    connect(new QShortcut(key, m_table, nullptr, nullptr, Qt::WidgetShortcut), &QShortcut::activated, this,
            &PacketsView::FollowCurrent);
  connect(new QShortcut(Qt::Key_Slash, this, nullptr, nullptr, Qt::WidgetWithChildrenShortcut), &QShortcut::activated,
          m_filter, &FilterBar::Focus);
  connect(&session, &Session::RunAboutToChange, this, [this] { m_model->SetRun(nullptr, m_model->RowSource()); });
  connect(&session, &Session::RunChanged, this, &PacketsView::RunChanged);
  connect(&session, &Session::StepChanged, this, &PacketsView::FollowStep);
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, m_table->viewport(), qOverload<>(&QWidget::update));
  UseRules();
  RunChanged();
}

void PacketsView::RunChanged() {
  replay::Run* run = m_session.Run();
  if (run) {
    const auto ports = run->VxlanPorts();
    m_panes->SetVxlanPorts({ports.begin(), ports.end()});
    m_source->setCurrentIndex(run->HasTrace() ? 0 : 1);
  }
  LoadSource();
}

void PacketsView::LoadSource() {
  const auto source = m_source->currentIndex() == 0 ? replay::PacketSource::Trace : replay::PacketSource::Capture;
  m_panes->ShowNothing();
  const QString error = m_model->SetRun(m_session.Run(), source);
  m_table->setColumnHidden(PacketModel::Step, source == replay::PacketSource::Capture);
  FitColumns();
  if (m_session.Run() && error.isEmpty() && !m_filter->Text().isEmpty()) m_filter->Apply();
  m_counts->setText(error);
  if (error.isEmpty()) ShowCounts();
  FollowStep();
}

void PacketsView::resizeEvent(QResizeEvent* event) {
  QWidget::resizeEvent(event);
  constexpr int kRoomForPanes = 250;  // else the list needs it all
  m_panes->setVisible(height() >= kRoomForPanes);
}

bool PacketsView::eventFilter(QObject* watched, QEvent* event) {
  if (watched == m_table->viewport() && event->type() == QEvent::Resize) FitColumns();
  return QWidget::eventFilter(watched, event);
}

void PacketsView::focusInEvent(QFocusEvent* event) { m_table->setFocus(event->reason()); }

void PacketsView::FitColumns() {
  if (m_hasOwnColumns) return;
  const int digit = QFontMetrics(font()).horizontalAdvance(QLatin1Char('0'));
  constexpr int kPad = 12, kMostDigits = 26, kLeastDigits = 9;
  std::array<int, PacketModel::Info> widths{};
  m_isFitting = true;
  for (int section = 0; section < PacketModel::Info; ++section) {
    if (m_table->isColumnHidden(section)) continue;
    m_table->resizeColumnToContents(section);
    widths[static_cast<size_t>(section)] = std::min(kMostDigits * digit + kPad, m_table->columnWidth(section));
  }
  const int all = std::accumulate(widths.begin(), widths.end(), 0);
  // Names give way, so that what happened is seen; what the packet says takes what is left.
  constexpr std::array kNames{PacketModel::Where, PacketModel::Source, PacketModel::Destination};
  const int most = m_table->viewport()->width();
  for (int over = all - most; over > 0;) {
    // The widest first.
    int& widest =
        widths[*std::max_element(kNames.begin(), kNames.end(), [&](int a, int b) { return widths[a] < widths[b]; })];
    if (widest <= kLeastDigits * digit + kPad) break;
    const int step = std::min({over, digit, widest - (kLeastDigits * digit + kPad)});
    widest -= step;
    over -= step;
  }
  for (int section = 0; section < PacketModel::Info; ++section)
    if (const int width = widths[static_cast<size_t>(section)]; width > 0)
      m_table->horizontalHeader()->resizeSection(section, width);
  m_isFitting = false;
}

void PacketsView::ShowTrace() {
  m_source->setCurrentIndex(0);
  LoadSource();
}

void PacketsView::ShowCapture() {
  m_source->setCurrentIndex(1);
  LoadSource();
}

void PacketsView::ApplyFilter(const QString& text) {
  m_filter->SetText(text);
  m_filter->Apply();
}

void PacketsView::ManageFilters() { FilterDialog(*m_filters, this).exec(); }

void PacketsView::UseRules() {
  std::vector<replay::Filter> rules;
  std::vector<std::pair<QString, QColor>> colours;
  for (const NamedFilter& filter : m_filters->Filters()) {
    if (filter.colour < 0) continue;
    replay::FilterError error;
    auto compiled = replay::Filter::Compile(filter.text.toStdString(), error);
    if (!compiled || compiled->NeedsOrder()) continue;
    rules.push_back(std::move(*compiled));
    colours.emplace_back(filter.name, FilterStore::Colours()[static_cast<size_t>(filter.colour)].colour);
  }
  m_rows->SetRules(std::move(colours));
  m_model->SetRules(std::move(rules));
  m_table->viewport()->update();
}

void PacketsView::ShowCounts() {
  if (!m_session.Run()) return m_counts->setText(tr("No run is open."));
  const auto shown = static_cast<uint64_t>(m_model->rowCount());
  m_counts->setText(m_model->FilterText().isEmpty()
                        ? tr("%1 rows").arg(CountText(m_model->Total()))
                        : tr("%1 of %2 rows").arg(CountText(shown), CountText(m_model->Total())));
}

void PacketsView::RowChosen() {
  const QModelIndex current = m_table->currentIndex();
  replay::PacketContent content;
  if (!current.isValid() || !m_model->Content(current.row(), content)) return m_panes->ShowNothing();
  m_panes->Show(content);
  if (m_isMoving) return;
  m_isMoving = true;
  m_session.SetTime(current.data(PacketModel::TimeRole).toLongLong());
  if (current.data(PacketModel::IsRecordRole).toBool()) {
    Place place;
    place.netns = current.data(PacketModel::NetnsRole).toUInt();
    place.ifindex = current.data(PacketModel::IfindexRole).toUInt();
    place.kind = place.ifindex == 0 ? Place::Kind::Netns : Place::Kind::Device;
    m_session.Select(place);
  }
  m_isMoving = false;
}

void PacketsView::FollowCurrent() {
  const QModelIndex current = m_table->currentIndex();
  if (!current.isValid()) return;
  if (m_model->RowSource() == replay::PacketSource::Trace)
    m_session.FollowRecord(current.data(PacketModel::IndexRole).toULongLong());
  else if (const qulonglong journey = current.data(PacketModel::JourneyRole).toULongLong(); journey != 0)
    m_session.Follow(journey);
}

void PacketsView::FollowStep() {
  const replay::Hop* hop = m_session.CurrentHop();
  if (!hop || m_isMoving) return;
  const int row = m_model->RowOfRecord(hop->index);
  if (row < 0 || m_model->IndexAt(row) != hop->index) return;  // the filter hides it
  m_isMoving = true;
  const QModelIndex index = m_model->index(row, std::max(0, m_table->currentIndex().column()));
  m_table->setCurrentIndex(index);
  m_table->scrollTo(index);
  m_isMoving = false;
}

void PacketsView::ShowMenu(const QPoint& at) {
  const QModelIndex index = m_table->indexAt(at);
  if (!index.isValid()) return;
  m_table->setCurrentIndex(index);
  QMenu menu(this);
  menu.addAction(tr("Follow this packet\tEnter"), this, &PacketsView::FollowCurrent)
      ->setEnabled(index.data(PacketModel::JourneyRole).toULongLong() != 0);
  if (const QString filter = index.data(PacketModel::FilterRole).toString(); !filter.isEmpty()) {
    menu.addSeparator();
    const auto add = [&](const QString& text, FilterBar::How how) {
      menu.addAction(text, this, [this, filter, how] { m_filter->Add(filter, how); });
    };
    add(tr("Apply as filter: %1").arg(MenuText(filter)), FilterBar::How::Replace);
    add(tr("… and this"), FilterBar::How::And);
    add(tr("… or this"), FilterBar::How::Or);
    add(tr("… but not this"), FilterBar::How::AndNot);
  }
  menu.addSeparator();
  menu.addAction(tr("Copy this row"), this, [this, row = index.row()] {
    QStringList cells;
    for (int i = 0; i < m_model->columnCount(); ++i) cells << m_model->index(row, i).data().toString();
    QGuiApplication::clipboard()->setText(cells.join(QLatin1Char('\t')));
  });
  menu.addAction(tr("Save what is shown as pcapng…"), this, &PacketsView::SaveAs);
  menu.addAction(tr("Open what is shown in Wireshark"), this, &PacketsView::OpenInWireshark);
  menu.exec(m_table->viewport()->mapToGlobal(at));
}

QString PacketsView::SaveRows(const QString& path, uint64_t& written) {
  written = 0;
  PcapngWriter writer(std::filesystem::path(path.toStdString()), "overlaysim-gui");
  std::map<std::pair<QString, replay::LinkLayer>, uint32_t> interfaces;
  const int rows = m_model->rowCount();
  QProgressDialog progress(tr("Saving %1 rows").arg(CountText(static_cast<uint64_t>(rows))), tr("Cancel"), 0, rows,
                           this);
  progress.setWindowModality(Qt::WindowModal);
  progress.setMinimumDuration(500);
  for (int row = 0; row < rows && writer.Ok(); ++row) {
    if (row % kRowsBetweenLooks == 0) {
      progress.setValue(row);
      if (progress.wasCanceled()) break;
    }
    replay::PacketContent content;
    if (!m_model->Content(row, content) || content.bytes.empty()) continue;
    const QModelIndex where = m_model->index(row, PacketModel::Where);
    const QString place = where.data().toString();
    auto known = interfaces.find({place, content.layer});
    if (known == interfaces.end()) {
      CaptureInterface interface;
      interface.name = place.toStdString();
      interface.linkType = content.layer == replay::LinkLayer::Ethernet ? LinkType::Ethernet : LinkType::RawIp;
      known = interfaces.emplace(std::pair(place, content.layer), writer.AddInterface(interface)).first;
    }
    const std::string comment = m_model->index(row, PacketModel::Step).data().toString().toStdString();
    CapturedFrame frame;
    frame.interface = known->second;
    frame.time = {where.data(PacketModel::TimeRole).toLongLong()};
    frame.bytes = content.bytes;
    frame.wireBytes = content.wireBytes;
    frame.comment = comment;
    writer.Write(frame);
    ++written;
  }
  writer.Finish();
  return QString::fromStdString(writer.Error());
}

void PacketsView::SaveAs() {
  if (!m_session.Run()) return;
  const QString path = QFileDialog::getSaveFileName(this, tr("Save the packets that are shown"),
                                                    QStringLiteral("packets.pcapng"), tr("Captures (*.pcapng)"));
  if (path.isEmpty()) return;
  // Nothing is written into a run directory.
  const auto directory = QFileInfo(path).absoluteDir().canonicalPath();
  if (directory == QDir(QString::fromStdString(m_session.Run()->Directory().path.string())).canonicalPath()) {
    QMessageBox::warning(this, tr("Not saved"), tr("A run directory stays as the run left it; choose another folder."));
    return;
  }
  uint64_t written = 0;
  const QString error = SaveRows(path, written);
  m_counts->setText(error.isEmpty() ? tr("%1 packets saved in %2").arg(CountText(written), path) : error);
}

void PacketsView::OpenInWireshark() {
  replay::Run* run = m_session.Run();
  if (!run) return;
  QString path = QString::fromStdString(run->Directory().File(run_file::kPackets).string());
  const bool isWholeCapture = m_model->RowSource() == replay::PacketSource::Capture && m_model->FilterText().isEmpty();
  const QString program = QStandardPaths::findExecutable(QStringLiteral("wireshark"));
  if (program.isEmpty()) {
    m_counts->setText(
        tr("Wireshark is not installed; on Debian: apt install wireshark. The run's capture is %1").arg(path));
    return;
  }
  if (!isWholeCapture) {
    path = QDir::temp().filePath(QStringLiteral("overlaysim-%1.pcapng").arg(QApplication::applicationPid()));
    uint64_t written = 0;
    if (const QString error = SaveRows(path, written); !error.isEmpty()) return m_counts->setText(error);
  }
  QStringList arguments{QStringLiteral("-r"), path};
  for (const uint16_t port : run->VxlanPorts())
    arguments << QStringLiteral("-d") << QStringLiteral("udp.port==%1,vxlan").arg(port);
  m_counts->setText(QProcess::startDetached(program, arguments) ? tr("Wireshark opens %1").arg(path)
                                                                : tr("%1 does not start").arg(program));
}

}  // namespace overlaysim::views
