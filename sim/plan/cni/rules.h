#pragma once

#include <memory>
#include <string>

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

// The iptables rules that a flavour's agent keeps on each node, as iptables-save prints them. "": none.

/// Chains FLANNEL-POSTRTG and FLANNEL-FWD.
std::string FlannelRules(const Profile& profile, const Ipv4Prefix& podCidr);

/// Felix's cali-nat-outgoing: packets from a pool with natOutgoing to outside of all pools leave with the address of
/// the node. Felix asks two ipsets, masq-ipam-pools and all-ipam-pools; here each pool is a rule.
std::string FelixNatRules(const Profile& profile, const Ipv4Prefix& podCidr);

/// The rules of a flavour for any node: read once, because reading them is most of the work of making a node.
class NodeRules {
 public:
  /// `write`: one of the functions above; null: there are none.
  NodeRules(const Profile& profile, std::string (*write)(const Profile&, const Ipv4Prefix& podCidr));
  /// Lets them take effect beside the rules that are there.
  void AddTo(kernel::Namespace& ns, const Ipv4Prefix& podCidr) const;

 private:
  const Profile& m_profile;
  std::string (*m_write)(const Profile&, const Ipv4Prefix& podCidr);
  std::unique_ptr<kernel::Namespace> m_model;  ///< has them with kAnyPodCidr
};

}  // namespace overlaysim::plan
