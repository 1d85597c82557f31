#include "models/linux/antrea.h"

#include <gtest/gtest.h>

#include "models/wire/headers.h"

namespace overlaysim::kernel {
namespace {

Ipv4Address Ip(const char* text) { return *Ipv4Address::Parse(text); }
MacAddress Mac(uint64_t value) { return MacAddress::FromUint64(value); }

/// antrea-gw0 (3, 10.0.1.1) and the pods 10.0.1.5 behind 9 and 10.0.1.6 behind 10; 10.0.2.0/24 is at 172.16.0.2.
class TwoPods : public AntreaFlows {
 public:
  const Port& Gateway() const override { return gateway; }
  const std::vector<Port>& Pods() const override { return pods; }
  const Port* FindPod(Ipv4Address a) const override {
    return Find([&](const Port& p) { return p.address == a; });
  }
  const Port* FindPod(MacAddress m) const override {
    return Find([&](const Port& p) { return p.mac == m; });
  }
  const Port* PodBehind(int ifindex) const override {
    return Find([&](const Port& p) { return p.ifindex == ifindex; });
  }
  std::optional<Ipv4Address> FindNode(Ipv4Address a) const override {
    return Ipv4Prefix{Ip("10.0.2.0"), 24}.Contains(a) ? std::optional(Ip("172.16.0.2")) : std::nullopt;
  }
  bool IsPeerGateway(Ipv4Address a) const override { return a == Ip("10.0.2.1"); }

 private:
  template <typename Predicate>
  const Port* Find(Predicate&& is) const {
    for (const Port& port : pods)
      if (is(port)) return &port;
    return nullptr;
  }
  Port gateway{3, Mac(0x03), Ip("10.0.1.1")};
  std::vector<Port> pods = {{9, Mac(0x05), Ip("10.0.1.5")}, {10, Mac(0x06), Ip("10.0.1.6")}};
};

constexpr int kGateway = 3, kTunnel = 4, kPod = 9;

class Antrea : public testing::Test {
 protected:
  wire::FramePtr Packet(uint64_t fromMac, const char* from, uint64_t toMac, const char* to, uint8_t ttl = 64) {
    wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + 28);
    wire::Ethernet{frame->Data()}.Write(Mac(toMac), Mac(fromMac), wire::kEtherTypeIpv4);
    wire::WriteIpv4(frame->Data() + wire::kEthernetHeaderBytes,
                    {.totalBytes = 28, .ttl = ttl, .protocol = 17, .source = Ip(from), .destination = Ip(to)});
    return frame;
  }
  ProgramResult At(int ifindex, wire::Frame& frame) {
    return programs.Run(ProgramHook::Ingress, Link{.ifindex = ifindex}, frame);
  }
  uint8_t Ttl(wire::Frame& frame) { return wire::Ipv4{frame.Data() + wire::kEthernetHeaderBytes}.Ttl(); }
  AntreaPrograms programs{std::make_shared<TwoPods>(), kTunnel};
};

TEST_F(Antrea, SendsToAnotherNodeBetweenGatewayAndVirtualMac) {
  auto frame = Packet(0x05, "10.0.1.5", 0x03, "10.0.2.7");
  const ProgramResult result = At(kPod, *frame);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].ifindex, kTunnel);
  EXPECT_EQ(result.outputs[0].tunnel.remote, Ip("172.16.0.2"));
  EXPECT_EQ(result.outputs[0].tunnel.id, 0u);
  EXPECT_TRUE(result.outputs[0].tunnel.dontFragment);
  EXPECT_EQ(wire::Ethernet{frame->Data()}.Destination(), Mac(0xaabbccddeeff));
  EXPECT_EQ(wire::Ethernet{frame->Data()}.Source(), Mac(0x03));
  EXPECT_EQ(Ttl(*frame), 63);
}

TEST_F(Antrea, CountsNoHopForWhatTheHostHasRouted) {
  auto frame = Packet(0x03, "10.0.1.1", 0xaabbccddeeff, "10.0.2.7");
  EXPECT_EQ(At(kGateway, *frame).outputs.at(0).ifindex, kTunnel);
  EXPECT_EQ(Ttl(*frame), 64);
}

