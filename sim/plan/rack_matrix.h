#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/plan/endpoints.h"

namespace overlaysim::plan {

/// Pairs of endpoints by how much one rack sends to another: a CSV file with the heading "src_tor,dst_tor,probability".
/// Racks are numbers, of which the i-th lowest stands for the i-th rack of the cluster, or names of leaf switches.
/// Only what one weighs against the others counts.
class RackMatrix {
 public:
  /// nullopt, with an error. The endpoints must outlive it.
  static std::optional<RackMatrix> Read(const Context& context, const CompiledPlan& cluster, const scenario::Text& file,
                                        const std::vector<Endpoint>& from, const std::vector<Endpoint>& to);
  /// The two are never the same.
  std::pair<const Endpoint*, const Endpoint*> Draw(RandomStream& stream) const;

 private:
  struct Cell {
    uint64_t end;  ///< weights of the cells up to here
    uint32_t from, to;
  };
  std::vector<Cell> m_cells;
  std::vector<std::vector<const Endpoint*>> m_from, m_to;  ///< by rack
};

}  // namespace overlaysim::plan
