#include "sim/run/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "models/host/stack.h"
#include "sim/run/simulation.h"

namespace overlaysim {
namespace {

using Kind = Expectation::Kind;

constexpr int64_t kMinPacketBytes = 28;  // an echo request without payload
constexpr int64_t kMaxPacketBytes = 65535;

template <typename Show>
std::string Describe(const Bounds& bounds, Show&& show) {
  std::vector<std::string> parts;
  if (bounds.is) parts.push_back(show(*bounds.is));
  if (bounds.below) parts.push_back("below " + show(*bounds.below));
  if (bounds.above) parts.push_back("above " + show(*bounds.above));
  if (bounds.min) parts.push_back("at least " + show(*bounds.min));
  if (bounds.max) parts.push_back("at most " + show(*bounds.max));
  if (bounds.between)
    parts.push_back(fmt::format("between {} and {}", show(bounds.between->first), show(bounds.between->second)));
  return fmt::format("{}", fmt::join(parts, " and "));
}

std::string ShowNumber(int64_t value) { return fmt::format("{}", value); }
std::string ShowBytes(int64_t value) { return fmt::format("{} bytes", value); }
std::string ShowTime(int64_t ns) { return Nanoseconds{ns}.ToString(); }
/// Millionths as a percentage, "0.25 %".
std::string ShowShare(int64_t millionths) {
  std::string digits = fmt::format("{}.{:04}", millionths / 10000, millionths % 10000);
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits + " %";
}

const char* FigureName(RttFigure figure) {
  switch (figure) {
    case RttFigure::P50:
      return "p50";
    case RttFigure::P90:
      return "p90";
    case RttFigure::P99:
      return "p99";
    case RttFigure::P999:
      return "p99.9";
    case RttFigure::Mean:
      return "mean";
    case RttFigure::All:
      return "every one";
  }
  return "";
}

/// What one figure is; of All the extreme that is farther from the bounds.
int64_t FigureOf(const Histogram& rtt, RttFigure figure, const Bounds& bounds) {
  switch (figure) {
    case RttFigure::P50:
      return rtt.Quantile(1, 2);
    case RttFigure::P90:
      return rtt.Quantile(9, 10);
    case RttFigure::P99:
      return rtt.Quantile(99, 100);
    case RttFigure::P999:
      return rtt.Quantile(999, 1000);
    case RttFigure::Mean:
      return rtt.Mean();
    case RttFigure::All:
      return bounds.Holds(rtt.Min()) ? rtt.Max() : rtt.Min();
  }
  return 0;
}

class JudgeOfRun {
 public:
  JudgeOfRun(const Simulation& simulation, const FlowAccount& account) : m_simulation(simulation), m_account(account) {}

  Judgement Of(const Expectation& e, const std::vector<int64_t>& mtus) {
    Judgement j{.text = e.text, .place = e.place};
    switch (e.kind) {
      case Kind::Reach:
        Reach(e, j);
        break;
      case Kind::NotReach:
        NotReach(e, j);
        break;
      case Kind::Loss:
        Loss(e, j);
        break;
      case Kind::Rtt:
        Rtt(e, j);
        break;
      case Kind::Completion:
        Completion(e, j);
        break;
      case Kind::Path:
        Path(e, j);
        break;
      case Kind::Mtu:
        Mtu(e, j, mtus.at(m_mtus++));
        break;
      case Kind::Drops:
        Drops(e, j);
        break;
      case Kind::Converged:
        Converged(e, j);
        break;
    }
    return j;
  }

 private:
  const Workload& WorkloadOf(FlowId flow) const { return m_simulation.Plan().workloads[flow.value]; }

  bool IsReached(FlowId flow, Nanoseconds* took) const {
    const traffic::Flow* f = m_simulation.FlowOf(flow);
    if (!f) return false;
    const traffic::FlowResult& r = f->Result();
    const Histogram& times = r.rttNs.Count() > 0 ? r.rttNs : r.latencyNs;
    *took = {times.Max()};
    if (WorkloadOf(flow).kind == WorkloadKind::Tcp) return f->IsDone() && r.error.empty();
    return r.deliveredPackets > 0;
  }

