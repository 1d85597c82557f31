#include <fmt/format.h>

#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

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
  } else if (link.kind == LinkKind::Ipip) {
    if (!link.ipip.remote.IsZero()) out.push_back("POINTOPOINT");  // ip_tunnel_bind_dev()
  } else if (!kernel::HasLinkHeader(link.kind)) {
    out.push_back("POINTOPOINT");
    if (link.kind == LinkKind::Tun) out.push_back("MULTICAST");
  } else {
    out.push_back("BROADCAST");
    if (link.kind != LinkKind::Dummy) out.push_back("MULTICAST");
  }
  if (link.noArp || link.kind == LinkKind::Dummy || !kernel::HasLinkHeader(link.kind)) out.push_back("NOARP");
  if (link.promisc) out.push_back("PROMISC");
  if (link.adminUp) out.push_back("UP");
  if (running) out.push_back("LOWER_UP");
  return out;
}

/// The other end of a veth in the same namespace.
const Link* PeerHere(const Namespace& ns, const Link& link) {
  return link.peerNetns == ns.Id() ? ns.GetLink(link.peerIfindex) : nullptr;
}

/// default_operstate() of net/core/link_watch.c. For a device without carrier the kernel looks up the other end's index
/// among the device's own neighbours, even when that end is in another namespace.
const char* OperState(const Namespace& ns, const Link& link) {
  if (!link.adminUp) return "DOWN";
  const bool isWatched =
      link.kind == LinkKind::Veth || link.kind == LinkKind::Physical || link.kind == LinkKind::Bridge;
  if (ns.IsRunning(link)) return isWatched ? "UP" : "UNKNOWN";
  if (link.kind != LinkKind::Veth || link.peerIfindex == link.ifindex) return "DOWN";
  const Link* below = ns.GetLink(link.peerIfindex);
  return !below || below->adminUp ? "DOWN" : "LOWERLAYERDOWN";
}

const char* QueueDiscipline(const Link& link) {
  if (!link.adminUp) return "noop";
  return link.kind == LinkKind::Physical || link.kind == LinkKind::Tun ? "pfifo_fast" : "noqueue";
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

/// The link addresses of a tunnel are the IP addresses of its ends.
void PrintTunnelAddresses(Output& out, const Link& link) {
  out.String("link_type", "link/{} ", "ipip");
  out.String("address", "{}", link.ipip.local.ToString());
  if (link.ipip.remote.IsZero())
    out.String("broadcast", " brd {}", link.ipip.remote.ToString());
  else
    out.String("broadcast", " peer {}", link.ipip.remote.ToString());
}

}  // namespace

void PrintFlags(Output& out, const Namespace& ns, const Link& link) {
  out.OpenArray("flags");
  std::vector<const char*> flags = Flags(ns, link);
  const Link* peer = PeerHere(ns, link);
  if (peer && !peer->adminUp) flags.push_back("M-DOWN");
  for (size_t i = 0; i < flags.size(); ++i) out.String(nullptr, i == 0 ? "<{}" : ",{}", flags[i]);
  out.Text(flags.empty() ? "<> " : "> ");
  out.CloseArray();
}

void PrintName(Output& out, const Namespace& ns, const Link& link, const char* text) {
  std::string suffix;
  if (link.kind == LinkKind::Veth && !link.peerNetns.IsNone()) {
    if (const Link* peer = PeerHere(ns, link)) {
      if (out.IsJson()) out.String("link", nullptr, peer->name);
      suffix = "@" + peer->name;
    } else {
      if (out.IsJson()) out.Number("link_index", nullptr, link.peerIfindex);
      suffix = fmt::format("@if{}", link.peerIfindex);
    }
  }
  if (link.kind == LinkKind::Ipip) {
    const std::string lower = link.ipip.lowerIfindex != 0 ? DeviceName(ns, link.ipip.lowerIfindex) : "NONE";
    if (out.IsJson() && lower != "NONE") out.String("link", nullptr, lower);
    suffix = "@" + lower;
  }
  out.String("ifname", text, out.IsJson() ? link.name : link.name + suffix);
}

