#pragma once

#include <ns3/simulator-impl.h>

#include <list>
#include <vector>

#include "models/engine/engine.h"
#include "models/engine/event_queue.h"

namespace overlaysim::engine {

/// An engine of ns-3's ("overlaysim::OrderedSimulator") that orders events by (time, context, device, sequence) where
/// they are ours, and by (time, context, order of making) where ns-3 or an application of it made them. It brings its
/// own queue; a scheduler that ns-3 is told to use has nothing to do.
///
/// Orders are counted in 64 bits. What ns-3 calls an event's uid has 32 and begins anew when they are used up; nothing
/// here depends on it.
class OrderedSimulator : public ns3::SimulatorImpl {
 public:
  static ns3::TypeId GetTypeId();
  OrderedSimulator();
  ~OrderedSimulator() override;

  void Insert(Nanoseconds delay, const EventOrder& order, Event* event);
  uint64_t Taken() const { return m_taken; }
  void DontCount() { --m_taken; }
  void StopAt(Nanoseconds time, bool isCounted);
  void ScheduleAtOnce(bool atOnce) { m_isAtOnce = atOnce; }
  void NameContext(uint32_t context, NetnsId netns);
  Moment Current() const { return {Nanoseconds{internal::now}, m_place, m_sequence}; }
  void CountFrom(uint64_t made) { m_made = made; }  ///< for tests of very long runs

  void Destroy() override;
  bool IsFinished() const override { return m_events.IsEmpty() || m_stop; }
  void Stop() override { m_stop = true; }
  void Stop(const ns3::Time& delay) override;
  ns3::EventId Schedule(const ns3::Time& delay, ns3::EventImpl* event) override;
  void ScheduleWithContext(uint32_t context, const ns3::Time& delay, ns3::EventImpl* event) override;
  ns3::EventId ScheduleNow(ns3::EventImpl* event) override;
  ns3::EventId ScheduleDestroy(ns3::EventImpl* event) override;
  void Remove(const ns3::EventId& id) override;
  void Cancel(const ns3::EventId& id) override;
  bool IsExpired(const ns3::EventId& id) const override;
  void Run() override;
  ns3::Time Now() const override;
  ns3::Time GetDelayLeft(const ns3::EventId& id) const override;
  ns3::Time GetMaximumSimulationTime() const override;
  void SetScheduler(ns3::ObjectFactory) override {}
  uint32_t GetSystemId() const override { return 0; }
  uint32_t GetContext() const override { return m_context; }
  uint64_t GetEventCount() const override { return m_taken; }

 private:
  uint64_t At() const { return static_cast<uint64_t>(internal::now); }
  uint64_t Place(uint32_t context, const ns3::Time& delay, ns3::EventImpl* event);
  uint32_t OrderOf(uint32_t context) const;
  uint32_t ContextOf(uint32_t order) const;
  void TakeOne();
  void RunPaced(Pacer& pacer);
  void DoDispose() override;

  EventQueue m_events;
  std::list<ns3::EventId> m_atDestroy;
  uint64_t m_made = 0;  ///< events of ns-3's
  uint64_t m_taken = 0;
  uint32_t m_context;
  uint64_t m_place = 0, m_sequence = 0;  ///< the greatest of the events of this instant so far
  std::vector<uint32_t> m_orderOf;       ///< by context that NameContext() has named; 0: it has not
  std::vector<uint32_t> m_contextOf;     ///< by namespace
  const void* m_current = nullptr;       ///< the event of ns-3's that happens now
  bool m_stop = false;
  bool m_isAtOnce = false;
};

}  // namespace overlaysim::engine