  /// "pod-a -> pod-b: UnderlayAcl"
  std::string WhyNot(FlowId flow) const {
    const Workload& w = WorkloadOf(flow);
    std::string out = fmt::format("{} -> {}: no answer", w.fromName, w.toName);
    const traffic::Flow* f = m_simulation.FlowOf(flow);
    if (!f) return out + " (the run ended before it was tried)";
    if (!f->Result().error.empty()) return out + fmt::format(" ({})", f->Result().error);
    if (const VerdictCounts* losses = m_account.LossesOf(flow))
      for (size_t v = 0; v < static_cast<size_t>(Verdict::Count); ++v)
        if (const auto verdict = static_cast<Verdict>(v); losses->Get(verdict) > 0)
          return out + fmt::format(" ({}: {})", VerdictName(verdict), VerdictCondition(verdict));
    return out;
  }

  void Reach(const Expectation& e, Judgement& j) const {
    j.expected = e.deadline ? "an answer to each within " + e.deadline->ToString() : "an answer to each";
    size_t reached = 0;
    std::string firstFailure;
    for (FlowId flow : e.flows) {
      Nanoseconds took;
      if (!IsReached(flow, &took)) {
        if (firstFailure.empty()) firstFailure = WhyNot(flow);
      } else if (e.deadline && took > *e.deadline) {
        if (firstFailure.empty())
          firstFailure =
              fmt::format("{} -> {}: after {}", WorkloadOf(flow).fromName, WorkloadOf(flow).toName, took.ToString());
      } else {
        ++reached;
      }
    }
    j.held = reached == e.flows.size();
    j.found = fmt::format("{} of {}{}", reached, e.flows.size(), j.held ? "" : "; " + firstFailure);
  }

  void NotReach(const Expectation& e, Judgement& j) const {
    j.expected = "no answer to any";
    size_t reached = 0;
    std::string first;
    for (FlowId flow : e.flows) {
      Nanoseconds took;
      if (!IsReached(flow, &took)) continue;
      if (reached++ == 0)
        first = fmt::format("; {} -> {} is answered", WorkloadOf(flow).fromName, WorkloadOf(flow).toName);
    }
    j.held = reached == 0;
    j.found = fmt::format("{} of {}{}", reached, e.flows.size(), first);
  }

  /// Calls `visit` with each packet that the flow's sender made in the span.
  template <typename Visit>
  void EachPacket(const Expectation& e, FlowId flow, Visit&& visit) const {
    for (const auto& [id, journey] : m_account.JourneysOf(flow)) {
      if (journey.maker != WorkloadOf(flow).from) continue;
      if (journey.made >= (*e.during)[0] && journey.made < (*e.during)[1]) visit(journey);
    }
  }

  void Loss(const Expectation& e, Judgement& j) const {
    j.expected = Describe(e.share, ShowShare);
    uint64_t offered = 0, delivered = 0;
    for (FlowId flow : e.flows) {
      if (e.during) {
        const bool wantsAnswer =
            WorkloadOf(flow).kind == WorkloadKind::Ping || WorkloadOf(flow).kind == WorkloadKind::Rpc;
        EachPacket(e, flow, [&](const FlowAccount::Journey& journey) {
          ++offered;
          if (wantsAnswer ? journey.answered : journey.arrived) ++delivered;
        });
      } else if (const traffic::Flow* f = m_simulation.FlowOf(flow)) {
        offered += f->Result().offeredPackets;
        delivered += f->Result().deliveredPackets;
      }
    }
    if (offered == 0) {
      j.found = "nothing was sent";
      return;
    }
    const auto lost = static_cast<int64_t>(offered - std::min(offered, delivered));
    const int64_t share = lost * 1000000 / static_cast<int64_t>(offered);
    j.held = e.share.Holds(share);
    j.found = fmt::format("{} ({} of {})", ShowShare(share), lost, offered);
  }

