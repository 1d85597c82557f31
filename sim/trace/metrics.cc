#include "sim/trace/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/trace/json_read.h"

namespace overlaysim {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json ToJson(const VerdictCounts& counts) {
  Json json = Json::object();
  for (size_t i = 0; i < static_cast<size_t>(Verdict::Count); ++i)
    if (const auto verdict = static_cast<Verdict>(i); counts.Get(verdict) != 0)
      json[VerdictName(verdict)] = counts.Get(verdict);
  return json;
}

VerdictCounts VerdictsFrom(const Json& json) {
  VerdictCounts counts;
  for (const auto& [name, count] : json.items()) {
    const auto verdict = FindVerdict(name);
    if (!verdict) throw std::runtime_error(fmt::format("there is no verdict \"{}\"", name));
    counts.Add(*verdict, IntegerOf<uint64_t>(count, name));
  }
  return counts;
}

Json ToJson(const Histogram& h) {
  Json buckets = Json::array();
  for (const auto& b : h.Buckets()) buckets.push_back({b.lowest, b.highest, b.count});
  return {{"count", h.Count()},
          {"min", h.Min()},
          {"mean", h.Mean()},
          {"max", h.Max()},
          {"sum", h.Sum()},
          {"p50", h.Quantile(50, 100)},
          {"p90", h.Quantile(90, 100)},
          {"p99", h.Quantile(99, 100)},
          {"p99.9", h.Quantile(999, 1000)},
          {"buckets", std::move(buckets)}};
}

Histogram HistogramFrom(const Json& json) {
  std::vector<Histogram::Bucket> buckets;
  for (const Json& b : json.at("buckets"))
    buckets.push_back({IntegerOf<int64_t>(b.at(0), "buckets"), IntegerOf<int64_t>(b.at(1), "buckets"),
                       IntegerOf<uint64_t>(b.at(2), "buckets")});
  Histogram histogram;
  if (!Histogram::Restore(buckets, IntegerOf<int64_t>(json.at("min"), "min"), IntegerOf<int64_t>(json.at("max"), "max"),
                          IntegerOf<int64_t>(json.at("sum"), "sum"), histogram))
    throw std::runtime_error("a histogram whose buckets do not fit its numbers");
  return histogram;
}

Json ToJson(const LinkMetrics& link, uint64_t utilisationPerMille) {
  return {{"name", link.name},
          {"from", link.from},
          {"to", link.to},
          {"rateBitsPerSecond", link.rate.count},
          {"frames", link.frames},
          {"bytes", link.bytes},
          {"droppedFrames", link.droppedFrames},
          {"droppedBytes", link.droppedBytes},
          {"busyNs", link.busy.count},
          {"utilisationPerMille", utilisationPerMille},
          {"maxQueueBytes", link.maxQueueBytes}};
}

LinkMetrics LinkFrom(const Json& json) {
  LinkMetrics link;
  json.at("name").get_to(link.name);
  json.at("from").get_to(link.from);
  json.at("to").get_to(link.to);
  ReadInteger(json, "rateBitsPerSecond", link.rate.count);
  ReadInteger(json, "frames", link.frames);
  ReadInteger(json, "bytes", link.bytes);
  ReadInteger(json, "droppedFrames", link.droppedFrames);
  ReadInteger(json, "droppedBytes", link.droppedBytes);
  ReadInteger(json, "busyNs", link.busy.count);
  ReadInteger(json, "maxQueueBytes", link.maxQueueBytes);
  return link;
}

Json ToJson(const FlowMetrics& flow) {
  Json json = {{"name", flow.name},
               {"from", flow.from},
               {"to", flow.to},
               {"offeredPackets", flow.offeredPackets},
               {"offeredBytes", flow.offeredBytes},
               {"deliveredPackets", flow.deliveredPackets},
               {"deliveredBytes", flow.deliveredBytes},
               {"latencyNs", ToJson(flow.latencyNs)},
               {"rttNs", ToJson(flow.rttNs)},
               {"verdicts", ToJson(flow.verdicts)}};
  if (flow.completion) json["completionNs"] = flow.completion->count;
  return json;
}

FlowMetrics FlowFrom(const Json& json) {
  FlowMetrics flow;
  json.at("name").get_to(flow.name);
  json.at("from").get_to(flow.from);
  json.at("to").get_to(flow.to);
  ReadInteger(json, "offeredPackets", flow.offeredPackets);
  ReadInteger(json, "offeredBytes", flow.offeredBytes);
  ReadInteger(json, "deliveredPackets", flow.deliveredPackets);
  ReadInteger(json, "deliveredBytes", flow.deliveredBytes);
  flow.latencyNs = HistogramFrom(json.at("latencyNs"));
  flow.rttNs = HistogramFrom(json.at("rttNs"));
  flow.verdicts = VerdictsFrom(json.at("verdicts"));
  if (json.contains("completionNs")) ReadInteger(json, "completionNs", flow.completion.emplace().count);
  return flow;
}

Json ControlPlaneToJson(const RunMetrics& metrics) {
  const std::vector<Nanoseconds> settled = metrics.SettledAgents();
  Json agents = Json::array();
  for (const AgentMetrics& agent : metrics.agents)
    agents.push_back({{"node", agent.node},
                      {"settledNs", agent.settled ? Json(agent.settled->count) : Json()},
                      {"entries", agent.entries}});
  Json changes = Json::array();
  for (const ChangeMetrics& change : metrics.changes)
    changes.push_back({{"text", change.text},
                       {"atNs", change.at.count},
                       {"nodes", change.nodes},
                       {"firstNs", change.first.count},
                       {"medianNs", change.median.count},
                       {"lastNs", change.last.count}});
  Json json = {{"entries", metrics.AgentEntries()}, {"settledAgents", settled.size()}};
  if (!settled.empty()) {
    json["firstNs"] = settled.front().count;
    json["medianNs"] = settled[(settled.size() - 1) / 2].count;
    json["lastNs"] = settled.back().count;
  }
  json["agents"] = std::move(agents);
  json["changes"] = std::move(changes);
  return json;
}

void ReadControlPlane(const Json& json, RunMetrics& metrics) {
  for (const Json& agent : json.at("agents")) {
    AgentMetrics& read = metrics.agents.emplace_back();
    agent.at("node").get_to(read.node);
    if (!agent.at("settledNs").is_null()) ReadInteger(agent, "settledNs", read.settled.emplace().count);
    ReadInteger(agent, "entries", read.entries);
  }
  for (const Json& change : json.at("changes")) {
    ChangeMetrics& read = metrics.changes.emplace_back();
    change.at("text").get_to(read.text);
    ReadInteger(change, "atNs", read.at.count);
    ReadInteger(change, "nodes", read.nodes);
    ReadInteger(change, "firstNs", read.first.count);
    ReadInteger(change, "medianNs", read.median.count);
    ReadInteger(change, "lastNs", read.last.count);
  }
}

}  // namespace

