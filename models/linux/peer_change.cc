#include "models/linux/namespace.h"

namespace overlaysim::kernel {
namespace {

constexpr uint8_t kSet = Namespace::kCreate | Namespace::kReplace;

struct Writer {
  Namespace& ns;
  int ifindex;
  bool isThere;

  void operator()(const Route& route) const {
    if (isThere)
      ns.AddRoute(route, kSet);
    else
      ns.DeleteRoute(route);
  }
  void operator()(const Neighbour& neighbour) const {
    if (isThere)
      ns.SetNeighbour(neighbour, kSet);
    else
      ns.DeleteNeighbour(neighbour.ifindex, neighbour.ip);
  }
  void operator()(const VxlanFdbEntry& entry) const {
    for (const VxlanRemote& remote : entry.remotes)
      if (isThere)
        ns.AddVxlanFdb(ifindex, entry.mac, remote, true, kSet, {});
      else
        ns.DeleteVxlanFdb(ifindex, entry.mac, &remote);
  }
  void operator()(const TunnelPeer& peer) const {
    if (isThere)
      ns.SetTunnelPeer(ifindex, peer);
    else
      ns.DeleteTunnelPeer(ifindex, peer);
  }
  void operator()(const Route6& route) const {
    if (isThere)
      ns.Ipv6().AddRoute(route, kSet);
    else
      ns.Ipv6().DeleteRoute(route);
  }
  void operator()(const Neighbour6& neighbour) const {
    if (isThere)
      ns.Ipv6().SetNeighbour(neighbour, kSet);
    else
      ns.Ipv6().DeleteNeighbour(neighbour.ifindex, neighbour.ip);
  }
};

}  // namespace

void Write(Namespace& ns, const PeerChange& change) {
  std::visit(Writer{ns, change.ifindex, change.isThere}, change.row);
}

}  // namespace overlaysim::kernel
