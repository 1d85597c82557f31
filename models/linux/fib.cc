#include "models/linux/fib.h"

#include <algorithm>

namespace overlaysim::kernel {

const std::vector<Route>* FibTable::At(const Ipv4Prefix& prefix) const {
  auto it = m_byPrefix.find(Key(prefix));
  return it == m_byPrefix.end() ? nullptr : &it->second;
}

std::vector<Route>* FibTable::MutableAt(const Ipv4Prefix& prefix) {
  auto it = m_byPrefix.find(Key(prefix));
  return it == m_byPrefix.end() ? nullptr : &it->second;
}

Route& FibTable::Insert(Route route, bool append) {
  auto& routes = m_byPrefix[Key(route.dst)];
  // Kernel order of equals: higher TOS first, then lower metric (fib_trie.c, fib_insert_alias()).
  auto before = [&](const Route& a, const Route& b) { return a.tos != b.tos ? a.tos > b.tos : a.metric < b.metric; };
  auto at = append ? std::upper_bound(routes.begin(), routes.end(), route, before)
                   : std::lower_bound(routes.begin(), routes.end(), route, before);
  const uint8_t length = route.dst.length;
  if (m_count[length]++ == 0) m_lengths |= uint64_t{1} << length;
  ++m_size;
  return *routes.insert(at, std::move(route));
}

size_t FibTable::Erase(const std::function<bool(const Route&)>& which,
                       const std::function<void(const Route&)>& removed) {
  std::vector<Route> gone;
  for (const Route* route : Sorted())
    if (which(*route)) gone.push_back(*route);
  for (const Route& route : gone) {
    auto it = m_byPrefix.find(Key(route.dst));
    std::erase_if(it->second, [&](const Route& r) { return r.rowId == route.rowId; });
    if (it->second.empty()) m_byPrefix.erase(it);
    if (--m_count[route.dst.length] == 0) m_lengths &= ~(uint64_t{1} << route.dst.length);
    --m_size;
    removed(route);
  }
  return gone.size();
}

std::vector<const Route*> FibTable::Sorted() const {
  std::vector<const std::vector<Route>*> lists;
  lists.reserve(m_byPrefix.size());
  for (const auto& [key, routes] : m_byPrefix) lists.push_back(&routes);
  std::sort(lists.begin(), lists.end(), [](const auto* a, const auto* b) { return a->front().dst < b->front().dst; });
  std::vector<const Route*> out;
  out.reserve(m_size);
  for (const auto* routes : lists)
    for (const Route& route : *routes) out.push_back(&route);
  return out;
}

}  // namespace overlaysim::kernel
