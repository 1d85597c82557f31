#include "models/linux/netfilter.h"

#include <algorithm>
#include <limits>

#include "models/linux/namespace.h"
#include "sim/base/check.h"

namespace overlaysim::kernel {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kIcmpv6 = 58;

bool NameMatches(const std::string& pattern, const std::string* device) {
  if (!device) return false;
  if (pattern.back() == '+') return device->compare(0, pattern.size() - 1, pattern, 0, pattern.size() - 1) == 0;
  return pattern == *device;
}

bool Contains(const std::vector<PortRange>& any, uint16_t port) {
  return std::any_of(any.begin(), any.end(), [&](const PortRange& r) { return r.Contains(port); });
}

/// inet_dev_addr_type(): what table local says; what it does not know is unicast.
RouteType TypeOf(const Namespace& ns, Ipv4Address ip) {
  if (ip.IsZero() || ip.IsLimitedBroadcast()) return RouteType::Broadcast;
  if (ip.IsMulticast()) return RouteType::Multicast;
  const FibTable* local = ns.FindTable(kTableLocal);
  const Route* route = local ? local->Find(ip) : nullptr;
  return route ? route->type : RouteType::Unicast;
}

/// nft_fib6_eval_type(): what the FIB says of an IPv6 address.
RouteType TypeOf(const Namespace& ns, const Ipv6Address& ip) {
  const Ipv6Tables& tables = ns.Ipv6();
  if (ip.IsMulticast()) return RouteType::Multicast;
  if (tables.IsLocalAddress(ip)) return RouteType::Local;
  if (tables.IsAnycastAddress(ip)) return RouteType::Anycast;
  if (ip.IsZero()) return RouteType{};  // RTN_UNSPEC
  const Route6Answer answer = tables.Lookup({.dst = ip});
  return answer.error != 0 ? RouteType::Unreachable : RouteType::Unicast;
}

/// match_type6() of xt_addrtype.c: of several types the packet has to have all that need no look into the FIB.
bool IsOfTypes(const Namespace& ns, const Ipv6Address& ip, uint16_t any) {
  auto asks = [&](RouteType type) { return (any >> static_cast<int>(type) & 1) != 0; };
  if (asks(RouteType::Multicast) && !ip.IsMulticast()) return false;
  if (asks(RouteType::Unicast) && (ip.IsMulticast() || ip.IsZero())) return false;
  if (!asks(RouteType::Anycast) && !asks(RouteType::Local) && !asks(RouteType::Unreachable)) return true;
  return asks(TypeOf(ns, ip));
}

void Count(FilterRule& rule, FilterPacket& packet) {
  ++rule.packets;
  rule.bytes += packet.bytes;
  if (packet.counted) packet.counted->push_back({&rule.packets, &rule.bytes, packet.bytes});
}

/// Whether a match holds; statements are carried out and do.
struct Holds {
  const FilterTable& table;
  FilterRule& rule;
  FilterPacket& p;

