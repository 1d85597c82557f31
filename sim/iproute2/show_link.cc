#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/iproute2/names.h"
#include "sim/iproute2/show.h"
#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::Address;
using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;

namespace {

std::vector<const char*> Flags(const Namespace& ns, const Link& link) {
  std::vector<const char*> out;
  const bool running = ns.IsRunning(link);
  if (link.adminUp && !running) out.push_back("NO-CARRIER");
  if (link.kind == LinkKind::Loopback) {
    out.push_back("LOOPBACK");
  } else {
    out.push_back("BROADCAST");
    if (link.kind != LinkKind::Dummy) out.push_back("MULTICAST");
  }
  if (link.noArp || link.kind == LinkKind::Dummy) out.push_back("NOARP");
  if (link.promisc) out.push_back("PROMISC");
  if (link.adminUp) out.push_back("UP");
  if (running) out.push_back("LOWER_UP");
  return out;
}

/// The other end of a veth in the same namespace.
const Link* PeerHere(const Namespace& ns, const Link& link) {
  return link.peerNetns == ns.Id() ? ns.GetLink(link.peerIfindex) : nullptr;
}

/// default_operstate() of net/core/link_watch.c. For a device without carrier the kernel looks up the other end's index among
/// the device's own neighbours, even when that end is in another namespace.
const char* OperState(const Namespace& ns, const Link& link) {
  if (!link.adminUp) return "DOWN";
  if (ns.IsRunning(link)) {
    const bool watched = link.kind == LinkKind::Veth || link.kind == LinkKind::Physical ||
                         (link.kind == LinkKind::Bridge && !ns.BridgePorts(link.ifindex).empty());
    return watched ? "UP" : "UNKNOWN";
  }
  if (link.kind != LinkKind::Veth || link.peerIfindex == link.ifindex) return "DOWN";
  const Link* below = ns.GetLink(link.peerIfindex);
  return !below || below->adminUp ? "DOWN" : "LOWERLAYERDOWN";
}

const char* QueueDiscipline(const Link& link) {
  if (!link.adminUp) return "noop";
  return link.kind == LinkKind::Physical ? "pfifo_fast" : "noqueue";
}

uint32_t TsoMaxSize(const Namespace& ns, const Link& link) {
  constexpr uint32_t kSoftware = 524280, kLegacy = 65536;  // TSO_MAX_SIZE, TSO_LEGACY_MAX_SIZE
  switch (link.kind) {
    case LinkKind::Loopback:
    case LinkKind::Veth: return kSoftware;
    case LinkKind::Vxlan: {
      const Link* lower = ns.GetLink(link.vxlan.lowerIfindex);
      return lower ? TsoMaxSize(ns, *lower) : kLegacy;
    }
    case LinkKind::Bridge: {  // netif_stacked_transfer_operstate(): the least of its ports
      uint32_t least = 0;
      for (int port : ns.BridgePorts(link.ifindex)) {
        const uint32_t size = TsoMaxSize(ns, *ns.GetLink(port));
        least = least == 0 ? size : std::min(least, size);
      }
      return least == 0 ? kLegacy : least;
    }
    case LinkKind::Physical:
    case LinkKind::Dummy: break;
  }
  return kLegacy;
}

void PrintFlags(Output& out, const Namespace& ns, const Link& link) {
  out.OpenArray("flags");
  std::vector<const char*> flags = Flags(ns, link);
  const Link* peer = PeerHere(ns, link);
  if (peer && !peer->adminUp) flags.push_back("M-DOWN");
  for (size_t i = 0; i < flags.size(); ++i) out.String(nullptr, i == 0 ? "<{}" : ",{}", flags[i]);
  out.Text(flags.empty() ? "<> " : "> ");
  out.CloseArray();
}

/// "eth0@if4" and, in JSON before the name, what it is linked to. Returns the text form.
std::string PrintPeer(Output& out, const Namespace& ns, const Link& link) {
  if (link.kind == LinkKind::Veth && !link.peerNetns.IsNone()) {
    if (const Link* peer = PeerHere(ns, link)) {
      if (out.IsJson()) out.String("link", nullptr, peer->name);
      return link.name + "@" + peer->name;
    }
    if (out.IsJson()) out.Number("link_index", nullptr, link.peerIfindex);
    return fmt::format("{}@if{}", link.name, link.peerIfindex);
  }
  return link.name;
}

void PrintPeerNetns(Output& out, const Namespace& ns, const Link& link, const ShowOptions& options) {
  if (link.kind != LinkKind::Veth || link.peerNetns.IsNone() || link.peerNetns == ns.Id()) return;
  const int number = ns.FindNetnsId(link.peerNetns);
  const std::string name = options.netnsName ? options.netnsName(link.peerNetns) : "";
  if (out.IsJson()) {
    if (number >= 0) out.Number("link_netnsid", nullptr, number);
  } else if (!name.empty()) {
    out.Text(" link-netns " + name);
  } else if (number >= 0) {
    out.Text(fmt::format(" link-netnsid {}", number));
  }
}

/// br_dump_bridge_id(): "8000.2:0:0:0:3:1"
std::string BridgeId(const Namespace& ns, const Link& bridge) {
  // The identity is given by the first port, or with the address by hand (br_stp_recalculate_bridge_id()).
  const bool known = bridge.addressSet || !ns.BridgePorts(bridge.ifindex).empty();
  const auto& b = known ? bridge.address.bytes : MacAddress{}.bytes;
  return fmt::format("{:04x}.{:x}:{:x}:{:x}:{:x}:{:x}:{:x}", bridge.bridge.priority, b[0], b[1], b[2], b[3], b[4], b[5]);
}

void PrintTimer(Output& out, const char* name, uint64_t hundredths) {
  out.Hundredths(name, fmt::format("{} {{:>7}} ", name).c_str(), hundredths);
}

/// "group_fwd_mask 0x8"
void PrintMask(Output& out, const char* key, uint32_t mask) {
  out.String(key, fmt::format("{} {{}} ", key).c_str(), mask != 0 ? fmt::format("{:#x}", mask) : "0");
}

/// A member whose key is also its word in the text.
void PrintNumber(Output& out, const char* key, int64_t value) { out.Number(key, fmt::format("{} {{}} ", key).c_str(), value); }

/// bridge_print_opt() of ip/iplink_bridge.c. What no option of ours changes is printed with the kernel's defaults.
void PrintBridge(Output& out, const Namespace& ns, const Link& link) {
  const kernel::BridgeOptions& b = link.bridge;
  PrintNumber(out, "forward_delay", b.forwardDelay);
  PrintNumber(out, "hello_time", b.helloTime);
  PrintNumber(out, "max_age", b.maxAge);
  PrintNumber(out, "ageing_time", b.ageingTime);
  PrintNumber(out, "stp_state", b.stp);
  PrintNumber(out, "priority", b.priority);
  PrintNumber(out, "vlan_filtering", b.vlanFiltering);
  const std::string id = BridgeId(ns, link);
  out.String("bridge_id", "bridge_id {} ", id);
  out.String("root_id", "designated_root {} ", id);
  for (const char* key : {"root_port", "root_path_cost", "topology_change", "topology_change_detected"})
    PrintNumber(out, key, 0);
  for (const char* key : {"hello_timer", "tcn_timer", "topology_change_timer", "gc_timer"}) PrintTimer(out, key, 0);
  PrintMask(out, "group_fwd_mask", b.groupFwdMask);
  out.String("group_addr", "group_address {} ", "01:80:c2:00:00:00");
  PrintNumber(out, "mcast_snooping", b.mcastSnooping);
  PrintNumber(out, "no_linklocal_learn", 0);
  PrintNumber(out, "mcast_vlan_snooping", 0);
  PrintNumber(out, "mcast_router", 1);
  PrintNumber(out, "mcast_query_use_ifaddr", 0);
  PrintNumber(out, "mcast_querier", 0);
  PrintNumber(out, "mcast_hash_elasticity", 16);
  PrintNumber(out, "mcast_hash_max", 4096);
  out.Number("mcast_last_member_cnt", "mcast_last_member_count {} ", 2);
  out.Number("mcast_startup_query_cnt", "mcast_startup_query_count {} ", 2);
  out.Number("mcast_last_member_intvl", "mcast_last_member_interval {} ", 100);
  out.Number("mcast_membership_intvl", "mcast_membership_interval {} ", 26000);
  out.Number("mcast_querier_intvl", "mcast_querier_interval {} ", 25500);
  out.Number("mcast_query_intvl", "mcast_query_interval {} ", 12500);
  out.Number("mcast_query_response_intvl", "mcast_query_response_interval {} ", 1000);
  out.Number("mcast_startup_query_intvl", "mcast_startup_query_interval {} ", 3124);
  PrintNumber(out, "mcast_stats_enabled", 0);
  PrintNumber(out, "mcast_igmp_version", 2);
  PrintNumber(out, "mcast_mld_version", 1);
  for (const char* key : {"nf_call_iptables", "nf_call_ip6tables", "nf_call_arptables"}) PrintNumber(out, key, 0);
}

const char* PortState(const Namespace& ns, const Link& port) {
  const Link* bridge = ns.GetLink(port.master);
  return bridge && bridge->adminUp && ns.IsRunning(port) && !port.port.disabled ? "forwarding" : "disabled";
}

/// bridge_slave_print_opt() of ip/iplink_bridge_slave.c
void PrintPort(Output& out, const Namespace& ns, const Link& link) {
  const kernel::BridgePortOptions& p = link.port;
  out.String("state", "state {} ", PortState(ns, link));
  PrintNumber(out, "priority", p.priority);
  PrintNumber(out, "cost", p.cost);
  out.OnOff("hairpin", "hairpin", p.hairpin);
  out.OnOff("guard", "guard", p.guard);
  out.OnOff("root_block", "root_block", p.rootBlock);
  out.OnOff("fastleave", "fastleave", p.fastLeave);
  out.OnOff("learning", "learning", p.learning);
  out.OnOff("flood", "flood", p.flood);
  const uint32_t id = static_cast<uint32_t>(p.priority & 0x3f) << 10 | p.portNo;
  out.String("id", "port_id {} ", fmt::format("{:#x}", id));
  out.String("no", "port_no {} ", fmt::format("{:#x}", p.portNo));
  PrintNumber(out, "designated_port", id);
  PrintNumber(out, "designated_cost", 0);
  const std::string bridgeId = BridgeId(ns, *ns.GetLink(link.master));
  out.String("bridge_id", "designated_bridge {} ", bridgeId);
  out.String("root_id", "designated_root {} ", bridgeId);
  for (const char* key : {"hold_timer", "message_age_timer", "forward_delay_timer"}) PrintTimer(out, key, 0);
  PrintNumber(out, "topology_change_ack", 0);
  PrintNumber(out, "config_pending", 0);
  out.OnOff("proxy_arp", "proxy_arp", p.proxyArp);
  out.OnOff("proxy_arp_wifi", "proxy_arp_wifi", p.proxyArpWifi);
  out.Number("multicast_router", "mcast_router {} ", 1);
  out.Text(p.fastLeave ? "mcast_fast_leave on " : "mcast_fast_leave off ");
  out.OnOff("mcast_flood", "mcast_flood", p.mcastFlood);
  out.OnOff("bcast_flood", "bcast_flood", p.bcastFlood);
  out.OnOff("mcast_to_unicast", "mcast_to_unicast", p.mcastToUnicast);
  out.OnOff("neigh_suppress", "neigh_suppress", p.neighSuppress);
  PrintMask(out, "group_fwd_mask", 0);
  out.String("group_fwd_mask_str", "group_fwd_mask_str {} ", "0x0");
  out.OnOff("vlan_tunnel", "vlan_tunnel", p.vlanTunnel);
  out.OnOff("isolated", "isolated", p.isolated);
  out.OnOff("locked", "locked", p.locked);
}

/// A flag that stands in the text as WORD or noWORD.
void PrintEither(Output& out, const char* key, const char* word, bool value) {
  out.Bool(key, value);
  out.Text(fmt::format("{}{} ", value ? "" : "no", word));
}

void PrintIf(Output& out, const char* key, const char* word, bool value) {
  if (!value) return;
  out.Bool(key, true);
  out.Text(fmt::format("{} ", word));
}

/// vxlan_print_opt() of ip/iplink_vxlan.c
void PrintVxlan(Output& out, const Namespace& ns, const Link& link) {
  const kernel::VxlanOptions& v = link.vxlan;
  PrintIf(out, "external", "external", v.external);
  out.Number("id", "id {} ", v.vni);
  if (v.remote.IsMulticast())
    out.String("group", "group {} ", v.remote.ToString());
  else if (!v.remote.IsZero())
    out.String("remote", "remote {} ", v.remote.ToString());
  if (!v.local.IsZero()) out.String("local", "local {} ", v.local.ToString());
  if (v.lowerIfindex != 0) out.String("link", "dev {} ", DeviceName(ns, v.lowerIfindex));
  out.OpenObject("port_range");
  out.Number("low", "srcport {} ", v.srcPortLow);
  out.Number("high", "{} ", v.srcPortHigh);
  out.CloseObject();
  PrintNumber(out, out.IsJson() ? "port" : "dstport", v.dstPort);
  out.Bool("learning", v.learning);
  if (!v.learning) out.Text("nolearning ");
  PrintIf(out, "proxy", "proxy", v.proxy);
  PrintIf(out, "rsc", "rsc", v.rsc);
  PrintIf(out, "l2miss", "l2miss", v.l2miss);
  PrintIf(out, "l3miss", "l3miss", v.l3miss);
  if (v.tos == 1 && !out.IsJson())
    out.Text("tos inherit ");
  else if (v.tos != 0)
    out.String("tos", "tos {} ", fmt::format("{:#x}", v.tos));
  if (v.ttlInherit)
    out.Text("ttl inherit ");
  else if (v.ttl != 0 || out.IsJson())
    out.Number("ttl", "ttl {} ", v.ttl);
  else
    out.Text("ttl auto ");
  constexpr const char* kDf[] = {"unset", "set", "inherit"};
  const char* df = kDf[static_cast<size_t>(v.df)];
  if (out.IsJson() || v.df != kernel::VxlanDf::Unset) out.String("df", "df {} ", df);
  if (v.ageing == 0)
    out.Text("ageing none ");
  else
    out.Number("ageing", "ageing {} ", v.ageing);
  if (v.maxAddress != 0) out.Number("limit", "maxaddr {} ", v.maxAddress);
  PrintEither(out, "udp_csum", "udpcsum", v.udpCsum);
  PrintEither(out, "udp_zero_csum6_tx", "udp6zerocsumtx", v.udp6ZeroCsumTx);
  PrintEither(out, "udp_zero_csum6_rx", "udp6zerocsumrx", v.udp6ZeroCsumRx);
  PrintIf(out, "gbp", "gbp", v.gbp);
}

void PrintKind(Output& out, const Namespace& ns, const Link& link) {
  const std::string kind = kernel::LinkKindName(link.kind);
  if (kind.empty() && link.master == 0) return;
  out.OpenObject("linkinfo");
  if (!kind.empty()) {
    out.Text("\n    ");
    out.String("info_kind", "{} ", kind);
    if (link.kind == LinkKind::Bridge || link.kind == LinkKind::Vxlan) {
      out.OpenObject("info_data");
      if (link.kind == LinkKind::Bridge) PrintBridge(out, ns, link);
      if (link.kind == LinkKind::Vxlan) PrintVxlan(out, ns, link);
      out.CloseObject();
    }
  }
  if (link.master != 0) {
    out.Text("\n    ");
    out.String("info_slave_kind", "{}_slave ", "bridge");
    out.OpenObject("info_slave_data");
    PrintPort(out, ns, link);
    out.CloseObject();
  }
  out.CloseObject();
}

void PrintDetails(Output& out, const Namespace& ns, const Link& link) {
  out.Number("promiscuity", " promiscuity {} ", link.promiscuity + (link.promisc ? 1 : 0));
  out.Number("allmulti", " allmulti {} ", link.master != 0 ? 1 : 0);
  out.Number("min_mtu", "minmtu {} ", link.minMtu);
  out.Number("max_mtu", "maxmtu {} ", link.maxMtu);
  PrintKind(out, ns, link);
  out.String("inet6_addr_gen_mode", "addrgenmode {} ", "eui64");
  const int queues = link.kind == LinkKind::Veth ? 2 : 1;
  out.Number("num_tx_queues", "numtxqueues {} ", queues);
  out.Number("num_rx_queues", "numrxqueues {} ", queues);
  out.Number("gso_max_size", "gso_max_size {} ", 65536);
  out.Number("gso_max_segs", "gso_max_segs {} ", 65535);
  out.Number("tso_max_size", "tso_max_size {} ", TsoMaxSize(ns, link));
  out.Number("tso_max_segs", "tso_max_segs {} ", 65535);
  out.Number("gro_max_size", "gro_max_size {} ", 65536);
}

/// print_stats64(): columns as wide as the widest of their heading and of both directions' numbers.
void PrintStatsText(Output& out, const kernel::LinkStats& s, bool errors) {
  using Row = std::array<uint64_t, 6>;
  const Row rx{s.rxBytes, s.rxPackets, s.rxErrors, s.rxDropped, s.rxMissed, s.multicast};
  const Row tx{s.txBytes, s.txPackets, s.txErrors, s.txDropped, s.txCarrierErrors, s.collisions};
  const Row rxErrors{0, s.rxLengthErrors, s.rxCrcErrors, s.rxFrameErrors, s.rxFifoErrors, s.rxOverErrors};
  const Row txErrors{0, s.txAbortedErrors, s.txFifoErrors, s.txWindowErrors, s.txHeartbeatErrors, s.carrierChanges};
  std::array<size_t, 6> width{10, 7, 6, 7, 7, 7};
  const size_t lastWidth = 10;  // "compressed", of which there is nothing to show
  for (const Row* row : {&rx, &tx, &rxErrors, &txErrors}) {
    if (!errors && (row == &rxErrors || row == &txErrors)) continue;
    for (size_t i = 0; i < width.size(); ++i) width[i] = std::max(width[i], fmt::to_string((*row)[i]).size());
  }
  auto block = [&](const char* direction, const std::array<const char*, 6>& names, const Row& row,
                   const std::array<const char*, 5>& errorNames, const Row& errorRow) {
    std::string text = fmt::format("\n    {}: {:>{}}", direction, names[0], width[0] - 4);
    for (size_t i = 1; i < names.size(); ++i) text += fmt::format(" {:>{}}", names[i], width[i]);
    text += std::string(lastWidth + 1, ' ') + "\n    ";
    for (size_t i = 0; i < row.size(); ++i) text += fmt::format("{:>{}} ", row[i], width[i]);
    if (errors) {
      text += fmt::format("\n    {} errors:{}", direction, std::string(width[0] - 10, ' '));
      for (size_t i = 0; i < errorNames.size(); ++i) text += fmt::format(" {:>{}}", errorNames[i], width[i + 1]);
      text += "\n    " + std::string(width[0] + 1, ' ');
      for (size_t i = 1; i < errorRow.size(); ++i) text += fmt::format("{:>{}} ", errorRow[i], width[i]);
    }
    out.Text(text);
  };
  block("RX", {"bytes", "packets", "errors", "dropped", "missed", "mcast"}, rx,
        {"length", "crc", "frame", "fifo", "overrun"}, rxErrors);
  block("TX", {"bytes", "packets", "errors", "dropped", "carrier", "collsns"}, tx,
        {"aborted", "fifo", "window", "heartbt", "transns"}, txErrors);
}

void PrintStatsJson(Output& out, const kernel::LinkStats& s, bool errors) {
  auto number = [&](const char* key, uint64_t value) { out.Number(key, nullptr, static_cast<int64_t>(value)); };
  out.OpenObject("stats64");
  out.OpenObject("rx");
  number("bytes", s.rxBytes);
  number("packets", s.rxPackets);
  number("errors", s.rxErrors);
  number("dropped", s.rxDropped);
  number("over_errors", s.rxOverErrors);
  number("multicast", s.multicast);
  if (errors) {
    number("length_errors", s.rxLengthErrors);
    number("crc_errors", s.rxCrcErrors);
    number("frame_errors", s.rxFrameErrors);
    number("fifo_errors", s.rxFifoErrors);
    number("missed_errors", s.rxMissed);
  }
  out.CloseObject();
  out.OpenObject("tx");
  number("bytes", s.txBytes);
  number("packets", s.txPackets);
  number("errors", s.txErrors);
  number("dropped", s.txDropped);
  number("carrier_errors", s.txCarrierErrors);
  number("collisions", s.collisions);
  if (errors) {
    number("aborted_errors", s.txAbortedErrors);
    number("fifo_errors", s.txFifoErrors);
    number("window_errors", s.txWindowErrors);
    number("heartbeat_errors", s.txHeartbeatErrors);
    number("carrier_changes", s.carrierChanges);
  }
  out.CloseObject();
  out.CloseObject();
}

enum class Head : uint8_t { Link, Address };

/// print_linkinfo(), without the line break at its end.
void PrintLink(Output& out, const Namespace& ns, const Link& link, Head head, const ShowOptions& options) {
  out.Number("ifindex", "{}: ", link.ifindex);
  const std::string name = PrintPeer(out, ns, link);
  out.String("ifname", "{}: ", out.IsJson() ? link.name : name);
  PrintFlags(out, ns, link);
  out.Number("mtu", "mtu {} ", link.mtu);
  out.String("qdisc", "qdisc {} ", QueueDiscipline(link));
  if (link.master != 0) out.String("master", "master {} ", DeviceName(ns, link.master));
  out.String("operstate", "state {} ", OperState(ns, link));
  if (head == Head::Link) out.String("linkmode", "mode {} ", "DEFAULT");
  out.String("group", "group {} ", "default");
  out.Number("txqlen", "qlen {}", link.txQueueLen);
  if (!options.onlyIpv4) {
    out.Text("\n    ");
    const bool isLoopback = link.kind == LinkKind::Loopback;
    out.String("link_type", "link/{} ", isLoopback ? "loopback" : "ether");
    out.String("address", "{}", link.address.ToString());
    out.String("broadcast", " brd {}", (isLoopback ? MacAddress{} : MacAddress::Broadcast()).ToString());
  }
  PrintPeerNetns(out, ns, link, options);
  if (options.details) PrintDetails(out, ns, link);
  if (options.statistics > 0) {
    if (out.IsJson())
      PrintStatsJson(out, link.stats, options.statistics > 1);
    else
      PrintStatsText(out, link.stats, options.statistics > 1);
  }
}

/// print_linkinfo_brief()
void PrintBrief(Output& out, const Namespace& ns, const Link& link, Head head) {
  const std::string name = PrintPeer(out, ns, link);
  out.String("ifname", "{:<16} ", out.IsJson() ? link.name : name);
  out.String("operstate", "{:<14} ", OperState(ns, link));
  if (head == Head::Address) return;
  out.String("address", "{} ", link.address.ToString());
  PrintFlags(out, ns, link);
}

/// print_addrinfo(), without the line break at its end.
void PrintAddress(Output& out, const Namespace& ns, const Address& a, const char* lineBreak) {
  out.String("family", "    {} ", "inet");
  if (out.IsJson()) {
    out.String("local", nullptr, a.local.ToString());
    out.Number("prefixlen", nullptr, a.prefixLength);
  } else {
    out.Text(fmt::format("{}/{} ", a.local.ToString(), a.prefixLength));
  }
  if (!a.broadcast.IsZero()) out.String("broadcast", "brd {} ", a.broadcast.ToString());
  out.String("scope", "scope {} ", ScopeName(a.scope));
  if (a.secondary) {
    out.Bool("secondary", true);
    out.Text("secondary ");
  }
  if (a.noPrefixRoute) {
    out.Bool("noprefixroute", true);
    out.Text("noprefixroute ");
  }
  out.String("label", "{}", DeviceName(ns, a.ifindex));
  constexpr int64_t kForever = 0xffffffff;
  out.Text(fmt::format("{}       valid_lft forever preferred_lft forever", lineBreak));
  if (out.IsJson()) {
    out.Number("valid_life_time", nullptr, kForever);
    out.Number("preferred_life_time", nullptr, kForever);
  }
}

bool Accepts(const LinkFilter& filter, const Link& link) {
  if (filter.ifindex != 0 && link.ifindex != filter.ifindex) return false;
  if (filter.onlyUp && !link.adminUp) return false;
  if (filter.master != 0 && link.master != filter.master) return false;
  if (filter.kind.empty()) return true;
  if (filter.kind == "bridge_slave") return link.master != 0;
  return filter.kind == kernel::LinkKindName(link.kind);
}

std::vector<Address> AddressesOf(const Namespace& ns, const Link& link, const AddrFilter& filter) {
  std::vector<Address> out;
  for (const Address& a : ns.Addresses())
    if (a.ifindex == link.ifindex && filter.Accepts(a)) out.push_back(a);
  // The kernel keeps a device's primary addresses by scope, the wider last, and before its secondary ones.
  std::stable_sort(out.begin(), out.end(), [](const Address& a, const Address& b) {
    return a.secondary != b.secondary ? !a.secondary : !a.secondary && a.scope > b.scope;
  });
  return out;
}

}  // namespace