TEST_F(Antrea, DeliversOutOfTheTunnelToPodAndGateway) {
  auto toPod = Packet(0x77, "10.0.2.7", 0xaabbccddeeff, "10.0.1.5");
  const ProgramResult pod = At(kTunnel, *toPod);
  EXPECT_EQ(pod.outputs.at(0).ifindex, kPod);
  EXPECT_EQ(wire::Ethernet{toPod->Data()}.Destination(), Mac(0x05));
  EXPECT_EQ(wire::Ethernet{toPod->Data()}.Source(), Mac(0x03));
  EXPECT_EQ(Ttl(*toPod), 63);
  auto toGateway = Packet(0x77, "10.0.2.7", 0xaabbccddeeff, "10.0.1.1");
  const ProgramResult gateway = At(kTunnel, *toGateway);
  EXPECT_EQ(gateway.outputs.at(0).ifindex, kGateway);
  EXPECT_TRUE(gateway.outputs.at(0).isReceived);
  EXPECT_EQ(wire::Ethernet{toGateway->Data()}.Destination(), Mac(0x03));
}

TEST_F(Antrea, SwitchesBetweenPodsOfOneNodeByMac) {
  auto frame = Packet(0x05, "10.0.1.5", 0x06, "10.0.1.6");
  EXPECT_EQ(At(kPod, *frame).outputs.at(0).ifindex, 10);
  EXPECT_EQ(Ttl(*frame), 64);
}

TEST_F(Antrea, FloodsArpButNotIntoTheTunnelAndAnswersForPeerGateways) {
  wire::FramePtr frame = wire::MakeFrame(wire::kEthernetHeaderBytes + wire::kArpBytes);
  const wire::Ethernet ethernet{frame->Data()};
  const wire::Arp arp{frame->Data() + wire::kEthernetHeaderBytes};
  ethernet.Write(Mac(0xffffffffffff), Mac(0x05), wire::kEtherTypeArp);
  arp.Write(wire::kArpRequest, Mac(0x05), Ip("10.0.1.5"), {}, Ip("10.0.1.1"));
  const ProgramResult flood = At(kPod, *frame);
  ASSERT_EQ(flood.outputs.size(), 2u);
  EXPECT_EQ(flood.outputs[0].ifindex, kGateway);
  EXPECT_TRUE(flood.outputs[0].isReceived);
  EXPECT_EQ(flood.outputs[1].ifindex, 10);
  arp.Write(wire::kArpRequest, Mac(0x05), Ip("10.0.1.5"), {}, Ip("10.0.2.1"));
  EXPECT_EQ(At(kPod, *frame).outputs.at(0).ifindex, kPod);
  EXPECT_EQ(arp.SenderMac(), Mac(0xaabbccddeeff));
}

TEST_F(Antrea, DropsSpoofedUnknownAndExpired) {
  const auto drop = [&](int port, wire::FramePtr frame) { return At(port, *frame).why; };
  EXPECT_EQ(drop(kPod, Packet(0x05, "10.0.1.6", 0x03, "10.0.2.7")), ProgramDrop::OvsSpoofed);
  EXPECT_EQ(drop(kPod, Packet(0x06, "10.0.1.5", 0x03, "10.0.2.7")), ProgramDrop::OvsSpoofed);
  EXPECT_EQ(drop(kPod, Packet(0x05, "10.0.1.5", 0x99, "10.0.1.9")), ProgramDrop::OvsNoFlow);
  EXPECT_EQ(drop(kTunnel, Packet(0x77, "10.0.2.7", 0xaabbccddeeff, "10.0.1.99")), ProgramDrop::OvsNoFlow);
  EXPECT_EQ(drop(kPod, Packet(0x05, "10.0.1.5", 0x03, "10.0.2.7", 1)), ProgramDrop::OvsTtlExpired);
}

}  // namespace
}  // namespace overlaysim::kernel
