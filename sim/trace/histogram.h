#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace overlaysim {

/// Counts of non-negative integers in buckets that are exact below 256 and at most 1/128 wide above: a 99th percentile
/// is off by less than 0.8 %. Integers only, so that every machine finds the same. Memory grows with the number of
/// different values, to 117 KiB at most.
class Histogram {
 public:
  void Add(int64_t value, uint64_t count = 1);  ///< negative values count as 0
  void Merge(const Histogram& other);

  uint64_t Count() const { return m_count; }
  int64_t Min() const { return m_count == 0 ? 0 : m_min; }
  int64_t Max() const { return m_max; }
  int64_t Mean() const;  ///< rounded down; 0 when empty
  /// The value that at least numerator/denominator of all values do not exceed (its bucket's upper end, at most Max()).
  /// 0 when empty. Percentile 99.9 is Quantile(999, 1000).
  int64_t Quantile(uint64_t numerator, uint64_t denominator) const;

  struct Bucket {
    int64_t lowest, highest;
    uint64_t count;
    bool operator==(const Bucket&) const = default;
  };
  std::vector<Bucket> Buckets() const;  ///< those that are not empty, ascending
  bool operator==(const Histogram&) const = default;

  /// What a file says of a histogram, put together again. False when the parts do not fit each other.
  static bool Restore(const std::vector<Bucket>& buckets, int64_t min, int64_t max, int64_t sum, Histogram& out);
  int64_t Sum() const { return m_sum; }  ///< stops at the largest int64

 private:
  struct Cell {
    uint64_t bucket;
    uint64_t count;
    bool operator==(const Cell&) const = default;
  };
  uint64_t& CountOf(uint64_t bucket);

  std::vector<Cell> m_cells;  ///< those that are not empty, ascending: most flows are short
  uint64_t m_count = 0;
  int64_t m_min = 0, m_max = 0, m_sum = 0;
};

}  // namespace overlaysim
