#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "gui/replay/topology.h"
#include "support/gui/leaf_spine_plan.h"

namespace overlaysim::test {

inline replay::Topology ParsePlan(const std::string& json) {
  std::string error;
  auto topology = replay::Topology::FromJson(json, error);
  EXPECT_TRUE(topology) << error;
  return topology ? std::move(*topology) : replay::Topology();
}

inline replay::Topology LeafSpine(const LeafSpineShape& shape) { return ParsePlan(LeafSpinePlan(shape)); }

/// A lab of that many namespaces, with cables between them.
inline replay::Topology Lab(const std::vector<std::string>& names,
                            const std::vector<std::pair<size_t, size_t>>& cables) {
  std::vector<std::string> devices(names.size(), DeviceJson(1, "lo", 65536)), lines, namespaces;
  std::vector<size_t> next(names.size(), 2);
  for (const auto& [a, b] : cables) {
    lines.push_back(CableJson(names[a] + "-" + names[b], a, next[a], b, next[b]));
    for (const size_t end : {a, b}) {
      devices[end] += "," + DeviceJson(next[end], fmt::format("eth{}", next[end] - 2), 1500);
      ++next[end];
    }
  }
  for (size_t i = 0; i < names.size(); ++i)
    namespaces.push_back(
        fmt::format(R"({{"id":{},"name":"{}","role":"lab","kernel":0,"devices":[{}]}})", i, names[i], devices[i]));
  return ParsePlan(PlanJson(namespaces, lines, ""));
}

}  // namespace overlaysim::test
