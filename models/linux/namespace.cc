#include "models/linux/namespace.h"

#include <cerrno>
#include <tuple>

#include "models/linux/fib_select.h"
#include "models/wire/headers.h"
#include "sim/base/check.h"

namespace overlaysim::kernel {
namespace {

constexpr uint32_t kMainRulePreference = 32766;
constexpr uint32_t kDefaultRulePreference = 32767;

/// fib_disable_ip(): the routes through the device that reach farther than `within` go, and all neighbours
/// (arp_ifdown()).
void DisableIpv4(Namespace& ns, int ifindex, uint8_t within) {
  ns.FlushRoutes([&](const Route& r) {
    return r.scope < within &&
           std::any_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop& h) { return h.ifindex == ifindex; });
  });
  ns.FlushNeighbours([&](const Neighbour& n) { return n.ifindex == ifindex; });
}

}  // namespace

Namespace::~Namespace() = default;
Namespace::Namespace(NetnsId id, std::string name) : m_id(id), m_name(std::move(name)) {
  m_rules.push_back({.preference = 0, .table = kTableLocal, .rowId = NextRowId()});
  m_rules.push_back({.preference = kMainRulePreference, .table = kTableMain, .rowId = NextRowId()});
  m_rules.push_back({.preference = kDefaultRulePreference, .table = kTableDefault, .rowId = NextRowId()});
  m_ipv6 = std::make_unique<Ipv6Tables>(*this);
  m_links.push_back(nullptr);
  AddLink({.name = "lo", .kind = LinkKind::Loopback, .mtu = 65536, .minMtu = 0, .maxMtu = 0});
}

void Namespace::Changed(Table table, TableChange::Op op, const void* row, uint32_t rowId, int ifindex) {
  ++m_version;
  if (table == Table::Route || table == Table::Rule) m_localPrefixes.reset();
  if (onChange) onChange({op, table, rowId, m_version, row, ifindex});
}

// ------------------------------------------------------------------------------------------------ links

Link& Namespace::AddLink(Link link) {
  OVERLAYSIM_CHECK(!FindLink(link.name), "{}: a link {} is there already", m_name, link.name);
  if (link.ifindex == 0) link.ifindex = static_cast<int>(m_links.size());
  const size_t index = static_cast<size_t>(link.ifindex);
  if (m_links.size() <= index) m_links.resize(index + 1);
  OVERLAYSIM_CHECK(!m_links[index], "{}: ifindex {} is taken", m_name, index);
  m_links[index] = std::make_unique<Link>(std::move(link));
  Link& made = *m_links[index];
  if (made.kind == LinkKind::Bridge) {
    made.carrier = false;  // until a port has one
    SyncBridgeLocal(made.ifindex, made.ifindex, true);
  }
  if (made.kind == LinkKind::Veth && !made.peerNetns.IsNone() && made.peerNetns != m_id) NetnsIdOf(made.peerNetns);
  Changed(Table::Link, TableChange::Op::Add, &made, static_cast<uint32_t>(made.ifindex));
  m_ipv6->LinkAdded(made.ifindex);
  return made;
}

Link* Namespace::FindLink(std::string_view name) {
  for (auto& link : m_links)
    if (link && link->name == name) return link.get();
  return nullptr;
}
const Link* Namespace::FindLink(std::string_view name) const { return const_cast<Namespace*>(this)->FindLink(name); }

bool Namespace::HasLinkOf(LinkKind kind) const {
  return std::any_of(m_links.begin(), m_links.end(), [&](const auto& link) { return link && link->kind == kind; });
}

std::vector<const Link*> Namespace::Links() const {
  std::vector<const Link*> out;
  for (const auto& link : m_links)
    if (link) out.push_back(link.get());
  return out;
}

int Namespace::DeleteLink(int ifindex) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  if (link->kind == LinkKind::Loopback) return EOPNOTSUPP;
  if (link->kind == LinkKind::Bridge)
    for (int port : BridgePorts(ifindex)) SetLinkMaster(port, 0);
  if (link->master != 0) SetLinkMaster(ifindex, 0);
  SetLinkUp(ifindex, false, {});
  std::vector<Address> addresses = m_addresses;
  for (const Address& a : addresses)
    if (a.ifindex == ifindex) DeleteAddress(ifindex, {a.local, a.prefixLength});
  FlushRoutes([&](const Route& r) {
    return std::any_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop& h) { return h.ifindex == ifindex; });
  });
  FlushNeighbours([&](const Neighbour& n) { return n.ifindex == ifindex; });
  m_ipv6->LinkDeleted(ifindex);
  Changed(Table::Link, TableChange::Op::Delete, link, static_cast<uint32_t>(ifindex));
  m_bridgeFdbs.erase(ifindex);
  m_vxlanFdbs.erase(ifindex);
  m_conf.erase(ifindex);
  m_parms.erase(ifindex);
  m_links[static_cast<size_t>(ifindex)].reset();
  return 0;
}

void Namespace::LinkChanged(int ifindex) {
  Changed(Table::Link, TableChange::Op::Change, GetLink(ifindex), static_cast<uint32_t>(ifindex));
}

bool Namespace::IsRunning(const Link& link) const {
  if (!link.adminUp) return false;
  if (link.kind != LinkKind::Bridge) return link.carrier;
  return AnyLink([&](const Link& port) { return port.master == link.ifindex && IsRunning(port); });
}

