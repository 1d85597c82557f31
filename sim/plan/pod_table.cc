#include "sim/plan/pod_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/plan/names.h"

namespace overlaysim::plan {
namespace {

constexpr size_t kMaxDigits = 9;  // of the number in a generated name; more pods than that have no room

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

PodRow& PodTable::Add(std::string_view name, uint32_t group, bool hostNetwork, NodeId node) {
  const bool goesOn = !m_blocks.empty() && !m_blocks.back().IsGenerated() && m_blocks.back().group == group &&
                      m_blocks.back().hostNetwork == hostNetwork;
  if (!goesOn) m_blocks.push_back({PodId(rows.size()), group, static_cast<uint32_t>(m_names.size()), hostNetwork});
  m_names.emplace_back(name);
  return rows.emplace_back(PodRow{.node = node});
}

void PodTable::Generate(std::string_view pattern, uint32_t group, bool hostNetwork, const std::vector<NodeId>& nodes) {
  m_blocks.push_back({PodId(rows.size()), group, kGenerated + static_cast<uint32_t>(m_patterns.size()), hostNetwork});
  m_patterns.emplace_back(pattern);
  rows.reserve(rows.size() + nodes.size());
  for (const NodeId node : nodes) rows.push_back({.node = node});
}

const PodTable::Block& PodTable::BlockOf(PodId pod) const {
  return *std::prev(std::upper_bound(m_blocks.begin(), m_blocks.end(), pod,
                                     [](PodId wanted, const Block& block) { return wanted < block.first; }));
}

std::string PodTable::NameIn(const Block& block, PodId pod) const {
  const uint32_t ordinal = pod.value - block.first.value;
  return block.IsGenerated() ? GeneratedName(m_patterns[block.names - kGenerated], ordinal + 1)
                             : m_names[block.names + ordinal];
}

std::string PodTable::NameOf(PodId pod) const { return NameIn(BlockOf(pod), pod); }

std::string PodTable::FullName(PodId pod) const { return fmt::format("{}/{}", NamespaceOf(pod), NameOf(pod)); }

std::string PodTable::DisplayName(PodId pod) const {
  return NamespaceOf(pod) == "default" ? NameOf(pod) : FullName(pod);
}

std::vector<PodId> PodTable::Index(size_t nodeCount) {
  rows.shrink_to_fit();
  m_names.shrink_to_fit();
  const auto ownRows = [&](const auto& visit) {
    for (size_t b = 0; b < m_blocks.size(); ++b) {
      const size_t end = b + 1 < m_blocks.size() ? m_blocks[b + 1].first.value : rows.size();
      for (size_t i = m_blocks[b].first.value; i < end && !m_blocks[b].hostNetwork; ++i) visit(i);
    }
  };
  m_first.assign(nodeCount + 1, 0);
  ownRows([&](size_t i) { ++m_first[rows[i].node.value + 1]; });
  for (size_t i = 1; i < m_first.size(); ++i) m_first[i] += m_first[i - 1];
  m_byNode.resize(m_first.back());
  std::vector<uint32_t> next(m_first.begin(), m_first.end() - 1);
  ownRows([&](size_t i) { m_byNode[next[rows[i].node.value]++] = PodId(i); });

  for (const Block& block : m_blocks) {
    if (block.IsGenerated()) continue;
    const size_t end = &block == &m_blocks.back() ? rows.size() : (&block + 1)->first.value;
    for (size_t i = block.first.value; i < end; ++i) {
      const std::string& name = m_names[block.names + i - block.first.value];
      m_byFullName.emplace(fmt::format("{}/{}", groups[block.group].nameSpace, name), PodId(i));
      const auto [it, isNew] = m_byName.emplace(name, PodId(i));
      if (!isNew) it->second = PodId();
    }
  }
  return FindTwice();
}

/// The names of a generated block differ from each other, so one block alone needs no search.
std::vector<PodId> PodTable::FindTwice() const {
  std::vector<PodId> twice;
  if (m_blocks.size() < 2 && (m_blocks.empty() || m_blocks.front().IsGenerated())) return twice;
  // A hash table with open addressing that is gone afterwards; 0: empty, else one more than a pod.
  size_t slots = 2;
  while (slots * 3 < rows.size() * 4) slots *= 2;
  std::vector<uint32_t> table(slots);
  for (size_t b = 0; b < m_blocks.size(); ++b) {
    const size_t end = b + 1 < m_blocks.size() ? m_blocks[b + 1].first.value : rows.size();
    for (size_t i = m_blocks[b].first.value; i < end; ++i) {
      const std::string name = fmt::format("{}/{}", groups[m_blocks[b].group].nameSpace, NameIn(m_blocks[b], PodId(i)));
      size_t at = std::hash<std::string>{}(name) & (slots - 1);
      while (table[at] != 0 && FullName(PodId(table[at] - 1)) != name) at = (at + 1) & (slots - 1);
      if (table[at] != 0)
        twice.push_back(PodId(i));
      else
        table[at] = static_cast<uint32_t>(i + 1);
    }
  }
  return twice;
}

size_t PodTable::OwnPosition(PodId pod) const {
  const uint32_t node = rows[pod.value].node.value;
  const auto begin = m_byNode.begin();
  return static_cast<size_t>(std::lower_bound(begin + m_first[node], begin + m_first[node + 1], pod) - begin);
}

/// Tries each number that stands in the name.
PodId PodTable::FindGenerated(const Block& block, uint32_t end, std::string_view name) const {
  for (size_t from = 0; from < name.size(); ++from) {
    for (size_t to = from; to < name.size() && IsDigit(name[to]) && to - from < kMaxDigits; ++to) {
      uint32_t number = 0;
      std::from_chars(&name[from], &name[to] + 1, number);
      if (number == 0 || number > end - block.first.value) continue;
      const PodId pod(block.first.value + number - 1);
      if (NameIn(block, pod) == name) return pod;
    }
  }
  return {};
}

PodId PodTable::Find(std::string_view wanted) const {
  const size_t slash = wanted.find('/');
  const bool isFull = slash != std::string_view::npos;
  const std::string_view name = isFull ? wanted.substr(slash + 1) : wanted;
  PodId found;
  if (isFull) {
    if (const auto it = m_byFullName.find(std::string(wanted)); it != m_byFullName.end()) return it->second;
  } else if (const auto it = m_byName.find(name); it != m_byName.end()) {
    if (!it->second) return {};
    found = it->second;
  }
  for (size_t b = 0; b < m_blocks.size(); ++b) {
    const Block& block = m_blocks[b];
    if (!block.IsGenerated() || (isFull && groups[block.group].nameSpace != wanted.substr(0, slash))) continue;
    const auto end = b + 1 < m_blocks.size() ? m_blocks[b + 1].first.value : static_cast<uint32_t>(rows.size());
    const PodId pod = FindGenerated(block, end, name);
    if (!pod) continue;
    if (found) return {};
    found = pod;
    if (isFull) break;
  }
  return found;
}

}  // namespace overlaysim::plan
