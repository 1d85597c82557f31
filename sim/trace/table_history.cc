#include "sim/trace/table_history.h"

#include <fmt/format.h>

#include <algorithm>

namespace overlaysim {
namespace {

/// The last element for which `isIn` holds, of changes in the order in which they were made.
template <typename T, typename Predicate>
const T* LastOf(const std::vector<T>& changes, Predicate&& isIn) {
  const auto it = std::find_if(changes.rbegin(), changes.rend(), isIn);
  return it == changes.rend() ? nullptr : &*it;
}

constexpr auto kDelete = kernel::TableChange::Op::Delete;

}  // namespace

std::string_view TableHistory::Text(uint32_t id) const {
  return id == 0 || id > m_texts.size() ? std::string_view() : m_texts[id - 1];
}

std::map<uint32_t, uint32_t> TableHistory::ViewsAt(uint32_t netns, int64_t timeNs) const {
  std::map<uint32_t, uint32_t> versions;
  if (const auto views = m_views.find(netns); views != m_views.end())
    for (const View& view : views->second)
      if (view.timeNs <= timeNs) versions[view.directory] = view.version;
  return versions;
}

const TableHistory::Version* TableHistory::DirectoryRow(uint32_t directory, uint32_t row, uint32_t version,
                                                        uint32_t netns) const {
  const auto rows = m_directories.find(directory);
  if (rows == m_directories.end()) return nullptr;
  const auto changes = rows->second.find(row);
  if (changes == rows->second.end()) return nullptr;
  const Version* last = LastOf(changes->second, [&](const Version& v) { return v.version <= version; });
  return last && last->op != kDelete && last->hiddenFrom != netns ? last : nullptr;
}

std::vector<TableRow> TableHistory::RowsAt(uint32_t netns, int64_t timeNs) const {
  std::vector<TableRow> found;
  static const Rows kNoRows;
  const auto own = m_rows.find(netns);
  const Rows& ownRows = own == m_rows.end() ? kNoRows : own->second;
  const auto isIn = [&](const Version& v) { return v.timeNs <= timeNs; };
  for (const auto& [row, changes] : ownRows)
    if (const Version* last = LastOf(changes, isIn); last && last->op != kDelete)
      found.push_back({last->table, row, Text(last->text)});
  for (const auto& [directory, version] : ViewsAt(netns, timeNs)) {
    const auto rows = m_directories.find(directory);
    if (rows == m_directories.end()) continue;
    for (const auto& [row, changes] : rows->second) {
      const auto instead = ownRows.find(row);
      if (instead != ownRows.end() && LastOf(instead->second, isIn)) continue;
      if (const Version* shown = DirectoryRow(directory, row, version, netns))
        found.push_back({shown->table, row, Text(shown->text)});
    }
  }
  return found;
}

std::vector<TableRow> TableHistory::RowsAt(uint32_t netns, kernel::Table table, int64_t timeNs) const {
  std::vector<TableRow> rows = RowsAt(netns, timeNs);
  std::erase_if(rows, [&](const TableRow& row) { return row.table != table; });
  return rows;
}

void TableHistory::VisitRows(uint32_t netns, kernel::Table table, const RowVisitor& visitor) const {
  const auto rows = m_rows.find(netns);
  if (rows == m_rows.end()) return;
  for (const auto& [row, versions] : rows->second)
    for (const Version& version : versions)
      if (version.table == table)
        visitor(version.timeNs, version.op == kernel::TableChange::Op::Delete, Text(version.text));
}

std::string_view TableHistory::LineOf(const TraceRecord& record) const {
  if (record.row == 0) return {};
  if (const auto own = m_rows.find(record.netns); own != m_rows.end())
    if (const auto changes = own->second.find(record.row); changes != own->second.end())
      if (const Version* last =
              LastOf(changes->second, [&](const Version& v) { return v.version <= record.tableVersion; }))
        return last->op == kDelete ? std::string_view() : Text(last->text);
  for (const auto& [directory, version] : ViewsAt(record.netns, record.timeNs))
    if (const Version* shown = DirectoryRow(directory, record.row, version, record.netns)) return Text(shown->text);
  return {};
}

std::string_view TableHistory::NetnsName(uint32_t netns) const {
  const auto it = m_netnsNames.find(netns);
  return it == m_netnsNames.end() ? std::string_view() : Text(it->second);
}

std::string_view TableHistory::DeviceName(uint32_t netns, uint32_t ifindex) const {
  const auto it = m_deviceNames.find(uint64_t{netns} << 32 | ifindex);
  return it == m_deviceNames.end() ? std::string_view() : Text(it->second);
}

std::string_view TableHistory::FlowName(uint32_t flow) const {
  const auto it = m_flowNames.find(flow);
  return it == m_flowNames.end() ? std::string_view() : Text(it->second);
}

std::string TableHistory::PlaceName(uint32_t netns, uint32_t ifindex) const {
  std::string place(NetnsName(netns));
  if (place.empty()) place = fmt::format("netns{}", netns);
  if (ifindex == 0) return place;
  const std::string_view device = DeviceName(netns, ifindex);
  return device.empty() ? fmt::format("{}/if{}", place, ifindex) : fmt::format("{}/{}", place, device);
}

}  // namespace overlaysim
