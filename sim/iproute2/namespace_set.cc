#include "sim/iproute2/namespace_set.h"

#include <algorithm>
#include <cerrno>

#include "models/wire/headers.h"
#include "sim/base/random.h"

namespace overlaysim::iproute2 {

using kernel::Link;
using kernel::LinkKind;
using kernel::Namespace;

bool MachineNamespaces::Remove(NetnsId id) {
  m_machine.Remove(id);
  return true;
}

std::vector<std::string> MachineNamespaces::Names() const {
  std::vector<std::string> out;
  for (const auto& ns : m_machine.All())
    if (ns) out.insert(out.begin(), ns->Name());
  return out;
}

MacAddress MadeUpMac(const std::string& netns, const std::string& link) {
  RandomStream stream(0, "mac/" + netns + "/" + link);
  MacAddress mac = MacAddress::FromUint64(stream.Next() >> 16);
  mac.bytes[0] = static_cast<uint8_t>((mac.bytes[0] & 0xfe) | 0x02);  // unicast, locally administered
  return mac;
}

int AddVeth(Namespace& ns, Link link, Namespace& peerNs, Link peer) {
  if (ns.FindLink(link.name) || peerNs.FindLink(peer.name)) return EEXIST;
  if (&ns == &peerNs && link.name == peer.name) return EEXIST;
  auto prepare = [](const Namespace& where, Link& l) {
    l.kind = LinkKind::Veth;
    l.carrier = false;
    l.stats.carrierChanges = 1;  // netif_carrier_off() in veth_newlink()
    if (!l.addressSet) l.address = MadeUpMac(where.Name(), l.name);
  };
  prepare(ns, link);
  prepare(peerNs, peer);
  link.peerNetns = peerNs.Id();
  peer.peerNetns = ns.Id();
  Link& madePeer = peerNs.AddLink(std::move(peer));  // the kernel makes the peer first: it has the lower index
  link.peerIfindex = madePeer.ifindex;
  Link& made = ns.AddLink(std::move(link));
  madePeer.peerIfindex = made.ifindex;
  return 0;
}

namespace {

/// vxlan_vni_in_use() and vxlan_dev_configure()
int PrepareVxlan(const Namespace& ns, Link& link, std::string* why) {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  const kernel::VxlanOptions& v = link.vxlan;
  for (const Link* other : ns.Links())
    if (other->kind == LinkKind::Vxlan && other->vxlan.vni == v.vni && other->vxlan.dstPort == v.dstPort &&
        other->vxlan.IsIpv6() == v.IsIpv6())
      return fail(EEXIST, "A VXLAN device with the specified VNI already exists");
  auto isOfLink = [](const Ipv6Address& a) { return a.IsLinkLocal() || a.IsLinkLocalMulticast(); };
  if (v.remote.IsV6() && isOfLink(v.remote.V6()) != isOfLink(v.local.V6()))
    return fail(EINVAL, "Invalid combination of local and remote address scopes");
  if (v.IsIpv6() && v.lowerIfindex != 0 && ns.Ipv6().GetConf(v.lowerIfindex).disableIpv6)
    return fail(EPERM, "IPv6 support disabled by administrator");
  if (v.lowerIfindex != 0) {
    const uint32_t most =
        ns.GetLink(v.lowerIfindex)->mtu - (v.IsIpv6() ? wire::kVxlan6OverheadBytes : wire::kVxlanOverheadBytes);
    if (!link.mtuSet || link.mtu > most) link.mtu = most;
  }
  return 0;
}

/// ip_tunnel_newlink(), ip_tunnel_bind_dev(): one device per pair of ends; the MTU leaves room for the outer header.
int PrepareIpip(const Namespace& ns, Link& link) {
  constexpr uint32_t kHeaderBytes = wire::kIpv4HeaderBytes;
  for (const Link* other : ns.Links())
    if (other->kind == LinkKind::Ipip && other->ipip.remote == link.ipip.remote &&
        other->ipip.local == link.ipip.local && other->ipip.lowerIfindex == link.ipip.lowerIfindex)
      return EEXIST;
  const Link* lower = ns.GetLink(link.ipip.lowerIfindex);
  if (!lower && !link.ipip.remote.IsZero()) {
    const kernel::RouteAnswer way = ns.Lookup({.dst = link.ipip.remote, .src = link.ipip.local});
    if (way.error == 0) lower = ns.GetLink(way.nextHop.ifindex);
  }
  if (!link.mtuSet) link.mtu = (lower ? lower->mtu : 1500) - kHeaderBytes;
  link.maxMtu = 0xffff - kHeaderBytes;  // IP_MAX_MTU
  return 0;
}

/// wg_setup(): room for the headers over IPv6.
void PrepareWireguard(Link& link) {
  if (!link.mtuSet) link.mtu = kernel::kWireguardMtu;
  link.minMtu = 0;
  link.maxMtu = kernel::kWireguardMaxMtu;
}

/// geneve_configure(), geneve_link_config(): the MTU is what the way to the remote leaves, of no remote (an external
/// device) the most there is.
int PrepareGeneve(const Namespace& ns, Link& link, std::string* why) {
  auto fail = [&](int error, const char* text) {
    if (why) *why = text;
    return error;
  };
  const kernel::VxlanOptions& g = link.vxlan;
  const bool isV6 = g.IsIpv6();
  for (const Link* other : ns.Links()) {
    if (other->kind != LinkKind::Geneve || other->vxlan.dstPort != g.dstPort) continue;
    if (other->vxlan.vni == g.vni && other->vxlan.remote == g.remote) return EBUSY;
    if (g.external) return fail(EPERM, "There can be only one externally controlled device on a destination port");
    if (other->vxlan.external)
      return fail(EPERM, "There already exists an externally controlled device on this destination port");
  }
  constexpr uint32_t kLargestPacket = 0xffff;  // IP_MAX_MTU
  constexpr uint32_t kHeaders = wire::kUdpHeaderBytes + wire::Geneve::kBytes + wire::kEthernetHeaderBytes;
  link.maxMtu = kLargestPacket - kHeaders - (isV6 || g.external ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes);
  uint32_t mtu = link.mtu;
  if (!link.mtuSet && g.external) {
    mtu = link.maxMtu;
  } else if (!link.mtuSet) {
    int device = 0;
    if (isV6) {
      const kernel::Route6Answer way = ns.Ipv6().Lookup({.dst = g.remote.V6()});
      if (way.error == 0) device = way.nextHop.ifindex;
    } else {
      const kernel::RouteAnswer way = ns.Lookup({.dst = g.remote.V4()});
      if (way.error == 0) device = way.nextHop.ifindex;
    }
    const uint32_t headers = kHeaders + (isV6 ? wire::kIpv6HeaderBytes : wire::kIpv4HeaderBytes);
    if (const Link* lower = ns.GetLink(device); lower && lower->mtu > headers) mtu = lower->mtu - headers;
  }
  link.mtu = std::clamp(mtu, link.minMtu, link.maxMtu);
  return 0;
}

}  // namespace

int AddLink(Namespace& ns, Link link, std::string* why) {
  if (ns.FindLink(link.name)) return EEXIST;
  if (link.kind == LinkKind::Vxlan)
    if (int error = PrepareVxlan(ns, link, why)) return error;
  if (link.kind == LinkKind::Geneve)
    if (int error = PrepareGeneve(ns, link, why)) return error;
  if (link.kind == LinkKind::Ipip) {
    if (int error = PrepareIpip(ns, link)) return error;
  }
  if (link.kind == LinkKind::Wireguard) PrepareWireguard(link);
  if (!link.addressSet && kernel::HasLinkHeader(link.kind)) link.address = MadeUpMac(ns.Name(), link.name);
  const Link& made = ns.AddLink(std::move(link));
  if (made.kind == LinkKind::Vxlan && !made.vxlan.remote.IsZero())
    return ns.AddVxlanFdb(made.ifindex, {}, {.ip = made.vxlan.remote, .ifindex = made.vxlan.lowerIfindex}, true,
                          Namespace::kCreate | Namespace::kAppend, {});
  return 0;
}

int DeleteLink(NamespaceSet& all, Namespace& ns, int ifindex) {
  const Link* link = ns.GetLink(ifindex);
  if (!link) return ENODEV;
  Namespace* peerNs = link->kind == LinkKind::Veth && !link->peerNetns.IsNone() ? all.Get(link->peerNetns) : nullptr;
  const int peer = link->peerIfindex;
  for (const Link* other : ns.Links())
    if (other->kind == LinkKind::Vxlan && other->vxlan.lowerIfindex == ifindex) ns.DeleteLink(other->ifindex);
  if (int error = ns.DeleteLink(ifindex)) return error;
  if (peerNs && peerNs->GetLink(peer)) {
    peerNs->GetLink(peer)->peerNetns = {};
    return DeleteLink(all, *peerNs, peer);
  }
  return 0;
}

int SetLinkUp(NamespaceSet& all, Namespace& ns, int ifindex, bool up, Nanoseconds now) {
  const Link* link = ns.GetLink(ifindex);
  if (!link) return ENODEV;
  if (int error = ns.SetLinkUp(ifindex, up, now)) return error;
  if (link->kind != LinkKind::Veth || link->peerNetns.IsNone()) return 0;
  Namespace* peerNs = all.Get(link->peerNetns);
  if (!peerNs) return 0;  // out of reach: the other end is taken to stay as it is
  const Link* peer = peerNs->GetLink(link->peerIfindex);
  const bool carrier = up && peer && peer->adminUp;
  ns.SetCarrier(ifindex, carrier);
  if (peer) peerNs->SetCarrier(peer->ifindex, carrier);
  return 0;
}

int MoveLink(NamespaceSet& all, Namespace& from, int ifindex, Namespace& to, Nanoseconds now, std::string* why) {
  const Link* link = from.GetLink(ifindex);
  if (!link) return ENODEV;
  if (&from == &to) return 0;
  if (link->kind == LinkKind::Bridge || link->kind == LinkKind::Loopback) {
    *why = "The interface netns is immutable";
    return EINVAL;
  }
  if (to.FindLink(link->name)) {
    *why = "An interface with the same name exists in the target netns";
    return EEXIST;
  }
  if (link->kind == LinkKind::Vxlan && link->vxlan.lowerIfindex != 0) {
    *why = "Moving a vxlan device that has a lower device is not supported yet";
    return EOPNOTSUPP;
  }
  if (int error = SetLinkUp(all, from, ifindex, false, now)) return error;
  Link moved = *link;
  moved.master = 0;
  moved.port = {};
  moved.promiscuity = 0;
  if (to.GetLink(ifindex)) moved.ifindex = 0;
  std::vector<kernel::VxlanFdbEntry> fdb = from.AllVxlanFdb(ifindex);
  for (const Link* other : from.Links())
    if (other->kind == LinkKind::Vxlan && other->vxlan.lowerIfindex == ifindex) from.DeleteLink(other->ifindex);
  from.DeleteLink(ifindex);
  const Link& made = to.AddLink(std::move(moved));
  for (const kernel::VxlanFdbEntry& entry : fdb) to.FdbOfVxlan(made.ifindex).Insert(entry);
  if (made.kind == LinkKind::Veth && !made.peerNetns.IsNone()) {
    Namespace* peerNs = made.peerNetns == from.Id() ? &from : all.Get(made.peerNetns);
    if (Link* peer = peerNs ? peerNs->GetLink(made.peerIfindex) : nullptr) {
      peer->peerNetns = to.Id();
      peer->peerIfindex = made.ifindex;
      if (peerNs != &to) peerNs->NetnsIdOf(to.Id());
      peerNs->LinkChanged(peer->ifindex);
    }
  }
  return 0;
}

}  // namespace overlaysim::iproute2
