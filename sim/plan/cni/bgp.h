#pragma once

#include <string>
#include <vector>

#include "sim/base/ids.h"

namespace overlaysim::plan {

/// A node as a BGP speaker of the one AS that all nodes are in.
struct BgpSpeaker {
  std::string clusterId;  ///< "": no route reflector
};

/// Who learns whose routes inside an AS. A speaker passes on what it has from others only if it is a route reflector:
/// what a client sent to everybody, what somebody else sent to its clients (RFC 4456). A client of a reflector is each
/// peer whose cluster ID is another or none; a reflector refuses what one of its own cluster has reflected.
/// Source: projectcalico/calico confd bird templates (rr client, rr cluster id).
class BgpReach {
 public:
  /// @param fullMesh  a session between any two speakers that are no route reflectors
  /// @param sessions  further ones, by index of speaker
  BgpReach(const std::vector<BgpSpeaker>& speakers, bool fullMesh,
           const std::vector<std::pair<size_t, size_t>>& sessions);

  /// Whether `self` has the routes of `origin`.
  bool Learns(NodeId self, NodeId origin) const { return m_everybody || m_learns[origin.value * m_count + self.value]; }

 private:
  size_t m_count;
  bool m_everybody = false;  ///< a full mesh: nothing to remember
  std::vector<bool> m_learns;
};

}  // namespace overlaysim::plan
