#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/linux/namespace.h"
#include "sim/plan/cluster.h"
#include "sim/plan/cni/bgp.h"
#include "sim/plan/control_plane.h"
#include "sim/plan/names.h"
#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

/// A tunnel device that each node of a cluster has.
struct Tunnel {
  std::string device;
  kernel::LinkKind kind = kernel::LinkKind::Vxlan;
  kernel::VxlanOptions vxlan;          ///< Vxlan; local and lower device are each node's own
  kernel::IpipOptions ipip;            ///< Ipip
  kernel::WireguardOptions wireguard;  ///< Wireguard; the key is each node's own
  kernel::WireguardKey presharedKey;   ///< Wireguard, of all peers; zero: none
  uint16_t persistentKeepalive = 0;    ///< Wireguard, seconds; 0: off
  uint16_t udpPort = 0;                ///< Tun: flanneld's
  bool takesNetwork = false;           ///< one route for all pods of the cluster leads into the device
  bool isV6 = false;                   ///< Vxlan: from IPv6 address to IPv6 address, for the pods' IPv6
  bool isBoundToNode = false;          ///< Ipip: its local end is the node's address
  bool refusesRouters = false;         ///< isV6: router advertisements are not accepted there
  bool isAroundOthers = false;         ///< what leaves through the other tunnels goes through this one too
  uint32_t overheadBytes = 0;
  std::optional<uint32_t> mtu;        ///< unset: the profile's, or the outer device's minus the headers
  std::optional<uint32_t> deviceMtu;  ///< of the device alone, whatever fits through it
};

/// ESP between nodes, which policies lead into without a device or a route.
struct Ipsec {
  uint32_t keyBits = 128;  ///< of AES-GCM
  uint16_t udpPort = 0;    ///< ESP in UDP, at both ends; 0: IP protocol 50
  uint32_t overheadBytes = 0;
};

/// When nodes reach each other through a tunnel.
using scenario::EncapMode;

/// A range of pod addresses with settings of its own, given out in blocks (Calico's IPPool).
struct Pool {
  Ipv4Prefix cidr;
  uint8_t blockSize = 26;
  EncapMode vxlanMode = EncapMode::Never, ipipMode = EncapMode::Never;
  bool natOutgoing = false;
  std::string nodeSelector;  ///< in Calico's language; "": all()
  bool isDisabled = false;   ///< no new blocks
  Where where;
  uint8_t protocol = 0;  ///< of the routes to its blocks, and of the blackhole for each on its own node
};

/// The pool of the pods' IPv6 addresses, Profile::network6; its blocks have Profile::podCidr6Length.
struct Ipv6Pool {
  EncapMode vxlanMode = EncapMode::Never;
  bool natOutgoing = false;
  uint8_t protocol = 0;  ///< as Pool's
};

/// How pods reach pods on other nodes, in one cluster: a flavour's defaults with the author's and the cluster's
/// settings in their place.
struct Profile {
  std::string name;             ///< "flannel vxlan"
  std::vector<Tunnel> tunnels;  ///< at most one of each kind and family
  std::optional<Ipsec> ipsec;
  std::string bridge;           ///< that the pods' veths are ports of; "": they are routed
  std::optional<uint32_t> mtu;  ///< of the tunnels and of the pods; unset: the outer device's minus the headers
  bool directRouting = false;   ///< no tunnel between nodes on one subnet
  bool hasVtepAddress = false;  ///< the first tunnel has an address of the node's pod addresses, and routes lead via it
  uint32_t policyTable = 0;     ///< of PeerRows::policyRoute; 0: there are none
  bool isBridged = false;       ///< the device is a port of the bridge: one pod subnet over all nodes
  bool acceptForwarded = false;  ///< the agent lets pod traffic through the host's FORWARD chain
  bool masquerades = false;      ///< packets from pods to outside of the cluster get the node's address
  /// Devices have the MTU of the outer device, or `mtu`; the headers are taken off on the routes, in pod and node.
  bool mtuOnRoutes = false;
  bool routesViaGateway = false;     ///< routes to peers lead via their gateway addresses, on the first agent device
  bool gatewayIsAnyAddress = false;  ///< the node's address among its pods' is the lowest that no pod has
  std::optional<Ipv4Prefix> nativeNetwork;  ///< Cilium's ipv4NativeRoutingCIDR: not masqueraded; unset: `network`
  std::optional<uint8_t> podCidrLength;     ///< of nodes without one of their own; unset: the scenario's
  int agentDevices = 0;                     ///< that Flavour::addDevices makes
  Ipv6Prefix network6;                      ///< all pods' IPv6 addresses; length 0: there is no IPv6
  uint8_t podCidr6Length = 64;              ///< one node's part of it
  Ipv4Prefix network;                       ///< all pods; of several pools the smallest prefix around them
  std::vector<Pool> pools;                  ///< empty: each node has a pod CIDR
  std::optional<Ipv6Pool> pool6;            ///< with pools, and IPv6
  /// Whether the device of that name has a say in the MTU, the smallest counting; null: only that of the node's
  /// address.
  bool (*countsInMtu)(std::string_view device) = nullptr;
  /// Name of the node's end of a pod's veth.
  std::string (*vethName)(std::string_view nameSpace, std::string_view pod) = VethName;
  /// MAC of a node's tunnel device, from the node's name.
  MacAddress (*vtepMac)(std::string_view node) = VtepMacFromName;
  std::shared_ptr<const BgpReach> bgp;  ///< null: nobody speaks BGP

  const Tunnel* FindTunnel(kernel::LinkKind kind, bool isV6 = false) const;
};