  void Rtt(const Expectation& e, Judgement& j) const {
    Histogram all;
    for (FlowId flow : e.flows) {
      if (e.during)
        EachPacket(e, flow, [&](const FlowAccount::Journey& journey) {
          if (journey.answered) all.Add((*journey.answered - journey.made).count);
        });
      else if (const traffic::Flow* f = m_simulation.FlowOf(flow))
        all.Merge(f->Result().rttNs);
    }
    CompareTimes(e, all, "no answer", "answers", j);
  }

  static void CompareTimes(const Expectation& e, const Histogram& all, const char* nothing, const char* what,
                           Judgement& j) {
    std::vector<std::string> expected, found;
    j.held = all.Count() > 0;
    for (const auto& [figure, bounds] : e.rtt) {
      expected.push_back(fmt::format("{} {}", FigureName(figure), Describe(bounds, ShowTime)));
      const int64_t value = FigureOf(all, figure, bounds);
      found.push_back(fmt::format("{} {}", FigureName(figure), ShowTime(value)));
      if (!bounds.Holds(value)) j.held = false;
    }
    j.expected = fmt::format("{}", fmt::join(expected, ", "));
    j.found = all.Count() == 0 ? nothing : fmt::format("{} over {} {}", fmt::join(found, ", "), all.Count(), what);
  }

  void Completion(const Expectation& e, Judgement& j) const {
    Histogram all;
    for (FlowId flow : e.flows)
      if (const traffic::Flow* f = m_simulation.FlowOf(flow); f && f->Result().completion)
        all.Add(f->Result().completion->count);
    CompareTimes(e, all, "nothing was completed", "transfers", j);
    if (all.Count() == e.flows.size()) return;
    j.held = false;
    j.found += fmt::format("; {} of {} were not completed", e.flows.size() - all.Count(), e.flows.size());
  }

  static bool Contains(const std::vector<NetnsId>& some, NetnsId one) {
    return std::find(some.begin(), some.end(), one) != some.end();
  }

  std::string WayText(const std::vector<NetnsId>& way) const {
    std::vector<std::string> names;
    for (NetnsId netns : way) names.push_back(m_simulation.Plan().Info(netns).name);
    return fmt::format("{}", fmt::join(names, ", "));
  }

  void Path(const Expectation& e, Judgement& j) const {
    auto steps = [&](const std::vector<std::vector<NetnsId>>& all) {
      std::vector<std::string> names;
      for (const auto& step : all)
        names.push_back(step.empty() ? "nobody"
                                     : m_simulation.Plan().Info(step.front()).name + (step.size() > 1 ? ", ..." : ""));
      return names;
    };
    if (!e.through.empty()) j.expected = fmt::format("through {}", fmt::join(steps(e.through), ", then "));
    if (!e.avoids.empty())
      j.expected += fmt::format("{}not through {}", j.expected.empty() ? "" : "; ", fmt::join(steps(e.avoids), ", "));
    size_t followed = 0;
    j.held = true;
    for (FlowId flow : e.flows)
      for (const auto& [id, journey] : m_account.JourneysOf(flow)) {
        if (journey.maker != WorkloadOf(flow).from) continue;
        ++followed;
        size_t step = 0;
        bool avoided = true;
        for (NetnsId netns : journey.way) {
          if (step < e.through.size() && Contains(e.through[step], netns)) ++step;
          for (const auto& avoid : e.avoids)
            if (Contains(avoid, netns)) avoided = false;
        }
        if (step == e.through.size() && avoided) {
          if (j.held) j.found = WayText(journey.way);
        } else if (j.held) {
          j.held = false;
          j.found = WayText(journey.way);
        }
      }
    if (followed > 0) return;
    j.held = false;
    j.found = "nothing was sent";
  }

  static void Mtu(const Expectation& e, Judgement& j, int64_t found) {
    j.expected = Describe(e.number, ShowBytes);
    j.held = e.number.Holds(found);
    j.found = found == 0 ? "nothing passes" : ShowBytes(found);
  }

