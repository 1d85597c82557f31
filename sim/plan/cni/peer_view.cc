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
    : m_overlay(std::move(overlay)),
      m_self(self),
      m_agent(m_overlay, self.node),
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
void PeerView::ForEach(Step step, Visitor&& visit) const {
  const auto& entries = m_overlay->directory.Entries();
  const auto has = Has(step);
  const bool isPerRange = step == Step::Route || step == Step::PolicyRoute;
  for (uint32_t entry = 0; entry < entries.size(); ++entry) {
    const Vtep& peer = entries[entry].vtep;
    if (peer.node == m_self.node) continue;
    const uint32_t count = isPerRange ? static_cast<uint32_t>(peer.ranges.size()) : 1;
    for (uint32_t range = 0; range < count; ++range) {
      auto isThere = [&](uint32_t e, uint32_t) { return has(e, range); };
      if (has(entry, range) && (!m_overlay->agents || m_overlay->directory.FindByNode(peer.node, isThere) == entry))
        visit(entry, range);
    }
  }
}

bool PeerView::FindRoute(uint32_t table, Ipv4Address dst, kernel::Route& out) const {
  const bool isMain = table == kernel::kTableMain;
  if (!isMain && (table == 0 || table != m_overlay->profile.policyTable)) return false;
  const auto has = Has(isMain ? Step::Route : Step::PolicyRoute);
  return m_overlay->directory.VisitByPod(dst, has, [&](uint32_t entry, uint32_t range) {
    PeerRows rows = RowsOf(entry, range);
    std::optional<kernel::Route>& route = isMain ? rows.route : rows.policyRoute;
    if (!route) return false;
    out = std::move(*route);
    return true;
  });
}

bool PeerView::FindNeighbour(int ifindex, Ipv4Address ip, kernel::Neighbour& out) const {
  if (ifindex != m_neighbourIfindex) return false;
  PeerRows rows = RowsOf(m_overlay->directory.FindByTunnel(ip, Has(Step::Neighbour)));
  if (!rows.neighbour) return false;
  out = *rows.neighbour;
  return true;
}

/// The all-zero entry: a copy of every broadcast and unknown frame to each other node (head-end replication).
kernel::VxlanFdbEntry PeerView::FloodEntry() const {
  kernel::VxlanFdbEntry entry{.isPermanent = true, .rowId = RowId(kFloodStation, kStationRow)};
  ForEach(Step::Fdb, [&](uint32_t peer, uint32_t) { entry.remotes.push_back({.ip = m_agent.VtepOf(peer).underlay}); });
  return entry;
}

bool PeerView::FindRoute6(const Ipv6Address& dst, kernel::Route6& out) const {
  PeerRows6 rows = RowsOf6(m_overlay->directory.FindByPod6(dst, Has(Step::Route6)));
  if (rows.route) out = std::move(*rows.route);
  return rows.route.has_value();
}

bool PeerView::FindNeighbour6(int ifindex, const Ipv6Address& ip, kernel::Neighbour6& out) const {
  if (ifindex != m_vxlan6Ifindex) return false;
  const PeerRows6 rows = RowsOf6(m_overlay->directory.FindByPod6(ip, Has(Step::Neighbour6)));
  if (!rows.neighbour || rows.neighbour->ip != ip) return false;
  out = *rows.neighbour;
  return true;
}

bool PeerView::FindVxlanFdb(int ifindex, MacAddress mac, kernel::VxlanFdbEntry& out) const {
  if (ifindex == m_vxlan6Ifindex && ifindex != 0) {
    PeerRows6 rows = RowsOf6(m_overlay->directory.FindByMac6(mac, Has(Step::Fdb6)));
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
    const uint32_t entry = m_overlay->directory.FindByNode(station->second.node, Has(Step::Fdb));
    if (entry == VtepDirectory::kNone) return false;
    out = {.mac = mac,
           .isPermanent = true,
           .remotes = {{.ip = m_overlay->directory.Entries()[entry].vtep.underlay}},
           .rowId = RowId(station->second.number, kStationRow)};
    return true;
  }
  PeerRows rows = RowsOf(m_overlay->directory.FindByMac(mac, Has(Step::Fdb)));
  if (!rows.fdb) return false;
  out = std::move(*rows.fdb);
  return true;
}

std::vector<kernel::Route> PeerView::Routes() const {
  std::vector<kernel::Route> out;
  ForEach(Step::Route, [&](uint32_t entry, uint32_t range) {
    if (PeerRows rows = RowsOf(entry, range); rows.route) out.push_back(std::move(*rows.route));
  });
  if (m_overlay->profile.policyTable == 0) return out;
  ForEach(Step::PolicyRoute, [&](uint32_t entry, uint32_t range) {
    if (PeerRows rows = RowsOf(entry, range); rows.policyRoute) out.push_back(std::move(*rows.policyRoute));
  });
  return out;
}

