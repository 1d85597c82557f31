#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace overlaysim {

class FlowAccount;
class Simulation;
struct RecorderOptions;

/// What a rank writes, in the run directory until it is put together with the others'.
struct RankParts {
  std::filesystem::path trace, packets, order, log;

  RankParts(const std::filesystem::path& directory, uint32_t rank);
};

/// Puts together what the ranks have written, as `mine`, rank 0's options, wants it, and takes their parts away; counts
/// records, and has `simulation` and `account` know what others have told. An error text, or "".
std::string MergeParts(const std::filesystem::path& directory, uint32_t ranks, const RecorderOptions& mine,
                       Simulation& simulation, FlowAccount& account, uint64_t& records);

}  // namespace overlaysim
