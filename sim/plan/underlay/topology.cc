#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>

#include "sim/plan/names.h"
#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {
namespace {

using scenario::LinkOverride;
using scenario::LinkSettings;

constexpr uint32_t kMaxDevices = 10'000;
constexpr uint32_t kMaxFatTreeK = 64;  // 65,536 hosts

/// Adds devices and cables to a fabric.
class Builder {
 public:
  Builder(const Context& context, Cluster& cluster, Fabric& fabric)
      : m_context(context), m_underlay(context.scenario.underlay), m_cluster(cluster), m_fabric(fabric) {}

  uint32_t AddDevice(std::string name, NetnsRole role, bool routes, std::string zone = {}) {
    m_fabric.devices.push_back({.name = std::move(name), .role = role, .zone = std::move(zone), .routes = routes});
    return static_cast<uint32_t>(m_fabric.devices.size() - 1);
  }

  /// The device's bridge of that name, made when it is not there yet.
  int BridgeOf(uint32_t device, const std::string& name) {
    auto& bridges = m_fabric.devices[device].bridges;
    for (size_t i = 0; i < bridges.size(); ++i)
      if (bridges[i].name == name) return static_cast<int>(i);
    bridges.push_back({.name = name, .mac = MacFromName(m_fabric.devices[device].name + "/" + name)});
    return static_cast<int>(bridges.size() - 1);
  }

  /// What a cable's end needs: a new port there.
  CableEnd DevicePort(uint32_t device, int bridge) {
    Device& d = m_fabric.devices[device];
    Port port{.name = fmt::format("{}{}", d.role == NetnsRole::Router ? "eth" : "swp", d.ports.size() + 1),
              .bridge = bridge};
    port.mac = MacFromName(d.name + "/" + port.name);
    d.ports.push_back(std::move(port));
    return {CableEnd::Kind::Device, device, static_cast<uint32_t>(d.ports.size() - 1)};
  }
  CableEnd NodePort(uint32_t node) {
    NodeRow& row = m_cluster.nodes[node];
    Port port{.name = fmt::format("eth{}", row.ports.size())};
    port.mac =
        row.ports.empty() && row.written->mac ? row.written->mac->value : MacFromName(row.name + "/" + port.name);
    row.ports.push_back(std::move(port));
    return {CableEnd::Kind::Node, node, static_cast<uint32_t>(row.ports.size() - 1)};
  }
  CableEnd ExternalPort(uint32_t host) { return {CableEnd::Kind::External, host, 0}; }

  void Connect(CableEnd a, CableEnd b, const LinkSettings& settings,
               std::initializer_list<const LinkOverride*> overrides, const std::string& name = {}) {
    CablePlan cable{.name = name.empty() ? NameOf(a) + "-" + NameOf(b) : name,
                    .rate = settings.rate.value,
                    .delay = settings.delay.value,
                    .queueBytes = settings.queue.value.count};
    uint32_t mtu = settings.mtu.value;
    for (const LinkOverride* o : overrides) {
      if (o->rate) cable.rate = o->rate->value;
      if (o->delay) cable.delay = o->delay->value;
      if (o->queue) cable.queueBytes = o->queue->value.count;
      if (o->mtu) mtu = o->mtu->value;
    }
    const std::string zoneA = ZoneOf(a), zoneB = ZoneOf(b);
    for (const scenario::ZoneDelay& extra : m_underlay.zoneDelays)
      if ((extra.between[0].value == zoneA && extra.between[1].value == zoneB) ||
          (extra.between[0].value == zoneB && extra.between[1].value == zoneA))
        cable.delay += extra.delay.value;
    const CableId id(m_fabric.cables.size());
    for (const CableEnd& end : {a, b}) {
      Port& port = PortOf(end);
      port.cable = id;
      port.mtu = mtu;
      if (end.kind == CableEnd::Kind::Node && end.port == 0 && m_cluster.nodes[end.owner].written->mtu)
        port.mtu = m_cluster.nodes[end.owner].written->mtu->value;
    }
    m_fabric.cables.push_back(std::move(cable));
    m_fabric.ends.push_back({a, b});
  }

