#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/base/addresses.h"
#include "sim/base/ids.h"

namespace overlaysim::scenario {
struct Pod;
}

namespace overlaysim::plan {

/// What pods that are written together share.
struct PodGroup {
  std::string nameSpace;
  const scenario::Pod* written = nullptr;  ///< valid while the plan is compiled
  std::optional<uint32_t> mtu;
};

/// What a pod has of its own; there may be a million.
struct PodRow {
  NodeId node;
  Ipv4Address ip;
};

/// All pods. A generated one costs 12 bytes: its row and its place among its node's; its name is made when asked for.
class PodTable {
 public:
  PodTable() = default;
  PodTable(PodTable&&) = default;
  PodTable& operator=(PodTable&&) = default;

  std::vector<PodGroup> groups;
  std::vector<PodRow> rows;
  std::unordered_map<PodId, MacAddress> givenMacs;

  PodRow& Add(std::string_view name, uint32_t group, bool hostNetwork, NodeId node);
  /// One pod on each of `nodes`, the i-th named as GeneratedName(pattern, i) has it, counting from 1.
  void Generate(std::string_view pattern, uint32_t group, bool hostNetwork, const std::vector<NodeId>& nodes);

  std::string NameOf(PodId pod) const;
  uint32_t GroupOf(PodId pod) const { return BlockOf(pod).group; }
  const std::string& NamespaceOf(PodId pod) const { return groups[GroupOf(pod)].nameSpace; }
  bool IsOnHostNetwork(PodId pod) const { return BlockOf(pod).hostNetwork; }
  std::string FullName(PodId pod) const;  ///< "ns/name"
  /// As people write it: without the namespace where that is "default".
  std::string DisplayName(PodId pod) const;

  /// Makes the indexes; call once all rows are there. Answers the pods whose name an earlier one of their namespace
  /// has.
  std::vector<PodId> Index(size_t nodeCount);
  size_t CountOn(NodeId node) const { return m_first[node.value + 1] - m_first[node.value]; }
  PodId OnNode(NodeId node, size_t ordinal) const { return m_byNode[m_first[node.value] + ordinal]; }
  /// Among the pods with their own namespace on its node.
  size_t OrdinalOf(PodId pod) const { return OwnPosition(pod) - m_first[rows[pod.value].node.value]; }
  /// Pods with a namespace of their own, numbered node by node.
  size_t OwnCount() const { return m_byNode.size(); }
  PodId OwnAt(size_t position) const { return m_byNode[position]; }
  size_t OwnPosition(PodId pod) const;
  /// By "ns/name", or by name alone where only one pod has it; none otherwise.
  PodId Find(std::string_view name) const;

 private:
  /// Pods one after the other that were added with the same words.
  struct Block {
    PodId first;
    uint32_t group;
    uint32_t names;  ///< kGenerated and more: of m_patterns; below: of m_names, that of its first pod
    bool hostNetwork;

    bool IsGenerated() const { return names >= kGenerated; }
  };
  static constexpr uint32_t kGenerated = uint32_t{1} << 31;

  const Block& BlockOf(PodId pod) const;
  std::string NameIn(const Block& block, PodId pod) const;
  PodId FindGenerated(const Block& block, uint32_t end, std::string_view name) const;
  std::vector<PodId> FindTwice() const;

  std::vector<Block> m_blocks;  ///< in order of their pods
  std::vector<std::string> m_patterns, m_names;
  std::vector<uint32_t> m_first;  ///< index into m_byNode of each node's first pod
  std::vector<PodId> m_byNode;    ///< without hostNetwork pods; of a node in the order of their rows
  /// Of the names that are not generated.
  std::unordered_map<std::string, PodId> m_byFullName;
  std::unordered_map<std::string_view, PodId> m_byName;  ///< into m_names; none: several
};

}  // namespace overlaysim::plan
