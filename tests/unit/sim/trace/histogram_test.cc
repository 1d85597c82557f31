#include "sim/trace/histogram.h"

#include <gtest/gtest.h>

#include <limits>

namespace overlaysim {
namespace {

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

TEST(Histogram, OfNothingIsZero) {
  const Histogram h;
  EXPECT_EQ(h.Count(), 0U);
  EXPECT_EQ(h.Quantile(99, 100), 0);
  EXPECT_EQ(h.Mean(), 0);
  EXPECT_TRUE(h.Buckets().empty());
}

TEST(Histogram, IsExactForSmallValues) {
  Histogram h;
  for (int64_t v = 1; v <= 100; ++v) h.Add(v);
  EXPECT_EQ(h.Quantile(50, 100), 50);
  EXPECT_EQ(h.Quantile(99, 100), 99);
  EXPECT_EQ(h.Quantile(999, 1000), 100);  // the 99.9th of 100 values is the 100th
  EXPECT_EQ(h.Quantile(0, 100), 1);
  EXPECT_EQ(h.Mean(), 50);  // 5050 / 100, rounded down
}

TEST(Histogram, ErrsByLessThanOnePart128) {
  for (int64_t v = 1; v < kLargest / 3; v = v * 3 + 1) {
    Histogram h;
    h.Add(v);
    h.Add(kLargest);  // so that the bucket's end is not cut at the maximum
    const int64_t median = h.Quantile(50, 100);
    EXPECT_GE(median, v);
    EXPECT_LE(median - v, v / 128);
  }
}

TEST(Histogram, BucketsFollowEachOtherWithoutGaps) {
  Histogram h;
  for (int64_t v = 0; v < 5000; ++v) h.Add(v);
  int64_t next = 0;
  for (const auto& bucket : h.Buckets()) {
    EXPECT_EQ(bucket.lowest, next);
    next = bucket.highest + 1;
    if (next <= 5000) {
      EXPECT_EQ(bucket.count, static_cast<uint64_t>(next - bucket.lowest));
    }
  }
}

TEST(Histogram, TakesTheLargestAndNegativeValues) {
  Histogram h;
  h.Add(kLargest);
  h.Add(-5);
  EXPECT_EQ(h.Min(), 0);
  EXPECT_EQ(h.Max(), kLargest);
  EXPECT_EQ(h.Quantile(100, 100), kLargest);
  h.Add(kLargest, 2);
  EXPECT_EQ(h.Sum(), kLargest);  // stops there
}

TEST(Histogram, MergedIsAsIfAllWereAddedToOne) {
  Histogram a, b, all;
  for (int64_t v = 0; v < 1000; v += 7) (a.Add(v), all.Add(v));
  for (int64_t v = 500; v < 90000; v += 11) (b.Add(v), all.Add(v));
  a.Merge(b);
  EXPECT_EQ(a, all);
  Histogram empty;
  empty.Merge(all);
  EXPECT_EQ(empty, all);
}

TEST(Histogram, RestoresWhatItsBucketsSay) {
  Histogram h, back;
  for (int64_t v = 3; v < 100000; v += 17) h.Add(v);
  ASSERT_TRUE(Histogram::Restore(h.Buckets(), h.Min(), h.Max(), h.Sum(), back));
  EXPECT_EQ(back, h);
}

TEST(Histogram, RefusesPartsThatDoNotFit) {
  Histogram back;
  EXPECT_FALSE(Histogram::Restore({{5, 9, 1}}, 5, 5, 5, back)) << "no bucket ends at 9";
  EXPECT_FALSE(Histogram::Restore({{5, 5, 1}}, 4, 5, 5, back)) << "the smallest is in no bucket";
  EXPECT_FALSE(Histogram::Restore({{-5, -5, 1}}, -5, -5, -5, back));
  EXPECT_FALSE(Histogram::Restore({}, 0, 1, 0, back));
  EXPECT_FALSE(Histogram::Restore({{5, 5, ~uint64_t{0}}, {6, 6, 1}}, 5, 6, 11, back)) << "more than can be counted";
}

}  // namespace
}  // namespace overlaysim
