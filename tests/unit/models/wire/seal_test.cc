#include "models/wire/seal.h"

#include <gtest/gtest.h>

namespace overlaysim::wire {
namespace {

TEST(Seal, OpensWithTheSameKeyNumberAndContent) {
  const std::vector<uint8_t> content = {1, 2, 3};
  std::vector<uint8_t> bytes(3 + kSealTagBytes);
  WriteSeal(bytes, 7, 8, content);
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 3), "opa");
  EXPECT_TRUE(IsSealOf(bytes, 7, 8, content));
  EXPECT_FALSE(IsSealOf(bytes, 9, 8, content));
  EXPECT_FALSE(IsSealOf(bytes, 7, 9, content));
  EXPECT_FALSE(IsSealOf(bytes, 7, 8, {content.data(), 2}));
}

TEST(Seal, AnyDamagedByteShows) {
  const std::vector<uint8_t> content(20, 5);
  std::vector<uint8_t> bytes(content.size() + kSealTagBytes);
  WriteSeal(bytes, 1, 2, content);
  for (uint8_t& byte : bytes) {
    byte ^= 0x10;
    EXPECT_FALSE(IsSealOf(bytes, 1, 2, content));
    byte ^= 0x10;
  }
  EXPECT_FALSE(IsSealOf({bytes.data(), kSealTagBytes - 1}, 1, 2, content));
}

}  // namespace
}  // namespace overlaysim::wire
