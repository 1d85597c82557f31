#include "sim/import/cilium_resources.h"

#include <gtest/gtest.h>

#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

ImportedCluster Read(const std::string& text, Diagnostics& diagnostics) {
  return ImportText("cilium.yaml", text, diagnostics);
}

TEST(CiliumResources, ConfigMapAndNodesAreTaken) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = Read(
      R"(apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config, namespace: kube-system}
data:
  routing-mode: native
  auto-direct-node-routes: "true"
  ipv4-native-routing-cidr: 10.0.0.0/9
  mtu: "1400"
  ipam: cluster-pool
  cluster-pool-ipv4-cidr: 10.0.0.0/8
  cluster-pool-ipv4-mask-size: "25"
  enable-ipv4-masquerade: "false"
---
apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: a}
spec:
  addresses:
  - {ip: 192.168.0.2, type: InternalIP}
  - {ip: 10.0.3.91, type: CiliumInternalIP}
  - {ip: "fd00::1", type: CiliumInternalIP}
  ipam: {podCIDRs: [10.0.3.0/25]}
---
apiVersion: v1
kind: Node
metadata: {name: b, uid: "1"}
spec: {podCIDR: 10.244.9.0/24}
status: {addresses: [{type: InternalIP, address: 192.168.0.3}]}
---
apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: b}
spec:
  addresses: [{ip: 10.0.4.7, type: CiliumInternalIP}]
  ipam: {podCIDRs: [10.0.4.0/25]}
)",
      diagnostics);
  EXPECT_EQ(diagnostics.All().size(), 0u) << diagnostics.Format();
  ASSERT_TRUE(cluster.cilium);
  EXPECT_EQ(Summary(*cluster.cilium),
            "routingMode native, ipam cluster-pool, MTU 1400, clusterPoolIPv4MaskSize 25, autoDirectNodeRoutes true, "
            "enableIPv4Masquerade false, clusterPoolIPv4PodCIDRList 10.0.0.0/8, ipv4NativeRoutingCIDR 10.0.0.0/9, 2 "
            "CiliumNode");
  ASSERT_EQ(cluster.nodes.size(), 2u);
  EXPECT_EQ(cluster.nodes[0].name, "b");  // a Node, its pod CIDR that of its CiliumNode
  EXPECT_EQ(cluster.nodes[0].PodCidr()->ToString(), "10.0.4.0/25");
  EXPECT_EQ(cluster.nodes[0].ciliumInternalIp->ToString(), "10.0.4.7");
  EXPECT_EQ(cluster.nodes[1].name, "a");  // a CiliumNode alone
  EXPECT_EQ(cluster.nodes[1].UnderlayAddress()->ToString(), "192.168.0.2");
  EXPECT_EQ(cluster.nodes[1].ciliumInternalIp->ToString(), "10.0.3.91");
}

TEST(CiliumResources, HelmValuesAreTaken) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = Read(
      R"(routingMode: tunnel
tunnelProtocol: geneve
tunnelPort: 6082
MTU: 1350
ipam:
  mode: cluster-pool
  operator:
    clusterPoolIPv4PodCIDRList: ["10.1.0.0/16", "10.2.0.0/16"]
kubeProxyReplacement: true
operator: {replicas: 1}
)",
      diagnostics);
  EXPECT_FALSE(diagnostics.HasErrors()) << diagnostics.Format();
  ASSERT_TRUE(cluster.cilium);
  EXPECT_EQ(Summary(*cluster.cilium),
            "routingMode tunnel, tunnelProtocol geneve, ipam cluster-pool, tunnelPort 6082, MTU 1350, "
            "clusterPoolIPv4PodCIDRList 10.1.0.0/16");
  EXPECT_NE(diagnostics.Format().find("of clusterPoolIPv4PodCIDRList the first, 10.1.0.0/16, is taken"),
            std::string::npos);
  EXPECT_NE(diagnostics.Format().find("kube-proxy replacement is not simulated yet"), std::string::npos);
}

TEST(CiliumResources, EncryptionHasTheTypeOfTheChart) {
  const auto said = [](const std::string& text) {
    Diagnostics diagnostics;
    const ImportedCluster cluster = Read(text, diagnostics);
    return cluster.cilium->encryption.value + diagnostics.Format();
  };
  const std::string values = "routingMode: tunnel\nencryption: ";
  EXPECT_EQ(said(values + "{enabled: false, type: wireguard}\n"), "none");
  EXPECT_EQ(said(values + "{enabled: true}\n"), "ipsec");
  EXPECT_EQ(said(values + "{enabled: true, type: wireguard}\n"), "wireguard");
  EXPECT_NE(said(values + "{enabled: true, type: wireguard, nodeEncryption: true}\n")
                .find("Cilium's node encryption is not simulated yet"),
            std::string::npos);
  const std::string head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata: ";
  EXPECT_EQ(said(head + "{enable-wireguard: \"true\"}\n"), "wireguard");
  EXPECT_EQ(said(head + "{enable-wireguard: \"false\", enable-ipsec: \"true\"}\n"), "ipsec");
}

TEST(CiliumResources, TheOlderKeyTunnelIsUnderstood) {
  const std::string head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config}\ndata: {tunnel: ";
  Diagnostics diagnostics;
  EXPECT_EQ(Read(head + "disabled}", diagnostics).cilium->routingMode.value, "native");
  EXPECT_EQ(Read(head + "geneve}", diagnostics).cilium->tunnelProtocol.value, "geneve");
  EXPECT_FALSE(diagnostics.HasErrors());
}

TEST(CiliumResources, MistakesHaveTheirPlace) {
  Diagnostics diagnostics;
  Read(
      R"(apiVersion: v1
kind: ConfigMap
metadata: {name: cilium-config}
data:
  routing-mode: teleport
  mtu: "-3"
  tunnel-port: "70000"
  cluster-pool-ipv4-cidr: ten
  auto-direct-node-routes: "perhaps"
---
apiVersion: cilium.io/v2
kind: CiliumNode
metadata: {name: a}
spec: {ipam: {podCIDRs: [10.0.3.0/99]}, addresses: [{ip: x, type: InternalIP}]}
---
apiVersion: cilium.io/v2
kind: CiliumNode
spec: {}
)",
      diagnostics);
  const std::string said = diagnostics.Format();
  EXPECT_EQ(diagnostics.ErrorCount(), 8u) << said;
  for (const char* place : {"cilium.yaml:5:17: error: routingMode is tunnel or native", "cilium.yaml:6:",
                            "cilium.yaml:7:", "cilium.yaml:8:", "cilium.yaml:9:", "\"10.0.3.0/99\" is no pod CIDR",
                            "\"x\" is no address", "this CiliumNode has no metadata.name"})
    EXPECT_NE(said.find(place), std::string::npos) << place << "\n" << said;
}

}  // namespace
}  // namespace overlaysim::import
