#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "models/linux/conntrack.h"
#include "models/linux/counters.h"
#include "models/linux/fdb.h"
#include "models/linux/fib.h"
#include "models/linux/ipv6_tables.h"
#include "models/linux/link.h"
#include "models/linux/neighbour.h"
#include "models/linux/netfilter.h"
#include "models/linux/table_change.h"
#include "models/linux/tunnel_peer.h"
#include "sim/base/ids.h"

namespace overlaysim::kernel {

class Programs;

/// One address of a device: a line of `ip addr`.
struct Address {
  int ifindex = 0;
  Ipv4Address local;
  uint8_t prefixLength = 32;
  Ipv4Address broadcast;  ///< zero: none shown
  uint8_t scope = kScopeGlobal;
  bool noPrefixRoute = false;
  bool secondary = false;
  Ipv4Prefix Subnet() const { return Ipv4Prefix{local, prefixLength}.Canonical(); }
};

/// A row that comes or goes at a time.
struct PeerChange {
  Nanoseconds at;
  bool isThere = true;  ///< from then on
  int ifindex = 0;      ///< of an FDB entry or tunnel peer
  std::variant<Route, Neighbour, VxlanFdbEntry, TunnelPeer, Route6, Neighbour6> row;
};

/// A part of a namespace's tables that many namespaces share: the entries that a CNI's agent has written for all the
/// other nodes. 5,000 nodes with 4,999 peers each are 25 million rows of each kind; as a view of one directory they
/// cost nothing. Rows are made up when asked for, as they are at that time. Row ids have the top bit set.
class PeerTables {
 public:
  virtual ~PeerTables() = default;
  /// The route of that table whose prefix covers `dst` (longest first), if one of the peers has it.
  virtual bool FindRoute(uint32_t table, Ipv4Address dst, Route& out) const = 0;
  virtual bool FindNeighbour(int ifindex, Ipv4Address ip, Neighbour& out) const = 0;
  virtual bool FindVxlanFdb(int ifindex, MacAddress mac, VxlanFdbEntry& out) const = 0;
  virtual std::vector<Route> Routes() const = 0;  ///< of all tables
  virtual std::vector<Neighbour> Neighbours() const = 0;
  virtual std::vector<VxlanFdbEntry> VxlanFdbEntries(int ifindex) const = 0;
  /// By an inner address that is allowed, or by key.
  virtual bool FindTunnelPeer(int, Ipv4Address, TunnelPeer&) const { return false; }
  virtual bool FindTunnelPeer(int, const WireguardKey&, TunnelPeer&) const { return false; }
  virtual bool FindIpsecPeer(uint32_t, TunnelPeer&) const { return false; }  ///< by the SPI of what comes in
  virtual std::vector<TunnelPeer> TunnelPeers(int) const { return {}; }
  // The IPv6 side; unless the cluster has one, there is nothing.
  virtual bool FindRoute6(const Ipv6Address&, Route6&) const { return false; }
  virtual bool FindNeighbour6(int, const Ipv6Address&, Neighbour6&) const { return false; }
  virtual std::vector<Route6> Routes6() const { return {}; }
  virtual std::vector<Neighbour6> Neighbours6() const { return {}; }
  /// What the agent will still change, in order of time; very many where there are many peers.
  virtual std::vector<PeerChange> ChangesAfter(Nanoseconds) const { return {}; }

  /// Lowered by each question to when its answer may be another one; null: nobody wants to know.
  mutable Nanoseconds* holdsUntil = nullptr;
};

/// Everything that `ip`, `bridge`, `sysctl` and `iptables` can show or set in one network namespace, with the kernel's
/// own side effects: an address brings its local and connected routes, a link that goes down takes its routes along,
/// and so on. Plain data and decisions: no packets, no clock (times are handed in). Functions that change answer 0 or a
/// positive errno.
class Namespace {
 public:
  Namespace(NetnsId id, std::string name);
  ~Namespace();
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  NetnsId Id() const { return m_id; }
  const std::string& Name() const { return m_name; }

