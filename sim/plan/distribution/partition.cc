#include "sim/plan/distribution/partition.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/breadth_first_search.hpp>
#include <boost/pending/disjoint_sets.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

namespace overlaysim {
namespace {

/// A segment of a bulk transfer, and what answers to two of them.
constexpr double kSegmentBytes = 1448;
constexpr double kPacketsPerSegment = 1.5;

/// What is never divided: a rack with all in it, or a switch to which no host is connected.
struct Block {
  uint32_t nodes = 0, pods = 0, switches = 0;
  double work = 0;
  bool IsRack() const { return nodes > 0; }
};
/// All cables between two blocks.
struct Trunk {
  double packets = 0;
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS, Block, Trunk>;
using Vertex = boost::graph_traits<Graph>::vertex_descriptor;
using Edge = boost::graph_traits<Graph>::edge_descriptor;

/// Packets between two blocks, by source.
using Demand = std::map<Vertex, std::map<Vertex, double>>;

bool IsHost(NetnsRole role) { return role == NetnsRole::Node || role == NetnsRole::External || role == NetnsRole::Pod; }

/// Which namespaces belong to one block: those of one kernel, and a host with the switches beside it.
std::vector<uint32_t> FindBlocks(const ClusterPlan& plan, const std::vector<NetnsInfo>& infos, uint32_t& count) {
  const size_t netnsCount = plan.NetnsCount();
  std::vector<size_t> rank(netnsCount), parent(netnsCount);
  boost::disjoint_sets<size_t*, size_t*> sets(rank.data(), parent.data());
  for (size_t i = 0; i < netnsCount; ++i) sets.make_set(i);
  std::map<uint32_t, size_t> firstOfKernel;
  for (size_t i = 0; i < netnsCount; ++i) {
    const auto [first, isNew] = firstOfKernel.try_emplace(infos[i].kernel, i);
    if (!isNew) sets.union_set(first->second, i);
  }
  for (const CablePlan& cable : plan.cables)
    if (IsHost(infos[cable.a.netns.value].role) || IsHost(infos[cable.b.netns.value].role))
      sets.union_set(size_t{cable.a.netns.value}, size_t{cable.b.netns.value});
  // numbered by their first namespace
  std::map<size_t, uint32_t> numbers;
  std::vector<uint32_t> blockOf(netnsCount);
  for (size_t i = 0; i < netnsCount; ++i)
    blockOf[i] = numbers.try_emplace(sets.find_set(i), static_cast<uint32_t>(numbers.size())).first->second;
  count = static_cast<uint32_t>(numbers.size());
  return blockOf;
}

/// What a line of traffic sends, there and back.
std::pair<double, double> PacketsOf(const Workload& w) {
  switch (w.kind) {
    case WorkloadKind::Ping:
    case WorkloadKind::Rpc:
      return {w.count, w.count};
    case WorkloadKind::Udp:
      return {w.count, 0};
    case WorkloadKind::Tcp: {
      const double up = static_cast<double>(w.up) / kSegmentBytes, down = static_cast<double>(w.down) / kSegmentBytes;
      return {up + (kPacketsPerSegment - 1) * down + 2, down + (kPacketsPerSegment - 1) * up + 2};
    }
    case WorkloadKind::Inject:
      return {static_cast<double>(w.frames.size()), 0};
    case WorkloadKind::Command:
      return {1, 1};
  }
  return {};
}

class Divider {
 public:
  Divider(const ClusterPlan& plan, uint32_t ranks) : m_plan(plan), m_ranks(ranks) {
    for (size_t i = 0; i < plan.NetnsCount(); ++i) m_infos.push_back(plan.Info(NetnsId(i)));
    uint32_t count = 0;
    m_blockOf = FindBlocks(plan, m_infos, count);
    m_graph = Graph(count);
    for (size_t i = 0; i < m_infos.size(); ++i) {
      Block& block = m_graph[m_blockOf[i]];
      block.nodes += m_infos[i].role == NetnsRole::Node;
      block.pods += m_infos[i].role == NetnsRole::Pod;
      block.switches += m_infos[i].role == NetnsRole::Leaf || m_infos[i].role == NetnsRole::Spine ||
                        m_infos[i].role == NetnsRole::Router;
    }
    for (const CablePlan& cable : plan.cables) {
      const uint32_t a = m_blockOf[cable.a.netns.value], b = m_blockOf[cable.b.netns.value];
      if (a != b && !boost::edge(a, b, m_graph).second) boost::add_edge(a, b, m_graph);
    }
    SpreadTraffic();
    double work = 0;
    for (Vertex v = 0; v < count; ++v) work += m_graph[v].work;
    for (Vertex v = 0; v < count; ++v)  // without traffic, by what there is
      m_weight.push_back(work > 0 ? m_graph[v].work : m_graph[v].nodes + m_graph[v].switches);
  }

