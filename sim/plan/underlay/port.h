#pragma once

#include <cstdint>
#include <string>

#include "sim/base/addresses.h"
#include "sim/base/ids.h"

namespace overlaysim::plan {

/// A physical device of a node, switch, router or outside host: one end of a cable.
struct Port {
  std::string name;
  CableId cable;
  MacAddress mac;
  uint32_t mtu = 1500;
  int bridge = -1;       ///< index of the device's bridge that it is a port of; -1: it has an address of its own
  uint32_t segment = 0;  ///< the layer-2 network that it is in
  Ipv4Prefix address;    ///< with host bits; length 0: none
  Ipv4Address gateway;   ///< hosts: the default route through this port; zero: none
};

}  // namespace overlaysim::plan