std::vector<int> Namespace::BridgePorts(int bridge) const {
  std::vector<int> ports;
  ports.reserve(m_links.size());
  const auto byNumber = [this](int x, int y) { return GetLink(x)->port.portNo < GetLink(y)->port.portNo; };
  bool isSorted = true;
  for (const auto& link : m_links) {
    if (!link || link->master != bridge) continue;
    isSorted = isSorted && (ports.empty() || byNumber(ports.back(), link->ifindex));
    ports.push_back(link->ifindex);
  }
  if (!isSorted) std::stable_sort(ports.begin(), ports.end(), byNumber);
  return ports;
}

uint32_t Namespace::NetnsIdOf(NetnsId peer) {
  auto it = std::find(m_netnsIds.begin(), m_netnsIds.end(), peer);
  if (it == m_netnsIds.end()) it = m_netnsIds.insert(it, peer);
  return static_cast<uint32_t>(it - m_netnsIds.begin());
}
int Namespace::FindNetnsId(NetnsId peer) const {
  auto it = std::find(m_netnsIds.begin(), m_netnsIds.end(), peer);
  return it == m_netnsIds.end() ? -1 : static_cast<int>(it - m_netnsIds.begin());
}

/// inetdev_event() and fib_netdev_event() for NETDEV_UP and NETDEV_DOWN.
int Namespace::SetLinkUp(int ifindex, bool up, Nanoseconds) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  if (link->adminUp == up) return 0;
  link->adminUp = up;
  LinkChanged(ifindex);
  if (up) {
    if (link->kind == LinkKind::Wireguard) {  // wg_open()
      Conf(ifindex).sendRedirects = allConf.sendRedirects = false;
      m_ipv6->Conf(ifindex).addrGenMode = 1;
    }
    if (link->kind == LinkKind::Loopback && !IsLocalAddress({0x7f000001}))
      AddAddress({.ifindex = ifindex, .local = {0x7f000001}, .prefixLength = 8, .scope = kScopeHost});
    else
      for (const Address& a : m_addresses)
        if (a.ifindex == ifindex) AddAddressRoutes(a);
    BringIpv6(*link);
    return 0;
  }
  m_ipv6->LinkDown(ifindex);
  DisableIpv4(*this, ifindex, kScopeHost);
  conntrack.ForgetMasquerade(ifindex);
  if (link->kind == LinkKind::Vxlan) {  // vxlan_stop()
    std::vector<MacAddress> gone;
    for (const VxlanFdbEntry* e : FdbOfVxlan(ifindex).Sorted())
      if (!e->isPermanent && !e->isStatic) gone.push_back(e->mac);
    for (const MacAddress& mac : gone) DeleteVxlanFdb(ifindex, mac, nullptr);
  }
  DisablePort(*link);
  return 0;
}

/// br_stp_disable_port(): a port without its link forgets what it learnt.
void Namespace::DisablePort(const Link& port) {
  if (port.master == 0) return;
  std::vector<BridgeFdbEntry> gone;
  BridgeFdb& fdb = FdbOfBridge(port.master);
  for (const BridgeFdbEntry* e : fdb.Sorted())
    if (e->port == port.ifindex && !e->isLocal && !e->isStatic) gone.push_back(*e);
  for (const BridgeFdbEntry& e : gone) {
    FdbChanged(Table::BridgeFdb, TableChange::Op::Delete, &e, e.rowId, port.master);
    fdb.Erase(e.mac);
  }
}

int Namespace::SetLinkMtu(int ifindex, uint32_t mtu) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  if (mtu < link->minMtu || (link->maxMtu > 0 && mtu > link->maxMtu)) return EINVAL;
  if (const Link* lower = link->kind == LinkKind::Vxlan ? GetLink(link->vxlan.lowerIfindex) : nullptr)
    if (mtu > lower->mtu - (link->vxlan.IsIpv6() ? wire::kVxlan6OverheadBytes : wire::kVxlanOverheadBytes))
      return EINVAL;  // vxlan_change_mtu()
  link->mtu = mtu;
  link->mtuSet = true;
  LinkChanged(ifindex);
  BringIpv6(*link);
  if (link->master != 0) SetLinkMaster(ifindex, link->master);  // the bridge follows its smallest port
  return 0;
}

int Namespace::SetLinkAddress(int ifindex, MacAddress address) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  if (address.IsMulticast() || address.IsZero()) return EADDRNOTAVAIL;
  const bool inBridge = link->kind == LinkKind::Bridge || link->master != 0;
  const int bridge = link->kind == LinkKind::Bridge ? ifindex : link->master;
  if (inBridge) SyncBridgeLocal(bridge, ifindex, false);
  link->address = address;
  link->addressSet = true;
  if (inBridge) SyncBridgeLocal(bridge, ifindex, true);
  LinkChanged(ifindex);
  if (link->master != 0) SetLinkMaster(ifindex, link->master);  // the bridge may follow
  return 0;
}

/// Adds or removes the bridge's local entry for the address of `port` (the bridge itself counts as one).
void Namespace::SyncBridgeLocal(int bridge, int port, bool add) {
  BridgeFdb& fdb = FdbOfBridge(bridge);
  const MacAddress mac = GetLink(port)->address;
  BridgeFdbEntry* there = fdb.Find(mac);
  if (add) {
    if (there && there->isLocal) return;  // another port has the same address
    BridgeFdbEntry entry{.mac = mac, .port = port, .isLocal = true, .rowId = NextRowId()};
    FdbChanged(Table::BridgeFdb, TableChange::Op::Add, &fdb.Insert(entry), entry.rowId, bridge);
  } else if (there && there->isLocal && there->port == port) {
    FdbChanged(Table::BridgeFdb, TableChange::Op::Delete, there, there->rowId, bridge);
    fdb.Erase(mac);
  }
}

