#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
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
  /// What the event will look at: fetched into the cache shortly before. No part of the order.
  std::array<const void*, 2> touches{};
};

/// ns-3's context (Simulator::GetContext()) while such an event happens has this bit set; the rest is the receiver.
/// Contexts of ns-3 nodes do not.
inline constexpr uint32_t kOrderedContext = 0x80000000;

/// Has the events of an ns-3 node stand in the order of its namespace, and not of when the node was made.
void NameContext(uint32_t ns3Context, NetnsId netns);

/// An event of ours. Memory comes from a pool: no allocation per event once a run is under way.
class Event {
 public:
  virtual ~Event() = default;
  virtual void Happen() = 0;
  static void* operator new(size_t bytes);
  static void operator delete(void* memory, size_t bytes);
};

/// Makes ns-3 use the simulator that honours EventOrder (OrderedSimulator), as new. Events that wait in another are
/// lost, so it is called before the first.
void UseOrderedSimulator();

/// Ends the run before the next event; may be called from a signal handler.
void Interrupt();
bool WasInterrupted();

/// Says how far a run may go, where it has to wait for others who simulate the rest.
class Pacer {
 public:
  virtual ~Pacer() = default;
  /// Nothing is left to do before the last answer. `next`: when the next event will be; nothing: there is none. Answers
  /// up to when, itself left out, events may happen now; nothing: the run has ended.
  virtual std::optional<Nanoseconds> Pace(std::optional<Nanoseconds> next) = 0;
};
/// Null: a run goes on to its end.
void SetPacer(Pacer* pacer);

/// Ends the run behind the other events of that time. `isCounted`: that is an event of this process (DontCount()).
void StopAt(Nanoseconds time, bool isCounted = true);
/// Of the event that happens now: somebody else counts it, or it would not be one in a single process.
void DontCount();
/// While set, what ns-3 schedules happens at once, as it does not know that it only hands something over.
void ScheduleAtOnce(bool atOnce);

/// Where what happens now stands among all that happens, here and in other processes. What an event makes for its own
/// instant comes right after it, wherever its own place would be: so this is the greatest place of the instant so far.
struct Moment {
  Nanoseconds time;
  uint64_t place = 0, sequence = 0;
  auto operator<=>(const Moment&) const = default;
};
Moment CurrentMoment();

/// Called now and then while a run is under way (each 65,536 events), with the number of events so far.
void SetProgress(void (*progress)(uint64_t events));
uint64_t EventCount();  ///< events taken since UseOrderedSimulator()

namespace internal {
inline int64_t now = 0;  ///< ns; written by OrderedSimulator alone
}
inline Nanoseconds Now() { return {internal::now}; }

/// Hands an event over; it is destroyed when it has happened.
void ScheduleEvent(Nanoseconds delay, const EventOrder& order, Event* event);

/// Calls `f` after `delay`, at its place among the events of that instant.
template <typename F>
void Schedule(Nanoseconds delay, const EventOrder& order, F&& f) {
  struct Call final : Event {
    explicit Call(F&& function) : m_function(std::forward<F>(function)) {}
    void Happen() override { m_function(); }
    std::decay_t<F> m_function;
  };
  ScheduleEvent(delay, order, new Call(std::forward<F>(f)));
}

}  // namespace overlaysim::engine
