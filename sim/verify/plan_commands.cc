#include "sim/verify/plan_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "sim/iproute2/command.h"
#include "sim/iproute2/iptables.h"
#include "sim/iproute2/names.h"
#include "sim/iproute2/nft.h"
#include "sim/iproute2/show.h"

namespace overlaysim::verify {
namespace {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;
using Words = std::vector<std::string>;

constexpr size_t kMaxNameBytes = 100;
constexpr int kLoopback = 1;  // ifindex

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

std::string Quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return IsPlain(c) || std::string_view("/:=@,+%").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// `name`, or with a number behind it that makes it new; it is then taken.
std::string FreeName(std::set<std::string>& taken, const std::string& name) {
  std::string free = name;
  for (int n = 2; !taken.insert(free).second; ++n) free = fmt::format("{}-{}", name, n);
  return free;
}

/// What the plan cannot be exported for.
struct Unsayable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

Words SplitLine(const std::string& line) { return iproute2::SplitCommand(line).value_or(Words{}); }

bool Contains(const std::vector<Words>& lines, const Words& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

Words Concat(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// ------------------------------------------------------------------------------------------------ options of links

Words VxlanWords(const Namespace& ns, const kernel::VxlanOptions& v) {
  const kernel::VxlanOptions usual;
  Words words;
  auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
  if (!v.external) add({"id", fmt::format("{}", v.vni)});
  if (!v.local.IsZero()) add({"local", v.local.ToString()});
  if (!v.remote.IsZero()) add({v.remote.IsMulticast() ? "group" : "remote", v.remote.ToString()});
  if (v.lowerIfindex != 0) add({"dev", iproute2::DeviceName(ns, v.lowerIfindex)});
  add({"dstport", fmt::format("{}", v.dstPort)});
  if (v.srcPortLow != 0 || v.srcPortHigh != 0)
    add({"srcport", fmt::format("{}", v.srcPortLow), fmt::format("{}", v.srcPortHigh)});
  if (v.ttlInherit)
    add({"ttl", "inherit"});
  else if (v.ttl != 0)
    add({"ttl", fmt::format("{}", v.ttl)});
  if (v.tos != 0) add({"tos", v.tos == 1 ? "inherit" : fmt::format("{:#x}", v.tos)});
  if (v.df != usual.df) add({"df", v.df == kernel::VxlanDf::Set ? "set" : "inherit"});
  if (v.learning != !v.external) add({v.learning ? "learning" : "nolearning"});
  if (v.ageing != usual.ageing) add({"ageing", v.ageing == 0 ? "none" : fmt::format("{}", v.ageing)});
  if (v.maxAddress != 0) add({"maxaddress", fmt::format("{}", v.maxAddress)});
  if (!v.udpCsum) add({"noudpcsum"});
  if (v.udp6ZeroCsumTx) add({"udp6zerocsumtx"});
  if (v.udp6ZeroCsumRx) add({"udp6zerocsumrx"});
  if (v.proxy) add({"proxy"});
  if (v.rsc) add({"rsc"});
  if (v.l2miss) add({"l2miss"});
  if (v.l3miss) add({"l3miss"});
  if (v.gbp) add({"gbp"});
  if (v.external) add({"external"});
  if (!v.localBypass) add({"nolocalbypass"});
  return words;
}

Words BridgeWords(const kernel::BridgeOptions& b) {
  const kernel::BridgeOptions usual;
  Words words;
  auto add = [&](const char* word, uint32_t value, uint32_t normal) {
    if (value != normal) words.insert(words.end(), {word, fmt::format("{}", value)});
  };
  add("forward_delay", b.forwardDelay, usual.forwardDelay);
  add("hello_time", b.helloTime, usual.helloTime);
  add("max_age", b.maxAge, usual.maxAge);
  add("ageing_time", b.ageingTime, usual.ageingTime);
  add("stp_state", b.stp, usual.stp);
  add("priority", b.priority, usual.priority);
  add("vlan_filtering", b.vlanFiltering, usual.vlanFiltering);
  add("mcast_snooping", b.mcastSnooping, usual.mcastSnooping);
  add("group_fwd_mask", b.groupFwdMask, usual.groupFwdMask);
  return words;
}

Words PortWords(const kernel::BridgePortOptions& p) {
  const kernel::BridgePortOptions usual;
  Words words;
  auto flag = [&](const char* word, bool value, bool normal) {
    if (value != normal) words.insert(words.end(), {word, value ? "on" : "off"});
  };
  if (p.priority != usual.priority) words.insert(words.end(), {"priority", fmt::format("{}", p.priority)});
  if (p.cost != usual.cost) words.insert(words.end(), {"cost", fmt::format("{}", p.cost)});
  if (p.disabled) words.insert(words.end(), {"state", "disabled"});
  flag("hairpin", p.hairpin, usual.hairpin);
  flag("guard", p.guard, usual.guard);
  flag("root_block", p.rootBlock, usual.rootBlock);
  flag("fastleave", p.fastLeave, usual.fastLeave);
  flag("learning", p.learning, usual.learning);
  flag("flood", p.flood, usual.flood);
  flag("mcast_flood", p.mcastFlood, usual.mcastFlood);
  flag("bcast_flood", p.bcastFlood, usual.bcastFlood);
  flag("mcast_to_unicast", p.mcastToUnicast, usual.mcastToUnicast);
  flag("neigh_suppress", p.neighSuppress, usual.neighSuppress);
  flag("isolated", p.isolated, usual.isolated);
  flag("locked", p.locked, usual.locked);
  flag("proxy_arp", p.proxyArp, usual.proxyArp);
  flag("proxy_arp_wifi", p.proxyArpWifi, usual.proxyArpWifi);
  flag("vlan_tunnel", p.vlanTunnel, usual.vlanTunnel);
  return words;
}

// ------------------------------------------------------------------------------------------------ rows as words

template <typename A>
constexpr bool kIsV6 = std::is_same_v<A, Ipv6Address>;

/// `ip OBJECT VERB`, or `ip -6 OBJECT VERB`.
template <typename A>
Words IpWords(const char* object, const char* verb) {
  return kIsV6<A> ? Words{"ip", "-6", object, verb} : Words{"ip", object, verb};
}

std::vector<kernel::Route> RoutesOf(const Namespace& ns, Ipv4Address) { return ns.Routes(0); }
/// Those of IPv6 that the kernel does not make by itself.
std::vector<kernel::Route6> RoutesOf(const Namespace& ns, Ipv6Address) {
  std::vector<kernel::Route6> routes = ns.Ipv6().Routes(0);
  std::erase_if(routes, [](const kernel::Route6& route) { return route.protocol == kernel::kProtoKernel; });
  return routes;
}
std::vector<kernel::Route> UnderlayRoutesOf(const ClusterPlan& plan, NetnsId id, uint32_t epoch, Ipv4Address) {
  return plan.UnderlayRoutes(id, epoch);
}
std::vector<kernel::Route6> UnderlayRoutesOf(const ClusterPlan& plan, NetnsId id, uint32_t epoch, Ipv6Address) {
  return plan.UnderlayRoutes6(id, epoch);
}

/// A line of `ip route` as `ip route add` takes it: without what only tells of a device's state.
template <typename A>
Words RouteWords(const Namespace& ns, const kernel::BasicRoute<A>& route) {
  Words words = SplitLine(iproute2::RouteLine(ns, route));
  std::erase_if(words, [](const std::string& w) { return w == "linkdown" || w == "dead"; });
  if (const auto pref = std::find(words.begin(), words.end(), "pref"); pref != words.end()) words.erase(pref, pref + 2);
  if (route.table != kernel::kTableMain && std::find(words.begin(), words.end(), "table") == words.end())
    words.insert(words.end(), {"table", iproute2::TableName(route.table)});
  return words;
}

/// A line of `ip rule` ("100:  from all lookup 5") as `ip rule add` takes it.
Words RuleWords(const Namespace& ns, const kernel::Rule& rule) {
  Words words = SplitLine(iproute2::RuleLine(ns, rule));
  words.erase(words.begin());
  return Concat({"pref", fmt::format("{}", rule.preference)}, words);
}

/// A line of `ip neigh`; its state stands for itself at the end ("PERMANENT").
template <typename A>
Words NeighbourWords(const Namespace& ns, const kernel::BasicNeighbour<A>& neighbour) {
  Words words = SplitLine(iproute2::NeighLine(ns, neighbour));
  if (neighbour.proxy)
    return Concat({"proxy"}, {neighbour.ip.ToString(), "dev", iproute2::DeviceName(ns, neighbour.ifindex)});
  std::string state = words.back();
  std::transform(state.begin(), state.end(), state.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  words.back() = "nud";
  words.push_back(state);
  return words;
}

/// A line of `bridge fdb` for a bridge ("MAC dev PORT master BRIDGE static"): `add` takes "master" without a name.
Words BridgeFdbWords(const Namespace& ns, int bridge, const kernel::BridgeFdbEntry& entry) {
  Words words = SplitLine(iproute2::BridgeFdbLine(ns, bridge, entry));
  const auto master = std::find(words.begin(), words.end(), "master");
  if (master != words.end() && master + 1 != words.end()) words.erase(master + 1);
  return words;
}

std::vector<Words> VxlanFdbWords(const Namespace& ns, int ifindex, const kernel::VxlanFdbEntry& entry) {
  std::vector<Words> lines;
  for (const kernel::VxlanRemote& remote : entry.remotes) {
    kernel::VxlanFdbEntry one = entry;
    one.remotes = {remote};
    lines.push_back(SplitLine(iproute2::VxlanFdbLine(ns, ifindex, one)));
  }
  return lines;
}

template <typename A>
bool IsDynamic(const kernel::BasicNeighbour<A>& n) {
  return !n.proxy && n.state != kernel::NudState::Permanent && n.state != kernel::NudState::Noarp;
}

/// The device of a breakable cable at its end a or b.
std::string CableEndName(CableId cable, bool isA) { return fmt::format("c{}{}", cable.value, isA ? "a" : "b"); }

// ------------------------------------------------------------------------------------------------ the exporter

/// Writes the commands, and carries each out on tables of its own, so that it knows what the kernel will have added by
/// itself and asks only for what is then still different.
class Exporter {
 public:
  Exporter(const ClusterPlan& plan, const std::set<CableId>& breakable)
      : m_plan(plan), m_breakable(breakable), m_names(plan), m_all(m_machine) {}

  std::vector<PlanCommand> Export() {
    for (size_t i = 0; i < m_plan.NetnsCount(); ++i) {
      m_wanted.push_back(m_plan.Materialise(NetnsId(i)));
      Run("", {"ip", "netns", "add", m_names.Of(NetnsId(i))});
    }
    if (!m_breakable.empty()) Run("", {"ip", "netns", "add", m_names.Cables()});
    for (size_t c = 0; c < m_plan.cables.size(); ++c) {
      const CablePlan& cable = m_plan.cables[c];
      m_farEnd[{cable.a.netns, cable.a.ifindex}] = {cable.b.netns, cable.b.ifindex};
      m_farEnd[{cable.b.netns, cable.b.ifindex}] = {cable.a.netns, cable.a.ifindex};
      if (m_breakable.contains(CableId(c))) AddBreakable(CableId(c), cable);
    }
    // Devices begin with these; and a vxlan device with an IPv6 address is refused where IPv6 is off.
    for (const auto& ns : m_wanted) SetSysctls(*ns, {"net.ipv6.conf.all.", "net.ipv6.conf.default."});
    for (const auto& ns : m_wanted) AddLinks(*ns, false);
    for (const auto& ns : m_wanted) AddLinks(*ns, true);
    for (const auto& ns : m_wanted) SetLinks(*ns);
    for (const auto& ns : m_wanted) SetSysctls(*ns, {""});
    for (const auto& ns : m_wanted) SetAddresses(*ns);
    for (const auto& ns : m_wanted) {
      SetRoutes<Ipv4Address>(*ns);
      SetRoutes<Ipv6Address>(*ns);
      SetRules(*ns);
      SetNeighbours(*ns);
      SetFdbs(*ns);
      SetFilters(*ns);
    }
    return std::move(m_commands);
  }

 private:
  struct End {
    NetnsId netns;
    int ifindex = 0;
  };

  const std::string& NameOf(const Namespace& ns) const { return m_names.Of(ns.Id()); }
  Namespace& Made(const Namespace& wanted) { return *m_machine.Find(NameOf(wanted)); }

  void Run(const std::string& netns, Words argv) {
    PlanCommand command{netns, std::move(argv)};
    const iproute2::CommandResult result = iproute2::RunCommand(m_all, NetnsId(), command.ToShell());
    if (result.exit != 0)
      throw Unsayable(fmt::format("\"{}\": {}", command.ToShell(), result.err.substr(0, result.err.find('\n'))));
    m_commands.push_back(std::move(command));
  }
  void Ip(const Namespace& ns, Words words) { Run(NameOf(ns), Concat({"ip"}, words)); }

  static Words LinkWords(const Link& link) {
    Words words{"name", link.name, "index", fmt::format("{}", link.ifindex)};
    if (link.kind != LinkKind::Bridge || link.addressSet) words = Concat(words, {"address", link.address.ToString()});
    if (link.kind != LinkKind::Vxlan || link.mtuSet) words = Concat(words, {"mtu", fmt::format("{}", link.mtu)});
    return words;
  }

  void AddBreakable(CableId id, const CablePlan& cable) {
    const std::string bridge = fmt::format("cable{}", id.value);
    Run(m_names.Cables(), {"ip", "link", "add", "name", bridge, "type", "bridge", "mcast_snooping", "0"});
    Run(m_names.Cables(), {"ip", "link", "set", "dev", bridge, "up"});
    for (const CablePlan::End* end : {&cable.a, &cable.b}) {
      const Namespace& ns = *m_wanted[end->netns.value];
      const Link& link = *ns.GetLink(end->ifindex);
      const std::string port = CableEndName(id, end == &cable.a);
      Ip(ns,
         Concat(Concat({"link", "add"}, LinkWords(link)),
                {"type", "veth", "peer", "name", port, "mtu", fmt::format("{}", link.mtu), "netns", m_names.Cables()}));
      Run(m_names.Cables(), {"ip", "link", "set", "dev", port, "master", bridge});
      Run(m_names.Cables(), {"ip", "link", "set", "dev", port, "type", "bridge_slave", "learning", "off"});
      Run(m_names.Cables(), {"ip", "link", "set", "dev", port, cable.up ? "up" : "down"});
    }
  }

  void AddLinks(const Namespace& ns, bool vxlans) {
    for (const Link* link : ns.Links()) {
      if (link->ifindex == kLoopback || Made(ns).GetLink(link->ifindex)) continue;
      if ((link->kind == LinkKind::Vxlan) == vxlans) AddLink(ns, *link);
    }
  }

  void AddLink(const Namespace& ns, const Link& link) {
    const Words words = Concat({"link", "add"}, LinkWords(link));
    switch (link.kind) {
      case LinkKind::Bridge:
        return Ip(ns, Concat(Concat(words, {"type", "bridge"}), BridgeWords(link.bridge)));
      case LinkKind::Vxlan:
        return Ip(ns, Concat(Concat(words, {"type", "vxlan"}), VxlanWords(ns, link.vxlan)));
      case LinkKind::Dummy:
        return Ip(ns, Concat(words, {"type", "dummy"}));
      case LinkKind::Physical:
      case LinkKind::Veth: {
        const auto cable = m_farEnd.find({ns.Id(), link.ifindex});
        const End far = cable != m_farEnd.end() ? cable->second : End{link.peerNetns, link.peerIfindex};
        const Link* peer = far.netns.IsNone() ? nullptr : m_wanted[far.netns.value]->GetLink(far.ifindex);
        if (!peer) throw Unsayable(fmt::format("{}/{} ends nowhere", ns.Name(), link.name));
        Words all = Concat(Concat(words, {"type", "veth", "peer"}), LinkWords(*peer));
        if (far.netns != ns.Id()) all = Concat(all, {"netns", m_names.Of(far.netns)});
        return Ip(ns, all);
      }
      default:
        throw Unsayable(fmt::format("{}/{} is of a kind that is not supported yet", ns.Name(), link.name));
    }
  }

  void SetLinks(const Namespace& ns) {
    if (ns.hasIpsec) throw Unsayable(fmt::format("the ESP of {} is of a kind that is not supported yet", ns.Name()));
    std::vector<const Link*> links = ns.Links();
    std::stable_sort(links.begin(), links.end(),
                     [](const Link* a, const Link* b) { return a->port.portNo < b->port.portNo; });
    for (const Link* link : links) {
      if (link->master == 0) continue;
      Ip(ns, {"link", "set", "dev", link->name, "master", iproute2::DeviceName(ns, link->master)});
      const Words port = PortWords(link->port);
      if (!port.empty()) Ip(ns, Concat({"link", "set", "dev", link->name, "type", "bridge_slave"}, port));
    }
    for (const Link* link : ns.Links()) {
      const Link& made = *Made(ns).GetLink(link->ifindex);
      auto set = [&](bool differs, const char* word, const std::string& value) {
        if (differs) Ip(ns, {"link", "set", "dev", link->name, word, value});
      };
      set(made.address != link->address, "address", link->address.ToString());
      set(made.mtu != link->mtu, "mtu", fmt::format("{}", link->mtu));
      set(made.noArp != link->noArp, "arp", link->noArp ? "off" : "on");
      set(made.promisc != link->promisc, "promisc", link->promisc ? "on" : "off");
      set(made.txQueueLen != link->txQueueLen && !IsUnqueued(link->kind), "txqueuelen",
          fmt::format("{}", link->txQueueLen));
      if (made.adminUp != link->adminUp) Ip(ns, {"link", "set", "dev", link->name, link->adminUp ? "up" : "down"});
    }
  }

  /// A cable is a veth here, whose queue is another than that of what it stands for.
  static bool IsUnqueued(LinkKind kind) { return kind == LinkKind::Physical; }

  /// Those whose names begin so.
  void SetSysctls(const Namespace& ns, std::initializer_list<std::string_view> beginnings) {
    for (const std::string& name : ns.WrittenSysctls()) {
      if (std::none_of(beginnings.begin(), beginnings.end(), [&](auto b) { return name.rfind(b, 0) == 0; })) continue;
      const auto value = ns.GetSysctl(name);
      if (value && Made(ns).GetSysctl(name) != value)
        Run(NameOf(ns), {"sysctl", "-q", "-w", SysctlWord(ns, name) + "=" + *value});
    }
  }

  /// sysctl(8) takes dots for slashes; in a device's name they are written the other way round.
  static std::string SysctlWord(const Namespace& ns, std::string name) {
    for (const Link* link : ns.Links()) {
      const size_t at = name.find("." + link->name + ".");
      if (link->name.find('.') == std::string::npos || at == std::string::npos) continue;
      for (size_t i = at + 1; i <= at + link->name.size(); ++i)
        if (name[i] == '.') name[i] = '/';
      break;
    }
    return name;
  }

  void SetAddresses(const Namespace& ns) {
    for (const kernel::Address& a : ns.Addresses()) {
      const auto& made = Made(ns).Addresses();
      const bool isThere = std::any_of(made.begin(), made.end(), [&](const kernel::Address& m) {
        return m.ifindex == a.ifindex && m.local == a.local && m.prefixLength == a.prefixLength;
      });
      if (isThere) continue;
      Words words{"addr", "add", fmt::format("{}/{}", a.local.ToString(), a.prefixLength)};
      if (!a.broadcast.IsZero()) words = Concat(words, {"broadcast", a.broadcast.ToString()});
      words = Concat(words, {"dev", iproute2::DeviceName(ns, a.ifindex)});
      if (a.scope != kernel::kScopeGlobal) words = Concat(words, {"scope", iproute2::ScopeName(a.scope)});
      if (a.noPrefixRoute) words.push_back("noprefixroute");
      Ip(ns, words);
    }
    for (const kernel::Address6& a : ns.Ipv6().Addresses()) {  // link-local ones a device makes by itself
      if (Made(ns).Ipv6().FindAddress(a.ifindex, a.local)) continue;
      Words words{"-6", "addr", "add", fmt::format("{}/{}", a.local.ToString(), a.prefixLength)};
      words = Concat(words, {"dev", iproute2::DeviceName(ns, a.ifindex)});
      if (a.noDad) words.push_back("nodad");
      if (a.noPrefixRoute) words.push_back("noprefixroute");
      Ip(ns, words);
    }
  }

  template <typename A>
  void SetRoutes(const Namespace& ns) {
    auto lines = [](const Namespace& of) {
      std::multiset<Words> out;
      for (const kernel::BasicRoute<A>& route : RoutesOf(of, A{})) out.insert(RouteWords(of, route));
      return out;
    };
    std::multiset<Words> made = lines(Made(ns));
    const std::multiset<Words> wanted = lines(ns);
    for (const Words& line : made)
      if (!wanted.contains(line)) Run(NameOf(ns), Concat(IpWords<A>("route", "del"), line));
    std::vector<kernel::BasicRoute<A>> routes = RoutesOf(ns, A{});
    std::stable_partition(routes.begin(), routes.end(), [](const auto& route) {  // a gateway must be reachable
      return std::all_of(route.nextHops.begin(), route.nextHops.end(),
                         [](const auto& hop) { return hop.gateway.IsZero(); });
    });
    for (const kernel::BasicRoute<A>& route : routes) {
      const Words line = RouteWords(ns, route);
      if (const auto there = made.find(line); there != made.end())
        made.erase(there);
      else
        Run(NameOf(ns), Concat(IpWords<A>("route", "append"), line));
    }
  }

  void SetRules(const Namespace& ns) {
    auto lines = [](const Namespace& of) {
      std::vector<Words> out;
      for (const kernel::Rule& rule : of.Rules()) out.push_back(RuleWords(of, rule));
      return out;
    };
    const std::vector<Words> made = lines(Made(ns)), wanted = lines(ns);
    for (const Words& line : made)
      if (!Contains(wanted, line)) Ip(ns, Concat({"rule", "del"}, line));
    for (const Words& line : wanted)
      if (!Contains(made, line)) Ip(ns, Concat({"rule", "add"}, line));
  }

  void SetNeighbours(const Namespace& ns) {
    for (const kernel::Neighbour& n : ns.AllNeighbours())
      if (!IsDynamic(n)) Ip(ns, Concat({"neigh", "replace"}, NeighbourWords(ns, n)));
    for (const kernel::Neighbour6& n : ns.Ipv6().AllNeighbours())
      if (!IsDynamic(n)) Ip(ns, Concat({"-6", "neigh", "replace"}, NeighbourWords(ns, n)));
  }

  void SetFdbs(const Namespace& ns) {
    for (const Link* link : ns.Links()) {
      if (link->kind == LinkKind::Vxlan) SetVxlanFdb(ns, link->ifindex);
      if (link->kind == LinkKind::Bridge) SetBridgeFdb(ns, link->ifindex);
    }
  }

  void SetVxlanFdb(const Namespace& ns, int ifindex) {
    std::set<Words> there;
    for (const kernel::VxlanFdbEntry& entry : Made(ns).AllVxlanFdb(ifindex))
      for (const Words& line : VxlanFdbWords(Made(ns), ifindex, entry)) there.insert(line);
    // The table lists the newest first.
    const std::vector<kernel::VxlanFdbEntry> all = ns.AllVxlanFdb(ifindex);
    for (auto entry = all.rbegin(); entry != all.rend(); ++entry)
      for (const Words& line : VxlanFdbWords(ns, ifindex, *entry))
        if (!there.contains(line)) Run(NameOf(ns), Concat({"bridge", "fdb", "append"}, line));
  }

  void SetBridgeFdb(const Namespace& ns, int bridge) {
    const kernel::BridgeFdb* fdb = ns.FindBridgeFdb(bridge);
    if (!fdb) return;
    std::set<Words> there;
    if (const kernel::BridgeFdb* made = Made(ns).FindBridgeFdb(bridge))
      for (const kernel::BridgeFdbEntry* entry : made->Sorted()) there.insert(BridgeFdbWords(Made(ns), bridge, *entry));
    for (const kernel::BridgeFdbEntry* entry : fdb->Sorted()) {
      const Words line = BridgeFdbWords(ns, bridge, *entry);
      if (!there.contains(line)) Run(NameOf(ns), Concat({"bridge", "fdb", "add"}, line));
    }
  }

  /// Tables in the order in which they were made, which chains of one priority are asked in. What `iptables -S` prints
  /// of one is what `iptables` takes.
  void SetFilters(const Namespace& ns) {
    for (const auto& table : ns.netfilter.Tables()) {
      if (!iproute2::IsOfIptables(*table)) {
        SetNftTable(NameOf(ns), *table);
        continue;
      }
      const char* program = iproute2::IptablesProgram(table->family);
      const std::vector<Words> wanted = FilterLines(*m_wanted[ns.Id().value], program, table->name);
      const std::vector<Words> made = FilterLines(Made(ns), program, table->name);
      for (const Words& line : wanted)
        if (line[0] == "-A" || !Contains(made, line)) Run(NameOf(ns), Concat({program, "-t", table->name}, line));
    }
  }

  /// A chain is there before a rule jumps to it, and a set before one asks it.
  void SetNftTable(const std::string& netns, const kernel::FilterTable& table) {
    const Words name{iproute2::NftFamilyName(table.family), table.name};
    auto add = [&](const char* object, const Words& words) {
      Run(netns, Concat(Concat({"nft", "add", object}, name), words));
    };
    add("table", {});
    auto inner = [](const std::string& block) {  // "set NAME {...}" without its first two words, in one line
      std::string out = block.substr(block.find('{'));
      for (char& c : out)
        if (c == '\t') c = ' ';
      for (size_t at = 0; (at = out.find('\n', at)) != std::string::npos;) {
        const bool goesOn = out[at - 1] == ',' || out[at - 1] == '{';
        out.replace(at, 1, goesOn ? " " : ";");
      }
      out.erase(out.find_last_of('}') + 1);
      return out;
    };
    for (const kernel::FilterSet& set : table.sets) add("set", {set.name, inner(iproute2::NftSetText(set))});
    for (const auto& chain : table.chains) {
      const std::string hook = iproute2::NftHookText(*chain);
      add("chain", hook.empty() ? Words{chain->name} : Words{chain->name, "{ " + hook + " }"});
    }
    for (const auto& chain : table.chains)
      for (const kernel::FilterRule& rule : chain->rules)
        add("rule", {chain->name, iproute2::NftRuleText(table, rule)});
  }

  static std::vector<Words> FilterLines(Namespace& ns, const char* program, const std::string& table) {
    iproute2::SingleNamespace only(ns);
    const auto result = iproute2::RunCommand(only, ns.Id(), fmt::format("{} -t {} -S", program, table));
    std::vector<Words> lines;
    if (result.exit != 0) return lines;
    for (size_t at = 0; at < result.out.size();) {
      const size_t end = std::min(result.out.find('\n', at), result.out.size());
      lines.push_back(SplitLine(result.out.substr(at, end - at)));
      at = end + 1;
    }
    return lines;
  }

  const ClusterPlan& m_plan;
  const std::set<CableId>& m_breakable;
  NetnsNames m_names;
  std::vector<std::unique_ptr<Namespace>> m_wanted;
  std::map<std::pair<NetnsId, int>, End> m_farEnd;
  kernel::Machine m_machine;  ///< what the commands so far have built
  iproute2::MachineNamespaces m_all;
  std::vector<PlanCommand> m_commands;
};

}  // namespace

std::string PlanCommand::ToShell() const {
  std::string line;
  if (netns.empty())
    line = argv[0];
  else if (argv[0] == "ip" || argv[0] == "bridge")
    line = fmt::format("{} -n {}", argv[0], Quoted(netns));
  else
    line = fmt::format("ip netns exec {} {}", Quoted(netns), argv[0]);
  for (size_t i = 1; i < argv.size(); ++i) line += " " + Quoted(argv[i]);
  return line;
}

NetnsNames::NetnsNames(const ClusterPlan& plan) {
  std::set<std::string> taken;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    std::string name = plan.Info(NetnsId(i)).name.substr(0, kMaxNameBytes);
    for (char& c : name)
      if (!IsPlain(c)) c = '-';
    if (name.empty() || name[0] == '-' || name[0] == '.') name = "ns" + name;
    m_names.push_back(FreeName(taken, name));
  }
  m_cables = FreeName(taken, "cables");
}

std::vector<PlanCommand> CableSwitch(const NetnsNames& names, CableId cable, bool up) {
  std::vector<PlanCommand> commands;
  for (bool isA : {true, false})
    commands.push_back({names.Cables(), {"ip", "link", "set", "dev", CableEndName(cable, isA), up ? "up" : "down"}});
  return commands;
}

std::optional<std::vector<PlanCommand>> CommandsOf(const ClusterPlan& plan, std::string& error,
                                                   const std::set<CableId>& breakable) {
  try {
    return Exporter(plan, breakable).Export();
  } catch (const Unsayable& why) {
    error = why.what();
    return std::nullopt;
  }
}

std::string ScriptOf(const ClusterPlan& plan, const std::vector<PlanCommand>& commands) {
  std::string out = fmt::format("#!/bin/sh\n# {}: {}\nset -e\n", plan.name, plan.understood);
  for (const PlanCommand& command : commands) out += command.ToShell() + "\n";
  return out;
}

namespace {

template <typename A>
void AddRouteChanges(const ClusterPlan& plan, NetnsId id, const std::string& netns, uint32_t from, uint32_t to,
                     std::vector<PlanCommand>& commands) {
  using Routes = std::vector<kernel::BasicRoute<A>>;
  const auto ns = plan.Materialise(id);
  const Routes before = UnderlayRoutesOf(plan, id, from, A{}), after = UnderlayRoutesOf(plan, id, to, A{});
  auto has = [&](const Routes& routes, const auto& route) {
    return std::any_of(routes.begin(), routes.end(),
                       [&](const auto& r) { return RouteWords(*ns, r) == RouteWords(*ns, route); });
  };
  auto hasPlace = [](const Routes& routes, const auto& route) {
    return std::any_of(routes.begin(), routes.end(),
                       [&](const auto& r) { return r.dst == route.dst && r.metric == route.metric; });
  };
  auto run = [&](const char* verb, const auto& route) {
    commands.push_back({netns, Concat(IpWords<A>("route", verb), RouteWords(*ns, route))});
  };
  for (const auto& route : after)  // in place of the one before, so that there is no moment without
    if (!has(before, route)) run("replace", route);
  for (const auto& route : before)
    if (!hasPlace(after, route)) run("del", route);
}

}  // namespace

std::vector<PlanCommand> RouteChanges(const ClusterPlan& plan, const NetnsNames& names, uint32_t from, uint32_t to) {
  std::vector<PlanCommand> commands;
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const NetnsRole role = plan.Info(NetnsId(i)).role;
    if (role == NetnsRole::Pod || role == NetnsRole::Lab || role == NetnsRole::Node) continue;
    AddRouteChanges<Ipv4Address>(plan, NetnsId(i), names.Of(NetnsId(i)), from, to, commands);
    AddRouteChanges<Ipv6Address>(plan, NetnsId(i), names.Of(NetnsId(i)), from, to, commands);
  }
  return commands;
}

}  // namespace overlaysim::verify
