#include "sim/run/summary.h"

#include <nlohmann/json.hpp>

#include "running.h"
#include "sim/run/prompt.h"

namespace overlaysim {
namespace {

std::string TextOf(const Ran& ran) { return SummaryText(ran.Plan(), *ran.outcome); }

TEST(Summary, SaysWhatTheOverlayAdded) {
  const std::string text = TextOf(Ran(TwoNodes(kThreePings)));
  EXPECT_EQ(
      text.rfind("kubectl exec pod-a -- ping -c 3 10.244.2.2\nPING 10.244.2.2 (10.244.2.2) 56(84) bytes of data.\n", 0),
      0u);
  EXPECT_NE(text.find("\n3 requests and 3 replies crossed the overlay: 98 bytes each from the pod, 148 on the wire "
                      "(+50: Ethernet 14, IPv4 20, UDP 8, VXLAN 8)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\ndelivered      3 of 3\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ndropped        nothing\n"), std::string::npos) << text;
}

/// The summary of two nodes whose pods ping each other over that flavour.
std::string TextOver(const std::string& cni) {
  std::string scenario = TwoNodes(kThreePings);
  constexpr std::string_view kFlannel = R"({"type": "flannel"})";
  scenario.replace(scenario.find(kFlannel), kFlannel.size(), cni);
  return TextOf(Ran(scenario));
}

// 84 bytes in WireGuard are padded to 96, with a tag of 16; in ESP to 86 with the trailer and then 88, with an ICV
// of 16.
TEST(Summary, TellsWhatEncryptionAdded) {
  const std::string wireguard = TextOver(R"({"type": "flannel", "backend": "wireguard"})");
  EXPECT_NE(wireguard.find(": 98 bytes each from the pod, 170 on the wire (+72: IPv4 20, UDP 8, WireGuard 16, padding "
                           "and tag 28)\n"),
            std::string::npos)
      << wireguard;
  const std::string esp = TextOver(R"({"type": "flannel", "backend": "ipsec"})");
  EXPECT_NE(esp.find(": 98 bytes each from the pod, 154 on the wire (+56: IPv4 20, ESP 16, trailer and ICV 20)\n"),
            std::string::npos)
      << esp;
  const std::string inUdp = TextOver(R"({"type": "flannel", "backend": "ipsec", "udpEncap": true})");
  EXPECT_NE(inUdp.find("162 on the wire (+64: IPv4 20, UDP 8, ESP 16, trailer and ICV 20)\n"), std::string::npos)
      << inUdp;
}

TEST(Summary, SaysNothingOfAnOverlayThatNobodyUsed) {
  const std::string text =
      TextOf(Ran(TwoNodes(R"("traffic": [{"type": "ping", "from": "node1", "to": "node2", "count": 1}])")));
  EXPECT_EQ(text.rfind("node1$ ping -c 1 172.16.2.12\n", 0), 0u) << text;
  EXPECT_EQ(text.find("crossed the overlay"), std::string::npos) << text;
}

TEST(Summary, TellsFragmentsAndOneSidedTraffic) {
  const std::string text = TextOf(Ran(
      TwoNodes(R"("traffic": [{"type": "udp", "from": "pod-a", "to": "pod-b", "packets": 2, "payload": "2000B"}])")));
  // 2028 bytes of IPv4 are two fragments in the pod's MTU of 1450, each of which is tunnelled.
  EXPECT_NE(text.find("4 packets crossed the overlay, each 50 bytes longer on the wire"), std::string::npos) << text;
  // Connection tracking puts them together on both nodes, and both cut them again: 2 packets in 3 places.
  EXPECT_NE(text.find("; 6 packets were cut into fragments on the way\n"), std::string::npos) << text;
}

TEST(Summary, CountsDropsByVerdict) {
  const std::string text =
      TextOf(Ran(TwoNodes(kThreePings + R"(, "underlay": {"allow": [{"to": "nodes", "icmp": true}]})")));
  EXPECT_NE(text.find("\ndelivered      0 of 3\ndropped        3 FilterDrop: "), std::string::npos) << text;
}

TEST(Summary, JsonHasTheSameFacts) {
  const Ran ran(TwoNodes(kThreePings));
  const auto json = nlohmann::json::parse(SummaryJson(ran.Plan(), *ran.outcome));
  EXPECT_EQ(json.at("delivered"), 3);
  EXPECT_EQ(json.at("overlay").at(0).at("wireBytes"), 148);
  EXPECT_EQ(json.at("outputs").at(0).at("command"), "kubectl exec pod-a -- ping -c 3 10.244.2.2");
  EXPECT_TRUE(json.at("dropped").empty());
}

TEST(Prompt, IsWhatAPersonWouldHaveTyped) {
  Workload w{.kind = WorkloadKind::Ping,
             .fromName = "shop/cart-1",
             .destination = *Ipv4Address::Parse("10.0.0.1"),
             .count = 5};
  EXPECT_EQ(PromptOf(w, true), "kubectl exec -n shop cart-1 -- ping -c 5 10.0.0.1");
  w.fromName = "node1";
  w.interval = Milliseconds(200);
  w.payload = 1400;
  w.df = true;
  EXPECT_EQ(PromptOf(w, false), "node1$ ping -c 5 -i 0.2 -s 1400 -M do 10.0.0.1");
}

}  // namespace
}  // namespace overlaysim
