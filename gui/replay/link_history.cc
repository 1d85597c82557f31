#include "gui/replay/link_history.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

namespace overlaysim::replay {
namespace {

uint32_t Number(std::string_view text) {
  uint32_t number = 0;
  for (size_t i = 0; i < text.size() && i < 9 && text[i] >= '0' && text[i] <= '9'; ++i)
    number = number * 10 + static_cast<uint32_t>(text[i] - '0');
  return number;
}

uint64_t KeyOf(uint32_t netns, uint32_t ifindex) { return uint64_t{netns} << 32 | ifindex; }

struct EndChange {
  int64_t timeNs;
  int end;
  bool isUp;
};

}  // namespace

LinkLine LinkLine::Parse(std::string_view line) {
  LinkLine parsed;
  parsed.ifindex = Number(line);
  const size_t open = line.find('<'), close = line.find('>', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return parsed;
  std::string_view flags = line.substr(open + 1, close - open - 1);
  bool hasCarrier = true;
  while (!flags.empty()) {
    const size_t comma = std::min(flags.find(','), flags.size());
    const std::string_view flag = flags.substr(0, comma);
    if (flag == "UP") parsed.isUp = true;
    if (flag == "NO-CARRIER") hasCarrier = false;
    flags.remove_prefix(std::min(comma + 1, flags.size()));
  }
  parsed.isUp = parsed.isUp && hasCarrier;
  constexpr std::string_view kMtu = "> mtu ";
  if (line.substr(close).starts_with(kMtu)) parsed.mtu = Number(line.substr(close + kMtu.size()));
  return parsed;
}

LinkHistory::LinkHistory(const Topology& topology, const TableHistory* tables) {
  std::vector<std::vector<EndChange>> ends(topology.cables.size());
  if (tables) {
    for (const Netns& netns : topology.netns) {
      tables->VisitRows(netns.id, kernel::Table::Link, [&](int64_t timeNs, bool isDelete, std::string_view text) {
        const LinkLine line = LinkLine::Parse(text);
        NoteMtu(netns, line, timeNs);
        const uint32_t cable = topology.CableAt({netns.id, line.ifindex});
        if (cable == Topology::kNone) return;
        const int end = topology.cables[cable].a == CableEnd{netns.id, line.ifindex} ? 0 : 1;
        ends[cable].push_back({timeNs, end, line.isUp && !isDelete});
      });
    }
  }
  m_changes.resize(topology.cables.size());
  for (size_t i = 0; i < ends.size(); ++i) {
    std::stable_sort(ends[i].begin(), ends[i].end(),
                     [](const EndChange& a, const EndChange& b) { return a.timeNs < b.timeNs; });
    bool isUp[2] = {topology.cables[i].up, topology.cables[i].up};
    std::vector<Change>& changes = m_changes[i];
    changes.push_back({std::numeric_limits<int64_t>::min(), topology.cables[i].up});
    for (const EndChange& change : ends[i]) {
      isUp[change.end] = change.isUp;
      const bool both = isUp[0] && isUp[1];
      if (both == changes.back().isUp) continue;
      changes.push_back({change.timeNs, both});
      m_times.push_back(change.timeNs);
    }
  }
  std::sort(m_times.begin(), m_times.end());
  m_times.erase(std::unique(m_times.begin(), m_times.end()), m_times.end());
}

void LinkHistory::NoteMtu(const Netns& netns, const LinkLine& line, int64_t timeNs) {
  const Device* device = line.mtu > 0 ? netns.Find(line.ifindex) : nullptr;
  if (!device) return;
  const auto found = m_mtus.find(KeyOf(netns.id, line.ifindex));
  const uint32_t before = found == m_mtus.end() ? device->mtu : found->second.back().mtu;
  if (line.mtu != before) m_mtus[KeyOf(netns.id, line.ifindex)].push_back({timeNs, line.mtu});
}

uint32_t LinkHistory::MtuAt(uint32_t netns, const Device& device, int64_t timeNs) const {
  const auto found = m_mtus.find(KeyOf(netns, device.ifindex));
  if (found == m_mtus.end()) return device.mtu;
  const auto after = std::upper_bound(found->second.begin(), found->second.end(), timeNs,
                                      [](int64_t t, const MtuChange& change) { return t < change.timeNs; });
  return after == found->second.begin() ? device.mtu : std::prev(after)->mtu;
}

std::vector<CableEnd> LinkHistory::MtuChangesBetween(int64_t a, int64_t b) const {
  if (a > b) std::swap(a, b);
  std::vector<CableEnd> ends;
  for (const auto& [key, changes] : m_mtus)
    if (std::any_of(changes.begin(), changes.end(),
                    [&](const MtuChange& change) { return change.timeNs > a && change.timeNs <= b; }))
      ends.push_back({static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)});
  std::sort(ends.begin(), ends.end(), [](const CableEnd& x, const CableEnd& y) {
    return std::pair(x.netns, x.ifindex) < std::pair(y.netns, y.ifindex);
  });
  return ends;
}

bool LinkHistory::IsUp(uint32_t cable, int64_t timeNs) const {
  if (cable >= m_changes.size()) return true;
  const std::vector<Change>& changes = m_changes[cable];
  const auto after = std::upper_bound(changes.begin(), changes.end(), timeNs,
                                      [](int64_t t, const Change& change) { return t < change.timeNs; });
  return after == changes.begin() || std::prev(after)->isUp;
}

}  // namespace overlaysim::replay
