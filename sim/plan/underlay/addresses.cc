#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <unordered_map>

#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {
namespace {

class DisjointSets {
 public:
  explicit DisjointSets(size_t size) : m_parent(size) { std::iota(m_parent.begin(), m_parent.end(), 0u); }
  uint32_t Find(uint32_t x) {
    while (m_parent[x] != x) x = m_parent[x] = m_parent[m_parent[x]];
    return x;
  }
  /// False: they were one already.
  bool Join(uint32_t a, uint32_t b) {
    a = Find(a);
    b = Find(b);
    m_parent[b] = a;
    return a != b;
  }

 private:
  std::vector<uint32_t> m_parent;
};

Port& PortOf(Cluster& cluster, Fabric& fabric, const CableEnd& end) {
  switch (end.kind) {
    case CableEnd::Kind::Device:
      return fabric.devices[end.owner].ports[end.port];
    case CableEnd::Kind::Node:
      return cluster.nodes[end.owner].ports[end.port];
    case CableEnd::Kind::External:
      break;
  }
  return fabric.externals[end.owner].port;
}

}  // namespace

void FindSegments(const Context& context, Cluster& cluster, Fabric& fabric) {
  std::vector<uint32_t> firstBridge;
  uint32_t elements = static_cast<uint32_t>(fabric.cables.size());
  for (const Device& device : fabric.devices) {
    firstBridge.push_back(elements);
    elements += static_cast<uint32_t>(device.bridges.size());
  }
  DisjointSets sets(elements);
  bool hasLoop = false;
  for (uint32_t c = 0; c < fabric.cables.size(); ++c)
    for (const CableEnd& end : fabric.ends[c]) {
      const Port& port = PortOf(cluster, fabric, end);
      if (port.bridge < 0) continue;
      if (!sets.Join(c, firstBridge[end.owner] + static_cast<uint32_t>(port.bridge)) && !hasLoop) {
        hasLoop = true;
        context.Error(
            context.scenario.underlay.type.place,
            "cable {} closes a loop of switches, and there is no spanning tree: frames would circle for ever; make one "
            "of them a router",
            fabric.cables[c].name);
      }
    }
  std::unordered_map<uint32_t, uint32_t> segmentOf;
  auto number = [&](uint32_t element) {
    auto [it, isNew] = segmentOf.emplace(sets.Find(element), static_cast<uint32_t>(fabric.segments.size()));
    if (isNew) fabric.segments.emplace_back();
    return it->second;
  };
  for (uint32_t c = 0; c < fabric.cables.size(); ++c)
    for (const CableEnd& end : fabric.ends[c]) {
      Port& port = PortOf(cluster, fabric, end);
      port.segment = number(c);
      if (end.kind != CableEnd::Kind::Device) fabric.segments[port.segment].hasHosts = true;
    }
  for (uint32_t d = 0; d < fabric.devices.size(); ++d) {
    Device& device = fabric.devices[d];
    for (uint32_t b = 0; b < device.bridges.size(); ++b) {
      device.bridges[b].segment = number(firstBridge[d] + b);
      if (device.routes)
        fabric.segments[device.bridges[b].segment].routers.push_back({.device = d, .isBridge = true, .index = b});
    }
    for (uint32_t p = 0; p < device.ports.size(); ++p)
      if (device.routes && device.ports[p].bridge < 0)
        fabric.segments[device.ports[p].segment].routers.push_back({.device = d, .index = p});
  }
  for (Device& device : fabric.devices)
    for (Bridge& bridge : device.bridges) {  // as the kernel: the smallest of its ports'
      bool first = true;
      for (const Port& port : device.ports)
        if (port.bridge == &bridge - device.bridges.data()) {
          bridge.mtu = first ? port.mtu : std::min(bridge.mtu, port.mtu);
          first = false;
        }
    }
  for (uint32_t n = 0; n < cluster.nodes.size(); ++n) {
    const auto& ports = cluster.nodes[n].ports;
    if (std::any_of(ports.begin(), ports.end(), [&](const Port& p) { return p.segment != ports.front().segment; }))
      fabric.uplinkHosts.push_back(n);
  }
}

namespace {

/// Gives out addresses segment by segment.
class Addresser {
 public:
  Addresser(const Context& context, Cluster& cluster, Fabric& fabric)
      : m_context(context),
        m_underlay(context.scenario.underlay),
        m_cluster(cluster),
        m_fabric(fabric),
        m_hosts(fabric.segments.size()) {}

  void Run() {
    CollectHosts();
    TakeGivenSubnets();
    GiveSubnets();
    if (m_context.diagnostics.HasErrors()) return;
    for (uint32_t s = 0; s < m_fabric.segments.size(); ++s) Address(s);
    if (!m_context.diagnostics.HasErrors()) CheckDuplicates();
  }

