#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "models/linux/table_change.h"
#include "sim/base/addresses.h"

namespace overlaysim::kernel {

/// Route types (include/uapi/linux/rtnetlink.h, RTN_*), in `ip route`'s words.
enum class RouteType : uint8_t {
  Unicast = 1,
  Local = 2,
  Broadcast = 3,
  Anycast = 4,
  Multicast = 5,
  Blackhole = 6,
  Unreachable = 7,
  Prohibit = 8,
  Throw = 9
};

enum RouteScope : uint8_t {
  kScopeGlobal = 0,
  kScopeSite = 200,
  kScopeLink = 253,
  kScopeHost = 254,
  kScopeNowhere = 255
};
enum RouteProtocol : uint8_t {
  kProtoUnspec = 0,
  kProtoRedirect = 1,
  kProtoKernel = 2,
  kProtoBoot = 3,
  kProtoStatic = 4
};
enum RouteTableId : uint32_t { kTableDefault = 253, kTableMain = 254, kTableLocal = 255 };

template <typename A>
struct BasicNextHop {
  A gateway;        ///< zero: the destination is on the link
  int ifindex = 0;  ///< 0 for blackhole, unreachable, prohibit
  uint32_t weight = 1;
  bool onlink = false;

  bool operator==(const BasicNextHop&) const = default;
};

/// One line of `ip route`; A is the address type of its family.
template <typename A>
struct BasicRoute {
  PrefixOf<A> dst;
  uint8_t tos = 0;
  uint32_t metric = 0;  ///< priority: lower wins
  RouteType type = RouteType::Unicast;
  uint8_t scope = kScopeGlobal;  ///< IPv6 has none: always global
  uint8_t protocol = kProtoBoot;
  A prefSrc;
  uint32_t table = kTableMain;
  uint32_t mtu = 0;  ///< `mtu N`; 0: none
  bool mtuLocked = false;
  std::vector<BasicNextHop<A>> nextHops;
  uint32_t rowId = 0;  ///< identity of this row in its namespace, never used twice; given by the table
};

/// One line of `ip rule`.
template <typename A>
struct BasicRule {
  uint32_t preference = 0;
  PrefixOf<A> from;  ///< /0: all
  PrefixOf<A> to;
  std::string iif;  ///< empty: any
  std::string oif;
  uint32_t fwmark = 0, fwmask = 0;
  uint8_t tos = 0;                        ///< 0: any
  bool inverted = false;                  ///< `not`: for what does not match
  uint32_t table = 0;                     ///< 0 with a type other than Unicast
  RouteType action = RouteType::Unicast;  ///< Unicast: look into `table`
  uint32_t rowId = 0;
};

/// What a route lookup asks for.
template <typename A>
struct BasicRouteQuery {
  A dst, src;   ///< src zero: not known yet
  int iif = 0;  ///< 0: sent by this host
  int oif = 0;  ///< only routes through this device; 0: any
  uint8_t tos = 0;
  uint32_t mark = 0;
  uint32_t flowHash = 0;  ///< chooses among several next hops
};

/// How the FIB answered (net/ipv4/fib_semantics.c, struct fib_result). `error` is a positive errno; 0: found.
template <typename A>
struct BasicRouteAnswer {
  int error = 101;  // ENETUNREACH
  BasicRoute<A> route;
  BasicNextHop<A> nextHop;
  uint32_t ruleId = 0;
};

/// The order in which `ip route` prints: fib_trie's leaves, in one leaf the longest prefix first (fib_find_alias()).
bool PrintsBefore(const Ipv4Prefix& a, const Ipv4Prefix& b);
/// fib6_walk(): left, right, then the node itself.
bool PrintsBefore(const Ipv6Prefix& a, const Ipv6Prefix& b);

/// One routing table: longest prefix first, then lowest metric, then first come.
template <typename A>
class BasicFibTable {
 public:
  using Route = BasicRoute<A>;
  using Prefix = PrefixOf<A>;

