#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "models/linux/fib.h"
#include "models/linux/link.h"
#include "models/linux/neighbour.h"
#include "models/linux/table_change.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

class Namespace;

constexpr uint32_t kIpv6MinMtu = 1280;           ///< bytes; a device with less has no IPv6 (RFC 8200, section 5)
constexpr uint32_t kIpv6AddressMetric = 256;     ///< IP6_RT_PRIO_ADDRCONF
constexpr uint32_t kIpv6UserRouteMetric = 1024;  ///< IP6_RT_PRIO_USER

/// One IPv6 address of a device: a line of `ip -6 addr`. All are valid and preferred forever.
struct Address6 {
  int ifindex = 0;
  Ipv6Address local;
  uint8_t prefixLength = 128;
  bool noDad = false;          ///< IFA_F_NODAD
  bool noPrefixRoute = false;  ///< IFA_F_NOPREFIXROUTE
  bool homeAddress = false;    ///< IFA_F_HOMEADDRESS
  bool tentative = false;      ///< duplicate address detection has not ended: not to be used yet
  bool dadFailed = false;      ///< someone else has it
  bool deprecated = false;     ///< preferred lifetime is over: a source of last choice
  uint32_t metric = 0;         ///< of its prefix route; 0: kIpv6AddressMetric
  uint32_t rowId = 0;          ///< given by the table

  Ipv6Prefix Subnet() const { return Ipv6Prefix{local, prefixLength}.Canonical(); }
  /// What `ip addr` calls its scope (rt_scope(), ipv6_addr_scope()).
  uint8_t Scope() const {
    if (local.IsLoopback()) return kScopeHost;
    return local.IsLinkLocal() ? kScopeLink : local.IsSiteLocal() ? kScopeSite : kScopeGlobal;
  }
};

/// What a packet path has to act upon.
struct Ipv6Event {
  enum class Kind : uint8_t {
    Ready,        ///< the device can send: its groups are to be reported, its routers asked for
    GroupJoined,  ///< a device has become a member of `address` (MLD report)
    GroupLeft,
    DadStart  ///< `address` is tentative: send the probes, then call EndDad()
  } kind = Kind::Ready;
  int ifindex = 0;
  Ipv6Address address;
};

/// The IPv6 side of one network namespace: what Namespace is for IPv4 (see there), with the kernel's side effects of
/// net/ipv6/{addrconf,route,ip6_fib,mcast,anycast}.c. Functions that change answer 0 or a positive errno.
///
/// A namespace starts as on a machine booted with `ipv6.disable_ipv6=1`: IPv6 is off on every device until
/// net.ipv6.conf.*.disable_ipv6 says otherwise, so that clusters without IPv6 have no neighbour discovery or MLD.
class Ipv6Tables {
 public:
  explicit Ipv6Tables(Namespace& ns);
  Ipv6Tables(const Ipv6Tables&) = delete;
  Ipv6Tables& operator=(const Ipv6Tables&) = delete;

  // --- what Namespace reports of its links
  void LinkAdded(int ifindex);
  void LinkDeleted(int ifindex);
  void LinkDown(int ifindex);     ///< IFF_UP is gone
  void LinkChanged(int ifindex);  ///< IFF_UP, carrier, the MTU or a bridge's ports may have changed

  // --- addresses
  /// EEXIST, EACCES (disable_ipv6), EINVAL (MTU below 1280), EADDRNOTAVAIL (multicast, ::). `why`: as for AddRoute.
  int AddAddress(Address6 address, std::string* why = nullptr);
  int ReplaceAddress(const Address6& address, std::string* why = nullptr);  ///< `ip -6 addr replace|change`: its flags
  int DeleteAddress(int ifindex, const Ipv6Prefix& local);                  ///< EADDRNOTAVAIL
  /// Of a device in the kernel's order: wider scopes first, then the newest first.
  const std::vector<Address6>& Addresses() const { return m_addresses; }
  const Address6* FindAddress(int ifindex, const Ipv6Address& ip) const;  ///< ifindex 0: on any device
  /// An address of this host that is not tentative (ipv6_chk_addr()).
  bool IsLocalAddress(const Ipv6Address& ip, int ifindex = 0) const;
  bool IsAnycastAddress(const Ipv6Address& ip, int ifindex = 0) const;  ///< subnet routers' of forwarding devices
  std::optional<Ipv6Address> LinkLocalAddress(int ifindex) const;       ///< not tentative; ipv6_get_lladdr()
  /// Duplicate address detection has ended: the address comes into use or, when `isDuplicate`, has failed.
  int EndDad(int ifindex, const Ipv6Address& ip, bool isDuplicate);
  /// Source address for packets to `dst` out of that device (RFC 6724, ipv6_dev_get_saddr()); ifindex 0: any device.
  /// Zero: there is none.
  Ipv6Address SelectSource(int ifindex, const Ipv6Address& dst) const;

