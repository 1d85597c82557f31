// Plays sessions that were recorded with the real tools, and holds what our commands say against what these said.

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "sim/iproute2/command.h"

namespace overlaysim::iproute2 {
namespace {

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \n");
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(" \n") - begin + 1);
}

struct Step {
  std::string command, output;
  int exit = 0;
};

struct Transcript {
  std::vector<std::string> setup;
  std::vector<Step> steps;
};

Transcript Read(const std::string& name) {
  Transcript transcript;
  std::ifstream file(OVERLAYSIM_SOURCE_DIR "/tests/data/iproute2/" + name);
  EXPECT_TRUE(file) << name;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("! ", 0) == 0) {
      transcript.setup.push_back(line.substr(2));
    } else if (line.rfind("$ ", 0) == 0) {
      Step step{.command = line.substr(2)};
      if (const size_t exit = line.rfind("  ["); exit != std::string::npos) {
        step.exit = std::stoi(line.substr(exit + 3));
        step.command = line.substr(2, exit - 2);
      }
      transcript.steps.push_back(step);
    } else if (!transcript.steps.empty()) {
      transcript.steps.back().output += line + "\n";
    }
  }
  return transcript;
}

class Transcripts : public testing::TestWithParam<const char*> {};

TEST_P(Transcripts, AreWhatTheRealToolsSaid) {
  kernel::Machine machine;
  MachineNamespaces all(machine);
  const Transcript transcript = Read(GetParam());
  ASSERT_FALSE(transcript.steps.empty());
  for (const std::string& command : transcript.setup) {
    const CommandResult result = RunCommand(all, {}, command, Seconds(100));
    EXPECT_EQ(result.err, "") << command;
  }
  for (const Step& step : transcript.steps) {
    const CommandResult result = RunCommand(all, {}, "ip netns exec n1 " + step.command, Seconds(100));
    EXPECT_EQ(Trimmed(result.out + result.err), Trimmed(step.output)) << step.command;
    EXPECT_EQ(result.exit, step.exit) << step.command;
  }
}

INSTANTIATE_TEST_SUITE_P(Ipv6, Transcripts,
                         testing::Values("ipv6-addresses.txt", "ipv6-routes.txt", "ipv6-neighbours.txt",
                                         "ipv6-switches.txt", "ipv6-tunnels.txt", "ip6tables.txt", "nft-ip6.txt"));

}  // namespace
}  // namespace overlaysim::iproute2
