#include "gui/itemmodels/packet_model.h"

#include <algorithm>
#include <limits>

namespace overlaysim::itemmodels {
namespace {

constexpr int kRowsKept = 4000;
constexpr uint64_t kSliceBytes = 4 << 20;

/// "0.000017648": seconds with all nine digits, as Wireshark shows a simulation's time.
QString SecondsText(int64_t ns) {
  const bool isNegative = ns < 0;
  const auto value = isNegative ? 0 - static_cast<uint64_t>(ns) : static_cast<uint64_t>(ns);
  return QStringLiteral("%1%2.%3")
      .arg(QLatin1String(isNegative ? "-" : ""))
      .arg(value / 1000000000)
      .arg(value % 1000000000, 9, 10, QLatin1Char('0'));
}

QString Quoted(const std::string& text) {
  QString quoted = QString::fromStdString(text);
  quoted.replace(QLatin1Char('\\'), QStringLiteral("\\\\")).replace(QLatin1Char('"'), QStringLiteral("\\\""));
  return QLatin1Char('"') + quoted + QLatin1Char('"');
}

}  // namespace

PacketModel::PacketModel(QObject* parent) : QAbstractTableModel(parent), m_cache(kRowsKept), m_ruleOf(kRowsKept) {
  m_slices.setInterval(0);
  connect(&m_slices, &QTimer::timeout, this, &PacketModel::ReadOn);
}

PacketModel::~PacketModel() = default;

QString PacketModel::SetRun(replay::Run* run, replay::PacketSource source) {
  m_slices.stop();
  m_job.reset();
  beginResetModel();
  m_run = run;
  m_source = source;
  m_list.reset();
  m_cache.clear();
  m_ruleOf.clear();
  m_found.clear();
  m_isFiltered = false;
  m_filterText.clear();
  m_rows = 0;
  std::string error;
  if (run) m_list = replay::PacketList::Open(*run, source, error);
  if (m_list && source == replay::PacketSource::Trace)
    m_rows = static_cast<int>(std::min<uint64_t>(m_list->Count(), std::numeric_limits<int>::max()));
  endResetModel();
  if (m_list && source == replay::PacketSource::Capture) m_slices.start();
  return QString::fromStdString(error);
}

QString PacketModel::SetFilter(const QString& text, replay::FilterError* error) {
  replay::FilterError why;
  auto filter = replay::Filter::Compile(text.trimmed().isEmpty() ? std::string() : text.toStdString(), why);
  if (error) *error = why;
  if (!filter) return QString::fromStdString(why.message);
  m_job.reset();
  beginResetModel();
  m_filterText = text;
  m_isFiltered = !filter->Text().empty();
  m_found.clear();
  m_rows = 0;
  if (!m_isFiltered && m_list)
    m_rows = static_cast<int>(std::min<uint64_t>(m_list->Count(), std::numeric_limits<int>::max()));
  endResetModel();
  if (m_isFiltered && m_list)
    m_job = std::make_unique<replay::FilterJob>(*m_run, m_source, std::move(*filter), [this] {
      QMetaObject::invokeMethod(this, &PacketModel::TakeNews, Qt::QueuedConnection);
    });
  return {};
}

void PacketModel::StopFiltering() {
  if (!m_job) return;
  TakeNews();
  m_job.reset();
  emit Finished();
}

void PacketModel::TakeNews() {
  if (!m_job) return;  // word of a job that was cancelled
  const bool isDone = m_job->IsDone();
  const auto found = m_job->TakeFound();
  const auto room = static_cast<size_t>(std::numeric_limits<int>::max() - m_rows);
  m_found.insert(m_found.end(), found.begin(),
                 found.begin() + static_cast<std::ptrdiff_t>(std::min(room, found.size())));
  ShowRows(static_cast<int>(m_found.size()));
  emit Progressed(static_cast<int>(m_job->Progress() * 100));
  if (!isDone) return;
  const std::string error = m_job->Error();
  m_job.reset();
  if (!error.empty()) emit Failed(QString::fromStdString(error));
  emit Finished();
}

void PacketModel::ReadOn() {
  const bool hasMore = m_list->Continue(kSliceBytes);
  if (!m_isFiltered) ShowRows(static_cast<int>(std::min<uint64_t>(m_list->Count(), std::numeric_limits<int>::max())));
  if (!m_isFiltered) emit Progressed(static_cast<int>(m_list->Progress() * 100));
  if (hasMore) return;
  m_slices.stop();
  if (!m_isFiltered) emit Finished();
}

void PacketModel::ShowRows(int count) {
  if (count <= m_rows) return;
  beginInsertRows({}, m_rows, count - 1);
  m_rows = count;
  endInsertRows();
}

void PacketModel::Refresh() {
  if (!m_list) return;
  m_list->Refresh();
  m_cache.clear();
  m_ruleOf.clear();
  if (m_source == replay::PacketSource::Capture)
    m_slices.start();
  else if (!m_isFiltered)
    ShowRows(static_cast<int>(std::min<uint64_t>(m_list->Count(), std::numeric_limits<int>::max())));
  if (m_isFiltered) SetFilter(m_filterText);
}

bool PacketModel::Content(int row, replay::PacketContent& content) {
  return m_list && row >= 0 && row < m_rows && m_list->ContentAt(IndexAt(row), content);
}

int PacketModel::RowOf(uint64_t index) const {
  if (!m_isFiltered) return index < static_cast<uint64_t>(m_rows) ? static_cast<int>(index) : -1;
  const auto it = std::lower_bound(m_found.begin(), m_found.end(), index);
  return it == m_found.end() ? -1 : static_cast<int>(it - m_found.begin());
}

int PacketModel::FirstAtOrAfter(int64_t timeNs) { return m_list ? RowOf(m_list->FirstAtOrAfter(timeNs)) : -1; }

int PacketModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : m_rows; }

int PacketModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

const replay::PacketRow* PacketModel::RowAt(uint64_t index) const {
  if (const replay::PacketRow* known = m_cache.object(index)) return known;
  auto row = std::make_unique<replay::PacketRow>();
  if (!m_list->RowAt(index, *row)) return nullptr;
  replay::PacketRow* kept = row.release();
  return m_cache.insert(index, kept) ? kept : nullptr;
}

void PacketModel::SetRules(std::vector<replay::Filter> rules) {
  m_rules = std::move(rules);
  m_ruleOf.clear();
  if (m_rows > 0) emit dataChanged(index(0, 0), index(m_rows - 1, ColumnCount - 1), {RuleRole});
}

int PacketModel::RuleOf(uint64_t index) const {
  if (m_rules.empty()) return -1;
  if (const int* known = m_ruleOf.object(index)) return *known;
  int found = -1;
  for (size_t i = 0; i < m_rules.size() && found < 0; ++i)
    if (m_list->Matches(m_rules[i], index)) found = static_cast<int>(i);
  m_ruleOf.insert(index, new int(found));
  return found;
}

QString PacketModel::Text(const replay::PacketRow& row, int column) const {
  switch (column) {
    case Number:
      return QString::number(row.number);
    case Time:
      return SecondsText(row.timeNs);
    case Where:
      return QString::fromStdString(row.place);
    case Source:
      return QString::fromStdString(row.source);
    case Destination:
      return QString::fromStdString(row.destination);
    case ProtocolName:
      return QString::fromStdString(row.protocol);
    case Length:
      return QString::number(row.bytes);
    case Step: {
      if (!row.isRecord) return {};
      const QString stage = QLatin1String(StageName(row.record.stage));
      return row.record.verdict == Verdict::Continue
                 ? stage
                 : QStringLiteral("%1: %2").arg(stage, QLatin1String(VerdictName(row.record.verdict)));
    }
    case Info:
      return QString::fromStdString(row.info);
    default:
      return {};
  }
}

