#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/diagnostics.h"
#include "sim/base/units.h"

/// What the author of a scenario wrote, typed: no names looked up, nothing derived. What was left out and has one
/// constant default holds that default; what was left out and is derived later (an address, an MTU) is nullopt. The
/// keys of the file are the names of the fields here; docs/scenario-format.md says what each means.
namespace overlaysim::scenario {

/// Where a value stands. Small, because every value has one; Scenario::PlaceOf makes a SourcePlace of it.
struct Place {
  uint32_t line = 0;  ///< from 1; 0: the source as a whole
  uint32_t column = 0;
  uint16_t length = 0;
  uint16_t source = 0;  ///< index into Scenario::sources; 0: nowhere (a default, or made by a program)

  bool operator==(const Place&) const = default;
};

/// A value and its place. Comparing compares values only.
template <class T>
struct Located {
  T value{};
  Place place;

  Located() = default;
  Located(T v, Place p = {})
      : value(std::move(v)), place(p) {}  // NOLINT: a value is enough where nobody wrote it in a file
  const T& operator*() const { return value; }
  const T* operator->() const { return &value; }
  bool operator==(const Located& o) const { return value == o.value; }
};

/// A name, an address or another word of the author's that later stages look up.
struct Text : Located<std::string> {
  using Located::Located;
  Text(const char* text) : Located(text) {}  // NOLINT
};

template <class T>
using Optional = std::optional<Located<T>>;
using OptionalText = std::optional<Text>;
/// A longer text: one string, which may be a file's name instead, or its lines.
struct TextLines {
  std::vector<Text> lines;
  bool isList = false;

  bool IsEmpty() const { return lines.empty(); }
  /// The file that is meant: one string without line breaks and blanks.
  const Text* File() const {
    const bool isName = lines.size() == 1 && !isList && lines[0]->find_first_of(" \n") == std::string::npos;
    return isName ? lines.data() : nullptr;
  }
  bool operator==(const TextLines& o) const { return lines == o.lines; }
};
/// "0s".."2s": from the first until before the second.
using Span = std::array<Nanoseconds, 2>;

/// "40%", in millionths.
struct Percent {
  int64_t millionths = 0;

  auto operator<=>(const Percent&) const = default;
  static std::optional<Percent> Parse(std::string_view text);
  std::string ToString() const;
};

/// 8472, "30000-32767", [6443, 10250], "any".
struct Ports {
  struct Range {
    uint16_t first = 0, last = 0;
    bool operator==(const Range&) const = default;
  };
  std::vector<Range> ranges;

