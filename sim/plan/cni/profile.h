#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/linux/namespace.h"
#include "sim/plan/cluster.h"
#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

/// How pods reach pods on other nodes, in one cluster: a flavour's defaults with the author's and the cluster's
/// settings in their place.
struct Profile {
  std::string name;             ///< "flannel vxlan"
  std::string device;           ///< the tunnel's; "": no tunnel
  std::string bridge;           ///< that the pods' veths are ports of
  kernel::VxlanOptions vxlan;   ///< of the device; local and lower device are each node's own
  std::optional<uint32_t> mtu;  ///< of the device and of the pods; unset: the outer device's minus the headers
  uint32_t overheadBytes = 0;
  bool directRouting = false;    ///< no tunnel between nodes on one subnet
  bool hasVtepAddress = false;   ///< the device has the network address of the node's pod CIDR, and routes lead via it
  bool isBridged = false;        ///< the device is a port of the bridge: one pod subnet over all nodes
  bool acceptForwarded = false;  ///< the agent lets pod traffic through the host's FORWARD chain
  Ipv4Prefix network;            ///< all pods
};

/// One node as its own tables see it.
struct NodeView {
  NodeId node;
  Ipv4Address address;  ///< on the underlay
  Ipv4Prefix subnet;    ///< that it is in
  int underlayIfindex = 0;
  int tunnelIfindex = 0;
};

/// What a node has to know to reach one other: at most one row of each table.
struct PeerRows {
  std::optional<kernel::Route> route;
  std::optional<kernel::Neighbour> neighbour;
  std::optional<kernel::VxlanFdbEntry> fdb;
};

/// One pod and its place on its node.
struct PodAttachment {
  std::string vethName;
  Ipv4Address address, gateway;
  uint8_t prefixLength = 24;
  uint32_t mtu = 1450;
  MacAddress podMac, vethMac;
  NetnsId nodeNetns, podNetns;
  int vethIfindex = 0, podIfindex = 2, bridgeIfindex = 0;
};

/// A CNI flavour: defaults and two functions.
struct Flavour {
  scenario::CniType type;
  scenario::FlannelBackend backend;  ///< flannel: which one
  std::string_view name;
  Profile defaults;
  /// How a pod is connected: makes the pod's side in `pod`, or the host's side in `host` (the other is null).
  void (*connectPod)(const Profile&, const PodAttachment&, kernel::Namespace* host, kernel::Namespace* pod);
  /// What `self` must know to reach `peer`.
  PeerRows (*reach)(const Profile&, const NodeView& self, const Vtep& peer);
};

/// All flavours that can be planned. Which types there are besides is said by the scenario format.
const std::vector<Flavour>& Flavours();

/// A flavour and its settings in this cluster.
struct CniPlan {
  const Flavour* flavour = nullptr;
  Profile profile;
};
/// nullopt, with errors, if the flavour is not supported or its settings do not fit.
std::optional<CniPlan> ResolveCni(const Context& context);

/// Header bytes of a VXLAN packet over IPv4, the inner Ethernet header included (RFC 7348): Ethernet 14, IPv4 20, UDP
/// 8, VXLAN 8. The outer Ethernet header is not part of an MTU, the inner one is part of the outer packet.
inline constexpr uint32_t kVxlanOverheadBytes = 14 + 20 + 8 + 8;
inline constexpr uint32_t kMinIpv4MtuBytes = 68;  ///< RFC 791; the kernel's IPV4_MIN_MTU

/// MTU of the tunnel device and the pods on a node whose outer device has `outerMtu`.
uint32_t OverlayMtu(const Profile& profile, uint32_t outerMtu);

}  // namespace overlaysim::plan
