#include "models/engine/ordered_scheduler.h"

#include <ns3/object-factory.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "models/engine/engine.h"
#include "sim/base/check.h"

namespace overlaysim::engine {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
void (*g_progress)(uint64_t) = nullptr;
uint64_t g_events = 0;

}  // namespace

void Interrupt() { g_interrupted.store(true, std::memory_order_relaxed); }
bool WasInterrupted() { return g_interrupted.load(std::memory_order_relaxed); }
void SetProgress(void (*progress)(uint64_t)) { g_progress = progress; }
uint64_t EventCount() { return g_events; }

NS_OBJECT_ENSURE_REGISTERED(OrderedScheduler);

ns3::TypeId OrderedScheduler::GetTypeId() {
  static ns3::TypeId id = ns3::TypeId("overlaysim::OrderedScheduler")
                              .SetParent<ns3::Scheduler>()
                              .SetGroupName("Overlaysim")
                              .AddConstructor<OrderedScheduler>();
  return id;
}

void OrderedScheduler::Insert(const Event& event) {
  Entry entry{event.key.m_ts, uint64_t{event.key.m_context} << 32, event.key.m_uid, event};
  const uint32_t context = event.key.m_context;
  if ((context & kOrderedContext) && context != ns3::Simulator::NO_CONTEXT) {
    // What ns-3 makes while one of our events is under way inherits its context, and is none of ours.
    if (const auto* ordered = dynamic_cast<const OrderedEvent*>(event.impl)) {
      entry.place |= ordered->Order().device;
      entry.sequence = ordered->Order().sequence;
    }
  }
  m_heap.push_back(entry);
  std::push_heap(m_heap.begin(), m_heap.end());
}

bool OrderedScheduler::IsEmpty() const { return m_heap.empty(); }

ns3::Scheduler::Event OrderedScheduler::PeekNext() const { return m_heap.front().event; }

ns3::Scheduler::Event OrderedScheduler::RemoveNext() {
  if ((++g_events & 0xffff) == 0 && g_progress) g_progress(g_events);
  if (WasInterrupted()) ns3::Simulator::Stop();
  std::pop_heap(m_heap.begin(), m_heap.end());
  const Event event = m_heap.back().event;
  m_heap.pop_back();
  return event;
}

void OrderedScheduler::Remove(const Event& event) {
  auto it =
      std::find_if(m_heap.begin(), m_heap.end(), [&](const Entry& e) { return e.event.key.m_uid == event.key.m_uid; });
  OVERLAYSIM_CHECK(it != m_heap.end(), "event {} is not scheduled", event.key.m_uid);
  *it = m_heap.back();
  m_heap.pop_back();
  std::make_heap(m_heap.begin(), m_heap.end());
}

void UseOrderedScheduler() {
  g_events = 0;
  ns3::ObjectFactory factory;
  factory.SetTypeId(OrderedScheduler::GetTypeId());
  ns3::Simulator::SetScheduler(factory);
}

namespace {

// Free lists by size in steps of 16 bytes; events are small and of few sizes. They outlive whatever is destroyed at
// exit.
constexpr size_t kStep = 16;
auto& g_freeEvents = *new std::array<std::vector<void*>, 16>;

}  // namespace

void* OrderedEvent::operator new(size_t bytes) {
  const size_t slot = (bytes + kStep - 1) / kStep;
  if (slot >= g_freeEvents.size()) return ::operator new(bytes);
  auto& free = g_freeEvents[slot];
  if (free.empty()) return ::operator new(slot* kStep);
  void* memory = free.back();
  free.pop_back();
  return memory;
}

void OrderedEvent::operator delete(void* memory, size_t bytes) {
  const size_t slot = (bytes + kStep - 1) / kStep;
  if (slot >= g_freeEvents.size()) return ::operator delete(memory);
  g_freeEvents[slot].push_back(memory);
}

}  // namespace overlaysim::engine
