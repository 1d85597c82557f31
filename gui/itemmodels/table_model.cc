#include "gui/itemmodels/table_model.h"

#include <utility>

#include "gui/replay/text.h"

namespace overlaysim::itemmodels {
namespace {

using Cell = TableModel::Cell;

QString FromUtf8(const std::string& text) { return QString::fromStdString(text); }
Cell TextCell(const std::string& text) { return {FromUtf8(text), FromUtf8(text)}; }
Cell CountCell(uint64_t count, bool isAlarming = false) {
  return {QString::number(count), static_cast<qulonglong>(count), isAlarming && count != 0};
}
Cell BytesCell(uint64_t bytes, bool isAlarming = false) {
  return {FromUtf8(replay::BytesText(bytes)), static_cast<qulonglong>(bytes), isAlarming && bytes != 0};
}
Cell ShareCell(uint64_t part, uint64_t whole, bool isAlarming = false) {
  if (whole == 0) return {QStringLiteral("–"), -1.0};
  const double share = static_cast<double>(part) / static_cast<double>(whole);
  return {QStringLiteral("%1 %").arg(share * 100, 0, 'f', 1), share, isAlarming && part != 0};
}
Cell QuantileCell(const Histogram& histogram, uint64_t numerator, uint64_t denominator) {
  if (histogram.Count() == 0) return {QStringLiteral("–"), static_cast<qlonglong>(-1)};
  const int64_t ns = histogram.Quantile(numerator, denominator);
  return {FromUtf8(replay::DurationText(ns)), static_cast<qlonglong>(ns)};
}

}  // namespace

void TableModel::Show(int rows, std::vector<Column> columns) {
  beginResetModel();
  m_rows = rows;
  m_columns = std::move(columns);
  endResetModel();
}

int TableModel::rowCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : m_rows; }
int TableModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(m_columns.size());
}

