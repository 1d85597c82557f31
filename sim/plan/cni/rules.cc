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

void AddRules(kernel::Namespace& ns, const std::string& text) {
  const auto problem = iproute2::IptablesRestore(ns, text, false);
  OVERLAYSIM_CHECK(!problem, "line {} of a node's rules: {}", problem->line, problem->text);
}

}  // namespace overlaysim::plan
