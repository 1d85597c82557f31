#include "gui/views/journey/compare_view.h"

#include <QFileDialog>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMessageBox>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>
#include <set>
#include <utility>

#include "gui/views/format.h"
#include "gui/views/journey/header_bricks.h"
#include "gui/views/journey/packet_chooser.h"
#include "gui/views/theme.h"

namespace overlaysim::views {
namespace {

constexpr size_t kMostAligned = 1500;           ///< steps of each journey: the table of their pairs is quadratic
constexpr uint64_t kRecordsSearched = 1 << 20;  ///< of each run, to find the packet that is like the followed one

replay::Role RoleOf(const replay::Topology& plan, uint32_t netns) {
  return netns < plan.netns.size() ? plan.netns[netns].role : replay::Role::Unknown;
}

QString SignedBytes(int64_t bytes) {
  if (bytes == 0) return QStringLiteral("=");
  return (bytes > 0 ? QStringLiteral("+") : QStringLiteral("−")) + BytesText(static_cast<uint64_t>(std::abs(bytes)));
}

}  // namespace

std::vector<ComparedStep> AlignJourneys(const replay::Topology& leftPlan, const replay::Journey& left,
                                        const replay::Topology& rightPlan, const replay::Journey& right) {
  const auto keys = [](const replay::Journey& journey) {
    std::vector<int> steps;
    for (size_t i = 0; i < journey.hops.size() && steps.size() < kMostAligned; ++i)
      if (journey.hops[i].isKey) steps.push_back(static_cast<int>(i));
    return steps;
  };
  const std::vector<int> a = keys(left), b = keys(right);
  const auto alike = [&](size_t i, size_t j) {
    const TraceRecord &x = left.hops[static_cast<size_t>(a[i])].record,
                      &y = right.hops[static_cast<size_t>(b[j])].record;
    return x.stage == y.stage && RoleOf(leftPlan, x.netns) == RoleOf(rightPlan, y.netns);
  };
  // best[i][j]: pairs that the steps from i and j on can make at most.
  std::vector<std::vector<uint16_t>> best(a.size() + 1, std::vector<uint16_t>(b.size() + 1, 0));
  for (size_t i = a.size(); i-- > 0;)
    for (size_t j = b.size(); j-- > 0;)
      best[i][j] =
          alike(i, j) ? static_cast<uint16_t>(best[i + 1][j + 1] + 1) : std::max(best[i + 1][j], best[i][j + 1]);
  std::vector<ComparedStep> steps;
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && alike(i, j)) {
      steps.push_back({a[i++], b[j++]});
    } else if (i < a.size() && (j == b.size() || best[i + 1][j] >= best[i][j + 1])) {
      steps.push_back({a[i++], -1});
    } else {
      steps.push_back({-1, b[j++]});
    }
  }
  return steps;
}

JourneySummary JourneySummary::Of(replay::Run& run, const replay::Journey& journey) {
  JourneySummary summary;
  std::set<uint32_t> machines;
  for (const replay::Hop& hop : journey.hops) {
    if (hop.isKey) ++summary.steps;
    const uint32_t netns = hop.record.netns;
    machines.insert(netns < run.Plan().netns.size() ? run.Plan().HostOf(netns) : netns);
    summary.mostBytes = std::max(summary.mostBytes, hop.afterBytes);
    if (!hop.after.empty())
      summary.overheadBytes = std::max(
          summary.overheadBytes, TunnelOverhead(BricksOf(hop.after, hop.afterLayer, hop.afterBytes, run.VxlanPorts())));
  }
  summary.machines = static_cast<int>(machines.size());
  if (!journey.hops.empty()) {
    summary.sentBytes = journey.hops.front().afterBytes;
    summary.durationNs = journey.hops.back().sinceStartNs;
  }
  return summary;
}

void CompareModel::Show(const replay::Journey* left, const replay::Journey* right, std::vector<ComparedStep> steps) {
  beginResetModel();
  m_left = left;
  m_right = right;
  m_steps = std::move(steps);
  endResetModel();
}

int CompareModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_steps.size());
}

int CompareModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

int CompareModel::RowOf(int leftStep) const {
  for (size_t i = 0; i < m_steps.size(); ++i)
    if (m_steps[i].left == leftStep) return static_cast<int>(i);
  return -1;
}

QVariant CompareModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const ComparedStep& step = StepAt(index.row());
  const replay::Hop* left = step.left < 0 ? nullptr : &m_left->hops[static_cast<size_t>(step.left)];
  const replay::Hop* right = step.right < 0 ? nullptr : &m_right->hops[static_cast<size_t>(step.right)];
  const bool isLeft = index.column() <= LeftBytes;
  const replay::Hop* hop = isLeft ? left : right;
  const bool isOnlyOne = !left || !right;
  if (role == Qt::BackgroundRole && isOnlyOne && hop) return CurrentTheme().change;
  if (role == Qt::ForegroundRole && hop && IsDrop(hop->record.verdict)) return CurrentTheme().bad;
  if (role == Qt::TextAlignmentRole &&
      (index.column() == LeftBytes || index.column() == RightBytes || index.column() == Difference))
    return static_cast<int>(Qt::AlignRight | Qt::AlignVCenter);
  if (role == Qt::ToolTipRole && hop)
    return QStringLiteral("<p>%1</p><p>%2</p>")
        .arg(QString::fromStdString(hop->why).toHtmlEscaped(), QString::fromStdString(hop->line).toHtmlEscaped());
  if (role != Qt::DisplayRole) return {};
  if (index.column() == Difference) {
    if (!left || !right) return left ? tr("◀ only here") : tr("only here ▶");
    return SignedBytes(static_cast<int64_t>(right->afterBytes) - static_cast<int64_t>(left->afterBytes));
  }
  if (!hop) return {};
  switch (index.column()) {
    case LeftStep:
    case RightStep:
      return QStringLiteral("%1\n%2\n%3")
          .arg(QString::fromStdString(hop->place), QString::fromStdString(hop->action),
               QString::fromStdString(hop->line).simplified())
          .trimmed();
    default:
      return BytesText(hop->afterBytes);
  }
}

QVariant CompareModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case LeftStep:
      return tr("this packet");
    case RightStep:
      return tr("the other");
    case LeftBytes:
    case RightBytes:
      return tr("bytes");
    default:
      return tr("difference");
  }
}

