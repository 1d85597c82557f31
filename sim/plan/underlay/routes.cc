#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/graph/filtered_graph.hpp>

#include "sim/plan/underlay/fabric.h"

namespace overlaysim::plan {
namespace {

/// Routing devices, segments and nodes with several uplinks are the vertices, in this order; an edge says where a
/// device or node is in a segment.
struct Attachment {
  CableId cable;        ///< none: a bridge's own address, which no cable's failure takes away
  int ifindex = 0;      ///< of the device
  Ipv4Address address;  ///< of the device or node in the segment
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, boost::no_property, Attachment>;
using Vertex = boost::graph_traits<Graph>::vertex_descriptor;

struct Vertices {
  const Fabric& fabric;
  Vertex Device(size_t d) const { return d; }
  Vertex Segment(size_t s) const { return fabric.devices.size() + s; }
  Vertex Host(size_t h) const { return fabric.devices.size() + fabric.segments.size() + h; }
  size_t Count() const { return fabric.devices.size() + fabric.segments.size() + fabric.uplinkHosts.size(); }
};

Graph MakeGraph(const Fabric& fabric, const Cluster& cluster, const DownCables& down) {
  const Vertices vertices{fabric};
  Graph graph(vertices.Count());
  auto isUp = [&](CableId cable) { return !cable || cable.value >= down.size() || !down[cable.value]; };
  for (size_t s = 0; s < fabric.segments.size(); ++s)
    for (const Segment::Attachment& at : fabric.segments[s].routers) {
      const plan::Device& device = fabric.devices[at.device];
      const CableId cable = at.isBridge ? CableId() : device.ports[at.index].cable;
      const int ifindex = at.isBridge ? device.BridgeIfindex(at.index) : device.PortIfindex(at.index);
      if (isUp(cable))
        boost::add_edge(vertices.Device(at.device), vertices.Segment(s), Attachment{cable, ifindex, at.address}, graph);
    }
  for (size_t h = 0; h < fabric.uplinkHosts.size(); ++h)
    for (const Port& port : cluster.nodes[fabric.uplinkHosts[h]].ports)
      if (isUp(port.cable))
        boost::add_edge(vertices.Host(h), vertices.Segment(port.segment),
                        Attachment{port.cable, 0, port.address.address}, graph);
  return graph;
}

/// First hops of all shortest paths from one device. Breadth first, so a vertex is complete before those behind it are
/// reached.
struct FirstHops {
  std::vector<uint32_t> distance;
  std::vector<std::vector<kernel::NextHop>> hops;

  void Add(Vertex v, const kernel::NextHop& hop) {
    auto& list = hops[v];
    if (std::find(list.begin(), list.end(), hop) == list.end()) list.push_back(hop);
  }
};

class Visitor : public boost::default_bfs_visitor {
 public:
  explicit Visitor(FirstHops& out) : m_out(out) {}
  template <typename G>
  void examine_edge(const Graph::edge_descriptor& edge, const G& graph) const {
    const Vertex u = source(edge, graph), v = target(edge, graph);
    constexpr uint32_t kUnreached = ~uint32_t{0};
    if (m_out.distance[v] == kUnreached) m_out.distance[v] = m_out.distance[u] + 1;
    if (m_out.distance[v] != m_out.distance[u] + 1) return;
    switch (m_out.distance[v]) {
      case 1:  // a segment that the device is in
        m_out.Add(v, {.ifindex = graph[edge].ifindex});
        break;
      case 2:  // a neighbour there: it is the gateway, on each of the ways
        for (const kernel::NextHop& hop : m_out.hops[u]) {
          kernel::NextHop via = hop;
          via.gateway = graph[edge].address;
          m_out.Add(v, via);
        }
        break;
      default:
        for (const kernel::NextHop& hop : m_out.hops[u]) m_out.Add(v, hop);
    }
  }

 private:
  FirstHops& m_out;
};

/// Hosts do not pass packets on: their edges are walked towards them only.
struct NotOutOfHosts {
  const Graph* graph = nullptr;
  size_t firstHost = 0;
  bool operator()(const Graph::edge_descriptor& edge) const { return source(edge, *graph) < firstHost; }
};

}  // namespace

std::vector<kernel::Route> RoutesOf(const Fabric& fabric, const Cluster& cluster, uint32_t device,
                                    const DownCables& down) {
  const Vertices vertices{fabric};
  const Graph graph = MakeGraph(fabric, cluster, down);
  FirstHops found{std::vector<uint32_t>(vertices.Count(), ~uint32_t{0}),
                  std::vector<std::vector<kernel::NextHop>>(vertices.Count())};
  found.distance[vertices.Device(device)] = 0;
  const boost::filtered_graph<Graph, NotOutOfHosts> walkable(graph, {&graph, vertices.Host(0)});
  boost::breadth_first_search(walkable, vertices.Device(device), boost::visitor(Visitor(found)));

  std::vector<kernel::Route> routes;
  auto add = [&](Vertex v, const Ipv4Prefix& dst) {
    if (found.hops[v].empty()) return;
    kernel::Route route{.dst = dst, .protocol = kernel::kProtoStatic, .nextHops = found.hops[v]};
    std::sort(route.nextHops.begin(), route.nextHops.end(), [](const kernel::NextHop& a, const kernel::NextHop& b) {
      return std::tie(a.ifindex, a.gateway) < std::tie(b.ifindex, b.gateway);
    });
    routes.push_back(std::move(route));
  };
  for (size_t s = 0; s < fabric.segments.size(); ++s)
    if (fabric.segments[s].hasHosts && found.distance[vertices.Segment(s)] > 1)
      add(vertices.Segment(s), fabric.segments[s].subnet);
  for (size_t h = 0; h < fabric.uplinkHosts.size(); ++h)
    add(vertices.Host(h), {cluster.nodes[fabric.uplinkHosts[h]].Address(), 32});
  std::sort(routes.begin(), routes.end(), [](const auto& a, const auto& b) { return a.dst < b.dst; });
  return routes;
}

}  // namespace overlaysim::plan
