#pragma once

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "models/linux/namespace.h"
#include "sim/iproute2/output.h"

namespace overlaysim::iproute2 {

// What `ip`, `bridge` and `nstat` of iproute2 6.1.0 print of a namespace, byte for byte. Order within neighbour tables
// and FDBs is the tables' own (by device and address), where the kernel's is that of its hashes.

/// An address family that was asked for; Any: none was.
enum class Family : uint8_t { Any, Inet, Inet6 };

using AnyPrefix = std::variant<Ipv4Prefix, Ipv6Prefix>;
template <typename A>
bool Covers(const AnyPrefix& prefix, const A& address) {
  const auto* of = std::get_if<PrefixOf<A>>(&prefix);
  return of && of->Contains(address);
}
inline bool IsHost(const AnyPrefix& prefix) {
  return std::visit([](const auto& p) { return p.length == p.address.kBits; }, prefix);
}

/// The options before the object: `ip -j -d -s -br -o -4`.
struct ShowOptions {
  Format format = Format::Text;
  bool details = false;
  int statistics = 0;  ///< 2: `-s -s`
  bool brief = false;
  bool oneLine = false;
  Family family = Family::Any;
  /// The name of a namespace as `ip netns` lists it, for `link-netns NAME`; unset or "": shown by its number.
  std::function<std::string(NetnsId)> netnsName;
  Nanoseconds now;  ///< ages in `-s` output are counted from here
};

/// `ip route show` with selectors. A field that is given leaves out its column, as iproute2 does. Without a family
/// one table is IPv4's; all tables are those of both.
struct RouteFilter {
  Family family = Family::Any;
  uint32_t table = kernel::kTableMain;  ///< 0: all
  int ifindex = 0;
  std::optional<uint8_t> protocol;
  std::optional<uint8_t> scope;
  std::optional<kernel::RouteType> type;
  std::optional<uint8_t> tos;
  std::optional<uint32_t> metric;
  std::optional<AnyPrefix> root;   ///< routes within this prefix
  std::optional<AnyPrefix> match;  ///< routes that cover this prefix
  std::optional<AnyPrefix> via;
  std::optional<AnyPrefix> src;

  template <typename A>
  bool Accepts(const kernel::BasicRoute<A>& route) const;
};
std::string RouteShow(const kernel::Namespace& ns, const RouteFilter& filter = {}, const ShowOptions& options = {});

/// What `ip route get` prints of an answer.
template <typename A>
struct RouteGet {
  kernel::BasicRouteQuery<A> query;
  kernel::BasicRouteAnswer<A> answer;
  A source;  ///< the source address chosen, when the query has none
  uint32_t learntMtu = 0;
  bool learntMtuLocked = false;
  Nanoseconds mtuExpires;  ///< from now
};
std::string RouteGetShow(const kernel::Namespace& ns, const RouteGet<Ipv4Address>& get,
                         const ShowOptions& options = {});
std::string RouteGetShow(const kernel::Namespace& ns, const RouteGet<Ipv6Address>& get,
                         const ShowOptions& options = {});

struct NeighFilter {
  Family family = Family::Any;
  int ifindex = 0;
  std::optional<AnyPrefix> to;
  int states = -1;  ///< NUD_* bits; -1: all but NONE and NOARP, as `ip neigh` shows without `nud`
  bool proxies = false;

  template <typename A>
  bool Accepts(const kernel::BasicNeighbour<A>& neighbour) const;
};
std::string NeighShow(const kernel::Namespace& ns, const NeighFilter& filter = {}, const ShowOptions& options = {});

struct FdbFilter {
  int ifindex = 0;  ///< `dev` or `brport`: the column is left out
  int bridge = 0;   ///< `br`: only this bridge and its ports
  bool dynamic = false;
  std::string state;  ///< `state permanent`; "": any
  std::optional<MacAddress> mac;
};
std::string FdbShow(const kernel::Namespace& ns, const FdbFilter& filter = {}, const ShowOptions& options = {});

struct LinkFilter {
  int ifindex = 0;
  bool onlyUp = false;
  int master = 0;    ///< ports of this bridge
  std::string kind;  ///< `type KIND`
};
std::string LinkShow(const kernel::Namespace& ns, const LinkFilter& filter = {}, const ShowOptions& options = {});

struct AddrFilter {
  LinkFilter link;
  std::optional<AnyPrefix> to;
  std::optional<uint8_t> scope;
  std::optional<bool> secondary;
  std::optional<bool> tentative, deprecated;

  bool Accepts(const kernel::Address& address) const;
  bool Accepts(const kernel::Address6& address) const;
  bool SelectsAddresses() const { return to || scope || secondary || tentative || deprecated; }
};
std::string AddrShow(const kernel::Namespace& ns, const AddrFilter& filter = {}, const ShowOptions& options = {});

/// Without a family the rules are IPv4's.
struct RuleFilter {
  Family family = Family::Any;
  std::optional<uint32_t> preference, table;
  std::optional<AnyPrefix> from, to;
  std::string iif, oif;
};
std::string RuleShow(const kernel::Namespace& ns, const RuleFilter& filter = {}, const ShowOptions& options = {});

/// `bridge link`
std::string BridgeLinkShow(const kernel::Namespace& ns, int ifindex = 0, const ShowOptions& options = {});

/// `nstat -a` (with zeros: `nstat -az`): absolute values.
std::string CountersShow(const kernel::Namespace& ns, bool zeros, Format format = Format::Text);

// One row as it stands in the text output, on one line and without the blank at its end.
std::string RouteLine(const kernel::Namespace& ns, const kernel::Route& route);
std::string RouteLine(const kernel::Namespace& ns, const kernel::Route6& route);
std::string NeighLine(const kernel::Namespace& ns, const kernel::Neighbour& neighbour);
std::string NeighLine(const kernel::Namespace& ns, const kernel::Neighbour6& neighbour);
std::string BridgeFdbLine(const kernel::Namespace& ns, int bridge, const kernel::BridgeFdbEntry& entry);
/// One line as `bridge fdb` has it for each destination, joined by "; " when there are several.
std::string VxlanFdbLine(const kernel::Namespace& ns, int ifindex, const kernel::VxlanFdbEntry& entry);
/// A peer of a wireguard device in one line, a route of flanneld's, or IpsecLine().
std::string TunnelPeerLine(const kernel::Namespace& ns, int ifindex, const kernel::TunnelPeer& peer);
/// A node that IPsec reaches in one line, and what `ip xfrm policy` and `ip xfrm state nokeys` show.
std::string IpsecLine(const kernel::TunnelPeer& peer);
std::string XfrmPolicyShow(const kernel::Namespace& ns);
std::string XfrmStateShow(const kernel::Namespace& ns);
/// /proc/net/xfrm_stat.
std::string XfrmCounters(const kernel::Namespace& ns);
/// `wg show`: of one device, or of all (0); `now` tells how long ago the last handshakes were.
std::string WireguardShow(const kernel::Namespace& ns, int ifindex, Nanoseconds now);
std::string RuleLine(const kernel::Namespace& ns, const kernel::Rule& rule);
std::string RuleLine(const kernel::Namespace& ns, const kernel::Rule6& rule);
std::string AddressLine(const kernel::Namespace& ns, const kernel::Address& address);
std::string AddressLine(const kernel::Namespace& ns, const kernel::Address6& address);
std::string LinkLine(const kernel::Namespace& ns, const kernel::Link& link, const ShowOptions& options = {});

/// The name of a device, or "if7" for one that is gone.
std::string DeviceName(const kernel::Namespace& ns, int ifindex);

}  // namespace overlaysim::iproute2
