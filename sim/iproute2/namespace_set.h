#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/linux/namespace.h"

namespace overlaysim::iproute2 {

/// The namespaces that commands can reach by name. A running cluster that makes its namespaces on demand has its own.
class NamespaceSet {
 public:
  virtual ~NamespaceSet() = default;
  virtual kernel::Namespace* Find(std::string_view name) = 0;   ///< nullptr: there is none
  virtual kernel::Namespace* Get(NetnsId id) = 0;               ///< nullptr: not reachable, or gone
  virtual kernel::Namespace* Add(const std::string& name) = 0;  ///< nullptr: namespaces cannot be added here
  virtual bool Remove(NetnsId id) = 0;                          ///< false: cannot be removed here
  virtual std::vector<std::string> Names() const = 0;           ///< as `ip netns` lists them: the newest first
};

/// All namespaces of a kernel::Machine.
class MachineNamespaces : public NamespaceSet {
 public:
  explicit MachineNamespaces(kernel::Machine& machine) : m_machine(machine) {}
  kernel::Namespace* Find(std::string_view name) override { return m_machine.Find(name); }
  kernel::Namespace* Get(NetnsId id) override {
    return id.value < m_machine.Size() ? m_machine.All()[id.value].get() : nullptr;
  }
  kernel::Namespace* Add(const std::string& name) override { return &m_machine.Add(name); }
  bool Remove(NetnsId id) override;
  std::vector<std::string> Names() const override;

 private:
  kernel::Machine& m_machine;
};

/// One namespace, for commands that are typed in it.
class SingleNamespace : public NamespaceSet {
 public:
  explicit SingleNamespace(kernel::Namespace& ns) : m_ns(ns) {}
  kernel::Namespace* Find(std::string_view) override { return nullptr; }
  kernel::Namespace* Get(NetnsId id) override { return id == m_ns.Id() ? &m_ns : nullptr; }
  kernel::Namespace* Add(const std::string&) override { return nullptr; }
  bool Remove(NetnsId) override { return false; }
  std::vector<std::string> Names() const override { return {}; }

 private:
  kernel::Namespace& m_ns;
};

// What concerns links in more than one namespace, with the kernel's side effects. All answer 0 or an errno; `why` gets
// the kernel's extended message.

/// Makes both ends of a veth; each knows the other. Names must be valid; EEXIST if one is taken.
int AddVeth(kernel::Namespace& ns, kernel::Link link, kernel::Namespace& peerNs, kernel::Link peer);

/// Makes a link of any other kind. A vxlan device gets its MTU from its lower device unless `link.mtuSet`
/// (vxlan_dev_configure() of drivers/net/vxlan/vxlan_core.c), and the all-zero FDB entry of its remote.
int AddLink(kernel::Namespace& ns, kernel::Link link, std::string* why);

/// `ip link del`: a veth takes its other end along, a lower device its vxlan devices.
int DeleteLink(NamespaceSet& all, kernel::Namespace& ns, int ifindex);

/// IFF_UP; both ends of a veth have carrier while both are up (drivers/net/veth.c, veth_open(), veth_close()).
int SetLinkUp(NamespaceSet& all, kernel::Namespace& ns, int ifindex, bool up, Nanoseconds now);

/// `ip link set DEV netns NS`: the link goes down and leaves its bridge, addresses and routes behind.
int MoveLink(NamespaceSet& all, kernel::Namespace& from, int ifindex, kernel::Namespace& to, Nanoseconds now,
             std::string* why);

/// An Ethernet address of one's own for a link that was given none: always the same for a namespace and a name.
MacAddress MadeUpMac(const std::string& netns, const std::string& link);

}  // namespace overlaysim::iproute2
