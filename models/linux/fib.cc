#include "models/linux/fib.h"

#include <algorithm>

namespace overlaysim::kernel {

template <typename A>
const std::vector<BasicRoute<A>>* BasicFibTable<A>::At(const Prefix& prefix) const {
  auto it = m_byPrefix.find(prefix);
  return it == m_byPrefix.end() ? nullptr : &it->second;
}

template <typename A>
std::vector<BasicRoute<A>>* BasicFibTable<A>::MutableAt(const Prefix& prefix) {
  auto it = m_byPrefix.find(prefix);
  return it == m_byPrefix.end() ? nullptr : &it->second;
}

template <typename A>
BasicRoute<A>& BasicFibTable<A>::Insert(Route route, bool append) {
  auto& routes = m_byPrefix[route.dst];
  // Kernel order of equals: higher TOS first, then lower metric (fib_trie.c, fib_insert_alias()).
  auto before = [&](const Route& a, const Route& b) { return a.tos != b.tos ? a.tos > b.tos : a.metric < b.metric; };
  auto at = append ? std::upper_bound(routes.begin(), routes.end(), route, before)
                   : std::lower_bound(routes.begin(), routes.end(), route, before);
  Note(route.dst);
  ++m_size;
  return *routes.insert(at, std::move(route));
}

template <typename A>
size_t BasicFibTable<A>::Erase(const std::function<bool(const Route&)>& which,
                               const std::function<void(const Route&)>& removed) {
  std::vector<Route> gone;
  for (const Route* route : Sorted())
    if (which(*route)) gone.push_back(*route);
  for (const Route& route : gone) {
    auto it = m_byPrefix.find(route.dst);
    std::erase_if(it->second, [&](const Route& r) { return r.rowId == route.rowId; });
    if (it->second.empty()) m_byPrefix.erase(it);
    --m_size;
    removed(route);
  }
  if (!gone.empty()) {
    m_lengths.fill(0);
    m_filter = 0;
    for (const auto& [prefix, routes] : m_byPrefix) Note(prefix);
  }
  return gone.size();
}

bool PrintsBefore(const Ipv4Prefix& a, const Ipv4Prefix& b) {
  return a.address == b.address ? a.length > b.length : a.address < b.address;
}

bool PrintsBefore(const Ipv6Prefix& a, const Ipv6Prefix& b) {
  return a.Contains(b) ? false : b.Contains(a) ? true : a < b;
}

template <typename A>
std::vector<const BasicRoute<A>*> BasicFibTable<A>::Sorted() const {
  std::vector<const std::vector<Route>*> lists;
  lists.reserve(m_byPrefix.size());
  for (const auto& [key, routes] : m_byPrefix) lists.push_back(&routes);
  std::sort(lists.begin(), lists.end(),
            [](const auto* a, const auto* b) { return PrintsBefore(a->front().dst, b->front().dst); });
  std::vector<const Route*> out;
  out.reserve(m_size);
  for (const auto* routes : lists)
    for (const Route& route : *routes) out.push_back(&route);
  return out;
}

template class BasicFibTable<Ipv4Address>;
template class BasicFibTable<Ipv6Address>;

}  // namespace overlaysim::kernel
