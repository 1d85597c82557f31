#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace overlaysim::test {

/// The frame of tests/data/packets/NAME.hex in hex, ".." for a byte that the kernel draws at random.
inline std::string Golden(const std::string& name) {
  std::ifstream file(std::string(OVERLAYSIM_SOURCE_DIR) + "/tests/data/packets/" + name + ".hex");
  EXPECT_TRUE(file) << name;
  std::string line, out, token;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    while (words >> token) out += token;
  }
  return out;
}

/// The frame in hex, with the golden's masks in it.
inline std::string Masked(const std::vector<uint8_t>& frame, const std::string& golden) {
  std::string out;
  for (size_t i = 0; i < frame.size(); ++i)
    out += 2 * i < golden.size() && golden[2 * i] == '.' ? ".." : fmt::format("{:02x}", frame[i]);
  return out;
}

}  // namespace overlaysim::test
