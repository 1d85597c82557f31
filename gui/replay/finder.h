#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gui/replay/topology.h"

namespace overlaysim::replay {

/// Something that a person may look for by its name, address or MAC.
struct Found {
  enum class Kind : uint8_t { Node, Pod, Switch, Flow, Cable, Address, Mac };
  Kind kind = Kind::Node;
  std::string text;      ///< what has matched: "shop/cart", "10.244.1.2"
  std::string detail;    ///< where or whose it is: "pod on node1", "node1/eth0"
  uint32_t netns = 0;    ///< of all but flows and cables; the node itself, the address' owner
  uint32_t ifindex = 0;  ///< of an address or a MAC
  uint32_t number = 0;   ///< of a flow its id, of a cable its place in the plan's cables
};

/// Finds names in a plan as they are typed. One text is searched through, whatever the number of pods: 150,000 of them in a
/// few milliseconds.
class Finder {
 public:
  /// The plan must outlive it.
  explicit Finder(const Topology& plan);
  /// What has all the words of `query` in it, upper or lower case; the best first: equal, then beginning so, then at the
  /// beginning of a word, then elsewhere; nodes before pods before addresses.
  std::vector<Found> Find(std::string_view query, size_t most) const;

 private:
  struct Entry {
    uint32_t begin;  ///< in m_text
    Found::Kind kind;
    uint32_t netns, device, number;
  };
  void Add(Found::Kind kind, std::string_view text, uint32_t netns, uint32_t device = 0, uint32_t number = 0);
  std::string_view TextOf(size_t entry) const;
  Found Describe(size_t entry) const;

  const Topology& m_plan;
  std::string m_text;  ///< lower case, each entry with a line end behind it
  std::vector<Entry> m_entries;
};

}  // namespace overlaysim::replay
