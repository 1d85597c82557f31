// The settings below /proc/sys/net that the packet path reads; others below net.* are kept as text.

#include <cerrno>
#include <charconv>

#include "models/linux/namespace.h"
#include "models/linux/sysctl_access.h"

namespace overlaysim::kernel {
namespace {

using Access = SysctlAccess;

std::optional<Access> OfDevice(Namespace::DeviceConf& c, std::string_view key) {
  if (key == "forwarding") return SysctlNumber(c.forwarding);
  if (key == "proxy_arp") return SysctlNumber(c.proxyArp);
  if (key == "proxy_arp_pvlan") return SysctlNumber(c.proxyArpPvlan);
  if (key == "route_localnet") return SysctlNumber(c.routeLocalnet);
  if (key == "accept_local") return SysctlNumber(c.acceptLocal);
  if (key == "arp_accept") return SysctlNumber(c.arpAccept);
  if (key == "send_redirects") return SysctlNumber(c.sendRedirects);
  if (key == "accept_redirects") return SysctlNumber(c.acceptRedirects);
  if (key == "drop_gratuitous_arp") return SysctlNumber(c.dropGratuitousArp);
  if (key == "rp_filter") return SysctlNumber(c.rpFilter);
  if (key == "arp_ignore") return SysctlNumber(c.arpIgnore);
  if (key == "arp_announce") return SysctlNumber(c.arpAnnounce);
  if (key == "arp_filter") return SysctlNumber(c.arpFilter);
  if (key == "arp_notify") return SysctlNumber(c.arpNotify);
  return std::nullopt;
}

constexpr std::string_view kConntrack = "net.netfilter.nf_conntrack_";

/// net/netfilter/nf_conntrack_standalone.c, nf_ct_sysctl_table[].
std::optional<Access> OfConntrack(Conntrack& conntrack, std::string_view key) {
  ConntrackSettings& s = conntrack.settings;
  constexpr int64_t kSecond = 1000000000;
  if (key == "max") return SysctlNumber(s.max);
  if (key == "buckets") return SysctlNumber(s.buckets);
  if (key == "count") return Access{[&conntrack] { return static_cast<int64_t>(conntrack.Count()); }, {}};
  if (key == "checksum") return SysctlNumber(s.checksum);
  if (key == "tcp_loose") return SysctlNumber(s.tcpLoose);
  if (key == "tcp_be_liberal") return SysctlNumber(s.tcpBeLiberal);
  if (key == "generic_timeout") return SysctlSpan(s.generic, kSecond);
  if (key == "icmpv6_timeout") return SysctlSpan(s.icmpv6, kSecond);
  if (key == "icmp_timeout") return SysctlSpan(s.icmp, kSecond);
  if (key == "udp_timeout") return SysctlSpan(s.udp, kSecond);
  if (key == "udp_timeout_stream") return SysctlSpan(s.udpStream, kSecond);
  static constexpr std::pair<std::string_view, TcpTrack> kTcp[] = {
      {"tcp_timeout_syn_sent", TcpTrack::SynSent},        {"tcp_timeout_syn_recv", TcpTrack::SynRecv},
      {"tcp_timeout_established", TcpTrack::Established}, {"tcp_timeout_fin_wait", TcpTrack::FinWait},
      {"tcp_timeout_close_wait", TcpTrack::CloseWait},    {"tcp_timeout_last_ack", TcpTrack::LastAck},
      {"tcp_timeout_time_wait", TcpTrack::TimeWait},      {"tcp_timeout_close", TcpTrack::Close}};
  for (const auto& [name, state] : kTcp)
    if (key == name) return SysctlSpan(s.tcp[static_cast<size_t>(state)], kSecond);
  return std::nullopt;
}

std::optional<Access> OfNamespace(Namespace& ns, std::string_view key) {
  if (key == "net.ipv4.ip_default_ttl") return SysctlNumber(ns.defaultTtl);
  if (key == "net.ipv4.ip_forward_use_pmtu") return SysctlNumber(ns.ipForwardUsePmtu);
  if (key == "net.ipv4.fib_multipath_hash_policy") return SysctlNumber(ns.fibMultipathHashPolicy);
  if (key == "net.ipv4.icmp_ratelimit") return SysctlNumber(ns.icmpRateLimitMs);
  if (key == "net.ipv4.icmp_ratemask") return SysctlNumber(ns.icmpRateMask);
  if (key == "net.ipv4.icmp_msgs_per_sec") return SysctlNumber(ns.icmpMsgsPerSec);
  if (key == "net.ipv4.icmp_msgs_burst") return SysctlNumber(ns.icmpMsgsBurst);
  if (key == "net.ipv4.icmp_echo_ignore_all") return SysctlNumber(ns.icmpEchoIgnoreAll);
  if (key == "net.ipv4.icmp_echo_ignore_broadcasts") return SysctlNumber(ns.icmpEchoIgnoreBroadcasts);
  if (key == "net.ipv4.icmp_errors_use_inbound_ifaddr") return SysctlNumber(ns.icmpErrorsUseInboundIfaddr);
  if (key == "net.ipv4.ipfrag_time") return SysctlSpan(ns.ipfragTime, 1000000000);
  if (key == "net.ipv4.route.min_pmtu") return SysctlNumber(ns.minPmtu);
  if (key == "net.ipv4.route.mtu_expires") return SysctlSpan(ns.pmtuExpires, 1000000000);
  if (key.substr(0, kConntrack.size()) == kConntrack) return OfConntrack(ns.conntrack, key.substr(kConntrack.size()));
  if (key == "net.bridge.bridge-nf-call-iptables") return SysctlNumber(ns.bridgeNfCallIptables);
  if (key == "net.bridge.bridge-nf-call-ip6tables") return SysctlNumber(ns.bridgeNfCallIp6tables);
  return std::nullopt;
}

std::optional<Access> Find(Namespace& ns, std::string_view name) {
  std::string_view device, key;
  if (SplitSysctlDevice(name, "net.ipv4.conf.", device, key)) {
    if (device == "all") return OfDevice(ns.allConf, key);
    if (device == "default") return OfDevice(ns.defaultConf, key);
    const Link* link = ns.FindLink(device);
    return link ? OfDevice(ns.Conf(link->ifindex), key) : std::nullopt;
  }
  if (SplitSysctlDevice(name, "net.ipv4.neigh.", device, key)) {
    if (device == "default") return SysctlOfNeighbours(ns.defaultNeighbourParms, key);
    const Link* link = ns.FindLink(device);
    return link ? SysctlOfNeighbours(ns.Parms(link->ifindex), key) : std::nullopt;
  }
  return OfNamespace(ns, name);
}

std::string WithDots(const std::string& name) {
  std::string out = name;
  for (char& c : out)
    if (c == '/') c = '.';
  return out;
}

}  // namespace

SysctlAccess SysctlSpan(Nanoseconds& field, int64_t unit) {
  return {[&field, unit] { return field.count / unit; }, [&field, unit](int64_t v) { field.count = v * unit; }};
}

std::optional<SysctlAccess> SysctlOfNeighbours(NeighbourParms& p, std::string_view key) {
  if (key == "mcast_solicit") return SysctlNumber(p.mcastSolicit);
  if (key == "ucast_solicit") return SysctlNumber(p.ucastSolicit);
  if (key == "app_solicit") return SysctlNumber(p.appSolicit);
  if (key == "retrans_time_ms") return SysctlSpan(p.retransTime, 1000000);
  if (key == "base_reachable_time_ms") return SysctlSpan(p.baseReachableTime, 1000000);
  if (key == "base_reachable_time") return SysctlSpan(p.baseReachableTime, 1000000000);
  if (key == "delay_first_probe_time") return SysctlSpan(p.delayFirstProbeTime, 1000000000);
  if (key == "gc_stale_time") return SysctlSpan(p.gcStaleTime, 1000000000);
  if (key == "proxy_delay") return SysctlSpan(p.proxyDelay, 10000000);  // in jiffies; USER_HZ is 100
  if (key == "unres_qlen_bytes") return SysctlNumber(p.unresQlenBytes);
  return std::nullopt;
}

bool SplitSysctlDevice(std::string_view name, std::string_view prefix, std::string_view& device,
                       std::string_view& key) {
  if (name.substr(0, prefix.size()) != prefix) return false;
  const size_t dot = name.rfind('.');
  if (dot <= prefix.size()) return false;
  device = name.substr(prefix.size(), dot - prefix.size());
  key = name.substr(dot + 1);
  return true;
}

std::optional<int64_t> SysctlWholeNumber(std::string_view text) {
  int64_t value = 0;
  auto [next, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || next != text.data() + text.size()) return std::nullopt;
  return value;
}

Namespace::DeviceConf& Namespace::Conf(int ifindex) { return m_conf.try_emplace(ifindex, defaultConf).first->second; }
const Namespace::DeviceConf& Namespace::GetConf(int ifindex) const {
  auto it = m_conf.find(ifindex);
  return it == m_conf.end() ? defaultConf : it->second;
}

int Namespace::SetSysctl(const std::string& given, const std::string& value) {
  const std::string name = WithDots(given);
  if (name.rfind("net.ipv6.", 0) == 0) {
    const int error = m_ipv6->SetSysctl(name, value);
    const bool isOfDevice = name.rfind("net.ipv6.conf.", 0) == 0 || name.rfind("net.ipv6.neigh.", 0) == 0;
    if (error == ENOENT && !isOfDevice)
      m_otherSysctls[name] = value;
    else if (error != 0)
      return error;
  } else if (name == "net.ipv4.ip_local_port_range") {
    size_t gap = value.find_first_of(" \t");
    auto low = SysctlWholeNumber(value.substr(0, gap));
    auto high =
        gap == std::string::npos ? std::nullopt : SysctlWholeNumber(value.substr(value.find_first_not_of(" \t", gap)));
    if (!low || !high || *low < 1 || *high > 65535 || *low > *high) return EINVAL;
    localPortLow = static_cast<uint16_t>(*low);
    localPortHigh = static_cast<uint16_t>(*high);
  } else if (name == "net.ipv4.ip_forward" || name == "net.ipv4.conf.all.forwarding") {
    auto number = SysctlWholeNumber(value);
    if (!number) return EINVAL;
    // inet_forward_change(): for all devices, those to come included
    ipForward = allConf.forwarding = defaultConf.forwarding = *number != 0;
    for (auto& [ifindex, conf] : m_conf) conf.forwarding = ipForward;
    allConf.acceptRedirects = !ipForward;
  } else if (auto access = Find(*this, name)) {
    auto number = SysctlWholeNumber(value);
    if (!access->set) return EACCES;
    if (!number || (name == "net.ipv4.ip_default_ttl" && (*number < 1 || *number > 255))) return EINVAL;
    access->set(*number);
  } else if (name.rfind("net.", 0) == 0 && name.rfind("net.ipv4.conf.", 0) != 0 &&
             name.rfind("net.ipv4.neigh.", 0) != 0) {
    m_otherSysctls[name] = value;
  } else {
    return ENOENT;
  }
  std::erase(m_writtenSysctls, name);
  m_writtenSysctls.push_back(name);
  const std::string line = name + " = " + value;
  Changed(Table::Sysctl, TableChange::Op::Change, &line, 0);
  return 0;
}

std::optional<std::string> Namespace::GetSysctl(const std::string& given) const {
  const std::string name = WithDots(given);
  if (name.rfind("net.ipv6.", 0) == 0)
    if (auto value = m_ipv6->GetSysctl(name)) return value;
  if (name == "net.ipv4.ip_local_port_range")
    return std::to_string(localPortLow) + "\t" + std::to_string(localPortHigh);
  if (name == "net.ipv4.ip_forward" || name == "net.ipv4.conf.all.forwarding") return ipForward ? "1" : "0";
  if (auto access = Find(const_cast<Namespace&>(*this), name)) return std::to_string(access->get());
  auto it = m_otherSysctls.find(name);
  return it == m_otherSysctls.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace overlaysim::kernel
