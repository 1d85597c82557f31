#include "models/host/seen_head.h"

#include <algorithm>
#include <cstring>

namespace overlaysim::host {
namespace {

using wire::SeenHead;

// Ethernet, IPv6, UDP, VXLAN, Ethernet, IPv4 and a transport header; what is longer grows by what is put before it.
constexpr uint32_t kFirstBytes = 128;

bool IsKnown(const wire::Frame& frame) { return frame.seenHead && frame.seenHead->packet == frame.packet; }

/// How much of the frame's front is kept: what was in sight and still is, with what was put before it.
uint32_t SizeInSight(const wire::Frame& frame) {
  if (frame.seenBytes != 0) return frame.seenBytes;
  const uint32_t first = std::min(frame.Size(), kFirstBytes);
  if (!IsKnown(frame) || frame.seenHead->begin >= SeenHead::kRewritten) return first;
  const uint32_t end = frame.seenHead->begin + frame.seenHead->size;
  return end <= frame.Begin() ? first : std::min({end - frame.Begin(), frame.Size(), SeenHead::kMaxBytes});
}

/// `size` if there is none. By words: most records find no difference.
size_t FirstDifference(const uint8_t* a, const uint8_t* b, size_t size) {
  size_t at = 0;
  for (uint64_t x, y; at + sizeof x <= size; at += sizeof x) {
    std::memcpy(&x, a + at, sizeof x);
    std::memcpy(&y, b + at, sizeof y);
    if (x != y) break;
  }
  while (at < size && a[at] == b[at]) ++at;
  return at;
}

}  // namespace

HeaderChange FindHeadChange(const wire::Frame& frame) {
  if (frame.seenBytes != 0) return {};
  const std::span<const uint8_t> now(frame.Data(), SizeInSight(frame));
  if (!IsKnown(frame)) return {0, {}, now};
  const SeenHead& seen = *frame.seenHead;
  const std::span<const uint8_t> then = seen.Bytes();
  if (seen.begin == SeenHead::kRewritten) return {0, then, now};
  const bool isElsewhere = seen.begin == SeenHead::kElsewhere;
  const size_t pulled = !isElsewhere && frame.Begin() > seen.begin ? frame.Begin() - seen.begin : 0;
  const size_t pushed = !isElsewhere && frame.Begin() < seen.begin ? seen.begin - frame.Begin() : 0;
  if (pulled >= then.size() && !then.empty()) return {0, then, now};

  const std::span<const uint8_t> oldRest = then.subspan(pulled);
  const std::span<const uint8_t> newRest = now.subspan(std::min(pushed, now.size()));
  const size_t common = std::min(oldRest.size(), newRest.size());
  const size_t first = FirstDifference(newRest.data(), oldRest.data(), common);
  size_t end = common;
  while (end > first && oldRest[end - 1] == newRest[end - 1]) --end;
  if (pulled == 0 && pushed == 0)
    return {static_cast<uint16_t>(first), then.subspan(first, end - first), now.subspan(first, end - first)};
  if (first == common) end = 0;
  return {0, then.first(pulled + end), now.first(std::min(pushed, now.size()) + end)};
}

void RememberHead(const wire::Frame& frame) {
  const uint32_t size = SizeInSight(frame);
  if (!frame.seenHead) frame.seenHead = std::make_unique<SeenHead>();
  SeenHead& seen = *frame.seenHead;
  seen.packet = frame.packet;
  seen.begin = frame.Begin();
  seen.size = size;
  CopyHead(frame, seen.bytes.data(), size);
  frame.seenBytes = 0;
}

uint32_t UnchangedHead(const wire::Frame& frame) {
  if (frame.seenBytes != 0) return frame.seenBytes;
  if (!IsKnown(frame) || frame.seenHead->begin != frame.Begin()) return 0;
  const SeenHead& seen = *frame.seenHead;
  if (seen.size > frame.LinearBytes()) return 0;
  return std::memcmp(seen.bytes.data(), frame.Data(), seen.size) == 0 ? seen.size : 0;
}

void CopyHead(const wire::Frame& frame, uint8_t* to, uint32_t bytes) {
  const uint32_t linear = std::min(bytes, frame.LinearBytes());
  std::memcpy(to, frame.Data(), linear);
  if (bytes > linear) std::memcpy(to + linear, frame.Tail(), bytes - linear);
}

}  // namespace overlaysim::host
