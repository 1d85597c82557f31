#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/base/units.h"
#include "sim/plan/cluster_plan.h"
#include "sim/trace/record.h"

namespace overlaysim {

/// One decision on a packet's way.
struct Hop {
  Nanoseconds at;
  std::string journey;  ///< "pod-a#1"
  uint32_t packet = 0;  ///< of the journey: fragments and copies have numbers of their own
  std::string netns;    ///< "node1"
  std::string device;   ///< "flannel.1"; "": the decision is the namespace's own
  Stage stage = Stage::Send;
  Verdict verdict = Verdict::Continue;
  std::string
      table;  ///< "route", "neigh", "fdb", "bridge", "filter", or what was done: "encapsulate", "deliver", "drop"
  std::string line;            ///< the line of the table that decided; "": none did
  std::string text;            ///< what else there is to say
  uint32_t frameBytes = 0;     ///< with its Ethernet header
  std::optional<uint8_t> ttl;  ///< after it was counted down here
};

struct PathOptions {
  bool reply = false;  ///< also what comes back
  bool arp = false;    ///< also the ARP that it took
};

/// What became of one line of traffic, decision by decision.
struct PathReport {
  std::vector<Hop> hops;
  bool isAnswered = false;
  Nanoseconds roundTrip;
  std::string error;  ///< why nothing was sent, in strerror()'s words; "": it was
};

/// Runs the plan, whose first line of traffic is the one to follow.
PathReport FollowFirstFlow(const ClusterPlan& plan, const PathOptions& options);

/// The table of `overlaysim trace`.
std::string PathText(const PathReport& report);
std::string PathJson(const PathReport& report);

}  // namespace overlaysim
