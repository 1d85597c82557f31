#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

class Namespace;

/// Where packets meet netfilter (include/uapi/linux/netfilter.h, NF_INET_*).
enum class Hook : uint8_t { Prerouting, Input, Forward, Output, Postrouting };
inline constexpr size_t kHookCount = 5;

struct PortRange {
  uint16_t first = 0, last = 65535;  ///< inclusive
  bool Contains(uint16_t port) const { return port >= first && port <= last; }
  bool operator==(const PortRange&) const = default;
};

// What a rule looks at. A rule holds for packets that all its matches hold for; `isNot` turns one round.

struct AddressMatch {
  bool isDestination = false;
  std::vector<IpPrefix> any;  ///< one of them, all of one family
  bool isNot = false;
  bool operator==(const AddressMatch&) const = default;
};
struct DeviceMatch {
  bool isOut = false;
  std::string name;  ///< may end with '+'
  bool isNot = false;
  bool operator==(const DeviceMatch&) const = default;
};
struct ProtocolMatch {
  uint8_t protocol = 0;
  bool isNot = false;
  bool operator==(const ProtocolMatch&) const = default;
};
/// `-m tcp`, `-m udp`: the ports and TCP's flags. Never holds for later fragments.
struct TransportMatch {
  uint8_t protocol = 0;
  std::optional<PortRange> source, destination;
  bool notSource = false, notDestination = false;
  uint8_t flagMask = 0, flags = 0;  ///< of TCP; mask 0: any
  bool notFlags = false;
  bool operator==(const TransportMatch&) const = default;
};
struct MultiportMatch {
  enum class Of : uint8_t { Source, Destination, Either } of = Of::Destination;
  std::vector<PortRange> any;
  bool isNot = false;
  bool operator==(const MultiportMatch&) const = default;
};
struct IcmpMatch {
  bool isV6 = false;            ///< ICMPv6
  std::optional<uint8_t> type;  ///< unset: any
  std::optional<uint8_t> code;
  bool isNot = false;
  bool operator==(const IcmpMatch&) const = default;
};
/// What connection tracking says of a packet (include/uapi/linux/netfilter/xt_conntrack.h, in xtables' bits).
enum ConnectionState : uint8_t {
  kStateInvalid = 1,
  kStateEstablished = 2,
  kStateRelated = 4,
  kStateNew = 8,
  kStateUntracked = 16,
  kStateSnat = 32,  ///< its source is translated
  kStateDnat = 64
};
struct StateMatch {
  uint8_t any = 0;  ///< of ConnectionState
  bool isNot = false;
  bool asState = false;  ///< was asked for as `-m state`
  bool operator==(const StateMatch&) const = default;
};
struct MarkMatch {
  uint32_t value = 0, mask = 0xffffffff;
  bool isNot = false;
  bool operator==(const MarkMatch&) const = default;
};
/// By the FIB's type of an address (`-m addrtype`, `fib daddr type`).
struct AddressTypeMatch {
  uint16_t source = 0, destination = 0;  ///< bit n: RouteType n; 0: any
  bool notSource = false, notDestination = false;
  bool operator==(const AddressTypeMatch&) const = default;
};
/// The bridge ports of a bridged packet (`-m physdev`).
struct PhysdevMatch {
  std::string in, out;
  bool notIn = false, notOut = false, isIn = false, isOut = false, isBridged = false;
  bool notIsIn = false, notIsOut = false, notIsBridged = false;
  bool operator==(const PhysdevMatch&) const = default;
};
/// A note; holds for all.
struct Comment {
  std::string text;
  bool operator==(const Comment&) const = default;
};
/// `-m limit`, which iptables-nft gives to the kernel as nft's `limit rate` (net/netfilter/nft_limit.c): a bucket of
/// nanoseconds that fills with time, from which each packet takes what one costs.
struct LimitMatch {
  uint64_t rate = 3;  ///< packets, or bytes, in `unit`
  Nanoseconds unit = Seconds(3600);
  uint32_t burst = 5;
  bool isOver = false;  ///< holds for what is too much
  bool ofBytes = false;
  std::optional<uint64_t> tokens;  ///< what was left at `last`; unset: full
  Nanoseconds last;

