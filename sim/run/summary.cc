#include "sim/run/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "models/wire/headers.h"

namespace overlaysim {
namespace {

constexpr size_t kBusiestShown = 5;
constexpr size_t kLossesShown = 6;

std::string Plural(uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string WasOrWere(uint64_t count) { return count == 1 ? "1 packet was" : fmt::format("{} packets were", count); }

/// "21.3 us": a time for people, three digits.
std::string Brief(int64_t ns) {
  if (ns < 1000) return fmt::format("{} ns", ns);
  constexpr std::array kUnits = {"us", "ms", "s"};
  int64_t scale = 1000;
  size_t unit = 0;
  while (unit + 1 < kUnits.size() && ns >= scale * 1000) scale *= 1000, ++unit;
  const int64_t tenths = (ns + scale / 20) / (scale / 10);
  return fmt::format("{}.{} {}", tenths / 10, tenths % 10, kUnits[unit]);
}

bool IsPing(const Workload& w) {
  return w.kind == WorkloadKind::Ping || (w.kind == WorkloadKind::Command && w.command.rfind("ping ", 0) == 0);
}

/// What tunnels added, in one sentence; "": nothing went through one.
std::string OverlayLine(const ClusterPlan& plan, const RunOutcome& outcome) {
  uint64_t there = 0, back = 0;
  bool sameSize = true, sameHeaders = true;
  const FlowAccount::Crossing* first = nullptr;
  for (const auto& [crossing, count] : outcome.crossings) {
    (crossing.isAnswer ? back : there) += count;
    if (!first) first = &crossing;
    sameSize = sameSize && crossing.innerBytes == first->innerBytes;
    sameHeaders =
        sameHeaders && crossing.AddedOnWire() == first->AddedOnWire() && crossing.outerIpBytes == first->outerIpBytes;
  }
  if (!first) return {};
  const bool allPings = std::all_of(plan.workloads.begin(), plan.workloads.end(), [](const Workload& w) {
    return IsPing(w) || w.isProbe || w.kind == WorkloadKind::Command;
  });
  const bool fromPods = std::all_of(plan.workloads.begin(), plan.workloads.end(), [&](const Workload& w) {
    return w.isProbe || w.kind == WorkloadKind::Command || plan.Info(w.from).role == NetnsRole::Pod;
  });
  std::string out;
  if (back == 0)
    out = Plural(there, allPings ? "request" : "packet");
  else if (allPings)
    out = fmt::format("{} and {}", Plural(there, "request"), back == 1 ? "1 reply" : fmt::format("{} replies", back));
  else
    out = fmt::format("{} there and {} back", Plural(there, "packet"), back);
  out += " crossed the overlay";
  if (!sameHeaders) return out;
  const uint32_t added = first->AddedOnWire();
  std::string headers = fmt::format("+{}: ", added);
  if (first->IsVxlan()) headers += fmt::format("Ethernet {}, ", wire::kEthernetHeaderBytes);
  headers += fmt::format("{} {}", first->isV6 ? "IPv6" : "IPv4", first->outerIpBytes);
  uint32_t more = first->addedBytes - first->outerIpBytes;
  if (first->hasUdp) {
    headers += fmt::format(", UDP {}", wire::kUdpHeaderBytes);
    more -= wire::kUdpHeaderBytes;
  }
  if (more > 0)
    headers += fmt::format(", {} {}",
                           first->isEsp           ? "ESP"
                           : first->IsEncrypted() ? "WireGuard"
                           : first->isGeneve      ? "Geneve"
                                                  : "VXLAN",
                           more);
  if (first->IsEncrypted())
    headers += fmt::format(", {} {}", first->isEsp ? "trailer and ICV" : "padding and tag", first->trailerBytes);
  if (sameSize)
    out +=
        fmt::format(": {} bytes {}from the {}, {} on the wire ({})", first->innerBytes, there + back > 1 ? "each " : "",
                    fromPods ? "pod" : "sender", first->innerBytes + added, headers);
  else
    out += fmt::format(", each {} bytes longer on the wire ({})", added, headers);
  if (outcome.fragmented > 0) out += fmt::format("; {} cut into fragments on the way", WasOrWere(outcome.fragmented));
  return out;
}

struct Totals {
  uint64_t offered = 0, delivered = 0;
  Histogram latency, rtt;
  uint64_t transfers = 0;  ///< of "bulk" traffic
  Histogram completion;
};

Totals TotalsOf(const ClusterPlan& plan, const RunOutcome& outcome) {
  Totals totals;
  for (const Workload& w : plan.workloads) {
    if (w.isProbe) continue;
    const FlowMetrics& flow = outcome.metrics.flows[w.id.value];
    totals.offered += flow.offeredPackets;
    totals.delivered += flow.deliveredPackets;
    totals.latency.Merge(flow.latencyNs);
    totals.rtt.Merge(flow.rttNs);
    totals.transfers += w.isBulk;
    if (w.isBulk && flow.completion) totals.completion.Add(flow.completion->count);
  }
  return totals;
}

std::vector<std::pair<Verdict, uint64_t>> LossesOf(const RunOutcome& outcome) {
  std::vector<std::pair<Verdict, uint64_t>> losses;
  for (size_t v = 0; v < static_cast<size_t>(Verdict::Count); ++v)
    if (const auto verdict = static_cast<Verdict>(v); outcome.losses.Get(verdict) > 0)
      losses.emplace_back(verdict, outcome.losses.Get(verdict));
  std::stable_sort(losses.begin(), losses.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return losses;
}

std::string LinkText(const RunMetrics& metrics, const LinkMetrics& link) {
  const uint64_t perMille = metrics.UtilisationPerMille(link);
  return fmt::format("{} {}.{} %", link.name, perMille / 10, perMille % 10);
}

std::string TimesText(const Histogram& times) {
  return fmt::format("p50 {}, p90 {}, p99 {}, longest {}", Brief(times.Quantile(1, 2)), Brief(times.Quantile(9, 10)),
                     Brief(times.Quantile(99, 100)), Brief(times.Max()));
}

/// The busiest cables by their busier direction.
std::vector<const LinkMetrics*> Busiest(const RunMetrics& metrics) {
  std::vector<const LinkMetrics*> out;
  for (const LinkMetrics* link : metrics.BusiestLinks(metrics.links.size())) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const LinkMetrics* l) { return l->name == link->name; });
    if (!known) out.push_back(link);
    if (out.size() == kBusiestShown) break;
  }
  return out;
}

void AppendLine(std::string& out, std::string_view label, std::string_view text) {
  out += fmt::format("{:<14} {}\n", label, text);
}

void AppendOutputs(std::string& out, const RunOutcome& outcome) {
  for (const FlowOutput& flow : outcome.outputs) {
    out += flow.prompt + "\n" + flow.output + flow.errorOutput;
    if (out.back() != '\n') out += '\n';
    out += '\n';
  }
  if (outcome.outputsLeftOut > 0)
    out += fmt::format("(and {} more; metrics.json has every line of traffic)\n\n", outcome.outputsLeftOut);
}

void AppendEvents(std::string& out, const RunOutcome& outcome) {
  for (const EventOutcome& event : outcome.events) {
    out += fmt::format("at {:<10} {}", event.at.ToString(), event.text);
    if (event.exit != 0) out += fmt::format(" (exit code {})", event.exit);
    out += "\n" + event.output + event.error;
    if (out.back() != '\n') out += '\n';
  }
}

/// When what agents write was in force.
void AppendAgents(std::string& out, const RunMetrics& metrics) {
  if (metrics.agents.empty()) return;
  const std::vector<Nanoseconds> settled = metrics.SettledAgents();
  std::string text = fmt::format("{} of {}", settled.size(), Plural(metrics.agents.size(), "agent"));
  if (!settled.empty())
    text += fmt::format(" done: first {}, median {}, last {}", Brief(settled.front().count),
                        Brief(settled[(settled.size() - 1) / 2].count), Brief(settled.back().count));
  AppendLine(out, "control plane", fmt::format("{}; {} entries in force", text, metrics.AgentEntries()));
  for (const ChangeMetrics& change : metrics.changes)
    AppendLine(out, "",
               change.nodes == 0
                   ? fmt::format("{}: in force nowhere else", change.text)
                   : fmt::format("{}: in force on {}, first {} after it, median {}, last {}", change.text,
                                 Plural(change.nodes, "node"), Brief((change.first - change.at).count),
                                 Brief((change.median - change.at).count), Brief((change.last - change.at).count)));
}

void AppendJudgements(std::string& out, const RunOutcome& outcome) {
  if (outcome.judgements.empty()) return;
  const auto held = static_cast<size_t>(
      std::count_if(outcome.judgements.begin(), outcome.judgements.end(), [](const Judgement& j) { return j.held; }));
  out += fmt::format("{} of {} held\n", held, Plural(outcome.judgements.size(), "expectation"));
  for (const Judgement& j : outcome.judgements) {
    if (j.held)
      out += fmt::format("  ok      {}: {}\n", j.text, j.found);
    else
      out += fmt::format("  FAILED  {}: expected {}, found {}\n          {}:{}\n", j.text, j.expected, j.found,
                         j.place.file, j.place.line);
  }
}

}  // namespace

