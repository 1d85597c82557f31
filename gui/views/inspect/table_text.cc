#include "gui/views/inspect/table_text.h"

#include <map>

#include "models/linux/table_change.h"

namespace overlaysim::views {
namespace {

QString ToQString(std::string_view text) { return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size())); }

}  // namespace

const std::vector<TableCommand>& TableCommands() {
  using kernel::Table;
  static const std::vector<TableCommand> commands = {
      {QStringLiteral("ip -d link"), {Table::Link}},
      {QStringLiteral("ip address"), {Table::Address, Table::Address6}},
      {QStringLiteral("ip route"), {Table::Route, Table::Route6}},
      {QStringLiteral("ip neigh"), {Table::Neighbour, Table::Neighbour6}},
      {QStringLiteral("bridge fdb"), {Table::BridgeFdb, Table::VxlanFdb}},
      {QStringLiteral("filter"), {Table::Filter}},
      {QStringLiteral("ip rule"), {Table::Rule, Table::Rule6}},
      {QStringLiteral("tunnels"), {Table::TunnelPeer}},
      {QStringLiteral("sysctl"), {Table::Sysctl}},
  };
  return commands;
}

std::vector<TableLine> LinesAt(const TableHistory& history, const TableCommand& command, uint32_t netns, int64_t timeNs,
                               std::optional<int64_t> since) {
  std::vector<TableLine> lines;
  for (const kernel::Table table : command.tables) {
    const std::vector<TableRow> rows = history.RowsAt(netns, table, timeNs);
    std::map<uint32_t, std::string_view> earlier;
    if (since)
      for (const TableRow& row : history.RowsAt(netns, table, *since)) earlier.emplace(row.row, row.text);
    for (const TableRow& row : rows) {
      TableLine line{ToQString(row.text), TableLine::Change::Same, {}};
      if (since) {
        const auto was = earlier.find(row.row);
        if (was == earlier.end()) {
          line.change = TableLine::Change::Added;
        } else {
          if (was->second != row.text) {
            line.change = TableLine::Change::Changed;
            line.was = ToQString(was->second);
          }
          earlier.erase(was);
        }
      }
      lines.push_back(std::move(line));
    }
    for (const auto& [row, text] : earlier) lines.push_back({ToQString(text), TableLine::Change::Removed, {}});
  }
  return lines;
}

QString TextOf(const std::vector<TableLine>& lines, bool withSigns) {
  QString text;
  for (const TableLine& line : lines) {
    if (!withSigns && line.change == TableLine::Change::Removed) continue;
    if (withSigns) {
      switch (line.change) {
        case TableLine::Change::Same:
          text += QStringLiteral("  ");
          break;
        case TableLine::Change::Added:
          text += QStringLiteral("+ ");
          break;
        case TableLine::Change::Removed:
          text += QStringLiteral("− ");
          break;
        case TableLine::Change::Changed:
          text += QStringLiteral("≠ ");
          break;
      }
    }
    text += line.text + QLatin1Char('\n');
  }
  if (text.endsWith(QLatin1Char('\n'))) text.chop(1);
  return text;
}

std::optional<TraceCounts> CountersAt(replay::Run& run, uint32_t netns, int64_t timeNs) {
  TraceReader* trace = run.Trace();
  if (!trace) return std::nullopt;
  TraceCounts counts;
  const auto take = [&](const TraceCounts& all) {
    for (auto i = all.lower_bound(DeviceVerdict{.netns = netns}); i != all.end() && i->first.netns == netns; ++i)
      counts[i->first] += i->second;
  };
  if (timeNs >= run.EndNs()) {
    take(trace->Totals());
    return counts;
  }
  TraceReader::Summary summary;
  for (const TraceReader::ChunkInfo& chunk : trace->RecordChunks()) {
    if (chunk.firstNs > timeNs) break;
    if (chunk.lastNs <= timeNs) {
      if (!trace->ReadSummary(chunk, summary)) return std::nullopt;
      take(summary.counts);
      continue;
    }
    const bool isRead = trace->VisitChunk(chunk, [&](const TraceRecord& record, const HeaderChange&) {
      if (record.timeNs > timeNs) return false;
      if (record.netns == netns)
        ++counts[{.netns = record.netns, .ifindex = record.ifindex, .verdict = record.verdict}];
      return true;
    });
    if (!isRead) return std::nullopt;
  }
  return counts;
}

}  // namespace overlaysim::views