QVariant TableModel::data(const QModelIndex& index, int role) const {
  if (!checkIndex(index, CheckIndexOption::IndexIsValid)) return {};
  const Column& column = m_columns[static_cast<size_t>(index.column())];
  switch (role) {
    case Qt::DisplayRole:
      return column.cell(index.row()).text;
    case SortRole:
      return column.cell(index.row()).sort;
    case IsAlarmingRole:
      return column.cell(index.row()).isAlarming;
    case RowRole:
      return index.row();
    case Qt::TextAlignmentRole:
      return QVariant::fromValue(Qt::Alignment((column.isNumber ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
    default:
      return {};
  }
}

QVariant TableModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || static_cast<size_t>(section) >= m_columns.size()) return {};
  const Column& column = m_columns[static_cast<size_t>(section)];
  if (role == Qt::DisplayRole) return column.title;
  if (role == Qt::ToolTipRole) return column.meaning;
  return {};
}

QString TableModel::AsText() const {
  QStringList lines, titles;
  for (const Column& column : m_columns) titles << column.title;
  lines << titles.join(QLatin1Char('\t'));
  for (int row = 0; row < m_rows; ++row) {
    QStringList cells;
    for (const Column& column : m_columns) cells << column.cell(row).text;
    lines << cells.join(QLatin1Char('\t'));
  }
  return lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

void FlowModel::SetMetrics(const RunMetrics* metrics) {
  if (!metrics) return Show(0, {});
  const auto flow = [metrics](int row) -> const FlowMetrics& { return metrics->flows[static_cast<size_t>(row)]; };
  const auto lost = [](const FlowMetrics& f) { return f.offeredPackets - std::min(f.offeredPackets, f.deliveredPackets); };
  const auto latency = [flow](uint64_t numerator, uint64_t denominator) {
    return [=](int row) { return QuantileCell(flow(row).latencyNs, numerator, denominator); };
  };
  const auto rtt = [flow](uint64_t numerator, uint64_t denominator) {
    return [=](int row) { return QuantileCell(flow(row).rttNs, numerator, denominator); };
  };
  Show(static_cast<int>(metrics->flows.size()),
       {{tr("Traffic"), tr("As the scenario has it"), false, [flow](int r) { return TextCell(flow(r).name); }},
        {tr("From"), tr("Who sends"), false, [flow](int r) { return TextCell(flow(r).from); }},
        {tr("To"), tr("Who is meant"), false, [flow](int r) { return TextCell(flow(r).to); }},
        {tr("Offered"), tr("Packets that the sender was asked to send"), true,
         [flow](int r) { return CountCell(flow(r).offeredPackets); }},
        {tr("Delivered"), tr("Packets that the receiver got, of pings those that were answered"), true,
         [flow](int r) { return CountCell(flow(r).deliveredPackets); }},
        {tr("Lost"), tr("Offered and not delivered"), true, [=](int r) { return CountCell(lost(flow(r)), true); }},
        {tr("Lost %"), tr("Share of the offered packets that was not delivered"), true,
         [=](int r) { return ShareCell(lost(flow(r)), flow(r).offeredPackets, true); }},
        {tr("Bytes"), tr("Payload that was delivered"), true, [flow](int r) { return BytesCell(flow(r).deliveredBytes); }},
        {tr("Latency p50"), tr("One way: half of the packets took no longer"), true, latency(1, 2)},
        {tr("p99"), tr("One way: 99 of 100 packets took no longer"), true, latency(99, 100)},
        {tr("max"), tr("One way: the longest"), true, latency(1, 1)},
        {tr("RTT p50"), tr("There and back: half of the requests took no longer"), true, rtt(1, 2)},
        {tr("RTT p99"), tr("There and back: 99 of 100 requests took no longer"), true, rtt(99, 100)}});
}

void LinkModel::SetMetrics(const RunMetrics* metrics) {
  if (!metrics) return Show(0, {});
  const auto link = [metrics](int row) -> const LinkMetrics& { return metrics->links[static_cast<size_t>(row)]; };
  Show(static_cast<int>(metrics->links.size()),
       {{tr("Cable"), tr("Its name in the scenario"), false, [link](int r) { return TextCell(link(r).name); }},
        {tr("From"), tr("The device that sends in this direction"), false, [link](int r) { return TextCell(link(r).from); }},
        {tr("To"), tr("The device that receives"), false, [link](int r) { return TextCell(link(r).to); }},
        {tr("Rate"), tr("Of the cable"), true,
         [link](int r) -> Cell {
           const auto rate = static_cast<uint64_t>(std::max<int64_t>(0, static_cast<int64_t>(link(r).rate.count)));
           if (rate == 0) return {tr("no limit"), std::numeric_limits<qulonglong>::max()};
           return {FromUtf8(replay::RateText(rate)), static_cast<qulonglong>(rate)};
         }},
        {tr("Utilisation"), tr("Share of the run in which it was sending"), true,
         [=](int r) { return ShareCell(metrics->UtilisationPerMille(link(r)), 1000); }},
        {tr("Frames"), tr("That were sent"), true, [link](int r) { return CountCell(link(r).frames); }},
        {tr("Bytes"), tr("That were sent"), true, [link](int r) { return BytesCell(link(r).bytes); }},
        {tr("Dropped"), tr("Frames that the device could not send"), true,
         [link](int r) { return CountCell(link(r).droppedFrames, true); }},
        {tr("Dropped bytes"), tr("Of those frames"), true, [link](int r) { return BytesCell(link(r).droppedBytes, true); }},
        {tr("Longest queue"), tr("The most bytes that waited for the cable"), true,
         [link](int r) { return BytesCell(static_cast<uint64_t>(std::max<int64_t>(0, link(r).maxQueueBytes))); }}});
}

TableSorter::TableSorter(QObject* parent) : QSortFilterProxyModel(parent) {
  setSortRole(TableModel::SortRole);
  setFilterKeyColumn(-1);
  setFilterCaseSensitivity(Qt::CaseInsensitive);
}

}  // namespace overlaysim::itemmodels
