#include "models/linux/ipv6_tables.h"

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "models/linux/fib_select.h"
#include "models/linux/namespace.h"

namespace overlaysim::kernel {
namespace {

constexpr uint32_t kMainRulePreference = 32766;
constexpr Ipv6Prefix kMulticast{{{0xff}}, 8};
constexpr Ipv6Address kInterfaceAllNodes{{0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr Ipv6Address kInterfaceAllRouters{{0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
constexpr Ipv6Address kSiteAllRouters{{0xff, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};

bool IsThrough(const Route6& route, int ifindex) {
  return std::any_of(route.nextHops.begin(), route.nextHops.end(),
                     [&](const NextHop6& h) { return h.ifindex == ifindex; });
}

/// rt6_need_strict(): such a destination means something on one link only.
bool IsBoundToLink(const Ipv6Address& dst) { return dst.IsMulticast() || dst.IsLinkLocal() || dst.IsLoopback(); }

/// rt6_qualify_for_ecmp(): routes by a gateway, of one metric, become one route with several next hops.
bool MayHaveSiblings(const Route6& route) {
  return route.protocol != kProtoKernel && !route.nextHops.empty() && !route.nextHops.front().gateway.IsZero();
}

/// The scope of RFC 4007 as a number that grows with it (IPV6_ADDR_SCOPE_*).
int ScopeRank(const Ipv6Address& a) {
  if (a.IsMulticast()) return a.MulticastScope();
  if (a.IsLoopback() || a.IsLinkLocal()) return 2;
  return a.IsSiteLocal() ? 5 : 14;
}

/// The default policy table (net/ipv6/addrlabel.c).
int PolicyLabel(const Ipv6Address& a) {
  static constexpr struct {
    Ipv6Prefix prefix;
    int label;
  } kLabels[] = {
      {{Ipv6Address::Loopback(), 128}, 0},
      {{{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, 96}, 4},
      {{{}, 96}, 3},
      {{{{0x20, 0x01, 0, 0}}, 32}, 6},
      {{{{0x20, 0x01, 0, 0x10}}, 28}, 7},
      {{{{0x3f, 0xfe}}, 16}, 12},
      {{{{0x20, 0x02}}, 16}, 2},
      {{{{0xfe, 0xc0}}, 10}, 11},
      {{{{0xfc}}, 7}, 5},
  };
  for (const auto& entry : kLabels)
    if (entry.prefix.Contains(a)) return entry.label;
  return 1;
}

/// An address is in use while its local route is there: not while it is tentative, or kept on a link that is down.
bool IsInUse(const FibTable6* local, const Address6& a) {
  const std::vector<Route6>* routes = local ? local->At({a.local, 128}) : nullptr;
  return routes && std::any_of(routes->begin(), routes->end(),
                               [&](const Route6& r) { return r.type == RouteType::Local && IsThrough(r, a.ifindex); });
}

/// IFF_MULTICAST
bool TakesGroups(const Link& link) { return link.kind != LinkKind::Loopback && link.kind != LinkKind::Dummy; }
/// IFF_LOOPBACK or IFF_NOARP: nobody to ask for addresses
bool HasNoDiscovery(const Link& link) {
  return link.kind == LinkKind::Loopback || link.kind == LinkKind::Dummy || link.noArp;
}

}  // namespace

Ipv6Tables::Ipv6Tables(Namespace& ns) : m_ns(ns) {
  m_rules.push_back({.preference = 0, .table = kTableLocal, .rowId = ns.NextRowId()});
  m_rules.push_back({.preference = kMainRulePreference, .table = kTableMain, .rowId = ns.NextRowId()});
  allConf.acceptDad = 0;
}

// ------------------------------------------------------------------------------------------------ devices

Ipv6Tables::Device* Ipv6Tables::Find(int ifindex) {
  auto it = m_devices.find(ifindex);
  return it == m_devices.end() ? nullptr : &it->second;
}
const Ipv6Tables::Device* Ipv6Tables::Find(int ifindex) const {
  auto it = m_devices.find(ifindex);
  return it == m_devices.end() ? nullptr : &it->second;
}
const Link* Ipv6Tables::LinkOf(int ifindex) const { return m_ns.GetLink(ifindex); }

void Ipv6Tables::Tell(Ipv6Event::Kind kind, int ifindex, const Ipv6Address& address) const {
  if (onEvent) onEvent({kind, ifindex, address});
}

Ipv6Tables::DeviceConf& Ipv6Tables::Conf(int ifindex) { return m_devices.at(ifindex).conf; }
const Ipv6Tables::DeviceConf& Ipv6Tables::GetConf(int ifindex) const {
  const Device* device = Find(ifindex);
  return device ? device->conf : defaultConf;
}

bool Ipv6Tables::IsEnabled(int ifindex) const {
  const Device* device = Find(ifindex);
  return device && device->isThere && !device->conf.disableIpv6;
}
bool Ipv6Tables::IsReady(int ifindex) const {
  const Device* device = Find(ifindex);
  const Link* link = LinkOf(ifindex);
  return device && device->isReady && link && m_ns.IsRunning(*link);
}

void Ipv6Tables::LinkAdded(int ifindex) {
  m_devices[ifindex].conf = defaultConf;
  if (LinkOf(ifindex)->mtu >= kIpv6MinMtu) Start(ifindex);
}

void Ipv6Tables::LinkDeleted(int ifindex) {
  Stop(ifindex, true);
  m_devices.erase(ifindex);
  m_parms.erase(ifindex);
}

void Ipv6Tables::Start(int ifindex) {
  Device& device = m_devices[ifindex];
  const Link& link = *LinkOf(ifindex);
  device.isThere = true;
  device.conf = defaultConf;
  if (link.kind == LinkKind::Loopback) device.conf.acceptDad = device.conf.useTempaddr = -1;
  device.conf.mtu = static_cast<int32_t>(link.mtu);
  JoinGroup(ifindex, kInterfaceAllNodes);
  JoinGroup(ifindex, Ipv6Address::AllNodes());
  if (device.conf.forwarding && TakesGroups(link)) JoinGroup(ifindex, Ipv6Address::AllRouters());
}

void Ipv6Tables::LinkDown(int ifindex) { Stop(ifindex, false); }

/// addrconf_ifdown() and rt6_disable_ip(): routes go, but for those that have another way left.
void Ipv6Tables::Stop(int ifindex, bool forGood) {
  Device* device = Find(ifindex);
  if (!device || !device->isThere) return;
  device->isReady = false;
  FlushNeighbours([&](const Neighbour6& n) { return n.ifindex == ifindex; });
  std::vector<Address6> gone;
  for (Address6& a : m_addresses) {
    if (a.ifindex != ifindex) continue;
    if (forGood || device->conf.keepAddrOnDown <= 0 || a.local.IsLinkLocal()) {
      gone.push_back(a);
    } else {  // kept, and to be checked again
      RemoveFromUse(a);
      a.tentative = !a.noDad;
    }
  }
  for (const Address6& a : gone) DeleteAddress(ifindex, {a.local, a.prefixLength});
  FlushRoutes([&](const Route6& r) {
    return IsThrough(r, ifindex) && std::all_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop6& h) {
             const Link* link = LinkOf(h.ifindex);
             return h.ifindex == ifindex || !link || !link->adminUp;
           });
  });
  if (forGood) {
    device->groups.clear();
    device->isThere = false;
    return;
  }
  for (Group& group : device->groups) {  // ipv6_mc_down()
    group.isLoaded = false;
    Tell(Ipv6Event::Kind::GroupLeft, ifindex, group.address);
  }
}

void Ipv6Tables::LinkChanged(int ifindex) {
  const Link* link = LinkOf(ifindex);
  Device* device = Find(ifindex);
  if (!link || !device) return;
  if (link->mtu < kIpv6MinMtu) return Stop(ifindex, true);
  if (!device->isThere) Start(ifindex);
  device->conf.mtu = static_cast<int32_t>(link->mtu);
  Bring(ifindex);
}

void Ipv6Tables::Bring(int ifindex) {
  const Link* link = LinkOf(ifindex);
  Device* device = Find(ifindex);
  if (!device->isThere || device->conf.disableIpv6 || !link->adminUp || device->isReady) return;
  for (const Address6& a : m_addresses) {  // addrconf_permanent_addr(): those given or kept while the link was down
    if (a.ifindex != ifindex) continue;
    TakeIntoUse(a);
    AddPrefixRoute(a);
  }
  if (!m_ns.IsRunning(*link)) return;
  device->isReady = true;
  for (Group& group : device->groups) {  // ipv6_mc_up()
    group.isLoaded = true;
    Tell(Ipv6Event::Kind::GroupJoined, ifindex, group.address);
  }
  GenerateAddresses(ifindex);
  const std::vector<Address6> all = m_addresses;  // addrconf_dad_run()
  for (const Address6& a : all)
    if (a.ifindex == ifindex && a.tentative && !a.dadFailed) StartDad(ifindex, a.local);
  Tell(Ipv6Event::Kind::Ready, ifindex);
}

void Ipv6Tables::GenerateAddresses(int ifindex) {
  const Link& link = *LinkOf(ifindex);
  if (link.kind == LinkKind::Loopback) {
    if (!FindAddress(ifindex, Ipv6Address::Loopback())) {
      TakeIntoUse(Insert({.ifindex = ifindex, .local = Ipv6Address::Loopback()}));
    }
    return;
  }
  AddMulticastRoute(ifindex);
  if (GetConf(ifindex).addrGenMode != 0 || !HasLinkHeader(link.kind)) return;
  const Ipv6Address own = LinkLocalFromMac(link.address);
  if (FindAddress(ifindex, own)) return;
  AddPrefixRoute(Insert({.ifindex = ifindex, .local = own, .prefixLength = 64, .tentative = true}));
  StartDad(ifindex, own);
}

void Ipv6Tables::AddMulticastRoute(int ifindex) {
  if (!LinkOf(ifindex)->adminUp) return;
  AddOwnRoute(ifindex, RouteType::Multicast, kMulticast, kTableLocal, kIpv6AddressMetric);
}

// ------------------------------------------------------------------------------------------------ addresses

const Address6* Ipv6Tables::FindAddress(int ifindex, const Ipv6Address& ip) const {
  for (const Address6& a : m_addresses)
    if (a.local == ip && (ifindex == 0 || a.ifindex == ifindex)) return &a;
  return nullptr;
}
Address6* Ipv6Tables::FindMutable(int ifindex, const Ipv6Address& ip) {
  return const_cast<Address6*>(FindAddress(ifindex, ip));
}

bool Ipv6Tables::IsLocalAddress(const Ipv6Address& ip, int ifindex) const {
  return std::any_of(m_addresses.begin(), m_addresses.end(), [&](const Address6& a) {
    return a.local == ip && !a.tentative && (ifindex == 0 || a.ifindex == ifindex);
  });
}

bool Ipv6Tables::IsAnycastAddress(const Ipv6Address& ip, int ifindex) const {
  return std::any_of(m_devices.begin(), m_devices.end(), [&](const auto& entry) {
    const auto& [index, device] = entry;
    return (ifindex == 0 || index == ifindex) &&
           std::any_of(device.anycasts.begin(), device.anycasts.end(), [&](const auto& a) { return a.first == ip; });
  });
}

std::optional<Ipv6Address> Ipv6Tables::LinkLocalAddress(int ifindex) const {
  for (const Address6& a : m_addresses)
    if (a.ifindex == ifindex && a.local.IsLinkLocal() && !a.tentative) return a.local;
  return std::nullopt;
}

/// ipv6_link_dev_addr()
Address6& Ipv6Tables::Insert(Address6 address) {
  address.rowId = m_ns.NextRowId();
  auto at = m_addresses.end();
  for (auto it = m_addresses.begin(); it != m_addresses.end(); ++it) {
    if (it->ifindex != address.ifindex) continue;
    at = it + 1;
    if (ScopeRank(address.local) < ScopeRank(it->local)) continue;
    at = it;
    break;
  }
  Address6& made = *m_addresses.insert(at, address);
  m_ns.Changed(Table::Address6, TableChange::Op::Add, &made, made.rowId, made.ifindex);
  if (!HasNoDiscovery(*LinkOf(made.ifindex))) JoinGroup(made.ifindex, made.local.SolicitedNode());
  return made;
}

/// inet6_addr_add()
int Ipv6Tables::AddAddress(Address6 address, std::string* why) {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  const Link* link = LinkOf(address.ifindex);
  if (!link) return ENODEV;
  const Device* device = Find(address.ifindex);
  if (!device->isThere) return EINVAL;
  if (device->conf.disableIpv6) return fail(EACCES, "ipv6: IPv6 is disabled on this device");
  if (address.local.IsMulticast())
    return fail(EADDRNOTAVAIL, "ipv6: Cannot assign multicast address without \"IFA_F_MCAUTOJOIN\" flag");
  if (address.local.IsZero()) return fail(EADDRNOTAVAIL, "ipv6: Invalid address");
  if (address.local.IsLoopback() && link->kind != LinkKind::Loopback)
    return fail(EADDRNOTAVAIL, "ipv6: Cannot assign loopback address on this device");
  if (FindAddress(address.ifindex, address.local)) return fail(EEXIST, "ipv6: address already assigned");
  if (link->kind != LinkKind::Loopback) AddMulticastRoute(address.ifindex);
  address.tentative = !address.noDad;
  AddPrefixRoute(Insert(address));
  StartDad(address.ifindex, address.local);
  return 0;
}

int Ipv6Tables::ReplaceAddress(const Address6& address, std::string* why) {
  Address6* there = FindMutable(address.ifindex, address.local);
  if (!there) return AddAddress(address, why);
  const bool hadPrefixRoute = !there->noPrefixRoute;
  const uint32_t before = there->metric != 0 ? there->metric : kIpv6AddressMetric;
  there->noPrefixRoute = address.noPrefixRoute;
  there->homeAddress = address.homeAddress;
  there->noDad = address.noDad;
  there->metric = address.metric;
  m_ns.Changed(Table::Address6, TableChange::Op::Change, there, there->rowId, there->ifindex);
  const uint32_t after = there->metric != 0 ? there->metric : kIpv6AddressMetric;
  if (hadPrefixRoute && (there->noPrefixRoute || before != after))
    DeleteOwnRoute(there->ifindex, RouteType::Unicast, there->Subnet(), kTableMain, before);
  AddPrefixRoute(*there);
  return 0;
}

/// ipv6_del_addr()
int Ipv6Tables::DeleteAddress(int ifindex, const Ipv6Prefix& local) {
  auto it = std::find_if(m_addresses.begin(), m_addresses.end(), [&](const Address6& a) {
    return a.ifindex == ifindex && a.local == local.address && a.prefixLength == local.length;
  });
  if (it == m_addresses.end()) return EADDRNOTAVAIL;
  const Address6 gone = *it;
  m_addresses.erase(it);
  m_ns.Changed(Table::Address6, TableChange::Op::Delete, &gone, gone.rowId, ifindex);
  const bool subnetStays = std::any_of(m_addresses.begin(), m_addresses.end(), [&](const Address6& a) {
    return a.ifindex == ifindex && !a.noPrefixRoute && a.Subnet() == gone.Subnet();
  });
  if (!gone.noPrefixRoute && !subnetStays)
    DeleteOwnRoute(ifindex, RouteType::Unicast, gone.Subnet(), kTableMain,
                   gone.metric != 0 ? gone.metric : kIpv6AddressMetric);
  RemoveFromUse(gone);
  if (!HasNoDiscovery(*LinkOf(ifindex))) LeaveGroup(ifindex, gone.local.SolicitedNode());
  if (!IsLocalAddress(gone.local))  // rt6_remove_prefsrc()
    for (auto& [id, table] : m_tables)
      for (const Route6* r : table.Sorted())
        if (r->prefSrc == gone.local)
          for (Route6& own : *table.MutableAt(r->dst))
            if (own.rowId == r->rowId) {
              own.prefSrc = {};
              m_ns.Changed(Table::Route6, TableChange::Op::Change, &own, own.rowId);
            }
  return 0;
}

void Ipv6Tables::StartDad(int ifindex, const Ipv6Address& ip) {
  const Address6* address = FindAddress(ifindex, ip);
  if (!address) return;
  const bool isNeeded = address->tentative && !address->noDad && !HasNoDiscovery(*LinkOf(ifindex)) &&
                        (allConf.acceptDad >= 1 || GetConf(ifindex).acceptDad >= 1);
  if (!isNeeded)
    EndDad(ifindex, ip, false);
  else if (IsReady(ifindex))
    Tell(Ipv6Event::Kind::DadStart, ifindex, ip);
}

int Ipv6Tables::EndDad(int ifindex, const Ipv6Address& ip, bool isDuplicate) {
  Address6* address = FindMutable(ifindex, ip);
  if (!address) return EADDRNOTAVAIL;
  const bool changes = address->tentative || isDuplicate;
  address->tentative = isDuplicate;
  address->dadFailed = isDuplicate;
  if (changes) m_ns.Changed(Table::Address6, TableChange::Op::Change, address, address->rowId, ifindex);
  if (!isDuplicate) TakeIntoUse(*address);
  return 0;
}

void Ipv6Tables::TakeIntoUse(const Address6& a) {
  if (a.tentative || IsInUse(FindTable(kTableLocal), a)) return;
  AddOwnRoute(a.ifindex, RouteType::Local, {a.local, 128}, kTableLocal, 0);
  if (GetConf(a.ifindex).forwarding) JoinAnycast(a);
}

void Ipv6Tables::RemoveFromUse(const Address6& a) {
  if (!IsInUse(FindTable(kTableLocal), a)) return;
  if (GetConf(a.ifindex).forwarding) LeaveAnycast(a);
  DeleteOwnRoute(a.ifindex, RouteType::Local, {a.local, 128}, kTableLocal, 0);
}

void Ipv6Tables::AddPrefixRoute(const Address6& a) {
  if (a.noPrefixRoute || a.local.IsLoopback() || !LinkOf(a.ifindex)->adminUp) return;
  AddOwnRoute(a.ifindex, RouteType::Unicast, a.Subnet(), kTableMain, a.metric != 0 ? a.metric : kIpv6AddressMetric);
}

void Ipv6Tables::AddOwnRoute(int ifindex, RouteType type, const Ipv6Prefix& dst, uint32_t table, uint32_t metric) {
  Route6 r;
  r.dst = dst;
  r.type = type;
  r.protocol = kProtoKernel;
  r.table = table;
  r.metric = metric;
  r.nextHops = {{.ifindex = ifindex}};
  FibTable6& t = m_tables[table];
  if (const auto* there = t.At(dst))
    for (const Route6& o : *there)
      if (o.metric == r.metric && o.type == r.type && o.nextHops == r.nextHops) return;
  r.rowId = m_ns.NextRowId();
  const Route6& made = t.Insert(std::move(r), true);
  m_ns.Changed(Table::Route6, TableChange::Op::Add, &made, made.rowId);
}

void Ipv6Tables::DeleteOwnRoute(int ifindex, RouteType type, const Ipv6Prefix& dst, uint32_t table, uint32_t metric) {
  auto it = m_tables.find(table);
  if (it == m_tables.end() || !it->second.At(dst)) return;
  it->second.Erase(
      [&](const Route6& r) {
        return r.dst == dst && r.type == type && r.metric == metric && r.protocol == kProtoKernel &&
               r.nextHops.size() == 1 && r.nextHops.front() == NextHop6{.ifindex = ifindex};
      },
      [&](const Route6& gone) { m_ns.Changed(Table::Route6, TableChange::Op::Delete, &gone, gone.rowId); });
}

/// addrconf_join_anycast(): a router answers to the subnet's own address.
void Ipv6Tables::JoinAnycast(const Address6& a) {
  if (a.prefixLength >= 127 || a.Subnet().address.IsZero()) return;
  const Ipv6Address anycast = a.Subnet().address;
  auto& all = m_devices[a.ifindex].anycasts;
  for (auto& [address, users] : all)
    if (address == anycast) {
      ++users;
      return;
    }
  all.emplace_back(anycast, 1);
  AddOwnRoute(a.ifindex, RouteType::Anycast, {anycast, 128}, kTableLocal, 0);
  if (!HasNoDiscovery(*LinkOf(a.ifindex))) JoinGroup(a.ifindex, anycast.SolicitedNode());
}

void Ipv6Tables::LeaveAnycast(const Address6& a) {
  auto& all = m_devices[a.ifindex].anycasts;
  const Ipv6Address anycast = a.Subnet().address;
  auto it = std::find_if(all.begin(), all.end(), [&](const auto& entry) { return entry.first == anycast; });
  if (it == all.end() || a.prefixLength >= 127 || --it->second > 0) return;
  all.erase(it);
  LeaveGroup(a.ifindex, anycast.SolicitedNode());
  DeleteOwnRoute(a.ifindex, RouteType::Anycast, {anycast, 128}, kTableLocal, 0);
}

Ipv6Address Ipv6Tables::SelectSource(int ifindex, const Ipv6Address& dst) const {
  const bool onlyThere = ifindex != 0 && (dst.IsMulticast() || ScopeRank(dst) <= 2 || GetConf(ifindex).useOifAddrsOnly);
  // The rules of RFC 6724, section 5, in order; the first that tells two addresses apart decides.
  auto score = [&](const Address6& a) {
    const int scope = ScopeRank(a.local);
    const int wanted = ScopeRank(dst);
    const int scopeScore = scope >= wanted ? -scope : scope - 128;
    const int common = std::min<int>(a.local.CommonPrefix(dst), a.prefixLength);
    return std::tuple(a.local == dst, scopeScore, !a.deprecated, a.homeAddress, ifindex == 0 || a.ifindex == ifindex,
                      PolicyLabel(a.local) == PolicyLabel(dst), common);
  };
  const Address6* best = nullptr;
  for (const Link* link : m_ns.Links()) {
    if (onlyThere && link->ifindex != ifindex) continue;
    for (const Address6& a : m_addresses) {
      if (a.ifindex != link->ifindex || a.tentative) continue;
      if (!best || score(a) > score(*best)) best = &a;
    }
  }
  return best ? best->local : Ipv6Address{};
}

// ------------------------------------------------------------------------------------------------ routes

const FibTable6* Ipv6Tables::FindTable(uint32_t id) const {
  auto it = m_tables.find(id);
  return it == m_tables.end() ? nullptr : &it->second;
}

/// Whether a next hop can be taken: its device is up, and is the one asked for.
bool Ipv6Tables::IsUsable(const Route6& route, const NextHop6& hop, int oif) const {
  const Link* link = LinkOf(hop.ifindex);
  if (!link || (oif != 0 && oif != hop.ifindex)) return false;
  if (route.type == RouteType::Local || route.type == RouteType::Anycast) return true;
  return link->adminUp && (GetConf(hop.ifindex).ignoreRoutesWithLinkdown == 0 || m_ns.IsRunning(*link));
}

/// fib6_table_lookup(). `oif` is a must, or else what is preferred among routes of one prefix and metric
/// (rt6_score_route()).
const Route6* Ipv6Tables::Find(const FibTable6& table, const Ipv6Address& dst, int oif, bool isStrict) const {
  auto usable = [&](const Route6& r, int through) {
    return IsUnreachableType(r.type) || std::any_of(r.nextHops.begin(), r.nextHops.end(),
                                                    [&](const NextHop6& h) { return IsUsable(r, h, through); });
  };
  const Route6* found = table.Find(dst, [&](const Route6& r) { return usable(r, isStrict ? oif : 0); });
  if (!found || isStrict || oif == 0) return found;
  for (const Route6& r : *table.At(found->dst))
    if (r.metric == found->metric && usable(r, oif)) return &r;
  return found;
}

/// ip6_validate_gw() of net/ipv6/route.c.
int Ipv6Tables::CheckGateway(const Route6& route, NextHop6& hop, std::string* why) const {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  const Ipv6Address& gateway = hop.gateway;
  const bool isOwn = gateway.IsLinkLocal() ? hop.ifindex != 0 && FindAddress(hop.ifindex, gateway)
                                           : FindAddress(0, gateway) != nullptr;
  if (isOwn) return fail(EINVAL, "Gateway can not be a local address");
  if (!gateway.IsLinkLocal()) {
    if (gateway.IsMulticast() || gateway.IsLoopback()) return fail(EINVAL, "Invalid gateway address");
    if (hop.onlink) {
      const Route6Answer found = Lookup({.dst = gateway, .oif = hop.ifindex});
      if (found.error == 0 && found.route.dst.length != 0 &&
          (found.route.type != RouteType::Unicast || found.nextHop.ifindex != hop.ifindex))
        return fail(EINVAL, "Nexthop has invalid gateway or device mismatch");
    } else {
      const FibTable6* table = FindTable(route.table);
      const Route6* direct = table ? Find(*table, gateway, hop.ifindex, true) : nullptr;
      Route6Answer found;
      if (direct && !IsUnreachableType(direct->type) && direct->nextHops.front().gateway.IsZero()) {
        found.error = 0;
        for (const NextHop6& h : direct->nextHops)
          if (IsUsable(*direct, h, hop.ifindex)) found.nextHop = h;
      } else {
        found = Lookup({.dst = gateway, .oif = hop.ifindex});
      }
      if (found.error != 0 || !found.nextHop.gateway.IsZero()) return EHOSTUNREACH;
      if (hop.ifindex != 0 && found.nextHop.ifindex != hop.ifindex) return EHOSTUNREACH;
      hop.ifindex = found.nextHop.ifindex;
    }
  }
  const Link* link = LinkOf(hop.ifindex);
  if (!link) return fail(EINVAL, "Egress device not specified");
  if (link->kind == LinkKind::Loopback) return fail(EINVAL, "Egress device can not be loopback device for this route");
  return 0;
}

/// fib6_nh_init()
int Ipv6Tables::CheckNextHop(const Route6& route, NextHop6& hop, std::string* why) const {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  if (hop.ifindex != 0 && (!LinkOf(hop.ifindex) || !Find(hop.ifindex)->isThere)) return ENODEV;
  if (hop.onlink) {
    const Link* link = LinkOf(hop.ifindex);
    if (!link) return fail(EINVAL, "Nexthop device required for onlink");
    if (!link->adminUp) return fail(ENETDOWN, "Nexthop device is not up");
  }
  if (!hop.gateway.IsZero())
    if (int error = CheckGateway(route, hop, why)) return error;
  const Link* link = LinkOf(hop.ifindex);
  if (!link) return ENODEV;
  if (GetConf(hop.ifindex).disableIpv6) return fail(EACCES, "IPv6 is disabled on nexthop device");
  if (!link->adminUp) return fail(ENETDOWN, "Nexthop device is not up");
  return 0;
}

/// ip6_route_info_create() and fib6_add_rt2node()
int Ipv6Tables::AddRoute(Route6 route, uint8_t flags, std::string* why) {
  route.dst = route.dst.Canonical();
  if (route.metric == 0) route.metric = kIpv6UserRouteMetric;
  if (IsUnreachableType(route.type)) {
    route.nextHops = {{.ifindex = 1}};  // they stand on lo
  } else {
    if (route.nextHops.empty()) return ENODEV;
    for (NextHop6& hop : route.nextHops)
      if (int error = CheckNextHop(route, hop, why)) return error;
  }
  if (!route.prefSrc.IsZero() && !IsLocalAddress(route.prefSrc)) {
    if (why) *why = "Invalid source address";
    return EINVAL;
  }
  FibTable6& table = m_tables[route.table];
  auto* there = table.MutableAt(route.dst);
  if (!there && !(flags & Namespace::kCreate)) {
    if (why) *why = "Can not replace route - no match found";
    return ENOENT;
  }
  Route6* sibling = nullptr;  // one of the same metric that is by a gateway as this one is, or not as this one is not
  Route6* equal = nullptr;    // any of the same metric
  if (there)
    for (Route6& r : *there) {
      if (r.metric != route.metric) continue;
      if (flags & Namespace::kExclusive) return EEXIST;
      if (!equal) equal = &r;
      if (!sibling && MayHaveSiblings(r) == MayHaveSiblings(route)) sibling = &r;
      if (!(flags & Namespace::kReplace))
        for (const NextHop6& hop : route.nextHops)
          for (const NextHop6& old : r.nextHops)
            if (old.ifindex == hop.ifindex && old.gateway == hop.gateway) return EEXIST;
    }
  if (flags & Namespace::kReplace) {
    if (Route6* old = sibling ? sibling : equal) {
      route.rowId = old->rowId;
      *old = std::move(route);
      m_ns.Changed(Table::Route6, TableChange::Op::Change, old, old->rowId);
      return 0;
    }
    if (!(flags & Namespace::kCreate)) return ENOENT;
  } else if (sibling && MayHaveSiblings(route)) {
    sibling->nextHops.insert(sibling->nextHops.end(), route.nextHops.begin(), route.nextHops.end());
    m_ns.Changed(Table::Route6, TableChange::Op::Change, sibling, sibling->rowId);
    return 0;
  }
  route.rowId = m_ns.NextRowId();
  const Route6& made = table.Insert(std::move(route), true);
  m_ns.Changed(Table::Route6, TableChange::Op::Add, &made, made.rowId);
  return 0;
}

/// ip6_route_del(): a gateway that is named takes only its own next hop along.
int Ipv6Tables::DeleteRoute(const Route6& pattern) {
  auto it = m_tables.find(pattern.table);
  auto* there = it == m_tables.end() ? nullptr : it->second.MutableAt(pattern.dst.Canonical());
  if (!there) return ESRCH;
  for (Route6& r : *there) {
    if (pattern.metric != 0 && r.metric != pattern.metric) continue;
    if (pattern.protocol != kProtoUnspec && r.protocol != pattern.protocol) continue;
    auto agrees = [&](const NextHop6& has) {
      return pattern.nextHops.empty() ||
             std::any_of(pattern.nextHops.begin(), pattern.nextHops.end(), [&](const NextHop6& want) {
               return (want.ifindex == 0 || want.ifindex == has.ifindex) &&
                      (want.gateway.IsZero() || want.gateway == has.gateway);
             });
    };
    if (!std::any_of(r.nextHops.begin(), r.nextHops.end(), agrees)) continue;
    const bool namesGateway = std::any_of(pattern.nextHops.begin(), pattern.nextHops.end(),
                                          [](const NextHop6& h) { return !h.gateway.IsZero(); });
    if (namesGateway && r.nextHops.size() > pattern.nextHops.size()) {
      std::erase_if(r.nextHops, agrees);
      m_ns.Changed(Table::Route6, TableChange::Op::Change, &r, r.rowId);
      return 0;
    }
    const uint32_t rowId = r.rowId;
    it->second.Erase([&](const Route6& o) { return o.rowId == rowId; },
                     [&](const Route6& gone) { m_ns.Changed(Table::Route6, TableChange::Op::Delete, &gone, rowId); });
    return 0;
  }
  return ESRCH;
}

size_t Ipv6Tables::FlushRoutes(const std::function<bool(const Route6&)>& which) {
  size_t count = 0;
  for (auto& [id, table] : m_tables)
    count += table.Erase(
        which, [&](const Route6& gone) { m_ns.Changed(Table::Route6, TableChange::Op::Delete, &gone, gone.rowId); });
  return count;
}

std::vector<Route6> Ipv6Tables::Routes(uint32_t table) const {
  std::vector<Route6> out;
  auto add = [&](uint32_t id) {
    const auto first = static_cast<std::ptrdiff_t>(out.size());
    if (const FibTable6* t = FindTable(id))
      for (const Route6* r : t->Sorted()) out.push_back(*r);
    if (id != kTableMain || !m_ns.peers) return;
    for (Route6& r : m_ns.peers->Routes6()) out.push_back(std::move(r));
    std::stable_sort(out.begin() + first, out.end(),
                     [](const Route6& a, const Route6& b) { return PrintsBefore(a.dst, b.dst); });
  };
  if (table != 0) return add(table), out;
  for (const auto& [id, t] : m_tables)  // the order of the kernel's hash chains: main and local come last
    if (id != kTableMain && id != kTableLocal) add(id);
  add(kTableMain);
  add(kTableLocal);
  return out;
}

Route6Answer Ipv6Tables::Lookup(const Route6Query& query) const {
  Route6Answer answer;
  const bool isBound = IsBoundToLink(query.dst);
  const int oif = query.oif == 0 && isBound ? query.iif : query.oif;
  const bool isStrict = isBound || query.src.IsZero();  // RT6_LOOKUP_F_IFACE
  auto isNamed = [&](const std::string& name, int ifindex) {
    const Link* link = LinkOf(ifindex);
    return link && link->name == name;
  };
  for (const Rule6& rule : m_rules) {
    if (!Selects(rule, query, isNamed)) continue;
    answer.ruleId = rule.rowId;
    if (rule.action == RouteType::Blackhole) return answer.error = EINVAL, answer;
    if (rule.action == RouteType::Unreachable) return answer.error = ENETUNREACH, answer;
    if (rule.action == RouteType::Prohibit) return answer.error = EACCES, answer;
    const FibTable6* table = FindTable(rule.table);
    const Route6* found = table ? Find(*table, query.dst, oif, isStrict) : nullptr;
    Route6 shared;
    if (rule.table == kTableMain && m_ns.peers && m_ns.peers->FindRoute6(query.dst, shared) &&
        (!found || shared.dst.length > found->dst.length) &&
        std::any_of(shared.nextHops.begin(), shared.nextHops.end(),
                    [&](const NextHop6& h) { return IsUsable(shared, h, oif); }))
      found = &shared;
    if (!found) continue;
    answer.route = *found;
    if (found->type == RouteType::Throw) continue;
    if (found->type == RouteType::Blackhole) return answer.error = EINVAL, answer;
    if (found->type == RouteType::Unreachable) return answer.error = EHOSTUNREACH, answer;
    if (found->type == RouteType::Prohibit) return answer.error = EACCES, answer;
    answer.error = 0;
    const bool isOneThere = std::any_of(answer.route.nextHops.begin(), answer.route.nextHops.end(),
                                        [&](const NextHop6& h) { return IsUsable(answer.route, h, oif); });
    answer.nextHop = SelectNextHop(answer.route, query.flowHash,
                                   [&](const NextHop6& h) { return IsUsable(answer.route, h, isOneThere ? oif : 0); });
    return answer;
  }
  answer.error = ENETUNREACH;
  return answer;
}

Ipv6Address Ipv6Tables::SourceFor(const Route6Answer& answer, const Ipv6Address& dst) const {
  return answer.route.prefSrc.IsZero() ? SelectSource(answer.nextHop.ifindex, dst) : answer.route.prefSrc;
}

int Ipv6Tables::AddRule(Rule6 rule) {
  if (rule.preference == 0)  // fib_default_rule_pref(): just before the second rule
    rule.preference = m_rules.size() > 1 && m_rules[1].preference > 0 ? m_rules[1].preference - 1 : 0;
  for (const Rule6& r : m_rules)
    if (IsSameRule(r, rule)) return EEXIST;
  rule.rowId = m_ns.NextRowId();
  auto at = std::upper_bound(m_rules.begin(), m_rules.end(), rule,
                             [](const Rule6& a, const Rule6& b) { return a.preference < b.preference; });
  at = m_rules.insert(at, std::move(rule));
  m_ns.Changed(Table::Rule6, TableChange::Op::Add, &*at, at->rowId);
  return 0;
}

int Ipv6Tables::DeleteRule(const Rule6& pattern) {
  auto it = std::find_if(m_rules.begin(), m_rules.end(), [&](const Rule6& r) { return HasAllOf(r, pattern); });
  if (it == m_rules.end()) return ENOENT;
  const Rule6 gone = *it;
  m_rules.erase(it);
  m_ns.Changed(Table::Rule6, TableChange::Op::Delete, &gone, gone.rowId);
  return 0;
}

void Ipv6Tables::LearnPmtu(const Ipv6Address& dst, uint32_t mtu, Nanoseconds expires) { m_pmtu[dst] = {mtu, expires}; }
uint32_t Ipv6Tables::LearntPmtu(const Ipv6Address& dst, Nanoseconds now, Nanoseconds* expires) const {
  auto it = m_pmtu.find(dst);
  if (it == m_pmtu.end() || it->second.expires <= now) return 0;
  if (expires) *expires = it->second.expires;
  return it->second.mtu;
}

// ------------------------------------------------------------------------------------------------ neighbours

void Ipv6Tables::NeighbourChanged(const Neighbour6& entry, TableChange::Op op) {
  m_ns.Changed(Table::Neighbour6, op, &entry, entry.rowId, entry.ifindex);
}

int Ipv6Tables::SetNeighbour(const Neighbour6& given, uint8_t flags) {
  if (!LinkOf(given.ifindex)) return ENODEV;
  Neighbour6* there = m_neighbours.Find(given.ifindex, given.ip);
  if (there && (flags & Namespace::kExclusive)) return EEXIST;
  if (!there && !(flags & Namespace::kCreate)) return ENOENT;
  Neighbour6 entry = given;
  entry.rowId = there ? there->rowId : m_ns.NextRowId();
  if (!there) return NeighbourChanged(m_neighbours.Insert(entry), TableChange::Op::Add), 0;
  entry.timerGeneration = there->timerGeneration + 1;
  if (entry.mac.IsZero()) entry.mac = there->mac;
  *there = entry;
  NeighbourChanged(*there, TableChange::Op::Change);
  return 0;
}

int Ipv6Tables::DeleteNeighbour(int ifindex, const Ipv6Address& ip) {
  const Neighbour6* there = m_neighbours.Find(ifindex, ip);
  if (!there) return ENOENT;
  const Neighbour6 gone = *there;
  m_neighbours.Erase(ifindex, gone.ip);
  NeighbourChanged(gone, TableChange::Op::Delete);
  return 0;
}

size_t Ipv6Tables::FlushNeighbours(const std::function<bool(const Neighbour6&)>& which) {
  std::vector<Neighbour6> gone;
  for (const Neighbour6* n : m_neighbours.Sorted())
    if (which(*n)) gone.push_back(*n);
  for (const Neighbour6& n : gone) DeleteNeighbour(n.ifindex, n.ip);
  return gone.size();
}

std::vector<Neighbour6> Ipv6Tables::AllNeighbours() const {
  std::vector<Neighbour6> out;
  for (const Neighbour6* n : m_neighbours.Sorted()) out.push_back(*n);
  if (!m_ns.peers) return out;
  for (Neighbour6& n : m_ns.peers->Neighbours6())
    if (!m_neighbours.Find(n.ifindex, n.ip)) out.push_back(n);
  std::stable_sort(out.begin(), out.end(), [](const Neighbour6& a, const Neighbour6& b) {
    return std::tie(a.ifindex, a.ip) < std::tie(b.ifindex, b.ip);
  });
  return out;
}

const Neighbour6* Ipv6Tables::FindNeighbour(int ifindex, const Ipv6Address& ip, Neighbour6& scratch) const {
  if (const Neighbour6* own = m_neighbours.Find(ifindex, ip)) return own;
  return m_ns.peers && m_ns.peers->FindNeighbour6(ifindex, ip, scratch) ? &scratch : nullptr;
}

NeighbourParms& Ipv6Tables::Parms(int ifindex) {
  return m_parms.try_emplace(ifindex, defaultNeighbourParms).first->second;
}

// ------------------------------------------------------------------------------------------------ groups

int Ipv6Tables::JoinGroup(int ifindex, const Ipv6Address& group) {
  Device* device = Find(ifindex);
  if (!device || !device->isThere) return ENODEV;
  for (Group& g : device->groups)
    if (g.address == group) return ++g.users, 0;
  device->groups.push_back({.address = group});
  Tell(Ipv6Event::Kind::GroupJoined, ifindex, group);
  return 0;
}

int Ipv6Tables::LeaveGroup(int ifindex, const Ipv6Address& group) {
  Device* device = Find(ifindex);
  if (!device) return ENODEV;
  auto it =
      std::find_if(device->groups.begin(), device->groups.end(), [&](const Group& g) { return g.address == group; });
  if (it == device->groups.end()) return EADDRNOTAVAIL;
  if (--it->users > 0) return 0;
  const Ipv6Address left = group;
  device->groups.erase(it);
  Tell(Ipv6Event::Kind::GroupLeft, ifindex, left);
  return 0;
}

bool Ipv6Tables::IsMember(int ifindex, const Ipv6Address& group) const {
  const auto& groups = Groups(ifindex);
  return std::any_of(groups.begin(), groups.end(), [&](const Group& g) { return g.address == group; });
}

const std::vector<Ipv6Tables::Group>& Ipv6Tables::Groups(int ifindex) const {
  static const std::vector<Group> kNone;
  const Device* device = Find(ifindex);
  return device ? device->groups : kNone;
}

// ------------------------------------------------------------------------------------------------ switches

/// dev_disable_change()
void Ipv6Tables::SetDisabled(int ifindex, bool disabled) {
  Device& device = m_devices[ifindex];
  if (device.conf.disableIpv6 == disabled) return;
  if (disabled) {
    Stop(ifindex, false);
    device.conf.disableIpv6 = true;
  } else {
    device.conf.disableIpv6 = false;
    Bring(ifindex);
  }
}

/// dev_forward_change()
void Ipv6Tables::SetForwarding(int ifindex, bool forwarding) {
  Device& device = m_devices[ifindex];
  if (device.conf.forwarding == forwarding) return;
  device.conf.forwarding = forwarding;
  if (!device.isThere) return;
  if (TakesGroups(*LinkOf(ifindex)))
    for (const Ipv6Address& group : {Ipv6Address::AllRouters(), kInterfaceAllRouters, kSiteAllRouters})
      forwarding ? JoinGroup(ifindex, group) : LeaveGroup(ifindex, group);
  for (const Address6& a : m_addresses) {
    if (a.ifindex != ifindex || a.tentative) continue;
    if (forwarding)
      JoinAnycast(a);
    else
      LeaveAnycast(a);
  }
}

}  // namespace overlaysim::kernel