 private:
  struct Host {
    Port* port;
    const std::string* name;
    Where where;
    uint64_t number;  ///< in the cluster, from 1
    bool isExternal = false;
  };

  Where WhereOfAddress(const NodeRow& node) const {
    return node.written->address ? Where{.place = node.written->address->place} : node.where;
  }

  void CollectHosts() {
    for (uint64_t n = 0; n < m_cluster.nodes.size(); ++n) {
      NodeRow& node = m_cluster.nodes[n];
      for (size_t p = 0; p < node.ports.size(); ++p) {
        Port& port = node.ports[p];
        if (p == 0 && node.given) port.address = *node.given;
        m_hosts[port.segment].push_back({&port, &node.name, WhereOfAddress(node), n + 1});
      }
    }
    uint64_t number = 0;
    for (ExternalHostRow& host : m_fabric.externals)
      m_hosts[host.port.segment].push_back(
          {&host.port, &host.name, {.place = m_underlay.external->network.place}, ++number, true});
  }

  void TakeGivenSubnets() {
    for (uint32_t s = 0; s < m_fabric.segments.size(); ++s) {
      Segment& segment = m_fabric.segments[s];
      const Host* first = nullptr;
      for (const Host& host : m_hosts[s]) {
        if (host.isExternal) {
          segment.subnet = m_underlay.external->network.value.Canonical();
          first = &host;
          break;
        }
        if (host.port->address.length == 0) continue;
        const uint8_t length =
            host.port->address.length < 32 ? host.port->address.length : m_underlay.rackMaskSize.value;
        if (first && host.port->address.length == 32) continue;
        const Ipv4Prefix subnet = Ipv4Prefix{host.port->address.address, length}.Canonical();
        if (first && first->port->address.length < 32 && subnet != segment.subnet) {
          m_context.Error(host.where,
                          "node \"{}\" in {} and node \"{}\" in {} are in one layer-2 network, which has one subnet",
                          *first->name, segment.subnet.ToString(), *host.name, subnet.ToString());
          continue;
        }
        segment.subnet = subnet;
        first = &host;
      }
      if (first) m_given.push_back({segment.subnet, first});
    }
    std::stable_sort(m_given.begin(), m_given.end(), [](const auto& a, const auto& b) { return a.subnet < b.subnet; });
    for (size_t i = 1; i < m_given.size(); ++i)
      if (m_given[i - 1].subnet.Overlaps(m_given[i].subnet))
        m_context.Error(
            m_given[i].host->where,
            "\"{}\" and \"{}\" have addresses in one subnet ({}) and are not in one layer-2 network; put them into one "
            "rack, or give a longer prefix",
            *m_given[i - 1].host->name, *m_given[i].host->name, m_given[i].subnet.ToString());
    for (const Given& given : m_given)
      if (given.subnet.Overlaps(m_cluster.network))
        m_context.Error(given.host->where, "the subnet {} of \"{}\" overlaps the pods' {}", given.subnet.ToString(),
                        *given.host->name, m_cluster.network.ToString());
  }

  bool IsFree(const Ipv4Prefix& subnet) const {
    if (m_underlay.external && m_underlay.external->network.value.Overlaps(subnet)) return false;
    return std::none_of(m_given.begin(), m_given.end(), [&](const Given& g) { return g.subnet.Overlaps(subnet); });
  }

  void GiveSubnets() {
    const Ipv4Prefix network = m_underlay.network.value.Canonical();
    const uint8_t length = m_underlay.rackMaskSize.value;
    const scenario::Place place =
        m_underlay.rackMaskSize.place.source != 0 ? m_underlay.rackMaskSize.place : m_underlay.network.place;
    if (length < network.length || length > 30) {
      m_context.Error(place, "rack networks of /{} do not fit into {}", length, network.ToString());
      return;
    }
    const uint64_t size = uint64_t{1} << (32 - length);
    const uint64_t prefixes = uint64_t{1} << (length - network.length);
    uint64_t next = prefixes > 1 ? 1 : 0;          // rack 1 has prefix 1
    uint32_t linkEnd = network.Broadcast().value;  // links are numbered from the end, downwards
    uint64_t racksWanted = 0;
    bool used = false;
    for (uint32_t s = 0; s < m_fabric.segments.size(); ++s) {
      Segment& segment = m_fabric.segments[s];
      if (segment.subnet.length > 0) continue;
      used = true;
      if (!segment.hasHosts && segment.routers.size() == 2 && !segment.routers[0].isBridge &&
          !segment.routers[1].isBridge) {
        segment.subnet = {{linkEnd - 1}, 31};
        linkEnd -= 2;
        continue;
      }
      ++racksWanted;
      for (; next < prefixes; ++next) {
        segment.subnet = {{static_cast<uint32_t>(network.address.value + next * size)}, length};
        if (IsFree(segment.subnet)) break;
      }
      if (next++ >= prefixes) segment.subnet = {};
    }
    const uint64_t linkBytes = network.Broadcast().value - linkEnd;
    if (used && (next > prefixes || (linkBytes > 0 && next * size + linkBytes > network.Size())))
      m_context.Error(place, "{} is too small for {} networks of /{} and {} links", network.ToString(), racksWanted,
                      length, linkBytes / 2);
    if (used && network.Overlaps(m_cluster.network))
      m_context.Error(place, "the nodes' {} overlaps the pods' {}", network.ToString(), m_cluster.network.ToString());
  }

