#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/diagnostics.h"
#include "sim/import/string_pool.h"

namespace overlaysim::import {

/// Where a value stands in the cluster's own files: an index into ImportedCluster::files, line and column from 1.
/// Smaller than a SourcePlace, because 60,000 pods each have one.
struct Origin {
  uint32_t file = 0;
  uint32_t line = 0;  ///< 0: stands nowhere, it is a default
  uint32_t column = 0;

  constexpr bool IsGiven() const { return line > 0; }
};

/// A value of a configuration file; where it is not given, `value` is the reading program's own default.
template <typename T>
struct Setting {
  T value{};
  Origin origin;

  constexpr bool IsGiven() const { return origin.IsGiven(); }
};

struct Label {
  std::string_view key;
  std::string_view value;

  constexpr auto operator<=>(const Label&) const = default;
};
using Labels = std::vector<Label>;  ///< sorted by key

/// The value of a label, or "".
std::string_view FindLabel(const Labels& labels, std::string_view key);

/// An address prefix of either family, as Kubernetes has it in podCIDRs. Host bits are zero.
struct IpPrefix {
  std::optional<Ipv4Prefix> v4;  ///< exactly one of the two is set
  struct V6 {
    Ipv6Address address;
    uint8_t length = 0;
    constexpr auto operator<=>(const V6&) const = default;
  };
  std::optional<V6> v6;

  constexpr auto operator<=>(const IpPrefix&) const = default;
  static std::optional<IpPrefix> Parse(std::string_view text);
  bool Overlaps(const IpPrefix& other) const;
  std::string ToString() const;
};

/// What flanneld and its kube subnet manager wrote on a node: flannel.alpha.coreos.com/…
struct FlannelAnnotations {
  std::string_view backendType;                  ///< backend-type; "" where flannel has not been
  std::optional<uint32_t> vni;                   ///< backend-data, VNI
  std::optional<MacAddress> vtepMac;             ///< backend-data, VtepMAC
  std::optional<MacAddress> vtepMacV6;           ///< backend-v6-data, VtepMAC
  std::optional<Ipv4Address> publicIp;           ///< public-ip
  std::optional<Ipv6Address> publicIpV6;         ///< public-ipv6
  std::optional<Ipv4Address> publicIpOverwrite;  ///< public-ip-overwrite: what the administrator asks for
  bool kubeSubnetManager = false;                ///< kube-subnet-manager
};

/// projectcalico.org/…
struct CalicoAnnotations {
  std::optional<Ipv4Prefix> ipv4Address;           ///< IPv4Address; host bits as written
  std::optional<Ipv4Address> ipv4VxlanTunnelAddr;  ///< IPv4VXLANTunnelAddr
  std::optional<Ipv4Address> ipv4IpipTunnelAddr;   ///< IPv4IPIPTunnelAddr
  std::optional<MacAddress> vxlanTunnelMac;        ///< VXLANTunnelMACAddr
};

/// A Node object. Texts live in the cluster's string pool.
struct Node {
  Origin origin;
  std::string_view name;
  std::string_view uid;
  std::vector<Ipv4Address> internalIps;  ///< status.addresses in their order; [0] is what flannel would take
  std::vector<Ipv6Address> internalIpsV6;
  std::vector<Ipv4Address> externalIps;
  std::vector<Ipv6Address> externalIpsV6;
  std::string_view hostname;
  std::vector<IpPrefix> podCidrs;  ///< spec.podCIDRs, else spec.podCIDR; may be empty (Calico with its own IPAM)
  Labels labels;
  std::string_view zone;                ///< topology.kubernetes.io/zone or its predecessors; "" if none
  std::string_view region;              ///< topology.kubernetes.io/region or its predecessors; "" if none
  std::string_view rack;                ///< a label whose key ends in "/rack", or "rack"; "" if none
  std::vector<std::string_view> roles;  ///< of node-role.kubernetes.io/ROLE and kubernetes.io/role
  FlannelAnnotations flannel;
  CalicoAnnotations calico;
  std::optional<Ipv4Address> ciliumInternalIp;  ///< of cilium_host, by its CiliumNode

