#include <fmt/format.h>

#include "sim/plan/compiled_plan.h"

namespace overlaysim::plan {

PeerRows CompiledPlan::RowsTowards(NodeId node, NodeId peer) const {
  const VtepDirectory& directory = m_overlay->directory;
  const uint32_t entry = directory.FindByNode(peer, directory.Version());
  return m_overlay->flavour->reach(m_overlay->profile, ViewOf(node), directory.Entries()[entry].vtep);
}

Ipv4Address CompiledPlan::UnusedAddressNear(NodeId node) const {
  const Ipv4Prefix subnet = m_cluster.nodes[node.value].ports.front().address;
  uint32_t candidate = subnet.Broadcast().value - 1;
  while (candidate > subnet.Canonical().address.value && m_underlayAddresses.contains({candidate})) --candidate;
  return {candidate};
}

std::vector<std::string> CompiledPlan::TunnelCommands(NodeId node, uint32_t vni, bool withPeers) const {
  const NodeRow& row = m_cluster.nodes[node.value];
  const Profile& profile = m_overlay->profile;
  const std::string& dev = profile.device;
  std::vector<std::string> out = {
      fmt::format("ip link del {}", dev),
      fmt::format("ip link add {} address {} mtu {} type vxlan id {} local {} dev {} dstport {} {}", dev,
                  row.vtepMac->ToString(), TunnelMtu(node), vni, row.Address().ToString(), row.ports.front().name,
                  profile.vxlan.dstPort, profile.vxlan.learning ? "learning" : "nolearning")};
  if (profile.isBridged) out.push_back(fmt::format("ip link set {} master {}", dev, profile.bridge));
  if (profile.hasVtepAddress)
    out.push_back(fmt::format("ip addr add {}/32 dev {}", row.podCidr.address.ToString(), dev));
  out.push_back(fmt::format("ip link set {} up", dev));
  if (!withPeers) return out;
  const PeerView view(m_overlay, ViewOf(node));
  for (const kernel::Neighbour& n : view.Neighbours())
    out.push_back(
        fmt::format("ip neigh replace {} lladdr {} dev {} nud permanent", n.ip.ToString(), n.mac.ToString(), dev));
  for (const kernel::VxlanFdbEntry& e : view.VxlanFdbEntries(ViewOf(node).tunnelIfindex))
    for (const kernel::VxlanRemote& remote : e.remotes)
      out.push_back(fmt::format("bridge fdb append {} dev {} dst {} self permanent", e.mac.ToString(), dev,
                                remote.ip.ToString()));
  for (const kernel::Route& route : view.Routes()) {
    const kernel::NextHop& hop = route.nextHops.front();
    if (hop.ifindex == ViewOf(node).tunnelIfindex)
      out.push_back(
          fmt::format("ip route replace {} via {} dev {} onlink", route.dst.ToString(), hop.gateway.ToString(), dev));
  }
  return out;
}

}  // namespace overlaysim::plan
