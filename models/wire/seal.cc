#include "models/wire/seal.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "models/wire/bytes.h"
#include "sim/base/random.h"

namespace overlaysim::wire {
namespace {

constexpr std::string_view kOpaque = "opaque payload. ";

uint8_t OpaqueByte(size_t at) { return static_cast<uint8_t>(kOpaque[at % kOpaque.size()]); }

std::array<uint8_t, kSealTagBytes> TagOf(uint64_t key, uint64_t number, std::span<const uint8_t> content) {
  RandomStream stream(key, {reinterpret_cast<const char*>(content.data()), content.size()}, number);
  std::array<uint8_t, kSealTagBytes> tag;
  for (size_t word = 0; word < tag.size(); word += 4) Put32(&tag[word], static_cast<uint32_t>(stream.Next()));
  return tag;
}

}  // namespace

void WriteSeal(std::span<uint8_t> at, uint64_t key, uint64_t number, std::span<const uint8_t> content) {
  const size_t opaque = at.size() - kSealTagBytes;
  for (size_t i = 0; i < opaque; ++i) at[i] = OpaqueByte(i);
  const auto tag = TagOf(key, number, content);
  std::copy(tag.begin(), tag.end(), at.begin() + static_cast<std::ptrdiff_t>(opaque));
}

bool IsSealOf(std::span<const uint8_t> at, uint64_t key, uint64_t number, std::span<const uint8_t> content) {
  if (at.size() < kSealTagBytes) return false;
  const size_t opaque = at.size() - kSealTagBytes;
  for (size_t i = 0; i < opaque; ++i)
    if (at[i] != OpaqueByte(i)) return false;
  const auto tag = TagOf(key, number, content);
  return std::equal(tag.begin(), tag.end(), at.begin() + static_cast<std::ptrdiff_t>(opaque));
}

}  // namespace overlaysim::wire
