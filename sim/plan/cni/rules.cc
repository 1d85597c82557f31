#include "sim/plan/cni/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/check.h"
#include "sim/iproute2/iptables.h"

namespace overlaysim::plan {

/// pkg/trafficmngr/iptables/iptables.go: masqRules() and forwardRules(). Mark 0x4000 is kube-proxy's.
std::string FlannelRules(const Profile& profile, const Ipv4Prefix& podCidr) {
  std::string out;
  const std::string network = profile.network.ToString(), own = podCidr.ToString();
  if (profile.masquerades) {
    constexpr const char* kComment = "-m comment --comment \"flanneld masq\"";
    out += "*nat\n:FLANNEL-POSTRTG - [0:0]\n";
    out += fmt::format("-A POSTROUTING {} -j FLANNEL-POSTRTG\n", kComment);
    auto rule = [&](const std::string& matches, const char* target) {
      out += fmt::format("-A FLANNEL-POSTRTG {} {} -j {}\n", matches, kComment, target);
    };
    rule("-m mark --mark 0x4000/0x4000", "RETURN");
    rule(fmt::format("-s {} -d {}", own, network), "RETURN");
    rule(fmt::format("-s {} -d {}", network, own), "RETURN");
    rule(fmt::format("! -s {} -d {}", network, own), "RETURN");
    rule(fmt::format("-s {} ! -d 224.0.0.0/4", network), "MASQUERADE --random-fully");
    rule(fmt::format("! -s {} -d {}", network, network), "MASQUERADE --random-fully");
    out += "COMMIT\n";
  }
  if (profile.acceptForwarded) {
    constexpr const char* kComment = "-m comment --comment \"flanneld forward\"";
    out += "*filter\n:FLANNEL-FWD - [0:0]\n";
    out += fmt::format("-A FORWARD {} -j FLANNEL-FWD\n", kComment);
    out += fmt::format("-A FLANNEL-FWD -s {} {} -j ACCEPT\n", network, kComment);
    out += fmt::format("-A FLANNEL-FWD -d {} {} -j ACCEPT\n", network, kComment);
    out += "COMMIT\n";
  }
  return out;
}

/// felix/rules/nat.go, NATOutgoingChain().
std::string FelixNatRules(const Profile& profile, const Ipv4Prefix&) {
  const bool any = std::any_of(profile.pools.begin(), profile.pools.end(), [](const Pool& p) { return p.natOutgoing; });
  if (!any) return {};
  std::string out =
      "*nat\n:cali-POSTROUTING - [0:0]\n:cali-nat-outgoing - [0:0]\n"
      "-I POSTROUTING -j cali-POSTROUTING\n-A cali-POSTROUTING -j cali-nat-outgoing\n";
  for (const Pool& pool : profile.pools)
    out += fmt::format("-A cali-nat-outgoing -d {} -j RETURN\n", pool.cidr.ToString());
  for (const Pool& pool : profile.pools)
    if (pool.natOutgoing)
      out += fmt::format("-A cali-nat-outgoing -s {} -j MASQUERADE --random-fully\n", pool.cidr.ToString());
  return out + "COMMIT\n";
}

namespace {

constexpr Ipv4Prefix kAnyPodCidr{{0xfffffffe}, 32};  // nobody's address: stands for the node's own pods

void Restore(kernel::Namespace& ns, const std::string& text) {
  const auto problem = iproute2::IptablesRestore(ns, text, false);
  OVERLAYSIM_CHECK(!problem, "line {} of a node's rules: {}", problem->line, problem->text);
}

}  // namespace

NodeRules::NodeRules(const Profile& profile, std::string (*write)(const Profile&, const Ipv4Prefix& podCidr))
    : m_profile(profile), m_write(write) {
  if (!write) return;
  m_model = std::make_unique<kernel::Namespace>(NetnsId(0), "node");
  Restore(*m_model, write(profile, kAnyPodCidr));
}

void NodeRules::AddTo(kernel::Namespace& ns, const Ipv4Prefix& podCidr) const {
  if (!m_write) return;
  if (!ns.netfilter.Tables().empty()) return Restore(ns, m_write(m_profile, podCidr));
  ns.netfilter.Replace(m_model->netfilter.Copy());
  ns.netfilter.Rebuild();
  std::vector<kernel::FilterRule*> rules;
  for (const auto& table : ns.netfilter.Tables())
    for (const auto& chain : table->chains)
      for (kernel::FilterRule& rule : chain->rules) rules.push_back(&rule);
  // numbered as they were made
  std::sort(rules.begin(), rules.end(), [](const auto* a, const auto* b) { return a->rowId < b->rowId; });
  for (kernel::FilterRule* rule : rules) {
    rule->rowId = ns.NextRowId();
    for (kernel::Match& match : rule->matches)
      if (auto* address = std::get_if<kernel::AddressMatch>(&match))
        std::replace(address->any.begin(), address->any.end(), kAnyPodCidr, podCidr);
    ns.Changed(kernel::Table::Filter, kernel::TableChange::Op::Add, rule, rule->rowId);
  }
}

}  // namespace overlaysim::plan