QString PacketModel::FilterOf(const replay::PacketRow& row, int column) const {
  const auto end = [&](const std::string& name, const std::string& address, QLatin1String way) {
    if (name.empty()) return QString();
    if (name != address && m_run->Plan().Find(name) && m_run->Plan().Find(name)->role == replay::Role::Pod)
      return QStringLiteral("k8s.%1.pod == %2").arg(way, Quoted(name));
    const bool isV6 = address.find(':') != std::string::npos;
    if (address.empty() || !IpAddress::Parse(address))
      return address.empty() ? QString() : QStringLiteral("eth.%1 == %2").arg(way, QString::fromStdString(address));
    return QStringLiteral("%1.%2 == %3").arg(QLatin1String(isV6 ? "ipv6" : "ip"), way, QString::fromStdString(address));
  };
  switch (column) {
    case Number:
      return QStringLiteral("frame.number == %1").arg(row.number);
    case Time:
      return QStringLiteral("sim.time >= %1ns").arg(row.timeNs);
    case Where:
      return QStringLiteral("sim.place == %1").arg(Quoted(row.place));
    case Source:
      return end(row.source, row.sourceAddress, QLatin1String("src"));
    case Destination:
      return end(row.destination, row.destinationAddress, QLatin1String("dst"));
    case ProtocolName: {
      static constexpr std::pair<replay::Protocol, const char*> kNames[] = {
          {replay::Protocol::Arp, "arp"},       {replay::Protocol::Ipv4, "ip"},
          {replay::Protocol::Ipv6, "ipv6"},     {replay::Protocol::Icmp, "icmp"},
          {replay::Protocol::Icmpv6, "icmpv6"}, {replay::Protocol::Igmp, "igmp"},
          {replay::Protocol::Udp, "udp"},       {replay::Protocol::Tcp, "tcp"},
          {replay::Protocol::Vxlan, "vxlan"},   {replay::Protocol::Geneve, "geneve"},
          {replay::Protocol::WireGuard, "wg"},  {replay::Protocol::Esp, "esp"},
          {replay::Protocol::Ethernet, "eth"}};
      for (const auto& [protocol, name] : kNames)
        if (protocol == row.innermost && !row.protocol.empty()) return QLatin1String(name);
      return {};
    }
    case Length:
      return QStringLiteral("frame.len == %1").arg(row.bytes);
    case Step:
      if (!row.isRecord) return {};
      if (IsDrop(row.record.verdict))
        return QStringLiteral("sim.drop == %1").arg(QLatin1String(VerdictName(row.record.verdict)));
      return QStringLiteral("sim.stage == %1").arg(QLatin1String(StageName(row.record.stage)));
    case Info:
      return row.journey == 0
                 ? QString()
                 : QStringLiteral("sim.journey == %1").arg(Quoted(replay::JourneyName(m_run->Plan(), row.journey)));
    default:
      return {};
  }
}

QVariant PacketModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid) || !m_list) return {};
  if (role == Qt::TextAlignmentRole) {
    const bool isNumber = index.column() == Number || index.column() == Time || index.column() == Length;
    return QVariant::fromValue(Qt::Alignment((isNumber ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
  }
  const uint64_t at = IndexAt(index.row());
  if (role == IndexRole) return static_cast<qulonglong>(at);
  const bool isKnownRole =
      role == Qt::DisplayRole || role == Qt::ToolTipRole || (role > IndexRole && role <= FilterRole);
  const replay::PacketRow* row = isKnownRole ? RowAt(at) : nullptr;
  if (isKnownRole && !row) return role == Qt::DisplayRole && index.column() == Info ? tr("cannot be read") : QVariant();
  switch (role) {
    case Qt::DisplayRole:
      return Text(*row, index.column());
    case Qt::ToolTipRole:
      if (index.column() == Step && row->isRecord)
        return QStringLiteral("%1. %2").arg(QLatin1String(StageMeaning(row->record.stage)),
                                            QLatin1String(VerdictCondition(row->record.verdict)));
      if (index.column() == Source) return QString::fromStdString(row->sourceAddress);
      if (index.column() == Destination) return QString::fromStdString(row->destinationAddress);
      if (index.column() == Info && !row->comment.empty()) return QString::fromStdString(row->comment);
      return {};
    case JourneyRole:
      return static_cast<qulonglong>(row->journey);
    case TimeRole:
      return static_cast<qlonglong>(row->timeNs);
    case IsRecordRole:
      return row->isRecord;
    case NetnsRole:
      return row->isRecord ? row->record.netns : replay::Topology::kNone;
    case IfindexRole:
      return row->isRecord ? row->record.ifindex : 0u;
    case IsDropRole:
      return row->isRecord && IsDrop(row->record.verdict);
    case IsSuspiciousRole:
      return row->isSuspicious;
    case ProtocolRole:
      return static_cast<int>(row->innermost);
    case RuleRole:
      return RuleOf(at);
    case FilterRole:
      return FilterOf(*row, index.column());
    default:
      return {};
  }
}

QVariant PacketModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  switch (section) {
    case Number:
      return tr("No.");
    case Time:
      return tr("Time");
    case Where:
      return tr("Where");
    case Source:
      return tr("Source");
    case Destination:
      return tr("Destination");
    case ProtocolName:
      return tr("Protocol");
    case Length:
      return tr("Length");
    case Step:
      return tr("What happened");
    case Info:
      return tr("Info");
    default:
      return {};
  }
}

}  // namespace overlaysim::itemmodels
