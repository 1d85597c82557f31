#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

/// Where each MAC behind the tunnels of a bridged overlay is; for FDB entries that are written, not learnt.
struct Station {
  NodeId node;
  uint32_t number = 0;  ///< from 0, none twice
};
using StationDirectory = std::unordered_map<MacAddress, Station>;

/// What all nodes' views share.
struct Overlay {
  Profile profile;
  const Flavour* flavour = nullptr;
  VtepDirectory directory;
  StationDirectory stations;
};

/// One node's view of the directory: its routes, neighbours and FDB entries for all other nodes, as of the version that
/// its agent has applied. Rows are made up when asked for.
class PeerView final : public kernel::PeerTables {
 public:
  PeerView(std::shared_ptr<const Overlay> overlay, const NodeView& self);

  bool FindRoute(uint32_t table, Ipv4Address dst, kernel::Route& out) const override;
  bool FindNeighbour(int ifindex, Ipv4Address ip, kernel::Neighbour& out) const override;
  bool FindVxlanFdb(int ifindex, MacAddress mac, kernel::VxlanFdbEntry& out) const override;
  std::vector<kernel::Route> Routes() const override;
  std::vector<kernel::Neighbour> Neighbours() const override;
  std::vector<kernel::VxlanFdbEntry> VxlanFdbEntries(int ifindex) const override;
  bool FindTunnelPeer(int ifindex, Ipv4Address inner, kernel::TunnelPeer& out) const override;
  bool FindTunnelPeer(int ifindex, const kernel::WireguardKey& key, kernel::TunnelPeer& out) const override;
  std::vector<kernel::TunnelPeer> TunnelPeers(int ifindex) const override;
  bool FindRoute6(const Ipv6Address& dst, kernel::Route6& out) const override;
  bool FindNeighbour6(int ifindex, const Ipv6Address& ip, kernel::Neighbour6& out) const override;
  std::vector<kernel::Route6> Routes6() const override;
  std::vector<kernel::Neighbour6> Neighbours6() const override;

  /// Writes all rows into the namespace's own tables, in the order in which an agent adds a peer.
  void CopyInto(kernel::Namespace& ns) const;

  uint32_t version;  ///< of the directory, applied so far

 private:
  /// What this node knows of an entry, with the route to one of its ranges. Nothing of itself.
  PeerRows RowsOf(uint32_t entry, uint32_t range) const;
  /// Of the first range: its neighbour and FDB entry are those of all.
  PeerRows RowsOf(uint32_t entry) const;
  PeerRows6 RowsOf6(uint32_t entry) const;
  template <typename Visitor>
  void ForEachPeer(Visitor&& visit) const;
  kernel::VxlanFdbEntry FloodEntry() const;
  bool IsBridgedTunnel(int ifindex) const { return m_overlay->profile.isBridged && ifindex == m_vxlanIfindex; }

  std::shared_ptr<const Overlay> m_overlay;
  NodeView m_self;
  int m_vxlanIfindex, m_vxlan6Ifindex;  ///< 0: no such tunnel
  int m_peersIfindex;                   ///< of the device that has tunnel peers: Wireguard, Tun; 0: none
  int m_neighbourIfindex;               ///< where peers have permanent neighbours
};

}  // namespace overlaysim::plan