  std::optional<Partition> Divide(std::string& error) {
    std::vector<Vertex> racks, others;
    for (Vertex v = 0; v < boost::num_vertices(m_graph); ++v) (m_graph[v].IsRack() ? racks : others).push_back(v);
    if (m_ranks > std::max<size_t>(racks.size(), 1)) {
      error = racks.size() > 1 ? fmt::format("the cluster has {} racks: at most {} ranks, not {}", racks.size(),
                                             racks.size(), m_ranks)
                               : fmt::format(
                                     "the cluster cannot be divided among {} ranks: no two of its nodes are in "
                                     "different racks (behind switches of their own)",
                                     m_ranks);
      return std::nullopt;
    }
    PlaceRacks(racks);
    for (const Vertex v : others) PlaceSwitch(v);
    Refine(racks);
    Refine(others);
    Partition partition = Describe();
    if (!FindLookahead(partition, error)) return std::nullopt;
    return partition;
  }

 private:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  static constexpr double kMayDiffer = 0.03;  ///< of the work of ranks

  /// Each line of traffic is spread over all shortest ways between its ends, as routers with equal costs spread it.
  void SpreadTraffic() {
    Demand demand;
    for (const Workload& w : m_plan.workloads) {
      const NetnsId to = w.to.IsNone() ? m_plan.FindByAddress(w.destination) : w.to;
      const auto [there, back] = PacketsOf(w);
      const Vertex a = m_blockOf[w.from.value], b = to.IsNone() ? a : m_blockOf[to.value];
      demand[a][b] += there;
      demand[b][a] += back;
    }
    for (const auto& [source, packets] : demand) SpreadFrom(source, packets);
  }

  void SpreadFrom(Vertex source, const std::map<Vertex, double>& packets) {
    const size_t count = boost::num_vertices(m_graph);
    std::vector<uint32_t> distance(count, UINT32_MAX);
    std::vector<Vertex> order;
    distance[source] = 0;
    struct Visitor : boost::default_bfs_visitor {
      Visitor(std::vector<uint32_t>& d, std::vector<Vertex>& o) : distances(d), found(o) {}
      void discover_vertex(Vertex v, const Graph&) { found.push_back(v); }
      void tree_edge(Edge e, const Graph& g) { distances[boost::target(e, g)] = distances[boost::source(e, g)] + 1; }
      std::vector<uint32_t>& distances;
      std::vector<Vertex>& found;
    };
    boost::breadth_first_search(m_graph, source, boost::visitor(Visitor(distance, order)));
    std::vector<double> ways(count, 0), arriving(count, 0);
    ways[source] = 1;
    auto eachPrevious = [&](Vertex v, auto&& visit) {
      for (auto [e, end] = boost::out_edges(v, m_graph); e != end; ++e)
        if (const Vertex u = boost::target(*e, m_graph); distance[u] + 1 == distance[v]) visit(u, *e);
    };
    for (const Vertex v : order) eachPrevious(v, [&](Vertex u, Edge) { ways[v] += ways[u]; });
    for (const auto& [target, n] : packets) arriving[target] += n;
    for (size_t i = order.size(); i-- > 0;) {
      const Vertex v = order[i];
      const double through = arriving[v];
      if (through == 0) continue;
      // In a rack, a packet passes its node and its switch; one that stays there, two nodes.
      const auto here = packets.find(v);
      const double ends = here == packets.end() ? 0 : here->second;
      m_graph[v].work += through + ends;
      if (v == source) m_graph[v].work += through;
      eachPrevious(v, [&](Vertex u, Edge e) {
        const double share = through * ways[u] / ways[v];
        m_graph[e].packets += share;
        arriving[u] += share;
      });
    }
  }

  double AffinityTo(Vertex v, uint32_t rank) const {
    double packets = 0;
    for (auto [e, end] = boost::out_edges(v, m_graph); e != end; ++e)
      if (m_rankOf[boost::target(*e, m_graph)] == rank) packets += m_graph[*e].packets;
    return packets;
  }
  void Assign(Vertex v, uint32_t rank) {
    if (m_rankOf[v] != kNowhere) m_load[m_rankOf[v]] -= m_weight[v];
    m_rankOf[v] = rank;
    m_load[rank] += m_weight[v];
  }
  double HeaviestLoad() const { return *std::max_element(m_load.begin(), m_load.end()); }
  void Clear() {
    m_rankOf.assign(boost::num_vertices(m_graph), kNowhere);
    m_load.assign(m_ranks, 0);
  }

