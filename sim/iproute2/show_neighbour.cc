#include <fmt/format.h>

#include <algorithm>

#include "sim/iproute2/names.h"
#include "sim/iproute2/show.h"
#include "sim/iproute2/show_internal.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;
using kernel::NudState;

namespace {

int64_t SecondsSince(Nanoseconds then, Nanoseconds now) { return (now - then).count / 1000000000; }

/// print_neigh()
template <typename A>
void PrintNeighbour(Output& out, const Namespace& ns, const kernel::BasicNeighbour<A>& n, bool withDevice,
                    const ShowOptions& options) {
  out.OpenObject();
  out.String("dst", "{} ", n.ip.ToString());
  if (withDevice) out.String("dev", "dev {} ", DeviceName(ns, n.ifindex));
  if (!n.proxy && NudHasAddress(n.state)) out.String("lladdr", "lladdr {} ", n.mac.ToString());
  if (n.router) out.Null("router", "router ");
  if (n.proxy) out.Null("proxy", "proxy ");
  if (n.externLearn) out.Null("extern_learn", "extern_learn ");
  if (options.statistics > 0 && !n.proxy) {
    out.Number("used", " used {}", SecondsSince(n.used, options.now));
    out.Number("confirmed", "/{}", SecondsSince(n.confirmed, options.now));
    out.Number("updated", "/{}", SecondsSince(n.updated, options.now));
    out.Number("probes", "probes {} ", n.probes);
  }
  if (!n.proxy && n.state != NudState::None) {
    out.OpenArray("state");
    out.String(nullptr, "{} ", NudStateName(n.state));
    out.CloseArray();
  }
  out.Text("\n");
  out.CloseObject();
}

/// One line of `bridge fdb`.
struct FdbRow {
  MacAddress mac;
  int ifindex = 0;
  const kernel::VxlanRemote* remote = nullptr;
  bool isSelf = false;
  int bridge = 0;
  bool externLearn = false;
  bool isRouter = false;
  bool hasAge = false;  ///< multicast addresses of a device have none
  Nanoseconds updated;
  const char* state = "";
};

/// print_fdb()
void PrintFdb(Output& out, const Namespace& ns, const FdbRow& row, bool withDevice, const ShowOptions& options) {
  out.OpenObject();
  out.String("mac", "{} ", row.mac.ToString());
  if (withDevice) out.String("ifname", "dev {} ", DeviceName(ns, row.ifindex));
  if (row.remote) {
    out.String("dst", "dst {} ", row.remote->ip.ToString());
    if (row.remote->port != 0) out.Number("port", "port {} ", row.remote->port);
    if (row.remote->vni != 0) out.Number("vni", "vni {} ", row.remote->vni);
    if (row.remote->ifindex != 0) out.String("viaIf", "via {} ", DeviceName(ns, row.remote->ifindex));
  }
  if (options.statistics > 0 && row.hasAge) {
    out.Number("used", "used {}", SecondsSince(row.updated, options.now));
    out.Number("updated", "/{} ", SecondsSince(row.updated, options.now));
  }
  out.OpenArray("flags");
  if (row.isSelf) out.String(nullptr, "{} ", "self");
  if (row.isRouter) out.String(nullptr, "{} ", "router");
  if (row.externLearn) out.String(nullptr, "{} ", "extern_learn");
  out.CloseArray();
  if (row.bridge != 0) out.String("master", "master {} ", DeviceName(ns, row.bridge));
  out.String("state", "{}", row.state);
  out.Text("\n");
  out.CloseObject();
}

FdbRow RowOf(const Namespace& ns, int bridge, const kernel::BridgeFdbEntry& e, Nanoseconds now) {
  FdbRow row{.mac = e.mac, .ifindex = e.port, .bridge = bridge, .externLearn = e.externLearn, .hasAge = true};
  row.updated = e.updated;
  const Link* device = ns.GetLink(bridge);
  // has_expired() of net/bridge/br_fdb.c
  const bool isOld = device && now - e.updated >= Milliseconds(10) * device->bridge.ageingTime;
  row.state = e.isLocal ? "permanent" : e.isStatic ? "static" : isOld && !e.externLearn ? "stale" : "";
  return row;
}

FdbRow RowOf(int ifindex, const kernel::VxlanFdbEntry& e, const kernel::VxlanRemote& remote) {
  FdbRow row{.mac = e.mac, .ifindex = ifindex, .remote = &remote, .isSelf = true, .externLearn = e.externLearn};
  row.isRouter = e.isRouter;
  row.hasAge = true;
  row.updated = e.updated;
  row.state = e.isPermanent ? "permanent" : e.isStatic ? "static" : "";
  return row;
}

/// The multicast addresses that a device listens to (ndo_dflt_fdb_dump()): its IPv6 groups, and while it is up all
/// hosts of IPv4 and, on a bridge that snoops, all snoopers.
std::vector<MacAddress> MulticastAddresses(const Namespace& ns, const Link& link) {
  constexpr uint64_t kAllSnoopers6 = 0x33330000006a, kAllHosts4 = 0x01005e000001, kAllSnoopers4 = 0x01005e00006a;
  std::vector<MacAddress> out;
  if (link.kind == LinkKind::Loopback || link.kind == LinkKind::Vxlan || !kernel::HasLinkHeader(link.kind)) return out;
  std::vector<MacAddress> later;  // after those that it has from the start
  for (const kernel::Ipv6Tables::Group& group : ns.Ipv6().Groups(link.ifindex)) {
    if (!group.isLoaded || group.address.MulticastScope() < 2) continue;
    const bool isFirst = group.address == Ipv6Address::AllNodes() || group.address == Ipv6Address::AllRouters();
    (isFirst ? out : later).push_back(MulticastMac(group.address));
  }
  if (link.adminUp) {
    if (link.kind == LinkKind::Bridge && link.bridge.mcastSnooping) {
      out.push_back(MacAddress::FromUint64(kAllSnoopers4));
      out.push_back(MacAddress::FromUint64(kAllSnoopers6));
    }
    out.push_back(MacAddress::FromUint64(kAllHosts4));
  }
  for (MacAddress mac : later)
    if (std::find(out.begin(), out.end(), mac) == out.end()) out.push_back(mac);
  return out;
}

template <typename Visit>
void VisitFdb(const Namespace& ns, Nanoseconds now, Visit&& visit) {
  for (const Link* link : ns.Links()) {
    const int bridge = link->kind == LinkKind::Bridge ? link->ifindex : link->master;
    auto visitBridge = [&] {
      if (const kernel::BridgeFdb* fdb = bridge != 0 ? ns.FindBridgeFdb(bridge) : nullptr)
        for (const kernel::BridgeFdbEntry* e : fdb->Sorted())
          if (e->port == link->ifindex) visit(RowOf(ns, bridge, *e, now));
    };
    if (link->kind != LinkKind::Bridge) visitBridge();
    for (MacAddress mac : MulticastAddresses(ns, *link))
      visit(FdbRow{.mac = mac, .ifindex = link->ifindex, .isSelf = true, .state = "permanent"});
    if (link->kind == LinkKind::Bridge) visitBridge();
    if (link->kind == LinkKind::Vxlan)
      for (const kernel::VxlanFdbEntry& e : ns.AllVxlanFdb(link->ifindex))
        for (const kernel::VxlanRemote& remote : e.remotes) visit(RowOf(link->ifindex, e, remote));
  }
}

}  // namespace

