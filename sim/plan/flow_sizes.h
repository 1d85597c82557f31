#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/base/random.h"
#include "sim/plan/context.h"

namespace overlaysim::plan {

/// How large flows are: the share of them that is not larger than each of some sizes, linear in between.
class FlowSizes {
 public:
  /// One size ("1MB"), a known distribution ("websearch") or a CSV file ("size_bytes,cdf"); nullopt, with an error.
  static std::optional<FlowSizes> Read(const Context& context, const scenario::Text& text);

  /// Whether a file is meant.
  static bool IsFile(const std::string& text);

  uint64_t Draw(RandomStream& stream) const;
  uint64_t MeanBytes() const;
  static std::vector<std::string> KnownNames();

 private:
  struct Point {
    uint64_t bytes;
    int64_t share;  ///< in kFractionUnit
  };
  explicit FlowSizes(std::vector<Point> points) : m_points(std::move(points)) {}
  static std::optional<FlowSizes> ReadFile(const Context& context, const scenario::Text& name);

  std::vector<Point> m_points;  ///< ascending; the last share is all
};

}  // namespace overlaysim::plan