  // --- routes. Flags are Namespace::RouteFlags.
  /// `ip -6 route add|replace|append|change`. A metric of 0 is kIpv6UserRouteMetric. `why` gets the kernel's extended
  /// message ("Nexthop has invalid gateway"), if it has one.
  int AddRoute(Route6 route, uint8_t flags, std::string* why = nullptr);
  int DeleteRoute(const Route6& pattern);  ///< fields left at zero match all; ESRCH
  size_t FlushRoutes(const std::function<bool(const Route6&)>& which);
  const FibTable6* FindTable(uint32_t id) const;
  std::vector<Route6> Routes(uint32_t table) const;  ///< as `ip -6 route` orders them; 0: all tables
  /// fib6_rule_lookup(). For link-local and multicast destinations oif (or iif) must be that of the route.
  Route6Answer Lookup(const Route6Query& query) const;
  /// The source address that goes with an answer: the route's `src`, else SelectSource() for its device.
  Ipv6Address SourceFor(const Route6Answer& answer, const Ipv6Address& dst) const;
  const std::vector<Rule6>& Rules() const { return m_rules; }
  int AddRule(Rule6 rule);
  int DeleteRule(const Rule6& rule);
  // PMTU learnt for a destination (an exception of its route); 0: none.
  void LearnPmtu(const Ipv6Address& dst, uint32_t mtu, Nanoseconds expires);
  uint32_t LearntPmtu(const Ipv6Address& dst, Nanoseconds now, Nanoseconds* expires = nullptr) const;
  void FlushLearntPmtus() { m_pmtu.clear(); }

  // --- neighbours
  int SetNeighbour(const Neighbour6& entry, uint8_t flags);
  int DeleteNeighbour(int ifindex, const Ipv6Address& ip);
  size_t FlushNeighbours(const std::function<bool(const Neighbour6&)>& which);
  NeighbourTable6& Neighbours() { return m_neighbours; }
  const NeighbourTable6& Neighbours() const { return m_neighbours; }
  std::vector<Neighbour6> AllNeighbours() const;  ///< by device and address
  const Neighbour6* FindNeighbour(int ifindex, const Ipv6Address& ip) const { return m_neighbours.Find(ifindex, ip); }
  /// Of the peers' too, whose rows are written into `scratch`.
  const Neighbour6* FindNeighbour(int ifindex, const Ipv6Address& ip, Neighbour6& scratch) const;
  void NeighbourChanged(const Neighbour6& entry, TableChange::Op op);
  NeighbourParms& Parms(int ifindex);    ///< net.ipv6.neigh.DEV.*
  NeighbourParms defaultNeighbourParms;  ///< net.ipv6.neigh.default.*

  // --- multicast groups
  struct Group {
    Ipv6Address address;
    uint32_t users = 1;
    bool isLoaded = true;  ///< the device takes the group's frames in (dev_mc_add()); not while the link is down
  };
  int JoinGroup(int ifindex, const Ipv6Address& group);   ///< once per user: a socket, an address, a vxlan device
  int LeaveGroup(int ifindex, const Ipv6Address& group);  ///< EADDRNOTAVAIL
  bool IsMember(int ifindex, const Ipv6Address& group) const;
  const std::vector<Group>& Groups(int ifindex) const;  ///< in order of joining

  // --- settings
  /// net.ipv6.conf.DEV.*
  struct DeviceConf {
    bool disableIpv6 = true;
    bool forwarding = false;
    int32_t hopLimit = 64;
    int32_t mtu = 1280;  ///< bytes; follows the device's
    int32_t acceptRa = 1, acceptRedirects = 1, acceptSourceRoute = 0, acceptDad = 1, autoconf = 1;
    int32_t dadTransmits = 1, enhancedDad = 1, optimisticDad = 0;
    int32_t routerSolicitations = -1, routerSolicitationInterval = 4, routerSolicitationDelay = 1;
    int32_t addrGenMode = 0;  ///< 0: EUI-64, 1: none
    int32_t keepAddrOnDown = 0, useTempaddr = 0, maxAddresses = 16, useOifAddrsOnly = 0;
    int32_t proxyNdp = 0, ndiscNotify = 0, ndiscTclass = 0, dropUnsolicitedNa = 0, acceptUntrackedNa = 0;
    int32_t forceMldVersion = 0, mldv1ReportInterval = 10000, mldv2ReportInterval = 1000;  ///< ms
    int32_t ignoreRoutesWithLinkdown = 0;
    std::map<std::string_view, int64_t> others;  ///< set, and without effect here
  };
  DeviceConf& Conf(int ifindex);
  const DeviceConf& GetConf(int ifindex) const;
  DeviceConf allConf, defaultConf;
  bool IsEnabled(int ifindex) const;  ///< the device speaks IPv6: an inet6_dev without disable_ipv6
  bool IsReady(int ifindex) const;    ///< enabled, up and with carrier
  bool Forwarding(int ifindex) const { return GetConf(ifindex).forwarding; }
  uint32_t Mtu(int ifindex) const { return static_cast<uint32_t>(GetConf(ifindex).mtu); }  ///< idev->cnf.mtu6

