#include "models/wire/frame.h"

#include <array>
#include <cstring>
#include <utility>

#include "models/wire/bytes.h"
#include "models/wire/checksum.h"
#include "sim/base/check.h"

namespace overlaysim::wire {
namespace {

// ARP and what has no payload; other control frames; all of MTU 1500 with headers; jumbo; the largest IP datagram.
constexpr std::array<uint32_t, 5> kClasses = {256, 512, 2048, 10240, 66048};

/// Outlives whatever is destroyed at exit.
auto& g_freeHeads = *new std::vector<void*>;

}  // namespace

void* SeenHead::operator new(size_t bytes) {
  if (g_freeHeads.empty()) return ::operator new(bytes);
  void* memory = g_freeHeads.back();
  g_freeHeads.pop_back();
  return memory;
}

void SeenHead::operator delete(void* memory) { g_freeHeads.push_back(memory); }

class FramePool {
 public:
  static FramePool& Get() {
    static FramePool pool;
    return pool;
  }
  Frame* Take(uint32_t bytes) {
    const uint32_t needed = bytes + Frame::kHeadroom;
    size_t size = 0;
    while (size < kClasses.size() && kClasses[size] < needed) ++size;
    OVERLAYSIM_CHECK(size < kClasses.size(), "a frame of {} bytes", bytes);
    auto& free = m_free[size];
    Frame* frame;
    if (free.empty()) {
      frame = new Frame;
      frame->m_buffer = std::unique_ptr<uint8_t[]>(new uint8_t[kClasses[size]]);
      frame->m_capacity = kClasses[size];
    } else {
      frame = free.back().release();
      free.pop_back();
    }
    frame->m_begin = Frame::kHeadroom;
    frame->m_end = Frame::kHeadroom + bytes;
    return frame;
  }
  void Give(Frame* frame) {
    auto buffer = std::move(frame->m_buffer);
    const uint32_t capacity = frame->m_capacity;
    *frame = Frame{};
    frame->m_buffer = std::move(buffer);
    frame->m_capacity = capacity;
    for (size_t i = 0; i < kClasses.size(); ++i)
      if (kClasses[i] == capacity) m_free[i].emplace_back(frame);
  }

 private:
  std::array<std::vector<std::unique_ptr<Frame>>, kClasses.size()> m_free;
};

void FrameDeleter::operator()(Frame* frame) const { FramePool::Get().Give(frame); }

void Frame::TakeBuffer(Frame& larger) {
  std::memcpy(larger.Data(), Data(), Size());
  const uint32_t shift = larger.m_begin - m_begin;
  if (m_checksumStart != 0) m_checksumStart += shift;
  if (seenHead && seenHead->begin != SeenHead::kElsewhere) seenHead->begin += shift;
  std::swap(m_buffer, larger.m_buffer);
  std::swap(m_capacity, larger.m_capacity);
  m_begin = larger.m_begin;
  m_end = larger.m_end;
}

uint8_t* Frame::Push(uint32_t bytes) {
  if (bytes > m_begin) {  // pskb_expand_head()
    FramePtr larger = MakeFrame(Size() + bytes);
    larger->Pull(bytes);
    TakeBuffer(*larger);
  }
  m_begin -= bytes;
  return Data();
}
uint8_t* Frame::Pull(uint32_t bytes) {
  OVERLAYSIM_CHECK(bytes <= Size(), "pulling {} bytes of {}", bytes, Size());
  m_begin += bytes;
  if (m_begin > m_checksumStart) m_checksumStart = 0;
  return Data();
}
void Frame::Linearise() {
  if (m_tailBytes == 0) return;
  const std::span<const uint8_t> tail(m_tail, std::exchange(m_tailBytes, 0));
  if (tail.size() > m_capacity - m_end) {
    FramePtr larger = MakeFrame(Size() + static_cast<uint32_t>(tail.size()));
    larger->Trim(Size());
    TakeBuffer(*larger);
  }
  std::memcpy(Append(static_cast<uint32_t>(tail.size())), tail.data(), tail.size());
}
uint8_t* Frame::Append(uint32_t bytes) {
  OVERLAYSIM_CHECK(bytes <= m_capacity - m_end, "no tailroom for {} bytes", bytes);
  uint8_t* at = m_buffer.get() + m_end;
  m_end += bytes;
  return at;
}
void Frame::Trim(uint32_t size) {
  OVERLAYSIM_CHECK(size <= Size(), "trimming {} bytes to {}", Size(), size);
  m_end = m_begin + size;
}

void Frame::LeaveChecksum(const uint8_t* transport, uint32_t offset) {
  m_checksumStart = static_cast<uint32_t>(transport - m_buffer.get());
  m_checksumOffset = offset;
}
void Frame::CompleteChecksum() {
  if (m_checksumStart == 0) return;
  const uint16_t checksum = Checksum(ChecksumStart(), m_end - m_checksumStart);
  Put16(ChecksumField(), checksum != 0 ? checksum : 0xffff);
  m_checksumStart = 0;
  encapsulated = false;
}

FramePtr MakeFrame(uint32_t size) { return FramePtr(FramePool::Get().Take(size)); }

FramePtr MakeFrame(const std::vector<uint8_t>& bytes) {
  FramePtr frame = MakeFrame(static_cast<uint32_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(frame->Data(), bytes.data(), bytes.size());
  return frame;
}

FramePtr MakeFrameLike(const Frame& like, uint32_t size) {
  FramePtr frame = MakeFrame(size);
  frame->journey = like.journey;
  frame->packet = like.packet;
  frame->cause = like.cause;
  frame->flow = like.flow;
  frame->isRecorded = like.isRecorded;
  frame->hash = like.hash;
  frame->socketHash = like.socketHash;
  frame->mark = like.mark;
  frame->connection = like.connection;
  frame->connectionInfo = like.connectionInfo;
  frame->protocol = like.protocol;
  frame->iif = like.iif;
  frame->type = like.type;
  frame->ignoreDf = like.ignoreDf;
  frame->maxFragment = like.maxFragment;
  frame->options = like.options;
  frame->sealed = like.sealed;
  frame->tunnel = like.tunnel;
  frame->spi = like.spi;
  if (like.seenHead) {
    frame->seenHead = std::make_unique<SeenHead>(*like.seenHead);
    frame->seenHead->begin = SeenHead::kElsewhere;
  }
  return frame;
}

FramePtr CloneFrame(const Frame& frame) {
  FramePtr copy = MakeFrameLike(frame, frame.Size());
  std::memcpy(copy->Data(), frame.Data(), frame.Size());
  if (frame.m_checksumStart != 0) {
    copy->LeaveChecksum(copy->Data() + (frame.m_checksumStart - frame.m_begin), frame.m_checksumOffset);
    copy->encapsulated = frame.encapsulated;
  }
  return copy;
}

}  // namespace overlaysim::wire
