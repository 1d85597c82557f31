#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace overlaysim::engine {

/// Events by (time, place, sequence).
///
/// A wheel: the next four milliseconds are cut into slots of about a microsecond, in which events lie as they come; the
/// slot whose turn it is gets sorted, and what is further away waits in a heap. So most events cost the same, however
/// many are pending, and what is touched lies close together.
class EventQueue {
 public:
  struct Entry {
    uint64_t time;      ///< ns
    uint64_t place;     ///< context and device
    uint64_t sequence;  ///< the sender's, or the order of making
    void* event;
    std::array<const void*, 2> touches;  ///< what the event will look at; null: unknown
    bool isOurs;                         ///< an Event, not one of ns-3's
    /// "Less" means "later": the greatest is the next.
    bool operator<(const Entry& o) const {
      if (time != o.time) return time > o.time;
      if (place != o.place) return place > o.place;
      return sequence > o.sequence;
    }
  };

  void Insert(const Entry& entry) {
    ++m_size;
    Put(entry);
  }
  bool IsEmpty() const { return m_size == 0; }
  Entry TakeNext();                               ///< must not be empty
  uint64_t NextTime();                            ///< of what TakeNext() gives
  bool Remove(uint64_t time, const void* event);  ///< false: it is not there
  bool Holds(uint64_t time, const void* event) const;

 private:
  using Entries = std::vector<Entry>;
  static constexpr uint32_t kSlotBits = 10;  ///< 1,024 ns
  static constexpr uint64_t kSlots = 4096;   ///< a power of two
  static constexpr uint64_t kWordBits = 64;

  static uint64_t SlotOf(uint64_t time) { return time >> kSlotBits; }
  void Put(const Entry& entry);
  void Advance();
  uint64_t NextUsedSlot() const;

  Entries m_now;                                      ///< of slot m_slot when its turn came, the next one last
  Entries m_late;                                     ///< a heap: what was made since for that slot or before
  std::array<Entries, kSlots> m_wheel;                ///< of slots m_slot + 1 to m_slot + kSlots - 1, not ordered
  std::array<uint64_t, kSlots / kWordBits> m_used{};  ///< bit n: m_wheel[n] is not empty
  std::vector<Entries> m_spare;                       ///< room of slots that have passed, for those that fill next
  Entries m_far;                                      ///< a heap: what lies behind the wheel
  uint64_t m_slot = 0;
  uint64_t m_inWheel = 0;
  uint64_t m_size = 0;
};

}  // namespace overlaysim::engine
