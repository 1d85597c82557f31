#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "sim/import/reader.h"
#include "sim/iproute2/show.h"
#include "sim/plan/compile.h"
#include "sim/scenario/load.h"

namespace overlaysim {

/// What became of a scenario given as text.
struct Planned {
  Diagnostics diagnostics;
  std::unique_ptr<ClusterPlan> plan;

  const ClusterPlan* operator->() const { return plan.get(); }
  std::string Route(const std::string& host) const { return iproute2::RouteShow(*plan->Materialise(plan->Find(host))); }
  std::string Neigh(const std::string& host) const { return iproute2::NeighShow(*plan->Materialise(plan->Find(host))); }
  std::string Fdb(const std::string& host, const std::string& device) const {
    const auto ns = plan->Materialise(plan->Find(host));
    return iproute2::FdbShow(*ns, {.ifindex = ns->FindLink(device)->ifindex});
  }
  uint32_t Mtu(const std::string& host, const std::string& device) const {
    return plan->Materialise(plan->Find(host))->FindLink(device)->mtu;
  }
};

inline Planned PlanText(const std::string& text) {
  Planned out;
  const auto scenario = scenario::LoadScenarioText(text, "test.json", {}, out.diagnostics);
  if (scenario) out.plan = CompilePlan(*scenario, import::ImportFiles, out.diagnostics);
  return out;
}

inline Planned PlanFile(const std::string& path) {
  Planned out;
  const auto scenario = scenario::LoadScenario(std::string(OVERLAYSIM_SOURCE_DIR "/") + path, {}, out.diagnostics);
  if (scenario) out.plan = CompilePlan(*scenario, import::ImportFiles, out.diagnostics);
  return out;
}

/// A scenario with these members of "cluster" and, behind them, of the scenario itself.
inline std::string WithCluster(const std::string& cluster, const std::string& more = "") {
  return "{\"format\": 1, \"cluster\": {" + cluster + "}" + (more.empty() ? "" : ", " + more) + "}";
}

inline const std::string kTwoNodes =
    R"("nodes": ["node1", "node2"], "cni": {"type": "flannel"},
       "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}])";

}  // namespace overlaysim
