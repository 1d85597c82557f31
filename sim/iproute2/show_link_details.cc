#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;

void PrintNumber(Output& out, const char* key, int64_t value) {
  out.Number(key, fmt::format("{} {{}} ", key).c_str(), value);
}

namespace {

uint32_t TsoMaxSize(const Namespace& ns, const Link& link) {
  constexpr uint32_t kSoftware = 524280, kLegacy = 65536;  // TSO_MAX_SIZE, TSO_LEGACY_MAX_SIZE
  switch (link.kind) {
    case LinkKind::Loopback:
    case LinkKind::Veth:
    case LinkKind::Wireguard:
      return kSoftware;
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
    case LinkKind::Dummy:
    case LinkKind::Ipip:
    case LinkKind::Tun:
    case LinkKind::Geneve:
    case LinkKind::Openvswitch:
      break;
  }
  return kLegacy;
}

/// br_dump_bridge_id(): "8000.2:0:0:0:3:1"
std::string BridgeId(const Namespace& ns, const Link& bridge) {
  // The identity is given by the first port, or with the address by hand (br_stp_recalculate_bridge_id()).
  const bool known = bridge.addressSet || !ns.BridgePorts(bridge.ifindex).empty();
  const auto& b = known ? bridge.address.bytes : MacAddress{}.bytes;
  return fmt::format("{:04x}.{:x}:{:x}:{:x}:{:x}:{:x}:{:x}", bridge.bridge.priority, b[0], b[1], b[2], b[3], b[4],
                     b[5]);
}

void PrintTimer(Output& out, const char* name, uint64_t hundredths) {
  out.Hundredths(name, fmt::format("{} {{:>7}} ", name).c_str(), hundredths);
}

/// "group_fwd_mask 0x8"
void PrintMask(Output& out, const char* key, uint32_t mask) {
  out.String(key, fmt::format("{} {{}} ", key).c_str(), mask != 0 ? fmt::format("{:#x}", mask) : "0");
}

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

void PrintOuterTos(Output& out, const kernel::VxlanOptions& v) {
  if (v.tos == 1 && !out.IsJson())
    out.Text("tos inherit ");
  else if (v.tos != 0)
    out.String("tos", "tos {} ", fmt::format("{:#x}", v.tos));
}

void PrintOuterTtl(Output& out, const kernel::VxlanOptions& v) {
  if (v.ttlInherit)
    out.Text("ttl inherit ");
  else if (v.ttl != 0 || out.IsJson())
    out.Number("ttl", "ttl {} ", v.ttl);
  else
    out.Text("ttl auto ");
}

void PrintOuterDf(Output& out, const kernel::VxlanOptions& v) {
  constexpr const char* kDf[] = {"unset", "set", "inherit"};
  const char* df = kDf[static_cast<size_t>(v.df)];
  if (out.IsJson() || v.df != kernel::VxlanDf::Unset) out.String("df", "df {} ", df);
  if (v.flowLabel != 0) out.String("label", "flowlabel {} ", fmt::format("{:#x}", v.flowLabel));
}

/// vxlan_print_opt() of ip/iplink_vxlan.c
void PrintVxlan(Output& out, const Namespace& ns, const Link& link) {
  const kernel::VxlanOptions& v = link.vxlan;
  PrintIf(out, "external", "external", v.external);
  out.Number("id", "id {} ", v.vni);
  if (v.remote.IsMulticast())
    out.String(v.remote.IsV6() ? "group6" : "group", "group {} ", v.remote.ToString());
  else if (!v.remote.IsZero())
    out.String(v.remote.IsV6() ? "remote6" : "remote", "remote {} ", v.remote.ToString());
  if (!v.local.IsZero()) out.String(v.local.IsV6() ? "local6" : "local", "local {} ", v.local.ToString());
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
  PrintOuterTos(out, v);
  PrintOuterTtl(out, v);
  PrintOuterDf(out, v);
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

/// geneve_print_opt() of ip/iplink_geneve.c, of what geneve_fill_info() tells.
void PrintGeneve(Output& out, const Link& link) {
  const kernel::VxlanOptions& v = link.vxlan;
  PrintIf(out, "external", "external", v.external);
  out.Number("id", "id {} ", v.vni);
  if (!v.external) out.String(v.remote.IsV6() ? "remote6" : "remote", "remote {} ", v.remote.ToString());
  PrintOuterTtl(out, v);
  PrintOuterTos(out, v);
  PrintOuterDf(out, v);
  PrintNumber(out, out.IsJson() ? "port" : "dstport", v.dstPort);
  if (!v.external && !v.remote.IsV6()) PrintEither(out, "udp_csum", "udpcsum", v.udpCsum);
  if (!v.external && v.remote.IsV6()) PrintEither(out, "udp_zero_csum6_tx", "udp6zerocsumtx", v.udp6ZeroCsumTx);
  PrintEither(out, "udp_zero_csum6_rx", "udp6zerocsumrx", v.udp6ZeroCsumRx);
}

/// iptunnel_print_opt() of ip/link_iptnl.c
void PrintIpip(Output& out, const Namespace& ns, const Link& link) {
  const kernel::IpipOptions& t = link.ipip;
  out.String("proto", "{} ", t.anyProtocol ? "any" : "ipip");
  out.String("remote", "remote {} ", t.remote.IsZero() ? "any" : t.remote.ToString());
  out.String("local", "local {} ", t.local.IsZero() ? "any" : t.local.ToString());
  if (t.lowerIfindex != 0) out.String("link", "dev {} ", DeviceName(ns, t.lowerIfindex));
  if (t.ttl != 0)
    out.Number("ttl", "ttl {} ", t.ttl);
  else
    out.String("ttl", "ttl {} ", "inherit");
  if (t.tos == 1)
    out.String("tos", "tos {} ", "inherit");
  else if (t.tos != 0)
    out.String("tos", "tos {} ", fmt::format("{:#x}", t.tos));
  PrintEither(out, "pmtudisc", "pmtudisc", t.pmtuDiscovery);
}

/// print_tuntap_link_opt() of ip/iptuntap.c
void PrintTun(Output& out) {
  out.String("type", "type {} ", "tun");
  for (const char* option : {"pi", "vnet_hdr", "persist"}) out.OnOff(option, option, false);
}

void PrintKind(Output& out, const Namespace& ns, const Link& link) {
  const std::string kind = kernel::LinkKindName(link.kind);
  if (kind.empty() && link.master == 0) return;
  out.OpenObject("linkinfo");
  if (!kind.empty()) {
    out.Text("\n    ");
    out.String("info_kind", "{} ", kind);
    if (link.kind == LinkKind::Bridge || kernel::IsUdpTunnel(link.kind) || link.kind == LinkKind::Ipip ||
        link.kind == LinkKind::Tun) {
      out.OpenObject("info_data");
      if (link.kind == LinkKind::Tun) PrintTun(out);
      if (link.kind == LinkKind::Geneve) PrintGeneve(out, link);
      if (link.kind == LinkKind::Ipip) PrintIpip(out, ns, link);
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

}  // namespace

void PrintLinkDetails(Output& out, const Namespace& ns, const Link& link, bool withIpv6) {
  out.Number("promiscuity", " promiscuity {} ", link.promiscuity + (link.promisc ? 1 : 0));
  out.Number("allmulti", " allmulti {} ", link.master != 0 ? 1 : 0);
  out.Number("min_mtu", "minmtu {} ", link.minMtu);
  out.Number("max_mtu", "maxmtu {} ", link.maxMtu);
  PrintKind(out, ns, link);
  if (withIpv6 && link.mtu >= kernel::kIpv6MinMtu) {
    constexpr const char* kModes[] = {"eui64", "none", "stable_secret", "random"};
    const auto mode = static_cast<size_t>(ns.Ipv6().GetConf(link.ifindex).addrGenMode);
    out.String("inet6_addr_gen_mode", "addrgenmode {} ", kModes[std::min(mode, std::size(kModes) - 1)]);
  }
  const int queues = link.kind == LinkKind::Veth ? 2 : 1;
  out.Number("num_tx_queues", "numtxqueues {} ", queues);
  out.Number("num_rx_queues", "numrxqueues {} ", queues);
  out.Number("gso_max_size", "gso_max_size {} ", 65536);
  out.Number("gso_max_segs", "gso_max_segs {} ", 65535);
  out.Number("tso_max_size", "tso_max_size {} ", TsoMaxSize(ns, link));
  out.Number("tso_max_segs", "tso_max_segs {} ", 65535);
  out.Number("gro_max_size", "gro_max_size {} ", 65536);
}

std::string BridgeLinkShow(const Namespace& ns, int ifindex, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (link->master == 0 || (ifindex != 0 && link->ifindex != ifindex)) continue;
    const kernel::BridgePortOptions& p = link->port;
    out.OpenObject();
    out.Number("ifindex", "{}: ", link->ifindex);
    PrintName(out, ns, *link, "{}: ");
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

}  // namespace overlaysim::iproute2
