// What each flavour puts on the wire, against the frames of tests/data/packets, ".." where names, ping(8) or chance
// decide. Calico's VXLAN and direct frames were sent by a Linux 6.18 kernel with the same devices and tables; where a
// file says so, the frame is our own and was read against the standard.

#include <fmt/format.h>

#include "running.h"
#include "sim/trace/capture_reader.h"
#include "support/golden_frame.h"

namespace overlaysim {
namespace {

/// n1 and n2 in one rack, n3 in another, with the addresses of the oracle's lab; one pod each, p1 pings.
std::string ThreeNodes(const std::string& cni, const std::string& to, const std::string& family) {
  const bool hasBlocks = cni.find("calico") != std::string::npos;
  std::string nodes, pods;
  for (int n = 1; n <= 3; ++n) {
    const char* comma = n > 1 ? ", " : "";
    nodes += fmt::format(
        R"({}{{"name": "n{}", "rack": "{}", "mac": "02:00:00:00:01:0{}", "vtepMac": "02:00:00:00:04:0{}"}})", comma, n,
        n == 3 ? 2 : 1, n, n);
    pods +=
        fmt::format(R"({}{{"name": "p{}", "node": "n{}", "address": "{}"}})", comma, n, n,
                    hasBlocks ? fmt::format("192.168.{}.{}", 10 * n, 64 * (n - 1) + 2) : fmt::format("10.244.{}.2", n));
  }
  return fmt::format(
      R"({{"format": 1, "cluster": {{"podCIDR": "{}", {} "cni": {}, "nodes": [{}], "pods": [{}]}},
    "traffic": [{{"type": "ping", "from": "p1", "to": "{}", "family": "{}", "df": "dont"}}],
    "capture": [{{"on": "n1/eth0"}}]}})",
      hasBlocks ? "192.168.0.0/16" : "10.244.0.0/16", family == "ipv6" ? R"("podCIDRIPv6": "fd00:10:244::/56",)" : "",
      cni, nodes, pods, to, family);
}

struct Wire {
  const char* golden;
  const char* cni;
  const char* to;
  const char* family = "ipv4";
};
class FlavourPackets : public testing::TestWithParam<Wire> {};

TEST_P(FlavourPackets, AreOnTheWire) {
  const Ran ran(ThreeNodes(GetParam().cni, GetParam().to, GetParam().family));
  ASSERT_TRUE(ran.outcome);
  std::string error;
  const auto capture = ReadCapture(ran.outcome->directory / run_file::kPackets, error);
  ASSERT_TRUE(capture) << error;
  const std::string golden = test::Golden(GetParam().golden);
  std::string seen;
  for (const ReadFrame& frame : capture->frames) {
    const std::string hex = test::Masked(frame.bytes, golden);
    if (hex == golden) return;
    seen += hex + "\n";
  }
  FAIL() << "not there: " << golden << "\nbut\n" << seen;
}

INSTANTIATE_TEST_SUITE_P(
    All, FlavourPackets,
    testing::Values(Wire{"calico-vxlan-echo-request", R"({"type": "calico", "vxlanMode": "CrossSubnet"})", "p3"},
                    Wire{"calico-direct-echo-request", R"({"type": "calico", "vxlanMode": "CrossSubnet"})", "p2"},
                    Wire{"calico-ipip-echo-request", R"({"type": "calico", "ipipMode": "Always"})", "p3"},
                    Wire{"calico-bgp-echo-request", R"({"type": "calico", "vxlanMode": "Never"})", "p2"},
                    Wire{"flannel-ipip-echo-request", R"({"type": "flannel", "backend": "ipip"})", "p3"},
                    Wire{"flannel-wireguard-initiation", R"({"type": "flannel", "backend": "wireguard"})", "p3"},
                    Wire{"flannel-wireguard-data", R"({"type": "flannel", "backend": "wireguard"})", "p3"},
                    Wire{"flannel-udp-echo-request", R"({"type": "flannel", "backend": "udp"})", "p3"},
                    Wire{"flannel-ipsec-echo-request", R"({"type": "flannel", "backend": "ipsec"})", "p3"},
                    Wire{"flannel-ipsec-udp-echo-request",
                         R"({"type": "flannel", "backend": "ipsec", "udpEncap": true})", "p3"},
                    Wire{"calico-wireguard-data", R"({"type": "calico", "wireguardEnabled": true})", "p2"},
                    Wire{"canal-echo-request", R"({"type": "canal"})", "p3"},
                    Wire{"flannel-v6-echo-request", R"({"type": "flannel"})", "p3", "ipv6"},
                    Wire{"calico-v6-echo-request", R"({"type": "calico"})", "p3", "ipv6"},
                    Wire{"cilium-vxlan-echo-request", R"({"type": "cilium"})", "p3"},
                    Wire{"cilium-geneve-echo-request", R"({"type": "cilium", "tunnelProtocol": "geneve"})", "p3"},
                    Wire{"cilium-native-echo-request", R"({"type": "cilium", "routingMode": "native"})", "p2"},
                    Wire{"cilium-wireguard-data", R"({"type": "cilium", "encryption": "wireguard"})", "p3"},
                    Wire{"cilium-native-wireguard-data",
                         R"({"type": "cilium", "routingMode": "native", "encryption": "wireguard"})", "p3"},
                    Wire{"antrea-geneve-echo-request", R"({"type": "antrea"})", "p3"},
                    Wire{"antrea-vxlan-echo-request", R"({"type": "antrea", "tunnelProtocol": "vxlan"})", "p3"}),
    [](const auto& param) {
      std::string name = param.param.golden;
      for (char& c : name)
        if (c == '-') c = '_';
      return name;
    });

}  // namespace
}  // namespace overlaysim
