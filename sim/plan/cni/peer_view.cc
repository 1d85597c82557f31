#include "sim/plan/cni/peer_view.h"

#include <algorithm>

namespace overlaysim::plan {
namespace {

// Row ids of made-up rows: the top bit, a number and its kind. The flood list counts as a station behind all others.
enum Row : uint32_t {
  kRouteRow,
  kNeighbourRow,
  kFdbRow,
  kStationRow,
  kPolicyRouteRow,
  kTunnelPeerRow,
  kRoute6Row,
  kNeighbour6Row,
  kFdb6Row
};
constexpr uint32_t kRowBits = 4;
constexpr uint32_t kFloodStation = (1u << (31 - kRowBits)) - 1;
uint32_t RowId(uint32_t number, Row row) { return 0x80000000u | number << kRowBits | row; }

int PeersIfindex(const Profile& profile, const NodeView& self) {
  const int wireguard = TunnelIfindex(profile, self, kernel::LinkKind::Wireguard);
  return wireguard != 0 ? wireguard : TunnelIfindex(profile, self, kernel::LinkKind::Tun);
}

}  // namespace

PeerView::PeerView(std::shared_ptr<const Overlay> overlay, const NodeView& self)
    : version(overlay->directory.Version()),
      m_overlay(std::move(overlay)),
      m_self(self),
      m_vxlanIfindex(TunnelIfindex(m_overlay->profile, self, kernel::LinkKind::Vxlan)),
      m_vxlan6Ifindex(TunnelIfindex(m_overlay->profile, self, kernel::LinkKind::Vxlan, true)),
      m_peersIfindex(PeersIfindex(m_overlay->profile, self)),
      m_neighbourIfindex(m_overlay->profile.routesViaGateway ? self.firstAgentIfindex : m_vxlanIfindex) {}

PeerRows PeerView::RowsOf(uint32_t entry, uint32_t range) const {
  const VtepDirectory::Entry& peer = m_overlay->directory.Entries()[entry];
  if (peer.vtep.node == m_self.node) return {};
  PeerRows rows = m_overlay->flavour->reach(m_overlay->profile, m_self, peer.vtep, peer.vtep.ranges[range]);
  if (rows.route) rows.route->rowId = RowId(peer.firstRange + range, kRouteRow);
  if (rows.policyRoute) rows.policyRoute->rowId = RowId(peer.firstRange + range, kPolicyRouteRow);
  if (rows.tunnelPeer) rows.tunnelPeer->rowId = RowId(entry, kTunnelPeerRow);
  if (rows.neighbour) rows.neighbour->rowId = RowId(entry, kNeighbourRow);
  if (rows.fdb) rows.fdb->rowId = RowId(entry, kFdbRow);
  return rows;
}

PeerRows PeerView::RowsOf(uint32_t entry) const {
  if (entry == VtepDirectory::kNone || m_overlay->directory.Entries()[entry].vtep.ranges.empty()) return {};
  return RowsOf(entry, 0);
}

PeerRows6 PeerView::RowsOf6(uint32_t entry) const {
  if (entry == VtepDirectory::kNone) return {};
  const Vtep& peer = m_overlay->directory.Entries()[entry].vtep;
  if (peer.node == m_self.node || peer.podCidr6.length == 0) return {};
  PeerRows6 rows = m_overlay->flavour->reach6(m_overlay->profile, m_self, peer);
  if (rows.route) rows.route->rowId = RowId(entry, kRoute6Row);
  if (rows.neighbour) rows.neighbour->rowId = RowId(entry, kNeighbour6Row);
  if (rows.fdb) rows.fdb->rowId = RowId(entry, kFdb6Row);
  return rows;
}

template <typename Visitor>
void PeerView::ForEachPeer(Visitor&& visit) const {
  const auto& entries = m_overlay->directory.Entries();
  for (uint32_t i = 0; i < entries.size(); ++i)
    if (entries[i].InForce(version) && entries[i].vtep.node != m_self.node) visit(i, entries[i].vtep);
}

bool PeerView::FindRoute(uint32_t table, Ipv4Address dst, kernel::Route& out) const {
  const bool isMain = table == kernel::kTableMain;
  if (!isMain && (table == 0 || table != m_overlay->profile.policyTable)) return false;
  return m_overlay->directory.VisitByPod(dst, version, [&](uint32_t entry, uint32_t range) {
    PeerRows rows = RowsOf(entry, range);
    std::optional<kernel::Route>& route = isMain ? rows.route : rows.policyRoute;
    if (!route) return false;
    out = std::move(*route);
    return true;
  });
}

bool PeerView::FindNeighbour(int ifindex, Ipv4Address ip, kernel::Neighbour& out) const {
  if (ifindex != m_neighbourIfindex) return false;
  PeerRows rows = RowsOf(m_overlay->directory.FindByTunnel(ip, version));
  if (!rows.neighbour) return false;
  out = *rows.neighbour;
  return true;
}

/// The all-zero entry: a copy of every broadcast and unknown frame to each other node (head-end replication).
kernel::VxlanFdbEntry PeerView::FloodEntry() const {
  kernel::VxlanFdbEntry entry{.isPermanent = true, .rowId = RowId(kFloodStation, kStationRow)};
  ForEachPeer([&](uint32_t, const Vtep& peer) { entry.remotes.push_back({.ip = peer.underlay}); });
  return entry;
}

bool PeerView::FindRoute6(const Ipv6Address& dst, kernel::Route6& out) const {
  PeerRows6 rows = RowsOf6(m_overlay->directory.FindByPod6(dst, version));
  if (rows.route) out = std::move(*rows.route);
  return rows.route.has_value();
}

bool PeerView::FindNeighbour6(int ifindex, const Ipv6Address& ip, kernel::Neighbour6& out) const {
  if (ifindex != m_vxlan6Ifindex) return false;
  const PeerRows6 rows = RowsOf6(m_overlay->directory.FindByPod6(ip, version));
  if (!rows.neighbour || rows.neighbour->ip != ip) return false;
  out = *rows.neighbour;
  return true;
}

bool PeerView::FindVxlanFdb(int ifindex, MacAddress mac, kernel::VxlanFdbEntry& out) const {
  if (ifindex == m_vxlan6Ifindex && ifindex != 0) {
    PeerRows6 rows = RowsOf6(m_overlay->directory.FindByMac6(mac, version));
    if (rows.fdb) out = std::move(*rows.fdb);
    return rows.fdb.has_value();
  }
  if (ifindex != m_vxlanIfindex) return false;
  if (IsBridgedTunnel(ifindex)) {
    if (mac.IsZero()) {
      out = FloodEntry();
      return !out.remotes.empty();
    }
    auto station = m_overlay->stations.find(mac);
    if (station == m_overlay->stations.end() || station->second.node == m_self.node) return false;
    const uint32_t entry = m_overlay->directory.FindByNode(station->second.node, version);
    if (entry == VtepDirectory::kNone) return false;
    out = {.mac = mac,
           .isPermanent = true,
           .remotes = {{.ip = m_overlay->directory.Entries()[entry].vtep.underlay}},
           .rowId = RowId(station->second.number, kStationRow)};
    return true;
  }
  PeerRows rows = RowsOf(m_overlay->directory.FindByMac(mac, version));
  if (!rows.fdb) return false;
  out = std::move(*rows.fdb);
  return true;
}

std::vector<kernel::Route> PeerView::Routes() const {
  std::vector<kernel::Route> out;
  ForEachPeer([&](uint32_t entry, const Vtep& peer) {
    for (uint32_t range = 0; range < peer.ranges.size(); ++range)
      for (PeerRows rows = RowsOf(entry, range); auto* route : {&rows.route, &rows.policyRoute})
        if (*route) out.push_back(std::move(**route));
  });
  return out;
}

std::vector<kernel::Neighbour> PeerView::Neighbours() const {
  std::vector<kernel::Neighbour> out;
  ForEachPeer([&](uint32_t entry, const Vtep&) {
    if (PeerRows rows = RowsOf(entry); rows.neighbour) out.push_back(*rows.neighbour);
  });
  return out;
}

std::vector<kernel::VxlanFdbEntry> PeerView::VxlanFdbEntries(int ifindex) const {
  std::vector<kernel::VxlanFdbEntry> out;
  if (IsBridgedTunnel(ifindex)) {
    std::vector<MacAddress> macs;
    for (const auto& [mac, node] : m_overlay->stations) macs.push_back(mac);
    macs.push_back({});
    std::sort(macs.begin(), macs.end());
    for (MacAddress mac : macs)
      if (kernel::VxlanFdbEntry entry; FindVxlanFdb(ifindex, mac, entry)) out.push_back(std::move(entry));
  } else if (ifindex == m_vxlanIfindex) {
    ForEachPeer([&](uint32_t entry, const Vtep&) {
      if (PeerRows rows = RowsOf(entry); rows.fdb) out.push_back(std::move(*rows.fdb));
    });
  } else if (ifindex == m_vxlan6Ifindex) {
    ForEachPeer([&](uint32_t entry, const Vtep&) {
      if (PeerRows6 rows = RowsOf6(entry); rows.fdb) out.push_back(std::move(*rows.fdb));
    });
  }
  return out;
}

bool PeerView::FindTunnelPeer(int ifindex, Ipv4Address inner, kernel::TunnelPeer& out) const {
  if (ifindex != m_peersIfindex) return false;
  return m_overlay->directory.VisitByPod(inner, version, [&](uint32_t entry, uint32_t range) {
    PeerRows rows = RowsOf(entry, range);
    if (!rows.tunnelPeer) return false;
    out = std::move(*rows.tunnelPeer);
    return true;
  });
}

bool PeerView::FindTunnelPeer(int ifindex, const kernel::WireguardKey& key, kernel::TunnelPeer& out) const {
  if (ifindex != m_peersIfindex) return false;
  PeerRows rows = RowsOf(m_overlay->directory.FindByKey(key, version));
  if (!rows.tunnelPeer) return false;
  out = std::move(*rows.tunnelPeer);
  return true;
}

std::vector<kernel::TunnelPeer> PeerView::TunnelPeers(int ifindex) const {
  std::vector<kernel::TunnelPeer> out;
  if (ifindex != m_peersIfindex || ifindex == 0) return out;
  ForEachPeer([&](uint32_t entry, const Vtep&) {
    if (PeerRows rows = RowsOf(entry); rows.tunnelPeer) out.push_back(std::move(*rows.tunnelPeer));
  });
  return out;
}

std::vector<kernel::Route6> PeerView::Routes6() const {
  std::vector<kernel::Route6> out;
  ForEachPeer([&](uint32_t entry, const Vtep&) {
    if (PeerRows6 rows = RowsOf6(entry); rows.route) out.push_back(std::move(*rows.route));
  });
  return out;
}

std::vector<kernel::Neighbour6> PeerView::Neighbours6() const {
  std::vector<kernel::Neighbour6> out;
  ForEachPeer([&](uint32_t entry, const Vtep&) {
    if (PeerRows6 rows = RowsOf6(entry); rows.neighbour) out.push_back(*rows.neighbour);
  });
  return out;
}

void PeerView::CopyInto(kernel::Namespace& ns) const {
  for (const kernel::Neighbour& neighbour : Neighbours()) ns.SetNeighbour(neighbour, kernel::Namespace::kCreate);
  for (const kernel::Neighbour6& neighbour : Neighbours6())
    ns.Ipv6().SetNeighbour(neighbour, kernel::Namespace::kCreate);
  for (const int ifindex : {m_vxlanIfindex, m_vxlan6Ifindex})
    for (const kernel::VxlanFdbEntry& entry : VxlanFdbEntries(ifindex))
      for (const kernel::VxlanRemote& remote : entry.remotes)
        ns.AddVxlanFdb(ifindex, entry.mac, remote, true, kernel::Namespace::kCreate | kernel::Namespace::kAppend, {});
  for (const kernel::TunnelPeer& peer : TunnelPeers(m_peersIfindex)) ns.SetTunnelPeer(m_peersIfindex, peer);
  for (const kernel::Route& route : Routes()) ns.AddRoute(route, kernel::Namespace::kCreate);
  for (const kernel::Route6& route : Routes6()) ns.Ipv6().AddRoute(route, kernel::Namespace::kCreate);
}

}  // namespace overlaysim::plan
