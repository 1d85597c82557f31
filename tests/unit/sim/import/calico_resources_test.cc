#include "sim/import/calico_resources.h"

#include <gtest/gtest.h>

#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

ImportedCluster Read(const std::string& text, Diagnostics& diagnostics) {
  return ImportText("calico.yaml", text, diagnostics);
}

TEST(CalicoResources, PoolsAndSettingsAreTaken) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = Read(
      R"(apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: east}
spec: {cidr: 10.1.0.0/16, vxlanMode: CrossSubnet, natOutgoing: true, nodeSelector: zone == "east"}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: six}
spec: {cidr: "fd00::/48", vxlanMode: Always, nodeSelector: has(six)}
---
apiVersion: crd.projectcalico.org/v1
kind: IPPool
metadata: {name: seven}
spec: {cidr: "fd01::/48"}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {vxlanVNI: 4097, vxlanPort: 8472, vxlanMTU: 1400}
---
apiVersion: projectcalico.org/v3
kind: BGPConfiguration
metadata: {name: default}
spec: {nodeToNodeMeshEnabled: false}
---
apiVersion: projectcalico.org/v3
kind: BGPPeer
metadata: {name: reflectors}
spec: {nodeSelector: all(), peerSelector: has(rr)}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: rr1}
spec: {bgp: {ipv4Address: 10.0.0.1/24, routeReflectorClusterID: 244.0.0.1}}
)",
      diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors()) << diagnostics.Format();
  ASSERT_TRUE(cluster.calico);
  EXPECT_EQ(Summary(*cluster.calico),
            "IPPool 10.1.0.0/16 vxlanMode CrossSubnet natOutgoing true nodeSelector zone == \"east\", IPPool "
            "fd00::/48 vxlanMode Always, mesh false, 1 "
            "BGPPeer, route reflector rr1 of 244.0.0.1, vxlanPort 8472, vxlanVNI 4097, vxlanMTU 1400");
  EXPECT_EQ(cluster.calico->pools.at(0).blockSize.value, 26u);  // Calico's default
  EXPECT_EQ(cluster.calico->pool6->blockSize.value, 122u);
  EXPECT_NE(diagnostics.Format().find("the nodeSelector of an IPv6 pool is not simulated yet"), std::string::npos);
  EXPECT_NE(diagnostics.Format().find("IPPool \"seven\" is left out: several IPv6 pools are not simulated yet"),
            std::string::npos);
}

TEST(CalicoResources, MistakesHaveTheirPlace) {
  Diagnostics diagnostics;
  Read(
      R"(apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: a}
spec: {cidr: 10.1.0.0/16, vxlanMode: Sometimes, blockSize: "x"}
)",
      diagnostics);
  EXPECT_EQ(diagnostics.ErrorCount(), 2u);
  EXPECT_NE(diagnostics.Format().find("calico.yaml:4:"), std::string::npos) << diagnostics.Format();
}

TEST(CalicoResources, BlocksAreWhoseTheyAreSaidToBe) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = Read(
      R"(apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: a-10-1-0-0-26}
spec: {cidr: 10.1.0.0/26, node: a, state: confirmed, deleted: "false"}
---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: a-10-1-0-64-26}
spec: {cidr: 10.1.0.64/26, node: a, state: pending, deleted: "false"}
---
apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: {name: a-10-1-0-128-26}
spec: {cidr: 10.1.0.128/26, node: a, state: confirmed, deleted: "true"}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: 10-1-0-0-26}
spec: {cidr: 10.1.0.0/26, affinity: "host:a", allocations: [0, null], unallocated: [1]}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: 10-1-0-192-26}
spec: {cidr: 10.1.0.192/26, affinity: "host:b"}
---
apiVersion: crd.projectcalico.org/v1
kind: IPAMBlock
metadata: {name: 10-1-1-0-26}
spec: {cidr: 10.1.1.0/26}
)",
      diagnostics);
  EXPECT_EQ(diagnostics.All().size(), 0u) << diagnostics.Format();
  ASSERT_EQ(cluster.calico->blocks.size(), 2u);
  EXPECT_EQ(cluster.calico->blocks[0].cidr.ToString(), "10.1.0.0/26");
  EXPECT_EQ(cluster.calico->blocks[0].node, "a");
  EXPECT_EQ(cluster.calico->blocks[1].node, "b");
  Read(
      R"([{"kind": "IPAMBlock", "apiVersion": "crd.projectcalico.org/v1", "spec": {"cidr": "10.1.0.0/26", "affinity": "host:a"}},
{"kind": "BlockAffinity", "apiVersion": "crd.projectcalico.org/v1", "spec": {"cidr": "10.1.0.0/26", "node": "b"}},
{"kind": "IPAMBlock", "apiVersion": "crd.projectcalico.org/v1", "spec": {"cidr": "ten"}}])",
      diagnostics);
  EXPECT_NE(diagnostics.Format().find("calico.yaml:2:"), std::string::npos) << diagnostics.Format();
  EXPECT_NE(diagnostics.Format().find("block 10.1.0.0/26 is a's already, by line 1"), std::string::npos);
  EXPECT_NE(diagnostics.Format().find("IPAMBlock \"\" has no cidr"), std::string::npos);
}

TEST(CalicoResources, OtherGroupsAreNotCalicos) {
  EXPECT_TRUE(IsCalicoResource("IPPool", "projectcalico.org/v3"));
  EXPECT_TRUE(IsCalicoResource("BGPPeer", "crd.projectcalico.org/v1"));
  EXPECT_FALSE(IsCalicoResource("IPPool", "whereabouts.cni.cncf.io/v1alpha1"));
  EXPECT_FALSE(IsCalicoResource("Node", "v1"));
}

}  // namespace
}  // namespace overlaysim::import