  bool operator()(const AddressMatch& m) const {
    const IpAddress& ip = m.isDestination ? p.destination : p.source;
    return std::any_of(m.any.begin(), m.any.end(), [&](const IpPrefix& n) { return n.Contains(ip); }) != m.isNot;
  }
  bool operator()(const DeviceMatch& m) const {
    return NameMatches(m.name, m.isOut ? p.outDevice : p.inDevice) != m.isNot;
  }
  bool operator()(const ProtocolMatch& m) const { return (m.protocol == p.protocol) != m.isNot; }
  bool operator()(const TransportMatch& m) const {
    if (m.protocol != p.protocol || !p.hasPorts) return false;
    if (m.source && m.source->Contains(p.sourcePort) == m.notSource) return false;
    if (m.destination && m.destination->Contains(p.destinationPort) == m.notDestination) return false;
    return m.flagMask == 0 || p.protocol != kTcp || ((p.tcpFlags & m.flagMask) == m.flags) != m.notFlags;
  }
  bool operator()(const MultiportMatch& m) const {
    if (!p.hasPorts) return false;
    const bool source = m.of != MultiportMatch::Of::Destination && Contains(m.any, p.sourcePort);
    const bool destination = m.of != MultiportMatch::Of::Source && Contains(m.any, p.destinationPort);
    return (source || destination) != m.isNot;
  }
  bool operator()(const IcmpMatch& m) const {
    if (p.protocol != (m.isV6 ? kIcmpv6 : kIcmp) || !p.hasIcmp) return false;
    return !m.type || (*m.type == p.icmpType && (!m.code || *m.code == p.icmpCode)) != m.isNot;
  }
  bool operator()(const StateMatch& m) const { return ((m.any & p.state) != 0) != m.isNot; }
  bool operator()(const MarkMatch& m) const { return ((p.mark & m.mask) == m.value) != m.isNot; }
  bool operator()(const AddressTypeMatch& m) const {
    auto holds = [&](uint16_t any, bool isNot, const IpAddress& ip) {
      if (any == 0) return true;
      if (!p.ns) return false;
      if (ip.IsV6() && !rule.byNft) return IsOfTypes(*p.ns, ip.V6(), any) != isNot;
      const RouteType type = ip.IsV6() ? TypeOf(*p.ns, ip.V6()) : TypeOf(*p.ns, ip.V4());
      return (any >> static_cast<int>(type) & 1) != isNot;
    };
    return holds(m.source, m.notSource, p.source) && holds(m.destination, m.notDestination, p.destination);
  }
  bool operator()(const PhysdevMatch& m) const {
    if (m.isIn && (p.physicalIn != nullptr) == m.notIsIn) return false;
    if (m.isOut && (p.physicalOut != nullptr) == m.notIsOut) return false;
    if (m.isBridged && p.isBridged == m.notIsBridged) return false;
    if (!m.in.empty() && NameMatches(m.in, p.physicalIn) == m.notIn) return false;
    return m.out.empty() || NameMatches(m.out, p.physicalOut) != m.notOut;
  }
  bool operator()(const Comment&) const { return true; }
  bool operator()(LimitMatch& m) const {
    p.metLimit = true;
    return m.Takes(p.now, p.bytes) != m.isOver;
  }
  bool operator()(const ValueMatch& m) const {
    const FilterSet* named = m.set.empty() ? nullptr : table.FindSet(m.set);
    if (!m.set.empty() && !named) return false;
    const ValueSet& values = named ? named->values : m.values;
    auto number = [&](bool isThere, FilterNumber value) { return isThere && values.Contains(value) != m.isNot; };
    auto device = [&](const std::string* name) { return values.Contains(name ? *name : "") != m.isNot; };
    const bool hasPorts = p.hasPorts && (m.protocol == 0 || m.protocol == p.protocol);
    const bool hasIcmp = p.protocol == kIcmp && p.hasIcmp;
    const bool hasIcmp6 = p.protocol == kIcmpv6 && p.hasIcmp;
    using Field = ValueMatch::Field;
    switch (m.field) {
      case Field::Source:
        return number(!p.IsV6(), FilterNumber(p.source));
      case Field::Destination:
        return number(!p.IsV6(), FilterNumber(p.destination));
      case Field::Source6:
        return number(p.IsV6(), FilterNumber(p.source));
      case Field::Destination6:
        return number(p.IsV6(), FilterNumber(p.destination));
      case Field::IpProtocol:
        return number(!p.IsV6(), p.protocol);
      case Field::NextHeader:
        return number(p.IsV6(), p.nextHeader);
      case Field::Protocol:
        return number(true, p.protocol);
      case Field::SourcePort:
        return number(hasPorts, p.sourcePort);
      case Field::DestinationPort:
        return number(hasPorts, p.destinationPort);
      case Field::InDevice:
      case Field::InIndex:
        return device(p.inDevice);
      case Field::OutDevice:
      case Field::OutIndex:
        return device(p.outDevice);
      case Field::IcmpType:
        return number(hasIcmp, p.icmpType);
      case Field::IcmpCode:
        return number(hasIcmp, p.icmpCode);
      case Field::Icmp6Type:
        return number(hasIcmp6, p.icmpType);
      case Field::Icmp6Code:
        return number(hasIcmp6, p.icmpCode);
    }
    return false;
  }
  bool operator()(const FamilyMatch& m) const { return (m.isV6 == p.IsV6()) != m.isNot; }
  bool operator()(const CountStatement&) const { return Count(rule, p), true; }
  bool operator()(const LogStatement&) const { return true; }
  bool operator()(const MarkStatement& s) const {
    p.mark = (p.mark & ~s.mask) ^ s.mark;
    return true;
  }
  bool operator()(const NotrackStatement&) const {
    p.untracked |= p.state == kStateInvalid;
    return true;
  }
};

/// What is for one family does nothing with packets of the other (nft_reject_inet_eval(), nft_nat_inet_eval()).
bool FitsFamily(const Target& target, bool isV6) {
  if (target.kind == Target::Kind::Reject && target.rejectWith != RejectWith::TcpReset && !target.asIcmpx)
    return target.isIcmpv6 == isV6;
  return target.nat.low.IsNone() || target.nat.low.IsV6() == isV6;
}

bool HoldsFor(const FilterTable& table, FilterRule& rule, FilterPacket& packet) {
  for (Match& match : rule.matches)
    if (!std::visit(Holds{table, rule, packet}, match)) return false;
  return FitsFamily(rule.target, packet.IsV6());
}

/// nullopt: the end of the chain was reached, or a rule returned from it.
std::optional<FilterVerdict> WalkRules(const FilterTable& table, FilterChain& chain, FilterPacket& packet) {
  for (FilterRule& rule : chain.rules) {
    if (!HoldsFor(table, rule, packet)) continue;
    if (!rule.byNft) Count(rule, packet);
    switch (rule.target.kind) {
      case Target::Kind::None:
      case Target::Kind::Log:
        continue;
      case Target::Kind::Mark:
        packet.mark = (packet.mark & ~rule.target.mask) ^ rule.target.mark;
        continue;
      case Target::Kind::Notrack:
        packet.untracked |= packet.state == kStateInvalid;
        continue;
      case Target::Kind::Return:
        return std::nullopt;
      case Target::Kind::Jump:
      case Target::Kind::Goto: {
        FilterChain* next = table.Find(rule.target.chain);
        if (next)
          if (auto verdict = WalkRules(table, *next, packet)) return verdict;
        if (rule.target.kind == Target::Kind::Goto) return std::nullopt;
        continue;
      }
      default:
        return FilterVerdict{rule.target.kind, &rule};
    }
  }
  return std::nullopt;
}

bool NeedsTracking(const FilterRule& rule) {
  switch (rule.target.kind) {
    case Target::Kind::Masquerade:
    case Target::Kind::Snat:
    case Target::Kind::Dnat:
    case Target::Kind::Redirect:
      return true;
    default:
      return std::any_of(rule.matches.begin(), rule.matches.end(),
                         [](const Match& m) { return std::holds_alternative<StateMatch>(m); });
  }
}

}  // namespace