std::vector<Nanoseconds> RunMetrics::SettledAgents() const {
  std::vector<Nanoseconds> times;
  for (const AgentMetrics& agent : agents)
    if (agent.settled) times.push_back(*agent.settled);
  std::sort(times.begin(), times.end());
  return times;
}

uint64_t RunMetrics::AgentEntries() const {
  uint64_t sum = 0;
  for (const AgentMetrics& agent : agents) sum += agent.entries;
  return sum;
}

uint64_t VerdictCounts::Drops() const {
  uint64_t drops = 0;
  for (size_t i = 0; i < m_counts.size(); ++i)
    if (IsDrop(static_cast<Verdict>(i))) drops += m_counts[i];
  return drops;
}

uint64_t RunMetrics::OfferedPackets() const {
  uint64_t sum = 0;
  for (const FlowMetrics& flow : flows) sum += flow.offeredPackets;
  return sum;
}

uint64_t RunMetrics::DeliveredPackets() const {
  uint64_t sum = 0;
  for (const FlowMetrics& flow : flows) sum += flow.deliveredPackets;
  return sum;
}

Histogram RunMetrics::Latency() const {
  Histogram all;
  for (const FlowMetrics& flow : flows) all.Merge(flow.latencyNs);
  return all;
}

Histogram RunMetrics::Completion() const {
  Histogram all;
  for (const FlowMetrics& flow : flows)
    if (flow.completion) all.Add(flow.completion->count);
  return all;
}

