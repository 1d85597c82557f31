#include "sim/plan/cni/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/base/check.h"
#include "sim/iproute2/iptables.h"

namespace overlaysim::plan {

namespace {

std::string WriteFlannelRules(const Profile& profile, const std::string& network, const std::string& own,
                              const char* groups) {
  std::string out;
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
    rule(fmt::format("-s {} ! -d {}", network, groups), "MASQUERADE --random-fully");
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

}  // namespace

/// pkg/trafficmngr/iptables/iptables.go: masqRules() and forwardRules(). Mark 0x4000 is kube-proxy's.
std::string FlannelRules(const Profile& profile, const Ipv4Prefix& podCidr) {
  return WriteFlannelRules(profile, profile.network.ToString(), podCidr.ToString(), "224.0.0.0/4");
}

/// The same file's masqIP6Rules().
std::string FlannelRules6(const Profile& profile, const Ipv6Prefix& podCidr) {
  return WriteFlannelRules(profile, profile.network6.ToString(), podCidr.ToString(), "ff00::/8");
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

std::string FelixNatRules6(const Profile& profile, const Ipv6Prefix&) {
  if (!profile.pool6 || !profile.pool6->natOutgoing) return {};
  return fmt::format(
      "*nat\n:cali-POSTROUTING - [0:0]\n:cali-nat-outgoing - [0:0]\n"
      "-I POSTROUTING -j cali-POSTROUTING\n-A cali-POSTROUTING -j cali-nat-outgoing\n"
      "-A cali-nat-outgoing -d {0} -j RETURN\n-A cali-nat-outgoing -s {0} -j MASQUERADE --random-fully\nCOMMIT\n",
      profile.network6.ToString());
}

namespace {

constexpr Ipv4Prefix kAnyPodCidr{{0xfffffffe}, 32};  // nobody's address: stands for the node's own pods
constexpr Ipv6Prefix kAnyPodCidr6{{{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 128};  // of the discard prefix

void Restore(kernel::Namespace& ns, const std::string& text, kernel::FilterFamily family) {
  const auto problem = iproute2::IptablesRestore(ns, text, false, family);
  OVERLAYSIM_CHECK(!problem, "line {} of a node's rules: {}", problem->line, problem->text);
}

}  // namespace

NodeRules::NodeRules(const Profile& profile, Write write, Write6 write6)
    : m_profile(profile), m_write(write), m_write6(profile.network6.length > 0 ? write6 : nullptr) {
  if (!m_write && !m_write6) return;
  m_model = std::make_unique<kernel::Namespace>(NetnsId(0), "node");
  RestoreIn(*m_model, kAnyPodCidr, kAnyPodCidr6);
}

void NodeRules::RestoreIn(kernel::Namespace& ns, const Ipv4Prefix& podCidr, const Ipv6Prefix& podCidr6) const {
  if (m_write) Restore(ns, m_write(m_profile, podCidr), kernel::FilterFamily::Ip);
  if (m_write6) Restore(ns, m_write6(m_profile, podCidr6), kernel::FilterFamily::Ip6);
}

void NodeRules::AddTo(kernel::Namespace& ns, const Ipv4Prefix& podCidr, const Ipv6Prefix& podCidr6) const {
  if (!m_model) return;
  if (!ns.netfilter.Tables().empty()) return RestoreIn(ns, podCidr, podCidr6);
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
      if (auto* address = std::get_if<kernel::AddressMatch>(&match)) {
        std::replace(address->any.begin(), address->any.end(), IpPrefix(kAnyPodCidr), IpPrefix(podCidr));
        std::replace(address->any.begin(), address->any.end(), IpPrefix(kAnyPodCidr6), IpPrefix(podCidr6));
      }
    ns.Changed(kernel::Table::Filter, kernel::TableChange::Op::Add, rule, rule->rowId);
  }
}

}  // namespace overlaysim::plan
