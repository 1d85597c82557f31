#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace overlaysim {

/// A hash table in one piece of memory, from which nothing is taken out but all at once. Values move when it grows.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class FlatMap {
 public:
  using Item = std::pair<Key, Value>;

  /// The value of that key, and whether it is new.
  std::pair<Value&, bool> TryEmplace(const Key& key) {
    if (m_items.size() * 2 >= m_slots.size()) Grow();
    uint32_t& slot = SlotOf(key);
    const bool isNew = slot == 0;
    if (isNew) {
      m_items.emplace_back(key, Value{});
      slot = static_cast<uint32_t>(m_items.size());
    }
    return {m_items[slot - 1].second, isNew};
  }
  Value& operator[](const Key& key) { return TryEmplace(key).first; }
  size_t Size() const { return m_items.size(); }
  const std::vector<Item>& Items() const { return m_items; }  ///< as they came
  void Clear() {
    // From the last one: on the way to an item's slot are only those of items before it.
    for (; !m_items.empty(); m_items.pop_back()) SlotOf(m_items.back().first) = 0;
  }

 private:
  /// Where the key is, or the empty slot where it belongs.
  uint32_t& SlotOf(const Key& key) {
    size_t at = static_cast<size_t>(uint64_t{Hash{}(key)} * 0x9e3779b97f4a7c15ULL >> m_shift);
    while (m_slots[at] != 0 && !(m_items[m_slots[at] - 1].first == key)) at = (at + 1) & (m_slots.size() - 1);
    return m_slots[at];
  }
  void Grow() {
    --m_shift;
    m_slots.assign(size_t{1} << (64 - m_shift), 0);
    for (size_t i = 0; i < m_items.size(); ++i) SlotOf(m_items[i].first) = static_cast<uint32_t>(i + 1);
  }

  int m_shift = 59;               ///< 64 slots at first
  std::vector<uint32_t> m_slots;  ///< a power of two; 0: empty, else one more than the item's index
  std::vector<Item> m_items;
};

}  // namespace overlaysim