std::vector<kernel::Neighbour> PeerView::Neighbours() const {
  std::vector<kernel::Neighbour> out;
  ForEach(Step::Neighbour, [&](uint32_t entry, uint32_t) {
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
    ForEach(Step::Fdb, [&](uint32_t entry, uint32_t) {
      if (PeerRows rows = RowsOf(entry); rows.fdb) out.push_back(std::move(*rows.fdb));
    });
  } else if (ifindex == m_vxlan6Ifindex) {
    ForEach(Step::Fdb6, [&](uint32_t entry, uint32_t) {
      if (PeerRows6 rows = RowsOf6(entry); rows.fdb) out.push_back(std::move(*rows.fdb));
    });
  }
  return out;
}

bool PeerView::FindTunnelPeer(int ifindex, Ipv4Address inner, kernel::TunnelPeer& out) const {
  if (ifindex != m_peersIfindex) return false;
  const auto take = [&](PeerRows rows) {
    if (!rows.tunnelPeer) return false;
    const std::vector<Ipv4Prefix>& allowed = rows.tunnelPeer->allowedIps;
    if (std::none_of(allowed.begin(), allowed.end(), [&](const Ipv4Prefix& p) { return p.Contains(inner); }))
      return false;
    out = std::move(*rows.tunnelPeer);
    return true;
  };
  const auto has = Has(Step::TunnelPeer);
  return m_overlay->directory.VisitByPod(inner, has, [&](uint32_t entry, uint32_t range) {
    return take(RowsOf(entry, range));
  }) || take(RowsOf(m_overlay->directory.FindByTunnel(inner, has)));
}

bool PeerView::FindTunnelPeer(int ifindex, const kernel::WireguardKey& key, kernel::TunnelPeer& out) const {
  if (ifindex != m_peersIfindex) return false;
  PeerRows rows = RowsOf(m_overlay->directory.FindByKey(key, Has(Step::TunnelPeer)));
  if (!rows.tunnelPeer) return false;
  out = std::move(*rows.tunnelPeer);
  return true;
}

bool PeerView::FindIpsecPeer(uint32_t spiIn, kernel::TunnelPeer& out) const {
  if (!m_overlay->profile.ipsec) return false;
  const NodeId sender = EspSender(m_self.address, spiIn);
  PeerRows rows = RowsOf(m_overlay->directory.FindByNode(sender, Has(Step::TunnelPeer)));
  if (!rows.tunnelPeer || rows.tunnelPeer->ipsec->spiIn != spiIn) return false;
  out = std::move(*rows.tunnelPeer);
  return true;
}

std::vector<kernel::TunnelPeer> PeerView::TunnelPeers(int ifindex) const {
  std::vector<kernel::TunnelPeer> out;
  if (ifindex != m_peersIfindex || (ifindex == 0 && !m_overlay->profile.ipsec)) return out;
  ForEach(Step::TunnelPeer, [&](uint32_t entry, uint32_t) {
    if (PeerRows rows = RowsOf(entry); rows.tunnelPeer) out.push_back(std::move(*rows.tunnelPeer));
  });
  return out;
}

std::vector<kernel::Route6> PeerView::Routes6() const {
  std::vector<kernel::Route6> out;
  ForEach(Step::Route6, [&](uint32_t entry, uint32_t) {
    if (PeerRows6 rows = RowsOf6(entry); rows.route) out.push_back(std::move(*rows.route));
  });
  return out;
}

std::vector<kernel::Neighbour6> PeerView::Neighbours6() const {
  std::vector<kernel::Neighbour6> out;
  ForEach(Step::Neighbour6, [&](uint32_t entry, uint32_t) {
    if (PeerRows6 rows = RowsOf6(entry); rows.neighbour) out.push_back(*rows.neighbour);
  });
  return out;
}

std::vector<kernel::PeerChange> PeerView::ChangesAfter(Nanoseconds time) const {
  return RowsWritten(time, &ControlPlane::Transitions);
}

std::vector<kernel::PeerChange> PeerView::WritesAfter(Nanoseconds time) const {
  return RowsWritten(time, &ControlPlane::Writes);
}

std::vector<kernel::PeerChange> PeerView::RowsWritten(Nanoseconds time,
                                                      Moments (ControlPlane::*moments)(NodeId, uint32_t, Step, uint32_t)
                                                          const) const {
  std::vector<kernel::PeerChange> out;
  if (!m_overlay->agents) return out;
  const auto& entries = m_overlay->directory.Entries();
  for (uint32_t entry = 0; entry < entries.size(); ++entry) {
    const auto add = [&](Step step, uint32_t range, int ifindex, const auto& row) {
      if (!row) return;
      for (const auto& [at, isThere] : (m_overlay->agents.get()->*moments)(m_self.node, entry, step, range))
        if (at > time) out.push_back({at, isThere, ifindex, *row});
    };
    for (uint32_t range = 0; range < entries[entry].vtep.ranges.size(); ++range) {
      const PeerRows rows = RowsOf(entry, range);
      if (range == 0) {
        add(Step::Neighbour, 0, m_neighbourIfindex, rows.neighbour);
        add(Step::Fdb, 0, m_vxlanIfindex, rows.fdb);
        add(Step::TunnelPeer, 0, m_peersIfindex, rows.tunnelPeer);
      }
      add(Step::Route, range, 0, rows.route);
      add(Step::PolicyRoute, range, 0, rows.policyRoute);
    }
    const PeerRows6 rows6 = RowsOf6(entry);
    add(Step::Neighbour6, 0, m_vxlan6Ifindex, rows6.neighbour);
    add(Step::Fdb6, 0, m_vxlan6Ifindex, rows6.fdb);
    add(Step::Route6, 0, 0, rows6.route);
  }
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
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
