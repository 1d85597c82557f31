#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sim/trace/record.h"
#include "sim/trace/trace_writer.h"

namespace overlaysim {

struct TableRow {
  kernel::Table table{};
  uint32_t row = 0;
  std::string_view text;  ///< belongs to the TableHistory

  bool operator==(const TableRow&) const = default;
};

/// Every table of a run as it was at any time, from the trace alone.
class TableHistory {
 public:
  /// The namespace's rows right after everything that happened up to and at that time; its own first, then those of the
  /// directories that it is shown; by row id.
  std::vector<TableRow> RowsAt(uint32_t netns, int64_t timeNs) const;
  std::vector<TableRow> RowsAt(uint32_t netns, kernel::Table table, int64_t timeNs) const;
  /// Every state that the namespace's own rows of a table were in, by row id and then in the order of time.
  using RowVisitor = std::function<void(int64_t timeNs, bool isDelete, std::string_view text)>;
  void VisitRows(uint32_t netns, kernel::Table table, const RowVisitor& visitor) const;
  /// The line that decided, as it was then; "" when no row did or the trace does not know it.
  std::string_view LineOf(const TraceRecord& record) const;

  std::string_view NetnsName(uint32_t netns) const;  ///< "" when the trace does not name it
  std::string_view DeviceName(uint32_t netns, uint32_t ifindex) const;
  std::string_view FlowName(uint32_t flow) const;
  /// "node1/eth0", "node1" when ifindex is 0; numbers where names are not known.
  std::string PlaceName(uint32_t netns, uint32_t ifindex) const;
  size_t ChangeCount() const { return m_changes; }

 private:
  friend class TraceReader;
  struct Version {
    int64_t timeNs;
    uint32_t version;
    uint32_t hiddenFrom;  ///< of a directory's row: the namespace that is not shown it
    kernel::Table table;
    kernel::TableChange::Op op;
    uint32_t text;
  };
  struct View {
    int64_t timeNs;
    uint32_t directory;
    uint32_t version;
  };
  using Rows = std::map<uint32_t, std::vector<Version>>;  ///< by row id; each row's changes in the order of the file

  std::string_view Text(uint32_t id) const;
  std::map<uint32_t, uint32_t> ViewsAt(uint32_t netns, int64_t timeNs) const;  ///< directory -> version
  const Version* DirectoryRow(uint32_t directory, uint32_t row, uint32_t version, uint32_t netns) const;

  std::vector<std::string> m_texts;  ///< of string ids from 1
  std::unordered_map<uint32_t, uint32_t> m_netnsNames, m_flowNames;
  std::unordered_map<uint64_t, uint32_t> m_deviceNames;
  std::unordered_map<uint32_t, Rows> m_rows;         ///< by namespace
  std::unordered_map<uint32_t, Rows> m_directories;  ///< by directory
  std::unordered_map<uint32_t, std::vector<View>> m_views;
  size_t m_changes = 0;
};

}  // namespace overlaysim
