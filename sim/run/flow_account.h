#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "models/wire/headers.h"
#include "sim/plan/cluster_plan.h"
#include "sim/trace/metrics.h"
#include "sim/trace/record.h"
#include "sim/trace/trace_counts.h"

namespace overlaysim {

/// What the records of a run add up to: packets that were lost, what crossed tunnels, and the ways that packets took.
/// Probes, which are sent for an expectation only, are no part of the sums.
class FlowAccount {
 public:
  explicit FlowAccount(const ClusterPlan& plan) : m_plan(plan) {}

  void Add(const TraceRecord& record, const HeaderChange& change);
  /// The journeys of that flow are followed one by one.
  void Follow(FlowId flow) { m_followed[flow.value]; }
  bool FollowsAny() const { return !m_followed.empty(); }

  /// Packets of traffic that were lost. The stack's own housekeeping (ARP) is not traffic, and a copy that a bridge
  /// made for those whom it does not concern is no loss.
  const VerdictCounts& Losses() const { return m_losses; }
  const VerdictCounts* LossesOf(FlowId flow) const;  ///< nullptr: none
  /// The same by place and time; only while `keepLosses` is set.
  struct Loss {
    Nanoseconds at;
    NetnsId netns;
    int ifindex;
    Verdict verdict;
  };
  bool keepLosses = false;
  const std::vector<Loss>& AllLosses() const { return m_allLosses; }

  /// Packets of one kind that were put into a tunnel.
  struct Crossing {
    bool isAnswer = false;      ///< not made by the flow's sender
    uint32_t innerBytes = 0;    ///< of the frame that is carried
    uint32_t outerIpBytes = 0;  ///< of the outer IP header
    uint32_t addedBytes = 0;    ///< of all outer headers but Ethernet's
    uint32_t trailerBytes = 0;  ///< behind the packet: padding and tag of what is encrypted
    bool isGeneve = false;      ///< or VXLAN: of what IsVxlan() says
    bool isEsp = false;         ///< or WireGuard: of what is encrypted
    bool isV6 = false;          ///< the outer IP header
    bool hasUdp = false;        ///< behind it

    /// Told apart by what stands around the packet: an IP header, that and UDP, a trailer too; else it is VXLAN or
    /// Geneve.
    bool IsIpip() const { return addedBytes == outerIpBytes; }
    bool IsUdp() const { return addedBytes == outerIpBytes + wire::kUdpHeaderBytes; }
    bool IsEncrypted() const { return trailerBytes != 0; }
    bool IsVxlan() const { return !IsIpip() && !IsUdp() && !IsEncrypted(); }
    /// VXLAN wraps the frame with its Ethernet header, so the wire has one more of those.
    uint32_t AddedOnWire() const { return addedBytes + trailerBytes + (IsVxlan() ? wire::kEthernetHeaderBytes : 0); }
    auto operator<=>(const Crossing&) const = default;
  };
  const std::map<Crossing, uint64_t>& Crossings() const { return m_crossings; }
  /// The one of them that a record which was added has raised; null: none. It stays where it is.
  uint64_t* CrossingOf(const TraceRecord& record, const HeaderChange& change);
  uint64_t Fragmented() const { return m_fragmented; }  ///< packets of traffic that were cut

  struct Journey {
    NetnsId maker;
    Nanoseconds made;
    std::optional<Nanoseconds> arrived;   ///< at a socket or protocol handler
    std::optional<Nanoseconds> answered;  ///< when the first packet that it caused arrived at its maker
    uint64_t cause = 0;
    std::vector<NetnsId> way;  ///< namespaces that it was in, in order
  };
  using Journeys = std::map<uint64_t, Journey>;
  const Journeys& JourneysOf(FlowId flow) const { return m_followed.at(flow.value); }

 private:
  void AddToJourney(Journeys& journeys, const TraceRecord& record) const;

  const ClusterPlan& m_plan;
  VerdictCounts m_losses;
  std::unordered_map<uint32_t, VerdictCounts> m_lossesByFlow;
  std::vector<Loss> m_allLosses;
  std::map<Crossing, uint64_t> m_crossings;
  uint64_t m_fragmented = 0;
  std::unordered_set<uint64_t> m_copied;  ///< journeys of which a bridge made copies
  std::unordered_map<uint32_t, Journeys> m_followed;
};

}  // namespace overlaysim
