#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "gui/layout/geometry.h"
#include "gui/replay/topology.h"

namespace overlaysim::layout {

inline constexpr uint32_t kNone = 0xffffffff;

/// What has a box of its own: a node, a switch, a router, an external host, a namespace of a lab. Pods are inside their
/// node's.
struct Site {
  uint32_t netns = 0;
  uint32_t rack = kNone;  ///< index; kNone: it stands above the racks, or in a lab
  uint32_t slot = 0;      ///< of a node: its place in the rack
  bool isHead = false;    ///< the switch of its rack
  Box box;
};

/// A leaf with the nodes below it, or nodes that hang on nothing.
struct Rack {
  uint32_t head = kNone;  ///< index of its switch among the sites; kNone: it has none
  std::string name;       ///< the switch's, or "no uplink"
  Box box;
  std::vector<uint32_t> sites;  ///< the nodes, without the head; indices
  uint32_t collapsedNodes = 0;  ///< that it has but does not show
};

/// Where a person has put something: its box's top left corner, by namespace name. A rack's is that of its switch.
using Positions = std::unordered_map<std::string, Point>;

struct Options {
  double aspect = 1.6;  ///< width by height that the whole should come near to
  /// By NetnsId, empty: none. Hidden nodes and switches get no place.
  std::vector<bool> isHidden;
  /// By NetnsId of racks' switches, empty: none. A collapsed rack is its switch alone, and that stands for its nodes.
  std::vector<bool> isCollapsed;
};

/// Everything's place. Cables lead from spines down through corridors between the columns of racks to the leaves, and
/// from there through the gutters between nodes, so that none crosses a box.
struct ClusterLayout {
  std::vector<Site> sites;
  std::vector<Rack> racks;
  std::vector<uint32_t> siteOf;      ///< by NetnsId: its site, or its node's; kNone: hidden
  std::vector<uint32_t> cableBegin;  ///< where cable i's points begin in cablePoints; one more at the end
  std::vector<Point> cablePoints;    ///< from end a to end b; none when an end is hidden
  std::vector<Box> cableBounds;
  Box bounds;

  std::span<const Point> CablePath(uint32_t cable) const {
    return {cablePoints.data() + cableBegin[cable], cableBegin[cable + 1] - cableBegin[cable]};
  }
  uint32_t SiteAt(Point p) const;  ///< kNone: none
  uint32_t RackAt(Point p) const;
};

/// Time and memory are linear in namespaces and cables; the same topology always gives the same places.
ClusterLayout LayOut(const replay::Topology& topology, const Positions& moved = {}, const Options& options = {});

}  // namespace overlaysim::layout
