#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <string>

#include "sim/run/run_scenario.h"
#include "sim/trace/files.h"
#include "support/temporary_directory.h"

namespace overlaysim {

/// A scenario with two nodes of one pod each under flannel, and these members more.
inline std::string TwoNodes(const std::string& more) {
  return R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel"},
    "pods": [{"name": "pod-a", "node": "node1"}, {"name": "pod-b", "node": "node2"}]}, )" +
         more + "}";
}
inline const std::string kThreePings = R"("traffic": [{"type": "ping", "from": "pod-a", "to": "pod-b", "count": 3}])";

/// A scenario that runs, and what it leaves.
struct Ran {
  test::TemporaryDirectory directory;
  std::optional<LoadedPlan> loaded;
  std::optional<RunOutcome> outcome;
  std::string error;

  explicit Ran(const std::string& text, bool writeTrace = true) {
    std::ofstream(directory / "test.json") << text;
    Run((directory / "test.json").string(), writeTrace);
  }
  struct Shipped {};
  Ran(Shipped, const std::string& name) { Run(OVERLAYSIM_SOURCE_DIR "/scenarios/tutorial/" + name + ".json", true); }

  const ClusterPlan& Plan() const { return *loaded->plan; }
  std::string Bytes(std::string_view file) const {
    std::string why;
    const auto bytes = ReadWholeFile(outcome->directory / file, uint64_t{1} << 30, why);
    EXPECT_TRUE(bytes) << why;
    return bytes.value_or("");
  }

 private:
  void Run(const std::string& path, bool writeTrace) {
    Diagnostics diagnostics;
    loaded = LoadPlan(path, {}, diagnostics);
    ASSERT_TRUE(loaded) << diagnostics.Format();
    RunRequest request;
    request.directory = directory / "run";
    request.writeTrace = writeTrace;
    outcome = RunScenario(*loaded, request, error);
    ASSERT_TRUE(outcome) << error;
  }
};

}  // namespace overlaysim
