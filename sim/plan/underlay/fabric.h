#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/linux/namespace.h"
#include "sim/plan/cluster.h"
#include "sim/plan/cluster_plan.h"
#include "sim/plan/underlay/port.h"

namespace overlaysim::plan {

/// A bridge of a switch, with the address by which a routing one is the gateway of its hosts.
struct Bridge {
  std::string name;
  MacAddress mac;
  uint32_t segment = 0;
  Ipv4Prefix address;  ///< with host bits; length 0: none
  uint32_t mtu = 1500;
};

/// A switch or router.
struct Device {
  std::string name;
  NetnsRole role = NetnsRole::Router;
  std::string zone;
  bool routes = false;
  std::vector<Bridge> bridges;  ///< ifindexes 2, 3, …
  std::vector<Port> ports;      ///< ifindexes behind the bridges
  FamilyRules forward;          ///< the underlay's firewall
  bool dropsByDefault = false;

  int BridgeIfindex(size_t bridge) const { return static_cast<int>(2 + bridge); }
  int PortIfindex(size_t port) const { return static_cast<int>(2 + bridges.size() + port); }
};

/// A host outside of the cluster.
struct ExternalHostRow {
  std::string name;
  Port port;
};

/// A layer-2 network: ports and bridges that hear each other's broadcasts.
struct Segment {
  Ipv4Prefix subnet;
  bool hasHosts = false;
  /// The addresses in it that route: a device's port, or one of its bridges.
  struct Attachment {
    uint32_t device = 0;
    bool isBridge = false;
    uint32_t index = 0;
    Ipv4Address address;
  };
  std::vector<Attachment> routers;
};

/// One end of a cable, in terms of the fabric.
struct CableEnd {
  enum class Kind : uint8_t { Device, Node, External } kind = Kind::Device;
  uint32_t owner = 0;  ///< index of the device, node or external host
  uint32_t port = 0;
};

struct Fabric {
  std::vector<Device> devices;
  std::vector<ExternalHostRow> externals;
  std::vector<std::array<CableEnd, 2>> ends;  ///< by cable
  std::vector<CablePlan> cables;              ///< namespaces and ifindexes are filled in by the plan
  std::vector<Segment> segments;
  std::vector<uint32_t> uplinkHosts;  ///< nodes with several ports in different segments: have routes of their own

  std::optional<uint32_t> FindDevice(std::string_view name) const;
};

/// Switches, routers and cables of the scenario's type, with the nodes and external hosts at their ports; then
/// segments, addresses and gateways. Fills in NodeRow::ports.
std::optional<Fabric> BuildFabric(const Context& context, Cluster& cluster);

/// The parts of BuildFabric.
void GenerateTopology(const Context& context, Cluster& cluster, Fabric& fabric);
void FindSegments(const Context& context, Cluster& cluster, Fabric& fabric);
void AssignAddresses(const Context& context, Cluster& cluster, Fabric& fabric);

/// Which of the cables are down.
using DownCables = std::vector<bool>;
/// Routes of table main of a device by shortest paths (number of routers), with all equally short ones as next hops.
std::vector<kernel::Route> RoutesOf(const Fabric& fabric, const Cluster& cluster, uint32_t device,
                                    const DownCables& down);

/// The underlay's `allow` and `deny` as FORWARD rules of the devices beside hosts.
void ApplyFirewall(const Context& context, const Cluster& cluster, Fabric& fabric);

}  // namespace overlaysim::plan
