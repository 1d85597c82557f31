#include "sim/import/check.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

std::string NodeJson(std::string_view name, std::string_view cidr, std::string_view ip, std::string_view mac = "") {
  const std::string data = mac.empty() ? "" : fmt::format(R"({{\"VtepMAC\":\"{}\"}})", mac);
  return fmt::format(
      R"({{"kind": "Node", "metadata": {{"name": "{}", "annotations": {{"flannel.alpha.coreos.com/backend-data": "{}"}}}},
 "spec": {{"podCIDR": "{}"}}, "status": {{"addresses": [{{"type": "InternalIP", "address": "{}"}}]}}}})",
      name, data, cidr, ip);
}
std::string PodJson(std::string_view name, std::string_view node, std::string_view ip,
                    std::string_view phase = "Running") {
  return fmt::format(R"({{"kind": "Pod", "metadata": {{"name": "{}", "uid": "{}"}}, "spec": {{"nodeName": "{}"}},
 "status": {{"phase": "{}", "podIP": "{}"}}}})",
                     name, name, node, phase, ip);
}

std::string Check(const std::vector<std::string>& objects) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportText("x", fmt::format("{}", fmt::join(objects, "\n")), diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors()) << diagnostics.Format();
  Diagnostics found;
  CheckCluster(cluster, found);
  std::string out;
  for (const Diagnostic& d : found.All()) {
    constexpr std::string_view kWords[] = {"error", "warning", "note"};
    out += fmt::format("{}: {}\n", kWords[static_cast<size_t>(d.severity)], d.message);
  }
  return out;
}

TEST(CheckCluster, AWorkingClusterIsFine) {
  EXPECT_EQ(Check({NodeJson("a", "10.0.1.0/24", "192.168.0.1", "02:00:00:00:00:01"),
                   NodeJson("b", "10.0.2.0/24", "192.168.0.2", "02:00:00:00:00:02"), PodJson("p", "a", "10.0.1.7"),
                   PodJson("q", "b", "10.0.2.7")}),
            "");
}

TEST(CheckCluster, OverlappingPodCidrsAreAnError) {
  EXPECT_EQ(Check({NodeJson("a", "10.0.0.0/16", "192.168.0.1"), NodeJson("b", "10.0.2.0/24", "192.168.0.2"),
                   NodeJson("c", "10.0.9.0/24", "192.168.0.3"), NodeJson("d", "10.1.0.0/24", "192.168.0.4")}),
            "error: the pod CIDR 10.0.2.0/24 of node \"b\" overlaps 10.0.0.0/16 of node \"a\"\n"
            "error: the pod CIDR 10.0.9.0/24 of node \"c\" overlaps 10.0.0.0/16 of node \"a\"\n");
}

TEST(CheckCluster, AddressesHeldTwiceAreAnError) {
  EXPECT_EQ(Check({NodeJson("a", "10.0.1.0/24", "192.168.0.1"), NodeJson("b", "10.0.2.0/24", "192.168.0.1")}),
            "error: node \"b\" has the address 192.168.0.1, and so has node \"a\"\n");
  EXPECT_EQ(Check({NodeJson("a", "10.0.1.0/24", "192.168.0.1"), PodJson("p", "a", "10.0.1.7"),
                   PodJson("q", "a", "10.0.1.7")}),
            "error: pod \"default/q\" has the address 10.0.1.7, and so has \"default/p\"\n");
}

TEST(CheckCluster, APodThatHasEndedHoldsNoAddress) {
  EXPECT_EQ(Check({NodeJson("a", "10.0.1.0/24", "192.168.0.1"), PodJson("p", "a", "10.0.1.7", "Succeeded"),
                   PodJson("q", "a", "10.0.1.7")}),
            "");
}

TEST(CheckCluster, PodsOnUnknownNodesAreAnError) {
  EXPECT_EQ(Check({NodeJson("node1", "10.0.1.0/24", "192.168.0.1"), NodeJson("node2", "10.0.2.0/24", "192.168.0.2"),
                   PodJson("p", "node11", "10.0.1.7")}),
            "error: pod \"default/p\" is placed on \"node11\", and there is no such node (node1, node2); did you mean "
            "\"node1\"?\n");
  EXPECT_EQ(Check({PodJson("p", "node3", "10.0.1.7")}), "");  // no node is known at all
}

TEST(CheckCluster, ClonedMachinesAndStrayPodsAreWarnedOf) {
  EXPECT_EQ(
      Check({NodeJson("a", "10.0.1.0/24", "192.168.0.1", "02:00:00:00:00:01"),
             NodeJson("b", "10.0.2.0/24", "192.168.0.2", "02:00:00:00:00:01"), PodJson("p", "a", "10.0.2.7")}),
      "warning: node \"b\" has the VtepMAC 02:00:00:00:00:01 of node \"a\": a cloned machine? One of the two is not "
      "reachable\n"
      "warning: pod \"default/p\" has the address 10.0.2.7, outside the pod CIDR 10.0.1.0/24 of its node \"a\"\n");
}

TEST(CheckCluster, APodCidrOutsideFlannelsNetworkIsWarnedOf) {
  EXPECT_EQ(
      Check(
          {NodeJson("a", "10.9.1.0/24", "192.168.0.1"),
           R"({"kind": "ConfigMap", "data": {"net-conf.json": "{\"Network\": \"10.0.0.0/16\", \"Backend\": {\"Type\": \"vxlan\"}}"}})"}),
      "warning: the pod CIDR 10.9.1.0/24 of node \"a\" lies outside flannel's Network 10.0.0.0/16; flanneld does not "
      "start "
      "there\n");
}

TEST(CheckCluster, TheSameMistakeIsNotShownThousandsOfTimes) {
  std::vector<std::string> objects = {NodeJson("a", "10.0.1.0/24", "192.168.0.1")};
  for (int i = 0; i < 100; ++i) objects.push_back(PodJson(fmt::format("p{}", i), "b", ""));
  const std::string found = Check(objects);
  EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 21);
  EXPECT_TRUE(found.ends_with("note: 80 more pods on unknown nodes\n")) << found;
}

}  // namespace
}  // namespace overlaysim::import
