#include "sim/plan/control_plane.h"

#include <algorithm>
#include <bit>

namespace overlaysim::plan {
namespace {

// How a watch comes back: client-go's tools/cache/reflector.go, NewExponentialBackoffManager(800 ms, 30 s, 2 min, 2.0,
// jitter 1.0).
constexpr Nanoseconds kFirstRetry = Milliseconds(800);
constexpr Nanoseconds kLongestRetry = Seconds(30);

constexpr uint32_t kWordBits = 64;

bool IsPerRange(Step step) { return step == Step::Route || step == Step::PolicyRoute; }

uint32_t CountOf(Step step, uint16_t steps, uint32_t ranges) {
  if (!(steps & BitOf(step))) return 0;
  return IsPerRange(step) ? ranges : 1;
}

uint64_t StreamIndex(NodeId agent, size_t run) { return uint64_t{agent.value} << 16 | run; }

}  // namespace

ControlPlane::ControlPlane(Settings settings, const VtepDirectory& directory, std::vector<Node> nodes,
                           std::vector<Change> changes, std::vector<Work> works, std::vector<Outage> outages,
                           std::vector<Group> groups, uint32_t initial)
    : m_settings(std::move(settings)),
      m_directory(directory),
      m_nodes(std::move(nodes)),
      m_changes(std::move(changes)),
      m_works(std::move(works)),
      m_outages(std::move(outages)),
      m_groups(std::move(groups)),
      m_initial(initial),
      m_schedules(m_nodes.size()) {
  const auto& entries = m_directory.Entries();
  std::vector<uint32_t> order(entries.size());
  for (uint32_t e = 0; e < order.size(); ++e) order[e] = e;
  // The API server lists in the order of etcd's keys.
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return m_nodes[entries[a].vtep.node.value].name < m_nodes[entries[b].vtep.node.value].name;
  });
  m_nameAt.resize(entries.size());
  for (uint32_t e : order) {
    m_nameAt[e] = static_cast<uint32_t>(m_byName.size());
    m_byName.push_back({e, entries[e].since, entries[e].until});
  }
  for (size_t n = 0; n < m_nodes.size(); ++n) m_schedules[n].resize(m_nodes[n].runs.size());
}

std::optional<uint32_t> ControlPlane::Schedule::PlaceOf(uint32_t byName) const {
  const uint32_t word = byName / kWordBits;
  const uint64_t bit = uint64_t{1} << byName % kWordBits;
  if (!(listed[word] & bit)) return std::nullopt;
  return before[word] + static_cast<uint32_t>(std::popcount(listed[word] & (bit - 1)));
}

// ------------------------------------------------------------------------------------------------ operations

uint16_t ControlPlane::StepsFor(NodeId agent, uint32_t entry) const {
  const Vtep& peer = m_directory.Entries()[entry].vtep;
  if (peer.node == agent) return 0;
  const Work& work = m_works[entry];
  if (work.direct == work.tunnelled) return work.direct;
  return m_nodes[agent.value].subnet.Contains(peer.underlay) ? work.direct : work.tunnelled;
}

uint32_t ControlPlane::OperationsFor(NodeId agent, uint32_t entry) const {
  const uint16_t steps = StepsFor(agent, entry);
  constexpr uint16_t kPerRange = BitOf(Step::Route) | BitOf(Step::PolicyRoute);
  return static_cast<uint32_t>(std::popcount(static_cast<unsigned>(steps & ~kPerRange))) +
         static_cast<uint32_t>(std::popcount(static_cast<unsigned>(steps & kPerRange))) * m_works[entry].ranges;
}

uint32_t ControlPlane::Position(const std::vector<Step>& order, uint16_t steps, uint32_t ranges, Step step,
                                uint32_t range) {
  uint32_t position = 0;
  for (Step s : order) {
    if (s == step) return position + 1 + (IsPerRange(s) ? range : 0);
    position += CountOf(s, steps, ranges);
  }
  return position;
}

// ------------------------------------------------------------------------------------------------ one run of an agent

uint32_t ControlPlane::VersionAt(Nanoseconds at) const {
  const auto later = std::upper_bound(m_changes.begin(), m_changes.end(), at,
                                      [](Nanoseconds t, const Change& change) { return t < change.at; });
  return static_cast<uint32_t>(later - m_changes.begin());
}

Nanoseconds ControlPlane::Reconnect(NodeId agent, size_t run, size_t outage, Nanoseconds from) const {
  RandomStream stream(m_settings.seed, "controlPlane/reconnect", StreamIndex(agent, run) << 16 | outage);
  Nanoseconds at = from, delay = kFirstRetry;
  while (at < m_outages[outage].to) {
    at += delay + Nanoseconds{static_cast<int64_t>(stream.Below(static_cast<uint64_t>(delay.count)))};
    delay = std::min(delay * 2, kLongestRetry);
  }
  return at;
}