  /// In their order, because neighbours of a large fabric are numbered one after the other; or, where that leaves the
  /// ranks too different, the heaviest first, each where least is.
  void PlaceRacks(const std::vector<Vertex>& racks) {
    Clear();
    std::vector<Vertex> byWeight = racks;
    std::stable_sort(byWeight.begin(), byWeight.end(), [&](Vertex a, Vertex b) { return m_weight[a] > m_weight[b]; });
    for (const Vertex v : byWeight)
      Assign(v, static_cast<uint32_t>(std::min_element(m_load.begin(), m_load.end()) - m_load.begin()));
    const double best = HeaviestLoad();
    const std::vector<uint32_t> balanced = m_rankOf;
    Clear();
    const double all = std::accumulate(m_weight.begin(), m_weight.end(), 0.0, std::plus<>());
    double racksWeight = 0, placed = 0;
    for (const Vertex v : racks) racksWeight += m_weight[v];
    uint32_t rank = 0;
    for (size_t i = 0; i < racks.size(); ++i) {
      const bool isFull = placed + m_weight[racks[i]] / 2 > racksWeight * (rank + 1) / m_ranks;
      const bool isNeeded = racks.size() - i < m_ranks - rank;  // each rank gets one
      if (rank + 1 < m_ranks && m_load[rank] > 0 && (isFull || isNeeded)) ++rank;
      Assign(racks[i], rank);
      placed += m_weight[racks[i]];
    }
    const bool isEmptyAnywhere = std::find(m_load.begin(), m_load.end(), 0.0) != m_load.end();
    if (!isEmptyAnywhere && HeaviestLoad() <= best + kMayDiffer * all / m_ranks) return;
    Clear();
    for (const Vertex v : racks) Assign(v, balanced[v]);
  }

  /// Where most of its packets come from and go to, as long as that rank has not more than its part; else where least
  /// is.
  void PlaceSwitch(Vertex v) {
    const double all = std::accumulate(m_weight.begin(), m_weight.end(), 0.0, std::plus<>());
    const double most = all / m_ranks * (1 + kMayDiffer);
    auto isBetter = [&](uint32_t a, uint32_t b) {
      const bool roomA = m_load[a] + m_weight[v] <= most, roomB = m_load[b] + m_weight[v] <= most;
      if (roomA != roomB) return roomA;
      const double nearA = AffinityTo(v, a), nearB = AffinityTo(v, b);
      return roomA && nearA != nearB ? nearA > nearB : m_load[a] < m_load[b];
    };
    uint32_t best = 0;
    for (uint32_t rank = 1; rank < m_ranks; ++rank)
      if (isBetter(rank, best)) best = rank;
    Assign(v, best);
  }

  /// Exchanges blocks of about the same weight between ranks while fewer packets cross afterwards (Kernighan, Lin
  /// 1970).
  void Refine(const std::vector<Vertex>& blocks) {
    constexpr size_t kMostBlocks = 512;  // more would take longer than it saves
    constexpr int kPasses = 4;
    if (blocks.size() > kMostBlocks) return;
    auto gain = [&](Vertex a, Vertex b) {
      const auto edge = boost::edge(a, b, m_graph);
      return AffinityTo(a, m_rankOf[b]) - AffinityTo(a, m_rankOf[a]) + AffinityTo(b, m_rankOf[a]) -
             AffinityTo(b, m_rankOf[b]) - (edge.second ? 2 * m_graph[edge.first].packets : 0);
    };
    bool any = true;
    for (int pass = 0; any && pass < kPasses; ++pass) {
      any = false;
      for (size_t i = 0; i < blocks.size(); ++i)
        for (size_t j = i + 1; j < blocks.size(); ++j) {
          const Vertex a = blocks[i], b = blocks[j];
          const double heavier = std::max(m_weight[a], m_weight[b]);
          if (m_rankOf[a] == m_rankOf[b] || std::abs(m_weight[a] - m_weight[b]) > kMayDiffer * heavier ||
              gain(a, b) <= 1e-6 * heavier)
            continue;
          const uint32_t rankA = m_rankOf[a];
          Assign(a, m_rankOf[b]);
          Assign(b, rankA);
          any = true;
        }
    }
  }

  Partition Describe() const {
    Partition partition;
    partition.parts.resize(m_ranks);
    for (const uint32_t block : m_blockOf) partition.rankOf.push_back(m_rankOf[block]);
    for (Vertex v = 0; v < boost::num_vertices(m_graph); ++v) {
      const Block& block = m_graph[v];
      Partition::Part& part = partition.parts[m_rankOf[v]];
      part.racks += block.IsRack();
      part.nodes += block.nodes;
      part.pods += block.pods;
      part.switches += block.switches;
      part.work += block.work;
    }
    for (auto [e, end] = boost::edges(m_graph); e != end; ++e)
      for (const Vertex v : {boost::source(*e, m_graph), boost::target(*e, m_graph)})
        if (m_rankOf[boost::source(*e, m_graph)] != m_rankOf[boost::target(*e, m_graph)])
          partition.parts[m_rankOf[v]].crossings += m_graph[*e].packets / 2;
    for (const CablePlan& cable : m_plan.cables) {
      const uint32_t a = partition.RankOf(cable.a.netns), b = partition.RankOf(cable.b.netns);
      if (a == b) continue;
      ++partition.cutCables;
      ++partition.parts[a].cutCables;
      ++partition.parts[b].cutCables;
    }
    return partition;
  }