int Namespace::SetLinkMaster(int ifindex, int master) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  Link* bridge = master != 0 ? GetLink(master) : nullptr;
  if (master != 0 && !bridge) return ENODEV;
  if (bridge && bridge->kind != LinkKind::Bridge) return EOPNOTSUPP;
  if (bridge && (link->kind == LinkKind::Bridge || link->kind == LinkKind::Loopback)) return ELOOP;
  const int before = link->master;
  if (before != master) {
    if (before != 0) {
      SyncBridgeLocal(before, ifindex, false);
      BridgeFdb& fdb = FdbOfBridge(before);
      fdb.EraseIf([&](const BridgeFdbEntry& e) {
        if (e.port != ifindex) return false;
        FdbChanged(Table::BridgeFdb, TableChange::Op::Delete, &e, e.rowId, before);
        return true;
      });
      link->promiscuity -= 1;
      link->port = {};
    }
    link->master = master;
    if (bridge) {
      std::vector<bool> taken(m_links.size() + 1);  // no port has a number behind that of the last
      for (const auto& port : m_links)
        if (port && port->master == master && port->ifindex != ifindex && port->port.portNo < taken.size())
          taken[port->port.portNo] = true;
      uint16_t no = 1;
      while (taken[no]) ++no;
      link->port = {};
      link->port.portNo = no;
      link->promiscuity += 1;
      SyncBridgeLocal(master, ifindex, true);
    }
    LinkChanged(ifindex);
    BringIpv6(*link);
  }
  for (int changed : {before, master}) {
    Link* b = changed != 0 ? GetLink(changed) : nullptr;
    if (!b) continue;
    uint32_t mtu = 1500;  // br_mtu_min(): ETH_DATA_LEN without ports
    MacAddress lowest;
    bool first = true;
    for (const auto& port : m_links) {
      if (!port || port->master != changed) continue;
      mtu = first ? port->mtu : std::min(mtu, port->mtu);
      lowest = first ? port->address : std::min(lowest, port->address);
      first = false;
    }
    if (!b->mtuSet && b->mtu != mtu) {
      b->mtu = mtu;
      LinkChanged(changed);
      BringIpv6(*b);
    }
    if (!b->addressSet && b->address != lowest) {  // br_stp_recalculate_bridge_id(): zero when the last port has gone
      SyncBridgeLocal(changed, changed, false);
      b->address = lowest;
      LinkChanged(changed);
    }
    if (changed == master) break;
  }
  return 0;
}

/// neigh_carrier_down()
void Namespace::ForgetNeighboursWithoutCarrier(int ifindex) {
  FlushNeighbours([&](const Neighbour& n) { return n.ifindex == ifindex && n.state != NudState::Permanent; });
}

int Namespace::SetCarrier(int ifindex, bool carrier) {
  Link* link = GetLink(ifindex);
  if (!link) return ENODEV;
  if (link->carrier == carrier) return 0;
  link->carrier = carrier;
  ++link->stats.carrierChanges;
  LinkChanged(ifindex);
  BringIpv6(*link);
  if (carrier) return 0;
  ForgetNeighboursWithoutCarrier(ifindex);
  DisablePort(*link);
  return 0;
}

/// A device, and the bridge that it is a port of, may be able to send now, or have another MTU.
void Namespace::BringIpv6(const Link& link) {
  m_ipv6->LinkChanged(link.ifindex);
  if (link.master != 0) m_ipv6->LinkChanged(link.master);
}

// ------------------------------------------------------------------------------------------------ addresses

bool Namespace::IsLocalAddress(Ipv4Address ip) const {
  return std::any_of(m_addresses.begin(), m_addresses.end(), [&](const Address& a) { return a.local == ip; });
}

/// __inet_insert_ifa() of net/ipv4/devinet.c.
int Namespace::AddAddress(const Address& given) {
  const Link* link = GetLink(given.ifindex);
  if (!link) return ENODEV;
  Address address = given;
  auto at = m_addresses.end();
  for (auto it = m_addresses.begin(); it != m_addresses.end(); ++it) {
    if (it->ifindex != address.ifindex) continue;
    if (it->prefixLength != address.prefixLength || it->Subnet() != address.Subnet()) continue;
    if (it->local == address.local) return EEXIST;
    address.secondary = true;
  }
  const Address& made = *m_addresses.insert(at, address);
  Changed(Table::Address, TableChange::Op::Add, &made, 0, made.ifindex);
  AddAddressRoutes(address);
  return 0;
}

int Namespace::DeleteAddress(int ifindex, const Ipv4Prefix& local) {
  auto it = std::find_if(m_addresses.begin(), m_addresses.end(), [&](const Address& a) {
    return a.ifindex == ifindex && a.local == local.address && a.prefixLength == local.length;
  });
  if (it == m_addresses.end()) return EADDRNOTAVAIL;
  const Address gone = *it;
  m_addresses.erase(it);
  Changed(Table::Address, TableChange::Op::Delete, &gone, 0, ifindex);
  DeleteAddressRoutes(gone);
  if (!gone.secondary) {  // promote_secondaries is off by default: they go too (__inet_del_ifa())
    std::vector<Address> secondaries;
    for (const Address& a : m_addresses)
      if (a.ifindex == ifindex && a.secondary && a.prefixLength == gone.prefixLength && a.Subnet() == gone.Subnet())
        secondaries.push_back(a);
    for (const Address& a : secondaries) DeleteAddress(ifindex, {a.local, a.prefixLength});
  }
  if (std::none_of(m_addresses.begin(), m_addresses.end(), [&](const Address& a) { return a.ifindex == ifindex; }))
    DisableIpv4(*this, ifindex, kScopeNowhere);  // fib_inetaddr_event()
  return 0;
}

