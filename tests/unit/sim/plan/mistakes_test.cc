#include "planning.h"

namespace overlaysim {
namespace {

/// All messages of a scenario that must not be planned.
std::string Rejected(const std::string& text) {
  const Planned planned = PlanText(text);
  EXPECT_FALSE(planned.plan);
  std::string out;
  for (const Diagnostic& d : planned.diagnostics.All())
    if (d.severity == Severity::Error) {
      EXPECT_GT(d.place.line, 0u) << d.message;
      out += d.message + "\n";
    }
  return out;
}

#define EXPECT_SAYS(text, words) EXPECT_NE(Rejected(text).find(words), std::string::npos) << Rejected(text)

TEST(PlanMistakes, PodOnUnknownNode) {
  EXPECT_EQ(
      Rejected(WithCluster(R"("nodes": ["node1", "node2"], "cni": {"type": "flannel"},
                                   "pods": [{"name": "pod-b", "node": "node3"}])")),
      "pod \"pod-b\" is placed on \"node3\", and there is no such node; did you mean \"node1\"? (node1, node2)\n");
}

TEST(PlanMistakes, OverlappingPodCidrs) {
  EXPECT_SAYS(
      WithCluster(R"("nodes": [{"name": "a", "podCIDR": "10.244.0.0/20"}, {"name": "b", "podCIDR": "10.244.4.0/24"}],
                             "cni": {"type": "flannel"}, "pods": [])"),
      "podCIDR 10.244.4.0/24 of node \"b\" overlaps 10.244.0.0/20 of node \"a\"");
}

TEST(PlanMistakes, DuplicateNamesAndAddressesAndMacs) {
  EXPECT_SAYS(WithCluster(R"("nodes": ["a", "a"], "cni": {"type": "flannel"}, "pods": [])"), "two nodes named \"a\"");
  EXPECT_SAYS(WithCluster(R"("nodes": ["a"], "cni": {"type": "flannel"}, "pods": [{"name": "p"}, {"name": "p"}])"),
              "two pods named \"p\" in namespace \"default\"");
  EXPECT_SAYS(WithCluster(R"("nodes": ["a"], "cni": {"type": "flannel"},
                             "pods": [{"name": "p", "address": "10.244.1.9"}, {"name": "q", "address": "10.244.1.9"}])"),
              "pods \"p\" and \"q\" have the same address 10.244.1.9");
  EXPECT_SAYS(
      WithCluster(
          R"("nodes": [{"name": "a", "rack": "r", "address": "10.0.0.5/24"}, {"name": "b", "rack": "r", "address": "10.0.0.5/24"}],
                             "cni": {"type": "flannel"}, "pods": [])"),
      "\"a\" and \"b\" have the same address 10.0.0.5");
  EXPECT_SAYS(
      WithCluster(R"("nodes": [{"name": "a", "mac": "02:00:00:00:00:01"}, {"name": "b", "mac": "02:00:00:00:00:01"}],
                             "cni": {"type": "flannel"}, "pods": [])"),
      "\"a\" and \"b\" have the same MAC 02:00:00:00:00:01");
  EXPECT_SAYS(
      WithCluster(
          R"("nodes": [{"name": "a", "vtepMac": "02:00:00:00:00:01"}, {"name": "b", "vtepMac": "02:00:00:00:00:01"}],
                             "cni": {"type": "flannel"}, "pods": [])"),
      "nodes \"a\" and \"b\" have the same VTEP MAC 02:00:00:00:00:01");
}

TEST(PlanMistakes, MtuTooSmallForTheHeaders) {
  EXPECT_SAYS(WithCluster(R"("nodes": [{"name": "a", "mtu": 100}], "cni": {"type": "flannel"}, "pods": [])"),
              "an MTU of 100 is too small for node \"a\": flannel vxlan needs 118");  // 68 + 50
}

TEST(PlanMistakes, NetworksTooSmall) {
  EXPECT_SAYS(
      WithCluster(R"("podCIDR": "10.244.0.0/23", "nodes": ["a", "b", "c"], "cni": {"type": "flannel"}, "pods": [])"),
      "10.244.0.0/23 has room for 2 pod CIDRs of /24, and the cluster has 3 nodes");
  EXPECT_SAYS(WithCluster(R"("nodes": [{"name": "a", "podCIDR": "10.244.1.0/29"}], "cni": {"type": "flannel"},
                             "pods": [{"generate": 6, "per": "total", "name": "p{i}"}])"),
              "podCIDR 10.244.1.0/29 of node \"a\" has room for 5 pods, and 6 are placed there");
  EXPECT_SAYS(WithCluster(R"("nodes": [{"generate": 20}], "cni": {"type": "flannel"}, "pods": [])",
                          R"("underlay": {"type": "flat", "rackMaskSize": 29})"),
              "has room for 6 addresses, and 20 hosts and 0 routers are there");
  EXPECT_SAYS(WithCluster(R"("nodes": ["a"], "cni": {"type": "flannel"}, "pods": [])",
                          R"("underlay": {"network": "10.244.0.0/16"})"),
              "the nodes' 10.244.0.0/16 overlaps the pods' 10.244.0.0/16");
}

TEST(PlanMistakes, AbsurdSizes) {
  EXPECT_SAYS(WithCluster(R"("nodes": [{"generate": 50000}], "cni": {"type": "flannel"}, "pods": [])"),
              "more than 20000 nodes");
  EXPECT_SAYS(
      WithCluster(R"("nodes": ["a"], "cni": {"type": "flannel"}, "pods": [{"generate": 2000000, "per": "total"}])"),
      "more than 1000000 pods");
}

TEST(PlanMistakes, UnknownEndpointsSuggestTheNearest) {
  EXPECT_SAYS(WithCluster(kTwoNodes, R"("traffic": [{"type": "ping", "from": "pod-a", "to": "pod-bb"}])"),
              "\"pod-bb\" is no pod, node or other host; did you mean \"pod-b\"?");
  EXPECT_SAYS(WithCluster(kTwoNodes, R"("capture": [{"on": "node1/flanel.1"}])"),
              "\"node1\" has no device \"flanel.1\"; did you mean \"flannel.1\"?");
  EXPECT_SAYS(WithCluster(kTwoNodes, R"("events": [{"at": "1s", "exec": "ip link", "on": "nod1"}])"),
              "did you mean \"node1\"?");
  EXPECT_SAYS(WithCluster(kTwoNodes, R"("expect": [{"reach": {"from": "pod-a", "to": "pod-c"}}])"),
              "\"pod-c\" is no pod");
  EXPECT_SAYS(WithCluster(kTwoNodes, R"("events": [{"at": "1s", "fail": {"link": ["node1", "node2"]}}])"),
              "there is no cable between \"node1\" and \"node2\"");
}

TEST(PlanMistakes, AllAreReportedInOneGo) {
  const std::string said = Rejected(WithCluster(
      kTwoNodes, R"("traffic": [{"type": "ping", "from": "x", "to": "pod-b"}], "capture": [{"on": "node9/eth0"}])"));
  EXPECT_NE(said.find("\"x\""), std::string::npos);
  EXPECT_NE(said.find("node9"), std::string::npos);
}

TEST(PlanMistakes, OtherFlavoursAreNamedAsNotSupportedYet) {
  EXPECT_SAYS(WithCluster(R"("nodes": ["a"], "cni": {"type": "canal", "backend": "ipsec"}, "pods": [])"),
              "CNI canal with backend \"ipsec\" is not supported yet (supported: flannel vxlan, flannel host-gw, "
              "flannel ipip, flannel wireguard, flannel udp, flannel ipsec, canal, calico, cilium, antrea, vxlan)");
}

TEST(PlanMistakes, LoopOfSwitches) {
  EXPECT_SAYS(WithCluster(R"("nodes": ["a"], "cni": {"type": "flannel"}, "pods": [])",
                          R"("underlay": {"type": "explicit", "switches": [{"name": "s1"}, {"name": "s2"}],
                             "links": [{"between": ["a", "s1"]}, {"between": ["s1", "s2"]}, {"between": ["s2", "s1"]}]})"),
              "closes a loop of switches");
}

}  // namespace
}  // namespace overlaysim
