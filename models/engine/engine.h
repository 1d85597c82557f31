#pragma once

#include <ns3/event-impl.h>
#include <ns3/simulator.h>

#include <cstdint>
#include <utility>

#include "sim/base/ids.h"
#include "sim/base/units.h"

namespace overlaysim::engine {

/// Where an event stands among those of one instant: by receiver, device and the sender's own count, never by the order
/// in which the events were made. So one process, four ranks and another build do the same things in the same order.
struct EventOrder {
  NetnsId receiver;
  uint32_t device = 0;    ///< ifindex of the receiving device; 0: a timer of the namespace
  uint64_t sequence = 0;  ///< the sender's; for a timer, the namespace's own
};

/// Contexts of events with an EventOrder have this bit set; the rest is the receiver. Contexts of ns-3 nodes do not.
inline constexpr uint32_t kOrderedContext = 0x80000000;

/// An event that knows its place. Memory comes from a pool: no allocation per event once a run is under way.
class OrderedEvent : public ns3::EventImpl {
 public:
  explicit OrderedEvent(const EventOrder& order) : m_order(order) {}
  const EventOrder& Order() const { return m_order; }
  static void* operator new(size_t bytes);
  static void operator delete(void* memory, size_t bytes);

 private:
  EventOrder m_order;
};

/// Makes ns-3 use the scheduler that honours EventOrder. To be called once, before the first event.
void UseOrderedScheduler();

/// Ends the run before the next event; may be called from a signal handler.
void Interrupt();
bool WasInterrupted();

/// Called now and then while a run is under way (each 65,536 events), with the number of events so far.
void SetProgress(void (*progress)(uint64_t events));
uint64_t EventCount();  ///< events taken since UseOrderedScheduler()

inline Nanoseconds Now() { return {ns3::Simulator::Now().GetNanoSeconds()}; }

/// Calls `f` after `delay`, at its place among the events of that instant.
template <typename F>
void Schedule(Nanoseconds delay, const EventOrder& order, F&& f) {
  struct Call final : OrderedEvent {
    Call(const EventOrder& o, F&& function) : OrderedEvent(o), m_function(std::forward<F>(function)) {}
    void Notify() override { m_function(); }
    std::decay_t<F> m_function;
  };
  ns3::Simulator::ScheduleWithContext(kOrderedContext | order.receiver.value, ns3::NanoSeconds(delay.count),
                                      new Call(order, std::forward<F>(f)));
}

}  // namespace overlaysim::engine