uint64_t RunMetrics::UtilisationPerMille(const LinkMetrics& link) const {
  if (simulated.count <= 0 || link.busy.count <= 0) return 0;
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Wide>(link.busy.count) * 1000 / static_cast<Wide>(simulated.count));
}

std::vector<const LinkMetrics*> RunMetrics::BusiestLinks(size_t most) const {
  std::vector<const LinkMetrics*> busiest;
  for (const LinkMetrics& link : links)
    if (link.frames != 0) busiest.push_back(&link);
  std::stable_sort(busiest.begin(), busiest.end(), [](const LinkMetrics* a, const LinkMetrics* b) {
    return a->busy != b->busy ? a->busy > b->busy : a->bytes > b->bytes;
  });
  busiest.resize(std::min(busiest.size(), most));
  return busiest;
}

std::string MetricsToJson(const RunMetrics& metrics) {
  Json links = Json::array();
  for (const LinkMetrics& link : metrics.links) links.push_back(ToJson(link, metrics.UtilisationPerMille(link)));
  Json flows = Json::array();
  for (const FlowMetrics& flow : metrics.flows) flows.push_back(ToJson(flow));
  Json expectations = Json::array();
  for (const ExpectationResult& e : metrics.expectations)
    expectations.push_back({{"text", e.text}, {"held", e.held}, {"expected", e.expected}, {"found", e.found}});
  Json json = {{"format", kFormat},
               {"simulatedNs", metrics.simulated.count},
               {"events", metrics.events},
               {"offeredPackets", metrics.OfferedPackets()},
               {"deliveredPackets", metrics.DeliveredPackets()},
               {"droppedPackets", metrics.verdicts.Drops()},
               {"verdicts", ToJson(metrics.verdicts)},
               {"latencyNs", ToJson(metrics.Latency())},
               {"links", std::move(links)},
               {"flows", std::move(flows)},
               {"expectations", std::move(expectations)}};
  if (const Histogram completion = metrics.Completion(); completion.Count() > 0)
    json["completionNs"] = ToJson(completion);
  if (!metrics.agents.empty()) json["controlPlane"] = ControlPlaneToJson(metrics);
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<RunMetrics> MetricsFromJson(std::string_view text, std::string& error) {
  try {
    const Json json = Json::parse(text);
    if (const int format = IntegerOf<int>(json.at("format"), "format"); format < 1 || format > kFormat)
      throw std::runtime_error(fmt::format("has format {}; this program reads up to {}", format, kFormat));
    RunMetrics metrics;
    ReadInteger(json, "simulatedNs", metrics.simulated.count);
    ReadInteger(json, "events", metrics.events);
    metrics.verdicts = VerdictsFrom(json.at("verdicts"));
    for (const Json& link : json.at("links")) metrics.links.push_back(LinkFrom(link));
    for (const Json& flow : json.at("flows")) metrics.flows.push_back(FlowFrom(flow));
    if (const auto plane = json.find("controlPlane"); plane != json.end()) ReadControlPlane(*plane, metrics);
    if (const auto list = json.find("expectations"); list != json.end())  // runs of before have none
      for (const Json& e : *list)
        metrics.expectations.push_back({e.at("text"), e.at("expected"), e.at("found"), e.at("held").get<bool>()});
    return metrics;
  } catch (const std::exception& e) {  // nlohmann's, and ours above
    error = e.what();
    return std::nullopt;
  }
}

}  // namespace overlaysim
