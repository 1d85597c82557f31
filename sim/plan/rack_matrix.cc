#include "sim/plan/rack_matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/base/random.h"
#include "sim/plan/text_file.h"

namespace overlaysim::plan {
namespace {

constexpr uint32_t kNoRack = UINT32_MAX;

/// By node: the number of its rack, which is the switch or router that its first cable leads to.
std::vector<uint32_t> RacksOf(const CompiledPlan& cluster, std::vector<std::string>& names) {
  const Fabric& fabric = cluster.GetFabric();
  std::vector<uint32_t> device(cluster.GetCluster().nodes.size(), kNoRack);
  for (const auto& ends : fabric.ends)
    for (int side = 0; side < 2; ++side)
      if (ends[side].kind == CableEnd::Kind::Node && ends[1 - side].kind == CableEnd::Kind::Device &&
          device[ends[side].owner] == kNoRack)
        device[ends[side].owner] = ends[1 - side].owner;
  std::set<uint32_t> used(device.begin(), device.end());
  used.erase(kNoRack);
  std::map<uint32_t, uint32_t> number;
  for (uint32_t d : used) {
    number.emplace(d, static_cast<uint32_t>(names.size()));
    names.push_back(fabric.devices[d].name);
  }
  for (uint32_t& d : device)
    if (d != kNoRack) d = number.at(d);
  return device;
}

bool IsNumber(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<RackMatrix> RackMatrix::Read(const Context& context, const CompiledPlan& cluster,
                                           const scenario::Text& file, const std::vector<Endpoint>& from,
                                           const std::vector<Endpoint>& to) {
  const auto lines = ReadCsv(context, file, {"src_tor", "dst_tor", "probability"});
  if (!lines) return std::nullopt;
  std::vector<std::string> names;
  const std::vector<uint32_t> rackOf = RacksOf(cluster, names);
  RackMatrix matrix;
  const auto sort = [&](const std::vector<Endpoint>& all, std::vector<std::vector<const Endpoint*>>& byRack) {
    byRack.resize(names.size());
    for (const Endpoint& endpoint : all) {
      const NodeId node = endpoint.netns.IsNone() ? NodeId() : cluster.Info(endpoint.netns).node;
      if (!node.IsNone() && rackOf[node.value] != kNoRack) byRack[rackOf[node.value]].push_back(&endpoint);
    }
  };
  sort(from, matrix.m_from);
  sort(to, matrix.m_to);

  bool areNumbers = true;
  std::map<uint32_t, uint32_t> rackByNumber;
  for (const CsvLine& line : *lines)
    for (int i = 0; i < 2; ++i) {
      areNumbers = areNumbers && IsNumber(line.fields[i]);
      if (areNumbers) rackByNumber.emplace(static_cast<uint32_t>(std::stoul(line.fields[i])), 0);
    }
  uint32_t next = 0;
  for (auto& [number, rack] : rackByNumber) rack = next++;
  if (areNumbers && rackByNumber.size() > names.size()) {
    context.Error(file.place, "\"{}\" has {} racks, and the cluster has {}", context.scenario.PathOf(file),
                  rackByNumber.size(), names.size());
    return std::nullopt;
  }
  const auto rackNamed = [&](const std::string& text) {
    if (areNumbers) return rackByNumber.at(static_cast<uint32_t>(std::stoul(text)));
    const auto there = std::find(names.begin(), names.end(), text);
    return there == names.end() ? kNoRack : static_cast<uint32_t>(there - names.begin());
  };
  constexpr int64_t kScale = 1000;  // so that the sum of a million cells of 1 fits
  uint64_t sum = 0;
  for (const CsvLine& line : *lines) {
    const uint32_t a = rackNamed(line.fields[0]), b = rackNamed(line.fields[1]);
    const auto weight = ParseFraction(line.fields[2]);
    if (a == kNoRack || b == kNoRack || !weight || *weight > 1000 * kFractionUnit) {
      const std::string& name = a == kNoRack ? line.fields[0] : line.fields[1];
      context.diagnostics.Error(
          {context.scenario.PathOf(file), line.number, 1, 1},
          a == kNoRack || b == kNoRack
              ? fmt::format("\"{}\" is no switch that nodes hang on{}", name, Suggestion(name, names))
              : fmt::format("\"{}\" is no number from 0 to 1000", line.fields[2]));
      return std::nullopt;
    }
    const bool isPossible = !matrix.m_from[a].empty() && !matrix.m_to[b].empty() &&
                            !(matrix.m_to[b].size() == 1 && matrix.m_from[a].size() == 1 &&
                              matrix.m_from[a].front()->netns == matrix.m_to[b].front()->netns);
    if (*weight / kScale == 0 || !isPossible) continue;
    sum += static_cast<uint64_t>(*weight / kScale);
    matrix.m_cells.push_back({sum, a, b});
  }
  if (!matrix.m_cells.empty()) return matrix;
  context.Error(file.place, "by \"{}\", none of \"from\" sends to one of \"to\"", context.scenario.PathOf(file));
  return std::nullopt;
}

std::pair<const Endpoint*, const Endpoint*> RackMatrix::Draw(RandomStream& stream) const {
  const uint64_t drawn = stream.Below(m_cells.back().end);
  const auto cell =
      std::upper_bound(m_cells.begin(), m_cells.end(), drawn, [](uint64_t at, const Cell& c) { return at < c.end; });
  const auto &from = m_from[cell->from], &to = m_to[cell->to];
  const size_t first = stream.Below(from.size());
  for (size_t i = 0;; ++i) {  // ends: RackMatrix::Read() has seen to it that two can be told apart
    const Endpoint* source = from[(first + i) % from.size()];
    const size_t start = stream.Below(to.size());
    for (size_t k = 0; k < to.size(); ++k)
      if (const Endpoint* destination = to[(start + k) % to.size()]; destination->netns != source->netns)
        return {source, destination};
  }
}

}  // namespace overlaysim::plan