/// fib_add_ifaddr() of net/ipv4/fib_frontend.c.
void Namespace::AddAddressRoutes(const Address& a) {
  const Link& link = *GetLink(a.ifindex);
  // Those of a secondary address name the primary of its subnet as source.
  const auto primary = std::find_if(m_addresses.begin(), m_addresses.end(), [&](const Address& o) {
    return o.ifindex == a.ifindex && !o.secondary && o.prefixLength == a.prefixLength && o.Subnet() == a.Subnet();
  });
  const Ipv4Address source = a.secondary && primary != m_addresses.end() ? primary->local : a.local;
  auto magic = [&](RouteType type, Ipv4Prefix dst) {
    Route r;
    r.dst = dst;
    r.type = type;
    r.scope = type == RouteType::Local ? kScopeHost : kScopeLink;
    r.table = type == RouteType::Unicast ? kTableMain : kTableLocal;
    r.protocol = kProtoKernel;
    r.prefSrc = source;
    r.nextHops = {{.ifindex = a.ifindex}};
    if (const auto* there = TableOf(r.table).At(dst))
      for (const Route& o : *there)
        if (o.type == r.type && o.scope == r.scope && o.nextHops == r.nextHops && o.prefSrc == r.prefSrc) return;
    r.rowId = NextRowId();
    const Route& made = TableOf(r.table).Insert(r, true);
    Changed(Table::Route, TableChange::Op::Add, &made, made.rowId);
  };
  magic(RouteType::Local, {a.local, 32});
  if (!link.adminUp) return;
  if (!a.broadcast.IsZero() && !a.broadcast.IsLimitedBroadcast()) magic(RouteType::Broadcast, {a.broadcast, 32});
  const Ipv4Prefix subnet = a.Subnet();
  if (a.secondary || subnet.address.value >> 24 == 0 || a.prefixLength == 32) return;
  if (!a.noPrefixRoute) magic(link.kind == LinkKind::Loopback ? RouteType::Local : RouteType::Unicast, subnet);
  if (a.prefixLength < 31) magic(RouteType::Broadcast, {subnet.Broadcast(), 32});
}

void Namespace::DeleteAddressRoutes(const Address& a) {
  const Ipv4Prefix subnet = a.Subnet();
  const bool subnetStays = std::any_of(m_addresses.begin(), m_addresses.end(), [&](const Address& o) {
    return o.ifindex == a.ifindex && !o.secondary && o.Subnet() == subnet;
  });
  const bool addressStays = IsLocalAddress(a.local);
  FlushRoutes([&](const Route& r) {
    const bool through =
        std::any_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop& h) { return h.ifindex == a.ifindex; });
    if (r.prefSrc == a.local && !addressStays && r.protocol != kProtoKernel) return true;  // fib_sync_down_addr()
    if (!through || r.protocol != kProtoKernel) return false;
    if (r.dst == Ipv4Prefix{a.local, 32} && r.type == RouteType::Local) return !addressStays;
    if (r.prefSrc != a.local || subnetStays) return false;
    return r.dst == subnet || r.dst == Ipv4Prefix{subnet.Broadcast(), 32} || r.dst == Ipv4Prefix{a.broadcast, 32};
  });
}

Ipv4Address Namespace::SelectAddress(int ifindex, Ipv4Address dst, uint8_t scope) const {
  // The device's own primaries first: one whose subnet has the destination, else the first; then any other device's.
  Ipv4Address first;
  for (const Address& a : m_addresses) {
    if (a.ifindex != ifindex || a.secondary || a.scope > scope) continue;
    if (dst.IsZero() || a.Subnet().Contains(dst)) return a.local;
    if (first.IsZero()) first = a.local;
  }
  if (!first.IsZero()) return first;
  for (const auto& link : m_links) {
    if (!link) continue;
    for (const Address& a : m_addresses)
      if (a.ifindex == link->ifindex && !a.secondary && a.scope != kScopeLink && a.scope <= scope) return a.local;
  }
  return {};
}

// ------------------------------------------------------------------------------------------------ routes

FibTable& Namespace::TableOf(uint32_t id) { return m_tables[id]; }
bool Namespace::MayBeLocal(Ipv4Address ip) const {
  if (!m_localPrefixes) {
    m_localPrefixes.emplace();
    for (const Rule& rule : m_rules)
      if (const FibTable* table = FindTable(rule.table))
        table->ForEach([&](const Route& route) {
          if (route.type == RouteType::Local) m_localPrefixes->push_back(route.dst);
        });
  }
  return std::any_of(m_localPrefixes->begin(), m_localPrefixes->end(),
                     [&](const Ipv4Prefix& prefix) { return prefix.Contains(ip); });
}

const FibTable* Namespace::FindTable(uint32_t id) const {
  auto it = m_tables.find(id);
  return it == m_tables.end() ? nullptr : &it->second;
}