  Port& PortOf(const CableEnd& end) {
    switch (end.kind) {
      case CableEnd::Kind::Device:
        return m_fabric.devices[end.owner].ports[end.port];
      case CableEnd::Kind::Node:
        return m_cluster.nodes[end.owner].ports[end.port];
      case CableEnd::Kind::External:
        break;
    }
    return m_fabric.externals[end.owner].port;
  }
  const std::string& NameOf(const CableEnd& end) const {
    switch (end.kind) {
      case CableEnd::Kind::Device:
        return m_fabric.devices[end.owner].name;
      case CableEnd::Kind::Node:
        return m_cluster.nodes[end.owner].name;
      case CableEnd::Kind::External:
        break;
    }
    return m_fabric.externals[end.owner].name;
  }
  std::string ZoneOf(const CableEnd& end) const {
    if (end.kind == CableEnd::Kind::Device) return m_fabric.devices[end.owner].zone;
    return end.kind == CableEnd::Kind::Node ? m_cluster.nodes[end.owner].zone : "";
  }

  void ConnectNode(uint32_t node, uint32_t device, int bridge) {
    Connect(NodePort(node), DevicePort(device, bridge), m_underlay.hostLink, {&m_cluster.nodes[node].written->link});
  }
  /// Two routers or switches.
  void ConnectFabric(uint32_t a, int bridgeA, uint32_t b, int bridgeB) {
    const CableEnd endA = DevicePort(a, bridgeA);
    Connect(endA, DevicePort(b, bridgeB), m_underlay.fabricLink, {});
  }

