#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sim/plan/names.h"
#include "sim/plan/timeline.h"

namespace overlaysim::plan {
namespace {

using scenario::Expect;
using scenario::Probe;

constexpr size_t kMaxProbes = 10'000;

int64_t Number(int64_t value) { return value; }
int64_t Number(scenario::Percent value) { return value.millionths; }
int64_t Number(Nanoseconds value) { return value.count; }

template <typename T>
Bounds BoundsOf(const scenario::Comparison<T>& written) {
  Bounds out;
  auto take = [](const scenario::Optional<T>& from, std::optional<int64_t>& to) {
    if (from) to = Number(from->value);
  };
  take(written.below, out.below);
  take(written.above, out.above);
  take(written.max, out.max);
  take(written.min, out.min);
  take(written.is, out.is);
  if (written.between) out.between = {Number(written.between->value[0]), Number(written.between->value[1])};
  return out;
}

class ExpectationPlanner {
 public:
  ExpectationPlanner(const Context& context, const EndpointFinder& finder, ClusterPlan& plan)
      : m_context(context), m_finder(finder), m_plan(plan), m_trafficFlows(plan.workloads.size()) {}

  void Plan(const Expect& expect) {
    Expectation out;
    out.place = m_context.scenario.PlaceOf(expect.place);
    if (expect.deadline) out.deadline = expect.deadline->value;
    if (expect.during) out.during = expect.during->value;
    bool isPlanned = false;
    if (expect.reach)
      isPlanned = PlanProbes(Expectation::Kind::Reach, "reach", *expect.reach, expect, out);
    else if (expect.notReach)
      isPlanned = PlanProbes(Expectation::Kind::NotReach, "notReach", *expect.notReach, expect, out);
    else if (expect.path)
      isPlanned = PlanPath(expect, out);
    else if (expect.loss)
      isPlanned = PlanLoss(expect, out);
    else if (expect.rtt)
      isPlanned = PlanTimes(Expectation::Kind::Rtt, "rtt", *expect.rtt, expect, out);
    else if (expect.completion)
      isPlanned = PlanTimes(Expectation::Kind::Completion, "completion", *expect.completion, expect, out);
    else if (expect.mtu)
      isPlanned = PlanMtu(expect, out);
    else if (expect.drops)
      isPlanned = PlanDrops(expect, out);
    else if (expect.converged)
      isPlanned = PlanConverged(expect, out);
    if (!isPlanned) return;
    if (expect.name) out.text = expect.name->value;
    m_plan.expectations.push_back(std::move(out));
  }

 private:
  struct Ends {
    std::vector<Endpoint> from, to;
  };
  std::optional<Ends> EndsOf(const char* what, const Probe& probe, const Expect& expect) {
    if (!probe.from || !probe.to) {
      m_context.Error(expect.place, "\"{}\" needs \"from\" and \"to\"", what);
      return std::nullopt;
    }
    Ends ends{m_finder.Find(*probe.from, false), m_finder.Find(*probe.to, true)};
    if (ends.from.empty() || ends.to.empty()) return std::nullopt;
    return ends;
  }

  static std::string Text(const char* what, const Probe& probe) {
    std::string out =
        fmt::format("{} {} -> {}", what, probe.from ? probe.from->value : "*", probe.to ? probe.to->value : "*");
    if (probe.tcp) out += fmt::format(", tcp {}", probe.tcp->value);
    if (probe.udp) out += fmt::format(", udp {}", probe.udp->value);
    if (probe.family && probe.family->value == scenario::IpFamily::Ipv6) out += ", ipv6";
    return out;
  }

  /// Packets that are sent for the expectation's sake: one from each source to each destination.
  bool PlanProbes(Expectation::Kind kind, const char* what, const Probe& probe, const Expect& expect,
                  Expectation& out) {
    const auto ends = EndsOf(what, probe, expect);
    if (!ends) return false;
    if (ends->from.size() * ends->to.size() > kMaxProbes) {
      m_context.Error(expect.place, "\"{}\" would try {} pairs; at most {} are tried", what,
                      ends->from.size() * ends->to.size(), kMaxProbes);
      return false;
    }
    out.kind = kind;
    out.text = Text(what, probe);
    for (const Endpoint& a : ends->from)
      for (const Endpoint& b : ends->to) {
        if (a.netns == b.netns) continue;
        Workload w;
        w.id = FlowId(m_plan.workloads.size());
        w.kind = probe.tcp ? WorkloadKind::Tcp : probe.udp ? WorkloadKind::Udp : WorkloadKind::Ping;
        w.isProbe = true;
        w.name = fmt::format("probe {} -> {}", a.name, b.name);
        w.from = a.netns;
        w.fromName = a.name;
        w.to = b.netns;
        w.toName = b.name;
        w.destination = m_finder.AddressOf(b, *probe.to, probe.family);
        w.want = true;
        if (probe.tcp) w.destinationPort = probe.tcp->value;
        if (probe.udp) w.destinationPort = probe.udp->value;
        if (expect.at) w.start = expect.at->value;
        if (out.deadline) w.timeout = *out.deadline;
        out.flows.push_back(w.id);
        m_plan.workloads.push_back(std::move(w));
      }
    if (!out.flows.empty()) return true;
    m_context.Error(expect.place, "\"from\" and \"to\" make no pair");
    return false;
  }

