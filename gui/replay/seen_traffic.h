#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gui/replay/topology.h"
#include "sim/trace/record.h"

namespace overlaysim::replay {

/// Packets that one namespace's tunnel device put into outer headers towards another's.
struct SeenTunnel {
  uint32_t from = 0, to = 0;    ///< namespaces
  std::optional<uint32_t> vni;  ///< none: its headers have none (ipip, wireguard)
  uint64_t packets = 0;
};

/// Packets that one namespace sent and another took.
struct SeenFlow {
  uint32_t from = 0, to = 0;
  uint64_t packets = 0;
};

/// Who talked to whom, and through which tunnels, from the records of a trace.
class SeenTraffic {
 public:
  static constexpr size_t kMost = 200'000;  ///< of each that are kept

  /// @param topology  must live until the last Note()
  explicit SeenTraffic(const Topology& topology) : m_topology(&topology) {}

  void Note(const TraceRecord& record, const HeaderChange& change);
  std::vector<SeenTunnel> Tunnels() const;  ///< by from, to and VNI
  std::vector<SeenFlow> Flows() const;      ///< by from and to; without ARP and neighbour discovery

 private:
  void NoteTunnel(const TraceRecord& record, const HeaderChange& change);

  const Topology* m_topology;
  std::map<std::tuple<uint32_t, uint32_t, std::optional<uint32_t>>, uint64_t> m_tunnels;
  std::unordered_map<uint64_t, uint64_t> m_flows;  ///< from << 32 | to
};

}  // namespace overlaysim::replay