std::string UnderstoodLine(const ClusterPlan& plan) {
  const std::string& what = plan.description.empty() ? plan.name : plan.description;
  return fmt::format("{} · {}\n", what, plan.understood);
}

std::string SummaryText(const ClusterPlan& plan, const RunOutcome& outcome) {
  std::string out;
  AppendOutputs(out, outcome);
  AppendEvents(out, outcome);
  if (const std::string line = OverlayLine(plan, outcome); !line.empty()) out += line + "\n";

  const Totals totals = TotalsOf(plan, outcome);
  if (totals.offered > 0) AppendLine(out, "delivered", fmt::format("{} of {}", totals.delivered, totals.offered));
  const auto losses = LossesOf(outcome);
  if (losses.empty()) {
    AppendLine(out, "dropped", "nothing");
  } else {
    for (size_t i = 0; i < std::min(losses.size(), kLossesShown); ++i)
      AppendLine(
          out, i == 0 ? "dropped" : "",
          fmt::format("{} {}: {}", losses[i].second, VerdictName(losses[i].first), VerdictCondition(losses[i].first)));
  }
  if (totals.rtt.Count() > 0) AppendLine(out, "round trip", TimesText(totals.rtt));
  if (totals.latency.Count() > 0) AppendLine(out, "one way", TimesText(totals.latency));
  if (totals.transfers > 0)
    AppendLine(out, "transfers",
               fmt::format("{} of {} completed", totals.completion.Count(), totals.transfers) +
                   (totals.completion.Count() > 0 ? ": " + TimesText(totals.completion) : ""));
  std::vector<std::string> links;
  for (const LinkMetrics* link : Busiest(outcome.metrics)) links.push_back(LinkText(outcome.metrics, *link));
  if (!links.empty()) AppendLine(out, "busiest links", fmt::format("{}", fmt::join(links, "   ")));
  AppendAgents(out, outcome.metrics);
  AppendJudgements(out, outcome);
  if (!outcome.complete)
    AppendLine(out, "interrupted",
               fmt::format("at {} of simulated time; what happened until then is in the files",
                           outcome.metrics.simulated.ToString()));
  const std::string directory = outcome.directory.string();
  AppendLine(out, "run directory", fmt::format("{}/", directory));
  AppendLine(out, "capture",
             fmt::format("{} in packets.pcapng   read:  wireshark {}/packets.pcapng", Plural(outcome.frames, "frame"),
                         directory));
  return out;
}