  /// Visits the routes that cover `dst`, best first, until the visitor answers true. Returns that route, or nullptr.
  template <typename Visitor>
  const Route* Find(const A& dst, Visitor&& visitor) const {
    for (size_t word = m_lengths.size(); word-- > 0;)
      for (uint64_t lengths = m_lengths[word]; lengths != 0;) {
        const int bit = 63 - __builtin_clzll(lengths);
        lengths &= ~(uint64_t{1} << bit);
        const auto length = static_cast<uint8_t>(word * 64 + static_cast<size_t>(bit));
        const Prefix prefix{dst.Masked(length), length};
        if ((m_filter & FilterBit(prefix)) == 0) continue;
        auto it = m_byPrefix.find(prefix);
        if (it == m_byPrefix.end()) continue;
        for (const Route& route : it->second)
          if (visitor(route)) return &route;
      }
    return nullptr;
  }
  const Route* Find(const A& dst) const {
    return Find(dst, [](const Route&) { return true; });
  }
  /// All routes of exactly this prefix, by metric.
  const std::vector<Route>* At(const Prefix& prefix) const;
  Route& Insert(Route route, bool append);  ///< keeps order by metric; behind (append) or before its equals
  /// Removes those for which `which` answers true; calls `removed` for each.
  size_t Erase(const std::function<bool(const Route&)>& which, const std::function<void(const Route&)>& removed);
  /// In the order in which `ip route` prints. IPv4: by address, then longest first. IPv6: a tree's nodes behind what is
  /// below them, so that a default route comes last.
  std::vector<const Route*> Sorted() const;
  /// In no order.
  template <typename Visitor>
  void ForEach(Visitor&& visitor) const {
    for (const auto& [prefix, routes] : m_byPrefix)
      for (const Route& route : routes) visitor(route);
  }
  size_t Size() const { return m_size; }
  std::vector<Route>* MutableAt(const Prefix& prefix);

 private:
  static uint64_t FilterBit(const Prefix& prefix) {
    return uint64_t{1} << (std::hash<Prefix>{}(prefix)*0x9e3779b97f4a7c15ULL >> 58);
  }
  void Note(const Prefix& prefix) {
    m_lengths[prefix.length / 64] |= uint64_t{1} << prefix.length % 64;
    m_filter |= FilterBit(prefix);
  }

  std::array<uint64_t, A::kBits / 64 + 1> m_lengths{};  ///< bit n: there is a route with prefix length n
  uint64_t m_filter = 0;  ///< of each prefix that there is, one bit: spares small tables most vain searches
  size_t m_size = 0;
  std::unordered_map<Prefix, std::vector<Route>> m_byPrefix;
};

using NextHop = BasicNextHop<Ipv4Address>;
using Route = BasicRoute<Ipv4Address>;
using Rule = BasicRule<Ipv4Address>;
using RouteQuery = BasicRouteQuery<Ipv4Address>;
using RouteAnswer = BasicRouteAnswer<Ipv4Address>;
using FibTable = BasicFibTable<Ipv4Address>;

using NextHop6 = BasicNextHop<Ipv6Address>;
using Route6 = BasicRoute<Ipv6Address>;
using Rule6 = BasicRule<Ipv6Address>;
using Route6Query = BasicRouteQuery<Ipv6Address>;
using Route6Answer = BasicRouteAnswer<Ipv6Address>;
using FibTable6 = BasicFibTable<Ipv6Address>;

/// Blackhole, unreachable, prohibit and throw: routes without next hops.
inline bool IsUnreachableType(RouteType type) {
  return type == RouteType::Blackhole || type == RouteType::Unreachable || type == RouteType::Prohibit ||
         type == RouteType::Throw;
}

extern template class BasicFibTable<Ipv4Address>;
extern template class BasicFibTable<Ipv6Address>;

}  // namespace overlaysim::kernel