  bool FindLookahead(Partition& partition, std::string& error) const {
    const CablePlan* shortest = nullptr;
    Nanoseconds lookahead;
    auto consider = [&](const CablePlan& cable, Nanoseconds delay) {
      if (partition.RankOf(cable.a.netns) == partition.RankOf(cable.b.netns)) return;
      if (shortest && delay >= lookahead) return;
      shortest = &cable;
      lookahead = delay;
    };
    for (const CablePlan& cable : m_plan.cables) consider(cable, cable.delay);
    for (const TimedEvent& event : m_plan.events)
      if (event.kind == TimedEvent::Kind::CableChange) consider(m_plan.cables[event.cable.value], event.becomes.delay);
    if (shortest && lookahead.count <= 0) {
      error = fmt::format("the cable {} has no delay: ranks need the delay of the cables between them to go ahead in",
                          shortest->name);
      return false;
    }
    partition.lookahead = lookahead;
    return true;
  }

  const ClusterPlan& m_plan;
  const uint32_t m_ranks;
  std::vector<NetnsInfo> m_infos;  ///< by namespace
  std::vector<uint32_t> m_blockOf;
  Graph m_graph;
  std::vector<double> m_weight;    ///< by block: what is balanced
  std::vector<uint32_t> m_rankOf;  ///< by block
  std::vector<double> m_load;      ///< by rank
};

}  // namespace

double Partition::Work() const {
  return std::accumulate(parts.begin(), parts.end(), 0.0, [](double sum, const Part& part) { return sum + part.work; });
}

std::optional<Partition> DividePlan(const ClusterPlan& plan, uint32_t ranks, std::string& error) {
  if (ranks == 0) {
    error = "a run has at least one rank";
    return std::nullopt;
  }
  return Divider(plan, ranks).Divide(error);
}

// ------------------------------------------------------------------------------------------------ model

double CostModel::Windows(const ClusterPlan& plan, const Partition& partition) const {
  if (partition.lookahead.count <= 0) return 0;
  Nanoseconds begin = plan.duration, end = plan.duration;
  for (const Workload& w : plan.workloads) {
    begin = std::min(begin.count > 0 ? begin : w.start, w.start);
    if (plan.duration.count == 0)
      end = std::max(end, w.start + w.interval * static_cast<int64_t>(w.count > 0 ? w.count - 1 : 0));
  }
  const double span = static_cast<double>((end - begin).count) / static_cast<double>(partition.lookahead.count) + 1;
  return std::min(span, std::max(partition.Work(), 1.0));  // nothing to do, no window
}

double CostModel::SecondsAlone(const Partition& partition) const { return partition.Work() * passSeconds; }

double CostModel::SecondsTogether(const ClusterPlan& plan, const Partition& partition) const {
  if (partition.Ranks() == 1) return SecondsAlone(partition);
  double slowest = 0;
  for (const Partition::Part& part : partition.parts)
    slowest = std::max(slowest, part.work * passSeconds + part.crossings * crossingSeconds);
  const double steps = std::ceil(std::log2(partition.Ranks()));
  return slowest + Windows(plan, partition) * windowSeconds * steps;
}

double CostModel::SpeedUp(const ClusterPlan& plan, const Partition& partition) const {
  const double together = SecondsTogether(plan, partition);
  return together > 0 ? SecondsAlone(partition) / together : 1;
}

double CostModel::Memory(const ClusterPlan& plan, const Partition& partition, uint32_t rank) const {
  // The program, and what every rank has of all: names and addresses; then what it has of its own (docs/benchmarks.md).
  constexpr double kProgram = 20 << 20, kPlanOfNode = 4 << 10, kPlanOfPod = 16, kNode = 20 << 10, kFlow = 30 << 10;
  double nodes = 0, pods = 0;
  for (const Partition::Part& part : partition.parts) {
    nodes += part.nodes;
    pods += part.pods;
  }
  const Partition::Part& part = partition.parts[rank];
  const double share = partition.Work() > 0 ? part.work / partition.Work() : 0;
  return kProgram + nodes * kPlanOfNode + pods * kPlanOfPod + part.nodes * kNode +
         share * static_cast<double>(plan.workloads.size()) * kFlow;
}

}  // namespace overlaysim
