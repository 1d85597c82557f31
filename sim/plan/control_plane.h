#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/random.h"
#include "sim/base/units.h"
#include "sim/plan/agent_report.h"
#include "sim/plan/vtep_directory.h"

namespace overlaysim::plan {

/// What an agent writes for a peer. Route and PolicyRoute are written once for each of its ranges.
enum class Step : uint8_t { Neighbour, Fdb, Route, PolicyRoute, TunnelPeer, Map, Neighbour6, Fdb6, Route6, Count };
constexpr uint16_t BitOf(Step step) { return static_cast<uint16_t>(1u << static_cast<unsigned>(step)); }

/// How the agents of a flavour work.
struct AgentHabits {
  std::vector<Step> adds;     ///< in this order for a new peer, one operation each; empty: the flavour has no agent
  std::vector<Step> removes;  ///< for one that is gone
  Nanoseconds podCidrPoll;    ///< between two looks for the node's own pod CIDR; 0: it is told
};

/// A time between two.
struct TimeRange {
  Nanoseconds from, to;

  Nanoseconds Draw(RandomStream& stream) const {
    return from < to ? Nanoseconds{from.count +
                                   static_cast<int64_t>(stream.Below(static_cast<uint64_t>((to - from).count) + 1))}
                     : from;
  }
};

inline constexpr Nanoseconds kNever{std::numeric_limits<int64_t>::max()};

/// When the agent of each node carries out what the API server tells of the others. Nothing is kept of the single
/// entries: an agent does one thing after the other, so the moment of each follows from where in the order it stands.
///
/// An agent lists all nodes when it starts, in the order of their names, and watches from then on. Each change reaches
/// it some time after it was made, changes in their order; it carries them out one operation after the other.
class ControlPlane {
 public:
  struct Settings {
    uint64_t seed = 1;
    TimeRange watchLatency;
    Nanoseconds operation;
    AgentHabits habits;
  };
  /// The life of one agent process: from its start until before `end`.
  struct Run {
    Nanoseconds start;
    Nanoseconds ready;  ///< its node's lease is there; it carries nothing out before
    Nanoseconds end = kNever;
    bool isOld = false;  ///< it has been running, and knows what is there at time 0
  };
  struct Node {
    std::string name;
    std::vector<Run> runs;
    Ipv4Prefix subnet;
  };
  /// A version of the directory.
  struct Change {
    uint32_t entry = 0;
    bool isWithdrawal = false;
    Nanoseconds at;      ///< at the API server
    uint32_t group = 0;  ///< 1 + index of the events' texts; 0: of none
  };
  struct Outage {
    Nanoseconds from, to;
  };
  /// Which steps an entry takes: between nodes that are on one subnet, and between others.
  struct Work {
    uint16_t direct = 0, tunnelled = 0;  ///< bits of Step
    uint16_t ranges = 0;
  };
  struct Group {
    std::string text;
    Nanoseconds at;
  };

  /// `changes[v - 1]` is what version v of the directory brought, `works` is by entry. `initial`: the version at time
  /// 0. The directory must outlive it.
  ControlPlane(Settings settings, const VtepDirectory& directory, std::vector<Node> nodes, std::vector<Change> changes,
               std::vector<Work> works, std::vector<Outage> outages, std::vector<Group> groups, uint32_t initial);

  struct Force {
    bool holds = false;
    Nanoseconds until = kNever;  ///< it may be otherwise from then on
  };
  /// Whether what `step` writes for an entry, or for one of its ranges, is in the tables of that agent's node.
  Force InForce(NodeId agent, uint32_t entry, Step step, uint32_t range, Nanoseconds at) const;
  /// When the node's pods can start: its agent has its lease. kNever: never.
  Nanoseconds ReadyAt(NodeId node) const;
  /// When the agent writes it (true) or takes it away, in order; also what is there already.
  std::vector<std::pair<Nanoseconds, bool>> Writes(NodeId agent, uint32_t entry, Step step, uint32_t range) const;
  /// All changes of what InForce() says of that entry, in order.
  std::vector<std::pair<Nanoseconds, bool>> Transitions(NodeId agent, uint32_t entry, Step step, uint32_t range) const;
  /// When the last agent has done the last thing.
  Nanoseconds SettledAt() const;
  /// As it is at that time.
  ControlPlaneReport Report(Nanoseconds at) const;

 private:
  /// Items from `first` on begin one after the other, `operations` each.
  struct Segment {
    uint32_t first;
    uint32_t operations;
    Nanoseconds begin;
  };
  /// What one run of an agent does: the list's items by their place in it, those of the watch by version.
  struct Schedule {
    uint32_t listVersion = 0;
    std::vector<uint64_t> listed;  ///< bits, by place in m_byName
    std::vector<uint32_t> before;  ///< how many, by word
    std::vector<Segment> list, watch;
    uint32_t watchCount = 0;
    /// Of what stands at that place in m_byName; nullopt: it is not in the list.
    std::optional<uint32_t> PlaceOf(uint32_t byName) const;
  };
  using Schedules = std::vector<std::unique_ptr<const Schedule>>;

  uint16_t StepsFor(NodeId agent, uint32_t entry) const;
  uint32_t OperationsFor(NodeId agent, uint32_t entry) const;
  /// How many operations come before that one and it.
  static uint32_t Position(const std::vector<Step>& order, uint16_t steps, uint32_t ranges, Step step, uint32_t range);
  Nanoseconds BeginOf(const std::vector<Segment>& segments, uint32_t item) const;
  Nanoseconds ListedAt(NodeId agent, size_t run, uint32_t* version) const;
  Nanoseconds Reconnect(NodeId agent, size_t run, size_t outage, Nanoseconds from) const;
  /// Calls `visit(isList, number, entry, isWithdrawal, begin, operations)` for each thing that the run does.
  template <typename Visitor>
  void Walk(NodeId agent, size_t run, Visitor&& visit) const;
  const Schedule& ScheduleOf(NodeId agent, size_t run) const;
  template <typename Visitor>
  void EachWrite(NodeId agent, uint32_t entry, Step step, uint32_t range, Visitor&& visit) const;
  uint32_t VersionAt(Nanoseconds at) const;

  Settings m_settings;
  const VtepDirectory& m_directory;
  std::vector<Node> m_nodes;
  std::vector<Change> m_changes;
  std::vector<Work> m_works;
  std::vector<Outage> m_outages;
  std::vector<Group> m_groups;
  uint32_t m_initial;
  struct Incarnation {
    uint32_t entry, since, until;
  };
  std::vector<Incarnation> m_byName;  ///< the directory's entries by name, those of a node in their order
  std::vector<uint32_t> m_nameAt;     ///< by entry: its place there
  mutable std::vector<Schedules> m_schedules;
};

}  // namespace overlaysim::plan
