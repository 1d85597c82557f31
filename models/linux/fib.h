#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <vector>

#include "sim/base/addresses.h"

namespace overlaysim::kernel {

/// Route types (include/uapi/linux/rtnetlink.h, RTN_*), in `ip route`'s words.
enum class RouteType : uint8_t {
  Unicast = 1,
  Local = 2,
  Broadcast = 3,
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

struct NextHop {
  Ipv4Address gateway;  ///< zero: the destination is on the link
  int ifindex = 0;      ///< 0 for blackhole, unreachable, prohibit
  uint32_t weight = 1;
  bool onlink = false;

  bool operator==(const NextHop&) const = default;
};

/// One line of `ip route`.
struct Route {
  Ipv4Prefix dst;
  uint8_t tos = 0;
  uint32_t metric = 0;  ///< priority: lower wins
  RouteType type = RouteType::Unicast;
  uint8_t scope = kScopeGlobal;
  uint8_t protocol = kProtoBoot;
  Ipv4Address prefSrc;
  uint32_t table = kTableMain;
  uint32_t mtu = 0;  ///< `mtu N`; 0: none
  bool mtuLocked = false;
  std::vector<NextHop> nextHops;
  uint32_t rowId = 0;  ///< identity of this row in its namespace, never used twice; given by the table
};

/// One line of `ip rule`.
struct Rule {
  uint32_t preference = 0;
  Ipv4Prefix from;  ///< /0: all
  Ipv4Prefix to;
  std::string iif;  ///< empty: any
  std::string oif;
  uint32_t fwmark = 0, fwmask = 0;
  uint8_t tos = 0;                        ///< 0: any
  bool inverted = false;                  ///< `not`: for what does not match
  uint32_t table = 0;                     ///< 0 with a type other than Unicast
  RouteType action = RouteType::Unicast;  ///< Unicast: look into `table`
  uint32_t rowId = 0;
};

/// One routing table: longest prefix first, then lowest metric, then first come.
class FibTable {
 public:
  /// Visits the routes that cover `dst`, best first, until the visitor answers true. Returns that route, or nullptr.
  template <typename Visitor>
  const Route* Find(Ipv4Address dst, Visitor&& visitor) const {
    for (uint64_t lengths = m_lengths; lengths != 0;) {
      const int length = 63 - __builtin_clzll(lengths);
      lengths &= ~(uint64_t{1} << length);
      auto it = m_byPrefix.find(
          Key({{dst.value & Ipv4Prefix::MaskOf(static_cast<uint8_t>(length))}, static_cast<uint8_t>(length)}));
      if (it == m_byPrefix.end()) continue;
      for (const Route& route : it->second)
        if (visitor(route)) return &route;
    }
    return nullptr;
  }
  const Route* Find(Ipv4Address dst) const {
    return Find(dst, [](const Route&) { return true; });
  }
  /// All routes of exactly this prefix, by metric.
  const std::vector<Route>* At(const Ipv4Prefix& prefix) const;
  Route& Insert(Route route, bool append);  ///< keeps order by metric; behind (append) or before its equals
  /// Removes those for which `which` answers true; calls `removed` for each.
  size_t Erase(const std::function<bool(const Route&)>& which, const std::function<void(const Route&)>& removed);
  std::vector<const Route*> Sorted() const;  ///< in the order in which `ip route` prints: by address, then longest last
  size_t Size() const { return m_size; }
  std::vector<Route>* MutableAt(const Ipv4Prefix& prefix);

 private:
  static uint64_t Key(const Ipv4Prefix& p) { return uint64_t{p.length} << 32 | p.address.value; }
  uint64_t m_lengths = 0;  ///< bit n: there is a route with prefix length n
  size_t m_size = 0;
  std::array<uint32_t, 33> m_count{};
  std::unordered_map<uint64_t, std::vector<Route>> m_byPrefix;
};

}  // namespace overlaysim::kernel