/// fib_check_nh() of net/ipv4/fib_semantics.c.
int Namespace::CheckNextHop(Route& route, NextHop& hop, std::string* why) const {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  if (hop.gateway.IsZero()) {
    const Link* link = GetLink(hop.ifindex);
    if (!link) return fail(ENODEV, "No such device");
    if (!link->adminUp) return fail(ENETDOWN, "Device for nexthop is not up.");
    return 0;
  }
  if (hop.onlink) {
    if (route.scope >= kScopeLink) return fail(EINVAL, "Nexthop has invalid scope.");
    const Link* link = GetLink(hop.ifindex);
    if (!link) return fail(ENODEV, "Nexthop device required for onlink.");
    if (!link->adminUp) return fail(ENETDOWN, "Nexthop device is not up.");
    if (IsLocalAddress(hop.gateway)) return fail(EINVAL, "Nexthop has invalid gateway.");
    return 0;
  }
  const uint8_t scope = std::max<uint8_t>(static_cast<uint8_t>(route.scope + 1), kScopeLink);
  for (uint32_t table : {uint32_t{kTableLocal}, route.table, uint32_t{kTableMain}}) {
    const FibTable* t = FindTable(table);
    if (!t) continue;
    const NextHop* via = nullptr;
    const Route* found = t->Find(hop.gateway, [&](const Route& r) {
      if (r.scope < scope || IsUnreachableType(r.type)) return false;
      for (const NextHop& h : r.nextHops) {
        const Link* link = GetLink(h.ifindex);
        if (!link || !link->adminUp || (hop.ifindex != 0 && h.ifindex != hop.ifindex)) continue;
        via = &h;
        return true;
      }
      return false;
    });
    if (!found) continue;
    if (found->type != RouteType::Unicast && found->type != RouteType::Local)
      return fail(EINVAL, "Nexthop has invalid gateway.");
    hop.ifindex = via->ifindex;
    return 0;
  }
  return fail(ENETUNREACH, "Nexthop has invalid gateway.");
}

int Namespace::AddRoute(Route route, uint8_t flags, std::string* why) {
  route.dst = route.dst.Canonical();
  if (IsUnreachableType(route.type)) {
    if (!route.nextHops.empty()) {
      if (why) *why = "Gateway, device and multipath can not be specified for this route type.";
      return EINVAL;
    }
  } else {
    if (route.nextHops.empty()) return EINVAL;
    for (NextHop& hop : route.nextHops)
      if (int error = CheckNextHop(route, hop, why)) return error;
  }
  if (!route.prefSrc.IsZero() && !IsLocalAddress(route.prefSrc)) {
    if (why) *why = "Invalid prefsrc address.";
    return EINVAL;
  }
  FibTable& table = TableOf(route.table);
  auto* there = table.MutableAt(route.dst);
  Route* same = nullptr;
  if (there)
    for (Route& r : *there)
      if (r.tos == route.tos && r.metric == route.metric) {
        same = &r;
        break;
      }
  if (same) {
    if (flags & kExclusive) return EEXIST;
    if (flags & kReplace) {
      route.rowId = same->rowId;
      *same = std::move(route);
      Changed(Table::Route, TableChange::Op::Change, same, same->rowId);
      return 0;
    }
    for (const Route& r : *there)
      if (r.tos == route.tos && r.metric == route.metric && r.type == route.type && r.scope == route.scope &&
          r.nextHops == route.nextHops && r.prefSrc == route.prefSrc && r.protocol == route.protocol)
        return EEXIST;
  } else if (!(flags & kCreate)) {
    return ENOENT;
  }
  route.rowId = NextRowId();
  const Route& made = table.Insert(std::move(route), (flags & kAppend) != 0);
  Changed(Table::Route, TableChange::Op::Add, &made, made.rowId);
  return 0;
}

/// fib_table_delete(): the first route of the prefix that agrees in all that the pattern gives.
int Namespace::DeleteRoute(const Route& pattern) {
  auto it = m_tables.find(pattern.table);
  if (it == m_tables.end()) return ESRCH;
  const auto* there = it->second.At(pattern.dst.Canonical());
  if (!there) return ESRCH;
  for (const Route& r : *there) {
    if (r.tos != pattern.tos || (pattern.metric != 0 && r.metric != pattern.metric)) continue;
    if (pattern.type != RouteType::Unicast && r.type != pattern.type) continue;
    if (pattern.scope != kScopeNowhere && r.scope != pattern.scope) continue;
    if (pattern.protocol != kProtoUnspec && r.protocol != pattern.protocol) continue;
    if (!pattern.prefSrc.IsZero() && r.prefSrc != pattern.prefSrc) continue;
    const bool hopsAgree = std::all_of(pattern.nextHops.begin(), pattern.nextHops.end(), [&](const NextHop& want) {
      return std::any_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop& has) {
        return (want.ifindex == 0 || want.ifindex == has.ifindex) &&
               (want.gateway.IsZero() || want.gateway == has.gateway);
      });
    });
    if (!hopsAgree) continue;
    const uint32_t rowId = r.rowId;
    it->second.Erase([&](const Route& o) { return o.rowId == rowId; },
                     [&](const Route& gone) { Changed(Table::Route, TableChange::Op::Delete, &gone, rowId); });
    return 0;
  }
  return ESRCH;
}

size_t Namespace::FlushRoutes(const std::function<bool(const Route&)>& which) {
  size_t count = 0;
  for (auto& [id, table] : m_tables)
    count += table.Erase(which,
                         [&](const Route& gone) { Changed(Table::Route, TableChange::Op::Delete, &gone, gone.rowId); });
  return count;
}

