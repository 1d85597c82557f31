#include "models/engine/ordered_simulator.h"

#include <ns3/global-value.h>
#include <ns3/simulator.h>
#include <ns3/string.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include "sim/base/check.h"

namespace overlaysim::engine {
namespace {

std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");
void (*g_progress)(uint64_t) = nullptr;
Pacer* g_pacer = nullptr;
OrderedSimulator* g_simulator = nullptr;  ///< ns-3's, if it is ours

/// In an event's place, of contexts that NameContext() has named; the rest is the namespace.
constexpr uint32_t kNamedContext = 0x40000000;
/// EventId's uids below this one have a meaning of their own (ns3::EventId::UID).
constexpr uint32_t kFirstUid = ns3::EventId::UID::VALID;

}  // namespace

NS_OBJECT_ENSURE_REGISTERED(OrderedSimulator);

ns3::TypeId OrderedSimulator::GetTypeId() {
  static ns3::TypeId id = ns3::TypeId("overlaysim::OrderedSimulator")
                              .SetParent<ns3::SimulatorImpl>()
                              .SetGroupName("Overlaysim")
                              .AddConstructor<OrderedSimulator>();
  return id;
}

OrderedSimulator::OrderedSimulator() : m_context(ns3::Simulator::NO_CONTEXT) { internal::now = 0; }

OrderedSimulator::~OrderedSimulator() {
  if (g_simulator != this) return;
  g_simulator = nullptr;
  internal::now = 0;
}

void OrderedSimulator::Insert(Nanoseconds delay, const EventOrder& order, Event* event) {
  OVERLAYSIM_CHECK(delay.count >= 0, "an event {} ns ago", -delay.count);
  const uint32_t context = kOrderedContext | order.receiver.value;
  m_events.Insert({.time = At() + static_cast<uint64_t>(delay.count),
                   .place = uint64_t{context} << 32 | order.device,
                   .sequence = order.sequence,
                   .event = event,
                   .touches = order.touches,
                   .isOurs = true});
}

inline uint32_t OrderedSimulator::OrderOf(uint32_t context) const {
  return context < m_orderOf.size() && m_orderOf[context] != 0 ? m_orderOf[context] : context;
}

inline uint32_t OrderedSimulator::ContextOf(uint32_t order) const {
  const uint32_t netns = order & ~kNamedContext;
  return (order & (kOrderedContext | kNamedContext)) == kNamedContext && netns < m_contextOf.size() ? m_contextOf[netns]
                                                                                                    : order;
}

uint64_t OrderedSimulator::Place(uint32_t context, const ns3::Time& delay, ns3::EventImpl* event) {
  OVERLAYSIM_CHECK(!delay.IsStrictlyNegative(), "an event {} ns ago", -delay.GetNanoSeconds());
  const uint64_t time = At() + static_cast<uint64_t>(delay.GetTimeStep());
  m_events.Insert({.time = time,
                   .place = uint64_t{OrderOf(context)} << 32,
                   .sequence = m_made++,
                   .event = event,
                   .touches = {},
                   .isOurs = false});
  return time;
}

ns3::EventId OrderedSimulator::Schedule(const ns3::Time& delay, ns3::EventImpl* event) {
  const uint64_t time = Place(m_context, delay, event);
  const auto uid = static_cast<uint32_t>(kFirstUid + m_made % (std::numeric_limits<uint32_t>::max() - kFirstUid));
  return {ns3::Ptr<ns3::EventImpl>(event), time, m_context, uid};
}

void OrderedSimulator::ScheduleWithContext(uint32_t context, const ns3::Time& delay, ns3::EventImpl* event) {
  if (!m_isAtOnce) {
    Place(context, delay, event);
    return;
  }
  event->Invoke();
  event->Unref();
}

ns3::EventId OrderedSimulator::ScheduleNow(ns3::EventImpl* event) { return Schedule(ns3::Time(0), event); }

ns3::EventId OrderedSimulator::ScheduleDestroy(ns3::EventImpl* event) {
  const ns3::EventId id(ns3::Ptr<ns3::EventImpl>(event, false), At(), ns3::Simulator::NO_CONTEXT,
                        ns3::EventId::UID::DESTROY);
  m_atDestroy.push_back(id);
  return id;
}

void OrderedSimulator::Stop(const ns3::Time& delay) { ns3::Simulator::Schedule(delay, &ns3::Simulator::Stop); }

void OrderedSimulator::StopAt(Nanoseconds time, bool isCounted) {
  const ns3::Time delay = ns3::TimeStep(static_cast<uint64_t>(time.count) - At());
  ns3::Simulator::ScheduleWithContext(ns3::Simulator::NO_CONTEXT, delay, [this, isCounted] {
    if (!isCounted) DontCount();
    Stop();
  });
}

void OrderedSimulator::NameContext(uint32_t context, NetnsId netns) {
  if (m_orderOf.size() <= context) m_orderOf.resize(context + 1);
  if (m_contextOf.size() <= netns.value) m_contextOf.resize(netns.value + 1);
  m_orderOf[context] = kNamedContext | netns.value;
  m_contextOf[netns.value] = context;
}

inline void OrderedSimulator::TakeOne() {
  const EventQueue::Entry next = m_events.TakeNext();
  if (next.time != At() || next.place > m_place || (next.place == m_place && next.sequence > m_sequence)) {
    m_place = next.place;
    m_sequence = next.sequence;
  }
  internal::now = static_cast<int64_t>(next.time);
  m_context = ContextOf(static_cast<uint32_t>(next.place >> 32));
  if ((++m_taken & 0xffff) == 0 && g_progress) g_progress(m_taken);
  if (next.isOurs) {
    auto* event = static_cast<Event*>(next.event);
    event->Happen();
    delete event;
  } else {
    auto* event = static_cast<ns3::EventImpl*>(next.event);
    m_current = event;
    event->Invoke();
    m_current = nullptr;
    event->Unref();
  }
}

void OrderedSimulator::Run() {
  m_stop = false;
  if (g_pacer) return RunPaced(*g_pacer);
  while (!m_stop && !m_events.IsEmpty() && !WasInterrupted()) TakeOne();
}

/// Whether a run is interrupted is for the pacer to say, to all at the same time.
void OrderedSimulator::RunPaced(Pacer& pacer) {
  while (!m_stop) {
    std::optional<Nanoseconds> next;
    if (!m_events.IsEmpty()) next = Nanoseconds{static_cast<int64_t>(m_events.NextTime())};
    const std::optional<Nanoseconds> until = pacer.Pace(next);
    if (!until) return;
    while (!m_stop && !m_events.IsEmpty() && m_events.NextTime() < static_cast<uint64_t>(until->count)) TakeOne();
  }
}

void OrderedSimulator::Remove(const ns3::EventId& id) {
  if (id.GetUid() == ns3::EventId::UID::DESTROY) {
    m_atDestroy.remove(id);
    return;
  }
  if (IsExpired(id)) return;
  ns3::EventImpl* event = id.PeekEventImpl();
  OVERLAYSIM_CHECK(m_events.Remove(id.GetTs(), event), "event {} is not scheduled", id.GetUid());
  event->Cancel();
  event->Unref();
}

void OrderedSimulator::Cancel(const ns3::EventId& id) {
  if (!IsExpired(id)) id.PeekEventImpl()->Cancel();
}

/// Whoever keeps an EventId keeps the event: when the queue has let go of it, nobody else holds it.
bool OrderedSimulator::IsExpired(const ns3::EventId& id) const {
  const ns3::EventImpl* event = id.PeekEventImpl();
  if (!event || const_cast<ns3::EventImpl*>(event)->IsCancelled()) return true;
  if (id.GetUid() == ns3::EventId::UID::DESTROY)
    return std::find(m_atDestroy.begin(), m_atDestroy.end(), id) == m_atDestroy.end();
  return id.GetTs() < At() || event == m_current || (id.GetTs() == At() && !m_events.Holds(id.GetTs(), event));
}

ns3::Time OrderedSimulator::Now() const { return ns3::TimeStep(At()); }

ns3::Time OrderedSimulator::GetDelayLeft(const ns3::EventId& id) const {
  return IsExpired(id) ? ns3::TimeStep(0) : ns3::TimeStep(id.GetTs() - At());
}

ns3::Time OrderedSimulator::GetMaximumSimulationTime() const {
  return ns3::TimeStep(std::numeric_limits<int64_t>::max());
}

void OrderedSimulator::Destroy() {
  while (!m_atDestroy.empty()) {
    const ns3::Ptr<ns3::EventImpl> event = m_atDestroy.front().PeekEventImpl();
    m_atDestroy.pop_front();
    if (!event->IsCancelled()) event->Invoke();
  }
}

void OrderedSimulator::DoDispose() {
  while (!m_events.IsEmpty()) {
    const EventQueue::Entry left = m_events.TakeNext();
    if (left.isOurs)
      delete static_cast<Event*>(left.event);
    else
      static_cast<ns3::EventImpl*>(left.event)->Unref();
  }
  ns3::SimulatorImpl::DoDispose();
}

// ------------------------------------------------------------------------------------------------ engine.h

void UseOrderedSimulator() {
  ns3::GlobalValue::Bind("SimulatorImplementationType", ns3::StringValue("overlaysim::OrderedSimulator"));
  auto current = ns3::DynamicCast<OrderedSimulator>(ns3::Simulator::GetImplementation());
  if (!current || current->Taken() != 0) {
    current = nullptr;
    ns3::Simulator::Destroy();
    current = ns3::DynamicCast<OrderedSimulator>(ns3::Simulator::GetImplementation());
  }
  OVERLAYSIM_CHECK(current, "ns-3 does not take our simulator");
  g_simulator = ns3::PeekPointer(current);
}

void Interrupt() { g_interrupted.store(true, std::memory_order_relaxed); }
bool WasInterrupted() { return g_interrupted.load(std::memory_order_relaxed); }
void SetPacer(Pacer* pacer) { g_pacer = pacer; }
void SetProgress(void (*progress)(uint64_t)) { g_progress = progress; }
uint64_t EventCount() { return g_simulator ? g_simulator->Taken() : 0; }
void StopAt(Nanoseconds time, bool isCounted) {
  OVERLAYSIM_CHECK(g_simulator, "no simulator yet");
  g_simulator->StopAt(time, isCounted);
}
void NameContext(uint32_t ns3Context, NetnsId netns) {
  if (g_simulator) g_simulator->NameContext(ns3Context, netns);
}
void ScheduleAtOnce(bool atOnce) { g_simulator->ScheduleAtOnce(atOnce); }
void DontCount() { g_simulator->DontCount(); }
Moment CurrentMoment() { return g_simulator ? g_simulator->Current() : Moment{}; }
void ScheduleEvent(Nanoseconds delay, const EventOrder& order, Event* event) {
  OVERLAYSIM_CHECK(g_simulator, "no simulator yet");
  g_simulator->Insert(delay, order, event);
}

namespace {

// Free lists by size in steps of 16 bytes; events are small and of few sizes. They outlive whatever is destroyed at
// exit.
constexpr size_t kStep = 16;
auto& g_freeEvents = *new std::array<std::vector<void*>, 16>;

}  // namespace

void* Event::operator new(size_t bytes) {
  const size_t slot = (bytes + kStep - 1) / kStep;
  if (slot >= g_freeEvents.size()) return ::operator new(bytes);
  auto& free = g_freeEvents[slot];
  if (free.empty()) return ::operator new(slot* kStep);
  void* memory = free.back();
  free.pop_back();
  return memory;
}

void Event::operator delete(void* memory, size_t bytes) {
  const size_t slot = (bytes + kStep - 1) / kStep;
  if (slot >= g_freeEvents.size()) return ::operator delete(memory);
  g_freeEvents[slot].push_back(memory);
}

}  // namespace overlaysim::engine