template <typename A>
bool NeighFilter::Accepts(const kernel::BasicNeighbour<A>& n) const {
  if (n.proxy != proxies) return false;
  if (ifindex != 0 && n.ifindex != ifindex) return false;
  if (to && !Covers(*to, n.ip)) return false;
  if (proxies || n.externLearn) return true;  // whatever its state
  const int state = static_cast<int>(n.state);
  const int wanted = states >= 0 ? states : 0xff & ~static_cast<int>(NudState::Noarp);
  constexpr int kAll = 0xff;
  return (wanted & state) != 0 || (state == 0 && wanted == kAll);
}

template bool NeighFilter::Accepts(const kernel::Neighbour& neighbour) const;
template bool NeighFilter::Accepts(const kernel::Neighbour6& neighbour) const;

std::string NeighShow(const Namespace& ns, const NeighFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  auto print = [&](const auto& neighbours) {
    for (const auto& n : neighbours)
      if (filter.Accepts(n)) PrintNeighbour(out, ns, n, filter.ifindex == 0, options);
  };
  if (filter.family != Family::Inet6) print(ns.AllNeighbours());
  if (filter.family != Family::Inet) print(ns.Ipv6().AllNeighbours());
  out.CloseArray();
  return out.Take();
}

std::string FdbShow(const Namespace& ns, const FdbFilter& filter, const ShowOptions& options) {
  Output out(options.format);
  out.OpenArray();
  VisitFdb(ns, options.now, [&](const FdbRow& row) {
    if (filter.ifindex != 0 && row.ifindex != filter.ifindex) return;
    const Link* link = ns.GetLink(row.ifindex);
    if (filter.bridge != 0 && row.ifindex != filter.bridge && link->master != filter.bridge) return;
    const std::string_view state = row.state;
    if (filter.dynamic && (state == "permanent" || state == "static")) return;
    if (!filter.state.empty() && state != filter.state) return;
    if (filter.mac && row.mac != *filter.mac) return;
    PrintFdb(out, ns, row, filter.ifindex == 0, options);
  });
  out.CloseArray();
  return out.Take();
}

std::string NeighLine(const Namespace& ns, const kernel::Neighbour& neighbour) {
  Output out(Format::Text);
  PrintNeighbour(out, ns, neighbour, true, {});
  return OneLine(out.Take());
}

std::string NeighLine(const Namespace& ns, const kernel::Neighbour6& neighbour) {
  Output out(Format::Text);
  PrintNeighbour(out, ns, neighbour, true, {});
  return OneLine(out.Take());
}

std::string BridgeFdbLine(const Namespace& ns, int bridge, const kernel::BridgeFdbEntry& entry) {
  Output out(Format::Text);
  PrintFdb(out, ns, RowOf(ns, bridge, entry, entry.updated), true, {});
  return OneLine(out.Take());
}

std::string VxlanFdbLine(const Namespace& ns, int ifindex, const kernel::VxlanFdbEntry& entry) {
  std::string lines;
  for (const kernel::VxlanRemote& remote : entry.remotes) {
    Output out(Format::Text);
    PrintFdb(out, ns, RowOf(ifindex, entry, remote), true, {});
    if (!lines.empty()) lines += "; ";
    lines += OneLine(out.Take());
  }
  return lines;
}

}  // namespace overlaysim::iproute2
