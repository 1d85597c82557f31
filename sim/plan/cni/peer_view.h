#pragma once

#include <algorithm>
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
  std::shared_ptr<const ControlPlane> agents;  ///< null: what is in the directory is on all nodes
  const int64_t* now = &kBegin;                ///< nanoseconds; tables are as they are then

  static constexpr int64_t kBegin = 0;
};

/// How far one node's agent has carried out the directory.
class AgentView {
 public:
  AgentView(std::shared_ptr<const Overlay> overlay, NodeId node) : m_overlay(std::move(overlay)), m_node(node) {}

  /// A condition for the directory's lookups: what `step` writes is there now. `until` is lowered to when that changes.
  auto Has(Step step, Nanoseconds* until = nullptr) const {
    return [this, step, until](uint32_t entry, uint32_t range) {
      if (!m_overlay->agents) return true;
      const ControlPlane::Force force = m_overlay->agents->InForce(m_node, entry, step, range, {*m_overlay->now});
      if (until) *until = std::min(*until, force.until);
      return force.holds;
    };
  }
  const VtepDirectory& Directory() const { return m_overlay->directory; }
  const Vtep& VtepOf(uint32_t entry) const { return m_overlay->directory.Entries()[entry].vtep; }

 private:
  std::shared_ptr<const Overlay> m_overlay;
  NodeId m_node;
};

/// One node's view of the directory: its routes, neighbours and FDB entries for all other nodes, as far as its agent
/// has written them. Rows are made up when asked for.
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
  bool FindIpsecPeer(uint32_t spiIn, kernel::TunnelPeer& out) const override;
  std::vector<kernel::TunnelPeer> TunnelPeers(int ifindex) const override;
  bool FindRoute6(const Ipv6Address& dst, kernel::Route6& out) const override;
  bool FindNeighbour6(int ifindex, const Ipv6Address& ip, kernel::Neighbour6& out) const override;
  std::vector<kernel::Route6> Routes6() const override;
  std::vector<kernel::Neighbour6> Neighbours6() const override;
  std::vector<kernel::PeerChange> ChangesAfter(Nanoseconds time) const override;

  /// All that the agent still does, also where it writes what is there already.
  std::vector<kernel::PeerChange> WritesAfter(Nanoseconds time) const;

  /// Writes all rows into the namespace's own tables, in the order in which an agent adds a peer.
  void CopyInto(kernel::Namespace& ns) const;

 private:
  /// What this node knows of an entry, with the route to one of its ranges. Nothing of itself.
  PeerRows RowsOf(uint32_t entry, uint32_t range) const;
  /// Of the first range: its neighbour and FDB entry are those of all.
  PeerRows RowsOf(uint32_t entry) const;
  PeerRows6 RowsOf6(uint32_t entry) const;
  using Moments = std::vector<std::pair<Nanoseconds, bool>>;
  std::vector<kernel::PeerChange> RowsWritten(Nanoseconds time, Moments (ControlPlane::*moments)(NodeId, uint32_t, Step,
                                                                                                 uint32_t) const) const;
  auto Has(Step step) const { return m_agent.Has(step, holdsUntil); }
  /// Each entry of another node, and range of it, whose row of that kind is there; of two entries of a node the newer.
  template <typename Visitor>
  void ForEach(Step step, Visitor&& visit) const;
  kernel::VxlanFdbEntry FloodEntry() const;
  bool IsBridgedTunnel(int ifindex) const { return m_overlay->profile.isBridged && ifindex == m_vxlanIfindex; }

  std::shared_ptr<const Overlay> m_overlay;
  NodeView m_self;
  AgentView m_agent;
  int m_vxlanIfindex, m_vxlan6Ifindex;  ///< 0: no such tunnel
  int m_peersIfindex;                   ///< of the device that has tunnel peers: Wireguard, Tun; 0: none, or IPsec's
  int m_neighbourIfindex;               ///< where peers have permanent neighbours
};

}  // namespace overlaysim::plan
