#pragma once

#include "models/host/network.h"
#include "sim/iproute2/namespace_set.h"

namespace overlaysim {

/// The namespaces of a run, as commands reach them. A name is that of the plan; what is not made yet is made.
class LiveNamespaces : public iproute2::NamespaceSet {
 public:
  using FindName = std::function<NetnsId(std::string_view)>;
  LiveNamespaces(host::Network& network, FindName find) : m_network(network), m_find(std::move(find)) {}
  kernel::Namespace* Find(std::string_view name) override;
  kernel::Namespace* Get(NetnsId id) override;
  kernel::Namespace* Add(const std::string& name) override;
  bool Remove(NetnsId id) override;
  std::vector<std::string> Names() const override;

 private:
  host::Network& m_network;
  FindName m_find;
};

}  // namespace overlaysim