  // --- links. `lo` (ifindex 1, down) is there from the start.
  Link& AddLink(Link link);  ///< gives the next ifindex unless one is set; the name must be free (see FindLink)
  int DeleteLink(int ifindex);
  Link* FindLink(std::string_view name);
  const Link* FindLink(std::string_view name) const;
  Link* GetLink(int ifindex) {
    return static_cast<size_t>(ifindex) < m_links.size() ? m_links[static_cast<size_t>(ifindex)].get() : nullptr;
  }
  const Link* GetLink(int ifindex) const {
    return static_cast<size_t>(ifindex) < m_links.size() ? m_links[static_cast<size_t>(ifindex)].get() : nullptr;
  }
  std::vector<const Link*> Links() const;  ///< by ifindex
  bool HasLinkOf(LinkKind kind) const;
  /// Whether `is` holds for one of the links; asked by ifindex.
  template <typename Predicate>
  bool AnyLink(Predicate&& is) const {
    return std::any_of(m_links.begin(), m_links.end(), [&](const auto& link) { return link && is(*link); });
  }
  int SetLinkUp(int ifindex, bool up, Nanoseconds now);
  int SetLinkMtu(int ifindex, uint32_t mtu);
  int SetLinkAddress(int ifindex, MacAddress address);
  int SetLinkMaster(int ifindex, int master);  ///< 0: none; EINVAL if it is no bridge
  /// A veth's carrier is its peer's IFF_UP: whoever changes one end calls this on the other's namespace.
  int SetCarrier(int ifindex, bool carrier);
  void ForgetNeighboursWithoutCarrier(int ifindex);  ///< all but permanent ones
  void LinkChanged(int ifindex);                     ///< after editing a Link's options in place
  /// Operational: up, and with carrier. A bridge has it while one of its ports has.
  bool IsRunning(const Link& link) const;
  std::vector<int> BridgePorts(int bridge) const;  ///< by port number
  uint32_t NetnsIdOf(
      NetnsId peer);  ///< the nsid that `ip link` shows for a peer namespace, given out in order of first use
  int FindNetnsId(NetnsId peer) const;  ///< -1: none given out

  // --- addresses
  int AddAddress(const Address& address);
  int DeleteAddress(int ifindex, const Ipv4Prefix& local);
  const std::vector<Address>& Addresses() const { return m_addresses; }
  bool IsLocalAddress(Ipv4Address ip) const;
  /// inet_select_addr(): the source address for packets out of that device to `dst` (zero: any), of at most that scope.
  Ipv4Address SelectAddress(int ifindex, Ipv4Address dst, uint8_t scope) const;

  // --- routes
  enum RouteFlags : uint8_t { kCreate = 1, kExclusive = 2, kReplace = 4, kAppend = 8 };
  /// `ip route add` (kCreate|kExclusive), `replace` (kCreate|kReplace), `append` (kCreate|kAppend), `change`
  /// (kReplace). `why` gets the kernel's extended message ("Nexthop has invalid gateway."), if it has one.
  int AddRoute(Route route, uint8_t flags, std::string* why = nullptr);
  int DeleteRoute(const Route& pattern);  ///< fields left at zero (metric, gateway, device, ...) match all
  size_t FlushRoutes(const std::function<bool(const Route&)>& which);
  const FibTable* FindTable(uint32_t id) const;
  /// False: no lookup answers with a local route. What a host hears by broadcast is nearly always for others.
  bool MayBeLocal(Ipv4Address ip) const;
  std::vector<Route> Routes(
      uint32_t table) const;  ///< of one table, peers' included, as `ip route` orders them; 0: all
  RouteAnswer Lookup(const RouteQuery& query) const;
  const std::vector<Rule>& Rules() const { return m_rules; }
  int AddRule(Rule rule);
  int DeleteRule(const Rule& rule);
  // PMTU learnt for a destination (fib_nh_exception); 0: none.
  void LearnPmtu(Ipv4Address dst, uint32_t mtu, Nanoseconds expires, bool locked);
  uint32_t LearntPmtu(Ipv4Address dst, Nanoseconds now, bool* locked = nullptr, Nanoseconds* expires = nullptr) const;
  void FlushLearntPmtus() { m_pmtu.clear(); }

  // --- neighbours
  int SetNeighbour(const Neighbour& entry, uint8_t flags);  ///< flags as for routes
  int DeleteNeighbour(int ifindex, Ipv4Address ip);         ///< ENOENT if there is none
  size_t FlushNeighbours(const std::function<bool(const Neighbour&)>& which);
  NeighbourTable& Neighbours() { return m_neighbours; }
  const NeighbourTable& Neighbours() const { return m_neighbours; }
  std::vector<Neighbour> AllNeighbours() const;  ///< peers' included, by device and address
  const Neighbour* FindNeighbour(int ifindex, Ipv4Address ip,
                                 Neighbour& scratch) const;  ///< own with address, peers', own
  void NeighbourChanged(const Neighbour& entry, TableChange::Op op);
  NeighbourParms& Parms(int ifindex);    ///< net.ipv4.neigh.DEV.*
  NeighbourParms defaultNeighbourParms;  ///< net.ipv4.neigh.default.*

