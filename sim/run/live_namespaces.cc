#include "sim/run/live_namespaces.h"

#include "models/host/stack.h"

namespace overlaysim {

kernel::Namespace* LiveNamespaces::Find(std::string_view name) {
  const NetnsId id = m_find(name);
  return id.IsNone() ? nullptr : Get(id);
}

kernel::Namespace* LiveNamespaces::Get(NetnsId id) {
  return id.value < m_network.Count() ? &m_network.Get(id).Ns() : nullptr;
}

kernel::Namespace* LiveNamespaces::Add(const std::string&) {
  return nullptr;
}  // a run's namespaces are those of its plan

bool LiveNamespaces::Remove(NetnsId) { return false; }

std::vector<std::string> LiveNamespaces::Names() const {
  std::vector<std::string> names;
  for (size_t i = m_network.Count(); i-- > 0;) names.push_back(m_network.NameOf(NetnsId(i)));
  return names;
}

}  // namespace overlaysim