namespace {

/// The dump of IPv6 devices knows less of a link than that of all, and not which namespace the other end of a veth is
/// in: its index is taken for one of this namespace's (inet6_fill_ifinfo()).
const Link* LinkedTo(const Namespace& ns, const Link& link) {
  if (link.kind != LinkKind::Veth || link.peerNetns.IsNone() || link.peerIfindex == link.ifindex) return nullptr;
  return ns.GetLink(link.peerIfindex);
}

void PrintIpv6Name(Output& out, const Namespace& ns, const Link& link, const char* text) {
  const Link* linked = LinkedTo(ns, link);
  const bool isElsewhere =
      link.kind == LinkKind::Veth && !linked && !link.peerNetns.IsNone() && link.peerIfindex != link.ifindex;
  const std::string other = linked ? linked->name : isElsewhere ? fmt::format("if{}", link.peerIfindex) : "";
  if (out.IsJson() && !other.empty()) out.String("link", nullptr, other);
  out.String("ifname", text, out.IsJson() || other.empty() ? link.name : link.name + "@" + other);
}

void PrintIpv6Link(Output& out, const Namespace& ns, const Link& link) {
  out.Number("ifindex", "{}: ", link.ifindex);
  PrintIpv6Name(out, ns, link, "{}: ");
  out.OpenArray("flags");
  std::vector<const char*> flags = Flags(ns, link);
  const Link* linked = LinkedTo(ns, link);
  if (linked && !linked->adminUp) flags.push_back("M-DOWN");
  for (size_t i = 0; i < flags.size(); ++i) out.String(nullptr, i == 0 ? "<{}" : ",{}", flags[i]);
  out.Text(flags.empty() ? "<> " : "> ");
  out.CloseArray();
  out.Number("mtu", "mtu {} ", link.mtu);
  out.String("operstate", "state {} ", OperState(ns, link));
  out.Number("txqlen", "qlen {}", link.txQueueLen);
}

}  // namespace

/// print_linkinfo(), without the line break at its end.
void PrintLink(Output& out, const Namespace& ns, const Link& link, LinkHead head, const ShowOptions& options) {
  if (head == LinkHead::Ipv6Dump) return PrintIpv6Link(out, ns, link);
  out.Number("ifindex", "{}: ", link.ifindex);
  PrintName(out, ns, link, "{}: ");
  PrintFlags(out, ns, link);
  out.Number("mtu", "mtu {} ", link.mtu);
  out.String("qdisc", "qdisc {} ", QueueDiscipline(link));
  if (link.master != 0) out.String("master", "master {} ", DeviceName(ns, link.master));
  out.String("operstate", "state {} ", OperState(ns, link));
  if (head == LinkHead::Link) out.String("linkmode", "mode {} ", "DEFAULT");
  out.String("group", "group {} ", "default");
  out.Number("txqlen", "qlen {}", link.txQueueLen);
  if (options.family == Family::Any || options.details) {
    out.Text("\n    ");
    if (link.kind == LinkKind::Ipip) {
      PrintTunnelAddresses(out, link);
    } else if (!kernel::HasLinkHeader(link.kind)) {
      out.String("link_type", "link/{} ", "none");
    } else {
      const bool isLoopback = link.kind == LinkKind::Loopback;
      out.String("link_type", "link/{} ", isLoopback ? "loopback" : "ether");
      out.String("address", "{}", link.address.ToString());
      out.String("broadcast", " brd {}", (isLoopback ? MacAddress{} : MacAddress::Broadcast()).ToString());
    }
  }
  PrintPeerNetns(out, ns, link, options);
  if (options.details) PrintLinkDetails(out, ns, link, options.family == Family::Any);
  if (options.statistics > 0) PrintLinkStatistics(out, link.stats, options.statistics > 1);
}

/// print_linkinfo_brief()
void PrintBriefLink(Output& out, const Namespace& ns, const Link& link, LinkHead head) {
  if (head == LinkHead::Ipv6Dump)
    PrintIpv6Name(out, ns, link, "{:<16} ");
  else
    PrintName(out, ns, link, "{:<16} ");
  out.String("operstate", "{:<14} ", OperState(ns, link));
  if (head != LinkHead::Link) return;
  if (kernel::HasLinkHeader(link.kind)) out.String("address", "{} ", link.address.ToString());
  PrintFlags(out, ns, link);
}

bool Accepts(const LinkFilter& filter, const Link& link) {
  if (filter.ifindex != 0 && link.ifindex != filter.ifindex) return false;
  if (filter.onlyUp && !link.adminUp) return false;
  if (filter.master != 0 && link.master != filter.master) return false;
  if (filter.kind.empty()) return true;
  if (filter.kind == "bridge_slave") return link.master != 0;
  return filter.kind == kernel::LinkKindName(link.kind);
}

std::string LinkShow(const Namespace& ns, const LinkFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  for (const Link* link : ns.Links()) {
    if (!Accepts(filter, *link)) continue;
    out.OpenObject();
    if (options.brief) {
      PrintBriefLink(out, ns, *link, LinkHead::Link);
      out.Text("\n");
    } else if (options.oneLine && !out.IsJson()) {
      Output row(Format::Text);
      PrintLink(row, ns, *link, LinkHead::Link, options);
      out.Text(WithBackslashes(row.Take()));
    } else {
      PrintLink(out, ns, *link, LinkHead::Link, options);
      out.Text("\n");
    }
    out.CloseObject();
  }
  out.CloseArray();
  return out.Take();
}

std::string LinkLine(const Namespace& ns, const Link& link, const ShowOptions& options) {
  Output out(Format::Text);
  PrintLink(out, ns, link, LinkHead::Link, options);
  return OneLine(out.Take());
}

}  // namespace overlaysim::iproute2