  // --- forwarding databases
  BridgeFdb& FdbOfBridge(int bridge) { return m_bridgeFdbs[bridge]; }
  const BridgeFdb* FindBridgeFdb(int bridge) const;
  VxlanFdb& FdbOfVxlan(int ifindex) { return m_vxlanFdbs[ifindex]; }
  const VxlanFdb* FindVxlanFdb(int ifindex) const;
  int AddBridgeFdb(int port, MacAddress mac, bool isLocal, bool isStatic, uint8_t flags, Nanoseconds now);
  int DeleteBridgeFdb(int port, MacAddress mac);
  /// An entry with one remote. Errors: EEXIST, ENOENT, ENOSPC (maxaddress), EOPNOTSUPP (a group's remotes are not
  /// replaced, though its other fields are then those given).
  int AddVxlanFdb(int ifindex, const VxlanFdbEntry& given, uint8_t flags, Nanoseconds now);
  int AddVxlanFdb(int ifindex, MacAddress mac, const VxlanRemote& remote, bool permanent, uint8_t flags,
                  Nanoseconds now);
  int DeleteVxlanFdb(int ifindex, MacAddress mac, const VxlanRemote* remote);
  const VxlanFdbEntry* LookupVxlanFdb(int ifindex, MacAddress mac, VxlanFdbEntry& scratch) const;  ///< own, then peers'
  std::vector<VxlanFdbEntry> AllVxlanFdb(int ifindex) const;  ///< peers' included, by address
  void FdbChanged(Table table, TableChange::Op op, const void* row, uint32_t rowId, int ifindex);

  // --- the other ends of wireguard devices, of flanneld's TUN device, and (ifindex 0) of IPsec: own, then the
  // directory's
  int SetTunnelPeer(int ifindex,
                    TunnelPeer peer);  ///< in place of the one with its key; takes its addresses from others
  int DeleteTunnelPeer(int ifindex, const TunnelPeer& peer);  ///< the one with its key, or without one, its endpoint
  bool FindTunnelPeer(int ifindex, Ipv4Address inner, TunnelPeer& out) const;  ///< longest allowed range first
  bool FindTunnelPeer(int ifindex, const WireguardKey& key, TunnelPeer& out) const;
  bool FindIpsecPeer(uint32_t spiIn, TunnelPeer& out) const;
  std::vector<TunnelPeer> TunnelPeers(int ifindex) const;
  bool hasIpsec = false;  ///< strongSwan's charon is there, with the kernel's ESP: policies are asked for each packet
  std::map<std::pair<Ipv4Address, uint32_t>, IpsecActivity> ipsecActivity;  ///< of states, by destination and SPI
  /// By public key.
  std::map<WireguardKey, WireguardActivity>& ActivityOf(int ifindex) { return m_wireguardActivity[ifindex]; }
  const WireguardActivity* FindActivity(int ifindex, const WireguardKey& key) const;

  /// Whether this host listens to a multicast group on a device: all to 224.0.0.1, and the underlay device of a vxlan
  /// device that is up to its group (ip_check_mc_rcu()).
  bool HasJoined(int ifindex, Ipv4Address group) const;

  // --- settings
  /// Dotted names below /proc/sys ("net.ipv4.ip_forward", "net.ipv4.conf.eth0.rp_filter"). Unknown names: ENOENT.
  int SetSysctl(const std::string& name, const std::string& value);
  std::optional<std::string> GetSysctl(const std::string& name) const;
  /// Names that SetSysctl() was given, each once, in the order in which they were last set.
  const std::vector<std::string>& WrittenSysctls() const { return m_writtenSysctls; }
  bool ipForward = false;
  uint8_t defaultTtl = 64;
  bool ipForwardUsePmtu = false;
  uint16_t localPortLow = 32768, localPortHigh = 60999;
  uint8_t fibMultipathHashPolicy = 0;
  bool bridgeNfCallIptables = true;   ///< br_netfilter is loaded, as flannel and kubeadm want it
  bool bridgeNfCallIp6tables = true;  ///< the same for IPv6
  Nanoseconds ipfragTime = Seconds(30);
  uint32_t icmpRateLimitMs = 1000;
  uint32_t icmpRateMask = 6168;
  uint32_t icmpMsgsPerSec = 1000, icmpMsgsBurst = 50;
  bool icmpEchoIgnoreAll = false;
  bool icmpEchoIgnoreBroadcasts = true;
  bool icmpErrorsUseInboundIfaddr = false;
  uint32_t minPmtu = 552;
  Nanoseconds pmtuExpires = Seconds(600);
  struct DeviceConf {  ///< net.ipv4.conf.DEV.*
    bool forwarding = false, proxyArp = false, routeLocalnet = false, acceptLocal = false, proxyArpPvlan = false,
         arpAccept = false, sendRedirects = true, acceptRedirects = true, dropGratuitousArp = false;
    uint8_t rpFilter = 0, arpIgnore = 0, arpAnnounce = 0, arpFilter = 0, arpNotify = 0;
  };
  DeviceConf& Conf(int ifindex);
  const DeviceConf& GetConf(int ifindex) const;
  DeviceConf allConf, defaultConf;
  bool Forwarding(int ifindex) const { return GetConf(ifindex).forwarding; }
  uint8_t RpFilter(int ifindex) const { return std::max(allConf.rpFilter, GetConf(ifindex).rpFilter); }