  /// Whether there is room for a packet of that size, which is then taken.
  bool Takes(Nanoseconds now, uint32_t bytes);
  bool operator==(const LimitMatch& o) const {
    return rate == o.rate && unit == o.unit && burst == o.burst && isOver == o.isOver && ofBytes == o.ofBytes;
  }
};

// What only nft's rules have. Their statements are carried out in the order in which they are written.

/// A number that a packet has: an IPv6 address needs all of it.
struct FilterNumber {
  uint64_t high = 0, low = 0;

  constexpr FilterNumber() = default;
  constexpr FilterNumber(uint64_t number) : low(number) {}  // NOLINT(google-explicit-constructor)
  explicit FilterNumber(const Ipv6Address& address);
  explicit FilterNumber(const IpAddress& address)
      : FilterNumber(address.IsV6() ? FilterNumber(address.V6()) : FilterNumber(address.V4().value)) {}
  Ipv6Address ToIpv6() const;
  auto operator<=>(const FilterNumber&) const = default;
};

/// Values of one kind: numbers (addresses, ports, protocols), or names of devices.
struct ValueSet {
  struct Range {
    FilterNumber first, last;  ///< inclusive
    auto operator<=>(const Range&) const = default;
  };
  std::vector<Range> ranges;       ///< in order
  std::vector<std::string> names;  ///< may end with '*'; in nft's order

  void Add(Range range);
  void Add(std::string name);
  void Remove(const ValueSet& others);
  bool Contains(FilterNumber value) const;
  bool Contains(const std::string& name) const;
  bool operator==(const ValueSet&) const = default;
};
/// The addresses of a prefix.
ValueSet::Range RangeOf(const Ipv6Prefix& prefix);
/// `ip saddr 10.0.0.0/8`, `tcp dport { 22, 80-90 }`, `iifname != @uplinks`.
struct ValueMatch {
  enum class Field : uint8_t {
    Source,
    Destination,
    Source6,
    Destination6,
    IpProtocol,  ///< `ip protocol`
    NextHeader,  ///< `ip6 nexthdr`: what the IPv6 header itself names
    Protocol,    ///< `meta l4proto`
    SourcePort,
    DestinationPort,
    InDevice,  ///< `iifname`
    OutDevice,
    InIndex,  ///< `iif`: by the index that the name had when the rule was made; here by name
    OutIndex,
    IcmpType,
    IcmpCode,
    Icmp6Type,
    Icmp6Code
  } field = Field::Source;
  uint8_t protocol = 0;  ///< of ports: TCP, UDP, ...; 0: `th`, any that has ports
  std::string set;       ///< of the table; "": `values`
  ValueSet values;
  bool isNot = false;
  bool operator==(const ValueMatch&) const = default;
};
/// `meta nfproto ipv6`
struct FamilyMatch {
  bool isV6 = false;
  bool isNot = false;
  bool operator==(const FamilyMatch&) const = default;
};
/// `counter`
struct CountStatement {
  bool operator==(const CountStatement&) const = default;
};
/// `log`
struct LogStatement {
  std::string prefix, level;  ///< "": "warn"
  bool operator==(const LogStatement&) const = default;
};
/// `meta mark set`: the bits of `mask` are cleared, then those of `mark` flipped.
struct MarkStatement {
  uint32_t mark = 0, mask = 0xffffffff;
  bool operator==(const MarkStatement&) const = default;
};
/// `notrack`
struct NotrackStatement {
  bool operator==(const NotrackStatement&) const = default;
};
using Match = std::variant<AddressMatch, DeviceMatch, ProtocolMatch, TransportMatch, MultiportMatch, IcmpMatch,
                           StateMatch, MarkMatch, AddressTypeMatch, PhysdevMatch, Comment, LimitMatch, ValueMatch,
                           FamilyMatch, CountStatement, LogStatement, MarkStatement, NotrackStatement>;

/// Codes of ICMP; where IPv6 has the same it is said by the same word (see RejectCode6()).
enum class RejectWith : uint8_t {
  NetUnreachable,
  HostUnreachable,
  ProtocolUnreachable,
  PortUnreachable,
  NetProhibited,
  HostProhibited,
  AdminProhibited,
  TcpReset,
  PolicyFail,  ///< IPv6 alone
  RejectRoute  ///< IPv6 alone
};