  /// The scenario's own flows between these ends; left-out ends mean any.
  bool TakeFlows(const char* what, const Probe& probe, const Expect& expect, Expectation& out) {
    auto netnsOf = [&](const scenario::OptionalText& text, bool allowAddress, std::set<NetnsId>& all) {
      if (!text) return true;
      for (const Endpoint& endpoint : m_finder.Find(*text, allowAddress)) all.insert(endpoint.netns);
      return !all.empty();
    };
    std::set<NetnsId> from, to;
    if (!netnsOf(probe.from, false, from) || !netnsOf(probe.to, true, to)) return false;
    for (size_t i = 0; i < m_trafficFlows; ++i) {
      const Workload& w = m_plan.workloads[i];
      if ((from.empty() || from.contains(w.from)) && (to.empty() || to.contains(m_plan.FindByAddress(w.destination))))
        out.flows.push_back(w.id);
    }
    out.text = Text(what, probe);
    if (!out.flows.empty()) return true;
    m_context.Error(expect.place, "\"{}\": the scenario has no traffic between these two", what);
    return false;
  }

  bool NeedBounds(bool isEmpty, const char* what, const Expect& expect) {
    if (isEmpty) m_context.Error(expect.place, "\"{}\" needs a bound: below, above, max, min, is or between", what);
    return !isEmpty;
  }

  bool PlanLoss(const Expect& expect, Expectation& out) {
    out.kind = Expectation::Kind::Loss;
    out.share = BoundsOf(expect.share);
    return TakeFlows("loss", *expect.loss, expect, out) && NeedBounds(out.share.IsEmpty(), "loss", expect);
  }

  bool PlanTimes(Expectation::Kind kind, const char* what, const Probe& probe, const Expect& expect, Expectation& out) {
    out.kind = kind;
    auto take = [&](RttFigure figure, const std::optional<scenario::Comparison<Nanoseconds>>& bounds) {
      if (bounds) out.rtt.emplace_back(figure, BoundsOf(*bounds));
    };
    take(RttFigure::P50, expect.p50);
    take(RttFigure::P90, expect.p90);
    take(RttFigure::P99, expect.p99);
    take(RttFigure::P999, expect.p999);
    take(RttFigure::Mean, expect.mean);
    take(RttFigure::All, expect.all);
    return TakeFlows(what, probe, expect, out) && NeedBounds(out.rtt.empty(), what, expect);
  }

  bool PlanPath(const Expect& expect, Expectation& out) {
    if (!PlanProbes(Expectation::Kind::Path, "path", *expect.path, expect, out)) return false;
    auto resolve = [&](const std::vector<scenario::Text>& names, std::vector<std::vector<NetnsId>>& steps) {
      for (const scenario::Text& name : names) {
        steps.emplace_back();
        for (const Endpoint& endpoint : m_finder.Find(name, false)) steps.back().push_back(endpoint.netns);
      }
    };
    resolve(expect.through, out.through);
    resolve(expect.avoids, out.avoids);
    if (out.through.empty() && out.avoids.empty())
      m_context.Error(expect.place, "\"path\" needs \"through\" or \"avoids\"");
    return true;
  }

  bool PlanMtu(const Expect& expect, Expectation& out) {
    const auto ends = EndsOf("mtu", *expect.mtu, expect);
    if (!ends) return false;
    if (ends->from.size() != 1 || ends->to.size() != 1) {
      m_context.Error(expect.place, "\"mtu\" is between one and one other");
      return false;
    }
    out.kind = Expectation::Kind::Mtu;
    out.text = Text("mtu", *expect.mtu);
    out.from = ends->from.front().netns;
    out.to = ends->to.front().netns;
    out.number = BoundsOf(expect.number);
    return NeedBounds(out.number.IsEmpty(), "mtu", expect);
  }

  bool PlanDrops(const Expect& expect, Expectation& out) {
    out.kind = Expectation::Kind::Drops;
    out.number = BoundsOf(expect.number);
    if (expect.drops->verdict) out.verdict = expect.drops->verdict->value;
    out.text = out.verdict.empty() ? "drops" : fmt::format("drops of {}", out.verdict);
    if (expect.drops->on) {
      const auto device = m_finder.FindDevice(*expect.drops->on);
      if (!device) return false;
      for (const Endpoint& where : device->where) out.on.push_back({where.netns, device->device});
      out.text += " at " + expect.drops->on->value;
    }
    return NeedBounds(out.number.IsEmpty(), "drops", expect);
  }

  bool PlanConverged(const Expect& expect, Expectation& out) {
    out.kind = Expectation::Kind::Converged;
    out.text = "converged " + expect.converged->value;
    if (expect.before) out.deadline = expect.before->value;
    for (size_t i = 0; i < m_plan.NetnsCount(); ++i) {
      const NetnsInfo info = m_plan.Info(NetnsId(i));
      if (info.role == NetnsRole::Node && MatchesPattern(expect.converged->value, info.name))
        out.nodes.push_back(info.id);
    }
    if (!m_plan.HasAgents())
      m_context.Error(expect.place, "\"converged\" needs \"controlPlane\": without, all is in force always");
    else if (out.nodes.empty())
      m_context.Error(expect.converged->place, "\"{}\" is no node", expect.converged->value);
    return m_plan.HasAgents() && !out.nodes.empty();
  }

  const Context& m_context;
  const EndpointFinder& m_finder;
  ClusterPlan& m_plan;
  size_t m_trafficFlows;
};

}  // namespace

void PlanExpectations(const Context& context, const EndpointFinder& finder, ClusterPlan& plan) {
  ExpectationPlanner planner(context, finder, plan);
  for (const Expect& expect : context.scenario.expect) planner.Plan(expect);
}

}  // namespace overlaysim::plan
