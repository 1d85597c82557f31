#include "sim/plan/cni/bgp.h"

#include <algorithm>
#include <deque>

namespace overlaysim::plan {
namespace {

/// A speaker that has the route, and from whom: that decides to whom it goes on.
struct Heard {
  size_t speaker;
  bool fromClient;
  bool isOwn;
};

}  // namespace

BgpReach::BgpReach(const std::vector<BgpSpeaker>& speakers, bool fullMesh,
                   const std::vector<std::pair<size_t, size_t>>& sessions)
    : m_count(speakers.size()) {
  const auto isReflector = [&](size_t i) { return !speakers[i].clusterId.empty(); };
  bool anyReflector = false;
  for (size_t i = 0; i < m_count; ++i) anyReflector |= isReflector(i);
  if (fullMesh && !anyReflector) {
    m_everybody = true;
    return;
  }
  std::vector<std::vector<size_t>> peers(m_count);
  auto connect = [&](size_t a, size_t b) {
    if (a == b) return;
    peers[a].push_back(b);
    peers[b].push_back(a);
  };
  for (const auto& [a, b] : sessions) connect(a, b);
  for (std::vector<size_t>& of : peers) {
    std::sort(of.begin(), of.end());
    of.erase(std::unique(of.begin(), of.end()), of.end());
  }

  const auto isClientOf = [&](size_t reflector, size_t peer) {
    return isReflector(reflector) && speakers[reflector].clusterId != speakers[peer].clusterId;
  };
  m_learns.assign(m_count * m_count, false);
  for (size_t origin = 0; origin < m_count; ++origin) {
    std::vector<bool> seen(2 * m_count, false);  // by speaker and whether it came from a client
    std::deque<Heard> queue{{origin, false, true}};
    m_learns[origin * m_count + origin] = true;
    if (fullMesh && !isReflector(origin))  // who is in the mesh passes nothing on
      for (size_t to = 0; to < m_count; ++to)
        if (!isReflector(to)) m_learns[origin * m_count + to] = true;
    while (!queue.empty()) {
      const Heard at = queue.front();
      queue.pop_front();
      for (size_t to : peers[at.speaker]) {
        const bool passesOn = at.isOwn || (isReflector(at.speaker) && (at.fromClient || isClientOf(at.speaker, to)));
        const bool isRefused = !at.isOwn && isReflector(to) && speakers[to].clusterId == speakers[at.speaker].clusterId;
        if (!passesOn || isRefused || to == origin) continue;
        const bool fromClient = isClientOf(to, at.speaker);
        if (seen[2 * to + fromClient]) continue;
        seen[2 * to + fromClient] = true;
        m_learns[origin * m_count + to] = true;
        queue.push_back({to, fromClient, false});
      }
    }
  }
}

}  // namespace overlaysim::plan