  /// The first IPv4 pod CIDR.
  std::optional<Ipv4Prefix> PodCidr() const;
  /// The VTEP's outer address as flannel would have it: public-ip, else the first internal IPv4 address.
  std::optional<Ipv4Address> UnderlayAddress() const;
};

enum class PodPhase : uint8_t { Unknown, Pending, Running, Succeeded, Failed };
std::string_view ToString(PodPhase phase);

/// A Pod object, or a line of `kubectl get pods -o wide`. Texts live in the cluster's string pool.
struct Pod {
  Origin origin;
  std::string_view nameSpace;
  std::string_view name;
  std::string_view uid;           ///< "" when read from text
  std::string_view nodeName;      ///< "" while it is not scheduled
  std::optional<Ipv4Address> ip;  ///< the IPv4 one of podIPs
  std::optional<Ipv6Address> ipV6;
  std::optional<Ipv4Address> hostIp;  ///< its node's address
  bool hostNetwork = false;           ///< shares its node's namespace and address
  PodPhase phase = PodPhase::Unknown;
  std::shared_ptr<const Labels> labels;  ///< never null; one copy for pods with the same labels

  /// It is on a node and has not ended: its addresses are its own.
  bool IsPlaced() const { return !nodeName.empty() && phase != PodPhase::Succeeded && phase != PodPhase::Failed; }
};

/// flannel's net-conf.json. Defaults are flannel's own (pkg/subnet/config.go), not those of the shipped manifest.
struct FlannelConfig {
  Origin origin;
  Setting<std::optional<Ipv4Prefix>> network;
  Setting<std::optional<IpPrefix::V6>> ipv6Network;
  Setting<bool> enableIpv4{true, {}};
  Setting<bool> enableIpv6{false, {}};
  Setting<bool> enableNfTables{false, {}};
  Setting<uint32_t> subnetLen{
      24, {}};  ///< where Network is smaller than a /22: its length + 2; the kube manager ignores it
  Setting<uint32_t> ipv6SubnetLen{64, {}};
  Setting<std::optional<Ipv4Address>> subnetMin;
  Setting<std::optional<Ipv4Address>> subnetMax;
  Setting<std::optional<Ipv6Address>> ipv6SubnetMin;
  Setting<std::optional<Ipv6Address>> ipv6SubnetMax;
  Setting<std::string> backendType{"udp", {}};  ///< a missing Backend is udp