/// nft_limit_eval(); what one packet costs: nft_limit_pkts_init(), nft_limit_bytes_eval().
bool LimitMatch::Takes(Nanoseconds now, uint32_t bytes) {
  const auto unitNs = static_cast<uint64_t>(unit.count);
  const uint64_t cost = ofBytes ? unitNs * bytes / rate : unitNs / rate;
  const uint64_t capacity = ofBytes ? unitNs * (rate + burst) / rate : unitNs / rate * burst;
  uint64_t there = capacity;
  if (tokens) there = std::min(*tokens + static_cast<uint64_t>((now - last).count), capacity);
  last = now;
  const bool takes = there >= cost;
  tokens = takes ? there - cost : there;
  return takes;
}

FilterNumber::FilterNumber(const Ipv6Address& address) {
  for (size_t i = 0; i < 8; ++i) {
    high = high << 8 | address.bytes[i];
    low = low << 8 | address.bytes[i + 8];
  }
}

Ipv6Address FilterNumber::ToIpv6() const {
  Ipv6Address out;
  for (size_t i = 0; i < 8; ++i) {
    out.bytes[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
    out.bytes[i + 8] = static_cast<uint8_t>(low >> (56 - 8 * i));
  }
  return out;
}

ValueSet::Range RangeOf(const Ipv6Prefix& prefix) {
  const Ipv6Address first = prefix.Canonical().address;
  Ipv6Address last = first;
  for (size_t bit = prefix.length; bit < Ipv6Address::kBits; ++bit)
    last.bytes[bit / 8] = static_cast<uint8_t>(last.bytes[bit / 8] | 0x80 >> (bit % 8));
  return {FilterNumber(first), FilterNumber(last)};
}

void ValueSet::Add(Range range) {
  const auto at = std::lower_bound(ranges.begin(), ranges.end(), range);
  if (at == ranges.end() || *at != range) ranges.insert(at, range);
}

/// nft compares names as numbers whose first byte is the lowest.
void ValueSet::Add(std::string name) {
  auto isLess = [](const std::string& a, const std::string& b) {
    if (a.size() != b.size()) return a.size() < b.size();
    return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  };
  const auto at = std::lower_bound(names.begin(), names.end(), name, isLess);
  if (at == names.end() || *at != name) names.insert(at, std::move(name));
}

void ValueSet::Remove(const ValueSet& others) {
  auto isIn = [](const auto& all) {
    return [&](const auto& one) { return std::find(all.begin(), all.end(), one) != all.end(); };
  };
  std::erase_if(ranges, isIn(others.ranges));
  std::erase_if(names, isIn(others.names));
}

bool ValueSet::Contains(FilterNumber value) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](Range r) { return value >= r.first && value <= r.last; });
}