  void Address(uint32_t s) {
    Segment& segment = m_fabric.segments[s];
    const Ipv4Prefix& subnet = segment.subnet;
    const bool isLink = subnet.length == 31;
    const uint32_t low = subnet.address.value + (isLink ? 0 : 1);
    const uint32_t high = subnet.Broadcast().value - (isLink ? 0 : 1);
    std::set<uint32_t> taken;
    for (Host& host : m_hosts[s]) {
      if (host.port->address.length == 0) continue;
      const Ipv4Address address = host.port->address.address;
      if (!subnet.Contains(address) || address.value < low || address.value > high)
        m_context.Error(host.where, "{} of \"{}\" is not a host's address in {}", address.ToString(), *host.name,
                        subnet.ToString());
      host.port->address = {address, subnet.length};
      taken.insert(address.value);
    }
    uint32_t cursor = low;
    size_t missing = 0;
    auto lowest = [&]() -> Ipv4Address {
      while (cursor <= high && taken.contains(cursor)) ++cursor;
      if (cursor > high) {
        ++missing;
        return {low};
      }
      taken.insert(cursor);
      return {cursor};
    };
    for (Segment::Attachment& attachment : segment.routers) {
      attachment.address = lowest();
      Device& device = m_fabric.devices[attachment.device];
      const Ipv4Prefix address{attachment.address, subnet.length};
      if (attachment.isBridge)
        device.bridges[attachment.index].address = address;
      else
        device.ports[attachment.index].address = address;
    }
    // Node N of the cluster has address 10 + N, where there is room for that; else node N of the rack; else the lowest
    // free.
    const bool byClusterNumber =
        std::all_of(m_hosts[s].begin(), m_hosts[s].end(), [&](const Host& h) { return low + 9 + h.number <= high; });
    const bool byRackNumber = low + 9 + m_hosts[s].size() <= high;
    uint64_t inRack = 0;
    for (Host& host : m_hosts[s]) {
      ++inRack;
      if (host.port->address.length == 0) {
        const uint64_t wanted = low + 9 + (byClusterNumber ? host.number : inRack);
        Ipv4Address address{static_cast<uint32_t>(wanted)};
        if ((!byClusterNumber && !byRackNumber) || !taken.insert(address.value).second) address = lowest();
        host.port->address = {address, subnet.length};
      }
      if (!segment.routers.empty()) host.port->gateway = segment.routers.front().address;
    }
    if (missing > 0)
      m_context.Error(
          m_underlay.rackMaskSize.place.source != 0 ? Where{.place = m_underlay.rackMaskSize.place}
          : m_hosts[s].empty()                      ? Where{.place = m_underlay.network.place}
                                                    : m_hosts[s].front().where,
          "{} has room for {} addresses, and {} hosts and {} routers are there; give a shorter underlay.rackMaskSize",
          subnet.ToString(), high - low + 1, m_hosts[s].size(), segment.routers.size());
  }

  void CheckDuplicates() {
    std::unordered_map<uint32_t, const Host*> owners;
    for (const auto& hosts : m_hosts)
      for (const Host& host : hosts)
        if (auto [it, isNew] = owners.emplace(host.port->address.address.value, &host); !isNew)
          m_context.Error(host.where, "\"{}\" and \"{}\" have the same address {}", *it->second->name, *host.name,
                          host.port->address.address.ToString());
  }

  struct Given {
    Ipv4Prefix subnet;
    const Host* host;
  };
  const Context& m_context;
  const scenario::Underlay& m_underlay;
  Cluster& m_cluster;
  Fabric& m_fabric;
  std::vector<std::vector<Host>> m_hosts;  ///< by segment
  std::vector<Given> m_given;
};

}  // namespace

void AssignAddresses(const Context& context, Cluster& cluster, Fabric& fabric) {
  Addresser(context, cluster, fabric).Run();
}

std::optional<Fabric> BuildFabric(const Context& context, Cluster& cluster) {
  Fabric fabric;
  GenerateTopology(context, cluster, fabric);
  if (context.diagnostics.HasErrors()) return std::nullopt;
  FindSegments(context, cluster, fabric);
  AssignAddresses(context, cluster, fabric);
  if (context.diagnostics.HasErrors()) return std::nullopt;
  return fabric;
}

}  // namespace overlaysim::plan