  const Context& m_context;
  const scenario::Underlay& m_underlay;
  Cluster& m_cluster;
  Fabric& m_fabric;
};

struct Rack {
  std::string name;  ///< "": the author gave none
  std::vector<uint32_t> nodes;
  std::string Zone(const Cluster& cluster) const { return nodes.empty() ? "" : cluster.nodes[nodes.front()].zone; }
};

Ipv4Prefix SubnetOfGiven(const Context& context, const Ipv4Prefix& given) {
  const uint8_t length = given.length < 32 ? given.length : context.scenario.underlay.rackMaskSize.value;
  return Ipv4Prefix{given.address, length}.Canonical();
}

/// Racks in the order of their first node: as the author names them; else so many nodes each; else nodes with given
/// addresses in one subnet together; else each node alone.
std::vector<Rack> RacksOf(const Context& context, const Cluster& cluster, std::optional<uint32_t> perRack) {
  std::vector<Rack> racks;
  std::map<std::string, size_t> byKey;
  uint32_t unnamed = 0;
  for (uint32_t n = 0; n < cluster.nodes.size(); ++n) {
    const NodeRow& node = cluster.nodes[n];
    std::string key;
    if (!node.rack.empty())
      key = "rack " + node.rack;
    else if (perRack)
      key = fmt::format("number {}", unnamed++ / *perRack);
    else if (node.given)
      key = "subnet " + SubnetOfGiven(context, *node.given).ToString();
    else
      key = fmt::format("node {}", n);
    auto [it, isNew] = byKey.emplace(key, racks.size());
    if (isNew) racks.push_back({.name = node.rack});
    racks[it->second].nodes.push_back(n);
  }
  return racks;
}

/// The subnet in which the author put the rack's nodes, if there is one.
std::optional<Ipv4Prefix> GivenSubnet(const Context& context, const Cluster& cluster, const Rack& rack) {
  for (uint32_t n : rack.nodes)
    if (cluster.nodes[n].given) return SubnetOfGiven(context, *cluster.nodes[n].given);
  return std::nullopt;
}

void BuildRouter(Builder& b) {
  const Context& context = b.m_context;
  const auto perRack = b.m_underlay.nodesPerLeaf ? std::optional(b.m_underlay.nodesPerLeaf->value) : std::nullopt;
  const std::vector<Rack> racks = RacksOf(context, b.m_cluster, perRack);
  const uint32_t router = b.AddDevice("router", NetnsRole::Router, true);
  std::map<Ipv4Prefix, uint32_t> racksIn;
  for (const Rack& rack : racks)
    if (auto subnet = GivenSubnet(context, b.m_cluster, rack)) ++racksIn[*subnet];
  for (size_t r = 0; r < racks.size(); ++r) {
    const uint32_t leaf = b.AddDevice(fmt::format("leaf{}", r + 1), NetnsRole::Leaf, false, racks[r].Zone(b.m_cluster));
    const int bridge = b.BridgeOf(leaf, "br0");
    // Racks that share a subnet are one layer-2 network, so the router bridges between them.
    const auto subnet = GivenSubnet(context, b.m_cluster, racks[r]);
    const bool shared = subnet && racksIn[*subnet] > 1;
    const int routerBridge =
        shared ? b.BridgeOf(router, fmt::format("br{}", std::distance(racksIn.begin(), racksIn.find(*subnet)))) : -1;
    for (uint32_t node : racks[r].nodes) b.ConnectNode(node, leaf, bridge);
    b.ConnectFabric(leaf, bridge, router, routerBridge);
  }
}

void BuildFlat(Builder& b) {
  const uint32_t sw = b.AddDevice("switch1", NetnsRole::Leaf, false);
  const int bridge = b.BridgeOf(sw, "br0");
  for (uint32_t n = 0; n < b.m_cluster.nodes.size(); ++n) b.ConnectNode(n, sw, bridge);
}

/// Cables of a node to its own leaf and to those that follow.
void ConnectToLeaves(Builder& b, uint32_t node, const std::vector<uint32_t>& leaves, size_t own) {
  const scenario::Node& written = *b.m_cluster.nodes[node].written;
  const auto& wanted = written.uplinks ? *written.uplinks : b.m_underlay.uplinks;
  if (wanted.value < 1 || wanted.value > leaves.size())
    b.m_context.Error(wanted.place, "node \"{}\" cannot have {} uplinks: there are {} leaves",
                      b.m_cluster.nodes[node].name, wanted.value, leaves.size());
  for (uint32_t u = 0; u < std::min<size_t>(wanted.value, leaves.size()); ++u) {
    const uint32_t leaf = leaves[(own + u) % leaves.size()];
    b.ConnectNode(node, leaf, b.BridgeOf(leaf, "br0"));
  }
}

void BuildLeafSpine(Builder& b) {
  const Context& context = b.m_context;
  const scenario::Underlay& underlay = b.m_underlay;
  const size_t nodes = b.m_cluster.nodes.size();
  std::optional<uint32_t> perRack;
  if (underlay.nodesPerLeaf)
    perRack = underlay.nodesPerLeaf->value;
  else if (underlay.leaves && underlay.leaves->value > 0)
    perRack = static_cast<uint32_t>((nodes + underlay.leaves->value - 1) / underlay.leaves->value);
  if (perRack && *perRack == 0) {
    context.Error(underlay.nodesPerLeaf->place, "a leaf needs at least one node");
    return;
  }
  const std::vector<Rack> racks = RacksOf(context, b.m_cluster, perRack);
  size_t leafCount = racks.size();
  if (underlay.leaves) {
    if (underlay.leaves->value < racks.size()) {
      context.Error(underlay.leaves->place, "{} leaves are too few: the nodes are in {} racks", underlay.leaves->value,
                    racks.size());
      return;
    }
    leafCount = underlay.leaves->value;
  }
  const uint32_t spineCount = underlay.spines.value;
  if (spineCount == 0 || leafCount + spineCount > kMaxDevices) {
    context.Error(underlay.spines.place,
                  "a leaf-spine fabric of {} spines and {} leaves cannot be built (1 to {} devices)", spineCount,
                  leafCount, kMaxDevices);
    return;
  }
  std::vector<uint32_t> spines, leaves;
  for (uint32_t s = 0; s < spineCount; ++s)
    spines.push_back(b.AddDevice(fmt::format("spine{}", s + 1), NetnsRole::Spine, true));
  for (size_t l = 0; l < leafCount; ++l)
    leaves.push_back(b.AddDevice(fmt::format("leaf{}", l + 1), NetnsRole::Leaf, true,
                                 l < racks.size() ? racks[l].Zone(b.m_cluster) : ""));
  for (size_t r = 0; r < racks.size(); ++r)
    for (uint32_t node : racks[r].nodes) ConnectToLeaves(b, node, leaves, r);
  for (uint32_t leaf : leaves)
    for (uint32_t spine : spines) b.ConnectFabric(leaf, -1, spine, -1);
}

/// Al-Fares et al. 2008: k pods of k/2 edge and k/2 aggregation switches, (k/2)^2 cores, k^3/4 hosts.
void BuildFatTree(Builder& b) {
  const Context& context = b.m_context;
  const scenario::Underlay& underlay = b.m_underlay;
  const size_t nodes = b.m_cluster.nodes.size();
  uint32_t k = 2;
  while (uint64_t{k} * k * k / 4 < nodes) k += 2;
  if (underlay.k) {
    if (underlay.k->value < k || underlay.k->value % 2 != 0) {
      context.Error(underlay.k->place, "a fat tree of k = {} {}; k = {} has room for the {} nodes", underlay.k->value,
                    underlay.k->value % 2 != 0 ? "does not exist (k is even)" : "has too few ports", k, nodes);
      return;
    }
    k = underlay.k->value;
  }
  if (k > kMaxFatTreeK) {
    context.Error(underlay.k ? underlay.k->place : underlay.type.place,
                  "a fat tree of k = {} is too large (at most {})", k, kMaxFatTreeK);
    return;
  }
  const uint32_t half = k / 2;
  std::vector<uint32_t> cores, edges, aggregations;
  for (uint32_t c = 0; c < half * half; ++c)
    cores.push_back(b.AddDevice(fmt::format("core{}", c + 1), NetnsRole::Spine, true));
  for (uint32_t i = 0; i < k * half; ++i) {
    aggregations.push_back(b.AddDevice(fmt::format("agg{}", i + 1), NetnsRole::Spine, true));
    edges.push_back(b.AddDevice(fmt::format("leaf{}", i + 1), NetnsRole::Leaf, true));
  }
  // Racks stay together under one edge switch as long as they fit.
  size_t edge = 0, used = 0;
  for (const Rack& rack : RacksOf(context, b.m_cluster, half)) {
    if (used > 0 && used + rack.nodes.size() > half) {
      ++edge;
      used = 0;
    }
    for (uint32_t node : rack.nodes) {
      if (used == half) {
        ++edge;
        used = 0;
      }
      if (edge >= edges.size()) {
        context.Error(underlay.k ? underlay.k->place : underlay.type.place,
                      "a fat tree of k = {} has no room for these racks; give a larger k", k);
        return;
      }
      ConnectToLeaves(b, node, edges, edge);
      ++used;
    }
  }
  for (uint32_t pod = 0; pod < k; ++pod)
    for (uint32_t i = 0; i < half; ++i) {
      for (uint32_t j = 0; j < half; ++j) b.ConnectFabric(edges[pod * half + i], -1, aggregations[pod * half + j], -1);
      for (uint32_t j = 0; j < half; ++j) b.ConnectFabric(aggregations[pod * half + i], -1, cores[i * half + j], -1);
    }
}

/// Resolves names of an explicit underlay's links.
std::optional<CableEnd> EndNamed(Builder& b, const scenario::Text& name) {
  if (auto device = b.m_fabric.FindDevice(name.value))
    return b.DevicePort(*device, b.m_fabric.devices[*device].routes ? -1 : b.BridgeOf(*device, "br0"));
  if (NodeId node = b.m_cluster.FindNode(name.value)) return b.NodePort(node.value);
  for (uint32_t h = 0; h < b.m_fabric.externals.size(); ++h)
    if (b.m_fabric.externals[h].name == name.value) {
      if (!b.m_fabric.externals[h].port.cable) return b.ExternalPort(h);
      b.m_context.Error(name.place, "external host \"{}\" has a cable already", name.value);
      return std::nullopt;
    }
  std::vector<std::string> names = b.m_cluster.NodeNames();
  for (const Device& device : b.m_fabric.devices) names.push_back(device.name);
  b.m_context.Error(name.place, "there is no node, switch or router \"{}\"{}", name.value,
                    Suggestion(name.value, names));
  return std::nullopt;
}

void BuildExplicit(Builder& b) {
  auto add = [&](const scenario::Device& written, NetnsRole role, bool routes) {
    if (b.m_fabric.FindDevice(written.name.value) || b.m_cluster.FindNode(written.name.value))
      b.m_context.Error(written.name.place, "the name \"{}\" is given twice", written.name.value);
    else
      b.AddDevice(written.name.value, role, routes, written.zone ? written.zone->value : "");
  };
  for (const scenario::Device& written : b.m_underlay.switches) add(written, NetnsRole::Leaf, false);
  for (const scenario::Device& written : b.m_underlay.routers) add(written, NetnsRole::Router, true);
  for (const scenario::Cable& written : b.m_underlay.links) {
    if (written.between[0].value == written.between[1].value) {
      b.m_context.Error(written.between[1].place, "a link needs two different ends");
      continue;
    }
    const auto a = EndNamed(b, written.between[0]);
    const auto z = EndNamed(b, written.between[1]);
    if (!a || !z) continue;
    const bool isHostLink = a->kind != CableEnd::Kind::Device || z->kind != CableEnd::Kind::Device;
    b.Connect(*a, *z, isHostLink ? b.m_underlay.hostLink : b.m_underlay.fabricLink, {&written.settings},
              written.name ? written.name->value : "");
  }
  for (const NodeRow& node : b.m_cluster.nodes)
    if (node.ports.empty()) b.m_context.Error(node.where, "node \"{}\" has no link", node.name);
}

/// Further interfaces of nodes.
void ConnectInterfaces(Builder& b) {
  for (uint32_t n = 0; n < b.m_cluster.nodes.size(); ++n)
    for (const scenario::Interface& written : b.m_cluster.nodes[n].written->interfaces) {
      if (!written.to) {
        b.m_context.Error(written.name.place,
                          "interface \"{}\" of node \"{}\" needs \"to\": a switch or router at the other end",
                          written.name.value, b.m_cluster.nodes[n].name);
        continue;
      }
      const auto device = b.m_fabric.FindDevice(written.to->value);
      if (!device) {
        std::vector<std::string> names;
        for (const Device& d : b.m_fabric.devices) names.push_back(d.name);
        b.m_context.Error(written.to->place, "there is no switch or router \"{}\"{}", written.to->value,
                          Suggestion(written.to->value, names));
        continue;
      }
      const bool bridged = !b.m_fabric.devices[*device].bridges.empty();
      const CableEnd end = b.NodePort(n);
      Port& port = b.PortOf(end);
      port.name = written.name.value;
      port.mac = written.mac ? written.mac->value : MacFromName(b.m_cluster.nodes[n].name + "/" + port.name);
      if (written.address) port.address = written.address->value;
      b.Connect(end, b.DevicePort(*device, bridged ? 0 : -1), b.m_underlay.hostLink, {&written.link});
    }
}

void ConnectExternal(Builder& b) {
  if (!b.m_underlay.external) return;
  const scenario::External& written = *b.m_underlay.external;
  std::optional<uint32_t> gateway;
  if (written.gateway) {
    gateway = b.m_fabric.FindDevice(written.gateway->value);
    std::vector<std::string> routers;
    for (const Device& device : b.m_fabric.devices)
      if (device.routes) routers.push_back(device.name);
    if (!gateway || !b.m_fabric.devices[*gateway].routes) {
      b.m_context.Error(written.gateway->place, "there is no router \"{}\"{}", written.gateway->value,
                        Suggestion(written.gateway->value, routers));
      return;
    }
  } else {
    for (uint32_t d = 0; d < b.m_fabric.devices.size() && !gateway; ++d)
      if (b.m_fabric.devices[d].routes) gateway = d;
  }
  if (!gateway) {  // a flat network has no router yet
    gateway = b.AddDevice("gateway", NetnsRole::Router, true);
    for (uint32_t d = 0; d + 1 < b.m_fabric.devices.size(); ++d)
      if (b.m_fabric.devices[d].role == NetnsRole::Leaf) {
        b.ConnectFabric(d, b.BridgeOf(d, "br0"), *gateway, -1);
        break;
      }
  }
  bool any = false;
  for (const ExternalHostRow& host : b.m_fabric.externals) any |= !host.port.cable;
  const int bridge = any ? b.BridgeOf(*gateway, "ext0") : -1;
  for (uint32_t h = 0; h < b.m_fabric.externals.size(); ++h)
    if (!b.m_fabric.externals[h].port.cable)
      b.Connect(b.ExternalPort(h), b.DevicePort(*gateway, bridge), b.m_underlay.hostLink, {&written.link});
}

}  // namespace