/// To what NAT may change a source or destination.
struct NatRange {
  IpAddress low, high;  ///< none, or zero: the address stays (REDIRECT, MASQUERADE: found out for each packet)
  std::optional<PortRange> ports;  ///< unset: the port stays if it can
  bool random = false;             ///< a random port at once (--random)
  bool fullyRandom = false;        ///< --random-fully
  bool persistent = false;
  bool operator==(const NatRange&) const = default;
};

/// What a rule does with a packet that it holds for.
struct Target {
  enum class Kind : uint8_t {
    None,  ///< the rule only counts
    Accept,
    Drop,
    Reject,
    Return,
    Jump,
    Goto,
    Mark,
    Masquerade,
    Snat,
    Dnat,
    Redirect,
    Notrack,
    Log
  } kind = Kind::None;
  std::string chain;  ///< of Jump and Goto
  RejectWith rejectWith = RejectWith::PortUnreachable;
  uint32_t mark = 0, mask = 0xffffffff;  ///< Mark: the bits of `mask` are cleared, then those of `mark` flipped
  NatRange nat;
  std::string prefix;     ///< of Log
  bool asCt = false;      ///< Notrack: was asked for as `-j CT --notrack`
  bool asIcmpx = false;   ///< Reject: nft's word for IPv4's and IPv6's message
  bool isIcmpv6 = false;  ///< Reject: for IPv6 packets alone; else, without asIcmpx, for IPv4's
  bool operator==(const Target&) const = default;
};

/// Who has counted a packet of `size` bytes.
struct RuleCounters {
  uint64_t* packets = nullptr;
  uint64_t* bytes = nullptr;
  uint32_t size = 0;
};

struct FilterRule {
  std::vector<Match> matches;
  Target target;
  bool byNft = false;  ///< in nft's words; counts only at a CountStatement
  uint64_t packets = 0, bytes = 0;
  uint32_t rowId = 0;

  bool Same(const FilterRule& o) const { return matches == o.matches && target == o.target; }
};

/// Reroute: nft's type "route", which routes a packet anew that it has marked.
enum class ChainType : uint8_t { Filter, Nat, Reroute };

struct FilterChain {
  std::string name;
  std::optional<Hook> hook;  ///< of a base chain
  ChainType type = ChainType::Filter;
  int priority = 0;
  bool drops = false;         ///< the policy
  bool countsPolicy = false;  ///< since a policy was set: iptables gives its chains counters only then
  std::vector<FilterRule> rules;
  uint64_t packets = 0, bytes = 0;  ///< that met the policy
};

enum class FilterFamily : uint8_t { Ip, Ip6, Inet, Bridge };

/// A set of nft that has a name.
struct FilterSet {
  enum class Type : uint8_t { Address, Address6, Service, Protocol, DeviceName } type = Type::Address;
  std::string name;
  bool hasIntervals = false;  ///< `flags interval`
  bool merges = false;        ///< `auto-merge`
  ValueSet values;
};

/// One table with its chains in the order of their making.
struct FilterTable {
  FilterFamily family = FilterFamily::Ip;
  std::string name;
  std::vector<std::unique_ptr<FilterChain>> chains;
  std::vector<FilterSet> sets;

  FilterChain* Find(std::string_view chain) const;
  FilterChain& Add(FilterChain chain);
  FilterSet* FindSet(std::string_view set);
  const FilterSet* FindSet(std::string_view set) const { return const_cast<FilterTable*>(this)->FindSet(set); }
};

/// What rules look at, and may change.
struct FilterPacket {
  const Namespace* ns = nullptr;  ///< whose addresses AddressTypeMatch asks for
  IpAddress source, destination;  ///< their family is the packet's
  uint8_t protocol = 0;           ///< behind IPv6's extension headers
  uint8_t nextHeader = 0;         ///< of IPv6
  bool hasPorts = false;          ///< false: a later fragment, or a protocol without
  uint16_t sourcePort = 0, destinationPort = 0;
  uint8_t tcpFlags = 0;
  bool hasIcmp = false;
  uint8_t icmpType = 0, icmpCode = 0;
  const std::string* inDevice = nullptr;  ///< nullptr: none
  const std::string* outDevice = nullptr;
  const std::string* physicalIn = nullptr;
  const std::string* physicalOut = nullptr;
  bool isBridged = false;
  uint8_t state = kStateInvalid;  ///< of ConnectionState
  uint32_t bytes = 0;
  uint32_t mark = 0;                             ///< changed by Mark
  bool untracked = false;                        ///< set by Notrack
  Nanoseconds now;                               ///< for LimitMatch
  bool metLimit = false;                         ///< set by LimitMatch: what was said depends on the packets before
  std::vector<RuleCounters>* counted = nullptr;  ///< gets what has counted it

