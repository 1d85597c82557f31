#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gui/layout/geometry.h"
#include "gui/replay/topology.h"

namespace overlaysim::layout {

/// A device inside a node, switch or pod, and what it is there.
struct DeviceBox {
  enum class Kind : uint8_t {
    Uplink,   ///< a cable ends here: eth0, swp1
    Bridge,   ///< others are its ports: cni0, br0
    PodPort,  ///< the node's end of a pod's veth
    PodEth,   ///< the pod's end
    Other,    ///< flannel.1, vxlan.calico, tunl0, ...: where the plan does not say what it is, taken for a tunnel
  };
  Kind kind = Kind::Other;
  uint32_t netns = 0, ifindex = 0;
  Box box;
};

struct PodBox {
  uint32_t netns = 0;
  bool isHostNetwork = false;  ///< it has no devices of its own
  Box box;
  std::vector<uint32_t> members = {};  ///< not empty: one box for all of these pods
  std::string group = {};              ///< what they have in common
};

/// What gets a cell among a node's pods: one of them, or several that are shown as one.
struct PodCell {
  std::vector<uint32_t> pods;
  std::string group;  ///< "": a pod of its own
};

/// One line of the wiring, from device to bridge, routing or pod.
struct Wire {
  std::vector<Point> points;
  uint32_t netns = 0, ifindex = 0;  ///< the device that it belongs to
};

/// The inside of a node, as a wiring diagram in its own box: uplinks and tunnels on top, the routing that joins them
/// with the bridges, and the pods below, each with the two ends of its veth.
struct NodeInside {
  std::vector<DeviceBox> devices;
  std::vector<PodBox> pods;
  std::vector<Wire> wires;
  Box title, routing;  ///< routing is empty for a switch, which only bridges
  Box podArea;

  const DeviceBox* Find(uint32_t netns, uint32_t ifindex) const;  ///< null: not drawn (lo)
  const PodBox* FindPod(uint32_t netns) const;  ///< also of one that is shown with others; null: it is hidden
};

/// @param box  of its site; everything is inside it
/// @param pods  those that are shown
NodeInside LayOutInside(const replay::Topology& topology, uint32_t netns, const Box& box,
                        const std::vector<PodCell>& pods);
/// With all of its pods, each by itself.
NodeInside LayOutInside(const replay::Topology& topology, uint32_t netns, const Box& box);

/// Where pods are drawn while they are too small for their wiring: the same places as PodBoxes, without making them.
struct PodGrid {
  Box area;
  size_t columns = 0, rows = 0;
  Box Cell(size_t index) const;
};
PodGrid PodGridOf(size_t pods, const Box& box);

}  // namespace overlaysim::layout
