#include "sim/verify/plan_commands.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

#include "sim/import/reader.h"
#include "sim/iproute2/command.h"
#include "sim/iproute2/nft.h"
#include "sim/iproute2/show.h"
#include "sim/plan/compile.h"
#include "sim/scenario/load.h"

namespace overlaysim::verify {
namespace {

std::unique_ptr<ClusterPlan> PlanOf(const std::string& text) {
  Diagnostics diagnostics;
  const auto scenario = scenario::LoadScenarioText(text, "test.json", {}, diagnostics);
  auto plan = scenario ? CompilePlan(*scenario, import::ImportFiles, diagnostics) : nullptr;
  EXPECT_TRUE(plan) << diagnostics.Format();
  return plan;
}

std::unique_ptr<ClusterPlan> PlanOfFile(const std::string& path) {
  Diagnostics diagnostics;
  const auto scenario = scenario::LoadScenario(path, {}, diagnostics);
  auto plan = scenario ? CompilePlan(*scenario, import::ImportFiles, diagnostics) : nullptr;
  EXPECT_TRUE(plan) << path << diagnostics.Format();
  return plan;
}

std::vector<PlanCommand> CommandsFor(const ClusterPlan& plan) {
  std::string error;
  const auto commands = CommandsOf(plan, error);
  EXPECT_TRUE(commands) << error;
  return commands.value_or(std::vector<PlanCommand>{});
}

std::string ScriptFor(const std::string& text) {
  const auto plan = PlanOf(text);
  return ScriptOf(*plan, CommandsFor(*plan));
}

/// Without what tells a veth from the cable that it stands for: "@if2" behind its name, and TSO's size.
std::string WithoutKind(const std::string& text) {
  static const std::regex kSigns("@if[0-9]+| tso_max_size [0-9]+");
  return std::regex_replace(text, kSigns, "");
}

/// All that can be seen of a namespace, and these settings.
/// Equal routes, FDB entries and groups stand in the order in which they were made, which the commands need not keep.
std::string SortedLines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string TablesOf(const kernel::Namespace& ns, const std::vector<std::string>& sysctls) {
  std::string out;
  for (const kernel::Link* link : ns.Links()) {
    out += fmt::format("{} {} {} mtu {} {} master {}\n", link->ifindex, link->name, link->address.ToString(), link->mtu,
                       link->adminUp, link->master);
    if (link->kind == kernel::LinkKind::Vxlan || link->kind == kernel::LinkKind::Bridge)
      out += WithoutKind(iproute2::LinkShow(ns, {.ifindex = link->ifindex}, {.details = true}));
    if (link->master != 0) out += WithoutKind(iproute2::BridgeLinkShow(ns, link->ifindex, {.details = true}));
  }
  for (const kernel::Address& address : ns.Addresses()) out += iproute2::AddressLine(ns, address) + "\n";
  for (const std::string& name : sysctls) out += name + " = " + ns.GetSysctl(name).value_or("") + "\n";
  return out + SortedLines(iproute2::RouteShow(ns, {.table = 0})) + iproute2::RuleShow(ns) + iproute2::NeighShow(ns) +
         SortedLines(iproute2::FdbShow(ns));
}

std::string FiltersOf(kernel::Namespace& ns) {
  iproute2::SingleNamespace only(ns);
  std::string out = iproute2::RunCommand(only, ns.Id(), "iptables -S").out;
  for (const auto& table : ns.netfilter.Tables())
    if (!iproute2::IsOfIptables(*table)) out += iproute2::NftTableText(*table);
  return out;
}

void ExpectRoundTrip(const ClusterPlan& plan) {
  const NetnsNames names(plan);
  kernel::Machine built, wanted;
  iproute2::MachineNamespaces all(built);
  for (const PlanCommand& command : CommandsFor(plan)) {
    const auto result = iproute2::RunCommand(all, NetnsId(), command.ToShell());
    ASSERT_EQ(0, result.exit) << command.ToShell() << ": " << result.err;
  }
  for (size_t i = 0; i < plan.NetnsCount(); ++i) {
    const auto ns = plan.Materialise(NetnsId(i));
    kernel::Namespace& made = *built.Find(names.Of(NetnsId(i)));
    EXPECT_EQ(TablesOf(*ns, ns->WrittenSysctls()), TablesOf(made, ns->WrittenSysctls())) << plan.Info(NetnsId(i)).name;
    EXPECT_EQ(FiltersOf(*ns), FiltersOf(made)) << plan.Info(NetnsId(i)).name;
  }
}

constexpr char kCluster[] = R"({"format": 1, "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel"},
  "pods": [{"name": "pod-a", "node": "node1", "namespace": "shop"}, {"name": "pod-b", "node": "node2"}]}})";

TEST(PlanCommands, RebuildTheTablesOfEveryScenario) {
  size_t count = 0;
  for (const char* folder : {"tutorial", "behaviour"})
    for (const auto& file :
         std::filesystem::directory_iterator(OVERLAYSIM_SOURCE_DIR "/scenarios/" + std::string(folder))) {
      if (file.path().extension() != ".json") continue;
      SCOPED_TRACE(file.path().filename().string());
      const auto plan = PlanOfFile(file.path());
      ASSERT_TRUE(plan);
      std::string error;
      if (!CommandsOf(*plan, error)) {
        constexpr const char* kNotMade[] = {"ipip", "wireguard", "flannel-udp", "ipsec", "cilium", "antrea"};
        EXPECT_TRUE(std::any_of(std::begin(kNotMade), std::end(kNotMade), [&](const char* word) {
          return file.path().stem().string().find(word) != std::string::npos;
        })) << error;
        EXPECT_NE(error.find("is of a kind that is not supported yet"), std::string::npos) << error;
        continue;
      }
      ExpectRoundTrip(*plan);
      ++count;
    }
  EXPECT_GE(count, 13u);
}