bool ValueSet::Contains(const std::string& name) const {
  return std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
    if (pattern.back() != '*') return pattern == name;
    return name.compare(0, pattern.size() - 1, pattern, 0, pattern.size() - 1) == 0;
  });
}

FilterSet* FilterTable::FindSet(std::string_view set) {
  const auto at = std::find_if(sets.begin(), sets.end(), [&](const FilterSet& s) { return s.name == set; });
  return at == sets.end() ? nullptr : &*at;
}

FilterChain* FilterTable::Find(std::string_view chain) const {
  for (const auto& c : chains)
    if (c->name == chain) return c.get();
  return nullptr;
}

FilterChain& FilterTable::Add(FilterChain chain) {
  chains.push_back(std::make_unique<FilterChain>(std::move(chain)));
  return *chains.back();
}

FilterTable* Ruleset::Find(FilterFamily family, std::string_view name) const {
  for (const auto& table : m_tables)
    if (table->family == family && table->name == name) return table.get();
  return nullptr;
}

FilterTable& Ruleset::Add(FilterFamily family, std::string name) {
  m_tables.push_back(std::make_unique<FilterTable>());
  m_tables.back()->family = family;
  m_tables.back()->name = std::move(name);
  return *m_tables.back();
}

void Ruleset::Remove(const FilterTable& table) {
  std::erase_if(m_tables, [&](const auto& t) { return t.get() == &table; });
}

std::vector<std::unique_ptr<FilterTable>> Ruleset::Copy() const {
  std::vector<std::unique_ptr<FilterTable>> out;
  for (const auto& table : m_tables) {
    auto& copy = *out.emplace_back(std::make_unique<FilterTable>());
    copy.family = table->family;
    copy.name = table->name;
    copy.sets = table->sets;
    for (const auto& chain : table->chains) copy.Add(*chain);
  }
  return out;
}

FilterChain& Ruleset::Builtin(std::string_view name, Hook hook, FilterFamily family) {
  FilterTable* table = Find(family, name);
  if (!table) table = &Add(family, std::string(name));
  if (FilterChain* chain = table->Find(BuiltinName(hook))) return *chain;
  for (const BuiltinChain& builtin : BuiltinChains(name))
    if (builtin.hook == hook)
      return table->Add({.name = BuiltinName(hook), .hook = hook, .type = builtin.type, .priority = builtin.priority});
  return table->Add({.name = BuiltinName(hook)});
}