  void Converged(const Expectation& e, Judgement& j) {
    j.expected = e.deadline ? "before " + e.deadline->ToString() : "by the end";
    if (!m_agents) {
      m_agents.emplace();
      for (const AgentReport& agent : m_simulation.Plan().ReportAgents(m_simulation.EndedAt()).agents)
        m_agents->emplace(agent.netns, agent.settled);
    }
    size_t settled = 0;
    Nanoseconds last;
    for (NetnsId node : e.nodes)
      if (const auto at = m_agents->at(node)) {
        ++settled;
        last = std::max(last, *at);
      }
    j.held = settled == e.nodes.size() && (!e.deadline || last < *e.deadline);
    j.found = settled == e.nodes.size() ? fmt::format("{} of {}, the last at {}", settled, settled, last.ToString())
                                        : fmt::format("{} of {}", settled, e.nodes.size());
  }

  bool IsOn(const std::vector<Expectation::Device>& devices, const FlowAccount::Loss& loss) const {
    if (devices.empty()) return true;
    return std::any_of(devices.begin(), devices.end(), [&](const Expectation::Device& d) {
      if (d.netns != loss.netns) return false;
      return d.device.empty() || m_simulation.DeviceName({loss.netns, loss.ifindex}) == d.device;
    });
  }

  void Drops(const Expectation& e, Judgement& j) const {
    j.expected = Describe(e.number, ShowNumber);
    int64_t count = 0;
    for (const FlowAccount::Loss& loss : m_account.AllLosses()) {
      if (!e.verdict.empty() && e.verdict != VerdictName(loss.verdict)) continue;
      if (e.during && (loss.at < (*e.during)[0] || loss.at >= (*e.during)[1])) continue;
      if (IsOn(e.on, loss)) ++count;
    }
    j.held = e.number.Holds(count);
    j.found = ShowNumber(count);
  }

  const Simulation& m_simulation;
  const FlowAccount& m_account;
  size_t m_mtus = 0;
  std::optional<std::map<NetnsId, std::optional<Nanoseconds>>> m_agents;  ///< when each had done all, once asked for
};

}  // namespace

void PrepareJudging(const ClusterPlan& plan, FlowAccount& account) {
  for (const Expectation& e : plan.expectations) {
    if (e.kind == Kind::Drops) account.keepLosses = true;
    if (e.kind != Kind::Path && !e.during) continue;
    for (FlowId flow : e.flows) account.Follow(flow);
  }
}

std::vector<Judgement> Judge(const Simulation& simulation, const FlowAccount& account,
                             const std::vector<int64_t>& mtus) {
  JudgeOfRun judge(simulation, account);
  std::vector<Judgement> out;
  for (const Expectation& e : simulation.Plan().expectations) out.push_back(judge.Of(e, mtus));
  return out;
}

std::vector<int64_t> MeasureMtus(ClusterPlan& plan) {
  std::vector<int64_t> mtus;
  // The plan's own traffic and events stay out of it.
  auto workloads = std::move(plan.workloads);
  auto events = std::move(plan.events);
  const Nanoseconds duration = plan.duration;
  plan.events.clear();
  plan.duration = {};
  const Nanoseconds settled = plan.AgentsSettled();
  auto passes = [&](const Expectation& e, int64_t bytes) {
    Workload ping{.kind = WorkloadKind::Ping, .id = FlowId(0), .from = e.from, .to = e.to};
    ping.destination = plan.Materialise(e.to)->SelectAddress(0, {}, kernel::kScopeGlobal);
    ping.payload = static_cast<uint32_t>(bytes - kMinPacketBytes);
    ping.df = true;
    ping.start = settled;
    plan.workloads = {ping};
    Simulation simulation(plan);
    simulation.Run();
    return simulation.FlowOf(FlowId(0))->Result().deliveredPackets > 0;
  };
  for (const Expectation& e : plan.expectations) {
    if (e.kind != Kind::Mtu) continue;
    int64_t good = kMinPacketBytes, bad = kMaxPacketBytes + 1;
    if (!passes(e, good)) bad = good, good = 0;
    while (bad - good > 1 && good > 0) {
      const int64_t middle = good + (bad - good) / 2;
      (passes(e, middle) ? good : bad) = middle;
    }
    mtus.push_back(good);
  }
  plan.workloads = std::move(workloads);
  plan.events = std::move(events);
  plan.duration = duration;
  return mtus;
}

}  // namespace overlaysim
