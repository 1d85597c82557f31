#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/linux/tunnel_peer.h"
#include "sim/base/addresses.h"
#include "sim/base/ids.h"
#include "sim/base/units.h"

namespace overlaysim::kernel {

enum class LinkKind : uint8_t {
  Loopback,
  Physical,
  Veth,
  Bridge,
  Vxlan,
  Dummy,
  Ipip,
  Wireguard,
  Tun,
  Geneve,
  Openvswitch
};

/// Whether frames of such a device begin with an Ethernet header; otherwise with their IP header (ARPHRD_TUNNEL,
/// ARPHRD_NONE).
constexpr bool HasLinkHeader(LinkKind kind) {
  return kind != LinkKind::Ipip && kind != LinkKind::Wireguard && kind != LinkKind::Tun;
}

/// Whether the device puts frames into UDP datagrams.
constexpr bool IsUdpTunnel(LinkKind kind) { return kind == LinkKind::Vxlan || kind == LinkKind::Geneve; }

/// "veth", "bridge", ...; Loopback and Physical have no kind in `ip -d link` and give "".
const char* LinkKindName(LinkKind kind);

/// What `ip -d link` shows of a bridge. Times in hundredths of a second, as the kernel's USER_HZ and `ip` have them.
/// Source: net/bridge/br_device.c, br_dev_setup().
struct BridgeOptions {
  uint32_t forwardDelay = 1500;
  uint32_t helloTime = 200;
  uint32_t maxAge = 2000;
  uint32_t ageingTime = 30000;
  bool stp = false;
  uint16_t priority = 32768;
  bool vlanFiltering = false;
  bool mcastSnooping = true;
  uint16_t groupFwdMask = 0;
};

/// Settings of a link that is a port of a bridge (net/bridge/br_if.c, new_nbp(): learning, flood, mcast and bcast flood
/// on).
struct BridgePortOptions {
  uint16_t portNo = 0;  ///< from 1, in the order of enslaving; the lowest free one
  uint16_t priority = 32;
  uint32_t cost = 2;      ///< 2: 10 Gb/s (veth)
  bool disabled = false;  ///< `state disabled`, by hand
  bool hairpin = false;
  bool guard = false;
  bool rootBlock = false;
  bool fastLeave = false;
  bool learning = true;
  bool flood = true;
  bool mcastFlood = true;
  bool bcastFlood = true;
  bool mcastToUnicast = false;
  bool neighSuppress = false;
  bool isolated = false;
  bool locked = false;
  bool proxyArp = false;
  bool proxyArpWifi = false;
  bool vlanTunnel = false;
};

enum class VxlanDf : uint8_t { Unset, Set, Inherit };

/// What `ip -d link` shows of a vxlan device. Source: drivers/net/vxlan/vxlan_core.c, vxlan_nl2conf().
struct VxlanOptions {
  uint32_t vni = 0;
  IpAddress local;       ///< none: not given
  IpAddress remote;      ///< default destination (remote, or group when multicast); none: not given
  int lowerIfindex = 0;  ///< `dev`; 0: none
  uint16_t dstPort = 8472;
  uint16_t srcPortLow = 0;  ///< 0 and 0: net.ipv4.ip_local_port_range
  uint16_t srcPortHigh = 0;
  uint8_t ttl = 0;  ///< 0: auto
  bool ttlInherit = false;
  uint8_t tos = 0;  ///< 1: inherit
  VxlanDf df = VxlanDf::Unset;
  bool learning = true;
  uint32_t ageing = 300;    ///< seconds
  uint32_t maxAddress = 0;  ///< 0: unlimited
  bool udpCsum = true;
  uint32_t flowLabel = 0;  ///< of an IPv6 outer header; 0: by the flow (`flowlabel N`)
  bool udp6ZeroCsumTx = false;
  bool udp6ZeroCsumRx = false;
  bool proxy = false;
  bool rsc = false;
  bool l2miss = false;
  bool l3miss = false;
  bool gbp = false;
  bool external = false;
  bool localBypass = true;

