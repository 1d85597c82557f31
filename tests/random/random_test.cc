// Random networks, faults and frames: nothing falls over, no packet is lost without a verdict, all is accounted for,
// and the same seed gives the same records.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "models/host/audit.h"
#include "sim/run/simulation.h"
#include "support/packet_fates.h"
#include "support/seen_run.h"
#include "tests/random/random_scenario.h"

namespace overlaysim::random {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kNetworks = 25;       // of each kind; a network gets 35 draws of frames on average
constexpr uint64_t kMostSteps = 400000;  // more are a storm that nothing ends

uint64_t NetworkCount() {
  const char* text = std::getenv("OVERLAYSIM_RANDOM");
  if (text) return std::strtoull(text, nullptr, 10);
  return std::getenv("OVERLAYSIM_FULL") ? 40 * kNetworks : kNetworks;
}

struct Outcome {
  std::string problem;  ///< "": all is as it should be
  uint64_t digest = 0, packets = 0;
};

Outcome RunOnce(const RandomScenario& scenario, const fs::path& file) {
  std::ofstream(file) << scenario.Text();
  const std::unique_ptr<ClusterPlan> plan = PlanOf(scenario);
  Simulation simulation(*plan);
  test::PacketFates fates(simulation.Net());
  simulation.Run();
  std::vector<std::string> problems = host::FindUnaccounted(simulation.Net());
  for (std::string& problem : fates.Problems()) problems.push_back(std::move(problem));
  for (size_t v = 0; v < simulation.Net().verdicts.size(); ++v)
    if (const auto verdict = static_cast<Verdict>(v); fates.EndsWith(verdict) != simulation.Net().verdicts[v])
      problems.push_back(fmt::format("{} packets ended with {}, and {} were counted", fates.EndsWith(verdict),
                                     VerdictName(verdict), simulation.Net().verdicts[v]));
  const uint64_t events = simulation.Metrics().events;
  if (events > kMostSteps) problems.push_back(fmt::format("{} events", events));
  return {fmt::format("{}", fmt::join(problems, "\n")), fates.Digest(), fates.PacketCount()};
}

/// As few frames, events and lines of traffic as still make a run go wrong.
void Shrink(RandomScenario& scenario, const fs::path& file) {
  auto without = [&](auto& items) {
    for (size_t chunk = std::max<size_t>(items.size() / 2, 1);; chunk /= 2) {
      for (size_t at = 0; at < items.size();) {
        auto removed = items;
        const auto begin = removed.begin() + static_cast<ptrdiff_t>(at);
        removed.erase(begin, begin + static_cast<ptrdiff_t>(std::min(chunk, items.size() - at)));
        std::swap(items, removed);
        if (RunOnce(scenario, file).problem.empty()) {
          std::swap(items, removed);
          at += chunk;
        }
      }
      if (chunk <= 1) return;
    }
  };
  without(scenario.injections);
  without(scenario.events);
  without(scenario.traffic);
}

class RandomNetworks : public testing::TestWithParam<Kind> {};

TEST_P(RandomNetworks, LoseNothingAndRepeatThemselves) {
  const std::vector<Bytes> samples = SampleFrames();
  uint64_t frames = 0, packets = 0;
  for (uint64_t seed = 1; seed <= NetworkCount() && !HasFailure(); ++seed) {
    RandomScenario scenario = DrawScenario(GetParam(), seed, samples);
    // What makes the program fall over lies there afterwards.
    const fs::path file = fs::path(testing::TempDir()) / fmt::format("overlaysim-random-{}-{}.json",
                                                                     GetParam() == Kind::Lab ? "lab" : "cluster", seed);
    const Outcome first = RunOnce(scenario, file);
    frames += scenario.injections.size();
    packets += first.packets;
    if (first.problem.empty()) {
      EXPECT_EQ(first.digest, RunOnce(scenario, file).digest) << "seed " << seed << ": see " << file;
    } else {
      Shrink(scenario, file);
      const Outcome least = RunOnce(scenario, file);
      ADD_FAILURE() << "seed " << seed << ": " << first.problem << "\nand with what is left of it in " << file << ":\n"
                    << least.problem;
    }
    if (!HasFailure()) fs::remove(file);
  }
  EXPECT_GT(packets, frames);
  std::printf("%s frames injected, %s packets followed\n", std::to_string(frames).c_str(),
              std::to_string(packets).c_str());
}

TEST_P(RandomNetworks, AreTheSameWithoutFlowCaches) {
  const std::vector<Bytes> samples = SampleFrames();
  uint64_t repeated = 0, recorded = 0;
  for (uint64_t seed = 1; seed <= NetworkCount() && !HasFailure(); ++seed) {
    const std::unique_ptr<ClusterPlan> plan = PlanOf(DrawScenario(GetParam(), seed, samples));
    const test::SeenRun with = test::SeeRun(*plan, true), without = test::SeeRun(*plan, false);
    EXPECT_EQ(test::FirstDifference(with.state, without.state), "") << "seed " << seed;
    repeated += with.repeated;
    const test::RecordedRun cached = test::RecordRun(*plan, true), whole = test::RecordRun(*plan, false);
    EXPECT_TRUE(cached.trace == whole.trace) << "seed " << seed;
    recorded += cached.repeated;
  }
  if (GetParam() == Kind::Cluster) {
    EXPECT_GT(repeated, 0u);
    EXPECT_GT(recorded, 0u);
  }
  std::printf("%s packets repeated, %s with their records\n", std::to_string(repeated).c_str(),
              std::to_string(recorded).c_str());
}

INSTANTIATE_TEST_SUITE_P(All, RandomNetworks, testing::Values(Kind::Cluster, Kind::Lab),
                         [](const auto& param) { return param.param == Kind::Lab ? "Labs" : "Clusters"; });

}  // namespace
}  // namespace overlaysim::random
