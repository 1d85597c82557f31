#include "sim/scenario/fields.h"

#include <algorithm>

namespace overlaysim::scenario {

// Each object's table is declared first, because tables refer to each other.
#define OVERLAYSIM_OBJECTS(X)                                                                                         \
  X(Scenario, MakeScenario)                                                                                           \
  X(Underlay, MakeUnderlay)                                                                                           \
  X(LinkSettings, MakeLinkSettings)                                                                                   \
  X(LinkOverride, MakeLinkOverride)                                                                                   \
  X(FirewallRule, MakeFirewallRule)                                                                                   \
  X(Firewall, MakeFirewall)                                                                                           \
  X(Device, MakeDevice)                                                                                               \
  X(Cable, MakeCable)                                                                                                 \
  X(ZoneDelay, MakeZoneDelay)                                                                                         \
  X(External, MakeExternal) X(ExternalHost, MakeExternalHost) X(Cluster, MakeCluster) X(Node, MakeNode)               \
      X(Interface, MakeInterface) X(Pod, MakePod) X(Cni, MakeCni) X(CalicoPool, MakeCalicoPool)                       \
          X(BgpPeer, MakeBgpPeer) X(Lab, MakeLab) X(Traffic, MakeTraffic) X(Load, MakeLoad) X(Start, MakeStart)       \
              X(Listen, MakeListen) X(Event, MakeEvent) X(LinkTarget, MakeLinkTarget) X(LinkChange, MakeLinkChange)   \
                  X(Capture, MakeCapture) X(Expect, MakeExpect) X(Probe, MakeProbe) X(DropSelector, MakeDropSelector) \
                      X(Comparison<Nanoseconds>, MakeComparison) X(ControlPlane, MakeControlPlane)                    \
                          X(DelayRange, MakeDelayRange) X(TraceSelection, MakeTraceSelection)
#define OVERLAYSIM_X(T, make) \
  template <>                 \
  const ObjectType& Describe<T>();
OVERLAYSIM_OBJECTS(OVERLAYSIM_X)
#undef OVERLAYSIM_X

namespace {

bool Consists(std::string_view text, bool (*of)(char)) {
  return !text.empty() && std::all_of(text.begin(), text.end(), of);
}
bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}
bool IsHexDigit(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

const Format kName{"a name (letters, digits, \"-\", \"_\" and \".\")", "[A-Za-z0-9._-]+",
                   [](std::string_view s) { return Consists(s, IsNameCharacter); }};
const Format kNamePattern{
    "a name (letters, digits, \"-\", \"_\" and \".\"), with {i} or {i:03d} where it is one of several",
    "([A-Za-z0-9._-]|\\{i(:0[1-9]d)?\\})+", [](std::string_view s) {
      std::string rest(s);
      for (size_t at; (at = rest.find("{i}")) != std::string::npos;) rest.replace(at, 3, "1");
      for (size_t at = 0; (at = rest.find("{i:0", at)) != std::string::npos;) {
        const bool isWidth =
            at + 7 <= rest.size() && rest[at + 4] >= '1' && rest[at + 4] <= '9' && rest.compare(at + 5, 2, "d}") == 0;
        if (!isWidth) return false;
        rest.replace(at, 7, "1");
      }
      return Consists(rest, IsNameCharacter);
    }};
const Format kWord{
    "a word of at least one character, without control characters", R"([^\x00-\x1f]+)",
    [](std::string_view s) { return Consists(s, [](char c) { return static_cast<unsigned char>(c) >= 0x20; }); }};
const Format kHexFrame{"a frame in hex (pairs of digits)", "([0-9A-Fa-f]{2})+",
                       [](std::string_view s) { return s.size() % 2 == 0 && Consists(s, IsHexDigit); }};

constexpr uint64_t kMaxNodes = 100'000;
constexpr uint64_t kMaxPods = 10'000'000;
constexpr uint64_t kMaxSwitches = 100'000;
constexpr int64_t kMinMtu = 68;  // RFC 791
constexpr uint64_t kMaxMtu = 65535;
constexpr uint64_t kMaxVni = (1u << 24) - 1;

/// The keys of a LinkOverride, inside an object of its own or among the keys of another.
template <class T, class Access>
void AddLinkKeys(ObjectBuilder<T>& object, Access link) {
  object
      .Add(
          "rate", [=](T & t) -> auto& { return link(t).rate; }, "Speed in each direction.")
      .Otherwise("as for the other cables of this kind");
  object
      .Add(
          "delay", [=](T & t) -> auto& { return link(t).delay; }, "Propagation delay from end to end.")
      .Otherwise("as for the other cables of this kind");
  object
      .Add(
          "mtu", [=](T & t) -> auto& { return link(t).mtu; }, "MTU of the devices at both ends, in bytes.")
      .Range(kMinMtu, kMaxMtu)
      .Otherwise("as for the other cables of this kind");
  object
      .Add(
          "queue", [=](T & t) -> auto& { return link(t).queue; },
          "Room in front of the cable, in each direction; what does not fit is dropped (QueueFull).")
      .Otherwise("as for the other cables of this kind");
}

/// The keys of a Comparison, inside an object of its own or among the keys of another.
template <class T, class Access>
void AddComparisonKeys(ObjectBuilder<T>& object, Access comparison, std::vector<std::string> variants = {}) {
  object
      .Add(
          "below", [=](T & t) -> auto& { return comparison(t).below; }, "The figure must be less.")
      .For(variants);
  object
      .Add(
          "above", [=](T & t) -> auto& { return comparison(t).above; }, "The figure must be more.")
      .For(variants);
  object
      .Add(
          "max", [=](T & t) -> auto& { return comparison(t).max; }, "The figure must be at most this.")
      .For(variants);
  object
      .Add(
          "min", [=](T & t) -> auto& { return comparison(t).min; }, "The figure must be at least this.")
      .For(variants);
  object
      .Add(
          "between", [=](T & t) -> auto& { return comparison(t).between; },
          "The figure must be neither less than the first nor more than the second.")
      .For(variants);
  object
      .Add(
          "is", [=](T & t) -> auto& { return comparison(t).is; }, "The figure must be exactly this.")
      .For(variants);
}

const char kEndpoint[] =
    "\"pod-a\", \"namespace/pod\", \"node1\", the name of an external host or, in a lab, of a network namespace; "
    "\"*\" and \"?\" match several.";

ObjectType MakeScenario() {
  ObjectBuilder<Scenario> o("scenario", "a scenario", "A whole scenario file.");
  o.AddLoaded("$schema", TypeOf<std::string>(), "Where an editor finds the schema of this file; not used otherwise.");
  o.Add("format", &Scenario::format, "Version of this file format.").Range(1, 1).AlwaysWritten();
  o.Add("description", &Scenario::description, "What this scenario is about, in a line.");
  o.AddLoaded(
      "include", TypeOf<std::vector<std::string>>(),
      "Files to start from, relative to this one. Later files win over earlier ones and this file over all: objects "
      "are merged key by key, everything else is replaced.");
  static const StringMapType variables(AnyScalarType());
  o.AddLoaded(
      "vars", variables,
      "Variables. \"${name}\" in any string stands for the value; where it is the whole string, the value keeps its "
      "type. --var name=value replaces it for one run. \"$${\" stands for \"${\".");
  o.Add("seed", &Scenario::seed, "Where random choices start. The same seed gives the same bytes.");
  o.Add("underlay", &Scenario::underlay, "The physical network.");
  o.Add("cluster", &Scenario::cluster, "Nodes, pods and the CNI plugin.");
  o.Add("controlPlane", &Scenario::controlPlane,
        "When the CNI's agents learn of other nodes, and how long they take to write that down.")
      .Otherwise("unless an event needs it, what agents write is in force on all nodes at time 0");
  o.Add("lab", &Scenario::lab, "A topology given as the commands that build it, in place of underlay and cluster.");
  o.Add("traffic", &Scenario::traffic, "Who sends what to whom.");
  o.Add("events", &Scenario::events, "What is done to the cluster, and when.");
  o.Add("capture", &Scenario::capture, "Where packets are recorded for packets.pcapng.")
      .Otherwise(
          "eth0 and the tunnel device of each node, and eth0 of each pod that takes part in traffic, up to 20 nodes");
  o.Add("trace", &Scenario::trace, "Which packets' steps are recorded in trace.bin.").Otherwise("those of all packets");
  o.Add("expect", &Scenario::expect, "What must hold at the end; if not, the run's exit code is 1.");
  o.Add("duration", &Scenario::duration, "When the run ends.")
      .Otherwise("when the traffic has ended and agents have done all that there is for them");
  return o.Build();
}

ObjectType MakeUnderlay() {
  const std::string router = "router", leafSpine = "leaf-spine", fatTree = "fat-tree", explicitly = "explicit";
  ObjectBuilder<Underlay> o(
      "underlay", "an underlay",
      "The physical network. \"router\": each node in a rack of its own behind one router. "
      "\"leaf-spine\": racks under leaf switches, each joined to all spines. \"fat-tree\": k pods of "
      "k switches, k*k*k/4 places for nodes. \"flat\": one Ethernet. \"explicit\": as listed.");
  o.VariantsByTag("type", WordsOf<UnderlayType>().words, router);
  o.Add("type", &Underlay::type, "How the network is built.");
  o.Add("spines", &Underlay::spines, "Number of spine switches.").For({leafSpine}).Range(1, 1024);
  o.Add("leaves", &Underlay::leaves, "Number of leaf switches, one per rack.")
      .For({leafSpine})
      .Range(1, kMaxSwitches)
      .Otherwise("as many as there are racks");
  o.Add("nodesPerLeaf", &Underlay::nodesPerLeaf, "How many nodes share a rack, in the order in which they are listed.")
      .For({router, leafSpine})
      .Range(1, kMaxNodes)
      .Otherwise("as the nodes' rack or rackBy says, else one");
  o.Add("k", &Underlay::k, "Ports of each switch; even.")
      .For({fatTree})
      .Range(2, 128)
      .Otherwise("the smallest that has room for all nodes");
  o.Add("rackBy", &Underlay::rackBy,
        "Node label whose value names the node's rack, such as topology.kubernetes.io/zone.")
      .For({router, leafSpine, fatTree})
      .As(kWord);
  o.Add("uplinks", &Underlay::uplinks,
        "Cables of each node, to different leaves (eth0, eth1); routes over them are equal in cost. A node can have "
        "its own.")
      .For({leafSpine})
      .Range(1, 8);
  o.Add("switches", &Underlay::switches, "Ethernet switches.").For({explicitly});
  o.Add("routers", &Underlay::routers, "IP routers.").For({explicitly});
  o.Add("links", &Underlay::links, "Cables between nodes, switches, routers and external hosts.").For({explicitly});
  o.Add("zoneDelays", &Underlay::zoneDelays, "Delay between zones, in addition to that of the cables.");
  o.Add("hostLink", &Underlay::hostLink, "Cables of nodes.");
  o.Add("fabricLink", &Underlay::fabricLink, "Cables between switches and routers.");
  o.Add("network", &Underlay::network,
        "Node addresses without a given value are drawn from it: rack K gets its K-th part.");
  o.Add("ipv6Prefix", &Underlay::ipv6Prefix,
        "A prefix of 96 bits: in a cluster with IPv6, whatever has an IPv4 address of the network has an IPv6 one too, "
        "which is this prefix and the IPv4 address.");
  o.Add("rackMaskSize", &Underlay::rackMaskSize, "Prefix length of a rack's part of the network.").Range(8, 30);
  o.Add(
       "allow", [](Underlay & u) -> auto& { return u.firewall.allow; },
       "With any rule, the network passes only what one allows, and the answers.")
      .Otherwise("everything passes");
  o.Add(
      "deny", [](Underlay & u) -> auto& { return u.firewall.deny; }, "What does not pass; looked at before allow.");
  o.Add("detectFailure", &Underlay::detectFailure, "From a failure until the devices beside it know.");
  o.Add("reroute", &Underlay::reroute, "From then until all routers use the new routes.");
  o.Add("external", &Underlay::external, "A network outside the cluster, behind a gateway.");
  return o.Build();
}

ObjectType MakeLinkSettings() {
  ObjectBuilder<LinkSettings> o("linkSettings", "a kind of cable", "How cables of one kind are.");
  o.Add("rate", &LinkSettings::rate, "Speed in each direction.");
  o.Add("delay", &LinkSettings::delay, "Propagation delay from end to end.");
  o.Add("mtu", &LinkSettings::mtu, "MTU of the devices at both ends, in bytes.").Range(kMinMtu, kMaxMtu);
  o.Add("queue", &LinkSettings::queue,
        "Room in front of the cable, in each direction; what does not fit is dropped (QueueFull).");
  return o.Build();
}

ObjectType MakeLinkOverride() {
  ObjectBuilder<LinkOverride> o("linkOverride", "a cable", "What is different about one cable.");
  AddLinkKeys(
      o, [](LinkOverride & l) -> auto& { return l; });
  return o.Build();
}

ObjectType MakeFirewallRule() {
  ObjectBuilder<FirewallRule> o("firewallRule", "a firewall rule",
                                "Which packets are meant. Without udp, tcp, icmp and protocol: all between the two.");
  const std::string place =
      "\"nodes\", \"pods\", \"external\", a node, pod or external host by name or pattern, or a prefix.";
  o.Add("from", &FirewallRule::from, "Where they come from: " + place).As(kWord).Otherwise("anywhere");
  o.Add("to", &FirewallRule::to, "Where they go: " + place).As(kWord).Otherwise("anywhere");
  o.Add("udp", &FirewallRule::udp, "UDP, to these ports.");
  o.Add("tcp", &FirewallRule::tcp, "TCP, to these ports.");
  o.Add("icmp", &FirewallRule::icmp, "ICMP.");
  o.Add("protocol", &FirewallRule::protocol, "Another IP protocol by name or number: \"ipip\", \"esp\", \"gre\", 4.")
      .As(kWord)
      .NumbersToo();
  return o.Build();
}

ObjectType MakeFirewall() {
  ObjectBuilder<Firewall> o("firewall", "a firewall", "What a host lets in and forwards.");
  o.Add("allow", &Firewall::allow, "With any rule, only what one allows comes in, and the answers.")
      .Otherwise("everything comes in");
  o.Add("deny", &Firewall::deny, "What does not come in; looked at before allow.");
  const std::string text =
      " A text, its lines in a list, or the name of a file (without blanks, relative to this one). In force before the "
      "CNI's agent comes and adds its own rules behind; deny and allow come behind it too.";
  o.Add("iptables", &Firewall::iptables, "As `iptables-save` prints it, for `iptables-restore`." + text);
  o.Add("ip6tables", &Firewall::ip6tables, "As `ip6tables-save` prints it, for `ip6tables-restore`." + text);
  o.Add("nft", &Firewall::nft, "For `nft -f`; `flush ruleset` in it takes away what iptables has put." + text);
  return o.Build();
}

ObjectType MakeDevice() {
  ObjectBuilder<Device> o("device", "a switch or router", "A switch or router of an explicit underlay.");
  o.Shorthand("name");
  o.Add("name", &Device::name, "Its name.").Required().As(kName);
  o.Add("zone", &Device::zone, "Its zone.").As(kName);
  return o.Build();
}

ObjectType MakeCable() {
  ObjectBuilder<Cable> o("link", "a link", "A cable.");
  o.Add("between", &Cable::between, "Its two ends: node, switch, router or external host.").Required().As(kName);
  o.Add("name", &Cable::name, "Its name.").As(kName).Otherwise("the two ends, joined by \"-\"");
  AddLinkKeys(
      o, [](Cable & c) -> auto& { return c.settings; });
  return o.Build();
}

ObjectType MakeZoneDelay() {
  ObjectBuilder<ZoneDelay> o("zoneDelay", "a zone delay", "How far two zones are apart.");
  o.Add("between", &ZoneDelay::between, "The two zones.").Required().As(kName);
  o.Add("delay", &ZoneDelay::delay, "Added to each cable from one to the other.").Required();
  return o.Build();
}

ObjectType MakeExternal() {
  ObjectBuilder<External> o("external", "an external network", "A network outside the cluster, behind a gateway.");
  o.Add("network", &External::network, "Its prefix.");
  o.Add("hosts", &External::hosts, "Hosts in it.");
  o.Add("gateway", &External::gateway, "The router that it hangs on.")
      .As(kName)
      .Otherwise("the first router of the underlay or, if there is none, one of its own");
  o.Add("masquerade", &External::masquerade, "The gateway puts its own address in place of the cluster's.");
  o.Add("link", &External::link, "The cables of its hosts, where they differ from hostLink.");
  return o.Build();
}

ObjectType MakeExternalHost() {
  ObjectBuilder<ExternalHost> o("externalHost", "an external host", "A host outside the cluster.");
  o.Shorthand("name");
  o.Add("name", &ExternalHost::name, "Its name.").Required().As(kName);
  o.Add("address", &ExternalHost::address, "Its address.").Otherwise("the next free one of the network");
  return o.Build();
}

ObjectType MakeCluster() {
  ObjectBuilder<Cluster> o("cluster", "a cluster", "Nodes, pods and the CNI plugin.");
  o.Add("podCIDR", &Cluster::podCIDR, "The addresses of all pods; kube-flannel.yml's Network unless said otherwise.");
  o.Add("nodeCIDRMaskSize", &Cluster::nodeCIDRMaskSize, "Prefix length of one node's part of podCIDR.").Range(1, 30);
  o.Add("podCIDRIPv6", &Cluster::podCIDRIPv6,
        "The IPv6 addresses of all pods; with it the cluster is dual-stack (flannel's IPv6Network and EnableIPv6, Calico's IPv6 pool).")
      .Otherwise("what net-conf.json says, else the cluster has no IPv6");
  o.Add("nodeCIDRMaskSizeIPv6", &Cluster::nodeCIDRMaskSizeIPv6, "Prefix length of one node's part of podCIDRIPv6.")
      .Range(9, 126);
  o.Add("nodes", &Cluster::nodes, "The nodes, in order: node I gets the I-th part of podCIDR.");
  o.Add("pods", &Cluster::pods, "The pods.");
  o.Add("cni", &Cluster::cni, "The CNI plugin.");
  return o.Build();
}

ObjectType MakeNode() {
  const std::string name = "name", generate = "generate", import = "import";
  ObjectBuilder<Node> o("node", "a node", "One node, several alike (generate), or those of a file (import).");
  o.VariantsByKey({import, generate, name}).Shorthand(name);
  o.Add(name, &Node::name, "Its name; of generated nodes a pattern with {i} (counts from 1) or {i:03d}.")
      .For({name, generate})
      .As(kNamePattern)
      .Default("node{i}", {"name", ""});
  o.Add(generate, &Node::generate, "So many nodes.").For({generate}).Range(1, kMaxNodes);
  o.Add(import, &Node::import, "A file with what `kubectl get nodes -o json` (or yaml) printed, relative to this one.")
      .For({import})
      .As(kWord);
  o.Add("address", &Node::address, "Its address on eth0.")
      .For({name})
      .InterfaceAddress()
      .Otherwise("the next free one of its rack, in underlay.network");
  o.Add("addresses", &Node::addresses, "Further addresses on eth0.").For({name}).InterfaceAddress();
  o.Add("rack", &Node::rack, "Nodes with the same word share a rack.").For({name, generate}).As(kName);
  o.Add("zone", &Node::zone, "Its zone, for zoneDelays.").For({name, generate}).As(kName);
  o.Add("labels", &Node::labels, "Kubernetes labels.").For({name, generate});
  o.Add("podCIDR", &Node::podCIDR, "The addresses of its pods.")
      .For({name})
      .Otherwise("the next free part of cluster.podCIDR");
  o.Add("podCIDRIPv6", &Node::podCIDRIPv6, "The IPv6 addresses of its pods.")
      .For({name})
      .Otherwise("the next free part of cluster.podCIDRIPv6");
  o.Add("mtu", &Node::mtu, "MTU of eth0, in bytes.").Range(kMinMtu, kMaxMtu).Otherwise("its cable's");
  o.Add("mac", &Node::mac, "MAC address of eth0.").For({name}).Otherwise("made from the node's number");
  o.Add("vtepMac", &Node::vtepMac, "MAC address of its tunnel device.")
      .For({name})
      .Otherwise("as the CNI plugin makes it");
  o.Add("routeReflectorClusterID", &Node::routeReflectorClusterID,
        "With Calico's BGP: it is a route reflector of this cluster ID, such as \"244.0.0.1\", and not in the mesh.")
      .As(kWord);
  o.Add("uplinks", &Node::uplinks, "Its cables to different leaves.").Range(1, 8).Otherwise("underlay.uplinks");
  o.Add("link", &Node::link, "Its cable, where it differs from underlay.hostLink.");
  o.Add("firewall", &Node::firewall, "What it lets in and forwards.");
  o.Add("sysctl", &Node::sysctl, "Kernel settings: { \"net.ipv4.ip_forward\": 1 }.").NumbersToo();
  o.Add("interfaces", &Node::interfaces, "Network interfaces besides eth0.").For({name});
  return o.Build();
}

ObjectType MakeInterface() {
  ObjectBuilder<Interface> o("interface", "an interface", "A network interface of a node besides eth0.");
  o.Add("name", &Interface::name, "Its name, such as \"eth1\".").Required().As(kName);
  o.Add("to", &Interface::to, "The switch or router at the other end of its cable.")
      .As(kName)
      .Otherwise("the next leaf");
  o.Add("address", &Interface::address, "Its address, with the prefix length.").InterfaceAddress();
  o.Add("mac", &Interface::mac, "Its MAC address.").Otherwise("made from the node's number");
  AddLinkKeys(
      o, [](Interface & i) -> auto& { return i.link; });
  return o.Build();
}

ObjectType MakePod() {
  const std::string name = "name", generate = "generate", import = "import";
  ObjectBuilder<Pod> o("pod", "a pod", "One pod, several alike (generate), or those of a file (import).");
  o.VariantsByKey({import, generate, name}).Shorthand(name);
  o.Add(name, &Pod::name, "Its name; of generated pods a pattern with {i} (counts from 1 over all) or {i:03d}.")
      .For({name, generate})
      .As(kNamePattern)
      .Default("pod{i}", {"name", ""});
  o.Add(generate, &Pod::generate, "So many pods.").For({generate}).Range(1, kMaxPods).Needs("per");
  o.Add("per", &Pod::per, "What generate counts for: each node, or all in all.").For({generate});
  o.Add(import, &Pod::import,
        "A file with what `kubectl get pods -A -o json` (yaml, wide) printed, relative to this one.")
      .For({import})
      .As(kWord);
  o.Add("namespace", &Pod::ns, "Kubernetes namespace.").For({name, generate}).As(kName);
  o.Add("node", &Pod::node, "The node it runs on; for generated pods also a pattern.")
      .For({name, generate})
      .As(kWord)
      .Otherwise("spread evenly over all nodes");
  o.Add("address", &Pod::address, "Its address.").For({name}).Otherwise("the next free one of its node's podCIDR");
  o.Add("mac", &Pod::mac, "MAC address of its eth0.").For({name}).Otherwise("made from its address");
  o.Add("labels", &Pod::labels, "Kubernetes labels.").For({name, generate});
  o.Add("mtu", &Pod::mtu, "MTU of its eth0, in bytes.")
      .For({name, generate})
      .Range(kMinMtu, kMaxMtu)
      .Otherwise("as the CNI plugin sets it");
  o.Add("hostNetwork", &Pod::hostNetwork, "It uses the node's network.").For({name, generate});
  return o.Build();
}

ObjectType MakeCni() {
  const std::string flannel = "flannel", calico = "calico", cilium = "cilium", antrea = "antrea", canal = "canal",
                    vxlan = "vxlan";
  const auto number = [](uint64_t n) { return Value::Unsigned(n); };
  const Condition overVxlan{"backend", "vxlan"};
  ObjectBuilder<Cni> o(
      "cni", "a CNI plugin",
      "The CNI plugin and its settings, under the plugin's own names. \"vxlan\" is a flavour of no product: "
      "static VXLAN tunnels, routed or bridged. What a file that is imported says holds unless a key here "
      "says otherwise.");
  o.VariantsByTag("type", WordsOf<CniType>().words);
  o.Add("type", &Cni::type, "Which one.").Required();
  o.Add("import", &Cni::import,
        "The cluster's own file: kube-flannel.yml, a net-conf.json, Calico's resources, cilium-config or the values of "
        "Cilium's Helm chart.")
      .For({flannel, calico, canal, cilium})
      .As(kWord);
  o.Add("backend", &Cni::backend, "net-conf.json's Backend.Type.").For({flannel, canal}).Default("vxlan");
  o.Add("network", &Cni::network, "net-conf.json's Network.").For({flannel, canal}).Otherwise("cluster.podCIDR");
  o.Add("subnetLen", &Cni::subnetLen, "net-conf.json's SubnetLen.")
      .For({flannel, canal})
      .Range(1, 30)
      .Otherwise("cluster.nodeCIDRMaskSize");
  o.Add("vni", &Cni::vni, "VXLAN network identifier.")
      .For({flannel, canal})
      .Range(0, kMaxVni)
      .Default(number(1), overVxlan);
  o.Add("vni", &Cni::vni, "VXLAN network identifier.").For({vxlan}).Range(0, kMaxVni).Default(number(1));
  o.Add("vni", &Cni::vni, "VXLAN network identifier.").For({calico}).Range(0, kMaxVni).Default(number(4096));
  o.Add("port", &Cni::port, "UDP port of the tunnel.")
      .For({flannel, canal})
      .Range(1, UINT16_MAX)
      .Default(number(8472), overVxlan)
      .Otherwise("8285 with backend \"udp\", 51820 with \"wireguard\"");
  o.Add("port", &Cni::port, "UDP port of the tunnel.").For({calico, vxlan}).Range(1, UINT16_MAX).Default(number(4789));
  o.Add("port", &Cni::port, "UDP port of the tunnel.")
      .For({cilium, antrea})
      .Range(1, UINT16_MAX)
      .Otherwise("8472 (cilium) or 4789 (antrea) with vxlan, 6081 with geneve");
  o.Add("mtu", &Cni::mtu, "MTU of the tunnel device, in bytes.")
      .Range(kMinMtu, kMaxMtu)
      .Otherwise("that of the node's eth0 less the headers that the tunnel adds");
  o.Add("device", &Cni::device, "Name of the tunnel device.").For({vxlan}).As(kName).Default("vxlan0");
  o.Add("directRouting", &Cni::directRouting, "Nodes of one subnet reach each other without a tunnel.")
      .For({flannel, canal})
      .Default(Value::Bool(false));
  o.Add("learning", &Cni::learning, "The tunnel device learns MAC addresses from what it receives.")
      .For({flannel, canal, vxlan})
      .Default(Value::Bool(false));
  o.Add("ipMasq", &Cni::ipMasq, "Packets from pods to outside the cluster get the node's address.")
      .For({flannel, canal})
      .Default(Value::Bool(true));
  o.Add("udpEncap", &Cni::udpEncap, "With backend \"ipsec\", ESP goes in UDP of port 4500.")
      .For({flannel})
      .Default(Value::Bool(false), Condition{"backend", "ipsec"});
  o.Add("vxlanMode", &Cni::vxlanMode, "When to tunnel over VXLAN.").For({calico}).Default("Always", {"ipipMode", ""});
  o.Add("ipipMode", &Cni::ipipMode, "When to tunnel over IPIP.").For({calico}).Default("Never", {"ipipMode", ""});
  o.Add("blockSize", &Cni::blockSize, "Prefix length of an allocation block.")
      .For({calico})
      .Range(20, 32)
      .Default(number(26));
  o.Add("natOutgoing", &Cni::natOutgoing, "Packets from pods to outside the pools get the node's address.")
      .For({calico})
      .Default(Value::Bool(true));
  o.Add("vxlanModeIPv6", &Cni::vxlanModeIPv6, "vxlanMode of the IPv6 pool, which is cluster.podCIDRIPv6.")
      .For({calico})
      .Otherwise("vxlanMode");
  o.Add("blockSizeIPv6", &Cni::blockSizeIPv6, "Prefix length of the blocks that nodes take out of the IPv6 pool.")
      .For({calico})
      .Range(116, 128)
      .Default(number(122));
  o.Add("natOutgoingIPv6", &Cni::natOutgoingIPv6,
        "Packets from pods to outside the IPv6 pool get the node's IPv6 address.")
      .For({calico})
      .Default(Value::Bool(false));
  o.Add("wireguardEnabled", &Cni::wireguardEnabled, "Encrypt between nodes.").For({calico}).Default(Value::Bool(false));
  o.Add("pools", &Cni::pools, "IP pools.").For({calico}).Otherwise("one over cluster.podCIDR with the settings here");
  o.Add("nodeToNodeMeshEnabled", &Cni::nodeToNodeMeshEnabled,
        "A BGP session between any two nodes that are no route reflectors (BGPConfiguration).")
      .For({calico})
      .Default(Value::Bool(true));
  o.Add("bgpPeers", &Cni::bgpPeers, "Further BGP sessions (BGPPeer).").For({calico});
  o.Add("routingMode", &Cni::routingMode, "Tunnel, or plain routes between nodes.").For({cilium}).Default("tunnel");
  o.Add("autoDirectNodeRoutes", &Cni::autoDirectNodeRoutes,
        "With \"native\", each node has a route to the pods of every other on its subnet. Without, the routers would "
        "have to know them, and simulated ones do not.")
      .For({cilium})
      .Default(Value::Bool(true), Condition{"routingMode", "native"});
  o.Add("tunnelProtocol", &Cni::tunnelProtocol, "Which tunnel.").For({cilium}).Default("vxlan");
  o.Add("tunnelProtocol", &Cni::tunnelProtocol, "Which tunnel.").For({antrea}).Default("geneve");
  o.Add("encryption", &Cni::encryption, "What encrypts between nodes; \"ipsec\" is not supported yet.")
      .For({cilium})
      .Default("none");
  o.Add("mode", &Cni::mode, "\"routed\": a pod subnet per node; \"bridged\": one pod subnet over all nodes.")
      .For({vxlan})
      .Default("routed");
  o.Add("subnet", &Cni::subnet, "The pod subnet over all nodes, with mode \"bridged\".")
      .For({vxlan})
      .Otherwise("cluster.podCIDR");
  o.Add("nextHop", &Cni::nextHop,
        "With mode \"routed\", routes to other nodes' pods go via the peer's address on the tunnel device (\"vtep\") "
        "or its "
        "node address (\"node\"), both onlink.")
      .For({vxlan})
      .Default("vtep");
  o.Add("df", &Cni::df, "DF bit of the outer header, as in `ip link ... type vxlan df`.").For({vxlan}).Default("unset");
  o.Add("ttl", &Cni::ttl, "TTL of the outer header; 0: the kernel's own (64).").For({vxlan}).Default(number(0));
  o.Add("tos", &Cni::tos, "TOS of the outer header.").For({vxlan}).Default(number(0));
  o.Add("udpChecksum", &Cni::udpChecksum, "Outer UDP checksum.").For({vxlan}).Default(Value::Bool(true));
  o.Add("sourcePorts", &Cni::sourcePorts, "Range of outer source ports: \"49152-65535\".")
      .For({vxlan})
      .Otherwise("the kernel's ip_local_port_range, 32768-60999");
  o.Add("ageing", &Cni::ageing, "How long learned entries live.").For({vxlan}).Default("300s");
  return o.Build();
}

ObjectType MakeCalicoPool() {
  ObjectBuilder<CalicoPool> o("calicoPool", "an IP pool", "A Calico IPPool.");
  const std::string otherwise = "that of cni";
  o.Add("cidr", &CalicoPool::cidr, "Its addresses.").Required();
  o.Add("blockSize", &CalicoPool::blockSize, "Prefix length of an allocation block.")
      .Range(20, 32)
      .Otherwise(otherwise);
  o.Add("vxlanMode", &CalicoPool::vxlanMode, "When to tunnel over VXLAN.").Otherwise(otherwise);
  o.Add("ipipMode", &CalicoPool::ipipMode, "When to tunnel over IPIP.").Otherwise(otherwise);
  o.Add("natOutgoing", &CalicoPool::natOutgoing, "Packets to outside the pools get the node's address.")
      .Otherwise(otherwise);
  o.Add("nodeSelector", &CalicoPool::nodeSelector, "Nodes that take blocks from it, in Calico's language.")
      .As(kWord)
      .Otherwise("all()");
  o.Add("disabled", &CalicoPool::disabled, "No new addresses are given from it.");
  return o.Build();
}

ObjectType MakeBgpPeer() {
  ObjectBuilder<BgpPeer> o("bgpPeer", "a BGP peer", "A Calico BGPPeer: sessions of some nodes with others.");
  o.Add("node", &BgpPeer::node, "The node on this side.").As(kName).Otherwise("those of nodeSelector");
  o.Add("nodeSelector", &BgpPeer::nodeSelector, "The nodes on this side, in Calico's language.")
      .As(kWord)
      .Otherwise("all()");
  o.Add("peerSelector", &BgpPeer::peerSelector, "The nodes on the other side, in Calico's language.")
      .As(kWord)
      .Otherwise("the one that has peerIP");
  o.Add("peerIP", &BgpPeer::peerIP, "Address of the other side.");
  return o.Build();
}

ObjectType MakeControlPlane() {
  ObjectBuilder<ControlPlane> o("controlPlane", "a control plane",
                                "When the CNI's agents learn of other nodes, and how long they take to write that "
                                "down (docs/models/control-plane.md).");
  o.Add("start", &ControlPlane::start, "A cold start: when each node's agent starts, with empty tables.")
      .Otherwise("they have been running, and all that is there at time 0 is in force");
  o.Add("setup", &ControlPlane::setup, "From an agent's start, with its pod CIDR, until its node's lease is there.");
  o.Add("podCIDRLatency", &ControlPlane::podCIDRLatency,
        "From a node's joining until the cluster gives it a pod CIDR.");
  o.Add("watchLatency", &ControlPlane::watchLatency, "From a change at the API server until an agent hears of it.");
  o.Add("operation", &ControlPlane::operation, "An agent's time for one netlink operation, or one write of a map.");
  return o.Build();
}

ObjectType MakeTraceSelection() {
  ObjectBuilder<TraceSelection> o("trace", "what is recorded of packets",
                                  "Which packets' steps trace.bin has. What these packets cause is recorded with them: "
                                  "ARP, answers, errors.");
  o.Shorthand("sample");
  o.Add("sample", &TraceSelection::sample, "One packet of so many, drawn at random.").Range(1, UINT32_MAX);
  o.Add("from", &TraceSelection::from, std::string("Only traffic that they send: ") + kEndpoint)
      .Otherwise("everybody's, and what is no line's of traffic");
  o.Add("to", &TraceSelection::to, "Only traffic to them.").Otherwise("to anybody");
  return o.Build();
}

ObjectType MakeDelayRange() {
  ObjectBuilder<DelayRange> o("delayRange", "a range of times", "A time, or a range from which it is drawn each time.");
  o.Shorthand("from");
  o.Add("from", &DelayRange::from, "The shortest.");
  o.Add("to", &DelayRange::to, "The longest.").Otherwise("always the shortest");
  return o.Build();
}

ObjectType MakeLab() {
  ObjectBuilder<Lab> o("lab", "a lab",
                       "A topology given as the commands that build it, as one would type them as root.");
  o.Add("netns", &Lab::netns, "Network namespaces to begin with.").As(kName);
  o.Add("setup", &Lab::setup, "ip, bridge, sysctl, ethtool, iptables, ip6tables and nft commands, in order.").As(kWord);
  return o.Build();
}

ObjectType MakeTraffic() {
  const std::string ping = "ping", udp = "udp", tcp = "tcp", rpc = "rpc", bulk = "bulk", echo = "echo",
                    inject = "inject", command = "command";
  const auto number = [](uint64_t n) { return Value::Unsigned(n); };
  ObjectBuilder<Traffic> o(
      "traffic", "traffic",
      "One line of traffic. \"ping\": as ping(8) prints it. \"udp\": datagrams. \"tcp\": one connection. "
      "\"rpc\": requests and replies. \"bulk\": flows with given sizes. \"echo\": bare ICMP echo "
      "requests. \"inject\": frames as they are. \"command\": what a person types in a shell.");
  o.VariantsByTag("type", WordsOf<TrafficType>().words);
  o.Add("type", &Traffic::type, "What kind.").Required();
  o.Add("name", &Traffic::name, "What it is called in results.").As(kWord);
  o.Add("from", &Traffic::from, std::string("Who sends: ") + kEndpoint)
      .For({ping, udp, tcp, rpc, bulk, echo})
      .Required()
      .As(kWord);
  o.Add("to", &Traffic::to, std::string("Who receives: an IPv4 address, or ") + kEndpoint)
      .For({ping, udp, tcp, rpc, bulk, echo})
      .Required()
      .As(kWord);
  o.Add("on", &Traffic::on, "The device on whose wire the frames are put: \"node1/eth0\".")
      .For({inject})
      .Required()
      .As(kWord);
  o.Add("on", &Traffic::on, "Where it is typed: a pod, a node or, in a lab, a network namespace.")
      .For({command})
      .Required()
      .As(kWord);
  o.Add(
       "pairs", &Traffic::pairs,
       "Which of several senders sends to which of several receivers: each to each, each to one drawn at random, the "
       "i-th "
       "to the i-th, or so many pairs drawn at random. \"by\" names a CSV file of racks and how often one sends to the "
       "other: docs/scenario-format.md.")
      .For({ping, udp, tcp, rpc, bulk, echo});
  o.Add("source", &Traffic::source, "Source address.")
      .For({ping, udp, tcp, echo})
      .Otherwise("as the kernel selects it by the route");
  o.Add("start", &Traffic::start, "When it begins: a time, or { \"poisson\": \"20000/s\", \"per\": \"total\" }.");
  o.Add("during", &Traffic::during, "From when until when packets, calls or flows begin; in place of a count.")
      .For({ping, udp, rpc, bulk});
  o.Add("count", &Traffic::count, "Echo requests.").For({ping}).Range(1, UINT32_MAX).Default(number(3), {"during", ""});
  o.Add("count", &Traffic::count, "Echo requests.").For({echo}).Range(1, UINT32_MAX).Default(number(1));
  o.Add("count", &Traffic::count, "Requests of each pair.")
      .For({rpc})
      .Range(1, UINT32_MAX)
      .Otherwise("one or, with a rate, as many as begin in \"during\" or, without it, in the run's duration");
  o.Add("count", &Traffic::count, "Flows of each pair; with a rate or load, so many on average.")
      .For({bulk})
      .Range(1, UINT32_MAX)
      .Otherwise("one or, with a rate or load, as many as begin in \"during\" or, without it, in the run's duration");
  o.Add("packets", &Traffic::packets, "Datagrams of each pair.")
      .For({udp})
      .Range(1, UINT32_MAX)
      .Default(number(1), {"during", ""});
  o.Add("interval", &Traffic::interval, "Between two requests of a pair.").For({ping, echo}).Default("1s");
  o.Add("interval", &Traffic::interval, "Between two datagrams of a pair.").For({udp}).Default("1ms", {"rate", ""});
  o.Add("rate", &Traffic::rate, "How much is sent: packets, requests or flows (\"200/s\"), or payload (\"10Mbps\").")
      .For({udp, rpc, bulk})
      .Needs("per");
  o.Add("per", &Traffic::per, "What the rate counts for: each sender, each pair, or all in all.").For({udp, rpc, bulk});
  o.Add("load", &Traffic::load, "How much is sent, as a share of a cable's rate, for each sender.").For({bulk});
  o.Add("payload", &Traffic::payload, "Bytes after the ICMP header.").For({ping, echo}).Default("56B");
  o.Add("payload", &Traffic::payload, "Bytes of each datagram.").For({udp}).Default("1000B");
  o.Add("up", &Traffic::up, "Bytes from the sender to the receiver.").For({tcp}).Default("1MB");
  o.Add("down", &Traffic::down, "Bytes back, after all have arrived.").For({tcp}).Default("0B");
  o.Add("request", &Traffic::request, "Bytes of a request.").For({rpc}).Default("100B");
  o.Add("reply", &Traffic::reply, "Bytes of a reply.").For({rpc}).Default("1kB");
  o.Add("sizes", &Traffic::sizes,
        "Sizes of flows: a known distribution (\"websearch\"), a CSV file, or one size (\"1MB\").")
      .For({bulk})
      .As(kWord)
      .Default("1MB");
  o.Add("port", &Traffic::port, "Destination port.").For({udp, tcp, rpc, bulk}).Default(number(5001));
  o.Add("sport", &Traffic::sport, "Source port.").For({udp, tcp}).Otherwise("as the kernel picks it");
  o.Add("id", &Traffic::id, "ICMP identifier.").For({ping, echo, command}).Otherwise("as the kernel gives it");
  o.Add("seq", &Traffic::seq, "ICMP sequence number of the first request.").For({ping, echo}).Default(number(1));
  o.Add("ttl", &Traffic::ttl, "TTL.").For({ping, udp, tcp, echo}).Range(1, UINT8_MAX).Default(number(64));
  o.Add("tos", &Traffic::tos, "TOS byte: DSCP and ECN.").For({ping, udp, tcp, echo}).Default(number(0));
  o.Add("family", &Traffic::family, "Which address of the destination is meant, where it is a name.")
      .For({ping, udp, tcp, echo})
      .Default("ipv4");
  o.Add("autoFlowLabel", &Traffic::autoFlowLabel, "Over IPv6: whether the sender's packets get a flow label.")
      .For({ping, udp, echo})
      .Default(Value::Bool(true));
  o.Add("df", &Traffic::df, "Path MTU discovery, as `ping -M`: \"do\" and \"want\" set DF, \"dont\" does not.")
      .For({ping, udp, echo})
      .Default("want");
  o.Add("wait", &Traffic::wait, "How long the last answer is waited for.").For({ping, echo}).Default("1s");
  o.Add("wait", &Traffic::wait, "How long the receiver waits for a datagram.").For({udp}).Default("1s");
  o.Add("wait", &Traffic::wait, "How long each reply is waited for.").For({rpc}).Default("1s");
  o.Add("wait", &Traffic::wait, "The longest that either side waits in one call: connecting, sending, receiving.")
      .For({tcp})
      .Otherwise("as long as TCP itself tries");
  o.Add("listen", &Traffic::listen, "Who receives, if it is not simply the owner of the address.")
      .For({udp, tcp, inject})
      .Otherwise("the owner of the address, on the port; of injected frames nobody");
  o.Add("frames", &Traffic::frames, "Whole Ethernet frames in hex.").For({inject}).Required().As(kHexFrame);
  o.Add("command", &Traffic::command, "\"ping -c 3 10.244.2.2\", \"ip route\", \"nc -u ...\".")
      .For({command})
      .Required()
      .As(kWord);
  return o.Build();
}

ObjectType MakeLoad() {
  ObjectBuilder<Load> o("load", "a load", "How much is sent, as a share of a cable's rate.");
  o.Add("of", &Load::of, "Which cable's rate is 100%.").AlwaysWritten();
  o.Add("value", &Load::value, "The share.").Required();
  return o.Build();
}

ObjectType MakeStart() {
  ObjectBuilder<Start> o("start", "a start", "When traffic begins.");
  o.Shorthand("at");
  o.Add("at", &Start::at, "The first moment.");
  o.Add("poisson", &Start::poisson, "Pairs begin one after the other, at random distances, so many on average.")
      .Needs("per");
  o.Add("per", &Start::per, "What the rate counts for.");
  return o.Build();
}

ObjectType MakeListen() {
  ObjectBuilder<Listen> o("listen", "a receiver", "Who receives.");
  o.Shorthand("on");
  o.Add("on", &Listen::on, "A pod, a node, a network namespace, or \"none\".").Required().As(kWord);
  o.Add("address", &Listen::address, "Its address.").Otherwise("any");
  o.Add("port", &Listen::port, "Its port.").Otherwise("that of the traffic");
  o.Add("wait", &Listen::wait, "How long it listens.").Otherwise("that of the traffic");
  return o.Build();
}

ObjectType MakeEvent() {
  const std::string exec = "exec", fail = "fail", fault = "fault", set = "set", join = "join", leave = "leave",
                    stop = "stop", restart = "restart", apiServer = "apiServer";
  ObjectBuilder<Event> o(
      "event", "an event",
      "Something that is done to the cluster: a command (exec), a broken cable or node (fail), a mistake of "
      "the kind that overlays suffer from (fault), a change of cables (set), a node that comes or is deleted (join, "
      "leave), an agent that stops or starts again (stop, restart), or an API server that does not answer "
      "(apiServer).");
  o.VariantsByKey({exec, fail, fault, set, join, leave, stop, restart, apiServer});
  o.Add("at", &Event::at, "When.").Required();
  o.Add(exec, &Event::exec, "An ip, bridge, sysctl, ethtool, iptables, ip6tables or nft command.").For({exec}).As(kWord);
  o.Add("on", &Event::on, "Where it is typed: node, pod, switch or, in a lab, network namespace.")
      .For({exec})
      .As(kWord)
      .Otherwise("on the machine that the lab runs on");
  o.Add(fail, &Event::fail, "A cable, or all cables of a node or switch, that break.").For({fail});
  o.Add(fault, &Event::fault,
        "\"stale-fdb\": the FDB entry of a peer points elsewhere. \"missing-fdb\", \"missing-neighbour\", "
        "\"missing-route\": "
        "the entry of a peer is not there. \"wrong-vtep-mac\", \"wrong-vni\": not as the peer has it. \"device-down\": "
        "the "
        "tunnel device is down. \"device-recreated\": it is made anew, and nobody fills its tables.")
      .For({fault});
  o.Add("node", &Event::node, "Where it happens.").For({fault}).Required().As(kWord);
  o.Add("peer", &Event::peer, "Whose entry is meant.").For({fault}).As(kWord).Otherwise("all peers'");
  o.Add(set, &Event::set, "Cables to change.").For({set});
  o.Add(join, &Event::join, "A node, or a pattern, that is not in the cluster until then: its agent starts.")
      .For({join})
      .As(kWord);
  o.Add(leave, &Event::leave, "A node, or a pattern, that is deleted: `kubectl delete node`.").For({leave}).As(kWord);
  o.Add(stop, &Event::stop, "Nodes whose agents stop; tables stay as they are.").For({stop}).As(kWord);
  o.Add(restart, &Event::restart, "Nodes whose agents end and start at once.").For({restart}).As(kWord);
  o.Add(apiServer, &Event::apiServer, "Nobody can write to it, and nobody hears of changes.").For({apiServer});
  o.Add("for", &Event::lasts, "How long.").For({fail, fault, set, stop, apiServer}).Otherwise("until the end");
  return o.Build();
}

ObjectType MakeLinkTarget() {
  ObjectBuilder<LinkTarget> o("linkTarget", "a cable", "One cable, or all of a node or switch.");
  o.VariantsByKey({"link", "node"});
  o.Add("link", &LinkTarget::link, "The two ends of the cable.").For({"link"}).As(kWord);
  o.Add("node", &LinkTarget::node, "A node, switch or router: all its cables.").For({"node"}).As(kWord);
  return o.Build();
}

ObjectType MakeLinkChange() {
  ObjectBuilder<LinkChange> o("linkChange", "a change of cables", "Which cables, and how they are from then on.");
  o.VariantsByKey({"link", "node"});
  o.Add(
       "link", [](LinkChange & c) -> auto& { return c.target.link; }, "The two ends of the cable.")
      .For({"link"})
      .As(kWord);
  o.Add(
       "node", [](LinkChange & c) -> auto& { return c.target.node; }, "A node, switch or router: all its cables.")
      .For({"node"})
      .As(kWord);
  AddLinkKeys(
      o, [](LinkChange & c) -> auto& { return c.to; });
  return o.Build();
}

ObjectType MakeCapture() {
  ObjectBuilder<Capture> o("capture", "a capture", "Where packets are recorded, promiscuously as tcpdump does.");
  o.Shorthand("on");
  o.Add("on", &Capture::on, "\"node1/eth0\", \"pod-a/eth0\", \"node*/flannel.1\".").Required().As(kWord);
  o.Add("filter", &Capture::filter, "What tcpdump would take; names of pods and nodes stand for their addresses.")
      .Otherwise("everything");
  o.Add("snap", &Capture::snap, "So much of each frame is kept.");
  return o.Build();
}

ObjectType MakeExpect() {
  const std::string reach = "reach", notReach = "notReach", loss = "loss", rtt = "rtt", path = "path", mtu = "mtu",
                    drops = "drops", converged = "converged", completion = "completion";
  ObjectBuilder<Expect> o("expect", "an expectation", "What must hold at the end of the run.");
  o.VariantsByKey({reach, notReach, loss, rtt, completion, path, mtu, drops, converged});
  o.Add("name", &Expect::name, "What it is called in results.").As(kWord);
  o.Add(reach, &Expect::reach, "The second is reached from the first; tried with a probe of its own.").For({reach});
  o.Add(notReach, &Expect::notReach, "The second cannot be reached from the first.").For({notReach});
  o.Add(loss, &Expect::loss, "Share of the packets of the traffic between the two that did not arrive.").For({loss});
  o.Add(rtt, &Expect::rtt, "Round-trip times of the traffic between the two.").For({rtt});
  o.Add(completion, &Expect::completion, "How long the transfers between the two take; all must have been completed.")
      .For({completion});
  o.Add(path, &Expect::path, "The way that a packet takes.").For({path});
  o.Add(mtu, &Expect::mtu, "Largest IP packet that arrives in one piece, in bytes.").For({mtu});
  o.Add(drops, &Expect::drops, "Number of packets that were dropped.").For({drops});
  AddComparisonKeys(o, [](Expect & e) -> auto& { return e.share; }, {loss});
  AddComparisonKeys(o, [](Expect & e) -> auto& { return e.number; }, {mtu, drops});
  o.Add("p50", &Expect::p50, "The median.").For({rtt, completion});
  o.Add("p90", &Expect::p90, "The time that 90% do not exceed.").For({rtt, completion});
  o.Add("p99", &Expect::p99, "The time that 99% do not exceed.").For({rtt, completion});
  o.Add("p999", &Expect::p999, "The time that 99.9% do not exceed.").For({rtt, completion});
  o.Add("mean", &Expect::mean, "The mean.").For({rtt, completion});
  o.Add("all", &Expect::all, "Each of them.").For({rtt, completion});
  o.Add("through", &Expect::through, "Names or patterns that the path must hold, in this order.").For({path}).As(kWord);
  o.Add("avoids", &Expect::avoids, "Names or patterns that the path must not hold.").For({path}).As(kWord);
  o.Add(converged, &Expect::converged, "Nodes (a pattern) whose agents must have done all that there is for them.")
      .For({converged})
      .As(kWord);
  o.Add("before", &Expect::before, "By then.").For({converged}).Otherwise("the end of the run");
  o.Add("at", &Expect::at, "When it is tried.").For({reach, notReach, path}).Otherwise("at the beginning");
  o.Add("deadline", &Expect::deadline, "The answer must be there in this time.").For({reach}).Default("1s");
  o.Add("during", &Expect::during, "Only what was sent from the first time until before the second counts.")
      .For({loss, rtt, drops})
      .Otherwise("the whole run");
  return o.Build();
}

ObjectType MakeProbe() {
  ObjectBuilder<Probe> o("probe", "a pair of endpoints",
                         "From whom to whom, and over which protocol (ICMP if none is named).");
  o.Add("from", &Probe::from, std::string("The first: ") + kEndpoint).Required().As(kWord);
  o.Add("to", &Probe::to, std::string("The second: an address, or ") + kEndpoint).Required().As(kWord);
  o.Add("family", &Probe::family, "Which address of the second is meant, where it is a name.").Default("ipv4");
  o.Add("tcp", &Probe::tcp, "TCP, to this port.").Range(1, UINT16_MAX);
  o.Add("udp", &Probe::udp, "UDP, to this port.").Range(1, UINT16_MAX);
  o.Add("icmp", &Probe::icmp, "ICMP echo.");
  return o.Build();
}

ObjectType MakeDropSelector() {
  ObjectBuilder<DropSelector> o("dropSelector", "a kind of drop", "Which drops are counted.");
  o.Add("verdict", &DropSelector::verdict, "The reason, such as \"QueueFull\".").As(kWord).Otherwise("any");
  o.Add("on", &DropSelector::on, "\"node1\", \"node1/eth0\", patterns.").As(kWord).Otherwise("anywhere");
  return o.Build();
}

ObjectType MakeComparison() {
  ObjectBuilder<Comparison<Nanoseconds>> o("timeComparison", "a comparison",
                                           "Bounds of a time, all of which must hold.");
  AddComparisonKeys(
      o, [](Comparison<Nanoseconds> & c) -> auto& { return c; });
  return o.Build();
}

void Collect(const ObjectType& type, std::vector<const ObjectType*>& found) {
  if (std::find(found.begin(), found.end(), &type) != found.end()) return;
  found.push_back(&type);
  for (const Field& field : type.fields) {
    if (const ObjectType* inner = field.type->Object()) Collect(*inner, found);
  }
}

}  // namespace

#define OVERLAYSIM_X(T, make)           \
  template <>                           \
  const ObjectType& Describe<T>() {     \
    static const ObjectType t = make(); \
    return t;                           \
  }
OVERLAYSIM_OBJECTS(OVERLAYSIM_X)
#undef OVERLAYSIM_X

const ObjectType& ScenarioType() { return Describe<Scenario>(); }

std::vector<const ObjectType*> AllObjects() {
  std::vector<const ObjectType*> found;
  Collect(ScenarioType(), found);
  return found;
}

}  // namespace overlaysim::scenario