/// When the answer to the list is asked for, and what the directory is then.
Nanoseconds ControlPlane::ListedAt(NodeId agent, size_t run, uint32_t* version) const {
  const Run& r = m_nodes[agent.value].runs[run];
  if (r.isOld) {
    *version = m_initial;
    return {-1};
  }
  Nanoseconds at = r.start;
  for (size_t o = 0; o < m_outages.size(); ++o)
    if (m_outages[o].from <= at && at < m_outages[o].to) at = Reconnect(agent, run, o, at);
  *version = VersionAt(at);
  return at;
}

template <typename Visitor>
void ControlPlane::Walk(NodeId agent, size_t run, Visitor&& visit) const {
  const Run& r = m_nodes[agent.value].runs[run];
  RandomStream stream(m_settings.seed, "controlPlane/watch", StreamIndex(agent, run));
  uint32_t version;
  const Nanoseconds asked = ListedAt(agent, run, &version);
  Nanoseconds heard = r.isOld ? asked : asked + m_settings.watchLatency.Draw(stream);
  Nanoseconds free = r.isOld ? asked : std::max(heard, r.ready);
  uint32_t number = 0;
  for (const Incarnation& i : m_byName) {
    if (version < i.since || version >= i.until) continue;
    const uint32_t operations = r.isOld ? 0 : OperationsFor(agent, i.entry);
    if (free >= r.end) return;
    visit(true, number++, i.entry, false, free, operations);
    free += m_settings.operation * operations;
  }
  if (r.isOld) free = {};
  size_t outage = 0;
  for (uint32_t v = version; v < m_changes.size(); ++v) {
    const Change& change = m_changes[v];
    heard = std::max(heard, change.at + m_settings.watchLatency.Draw(stream));
    for (; outage < m_outages.size() && m_outages[outage].from <= heard; ++outage)
      if (asked < m_outages[outage].from)
        heard = std::max(heard, Reconnect(agent, run, outage, m_outages[outage].from));
    const Nanoseconds begin = std::max(heard, free);
    if (begin >= r.end) return;
    const uint32_t operations = OperationsFor(agent, change.entry);
    visit(false, v - version, change.entry, change.isWithdrawal, begin, operations);
    free = begin + m_settings.operation * operations;
  }
}

const ControlPlane::Schedule& ControlPlane::ScheduleOf(NodeId agent, size_t run) const {
  std::unique_ptr<const Schedule>& slot = m_schedules[agent.value][run];
  if (slot) return *slot;
  auto schedule = std::make_unique<Schedule>();
  ListedAt(agent, run, &schedule->listVersion);
  const size_t words = m_byName.size() / kWordBits + 1;
  schedule->listed.resize(words);
  schedule->before.resize(words);
  Nanoseconds next;
  Walk(agent, run, [&](bool isList, uint32_t number, uint32_t entry, bool, Nanoseconds begin, uint32_t operations) {
    std::vector<Segment>& segments = isList ? schedule->list : schedule->watch;
    if (segments.empty() || segments.back().operations != operations || next != begin)
      segments.push_back({number, operations, begin});
    next = begin + m_settings.operation * operations;
    if (!isList) schedule->watchCount = number + 1;
    if (isList) schedule->listed[m_nameAt[entry] / kWordBits] |= uint64_t{1} << m_nameAt[entry] % kWordBits;
  });
  for (size_t w = 1; w < words; ++w)
    schedule->before[w] = schedule->before[w - 1] + static_cast<uint32_t>(std::popcount(schedule->listed[w - 1]));
  schedule->list.shrink_to_fit();
  schedule->watch.shrink_to_fit();
  slot = std::move(schedule);
  return *slot;
}

Nanoseconds ControlPlane::BeginOf(const std::vector<Segment>& segments, uint32_t item) const {
  const auto after = std::upper_bound(segments.begin(), segments.end(), item,
                                      [](uint32_t number, const Segment& s) { return number < s.first; });
  const Segment& segment = *std::prev(after);
  return segment.begin + m_settings.operation * segment.operations * (item - segment.first);
}

// ------------------------------------------------------------------------------------------------ single entries

template <typename Visitor>
void ControlPlane::EachWrite(NodeId agent, uint32_t entry, Step step, uint32_t range, Visitor&& visit) const {
  const VtepDirectory::Entry& e = m_directory.Entries()[entry];
  const std::vector<Run>& runs = m_nodes[agent.value].runs;
  const uint16_t steps = StepsFor(agent, entry);
  const uint32_t ranges = m_works[entry].ranges;
  for (size_t r = 0; r < runs.size(); ++r) {
    const Schedule& schedule = ScheduleOf(agent, r);
    auto carryOut = [&](Nanoseconds begin, const std::vector<Step>& order, bool isThere) {
      const Nanoseconds at = begin + m_settings.operation * Position(order, steps, ranges, step, range);
      if (at <= runs[r].end) visit(at, isThere);
    };
    if (const auto place = schedule.PlaceOf(m_nameAt[entry])) {
      if (runs[r].isOld)
        visit(Nanoseconds{-1}, true);
      else
        carryOut(BeginOf(schedule.list, *place), m_settings.habits.adds, true);
    }
    auto isWatched = [&](uint32_t version) {
      return version > schedule.listVersion && version - schedule.listVersion <= schedule.watchCount;
    };
    if (isWatched(e.since))
      carryOut(BeginOf(schedule.watch, e.since - schedule.listVersion - 1), m_settings.habits.adds, true);
    if (e.until <= m_changes.size() && m_changes[e.until - 1].isWithdrawal && isWatched(e.until))
      carryOut(BeginOf(schedule.watch, e.until - schedule.listVersion - 1), m_settings.habits.removes, false);
  }
}

