#include <sys/resource.h>

#include "planning.h"

namespace overlaysim {
namespace {

long PeakKilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// Kubernetes' own limits: 5,000 nodes and 150,000 pods in 125 racks.
TEST(PlanScale, TablesOfOneNodeOfFiveThousandFitIntoMemory) {
  const Planned planned = PlanText(WithCluster(
      R"("podCIDR": "10.0.0.0/11", "nodes": [{"generate": 5000, "name": "node{i}"}], "cni": {"type": "flannel"},
         "pods": [{"generate": 30, "per": "node", "name": "web{i}", "namespace": "load"}])",
      R"("underlay": {"type": "leaf-spine", "leaves": 125, "spines": 8, "nodesPerLeaf": 40})"));
  ASSERT_TRUE(planned.plan) << planned.diagnostics.Format();
  EXPECT_EQ(planned->NetnsCount(), 125u + 8 + 5000 + 150000);

  const auto ns = planned->Materialise(planned->Find("node4999"));
  EXPECT_EQ(ns->Links().size(), 1u + 1 + 1 + 30 + 1);           // lo eth0 cni0, 30 veths, flannel.1
  EXPECT_EQ(ns->Routes(kernel::kTableMain).size(), 4999u + 3);  // peers; default, cni0, eth0
  EXPECT_EQ(ns->AllNeighbours().size(), 4999u);
  EXPECT_EQ(ns->AllVxlanFdb(ns->FindLink("flannel.1")->ifindex).size(), 4999u);
  const kernel::RouteAnswer answer = ns->Lookup({.dst = *Ipv4Address::Parse("10.0.7.5")});
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.nextHop.gateway.ToString(), "10.0.7.0");
  EXPECT_LT(PeakKilobytes(), 500 * 1024);
}

}  // namespace
}  // namespace overlaysim
