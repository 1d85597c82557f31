#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "gui/layout/cluster_layout.h"

namespace overlaysim::layout {

/// Where people have put things, kept beside the viewer's settings and never in a run directory: one JSON file, by
/// scenario name and then by namespace name.
class PositionStore {
 public:
  /// A file that is missing, or that is no such JSON, holds no positions.
  explicit PositionStore(std::filesystem::path file) : m_file(std::move(file)) {}

  Positions Load(std::string_view scenario) const;
  /// Replaces that scenario's; "" or what went wrong.
  std::string Save(std::string_view scenario, const Positions& positions) const;

 private:
  std::filesystem::path m_file;
};

}  // namespace overlaysim::layout