CompareView::CompareView(Session& session, QWidget* parent)
    : QWidget(parent), m_session(session), m_model(new CompareModel(this)) {
  setAccessibleName(tr("Two packets side by side"));
  auto* column = new QVBoxLayout(this);
  column->setContentsMargins(12, 8, 12, 8);
  auto* choice = new QHBoxLayout;
  auto* open = new QPushButton(tr("Another run…"), this);
  open->setToolTip(tr("Compare with a packet of another run directory"));
  auto* same = new QPushButton(tr("This run"), this);
  same->setToolTip(tr("Compare with another packet of this run"));
  m_choose = new QPushButton(tr("Packet…"), this);
  m_choose->setToolTip(tr("Choose the packet to compare with, of all that were sent"));
  m_runName = new QLabel(this);
  m_runName->setTextFormat(Qt::PlainText);
  m_runName->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
  choice->addWidget(open);
  choice->addWidget(same);
  choice->addWidget(m_choose);
  choice->addWidget(m_runName, 1);
  column->addLayout(choice);
  auto* summary = new QGridLayout;
  const auto label = [&](int row, int at, int span, Qt::Alignment alignment) {
    auto* made = new QLabel(this);
    made->setTextFormat(Qt::PlainText);
    made->setWordWrap(true);
    made->setAlignment(alignment | Qt::AlignTop);
    summary->addWidget(made, row, at, 1, span);
    return made;
  };
  m_leftSummary = label(0, 0, 1, Qt::AlignLeft);
  m_rightSummary = label(0, 1, 1, Qt::AlignLeft);
  m_difference = label(1, 0, 2, Qt::AlignHCenter);
  summary->setHorizontalSpacing(24);
  summary->setColumnStretch(0, 1);
  summary->setColumnStretch(1, 1);
  QFont bold = m_difference->font();
  bold.setBold(true);
  m_difference->setFont(bold);
  column->addLayout(summary);
  m_table = new QTableView(this);
  m_table->setModel(m_model);
  m_table->setAccessibleName(tr("Steps of both packets"));
  m_table->setSelectionBehavior(QTableView::SelectRows);
  m_table->setSelectionMode(QTableView::SingleSelection);
  m_table->setAlternatingRowColors(true);
  m_table->setTabKeyNavigation(false);
  m_table->setWordWrap(true);
  m_table->verticalHeader()->hide();
  m_table->verticalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
  m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
  m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  m_table->horizontalHeader()->setTextElideMode(Qt::ElideRight);
  m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  for (const int section : {CompareModel::LeftStep, CompareModel::RightStep})
    m_table->horizontalHeader()->setSectionResizeMode(section, QHeaderView::Stretch);
  const QFontMetrics metrics(font());
  for (const auto& [section, widest] : {std::pair<int, QString>(CompareModel::LeftBytes, BytesText(9999)),
                                        {CompareModel::Difference, std::max(tr("◀ only here"), tr("only here ▶"),
                                                                            [&](const QString&x, const QString&y) {
                                                                              return metrics.horizontalAdvance(x) <
                                                                                     metrics.horizontalAdvance(y);
                                                                            })},
                                        {CompareModel::RightBytes, BytesText(9999)}})
    m_table->horizontalHeader()->resizeSection(section, metrics.horizontalAdvance(widest) + 10);
  column->addWidget(m_table, 1);

  connect(open, &QPushButton::clicked, this, &CompareView::AskForDirectory);
  connect(same, &QPushButton::clicked, this, &CompareView::CompareWithThisRun);
  connect(m_choose, &QPushButton::clicked, this, &CompareView::AskForPacket);
  connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& current) {
    if (current.isValid() && m_model->StepAt(current.row()).left >= 0)
      m_session.SetStep(m_model->StepAt(current.row()).left);
  });
  connect(&session, &Session::JourneyChanged, this, &CompareView::Refresh);
  connect(&session, &Session::StepChanged, this, &CompareView::FollowStep);
  connect(&session, &Session::RunChanged, this, [this] {
    if (!m_otherRun) m_other.reset();
    Refresh();
  });
  connect(&ThemeSwitch::Instance(), &ThemeSwitch::Changed, m_table->viewport(), qOverload<>(&QWidget::update));
  Refresh();
}

void CompareView::AskForDirectory() {
  const QString path = QFileDialog::getExistingDirectory(this, tr("Run directory to compare with"));
  if (path.isEmpty()) return;
  if (const QString error = OpenOther(path.toStdString()); !error.isEmpty())
    QMessageBox::warning(this, tr("Not opened"), error);
}

QString CompareView::OpenOther(const std::filesystem::path& directory) {
  std::string error;
  auto run = replay::Run::Open(directory, error);
  if (!run) return QString::fromStdString(error);
  m_otherRun = std::move(run);
  m_other.reset();
  if (const quint64 journey = Counterpart(); journey != 0) ShowOther(journey);
  Refresh();
  return {};
}

void CompareView::CompareWithThisRun() {
  m_otherRun.reset();
  m_other.reset();
  Refresh();
}

