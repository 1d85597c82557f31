#include <algorithm>
#include <array>
#include <set>

#include "sim/plan/names.h"
#include "sim/plan/timeline.h"

namespace overlaysim::plan {
namespace {

constexpr size_t kCapturedNodes = 20;

/// Words of pcap-filter(7) that are never the name of a host.
constexpr std::array kFilterWords = {"and",     "or",        "not",       "host",      "src",     "dst",      "net",
                                     "port",    "portrange", "ip",        "arp",       "icmp",    "udp",      "tcp",
                                     "ether",   "vlan",      "broadcast", "multicast", "proto",   "less",     "greater",
                                     "gateway", "mask",      "ip6",       "vxlan",     "inbound", "outbound", "len"};

/// The filter with the names of pods, nodes and hosts replaced by their addresses.
std::string ResolveFilter(const std::string& filter, const ClusterPlan& plan, const CompiledPlan* cluster) {
  std::string out, word;
  auto flush = [&] {
    const bool isWord = std::any_of(kFilterWords.begin(), kFilterWords.end(), [&](const char* w) { return word == w; });
    const NetnsId netns = isWord || word.empty() || !cluster ? NetnsId() : plan.Find(word);
    const Ipv4Address address = netns ? cluster->AddressOf(netns) : Ipv4Address{};
    out += address.IsZero() ? word : address.ToString();
    word.clear();
  };
  for (char c : filter) {
    if (std::string_view(" \t()!&|[]:=<>").find(c) == std::string_view::npos) {
      word += c;
    } else {
      flush();
      out += c;
    }
  }
  flush();
  return out;
}

class CapturePlanner {
 public:
  CapturePlanner(const Context& context, const EndpointFinder& finder, ClusterPlan& plan, const CompiledPlan* cluster)
      : m_context(context), m_finder(finder), m_plan(plan), m_cluster(cluster) {}

  void Plan(const scenario::Capture& capture) {
    const auto found = m_finder.FindDevice(capture.on);
    if (!found) return;
    const std::string filter = ResolveFilter(capture.filter.value, m_plan, m_cluster);
    const auto snap = static_cast<uint32_t>(std::clamp<int64_t>(capture.snap.value.count, 1, 262144));
    std::vector<std::string> known;
    size_t taken = 0;
    for (const Endpoint& where : found->where) {
      const auto ns = m_plan.Materialise(where.netns);
      for (const kernel::Link* link : ns->Links()) {
        if (link->kind == kernel::LinkKind::Loopback && found->device != link->name) continue;
        known.push_back(link->name);
        if (!found->device.empty() && !MatchesPattern(found->device, link->name)) continue;
        Add(where.netns, link->name, filter, snap, link->kind);
        ++taken;
      }
    }
    if (taken > 0) return;
    if (IsMadeLater(found->device)) {
      for (const Endpoint& where : found->where) Add(where.netns, found->device, filter, snap);
      return;
    }
    m_context.Error(capture.on.place, "\"{}\" has no device \"{}\"{}", found->where.front().name, found->device,
                    Suggestion(found->device, known));
  }

  /// Where nobody said what to record: in clusters of up to 20 nodes, each node's outer and tunnel device and the pods
  /// that take part in traffic; in larger ones, the first 20 that take part in traffic, and their nodes.
  void PlanDefault() {
    std::set<NetnsId> pods, nodes;
    auto take = [&](NetnsId netns) {
      if (!netns || pods.size() >= kCapturedNodes) return;
      const NetnsInfo info = m_plan.Info(netns);
      if (info.role == NetnsRole::Pod || info.role == NetnsRole::External) pods.insert(netns);
      if (info.node) nodes.insert(m_cluster->NodeNetns(info.node));
    };
    for (const Workload& workload : m_plan.workloads) {
      take(workload.from);
      take(workload.to);
    }
    const size_t nodeCount = m_cluster->GetCluster().nodes.size();
    if (nodeCount <= kCapturedNodes)
      for (size_t n = 0; n < nodeCount; ++n) nodes.insert(m_cluster->NodeNetns(NodeId(n)));
    for (NetnsId node : nodes) {
      Add(node, "eth0", "", kWhole);
      for (const Tunnel& tunnel : m_cluster->GetProfile().tunnels) Add(node, tunnel.device, "", kWhole, tunnel.kind);
    }
    for (NetnsId pod : pods) Add(pod, "eth0", "", kWhole);
  }

 private:
  static constexpr uint32_t kWhole = 262144;

  void Add(NetnsId netns, const std::string& device, const std::string& filter, uint32_t snap,
           kernel::LinkKind kind = kernel::LinkKind::Physical) {
    m_plan.captures.push_back({.netns = netns,
                               .device = device,
                               .filter = filter,
                               .snapLength = snap,
                               .hasLinkHeader = kernel::HasLinkHeader(kind)});
  }

  bool IsMadeLater(const std::string& device) const {
    if (device.empty() || IsPattern(device)) return false;
    auto names = [&](const std::string& command) { return command.find(device) != std::string::npos; };
    return std::any_of(m_plan.events.begin(), m_plan.events.end(),
                       [&](const TimedEvent& e) { return names(e.command); }) ||
           std::any_of(m_plan.workloads.begin(), m_plan.workloads.end(),
                       [&](const Workload& w) { return names(w.command); });
  }

  const Context& m_context;
  const EndpointFinder& m_finder;
  ClusterPlan& m_plan;
  const CompiledPlan* m_cluster;
};

}  // namespace

void PlanCaptures(const Context& context, const EndpointFinder& finder, ClusterPlan& plan,
                  const CompiledPlan* cluster) {
  CapturePlanner planner(context, finder, plan, cluster);
  for (const scenario::Capture& capture : context.scenario.capture) planner.Plan(capture);
  if (context.scenario.capture.empty() && cluster && !context.diagnostics.HasErrors()) planner.PlanDefault();
}

}  // namespace overlaysim::plan