  bool Contains(uint16_t port) const;
  bool operator==(const Ports&) const = default;
};

// ---- underlay ----

/// A kind of cable. MTU is that of the devices at its ends.
struct LinkSettings {
  Located<BitsPerSecond> rate{BitsPerSecond{10'000'000'000}};
  Located<Nanoseconds> delay{Microseconds(1)};
  Located<uint32_t> mtu{1500};
  Located<Bytes> queue{Bytes{1'000'000}};  ///< per direction, drop-tail
};

/// What differs from the LinkSettings that hold otherwise.
struct LinkOverride {
  Optional<BitsPerSecond> rate;
  Optional<Nanoseconds> delay;
  Optional<uint32_t> mtu;
  Optional<Bytes> queue;
};

/// What passes (allow) or does not (deny). Without udp, tcp, icmp and protocol: everything between the two.
struct FirewallRule {
  OptionalText from, to;  ///< "nodes", "pods", "external", a name or pattern, or a prefix; left out: anywhere
  std::optional<Located<Ports>> udp, tcp;  ///< destination ports
  Optional<bool> icmp;
  OptionalText protocol;  ///< "esp", "ipip", "gre", ... or an IP protocol number as text
};

/// With any `allow`, only what is allowed passes (replies included); `deny` is looked at first.
struct Firewall {
  std::vector<FirewallRule> allow, deny;
  TextLines iptables, ip6tables, nft;

  bool HasTexts() const { return !iptables.IsEmpty() || !ip6tables.IsEmpty() || !nft.IsEmpty(); }
  bool HasRules() const { return !allow.empty() || !deny.empty() || HasTexts(); }
};

struct Device {  ///< a switch or router of an explicit underlay
  Text name;
  OptionalText zone;
};

struct Cable {
  std::array<Text, 2> between;  ///< nodes, switches, routers or external hosts
  OptionalText name;            ///< default "a-b"
  LinkOverride settings;
};

struct ZoneDelay {
  std::array<Text, 2> between;
  Located<Nanoseconds> delay;  ///< added to each cable that joins the two zones
};

struct ExternalHost {
  Text name;
  Optional<Ipv4Address> address;
};

/// A network that is not the cluster's, behind a gateway.
struct External {
  Located<Ipv4Prefix> network{Ipv4Prefix{{0xcb007100}, 24}};  // 203.0.113.0/24, RFC 5737
  std::vector<ExternalHost> hosts;
  OptionalText gateway;            ///< the router that the network hangs on; left out: the first one
  Located<bool> masquerade{true};  ///< the gateway puts its own address in place of the nodes'
  LinkOverride link;
};

enum class UnderlayType : uint8_t { Router, LeafSpine, FatTree, Flat, Explicit };

struct Underlay {
  Located<UnderlayType> type{UnderlayType::Router};
  Located<uint32_t> spines{2};            ///< LeafSpine
  Optional<uint32_t> leaves;              ///< LeafSpine; left out: as many as there are racks
  Optional<uint32_t> nodesPerLeaf;        ///< Router, LeafSpine; left out: as `rack`/`rackBy` say, else one
  Optional<uint32_t> k;                   ///< FatTree: even; left out: the smallest that has room
  OptionalText rackBy;                    ///< node label whose value names the rack
  Located<uint32_t> uplinks{1};           ///< cables of each node to different leaves, with equal-cost routes over them
  std::vector<Device> switches, routers;  ///< Explicit
  std::vector<Cable> links;               ///< Explicit
  std::vector<ZoneDelay> zoneDelays;
  LinkSettings hostLink, fabricLink;
  Located<Ipv4Prefix> network{Ipv4Prefix{{0xac100000}, 12}};  // 172.16.0.0/12: node addresses are drawn from it
  /// A /96: in a cluster with IPv6, what has an address of `network` has this with that behind it too.
  Located<Ipv6Prefix> ipv6Prefix{Ipv6Prefix{{{0xfd, 0, 0, 0x16}}, 96}};
  Located<uint8_t> rackMaskSize{24};                     ///< rack K gets the K-th prefix of this length of `network`
  Firewall firewall;                                     ///< keys "allow" and "deny" of the underlay itself
  Located<Nanoseconds> detectFailure{Milliseconds(50)};  ///< from a failure until the devices beside it know
  Located<Nanoseconds> reroute{Milliseconds(200)};       ///< from then until all routers use the new routes
  std::optional<External> external;
};

// ---- cluster ----

using Labels = std::map<std::string, Text>;

/// One more network interface of a node.
struct Interface {
  Text name;                     ///< "eth1"
  OptionalText to;               ///< switch, router or leaf at the other end of its cable
  Optional<Ipv4Prefix> address;  ///< with its prefix length
  Optional<MacAddress> mac;
  LinkOverride link;
};

/// One node, or several: exactly one of name, generate and import decides ("generate" takes its pattern from name).
struct Node {
  OptionalText name;  ///< with generate: a pattern with {i} or {i:03d}; left out: "node{i}"
  Optional<uint32_t> generate;
  OptionalText import;                         ///< file with what `kubectl get nodes` printed; see Scenario::PathOf
  Optional<Ipv4Prefix> address;                ///< on eth0; a length of 32 means: the rack's
  std::vector<Located<Ipv4Prefix>> addresses;  ///< further ones on eth0
  OptionalText rack, zone;
  Labels labels;
  Optional<Ipv4Prefix> podCIDR;
  Optional<Ipv6Prefix> podCIDRIPv6;
  Optional<uint32_t> mtu;  ///< of eth0; left out: its cable's
  Optional<MacAddress> mac, vtepMac;
  OptionalText routeReflectorClusterID;
  Optional<uint32_t> uplinks;  ///< left out: underlay.uplinks
  LinkOverride link;
  Firewall firewall;  ///< keys firewall.allow, firewall.deny: what this host lets in and forwards
  std::map<std::string, Text> sysctl;
  std::vector<Interface> interfaces;
  Place place;
};

enum class PodsPer : uint8_t { Node, Total };

/// One pod, or several, as Node.
struct Pod {
  OptionalText name;  ///< with generate: a pattern; left out: "pod{i}"
  Optional<uint32_t> generate;
  Optional<PodsPer> per;  ///< of generate
  OptionalText import;
  Text ns{"default"};  ///< key "namespace"
  OptionalText node;   ///< where it runs; with generate: a pattern; left out: spread evenly
  Optional<Ipv4Address> address;
  Optional<MacAddress> mac;
  Labels labels;
  Optional<uint32_t> mtu;
  Located<bool> hostNetwork{false};
  Place place;
};

enum class CniType : uint8_t { Flannel, Calico, Cilium, Antrea, Canal, Vxlan };
enum class FlannelBackend : uint8_t { Vxlan, HostGw, Ipip, Udp, Wireguard, Ipsec };
enum class EncapMode : uint8_t { Always, CrossSubnet, Never };
enum class VxlanFlavour : uint8_t { Routed, Bridged };
enum class NextHop : uint8_t { Vtep, Node };
enum class TunnelProtocol : uint8_t { Vxlan, Geneve };
enum class RoutingMode : uint8_t { Tunnel, Native };
enum class Encryption : uint8_t { None, Wireguard, Ipsec };
enum class DfMode : uint8_t { Unset, Set, Inherit };

/// A number, or "inherit": the inner packet's.
struct HeaderByte {
  uint8_t value = 0;
  bool inherit = false;
  bool operator==(const HeaderByte&) const = default;
};

struct CalicoPool {
  Located<Ipv4Prefix> cidr;
  Optional<uint8_t> blockSize;
  Optional<EncapMode> vxlanMode, ipipMode;
  Optional<bool> natOutgoing;
  OptionalText nodeSelector;
  Located<bool> disabled{false};
};

/// A BGP session of some nodes with some others, or with the owner of an address (Calico's BGPPeer).
struct BgpPeer {
  OptionalText node;          ///< on one side: a node,
  OptionalText nodeSelector;  ///< or those that a selector of Calico's language takes; neither: all
  OptionalText peerSelector;  ///< on the other side: the nodes that it takes,
  Optional<Ipv4Address> peerIP;
};

/// Settings of all flavours; which belong to which type, and their defaults there, is in the table of fields: what has
/// a constant default for the type is filled in by the reader (FillDefaults does it for a Scenario made by a program).
struct Cni {
  Located<CniType> type{CniType::Flannel};
  OptionalText import;               ///< the cluster's own file: kube-flannel.yml, net-conf.json, ...
  Optional<FlannelBackend> backend;  ///< flannel, canal
  Optional<Ipv4Prefix> network;      ///< flannel, canal: net-conf.json's Network; left out: podCIDR
  Optional<uint8_t> subnetLen;       ///< flannel, canal; left out: nodeCIDRMaskSize
  Optional<uint32_t> vni;
  Optional<uint16_t> port;
  Optional<uint32_t> mtu;  ///< of the tunnel device; left out: the underlay's minus the headers
  OptionalText device;     ///< left out: as the product names it
  Optional<bool> directRouting, learning;
  Optional<bool> ipMasq;
  Optional<bool> udpEncap;                  ///< flannel ipsec
  Optional<EncapMode> vxlanMode, ipipMode;  ///< calico
  Optional<uint8_t> blockSize;              ///< calico
  Optional<bool> natOutgoing;               ///< calico
  Optional<EncapMode> vxlanModeIPv6;        ///< calico, of the pool cluster.podCIDRIPv6; left out: vxlanMode
  Optional<uint8_t> blockSizeIPv6;          ///< calico
  Optional<bool> natOutgoingIPv6;           ///< calico
  Optional<bool> wireguardEnabled;          ///< calico
  std::vector<CalicoPool> pools;            ///< calico; empty: one of podCIDR with the settings above
  Optional<bool> nodeToNodeMeshEnabled;     ///< calico
  std::vector<BgpPeer> bgpPeers;            ///< calico
  Optional<RoutingMode> routingMode;        ///< cilium
  Optional<bool> autoDirectNodeRoutes;      ///< cilium, native
  Optional<TunnelProtocol> tunnelProtocol;  ///< cilium, antrea
  Optional<Encryption> encryption;          ///< cilium
  Optional<VxlanFlavour> mode;              ///< vxlan
  Optional<Ipv4Prefix> subnet;              ///< vxlan, bridged: the one pod subnet; left out: podCIDR
  Optional<NextHop> nextHop;      ///< vxlan, routed: routes via the peer's VTEP address or its node address, onlink
  Optional<DfMode> df;            ///< of the outer header, as `ip link … type vxlan df`
  Optional<HeaderByte> ttl, tos;  ///< of the outer header; ttl 0: auto
  Optional<bool> udpChecksum;
  std::optional<Located<Ports>> sourcePorts;  ///< one range
  Optional<Nanoseconds> ageing;
};

struct Cluster {
  Located<Ipv4Prefix> podCIDR{Ipv4Prefix{{0x0af40000}, 16}};  // 10.244.0.0/16, kube-flannel.yml
  Located<uint8_t> nodeCIDRMaskSize{24};
  Optional<Ipv6Prefix> podCIDRIPv6;  ///< the cluster is dual-stack
  Located<uint8_t> nodeCIDRMaskSizeIPv6{64};
  std::vector<Node> nodes;
  std::vector<Pod> pods;
  Cni cni;
};

// ---- control plane ----

/// "10ms", or { "from": "5ms", "to": "50ms" }: drawn anew each time.
struct DelayRange {
  Located<Nanoseconds> from;
  Optional<Nanoseconds> to;
};

/// When the CNI's agents learn of other nodes, and how long they take to write that down.
struct ControlPlane {
  std::optional<DelayRange> start;  ///< of the agents; left out: all is in force at time 0
  Located<Nanoseconds> setup{Seconds(1)};
  DelayRange podCIDRLatency{Milliseconds(100), {}};
  DelayRange watchLatency{Milliseconds(10), {}};
  Located<Nanoseconds> operation{Microseconds(50)};
  Place place;
};

/// Which packets' steps trace.bin has.
struct TraceSelection {
  Located<uint32_t> sample{1};
  OptionalText from, to;
  Place place;
};

/// A topology given as the commands that build it. Namespaces and their devices are what the commands make.
struct Lab {
  std::vector<Text> netns;  ///< made before the commands; the commands may make more
  std::vector<Text> setup;  ///< ip, bridge, sysctl, ethtool, iptables commands, in order, as typed on the host
};

// ---- traffic ----

enum class TrafficType : uint8_t { Ping, Udp, Tcp, Rpc, Bulk, Echo, Inject, Command };
enum class Per : uint8_t { Source, Pair, Total };
enum class IpFamily : uint8_t { Ipv4, Ipv6 };
enum class Df : uint8_t { Do, Want, Dont };  ///< as `ping -M`
enum class LinkKind : uint8_t { HostLink, FabricLink };
enum class PairKind : uint8_t { All, Random, InOrder };

/// "all": each source with each destination but itself; "in-order": the i-th with the i-th; "random": each source with
/// one drawn at random; {"random": n}: n pairs drawn at random; {"random": n, "by": "racks.csv"}: by a matrix of racks.
struct Pairs {
  PairKind kind = PairKind::All;
  std::optional<uint64_t> count;  ///< Random
  std::string by;                 ///< Random, with a count: a file; "": each pair is as likely
  bool operator==(const Pairs&) const = default;
};

/// "10Mbps" of payload, or "200/s" of packets or requests.
struct Rate {
  std::optional<BitsPerSecond> bits;
  std::optional<PerSecond> events;

  static std::optional<Rate> Parse(std::string_view text);
  std::string ToString() const;
  bool operator==(const Rate&) const = default;
};

struct Load {
  Located<LinkKind> of{LinkKind::HostLink};
  Located<Percent> value;
};

/// "1s", or {"poisson": "20000/s", "per": "total"}: flows begin one after the other at random distances, from `at` on.
struct Start {
  Located<Nanoseconds> at;
  Optional<PerSecond> poisson;
  Optional<Per> per;
};

/// Who receives, where it is not simply the owner of the address `to`.
struct Listen {
  Text on{""};                  ///< "none": nobody
  Optional<IpAddress> address;  ///< left out: any
  Optional<uint16_t> port;
  Optional<Nanoseconds> wait;
};

struct Traffic {
  Located<TrafficType> type{TrafficType::Ping};
  OptionalText name;
  OptionalText from, to;      ///< pod, ns/pod, node, netns, external host, pattern; `to` also an address
  Optional<IpFamily> family;  ///< of the address that a name stands for
  OptionalText on;            ///< Inject: "node1/eth0"; Command: where it is typed
  Located<Pairs> pairs;
  Optional<IpAddress> source;  ///< left out: as the kernel selects
  Optional<bool> autoFlowLabel;
  Located<Start> start;
  std::optional<Located<Span>> during;
  Optional<uint64_t> count;        ///< Ping, Echo: requests; Rpc, Bulk: calls or flows per pair
  Optional<uint64_t> packets;      ///< Udp: per pair
  Optional<Nanoseconds> interval;  ///< Ping, Udp: between packets of a pair
  std::optional<Located<Rate>> rate;
  Optional<Per> per;               ///< of rate
  std::optional<Load> load;        ///< Bulk, Udp: in place of rate
  Optional<Bytes> payload;         ///< Ping, Echo, Udp
  Optional<Bytes> up, down;        ///< Tcp
  Optional<Bytes> request, reply;  ///< Rpc
  OptionalText sizes;              ///< Bulk: a named distribution of flow sizes, a CSV file, or one size
  Optional<uint16_t> port, sport;
  Optional<uint16_t> id, seq;  ///< Echo, Ping: of the first request
  Optional<uint8_t> ttl, tos;
  Optional<Df> df;
  Optional<Nanoseconds> wait;    ///< for an answer or, Udp, the receiver for a datagram
  std::optional<Listen> listen;  ///< Udp, Tcp, Inject
  std::vector<Text> frames;      ///< Inject: hex
  OptionalText command;          ///< Command
  Place place;
};

// ---- events, captures, expectations ----

/// A cable by its two ends, or all cables of a node or switch.
struct LinkTarget {
  std::optional<std::array<Text, 2>> link;
  OptionalText node;
};

struct LinkChange {
  LinkTarget target;  ///< keys link, node
  LinkOverride to;    ///< keys rate, delay, mtu, queue
};

enum class FaultKind : uint8_t {
  StaleFdb,
  MissingFdb,
  MissingNeighbour,
  MissingRoute,
  WrongVtepMac,
  WrongVni,
  DeviceDown,
  DeviceRecreated
};

enum class ApiServerState : uint8_t { Away };

/// Something that is done to the cluster at a time: exactly one of exec, fail, fault, set, join, leave, stop, restart
/// and apiServer.
struct Event {
  Located<Nanoseconds> at;
  OptionalText exec;  ///< an ip, bridge, sysctl, ethtool or iptables command
  OptionalText on;    ///< of exec; left out (Lab): typed on the host
  std::optional<LinkTarget> fail;
  Optional<FaultKind> fault;
  OptionalText node, peer;      ///< of fault
  Optional<Nanoseconds> lasts;  ///< of fail, fault, set, stop, apiServer: key "for"; left out: until the end
  std::optional<LinkChange> set;
  OptionalText join, leave;    ///< nodes
  OptionalText stop, restart;  ///< the agents of nodes
  Optional<ApiServerState> apiServer;
  Place place;
};

struct Capture {
  Text on;          ///< "node1/eth0", "pod-a/eth0", patterns
  Text filter{""};  ///< tcpdump's words; names of pods and nodes are allowed
  Located<Bytes> snap{Bytes{262144}};
};

/// Bounds of a figure, all of which must hold. below and above are strict, max, min and between are not.
template <class T>
struct Comparison {
  Optional<T> below, above, max, min, is;
  std::optional<Located<std::array<T, 2>>> between;
};

/// Between whom; and with which packets it is tried (one of tcp, udp, icmp; left out: icmp).
struct Probe {
  OptionalText from, to;
  Optional<IpFamily> family;
  Optional<uint16_t> tcp, udp;
  Optional<bool> icmp;
};

struct DropSelector {
  OptionalText verdict;  ///< left out: any
  OptionalText on;       ///< "node1", "node1/eth0", patterns
};

/// Exactly one of reach, notReach, loss, rtt, completion, path, mtu, drops and converged.
struct Expect {
  OptionalText name;
  std::optional<Probe> reach, notReach, loss, rtt, completion, path, mtu;
  std::optional<DropSelector> drops;
  Comparison<Percent> share;   ///< loss: keys below, above, max, min, is, between
  Comparison<int64_t> number;  ///< drops: packets; mtu: bytes; same keys
  std::optional<Comparison<Nanoseconds>> p50, p90, p99, p999, mean, all;  ///< rtt, completion
  std::vector<Text> through, avoids;                                      ///< path: names or patterns, in order
  Optional<Nanoseconds> deadline;                                         ///< reach: the answer must come within
  OptionalText converged;                                                 ///< nodes
  Optional<Nanoseconds> before;                                           ///< converged
  Optional<Nanoseconds> at;                                               ///< reach, notReach, path: when it is tried
  std::optional<Located<Span>> during;
  Place place;
};

/// A whole scenario. `sources` and `substituted` belong to the reader; a Scenario made by a program leaves them alone.
struct Scenario {
  Located<uint32_t> format{1};
  Text description{""};
  Located<uint64_t> seed{1};
  Underlay underlay;
  Cluster cluster;
  std::optional<ControlPlane> controlPlane;  ///< left out: unless an event needs it, all is in force at time 0
  std::optional<Lab> lab;                    ///< then the cluster has no nodes
  std::vector<Traffic> traffic;
  std::vector<Event> events;
  std::vector<Capture> capture;
  std::vector<Expect> expect;
  std::optional<TraceSelection> trace;  ///< left out: all packets
  Optional<Nanoseconds> duration;       ///< left out: until the traffic has ended

  std::string name;                      ///< the file's, without folders and ending
  std::vector<std::string> sources{""};  ///< files, and settings such as "--set underlay.spines=4"
  std::map<std::pair<uint32_t, uint64_t>, std::string> substituted;  ///< by (source, line<<32|column): "spines from …"

  SourcePlace PlaceOf(Place place) const;
  /// The file that a value such as `import` names: relative to the file in which it stands.
  std::string PathOf(const Text& file) const;
};

}  // namespace overlaysim::scenario