std::string SummaryJson(const ClusterPlan& plan, const RunOutcome& outcome) {
  using Json = nlohmann::ordered_json;
  const Totals totals = TotalsOf(plan, outcome);
  auto times = [](const Histogram& h) {
    return Json{{"count", h.Count()},           {"minNs", h.Min()},
                {"p50Ns", h.Quantile(1, 2)},    {"p90Ns", h.Quantile(9, 10)},
                {"p99Ns", h.Quantile(99, 100)}, {"maxNs", h.Max()}};
  };
  Json out{{"name", plan.name},
           {"description", plan.description},
           {"understood", plan.understood},
           {"directory", outcome.directory.string()},
           {"complete", outcome.complete},
           {"simulatedNs", outcome.metrics.simulated.count},
           {"events", outcome.metrics.events},
           {"offered", totals.offered},
           {"delivered", totals.delivered},
           {"dropped", Json::object()},
           {"roundTrip", times(totals.rtt)},
           {"oneWay", times(totals.latency)},
           {"frames", outcome.frames},
           {"records", outcome.records}};
  for (const auto& [verdict, count] : LossesOf(outcome)) out["dropped"][VerdictName(verdict)] = count;
  out["overlay"] = Json::array();
  for (const auto& [crossing, count] : outcome.crossings)
    out["overlay"].push_back({{"direction", crossing.isAnswer ? "back" : "there"},
                              {"packets", count},
                              {"frameBytes", crossing.innerBytes},
                              {"wireBytes", crossing.innerBytes + crossing.AddedOnWire()}});
  out["busiestLinks"] = Json::array();
  for (const LinkMetrics* link : Busiest(outcome.metrics))
    out["busiestLinks"].push_back({{"name", link->name},
                                   {"from", link->from},
                                   {"to", link->to},
                                   {"perMille", outcome.metrics.UtilisationPerMille(*link)}});
  out["outputs"] = Json::array();
  for (const FlowOutput& flow : outcome.outputs)
    out["outputs"].push_back({{"flow", flow.flow.value},
                              {"command", flow.prompt},
                              {"output", flow.output},
                              {"error", flow.errorOutput},
                              {"exit", flow.exit}});
  out["timeline"] = Json::array();
  for (const EventOutcome& event : outcome.events)
    out["timeline"].push_back({{"atNs", event.at.count},
                               {"text", event.text},
                               {"exit", event.exit},
                               {"output", event.output},
                               {"error", event.error}});
  out["expectations"] = Json::array();
  for (const Judgement& j : outcome.judgements)
    out["expectations"].push_back({{"text", j.text}, {"held", j.held}, {"expected", j.expected}, {"found", j.found}});
  return out.dump(2) + "\n";
}

}  // namespace overlaysim