std::vector<Route> Namespace::Routes(uint32_t table) const {
  std::vector<Route> out;
  // `ip route show table all` prints user tables in the order of their hash chains: main, then local, then others.
  std::vector<uint32_t> order;
  if (table != 0) {
    order = {table};
  } else {
    for (const auto& [id, t] : m_tables)
      if (id != kTableMain && id != kTableLocal) order.push_back(id);
    order.insert(order.end(), {kTableMain, kTableLocal});
  }
  for (uint32_t id : order) {
    const size_t begin = out.size();
    if (const FibTable* t = FindTable(id))
      for (const Route* r : t->Sorted()) out.push_back(*r);
    if (peers) {
      for (Route& r : peers->Routes())
        if (r.table == id) out.push_back(std::move(r));
      std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                       [](const Route& a, const Route& b) { return PrintsBefore(a.dst, b.dst); });
    }
  }
  return out;
}

/// fib_lookup() and fib_select_path(): the rules in order, in each table the longest usable prefix.
RouteAnswer Namespace::Lookup(const RouteQuery& query) const {
  RouteAnswer answer;
  auto isNamed = [&](const std::string& name, int ifindex) {
    const Link* link = GetLink(ifindex);
    return link && link->name == name;
  };
  for (const Rule& rule : m_rules) {
    if (!Selects(rule, query, isNamed)) continue;
    answer.ruleId = rule.rowId;
    if (rule.action == RouteType::Blackhole) return answer.error = EINVAL, answer;
    if (rule.action == RouteType::Unreachable) return answer.error = ENETUNREACH, answer;
    if (rule.action == RouteType::Prohibit) return answer.error = EACCES, answer;
    auto usable = [&](const Route& r) {
      if (r.tos != 0 && r.tos != query.tos) return false;
      if (IsUnreachableType(r.type)) return true;
      return std::any_of(r.nextHops.begin(), r.nextHops.end(), [&](const NextHop& h) {
        const Link* link = GetLink(h.ifindex);
        return link && (link->adminUp || r.type == RouteType::Local) && (query.oif == 0 || query.oif == h.ifindex);
      });
    };
    const FibTable* table = FindTable(rule.table);
    const Route* found = table ? table->Find(query.dst, usable) : nullptr;
    Route shared;
    if (peers && peers->FindRoute(rule.table, query.dst, shared) && usable(shared) &&
        (!found || shared.dst.length > found->dst.length)) {
      found = nullptr;
      answer.route = std::move(shared);
    } else if (found) {
      answer.route = *found;
    } else {
      continue;
    }
    switch (answer.route.type) {
      case RouteType::Blackhole:
        return answer.error = EINVAL, answer;
      case RouteType::Unreachable:
        return answer.error = EHOSTUNREACH, answer;
      case RouteType::Prohibit:
        return answer.error = EACCES, answer;
      case RouteType::Throw:
        continue;
      default:
        break;
    }
    answer.error = 0;
    // Hops without carrier ("linkdown") are taken: ignore_routes_with_linkdown is off by default.
    answer.nextHop = SelectNextHop(answer.route, query.flowHash, [&](const NextHop& h) {
      const Link* link = GetLink(h.ifindex);
      return link && (link->adminUp || answer.route.type == RouteType::Local) &&
             (query.oif == 0 || query.oif == h.ifindex);
    });
    return answer;
  }
  answer.error = ENETUNREACH;
  return answer;
}

int Namespace::AddRule(Rule rule) {
  if (rule.preference == 0) {  // fib_default_rule_pref(): just before the second rule
    rule.preference = m_rules.size() > 1 && m_rules[1].preference > 0 ? m_rules[1].preference - 1 : 0;
  }
  for (const Rule& r : m_rules)
    if (IsSameRule(r, rule)) return EEXIST;
  rule.rowId = NextRowId();
  auto at = std::upper_bound(m_rules.begin(), m_rules.end(), rule,
                             [](const Rule& a, const Rule& b) { return a.preference < b.preference; });
  at = m_rules.insert(at, rule);
  Changed(Table::Rule, TableChange::Op::Add, &*at, at->rowId);
  return 0;
}

int Namespace::DeleteRule(const Rule& pattern) {
  auto it = std::find_if(m_rules.begin(), m_rules.end(), [&](const Rule& r) { return HasAllOf(r, pattern); });
  if (it == m_rules.end()) return ENOENT;
  const Rule gone = *it;
  m_rules.erase(it);
  Changed(Table::Rule, TableChange::Op::Delete, &gone, gone.rowId);
  return 0;
}

void Namespace::LearnPmtu(Ipv4Address dst, uint32_t mtu, Nanoseconds expires, bool locked) {
  m_pmtu[dst.value] = {mtu, expires, locked};
}
uint32_t Namespace::LearntPmtu(Ipv4Address dst, Nanoseconds now, bool* locked, Nanoseconds* expires) const {
  auto it = m_pmtu.find(dst.value);
  if (it == m_pmtu.end() || it->second.expires <= now) return 0;
  if (locked) *locked = it->second.locked;
  if (expires) *expires = it->second.expires;
  return it->second.mtu;
}

// ------------------------------------------------------------------------------------------------ neighbours

void Namespace::NeighbourChanged(const Neighbour& entry, TableChange::Op op) {
  Changed(Table::Neighbour, op, &entry, entry.rowId, entry.ifindex);
}

