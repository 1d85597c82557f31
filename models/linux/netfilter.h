#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/base/addresses.h"

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
  std::vector<Ipv4Prefix> any;  ///< one of them
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
using Match = std::variant<AddressMatch, DeviceMatch, ProtocolMatch, TransportMatch, MultiportMatch, IcmpMatch,
                           StateMatch, MarkMatch, AddressTypeMatch, PhysdevMatch, Comment>;

enum class RejectWith : uint8_t {
  NetUnreachable,
  HostUnreachable,
  ProtocolUnreachable,
  PortUnreachable,
  NetProhibited,
  HostProhibited,
  AdminProhibited,
  TcpReset
};

/// To what NAT may change a source or destination.
struct NatRange {
  Ipv4Address low, high;           ///< zero: the address stays (REDIRECT, MASQUERADE: found out for each packet)
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
  std::string prefix;  ///< of Log
  bool asCt = false;   ///< Notrack: was asked for as `-j CT --notrack`
  bool operator==(const Target&) const = default;
};

struct FilterRule {
  std::vector<Match> matches;
  Target target;
  bool counts = true;  ///< nft: only with the word `counter`
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

enum class FilterFamily : uint8_t { Ip, Inet, Bridge };

/// One table with its chains in the order of their making.
struct FilterTable {
  FilterFamily family = FilterFamily::Ip;
  std::string name;
  std::vector<std::unique_ptr<FilterChain>> chains;

  FilterChain* Find(std::string_view chain) const;
  FilterChain& Add(FilterChain chain);
};

/// What rules look at, and may change.
struct FilterPacket {
  const Namespace* ns = nullptr;  ///< whose addresses AddressTypeMatch asks for
  Ipv4Address source, destination;
  uint8_t protocol = 0;
  bool hasPorts = false;  ///< false: a later fragment, or a protocol without
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
  uint32_t mark = 0;       ///< changed by Mark
  bool untracked = false;  ///< set by Notrack
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
/// keeps its tables as tables of the family ip.
class Ruleset {
 public:
  const std::vector<std::unique_ptr<FilterTable>>& Tables() const { return m_tables; }
  FilterTable* Find(FilterFamily family, std::string_view name) const;
  FilterTable& Add(FilterFamily family, std::string name);
  void Remove(const FilterTable& table);
  /// iptables' own chain of that table ("filter", "nat", "mangle", "raw", "security"); made if it is not there yet.
  FilterChain& Builtin(std::string_view table, Hook hook);
  const FilterChain* FindBuiltin(std::string_view table, Hook hook) const;

  /// To be called after tables, chains or rules were changed, and before packets see them.
  void Rebuild();
  bool IsActive(Hook hook) const { return !m_steps[static_cast<size_t>(hook)].empty(); }
  const std::vector<HookStep>& Steps(Hook hook) const { return m_steps[static_cast<size_t>(hook)]; }
  bool Tracks() const { return m_tracks; }  ///< connection tracking is on: a rule needs it
  /// The chains of type nat at a hook.
  const std::vector<HookStep>& NatChains(Hook hook) const { return m_nat[static_cast<size_t>(hook)]; }

  /// nft_do_chain(): walks a base chain and those that it jumps to.
  static FilterVerdict Walk(const FilterTable& table, FilterChain& chain, FilterPacket& packet);

 private:
  std::vector<std::unique_ptr<FilterTable>> m_tables;
  std::array<std::vector<HookStep>, kHookCount> m_steps, m_nat;
  bool m_tracks = false;
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