const FilterChain* Ruleset::FindBuiltin(std::string_view name, Hook hook, FilterFamily family) const {
  const FilterTable* table = Find(family, name);
  return table ? table->Find(BuiltinName(hook)) : nullptr;
}

void Ruleset::Rebuild() {
  RebuildHooks(false);
  RebuildHooks(true);
}

void Ruleset::RebuildHooks(bool isV6) {
  Hooks& of = m_of[isV6];
  of = {};
  bool translates = false;
  for (const auto& table : m_tables) {
    if (table->family != FilterFamily::Inet && table->family != (isV6 ? FilterFamily::Ip6 : FilterFamily::Ip)) continue;
    for (const auto& chain : table->chains) {
      for (const FilterRule& rule : chain->rules) of.tracks |= NeedsTracking(rule);
      if (!chain->hook) continue;
      translates |= chain->type == ChainType::Nat;
      auto& steps = (chain->type == ChainType::Nat ? of.nat : of.steps)[static_cast<size_t>(*chain->hook)];
      steps.push_back({HookStep::Kind::Chain, chain->priority, table.get(), chain.get()});
    }
  }
  auto add = [&](Hook hook, HookStep::Kind kind, int priority) {
    of.steps[static_cast<size_t>(hook)].push_back({kind, priority});
  };
  if (of.tracks) {
    for (Hook hook : {Hook::Prerouting, Hook::Output}) {
      add(hook, HookStep::Kind::Defragment, kPriorityDefrag);
      add(hook, HookStep::Kind::Track, kPriorityConntrack);
      if (translates) add(hook, HookStep::Kind::Translate, kPriorityDstnat);
    }
    for (Hook hook : {Hook::Input, Hook::Postrouting}) {
      if (translates) add(hook, HookStep::Kind::Translate, kPrioritySrcnat);
      add(hook, HookStep::Kind::Confirm, std::numeric_limits<int>::max());
    }
  }
  for (auto* all : {&of.steps, &of.nat})
    for (auto& steps : *all)
      std::stable_sort(steps.begin(), steps.end(),
                       [](const HookStep& a, const HookStep& b) { return a.priority < b.priority; });
}

FilterVerdict Ruleset::Walk(const FilterTable& table, FilterChain& chain, FilterPacket& packet) {
  if (auto verdict = WalkRules(table, chain, packet)) return *verdict;
  if (chain.countsPolicy) {
    ++chain.packets;
    chain.bytes += packet.bytes;
    if (packet.counted) packet.counted->push_back({&chain.packets, &chain.bytes, packet.bytes});
  }
  return {chain.drops ? Target::Kind::Drop : Target::Kind::Accept, nullptr};
}

std::vector<BuiltinChain> BuiltinChains(std::string_view table) {
  if (table == "filter" || table == "security") {
    const int priority = table == "filter" ? kPriorityFilter : kPrioritySecurity;
    return {{Hook::Input, ChainType::Filter, priority},
            {Hook::Forward, ChainType::Filter, priority},
            {Hook::Output, ChainType::Filter, priority}};
  }
  if (table == "nat")
    return {{Hook::Prerouting, ChainType::Nat, kPriorityDstnat},
            {Hook::Input, ChainType::Nat, kPrioritySrcnat},
            {Hook::Output, ChainType::Nat, kPriorityDstnat},
            {Hook::Postrouting, ChainType::Nat, kPrioritySrcnat}};
  if (table == "mangle")
    return {{Hook::Prerouting, ChainType::Filter, kPriorityMangle},
            {Hook::Input, ChainType::Filter, kPriorityMangle},
            {Hook::Forward, ChainType::Filter, kPriorityMangle},
            {Hook::Output, ChainType::Reroute, kPriorityMangle},
            {Hook::Postrouting, ChainType::Filter, kPriorityMangle}};
  if (table == "raw")
    return {{Hook::Prerouting, ChainType::Filter, kPriorityRaw}, {Hook::Output, ChainType::Filter, kPriorityRaw}};
  return {};
}

const char* BuiltinName(Hook hook) {
  static constexpr const char* kNames[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
  return kNames[static_cast<size_t>(hook)];
}

}  // namespace overlaysim::kernel
