#include <fmt/format.h>

#include "sim/plan/compiled_plan.h"

namespace overlaysim::plan {

PeerRows CompiledPlan::RowsTowards(NodeId node, NodeId peer) const {
  const VtepDirectory& directory = m_overlay->directory;
  const Vtep& vtep = directory.Entries()[directory.FindByNode(peer, VtepDirectory::Ever)].vtep;
  if (vtep.ranges.empty()) return {};
  return m_overlay->flavour->reach(m_overlay->profile, ViewOf(node), vtep, vtep.ranges.front());
}

std::vector<kernel::Route> CompiledPlan::RoutesTowards(NodeId node, NodeId peer) const {
  const VtepDirectory& directory = m_overlay->directory;
  const Vtep& vtep = directory.Entries()[directory.FindByNode(peer, VtepDirectory::Ever)].vtep;
  std::vector<kernel::Route> routes;
  for (const PodRange& range : vtep.ranges)
    if (auto route = m_overlay->flavour->reach(m_overlay->profile, ViewOf(node), vtep, range).route)
      routes.push_back(std::move(*route));
  return routes;
}

std::string CompiledPlan::RouteWords(NodeId node, const kernel::Route& route) const {
  const kernel::NextHop& hop = route.nextHops.front();
  std::string out = route.dst.ToString();
  if (!hop.gateway.IsZero()) out += " via " + hop.gateway.ToString();
  out += " dev " + DeviceName(node, hop.ifindex);
  if (hop.onlink) out += " onlink";
  if (route.protocol != kernel::kProtoBoot) out += fmt::format(" proto {}", route.protocol);
  return out;
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
  const Tunnel& tunnel = *profile.FindTunnel(kernel::LinkKind::Vxlan);
  const std::string& dev = tunnel.device;
  std::vector<std::string> out = {
      fmt::format("ip link del {}", dev),
      fmt::format("ip link add {} address {} mtu {} type vxlan id {} local {} dev {} dstport {} {}", dev,
                  row.vtepMac->ToString(), MtuOf(node, tunnel), vni, row.Address().ToString(), row.ports.front().name,
                  tunnel.vxlan.dstPort, tunnel.vxlan.learning ? "learning" : "nolearning")};
  if (profile.isBridged) out.push_back(fmt::format("ip link set {} master {}", dev, profile.bridge));
  if (profile.hasVtepAddress)
    out.push_back(fmt::format("ip addr add {}/32 dev {}", row.TunnelAddress(0).ToString(), dev));
  out.push_back(fmt::format("ip link set {} up", dev));
  if (!withPeers) return out;
  const PeerView view(m_overlay, ViewOf(node));
  for (const kernel::Neighbour& n : view.Neighbours())
    out.push_back(
        fmt::format("ip neigh replace {} lladdr {} dev {} nud permanent", n.ip.ToString(), n.mac.ToString(), dev));
  const int ifindex = TunnelIfindex(profile, ViewOf(node), kernel::LinkKind::Vxlan);
  for (const kernel::VxlanFdbEntry& e : view.VxlanFdbEntries(ifindex))
    for (const kernel::VxlanRemote& remote : e.remotes)
      out.push_back(fmt::format("bridge fdb append {} dev {} dst {} self permanent", e.mac.ToString(), dev,
                                remote.ip.ToString()));
  for (const kernel::Route& route : view.Routes())
    if (route.nextHops.front().ifindex == ifindex) out.push_back("ip route replace " + RouteWords(node, route));
  return out;
}

}  // namespace overlaysim::plan
