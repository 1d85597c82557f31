#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "planning.h"
#include "sim/iproute2/iptables.h"

namespace overlaysim {
namespace {

/// The tables that have chains, in iptables-save's words.
std::string Rules(const kernel::Namespace& ns, const char* table,
                  kernel::FilterFamily family = kernel::FilterFamily::Ip) {
  if (!ns.netfilter.Find(family, table)) return "";
  std::string heads, rules;
  for (const kernel::FilterChain& chain : iproute2::ChainsInOrder(ns, table, family)) {
    heads += chain.hook ? "-P " + chain.name + (chain.drops ? " DROP\n" : " ACCEPT\n") : "-N " + chain.name + "\n";
    for (const kernel::FilterRule& rule : chain.rules) rules += iproute2::FilterRuleLine(chain.name, rule) + "\n";
  }
  return heads + rules;
}

/// What a person would type on each host of the plan, and see.
std::string Printed(const ClusterPlan& plan) {
  std::string out = plan.understood + "\n";
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const auto ns = plan.Materialise(NetnsId(i));
    iproute2::ShowOptions options;
    options.netnsName = [&](NetnsId id) { return plan.Info(id).name; };
    auto section = [&](const char* command, const std::string& text) {
      if (!text.empty()) out += "\n" + ns->Name() + "# " + command + "\n" + text;
    };
    section("ip addr", iproute2::AddrShow(*ns, {}, options));
    section("ip route", iproute2::RouteShow(*ns, {.family = iproute2::Family::Inet}, options));
    section("ip -6 route", iproute2::RouteShow(*ns, {.family = iproute2::Family::Inet6}, options));
    if (ns->Rules().size() > 3) section("ip rule", iproute2::RuleShow(*ns, {}, options));
    if (ns->FindTable(1)) section("ip route show table 1", iproute2::RouteShow(*ns, {.table = 1}, options));
    section("ip neigh", iproute2::NeighShow(*ns, {}, options));
    section("bridge fdb", iproute2::FdbShow(*ns, {}, options));
    section("ip xfrm policy", iproute2::XfrmPolicyShow(*ns));
    section("ip xfrm state nokeys", iproute2::XfrmStateShow(*ns));
    section("wg show", iproute2::WireguardShow(*ns, 0, {}));
    section("iptables -S", Rules(*ns, "filter"));
    section("iptables -t nat -S", Rules(*ns, "nat"));
    section("ip6tables -S", Rules(*ns, "filter", kernel::FilterFamily::Ip6));
    section("ip6tables -t nat -S", Rules(*ns, "nat", kernel::FilterFamily::Ip6));
  }
  return out;
}

class PlanGolden : public testing::TestWithParam<const char*> {};

/// OVERLAYSIM_WRITE_GOLDENS=1 writes them anew; read the difference before it is committed.
TEST_P(PlanGolden, PrintsAsReviewed) {
  const std::string name = GetParam();
  const Planned planned = PlanFile("scenarios/tutorial/" + name + ".json");
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  const std::string path = OVERLAYSIM_SOURCE_DIR "/tests/data/plan/" + name + ".golden";
  const std::string printed = Printed(*planned.plan);
  if (std::getenv("OVERLAYSIM_WRITE_GOLDENS")) std::ofstream(path) << printed;
  std::ifstream file(path);
  std::stringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(printed, expected.str()) << path;
}

TEST(PlanScenarios, AllThatAreShippedCanBePlanned) {
  size_t count = 0;
  for (const char* folder : {"scenarios/tutorial", "scenarios/behaviour"})
    for (const auto& entry : std::filesystem::directory_iterator(std::string(OVERLAYSIM_SOURCE_DIR "/") + folder)) {
      if (entry.path().extension() != ".json") continue;
      const Planned planned = PlanFile(folder + ("/" + entry.path().filename().string()));
      ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
      EXPECT_FALSE(planned->description.empty()) << entry.path();
      ++count;
    }
  EXPECT_GT(count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Tutorial, PlanGolden,
                         testing::Values("two-nodes", "three-nodes-vxlan0", "three-nodes-flannel",
                                         "three-nodes-bridged", "leaf-spine", "link-failure", "imported",
                                         "firewall-closed", "mtu", "calico-vxlan", "calico-cross-subnet", "calico-ipip",
                                         "calico-route-reflector", "canal", "flannel-ipip", "flannel-wireguard",
                                         "flannel-udp", "flannel-ipsec", "calico-wireguard", "calico-dual-stack",
                                         "dual-stack", "cilium-vxlan", "cilium-geneve", "cilium-native",
                                         "cilium-wireguard", "antrea-geneve"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace overlaysim
