#pragma once

#include <cstdint>
#include <string_view>

#include "models/linux/table_change.h"
#include "sim/base/units.h"
#include "sim/trace/record.h"

namespace overlaysim {

/// One row of one table as it was from a moment on, in the words of iproute2.
struct TableRowChange {
  int64_t timeNs = 0;
  uint32_t netns = 0;      ///< whose table; of a directory's row: who is not shown it (the node that the row leads to)
  uint32_t directory = 0;  ///< 0: the namespace's own row; else the shared directory that it belongs to
  kernel::Table table{};
  kernel::TableChange::Op op = kernel::TableChange::Op::Add;
  uint32_t row = 0;       ///< unique in its namespace, or among all directories (those have the top bit set)
  uint32_t version = 0;   ///< of the namespace's tables, or of the directory, after the change
  std::string_view text;  ///< the line that `ip` or `bridge` prints; may be empty for Delete
};

/// Where what a run tells goes, in the order in which it happens.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void Append(const TraceRecord& record, const HeaderChange& change) = 0;
  virtual void NameNetns(Nanoseconds now, uint32_t netns, std::string_view name) = 0;
  virtual void NameDevice(Nanoseconds now, uint32_t netns, uint32_t ifindex, std::string_view name) = 0;
  /// A row of now, or one of which it is known already that it will come or go later.
  virtual void TableRow(Nanoseconds now, const TableRowChange& change) = 0;
};

}  // namespace overlaysim
