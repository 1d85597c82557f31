#include "gui/replay/state.h"

#include <algorithm>
#include <span>
#include <tuple>

namespace overlaysim::replay {
namespace {

using kernel::Table;

/// IPv4's first, as `ip` prints them.
std::span<const Table> TablesOf(StateTable table) {
  static constexpr Table kLink[] = {Table::Link}, kAddress[] = {Table::Address, Table::Address6},
                         kRoute[] = {Table::Route, Table::Route6}, kNeighbour[] = {Table::Neighbour, Table::Neighbour6},
                         kFdb[] = {Table::BridgeFdb, Table::VxlanFdb}, kFilter[] = {Table::Filter},
                         kRule[] = {Table::Rule, Table::Rule6}, kTunnel[] = {Table::TunnelPeer},
                         kSysctl[] = {Table::Sysctl};
  switch (table) {
    case StateTable::Link:
      return kLink;
    case StateTable::Address:
      return kAddress;
    case StateTable::Route:
      return kRoute;
    case StateTable::Neighbour:
      return kNeighbour;
    case StateTable::Fdb:
      return kFdb;
    case StateTable::Filter:
      return kFilter;
    case StateTable::Rule:
      return kRule;
    case StateTable::Tunnel:
      return kTunnel;
    case StateTable::Sysctl:
      return kSysctl;
    case StateTable::Count:
      break;
  }
  return {};
}

}  // namespace

std::string_view StateCommand(StateTable table) {
  switch (table) {
    case StateTable::Link:
      return "ip -d link";
    case StateTable::Address:
      return "ip address";
    case StateTable::Route:
      return "ip route";
    case StateTable::Neighbour:
      return "ip neigh";
    case StateTable::Fdb:
      return "bridge fdb";
    case StateTable::Filter:
      return "iptables-save";
    case StateTable::Rule:
      return "ip rule";
    case StateTable::Tunnel:
      return "wg show, ip xfrm";
    case StateTable::Sysctl:
      return "sysctl";
    case StateTable::Count:
      break;
  }
  return {};
}

std::vector<StateLine> StateAt(const TableHistory& tables, uint32_t netns, StateTable table, int64_t timeNs,
                               std::optional<int64_t> since) {
  const std::span<const Table> wanted = TablesOf(table);
  const auto rankOf = [&](Table t) { return std::find(wanted.begin(), wanted.end(), t) - wanted.begin(); };
  const auto before = [&](const StateLine& a, const StateLine& b) {
    return std::tuple(rankOf(a.table), a.row) < std::tuple(rankOf(b.table), b.row);
  };
  const auto linesAt = [&](int64_t time) {
    std::vector<StateLine> lines;
    for (const TableRow& row : tables.RowsAt(netns, time))
      if (std::find(wanted.begin(), wanted.end(), row.table) != wanted.end())
        lines.push_back({row.table, row.row, StateLine::Change::Same, row.text, {}});
    std::sort(lines.begin(), lines.end(), before);
    return lines;
  };
  std::vector<StateLine> now = linesAt(timeNs);
  if (!since) return now;
  const std::vector<StateLine> then = linesAt(*since);
  std::vector<StateLine> all;
  auto old = then.begin();
  for (StateLine& line : now) {
    for (; old != then.end() && before(*old, line); ++old) {
      all.push_back(*old);
      all.back().change = StateLine::Change::Removed;
    }
    if (old == then.end() || before(line, *old)) {
      line.change = StateLine::Change::Added;
    } else {
      if (old->text != line.text) {
        line.change = StateLine::Change::Changed;
        line.before = old->text;
      }
      ++old;
    }
    all.push_back(line);
  }
  for (; old != then.end(); ++old) {
    all.push_back(*old);
    all.back().change = StateLine::Change::Removed;
  }
  return all;
}

std::string StateText(const std::vector<StateLine>& lines, bool marked) {
  std::string text;
  for (const StateLine& line : lines) {
    if (line.change == StateLine::Change::Removed && !marked) continue;
    if (marked) {
      constexpr std::string_view kMarks[] = {"  ", "+ ", "~ ", "- "};
      text += kMarks[static_cast<size_t>(line.change)];
    }
    text += line.text;
    text += '\n';
  }
  return text;
}

}  // namespace overlaysim::replay
