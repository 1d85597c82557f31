#include "models/engine/event_queue.h"

#include <algorithm>
#include <utility>

namespace overlaysim::engine {
namespace {

void PushHeap(std::vector<EventQueue::Entry>& heap, const EventQueue::Entry& entry) {
  heap.push_back(entry);
  std::push_heap(heap.begin(), heap.end());
}
EventQueue::Entry PopHeap(std::vector<EventQueue::Entry>& heap) {
  std::pop_heap(heap.begin(), heap.end());
  const EventQueue::Entry entry = heap.back();
  heap.pop_back();
  return entry;
}

/// How many events happen between fetching what one touches and its turn.
constexpr size_t kAhead = 6;

/// With thousands of hosts nearly all that an event looks at has to come from memory; this lets it come while others
/// happen.
void Fetch(const EventQueue::Entry& entry) {
  constexpr size_t kLineBytes = 64, kLines = 4;
  __builtin_prefetch(entry.event);
  for (const void* touched : entry.touches)
    for (size_t i = 0; touched && i < kLines; ++i)
      __builtin_prefetch(static_cast<const char*>(touched) + i * kLineBytes);
}

}  // namespace

void EventQueue::Put(const Entry& entry) {
  const uint64_t slot = SlotOf(entry.time);
  if (slot <= m_slot) return PushHeap(m_late, entry);
  if (slot - m_slot >= kSlots) return PushHeap(m_far, entry);
  const uint64_t at = slot % kSlots;
  Entries& entries = m_wheel[at];
  if (entries.capacity() == 0 && !m_spare.empty()) {
    entries = std::move(m_spare.back());
    m_spare.pop_back();
  }
  entries.push_back(entry);
  m_used[at / kWordBits] |= uint64_t{1} << at % kWordBits;
  ++m_inWheel;
}

/// The nearest slot behind m_slot that holds something; the wheel must not be empty.
uint64_t EventQueue::NextUsedSlot() const {
  const uint64_t first = (m_slot + 1) % kSlots;
  uint64_t word = first / kWordBits;
  uint64_t bits = m_used[word] & ~uint64_t{0} << first % kWordBits;
  while (bits == 0) {
    word = (word + 1) % m_used.size();
    bits = m_used[word];
  }
  const uint64_t at = word * kWordBits + static_cast<uint64_t>(__builtin_ctzll(bits));
  return m_slot + 1 + (at - first + kSlots) % kSlots;
}

/// Makes the next slot that holds something the present one.
void EventQueue::Advance() {
  m_slot = m_inWheel > 0 ? NextUsedSlot() : SlotOf(m_far.front().time);
  if (m_inWheel > 0) {
    const uint64_t at = m_slot % kSlots;
    m_spare.push_back(std::exchange(m_now, std::exchange(m_wheel[at], {})));
    m_used[at / kWordBits] &= ~(uint64_t{1} << at % kWordBits);
    m_inWheel -= m_now.size();
    std::sort(m_now.begin(), m_now.end());
    for (size_t i = 1; i <= std::min(kAhead, m_now.size()); ++i) Fetch(m_now[m_now.size() - i]);
  }
  while (!m_far.empty() && SlotOf(m_far.front().time) - m_slot < kSlots) Put(PopHeap(m_far));
}

EventQueue::Entry EventQueue::TakeNext() {
  if (m_now.empty() && m_late.empty()) Advance();
  --m_size;
  if (m_now.empty() || (!m_late.empty() && m_now.back() < m_late.front())) return PopHeap(m_late);
  const Entry entry = m_now.back();
  m_now.pop_back();
  if (m_now.size() >= kAhead) Fetch(m_now[m_now.size() - kAhead]);
  return entry;
}

uint64_t EventQueue::NextTime() {
  if (m_now.empty() && m_late.empty()) Advance();
  if (m_now.empty()) return m_late.front().time;
  return m_late.empty() ? m_now.back().time : std::min(m_now.back().time, m_late.front().time);
}

bool EventQueue::Remove(uint64_t time, const void* event) {
  auto removeFrom = [&](Entries& entries) {
    const auto it = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.event == event; });
    if (it == entries.end()) return false;
    entries.erase(it);
    --m_size;
    return true;
  };
  const uint64_t slot = SlotOf(time);
  if (slot > m_slot && slot - m_slot < kSlots) {
    const uint64_t at = slot % kSlots;
    if (!removeFrom(m_wheel[at])) return false;
    if (m_wheel[at].empty()) m_used[at / kWordBits] &= ~(uint64_t{1} << at % kWordBits);
    --m_inWheel;
    return true;
  }
  if (removeFrom(m_now)) return true;
  for (Entries* heap : {&m_late, &m_far}) {
    if (!removeFrom(*heap)) continue;
    std::make_heap(heap->begin(), heap->end());
    return true;
  }
  return false;
}

bool EventQueue::Holds(uint64_t time, const void* event) const {
  const uint64_t slot = SlotOf(time);
  auto isIn = [&](const Entries& entries) {
    return std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.event == event; });
  };
  if (slot > m_slot && slot - m_slot < kSlots) return isIn(m_wheel[slot % kSlots]);
  return isIn(m_now) || isIn(m_late) || isIn(m_far);
}

}  // namespace overlaysim::engine
