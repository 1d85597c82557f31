#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "gui/layout/cluster_layout.h"

namespace overlaysim::layout {

/// What a canvas shows of a cluster: sets of things that are hidden, or shown as one box.
struct Shown {
  /// Names: of Kubernetes namespaces, of labels as "key=value", of racks' switches.
  struct Set {
    std::set<std::string, std::less<>> namespaces, labels, racks;
    bool IsEmpty() const { return namespaces.empty() && labels.empty() && racks.empty(); }
    bool operator==(const Set&) const = default;
  };
  Set hidden, collapsed;
  std::set<uint32_t> hiddenVnis;
  bool operator==(const Shown&) const = default;
};

/// What a person has chosen for the canvas of one scenario.
struct CanvasChoices {
  Positions positions;
  Shown shown;
};

/// Kept beside the viewer's settings and never in a run directory: one JSON file, by scenario name.
class CanvasStore {
 public:
  /// A file that is missing, or that is no such JSON, holds nothing.
  explicit CanvasStore(std::filesystem::path file) : m_file(std::move(file)) {}

  CanvasChoices Load(std::string_view scenario) const;
  /// Replaces that scenario's; "" or what went wrong.
  std::string Save(std::string_view scenario, const CanvasChoices& choices) const;

 private:
  std::filesystem::path m_file;
};

}  // namespace overlaysim::layout
