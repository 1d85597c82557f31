// Random frames on this machine's own kernel: the same fate there, frame by frame.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/random/random_scenario.h"

namespace overlaysim::random {
namespace {

namespace fs = std::filesystem;

constexpr int kLacksSomething = 3;  // exit code of verify without root, or without the kernel's parts

TEST(RandomFrames, HaveTheSameFateOnTheKernel) {
  const fs::path program = OVERLAYSIM_BIN_DIR "/overlaysim";
  if (!fs::exists(program)) GTEST_SKIP() << program << " is not built";
  const std::vector<Bytes> samples = SampleFrames();
  const uint64_t seeds = std::getenv("OVERLAYSIM_FULL") ? 20 : 2;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const fs::path file = fs::path(testing::TempDir()) / fmt::format("overlaysim-kernel-{}.json", seed);
    std::ofstream(file) << DrawForKernel(seed, samples).Text();
    const std::string said = file.string() + ".txt";
    const int status =
        std::system(fmt::format("'{}' verify '{}' > '{}' 2>&1", program.string(), file.string(), said).c_str());
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == kLacksSomething) GTEST_SKIP() << std::ifstream(said).rdbuf();
    EXPECT_EQ(WEXITSTATUS(status), 0) << "seed " << seed << ": see " << said << " and " << file;
    if (HasFailure()) return;
    fs::remove(file);
    fs::remove(said);
  }
}

}  // namespace
}  // namespace overlaysim::random
