#pragma once

#include <memory>
#include <string>

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

// The rules that a flavour's agent keeps on each node, as iptables-save and ip6tables-save print them. "": none.

/// Chains FLANNEL-POSTRTG and FLANNEL-FWD.
std::string FlannelRules(const Profile& profile, const Ipv4Prefix& podCidr);
std::string FlannelRules6(const Profile& profile, const Ipv6Prefix& podCidr);

/// Felix's cali-nat-outgoing: packets from a pool with natOutgoing to outside of all pools leave with the address of
/// the node. Felix asks two ipsets, masq-ipam-pools and all-ipam-pools; here each pool is a rule.
std::string FelixNatRules(const Profile& profile, const Ipv4Prefix& podCidr);
std::string FelixNatRules6(const Profile& profile, const Ipv6Prefix& podCidr);

/// The rules of a flavour for any node: read once, because reading them is most of the work of making a node.
class NodeRules {
 public:
  using Write = std::string (*)(const Profile&, const Ipv4Prefix& podCidr);
  using Write6 = std::string (*)(const Profile&, const Ipv6Prefix& podCidr);
  /// Of functions like those above; null: there are none. Those of IPv6 count where the cluster has it.
  NodeRules(const Profile& profile, Write write, Write6 write6);
  /// Lets them take effect beside the rules that are there.
  void AddTo(kernel::Namespace& ns, const Ipv4Prefix& podCidr, const Ipv6Prefix& podCidr6) const;

 private:
  void RestoreIn(kernel::Namespace& ns, const Ipv4Prefix& podCidr, const Ipv6Prefix& podCidr6) const;
  const Profile& m_profile;
  Write m_write;
  Write6 m_write6;
  std::unique_ptr<kernel::Namespace> m_model;  ///< has them with kAnyPodCidr and kAnyPodCidr6
};

}  // namespace overlaysim::plan