  /// Keys of Backend; each means something to some types only.
  Setting<uint32_t> vni{1, {}};                          ///< vxlan
  Setting<uint32_t> port{0, {}};                         ///< vxlan: 0 is the kernel's 8472; udp: 8285
  Setting<uint32_t> mtu{0, {}};                          ///< 0: the external interface's
  Setting<bool> directRouting{false, {}};                ///< vxlan, ipip
  Setting<bool> learning{false, {}};                     ///< vxlan
  Setting<bool> gbp{false, {}};                          ///< vxlan
  Setting<std::string> macPrefix{"0E-2A", {}};           ///< vxlan on Windows
  Setting<uint32_t> listenPort{51820, {}};               ///< wireguard
  Setting<uint32_t> listenPortV6{51821, {}};             ///< wireguard
  Setting<std::string> mode{"separate", {}};             ///< wireguard
  Setting<uint32_t> persistentKeepaliveInterval{0, {}};  ///< wireguard, seconds
  Setting<std::string> psk;                              ///< wireguard, ipsec
  Setting<bool> udpEncap{false, {}};                     ///< ipsec
  Setting<std::string> espProposal{"aes128gcm16-sha256-prfsha256-ecp256", {}};  ///< ipsec
};

/// Calico's IPPool, FelixConfiguration, BGPConfiguration, BGPPeer and Node resources, as far as a model needs them.
/// Defaults are Calico's (api/pkg/apis/projectcalico/v3, felix/config/config_params.go).
struct CalicoPool {
  Origin origin;
  std::string name;
  Ipv4Prefix cidr;
  Setting<uint32_t> blockSize{26, {}};
  Setting<std::string> vxlanMode{"Never", {}}, ipipMode{"Never", {}};
  Setting<bool> natOutgoing, disabled;
  Setting<std::string> nodeSelector;  ///< "": all()
};
/// An IPPool of IPv6 addresses.
struct CalicoIpv6Pool {
  Origin origin;
  std::string name;
  Ipv6Prefix cidr;
  Setting<uint32_t> blockSize{122, {}};
  Setting<std::string> vxlanMode{"Never", {}};
  Setting<bool> natOutgoing;
};
struct CalicoBgpPeer {
  Origin origin;
  std::string name;
  Setting<std::string> node, nodeSelector, peerSelector;
  Setting<std::optional<Ipv4Address>> peerIp;
};
/// Whose a block is: a confirmed BlockAffinity, or the `affinity` of an IPAMBlock.
struct CalicoBlock {
  Origin origin;
  Ipv4Prefix cidr;
  std::string node;
};
struct CalicoConfig {
  std::vector<CalicoPool> pools;
  std::optional<CalicoIpv6Pool> pool6;
  std::vector<CalicoBlock> blocks;
  std::vector<CalicoBgpPeer> bgpPeers;
  std::map<std::string, Setting<std::string>> routeReflectors;  ///< cluster ID by node
  Setting<bool> nodeToNodeMeshEnabled{true, {}};
  Setting<uint32_t> vxlanPort{4789, {}}, vxlanVni{4096, {}};
  Setting<uint32_t> vxlanMtu, ipipMtu;  ///< 0: auto
  Setting<bool> wireguardEnabled;
};

/// A CiliumNode object.
struct CiliumNode {
  Origin origin;
  std::string name;
  std::vector<IpPrefix> podCidrs;               ///< spec.ipam.podCIDRs
  std::vector<Ipv4Address> internalIps;         ///< spec.addresses, type InternalIP
  std::optional<Ipv4Address> ciliumInternalIp;  ///< type CiliumInternalIP
};
/// The ConfigMap cilium-config, or the values of Cilium's Helm chart, with the defaults of the latter.
struct CiliumConfig {
  Setting<std::string> routingMode{"tunnel", {}}, tunnelProtocol{"vxlan", {}}, ipamMode{"cluster-pool", {}};
  Setting<uint32_t> tunnelPort, mtu;  ///< 0: 8472 or 6081; the network device's
  Setting<bool> autoDirectNodeRoutes, masquerade{true, {}};
  Setting<std::string> encryption{"none", {}};  ///< none, wireguard, ipsec, ztunnel
  Setting<std::optional<Ipv4Prefix>> clusterPool, nativeRoutingCidr;
  Setting<uint32_t> clusterPoolMaskSize{24, {}};
  std::vector<CiliumNode> nodes;  ///< in the order of the files
};

/// A CNI configuration (cni-conf.json, cni_network_config), as far as a model needs it.
struct CniConfig {
  struct Plugin {
    std::string type;                 ///< "flannel", "portmap", "bridge", "calico"
    std::optional<bool> hairpinMode;  ///< the plugin's own or its delegate's
    std::optional<bool> isDefaultGateway;
    std::optional<uint32_t> mtu;
    std::string bridge;  ///< the delegate's; "" is cni0
  };
  Origin origin;
  std::string name;  ///< "cbr0"
  std::string cniVersion;
  std::vector<Plugin> plugins;
};

/// What a file turned out to be, and what became of it.
struct FileReport {
  std::string path;
  std::string format;  ///< "json", "yaml", "kubectl wide text", "net-conf.json"; "" if it could not be told
  size_t nodes = 0;
  size_t pods = 0;
  bool hasFlannelConfig = false;
  bool hasCniConfig = false;
  size_t calicoResources = 0;
  size_t ciliumResources = 0;
  std::map<std::string, size_t> skippedKinds;  ///< objects that no part of the model needs, by kind
};

/// What a cluster's own files say. Nodes and pods stand in the order of the files; names are unique (see reader.h).
struct ImportedCluster {
  std::vector<FileReport> files;
  std::vector<Node> nodes;
  std::vector<Pod> pods;
  std::optional<FlannelConfig> flannel;
  std::optional<CniConfig> cni;
  std::optional<CalicoConfig> calico;
  std::optional<CiliumConfig> cilium;
  std::shared_ptr<StringPool> strings = std::make_shared<StringPool>();  ///< keeps the views above alive

  SourcePlace PlaceOf(const Origin& origin) const;
};

}  // namespace overlaysim::import