TEST(PlanCommands, RebuildALab) {
  const auto plan = PlanOf(R"({"format": 1, "lab": {"netns": ["a", "b"], "setup": [
    "ip -n a link add br0 type bridge stp_state 1",
    "ip -n a link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02 netns b",
    "ip -n a link set v0 master br0", "ip -n a link set v0 type bridge_slave hairpin on learning off",
    "ip -n a link set v0 up", "ip -n a link set br0 up", "ip -n b link set v1 up", "ip -n b link set lo up",
    "ip -n b addr add 10.0.0.1/24 dev v1", "ip -n a addr add 10.0.0.2/24 dev br0",
    "ip -n b route add 10.9.0.0/16 via 10.0.0.2 metric 7", "ip -n b route add blackhole 10.8.0.0/16",
    "ip -n b route add 10.7.0.0/16 table 9 via 10.0.0.2 src 10.0.0.1",
    "ip -n b route del local 10.0.0.1 table local",
    "ip -n b rule add from 10.0.0.0/24 lookup 9 pref 100", "ip -n b rule del pref 32767",
    "ip -n b neigh add 10.0.0.2 lladdr 02:00:00:00:00:09 dev v1 nud permanent",
    "ip -n b link add x.1 type vxlan id 5 local 10.0.0.1 dev v1 dstport 4789 ttl 9 tos inherit df set noudpcsum",
    "ip -n b link set x.1 up", "bridge -n b fdb append 00:00:00:00:00:00 dev x.1 dst 10.0.0.2",
    "bridge -n b fdb append 00:00:00:00:00:00 dev x.1 dst 10.0.0.3 port 99 vni 7",
    "ip netns exec b sysctl -w net.ipv4.conf.x/1.rp_filter=2", "ip netns exec a sysctl -w net.ipv4.ip_forward=1",
    "ip netns exec b iptables -P INPUT DROP", "ip netns exec b iptables -A INPUT -p udp --dport 53 -j ACCEPT"]}})");
  ASSERT_TRUE(plan);
  ExpectRoundTrip(*plan);
}

TEST(PlanCommands, AreWhatAPersonTypes) {
  const std::string script = ScriptFor(kCluster);
  for (const char* line :
       {"ip netns add node1\n", "ip -n node1 link set dev eth0 up\n", "ip -n node1 addr add 10.244.1.1/24 dev cni0\n",
        "dstport 8472 nolearning\n", "ip netns exec node1 sysctl -q -w net.ipv4.ip_forward=1\n",
        "ip -n node1 route append 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink\n"})
    EXPECT_NE(std::string::npos, script.find(line)) << line << "\n" << script;
}

TEST(PlanCommands, LeaveToTheKernelWhatItAddsByItself) {
  EXPECT_EQ(std::string::npos, ScriptFor(kCluster).find("proto kernel"));
}

TEST(PlanCommands, NamesAreFitForFilesAndUnique) {
  const auto plan = PlanOf(R"({"format": 1, "cluster": {"nodes": ["node1"], "cni": {"type": "flannel"}, "pods": [
    {"name": "a", "namespace": "x-y", "node": "node1"}, {"name": "y-a", "namespace": "x", "node": "node1"}]}})");
  ASSERT_TRUE(plan);
  const NetnsNames names(*plan);
  std::vector<std::string> all;
  for (size_t i = 0; i < names.Count(); ++i) all.push_back(names.Of(NetnsId(i)));
  EXPECT_EQ(1, std::count(all.begin(), all.end(), "x-y-a"));
  EXPECT_EQ(1, std::count(all.begin(), all.end(), "x-y-a-2"));
}

TEST(PlanCommands, AreQuotedForAShell) {
  const PlanCommand command{"a b", {"iptables", "-m", "comment", "--comment", "it's $(reboot)"}};
  EXPECT_EQ("ip netns exec 'a b' iptables -m comment --comment 'it'\\''s $(reboot)'", command.ToShell());
}

TEST(PlanCommands, RoutesOfAnEpochBecomeThoseOfTheNext) {
  const auto plan = PlanOf(R"({"format": 1, "underlay": {"type": "leaf-spine", "spines": 2},
    "cluster": {"nodes": ["node1", "node2"], "cni": {"type": "flannel"}},
    "events": [{"at": "1s", "fail": {"link": ["leaf1", "spine1"]}, "for": "1s"}]})");
  ASSERT_TRUE(plan);
  const NetnsNames names(*plan);
  EXPECT_TRUE(RouteChanges(*plan, names, 0, 0).empty());
  const auto changes = RouteChanges(*plan, names, 0, 1);
  ASSERT_FALSE(changes.empty());
  EXPECT_EQ("route", changes[0].argv[1]);
}

}  // namespace
}  // namespace overlaysim::verify