int Namespace::SetNeighbour(const Neighbour& given, uint8_t flags) {
  if (!GetLink(given.ifindex)) return ENODEV;
  if (Neighbour* there = m_neighbours.Find(given.ifindex, given.ip)) {
    if (flags & kExclusive) return EEXIST;
    Neighbour entry = given;
    entry.rowId = there->rowId;
    entry.timerGeneration = there->timerGeneration + 1;
    if (entry.mac.IsZero()) entry.mac = there->mac;
    *there = entry;
    NeighbourChanged(*there, TableChange::Op::Change);
    return 0;
  }
  if (!(flags & kCreate)) return ENOENT;
  Neighbour entry = given;
  entry.rowId = NextRowId();
  NeighbourChanged(m_neighbours.Insert(entry), TableChange::Op::Add);
  return 0;
}

int Namespace::DeleteNeighbour(int ifindex, Ipv4Address ip) {
  Neighbour* there = m_neighbours.Find(ifindex, ip);
  if (!there) return ENOENT;
  const Neighbour gone = *there;
  m_neighbours.Erase(ifindex, ip);
  NeighbourChanged(gone, TableChange::Op::Delete);
  return 0;
}

size_t Namespace::FlushNeighbours(const std::function<bool(const Neighbour&)>& which) {
  std::vector<Neighbour> gone;
  for (const Neighbour* n : m_neighbours.Sorted())
    if (which(*n)) gone.push_back(*n);
  for (const Neighbour& n : gone) DeleteNeighbour(n.ifindex, n.ip);
  return gone.size();
}

std::vector<Neighbour> Namespace::AllNeighbours() const {
  std::vector<Neighbour> out;
  Neighbour scratch;
  for (const Neighbour* n : m_neighbours.Sorted())
    if (FindNeighbour(n->ifindex, n->ip, scratch) == n) out.push_back(*n);
  if (peers) {
    for (Neighbour& n : peers->Neighbours())
      if (FindNeighbour(n.ifindex, n.ip, scratch) == &scratch) out.push_back(n);
    std::stable_sort(out.begin(), out.end(), [](const Neighbour& a, const Neighbour& b) {
      return std::tie(a.ifindex, a.ip) < std::tie(b.ifindex, b.ip);
    });
  }
  return out;
}

const Neighbour* Namespace::FindNeighbour(int ifindex, Ipv4Address ip, Neighbour& scratch) const {
  const Neighbour* own = m_neighbours.Find(ifindex, ip);
  if (own && NudHasAddress(own->state)) return own;
  return peers && peers->FindNeighbour(ifindex, ip, scratch) ? &scratch : own;
}

NeighbourParms& Namespace::Parms(int ifindex) {
  return m_parms.try_emplace(ifindex, defaultNeighbourParms).first->second;
}

// ------------------------------------------------------------------------------------------------ forwarding databases

void Namespace::FdbChanged(Table table, TableChange::Op op, const void* row, uint32_t rowId, int ifindex) {
  Changed(table, op, row, rowId, ifindex);
}

const BridgeFdb* Namespace::FindBridgeFdb(int bridge) const {
  auto it = m_bridgeFdbs.find(bridge);
  return it == m_bridgeFdbs.end() ? nullptr : &it->second;
}
const VxlanFdb* Namespace::FindVxlanFdb(int ifindex) const {
  auto it = m_vxlanFdbs.find(ifindex);
  return it == m_vxlanFdbs.end() ? nullptr : &it->second;
}

int Namespace::AddBridgeFdb(int port, MacAddress mac, bool isLocal, bool isStatic, uint8_t flags, Nanoseconds now) {
  const Link* link = GetLink(port);
  if (!link) return ENODEV;
  const int bridge = link->kind == LinkKind::Bridge ? port : link->master;
  if (bridge == 0) return EOPNOTSUPP;
  BridgeFdb& fdb = FdbOfBridge(bridge);
  if (BridgeFdbEntry* there = fdb.Find(mac)) {
    if (flags & kExclusive) return EEXIST;
    there->port = port;
    there->isLocal = isLocal;
    there->isStatic = isStatic;
    there->updated = now;
    FdbChanged(Table::BridgeFdb, TableChange::Op::Change, there, there->rowId, bridge);
    return 0;
  }
  if (!(flags & kCreate)) return ENOENT;
  BridgeFdbEntry entry{
      .mac = mac, .port = port, .isLocal = isLocal, .isStatic = isStatic, .updated = now, .rowId = NextRowId()};
  FdbChanged(Table::BridgeFdb, TableChange::Op::Add, &fdb.Insert(entry), entry.rowId, bridge);
  return 0;
}

int Namespace::DeleteBridgeFdb(int port, MacAddress mac) {
  const Link* link = GetLink(port);
  if (!link) return ENODEV;
  const int bridge = link->kind == LinkKind::Bridge ? port : link->master;
  if (bridge == 0) return EOPNOTSUPP;
  BridgeFdb& fdb = FdbOfBridge(bridge);
  const BridgeFdbEntry* there = fdb.Find(mac);
  if (!there || there->port != port) return ENOENT;
  FdbChanged(Table::BridgeFdb, TableChange::Op::Delete, there, there->rowId, bridge);
  fdb.Erase(mac);
  return 0;
}

namespace {

/// A port and VNI that are the device's own are no different from none.
VxlanRemote PlainRemote(const VxlanOptions& device, VxlanRemote remote) {
  if (remote.port == device.dstPort) remote.port = 0;
  if (remote.vni == device.vni) remote.vni = 0;
  return remote;
}

}  // namespace

