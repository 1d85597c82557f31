#include "sim/import/net_conf.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/import/reader.h"

namespace overlaysim::import {
namespace {

struct Result {
  FlannelConfig config;
  std::string messages;
};

Result Read(std::string_view text) {
  Diagnostics diagnostics;
  const ImportedCluster cluster = ImportText("net-conf.json", text, diagnostics);
  Result result;
  EXPECT_TRUE(cluster.flannel);
  if (cluster.flannel) result.config = *cluster.flannel;
  for (const Diagnostic& d : diagnostics.All())
    result.messages += fmt::format("{}:{} {}\n", d.place.line, d.place.column, d.message);
  return result;
}

TEST(NetConf, EveryKeyIsRead) {
  const Result r = Read(R"({
    "Network": "10.0.0.0/8", "IPv6Network": "2001:cafe:42::/56", "EnableIPv4": true, "EnableIPv6": true,
    "EnableNFTables": true, "SubnetLen": 22, "IPv6SubnetLen": 80, "SubnetMin": "10.10.0.0", "SubnetMax": "10.99.0.0",
    "Backend": { "Type": "vxlan", "VNI": 4096, "Port": 4789, "MTU": 1400, "DirectRouting": true, "Learning": true,
                 "GBP": true, "MacPrefix": "0E-2B" } })");
  EXPECT_EQ(r.messages, "");
  EXPECT_EQ(
      Summary(r.config),
      "Network 10.0.0.0/8, IPv6Network 2001:cafe:42::/56, EnableIPv4 true, EnableIPv6 true, EnableNFTables true, "
      "SubnetLen 22, IPv6SubnetLen 80, SubnetMin 10.10.0.0, SubnetMax 10.99.0.0, Backend vxlan, VNI 4096, Port 4789, "
      "MTU 1400, DirectRouting true, Learning true, GBP true, MacPrefix 0E-2B");
}

TEST(NetConf, EveryBackendsOwnKeysAreRead) {
  EXPECT_EQ(
      Summary(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "wireguard", "ListenPort": 1, "ListenPortV6": 2,
              "PSK": "abc", "MTU": 1380, "PersistentKeepaliveInterval": 25, "Mode": "ipv4"}})")
                  .config),
      "Network 10.0.0.0/8, Backend wireguard, MTU 1380, ListenPort 1, ListenPortV6 2, Mode ipv4, "
      "PersistentKeepaliveInterval 25, PSK (3 characters)");
  EXPECT_EQ(Summary(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "ipsec", "PSK": "x", "UDPEncap": true,
              "ESPProposal": "aes256"}})")
                        .config),
            "Network 10.0.0.0/8, Backend ipsec, PSK (1 characters), UDPEncap true, ESPProposal aes256");
}

TEST(NetConf, KeysAndBackendMayBeInAnyCase) {
  const Result r = Read(R"({"network": "10.0.0.0/8", "BACKEND": {"type": "VXLAN", "vni": 5, "directrouting": true}})");
  EXPECT_EQ(r.messages, "");
  EXPECT_EQ(Summary(r.config), "Network 10.0.0.0/8, Backend vxlan, VNI 5, DirectRouting true");
}

TEST(NetConf, OfARepeatedKeyTheLastHoldsAndNullHoldsNothing) {
  const Result r = Read(
      "{\"Network\": \"10.0.0.0/8\",\n\"network\": \"10.1.0.0/16\", \"SubnetLen\": null, \"Backend\": {\"Type\": "
      "\"udp\"}}");
  EXPECT_EQ(r.config.network.value->ToString(), "10.1.0.0/16");
  EXPECT_EQ(r.messages, "2:12 \"network\" stands here twice; flannel takes the last\n");
  EXPECT_FALSE(r.config.subnetLen.IsGiven());
}

TEST(NetConf, AMissingBackendIsUdpAndSaid) {
  const Result r = Read(R"({"Network": "10.0.0.0/8"})");
  EXPECT_EQ(r.config.backendType.value, "udp");
  EXPECT_FALSE(r.config.backendType.IsGiven());
  EXPECT_EQ(r.config.port.value, 8285u);
  EXPECT_EQ(r.messages,
            "1:1 there is no \"Backend\": flannel's own default is udp (the shipped kube-flannel.yml names vxlan)\n");
}

