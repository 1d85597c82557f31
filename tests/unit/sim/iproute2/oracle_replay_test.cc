// Replays the commands that built the oracle's labs and compares the state with what the real kernel had.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "sim/iproute2/command.h"

namespace overlaysim::iproute2 {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const fs::path kOracle = fs::path(OVERLAYSIM_SOURCE_DIR) / "../shared/oracle/public";

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Addresses that the kernel drew at random and timers that run.
std::string WithoutVolatile(std::string text) {
  static const std::regex kTimer("gc_timer +[0-9.]+");
  static const std::regex kRandomMac("link/ether (?!02:00:00|ee:ee)[0-9a-f:]{17}");
  text = std::regex_replace(text, kTimer, "gc_timer T");
  return std::regex_replace(text, kRandomMac, "link/ether M");
}

/// The lines under "$ command" in a state file.
std::string Section(const std::string& file, const std::string& command) {
  const size_t begin = file.find("$ " + command + "\n");
  if (begin == std::string::npos) return "";
  const size_t line = file.find('\n', begin) + 1;
  const size_t end = file.find("\n$ ", line - 1);
  return file.substr(line, end == std::string::npos ? end : end - line);
}

void ForgetVolatile(json& value) {
  if (value.is_object())
    for (const char* key : {"gc_timer", "hold_timer", "hello_timer", "message_age_timer", "forward_delay_timer"})
      value.erase(key);
  if (value.is_object() && value.contains("address")) {
    const std::string mac = value["address"].is_string() ? value["address"].get<std::string>() : "";
    if (mac.rfind("02:00:00", 0) != 0 && mac.rfind("00:00", 0) != 0 && mac.rfind("ee:ee", 0) != 0)
      value.erase("address");
  }
  for (auto& child : value)
    if (child.is_structured()) ForgetVolatile(child);
}

/// What traffic did not bring: permanent neighbours, and FDB entries that were not learnt.
json Lasting(const json& rows) {
  json out = json::array();
  for (const json& row : rows) {
    const json& state = row.contains("state") ? row["state"] : json();
    if (state == "permanent" || state == "static" || state == json::array({"PERMANENT"})) out.push_back(row);
  }
  std::vector<json> sorted(out.begin(), out.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

class OracleReplay : public testing::TestWithParam<const char*> {};

TEST_P(OracleReplay, LeavesTheStateThatTheKernelHad) {
  const fs::path folder = kOracle / GetParam();
  if (!fs::exists(folder)) GTEST_SKIP() << folder << " is not there";
  const json expect = json::parse(ReadFile(folder / "expect.json"));
  for (const json& scenario : expect["scenarios"]) {
    const std::string name = scenario["scenario"];
    SCOPED_TRACE(name);
    kernel::Machine machine;
    MachineNamespaces all(machine);
    std::vector<std::string> commands = scenario["setup"];
    for (const json& change : scenario.value("changes", json::array())) commands.push_back(change["cmd"]);
    for (const std::string& command : commands) {
      const CommandResult result = RunCommand(all, {}, command);
      // The device-limits scenario asks for MTUs that the kernel refuses, and says so.
      if (result.exit != 0) {
        EXPECT_EQ(result.err, "RTNETLINK answers: Invalid argument\n") << command;
      }
    }
    for (const auto& file : fs::directory_iterator(folder / "state" / name)) {
      if (file.path().extension() != ".txt") continue;
      const std::string netns = file.path().stem();
      SCOPED_TRACE(netns);
      const std::string text = ReadFile(file.path());
      fs::path jsonPath = file.path();
      const json state = json::parse(ReadFile(jsonPath.replace_extension(".json")));
      for (const char* command : {"-d link show", "addr show", "route show table all"}) {
        const CommandResult shown = RunCommand(all, {}, "ip -n " + netns + " " + command);
        EXPECT_EQ(WithoutVolatile(shown.out), WithoutVolatile(Section(text, std::string("ip ") + command)));
        json ours = json::parse(RunCommand(all, {}, "ip -j -n " + netns + " " + command).out);
        json theirs = state[std::string("ip ") + command];
        ForgetVolatile(ours);
        ForgetVolatile(theirs);
        EXPECT_EQ(ours, theirs) << command;
      }
      EXPECT_EQ(Lasting(json::parse(RunCommand(all, {}, "ip -j -n " + netns + " neigh show").out)),
                Lasting(state["ip neigh show"]));
      EXPECT_EQ(Lasting(json::parse(RunCommand(all, {}, "bridge -j -n " + netns + " fdb show").out)),
                Lasting(state["bridge fdb show"]));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, OracleReplay,
                         testing::Values("01-flannel", "03-cross-subnet", "04-mtu", "10-bad-packets", "14-commands"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace overlaysim::iproute2
