#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "sim/base/units.h"

namespace overlaysim::engine {

/// Another rank has ended before the run.
class RankLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The processes that simulate one network together, its ranks. What one of them calls here, all call, in the same
/// order. Any of these functions may throw RankLost.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual uint32_t Rank() const = 0;
  virtual uint32_t Ranks() const = 0;

  /// What each rank tells all others in an exchange; 32 bytes.
  struct News {
    int64_t next = kNever;  ///< ns: when its next event will be, with those that it has made for others
    int64_t at = 0;         ///< ns: how far it is, or a result that all are to know the largest of
    int64_t running = 0;    ///< lines of traffic that have not ended
    bool isInterrupted = false;
    bool hasNews = false;  ///< what it sends may change how many lines of traffic have ended
  };
  static constexpr int64_t kNever = INT64_MAX;

  /// Tells `mine`, and hands outgoing[r] to rank r; those are empty afterwards. `take` gets what others have sent here,
  /// in the order of the ranks. Answers everybody's news, by rank.
  using Take = std::function<void(uint32_t from, std::span<const uint8_t> bytes)>;
  virtual const std::vector<News>& Exchange(const News& mine, std::vector<std::vector<uint8_t>>& outgoing,
                                            const Take& take) = 0;
  /// Everybody's bytes, by rank, for rank 0; nothing for the others.
  virtual std::vector<std::vector<uint8_t>> Gather(const std::vector<uint8_t>& mine) = 0;
  /// Rank 0's text, for all.
  virtual std::string Share(const std::string& text) = 0;
};

}  // namespace overlaysim::engine
