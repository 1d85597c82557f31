#pragma once

#include <ns3/scheduler.h>

#include <vector>

namespace overlaysim::engine {

/// A scheduler of ns-3's ("overlaysim::OrderedScheduler") that orders events by (time, context, device, sequence) where
/// they are OrderedEvents, and by (time, context, uid) where ns-3 or an application of it made them. A binary heap with
/// the keys inline.
class OrderedScheduler : public ns3::Scheduler {
 public:
  static ns3::TypeId GetTypeId();

  void Insert(const Event& event) override;
  bool IsEmpty() const override;
  Event PeekNext() const override;
  Event RemoveNext() override;
  void Remove(const Event& event) override;

 private:
  struct Entry {
    uint64_t time;
    uint64_t place;  ///< context and device
    uint64_t sequence;
    Event event;
    /// Heap order: the greatest is on top, so "less" means "later".
    bool operator<(const Entry& o) const {
      if (time != o.time) return time > o.time;
      if (place != o.place) return place > o.place;
      return sequence > o.sequence;
    }
  };
  std::vector<Entry> m_heap;
};

}  // namespace overlaysim::engine
