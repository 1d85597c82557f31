#include "sim/trace/histogram.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace overlaysim {
namespace {

constexpr int kPrecisionBits = 7;  // 2^7 buckets for each power of two
constexpr int64_t kExactBelow = int64_t{2} << kPrecisionBits;
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

size_t BucketOf(int64_t value) {
  if (value < kExactBelow) return static_cast<size_t>(value);
  const auto bits = static_cast<uint64_t>(value);
  const int shift = std::bit_width(bits) - kPrecisionBits - 1;
  return (static_cast<size_t>(shift) << kPrecisionBits) + static_cast<size_t>(bits >> shift);
}

int64_t LowestOf(size_t bucket) {
  if (bucket < static_cast<size_t>(kExactBelow)) return static_cast<int64_t>(bucket);
  const size_t shift = (bucket >> kPrecisionBits) - 1;
  return static_cast<int64_t>((bucket - (shift << kPrecisionBits)) << shift);
}

int64_t HighestOf(size_t bucket) {
  static const size_t kLastBucket = BucketOf(kLargest);
  return bucket == kLastBucket ? kLargest : LowestOf(bucket + 1) - 1;
}

int64_t SaturatingSum(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? kLargest : sum;
}

}  // namespace

uint64_t& Histogram::CountOf(uint64_t bucket) {
  auto cell = std::lower_bound(m_cells.begin(), m_cells.end(), bucket,
                               [](const Cell& c, uint64_t wanted) { return c.bucket < wanted; });
  if (cell == m_cells.end() || cell->bucket != bucket) cell = m_cells.insert(cell, {bucket, 0});
  return cell->count;
}

void Histogram::Add(int64_t value, uint64_t count) {
  if (count == 0) return;
  value = std::max<int64_t>(value, 0);
  CountOf(BucketOf(value)) += count;
  m_min = m_count == 0 ? value : std::min(m_min, value);
  m_max = std::max(m_max, value);
  m_count += count;
  int64_t product;
  const bool isHuge =
      count > static_cast<uint64_t>(kLargest) || __builtin_mul_overflow(value, static_cast<int64_t>(count), &product);
  m_sum = isHuge ? kLargest : SaturatingSum(m_sum, product);
}

void Histogram::Merge(const Histogram& other) {
  if (other.m_count == 0) return;
  for (const Cell& cell : other.m_cells) CountOf(cell.bucket) += cell.count;
  m_min = m_count == 0 ? other.m_min : std::min(m_min, other.m_min);
  m_max = std::max(m_max, other.m_max);
  m_count += other.m_count;
  m_sum = SaturatingSum(m_sum, other.m_sum);
}

int64_t Histogram::Mean() const {
  return m_count == 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(m_sum) / m_count);
}

int64_t Histogram::Quantile(uint64_t numerator, uint64_t denominator) const {
  if (m_count == 0 || denominator == 0) return 0;
  __extension__ using Wide = unsigned __int128;
  const Wide wanted = (static_cast<Wide>(m_count) * numerator + denominator - 1) / denominator;
  uint64_t seen = 0;
  for (const Cell& cell : m_cells) {
    seen += cell.count;
    if (seen >= wanted) return std::min(HighestOf(cell.bucket), m_max);
  }
  return m_max;
}

std::vector<Histogram::Bucket> Histogram::Buckets() const {
  std::vector<Bucket> buckets;
  for (const Cell& cell : m_cells) buckets.push_back({LowestOf(cell.bucket), HighestOf(cell.bucket), cell.count});
  return buckets;
}

bool Histogram::Restore(const std::vector<Bucket>& buckets, int64_t min, int64_t max, int64_t sum, Histogram& out) {
  out = {};
  for (const Bucket& bucket : buckets) {
    if (bucket.lowest < 0 || bucket.highest != HighestOf(BucketOf(bucket.lowest)) || bucket.count == 0) return false;
    if (bucket.count > std::numeric_limits<uint64_t>::max() - out.m_count) return false;
    out.Add(bucket.lowest, bucket.count);
  }
  if (buckets.empty()) return min == 0 && max == 0 && sum == 0;
  if (BucketOf(std::max<int64_t>(min, 0)) != BucketOf(out.m_min) ||
      BucketOf(std::max<int64_t>(max, 0)) != BucketOf(out.m_max))
    return false;
  out.m_min = min;
  out.m_max = max;
  out.m_sum = sum;
  return min >= 0 && min <= max && sum >= 0;
}

}  // namespace overlaysim