  bool bindV6Only = false;
  uint8_t fibMultipathHashPolicy = 0;
  uint8_t autoFlowlabels = 1;
  uint8_t flowlabelReflect = 0;
  bool flowlabelConsistency = true, flowlabelStateRanges = false;
  uint32_t icmpRateLimitMs = 100;
  /// The ICMPv6 types that are limited, as /proc prints it: all errors but packet-too-big.
  std::string icmpRateMask = "0-1,3-127";
  bool icmpEchoIgnoreAll = false, icmpEchoIgnoreMulticast = false, icmpEchoIgnoreAnycast = false;
  bool icmpErrorAnycastAsUnicast = false;
  Nanoseconds ip6fragTime = Seconds(60);
  Nanoseconds pmtuExpires = Seconds(600);  ///< net.ipv6.route.mtu_expires
  uint32_t minAdvmss = 1220;
  uint32_t mldQrv = 2;

  /// Names below net.ipv6 (dotted); Namespace::SetSysctl() and GetSysctl() come here for them. ENOENT: not one of ours.
  int SetSysctl(std::string_view name, std::string_view value);
  std::optional<std::string> GetSysctl(std::string_view name) const;

  std::function<void(const Ipv6Event&)> onEvent;  ///< called after what it tells of

 private:
  struct Device {
    DeviceConf conf;
    bool isThere = false;  ///< has an inet6_dev
    bool isReady = false;  ///< IF_READY
    std::vector<Group> groups;
    std::vector<std::pair<Ipv6Address, uint32_t>> anycasts;  ///< with how many addresses ask for it
  };

  Device* Find(int ifindex);
  const Device* Find(int ifindex) const;
  const Link* LinkOf(int ifindex) const;
  void Tell(Ipv6Event::Kind kind, int ifindex, const Ipv6Address& address = {}) const;
  void Start(int ifindex);                            ///< ipv6_add_dev()
  void Stop(int ifindex, bool forGood);               ///< addrconf_ifdown()
  void Bring(int ifindex);                            ///< addrconf_notify() for NETDEV_UP and NETDEV_CHANGE
  void GenerateAddresses(int ifindex);                ///< addrconf_dev_config(), init_loopback()
  void AddMulticastRoute(int ifindex);                ///< addrconf_add_mroute()
  void StartDad(int ifindex, const Ipv6Address& ip);  ///< addrconf_dad_begin()
  void TakeIntoUse(const Address6& address);          ///< what RTM_NEWADDR brings: the local route, the anycast address
  void RemoveFromUse(const Address6& address);
  void AddPrefixRoute(const Address6& address);
  void AddOwnRoute(int ifindex, RouteType type, const Ipv6Prefix& dst, uint32_t table, uint32_t metric);
  void DeleteOwnRoute(int ifindex, RouteType type, const Ipv6Prefix& dst, uint32_t table, uint32_t metric);
  void JoinAnycast(const Address6& address);
  void LeaveAnycast(const Address6& address);
  void SetDisabled(int ifindex, bool disabled);
  void SetForwarding(int ifindex, bool forwarding);
  Address6& Insert(Address6 address);
  Address6* FindMutable(int ifindex, const Ipv6Address& ip);
  bool IsUsable(const Route6& route, const NextHop6& hop, int oif) const;
  const Route6* Find(const FibTable6& table, const Ipv6Address& dst, int oif, bool isStrict) const;
  int CheckNextHop(const Route6& route, NextHop6& hop, std::string* why) const;
  int CheckGateway(const Route6& route, NextHop6& hop, std::string* why) const;

  Namespace& m_ns;
  std::map<int, Device> m_devices;
  std::vector<Address6> m_addresses;
  std::map<uint32_t, FibTable6> m_tables;
  std::vector<Rule6> m_rules;
  NeighbourTable6 m_neighbours;
  std::map<int, NeighbourParms> m_parms;
  struct Pmtu {
    uint32_t mtu;
    Nanoseconds expires;
  };
  std::unordered_map<Ipv6Address, Pmtu> m_pmtu;
};

}  // namespace overlaysim::kernel
