#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/units.h"
#include "sim/trace/histogram.h"
#include "sim/trace/record.h"

namespace overlaysim {

/// How often each verdict was given.
class VerdictCounts {
 public:
  void Add(Verdict verdict, uint64_t count = 1) { m_counts[static_cast<size_t>(verdict)] += count; }
  uint64_t Get(Verdict verdict) const { return m_counts[static_cast<size_t>(verdict)]; }
  uint64_t Drops() const;  ///< of all verdicts that are drops
  bool operator==(const VerdictCounts&) const = default;

 private:
  std::array<uint64_t, static_cast<size_t>(Verdict::Count)> m_counts{};
};

/// One direction of one cable.
struct LinkMetrics {
  std::string name;      ///< the cable's, "node1-leaf1"
  std::string from, to;  ///< devices, "node1/eth0"
  BitsPerSecond rate;    ///< 0: infinitely fast
  uint64_t frames = 0, bytes = 0;
  uint64_t droppedFrames = 0, droppedBytes = 0;
  Nanoseconds busy;  ///< time in which it was sending
  int64_t maxQueueBytes = 0;

  bool operator==(const LinkMetrics&) const = default;
};

/// One line of traffic.
struct FlowMetrics {
  std::string name;
  std::string from, to;                               ///< "shop/cart-1"
  uint64_t offeredPackets = 0, offeredBytes = 0;      ///< that the sender was asked to send
  uint64_t deliveredPackets = 0, deliveredBytes = 0;  ///< that the receiver's application got
  Histogram latencyNs;                                ///< one way, of the delivered packets
  Histogram rttNs;                                    ///< of requests that were answered
  std::optional<Nanoseconds> completion;              ///< of a transfer: from its start until the last byte was there
  VerdictCounts verdicts;                             ///< of packets' ends

  bool operator==(const FlowMetrics&) const = default;
};

/// One node's agent.
struct AgentMetrics {
  std::string node;
  std::optional<Nanoseconds> settled;  ///< when it had done all that there was for it; none: not by the end
  uint64_t entries = 0;                ///< peers of which everything is in the node's tables

  bool operator==(const AgentMetrics&) const = default;
};

/// A change of the cluster, and when it was in force on other nodes.
struct ChangeMetrics {
  std::string text;  ///< "node9 joins"
  Nanoseconds at;
  uint64_t nodes = 0;  ///< on so many by the end; with none there are no times
  Nanoseconds first, median, last;

  bool operator==(const ChangeMetrics&) const = default;
};

/// Whether something held that the scenario's author expected.
struct ExpectationResult {
  std::string text;      ///< "reach pod-a -> pod-b, udp 53"
  std::string expected;  ///< "an answer to each", "p99 below 300us"
  std::string found;
  bool held = false;

  bool operator==(const ExpectationResult&) const = default;
};

/// metrics.json: what a run comes to in numbers.
struct RunMetrics {
  Nanoseconds simulated;  ///< when the last event was
  uint64_t events = 0;
  VerdictCounts verdicts;  ///< of all packets' ends
  std::vector<LinkMetrics> links;
  std::vector<FlowMetrics> flows;
  std::vector<AgentMetrics> agents;             ///< by node; empty: the scenario has no control plane
  std::vector<ChangeMetrics> changes;           ///< by time
  std::vector<ExpectationResult> expectations;  ///< in the order of the scenario; judged when the run ends

  uint64_t OfferedPackets() const;
  uint64_t DeliveredPackets() const;
  Histogram Latency() const;     ///< over all flows
  Histogram Completion() const;  ///< over all transfers that were completed
  /// Times at which agents had done all that there was for them, ascending.
  std::vector<Nanoseconds> SettledAgents() const;
  uint64_t AgentEntries() const;
  /// Thousandths of the run in which the link was sending.
  uint64_t UtilisationPerMille(const LinkMetrics& link) const;
  /// The busiest first, equal ones in their order; those that sent nothing are left out.
  std::vector<const LinkMetrics*> BusiestLinks(size_t most) const;
  bool operator==(const RunMetrics&) const = default;
};

/// The same metrics always give the same bytes.
std::string MetricsToJson(const RunMetrics& metrics);
/// nullopt and `error` when it is not what MetricsToJson writes.
std::optional<RunMetrics> MetricsFromJson(std::string_view text, std::string& error);

}  // namespace overlaysim
