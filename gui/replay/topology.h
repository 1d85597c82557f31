#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/addresses.h"

namespace overlaysim::replay {

enum class Role : uint8_t { Node, Pod, Leaf, Spine, Router, External, Lab, Unknown };

struct CableEnd {
  uint32_t netns = 0, ifindex = 0;
  bool operator==(const CableEnd&) const = default;
};

/// What a network namespace has as `ip link` and `ip address` would show it when the run begins.
struct Device {
  uint32_t ifindex = 0;
  uint32_t mtu = 0;
  std::string name, mac;
  std::string kind;    ///< "vxlan", "bridge"; "" of lo, NICs and veths, and where the plan is an old one
  std::string master;  ///< the bridge that it is a port of; ""
  std::vector<std::string> addresses;  ///< "10.244.1.1/24"
  std::optional<uint32_t> vni;         ///< of a tunnel that has one for all its packets
  uint16_t port = 0;                   ///< UDP port of a tunnel; 0: it has none
  std::optional<CableEnd> peer;        ///< the other end of a veth

  /// Puts packets into others: vxlan, geneve, ipip, wireguard, tun. By the kind only: an old plan does not say.
  bool IsTunnel() const;
};

/// A Kubernetes label.
struct Label {
  std::string key, value;
};

struct Netns {
  uint32_t id = 0;
  Role role = Role::Unknown;
  uint32_t kernel = 0;    ///< namespaces with the same number are on one machine: a node and its pods
  bool isShared = false;  ///< the node's own namespace under a pod's name (hostNetwork): it has no devices of its own
  std::string name;       ///< "worker-a", "shop/cart-5d9c7b"
  std::vector<Device> devices;
  std::vector<uint32_t> labels;  ///< indices into Topology::labels

  const Device* Find(uint32_t ifindex) const;  ///< null: none
  const Device* Find(std::string_view device) const;
  /// The Kubernetes namespace of a pod: "shop" of "shop/cart-5d9c7b", "default" where it names none; "" of all others.
  std::string_view PodNamespace() const;
};

struct Cable {
  std::string name;
  CableEnd a, b;
  uint64_t bitsPerSecond = 0;
  int64_t delayNs = 0;
  uint64_t queueBytes = 0;
  bool up = true;
};

struct Workload {
  uint32_t id = 0;                   ///< FlowId of the records
  std::string name, kind;            ///< "ping a -> b", "ping"
  std::optional<uint32_t> from, to;  ///< NetnsId
  int64_t startNs = 0;
};

/// What a cable does to the frames on it.
struct CableSettings {
  uint64_t bitsPerSecond = 0;  ///< 0: infinitely fast
  int64_t delayNs = 0;
  uint64_t queueBytes = 0;
  bool operator==(const CableSettings&) const = default;
};

struct PlannedEvent {
  int64_t atNs = 0;
  std::string text;
  std::optional<uint32_t> cable;  ///< that it changes
  CableSettings becomes;          ///< how that is from then on
};

/// plan.json of a run: what there is, before anything happens. Ids are checked: an index that a file names is in range.
class Topology {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  Topology() = default;
  Topology(Topology&&) = default;  // the names' index points into the namespaces: moved along, but not copied
  Topology& operator=(Topology&&) = default;

  /// nullopt and `error` when it is no plan. Reads 150,000 pods without building a tree of the JSON.
  static std::optional<Topology> Read(const std::filesystem::path& path, std::string& error);
  static std::optional<Topology> FromJson(std::string_view text, std::string& error);

  std::string name, description;
  std::string understood;  ///< "flannel vxlan, VNI 1, UDP 8472 · 3 nodes, 4 pods"
  std::string cni;
  std::vector<Netns> netns;   ///< by NetnsId
  std::vector<Label> labels;  ///< each once, in the order of the file
  std::vector<Cable> cables;
  std::vector<Workload> workloads;
  std::vector<PlannedEvent> events;
  std::vector<std::string> expectations;

  const Netns* Find(std::string_view netnsName) const;    ///< null: none
  std::span<const uint32_t> PodsOf(uint32_t node) const;  ///< namespaces of the node's kernel besides itself, ascending
  uint32_t HostOf(uint32_t netnsId) const;                ///< the node, switch or router whose kernel it is in; itself
  std::span<const uint32_t> CablesOf(uint32_t netnsId) const;  ///< indices into cables, ascending
  uint32_t CableAt(CableEnd end) const;                        ///< index; kNone
  CableSettings SettingsAt(uint32_t cable, int64_t timeNs) const;
  /// Who has the address "10.244.1.2" when the run begins; kNone: nobody, or it is no address. Loopbacks do not count.
  uint32_t OwnerOf(std::string_view address) const;
  uint32_t OwnerOf(const IpAddress& address) const;
  /// The switch or router that the node's first cable leads to: its rack. kNone when it has no cable.
  uint32_t RackOf(uint32_t node) const;

 private:
  std::string Index();  ///< "" or what is wrong

  std::unordered_map<std::string_view, uint32_t> m_byName;
  std::unordered_map<uint64_t, uint32_t> m_cableAt;
  std::unordered_map<uint32_t, std::vector<uint32_t>> m_changesOf;  ///< of a cable: events, by time
  std::unordered_map<IpAddress, uint32_t> m_owners;
  std::vector<uint32_t> m_hosts, m_podBegin, m_pods, m_cableBegin, m_cablesOf;
};

}  // namespace overlaysim::replay