ControlPlane::Force ControlPlane::InForce(NodeId agent, uint32_t entry, Step step, uint32_t range,
                                          Nanoseconds at) const {
  Force force;
  EachWrite(agent, entry, step, range, [&](Nanoseconds when, bool isThere) {
    if (when <= at)
      force.holds = isThere;
    else
      force.until = std::min(force.until, when);
  });
  return force;
}

std::vector<std::pair<Nanoseconds, bool>> ControlPlane::Writes(NodeId agent, uint32_t entry, Step step,
                                                               uint32_t range) const {
  std::vector<std::pair<Nanoseconds, bool>> out;
  EachWrite(agent, entry, step, range, [&](Nanoseconds when, bool isThere) { out.emplace_back(when, isThere); });
  return out;
}

std::vector<std::pair<Nanoseconds, bool>> ControlPlane::Transitions(NodeId agent, uint32_t entry, Step step,
                                                                    uint32_t range) const {
  std::vector<std::pair<Nanoseconds, bool>> out;
  EachWrite(agent, entry, step, range, [&](Nanoseconds when, bool isThere) {
    if (out.empty() ? isThere : out.back().second != isThere) out.emplace_back(when, isThere);
  });
  return out;
}

Nanoseconds ControlPlane::ReadyAt(NodeId node) const {
  const std::vector<Run>& runs = m_nodes[node.value].runs;
  for (const Run& run : runs)
    if (run.isOld) return {};
  for (const Run& run : runs)
    if (run.ready < run.end) return run.ready;
  return kNever;
}

// ------------------------------------------------------------------------------------------------ all together

Nanoseconds ControlPlane::SettledAt() const {
  Nanoseconds last = m_changes.empty() ? Nanoseconds{} : std::max(Nanoseconds{}, m_changes.back().at);
  for (size_t n = 0; n < m_nodes.size(); ++n)
    for (size_t r = 0; r < m_nodes[n].runs.size(); ++r)
      Walk(NodeId(n), r, [&](bool, uint32_t, uint32_t, bool, Nanoseconds begin, uint32_t operations) {
        last = std::max(last, std::min(begin + m_settings.operation * operations, m_nodes[n].runs[r].end));
      });
  return last;
}

ControlPlaneReport ControlPlane::Report(Nanoseconds at) const {
  ControlPlaneReport report;
  for (const Group& group : m_groups) report.changes.push_back({group.text, group.at, {}});
  std::vector<Nanoseconds> ofGroup(m_groups.size());
  std::vector<uint64_t> there;
  for (size_t n = 0; n < m_nodes.size(); ++n) {
    AgentReport agent{.node = NodeId(n)};
    there.assign(m_byName.size() / kWordBits + 1, 0);
    std::fill(ofGroup.begin(), ofGroup.end(), Nanoseconds{-1});
    Nanoseconds last;
    bool isDone = false;
    for (size_t r = 0; r < m_nodes[n].runs.size() && m_nodes[n].runs[r].start <= at; ++r) {
      const Run& run = m_nodes[n].runs[r];
      uint32_t version;
      ListedAt(agent.node, r, &version);
      uint32_t heard = version;
      isDone = at < run.end && run.ready <= at;
      if (run.ready <= at) last = std::max(last, run.ready);
      Walk(agent.node, r,
           [&](bool isList, uint32_t number, uint32_t entry, bool isGone, Nanoseconds begin, uint32_t operations) {
             const Nanoseconds end = begin + m_settings.operation * operations;
             if (end > at) isDone = false;
             if (end > at || end > run.end) return;
             if (!isList) heard = version + number + 1;
             if (m_directory.Entries()[entry].vtep.node == agent.node) return;
             uint64_t& word = there[m_nameAt[entry] / kWordBits];
             const uint64_t bit = uint64_t{1} << m_nameAt[entry] % kWordBits;
             word = isGone ? word & ~bit : word | bit;
             if (operations == 0) return;
             last = std::max(last, end);
             if (isList) return;
             if (const uint32_t group = m_changes[version + number].group; group > 0)
               ofGroup[group - 1] = std::max(ofGroup[group - 1], end);
           });
      if (heard < VersionAt(at)) isDone = false;
    }
    if (isDone) agent.settled = last;
    for (uint64_t word : there) agent.entries += static_cast<uint64_t>(std::popcount(word));
    for (size_t g = 0; g < ofGroup.size(); ++g)
      if (ofGroup[g].count >= 0) report.changes[g].inForce.push_back(ofGroup[g]);
    report.agents.push_back(agent);
  }
  for (ChangeReport& change : report.changes) std::sort(change.inForce.begin(), change.inForce.end());
  return report;
}

}  // namespace overlaysim::plan
