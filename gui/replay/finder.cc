#include "gui/replay/finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace overlaysim::replay {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

Found::Kind KindOf(Role role) {
  switch (role) {
    case Role::Pod:
      return Found::Kind::Pod;
    case Role::Leaf:
    case Role::Spine:
    case Role::Router:
      return Found::Kind::Switch;
    default:
      return Found::Kind::Node;
  }
}

bool IsWordBegin(std::string_view text, size_t at) {
  return at == 0 || std::string_view("/-_.:# ").find(text[at - 1]) != std::string_view::npos;
}

}  // namespace

Finder::Finder(const Topology& plan) : m_plan(plan) {
  for (const Netns& ns : plan.netns) Add(KindOf(ns.role), ns.name, ns.id);
  for (uint32_t i = 0; i < plan.workloads.size(); ++i) Add(Found::Kind::Flow, plan.workloads[i].name, 0, 0, i);
  for (uint32_t i = 0; i < plan.cables.size(); ++i) Add(Found::Kind::Cable, plan.cables[i].name, 0, 0, i);
  for (const Netns& ns : plan.netns)
    for (uint32_t d = 0; d < ns.devices.size(); ++d) {
      const Device& device = ns.devices[d];
      if (device.name == "lo") continue;
      for (const std::string& address : device.addresses)
        Add(Found::Kind::Address, std::string_view(address).substr(0, address.find('/')), ns.id, d);
      if (!device.mac.empty()) Add(Found::Kind::Mac, device.mac, ns.id, d);
    }
}

void Finder::Add(Found::Kind kind, std::string_view text, uint32_t netns, uint32_t device, uint32_t number) {
  constexpr size_t kMostText = size_t{1} << 31;
  if (m_text.size() + text.size() >= kMostText) return;
  m_entries.push_back({static_cast<uint32_t>(m_text.size()), kind, netns, device, number});
  for (const char c : text) m_text += c == '\n' ? ' ' : Lower(c);
  m_text += '\n';
}

std::string_view Finder::TextOf(size_t entry) const {
  const size_t begin = m_entries[entry].begin;
  const size_t end = entry + 1 < m_entries.size() ? m_entries[entry + 1].begin : m_text.size();
  return std::string_view(m_text).substr(begin, end - begin - 1);
}

std::vector<Found> Finder::Find(std::string_view query, size_t most) const {
  constexpr size_t kMostHits = 20000;  // that are put into order
  std::vector<std::string> words;
  for (size_t at = 0; at < query.size();) {
    const size_t begin = query.find_first_not_of(" \t\n", at);
    if (begin == std::string_view::npos) break;
    at = std::min(query.find_first_of(" \t\n", begin), query.size());
    std::string& word = words.emplace_back(query.substr(begin, at - begin));
    std::transform(word.begin(), word.end(), word.begin(), Lower);
  }
  if (words.empty()) return {};
  // The longest word is the rarest one.
  std::iter_swap(words.begin(), std::max_element(words.begin(), words.end(), [](const auto& a, const auto& b) {
                   return a.size() < b.size();
                 }));
  struct Hit {
    uint32_t entry;
    uint8_t rank;
  };
  std::vector<Hit> hits;
  const std::string& first = words[0];
  for (size_t at = 0; at < m_text.size() && hits.size() < kMostHits;) {
    const void* found = memmem(m_text.data() + at, m_text.size() - at, first.data(), first.size());
    if (!found) break;
    const auto position = static_cast<size_t>(static_cast<const char*>(found) - m_text.data());
    const auto next = std::upper_bound(m_entries.begin(), m_entries.end(), position,
                                       [](size_t p, const Entry& entry) { return p < entry.begin; });
    const auto entry = static_cast<size_t>(next - m_entries.begin()) - 1;
    const std::string_view text = TextOf(entry);
    const bool hasAll = std::all_of(words.begin() + 1, words.end(),
                                    [&](const std::string& word) { return text.find(word) != std::string_view::npos; });
    const size_t in = position - m_entries[entry].begin;
    if (hasAll)
      hits.push_back({static_cast<uint32_t>(entry), static_cast<uint8_t>(text == first         ? 0
                                                                         : in == 0             ? 1
                                                                         : IsWordBegin(text, in) ? 2
                                                                                                 : 3)});
    at = next == m_entries.end() ? m_text.size() : next->begin;
  }
  // Entries stand by kind already, so that equal ranks stay in that order; shorter names are closer to what was typed.
  const auto order = [&](const Hit& a, const Hit& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    const auto kindA = m_entries[a.entry].kind, kindB = m_entries[b.entry].kind;
    if (kindA != kindB) return kindA < kindB;
    const size_t sizeA = TextOf(a.entry).size(), sizeB = TextOf(b.entry).size();
    return sizeA != sizeB ? sizeA < sizeB : a.entry < b.entry;
  };
  const size_t count = std::min(most, hits.size());
  std::partial_sort(hits.begin(), hits.begin() + static_cast<std::ptrdiff_t>(count), hits.end(), order);
  std::vector<Found> found;
  for (size_t i = 0; i < count; ++i) found.push_back(Describe(hits[i].entry));
  return found;
}

Found Finder::Describe(size_t number) const {
  const Entry& entry = m_entries[number];
  Found found;
  found.kind = entry.kind;
  found.netns = entry.netns;
  found.number = entry.number;
  switch (entry.kind) {
    case Found::Kind::Flow: {
      const Workload& workload = m_plan.workloads[entry.number];
      found.text = workload.name;
      found.detail = "traffic";
      found.number = workload.id;
      break;
    }
    case Found::Kind::Cable: {
      const Cable& cable = m_plan.cables[entry.number];
      found.text = cable.name;
      found.detail = fmt::format("cable between {} and {}", m_plan.netns[cable.a.netns].name, m_plan.netns[cable.b.netns].name);
      break;
    }
    case Found::Kind::Address:
    case Found::Kind::Mac: {
      const Netns& ns = m_plan.netns[entry.netns];
      const Device& device = ns.devices[entry.device];
      found.text = TextOf(number);
      found.detail = fmt::format("{}/{}", ns.name, device.name);
      found.ifindex = device.ifindex;
      break;
    }
    default: {
      const Netns& ns = m_plan.netns[entry.netns];
      found.text = ns.name;
      const uint32_t host = m_plan.HostOf(ns.id);
      static constexpr std::string_view kRoles[] = {"node", "pod", "leaf", "spine", "router", "external", "namespace", "namespace"};
      found.detail = host == ns.id ? std::string(kRoles[static_cast<size_t>(ns.role)])
                                   : fmt::format("pod on {}", m_plan.netns[host].name);
      break;
    }
  }
  return found;
}

}  // namespace overlaysim::replay
