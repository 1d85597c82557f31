#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/plan/compiled_plan.h"

namespace overlaysim::plan {

/// A namespace that traffic comes from or goes to, under the name by which people know it.
struct Endpoint {
  NetnsId netns;  ///< none: an address that nobody has
  std::string name;
  IpAddress address;
  IpAddress address6;  ///< none: it has no IPv6
};

/// Looks up the names that people write: pod, ns/pod, node, switch, external host, or a pattern of pods ("shop/cart-*")
/// or else of nodes. Empty, with an error, when there is none.
class EndpointFinder {
 public:
  EndpointFinder(const Context& context, const ClusterPlan& plan, const CompiledPlan* cluster)
      : m_context(context), m_plan(plan), m_cluster(cluster) {}

  std::vector<Endpoint> Find(const scenario::Text& text, bool allowAddress) const;
  /// One of a name that stands for exactly one; reports others.
  std::optional<Endpoint> FindOne(const scenario::Text& text, bool allowAddress) const;
  /// Where packets of that family go to `endpoint`, which is written at `text`; reports one without such an address.
  IpAddress AddressOf(const Endpoint& endpoint, const scenario::Text& text,
                      const scenario::Optional<scenario::IpFamily>& family) const;
  /// "node1/eth0", "ns/pod/eth0", "node*/eth0": namespaces and the device's name or pattern.
  struct Device {
    std::vector<Endpoint> where;
    std::string device;  ///< "": all
  };
  std::optional<Device> FindDevice(const scenario::Text& text) const;

 private:
  std::vector<Endpoint> Match(const std::string& text) const;
  Endpoint Of(NetnsId netns) const;
  std::vector<std::string> Names() const;

  const Context& m_context;
  const ClusterPlan& m_plan;
  const CompiledPlan* m_cluster;  ///< null: a lab
};

}  // namespace overlaysim::plan
