#include "sim/base/flat_map.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace overlaysim {
namespace {

TEST(FlatMap, FindsAllKeysAfterGrowing) {
  FlatMap<uint64_t, uint64_t> map;
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(map.TryEmplace(i << 32).second);
  for (uint64_t i = 0; i < 1000; ++i) map[i << 32] += i;
  EXPECT_EQ(map.Size(), 1000u);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(map.TryEmplace(i << 32).first, i);
}

TEST(FlatMap, KeepsTheOrderInWhichKeysCame) {
  FlatMap<int, int> map;
  for (const int key : {7, 3, 7, 5}) ++map[key];
  EXPECT_EQ(map.Items(), (std::vector<std::pair<int, int>>{{7, 2}, {3, 1}, {5, 1}}));
}

/// All keys want the same place: each is found behind the others, so clearing one must not lose another.
struct SameHash {
  size_t operator()(int) const { return 1; }
};

TEST(FlatMap, IsEmptyOnceCleared) {
  FlatMap<int, int, SameHash> map;
  for (int key = 0; key < 20; ++key) map[key] = key;
  map.Clear();
  EXPECT_EQ(map.Size(), 0u);
  for (int key = 19; key >= 0; --key) {
    const auto [value, isNew] = map.TryEmplace(key);
    EXPECT_TRUE(isNew);
    EXPECT_EQ(value, 0);
  }
}

}  // namespace
}  // namespace overlaysim