std::optional<uint32_t> Fabric::FindDevice(std::string_view name) const {
  for (uint32_t d = 0; d < devices.size(); ++d)
    if (devices[d].name == name) return d;
  return std::nullopt;
}

void GenerateTopology(const Context& context, Cluster& cluster, Fabric& fabric) {
  Builder builder(context, cluster, fabric);
  if (context.scenario.underlay.external)
    for (const scenario::ExternalHost& written : context.scenario.underlay.external->hosts) {
      ExternalHostRow host{.name = written.name.value,
                           .port = {.name = "eth0", .mac = MacFromName(written.name.value + "/eth0")}};
      if (written.address) host.port.address = {written.address->value, 32};
      fabric.externals.push_back(std::move(host));
    }
  switch (context.scenario.underlay.type.value) {
    case scenario::UnderlayType::Router:
      BuildRouter(builder);
      break;
    case scenario::UnderlayType::LeafSpine:
      BuildLeafSpine(builder);
      break;
    case scenario::UnderlayType::FatTree:
      BuildFatTree(builder);
      break;
    case scenario::UnderlayType::Flat:
      BuildFlat(builder);
      break;
    case scenario::UnderlayType::Explicit:
      BuildExplicit(builder);
      break;
  }
  if (context.diagnostics.HasErrors()) return;
  ConnectInterfaces(builder);
  ConnectExternal(builder);
  for (const Device& device : fabric.devices)
    if (NodeId node = cluster.FindNode(device.name))
      context.Error(cluster.nodes[node.value].where,
                    "a node cannot be called \"{}\": a switch of this underlay has that name", device.name);
  for (const ExternalHostRow& host : fabric.externals)
    if (cluster.FindNode(host.name) || fabric.FindDevice(host.name))
      context.Error(context.scenario.underlay.external->network.place, "the name \"{}\" is given twice", host.name);
}

}  // namespace overlaysim::plan
