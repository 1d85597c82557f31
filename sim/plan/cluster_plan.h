#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/linux/namespace.h"
#include "sim/plan/agent_report.h"
#include "sim/plan/expectation.h"
#include "sim/plan/recorded_packets.h"
#include "sim/plan/workload.h"

namespace overlaysim {

enum class NetnsRole : uint8_t { Node, Pod, Leaf, Spine, Router, External, Lab };

/// Kubernetes labels.
using Labels = std::map<std::string, std::string, std::less<>>;

/// One namespace of the run. Those with the same `kernel` run on one Linux kernel: their veths are function calls, not
/// cables.
struct NetnsInfo {
  NetnsId id;
  std::string name;  ///< unique: "node1", "pod-a", "shop/cart-1", "leaf3"
  NetnsRole role = NetnsRole::Node;
  uint32_t kernel = 0;
  NodeId node;  ///< the node itself, or the node that a pod runs on
  PodId pod;
  bool isShared = false;  ///< a pod with its node's network: it has no namespace of its own
};

/// A pod whose namespace has nothing but lo and eth0, up and with this address: what a plan knows of it without making
/// it.
struct LonePod {
  int ifindex = 0;  ///< of eth0
  MacAddress mac;
  uint32_t mtu = 0;
  Ipv4Address address;
  uint8_t prefixLength = 32;
  Ipv6Address address6;  ///< zero: it has none
  uint8_t prefixLength6 = 0;
  NetnsId peerNetns;    ///< where the other end of eth0's veth is
  int peerIfindex = 0;  ///< and which device that is
};

/// A full-duplex cable between two devices. Each direction is a FIFO drop-tail queue in front of a serializer.
struct CablePlan {
  struct End {
    NetnsId netns;
    int ifindex = 0;
  } a, b;
  std::string name;  ///< "node1-leaf1"
  BitsPerSecond rate{10000000000};
  Nanoseconds delay = Microseconds(1);
  int64_t queueBytes = 1000000;  ///< per direction; what does not fit is dropped (QueueFull)
  bool up = true;                ///< at the start
};

/// What every Linux host of the cluster has configured, and what will happen: pure data, iproute2's vocabulary, no
/// ns-3. Namespaces are made when asked for: Materialise(id) is what `ip` and `bridge` show there at time 0.
class ClusterPlan {
 public:
  virtual ~ClusterPlan() = default;

  std::string name;  ///< of the scenario file, without its ending
  std::string description;
  std::string understood;  ///< one line: "flannel vxlan, VNI 1, UDP 8472 · 2 nodes, 2 pods"
  std::string cniName;
  uint64_t seed = 1;
  Nanoseconds duration;  ///< zero: until the traffic has ended
  std::vector<CablePlan> cables;
  std::vector<Workload> workloads;
  std::vector<TimedEvent> events;  ///< by time
  std::vector<CapturePoint> captures;
  std::vector<Expectation> expectations;
  RecordedPackets recorded;

  virtual size_t NetnsCount() const = 0;
  virtual NetnsInfo Info(NetnsId id) const = 0;
  virtual std::unique_ptr<kernel::Namespace> Materialise(NetnsId id) const = 0;
  /// By name as people write it: node, pod ("pod-a" where it is unambiguous, "ns/pod"), switch. None when there is
  /// none.
  virtual NetnsId Find(std::string_view name) const = 0;
  /// The namespace that has this address at time 0; none when nobody has.
  virtual NetnsId FindByAddress(const IpAddress& ip) const = 0;
  /// nullopt: it is no such pod, or one has to look.
  virtual std::optional<LonePod> FindLonePod(NetnsId) const { return std::nullopt; }
  /// Of a node or pod; null: it has none.
  virtual const Labels* FindLabels(NetnsId) const { return nullptr; }
  /// Routes of table main of a switch, router or outside host, but for the kernel's own, once `epoch` link events have
  /// been seen (TimedEvent::RoutesReconverge).
  virtual std::vector<kernel::Route> UnderlayRoutes(NetnsId id, uint32_t epoch) const = 0;
  virtual std::vector<kernel::Route6> UnderlayRoutes6(NetnsId, uint32_t) const { return {}; }

  // --- agents that carry out in time what they learn of other nodes; a plan without them has everything in force
  virtual bool HasAgents() const { return false; }
  /// From now on tables are as they are at `nowNs`, which must live as long as anything uses them.
  virtual void FollowClock(const int64_t& /*nowNs*/) const {}
  /// Nodes whose tables are their own all the same (commands change them), and what their agents still write there.
  virtual std::vector<NetnsId> NodesWithAgentWrites() const { return {}; }
  virtual std::vector<kernel::PeerChange> AgentWrites(NetnsId, Nanoseconds /*after*/) const { return {}; }
  /// When the last agent has done the last thing.
  virtual Nanoseconds AgentsSettled() const { return {}; }
  virtual ControlPlaneReport ReportAgents(Nanoseconds /*at*/) const { return {}; }
};

}  // namespace overlaysim