  /// A new geneve device: the options of its own that these have, with the values of geneve_setup(), init_tnl_info().
  static VxlanOptions Geneve() {
    VxlanOptions options;
    options.dstPort = 6081;
    options.srcPortLow = 1;
    options.srcPortHigh = UINT16_MAX;
    options.learning = options.udpCsum = options.localBypass = false;
    options.udp6ZeroCsumRx = true;
    return options;
  }

  bool IsIpv6() const { return local.IsV6() || remote.IsV6(); }  ///< VXLAN_F_IPV6: the family of its socket
};

/// What `ip -d link` shows of an ipip device. Source: net/ipv4/ipip.c, ipip_netlink_parms().
struct IpipOptions {
  Ipv4Address local;     ///< zero: any
  Ipv4Address remote;    ///< zero: any; packets go to the next hop of their route
  int lowerIfindex = 0;  ///< `dev`; 0: none
  uint8_t ttl = 0;       ///< 0: inherit
  uint8_t tos = 0;       ///< 1: inherit
  bool pmtuDiscovery = true;
  bool anyProtocol = false;  ///< `mode any`, as the module's own tunl0
};

/// The counters of `ip -s -s link` (struct rtnl_link_stats64).
struct LinkStats {
  uint64_t rxPackets = 0, rxBytes = 0, rxErrors = 0, rxDropped = 0, rxMissed = 0, multicast = 0;
  uint64_t rxLengthErrors = 0, rxCrcErrors = 0, rxFrameErrors = 0, rxFifoErrors = 0, rxOverErrors = 0, rxOtherhost = 0;
  uint64_t txPackets = 0, txBytes = 0, txErrors = 0, txDropped = 0, collisions = 0;
  uint64_t txAbortedErrors = 0, txCarrierErrors = 0, txFifoErrors = 0, txHeartbeatErrors = 0, txWindowErrors = 0;
  uint64_t carrierChanges = 0;
};

/// One network device of a namespace, as `ip -d link` shows it.
struct Link {
  int ifindex = 0;
  std::string name;
  LinkKind kind = LinkKind::Physical;
  MacAddress address;
  bool addressSet = false;  ///< given by the user: a bridge then does not take its lowest port's (NET_ADDR_SET)
  bool mtuSet = false;      ///< given by the user: a bridge then does not follow its ports (BROPT_MTU_SET_BY_USER)
  uint32_t mtu = 1500;      ///< bytes, layer 3
  uint32_t minMtu = 68;
  uint32_t maxMtu = 65535;
  bool adminUp = false;  ///< IFF_UP
  bool noArp = false;    ///< IFF_NOARP
  bool carrier = true;   ///< IFF_LOWER_UP for a physical device: the cable is plugged and alive
  uint32_t txQueueLen = 1000;
  int master = 0;        ///< ifindex of the bridge it is a port of; 0: none
  bool promisc = false;  ///< IFF_PROMISC, set by hand; not counted in `promiscuity`
  int promiscuity = 0;
  NetnsId peerNetns;           ///< veth: where the other end is; none when it is not a veth or the peer is gone
  int peerIfindex = 0;         ///< veth: the other end
  BridgeOptions bridge;        ///< Bridge only
  BridgePortOptions port;      ///< when master != 0
  VxlanOptions vxlan;          ///< Vxlan; Geneve as far as it has them
  IpipOptions ipip;            ///< Ipip only
  WireguardOptions wireguard;  ///< Wireguard only
  TunOptions tun;              ///< Tun only
  /// `ethtool -K DEV tx on`: checksums may be left to a later device, and captures on the way show them unfinished.
  /// `ip link add` makes devices with it on; planned ones have it off, so that captures show what a cable carries.
  bool txChecksum = false;
  LinkStats stats;
};

}  // namespace overlaysim::kernel