std::string LinkShow(const Namespace& ns, const LinkFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (!Accepts(filter, *link)) continue;
    out.OpenObject();
    if (options.brief) {
      PrintBrief(out, ns, *link, Head::Link);
      out.Text("\n");
    } else if (options.oneLine && !out.IsJson()) {
      Output row(Format::Text);
      PrintLink(row, ns, *link, Head::Link, options);
      out.Text(WithBackslashes(row.Take()));
    } else {
      PrintLink(out, ns, *link, Head::Link, options);
      out.Text("\n");
    }
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

bool AddrFilter::Accepts(const Address& a) const {
  if (to && !to->Contains(a.local)) return false;
  if (scope && a.scope != *scope) return false;
  return !secondary || a.secondary == *secondary;
}

std::string AddrShow(const Namespace& ns, const AddrFilter& filter, const ShowOptions& given) {
  ShowOptions options = given;
  options.onlyIpv4 |= filter.to.has_value();  // a prefix has a family
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (!Accepts(filter.link, *link)) continue;
    const std::vector<Address> addresses = AddressesOf(ns, *link, filter);
    if (addresses.empty() && (options.onlyIpv4 || filter.SelectsAddresses())) continue;
    if (options.oneLine && !out.IsJson()) {
      for (const Address& a : addresses) {
        out.Text(fmt::format("{}: {}", link->ifindex, link->name));
        PrintAddress(out, ns, a, "\\");
        out.Text("\n");
      }
      continue;
    }
    out.OpenObject();
    if (options.brief)
      PrintBrief(out, ns, *link, Head::Address);
    else
      PrintLink(out, ns, *link, Head::Address, options);
    out.OpenArray("addr_info");
    for (const Address& a : addresses) {
      out.OpenObject();
      if (!options.brief) {
        out.Text("\n");
        PrintAddress(out, ns, a, "\n");
      } else if (out.IsJson()) {
        out.String("local", nullptr, a.local.ToString());
        out.Number("prefixlen", nullptr, a.prefixLength);
      } else {
        out.Text(fmt::format("{}/{} ", a.local.ToString(), a.prefixLength));
      }
      out.CloseObject();
    }
    out.CloseArray();
    out.Text("\n");
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

std::string BridgeLinkShow(const Namespace& ns, int ifindex, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (link->master == 0 || (ifindex != 0 && link->ifindex != ifindex)) continue;
    const kernel::BridgePortOptions& p = link->port;
    out.OpenObject();
    out.Number("ifindex", "{}: ", link->ifindex);
    const std::string name = PrintPeer(out, ns, *link);
    out.String("ifname", "{}: ", out.IsJson() ? link->name : name);
    PrintFlags(out, ns, *link);
    PrintNumber(out, "mtu", link->mtu);
    out.String("master", "master {} ", DeviceName(ns, link->master));
    out.String("state", "state {} ", PortState(ns, *link));
    PrintNumber(out, "priority", p.priority);
    PrintNumber(out, "cost", p.cost);
    if (options.details) {
      out.Text("\n    ");
      out.OnOff("hairpin", "hairpin", p.hairpin);
      out.OnOff("guard", "guard", p.guard);
      out.OnOff("root_block", "root_block", p.rootBlock);
      out.OnOff("fastleave", "fastleave", p.fastLeave);
      out.OnOff("learning", "learning", p.learning);
      out.OnOff("flood", "flood", p.flood);
      out.OnOff("mcast_flood", "mcast_flood", p.mcastFlood);
      out.OnOff("bcast_flood", "bcast_flood", p.bcastFlood);
      PrintNumber(out, "mcast_router", 1);
      out.OnOff("mcast_to_unicast", "mcast_to_unicast", p.mcastToUnicast);
      out.OnOff("neigh_suppress", "neigh_suppress", p.neighSuppress);
      out.OnOff("vlan_tunnel", "vlan_tunnel", p.vlanTunnel);
      out.OnOff("isolated", "isolated", p.isolated);
      out.OnOff("locked", "locked", p.locked);
    }
    out.Text("\n");
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

std::string CountersShow(const Namespace& ns, bool zeros, Format format) {
  Output out(format);
  out.Text("#kernel\n");
  out.OpenObject();
  out.OpenObject("kernel");
  for (size_t i = 0; i < static_cast<size_t>(kernel::Snmp::Count); ++i) {
    const auto counter = static_cast<kernel::Snmp>(i);
    const uint64_t value = ns.snmp.Get(counter);
    if (value == 0 && !zeros) continue;
    const char* name = kernel::SnmpName(counter);
    out.Number(name, fmt::format("{:<32}{{:<16}}   0.0\n", name).c_str(), static_cast<int64_t>(value));
  }
  out.CloseObject();
  out.CloseObject();
  return out.Take();
}

std::string AddressLine(const Namespace& ns, const Address& address) {
  Output out(Format::Text);
  PrintAddress(out, ns, address, "\n");
  const std::string text = out.Take();
  return OneLine(text.substr(4, text.find('\n') - 4));
}

std::string LinkLine(const Namespace& ns, const Link& link, const ShowOptions& options) {
  Output out(Format::Text);
  PrintLink(out, ns, link, Head::Link, options);
  return OneLine(out.Take());
}

}  // namespace overlaysim::iproute2