  bool IsV6() const { return source.IsV6(); }
};

struct FilterVerdict {
  Target::Kind kind = Target::Kind::Accept;  ///< Accept, Drop, Reject, or one of the NAT targets
  const FilterRule* rule = nullptr;          ///< nullptr: the policy
};

// Priorities of hooks (include/uapi/linux/netfilter_ipv4.h, NF_IP_PRI_*).
inline constexpr int kPriorityDefrag = -400;
inline constexpr int kPriorityRaw = -300;
inline constexpr int kPriorityConntrack = -200;
inline constexpr int kPriorityMangle = -150;
inline constexpr int kPriorityDstnat = -100;
inline constexpr int kPriorityFilter = 0;
inline constexpr int kPrioritySecurity = 50;
inline constexpr int kPrioritySrcnat = 100;

/// One thing that happens at a hook, in the order of the priorities.
struct HookStep {
  enum class Kind : uint8_t { Defragment, Chain, Track, Translate, Confirm } kind;
  int priority = 0;
  const FilterTable* table = nullptr;  ///< of Chain
  FilterChain* chain = nullptr;
};

/// All tables of a namespace, `iptables`' and `nft`'s own: what `nft list ruleset` shows. iptables 1.8.9 (nf_tables)
/// keeps its tables as tables of the family ip, ip6tables of ip6. A table of inet sees both families; each has hooks of
/// its own.
class Ruleset {
 public:
  const std::vector<std::unique_ptr<FilterTable>>& Tables() const { return m_tables; }
  FilterTable* Find(FilterFamily family, std::string_view name) const;
  FilterTable& Add(FilterFamily family, std::string name);
  void Remove(const FilterTable& table);
  std::vector<std::unique_ptr<FilterTable>> Copy() const;
  /// Answers the tables that were there. To be followed by Rebuild().
  std::vector<std::unique_ptr<FilterTable>> Replace(std::vector<std::unique_ptr<FilterTable>> tables) {
    return std::exchange(m_tables, std::move(tables));
  }
  /// iptables' own chain of that table ("filter", "nat", "mangle", "raw", "security"); made if it is not there yet.
  FilterChain& Builtin(std::string_view table, Hook hook, FilterFamily family = FilterFamily::Ip);
  const FilterChain* FindBuiltin(std::string_view table, Hook hook, FilterFamily family = FilterFamily::Ip) const;

  /// To be called after tables, chains or rules were changed, and before packets see them.
  void Rebuild();
  // Of IPv4, or IPv6.
  bool IsActive(Hook hook, bool isV6 = false) const { return !Steps(hook, isV6).empty(); }
  const std::vector<HookStep>& Steps(Hook hook, bool isV6 = false) const {
    return m_of[isV6].steps[static_cast<size_t>(hook)];
  }
  bool Tracks(bool isV6 = false) const { return m_of[isV6].tracks; }  ///< connection tracking is on: a rule needs it
  /// The chains of type nat at a hook.
  const std::vector<HookStep>& NatChains(Hook hook, bool isV6 = false) const {
    return m_of[isV6].nat[static_cast<size_t>(hook)];
  }

  /// nft_do_chain(): walks a base chain and those that it jumps to.
  static FilterVerdict Walk(const FilterTable& table, FilterChain& chain, FilterPacket& packet);

 private:
  std::vector<std::unique_ptr<FilterTable>> m_tables;
  struct Hooks {
    std::array<std::vector<HookStep>, kHookCount> steps, nat;
    bool tracks = false;
  };
  void RebuildHooks(bool isV6);
  std::array<Hooks, 2> m_of;  ///< IPv4's, IPv6's
};

/// The built-in chains of an iptables table, in the order in which it prints them; empty: there is no such table.
struct BuiltinChain {
  Hook hook;
  ChainType type;
  int priority;
};
std::vector<BuiltinChain> BuiltinChains(std::string_view table);
const char* BuiltinName(Hook hook);  ///< "PREROUTING"

}  // namespace overlaysim::kernel