/// One node as its own tables see it.
struct NodeView {
  NodeId node;
  Ipv4Address address;  ///< on the underlay
  Ipv4Prefix subnet;    ///< that it is in
  int underlayIfindex = 0;
  Ipv6Address address6;
  Ipv6Prefix subnet6;
  std::vector<kernel::NextHop> gateways;  ///< of its default route
  int firstTunnelIfindex = 0;             ///< of Profile::tunnels; the others follow
  int firstAgentIfindex = 0;              ///< of Profile::agentDevices
  Ipv4Prefix podCidr;
  Ipv4Address gateway;  ///< the node's own address among its pods'
  uint32_t outerMtu = 1500, podMtu = 1450;
};

/// The ifindex of a node's tunnel device; 0: it has none of that kind.
int TunnelIfindex(const Profile& profile, const NodeView& self, kernel::LinkKind kind, bool isV6 = false);

/// What a node has to know to reach one other, or one range of its pods: at most one row of each table.
struct PeerRows {
  std::optional<kernel::Route> route;
  std::optional<kernel::Route> policyRoute;  ///< in Profile::policyTable, which a rule leads to
  std::optional<kernel::Neighbour> neighbour;
  std::optional<kernel::VxlanFdbEntry> fdb;
  std::optional<kernel::TunnelPeer> tunnelPeer;
};

/// The same for IPv6.
struct PeerRows6 {
  std::optional<kernel::Route6> route;
  std::optional<kernel::Neighbour6> neighbour;
  std::optional<kernel::VxlanFdbEntry> fdb;
};

/// One pod and its place on its node.
struct PodAttachment {
  std::string vethName;
  Ipv4Address address, gateway;
  uint8_t prefixLength = 24;
  Ipv6Address address6, gateway6;  ///< zero: none
  uint8_t prefixLength6 = 64;
  uint32_t mtu = 1450;        ///< of what the pod sends
  uint32_t deviceMtu = 1450;  ///< of both ends
  MacAddress podMac, vethMac;
  uint32_t group = 0;  ///< of PodTable::groups
  NetnsId nodeNetns, podNetns;
  int vethIfindex = 0, podIfindex = 2, bridgeIfindex = 0;
};

/// One node with what is on it.
struct NodeParts {
  NodeView self;
  std::vector<Ipv4Address> addresses;  ///< of its ports
  std::vector<PodAttachment> pods;
};

struct Overlay;

/// A CNI flavour: defaults and two functions; three more where an agent does more than write tables.
struct Flavour {
  scenario::CniType type;
  scenario::FlannelBackend backend;  ///< flannel: which one
  std::string_view name;
  Profile defaults;
  /// How a pod is connected: makes the pod's side in `pod`, or the host's side in `host` (the other is null).
  void (*connectPod)(const Profile&, const PodAttachment&, kernel::Namespace* host, kernel::Namespace* pod);
  /// What `self` must know to reach the pods of `peer` in `range`, which is one of its own. Neighbour and FDB entry are
  /// the same for all of its ranges.
  PeerRows (*reach)(const Profile&, const NodeView& self, const Vtep& peer, const PodRange& range);
  /// The same for the pods' IPv6; null: dual-stack clusters are not supported yet.
  PeerRows6 (*reach6)(const Profile&, const NodeView& self, const Vtep& peer) = nullptr;
  /// The iptables rules that the agent keeps on a node with that pod CIDR, as iptables-save has them; null: none.
  std::string (*rules)(const Profile&, const Ipv4Prefix& podCidr) = nullptr;
  /// The same of ip6tables, where the cluster has IPv6.
  std::string (*rules6)(const Profile&, const Ipv6Prefix& podCidr) = nullptr;
  /// Makes Profile::agentDevices on the node; before its pods and tunnels are there.
  void (*addDevices)(const Profile&, const NodeView& self, kernel::Namespace& node) = nullptr;
  /// The agent's own datapath on a node whose devices are all there.
  std::shared_ptr<const kernel::Programs> (*programs)(std::shared_ptr<const Overlay>, const NodeParts&,
                                                      const kernel::Namespace& node) = nullptr;
  AgentHabits habits = {};
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
inline constexpr uint32_t kIpipOverheadBytes = 20;  ///< one more IPv4 header (RFC 2003)
/// flannel's udp backend: IPv4 20, UDP 8. WireGuard over IPv4: those, message header 16, tag 16; over IPv6 20 more.
inline constexpr uint32_t kUdpOverheadBytes = 20 + 8;
inline constexpr uint32_t kWireguardOverheadBytes = 20 + 8 + 16 + 16;
inline constexpr uint32_t kMinIpv4MtuBytes = 68;  ///< RFC 791; the kernel's IPV4_MIN_MTU
inline constexpr uint32_t kIpv6ExtraBytes = 20;   ///< what an outer IPv6 header has more than an IPv4 one

/// MTU of a tunnel device on a node whose outer device has `outerMtu`.
uint32_t TunnelMtu(const Profile& profile, const Tunnel& tunnel, uint32_t outerMtu);
/// MTU of the pods' and the agent's devices there, where routes have the pods' MTU (Profile::mtuOnRoutes).
uint32_t DeviceMtu(const Profile& profile, uint32_t outerMtu);
/// MTU of the pods there: that of the tunnel that leaves them least.
uint32_t PodMtu(const Profile& profile, uint32_t outerMtu);
/// Bytes of the largest headers that a packet gets on its way.
uint32_t LargestOverhead(const Profile& profile);

}  // namespace overlaysim::plan