quint64 CompareView::Counterpart() {
  const auto name = [](const replay::Run& run, const TraceRecord& record) {
    return record.flow < run.Plan().workloads.size() ? run.Plan().workloads[record.flow].name : std::string();
  };
  const auto isMade = [](const TraceRecord& record) { return record.stage == Stage::Send && record.packet == 0; };
  std::string wanted;
  uint64_t ordinal = 0;  // of the followed packet among those of its traffic, from 1
  replay::Run* run = m_session.Run();
  if (const replay::Journey* left = m_session.Journey(); run && left) {
    wanted = name(*run, left->hops.front().record);
    for (uint64_t i = 0; i <= left->hops.front().index && i < kRecordsSearched && !wanted.empty(); ++i) {
      const replay::StoredRecord* stored = run->RecordAt(i);
      if (stored && isMade(stored->record) && name(*run, stored->record) == wanted) ++ordinal;
    }
  }
  replay::Run* other = OtherRun();
  quint64 first = 0;
  for (uint64_t i = 0; other && i < std::min(other->RecordCount(), kRecordsSearched); ++i) {
    const replay::StoredRecord* stored = other->RecordAt(i);
    if (!stored) break;
    if (!isMade(stored->record) || name(*other, stored->record).empty()) continue;
    if (first == 0) first = stored->record.journey;
    if (name(*other, stored->record) == wanted && --ordinal == 0) return stored->record.journey;
  }
  return first;
}

void CompareView::AskForPacket() {
  replay::Run* run = OtherRun();
  if (!run) return;
  PacketChooser chooser(*run, this);
  if (chooser.exec() == QDialog::Accepted && chooser.Journey() != 0) ShowOther(chooser.Journey());
}

void CompareView::ShowOther(quint64 journey) {
  replay::Run* run = OtherRun();
  if (!run) return;
  std::string error;
  replay::Journey other = replay::ReadJourney(*run, journey, error);
  if (other.hops.empty()) {
    m_difference->setText(QString::fromStdString(error));
    return;
  }
  m_model->Show(nullptr, nullptr, {});
  m_other = std::move(other);
  Refresh();
}

void CompareView::Refresh() {
  const replay::Run* of = OtherRun();
  m_choose->setEnabled(of && of->HasTrace());
  m_runName->setText(of ? tr("with %1").arg(QString::fromStdString(of->Plan().name)) : QString());
  const replay::Journey* left = m_session.Journey();
  const bool hasBoth = left && m_other && OtherRun();
  const auto text = [](const replay::Journey& journey, const JourneySummary& summary) {
    return QStringLiteral("%1\n%2\n")
               .arg(QString::fromStdString(journey.title), QString::fromStdString(journey.outcome)) +
           tr("%1 made, at most %2 on its way, %3 of it tunnel · %4 machines, %5 steps")
               .arg(BytesText(summary.sentBytes), BytesText(summary.mostBytes), BytesText(summary.overheadBytes))
               .arg(summary.machines)
               .arg(summary.steps);
  };
  m_leftSummary->setText(left ? text(*left, JourneySummary::Of(*m_session.Run(), *left))
                              : tr("No packet is followed."));
  m_rightSummary->setText(m_other && OtherRun() ? text(*m_other, JourneySummary::Of(*OtherRun(), *m_other))
                                                : tr("Choose the packet to compare with."));
  if (!hasBoth) {
    m_difference->clear();
    m_model->Show(nullptr, nullptr, {});
    return;
  }
  const JourneySummary a = JourneySummary::Of(*m_session.Run(), *left), b = JourneySummary::Of(*OtherRun(), *m_other);
  const int64_t time = b.durationNs - a.durationNs;
  const int64_t bytes = static_cast<int64_t>(b.mostBytes) - static_cast<int64_t>(a.mostBytes);
  m_difference->setText(
      tr("The other: %1, %2")
          .arg(bytes == 0 ? tr("as many bytes on the wire") : tr("%1 on the wire").arg(SignedBytes(bytes)),
               time == 0  ? tr("as fast")
               : time > 0 ? tr("%1 slower").arg(TimeText(time))
                          : tr("%1 faster").arg(TimeText(-time))));
  m_model->Show(left, &*m_other, AlignJourneys(m_session.Run()->Plan(), *left, OtherRun()->Plan(), *m_other));
  FollowStep();
}

void CompareView::FollowStep() {
  const int row = m_model->RowOf(m_session.Step());
  if (row < 0) return;
  const QSignalBlocker quiet(m_table->selectionModel());
  m_table->selectRow(row);
  m_table->viewport()->update();
}

}  // namespace overlaysim::views
