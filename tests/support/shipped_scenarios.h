#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

namespace overlaysim::test {

/// The scenarios of tutorials and behaviours, from the folder `scenarios` on.
inline std::vector<std::string> ShippedScenarios() {
  std::vector<std::string> found;
  const std::filesystem::path root = OVERLAYSIM_SOURCE_DIR "/scenarios";
  for (const char* folder : {"tutorial", "behaviour"})
    for (const auto& entry : std::filesystem::directory_iterator(root / folder))
      if (entry.path().extension() == ".json") found.push_back(entry.path().lexically_relative(root).generic_string());
  std::sort(found.begin(), found.end());
  return found;
}

/// What GoogleTest calls the one of a TestWithParam<std::string>: "tutorial_two_nodes".
inline std::string NameOfScenario(const testing::TestParamInfo<std::string>& param) {
  std::string name = param.param.substr(0, param.param.rfind('.'));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

}  // namespace overlaysim::test