  /// The namespace's IPv6: addresses, routes, neighbours, groups and settings.
  Ipv6Tables& Ipv6() { return *m_ipv6; }
  const Ipv6Tables& Ipv6() const { return *m_ipv6; }

  Ruleset netfilter;
  Conntrack conntrack;
  SnmpCounters snmp;                         ///< of both families
  std::shared_ptr<const PeerTables> peers;   ///< may be null
  std::shared_ptr<const Programs> programs;  ///< at its devices; may be null

  // --- identity and history
  uint32_t Version() const { return m_version; }
  uint32_t NextRowId() { return ++m_lastRowId; }
  std::function<void(const TableChange&)> onChange;  ///< called after each change
  void Changed(Table table, TableChange::Op op, const void* row, uint32_t rowId, int ifindex = 0);

 private:
  void DisablePort(const Link& port);
  FibTable& TableOf(uint32_t id);
  void AddAddressRoutes(const Address& address);
  void DeleteAddressRoutes(const Address& address);
  int CheckNextHop(Route& route, NextHop& hop, std::string* why) const;
  void SyncBridgeLocal(int bridge, int port, bool add);
  void BringIpv6(const Link& link);

  NetnsId m_id;
  std::string m_name;
  std::vector<std::unique_ptr<Link>> m_links;  ///< by ifindex; holes are null
  std::vector<Address> m_addresses;
  std::map<uint32_t, FibTable> m_tables;
  std::vector<Rule> m_rules;
  NeighbourTable m_neighbours;
  std::map<int, NeighbourParms> m_parms;
  std::map<int, DeviceConf> m_conf;
  std::map<int, BridgeFdb> m_bridgeFdbs;
  std::map<int, VxlanFdb> m_vxlanFdbs;
  std::map<int, std::vector<TunnelPeer>> m_tunnelPeers;
  std::map<int, std::map<WireguardKey, WireguardActivity>> m_wireguardActivity;
  std::unique_ptr<Ipv6Tables> m_ipv6;
  std::map<std::string, std::string> m_otherSysctls;
  std::vector<std::string> m_writtenSysctls;
  std::vector<NetnsId> m_netnsIds;
  struct Pmtu {
    uint32_t mtu;
    Nanoseconds expires;
    bool locked;
  };
  std::unordered_map<uint32_t, Pmtu> m_pmtu;
  /// Destinations of all local routes to which rules lead; none: not gathered since routes or rules have changed.
  mutable std::optional<std::vector<Ipv4Prefix>> m_localPrefixes;
  uint32_t m_version = 0;
  uint32_t m_lastRowId = 0;
};

/// Writes a row into the namespace's own tables, or takes it away. What is not there any more stays away.
void Write(Namespace& ns, const PeerChange& change);

/// The namespaces of one kernel, by name, in the order of `ip netns add`.
class Machine {
 public:
  Namespace& Add(std::string name);  ///< the name must be free
  Namespace* Find(std::string_view name);
  const Namespace* Find(std::string_view name) const;
  Namespace& Get(NetnsId id) { return *m_all[id.value]; }
  const Namespace& Get(NetnsId id) const { return *m_all[id.value]; }
  size_t Size() const { return m_all.size(); }
  const std::vector<std::unique_ptr<Namespace>>& All() const { return m_all; }
  std::unique_ptr<Namespace> Take(NetnsId id) { return std::move(m_all[id.value]); }
  void Remove(NetnsId id);  ///< its name is free again, its id is not

 private:
  std::vector<std::unique_ptr<Namespace>> m_all;
  std::map<std::string, NetnsId, std::less<>> m_byName;
};

}  // namespace overlaysim::kernel
