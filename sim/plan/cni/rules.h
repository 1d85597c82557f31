#pragma once

#include <string>

#include "sim/plan/cni/profile.h"

namespace overlaysim::plan {

// The iptables rules that a flavour's agent keeps on each node, as iptables-save prints them. "": none.

/// Chains FLANNEL-POSTRTG and FLANNEL-FWD.
std::string FlannelRules(const Profile& profile, const Ipv4Prefix& podCidr);

/// Felix's cali-nat-outgoing: packets from a pool with natOutgoing to outside of all pools leave with the address of
/// the node. Felix asks two ipsets, masq-ipam-pools and all-ipam-pools; here each pool is a rule.
std::string FelixNatRules(const Profile& profile, const Ipv4Prefix& podCidr);

/// Lets that text take effect beside the rules that are there.
void AddRules(kernel::Namespace& ns, const std::string& text);

}  // namespace overlaysim::plan
