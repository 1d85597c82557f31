#pragma once

#include <functional>
#include <optional>
#include <string>

#include "models/linux/namespace.h"
#include "sim/iproute2/output.h"

namespace overlaysim::iproute2 {

// What `ip`, `bridge` and `nstat` of iproute2 6.1.0 print of a namespace, byte for byte. Order within neighbour tables
// and FDBs is the tables' own (by device and address), where the kernel's is that of its hashes.

/// The options before the object: `ip -j -d -s -br -o -4`.
struct ShowOptions {
  Format format = Format::Text;
  bool details = false;
  int statistics = 0;  ///< 2: `-s -s`
  bool brief = false;
  bool oneLine = false;
  bool onlyIpv4 = false;
  /// The name of a namespace as `ip netns` lists it, for `link-netns NAME`; unset or "": shown by its number.
  std::function<std::string(NetnsId)> netnsName;
  Nanoseconds now;  ///< ages in `-s` output are counted from here
};

/// `ip route show` with selectors. A field that is given leaves out its column, as iproute2 does.
struct RouteFilter {
  uint32_t table = kernel::kTableMain;  ///< 0: all
  int ifindex = 0;
  std::optional<uint8_t> protocol;
  std::optional<uint8_t> scope;
  std::optional<kernel::RouteType> type;
  std::optional<uint8_t> tos;
  std::optional<uint32_t> metric;
  std::optional<Ipv4Prefix> root;   ///< routes within this prefix
  std::optional<Ipv4Prefix> match;  ///< routes that cover this prefix
  std::optional<Ipv4Prefix> via;
  std::optional<Ipv4Prefix> src;

  bool Accepts(const kernel::Route& route) const;
};
std::string RouteShow(const kernel::Namespace& ns, const RouteFilter& filter = {}, const ShowOptions& options = {});

/// What `ip route get` prints of an answer.
struct RouteGet {
  kernel::RouteQuery query;
  kernel::RouteAnswer answer;
  Ipv4Address source;  ///< the source address chosen, when the query has none
  uint32_t learntMtu = 0;
  bool learntMtuLocked = false;
  Nanoseconds mtuExpires;  ///< from now
};
std::string RouteGetShow(const kernel::Namespace& ns, const RouteGet& get, const ShowOptions& options = {});

struct NeighFilter {
  int ifindex = 0;
  std::optional<Ipv4Prefix> to;
  int states = -1;  ///< NUD_* bits; -1: all but NONE and NOARP, as `ip neigh` shows without `nud`
  bool proxies = false;

  bool Accepts(const kernel::Neighbour& neighbour) const;
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
  std::optional<Ipv4Prefix> to;
  std::optional<uint8_t> scope;
  std::optional<bool> secondary;

  bool Accepts(const kernel::Address& address) const;
  bool SelectsAddresses() const { return to || scope || secondary; }
};
std::string AddrShow(const kernel::Namespace& ns, const AddrFilter& filter = {}, const ShowOptions& options = {});

struct RuleFilter {
  std::optional<uint32_t> preference, table;
  std::optional<Ipv4Prefix> from, to;
  std::string iif, oif;
};
std::string RuleShow(const kernel::Namespace& ns, const RuleFilter& filter = {}, const ShowOptions& options = {});

/// `bridge link`
std::string BridgeLinkShow(const kernel::Namespace& ns, int ifindex = 0, const ShowOptions& options = {});

/// `nstat -a` (with zeros: `nstat -az`): absolute values.
std::string CountersShow(const kernel::Namespace& ns, bool zeros, Format format = Format::Text);

// One row as it stands in the text output, on one line and without the blank at its end.
std::string RouteLine(const kernel::Namespace& ns, const kernel::Route& route);
std::string NeighLine(const kernel::Namespace& ns, const kernel::Neighbour& neighbour);
std::string BridgeFdbLine(const kernel::Namespace& ns, int bridge, const kernel::BridgeFdbEntry& entry);
/// One line as `bridge fdb` has it for each destination, joined by "; " when there are several.
std::string VxlanFdbLine(const kernel::Namespace& ns, int ifindex, const kernel::VxlanFdbEntry& entry);
std::string RuleLine(const kernel::Namespace& ns, const kernel::Rule& rule);
std::string AddressLine(const kernel::Namespace& ns, const kernel::Address& address);
std::string LinkLine(const kernel::Namespace& ns, const kernel::Link& link, const ShowOptions& options = {});

/// The name of a device, or "if7" for one that is gone.
std::string DeviceName(const kernel::Namespace& ns, int ifindex);

}  // namespace overlaysim::iproute2
