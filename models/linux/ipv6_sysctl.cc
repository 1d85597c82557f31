// The settings below /proc/sys/net/ipv6.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "models/linux/namespace.h"
#include "models/linux/sysctl_access.h"

namespace overlaysim::kernel {
namespace {

using Access = SysctlAccess;

/// Settings of a device that change nothing here, with their defaults.
constexpr std::pair<std::string_view, int64_t> kWithoutEffect[] = {{"accept_ra_defrtr", 1},
                                                                   {"accept_ra_from_local", 0},
                                                                   {"accept_ra_min_hop_limit", 1},
                                                                   {"accept_ra_min_lft", 0},
                                                                   {"accept_ra_mtu", 1},
                                                                   {"accept_ra_pinfo", 1},
                                                                   {"accept_ra_rt_info_max_plen", 0},
                                                                   {"accept_ra_rt_info_min_plen", 0},
                                                                   {"accept_ra_rtr_pref", 1},
                                                                   {"disable_policy", 0},
                                                                   {"drop_unicast_in_l2_multicast", 0},
                                                                   {"force_forwarding", 0},
                                                                   {"force_tllao", 0},
                                                                   {"max_desync_factor", 600},
                                                                   {"mc_forwarding", 0},
                                                                   {"ndisc_evict_nocarrier", 1},
                                                                   {"ra_defrtr_metric", 1024},
                                                                   {"ra_honor_pio_life", 0},
                                                                   {"ra_honor_pio_pflag", 0},
                                                                   {"regen_max_retry", 3},
                                                                   {"regen_min_advance", 2},
                                                                   {"router_probe_interval", 60},
                                                                   {"router_solicitation_max_interval", 3600},
                                                                   {"rpl_seg_enabled", 0},
                                                                   {"seg6_enabled", 0},
                                                                   {"seg6_require_hmac", 0},
                                                                   {"suppress_frag_ndisc", 1},
                                                                   {"temp_prefered_lft", 86400},
                                                                   {"temp_valid_lft", 604800},
                                                                   {"use_optimistic", 0}};

std::optional<Access> OfDevice(Ipv6Tables::DeviceConf& c, std::string_view key) {
  const std::pair<const char*, int32_t*> fields[] = {
      {"hop_limit", &c.hopLimit},
      {"mtu", &c.mtu},
      {"accept_ra", &c.acceptRa},
      {"accept_redirects", &c.acceptRedirects},
      {"accept_source_route", &c.acceptSourceRoute},
      {"accept_dad", &c.acceptDad},
      {"autoconf", &c.autoconf},
      {"dad_transmits", &c.dadTransmits},
      {"enhanced_dad", &c.enhancedDad},
      {"optimistic_dad", &c.optimisticDad},
      {"router_solicitations", &c.routerSolicitations},
      {"router_solicitation_interval", &c.routerSolicitationInterval},
      {"router_solicitation_delay", &c.routerSolicitationDelay},
      {"addr_gen_mode", &c.addrGenMode},
      {"keep_addr_on_down", &c.keepAddrOnDown},
      {"use_tempaddr", &c.useTempaddr},
      {"max_addresses", &c.maxAddresses},
      {"use_oif_addrs_only", &c.useOifAddrsOnly},
      {"proxy_ndp", &c.proxyNdp},
      {"ndisc_notify", &c.ndiscNotify},
      {"ndisc_tclass", &c.ndiscTclass},
      {"drop_unsolicited_na", &c.dropUnsolicitedNa},
      {"accept_untracked_na", &c.acceptUntrackedNa},
      {"force_mld_version", &c.forceMldVersion},
      {"mldv1_unsolicited_report_interval", &c.mldv1ReportInterval},
      {"mldv2_unsolicited_report_interval", &c.mldv2ReportInterval},
      {"ignore_routes_with_linkdown", &c.ignoreRoutesWithLinkdown},
  };
  if (key == "disable_ipv6") return SysctlNumber(c.disableIpv6);
  if (key == "forwarding") return SysctlNumber(c.forwarding);
  for (const auto& [name, field] : fields)
    if (key == name) return SysctlNumber(*field);
  for (const auto& [name, value] : kWithoutEffect) {
    if (key != name) continue;
    auto get = [&others = c.others, known = name, otherwise = value] {
      const auto it = others.find(known);
      return it == others.end() ? otherwise : it->second;
    };
    return Access{get, [&others = c.others, known = name](int64_t v) { others[known] = v; }};
  }
  return std::nullopt;
}

std::optional<Access> OfNamespace(Ipv6Tables& t, std::string_view key) {
  if (key == "bindv6only") return SysctlNumber(t.bindV6Only);
  if (key == "fib_multipath_hash_policy") return SysctlNumber(t.fibMultipathHashPolicy);
  if (key == "auto_flowlabels") return SysctlNumber(t.autoFlowlabels);
  if (key == "flowlabel_reflect") return SysctlNumber(t.flowlabelReflect);
  if (key == "flowlabel_consistency") return SysctlNumber(t.flowlabelConsistency);
  if (key == "flowlabel_state_ranges") return SysctlNumber(t.flowlabelStateRanges);
  if (key == "icmp.ratelimit") return SysctlNumber(t.icmpRateLimitMs);
  if (key == "icmp.echo_ignore_all") return SysctlNumber(t.icmpEchoIgnoreAll);
  if (key == "icmp.echo_ignore_multicast") return SysctlNumber(t.icmpEchoIgnoreMulticast);
  if (key == "icmp.echo_ignore_anycast") return SysctlNumber(t.icmpEchoIgnoreAnycast);
  if (key == "icmp.error_anycast_as_unicast") return SysctlNumber(t.icmpErrorAnycastAsUnicast);
  if (key == "ip6frag_time") return SysctlSpan(t.ip6fragTime, 1000000000);
  if (key == "route.mtu_expires") return SysctlSpan(t.pmtuExpires, 1000000000);
  if (key == "route.min_adv_mss") return SysctlNumber(t.minAdvmss);
  if (key == "mld_qrv") return SysctlNumber(t.mldQrv);
  return std::nullopt;
}

/// Where a setting is kept.
struct Place {
  std::optional<Access> access;
  bool isConf = false;  ///< net.ipv6.conf.DEVICE.KEY
  std::string_view device, key;
};

Place PlaceOf(Namespace& ns, std::string_view name) {
  Ipv6Tables& tables = ns.Ipv6();
  Place place;
  constexpr std::string_view kPrefix = "net.ipv6.";
  if (SplitSysctlDevice(name, "net.ipv6.conf.", place.device, place.key)) {
    place.isConf = true;
    const Link* link = ns.FindLink(place.device);
    if (place.device == "all")
      place.access = OfDevice(tables.allConf, place.key);
    else if (place.device == "default")
      place.access = OfDevice(tables.defaultConf, place.key);
    else if (link)
      place.access = OfDevice(tables.Conf(link->ifindex), place.key);
  } else if (SplitSysctlDevice(name, "net.ipv6.neigh.", place.device, place.key)) {
    const Link* link = ns.FindLink(place.device);
    if (place.device == "default")
      place.access = SysctlOfNeighbours(tables.defaultNeighbourParms, place.key);
    else if (link)
      place.access = SysctlOfNeighbours(tables.Parms(link->ifindex), place.key);
  } else {
    place.access = OfNamespace(tables, name.substr(kPrefix.size()));
  }
  return place;
}

}  // namespace

/// addrconf_fixup_forwarding() and addrconf_disable_ipv6(): `all` is for every device, those to come included.
int Ipv6Tables::SetSysctl(std::string_view name, std::string_view value) {
  const Place place = PlaceOf(m_ns, name);
  const auto number = SysctlWholeNumber(value);
  if (!place.access) return ENOENT;
  if (!number) return EINVAL;
  if (place.isConf && place.key == "hop_limit" && (*number < 1 || *number > 255)) return EINVAL;
  if (place.isConf && place.key == "mtu") {
    const Link* link = m_ns.FindLink(place.device);
    if (*number < kIpv6MinMtu || *number > (link ? link->mtu : 65536)) return EINVAL;
  }
  const bool isSwitch = place.isConf && (place.key == "disable_ipv6" || place.key == "forwarding");
  if (!isSwitch || place.device == "default") return place.access->set(*number), 0;
  auto set = [&](int ifindex) {
    if (place.key == "forwarding")
      SetForwarding(ifindex, *number != 0);
    else
      SetDisabled(ifindex, *number != 0);
  };
  if (place.device != "all") return set(m_ns.FindLink(place.device)->ifindex), 0;
  place.access->set(*number);
  OfDevice(defaultConf, place.key)->set(*number);
  std::vector<int> all;
  for (const auto& [ifindex, device] : m_devices) all.push_back(ifindex);
  for (int ifindex : all) set(ifindex);
  return 0;
}

std::optional<std::string> Ipv6Tables::GetSysctl(std::string_view name) const {
  if (name == "net.ipv6.icmp.ratemask") return icmpRateMask;
  const Place place = PlaceOf(m_ns, name);
  return place.access ? std::optional(std::to_string(place.access->get())) : std::nullopt;
}

}  // namespace overlaysim::kernel
