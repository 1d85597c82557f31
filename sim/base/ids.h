#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace overlaysim {

/// A number that cannot be mixed up with another kind of number. Ids of one kind count from 0 in the order in which
/// the things stand in the plan; kNone means "no such thing".
template <typename Tag>
struct Id {
  uint32_t value = std::numeric_limits<uint32_t>::max();

  constexpr Id() = default;
  constexpr explicit Id(uint32_t v) : value(v) {}
  constexpr explicit Id(size_t v) : value(static_cast<uint32_t>(v)) {}
  constexpr explicit Id(int v) : value(static_cast<uint32_t>(v)) {}
  constexpr bool IsNone() const { return value == std::numeric_limits<uint32_t>::max(); }
  constexpr explicit operator bool() const { return !IsNone(); }
  constexpr auto operator<=>(const Id&) const = default;
};

using NodeId = Id<struct NodeTag>;    ///< a Kubernetes node
using PodId = Id<struct PodTag>;      ///< a pod
using NetnsId = Id<struct NetnsTag>;  ///< a network namespace of the run: node, pod, router, switch or outside host
using CableId = Id<struct CableTag>;  ///< a physical link of the underlay
using FlowId = Id<struct FlowTag>;    ///< one line of traffic between two endpoints

}  // namespace overlaysim

template <typename Tag>
struct std::hash<overlaysim::Id<Tag>> {
  size_t operator()(const overlaysim::Id<Tag>& id) const noexcept { return id.value; }
};