TEST(NetConf, DefaultsAreFlannels) {
  const FlannelConfig config = Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "vxlan"}})").config;
  EXPECT_EQ(config.vni.value, 1u);
  EXPECT_EQ(config.port.value, 0u);
  EXPECT_EQ(config.subnetLen.value, 24u);
  EXPECT_TRUE(config.enableIpv4.value);
  EXPECT_FALSE(config.directRouting.value);
  // Smaller than a /22: split in four.
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/23", "Backend": {"Type": "vxlan"}})").config.subnetLen.value, 25u);
}

TEST(NetConf, HostBitsOfNetworkAreCutOffAsFlannelDoes) {
  EXPECT_EQ(Read(R"({"Network": "10.244.7.9/16", "Backend": {"Type": "vxlan"}})").config.network.value->ToString(),
            "10.244.0.0/16");
}

TEST(NetConf, WrongValuesAreRefusedWithWhatWouldBeRight) {
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "vxlan", "Port": "8472"}})").messages,
            "1:64 this is a text (8472), but flannel wants a number without quotes\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "vxlan", "VNI": 16777216}})").messages,
            "1:63 16777216 is no whole number from 0 to 16777215\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "vxlan", "VNI": 1.5}})").messages,
            "1:63 1.5 is no whole number from 0 to 16777215\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0", "Backend": {"Type": "vxlan"}})").messages,
            "1:13 \"10.0.0.0\" is no IPv4 network such as \"10.244.0.0/16\"\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "EnableNFTables": "yes", "Backend": {"Type": "vxlan"}})").messages,
            "1:45 this is a text (yes), but flannel wants true or false without quotes\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": {"Type": "vxlann"}})").messages,
            "1:47 flannel has no backend \"vxlann\"; did you mean \"vxlan\"? (known: vxlan, host-gw, udp, wireguard, "
            "ipsec, ipip, "
            "alloc, extension, tencent-vpc)\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": {}})").messages,
            "1:38 \"Backend\" has no \"Type\"; flanneld does not start with that\n");
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "Backend": "vxlan"})").messages,
            "1:38 this is a text (vxlan), but flannel wants an object such as {\"Type\": \"vxlan\"}\n");
  EXPECT_EQ(
      Read(R"({"Backend": {"Type": "vxlan"}})").messages,
      "1:1 \"Network\" is missing: flannel needs it, for example \"10.244.0.0/16\", unless \"EnableIPv4\" is false\n");
}

TEST(NetConf, WhatFlannelIgnoresIsSaid) {
  EXPECT_EQ(Read(R"({"Network": "10.0.0.0/8", "SubnetLenght": 24, "Backend": {"Type": "host-gw", "VNI": 3}})").messages,
            "1:43 net-conf.json has no key \"SubnetLenght\"; flannel ignores it; did you mean \"SubnetLen\"?\n"
            "1:85 \"VNI\" means nothing to the backend host-gw; flannel ignores it\n");
}

TEST(NetConf, APlaceholderIsNoValue) {
  const Result r = Read(R"({"Network": "${pod_cidr}", "Backend": {"Type": "vxlan", "Port": 8472}})");
  EXPECT_FALSE(r.config.network.value);
  EXPECT_EQ(r.config.port.value, 8472u);
  EXPECT_EQ(r.messages, "1:13 \"${pod_cidr}\" is a placeholder that nobody has filled in; it is not used\n");
}

TEST(NetConf, AnInstallersWordsInACniConfigurationSayNothing) {
  Diagnostics diagnostics;
  const auto cluster =
      ImportText("cm",
                 "kind: ConfigMap\ndata:\n  cni_network_config: |-\n"
                 "    {\"name\": \"n\", \"plugins\": [{\"type\": \"calico\", \"mtu\": __CNI_MTU__, \"nodename\": "
                 "\"__NODE__\"}]}\n",
                 diagnostics);
  EXPECT_TRUE(diagnostics.All().empty()) << diagnostics.Format();
  ASSERT_TRUE(cluster.cni);
  EXPECT_EQ(cluster.cni->plugins.at(0).type, "calico");
  EXPECT_FALSE(cluster.cni->plugins.at(0).mtu);
}

}  // namespace
}  // namespace overlaysim::import