/// vxlan_fdb_update() of drivers/net/vxlan/vxlan_core.c.
int Namespace::AddVxlanFdb(int ifindex, const VxlanFdbEntry& given, uint8_t flags, Nanoseconds now) {
  const Link* link = GetLink(ifindex);
  if (!link || link->kind != LinkKind::Vxlan) return EOPNOTSUPP;
  VxlanFdb& fdb = FdbOfVxlan(ifindex);
  const VxlanRemote remote = PlainRemote(link->vxlan, given.remotes.front());
  const bool many = given.mac.IsMulticast() || given.mac.IsZero();
  if (VxlanFdbEntry* there = fdb.Find(given.mac)) {
    if (flags & kExclusive) return EEXIST;
    const VxlanFdbEntry before = *there;
    there->isPermanent = given.isPermanent;
    there->isStatic = given.isStatic;
    there->externLearn = given.externLearn;
    there->isRouter = given.isRouter;
    const bool isKnown = std::find(there->remotes.begin(), there->remotes.end(), remote) != there->remotes.end();
    if ((flags & kReplace) && !many && !isKnown) there->remotes.front() = remote;
    if ((flags & kAppend) && many && !isKnown) there->remotes.push_back(remote);
    if (*there != before) {
      there->updated = now;
      FdbChanged(Table::VxlanFdb, TableChange::Op::Change, there, there->rowId, ifindex);
    }
    return (flags & kReplace) && many ? EOPNOTSUPP : 0;
  }
  if (!(flags & kCreate)) return ENOENT;
  if ((flags & kReplace) && many) return EOPNOTSUPP;
  if (link->vxlan.maxAddress != 0 && fdb.Size() >= link->vxlan.maxAddress) return ENOSPC;
  VxlanFdbEntry entry = given;
  entry.updated = now;
  entry.remotes = {remote};
  entry.rowId = NextRowId();
  FdbChanged(Table::VxlanFdb, TableChange::Op::Add, &fdb.Insert(entry), entry.rowId, ifindex);
  return 0;
}

int Namespace::AddVxlanFdb(int ifindex, MacAddress mac, const VxlanRemote& remote, bool permanent, uint8_t flags,
                           Nanoseconds now) {
  return AddVxlanFdb(ifindex, {.mac = mac, .isPermanent = permanent, .remotes = {remote}}, flags, now);
}

int Namespace::DeleteVxlanFdb(int ifindex, MacAddress mac, const VxlanRemote* remote) {
  const Link* link = GetLink(ifindex);
  if (!link || link->kind != LinkKind::Vxlan) return EOPNOTSUPP;
  VxlanFdb& fdb = FdbOfVxlan(ifindex);
  VxlanFdbEntry* there = fdb.Find(mac);
  if (!there) return ENOENT;
  if (remote) {
    auto it = std::find(there->remotes.begin(), there->remotes.end(), PlainRemote(link->vxlan, *remote));
    if (it == there->remotes.end()) return 0;  // as __vxlan_fdb_delete() has it
    if (there->remotes.size() > 1) {
      there->remotes.erase(it);
      FdbChanged(Table::VxlanFdb, TableChange::Op::Change, there, there->rowId, ifindex);
      return 0;
    }
  }
  FdbChanged(Table::VxlanFdb, TableChange::Op::Delete, there, there->rowId, ifindex);
  fdb.Erase(mac);
  return 0;
}

const VxlanFdbEntry* Namespace::LookupVxlanFdb(int ifindex, MacAddress mac, VxlanFdbEntry& scratch) const {
  const VxlanFdb* fdb = FindVxlanFdb(ifindex);
  if (const VxlanFdbEntry* own = fdb ? fdb->Find(mac) : nullptr) return own;
  return peers && peers->FindVxlanFdb(ifindex, mac, scratch) ? &scratch : nullptr;
}

std::vector<VxlanFdbEntry> Namespace::AllVxlanFdb(int ifindex) const {
  std::vector<VxlanFdbEntry> out;
  const VxlanFdb* fdb = FindVxlanFdb(ifindex);
  if (fdb)
    for (const VxlanFdbEntry* e : fdb->Sorted()) out.push_back(*e);
  if (peers) {
    for (VxlanFdbEntry& e : peers->VxlanFdbEntries(ifindex))
      if (!fdb || !fdb->Find(e.mac)) out.push_back(std::move(e));
    std::stable_sort(out.begin(), out.end(),
                     [](const VxlanFdbEntry& a, const VxlanFdbEntry& b) { return a.mac < b.mac; });
  }
  return out;
}

// ------------------------------------------------------------------------------------------------ the machine

Namespace& Machine::Add(std::string name) {
  OVERLAYSIM_CHECK(!Find(name), "namespace {} is there already", name);
  NetnsId id(m_all.size());
  m_byName.emplace(name, id);
  m_all.push_back(std::make_unique<Namespace>(id, std::move(name)));
  return *m_all.back();
}
Namespace* Machine::Find(std::string_view name) {
  auto it = m_byName.find(name);
  return it == m_byName.end() ? nullptr : m_all[it->second.value].get();
}
const Namespace* Machine::Find(std::string_view name) const { return const_cast<Machine*>(this)->Find(name); }

void Machine::Remove(NetnsId id) {
  m_byName.erase(m_all[id.value]->Name());
  m_all[id.value].reset();
}

bool Namespace::HasJoined(int ifindex, Ipv4Address group) const {
  constexpr Ipv4Address kAllHosts{0xe0000001};
  if (group == kAllHosts) return true;
  const auto links = Links();
  return std::any_of(links.begin(), links.end(), [&](const Link* link) {
    return link->kind == LinkKind::Vxlan && link->adminUp && link->vxlan.remote == IpAddress(group) &&
           link->vxlan.lowerIfindex == ifindex;
  });
}

}  // namespace overlaysim::kernel
